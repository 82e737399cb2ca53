"""Questions of consumers: what is understood, what is refused, and that nothing else can happen."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_flow.core import openapi, published_documents, publishing
from integration_flow.core.openapi import Value
from integration_flow.core.publishing import Cursor, Query, Refusal, Spec

SPEC = Spec(("warehouse", "price.currency"), ("sku", "stock", "stock.free"), 100, 500, 3)
NAMES = st.sampled_from([*publishing.RESERVED, *SPEC.filters, "other"])


def parse(*pairs):
    return publishing.parse_query(list(pairs), SPEC)


def test_a_question():
    assert parse() == Query(limit=100)
    assert parse(("limit", "500"), ("warehouse", "B"), ("warehouse", "A"), ("warehouse", "A"), ("since", "3-0"),
                 ("after", "é"), ("fields", "sku,stock.free,sku"), ("key", "k")) == Query(
        filters=(("warehouse", ("A", "B")),), keys=("k",), since=Cursor(3, 0), after="é", limit=500,
        fields=("sku", "stock.free"))


@pytest.mark.parametrize(("pair", "code"), [
    (("limit", "0"), "bad_limit"), (("limit", "501"), "bad_limit"), (("limit", "1.0"), "bad_limit"),
    (("limit", "١"), "bad_limit"), (("since", "1"), "bad_cursor"), (("cursor", "1-x"), "bad_cursor"),
    (("since", "1-2\n"), "bad_cursor"), (("fields", "free"), "unknown_field"), (("after", ""), "bad_after"),
    (("warehouse", ""), "bad_value"), (("warehouse", "a\x00"), "bad_value"), (("warehouse", "a" * 513), "bad_value"),
    (("stock", "1"), "unknown_parameter")])
def test_wrong_questions(pair, code):
    with pytest.raises(Refusal) as caught:
        parse(pair)
    assert (caught.value.status, caught.value.code) == (400, code)
    assert json.loads(caught.value.body())["code"] == code


@given(st.lists(st.tuples(NAMES, st.text(max_size=20) | st.from_regex(publishing.CURSOR)), max_size=4))
def test_any_question_is_read_or_refused(pairs):
    try:
        query = publishing.parse_query(pairs, SPEC)
    except Refusal as refusal:
        assert refusal.status == 400
        return
    assert 1 <= query.limit <= SPEC.max_page
    assert {name for name, _values in query.filters} <= set(SPEC.filters)
    assert query.identity() == publishing.parse_query(list(reversed(pairs)), SPEC).identity()


@given(st.binary(max_size=60) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False), lambda inner:
    st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["keys", "ids", "warehouse", "fields", "x"]), inner),
    max_leaves=8).map(lambda value: json.dumps(value).encode()))
def test_any_body_is_read_or_refused(raw):
    try:
        name, values, fields = publishing.parse_lookup(raw, SPEC)
    except Refusal as refusal:
        assert refusal.status == 400
        return
    assert name in ("key", "id", *SPEC.filters)
    assert 0 < len(values) <= SPEC.max_lookup
    assert set(fields) <= set(SPEC.fields)


def test_lookups():
    assert publishing.parse_lookup(b'{"ids": [1, 2.0, 1]}', SPEC) == ("id", (1, 2), ())
    assert publishing.parse_lookup(b'{"warehouse": ["A"], "fields": ["sku"]}', SPEC) == ("warehouse", ("A",), ("sku",))
    for raw in (b'{"keys": ["a", "b", "c", "d"]}', b'{"ids": [2147483648]}', b'{"ids": [1e999]}', b'{"keys": ["\\ud800"]}',
                b'{"keys": ["a"], "ids": [1]}', b"[" * 100_000):
        with pytest.raises(Refusal):
            publishing.parse_lookup(raw, SPEC)


@pytest.mark.parametrize(("header", "expected"), [
    ("", False), ("gzip", True), ("GZIP ; q=1", True), ("gzip;q=0.0", False), ("*;q=0.1", True), ("gzip;q=0, *", False),
    ("br, deflate", False), ("gzip;q=x", False)])
def test_accept_encoding(header, expected):
    assert publishing.accepts_gzip(header) is expected


def test_entity_tags():
    tag = publishing.etag(1, "x")
    assert tag != publishing.etag(1, "y")
    assert publishing.matches_etag(f'"a",{tag}', tag)
    assert publishing.matches_etag(tag.removeprefix("W/"), tag)
    assert not publishing.matches_etag(None, tag)
    assert not publishing.matches_etag('"a"', tag)


@given(st.dictionaries(st.sampled_from("abc"), st.integers() | st.dictionaries(st.sampled_from("de"), st.integers())),
       st.lists(st.sampled_from(["a", "b", "c", "a.d", "a.e", "b.d"]), unique=True))
def test_chosen_fields_are_a_part(document, names):
    chosen = published_documents.select(document, tuple(names))
    assert set(chosen) <= {name.split(".")[0] for name in names}
    for name, value in chosen.items():
        if isinstance(value, dict) and isinstance(document[name], dict):
            assert value.items() <= document[name].items()
        else:
            assert value == document[name]
    assert published_documents.select(document, tuple(document)) == document


def test_openapi_of_nested_values():
    document = openapi.build(title="T", description="D", spec=SPEC, filters={"warehouse": {"type": "string"}}, values=[
        Value("sku", {"type": "string"}), Value("price.amount", {"type": "number"}, True),
        Value("price.currency", {"type": "string"}, False, "Code"), Value("sizes[0].x", {"type": "number"})])
    properties = document["components"]["schemas"]["Document"]["properties"]
    assert properties["price"] == {
        "type": "object", "required": ["currency"],
        "properties": {"amount": {"type": "number"}, "currency": {"type": "string", "description": "Code"}}}
    assert properties["sizes"] == {}
    assert "required" not in document["components"]["schemas"]["Chosen"]["properties"]["price"]
    assert set(document["paths"]) == {"/items", "/items/{key}", "/lookup"}
