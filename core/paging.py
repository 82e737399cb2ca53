"""Page after page through a list, as data: the spec says how, the state says where; no calls here.

The state is a plain JSON object that the engine stores with the run, so that a crash continues on the same
page. A new style is one function ``_page_<style>_advance(spec, state, page)`` and, where it sends parameters,
``_page_<style>_query(spec, state)``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from . import paths
from .errors import SyncError
from .fingerprint import content_hash
from .values import text_of

STYLES = ("none", "page", "offset", "cursor", "next_link", "link_header", "keyset", "connection")
# So many pages without an item one after the other, and "more" still promised: nobody is counting there.
MAX_EMPTY_PAGES = 50


@dataclass(frozen=True, slots=True)
class PagingSpec:
    """How a resource gives its list. Paths are JMESPaths into the body (keyset_path: into the last item)."""

    style: str = "none"
    page_param: str = "page"
    size_param: str = ""
    page_size: int = 0
    first_page: int = 1
    offset_param: str = "offset"
    cursor_param: str = "cursor"
    cursor_path: str = ""
    next_path: str = ""
    has_more_path: str = ""
    total_pages_header: str = ""
    keyset_param: str = ""
    keyset_path: str = ""
    max_pages: int = 100_000


class _Page(NamedTuple):
    items: list
    body: Any
    headers: dict[str, str]


def start(spec: PagingSpec) -> dict[str, Any]:
    """The state before the first page. Errors: SyncError('mapping', 'unknown_paging').

    >>> start(PagingSpec(style="page"))
    {'pages': 0, 'page': 1}
    """
    _function(spec, "advance")
    state: dict[str, Any] = {"pages": 0}
    if spec.style == "page":
        state["page"] = spec.first_page
    elif spec.style == "offset":
        state["offset"] = 0
    return state


def query(spec: PagingSpec, state: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that ask for the page of this state; {} where `next_url` is the whole address.

    >>> query(PagingSpec(style="page", size_param="per_page", page_size=50), {"pages": 2, "page": 3})
    {'per_page': 50, 'page': 3}
    """
    if state.get("url"):
        return {}
    params: dict[str, Any] = {}
    if spec.size_param and spec.page_size:
        params[spec.size_param] = spec.page_size
    function = globals().get(f"_page_{spec.style}_query")
    return {**params, **function(spec, state)} if function else params


def next_url(state: Mapping[str, Any]) -> str | None:
    """The address of the page as the other side gave it (may be relative); None = the list's own."""
    return state.get("url") or None


def advance(
    spec: PagingSpec,
    state: Mapping[str, Any],
    *,
    items: list,
    body: Any,
    headers: Mapping[str, str],
    page_fingerprint: str = "",
) -> dict[str, Any] | None:
    """The state of the next page, None after the last one. The given state is not changed.

    :param items: the records of this page
    :param page_fingerprint: hash of the page's content, '' = do not compare
    Errors: SyncError('validation', 'paging_loop') if the same token or content comes twice, 'paging_too_long'
    after spec.max_pages, 'keyset_missing' if the last item has no key, 'page_info_missing' without a page info.

    >>> spec = PagingSpec(style="cursor", cursor_path="meta.next")
    >>> state = advance(spec, start(spec), items=[1], body={"meta": {"next": "abc"}}, headers={})
    >>> query(spec, state)
    {'cursor': 'abc'}
    >>> advance(spec, state, items=[2], body={"meta": {"next": None}}, headers={}) is None
    True
    """
    function = _function(spec, "advance")
    plain = {str(name).casefold(): str(value) for name, value in (headers or {}).items()}
    step = function(spec, state, _Page(items, body, plain))
    if step is None:
        return None
    pages = state["pages"] + 1
    if pages >= spec.max_pages:
        raise SyncError("validation", "paging_too_long", params={"limit": spec.max_pages})
    after = {name: value for name, value in state.items() if name in ("seen_token", "seen_page", "empty")}
    after.update(step, pages=pages)
    token = content_hash(step)
    _guard(spec, after, "seen_token", token, step)
    if items:
        after.pop("empty", None)
        if page_fingerprint:
            _guard(spec, after, "seen_page", page_fingerprint, step)
    else:
        after["empty"] = after.get("empty", 0) + 1
        if after["empty"] >= MAX_EMPTY_PAGES:
            raise _loop(spec, step)
    return after


def _function(spec: PagingSpec, verb: str) -> Callable:
    function = globals().get(f"_page_{spec.style}_{verb}")
    if function is None:
        raise SyncError(
            "mapping", "unknown_paging", params={"style": str(spec.style)[:80], "known": ", ".join(STYLES)}
        )
    return function


def _guard(spec: PagingSpec, state: dict, name: str, token: str, step: dict) -> None:
    """Brent's cycle detection: one remembered token, renewed at powers of two, finds a loop of any length
    with a state of constant size."""
    seen = state.get(name)
    if seen and seen[0] == token:
        raise _loop(spec, step)
    if not seen:
        state[name] = [token, 1, 1]
    elif seen[1] >= seen[2]:
        state[name] = [token, 1, seen[2] * 2]
    else:
        state[name] = [seen[0], seen[1] + 1, seen[2]]


