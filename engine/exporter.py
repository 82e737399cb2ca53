"""Odoo → external, in three steps: decide in a transaction, call with no transaction open, record the results.

Before a create leaves, the record says so (``create_sent`` and an idempotency key, committed). A worker that dies
after the call thus leaves a trace, and the next one looks the record up before it sends again.
"""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from odoo.fields import Domain

from ..core import documents, ownership, paths
from ..core.comparison import same_value
from ..core.errors import SyncError
from ..core.ownership import Sides
from . import capture, failures, http, inbox, journal, messages
from .importer import external_side, lines_hash
from .mapper import OutMapper, external_values, read_value
from .plan import FlowPlan, RulePlan
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
        self.outgoing: list[Outgoing] = []
        self.finds: list[Outgoing] = []
        self.reads: list[Outgoing] = []

    def _fail(self, row: Row, error: SyncError) -> None:
        failures.apply_failure(self.plan.model.env, row, error, policy=self.plan.retry_policy, now=self.now)

    # -- deciding ------------------------------------------------------------------------------------------

    def prepare(self, rows: list[Row]) -> None:
        """Decide what has to be sent. Rows that need no call get their outcome here."""
        for row in rows:
            row.direction = "export"
            row.conflicts = row.conflicts or None
        existing = set(self.plan.model.browse([row.res_id for row in rows if row.res_id]).exists()._ids)
        belonging = existing
        domain = self.plan.flow._parsed_domain()
        if domain and existing:
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
                row.settle("excluded", "excluded", message=self.env._("Not in the filter of the flow."))
            else:
                candidates.append((row, links.get(row.res_id, "")))
        records = self.plan.model.browse([row.res_id for row, _external_id in candidates])
        try:
            self.mapper.prepare(records)
        except Exception as error:
            if failures.is_concurrency(error):
                raise
            for row, _external_id in candidates:
                self._fail(row, failures.from_exception(self.plan.model.env, self.plan.model_name, error))
            return
        line_ids = self._line_ids(records)
        for (row, external_id), record in zip(candidates, records, strict=True):
            try:
                self._decide(row, record, external_id, line_ids)
            except Exception as error:  # one record's mapping must not stop the others
                if failures.is_concurrency(error):
                    raise
                self._fail(row, failures.from_exception(self.plan.model.env, self.plan.model_name, error))

    def _line_ids(self, records) -> dict[int, dict[str, int]]:
        found: dict[int, dict[str, int]] = {}
        for rule in self.plan.merge_rules:
            if rule.kind == "lines" and rule.line_id_path:
                lines = records[rule.odoo_path]
                found[rule.id] = dict(journal.find_line_links(
                    self.cr, self.plan.connection.id, self.plan.resource.id, rule.id, lines._name, lines.ids))
        return found

    def _decide(self, row: Row, record, external_id: str, line_ids) -> None:
        outgoing = Outgoing(row, record, external_id=external_id)
        row.name = (record.display_name or "")[:200] or row.name
        put_back = False
        for rule in self.plan.merge_rules:
            odoo = lines_hash(rule, record, line_ids.get(rule.id, {})) if rule.kind == "lines" \
                else read_value(rule, record)
            outgoing.odoo[rule.code] = odoo
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
            row.settle("conflict", "")
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
        find = self.plan.operation("find")
        lookup = self._find_variables(outgoing) if find else None
        repeat = row.create_sent or row.interrupted
        row.idempotency_key = row.idempotency_key or str(uuid.uuid4())
        if repeat and operation.idempotency_header and not operation.bulk:
            repeat = False  # the same key makes a second sending harmless
        if lookup:
            outgoing.request = http.build_request(find, variables=lookup, key=outgoing)
            self.finds.append(outgoing)
        elif repeat and row.create_sent:
            raise SyncError("timeout", "outcome_unknown", outcome_unknown=True)
        else:
            outgoing.request = self._request(outgoing)
            self.outgoing.append(outgoing)

    def _find_variables(self, outgoing: Outgoing) -> dict | None:
        """What the find operation may ask for: the first match key, and our own key."""
        variables = {"key": outgoing.row.idempotency_key or ""}
        for rule in self.plan.match_rules:
            value = outgoing.values.get(rule.code)
            if value in (None, ""):
                value = self.mapper.value(rule, outgoing.record) if rule.exports else outgoing.odoo.get(rule.code)
            if value not in (None, ""):
                variables.setdefault("value", str(value))
                variables[rule.external_path] = str(value)
        return variables if "value" in variables or variables["key"] else None

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
                paths.assign(body, operation.bulk_id_path, _id_value(outgoing.external_id))
            return body
        return http.build_request(
            operation, variables={"id": outgoing.external_id, "key": outgoing.row.idempotency_key or ""},
            body=http.wrap(operation, body), key=outgoing, idempotency_key=outgoing.row.idempotency_key or "")

    def mark_sending(self) -> None:
        """Before anything leaves: say so, so that a crash is recognised. The caller commits."""
        creates = [outgoing for outgoing in self.outgoing if outgoing.operation.kind == "create"]
        for outgoing in creates:
            outgoing.row.create_sent = True
        ids = [outgoing.row.id for outgoing in (*self.outgoing, *self.finds, *self.reads)]
        if ids:
            self.cr.execute(
                "UPDATE integration_sync SET state = 'processing', direction = 'export' WHERE id = ANY(%s)", [ids])
        for outgoing in creates:
            self.cr.execute(
                "UPDATE integration_sync SET create_sent = true, idempotency_key = %s WHERE id = %s",
                [outgoing.row.idempotency_key, outgoing.row.id])

    # -- calling (no transaction open) ---------------------------------------------------------------------

    def send_lookups(self, client) -> None:
        """First calls of records that have to be looked up or read before they are written."""
        lookups = [outgoing.request for outgoing in (*self.finds, *self.reads)]
        if not lookups:
            return
        finds, self.finds, self.reads = self.finds, [], []
        found = {id(outgoing) for outgoing in finds}
        for exchange in client.send_many(lookups):
            outgoing = exchange.request.key
            self.exchanges.append(exchange)
            outgoing.row.exchange = exchange
            if exchange.error is not None:
                self._fail(outgoing.row, exchange.error)
                continue
            try:
                if id(outgoing) in found:
                    self._after_find(outgoing, exchange)
                else:
                    self._after_read(outgoing, exchange)
            except SyncError as error:
                self._fail(outgoing.row, error)

    def _after_find(self, outgoing: Outgoing, exchange) -> None:
        find = self.plan.operation("find")
        records = http.records_of(find, exchange.response.body)
        if len(records) > 1:
            raise SyncError("ambiguous", "ambiguous_match", params={
                "count": len(records), "keys": ", ".join(rule.label for rule in self.plan.match_rules)})
        if records:
            self._recorded(outgoing, records[0], "linked")
            outgoing.row.export_pending = True  # what differs is sent by the next slice
            outgoing.row.settle("pending", "linked", due_at=self.now)
            outgoing.row.agreed = {}
            if self.plan.imports:
                outgoing.row.payload, outgoing.row.content_hash = documents.dump_json(records[0]), None
                outgoing.row.import_pending = True
        else:
            outgoing.request = self._request(outgoing)
            self.outgoing.append(outgoing)

    def _after_read(self, outgoing: Outgoing, exchange) -> None:
        read = self.plan.operation("read")
        record = http.unwrap(read, exchange.response.body)
        content_hash = inbox.content_of(self.plan, record)
        if content_hash != outgoing.row.content_hash:
            # It changed over there meanwhile: the importer merges both sides, then what is Odoo's goes out.
            outgoing.row.payload = documents.dump_json(record)
            outgoing.row.content_hash = content_hash
            outgoing.row.import_pending = True
            outgoing.row.settle("pending", "", due_at=self.now)
        else:
            outgoing.request = self._request(outgoing)
            self.outgoing.append(outgoing)

    def send(self, client) -> None:
        """Send all writes, several at once within the connection's limits."""
        singles = [outgoing.request for outgoing in self.outgoing if not outgoing.operation.bulk]
        for exchange in client.send_many(singles):
            self.exchanges.append(exchange)
            self._receive(exchange.request.key, exchange)
        bulks = [outgoing for outgoing in self.outgoing if outgoing.operation.bulk]
        requests = []
        for operation in {id(outgoing.operation): outgoing.operation for outgoing in bulks}.values():
            same = [outgoing for outgoing in bulks if outgoing.operation is operation]
            for start in range(0, len(same), operation.bulk_limit):
                chunk = same[start:start + operation.bulk_limit]
                bodies = [outgoing.request for outgoing in chunk]
                body: Any = bodies
                if operation.bulk_path:
                    body = {}
                    paths.assign(body, operation.bulk_path, bodies)
                requests.append(http.build_request(operation, body=body, key=chunk, idempotency_key=str(uuid.uuid4())))
        for exchange in client.send_many(requests):
            self.exchanges.append(exchange)
            self._receive_bulk(exchange.request.key, exchange)

    def _receive(self, outgoing: Outgoing, exchange) -> None:
        outgoing.row.exchange = exchange
        outgoing.row.duration_ms = int(exchange.duration_ms)
        if exchange.error is not None:
            self._call_failed(outgoing, exchange.error)
            return
        try:
            self._recorded(outgoing, http.unwrap(outgoing.operation, exchange.response.body), "")
        except SyncError as error:
            self._fail(outgoing.row, error)

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
                    outgoing.row.create_sent = False
                    raise SyncError("validation", "rejected", params={
                        "status": exchange.response.status, "message": str(problem)[:300]})
                self._recorded(outgoing, result, "")
            except SyncError as error:
                self._fail(outgoing.row, error)

    def _call_failed(self, outgoing: Outgoing, error: SyncError) -> None:
        row = outgoing.row
        if outgoing.operation.kind != "create":
            self._fail(row, error)
            return
        if not error.outcome_unknown:
            row.create_sent = False
            self._fail(row, error)
            return
        # A create that may have been carried out: harmless to repeat, or looked up first, or a person decides.
        can_verify = outgoing.operation.idempotency_header or (
            self.plan.operation("find") and self._find_variables(outgoing))
        self._fail(row, error)
        if not can_verify or row.state == "failed":
            self._unknown(row)

    def _unknown(self, row: Row) -> None:
        error = SyncError("timeout", "outcome_unknown", outcome_unknown=True)
        row.error = error
        message, hint = messages.explain(self.plan.model.env, error)
        row.settle("unknown", "unknown", message=message)
        row.hint = hint

    def _recorded(self, outgoing: Outgoing, answer, outcome: str) -> None:
        """The call succeeded: remember the external ID first, then what both sides agreed on."""
        row, record = outgoing.row, answer if isinstance(answer, dict) else None
        creating = not outgoing.external_id
        if creating:
            external_id = self.plan.external_id(record) if record else ""
            if not external_id:
                raise SyncError("validation", "missing_external_id_in_answer", params={
                    "path": self.plan.resource.id_path}, outcome_unknown=True)
            outgoing.external_id = row.external_id = external_id
            self.links.append((external_id, row.res_id, None))
        row.create_sent = False
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
            row.settle("conflict", outcome or "updated")
        else:
            row.settle("synced", outcome or ("created" if creating else "updated"))

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
        for exchange in client.send_many([outgoing.request for outgoing in self.outgoing]):
            outgoing = exchange.request.key
            self.exchanges.append(exchange)
            outgoing.row.exchange = exchange
            if exchange.error is not None and exchange.error.code != "not_found":
                self._fail(outgoing.row, exchange.error)
            else:
                self._deleted(outgoing, self.env._("Deleted in Odoo and over there."))

    def _deleted(self, outgoing: Outgoing, message: str) -> None:
        row = outgoing.row
        row.delete_pending = row.export_pending = row.import_pending = False
        row.error = None
        row.settle("excluded", "deleted", message=message)

    # -- recording -----------------------------------------------------------------------------------------

    def record_links(self) -> None:
        """New external IDs, before anything else: the caller commits at once."""
        with capture.origin(self.cr, self.plan.id):
            journal.insert_links(self.cr, journal.link_rows(self.plan, self.links))
        self.links = []


def _id_value(external_id: str):
    return int(external_id) if external_id.isdigit() else external_id
