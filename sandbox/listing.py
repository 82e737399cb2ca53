"""Lists: filters, order, and every paging style over the same collections.

``paging`` chooses the style; without it the shop's own ``page``/``per_page``/``offset`` with ``X-WP-Total``
headers.
"""

import base64
import json
import math
from datetime import UTC, datetime, timedelta

from .messages import Response, dumps, invalid_params
from .store import after, sort_value, text

STYLES = ("page", "offset", "cursor", "next", "link", "keyset")
PAGE_PARAMS = ("page", "offset", "cursor", "after_id")
DATE_FILTERS = {
    "after": ("created", 1),
    "before": ("created", -1),
    "modified_after": ("modified", 1),
    "modified_before": ("modified", -1),
}


class Spec:
    """What one collection can be filtered and sorted by."""

    def __init__(self, orderby="date", descending=True, keys=(), tests=None, statuses=(), search=()):
        self.orderby = orderby
        self.descending = descending
        self.keys = keys  # parameters answered by the index: name -> key of the store
        self.tests = tests or {}  # parameters answered by reading each record: name -> test(record, value)
        self.statuses = statuses
        self.search = search  # paths of the fields that ``search`` looks into


ORDERS = {"date": "created", "id": "id", "modified": "modified", "title": "title", "slug": "title"}
ORDERS |= {"name": "title", "registered_date": "created", "include": "id", "order": "id", "priority": "id"}


def whole_number(request, name, default, low, high=None, problems=None):
    value = request.param(name)
    if value is None:
        return default
    try:
        number = int(value)
    except ValueError:
        problems[name] = f"{name} is not of type integer."
        return default
    if high is not None and not low <= number <= high:
        problems[name] = f"{name} must be between {low} (inclusive) and {high} (inclusive)"
    elif number < low:
        problems[name] = f"{name} must be greater than or equal to {low}"
    return number


def parse_date(value, utc_offset, gmt):
    """A filter date as the text that records carry in UTC; a date with its own zone keeps that."""
    moment = datetime.fromisoformat(value.replace("Z", "+00:00").replace(" ", "+"))
    if moment.tzinfo:
        moment = moment.astimezone(UTC)
    elif not gmt:
        moment -= timedelta(hours=utc_offset)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f").removesuffix(".000000")


def dig(record, path):
    for part in path.split("."):
        record = record.get(part) if isinstance(record, dict) else None
    return record


class Query:
    """One list request, checked."""

    def __init__(self, request, spec, settings):
        self.request = request
        self.spec = spec
        problems = {}
        self.style = request.param("paging")
        if self.style and self.style not in STYLES:
            problems["paging"] = f"paging is not one of {', '.join(STYLES)}."
        most = settings.max_per_page
        self.limit = whole_number(request, "per_page", min(10, most), 1, most, problems)
        self.limit = whole_number(request, "limit", self.limit, 1, most, problems)
        self.page = whole_number(request, "page", 1, 1, None, problems)
        self.offset = whole_number(request, "offset", None, 0, None, problems)
        orderby = request.param("orderby", spec.orderby)
        if orderby not in ORDERS:
            problems["orderby"] = f"orderby is not one of {', '.join(ORDERS)}."
        direction = request.param("order", "desc" if spec.descending else "asc")
        if direction not in ("asc", "desc"):
            problems["order"] = "order is not one of asc, desc."
        self.order = (ORDERS.get(orderby, "created"), direction == "desc")
        self.orderby = orderby
        self.dates = {}
        gmt = request.param("dates_are_gmt", "").lower() in ("1", "true")
        for name in DATE_FILTERS:
            value = request.param(name)
            if value:
                try:
                    self.dates[name] = parse_date(value, settings.utc_offset, gmt)
                except ValueError:
                    problems[name] = "Invalid date."
        self.statuses = request.params("status")
        for position, status in enumerate(self.statuses):
            if spec.statuses and status not in spec.statuses:
                problems["status"] = f"status[{position}] is not one of {', '.join(spec.statuses)}."
        self.include = self._ids("include", problems)
        self.exclude = self._ids("exclude", problems)
        self.after_id = request.param("after_id")
        if self.style == "cursor" and request.param("cursor"):
            self.after_id = self._cursor(request.param("cursor"), problems)
        elif self.after_id is not None and self.after_id.lstrip("-").isdigit():
            self.after_id = int(self.after_id)
        if problems:
            raise invalid_params(problems)
        if self.after_id is not None or self.style in ("cursor", "keyset"):
            self.order = ("id", False)

    def _ids(self, name, problems):
        values = self.request.params(name)
        wrong = next((i for i, value in enumerate(values) if not value.lstrip("-").isdigit()), None)
        if wrong is not None:
            problems[name] = f"{name}[{wrong}] is not of type integer."
            return []
        return [int(value) for value in values]

    @staticmethod
    def _cursor(value, problems):
        try:
            return json.loads(base64.urlsafe_b64decode(value.encode()))["after"]
        except (ValueError, KeyError, TypeError):
            problems["cursor"] = "The cursor is invalid or has expired."

    # Rows

    def rows(self, collection, parent=None):
        """All rows that match, in order. Nothing is read twice for the next page."""
        filters = {
            name: tuple(self.request.params(name)) or None for name in (*self.spec.keys, *self.spec.tests)
        }
        more = (
            self.request.param("search"),
            self.request.param("meta_key"),
            self.request.param("meta_value"),
        )
        reference = self.request.param("external_reference")
        key = (
            parent, self.order, self.orderby, tuple(self.statuses), tuple(self.include), tuple(self.exclude),
            tuple(self.dates.items()), tuple(filters.items()), more, reference,
        )  # fmt: skip
        return collection.query(key, lambda: self._matching(collection, parent, filters, more, reference))

    def _matching(self, collection, parent, filters, more, reference):
        search, meta_key, meta_value = more
        keys = [[("parent", parent)]] if parent is not None else []
        if meta_key and meta_value is not None:
            keys.append([("meta", meta_key, meta_value)])
        if reference is not None:
            keys.append([("meta", "external_reference", reference)])
        given = {name: values for name, values in filters.items() if values}
        keys += [
            [self.spec.keys[name](value) for value in given[name]] for name in given if name in self.spec.keys
        ]
        rows = self._by_columns(self._by_keys(collection, keys))
        tests = [(self.spec.tests[name], given[name][-1]) for name in given if name in self.spec.tests]
        if search:
            tests.append((self._found, search.lower()))
        for test, value in tests:
            rows = [row for row in rows if test(row.record(), value)]
        return rows

    def _by_keys(self, collection, keys):
        """Rows by the index. Looking up one record never puts all of them in order."""
        sets = [{identifier for key in group for identifier in collection.find(*key)} for group in keys]
        if self.include:
            sets.append({identifier for identifier in self.include if identifier in collection.rows})
        if not sets:
            return collection.ordered(*self.order)
        rows = [collection.rows[identifier] for identifier in set.intersection(*sets)]
        if self.include and self.orderby == "include":
            return sorted(rows, key=lambda row: self.include.index(row.id))
        return sorted(rows, key=lambda row: sort_value(row, self.order[0]), reverse=self.order[1])

    def _by_columns(self, rows):
        for name, moment in self.dates.items():
            column, direction = DATE_FILTERS[name]
            if direction > 0:
                rows = [row for row in rows if getattr(row, column) > moment]
            else:
                rows = [row for row in rows if "" < getattr(row, column) < moment]
        if self.spec.statuses:
            if not self.statuses or "any" in self.statuses:
                rows = [row for row in rows if row.status != "trash"]
            else:
                rows = [row for row in rows if row.status in self.statuses]
        if self.exclude:
            rows = [row for row in rows if row.id not in set(self.exclude)]
        return rows

    def _found(self, record, search):
        return any(search in text(dig(record, path)).lower() for path in self.spec.search)


