import json
import math
import random
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integration_flow.core.fingerprint import content_hash, failure_fingerprint

TEXTS = st.text(max_size=8) | st.sampled_from(
    ["1.0,", '"', "\\", '\\"', '":1.0,"', "1.0]", "e+", "-0,", "\x00", "\x01"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(TEXTS, below, max_size=4),
    max_leaves=15,
)


def canonical(value):
    """The slow and obvious definition of "equal content"."""
    if isinstance(value, dict):
        return ("o", tuple(sorted((name, canonical(item)) for name, item in value.items())))
    if isinstance(value, list):
        return ("l", tuple(canonical(item) for item in value))
    if isinstance(value, bool) or value is None:
        return ("c", repr(value))
    if isinstance(value, str):
        return ("s", value)
    if isinstance(value, float) and value.is_integer():
        return ("n", repr(int(value)))
    return ("n", repr(value))


@given(VALUES, VALUES)
@example({"a": "1.0,"}, {"a": "1,"})
@example(['"', "1.0,"], ['"', "1,"])
@example(['\\"', "1.0,"], ['\\"', "1,"])
@example({"a": 1.0}, {"a": 1})
@example(1e16, 10**16)
@example(-0.0, 0)
@example(["\\", "1.0,"], ["\\", "1,"])
@example({"a": "e+", "b": 1.0}, {"a": "e+", "b": 1})
def test_equal_hash_means_equal_content(one, two):
    assert (content_hash(one) == content_hash(two)) == (canonical(one) == canonical(two))


@given(st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=4)), st.randoms())
def test_order_of_keys_is_irrelevant(value, source):
    items = list(value.items())
    source.shuffle(items)
    assert content_hash(dict(items)) == content_hash(value)


@given(VALUES)
def test_form(value):
    text = content_hash(value)
    assert len(text) == 32 and int(text, 16) >= 0
    assert content_hash(json.loads(json.dumps(value))) == text


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (1, 1.0),
        (Decimal("1.0"), 1),
        (Decimal("19.99"), 19.99),
        (-0.0, 0),
        (1e16, 10**16),
        ([1e20, 1.0], [10**20, 1]),
        ((1, 2), [1, 2]),
        ({1: "a"}, {"1": "a"}),
        ({1: 1.0, "b": 2}, {"1": 1, "b": 2}),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00Z"),
    ],
    ids=str,
)
def test_same(one, two):
    assert content_hash(one) == content_hash(two)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (1, "1"),
        (True, 1),
        (None, ""),
        (None, "null"),
        ([1], 1),
        ({}, []),
        ([1, 2], [2, 1]),
        ({"a": None}, {}),
        ("1.0", "1"),
        (0.1, 0.1000000000000001),
        (Decimal("1.00000000000000000001"), 1),
        ("\ud800", "\ufffd"),
    ],
    ids=repr,
)
def test_different(one, two):
    assert content_hash(one) != content_hash(two)


def test_hash_is_stable_over_versions():
    """Stored hashes must not change: a changed one makes every record look changed once."""
    assert content_hash({"b": [1.0, "x"], "a": None}) == content_hash(json.loads('{"a":null,"b":[1,"x"]}'))
    assert content_hash({"a": 1}) == "2c6b113b8dd15ffbded9860b43eb0c6c"


def test_nan_does_not_stop_a_hash():
    assert content_hash([math.nan]) == content_hash([math.nan])


def test_what_is_no_data_is_refused():
    with pytest.raises(TypeError):
        content_hash(object())


SAME_CAUSE = [
    ("quoted", "SKU 'A' exists", "SKU 'B' exists"),
    ("double_quoted", 'Value "x y" is bad', 'Value "z" is bad'),
    ("number", "Order 17 is closed", "Order 4711 is closed"),
    (
        "medusa_sku",
        "Product variant with sku: PEER-1795426092-S, already exists.",
        "Product variant with sku: PEER-22-XL, already exists.",
    ),
    (
        "medusa_id",
        "Quantity to fulfill exceeds the reserved quantity for the item: ordli_01M83VR4MCR9AAAWZA4P9APKF6",
        "Quantity to fulfill exceeds the reserved quantity for the item: ordli_01M83VR4MCR9AAAWZA4P9APXXX",
    ),
    ("uuid", "No 3f2504e0-4f89-11d3-9a0c-0305e82c3301 here", "No 11111111-4f89-11d3-9a0c-0305e82c3301 here"),
    ("email", "ada@example.org is taken", "bob@example.com is taken"),
    ("case_and_space", "Name is  required", "name is required"),
]


@pytest.mark.parametrize(("one", "two"), [row[1:] for row in SAME_CAUSE], ids=[row[0] for row in SAME_CAUSE])
def test_one_cause_for_many_records(one, two):
    prints = {
        failure_fingerprint("validation", "rejected", {"status": 400, "message": text}) for text in (one, two)
    }
    assert len(prints) == 1


OTHER_CAUSE = [
    ("named_field", "Field 'title' is required", "Field 'email' is required"),
    ("words", "Name is required", "Price is required"),
    ("apostrophes", "It can't be sold, you don't own it", "It can't be bought, you don't own it"),
]


@pytest.mark.parametrize(
    ("one", "two"), [row[1:] for row in OTHER_CAUSE], ids=[row[0] for row in OTHER_CAUSE]
)
def test_other_causes_stay_apart(one, two):
    prints = {
        failure_fingerprint("validation", "rejected", {"status": 400, "message": text}) for text in (one, two)
    }
    assert len(prints) == 2


def test_fingerprint_details():
    wrong = {"field": "Quantity", "value": "abc", "expected": "integer"}
    base = failure_fingerprint("mapping", "wrong_type", wrong)
    assert failure_fingerprint("mapping", "wrong_type", {**wrong, "value": "def"}) == base
    assert failure_fingerprint("mapping", "wrong_type", {**wrong, "field": "Price"}) != base
    assert failure_fingerprint("validation", "wrong_type", wrong) != base
    assert failure_fingerprint("x", "rejected", {"status": 400}) != failure_fingerprint(
        "x", "rejected", {"status": 422}
    )
    assert failure_fingerprint(
        "unmapped", "unmapped_value", {"value": "7", "map": "m"}
    ) != failure_fingerprint("unmapped", "unmapped_value", {"value": "8", "map": "m"})
    assert failure_fingerprint("internal", "x", None) == failure_fingerprint("internal", "x", {})


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=30) | st.integers() | st.none()))
def test_fingerprint_never_fails_and_ignores_order(params):
    items = list(params.items())
    random.Random(1).shuffle(items)
    assert failure_fingerprint("a", "b", params) == failure_fingerprint("a", "b", dict(items))
