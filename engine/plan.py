"""A flow compiled for one slice of work: plain values instead of record fields, looked up once and not per record."""

import hashlib
import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace

from odoo.fields import Domain

from ..core import ownership, paths
from ..core.transforms import TransformContext
from ..core.values import clean_text, text_of
from . import status_plan

RESOURCE_FIELDS = (
    "name", "api_name", "format", "id_path", "version_path", "updated_at_path", "deleted_path", "merged_path", "name_path",
    "fetching_path", "trouble_path",
)
OPERATION_FIELDS = (
    "kind", "name", "method", "path", "query", "body", "body_path", "record_path", "records_path", "params_in",
    "paging_style", "page_size", "size_param", "page_param", "first_page", "offset_param", "cursor_param", "cursor_path",
    "next_path", "has_more_path", "total_pages_header", "keyset_param", "keyset_path", "incremental_param",
    "incremental_format", "incremental_template", "send", "idempotency_header", "idempotent", "success_path",
    "error_paths", "split_path", "parts_path", "result_id_path", "bulk", "bulk_limit", "bulk_path", "bulk_result_path",
    "bulk_error_path", "bulk_id_path", "compress", "document", "done_folder", "nested_path",
)
FLOW_FIELDS = ("batch_size", "external_filter", "log_level", "overlap_seconds", "priority", "timing", "tz",
               "guard_window_minutes")
MEASURED_TYPES = ("integer", "float", "monetary", "date", "datetime")
MEASURED_TRANSFORMS = ("none", "number", "date", "datetime")
LOOKUP_KINDS = ("country", "state", "currency", "unit", "lookup")


@dataclass(slots=True)
class RulePlan:
    """One field rule, ready to run."""

    id: int
    code: str
    kind: str
    odoo_path: str
    external_path: str
    owner: str
    imports: bool
    exports: bool
    required: bool
    match_key: bool
    sensitive: bool
    transform: str
    options: dict
    context: TransformContext
    label: str
    field_type: str
    comodel: str | None
    relation_flow_id: int | None = None
    relation_flow_name: str = ""
    relation_resource_id: int | None = None
    relation_id_path: str = ""
    relation_mode: str = "wait"
    relation_line_rule_id: int | None = None  # it refers to lines of that flow, known by this rule
    relation_field: str = ""  # of the related record, instead of the record itself
    relation_model: str = ""
    line_id_path: str = ""
    tolerance: float = 0.0
    line_tolerance: float = 0.0
    lookup_field: str = ""
    lookup_domain: str = ""
    country_path: str = ""
    expression_import: str = ""
    expression_export: str = ""
    value_map_id: int | None = None
    blank_as: str = "null"
    send_when: str = "always"
    blanks: tuple = ()
    choices: tuple = ()
    plain: bool = False  # the value at the path, as it is
    terms: ownership.Terms = ownership.USUAL
    owner_after: str = ""  # for records that meet ``switch``
    switch: list | None = None
    group: str = ""  # rules of the same name move together
    measured: bool = False  # a number, day or moment: the same however it is written
    write_path: str = ""  # where it is written, if not where it is read
    told: bool = False  # sent and never read: the other side's value is not known
    whole: bool = False  # lines without IDs, alone in their field: all lines of the field are theirs
    children: list = field(default_factory=list)
    needed: tuple = ()  # of lines: references without which a line is left out


