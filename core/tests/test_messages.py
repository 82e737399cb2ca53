"""Every code has a text and a hint for people, with no placeholder that its params cannot fill.

engine/messages.py imports Odoo, so it is read as source here.
"""

import ast
import re

import pytest

from integration_flow.core.errors import CODES

from .test_errors import RAISED, ROOMS

SOURCE = ROOMS / "engine" / "messages.py"
PLACEHOLDER = re.compile(r"%(?:\((\w+)\))?(.)")

ENGINE_CODES = {
    "record_missing_id": {"path"},
    "duplicate_in_page": {"external_id"},
    "not_an_object": {"found", "start"},
    "no_list": {"path", "found"},
    "missing_external_id_in_answer": {"path"},
    "bulk_item_missing": set(),
    "outcome_unknown": set(),
    "parent_missing": {"relation", "external_id", "flow"},
    "parent_failed": {"relation", "external_id", "reason"},
    "ambiguous_match": {"count", "keys"},
    "already_linked": {"keys", "record", "external_id"},
    "lookup_missing": {"model", "field", "value"},
    "lookup_ambiguous": {"model", "field", "value", "count"},
    "no_create": {"side"},
    "no_operation": {"kind", "resource"},
    "totals_differ": {"label", "odoo", "external"},
    "required_missing": {"field", "path"},
    "expression_failed": {"field", "reason"},
    "odoo_refused": {"model", "message"},
    "odoo_access": {"user", "model"},
    "record_gone": {"model", "id"},
    "internal": {"error"},
}


def _text(node, shared):
    """The source text of _lt("...") or of a shared hint; None if it is not translatable."""
    if isinstance(node, ast.Name):
        return shared[node.id]
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_lt" and len(node.args) == 1:
        return node.args[0].value
    return None


def _tables():
    shared, tables = {}, {}
    for node in ast.parse(SOURCE.read_text()).body:
        if not isinstance(node, ast.Assign):
            continue
        name = node.targets[0].id
        if text := _text(node.value, shared) if isinstance(node.value, ast.Call) else None:
            shared[name] = text
        elif name in ("MESSAGES", "ENGINE"):
            codes = [key.value for key in node.value.keys]
            assert len(codes) == len(set(codes)), "a code stands twice"
            tables[name] = {
                key.value: tuple(_text(text, shared) for text in value.elts)
                for key, value in zip(node.value.keys, node.value.values, strict=True)
            }
    return tables


TABLES = _tables()
TEXTS = {**TABLES["MESSAGES"], **TABLES["ENGINE"]}


def test_every_code_of_core_and_transport_has_a_text():
    assert set(TABLES["MESSAGES"]) == set(CODES)


def test_every_raised_code_has_a_text():
    assert {code for _path, _line, _class, code, _names in RAISED} <= set(TEXTS)


def test_every_code_of_the_engine_has_a_text():
    assert set(TABLES["ENGINE"]) == set(ENGINE_CODES)


@pytest.mark.parametrize("code", TEXTS)
def test_text_and_hint(code):
    message, hint = TEXTS[code]
    params = set(CODES.get(code, ())) | ENGINE_CODES.get(code, set())
    for text in (message, hint):
        assert text and text == text.strip()
        for name, conversion in PLACEHOLDER.findall(text):
            assert conversion == "s" and name in params, f"{code}: %({name}){conversion}"
    assert hint.endswith(".")
    assert not re.search(r"\b(JSON|HTTP|payload|None|null|exception|XML ID|feed)\b", message + hint), (
        "plain words"
    )
    assert len(message) < 160 and len(hint) < 200
