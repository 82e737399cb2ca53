"""From external records to Odoo values and back, for a whole batch at a time.

What needs the database (relations, look-ups) is gathered over the batch and asked once.
"""

from dataclasses import dataclass, field
from typing import Any

from odoo import models
from odoo.tools.safe_eval import datetime as safe_datetime
from odoo.tools.safe_eval import safe_eval

from ..core import coercion, comparison, paths, transforms
from ..core.errors import SyncError
from ..core.transforms import TransformContext
from ..core.values import number_like, wrong_type
from . import files, line_links
from .lookups import Lookups, looked_up_by, refuse_several
from .plan import LOOKUP_KINDS, FlowPlan, RulePlan, id_text


@dataclass(slots=True)
class Line:
    """One line of a document: its external ID, what it holds over there, and its Odoo values."""

    external_id: str
    record: dict
    externals: dict
    values: dict = field(default_factory=dict)


def external_values(plan: FlowPlan, rules: list[RulePlan], record: Any) -> dict:
    """``{rule code: external value}`` of one external record. Lines are lists of [line id, {code: value}].

    :raises SyncError: when a path fails on this record
    """
    return {rule.code: _external_value(rule, record) for rule in rules}


def _external_value(rule: RulePlan, record: Any) -> Any:
    if rule.plain:
        return paths.get(rule.external_path, record)
    if rule.kind == "lines":
        return [
            [_line_id(rule, line), {child.code: _external_value(child, line) for child in rule.children}]
            for line in _line_records(rule, record)
        ]
    if rule.kind == "relation" and rule.relation_mode == "embedded":
        piece = paths.get(rule.external_path, record)
        if isinstance(piece, list):
            return [external_id for part in piece if (external_id := _embedded_id(rule, part)) is not None]
        return _embedded_id(rule, piece)
    if rule.transform == "constant":
        return rule.options.get("value")
    if rule.transform == "template":
        return transforms.to_odoo("template", record, rule.options, TransformContext(
            rule.context.tz, record, rule.context.field_type, rule.context.field_label))
    value = paths.get(rule.external_path, record) if rule.external_path else record
    if rule.blanks and rule.field_type != "boolean" and _means_blank(rule, value):
        return None
    if rule.transform == "state" and rule.country_path:
        return [value, paths.get(rule.country_path, record)] if value not in (None, "") else None
    return value


def _means_blank(rule: RulePlan, value: Any) -> bool:
    """Is it one of the values that this API uses for "no value"? False is not 0."""
    return any(type(value) is type(blank) and value == blank for blank in rule.blanks)


def _line_records(rule: RulePlan, record) -> list:
    lines = paths.get(rule.external_path, record)
    if lines is None:
        return []
    if isinstance(lines, dict):
        return [lines]
    if not isinstance(lines, list):
        raise SyncError("mapping", "wrong_type", params={
            "field": rule.label, "value": str(lines)[:80], "expected": "list"})
    return [line for line in lines if line is not None]


def _line_id(rule: RulePlan, line) -> str:
    return id_text(paths.get(rule.line_id_path, line)) if rule.line_id_path else ""


def _embedded_id(rule: RulePlan, piece) -> str | None:
    """The external ID of a record that stands inside another one."""
    if piece in (None, "", {}, []):
        return None
    return id_text(paths.get(rule.relation_id_path, piece) if isinstance(piece, dict) else piece) or None


# -- into Odoo ---------------------------------------------------------------------------------------------


