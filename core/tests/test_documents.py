import json
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_flow.core.documents import dump_json, parse_json
from integration_flow.core.errors import SyncError

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=10),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=5), below, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_round_trip(value):
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # lone surrogates in keys
        return
    assert parse_json(dump_json(value).encode()) == value


@given(st.binary(max_size=200))
def test_bytes_give_a_value_or_a_sync_error(raw):
    try:
        parse_json(raw)
    except SyncError as error:
        assert error.error_class == "validation"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "empty_body"),
        (b"  \n", "empty_body"),
        (b"\xef\xbb\xbf", "empty_body"),
        (b"{", "malformed_json"),
        (b'{"a":1,}', "malformed_json"),
        (b"{'a':1}", "malformed_json"),
        (b"[1] [2]", "malformed_json"),
        (b"<html>", "malformed_json"),
        (b'"\xff"', "malformed_json"),
        (b"NaN", "malformed_json"),
        (b'{"a": -Infinity}', "malformed_json"),
        (b"[1e999]", "malformed_json"),
        (b"[-1e400]", "malformed_json"),
        (b"1" * 5000, "malformed_json"),
        (b'{"a":\x01}', "malformed_json"),
        (b'"a\nb"', "malformed_json"),
        (b"[" * 100_000, "too_deep"),
        (b"[" * 65 + b"]" * 65, "too_deep"),
        (b'{"a":' * 70 + b"1" + b"}" * 70, "too_deep"),
        (b"[" * 70 + b'"]]]]"' + b"]" * 70, "too_deep"),
        (b" " * 11 * 1024 * 1024, "body_too_large"),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value[:16]),
)
def test_bad_bodies(raw, code):
    with pytest.raises(SyncError) as caught:
        parse_json(raw)
    assert (caught.value.error_class, caught.value.code) == ("validation", code)


def test_the_place_of_the_mistake():
    with pytest.raises(SyncError) as caught:
        parse_json(b'{\n  "name": "Ada",\n  "age": NaN\n}')
    assert caught.value.params["line"] == 3
    assert caught.value.params["column"] == 10
    assert "NaN" in caught.value.params["near"]


def test_nan_in_a_text_is_text():
    assert parse_json(b'["NaN", "1e999"]') == ["NaN", "1e999"]


def test_depth_is_exact():
    assert parse_json(b"[" * 64 + b"]" * 64, max_depth=64)
    assert parse_json(b"[" * 200 + b"]" * 200, max_depth=200)
    wide = b"[" + b"[]," * 1000 + b"[]]"
    assert len(parse_json(wide, max_depth=2)) == 1001
    with pytest.raises(SyncError):
        parse_json(wide, max_depth=1)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_encodings_of_rfc_4627(encoding):
    assert parse_json('{"name": "Zoë"}'.encode(encoding)) == {"name": "Zoë"}


def test_lone_surrogates_become_storable():
    value = parse_json(b'{"a": "x\\ud800y", "b": "\\ud83d\\ude00", "c": "\\\\ud800"}')
    assert value == {"a": "x\ufffdy", "b": "😀", "c": "\\ud800"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("10.00"), "10"),
        (Decimal("68.6137"), "68.6137"),
        (date(2026, 1, 31), '"2026-01-31"'),
        (datetime(2026, 1, 31, 9), '"2026-01-31T09:00:00Z"'),
        (datetime(2026, 1, 31, 10, tzinfo=timezone(timedelta(hours=1))), '"2026-01-31T09:00:00Z"'),
        (time(9, 30), '"09:30:00"'),
        ({"b": 1, "a": "é"}, '{"b":1,"a":"é"}'),
        ((1, 2), "[1,2]"),
        (None, "null"),
    ],
    ids=str,
)
def test_dump(value, text):
    assert dump_json(value) == text


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        Decimal("NaN"),
        Decimal("Infinity"),
        Decimal("1e999999"),
        {1, 2},
        b"x",
        object(),
        {(1, 2): 3},
        {"a": [float("-inf")]},
    ],
    ids=lambda value: repr(value)[:30],
)
def test_dump_refuses(value):
    with pytest.raises(SyncError) as caught:
        dump_json(value)
    assert caught.value.code == "not_json_value"


def test_dump_refuses_endless_nesting():
    endless = []
    endless.append(endless)
    with pytest.raises(SyncError) as caught:
        dump_json(endless)
    assert caught.value.code == "too_deep"
