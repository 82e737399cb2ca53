"""Bulk SQL of the engine's own tables: links, states, logs, exchanges, counters. Pages of statements, never loops."""

import json
from datetime import datetime
from typing import Any

from psycopg2.extras import Json, execute_values

from ..core import documents

COUNTED = {
    "created": "created_count", "updated": "updated_count", "linked": "updated_count", "deleted": "updated_count",
    "archived": "updated_count", "unchanged": "unchanged_count", "excluded": "excluded_count", "failed": "failed_count",
    "conflict": "failed_count", "unknown": "failed_count",
}


def _dumps(value) -> str:
    return documents.dump_json(value)


# -- links -------------------------------------------------------------------------------------------------


def find_links(cr, connection_id: int, resource_id: int, external_ids: list[str]) -> dict[str, int]:
    """``{external ID: record id}`` of those that are linked."""
    if not external_ids:
        return {}
    cr.execute(
        "SELECT external_id, res_id FROM integration_link WHERE connection_id = %s AND resource_id = %s "
        "AND line_rule_id IS NULL AND external_id = ANY(%s)", [connection_id, resource_id, external_ids])
    return dict(cr.fetchall())


def linked_records(cr, connection_id: int, resource_id: int, model: str, res_ids: list[int]) -> dict[int, str]:
    """``{record id: external ID}`` of those that are linked."""
    if not res_ids:
        return {}
    cr.execute(
        "SELECT res_id, external_id FROM integration_link WHERE connection_id = %s AND resource_id = %s "
        "AND line_rule_id IS NULL AND model = %s AND res_id = ANY(%s)", [connection_id, resource_id, model, res_ids])
    return dict(cr.fetchall())


def find_line_links(cr, connection_id, resource_id, rule_id, model, res_ids) -> list[tuple[str, int]]:
    if not res_ids:
        return []
    cr.execute(
        "SELECT external_id, res_id FROM integration_link WHERE connection_id = %s AND resource_id = %s "
        "AND line_rule_id = %s AND model = %s AND res_id = ANY(%s)", [connection_id, resource_id, rule_id, model, res_ids])
    return cr.fetchall()



def link_rows(plan, links: list[tuple]) -> list[tuple]:
    """(external id, record id, lines rule or None) → rows of the table."""
    return [
        (plan.connection.id, plan.resource.id, rule.id if rule else None, external_id,
         rule.comodel if rule else plan.model_name, res_id)
        for external_id, res_id, rule in links
    ]


def insert_links(cr, rows: list[tuple]) -> None:
    """Store links and wake what waited for them.

    A violated uniqueness means that another worker linked the same record meanwhile: the caller does the slice again.
    """
    if not rows:
        return
    execute_values(
        cr._obj,
        "INSERT INTO integration_link (connection_id, resource_id, line_rule_id, external_id, model, res_id, create_date) "
        "VALUES %s", rows, template="(%s, %s, %s, %s, %s, %s, now() AT TIME ZONE 'UTC')", page_size=2000)
    keys = [f"{resource_id}:{external_id}" for _c, resource_id, rule, external_id, _m, _r in rows if rule is None]
    keys += [f"{resource_id}:{model},{res_id}" for _c, resource_id, rule, _e, model, res_id in rows if rule is None]
    cr.execute(
        "UPDATE integration_sync SET state = 'pending', due_at = now() AT TIME ZONE 'UTC', waiting_for = NULL "
        "WHERE waiting_for = ANY(%s) AND connection_id = %s", [keys, rows[0][0]])


def delete_record_links(cr, connection_id, resource_id, model, res_ids) -> None:
    if res_ids:
        cr.execute(
            "DELETE FROM integration_link WHERE connection_id = %s AND resource_id = %s AND line_rule_id IS NULL "
            "AND model = %s AND res_id = ANY(%s)", [connection_id, resource_id, model, res_ids])


def delete_line_links(cr, connection_id, resource_id, rule_id, res_ids) -> None:
    if res_ids:
        cr.execute(
            "DELETE FROM integration_link WHERE connection_id = %s AND resource_id = %s AND line_rule_id = %s "
            "AND res_id = ANY(%s)", [connection_id, resource_id, rule_id, res_ids])


# -- sync records ------------------------------------------------------------------------------------------

