"""Who may read published data now: the token of a call, its limits, and how often.

Checking a token costs no query: what it opens is kept in the registry's cache, which every change of a token or consumer
clears in all processes before their next answer. Calls are counted together by all server processes: each takes some calls
of the minute at a time by one statement that commits at once, so that most calls write nothing.
"""

import hashlib
import hmac
import logging
import threading
import time
from typing import NamedTuple

import psycopg2

from ..core.publishing import Refusal
from .shared import Statements

_logger = logging.getLogger(__name__)

WINDOW = 60
# A process takes so many parts of a minute's calls at a time.
PARTS = 20
# So often, in seconds, the last use of a token is written down.
USE_SECONDS = 60
CHALLENGE = (("WWW-Authenticate", 'Bearer realm="integration"'),)

_TAKE = """
    INSERT INTO integration_consumer_use AS u (consumer_id, minute, taken)
    SELECT id, %(minute)s, %(calls)s FROM integration_consumer WHERE id = %(consumer)s
    ON CONFLICT (consumer_id) WHERE token_id IS NULL DO UPDATE SET
        taken = CASE WHEN u.minute = EXCLUDED.minute THEN u.taken + EXCLUDED.taken ELSE EXCLUDED.taken END,
        minute = EXCLUDED.minute
    RETURNING taken
"""
_USED = """
    INSERT INTO integration_consumer_use AS u (consumer_id, token_id, last_used_at)
    SELECT consumer_id, id, clock_timestamp() AT TIME ZONE 'UTC' FROM integration_consumer_token WHERE id = %(token)s
    ON CONFLICT (token_id) WHERE token_id IS NOT NULL DO UPDATE SET last_used_at = EXCLUDED.last_used_at
"""


class Budget(NamedTuple):
    """What is left of a consumer's calls in this minute."""

    limit: int
    remaining: int
    reset: int

    def headers(self) -> tuple:
        """As the draft of the IETF has them (draft-ietf-httpapi-ratelimit-headers)."""
        if not self.limit:
            return ()
        return (
            ("RateLimit-Policy", f'"calls";q={self.limit};w={WINDOW}'),
            ("RateLimit", f'"calls";r={self.remaining};t={self.reset}'))


class _Counter:
    """What this process knows of the calls of all consumers of one database. Thread-safe."""

    def __init__(self, dbname: str):
        self._statements = Statements(dbname)
        self._lock = threading.Lock()
        self._held: dict[int, list[int]] = {}  # consumer → [minute, calls that are ours, calls that all have taken]
        self._used: dict[int, float] = {}  # token → when its use was written

    def take(self, consumer_id: int, limit: int, now: float) -> Budget:
        """One call.

        :raises Refusal: 429 when the minute's calls are taken
        """
        minute, reset = int(now // WINDOW), WINDOW - int(now % WINDOW)
        with self._lock:
            held = self._held.get(consumer_id)
            if held is None or held[0] != minute:
                held = self._held[consumer_id] = [minute, 0, 0]
            if held[1] <= 0 and held[2] < limit:
                wanted = max(limit // PARTS, 1)
                taken = self._take(consumer_id, minute, wanted)
                if taken is None:  # the consumer is not committed yet: nobody else can know it
                    taken = held[2] + wanted
                held[1] = min(max(wanted - max(taken - limit, 0), 0), wanted)
                held[2] = taken
            if held[1] <= 0:
                raise Refusal(
                    429, "rate_limit", f"At most {limit} calls a minute are allowed. Try again in {reset} seconds.",
                    (("Retry-After", str(reset)), *Budget(limit, 0, reset).headers()))
            held[1] -= 1
            return Budget(limit, held[1] + max(limit - held[2], 0), reset)

    def _take(self, consumer_id, minute, calls):
        try:
            _count, found = self._statements.run(_TAKE, {"consumer": consumer_id, "minute": minute, "calls": calls})
        except psycopg2.Error:
            _logger.warning("calls of consumer %s could not be counted", consumer_id, exc_info=True)
            return None
        return found[0][0] if found else None

    def note_use(self, token_id: int, now: float) -> None:
        """Write down that a token was used, not more often than once a minute."""
        if now - self._used.get(token_id, 0.0) < USE_SECONDS:
            return
        self._used[token_id] = now
        try:
            self._statements.run(_USED, {"token": token_id})
        except psycopg2.Error:
            _logger.warning("the use of token %s could not be written down", token_id, exc_info=True)


_counters: dict[str, _Counter] = {}


def _counter(dbname: str) -> _Counter:
    counter = _counters.get(dbname)
    return counter if counter is not None else _counters.setdefault(dbname, _Counter(dbname))


def check(env, authorization: str | None):
    """What the token of a call opens (``integration.consumer.token`` says what), and the consumer's budget.

    :raises Refusal: 401 without a valid token, 429 when there were too many calls
    """
    kind, _space, text = (authorization or "").partition(" ")
    if kind.lower() != "bearer" or not text.strip():
        raise Refusal(401, "no_token", "Send the header Authorization: Bearer and a token.", CHALLENGE)
    digest = hashlib.sha256(text.strip().encode("utf-8", "surrogatepass")).hexdigest()
    try:
        access = env["integration.consumer.token"]._access(digest)
    except KeyError:
        access = None
    now = time.time()
    if access is None or not hmac.compare_digest(access.digest, digest) or access.expires and access.expires <= now:
        raise Refusal(401, "bad_token", "This token is not known, has expired, or was revoked.", CHALLENGE)
    counter = _counter(env.cr.dbname)
    budget = counter.take(access.consumer_id, access.rate_limit, now) if access.rate_limit else Budget(0, 0, 0)
    counter.note_use(access.token_id, now)
    return access, budget
