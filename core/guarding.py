"""Guardrails as arithmetic: what a guard counts, and when there is too much of it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .values import decimal_of

KINDS = ("change", "create", "delete", "zero", "jump")


@dataclass(frozen=True, slots=True)
class Guard:
    """One guard of a flow.

    kind: 'change' (records that both sides know), 'create', 'delete', 'zero' (a number becomes zero or blank),
    'jump' (a number changes by more than `jump_percent`)
    limit, percent: so many records, or so many percent of the flow's synchronised records, are still fine
    least: with percent, so many records are fine in any case (one of three is 33 %)
    code: the field rule whose value is watched
    """

    id: int
    kind: str
    limit: float
    percent: bool = False
    least: int = 0
    code: str = ""
    jump_percent: float = 0.0

    def counts(self, what: str, before: Any = None, after: Any = None) -> bool:
        """Is this one of the records that the guard counts?

        :param what: 'update', 'create' or 'delete'
        :param before, after: the watched number

        >>> price = Guard(1, "jump", 0, code="price", jump_percent=20)
        >>> price.counts("update", 10, 12), price.counts("update", 10, 12.5), price.counts("update", 10, 0)
        (False, True, True)
        >>> stock = Guard(2, "zero", 5, code="stock")
        >>> stock.counts("update", 3, 0), stock.counts("update", 0, 0), stock.counts("update", 3, None)
        (True, False, True)
        """
        if self.kind in ("create", "delete"):
            return what == self.kind
        if what != "update":
            return False
        if self.kind == "change":
            return True
        was, becomes = _number(before), _number(after)
        if not was:
            return False  # there was nothing to lose, and no percentage of it
        if self.kind == "zero":
            return not becomes
        return abs(becomes - was) * 100 > abs(was) * Decimal(str(self.jump_percent))

    def is_exceeded(self, count: int, base: int) -> bool:
        """Are these too many?

        :param count: records that the guard counts
        :param base: all records that the flow has synchronised; only looked at for percentages

        >>> Guard(1, "change", 10, percent=True, least=5).is_exceeded(11, 100)
        True
        >>> Guard(1, "change", 10, percent=True, least=5).is_exceeded(5, 6), Guard(1, "change", 3).is_exceeded(4, 0)
        (False, True)
        """
        if not self.percent:
            return count > self.limit
        return count > self.least and base > 0 and count * 100 > base * self.limit


def _number(value: Any) -> Decimal:
    """Blank and what is no number count as zero."""
    if value is None or value is False:
        return Decimal(0)
    number = decimal_of(value)
    return Decimal(0) if number is None else number