_FINISH_COLUMNS = (
    ("state", "varchar"), ("direction", "varchar"), ("res_id", "int"), ("external_id", "varchar"), ("name", "varchar"),
    ("payload", "text"), ("content_hash", "varchar"), ("agreed", "jsonb"), ("conflicts", "jsonb"),
    ("import_pending", "bool"), ("export_pending", "bool"), ("delete_pending", "bool"), ("create_sent", "bool"),
    ("idempotency_key", "varchar"), ("due_at", "timestamp"), ("attempts", "int"), ("error_class", "varchar"),
    ("error_code", "varchar"), ("error_key", "varchar"), ("error_message", "text"), ("error_hint", "text"),
    ("error_detail", "text"), ("waiting_for", "varchar"), ("failed_at", "timestamp"), ("last_synced_at", "timestamp"),
    ("last_import_at", "timestamp"), ("last_export_at", "timestamp"),
)
# These keep the value that is there when the slice has none to say.
_KEEP_IF_NULL = {"failed_at", "last_synced_at", "last_import_at", "last_export_at", "name"}


def finish(cr, rows: list, now: datetime) -> None:
    """Write the outcome of a slice. A change captured meanwhile (another revision) keeps the row pending."""
    if not rows:
        return
    absorb(cr, rows)
    values = []
    for row in rows:
        done = row.state == "synced"
        failed = row.state in ("failed", "unknown")
        values.append((
            row.id, row.revision, row.state, row.direction, row.res_id, row.external_id, row.name, row.payload,
            row.content_hash, _dumps(row.agreed) if row.agreed else None,
            _dumps(row.conflicts) if row.conflicts else None, row.import_pending, row.export_pending,
            row.delete_pending, row.create_sent, row.idempotency_key, row.due_at, row.attempts,
            row.error.error_class if row.error else None, row.error.code if row.error else None, row.error_key,
            row.message if row.state not in ("synced", "processing") else None,
            row.hint if row.state not in ("synced", "processing") else None,
            row.detail, row.waiting_for, now if failed else None, now if done else None,
            now if done and row.direction == "import" else None, now if done and row.direction == "export" else None,
        ))
    columns = [name for name, _type in _FINISH_COLUMNS]
    newer = "s.revision <> v.revision"
    assignments = []
    for name in columns:
        if name in _KEEP_IF_NULL:
            assignments.append(f"{name} = COALESCE(v.{name}, s.{name})")
        elif name in ("export_pending", "delete_pending"):
            assignments.append(f"{name} = CASE WHEN {newer} THEN s.{name} ELSE v.{name} END")
        elif name == "state":
            assignments.append(f"state = CASE WHEN {newer} AND v.state IN ('synced', 'excluded') THEN 'pending' ELSE v.state END")
        elif name == "due_at":
            assignments.append(f"due_at = CASE WHEN {newer} THEN COALESCE(s.due_at, v.due_at) ELSE v.due_at END")
        else:
            assignments.append(f"{name} = v.{name}")
    template = "(%s::int, %s::int, " + ", ".join(f"%s::{kind}" for _name, kind in _FINISH_COLUMNS) + ")"
    execute_values(
        cr._obj,
        f"UPDATE integration_sync s SET {', '.join(assignments)}, write_date = now() AT TIME ZONE 'UTC' "
        f"FROM (VALUES %s) AS v(id, revision, {', '.join(columns)}) WHERE s.id = v.id",
        values, template=template, page_size=1000)


def absorb(cr, rows: list) -> None:
    """An Odoo record and an external record turned out to be the same thing: the flow keeps one sync record."""
    pairs = [(row.flow_id, row.res_id, row.id) for row in rows if row.res_id]
    if not pairs:
        return
    fetched = execute_values(
        cr._obj,
        "SELECT twin.id, v.id, twin.export_pending FROM (VALUES %s) AS v(flow_id, res_id, id) "
        "JOIN integration_sync twin ON twin.flow_id = v.flow_id AND twin.res_id = v.res_id AND twin.id <> v.id",
        pairs, page_size=len(pairs), fetch=True)
    if not fetched:
        return
    by_id = {row.id: row for row in rows}
    for twin_id, row_id, export_pending in fetched:
        cr.execute("UPDATE integration_log SET sync_id = %s WHERE sync_id = %s", [row_id, twin_id])
        row = by_id[row_id]
        if export_pending and row.state == "synced" and row.direction == "import":
            row.export_pending, row.state, row.due_at = True, "pending", row.due_at or datetime.utcnow()
    cr.execute("DELETE FROM integration_sync WHERE id = ANY(%s)", [[twin_id for twin_id, _r, _e in fetched]])


