"""The queue of deletions that wait for a person (``integration.deletion``): asked, approved, rejected, void.

A flow that asks loads what is known of the records of a slice by one statement and stores what came of it by two more. The
sync record of a deletion that waits is *waiting*, due never: a decision, or news from either side, brings it on.
"""

from datetime import datetime
from typing import NamedTuple

from . import bulk, issues

OPEN, APPROVED, REJECTED = "open", "approved", "rejected"
_COLUMNS = (
    ("sync_id", "int"), ("flow_id", "int"), ("company_id", "int"), ("side", "varchar"), ("what", "varchar"),
    ("model", "varchar"), ("res_id", "int"), ("external_id", "varchar"), ("name", "varchar"), ("state", "varchar"),
    ("create_date", "timestamp"),
)


class Known(NamedTuple):
    state: str
    what: str
    user: str


class Queue:
    """The deletions of one flow on one side, during one slice.

    :param side: where would be deleted: 'odoo' or 'external'
    """

    def __init__(self, cr, plan, side: str, now: datetime):
        self.cr = cr
        self.plan = plan
        self.side = side
        self.now = now
        self.known: dict[int, Known] = {}
        self._asked: list[tuple] = []
        self._void: set[int] = set()

    def load(self, sync_ids: list[int]) -> None:
        if not sync_ids:
            return
        self.cr.execute(
            "SELECT d.sync_id, d.state, d.what, COALESCE(p.name, '') FROM integration_deletion d "
            "LEFT JOIN res_users u ON u.id = d.decided_by_id LEFT JOIN res_partner p ON p.id = u.partner_id "
            "WHERE d.sync_id = ANY(%s) AND d.side = %s", [list(sync_ids), self.side])
        self.known.update({sync_id: Known(*values) for sync_id, *values in self.cr.fetchall()})

    def state(self, sync_id: int) -> str | None:
        known = self.known.get(sync_id)
        return known.state if known else None

    def ask(self, row, what: str, res_id: int | None) -> None:
        """Somebody has to decide. Asking twice is asking once."""
        if row.id in self.known:
            return
        self._asked.append((
            row.id, self.plan.id, self.plan.company_id, self.side, what, self.plan.model_name, res_id or None,
            row.external_id, row.name or row.external_id, OPEN, self.now))

    def drop(self, sync_id: int) -> None:
        """The record is back, or the deletion is carried out."""
        if sync_id in self.known:
            self._void.add(sync_id)

    def store(self) -> None:
        """In the transaction that stores the outcome of the slice."""
        if self._asked:
            bulk.run(
                self.cr, "INSERT INTO integration_deletion ({names}) SELECT * FROM {rows} AS v ON CONFLICT DO NOTHING",
                _COLUMNS, self._asked)
        if self._void:
            forget(self.cr, list(self._void), self.side)
        if self._asked or self._void:
            self.plan.flow.sudo()._tell_about_deletions()
        self._asked, self._void = [], set()


def forget(cr, sync_ids: list[int], side: str) -> None:
    if sync_ids:
        cr.execute("DELETE FROM integration_deletion WHERE sync_id = ANY(%s) AND side = %s", [sync_ids, side])


def decide(cr, ids: list[int], state: str, user_id: int, now: datetime, message: str) -> list[int]:
    """Note a decision about open deletions, and bring their records on. What was approved is not measured by guardrails:
    somebody has looked. Returns the sync records.

    :param message: of the line in their history
    """
    cr.execute(
        "SELECT array_agg(DISTINCT s.issue_id) FROM integration_deletion d JOIN integration_sync s ON s.id = d.sync_id "
        "WHERE d.id = ANY(%s) AND d.state = 'open' AND s.issue_id IS NOT NULL", [list(ids)])
    issues.note_action(cr, cr.fetchone()[0] or [], issues.DELETION, user_id, now)
    cr.execute(
        """WITH decided AS (
               UPDATE integration_deletion SET state = %(state)s, decided_by_id = %(user)s, decided_at = %(now)s
               WHERE id = ANY(%(ids)s) AND state = 'open' RETURNING sync_id, side),
           due AS (
               UPDATE integration_sync s SET state = CASE WHEN s.state = 'processing' THEN s.state ELSE 'pending' END,
                   due_at = %(now)s, attempts = 0, waiting_for = NULL, guard_mark = 'approved', revision = s.revision + 1,
                   import_pending = s.import_pending OR d.side = 'odoo',
                   delete_pending = s.delete_pending OR d.side = 'external'
               FROM decided d WHERE s.id = d.sync_id RETURNING s.id, s.flow_id, s.company_id, s.direction),
           logged AS (
               INSERT INTO integration_log (sync_id, flow_id, company_id, create_date, direction, outcome, message, user_id)
               SELECT id, flow_id, company_id, %(now)s, direction, 'resolved', %(message)s, %(user)s FROM due)
           SELECT id FROM due""",
        {"state": state, "user": user_id, "now": now, "ids": list(ids), "message": message})
    return [row[0] for row in cr.fetchall()]
