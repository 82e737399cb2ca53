"""Lists as connections: search terms, order, cursors that stand at a record, so that nothing slips when records move."""

import base64
import json
import re

MOST = 250
TERM = re.compile(r"""(-?)(\w+):(>=|<=|>|<|)('[^']*'|"[^"]*"|\S+)|('[^']*'|"[^"]*"|\S+)""")


class BadArgument(Exception):
    """Arguments that cannot be used; ``code`` as the shop has it."""

    code = "BAD_REQUEST"


def terms(text):
    """The terms of a search: ``(not, field, comparison, value)``; a plain word has no field.

    >>> terms("status:open updated_at:>='2026-01-01T00:00:00Z' -tag:old lamp")[1]
    ('', 'updated_at', '>=', '2026-01-01T00:00:00Z')
    >>> terms("lamp")
    [('', '', '', 'lamp')]
    """
    return [
        (found[1] or "", found[2] or "", found[3] or "", (found[4] or found[5]).strip("'\""))
        for found in TERM.finditer(text or "")
        if (found[0] or "").upper() not in ("AND", "OR")
    ]


def meets(record, text, fields):
    """Does a record meet a search? ``fields``: name -> function(record) -> value or list. Fields that nobody knows are
    ignored, as in the real shop. Of parts with OR between, one has to be met; a part in brackets stands first."""
    group = re.fullmatch(r"\((.*?)\)\s*(.*)", text, re.DOTALL)
    if group:
        return meets(record, group[1], fields) and meets(record, group[2], fields)
    return any(_meets_all(record, part, fields) for part in re.split(r"\s+OR\s+", text))


def _meets_all(record, text, fields):
    for negated, name, comparison, value in terms(text):
        if name and name not in fields:
            continue
        if name:
            found = _holds(fields[name](record), comparison, value)
        else:
            found = value.lower() in json.dumps(record, ensure_ascii=False, default=str).lower()
        if found == bool(negated):
            return False
    return True


def _holds(there, comparison, value):
    values = there if isinstance(there, list | tuple | set) else [there]
    if comparison:
        return any(_compare(str(item), comparison, value) for item in values if item is not None)
    wanted = value.lower()
    if wanted.endswith("*"):
        return any(str(item).lower().startswith(wanted[:-1]) for item in values)
    return wanted == "any" or any(str(item).lower() == wanted for item in values)


def _compare(one, comparison, other):
    if re.fullmatch(r"\d+", one) and re.fullmatch(r"\d+", other):
        one, other = int(one), int(other)
    return {">": one > other, ">=": one >= other, "<": one < other, "<=": one <= other}[comparison]


def cursor_of(key):
    return base64.b64encode(json.dumps(key).encode()).decode()


def connection(items, first=None, after=None, show=lambda item: item, key=lambda item: item["id"], reverse=False):
    """The part of a list of items that is in order by ``key``, as a connection.

    >>> page = connection([1, 2, 3], first=2, key=lambda item: item)
    >>> page["nodes"], page["pageInfo"]["hasNextPage"]
    ([1, 2], True)
    >>> connection([1, 2, 3], 2, page["pageInfo"]["endCursor"], key=lambda item: item)["nodes"]
    [3]
    """
    if first is None:
        raise BadArgument("you must provide one of first or last")
    if not 0 <= first <= MOST:
        raise BadArgument(f"first cannot exceed {MOST}")
    start = 0
    if after:
        try:
            mark = json.loads(base64.b64decode(after, validate=True))
        except ValueError as error:
            raise BadArgument("Invalid cursor for current pagination sort.") from error
        plain = [json.loads(json.dumps(key(item))) for item in items]
        passed = (lambda one: one >= mark) if reverse else (lambda one: one <= mark)
        start = sum(1 for one in plain if passed(one))
    chosen = items[start : start + first]
    nodes = [show(item) for item in chosen]
    edges = [{"cursor": cursor_of(key(item)), "node": node} for item, node in zip(chosen, nodes, strict=True)]
    return {
        "nodes": nodes,
        "edges": edges,
        "pageInfo": {
            "hasNextPage": start + first < len(items), "hasPreviousPage": start > 0,
            "startCursor": edges[0]["cursor"] if edges else None, "endCursor": edges[-1]["cursor"] if edges else None,
        },
    }  # fmt: skip


def inner(items):
    """A connection within a record: called with the arguments of the field."""
    def resolve(_info, first=None, after=None, **_more):
        return connection(list(enumerate(items)), first, after, lambda item: item[1], lambda item: item[0])
    return resolve


def some(items):
    """A list within a record that knows ``first``."""
    return lambda _info, first=None, **_more: items if first is None else items[:first]
