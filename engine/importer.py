"""External → Odoo, a batch at a time.

One batch: resolve links in one query → map → merge by ownership → create and write in batches under a savepoint; a
batch that fails is halved until the guilty record stands alone, so that the others land.
"""

import json
from datetime import datetime
from typing import Any

from odoo import Command
from odoo.exceptions import AccessError

from ..core import documents, ownership, paths
from ..core.errors import SyncError
from ..core.ownership import Sides
from . import capture, failures, inbox, journal
from .items import Item, LocatedFailures, Merged, external_side, put, shown
from .lines import Lines, lines_hash
from .mapper import BatchMapper, Line, external_values, normal, read_value
from .matching import Matcher
from .plan import FlowPlan, RulePlan
from .rows import Row

# Owners under which Odoo's own recomputing must not move a value that the other system has given.
KEEPS_EXTERNAL = ("external", "external_unless_blank", "newest", "ask")


class Importer:
    """Imports claimed rows of one flow. Does not commit; see ``engine/worker.py``."""

    def __init__(self, env, plan: FlowPlan, now: datetime):
        self.env = env
        self.cr = env.cr
        self.plan = plan
        self.now = now
        self.mapper = BatchMapper(plan, env.cr)
        self.links: list[tuple] = []
        self.dead_links: list[tuple[int, list[int]]] = []
        self.lines = Lines(env.cr, plan, self.links, self.dead_links)

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
        for rule_id, ids in self.dead_links:
            journal.delete_line_links(self.cr, self.plan.connection.id, self.plan.resource.id, rule_id, ids)
        journal.insert_links(self.cr, journal.link_rows(self.plan, self.links))
        if self.mapper.unmapped:
            self.env["integration.value.map.line"]._collect(self.mapper.unmapped)

    def _fail(self, item_or_row, error: SyncError) -> None:
        row = item_or_row.row if isinstance(item_or_row, Item) else item_or_row
        failures.apply_failure(self.plan.model.env, row, error, policy=self.plan.retry_policy, now=self.now)

    # -- reading the payload -------------------------------------------------------------------------------

    def _parse(self, row: Row) -> Item | None:
        row.direction = "import"
        try:
            if not row.payload:
                raise SyncError("validation", "empty_body")
            record = _stored(row.payload)
            row.external_id = row.external_id or self._late_id(row, record)
            if row.settled:
                return None
            if inbox.DELETED_KEY in record:
                return Item(row, record, {})
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
                self._fail(item, SyncError("validation", "record_gone", params={
                    "model": self.plan.model._description, "id": res_id}))

    def _unlink_record(self, external_id: str, res_id: int) -> None:
        """Forget a link and those of the lines of its document."""
        connection_id, resource_id = self.plan.connection.id, self.plan.resource.id
        journal.delete_record_links(self.cr, connection_id, resource_id, self.plan.model_name, [res_id])
        journal.delete_document_links(self.cr, connection_id, resource_id, external_id)

    def _without_deleted(self, items: list[Item]) -> list[Item]:
        """Handle records that were deleted over there as the flow says; return the others."""
        rest = []
        for item in items:
            if item.row.settled or not inbox.is_deleted(self.plan, item.record):
                rest.append(item)
                continue
            try:
                with self.cr.savepoint():
                    outcome = self._delete(item)
                    self.plan.model.env.flush_all()
            except Exception as error:
                if failures.is_concurrency(error):
                    raise
                self._fail(item, failures.from_exception(self.plan.model.env, self.plan.model_name, error))
                continue
            item.row.import_pending = item.row.export_pending = False
            item.row.settle("excluded", outcome, message=self.env._("Deleted in the other system."))
        return rest

    def _delete(self, item: Item) -> str:
        """Archive or delete the Odoo record of one that is gone over there, or leave it. Returns the outcome."""
        policy = self.plan.flow.delete_in_odoo
        if not item.linked or policy == "nothing":
            return "excluded"
        record = self.plan.model.browse(item.res_id)
        with capture.origin(self.plan.id):
            if policy == "archive" and "active" in record._fields:
                record.action_archive()
                return "archived"
            if policy == "archive":
                return "excluded"
            record.unlink()
        self._unlink_record(item.row.external_id, item.res_id)
        item.row.res_id = None
        return "deleted"

    # -- mapping -------------------------------------------------------------------------------------------

    def _mapped(self, items: list[Item]) -> list[Item]:
        """Convert all values; items that fail or wait drop out."""
        items = [item for item in items if not item.row.settled]
        rules = [rule for rule in (*self.plan.merge_rules, *self.plan.checks) if rule.kind != "lines"]
        line_rules = [rule for rule in self.plan.import_rules if rule.kind == "lines"]
        batch = [(rules, item.externals) for item in items]
        for rule in line_rules:
            batch += [
                (rule.children, values) for item in items for _line_id, values in item.externals[rule.code]]
        try:
            self.mapper.prepare(batch)
        except SyncError as error:
            if len(items) == 1:
                self._fail(items[0], error)
                return []
            middle = len(items) // 2
            return self._mapped(items[:middle]) + self._mapped(items[middle:])
        except AccessError as error:  # about the model that is looked up, so about all of them
            for item in items:
                self._fail(item, failures.from_exception(self.plan.model.env, self.plan.model_name, error))
            return []
        mapped = []
        for item in items:
            try:
                for rule in rules:
                    if rule.imports:
                        item.values[rule.code] = self._converted(rule, item.externals[rule.code], item.record)
                    else:
                        item.values[rule.code] = self._for_comparison(rule, item)
                for rule in line_rules:
                    item.lines[rule.code] = self._map_lines(rule, item)
                mapped.append(item)
            except SyncError as error:
                self._fail(item, error)
        return mapped

    def _converted(self, rule: RulePlan, external, record):
        try:
            value = self.mapper.value(rule, external, record)
        except SyncError as error:
            if rule.sensitive and "value" in error.params:
                error.params["value"] = "•••"
            raise
        if rule.required and (value is None or value is False) and rule.field_type != "boolean":
            raise SyncError("validation", "required_missing", params={
                "field": rule.label, "path": rule.external_path})
        return value

    def _for_comparison(self, rule: RulePlan, item: Item):
        """Odoo's form of a value that is only exported: to see that both sides hold the same. It need not convert."""
        try:
            return self.mapper.value(rule, item.externals[rule.code], item.record)
        except SyncError:
            return None

    def _map_lines(self, rule: RulePlan, item: Item) -> list[Line]:
        lines, seen = [], set()
        records = paths.get(rule.external_path, item.record)
        records = [records] if isinstance(records, dict) else [line for line in records or [] if line is not None]
        for number, (line_id, externals) in enumerate(item.externals[rule.code]):
            if rule.line_id_path and not line_id:
                raise SyncError("validation", "record_missing_id", params={
                    "path": f"{rule.external_path}[{number}].{rule.line_id_path}"})
            if line_id and line_id in seen:
                raise SyncError("validation", "duplicate_in_page", params={"external_id": f"{rule.label} {line_id}"})
            seen.add(line_id)
            line = Line(line_id or f"#{number}", records[number], externals)
            for child in rule.children:
                if child.imports:
                    line.values[child.code] = self._line_value(rule, child, number, line)
            lines.append(line)
        return lines

    def _line_value(self, rule: RulePlan, child: RulePlan, number: int, line: Line):
        try:
            return self._converted(child, line.externals[child.code], line.record)
        except SyncError as error:
            if "field" in error.params:  # which of the lines it was
                error.params["field"] = f"{rule.label} {number + 1}, {error.params['field']}"
            raise

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
            self._decide_unwritten(item, record, rules)
            item.changes = {
                rule.code: [None, shown(rule, item.values.get(rule.code))] for rule in rules if rule.kind != "lines"
                and item.values.get(rule.code) not in (None, False)}
            self._agree(item, record)
            item.outcome = "created"
        if located:
            raise LocatedFailures(located)

    def _decide_unwritten(self, item: Item, record, written: list[RulePlan]) -> None:
        """After a creation in Odoo: which of the fields that did not come from there have to be sent."""
        if not self.plan.exports:
            return
        for rule in self.plan.export_rules:
            if rule in written:
                continue
            decision = ownership.merge(
                rule.owner, agreed=None, odoo=self._odoo_side(rule, record, item),
                external=external_side(rule, item.externals[rule.code]),
                external_as_odoo=self._as_odoo(rule, item), direction=self.plan.direction_of(rule),
                odoo_time=self.now, external_time=item.row.external_updated_at)
            if decision.to_external:
                item.sends.add(rule.code)

    def _update(self, items: list[Item]) -> None:
        groups: dict[str, tuple[dict, list[int]]] = {}
        singles: list[tuple[int, dict]] = []
        records = self.plan.model.browse([item.res_id for item in items])
        self.lines.load(items)
        captured = self._captured_times(items)
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

    def _captured_times(self, items: list[Item]) -> dict[int, datetime]:
        """When a person last changed a record of ``items`` in Odoo, where the capture knows it.

        ``write_date`` also moves by changes that no rule looks at, and by our own; it is the fallback.
        """
        if not self.plan.exports or not any(rule.owner == "newest" for rule in self.plan.merge_rules):
            return {}
        self.cr.execute(
            "SELECT res_id, max(captured_at) FROM integration_capture WHERE flow_id = %s AND res_id = ANY(%s) "
            "GROUP BY res_id", [self.plan.id, [item.res_id for item in items]])
        times = {item.res_id: item.row.captured_at for item in items if item.row.captured_at}
        return times | dict(self.cr.fetchall())

    def _merged(self, item: Item, record, captured_at: datetime | None) -> Merged:
        """What ownership lets us write to this record, and by which rules."""
        result = Merged()
        times = {"odoo_time": captured_at or record.write_date, "external_time": item.row.external_updated_at}
        for rule in self.plan.merge_rules:
            odoo = self._odoo_side(rule, record, item)
            external = external_side(rule, item.externals[rule.code])
            agreed = item.agreed.get(rule.code)
            decision = ownership.merge(
                rule.owner,
                agreed=Sides(agreed["o"], agreed["e"]) if agreed else None,
                odoo=odoo, external=external,
                external_as_odoo=self._as_odoo(rule, item),
                direction=self.plan.direction_of(rule), **times)
            if decision.conflict:
                item.conflicts[rule.code] = {
                    "odoo": odoo, "external": external,
                    "agreed": agreed["o"] if agreed else None,
                    "agreed_odoo": agreed["o"] if agreed else None,
                    "agreed_external": agreed["e"] if agreed else None}
            if decision.overruled:
                item.overruled[rule.code] = [odoo, external, decision.overruled]
            if decision.to_external:
                item.sends.add(rule.code)
            elif decision.conflict or decision.reason.endswith("_not_allowed") and not decision.overruled:
                item.kept.add(rule.code)
            if decision.to_odoo:
                self._write(result, rule, item, record, odoo)
        if result.vals:
            self._remember_equal(result, item, record)
        return result

    def _write(self, result: Merged, rule: RulePlan, item: Item, record, odoo) -> None:
        """Add what ``rule`` has to write to the values of this record, and to its log."""
        if rule.kind == "lines":
            commands = self.lines.commands(rule, item, record)
            if commands:
                result.vals.setdefault(rule.odoo_path, []).extend(commands)
                result.written.append(rule)
        elif (new := self._as_odoo(rule, item)) != odoo:
            put(result.vals, rule, item.values[rule.code])
            result.written.append(rule)
            item.changes[rule.code] = [shown(rule, odoo), shown(rule, new)]

    def _as_odoo(self, rule: RulePlan, item: Item):
        if rule.kind == "lines":
            return None  # lines are compared as a whole by their own hash
        if rule.code not in item.values:
            return None
        return normal(rule, item.values[rule.code])

    @staticmethod
    def _odoo_side(rule: RulePlan, record, item: Item):
        return lines_hash(rule, record, item.line_ids.get(rule.id, {})) if rule.kind == "lines" \
            else read_value(rule, record)

    # -- what Odoo computes by itself ----------------------------------------------------------------------

    def _remember_equal(self, result: Merged, item: Item, record) -> None:
        """Note which values already are as the other system has them: this write may make Odoo recompute them."""
        for rule in self.plan.import_rules:
            if rule.owner not in KEEPS_EXTERNAL or rule.odoo_path in result.vals and rule.kind != "lines":
                continue
            if rule.kind == "lines":
                known = item.line_ids.get(rule.id, {})
                for line in item.lines[rule.code]:
                    line_record = record[rule.odoo_path].browse(known.get(line.external_id))
                    result.equal_lines += [
                        (rule, child, line, line_record) for child in rule.children
                        if line_record and child.imports
                        and normal(child, line.values[child.code]) == read_value(child, line_record)]
            elif rule.kind != "check" and self._as_odoo(rule, item) == read_value(rule, record):
                result.equal.append(rule)
        result.before = {
            rule.code: read_value(rule, record) for rule in self.plan.export_rules
            if rule.kind != "lines" and rule not in result.written}

    def _put_right(self, item: Item, record, result: Merged) -> None:
        """Write once more what Odoo has recomputed because of our own write, such as the price of a line whose quantity
        changed: the other system owns it and has said otherwise."""
        vals: dict = {}
        for rule in result.equal:
            if read_value(rule, record) != self._as_odoo(rule, item):
                put(vals, rule, item.values[rule.code])
        lines: dict[tuple[str, int], dict] = {}
        present = {path: set(record[path]._ids) for path in {rule.odoo_path for rule, *_rest in result.equal_lines}}
        for rule, child, line, line_record in result.equal_lines:
            wanted = normal(child, line.values[child.code])
            if line_record.id in present[rule.odoo_path] and read_value(child, line_record) != wanted:
                put(lines.setdefault((rule.odoo_path, line_record.id), {}), child, line.values[child.code])
        for (path, line_id), line_vals in lines.items():
            vals.setdefault(path, []).append(Command.update(line_id, line_vals))
        if vals:
            record.write(vals)
            record.env.flush_all()
        # What is Odoo's own and was recomputed is a change like any other: nobody else captures it.
        for rule in self.plan.export_rules:
            if rule.code in result.before and rule.code not in item.kept and (
                    read_value(rule, record) != result.before[rule.code]):
                item.sends.add(rule.code)

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
            if rule.code in item.kept:
                continue
            odoo = self._as_odoo(rule, item) if rule.code in item.sends else self._odoo_side(rule, record, item)
            item.agreed[rule.code] = {"o": odoo, "e": external_side(rule, item.externals[rule.code])}

    def _finish(self, item: Item) -> None:
        """The savepoint holds: tell the row what came of it."""
        row = item.row
        row.res_id = item.res_id
        row.agreed, row.changes, row.overruled = item.agreed, item.changes, item.overruled
        row.conflicts = item.conflicts or None
        row.import_pending = False
        if self.plan.exports:
            row.export_pending = bool(item.sends)
        row.error = row.error_key = row.waiting_for = None
        row.hint = row.detail = None
        row.attempts = 0
        if row.conflicts:
            failures.settle_conflict(self.plan, row, "conflict", now=self.now)
        elif row.export_pending:
            row.settle("pending", item.outcome, due_at=self.now)
        else:
            row.settle("synced", item.outcome)


def _stored(payload: str) -> Any:
    """A record as ``inbox`` has stored it. It was checked when it came: only if it is not what we write ourselves, the
    slow way says what is wrong with it."""
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return documents.parse_json(payload)
