"""Short names for content (is it the same as last time?) and for causes (is it the same problem?)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any

from .documents import utc_text


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        if not value.is_finite() or abs(value.adjusted()) > 300:
            return f"Decimal:{value}"
        if value == value.to_integral_value():
            return int(value)
        number = float(value)
        return number if Decimal(repr(number)) == value else f"Decimal:{value.normalize()}"
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=repr)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no content to hash")


_ENCODE = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_plain).encode


def content_hash(value: Any) -> str:
    """32 hex characters, equal for equal content: key order and 1 / 1.0 / Decimal('1.0') make no difference.

    blake2b with 128 bits (RFC 7693) over canonical JSON; true and 1, "1" and 1 stay different.
    TypeError for objects that are no data.

    >>> content_hash({"a": 1, "b": [1.0]}) == content_hash({"b": [Decimal("1")], "a": 1.0})
    True
    >>> content_hash(True) == content_hash(1)
    False
    """
    try:
        text = _ENCODE(value)
    except TypeError:
        text = _ENCODE(_text_keys(value))
    if ".0" in text or "e+" in text:
        text = _canonical_numbers(text, value)
    return blake2b(text.encode("ascii"), digest_size=16).hexdigest()


def _canonical_numbers(text: str, value: Any) -> str:
    """1.0 becomes 1 outside of strings. Strings are told apart by their quotes, so escaped ones are masked
    first; the masks cannot occur in JSON text, therefore different content keeps different text."""
    if "\\" in text:
        text = text.replace("\\\\", "\x00").replace('\\"', "\x01")
    parts = text.split('"')
    outside = '"'.join(parts[::2]) + ","
    if "e+" in outside:  # from 1e16 on: rare, so the slow and exact way
        return _ENCODE(_whole_floats(value))
    for end in ",]}":
        outside = outside.replace(".0" + end, end)
    parts[::2] = outside.replace("-0,", "0,").replace("-0]", "0]").replace("-0}", "0}")[:-1].split('"')
    return '"'.join(parts)


def _whole_floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _whole_floats(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_whole_floats(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _text_keys(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _text_keys(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_text_keys(item) for item in value]
    return value


# Params that tell which record it was, not what was wrong.
_RECORD_PARAMS = frozenset(
    "id ids external_id external_ids record value values near line column url count seconds size limit token"
    " start at odoo external detail minimum maximum".split()
)
# Here the value *is* the cause: one missing translation is one issue, and mapping it releases its records.
_VALUE_IS_CAUSE = frozenset(("unmapped_value", "lookup_missing", "lookup_ambiguous"))
_QUOTED = re.compile(
    r"(?P<word>\w+:?\s*)?(?<!\w)(?P<quoted>'[^']*'|\"[^\"]*\"|`[^`]*`|«[^»]*»|“[^”]*”)(?!\w)"
)
_NAMING = re.compile(r"(?i)(fields?|attributes?|propert(y|ies)|parameters?|columns?|arguments?):?\s*")
_WITH_DIGIT = re.compile(r"[^\s,;()\[\]{}]*\d[^\s,;()\[\]{}]*")
_ADDRESS = re.compile(r"[^\s<>,;]+@[^\s<>,;]+|https?://\S+")


def failure_fingerprint(error_class: str, code: str, params: Mapping[str, Any] | None) -> str:
    """32 hex characters that are equal for failures with one cause, whichever record they hit.

    Left out: ids, numbers, words with digits, addresses, and values in quotes (unless the word before says
    that they name a field). Kept: the value, where the missing value itself is the cause (unmapped_value,
    lookup_*).

    >>> one = failure_fingerprint("validation", "rejected", {"message": "SKU 'A-1' exists (7)"})
    >>> two = failure_fingerprint("validation", "rejected", {"message": "SKU 'B-2' exists (12)"})
    >>> one == two
    True
    >>> red = failure_fingerprint("unmapped", "unmapped_value", {"value": "red", "map": "Colours"})
    >>> red == failure_fingerprint("unmapped", "unmapped_value", {"value": "blue", "map": "Colours"})
    False
    """
    keep_value = error_class == "unmapped" or code in _VALUE_IS_CAUSE
    parts = [error_class, code]
    for name in sorted(params or {}):
        value = params[name]
        if name == "status" or (name == "value" and keep_value):
            parts.append(f"{name}={value}")
        elif name not in _RECORD_PARAMS and not isinstance(value, (int, float, Decimal)):
            parts.append(f"{name}={_cause(str(value))}")
    return blake2b("\x1f".join(parts).encode("utf-8", "replace"), digest_size=16).hexdigest()


def _cause(text: str) -> str:
    """A message without what belongs to one record."""
    text = _ADDRESS.sub("#", text[:2000])
    text = _QUOTED.sub(_without_value, text)
    return " ".join(_WITH_DIGIT.sub("#", text).split()).casefold()


def _without_value(match: re.Match) -> str:
    word = match["word"] or ""
    return match[0] if _NAMING.fullmatch(word) else f"{word}#"
