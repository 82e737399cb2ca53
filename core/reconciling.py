"""Two sides of one value differ: probably why, and what would make them equal. Pure.

"Changed" means: is not any more what both sides last agreed on.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .comparison import same_value
from .fingerprint import content_hash
from .ownership import USUAL, Sides, Terms, merge
from .values import is_blank

# Equal to no value of either side.
CHANGED = {"decided": "reconciliation"}
# States in which something is still to be done by itself: a difference is on its way already.
UNDERWAY = ("pending", "waiting", "processing", "held")
# What a record's own state says about a difference.
_BY_STATE = {"failed": "failed", "unknown": "failed", "conflict": "conflict", "skipped": "skipped"}


class Known(NamedTuple):
    """What is known of a record in its flow. state '': it was never there."""

    state: str = ""
    pending: bool = False


def is_underway(known: Known) -> bool:
    """Is there work left on this record, so that a difference says nothing yet?

    >>> is_underway(Known("pending", True)), is_underway(Known("failed", True)), is_underway(Known("synced"))
    (True, False, False)
    """
    return known.state in UNDERWAY or known.pending and known.state not in _BY_STATE


def cause(known: Known, agreed: Sides | None, odoo: Any, external: Any) -> str:
    """The probable cause of a difference.

    'pending', 'failed', 'conflict', 'skipped': the record's own state. 'never_agreed': this value was never exchanged.
    'changed_here', 'changed_there', 'changed_both': since both last agreed. 'known': both sides are known to
    differ, because a change was overruled or put back.

    >>> then = Sides("red", "RED")
    >>> cause(Known("synced"), then, "blue", "RED"), cause(Known("synced"), then, "red", "BLUE")
    ('changed_here', 'changed_there')
    >>> cause(Known("failed", True), then, "blue", "RED"), cause(Known("synced"), Sides("a", "B"), "a", "B")
    ('failed', 'known')
    """
    if is_underway(known):
        return "pending"
    if known.state in _BY_STATE:
        return _BY_STATE[known.state]
    if agreed is None:
        return "never_agreed"
    here, there = not same_value(agreed.odoo, odoo), not same_value(agreed.external, external)
    if here and there:
        return "changed_both"
    if here:
        return "changed_here"
    return "changed_there" if there else "known"


def remedy(
    owner: str,
    *,
    odoo: Any,
    external: Any,
    external_as_odoo: Any,
    direction: str = "both",
    terms: Terms = USUAL,
) -> str:
    """What makes a value equal in its owner's direction: 'odoo' (write it there), 'external' (send it), 'newest' (the
    later change wins), 'ask' (a person decides), '' (the flow may not, or the rule lets both keep what they have).

    It is what the merge decides when both sides count as changed, as they do once a person asks for it.

    >>> blue = {"odoo": "red", "external": "BLUE", "external_as_odoo": "blue"}
    >>> remedy("external", **blue), remedy("odoo", **blue), remedy("odoo", **blue, direction="import")
    ('odoo', 'external', '')
    >>> remedy("external_unless_blank", odoo="red", external=None, external_as_odoo=None)
    'external'
    """
    if owner == "nobody":
        return ""
    decision = merge(
        owner, agreed=None if owner == "ask" else Sides(CHANGED, CHANGED), odoo=odoo, external=external,
        external_as_odoo=external_as_odoo, direction=direction, terms=terms)
    if decision.conflict:
        return "ask"
    if decision.to_odoo or decision.to_external:
        if owner == "newest" and direction == "both" and not is_blank(odoo) and not is_blank(external):
            return "newest"
        return "odoo" if decision.to_odoo else "external"
    return ""


def same_hash(odoo: list, external: list) -> bool:
    """Are two lists of values equal at a glance? False means: look at each of them.

    >>> same_hash(["a", 1], ["a", 1.0]), same_hash(["a"], ["b"])
    (True, False)
    """
    return odoo == external or content_hash(odoo) == content_hash(external)
