"""What came of the calls to subscribers: written on the deliveries, and on the health of each subscriber."""

import json
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..core import announcements
from ..core.errors import SyncError
from . import bulk, failures, messages
from .calling import Job

# So much of an answer is kept for people to read.
KEPT_CHARACTERS = 2000
_COLUMNS = (
    ("id", "int"), ("state", "varchar"), ("attempts", "int"), ("next_attempt_at", "timestamp"), ("last_status", "int"),
    ("error_message", "text"), ("error_hint", "text"), ("attempted_at", "timestamp"), ("delivered_at", "timestamp"),
    ("duration_ms", "int"), ("request_headers", "text"), ("response_headers", "text"), ("response_body", "text"),
)
_RECORD = (
    f"UPDATE integration_delivery d SET {', '.join(f'{name} = v.{name}' for name, _type in _COLUMNS[1:])} "
    "FROM {rows} AS v WHERE d.id = v.id AND d.state IN ('pending', 'waiting')")


@dataclass(slots=True)
class Tally:
    """What came of the calls to one subscriber since the last record."""

    delivered: int = 0
    failed: int = 0
    error: str = ""
    gone: bool = False
    wait: float = 0.0
    """Seconds for which he asked to be left alone."""


def is_received(job: Job) -> bool:
    """Did the receiver say that he has it?"""
    response = job.exchange.response
    return response is not None and 200 <= response.status < 300


def record(env, jobs: list[Job], now: datetime) -> None:
    """Write what came of these calls."""
    tallies: dict[int, Tally] = {}
    rows = [_settle(env, job, now, tallies.setdefault(job.subscriber_id, Tally())) for job in jobs]
    bulk.run(env.cr, _RECORD, _COLUMNS, rows)
    for subscriber_id, tally in sorted(tallies.items()):
        _note_health(env, subscriber_id, tally, now)


def _settle(env, job: Job, now: datetime, tally: Tally) -> tuple:
    """The new values of a delivery, by the status of the answer: 2xx is a receipt, 410 the end, anything else a failure
    that is tried again (Standard Webhooks)."""
    exchange, error = job.exchange, job.exchange.error
    status = exchange.response.status if exchange.response is not None else None
    if is_received(job):
        tally.delivered += 1
        return _row(job, "delivered", job.attempts + 1, None, status, "", "", now)
    if error is not None and error.code == "not_sent":  # held back by what was said to another call
        return _row(job, "pending", job.attempts, failures.later(now, error.retry_after or 0), None, "", "", now)
    if error is None:  # a status that is no failure in general (304), but no receipt either
        error = SyncError("validation", "unexpected_redirect", params={"status": status})
    message = messages.explain(env, error)[0]
    tally.failed += 1
    tally.error = message
    attempts = job.attempts + (1 if error.info.counts_attempt else 0)
    wait = announcements.next_wait(max(attempts, 1), random.random())
    if status == 410:
        tally.gone, wait = True, None
    if wait is None:
        return _row(job, "failed", attempts, None, status, message, _hint(env, status), now)
    if error.retry_after is not None:
        wait = error.retry_after
        tally.wait = max(tally.wait, wait)
    hint = env._("It is sent again by itself.")
    return _row(job, "waiting", attempts, failures.later(now, wait), status, message, hint, now)


def _hint(env, status) -> str:
    if status == 410:
        return env._("The receiver wants no more events. If that is a mistake, press Resume on the subscriber.")
    return env._("Ask the contact of the subscriber what was wrong, then press Retry.")


def _row(job: Job, state, attempts, due, status, message, hint, now) -> tuple:
    exchange = job.exchange
    was_made = exchange.error is None or exchange.error.code != "not_sent"
    return (
        job.id, state, attempts, due, status, _kept(message) or None, hint or None, now if was_made else None,
        now if state == "delivered" else None, exchange.duration_ms, _texts(exchange.request_headers),
        _texts(exchange.response_headers), _kept(exchange.response_body) or None)


def _note_health(env, subscriber_id: int, tally: Tally, now: datetime) -> None:
    """One success clears what was before; failures in a row first slow a subscriber down, and then disable it."""
    if tally.delivered:
        env.cr.execute(
            "UPDATE integration_subscriber SET delivered_count = COALESCE(delivered_count, 0) + %s, "
            "last_success_at = %s, failures_in_row = 0, failing_since = NULL, retry_at = NULL, last_error = NULL, "
            "state = CASE WHEN state = 'failing' THEN 'healthy' ELSE state END WHERE id = %s",
            [tally.delivered, now, subscriber_id])
    if tally.gone or tally.failed and not tally.delivered:
        env.cr.execute(
            "UPDATE integration_subscriber SET failures_in_row = COALESCE(failures_in_row, 0) + %(failed)s, "
            "failing_since = COALESCE(failing_since, %(now)s), last_error = %(error)s, last_error_at = %(now)s, "
            "state = CASE WHEN state = 'healthy' THEN 'failing' ELSE state END WHERE id = %(id)s "
            "RETURNING failures_in_row, failing_since, disable_after_days, state",
            {"id": subscriber_id, "failed": tally.failed, "now": now, "error": _kept(tally.error)})
        failures_in_row, since, days, state = env.cr.fetchone() or (0, now, 0, "disabled")
        reason = _reason_to_disable(env, tally, days if since <= now - timedelta(days=days or 0) else 0)
        if state == "disabled":
            return
        if reason:
            env["integration.subscriber"].browse(subscriber_id)._disable(reason)
            return
        tally.wait = max(tally.wait, announcements.pause_after(failures_in_row))
    if tally.wait:
        env.cr.execute(
            "UPDATE integration_subscriber SET retry_at = GREATEST(retry_at, %s) WHERE id = %s",
            [failures.later(now, tally.wait), subscriber_id])


def _reason_to_disable(env, tally: Tally, days: int) -> str:
    if tally.gone:
        return env._("The receiver answered that it wants no more events (410 Gone).")
    if days:
        return env._("Nothing could be delivered for %(days)s days. Last error: %(error)s", days=days, error=tally.error)
    return ""


def _kept(text: str | None) -> str:
    return (text or "").replace("\x00", "")[:KEPT_CHARACTERS]


def _texts(headers: dict[str, Any]) -> str | None:
    return _kept(json.dumps(headers, indent=1, ensure_ascii=False)) if headers else None
