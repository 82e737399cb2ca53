"""What a guardrail has stopped: it is held with a preview, and goes on or is left by a person's decision."""

from datetime import datetime

from ..core import documents
from . import journal

PREVIEWED = 50


def hold(cr, env, plan, side: str, batch, exceeded: list[tuple], now: datetime) -> None:
    """Hold all records of a batch, with the run that they belong to. In the transaction that has decided it.

    :param exceeded: (guard, how many, of how many); empty when the run is held already and these belong to it
    """
    run = _run_of(env, plan, side, batch.run_id)
    told = _told(env, plan, exceeded) or (run.message or "")
    preview = _preview(cr, env, plan, batch, exceeded)
    cr.execute(  # pylint: disable=sql-injection
        f"""WITH held AS (
                UPDATE integration_sync s SET state = 'held', due_at = NULL, guard_mark = 'held', run_id = %(hold)s,
                    waiting_for = NULL, error_class = NULL, error_code = NULL, error_key = NULL, error_detail = NULL,
                    error_message = %(message)s, error_hint = %(hint)s, issue_id = NULL
                WHERE {batch.where} RETURNING s.id, s.flow_id, s.company_id, s.direction),
            logged AS (
                INSERT INTO integration_log (sync_id, flow_id, company_id, run_id, create_date, direction, outcome,
                    message, duration_ms, user_id)
                SELECT id, flow_id, company_id, %(hold)s, %(now)s, %(side)s, 'held', %(message)s, 0, %(user)s FROM held)
            SELECT count(*) FROM held""",
        {**batch.params, "hold": run.id, "message": told, "side": side, "user": env.uid, "hint": env._(
            "Open the run %(run)s, look at what would change, and approve or reject it.", run=run.display_name)})
    count = cr.fetchone()[0]
    run.invalidate_recordset()
    run._held(count, told, preview, joined=run.state == "held")
    run.flush_recordset()


def _run_of(env, plan, side: str, run_id: int | None):
    """The run that is held: that of the records; for changes that belong to none, one of its own."""
    runs = env["integration.run"].sudo()
    if run_id is not None:
        return runs.browse(run_id)
    found = runs.search([
        ("flow_id", "=", plan.id), ("trigger", "=", "held"), ("state", "=", "held"), ("held_side", "=", side)], limit=1)
    return found or runs.create({"flow_id": plan.id, "trigger": "held", "user_id": env.uid, "held_side": side})


def _told(env, plan, exceeded: list[tuple]) -> str:
    """Why, in plain words for each guard."""
    guards = env["integration.guard"].sudo()
    return " ".join(guards.browse(guard.id)._exceeded_words(count, base) for guard, count, base in exceeded)


def _preview(cr, env, plan, batch, exceeded: list[tuple]) -> dict:
    """Counts and the first affected records, as they are now: what the approver looks at."""
    cr.execute(  # pylint: disable=sql-injection
            f"SELECT s.guard_values->>'k', count(*) FROM integration_sync s WHERE {batch.where} GROUP BY 1",
               batch.params)
    counts = dict(cr.fetchall())
    guards = [str(guard.id) for guard, _count, _base in exceeded]
    cr.execute(  # pylint: disable=sql-injection
        f"""SELECT s.id, COALESCE(s.name, s.external_id, s.model || ',' || s.res_id), s.guard_values
            FROM integration_sync s WHERE {batch.where}
            ORDER BY (s.guard_values->'g') ?| %(guards)s::text[] DESC, s.guard_values ? 'v' DESC, s.guard_values ? 'c' DESC,
                s.id LIMIT {PREVIEWED}""",
        {**batch.params, "guards": guards})
    rules = {rule.code: rule for rule in plan.merge_rules}
    records = []
    for sync_id, name, values in cr.fetchall():
        values = values if isinstance(values, dict) else documents.parse_json(values or "{}")
        changes = {
            rules[code].label: ["•••", "•••"] if rules[code].sensitive else pair
            for code, pair in (values.get("v") or {}).items() if code in rules}
        changes = changes or values.get("c") or {}
        records.append({"id": sync_id, "name": name, "what": values.get("k"), "changes": changes})
    return {
        "counts": counts, "records": records,
        "guards": [{"id": guard.id, "count": count, "of": base} for guard, count, base in exceeded]}


def release(cr, run, user, now: datetime) -> int:
    """A person has approved: what was looked at goes on, what got new data since then is measured anew.

    What passed before does not count for the next decision any more: who approved has seen it.
    """
    cr.execute(
        """WITH released AS (
               UPDATE integration_sync SET state = 'pending', due_at = %(now)s, error_message = NULL, error_hint = NULL,
                   guard_mark = CASE WHEN guard_mark = 'held' THEN 'approved' END
               WHERE run_id = %(run)s AND state = 'held' RETURNING id, flow_id, company_id, direction),
           logged AS (
               INSERT INTO integration_log (sync_id, flow_id, company_id, run_id, create_date, direction, outcome, message,
                   duration_ms, user_id)
               SELECT id, flow_id, company_id, %(run)s, %(now)s, direction, 'released', %(message)s, 0, %(user)s
               FROM released)
           SELECT count(*) FROM released""",
        {"now": now, "run": run.id, "user": user.id, "message": run.env._("Approved by %(user)s.", user=user.name)})
    count = cr.fetchone()[0]
    cr.execute(
        "UPDATE integration_sync SET guard_values = NULL, guard_at = NULL WHERE flow_id = %s AND guard_mark = %s "
        "AND guard_mark IN ('import:passed', 'export:passed') AND guard_at IS NOT NULL",
        [run.flow_id.id, f"{run.held_side}:passed"])
    return count


def leave(cr, run, user, reason: str, now: datetime) -> int:
    """A person has rejected: the records are skipped until they change again."""
    cr.execute(
        """WITH left_alone AS (
               UPDATE integration_sync SET state = 'skipped', due_at = NULL, import_pending = false,
                   export_pending = false, delete_pending = false, waiting_for = NULL, error_key = NULL, conflicts = NULL,
                   guard_mark = NULL, error_message = %(message)s, error_hint = NULL, issue_id = NULL
               WHERE run_id = %(run)s AND state = 'held' RETURNING id, flow_id, company_id, direction),
           logged AS (
               INSERT INTO integration_log (sync_id, flow_id, company_id, run_id, create_date, direction, outcome, message,
                   duration_ms, user_id)
               SELECT id, flow_id, company_id, %(run)s, %(now)s, direction, 'skipped', %(message)s, 0, %(user)s
               FROM left_alone),
           forgotten AS (DELETE FROM integration_conflict WHERE sync_id IN (SELECT id FROM left_alone))
           SELECT count(*) FROM left_alone""",
        {"now": now, "run": run.id, "user": user.id,
         "message": run.env._("Rejected by %(user)s: %(reason)s", user=user.name, reason=reason)})
    count = cr.fetchone()[0]
    journal.add_to_run(cr, run.id, excluded_count=count)
    return count
