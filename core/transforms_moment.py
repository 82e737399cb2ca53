"""Transforms of dates and times: date, datetime. Inside (Odoo) a datetime is naive UTC to the second."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from .moments import is_zero_date, local_date, parse_moment, utc_naive, zone
from .values import wrong_type

if TYPE_CHECKING:
    from .transforms import TransformContext


def _form(options: Mapping) -> str:
    form = str(options.get("format") or "")
    return "" if form.lower() == "iso" else form


def _read(value: Any, options: Mapping, context: TransformContext, expected: str) -> datetime | date | None:
    if is_zero_date(value):
        return None
    form = _form(options)
    moment = parse_moment(value, form=form, tz=options.get("timezone") or context.tz)
    if moment is None:
        raise wrong_type(context.field_label, value, form or expected)
    return moment


def _to_odoo_date(value: Any, options: Mapping, context: TransformContext) -> date | None:
    """format ('' = ISO 8601, 'epoch', 'epoch_ms', strptime) and timezone. A moment with a time of day becomes
    the calendar day in `timezone`, else in the flow's time zone: an order of 23:30 UTC is of the next day in
    Brussels."""
    moment = _read(value, options, context, "date")
    return None if moment is None else local_date(moment, options.get("timezone") or context.tz)


def _to_odoo_datetime(value: Any, options: Mapping, context: TransformContext) -> datetime | None:
    """format as for date; `timezone` (else the flow's) is the zone of values that name none; a bare date is
    midnight there."""
    moment = _read(value, options, context, "datetime")
    return None if moment is None else utc_naive(moment, options.get("timezone") or context.tz)


def _to_external_date(value: Any, options: Mapping, context: TransformContext) -> str | int:
    """ISO 'YYYY-MM-DD', or in `format`; an epoch is midnight in `timezone`."""
    moment = parse_moment(value, tz="UTC")
    if moment is None:
        raise wrong_type(context.field_label, value, "date")
    day = local_date(moment, options.get("timezone") or context.tz)
    form = _form(options)
    if form in ("epoch", "epoch_ms"):
        return _epoch(utc_naive(day, options.get("timezone") or context.tz), form)
    return day.strftime(form) if form else day.isoformat()


def _to_external_datetime(value: Any, options: Mapping, context: TransformContext) -> str | int:
    """ISO 8601 in UTC ('2026-01-31T09:00:00Z'). With `timezone`: local time of that zone without an offset,
    which is how a system that needs the option reads it. A strftime `format` is filled in `timezone`, else
    the flow's."""
    moment = parse_moment(value, tz="UTC")
    if moment is None:
        raise wrong_type(context.field_label, value, "datetime")
    form, name = _form(options), options.get("timezone") or ""
    naive = utc_naive(moment, name or context.tz)
    if form in ("epoch", "epoch_ms"):
        return _epoch(naive, form)
    aware = naive.replace(tzinfo=UTC)
    if form:
        return aware.astimezone(zone(name or context.tz)).strftime(form)
    if name:
        return aware.astimezone(zone(name)).replace(tzinfo=None).isoformat()
    return naive.isoformat() + "Z"


def _epoch(naive: datetime, form: str) -> int:
    seconds = int((naive - datetime(1970, 1, 1)).total_seconds())
    return seconds if form == "epoch" else seconds * 1000
