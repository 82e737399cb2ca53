"""The sync records of one slice as plain objects: what the worker knows of them and what it will write back."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from odoo.tools import SQL

from ..core.recency import Age

# States of a flow in which its records are worked on.
RUNNING_STATES = ("test", "live")
COLUMNS = (
    "id", "flow_id", "res_id", "external_id", "name", "payload", "content_hash", "agreed", "attempts", "import_pending",
    "export_pending", "delete_pending", "create_sent", "idempotency_key", "state", "revision", "run_id", "priority",
    "external_version", "external_updated_at", "captured_at", "conflicts", "issue_id", "postponed", "guard_mark",
    "created_said",
)


@dataclass(slots=True)
class Row:
    """One claimed sync record. The fields after ``created_said`` are the outcome."""

    id: int
    flow_id: int
    res_id: int | None
    external_id: str | None
    name: str | None
    payload: str | None
    content_hash: str | None
    agreed: dict
    attempts: int
    import_pending: bool
    export_pending: bool
    delete_pending: bool
    create_sent: bool
    idempotency_key: str | None
    state: str
    revision: int
    run_id: int | None
    priority: int
    external_version: str | None
    external_updated_at: datetime | None
    captured_at: datetime | None
    conflicts: dict | None
    issue_id: int | None
    postponed: str | None  # waited for in a circle: imported without this relation first, as in ``waiting_for``
    guard_mark: str | None  # see ``guards.py``
    created_said: bool | None  # a person says that a lost create was carried out

    outcome: str = ""
    direction: str = "import"
    due_at: datetime | None = None
    error: Any = None
    message: str | None = None
    hint: str | None = None
    detail: str | None = None
    error_key: str | None = None
    waiting_for: str | None = None
    changes: dict = field(default_factory=dict)
    overruled: dict = field(default_factory=dict)
    overruled_by: int | None = None  # the user who last wrote the record in Odoo, where a value of it was overruled
    overruled_note: str | None = None
    exchange: Any = None
    duration_ms: int = 0
    settled: bool = False
    asks: bool = False  # it waits for a person to approve a deletion
    exhausted: bool = False  # failed only because all its tries are used up
    # What the row held when it was claimed: tells whether something newer arrived while it was worked on.
    claimed_hash: str | None = None
    claimed_attempts: int = 0
    claimed_res_id: int | None = None
    claimed: tuple = ()
    had_conflicts: bool = False
    answered: Age | None = None  # of the state that the other system answered or showed while this was worked on

    @property
    def received(self) -> tuple:
        """What came from outside, in the order of ``journal.finish``."""
        return self.external_id, self.name, self.payload, self.content_hash

    @property
    def age(self) -> Age:
        """Of the external state that is known."""
        return Age(self.external_version, self.external_updated_at)

    def settle(self, state: str, outcome: str, *, due_at=None, message=None) -> None:
        """Set the outcome of this attempt."""
        self.state, self.outcome, self.due_at, self.message = state, outcome, due_at, message
        self.settled = True

    def let_go(self) -> None:
        """It is recorded: forget its call and its error, which lead back to it.

        Such a circle is freed only when Python looks for circles, and in a process as large as Odoo's it hardly ever does:
        until then every slice would add its records, their bodies and the texts of its calls.
        """
        self.exchange = self.error = None


def load_rows(cr, ids: list[int], due: datetime | None = None) -> list[Row]:
    """Read claimed rows in the order of ``ids``. Only those that still have something to do: another worker may have
    finished some between their selection and their lock.

    :param due: leave out what is not due at this moment any more
    """
    if not ids:
        return []
    cr.execute(
        f"SELECT {', '.join(COLUMNS)} FROM integration_sync "  # pylint: disable=sql-injection
        "WHERE id = ANY(%s) AND state IN ('pending', 'waiting', 'processing') AND (%s::timestamp IS NULL OR due_at <= %s)",
        [list(ids), due, due])
    return _fetched(cr, ids)


def load_any(cr, ids: list[int]) -> list[Row]:
    """Read claimed rows whatever their state is, in the order of ``ids``."""
    if not ids:
        return []
    cr.execute(
        f"SELECT {', '.join(COLUMNS)} FROM integration_sync WHERE id = ANY(%s)", [list(ids)])  # pylint: disable=sql-injection
    return _fetched(cr, ids)


def as_data(value) -> dict:
    """What a column of JSON holds, however the driver hands it out."""
    return (json.loads(value) if isinstance(value, str) else value) or {}


def _fetched(cr, ids: list[int]) -> list[Row]:
    by_id = {values[0]: _row(values) for values in cr.fetchall()}
    return [by_id[row_id] for row_id in ids if row_id in by_id]


def known_row(cr, flow_id: int, *, external_id: str | None = None, res_id: int | None = None) -> Row | None:
    """What is known of one record of a flow, in whatever state it is. For looking only: nobody claims it."""
    cr.execute(SQL(
        "SELECT %s FROM integration_sync WHERE flow_id = %s AND %s = %s", SQL(", ").join(map(SQL.identifier, COLUMNS)),
        flow_id, SQL.identifier("external_id" if external_id else "res_id"), external_id or res_id))
    values = cr.fetchone()
    return _row(values) if values else None


def unknown_row(flow_id: int) -> Row:
    """A record of which nothing is known yet."""
    return _row({**dict.fromkeys(COLUMNS), "id": 0, "flow_id": flow_id, "state": "pending", "priority": 10,
                 "revision": 0}.values())


def _row(values) -> Row:
    row = Row(*values)
    row.agreed = as_data(row.agreed)
    row.res_id = row.res_id or None
    row.attempts = row.attempts or 0
    row.claimed_attempts = row.attempts
    row.claimed_hash, row.claimed_res_id, row.claimed = row.content_hash, row.res_id, row.received
    row.had_conflicts = row.conflicts is not None
    return row
