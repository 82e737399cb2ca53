"""The next page of a list is read while this one is stored and worked on.

One call at a time, in a thread that does nothing but HTTP: no cursor, no environment, no record. What it brings is
used only if the same page is asked for next; else it is thrown away, as if it had never been read.
"""

import threading
import time

# An answer that has waited longer than this is asked for anew.
FRESH_SECONDS = 30.0


class Ahead:
    """At most one call that was made before it was asked for."""

    def __init__(self):
        self._call: _Call | None = None

    def start(self, client, request) -> None:
        """Make this call in the background; forget an earlier one."""
        self._call = _Call(client, request)
        self._call.start()

    def take(self, client, request, wait):
        """The exchange of this call, which was started ahead or is made now.

        :param wait: function that gets the running call and comes back when it has ended
        """
        call, self._call = self._call, None
        if call is None or call.client is not client or _meaning(call.request) != _meaning(request) or call.is_stale():
            call = _Call(client, request)
            call.start()
        wait(call)
        return call.exchange

    def drop(self) -> None:
        self._call = None


class _Call(threading.Thread):
    def __init__(self, client, request):
        super().__init__(name="integration-ahead", daemon=True)
        self.client, self.request = client, request
        self.exchange = None
        self.answered_at = 0.0

    def wait(self, seconds: float) -> bool:
        """Wait at most so long; returns whether the call has ended."""
        self.join(seconds)
        return not self.is_alive()

    def is_stale(self) -> bool:
        return bool(self.answered_at) and time.monotonic() - self.answered_at > FRESH_SECONDS

    def run(self):
        self.exchange = self.client.send(self.request)
        self.answered_at = time.monotonic()


def _meaning(request) -> tuple:
    return request.method, request.path, request.query, request.body
