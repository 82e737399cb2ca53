import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_flow.core.errors import SyncError
from integration_flow.core.xml_documents import check_schema, compile_schema, dump_xml, parse_element, parse_xml

XSD = """<?xml version="1.0"?>
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
  <xs:element name="order"><xs:complexType><xs:sequence>
    <xs:element name="qty" type="xs:positiveInteger"/>
  </xs:sequence></xs:complexType></xs:element>
</xs:schema>"""

# What XML can hold and gives back: text without control characters, not blank around elements.
TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=12)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,8}", fullmatch=True)
ELEMENTS = st.recursive(
    st.none() | TEXTS,
    lambda below: st.dictionaries(NAMES, below | st.lists(below, min_size=2, max_size=3), min_size=1, max_size=4),
    max_leaves=15)


@given(NAMES, ELEMENTS)
def test_round_trip(name, value):
    assert parse_xml(dump_xml({name: value})) == {name: value}


@given(NAMES, TEXTS, TEXTS)
def test_attributes_and_text(name, value, text):
    record = {"order": {f"@{name}": value, "#text": text}}
    assert parse_xml(dump_xml(record)) == record


def test_one_line_is_a_list_where_it_is_said_so():
    one = b"<order><line><sku>A</sku></line></order>"
    assert parse_xml(one)["order"]["line"] == {"sku": "A"}
    assert parse_xml(one, lists=["line"])["order"]["line"] == [{"sku": "A"}]


def test_namespaces_are_read_away_and_written():
    envelope = {"soap:Envelope": {"soap:Body": {"m:GetOrder": {"m:Id": 7}}}}
    spaces = {"soap": "http://schemas.xmlsoap.org/soap/envelope/", "m": "urn:orders"}
    raw = dump_xml(envelope, namespaces=spaces)
    root = parse_element(raw)
    assert root.tag == "{http://schemas.xmlsoap.org/soap/envelope/}Envelope"
    assert root.find(".//{urn:orders}Id").text == "7"
    assert parse_xml(raw) == {"Envelope": {"Body": {"GetOrder": {"Id": "7"}}}}


def test_default_namespace_and_nil():
    raw = dump_xml({"name": None, "qty": 2}, root="order", namespaces={"": "urn:o"})
    assert parse_element(raw).tag == "{urn:o}order"
    nil = b'<a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><b xsi:nil="true"/><c/></a>'
    assert parse_xml(nil) == {"a": {"b": None, "c": None}}


@pytest.mark.parametrize(("raw", "code"), [
    (b"<a><b></a>", "malformed_xml"),
    (b"{}", "malformed_xml"),
    (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "xml_doctype"),
    (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "xml_doctype"),
    (b'<!DOCTYPE a [<!ENTITY x "aaaaaaaaaa"><!ENTITY y "&x;&x;&x;&x;&x;&x;&x;&x;&x;&x;">]><a>&y;</a>', "xml_doctype"),
    (b"<a>" * 100 + b"</a>" * 100, "too_deep"),
    (b"<a>" * 5000 + b"</a>" * 5000, "malformed_xml"),
], ids=["unclosed", "json", "external DTD", "external entity", "billion laughs", "deep", "deeper than lxml goes"])
def test_hostile_documents(raw, code):
    with pytest.raises(SyncError) as caught:
        parse_xml(raw)
    assert caught.value.code == code


@pytest.mark.parametrize(("value", "options", "code"), [
    ([1], {}, "xml_no_root"),
    ({"a": 1, "b": 2}, {}, "xml_no_root"),
    ({"a b": 1}, {}, "bad_xml_name"),
    ({"a": {"<x>": 1}}, {}, "bad_xml_name"),
    ({"a": {"x:y": 1}}, {}, "unknown_xml_prefix"),
    ({"a": {"@x": [1]}}, {}, "not_json_value"),
], ids=["list", "two roots", "space", "tag", "prefix", "list in an attribute"])
def test_what_cannot_be_written(value, options, code):
    with pytest.raises(SyncError) as caught:
        dump_xml(value, **options)
    assert caught.value.code == code


def test_control_characters_are_left_out():
    assert parse_xml(dump_xml({"a": "x\x00\x08y\ud800"})) == {"a": "xy\ufffd"}


def test_schema():
    check_schema(parse_element(b"<order><qty>1</qty></order>"), XSD)
    for call in (
        lambda: dump_xml({"order": {"qty": -1}}, schema=XSD),
        lambda: parse_xml(b"<order>\n<qty>many</qty></order>", schema=XSD),
    ):
        with pytest.raises(SyncError) as caught:
            call()
        assert (caught.value.error_class, caught.value.code) == ("schema", "xml_schema")
        assert "qty" in caught.value.params["reason"]
    with pytest.raises(SyncError) as caught:
        compile_schema(
            XSD.replace("</xs:schema>", '<xs:include schemaLocation="http://127.0.0.1:1/other.xsd"/></xs:schema>'))
    assert caught.value.code == "bad_xml_schema"
