"""One call to one subscriber: the subscriber as plain values, the signed request, and what came back."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from ..core.errors import SyncError
from ..transport import Client, ConnectionConfig, Exchange, Request, webhooks

USER_AGENT = "Odoo Integration Flow"
LARGEST_ANSWER = 64 * 1024


@dataclass(frozen=True, slots=True)
class Target:
    """A subscriber as plain values: what a call needs of it."""

    url: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    config: ConnectionConfig


@dataclass(slots=True)
class Job:
    """One delivery that is on its way."""

    id: int
    subscriber_id: int
    attempts: int
    uid: str
    body: str
    target: Target
    exchange: Exchange | None = None


def target_of(subscriber) -> Target:
    """A subscriber as plain values, secrets in clear. For the engine only."""
    url = subscriber.url or ""
    parts = urlsplit(url)
    return Target(url, tuple(subscriber._secrets()), ConnectionConfig(
        base_url=f"{parts.scheme}://{parts.netloc}",
        timeout_connect=min(subscriber.timeout, 10.0),
        timeout_read=subscriber.timeout,
        timeout_total=subscriber.timeout * 1.5,
        patience=0.0,
        parallel_calls=subscriber.parallel_calls,
        extra_headers=subscriber._header_pairs(),
        max_response_bytes=LARGEST_ANSWER,
        user_agent=USER_AGENT,
        public_only=not subscriber._private_allowed(),
        status_only=True,
    ))


def call(client: Client, target: Target, uid: str, body: str) -> Exchange:
    """One attempt, signed for this moment. What goes wrong is in the exchange; nothing is raised.

    A repeat does no harm, because receivers know the event by its ID: so the call counts as idempotent.
    """
    request = Request("POST", target.url, body=body, format="ready", idempotent=True)
    if not target.secrets or not all(webhooks.is_secret(secret) for secret in target.secrets):
        return Exchange(request, error=SyncError("authentication", "subscriber_secret"))
    request.headers = webhooks.headers(uid, body, target.secrets, datetime.now(UTC))
    return client.send(request)
