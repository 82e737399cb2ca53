"""Small questions about values that several rooms of core ask: blank, shown to people, a number, clean
text."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from .errors import SyncError

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
# Not storable (NUL in PostgreSQL) or not allowed in XML and prints: C0 controls but tab, line feed, carriage
# return.
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_SURROGATES = re.compile("[\ud800-\udfff]")


def is_blank(value: Any) -> bool:
    """None, '', white space, [] and {} say "no value"; False and 0 are values.

    >>> [is_blank(value) for value in (None, "", "  ", [], {}, 0, False, "x")]
    [True, True, True, True, True, False, False, False]
    """
    if value is None:
        return True
    if isinstance(value, str):
        return not value or value.isspace()
    return isinstance(value, (list, tuple, dict)) and not value


def number_like(external_id: str) -> int | str:
    """APIs with numeric ids want numbers in references; an id that is not a plain number stays text.

    >>> number_like("42"), number_like("007"), number_like("order_7")
    (42, '007', 'order_7')
    """
    plain = external_id.isascii() and external_id.isdigit() and len(external_id) < 16
    return int(external_id) if plain and (external_id == "0" or external_id[0] != "0") else external_id


def shown(value: Any, limit: int = 80) -> str:
    """The value in an error message: cut, on one line.

    >>> shown("a" * 100, 10)
    'aaaaaaaaa…'
    """
    text = value[: limit * 4] if isinstance(value, str) else str(value)[: limit * 4]
    text = " ".join(clean_text(text).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def wrong_type(field: str, value: Any, expected: str) -> SyncError:
    """The value cannot become what the field needs. `expected` is a key that engine/messages.py puts in
    words."""
    return SyncError(
        "mapping", "wrong_type", params={"field": field, "value": shown(value), "expected": expected}
    )


def bad_option(option: str, value: Any, expected: str) -> SyncError:
    """A setting of a rule has a value that makes no sense."""
    return SyncError(
        "mapping", "bad_option", params={"option": option, "value": shown(value), "expected": expected}
    )


def clean_text(text: str) -> str:
    """Text that can be stored: no control characters but tab and line ends, no lone surrogates.

    >>> clean_text("a\\x00b\\tc")
    'ab\\tc'
    """
    if text.isprintable():
        return text
    return _SURROGATES.sub("\ufffd", _CONTROLS.sub("", text))


def decimal_of(value: Any) -> Decimal | None:
    """The finite number that a JSON number or a plain numeric text stands for, else None. bool is no number.

    >>> decimal_of(0.1), decimal_of(" 12.50 "), decimal_of("1_000"), decimal_of(True), decimal_of("nan")
    (Decimal('0.1'), Decimal('12.50'), None, None, None)
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return Decimal(value) if abs(value) < 10**60 else None
    if isinstance(value, str):
        value = value.strip()
        if len(value) > 80 or not _NUMBER.fullmatch(value):
            return None
    elif isinstance(value, float):
        value = repr(value)
    elif not isinstance(value, Decimal):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    # Beyond this no business value lives; it keeps int() and float() from huge or infinite results.
    return number if number.is_finite() and (not number or abs(number.adjusted()) < 60) else None


def plain_number(number: Decimal) -> int | float:
    """The JSON number: int where it is whole, float otherwise.

    >>> plain_number(Decimal("1999.00")), plain_number(Decimal("19.99"))
    (1999, 19.99)
    """
    return int(number) if number == number.to_integral_value() else float(number)


def text_of(value: Any) -> str | None:
    """A scalar as text: 5.0 is '5', True is 'true'. None where there is no single text (objects, lists, NaN).

    >>> text_of(5.0), text_of(True), text_of("x"), text_of({"a": 1})
    ('5', 'true', 'x', None)
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if abs(value) < 10**60 else None
    if isinstance(value, (float, Decimal)):
        number = decimal_of(value)
        return None if number is None else _plain_digits(number)
    isoformat = getattr(value, "isoformat", None)  # date, datetime
    return isoformat() if isoformat else None


def _plain_digits(number: Decimal) -> str:
    text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text