class BatchMapper:
    """Converts external values of a batch into Odoo values.

    ``relations`` and ``lookups`` are filled by :meth:`prepare` for the whole batch; :meth:`value` then works per value
    without the database.
    """

    def __init__(self, plan: FlowPlan, cr):
        self.plan = plan
        self.cr = cr
        self.relations: dict[tuple[int, str], int] = {}
        self.fields_of: dict[tuple[str, str, int], int] = {}  # (model, field, id of a related record) → what it refers to
        self.lookups = Lookups(plan.model.env)
        self.unmapped: set[tuple[int, str]] = set()

    def prepare(self, batch: list[tuple[list[RulePlan], dict]]) -> None:
        """Look everything up that the values of ``batch`` refer to.

        :param batch: pairs of rules and ``{rule code: external value}``; lines come as pairs of their own
        """
        wanted_relations: dict[int, set[str]] = {}
        fields_of: dict[tuple[str, str], set[int]] = {}  # (model, field) → resources
        looked_up: list[tuple[RulePlan, Any]] = []
        for rules, externals in batch:
            for rule in rules:
                value = externals.get(rule.code)
                if rule.kind == "relation":
                    for single in value if isinstance(value, list) else [value]:
                        if external_id := id_text(single):
                            wanted_relations.setdefault(rule.relation_resource_id, set()).add(external_id)
                    if rule.relation_field:
                        fields_of.setdefault((rule.relation_model, rule.relation_field), set()).add(
                            rule.relation_resource_id)
                elif rule.transform in LOOKUP_KINDS:
                    looked_up.append((rule, value))
        self.lookups.prepare(looked_up)
        for resource_id, ids in wanted_relations.items():
            self.cr.execute(
                "SELECT external_id, res_id FROM integration_link WHERE connection_id = %s AND resource_id = %s "
                "AND COALESCE(line_rule_id, 0) = 0 AND external_id = ANY(%s)",
                [self.plan.connection.id, resource_id, list(ids)])
            for external_id, res_id in self.cr.fetchall():
                self.relations[resource_id, external_id] = res_id
        for (model_name, name), resources in fields_of.items():
            related = self.plan.model.env[model_name].browse({
                res_id for (resource_id, _external_id), res_id in self.relations.items() if resource_id in resources})
            self.fields_of.update({(model_name, name, record.id): record[name].id for record in related.exists()})

    def value(self, rule: RulePlan, external: Any, record: Any) -> Any:
        """The Odoo value of one external value: ready for create and write, None for blank.

        :raises SyncError: mapping, unmapped or parent_missing
        """
        if rule.kind == "status":
            return self.plan.status.stage_of(external)
        if rule.kind == "relation":
            return self._relation(rule, external)
        if rule.transform in LOOKUP_KINDS:
            return self.lookups.value(rule, external)
        if rule.transform == "expression":
            value = self._expression(rule, external, record)
        elif rule.transform in ("template", "constant"):
            value = external
        elif rule.transform == "value_map":
            value = self._mapped(rule, external)
        else:
            value = transforms.to_odoo(rule.transform, external, rule.options, rule.context)
        if value is None or value == "":
            value = rule.options.get("default") if rule.transform != "none" or "default" in rule.options else None
        if value is None or value == "":
            return None
        if rule.field_type == "many2many" and rule.transform == "value_map":
            return [int(single) for single in (value if isinstance(value, list) else [value]) if single]
        if rule.field_type == "many2one" and rule.transform == "value_map":
            return int(value)
        return coercion.coerce(rule.field_type, value, label=rule.label, allowed=rule.choices)

    def _relation(self, rule: RulePlan, external):
        if external in (None, ""):
            return None
        ids = []
        for single in external if isinstance(external, list) else [external]:
            external_id = id_text(single)
            if not external_id:
                raise wrong_type(rule.label, single, "identifier")
            res_id = self.relations.get((rule.relation_resource_id, external_id))
            if res_id is None:
                raise SyncError("parent_missing", "parent_missing", params={
                    "relation": rule.label, "external_id": external_id, "flow": rule.relation_flow_name,
                    "resource_id": rule.relation_resource_id})
            if rule.relation_field:
                res_id = self.fields_of.get((rule.relation_model, rule.relation_field, res_id))
            ids.append(res_id)
        refuse_several(rule, external)
        if rule.field_type == "many2many":
            return ids  # an empty list is a value: no taxes is not the same as Odoo's default taxes
        return ids[0] if ids else None

    def _mapped(self, rule: RulePlan, external):
        if external in (None, "", []):
            external = rule.options.get("default")
            if external is None:
                return None
        blank = rule.options.get("unknown_as_blank")
        if blank and isinstance(external, list):
            return [value for single in external if (value := self._mapped(rule, single)) is not None] or None
        try:
            return transforms.to_odoo("value_map", external, rule.options, rule.context)
        except SyncError as error:
            if error.code == "unmapped_value":
                value = str(error.params["value"])
                self.unmapped.add((rule.value_map_id, value))
                error.params.update(map=rule.options.get("map_name", ""), key=f"{rule.value_map_id}:{value}")
                if blank:
                    return None
            raise

    @staticmethod
    def _expression(rule: RulePlan, external, record):
        if not rule.expression_import:
            return external
        try:
            return safe_eval(rule.expression_import, {"value": external, "record": record, "datetime": safe_datetime})
        except Exception as error:  # an expression can fail in as many ways as Python can
            raise SyncError("mapping", "expression_failed", params={
                "field": rule.label, "reason": str(error)[:200]}) from error


