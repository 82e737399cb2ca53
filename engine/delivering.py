"""Sends announced events to their subscribers: many at once, each subscriber for itself, with no transaction open.

One scheduled action does it for all subscribers. A subscriber that is slow or dead takes only its own few calls, and one
call at a time as soon as it fails; after several failures it is left alone for longer and longer.

At least once: a process that dies between the call and its record leaves the delivery as it was, and it is sent again
under the same ID. Of one record, a later event waits until the earlier one has arrived or was tried several times.
"""

import logging
import queue
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from ..core import announcements
from ..core.errors import SyncError
from ..transport import Client, Exchange, Request
from . import announcing, failures, receipts, sending_now
from .calling import Job, Target, call, target_of
from .claim import Claims

_logger = logging.getLogger(__name__)

# First key of the advisory locks ('anno' in ASCII); the second is the delivery's id.
LOCK_SPACE = 0x616E6E6F
MOST_CALLS = 32
AHEAD = 4
LOOK_AGAIN_SECONDS = 0.2
PROGRESS_SECONDS = 0.5
SIGNALS_EVERY_SECONDS = 1.0
DISTURBED_LIMIT = 5
_OPEN = "state IN ('pending', 'waiting')"


class DeliveryClaims(Claims):
    """Locks that are given back one by one, as their calls end."""

    def give_back(self, ids: list[int]) -> None:
        self._taken.clear()  # nothing here is taken for a slice
        self._cursor.execute("SELECT pg_advisory_unlock(%s, id) FROM unnest(%s::int[]) AS id", [LOCK_SPACE, ids])


