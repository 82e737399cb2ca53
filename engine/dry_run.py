"""What would happen to one record: the importer and the exporter themselves, in a savepoint that is always rolled back.

Nothing is called. A related record that would be read from the other system first stays missing, and the result says so.
"""

from collections.abc import Callable
from typing import Any

from odoo import fields

from ..core import documents, paths, redact
from ..core.errors import SyncError
from . import hiding, inbox, journal, messages, quiet
from .example_record import example_record
from .exporter import Exporter
from .importer import Importer
from .items import Item
from .mapper import read_value
from .plan import FlowPlan, RulePlan
from .requesting import Requester
from .rows import Row, known_row, unknown_row
from .trial import MASK, CallTrial, CheckTrial, FieldTrial, Trial

# A record inside a record inside a record: deeper nobody follows.
DEEPEST_EMBEDDED = 4

Look = Callable[[Any, Trial], Any]


def try_import(flow, record: Any, *, as_new: bool = False, viewer=None, look: Look | None = None) -> Trial:
    """What importing one external record would do.

    :param record: the record as the other system sends it, decoded
    :param as_new: as if it came for the first time, also when it is linked
    :param viewer: environment of the user who will see the result; an existing record that he may not read is an AccessError
    :param look: called with the Odoo record (or None) and the trial before everything is rolled back; what it returns is
        ``trial.looked``
    """
    env = flow.env(su=True)
    with quiet.rolled_back(env):
        return _Trying(env, flow, viewer).bring_in(record, as_new, look)


def try_export(flow, res_id: int | None, *, values: dict | None = None, viewer=None, look: Look | None = None) -> Trial:
    """What exporting one Odoo record would do.

    :param values: instead of ``res_id``: a record is created with these values first, and is gone afterwards
    """
    env = flow.env(su=True)
    with quiet.rolled_back(env):
        return _Trying(env, flow, viewer).send_out(res_id, values, look)


class _Importer(Importer):
    """The importer, watched: what stood in Odoo before, and what the checks said."""

    def __init__(self, env, plan, now, *, as_new, viewer):
        super().__init__(env, plan, now)
        self.as_new = as_new
        self.viewer = viewer
        self.item: Item | None = None
        self.before: dict[str, Any] = {}
        self.compared: list[CheckTrial] = []

    def _parse(self, row):
        self.item = super()._parse(row)
        return self.item

    def _resolve_links(self, items):
        if self.as_new:
            for item in items:
                found = journal.find_links(
                    self.cr, self.plan.connection.id, self.plan.resource.id, [item.row.external_id])
                for external_id, res_id in found.items():
                    self._unlink_record(external_id, res_id)
        return super()._resolve_links(items)

    def _run(self, items, work):
        for item in items:
            if item.res_id:
                record = self.plan.model.browse(item.res_id)
                if self.viewer is not None:
                    record.with_env(self.viewer).check_access("read")
                self.before = {
                    rule.code: shown_value(rule, record) for rule in (*self.plan.merge_rules, *self.plan.checks)
                    if rule.kind != "lines"}
        return super()._run(items, work)

    def _check(self, item, record):
        self.compared = []
        checks = self.plan.checks
        try:
            for rule in checks:
                self.plan.checks = [rule]  # one by one: the first difference hides no other
                try:
                    super()._check(item, record)
                    passed = True
                except SyncError:
                    passed = False
                self.compared.append(CheckTrial(
                    rule.label, masked(rule, read_value(rule, record)), masked(rule, item.externals[rule.code]), passed))
        finally:
            self.plan.checks = checks
        return super()._check(item, record)


