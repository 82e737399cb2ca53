"""The importer's second step: from external values to Odoo values, for a whole batch."""

from odoo.exceptions import AccessError

from ..core import paths
from ..core.errors import SyncError
from . import failures
from .items import Item
from .mapper import Line
from .plan import RulePlan


class ImportMapping:
    """Part of the importer: wants ``plan``, ``mapper`` and ``_fail``."""

    def _mapped(self, items: list[Item]) -> list[Item]:
        """Convert all values; items that fail or wait drop out."""
        items = [item for item in items if not item.row.settled]
        rules = [rule for rule in (*self.plan.merge_rules, *self.plan.checks) if rule.kind not in ("lines", "status")]
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
                        self._convert(rule, item)
                    else:
                        item.values[rule.code] = self._for_comparison(rule, item)
                for rule in line_rules:
                    item.lines[rule.code] = self._map_lines(rule, item)
                mapped.append(item)
            except SyncError as error:
                self._fail(item, error)
        return mapped

    def _convert(self, rule: RulePlan, item: Item) -> None:
        try:
            item.values[rule.code] = self._converted(rule, item.externals[rule.code], item.record)
        except SyncError as error:
            if error.code != "parent_missing" or failures.waiting_key(error) != item.row.postponed:
                raise
            # The two wait for each other: this one goes ahead without, and gets the relation when the other one is here.
            item.values[rule.code] = None
            item.later[rule.code] = error

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
