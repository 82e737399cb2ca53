"""Paths into JSON: JMESPath for reading (https://jmespath.org/specification.html), a subset for writing."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.visitor import Options, TreeInterpreter

from .errors import SyncError
from .path_functions import PathFunctions

_IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_]*"
_PLAIN = re.compile(rf"{_IDENTIFIER}(?:\.{_IDENTIFIER})*")
_STEP = re.compile(rf'(?:(?P<dot>\.)?(?P<name>{_IDENTIFIER}|"(?:[^"\\]|\\.)+")|\[(?P<index>\d{{1,6}})\])')
_FUNCTIONS = frozenset(PathFunctions.FUNCTION_TABLE)
_INTERPRETER = TreeInterpreter(Options(custom_functions=PathFunctions()))  # keeps no state between calls
# A list is filled up with None to reach an index: a typing slip must not eat the memory.
MAX_INDEX = 9999


@lru_cache(maxsize=8192)
def compile_path(path: str) -> Any:
    """The parsed JMESPath expression; '' stands for the whole document.

    Errors: SyncError('mapping', 'bad_path') for bad syntax and for functions that do not exist.

    >>> compile_path("lines[].sku").search({"lines": [{"sku": "A"}, {"sku": "B"}]})
    ['A', 'B']
    >>> compile_path("lines[")
    Traceback (most recent call last):
    ...
    integration_flow.core.errors.SyncError: bad_path (path=lines[, reason=the expression ends too early)
    """
    if not isinstance(path, str):
        raise SyncError("mapping", "bad_path", params={"path": str(path)[:80], "reason": "not a text"})
    try:
        expression = jmespath.compile(path or "@")
        unknown = _unknown_function(expression.parsed)
    except RecursionError:
        raise SyncError(
            "mapping", "bad_path", params={"path": path[:80], "reason": "nested too deeply"}
        ) from None
    except (JMESPathError, ValueError) as error:
        reason = str(error).splitlines()[0].split(": Parse error at column")[0] if str(error) else ""
        if "Incomplete expression" in str(error) or "token 'EOF'" in str(error) or "eof" in str(error):
            reason = "the expression ends too early"
        raise SyncError(
            "mapping", "bad_path", params={"path": path, "reason": reason}, detail=str(error)
        ) from None
    if unknown:
        raise SyncError(
            "mapping", "bad_path", params={"path": path, "reason": f"unknown function {unknown}()"}
        )
    return expression


def _unknown_function(node: Any) -> str:
    """Name of the first function in the parsed tree that paths do not have ('' = none)."""
    nodes = [node]
    while nodes:
        node = nodes.pop()
        if isinstance(node, dict):
            if node.get("type") == "function_expression" and node["value"] not in _FUNCTIONS:
                return node["value"]
            nodes.extend(node.get("children") or ())
    return ""


@lru_cache(maxsize=8192)
def _plain_steps(path: str) -> tuple[str, ...] | None:
    """The names of a plain dotted path; None = needs the JMESPath engine."""
    if path in ("", "@"):
        return ()
    return tuple(path.split(".")) if isinstance(path, str) and _PLAIN.fullmatch(path) else None


def get(path: str, data: Any) -> Any:
    """The value at a JMESPath path, None where there is nothing. '' and '@' are the data itself.

    Plain dotted names take a fast way that gives the same answer as the JMESPath engine.
    Errors: SyncError('mapping', 'bad_path' | 'path_failed').

    >>> get("customer.name", {"customer": {"name": "Ada"}})
    'Ada'
    >>> get("customer.name", {"customer": None}) is None
    True
    >>> get("lines[?qty > `1`].sku | [0]", {"lines": [{"sku": "A", "qty": 1}, {"sku": "B", "qty": 2}]})
    'B'
    """
    steps = _plain_steps(path)
    if steps is None:
        return _search(path, data)
    try:
        for step in steps:
            data = data.get(step)
    except AttributeError:
        return None
    return data


def _search(path: str, data: Any) -> Any:
    expression = compile_path(path)
    try:
        return _INTERPRETER.visit(expression.parsed, data)
    except RecursionError:
        raise SyncError(
            "mapping", "path_failed", params={"path": path, "reason": "nested too deeply"}
        ) from None
    except (JMESPathError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise SyncError(
            "mapping", "path_failed", params={"path": path, "reason": str(error)[:200]}, detail=repr(error)
        ) from None


@lru_cache(maxsize=8192)
def _assign_steps(path: str) -> tuple[str | int, ...] | None:
    """Names and indexes of a path that can be written; None = cannot be written."""
    steps: list[str | int] = []
    position = 0
    while isinstance(path, str) and position < len(path):
        match = _STEP.match(path, position)
        if not match:
            return None
        if match["index"] is not None:
            if int(match["index"]) > MAX_INDEX:
                return None
            steps.append(int(match["index"]))
        else:
            if bool(match["dot"]) != bool(steps):
                return None
            try:
                steps.append(json.loads(match["name"]) if match["name"][0] == '"' else match["name"])
            except ValueError:
                return None
        position = match.end()
    return tuple(steps) or None


def steps(path: str) -> tuple[str | int, ...]:
    """The names and indexes of a path that can be written; empty for any other.

    >>> steps("lines[0].sku")
    ('lines', 0, 'sku')
    """
    return _assign_steps(path) or ()


def is_assignable(path: str) -> bool:
    """Can a value be written at this path: names, "quoted names" and [n] indexes only.

    >>> is_assignable('shipping.lines[0]."unit-price"')
    True
    >>> is_assignable("lines[].price")
    False
    """
    return _assign_steps(path) is not None


def assign(target: dict | list, path: str, value: Any) -> None:
    """Put a value at a path; missing objects and lists on the way are created (lists filled up with None).

    Errors: SyncError('mapping', 'path_not_assignable') for a path that only reads,
    'path_conflict' where something else than an object or a list stands in the way.

    >>> document = {}
    >>> assign(document, "customer.emails[1].value", "a@b.example")
    >>> document
    {'customer': {'emails': [None, {'value': 'a@b.example'}]}}
    >>> assign({"customer": "Ada"}, "customer.name", "Ada")
    Traceback (most recent call last):
    ...
    integration_flow.core.errors.SyncError: path_conflict (path=customer.name, at=customer)
    """
    steps = _assign_steps(path)
    if steps is None:
        raise SyncError("mapping", "path_not_assignable", params={"path": str(path)[:200]})
    current: Any = target
    last = len(steps) - 1
    for number, step in enumerate(steps):
        if isinstance(step, int) != isinstance(current, list) or not isinstance(current, (dict, list)):
            at = ".".join(str(name) for name in steps[:number]) or "@"
            raise SyncError("mapping", "path_conflict", params={"path": path, "at": at})
        if isinstance(step, int) and len(current) <= step:
            current.extend([None] * (step + 1 - len(current)))
        if number == last:
            current[step] = value
            return
        below = current[step] if isinstance(step, int) else current.get(step)
        if below is None:
            below = [] if isinstance(steps[number + 1], int) else {}
            current[step] = below
        current = below
