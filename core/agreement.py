"""What was agreed, what differs now. A snapshot holds each term twice: raw, to compare, and in words, to show.

A snapshot is JSON: ``{group: {key: {"label", "words", "values": {name: {"label", "raw", "words"}}}}}``. Groups are the
plan, the field rules, the statuses; an item is one of them, and its values are what can change about it. Only raw values
decide, so that another language, a renamed field or a better sentence changes nothing.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Literal, NamedTuple


class Change(NamedTuple):
    """One difference. ``label``: of the item; ``name``: of the value, '' when the whole item is new or gone."""

    kind: Literal["added", "removed", "changed"]
    group: str
    key: str
    label: str
    name: str
    before: str
    after: str


def fingerprint(snapshot: dict) -> str:
    """The same for equal terms, whatever the language.

    >>> english = {"label": "Every", "raw": 5, "words": "5"}
    >>> german = {"label": "Alle", "raw": 5, "words": "5"}
    >>> one, two = ({"plan": {"flow": {"values": {"every": value}}}} for value in (english, german))
    >>> fingerprint(one) == fingerprint(two)
    True
    """
    raw = {
        group: {key: {name: value["raw"] for name, value in item["values"].items() if not _blank(value["raw"])}
                for key, item in items.items()}
        for group, items in snapshot.items() if items}
    return sha256(json.dumps(raw, sort_keys=True, default=str).encode()).hexdigest()


def differences(before: dict, after: dict) -> list[Change]:
    """What was changed since, in the order of the present terms, what is gone last."""
    changes = []
    for group in [*after, *(group for group in before if group not in after)]:
        old, new = before.get(group) or {}, after.get(group) or {}
        for key, item in new.items():
            if key not in old:
                changes.append(Change("added", group, key, item["label"], "", "", item["words"]))
            else:
                changes += _changed(group, key, old[key], item)
        changes += [
            Change("removed", group, key, item["label"], "", item["words"], "")
            for key, item in old.items() if key not in new]
    return changes


def _changed(group: str, key: str, old: dict, new: dict) -> list[Change]:
    names = [*new["values"], *(name for name in old["values"] if name not in new["values"])]
    changes = []
    for name in names:
        was, now = old["values"].get(name, {}), new["values"].get(name, {})
        if not _equal(was.get("raw"), now.get("raw")):
            changes.append(Change(
                "changed", group, key, new["label"], now.get("label") or was.get("label") or name,
                was.get("words") or "", now.get("words") or ""))
    return changes


def _blank(value) -> bool:
    """No value in any of its spellings. 0 is a value."""
    return value is None or value is False or value in ("", [], {})


def _equal(was, now) -> bool:
    return (_blank(was) and _blank(now)) or (
        json.dumps(was, sort_keys=True, default=str) == json.dumps(now, sort_keys=True, default=str))
