"""Codes: every raise in core and transport uses a listed code with exactly the listed params."""

import ast
import copy
import pickle
from pathlib import Path

import pytest

from integration_flow.core import errors
from integration_flow.core.errors import CODES, ERROR_CLASSES, SyncError

ROOMS = Path(errors.__file__).resolve().parent.parent
SOURCES = [
    path
    for room in ("core", "transport")
    for path in sorted((ROOMS / room).rglob("*.py"))
    if "tests" not in path.parts
]

# DESIGN.md section 5, row by row: class -> (retried, counts an attempt, whose problem).
DESIGN = {
    "connection": (True, True, "technical"),
    "server": (True, True, "technical"),
    "locked": (True, True, "technical"),
    "rate_limit": (True, False, "nobody"),
    "timeout": (True, True, "technical"),
    "authentication": (False, False, "administrator"),
    "parent_missing": (True, False, "nobody"),
    "validation": (False, True, "business"),
    "mapping": (False, True, "business"),
    "unmapped": (False, True, "business"),
    "schema": (False, True, "business"),
    "ambiguous": (False, True, "business"),
    "constraint": (False, True, "business"),
    "access": (False, True, "business"),
    "concurrency": (True, False, "nobody"),
    "internal": (False, True, "developer"),
}


@pytest.mark.parametrize("name", list(DESIGN) + sorted(set(ERROR_CLASSES) - set(DESIGN)))
def test_classes_are_those_of_the_design(name):
    row = ERROR_CLASSES[name]
    assert (row.retried, row.counts_attempt, row.responsible) == DESIGN[name]
    assert row.name == name


def _keys(params, returned):
    """The names in a dict, with those of ``**self.method()`` where the method returns a dict; None = computed."""
    names = set()
    for key, value in zip(params.keys, params.values, strict=True):
        if isinstance(key, ast.Constant):
            names.add(key.value)
        elif key is None and isinstance(value, ast.Call) and getattr(value.func, "attr", "") in returned:
            names |= _keys(returned[value.func.attr], returned) or set()
        else:
            return None
    return names


def raised_in(path):
    """(line, error class, code, param names or None where they are computed) of each SyncError(...) in a
    file."""
    tree = ast.parse(path.read_text())
    dicts = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    returned = {
        node.name: node.body[-1].value
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and isinstance(node.body[-1], ast.Return)
        and isinstance(node.body[-1].value, ast.Dict)
    }
    for node in ast.walk(tree):
        if not (
            isinstance(node, ast.Call) and getattr(node.func, "id", "") == "SyncError" and len(node.args) == 2
        ):
            continue
        if not all(isinstance(arg, ast.Constant) for arg in node.args):
            continue
        params = next((keyword.value for keyword in node.keywords if keyword.arg == "params"), None)
        if isinstance(params, ast.Name):
            params = dicts.get(params.id, False)
        names = set() if params is None else None
        if isinstance(params, ast.Dict):
            names = _keys(params, returned)
        yield node.lineno, node.args[0].value, node.args[1].value, names


RAISED = [(path, *row) for path in SOURCES for row in raised_in(path)]


@pytest.mark.parametrize(
    ("path", "line", "error_class", "code", "names"),
    RAISED,
    ids=[f"{p.parent.name}/{p.name}:{n}" for p, n, *_ in RAISED],
)
def test_every_raised_code_is_listed_with_its_params(path, line, error_class, code, names):
    assert error_class in ERROR_CLASSES
    assert code in CODES, f"{path.name}:{line} raises {code!r}, which core/errors.py does not list"
    if names is not None:
        assert names == set(CODES[code]), f"{path.name}:{line} {code}"


def test_the_reader_of_the_sources_sees_the_raises():
    assert len(RAISED) > 40


@pytest.mark.skipif(not (ROOMS / "transport").is_dir(), reason="core stands alone here")
def test_no_code_is_dead():
    text = "".join(path.read_text() for path in SOURCES if path.name != "errors.py")
    assert [code for code in CODES if f'"{code}"' not in text] == []


def test_core_imports_nothing_from_outside():
    """No Odoo, no transport, no parent package: that would import the root __init__ and with it Odoo."""
    for path in SOURCES:
        if path.parent.name != "core":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.level < 2, path
                assert not (node.module or "").startswith(("odoo", "integration_flow")), path
            elif isinstance(node, ast.Import):
                assert not any(
                    name.name.startswith(("odoo", "requests", "integration_flow")) for name in node.names
                )


@pytest.mark.parametrize("path", [p for p in SOURCES if p.parent.name == "core"], ids=lambda path: path.name)
def test_files_stay_small(path):
    assert len(path.read_text().splitlines()) < 300


def test_unknown_class_is_the_programmers_error():
    with pytest.raises(ValueError, match="unknown error class 'nope'"):
        SyncError("nope", "x")


@pytest.mark.parametrize(
    "twin",
    [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_survives_copies(twin):
    error = SyncError(
        "timeout", "timeout_remote", params={"status": 504}, detail="d", retry_after=3.0, outcome_unknown=True
    )
    assert vars(twin(error)) == vars(error)


def test_params_are_not_shared_with_the_caller():
    params = {"status": 1}
    error = SyncError("timeout", "timeout_remote", params=params)
    params["status"] = 2
    assert error.params == {"status": 1}
