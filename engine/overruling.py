"""What is remembered of a decision: agreements, whose ownership was in force, and what was overruled by whom."""

from typing import Any

from ..core.ownership import Decision
from .items import shown
from .plan import FlowPlan, RulePlan
from .rows import Row

# What became of a value that moved against its owner, in the log.
WRITTEN = "put_back"
KEPT = "kept"
# Lists are compared by their hashes, which tell nobody anything.
LIST = "[…]"


def agreement(odoo: Any, external: Any, *, switched: bool) -> dict:
    """What both sides hold, as it is kept under a rule's code; ``s``: the second owner decided then."""
    return {"o": odoo, "e": external, "s": 1} if switched else {"o": odoo, "e": external}


def half_agreed(agreed: dict, side: str, odoo: Any, external: Any) -> dict:
    """The agreement after a value was overruled and nothing was written: it is known on its own side, so that it is told
    once, and the other side's change, if there is one, stays open."""
    return dict(agreed, o=odoo) if side == "odoo" else dict(agreed, e=external)


def before(rule: RulePlan, agreed: dict | None) -> str:
    """Who owned the field when both sides agreed; '' where the owner never switches."""
    if rule.switch is None or not agreed:
        return ""
    return rule.owner_after if agreed.get("s") else rule.owner


def overruled_entry(rule: RulePlan, odoo: Any, external: Any, decision: Decision, *, is_written: bool) -> list:
    """One overruled value in the log: Odoo's value, the external one, the side that was overruled, what became of it."""
    fate = WRITTEN if is_written else KEPT
    if rule.kind == "lines":
        return [LIST, LIST, decision.overruled, fate]
    told = "•••" if rule.sensitive and external not in (None, "") else external
    return [shown(rule, odoo), told, decision.overruled, fate]


def writer_of(record) -> int | None:
    """The user who last wrote a record, where the model keeps it."""
    return record.write_uid.id or None if record._log_access else None


def note(plan: FlowPlan, row: Row) -> None:
    """Say in words what was overruled; the history shows it with both values."""
    env = plan.model.env
    user = env["res.users"].sudo().browse(row.overruled_by).name if row.overruled_by else ""
    labels = {rule.code: rule.label for rule in plan.merge_rules}
    grouped: dict[tuple, list[str]] = {}
    for code, (_odoo, _external, side, fate) in row.overruled.items():
        grouped.setdefault((side, fate), []).append(labels.get(code, code))
    row.overruled_note = "\n".join(
        _sentence(env, side, fate, ", ".join(names), user, plan.connection.name)
        for (side, fate), names in grouped.items())


def _sentence(env, side: str, fate: str, fields: str, user: str, system: str) -> str:
    if side == "external" and fate == WRITTEN:
        return env._("%(fields)s: what was changed in %(system)s was overruled; Odoo's value goes there again.",
                     fields=fields, system=system)
    if side == "external":
        return env._("%(fields)s: what was changed in %(system)s was overruled; Odoo keeps its own value.",
                     fields=fields, system=system)
    user = user or env._("somebody")
    if fate == WRITTEN:
        return env._("%(fields)s: what %(user)s changed in Odoo was overruled; the value of %(system)s was put back.",
                     fields=fields, user=user, system=system)
    return env._("%(fields)s: changed in Odoo by %(user)s against its owner %(system)s; kept until it changes there.",
                 fields=fields, user=user, system=system)
