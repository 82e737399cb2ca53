"""Somebody asks the other system about a record, and the answer fills it: rates, labels, tracking, address checks.

One record: decide what is sent (rules that export) → mark, where something is made → call, call by call → link → store the
answer as what was received. The import of that answer (rules that import) is the next slice, with the ordinary importer.

Progress is kept with the answer, so that a request that was interrupted goes on where it was. A call that may have been
carried out is not made again before the record was read.
"""

import json
from itertools import takewhile
from types import SimpleNamespace

from ..core import documents, paths, steps
from ..core.errors import SyncError
from ..core.fingerprint import content_hash
from ..core.values import text_of
from . import http, journal, nested, outbox, queueing
from .drafts import CALLS, Drafts
from .exporter import Exporter
from .importer import Importer
from .items import Item
from .outgoing import Outgoing
from .plan import id_text, operation_plan
from .request_files import FETCHED, RequestFiles
from .rows import Row

SKIPPED = "#skipped"
"""Items that could not be had this time."""


def request_plan(flow) -> SimpleNamespace:
    """What the engine knows of the calls of a request flow."""
    calls = flow.sudo().request_step_ids
    drafts = len(list(takewhile(lambda step: step.is_draft, calls))) if flow.request_effect == "create" else 0
    return SimpleNamespace(effect=flow.request_effect, drafts=drafts if drafts < len(calls) else 0, steps=[SimpleNamespace(
        operation=operation_plan(step.operation_id), name=step.name or f"call_{number}",
        body=json.loads(step.body) if step.body else None, done_path=step.done_path or "",
        attach_path=step.attach_path or "", attach_name=step.attach_name or "", each_path=step.each_path or "",
        post_path=step.post_path or "",
        discard=operation_plan(step.discard_operation_id) if step.discard_operation_id else None,
    ) for number, step in enumerate(calls, 1)])


def enter(env, flow_id: int, res_ids: list[int]) -> list[int]:
    """Queue requests about these records in a transaction of its own, so that a button can carry them out at once.

    :return: ids of their sync records
    """
    env.cr.flush()
    with env.registry.cursor() as cr:
        now = env.cr.now().replace(microsecond=0)
        outbox.queue_written(cr, [(flow_id, res_id, now) for res_id in sorted(res_ids)], now)
        cr.execute("SELECT id FROM integration_sync WHERE flow_id = %s AND res_id = ANY(%s) ORDER BY id", [flow_id, res_ids])
        ids = [row[0] for row in cr.fetchall()]
        queueing.act(cr, "retry", ids, now)
        cr.commit()
    return ids


