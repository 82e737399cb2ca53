"""JSON in and out (RFC 8259), with limits: untrusted bodies are capped in size and depth (guarantee 8)."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from math import isfinite
from typing import Any

from .errors import SyncError

MAX_BYTES = 10 * 1024 * 1024
MAX_DEPTH = 64
_CONSTANTS = re.compile(r'"(?:[^"\\]|\\.)*"|(-?Infinity|NaN)')


class _Refused(ValueError):
    """A number that JSON does not have (NaN, Infinity, 1e999)."""


def _no_constant(name: str) -> float:
    raise _Refused(name)


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise _Refused(text)
    return number


_DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)


def parse_json(raw: bytes | str, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Any:
    """The value of a JSON body (UTF-8, a byte order mark is ignored). NaN and Infinity are refused.

    Errors: SyncError('validation', 'empty_body' | 'body_too_large' | 'malformed_json' | 'too_deep').
    Characters that no database can store (lone surrogates) become U+FFFD.

    >>> parse_json(b'{"id": 7, "total": "12.50"}')
    {'id': 7, 'total': '12.50'}
    >>> parse_json(b'{"id": 7,}')
    Traceback (most recent call last):
    ...
    integration_flow.core.errors.SyncError: malformed_json (line=1, column=10, near={"id": 7,})
    """
    if len(raw) > max_bytes:
        raise SyncError("validation", "body_too_large", params={"size": len(raw), "limit": max_bytes})
    text = raw if isinstance(raw, str) else _decode(bytes(raw))
    if not text or text.isspace():
        raise SyncError("validation", "empty_body")
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise SyncError("validation", "too_deep", params={"limit": max_depth}) from None
    except json.JSONDecodeError as error:
        raise _malformed(text, error.pos, error.msg) from None
    except ValueError as error:  # a refused number, or more digits than Python takes
        raise _malformed(text, _position_of(text, error), str(error)) from None
    if len(text) > 2 * max_depth and _deeper_than(value, max_depth):
        raise SyncError("validation", "too_deep", params={"limit": max_depth})
    surrogates = "\\ud" in text or "\\uD" in text or (text is raw and not text.isascii())
    return _storable(value) if surrogates else value


def _decode(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        encoding = json.detect_encoding(raw)
        if encoding.startswith(("utf-16", "utf-32")):
            try:
                return raw.decode(encoding)
            except UnicodeDecodeError:
                pass
        readable = raw[: error.start].decode("utf-8-sig")
        near = readable + raw[error.start : error.start + 20].decode("utf-8", "replace")
        raise _malformed(near, len(readable), str(error)) from None


def _malformed(text: str, position: int, reason: str) -> SyncError:
    line = text.count("\n", 0, position) + 1
    column = position - (text.rfind("\n", 0, position) + 1) + 1
    near = text[max(0, position - 20) : position + 20].strip()
    return SyncError(
        "validation", "malformed_json", params={"line": line, "column": column, "near": near}, detail=reason
    )


def _position_of(text: str, error: ValueError) -> int:
    """Where a refused number stands: the decoder does not say, so look for it outside of strings."""
    if isinstance(error, _Refused):
        for match in _CONSTANTS.finditer(text):
            if match[1]:
                return match.start(1)
        return max(0, text.find(str(error)))
    return 0


def merge(base: Any, extra: Any) -> Any:
    """Both documents in one: objects name by name, lists put together, anything else from ``extra``.

    Neither is changed.

    >>> merge({"domain": [["a", "=", 1]], "limit": 5}, {"domain": [["b", "=", 2]], "offset": 10})
    {'domain': [['a', '=', 1], ['b', '=', 2]], 'limit': 5, 'offset': 10}
    """
    if isinstance(base, dict) and isinstance(extra, dict):
        return {
            **base,
            **{name: merge(base[name], value) if name in base else value for name, value in extra.items()},
        }
    if isinstance(base, list) and isinstance(extra, list):
        return base + extra
    return extra


def _deeper_than(value: Any, limit: int) -> bool:
    """Level by level, without recursion."""
    level = [value] if type(value) in (dict, list) else []
    for _depth in range(limit):
        level = [
            child
            for parent in level
            for child in (parent.values() if type(parent) is dict else parent)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return False
    return True


def _storable(value: Any) -> Any:
    """The value without lone surrogates. Cheap when there are none."""
    try:
        text = json.dumps(value, ensure_ascii=False)
        text.encode("utf-8")
        return value
    except UnicodeEncodeError:
        return json.loads(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))


def _plain(value: Any) -> Any:
    """What json does not know: Decimal, date, datetime (naive = UTC, as in Odoo), time."""
    if isinstance(value, Decimal) and value.is_finite() and value.adjusted() < 300:
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, (date, time)):
        return value.isoformat()
    raise SyncError(
        "mapping", "not_json_value", params={"type": type(value).__name__, "value": str(value)[:80]}
    )


def utc_text(moment: datetime) -> str:
    """ISO 8601 in UTC with 'Z'; a naive moment is UTC. Fractions only where there are any.

    >>> utc_text(datetime(2026, 1, 31, 9, 5))
    '2026-01-31T09:05:00Z'
    """
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat() + "Z"


_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain)


def dump_json(value: Any) -> str:
    """Compact JSON text; Decimal as number, date and datetime as ISO 8601 (naive = UTC), text not escaped.

    Errors: SyncError('mapping', 'not_json_value') for NaN, Infinity and types that JSON does not have;
    SyncError('validation', 'too_deep') for endless nesting.

    >>> dump_json({"total": Decimal("12.50"), "day": date(2026, 1, 31), "name": "Zoë"})
    '{"total":12.5,"day":"2026-01-31","name":"Zoë"}'
    >>> dump_json(float("nan"))
    Traceback (most recent call last):
    ...
    integration_flow.core.errors.SyncError: not_json_value (type=float, value=nan)
    """
    try:
        text = _COMPACT.encode(value)
    except RecursionError:
        raise SyncError("validation", "too_deep", params={"limit": MAX_DEPTH}) from None
    except TypeError as error:  # keys that are no text
        raise SyncError(
            "mapping", "not_json_value", params={"type": "key", "value": str(error)[:80]}, detail=str(error)
        ) from None
    except ValueError as error:
        if "Circular" in str(error):
            raise SyncError("validation", "too_deep", params={"limit": MAX_DEPTH}) from None
        raise SyncError(
            "mapping",
            "not_json_value",
            params={
                "type": "float",
                "value": str(error).rsplit(": ", 1)[-1] if ": " in str(error) else "nan",
            },
            detail=str(error),
        ) from None
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
