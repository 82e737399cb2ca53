"""When does a flow run next: a plain interval or a cron expression, in the flow's time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cronsim import CronSim, CronSimError

from .errors import SyncError
from .moments import zone

_UNITS = {"minutes": timedelta(minutes=1), "hours": timedelta(hours=1), "days": timedelta(days=1)}


def next_time(
    after: datetime, *, every: int = 0, unit: str = "minutes", cron: str = "", tz: str = "UTC"
) -> datetime:
    """The first time strictly after `after`, in UTC (naive if `after` is naive, which then means UTC).

    :param every, unit: an interval of 'minutes', 'hours' or 'days'. Days keep the time of day of the time
        zone, also over a change to summer time; minutes and hours are real time.
    :param cron: five fields (minute hour day month weekday) in the time zone; goes before the interval
    Errors: SyncError('mapping', 'bad_schedule' | 'unknown_timezone').

    >>> next_time(datetime(2026, 1, 31, 12, 0), every=15)
    datetime.datetime(2026, 1, 31, 12, 15)
    >>> next_time(datetime(2026, 3, 28, 8, 0), every=1, unit="days", tz="Europe/Brussels")
    datetime.datetime(2026, 3, 29, 7, 0)
    >>> next_time(datetime(2026, 1, 31, 12, 0), cron="0 6 * * 1-5", tz="Europe/Brussels")
    datetime.datetime(2026, 2, 2, 5, 0)
    """
    start = (after if after.tzinfo is not None else after.replace(tzinfo=UTC)).astimezone(UTC)
    local_zone = zone(tz)
    try:
        if cron and cron.strip():
            moment = _cron_time(cron.strip(), start, local_zone)
        else:
            moment = _interval_time(every, unit, start, local_zone)
    except OverflowError:
        raise _bad(cron or f"{every} {unit}", "too_far") from None
    return moment if after.tzinfo is not None else moment.replace(tzinfo=None)


def _cron_time(cron: str, start: datetime, local_zone) -> datetime:
    if len(cron.split()) != 5:
        raise _bad(cron, "five_fields")
    try:
        for local in CronSim(cron, start.astimezone(local_zone)):
            moment = local.astimezone(UTC)
            if moment > start:
                return moment
    except (CronSimError, ValueError) as error:
        raise _bad(cron, str(error)) from None
    raise _bad(cron, "never")


def _interval_time(every: int, unit: str, start: datetime, local_zone) -> datetime:
    if unit not in _UNITS or isinstance(every, bool) or not isinstance(every, int) or every < 1:
        raise _bad(f"{every} {unit}", "at_least_one")
    if unit != "days":
        return start + _UNITS[unit] * every
    local = start.astimezone(local_zone)
    moment = (local.replace(tzinfo=None) + timedelta(days=every)).replace(tzinfo=local_zone)
    return moment.astimezone(UTC)


def _bad(schedule: str, reason: str) -> SyncError:
    return SyncError("mapping", "bad_schedule", params={"schedule": schedule[:80], "reason": reason[:120]})
