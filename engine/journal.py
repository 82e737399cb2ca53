"""Bulk SQL of the engine's own tables: links, states, logs, exchanges, counters. Pages of statements, never loops."""

import json
import re
from datetime import datetime
from functools import lru_cache
from typing import Any

from psycopg2.extras import execute_values

from ..core import documents
from ..core.recency import Age
from . import answers, bulk, conflicts, twins

COUNTED = {
    "created": "created_count", "updated": "updated_count", "linked": "updated_count", "deleted": "updated_count",
    "archived": "updated_count", "unchanged": "unchanged_count", "excluded": "excluded_count", "failed": "failed_count",
    "conflict": "failed_count", "unknown": "failed_count",
}
NO_AGE = Age()


def _dumps(value) -> str:
    return documents.dump_json(value)


# -- links -------------------------------------------------------------------------------------------------
# Conditions on ``line_rule_id`` are written as the unique indexes have it, COALESCE(line_rule_id, 0): with IS NULL only the
# connection and the resource would be looked up there, and all of their links be read.


def find_links(cr, connection_id: int, resource_id: int, external_ids: list[str]) -> dict[str, int]:
    """``{external ID: record id}`` of those that are linked."""
    if not external_ids:
        return {}
    cr.execute(
        "SELECT external_id, res_id FROM integration_link WHERE connection_id = %s AND resource_id = %s "
        "AND COALESCE(line_rule_id, 0) = 0 AND external_id = ANY(%s)", [connection_id, resource_id, external_ids])
    return dict(cr.fetchall())


def linked_records(cr, connection_id: int, resource_id: int, model: str, res_ids: list[int]) -> dict[int, str]:
    """``{record id: external ID}`` of those that are linked."""
    if not res_ids:
        return {}
    cr.execute(
        "SELECT res_id, external_id FROM integration_link WHERE connection_id = %s AND resource_id = %s "
        "AND COALESCE(line_rule_id, 0) = 0 AND model = %s AND res_id = ANY(%s)",
        [connection_id, resource_id, model, res_ids])
    return dict(cr.fetchall())


def find_line_links(cr, connection_id, resource_id, rule_id, model, res_ids) -> list[tuple[str, int]]:
    if not res_ids:
        return []
    cr.execute(
        "SELECT external_id, res_id FROM integration_link WHERE connection_id = %s AND resource_id = %s "
        "AND COALESCE(line_rule_id, 0) = %s AND model = %s AND res_id = ANY(%s)",
        [connection_id, resource_id, rule_id, model, res_ids])
    return cr.fetchall()


def link_rows(plan, links: list[tuple]) -> list[tuple]:
    """(external id, record id, lines rule or None) → rows of the table."""
    return [
        (plan.connection.id, plan.resource.id, rule.id if rule else None, external_id,
         rule.comodel if rule else plan.model_name, res_id)
        for external_id, res_id, rule in links
    ]


_LINK_COLUMNS = "(connection_id, resource_id, line_rule_id, external_id, model, res_id, create_date)"
_LINK_VALUES = "(%s, %s, %s, %s, %s, %s, now() AT TIME ZONE 'UTC')"


def insert_links(cr, rows: list[tuple]) -> None:
    """Store links and wake what waited for them.

    A violated uniqueness means that another worker linked the same record meanwhile: the caller does the slice again.
    """
    records = _store_line_links(cr, rows)
    if records:
        execute_values(
            cr._obj, f"INSERT INTO integration_link {_LINK_COLUMNS} VALUES %s", records, template=_LINK_VALUES,
            page_size=2000)
        _wake_waiting(cr, records)


def add_links(cr, rows: list[tuple]) -> list[tuple[str, int]]:
    """Store links of records that were sent, and wake what waited for them. A link that is there already is fine.

    :return: (external ID, record id) of those that would contradict another link
    """
    records = _store_line_links(cr, rows)
    if not records:
        return []
    stored = set(execute_values(
        cr._obj,
        f"INSERT INTO integration_link {_LINK_COLUMNS} VALUES %s ON CONFLICT DO NOTHING RETURNING external_id, res_id",
        records, template=_LINK_VALUES, page_size=2000, fetch=True))
    missing = [(external_id, res_id) for _c, _r, _l, external_id, _m, res_id in records
               if (external_id, res_id) not in stored]
    connection_id, resource_id, _rule, _external_id, model, _res_id = records[0]
    known = linked_records(cr, connection_id, resource_id, model, [res_id for _external_id, res_id in missing])
    _wake_waiting(cr, records)
    return [pair for pair in missing if known.get(pair[1]) != pair[0]]


