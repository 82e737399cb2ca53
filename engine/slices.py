"""The worker's part that does one slice of a flow, in or out, and records what came of it."""

import logging
import time
from datetime import datetime

from odoo import fields

from . import announcing, doubts, guards, hiding, journal, messages, parents
from .exporter import Exporter
from .file_writing import FileExporter
from .importer import Importer
from .plan import FlowPlan
from .requesting import AnswerImporter, Requester
from .rows import Row, load_rows

_logger = logging.getLogger(__name__)


class Slices:
    """Part of the worker: work on claimed records of one flow and one kind."""

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
        for row in rows:
            row.let_go()
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
                    if exporter.looks_first:  # what the later calls have made
                        self._lasting(exporter.record_links)

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