class FlowPlan:
    """What the engine knows of a flow during one slice."""

    def __init__(self, flow):
        self.flow = flow
        self.id = flow.id
        self.name = flow.name
        self.connection = flow.connection_id
        self.company_id = flow.company_id.id or None
        self.settings = _plain(flow, FLOW_FIELDS)
        self.settings.tz = flow.tz or "UTC"
        self.resource = _plain(flow.resource_id, RESOURCE_FIELDS)
        self.blanks = flow.resource_id._blank_values()
        self.schema_sent = flow.resource_id._record_schema("sent")
        self.schema_received = flow.resource_id._record_schema("received")
        self.operations = {
            (operation.kind, operation.bulk): operation_plan(operation)
            for operation in reversed(flow.resource_id.sudo().operation_ids)
        }
        self.actions = {
            operation.name: operation_plan(operation)
            for operation in flow.resource_id.sudo().operation_ids if operation.kind == "action"
        }
        self.rests = [
            operation_plan(operation)
            for operation in flow.resource_id.sudo().operation_ids if operation.kind == "rest"
        ]
        self.model_name = flow.model_name
        self.model = flow._model()
        self.imports = flow.direction in ("import", "both")
        self.exports = flow.direction in ("export", "both", "publish")
        self.asks = flow.direction == "request"
        self.only_imports = flow.direction == "import"
        self.retry_policy = flow._retry_policy()
        self.guards = flow.sudo().guard_ids._plans()
        self.request = flow._request_plan() if self.asks else None
        # On which side a person is asked before something is deleted.
        self.delete_asks = frozenset(
            side for side, policy in (("odoo", flow.delete_in_odoo), ("external", flow.delete_in_external))
            if policy == "ask")
        self.over_sftp = flow.connection_id._over_sftp()
        self.scans = self.imports and flow.delete_detection == "full_scan" and not self.over_sftp
        self.archived_deletes = bool(
            self.exports and flow.archived_is_deleted and flow.delete_in_external != "nothing"
            and "active" in self.model._fields)
        self.rules = [
            plan for rule in flow.sudo().rule_ids.filtered("active") if (plan := self._rule_plan(rule)) is not None
        ]
        self.status = status_plan.plan_of(flow, self)
        if self.status:
            self.rules.append(self.status.rule)
        lists = [rule.odoo_path for rule in self.rules if rule.kind == "lines"]
        for rule in self.rules:
            rule.whole = rule.kind == "lines" and not rule.line_id_path and lists.count(rule.odoo_path) == 1
        self.switching = [rule for rule in self.rules if rule.switch is not None]
        self.groups: dict[str, list[RulePlan]] = {}
        for rule in self.rules:
            if rule.group and rule.kind in ("field", "relation"):
                self.groups.setdefault(rule.group, []).append(rule)

    def operation(self, kind: str, *, bulk: bool = False):
        """The first operation of this kind as plain values, or None."""
        return self.operations.get((kind, bulk))

    def action(self, name: str):
        """The named action as plain values, or None."""
        return self.actions.get(name)

    def write_operation(self, kind: str):
        """How records are created or updated: many per call where the API can."""
        return self.operation(kind, bulk=True) or self.operation(kind)

    @cached_property
    def watches_files(self) -> bool:
        """Is looked what becomes of the files whose addresses are sent?"""
        return bool(
            (self.resource.fetching_path or self.resource.trouble_path) and self.operation("read")
            and any(rule.transform == "file_url" for rule in self.export_rules))

    @cached_property
    def replaces(self) -> bool:
        """Does an update send the whole record?"""
        update = self.write_operation("update")
        return update is not None and update.send == "all"

    def _rule_plan(self, rule) -> RulePlan | None:
        if rule._may_own() == {"nobody"}:
            return None
        direction = self.flow.direction if rule.direction == "flow" else rule.direction
        record_field = rule._odoo_field()
        plan = RulePlan(
            id=rule.id, code=rule.code, kind=rule.kind, odoo_path=rule.odoo_path or "",
            external_path=rule.external_path or "", owner=rule.owner,
            imports=(self.imports or self.asks) and direction in ("import", "both", "request"),
            exports=(self.exports or self.asks) and direction in ("export", "both", "publish", "request"),
            required=rule.required, match_key=rule.match_key, sensitive=rule.sensitive, transform=rule.transform,
            options=_options(rule),
            label=record_field._description_string(self.model.env) if record_field is not None else rule.odoo_path or "",
            context=TransformContext(),
            field_type=record_field.type if record_field is not None else "",
            comodel=record_field.comodel_name if record_field is not None else None,
            relation_flow_id=rule.relation_flow_id.id or None, relation_flow_name=rule.relation_flow_id.name or "",
            relation_resource_id=rule.relation_flow_id.resource_id.id or None,
            relation_id_path=rule.relation_flow_id.resource_id.id_path or "", relation_mode=rule.relation_mode,
            relation_line_rule_id=rule._relation_line_rule().id or None,
            relation_field=rule.relation_field or "", relation_model=rule.relation_flow_id.model_name or "",
            line_id_path=rule.line_id_path or "", tolerance=rule.tolerance, line_tolerance=rule.line_tolerance,
            lookup_field=rule.lookup_field or "", lookup_domain=rule.lookup_domain or "",
            country_path=rule.country_path or "", expression_import=rule.expression_import or "",
            expression_export=rule.expression_export or "", value_map_id=rule.value_map_id.id or None,
            blank_as=rule.blank_as, send_when=rule.send_when, blanks=self.blanks,
            choices=tuple(record_field.get_values(self.model.env))
            if record_field is not None and record_field.type == "selection" else (),
        )
        plan.context = TransformContext(
            tz=rule.timezone or self.flow.tz or "UTC", field_type=plan.field_type, field_label=plan.label)
        plan.terms = ownership.Terms(
            blank=rule.blank_policy, keep=rule.overruled_policy == "keep",
            exact=not rule.ignore_spaces and plan.field_type in ("char", "text"))
        if rule.owner_switch_domain and rule.owner_after:
            plan.owner_after, plan.switch = rule.owner_after, rule._switch_condition()
        plan.group = rule.merge_group or ""
        plan.write_path = rule.send_path or ""
        plan.told = bool(plan.write_path and not plan.external_path and not plan.imports)
        plan.measured = plan.kind == "field" and plan.transform in MEASURED_TRANSFORMS and plan.field_type in MEASURED_TYPES
        plan.plain = bool(
            plan.kind != "lines" and plan.relation_mode != "embedded" and plan.transform not in ("constant", "template")
            and plan.external_path and (not plan.blanks or plan.field_type == "boolean")
            and not (plan.transform == "state" and plan.country_path))
        if rule.kind == "lines":
            plan.children = [
                child_plan for child in rule.child_ids.filtered("active")
                if (child_plan := self._rule_plan(child)) is not None
            ]
            plan.needed = tuple(child for child in plan.children if child.relation_mode == "leave_out")
        return plan

    @cached_property
    def import_rules(self) -> list[RulePlan]:
        return [rule for rule in self.rules if rule.imports]

    @cached_property
    def export_rules(self) -> list[RulePlan]:
        return [rule for rule in self.rules if rule.exports and rule.kind != "check"]

    @cached_property
    def merge_rules(self) -> list[RulePlan]:
        """Rules whose two sides are compared: all but the checks, which only look, and what a request sends."""
        return [rule for rule in self.rules if rule.kind != "check" and (rule.imports or not self.asks)]

    @cached_property
    def later_rules(self) -> list[RulePlan]:
        """Of a record that is known over there: what is compared and sent."""
        return [rule for rule in self.merge_rules if rule.send_when != "created" or rule.imports]

    @cached_property
    def whole_rules(self) -> list[RulePlan]:
        """What a call carries that sends the whole record, beside what has changed."""
        return [rule for rule in self.export_rules if rule.send_when == "always" and rule.kind != "status"]

    @cached_property
    def read_first(self) -> list[RulePlan]:
        """Rules before whose export the other side is read: of fields that move together, the later or a person decides,
        and a change of another field of the group that nobody has seen yet would make half of it come from each side."""
        return [rule for rules in self.groups.values() for rule in rules
                if {rule.owner, rule.owner_after} & {"newest", "ask"}]

    @cached_property
    def match_rules(self) -> list[RulePlan]:
        return [rule for rule in self.rules if rule.match_key and rule.kind != "lines"]

    @cached_property
    def line_keys(self) -> list[tuple[RulePlan, RulePlan]]:
        """Of lists that are sent: by which of their fields a line is recognised over there, and with it the record."""
        return [(rule, child) for rule in self.export_rules if rule.kind == "lines" and rule.line_id_path
                for child in rule.children if child.match_key and child.exports and child.external_path]

    @cached_property
    def checks(self) -> list[RulePlan]:
        return [rule for rule in self.import_rules if rule.kind == "check"]

    @cached_property
    def embedded_rules(self) -> list[RulePlan]:
        return [rule for rule in self.import_rules if rule.kind == "relation" and rule.relation_mode == "embedded"]

    @cached_property
    def sensitive_names(self) -> tuple[str, ...]:
        """The names under which sensitive values stand in payloads."""
        return sensitive_names([
            rule for parent in self.rules for rule in (parent, *parent.children) if rule.sensitive])

    @cached_property
    def signature(self) -> str:
        """Changes when the meaning of a stored content hash changes: other rules, other paths."""
        parts = [
            (_meaning(rule), [_meaning(child) for child in rule.children])
            for rule in self.rules if rule.imports or rule.exports
        ]
        return hashlib.blake2b(repr((parts, self.flow.external_filter)).encode(), digest_size=6).hexdigest()

    def direction_of(self, rule: RulePlan) -> str:
        if rule.imports and rule.exports:
            return "both"
        return "import" if rule.imports else "export"

    def switched(self, records) -> dict[str, set[int]]:
        """``{rule code: ids of the records for which the second owner decides}``, of rules whose owner switches: one search
        for each condition, none where no owner switches."""
        met: dict[str, set[int]] = {}
        found = {}
        for rule in self.switching:
            key = repr(rule.switch)
            if key not in met:
                met[key] = set(records.with_context(active_test=False).search(
                    Domain(rule.switch) & Domain("id", "in", records.ids))._ids)
            found[rule.code] = met[key]
        return found

    def written_at_creation(self, rule: RulePlan, side: str, owner: str = "") -> bool:
        """Is the field written when the record is created on this side?

        :param owner: where it is not the rule's first one
        """
        owner = owner or rule.owner
        # Whoever owns the value later: a record that Odoo may create over there is born with what Odoo knows.
        return ownership.merge_initial(owner, side) or side == "external" and owner == "external"

    def external_id(self, record) -> str:
        """The external ID of a record as text; '' when it has none."""
        return id_text(paths.get(self.resource.id_path, record)) if isinstance(record, dict) else ""


