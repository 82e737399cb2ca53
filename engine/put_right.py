"""What Odoo computes by itself because of our own write, and the other system has said otherwise."""

from odoo import Command

from .items import Item, Merged, put
from .mapper import normal, read_value

# Owners under which Odoo's own recomputing must not move a value that the other system has given.
KEEPS_EXTERNAL = ("external", "external_unless_blank", "newest", "ask")


class PutRight:
    """Part of the importer: wants ``plan`` and ``_as_odoo``."""

    def _remember_equal(self, result: Merged, item: Item, record) -> None:
        """Note which values already are as the other system has them: this write may make Odoo recompute them."""
        for rule in self.plan.import_rules:
            if rule.code in item.later or item.owner_of(rule) not in KEEPS_EXTERNAL \
                    or rule.odoo_path in result.vals and rule.kind != "lines":
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
