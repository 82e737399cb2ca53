"""Who owns a field: one pure merge of (owner, last agreed values, Odoo now, external now). DESIGN.md, 4.

"Changed" is measured on each side against that side's own last agreed value, so a transform need not be
invertible and the echo of our own write is no change. Equal values are never written and never a conflict.

Decisions that the table leaves open (docs/decisions.md):
- "External, unless blank": a change in Odoo while the external value is not blank is put back, as for
  "External".
- "External at creation": a later external change is overruled but not overwritten; it meets Odoo's value
  again when Odoo changes. At the first meeting of two existing records nothing is written.
- "Newest" without both times, or with equal times: external wins (Odoo's time exists always, so the missing
  one is external's, and a record that was just received is most likely the news). The loser is logged as
  overruled.
- First meeting (nothing agreed yet): the losing value counts as overruled unless it is blank. For "Newest" a blank
  is no news then: nobody has emptied it, so the side that has a value gives it.
- A direction that forbids the write keeps the change pending on its own side: `agreed_after` leaves the
  agreed values alone, so that a later change of the other side is seen as "both changed".
- A rule may say otherwise what a blank does, and that a value which moved against the owner stays: `Terms`.
- Ownership that has just switched: a change of one side alone, which may be from before, passes if either owner
  would let it pass. If both sides changed, the new owner decides. What was agreed is not looked at again.
- Fields of a group are one value: all of it changes hands, or none. An address is blank only if all of it is.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from .comparison import same_exactly, same_value
from .errors import SyncError
from .moments import UTC, parse_moment
from .values import is_blank

OWNERS = ("external", "external_unless_blank", "odoo", "newest", "ask", "external_at_creation", "nobody")
BLANKS = ("usual", "change", "ignore", "fill")
# What a blank does where the rule does not say it, and whose blanks a rule may speak of: those of the owner's side.
_USUAL_BLANK = {"external_unless_blank": "fill"}
_BLANK_SIDES = {
    "external": ("external",),
    "external_unless_blank": ("external",),
    "odoo": ("odoo",),
    "external_at_creation": ("odoo",),
    "newest": ("odoo", "external"),
    "ask": ("odoo", "external"),
}


class Sides(NamedTuple):
    """One value in both sides' own forms."""

    odoo: Any
    external: Any


class Terms(NamedTuple):
    """Where a rule differs from what its owner means usually.

    blank: what a blank on the owner's side does (of either side for 'newest' and 'ask'): 'change' (the other side
    is emptied), 'ignore' (both keep what they have), 'fill' (it is filled from the side that has a value).
    keep: a value that moved against the owner stays until the owner's side changes. exact: white space at the
    ends of texts counts.
    """

    blank: str = "usual"
    keep: bool = False
    exact: bool = False


class Member(NamedTuple):
    """One field of a group; the values are those of `merge`."""

    agreed: Sides | None
    odoo: Any
    external: Any
    external_as_odoo: Any


class Decision(NamedTuple):
    """What to do with one field.

    to_odoo, to_external: write the other side's value there. conflict: a person chooses. overruled: the side
    whose value moved against the owner ('' = none); it is logged with both values. reason: a short key for
    the log.
    """

    to_odoo: bool = False
    to_external: bool = False
    conflict: bool = False
    overruled: str = ""
    reason: str = ""


class Case(NamedTuple):
    """What an owner's rule looks at. First meeting: both count as changed."""

    external_changed: bool
    odoo_changed: bool
    external_blank: bool
    odoo_blank: bool
    first: bool
    odoo_time: Any
    external_time: Any


_UNCHANGED = Decision(reason="unchanged")
_EQUAL = Decision(reason="equal")
NOBODY = Decision(reason="not_synced")
_CONFLICT = Decision(conflict=True, reason="both_changed")
USUAL = Terms()


@lru_cache(maxsize=256)
def _decision(target: str, overruled: str, reason: str) -> Decision:
    return Decision(target == "odoo", target == "external", False, overruled, reason)


def merge(
    owner: str,
    *,
    agreed: Sides | None,
    odoo: Any,
    external: Any,
    external_as_odoo: Any,
    direction: str = "both",
    odoo_time: datetime | str | None = None,
    external_time: datetime | str | None = None,
    terms: Terms = USUAL,
    owner_before: str = "",
) -> Decision:
    """Decide one field. Values are normalised (see comparison.normalise); order of polling plays no part.

    :param owner: one of OWNERS
    :param agreed: both sides at the last agreement; None = first meeting of two existing records
    :param odoo, external: the values now, each in its own side's form
    :param external_as_odoo: the external value now in Odoo's form
    :param direction: 'both', 'import' (never writes to external) or 'export' (never writes to Odoo)
    :param odoo_time, external_time: when each side last changed, for 'newest'; datetime (naive = UTC) or text
    :param terms: where the rule differs from what its owner means usually
    :param owner_before: the owner when both sides agreed, if ownership has switched since
    Errors: SyncError('mapping', 'unknown_owner').

    >>> then = Sides("red", "RED")
    >>> merge("external", agreed=then, odoo="red", external="BLUE", external_as_odoo="blue")
    Decision(to_odoo=True, to_external=False, conflict=False, overruled='', reason='external_changed')
    >>> merge("ask", agreed=then, odoo="green", external="BLUE", external_as_odoo="blue").conflict
    True
    >>> blue = {"external": "BLUE", "external_as_odoo": "blue"}
    >>> merge("odoo", agreed=then, odoo="red", **blue, direction="import").overruled
    'external'
    """
    if agreed is not None and agreed[0] == odoo and agreed[1] == external:
        return _UNCHANGED
    if owner == "nobody":
        return NOBODY
    rule_of(owner)
    case = case_of(Member(agreed, odoo, external, external_as_odoo), terms, odoo_time, external_time)
    if isinstance(case, Decision):
        return case
    return allowed(decided(owner, case, terms, owner_before), direction)


