"""What an incoming status does: one pure decision of (rules, stage now, status, what was known before).

A flow's rules say to which Odoo stage an external status leads, and from which stages. Stages are plain values
(a selection key, or the id of a stage record); the caller translates.

What the decision promises:
- The same status again never runs anything again, whatever happened in Odoo meanwhile.
- A status behind the one that is known is *late*: it changes nothing, where late statuses are ignored.
- Every step of a path is allowed by its own rule from the stage where it begins. A path goes forward only: no step
  of it comes behind the step that was asked for.
- A record that is where it shall be already is left alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable
from typing import NamedTuple


class StatusRule(NamedTuple):
    """One rule. ``stage``: where it leads, None = it changes nothing by itself. ``allowed``: stages from which it may
    be carried out, empty = any. ``step``: the place of its statuses on the way; equal steps may follow each other in
    both directions. ``acts``: does it run something even where the stage is right already?"""

    id: int
    statuses: frozenset[str]
    stage: Hashable | None
    allowed: frozenset = frozenset()
    step: int = 0
    acts: bool = False

    def allows(self, stage: Hashable | None) -> bool:
        return not self.allowed or stage in self.allowed

    @property
    def moves(self) -> bool:
        """Does it do anything at all?"""
        return self.stage is not None or self.acts


class Transition(NamedTuple):
    """The decision. kind: 'nothing', 'go', 'late', 'forbidden' or 'unmapped'. path: the rules to carry out, in this
    order, for 'go'; for 'forbidden' and 'late' the one rule that was asked for. reason: a short key for the log."""

    kind: str
    path: tuple[StatusRule, ...] = ()
    reason: str = ""

    @property
    def rule(self) -> StatusRule | None:
        """The rule of the status that came."""
        return self.path[-1] if self.path else None


def clean(status: object) -> str:
    """A status in the form in which it is compared: text without case and blanks at its ends; '' for none.

    >>> clean(" Completed "), clean(2), clean(None), clean(True)
    ('completed', '2', '', 'true')
    """
    if status is None or isinstance(status, (dict, list)):
        return ""
    if isinstance(status, bool):
        return "true" if status else "false"
    if isinstance(status, float) and status.is_integer():
        status = int(status)
    return str(status).strip().casefold()


def split(text: str | None) -> list[str]:
    """The statuses of a rule as it is typed: several are separated by commas.

    >>> split("Pending, on-hold,,")
    ['Pending', 'on-hold']
    """
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def find(rules: Iterable[StatusRule], status: str) -> StatusRule | None:
    """The rule of a (clean) status; the first one counts."""
    return next((rule for rule in rules if status in rule.statuses), None)


def decide(
    rules: tuple[StatusRule, ...],
    *,
    stage: Hashable | None,
    status: str,
    known: Iterable[str] = (),
    done: bool = False,
    ignore_late: bool = True,
    chain: bool = True,
) -> Transition:
    """What a record at ``stage`` does about ``status``.

    :param status, known: in the form of :func:`clean`; ``known`` are the statuses that were carried out or seen last
    :param done: what the rule of this status runs was done before, as far as the record shows
    :param ignore_late: a status behind the known one, or behind the stage, is late
    :param chain: a stage that is not reachable in one step may be reached by several

    >>> confirm = StatusRule(1, frozenset({"processing"}), "sale", frozenset({"draft"}), 10)
    >>> finish = StatusRule(2, frozenset({"completed"}), "done", frozenset({"sale"}), 20)
    >>> rules = (confirm, finish)
    >>> decide(rules, stage="draft", status="processing").path == (confirm,)
    True
    >>> [rule.id for rule in decide(rules, stage="draft", status="completed").path]
    [1, 2]
    >>> decide(rules, stage="done", status="processing", known=["completed"]).kind
    'late'
    >>> decide(rules, stage="cancel", status="processing").kind
    'forbidden'
    >>> decide(rules, stage="draft", status="on-hold").kind
    'unmapped'
    """
    if not status:
        return Transition("nothing", reason="no_status")
    known = tuple(known)
    if status in known:
        return Transition("nothing", reason="known")
    rule = find(rules, status)
    if rule is None:
        return Transition("unmapped", reason="unmapped")
    if ignore_late and _is_behind(rules, rule, stage, known):
        return Transition("late", (rule,), "behind")
    if not rule.moves:
        return Transition("nothing", (rule,), "changes_nothing")
    if (rule.stage is None or stage == rule.stage) and (done or not rule.acts):
        return Transition("nothing", (rule,), "there_already")
    path = _path(rules, rule, stage) if chain else ((rule,) if rule.allows(stage) else ())
    return Transition("go", path, "allowed") if path else Transition("forbidden", (rule,), "forbidden")


def _is_behind(
    rules: tuple[StatusRule, ...], rule: StatusRule, stage: Hashable | None, known: tuple[str, ...]
) -> bool:
    """Does the record stand on a later step than the one of ``rule``? What the other system has told before says so,
    and the stage, as far as rules lead there: of several the earliest, because no one knows which it was."""
    told = [before.step for status in known if (before := find(rules, status)) is not None]
    here = [before.step for before in rules if before.stage is not None and before.stage == stage]
    reached = [max(told)] if told else []
    if here:
        reached.append(min(here))
    return bool(reached) and rule.step < max(reached)


def _path(
    rules: tuple[StatusRule, ...], rule: StatusRule, stage: Hashable | None
) -> tuple[StatusRule, ...]:
    """The shortest way from ``stage`` to where ``rule`` may be carried out, and then itself; () when there is none.

    A rule that is allowed from anywhere needs no way. Between, only rules that say from where they are allowed and
    whose step is before that of ``rule``: nobody has asked for the others.
    """
    if rule.allows(stage):
        return (rule,)
    between = [
        other for other in rules
        if other.stage is not None and other.allowed and other.step < rule.step
    ]
    seen = {stage}
    queue: deque[tuple[Hashable | None, tuple[StatusRule, ...]]] = deque([(stage, ())])
    while queue:
        here, way = queue.popleft()
        for other in between:
            if other.stage in seen or not other.allows(here):
                continue
            longer = (*way, other)
            if rule.allows(other.stage):
                return (*longer, rule)
            seen.add(other.stage)
            queue.append((other.stage, longer))
    return ()


def unreachable(rules: Iterable[StatusRule], start: Iterable[Hashable]) -> list[StatusRule]:
    """Rules that no way of the rules ever leads to: all stages they are allowed from are neither where records begin
    nor where another rule leads. Only people can bring a record there.

    >>> far = StatusRule(1, frozenset({"closed"}), "done", frozenset({"sale"}), 10)
    >>> [rule.id for rule in unreachable([far], ["draft"])]
    [1]
    """
    rules = list(rules)
    reached = {*start, *(rule.stage for rule in rules if rule.stage is not None)}
    return [rule for rule in rules if rule.allowed and not rule.allowed & reached]
