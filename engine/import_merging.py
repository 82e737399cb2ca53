"""The importer's merge: what ownership lets it write, and what has to be sent.

Both sides of each field, fields that move together, owners that switch.
"""

from datetime import datetime

from ..core import ownership, ownership_groups
from ..core.comparison import same_moment_or_number
from ..core.ownership import Decision, Member, Sides
from . import conflicts, overruling
from .items import Item, Merged, external_side, put, shown
from .lines import lines_hash
from .mapper import normal, read_value
from .overruling import before, half_agreed, overruled_entry
from .plan import RulePlan

# Stands for lines of the other system in Odoo's form: equal to nothing that Odoo holds.
LINES = "\0lines"
# Ends of the reasons for which a side's change stays open: its agreement is left as it was.
PENDING_REASONS = ("_not_allowed", "blank_ignored")


class ImportMerging:
    """Part of the importer: wants ``plan``, ``mapper``, ``lines``, ``cr`` and ``now``."""

    def _captured_times(self, items: list[Item]) -> dict[int, datetime]:
        """When a person last changed a record of ``items`` in Odoo, where the capture knows it.

        ``write_date`` also moves by changes that no rule looks at, and by our own; it is the fallback.
        """
        if not self.plan.exports or not any("newest" in (rule.owner, rule.owner_after) for rule in self.plan.merge_rules):
            return {}
        self.cr.execute(
            "SELECT res_id, max(captured_at) FROM integration_capture WHERE flow_id = %s AND res_id = ANY(%s) "
            "GROUP BY res_id", [self.plan.id, [item.res_id for item in items]])
        times = {item.res_id: item.row.captured_at for item in items if item.row.captured_at}
        return times | dict(self.cr.fetchall())

    def _merged(self, item: Item, record, captured_at: datetime | None) -> Merged:
        """What ownership lets us write to this record, and by which rules."""
        result = Merged()
        times = {
            "odoo_time": captured_at or record.write_date,
            "external_time": _to_the_second(item.row.external_updated_at)}
        together = self._decided_together(item, record, times) if self.plan.groups else {}
        for rule in self.plan.merge_rules:
            if rule.code in item.later or rule.kind == "status":
                continue
            agreed = item.agreed.get(rule.code)
            if rule.told:
                if agreed and agreed["o"] != self._odoo_side(rule, record, item):
                    item.sends.add(rule.code)
                continue
            if rule.code in together:
                member, decision = together[rule.code]
            else:
                member = self._member(rule, item, record, agreed)
                decision = ownership.merge(
                    item.owner_of(rule), agreed=member.agreed, odoo=member.odoo, external=member.external,
                    external_as_odoo=member.external_as_odoo, direction=self.plan.direction_of(rule), terms=rule.terms,
                    owner_before=before(rule, agreed), **times)
            odoo, external = member.odoo, member.external
            if decision.conflict:
                item.conflicts[rule.code] = conflicts.describe(
                    rule, item, record, agreed=agreed, odoo=odoo, external=external, as_odoo=self._as_odoo(rule, item),
                    changed_at=times["odoo_time"])
            if decision.overruled:
                if decision.overruled == "odoo":
                    item.overruled_by = overruling.writer_of(record)
                item.overruled[rule.code] = overruled_entry(
                    rule, odoo, external, decision, is_written=decision.to_odoo or decision.to_external)
            if decision.to_external:
                item.sends.add(rule.code)
            elif decision.conflict or not decision.overruled and decision.reason.endswith(PENDING_REASONS):
                item.kept.add(rule.code)
            elif decision.overruled and agreed and not decision.to_odoo:
                item.halves[rule.code] = half_agreed(agreed, decision.overruled, odoo, external)
            if decision.to_odoo:
                self._write(result, rule, item, record, odoo)
        if result.vals:
            self._remember_equal(result, item, record)
        return result

    def _write(self, result: Merged, rule: RulePlan, item: Item, record, odoo) -> None:
        """Add what ``rule`` has to write to the values of this record, and to its log."""
        if rule.kind == "lines":
            commands = self.lines.commands(rule, item, record)
            if commands:
                result.vals.setdefault(rule.odoo_path, []).extend(commands)
                result.written.append(rule)
        elif (new := self._as_odoo(rule, item)) != odoo:
            put(result.vals, rule, item.values[rule.code])
            result.written.append(rule)
            item.changes[rule.code] = [shown(rule, odoo), shown(rule, new)]

    def _decide_unwritten(self, item: Item, record, written: list[RulePlan]) -> None:
        """After a creation in Odoo: which of the fields that did not come from there have to be sent."""
        if not self.plan.exports:
            return
        for rule in self.plan.export_rules:
            if rule in written or rule.kind == "status":
                continue
            decision = ownership.merge(
                item.owner_of(rule), agreed=None, odoo=self._odoo_side(rule, record, item),
                external=external_side(rule, item.externals[rule.code]),
                external_as_odoo=self._comparable(rule, item), direction=self.plan.direction_of(rule),
                odoo_time=self.now, external_time=_to_the_second(item.row.external_updated_at), terms=rule.terms)
            if decision.to_external:
                item.sends.add(rule.code)

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

    def _as_odoo(self, rule: RulePlan, item: Item):
        if rule.kind == "lines":
            return None  # lines are compared as a whole by their own hash
        if rule.code not in item.values:
            return None
        return normal(rule, item.values[rule.code])

    @staticmethod
    def _odoo_side(rule: RulePlan, record, item: Item):
        return lines_hash(rule, record, item.line_ids.get(rule.id, {})) if rule.kind == "lines" \
            else read_value(rule, record)


def _to_the_second(moment: datetime | None) -> datetime | None:
    """Odoo's times of change are whole seconds: of two changes in one second the other system's is the later one."""
    return moment.replace(microsecond=0) if moment else None
