"""What consumers of published data may ask, and how their questions are read: cursors, filters, pages, conditions.

Everything here is text in, values or a :class:`Refusal` out; no database, no Odoo.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from .published_documents import MAX_TEXT, dump, is_text

TEXT = "^[^\\u0000]+$"
"""Values of filters and keys: any text that the database can hold."""
CURSOR = r"^[0-9]{1,10}-[0-9]{1,15}$"
FILTER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}(?:\.[A-Za-z_][A-Za-z0-9_]{0,62}){0,4}", re.ASCII)
RESERVED = ("since", "cursor", "after", "limit", "fields", "key")
"""Names of parameters that no filter may have; ``key`` is a filter that every publication has."""
MAX_VALUES = 200

_CURSOR = re.compile(CURSOR, re.ASCII)
_NUMBER = re.compile(r"[1-9][0-9]{0,6}", re.ASCII)

TITLES = {
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    409: "Conflict", 413: "Content Too Large", 415: "Unsupported Media Type", 429: "Too Many Requests",
    500: "Internal Server Error", 503: "Service Unavailable",
}


class Refusal(Exception):
    """An answer that is no data: status, a code for programs, a sentence for people (RFC 9457)."""

    def __init__(self, status: int, code: str, detail: str, headers: tuple = ()):
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers

    def body(self) -> bytes:
        """The problem as JSON.

        >>> Refusal(404, "not_found", "There is no such document.").body()
        b'{"type":"about:blank","title":"Not Found","status":404,"code":"not_found","detail":"There is no such document."}'
        """
        return dump({
            "type": "about:blank", "title": TITLES[self.status], "status": self.status, "code": self.code,
            "detail": self.detail}).encode()


class Cursor(NamedTuple):
    """How far a consumer has read: everything up to change ``change`` of the publication's life ``epoch``."""

    epoch: int
    change: int

    def __str__(self):
        return f"{self.epoch}-{self.change}"


class Spec(NamedTuple):
    """What a publication allows to ask."""

    filters: tuple[str, ...]
    fields: tuple[str, ...]
    page_size: int
    max_page: int
    max_lookup: int


@dataclass(frozen=True, slots=True)
class Query:
    """One question for a list of documents."""

    filters: tuple[tuple[str, tuple[str, ...]], ...] = ()
    keys: tuple[str, ...] | None = None
    since: Cursor | None = None
    cursor: Cursor | None = None
    after: str = ""
    limit: int = 100
    fields: tuple[str, ...] = ()

    def identity(self) -> str:
        """The same for two questions that mean the same."""
        return repr((self.filters, self.keys, self.since, self.cursor, self.after, self.limit, self.fields))


def read_cursor(text: str) -> Cursor:
    """The cursor that a text stands for.

    >>> read_cursor("7-120")
    Cursor(epoch=7, change=120)
    """
    if not _CURSOR.fullmatch(text):
        raise Refusal(400, "bad_cursor", "A cursor has the form 1-1234. Use the one that the last answer gave.")
    epoch, _dash, change = text.partition("-")
    return Cursor(int(epoch), int(change))


def parse_query(pairs: list[tuple[str, str]], spec: Spec) -> Query:
    """The question that the parameters of a request ask.

    :param pairs: names and values as they came, in order, repetitions included
    :raises Refusal: 400, with the name of the parameter
    """
    given: dict[str, str] = {}
    filters: dict[str, list[str]] = {}
    for name, value in pairs:
        if name in spec.filters or name == "key":
            filters.setdefault(name, []).append(value)
        elif name in RESERVED:
            if name in given:
                raise Refusal(400, "repeated_parameter", f"The parameter {name} is given more than once.")
            given[name] = value
        else:
            raise Refusal(400, "unknown_parameter", _unknown("parameter", name, (*RESERVED, *spec.filters)))
    for name, values in filters.items():
        _check_values(name, values)
    after = given.get("after", "")
    if "after" in given and (not after or not is_text(after)):
        raise Refusal(400, "bad_after", "The parameter after takes the key behind which the page begins.")
    keys = filters.pop("key", None)
    return Query(
        filters=tuple(sorted((name, tuple(sorted(set(values)))) for name, values in filters.items())),
        keys=None if keys is None else tuple(sorted(set(keys))),
        since=read_cursor(given["since"]) if "since" in given else None,
        cursor=read_cursor(given["cursor"]) if "cursor" in given else None,
        after=after,
        limit=_limit(given["limit"], spec.max_page) if "limit" in given else spec.page_size,
        fields=parse_fields(given["fields"], spec) if "fields" in given else ())


