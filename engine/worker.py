"""The worker of one connection: takes slices of due work until there is none or its time is over.

The only module that commits. Each slice is: claim (locks that die with the process) → work → record → commit. HTTP
calls happen between two transactions.
"""

import logging
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from odoo import fields

from . import (
    announcing,
    capture,
    doubts,
    failures,
    guards,
    hiding,
    http,
    journal,
    messages,
    notifier,
    outbox,
    parents,
    tending,
)
from .ahead import Ahead
from .claim import claims
from .exporter import Exporter
from .health import Health
from .importer import Importer
from .plan import FlowPlan
from .reading import Reading
from .receiving import Receiving
from .rows import RUNNING_STATES, Row, load_rows
from .tending import Tending
from .urgency import Urgency

_logger = logging.getLogger(__name__)

# A slice that another transaction disturbed this often is done record by record; a single record is put off.
DISTURBED_LIMIT = 5
PUT_OFF = timedelta(seconds=5)
LONGEST_SLICE = 1000
# A button works first on so many records that the pressed ones have brought along.
PARENTS_OF_A_BUTTON = 50
SIGNALS_EVERY_SECONDS = 1.0


class Worker(Reading, Receiving, Health, Urgency, Tending):
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
            if urgent or len(candidates) >= limit or not self._fetch(held, list(flows), now):
                wanted = [sync_id for sync_id, _flow_id, _kind in candidates[:limit]]
                ids = held.take(wanted)
                self._busy.update(set(wanted) - set(ids))
                self._commit()  # what another worker finished between the selection and the lock is seen from here
                return self._slice(held, ids, locked=True) or taken or (1 if ids != wanted else 0)
            return 1
        if self._fetch(held, list(flows), now):
            return 1
        return taken

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

    def _lasting(self, work) -> None:
        """Do database work and commit it. Disturbed by another transaction, it is done again: for what must not be
        lost because it happened already, over there. ``work`` may be called several times."""
        for attempt in range(1, DISTURBED_LIMIT + 1):
            try:
                work()
                self._commit()
                return
            except Exception as error:
                self.cr.rollback()
                if attempt == DISTURBED_LIMIT or not failures.is_concurrency(error):
                    raise
                _logger.info("Disturbed by another transaction, recording again (%s): %s", attempt, error)
                time.sleep(0.05 * attempt)

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

    # -- slices --------------------------------------------------------------------------------------------

    def _slice(self, held, ids: list[int], *, locked: bool = False) -> int:
        """Work on claimed records of one flow and one kind. Disturbed by another transaction, it is done again.

        :param locked: the ids are claimed already, because they are due; else they are claimed here and done at once
        """
        due = self._clock() if locked else None
        if not locked:
            ids = held.take(ids)
            self._commit()
        for attempt in range(1, DISTURBED_LIMIT + 1):
            try:
                return self._work(ids, due)
            except Exception as error:
                self.cr.rollback()
                self._plans.clear()
                if not failures.is_concurrency(error):
                    self._break_down(ids, error)
                    return len(ids)
                _logger.info("Disturbed by another transaction, doing it again (%s of %s): %s",
                             attempt, DISTURBED_LIMIT, error)
                time.sleep(0.05 * attempt)
        self._one_by_one(ids)
        return len(ids)

    def _break_down(self, ids: list[int], error: Exception) -> None:
        """An error that nobody expected: it is recorded on the records, so that the queue moves on."""
        if len(ids) > 1:
            self._one_by_one(ids)
            return
        _logger.error("Sync record %s could not be processed", ids, exc_info=error)
        try:
            for row in load_rows(self.cr, ids):
                plan = self._plan(row.flow_id)
                row.direction = "import" if row.import_pending else "export"
                failures.apply_failure(
                    self.env, row, failures.from_exception(self.env, plan.model_name, error),
                    policy=plan.retry_policy, now=self._now())
                self._record(plan, [row], [])
            self._commit()
        except Exception as second:  # not even its flow can be read: then the bare fact has to do
            self.cr.rollback()
            self._plans.clear()
            if failures.is_concurrency(second):
                self._put_off(ids)
            else:
                self._note_breakdown(ids, error, repr(second))

    def _note_breakdown(self, ids: list[int], error: Exception, detail: str) -> None:
        message, hint = messages.explain(self.env, error)
        self._lasting(lambda: self.cr.execute(
            "UPDATE integration_sync SET state = 'failed', due_at = NULL, error_class = 'internal', "
            "error_code = 'internal', error_message = %s, error_hint = %s, error_detail = %s, failed_at = %s, "
            "issue_id = NULL WHERE id = ANY(%s)",
            [message.replace("\x00", ""), hint, detail.replace("\x00", "")[:8000], self._now(), ids]))

    def _one_by_one(self, ids: list[int]) -> None:
        for sync_id in ids:
            try:
                self._work([sync_id])
            except Exception as single:  # whatever it is, it belongs on the record
                self.cr.rollback()
                self._plans.clear()
                if failures.is_concurrency(single):
                    self._put_off([sync_id])
                else:
                    self._break_down([sync_id], single)

    def _put_off(self, ids: list[int]) -> None:
        """Somebody else keeps changing these records: a little later."""
        self._lasting(lambda: self.cr.execute(
            "UPDATE integration_sync SET state = 'pending', due_at = %s "
            "WHERE id = ANY(%s) AND state IN ('pending', 'waiting', 'processing')", [self._now() + PUT_OFF, ids]))

    def _work(self, ids: list[int], due: datetime | None = None) -> int:
        rows = load_rows(self.cr, ids, due)
        if not rows:
            return 0
        plan = self._plan(rows[0].flow_id)
        rows = [row for row in rows if row.flow_id == plan.id]
        kind = _kind(rows[0])
        rows = [row for row in rows if _kind(row) == kind]
        started = time.monotonic()
        if kind == "import":
            self._import(plan, rows)
        else:
            self._export(plan, rows, deleting=kind == "delete")
        seconds = time.monotonic() - started
        self._note_pace(plan.id, kind, len(rows), seconds)
        self._note_arrivals(plan, rows)
        _logger.info("%s: %s of %s records in %.2f s", plan.name, kind, len(rows), seconds)
        return len(rows)

    def _import(self, plan: FlowPlan, rows: list[Row]) -> None:
        now = self._now()
        if not self._by_person:
            rows = guards.screen_import(self.cr, self.env, plan, rows, now)
        if not rows:
            self._commit()
            return
        started = time.monotonic()
        rows, unread = self._with_payload(plan, rows)
        importer = Importer(self.env, plan, now)
        importer.process(rows)
        rows += unread
        if not rows:
            return
        each = int((time.monotonic() - started) * 1000 / len(rows))
        for row in rows:
            row.duration_ms = each
        self._record(plan, rows, [])
        self._commit()
        self._fetch_parents(plan, rows)

    def _export(self, plan: FlowPlan, rows: list[Row], *, deleting: bool) -> None:
        """Decide in a transaction, call in none, record in another one."""
        exporter = Exporter(self.env, plan, self._now())
        if all(row.priority > 0 for row in rows):
            exporter.interrupted = self._live_waits
        if deleting:
            exporter.prepare_deletes(rows)
        else:
            exporter.prepare(rows)
        if not self._by_person:
            rows = guards.screen_export(self.cr, self.env, plan, rows, exporter, self._now())
        if not rows:
            self._commit()
            return
        if exporter.outgoing or exporter.finds or exporter.reads:
            client = self.client()
            exporter.mark_sending()
            self._commit()
            if deleting:
                if exporter.finds:
                    exporter.send_doubtful(client)
                    self._lasting(exporter.mark_sending)
                exporter.send_deletes(client)
            else:
                if exporter.finds or exporter.reads:
                    exporter.send_lookups(client)
                    exporter.adopt_found()
                    self._lasting(exporter.mark_sending)
                exporter.send(client)
                self._lasting(exporter.record_links)

        def record():
            self._record(plan, rows, exporter.exchanges)
            doubts.forget(self.cr, [row for row in rows if row.id in exporter.marked])
            if deleting:
                journal.delete_record_links(
                    self.cr, plan.connection.id, plan.resource.id, plan.model_name,
                    [row.res_id for row in rows if row.outcome == "deleted"])

        self._lasting(record)

    def _record(self, plan: FlowPlan, rows: list[Row], exchanges: list) -> None:
        """Write states, log lines, exchanges and counters of a slice. May be called again after a rollback."""
        now = self._now()
        hiding.hide_sensitive(plan, rows)
        runs = self._runs_of(plan, rows)
        run_id = runs[rows[0].id]
        if exchanges:
            self._note_health(exchanges, rows)
        exchange_ids = journal.insert_exchanges(
            self.cr, plan, run_id, exchanges,
            lambda error: messages.explain(plan.model.env, error)[0])
        self._note_issues(plan, rows, now)
        journal.finish(self.cr, plan, rows, now)
        parents.look_after(self.cr, self.env, plan, rows, now)
        journal.insert_logs(
            self.cr, plan, rows, now, runs=runs, exchange_ids=exchange_ids, user_id=self.env.uid)
        announcing.note_rows(self.env, plan, rows, now)
        journal.count_outcomes(self.cr, rows, runs)
        if exchanges:
            journal.add_to_run(self.cr, run_id, call_count=len(exchanges))

    def _runs_of(self, plan: FlowPlan, rows: list[Row]) -> dict[int, int]:
        """``{id of the sync record: id of the run that counts it}``: an import counts for the run that read it, an
        export for the open run of its flow; what belongs to none counts for the day's live changes."""
        self.cr.execute(
            "SELECT id, flow_id = %s AND trigger NOT IN ('live', 'webhook') FROM integration_run WHERE state = 'open' "
            "AND (id = ANY(%s) OR flow_id = %s AND trigger NOT IN ('live', 'webhook')) ORDER BY id",
            [plan.id, [row.run_id for row in rows if row.run_id], plan.id])
        found = self.cr.fetchall()
        opened = {run_id for run_id, _own in found}
        own = next((run_id for run_id, is_own in found if is_own), None)
        runs: dict[int, int] = {}
        live = None
        for row in rows:
            run_id = own if row.direction == "export" else row.run_id if row.run_id in opened else None
            if run_id is None:
                live = live or self._live_run(plan)
                run_id = live
            runs[row.id] = run_id
        return runs

    def _live_run(self, plan: FlowPlan) -> int:
        """Records that belong to no run of their own are counted in one run per flow and day."""
        runs = self.env["integration.run"].sudo()
        today = fields.Datetime.to_string(self._now())[:10]
        run = runs.search([
            ("flow_id", "=", plan.id), ("trigger", "=", "live"), ("started_at", ">=", today)], limit=1)
        if not run:
            runs.search([("flow_id", "=", plan.id), ("trigger", "=", "live"), ("state", "=", "open")]).write(
                {"state": "done", "ended_at": self._now()})
            run = runs.create({"flow_id": plan.id, "trigger": "live", "user_id": self.env.uid})
            run.flush_recordset()
        return run.id


