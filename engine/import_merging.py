"""What the importer's merge looks at: both sides of each field, fields that move together, owners that switch."""

from ..core import ownership_groups
from ..core.comparison import same_moment_or_number
from ..core.ownership import Decision, Member, Sides
from .items import Item, external_side, put
from .mapper import normal
from .overruling import before
from .plan import RulePlan

# Stands for lines of the other system in Odoo's form: equal to nothing that Odoo holds.
LINES = "\0lines"


class ImportMerging:
    """Part of the importer: wants ``plan``, ``mapper``, ``_as_odoo`` and ``_odoo_side``."""

    def _member(self, rule: RulePlan, item: Item, record, agreed: dict | None) -> Member:
        """Both sides of one field, as the merge looks at them."""
        external = external_side(rule, item.externals[rule.code])
        if rule.measured and agreed and external != agreed["e"] and self._stands_for_the_same(rule, item, agreed["e"]):
            external = agreed["e"]
        return Member(
            Sides(agreed["o"], agreed["e"]) if agreed else None, self._odoo_side(rule, record, item), external,
            self._comparable(rule, item))

    def _stands_for_the_same(self, rule: RulePlan, item: Item, known) -> bool:
        """Has only the way changed in which a number or a moment is written over there?"""
        return same_moment_or_number(
            known, item.externals[rule.code], lambda value: normal(rule, self.mapper.value(rule, value, item.record)))

    def _decided_together(self, item: Item, record, times: dict) -> dict[str, tuple[Member, Decision]]:
        """``{rule code: (both sides, decision)}`` of the fields that move together."""
        decided = {}
        for rules in self.plan.groups.values():
            rules = [rule for rule in rules if rule.code not in item.later]
            if not rules:
                continue
            members = [self._member(rule, item, record, item.agreed.get(rule.code)) for rule in rules]
            first = rules[0]
            decisions = ownership_groups.merge_group(
                item.owner_of(first), members, direction=self.plan.direction_of(first), terms=first.terms,
                owner_before=before(first, item.agreed.get(first.code)), **times)
            decided |= {rule.code: pair for rule, *pair in zip(rules, members, decisions, strict=True)}
        return decided

    def _note_switched(self, items: list[Item], records) -> None:
        """For which of these records, and fields, the second owner decides."""
        if not self.plan.switching:
            return
        switched = self.plan.switched(records)
        for item, record in zip(items, records, strict=True):
            item.switched = {code for code, ids in switched.items() if record.id in ids}

    def _write_switched(self, item: Item, record, written: list[RulePlan]) -> list[RulePlan]:
        """A record that meets the condition of a second owner as soon as it is created: what that one gives is written
        too. Returns the rules of it."""
        vals: dict = {}
        rules = []
        for rule in self.plan.switching:
            if rule.imports and rule.kind in ("field", "relation") and rule not in written and rule.code in item.switched \
                    and self.plan.written_at_creation(rule, "odoo", owner=rule.owner_after):
                put(vals, rule, item.values[rule.code], creating=True)
                rules.append(rule)
        if vals:
            record.write(vals)
            record.env.flush_all()
        return rules

    def _comparable(self, rule: RulePlan, item: Item):
        """The external value in Odoo's form, as the merge compares it: lines are never equal to what Odoo holds, since they
        are compared by hashes of each side; a list without lines is blank."""
        if rule.kind == "lines":
            return LINES if item.lines.get(rule.code) or not rule.imports else None
        return self._as_odoo(rule, item)
