"""How many calls may leave in a period, counted together by workers that do not know each other.

A sliding window of leases. A worker takes a few calls at a time (a lease) and promises to begin them before a moment.
Until one period after that moment they count, so no window of one period can ever hold more calls than allowed,
whichever of the workers made them and whenever within their leases they did. A token bucket cannot promise that
without giving up its burst: a full bucket and its refill together let through up to twice the limit.

Moments are whole milliseconds of one clock that all workers share (the database's).
"""

from __future__ import annotations

from typing import NamedTuple

SLOTS = 100
"""Leases that end in the same hundredth of a period are kept as one number: what bounds the state."""
SHORTEST_SLOT_MS = 10
"""A lease outlives the way to the database and back."""
LONGEST_MARGIN_MS = 100
"""Calls begin here and count over there: the way may be shorter for one than for the one before it."""

Slots = tuple[tuple[int, int], ...]
"""(moment before which the calls begin, how many), oldest first."""


class Lease(NamedTuple):
    """Calls that one worker may begin."""

    calls: int
    """How many; 0 = none now."""
    until: int
    """They begin before this moment, in ms; what was not used by then is lost or given back."""
    wait: int
    """With no calls: milliseconds until it is worth asking again."""


def slot_ms(period: float) -> int:
    """Milliseconds of one slot of a period given in seconds.

    >>> slot_ms(1), slot_ms(60), slot_ms(0.01)
    (10, 600, 10)
    """
    return max(round(period * 1000 / SLOTS), SHORTEST_SLOT_MS)


def margin_ms(period: float) -> int:
    """Milliseconds by which a period is taken longer than it is: a twentieth, a tenth of a second at most.

    >>> margin_ms(1), margin_ms(60)
    (50, 100)
    """
    return min(round(period * 1000 / 20), LONGEST_MARGIN_MS)


def reserve(slots: Slots, now: int, *, calls: int, period: float, wanted: int) -> tuple[Slots, Lease]:
    """Take up to `wanted` of the calls that are left now.

    :param calls: most calls within any `period` seconds
    :return: the new state without what is over, and the lease

    >>> slots, lease = reserve((), 5000, calls=3, period=1, wanted=2)
    >>> slots, lease.calls, lease.until
    (((5020, 2),), 2, 5020)
    >>> slots, lease = reserve(slots, 5005, calls=3, period=1, wanted=2)
    >>> lease.calls, used(slots, 5005, period=1)
    (1, 3)
    >>> reserve(slots, 5500, calls=3, period=1, wanted=1)[1]
    Lease(calls=0, until=0, wait=570)
    """
    slots = _live(slots, now, period)
    left = calls - sum(count for _until, count in slots)
    granted = min(wanted, left)
    if granted > 0:
        width = slot_ms(period)
        until = (now // width + 2) * width
        return _added(slots, until, granted), Lease(granted, until, 0)
    return slots, Lease(0, 0, _wait(slots, now, calls=calls, period=period))


def give_back(slots: Slots, until: int, count: int) -> Slots:
    """Calls of a lease that were not begun and never will be.

    >>> give_back(((20, 5), (30, 1)), 20, 2), give_back(((20, 5),), 20, 5), give_back((), 20, 5)
    (((20, 3), (30, 1)), (), ())
    """
    return tuple((end, left) for end, held in slots if (left := held - count if end == until else held) > 0)


def used(slots: Slots, now: int, *, period: float) -> int:
    """Calls that count at this moment."""
    return sum(count for _until, count in _live(slots, now, period))


def _live(slots: Slots, now: int, period: float) -> Slots:
    age = round(period * 1000) + margin_ms(period)
    return tuple((until, count) for until, count in slots if until + age > now)


def _added(slots: Slots, until: int, count: int) -> Slots:
    held = dict(slots)
    held[until] = held.get(until, 0) + count
    return tuple(sorted(held.items()))


def _wait(slots: Slots, now: int, *, calls: int, period: float) -> int:
    """Milliseconds until one call is free (the limit may have been lowered below what is held)."""
    age = round(period * 1000) + margin_ms(period)
    over = sum(count for _until, count in slots) - calls + 1
    for until, count in slots:
        over -= count
        if over <= 0:
            return max(until + age - now, 1)
    return max(age, 1)
