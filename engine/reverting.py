"""Putting back what a run has written, where it is still what the run wrote.

The history says what each run changed. Values are looked at record by record: in Odoo first, then over there, a batch
in a transaction each, so that an interrupted revert goes on where it was. What somebody has changed since is left, and
listed with who and when.

What is put back stands against what the other side holds, and both are remembered as known (``agreed``): an import or
export changes nothing until that side changes again.
"""

from datetime import datetime, timedelta

from ..core import documents
from . import bulk, capture, failures, journal, messages
from .exporter import Exporter
from .items import put, shown
from .mapper import read_value
from .outgoing import Outgoing
from .plan import FlowPlan
from .revertible import PAGE, Entry, Judge, Touched, records_of, told
from .rows import load_any

# A call that failed because of the other system is tried so often, with growing pauses.
ATTEMPTS = 6
FIRST_PAUSE = 5


class Reverter:
    """Does the next batch of a revert. Part of the worker's background; see ``background.py``."""

    def __init__(self, worker, run_id: int):
        self.worker = worker
        self.env = worker.env
        self.cr = worker.cr
        self.run_id = run_id
        self.cr.execute(
            "SELECT flow_id, reverted_run_id, revert_created, revert_until, revert_side, revert_position, attempts, user_id "
            "FROM integration_run WHERE id = %s AND state = 'reverting'", [run_id])
        found = self.cr.fetchone()
        self.open = bool(found and found[1])
        if not self.open:
            return
        flow_id, self.reverted_id, created, self.until, self.side, self.position, attempts, self.user_id = found
        self.attempts = attempts or 0
        self.plan = worker._plan(flow_id)
        self.judge = Judge(self.env, self.plan, created or "leave")

    def step(self, held) -> int:
        """One batch. Returns how many records it looked at."""
        if not self.open:
            self._close("done")
            return 1
        limit = min(PAGE, self.worker._slice_limit(0, "reverting", PAGE))
        if self.side == "external":
            limit = 1 if self.worker._probing else min(limit, 100)
        batch = records_of(self.cr, self.reverted_id, self.until, _direction(self.side), self.position or 0, limit)
        if not batch:
            self._next_side()
            return 1
        free = held.take([touched.id for touched in batch])
        batch = batch[:next((nr for nr, touched in enumerate(batch) if touched.id not in free), len(batch))]
        if not batch:  # the first one is being worked on
            self._put_off(2)
            return 1
        ids = [touched.id for touched in batch]
        self.worker._commit()  # what was finished until just now is seen from here
        batch = [touched for touched in records_of(
            self.cr, self.reverted_id, self.until, _direction(self.side), ids[0] - 1, len(ids)) if touched.id in ids]
        (self._in_odoo if self.side == "odoo" else self._over_there)(batch, ids[-1])
        self.env.invalidate_all(flush=False)
        return len(ids)

    def _next_side(self) -> None:
        if self.side == "odoo":
            self.cr.execute(
                "UPDATE integration_run SET revert_side = 'external', revert_position = 0 WHERE id = %s", [self.run_id])
        else:
            self._close("done")
        self.worker._commit()

    def _close(self, state: str) -> None:
        self.cr.execute(
            "UPDATE integration_run SET state = %s, ended_at = %s WHERE id = %s AND state = 'reverting'",
            [state, self.worker._now(), self.run_id])

    def _put_off(self, seconds: float) -> None:
        self.cr.execute(
            "UPDATE integration_run SET next_try_at = %s, attempts = COALESCE(attempts, 0) + 1 WHERE id = %s",
            [self.worker._now() + timedelta(seconds=seconds), self.run_id])
        self.worker._commit()

    # -- in Odoo -------------------------------------------------------------------------------------------

    def _in_odoo(self, batch: list[Touched], last_id: int) -> None:
        entries = self.judge.judge(batch, "import")
        writes: dict[int, list[Entry]] = {}
        for entry in entries:
            if entry.what == "put_back":
                writes.setdefault(entry.touched.id, []).append(entry)
        self._try(list(writes.values()), self._write)
        for what, act in (("archive", self._archive), ("delete", self._delete)):
            self._try([[entry] for entry in entries if entry.what == what], act)
        self._remember(entries)
        self._record(entries, "import", last_id)
        self.worker._commit()

    def _try(self, jobs: list[list[Entry]], act) -> None:
        """Do it for all records under one savepoint; on failure for halves of them, down to the guilty one."""
        if not jobs:
            return
        try:
            with self.cr.savepoint():
                act(jobs)
                self.plan.model.env.flush_all()
        except Exception as error:
            if failures.is_concurrency(error):
                raise
            if len(jobs) > 1:
                middle = len(jobs) // 2
                self._try(jobs[:middle], act)
                self._try(jobs[middle:], act)
                return
            known = failures.from_exception(self.plan.model.env, self.plan.model_name, error)
            for entry in jobs[0]:
                entry.what, entry.reason, entry.detail = "left", "refused", messages.explain(self.env, known)[0]

    def _write(self, jobs: list[list[Entry]]) -> None:
        groups: dict[str, tuple[dict, list[int]]] = {}
        for entries in jobs:
            vals: dict = {}
            for entry in entries:
                put(vals, entry.rule, entry.before)
            key = repr(sorted(vals.items(), key=lambda pair: pair[0]))
            groups.setdefault(key, (vals, []))[1].append(entries[0].record.id)
        for vals, ids in groups.values():
            self.plan.model.browse(ids).write(vals)

    def _archive(self, jobs: list[list[Entry]]) -> None:
        self.plan.model.browse([entry.record.id for entry, in jobs]).action_archive()

    def _delete(self, jobs: list[list[Entry]]) -> None:
        with capture.origin(self.plan.id):  # it came from there, and is not to be deleted there
            self.plan.model.browse([entry.record.id for entry, in jobs]).unlink()

    def _remember(self, entries: list[Entry]) -> None:
        """Both sides are known now: an import changes nothing until the other system changes the value again."""
        agreed: dict[int, dict] = {}
        for entry in entries:
            if entry.what == "put_back":
                agreed.setdefault(entry.touched.id, {})[entry.code] = dict(
                    entry.touched.agreed[entry.code], o=read_value(entry.rule, entry.record))
        bulk.run(
            self.cr, "UPDATE integration_sync s SET agreed = COALESCE(s.agreed, '{}'::jsonb) || v.agreed "
            "FROM {rows} AS v WHERE s.id = v.id", (("id", "int"), ("agreed", "jsonb")),
            [(sync_id, documents.dump_json(values)) for sync_id, values in agreed.items()])
        gone = [entry.touched for entry in entries if entry.what == "delete"]
        if gone:
            connection_id, resource_id = self.plan.connection.id, self.plan.resource.id
            journal.delete_record_links(
                self.cr, connection_id, resource_id, self.plan.model_name, [touched.res_id for touched in gone])
            if any(rule.kind == "lines" for rule in self.plan.rules):
                for touched in gone:
                    journal.delete_document_links(self.cr, connection_id, resource_id, touched.external_id or "")
            # Known by its hash: it comes again only when it changes over there.
            self.cr.execute(
                "UPDATE integration_sync SET state = 'skipped', res_id = NULL, agreed = NULL, due_at = NULL, "
                "import_pending = false, export_pending = false, delete_pending = false, conflicts = NULL, "
                "waiting_for = NULL, issue_id = NULL WHERE id = ANY(%s)", [[touched.id for touched in gone]])

    # -- over there ----------------------------------------------------------------------------------------

    def _over_there(self, batch: list[Touched], last_id: int) -> None:
        """Send the former values, in calls with no transaction open; record what came of them."""
        entries = self.judge.judge(batch, "export")
        sends: dict[int, list[Entry]] = {}
        for entry in entries:
            if entry.what == "put_back":
                sends.setdefault(entry.touched.id, []).append(entry)
        exporter = FormerExporter(self.env, self.plan, self.worker._now())
        if sends:
            exporter.plan_former(self.cr, sends)
        rows = []
        if exporter.outgoing or exporter.reads:
            client = self.worker.client()
            self.worker._commit()
            if exporter.reads:
                exporter.send_lookups(client)
            exporter.send(client)
            rows = [outgoing.row for outgoing in exporter.planned]
        last_id = self._hear(exporter, sends, last_id)
        sent = [row for row in rows if not row.error and row.settled]

        def record():
            now = self.worker._now()
            exchange_ids = {}
            if exporter.exchanges:
                self.worker._note_health(exporter.exchanges)
                exchange_ids = journal.insert_exchanges(
                    self.cr, self.plan, self.run_id, exporter.exchanges,
                    lambda error: messages.explain(self.env, error)[0])
                journal.add_to_run(self.cr, self.run_id, call_count=len(exporter.exchanges))
            journal.finish(self.cr, self.plan, sent, now)
            recorded = {row.id for row in sent}
            self._record(
                [entry for entry in entries if entry.touched.id in recorded or last_id and entry.touched.id <= last_id],
                "export", last_id, {row.id: exchange_ids.get(id(row.exchange)) for row in sent})

        self.worker._lasting(record)

    def _hear(self, exporter, sends: dict[int, list[Entry]], last_id: int) -> int | None:
        """What the calls have come to. Returns the id up to which the records are done: what failed because of the system,
        and what comes behind it, is tried again. None: nothing is done."""
        stopped = None
        for outgoing in sorted(exporter.planned, key=lambda each: each.row.id):
            row, error = outgoing.row, outgoing.row.error
            if error is None and row.import_pending and row.outcome == "":
                self._left(sends[row.id], "newer_there")
            elif error is not None and self.attempts < ATTEMPTS and (
                    error.info.retried or error.info.scope == "connection"):
                stopped = row.id if stopped is None else stopped
            elif error is not None:
                self._left(sends[row.id], "failed", messages.explain(self.env, error)[0])
        if stopped is None:
            return last_id
        pause = FIRST_PAUSE * 3 ** self.attempts
        self.worker._lasting(lambda: self.cr.execute(
            "UPDATE integration_run SET next_try_at = %s, attempts = COALESCE(attempts, 0) + 1 WHERE id = %s",
            [self.worker._now() + timedelta(seconds=pause), self.run_id]))
        return max((outgoing.row.id for outgoing in exporter.planned if outgoing.row.id < stopped), default=None)

    @staticmethod
    def _left(entries: list[Entry], reason: str, detail: str = "") -> None:
        for entry in entries:
            entry.what, entry.reason, entry.detail = "left", reason, detail

    # -- recording -----------------------------------------------------------------------------------------

    def _record(self, entries: list[Entry], direction: str, last_id: int | None, exchange_ids=None) -> None:
        """History of the records, list of what was left, counts, and how far it is."""
        now = self.worker._now()
        done: dict[int, dict] = {}
        for entry in entries:
            if entry.what in ("put_back", "archive", "delete"):
                changes = done.setdefault(entry.touched.id, {})
                if entry.rule is not None:
                    changes[entry.code] = [shown(entry.rule, entry.after), shown(entry.rule, entry.before)] \
                        if direction == "import" else [entry.after, entry.before]
        text = self.env._("Put back what run #%(run)s had written.", run=self.reverted_id)
        bulk.run(self.cr, "INSERT INTO integration_log ({names}) SELECT * FROM {rows} AS v", _LOG_COLUMNS, [
            (sync_id, self.plan.id, self.plan.company_id, self.run_id, (exchange_ids or {}).get(sync_id), now, direction,
             "reverted", text, documents.dump_json(changes) if changes else None, 0, self.user_id)
            for sync_id, changes in done.items()])
        left = [(entry, told(self.env, self.plan, entry, direction)) for entry in entries if entry.what == "left"]
        bulk.run(self.cr, "INSERT INTO integration_revert_line ({names}) SELECT * FROM {rows} AS v", _LINE_COLUMNS, [
            (self.run_id, entry.touched.id, self.plan.id, self.plan.company_id, self.plan.model_name, entry.touched.res_id,
             line["name"][:200], line["side"], line["field"], entry.reason, line["reason"], line["before"], line["after"],
             entry.who[:200], entry.when, now)
            for entry, line in left])
        self.cr.execute(
            "UPDATE integration_run SET revert_position = COALESCE(%s, revert_position), "
            "read_count = COALESCE(read_count, 0) + %s, updated_count = COALESCE(updated_count, 0) + %s, "
            "unchanged_count = COALESCE(unchanged_count, 0) + %s, "
            "left_count = COALESCE(left_count, 0) + %s, put_back_count = COALESCE(put_back_count, 0) + %s, "
            "next_try_at = CASE WHEN next_try_at > %s THEN next_try_at END, "
            "attempts = CASE WHEN next_try_at > %s THEN attempts ELSE 0 END WHERE id = %s",
            [last_id, len({entry.touched.id for entry in entries}), len(done),
             sum(entry.what == "same" for entry in entries), len(left),
             sum(entry.what in ("put_back", "archive", "delete") for entry in entries), now, now, self.run_id])


