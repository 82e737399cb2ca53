"""Which of ours is which of theirs, by a key that both have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .values import text_of


def same_key(value: Any) -> str:
    """A key as it is compared: a text without case and spaces around it; '' for none.

    >>> same_key(" Lamp-7 "), same_key(7), same_key(None)
    ('lamp-7', '7', '')
    """
    if isinstance(value, (dict, list, bool)):
        return ""
    return (text_of(value) or "").strip().casefold()


def pair(ours: Iterable[tuple[Any, Any]], theirs: Iterable[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Pairs of an item of ours and one of theirs with the same key. A key that stands twice on one side pairs nothing.

    :param ours: (item, key); the same for ``theirs``

    >>> pair([(1, "A"), (2, "B"), (3, "C"), (4, "C")], [("b", "b "), ("a", "A"), ("c", "C"), ("d", None)])
    [(1, 'a'), (2, 'b')]
    """
    left, right = _by_key(ours), _by_key(theirs)
    return [
        (items[0], right[key][0]) for key, items in left.items() if len(items) == 1 and len(right.get(key, ())) == 1]


def _by_key(items: Iterable[tuple[Any, Any]]) -> dict[str, list]:
    found: dict[str, list] = {}
    for item, key in items:
        if key := same_key(key):
            found.setdefault(key, []).append(item)
    return found
