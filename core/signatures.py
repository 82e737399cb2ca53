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
| ``bearer``, ``basic`` | ``Authorization`` | token; user and password |
| ``static_header``, ``static_query`` | a header, a parameter of the address | the secret itself |
| ``address`` | | nothing: only the address is secret |
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# Header names and prefixes that count when the settings name none.
DEFAULT_HEADERS = {
    "hmac_hex": "X-Hub-Signature-256",
    "hmac_base64": "X-Webhook-Signature",
    "timestamped": "Stripe-Signature",
    "standard_webhooks": "webhook-signature",
    "slack": "X-Slack-Signature",
    "bearer": "Authorization",
    "basic": "Authorization",
    "static_header": "X-Webhook-Secret",
    "static_query": "secret",
    "address": "",
}
STYLES = tuple(DEFAULT_HEADERS)
# Styles whose signature covers a time, so that a recorded delivery cannot be sent again later.
TIMESTAMPED = ("timestamped", "standard_webhooks", "slack")
WINDOW_SECONDS = 300
# A header with more signatures than this is no rotation of keys.
MOST_SIGNATURES = 32
_UNIX_TIME = re.compile(r"[0-9]{1,12}")


class Rejected(Exception):
    """This delivery is not accepted. ``reason`` is for the administrator alone."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Scheme:
    """How one sender signs.

    header: name of the header (or parameter) with the signature; '' = the usual one of the style
    prefix: text before a plain HMAC, such as ``sha256=``
    user: name for ``basic``
    window: seconds by which a signed time may differ from ours, both ways
    """

    style: str
    header: str = ""
    prefix: str = ""
    user: str = ""
    window: int = WINDOW_SECONDS

    def __post_init__(self):
        if self.style not in DEFAULT_HEADERS:
            raise ValueError(f"unknown style {self.style!r}, known: {', '.join(STYLES)}")

    @property
    def header_name(self) -> str:
        return self.header or DEFAULT_HEADERS[self.style]

    @property
    def is_timestamped(self) -> bool:
        return self.style in TIMESTAMPED


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


def sign(scheme: Scheme, secret: str, body: bytes, *, now: float, message_id: str = "") -> dict[str, str]:
    """The headers that a sender of this style adds (for ``static_query``: the parameters).

    :param now: seconds since 1970
    :param message_id: of Standard Webhooks: the same for each attempt to deliver a message
    """
    moment = str(int(now))
    name = scheme.header_name
    if scheme.style == "hmac_hex":
        return {name: scheme.prefix + _hex(secret.encode(), body)}
    if scheme.style == "hmac_base64":
        return {name: scheme.prefix + _base64(secret.encode(), body)}
    if scheme.style == "timestamped":
        return {name: f"t={moment},v1={_hex(secret.encode(), moment.encode() + b'.' + body)}"}
    if scheme.style == "standard_webhooks":
        family = _family(name)
        signature = _base64(standard_keys(secret)[0], f"{message_id}.{moment}.".encode() + body)
        return {f"{family}-id": message_id, f"{family}-timestamp": moment, f"{family}-signature": f"v1,{signature}"}
    if scheme.style == "slack":
        return {
            name: f"v0={_hex(secret.encode(), f'v0:{moment}:'.encode() + body)}",
            _slack_time(name): moment,
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
        decoded = _decoded(secret.removeprefix("whsec_"))
        return [decoded if decoded else secret.encode()]
    decoded = _decoded(secret)
    return [secret.encode(), decoded] if decoded else [secret.encode()]


# -- one style each ------------------------------------------------------------------------------------------


def _check_hmac_hex(scheme, secrets, headers, body, now, query):
    wanted = [(number, _hex(secret.encode(), body)) for number, secret in secrets]
    return _first_match(wanted, [given.lower() for given in _given(scheme, headers)])


def _check_hmac_base64(scheme, secrets, headers, body, now, query):
    wanted = [(number, _base64(secret.encode(), body)) for number, secret in secrets]
    return _first_match(wanted, _given(scheme, headers))


def _check_timestamped(scheme, secrets, headers, body, now, query):
    pairs = [part.strip().partition("=") for part in _present(scheme, headers).split(",")[:MOST_SIGNATURES]]
    moment = next((value for name, _sign, value in pairs if name == "t"), "")
    given = [value.lower() for name, _sign, value in pairs if name == "v1"]
    if not given:
        raise Rejected("signature_missing")
    signed = _in_time(scheme, moment, now).encode() + b"." + body
    return _first_match([(number, _hex(secret.encode(), signed)) for number, secret in secrets], given)


def _check_standard_webhooks(scheme, secrets, headers, body, now, query):
    family = _family(scheme.header_name)
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
        (number, _base64(key, signed)) for number, secret in secrets for key in standard_keys(secret)], given)


def _check_slack(scheme, secrets, headers, body, now, query):
    given = [
        value.lower() for version, _sign, value in (
            part.strip().partition("=") for part in _present(scheme, headers).split(",")[:MOST_SIGNATURES])
        if version == "v0"
    ]
    moment = _in_time(scheme, headers.get(_slack_time(scheme.header_name).lower(), ""), now)
    signed = f"v0:{moment}:".encode() + body
    return _first_match([(number, _hex(secret.encode(), signed)) for number, secret in secrets], given)


def _check_bearer(scheme, secrets, headers, body, now, query):
    kind, _blank, token = _present(scheme, headers).strip().partition(" ")
    if kind.lower() != "bearer":
        raise Rejected("signature_missing")
    return _first_match(secrets, [token.strip()])


def _check_basic(scheme, secrets, headers, body, now, query):
    kind, _blank, encoded = _present(scheme, headers).strip().partition(" ")
    if kind.lower() != "basic":
        raise Rejected("signature_missing")
    given = _decoded(encoded.strip()) or b""
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


def _hex(key: bytes, message: bytes) -> str:
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def _base64(key: bytes, message: bytes) -> str:
    return base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _family(header: str) -> str:
    """The common beginning of the three headers: ``webhook``, or ``svix`` for older senders."""
    return header.lower().removesuffix("-signature")


def _slack_time(header: str) -> str:
    return re.sub(r"(?i)signature$", "Request-Timestamp", header)
