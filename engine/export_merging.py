"""What an export decides about the fields of a known record: sent, put back, kept, left to a person."""

from ..core import ownership, ownership_groups
from ..core.comparison import same_value
from ..core.ownership import Sides
from .items import external_side
from .overruling import agreement, before, half_agreed, note, overruled_entry, writer_of
from .plan import RulePlan
from .rows import Row

# Stands for a value of the other side that nobody knows yet: equal to nothing, and not blank.
UNKNOWN = "\0unknown"


class ExportMerging:
    """Part of the export planner: wants ``plan``, ``mapper``, ``_switched`` and ``_decide_status``."""

    def _decide_fields(self, outgoing) -> None:
        """What of a known record has to be sent or put back. Only Odoo's side is looked at here: of the other one counts
        what is agreed."""
        row, record = outgoing.row, outgoing.record
        conflicts = row.conflicts or {}
        together = self._decided_together(outgoing) if self.plan.groups else {}
        put_back, overruled = set(), {}
        may_put_back = bool(row.payload or self.plan.operation("read"))
        for rule in self.plan.later_rules:
            code, odoo, agreed = rule.code, outgoing.odoo[rule.code], row.agreed.get(rule.code)
            if code in conflicts:
                if rule.kind != "lines" and conflicts[code].get("odoo") != odoo:
                    # Odoo has moved on: the merge says anew what stands against what.
                    put_back.add(code)
                    if not may_put_back:
                        row.conflicts = dict(row.conflicts or {}, **{code: dict(conflicts[code], odoo=odoo)})
                continue
            if rule.kind == "status":
                self._decide_status(outgoing, rule)
                continue
            if agreed and agreed["o"] == odoo:
                if rule.switch is not None:
                    self._note_owner(row, rule, agreed, record)
                continue
            if rule.group and self._joins_conflict(row, rule, odoo, agreed):
                continue
            decision = together.get(code) or self._merged(rule, record, odoo, agreed)
            if decision.to_external:
                value = self.mapper.value(rule, record)
                if agreed and same_value(external_side(rule, value), agreed["e"]):
                    # Another value here, the same over there: nothing to send.
                    row.agreed = dict(row.agreed, **{code: self._agreement(rule, record, odoo, agreed["e"])})
                    continue
                outgoing.values[code] = value
                outgoing.changed.append(rule)
            elif decision.to_odoo:
                put_back.add(code)
            if decision.overruled:
                there = agreed["e"] if agreed else None
                is_written = decision.to_external or may_put_back and decision.to_odoo
                overruled[code] = overruled_entry(rule, odoo, there, decision, is_written=is_written)
                if agreed and not decision.to_odoo and not decision.to_external:
                    row.agreed = dict(row.agreed, **{code: half_agreed(agreed, decision.overruled, odoo, there)})
        if put_back and may_put_back:
            # The importer writes what the other system owns, from the stored payload or from a new look, and tells it.
            row.import_pending = True
            overruled = {code: entry for code, entry in overruled.items() if code not in put_back}
        if overruled:
            row.overruled, row.overruled_by = overruled, writer_of(record)
            note(self.plan, row)

    def _merged(self, rule: RulePlan, record, odoo, agreed: dict | None) -> ownership.Decision:
        member = _member(odoo, agreed)
        return ownership.merge(
            self._owner_of(rule, record), agreed=member.agreed, odoo=member.odoo, external=member.external,
            external_as_odoo=member.external_as_odoo, direction=self.plan.direction_of(rule),
            odoo_time=record.write_date, external_time=None, terms=rule.terms, owner_before=before(rule, agreed))

    def _decided_together(self, outgoing) -> dict[str, ownership.Decision]:
        """``{rule code: decision}`` of the fields that move together."""
        decided: dict[str, ownership.Decision] = {}
        agreed, record = outgoing.row.agreed, outgoing.record
        for rules in self.plan.groups.values():
            if all((agreed.get(rule.code) or {"o": UNKNOWN})["o"] == outgoing.odoo[rule.code] for rule in rules):
                continue  # nothing of it has changed here
            first = rules[0]
            decisions = ownership_groups.merge_group(
                self._owner_of(first, record),
                [_member(outgoing.odoo[rule.code], agreed.get(rule.code)) for rule in rules],
                direction=self.plan.direction_of(first), odoo_time=record.write_date, external_time=None,
                terms=first.terms, owner_before=before(first, agreed.get(first.code)))
            decided |= {rule.code: decision for rule, decision in zip(rules, decisions, strict=True)}
        return decided

    def _joins_conflict(self, row: Row, rule: RulePlan, odoo, agreed: dict | None) -> bool:
        """A person decides about fields that move together with this one: then about this one as well."""
        if not any(other.code in (row.conflicts or {}) for other in self.plan.groups.get(rule.group, ())):
            return False
        known = agreed or {"o": None, "e": None}
        row.conflicts = dict(row.conflicts, **{rule.code: {
            "odoo": odoo, "external": known["e"], "agreed": known["o"], "agreed_odoo": known["o"],
            "agreed_external": known["e"], "group": rule.group}})
        return True

    def _owner_of(self, rule: RulePlan, record) -> str:
        return rule.owner_after if record.id in self._switched.get(rule.code, ()) else rule.owner

    def _agreement(self, rule: RulePlan, record, odoo, external) -> dict:
        return agreement(odoo, external, switched=record.id in self._switched.get(rule.code, ()))

    def _note_owner(self, row: Row, rule: RulePlan, agreed: dict, record) -> None:
        """Ownership has switched and the value has not changed: from now on changes count for the new owner."""
        if bool(agreed.get("s")) != (record.id in self._switched.get(rule.code, ())):
            row.agreed = dict(row.agreed, **{rule.code: self._agreement(rule, record, agreed["o"], agreed["e"])})


def _member(odoo, agreed: dict | None) -> ownership.Member:
    """Both sides of one field, of which only Odoo's is looked at."""
    if agreed:
        return ownership.Member(Sides(agreed["o"], agreed["e"]), odoo, agreed["e"], agreed["o"])
    return ownership.Member(None, odoo, None, UNKNOWN)
