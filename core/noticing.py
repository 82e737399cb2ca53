"""Business alerts as plain values: when a record has come into a filter, what a message says, how many are sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from .transforms_text import split_template
from .values import clean_text

NOTHING = "–"
"""Stands in a message for a value that is blank."""
WAITS = (60, 300, 1800, 7200, 21600)
"""Seconds before the 2nd, 3rd, ... attempt: within nine hours an alert is news."""
ATTEMPTS = len(WAITS) + 1
LISTED = 5
"""So many names stand in a summary."""


# -- coming into a filter ----------------------------------------------------------------------------------


class Known(NamedTuple):
    """What is remembered of a record under an alert: is it in the filter, and how often was it told?"""

    inside: bool = False
    told: int = 0


def follow(known: Known, looks: Iterable[bool], again: bool) -> tuple[Known, bool]:
    """What is to be remembered after these looks at a record, oldest first, and whether it is told now.

    A record that comes and goes several times between two looks of the worker is told once.

    :param again: tell each time that it comes back; else once for good

    >>> follow(Known(), [True, True], again=False)
    (Known(inside=True, told=1), True)
    >>> follow(Known(True, 1), [False, True], again=False)
    (Known(inside=True, told=1), False)
    >>> follow(Known(True, 1), [False, True], again=True)
    (Known(inside=True, told=2), True)
    """
    inside, came = known.inside, False
    for look in looks:
        came |= look and not inside
        inside = look
    tell = came and (again or known.told == 0)
    return Known(inside, known.told + tell), tell


# -- how many --------------------------------------------------------------------------------------------


class Admission(NamedTuple):
    """What becomes of messages that want to leave.

    fold: those that were held leave now, as one summary (or the only one of them as it is)
    free: so many of the new ones leave now
    held_until: the others wait until then; None when nothing waits
    """

    fold: bool
    free: int
    held_until: datetime | None


def admit(
    new: int, held: int, held_until: datetime | None, left: Sequence[datetime], now: datetime,
    limit: int, window: timedelta,
) -> Admission:
    """How many messages leave, when at most `limit` may leave in any `window`.

    :param held: how many wait already, until `held_until`
    :param left: when messages left; older ones than the window do not count
    :param limit: 0 = no limit

    >>> now = datetime(2026, 1, 1)
    >>> admit(5, 0, None, [], now, 3, timedelta(minutes=15))
    Admission(fold=False, free=3, held_until=datetime.datetime(2026, 1, 1, 0, 15))
    >>> admit(1, 4, now, [], now, 3, timedelta(minutes=15))
    Admission(fold=True, free=1, held_until=None)
    """
    if limit <= 0:
        return Admission(held > 0, new, None)
    recent = sorted(moment for moment in left if moment > now - window)
    room = max(limit - len(recent), 0)
    if held and (held_until is not None and held_until > now or not room):
        # What came later is part of the same summary.
        waits = held_until if held_until is not None and held_until > now else recent[0] + window
        return Admission(False, 0, waits)
    room -= bool(held)
    free = min(new, room)
    if free == new:
        return Admission(held > 0, free, None)
    first = recent[0] if recent else now
    return Admission(held > 0, free, first + window)


def next_wait(attempts: int) -> int | None:
    """Seconds until a message that failed so often is sent again; None after the last attempt.

    >>> [next_wait(attempts) for attempts in (1, 2, 5, 6)]
    [60, 300, 21600, None]
    """
    return WAITS[attempts - 1] if 1 <= attempts < ATTEMPTS else None


# -- what it says ------------------------------------------------------------------------------------------


def placeholders(template: str) -> list[str]:
    """The names in braces, each once, in their order. Errors: SyncError('mapping', 'bad_template').

    >>> placeholders("{Customer}: {Total}, {Customer} {{x}}")
    ['Customer', 'Total']
    """
    return list(dict.fromkeys(text for literal, text in split_template(template or "") if not literal))


def fill(template: str, value_of: Callable[[str], str]) -> str:
    """The message: each {name} replaced; a line of which all values are blank is left out.

    >>> fill("{a} wants {b}\\nPhone: {c}\\nBye", {"a": "Ann", "b": "", "c": ""}.get)
    'Ann wants –\\nBye'
    """
    lines = []
    for line in (template or "").splitlines() or [""]:
        parts = split_template(line)
        values = [None if literal else clean_text(value_of(text) or "") for literal, text in parts]
        told = [value for value in values if value is not None]
        if told and not any(told):
            continue
        lines.append("".join(
            text if literal else value or NOTHING for (literal, text), value in zip(parts, values, strict=True)))
    return "\n".join(lines)


def listed(names: Sequence[str]) -> tuple[str, int]:
    """The first names of a summary, and how many there are besides.

    >>> listed(["S1", "S2", "S3", "S4", "S5", "S6", "S7"])
    ('S1, S2, S3, S4, S5', 2)
    """
    return ", ".join(names[:LISTED]), max(len(names) - LISTED, 0)
