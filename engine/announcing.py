"""What happened to a record is announced: stored for every subscriber that wants it, in the transaction that records it.

A rollback leaves nothing behind and a commit forgets nothing. ``delivering.py`` sends. Where nobody subscribes, all this
costs one look into a cached set.
"""

import logging
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from psycopg2.extras import execute_values

from ..core import announcements
from ..core.errors import SyncError
from . import capture, failures
from .mapper import read_value
from .plan import FlowPlan, RulePlan
from .rows import Row

_logger = logging.getLogger(__name__)

CRON = "integration_flow.ir_cron_announce"
# What an outcome is to others. "unknown" needs a person just as "failed" does.
KIND_OF_OUTCOME = {
    "created": "created", "updated": "updated", "deleted": "deleted", "archived": "deleted", "failed": "failed",
    "unknown": "failed",
}
PAGE = 1000

# Asked of the table and not of a cache: who was disabled or changed a moment ago counts as he is now. The lock keeps him
# from being deleted meanwhile, and stands in the way of nothing else.
_WANTED = """
    SELECT s.id, kind FROM integration_subscriber s CROSS JOIN unnest(%(kinds)s) AS kind
    WHERE s.active AND (s.company_id IS NULL OR s.company_id = %(company)s) AND %(name)s || '.' || kind ~ s.event_regex
      AND (EXISTS (SELECT 1 FROM integration_subscriber_flow_rel r WHERE r.subscriber_id = s.id AND r.flow_id = %(flow)s)
           OR NOT EXISTS (SELECT 1 FROM integration_subscriber_flow_rel r WHERE r.subscriber_id = s.id))
    ORDER BY s.id FOR KEY SHARE OF s
"""
# Two plain statements: one that joined the subscribers to a thousand events would look so dear to PostgreSQL that it
# spends a second on compiling it.
_STORE_EVENTS = """
    INSERT INTO integration_event (
        uid, event_type, flow_id, company_id, model, res_id, external_id, record_name, record_key, body, create_date)
    VALUES %s RETURNING id
"""
_STORE_DELIVERIES = """
    INSERT INTO integration_delivery (
        event_id, subscriber_id, event_type, record_key, company_id, state, attempts, next_attempt_at, create_date)
    SELECT v.event_id, v.subscriber_id, v.event_type, v.record_key, %s, 'pending', 0, %s, %s
    FROM unnest(%s::int[], %s::int[], %s::varchar[], %s::int[]) AS v(event_id, subscriber_id, event_type, record_key)
"""


def announces(env, plan: FlowPlan) -> bool:
    """Does this flow announce, and is there anybody who may want to know?"""
    return plan.id in env["integration.subscriber"]._announcing_flows()


def note_rows(env, plan: FlowPlan, rows: list[Row], now: datetime) -> None:
    """Announce what came of the records of one slice. Call it in the transaction that records the outcomes."""
    if not announces(env, plan):
        return
    told = [(row, KIND_OF_OUTCOME[row.outcome]) for row in rows if row.outcome in KIND_OF_OUTCOME]
    if told:
        _Announcement(env, plan, now, {kind for _row, kind in told}).note(told)


def note_failed(env, plan_of: Callable[[int], FlowPlan], sync_ids: list[int], now: datetime) -> None:
    """Announce records that failed outside of a slice: what they waited for cannot come.

    :param plan_of: function from the id of a flow to its plan
    """
    announcing = env["integration.subscriber"]._announcing_flows()
    if not sync_ids or not announcing:
        return
    env.cr.execute(
        "SELECT flow_id, id, res_id, external_id, name, direction, error_class, error_code, error_message "
        "FROM integration_sync WHERE id = ANY(%s) AND flow_id = ANY(%s) ORDER BY id", [sync_ids, list(announcing)])
    found: dict[int, list] = {}
    for flow_id, *values in env.cr.fetchall():
        found.setdefault(flow_id, []).append(values)
    for flow_id, failed in found.items():
        announcement = _Announcement(env, plan_of(flow_id), now, {"failed"})
        if not announcement.audience:
            continue
        events = []
        for sync_id, res_id, external_id, name, direction, error_class, error_code, message in failed:
            data = announcement.head(direction, "failed", res_id or None, external_id, name)
            data["error"] = {"class": error_class, "code": error_code, "message": message}
            events.append(announcement.event("failed", sync_id, data))
        announcement.store(events)


