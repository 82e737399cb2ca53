"""Which of two states of one external record is newer: by version, else by time of change, else by arrival.

A state may come late (a webhook that was repeated, a page read before our own write) or twice. Versions are
numbers, moments, dotted releases or revisions; anything else (a hash) has no order, and the time decides.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from .moments import parse_moment, zone
from .values import decimal_of

# W/"517" (weak ETag), v12, rev-3: the sign says what it is, the rest is the version.
_WRAPPED = re.compile(r'(?:W/)?"(.+)"|(?:v|ver|rev|r)[-_. ]?(\d.*)', re.IGNORECASE)
_DOTTED = re.compile(r"\d{1,18}(?:\.\d{1,18}){2,9}")
_REVISION = re.compile(r"(\d{1,18})-[0-9A-Za-z]+")
_HEX = re.compile(r"0x[0-9A-Fa-f]{1,32}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Numbers that are times: seconds from 1973 on, milliseconds above that.
_SECONDS, _MILLISECONDS = 10**8, 10**11


class Age(NamedTuple):
    """How old a state is, as its system tells it.

    version: text as it came, None where there is none
    changed_at: naive UTC with microseconds, None where there is none
    """

    version: str | None = None
    changed_at: datetime | None = None


def is_older(state: Age, known: Age) -> bool:
    """Is this state certainly older than the known one? Equal ages are not: clocks are coarse, and two
    changes of one second are two states, of which the later arrival counts.

    >>> is_older(Age("9"), Age("10")), is_older(Age("v2"), Age("v2")), is_older(Age("abc"), Age("abd"))
    (True, False, False)
    >>> early, late = datetime(2026, 1, 1, 10), datetime(2026, 1, 1, 11)
    >>> is_older(Age("abc", early), Age("abd", late)), is_older(Age("2", early), Age("1", late))
    (True, False)
    """
    if state.version is not None and known.version is not None and state.version != known.version:
        mine, theirs = order_of(state.version), order_of(known.version)
        if mine is not None and theirs is not None and mine[0] == theirs[0] and mine[1] != theirs[1]:
            return mine[1] < theirs[1]
    # One version may have several states: a payment changes the order's time and not its version.
    return bool(state.changed_at and known.changed_at and state.changed_at < known.changed_at)


def order_of(version: str) -> tuple[str, Any] | None:
    """Kind and rank of a version; ranks of one kind can be compared. None: it has no order.

    >>> order_of("12") == order_of("12.0"), order_of("1.10.2"), order_of('W/"517"')
    (True, ('dotted', (1, 10, 2)), ('number', Decimal('517')))
    >>> order_of("3-a1b2"), order_of("0x7D1"), order_of("d41d8cd98f")
    (('number', Decimal('3')), ('number', Decimal('2001')), None)
    """
    text = version.strip()
    wrapped = _WRAPPED.fullmatch(text)
    if wrapped:
        text = wrapped[1] or wrapped[2]
    number = decimal_of(text)
    if number is not None:
        return "number", number
    if _HEX.fullmatch(text):
        return "number", Decimal(int(text, 16))
    if _DOTTED.fullmatch(text):
        return "dotted", tuple(int(part) for part in text.split("."))
    moment = parse_moment(text, tz="UTC")
    if moment is not None:
        return "moment", _aware(moment, "UTC")
    revision = _REVISION.fullmatch(text)
    if revision:
        return "number", Decimal(revision[1])
    return None


def moment_of(value: Any, tz: str = "") -> datetime | None:
    """The time of a change as naive UTC, with its fraction of a second; None if it cannot be read.

    Numbers are seconds or milliseconds since 1970, by their size.

    >>> moment_of("2026-01-31T10:00:00.25+01:00")
    datetime.datetime(2026, 1, 31, 9, 0, 0, 250000)
    >>> moment_of(1767225600), moment_of(1767225600500), moment_of("soon"), moment_of(7)
    (datetime.datetime(2026, 1, 1, 0, 0), datetime.datetime(2026, 1, 1, 0, 0, 0, 500000), None, None)
    """
    if value is None or isinstance(value, bool):
        return None
    moment = parse_moment(value, tz=tz)
    if moment is None:
        number = decimal_of(value)
        if number is None or number < _SECONDS:
            return None
        try:
            moment = _EPOCH + timedelta(
                microseconds=int(number * (1_000 if number >= _MILLISECONDS else 1_000_000))
            )
        except OverflowError:
            return None
    try:
        return _aware(moment, tz).astimezone(UTC).replace(tzinfo=None)
    except (OverflowError, ValueError):
        return None


def _aware(moment: datetime | date, tz: str) -> datetime:
    """A date is midnight."""
    if not isinstance(moment, datetime):
        return datetime(moment.year, moment.month, moment.day, tzinfo=zone(tz)).astimezone(UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone(tz))
