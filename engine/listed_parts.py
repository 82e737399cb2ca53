"""Lists whose records have their parts elsewhere: the variants of a product stand at an address of their own.

Each record of a page is asked for its parts, several at once and between transactions. A page whose parts cannot all be
read counts as not read, so that the watermark never passes what is missing.
"""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace

from ..core import paging
from ..core.errors import SyncError
from . import http


@dataclass(slots=True)
class Parts:
    """What the records of a page are made of. ``error`` says why it is not all."""

    records: list = field(default_factory=list)
    exchanges: list = field(default_factory=list)
    error: SyncError | None = None


def fetch(client, operation, exchange) -> Parts | None:
    """The parts of what this answer lists, each with the record it belongs to under ``parent``; None where the list holds
    its records itself, or could not be read. Needs no database.

    :param operation: the list, as plain values
    """
    if not operation.parts_path or exchange.error is not None:
        return None
    try:
        listed = [item for item in http.records_of(operation, exchange.response.body) if isinstance(item, dict)]
    except SyncError:
        return None  # storing the page says what is wrong with it
    return _Reader(client, operation, listed).go()


class _Reader:
    """Goes through the pages of the parts of several records, side by side."""

    def __init__(self, client, operation, listed: list[dict]):
        # Filters of the list are about what is listed; of its parts all are wanted.
        self.operation = SimpleNamespace(**{**vars(operation), "path": operation.parts_path, "query": "", "body": ""})
        self.client = client
        self.spec = replace(http.paging_spec(operation), keyset_path=operation.keyset_path or "id")
        self.listed = listed
        self.found: list[list] = [[] for _item in listed]
        self.parts = Parts()

    def go(self) -> Parts:
        states = dict.fromkeys(range(len(self.listed)), paging.start(self.spec))
        while states and self.parts.error is None:
            states = self._round(states)
        for item, found in zip(self.listed, self.found, strict=True):
            self.parts.records += [dict(part, parent=item) if isinstance(part, dict) else part for part in found]
        return self.parts

    def _round(self, states: dict[int, dict]) -> dict[int, dict]:
        """One page of each record in ``states``; returns where the next ones begin."""
        following = {}
        try:
            requests = [self._request(number, state) for number, state in states.items()]
        except SyncError as error:
            self.parts.error = error
            return {}
        for exchange in self.client.send_many(requests, stop=_failed):
            if http.was_sent(exchange):
                self.parts.exchanges.append(exchange)
            try:
                number = exchange.request.key
                if page := self._read(number, exchange, states[number]):
                    following[number] = page
            except SyncError as error:
                if self.parts.error is None or self.parts.error.code == "not_sent":
                    self.parts.error = error
        return following

    def _request(self, number: int, state: dict):
        url = paging.next_url(state)
        request = http.build_request(
            self.operation, variables=self.listed[number], params={} if url else paging.query(self.spec, state), key=number)
        return replace(request, path=url, query={}) if url else request

    def _read(self, number: int, exchange, state: dict) -> dict | None:
        """Keep the parts of one answer; returns where the next page begins."""
        if exchange.error is not None and exchange.error.code == "not_found":
            return None  # gone since it was listed
        exchange.raise_for_error()
        body = exchange.response.body
        if body is None:
            raise SyncError("server", "empty_body")
        items = http.records_of(self.operation, body)
        self.found[number] += items
        return paging.advance(self.spec, state, items=items, body=body, headers=exchange.response.headers)


def _failed(exchange) -> bool:
    """One that cannot be read is enough: the page has to be read again."""
    return exchange.error is not None and exchange.error.code != "not_found"
