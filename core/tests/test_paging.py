import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_flow.core.errors import SyncError
from integration_flow.core.fingerprint import content_hash
from integration_flow.core.paging import (
    STYLES,
    PagingSpec,
    advance,
    next_url,
    parse_link_header,
    query,
    start,
)


def crawl(
    spec: PagingSpec, server: Callable[[dict, str | None], tuple[list, object, dict]], limit: int = 500
) -> list:
    """All items, as the engine would collect them; the state goes through JSON at each step, as over a
    crash."""
    state, items = start(spec), []
    for _number in range(limit):
        page, body, headers = server(query(spec, state), next_url(state))
        items += page
        after = advance(
            spec,
            state,
            items=page,
            body=body,
            headers=headers,
            page_fingerprint=content_hash(page) if page else "",
        )
        if after is None:
            return items
        state = json.loads(json.dumps(after))
    raise AssertionError("endless")


def listing(count):
    return [{"id": number} for number in range(1, count + 1)]


def server_of(style, rows, size):
    """An external system with `rows` that gives `size` per page."""

    def page_of(params, url):
        if style == "page":
            first = (params["page"] - 1) * size
        elif style == "offset":
            first = params["offset"]
        elif style == "cursor":
            first = int(params.get("cursor") or 0)
        elif style == "keyset":
            first = params.get("since_id", 0)
        else:
            first = int(url.rpartition("=")[2]) if url else 0
        page = rows[first : first + size]
        rest = first + size < len(rows)
        link = f"https://x.example/?from={first + size}"
        body = {
            "items": page,
            "next": str(first + size) if rest else None,
            "url": link if rest else "",
            "more": rest,
        }
        headers = {
            "X-WP-TotalPages": str(-(-len(rows) // size)),
            "LINK": f'<{link}>; rel="next"' if rest else "",
        }
        return page, body, headers

    return page_of


SPECS = {
    "page": PagingSpec(style="page", page_size=10),
    "offset": PagingSpec(style="offset", page_size=10),
    "cursor": PagingSpec(style="cursor", cursor_path="next"),
    "keyset": PagingSpec(style="keyset", page_size=10, keyset_path="id"),
    "next_link": PagingSpec(style="next_link", next_path="url"),
    "link_header": PagingSpec(style="link_header"),
    "page_more": PagingSpec(style="page", has_more_path="more"),
    "page_total": PagingSpec(style="page", total_pages_header="x-wp-totalpages"),
    "page_plain": PagingSpec(style="page"),
    "offset_plain": PagingSpec(style="offset"),
    "offset_asks_for_more": PagingSpec(style="offset", page_size=50, has_more_path="more"),
    "offset_more": PagingSpec(style="offset", has_more_path="more"),
    "keyset_plain": PagingSpec(style="keyset"),
    "keyset_more": PagingSpec(style="keyset", has_more_path="more"),
    "cursor_more": PagingSpec(style="cursor", cursor_path="next", has_more_path="more"),
}


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20, 35])
def test_every_style_reads_everything_once(name, count):
    spec, rows = SPECS[name], listing(count)
    assert crawl(spec, server_of(spec.style, rows, 10)) == rows


@given(
    st.sampled_from(
        [
            "page_more",
            "page_total",
            "page_plain",
            "offset_plain",
            "offset_more",
            "cursor",
            "next_link",
            "link_header",
            "keyset_plain",
        ]
    ),
    st.integers(0, 60),
    st.integers(1, 20),
)
def test_whatever_the_size_of_the_servers_pages(name, count, size):
    """The server decides how many it gives; nothing is skipped and nothing comes twice."""
    rows = listing(count)
    assert crawl(SPECS[name], server_of(SPECS[name].style, rows, size)) == rows


def test_none_is_one_page():
    assert (
        advance(PagingSpec(), start(PagingSpec()), items=[1], body=[1], headers={}, page_fingerprint="x")
        is None
    )
    assert query(PagingSpec(), start(PagingSpec())) == {}


