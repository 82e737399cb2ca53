"""Answers consumers of published data: by SQL alone, from documents that are ready.

A call costs one query for the state of the publication and one for the documents; where the consumer has the present state
already (``If-None-Match``, or ``since`` with the latest change), or this process has just answered the same, only the first.
Each is a transaction of its own, one round trip, on a connection beside the request's; so the documents come with the state
that they belong to, in one statement. Lists go by key. A page says under ``cursor`` up to which change the reading that it
belongs to goes, and ``next`` leads to the next one.
"""

import json
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable
from operator import itemgetter
from typing import NamedTuple
from urllib.parse import urlencode

from odoo import sql_db

from ..core import published_documents, publishing
from ..core.publishing import Cursor, Refusal
from . import publish_access
from .shared import SpareStatements

JSON = "application/json"
PROBLEM = "application/problem+json"
# Smaller bodies than this are not worth compressing.
SMALLEST_GZIP = 1024
GZIP_LEVEL = 4
# Bytes of answers that each process keeps, and the largest one that it keeps.
CACHE_BYTES = 32 * 1024 * 1024
CACHE_LARGEST = 4 * 1024 * 1024
MAX_BODY = 1024 * 1024
PREPARING = (("Retry-After", "10"),)


class Call(NamedTuple):
    """What was asked, without anything of the web framework."""

    method: str
    code: str
    rest: str
    """The path behind the name of the publication"""
    query: list
    authorization: str | None
    if_none_match: str | None
    accept_encoding: str | None
    content_type: str
    read: object
    """``read(limit)`` gives the body, or raises ``Refusal`` 413."""
    path: str
    """Of the publication, for links"""


class Answer(NamedTuple):
    status: int
    body: bytes
    headers: list


class _Cache:
    """Answers of this process, the latest kept, bounded in bytes. Thread-safe. Keys hold everything an answer depends on."""

    def __init__(self, most: int):
        self._most = most
        self._size = 0
        self._kept: OrderedDict[tuple, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key):
        with self._lock:
            body = self._kept.get(key)
            if body is not None:
                self._kept.move_to_end(key)
            return body

    def put(self, key, body: bytes) -> None:
        if len(body) > CACHE_LARGEST:
            return
        with self._lock:
            self._size += len(body) - len(self._kept.pop(key, b""))
            self._kept[key] = body
            while self._size > self._most:
                self._size -= len(self._kept.popitem(last=False)[1])


_cache = _Cache(CACHE_BYTES)
_spare: dict[str, SpareStatements] = {}


def _ask(cr, query: str, params) -> list[tuple]:
    """The rows of one statement, without a transaction around it: two round trips less. The request's own cursor is asked
    where it reads elsewhere (a replica), or what nobody else sees yet (a test), or nothing else is left."""
    if isinstance(cr, sql_db.Cursor) and not cr.readonly:
        spare = _spare.get(cr.dbname) or _spare.setdefault(cr.dbname, SpareStatements(cr.dbname))
        try:
            return spare.run(query, params)
        except sql_db.PoolError:
            pass
    cr.execute(query, params)
    return cr.fetchall()


def answer(env, call: Call) -> Answer:
    """The answer to a call; what is wrong with it is an answer, too."""
    budget = None
    try:
        access, budget = publish_access.check(env, call.authorization)
        publication = _publication(env, call, access)
        found = _Reader(env, call, access, publication).answer()
    except Refusal as refusal:
        found = refused(refusal)
    if budget is not None and found.status != 429:
        found.headers.extend(budget.headers())
    return found


def refused(refusal: Refusal) -> Answer:
    return Answer(refusal.status, refusal.body(), [
        ("Content-Type", PROBLEM), ("Cache-Control", "no-store"), *refusal.headers])


def _publication(env, call: Call, access):
    """The publication that was asked for. One that does not exist and one that is not for this consumer look the same."""
    try:
        if not published_documents.is_text(call.code):
            raise KeyError(call.code)
        publication = env["integration.flow"]._publication(call.code)
    except KeyError:
        publication = None
    if publication is None or publication.flow_id not in access.flow_ids or publication.company_id != access.company_id:
        raise Refusal(404, "no_publication", "Nothing is published here for this token.")
    if not publication.running:
        raise Refusal(503, "paused", "This publication is paused.", (("Retry-After", "300"),))
    unknown = [name for name, _values in access.limits if name not in publication.spec.filters]
    if unknown:
        raise Refusal(403, "not_limitable", "This token is limited to values of a field that is not published here.")
    return publication


