"""External → Odoo, a batch at a time.

One batch: resolve links in one query → map → merge by ownership → create and write in batches under a savepoint; a
batch that fails is halved until the guilty record stands alone, so that the others land.
"""

import json
from datetime import datetime
from typing import Any

from odoo import Command

from ..core import documents
from ..core.errors import SyncError
from ..core.record_schema import check_record
from . import capture, failures, inbox, journal, nested, overruling, statuses
from .import_deleted import ImportDeleted
from .import_mapping import ImportMapping
from .import_merging import ImportMerging
from .items import Item, LocatedFailures, Merged, external_side, put, shown
from .lines import Lines
from .mapper import BatchMapper, external_values, normal, read_value
from .matching import Matcher
from .overruling import agreement
from .plan import FlowPlan, RulePlan
from .put_right import PutRight
from .rows import Row


class Importer(ImportMapping, ImportMerging, ImportDeleted, PutRight):
    """Imports claimed rows of one flow. Does not commit; see ``engine/worker.py``."""

    def __init__(self, env, plan: FlowPlan, now: datetime):
        self.env = env
        self.cr = env.cr
        self.plan = plan
        self.now = now
        self.mapper = BatchMapper(plan, env.cr)
        self.links: list[tuple] = []
        self.dead_links: list[tuple[RulePlan, list[int]]] = []
        self.lines = Lines(env.cr, plan, self.links, self.dead_links)
        self.statuses = statuses.Statuses(self) if plan.status else None

    def process(self, rows: list[Row]) -> None:
        """Give every row an outcome."""
        items = [item for row in rows if (item := self._parse(row)) is not None]
        self._resolve_links(items)
        items = self._without_deleted(items)
        items = self._mapped(items)
        items = Matcher(self.cr, self.plan, self.now, self._fail).match(items)
        creates, updates = [], []
        for item in items:
            (updates if item.res_id else creates).append(item)
        with capture.origin(self.plan.id):
            self._run(self._allowed(creates), self._create)
            self._run(updates, self._update)
        for rule, ids in self.dead_links:
            journal.delete_line_links(
                self.cr, self.plan.connection.id, self.plan.resource.id, rule.id, rule.comodel, ids)
        journal.insert_links(self.cr, journal.link_rows(self.plan, self.links))
        if self.mapper.unmapped:
            self.env["integration.value.map.line"]._collect(self.mapper.unmapped)
        if self.statuses:
            self.statuses.collect()

    def _fail(self, item_or_row, error: SyncError) -> None:
        row = item_or_row.row if isinstance(item_or_row, Item) else item_or_row
        failures.apply_failure(self.plan.model.env, row, error, policy=self.plan.retry_policy, now=self.now)

    # -- reading the payload -------------------------------------------------------------------------------

    def _parse(self, row: Row) -> Item | None:
        row.direction = "import"
        try:
            if not row.payload:
                if row.external_id:
                    raise SyncError("validation", "payload_pruned", params={"external_id": row.external_id})
                raise SyncError("validation", "empty_body")
            record = _stored(row.payload)
            row.external_id = row.external_id or self._late_id(row, record)
            if row.settled:
                return None
            if inbox.DELETED_KEY in record:
                return Item(row, record, {})
            if self.plan.rests:
                nested.check_complete(self.plan, record)
            if self.plan.schema_received:
                check_record(self.plan.schema_received, record)
            return Item(row, record, external_values(self.plan, self.plan.merge_rules + self.plan.checks, record))
        except SyncError as error:
            self._fail(row, error)
            return None

    def _late_id(self, row: Row, record) -> str | None:
        """The ID of a record that came without one, now that the path may have been corrected."""
        external_id = inbox.identify(self.plan, record)
        self.cr.execute(
            "SELECT id FROM integration_sync WHERE flow_id = %s AND external_id = %s", [self.plan.id, external_id])
        if self.cr.fetchone():
            row.import_pending = False
            row.settle("excluded", "excluded", message=self.env._(
                "This record has arrived once more, as %(external_id)s.", external_id=external_id))
            return None
        return external_id

    def _resolve_links(self, items: list[Item]) -> None:
        ids = {item.row.external_id: item for item in items}
        found = journal.find_links(self.cr, self.plan.connection.id, self.plan.resource.id, list(ids))
        existing = set(self.plan.model.browse(found.values()).exists()._ids)
        for external_id, res_id in found.items():
            item = ids[external_id]
            if res_id in existing:
                item.res_id, item.linked = res_id, True
            else:
                # The Odoo record was deleted: the link goes, and a person decides whether the record comes back.
                self._unlink_record(external_id, res_id)
                if inbox.is_deleted(self.plan, item.record):
                    continue  # gone on both sides: nothing to decide
                self._fail(item, SyncError("validation", "record_gone", params={
                    "model": self.plan.model._description, "id": res_id}))

    def _unlink_record(self, external_id: str, res_id: int) -> None:
        """Forget a link and those of the lines of its document."""
        connection_id, resource_id = self.plan.connection.id, self.plan.resource.id
        journal.delete_record_links(self.cr, connection_id, resource_id, self.plan.model_name, [res_id])
        journal.delete_document_links(self.cr, connection_id, resource_id, external_id)

    def _allowed(self, creates: list[Item]) -> list[Item]:
        if self.plan.flow.create_in_odoo:
            return creates
        for item in creates:
            message, hint = failures.messages.explain(
                self.plan.model.env, SyncError("validation", "no_create", params={"side": "Odoo"}))
            item.row.settle("excluded", "excluded", message=message)
            item.row.hint = hint
        return []

    # -- writing -------------------------------------------------------------------------------------------

    def _run(self, items: list[Item], work) -> None:
        """Do ``work`` on all items under one savepoint; on failure, on halves of them, down to the guilty one.

        Rows learn what came of them only when the savepoint holds: what was rolled back leaves no trace on them.
        """
        if not items:
            return
        marks = len(self.links), len(self.dead_links)
        for item in items:
            item.begin()
        try:
            with self.cr.savepoint():
                work(items)
                self.plan.model.env.flush_all()
        except Exception as error:
            del self.links[marks[0]:], self.dead_links[marks[1]:]
            if failures.is_concurrency(error):
                raise
            if isinstance(error, LocatedFailures):
                for item in items:
                    if id(item) in error.by_item:
                        self._fail(item, error.by_item[id(item)])
                self._run([item for item in items if id(item) not in error.by_item], work)
            elif len(items) == 1:
                self._fail(items[0], failures.from_exception(self.plan.model.env, self.plan.model_name, error))
            else:
                middle = len(items) // 2
                self._run(items[:middle], work)
                self._run(items[middle:], work)
        else:
            for item in items:
                self._finish(item)

    def _create(self, items: list[Item]) -> None:
        rules = [rule for rule in self.plan.import_rules
                 if rule.kind != "check" and self.plan.written_at_creation(rule, "odoo")]
        for item in items:
            item.vals = {}
            for rule in rules:
                if rule.kind == "lines":
                    item.vals.setdefault(rule.odoo_path, []).extend(
                        Command.create(self.lines.vals(rule, line)) for line in item.lines[rule.code])
                else:
                    put(item.vals, rule, item.values[rule.code], creating=True)
        records = self.plan.model.create([item.vals for item in items])
        self.plan.model.env.flush_all()
        self._note_switched(items, records)
        located = {}
        for item, record in zip(items, records, strict=True):
            try:
                self._check(item, record)
            except SyncError as error:
                located[id(item)] = error
                continue
            item.res_id = record.id
            self.links.append((item.row.external_id, record.id, None))
            self.lines.link_created(item, record)
            written = rules + self._write_switched(item, record, rules)
            self._decide_unwritten(item, record, written)
            item.changes = {
                rule.code: [None, shown(rule, item.values.get(rule.code))] for rule in rules if rule.kind != "lines"
                and item.values.get(rule.code) not in (None, False)}
            self._agree(item, record)
            item.outcome = "created"
        if located:
            raise LocatedFailures(located)
        if self.statuses:
            self.statuses.run(items, records)

    def _update(self, items: list[Item]) -> None:
        groups: dict[str, tuple[dict, list[int]]] = {}
        singles: list[tuple[int, dict]] = []
        records = self.plan.model.browse([item.res_id for item in items])
        self.lines.load(items)
        captured = self._captured_times(items)
        self._note_switched(items, records)
        merged: dict[int, Merged] = {}
        for item, record in zip(items, records, strict=True):
            merged[record.id] = result = self._merged(item, record, captured.get(record.id))
            if not result.vals:
                continue
            if any(rule.kind == "lines" for rule in result.written):
                singles.append((record.id, result.vals))
            else:
                key = repr(sorted(result.vals.items(), key=lambda pair: pair[0]))
                groups.setdefault(key, (result.vals, []))[1].append(record.id)
        for vals, ids in groups.values():
            self.plan.model.browse(ids).write(vals)
        for res_id, vals in singles:
            self.plan.model.browse(res_id).write(vals)
        self.plan.model.env.flush_all()
        located = {}
        for item, record in zip(items, records, strict=True):
            result = merged[record.id]
            for rule in result.written:
                if rule.kind == "lines":
                    self.lines.link_new(item, record, rule)
            if result.vals:
                self._put_right(item, record, result)
            try:
                self._check(item, record)
            except SyncError as error:
                located[id(item)] = error
                continue
            if not item.linked:
                self.links.append((item.row.external_id, item.res_id, None))
            self._agree(item, record)
            item.outcome = "updated" if item.changes else ("linked" if item.matched else "unchanged")
        if located:
            raise LocatedFailures(located)
        if self.statuses:
            self.statuses.run(items, records)

    # -- after writing -------------------------------------------------------------------------------------

    def _check(self, item: Item, record) -> None:
        """Compare what Odoo computed with what the payload says: a difference keeps the record out."""
        for rule in self.plan.checks:
            expected = item.values[rule.code]
            if expected is None or expected is False:
                if item.externals[rule.code] in (None, ""):
                    continue
                expected = 0
            actual = read_value(rule, record)
            tolerance = rule.tolerance + rule.line_tolerance * sum(len(lines) for lines in item.lines.values())
            same = abs(float(actual or 0) - float(expected)) <= tolerance \
                if rule.field_type in ("float", "monetary", "integer") else actual == normal(rule, expected)
            if not same:
                raise SyncError("validation", "totals_differ", params={
                    "label": rule.label, "odoo": actual, "external": item.externals[rule.code]})

    def _agree(self, item: Item, record) -> None:
        """Remember what both sides hold now.

        A field in conflict keeps its old agreement until it is decided. A field that has to be sent is remembered
        as if Odoo had held the external value: then Odoo's own value is the only change, and the export sends it.
        """
        for rule in self.plan.merge_rules:
            if rule.code in item.kept or rule.kind == "status":
                continue
            if rule.code in item.halves:
                item.agreed[rule.code] = item.halves[rule.code]
                continue
            if rule.told:
                item.agreed.setdefault(rule.code, agreement(self._odoo_side(rule, record, item), None, switched=False))
                continue
            odoo = self._as_odoo(rule, item) if rule.code in item.sends else self._odoo_side(rule, record, item)
            item.agreed[rule.code] = agreement(
                odoo, external_side(rule, item.externals[rule.code]), switched=rule.code in item.switched)

    def _finish(self, item: Item) -> None:
        """The savepoint holds: tell the row what came of it."""
        row = item.row
        row.res_id = item.res_id
        row.agreed, row.changes, row.overruled = item.agreed, item.changes, item.overruled
        row.conflicts = item.conflicts or None
        if item.overruled:
            row.overruled_by = item.overruled_by
            overruling.note(self.plan, row)
        row.import_pending = False
        if not self.plan.asks:
            row.export_pending = bool(item.sends)  # an import looks at both sides
        row.error = row.error_key = row.waiting_for = None
        row.hint = row.detail = None
        row.attempts = 0
        if item.later:
            self._wait_for_rest(item)
        elif item.status_error:
            statuses.settle_failure(self._fail, item)
        elif row.conflicts:
            failures.settle_conflict(self.plan, row, "conflict", now=self.now)
        elif row.export_pending:
            row.settle("pending", item.outcome, due_at=self.now)
        else:
            row.settle("synced", item.outcome, message=item.status_note or None)

    def _wait_for_rest(self, item: Item) -> None:
        """The record is here without a relation; it is imported again when that one has come."""
        outcome = item.outcome
        self._fail(item, next(iter(item.later.values())))
        item.row.outcome, item.row.import_pending = outcome, True


def _stored(payload: str) -> Any:
    """A record as ``inbox`` has stored it. It was checked when it came: only if it is not what we write ourselves, the
    slow way says what is wrong with it."""
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return documents.parse_json(payload)
