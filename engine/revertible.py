"""What of a run can be put back, and why the rest cannot: from the history, the last agreed values and what there is now.

Reads only. ``reverting.py`` does it.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from odoo.exceptions import AccessError, MissingError

from ..core import reverting
from ..core.reverting import Step
from .items import external_side
from .mapper import read_value
from .plan import FlowPlan, RulePlan
from .rows import as_data

# A page of records of one run, at most.
PAGE = 500
# The dialog looks at so many records of a run, and shows so many of its lines.
PREVIEWED = 20_000
SHOWN = 60

_LOGGED = (
    "run_id = %(run)s AND id <= %(until)s AND direction = %(direction)s AND outcome <> 'overruled' "
    "AND (changes IS NOT NULL OR outcome IN ('created', 'archived', 'deleted'))")
_SYNC_COLUMNS = "id, res_id, external_id, name, state, agreed, conflicts, import_pending, export_pending"


@dataclass(slots=True)
class Touched:
    """One record that the run has changed on one side."""

    id: int
    res_id: int | None
    external_id: str | None
    name: str | None
    state: str
    agreed: dict
    conflicts: dict
    import_pending: bool
    export_pending: bool
    outcomes: set = field(default_factory=set)
    steps: dict[str, list[Step]] = field(default_factory=dict)
    last_log: int = 0
    last_at: datetime | None = None


@dataclass(slots=True)
class Entry:
    """What becomes of one value (or, without a rule, of one record)."""

    touched: Touched
    code: str
    label: str
    what: str  # put_back, same, left, archive, delete
    reason: str = ""
    before: Any = None
    after: Any = None
    rule: RulePlan | None = None
    record: Any = None
    who: str = ""
    when: datetime | None = None
    detail: str = ""


def records_of(cr, run_id: int, until: int, direction: str, after_id: int, limit: int) -> list[Touched]:
    """The next records that the run has changed on this side, with what it did to them, in the order of their ids."""
    params = {"run": run_id, "until": until, "direction": direction, "after": after_id, "limit": limit}
    cr.execute(
        f"SELECT sync_id FROM integration_log WHERE {_LOGGED} AND sync_id > %(after)s "  # pylint: disable=sql-injection
        "GROUP BY sync_id ORDER BY sync_id LIMIT %(limit)s", params)
    ids = [row[0] for row in cr.fetchall()]
    if not ids:
        return []
    cr.execute(f"SELECT {_SYNC_COLUMNS} FROM integration_sync WHERE id = ANY(%s)", [ids])  # pylint: disable=sql-injection
    found = {}
    for sync_id, res_id, external_id, name, state, agreed, conflicts, *pending in cr.fetchall():
        found[sync_id] = Touched(
            sync_id, res_id or None, external_id, name, state, as_data(agreed), as_data(conflicts), *map(bool, pending))
    cr.execute(
        f"SELECT sync_id, id, outcome, changes, create_date FROM integration_log WHERE {_LOGGED} "  # pylint: disable=sql-injection
        "AND sync_id = ANY(%(ids)s) ORDER BY id", {**params, "ids": ids})
    for sync_id, log_id, outcome, changes, at in cr.fetchall():
        touched = found[sync_id]
        touched.outcomes.add(outcome)
        touched.last_log, touched.last_at = log_id, at
        for code, values in as_data(changes).items():
            touched.steps.setdefault(code, []).append(Step(*values[:2]))
    return [found[sync_id] for sync_id in ids if sync_id in found]


def last_line(cr, run_id: int) -> int:
    """The newest line of a run's history: what it does later is not part of the revert."""
    cr.execute("SELECT COALESCE(max(id), 0) FROM integration_log WHERE run_id = %s", [run_id])
    return cr.fetchone()[0]


