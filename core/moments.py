"""Dates and times: ISO 8601, epochs and free formats outside; naive UTC (as Odoo stores it) inside."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from .errors import SyncError
from .values import decimal_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo | timezone:
    """The time zone of an IANA name; '' is UTC. Errors: SyncError('mapping', 'unknown_timezone').

    >>> zone("Europe/Brussels").key
    'Europe/Brussels'
    >>> zone("Mars/Base")
    Traceback (most recent call last):
    ...
    integration_flow.core.errors.SyncError: unknown_timezone (timezone=Mars/Base)
    """
    if not name or name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError, TypeError):  # unknown key, path tricks, a directory
        raise SyncError("mapping", "unknown_timezone", params={"timezone": str(name)[:80]}) from None


def parse_moment(value: Any, *, form: str = "", tz: str = "") -> datetime | date | None:
    """What a date or datetime value means: an aware datetime in UTC, a date where there is no time of day,
    None if it cannot be read.

    :param form: '' or 'iso' (ISO 8601), 'epoch' (seconds), 'epoch_ms', or a strptime format
    :param tz: time zone of values without one

    >>> parse_moment("2026-01-31T10:00:00+01:00")
    datetime.datetime(2026, 1, 31, 9, 0, tzinfo=datetime.timezone.utc)
    >>> parse_moment("2026-07-01 10:00:00", tz="Europe/Brussels").hour
    8
    >>> parse_moment("2026-01-31"), parse_moment("soon")
    (datetime.date(2026, 1, 31), None)
    """
    try:
        if isinstance(value, datetime):
            moment: datetime | date = value
        elif isinstance(value, date):
            return value
        elif form in ("epoch", "epoch_ms"):
            number = decimal_of(value)
            if number is None:
                return None
            return _EPOCH + timedelta(microseconds=int(number * (1_000_000 if form == "epoch" else 1_000)))
        elif not isinstance(value, str):
            return None
        elif form in ("", "iso"):
            moment = _iso(value.strip())
        else:
            moment = datetime.strptime(value.strip(), form)
            if not _has_time(form):
                return moment.date()
        if not isinstance(moment, datetime):
            return moment
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone(tz))
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _iso(text: str) -> datetime | date:
    if len(text) == 10:
        return date.fromisoformat(text)
    if text.isdigit() and len(text) != 8:  # an epoch or a number is no date
        raise ValueError(text)
    if text[-4:] in (" UTC", " GMT"):
        text = text[:-4] + "Z"
    if len(text) == 8 and text.isdigit():
        return date.fromisoformat(text)
    return datetime.fromisoformat(text.replace(" Z", "Z").replace(" +", "+"))


def _has_time(form: str) -> bool:
    return any(mark in form for mark in ("%H", "%I", "%M", "%S", "%c", "%X", "%p", "%f"))


def utc_naive(moment: datetime | date, tz: str = "") -> datetime:
    """The naive UTC datetime to the second that Odoo stores; a date is midnight in `tz`."""
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=zone(tz))
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC)
    return moment.replace(tzinfo=None, microsecond=0)


def local_date(moment: datetime | date, tz: str = "") -> date:
    """The calendar day of a moment (naive = UTC) in a time zone.

    >>> local_date(datetime(2026, 1, 31, 23, 30, tzinfo=UTC), "Europe/Brussels")
    datetime.date(2026, 2, 1)
    """
    if not isinstance(moment, datetime):
        return moment
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(zone(tz)).date()


def is_zero_date(value: Any) -> bool:
    """MySQL's way to say "no date": 0000-00-00, with or without a time."""
    return isinstance(value, str) and value.lstrip().startswith("0000-00-00")


def parse_http_date(value: str | None) -> datetime | None:
    """The moment of an HTTP date (RFC 9110, 5.6.7) in naive UTC; None if it cannot be read.

    >>> parse_http_date("Sat, 31 Jan 2026 12:00:30 GMT")
    datetime.datetime(2026, 1, 31, 12, 0, 30)
    >>> parse_http_date("soon") is None
    True
    """
    try:
        moment = parsedate_to_datetime(value or "")
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
