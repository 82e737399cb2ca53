"""External → Odoo, a batch at a time.

One batch: resolve links in one query → map → merge by ownership → create and write in batches under a savepoint; a
batch that fails is halved until the guilty record stands alone, so that the others land.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from odoo import Command

from ..core import documents, fingerprint, ownership, paths
from ..core.errors import SyncError
from ..core.ownership import Sides
from . import capture, failures, journal
from .mapper import BatchMapper, Line, external_values, normal, read_value
from .plan import FlowPlan, RulePlan
from .rows import Row


@dataclass(slots=True)
class Item:
    """One external record on its way into Odoo."""

    row: Row
    record: dict
    externals: dict
    values: dict = field(default_factory=dict)
    lines: dict[str, list[Line]] = field(default_factory=dict)
    res_id: int | None = None
    linked: bool = False
    matched: bool = False
    vals: dict = field(default_factory=dict)
    line_ids: dict[int, dict[str, int]] = field(default_factory=dict)  # rule id → line's external id → record id
    sends: set[str] = field(default_factory=set)  # codes of rules whose Odoo value has to go out
    kept: set[str] = field(default_factory=set)  # codes of rules whose last agreement stays as it was


class LocatedFailures(Exception):
    """Failures whose records are known: no halving is needed to find them."""

    def __init__(self, failures_by_item: dict[int, SyncError]):
        super().__init__()
        self.by_item = failures_by_item


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

    def process(self, rows: list[Row]) -> None:
        """Give every row an outcome."""
        items = [item for row in rows if (item := self._parse(row)) is not None]
        self._resolve_links(items)
        items = self._mapped(items)
        items = self._match(items)
        creates, updates = [], []
        for item in items:
            (updates if item.res_id else creates).append(item)
        with capture.origin(self.cr, self.plan.id):
            self._run(self._allowed(creates), self._create)
            self._run(updates, self._update)
        for rule_id, ids in self.dead_links:
            self._forget_links(rule_id, ids)
        journal.insert_links(self.cr, journal.link_rows(self.plan, self.links))
        if self.mapper.unmapped:
            self.env["integration.value.map.line"]._collect(self.mapper.unmapped)

    def _forget_links(self, rule_id: int | None, res_ids: list[int]) -> None:
        connection_id, resource_id = self.plan.connection.id, self.plan.resource.id
        if rule_id:
            journal.delete_line_links(self.cr, connection_id, resource_id, rule_id, res_ids)
        else:
            journal.delete_record_links(self.cr, connection_id, resource_id, self.plan.model_name, res_ids)

    def _fail(self, item_or_row, error: SyncError) -> None:
        row = item_or_row.row if isinstance(item_or_row, Item) else item_or_row
        failures.apply_failure(self.plan.model.env, row, error, policy=self.plan.retry_policy, now=self.now)

    # -- reading the payload -------------------------------------------------------------------------------

    def _parse(self, row: Row) -> Item | None:
        row.direction = "import"
        try:
            if not row.payload:
                raise SyncError("validation", "empty_body")
            record = documents.parse_json(row.payload.encode())
            if not row.external_id:
                raise SyncError("validation", "record_missing_id", params={"path": self.plan.resource.id_path})
            return Item(row, record, external_values(self.plan, self.plan.merge_rules + self.plan.checks, record))
        except SyncError as error:
            self._fail(row, error)
            return None

    def _resolve_links(self, items: list[Item]) -> None:
        ids = {item.row.external_id: item for item in items}
        found = journal.find_links(self.cr, self.plan.connection.id, self.plan.resource.id, list(ids))
        existing = set(self.plan.model.browse(found.values()).exists()._ids)
        for external_id, res_id in found.items():
            item = ids[external_id]
            if res_id in existing:
                item.res_id, item.linked = res_id, True
            else:
                # The Odoo record was deleted: the link goes, and whether it comes back is the flow's decision.
                self.dead_links.append((None, [res_id]))
                self._gone(item, res_id)

    def _gone(self, item: Item, res_id: int) -> None:
        self._fail(item, SyncError("validation", "record_gone", params={
            "model": self.plan.model._description, "id": res_id}))

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
                raise SyncError("validation", "duplicate_in_page", params={"external_id": line_id})
            seen.add(line_id)
            line = Line(line_id, records[number], externals)
            for child in rule.children:
                if child.imports:
                    line.values[child.code] = self._converted(child, externals[child.code], line.record)
            lines.append(line)
        return lines

    # -- matching ------------------------------------------------------------------------------------------

    def _match(self, items: list[Item]) -> list[Item]:
        """Recognise existing records by the match keys. A match is never guessed: two candidates, or one that is
        linked to another external record, is an error."""
        rules = [rule for rule in self.plan.match_rules if rule.imports]
        unlinked = [item for item in items if not item.linked]
        if not rules or not unlinked:
            return items
        keys = {id(item): tuple(normal(rule, item.values[rule.code]) for rule in rules) for item in unlinked}
        wanted = [item for item in unlinked if all(part is not None for part in keys[id(item)])]
        if not wanted:
            return items
        first = rules[0]
        model = self.plan.model.with_context(active_test=False)
        domain = [(first.odoo_path, "in", list({item.values[first.code] for item in wanted}))]
        by_key: dict[tuple, list[int]] = {}
        for record in model.search(domain):
            by_key.setdefault(tuple(read_value(rule, record) for rule in rules), []).append(record.id)
        candidates = [res_id for ids in by_key.values() for res_id in ids]
        taken = journal.linked_records(
            self.cr, self.plan.connection.id, self.plan.resource.id, self.plan.model_name, candidates)
        labels = ", ".join(rule.label for rule in rules)
        used: dict[tuple, Item] = {}
        rest = []
        for item in items:
            key = keys.get(id(item))
            if item.linked or key is None or any(part is None for part in key):
                rest.append(item)
                continue
            found = by_key.get(key, [])
            if key in used:
                # The same key twice in one batch: decided in the next slice, when the first one is linked.
                item.row.settle("pending", "", due_at=self.now)
            elif len(found) > 1:
                self._fail(item, SyncError("ambiguous", "ambiguous_match", params={"count": len(found), "keys": labels}))
            elif found and found[0] in taken:
                self._fail(item, SyncError("ambiguous", "already_linked", params={
                    "keys": labels, "record": model.browse(found[0]).display_name, "external_id": taken[found[0]]}))
            else:
                used[key] = item
                if found:
                    item.res_id, item.matched = found[0], True
                rest.append(item)
        return rest

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
        """Do ``work`` on all items under one savepoint; on failure, on halves of them, down to the guilty one."""
        if not items:
            return
        marks = len(self.links), len(self.dead_links)
        try:
            with self.cr.savepoint():
                work(items)
                self.plan.model.env.flush_all()
        except Exception as error:
            del self.links[marks[0]:], self.dead_links[marks[1]:]
            if failures.is_concurrency(error):
                raise
            for item in items:
                item.row.settled = False
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

    def _create(self, items: list[Item]) -> None:
        rules = [rule for rule in self.plan.import_rules
                 if rule.kind != "check" and self.plan.written_at_creation(rule, "odoo")]
        for item in items:
            item.vals = {}
            for rule in rules:
                if rule.kind == "lines":
                    item.vals.setdefault(rule.odoo_path, []).extend(
                        Command.create(self._line_vals(rule, line)) for line in item.lines[rule.code])
                else:
                    self._put(item.vals, rule, item.values[rule.code], creating=True)
        records = self.plan.model.create([item.vals for item in items])
        self.plan.model.env.flush_all()
        located = {}
        for item, record in zip(items, records, strict=True):
            item.res_id = record.id
            try:
                self._check(item, record)
            except SyncError as error:
                located[id(item)] = error
                continue
            self.links.append((item.row.external_id, record.id, None))
            self._link_created_lines(item, record)
            self._decide_unwritten(item, record, rules)
            item.row.changes = {
                rule.code: [None, self._shown(rule, item.values.get(rule.code))] for rule in rules if rule.kind != "lines"
                and item.values.get(rule.code) not in (None, False)}
            self._agree(item, record)
            self._finish(item, "created")
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
        item.row.export_pending = bool(item.sends)

    @staticmethod
    def _put(vals: dict, rule: RulePlan, value, *, creating=False) -> None:
        if value is None:
            if creating:
                return  # Odoo's own default applies
            value = False
        if rule.field_type == "many2many":
            value = [Command.set(value or [])]
        vals[rule.odoo_path] = value

    def _line_vals(self, rule: RulePlan, line: Line) -> dict:
        vals: dict = {}
        for child in rule.children:
            if child.imports:
                self._put(vals, child, line.values[child.code], creating=True)
        return vals

    def _link_created_lines(self, item: Item, record) -> None:
        """Created lines come back in the order of their commands, several rules one after the other."""
        by_field: dict[str, list] = {}
        for rule in self.plan.import_rules:
            if rule.kind != "lines":
                continue
            created = by_field.setdefault(rule.odoo_path, list(record[rule.odoo_path].sorted("id")))
            for line in item.lines[rule.code]:
                line_record = created.pop(0)
                if line.external_id:
                    item.line_ids.setdefault(rule.id, {})[line.external_id] = line_record.id
                    self.links.append((f"{item.row.external_id}/{line.external_id}", line_record.id, rule))

    def _update(self, items: list[Item]) -> None:
        groups: dict[str, tuple[dict, list[int]]] = {}
        singles: list[tuple[int, dict]] = []
        records = self.plan.model.browse([item.res_id for item in items])
        self._load_line_links(items)
        written: dict[int, list[RulePlan]] = {}
        for item, record in zip(items, records, strict=True):
            item.row.changes, item.row.overruled, item.row.conflicts = {}, {}, None
            item.sends, item.kept = set(), set()
            vals, rules = self._merged(item, record)
            item.row.export_pending = bool(item.sends)
            written[item.res_id] = rules
            if not vals:
                continue
            if any(rule.kind == "lines" for rule in rules):
                singles.append((record.id, vals))
            else:
                groups.setdefault(repr(sorted(vals.items(), key=lambda pair: pair[0])), (vals, []))[1].append(record.id)
        for vals, ids in groups.values():
            self.plan.model.browse(ids).write(vals)
        for res_id, vals in singles:
            self.plan.model.browse(res_id).write(vals)
        self.plan.model.env.flush_all()
        located = {}
        for item, record in zip(items, records, strict=True):
            try:
                self._check(item, record)
            except SyncError as error:
                located[id(item)] = error
                continue
            if not item.linked:
                self.links.append((item.row.external_id, item.res_id, None))
            for rule in written[item.res_id]:
                if rule.kind == "lines":
                    self._link_new_lines(item, record, rule)
            self._agree(item, record)
            self._finish(item, "updated" if item.row.changes else ("linked" if item.matched else "unchanged"))
        if located:
            raise LocatedFailures(located)

    def _merged(self, item: Item, record) -> tuple[dict, list[RulePlan]]:
        """What ownership lets us write to this record, and by which rules."""
        vals: dict = {}
        rules = []
        times = {"odoo_time": record.write_date, "external_time": item.row.external_updated_at}
        for rule in self.plan.merge_rules:
            odoo = self._odoo_side(rule, record, item)
            external = external_side(rule, item.externals[rule.code])
            agreed = item.row.agreed.get(rule.code)
            decision = ownership.merge(
                rule.owner,
                agreed=Sides(agreed["o"], agreed["e"]) if agreed else None,
                odoo=odoo, external=external,
                external_as_odoo=self._as_odoo(rule, item),
                direction=self.plan.direction_of(rule), **times)
            if decision.conflict:
                item.row.conflicts = dict(item.row.conflicts or {}, **{rule.code: {
                    "odoo": odoo, "external": external,
                    "agreed": agreed["o"] if agreed else None,
                    "agreed_odoo": agreed["o"] if agreed else None,
                    "agreed_external": agreed["e"] if agreed else None}})
            if decision.overruled:
                item.row.overruled[rule.code] = [odoo, external, decision.overruled]
            if decision.to_external:
                item.sends.add(rule.code)
            elif decision.conflict or decision.reason.endswith("_not_allowed") and not decision.overruled:
                item.kept.add(rule.code)
            if decision.to_odoo:
                if rule.kind == "lines":
                    commands = self._line_commands(rule, item, record)
                    if commands:
                        vals.setdefault(rule.odoo_path, []).extend(commands)
                        rules.append(rule)
                        item.row.changes[rule.code] = [len(record[rule.odoo_path]), len(item.lines[rule.code])]
                elif (new := self._as_odoo(rule, item)) != odoo:
                    self._put(vals, rule, item.values[rule.code])
                    rules.append(rule)
                    item.row.changes[rule.code] = [self._shown(rule, odoo), self._shown(rule, new)]
        return vals, rules

    @staticmethod
    def _shown(rule: RulePlan, value: Any):
        return "•••" if rule.sensitive and value not in (None, False) else normal(rule, value)

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

    # -- lines ---------------------------------------------------------------------------------------------

    def _load_line_links(self, items: list[Item]) -> None:
        """Which line of which document is which external line: one query per rule for the whole batch."""
        by_external = {item.row.external_id: item for item in items}
        for rule in self.plan.merge_rules:
            if rule.kind != "lines" or not rule.line_id_path:
                continue
            lines = self.plan.model.browse([item.res_id for item in items])[rule.odoo_path]
            present = set(lines._ids)
            for external_id, line_id in journal.find_line_links(
                    self.cr, self.plan.connection.id, self.plan.resource.id, rule.id, lines._name, lines.ids):
                document, _slash, line_external = external_id.rpartition("/")
                if document in by_external and line_id in present:
                    by_external[document].line_ids.setdefault(rule.id, {})[line_external] = line_id

    def _line_commands(self, rule: RulePlan, item: Item, record) -> list:
        known = item.line_ids.get(rule.id, {})
        present = {line.id: line for line in record[rule.odoo_path]}
        commands, kept = [], set()
        for line in item.lines[rule.code]:
            line_record = present.get(known.get(line.external_id)) if line.external_id else None
            if line_record is None:
                commands.append(Command.create(self._line_vals(rule, line)))
                continue
            kept.add(line_record.id)
            vals: dict = {}
            for child in rule.children:
                if child.imports and normal(child, line.values[child.code]) != read_value(child, line_record):
                    self._put(vals, child, line.values[child.code])
            if vals:
                commands.append(Command.update(line_record.id, vals))
        gone = [line_id for line_id in (known.values() if rule.line_id_path else present) if line_id not in kept]
        commands += [Command.delete(line_id) for line_id in gone if line_id in present]
        if gone:
            self.dead_links.append((rule.id, gone))
        return commands

    def _link_new_lines(self, item: Item, record, rule: RulePlan) -> None:
        known = item.line_ids.setdefault(rule.id, {})
        present = set(record[rule.odoo_path]._ids)
        linked = {line_id for lines in item.line_ids.values() for line_id in lines.values()}
        unlinked = [line.id for line in record[rule.odoo_path].sorted("id") if line.id not in linked]
        new_lines = [line for line in item.lines[rule.code]
                     if line.external_id and known.get(line.external_id) not in present]
        # Lines that Odoo or a person added stand before those of this write: ids grow.
        for line, line_id in zip(new_lines, unlinked[-len(new_lines):] if new_lines else [], strict=False):
            known[line.external_id] = line_id
            self.links.append((f"{item.row.external_id}/{line.external_id}", line_id, rule))

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
            same = abs(float(actual or 0) - float(expected)) <= rule.tolerance \
                if rule.field_type in ("float", "monetary", "integer") else actual == normal(rule, expected)
            if not same:
                raise SyncError("validation", "totals_differ", params={
                    "label": rule.label, "odoo": actual, "external": item.externals[rule.code]})

    def _agree(self, item: Item, record) -> None:
        """Remember what both sides hold now.

        A field in conflict keeps its old agreement until it is decided. A field that has to be sent is remembered
        as if Odoo had held the external value: then Odoo's own value is the only change, and the export sends it.
        """
        agreed = dict(item.row.agreed)
        for rule in self.plan.merge_rules:
            if rule.code in item.kept:
                continue
            odoo = self._as_odoo(rule, item) if rule.code in item.sends else self._odoo_side(rule, record, item)
            agreed[rule.code] = {"o": odoo, "e": external_side(rule, item.externals[rule.code])}
        item.row.agreed = agreed

    def _finish(self, item: Item, outcome: str) -> None:
        row = item.row
        row.res_id = item.res_id
        row.import_pending = False
        row.error = row.error_key = row.waiting_for = None
        row.hint = row.detail = None
        row.attempts = 0
        if row.conflicts:
            message, row.hint = failures.messages.explain(self.plan.model.env, SyncError(
                "validation", "conflict", params={"fields": ", ".join(sorted(row.conflicts))}))
            row.settle("conflict", "conflict", message=message)
        elif row.export_pending:
            row.settle("pending", outcome, due_at=self.now)
        else:
            row.settle("synced", outcome)


def lines_hash(rule: RulePlan, record, known: dict[str, int]):
    """What Odoo's side of a lines rule holds, as one comparable value. Lines of other origin do not count."""
    own = set(known.values())
    return fingerprint.content_hash([
        [read_value(child, line) for child in rule.children]
        for line in record[rule.odoo_path] if not rule.line_id_path or line.id in own])


def external_side(rule: RulePlan, external):
    """The external value in the form in which it is kept as last agreed: scalars as they are, the rest as a hash."""
    if rule.kind != "lines" and isinstance(external, (str, int, float, bool, type(None))):
        return external
    return fingerprint.content_hash(external)
