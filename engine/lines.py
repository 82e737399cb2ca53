"""Lines of documents: which line is which over there, what is written to them, and their links."""

from typing import Any

from odoo import Command

from ..core import fingerprint
from . import journal
from .items import Item, put, shown
from .mapper import Line, normal, read_value
from .plan import FlowPlan, RulePlan

# A line is described in the log by its plain values; so many entries a record are logged.
PLAIN_TYPES = ("char", "text", "integer", "float", "monetary", "date", "datetime", "selection")
LOGGED_CHANGES = 60


class Lines:
    """The lines of the documents of one batch.

    :param links: gets what has to be linked: (external ID, record id, lines rule)
    :param dead_links: gets (rule, record ids) of links that are void
    """

    def __init__(self, cr, plan: FlowPlan, links: list, dead_links: list):
        self.cr = cr
        self.plan = plan
        self.links = links
        self.dead_links = dead_links

    def vals(self, rule: RulePlan, line: Line) -> dict:
        """The values of a new line."""
        vals: dict = {}
        for child in rule.children:
            if child.imports:
                put(vals, child, line.values[child.code], creating=True)
        return vals

    def link_created(self, item: Item, record) -> None:
        """Created lines come back in the order of their commands, several rules one after the other."""
        by_field: dict[str, list] = {}
        for rule in self.plan.import_rules:
            if rule.kind != "lines" or not self.plan.written_at_creation(rule, "odoo"):
                continue
            created = by_field.setdefault(rule.odoo_path, list(record[rule.odoo_path].sorted("id")))
            for line in item.lines[rule.code]:
                if not created:
                    return  # Odoo merged or dropped lines: the rest stays without links
                self._link(item, rule, line, created.pop(0).id)

    def _link(self, item: Item, rule: RulePlan, line: Line, line_id: int) -> None:
        item.line_ids.setdefault(rule.id, {})[line.external_id] = line_id
        self.links.append((f"{item.row.external_id}/{line.external_id}", line_id, rule))

    def load(self, items: list[Item]) -> None:
        """Which line of which document is which external line: one query per rule for the whole batch."""
        for rule in self.plan.merge_rules:
            if rule.kind != "lines":
                continue
            owners = {
                line_id: item for item in items for line_id in self.plan.model.browse(item.res_id)[rule.odoo_path]._ids}
            for external_id, line_id in journal.find_line_links(
                    self.cr, self.plan.connection.id, self.plan.resource.id, rule.id, rule.comodel, list(owners)):
                item = owners[line_id]
                if external_id.startswith(f"{item.row.external_id}/"):
                    line_external = external_id[len(item.row.external_id) + 1:]
                    item.line_ids.setdefault(rule.id, {})[line_external] = line_id
            for item in items:
                if rule.imports and item.matched and not item.line_ids.get(rule.id):
                    self._adopt(rule, item)

    def _adopt(self, rule: RulePlan, item: Item) -> None:
        """First meeting of two documents: lines that are the same by their match keys, or in all fields, are linked
        and not written a second time."""
        children = [child for child in rule.children if child.imports and child.match_key] \
            or [child for child in rule.children if child.imports]
        linked = {line_id for lines in item.line_ids.values() for line_id in lines.values()}
        free: dict[tuple, list[int]] = {}
        for line in self.plan.model.browse(item.res_id)[rule.odoo_path]:
            if line.id not in linked:
                free.setdefault(tuple(_key(read_value(child, line)) for child in children), []).append(line.id)
        for line in item.lines[rule.code]:
            found = free.get(tuple(_key(normal(child, line.values[child.code])) for child in children))
            if found:
                self._link(item, rule, line, found.pop(0))

    def commands(self, rule: RulePlan, item: Item, record) -> list:
        """What makes the lines of ``record`` those of the other system. Notes each change for the log."""
        known = item.line_ids.get(rule.id, {})
        present = {line.id: line for line in record[rule.odoo_path]}
        commands, kept = [], set()
        for line in item.lines[rule.code]:
            line_record = present.get(known.get(line.external_id))
            if line_record is None:
                commands.append(Command.create(self.vals(rule, line)))
                self._note(item, rule, line.external_id, None, self._text(rule, line.values))
                continue
            kept.add(line_record.id)
            vals: dict = {}
            for child in rule.children:
                if child.imports and (new := normal(child, line.values[child.code])) != (
                        old := read_value(child, line_record)):
                    put(vals, child, line.values[child.code])
                    self._note(item, rule, line.external_id, shown(child, old), shown(child, new), child)
            if vals:
                commands.append(Command.update(line_record.id, vals))
        names = {line_id: line_external for line_external, line_id in known.items()}
        gone = [line_id for line_id in (present if rule.whole else names) if line_id not in kept]
        for line_id in gone:
            if line_id in present:
                commands.append(Command.delete(line_id))
                self._note(item, rule, names.get(line_id, line_id), self._text(rule, {
                    child.code: read_value(child, present[line_id]) for child in rule.children}), None)
        if gone:
            self.dead_links.append((rule, gone))
        return commands

    @staticmethod
    def _note(item: Item, rule: RulePlan, line_id, before, after, child: RulePlan | None = None) -> None:
        """One line of a document in the log of changes; of a very long document, the first ones."""
        if len(item.changes) < LOGGED_CHANGES:
            item.changes[f"{rule.code}[{line_id}]" + (f".{child.code}" if child else "")] = [before, after]

    @staticmethod
    def _text(rule: RulePlan, values: dict) -> str:
        """What a line is, in a few words: its plain values."""
        return ", ".join(
            "•••" if child.sensitive else str(value)[:60] for child in rule.children
            if child.field_type in PLAIN_TYPES and (value := values.get(child.code)) not in (None, False, ""))[:200]

    def link_new(self, item: Item, record, rule: RulePlan) -> None:
        """Link the lines that the commands of this rule have created."""
        known = item.line_ids.setdefault(rule.id, {})
        present = set(record[rule.odoo_path]._ids)
        linked = {line_id for lines in item.line_ids.values() for line_id in lines.values()}
        unlinked = [line.id for line in record[rule.odoo_path].sorted("id") if line.id not in linked]
        new_lines = [line for line in item.lines[rule.code] if known.get(line.external_id) not in present]
        wanted = {line.external_id for line in item.lines[rule.code]}
        for line_external in [name for name in known if name not in wanted]:
            del known[line_external]
        # Lines that Odoo or a person added stand before those of this write: ids grow. Of several rules that write to
        # one field, those that come later have created the later lines.
        later = sum(
            len([line for line in item.lines[other.code]
                 if item.line_ids.get(other.id, {}).get(line.external_id) not in present])
            for other in self.plan.import_rules[self.plan.import_rules.index(rule) + 1:]
            if other.kind == "lines" and other.odoo_path == rule.odoo_path and other.code in item.lines)
        end = len(unlinked) - later
        for line, line_id in zip(new_lines, unlinked[max(end - len(new_lines), 0):end], strict=False):
            self._link(item, rule, line, line_id)


def _key(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def lines_hash(rule: RulePlan, record, known: dict[str, int]):
    """What Odoo's side of a lines rule holds, as one comparable value. Lines of other origin do not count."""
    own = set(known.values())
    return fingerprint.content_hash([
        [read_value(child, line) for child in rule.children]
        for line in record[rule.odoo_path] if rule.whole or line.id in own])
