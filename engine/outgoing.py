"""Odoo → external, the first step: decide in a transaction what leaves, and say so before it does."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg2

from odoo.fields import Domain

from ..core import documents, paths
from ..core.errors import SyncError
from ..core.record_schema import check_record
from ..core.values import number_like
from . import failures, hiding, http, journal, line_links, look_up, messages, statuses
from .export_merging import ExportMerging
from .files import FETCHING
from .lines import lines_hash
from .mapper import OutMapper
from .plan import LOOKUP_KINDS, FlowPlan, RulePlan
from .rows import Row


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
    overtaken: bool = False  # and Odoo has changed since: it is repeated as it was sent then
    lines: dict = field(default_factory=dict)  # rule code → record ids of the lines, in the order in which they are sent


class ExportPlanner(ExportMerging):
    """Decides for claimed rows of one flow what has to be sent, and by which call."""

    def __init__(self, env, plan: FlowPlan, now: datetime):
        self.env = env
        self.cr = env.cr
        self.plan = plan
        self.now = now
        self.mapper = OutMapper(plan, env.cr)
        self.links: list[tuple] = []
        self.exchanges: list = []
        self.found: list[tuple[Outgoing, dict]] = []
        self.outgoing: list[Outgoing] = []
        self.finds: list[Outgoing] = []
        self.sent: dict[int, dict] = {}  # what was sent before for rows whose create is in doubt, by row id
        self.reads: list[Outgoing] = []
        self._switched: dict[str, set[int]] = {}  # rule code → ids of records for which the second owner decides
        self.marked: set[int] = set()  # rows of which is kept what was sent
        self.interrupted: Callable[[], bool] = bool  # does something more urgent wait?

    def _call_all(self, client, requests: list) -> list:
        """Carry out calls, several at once. All answers are in before one is looked at, because that reads Odoo, and
        no transaction may be open while a call is under way."""
        exchanges = []
        for exchange in client.send_many(requests, stop=http.Patience(self.interrupted)) if requests else ():
            journal.read_texts(self.plan, exchange)  # now, while the other calls are under way
            exchanges.append(exchange)
        for request in requests:
            if isinstance(request.key, Outgoing):
                request.key.request = None  # the call knows its record already: see Row.let_go()
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
            if row.create_sent:
                self.marked.add(row.id)
        existing = set(self.plan.model.browse([row.res_id for row in rows if row.res_id]).exists()._ids)
        domain = [] if self.plan.only_imports else self.plan.flow._parsed_domain()
        # What the flow's user must not see is not in the flow either: the records of other companies.
        belonging = set(self.plan.model.with_context(active_test="active" in str(domain)).search(
            Domain(domain) & Domain("id", "in", list(existing)))._ids)
        links = journal.linked_records(
            self.cr, self.plan.connection.id, self.plan.resource.id, self.plan.model_name, list(existing))
        candidates = []
        archived = self._archived_deleted(rows, links) if self.plan.archived_deletes else ()
        for row in rows:
            if row.id in archived:
                continue
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
            for code, ids in self.plan.switched(records).items() if self.plan.switching else ():
                self._switched.setdefault(code, set()).update(ids)
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
                if not self._is_left_out(row, error):
                    self._fail(row, self._told(error))

    def _is_left_out(self, row: Row, error: Exception) -> bool:
        """Does the record belong to one that is not over there, under a rule that then leaves it out?"""
        if not isinstance(error, SyncError) or error.code != "parent_missing" or error.params.get("mode") != "leave_out":
            return False
        row.export_pending = False
        row.settle("excluded", "excluded", message=self.env._(
            "Left out: it belongs to “%(record)s”, which is not in the other system.", record=error.params["external_id"]))
        return True

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
            linked = journal.find_line_links(
                self.cr, self.plan.connection.id, self.plan.resource.id, rule.id, lines._name, lines.ids)
            parts = line_links.split_all(
                self.cr, self.plan.connection.id, self.plan.resource.id, [external_id for external_id, _id in linked])
            found[rule.id] = {parts[external_id][1]: line_id for external_id, line_id in linked}
            self.mapper.line_ids[rule.id] = {line_id: external_id for external_id, line_id in found[rule.id].items()}
        return found

    def _line_rules(self) -> list[RulePlan]:
        return [rule for rule in self.plan.merge_rules if rule.kind == "lines"]

    def _odoo_side(self, rule: RulePlan, record, line_ids):
        if rule.kind != "lines":
            return self.mapper.side(rule, record)
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
        for rule in self.plan.merge_rules:
            outgoing.odoo[rule.code] = self._odoo_side(rule, record, line_ids)
            if rule.kind == "lines":
                outgoing.lines[rule.code] = record[rule.odoo_path].ids
        if external_id:
            self._decide_fields(outgoing)
        else:
            for rule in self.plan.export_rules:
                if rule.kind == "status":
                    self._decide_status(outgoing, rule)
                elif rule.code not in (row.conflicts or {}) and self.plan.written_at_creation(
                        rule, "external", owner=self._owner_of(rule, record)):
                    outgoing.values[rule.code] = self.mapper.value(rule, record)
                    outgoing.changed.append(rule)
        if external_id and self.plan.watches_files and not outgoing.changed and FETCHING in row.agreed:
            self._plan_file_look(outgoing)
        elif self.plan.only_imports or external_id and not outgoing.changed:
            self._nothing_to_send(outgoing)
        elif external_id and row.import_pending and self.plan.replaces:
            row.settle("pending", "", due_at=self.now)  # the whole record is sent when what is not Odoo's was put back
        elif external_id:
            self._plan_update(outgoing)
        else:
            self._plan_create(outgoing)

    def _decide_status(self, outgoing: Outgoing, rule: RulePlan) -> None:
        odoo, agreed = outgoing.odoo[rule.code], outgoing.row.agreed.get(rule.code)
        if not rule.exports or outgoing.external_id and agreed and agreed["o"] == odoo:
            return
        value = statuses.decide_outgoing(self.plan.status, outgoing.row, odoo, creating=not outgoing.external_id)
        if value is not None:
            outgoing.values[rule.code] = value
            outgoing.changed.append(rule)

    def _nothing_to_send(self, outgoing: Outgoing) -> None:
        row = outgoing.row
        row.export_pending = False
        row.external_id = outgoing.external_id or row.external_id
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
            for rule in self.plan.whole_rules:
                if rule.code in outgoing.values:
                    continue
                if outgoing.row.conflicts and rule.code in outgoing.row.conflicts:
                    self._keep_theirs(outgoing, rule)
                else:
                    outgoing.values[rule.code] = self.mapper.value(rule, outgoing.record)
        outgoing.operation = operation
        outgoing.row.external_id = outgoing.external_id
        read = self.plan.operation("read")
        if read and self.plan.imports and (
                self.plan.flow.read_before_write or any(rule in self.plan.read_first for rule in outgoing.changed)):
            outgoing.request = http.build_request(
                read, variables={**self._in_address(outgoing, read), "id": outgoing.external_id}, key=outgoing,
                secrets=self._sensitive([outgoing]))
            self.reads.append(outgoing)
        else:
            outgoing.request = self._request(outgoing)
            self.outgoing.append(outgoing)

    def _keep_theirs(self, outgoing: Outgoing, rule: RulePlan) -> None:
        """A call that replaces the whole record, while nobody has decided about this field: it gets what it holds now."""
        if not outgoing.row.payload:
            raise SyncError("validation", "conflict", params={"fields": rule.label})
        payload = documents.parse_json(outgoing.row.payload)
        outgoing.values[rule.code] = paths.get(rule.external_path, payload) if rule.external_path else None

    def _plan_create(self, outgoing: Outgoing) -> None:
        if not self.plan.flow.create_in_external:
            # Nothing else links what a flow only sends: is it there already?
            outgoing.request = None if self.plan.imports else self._lookup_request(outgoing)
            if outgoing.request is None:
                self._not_created(outgoing.row)
            else:
                self.finds.append(outgoing)
            return
        operation = self.plan.write_operation("create")
        if not operation:
            raise SyncError("mapping", "no_operation", params={"kind": "create", "resource": self.plan.resource.name})
        self._plan_creating(outgoing, operation)

    def _not_created(self, row: Row) -> None:
        """The flow must not create over there."""
        row.export_pending = False
        message, row.hint = messages.explain(self.plan.model.env, SyncError(
            "validation", "no_create", params={"side": self.plan.connection.name}))
        row.settle("excluded", "excluded", message=message)

    def _plan_creating(self, outgoing: Outgoing, operation) -> None:
        """A call that makes something: looked up first where the API can, and not repeated where that could do harm."""
        row = outgoing.row
        outgoing.operation = operation
        outgoing.repeat = row.create_sent
        if not outgoing.repeat:
            row.idempotency_key = str(uuid.uuid4())
        lookup = self._lookup_request(outgoing)
        if lookup is not None:
            outgoing.request = lookup
            self.finds.append(outgoing)
        elif outgoing.repeat and not harmless_to_repeat(operation):
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
        variables = {
            "key": outgoing.row.idempotency_key or "", **self._in_address(outgoing, find), **dict(outgoing.asked)}
        if outgoing.asked:
            variables["value"] = outgoing.asked[0][1]
        try:
            body = look_up.filled(self.plan, outgoing.values, find, variables) if find.takes_values else None
            return http.build_request(
                find, variables=variables, body=body, key=outgoing, secrets=self._sensitive([outgoing]))
        except SyncError as error:
            if error.code == "missing_variable":
                return None
            raise

    def _asked(self, outgoing: Outgoing) -> list[tuple[str, str]]:
        """The match keys of a record that have a value, as (external path, text)."""
        asked = []
        for rule in self.plan.match_rules:
            value = outgoing.values.get(rule.code)
            if value in (None, "") and (rule.exports or rule.kind == "field" and rule.transform not in LOOKUP_KINDS):
                value = self.mapper.value(rule, outgoing.record) if rule.exports else outgoing.odoo.get(rule.code)
            if value not in (None, ""):
                asked.append((rule.external_path, str(value)))
        return asked

    def _in_address(self, outgoing: Outgoing, operation) -> dict:
        """The values of a record that stand in the address of a call: ``orders/{order_id}/refunds``."""
        return {
            rule.external_path: outgoing.values[rule.code] if rule.code in outgoing.values
            else self.mapper.value(rule, outgoing.record)
            for rule in self.plan.export_rules if rule.external_path in operation.in_address
        } if operation.in_address else {}

    def _body(self, outgoing: Outgoing) -> dict:
        """What is said about a record, as an object, wherever in the call it stands."""
        body: dict = {}
        for rule in outgoing.changed:
            if rule.external_path and outgoing.values.get(rule.code) is not None:
                paths.assign(body, rule.external_path, outgoing.values[rule.code])
        return body

    def _request(self, outgoing: Outgoing):
        body: dict = {}
        in_address = self._in_address(outgoing, outgoing.operation)
        for rule in self.plan.export_rules:
            if rule.code not in outgoing.values or rule.external_path in in_address \
                    or not (rule.write_path or rule.external_path):
                continue
            value = outgoing.values[rule.code]
            if value is None:
                if not outgoing.external_id or rule.blank_as == "omit":
                    continue  # a new record starts blank by itself
                value = "" if rule.blank_as == "empty" else None
            paths.assign(body, rule.write_path or rule.external_path, value)
        operation = outgoing.operation
        if self.plan.schema_sent:
            check_record(
                self.plan.schema_sent, body, partial=bool(outgoing.external_id) and operation.send == "changed")
        if operation.bulk:
            if outgoing.external_id and operation.bulk_id_path:
                paths.assign(body, operation.bulk_id_path, number_like(outgoing.external_id))
            return body
        variables = {**in_address, "id": outgoing.external_id, "key": outgoing.row.idempotency_key or ""}
        request = http.build_request(
            operation, variables=variables, body=http.wrap(operation, body, variables), key=outgoing,
            idempotency_key=outgoing.row.idempotency_key or "", secrets=self._sensitive([outgoing]))
        return self._same_again(outgoing, request) if operation.kind == "create" else request

    def _sensitive(self, several: list[Outgoing]) -> set[str]:
        """What no log shows of a call for these records."""
        return {text for outgoing in several
                for text in hiding.sensitive_values(self.plan, outgoing.values, outgoing.odoo)}

    def mark_sending(self) -> None:
        """Before anything leaves: say so, so that a crash is recognised. The caller commits."""
        creates = [outgoing for outgoing in self.outgoing if outgoing.operation.kind == "create"]
        for outgoing in creates:
            outgoing.row.create_sent = True
        ids = [outgoing.row.id for outgoing in (*self.outgoing, *self.finds, *self.reads)]
        if ids:
            self.cr.execute(
                "UPDATE integration_sync SET state = 'processing', direction = 'export' WHERE id = ANY(%s)", [ids])
        self.marked.update(outgoing.row.id for outgoing in creates)
        if creates:
            self.cr.execute(
                "UPDATE integration_sync s SET create_sent = true, idempotency_key = v.key, sent = v.sent "
                "FROM unnest(%s::int[], %s::varchar[], %s::text[]) AS v(id, key, sent) WHERE s.id = v.id",
                [[outgoing.row.id for outgoing in creates], [outgoing.row.idempotency_key for outgoing in creates],
                 [_kept(outgoing) for outgoing in creates]])


def _kept(outgoing: Outgoing) -> str | None:
    """What of a create is kept until its outcome is known: see ``doubts.py``."""
    body = outgoing.request if outgoing.operation.bulk else outgoing.request.body
    try:
        return documents.dump_json({"body": body, "asked": outgoing.asked or []})
    except SyncError:
        return None  # it cannot leave either, and its call says why


def harmless_to_repeat(operation) -> bool:
    """Does the same idempotency key make a second sending harmless? Calls for many records at once have none, because
    the next call may be for others."""
    return bool(operation.idempotency_header) and not operation.bulk
