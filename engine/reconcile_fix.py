"""Differences are put right in the direction of their owners: the import or export that does it is queued.

For the chosen fields both sides count as changed, so that the one merge (``core/ownership.py``) decides as always: the
owner wins, *Newest* looks at the times, *Ask* becomes a conflict.
"""

from datetime import datetime

from odoo import fields

from ..core import documents
from ..core.reconciling import CHANGED
from . import bulk, queueing
from .plan import FlowPlan

# An agreement that equals neither side.
DIFFERENT = {"o": CHANGED, "e": CHANGED}

_QUEUE = """
    UPDATE integration_sync s SET
        agreed = (COALESCE(s.agreed, '{}'::jsonb) || v.marks) - v.forgotten,
        payload = CASE WHEN v.imports THEN v.payload ELSE s.payload END,
        content_hash = CASE WHEN v.imports THEN NULL ELSE s.content_hash END,
        external_version = CASE WHEN v.imports THEN NULL ELSE s.external_version END,
        external_updated_at = CASE WHEN v.imports THEN NULL ELSE s.external_updated_at END,
        import_pending = v.imports, export_pending = NOT v.imports OR s.export_pending,
        direction = CASE WHEN v.imports THEN 'import' ELSE 'export' END,
        state = 'pending', due_at = v.now, attempts = 0, revision = s.revision + 1, error_key = NULL, waiting_for = NULL,
        guard_mark = NULL
    FROM {rows} AS v WHERE s.id = v.id AND s.state NOT IN ('processing', 'held', 'conflict')
    RETURNING s.id
"""
_COLUMNS = (
    ("id", "int"), ("marks", "jsonb"), ("forgotten", "text[]"), ("payload", "text"), ("imports", "bool"),
    ("now", "timestamp"),
)


def forget_seen(cr, ids: list[int]) -> None:
    """What these reconciliations have seen is not needed any more."""
    if ids:
        cr.execute("DELETE FROM integration_reconciliation_seen WHERE reconciliation_id = ANY(%s)", [list(ids)])


def fix(env, lines) -> int:
    """Queue what makes these lines equal. Does not commit. Returns how many lines it concerned.

    :param lines: records of ``integration.reconciliation.line`` with a fix
    """
    now = fields.Datetime.now()
    done = []
    for flow in lines.flow_id:
        done += _fix_flow(env, FlowPlan(flow), lines.filtered(lambda line, flow=flow: line.flow_id == flow), now)
    if done:
        env.cr.execute(
            "UPDATE integration_reconciliation_line SET fixed_at = %s, fixed_by_id = %s WHERE id = ANY(%s)",
            [now, env.uid, done])
    return len(done)


def _fix_flow(env, plan: FlowPlan, lines, now: datetime) -> list[int]:
    codes = {rule.id: rule for rule in plan.rules}
    fields_of: dict[int, list] = {}
    done: list[int] = []
    new_there, new_here = [], []
    for line in lines:
        if line.kind == "only_external" and not line.sync_id:
            new_there.append(line)
        elif line.kind == "only_odoo":
            new_here.append(line)
        elif line.sync_id:
            fields_of.setdefault(line.sync_id.id, []).append(line)
    if new_there and plan.imports:
        _receive(env, plan, new_there, now)
        done += [line.id for line in new_there]
    if new_here and plan.exports:
        env["integration.capture"]._insert([(plan.id, line.res_id, "write") for line in new_here])
        queueing.act(env.cr, "retry", [line.sync_id.id for line in new_here if line.sync_id], now)
        done += [line.id for line in new_here]
    values = []
    for sync_id, several in fields_of.items():
        owners = {codes[line.rule_id.id].code: line.owner for line in several if line.rule_id.id in codes}
        values.append((
            sync_id, documents.dump_json({code: DIFFERENT for code, owner in owners.items() if owner != "ask"}),
            [code for code, owner in owners.items() if owner == "ask"], several[0].payload or None, plan.imports, now))
    queued = {row[0] for row in bulk.run(env.cr, _QUEUE, _COLUMNS, values, fetch=True)}
    queueing.log(env.cr, list(queued), "queued", env._("A difference is put right, as %(user)s asked.", user=env.user.name),
                 env.uid, now)
    return done + [line.id for sync_id, several in fields_of.items() if sync_id in queued for line in several]


def _receive(env, plan: FlowPlan, lines: list, now: datetime) -> None:
    """External records that were never received: they are read and imported as any other."""
    bulk.run(
        env.cr,
        """INSERT INTO integration_sync ({names}, state, direction, import_pending, export_pending, delete_pending,
               create_sent, attempts, revision)
           SELECT v.*, 'pending', 'import', true, false, false, false, 0, 1 FROM {rows} AS v
           ON CONFLICT (flow_id, external_id) WHERE external_id IS NOT NULL DO NOTHING""",
        (("flow_id", "int"), ("connection_id", "int"), ("company_id", "int"), ("model", "varchar"),
         ("external_id", "varchar"), ("name", "varchar"), ("priority", "int"), ("due_at", "timestamp"), ("payload", "text"),
         ("create_date", "timestamp")),
        [(plan.id, plan.connection.id, plan.company_id, plan.model_name, line.external_id, line.name or None,
          plan.settings.priority, now, line.payload or None, now) for line in lines])
