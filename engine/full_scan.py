"""Deletions by full scan: what a complete list does not hold any more was deleted over there.

While a run reads everything, the IDs of its pages are kept. With its last page, in the same transaction, the linked records
that were not among them are stored as tombstones, and go the way of every other deletion: policy, guardrails, approval. A
run that fails, is stopped, reads only changes, or meets a record without a readable ID never comes that far.
"""

from datetime import datetime

from ..core import scanning
from . import bulk, inbox

PAGE = 5000
READING, VOID, DONE = "reading", "void", "done"
# Linked before the run began, as far as this flow knows the record, and not known as deleted yet.
_LINKED = """
    FROM integration_sync s JOIN integration_link l ON l.connection_id = %(connection)s AND l.resource_id = %(resource)s
        AND COALESCE(l.line_rule_id, 0) = 0 AND l.external_id = s.external_id
    WHERE s.flow_id = %(flow)s AND s.external_id IS NOT NULL AND l.create_date < %(started)s
"""
_MISSING = """
    NOT EXISTS (SELECT 1 FROM integration_scan c WHERE c.run_id = %(run)s AND c.external_id = s.external_id)
    AND COALESCE(strpos(s.payload, %(deleted)s), 0) = 0
"""


def note_page(cr, plan, run_id: int, stored: inbox.Stored, *, first: bool, whole: bool) -> None:
    """Keep the IDs of a page. In the transaction that stores it.

    :param first: this is the first page of the run
    :param whole: the run reads everything, not only what has changed
    """
    if first:
        cr.execute("DELETE FROM integration_scan WHERE flow_id = %s", [plan.id])
        cr.execute("UPDATE integration_run SET scan = %s WHERE id = %s", [READING if whole else None, run_id])
    if _state(cr, run_id) != READING:
        return
    if stored.unnamed:
        _give_up(cr, plan, run_id, None)
        return
    bulk.run(
        cr, "INSERT INTO integration_scan ({names}) SELECT * FROM {rows} AS v ON CONFLICT DO NOTHING",
        (("flow_id", "int"), ("run_id", "int"), ("external_id", "varchar")),
        [(plan.id, run_id, external_id) for external_id in stored.external_ids])


def _state(cr, run_id: int) -> str | None:
    cr.execute("SELECT scan FROM integration_run WHERE id = %s", [run_id])
    return cr.fetchone()[0]


def finish(cr, env, plan, run_id: int, now: datetime) -> None:
    """The last page is stored: what was missing is deleted over there, unless there is reason to doubt the list."""
    state = _state(cr, run_id)
    if state == VOID:
        _give_up(cr, plan, run_id, plan.model.env._(
            "Deletions were not looked for: the list holds records without a readable identifier."))
    if state != READING:
        return
    cr.execute("SELECT started_at FROM integration_run WHERE id = %s", [run_id])
    params = {
        "connection": plan.connection.id, "resource": plan.resource.id, "flow": plan.id, "run": run_id,
        "started": cr.fetchone()[0], "deleted": inbox.DELETED_KEY}
    cr.execute("SELECT count(*) FROM integration_scan WHERE run_id = %s", [run_id])
    seen = cr.fetchone()[0]
    cr.execute(  # pylint: disable=sql-injection
        f"SELECT count(*), count(*) FILTER (WHERE {_MISSING}) {_LINKED}", params)
    linked, missing = cr.fetchone()
    # A guardrail for deletions holds what is too much, and shows it: the built-in limit is for flows without one.
    guarded = any(guard.kind == "delete" for guard in plan.guards["import"])
    doubt = scanning.doubt(seen, linked, missing, 100 if guarded else plan.flow.missing_limit_percent)
    if doubt:
        _give_up(cr, plan, run_id, _told(plan.model.env, doubt, seen, linked, missing))
        plan.flow.sudo()._tell_about_scan(run_id)
        return
    _store_missing(cr, plan, run_id, params, now)
    cr.execute("DELETE FROM integration_scan WHERE flow_id = %s", [plan.id])
    cr.execute("UPDATE integration_run SET scan = %s, missing_count = %s WHERE id = %s", [DONE, missing, run_id])
    cr.execute("UPDATE integration_flow SET last_scan_at = %s WHERE id = %s", [now, plan.id])


def _store_missing(cr, plan, run_id: int, params: dict, now: datetime) -> None:
    last_id = 0
    while True:
        cr.execute(  # pylint: disable=sql-injection
            f"SELECT s.id, s.external_id {_LINKED} AND {_MISSING} AND s.id > %(last)s ORDER BY s.id LIMIT {PAGE}",
            {**params, "last": last_id})
        found = cr.fetchall()
        if not found:
            return
        last_id = found[-1][0]
        inbox.store(
            cr, plan, [inbox.tombstone(external_id, {inbox.MISSING_KEY: True}) for _id, external_id in found], now=now,
            run_id=run_id)


def _told(env, doubt: str, seen: int, linked: int, missing: int) -> str:
    if doubt == "empty":
        return env._(
            "Nothing was taken for deleted: the list is empty, although %(linked)s records are linked. Check the rights of "
            "the connection and the list of the resource.", linked=linked)
    return env._(
        "Nothing was taken for deleted: %(missing)s of %(linked)s linked records are missing from a list of %(seen)s. If "
        "that is right, raise “Missing Records Believed” on the flow and read everything again.",
        missing=missing, linked=linked, seen=seen)


def _give_up(cr, plan, run_id: int, message: str | None) -> None:
    cr.execute("DELETE FROM integration_scan WHERE flow_id = %s", [plan.id])
    cr.execute("UPDATE integration_run SET scan = %s, message = %s WHERE id = %s", [VOID, message, run_id])