class _Announcement:
    """The events of one slice of one flow."""

    def __init__(self, env, plan: FlowPlan, now: datetime, kinds: set[str]):
        self.env = env
        self.plan = plan
        self.now = now
        self.flow = plan.flow.sudo()
        self.type = self.flow.event_name
        self.hidden = _hidden_paths(plan)
        self.audience: dict[str, list[int]] = {}
        env.cr.execute(_WANTED, {
            "kinds": sorted(kinds), "company": plan.company_id, "flow": plan.id, "name": self.type})
        for subscriber_id, kind in env.cr.fetchall():
            self.audience.setdefault(f"{self.type}.{kind}", []).append(subscriber_id)

    def note(self, told: list[tuple[Row, str]]) -> None:
        """Events of those that anybody wants to know."""
        told = [(row, kind) for row, kind in told if f"{self.type}.{kind}" in self.audience]
        names, values = self._read(told)
        events = []
        for row, kind in told:
            data = self.head(row.direction, row.outcome, row.res_id, row.external_id, row.name or names.get(row.res_id))
            if kind == "failed":
                error = row.error
                data["error"] = {
                    "class": error.error_class if error else None, "code": error.code if error else None,
                    "message": row.message}
            elif row.changes:
                data["changed"] = self._changed(row)
            if kind != "failed" and row.res_id in values:
                data["values"] = values[row.res_id]
            events.append(self.event(kind, row.id, data))
        self.store(events)

    def store(self, events: list[tuple]) -> None:
        """Store events and what each subscriber gets of them, and wake the deliverer with the commit."""
        if not events:
            return
        cr = self.env.cr
        ids = execute_values(cr._obj, _STORE_EVENTS, events, page_size=PAGE, fetch=True)
        deliveries = [
            (event_id, subscriber_id, event[1], event[8])
            for (event_id,), event in zip(ids, events, strict=True) for subscriber_id in self.audience[event[1]]]
        cr.execute(_STORE_DELIVERIES, [
            self.plan.company_id, self.now, self.now, *(list(values) for values in zip(*deliveries, strict=True))])
        wake(self.env)

    def head(self, direction, outcome, res_id, external_id, name) -> dict[str, Any]:
        """What every event says: who, from where to where, and under which IDs."""
        return {
            "flow": self.type,
            "system": self.plan.connection.sudo().name,
            "environment": self.flow.environment,
            "direction": direction,
            "outcome": outcome,
            "record": {"model": self.plan.model_name, "id": res_id, "name": None if self._name_is_hidden() else name},
            "external_id": external_id,
        }

    def event(self, kind: str, sync_id: int, data: dict) -> tuple:
        event_type = f"{self.type}.{kind}"
        try:
            body = announcements.body(event_type, self.now, data)
        except SyncError as error:  # a value that no document can hold: the receiver can still ask for it
            _logger.warning("The values of %s are not announced: %s", data["record"], error)
            data = {name: value for name, value in data.items() if name != "values"}
            body = announcements.body(event_type, self.now, data)
        record = data["record"]
        return (
            f"evt_{uuid.uuid4().hex}", event_type, self.plan.id, self.plan.company_id, record["model"], record["id"],
            data["external_id"], record["name"], sync_id, body, self.now)

    def _changed(self, row: Row) -> list[str]:
        """The Odoo fields that changed; names only, so that a sensitive one may be among them."""
        paths = {rule.code: rule.odoo_path for rule in self.plan.rules}
        # Lines are logged as "<code of the rule>[<line>].<code of the child>".
        return sorted({paths.get(code.partition("[")[0]) or code.partition("[")[0] for code in row.changes})

    def _name_is_hidden(self) -> bool:
        names = {"display_name", "name", self.plan.model._rec_name}
        return bool(self.hidden["odoo"] & names) or self.plan.resource.name_path in self.hidden["external"]

    def _read(self, told) -> tuple[dict[int, str], dict[int, dict]]:
        """Names and values of the records as the flow's user sees them, in one batch.

        An event never fails for want of them: then it says only which record it was.
        """
        wanted = self.flow.announce == "values"
        ids = [row.res_id for row, kind in told if row.res_id and kind != "deleted" and (wanted or not row.name)]
        if not ids:
            return {}, {}
        try:
            with self.env.cr.savepoint():
                records = self.plan.model.browse(ids).exists()
                names = {record.id: record.display_name for record in records}
                rules = [rule for rule in self.plan.merge_rules if _is_open(rule)] if wanted else ()
                return names, {record.id: _values(rules, record) for record in records} if wanted else {}
        except Exception as error:
            if failures.is_concurrency(error):
                raise
            _logger.warning("Flow %s: its records could not be read for the announcement: %s", self.plan.name, error)
            return {}, {}


