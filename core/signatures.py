"""Is a webhook from whom it says? Signatures over the raw body, and static secrets, in the styles that platforms use.

``verify`` raises ``Rejected`` with a reason for the administrator's list; the sender never learns it. Secrets are
compared in constant time, all of them each time, so that two may be valid at once while one replaces the other.

| Style | Where | What |
| --- | --- | --- |
| ``hmac_hex`` | header (GitHub: ``X-Hub-Signature-256``, prefix ``sha256=``) | hex of HMAC-SHA256 over the body |
| ``hmac_base64`` | header (Shopify, WooCommerce, LINE) | base64 of HMAC-SHA256 over the body |
| ``timestamped`` | ``Stripe-Signature: t=…,v1=…`` | hex of HMAC-SHA256 over ``t.body`` |
| ``standard_webhooks`` | ``webhook-id``, ``-timestamp``, ``-signature`` | ``v1,<base64>`` over ``id.timestamp.body`` |
| ``slack`` | ``X-Slack-Signature``, ``X-Slack-Request-Timestamp`` | ``v0=<hex>`` over ``v0:timestamp:body`` |
| ``hubspot`` | ``X-HubSpot-Signature-v3``, ``X-HubSpot-Request-Timestamp`` | base64 over method, address, body, time |
| ``bearer``, ``basic`` | ``Authorization`` | token; user and password |
| ``static_header``, ``static_query`` | a header, a parameter of the address | the secret itself |
| ``address`` | | nothing: only the address is secret |
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping

from .signing import (
    DEFAULT_HEADERS,
    HUBSPOT_TIME,
    STYLES,
    TIMESTAMPED,
    WINDOW_SECONDS,
    Scheme,
    base64_mac,
    decoded,
    family_of,
    hex_mac,
    hubspot_message,
    sign,
    slack_time,
    standard_keys,
)

__all__ = [
    "DEFAULT_HEADERS", "STYLES", "TIMESTAMPED", "WINDOW_SECONDS", "Rejected", "Scheme", "same", "sign", "standard_keys",
    "verify",
]  # fmt: skip

# A header with more signatures than this is no rotation of keys.
MOST_SIGNATURES = 32
_UNIX_TIME = re.compile(r"[0-9]{1,12}")
_UNIX_MILLISECONDS = re.compile(r"[0-9]{4,15}")


class Rejected(Exception):
    """This delivery is not accepted. ``reason`` is for the administrator alone."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


def verify(
    scheme: Scheme,
    secrets: Iterable[str],
    headers: Mapping[str, str],
    body: bytes,
    now: float,
    *,
    query: Mapping[str, str] | None = None,
) -> int:
    """Check one delivery. Returns which of ``secrets`` it was signed with (0 = the first).

    :param secrets: all that are valid now, newest first; blank ones do not count
    :param headers: of the request, names in any case
    :param body: as it came over the wire
    :param now: seconds since 1970
    :raises Rejected: 'no_secret', 'signature_missing', 'signature_wrong', 'timestamp_missing', 'timestamp_outside'

    >>> scheme = Scheme("hmac_hex", prefix="sha256=")
    >>> headers = sign(scheme, "It's a Secret to Everybody", b"Hello, World!", now=0)
    >>> headers["X-Hub-Signature-256"][:23]
    'sha256=757107ea0eb2509f'
    >>> verify(scheme, ["new", "It's a Secret to Everybody"], headers, b"Hello, World!", now=0)
    1
    >>> verify(scheme, ["new"], headers, b"Hello, World!", now=0)
    Traceback (most recent call last):
    ...
    integration_flow.core.signatures.Rejected: signature_wrong
    """
    if scheme.style == "address":
        return 0
    known = [(number, secret) for number, secret in enumerate(secrets) if secret]
    if not known:
        raise Rejected("no_secret")
    lowered = {str(name).lower(): str(value) for name, value in headers.items()}
    check = globals()[f"_check_{scheme.style}"]
    return check(scheme, known, lowered, body, now, query or {})


# -- one style each ------------------------------------------------------------------------------------------


def _check_hmac_hex(scheme, secrets, headers, body, now, query):
    wanted = [(number, hex_mac(secret.encode(), body)) for number, secret in secrets]
    return _first_match(wanted, [given.lower() for given in _given(scheme, headers)])


def _check_hmac_base64(scheme, secrets, headers, body, now, query):
    wanted = [(number, base64_mac(secret.encode(), body)) for number, secret in secrets]
    return _first_match(wanted, _given(scheme, headers))


def _check_timestamped(scheme, secrets, headers, body, now, query):
    pairs = [part.strip().partition("=") for part in _present(scheme, headers).split(",")[:MOST_SIGNATURES]]
    moment = next((value for name, _sign, value in pairs if name == "t"), "")
    given = [value.lower() for name, _sign, value in pairs if name == "v1"]
    if not given:
        raise Rejected("signature_missing")
    signed = _in_time(scheme, moment, now).encode() + b"." + body
    return _first_match([(number, hex_mac(secret.encode(), signed)) for number, secret in secrets], given)


