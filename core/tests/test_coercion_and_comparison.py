import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integration_flow.core.comparison import same_exactly, same_moment_or_number
from integration_flow.core.errors import SyncError
from integration_flow.core.moments import zone
from integration_flow.core.transforms import coerce, normalise, same_value
from integration_flow.core.transforms import to_odoo as transform_to_odoo

TYPES = [
    "char",
    "text",
    "html",
    "integer",
    "float",
    "monetary",
    "boolean",
    "date",
    "datetime",
    "selection",
    "many2one",
    "many2many",
    "one2many",
    "reference",
    "many2one_reference",
    "binary",
    "json",
    "properties",
    "",
]


@pytest.mark.parametrize("field_type", TYPES)
@pytest.mark.parametrize("blank", [None, False, "", "  ", [], {}], ids=repr)
def test_blank_is_odoos_false(field_type, blank):
    assert coerce(field_type, blank) is False


@pytest.mark.parametrize(
    ("field_type", "value", "expected"),
    [
        ("char", "x", "x"),
        ("char", 5, "5"),
        ("char", 5.0, "5"),
        ("char", "a\x00b\x1f", "ab"),
        ("char", "\ud800", "\ufffd"),
        ("text", "a\nb\tc", "a\nb\tc"),
        ("char", "\x00", False),
        ("html", "<p>x</p>", "<p>x</p>"),
        ("integer", "5", 5),
        ("integer", 5.0, 5),
        ("integer", " 5.00 ", 5),
        ("integer", Decimal("5"), 5),
        ("integer", 0, 0),
        ("float", 5, 5.0),
        ("float", "12.50", 12.5),
        ("monetary", Decimal("0.1"), 0.1),
        ("float", 0, 0.0),
        ("boolean", True, True),
        ("boolean", "True", True),
        ("boolean", 0, False),
        ("boolean", "no", False),
        ("boolean", 1.0, True),
        ("date", "2026-01-31", date(2026, 1, 31)),
        ("date", "2026-01-31T23:30:00Z", date(2026, 1, 31)),
        ("date", datetime(2026, 1, 31, 10), date(2026, 1, 31)),
        ("date", "0000-00-00", False),
        ("datetime", "2026-01-31T10:00:00+01:00", datetime(2026, 1, 31, 9)),
        ("datetime", "2026-01-31", datetime(2026, 1, 31)),
        ("datetime", datetime(2026, 1, 31, 10, 0, 0, 999), datetime(2026, 1, 31, 10)),
        ("datetime", "0000-00-00 00:00:00", False),
        ("selection", "draft", "draft"),
        ("selection", 1, "1"),
        ("many2one", 7, 7),
        ("many2one", (7, "Ada"), 7),
        ("many2many", [1, 2], [1, 2]),
        ("many2many", (1,), [1]),
        ("binary", "aGk=", "aGk="),
        ("json", {"a": 1}, {"a": 1}),
        ("unheard_of", 5, 5),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_coerce(field_type, value, expected):
    result = coerce(field_type, value, label="F")
    assert result == expected and type(result) is type(expected)


@pytest.mark.parametrize(
    ("field_type", "value", "code"),
    [
        ("char", {"a": 1}, "wrong_type"),
        ("char", [1], "wrong_type"),
        ("char", True, "wrong_type"),
        ("text", float("nan"), "wrong_type"),
        ("integer", "abc", "wrong_type"),
        ("integer", 5.5, "wrong_type"),
        ("integer", True, "wrong_type"),
        ("integer", "5,0", "wrong_type"),
        ("integer", float("nan"), "wrong_type"),
        ("integer", float("inf"), "wrong_type"),
        ("integer", [5], "wrong_type"),
        ("integer", 2**31, "out_of_range"),
        ("integer", "-99999999999", "out_of_range"),
        ("integer", 10**100, "wrong_type"),
        ("float", "x", "wrong_type"),
        ("float", float("nan"), "wrong_type"),
        ("float", "nan", "wrong_type"),
        ("float", "1_0", "wrong_type"),
        ("float", "1e400", "wrong_type"),
        ("monetary", {"amount": 5}, "wrong_type"),
        ("float", True, "wrong_type"),
        ("boolean", "maybe", "wrong_type"),
        ("boolean", 2, "wrong_type"),
        ("boolean", [True], "wrong_type"),
        ("date", "soon", "wrong_type"),
        ("date", 5, "wrong_type"),
        ("date", "2026-13-01", "wrong_type"),
        ("datetime", "x", "wrong_type"),
        ("datetime", 1769853600, "wrong_type"),
        ("datetime", "9999-12-31T23:59:59-14:00", "wrong_type"),
        ("selection", {"a": 1}, "wrong_type"),
        ("selection", True, "wrong_type"),
        ("many2one", "7", "wrong_type"),
        ("many2one", 0, "wrong_type"),
        ("many2one", -1, "wrong_type"),
        ("many2one", 7.0, "wrong_type"),
        ("many2one", {"id": 7}, "wrong_type"),
        ("many2one", True, "wrong_type"),
        ("many2one", [1, 2], "wrong_type"),
        ("many2many", "x", "wrong_type"),
        ("one2many", {"a": 1}, "wrong_type"),
        ("binary", 5, "wrong_type"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_coerce_refuses(field_type, value, code):
    with pytest.raises(SyncError) as caught:
        coerce(field_type, value, label="Quantity")
    assert (caught.value.error_class, caught.value.code) == ("mapping", code)
    assert caught.value.params["field"] == "Quantity"


def test_long_values_are_cut_in_errors():
    with pytest.raises(SyncError) as caught:
        coerce("integer", "x" * 10_000)
    assert len(caught.value.params["value"]) == 80


def test_selection_keys():
    assert coerce("selection", "draft", allowed=["draft", "done"]) == "draft"
    with pytest.raises(SyncError) as caught:
        coerce("selection", "nope", label="State", allowed=["draft", "done"])
    assert caught.value.params == {"field": "State", "value": "nope", "allowed": "draft, done"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=3), below, max_size=3),
)
ANY = JSON | st.dates() | st.datetimes() | st.decimals(allow_nan=False) | st.binary(max_size=5)


@given(st.sampled_from(TYPES), ANY)
def test_coerce_gives_a_value_or_a_sync_error(field_type, value):
    try:
        coerce(field_type, value)
    except SyncError as error:
        assert error.error_class == "mapping"


@example("char", b"a\rb")
@given(st.sampled_from(TYPES), ANY)
def test_normalised_is_json_and_stays(field_type, value):
    once = normalise(field_type, value)
    assert json.loads(json.dumps(once)) == once
    assert same_value(normalise(field_type, once), once)
    assert same_value(once, once)


@given(
    st.sampled_from(["char", "integer", "float", "boolean", "date", "datetime", "selection", "many2one"]), ANY
)
def test_what_is_written_compares_equal_to_what_came(field_type, value):
    """external_as_odoo = normalise(coerce(value)) must be the normal form of what Odoo then holds."""
    try:
        written = coerce(field_type, value)
    except SyncError:
        return
    assert same_value(normalise(field_type, written), normalise(field_type, normalise(field_type, written)))


@pytest.mark.parametrize(
    ("field_type", "value", "expected"),
    [
        ("char", False, None),
        ("char", None, None),
        ("char", "", None),
        ("char", "  ", None),
        ("char", " a ", "a"),
        ("char", "a\r\nb", "a\nb"),
        ("boolean", False, False),
        ("boolean", True, True),
        ("boolean", None, None),
        ("boolean", 0, False),
        ("boolean", "true", True),
        ("integer", 0, 0),
        ("integer", False, None),
        ("integer", 5.0, 5),
        ("integer", "5", 5),
        ("float", 0.0, 0),
        ("float", 0.1 + 0.2, 0.3),
        ("float", "1.50", 1.5),
        ("float", 1.0, 1),
        ("monetary", Decimal("19.990"), 19.99),
        ("float", "x", "x"),
        ("float", 1234567.1234567, 1234567.123457),
        ("date", date(2026, 1, 31), "2026-01-31"),
        ("date", "2026-01-31", "2026-01-31"),
        ("date", datetime(2026, 1, 31, 23), "2026-01-31"),
        ("date", "0000-00-00", None),
        ("date", "soon", "soon"),
        ("datetime", datetime(2026, 1, 31, 10, 0, 0, 5), "2026-01-31 10:00:00"),
        ("datetime", "2026-01-31T10:00:00Z", "2026-01-31 10:00:00"),
        ("datetime", datetime(2026, 1, 31, 10, tzinfo=timezone(timedelta(hours=2))), "2026-01-31 08:00:00"),
        ("datetime", "2026-01-31 10:00:00", "2026-01-31 10:00:00"),
        ("datetime", False, None),
        ("many2one", 7, 7),
        ("many2one", (7, "X"), 7),
        ("many2one", [7, "X"], 7),
        ("many2one", False, None),
        ("many2one", [], None),
        ("many2many", [3, 1], [1, 3]),
        ("many2many", (), None),
        ("many2many", {2, 1}, [1, 2]),
        ("selection", "a ", "a"),
        ("html", "<p><br></p>", None),
        ("html", "<p>x</p> ", "<p>x</p>"),
        ("", False, False),
        ("", " x ", "x"),
        ("", [], None),
        ("", {}, None),
        ("", {"a": Decimal("1.50"), "b": date(2026, 1, 1)}, {"a": 1.5, "b": "2026-01-01"}),
        ("", 10**20, 10**20),
        ("", float("nan"), "nan"),
        ("", Decimal("sNaN"), "sNaN"),
        ("float", Decimal("1e400"), "1E+400"),
        ("json", {"a": [1.0]}, {"a": [1]}),
        ("json", False, None),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_normalise(field_type, value, expected):
    result = normalise(field_type, value)
    assert result == expected and type(result) is type(expected)


SAME = [
    (1, 1.0),
    (1, "1.00"),
    ("1.00", 1.0),
    (Decimal("1"), 1),
    (Decimal("19.99"), "19.990"),
    (0.3, 0.1 + 0.2),
    (0, "0"),
    (0, "0.0"),
    ("a", " a "),
    (None, ""),
    (None, []),
    ([], {}),
    (True, "true"),
    (False, "false"),
    (True, 1),
    (-5, "-5"),
    (0.5, "0.5"),
    (0.5, ".5"),
    ("2026-01-31T10:00:00Z", "2026-01-31 10:00:00"),
    ("2026-01-31T10:00:00+01:00", "2026-01-31 09:00:00"),
    (date(2026, 1, 31), "2026-01-31"),
    (datetime(2026, 1, 31, 9), "2026-01-31T09:00:00Z"),
    ([1, "2"], (1.0, 2)),
    ({"a": 1, "b": None}, {"a": "1"}),
    ({"a": {"b": [1.0]}}, {"a": {"b": [1]}}),
]
DIFFERENT = [
    (1, 2),
    ("1.0", "1.00"),
    ("007", 7),
    ("01", 1),
    (0, None),
    (False, None),
    (0, ""),
    ("a", "A"),
    ("a", None),
    (1, "one"),
    (1, "1,0"),
    ([1, 2], [2, 1]),
    ([1], 1),
    ({"a": 1}, {"a": 2}),
    ("2026-01-31", "2026-02-01"),
    ("2026-01-31T10:00:00Z", "2026-01-31 11:00:00"),
    (10**18, 10**18 + 1),
    (1.5, 10**400),
    (Decimal("NaN"), 1),
    (1.0, 1.00001),
    ("ab-cd", "ab-ce"),
    (True, "yes"),
    (date(2026, 1, 31), datetime(2026, 1, 31)),
]


@pytest.mark.parametrize(("one", "two"), SAME, ids=[f"{a!r}-{b!r}"[:50] for a, b in SAME])
def test_same_value(one, two):
    assert same_value(one, two) is True
    assert same_value(two, one) is True


@pytest.mark.parametrize(("one", "two"), DIFFERENT, ids=[f"{a!r}-{b!r}"[:50] for a, b in DIFFERENT])
def test_different_value(one, two):
    assert same_value(one, two) is False
    assert same_value(two, one) is False


@given(ANY, ANY)
def test_same_value_is_symmetric_and_total(one, two):
    assert same_value(one, two) == same_value(two, one)
    assert same_exactly(one, two) == same_exactly(two, one)
    assert same_value(one, two) or not same_exactly(one, two)


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [("a", "a ", False), (" ", "", True), ("a", "a", True), (None, " ", True), (1.0, "1.00", True), ("a\r\nb", "a", False)],
)
def test_white_space_at_the_ends(one, two, expected):
    assert same_exactly(one, two) is same_exactly(two, one) is expected
    assert same_value(one, two) is (expected or one.strip() == two.strip())
    assert normalise("char", " a ", exact=True) == " a "
    assert normalise("char", "  ", exact=True) is None


@given(st.decimals(-10**9, 10**9, places=2), st.integers(0, 4), st.integers(0, 4))
def test_a_number_is_the_same_however_it_is_written(number, zeros, more):
    texts = [f"{number}{'0' * count}" for count in (zeros, more)]

    def to_odoo(value):
        return normalise("float", coerce("float", value))

    assert same_moment_or_number(*texts, to_odoo)
    assert same_moment_or_number(texts[0], float(number), to_odoo)
    assert not same_moment_or_number(texts[0], f"{number + 1}", to_odoo)


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(lambda moment: moment.replace(microsecond=0)),
    st.integers(-12, 14),
    st.sampled_from(["Europe/Brussels", "America/New_York", "Asia/Kolkata"]),
)
def test_a_moment_is_the_same_in_every_zone(moment, hours, name):
    """With an offset, in UTC, and without any zone where the rule says which one is meant."""
    there = moment.replace(tzinfo=UTC)
    texts = [
        there.isoformat(),
        there.astimezone(timezone(timedelta(hours=hours))).isoformat(),
        moment.isoformat() + "Z",
    ]

    def to_odoo(value):
        return normalise("datetime", transform_to_odoo("datetime", value, {"timezone": name}))

    for text in texts:
        assert same_moment_or_number(texts[0], text, to_odoo)
        assert not same_moment_or_number(text, (there + timedelta(hours=1)).isoformat(), to_odoo)
    local = there.astimezone(zone(name))
    # Not the hour that comes twice when summer ends.
    if local.replace(tzinfo=None, fold=0).replace(tzinfo=zone(name)).astimezone(UTC) == there:
        assert same_moment_or_number(texts[0], local.replace(tzinfo=None).isoformat(), to_odoo)


def test_what_cannot_be_read_is_not_the_same():
    def to_odoo(value):
        return coerce("float", value)

    assert not same_moment_or_number("1.0", "one", to_odoo)
    assert not same_moment_or_number("1.0", "", to_odoo)
    assert same_moment_or_number("one", "one", to_odoo)


def test_an_odd_equality_does_not_break_it():
    class Odd:
        def __str__(self):
            return "odd"

    assert same_value(Odd(), "odd") is False
    assert normalise("", Odd()) == "odd"