class Deliverer:
    """Sends what is due. ``run`` is called by the scheduled action; ``send_now`` by buttons."""

    def __init__(self, env):
        self.env = env(su=True)
        self.cr = env.cr
        self._open: dict[int, Job] = {}  # on the wire
        self._waiting: dict[int, deque[Job]] = {}  # claimed, by subscriber: the next call begins when one has ended
        self._allowed: dict[int, int] = {}  # calls at once, by subscriber
        self._ended: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._clients: dict[int, Client] = {}
        self._old_clients: list[Client] = []
        self._targets: dict[int, tuple[float, Target]] = {}
        self._busy: set[int] = set()  # held by another process
        self._signals_at = self._progress_at = time.monotonic()
        self._look_at = 0.0
        self._unreported = 0
        self._ran_out = False  # of time, before everything that was due had been sent

    # -- loop ----------------------------------------------------------------------------------------------

    def run(self) -> int:
        """Send until nothing is due or the time of the scheduled action is over. Returns the calls made."""
        made = 0
        if self._subscribers(self._clock()):
            made = self._with_claims(self._loop)
        if self._ran_out:
            announcing.wake(self.env)
        self._plan_wake()
        return made

    def send_now(self, ids: list[int]) -> int:
        """Send these deliveries at once, whether due or not and whatever state their subscriber is in."""
        return self._with_claims(lambda held, executor: self._send_given(held, executor, ids))

    def _with_claims(self, work) -> int:
        held = DeliveryClaims(self.cr)
        executor = ThreadPoolExecutor(MOST_CALLS, thread_name_prefix="integration-announce")
        try:
            return work(held, executor)
        finally:
            executor.shutdown(wait=True)
            for client in (*self._clients.values(), *self._old_clients):
                client.close()
            held.close()

    def _loop(self, held, executor) -> int:
        made, left = 0, 1.0
        while True:
            ended = self._collect()
            self._slow_down(held, ended)
            if left > 0:
                self._start_waiting(executor)
            if ended:
                self._lasting(lambda jobs=ended: receipts.record(self.env, jobs, self._now()))
                held.give_back([job.id for job in ended])
                made += len(ended)
            self._ran_out = left <= 0 or not self._is_current()
            if self._ran_out:
                self._put_back(held, list(self._waiting))
            elif self._is_hungry(ended):
                self._take(held)
            left = self._commit_progress(len(ended))
            self._start_waiting(executor)
            if not self._open:
                return made
            self._wait()

    def _send_given(self, held, executor, ids: list[int]) -> int:
        taken = held.take(ids, LOCK_SPACE)
        self.cr.commit()  # what another process recorded until just now is seen from here
        jobs = self._load(taken)
        self.cr.commit()
        for job in jobs:
            self._start(executor, job)
        made = 0
        while self._open:
            self._wait()
            ended = self._collect()
            self._lasting(lambda jobs=ended: receipts.record(self.env, jobs, self._now()))
            made += len(ended)
        return made

    def _is_hungry(self, ended: list[Job]) -> bool:
        """Look for more when a subscriber runs short, and now and then for what is new."""
        return time.monotonic() >= self._look_at or any(
            len(self._waiting.get(job.subscriber_id, ())) < self._allowed.get(job.subscriber_id, 1) for job in ended)

    def _take(self, held) -> None:
        """Claim what is due: for as many calls as each subscriber may have at once, and some to follow them."""
        self._look_at = time.monotonic() + LOOK_AGAIN_SECONDS
        now = self._clock()
        slots = {}
        for subscriber_id, parallel, failing in self._subscribers(now):
            # Whoever fails gets one call at a time: it shows soon enough whether he is back.
            self._allowed[subscriber_id] = 1 if failing else parallel
            wanted = 1 if failing else parallel * AHEAD
            free = wanted - len(self._waiting.get(subscriber_id, ()))
            free -= sum(job.subscriber_id == subscriber_id for job in self._open.values())
            if free > 0:
                slots[subscriber_id] = free
        ids = self._due(slots, now)
        taken = held.take(ids, LOCK_SPACE)
        self._busy = set(ids) - set(taken)
        self.cr.commit()  # what another process recorded until just now is seen from here
        jobs = self._load(taken)
        held.give_back(list(set(taken) - {job.id for job in jobs}))
        for job in jobs:
            self._waiting.setdefault(job.subscriber_id, deque()).append(job)

    def _slow_down(self, held, ended: list[Job]) -> None:
        """A call has failed: what follows at this subscriber waits until it is known how to go on."""
        failed = {job.subscriber_id for job in ended if not receipts.is_received(job)}
        self._put_back(held, failed)
        self._allowed.update(dict.fromkeys(failed, 1))

    def _put_back(self, held, subscriber_ids) -> None:
        for subscriber_id in subscriber_ids:
            held.give_back([job.id for job in self._waiting.pop(subscriber_id, ())])

    def _subscribers(self, now: datetime) -> list[tuple[int, int, bool]]:
        """(id, calls at once, failing?) of those to whom something may be sent now; who waited longest comes first."""
        self.cr.execute(
            f"""SELECT s.id, s.parallel_calls, s.failures_in_row > 0
                FROM integration_subscriber s
                JOIN LATERAL (SELECT min(next_attempt_at) AS moment FROM integration_delivery
                              WHERE subscriber_id = s.id AND {_OPEN} AND next_attempt_at <= %(now)s) d ON true
                WHERE d.moment IS NOT NULL AND s.active AND s.state <> 'disabled'
                  AND (s.retry_at IS NULL OR s.retry_at <= %(now)s)
                ORDER BY d.moment""",  # pylint: disable=sql-injection
            {"now": now})
        return [(subscriber_id, parallel or 1, bool(failing)) for subscriber_id, parallel, failing in self.cr.fetchall()]

    def _due(self, slots: dict[int, int], now: datetime) -> list[int]:
        if not slots:
            return []
        self.cr.execute(
            f"""SELECT d.id FROM unnest(%(subscribers)s::int[], %(slots)s::int[]) WITH ORDINALITY AS s(id, slots, place)
                CROSS JOIN LATERAL (
                    SELECT d.id, d.next_attempt_at FROM integration_delivery d
                    WHERE d.subscriber_id = s.id AND d.{_OPEN} AND d.next_attempt_at <= %(now)s AND d.id <> ALL(%(without)s)
                      AND NOT EXISTS (
                          SELECT 1 FROM integration_delivery e
                          WHERE e.subscriber_id = d.subscriber_id AND e.record_key = d.record_key AND e.id < d.id
                            AND e.record_key <> 0 AND e.{_OPEN} AND e.attempts < %(ordered)s)
                    ORDER BY d.next_attempt_at, d.id LIMIT s.slots) d
                ORDER BY s.place, d.next_attempt_at, d.id""",  # pylint: disable=sql-injection
            {"subscribers": list(slots), "slots": list(slots.values()), "now": now,
             "without": [*self._open, *self._busy, *(job.id for jobs in self._waiting.values() for job in jobs)],
             "ordered": announcements.ORDERED_ATTEMPTS})
        return [row[0] for row in self.cr.fetchall()]

    def _load(self, ids: list[int]) -> list[Job]:
        """Claimed deliveries that still have to be sent."""
        if not ids:
            return []
        self.cr.execute(
            f"""SELECT d.id, d.subscriber_id, d.attempts, e.uid, e.body FROM integration_delivery d
                JOIN integration_event e ON e.id = d.event_id WHERE d.id = ANY(%s) AND d.{_OPEN}
                ORDER BY array_position(%s, d.id)""",  # pylint: disable=sql-injection
            [ids, ids])
        found = self.cr.fetchall()
        return [Job(delivery_id, subscriber_id, attempts or 0, uid, body, self._target(subscriber_id))
                for delivery_id, subscriber_id, attempts, uid, body in found]

    def _target(self, subscriber_id: int) -> Target:
        """The subscriber as it is now, or was a moment ago."""
        read_at, target = self._targets.get(subscriber_id, (0.0, None))
        if target is None or time.monotonic() > read_at + LOOK_AGAIN_SECONDS:
            target = target_of(self.env["integration.subscriber"].browse(subscriber_id))
            self._targets[subscriber_id] = time.monotonic(), target
        return target

    # -- calls ---------------------------------------------------------------------------------------------

    def _start_waiting(self, executor) -> None:
        """Begin what may begin."""
        for subscriber_id, jobs in self._waiting.items():
            running = sum(job.subscriber_id == subscriber_id for job in self._open.values())
            while jobs and running < self._allowed.get(subscriber_id, 1) and len(self._open) < MOST_CALLS:
                self._start(executor, jobs.popleft())
                running += 1

    def _start(self, executor, job: Job) -> None:
        self._open[job.id] = job
        executor.submit(self._send, job, self._client(job))

    def _client(self, job: Job) -> Client:
        """The open client of a subscriber; another one when its address or limits were changed."""
        client = self._clients.get(job.subscriber_id)
        if client is None or client.config != job.target.config:
            if client is not None:
                self._old_clients.append(client)  # its calls end by themselves
            client = self._clients[job.subscriber_id] = Client(job.target.config)
        return client

    def _send(self, job: Job, client: Client) -> None:
        """In a thread: one call, and nothing of the database."""
        try:
            job.exchange = call(client, job.target, job.uid, job.body)
        except Exception as error:  # whatever it is, the loop must hear that this call is over
            job.exchange = Exchange(Request("POST", ""), error=SyncError(
                "internal", "unexpected", params={"type": type(error).__name__}, detail=repr(error)))
        self._ended.put(job)

    def _collect(self) -> list[Job]:
        """The calls that have ended by now."""
        ended = []
        while not self._ended.empty():
            ended.append(self._ended.get())
        for job in ended:
            del self._open[job.id]
        return ended

    def _wait(self) -> None:
        """Until a call ends, or for a moment: something new may have to be sent to others."""
        try:
            self._ended.put(self._ended.get(timeout=LOOK_AGAIN_SECONDS))
        except queue.Empty:
            return

    # -- transactions --------------------------------------------------------------------------------------

    def _lasting(self, work) -> None:
        """Do database work and commit it. Disturbed by another transaction, it is done again: the call is over."""
        for attempt in range(1, DISTURBED_LIMIT + 1):
            try:
                work()
                self.env.flush_all()
                self.cr.commit()
                return
            except Exception as error:
                self.cr.rollback()
                self.env.invalidate_all(flush=False)
                if attempt == DISTURBED_LIMIT or not failures.is_concurrency(error):
                    raise
                _logger.info("Disturbed by another transaction, recording again (%s): %s", attempt, error)
                time.sleep(0.05 * attempt)

    def _commit_progress(self, done: int) -> float:
        """Commit, tell Odoo of the progress now and then, and return the seconds that are left."""
        self._unreported += done
        if self._unreported and (not self._open or time.monotonic() > self._progress_at + PROGRESS_SECONDS):
            left = self.env["ir.cron"]._commit_progress(self._unreported, remaining=len(self._open))
            self._unreported, self._progress_at = 0, time.monotonic()
            return left
        self.cr.commit()
        return self.env.context.get("cron_end_time", float("inf")) - time.monotonic()

    def _plan_wake(self) -> None:
        """Have the scheduled action called when there is something to send, and not before."""
        now = self._clock()
        self.cr.execute(
            f"""SELECT min(GREATEST(d.moment, s.retry_at)) FROM integration_subscriber s
                CROSS JOIN LATERAL (
                    SELECT min(next_attempt_at) AS moment FROM integration_delivery
                    WHERE subscriber_id = s.id AND {_OPEN} AND (next_attempt_at > %(now)s OR s.retry_at > %(now)s)) d
                WHERE s.active AND s.state <> 'disabled' AND d.moment IS NOT NULL""",  # pylint: disable=sql-injection
            {"now": now})
        moment = self.cr.fetchone()[0]
        if moment is not None:
            announcing.wake_at(self.env, moment)
        self.cr.commit()

    def _is_current(self) -> bool:
        """Hear what other processes changed in the configuration. False when modules were installed."""
        if time.monotonic() - self._signals_at < SIGNALS_EVERY_SECONDS:
            return True
        self._signals_at = time.monotonic()
        return self.env.registry.check_signaling() is self.env.registry

    def _now(self) -> datetime:
        return self._clock().replace(microsecond=0)

    def _clock(self) -> datetime:
        return datetime.now(UTC).replace(tzinfo=None)


def send_now(env, prepare, tell):
    """Send a few deliveries at once, for a button; see ``sending_now``."""

    def send(own, ids):
        Deliverer(own).send_now(ids)
        announcing.wake(own)

    return sending_now.send_now(env, prepare, send, tell)
