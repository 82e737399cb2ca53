"""Bulk actions: everything that matches a filter, in pages of one statement each, committed one by one."""

from odoo import fields

from . import capture, conflicts, deletions, issues, page_jobs, queueing, reconcile_fix
from .rows import RUNNING_STATES

PAGE = 2000
# Decisions are carried out at once, with the records of both sides at hand; differences may carry payloads.
DECIDED_PAGE = 500
DECISIONS = {
    "keep_odoo": "odoo", "take_external": "external", "approve": deletions.APPROVED, "reject": deletions.REJECTED}


def run(env) -> None:
    """Work on all bulk actions that are under way, oldest first, until they are done or the time of the scheduled action
    is over."""
    page_jobs.run(
        env, "SELECT id FROM integration_bulk_action WHERE state = 'open' ORDER BY id LIMIT 1",
        lambda action_id: _page(env, action_id),
        # A filter that cannot be evaluated any more must not stop the others.
        lambda action_id, reason: _stop(env, action_id, reason))


def _stop(env, action_id: int, reason: str) -> None:
    """The transaction was rolled back: say why this one does not go on."""
    env.invalidate_all(flush=False)
    env["integration.bulk.action"].browse(action_id).write({
        "state": "failed", "ended_at": fields.Datetime.now(), "message": reason[:2000]})


def _page(env, action_id: int) -> int:
    """The next page of one bulk action. Returns how many rows it had."""
    cr, now = env.cr, fields.Datetime.now()
    # Whoever cancels waits for this page, or this page finds it cancelled.
    cr.execute("SELECT id FROM integration_bulk_action WHERE id = %s AND state = 'open' FOR UPDATE", [action_id])
    if not cr.fetchone():
        return 0
    env.invalidate_all(flush=False)
    bulk = env["integration.bulk.action"].browse(action_id)
    limit = DECIDED_PAGE if bulk.action in (*DECISIONS, "fix") else PAGE
    page = bulk._page(limit)
    done = 0
    if page:
        work = {
            "integration.conflict": _decide_conflicts, "integration.deletion": _decide_deletions,
            "integration.reconciliation.line": _fix_differences,
        }.get(bulk.target, _assign if bulk.action == "assign" else _act)
        done = work(env, bulk, page, now)
    values = {
        "done": bulk.done + done, "failed": bulk.failed + max(len(page) - done, 0),
        "after_id": page[-1:].id or bulk.after_id}
    if len(page) < limit:
        values.update(state="done", ended_at=now)
    bulk.write(values)
    env.flush_all()
    return len(page)


def _act(env, bulk, page, now) -> int:
    """Retry, skip or compare these anew. Returns how many it concerned."""
    cr, user, ids = env.cr, bulk.user_id, page.ids
    reason = bulk._actor()._("%(action)s by %(user)s", action=dict(
        bulk._fields["action"]._description_selection(bulk._actor()))[bulk.action], user=user.name)
    cr.execute(
        "SELECT array_agg(DISTINCT issue_id) FILTER (WHERE issue_id IS NOT NULL), array_agg(DISTINCT connection_id) "
        "FROM integration_sync WHERE id = ANY(%s)", [ids])
    issue_ids, connection_ids = cr.fetchone()
    if bulk.action == "resync":
        queueing.compare_anew(cr, ids)
    kind = "skip" if bulk.action == "skip" else "retry"
    done = queueing.act(cr, kind, ids, now, message=reason, user_id=user.id, due_at=bulk.later_at or None)
    if issue_ids:
        issues.note_action(cr, issue_ids, "skipped" if kind == "skip" else "retried", user.id, now)
        if kind == "skip":
            issues.close_empty(cr, issue_ids, now)
    env.invalidate_all(flush=False)
    env["integration.connection"].browse(connection_ids)._wake()
    return len(done)


def _decide_conflicts(env, bulk, page, now) -> int:
    """Decide these fields, and those that move together with them, for one side. What the user may not write is left, and
    so is what has moved on meanwhile. Returns how many are decided."""
    cr, writable = env.cr, page._writable()
    if not writable:
        return 0
    sync_ids = writable.sync_id.ids
    conflicts.mark(cr, writable.ids, DECISIONS[bulk.action], bulk.user_id.id, now)
    cr.execute("SELECT id FROM integration_conflict WHERE sync_id = ANY(%s) AND decision IS NOT NULL", [sync_ids])
    ids = [row[0] for row in cr.fetchall()]
    outcome = conflicts.carry_out(env, ids)
    conflicts.unmark(env, ids, outcome)
    if outcome.busy:  # a worker holds them: they are carried out as soon as it is done
        capture.wake_at(env, env.ref("integration_flow.cron_conflicts").id,
                        fields.Datetime.add(now, seconds=conflicts.BUSY_SECONDS))
    return len(ids) - sum(len(labels) for labels in outcome.moved.values())


def _decide_deletions(env, bulk, page, now) -> int:
    """Approve or reject these deletions, as far as the user may. Returns how many."""
    decidable = page._decidable().sudo()
    decidable = decidable.filtered(lambda row: row.flow_id.state in RUNNING_STATES)
    if not decidable:
        return 0
    flows, state = decidable.flow_id.with_env(env), DECISIONS[bulk.action]
    done = deletions.decide(env.cr, decidable.ids, state, bulk.user_id.id, now, page._decision_text(state))
    env.invalidate_all(flush=False)
    for flow in flows:
        flow._tell_about_deletions()
    flows.connection_id._wake()
    return len(done)


def _fix_differences(_env, _bulk, page, _now) -> int:
    """Queue what makes these differences equal, for flows that run. Those of a record that is being processed just now are
    left. Returns how many are queued."""
    lines = page.sudo().filtered(lambda line: line.flow_id.state in RUNNING_STATES)
    if not lines:
        return 0
    done = reconcile_fix.fix(page.env, lines)
    lines.flow_id.connection_id._wake()
    return done


def _assign(env, bulk, page, _now) -> int:
    """Assign the issues, or those that the records belong to."""
    found = page if page._name == "integration.issue" else page.issue_id
    found = found.sudo().filtered(lambda issue: issue.state == "open" and issue.assignee_id != bulk.assignee_id)
    found.write({"assignee_id": bulk.assignee_id.id})
    return len(page)
