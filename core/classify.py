"""What an HTTP answer means: status code to error class, and the message for people out of any error body.

Status codes lie (REALITY.md, items 1 and 2): a bad token answers 403 as often as 401, and 403 is also "not
this record". Decision: 403 is `authentication` (pauses the connection, one alert) when the message speaks of
credentials or says nothing more than "forbidden"; any other message is about the operation or the record and
stays `access`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from . import paths as json_paths
from .errors import SyncError
from .transforms_text import strip_html
from .values import clean_text, text_of

MAX_MESSAGE = 500
_CREDENTIALS = re.compile(
    r"(?i)\b(?:auth(?:entication|enticated|orization header)|unauthenticated|unauthori[sz]ed|credentials?"
    r"|tokens?|jwt|api[ _-]?keys?|access[ _-]?keys?|signatures?|session|log(?:ged)?[ -]?in|expired|password"
    r"|sign(?:ed)?[ -]?in)\b"
)
# The letters of a 403 that says nothing but "403".
_NOTHING_SAID = frozenset(
    (
        "",
        "forbidden",
        "error",
        "error forbidden",
        "http forbidden",
        "http error forbidden",
        "client error forbidden",
        "access denied",
        "access is denied",
        "access forbidden",
        "permission denied",
        "denied",
        "forbidden access denied",
        "forbidden forbidden",
        "forbidden you don t have permission to access this resource",
    )
)
NAMES_SOMETHING = re.compile(r"[0-9'\"`]")

BODY_CODES = {
    "UNAUTHENTICATED": 401,
    "UNAUTHORIZED": 401,
    "INVALID_TOKEN": 401,
    "TOKEN_EXPIRED": 401,
    "EXPIRED_TOKEN": 401,
    "INVALID_SESSION_ID": 401,
    "FORBIDDEN": 403,
    "THROTTLED": 429,
    "RATE_LIMITED": 429,
    "TOO_MANY_REQUESTS": 429,
    "INTERNAL_SERVER_ERROR": 500,
    "INTERNAL_ERROR": 500,
    "SERVICE_UNAVAILABLE": 503,
    "TIMEOUT": 504,
    "REQUEST_TIMEOUT": 504,
}
"""Error codes inside a refused answer that mean the same as an HTTP status, which then decides."""
# A create that ended so may have been carried out: it is looked up before it is sent again.
_PERHAPS_DONE = frozenset((408, 500, 502, 504, 520, 524))


def classify_status(
    status: int, *, message: str = "", retry_after: float | None = None, creating: bool = False
) -> SyncError | None:
    """The failure that an HTTP status stands for (RFC 9110, section 15); None for success (2xx, 304).

    :param message: the text of `extract_message`
    :param retry_after: seconds, of `parse_retry_after`
    :param creating: the call creates something; then 408, 500, 502, 504 leave `outcome_unknown`

    >>> classify_status(204) is None
    True
    >>> error = classify_status(429, retry_after=60.0)
    >>> error.error_class, error.retry_after
    ('rate_limit', 60.0)
    >>> classify_status(403, message="Invalid token.").error_class
    'authentication'
    >>> classify_status(403, message="Order 7 belongs to another shop").error_class
    'access'
    """
    if 200 <= status < 300 or status == 304:
        return None
    params = {"status": status, "message": message}
    if status in (401, 407) or status == 403 and _is_about_credentials(message):
        return SyncError("authentication", "credentials_refused", params=params)
    if status == 403:
        return SyncError("access", "access_refused", params=params)
    if status in (404, 410):
        return SyncError("validation", "not_found", params={"message": message})
    if status in (409, 412):
        return SyncError("validation", "conflict_remote", params={"message": message})
    if status in (408, 504):
        return SyncError(
            "timeout",
            "timeout_remote",
            params={"status": status},
            retry_after=retry_after,
            outcome_unknown=creating,
        )
    if status == 423:
        return SyncError("locked", "locked_remote", params={"message": message}, retry_after=retry_after)
    if status in (425, 429):
        return SyncError(
            "rate_limit", "rate_limited", params={"seconds": retry_after}, retry_after=retry_after
        )
    if 400 <= status < 500:
        return SyncError("validation", "rejected", params=params)
    if 300 <= status < 400:
        return SyncError("validation", "unexpected_redirect", params={"status": status})
    return SyncError(
        "server",
        "server_error",
        params=params,
        retry_after=retry_after,
        outcome_unknown=creating and status in _PERHAPS_DONE,
    )


def _is_about_credentials(message: str) -> bool:
    return (
        bool(_CREDENTIALS.search(message))
        or " ".join(re.findall("[a-z]+", message.casefold())) in _NOTHING_SAID
    )


# The keys under which systems put their message, best first, compared without case, '_' and '-'.
_MESSAGE_KEYS = (
    "errordescription",
    "detail",
    "details",
    "message",
    "errormessage",
    "longmessage",
    "errormsg",
    "msg",
    "text",
    "faultstring",
    "reason",
    "description",
    "title",
    "error",
    "errors",
    "messages",
)
_LIST_KEYS = (
    "errors",
    "error",
    "messages",
    "usererrors",
    "errorlist",
    "violations",
    "fault",
    "exception",
    "issues",
)
_NO_FIELDS = frozenset(
    "status statuscode code type level severity timestamp path instance requestid traceid id success ok"
    " errorcode httpstatus documentationurl extensions locations data meta".split()
)


def extract_message(body: Any, paths: Sequence[str] = ()) -> str:
    """The message for people in an error body: by the given JMESPaths first, else by the usual dialects.

    Known: {message}, {error, error_description}, {detail} (RFC 9457), {error: {message}}, errors as list of
    texts or of {message | detail | title, field | path}, {field: [..]}, GraphQL, plain text, HTML (its text).
    '' = nothing said. Several messages are joined by '; '. At most 500 characters.

    >>> extract_message({"errors": [{"code": "x", "message": "Name is required"}, {"message": "No price"}]})
    'Name is required; No price'
    >>> extract_message({"email": ["Enter a valid address."], "status": 400}, [])
    'email: Enter a valid address.'
    >>> extract_message({"fault": {"info": {"why": "closed"}}}, ["fault.info.why"])
    'closed'
    """
    for path in paths or ():
        try:
            texts = list(_texts(json_paths.get(path, body), 0)) if path else []
        except SyncError:  # a broken path must not hide the error that is being reported
            continue
        if texts:
            return _joined(texts)
    return _joined(_texts(body, 0))


def _joined(texts: Iterator[str] | list[str]) -> str:
    seen: dict[str, None] = {}
    for text in texts:
        text = " ".join(clean_text(text).split())
        if text:
            seen[text] = None
        if len(seen) > 20:
            break
    message = "; ".join(seen)
    return message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"


def _texts(value: Any, depth: int) -> Iterator[str]:
    """All messages in a value that is known to be about an error."""
    if depth > 6 or value is None or isinstance(value, bool):
        return
    if isinstance(value, (bytes, bytearray)):
        value = bytes(value[:20000]).decode("utf-8", "replace")
    if isinstance(value, str):
        value = value[:20000]
        yield strip_html(value) if value.lstrip().startswith("<") else value
    elif isinstance(value, (list, tuple)):
        for item in value[:50]:
            yield from _texts(item, depth + 1)
    elif isinstance(value, dict):
        yield from _texts_of_object(value, depth)
    else:
        yield text_of(value) or ""


def _texts_of_object(body: dict, depth: int) -> Iterator[str]:
    plain = {re.sub("[_-]", "", str(name)).casefold(): item for name, item in body.items()}
    for name in _LIST_KEYS:  # details per field say more than the headline above them
        if isinstance(plain.get(name), (list, dict)) and plain[name]:
            found = [text for text in _texts(plain[name], depth + 1) if text.strip()]
            if found:
                yield from found
                return
    for name in _MESSAGE_KEYS:
        item = plain.get(name)
        if isinstance(item, (dict, list)):
            found = [text for text in _texts(item, depth + 1) if text.strip()]
            if found:
                yield from found
                return
        elif item is not None and not isinstance(item, bool) and (text := (text_of(item) or "").strip()):
            field = _field_name(plain)
            yield f"{field}: {text}" if field and field.casefold() not in text.casefold() else text
            return
    for name, item in body.items():
        if re.sub("[_-]", "", str(name)).casefold() in _NO_FIELDS:
            continue
        if (
            isinstance(item, str) and depth == 0 and len(body) > 3
        ):  # an ordinary document, not a list of errors
            continue
        for text in _texts(item, depth + 1):
            yield text if name in ("non_field_errors", "base", "__all__") else f"{name}: {text}"


def _field_name(plain: dict) -> str:
    """The field that an error object is about: {field|path|property|pointer|source: {pointer}}."""
    for name in (
        "field",
        "property",
        "propertypath",
        "attribute",
        "param",
        "parameter",
        "loc",
        "pointer",
        "source",
    ):
        item = plain.get(name)
        if isinstance(item, dict):
            item = item.get("pointer") or item.get("parameter")
        if isinstance(item, (list, tuple)):
            item = ".".join(str(part) for part in item)
        if isinstance(item, str) and item:
            return item.removeprefix("/").replace("/", ".")
    return ""
