from datetime import datetime
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_flow.core.errors import SyncError
from integration_flow.core.templates import fill_body, fill_path, fill_query


@pytest.mark.parametrize(
    ("template", "variables", "path"),
    [
        ("orders", {}, "orders"),
        ("orders/{id}/notes", {"id": 7}, "orders/7/notes"),
        ("{a}/{b}", {"a": "x", "b": "y z"}, "x/y%20z"),
        ("o/{id}", {"id": "a/b?c#d%e"}, "o/a%2Fb%3Fc%23d%25e"),
        ("o/{id}", {"id": "é"}, "o/%C3%A9"),
        ("o/{order.id}", {"order": {"id": 5.0}}, "o/5"),
        ("o/{order.id}", {"order.id": 6}, "o/6"),
        ("o/{ id }", {"id": True}, "o/true"),
        ("o/{id}", {"id": "..a"}, "o/..a"),
        ("o/{id}", {"id": "\ud800"}, "o/%3F"),
        ("o/{id}", {"id": "a\nb"}, "o/a%0Ab"),
        ("o({id})", {"id": "x"}, "o(x)"),
        ("o/{id}", {"id": 0}, "o/0"),
    ],
    ids=repr,
)
def test_path(template, variables, path):
    assert fill_path(template, variables) == path


@pytest.mark.parametrize(
    ("template", "variables", "code"),
    [
        ("o/{id}", {}, "missing_variable"),
        ("o/{id}", {"id": None}, "missing_variable"),
        ("o/{id}", {"id": ""}, "missing_variable"),
        ("o/{id}", {"id": " "}, "missing_variable"),
        ("o/{id}", {"id": {"a": 1}}, "missing_variable"),
        ("o/{id}", {"id": [1]}, "missing_variable"),
        ("o/{a.b}", {"a": 5}, "missing_variable"),
        ("o/{id}", {"id": ".."}, "unsafe_path_value"),
        ("o/{id}", {"id": "."}, "unsafe_path_value"),
        ("o/{id", {"id": 1}, "bad_template"),
        ("o/id}", {"id": 1}, "bad_template"),
        ("o/{}", {"": 1}, "bad_template"),
    ],
    ids=repr,
)
def test_bad_path(template, variables, code):
    with pytest.raises(SyncError) as caught:
        fill_path(template, variables)
    assert (caught.value.error_class, caught.value.code) == ("mapping", code)


@given(st.text(min_size=1, max_size=30).filter(lambda text: text.strip() and text.strip(".")))
def test_a_value_stays_one_segment(value):
    path = fill_path("/a/{id}/b", {"id": value})
    assert path.count("/") == 3 and "?" not in path and "#" not in path
    clean = value.encode("utf-8", "replace").decode()
    assert unquote(urlsplit("https://x.example" + path).path.split("/")[2]) == clean


NOW = datetime(2026, 1, 31, 9)


@pytest.mark.parametrize(
    ("template", "variables", "query"),
    [
        (None, {}, {}),
        ({}, {}, {}),
        ({"a": "1", "b": 2, "c": None}, {}, {"a": "1", "b": 2}),
        ({"since": "{w}"}, {"w": None}, {}),
        ({"since": "{w}"}, {"w": NOW}, {"since": "2026-01-31T09:00:00Z"}),
        ({"filter": "updated>{w} and x"}, {"w": NOW}, {"filter": "updated>2026-01-31T09:00:00Z and x"}),
        ({"filter": "updated>{w}"}, {"w": None}, {}),
        ({"ids": "{ids}"}, {"ids": [1, 2]}, {"ids": [1, 2]}),
        ({"ids": ["{a}", "{b}"]}, {"a": 1, "b": None}, {"ids": [1]}),
        ({"flag": True}, {}, {"flag": "true"}),
        ({"flag": "{f}"}, {"f": False}, {"flag": "false"}),
        ({"n": "{n}"}, {"n": 0}, {"n": 0}),
        ({"updated_at[$gte]": "{w}"}, {"w": "x"}, {"updated_at[$gte]": "x"}),
        ({"q": "{{x}}"}, {}, {"q": "{x}"}),
        ({"q": ""}, {}, {"q": ""}),
        ({"q": "a&b={v}"}, {"v": "c&d"}, {"q": "a&b=c&d"}),
    ],
    ids=repr,
)
def test_query(template, variables, query):
    assert fill_query(template, variables) == query


@pytest.mark.parametrize(
    ("template", "code"),
    [
        ({"a": "{nope}"}, "missing_variable"),
        ({"a": "x{nope}"}, "missing_variable"),
        ({"a": "{"}, "bad_template"),
    ],
    ids=repr,
)
def test_bad_query(template, code):
    with pytest.raises(SyncError) as caught:
        fill_query(template, {})
    assert caught.value.code == code


def test_body():
    variables = {"id": 7, "ids": [1, 2], "when": NOW, "none": None, "text": "{id}"}
    assert fill_body(
        {"a": "{id}", "b": ["{ids}", "x{id}"], "c": "at {when}", "d": "{unknown} {none}.", "e": 5}, variables
    ) == {"a": 7, "b": [[1, 2], "x7"], "c": "at 2026-01-31T09:00:00Z", "d": "{unknown} .", "e": 5}


def test_a_value_in_a_body_is_never_read_as_a_template():
    assert fill_body("{text} {id}", {"text": "{id}{secret}", "id": 7, "secret": "s"}) == "{id}{secret} 7"
    assert fill_body("{text} {id}", {"id": 7, "text": "{id}"}) == "{id} 7"
