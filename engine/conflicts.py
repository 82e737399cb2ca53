"""Conflicts: the list of fields that wait for a person (``integration.conflict``), and what becomes of a decision.

The engine keeps the list in step with the conflicts of the sync records, in the transaction that stores them. A row stands
for the values that it shows: when one of them moves, the row goes and another one comes. So a decision about a row is one
about exactly these values, and an id that is gone means that somebody has to look again.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from odoo import fields

from ..core import documents
from ..core.comparison import same_value
from . import bulk, capture, failures, issues, queueing
from .claim import claims
from .mapper import read_value
from .plan import FlowPlan, RulePlan

PAGE = 500
# What another worker holds just now is tried again so much later.
BUSY_SECONDS = 30
SHOWN_LINES = 5
_COLUMNS = (
    ("sync_id", "int"), ("flow_id", "int"), ("company_id", "int"), ("rule_id", "int"), ("code", "varchar"),
    ("group_key", "varchar"), ("label", "varchar"), ("model", "varchar"), ("res_id", "int"), ("shown", "jsonb"),
    ("odoo_at", "timestamp"), ("odoo_by_id", "int"), ("external_at", "timestamp"), ("create_date", "timestamp"),
)


# -- noting ------------------------------------------------------------------------------------------------


def describe(rule: RulePlan, item, record, *, agreed: dict | None, odoo, external, as_odoo, changed_at) -> dict:
    """What is kept of one field in conflict: the values of both sides, and what is known of Odoo's change.

    :param as_odoo: the external value in Odoo's form
    :param changed_at: when the record was changed in Odoo
    """
    found = {
        "odoo": odoo, "external": external, "external_odoo": as_odoo, "agreed": agreed["o"] if agreed else None,
        "agreed_odoo": agreed["o"] if agreed else None, "agreed_external": agreed["e"] if agreed else None,
        "odoo_at": fields.Datetime.to_string(changed_at) if changed_at else None,
        "odoo_by": record.write_uid.id or None,
    }
    if rule.group:
        found["group"] = rule.group
    if rule.kind == "lines":
        found["odoo_lines"] = [line.display_name or "" for line in record[rule.odoo_path][:SHOWN_LINES]]
        found["external_lines"] = [
            ", ".join(str(value) for value in line.externals.values() if isinstance(value, (str, int, float)))
            for line in item.lines.get(rule.code, ())[:SHOWN_LINES]]
    return found


def record(cr, plan: FlowPlan, rows: list, now: datetime) -> None:
    """Keep the list in step with the outcome of a slice. Rows whose values are the same stay as they are."""
    touched = [row for row in rows if row.conflicts or row.had_conflicts]
    if not touched:
        return
    cr.execute(
        "SELECT sync_id, code, id, shown, odoo_at, odoo_by_id, create_date, decision, decided_by_id, label "
        "FROM integration_conflict WHERE sync_id = ANY(%s)", [[row.id for row in touched]])
    known = {(sync_id, code): _Known(*values) for sync_id, code, *values in cr.fetchall()}
    gone = set(known)
    changed = []
    for row in touched:
        for code, values in (row.conflicts or {}).items():
            before = known.get((row.id, code))
            if before is not None and before.shows(values):
                gone.discard((row.id, code))
            else:
                changed.append((row, code, values, before))
    _note_overtaken(cr, plan, [(key[0], known[key]) for key in gone], now)
    if gone:
        cr.execute("DELETE FROM integration_conflict WHERE id = ANY(%s)", [[known[key].id for key in gone]])
    if not changed:
        return
    rules = {rule.code: rule for rule in plan.merge_rules}
    told = _tracked(cr, plan, rules, changed)
    bulk.run(cr, "INSERT INTO integration_conflict ({names}) SELECT * FROM {rows} AS v", _COLUMNS, [
        _values(plan, rules.get(code), row, code, values, before, told.get((row.res_id, code)), now)
        for row, code, values, before in changed])


@dataclass(slots=True)
class _Known:
    id: int
    shown: dict
    odoo_at: datetime | None
    odoo_by_id: int | None
    create_date: datetime | None
    decision: str | None
    decided_by_id: int | None
    label: str | None

    def __post_init__(self):
        if isinstance(self.shown, str):
            self.shown = documents.parse_json(self.shown)
        self.shown = self.shown or {}

    def shows(self, values: dict) -> bool:
        return all(self.shown.get(name) == values.get(name) for name in ("odoo", "external"))


def _values(plan: FlowPlan, rule: RulePlan | None, row, code: str, values: dict, before: _Known | None, told, now) -> tuple:
    at, by = values.get("odoo_at"), values.get("odoo_by")
    if before is not None and before.shown.get("odoo") == values.get("odoo"):
        at, by = before.odoo_at, before.odoo_by_id
    elif told:
        at, by = told
    elif by == plan.flow.user_id.id:
        by = None  # our own import has written the record last, and hides who did it before
    return (
        row.id, plan.id, plan.company_id, rule.id if rule else None, code, values.get("group"),
        rule.label if rule else code, plan.model_name, row.res_id, documents.dump_json(values), at, by,
        row.external_updated_at, before.create_date if before is not None else now)


def _tracked(cr, plan: FlowPlan, rules: dict, changed: list) -> dict:
    """``{(record id, code): (when, who)}`` of the last change that the chatter knows, for tracked fields."""
    model = plan.model
    names = {}
    for code in {code for _row, code, _values, _before in changed}:
        found = model._fields.get(rules[code].odoo_path) if code in rules else None
        if found is not None and getattr(found, "tracking", None):
            names[model.env["ir.model.fields"]._get(plan.model_name, found.name).id] = code
    if not names:
        return {}
    cr.execute(
        "SELECT DISTINCT ON (m.res_id, t.field_id) m.res_id, t.field_id, m.date, m.create_uid "
        "FROM mail_message m JOIN mail_tracking_value t ON t.mail_message_id = m.id "
        "WHERE m.model = %s AND m.res_id = ANY(%s) AND t.field_id = ANY(%s) ORDER BY m.res_id, t.field_id, t.id DESC",
        [plan.model_name, [row.res_id for row, *_rest in changed if row.res_id], list(names)])
    return {(res_id, names[field_id]): (at, by) for res_id, field_id, at, by in cr.fetchall()}


def _note_overtaken(cr, plan: FlowPlan, gone: list, now: datetime) -> None:
    """A decision that was not carried out yet, about values that have moved on: the history tells it."""
    env = plan.model.env
    for sync_id, known in gone:
        if known.decision:
            queueing.log(cr, [sync_id], "warning", env._(
                "The decision about %(field)s was left aside: the values changed before it was carried out.",
                field=known.label or ""), known.decided_by_id, now)


def forget(cr, sync_ids: list[int]) -> None:
    """Nobody decides about these records any more."""
    if sync_ids:
        cr.execute("DELETE FROM integration_conflict WHERE sync_id = ANY(%s)", [list(sync_ids)])


# -- deciding ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Outcome:
    """What carrying out decisions came to: ids of sync records, and the fields that moved on, by sync record."""

    decided: set[int] = field(default_factory=set)
    moved: dict[int, list[str]] = field(default_factory=dict)
    busy: set[int] = field(default_factory=set)


def mark(cr, ids: list[int], side: str, user_id: int, now: datetime) -> int:
    """Note what a person has decided, to be carried out in the background. A group of fields is decided as one."""
    cr.execute(
        """UPDATE integration_conflict c SET decision = %(side)s, decided_by_id = %(user)s, decided_at = %(now)s
           WHERE c.id IN (
               SELECT unnest(%(ids)s::int[]) UNION SELECT g.id FROM integration_conflict o
               JOIN integration_conflict g ON g.sync_id = o.sync_id AND g.group_key = o.group_key
               WHERE o.id = ANY(%(ids)s) AND o.group_key IS NOT NULL)""",
        {"ids": list(ids), "side": side, "user": user_id, "now": now})
    return cr.rowcount


def carry_out(env, ids: list[int], side: str | None = None) -> Outcome:
    """Do what was decided about these conflicts: the winner's value becomes the only change, and the record is due.

    Only values that both sides still hold are decided about. A record that a worker holds is left as it is. The caller
    commits.

    :param ids: conflicts; those that are gone have moved on, and the caller says so
    :param side: 'odoo' or 'external'; without it, what each row is marked with
    """
    cr, now, outcome = env.cr, fields.Datetime.now(), Outcome()
    cr.execute(
        """SELECT c.id, c.sync_id, c.code, c.label, COALESCE(%s, c.decision), c.decided_by_id, c.shown, s.flow_id, s.res_id,
                  s.agreed, s.conflicts, s.payload IS NOT NULL, s.state
           FROM integration_conflict c JOIN integration_sync s ON s.id = c.sync_id WHERE c.id = ANY(%s) ORDER BY c.id""",
        [side, list(ids)])
    decisions = [_Decided(*values) for values in cr.fetchall()]
    outcome.busy = _in_work(cr, decisions)
    by_flow: dict[int, list[_Decided]] = {}
    for one in decisions:
        if one.side and one.sync_id not in outcome.busy:
            by_flow.setdefault(one.flow_id, []).append(one)
    for flow_id, decisions in by_flow.items():
        _carry_out_flow(env, FlowPlan(env["integration.flow"].sudo().browse(flow_id)), decisions, outcome, now)
    return outcome


@dataclass(slots=True)
class _Decided:
    id: int
    sync_id: int
    code: str
    label: str | None
    side: str | None
    user_id: int | None
    shown: Any
    flow_id: int
    res_id: int | None
    agreed: Any
    conflicts: Any
    has_payload: bool
    state: str

    def __post_init__(self):
        for name in ("shown", "agreed", "conflicts"):
            value = getattr(self, name)
            setattr(self, name, (documents.parse_json(value) if isinstance(value, str) else value) or {})


def _in_work(cr, decisions: list[_Decided]) -> set[int]:
    """Sync records that a worker holds: what it knows of them is written over what we would write. Settled records are in
    nobody's hands. Should a worker take one in the moment between this look and the commit, the conflict is there again."""
    ids = {one.sync_id for one in decisions if one.state in ("pending", "waiting", "processing")}
    if not ids:
        return set()
    with claims(cr) as held:
        return ids - set(held.take(sorted(ids)))