def sensitive_names(rules) -> tuple[str, ...]:
    """The names under which the values of sensitive rules stand in payloads: they are masked wherever they occur."""
    names = {part for rule in rules for part in re.findall(r"[A-Za-z_]\w*", (rule.external_path or "").rpartition(".")[2])}
    return tuple(sorted(names))


def id_text(value) -> str:
    """An external ID as it is kept in links: text without invisible characters; '' for what cannot be an ID."""
    if value is None or isinstance(value, (dict, list, bool)):
        return ""
    return clean_text(text_of(value) or "").strip()


def _meaning(rule: RulePlan) -> tuple:
    """All of a rule that decides what an external value becomes in Odoo."""
    return (
        rule.code, rule.kind, rule.odoo_path, rule.external_path, rule.transform, rule.owner, rule.imports,
        repr(sorted(rule.options.items(), key=str)), rule.lookup_field, rule.lookup_domain, rule.country_path,
        rule.expression_import, rule.relation_flow_id, rule.line_id_path, rule.tolerance, rule.context.tz, rule.blanks,
        # Only where they are used: else all records would have changed when these options came.
        *((rule.terms,) if rule.terms != ownership.USUAL else ()),
        *((repr(rule.switch), rule.owner_after) if rule.switch is not None else ()),
        *((rule.group,) if rule.group else ()),
        *((rule.relation_line_rule_id,) if rule.relation_line_rule_id else ()),
        *((rule.relation_field,) if rule.relation_field else ()),
    )