class Requester(Drafts, RequestFiles, Exporter):
    """Carries out requests for claimed rows. ``prepare`` and ``store_files`` run inside transactions, ``send`` and
    ``send_rest`` outside."""

    def __init__(self, env, plan, now):
        super().__init__(env, plan, now)
        self.steps = plan.request.steps
        self.effect = plan.request.effect
        # The first call only looks what is there already: it is made anew whenever something is not known, and a later
        # one makes what the record is linked to.
        self.looks_first = self.effect == "create" and len(self.steps) > 1 and _only_reads(self.steps[0].operation)
        self.known: dict[int, dict] = {}  # row id → answers so far
        self.open: list[Outgoing] = []  # whose first call is answered
        self.files: list[tuple[Row, str, bytes, str]] = []
        self.notes: list[tuple[Row, str]] = []
        self.ended: list[Row] = []
        self._init_drafts(plan.request)

    # -- deciding (in a transaction) -----------------------------------------------------------------------

    def _decide(self, row: Row, record, external_id: str, line_ids) -> None:
        outgoing = Outgoing(row, record, external_id=external_id, operation=self.steps[0].operation)
        row.name = (record.display_name or "")[:200] or row.name
        for rule in self.plan.export_rules:
            outgoing.odoo[rule.code] = self._odoo_side(rule, record, line_ids)
            value = self.mapper.value(rule, record)
            # A request says nothing about lines that there are none of, where the rule leaves out what is blank.
            outgoing.values[rule.code] = None if value == [] and rule.blank_as == "omit" else value
            outgoing.changed.append(rule)
            if rule.kind == "lines":
                outgoing.lines[rule.code] = record[rule.odoo_path].ids
        if self.effect == "create" and external_id:
            self._go_on(outgoing)
        elif self.effect == "end" and not external_id:
            raise SyncError("validation", "nothing_to_end", params={"flow": self.plan.name})
        elif self.effect == "create" and not self.looks_first:
            self._plan_creating(outgoing, self.steps[0].operation)
        else:
            outgoing.request = self._request(outgoing)
            self.outgoing.append(outgoing)

    def _go_on(self, outgoing: Outgoing) -> None:
        """It was made already: what is missing of the later calls is made up for, and nothing is made twice."""
        row = outgoing.row
        known = json.loads(row.payload) if row.payload else {}
        known.setdefault(CALLS, 1)
        known.setdefault(steps.SENT, self._body(outgoing))
        if known[CALLS] >= len(self.steps):
            self._outcome_known(row)
            row.export_pending, row.external_id = False, outgoing.external_id
            row.settle("synced", "unchanged", message=self.env._("This was made already, as %(external_id)s.",
                                                                 external_id=outgoing.external_id))
            return
        row.external_id = outgoing.external_id
        self.known[row.id] = known
        read = self.plan.operation("read")
        outdated = self._is_outdated(outgoing, known)
        done_path = self._binding_path() if outdated else self.steps[known[CALLS]].done_path
        if not row.create_sent and not outdated:
            self.open.append(outgoing)
        elif read is not None and done_path:
            outgoing.request = http.build_request(read, variables={"id": outgoing.external_id}, key=outgoing)
            self.reads.append(outgoing)
        elif outdated and not row.create_sent:
            self._make_anew(outgoing)
        else:
            self._unknown(row)

    def _request(self, outgoing: Outgoing):
        """The first call."""
        request = super()._request(outgoing)
        if request.method == "GET" and request.body:
            query = {name: text_of(value) for name, value in request.body.items()}
            return http.with_query(request, {name: text for name, text in query.items() if text is not None})
        return request

    # -- calling (no transaction open) ---------------------------------------------------------------------

    def _call_all(self, client, requests: list) -> list:
        """Long lists of what was looked at first are read to their end."""
        exchanges = super()._call_all(client, requests)
        if self.plan.rests and self.looks_first:
            looks = [exchange for exchange in exchanges if exchange.request.key.row.id not in self.known]
            self.exchanges += nested.complete(client, self.plan, self.steps[0].operation, looks)
        return exchanges

    def _after_read(self, outgoing: Outgoing, exchange) -> None:
        """A later call may have been carried out: the record itself says so."""
        record = http.read_record(self.plan.operation("read"), exchange.response.body)
        known = self.known[outgoing.row.id]
        self.known[outgoing.row.id] = {**known, **record, CALLS: known[CALLS], steps.SENT: known.get(steps.SENT)}
        self._outcome_known(outgoing.row)
        if self._is_outdated(outgoing, self.known[outgoing.row.id]):
            self._make_anew(outgoing)
        else:
            self.open.append(outgoing)

    def _equal_values(self, outgoing: Outgoing, record: dict) -> dict:
        """What is sent is not agreed on: it only asks."""
        return outgoing.row.agreed

    def _recorded(self, outgoing: Outgoing, answer, outcome: str, *, new_id: str = "") -> None:
        """The first call succeeded."""
        row = outgoing.row
        if self.looks_first:
            if not isinstance(answer, dict):
                raise SyncError("validation", "not_found", params={"message": ""})
            nested.check_complete(self.plan, answer)
        elif self.effect == "create":
            external_id = new_id or (self.plan.external_id(answer) if answer else "")
            if not external_id:
                raise SyncError("validation", "missing_external_id_in_answer", params={
                    "path": self.plan.resource.id_path}, outcome_unknown=True)
            outgoing.external_id = row.external_id = external_id
            self.links.append((external_id, row.res_id, None))
        self._outcome_known(row)
        self.known[row.id] = {**_as_object(answer), steps.SENT: self._body(outgoing), CALLS: 1}
        if any(step.each_path or step.post_path for step in self.steps):
            self.known[row.id][FETCHED] = json.loads(row.payload or "{}").get(FETCHED) or []
        if self.drafts:
            self._draft_recorded(outgoing)
        self._keep_file(outgoing, self.steps[0], answer)  # may raise: a note is kept when nothing else can fail
        self._keep_notes(outgoing, self.steps[0], answer)
        self.open.append(outgoing)

    def send_rest(self, client, mark) -> None:
        """The later calls of all records whose first one succeeded, call by call.

        :param mark: function called with the outgoings before a call that must not be made twice; it commits
        """
        going, self.open = [outgoing for outgoing in self.open if outgoing.row.error is None], []
        going = [outgoing for outgoing in going if self._skips_done(outgoing)]
        while going:
            ready, left = [], []
            for outgoing in going:
                if self._calls(outgoing) >= len(self.steps):
                    self._answered(outgoing)
                    continue
                try:
                    outgoing.request = self._later_request(outgoing)
                    ready.append(outgoing)
                except SyncError as error:
                    self._keep_progress(outgoing)
                    self._fail(outgoing.row, error)
            risky = [outgoing for outgoing in ready if outgoing.request.doubtful]
            if risky:
                mark(risky)
            for exchange in self._call_all(client, [outgoing.request for outgoing in ready]):
                if self._received_later(exchange.request.key, exchange):
                    left.append(exchange.request.key)
            going = left
        self._tell_drafts()

    def _calls(self, outgoing: Outgoing) -> int:
        return self.known[outgoing.row.id][CALLS]

    def _skips_done(self, outgoing: Outgoing) -> bool:
        """See :meth:`_skip_done`; False for a record that failed at it."""
        try:
            self._skip_done(outgoing)
        except SyncError as error:
            self._keep_progress(outgoing)
            self._fail(outgoing.row, error)
            return False
        return True

    def _skip_done(self, outgoing: Outgoing) -> None:
        """Go on to the next call that is needed. What is there already may tell its ID instead of a mere yes."""
        known = self.known[outgoing.row.id]
        while known[CALLS] < len(self.steps):
            step = self.steps[known[CALLS]]
            there = steps.look(step.done_path, known)
            if not there and (not step.each_path or _next_item(step, known)):
                return
            if not _only_reads(step.operation):
                self._made(outgoing, id_text(there))
            known[CALLS] += 1

    def _made(self, outgoing: Outgoing, external_id: str) -> None:
        """A later call has made something, or found it there: the record is linked to it."""
        if self.looks_first and external_id and not outgoing.external_id:
            outgoing.external_id = outgoing.row.external_id = external_id
            self.links.append((external_id, outgoing.row.res_id, None))

    def _later_request(self, outgoing: Outgoing):
        step, known = self.steps[self._calls(outgoing)], self.known[outgoing.row.id]
        variables = {**known, "id": outgoing.external_id or text_of(known.get("id")) or "", **_next_item(step, known)}
        body = steps.fill(step.body, known) if step.body is not None else None
        return http.build_request(
            step.operation, variables=variables, body=body, key=outgoing, secrets=self._sensitive([outgoing]))

    def _received_later(self, outgoing: Outgoing, exchange) -> bool:
        """Take one later answer; True when there is more to ask for this record."""
        row, number = outgoing.row, self._calls(outgoing)
        row.exchange = exchange
        row.duration_ms += int(exchange.duration_ms)
        error = exchange.error
        if self.steps[number].each_path and (error is None or _can_be_left_out(error, exchange)):
            return self._received_item(outgoing, exchange)
        if error is not None:
            self._keep_progress(outgoing)
            self._fail(row, error)
            looks = self.steps[number].done_path and (self.looks_first or self.plan.operation("read"))
            if error.outcome_unknown and not looks:
                row.create_sent = True
                self._unknown(row, error)
            elif not error.outcome_unknown and error.code != "not_sent":
                self._outcome_known(row)
            return False
        self._outcome_known(row)
        step, known = self.steps[number], self.known[row.id]
        answer = http.unwrap(step.operation, exchange.response.body)
        try:
            self._keep_file(outgoing, step, answer)
            self._keep_notes(outgoing, step, answer)
        except SyncError as problem:
            self._keep_progress(outgoing)
            self._fail(row, problem)
            return False
        known[step.name] = {name: value for name, value in _as_object(answer).items() if name != "content"} \
            if step.operation.format == "binary" else _as_object(answer)
        if self.plan.external_id(answer) and self.plan.external_id(answer) == outgoing.external_id:
            known.update(answer)  # the record itself, as it is now
        if not _only_reads(step.operation):
            self._made(outgoing, http.new_id(step.operation, exchange.response.body) or self.plan.external_id(answer))
        known[CALLS] = number + 1
        return self._goes_on(outgoing)

    def _goes_on(self, outgoing: Outgoing) -> bool:
        if not self._skips_done(outgoing):
            return False
        if self._calls(outgoing) >= len(self.steps):
            self._answered(outgoing)
            return False
        return True

    def _received_item(self, outgoing: Outgoing, exchange) -> bool:
        """Take the answer for one item of a list; True when there is more to ask for this record."""
        step, known = self.steps[self._calls(outgoing)], self.known[outgoing.row.id]
        item = _next_item(step, known)
        self._outcome_known(outgoing.row)
        try:
            exchange.raise_for_error()
            self._keep_file(outgoing, step, http.unwrap(step.operation, exchange.response.body), item)
            known[FETCHED] = [*known.get(FETCHED, ()), content_hash(item["item"])]
        except SyncError:
            known[SKIPPED] = [*known.get(SKIPPED, ()), content_hash(item["item"])]
        return self._goes_on(outgoing)

    def _keep_progress(self, outgoing: Outgoing) -> None:
        row = outgoing.row
        row.payload = documents.dump_json(self.known[row.id])
        row.content_hash = content_hash(self.known[row.id])

    def _answered(self, outgoing: Outgoing) -> None:
        """All calls are made: the answer is what was received, and the next slice imports it."""
        row = outgoing.row
        self._keep_progress(outgoing)
        row.export_pending = False
        row.attempts = 0
        row.error = row.error_key = row.waiting_for = row.hint = row.detail = None
        if self.effect == "end":
            self.ended.append(row)
        made = {"create": "created", "end": "deleted"}.get(self.effect, "updated")
        if self.plan.import_rules:
            row.import_pending = True
            row.settle("pending", made if self.effect != "none" else "", due_at=self.now)
        else:
            row.settle("synced", made)

    def store_ends(self) -> None:
        """What was made is over: its link goes, so that a new one can be made."""
        if self.ended:
            journal.delete_record_links(
                self.cr, self.plan.connection.id, self.plan.resource.id, self.plan.model_name,
                [row.res_id for row in self.ended])

    def mark_later(self, outgoings: list[Outgoing]) -> None:
        """Before a call that must not be made twice: say so. The caller commits."""
        for outgoing in outgoings:
            outgoing.row.create_sent = True
        self.cr.execute(
            "UPDATE integration_sync s SET create_sent = true, payload = v.payload FROM unnest(%s::int[], %s::text[]) "
            "AS v(id, payload) WHERE s.id = v.id",
            [[outgoing.row.id for outgoing in outgoings],
             [documents.dump_json(self.known[outgoing.row.id]) for outgoing in outgoings]])


