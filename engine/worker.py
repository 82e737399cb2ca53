"""The worker of one connection: takes slices of due work until there is none or its time is over.

The only module that commits. Each slice is: claim (locks that die with the process) → work → record → commit. HTTP
calls happen between two transactions.
"""
# pylint: disable=invalid-commit

import logging
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from odoo import fields

from ..core.errors import SyncError
from . import capture, failures, http, inbox, journal, messages, outbox
from .ahead import Ahead
from .claim import RUN_LOCK_SPACE, claims
from .exporter import Exporter
from .fetcher import Fetcher
from .importer import Importer
from .plan import FlowPlan
from .rows import Row, load_rows

_logger = logging.getLogger(__name__)

RUNNING_STATES = ("test", "live")
# A slice that another transaction disturbed this often is done record by record; a single record is put off.
DISTURBED_LIMIT = 5
PUT_OFF = timedelta(seconds=5)
# After this many connection failures in a row the connection is left alone for a while: a minute, then longer.
FAILURES_BEFORE_PAUSE = 5
LONGEST_PAUSE_SECONDS = 900
# What a system asks us to wait is remembered for the next worker when it is longer than this.
SHORT_WAIT_SECONDS = 5
LONGEST_SLICE = 1000
SIGNALS_EVERY_SECONDS = 1.0
# Pages are read one after the other for so long before the worker looks for more urgent work.
FETCHING_SECONDS = 0.25


