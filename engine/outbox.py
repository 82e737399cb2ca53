"""From captured changes to pending sync records: one per flow and record, however many writes there were."""

from datetime import datetime

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
        queue_written(cr, written, now)
    if deleted:
        _queue_deleted(cr, deleted, now)
    return sum(count for *_rest, count in taken)


# A scalar subquery and no join: whatever the planner thinks of the tables, it is one look into the index for each record.
# (A join was once planned as every link against every captured record, because connection, resource and model of a link
# are not as independent of each other as it believes.)
_EXTERNAL_IDS = """
    SELECT (SELECT link.external_id FROM integration_link link WHERE link.connection_id = f.connection_id
            AND link.resource_id = f.resource_id AND COALESCE(link.line_rule_id, 0) = 0 AND link.model = f.model_name
            AND link.res_id = v.res_id)
    FROM unnest(%(flows)s::int[], %(records)s::int[]) WITH ORDINALITY AS v(flow_id, res_id, nr)
    LEFT JOIN integration_flow f ON f.id = v.flow_id ORDER BY v.nr
"""
# The other side of a captured record may wait here already without knowing its Odoo record (an import that has not been
# processed, while another flow of the same resource made the link): both are one sync record.
_JOIN_WAITING = """
    UPDATE integration_sync s SET res_id = v.res_id
    FROM unnest(%(flows)s::int[], %(records)s::int[], %(external_ids)s::varchar[]) AS v(flow_id, res_id, external_id)
    WHERE s.flow_id = v.flow_id AND s.external_id = v.external_id AND COALESCE(s.res_id, 0) = 0
        AND NOT EXISTS (SELECT 1 FROM integration_sync o WHERE o.flow_id = v.flow_id AND o.res_id = v.res_id
            AND o.res_id <> 0)
"""
# When a captured record of a flow is due: live flows at once, requests too (somebody has asked), others with their next
# run, manual ones by button. Flows that only import send nothing: what was changed here against the owner is looked at once,
# whenever they read.
_DUE = ("CASE WHEN f.timing = 'live' OR f.direction IN ('request', 'import') THEN %(now)s "
        "WHEN f.timing = 'manual' THEN NULL ELSE f.next_run_at END")
_PRIORITY = "CASE WHEN f.timing = 'live' THEN 0 WHEN f.timing = 'batch' THEN f.priority + 100 ELSE f.priority END"


def queue_written(cr, rows, now):
    """Rows (flow id, record id, moment): one pending sync record each."""
    params = {"now": now, "flows": [row[0] for row in rows], "records": [row[1] for row in rows],
              "times": [row[2] for row in rows]}
    cr.execute(_EXTERNAL_IDS, params)
    params["external_ids"] = [row[0] for row in cr.fetchall()]
    if any(params["external_ids"]):
        cr.execute(_JOIN_WAITING, params)
    cr.execute(
        f"""
        INSERT INTO integration_sync AS s (
            flow_id, connection_id, company_id, model, res_id, state, direction, import_pending, export_pending,
            delete_pending, create_sent, priority, due_at, captured_at, attempts, revision, create_date, write_date,
            external_id)
        SELECT f.id, f.connection_id, f.company_id, f.model_name, v.res_id, 'pending', 'export', false, true,
               false, false, {_PRIORITY}, {_DUE}, v.captured_at, 0, 1, %(now)s, %(now)s,
               CASE WHEN NOT EXISTS (SELECT 1 FROM integration_sync o WHERE o.flow_id = f.id
                                     AND o.external_id = v.external_id) THEN v.external_id END
        FROM unnest(%(flows)s::int[], %(records)s::int[], %(times)s::timestamp[], %(external_ids)s::varchar[])
            AS v(flow_id, res_id, captured_at, external_id)
        JOIN integration_flow f ON f.id = v.flow_id
        ON CONFLICT (flow_id, res_id) WHERE res_id IS NOT NULL AND res_id <> 0 DO UPDATE SET
            export_pending = true, revision = s.revision + 1, captured_at = EXCLUDED.captured_at,
            state = CASE WHEN s.state IN ('processing', 'unknown', 'held') THEN s.state ELSE 'pending' END,
            direction = CASE WHEN s.import_pending THEN s.direction ELSE 'export' END,
            attempts = CASE WHEN s.state IN ('processing', 'unknown') THEN s.attempts ELSE 0 END,
            due_at = CASE WHEN s.state IN ('unknown', 'held') THEN s.due_at
                          WHEN s.state = 'processing' THEN LEAST(EXCLUDED.due_at, s.due_at)
                          ELSE COALESCE(EXCLUDED.due_at, s.due_at) END,
            guard_mark = NULL,
            priority = CASE WHEN s.due_at IS NULL THEN EXCLUDED.priority ELSE LEAST(EXCLUDED.priority, s.priority) END,
            waiting_for = NULL
        """,  # pylint: disable=sql-injection
        params)


