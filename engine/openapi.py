"""What the rules of a publish flow make of each field, for the OpenAPI document of its endpoint."""

from ..core import openapi
from ..core.openapi import Value
from .availability import QUANTITIES
from .plan import LOOKUP_KINDS

_TYPES = {
    "boolean": {"type": "boolean"}, "integer": {"type": "integer"}, "float": {"type": "number"},
    "monetary": {"type": "number"}, "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
}
_TEXT = {"type": "string"}


def schema(flow, plan, spec) -> dict:
    """The OpenAPI document of a publication, without the address of its server."""
    values = [_value(rule) for rule in plan.out_rules]
    filters = {rule.external_path: _TEXT for rule in plan.filter_rules}
    description = flow.env._(
        "Documents about %(records)s of %(company)s.", records=flow.model_id.name, company=flow.company_id.name)
    if plan.availability:
        codes = [code for _id, code in plan.availability.warehouses]
        values.append(Value("warehouse", {"type": "string", "enum": codes} if codes else _TEXT))
        values += [Value(plan.availability.place(name), {"type": "number"}, description=text)
                   for name, text in zip(QUANTITIES, _meanings(flow), strict=True)]
        filters["warehouse"] = _TEXT
        description += "\n\n" + flow.availability_explanation
    return openapi.build(title=flow.name, description=description, values=values, spec=spec, filters=filters)


def _meanings(flow) -> tuple[str, ...]:
    translate = flow.env._
    return (
        translate("What lies in the warehouse."), translate("Of it, what is kept for deliveries and orders."),
        translate("What is on its way in."), translate("What is to go out."), flow.availability_explanation)


def _value(rule) -> Value:
    return Value(rule.external_path, openapi.nullable(_schema(rule)), rule.blank_as == "omit", rule.label)


def _schema(rule) -> dict:
    """What a rule publishes; anything where that cannot be known."""
    if rule.kind == "lines":
        children = [_value(child) for child in rule.children if child.exports and child.external_path]
        return {"type": "array", "items": openapi.document_schema(children)}
    many = rule.field_type in ("many2many", "one2many")
    if rule.transform in LOOKUP_KINDS:
        return {"type": "array", "items": {}} if many else {}
    if rule.transform in ("expression", "value_map", "constant"):
        return {}
    if rule.transform in ("text", "template", "split"):
        return _TEXT
    if rule.transform == "join":
        return {"type": "array", "items": _TEXT}
    if rule.transform == "number":
        return {"type": ["number", "string"]} if rule.options.get("decimal_separator") else {"type": "number"}
    if rule.transform == "boolean":
        return {} if rule.options.get("true_values") or rule.options.get("false_values") else {"type": "boolean"}
    if rule.transform in ("date", "datetime"):
        return _TYPES[rule.transform] if not rule.options.get("format") and not rule.options.get("timezone") else {}
    if "default" in rule.options:
        return {}
    if many:
        return {"type": "array", "items": _TEXT}
    return _TYPES.get(rule.field_type, _TEXT if rule.field_type != "json" else {})
