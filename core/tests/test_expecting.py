"""When a value is the one that a person has written down."""

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ..expecting import Step, as_text, is_expected, parse_path


@pytest.mark.parametrize(("path", "steps"), [
    ("name", [Step("name", None)]),
    ("order_line[2].product_id.name", [Step("order_line", 2), Step("product_id", None), Step("name", None)]),
    (" order_line.length ", [Step("order_line", None), Step("length", None)]),
])
def test_paths(path, steps):
    assert parse_path(path) == steps


@pytest.mark.parametrize(("path", "part"), [
    ("", ""), ("a..b", "a..b"), ("a[]", "a[]"), ("a[-1]", "a[-1]"), ("a b", "a b"), ("a.b!", "b!"), ("[0]", "[0]"),
])
def test_bad_paths_say_where(path, part):
    with pytest.raises(ValueError) as caught:
        parse_path(path)
    assert str(caught.value) == part


@pytest.mark.parametrize(("expected", "actual", "same"), [
    ("3", 3.0, True), ("3.0", 3, True), ("2.999999999", 3, True), ("2.99", 3, False), ("abc", 3, False), ("0", 0.0, True),
    ("", 0.0, False), ("", None, True), (None, None, True), ("", "", True), ("", False, True), ("no", False, True),
    ("false", True, False), ("TRUE", True, True), ("x", None, False), ("x", [], False), ("", [], True),
    ("01234", "1234", False), ("01234", "01234", True), (" a ", "a", True), ("A", "a", False),
    ("2026-01-31", date(2026, 1, 31), True), ("2026-01-31 10:00:00", datetime(2026, 1, 31, 10), True),
    ("2026-01-31T11:00:00+01:00", "2026-01-31 10:00:00", True), ("2026-01-31", "2026-02-01", False),
    ("Red, Blue", ["Blue", "Red"], True), ("Red", ["Blue", "Red"], False), ('{"a": [1]}', {"a": [1]}, True),
    ('{"a": [2]}', {"a": [1]}, False), ("nothing", {"a": 1}, False), ("Doe, John", ["Doe, John"], True),
])
def test_is_expected(expected, actual, same):
    assert is_expected(expected, actual) is same


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-10**9, 10**9), st.floats(-1e9, 1e9), st.text(max_size=20),
    st.lists(st.text(st.characters(blacklist_characters=","), min_size=1, max_size=5), max_size=4),
    st.dictionaries(st.text(max_size=3), st.integers(), min_size=1, max_size=3),
    st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(lambda moment: moment.replace(microsecond=0)))


@given(VALUES)
def test_what_is_written_down_is_found_again(value):
    assert is_expected(as_text(value), value)
