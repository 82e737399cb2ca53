"""When is a failed record tried again: exponential backoff with jitter; Retry-After (RFC 9110, 10.2.3)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite

_SECONDS = re.compile(r"[0-9]{1,12}(?:\.[0-9]+)?")
# A longer wait than this is a slip or an attack; the record would look dead.
LONGEST_RETRY_AFTER = 86400.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how fast. ValueError for values that make no sense."""

    first_seconds: float = 60
    """Wait before the second attempt."""
    coefficient: float = 2.0
    """Each wait is so many times the one before."""
    maximum_seconds: float = 21600
    """No wait is longer."""
    attempts: int = 8
    """Attempts in all; after the last one the record has failed for good (0 and 1: never retried)."""
    jitter: float = 0.2
    """Share of random spread around a wait (0.2 = 80 % to 120 %), so that records come back spread."""
    not_retried: frozenset[str] = frozenset()
    """Error classes that are a person's turn at once, although they could heal by themselves."""
    counted: bool = True
    """False while the whole system is away: a try then says nothing about the record."""

    def __post_init__(self) -> None:
        if self.first_seconds < 0 or self.maximum_seconds < 0 or self.coefficient < 1 or self.attempts < 0:
            raise ValueError(f"a wait cannot be negative or shrink: {self}")
        if not 0 <= self.jitter <= 1:
            raise ValueError(f"jitter is a share from 0 to 1: {self}")


def delay(policy: RetryPolicy, attempt: int, random01: float) -> float | None:
    """Seconds until the next try after `attempt` tries (1 = the first has just failed); None = exhausted.

    :param random01: a random number from 0 to 1 (the caller's, so that tests know it)

    >>> [delay(RetryPolicy(jitter=0), attempt, 0.5) for attempt in (1, 2, 3, 8)]
    [60.0, 120.0, 240.0, None]
    >>> delay(RetryPolicy(), 1, 0.0), delay(RetryPolicy(), 1, 1.0)
    (48.0, 72.0)
    """
    if attempt < 1:
        raise ValueError(f"attempt counts from 1, got {attempt}")
    if attempt >= policy.attempts:
        return None
    try:
        wait = min(policy.first_seconds * policy.coefficient ** (attempt - 1), policy.maximum_seconds)
    except OverflowError:
        wait = policy.maximum_seconds
    spread = 1 + policy.jitter * (2 * min(max(random01, 0.0), 1.0) - 1)
    return float(min(wait * spread, policy.maximum_seconds))


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header: a number of seconds or an HTTP date; None if it says nothing
    readable.

    At most one day. A date in the past is 0. `now` naive = UTC.

    >>> now = datetime(2026, 1, 31, 12, 0)
    >>> parse_retry_after("120", now), parse_retry_after("Sat, 31 Jan 2026 12:00:30 GMT", now)
    (120.0, 30.0)
    >>> parse_retry_after("soon", now) is None
    True
    """
    text = str(value or "").strip()
    if not text:
        return None
    if _SECONDS.fullmatch(text):
        seconds = float(text)
    else:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        seconds = (_aware(moment) - _aware(now)).total_seconds()
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER) if isfinite(seconds) else None


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
