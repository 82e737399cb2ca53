"""Does what is expected fit into what the API allows? Arithmetic that can be shown: no text, only steps with numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Literal, NamedTuple

from cronsim import CronSim, CronSimError

DAY, HOUR = 86400, 3600
MINUTES = {"minutes": 1, "hours": 60, "days": 1440}
# From this share of what is allowed on there is little room for a retry, a test or another flow.
TIGHT = 0.8

Verdict = Literal["unknown", "no_limit", "fits", "tight", "exceeds"]


class Step(NamedTuple):
    """One line of the arithmetic: what is counted, the numbers in it, and the calls a day that come of it."""

    code: str
    numbers: dict
    calls: int


@dataclass(frozen=True, slots=True)
class Limit:
    """So many calls may begin within any period of so many seconds. ``calls`` 0: no limit is known."""

    calls: int = 0
    period: float = 1.0

    def within(self, seconds: float) -> int:
        """How many calls that allows in so many seconds.

        >>> Limit(10, 1).within(60), Limit(10000, 86400).within(3600), Limit(100, 60).within(90)
        (600, 10000, 150)
        """
        return int(self.calls * max(seconds / self.period, 1))


@dataclass(frozen=True, slots=True)
class Volume:
    """What is expected of a flow on its busiest day, and how its API is asked."""

    polls: int = 0
    """Runs that begin by themselves: each asks at least once, also when nothing has changed."""
    changed: int = 0
    """Records that change in the other system and are read."""
    total: int = 0
    """All records there: the first import, and every run of an API that cannot be asked for changes only."""
    incremental: bool = True
    page_size: int = 0
    """0: one answer holds everything."""
    read_back: bool = False
    """Events bring only IDs: each record is read by a call of its own."""
    sent: int = 0
    """Records that change in Odoo and are sent."""
    per_call: int = 1
    """Records that one writing call takes."""
    calls_each: int = 1
    """Calls that each of them takes: a request may have several."""
    read_before: bool = False
    """Each record is read before it is written."""
    peak: int = 0
    """Records of the busiest hour, both directions together."""


@dataclass(frozen=True, slots=True)
class Estimate:
    verdict: Verdict
    steps: tuple[Step, ...]
    calls: int
    """A day, of this flow."""
    others: int
    """A day, of all other flows of the connection."""
    allowed: int
    """A day; 0 when no limit is known."""
    peak_calls: int
    """In the busiest hour, of this flow; 0 when no peak was given."""
    peak_allowed: int
    first_calls: int
    """Of the first import of everything."""
    first_seconds: int
    """The least that the limit makes it take."""


def estimate(volume: Volume, limit: Limit, others: int = 0) -> Estimate:
    """Calls of the busiest day and hour against the limit.

    >>> found = estimate(Volume(polls=288, changed=2000, page_size=100), Limit(10000, 86400))
    >>> found.calls, found.allowed, found.verdict
    (308, 10000, 'fits')
    >>> [(step.code, step.calls) for step in found.steps]
    [('polls', 288), ('pages', 20)]
    """
    steps = tuple(step for step in (*_reading(volume), *_writing(volume)) if step.calls)
    calls = sum(step.calls for step in steps)
    peak_calls = _peak(volume, calls) if volume.peak else 0
    allowed, peak_allowed = (limit.within(DAY), limit.within(HOUR)) if limit.calls else (0, 0)
    first_calls = _pages(volume.total, volume.page_size) if volume.total else 0
    # A burst of a whole period is free; what is more waits.
    first_seconds = max(first_calls - limit.calls, 0) / limit.calls * limit.period if limit.calls else 0
    return Estimate(
        _verdict(volume, calls + others, allowed, peak_calls, peak_allowed), steps, calls, others, allowed, peak_calls,
        peak_allowed, first_calls, ceil(first_seconds))


def _pages(records: int, page_size: int) -> int:
    return max(ceil(records / page_size), 1) if page_size else 1


def _reading(volume: Volume):
    yield Step("polls", {"polls": volume.polls}, volume.polls)
    if not volume.incremental:
        pages = _pages(volume.total, volume.page_size)
        numbers = {"total": volume.total, "page_size": volume.page_size, "pages": pages, "polls": volume.polls}
        yield Step("everything", numbers, volume.polls * (pages - 1))
    elif volume.changed and volume.polls and volume.page_size:
        numbers = {"changed": volume.changed, "page_size": volume.page_size}
        yield Step("pages", numbers, _pages(volume.changed, volume.page_size))
    if volume.read_back:
        yield Step("read_back", {"changed": volume.changed}, volume.changed)


def _writing(volume: Volume):
    if volume.calls_each == 1:
        yield Step("sent", {"sent": volume.sent, "per_call": volume.per_call}, ceil(volume.sent / max(volume.per_call, 1)))
    else:
        yield Step("asked", {"sent": volume.sent, "calls_each": volume.calls_each}, volume.sent * volume.calls_each)
    if volume.read_before:
        yield Step("read_before", {"sent": volume.sent}, volume.sent)


def _peak(volume: Volume, calls: int) -> int:
    """The busiest hour: its share of the polls, and its records as costly as those of the day."""
    records = volume.changed + volume.sent
    fixed = volume.polls if volume.incremental else calls - sum(step.calls for step in _writing(volume))
    costly = max(calls - fixed, 0)
    return ceil(fixed / 24) + (ceil(costly * volume.peak / records) if records else volume.peak)


def _verdict(volume: Volume, calls: int, allowed: int, peak_calls: int, peak_allowed: int) -> Verdict:
    if not (volume.changed or volume.sent) or (not volume.incremental and not volume.total):
        return "unknown"
    if not allowed:
        return "no_limit"
    share = max(calls / allowed, peak_calls / peak_allowed if peak_calls else 0)
    return "exceeds" if share > 1 else "tight" if share > TIGHT else "fits"


def runs_per_day(*, every: int = 0, unit: str = "minutes", cron: str = "") -> int:
    """How many runs begin on the busiest day.

    >>> runs_per_day(every=5), runs_per_day(every=6, unit="hours"), runs_per_day(every=2, unit="days")
    (288, 4, 1)
    >>> runs_per_day(cron="0 6,18 * * 1-5"), runs_per_day(cron="0 5 1 1 *")
    (2, 1)
    """
    if not (cron or "").strip():
        return ceil(MINUTES["days"] / (max(every, 1) * MINUTES[unit]))
    start = datetime(2026, 3, 2)  # noqa: DTZ001 - local time of a week without a change of the clock, from Monday on
    counts: dict = {}
    try:
        for moment in CronSim(cron.strip(), start):
            if (moment - start).days >= 7:
                break
            counts[moment.date()] = counts.get(moment.date(), 0) + 1
    except (CronSimError, ValueError):
        return 0
    return max(counts.values(), default=1)