def _loop(spec: PagingSpec, step: dict) -> SyncError:
    token = next(iter(step.values()), "")
    return SyncError("validation", "paging_loop", params={"style": spec.style, "token": str(token)[:80]})


def _has_more(spec: PagingSpec, page: _Page) -> bool | None:
    """What the body itself says; None = nothing."""
    if not spec.has_more_path:
        return None
    more = paths.get(spec.has_more_path, page.body)
    if isinstance(more, str):
        return more.strip().casefold() not in ("", "false", "0", "no", "n", "null")
    return None if more is None else bool(more)


def _is_last(spec: PagingSpec, page: _Page, number: int | None = None) -> bool:
    """The best sign there is: total pages, then "has more", then a short or empty page."""
    total = page.headers.get(spec.total_pages_header.casefold(), "") if spec.total_pages_header else ""
    if number is not None and total.strip().isdecimal():
        return number - spec.first_page + 1 >= int(total)
    more = _has_more(spec, page)
    if more is not None:
        return not more
    return not page.items or 0 < len(page.items) < spec.page_size


def _page_none_advance(spec: PagingSpec, state: Mapping, page: _Page) -> None:
    return None


def _page_page_query(spec: PagingSpec, state: Mapping) -> dict:
    return {spec.page_param: state["page"]}


def _page_page_advance(spec: PagingSpec, state: Mapping, page: _Page) -> dict | None:
    return None if _is_last(spec, page, state["page"]) else {"page": state["page"] + 1}


def _page_offset_query(spec: PagingSpec, state: Mapping) -> dict:
    return {spec.offset_param: state["offset"]}


def _page_offset_advance(spec: PagingSpec, state: Mapping, page: _Page) -> dict | None:
    """By the number of items that came: a server that gives fewer than asked for skips none."""
    number = state["pages"] + spec.first_page
    if not page.items or _is_last(spec, page, number):
        return None
    return {"offset": state["offset"] + len(page.items)}


def _page_cursor_query(spec: PagingSpec, state: Mapping) -> dict:
    return {spec.cursor_param: state["cursor"]} if state.get("cursor") not in (None, "") else {}


def _page_cursor_advance(spec: PagingSpec, state: Mapping, page: _Page) -> dict | None:
    cursor = text_of(paths.get(spec.cursor_path, page.body)) if spec.cursor_path else None
    if not cursor or _has_more(spec, page) is False:
        return None
    return {"cursor": cursor}


_page_connection_query = _page_cursor_query


def _page_connection_advance(spec: PagingSpec, state: Mapping, page: _Page) -> dict | None:
    """By the page info of a GraphQL connection, at spec.cursor_path. An answer without it is no last page."""
    info = paths.get(spec.cursor_path, page.body)
    info = info if isinstance(info, dict) else {}
    cursor = text_of(info.get("endCursor"))
    if info.get("hasNextPage") is False:
        return None
    if info.get("hasNextPage") is not True or not cursor:
        raise SyncError("validation", "page_info_missing", params={"path": spec.cursor_path})
    return {"cursor": cursor}


def _page_keyset_query(spec: PagingSpec, state: Mapping) -> dict:
    return {spec.keyset_param or "since_id": state["key"]} if state.get("key") not in (None, "") else {}


def _page_keyset_advance(spec: PagingSpec, state: Mapping, page: _Page) -> dict | None:
    if not page.items or _is_last(spec, page):
        return None
    key = paths.get(spec.keyset_path or "id", page.items[-1])
    if key is None or isinstance(key, (dict, list)):
        raise SyncError("validation", "keyset_missing", params={"path": spec.keyset_path or "id"})
    return {"key": key}


def _page_next_link_advance(spec: PagingSpec, state: Mapping, page: _Page) -> dict | None:
    url = paths.get(spec.next_path, page.body) if spec.next_path else None
    if isinstance(url, dict):  # HAL and friends: {"next": {"href": ...}}
        url = url.get("href") or url.get("url")
    if not isinstance(url, str) or not url.strip() or _has_more(spec, page) is False:
        return None
    return {"url": url.strip()}


def _page_link_header_advance(spec: PagingSpec, state: Mapping, page: _Page) -> dict | None:
    url = parse_link_header(page.headers.get("link", "")).get("next")
    return {"url": url} if url else None


_LINK = re.compile(
    r"""<(?P<url>[^<>]*)>(?P<params>(?:\s*;\s*[\w!#$&+.^`|~*-]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s",;]*))?)*)"""
)
_PARAM = re.compile(
    r""";\s*(?P<name>[\w!#$&+.^`|~*-]+)\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s",;]*))"""
)


def parse_link_header(value: str) -> dict[str, str]:
    """Relation -> address of a Link header (RFC 8288); the first of a relation counts.

    >>> parse_link_header('<https://a.example/?p=2,3>; rel="next", <https://a.example/?p=9>; rel=last')
    {'next': 'https://a.example/?p=2,3', 'last': 'https://a.example/?p=9'}
    """
    links: dict[str, str] = {}
    for match in _LINK.finditer((value or "")[:16384]):
        for param in _PARAM.finditer(match["params"]):
            if param["name"].casefold() == "rel" and match["url"].strip():
                for relation in (param["quoted"] or param["bare"] or "").casefold().split():
                    links.setdefault(relation, match["url"].strip())
                break
    return links