def _queue_deleted(cr, rows, now):
    """A deleted record: what was linked is deleted over there, or only forgotten, as the flow says."""
    params = {"now": now, "flows": [row[0] for row in rows], "records": [row[1] for row in rows]}
    cr.execute(
        """
        UPDATE integration_sync s SET
            delete_pending = true, export_pending = false, import_pending = false, revision = s.revision + 1,
            state = CASE WHEN s.state IN ('processing', 'held') THEN s.state ELSE 'pending' END, direction = 'export',
            due_at = CASE WHEN s.state = 'held' THEN NULL ELSE %(now)s END, guard_mark = NULL,
            attempts = 0, waiting_for = NULL, conflicts = NULL
        FROM unnest(%(flows)s::int[], %(records)s::int[]) AS v(flow_id, res_id)
        WHERE s.flow_id = v.flow_id AND s.res_id = v.res_id AND s.res_id <> 0
        """, params)
    cr.execute(
        "DELETE FROM integration_conflict c USING integration_sync s, unnest(%(flows)s::int[], %(records)s::int[]) "
        "AS v(flow_id, res_id) WHERE s.flow_id = v.flow_id AND s.res_id = v.res_id AND s.res_id <> 0 AND c.sync_id = s.id",
        params)
    # Nobody has to decide any more whether these are deleted in Odoo.
    cr.execute(
        "DELETE FROM integration_deletion d USING integration_sync s, unnest(%(flows)s::int[], %(records)s::int[]) "
        "AS v(flow_id, res_id) WHERE s.flow_id = v.flow_id AND s.res_id = v.res_id AND s.res_id <> 0 AND d.sync_id = s.id "
        "AND d.side = 'odoo'", params)


# What is due is told by state and moment together: a settled record is never picked, whatever its moment says.
_WORKABLE = "state IN ('pending', 'waiting', 'processing')"
_KIND = "CASE WHEN delete_pending THEN 'delete' WHEN import_pending THEN 'import' ELSE 'export' END"


def due(cr, connection_id: int, flow_ids: list[int], now: datetime, limit: int, without=(), *,
        priority: int | None = None) -> list[tuple[int, int, str]]:
    """The next records to work on as (id, flow id, kind of work), all of one flow and one kind.

    The flow and kind of the record that comes first decide, so that live records overtake long batches.

    :param without: ids that another worker holds
    :param priority: only records that are at least so urgent
    """
    if not flow_ids:
        return []
    without = list(without)
    cr.execute(
        f"""SELECT flow_id, {_KIND} FROM integration_sync
            WHERE connection_id = %s AND due_at <= %s AND {_WORKABLE} AND flow_id = ANY(%s) AND id <> ALL(%s)
              AND (%s::int IS NULL OR priority <= %s)
            ORDER BY priority, due_at LIMIT 1""",  # pylint: disable=sql-injection
        [connection_id, now, flow_ids, without, priority, priority])
    first = cr.fetchone()
    if not first:
        return []
    cr.execute(
        f"""SELECT id, flow_id, {_KIND} FROM integration_sync
            WHERE flow_id = %s AND due_at <= %s AND {_WORKABLE} AND {_KIND} = %s AND id <> ALL(%s)
              AND (%s::int IS NULL OR priority <= %s)
            ORDER BY priority, due_at, id LIMIT %s""",  # pylint: disable=sql-injection
        [first[0], now, first[1], without, priority, priority, limit])
    return cr.fetchall()


# Webhook events that can be worked on: those that are due, and those whose flow is running (again) or is gone.
_EVENTS = """
    EXISTS (SELECT 1 FROM integration_webhook_event WHERE connection_id = %(connection)s AND state = 'pending'
            AND due_at <= %(now)s)
    OR EXISTS (SELECT 1 FROM integration_webhook_event e LEFT JOIN integration_flow f ON f.id = e.flow_id
               WHERE e.connection_id = %(connection)s AND e.state = 'pending' AND e.due_at IS NULL
                 AND (f.id IS NULL OR f.state <> 'paused' OR NOT f.active))
"""


# Work that has no records of its own in the queue: runs that are put back, and reconciliations.
_RUNNING = "f.active AND f.state IN ('test', 'live')"
_BACKGROUND = f"""
    EXISTS (SELECT 1 FROM integration_run r JOIN integration_flow f ON f.id = r.flow_id
            WHERE r.connection_id = %(connection)s AND r.state = 'reverting'
              AND (r.next_try_at IS NULL OR r.next_try_at <= %(now)s) AND {_RUNNING})
    OR EXISTS (SELECT 1 FROM integration_reconciliation r JOIN integration_flow f ON f.id = r.flow_id
               WHERE r.connection_id = %(connection)s AND r.state = 'open'
                 AND (r.next_try_at IS NULL OR r.next_try_at <= %(now)s) AND {_RUNNING})
    OR EXISTS (SELECT 1 FROM integration_flow f WHERE f.connection_id = %(connection)s
               AND f.reconcile_next_at <= %(now)s AND {_RUNNING})
"""
_BACKGROUND_MOMENTS = f"""
    UNION ALL
    SELECT min(r.next_try_at) FROM integration_run r JOIN integration_flow f ON f.id = r.flow_id
    WHERE r.connection_id = %(connection)s AND r.state = 'reverting' AND r.next_try_at > %(now)s AND {_RUNNING}
    UNION ALL
    SELECT min(r.next_try_at) FROM integration_reconciliation r JOIN integration_flow f ON f.id = r.flow_id
    WHERE r.connection_id = %(connection)s AND r.state = 'open' AND r.next_try_at > %(now)s AND {_RUNNING}
    UNION ALL
    SELECT min(f.reconcile_next_at) FROM integration_flow f
    WHERE f.connection_id = %(connection)s AND f.reconcile_next_at > %(now)s AND {_RUNNING}
"""


