"""The worker of one connection: takes slices of due work until there is none or its time is over.

The only module that commits. Each slice is: claim (locks that die with the process) → work → record → commit. HTTP
calls happen between two transactions.
"""

import logging
import time
from datetime import UTC, datetime

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
)
from .ahead import Ahead
from .background import Background
from .claim import claims
from .exporter import Exporter
from .file_writing import FileExporter
from .health import Health
from .importer import Importer
from .persistence import DISTURBED_LIMIT, Persistence
from .plan import FlowPlan
from .reading import Reading
from .receiving import Receiving
from .requesting import AnswerImporter, Requester
from .rows import RUNNING_STATES, Row, load_rows
from .tending import Tending
from .urgency import Urgency

_logger = logging.getLogger(__name__)

LONGEST_SLICE = 1000
SIGNALS_EVERY_SECONDS = 1.0


class Worker(Reading, Receiving, Health, Urgency, Persistence, Tending, Background):
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

    # -- slices --------------------------------------------------------------------------------------------

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
        if plan.scans:
            rows, unconfirmed = self._confirm_missing(plan, rows)
            unread += unconfirmed
        importer = (AnswerImporter if plan.asks else Importer)(self.env, plan, now)
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
        exporter = (Requester if plan.asks else FileExporter if plan.over_sftp else Exporter)(self.env, plan, self._now())
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
        if exporter.outgoing or exporter.finds or exporter.reads or plan.asks and exporter.open:
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
                if plan.asks:
                    exporter.send_rest(client, lambda risky: self._lasting(lambda: exporter.mark_later(risky)))

        def record():
            if plan.asks:
                exporter.store_files()
            elif plan.over_sftp:
                exporter.record_files()
            self._record(plan, rows, exporter.exchanges)
            if plan.asks:
                exporter.store_ends()
            doubts.forget(self.cr, [row for row in rows if row.id in exporter.marked])
            if deleting:
                exporter.record_deletes(rows)

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