# -- log, exchanges, runs ----------------------------------------------------------------------------------


def insert_logs(cr, plan, rows: list, now: datetime, user_id: int | None = None) -> None:
    """One line per attempt, as detailed as the flow's log level says."""
    level = plan.flow.log_level
    values = []
    for row in rows:
        if not row.outcome:
            continue
        quiet = row.outcome in ("unchanged", "excluded", "linked") or (row.outcome == "updated" and not row.changes)
        bad = row.outcome in ("failed", "retry", "waiting", "conflict", "unknown")
        if level == "errors" and not bad or level == "changes" and quiet and not row.overruled:
            continue
        common = (row.id, plan.id, plan.flow.company_id.id or None, row.run_id, row.exchange, now, row.direction)
        values.append((
            *common, row.outcome, row.attempts, row.error.error_class if row.error else None, row.message,
            row.detail, Json(row.changes, dumps=_dumps) if row.changes else None, row.duration_ms, user_id))
        if row.overruled:
            values.append((
                *common, "overruled", row.attempts, None, None, None,
                Json(row.overruled, dumps=_dumps), 0, user_id))
    if values:
        execute_values(
            cr._obj,
            "INSERT INTO integration_log (sync_id, flow_id, company_id, run_id, exchange_id, create_date, direction, "
            "outcome, attempt, error_class, message, detail, changes, duration_ms, user_id) VALUES %s",
            values, page_size=1000)


def insert_exchanges(cr, connection, flow, run_id: int | None, exchanges: list, explain) -> dict[int, int]:
    """Store HTTP exchanges and return ``{id(exchange): database id}``.

    :param explain: function from a SyncError to the text that a person reads
    """
    level = flow.log_level if flow else "all"
    kept = [
        exchange for exchange in exchanges
        if level == "all" or exchange.error is not None or (level == "changes" and exchange.method != "GET")
    ]
    if not kept:
        return {}
    values = [(
        connection.id, (flow or connection).company_id.id or None, flow.id if flow else None, run_id,
        exchange.started_at.replace(tzinfo=None), "out", exchange.request.correlation_id, exchange.method, exchange.url,
        exchange.response.status if exchange.response else None, exchange.duration_ms,
        _text(exchange.request_headers), _text(exchange.request_body), _text(exchange.response_headers),
        _text(exchange.response_body), exchange.request_bytes, exchange.response_bytes,
        exchange.error.error_class if exchange.error else None, explain(exchange.error) if exchange.error else None,
    ) for exchange in kept]
    ids = execute_values(
        cr._obj,
        "INSERT INTO integration_exchange (connection_id, company_id, flow_id, run_id, create_date, direction, "
        "correlation_id, method, url, status, duration_ms, request_headers, request_body, response_headers, "
        "response_body, request_bytes, response_bytes, error_class, error_message) VALUES %s RETURNING id",
        values, page_size=500, fetch=True)
    return {id(exchange): row[0] for exchange, row in zip(kept, ids, strict=True)}


def _text(value: Any) -> str | None:
    if not value:
        return None
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").replace("\x00", "")
    return json.dumps(dict(value), indent=1, ensure_ascii=False)


def count_outcomes(cr, rows: list) -> None:
    """Add a slice to the counters of its runs."""
    counts: dict[int, dict[str, int]] = {}
    for row in rows:
        column = COUNTED.get(row.outcome)
        if row.run_id and column:
            counts.setdefault(row.run_id, {}).setdefault(column, 0)
            counts[row.run_id][column] += 1
    for run_id, columns in counts.items():
        add_to_run(cr, run_id, **columns)


def add_to_run(cr, run_id: int, **columns: int) -> None:
    """Add to the counters of one run; column names come from this module, never from outside."""
    columns = {name: number for name, number in columns.items() if number}
    if columns:
        assignments = ", ".join(f"{name} = COALESCE({name}, 0) + %s" for name in columns)
        cr.execute(f"UPDATE integration_run SET {assignments} WHERE id = %s",  # pylint: disable=sql-injection
                   [*columns.values(), run_id])
