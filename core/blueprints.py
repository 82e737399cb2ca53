"""Blueprints as data: one normal form for what means the same, and the difference between two of them.

Everything in a blueprint is known by its code (a rule within its flow or lines rule, an operation by its kind and name), so
the order in which entries stand in a file says nothing, except where it is the order in which they work (rules, operations).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

SECTIONS = ("connections", "value_maps", "resources", "flows", "publications", "alert_channels", "alerts")
HEAD = ("format", "name", "description", "requires")
Defaults = Mapping[str, Mapping[str, Any]]


class Difference(NamedTuple):
    """One thing that importing a file would change.

    kind: 'created', 'changed', 'removed', 'moved' (only its place among the others)
    path: by codes, such as flows/shop_orders/rules/total/owner
    """

    kind: str
    path: str
    before: Any
    after: Any


# -- normal form -------------------------------------------------------------------------------------------


def normal_form(data: Mapping[str, Any], schema: Mapping[str, Any], defaults: Defaults) -> dict[str, Any]:
    """The blueprint without what goes without saying, in the order of the schema.

    :param defaults: ``{section: {name: value}}`` of what an entry means that does not say it; sections also are operations,
        rules, and the lists of a flow

    >>> schema = {"properties": {"format": {}, "name": {}}, "$defs": {"rule": {"properties": {}}}}
    >>> normal_form({"name": "A", "format": 1}, schema, {})
    {'format': 1, 'name': 'A'}
    """
    result: dict[str, Any] = {}
    for name in schema["properties"]:
        value = data.get(name)
        if name not in SECTIONS:
            if value not in (None, "", [], {}):
                result[name] = sorted(value) if name == "requires" else value
            continue
        entry_schema = schema["properties"][name]["items"]
        entries = [_entry(name, each, entry_schema, schema, defaults) for each in value or ()]
        if entries:
            result[name] = sorted(entries, key=_place)
    return result


def _place(entry: Mapping[str, Any]) -> tuple:
    return entry.get("sequence", 10), str(entry.get("api_name", "")), str(entry.get("code", ""))


def _entry(section: str, entry: Mapping, entry_schema: Mapping, schema: Mapping, defaults: Defaults, **context) -> dict:
    """One entry in normal form: its names in the order of the schema, defaults left out."""
    required = set(entry_schema.get("required", ())) | {"code"}
    known = defaults.get(section, {})
    result: dict[str, Any] = {}
    if section in ("flows", "publications"):
        context = {"direction": entry.get("direction") or "export"}  # what is published goes out
    for name, shape in entry_schema.get("properties", {}).items():
        if section == "rules" and name == "code":
            value = entry.get("code") or entry.get("odoo_path")
        elif name not in entry:
            continue
        else:
            value = entry[name]
        children = _children_section(name, shape, schema)
        if children:
            section_name, child_schema = children
            value = [_entry(section_name, each, child_schema, schema, defaults, **context) for each in value]
            if shape.get("x-key"):
                value = sorted(value, key=lambda each, keys=shape["x-key"]: [str(each.get(key, "")) for key in keys])
        elif name == "statuses":
            value = _statuses(value, defaults.get("statuses", {}))
        elif name == "availability":
            value = _availability(value, defaults.get("availability", {}))
        else:
            value = _value(value, shape)
        if name not in required and _goes_without_saying(section, name, value, known, context):
            continue
        result[name] = value
    return result


def _children_section(name: str, shape: Mapping, schema: Mapping) -> tuple[str, Mapping] | None:
    items = shape.get("items") or {}
    if items.get("$ref") == "#/$defs/rule":
        return "rules", schema["$defs"]["rule"]
    if "properties" in items:
        return name, items
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _goes_without_saying(section: str, name: str, value: Any, known: Mapping, context: Mapping) -> bool:
    if section == "rules" and name == "owner":
        return value == ("odoo" if context.get("direction") == "export" else "external")
    if section == "tests" and name == "direction":
        return value == ("export" if context.get("direction") == "export" else "import")
    if _is_number(known.get(name)) and _is_number(value):
        return value == known[name]
    if name in known and known[name] not in (None, False, ""):
        return type(value) is not bool and value == known[name] or value is known[name]
    return value in (None, False, "", [], {}) and (value != 0 or value is False or not isinstance(value, (int, float)))


def _availability(told: Mapping, known: Mapping) -> dict[str, Any]:
    """What a publication says of stock. The formula is always said: that it stands there means that stock is published."""
    formula = told.get("formula") or known.get("formula")
    rest = {name: told[name] for name in sorted(told) if name != "formula" and (told[name] or "") != (known.get(name) or "")}
    return {"formula": formula, **rest}


def _statuses(told: Mapping, known: Mapping) -> dict[str, Any]:
    """What a flow says of its statuses, without what goes without saying; its names in one order."""
    order = ("field", "path", "send_path", "as_number", "ignore_late", "chain", "rules", "sends")
    result: dict[str, Any] = {
        name: told[name] for name in order
        if name in told and (told[name] or False) != (known.get(name) or False) and told[name] not in (None, "", [], {})}
    if "rules" in result:
        rules = []
        for number, rule in enumerate(result["rules"]):
            each = {"status": rule["status"] if isinstance(rule["status"], str) else ", ".join(rule["status"])}
            if rule.get("step", 10 * (number + 1)) != 10 * (number + 1):
                each["step"] = rule["step"]
            each.update({name: rule[name] for name in ("stage", "from", "action") if rule.get(name)})
            rules.append(each)
        result["rules"] = rules
    if "sends" in result:
        result["sends"] = dict(sorted(result["sends"].items()))
    return result


def _value(value: Any, shape: Mapping) -> Any:
    """One way to write each value: whole numbers without a point, JSON text taken apart, conditions as Odoo keeps them."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    types = shape.get("type")
    if types is None and "enum" not in shape and "const" not in shape and isinstance(value, str):
        return parsed(value)
    if isinstance(types, list) and set(types) == {"string", "array"} and isinstance(value, list):
        return domain_text(value)
    return value


