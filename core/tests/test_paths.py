import json

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_flow.core import paths
from integration_flow.core.errors import SyncError

NAMES = st.sampled_from(["a", "b", "c", "_x", "A1", "true", "null"])
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(NAMES | st.text(max_size=3), below, max_size=3)
    ),
)
PLAIN_PATHS = st.lists(NAMES, min_size=1, max_size=4).map(".".join)
ASSIGNABLE = st.lists(
    st.integers(0, 5) | NAMES | st.text(min_size=1, max_size=4).filter(lambda text: text.isprintable()),
    min_size=1,
    max_size=5,
)


@given(PLAIN_PATHS, DOCUMENTS)
def test_the_fast_way_answers_as_jmespath(path, document):
    assert paths.get(path, document) == jmespath.search(path, document)


@pytest.mark.parametrize("path", ["", "@"])
def test_the_whole_document(path):
    document = {"a": 1}
    assert paths.get(path, document) is document


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("lines[0].sku", "A"),
        ("lines[-1].sku", "B"),
        ("lines[].sku", ["A", "B"]),
        ("lines[?qty>`1`].sku | [0]", "B"),
        ('"odd-name"', 5),
        ("length(lines)", 2),
        ("join(', ', lines[].sku)", "A, B"),
        ("{id: id, first: lines[0].sku}", {"id": 7, "first": "A"}),
        ("each(lines[].{sku: sku}, {order: id})", [{"sku": "A", "order": 7}, {"sku": "B", "order": 7}]),
        ("each(missing, {order: id})", []),
        ("each(lines[].sku, {order: id})", []),
        ("id.deeper.still", None),
        ("lines.sku", None),
        ("missing", None),
        (" id ", 7),
    ],
)
def test_get(path, expected):
    document = {"id": 7, "odd-name": 5, "lines": [{"sku": "A", "qty": 1}, {"sku": "B", "qty": 2}]}
    assert paths.get(path, document) == expected


@pytest.mark.parametrize(
    "path",
    [
        "a[",
        "a..b",
        ".a",
        "a.",
        "a b",
        "a[?",
        "-",
        "odd-name",
        "'",
        "`{",
        "nofunction(a)",
        "a[].nofunction(@)",
        "(" * 3000,
        "a[x]",
    ],
    ids=lambda path: path[:20] or "empty",
)
def test_bad_paths_say_so(path):
    for function in (paths.compile_path, lambda bad: paths.get(bad, {})):
        with pytest.raises(SyncError) as caught:
            function(path)
        assert (caught.value.error_class, caught.value.code) == ("mapping", "bad_path")
        assert caught.value.params["reason"]


@pytest.mark.parametrize("path", [None, 7, ["a"]], ids=str)
def test_what_is_no_text_is_a_bad_path(path):
    with pytest.raises((SyncError, TypeError)):
        paths.compile_path(path)


@pytest.mark.parametrize(
    "path", ["length(id)", "join(', ', id)", "sum(names)", "length()", "to_number(id, id)", "lines[::0]"]
)
def test_failing_expressions_say_so(path):
    with pytest.raises(SyncError) as caught:
        paths.get(path, {"id": 7, "names": ["a"], "lines": [1]})
    assert caught.value.code in ("path_failed", "bad_path")


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("a", True),
        ("a.b.c", True),
        ("a[0]", True),
        ("a[0][1].b", True),
        ('"odd name"."x"[2]', True),
        ("[0].a", True),
        ("", False),
        ("@", False),
        (".a", False),
        ("a.", False),
        ("a..b", False),
        ("a[]", False),
        ("a[*]", False),
        ("a[-1]", False),
        ("a[?x]", False),
        ("a | b", False),
        ("a.[0]", False),
        ("length(a)", False),
        ("a b", False),
        ("a[1000000]", False),
        ("a[99999]", False),
        ('"a', False),
        ('""', False),
        ('"\\x"', False),
        ("a.*", False),
        (None, False),
    ],
    ids=str,
)
def test_is_assignable(path, answer):
    assert paths.is_assignable(path) is answer


def _text(steps):
    parts = []
    for number, step in enumerate(steps):
        if isinstance(step, int):
            parts.append(f"[{step}]")
        else:
            parts.append(("." if number else "") + json.dumps(step))
    return "".join(parts)


@given(ASSIGNABLE, SCALARS.filter(lambda value: value is not None))
def test_what_is_assigned_is_read_again(steps, value):
    path = _text(steps)
    target = [] if isinstance(steps[0], int) else {}
    assert paths.is_assignable(path)
    paths.assign(target, path, value)
    assert paths.get(path, target) == value
    before = repr(target)
    paths.assign(target, path, value)
    assert repr(target) == before


def test_assign_keeps_neighbours():
    target = {"a": {"b": 1}, "lines": [{"x": 1}]}
    paths.assign(target, "a.c", 2)
    paths.assign(target, "lines[0].y", 3)
    paths.assign(target, "lines[1].y", 4)
    assert target == {"a": {"b": 1, "c": 2}, "lines": [{"x": 1, "y": 3}, {"y": 4}]}


def test_assign_fills_null_on_the_way():
    target = {"customer": None}
    paths.assign(target, "customer.name", "Ada")
    assert target == {"customer": {"name": "Ada"}}


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ({"a": "x"}, "a.b"),
        ({"a": []}, "a.b"),
        ({"a": {}}, "a[0]"),
        ({}, "[0]"),
        ([], "a"),
        ({"a": False}, "a.b"),
    ],
    ids=str,
)
def test_assign_never_overwrites_what_stands_in_the_way(target, path):
    before = repr(target)
    with pytest.raises(SyncError) as caught:
        paths.assign(target, path, 1)
    assert caught.value.code == "path_conflict"
    assert repr(target) == before


@pytest.mark.parametrize("path", ["", "a[]", "a[99999]", "@"])
def test_assign_refuses_reading_paths(path):
    with pytest.raises(SyncError) as caught:
        paths.assign({}, path, 1)
    assert caught.value.code == "path_not_assignable"