class Worker:
    """Works for one connection. ``run`` is called by the connection's scheduled action."""

    def __init__(self, env, connection):
        self.env = env
        self.cr = env.cr
        self.connection = connection.sudo()
        self._plans: dict[int, FlowPlan] = {}
        self._client = None
        self._ahead = Ahead()
        self._busy: set[int] = set()  # due, but held by another worker
        self._signals_at = time.monotonic()

    # -- loop ----------------------------------------------------------------------------------------------

    def run(self, *, only_ids: list[int] | None = None) -> int:
        """Work until nothing is due or the time of the scheduled action is over. Returns the records handled.

        :param only_ids: work on these sync records alone, whether due or not (a button)
        """
        if only_ids is None and not outbox.concerns(self.cr, self.connection.id, self._clock()):
            self._plan_wake()
            return 0
        with claims(self.cr) as held:
            try:
                if only_ids is not None:
                    return self._slice(held, only_ids)
                return self._loop(held)
            finally:
                if self._client is not None:
                    self._client.close()

    def _loop(self, held) -> int:
        handled = disturbed = 0
        self._free_dead(held)
        # Also where nothing may be called: what changed is to be seen as pending.
        self._lasting(lambda: outbox.drain(self.cr, self.connection.id, self._now()))
        while not self._held_back() and self._is_current():
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
            if not done or left <= 0:
                break
        self._lasting(self._close_runs)
        self._plan_wake()
        return handled

    def _held_back(self) -> bool:
        self.cr.execute("SELECT paused, active, retry_at FROM integration_connection WHERE id = %s", [self.connection.id])
        row = self.cr.fetchone()
        return not row or bool(row[0]) or not row[1] or bool(row[2] and row[2] > self._clock())

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
        flows = self._running_flows()
        candidates = outbox.due(
            self.cr, self.connection.id, list(flows), self._clock(), LONGEST_SLICE, without=self._busy)
        if candidates:
            limit = flows[candidates[0][1]]
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
            self._plans[flow_id] = FlowPlan(self.env["integration.flow"].sudo().browse(flow_id))
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
            "SELECT paused, active, retry_at, cron_id FROM integration_connection WHERE id = %s", [self.connection.id])
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
            capture.wake_at(self.env, cron_id, moment)
        self._commit()

    # -- runs and pages ------------------------------------------------------------------------------------

    def _open_scheduled(self, now: datetime) -> None:
        """Open a run for every flow whose time has come, and make its waiting Odoo changes due."""
        flows = self.env["integration.flow"].sudo().search([
            ("connection_id", "=", self.connection.id), ("state", "in", RUNNING_STATES), ("next_run_at", "<=", now)])
        for flow in flows:
            flow._open_run("schedule")
            flow.next_run_at = flow._next_time(now)
        self.cr.execute(
            "UPDATE integration_sync s SET due_at = %s FROM integration_run run WHERE run.connection_id = %s "
            "AND run.state = 'open' AND run.trigger <> 'live' AND run.page_count IS NULL AND s.flow_id = run.flow_id "
            "AND s.state = 'pending' AND (s.due_at IS NULL OR s.due_at > %s)", [now, self.connection.id, now])

    def _fetch(self, held, flow_ids: list[int], now: datetime) -> bool:
        """Read and store the next page of an open run. Returns whether a page was asked for."""
        self.cr.execute(
            "SELECT run.id, run.flow_id FROM integration_run run JOIN integration_flow flow ON flow.id = run.flow_id "
            "WHERE run.connection_id = %s AND run.state = 'open' AND run.fetching AND run.flow_id = ANY(%s) "
            "AND (run.next_try_at IS NULL OR run.next_try_at <= %s) ORDER BY flow.priority, flow.sequence, run.id LIMIT 1",
            [self.connection.id, flow_ids, now])
        found = self.cr.fetchone()
        if not found:
            return False
        run_id, flow_id = found
        if not held.take([run_id], RUN_LOCK_SPACE):
            return False  # another worker reads this run
        self._commit()  # what it read until just now is seen from here
        if not self._is_open(run_id):
            return True
        try:
            self._fetch_pages(run_id, flow_id, now)
        except Exception as error:
            self.cr.rollback()
            self._plans.clear()
            if failures.is_concurrency(error):
                raise
            self._run_failed(run_id, error)
        return True

    def _fetch_pages(self, run_id: int, flow_id: int, now: datetime) -> None:
        """Read and store pages until there is a batch to work on, or for a moment: live records must not wait long."""
        plan = self._plan(flow_id)
        fetcher = Fetcher(self.env, plan, run_id)
        wanted, until = plan.settings.batch_size, time.monotonic() + FETCHING_SECONDS
        while self._fetch_page(fetcher, now):
            wanted -= fetcher.queued
            if wanted <= 0 or time.monotonic() > until or not self._is_open(run_id):
                break

    def _is_open(self, run_id: int) -> bool:
        """Is this run still to be read? A person may have stopped it."""
        self.cr.execute("SELECT state = 'open' AND fetching FROM integration_run WHERE id = %s", [run_id])
        return self.cr.fetchone()[0]

    def _fetch_page(self, fetcher: Fetcher, now: datetime) -> bool:
        """Read and store one page. Returns whether there may be another one."""
        client = self.client()
        request = fetcher.request(now)
        self._commit()
        if request is None:
            return False
        exchange = self._ahead.take(client, request) or client.send(request)
        # A flow that also exports must not read too early: an old page would look like a change of what was just sent.
        following = None if fetcher.plan.exports else fetcher.request_after(exchange)
        if following is not None:
            self._ahead.start(client, following)
        more = False

        def store():
            nonlocal more
            more = fetcher.store(exchange, self._now(), self._plan)
            self._note_health([exchange])

        self._lasting(store)
        return more

    def _run_failed(self, run_id: int, error: Exception) -> None:
        """An error that nobody expected ends this run and tells why, so that the other flows go on."""
        _logger.error("Run %s could not go on", run_id, exc_info=error)
        known = error if isinstance(error, SyncError) else SyncError(
            "internal", "internal", params={"error": f"{type(error).__name__}: {error}"[:300]})
        message, hint = messages.explain(self.env, known)
        self.cr.execute(
            "UPDATE integration_run SET state = 'failed', fetching = false, ended_at = %s, error_class = %s, message = %s "
            "WHERE id = %s", [self._now(), known.error_class, f"{message} {hint}".replace("\x00", ""), run_id])
        self._commit()

    def _close_runs(self) -> None:
        """Runs whose records have all been handled are done."""
        now = self._clock()
        self.cr.execute(
            """UPDATE integration_run run SET state = 'done', ended_at = %(now)s
               WHERE run.connection_id = %(connection)s AND run.state = 'open' AND NOT COALESCE(run.fetching, false)
                 AND run.trigger <> 'live' AND NOT EXISTS (
                     SELECT 1 FROM integration_sync s
                     WHERE s.run_id = run.id AND s.import_pending AND s.state IN ('pending', 'processing'))
                 AND NOT EXISTS (
                     SELECT 1 FROM integration_sync s WHERE s.flow_id = run.flow_id AND s.due_at <= %(now)s
                     AND s.state IN ('pending', 'processing') AND (s.export_pending OR s.delete_pending))
               RETURNING run.flow_id""", {"now": now.replace(microsecond=0), "connection": self.connection.id})
        flow_ids = [row[0] for row in self.cr.fetchall()]
        if flow_ids:
            self.cr.execute(
                "UPDATE integration_flow SET last_success_at = %s WHERE id = ANY(%s)", [self._now(), flow_ids])

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
            "error_code = 'internal', error_message = %s, error_hint = %s, error_detail = %s, failed_at = %s "
            "WHERE id = ANY(%s)",
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
        _logger.info("%s: %s of %s records in %.2f s", plan.name, kind, len(rows), time.monotonic() - started)
        return len(rows)

    def _import(self, plan: FlowPlan, rows: list[Row]) -> None:
        now = self._now()
        started = time.monotonic()
        importer = Importer(self.env, plan, now)
        importer.process(rows)
        each = int((time.monotonic() - started) * 1000 / len(rows))
        for row in rows:
            row.duration_ms = each
        self._record(plan, rows, [])
        self._commit()
        self._fetch_parents(plan, rows)

    def _export(self, plan: FlowPlan, rows: list[Row], *, deleting: bool) -> None:
        """Decide in a transaction, call in none, record in another one."""
        exporter = Exporter(self.env, plan, self._now())
        if deleting:
            exporter.prepare_deletes(rows)
        else:
            exporter.prepare(rows)
        if exporter.outgoing or exporter.finds or exporter.reads:
            client = self.client()
            exporter.mark_sending()
            self._commit()
            if deleting:
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
            if deleting:
                journal.delete_record_links(
                    self.cr, plan.connection.id, plan.resource.id, plan.model_name,
                    [row.res_id for row in rows if row.outcome == "deleted"])

        self._lasting(record)

    def _record(self, plan: FlowPlan, rows: list[Row], exchanges: list) -> None:
        """Write states, log lines, exchanges and counters of a slice. May be called again after a rollback."""
        now = self._now()
        runs = self._runs_of(plan, rows)
        run_id = runs[rows[0].id]
        exchange_ids = journal.insert_exchanges(
            self.cr, plan, run_id, exchanges,
            lambda error: messages.explain(plan.model.env, error)[0])
        journal.finish(self.cr, rows, now)
        journal.insert_logs(
            self.cr, plan, rows, now, runs=runs, exchange_ids=exchange_ids, user_id=self.env.uid)
        journal.count_outcomes(self.cr, rows, runs)
        if exchanges:
            journal.add_to_run(self.cr, run_id, call_count=len(exchanges))
            self._note_health(exchanges)

    def _runs_of(self, plan: FlowPlan, rows: list[Row]) -> dict[int, int]:
        """``{id of the sync record: id of the run that counts it}``: an import counts for the run that read it, an
        export for the open run of its flow; what belongs to none counts for the day's live changes."""
        self.cr.execute(
            "SELECT id, flow_id = %s AND trigger <> 'live' FROM integration_run WHERE state = 'open' "
            "AND (id = ANY(%s) OR flow_id = %s AND trigger <> 'live') ORDER BY id",
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

    def _fetch_parents(self, plan: FlowPlan, rows: list[Row]) -> None:
        """Records that wait for another one, under a rule that says 'import it now': read and store that one."""
        wanted: dict[int, set[str]] = {}
        for row in rows:
            if row.state == "waiting" and row.error is not None and row.error.code == "parent_missing":
                for rule in [*plan.import_rules, *(child for lines in plan.import_rules for child in lines.children)]:
                    if rule.relation_mode == "import" and rule.kind == "relation" \
                            and rule.relation_resource_id == row.error.params.get("resource_id"):
                        wanted.setdefault(rule.relation_flow_id, set()).add(row.error.params["external_id"])
        for flow_id, external_ids in wanted.items():
            self._fetch_records(self._plan(flow_id), sorted(external_ids), plan.settings.priority - 1)

    def _fetch_records(self, plan: FlowPlan, external_ids: list[str], priority: int) -> None:
        read = plan.operation("read")
        if read is None:
            return
        requests = []
        for external_id in external_ids:
            try:
                requests.append(http.build_request(read, variables={"id": external_id}, key=external_id))
            except SyncError as error:
                self._parent_failed(plan, external_id, error)
        client = self.client()
        self._commit()
        exchanges = list(client.send_many(requests, stop=http.Patience()))
        records, answered, missing = [], [], []
        for exchange in exchanges:
            try:
                exchange.raise_for_error()
                records.append(http.read_record(read, exchange.response.body))
                answered.append(exchange.request.key)
            except SyncError as error:
                if http.was_sent(exchange) and error.info.scope == "record":
                    missing.append((exchange.request.key, error))

        def store():
            for external_id, error in missing:
                self._parent_failed(plan, external_id, error)
            inbox.forget_unlinked(self.cr, plan, answered)
            inbox.store(self.cr, plan, records, now=self._now(), priority=priority, embedded_plans=self._plan)
            for external_id in inbox.unwanted(self.cr, plan, answered):
                self._parent_failed(plan, external_id, SyncError("validation", "parent_excluded"))
            self._record_exchanges(plan, exchanges)

        self._lasting(store)

    def _record_exchanges(self, plan: FlowPlan, exchanges: list) -> None:
        """Of calls that belong to no run."""
        exchanges = [exchange for exchange in exchanges if http.was_sent(exchange)]
        journal.insert_exchanges(self.cr, plan, None, exchanges, lambda error: messages.explain(self.env, error)[0])
        self._note_health(exchanges)

    def refresh(self, ids: list[int]) -> None:
        """Read these imported records anew, where the API can: who retries has often corrected them over there."""
        rows = [row for row in load_rows(self.cr, ids) if row.import_pending and row.external_id]
        if not rows:
            return
        try:
            self._read_anew(self._plan(rows[0].flow_id), rows)
        finally:
            if self._client is not None:
                self._client.close()

    def _read_anew(self, plan: FlowPlan, rows: list[Row]) -> None:
        read = plan.operation("read")
        if read is None:
            return
        requests = []
        for row in rows:
            try:
                requests.append(http.build_request(read, variables={"id": row.external_id}, key=row))
            except SyncError:
                continue  # no address can be made of this ID: what is stored counts
        client = self.client()
        self._commit()
        exchanges = list(client.send_many(requests, stop=http.Patience()))
        records = []
        for exchange in exchanges:
            try:
                exchange.raise_for_error()
                record = http.read_record(read, exchange.response.body)
            except SyncError:
                continue  # not there or not reachable: what is stored counts
            if plan.external_id(record) == exchange.request.key.external_id:
                records.append(record)

        def store():
            inbox.store(self.cr, plan, records, now=self._now(), embedded_plans=self._plan)
            self._record_exchanges(plan, exchanges)

        self._lasting(store)

    def _parent_failed(self, plan: FlowPlan, external_id: str, error: SyncError) -> None:
        """The record that others wait for cannot come: they fail, and say which one and why."""
        reason = messages.explain(self.env, error)[0]
        message, hint = messages.explain(self.env, SyncError("validation", "parent_failed", params={
            "relation": plan.name, "external_id": external_id, "reason": reason}))
        journal.fail_waiting(
            self.cr, plan.connection.id, f"{plan.resource.id}:{external_id}", message, hint, self._now(), self.env.uid)

    # -- health of the connection --------------------------------------------------------------------------

    def _note_health(self, exchanges: list) -> None:
        """Remember success and failure of the connection; refused credentials pause it and tell its administrator."""
        http.store_new_token(self.connection, self._client)
        made = [exchange for exchange in exchanges if exchange.error is None or exchange.error.code != "not_sent"]
        errors = [exchange.error for exchange in made
                  if exchange.error is not None and exchange.error.info.scope == "connection"]
        refused = next((error for error in errors if error.error_class == "authentication"), None)
        if refused is not None:
            self._refused(refused)
            return
        waits = [error.retry_after or 0 for error in errors if error.error_class == "rate_limit"]
        if waits and max(waits) > SHORT_WAIT_SECONDS:
            self._leave_alone(max(waits))
        errors = [error for error in errors if error.error_class != "rate_limit"]
        now = self._now()
        if any(exchange.error is None or exchange.error.info.scope == "record" for exchange in made):
            self.cr.execute(
                "UPDATE integration_connection SET last_success_at = %s, last_error = NULL, failures_in_row = 0 "
                "WHERE id = %s AND (last_error IS NOT NULL OR failures_in_row > 0 OR last_success_at "
                "IS NULL OR last_success_at < %s - interval '1 minute')", [now, self.connection.id, now])
        elif errors:
            message = messages.explain(self.env, errors[0])[0]
            self.cr.execute(
                "UPDATE integration_connection SET last_error_at = %s, last_error = %s, "
                "failures_in_row = COALESCE(failures_in_row, 0) + %s WHERE id = %s RETURNING failures_in_row",
                [now, message.replace("\x00", "")[:500], len(errors), self.connection.id])
            failed = self.cr.fetchone()[0]
            if failed >= FAILURES_BEFORE_PAUSE:
                rounds = min(failed // FAILURES_BEFORE_PAUSE - 1, 10)
                self._leave_alone(min(60 * 2 ** rounds, LONGEST_PAUSE_SECONDS))

    def _leave_alone(self, seconds: float) -> None:
        """No call to this system for so long."""
        self.cr.execute(
            "UPDATE integration_connection SET retry_at = GREATEST(retry_at, %s) WHERE id = %s",
            [failures.later(self._now(), seconds), self.connection.id])

    def _refused(self, error: SyncError) -> None:
        """The credentials were refused. If they were changed meanwhile, the next slice tries the new ones."""
        self.connection.invalidate_recordset()
        if http.is_outdated(self._client, self.connection):
            self._client.close()
            self._client = None
            return
        message, hint = messages.explain(self.env, error)
        self.connection._pause_for_credentials(f"{message} {hint}")


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


def process_now(env, sync_ids: list[int], decide=None) -> list[dict]:
    """Process a few records at once, for a button, in transactions of the engine's own: whatever the caller's
    transaction does later, states and log lines stay.

    :param decide: function called with the records first, for what a person has decided about them
    :return: one dict per record with name, state, message and hint as they are afterwards
    """
    env.cr.flush()
    with env.registry.cursor() as cr, _short_waits(cr):
        own = env(cr=cr, user=env.uid, su=True)
        syncs = own["integration.sync"].browse(sync_ids).exists()
        if decide is not None:
            decide(syncs)
        syncs._queue(own._("Retry by %(user)s", user=env.user.name))
        cr.commit()
        for flow in syncs.flow_id:
            ids = syncs.filtered(lambda sync, flow=flow: sync.flow_id == flow).ids
            Worker(own, flow.connection_id).refresh(ids)
            for _step in range(5):  # read, merge, send may each be a step of its own
                Worker(own, flow.connection_id).run(only_ids=ids)
                cr.commit()
                cr.execute(
                    "SELECT id FROM integration_sync WHERE id = ANY(%s) AND state = 'pending' "
                    "AND due_at <= clock_timestamp() AT TIME ZONE 'UTC'", [ids])
                ids = [row[0] for row in cr.fetchall()]
                if not ids:
                    break
        syncs.connection_id._wake()
        own.invalidate_all()
        outcomes = [{
            "id": sync.id, "name": sync.display_name, "state": sync.state, "message": sync.error_message,
            "hint": sync.error_hint,
        } for sync in syncs.exists()]
        cr.commit()
    return outcomes
