"""Quantities spread over places."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_flow.core import paths
from integration_flow.core.allotting import allot
from integration_flow.core.errors import SyncError

KEYS = st.sampled_from("ABC")
PLACES = st.lists(st.lists(st.tuples(KEYS, st.integers(0, 5)), max_size=4), max_size=4).map(lambda several: [
    {"id": f"p{number}", "items": [{"id": f"p{number}.{place}", "key": key, "quantity": quantity}
                                   for place, (key, quantity) in enumerate(items)]}
    for number, items in enumerate(several)])


def totals(pairs):
    found = {}
    for key, quantity in pairs:
        found[key] = found.get(key, 0) + quantity
    return {key: quantity for key, quantity in found.items() if quantity}


@given(st.lists(st.tuples(KEYS, st.integers(0, 4)), max_size=6), PLACES)
def test_all_of_it_and_never_more_than_is_open(done, places):
    room = {item["id"]: item for place in places for item in place["items"]}
    wanted, free = totals(done), totals((item["key"], item["quantity"]) for item in room.values())
    try:
        found = allot([{"key": key, "quantity": float(quantity)} for key, quantity in done], places)
    except SyncError as error:
        assert error.code == "not_expected"
        assert any(quantity > free.get(key, 0) for key, quantity in wanted.items())
        return
    given_out = [(item["id"], item["quantity"]) for place in found for item in place["items"]]
    assert all(isinstance(quantity, int) and 0 < quantity <= room[key]["quantity"] for key, quantity in given_out)
    assert totals((room[key]["key"], quantity) for key, quantity in given_out) == wanted
    assert len(dict(given_out)) == len(given_out)
    assert [place["id"] for place in found] == sorted({key.partition(".")[0] for key, _quantity in given_out})


def test_in_a_path():
    known = {"sent": {"lines": [{"key": 7, "quantity": 1.5}]}, "open": [{"id": 1, "items": [
        {"id": 2, "key": "7", "quantity": 4}]}]}
    assert paths.get("allot(sent.lines, open)[].{order: id, lines: items}", known) == [
        {"order": 1, "lines": [{"id": 2, "quantity": 1.5}]}]
    with pytest.raises(SyncError, match="path_failed"):
        paths.get("allot(sent, open)", known)
    with pytest.raises(SyncError, match=r"not_expected \(name=Lamp, quantity=2\)"):
        paths.get("allot(@, `[]`)", [{"key": "A", "quantity": 2, "name": "Lamp"}])
    with pytest.raises(SyncError, match="path_failed"):
        paths.get("allot(@, `[]`)", ["A"])
