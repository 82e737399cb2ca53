from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_flow.core.errors import SyncError
from integration_flow.core.transforms import KINDS, TransformContext, to_external, to_odoo

BRUSSELS = TransformContext(tz="Europe/Brussels", field_label="Field")
RECORD = TransformContext(
    field_label="Name",
    record={
        "first_name": "Ada",
        "last_name": " Lovelace ",
        "middle": None,
        "tags": ["a", None, "b"],
        "n": 5.0,
        "ok": True,
        "address": {"street": "Rue Neuve 1", "street2": ""},
        "lines": [{"sku": "A", "qty": 1}, {"sku": "B", "qty": 2}],
    },
)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("constant", "template")])
@pytest.mark.parametrize("blank", [None, "", "  ", [], {}], ids=repr)
@pytest.mark.parametrize("way", [to_odoo, to_external], ids=["to_odoo", "to_external"])
def test_blank_passes_as_none_or_default(way, kind, blank):
    options = {"map": {"a": "b"}}
    assert way(kind, blank, options) is None
    assert way(kind, blank, {**options, "default": "d"}) == "d"


@pytest.mark.parametrize(
    ("kind", "value", "options", "odoo"),
    [
        ("none", {"a": 1}, {}, {"a": 1}),
        ("none", 0, {"default": 5}, 0),
        ("text", "  a b ", {}, "a b"),
        ("text", "  a ", {"strip": False}, "  a "),
        ("text", "élan", {"case": "upper"}, "ÉLAN"),
        ("text", "ADA LOVELACE", {"case": "title"}, "Ada Lovelace"),
        ("text", "abc def", {"max_length": 4}, "abc"),
        ("text", "abc", {"max_length": False}, "abc"),
        ("text", 5, {}, "5"),
        ("text", 5.0, {}, "5"),
        ("text", True, {}, "true"),
        ("text", Decimal("12.50"), {}, "12.5"),
        ("text", 1e22, {}, "1" + "0" * 22),
        ("text", "a\x00b\ud800", {}, "ab\ufffd"),
        ("text", "<p>Fish &amp; chips</p><p>x</p>", {"html": "strip"}, "Fish & chips\nx"),
        ("text", "<script>alert(1)</script>ok<!-- no -->", {"html": "strip"}, "ok"),
        ("text", "a < b", {"html": "strip"}, "a < b"),
        ("text", "<b>", {"html": "escape"}, "&lt;b&gt;"),
        ("text", "<br/>", {"html": "strip", "default": "none"}, "none"),
        ("number", "12.50", {}, 12.5),
        ("number", 1999, {"factor": 0.01}, 19.99),
        ("number", 3, {"factor": "0.1"}, 0.3),
        ("number", "1.234,50", {"decimal_separator": ",", "thousands_separator": "."}, 1234.5),
        ("number", "1 234,50", {"decimal_separator": ",", "thousands_separator": " "}, 1234.5),
        ("number", "1,234,567", {"thousands_separator": ","}, 1234567),
        ("number", "12,34,567.5", {"thousands_separator": ","}, 1234567.5),
        ("number", "12.50-", {}, -12.5),
        ("number", "−3", {}, -3),
        ("number", "+3", {}, 3),
        ("number", 68.6137, {"digits": 2}, 68.61),
        ("number", 2.675, {"digits": 2}, 2.68),
        ("number", -2.675, {"digits": 2}, -2.68),
        ("number", 2.665, {"digits": 2}, 2.67),
        ("number", 0.125, {"digits": 2}, 0.13),
        ("number", 0, {"default": 5}, 0),
        ("number", "1e3", {}, 1000),
        ("boolean", "Yes", {}, True),
        ("boolean", 0, {}, False),
        ("boolean", False, {"default": True}, False),
        ("boolean", "paid", {"true_values": "paid, done", "false_values": ["open"]}, True),
        ("boolean", "OPEN", {"true_values": ["paid"], "false_values": ["open"]}, False),
        ("boolean", "whatever", {"true_values": ["paid"]}, False),
        ("boolean", "whatever", {"false_values": ["open"]}, True),
        ("boolean", True, {"true_values": ["paid"], "false_values": ["open"]}, True),
        ("constant", "x", {"value": 7}, 7),
        ("constant", None, {"value": 7}, 7),
        ("constant", None, {"default": 3}, 3),
        ("split", "Ada Lovelace", {"index": 1}, "Lovelace"),
        ("split", "Jan van den Berg", {"index": 1, "limit": 1}, "van den Berg"),
        ("split", "a; b;c", {"separator": ";", "index": -1}, "c"),
        ("split", "one", {"index": 1}, None),
        ("split", "one", {"index": 1, "default": "two"}, "two"),
        ("split", "one", {"index": -2}, None),
        ("join", ["a", None, " b ", ""], {}, "a, b"),
        ("join", [1, 2.0], {"separator": "|"}, "1|2"),
        ("join", "a", {}, "a"),
        ("join", [None], {}, None),
        ("value_map", "DE", {"map": {"DE": 57}}, 57),
        ("value_map", " DE ", {"map": {"DE": 57}}, 57),
        ("value_map", 5, {"map": {"5": "five"}}, "five"),
        ("value_map", 5.0, {"map": {"5": "five"}}, "five"),
        ("value_map", True, {"map": {"true": "yes", 1: "one"}}, "yes"),
        ("value_map", ["a", "b"], {"map": {"a": 1, "b": 2}}, [1, 2]),
        ("value_map", "a", {"map": {"a": False}}, False),
        ("value_map", "a", {"map": {"a": None}, "default": 9}, 9),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_to_odoo(kind, value, options, odoo):
    result = to_odoo(kind, value, options)
    assert result == odoo and type(result) is type(odoo)


@pytest.mark.parametrize(
    ("kind", "value", "options", "external"),
    [
        ("number", 19.99, {"factor": 0.01}, 1999),
        ("number", 0.1 + 0.2, {"digits": 2}, 0.3),
        ("number", 12.5, {"as_text": True, "digits": 2}, "12.50"),
        ("number", 1234.5, {"decimal_separator": ",", "thousands_separator": ".", "digits": 2}, "1.234,50"),
        ("number", 1234.5, {"decimal_separator": ","}, "1234,5"),
        ("number", 20.0, {}, 20),
        ("number", 0, {}, 0),
        ("boolean", True, {"true_values": ["Y"], "false_values": ["N"]}, "Y"),
        ("boolean", False, {"true_values": [1], "false_values": [0]}, 0),
        ("boolean", True, {}, True),
        ("value_map", 57, {"map": {"DE": 57, "D": 57}}, "DE"),
        ("value_map", 57, {"map": {"DE": 57, "D": 57}, "inverse": {57: "D"}}, "D"),
        ("value_map", 57, {"map": {"DE": 57}, "inverse": {"57": "D"}}, "D"),
        ("value_map", "5", {"map": {"five": 5}}, "five"),
        ("value_map", True, {"map": {"one": 1, "yes": True}}, "yes"),
        ("value_map", [1, 2], {"map": {"a": 1, "b": 2}}, ["a", "b"]),
        ("join", "a, b,,c", {}, ["a", "b", "c"]),
        ("split", "Ada Lovelace", {"index": 0}, "Ada Lovelace"),
        ("text", "  x ", {"case": "upper"}, "X"),
        ("constant", "x", {"value": "shop"}, "shop"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_to_external(kind, value, options, external):
    result = to_external(kind, value, options)
    assert result == external and type(result) is type(external)


@pytest.mark.parametrize(
    ("kind", "value", "options", "code"),
    [
        ("number", "abc", {}, "wrong_type"),
        ("number", "1,5", {}, "wrong_type"),
        ("number", "nan", {}, "wrong_type"),
        ("number", float("nan"), {}, "wrong_type"),
        ("number", float("inf"), {}, "wrong_type"),
        ("number", True, {}, "wrong_type"),
        ("number", "1_000", {}, "wrong_type"),
        ("number", "1e999999999", {}, "wrong_type"),
        ("number", "٣", {}, "wrong_type"),
        ("number", {"a": 1}, {}, "wrong_type"),
        ("number", [1], {}, "wrong_type"),
        ("number", "1,5", {"thousands_separator": ","}, "wrong_type"),
        ("number", "9" * 100, {}, "wrong_type"),
        ("number", "1.2.3", {"decimal_separator": ","}, "wrong_type"),
        ("number", "--5", {}, "wrong_type"),
        ("number", "0x10", {}, "wrong_type"),
        ("number", "12 EUR", {}, "wrong_type"),
        ("number", 5, {"factor": 0}, "bad_option"),
        ("number", "5", {"decimal_separator": 5}, "bad_option"),
        ("text", "a", {"case": ["upper"]}, "bad_option"),
        ("number", 5, {"factor": "x"}, "bad_option"),
        ("number", 5, {"digits": 99}, "bad_option"),
        ("number", 5, {"digits": "x"}, "bad_option"),
        ("number", "5", {"decimal_separator": ",", "thousands_separator": ","}, "bad_option"),
        ("text", {"a": 1}, {}, "wrong_type"),
        ("text", [1], {}, "wrong_type"),
        ("text", float("nan"), {}, "wrong_type"),
        ("text", "a", {"case": "shout"}, "bad_option"),
        ("text", "a", {"html": "boil"}, "bad_option"),
        ("text", "a", {"max_length": "x"}, "bad_option"),
        ("boolean", "maybe", {}, "wrong_type"),
        ("boolean", 2, {}, "wrong_type"),
        ("boolean", {"a": 1}, {}, "wrong_type"),
        ("boolean", "x", {"true_values": ["a"], "false_values": ["b"]}, "wrong_type"),
        ("split", {"a": 1}, {}, "wrong_type"),
        ("join", [{"a": 1}], {}, "wrong_type"),
        ("split", "a", {"separator": 5}, "bad_option"),
        ("value_map", "XX", {"map": {"a": 1}}, "unmapped_value"),
        ("value_map", "a", {}, "unmapped_value"),
        ("value_map", "A", {"map": {"a": 1}}, "unmapped_value"),
        ("value_map", {"a": 1}, {"map": {"a": 1}}, "wrong_type"),
        ("value_map", ["a", "z"], {"map": {"a": 1}}, "unmapped_value"),
        ("value_map", "a", {"map": ["a"]}, "bad_option"),
        ("date", "soon", {}, "wrong_type"),
        ("date", "2026-02-30", {}, "wrong_type"),
        ("date", 20260131, {}, "wrong_type"),
        ("date", True, {}, "wrong_type"),
        ("datetime", "1769850000", {}, "wrong_type"),
        ("datetime", "2026-01-31T25:00", {}, "wrong_type"),
        ("datetime", "2026-01-31", {"format": "%d/%m/%Y"}, "wrong_type"),
        ("datetime", "x", {"format": "epoch"}, "wrong_type"),
        ("datetime", 1e30, {"format": "epoch"}, "wrong_type"),
        ("datetime", "0001-01-01T00:00:00+14:00", {}, "wrong_type"),
        ("datetime", "2026-01-31 10:00", {"timezone": "Mars/Base"}, "unknown_timezone"),
        ("datetime", "2026-01-31 10:00", {"timezone": "../etc/passwd"}, "unknown_timezone"),
        ("nope", "x", {}, "unknown_transform"),
        ("", "x", {}, "unknown_transform"),
        ("__class__", "x", {}, "unknown_transform"),
        (None, "x", {}, "unknown_transform"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_bad_input(kind, value, options, code):
    with pytest.raises(SyncError) as caught:
        to_odoo(kind, value, options, TransformContext(field_label="Price"))
    assert caught.value.code == code
    assert caught.value.error_class == ("unmapped" if code == "unmapped_value" else "mapping")
    if code == "wrong_type":
        assert caught.value.params["field"] == "Price"
        assert len(caught.value.params["value"]) <= 80


def test_unmapped_says_value_and_map():
    with pytest.raises(SyncError) as caught:
        to_odoo("value_map", " XX ", {"map": {}, "map_name": "Countries"})
    assert caught.value.params == {"value": "XX", "map": "Countries"}
    with pytest.raises(SyncError) as caught:
        to_external("value_map", 99, {"map": {"a": 1}})
    assert caught.value.code == "unmapped_value"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{first_name} {last_name}", "Ada Lovelace"),
        ("{first_name} {middle} {last_name}", "Ada Lovelace"),
        ("{address.street}, {address.street2}", "Rue Neuve 1,"),
        ("{tags}", "a, b"),
        ("{lines[0].sku}", "A"),
        ("{lines[].sku}", "A, B"),
        ("{n} {ok}", "5 true"),
        ("{missing.deep}", None),
        ("{{{first_name}}}", "{Ada}"),
        ("plain", "plain"),
        ("", None),
        ("{join('/', lines[].sku)}", "A/B"),
        ("{lines[?sku=='B'].qty | [0]}", "2"),
        ("{ {x: first_name}.x }", "Ada"),
        ("{ first_name }", "Ada"),
    ],
)
def test_template(template, text):
    assert to_odoo("template", "ignored", {"template": template}, RECORD) == text


@pytest.mark.parametrize(
    ("template", "code"),
    [
        ("{", "bad_template"),
        ("}", "bad_template"),
        ("{}", "bad_template"),
        ("{ }", "bad_template"),
        ("{a", "bad_template"),
        ("{a['}", "bad_template"),
        ("{a[}", "bad_path"),
        ("{address}", "wrong_type"),
        ("{lines}", "wrong_type"),
        (7, "bad_option"),
    ],
    ids=repr,
)
def test_bad_templates(template, code):
    with pytest.raises(SyncError) as caught:
        to_odoo("template", None, {"template": template}, RECORD)
    assert caught.value.code == code


def test_template_of_the_value_where_there_is_no_record():
    assert to_odoo("template", {"a": 1}, {"template": "#{a}"}) == "#1"
    assert to_odoo("template", None, {"template": "#{a}", "default": "x"}) == "#"


@pytest.mark.parametrize(
    ("value", "options", "odoo"),
    [
        ("2026-01-31T10:00:00Z", {}, datetime(2026, 1, 31, 10)),
        ("2026-01-31T10:00:00.2345678Z", {}, datetime(2026, 1, 31, 10)),
        ("2026-01-31T10:00:00+0530", {}, datetime(2026, 1, 31, 4, 30)),
        ("2026-01-31 10:00:00 UTC", {}, datetime(2026, 1, 31, 10)),
        ("2026-01-31T10:00:00", {}, datetime(2026, 1, 31, 9)),
        ("2026-01-31T10:00:00", {"timezone": "America/New_York"}, datetime(2026, 1, 31, 15)),
        ("2026-01-31T10:00:00Z", {"timezone": "America/New_York"}, datetime(2026, 1, 31, 10)),
        ("2026-01-31", {}, datetime(2026, 1, 30, 23)),
        ("20260131", {}, datetime(2026, 1, 30, 23)),
        ("2026-07-01T10:00:00", {}, datetime(2026, 7, 1, 8)),
        ("2026-03-29T02:30:00", {}, datetime(2026, 3, 29, 1, 30)),  # the hour that summer time skips
        ("2026-10-25T02:30:00", {}, datetime(2026, 10, 25, 0, 30)),  # the hour that comes twice: the first
        (1769853600, {"format": "epoch"}, datetime(2026, 1, 31, 10)),
        ("1769853600", {"format": "epoch"}, datetime(2026, 1, 31, 10)),
        (1769853600999, {"format": "epoch_ms"}, datetime(2026, 1, 31, 10)),
        (-1, {"format": "epoch"}, datetime(1969, 12, 31, 23, 59, 59)),
        ("31/01/2026 10:00", {"format": "%d/%m/%Y %H:%M"}, datetime(2026, 1, 31, 9)),
        ("31/01/2026 10:00 +0000", {"format": "%d/%m/%Y %H:%M %z"}, datetime(2026, 1, 31, 10)),
        ("31/01/2026", {"format": "%d/%m/%Y"}, datetime(2026, 1, 30, 23)),
        ("0000-00-00 00:00:00", {}, None),
        (datetime(2026, 1, 31, 10), {"timezone": "UTC"}, datetime(2026, 1, 31, 10)),
        (date(2026, 1, 31), {"timezone": "UTC"}, datetime(2026, 1, 31)),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_datetime_to_odoo(value, options, odoo):
    assert to_odoo("datetime", value, options, BRUSSELS) == odoo


@pytest.mark.parametrize(
    ("value", "options", "odoo"),
    [
        ("2026-01-31", {}, date(2026, 1, 31)),
        ("2026-01-31T23:30:00Z", {}, date(2026, 2, 1)),
        ("2026-01-31T23:30:00Z", {"timezone": "UTC"}, date(2026, 1, 31)),
        ("2026-01-31T23:30:00", {}, date(2026, 1, 31)),
        ("31.01.2026", {"format": "%d.%m.%Y"}, date(2026, 1, 31)),
        (1769902200, {"format": "epoch"}, date(2026, 2, 1)),
        ("0000-00-00", {}, None),
        ("2026-01-31", {"format": "ISO"}, date(2026, 1, 31)),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_date_to_odoo(value, options, odoo):
    assert to_odoo("date", value, options, BRUSSELS) == odoo


@pytest.mark.parametrize(
    ("kind", "value", "options", "external"),
    [
        ("datetime", datetime(2026, 1, 31, 9), {}, "2026-01-31T09:00:00Z"),
        ("datetime", "2026-01-31 09:00:00", {}, "2026-01-31T09:00:00Z"),
        ("datetime", datetime(2026, 1, 31, 9), {"timezone": "America/New_York"}, "2026-01-31T04:00:00"),
        ("datetime", datetime(2026, 1, 31, 9), {"format": "%d/%m/%Y %H:%M"}, "31/01/2026 10:00"),
        ("datetime", datetime(2026, 1, 31, 10), {"format": "epoch"}, 1769853600),
        ("datetime", datetime(2026, 1, 31, 10), {"format": "epoch_ms"}, 1769853600000),
        ("date", date(2026, 1, 31), {}, "2026-01-31"),
        ("date", "2026-01-31", {"format": "%Y%m%d"}, "20260131"),
        ("date", datetime(2026, 1, 31, 23, 30), {}, "2026-02-01"),
        ("date", date(1970, 1, 2), {"format": "epoch", "timezone": "UTC"}, 86400),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_moments_to_external(kind, value, options, external):
    assert to_external(kind, value, options, BRUSSELS) == external


@pytest.mark.parametrize("kind", ["date", "datetime"])
def test_unreadable_moments_to_external(kind):
    with pytest.raises(SyncError) as caught:
        to_external(kind, "soon", {}, BRUSSELS)
    assert caught.value.code == "wrong_type"


def test_false_of_odoo_is_blank_but_for_booleans():
    assert to_external("text", False, {}, TransformContext(field_type="char")) is None
    assert to_external("none", False, {}, TransformContext(field_type="many2one")) is None
    assert to_external("boolean", False, {}, TransformContext(field_type="boolean")) is False
    assert to_external("none", False) is False


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)).map(
        lambda moment: moment.replace(microsecond=0)
    ),
    st.sampled_from(
        [
            {},
            {"format": "epoch"},
            {"format": "epoch_ms"},
            {"timezone": "UTC"},
            {"format": "%Y-%m-%d %H:%M:%S %z"},
        ]
    ),
)
def test_datetimes_come_back(moment, options):
    assert (
        to_odoo("datetime", to_external("datetime", moment, options, BRUSSELS), options, BRUSSELS) == moment
    )


@given(
    st.dates(date(1971, 1, 1), date(2100, 1, 1)),
    st.sampled_from(
        [{}, {"format": "%d.%m.%Y"}, {"format": "epoch"}, {"timezone": "Asia/Tokyo", "format": "epoch_ms"}]
    ),
)
def test_dates_come_back(day, options):
    assert to_odoo("date", to_external("date", day, options, BRUSSELS), options, BRUSSELS) == day


@given(st.integers(-(10**12), 10**12), st.sampled_from([1, 0.01, 0.001, 100]))
def test_numbers_come_back(number, factor):
    options = {"factor": factor}
    assert to_external("number", to_odoo("number", number, options), options) == number


@given(
    st.decimals(-(10**9), 10**9, places=2),
    st.sampled_from([(".", ""), (",", "."), (",", " "), (".", ","), (".", "'")]),
)
def test_written_numbers_come_back(number, marks):
    options = {"decimal_separator": marks[0], "thousands_separator": marks[1], "as_text": True, "digits": 2}
    text = to_external("number", number, options)
    assert isinstance(text, str)
    assert to_odoo("number", text, options) == float(number)


@given(st.dictionaries(st.text(min_size=1, max_size=5).filter(str.strip), st.integers(), min_size=1))
def test_maps_come_back_where_they_are_one_to_one(table):
    inverse = {odoo: external for external, odoo in table.items()}
    for external, odoo in table.items():
        if len(inverse) == len(table):
            assert to_external("value_map", odoo, {"map": table}) == external


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=3), below, max_size=3),
)


@given(
    st.sampled_from(KINDS),
    JSON,
    st.dictionaries(
        st.sampled_from(
            [
                "factor",
                "digits",
                "separator",
                "index",
                "limit",
                "format",
                "timezone",
                "map",
                "template",
                "true_values",
                "case",
                "html",
                "max_length",
                "default",
                "decimal_separator",
                "thousands_separator",
                "value",
            ]
        ),
        JSON,
        max_size=4,
    ),
)
def test_any_input_gives_a_value_or_a_sync_error(kind, value, options):
    for way in (to_odoo, to_external):
        try:
            way(kind, value, options, BRUSSELS)
        except SyncError as error:
            assert error.error_class in ("mapping", "unmapped")
