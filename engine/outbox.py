"""From captured changes to pending sync records: one per flow and record, however many writes there were."""

from datetime import datetime

from . import claim

PAGE = 5000


def drain(cr, connection_id: int, now: datetime) -> int:
    """Fold up to ``PAGE`` captured changes of a connection into sync records. Returns how many were taken.

    Rows are deleted in the transaction that stores what they say, so that a crash in between loses nothing.
    """
    cr.execute(
        """
        WITH taken AS (
            DELETE FROM integration_capture WHERE id IN (
                SELECT capture.id FROM integration_capture capture
                JOIN integration_flow flow ON flow.id = capture.flow_id
                WHERE flow.connection_id = %s ORDER BY capture.id LIMIT %s FOR UPDATE OF capture SKIP LOCKED)
            RETURNING flow_id, res_id, operation, captured_at)
        SELECT flow_id, res_id, bool_or(operation = 'unlink'), max(captured_at), count(*) FROM taken
        GROUP BY flow_id, res_id ORDER BY flow_id, res_id
        """, [connection_id, PAGE])
    taken = cr.fetchall()
    if not taken:
        return 0
    written = [(flow_id, res_id, at) for flow_id, res_id, deleted, at, _count in taken if not deleted]
    deleted = [(flow_id, res_id, at) for flow_id, res_id, is_deleted, at, _count in taken if is_deleted]
    if written:
        _queue_written(cr, written, now)
    if deleted:
        _queue_deleted(cr, deleted, now)
    return sum(count for *_rest, count in taken)


# When a captured record of a flow is due: live flows at once, others with their next run, manual ones by button.
_DUE = "CASE WHEN f.timing = 'live' THEN %(now)s WHEN f.timing = 'manual' THEN NULL ELSE f.next_run_at END"
_PRIORITY = "CASE WHEN f.timing = 'live' THEN 0 WHEN f.timing = 'batch' THEN f.priority + 100 ELSE f.priority END"


def _queue_written(cr, rows, now):
    cr.execute(
        f"""
        INSERT INTO integration_sync AS s (
            flow_id, connection_id, company_id, model, res_id, state, direction, import_pending, export_pending,
            delete_pending, create_sent, priority, due_at, captured_at, attempts, revision, create_date, write_date,
            external_id)
        SELECT f.id, f.connection_id, f.company_id, f.model_name, v.res_id, 'pending', 'export', false, true,
               false, false, {_PRIORITY}, {_DUE}, v.captured_at, 0, 1, %(now)s, %(now)s, link.external_id
        FROM unnest(%(flows)s::int[], %(records)s::int[], %(times)s::timestamp[]) AS v(flow_id, res_id, captured_at)
        JOIN integration_flow f ON f.id = v.flow_id
        LEFT JOIN integration_link link ON link.connection_id = f.connection_id AND link.resource_id = f.resource_id
            AND link.line_rule_id IS NULL AND link.model = f.model_name AND link.res_id = v.res_id
        ON CONFLICT (flow_id, res_id) WHERE res_id IS NOT NULL AND res_id <> 0 DO UPDATE SET
            export_pending = true, revision = s.revision + 1, captured_at = EXCLUDED.captured_at,
            state = CASE WHEN s.state IN ('processing', 'conflict', 'unknown') THEN s.state ELSE 'pending' END,
            direction = CASE WHEN s.import_pending THEN s.direction ELSE 'export' END,
            attempts = CASE WHEN s.state IN ('processing', 'unknown') THEN s.attempts ELSE 0 END,
            due_at = CASE WHEN s.state IN ('conflict', 'unknown') THEN s.due_at
                          ELSE COALESCE(EXCLUDED.due_at, s.due_at) END,
            priority = LEAST(EXCLUDED.priority, s.priority), waiting_for = NULL
        """,  # pylint: disable=sql-injection
        {"now": now, "flows": [row[0] for row in rows], "records": [row[1] for row in rows],
         "times": [row[2] for row in rows]})


def _queue_deleted(cr, rows, now):
    """A deleted record: what was linked is deleted over there, or only forgotten, as the flow says."""
    params = {"now": now, "flows": [row[0] for row in rows], "records": [row[1] for row in rows]}
    cr.execute(
        """
        UPDATE integration_sync s SET
            delete_pending = true, export_pending = false, import_pending = false, revision = s.revision + 1,
            state = CASE WHEN s.state = 'processing' THEN s.state ELSE 'pending' END, direction = 'export',
            due_at = %(now)s, attempts = 0, waiting_for = NULL, conflicts = NULL
        FROM unnest(%(flows)s::int[], %(records)s::int[]) AS v(flow_id, res_id)
        WHERE s.flow_id = v.flow_id AND s.res_id = v.res_id
        """, params)


def due(cr, connection_id: int, flow_ids: list[int], now: datetime, limit: int) -> list[tuple[int, str]]:
    """Ids of the next records to work on, all of one flow and one kind of work, with the kind.

    The flow and kind of the record that comes first decide, so that live records overtake long batches.
    """
    if not flow_ids:
        return []
    kind = "CASE WHEN delete_pending THEN 'delete' WHEN import_pending THEN 'import' ELSE 'export' END"
    cr.execute(
        f"""SELECT flow_id, {kind} FROM integration_sync
            WHERE connection_id = %s AND due_at <= %s AND flow_id = ANY(%s)
            ORDER BY priority, due_at LIMIT 1""",  # pylint: disable=sql-injection
        [connection_id, now, flow_ids])
    first = cr.fetchone()
    if not first:
        return []
    cr.execute(
        f"""SELECT id, flow_id, {kind} FROM integration_sync
            WHERE flow_id = %s AND due_at <= %s AND {kind} = %s
            ORDER BY priority, due_at, id LIMIT %s""",  # pylint: disable=sql-injection
        [first[0], now, first[1], limit])
    return cr.fetchall()


def take(cr, held: claim.Claims, candidates: list[tuple]) -> list[int]:
    """Lock the candidates. The caller begins a new transaction and reads them again: what another worker finished
    between the selection and the lock is seen only then."""
    return held.take([row[0] for row in candidates])
