"""Odoo → external, in three steps: decide in a transaction, call with no transaction open, record the results.

Before a create leaves, the record says so (``create_sent`` and an idempotency key, committed). A worker that dies
after the call thus leaves a trace, and the next one looks the record up before it sends again. Mark and key live
exactly as long as it is open whether the create was carried out.
"""

import uuid

from ..core import documents, graphql, paths
from ..core.classify import extract_message
from ..core.comparison import same_value
from ..core.errors import SyncError
from ..core.recency import is_older
from . import failures, http, inbox, journal, messages, nested
from .doubts import Doubts
from .export_deleted import ExportDeleted
from .export_files import ExportFiles
from .export_matching import ExportMatching
from .items import external_side
from .mapper import external_values
from .outgoing import ExportPlanner, Outgoing, harmless_to_repeat
from .rows import Row


class Exporter(ExportFiles, ExportMatching, ExportDeleted, Doubts, ExportPlanner):
    """Exports claimed rows of one flow. ``prepare`` and the ``record_*`` methods run inside transactions, ``send``
    outside."""

    # -- calling (no transaction open) ---------------------------------------------------------------------

    def send_lookups(self, client) -> None:
        """First calls of records that have to be looked up or read before they are written."""
        finds, reads, self.finds, self.reads = self.finds, self.reads, [], []
        asked = {id(outgoing) for outgoing in finds}
        exchanges = self._call_all(client, [outgoing.request for outgoing in (*finds, *reads)])
        if self.plan.rests and self.plan.imports:  # what is found or read is imported
            for kind in ("find", "read"):
                self.exchanges += nested.complete(client, self.plan, self.plan.operation(kind), [
                    exchange for exchange in exchanges if (id(exchange.request.key) in asked) == (kind == "find")])
        for exchange in exchanges:
            outgoing = exchange.request.key
            outgoing.row.exchange = exchange
            if exchange.error is not None:
                self._lookup_failed(outgoing, exchange.error)
                continue
            try:
                if id(outgoing) in asked:
                    self._after_find(outgoing, exchange)
                else:
                    self._after_read(outgoing, exchange)
            except SyncError as error:
                self._fail(outgoing.row, error)

    def _lookup_failed(self, outgoing: Outgoing, error: SyncError) -> None:
        self._fail(outgoing.row, error)

    def _after_find(self, outgoing: Outgoing, exchange) -> None:
        record = self._meant(outgoing, exchange.response.body)
        if record is not None:
            self.found.append((outgoing, record))
        elif outgoing.operation is None:
            self._not_created(outgoing.row)
        elif outgoing.row.created_said and outgoing.repeat and not harmless_to_repeat(outgoing.operation):
            # A person has said that it is there: it is not created a second time because a look-up does not find it.
            self._unknown(outgoing.row, SyncError("validation", "created_not_found", params={"keys": self._key_labels()}))
        else:
            outgoing.request = self._request(outgoing)
            self.outgoing.append(outgoing)

    def adopt_found(self) -> None:
        """Link the records that the look-ups have found, unless they belong to other Odoo records already."""
        found, self.found = self.found, []
        if not found:
            return
        external_ids = [self.plan.external_id(record) for _outgoing, record in found]
        taken = journal.find_links(self.cr, self.plan.connection.id, self.plan.resource.id, external_ids)
        for (outgoing, record), external_id in zip(found, external_ids, strict=True):
            row = outgoing.row
            try:
                other = taken.setdefault(external_id, row.res_id)
                if other != row.res_id:
                    raise self._taken_by(other, external_id)
                self._recorded(outgoing, record, "linked")
                row.agreed = self._equal_values(outgoing, record)
            except SyncError as error:
                self._fail(row, error)
                continue
            row.changes = {}
            row.export_pending = True  # what differs is sent by the next slice
            if self.plan.imports:
                self._receive_record(row, record)
            row.settle("pending", "linked", due_at=self.now)

    def _receive_record(self, row: Row, record: dict) -> None:
        """A look-up has brought the present state over there: it is imported before anything is sent."""
        row.payload, row.content_hash = documents.dump_json(record), inbox.content_of(self.plan, record)
        row.import_pending = True
        row.answered = inbox.age_of(self.plan, record)

    def _equal_values(self, outgoing: Outgoing, record: dict) -> dict:
        """The fields in which a record that was found over there equals ours: these need not be sent."""
        there = external_values(self.plan, self.plan.merge_rules, record)
        return {
            rule.code: self._agreement(
                rule, outgoing.record, outgoing.odoo[rule.code], external_side(rule, there[rule.code]))
            for rule in outgoing.changed
            if same_value(external_side(rule, outgoing.values[rule.code]), external_side(rule, there[rule.code]))
        }

    def _after_read(self, outgoing: Outgoing, exchange) -> None:
        if not outgoing.changed:
            self._after_file_look(outgoing, exchange)
            return
        read = self.plan.operation("read")
        record = http.read_record(read, exchange.response.body)
        content_hash = inbox.content_of(self.plan, record)
        # A state that is older than the known one comes from a copy that lags behind: nothing new.
        if content_hash != outgoing.row.content_hash and not is_older(
                inbox.age_of(self.plan, record), outgoing.row.age):
            # It changed over there meanwhile: the importer merges both sides, then what is Odoo's goes out.
            self._receive_record(outgoing.row, record)
            outgoing.row.settle("pending", "", due_at=self.now)
        else:
            outgoing.request = self._request(outgoing)
            self.outgoing.append(outgoing)

    def send(self, client) -> None:
        """Send all writes, several at once within the connection's limits."""
        singles = self._call_all(
            client, [outgoing.request for outgoing in self.outgoing if not outgoing.operation.bulk])
        bulks = self._call_in_bulk(client)
        for exchange in singles:
            self._receive(exchange.request.key, exchange)
        for exchange in bulks:
            self._receive_bulk(exchange.request.key, exchange)

    def _call_in_bulk(self, client) -> list:
        """Calls for many records each. Where one record makes the other system refuse the whole call, halves are sent
        until it stands alone: never more than twice as many calls as records."""
        chunks, done = self._bulk_chunks(), []
        while chunks:
            refused = []
            for exchange in self._call_all(client, [self._bulk_request(chunk) for chunk in chunks]):
                chunk, error = exchange.request.key, exchange.error
                if self._is_halved(chunk, error, exchange):
                    refused.append(chunk)
                else:
                    done.append(exchange)
            chunks = [half for chunk in refused
                      for half in (chunk[:len(chunk) // 2], chunk[len(chunk) // 2:])]
        return done

    def _is_halved(self, chunk: list[Outgoing], error, exchange) -> bool:
        """Refused as a whole: by a status, or an update in whatever way; unless the answer itself names the guilty. New
        records in an answer that says 200 may partly have been made: they are not sent again."""
        if len(chunk) < 2 or error is None or error.error_class != "validation" or error.outcome_unknown:
            return False
        operation, answer = chunk[0].operation, exchange.response
        harmless = operation.kind == "update" or answer is None or answer.status >= 400
        return harmless and not self._refused_items(operation, exchange)

    def _bulk_chunks(self) -> list[list[Outgoing]]:
        bulks = [outgoing for outgoing in self.outgoing if outgoing.operation.bulk]
        chunks = []
        for operation in {id(outgoing.operation): outgoing.operation for outgoing in bulks}.values():
            same = [outgoing for outgoing in bulks if outgoing.operation is operation]
            chunks += [same[start:start + operation.bulk_limit] for start in range(0, len(same), operation.bulk_limit)]
        return chunks

    def _bulk_request(self, chunk: list[Outgoing]):
        operation = chunk[0].operation
        body = http.wrap_many(operation, [outgoing.request for outgoing in chunk], {"key": str(uuid.uuid4())})
        return http.build_request(operation, body=body, key=chunk, secrets=self._sensitive(chunk))

    def _receive(self, outgoing: Outgoing, exchange) -> None:
        outgoing.row.exchange = exchange
        outgoing.row.duration_ms = int(exchange.duration_ms)
        if exchange.error is not None:
            self._call_failed(outgoing, exchange.error)
            return
        try:
            body = exchange.response.body
            self._recorded(
                outgoing, http.unwrap(outgoing.operation, body), "", new_id=http.new_id(outgoing.operation, body))
        except SyncError as error:
            self._answer_unusable(outgoing, error)

    def _receive_bulk(self, chunk: list[Outgoing], exchange) -> None:
        for outgoing in chunk:
            outgoing.row.exchange = exchange
        operation = chunk[0].operation
        if exchange.error is not None:
            refused = self._refused_items(operation, exchange)
            for number, outgoing in enumerate(chunk):
                error = exchange.error if not refused else refused.get(number) or SyncError(
                    "concurrency", "not_sent", params={"reason": "stopped"})
                self._call_failed(outgoing, error)
            return
        if operation.bulk_result_path:
            results = paths.get(operation.bulk_result_path, exchange.response.body)
        else:  # a mutation that succeeded says nothing about its items but that none was refused
            results = [None] * len(chunk) if operation.document else exchange.response.body
        results = results if isinstance(results, list) else []
        for number, outgoing in enumerate(chunk):
            try:
                if number >= len(results):
                    raise SyncError("validation", "bulk_item_missing", params={})
                result = results[number]
                problem = paths.get(operation.bulk_error_path, result) if operation.bulk_error_path else None
                if problem:
                    self._call_failed(outgoing, SyncError("validation", "refused_in_answer", params={
                        "message": extract_message(problem) or str(problem)[:300]}))
                else:
                    self._recorded(outgoing, result, "", new_id=http.new_id(operation, result))
            except SyncError as error:
                self._answer_unusable(outgoing, error)

    @staticmethod
    def _refused_items(operation, exchange) -> dict[int, SyncError]:
        """Which records a mutation for several has refused. None of them was carried out then: the others are sent again
        without the guilty ones."""
        if not operation.document or operation.kind != "update" or exchange.error.code != "refused_in_answer":
            return {}
        return {number: SyncError("validation", "refused_in_answer", params={"message": message})
                for number, message in graphql.refused_items(exchange.response.body, operation.bulk_path or "").items()}

    def _call_failed(self, outgoing: Outgoing, error: SyncError) -> None:
        row = outgoing.row
        self._fail(row, error)
        if outgoing.operation.kind != "create":
            return
        if error.outcome_unknown:
            self._create_in_doubt(outgoing, error)
        elif outgoing.repeat and row.state == "failed":
            # This attempt was refused; whether an earlier one was carried out is as open as before.
            self._create_in_doubt(outgoing, error)
        elif not outgoing.repeat:
            self._outcome_known(row)

    def _answer_unusable(self, outgoing: Outgoing, error: SyncError) -> None:
        """The other system accepted the call, but its answer does not say what we need."""
        self._fail(outgoing.row, error)
        if outgoing.operation.kind == "create":
            self._create_in_doubt(outgoing, error)

    def _create_in_doubt(self, outgoing: Outgoing, error: SyncError) -> None:
        """A create that may have been carried out: harmless to repeat, or looked up first, or a person decides."""
        row = outgoing.row
        row.create_sent = True
        can_verify = harmless_to_repeat(outgoing.operation) or self._lookup_request(outgoing) is not None
        if not can_verify or row.state == "failed":
            self._unknown(row, error)

    def _unknown(self, row: Row, cause: SyncError | None = None) -> None:
        error = SyncError("timeout", "outcome_unknown", outcome_unknown=True)
        message, hint = messages.explain(self.plan.model.env, error)
        if cause is not None:
            message = f"{message} {messages.explain(self.plan.model.env, cause)[0]}"
        row.error = error
        row.settle("unknown", "unknown", message=message)
        row.hint = hint

    @staticmethod
    def _outcome_known(row: Row) -> None:
        """The next create is a new one, not the repeat of this one."""
        row.create_sent, row.idempotency_key = False, None

    def _recorded(self, outgoing: Outgoing, answer, outcome: str, *, new_id: str = "") -> None:
        """The call succeeded: remember the external ID first, then what both sides agreed on."""
        row, record = outgoing.row, answer if isinstance(answer, dict) else None
        creating = not outgoing.external_id
        if creating:
            external_id = new_id or (self.plan.external_id(record) if record else "")
            if not external_id:
                raise SyncError("validation", "missing_external_id_in_answer", params={
                    "path": self.plan.resource.id_path}, outcome_unknown=True)
            outgoing.external_id = row.external_id = external_id
            self.links.append((external_id, row.res_id, None))
        self._link_lines(outgoing, record)
        self._outcome_known(row)
        row.export_pending = False
        row.attempts = 0
        row.error = row.error_key = row.waiting_for = row.hint = row.detail = None
        row.changes = {rule.code: [
            None if rule.sensitive else (row.agreed.get(rule.code) or {}).get("e"),
            "•••" if rule.sensitive else outgoing.values.get(rule.code)] for rule in outgoing.changed}
        self._agree(outgoing, record)
        if outgoing.overtaken:
            self._overtaken(outgoing, record)
        elif row.import_pending:
            row.settle("pending", outcome or "updated", due_at=self.now)
        elif row.conflicts:
            failures.settle_conflict(self.plan, row, outcome or "updated", now=self.now)
        else:
            row.settle("synced", outcome or ("created" if creating else "updated"))
        if self.plan.watches_files and record is not None and outcome != "linked":
            self._watch_files(outgoing, record)

    def _agree(self, outgoing: Outgoing, answer: dict | None) -> None:
        """What both sides hold now: the answer's own form where it tells, else what was sent."""
        row = outgoing.row
        agreed = dict(row.agreed)
        try:
            answered = external_values(self.plan, self.plan.merge_rules, answer) if answer else {}
        except SyncError:
            answered = {}
        for rule in self.plan.merge_rules:
            if rule in outgoing.changed:
                external = answered.get(rule.code)
                if external is None:
                    external = outgoing.values.get(rule.code)
                agreed[rule.code] = self._agreement(
                    rule, outgoing.record, outgoing.odoo[rule.code], external_side(rule, external))
        row.agreed = agreed
        if answer and self.plan.imports and self.plan.external_id(answer) == row.external_id:
            self._heed_answer(outgoing, answer, answered)

    def _heed_answer(self, outgoing: Outgoing, answer: dict, answered: dict) -> None:
        """The answer shows the record as it is over there now. What was changed there since it was last read stands in it
        as well: it is imported, for after this answer the record is known and a list would not bring it any more.

        An answer that leaves out what both sides have agreed on says nothing about the rest: the next list does.
        """
        row = outgoing.row
        others = [rule for rule in self.plan.import_rules
                  if rule.kind != "check" and rule not in outgoing.changed and rule.code not in (row.conflicts or {})]
        known = {rule.code: (row.agreed.get(rule.code) or {}).get("e") for rule in others}
        if any(known[rule.code] not in (None, "") and answered.get(rule.code) is None for rule in others):
            return
        try:
            age = inbox.age_of(self.plan, answer)
            if is_older(age, row.age):
                return  # a copy that lags behind has answered
            row.content_hash = inbox.content_of(self.plan, answer)
            row.payload = documents.dump_json(answer)
            row.answered = age
        except SyncError:
            row.content_hash = None
            return
        if any(not same_value(external_side(rule, answered.get(rule.code)), known[rule.code]) for rule in others):
            row.import_pending = True

    # -- recording -----------------------------------------------------------------------------------------

    def record_links(self) -> None:
        """New external IDs, before anything else: the caller commits at once, and may call this again if it cannot."""
        refused = journal.add_links(self.cr, journal.link_rows(self.plan, self.links))
        if not refused:
            return
        rows = {outgoing.row.res_id: outgoing.row for outgoing in self.outgoing}
        taken = journal.find_links(
            self.cr, self.plan.connection.id, self.plan.resource.id, [external_id for external_id, _id in refused])
        for external_id, res_id in refused:
            if res_id in rows:
                rows[res_id].external_id = None
                self._fail(rows[res_id], self._taken_by(taken.get(external_id, res_id), external_id))