def parse_fields(text: str, spec: Spec) -> tuple[str, ...]:
    """The names of chosen fields, separated by commas.

    :raises Refusal: 400 for a name that the publication has not
    """
    names = tuple(dict.fromkeys(text.split(",")))
    for name in names:
        if name not in spec.fields:
            raise Refusal(400, "unknown_field", _unknown("field", name, spec.fields))
    return names


def parse_lookup(raw: bytes, spec: Spec) -> tuple[str, tuple, tuple[str, ...]]:
    """What a lookup asks for: by what (``key``, ``id``, or a filter), the values, and the chosen fields.

    :raises Refusal: 400 for anything else than one list of values
    """
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise Refusal(400, "bad_json", "The body is not JSON.") from None
    if not isinstance(body, dict):
        raise Refusal(400, "bad_body", "The body must be a JSON object.")
    fields: tuple[str, ...] = ()
    if "fields" in body:
        names = body.pop("fields")
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise Refusal(400, "bad_fields", "fields must be a list of names.")
        if len(set(names)) != len(names):
            raise Refusal(400, "bad_fields", "fields names something twice.")
        for name in names:
            if name not in spec.fields:
                raise Refusal(400, "unknown_field", _unknown("field", name, spec.fields))
        fields = tuple(names)
    known = {"keys": "key", "ids": "id", **{name: name for name in spec.filters}}
    if len(body) != 1 or next(iter(body)) not in known:
        raise Refusal(400, "bad_body", f"The body must have one of {', '.join(known)}, with a list of values.")
    name, values = next(iter(body.items()))
    if not isinstance(values, list) or not values:
        raise Refusal(400, "bad_values", f"{name} must be a list with at least one value.")
    if len(values) > spec.max_lookup:
        raise Refusal(400, "too_many", f"At most {spec.max_lookup} values can be asked for in one call.")
    if name == "ids":
        if not all(type(value) in (int, float) and value == value // 1 and 0 < value < 2**31 for value in values):
            raise Refusal(400, "bad_values", "ids must be positive whole numbers.")
        values = [int(value) for value in values]
    elif not all(is_text(value) and value for value in values):
        raise Refusal(400, "bad_values", f"{name} must be texts of at most {MAX_TEXT} characters.")
    return known[name], tuple(dict.fromkeys(values)), fields


def etag(*parts: Any) -> str:
    """A weak entity tag: the compressed answer and the plain one mean the same."""
    return f'W/"{hashlib.blake2b(repr(parts).encode(), digest_size=15).hexdigest()}"'


def matches_etag(header: str | None, tag_text: str) -> bool:
    """Does ``If-None-Match`` name this entity (weak comparison)?

    >>> matches_etag('"a", W/"b"', 'W/"b"'), matches_etag("*", 'W/"b"'), matches_etag('"c"', 'W/"b"')
    (True, True, False)
    """
    if not header:
        return False
    if header.strip() == "*":
        return True
    wanted = tag_text.removeprefix("W/")
    return any(part.strip().removeprefix("W/") == wanted for part in header.split(","))


def accepts_gzip(header: str | None) -> bool:
    """Does ``Accept-Encoding`` allow gzip?

    >>> accepts_gzip("br, gzip;q=0.8"), accepts_gzip("gzip;q=0"), accepts_gzip("*"), accepts_gzip(None)
    (True, False, True, False)
    """
    found = {}
    for part in (header or "").split(","):
        name, *parameters = part.strip().lower().split(";")
        weight = 1.0
        for parameter in parameters:
            if parameter.strip().startswith("q="):
                try:
                    weight = float(parameter.strip()[2:])
                except ValueError:
                    weight = 0.0
        found[name.strip()] = weight
    return found.get("gzip", found.get("*", 0.0)) > 0


def _limit(text: str, most: int) -> int:
    if not _NUMBER.fullmatch(text) or int(text) > most:
        raise Refusal(400, "bad_limit", f"The parameter limit must be a whole number from 1 to {most}.")
    return int(text)


def _check_values(name: str, values: list[str]) -> None:
    if len(values) > MAX_VALUES:
        raise Refusal(400, "too_many_values", f"At most {MAX_VALUES} values of {name} fit into a list call. Use lookup.")
    if not all(value and is_text(value) for value in values):
        raise Refusal(400, "bad_value", f"A value of {name} must have 1 to {MAX_TEXT} characters.")


def _unknown(what: str, name: str, known) -> str:
    shown = "".join(char for char in name[:40] if char.isprintable())
    return f"There is no {what} {shown}. Known: {', '.join(known)}."

