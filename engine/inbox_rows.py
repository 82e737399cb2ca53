"""The statements by which a page becomes sync records, and the history says what came too late.

What is to be stored is decided in ``inbox.py``.
"""

from datetime import datetime

from psycopg2.extras import execute_values

from ..core import redact
from ..core.recency import Age
from ..core.values import clean_text
from . import bulk
from .plan import FlowPlan

_STORED_COLUMNS = (
    ("flow_id", "int"), ("connection_id", "int"), ("company_id", "int"), ("model", "varchar"), ("external_id", "varchar"),
    ("name", "varchar"), ("state", "varchar"), ("import_pending", "bool"), ("priority", "int"), ("due_at", "timestamp"),
    ("payload", "text"), ("content_hash", "varchar"), ("external_version", "varchar"),
    ("external_updated_at", "timestamp"), ("run_id", "int"), ("create_date", "timestamp"),
)
_LOG_COLUMNS = (
    ("sync_id", "int"), ("flow_id", "int"), ("company_id", "int"), ("run_id", "int"), ("create_date", "timestamp"),
    ("direction", "varchar"), ("outcome", "varchar"), ("message", "text"), ("duration_ms", "int"),
)
# New data for a held record waits with it, for the same decision.
_HELD = "(s.state = 'held' AND EXCLUDED.state = 'pending')"


def upsert(cr, plan: FlowPlan, items: list, now, run_id, priority) -> None:
    values = [(
        plan.id, plan.connection.id, plan.company_id, plan.model_name, item.external_id,
        item.name, "excluded" if item.excluded else "pending", not item.excluded, priority,
        None if item.excluded else now, item.payload, item.content_hash, *item.age, run_id, now,
    ) for item in items]
    bulk.run(
        cr,
        """INSERT INTO integration_sync AS s (
               {names}, direction, export_pending, delete_pending, create_sent, attempts, revision)
           SELECT v.*, 'import', false, false, false, 0, 1 FROM {rows} AS v
           ON CONFLICT (flow_id, external_id) WHERE external_id IS NOT NULL DO UPDATE SET
               name = COALESCE(EXCLUDED.name, s.name), payload = EXCLUDED.payload,
               content_hash = EXCLUDED.content_hash,
               external_version = COALESCE(EXCLUDED.external_version, s.external_version),
               external_updated_at = COALESCE(EXCLUDED.external_updated_at, s.external_updated_at), guard_mark = NULL,
               run_id = CASE WHEN {held} THEN s.run_id ELSE EXCLUDED.run_id END,
               import_pending = EXCLUDED.import_pending,
               due_at = CASE WHEN s.state = 'processing' THEN COALESCE(EXCLUDED.due_at, s.due_at)
                             WHEN {held} THEN NULL ELSE EXCLUDED.due_at END,
               priority = CASE WHEN s.due_at IS NULL THEN EXCLUDED.priority
                               ELSE LEAST(EXCLUDED.priority, s.priority) END, attempts = 0, waiting_for = NULL,
               state = CASE WHEN s.state = 'processing' OR {held} THEN s.state ELSE EXCLUDED.state END,
               direction = 'import', revision = s.revision + 1, write_date = EXCLUDED.create_date,
               error_class = NULL, error_code = NULL, error_key = NULL, error_detail = NULL,
               error_message = CASE WHEN {held} THEN s.error_message END,
               error_hint = CASE WHEN {held} THEN s.error_hint END,
               issue_id = CASE WHEN EXCLUDED.state = 'excluded' THEN NULL ELSE s.issue_id END""".replace("{held}", _HELD),
        _STORED_COLUMNS, values)


def store_unnamed(cr, plan: FlowPlan, items: list, now, run_id, priority) -> int:
    """Records without a usable ID: kept once for each content, for the importer to say what is wrong with them."""
    if not items:
        return 0
    by_hash = {item.content_hash: item for item in items}
    cr.execute(
        "SELECT content_hash FROM integration_sync WHERE flow_id = %s AND external_id IS NULL AND content_hash = ANY(%s)",
        [plan.id, list(by_hash)])
    for (content_hash,) in cr.fetchall():
        by_hash.pop(content_hash)
    if by_hash:
        execute_values(
            cr._obj,
            """INSERT INTO integration_sync (
                   flow_id, connection_id, company_id, model, name, state, direction, import_pending, export_pending,
                   delete_pending, create_sent, priority, due_at, payload, content_hash, run_id, attempts, revision,
                   create_date)
               VALUES %s""",
            [(plan.id, plan.connection.id, plan.company_id, plan.model_name, _start(plan, item), priority, now,
              item.payload, item.content_hash, run_id, now) for item in by_hash.values()],
            template="(%s, %s, %s, %s, %s, 'pending', 'import', true, false, false, false, %s, %s, %s, %s, %s, 0, 1, %s)")
    return len(by_hash)


def _start(plan: FlowPlan, item) -> str:
    """How people tell a record without ID from others."""
    if plan.sensitive_names and not isinstance(item.record, dict):
        return "•••"  # nothing tells which part of it is sensitive
    return item.name or clean_text(redact.redact_body(item.payload, names=plan.sensitive_names)[:120])


def note_ages(cr, rows: list[tuple]) -> None:
    """(id, version, time of change): what did not change but has become newer."""
    bulk.run(
        cr, "UPDATE integration_sync s SET external_version = v.version, external_updated_at = v.at "
        "FROM {rows} AS v WHERE s.id = v.id", (("id", "int"), ("version", "varchar"), ("at", "timestamp")), rows)


def log_older(cr, plan: FlowPlan, rows: list[tuple], now: datetime, run_id: int | None) -> None:
    """States that came too late are left out, and the history says so: (id, age of the state, known age)."""
    if not rows or plan.settings.log_level == "errors":
        return
    env = plan.model.env
    bulk.run(cr, "INSERT INTO integration_log ({names}) SELECT * FROM {rows} AS v", _LOG_COLUMNS, [
        (sync_id, plan.id, plan.company_id, run_id, now, "import", "older", env._(
            "An older state arrived (%(state)s) and was left out: a newer one is known (%(known)s).",
            state=_told(state), known=_told(known)), 0)
        for sync_id, state, known in rows])


def _told(age: Age) -> str:
    moment = age.changed_at.isoformat(" ", "seconds" if not age.changed_at.microsecond else "milliseconds") \
        if age.changed_at else None
    return ", ".join(text for text in (age.version, moment and f"{moment} UTC") if text)