def _carry_out_flow(env, plan: FlowPlan, decisions: list[_Decided], outcome: Outcome, now: datetime) -> None:
    rules = {rule.code: rule for rule in plan.merge_rules}
    found = plan.model.sudo().browse({one.res_id for one in decisions if one.res_id}).exists()
    records = {record.id: record for record in found}
    rows: dict[int, tuple[dict, dict]] = {}
    imported: set[int] = set()
    texts: dict[tuple[str, int | None], list[int]] = {}
    done = []
    for one in decisions:
        agreed, conflicts = rows.setdefault(one.sync_id, (dict(one.agreed), dict(one.conflicts)))
        if one.has_payload or one.side == "external":
            imported.add(one.sync_id)
        if not _is_as_shown(one, rules.get(one.code), records.get(one.res_id)):
            outcome.moved.setdefault(one.sync_id, []).append(one.label or one.code)
            continue
        # A value that neither side can hold: the winner has changed, even if it is blank now as it was then.
        then = agreed.get(one.code) or {}
        agreed[one.code] = dict(then, o={"decided": "odoo"}, e=one.shown.get("external")) if one.side == "odoo" \
            else dict(then, o=one.shown.get("odoo"), e={"decided": "external"})
        conflicts.pop(one.code, None)
        done.append(one.id)
        outcome.decided.add(one.sync_id)
        texts.setdefault((_told(env, plan, one), one.user_id or env.uid), []).append(one.sync_id)
    bulk.run(
        cr := env.cr, "UPDATE integration_sync s SET agreed = v.agreed, conflicts = v.conflicts, "
        "import_pending = v.import_pending, export_pending = v.export_pending FROM {rows} AS v WHERE s.id = v.id",
        (("id", "int"), ("agreed", "jsonb"), ("conflicts", "jsonb"), ("import_pending", "bool"), ("export_pending", "bool")),
        [(sync_id, documents.dump_json(agreed), documents.dump_json(conflicts) if conflicts else None,
          sync_id in imported, plan.exports) for sync_id, (agreed, conflicts) in rows.items()])
    cr.execute("DELETE FROM integration_conflict WHERE id = ANY(%s)", [done])
    for (text, user_id), sync_ids in texts.items():
        queueing.log(cr, sync_ids, "resolved", text, user_id, now)
    # Those that have moved on, too: they are compared anew, so that the person sees what both sides hold now.
    cr.execute("SELECT DISTINCT issue_id FROM integration_sync WHERE id = ANY(%s) AND issue_id IS NOT NULL", [list(rows)])
    issues.note_action(cr, [row[0] for row in cr.fetchall()], "decided", decisions[0].user_id or env.uid, now)
    queueing.act(cr, "retry", list(rows), now)
    env["integration.sync"].invalidate_model()
    capture.wake(env, plan.connection.cron_id.id, plan.connection.id if plan.connection._runs_as_jobs() else None)


