"""How fast calls may leave: so many in a period, and a common pause when the other side asked for one.

Alone, a throttle knows the calls of its own process. With a `SharedRate` it counts together with all others: it takes
a few calls at a time, so that the place where they are counted is not asked for each one, and hears of pauses.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

from ..core.errors import SyncError

_logger = logging.getLogger(__name__)

NAP = 0.2
"""Seconds of one sleep: short, so that a stopped run and a new pause are noticed."""
LOOK = 0.2
"""Seconds after which it is asked anew whether somebody has met a pause."""
REPORT = 1.0
"""Seconds after which the calls made are told to the others, if nothing else is told before."""
AGAIN = 0.001
"""Seconds before the next look when the last one came to nothing."""
SHARE = 20
"""One lease is at most this part of the limit, so that the others get theirs."""


class Grant(NamedTuple):
    """What the place where all count together answers."""

    calls: int = 0
    """How many calls may begin; 0 = none now, see `wait`."""
    until: int = 0
    """Names the lease when something is given back."""
    seconds: float = 0.0
    """The calls begin within so many seconds from the moment of asking."""
    wait: float = 0.0
    """Seconds before it is worth asking again."""
    pause: float = 0.0
    """Seconds in which no call may begin, because the other side asked for it."""


class SharedRate(Protocol):
    """The place where all workers of a connection count together. Called from several threads, one at a time.

    Both methods answer None when there is no such place: then the throttle counts alone.
    """

    def lease(self, wanted: int, *, until: int, unused: int, made: int) -> Grant | None:
        """Take up to `wanted` calls (0: only look for a pause); give back `unused` of the lease `until`; `made` calls
        were begun since last time."""

    def pause(self, seconds: float) -> None:
        """Nobody begins a call for so long."""


class Throttle:
    """At most `calls` starts within any window of `period` seconds, over all threads that share the object, and over
    all workers that share the `shared` place.

    A sliding window of start times, not a bucket that refills: a bucket lets through up to twice its size
    around a period's edge, which counting servers answer with 429.

    >>> now = [0.0]
    >>> throttle = Throttle(2, 1.0, clock=lambda: now[0], sleep=lambda s: now.__setitem__(0, now[0] + s))
    >>> for _ in range(3): throttle.acquire()
    >>> round(now[0], 3)
    1.0
    """

    def __init__(
        self,
        calls: int = 0,
        period: float = 1.0,
        *,
        patience: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        shared: SharedRate | None = None,
    ) -> None:
        self._period = period
        self._patience = patience
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._starts: deque[float] | None = deque(maxlen=calls) if calls > 0 else None
        self._resume_at = float("-inf")
        self._shared = _Together(shared, calls, clock) if shared is not None else None

    def acquire(self, cancelled: Callable[[], bool] = bool) -> None:
        """Wait until one call may start and count it.

        :raises SyncError: ('rate_limit', 'not_sent', reason, retry_after) at once when the wait would be
            longer than the patience; ('concurrency', 'not_sent', reason) when `cancelled()` turned true, or when
            the place where all count together cannot be asked.
        """
        waited = 0.0
        while wait := self._take():
            if cancelled():
                raise SyncError("concurrency", "not_sent", params={"reason": "stopped"})
            if waited + wait > self._patience:
                raise SyncError("rate_limit", "not_sent", params={"reason": "rate_limit"}, retry_after=wait)
            nap = min(wait, NAP)
            self._sleep(nap)
            waited += nap

    def pause(self, seconds: float) -> None:
        """Let no call start for `seconds` (a 429, for all threads and workers). A running longer pause stays."""
        with self._lock:
            self._resume_at = max(self._resume_at, self._clock() + seconds)
            if self._shared is not None:
                self._shared.pause(seconds)

    def close(self) -> None:
        """Give back what was not used, and tell what was."""
        with self._lock:
            if self._shared is not None:
                self._shared.close()

    def _take(self) -> float:
        """Seconds still to wait; 0.0 = the call is counted and may start."""
        with self._lock:
            now = self._clock()
            if self._shared is not None:
                pause = self._shared.look(now)
                self._resume_at = max(self._resume_at, now + pause) if pause else self._resume_at
            wait = max(self._resume_at - now, 0.0)
            if wait <= 0.0 and self._shared is not None:
                shared = self._shared.take(now)
                if shared is not None:
                    return shared
            starts = self._starts
            if starts is not None and len(starts) == starts.maxlen:
                wait = max(starts[0] + self._period - now, wait)
            if wait <= 0.0 and starts is not None:
                starts.append(now)
            return wait


class _Together:
    """The calls that one worker has leased. Under the throttle's lock."""

    def __init__(self, shared: SharedRate, calls: int, clock: Callable[[], float]) -> None:
        self._shared: SharedRate | None = shared
        self._limited = calls > 0
        self._most = max(calls // SHARE, 1)
        self._clock = clock
        self._wanted = 1
        self._until = 0
        self._left = 0
        self._made = 0
        self._ends = self._ask_at = self._look_at = float("-inf")
        self._report_at = clock() + REPORT
        self._paused = 0.0

    def look(self, now: float) -> float:
        """Seconds of a pause that somebody has met; asked now and then only."""
        if now >= self._look_at and self._shared is not None:
            self._ask(0, made=self._made if now >= self._report_at else 0)
        pause, self._paused = self._paused, 0.0
        return pause

    def take(self, now: float) -> float | None:
        """As `Throttle._take`; None when everybody counts alone."""
        if self._shared is None:
            return None
        if not self._limited:
            self._made += 1
            return 0.0
        if self._left and now >= self._ends:
            self._wanted = max(self._wanted // 2, 1)  # it was more than could be used
        if not self._left or now >= self._ends:
            if now < self._ask_at:
                return self._ask_at - now
            if self._until and not self._left and now < self._ends:
                self._wanted = min(self._wanted * 2, self._most)  # it was used up in no time
            grant = self._ask(self._wanted, made=self._made)
            if grant is None:
                return None
            if not grant.calls:
                self._ask_at = self._clock() + grant.wait
                return max(grant.wait, grant.pause, AGAIN)
            if self._clock() >= self._ends:
                return AGAIN  # the answer took longer than the lease
        self._left -= 1
        self._made += 1
        return 0.0

    def _ask(self, wanted: int, made: int) -> Grant | None:
        asked = self._clock()
        back = self._left if wanted else 0
        grant = _guarded(lambda: self._shared.lease(wanted, until=self._until, unused=back, made=made))
        self._look_at = asked + LOOK
        if grant is None:
            self._shared = None
            return None
        if made:
            self._made -= made
            self._report_at = asked + REPORT
        if wanted:
            self._until, self._left, self._ends = grant.until, grant.calls, asked + grant.seconds
        self._paused = max(self._paused, grant.pause)
        return grant

    def pause(self, seconds: float) -> None:
        if self._shared is not None:
            try:
                self._shared.pause(seconds)
            except Exception as error:  # the answer that asked for it counts more; the others will be told themselves
                _logger.warning("a pause could not be told to the other workers: %s", type(error).__name__)

    def close(self) -> None:
        shared, self._shared = self._shared, None
        if shared is not None and (self._left or self._made):
            try:
                shared.lease(0, until=self._until, unused=self._left, made=self._made)
            except Exception as error:  # nobody is helped by an error now; what is not given back runs out by itself
                _logger.info("the calls made could not be told: %s", type(error).__name__)


def _guarded(ask: Callable[[], Grant | None]) -> Grant | None:
    """What the others count with may be out of reach for a moment: then nothing is sent, and nothing is lost."""
    try:
        return ask()
    except Exception as error:
        _logger.warning("the shared limit cannot be asked: %s: %s", type(error).__name__, error)
        raise SyncError("concurrency", "not_sent", params={"reason": "limit_unavailable"}) from None
