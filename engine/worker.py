"""The worker of one connection: takes slices of due work until there is none or its time is over.

The only module that commits. Each slice is: claim (locks that die with the process) → work → record → commit. HTTP
calls happen between two transactions.
"""

import logging
import time
from datetime import UTC, datetime

from odoo import fields

from . import capture, failures, guards, http, notifier, outbox, parents
from .ahead import Ahead
from .background import Background
from .claim import claims
from .health import Health
from .persistence import DISTURBED_LIMIT, Persistence
from .plan import FlowPlan
from .reading import Reading
from .receiving import Receiving
from .rows import RUNNING_STATES
from .slices import Slices
from .tending import Tending
from .urgency import Urgency

_logger = logging.getLogger(__name__)

LONGEST_SLICE = 1000
SIGNALS_EVERY_SECONDS = 1.0


class Worker(Slices, Reading, Receiving, Health, Urgency, Persistence, Tending, Background):
    """Works for one connection. ``run`` is called by the connection's scheduled action."""

    def __init__(self, env, connection):
        self.env = env
        self.cr = env.cr
        self.connection = connection.sudo()
        self._plans: dict[int, FlowPlan] = {}
        self._client = None
        self._ahead = Ahead()
        self._busy: set[int] = set()  # due, but held by another worker
        self._by_person = False  # a button: no guardrail stops what somebody looks at
        self._signals_at = time.monotonic()
        self._init_urgency()
        self._init_tending()
        self._init_background()

    # -- loop ----------------------------------------------------------------------------------------------

    def run(self, *, only_ids: list[int] | None = None) -> int:
        """Work until nothing is due or the time of the scheduled action is over. Returns the records handled.

        :param only_ids: work on these sync records alone, whether due or not (a button)
        """
        if only_ids is None and not outbox.concerns(self.cr, self.connection.id, self._clock()):
            self._plan_wake()
            self._tend()
            return 0
        if only_ids is not None:
            self._by_person = True
            return self._with_claims(lambda held: self._press(held) or self._slice(held, only_ids))
        return self._with_claims(lambda held: self._loop(held) if self._may_enter() else 0)

    def assist(self) -> int:
        """Do the live records that are due, for a connection whose own worker has no turn. See ``urgency.py``."""
        done = self._with_claims(lambda _held: self._live_slice())
        self._tend()
        return done

    def _with_claims(self, work) -> int:
        with claims(self.cr) as held:
            self._held = held
            try:
                return work(held)
            finally:
                self._close_client()

    def _loop(self, held) -> int:
        handled = disturbed = 0
        self._free_dead(held)
        # Also where nothing may be called: what changed is to be seen as pending.
        self._lasting(lambda: outbox.drain(self.cr, self.connection.id, self._now()))
        while self._may_work(held) and self._is_current():
            try:
                done = self._step(held)
                disturbed = 0
            except Exception as error:
                self.cr.rollback()
                self._plans.clear()
                disturbed += 1
                if not failures.is_concurrency(error) or disturbed >= DISTURBED_LIMIT:
                    raise
                time.sleep(0.05 * disturbed)
                done = 1
            held.release()
            left = self._commit_progress(done)
            handled += done
            if done and left <= 0:
                # Odoo puts this action at the end of its queue, and then sleeps up to a minute unless it is told not to.
                notifier.notify(self.cr.dbname)
            if not done or left <= 0:
                break
            self._help_others()
            self._tend(now=False)
        if handled:
            self._lasting(self._release_linked)
        self._lasting(self._close_runs)
        self._plan_wake()
        self._tend()
        return handled

    def _release_linked(self) -> None:
        if parents.release_linked(self.cr, self.connection.id, self._now()):
            capture.wake(self.env, self.connection.cron_id.id)

    def _is_current(self) -> bool:
        """Hear what other processes changed in the configuration: a long run must not go on by the old one.

        False when modules were installed: the scheduled action has to begin anew.
        """
        if time.monotonic() - self._signals_at < SIGNALS_EVERY_SECONDS:
            return True
        self._signals_at = time.monotonic()
        return self.env.registry.check_signaling() is self.env.registry

    def _step(self, held) -> int:
        """One slice of the most urgent work: captured changes, then due records, then the next page of a run."""
        now = self._now()
        self._plans.clear()  # a rule or value that was corrected since the last slice counts in this one
        taken = outbox.drain(self.cr, self.connection.id, now)
        self._open_scheduled(now)
        self._commit()
        taken += self._take_events(held)
        flows = self._running_flows()
        if self._decide_parked(list(flows), now):
            return 1
        candidates = outbox.due(
            self.cr, self.connection.id, list(flows), self._clock(), LONGEST_SLICE, without=self._busy)
        if candidates:
            _id, flow_id, kind = candidates[0]
            limit = self._slice_limit(flow_id, kind, flows[flow_id])
            if self._probing and kind != "import":
                limit = 1
            urgent = self._is_live(candidates[0][0])
            if not urgent and self._background_turn() and self._in_background(held):
                return 1
            if urgent or len(candidates) >= limit or not self._fetch(held, list(flows), now):
                wanted = [sync_id for sync_id, _flow_id, _kind in candidates[:limit]]
                ids = held.take(wanted)
                self._busy.update(set(wanted) - set(ids))
                self._commit()  # what another worker finished between the selection and the lock is seen from here
                return self._slice(held, ids, locked=True) or taken or (1 if ids != wanted else 0)
            return 1
        if self._fetch(held, list(flows), now):
            return 1
        return taken or self._in_background(held)

    def _decide_parked(self, flow_ids: list[int], now: datetime) -> bool:
        """Let pass or hold what guardrails have measured. Returns whether something was decided."""
        for flow_id, side in guards.parked(self.cr, flow_ids):
            try:
                if guards.decide_due(self.cr, self.env, self._plan(flow_id), side, now):
                    return True
            except Exception as error:  # what cannot be decided stays where it is, and stops nothing else
                if failures.is_concurrency(error):
                    raise
                _logger.exception("The guardrails of flow %s could not be decided", flow_id)
                self.cr.rollback()
                self._plans.clear()
        return False

    def _is_live(self, sync_id: int) -> bool:
        self.cr.execute("SELECT priority FROM integration_sync WHERE id = %s", [sync_id])
        return self.cr.fetchone()[0] <= 0

    def _now(self) -> datetime:
        """The moment as it is stored, in whole seconds."""
        return fields.Datetime.now()

    def _clock(self) -> datetime:
        """The moment by which it is decided what is due: a record made due in this very second is."""
        return datetime.now(UTC).replace(tzinfo=None)

    def _commit(self) -> None:
        self.env["ir.cron"]._commit_progress(0)

    def _commit_progress(self, done: int) -> float:
        more = bool(done) and outbox.waits(self.cr, self.connection.id, self._clock(), without=self._busy)
        return self.env["ir.cron"]._commit_progress(done, remaining=1 if more else 0)

    def _running_flows(self) -> dict[int, int]:
        """``{id: batch size}`` of the flows that may run."""
        self.cr.execute(
            "SELECT id, batch_size FROM integration_flow WHERE connection_id = %s AND active AND state IN %s",
            [self.connection.id, RUNNING_STATES])
        return {flow_id: min(size or 1, LONGEST_SLICE) for flow_id, size in self.cr.fetchall()}

    def _plan(self, flow_id: int) -> FlowPlan:
        if flow_id not in self._plans:
            plan = FlowPlan(self.env["integration.flow"].sudo().browse(flow_id))
            plan.retry_policy = self._policy_now(plan.retry_policy)
            self._plans[flow_id] = plan
        return self._plans[flow_id]

    def client(self):
        """The HTTP client, made when first needed."""
        if self._client is None:
            self._client = http.open_client(self.connection)
        return self._client

    def _free_dead(self, held) -> None:
        """Records that a dead worker left *processing* wait again, also where nothing may run now."""
        self.cr.execute(
            "SELECT id FROM integration_sync WHERE state = 'processing' AND flow_id IN "
            "(SELECT id FROM integration_flow WHERE connection_id = %s) LIMIT %s", [self.connection.id, LONGEST_SLICE])
        ids = held.take([row[0] for row in self.cr.fetchall()])
        self._commit()
        if ids:
            self._lasting(lambda: self.cr.execute(
                "UPDATE integration_sync SET state = 'pending' WHERE id = ANY(%s) AND state = 'processing'", [ids]))
        held.release()

    def _plan_wake(self) -> None:
        """Have the scheduled action called at the next moment when there is something to do, and not before."""
        now = self._clock()
        self.cr.execute(
            "SELECT paused, active, GREATEST(retry_at, circuit_probe_at), cron_id FROM integration_connection WHERE id = %s",
            [self.connection.id])
        paused, active, retry_at, cron_id = self.cr.fetchone() or (True, False, None, None)
        if paused or not active or not cron_id:
            return
        moment = outbox.next_moment(self.cr, self.connection.id, now)
        if retry_at and retry_at > now:
            if outbox.waits(self.cr, self.connection.id, now):
                moment = retry_at
            elif moment is not None:
                moment = max(moment, retry_at)
        if moment is not None:
            self.connection._wake_at(moment)
        self._commit()
