"""What of a run may be put back: the decisions, without a database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_flow.core.reverting import MASK, Step, fold, is_plain, verdict

VALUES = st.sampled_from(["a", "b", "c", 1, 0, True, None])


@pytest.mark.parametrize(("steps", "expected"), [
    ([Step("a", "b")], Step("a", "b")),
    ([Step("a", "b"), Step("b", "c"), Step("c", "d")], Step("a", "d")),
    ([Step("a", "b"), Step("x", "c")], Step("x", "c")),
    ([Step("a", "b"), Step("x", "c"), Step("c", "d")], Step("x", "d")),
    ([Step(None, 1), Step("1.0", 2)], Step(None, 2)),  # the same in another form
])
def test_fold(steps, expected):
    assert fold(steps) == expected


@given(st.lists(VALUES, min_size=2, max_size=6))
def test_an_unbroken_chain_leads_to_its_beginning(values):
    steps = [Step(before, after) for before, after in zip(values, values[1:], strict=False)]
    assert fold(steps) == Step(values[0], values[-1])


@given(st.lists(st.builds(Step, VALUES, VALUES), min_size=1, max_size=6))
def test_the_end_is_what_the_run_wrote_last(steps):
    assert fold(steps).after == steps[-1].after


@pytest.mark.parametrize(("before", "after", "now", "expected"), [
    ("a", "b", "b", "put_back"),
    ("a", "b", "a", "same"),
    ("a", "b", "c", "changed"),
    (None, "b", "b", "put_back"),
    (None, "b", "", "same"),
    (1.5, 2, "2.0", "put_back"),
    (None, MASK, "secret", "masked"),
    (MASK, None, None, "masked"),
    ([1, 2], [3], [3], "put_back"),
    (True, False, False, "put_back"),
])
def test_verdict(before, after, now, expected):
    assert verdict(Step(before, after), now) == expected


@given(VALUES, VALUES, VALUES)
def test_nothing_else_than_what_the_run_wrote_is_overwritten(before, after, now):
    if verdict(Step(before, after), now) == "put_back":
        assert verdict(Step(after, before), now) == "same"


def test_hashes_are_not_sent():
    assert is_plain(Step("blue", "red"))
    assert not is_plain(Step("0f343b0931126a20f133d67c2b018a3b", "red"))
    assert not is_plain(Step(None, [1]))