def _plain(record, names) -> SimpleNamespace:
    """Fields of a record as plain values, so that reading them between two transactions opens none."""
    return SimpleNamespace(id=record.id, **{name: record[name] for name in names})


def operation_plan(operation) -> SimpleNamespace:
    plan = _plain(operation, OPERATION_FIELDS)
    resource = operation.resource_id
    plan.format = operation.format or resource.format
    plan.format_options = resource._format_options() if plan.format == resource.format else {}
    plan.headers = json.loads(operation.headers) if operation.headers else {}
    plan.id_path = resource.id_path
    plan.document = plan.document if plan.format == "graphql" else ""
    if plan.document:
        plan.params_in = "body"  # what a call brings are its variables
        plan.reads = operation._reads()
        plan.idempotent = plan.idempotent or plan.reads
    plan.takes_values = '"{=' in (plan.body or "")  # of the record that is looked for
    plan.in_address = frozenset(re.findall(r"{\+?([^{}]+)}", plan.path)) - {"id", "key"}
    return plan


def _options(rule) -> dict:
    """The options of a rule's transform as the pure transforms expect them; unset ones are left out."""
    options = {
        "case": rule.text_case if rule.text_case != "keep" else None,
        "max_length": rule.max_length or None,
        "html": rule.html_policy if rule.html_policy != "keep" else None,
        "factor": rule.factor if rule.factor not in (0, 1) else None,
        "digits": rule.digits if rule.digits >= 0 else None,
        "decimal_separator": rule.decimal_separator if rule.decimal_separator not in (False, ".") else None,
        "format": rule.date_format or None,
        "timezone": rule.timezone or None,
        "true_values": _listed(rule.true_values),
        "false_values": _listed(rule.false_values),
        "template": rule.template or None,
        "value": rule.constant if rule.transform == "constant" else None,
        "separator": rule.separator or None,
        "index": rule.part if rule.transform == "split" else None,
        "default": rule.default_value or None,
        "unknown_as_blank": rule.unknown_as_blank and rule.transform in ("lookup", "value_map") or None,
    }
    if rule.transform == "value_map":
        lines = rule.value_map_id.line_ids.filtered("is_mapped")
        by_record = bool(rule.value_map_id.model_id)
        options["map"] = {
            line.external_value: None if line.ignore else (line.res_id if by_record else line.odoo_value)
            for line in lines
        }
        options["map_name"] = rule.value_map_id.name
    return {name: value for name, value in options.items() if value is not None}


def _listed(text):
    return [part.strip() for part in text.split(",") if part.strip()] if text else None
