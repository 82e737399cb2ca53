"""Bulk actions: everything that matches a filter, in pages of one statement each, committed one by one."""

import logging

from odoo import fields

from . import issues, queueing
from .issue_jobs import in_peace

_logger = logging.getLogger(__name__)
PAGE = 2000


def run(env) -> None:
    """Work on all bulk actions that are under way, oldest first, until they are done or the time of the scheduled action
    is over."""
    cr = env.cr
    while True:
        cr.execute("SELECT id FROM integration_bulk_action WHERE state = 'open' ORDER BY id LIMIT 1")
        found = cr.fetchone()
        if not found:
            env["ir.cron"]._commit_progress(0, remaining=0)
            return
        action_id = found[0]
        try:
            done = in_peace(env, lambda action_id=action_id: _page(env, action_id))
        except Exception as error:  # a filter that cannot be evaluated any more must not stop the others
            _logger.warning("Bulk action %s stopped", action_id, exc_info=True)
            _stop(env, action_id, str(error))
            done = 0
        if done is None or env["ir.cron"]._commit_progress(done, remaining=1) <= 0:
            return


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
    page = bulk._page(PAGE)
    done = 0
    if page:
        done = _assign(env, bulk, page) if bulk.action == "assign" else _act(env, bulk, page.ids, now)
    values = {"done": bulk.done + done, "failed": bulk.failed + len(page) - done, "after_id": page[-1:].id or bulk.after_id}
    if len(page) < PAGE:
        values.update(state="done", ended_at=now)
    bulk.write(values)
    env.flush_all()
    return len(page)


def _act(env, bulk, ids: list[int], now) -> int:
    """Retry, skip or compare these anew. Returns how many it concerned."""
    cr, user = env.cr, bulk.user_id
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


def _assign(env, bulk, page) -> int:
    """Assign the issues, or those that the records belong to."""
    found = page if page._name == "integration.issue" else page.issue_id
    found = found.sudo().filtered(lambda issue: issue.state == "open" and issue.assignee_id != bulk.assignee_id)
    found.write({"assignee_id": bulk.assignee_id.id})
    return len(page)
