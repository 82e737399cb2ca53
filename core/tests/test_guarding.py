"""Guardrails: what is counted, and what is too much."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_flow.core.guarding import KINDS, Guard

NUMBERS = st.one_of(st.none(), st.integers(-(10**6), 10**6), st.floats(-1e6, 1e6, allow_nan=False))


@pytest.mark.parametrize(
    ("kind", "what", "before", "after", "counted"),
    [
        ("change", "update", None, None, True),
        ("change", "create", None, None, False),
        ("create", "create", None, 5, True),
        ("create", "update", 4, 5, False),
        ("delete", "delete", None, None, True),
        ("zero", "update", 0.5, 0, True),
        ("zero", "update", "12.50", "0.00", True),
        ("zero", "update", 5, False, True),
        ("zero", "update", 5, 1, False),
        ("zero", "create", 5, 0, False),
        ("jump", "update", 100, 150, False),
        ("jump", "update", 100, 150.01, True),
        ("jump", "update", 100, 49.99, True),
        ("jump", "update", -100, -151, True),
        ("jump", "update", 0, 10, False),
        ("jump", "update", None, 10, False),
        ("jump", "update", 100, None, True),
        ("jump", "update", "a", "b", False),
    ],
)
def test_what_is_counted(kind, what, before, after, counted):
    assert Guard(1, kind, 0, code="x", jump_percent=50).counts(what, before, after) is counted


@given(st.sampled_from(KINDS), st.sampled_from(("update", "create", "delete")), NUMBERS)
def test_an_equal_value_is_no_jump_and_no_loss(kind, what, value):
    guard = Guard(1, kind, 0, code="x", jump_percent=0)
    if kind in ("zero", "jump"):
        assert not guard.counts(what, value, value)


@given(st.integers(0, 1000), st.integers(0, 1000), st.floats(0, 100), st.booleans(), st.integers(0, 50))
def test_more_is_never_better(count, base, limit, percent, least):
    guard = Guard(1, "change", limit, percent=percent, least=least)
    assert not guard.is_exceeded(0, base)
    if guard.is_exceeded(count, base):
        assert guard.is_exceeded(count + 1, base)


def test_a_percentage_of_nothing_is_no_percentage():
    assert not Guard(1, "create", 10, percent=True).is_exceeded(1000, 0)
