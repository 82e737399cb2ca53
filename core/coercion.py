"""Strict types of Odoo fields: what may be written into a field of this type, or a clear error."""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from .errors import SyncError
from .moments import is_zero_date, local_date, parse_moment, utc_naive
from .values import clean_text, decimal_of, is_blank, shown, text_of, wrong_type

INT4 = 2147483647
_TRUE, _FALSE = frozenset(("true", "1", "yes")), frozenset(("false", "0", "no"))


def coerce(field_type: str, value: Any, *, label: str = "", allowed: Collection[str] = ()) -> Any:
    """The value for an Odoo field of this type (char, text, html, integer, float, monetary, boolean, date,
    datetime, selection, many2one, ...). Blank is False, Odoo's way. Nothing is guessed: "abc" is no number,
    {} no text.

    :param label: the field's name for people, used in errors
    :param allowed: keys of a selection field, where known
    Errors: SyncError('mapping', 'wrong_type' | 'out_of_range' | 'wrong_choice').

    >>> coerce("integer", "5.0"), coerce("float", "12.50"), coerce("char", 5), coerce("date", None)
    (5, 12.5, '5', False)
    >>> coerce("integer", "abc", label="Quantity")
    Traceback (most recent call last):
    ...
    integration_flow.core.errors.SyncError: wrong_type (field=Quantity, value=abc, expected=integer)
    """
    if is_blank(value) or value is False:
        return False
    function: Callable | None = globals().get(f"_coerce_{field_type}")
    if function is None:
        return value
    result = function(value, label)
    if allowed and field_type == "selection" and result is not False and result not in allowed:
        raise SyncError(
            "mapping",
            "wrong_choice",
            params={
                "field": label,
                "value": shown(value),
                "allowed": shown(", ".join(map(str, allowed)), 200),
            },
        )
    return result


def _coerce_char(value: Any, label: str) -> str | bool:
    text = None if isinstance(value, bool) else text_of(value)
    if text is None:
        raise wrong_type(label, value, "text")
    return clean_text(text) or False


_coerce_text = _coerce_html = _coerce_selection = _coerce_reference = _coerce_char


def _number(value: Any, label: str, expected: str) -> Decimal:
    number = decimal_of(value)
    if number is None:
        raise wrong_type(label, value, expected)
    return number


def _coerce_integer(value: Any, label: str) -> int:
    number = _number(value, label, "integer")
    if number != number.to_integral_value():
        raise wrong_type(label, value, "integer")
    if abs(number) > INT4:
        raise SyncError(
            "mapping",
            "out_of_range",
            params={"field": label, "value": shown(value), "minimum": -INT4, "maximum": INT4},
        )
    return int(number)


def _coerce_float(value: Any, label: str) -> float:
    return float(_number(value, label, "number"))


_coerce_monetary = _coerce_float


def _coerce_boolean(value: Any, label: str) -> bool:
    if isinstance(value, bool):
        return value
    text = (text_of(value) or "").strip().casefold()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise wrong_type(label, value, "boolean")


def _coerce_date(value: Any, label: str) -> date | bool:
    if is_zero_date(value):
        return False
    moment = parse_moment(value)
    if moment is None:
        raise wrong_type(label, value, "date")
    return local_date(moment)


def _coerce_datetime(value: Any, label: str) -> datetime | bool:
    if is_zero_date(value):
        return False
    moment = parse_moment(value)
    if moment is None:
        raise wrong_type(label, value, "datetime")
    return utc_naive(moment)


def _coerce_many2one(value: Any, label: str) -> int:
    """A record's id; a text is refused, since it is most likely an id of the other system."""
    if isinstance(value, (list, tuple)) and len(value) == 2 and isinstance(value[1], str):
        value = value[0]  # (id, name), as read() gives it
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= INT4:
        raise wrong_type(label, value, "record")
    return value


_coerce_many2one_reference = _coerce_many2one


def _coerce_many2many(value: Any, label: str) -> list:
    if not isinstance(value, (list, tuple)):
        raise wrong_type(label, value, "list")
    return list(value)


_coerce_one2many = _coerce_many2many


def _coerce_binary(value: Any, label: str) -> str:
    """A file as base64. A damaged one is refused: Odoo would store what is left of it."""
    if isinstance(value, str) and value.startswith("data:"):
        value = value.partition(",")[2]
    try:
        raw = (
            value.encode()
            if isinstance(value, str)
            else bytes(value or b"")
            if isinstance(value, bytes)
            else None
        )
        base64.b64decode(b"".join(raw.split()), validate=True)
    except (AttributeError, ValueError):
        raise wrong_type(label, value, "file") from None
    return raw.decode("ascii")
