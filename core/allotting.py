"""What was done of several things, spread over the places that wait for them: parcels over what a shop has to be sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .errors import SyncError
from .values import text_of

TOLERANCE = 1e-9


def allot(done: Iterable[Mapping], places: Iterable[Mapping]) -> list[dict[str, Any]]:
    """Spread quantities over places, the first one first.

    :param done: ``{"key", "quantity"}``, where it helps with a ``name`` for people; the same key may come several times
    :param places: ``{"id", "items": [{"id", "key", "quantity"}]}``: so much of each key is open there
    :return: ``{"id", "items": [{"id", "quantity"}]}`` of the places that get something
    :raises SyncError: validation/not_expected (name, quantity) for what is open nowhere

    >>> allot([{"key": "A", "quantity": 3.0}], [
    ...     {"id": 1, "items": [{"id": 11, "key": "A", "quantity": 2}]},
    ...     {"id": 2, "items": [{"id": 21, "key": "B", "quantity": 5}, {"id": 22, "key": "A", "quantity": 5}]}])
    [{'id': 1, 'items': [{'id': 11, 'quantity': 2}]}, {'id': 2, 'items': [{'id': 22, 'quantity': 1}]}]
    """
    left: dict[str, float] = {}
    names: dict[str, str] = {}
    for item in done:
        key = text_of(item.get("key")) or ""
        left[key] = left.get(key, 0.0) + float(item.get("quantity") or 0)
        names.setdefault(key, text_of(item.get("name")) or key or "?")
    found = []
    for place in places:
        given = []
        for item in place.get("items") or ():
            key = text_of(item.get("key")) or ""
            part = min(left.get(key, 0.0), float(item.get("quantity") or 0))
            if part > TOLERANCE:
                left[key] -= part
                given.append({"id": item.get("id"), "quantity": _plain(part)})
        if given:
            found.append({"id": place.get("id"), "items": given})
    for key, quantity in left.items():
        if quantity > TOLERANCE:
            raise SyncError("validation", "not_expected", params={"name": names[key], "quantity": str(_plain(quantity))})
    return found


def _plain(quantity: float) -> int | float:
    """Whole numbers without a point: many systems take nothing else."""
    rounded = round(quantity, 6)
    return int(rounded) if rounded.is_integer() else rounded
