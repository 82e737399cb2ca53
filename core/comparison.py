"""When are two values the same? The form for comparison, and equality across representations."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from math import isclose, isfinite
from typing import Any

from .errors import SyncError
from .moments import is_zero_date, local_date, parse_moment, utc_naive
from .values import decimal_of, is_blank, plain_number

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
_EMPTY_HTML = re.compile(r"(?:<(?:p|div|br)\s*/?>|</(?:p|div)>|\s|&nbsp;)*", re.IGNORECASE)
_ODD_DIGITS = re.compile(r"[+-]?0\d")
DECIMALS = 6


def normalise(field_type: str, value: Any, *, exact: bool = False) -> Any:
    """The JSON-able form in which values are compared and kept as last agreed.

    Blank (None, '', False of anything but a boolean) is None; 0 stays 0; text is stripped, with \\n for line
    ends; floats are rounded to 6 decimals; datetimes are 'YYYY-MM-DD HH:MM:SS' in UTC (naive = UTC); many2one
    is the id; many2many sorted ids. '' as type is for external values: False stays False there.

    :param exact: text keeps the white space at its ends; only white space is blank all the same

    >>> normalise("char", False), normalise("boolean", False), normalise("integer", 0)
    (None, False, 0)
    >>> normalise("datetime", "2026-01-31T10:00:00+01:00"), normalise("float", "1.50")
    ('2026-01-31 09:00:00', 1.5)
    """
    if value is None or value == "":
        return None
    if exact and isinstance(value, str):
        return None if value.isspace() else str(value).replace("\r\n", "\n").replace("\r", "\n")
    function: Callable | None = globals().get(f"_normalise_{field_type}")
    if function is not None:
        if value is False and field_type != "boolean":
            return None
        return function(value)
    if value is False and field_type:
        return None
    return _json_able(value)


def _normalise_char(value: Any) -> Any:
    text = value if isinstance(value, str) else _json_able(value)
    if not isinstance(text, str):
        return text
    text = text.strip()
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text or None


_normalise_text = _normalise_selection = _normalise_reference = _normalise_char


def _normalise_html(value: Any) -> Any:
    text = _normalise_char(value if not isinstance(value, str) else str(value))
    return None if isinstance(text, str) and _EMPTY_HTML.fullmatch(text) else text


def _normalise_float(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, (float, Decimal)):
        return _rounded(value)
    number = decimal_of(value)
    return _json_able(value) if number is None else _rounded(number)


_normalise_integer = _normalise_monetary = _normalise_float


def _rounded(value: float | Decimal) -> float | int | str:
    """Rounded; whole numbers as int, so that 1.0 and 1 are also the same text. NaN and Infinity as text."""
    try:
        number = round(float(value), DECIMALS)
    except (ValueError, OverflowError):  # a signalling NaN
        return str(value)
    if not isfinite(number):
        return str(value)
    return int(number) if number.is_integer() else number


def _normalise_boolean(value: Any) -> Any:
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    if isinstance(value, str):
        return {"true": True, "1": True, "false": False, "0": False}.get(
            value.strip().casefold(), value.strip() or None
        )
    return _json_able(value)


def _normalise_date(value: Any) -> Any:
    moment = None if is_zero_date(value) else parse_moment(value)
    if moment is None:
        return None if is_zero_date(value) else _json_able(value)
    return local_date(moment).isoformat()


def _normalise_datetime(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.isoformat(" ", "seconds")
    moment = None if is_zero_date(value) else parse_moment(value)
    if moment is None:
        return None if is_zero_date(value) else _json_able(value)
    return utc_naive(moment).isoformat(" ")


def _normalise_many2one(value: Any) -> Any:
    if isinstance(value, (list, tuple)) and len(value) == 2 and isinstance(value[1], str):
        value = value[0]  # (id, name), as read() gives it
    return None if value is False else _json_able(value)


_normalise_many2one_reference = _normalise_many2one


def _normalise_many2many(value: Any) -> Any:
    if not isinstance(value, (list, tuple, set, frozenset)):
        return _json_able(value)
    items = [_json_able(item) for item in value]
    try:
        return sorted(items) or None
    except TypeError:
        return items


_normalise_one2many = _normalise_many2many


def _json_able(value: Any) -> Any:
    """Any value without a field type, such as those of the external side."""
    if isinstance(value, str):
        return str(value).strip() or None
    if isinstance(value, (bool, int)):
        return value
    if isinstance(value, (float, Decimal)):
        return _rounded(value)
    if isinstance(value, datetime):
        return utc_naive(value).isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(name): _json_able(item) for name, item in value.items()} or None
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_json_able(item) for item in value] or None
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("ascii", "replace")
    return None if value is None else str(value)


def same_value(one: Any, two: Any) -> bool:
    """Do two values mean the same, whatever their representation?

    Numbers: 1 == 1.0 == Decimal('1') == "1.00", floats to 6 decimals; but two texts are the same only as text
    ("1.0" and "1.00" may be two codes), and "01" is no number. Moments: '2026-01-31T09:00:00Z' == '2026-01-31
    09:00:00'. Blank == blank. Lists in order, objects by name (a missing name is blank).

    >>> same_value(1.0, "1.00"), same_value(" a ", "a"), same_value("007", 7), same_value(None, "")
    (True, True, False, True)
    """
    if one is two or one == two:
        return True
    if one is None or two is None:
        return is_blank(one) and is_blank(two)
    if isinstance(one, str):
        if isinstance(two, str):
            one, two = one.strip(), two.strip()
            return one == two or (one[4:5] == "-" == two[4:5] and _same_moment(one, two))
        return _same_as_text(two, one)
    if isinstance(two, str):
        return _same_as_text(one, two)
    if isinstance(one, (int, float, Decimal)) and isinstance(two, (int, float, Decimal)):
        if isinstance(one, float) or isinstance(two, float):
            return _close(one, two)
        return False
    if isinstance(one, dict) and isinstance(two, dict):
        return all(same_value(one.get(name), two.get(name)) for name in one.keys() | two.keys())
    if isinstance(one, (list, tuple)) and isinstance(two, (list, tuple)):
        return len(one) == len(two) and all(map(same_value, one, two))
    if isinstance(one, date) and isinstance(two, date):
        return parse_moment(one, tz="UTC") == parse_moment(two, tz="UTC")
    return is_blank(one) and is_blank(two)


def same_exactly(one: Any, two: Any) -> bool:
    """As same_value, but white space at the ends of texts counts.

    >>> same_exactly("a ", "a"), same_exactly("a", "a"), same_exactly(1.0, "1.00"), same_exactly(" ", None)
    (False, True, True, True)
    """
    if isinstance(one, str) and isinstance(two, str) and one != two:
        return is_blank(one) and is_blank(two) or one.strip() != two.strip() and same_value(one, two)
    return same_value(one, two)


def same_moment_or_number(one: Any, two: Any, to_odoo: Callable[[Any], Any]) -> bool:
    """Do two external values of one field stand for the same number, day or moment, however they are written?

    :param to_odoo: what Odoo makes of an external value, in comparable form; may raise SyncError

    >>> same_moment_or_number("1.0", "1.00", float), same_moment_or_number("1.0", "1.5", float)
    (True, False)
    """
    if same_value(one, two):
        return True
    if is_blank(one) or is_blank(two):
        return False
    try:
        return same_value(to_odoo(one), to_odoo(two))
    except SyncError:
        return False


def _close(one: float | Decimal, two: float | Decimal) -> bool:
    try:
        return isclose(one, two, rel_tol=1e-12, abs_tol=0.5 * 10**-DECIMALS)
    except (OverflowError, ValueError):  # an int beyond any float
        return False


def _same_as_text(value: Any, text: str) -> bool:
    if isinstance(value, bool):
        return text.strip().casefold() == ("true" if value else "false")
    if isinstance(value, (int, float, Decimal)):
        if _ODD_DIGITS.match(text.strip()):  # a code such as a postcode, not a number
            return False
        number = decimal_of(text)
        return number is not None and same_value(value, plain_number(number))
    if isinstance(value, date):
        moment = parse_moment(text, tz="UTC")
        return moment is not None and moment == parse_moment(value, tz="UTC")
    return is_blank(value) and is_blank(text)


def _same_moment(one: str, two: str) -> bool:
    if not (_MOMENT.match(one) and _MOMENT.match(two)):
        return False
    first = parse_moment(one, tz="UTC")
    return first is not None and first == parse_moment(two, tz="UTC")