_LOG_COLUMNS = (
    ("sync_id", "int"), ("flow_id", "int"), ("company_id", "int"), ("run_id", "int"), ("exchange_id", "int"),
    ("create_date", "timestamp"), ("direction", "varchar"), ("outcome", "varchar"), ("message", "text"),
    ("changes", "jsonb"), ("duration_ms", "int"), ("user_id", "int"),
)
_LINE_COLUMNS = (
    ("run_id", "int"), ("sync_id", "int"), ("flow_id", "int"), ("company_id", "int"), ("model", "varchar"),
    ("res_id", "int"), ("name", "varchar"), ("side", "varchar"), ("field", "varchar"), ("reason_code", "varchar"),
    ("reason", "text"), ("before", "text"), ("after", "text"), ("changed_by", "varchar"), ("changed_at", "timestamp"),
    ("create_date", "timestamp"),
)


def _direction(side: str) -> str:
    return "import" if side == "odoo" else "export"


class FormerExporter(Exporter):
    """Sends former values instead of Odoo's: both sides are known to differ then."""

    def __init__(self, env, plan: FlowPlan, now: datetime):
        super().__init__(env, plan, now)
        self.planned: list[Outgoing] = []

    def plan_former(self, cr, sends: dict[int, list[Entry]]) -> None:
        """One update for each record, with the values that it had over there before."""
        rows = {row.id: row for row in load_any(cr, list(sends))}
        records = self.plan.model.browse([entries[0].record.id for entries in sends.values()])
        self.mapper.prepare(records)
        self._line_ids(records)
        if self.plan.switching:
            self._switched = self.plan.switched(records)
        for sync_id, entries in sends.items():
            row = rows[sync_id]
            row.direction, row.settled, row.error = "export", False, None
            outgoing = Outgoing(row, entries[0].record, external_id=entries[0].touched.external_id)
            try:
                for entry in entries:
                    outgoing.values[entry.code] = entry.before
                    outgoing.odoo[entry.code] = read_value(entry.rule, entry.record)
                    outgoing.changed.append(entry.rule)
                self.planned.append(outgoing)
                self._plan_update(outgoing)
            except Exception as error:
                self._raise_if_of_database(error)
                self._fail(row, self._told(error))
