"""What the shop received, so that a test can prove that nothing was lost and nothing was doubled."""

import threading
import time
from collections import Counter, deque

BODY_KEPT = 64 * 1024


class Metrics:
    """Counters since the last reset, and the last requests in full."""

    def __init__(self, keep):
        self._lock = threading.Lock()
        self._keep = keep
        self.muted = False  # while the shop itself works: only what clients send is counted
        self.reset()

    def reset(self):
        with self._lock:
            self.requests = deque(maxlen=self._keep)
            self.by_route = Counter()
            self.by_status = Counter()
            self.faults = Counter()
            self.creates = {}
            self.writes = Counter()
            self.total = 0
            self.replayed = 0
            self.parallel = getattr(self, "parallel", 0)
            self.max_parallel = 0
            self.connections = set()
            self._times = deque()
            self.max_per_second = 0

    def started(self, connection):
        now = time.monotonic()
        with self._lock:
            self.total += 1
            self.parallel += 1
            self.max_parallel = max(self.max_parallel, self.parallel)
            self.connections.add(connection)
            self._times.append(now)
            while self._times[0] < now - 1:
                self._times.popleft()
            self.max_per_second = max(self.max_per_second, len(self._times))
        return now

    def finished(self, started, request, route, status, fault):
        """``status`` is None when the connection was cut without an answer."""
        entry = {
            "at": round(time.time(), 3),
            "method": request.method,
            "target": request.target,
            "route": route,
            "headers": request.headers,
            "body": request.body[:BODY_KEPT].decode("utf-8", "replace"),
            "status": status,
            "fault": fault,
            "seconds": round(time.monotonic() - started, 4),
            "connection": request.connection,
        }
        with self._lock:
            self.parallel -= 1
            self.by_route[f"{request.method} {route}"] += 1
            self.by_status[str(status or "cut")] += 1
            if fault:
                self.faults[fault] += 1
            self.requests.append(entry)

    def created(self, collection, record, idempotency_key):
        """A record was really made (whether or not anybody heard the answer)."""
        if self.muted:
            return
        with self._lock:
            counts = self.creates.setdefault(
                collection,
                {"total": 0, "by_idempotency_key": Counter(), "by_reference": Counter(),
                "by_email": Counter(),
                 "by_sku": Counter()},
            )  # fmt: skip
            counts["total"] += 1
            if idempotency_key:
                counts["by_idempotency_key"][idempotency_key] += 1
            for name, value in identities(record):
                counts[name][value] += 1

    def wrote(self, kind, collection):
        if self.muted:
            return
        with self._lock:
            self.writes[f"{kind} {collection}"] += 1

    def counts(self):
        with self._lock:
            creates = {
                name: {
                    key: dict(value) if isinstance(value, Counter) else value for key, value in counts.items()
                }
                for name, counts in self.creates.items()
            }
            return {
                "requests": self.total,
                "by_route": dict(self.by_route),
                "by_status": dict(self.by_status),
                "faults": dict(self.faults),
                "creates": creates,
                "writes": dict(self.writes),
                "doubled": doubled(creates),
                "idempotent_replays": self.replayed,
                "max_parallel": self.max_parallel,
                "max_per_second": self.max_per_second,
                "connections": len(self.connections),
            }

    def last(self, number):
        with self._lock:
            return list(self.requests)[-number:] if number else list(self.requests)


def identities(record):
    """The names under which a record could have been sent twice."""
    if isinstance(record.get("email"), str) and record["email"]:
        yield "by_email", record["email"].lower()
    if isinstance(record.get("sku"), str) and record["sku"]:
        yield "by_sku", record["sku"]
    for item in record.get("meta_data") or ():
        if item.get("key") == "external_reference":
            yield "by_reference", str(item.get("value"))


def doubled(creates):
    """Every identity that was created more than once.

    >>> doubled({"orders": {"total": 3, "by_reference": {"S1": 2, "S2": 1}}})
    {'orders': {'by_reference': {'S1': 2}}}
    """
    found = {}
    for name, counts in creates.items():
        for kind, values in counts.items():
            if isinstance(values, dict):
                twice = {key: number for key, number in values.items() if number > 1}
                if twice:
                    found.setdefault(name, {})[kind] = twice
    return found
