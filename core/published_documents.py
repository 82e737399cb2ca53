"""What a published document is: its text, its key, the values to filter by, and the choice of its fields."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import date, datetime
from typing import Any

MAX_TEXT = 512
"""Characters of a key or of a value to filter by."""


def dump(value: Any) -> str:
    """JSON as it is published: compact, and the same text for the same value."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_as_json)


def _as_json(value: Any) -> str:
    """Values of Odoo fields that JSON does not have: days, moments (in UTC), files in base64."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds") + "Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("ascii")
    raise TypeError(type(value).__name__)


def content_hash(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def select(document: dict, names: tuple[str, ...]) -> dict:
    """Only the chosen fields of a document; those that it does not have are left out.

    >>> select({"sku": "A", "stock": {"free": 3, "on_hand": 5}}, ("sku", "stock.free"))
    {'sku': 'A', 'stock': {'free': 3}}
    """
    chosen: dict = {}
    for name in names:
        value: Any = document
        for step in name.split("."):
            value = value.get(step, _NOTHING) if isinstance(value, dict) else _NOTHING
        if value is not _NOTHING:
            place = chosen
            *above, last = name.split(".")
            for step in above:
                place = place.setdefault(step, {})
                if not isinstance(place, dict):
                    break
            else:
                place[last] = value
    return chosen


_NOTHING = object()


def tag(name: str, value: Any) -> str | None:
    """A value by which consumers may filter, as it is kept and asked for; None where there is nothing to ask for.

    >>> tag("warehouse", "WH"), tag("active", True), tag("price", 2.0), tag("brand", None)
    ('warehouse=WH', 'active=true', 'price=2', None)
    """
    if value is None or value == "" or isinstance(value, (dict, list)):
        return None
    if isinstance(value, bool):
        value = "true" if value else "false"
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"{name}={value}"


def key_text(value: Any) -> str:
    """The key of a document as text; '' for what cannot be one.

    >>> key_text(" A-1 "), key_text(7), key_text(None), key_text("a\\nb")
    ('A-1', '7', '', '')
    """
    if value is None or isinstance(value, (dict, list, bool)):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).strip()
    return text if is_text(text) and text.isprintable() else ""


def flat_names(rules) -> tuple[str, ...]:
    """All names that ``fields`` may choose: every path, and every object on the way to it.

    >>> flat_names(["sku", "price.amount", "price.currency"])
    ('sku', 'price', 'price.amount', 'price.currency')
    """
    names: dict[str, None] = {}
    for path in rules:
        steps = re.split(r"\.|\[", path)
        plain = []
        for step in steps:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", step):
                break
            plain.append(step)
            names[".".join(plain)] = None
    return tuple(names)


def is_text(value: Any) -> bool:
    """Can this text stand in the database at all: not too long, no NUL, no half of a character?

    >>> is_text("Ä 1"), is_text("a" * 513), is_text("a\\x00"), is_text("\\ud800")
    (True, False, False, False)
    """
    if not isinstance(value, str) or len(value) > MAX_TEXT or "\x00" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