def test_queries():
    spec = PagingSpec(style="page", page_param="p", size_param="n", page_size=5, first_page=0)
    assert query(spec, start(spec)) == {"p": 0, "n": 5}
    spec = PagingSpec(style="offset", offset_param="skip", size_param="take", page_size=5)
    assert query(spec, start(spec)) == {"skip": 0, "take": 5}
    spec = PagingSpec(style="cursor", size_param="first", page_size=5)
    assert query(spec, start(spec)) == {"first": 5}
    spec = PagingSpec(style="next_link", next_path="n", size_param="limit", page_size=5)
    state = advance(spec, start(spec), items=[1], body={"n": "/more?x=1"}, headers={})
    assert (query(spec, start(spec)), query(spec, state), next_url(state)) == ({"limit": 5}, {}, "/more?x=1")
    spec = PagingSpec(style="keyset", keyset_param="after", keyset_path="meta.key")
    state = advance(spec, start(spec), items=[{"meta": {"key": "k1"}}], body=None, headers={})
    assert query(spec, state) == {"after": "k1"}


def test_short_page_is_not_the_end_where_there_is_a_better_sign():
    spec = PagingSpec(style="page", page_size=10, has_more_path="more")
    assert advance(spec, start(spec), items=[1], body={"more": True}, headers={})["page"] == 2
    assert advance(spec, start(spec), items=[1] * 10, body={"more": False}, headers={}) is None
    spec = PagingSpec(style="page", page_size=10, total_pages_header="X-Pages")
    assert advance(spec, start(spec), items=[1], body={}, headers={"x-pages": "3"})["page"] == 2
    assert advance(spec, start(spec), items=[1], body={}, headers={}) is None
    spec = PagingSpec(style="page", page_size=10, first_page=0, total_pages_header="X-Pages")
    assert advance(spec, start(spec), items=[1], body={}, headers={"x-pages": "1"}) is None
    assert advance(spec, start(spec), items=[1] * 10, body={}, headers={"x-pages": "2"})["page"] == 1


@pytest.mark.parametrize(
    ("more", "last"),
    [
        (True, False),
        (1, False),
        ("yes", False),
        ("true", False),
        (False, True),
        (0, True),
        ("false", True),
        ("0", True),
        ("", True),
        (None, False),
    ],
    ids=repr,
)
def test_has_more_in_all_forms(more, last):
    spec = PagingSpec(style="page", has_more_path="more")
    assert (advance(spec, start(spec), items=[1], body={"more": more}, headers={}) is None) is last


def test_hal_links():
    spec = PagingSpec(style="next_link", next_path="_links.next")
    assert (
        next_url(advance(spec, start(spec), items=[1], body={"_links": {"next": {"href": "/n"}}}, headers={}))
        == "/n"
    )


@pytest.mark.parametrize("url", [None, "", " ", 5, [], {}, {"href": None}, True], ids=repr)
def test_no_next_link(url):
    spec = PagingSpec(style="next_link", next_path="n")
    assert advance(spec, start(spec), items=[1], body={"n": url}, headers={}) is None


LOOPS = {
    "cursor_same": (PagingSpec(style="cursor", cursor_path="next"), lambda n: ([n], {"next": "same"})),
    "cursor_cycle_of_three": (
        PagingSpec(style="cursor", cursor_path="next"),
        lambda n: ([n], {"next": f"c{n % 3}"}),
    ),
    "cursor_cycle_after_a_start": (
        PagingSpec(style="cursor", cursor_path="next"),
        lambda n: ([n], {"next": f"c{n if n < 20 else 20 + n % 7}"}),
    ),
    "link_same": (PagingSpec(style="next_link", next_path="next"), lambda n: ([n], {"next": "/p2"})),
    "page_ignored": (PagingSpec(style="page"), lambda n: ([1, 2, 3], {})),
    "offset_ignored": (PagingSpec(style="offset"), lambda n: ([1, 2, 3], {})),
    "page_content_cycles": (PagingSpec(style="page"), lambda n: ([n % 5], {})),
    "keyset_stuck": (PagingSpec(style="keyset"), lambda n: ([{"id": 7, "n": n}], {})),
    "cursor_without_items": (
        PagingSpec(style="cursor", cursor_path="next"),
        lambda n: ([], {"next": f"c{n}"}),
    ),
    "more_without_items": (PagingSpec(style="page", has_more_path="more"), lambda n: ([], {"more": True})),
}