class _Reader:
    """One call of a consumer who may read this publication."""

    def __init__(self, env, call: Call, access, publication):
        self.env = env
        self.cr = env.cr
        self.call = call
        self.access = access
        self.publication = publication
        self.spec = publication.spec

    def answer(self) -> Answer:
        rest = self.call.rest
        if rest == "items":
            return self._by_method({"GET": self._list})
        if rest == "lookup":
            return self._by_method({"POST": self._lookup})
        if rest == "openapi.json":
            return self._by_method({"GET": self._openapi})
        if rest.startswith("items/") and len(rest) > 6:
            return self._by_method({"GET": self._one})
        raise Refusal(404, "no_such_path", "There is nothing here. See openapi.json.")

    def _by_method(self, known: dict) -> Answer:
        method = self.call.method
        allowed = ", ".join([*known, *(["HEAD"] if "GET" in known else []), "OPTIONS"])
        if method == "OPTIONS":
            return Answer(204, b"", [("Allow", allowed)])
        handler = known.get("GET" if method == "HEAD" else method)
        if handler is None:
            raise Refusal(405, "method_not_allowed", f"Allowed here: {allowed}.", (("Allow", allowed),))
        return handler()

    # -- lists ---------------------------------------------------------------------------------------------

    def _list(self) -> Answer:
        query = publishing.parse_query(self.call.query, self.spec)
        filters = self._within_limits(query.filters)
        now = self._checked(query, self._state())
        return self._conditional(self._list_tag(query, now), lambda: self._page(query, filters, now))

    def _list_tag(self, query, now: Cursor) -> str:
        return publishing.etag(self.publication.identity, now, self.access.limits, query.identity(), self.call.path)

    def _checked(self, query, state: tuple) -> Cursor:
        """How far the documents are, if the cursors of this question are still valid."""
        now, horizon = Cursor(state[0], state[1]), state[2]
        for cursor in filter(None, (query.since, query.cursor)):
            if cursor.epoch != now.epoch or not horizon <= cursor.change <= now.change:
                raise Refusal(
                    409, "cursor_expired",
                    "This cursor is not valid any more. Read everything again, without since and cursor.")
        return now

    def _page(self, query, filters, now: Cursor) -> tuple[str, bytes]:
        """A page with its tag. What has happened since ``now`` is on it, too, and then its tag and cursor are of then."""
        rows = []
        if query.since != now:  # else there is no need to look
            where, params = self._conditions(query, filters)
            found = _ask(
                self.cr,
                f"""SELECT s.epoch, s.last_change, s.horizon, d.key, d.body, d.present, d.changed_at
                    FROM integration_document_state s LEFT JOIN (
                        SELECT key, body, {self._present(filters, params)} AS present, changed_at
                        FROM integration_document WHERE {where} ORDER BY key COLLATE "C" LIMIT %(limit)s) d ON true
                    WHERE s.flow_id = %(flow)s AND s.ready""",  # pylint: disable=sql-injection
                params)
            if not found:
                raise self._preparing()
            now = self._checked(query, found[0])
            # The join promises no order; by byte and by character is the same.
            rows = sorted((row[3:] for row in found if row[3] is not None), key=itemgetter(0))
        more = len(rows) > query.limit
        rows = rows[:query.limit]
        items = ",".join(self._chosen(row[1], query.fields) for row in rows if row[2])
        gone = [{"key": row[0], "at": row[3].isoformat(timespec="seconds") + "Z"} for row in rows if not row[2]]
        cursor = query.cursor or now
        following = self._next(query, cursor, rows[-1][0]) if more else None
        return self._list_tag(query, now), self._list_body(items, gone, cursor, following)

    @staticmethod
    def _list_body(items: str, gone: list, cursor: Cursor, following: str | None) -> bytes:
        tail = {"deleted": gone, "cursor": str(cursor), "next": following}
        return f'{{"items":[{items}],{published_documents.dump(tail)[1:]}'.encode()

    def _conditions(self, query, filters) -> tuple[str, dict]:
        params = {"flow": self.publication.flow_id, "limit": query.limit + 1}
        where = ["flow_id = %(flow)s", "state <> 'error'"]  # as the index of keys has it
        if query.after:
            where.append('key COLLATE "C" > %(after)s')
            params["after"] = query.after
        if query.keys is not None:
            where.append('key COLLATE "C" = ANY(%(keys)s)')
            params["keys"] = list(query.keys)
        matches = self._matches("tags", filters, params)
        if query.since is None:
            where += ["state = 'live'", matches]
        else:
            # Also what is gone, and what this consumer could see before and cannot see any more.
            params["since"] = query.since.change
            where.append("change_number > %(since)s")
            if filters:
                where.append(
                    f"({matches} OR EXISTS (SELECT 1 FROM jsonb_array_elements(past_tags) AS past(tags) "
                    f"WHERE {self._matches('past.tags', filters, params)}))")
        return " AND ".join(where), params

    def _present(self, filters, params) -> str:
        return f"(state = 'live' AND {self._matches('tags', filters, params)})"

    @staticmethod
    def _matches(column: str, filters, params) -> str:
        """SQL that is true for documents that have one of the values of each filter."""
        conditions = []
        for number, (name, values) in enumerate(filters):
            params[f"filter{number}"] = [f"{name}={value}" for value in values]
            conditions.append(f"COALESCE({column} ?| %(filter{number})s, false)")
        return " AND ".join(conditions) or "true"

    def _next(self, query, cursor: Cursor, last: str) -> str:
        pairs = [(name, value) for name, values in query.filters for value in values]
        pairs += [("key", key) for key in query.keys or ()]
        if query.since is not None:
            pairs.append(("since", str(query.since)))
        if query.fields:
            pairs.append(("fields", ",".join(query.fields)))
        pairs += [("limit", str(query.limit)), ("cursor", str(cursor)), ("after", last)]
        return f"{self.call.path}/items?{urlencode(pairs)}"

    # -- one and many --------------------------------------------------------------------------------------

    def _one(self) -> Answer:
        fields = self._only_fields()
        key = self.call.rest[len("items/"):]
        filters = self._within_limits(())
        row = None
        if published_documents.is_text(key):
            params = {"flow": self.publication.flow_id, "key": key}
            found = _ask(
                self.cr,
                f"""SELECT body, content_hash FROM integration_document
                    WHERE flow_id = %(flow)s AND key COLLATE "C" = %(key)s AND state <> 'error' AND state = 'live'
                      AND {self._matches("tags", filters, params)}""",  # pylint: disable=sql-injection
                params)
            row = found[0] if found else None
        if row is None:
            raise Refusal(404, "no_document", "There is no such document.")
        tag = publishing.etag(self.publication.flow_id, key, row[1], fields)
        return self._conditional(tag, lambda: (tag, self._chosen(row[0], fields).encode()))

    def _only_fields(self) -> tuple[str, ...]:
        query = self.call.query
        if [name for name, _value in query if name != "fields"] or len(query) > 1:
            raise Refusal(400, "unknown_parameter", "Only the parameter fields is known here, once.")
        return publishing.parse_fields(query[0][1], self.spec) if query else ()

    def _lookup(self) -> Answer:
        if self.call.query:
            raise Refusal(400, "unknown_parameter", "A lookup has no parameters in its address.")
        if self.call.content_type.partition(";")[0].strip().lower() != JSON:
            raise Refusal(415, "not_json", "Send the body as application/json.")
        name, values, fields = publishing.parse_lookup(self.call.read(MAX_BODY), self.spec)
        filters = self._within_limits(())
        now = Cursor(*self._state()[:2])  # read first: what changes until the documents are read is told again
        params = {"flow": self.publication.flow_id, "values": list(values), "limit": self.spec.max_page * 2 + 1}
        if name == "key":
            condition = 'key COLLATE "C" = ANY(%(values)s)'
        elif name == "id":
            condition = "res_id = ANY(%(values)s)"
        else:
            condition = "tags ?| %(values)s"
            params["values"] = [f"{name}={value}" for value in values]
        rows = _ask(
            self.cr,
            f"""SELECT key, body, res_id, tags FROM integration_document
                WHERE flow_id = %(flow)s AND state <> 'error' AND state = 'live' AND {condition}
                  AND {self._matches("tags", filters, params)}
                ORDER BY key COLLATE "C" LIMIT %(limit)s""",  # pylint: disable=sql-injection
            params)
        if len(rows) >= params["limit"]:
            raise Refusal(413, "too_many", "More documents answer this lookup than fit. Ask for fewer values at a time.")
        found = self._found(name, rows)
        items = ",".join(self._chosen(row[1], fields) for row in rows)
        tail = {"missing": [value for value in values if value not in found], "cursor": str(now)}
        body = f'{{"items":[{items}],{published_documents.dump(tail)[1:]}'
        return self._plain(body.encode(), [("Cache-Control", "no-store")])

    @staticmethod
    def _found(name: str, rows) -> set:
        if name == "key":
            return {row[0] for row in rows}
        if name == "id":
            return {row[2] for row in rows}
        return {tag.partition("=")[2] for row in rows for tag in row[3] or () if tag.startswith(f"{name}=")}

    def _openapi(self) -> Answer:
        if self.call.query:
            raise Refusal(400, "unknown_parameter", "There are no parameters here.")
        document = {**self.publication.schema, "servers": [{"url": self.call.path}]}
        body = published_documents.dump(document).encode()
        tag = publishing.etag(body)
        return self._conditional(tag, lambda: (tag, body))

    # -- what all share ------------------------------------------------------------------------------------

    def _state(self) -> tuple[int, int, int]:
        """How far the documents are now: epoch and last change; and the change up to which removals are forgotten."""
        found = _ask(
            self.cr, "SELECT epoch, last_change, horizon FROM integration_document_state WHERE flow_id = %s AND ready",
            [self.publication.flow_id])
        if not found:
            raise self._preparing()
        return found[0]

    @staticmethod
    def _preparing() -> Refusal:
        return Refusal(503, "preparing", "The documents are being prepared. Try again in some seconds.", PREPARING)

    def _within_limits(self, filters) -> tuple:
        """The filters that were asked for, and those that the token is limited to.

        :raises Refusal: 403 for a value outside of the limits
        """
        allowed = dict(self.access.limits)
        for name, values in filters:
            if name in allowed and not set(values) <= set(allowed[name]):
                raise Refusal(403, "not_allowed", f"This token may not read documents with such a value of {name}.")
        return tuple(sorted({**allowed, **dict(filters)}.items()))

    @staticmethod
    def _chosen(body: str, fields) -> str:
        return published_documents.dump(published_documents.select(json.loads(body), fields)) if fields else body

    def _conditional(self, tag: str, make: Callable[[], tuple[str, bytes]]) -> Answer:
        """304 where the consumer has what this tag stands for, else the body that ``make`` gives, with its own tag."""
        unchanged = publishing.matches_etag(self.call.if_none_match, tag)
        body = None if unchanged else _cache.get((tag, "plain"))
        if body is None and not unchanged:
            tag, body = make()
            _cache.put((tag, "plain"), body)
        headers = [("ETag", tag), ("Cache-Control", "private, no-cache"), ("Vary", "Authorization, Accept-Encoding")]
        return Answer(304, b"", headers) if unchanged else self._plain(body, headers, tag)

    def _plain(self, body: bytes, headers: list, tag: str = "") -> Answer:
        headers = [("Content-Type", JSON), *headers]
        if len(body) >= SMALLEST_GZIP and publishing.accepts_gzip(self.call.accept_encoding):
            packed = _cache.get((tag, "gzip")) if tag else None
            if packed is None:
                packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, 31)
                packed = packer.compress(body) + packer.flush()
                if tag:
                    _cache.put((tag, "gzip"), packed)
            return Answer(200, packed, [*headers, ("Content-Encoding", "gzip")])
        return Answer(200, body, headers)