def _is_open(rule: RulePlan) -> bool:
    """May the value of this rule be told? Files are not: an event is no transport for them."""
    return bool(rule.odoo_path) and not rule.sensitive and rule.field_type != "binary"


def _values(rules, record) -> dict[str, Any]:
    """The flow's fields of one record; relations as IDs, lines as lists of their own fields."""
    values: dict[str, Any] = {}
    for rule in rules:
        if rule.kind == "lines":
            children = [child for child in rule.children if _is_open(child)]
            values[rule.odoo_path] = [_values(children, line) for line in record[rule.odoo_path]]
        elif rule.odoo_path not in values:
            values[rule.odoo_path] = read_value(rule, record)
    return values


def _hidden_paths(plan: FlowPlan) -> dict[str, set[str]]:
    """Where sensitive values stand, on both sides."""
    rules = [rule for rule in plan.rules if rule.sensitive]
    return {"odoo": {rule.odoo_path for rule in rules}, "external": {rule.external_path for rule in rules} - {""}}


def wake(env) -> None:
    """Have what is due sent as soon as this transaction commits."""
    cron = env.ref(CRON, raise_if_not_found=False)
    if cron:
        capture.wake(env, cron.id)


def wake_at(env, moment: datetime) -> None:
    """Have the scheduled action called at a moment to come."""
    cron = env.ref(CRON, raise_if_not_found=False)
    if cron:
        capture.wake_at(env, cron.id, moment)


def insert_test(env, subscriber, data: dict[str, Any]) -> int:
    """Store a test event for one subscriber alone, whatever events it asked for. Returns the id of the delivery."""
    now = env.cr.now().replace(microsecond=0)
    body = announcements.body(announcements.TEST_TYPE, now, data)
    env.cr.execute(
        """
        WITH happened AS (
            INSERT INTO integration_event (uid, event_type, company_id, body, create_date, record_key)
            VALUES (%(uid)s, %(type)s, %(company)s, %(body)s, %(now)s, 0) RETURNING id)
        INSERT INTO integration_delivery (
            event_id, subscriber_id, company_id, event_type, record_key, state, attempts, next_attempt_at, create_date)
        SELECT id, %(subscriber)s, %(company)s, %(type)s, 0, 'pending', 0, %(now)s, %(now)s FROM happened RETURNING id
        """, {
            "uid": f"evt_{uuid.uuid4().hex}", "type": announcements.TEST_TYPE, "company": subscriber.company_id.id or None,
            "body": body, "now": now, "subscriber": subscriber.id})
    return env.cr.fetchone()[0]
