"""A call's time is up: a limit for one call in all. Socket timeouts start anew with each byte."""

import contextlib
import socket
import threading
import time
from dataclasses import dataclass, field

TICK = 0.25
"""Seconds between two looks at the running calls."""
IDLE_TICKS = 20
"""Looks without any call after which the watching thread ends; the next call starts another one."""


@dataclass(slots=True, eq=False)
class Trace:
    """What happened to one call so far."""

    target: str = field(repr=False)
    """Path and query for the wire, with credentials."""
    repeatable: bool
    timeout_read: float
    deadline: float
    """On the monotonic clock."""
    fresh: bool = False
    """Do not use a pooled connection again."""
    reused: bool = False
    sent: bool = False
    """At least one byte was accepted for sending."""
    answered: bool = False
    """Status and headers of the answer are here."""
    expired: bool = False
    sock: socket.socket | None = None

    def attach(self, sock: socket.socket) -> None:
        """The socket that this call uses from now on."""
        self.sock = sock

    def expire(self) -> None:
        """End the call from another thread: its blocked read returns at once."""
        self.expired = True
        if self.sock is not None:
            with contextlib.suppress(OSError, ValueError):  # closed by itself meanwhile
                self.sock.shutdown(socket.SHUT_RDWR)


class Deadlines:
    """Ends calls at their deadline. One thread, and only while there are calls."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[Trace] = set()
        self._thread: threading.Thread | None = None

    def add(self, trace: Trace) -> None:
        with self._lock:
            self._running.add(trace)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="integration-deadlines", daemon=True)
                self._thread.start()

    def remove(self, trace: Trace) -> None:
        with self._lock:
            self._running.discard(trace)

    def close(self) -> None:
        """Let the thread end at its next look."""
        with self._lock:
            self._running.clear()

    def _watch(self) -> None:
        idle = 0
        while True:
            time.sleep(TICK)
            now = time.monotonic()
            with self._lock:
                late = [trace for trace in self._running if trace.deadline <= now]
                self._running.difference_update(late)
                idle = 0 if self._running or late else idle + 1
                if idle >= IDLE_TICKS:
                    self._thread = None
                    return
            for trace in late:
                trace.expire()