# Answers


def answer(request, collection, spec, settings, parent=None):
    """One page of a collection in the style that the request asks for."""
    query = Query(request, spec, settings)
    rows = query.rows(collection, parent)
    total = len(rows)
    if query.after_id is not None:
        rows = after(rows, query.after_id)
        start, left = 0, len(rows)
    else:
        start = query.offset if query.offset is not None else (query.page - 1) * query.limit
        left = total - start
    part = rows[start : start + query.limit]
    more = left > query.limit
    items = b",".join(pick(part, request))
    by_key = query.order == ("id", False) and (
        query.after_id is not None or query.style in ("cursor", "keyset")
    )
    last = part[-1].id if part else query.after_id
    if query.style == "cursor":
        return cursor_answer(request, items, last, more)
    pages = math.ceil(total / query.limit)
    if by_key:
        following = request.url(after_id=last) if more else None
        previous = None
    elif query.offset is not None:
        following = request.url(offset=start + query.limit) if more else None
        previous = request.url(offset=max(0, start - query.limit)) if start else None
    else:
        following = request.url(page=query.page + 1) if more else None
        previous = request.url(page=min(query.page - 1, pages)) if query.page > 1 else None
    if query.style == "next":
        return enveloped(b"results", items, {"count": total, "next": following, "previous": previous})
    if query.style == "offset":
        return enveloped(b"data", items, {"total": total, "offset": start, "limit": query.limit})
    if query.style == "page":
        return enveloped(b"data", items, {"meta": {"page": query.page, "pages": pages, "total": total}})
    links = [f'<{url}>; rel="{rel}"' for rel, url in (("prev", previous), ("next", following)) if url]
    headers = [("Link", ", ".join(links))] if links else []
    if query.style not in ("link", "keyset") and not by_key:
        headers += [("X-WP-Total", str(total)), ("X-WP-TotalPages", str(pages))]
    return Response(b"[" + items + b"]", headers=headers)


def cursor_answer(request, items, last, more):
    cursor = base64.urlsafe_b64encode(dumps({"after": last})).decode() if more else None
    url = request.url(cursor=cursor) if more else None
    return enveloped(b"data", items, {"paging": {"next_cursor": cursor, "next_url": url, "has_more": more}})


def enveloped(name, items, rest):
    return Response(b'{"' + name + b'":[' + items + b"]," + dumps(rest)[1:])


def pick(rows, request):
    """The JSON texts of rows, cut down to ``_fields`` (paths with dots) when asked."""
    fields = request.params("_fields")
    if not fields:
        return [row.blob for row in rows]
    return [dumps(only(row.record(), fields)) for row in rows]


def only(record, fields):
    """
    >>> only({"id": 1, "billing": {"email": "a", "city": "b"}, "name": "c"}, ["id", "billing.email"])
    {'id': 1, 'billing': {'email': 'a'}}
    """
    kept = {}
    for field in fields:
        first, _, rest = field.partition(".")
        if not isinstance(record, dict) or first not in record:
            continue
        if not rest:
            kept[first] = record[first]
        elif isinstance(record[first], dict):
            kept.setdefault(first, {}).update(only(record[first], [rest]))
    return kept
