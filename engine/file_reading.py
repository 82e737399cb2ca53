"""Reading files of a folder: a run lists the folder, notes what is new, and then each file is a page of its own.

A file is noted before it is read, and what it holds is stored in one transaction with the note that it was read: each is
read once, whatever dies in between. What cannot be read at all fails by itself and stops no other file; a broken row of a
table is a record that says what is wrong with it. Files that were read are moved where the operation says so, in calls of
their own behind the commit.
"""

import json
import posixpath
from datetime import UTC, datetime
from urllib.parse import quote

from ..core.errors import SyncError
from ..core.tables import BROKEN
from ..transport import Request
from . import bulk, http, inbox, issues, journal, messages
from .fetcher import Fetcher

LIST, READ, MOVE = "LIST", "GET", "MOVE"
_COLUMNS = (
    ("flow_id", "int"), ("connection_id", "int"), ("company_id", "int"), ("run_id", "int"), ("folder", "varchar"),
    ("name", "varchar"), ("size", "numeric"), ("mtime", "numeric"), ("modified_at", "timestamp"),
    ("create_date", "timestamp"),
)


class FileFetcher(Fetcher):
    """The files of one open run, as ``fetcher.py`` reads pages."""

    def __init__(self, env, plan, run_id: int):
        super().__init__(env, plan, run_id)
        self.cr.execute("SELECT paging_state FROM integration_run WHERE id = %s", [run_id])
        state = json.loads(self.cr.fetchone()[0] or "{}")
        self.look = state or {"listed": False}
        self.finished = False
        path, pattern = posixpath.split(self.operation.path.strip("/"))
        self.folder, self.pattern = path, pattern or "*"

    # -- asking --------------------------------------------------------------------------------------------

    def _request(self, state: dict):
        return self._next(state)

    def request(self, now: datetime):
        try:
            request = self._next(self.look)
        except SyncError as error:
            self._failed(error, now)
            return None
        if request is None:  # stopped, or read by hand meanwhile
            self._finish(now)
        return request

    def request_after(self, exchange):
        """Which file comes next is known when this one is stored."""
        return None

    def _next(self, state: dict):
        """The next call of this run: what was read is moved first; None when there is nothing left to do."""
        if not state["listed"]:
            return Request(LIST, quote(self.folder), query={"pattern": self.pattern}, idempotent=True, key=(LIST, None))
        self.cr.execute(
            "SELECT id, name, state FROM integration_file WHERE flow_id = %s AND direction = 'in' "
            "AND (state = 'new' OR state = 'read' AND move_pending) "
            "ORDER BY state = 'new', mtime, name, id LIMIT 1", [self.plan.id])
        found = self.cr.fetchone()
        if found is None:
            return None
        file_id, name, file_state = found
        path = quote(posixpath.join(self.folder, name), safe="/")
        if file_state == "read":
            target = posixpath.join(self.folder, self.operation.done_folder.strip("/"), name)
            return Request(
                MOVE, path, headers={"Destination": quote(target)}, idempotent=True, key=(MOVE, file_id))
        options = dict(self.operation.format_options)
        if self.operation.format == "csv":
            options["keep_broken"] = True
        return Request(
            READ, path, format=self.operation.format, format_options=options, idempotent=True, key=(READ, file_id))

    # -- storing -------------------------------------------------------------------------------------------

    def store(self, exchange, now: datetime, embedded_plans) -> bool:
        more = super().store(exchange, now, embedded_plans)
        if self.finished:
            self._tell_failed(now)
        return more

    def _store(self, exchange, now: datetime, embedded_plans):
        kind, file_id = exchange.request.key
        error = exchange.error
        if error is not None and (
                kind == LIST or error.info.scope == "connection" and error.code != "file_failed"):
            raise error
        if kind == LIST:
            self._note_listed(exchange.response.body["files"], now)
            self.look = {"listed": True}
        elif kind == MOVE:
            self._note_moved(file_id, exchange, now)
        elif error is None:
            try:
                with self.cr.savepoint():
                    self._store_file(file_id, exchange, now, embedded_plans)
            except SyncError as problem:
                exchange.error = problem  # so that its content is kept and can be looked at
                self._file_failed(file_id, problem, now)
        else:
            self._file_failed(file_id, error, now)
        following = self.look if self._next(self.look) is not None else None
        self.finished = following is None
        self.cr.execute(
            "UPDATE integration_run SET paging_state = %s, fetching = %s, attempts = 0, next_try_at = NULL, "
            "error_class = NULL, message = NULL WHERE id = %s",
            [json.dumps(following) if following else None, following is not None, self.run_id])
        return following

    def _move_watermark(self, now: datetime) -> None:
        """Files are known one by one."""

    def _note_listed(self, files: list[dict], now: datetime) -> None:
        """Note what was not there before. A newer version of a file is a new file, and one that was not read is gone."""
        plan = self.plan
        seen = [(
            plan.id, plan.connection.id, plan.company_id, self.run_id, self.folder, file["name"], file["size"],
            file["modified"], datetime.fromtimestamp(file["modified"], UTC).replace(tzinfo=None), now) for file in files]
        if seen:
            bulk.run(
                self.cr,
                "INSERT INTO integration_file AS f ({names}, direction, state, in_folder, seen_at, move_pending) "
                "SELECT v.*, 'in', 'new', true, v.create_date, false FROM {rows} AS v "
                "ON CONFLICT (flow_id, name, size, mtime) WHERE direction = 'in' DO UPDATE SET in_folder = true, "
                "seen_at = EXCLUDED.seen_at, folder = EXCLUDED.folder, "
                "state = CASE f.state WHEN 'gone' THEN 'new' ELSE f.state END", _COLUMNS, seen)
        self.cr.execute(
            "UPDATE integration_file f SET in_folder = false WHERE flow_id = %s AND direction = 'in' AND in_folder "
            "AND NOT EXISTS (SELECT 1 FROM unnest(%s::varchar[], %s::float[], %s::float[]) AS listed(name, size, mtime) "
            "WHERE listed.name = f.name AND listed.size = f.size AND listed.mtime = f.mtime)",
            [plan.id, *([file[key] for file in files] for key in ("name", "size", "modified"))])
        self.cr.execute(
            "UPDATE integration_file SET state = 'gone', done_at = %s WHERE flow_id = %s AND direction = 'in' "
            "AND state IN ('new', 'failed') AND NOT in_folder", [now, plan.id])

    def _store_file(self, file_id: int, exchange, now: datetime, embedded_plans) -> None:
        plan = self.plan
        records = http.split(self.operation, self._records(exchange.response.body))
        stored = inbox.store(
            self.cr, plan, records, now=now, run_id=self.run_id, embedded_plans=embedded_plans)
        journal.add_to_run(
            self.cr, self.run_id, page_count=1, read_count=stored.read, unchanged_count=stored.unchanged,
            excluded_count=stored.excluded, older_count=stored.older)
        self.queued = stored.queued
        self.cr.execute(
            "UPDATE integration_file SET state = 'read', record_count = %s, done_at = %s, run_id = %s, "
            "error_message = NULL, error_hint = NULL, move_pending = %s WHERE id = %s",
            [len(records), now, self.run_id, bool(self.operation.done_folder), file_id])

    def _records(self, body) -> list:
        """The records of a file; one that holds a single object is that record."""
        if isinstance(body, dict) and BROKEN not in body and not self.operation.records_path:
            return [body]
        return http.records_of(self.operation, body)

    def _file_failed(self, file_id: int, error: SyncError, now: datetime) -> None:
        if error.info.retried:  # it is being written: the next run reads it
            self.cr.execute("DELETE FROM integration_file WHERE id = %s", [file_id])  # it will be another version
            return
        message, hint = messages.explain(self.env, error)
        state = "gone" if error.code == "not_found" else "failed"
        self.cr.execute(
            "UPDATE integration_file SET state = %s, error_message = %s, error_hint = %s, done_at = %s, run_id = %s "
            "WHERE id = %s", [state, message, hint, now, self.run_id, file_id])
        if state == "failed":
            journal.add_to_run(self.cr, self.run_id, failed_count=1)

    def _note_moved(self, file_id: int, exchange, now: datetime) -> None:
        if exchange.error is None:
            self.cr.execute(
                "UPDATE integration_file SET move_pending = false, moved_to = %s, in_folder = false, seen_at = %s "
                "WHERE id = %s",
                [self.operation.done_folder, now, file_id])
            return
        message, hint = messages.explain(self.env, exchange.error)
        self.cr.execute(
            "UPDATE integration_file SET move_pending = false, error_message = %s, error_hint = %s WHERE id = %s",
            [message, hint, file_id])

    def _finish(self, now: datetime) -> None:
        self.cr.execute(
            "UPDATE integration_run SET fetching = false, paging_state = NULL WHERE id = %s", [self.run_id])
        self._tell_failed(now)

    def _tell_failed(self, now: datetime) -> None:
        """At the end of a run: an issue for as long as files wait for somebody."""
        self.cr.execute(
            "SELECT count(*), (array_agg(name ORDER BY id DESC))[1], (array_agg(error_message ORDER BY id DESC))[1] "
            "FROM integration_file WHERE flow_id = %s AND direction = 'in' AND state = 'failed'", [self.plan.id])
        count, name, reason = self.cr.fetchone()
        if not count:
            return
        error = SyncError("validation", "files_failed", params={"count": count, "name": name, "reason": reason})
        message, hint = messages.explain(self.env, error)
        issues.note_run(self.cr, self.plan, error, message, hint, now, retried=False)
        self.cr.execute("UPDATE integration_run SET message = %s WHERE id = %s AND state = 'open'", [message, self.run_id])
