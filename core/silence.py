"""Is it unusually quiet? By a limit that people set, or by what weeks before were like.

All moments are naive and in UTC, as the database keeps them; days and hours are those of a time zone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

HOUR = timedelta(hours=1)
# So much of the past is looked at, and so many occurrences of an hour of the week must be known before it says anything.
WEEKS_LEARNED = 8
WEEKS_NEEDED = 2
# It is silence when so long a gap would come by chance once in so many times.
CHANCE = 0.01
# Longer gaps are not examined hour by hour: whatever lasts so long was told long ago.
LONGEST_LOOK = timedelta(days=60)


class Verdict(NamedTuple):
    """silent: unusually quiet. since: the last arrival. chance: how likely so long a gap is, 0 to 1."""

    silent: bool
    since: datetime | None
    chance: float


def hour_of(moment: datetime) -> datetime:
    """The beginning of the hour.

    >>> hour_of(datetime(2026, 3, 2, 9, 59, 1))
    datetime.datetime(2026, 3, 2, 9, 0)
    """
    return moment.replace(minute=0, second=0, microsecond=0)


def local(moment: datetime, tz: str) -> datetime:
    """A moment in UTC as clocks show it there.

    >>> local(datetime(2026, 7, 1, 12), "Europe/Brussels").hour
    14
    """
    return moment.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(tz))


def _slot(hour: datetime, tz: str) -> tuple[int, int]:
    there = local(hour, tz)
    return there.weekday(), there.hour


def judge(
    arrivals: Mapping[datetime, int],
    *,
    now: datetime,
    tz: str = "UTC",
    observed_since: datetime | None = None,
    running_since: datetime | None = None,
    weeks_needed: int = WEEKS_NEEDED,
    chance: float = CHANCE,
) -> Verdict:
    """Is the time since the last arrival unusually long for these hours of the week?

    Each hour without arrivals is as likely as it was in the weeks before: an hour of the week in which something came k
    times out of n stays silent with 1 - k / (n + 1). Their product is the likelihood of the gap; hours that are
    usually silent (nights, weekends) change nothing. What is not known well enough says nothing.

    :param arrivals: ``{beginning of an hour: how many came}``; hours without any may be left out
    :param observed_since: since when arrivals have been counted (the first arrival, when it is not known)
    :param running_since: silence before this moment does not count: the flow was paused or did not exist

    >>> weeks = {datetime(2026, 1, 5, 8) + timedelta(days=7 * week, hours=hour): 3
    ...          for week in range(6) for hour in range(9)}
    >>> judge(weeks, now=datetime(2026, 2, 16, 8, 30)).silent   # a Monday, nothing is due yet
    False
    >>> judge(weeks, now=datetime(2026, 2, 16, 13, 30)).silent  # silent since eight o'clock
    True
    """
    came = [hour_of(hour) for hour, count in arrivals.items() if count > 0 and hour <= now]
    if not came:
        return Verdict(False, None, 1.0)
    last = max(came)
    begin = max(hour_of(observed_since) if observed_since else min(came), last - timedelta(weeks=WEEKS_LEARNED))
    known: dict[tuple[int, int], int] = {}
    active: dict[tuple[int, int], int] = {}
    busy = set(came)
    hour = begin
    while hour <= last:
        slot = _slot(hour, tz)
        known[slot] = known.get(slot, 0) + 1
        active[slot] = active.get(slot, 0) + (hour in busy)
        hour += HOUR
    likely = 1.0
    hour = max(last + HOUR, now - LONGEST_LOOK)
    if running_since:
        hour = max(hour, running_since)
    hour = hour_of(hour) if hour == hour_of(hour) else hour_of(hour) + HOUR
    while hour + HOUR <= now:
        slot = _slot(hour, tz)
        if known.get(slot, 0) >= weeks_needed:
            likely *= 1 - active[slot] / (known[slot] + 1)
        hour += HOUR
    return Verdict(likely <= chance, last, likely)


def watched_hours(
    since: datetime, now: datetime, *, tz: str = "UTC", start: float = 0.0, end: float = 24.0,
    weekdays: Collection[int] = range(7),
) -> float:
    """Hours between two moments that lie in the watched part of watched days.

    :param start, end: hours of the day, such as 8.5; an end before the start means the next day
    :param weekdays: 0 is Monday; a window that begins on a watched day counts to its end

    >>> watched_hours(datetime(2026, 3, 6, 16), datetime(2026, 3, 9, 10), start=8, end=18, weekdays=range(5))
    4.0
    """
    if now <= since:
        return 0.0
    since = max(since, now - LONGEST_LOOK)
    zone, utc = ZoneInfo(tz), ZoneInfo("UTC")
    length = end - start if end > start else end - start + 24
    begin, until = since.replace(tzinfo=utc), now.replace(tzinfo=utc)
    day = (begin.astimezone(zone) - timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    total = timedelta()
    while day.replace(tzinfo=zone) <= until:
        if day.weekday() in weekdays:
            opens = (day + timedelta(hours=start)).replace(tzinfo=zone).astimezone(utc)
            closes = (day + timedelta(hours=start + length)).replace(tzinfo=zone).astimezone(utc)
            total += max(timedelta(), min(closes, until) - max(opens, begin))
        day += timedelta(days=1)
    return total.total_seconds() / 3600
