"""How fast calls may leave: so many in a period, and a common pause when the other side asked for one."""

import threading
import time
from collections import deque
from collections.abc import Callable

from ..core.errors import SyncError

NAP = 0.2
"""Seconds of one sleep: short, so that a stopped run and a new pause are noticed."""


class Throttle:
    """At most `calls` starts within any window of `period` seconds, over all threads that share the object.

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
    ) -> None:
        self._period = period
        self._patience = patience
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._starts: deque[float] | None = deque(maxlen=calls) if calls > 0 else None
        self._resume_at = float("-inf")

    def acquire(self, cancelled: Callable[[], bool] = bool) -> None:
        """Wait until one call may start and count it.

        :raises SyncError: ('rate_limit', 'not_sent', reason, retry_after) at once when the wait would be
            longer than the patience; ('concurrency', 'not_sent', reason) when `cancelled()` turned true.
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
        """Let no call start for `seconds` (a 429, for all threads). A running longer pause stays."""
        with self._lock:
            self._resume_at = max(self._resume_at, self._clock() + seconds)

    def _take(self) -> float:
        """Seconds still to wait; 0.0 = the call is counted and may start."""
        with self._lock:
            now = self._clock()
            wait = max(self._resume_at - now, 0.0)
            starts = self._starts
            if starts is not None and len(starts) == starts.maxlen:
                wait = max(starts[0] + self._period - now, wait)
            if wait <= 0.0 and starts is not None:
                starts.append(now)
            return wait
