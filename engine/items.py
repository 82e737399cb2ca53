"""One external record on its way into Odoo, as plain objects: what is known of it and what came of it."""

from dataclasses import dataclass, field
from typing import Any

from odoo import Command

from ..core import fingerprint
from ..core.errors import SyncError
from ..core.values import clean_text
from .mapper import Line, normal
from .plan import RulePlan
from .rows import Row


@dataclass(slots=True)
class Item:
    """One external record on its way into Odoo."""

    row: Row
    record: dict
    externals: dict
    values: dict = field(default_factory=dict)
    lines: dict[str, list[Line]] = field(default_factory=dict)
    res_id: int | None = None
    linked: bool = False
    matched: bool = False
    vals: dict = field(default_factory=dict)
    line_ids: dict[int, dict[str, int]] = field(default_factory=dict)  # rule id → line's external id → record id
    sends: set[str] = field(default_factory=set)  # codes of rules whose Odoo value has to go out
    kept: set[str] = field(default_factory=set)  # codes of rules whose last agreement stays as it was
    switched: set[str] = field(default_factory=set)  # codes of rules for which the second owner decides
    halves: dict[str, dict] = field(default_factory=dict)  # code → agreement of a field of which only one side is known anew
    later: dict[str, SyncError] = field(default_factory=dict)  # code of a relation that is filled later → what it waits for
    status_error: SyncError | None = None  # its fields are here, its status cannot be carried out
    status_note: str = ""
    # What came of it. The row learns it only when the savepoint of its batch holds.
    outcome: str = ""
    agreed: dict = field(default_factory=dict)
    changes: dict = field(default_factory=dict)
    overruled: dict = field(default_factory=dict)
    overruled_by: int | None = None  # who wrote the Odoo record last, where a value of it was overruled
    conflicts: dict = field(default_factory=dict)

    def begin(self) -> None:
        """Forget what an attempt that was rolled back has left."""
        self.sends, self.kept = set(), set(self.later)
        self.outcome, self.agreed = "", dict(self.row.agreed)
        self.changes, self.overruled, self.conflicts = {}, {}, {}
        self.line_ids = {}
        self.status_error, self.status_note = None, ""
        self.switched, self.halves, self.overruled_by = set(), {}, None

    def owner_of(self, rule: RulePlan) -> str:
        """Who owns a field of this record now."""
        return rule.owner_after if rule.code in self.switched else rule.owner


class LocatedFailures(Exception):
    """Failures whose records are known: no halving is needed to find them."""

    def __init__(self, failures_by_item: dict[int, SyncError]):
        super().__init__()
        self.by_item = failures_by_item


@dataclass(slots=True)
class Merged:
    """What one update writes, and what it must not move."""

    vals: dict = field(default_factory=dict)
    written: list[RulePlan] = field(default_factory=list)
    equal: list[RulePlan] = field(default_factory=list)
    before: dict[str, Any] = field(default_factory=dict)
    equal_lines: list[tuple] = field(default_factory=list)


def put(vals: dict, rule: RulePlan, value, *, creating=False) -> None:
    """Add the value of a rule to what create or write gets."""
    if value is None:
        if creating:
            return  # Odoo's own default applies
        value = False
    if rule.field_type == "many2many":
        value = [Command.set(value or [])]
    vals[rule.odoo_path] = value


def shown(rule: RulePlan, value: Any):
    """A value as the log of changes shows it."""
    return "•••" if rule.sensitive and value not in (None, False) else normal(rule, value)


def external_side(rule: RulePlan, external):
    """The external value in the form in which it is kept as last agreed: scalars as they are, the rest as a hash."""
    if isinstance(external, str):
        return clean_text(external) if rule.kind != "lines" else fingerprint.content_hash(external)
    if rule.kind != "lines" and isinstance(external, (int, float, bool, type(None))):
        return external
    return fingerprint.content_hash(external)
