"""Guardrails: a flow that is about to change too much is held until a person has looked.

Records of a guarded flow are *measured* when they are picked up: what would happen to them, and which guards count that.
While more is to come (pages of their run are still read, others are not measured yet) they are parked: ``measured`` and
not due. Then everything that is there is decided at once, by one statement: it passes, or it is held and nothing of it is
written or sent. Marks are written in the transaction that decides, so a worker that dies leaves either all or nothing.

``guard_mark`` of a sync record: ``import:measured``, ``import:passed`` (the same for export), ``held``, ``approved``; new
data takes the mark away, so that it is measured anew. ``guard_values`` is ``{"k": what, "g": [guards that count it],
"v": {rule: [before, after]}, "c": {field: [before, after]}}``, the last for the first records of a slice only.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ..core import documents
from ..core.comparison import same_value
from ..core.errors import SyncError
from . import bulk, holding, inbox
from .items import external_side, shown
from .mapper import BatchMapper, external_values, normal
from .plan import FlowPlan, RulePlan
from .rows import Row

# Under constant load there is always more to come: live changes are decided after so long at the latest.
LONGEST_PARKING = timedelta(seconds=60)
# For the preview: of so many records of a slice the first changes are kept.
SAMPLED_RECORDS = 20
SAMPLED_FIELDS = 3
APPROVED = "approved"


@dataclass(slots=True)
class Measured:
    """One record and what would happen to it."""

    row: Row
    what: str  # update, create, delete
    values: dict = field(default_factory=dict)  # code of a watched rule → (before, after)
    changes: dict = field(default_factory=dict)  # label → (before, after), for the preview


# -- what a slice does ------------------------------------------------------------------------------------


def screen_import(cr, env, plan: FlowPlan, rows: list[Row], now: datetime) -> list[Row]:
    """Those of the claimed rows that may be imported now; the others are parked or held. The caller commits."""
    if not plan.guards["import"]:
        return rows
    mapper = BatchMapper(plan, cr)
    measured = []
    for row in rows:
        if row.guard_mark not in ("import:passed", APPROVED):
            found = _measure_import(plan, mapper, row, sample=len(measured) < SAMPLED_RECORDS)
            if found is not None:
                measured.append(found)
    kept_back = _screen(cr, env, plan, "import", measured, now)
    return [row for row in rows if row.id not in kept_back]


def screen_export(cr, env, plan: FlowPlan, rows: list[Row], exporter, now: datetime) -> list[Row]:
    """The same for rows that the exporter has prepared: what may not leave is taken out of its lists."""
    if not plan.guards["export"]:
        return rows
    measured = []
    for outgoing in (*exporter.outgoing, *exporter.finds, *exporter.reads):
        if outgoing.row.guard_mark not in ("export:passed", APPROVED):
            measured.append(_measure_export(plan, outgoing, sample=len(measured) < SAMPLED_RECORDS))
    kept_back = _screen(cr, env, plan, "export", measured, now)
    if kept_back:
        for name in ("outgoing", "finds", "reads"):
            setattr(exporter, name, [out for out in getattr(exporter, name) if out.row.id not in kept_back])
    return [row for row in rows if row.id not in kept_back]


def _screen(cr, env, plan: FlowPlan, side: str, measured: list[Measured], now: datetime) -> set[int]:
    """Park what was measured; where nothing more is to come, decide at once. Returns the ids that may not go on."""
    if not measured:
        return set()
    _park(cr, plan, side, measured, now)
    ids = [one.row.id for one in measured]
    if _more_to_come(cr, plan, side, ids, now):
        return set(ids)
    decide(cr, env, plan, side, now)
    cr.execute("SELECT id FROM integration_sync WHERE id = ANY(%s) AND guard_mark <> %s", [ids, f"{side}:passed"])
    return {row[0] for row in cr.fetchall()}


def _park(cr, plan: FlowPlan, side: str, measured: list[Measured], now: datetime) -> None:
    values = []
    for one in measured:
        counted = [guard for guard in plan.guards[side]
                   if guard.counts(one.what, *(one.values.get(guard.code) or (None, None)))]
        codes = {guard.code for guard in counted if guard.code}
        kept: dict[str, Any] = {"k": one.what, "g": [str(guard.id) for guard in counted]}
        if codes:
            kept["v"] = {code: one.values[code] for code in codes}
        if one.changes:
            kept["c"] = one.changes
        values.append((one.row.id, f"{side}:measured", documents.dump_json(kept), now))
    bulk.run(
        cr, "UPDATE integration_sync s SET state = 'pending', due_at = NULL, guard_mark = v.mark, guard_values = v.found, "
        "guard_at = v.at FROM {rows} AS v WHERE s.id = v.id",
        (("id", "int"), ("mark", "varchar"), ("found", "jsonb"), ("at", "timestamp")), values)


# -- measuring --------------------------------------------------------------------------------------------


def _measure_import(plan: FlowPlan, mapper: BatchMapper, row: Row, *, sample: bool) -> Measured | None:
    """What the import of a row would do, from its payload and the last agreed values; None when it does nothing, or
    cannot be told (then the importer says why)."""
    try:
        record = documents.parse_json(row.payload or "")
        if not isinstance(record, dict):
            return None
        if inbox.is_deleted(plan, record):
            # Where a person is asked about each of them, nothing is done by itself.
            return Measured(row, "delete") if row.res_id and plan.flow.delete_in_odoo in ("archive", "delete") else None
        externals = external_values(plan, plan.merge_rules, record)
    except SyncError:
        return None
    decisive = [rule for rule in plan.import_rules if rule.kind == "status" or rule.kind != "check" and (
        {rule.owner, rule.owner_after} - {"odoo", ""})]
    changed = [rule for rule in decisive if not same_value(
        external_side(rule, externals[rule.code]), (row.agreed.get(rule.code) or {}).get("e"))]
    if row.agreed and not changed:
        return None
    one = Measured(row, "update" if row.agreed else "create")
    watched = {guard.code for guard in plan.guards["import"] if guard.code}
    for rule in changed:
        if rule.kind == "lines" or rule.code not in watched and not (sample and len(one.changes) < SAMPLED_FIELDS):
            continue
        try:
            after = normal(rule, mapper.value(rule, externals[rule.code], record))
        except SyncError:
            continue  # this record fails when it is imported
        _note(one, rule, (row.agreed.get(rule.code) or {}).get("o"), after, watched, sample)
    return one


def _measure_export(plan: FlowPlan, outgoing, *, sample: bool) -> Measured:
    row = outgoing.row
    if row.delete_pending:
        return Measured(row, "delete")
    one = Measured(row, "update" if outgoing.external_id else "create")
    watched = {guard.code for guard in plan.guards["export"] if guard.code}
    for rule in outgoing.changed:
        if rule.kind != "lines":
            _note(one, rule, (row.agreed.get(rule.code) or {}).get("o"), outgoing.odoo.get(rule.code), watched, sample)
    return one


def _note(one: Measured, rule: RulePlan, before, after, watched: set[str], sample: bool) -> None:
    if rule.code in watched:
        one.values[rule.code] = (before, after)
    if sample and len(one.changes) < SAMPLED_FIELDS:
        one.changes[rule.label] = (shown(rule, before), shown(rule, after))


# -- deciding ---------------------------------------------------------------------------------------------

_SIDE = {"import": "s.import_pending AND NOT s.delete_pending", "export": "(s.delete_pending OR NOT s.import_pending)"}


def _more_to_come(cr, plan: FlowPlan, side: str, ids: list[int], now: datetime) -> bool:
    """Is something of this flow and direction still read, captured or not measured?"""
    if side == "import":
        coming = "SELECT 1 FROM integration_run r WHERE r.flow_id = %(flow)s AND r.state = 'open' AND r.fetching"
    else:
        coming = "SELECT 1 FROM integration_capture c WHERE c.flow_id = %(flow)s"
    cr.execute(  # pylint: disable=sql-injection
        f"""SELECT EXISTS ({coming}) OR EXISTS (
                SELECT 1 FROM integration_sync s WHERE s.flow_id = %(flow)s AND s.due_at <= %(now)s
                AND s.state IN ('pending', 'waiting', 'processing') AND {_SIDE[side]} AND s.id <> ALL(%(ids)s::int[])
                AND s.guard_mark IS DISTINCT FROM %(passed)s AND s.guard_mark IS DISTINCT FROM 'approved')
        """,
        {"flow": plan.id, "now": now, "ids": ids, "passed": f"{side}:passed"})
    return cr.fetchone()[0]


def parked(cr, flow_ids: list[int]) -> list[tuple[int, str]]:
    """(flow id, side) of what is measured and waits to be decided."""
    if not flow_ids:
        return []
    cr.execute(
        "SELECT f.id, v.side FROM unnest(%s::int[]) AS f(id), (VALUES ('import'), ('export')) AS v(side) WHERE EXISTS ("
        "SELECT 1 FROM integration_sync s WHERE s.flow_id = f.id AND s.guard_mark = v.side || ':measured' "
        "AND s.guard_mark IN ('import:measured', 'export:measured'))", [list(flow_ids)])
    return cr.fetchall()


def decide_due(cr, env, plan: FlowPlan, side: str, now: datetime) -> bool:
    """Decide what is parked, when nothing more is to come. Returns whether something was decided."""
    if not _more_to_come(cr, plan, side, [], now):
        return decide(cr, env, plan, side, now)
    cr.execute(
        "SELECT min(guard_at) FROM integration_sync WHERE flow_id = %s AND guard_mark = %s "
        "AND guard_mark IN ('import:measured', 'export:measured')", [plan.id, f"{side}:measured"])
    oldest = cr.fetchone()[0]
    if oldest is None or oldest > now - LONGEST_PARKING:
        return False
    return decide(cr, env, plan, side, now, live_only=True)


def decide(cr, env, plan: FlowPlan, side: str, now: datetime, *, live_only: bool = False) -> bool:
    """Let pass or hold what is parked: each run by itself, live changes together with those of the last hour."""
    cr.execute(
        "SELECT r.id, r.state, COALESCE(r.fetching, false) FROM (SELECT DISTINCT run_id FROM integration_sync "
        "WHERE flow_id = %s AND guard_mark = %s AND guard_mark IN ('import:measured', 'export:measured')) s "
        "LEFT JOIN integration_run r ON r.id = s.run_id AND r.state IN ('open', 'held') AND r.flow_id = %s "
        "AND r.trigger NOT IN ('live', 'webhook', 'held')", [plan.id, f"{side}:measured", plan.id])
    runs = {run_id: (state, fetching) for run_id, state, fetching in cr.fetchall()}
    if side == "export":
        runs = {None: ("", False)}
    decided = False
    for run_id in sorted(runs, key=lambda run_id: run_id or 0):
        state, fetching = runs[run_id]
        if live_only and run_id is not None or fetching and state == "open":
            continue
        batch = _Batch(cr, plan, side, run_id, list(runs), now)
        exceeded = batch.exceeded()
        if state == "held" or exceeded:
            holding.hold(cr, env, plan, side, batch, exceeded, now)
        else:
            batch.let_pass()
        decided = True
    return decided


class _Batch:
    """What is decided together: the parked records of one run, or the live ones."""

    def __init__(self, cr, plan: FlowPlan, side: str, run_id: int | None, run_ids: list, now: datetime):
        self.cr = cr
        self.plan = plan
        self.side = side
        self.run_id = run_id
        self.now = now
        self.params = {
            "flow": plan.id, "measured": f"{side}:measured", "passed": f"{side}:passed", "run": run_id, "now": now,
            "others": [other for other in run_ids if other is not None]}
        # Exports belong to no run until they are done.
        self.own = "true" if side == "export" else "s.run_id = %(run)s" if run_id is not None \
            else "(s.run_id IS NULL OR s.run_id <> ALL(%(others)s::int[]))"
        self.where = (
            "s.flow_id = %(flow)s AND s.guard_mark = %(measured)s "
            f"AND s.guard_mark IN ('import:measured', 'export:measured') AND {self.own}")

    def exceeded(self) -> list[tuple]:
        """(guard, how many, of how many) of the guards for which there is too much."""
        guards = self.plan.guards[self.side]
        if not guards:
            return []
        counts = self._counts(guards)
        base = 0
        if any(guard.percent and counts[guard.id] > guard.least for guard in guards):
            self.cr.execute(
                "SELECT count(*) FROM integration_sync WHERE flow_id = %s AND agreed IS NOT NULL", [self.plan.id])
            base = self.cr.fetchone()[0]
        return [(guard, counts[guard.id], base) for guard in guards if guard.is_exceeded(counts[guard.id], base)]

    def _counts(self, guards) -> dict[int, int]:
        """How many records each guard counts: those that are decided now and those that passed before them."""
        columns = ", ".join(
            f"count(*) FILTER (WHERE s.guard_values->'g' ? '{int(guard.id)}')" for guard in guards)
        if self.run_id is not None:
            before = "s.run_id = %(run)s AND s.guard_mark = %(passed)s"
        else:
            before = ("s.flow_id = %(flow)s AND s.guard_mark = %(passed)s AND s.guard_at >= %(since)s "
                      "AND s.guard_mark IN ('import:passed', 'export:passed')")
            self.params["since"] = self._since()
        totals = [0] * len(guards)
        for condition in (self.where, before):
            self.cr.execute(  # pylint: disable=sql-injection
            f"SELECT {columns} FROM integration_sync s WHERE {condition}",
                            self.params)
            totals = [total + more for total, more in zip(totals, self.cr.fetchone(), strict=True)]
        return {guard.id: total for guard, total in zip(guards, totals, strict=True)}

    def _since(self) -> datetime:
        """Live changes count over a while; what is sent on schedule counts with its own run."""
        if self.plan.settings.timing != "live" and self.side == "export":
            self.cr.execute(
                "SELECT min(started_at) FROM integration_run WHERE flow_id = %s AND state = 'open' "
                "AND trigger NOT IN ('live', 'webhook', 'held')", [self.plan.id])
            started = self.cr.fetchone()[0]
            if started is not None:
                return started
        return self.now - timedelta(minutes=self.plan.settings.guard_window_minutes)

    def let_pass(self) -> None:
        self.cr.execute(  # pylint: disable=sql-injection
            f"UPDATE integration_sync s SET guard_mark = %(passed)s, guard_at = %(now)s, due_at = %(now)s, "
            f"guard_values = s.guard_values - 'c' - 'v' WHERE {self.where}", self.params)
