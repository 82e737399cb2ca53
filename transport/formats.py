"""What a body means: `_encode_<format>` and `_decode_<format>`. A new format is two such functions."""

import codecs
from typing import Any

from ..core.documents import dump_json, parse_json
from ..core.errors import SyncError

START = 200
"""Characters of an unexpected answer that an error quotes."""


def encode(format: str, value: Any) -> tuple[bytes, str]:
    """The bytes of `value` and their content type.

    >>> encode("json", {"a": "ü"})
    (b'{"a":"\\xc3\\xbc"}', 'application/json')
    >>> encode("carrier pigeon", 1)
    Traceback (most recent call last):
    ...
    integration_flow.core.errors.SyncError: unknown_format (format=carrier pigeon, known=json, ready)
    """
    return _function("_encode_", format)(value)


def decode(format: str, raw: bytes, content_type: str, *, max_bytes: int = 10 * 1024 * 1024) -> Any:
    """The value in `raw`; None for an empty body.

    >>> decode("json", b'[1]', "text/plain; charset=utf-8"), decode("json", b"", "")
    ([1], None)
    >>> decode("json", b"<html>", "text/html")
    Traceback (most recent call last):
    ...
    integration_flow.core.errors.SyncError: not_json (content_type=text/html, start=<html>)
    """
    return _function("_decode_", format)(raw, content_type, max_bytes)


def accept(format: str) -> str:
    """The Accept header for `format`."""
    return "application/json" if format == "json" else "*/*"


def known_formats() -> list[str]:
    """Names of the formats that can be decoded.

    >>> known_formats()
    ['json', 'ready']
    """
    return sorted(name.removeprefix("_decode_") for name in globals() if name.startswith("_decode_"))


def _function(prefix: str, format: str) -> Any:
    function = globals().get(prefix + format)
    if function is None:
        raise SyncError(
            "mapping", "unknown_format", params={"format": format, "known": ", ".join(known_formats())}
        )
    return function


def _encode_json(value: Any) -> tuple[bytes, str]:
    return dump_json(value).encode("utf-8"), "application/json"


def _encode_ready(value: str) -> tuple[bytes, str]:
    """JSON text that was made before (and signed): it leaves byte for byte."""
    return value.encode("utf-8"), "application/json"


def _decode_ready(raw: bytes, content_type: str, max_bytes: int) -> Any:
    """Whatever it is, as text; None for nothing."""
    return raw[:max_bytes].decode("utf-8", errors="replace") or None


def _decode_json(raw: bytes, content_type: str, max_bytes: int) -> Any:
    """JSON by its looks first, its type second: servers send JSON as text/html and HTML as JSON."""
    text = raw.lstrip()
    if not text:
        return None
    kind, _, options = content_type.lower().partition(";")
    declared = kind.strip().endswith(("/json", "+json")) or not kind.strip()
    looks = text[:1] in b'{["' or text[:3] == codecs.BOM_UTF8
    if text[:1] == b"<" or not (declared or looks):
        # A page instead of data (login, maintenance, proxy) is the other side's state, not the record's.
        error_class = "server" if text[:1] == b"<" else "validation"
        start = raw[: START * 4].decode("utf-8", errors="replace")[:START]
        raise SyncError(error_class, "not_json", params={"content_type": content_type, "start": start})
    return parse_json(_as_utf8(raw, options), max_bytes=max_bytes)


def _as_utf8(raw: bytes, options: str) -> bytes:
    """`raw` in UTF-8 where the content type names another charset (old servers; RFC 8259 has none)."""
    charset = options.partition("charset=")[2].split(";")[0].strip(" \"'")
    if not charset or charset in ("utf-8", "utf8"):
        return raw
    try:
        return raw.decode(charset).encode("utf-8")
    except (LookupError, UnicodeError):
        return raw