def _kind(row: Row) -> str:
    if row.delete_pending:
        return "delete"
    return "import" if row.import_pending else "export"


@contextmanager
def _short_waits(cr):
    """Should the caller's own transaction hold what is needed here, this one gives up instead of waiting for ever."""
    cr.execute("SET lock_timeout = '1s'")
    try:
        yield
    finally:
        if not cr.closed:
            cr.rollback()
            cr.execute("RESET lock_timeout")
            cr.commit()


def _pending_parents(cr, flow):
    """Records that came inside those of ``flow`` (the customer of an order) and are not imported yet: ids, by flow."""
    embedded = flow.all_rule_ids.filtered(lambda rule: rule.kind == "relation" and rule.relation_mode == "embedded")
    for related in embedded.relation_flow_id:
        cr.execute(
            "SELECT id FROM integration_sync WHERE flow_id = %s AND state = 'pending' AND import_pending "
            "AND due_at <= clock_timestamp() AT TIME ZONE 'UTC' ORDER BY priority, due_at LIMIT %s",
            [related.id, PARENTS_OF_A_BUTTON])
        ids = [row[0] for row in cr.fetchall()]
        if ids:
            yield ids


def process_now(env, sync_ids: list[int], decide=None) -> list[dict]:
    """Process a few records at once, for a button, in transactions of the engine's own: whatever the caller's
    transaction does later, states and log lines stay.

    :param decide: function called with the records first, for what a person has decided about them
    :return: one dict per record with name, state, message and hint as they are afterwards
    """
    env.cr.flush()
    with env.registry.cursor() as cr, _short_waits(cr):
        own = env(cr=cr, user=env.uid, su=True)
        reason = own._("Retry by %(user)s", user=env.user.name)

        def queue():
            queued = own["integration.sync"].browse(sync_ids).exists()
            if decide is not None:
                decide(queued)
            queued._queue(reason)

        syncs = own["integration.sync"].browse(sync_ids).exists()
        Worker(own, syncs.connection_id[:1])._lasting(queue)  # the worker may have settled one of them just now
        for flow in syncs.flow_id:
            ids = syncs.filtered(lambda sync, flow=flow: sync.flow_id == flow).ids
            Worker(own, flow.connection_id).refresh(ids)
            for _step in range(5):  # read, merge, send may each be a step of its own
                for parent_ids in _pending_parents(cr, flow):
                    Worker(own, flow.connection_id).run(only_ids=parent_ids)
                Worker(own, flow.connection_id).run(only_ids=ids)
                cr.commit()
                cr.execute(
                    "SELECT id FROM integration_sync WHERE id = ANY(%s) AND state = 'pending' "
                    "AND due_at <= clock_timestamp() AT TIME ZONE 'UTC'", [ids])
                ids = [row[0] for row in cr.fetchall()]
                if not ids:
                    break
        syncs.connection_id._wake()
        for connection in syncs.connection_id:
            tending.tend(own, connection.id)
        own.invalidate_all()
        outcomes = [{
            "id": sync.id, "name": sync.display_name, "state": sync.state, "message": sync.error_message,
            "hint": sync.error_hint,
        } for sync in syncs.exists()]
        cr.commit()
    return outcomes
