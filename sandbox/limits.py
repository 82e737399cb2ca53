"""Rate limit: at most n requests in a moving period, then 429 with Retry-After."""

import math
import threading
import time
from collections import deque
from email.utils import formatdate

from .messages import ApiError


class RateLimit:
    def __init__(self, settings):
        self._settings = settings
        self._lock = threading.Lock()
        self._times = deque()

    def reset(self):
        with self._lock:
            self._times.clear()

    def check(self):
        """Count this request, or raise 429 without counting it."""
        limit = self._settings.rate_limit
        if not limit:
            return
        now, period = time.monotonic(), limit.get("period", 1)
        with self._lock:
            while self._times and self._times[0] <= now - period:
                self._times.popleft()
            if len(self._times) < limit["requests"]:
                self._times.append(now)
                return
            wait = limit.get("retry_after", math.ceil(self._times[0] + period - now))
        text = formatdate(time.time() + wait, usegmt=True) if limit.get("as_date") else str(wait)
        message = f"Too many requests: at most {limit['requests']} in {period} s."
        raise ApiError(429, "rest_too_many_requests", message, headers=[("Retry-After", text)])
