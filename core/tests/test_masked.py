"""Hidden values of a document that is edited."""

import doctest
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .. import masked
from ..masked import unmask
from ..redact import redact_body

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet="abc", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "token", "b"]), inner, max_size=3),
    max_leaves=12)


def test_doctests():
    assert doctest.testmod(masked).failed == 0


@given(VALUES)
def test_what_is_not_touched_comes_back(document):
    shown = json.loads(redact_body(json.dumps(document)) or "null")
    assert unmask(document, shown, json.loads(json.dumps(shown))) == document


@given(st.dictionaries(st.sampled_from(["a", "token", "b"]), VALUES, max_size=3))
def test_a_change_beside_hidden_values(document):
    shown = json.loads(redact_body(json.dumps(document)))
    edited = {**json.loads(json.dumps(shown)), "added": 1}
    assert unmask(document, shown, edited) == {**document, "added": 1}


def test_numbers_are_no_truths():
    assert unmask({"a": 1}, {"a": 1}, {"a": True})["a"] is True


def test_a_moved_mask_is_refused():
    original, shown = [{"token": "x"}, {"token": "y"}], [{"token": "***"}, {"token": "***"}]
    with pytest.raises(ValueError):
        unmask(original, shown, [{"token": "***"}])


def test_a_hidden_value_can_be_replaced():
    assert unmask({"token": "x"}, {"token": "***"}, {"token": "new"}) == {"token": "new"}
