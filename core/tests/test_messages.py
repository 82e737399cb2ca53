"""Every code has a text and a hint for people, with no placeholder that its params cannot fill.

The texts of the engine import Odoo, so they are read as source here.
"""

import ast
import re

import pytest

from integration_flow.core.errors import CODES

from .test_errors import RAISED, ROOMS, raised_in

SOURCES = [ROOMS / "engine" / name for name in ("hints.py", "texts_core.py", "texts.py")]
PLACEHOLDER = re.compile(r"%(?:\((\w+)\))?(.)")

ENGINE_RAISED = [
    row
    for room in ("engine", "models", "controllers", "wizards")
    for path in sorted((ROOMS / room).glob("*.py"))
    for row in raised_in(path)
]


def _text(node, shared):
    """The source text of _lt("...") or of a shared hint; None if it is not translatable."""
    if isinstance(node, ast.Name):
        return shared[node.id]
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_lt" and len(node.args) == 1:
        return node.args[0].value
    return None


def _tables():
    shared, tables = {}, {}
    for node in (node for source in SOURCES for node in ast.parse(source.read_text()).body):
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
    assert {code for _line, _class, code, _names in ENGINE_RAISED} <= set(TEXTS)


def test_no_text_stands_twice():
    assert not set(TABLES["MESSAGES"]) & set(TABLES["ENGINE"])


@pytest.mark.parametrize("code", TEXTS)
def test_text_and_hint(code):
    message, hint = TEXTS[code]
    params = set(CODES.get(code, ()))
    for _line, _class, raised, names in ENGINE_RAISED:
        params |= (names or set()) if raised == code else set()
    for text in (message, hint):
        assert text and text == text.strip()
        for name, conversion in PLACEHOLDER.findall(text):
            assert conversion == "s" and name in params, f"{code}: %({name}){conversion}"
    assert hint.endswith(".")
    assert not re.search(r"\b(JSON|HTTP|payload|None|null|exception|XML ID|feed)\b", message + hint), (
        "plain words"
    )
    assert len(message) < 170 and len(hint) < 210


def test_what_is_wrong_with_a_connection_is_in_words():
    """Its settings and the reasons are keys in transport, and read "not of SFTP" where a word is missing."""
    words = (ROOMS / "engine" / "messages.py").read_text()
    found = set()
    for path in sorted((ROOMS / "transport").glob("*.py")):
        found |= set(re.findall(r'(?:bad_configuration|_bad_url)\(\w+, "([^"]+)"', path.read_text()))
        for setting, reason in re.findall(r'bad_configuration\("([^"]+)", "([^"]+)"', path.read_text()):
            found |= {setting, reason}
    assert {"not of SFTP", "no user", "malformed"} <= found
    assert not {key for key in found if f'"{key}": _lt(' not in words}
