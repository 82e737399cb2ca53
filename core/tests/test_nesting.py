"""Lists inside a record that are read part by part."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_flow.core import nesting
from integration_flow.core.errors import SyncError

PATH = "data.order.lines.nodes"


def part(items, start, size, name="nodes"):
    """What a system shows of a list from a cursor on."""
    end = min(start + size, len(items))
    shown = items[start:end] if name == "nodes" else [{"node": item} for item in items[start:end]]
    return {name: shown, "pageInfo": {"hasNextPage": end < len(items), "endCursor": f"c{end}" if shown else None}}


def answer(connection):
    return {"data": {"order": {"lines": connection}}}


@given(st.lists(st.integers(), max_size=40), st.lists(st.integers(1, 9), min_size=45, max_size=45),
       st.sampled_from(["nodes", "edges"]))
def test_the_parts_are_the_whole(items, sizes, name):
    """However a list is cut, following it gives all of it, once and in order."""
    record = {"id": 7, "lines": part(items, 0, sizes.pop(), name)}
    calls = 0
    while (rest := nesting.unfinished(record, "lines")) is not None:
        start = int(nesting.cursor(rest, "lines")[1:])
        nesting.extend(rest, answer(part(items, start, sizes.pop(), name)), f"data.order.lines.{name}")
        calls += 1
    found = record["lines"][name]
    assert (found if name == "nodes" else [edge["node"] for edge in found]) == items
    assert calls < max(len(items), 1)


@given(st.recursive(
    st.none() | st.booleans() | st.text(max_size=3) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["data", "order", "lines", "nodes", "pageInfo", "hasNextPage", "endCursor"]), inner, max_size=4),
    max_leaves=15))
def test_whatever_is_answered(body):
    """An answer is put behind what is there, or refused and then nothing is."""
    lines = {"nodes": [1], "pageInfo": {"hasNextPage": True, "endCursor": "c1"}}
    before = copy.deepcopy(lines)
    try:
        nesting.extend(lines, body, PATH)
    except SyncError as error:
        assert error.error_class == "validation"
        assert lines == before
    else:
        assert lines["nodes"][:1] == [1]
    nesting.unfinished(body, "lines")
    nesting.unfinished({"lines": body}, "lines")


@pytest.mark.parametrize(("connection", "code"), [
    (None, "page_info_missing"),
    ({"nodes": [2]}, "page_info_missing"),
    ({"nodes": [2], "pageInfo": {"hasNextPage": None}}, "page_info_missing"),
    ({"pageInfo": {"hasNextPage": False}}, "page_info_missing"),
    ({"edges": [], "pageInfo": {"hasNextPage": False}}, "page_info_missing"),
    ({"nodes": [2], "pageInfo": {"hasNextPage": True, "endCursor": "c1"}}, "paging_loop"),
    ({"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": "c2"}}, "paging_loop"),
])
def test_answers_that_do_not_get_on(connection, code):
    lines = {"nodes": [1], "pageInfo": {"hasNextPage": True, "endCursor": "c1"}}
    with pytest.raises(SyncError, match=code):
        nesting.extend(lines, answer(connection), PATH)
    assert lines["nodes"] == [1]


def test_a_list_that_does_not_say_where_it_goes_on():
    for info in ({"hasNextPage": True}, {"hasNextPage": True, "endCursor": ""}):
        rest = nesting.unfinished({"lines": {"nodes": [], "pageInfo": info}}, "lines")
        with pytest.raises(SyncError, match="page_info_missing"):
            nesting.cursor(rest, "lines")
    assert nesting.unfinished({"lines": [1]}, "lines") is None
    assert nesting.unfinished([], "lines") is None
