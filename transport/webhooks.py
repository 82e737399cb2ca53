"""Webhooks out, by Standard Webhooks 1.0.0: the three headers, signed by its own library.

A secret reads `whsec_` and 24 to 64 bytes in base64. While a secret is being replaced there are two, and two signatures.
"""

import base64
import binascii
from collections.abc import Iterable
from datetime import UTC, datetime

from standardwebhooks import Webhook

PREFIX = "whsec_"
LEAST_BYTES, MOST_BYTES = 24, 64


def new_secret(random_bytes: bytes) -> str:
    """A secret from random bytes (the caller's: `secrets.token_bytes(32)`).

    >>> new_secret(bytes(24))
    'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
    """
    return PREFIX + base64.b64encode(random_bytes).decode()


def is_secret(text: str) -> bool:
    """Is `text` a secret as the standard wants it?

    >>> is_secret("whsec_" + "A" * 32), is_secret("whsec_short"), is_secret("A" * 32)
    (True, False, False)
    """
    if not text.startswith(PREFIX):
        return False
    try:
        raw = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return False
    return LEAST_BYTES <= len(raw) <= MOST_BYTES


def headers(event_id: str, body: str, secrets: Iterable[str], now: datetime) -> dict[str, str]:
    """The headers of one attempt.

    :param event_id: stays the same for every attempt and subscriber; holds no full stop
    :param secrets: the present one first, then one that is valid for a while yet
    :param now: the moment of this attempt (aware); receivers refuse what is older than some minutes
    """
    if "." in event_id:
        raise ValueError(f"an event's ID must not hold a full stop: {event_id}")
    moment = now.astimezone(UTC)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(event_id, moment, body) for secret in secrets),
    }