def _check_standard_webhooks(scheme, secrets, headers, body, now, query):
    family = family_of(scheme.header_name)
    message_id = headers.get(f"{family}-id", "")
    given = [
        value for version, _comma, value in (
            part.partition(",") for part in headers.get(f"{family}-signature", "").split()[:MOST_SIGNATURES])
        if version == "v1"
    ]
    if not given or not message_id:
        raise Rejected("signature_missing")
    moment = _in_time(scheme, headers.get(f"{family}-timestamp", ""), now)
    signed = _wire(message_id) + f".{moment}.".encode() + body
    return _first_match([
        (number, base64_mac(key, signed)) for number, secret in secrets for key in standard_keys(secret)], given)


def _check_slack(scheme, secrets, headers, body, now, query):
    given = [
        value.lower() for version, _sign, value in (
            part.strip().partition("=") for part in _present(scheme, headers).split(",")[:MOST_SIGNATURES])
        if version == "v0"
    ]
    moment = _in_time(scheme, headers.get(slack_time(scheme.header_name).lower(), ""), now)
    signed = f"v0:{moment}:".encode() + body
    return _first_match([(number, hex_mac(secret.encode(), signed)) for number, secret in secrets], given)


def _check_hubspot(scheme, secrets, headers, body, now, query):
    given = _present(scheme, headers).strip()
    moment = headers.get(HUBSPOT_TIME.lower(), "")
    if not _UNIX_MILLISECONDS.fullmatch(moment):
        raise Rejected("timestamp_missing")
    _in_time(scheme, moment[:-3], now)
    signed = hubspot_message(scheme.url, body, moment)
    return _first_match([(number, base64_mac(secret.encode(), signed)) for number, secret in secrets], [given])


def _check_bearer(scheme, secrets, headers, body, now, query):
    kind, _blank, token = _present(scheme, headers).strip().partition(" ")
    if kind.lower() != "bearer":
        raise Rejected("signature_missing")
    return _first_match(secrets, [token.strip()])


def _check_basic(scheme, secrets, headers, body, now, query):
    kind, _blank, encoded = _present(scheme, headers).strip().partition(" ")
    if kind.lower() != "basic":
        raise Rejected("signature_missing")
    given = decoded(encoded.strip()) or b""
    return _first_match([(number, f"{scheme.user}:{secret}".encode()) for number, secret in secrets], [given])


def _check_static_header(scheme, secrets, headers, body, now, query):
    given = _present(scheme, headers)
    return _first_match(secrets, [given.removeprefix(scheme.prefix)] if given.startswith(scheme.prefix) else [])


def _check_static_query(scheme, secrets, headers, body, now, query):
    if scheme.header_name not in query:
        raise Rejected("signature_missing")
    return _first_match(secrets, [_bytes(query[scheme.header_name])])


# -- pieces --------------------------------------------------------------------------------------------------


def _present(scheme: Scheme, headers: Mapping[str, str]) -> str:
    value = headers.get(scheme.header_name.lower(), "")
    if not value:
        raise Rejected("signature_missing")
    return value


def _given(scheme: Scheme, headers: Mapping[str, str]) -> list[str]:
    """The signatures in a header, without their prefix: senders that change their key send several."""
    parts = re.split(r"[,\s]+", _present(scheme, headers).strip())[:MOST_SIGNATURES]
    return [part.removeprefix(scheme.prefix) for part in parts if part.startswith(scheme.prefix)]


def _in_time(scheme: Scheme, moment: str, now: float) -> str:
    """The signed time as it was sent, if it is near enough."""
    if not _UNIX_TIME.fullmatch(moment):
        raise Rejected("timestamp_missing")
    if abs(now - int(moment)) > scheme.window:
        raise Rejected("timestamp_outside")
    return moment


def _first_match(wanted: Iterable[tuple[int, str | bytes]], given: list[str | bytes]) -> int:
    """Which secret fits. Everything is compared with everything, whatever was found before."""
    found = -1
    for number, expected in wanted:
        for value in given:
            if same(expected, _wire(value)) and found < 0:
                found = number
    if found < 0:
        raise Rejected("signature_wrong")
    return found


def same(one: str | bytes, other: str | bytes) -> bool:
    """Equality whose time tells nothing, not even about lengths."""
    return hmac.compare_digest(hashlib.sha256(_bytes(one)).digest(), hashlib.sha256(_bytes(other)).digest())


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


def _wire(text: str | bytes) -> bytes:
    """The bytes of a header as they were sent: servers hand each byte on as one character."""
    if isinstance(text, bytes):
        return text
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return _bytes(text)