def _is_as_shown(one: _Decided, rule: RulePlan | None, record) -> bool:
    """Do both sides still hold, as far as it is stored here, what the person has seen?"""
    known = one.conflicts.get(one.code)
    if known is None or any(known.get(name) != one.shown.get(name) for name in ("odoo", "external")):
        return False
    if rule is None or record is None:
        return False
    # Lines are compared by the merge: deciding for Odoo sends what it holds then, deciding for the other side asks again.
    return rule.kind == "lines" or same_value(read_value(rule, record), one.shown.get("odoo"))


def _told(env, plan: FlowPlan, one: _Decided) -> str:
    return env._("%(field)s: the value of %(side)s stands.", field=one.label or one.code,
                 side=env._("Odoo") if one.side == "odoo" else plan.connection.name)


def run_jobs(env) -> None:
    """Carry out what is marked, page by page, until nothing is left or the time of the scheduled action is over."""
    cr, last_id, waits = env.cr, 0, False
    while True:
        cr.execute("SELECT id FROM integration_conflict WHERE decision IS NOT NULL AND id > %s ORDER BY id LIMIT %s",
                   [last_id, PAGE])
        ids = [row[0] for row in cr.fetchall()]
        if not ids:
            env["ir.cron"]._commit_progress(0, remaining=0)
            break
        try:
            outcome = carry_out(env, ids)
            waits = waits or bool(outcome.busy)
            unmark(env, ids, outcome)
        except Exception as error:
            cr.rollback()
            if not failures.is_concurrency(error):
                raise
            waits = True
        last_id = ids[-1]
        if env["ir.cron"]._commit_progress(len(ids), remaining=1) <= 0:
            waits = True
            break
    if waits:
        capture.wake_at(env, env.ref("integration_flow.cron_conflicts").id,
                        fields.Datetime.add(fields.Datetime.now(), seconds=BUSY_SECONDS))
        env["ir.cron"]._commit_progress(0)


def unmark(env, ids: list[int], outcome: Outcome) -> None:
    """What has moved on is not decided any more: somebody has to look at the new values."""
    now = fields.Datetime.now()
    for sync_id, labels in outcome.moved.items():
        queueing.log(env.cr, [sync_id], "warning", env._(
            "The decision about %(field)s was left aside: the values changed before it was carried out.",
            field=", ".join(labels)), env.uid, now)
    env.cr.execute(
        "UPDATE integration_conflict SET decision = NULL, decided_by_id = NULL, decided_at = NULL "
        "WHERE id = ANY(%s) AND sync_id = ANY(%s)", [ids, list(outcome.moved)])
