"""Fields that move together, such as an address: one decision for all of them. See ``ownership.py``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from .ownership import (
    USUAL,
    Case,
    Decision,
    Member,
    Terms,
    allowed,
    case_of,
    decided,
    external_blank,
    external_wins,
    merge,
    odoo_wins,
    rule_of,
)
from .values import is_blank


def merge_group(
    owner: str,
    members: Sequence[Member],
    *,
    direction: str = "both",
    odoo_time: datetime | str | None = None,
    external_time: datetime | str | None = None,
    terms: Terms = USUAL,
    owner_before: str = "",
) -> list[Decision]:
    """Decide fields that move together, such as an address: one side's whole group wins, or under 'ask' all
    changed members are one conflict. One decision for each member, in their order.

    A member that is equal on both sides, or unchanged on both, needs nothing, whoever wins.

    >>> from integration_flow.core.ownership import Sides
    >>> city = Member(Sides("Ghent", "Ghent"), "Mons", "Ghent", "Ghent")  # changed in Odoo
    >>> street = Member(Sides("Main 1", "Main 1"), "Main 1", "Main 2", "Main 2")  # changed over there
    >>> [decision.conflict for decision in merge_group("ask", [city, street])]
    [True, True]
    >>> [decision.to_odoo for decision in merge_group("newest", [city, street])]
    [True, True]
    """
    if owner == "nobody":
        return [
            merge(owner, agreed=agreed, odoo=odoo, external=external, external_as_odoo=external_as_odoo)
            for agreed, odoo, external, external_as_odoo in members
        ]
    rule_of(owner)
    looked = [case_of(member, terms, odoo_time, external_time) for member in members]
    cases = [case for case in looked if isinstance(case, Case)]
    if not cases:
        return looked
    whole = Case(
        any(case.external_changed for case in cases),
        any(case.odoo_changed for case in cases),
        all(external_blank(member) for member in members),
        all(is_blank(member.odoo) for member in members),
        all(case.first for case in cases),
        odoo_time,
        external_time,
    )
    decision = decided(owner, whole, terms, owner_before)
    return [
        allowed(_share(decision, case), direction) if isinstance(case, Case) else case for case in looked
    ]


def _share(whole: Decision, case: Case) -> Decision:
    """What the decision about a group means for one of its members."""
    if whole.to_odoo:
        return external_wins(case)
    if whole.to_external:
        return odoo_wins(case)
    if whole.conflict or not whole.overruled:
        return whole
    moved = case.odoo_changed if whole.overruled == "odoo" else case.external_changed
    return whole if moved else whole._replace(overruled="")
