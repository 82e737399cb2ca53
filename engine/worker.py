"""The worker of one connection: takes slices of due work until there is none or its time is over.

The only module that commits. Each slice is: claim (locks that die with the process) → work → record → commit. HTTP
calls happen between two transactions.
"""

import logging
import time
from datetime import datetime, timedelta

from odoo import fields

from ..core.errors import SyncError
from . import failures, http, inbox, journal, messages, outbox
from .claim import RUN_LOCK_SPACE, claims
from .exporter import Exporter
from .fetcher import Fetcher
from .importer import Importer
from .plan import FlowPlan
from .rows import Row, load_rows

_logger = logging.getLogger(__name__)

RUNNING_STATES = ("test", "live")
# A slice that another transaction disturbed this often is done record by record, so that one of them is to blame.
DISTURBED_LIMIT = 4
# After this many connection failures in a row the connection is left alone for a while.
FAILURES_BEFORE_PAUSE = 5
LONGEST_SLICE = 1000


class Worker:
    """Works for one connection. ``run`` is called by the connection's scheduled action."""

    def __init__(self, env, connection):
        self.env = env
        self.cr = env.cr
        self.connection = connection.sudo()
        self._plans: dict[int, FlowPlan] = {}
        self._client = None

    # -- loop ----------------------------------------------------------------------------------------------

    def run(self, *, only_ids: list[int] | None = None) -> int:
        """Work until nothing is due or the time of the scheduled action is over. Returns the records handled.

        :param only_ids: work on these sync records alone, whether due or not (a button)
        """
        handled = 0
        with claims(self.cr) as held:
            try:
                if only_ids is not None:
                    return self._slice(held, only_ids)
                while not self._held_back():
                    done = self._step(held)
                    held.release()
                    left = self._commit_progress(done)
                    handled += done
                    if not done or left <= 0:
                        break
                self._close_runs()
                self._commit()
                return handled
            finally:
                if self._client is not None:
                    self._client.close()

    def _held_back(self) -> bool:
        self.cr.execute("SELECT paused, active, retry_at FROM integration_connection WHERE id = %s", [self.connection.id])
        row = self.cr.fetchone()
        return not row or bool(row[0]) or not row[1] or bool(row[2] and row[2] > self._now())

    def _step(self, held) -> int:
        """One slice of the most urgent work: captured changes, then due records, then the next page of a run."""
        now = self._now()
        taken = outbox.drain(self.cr, self.connection.id, now)
        self._open_scheduled(now)
        self._commit()
        flows = self._running_flows()
        candidates = outbox.due(self.cr, self.connection.id, flows, now, LONGEST_SLICE)
        if candidates:
            limit = self._plan(candidates[0][1]).flow.batch_size
            urgent = self._is_live(candidates[0][0])
            if urgent or len(candidates) >= limit or not self._fetch(held, flows, now):
                ids = outbox.take(self.cr, held, candidates[:limit])
                self._commit()
                return self._slice(held, ids, locked=True) or taken
            return 1
        if self._fetch(held, flows, now):
            return 1
        return taken

    def _is_live(self, sync_id: int) -> bool:
        self.cr.execute("SELECT priority FROM integration_sync WHERE id = %s", [sync_id])
        return self.cr.fetchone()[0] <= 0

    def _now(self) -> datetime:
        return fields.Datetime.now()

    def _commit(self) -> None:
        self.env["ir.cron"]._commit_progress(0)

    def _commit_progress(self, done: int) -> float:
        self.cr.execute(
            "SELECT EXISTS (SELECT 1 FROM integration_sync WHERE connection_id = %s AND due_at <= %s) "
            "OR EXISTS (SELECT 1 FROM integration_run WHERE connection_id = %s AND state = 'open' AND fetching)",
            [self.connection.id, self._now(), self.connection.id])
        more = self.cr.fetchone()[0] and bool(done)
        return self.env["ir.cron"]._commit_progress(done, remaining=1 if more else 0)

    def _running_flows(self) -> list[int]:
        self.cr.execute(
            "SELECT id FROM integration_flow WHERE connection_id = %s AND active AND state IN %s",
            [self.connection.id, RUNNING_STATES])
        return [row[0] for row in self.cr.fetchall()]

    def _plan(self, flow_id: int) -> FlowPlan:
        if flow_id not in self._plans:
            self._plans[flow_id] = FlowPlan(self.env["integration.flow"].sudo().browse(flow_id))
        return self._plans[flow_id]

    def client(self):
        """The HTTP client, made when first needed."""
        if self._client is None:
            self._client = http.open_client(self.connection)
        return self._client

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
        plan = self._plan(flow_id)
        fetcher = Fetcher(self.env, plan, run_id)
        client = self.client()
        request = fetcher.request(now)
        self._commit()
        if request is None:
            return True
        exchange = client.send(request)
        for attempt in range(1, DISTURBED_LIMIT + 1):
            try:
                fetcher.store(exchange, self._now(), self._plan)
                self._note_health([exchange])
                self._commit()
                break
            except Exception as error:
                self.cr.rollback()
                if attempt == DISTURBED_LIMIT or not failures.is_concurrency(error):
                    raise
                time.sleep(0.05 * attempt)
        return True

    def _close_runs(self) -> None:
        """Runs whose records have all been handled are done."""
        self.cr.execute(
            """UPDATE integration_run run SET state = 'done', ended_at = %s
               WHERE run.connection_id = %s AND run.state = 'open' AND NOT COALESCE(run.fetching, false)
                 AND run.trigger <> 'live' AND NOT EXISTS (
                     SELECT 1 FROM integration_sync s WHERE s.run_id = run.id AND s.state IN ('pending', 'processing'))
               RETURNING run.flow_id""", [self._now(), self.connection.id])
        flow_ids = [row[0] for row in self.cr.fetchall()]
        if flow_ids:
            self.cr.execute(
                "UPDATE integration_flow SET last_success_at = %s WHERE id = ANY(%s)", [self._now(), flow_ids])

    # -- slices --------------------------------------------------------------------------------------------

    def _slice(self, held, ids: list[int], *, locked: bool = False) -> int:
        """Work on claimed records of one flow and one kind. Disturbed by another transaction, it is done again."""
        if not locked:
            ids = held.take(ids)
            self._commit()
        for attempt in range(1, DISTURBED_LIMIT + 1):
            try:
                return self._work(ids)
            except Exception as error:
                self.cr.rollback()
                self._plans.clear()
                if not failures.is_concurrency(error):
                    self._break_down(ids, error)
                    return len(ids)
                _logger.info("Disturbed by another transaction, doing it again (%s of %s): %s",
                             attempt, DISTURBED_LIMIT, error)
                time.sleep(0.05 * attempt)
                if attempt == DISTURBED_LIMIT and len(ids) == 1:
                    self._break_down(ids, error)
        if len(ids) > 1:
            return sum(self._slice(held, [sync_id], locked=True) for sync_id in ids)
        return len(ids)

    def _break_down(self, ids: list[int], error: Exception) -> None:
        """An error that nobody expected: it is recorded on the records, so that the queue moves on."""
        if len(ids) > 1:
            for sync_id in ids:
                try:
                    self._work([sync_id])
                except Exception as single:  # whatever it is, it belongs on the record
                    self.cr.rollback()
                    self._plans.clear()
                    self._break_down([sync_id], single)
            return
        _logger.exception("Sync record %s could not be processed", ids, exc_info=error)
        rows = load_rows(self.cr, ids)
        for row in rows:
            plan = self._plan(row.flow_id)
            row.direction = "import" if row.import_pending else "export"
            failures.apply_failure(
                self.env, row, failures.from_exception(self.env, plan.model_name, error),
                policy=plan.retry_policy, now=self._now())
            self._record(plan, [row], [])
        self._commit()

    def _work(self, ids: list[int]) -> int:
        rows = load_rows(self.cr, ids)
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
        now = self._now()
        exporter = Exporter(self.env, plan, now)
        if deleting:
            exporter.prepare_deletes(rows)
        else:
            exporter.prepare(rows)
        client = self.client() if exporter.outgoing or exporter.finds or exporter.reads else None
        if client is not None:
            exporter.mark_sending()
        self._commit()
        if client is not None:
            if deleting:
                exporter.send_deletes(client)
            else:
                exporter.send_lookups(client)
                if any(outgoing.operation.kind == "create" and not outgoing.row.create_sent
                       for outgoing in exporter.outgoing):
                    exporter.mark_sending()
                    self._commit()
                exporter.send(client)
            exporter.record_links()
            self._commit()
        self._record(plan, rows, exporter.exchanges)
        if deleting:
            journal.delete_record_links(
                self.cr, plan.connection.id, plan.resource.id, plan.model_name,
                [row.res_id for row in rows if row.outcome == "deleted"])
        self._commit()

    def _record(self, plan: FlowPlan, rows: list[Row], exchanges: list) -> None:
        """Write states, log lines, exchanges and counters of a slice."""
        now = self._now()
        run_id = next((row.run_id for row in rows if row.run_id), None)
        if any(row.run_id is None for row in rows):
            live_run = self._live_run(plan)
            for row in rows:
                row.run_id = row.run_id or live_run
            run_id = run_id or live_run
        stored = journal.insert_exchanges(
            self.cr, plan.connection, plan.flow, run_id, exchanges,
            lambda error: messages.explain(plan.model.env, error)[0])
        for row in rows:
            row.exchange = stored.get(id(row.exchange)) if row.exchange is not None else None
        journal.finish(self.cr, rows, now)
        journal.insert_logs(self.cr, plan, rows, now, self.env.uid)
        journal.count_outcomes(self.cr, rows)
        if exchanges:
            journal.add_to_run(self.cr, run_id, call_count=len(exchanges))
            self._note_health(exchanges)

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
        return run.id

    def _fetch_parents(self, plan: FlowPlan, rows: list[Row]) -> None:
        """Records that wait for another one, under a rule that says 'import it now': read and store that one."""
        wanted: dict[int, set[str]] = {}
        for row in rows:
            if row.state == "waiting" and row.error is not None and row.error.code == "parent_missing":
                for rule in [*plan.import_rules, *(child for rule in plan.import_rules for child in rule.children)]:
                    if rule.relation_mode == "import" and rule.kind == "relation" \
                            and rule.relation_resource_id == row.error.params.get("resource_id"):
                        wanted.setdefault(rule.relation_flow_id, set()).add(row.error.params["external_id"])
        for flow_id, external_ids in wanted.items():
            self._fetch_records(self._plan(flow_id), sorted(external_ids), plan.flow.priority - 1)

    def _fetch_records(self, plan: FlowPlan, external_ids: list[str], priority: int) -> None:
        read = plan.operation("read")
        if read is None:
            return
        requests = [http.build_request(read, variables={"id": external_id}, key=external_id)
                    for external_id in external_ids]
        client = self.client()
        self._commit()
        exchanges = list(client.send_many(requests))
        records = []
        for exchange in exchanges:
            error = exchange.error
            if error is None:
                try:
                    records.append(http.read_record(read, exchange.response.body))
                except SyncError as missing:
                    error = missing
            if error is not None and error.info.scope == "record":
                self._parent_failed(plan, exchange.request.key, error)
        inbox.store(self.cr, plan, records, now=self._now(), priority=priority, embedded_plans=self._plan)
        journal.insert_exchanges(
            self.cr, plan.connection, plan.flow, None, exchanges, lambda error: messages.explain(self.env, error)[0])
        self._note_health(exchanges)
        self._commit()

    def _parent_failed(self, plan: FlowPlan, external_id: str, error: SyncError) -> None:
        """The record that others wait for cannot come: they fail, and say which one and why."""
        reason = messages.explain(self.env, error)[0]
        message, hint = messages.explain(self.env, SyncError("validation", "parent_failed", params={
            "relation": plan.name, "external_id": external_id, "reason": reason}))
        self.cr.execute(
            "UPDATE integration_sync SET state = 'failed', due_at = NULL, error_class = 'validation', "
            "error_code = 'parent_failed', error_message = %s, error_hint = %s, failed_at = %s "
            "WHERE connection_id = %s AND waiting_for = %s",
            [message, hint, self._now(), plan.connection.id, f"{plan.resource.id}:{external_id}"])

    # -- health of the connection --------------------------------------------------------------------------

    def _note_health(self, exchanges: list) -> None:
        """Remember success and failure of the connection; refused credentials pause it and tell its administrator."""
        http.store_new_token(self.connection, self._client)
        errors = [exchange.error for exchange in exchanges
                  if exchange.error is not None and exchange.error.info.scope == "connection"]
        now = self._now()
        refused = next((error for error in errors if error.error_class == "authentication"
                        and error.code != "not_sent"), None)
        if refused is not None:
            message, hint = messages.explain(self.env, refused)
            self.connection._pause_for_credentials(f"{message} {hint}")
            return
        answered = any(exchange.response is not None and exchange.error is None for exchange in exchanges)
        if answered or not errors:
            self.cr.execute(
                "UPDATE integration_connection SET last_success_at = %s, last_error = NULL, failures_in_row = 0, "
                "retry_at = NULL WHERE id = %s AND (last_error IS NOT NULL OR failures_in_row > 0 OR last_success_at "
                "IS NULL OR last_success_at < %s - interval '1 minute')", [now, self.connection.id, now])
            return
        message = messages.explain(self.env, errors[0])[0]
        self.cr.execute(
            """UPDATE integration_connection SET last_error_at = %s, last_error = %s,
                   failures_in_row = COALESCE(failures_in_row, 0) + %s,
                   retry_at = CASE WHEN COALESCE(failures_in_row, 0) + %s >= %s THEN %s ELSE retry_at END
               WHERE id = %s""",
            [now, message[:500], len(errors), len(errors), FAILURES_BEFORE_PAUSE, now + timedelta(seconds=60),
             self.connection.id])