def _store_line_links(cr, rows: list[tuple]) -> list[tuple]:
    """Store the links of lines among ``rows``, and return those of records. A line that was deleted in Odoo and created
    again takes over the link of the old one."""
    lines = [row for row in rows if row[2] is not None]
    if lines:
        execute_values(
            cr._obj,
            f"INSERT INTO integration_link {_LINK_COLUMNS} VALUES %s "
            "ON CONFLICT (connection_id, resource_id, COALESCE(line_rule_id, 0), external_id) "
            "DO UPDATE SET model = EXCLUDED.model, res_id = EXCLUDED.res_id", lines, template=_LINK_VALUES,
            page_size=2000)
        _wake_waiting(cr, lines)
    return [row for row in rows if row[2] is None]


def _wake_waiting(cr, rows: list[tuple]) -> None:
    """What waited for one of these links, by external ID or by Odoo record, goes on."""
    keys = [f"{resource_id}:{external_id}" for _c, resource_id, _rule, external_id, _m, _r in rows]
    keys += [f"{resource_id}:{model},{res_id}" for _c, resource_id, _rule, _e, model, res_id in rows]
    if keys:
        cr.execute(
            "UPDATE integration_sync SET state = 'pending', due_at = now() AT TIME ZONE 'UTC', waiting_for = NULL "
            "WHERE waiting_for = ANY(%s) AND connection_id = %s AND state IN ('waiting', 'failed')", [keys, rows[0][0]])


def _wake_overtaken(cr, rows: list, now: datetime) -> None:
    """Rows that now wait for a link which came while they were worked on, in the same slice (a company and its people
    on one page) or by another worker: the link could not wake them, so they go on at once."""
    waiting = [row for row in rows if row.state == "waiting" and re.match(r"\d+:", row.waiting_for or "")]
    if not waiting:
        return
    keys = [row.waiting_for.split(":", 1) for row in waiting]
    records = [key.rpartition(",") for _resource_id, key in keys]
    cr.execute(
        """
        UPDATE integration_sync s SET state = 'pending', due_at = %s, waiting_for = NULL
        FROM unnest(%s::int[], %s::int[], %s::varchar[], %s::varchar[], %s::int[])
            AS v(id, resource_id, external_id, model, res_id)
        WHERE s.id = v.id AND s.waiting_for IS NOT NULL AND (EXISTS (
            SELECT 1 FROM integration_link l WHERE l.connection_id = s.connection_id AND COALESCE(l.line_rule_id, 0) = 0
                AND l.resource_id = v.resource_id AND l.external_id = v.external_id
        ) OR EXISTS (
            SELECT 1 FROM integration_link l WHERE l.connection_id = s.connection_id AND COALESCE(l.line_rule_id, 0) = 0
                AND l.resource_id = v.resource_id AND l.model = v.model AND l.res_id = v.res_id))
        """, [
            now, [row.id for row in waiting], [int(resource_id) for resource_id, _key in keys],
            [key for _resource_id, key in keys], [model for model, _comma, _id in records],
            [int(res_id) if res_id.isdecimal() and len(res_id) < 10 else 0 for _model, _comma, res_id in records]])


def delete_record_links(cr, connection_id, resource_id, model, res_ids) -> None:
    if res_ids:
        cr.execute(
            "DELETE FROM integration_link WHERE connection_id = %s AND resource_id = %s AND COALESCE(line_rule_id, 0) = 0 "
            "AND model = %s AND res_id = ANY(%s)", [connection_id, resource_id, model, res_ids])


def delete_line_links(cr, connection_id, resource_id, rule_id, model, res_ids) -> None:
    if res_ids:
        cr.execute(
            "DELETE FROM integration_link WHERE connection_id = %s AND resource_id = %s AND COALESCE(line_rule_id, 0) = %s "
            "AND model = %s AND res_id = ANY(%s)", [connection_id, resource_id, rule_id, model, res_ids])


def delete_document_links(cr, connection_id, resource_id, external_id: str) -> None:
    """Forget which lines belong to a document that is gone."""
    prefix = re.sub(r"([\\%_])", r"\\\1", external_id)
    cr.execute(
        "DELETE FROM integration_link WHERE connection_id = %s AND resource_id = %s AND line_rule_id IS NOT NULL "
        "AND external_id LIKE %s", [connection_id, resource_id, f"{prefix}/%"])


# -- sync records ------------------------------------------------------------------------------------------