def rule_of(owner: str) -> Callable[[Case], Decision]:
    rule: Callable[[Case], Decision] | None = globals().get(f"_owner_{owner}")
    if rule is None:
        raise SyncError(
            "mapping", "unknown_owner", params={"owner": str(owner)[:80], "known": ", ".join(OWNERS)}
        )
    return rule


def case_of(member: Member, terms: Terms, odoo_time: Any, external_time: Any) -> Case | Decision:
    """What an owner looks at; or the decision, where there is nothing to look at."""
    agreed, odoo, external, external_as_odoo = member
    same = same_exactly if terms.exact else same_value
    if agreed is not None and agreed[0] == odoo and agreed[1] == external:
        return _UNCHANGED
    if same(odoo, external_as_odoo):
        return _EQUAL
    first = agreed is None
    external_changed = first or not same(agreed[1], external)
    odoo_changed = first or not same(agreed[0], odoo)
    if not external_changed and not odoo_changed:
        return _UNCHANGED
    return Case(
        external_changed, odoo_changed, external_blank(member), is_blank(odoo), first, odoo_time, external_time
    )


def external_blank(member: Member) -> bool:
    """An external value that means nothing in Odoo (as the map says) is blank too, and the other way round."""
    return is_blank(member.external) or is_blank(member.external_as_odoo)


def decided(owner: str, case: Case, terms: Terms, owner_before: str) -> Decision:
    decision = _by_owner(owner, case, terms)
    if (
        owner_before not in ("", "nobody", owner)
        and decision.overruled
        and case.external_changed != case.odoo_changed
    ):
        earlier = _by_owner(owner_before, case, terms)
        if not earlier.overruled:
            return earlier
    return decision


def _by_owner(owner: str, case: Case, terms: Terms) -> Decision:
    policy = _USUAL_BLANK.get(owner, "change") if terms.blank == "usual" else terms.blank
    if policy != "change" and case.odoo_blank != case.external_blank:
        side = "odoo" if case.odoo_blank else "external"
        if side in _BLANK_SIDES[owner]:
            if policy == "fill":
                return external_wins(case) if side == "odoo" else odoo_wins(case)
            moved = case.odoo_changed if side == "odoo" else case.external_changed
            return _decision("", side if moved and not case.first else "", "blank_ignored")
    decision = rule_of(owner)(case)
    if terms.keep and decision.reason == "put_back":
        return _decision("", decision.overruled, "kept")
    return decision


def allowed(decision: Decision, direction: str) -> Decision:
    if direction == "import" and decision.to_external or direction == "export" and decision.to_odoo:
        return _decision("", decision.overruled, f"{decision.reason}_not_allowed")
    return decision


def external_wins(case: Case) -> Decision:
    if case.first:
        return _decision("odoo", "" if case.odoo_blank else "odoo", "first_meeting")
    if not case.odoo_changed:
        return _decision("odoo", "", "external_changed")
    return _decision("odoo", "odoo", "external_wins" if case.external_changed else "put_back")


def odoo_wins(case: Case) -> Decision:
    if case.first:
        return _decision("external", "" if case.external_blank else "external", "first_meeting")
    if not case.external_changed:
        return _decision("external", "", "odoo_changed")
    return _decision("external", "external", "odoo_wins" if case.odoo_changed else "put_back")


_owner_external = external_wins
_owner_odoo = odoo_wins
# Its blanks are filled from Odoo, see _USUAL_BLANK.
_owner_external_unless_blank = external_wins


def _owner_newest(case: Case) -> Decision:
    if case.first and case.odoo_blank != case.external_blank:
        return external_wins(case) if case.odoo_blank else odoo_wins(case)
    if not case.odoo_changed:
        return external_wins(case)
    if not case.external_changed:
        return odoo_wins(case)
    odoo_time, external_time = _moment(case.odoo_time), _moment(case.external_time)
    later_in_odoo = odoo_time is not None and external_time is not None and odoo_time > external_time
    return odoo_wins(case) if later_in_odoo else external_wins(case)


def _owner_ask(case: Case) -> Decision:
    if case.external_changed and case.odoo_changed:
        return _CONFLICT
    return external_wins(case) if case.external_changed else odoo_wins(case)


def _owner_external_at_creation(case: Case) -> Decision:
    if case.odoo_changed and not case.first:
        return odoo_wins(case)
    overruled = "" if case.first and case.external_blank else "external"
    return _decision("", overruled, "first_meeting" if case.first else "only_at_creation")


def _moment(value: datetime | str | None) -> datetime | None:
    moment = parse_moment(value, tz="UTC")
    if moment is None or isinstance(moment, datetime):
        return moment
    return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)


def merge_initial(owner: str, creating: str) -> bool:
    """Is the field written when the record is created on the side `creating` ('odoo' or 'external')?

    The owner's value travels; the other side's starts empty there. 'newest' and 'ask' travel both ways,
    'external_unless_blank' too (a new external record is blank), 'external_at_creation' is made for it.

    >>> merge_initial("external", "odoo"), merge_initial("external", "external")
    (True, False)
    """
    if owner not in OWNERS:
        raise SyncError(
            "mapping", "unknown_owner", params={"owner": str(owner)[:80], "known": ", ".join(OWNERS)}
        )
    if owner == "nobody":
        return False
    return owner != ("odoo" if creating == "odoo" else "external")