# -- comparison and out of Odoo ----------------------------------------------------------------------------


def normal(rule: RulePlan, value: Any) -> Any:
    """An Odoo value in the form in which it is compared and kept as last agreed."""
    if rule.field_type in ("many2many", "one2many"):
        return sorted(value) if value else None
    return comparison.normalise(rule.field_type, value, exact=rule.terms.exact)


def read_value(rule: RulePlan, record) -> Any:
    """The value of a rule's field on a record, in comparable form."""
    value = record
    for name in rule.odoo_path.split("."):
        value = value[name]
    return normal(rule, _plain(value, rule.field_type))


def _plain(value, field_type: str = ""):
    """Recordsets as ids: a list for x2many fields, else one id or None. Other values as they are."""
    if not isinstance(value, models.BaseModel):
        return value
    return value.ids if field_type in ("many2many", "one2many") else (value.id or None)


class OutMapper:
    """Converts Odoo values of a batch into external values."""

    def __init__(self, plan: FlowPlan, cr):
        self.plan = plan
        self.cr = cr
        self.external_ids: dict[tuple[int, int, int], str] = {}  # (resource, lines rule or 0, record id) → external ID
        self.line_ids: dict[int, dict[int, str]] = {}  # rule id → line's record id → its external ID
        self.files: dict[int, dict[int, files.File]] = {}  # rule id → record id → its file

    def prepare(self, records) -> None:
        """Resolve the external IDs of everything that relation rules point at, one query per resource."""
        wanted: dict[tuple[int, int, str], set[int]] = {}
        for rules, source in self._sources(records):
            for rule in rules:
                if rule.kind == "relation" and rule.exports:
                    related = self._related(rule, source.mapped(rule.odoo_path))
                    wanted.setdefault(
                        (rule.relation_resource_id, rule.relation_line_rule_id or 0, related._name), set()
                    ).update(related.ids)
        for (resource_id, line_rule_id, model_name), ids in wanted.items():
            self.cr.execute(
                "SELECT res_id, external_id FROM integration_link WHERE connection_id = %s AND resource_id = %s "
                "AND COALESCE(line_rule_id, 0) = %s AND model = %s AND res_id = ANY(%s)",
                [self.plan.connection.id, resource_id, line_rule_id, model_name, list(ids)])
            linked = self.cr.fetchall()
            lines = line_links.split_all(
                self.cr, self.plan.connection.id, resource_id, [row[1] for row in linked]) if line_rule_id else {}
            for res_id, external_id in linked:
                self.external_ids[resource_id, line_rule_id, res_id] = \
                    lines[external_id][1] if line_rule_id else external_id
        for rules, source in self._sources(records):
            for rule in rules:
                if rule.transform == "file_url":
                    self.files[rule.id] = files.of_records(rule, source)

    def _related(self, rule: RulePlan, found):
        """The records that a rule refers to. A plain ID (the document of a message) is one of the other flow's model."""
        if isinstance(found, models.BaseModel):
            return found
        ids = found if isinstance(found, list) else [found]
        return self.plan.model.env[rule.relation_model].browse([res_id for res_id in ids if res_id])

    def _file(self, rule: RulePlan, record) -> files.File | None:
        """The file of a record; also where no batch was prepared, such as for one record that somebody looks at."""
        known = self.files[rule.id] if rule.id in self.files else files.of_records(rule, record)
        return known.get(record.id)

    def side(self, rule: RulePlan, record) -> Any:
        """The Odoo value of a rule in comparable form: of a file its checksum."""
        if rule.transform == "file_url":
            file = self._file(rule, record)
            return file.checksum if file else None
        return read_value(rule, record)

    def _sources(self, records):
        yield self.plan.export_rules, records
        for rule in self.plan.export_rules:
            if rule.kind == "lines":
                yield rule.children, records[rule.odoo_path]

    def value(self, rule: RulePlan, record) -> Any:
        """The external value of one rule for one record.

        :raises SyncError: mapping, unmapped, required_missing or parent_missing
        """
        if rule.kind == "lines":
            return self._lines(rule, record)
        if rule.kind == "status":
            return self.plan.status.sends.get(read_value(rule, record))
        if rule.transform == "file_url":
            file = self._file(rule, record)
            return file.address if file else None
        value = record
        for name in rule.odoo_path.split("."):
            value = value[name]
        if rule.kind == "relation":
            return self._relation(rule, self._related(rule, value))
        value = self._transformed(rule, value, record)
        if value in (None, "") and rule.required:
            raise SyncError("validation", "required_missing", params={
                "field": rule.label, "path": rule.external_path})
        return value

    def _transformed(self, rule: RulePlan, value, record):
        if rule.transform == "expression":
            if not rule.expression_export:
                return normal(rule, _plain(value, rule.field_type))
            try:
                return safe_eval(rule.expression_export, {
                    "value": value, "record": record, "datetime": safe_datetime})
            except Exception as error:  # an expression can fail in as many ways as Python can
                raise SyncError("mapping", "expression_failed", params={
                    "field": rule.label, "reason": str(error)[:200]}) from error
        if rule.transform in LOOKUP_KINDS:
            _model, fields = looked_up_by(rule)
            if rule.field_type == "many2many":
                return [related[fields[0]] for related in value]
            return value[fields[0]] or None if value else rule.options.get("default")
        plain = _plain(value, rule.field_type)
        if rule.field_type in ("many2one", "many2many") and rule.transform not in ("value_map",):
            plain = value.display_name if rule.field_type == "many2one" and value else (
                value.mapped("display_name") if value else None)
        elif rule.field_type != "boolean" and plain is False:
            plain = None
        return transforms.to_external(rule.transform, plain, rule.options, rule.context)

    def _relation(self, rule: RulePlan, related):
        ids = []
        for record in related:
            external_id = self.external_ids.get(
                (rule.relation_resource_id, rule.relation_line_rule_id or 0, record.id))
            if external_id is None:
                raise SyncError("parent_missing", "parent_missing", params={
                    "relation": rule.label, "external_id": record.display_name, "flow": rule.relation_flow_name,
                    "resource_id": rule.relation_resource_id, "model": record._name, "res_id": record.id,
                    "mode": rule.relation_mode})
            ids.append(number_like(external_id))
        if not ids:
            if rule.required:
                raise SyncError("validation", "required_missing", params={
                    "field": rule.label, "path": rule.external_path})
            return None
        return ids if rule.field_type in ("many2many", "one2many") else ids[0]

    def _is_unknown(self, rule: RulePlan, line) -> bool:
        """Does the other system know none of what this line refers to?"""
        related = self._related(rule, line.mapped(rule.odoo_path))
        return not any((rule.relation_resource_id, rule.relation_line_rule_id or 0, one.id) in self.external_ids
                       for one in related)

    def _lines(self, rule: RulePlan, record) -> list:
        lines = []
        known = self.line_ids.get(rule.id, {})
        for line in record[rule.odoo_path]:
            if rule.needed and any(self._is_unknown(child, line) for child in rule.needed):
                continue
            target: dict = {}
            if line.id in known and paths.is_assignable(rule.line_id_path):
                paths.assign(target, rule.line_id_path, number_like(known[line.id]))
            try:
                for child in rule.children:
                    if child.exports and child.external_path:
                        paths.assign(target, child.external_path, self.value(child, line))
            except SyncError as error:
                if "field" in error.params:  # of which line: its product says more than its own name
                    named = line["product_id"] if "product_id" in line._fields and line["product_id"] else line
                    error.params["field"] = f"{rule.label}: {named.display_name}, {error.params['field']}"
                raise
            lines.append(target)
        return lines