class AnswerImporter(Importer):
    """Imports answers of requests: the record is the one that was asked about, and needs no external ID."""

    def _late_id(self, row: Row, record) -> str | None:
        return None

    def _resolve_links(self, items: list[Item]) -> None:
        existing = set(self.plan.model.browse([item.row.res_id for item in items if item.row.res_id]).exists()._ids)
        for item in items:
            if item.row.res_id in existing:
                item.res_id, item.linked = item.row.res_id, True
            else:
                self._fail(item, SyncError("validation", "record_gone", params={
                    "model": self.plan.model._description, "id": item.row.res_id or 0}))

    def _without_deleted(self, items: list[Item]) -> list[Item]:
        return [item for item in items if not item.row.settled]


def _only_reads(operation) -> bool:
    return operation.method == "GET" or bool(operation.document and operation.reads)


def _as_object(answer) -> dict:
    return answer if isinstance(answer, dict) else {"items": answer} if isinstance(answer, list) else {"value": answer}


def _next_item(step, known: dict) -> dict:
    """The next item of the list that a call is made for, as variables; {} when there is none left or no list."""
    found = paths.get(step.each_path, known) if step.each_path else None
    done = {*known.get(FETCHED, ()), *known.get(SKIPPED, ())}
    for number, item in enumerate(found if isinstance(found, list) else (), 1):
        if item is not None and content_hash(item) not in done:
            return {"item": item, "number": number}
    return {}


def _can_be_left_out(error: SyncError, exchange) -> bool:
    """A photo that is not there must not keep the rest of an answer away; a system that is down keeps all of it."""
    return exchange.request.reading and error.info.scope == "record" and http.was_sent(exchange)