class Judge:
    """Decides what of a run can be put back. Reads only.

    :param created: what becomes of records that the run created in Odoo: leave, archive or delete
    """

    def __init__(self, env, plan: FlowPlan, created: str = "leave"):
        self.env = env
        self.cr = env.cr
        self.plan = plan
        self.created = created
        self.rules = {rule.code: rule for rule in plan.rules}
        self.sends = bool(plan.write_operation("update")) if plan.exports else False

    def judge(self, batch: list[Touched], direction: str) -> list[Entry]:
        """One entry for each value that the run has changed, and for each record it created."""
        existing = set(self.plan.model.browse([touched.res_id for touched in batch if touched.res_id]).exists()._ids)
        entries: list[Entry] = []
        for touched in batch:
            record = self.plan.model.browse(touched.res_id) if touched.res_id in existing else None
            look = self._in_odoo if direction == "import" else self._over_there
            entries += look(touched, record)
        self._tell_who(entries, direction)
        return entries

    # -- in Odoo -------------------------------------------------------------------------------------------

    def _in_odoo(self, touched: Touched, record) -> list[Entry]:
        if "deleted" in touched.outcomes:
            return [self._whole(touched, "left", "deleted")]
        if record is None:
            return [self._whole(touched, "left", "gone")]
        entries = [self._field(touched, record, code, reverting.fold(steps)) for code, steps in touched.steps.items()]
        if "created" in touched.outcomes:
            return [self._created(touched, record, entries)]
        if "archived" in touched.outcomes:
            entries.append(self._whole(touched, "left", "archived", record))
        return entries

    def _field(self, touched: Touched, record, code: str, step: Step) -> Entry:
        rule = self.rules.get(code)
        entry = Entry(touched, code, rule.label if rule else code, "left", before=step.before, after=step.after,
                      rule=rule, record=record)
        if rule is None or rule.kind == "lines":
            head = self.rules.get(code.partition("[")[0])
            lines = rule or (head if head is not None and head.kind == "lines" else None)
            entry.reason, entry.label = ("lines", lines.label) if lines else ("no_rule", code)
            return entry
        if rule.kind == "status":
            entry.reason = "status"
            return entry
        if rule.sensitive:
            entry.before = entry.after = reverting.MASK
        if code in touched.conflicts:
            entry.reason = "conflict"
            return entry
        try:
            verdict = reverting.verdict(step, read_value(rule, record))
        except (AccessError, MissingError) as error:
            entry.reason, entry.detail = "refused", str(error).strip()
            return entry
        if verdict == "put_back" and code not in touched.agreed:
            verdict = "not_known"
        entry.what, entry.reason = (verdict, "") if verdict in ("put_back", "same") else ("left", verdict)
        return entry

    def _created(self, touched: Touched, record, entries: list[Entry]) -> Entry:
        """A record that the run created: left, unless a person has chosen otherwise and nobody has worked on it."""
        if self.created == "leave":
            return self._whole(touched, "left", "created", record)
        if self.created == "archive" and "active" not in record._fields:
            return self._whole(touched, "left", "no_archive", record)
        if self.created == "archive" and not record.active:
            return self._whole(touched, "same", "", record)
        if any(entry.reason == "changed" for entry in entries) or self._worked_on(touched, record):
            return self._whole(touched, "left", "changed", record)
        return self._whole(touched, self.created, "", record)

    def _worked_on(self, touched: Touched, record) -> bool:
        """Did somebody else than the flow write to it since? The times of Odoo are whole seconds."""
        return record.write_uid.id != self.plan.model.env.uid and bool(
            touched.last_at and record.write_date > touched.last_at.replace(microsecond=0))

    def _whole(self, touched: Touched, what: str, reason: str, record=None) -> Entry:
        return Entry(touched, "", "", what, reason, record=record)

    # -- over there ----------------------------------------------------------------------------------------

    def _over_there(self, touched: Touched, record) -> list[Entry]:
        if "deleted" in touched.outcomes:
            return [self._whole(touched, "left", "deleted_there")]
        if "created" in touched.outcomes:
            return [self._whole(touched, "left", "created_there", record)]
        if record is None:
            return [self._whole(touched, "left", "gone")]
        return [self._sent(touched, record, code, reverting.fold(steps)) for code, steps in touched.steps.items()]

    def _sent(self, touched: Touched, record, code: str, step: Step) -> Entry:
        rule = self.rules.get(code)
        entry = Entry(touched, code, rule.label if rule else code, "left", before=step.before, after=step.after,
                      rule=rule, record=record)
        agreed = touched.agreed.get(code)
        if rule is None:
            entry.reason = "no_rule"
        elif rule.kind in ("lines", "status"):
            entry.reason = rule.kind
        elif rule.sensitive or reverting.MASK in (step.before, step.after):
            entry.before = entry.after = reverting.MASK
            entry.reason = "masked"
        elif code in touched.conflicts:
            entry.reason = "conflict"
        elif agreed is None:
            entry.reason = "not_known"
        elif not reverting.is_plain(step):
            entry.reason = "not_plain"
        elif step.before is None:
            entry.reason = "before_unknown"
        else:
            verdict = reverting.verdict(Step(step.before, external_side(rule, step.after)), agreed["e"])
            if verdict == "put_back" and not (self.sends and rule.exports and touched.external_id):
                verdict = "may_not_send"
            elif verdict == "put_back" and (
                    touched.import_pending or touched.export_pending
                    or touched.state not in ("synced", "excluded", "skipped", "conflict")):
                verdict = "pending"
            entry.what, entry.reason = (verdict, "") if verdict in ("put_back", "same") else ("left", verdict)
        return entry

    # -- who ------------------------------------------------------------------------------------------------

    def _tell_who(self, entries: list[Entry], direction: str) -> None:
        """Who has changed what was left, and when: a later exchange if there was one, else whoever wrote to the record
        last."""
        changed = [entry for entry in entries if entry.reason == "changed"]
        if not changed:
            return
        last = {entry.touched.id: entry.touched.last_log for entry in changed}
        self.cr.execute(
            "SELECT DISTINCT ON (line.sync_id, part.code) line.sync_id, part.code, line.create_date, line.run_id "
            "FROM unnest(%s::int[], %s::int[]) AS v(sync_id, last) "
            "JOIN integration_log line ON line.sync_id = v.sync_id AND line.id > v.last AND line.outcome <> 'overruled' "
            "AND jsonb_typeof(line.changes) = 'object', jsonb_object_keys(line.changes) AS part(code) "
            "ORDER BY line.sync_id, part.code, line.id DESC", [list(last), list(last.values())])
        later = {(sync_id, code): (at, run_id) for sync_id, code, at, run_id in self.cr.fetchall()}
        for entry in changed:
            exchanged = later.get((entry.touched.id, entry.code))
            if exchanged:
                entry.when = exchanged[0]
                entry.who = self.env._("%(flow)s, run #%(run)s", flow=self.plan.name, run=exchanged[1] or "?")
            elif entry.record is not None and direction == "import":
                record = entry.record.sudo()
                entry.who, entry.when = record.write_uid.name or "", record.write_date