def parsed(text: str) -> Any:
    """What a JSON text holds; a text that is none stays what it is.

    >>> parsed('[["a", 1]]'), parsed("{since}"), parsed('"x"')
    ([['a', 1]], '{since}', '"x"')
    """
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return text if isinstance(value, str) else value


def domain_text(leaves: list) -> str:
    """A condition that a file gives as a list, as Odoo's fields keep it.

    >>> domain_text([["active", "=", True], "!", ["name", "in", ["a"]]])
    "[('active', '=', True), '!', ('name', 'in', ['a'])]"
    """
    return repr([tuple(leaf) if isinstance(leaf, list) else leaf for leaf in leaves])


def dump(data: Mapping[str, Any]) -> str:
    """The text of a blueprint file: stable, a line for each value, so that two versions can be compared line by line."""
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


# -- difference --------------------------------------------------------------------------------------------


def _nothing(_name: str) -> bool:
    return False


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any], partial: Callable[[str], bool] = _nothing
) -> list[Difference]:
    """What makes ``after`` of ``before``; both in normal form.

    :param partial: tells for the name of a section or list whether what ``after`` leaves out stays as it is

    >>> old = {"flows": [{"code": "a", "timing": "live", "rules": [{"code": "x"}]}]}
    >>> new = {"flows": [{"code": "a", "timing": "manual", "rules": [{"code": "y"}]}]}
    >>> for each in differences(old, new): print(each.kind, each.path)
    changed flows/a/timing
    created flows/a/rules/y
    removed flows/a/rules/x
    """
    found: list[Difference] = []
    for section in SECTIONS:
        _compare_lists(section, section, before.get(section, []), after.get(section, []), partial, found, top=True)
    return found


def key_of(name: str, entry: Mapping[str, Any], number: int = 0) -> str:
    """How an entry of a list is told from the others of it."""
    if name == "operations":
        return "-".join(str(part) for part in (
            entry.get("kind"), entry.get("name"), "bulk" if entry.get("bulk") else "") if part)
    if name == "guards":
        return "-".join(str(part) for part in (entry.get("kind"), entry.get("rule"), entry.get("side")) if part)
    return str(entry.get("code") or entry.get("odoo_path") or entry.get("topic") or number)


def _keyed(name: str, entries: list) -> dict[str, Mapping]:
    result: dict[str, Mapping] = {}
    for number, entry in enumerate(entries):
        key, wanted, count = key_of(name, entry, number), key_of(name, entry, number), 1
        while key in result:
            count += 1
            key = f"{wanted}#{count}"
        result[key] = entry
    return result


def _compare_lists(name, path, before: list, after: list, partial, found: list[Difference], *, top: bool = False) -> None:
    old, new = _keyed(name, before), _keyed(name, after)
    for key, entry in new.items():
        if key not in old:
            found.append(Difference("created", f"{path}/{key}", None, entry))
        else:
            _compare_entries(name, f"{path}/{key}", old[key], entry, partial, found)
    if not top and not partial(name):
        found += [Difference("removed", f"{path}/{key}", entry, None) for key, entry in old.items() if key not in new]
    kept = [key for key in old if key in new]
    if name in ("rules", "children", "operations") and kept != [key for key in new if key in old]:
        found.append(Difference("moved", path, kept, [key for key in new if key in old]))


def _compare_entries(name, path, old: Mapping, new: Mapping, partial, found: list[Difference]) -> None:
    for field in dict.fromkeys((*old, *new)):
        before, after = old.get(field), new.get(field)
        if before == after:
            continue
        if after is None and partial(name):
            continue
        if any(isinstance(value, list) and value and isinstance(value[0], Mapping) for value in (before, after)):
            _compare_lists(field, f"{path}/{field}", before or [], after or [], partial, found)
        else:
            found.append(Difference("changed", f"{path}/{field}", before, after))
