"""Lists that stand inside a record and go on elsewhere: the lines of an order of which the page of orders has the first 50.

Such a list is a connection of GraphQL: ``{"nodes": [...], "pageInfo": {"hasNextPage": ..., "endCursor": ...}}``, or with
``edges``. What is missing is asked for by the cursor and put behind what is there, until the page info says that it is all.
"""

from __future__ import annotations

from typing import Any

from . import graphql, paths
from .errors import SyncError
from .values import text_of

LISTS = ("nodes", "edges")


def unfinished(record: Any, path: str) -> dict | None:
    """The connection at ``path`` of a record, if it goes on; None when it is complete or not there.

    >>> order = {"lines": {"nodes": [1], "pageInfo": {"hasNextPage": True, "endCursor": "c1"}}}
    >>> unfinished(order, "lines") is order["lines"]
    True
    >>> unfinished({"lines": {"nodes": [1], "pageInfo": {"hasNextPage": False}}}, "lines")
    """
    found = paths.get(path, record) if isinstance(record, dict) else None
    info = found.get("pageInfo") if isinstance(found, dict) else None
    return found if isinstance(info, dict) and info.get("hasNextPage") else None


def owners(record: Any, path: str) -> list[tuple[Any, str]]:
    """Who has the lists of a path, and where within it: the record itself, or the parts of it that ``[].`` stands behind.

    >>> owners({"parcels": [{"id": 1}, {"id": 2}]}, "parcels[].items")
    [({'id': 1}, 'items'), ({'id': 2}, 'items')]
    >>> owners({"id": 1}, "lines")
    [({'id': 1}, 'lines')]
    """
    way, projected, inner = path.rpartition("[].")
    if not projected:
        return [(record, path)]
    parts = paths.get(f"{way}[]", record) if isinstance(record, dict) else None
    return [(part, inner) for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def cursor(connection: dict, path: str) -> str:
    """Where the rest of a connection begins.

    :raises SyncError: validation/page_info_missing
    """
    mark = text_of(connection["pageInfo"].get("endCursor"))
    if not mark:
        raise SyncError("validation", "page_info_missing", params={"path": f"{path}.pageInfo"})
    return mark


def extend(connection: dict, body: Any, records_path: str) -> None:
    """Put the next part of a connection, as an answer has it, behind what is there.

    :param records_path: where the answer has the list, for example ``data.order.lineItems.nodes``
    :raises SyncError: validation/page_info_missing for an answer without it or without the list, paging_loop for one that
        does not get on. Nothing is added then.

    >>> lines = {"nodes": [1], "pageInfo": {"hasNextPage": True, "endCursor": "c1"}}
    >>> answer = {"data": {"order": {"lines": {"nodes": [2], "pageInfo": {"hasNextPage": False, "endCursor": "c2"}}}}}
    >>> extend(lines, answer, "data.order.lines.nodes")
    >>> lines
    {'nodes': [1, 2], 'pageInfo': {'hasNextPage': False, 'endCursor': 'c2'}}
    """
    info_path = graphql.page_info_path(records_path)
    info = paths.get(info_path, body)
    if not isinstance(info, dict) or not isinstance(info.get("hasNextPage"), bool):
        raise SyncError("validation", "page_info_missing", params={"path": info_path})
    name = next((name for name in LISTS if isinstance(connection.get(name), list)), "nodes")
    path = f"{info_path.removesuffix('.pageInfo')}.{name}"
    more = paths.get(path, body)
    if not isinstance(more, list):
        raise SyncError("validation", "page_info_missing", params={"path": path})
    before = connection["pageInfo"].get("endCursor")
    if info["hasNextPage"] and (not more or info.get("endCursor") == before):
        raise SyncError("validation", "paging_loop", params={"style": "connection", "token": str(before)[:80]})
    connection[name] = [*(connection.get(name) or ()), *more]
    connection["pageInfo"] = info
