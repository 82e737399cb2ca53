"""What a read record does not hold whole: its long lists are read to their end before it is stored.

Pages come with the first part of such a list. The resource's operations of the kind *Rest of a List* ask for what follows,
record by record, several at once, with no transaction open. When the system cannot be asked now, the page as a whole is read
again later; when one record's rest cannot be had, that record alone stays incomplete, and its import says so.
"""

from ..core import nesting, paging
from ..core.errors import SyncError
from . import http

MOST_PARTS = 10_000
"""Of one list: more is a system that never ends it."""


class _Rest:
    """A list of one record that goes on."""

    def __init__(self, exchange, operation, external_id: str, connection: dict):
        self.exchange = exchange  # that has brought the record
        self.operation = operation
        # The ID of whoever has the list: the record, or a part of it.
        self.external_id = external_id
        self.connection = connection
        self.parts = 0

    def request(self):
        operation = self.operation
        spec = http.paging_spec(operation)
        params = paging.query(spec, {"pages": 0, "cursor": nesting.cursor(self.connection, operation.nested_path)})
        return http.build_request(operation, variables={"id": self.external_id}, params=params, key=self)

    def take(self, exchange) -> bool:
        """Put an answer in its place; returns whether the list goes on.

        :raises SyncError: when it is none
        """
        exchange.raise_for_error()
        self.parts += 1
        if self.parts >= MOST_PARTS:
            raise SyncError("validation", "paging_too_long", params={"limit": MOST_PARTS})
        nesting.extend(self.connection, exchange.response.body, self.operation.records_path or "")
        return bool(self.connection["pageInfo"]["hasNextPage"])


def complete(client, plan, operation, exchanges: list) -> list:
    """Read on in the records that these answers hold; the answers then have them whole.

    An answer whose records could not be completed for a reason that passes gets that reason as its error.

    :param operation: which has made these calls
    :return: the exchanges of the calls that this took
    """
    if not plan.rests:
        return []
    wanted = [rest for exchange in exchanges if exchange.error is None for rest in _rests(plan, operation, exchange)]
    made = []
    while wanted:
        requests, left = [], []
        for rest in wanted:
            try:
                requests.append(rest.request())
            except SyncError:
                continue  # it does not say where it goes on: the record stays incomplete
        # Without patience: a page that takes long would be begun anew again and again, and never be read.
        for exchange in client.send_many(requests):
            rest = exchange.request.key
            made.append(exchange)
            try:
                if rest.take(exchange):
                    left.append(rest)
            except SyncError as error:
                if error.info.scope == "connection" or error.info.retried or not http.was_sent(exchange):
                    rest.exchange.error = rest.exchange.error or error
        wanted = [rest for rest in left if rest.exchange.error is None]
    return [exchange for exchange in made if http.was_sent(exchange)]


def _rests(plan, operation, exchange):
    try:
        body = exchange.response.body
        records = http.records_of(operation, body) if operation.kind in ("list", "find") else [
            http.unwrap(operation, body)]
        for record in records:
            for rest in plan.rests:
                for owner, path in nesting.owners(record, rest.nested_path):
                    connection = nesting.unfinished(owner, path)
                    if connection is not None and (external_id := plan.external_id(owner)):
                        yield _Rest(exchange, rest, external_id, connection)
    except SyncError:
        return  # storing the answer says what is wrong with it


def is_open(payload: str) -> bool:
    """May a list in this stored record go on? Cheap; certain only when it says no."""
    return '"hasNextPage":true' in payload


def check_complete(plan, record) -> None:
    """Nothing is imported of which a part is missing.

    :raises SyncError: validation/list_incomplete (path)
    """
    for rest in plan.rests:
        if any(nesting.unfinished(owner, path) is not None for owner, path in nesting.owners(record, rest.nested_path)):
            raise SyncError("validation", "list_incomplete", params={"path": rest.nested_path})
