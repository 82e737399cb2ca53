"""What happens while a sender waits: check, store, wake the worker, answer. Nothing else.

A delivery is checked on its raw body, stored as it came, and acknowledged when the transaction that stores it has
committed. Whatever is wrong with it, the sender gets the same bare refusal; the reason stands in the administrator's list
(``rejections.py``). Work begins later, in the connection's worker (``receiving.py``).
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from psycopg2 import Binary
from psycopg2 import errors as pg_errors

from ..core import redact, webhooks
from ..core.errors import SyncError
from ..core.signatures import Rejected, Scheme, verify
from . import notifier, rejections

PATH = "/integration/webhook"
# Two deliveries of one event at once: the one that loses looks again.
ATTEMPTS = 5
# A burst of deliveries writes so many triggers a second for the worker, and one for a moment after the burst.
TRIGGERS_A_SECOND = 3
AFTER_BURST_SECONDS = 2
LONGEST_HEADERS = 8000
_CHALLENGE = re.compile(r"[A-Za-z0-9_.~+/=-]{1,200}")
_FIELDS = (
    "id", "company_id", "active", "paused", "cron_id", "executor", "webhook_enabled", "webhook_style", "webhook_header",
    "webhook_prefix", "webhook_user", "webhook_secret", "webhook_secret_previous", "webhook_previous_until",
    "webhook_window", "webhook_addresses", "webhook_max_kb", "webhook_id_header", "webhook_id_path",
    "webhook_topic_header", "webhook_topic_path",
)


class TooLarge(Exception):
    """The body has more bytes than this connection takes."""


class Answer(NamedTuple):
    status: int
    text: str = ""


ACCEPTED = Answer(200)
REFUSED = Answer(403)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request. ``read(limit)`` gives the raw body, and raises ``TooLarge`` before it has read more than that."""

    token: str
    method: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    content_type: str
    address: str
    read: Callable[[int], bytes]
    query_text: str = ""


def receive(env, delivery: Delivery) -> Answer:
    """Handle one delivery. Does not commit: the answer counts when the caller's transaction has committed.

    :raises psycopg2.Error: the database could not store it; the sender has to try again
    """
    endpoint = None
    try:
        endpoint = _endpoint(env.cr, delivery.token)
        if not (endpoint["active"] and endpoint["webhook_enabled"]):
            raise Rejected("switched_off")
        if delivery.method in ("GET", "HEAD"):
            return _challenged(delivery)
        if delivery.method != "POST":
            raise Rejected("wrong_method")
        body = _admitted(env, endpoint, delivery)
    except Rejected as rejected:
        rejections.note(
            env.cr, endpoint and endpoint["id"], rejected.reason, delivery.address,
            delivery.headers.get("User-Agent", ""), _now())
        return REFUSED
    if body is None:
        return ACCEPTED  # a ping: somebody listens
    document = _document(endpoint, delivery, body)
    _store(env, endpoint, delivery, body, document)
    rejections.write_due(env.cr, _now())
    return Answer(200, webhooks.challenge(document) if endpoint["webhook_style"] == "slack" else "")


def _endpoint(cr, token: str) -> dict:
    """The settings behind an address."""
    cr.execute(
        f"SELECT {', '.join(_FIELDS)} FROM integration_connection "  # pylint: disable=sql-injection
        "WHERE webhook_token = %s", [token.replace("\x00", "")])
    row = cr.fetchone()
    if row is None:
        raise Rejected("unknown_address")
    return dict(zip(_FIELDS, row, strict=True))


def _admitted(env, endpoint: dict, delivery: Delivery) -> bytes | None:
    """The raw body of a delivery that may come in; None for a ping, which brings nothing.

    :raises Rejected: with the reason
    """
    if not webhooks.is_allowed(delivery.address, endpoint["webhook_addresses"] or ""):
        raise Rejected("address_not_allowed")
    try:
        body = delivery.read((endpoint["webhook_max_kb"] or 1) * 1024)
    except TooLarge:
        raise Rejected("too_large") from None
    except OSError:
        raise Rejected("unreadable") from None
    scheme = Scheme(
        endpoint["webhook_style"], header=endpoint["webhook_header"] or "", prefix=endpoint["webhook_prefix"] or "",
        user=endpoint["webhook_user"] or "", window=endpoint["webhook_window"] or 0,
        url=_called(env, delivery) if endpoint["webhook_style"] == "hubspot" else "")
    try:
        verify(scheme, _secrets(env, endpoint), delivery.headers, body, time.time(), query=delivery.query)
    except Rejected as rejected:
        if scheme.style == "hmac_base64" and rejected.reason == "signature_missing" and webhooks.is_ping(
                body, delivery.content_type):
            return None
        raise
    return body


def _called(env, delivery: Delivery) -> str:
    """The address as the sender was given it; what a proxy has made of it does not count."""
    base = env["ir.config_parameter"].sudo().get_param("web.base.url") or ""
    query = f"?{delivery.query_text}" if delivery.query_text else ""
    return f"{base}{PATH}/{delivery.token}{query}"


