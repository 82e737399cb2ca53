"""Blueprints in one form, and what makes one of another."""

import copy
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ..blueprints import Difference, differences, dump, key_of, normal_form

FOLDER = Path(__file__).resolve().parents[2] / "blueprints"
SCHEMA = json.loads((FOLDER / "blueprint.schema.json").read_text(encoding="utf-8"))
FILES = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted(FOLDER.glob("*.json")) if path.stem != "blueprint.schema"}
DEFAULTS = {
    "flows": {"timing": "scheduled", "batch_size": 500, "active": True, "tz": "UTC",
              "create_in_odoo": True, "retry_jitter": 0.2}, "rules": {"active": True, "digits": -1},
    "operations": {"method": "GET"}, "connections": {"environment": "sandbox"}}


def normal(data):
    return normal_form(data, SCHEMA, DEFAULTS)


@pytest.mark.parametrize("name", FILES)
def test_normal_form_is_final_and_regardless_of_order(name):
    made = normal(FILES[name])
    assert normal(made) == made
    assert normal(json.loads(dump(made))) == made
    shuffled = {section: list(reversed(value)) if section in ("flows", "resources", "connections", "value_maps") else value
                for section, value in reversed(FILES[name].items())}
    assert dump(normal(shuffled)) == dump(made)
    assert differences(made, made) == []


def test_what_goes_without_saying():
    flow = {"code": "a", "name": "A", "connection": "c", "resource": "r", "model": "m", "direction": "export",
            "timing": "scheduled", "batch_size": 500, "create_in_odoo": False, "tz": "UTC", "retry_jitter": 0, "rules": [
                {"odoo_path": "name", "owner": "odoo", "active": True, "part": 0, "digits": -1, "factor": 2.0},
                {"odoo_path": "email", "owner": "external", "active": False}]}
    made = normal({"format": 1, "name": "N", "flows": [flow]})["flows"][0]
    assert list(made) == ["code", "name", "connection", "resource", "model", "direction", "create_in_odoo", "retry_jitter",
                          "rules"]
    assert made["rules"] == [
        {"code": "name", "odoo_path": "name", "part": 0, "factor": 2},
        {"code": "email", "odoo_path": "email", "owner": "external", "active": False}]


def paths_of(value, path=()):
    """Every leaf of a document."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from paths_of(each, (*path, key))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for number, each in enumerate(value):
            yield from paths_of(each, (*path, number))
    else:
        yield path


def by_codes(data, path):
    """The way of a leaf as differences tell it, up to the property."""
    way, here, told = list(path), data, []
    name = ""
    while way:
        step = way.pop(0)
        if isinstance(step, int):
            told.append(key_of(name, here[step], step))
        else:
            name = step
            told.append(step)
        here = here[step]
        if isinstance(here, dict) and not isinstance(step, int):
            break
    return "/".join(told)


WITH_FLOWS = [data for data in FILES.values() if data.get("flows")]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_changed_leaf_is_told_with_its_way(data):
    before = normal(data.draw(st.sampled_from(WITH_FLOWS)))
    ways = [way for way in paths_of({"flows": before["flows"], "resources": before["resources"]})
            if way[-1] not in ("code", "odoo_path", "sequence", "api_name", "kind", "bulk", "name")
            # By these a guardrail is found: with another one it is another guardrail.
            and not ("guards" in way and way[-1] in ("rule", "side"))]
    way = data.draw(st.sampled_from(ways))
    after = copy.deepcopy(before)
    target = after
    for step in way[:-1]:
        target = target[step]
    target[way[-1]] = "something else"
    found = differences(before, after)
    assert [(each.kind, each.path) for each in found] == [("changed", by_codes(before, way))]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_what_is_left_out_is_removed_and_comes_back(data):
    before = normal(data.draw(st.sampled_from(WITH_FLOWS)))
    after = copy.deepcopy(before)
    flow = data.draw(st.sampled_from([flow for flow in after["flows"] if flow.get("rules")]))
    rule = flow["rules"].pop(data.draw(st.integers(0, len(flow["rules"]) - 1)))
    path = f"flows/{flow['code']}/rules/{rule['code']}"
    assert differences(before, after) == [Difference("removed", path, rule, None)]
    assert [(each.kind, each.path) for each in differences(after, before)] == [("created", path)]


def test_order_of_rules_counts():
    before = {"flows": [{"code": "f", "rules": [{"code": "a"}, {"code": "b"}, {"code": "c"}]}]}
    after = {"flows": [{"code": "f", "rules": [{"code": "b"}, {"code": "a"}, {"code": "c"}, {"code": "d"}]}]}
    assert [(each.kind, each.path) for each in differences(before, after)] == [
        ("created", "flows/f/rules/d"), ("moved", "flows/f/rules")]
