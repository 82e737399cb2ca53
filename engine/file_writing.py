"""Odoo → files: the records of one call are the rows of one file.

Which rows a file holds, and what it is called, is noted and committed before it leaves. A worker that dies leaves that
note: the next one sends the same file under the same name, where it either is already or is not; and then says so on its
records. What has changed in Odoo since follows in another file.
"""

import json
import posixpath
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import SimpleNamespace

from ..core import documents, templates
from ..core.errors import SyncError
from ..transport import formats
from . import http, messages
from .doubts import plain
from .exporter import Exporter
from .outgoing import Outgoing

ONCE = {"If-None-Match": "*"}


@dataclass(slots=True)
class OutFile:
    """One file on its way out: what it holds, and the records of this slice in it."""

    operation: object
    rows: list[int]  # ids of sync records
    bodies: list  # and what each of them looks like
    outgoing: list[Outgoing]
    id: int = 0
    path: str = ""
    state: str = "open"
    size: int | None = None
    checksum: str | None = None
    error: SyncError | None = None
    sent: dict[int, object] = field(default_factory=dict)  # row id → what the file says of it


class FileExporter(Exporter):
    """Exports claimed rows of a flow whose system takes files. A call for a single record is as over HTTP: PUT."""

    def __init__(self, env, plan, now: datetime):
        super().__init__(env, plan, now)
        self.files: list[OutFile] = []

    # -- deciding ------------------------------------------------------------------------------------------

    def _plan_creating(self, outgoing: Outgoing, operation) -> None:
        """A file that was sent twice is there once: nothing has to be looked up, and nothing is in doubt."""
        if not operation.bulk:
            super()._plan_creating(outgoing, operation)
            return
        outgoing.operation = operation
        outgoing.request = self._request(outgoing)
        if not self.plan.external_id(outgoing.request):
            raise SyncError("mapping", "file_without_id", params={"path": self.plan.resource.id_path})
        self.outgoing.append(outgoing)

    def _request(self, outgoing: Outgoing):
        request = super()._request(outgoing)
        operation = outgoing.operation
        if operation.bulk:  # a value that no file of this kind can hold fails its record, and not the whole file
            formats.encode(operation.format, http.wrap_many(operation, [request], {"key": ""}), operation.format_options)
        return request

    def mark_sending(self) -> None:
        result = super().mark_sending()
        self._pack()
        return result

    def _pack(self) -> None:
        """Give every record its file: the one in which an earlier worker was sending it, else a new one."""
        waiting = {outgoing.row.id: outgoing for outgoing in self.outgoing if outgoing.operation.bulk}
        self.files = []
        if not waiting:
            return
        self.cr.execute(
            "SELECT id, folder, row_ids, body FROM integration_file WHERE flow_id = %s AND state = 'open' "
            "AND direction = 'out' ORDER BY id", [self.plan.id])
        for file_id, path, rows, body in self.cr.fetchall():
            mine = [waiting.pop(row_id) for row_id in rows if row_id in waiting]
            if mine:
                file = OutFile(mine[0].operation, rows, json.loads(body), mine, id=file_id, path=path)
                file.sent = dict(zip(rows, file.bodies, strict=True))
                for outgoing in mine:
                    outgoing.overtaken = plain(outgoing.request) != file.sent[outgoing.row.id]
                self.files.append(file)
        new = list(waiting.values())
        for operation in {id(outgoing.operation): outgoing.operation for outgoing in new}.values():
            same = [outgoing for outgoing in new if outgoing.operation is operation]
            for start in range(0, len(same), operation.bulk_limit):
                self._note(operation, same[start:start + operation.bulk_limit])

    def _note(self, operation, outgoing: list[Outgoing]) -> None:
        """A new file, with the next number of its flow."""
        try:
            file = OutFile(
                operation, [each.row.id for each in outgoing], [each.request for each in outgoing], outgoing)
            self.cr.execute(
                "UPDATE integration_flow SET file_number = COALESCE(file_number, 0) + 1 WHERE id = %s "
                "RETURNING file_number",
                [self.plan.id])
            number = self.cr.fetchone()[0]
            file.path = templates.fill_path(operation.path, {
                "number": f"{number:06d}", "date": self.now.strftime("%Y%m%d"), "time": self.now.strftime("%H%M%S")})
            body = documents.dump_json(file.bodies)
        except SyncError as error:  # of the path, or a value that no file can hold
            for each in outgoing:
                self.outgoing.remove(each)
                self._fail(each.row, error)
            return
        file.sent = dict(zip(file.rows, file.bodies, strict=True))
        self.cr.execute(
            "INSERT INTO integration_file (flow_id, connection_id, company_id, direction, folder, name, number, state, "
            "record_count, create_date, row_ids, body, move_pending, in_folder) "
            "VALUES (%s, %s, %s, 'out', %s, %s, %s, 'open', %s, %s, %s, %s, false, false) RETURNING id",
            [self.plan.id, self.plan.connection.id, self.plan.company_id, file.path, posixpath.basename(file.path), number,
             len(outgoing), self.now, json.dumps(file.rows), body])
        file.id = self.cr.fetchone()[0]
        self.files.append(file)

    # -- calling (no transaction open) ---------------------------------------------------------------------

    def _call_in_bulk(self, client) -> list:
        return self._call_all(client, [self._file_request(file) for file in self.files])

    def _file_request(self, file: OutFile):
        # The key stays: a repeat has to be the same to the byte.
        body = http.wrap_many(file.operation, file.bodies, {"key": str(file.id)})
        # The path is ready: what was filled in must not be taken for a placeholder.
        operation = SimpleNamespace(**{**vars(file.operation), "path": ""})
        request = http.build_request(operation, body=body, key=file, secrets=self._sensitive(file.outgoing))
        return replace(
            request, method="PUT", path=file.path, headers={**request.headers, **ONCE}, idempotent=True)

    def _receive_bulk(self, file: OutFile, exchange) -> None:
        for outgoing in file.outgoing:
            outgoing.row.exchange = exchange
        error = file.error = exchange.error
        if error is not None:
            if error.info.scope != "connection" and http.was_sent(exchange):
                file.state = "failed"  # it was not written: the next attempt is another file
            for outgoing in file.outgoing:
                self._call_failed(outgoing, error)
            return
        file.state = "sent"
        file.size, file.checksum = exchange.response.body["size"], exchange.response.body["sha256"]
        for outgoing in file.outgoing:
            try:
                self._recorded(outgoing, None, "", new_id=self.plan.external_id(file.sent[outgoing.row.id]))
            except SyncError as problem:
                self._answer_unusable(outgoing, problem)

    # -- recording -----------------------------------------------------------------------------------------

    def record_files(self) -> None:
        """What became of the files, in one transaction with what became of their records."""
        for file in self.files:
            message, hint = messages.explain(self.env, file.error) if file.error else (None, None)
            told = {outgoing.row.id for outgoing in file.outgoing}
            left = [None if row_id in told else row_id for row_id in file.rows] if file.state == "sent" else file.rows
            # Records of it that this slice does not have hear of it in theirs: until then the file is not let go of.
            state = "open" if file.state == "sent" and any(left) else file.state
            done = state != "open"
            self.cr.execute(
                "UPDATE integration_file SET state = %s, size = %s, checksum = %s, error_message = %s, error_hint = %s, "
                "done_at = %s, body = CASE WHEN %s THEN NULL ELSE body END, "
                "row_ids = CASE WHEN %s THEN NULL ELSE %s::jsonb END WHERE id = %s",
                [state, file.size, file.checksum, message, hint, self.now if done else None, done, done, json.dumps(left),
                 file.id])
