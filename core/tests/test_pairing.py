"""Pairs by a key."""

from hypothesis import given
from hypothesis import strategies as st

from integration_flow.core.pairing import pair, same_key

ITEMS = st.lists(st.sampled_from(["A", "a", " B", "b ", "C", "", None, 7, "7", True]), max_size=6).map(
    lambda keys: list(enumerate(keys)))


@given(ITEMS, ITEMS)
def test_a_pair_is_certain(ours, theirs):
    pairs = pair(ours, theirs)
    assert sorted(pair(theirs, ours)) == sorted((their, our) for our, their in pairs), "from both sides the same"
    assert len({our for our, _their in pairs}) == len({their for _our, their in pairs}) == len(pairs)
    left, right = ([same_key(key) for _item, key in side] for side in (ours, theirs))
    wanted = {key for key in left if key and left.count(key) == 1 and right.count(key) == 1}
    assert {left[our] for our, _their in pairs} == wanted
    assert all(left[our] == right[their] for our, their in pairs)