_KEY_COLUMNS = (("id", "int"), ("revision", "int"), ("claimed_hash", "varchar"), ("settled_at", "timestamp"))
# As the other system sent it: an import leaves it alone, and then it is not written once more.
_RECEIVED_COLUMNS = (
    ("external_id", "varchar"), ("name", "varchar"), ("payload", "text"), ("content_hash", "varchar"),
    ("external_version", "varchar"), ("external_updated_at", "timestamp"),
)
_FINISH_COLUMNS = (
    *_RECEIVED_COLUMNS,
    ("state", "varchar"), ("direction", "varchar"), ("res_id", "int"), ("agreed", "jsonb"), ("conflicts", "jsonb"),
    ("import_pending", "bool"), ("export_pending", "bool"), ("delete_pending", "bool"), ("create_sent", "bool"),
    ("idempotency_key", "varchar"), ("due_at", "timestamp"), ("attempts", "int"), ("error_class", "varchar"),
    ("error_code", "varchar"), ("error_key", "varchar"), ("error_message", "text"), ("error_hint", "text"),
    ("error_detail", "text"), ("waiting_for", "varchar"), ("waiting_since", "timestamp"), ("failed_at", "timestamp"),
    ("last_synced_at", "timestamp"), ("last_import_at", "timestamp"), ("last_export_at", "timestamp"), ("issue_id", "int"),
)
# These keep the value that is there when the slice has none to say.
_KEEP_IF_NULL = {"failed_at", "last_synced_at", "last_import_at", "last_export_at", "name"}
# What a slice may overwrite only if nothing newer arrived on that side while it was worked on.
_OF_ODOO_SIDE = {"export_pending", "delete_pending"}
_OF_EXTERNAL_SIDE = {"import_pending", "payload", "content_hash"}
_OF_EXTERNAL_AGE = {"external_version", "external_updated_at"}
_NEWER_HERE = "s.revision <> v.revision"
_NEWER_THERE = "s.content_hash IS DISTINCT FROM v.claimed_hash"
# Settled by what has just been overtaken: there is more to do at once. Whatever waits for its moment goes on waiting.
_OVERTAKEN = (
    f"({_NEWER_HERE} OR {_NEWER_THERE}) AND (v.state IN ('synced', 'excluded', 'failed', 'conflict') "
    "OR v.waiting_for IS NOT NULL)")


@lru_cache(maxsize=64)
def _finish_assignments(columns: tuple) -> str:
    special = {
        "state": f"CASE WHEN {_OVERTAKEN} THEN 'pending' ELSE v.state END",
        "due_at": f"CASE WHEN {_OVERTAKEN} THEN COALESCE(s.due_at, v.settled_at) ELSE v.due_at END",
        "attempts": f"CASE WHEN {_OVERTAKEN} THEN 0 ELSE v.attempts END",
        "waiting_for": f"CASE WHEN {_OVERTAKEN} THEN NULL ELSE v.waiting_for END",
        "waiting_since": "CASE WHEN v.waiting_for IS NULL THEN NULL WHEN s.waiting_for = v.waiting_for "
                         "THEN COALESCE(s.waiting_since, v.settled_at) ELSE v.settled_at END",
    }
    assignments = []
    for name, _type in columns:
        if name in special:
            value = special[name]
        elif name in _KEEP_IF_NULL:
            value = f"COALESCE(v.{name}, s.{name})"
        elif name in _OF_ODOO_SIDE:
            value = f"CASE WHEN {_NEWER_HERE} THEN s.{name} ELSE v.{name} END"
        elif name in _OF_EXTERNAL_AGE:  # told only where an answer has shown a state: else what is known stands
            value = f"CASE WHEN {_NEWER_THERE} THEN s.{name} ELSE COALESCE(v.{name}, s.{name}) END"
        elif name in _OF_EXTERNAL_SIDE:
            value = f"CASE WHEN {_NEWER_THERE} THEN s.{name} ELSE v.{name} END"
        else:
            value = f"v.{name}"
        assignments.append(f"{name} = {value}")
    return ", ".join(assignments)


def finish(cr, plan, rows: list, now: datetime) -> None:
    """Write the outcome of a slice. What was captured or received meanwhile is kept, and keeps the row pending."""
    if not rows:
        return
    twins.absorb(cr, rows, now)
    void = answers.compare(cr, plan, [row for row in rows if row.answered is not None], now)
    values = []
    for row in rows:
        done = row.state == "synced"
        failed = row.state in ("failed", "unknown")
        told = row.state not in ("synced", "processing")
        values.append((
            row.id, row.revision, void.get(row.id, row.claimed_hash), now, row.external_id, _text(row.name), row.payload,
            row.content_hash, *(row.answered or NO_AGE), row.state, row.direction, row.res_id,
            _dumps(row.agreed) if row.agreed else None, _dumps(row.conflicts) if row.conflicts else None,
            row.import_pending, row.export_pending, row.delete_pending, row.create_sent, row.idempotency_key,
            row.due_at, row.attempts,
            row.error.error_class if row.error else None, row.error.code if row.error else None, row.error_key,
            _text(row.message) if told else None, _text(row.hint) if told else None, _text(row.detail),
            row.waiting_for, None, now if failed else None, now if done else None,
            now if done and row.direction == "import" else None, now if done and row.direction == "export" else None,
            row.issue_id,
        ))
    columns = _FINISH_COLUMNS
    if all(row.received == row.claimed and row.answered is None for row in rows):
        columns = columns[len(_RECEIVED_COLUMNS):]
        start = len(_KEY_COLUMNS) + len(_RECEIVED_COLUMNS)
        values = [(*value[:len(_KEY_COLUMNS)], *value[start:]) for value in values]
    bulk.run(
        cr,
        f"UPDATE integration_sync s SET {_finish_assignments(columns)}, write_date = now() AT TIME ZONE 'UTC' "
        "FROM {rows} AS v WHERE s.id = v.id",
        (*_KEY_COLUMNS, *columns), values)
    conflicts.record(cr, plan, rows, now)
    _wake_overtaken(cr, rows, now)


