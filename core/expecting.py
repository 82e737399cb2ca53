"""What a test case expects: paths into a result, and when a value is the expected one."""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from typing import Any, NamedTuple

from .moments import parse_moment, utc_naive
from .values import decimal_of

TOLERANCE = 0.000001
_STEP = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:\[(?P<index>\d{1,5})\])?")
_YES = frozenset(("true", "yes", "1", "on"))
_NO = frozenset(("false", "no", "0", "off"))


class Step(NamedTuple):
    """One step of a path: a name, and which of several when it has an index."""

    name: str
    index: int | None


def parse_path(text: str) -> list[Step]:
    """The steps of a path such as order_line[0].product_uom_qty. ValueError says where it is wrong.

    >>> parse_path("order_line[0].product_id.name")
    [Step(name='order_line', index=0), Step(name='product_id', index=None), Step(name='name', index=None)]
    >>> parse_path("order_line[].name")
    Traceback (most recent call last):
    ...
    ValueError: order_line[]
    """
    steps = []
    for part in (text or "").strip().split("."):
        found = _STEP.fullmatch(part)
        if found is None:
            raise ValueError(part or text)
        steps.append(Step(found["name"], int(found["index"]) if found["index"] else None))
    return steps


def as_text(value: Any) -> str:
    """A value as people write it down: what :func:`is_expected` finds equal to itself.

    >>> as_text(3.0), as_text(True), as_text(None), as_text(["Red", "Blue"]), as_text({"b": 1})
    ('3', 'true', '', 'Red, Blue', '{"b": 1}')
    """
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and abs(value) < 1e15:
        text = f"{value:.9f}".rstrip("0").rstrip(".")
        return "0" if text == "-0" else text
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (list, tuple)) and not any(isinstance(part, (dict, list, tuple)) for part in value):
        return ", ".join(as_text(part) for part in value)
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return str(value)


def is_expected(expected: str | None, actual: Any) -> bool:
    """Is the value that was found the one that a person has written down?

    Numbers are compared as numbers, moments as moments, yes and no in any of their words, texts without blanks around
    them, lists regardless of their order. Nothing expected means blank: None, '', an empty list; False unless it is a
    yes-or-no value, where nothing expected is no.

    >>> is_expected("12.50", 12.5), is_expected("yes", True), is_expected("", None), is_expected("0", None)
    (True, True, True, False)
    >>> is_expected("2026-01-31 10:00", "2026-01-31T10:00:00Z"), is_expected("Blue, Red", ["Red", "Blue"])
    (True, True)
    """
    wanted = (expected or "").strip()
    if isinstance(actual, bool):
        return wanted.casefold() in (_YES if actual else (_NO | {""}))
    if isinstance(actual, str):
        actual = actual.strip()
    if not wanted or actual is None or actual in ("", [], {}):
        return not wanted and actual in (None, "", [], {})
    if isinstance(actual, (int, float)):
        number = decimal_of(wanted)
        return number is not None and abs(float(number) - float(actual)) <= TOLERANCE * max(1.0, abs(float(actual)))
    if isinstance(actual, (list, tuple)) and not any(isinstance(part, (dict, list, tuple)) for part in actual):
        return sorted(part.strip() for part in wanted.split(",")) == sorted(
            piece.strip() for part in actual for piece in as_text(part).split(","))
    if isinstance(actual, (dict, list, tuple)):
        try:
            return json.loads(wanted) == json.loads(json.dumps(actual, default=str))
        except ValueError:
            return False
    text = as_text(actual).strip()
    return wanted == text or _same_moment(wanted, text)


def _same_moment(wanted: str, text: str) -> bool:
    if not all(each[:4].isdigit() and each[4:5] == "-" for each in (wanted, text)):
        return False
    moments = [parse_moment(wanted), parse_moment(text)]
    if None in moments:
        return False
    return len({_utc(moment) for moment in moments}) == 1


def _utc(moment: Any) -> Any:
    return utc_naive(moment) if isinstance(moment, datetime) else moment