@pytest.mark.parametrize("name", LOOPS)
def test_loops_are_found(name):
    spec, answer = LOOPS[name]
    calls = iter(range(10_000))

    def server(params, url):
        items, body = answer(next(calls))
        return items, body, {}

    with pytest.raises(SyncError) as caught:
        crawl(spec, server)
    assert (caught.value.error_class, caught.value.code) == ("validation", "paging_loop")
    assert caught.value.params["style"] == spec.style


@given(st.integers(0, 30), st.integers(1, 30))
def test_a_cycle_of_any_length_is_found_soon(before, length):
    spec = PagingSpec(style="cursor", cursor_path="next")
    calls = iter(range(10_000))

    def server(params, url):
        number = next(calls)
        return (
            [number],
            {"next": f"c{number if number < before else before + (number - before) % length}"},
            {},
        )

    with pytest.raises(SyncError):
        crawl(spec, server, limit=4 * (before + length) + 8)


def test_state_stays_small():
    spec = PagingSpec(style="cursor", cursor_path="next")
    state = start(spec)
    for number in range(2000):
        state = advance(
            spec,
            state,
            items=[number],
            body={"next": f"c{number}"},
            headers={},
            page_fingerprint=f"f{number}",
        )
    assert len(json.dumps(state)) < 300


def test_too_many_pages():
    spec = PagingSpec(style="page", max_pages=3)
    with pytest.raises(SyncError) as caught:
        crawl(spec, server_of("page", listing(100), 10))
    assert (caught.value.code, caught.value.params) == ("paging_too_long", {"limit": 3})


@pytest.mark.parametrize("key", [None, {"a": 1}, [1]], ids=repr)
def test_keyset_without_a_key(key):
    spec = PagingSpec(style="keyset")
    with pytest.raises(SyncError) as caught:
        advance(spec, start(spec), items=[{"id": key}], body=None, headers={})
    assert caught.value.code == "keyset_missing"


@pytest.mark.parametrize("style", ["nope", "", "__class__", None], ids=repr)
def test_unknown_style(style):
    with pytest.raises(SyncError) as caught:
        start(PagingSpec(style=style))
    assert caught.value.code == "unknown_paging"
    assert all(name in caught.value.params["known"] for name in STYLES)


def test_the_given_state_is_not_changed():
    spec = PagingSpec(style="page")
    state = start(spec)
    advance(spec, state, items=[1], body={}, headers={}, page_fingerprint="x")
    assert state == {"pages": 0, "page": 1}


def test_the_same_page_again_after_a_crash_is_no_loop():
    spec = PagingSpec(style="page")
    state = advance(spec, start(spec), items=[1], body={}, headers={}, page_fingerprint="a")
    once = advance(spec, state, items=[2], body={}, headers={}, page_fingerprint="b")
    assert advance(spec, state, items=[2], body={}, headers={}, page_fingerprint="b") == once


@pytest.mark.parametrize(
    ("value", "links"),
    [
        ('<a>; rel="next"', {"next": "a"}),
        ("<a>; rel=next", {"next": "a"}),
        ('<a>;rel="prev next"', {"prev": "a", "next": "a"}),
        ('<a>; title="x, y; rel=\\"no\\""; rel="next"', {"next": "a"}),
        ('<a>; REL="NEXT", <b>; rel="next"', {"next": "a"}),
        ('<https://x.example/?a=1,2;3>; rel="next"', {"next": "https://x.example/?a=1,2;3"}),
        ("", {}),
        (None, {}),
        ("nonsense", {}),
        ("<a>", {}),
        ('<>; rel="next"', {}),
        ('<a; rel="next"', {}),
    ],
    ids=repr,
)
def test_link_header(value, links):
    assert parse_link_header(value) == links


@given(st.text(max_size=60))
def test_link_header_never_fails(value):
    assert isinstance(parse_link_header(value), dict)