# -- log, exchanges, runs ----------------------------------------------------------------------------------


_LOG_COLUMNS = (
    ("sync_id", "int"), ("flow_id", "int"), ("company_id", "int"), ("run_id", "int"), ("exchange_id", "int"),
    ("create_date", "timestamp"), ("direction", "varchar"), ("outcome", "varchar"), ("attempt", "int"),
    ("error_class", "varchar"), ("message", "text"), ("detail", "text"), ("changes", "jsonb"), ("duration_ms", "int"),
    ("user_id", "int"),
)


def insert_logs(cr, plan, rows: list, now: datetime, *, runs: dict, exchange_ids: dict, user_id: int | None) -> None:
    """One line per attempt, as detailed as the flow's log level says.

    :param runs: ``{id of the sync record: id of the run that counts it}``
    :param exchange_ids: ``{id(exchange): database id}`` of the stored ones
    """
    level = plan.settings.log_level
    values = []
    for row in rows:
        if not row.outcome and not row.overruled:
            continue
        quiet = row.outcome in ("unchanged", "excluded", "linked") or (row.outcome == "updated" and not row.changes)
        bad = row.outcome in ("failed", "retry", "waiting", "conflict", "unknown")
        told = row.outcome and not (level == "errors" and not bad or level == "changes" and quiet and not row.overruled)
        if not told and not row.overruled:
            continue
        common = (
            row.id, plan.id, plan.company_id, runs[row.id], exchange_ids.get(id(row.exchange)), now,
            row.direction)
        if told:
            values.append((
                *common, row.outcome, row.attempts, row.error.error_class if row.error else None, _text(row.message),
                _text(row.detail), _dumps(row.changes) if row.changes else None, row.duration_ms, user_id))
        if row.overruled:  # whatever the level: nothing is overruled in silence
            values.append((
                *common, "overruled", row.attempts, None, _text(row.overruled_note), None, _dumps(row.overruled), 0,
                row.overruled_by or user_id))
    bulk.run(cr, "INSERT INTO integration_log ({names}) SELECT * FROM {rows} AS v", _LOG_COLUMNS, values)


def _is_kept(plan, exchange) -> bool:
    level = plan.settings.log_level
    if level == "all" or exchange.error is not None:
        return True
    # A file that was read is an event of its own; a page or a listing is not.
    return level == "changes" and (exchange.method not in ("GET", "LIST") or plan.over_sftp and exchange.method == "GET")


def read_texts(plan, exchange) -> None:
    """Make the redacted texts of an exchange that will be stored. They keep; making them is most of the work of storing
    them, and best done while somebody else's answer is awaited."""
    if _is_kept(plan, exchange):
        _ = exchange.url, exchange.request_headers, exchange.request_body
        _ = exchange.response_headers, exchange.response_body


def insert_exchanges(cr, plan, run_id: int | None, exchanges: list, explain) -> dict[int, int]:
    """Store HTTP exchanges and return ``{id(exchange): database id}``.

    :param explain: function from a SyncError to the text that a person reads
    """
    kept = [exchange for exchange in exchanges if _is_kept(plan, exchange)]
    if not kept:
        return {}
    values = [(
        plan.connection.id, plan.company_id, plan.id, run_id,
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


def count_outcomes(cr, rows: list, runs: dict[int, int]) -> None:
    """Add a slice to the counters of its runs."""
    counts: dict[int, dict[str, int]] = {}
    for row in rows:
        column = COUNTED.get(row.outcome)
        if column:
            columns = counts.setdefault(runs[row.id], {})
            columns[column] = columns.get(column, 0) + 1
    for run_id, columns in sorted(counts.items()):
        add_to_run(cr, run_id, **columns)


def add_to_run(cr, run_id: int, **columns: int) -> None:
    """Add to the counters of one run; column names come from this module, never from outside."""
    columns = {name: number for name, number in columns.items() if number}
    if columns:
        assignments = ", ".join(f"{name} = COALESCE({name}, 0) + %s" for name in columns)
        cr.execute(f"UPDATE integration_run SET {assignments} WHERE id = %s",  # pylint: disable=sql-injection
                   [*columns.values(), run_id])
