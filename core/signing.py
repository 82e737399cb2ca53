"""How webhooks are signed: what a sender of each style adds to a delivery. ``signatures.py`` verifies it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass

# Header names and prefixes that count when the settings name none.
DEFAULT_HEADERS = {
    "hmac_hex": "X-Hub-Signature-256",
    "hmac_base64": "X-Webhook-Signature",
    "timestamped": "Stripe-Signature",
    "standard_webhooks": "webhook-signature",
    "slack": "X-Slack-Signature",
    "hubspot": "X-HubSpot-Signature-v3",
    "bearer": "Authorization",
    "basic": "Authorization",
    "static_header": "X-Webhook-Secret",
    "static_query": "secret",
    "address": "",
}
STYLES = tuple(DEFAULT_HEADERS)
# Styles whose signature covers a time, so that a recorded delivery cannot be sent again later.
TIMESTAMPED = ("timestamped", "standard_webhooks", "slack", "hubspot")
WINDOW_SECONDS = 300
HUBSPOT_TIME = "X-HubSpot-Request-Timestamp"
# : / ? @ ! $ ' ( ) * , ;
_HUBSPOT_PLAIN = re.compile(r"%(3[AaFf]|2[FfAaCc]|40|2[14789]|3[Bb])")


@dataclass(frozen=True, slots=True)
class Scheme:
    """How one sender signs.

    header: name of the header (or parameter) with the signature; '' = the usual one of the style
    prefix: text before a plain HMAC, such as ``sha256=``
    user: name for ``basic``
    window: seconds by which a signed time may differ from ours, both ways
    url: the whole address that was called, for styles that sign it
    """

    style: str
    header: str = ""
    prefix: str = ""
    user: str = ""
    window: int = WINDOW_SECONDS
    url: str = ""

    def __post_init__(self):
        if self.style not in DEFAULT_HEADERS:
            raise ValueError(f"unknown style {self.style!r}, known: {', '.join(STYLES)}")

    @property
    def header_name(self) -> str:
        return self.header or DEFAULT_HEADERS[self.style]

    @property
    def is_timestamped(self) -> bool:
        return self.style in TIMESTAMPED


def sign(scheme: Scheme, secret: str, body: bytes, *, now: float, message_id: str = "") -> dict[str, str]:
    """The headers that a sender of this style adds (for ``static_query``: the parameters).

    :param now: seconds since 1970
    :param message_id: of Standard Webhooks: the same for each attempt to deliver a message
    """
    moment = str(int(now))
    name = scheme.header_name
    if scheme.style == "hmac_hex":
        return {name: scheme.prefix + hex_mac(secret.encode(), body)}
    if scheme.style == "hmac_base64":
        return {name: scheme.prefix + base64_mac(secret.encode(), body)}
    if scheme.style == "timestamped":
        return {name: f"t={moment},v1={hex_mac(secret.encode(), moment.encode() + b'.' + body)}"}
    if scheme.style == "standard_webhooks":
        family = family_of(name)
        signature = base64_mac(standard_keys(secret)[0], f"{message_id}.{moment}.".encode() + body)
        return {f"{family}-id": message_id, f"{family}-timestamp": moment, f"{family}-signature": f"v1,{signature}"}
    if scheme.style == "slack":
        return {
            name: f"v0={hex_mac(secret.encode(), f'v0:{moment}:'.encode() + body)}",
            slack_time(name): moment,
        }
    if scheme.style == "hubspot":
        moment = str(int(now * 1000))
        return {
            name: base64_mac(secret.encode(), hubspot_message(scheme.url, body, moment)),
            HUBSPOT_TIME: moment,
        }
    if scheme.style == "bearer":
        return {name: f"Bearer {secret}"}
    if scheme.style == "basic":
        return {name: f"Basic {base64.b64encode(f'{scheme.user}:{secret}'.encode()).decode()}"}
    return {name: secret} if name else {}


def standard_keys(secret: str) -> list[bytes]:
    """The keys that a secret of Standard Webhooks may stand for: ``whsec_`` is base64 by the specification; without it
    some systems mean the text itself, and others base64.

    >>> standard_keys("whsec_a2V5"), standard_keys("not base64!")
    ([b'key'], [b'not base64!'])
    """
    if secret.startswith("whsec_"):
        return [decoded(secret.removeprefix("whsec_")) or secret.encode()]
    key = decoded(secret)
    return [secret.encode(), key] if key else [secret.encode()]


def hex_mac(key: bytes, message: bytes) -> str:
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def base64_mac(key: bytes, message: bytes) -> str:
    return base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()


def decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def family_of(header: str) -> str:
    """The common beginning of the three headers: ``webhook``, or ``svix`` for older senders."""
    return header.lower().removesuffix("-signature")


def hubspot_message(url: str, body: bytes, moment: str) -> bytes:
    """What is signed: method, address, body and time. Some characters of the address count as they are, not encoded.

    >>> hubspot_message("https://odoo.example.com/hook?to=a%40b%20c", b"[]", "1700000000000")
    b'POSThttps://odoo.example.com/hook?to=a@b%20c[]1700000000000'
    """
    plain = _HUBSPOT_PLAIN.sub(lambda match: chr(int(match[1], 16)), url)
    return b"POST" + plain.encode("utf-8", "surrogatepass") + body + moment.encode()


def slack_time(header: str) -> str:
    return re.sub(r"(?i)signature$", "Request-Timestamp", header)