def background_waits(cr, connection_id: int, now: datetime) -> bool:
    """Is there a run to put back, or something to reconcile?"""
    cr.execute(f"SELECT {_BACKGROUND}", {"connection": connection_id, "now": now})  # pylint: disable=sql-injection
    return cr.fetchone()[0]


def events_wait(cr, connection_id: int, now: datetime) -> bool:
    """Are there webhook events to work on?"""
    cr.execute(f"SELECT {_EVENTS}", {"connection": connection_id, "now": now})  # pylint: disable=sql-injection
    return cr.fetchone()[0]


def waits(cr, connection_id: int, now: datetime, without=()) -> bool:
    """Is anything left for the worker of this connection: captured changes, due records, pages to read, events?"""
    cr.execute(
        f"""SELECT EXISTS (SELECT 1 FROM integration_sync s JOIN integration_flow f ON f.id = s.flow_id
                           WHERE s.connection_id = %(connection)s AND s.due_at <= %(now)s AND s.{_WORKABLE}
                             AND f.active AND f.state IN ('test', 'live') AND s.id <> ALL(%(without)s))
                OR EXISTS (SELECT 1 FROM integration_flow f WHERE f.connection_id = %(connection)s AND f.active
                           AND f.state IN ('test', 'live') AND EXISTS (
                               SELECT 1 FROM integration_sync s WHERE s.flow_id = f.id
                               AND s.guard_mark IN ('import:measured', 'export:measured')))
                OR EXISTS (SELECT 1 FROM integration_capture c JOIN integration_flow f ON f.id = c.flow_id
                           WHERE f.connection_id = %(connection)s)
                OR EXISTS (SELECT 1 FROM integration_run r JOIN integration_flow f ON f.id = r.flow_id
                           WHERE r.connection_id = %(connection)s AND r.state = 'open' AND r.fetching
                             AND (r.next_try_at IS NULL OR r.next_try_at <= %(now)s)
                             AND f.active AND f.state IN ('test', 'live'))
                OR {_EVENTS}
                OR {_BACKGROUND}
        """,  # pylint: disable=sql-injection
        {"connection": connection_id, "now": now, "without": list(without)})
    return cr.fetchone()[0]


def concerns(cr, connection_id: int, now: datetime) -> bool:
    """Is there anything to look at: what waits, a run to open or to close, or what a dead worker left behind?"""
    if waits(cr, connection_id, now):
        return True
    cr.execute(
        """SELECT EXISTS (SELECT 1 FROM integration_flow WHERE connection_id = %(connection)s AND active
                          AND state IN ('test', 'live') AND next_run_at <= %(now)s)
               OR EXISTS (SELECT 1 FROM integration_run WHERE connection_id = %(connection)s AND state = 'open'
                          AND trigger NOT IN ('live', 'webhook') AND NOT COALESCE(fetching, false))
               OR EXISTS (SELECT 1 FROM integration_sync s JOIN integration_flow f ON f.id = s.flow_id
                          WHERE f.connection_id = %(connection)s AND s.state = 'processing')
        """, {"connection": connection_id, "now": now})
    return cr.fetchone()[0]


def next_moment(cr, connection_id: int, now: datetime) -> datetime | None:
    """When the worker of this connection has to look again: the next retry, page or scheduled run after ``now``."""
    cr.execute(
        f"""SELECT min(moment) FROM (
                SELECT min(s.due_at) AS moment FROM integration_sync s JOIN integration_flow f ON f.id = s.flow_id
                WHERE s.connection_id = %(connection)s AND s.due_at > %(now)s AND s.{_WORKABLE}
                  AND f.active AND f.state IN ('test', 'live')
                UNION ALL
                SELECT min(r.next_try_at) FROM integration_run r JOIN integration_flow f ON f.id = r.flow_id
                WHERE r.connection_id = %(connection)s AND r.state = 'open' AND r.fetching AND r.next_try_at > %(now)s
                  AND f.active AND f.state IN ('test', 'live')
                UNION ALL
                SELECT min(due_at) FROM integration_webhook_event
                WHERE connection_id = %(connection)s AND state = 'pending' AND due_at > %(now)s
                UNION ALL
                SELECT min(next_run_at) FROM integration_flow WHERE connection_id = %(connection)s
                  AND active AND state IN ('test', 'live') AND next_run_at > %(now)s
                {_BACKGROUND_MOMENTS}) moments
        """,  # pylint: disable=sql-injection
        {"connection": connection_id, "now": now})
    return cr.fetchone()[0]
