"""Retry All and Skip All of an issue: pages of records in one statement each, committed one by one."""

from odoo import fields

from . import issues, page_jobs, queueing

PAGE = 2000


def run(env, states: dict[str, tuple]) -> None:
    """Work on all jobs that are under way, until they are done or the time of the scheduled action is over.

    :param states: {job: states of the records that it takes}
    """
    page_jobs.run(
        env, "SELECT id FROM integration_issue WHERE job IS NOT NULL ORDER BY write_date, id LIMIT 1",
        lambda issue_id: _page(env, issue_id, states))


def _page(env, issue_id: int, states) -> int:
    """The next records of one issue. Returns how many."""
    cr, now = env.cr, fields.Datetime.now()
    cr.execute(
        "SELECT job, job_reason, job_how, job_by_id, job_after_id, connection_id, job_company_ids FROM integration_issue "
        "WHERE id = %s AND job IS NOT NULL FOR UPDATE", [issue_id])
    found = cr.fetchone()
    if not found:
        return 0
    job, reason, how, user_id, after_id, connection_id, companies = found
    cr.execute(
        "SELECT id FROM integration_sync WHERE issue_id = %s AND state = ANY(%s) AND id > %s "
        "AND (%s::int[] IS NULL OR company_id IS NULL OR company_id = ANY(%s)) ORDER BY id LIMIT %s",
        [issue_id, list(states[job]), after_id or 0, companies or None, companies or [], PAGE])
    ids = [row[0] for row in cr.fetchall()]
    if ids:
        queueing.act(cr, job, ids, now, message=reason, user_id=user_id)
        cr.execute(
            "UPDATE integration_issue SET job_done = COALESCE(job_done, 0) + %s, job_after_id = %s WHERE id = %s",
            [len(ids), ids[-1], issue_id])
    if not after_id:
        issues.note_action(cr, [issue_id], how, user_id, now)
    if len(ids) < PAGE:
        cr.execute("UPDATE integration_issue SET job = NULL WHERE id = %s", [issue_id])
        issues.close_empty(cr, [issue_id], now)
    env.invalidate_all(flush=False)
    env["integration.connection"].browse(connection_id)._wake()
    return len(ids)
