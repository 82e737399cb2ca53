"""The text of a GraphQL query or mutation, read far enough to find slips before the first call: brackets, the variables
that it declares and uses, the fields that a paged list needs. Types are known to the other system only."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from .errors import SyncError

_TOKEN = re.compile(
    r'(?P<skip>[\s,\ufeff]+|\#[^\n]*)|(?P<text>"""(?:[^"\\]|\\.|"(?!""))*"""|"(?:[^"\\\n]|\\.)*")'
    r"|(?P<mark>\.\.\.|[!$&():=@\[\]{|}])|(?P<name>[A-Za-z_]\w*)|(?P<number>-?\d[\d.eE+-]*)",
    re.ASCII | re.DOTALL,
)
_CLOSES = {")": "(", "]": "[", "}": "{"}
PAGE_FIELDS = ("pageInfo", "hasNextPage", "endCursor")


@dataclass(frozen=True, slots=True)
class Document:
    """What a document says of itself."""

    kind: str
    """query or mutation"""
    required: frozenset[str]
    """Variables without which it is refused."""
    declared: frozenset[str]
    names: frozenset[str]
    """All names in it."""


@lru_cache(maxsize=512)
def read_document(text: str) -> Document:
    """The one operation of a document, and its fragments.

    :raises SyncError: mapping/bad_graphql (reason)

    >>> document = read_document("query($id: ID!, $n: Int = 5) { order(id: $id) { lines(first: $n) { id } } }")
    >>> document.kind, sorted(document.declared), sorted(document.required)
    ('query', ['id', 'n'], ['id'])
    >>> read_document("query { order(id: $id) { id } }")
    Traceback (most recent call last):
    ...
    integration_flow.core.errors.SyncError: bad_graphql (reason=$id is used, but not declared)
    """
    tokens = _tokens(text)
    kinds, declared, required, used = [], {}, set(), set()
    position = 0
    while position < len(tokens):
        word = tokens[position]
        if word not in ("query", "mutation", "fragment", "{"):
            raise _bad(f"“{word}” stands where query, mutation or fragment was expected")
        if word != "fragment":
            kinds.append("query" if word == "{" else word)
        while tokens[position] not in ("{", "("):
            position += 1
            if position == len(tokens):
                raise _bad("it ends too early")
        if tokens[position] == "(":
            position = _declarations(tokens, position, declared, required)
        while position < len(tokens) and tokens[position] != "{":  # directives of the operation
            if tokens[position] == "$" and position + 1 < len(tokens):
                used.add(tokens[position + 1])
            position += 1
        position = _selection(tokens, position, used)
    if len(kinds) != 1:
        raise _bad(f"it holds {len(kinds)} operations, and one is needed")
    for name in sorted(used - declared.keys()):
        raise _bad(f"${name} is used, but not declared")
    for name in sorted(declared.keys() - used):
        raise _bad(f"${name} is declared, but not used")
    names = frozenset(token for token in tokens if token[0].isalpha() or token[0] == "_")
    return Document(kinds[0], frozenset(required), frozenset(declared), names)


def _bad(reason: str) -> SyncError:
    return SyncError("mapping", "bad_graphql", params={"reason": reason})


def _tokens(text: str) -> list[str]:
    tokens, open_marks, position = [], [], 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        line = text.count("\n", 0, position) + 1
        if not match:
            raise _bad(f"line {line}: “{text[position : position + 10].strip()}” cannot be read")
        position = match.end()
        if match["skip"]:
            continue
        mark = match["mark"]
        if mark and mark in "([{":
            open_marks.append((mark, line))
        elif mark in _CLOSES and (not open_marks or open_marks.pop()[0] != _CLOSES[mark]):
            raise _bad(f"line {line}: “{mark}” closes nothing")
        tokens.append(match[0])
    if open_marks:
        raise _bad(f"the “{open_marks[-1][0]}” of line {open_marks[-1][1]} is not closed")
    if not tokens:
        raise _bad("it is empty")
    return tokens


def _declarations(tokens: list[str], position: int, declared: dict, required: set) -> int:
    """Read ``($name: Type! = default, ...)``; returns the position behind it."""
    position += 1
    name = ""
    while tokens[position] != ")":
        token = tokens[position]
        if token == "$":
            name = tokens[position + 1]
            if not (name[0].isalpha() or name[0] == "_"):
                raise _bad("a name is missing after $")
            if name in declared:
                raise _bad(f"${name} is declared twice")
            declared[name] = True
            position += 1
        elif token == "=":
            required.discard(name)
        elif tokens[position + 1] in ("$", ")", "@") and token == "!":
            required.add(name)
        position += 1
    return position + 1


def _selection(tokens: list[str], position: int, used: set) -> int:
    """Read from ``{`` to its ``}``, noting the variables used; returns the position behind it."""
    depth = 0
    while position < len(tokens):
        token = tokens[position]
        if token == "$":
            used.add(tokens[position + 1] if position + 1 < len(tokens) else "")
        depth += (token == "{") - (token == "}")
        position += 1
        if not depth:
            return position
    raise _bad("it ends too early")


def check_call(text: str, given: Collection[str] | None, *, paged: bool = False, writes: bool = False) -> None:
    """Raise for a document that this call cannot work with.

    :param given: names of the variables that the call brings for certain; None = whatever a record holds
    :param paged: the call is made page after page
    :param writes: it has to change something
    :raises SyncError: mapping/bad_graphql (reason)
    """
    document = read_document(text)
    if writes and document.kind != "mutation":
        raise _bad("it is a query, and this call writes: a mutation is needed")
    if not writes and document.kind == "mutation":
        raise _bad("it is a mutation, and this call only reads")
    if given is not None:
        for name in sorted(document.required - set(given)):
            raise _bad(f"${name} is required, and the call does not bring it")
        for name in sorted(set(given) - document.declared):
            raise _bad(f"the call brings “{name}”, which is not declared")
    if paged:
        for name in PAGE_FIELDS:
            if name not in document.names:
                raise _bad(f"the field {name} is missing, without which only the first page would be read")