def reason_text(env, entry: Entry) -> str:
    """Why something is left, in words."""
    texts = {
        "changed": lambda: env._("It was changed since."),
        "masked": lambda: env._("It is sensitive: the history does not keep its value."),
        "lines": lambda: env._("Lines are not put back: the history does not keep them completely."),
        "status": lambda: env._("What a status has set off is not put back: move the record by hand, if need be."),
        "no_rule": lambda: env._("The flow has no rule for this field any more."),
        "conflict": lambda: env._("It is in conflict: decide there."),
        "not_known": lambda: env._("It is not known what both sides last agreed on."),
        "not_plain": lambda: env._("The former value over there is not kept in full."),
        "before_unknown": lambda: env._("The former value over there was blank or is not known."),
        "may_not_send": lambda: env._("The flow may not change this field over there (any more)."),
        "pending": lambda: env._("Something newer waits to be exchanged."),
        "gone": lambda: env._("The Odoo record does not exist any more."),
        "deleted": lambda: env._("The run deleted the record in Odoo: it cannot be brought back."),
        "deleted_there": lambda: env._("The run deleted the record over there: it cannot be brought back."),
        "archived": lambda: env._("The run archived the record, because it was deleted over there: restore it by hand."),
        "created": lambda: env._("The run created this record in Odoo."),
        "created_there": lambda: env._("The run created this record over there: delete it there, if it is not wanted."),
        "no_archive": lambda: env._("The run created this record, and records of this kind cannot be archived."),
        "refused": lambda: env._("Odoo refused it: %(reason)s", reason=entry.detail),
        "failed": lambda: env._("The other system refused it: %(reason)s", reason=entry.detail),
        "newer_there": lambda: env._("It was changed over there since."),
    }
    return texts[entry.reason]() if entry.reason in texts else ""