def _kind(row: Row) -> str:
    if row.delete_pending:
        return "delete"
    return "import" if row.import_pending else "export"


def process_now(env, sync_ids: list[int]) -> list[dict]:
    """Process a few records at once, for a button, in transactions of the engine's own: whatever the caller's
    transaction does later, states and log lines stay.

    :return: one dict per record with name, state, message and hint as they are afterwards
    """
    env.cr.flush()
    with env.registry.cursor() as cr:
        own = env(cr=cr, user=env.uid, su=True)
        syncs = own["integration.sync"].browse(sync_ids).exists()
        syncs._queue(own._("Retry by %(user)s", user=env.user.name))
        cr.commit()
        for connection in syncs.connection_id:
            mine = syncs.filtered(lambda sync, connection=connection: sync.connection_id == connection)
            for flow in mine.flow_id:
                ids = mine.filtered(lambda sync, flow=flow: sync.flow_id == flow).ids
                for _step in range(3):  # read, merge, send may each be a step of its own
                    Worker(own, connection).run(only_ids=ids)
                    cr.commit()
                    cr.execute(
                        "SELECT id FROM integration_sync WHERE id = ANY(%s) AND state = 'pending' AND due_at <= %s",
                        [ids, fields.Datetime.now()])
                    ids = [row[0] for row in cr.fetchall()]
                    if not ids:
                        break
            connection._wake()
        own.invalidate_all()
        outcomes = [{
            "id": sync.id, "name": sync.display_name, "state": sync.state, "message": sync.error_message,
            "hint": sync.error_hint,
        } for sync in syncs]
        cr.commit()
    return outcomes
