"""Sync records by the thousand: queued again, skipped, and the lines in their history, in one statement each."""

from datetime import datetime

# Due now, with attempts counted anew. What had nothing to do any more does again what it did last.
_QUEUE = """state = 'pending', due_at = %(due_at)s, attempts = 0, error_key = NULL, waiting_for = NULL,
    import_pending = import_pending OR (direction = 'import' AND (payload IS NOT NULL OR external_id IS NOT NULL)
        AND NOT COALESCE(export_pending, false) AND NOT COALESCE(delete_pending, false)),
    export_pending = export_pending OR (direction = 'export' AND NOT COALESCE(import_pending, false)
        AND NOT COALESCE(delete_pending, false))"""
_SKIP = """state = 'skipped', due_at = NULL, import_pending = false, export_pending = false, delete_pending = false,
    waiting_for = NULL, error_key = NULL, conflicts = NULL, issue_id = NULL, guard_mark = NULL"""
# What a guardrail holds is approved or rejected, not retried.
_ACTIONS = {"retry": (_QUEUE, "queued", ["processing", "held"]), "skip": (_SKIP, "skipped", ["processing"])}


def act(cr, action: str, ids: list[int], now: datetime, *, message: str = "", user_id: int | None = None,
        due_at: datetime | None = None) -> list[int]:
    """Retry or skip these records, those excepted that are being processed or held. Returns whom it concerned.

    :param message: of the line in their history; none is written without
    :param due_at: retry not before this moment
    """
    if not ids:
        return []
    assignments, outcome, not_for = _ACTIONS[action]
    cr.execute(
        f"UPDATE integration_sync SET {assignments} "  # pylint: disable=sql-injection
        "WHERE id = ANY(%(ids)s) AND state <> ALL(%(not_for)s) RETURNING id",
        {"due_at": due_at or now, "ids": list(ids), "not_for": not_for})
    done = [row[0] for row in cr.fetchall()]
    if action == "skip" and done:
        cr.execute("DELETE FROM integration_conflict WHERE sync_id = ANY(%s)", [done])
        cr.execute("DELETE FROM integration_deletion WHERE sync_id = ANY(%s) AND state <> 'rejected'", [done])
    if message:
        log(cr, done, outcome, message, user_id, now)
    return done


def compare_anew(cr, ids: list[int]) -> None:
    """Everything is compared again with the next attempt of these records, from what both sides hold then; those
    excepted that are being processed or held."""
    cr.execute(
        """UPDATE integration_sync s SET content_hash = NULL, external_version = NULL, external_updated_at = NULL,
               import_pending = flow.direction <> 'export' AND (COALESCE(s.payload, '') <> ''
                   OR s.external_id IS NOT NULL AND (s.direction = 'import' OR s.last_import_at IS NOT NULL)),
               export_pending = flow.direction <> 'import' AND COALESCE(s.res_id, 0) <> 0
           FROM integration_flow flow WHERE flow.id = s.flow_id AND s.id = ANY(%s)
               AND s.state NOT IN ('processing', 'held')""", [list(ids)])


def log(cr, ids: list[int], outcome: str, message: str, user_id: int | None, now: datetime) -> None:
    """One line in the history of each of these records."""
    if ids:
        cr.execute(
            "INSERT INTO integration_log (sync_id, flow_id, company_id, create_date, direction, outcome, message, user_id) "
            "SELECT id, flow_id, company_id, %s, direction, %s, %s, %s FROM integration_sync WHERE id = ANY(%s)",
            [now, outcome, message, user_id, list(ids)])