def preview(env, run, created: str = "leave") -> dict:
    """What a revert of ``run`` would do now, without doing it: counts, and the first entries.

    :return: dict with put_back, same, left, created, records (how many were looked at), more (not all were),
        lines (dicts of what is shown)
    """
    plan = FlowPlan(run.sudo().flow_id)
    judge = Judge(env, plan, created)
    until = last_line(env.cr, run.id)
    counts = {"put_back": 0, "same": 0, "left": 0, "created": 0, "records": 0}
    shown_lines: dict[str, list] = {"put_back": [], "left": []}
    more = False
    for direction in ("import", "export"):
        after = 0
        while batch := records_of(env.cr, run.id, until, direction, after, PAGE):
            if counts["records"] >= PREVIEWED:
                more = True
                break
            counts["records"] += len(batch)
            after = batch[-1].id
            for entry in judge.judge(batch, direction):
                what = "put_back" if entry.what in ("archive", "delete") else entry.what
                counts[what] += 1
                counts["created"] += direction == "import" and not entry.code and "created" in entry.touched.outcomes
                if what in shown_lines and len(shown_lines[what]) < SHOWN:
                    shown_lines[what].append({**told(env, plan, entry, direction), "what": what})
            plan.model.browse([touched.res_id for touched in batch if touched.res_id]).invalidate_recordset()
    return {**counts, "more": more, "lines": shown_lines["put_back"] + shown_lines["left"]}


def told(env, plan: FlowPlan, entry: Entry, direction: str) -> dict:
    """An entry as people read it."""
    before, after = (_named(env, plan, entry.rule, value) if direction == "import" else _text(value)
                     for value in (entry.before, entry.after))
    return {
        "sync_id": entry.touched.id, "name": entry.touched.name or entry.touched.external_id or str(entry.touched.res_id),
        "side": "odoo" if direction == "import" else "external", "field": entry.label,
        "before": before, "after": after, "reason": reason_text(env, entry),
        "who": entry.who, "when": entry.when.isoformat(" ", "seconds") if entry.when else "",
    }


def _named(env, plan: FlowPlan, rule: RulePlan | None, value: Any) -> str:
    """A value of Odoo as people know it: records and choices by their names."""
    if value in (None, False, [], reverting.MASK) or rule is None or rule.kind == "status":  # a stage is kept by name
        return _text(value)
    if rule.field_type == "selection" and rule.odoo_path in plan.model._fields:
        return _text(dict(plan.model._fields[rule.odoo_path]._description_selection(env)).get(value, value))
    if rule.field_type in ("many2one", "many2many") and rule.comodel:
        ids = value if isinstance(value, list) else [value]
        found = env[rule.comodel].sudo().browse(ids).exists()
        return _text(", ".join(name or "" for name in found.mapped("display_name")) or value)
    return _text(value)


def _text(value) -> str:
    return "" if value in (None, False) else str(value)[:200]
