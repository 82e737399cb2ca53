"""The Odoo records that codes and names of an external record stand for: countries, currencies, units, any model by a field.

Gathered over a batch and asked by one search per field; what is not found, or found twice, is an error of that value.
"""

from typing import Any

from odoo.fields import Domain
from odoo.tools.safe_eval import safe_eval

from ..core.errors import SyncError
from ..core.values import clean_text, is_blank, wrong_type
from .plan import RulePlan

# Where the code of each fixed look-up stands, and where else to look before giving up.
FIXED_LOOKUPS = {
    "country": ("res.country", ("code", "name")),
    "state": ("res.country.state", ("code", "name")),
    "currency": ("res.currency", ("name",)),
    "unit": ("uom.uom", ("name",)),
}


def looked_up_by(rule: RulePlan) -> tuple[str, tuple[str, ...]]:
    """The model in which a rule looks values up, and the fields by which: the first is the one that is sent."""
    return FIXED_LOOKUPS.get(rule.transform, (rule.comodel, (rule.lookup_field,)))


class Lookups:
    """The look-ups of a batch. :meth:`prepare` asks the database, :meth:`value` then works without it."""

    def __init__(self, env):
        self.env = env
        self.found: dict[tuple, list[int]] = {}  # (key of the look-up, value) → ids of records

    def prepare(self, pairs: list[tuple[RulePlan, Any]]) -> None:
        """Find the records that the external values of these rules stand for.

        :raises SyncError: when a value cannot be looked up at all, or the rule looks where nothing is
        """
        wanted: dict[tuple, set] = {}
        labels: dict[tuple, str] = {}
        for rule, external in pairs:
            for single in _singles(rule, external):
                value = _looked_up(rule, single)
                if value is not None:
                    key = _key(rule)
                    wanted.setdefault(key, set()).add(value)
                    labels[key] = rule.label
        for key, values in wanted.items():
            self._look_up(key, values, labels[key])

    def value(self, rule: RulePlan, external: Any) -> Any:
        """The record's id, ids for many2many, None for blank.

        :raises SyncError: when a value stands for no record, or for several
        """
        ids = []
        for single in _singles(rule, external):
            value = _looked_up(rule, single)
            if value is None:
                continue
            key = _key(rule)
            found = self.found.get((key, value), [])
            if not found and rule.options.get("unknown_as_blank"):
                continue
            if not found:
                raise SyncError("mapping", "lookup_missing", params={
                    "model": self.env[key[0]]._description, "field": rule.label, "value": _shown(single),
                    "by": self._label(key),
                    "only": self.env._(", among those that the field rule allows") if rule.lookup_domain else "",
                }, detail=rule.lookup_domain)
            if len(found) > 1:
                raise SyncError("ambiguous", "lookup_ambiguous", params={
                    "model": self.env[key[0]]._description, "field": rule.label,
                    "value": _shown(single), "count": len(found)})
            ids.append(found[0])
        if rule.transform != "state":
            refuse_several(rule, external)
        if rule.field_type == "many2many":
            return ids
        return ids[0] if ids else None

    def _label(self, key: tuple) -> str:
        """What people call the field by which is looked up: ``currency_id.name`` is the currency."""
        model, (path, *_others), _domain = key
        first = path.split(".")[0]
        return self.env[model]._fields[first].get_description(self.env, ["string"])["string"]

    def _look_up(self, key: tuple, values: set, label: str) -> None:
        """Fill ``found[key, value]`` with the ids, by one search per field of the look-up."""
        model_name, field_names, extra = key
        if model_name not in self.env:
            raise SyncError("mapping", "lookup_wrong", params={"model": model_name or "", "field": label, "value": ""})
        model = self.env[model_name]
        domain = Domain(safe_eval(extra, {"company_id": self.env.company.id}) if extra else [])
        open_values = {value for value in values if (key, value) not in self.found}
        if model_name == "res.currency":
            model = model.with_context(active_test=False)
        for field_name in field_names:
            if not open_values:
                return
            record_field = _field_at(model, field_name)
            if record_field is None:
                raise SyncError("mapping", "lookup_wrong", params={
                    "model": model._description, "field": label, "value": field_name})
            numeric = record_field.type in ("integer", "float", "monetary")
            plain = [value[0] if isinstance(value, tuple) else value for value in open_values]
            if numeric:
                plain = [number for value in plain if (number := _number(value)) is not None]
                condition = Domain(field_name, "in", plain)
            else:
                condition = Domain.OR([Domain(field_name, "=ilike", _escape_like(str(value))) for value in plain])
            found = model.search(domain & condition) if plain else model
            by_value: dict = {}
            for record in found:
                value = record.mapped(field_name)[0] if "." in field_name else record[field_name]
                by_value.setdefault(value if numeric else str(value).strip().lower(), []).append(record)
            for value in list(open_values):
                records = by_value.get(_number(value) if numeric else (
                    value[0] if isinstance(value, tuple) else str(value).lower()), [])
                if isinstance(value, tuple) and value[1]:
                    records = [record for record in records if record.country_id.code.lower() == value[1]
                               or record.country_id.name.lower() == value[1]]
                if records:
                    self.found[key, value] = [record.id for record in records]
                    open_values.discard(value)


def refuse_several(rule: RulePlan, external) -> None:
    """Which of several values belongs into a field for one is not ours to guess."""
    if isinstance(external, list) and len(external) > 1 and rule.field_type not in ("many2many", "one2many"):
        raise wrong_type(rule.label, external, "one_value")


def _key(rule: RulePlan) -> tuple:
    """What rules that look up in the same place have in common."""
    return *looked_up_by(rule), rule.lookup_domain


def _singles(rule: RulePlan, external) -> list:
    """Each value by itself. A state comes as a pair with its country and is one value."""
    return external if isinstance(external, list) and rule.transform != "state" else [external]


def _looked_up(rule: RulePlan, value):
    """The hashable form in which a value is looked up, None for blanks."""
    if is_blank(value):
        value = rule.options.get("default")
    if rule.transform == "state":
        state, country = value if isinstance(value, list) else (value, None)
        return (_code(state), _code(country)) if state else None
    if value in (None, "", [], {}) and value != 0:
        return None
    if isinstance(value, (dict, list)):
        raise SyncError("mapping", "wrong_type", params={
            "field": rule.label, "value": str(value)[:80], "expected": "text"})
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else _code(value)


def _field_at(model, dotted: str):
    """The field at the end of a path, or None."""
    record_field = None
    for name in dotted.split("."):
        record_field = model._fields.get(name) if model is not None else None
        if record_field is None:
            return None
        model = model.env[record_field.comodel_name] if record_field.comodel_name else None
    return record_field


def _shown(value) -> str:
    """A looked-up value in a message: a state with its country."""
    return f"{value[0]} ({value[1]})" if isinstance(value, list) and len(value) == 2 else str(value)[:80]


def _code(value) -> str:
    return clean_text(str(value if value is not None else "")).strip().lower()


def _number(value):
    try:
        return round(float(value), 6)
    except (TypeError, ValueError):
        return None


def _escape_like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
