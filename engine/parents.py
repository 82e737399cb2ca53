"""Records that wait for another one, their parent: who can never come is told, who wait for each other are untied.

A record waits under the key of its parent in ``waiting_for``: ``<resource>:<external ID>`` on the way in,
``<resource>:<model>,<id>`` on the way out. A link releases it (``journal``); here the others are looked at. A record that
failed because of its parent keeps the key, so that it goes on by itself when the parent has come after all.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from ..core.errors import SyncError
from . import messages
from .rows import RUNNING_STATES, Row

# So many records after each other may wait in a circle; longer chains are left to their bounded time.
LONGEST_CIRCLE = 20
KEY = re.compile(r"(\d+):(.+)", re.DOTALL)
RECORD = re.compile(r"([a-z0-9_.]+),(\d{1,9})")
# Parents in these states have had their turn: only a person or new data brings them back.
_LEFT_OUT = ("excluded", "skipped")


@dataclass(slots=True)
class Parent:
    """What is known of one parent."""

    sync_id: int
    state: str
    name: str
    message: str
    flow_id: int
    flow_name: str
    flow_state: str
    flow_active: bool
    waiting_for: str | None
    linked: bool

    @property
    def is_stuck(self) -> bool:
        """It waits for a parent of its own, or has failed for it."""
        return self.state in ("waiting", "failed") and bool(self.waiting_for and KEY.match(self.waiting_for))

    @property
    def runs(self) -> bool:
        return self.flow_active and self.flow_state in RUNNING_STATES


def look_after(cr, env, plan, rows: list[Row], now: datetime) -> None:
    """After a slice was written: let those fail that wait for a parent that cannot come, wherever they are.

    Concerns the rows of the slice that wait, and whoever waits for rows of the slice that have failed or were left out.
    Rows of the slice learn what became of them, so that their line in the log says it.
    """
    keys = {row.waiting_for for row in rows if row.state == "waiting" and row.waiting_for and KEY.match(row.waiting_for)}
    keys |= _awaited(cr, plan, rows)
    if not keys:
        return
    _Look(cr, env, plan, {row.id: row for row in rows}, now).at(keys)


def _awaited(cr, plan, rows: list[Row]) -> set[str]:
    """Keys under which somebody waits for a row that has failed or was left out."""
    keys = []
    for row in rows:
        if row.state in ("failed", *_LEFT_OUT):
            if row.external_id:
                keys.append(f"{plan.resource.id}:{row.external_id}")
            if row.res_id:
                keys.append(f"{plan.resource.id}:{plan.model_name},{row.res_id}")
    if not keys:
        return set()
    cr.execute(
        "SELECT DISTINCT waiting_for FROM integration_sync WHERE waiting_for = ANY(%s) AND connection_id = %s "
        "AND state = 'waiting'", [keys, plan.connection.id])
    return {row[0] for row in cr.fetchall()}


class _Look:
    """One look at some parents of one connection."""

    def __init__(self, cr, env, plan, rows: dict[int, Row], now: datetime):
        self.cr = cr
        self.env = env
        self.connection_id = plan.connection.id
        self.rows = rows
        self.now = now
        self.parents: dict[str, Parent | None] = {}

    def at(self, keys: set[str]) -> None:
        self._find(keys)
        hopeless = {}
        waiting = {}
        for key in sorted(keys):
            parent = self.parents.get(key)
            error = self._why_not(key, parent)
            if parent is not None and parent.is_stuck and (error is None or self._circle(key)):
                waiting[key] = parent
            elif error is not None:
                hopeless[key] = error
        for key, error in hopeless.items():
            self._fail(key, error)
        self._untie(waiting)
        self._overdue([key for key in keys if key not in hopeless])

    # -- what is known of the parents ----------------------------------------------------------------------

    def _find(self, keys) -> None:
        """Fill ``parents`` for those keys that are not known yet."""
        keys = [key for key in keys if key not in self.parents]
        self.parents.update(dict.fromkeys(keys))
        split = [(key, int(match[1]), match[2]) for key in keys if (match := KEY.fullmatch(key))]
        if not split:
            return
        records = [RECORD.fullmatch(rest) for _key, _resource, rest in split]
        # One record may be in several flows of its resource: the one that is furthest on its way counts.
        self.cr.execute(
            """
            SELECT DISTINCT ON (v.key) v.key, s.id, s.state, COALESCE(s.name, s.external_id, ''),
                   COALESCE(s.error_message, ''), f.id, COALESCE(f.name->>%(lang)s, f.name->>'en_US'), f.state,
                   COALESCE(f.active, false), s.waiting_for, EXISTS (
                       SELECT 1 FROM integration_link l WHERE l.connection_id = %(connection)s
                           AND COALESCE(l.line_rule_id, 0) = 0
                       AND l.resource_id = v.resource_id AND (l.external_id = v.rest AND v.model IS NULL
                           OR l.model = v.model AND l.res_id = v.res_id))
            FROM unnest(%(keys)s::varchar[], %(resources)s::int[], %(rests)s::varchar[], %(models)s::varchar[],
                        %(ids)s::int[]) AS v(key, resource_id, rest, model, res_id)
            JOIN integration_flow f ON f.connection_id = %(connection)s AND f.resource_id = v.resource_id
            JOIN LATERAL (
                SELECT * FROM integration_sync s WHERE s.flow_id = f.id AND s.external_id = v.rest AND v.model IS NULL
                UNION ALL
                SELECT * FROM integration_sync s WHERE s.flow_id = f.id AND s.res_id = v.res_id AND s.res_id <> 0
                    AND s.model = v.model
            ) s ON true
            ORDER BY v.key, array_position(ARRAY['synced', 'conflict', 'processing', 'pending', 'waiting', 'held',
                'unknown', 'failed', 'excluded', 'skipped']::varchar[], s.state)
            """, {
                "connection": self.connection_id, "lang": self.env.lang or "en_US",
                "keys": [key for key, _resource, _rest in split], "resources": [resource for _key, resource, _rest in split],
                "rests": [rest for _key, _resource, rest in split],
                "models": [record[1] if record else None for record in records],
                "ids": [int(record[2]) if record else 0 for record in records]})
        for key, *values in self.cr.fetchall():
            self.parents[key] = Parent(*values)

    def _why_not(self, key: str, parent: Parent | None) -> SyncError | None:
        """Why this parent cannot come; None as long as it may."""
        if parent is None:
            return self._nobody_brings(key)
        flow, name = parent.flow_name, parent.name or _shown(key)
        if parent.linked or parent.state in ("conflict", "held", "unknown"):
            return None  # it is there, or somebody is about to decide
        if parent.state == "failed":
            return SyncError("validation", "parent_failed", params={
                "external_id": name, "relation": flow, "reason": parent.message})
        if parent.state in _LEFT_OUT:
            return SyncError("validation", "parent_left_out", params={
                "flow": flow, "external_id": name, "how": parent.state, "reason": parent.message})
        if parent.state == "synced":
            return None if self._is_read_now(key) else SyncError("validation", "parent_unlinked", params={
                "flow": flow, "external_id": name})
        if not parent.runs:
            return SyncError("validation", "parent_flow_stopped", params={
                "flow": flow, "external_id": name, "how": parent.flow_state if parent.flow_active else "archived"})
        return None

    def _nobody_brings(self, key: str) -> SyncError | None:
        """A parent that nobody has seen yet: is there a flow that may bring it?"""
        match = KEY.fullmatch(key)
        self.cr.execute(
            "SELECT COALESCE(name->>%s, name->>'en_US'), state, COALESCE(active, false) FROM integration_flow "
            "WHERE connection_id = %s AND resource_id = %s",
            [self.env.lang or "en_US", self.connection_id, int(match[1])])
        flows = self.cr.fetchall()
        if any(active and state in RUNNING_STATES for _name, state, active in flows):
            return None
        if not flows:
            return SyncError("validation", "parent_flow_gone", params={"external_id": self._name_of(key)})
        name, state, active = next((flow for flow in flows if flow[2]), flows[0])
        return SyncError("validation", "parent_flow_stopped", params={
            "external_id": self._name_of(key), "flow": name, "how": state if active else "archived"})

    def _is_read_now(self, key: str) -> bool:
        """Does a rule say that such a parent is read as soon as it is needed?"""
        self.cr.execute(
            "SELECT EXISTS (SELECT 1 FROM integration_field_rule r JOIN integration_flow f ON f.id = r.relation_flow_id "
            "WHERE f.connection_id = %s AND f.resource_id = %s AND r.relation_mode = 'import' AND r.active)",
            [self.connection_id, int(KEY.fullmatch(key)[1])])
        return self.cr.fetchone()[0]

    def _name_of(self, key: str) -> str:
        """What people call a parent."""
        rest = KEY.fullmatch(key)[2]
        record = RECORD.fullmatch(rest)
        if record and record[1] in self.env:
            found = self.env[record[1]].sudo().browse(int(record[2])).exists()
            return found.display_name if found else rest
        return rest

    # -- what becomes of those who wait --------------------------------------------------------------------

    def _fail(self, key: str, error: SyncError, ids: list[int] | None = None) -> None:
        """Let all fail that wait under this key (or these of them)."""
        message, hint = messages.explain(self.env, error)
        failed = fail_waiting(
            self.cr, self.connection_id, key, message, hint, self.now, self.env.uid, code=error.code, ids=ids,
            own_ids=list(self.rows))
        for sync_id in failed:
            known = next((parent for parent in self.parents.values() if parent and parent.sync_id == sync_id), None)
            if known is not None:
                known.state = "failed"
            row = self.rows.get(sync_id)
            if row is not None:
                row.error, row.hint = error, hint
                row.settle("failed", "failed", message=message)

    def _untie(self, waiting: dict[str, Parent]) -> None:
        """Find out who of those that wait for each other wait in a circle.

        Where a relation of the circle need not be there, its record is imported without it first and gets it later, when
        the others have come. Else all of them fail, and their message names the circle.
        """
        for key in waiting:
            circle = self._circle(key)
            if not circle:
                continue
            members = [self.parents[member] for member in circle]
            for member in circle:  # each waits for the next one; the last one for the first
                if self._postpone(self.parents[member]):
                    break
            else:
                names = " → ".join([*(member.name for member in members), members[0].name])
                error = SyncError("validation", "parent_circle", params={"names": names})
                for parent in members:
                    self._fail(parent.waiting_for, error, [parent.sync_id])

    def _circle(self, key: str) -> list[str]:
        """Keys of the records that wait in a circle, beginning with ``key``; empty when they do not."""
        seen = [key]
        while len(seen) <= LONGEST_CIRCLE:
            parent = self.parents.get(seen[-1])
            if parent is None or not parent.is_stuck:
                return []
            following = parent.waiting_for
            if following == key:
                return seen
            if following in seen:
                return []  # a circle further on: it is found from its own members
            self._find([following])
            seen.append(following)
        return []

    def _postpone(self, member: Parent) -> bool:
        """Import this record without the relation that it waits for, if that one need not be there."""
        resource_id = int(KEY.fullmatch(member.waiting_for)[1])
        self.cr.execute(
            "SELECT s.direction, s.postponed FROM integration_sync s WHERE s.id = %s "
            "AND s.state IN ('waiting', 'failed') AND s.import_pending", [member.sync_id])
        found = self.cr.fetchone()
        if not found:
            return False
        rules = self.env["integration.field.rule"].sudo().search([
            ("flow_id", "=", member.flow_id), ("parent_id", "=", False), ("kind", "=", "relation"),
            ("relation_flow_id.resource_id", "=", resource_id), ("active", "=", True)])
        if not rules or any(rule.required or _required_by_odoo(rule) for rule in rules):
            return False
        if found[1] == member.waiting_for:
            return False  # it is here without it already, and still nobody came
        self.cr.execute(
            "UPDATE integration_sync SET postponed = waiting_for, state = 'pending', due_at = %s, waiting_for = NULL "
            "WHERE id = %s", [self.now, member.sync_id])
        member.state = "pending"
        return True

    def _overdue(self, keys: list[str]) -> None:
        """Nobody waits for ever."""
        if not keys:
            return
        self.cr.execute(
            "SELECT s.waiting_for, f.parent_wait_hours, array_agg(s.id) FROM integration_sync s "
            "JOIN integration_flow f ON f.id = s.flow_id WHERE s.waiting_for = ANY(%s) AND s.connection_id = %s "
            "AND s.state = 'waiting' AND f.parent_wait_hours > 0 "
            "AND s.waiting_since <= %s - f.parent_wait_hours * interval '1 hour' GROUP BY 1, 2",
            [keys, self.connection_id, self.now])
        for key, hours, ids in self.cr.fetchall():
            parent = self.parents.get(key)
            if parent is not None and parent.linked:
                continue
            self._fail(key, SyncError("validation", "parent_late", params={
                "external_id": parent.name if parent else self._name_of(key), "hours": hours}), ids)


def _required_by_odoo(rule) -> bool:
    field = rule._odoo_field()
    return field is not None and bool(field.required)


def _shown(key: str) -> str:
    return KEY.fullmatch(key)[2]


def release_linked(cr, connection_id: int, now: datetime) -> int:
    """Records that failed for their parent in the very moment in which its link was made: they go on."""
    cr.execute(
        r"""
        UPDATE integration_sync s SET state = 'pending', due_at = %(now)s, waiting_for = NULL
        FROM (SELECT id, CAST(substring(waiting_for FROM '^(\d{1,9}):') AS int) AS resource_id,
                     substring(waiting_for FROM '^\d{1,9}:(.*)$') AS rest,
                     substring(waiting_for FROM '^\d{1,9}:([a-z0-9_.]+),\d{1,9}$') AS model,
                     CAST(substring(waiting_for FROM '^\d{1,9}:[a-z0-9_.]+,(\d{1,9})$') AS int) AS res_id
              FROM integration_sync
              WHERE connection_id = %(connection)s AND waiting_for IS NOT NULL AND state = 'failed') v
        WHERE s.id = v.id AND s.state = 'failed' AND (EXISTS (
            SELECT 1 FROM integration_link l WHERE l.connection_id = %(connection)s AND COALESCE(l.line_rule_id, 0) = 0
                AND l.resource_id = v.resource_id AND l.external_id = v.rest
        ) OR EXISTS (
            SELECT 1 FROM integration_link l WHERE l.connection_id = %(connection)s AND COALESCE(l.line_rule_id, 0) = 0
                AND l.resource_id = v.resource_id AND l.model = v.model AND l.res_id = v.res_id))
        """, {"connection": connection_id, "now": now})
    return cr.rowcount


def fail_waiting(cr, connection_id, waiting_for: str, message: str, hint: str, now: datetime, user_id: int, *,
                 code: str = "parent_failed", ids: list[int] | None = None, own_ids: list[int] | None = None) -> list[int]:
    """What these records wait for cannot come: they fail, with a line in their history. They keep what they wait for, so
    that they go on when it comes after all.

    :param ids: only these of them
    :param own_ids: records that get their line from elsewhere
    :return: ids of the records that failed
    """
    cr.execute(
        """WITH failed AS (
               UPDATE integration_sync SET state = 'failed', due_at = NULL, error_class = 'validation',
                   error_code = %(code)s, error_message = %(message)s, error_hint = %(hint)s, failed_at = %(now)s,
                   issue_id = NULL
               WHERE connection_id = %(connection)s AND waiting_for = %(key)s AND state = 'waiting'
                 AND (%(ids)s::int[] IS NULL OR id = ANY(%(ids)s::int[]))
               RETURNING id, flow_id, company_id, run_id, direction, attempts),
           logged AS (INSERT INTO integration_log (
               sync_id, flow_id, company_id, run_id, create_date, direction, outcome, attempt, error_class, message,
               duration_ms, user_id)
           SELECT id, flow_id, company_id, run_id, %(now)s, direction, 'failed', attempts, 'validation', %(message)s, 0,
               %(user)s FROM failed WHERE id <> ALL(%(own)s::int[]))
           SELECT id FROM failed""",
        {"connection": connection_id, "key": waiting_for, "message": message, "hint": hint, "now": now, "user": user_id,
         "code": code, "ids": ids, "own": own_ids or []})
    return [row[0] for row in cr.fetchall()]
