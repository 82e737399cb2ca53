"""The part of the worker that reads: pages of open runs, records that others wait for, records that a person retries."""

import logging
import time
from datetime import datetime
from types import SimpleNamespace

from ..core import documents
from ..core.errors import SyncError
from . import announcing, edits, failures, http, inbox, issues, journal, messages, nested, parents
from .claim import RUN_LOCK_SPACE
from .fetcher import Fetcher
from .file_reading import FileFetcher
from .plan import FlowPlan
from .rows import RUNNING_STATES, Row, load_rows

_logger = logging.getLogger(__name__)

# Pages are read one after the other for so long before the worker looks for more urgent work.
FETCHING_SECONDS = 0.25


class Reading:
    """Reads from the other system between two transactions and stores what came in one."""

    # -- runs and pages ------------------------------------------------------------------------------------

    def _open_scheduled(self, now: datetime) -> None:
        """Open a run for every flow whose time has come, and make its waiting Odoo changes due."""
        flows = self.env["integration.flow"].sudo().search([
            ("connection_id", "=", self.connection.id), ("state", "in", RUNNING_STATES), ("next_run_at", "<=", now)])
        for flow in flows:
            if flow.request_effect != "tell":  # a part of Odoo asks, never the time
                flow._open_run("schedule", full=flow._is_scan_due(now))
            flow.next_run_at = flow._next_time(now)
        self.cr.execute(
            "UPDATE integration_sync s SET due_at = %s FROM integration_run run WHERE run.connection_id = %s "
            "AND run.state = 'open' AND run.trigger NOT IN ('live', 'webhook', 'held') AND run.page_count IS NULL "
            "AND s.flow_id = run.flow_id AND s.state = 'pending' "
            "AND COALESCE(s.guard_mark, '') NOT IN ('import:measured', 'export:measured') "
            "AND (s.due_at IS NULL OR s.due_at > %s)", [now, self.connection.id, now])

    def _fetch(self, held, flow_ids: list[int], now: datetime) -> bool:
        """Read and store the next page of an open run. Returns whether a page was asked for."""
        self.cr.execute(
            "SELECT run.id, run.flow_id FROM integration_run run JOIN integration_flow flow ON flow.id = run.flow_id "
            "WHERE run.connection_id = %s AND run.state = 'open' AND run.fetching AND run.flow_id = ANY(%s) "
            "AND (run.next_try_at IS NULL OR run.next_try_at <= %s) "
            "ORDER BY CASE WHEN %s THEN run.next_try_at END NULLS FIRST, flow.priority, flow.sequence, run.id LIMIT 1",
            # A page that fails for ever must not be the only one that probes.
            [self.connection.id, flow_ids, now, self._probing])
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
        listing = plan.operation("list")
        of_files = listing is not None and listing.paging_style == "files"
        fetcher = (FileFetcher if of_files else Fetcher)(self.env, plan, run_id)
        wanted, until = plan.settings.batch_size, time.monotonic() + FETCHING_SECONDS
        wanted = self._slice_limit(flow_id, "import", wanted)
        while self._fetch_page(fetcher, now):
            wanted -= fetcher.queued
            if wanted <= 0 or self._probing or time.monotonic() > until or not self._is_open(run_id):
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
        exchange = self._ahead.take(client, request, self._await)
        parts = fetcher.read_parts(client, exchange)
        # A flow that also exports must not read too early: an old page would look like a change of what was just sent.
        following = None if fetcher.plan.exports else fetcher.request_after(exchange)
        if following is not None:
            self._ahead.start(client, following)
        more = False

        def store():
            nonlocal more
            more = fetcher.store(exchange, self._now(), self._plan)
            self._note_health([exchange, *parts])

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
            "WHERE id = %s RETURNING flow_id, company_id",
            [self._now(), known.error_class, f"{message} {hint}".replace("\x00", ""), run_id])
        flow_id, company_id = self.cr.fetchone()
        # Not the plan: it may be what cannot be made.
        flow = SimpleNamespace(id=flow_id, connection=self.connection, company_id=company_id)
        issues.note_run(self.cr, flow, known, message, hint, self._now(), retried=False)
        self._commit()

    def _close_runs(self) -> None:
        """Runs whose records have all been handled are done."""
        now = self._clock()
        self.cr.execute(
            """UPDATE integration_run run SET state = 'done', ended_at = %(now)s
               WHERE run.connection_id = %(connection)s AND run.state = 'open' AND NOT COALESCE(run.fetching, false)
                 AND run.trigger NOT IN ('live', 'webhook') AND NOT EXISTS (
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

    # -- single records ------------------------------------------------------------------------------------

    def _fetch_parents(self, plan: FlowPlan, rows: list[Row]) -> None:
        """Records that wait for another one, under a rule that says 'import it now': read and store that one."""
        wanted: dict[int, set[str]] = {}
        for row in rows:
            if row.state == "waiting" and row.error is not None and row.error.code == "parent_missing":
                for rule in [*plan.import_rules, *(child for lines in plan.import_rules for child in lines.children)]:
                    if rule.relation_mode == "import" and rule.kind == "relation" \
                            and rule.relation_resource_id == row.error.params.get("resource_id"):
                        wanted.setdefault(rule.relation_flow_id, set()).add(row.error.params["external_id"])
        self._store_inner(plan, [
            row for row in rows if row.payload and row.state == "waiting" and row.error is not None
            and row.error.code == "parent_missing"])
        for flow_id, external_ids in wanted.items():
            wanted_ids = sorted(external_ids)[:1 if self._probing else None]
            self._fetch_records(self._plan(flow_id), wanted_ids, plan.settings.priority - 1)

    def _store_inner(self, plan: FlowPlan, rows: list[Row]) -> None:
        """Records that wait for one that stands inside them: a look-up has brought them, which stores no inner records."""
        pieces: dict[int, list] = {}
        for row in rows:
            for flow_id, records in inbox.embedded(plan, documents.parse_json(row.payload)):
                pieces.setdefault(flow_id, []).extend(records)

        def store():
            for flow_id, records in pieces.items():
                related = self._plan(flow_id)
                known = [record for record in records if related.external_id(record)]
                inbox.store(self.cr, related, known, now=self._now(), priority=plan.settings.priority - 1,
                            embedded_plans=self._plan)

        if any(pieces.values()):
            self._lasting(store)

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
        rest = nested.complete(client, plan, read, exchanges)
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
            self._record_exchanges(plan, [*exchanges, *rest])

        self._lasting(store)

    def _record_exchanges(self, plan: FlowPlan, exchanges: list) -> None:
        """Of calls that belong to no run."""
        exchanges = [exchange for exchange in exchanges if http.was_sent(exchange)]
        journal.insert_exchanges(self.cr, plan, None, exchanges, lambda error: messages.explain(self.env, error)[0])
        self._note_health(exchanges)

    def refresh(self, ids: list[int]) -> None:
        """Read these imported records anew, where the API can: who retries has often corrected them over there. What was
        corrected here, in the payload, stays."""
        kept = edits.edited(self.cr, ids)
        rows = [row for row in load_rows(self.cr, ids) if row.import_pending and row.external_id and row.id not in kept]
        if not rows:
            return
        try:
            self._read_anew(self._plan(rows[0].flow_id), rows)
        finally:
            self._close_client()

    def _with_payload(self, plan: FlowPlan, rows: list[Row]) -> tuple[list[Row], list[Row]]:
        """What retention has removed, and what could not be read to its end, is read again: the rows that can be worked on,
        and those whose reading failed."""
        pruned = {row.id: row for row in rows
                  if row.external_id and (not row.payload or plan.rests and nested.is_open(row.payload))}
        if not pruned or plan.operation("read") is None:
            return rows, []
        failed, unread = self._read_anew(plan, list(pruned.values())), []
        rows = load_rows(self.cr, [row.id for row in rows])
        for row in list(rows):
            error = failed.get(row.id)
            if error is not None and not row.payload:
                rows.remove(row)
                if error.code != "not_sent":  # held back: the next slice does it
                    row.direction = "import"
                    failures.apply_failure(
                        plan.model.env, row, error, policy=plan.retry_policy, now=self._now())
                    unread.append(row)
        return rows, unread

    def _confirm_missing(self, plan: FlowPlan, rows: list[Row]) -> tuple[list[Row], list[Row]]:
        """What was missing from a complete list is read once before it counts as deleted, where the API can: a list that
        moves while it is read leaves records out. The rows that can be worked on, and those about which it is not clear."""
        missing = {row.id: row for row in rows if row.payload and inbox.MISSING_KEY in row.payload[:200]}
        if not missing or plan.operation("read") is None:
            return rows, []
        failed, unclear = self._read_anew(plan, list(missing.values())), []
        rows = load_rows(self.cr, [row.id for row in rows])
        for row in list(rows):
            if row.id not in missing or inbox.MISSING_KEY not in (row.payload or "")[:200]:
                continue  # it is there after all
            error = failed.get(row.id) or SyncError("server", "empty_body")
            if error.code == "not_found":
                continue
            rows.remove(row)
            if error.code != "not_sent":
                row.direction = "import"
                failures.apply_failure(plan.model.env, row, error, policy=plan.retry_policy, now=self._now())
                unclear.append(row)
        return rows, unclear

    def _read_anew(self, plan: FlowPlan, rows: list[Row]) -> dict[int, SyncError]:
        """Read these records and store what comes. Returns the errors by row."""
        failed: dict[int, SyncError] = {}
        read = plan.operation("read")
        if read is None or plan.asks:  # what a request was answered is not what the record looks like
            return failed
        requests = []
        for row in rows:
            try:
                requests.append(http.build_request(read, variables={"id": row.external_id}, key=row))
            except SyncError:
                continue  # no address can be made of this ID: what is stored counts
        client = self.client()
        self._commit()
        exchanges = list(client.send_many(requests, stop=http.Patience()))
        rest = nested.complete(client, plan, read, exchanges)
        records = []
        for exchange in exchanges:
            try:
                exchange.raise_for_error()
                record = http.read_record(read, exchange.response.body)
            except SyncError as error:
                failed[exchange.request.key.id] = error
                continue  # not there or not reachable: what is stored counts
            if plan.external_id(record) == exchange.request.key.external_id:
                records.append(record)

        pruned = [row.id for row in rows if not row.payload]

        def store():
            if pruned:  # known by its hash, and yet wanted: else it would be left out as unchanged
                self.cr.execute(
                    "UPDATE integration_sync SET content_hash = NULL WHERE id = ANY(%s) AND payload IS NULL", [pruned])
            inbox.store(self.cr, plan, records, now=self._now(), embedded_plans=self._plan)
            self._record_exchanges(plan, [*exchanges, *rest])

        self._lasting(store)
        return failed

    def _parent_failed(self, plan: FlowPlan, external_id: str, error: SyncError) -> None:
        """The record that others wait for cannot come: they fail, and say which one and why."""
        reason = messages.explain(self.env, error)[0]
        message, hint = messages.explain(self.env, SyncError("validation", "parent_failed", params={
            "relation": plan.name, "external_id": external_id, "reason": reason}))
        failed = parents.fail_waiting(
            self.cr, plan.connection.id, f"{plan.resource.id}:{external_id}", message, hint, self._now(), self.env.uid)
        announcing.note_failed(self.env, self._plan, failed, self._now())