class _Trying:
    """One dry run, inside the block that rolls it back."""

    def __init__(self, env, flow, viewer):
        self.env = env
        self.viewer = viewer
        self.plan = FlowPlan(flow.with_env(env))
        self.now = fields.Datetime.now()
        self.trial = Trial("import")

    # -- into Odoo -----------------------------------------------------------------------------------------

    def bring_in(self, record, as_new: bool, look: Look | None) -> Trial:
        trial, plan = self.trial, self.plan
        try:
            row = self._incoming_row(record, as_new)
        except SyncError as error:
            self._failed(error)
            return self._done(None, look)
        if trial.outcome:
            return self._done(None, look)
        self._bring_embedded(plan, record)
        importer = _Importer(self.env, plan, self.now, as_new=as_new, viewer=self.viewer)
        importer.process([row])
        item = importer.item
        trial.outcome = self._outcome(row)
        trial.res_id = item.res_id if item and (item.linked or item.matched) else None
        self._take_texts(row)
        trial.checks = importer.compared
        done = plan.model.browse(item.res_id).exists() if item and item.res_id and row.res_id else None
        if item is not None:
            for rule in plan.merge_rules:
                self._show_import(rule, item, importer, done)
        if row.error is not None and row.error.error_class == "parent_missing":
            self._explain_parent(row.error)
        if done and row.export_pending and plan.exports:
            self._send(row, done)
            if row.error is not None:
                trial.notes.append(self.env._(
                    "Sending what Odoo owns would fail: %(message)s", message=messages.explain(self.env, row.error)[0]))
        return self._done(done or None, look)

    def _incoming_row(self, record, as_new: bool) -> Row:
        external_id = inbox.identify(self.plan, record)
        self.trial.external_id = external_id
        row = None if as_new else known_row(self.env.cr, self.plan.id, external_id=external_id)
        row = row or unknown_row(self.plan.id)
        row.external_id, row.payload, row.import_pending = external_id, documents.dump_json(record), True
        row.postponed, row.error = None, None
        row.external_updated_at = inbox.age_of(self.plan, record).changed_at
        name = paths.get(self.plan.resource.name_path, record) if self.plan.resource.name_path else None
        self.trial.name = str(name) if name and not isinstance(name, (dict, list)) else external_id
        condition = self.plan.settings.external_filter
        if condition and not inbox.is_deleted(self.plan, record) and not paths.get(condition, record):
            self.trial.outcome = "excluded"
            self.trial.message = self.env._("The flow's filter leaves this record out: %(condition)s", condition=condition)
        return row

    def _bring_embedded(self, plan: FlowPlan, record, depth: int = 0) -> None:
        """Records that stand inside this one (the customer of an order) come first, as in earnest."""
        if depth >= DEEPEST_EMBEDDED:
            return
        for flow_id, pieces in inbox.embedded(plan, record):
            related = FlowPlan(self.env["integration.flow"].browse(flow_id))
            for piece in pieces:
                external_id = related.external_id(piece)
                if not external_id:
                    continue
                self._bring_embedded(related, piece, depth + 1)
                row = known_row(self.env.cr, flow_id, external_id=external_id) or unknown_row(flow_id)
                row.external_id, row.payload, row.postponed = external_id, documents.dump_json(piece), None
                Importer(self.env, related, self.now).process([row])
                if row.state == "failed":
                    message, _hint = messages.explain(self.env, row.error)
                    self.trial.notes.append(self.env._(
                        "The record inside it that %(flow)s synchronises would fail: %(message)s",
                        flow=related.name, message=message))
                elif row.outcome == "created":
                    self.trial.notes.append(self.env._(
                        "%(flow)s would create the record %(name)s first, which stands inside this one.",
                        flow=related.name, name=related.model.browse(row.res_id).display_name))

    def _explain_parent(self, error: SyncError) -> None:
        rule = next((rule for rule in self.plan.rules for rule in (rule, *rule.children)
                     if rule.relation_resource_id == error.params.get("resource_id")), None)
        if rule is not None and rule.relation_mode == "import":
            self.trial.hint = self.env._(
                "In earnest it would be read from the other system now. A dry run calls nobody: import that record first, "
                "or choose an example whose related records are here.")

    def _show_import(self, rule: RulePlan, item: Item, importer: _Importer, done) -> None:
        if rule.kind == "lines":
            self._show_lines(rule, item, done)
            return
        found = self._new_field(rule)
        found.incoming = masked(rule, item.externals.get(rule.code))
        found.before = importer.before.get(rule.code)
        if rule.code in item.values:
            found.mapped = self._mapped_text(rule, item.values[rule.code])
        else:
            self._explain_unmapped(found, rule, item)
        if done:
            found.after = shown_value(rule, done)
            found.written = rule.code in item.changes or not self.trial.res_id and found.after not in (None, "") \
                and found.mapped == found.after
        if rule.code in item.later:
            found.note = self.env._("It is filled in later, when the other record is here.")
        if rule.code in item.conflicts:
            found.note = self.env._("Both sides have changed: a person has to choose.")
        elif rule.code in item.overruled:
            found.note = self.env._("The other side's change is not taken: the owner decides.")

    def _explain_unmapped(self, found: FieldTrial, rule: RulePlan, item: Item) -> None:
        """The record stopped at some field; each of the others is looked at by itself."""
        if not rule.imports:
            return
        importer = Importer(self.env, self.plan, self.now)
        try:
            importer.mapper.prepare([([rule], item.externals)])
            found.mapped = self._mapped_text(rule, importer._converted(rule, item.externals[rule.code], item.record))
        except SyncError as error:
            found.note = messages.explain(self.env, error)[0]

    def _show_lines(self, rule: RulePlan, item: Item, done) -> None:
        known = item.line_ids.get(rule.id, {})
        for number, line in enumerate(item.lines.get(rule.code, ())):
            record = self.plan.model.env[rule.comodel].browse(known.get(line.external_id) or []).exists() if done else None
            for child in rule.children:
                found = self._new_field(child, prefix=f"{rule.label} {number + 1}: ", parent=rule)
                found.incoming = masked(child, line.externals.get(child.code))
                found.mapped = self._mapped_text(child, line.values.get(child.code))
                change = item.changes.get(f"{rule.code}[{line.external_id}].{child.code}")
                new = f"{rule.code}[{line.external_id}]" in item.changes or not self.trial.res_id
                if record:
                    found.after = shown_value(child, record)
                    found.written = child.imports and (new or change is not None)
                    found.before = None if new else (change[0] if change else found.after)
        gone = [change for code, change in item.changes.items()
                if code.startswith(f"{rule.code}[") and code.endswith("]") and change[1] is None]
        for change in gone:
            found = self._new_field(rule)
            found.before, found.written = change[0], True
            found.note = self.env._("This line would be removed.")

    # -- out of Odoo ---------------------------------------------------------------------------------------

    def send_out(self, res_id: int | None, values: dict | None, look: Look | None) -> Trial:
        trial, plan = self.trial, self.plan
        trial.direction = "export"
        try:
            if values is not None:
                record = example_record(self.env, plan.model, values)
            else:
                record = plan.model.browse(res_id)
                if self.viewer is not None:
                    record.with_env(self.viewer).check_access("read")
                trial.res_id = res_id
        except SyncError as error:
            self._failed(error)
            return self._done(None, look)
        row = known_row(self.env.cr, plan.id, res_id=record.id) or unknown_row(plan.id)
        row.res_id, row.export_pending, row.error = record.id, True, None
        self._send(row, record)
        trial.name = row.name or record.display_name or ""
        trial.external_id = row.external_id or ""
        self._take_texts(row)
        if row.settled:
            trial.outcome = self._outcome(row)
        elif trial.write_call:
            trial.outcome = "sent"
        if trial.outcome == "excluded" or not record.exists():
            return self._done(None, look)
        return self._done(record, look)

    def _send(self, row: Row, record) -> None:
        """What the exporter would send for this record."""
        trial, plan = self.trial, self.plan
        row.settled, row.error = False, None
        exporter = (Requester if plan.asks else Exporter)(self.env, plan, self.now)
        agreed = dict(row.agreed)
        exporter.prepare([row])
        outgoing = next(iter((*exporter.finds, *exporter.reads, *exporter.outgoing)), None)
        if outgoing is not None:
            if outgoing in exporter.finds or outgoing in exporter.reads:
                trial.calls.append(self._call(outgoing, outgoing.request, "find" if exporter.finds else "read"))
            call = self._write_call(exporter, outgoing)
            trial.calls.append(call)
        by_code = {found.code: found for found in trial.fields}
        for rule in plan.export_rules:
            found = by_code.get(rule.code)
            if found is None:
                found = self._new_field(rule)
                there = agreed.get(rule.code)
                if rule.kind != "lines":
                    found.before = found.after = shown_value(rule, record)
                    found.incoming = masked(rule, there["e"]) if there else None
            if outgoing is not None and rule.code in outgoing.values:
                found.sent, found.sends = masked(rule, outgoing.values[rule.code]), True
            elif trial.direction == "export":
                try:
                    exporter.mapper.value(rule, record)
                except SyncError as error:
                    found.note = messages.explain(self.env, error)[0]

    def _write_call(self, exporter, outgoing) -> CallTrial:
        """The call that carries the values."""
        update = self.plan.operation("update")
        if outgoing.operation is None and update is not None:  # never created there: changed where it is found
            for rule in self.plan.export_rules:
                outgoing.values.setdefault(rule.code, exporter.mapper.value(rule, outgoing.record))
            outgoing.changed = list(self.plan.export_rules)
            return self._told("update", update.method, update.path, exporter._body(outgoing))
        request = exporter._request(outgoing)
        if not self.plan.asks:
            return self._call(outgoing, request, outgoing.operation.kind)
        # What is asked may stand in the address alone.
        body = exporter._body(outgoing) if request.body is None else request.body
        return self._told("ask", outgoing.operation.method, request.path, body)

    def _call(self, outgoing, request, purpose: str) -> CallTrial:
        operation = outgoing.operation if purpose in ("create", "update") else self.plan.operation(purpose)
        body = request if purpose in ("create", "update") and operation.bulk else request.body
        return self._told(purpose, operation.method, operation.path if body is request else request.path, body)

    def _told(self, purpose: str, method: str, path: str, body) -> CallTrial:
        return CallTrial(
            purpose, method, path, body,
            redact.redact_body(documents.dump_json(body), names=self.plan.sensitive_names) if body is not None else "")

    # -- telling -------------------------------------------------------------------------------------------

    def _new_field(self, rule: RulePlan, *, prefix: str = "", parent: RulePlan | None = None) -> FieldTrial:
        found = FieldTrial(
            f"{parent.code}.{rule.code}" if parent else rule.code, prefix + rule.label,
            rule.external_path, (parent or rule).owner)
        self.trial.fields.append(found)
        return found

    def _mapped_text(self, rule: RulePlan, value) -> Any:
        if value in (None, False, "") and rule.field_type != "boolean":
            return None
        if rule.comodel and rule.field_type in ("many2one", "many2many"):
            ids = value if isinstance(value, list) else [value]
            value = ", ".join(self.plan.model.env[rule.comodel].browse(ids).sudo().mapped("display_name"))
        return masked(rule, value)

    def _outcome(self, row: Row) -> str:
        if row.outcome == "retry" or row.state == "waiting" and row.outcome != "created":
            return "waiting"
        return row.outcome or row.state

    def _take_texts(self, row: Row) -> None:
        """What the row tells, in the language of whoever looks, without the values of sensitive rules."""
        hiding.hide_sensitive(self.plan, [row])
        if row.error is not None:
            self._failed(row.error)
        elif row.message and not self.trial.message:
            self.trial.message, self.trial.hint = row.message, row.hint or ""

    def _failed(self, error: SyncError) -> None:
        trial = self.trial
        trial.error = error
        trial.message, trial.hint = (str(text) for text in messages.explain(self.env, error))
        trial.outcome = "waiting" if error.error_class == "parent_missing" else "failed"

    def _done(self, record, look: Look | None) -> Trial:
        if look is not None:
            self.trial.looked = look(record, self.trial)
        return self.trial


def shown_value(rule: RulePlan, record) -> Any:
    """What a record holds at the field of a rule, as people read it."""
    value = record
    for name in rule.odoo_path.split("."):
        value = value[name]
    return masked(rule, plain_value(value, rule.field_type))


def plain_value(value: Any, field_type: str = "") -> Any:
    """Records by their names, moments as text, Odoo's False as None where it means blank."""
    if hasattr(value, "_name"):
        return ", ".join(value.sudo().mapped("display_name")) or None
    if value is False and field_type != "boolean":
        return None
    if hasattr(value, "isoformat"):
        return fields.Datetime.to_string(value) if field_type == "datetime" else value.isoformat()
    return value


def masked(rule: RulePlan, value: Any) -> Any:
    return MASK if rule.sensitive and value not in (None, False, "") else value
