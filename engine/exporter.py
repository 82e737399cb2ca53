"""Odoo → external, in three steps: decide in a transaction, call with no transaction open, record the results.

Before a create leaves, the record says so (``create_sent`` and an idempotency key, committed). A worker that dies
after the call thus leaves a trace, and the next one looks the record up before it sends again. Mark and key live
exactly as long as it is open whether the create was carried out.
"""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg2

from odoo.fields import Domain

from ..core import documents, ownership, paths
from ..core.classify import extract_message
from ..core.comparison import same_value
from ..core.errors import SyncError
from ..core.ownership import Sides
from ..core.values import number_like
from . import failures, http, inbox, journal, messages
from .items import external_side
from .lines import lines_hash
from .mapper import OutMapper, external_values, read_value
from .plan import FlowPlan, RulePlan, id_text
from .rows import Row

# Stands for a value of the other side that nobody knows yet: equal to nothing, and not blank.
UNKNOWN = "\0unknown"


@dataclass(slots=True)
class Outgoing:
    """One Odoo record on its way out."""

    row: Row
    record: Any
    values: dict = field(default_factory=dict)  # rule code → external value
    odoo: dict = field(default_factory=dict)  # rule code → Odoo value in comparable form
    changed: list[RulePlan] = field(default_factory=list)
    operation: Any = None
    request: Any = None
    external_id: str = ""
    repeat: bool = False  # an earlier create of this record may have been carried out
    asked: list[tuple[str, str]] | None = None  # (external path, value) by which the record is looked up
    lines: dict = field(default_factory=dict)  # rule code → record ids of the lines, in the order in which they are sent


