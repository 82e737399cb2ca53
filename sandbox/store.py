"""The shop's memory: collections of records behind one lock.

A record is kept as the JSON text that is sent, beside the few values that lists filter and sort by. So a
page costs a join of ready-made texts, and no two threads ever share a record that one of them changes.
"""

import json
import random
import threading
import time
from bisect import bisect_right
from collections import OrderedDict
from datetime import UTC, datetime, timedelta

from .messages import dumps

CACHED_QUERIES = 32


def sort_id(identifier):
    """Numbers before texts: ids loaded by a test may be anything.

    >>> sorted(["b/1", 10, 9], key=sort_id)
    [9, 10, 'b/1']
    """
    return (0, identifier, "") if isinstance(identifier, int) else (1, 0, str(identifier))


def text(value):
    return value if isinstance(value, str) else ""


class Row:
    """One record: its JSON text and what lists need to know without reading that."""

    __slots__ = ("blob", "created", "id", "keys", "modified", "parent", "status", "title")

    def record(self):
        return json.loads(self.blob)


class Collection:
    """The records of one kind, in the order of their ids, with look-ups by exact values."""

    def __init__(self, name, route, keys=lambda record: (), title=lambda record: ""):
        self.name = name
        self.route = route  # for links, e.g. "orders/{parent}/refunds"
        self.rows = {}
        self.version = 0
        self._keys = keys
        self._title = title
        self._index = {}
        self._ordered = {}
        self._queries = OrderedDict()

    def put(self, record, parent=None, links=None):
        """Store a record under its id; one without id (only hostile data has none) gets a private one."""
        row = Row()
        row.id = identifier = (
            record.get("id", f"\0{self.version}") if isinstance(record, dict) else f"\0{self.version}"
        )
        if not isinstance(identifier, int | str):
            row.id = f"\0{self.version}"
        if links and isinstance(record, dict):
            record = {**record, "_links": links}
        record_or_empty = record if isinstance(record, dict) else {}
        row.parent = parent
        row.created = text(record_or_empty.get("date_created_gmt"))
        row.modified = text(record_or_empty.get("date_modified_gmt")) or row.created
        row.status = text(record_or_empty.get("status"))
        row.title = text(self._title(record_or_empty))
        row.keys = tuple(set(self._keys_of(record_or_empty, row)))
        row.blob = dumps(record)
        old = self.rows.get(row.id)
        if old:
            self._unindex(old)
        self.rows[row.id] = row
        for key in row.keys:
            self._index.setdefault(key, {})[row.id] = None
        self._changed()
        return row

    def _keys_of(self, record, row):
        yield from self._keys(record)
        if row.parent is not None:
            yield ("parent", row.parent)
        meta = record.get("meta_data")
        for item in meta if isinstance(meta, list) else ():
            if isinstance(item, dict) and isinstance(item.get("value"), str | int):
                yield ("meta", str(item.get("key")), str(item["value"]))

    def get(self, identifier):
        row = self.rows.get(identifier)
        return row.record() if row else None

    def first(self, *key):
        """The id of a record that has this key, or None."""
        return next(iter(self._index.get(key, ())), None)

    def find(self, *key):
        return list(self._index.get(key, ()))

    def delete(self, identifier):
        row = self.rows.pop(identifier, None)
        if row:
            self._unindex(row)
            self._changed()
        return row

    def clear(self):
        self.rows.clear()
        self._index.clear()
        self._changed()

    def _unindex(self, row):
        for key in row.keys:
            ids = self._index.get(key)
            if ids:
                ids.pop(row.id, None)
                if not ids:
                    del self._index[key]

    def _changed(self):
        self.version += 1
        self._ordered.clear()
        self._queries.clear()

    def records(self, *key):
        rows = (self.rows[identifier] for identifier in self.find(*key)) if key else self.rows.values()
        return [row.record() for row in rows]

    def ordered(self, orderby, descending=False):
        """All rows in one order; kept until the next change."""
        cached = self._ordered.get((orderby, descending))
        if cached is None:
            cached = sorted(self.rows.values(), key=lambda row: sort_value(row, orderby), reverse=descending)
            self._ordered[orderby, descending] = cached
        return cached

    def query(self, cache_key, compute):
        """Rows of a filtered list, computed once for all its pages unless the collection changes."""
        if cache_key in self._queries:
            self._queries.move_to_end(cache_key)
            return self._queries[cache_key]
        rows = self._queries[cache_key] = compute()
        while len(self._queries) > CACHED_QUERIES:
            self._queries.popitem(last=False)
        return rows


def sort_value(row, orderby):
    if orderby == "id":
        return sort_id(row.id)
    if orderby == "modified":
        return (row.modified, sort_id(row.id))
    if orderby == "title":
        return (row.title.lower(), sort_id(row.id))
    return (row.created, sort_id(row.id))


