"""Transforms of numbers and yes/no values: number, boolean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .transforms_text import whole_option
from .values import bad_option, decimal_of, plain_number, text_of, wrong_type

if TYPE_CHECKING:
    from .transforms import TransformContext

_SPACES = str.maketrans("", "", " \u00a0\u202f\u2009")
TRUE_WORDS = ("true", "1", "yes", "y", "on", "t")
FALSE_WORDS = ("false", "0", "no", "n", "off", "f")


def _to_odoo_number(value: Any, options: Mapping, context: TransformContext) -> int | float:
    """decimal_separator ('.'), thousands_separator (none), factor (Odoo = external * factor, 0.01 = cents),
    digits (rounding, half away from zero). Exact: computed as Decimal."""
    number = _read(value, options)
    if number is None:
        raise wrong_type(context.field_label, value, "number")
    return plain_number(_rounded(number * _factor(options), options))


def _to_external_number(value: Any, options: Mapping, context: TransformContext) -> int | float | str:
    """The way back: divided by factor. With as_text, or separators other than '.', a text like '1.234,50'.

    Without `digits` a division is rounded to 10 decimals, so that 19.99 / 0.01 is 1999."""
    number = decimal_of(value)
    if number is None:
        raise wrong_type(context.field_label, value, "number")
    factor = _factor(options)
    if factor != 1:
        number = round(number / factor, 10)
    number = _rounded(number, options)
    point, thousands = _mark(options, "decimal_separator", "."), _mark(options, "thousands_separator", "")
    if not (options.get("as_text") or point != "." or thousands):
        return plain_number(number)
    text = f"{number:,f}" if thousands else f"{number:f}"
    if _digits(options) is None and "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace(",", "\0").replace(".", point).replace("\0", thousands)


def _mark(options: Mapping, name: str, default: str) -> str:
    mark = options.get(name) or default
    if not isinstance(mark, str):
        raise bad_option(name, mark, "text")
    return mark


def _digits(options: Mapping) -> int | None:
    digits = whole_option(options, "digits", -1)
    if digits > 12:
        raise bad_option("digits", digits, "0-12")
    return None if digits < 0 else digits


def _rounded(number: Decimal, options: Mapping) -> Decimal:
    digits = _digits(options)
    if digits is None or number.adjusted() + digits > 26:  # beyond the precision there is nothing to round
        return number
    return number.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)


def _factor(options: Mapping) -> Decimal:
    factor = options.get("factor")
    if factor is None or factor is False or factor == "" or factor == 1:
        return Decimal(1)
    number = decimal_of(factor)
    if not number:  # zero would forget every value
        raise bad_option("factor", factor, "number")
    return number


@lru_cache(maxsize=256)
def _grouped(thousands: str, point: str) -> re.Pattern:
    """Groups of three (or two, as in India) before the last three: '1,5' with ',' for thousands is
    refused."""
    mark = re.escape(thousands)
    return re.compile(
        rf"[+-]?(?:[0-9]+|[0-9]{{1,3}}(?:{mark}[0-9]{{2,3}})*{mark}[0-9]{{3}})(?:{re.escape(point)}[0-9]*)?"
    )


def _read(value: Any, options: Mapping) -> Decimal | None:
    if not isinstance(value, str):
        return decimal_of(value)
    point, thousands = _mark(options, "decimal_separator", "."), _mark(options, "thousands_separator", "")
    if point == thousands:
        raise bad_option("thousands_separator", thousands, "other_than_decimal_separator")
    text = value.strip().replace("\u2212", "-")
    if text.endswith("-"):  # SAP writes the sign at the end
        text = "-" + text[:-1].strip()
    if thousands.strip() == "" and thousands:
        text, thousands = text.translate(_SPACES), ""
    if thousands or point != ".":
        if not _grouped(thousands or "\0", point).fullmatch(text):
            return None
        text = (text.replace(thousands, "") if thousands else text).replace(point, ".")
    return decimal_of(text)


def _to_odoo_boolean(value: Any, options: Mapping, context: TransformContext) -> bool:
    """true_values and false_values (lists, or texts separated by commas), compared as text without case.
    Without them true/false, 1/0, yes/no, y/n, on/off, t/f. With only one list, everything else is the
    other."""
    trues, falses = _words(options, "true_values"), _words(options, "false_values")
    if isinstance(value, bool) and not trues and not falses:
        return value
    text = text_of(value)
    if text is None:
        raise wrong_type(context.field_label, value, "boolean")
    text = text.strip().casefold()
    if text in ([str(text_of(word)).casefold() for word in trues] if trues or falses else TRUE_WORDS):
        return True
    if text in ([str(text_of(word)).casefold() for word in falses] if trues or falses else FALSE_WORDS):
        return False
    if bool(trues) != bool(falses):
        return bool(falses)
    if isinstance(value, bool):
        return value
    raise wrong_type(context.field_label, value, "boolean")


def _to_external_boolean(value: Any, options: Mapping, context: TransformContext) -> Any:
    """The first of true_values or false_values where given (with its type), else true or false."""
    truth = value if isinstance(value, bool) else _to_odoo_boolean(value, {}, context)
    words = _words(options, "true_values" if truth else "false_values")
    return words[0] if words else truth


def _words(options: Mapping, name: str) -> list:
    words = options.get(name)
    if words is None or words is False or words == "":
        return []
    if isinstance(words, str):
        return [word.strip() for word in words.split(",") if word.strip()]
    return list(words) if isinstance(words, (list, tuple)) else [words]