class Exporter:
    """Exports claimed rows of one flow. ``prepare`` and ``record`` run inside transactions, ``send`` outside."""

    def __init__(self, env, plan: FlowPlan, now: datetime):
        self.env = env
        self.cr = env.cr
        self.plan = plan
        self.now = now
        self.mapper = OutMapper(plan, env.cr)
        self.links: list[tuple] = []
        self.exchanges: list = []
        self.found: list[tuple[Outgoing, dict]] = []
        self.received: list[tuple] = []  # (id, external version, time of the external change)
        self.outgoing: list[Outgoing] = []
        self.finds: list[Outgoing] = []
        self.reads: list[Outgoing] = []

    def _call_all(self, client, requests: list) -> list:
        """Carry out calls, several at once. All answers are in before one is looked at, because that reads Odoo, and
        no transaction may be open while a call is under way."""
        exchanges = []
        for exchange in client.send_many(requests, stop=http.Patience()) if requests else ():
            journal.read_texts(self.plan, exchange)  # now, while the other calls are under way
            exchanges.append(exchange)
        self.exchanges += [exchange for exchange in exchanges if http.was_sent(exchange)]
        return exchanges

    def _fail(self, row: Row, error: SyncError) -> None:
        failures.apply_failure(self.plan.model.env, row, error, policy=self.plan.retry_policy, now=self.now)

    # -- deciding ------------------------------------------------------------------------------------------

    def prepare(self, rows: list[Row]) -> None:
        """Decide what has to be sent. Rows that need no call get their outcome here."""
        for row in rows:
            row.direction = "export"
            row.conflicts = row.conflicts or None
        existing = set(self.plan.model.browse([row.res_id for row in rows if row.res_id]).exists()._ids)
        domain = self.plan.flow._parsed_domain()
        # What the flow's user must not see is not in the flow either: the records of other companies.
        belonging = set(self.plan.model.with_context(active_test="active" in str(domain)).search(
            Domain(domain) & Domain("id", "in", list(existing)))._ids)
        links = journal.linked_records(
            self.cr, self.plan.connection.id, self.plan.resource.id, self.plan.model_name, list(existing))
        candidates = []
        for row in rows:
            if row.res_id not in existing:
                self._fail(row, SyncError("validation", "record_gone", params={
                    "model": self.plan.model._description, "id": row.res_id or 0}))
            elif row.res_id not in belonging:
                row.export_pending = False
                row.settle("excluded", "excluded", message=self.env._(
                    "Not in the filter of the flow, or not visible to the user it runs as."))
            else:
                candidates.append((row, links.get(row.res_id, "")))
        self._decide_all(candidates)

    def _decide_all(self, candidates: list[tuple[Row, str]]) -> None:
        """Decide for records together; what fails for all of them is found by halves."""
        if not candidates:
            return
        records = self.plan.model.browse([row.res_id for row, _external_id in candidates])
        try:
            self.mapper.prepare(records)
            line_ids = self._line_ids(records)
        except Exception as error:
            self._raise_if_of_database(error)
            if len(candidates) == 1:
                self._fail(candidates[0][0], self._told(error))
                return
            middle = len(candidates) // 2
            self._decide_all(candidates[:middle])
            self._decide_all(candidates[middle:])
            return
        for (row, external_id), record in zip(candidates, records, strict=True):
            try:
                self._decide(row, record, external_id, line_ids)
            except Exception as error:  # one record's mapping must not stop the others
                self._raise_if_of_database(error)
                self._fail(row, self._told(error))

    @staticmethod
    def _raise_if_of_database(error: Exception) -> None:
        """After an error of the database nothing more can be read in this transaction: the worker begins anew."""
        if isinstance(error, psycopg2.Error) or failures.is_concurrency(error):
            raise error

    def _told(self, error: Exception) -> SyncError:
        return failures.from_exception(self.plan.model.env, self.plan.model_name, error)

    def _line_ids(self, records) -> dict[int, dict[str, int]]:
        """``{rule id: {external ID of the line: its record id}}``"""
        found: dict[int, dict[str, int]] = {}
        for rule in self._line_rules():
            if not rule.line_id_path:
                continue
            lines = records[rule.odoo_path]
            found[rule.id] = {
                external_id.rpartition("/")[2]: line_id for external_id, line_id in journal.find_line_links(
                    self.cr, self.plan.connection.id, self.plan.resource.id, rule.id, lines._name, lines.ids)}
            self.mapper.line_ids[rule.id] = {line_id: external_id for external_id, line_id in found[rule.id].items()}
        return found

    def _line_rules(self) -> list[RulePlan]:
        return [rule for rule in self.plan.merge_rules if rule.kind == "lines"]

    def _odoo_side(self, rule: RulePlan, record, line_ids):
        if rule.kind != "lines":
            return read_value(rule, record)
        known = line_ids.get(rule.id, {})
        if rule.exports and [other.odoo_path for other in self._line_rules()].count(rule.odoo_path) == 1:
            # All lines are sent, those too that the other system does not know yet.
            known = {str(line_id): line_id for line_id in record[rule.odoo_path].ids}
        return lines_hash(rule, record, known)

    def _decide(self, row: Row, record, external_id: str, line_ids) -> None:
        outgoing = Outgoing(row, record, external_id=external_id)
        row.name = (record.display_name or "")[:200] or row.name
        if external_id:
            self._outcome_known(row)
        put_back = False
        for rule in self.plan.merge_rules:
            odoo = self._odoo_side(rule, record, line_ids)
            outgoing.odoo[rule.code] = odoo
            if rule.kind == "lines":
                outgoing.lines[rule.code] = record[rule.odoo_path].ids
            if row.conflicts and rule.code in row.conflicts:
                continue
            if not external_id:
                if rule.exports and self.plan.written_at_creation(rule, "external"):
                    outgoing.values[rule.code] = self.mapper.value(rule, record)
                    outgoing.changed.append(rule)
                continue
            agreed = row.agreed.get(rule.code)
            if agreed and agreed["o"] == odoo:
                continue  # Odoo's side did not change since both agreed, and only Odoo's side is looked at here
            decision = ownership.merge(
                rule.owner, agreed=Sides(agreed["o"], agreed["e"]) if agreed else None, odoo=odoo,
                external=agreed["e"] if agreed else None, external_as_odoo=agreed["o"] if agreed else UNKNOWN,
                direction=self.plan.direction_of(rule), odoo_time=record.write_date, external_time=None)
            if decision.to_external:
                value = self.mapper.value(rule, record)
                if agreed and same_value(external_side(rule, value), agreed["e"]):
                    # Another value here, the same over there: nothing to send.
                    row.agreed = dict(row.agreed, **{rule.code: {"o": odoo, "e": agreed["e"]}})
                    continue
                outgoing.values[rule.code] = value
                outgoing.changed.append(rule)
            elif decision.to_odoo:
                put_back = True
            if decision.overruled:
                row.overruled[rule.code] = [odoo, agreed["e"] if agreed else None, decision.overruled]
        if put_back and row.payload:
            row.import_pending = True  # the importer writes what the other system owns, from the stored payload
        if external_id and not outgoing.changed:
            self._nothing_to_send(outgoing)
        elif external_id:
            self._plan_update(outgoing)
        else:
            self._plan_create(outgoing)

    def _nothing_to_send(self, outgoing: Outgoing) -> None:
        row = outgoing.row
        row.export_pending = False
        row.external_id = outgoing.external_id
        if row.import_pending:
            row.settle("pending", "", due_at=self.now)
        elif row.conflicts:
            failures.settle_conflict(self.plan, row, "", now=self.now)
        else:
            row.settle("synced", "unchanged")

    def _plan_update(self, outgoing: Outgoing) -> None:
        operation = self.plan.write_operation("update")
        if not operation:
            raise SyncError("mapping", "no_operation", params={"kind": "update", "resource": self.plan.resource.name})
        if operation.send == "all":
            for rule in self.plan.export_rules:
                if rule.code not in outgoing.values:
                    outgoing.values[rule.code] = self.mapper.value(rule, outgoing.record)
        outgoing.operation = operation
        outgoing.row.external_id = outgoing.external_id
        read = self.plan.operation("read")
        if self.plan.flow.read_before_write and read and self.plan.imports:
            outgoing.request = http.build_request(
                read, variables={"id": outgoing.external_id}, key=outgoing)
            self.reads.append(outgoing)
        else:
            outgoing.request = self._request(outgoing)
            self.outgoing.append(outgoing)

    def _plan_create(self, outgoing: Outgoing) -> None:
        row = outgoing.row
        if not self.plan.flow.create_in_external:
            row.export_pending = False
            message, row.hint = messages.explain(self.plan.model.env, SyncError(
                "validation", "no_create", params={"side": self.plan.connection.name}))
            row.settle("excluded", "excluded", message=message)
            return
        operation = self.plan.write_operation("create")
        if not operation:
            raise SyncError("mapping", "no_operation", params={"kind": "create", "resource": self.plan.resource.name})
        outgoing.operation = operation
        outgoing.repeat = row.create_sent
        if not outgoing.repeat:
            row.idempotency_key = str(uuid.uuid4())
        lookup = self._lookup_request(outgoing)
        if lookup is not None:
            outgoing.request = lookup
            self.finds.append(outgoing)
        elif outgoing.repeat and not _harmless_to_repeat(operation):
            self._unknown(row)
        else:
            outgoing.request = self._request(outgoing)
            self.outgoing.append(outgoing)

    def _lookup_request(self, outgoing: Outgoing):
        """The call that looks for this record over there; None when there is no such call, or nothing to ask by."""
        find = self.plan.operation("find")
        if find is None:
            return None
        if outgoing.asked is None:
            outgoing.asked = self._asked(outgoing)
        variables = {"key": outgoing.row.idempotency_key or "", **dict(outgoing.asked)}
        if outgoing.asked:
            variables["value"] = outgoing.asked[0][1]
        try:
            return http.build_request(find, variables=variables, key=outgoing)
        except SyncError as error:
            if error.code == "missing_variable":
                return None
            raise

    def _asked(self, outgoing: Outgoing) -> list[tuple[str, str]]:
        """The match keys of a record that have a value, as (external path, text)."""
        asked = []
        for rule in self.plan.match_rules:
            value = outgoing.values.get(rule.code)
            if value in (None, ""):
                value = self.mapper.value(rule, outgoing.record) if rule.exports else outgoing.odoo.get(rule.code)
            if value not in (None, ""):
                asked.append((rule.external_path, str(value)))
        return asked

    def _request(self, outgoing: Outgoing):
        body: dict = {}
        for rule in self.plan.export_rules:
            if rule.code not in outgoing.values or not rule.external_path:
                continue
            value = outgoing.values[rule.code]
            if value is None:
                if not outgoing.external_id or rule.blank_as == "omit":
                    continue  # a new record starts blank by itself
                value = "" if rule.blank_as == "empty" else None
            paths.assign(body, rule.external_path, value)
        operation = outgoing.operation
        if operation.bulk:
            if outgoing.external_id and operation.bulk_id_path:
                paths.assign(body, operation.bulk_id_path, number_like(outgoing.external_id))
            return body
        variables = {"id": outgoing.external_id, "key": outgoing.row.idempotency_key or ""}
        return http.build_request(
            operation, variables=variables, body=http.wrap(operation, body, variables), key=outgoing,
            idempotency_key=outgoing.row.idempotency_key or "")

    def mark_sending(self) -> None:
        """Before anything leaves: say so, so that a crash is recognised. The caller commits."""
        if self.received:
            self.cr.execute(
                "UPDATE integration_sync s SET external_version = v.version, external_updated_at = v.at "
                "FROM unnest(%s::int[], %s::varchar[], %s::timestamp[]) AS v(id, version, at) WHERE s.id = v.id",
                [list(values) for values in zip(*self.received, strict=True)])
        creates = [outgoing.row for outgoing in self.outgoing if outgoing.operation.kind == "create"]
        for row in creates:
            row.create_sent = True
        ids = [outgoing.row.id for outgoing in (*self.outgoing, *self.finds, *self.reads)]
        if ids:
            self.cr.execute(
                "UPDATE integration_sync SET state = 'processing', direction = 'export' WHERE id = ANY(%s)", [ids])
        if creates:
            self.cr.execute(
                "UPDATE integration_sync s SET create_sent = true, idempotency_key = v.key "
                "FROM unnest(%s::int[], %s::varchar[]) AS v(id, key) WHERE s.id = v.id",
                [[row.id for row in creates], [row.idempotency_key for row in creates]])

    # -- calling (no transaction open) ---------------------------------------------------------------------

    def send_lookups(self, client) -> None:
        """First calls of records that have to be looked up or read before they are written."""
        finds, reads, self.finds, self.reads = self.finds, self.reads, [], []
        asked = {id(outgoing) for outgoing in finds}
        for exchange in self._call_all(client, [outgoing.request for outgoing in (*finds, *reads)]):
            outgoing = exchange.request.key
            outgoing.row.exchange = exchange
            if exchange.error is not None:
                self._fail(outgoing.row, exchange.error)
                continue
            try:
                if id(outgoing) in asked:
                    self._after_find(outgoing, exchange)
                else:
                    self._after_read(outgoing, exchange)
            except SyncError as error:
                self._fail(outgoing.row, error)

    def _after_find(self, outgoing: Outgoing, exchange) -> None:
        find = self.plan.operation("find")
        records = [
            record for record in http.records_of(find, exchange.response.body) if self._is_meant(outgoing, record)]
        if len(records) > 1:
            raise SyncError("ambiguous", "ambiguous_match", params={
                "count": len(records), "keys": self._key_labels()})
        if records:
            self.found.append((outgoing, records[0]))
        else:
            outgoing.request = self._request(outgoing)
            self.outgoing.append(outgoing)

    def _is_meant(self, outgoing: Outgoing, record) -> bool:
        """Searches over there may find more than what was asked for. A match is never guessed: where a record shows
        a match key, it has to be the same."""
        for path, value in outgoing.asked or ():
            there = paths.get(path, record)
            if there is not None and not isinstance(there, (dict, list)) \
                    and str(there).strip().casefold() != value.strip().casefold():
                return False
        return True

    def _key_labels(self) -> str:
        return ", ".join(rule.label for rule in self.plan.match_rules)

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
        self.received.append((row.id, *inbox.age_of(self.plan, record)))

    def _equal_values(self, outgoing: Outgoing, record: dict) -> dict:
        """The fields in which a record that was found over there equals ours: these need not be sent."""
        there = external_values(self.plan, self.plan.merge_rules, record)
        return {
            rule.code: {"o": outgoing.odoo[rule.code], "e": external_side(rule, there[rule.code])}
            for rule in outgoing.changed
            if same_value(external_side(rule, outgoing.values[rule.code]), external_side(rule, there[rule.code]))
        }

    def _taken_by(self, res_id: int, external_id: str) -> SyncError:
        other = self.plan.model.sudo().browse(res_id).exists()
        return SyncError("ambiguous", "already_linked", params={
            "record": other.display_name if other else str(res_id), "keys": self._key_labels(),
            "external_id": external_id})

    def _after_read(self, outgoing: Outgoing, exchange) -> None:
        read = self.plan.operation("read")
        record = http.read_record(read, exchange.response.body)
        content_hash = inbox.content_of(self.plan, record)
        if content_hash != outgoing.row.content_hash:
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
        bulks = self._call_all(client, self._bulk_requests())
        for exchange in singles:
            self._receive(exchange.request.key, exchange)
        for exchange in bulks:
            self._receive_bulk(exchange.request.key, exchange)

    def _bulk_requests(self) -> list:
        bulks = [outgoing for outgoing in self.outgoing if outgoing.operation.bulk]
        requests = []
        for operation in {id(outgoing.operation): outgoing.operation for outgoing in bulks}.values():
            same = [outgoing for outgoing in bulks if outgoing.operation is operation]
            for start in range(0, len(same), operation.bulk_limit):
                chunk = same[start:start + operation.bulk_limit]
                body: Any = [outgoing.request for outgoing in chunk]
                if operation.bulk_path:
                    body = {}
                    paths.assign(body, operation.bulk_path, [outgoing.request for outgoing in chunk])
                requests.append(http.build_request(operation, body=body, key=chunk))
        return requests

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
        if exchange.error is not None:
            for outgoing in chunk:
                self._call_failed(outgoing, exchange.error)
            return
        operation = chunk[0].operation
        results = paths.get(operation.bulk_result_path, exchange.response.body) if operation.bulk_result_path \
            else exchange.response.body
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
        can_verify = _harmless_to_repeat(outgoing.operation) or self._lookup_request(outgoing) is not None
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
        if row.import_pending:
            row.settle("pending", outcome or "updated", due_at=self.now)
        elif row.conflicts:
            failures.settle_conflict(self.plan, row, outcome or "updated", now=self.now)
        else:
            row.settle("synced", outcome or ("created" if creating else "updated"))

    def _link_lines(self, outgoing: Outgoing, answer: dict | None) -> None:
        """Lines that were sent without an ID got one: the answer has them in the order in which they were sent."""
        for rule in outgoing.changed:
            if rule.kind != "lines" or not rule.line_id_path or not answer:
                continue
            answered = paths.get(rule.external_path, answer)
            ids = [id_text(paths.get(rule.line_id_path, line)) for line in answered] if isinstance(answered, list) else []
            known = self.mapper.line_ids.get(rule.id, {})
            sent = outgoing.lines[rule.code]
            new_ids = [line_id for line_id in ids if line_id and line_id not in {known.get(line) for line in sent}]
            new_lines = [line for line in sent if line not in known]
            if len(new_ids) == len(new_lines):  # else it is not clear which is which, and nothing is guessed
                self.links += [
                    (f"{outgoing.external_id}/{line_id}", line, rule)
                    for line_id, line in zip(new_ids, new_lines, strict=True)]

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
                agreed[rule.code] = {"o": outgoing.odoo[rule.code], "e": external_side(rule, external)}
        row.agreed = agreed
        if answer and self.plan.imports and self.plan.external_id(answer) == row.external_id:
            try:
                row.content_hash = inbox.content_of(self.plan, answer)
                row.payload = documents.dump_json(answer)
            except SyncError:
                row.content_hash = None

    # -- deleting ------------------------------------------------------------------------------------------

    def prepare_deletes(self, rows: list[Row]) -> None:
        """Records deleted in Odoo: delete them over there, or only forget the link, as the flow says."""
        operation = self.plan.operation("delete")
        links = journal.linked_records(
            self.cr, self.plan.connection.id, self.plan.resource.id, self.plan.model_name,
            [row.res_id for row in rows if row.res_id])
        for row in rows:
            row.direction = "export"
            external_id = links.get(row.res_id, row.external_id or "")
            outgoing = Outgoing(row, None, external_id=external_id)
            if self.plan.flow.delete_in_external != "delete" or not external_id:
                self._deleted(outgoing, self.env._("Deleted in Odoo; nothing is done over there."))
            elif not operation:
                self._fail(row, SyncError("mapping", "no_operation", params={
                    "kind": "delete", "resource": self.plan.resource.name}))
            else:
                outgoing.operation = operation
                outgoing.request = http.build_request(operation, variables={"id": external_id}, key=outgoing)
                self.outgoing.append(outgoing)

    def send_deletes(self, client) -> None:
        for exchange in self._call_all(client, [outgoing.request for outgoing in self.outgoing]):
            outgoing = exchange.request.key
            outgoing.row.exchange = exchange
            outgoing.row.duration_ms = int(exchange.duration_ms)
            if exchange.error is not None and exchange.error.code != "not_found":
                self._fail(outgoing.row, exchange.error)
            else:
                self._deleted(outgoing, self.env._("Deleted in Odoo and over there."))

    def _deleted(self, outgoing: Outgoing, message: str) -> None:
        row = outgoing.row
        row.delete_pending = row.export_pending = row.import_pending = False
        row.error = row.error_key = row.waiting_for = row.conflicts = None
        row.attempts = 0
        row.settle("excluded", "deleted", message=message)

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


def _harmless_to_repeat(operation) -> bool:
    """Does the same idempotency key make a second sending harmless? Calls for many records at once have none, because
    the next call may be for others."""
    return bool(operation.idempotency_header) and not operation.bulk