def after(rows, identifier):
    """Rows (in the order of ids) that come after an id."""
    return rows[bisect_right(rows, sort_id(identifier), key=lambda row: sort_id(row.id)) :]


def product_keys(record):
    if text(record.get("sku")):
        yield ("sku", record["sku"].lower())
    if text(record.get("slug")):
        yield ("slug", record["slug"])
    if text(record.get("type")):
        yield ("type", record["type"])


def customer_keys(record):
    if text(record.get("email")):
        yield ("email", record["email"].lower())
    if text(record.get("username")):
        yield ("username", record["username"].lower())


def order_keys(record):
    if isinstance(record.get("customer_id"), int):
        yield ("customer", record["customer_id"])
    billing = record.get("billing")
    if isinstance(billing, dict) and text(billing.get("email")):
        yield ("email", billing["email"].lower())


def customer_title(record):
    return f"{text(record.get('first_name'))} {text(record.get('last_name'))} {text(record.get('email'))}"


class Store:
    """All collections, their number sequences and the shop's clock."""

    def __init__(self, settings):
        self.settings = settings
        self.lock = threading.RLock()
        self.random = random.Random(0)
        self.moment = None  # set while seeding: the shop's clock stands still
        self.listeners = []  # called with (topic, row) inside the lock after each change
        self.collections = {
            collection.name: collection
            for collection in (
                Collection("customers", "customers", customer_keys, customer_title),
                Collection("products", "products", product_keys, lambda record: record.get("name")),
                Collection("variations", "products/{parent}/variations", product_keys),
                Collection(
                    "categories", "products/categories", product_keys, lambda record: record.get("name")
                ),
                Collection("orders", "orders", order_keys, lambda record: record.get("number")),
                Collection("refunds", "orders/{parent}/refunds"),
                Collection("notes", "orders/{parent}/notes"),
                Collection("coupons", "coupons", lambda record: [("code", text(record.get("code")).lower())]),
                Collection("taxes", "taxes"),
                Collection("webhooks", "webhooks"),
                Collection("stock", "stock", stock_keys),
            )
        }
        self._sequences = {}

    def __getattr__(self, name):
        try:
            return self.__dict__["collections"][name]
        except KeyError:
            raise AttributeError(name) from None

    def clear(self):
        for collection in self.collections.values():
            collection.clear()
        self._sequences.clear()
        self.random.seed(0)

    def next_id(self, sequence):
        """Orders, products, variations, refunds, coupons share one sequence ("post"), as in the real shop."""
        value = self._sequences.get(sequence, {"post": 100}.get(sequence, 0)) + 1
        self._sequences[sequence] = value
        return value

    def reserve(self, sequence, value):
        """Numbers given from now on are higher than this one."""
        self._sequences[sequence] = max(self._sequences.get(sequence, 0), value)

    # Dates: the shop's own are local without a zone, the ``_gmt`` ones are UTC without a zone.

    def now(self):
        if self.moment:
            return self.moment
        return datetime.fromtimestamp(time.time() + self.settings.clock_offset, UTC).replace(microsecond=0)

    def stamp(self, record, *names, when=None):
        """Set ``date_<name>`` and ``date_<name>_gmt``; no date at all when ``when`` is False."""
        moment = when or self.now()
        local = moment + timedelta(hours=self.settings.utc_offset)
        for name in names:
            shift = timedelta(seconds=self.settings.modified_skew if name == "modified" and not when else 0)
            record[f"date_{name}"] = None if when is False else (local - shift).strftime("%Y-%m-%dT%H:%M:%S")
            record[f"date_{name}_gmt"] = (
                None if when is False else (moment - shift).strftime("%Y-%m-%dT%H:%M:%S")
            )

    def links(self, collection, identifier, parent=None):
        base = f"{self.settings.site_url}/wp-json/wc/v3/"
        route = base + collection.route.format(parent=parent)
        links = {"self": [{"href": f"{route}/{identifier}"}], "collection": [{"href": route}]}
        if parent is not None:
            links["up"] = [{"href": route.rsplit("/", 1)[0]}]
        return links

    def save(self, name, record, parent=None, event=None):
        """Store one record as the shop does it: with links, and told to those who listen."""
        collection = self.collections[name]
        row = collection.put(record, parent, self.links(collection, record["id"], parent))
        if event:
            self.tell(name, event, row)
        return row

    def tell(self, name, event, row):
        for listener in self.listeners:
            listener(name, event, row)


def stock_keys(record):
    yield ("sku", text(record.get("sku")).lower())
    yield ("place", text(record.get("sku")).lower(), record.get("warehouse"))