def _secrets(env, endpoint: dict) -> list[str]:
    """The secrets that are valid now, in clear, the present one first."""
    resolve = env["integration.connection"]._resolve_secret
    secrets = [resolve(endpoint["webhook_secret"])]
    until = endpoint["webhook_previous_until"]
    if endpoint["webhook_secret_previous"] and until and until > _now():
        secrets.append(resolve(endpoint["webhook_secret_previous"]))
    return secrets


def _challenged(delivery: Delivery) -> Answer:
    """Some systems ask by GET whether the address is ours, and want their own text back (Meta, Dropbox)."""
    text = delivery.query.get("hub.challenge") or delivery.query.get("challenge") or ""
    if not _CHALLENGE.fullmatch(text):
        raise Rejected("wrong_method")
    return Answer(200, text)


def _document(endpoint: dict, delivery: Delivery, body: bytes):
    """The content, where it is needed to name the event; None when it cannot be read: the worker will say why."""
    if not (endpoint["webhook_id_path"] or endpoint["webhook_topic_path"] or endpoint["webhook_style"] == "slack"):
        return None
    try:
        return webhooks.parse(body, delivery.content_type)
    except SyncError:
        return None


def _store(env, endpoint: dict, delivery: Delivery, body: bytes, document) -> None:
    """Store a delivery, once for each event ID, and wake the worker."""
    id_header = endpoint["webhook_id_header"] or ""
    if not id_header and not endpoint["webhook_id_path"] and endpoint["webhook_style"] == "standard_webhooks":
        id_header = re.sub(r"(?i)-signature$", "-id", endpoint["webhook_header"] or "webhook-signature")
    headers = json.dumps(redact.redact_headers(
        delivery.headers, names=[endpoint["webhook_header"] or ""]), indent=1, ensure_ascii=False)
    values = {
        "connection": endpoint["id"],
        "company": endpoint["company_id"],
        "event_id": webhooks.find_text(delivery.headers, id_header, document, endpoint["webhook_id_path"] or "") or None,
        "topic": webhooks.find_text(
            delivery.headers, endpoint["webhook_topic_header"] or "", document, endpoint["webhook_topic_path"] or ""),
        "address": delivery.address[:45],
        "content_type": webhooks.short(delivery.content_type),
        "headers": headers.replace("\x00", "")[:LONGEST_HEADERS],
        "body": Binary(body),
        "size": len(body),
    }
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _insert(env, endpoint, values)
            return
        except (pg_errors.SerializationFailure, pg_errors.DeadlockDetected):
            # The same event was committed after this transaction had begun to look. Nothing is lost by beginning anew.
            env.cr.rollback()
            if attempt == ATTEMPTS:
                raise


def _insert(env, endpoint: dict, values: dict) -> None:
    cr = env.cr
    cr.execute(
        """INSERT INTO integration_webhook_event (
               connection_id, company_id, event_id, topic, received_at, state, due_at, attempts, remote_addr,
               content_type, headers, body, size)
           SELECT %(connection)s, %(company)s, %(event_id)s, %(topic)s, moment, 'pending', moment, 0, %(address)s,
                  %(content_type)s, %(headers)s, %(body)s, %(size)s
           FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS moment) clock
           ON CONFLICT (connection_id, event_id) WHERE event_id IS NOT NULL DO NOTHING""",
        values, log_exceptions=False)  # the statement holds the body
    if cr.rowcount and endpoint["cron_id"] and not endpoint["paused"]:
        _wake(cr, endpoint["cron_id"], endpoint["id"] if endpoint["executor"] == "queue_job" else None)


def _wake(cr, cron_id: int, job_connection_id: int | None = None) -> None:
    """Make the worker run as soon as this has committed, without a trigger for each event of a burst.

    A trigger that is already there may be one that a running worker has taken: that worker may have looked for the last
    time before this event is committed. A trigger in the future cannot have been taken, and whoever takes it sees this
    event. So the first ones of a second trigger at once, and all others rely on one trigger for a moment after them.
    """
    cr.execute(
        """SELECT count(*), COALESCE(bool_or(call_at > moment + interval '1 second'), false)
           FROM ir_cron_trigger, (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS moment) clock
           WHERE cron_id = %s AND call_at >= date_trunc('second', moment)""", [cron_id])
    recent, planned = cr.fetchone()
    if recent >= TRIGGERS_A_SECOND and planned:
        return
    later = recent >= TRIGGERS_A_SECOND
    cr.execute(
        """INSERT INTO ir_cron_trigger (cron_id, call_at, create_date, write_date)
           SELECT id, moment + make_interval(secs => %s), moment, moment
           FROM ir_cron, date_trunc('second', clock_timestamp() AT TIME ZONE 'UTC') AS moment WHERE id = %s AND active""",
        [AFTER_BURST_SECONDS if later else 0, cron_id])
    if cr.rowcount:
        dbname = cr.dbname
        delay = AFTER_BURST_SECONDS if later else 0
        cr.postcommit.add(lambda: notifier.notify(dbname, job_connection_id, delay=delay))


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)
