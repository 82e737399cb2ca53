"""Records of both sides beside each other, a page at a time: first by the hash of their values, then field by field.

Reads only. What differs becomes a :class:`Difference` with its probable cause; see ``reconcile.py`` for where it goes.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from odoo import models
from odoo.exceptions import AccessError, MissingError
from odoo.fields import Domain

from ..core import paths, reconciling
from ..core.comparison import same_exactly, same_value
from ..core.errors import SyncError
from ..core.ownership import Sides
from ..core.reconciling import Known
from ..core.values import is_blank
from . import failures, inbox, journal, messages
from .import_mapping import ImportMapping
from .import_merging import LINES
from .items import Item, external_side
from .lines import Lines, lines_hash
from .mapper import BatchMapper, OutMapper, external_values, normal, read_value
from .plan import FlowPlan, RulePlan
from .rows import as_data

# What was exchanged so shortly before a page was asked for may not stand on it yet.
SETTLING = timedelta(seconds=1)
LONGEST_VALUE = 500


@dataclass(slots=True)
class State:
    """What the flow knows of a record."""

    id: int | None = None
    res_id: int | None = None
    external_id: str | None = None
    name: str | None = None
    state: str = ""
    pending: bool = False
    agreed: dict | None = None
    message: str = ""
    last_synced_at: datetime | None = None

    @property
    def known(self) -> Known:
        return Known(self.state, self.pending)


@dataclass(slots=True)
class Difference:
    """One line of what was found. ``kind`` and ``cause`` are those of ``integration.reconciliation.line``."""

    kind: str
    cause: str
    state: State
    external_id: str | None = None
    res_id: int | None = None
    name: str = ""
    rule: RulePlan | None = None
    owner: str = ""
    odoo_value: str = ""
    external_value: str = ""
    detail: str = ""
    fix: str = ""
    record: Any = None  # of the other system, where it was seen
    changed_by: str = ""
    changed_at: datetime | None = None


@dataclass(slots=True)
class Counted:
    """What a page came to, in records."""

    compared: int = 0
    equal: int = 0
    drift: int = 0
    only_odoo: int = 0
    only_external: int = 0
    pending: int = 0
    excluded: int = 0


class Comparer(ImportMapping):
    """Compares records of one flow. ``found`` gathers the differences, ``counted`` the numbers."""

    def __init__(self, env, plan: FlowPlan):
        self.env = env
        self.cr = env.cr
        self.plan = plan
        self.mapper = BatchMapper(plan, env.cr)
        self.out = OutMapper(plan, env.cr)
        # Of a file that was sent as an address nobody sees over there whether it is the same.
        self.rules = [rule for rule in plan.later_rules if rule.kind not in ("lines", "status") and not rule.told
                      and rule.transform != "file_url"]
        self.line_rules = [rule for rule in plan.later_rules if rule.kind == "lines"]
        self.found: list[Difference] = []
        self.counted = Counted()
        self.errors: dict[int, SyncError] = {}

    # -- a page of the other system ------------------------------------------------------------------------

    def compare(self, records: dict[str, Any], asked_at: datetime) -> None:
        """Compare records of the other system with what is in Odoo.

        :param records: ``{external ID: record}``
        :param asked_at: what was exchanged later does not stand in them
        """
        states = self.states("external_id", list(records))
        links = journal.find_links(self.cr, self.plan.connection.id, self.plan.resource.id, list(records))
        existing = set(self.plan.model.browse(links.values()).exists()._ids)
        linked = []
        for external_id, record in records.items():
            state = states.get(external_id, State(external_id=external_id))
            state.name = state.name or self._name(record)
            if inbox.is_deleted(self.plan, record):
                self._deleted_there(external_id, record, state, links.get(external_id))
            elif self._left_out(record):
                self.counted.excluded += 1
            elif external_id not in links:
                self._only_there(external_id, record, state)
            elif links[external_id] not in existing:
                self._add("only_external", "deleted_here", state, external_id=external_id, record=record)
            else:
                linked.append((external_id, links[external_id], record, state))
        self._compare_linked(linked, asked_at)

    def _name(self, record) -> str:
        path = self.plan.resource.name_path
        try:
            name = paths.get(path, record) if path else None
        except SyncError:
            return ""
        return "" if name is None or isinstance(name, (dict, list)) else str(name)[:200]

    def _left_out(self, record) -> bool:
        """By the flow's filter of external records."""
        condition = self.plan.settings.external_filter
        try:
            return bool(condition) and not paths.get(condition, record)
        except SyncError:
            return False

    def _deleted_there(self, external_id: str, record, state: State, res_id: int | None) -> None:
        if not res_id or state.state in ("excluded", "skipped"):
            self.counted.excluded += 1
        else:
            self._add("only_odoo", "deleted_there", state, external_id=external_id, res_id=res_id, record=record)

    def _only_there(self, external_id: str, record, state: State) -> None:
        """Not linked: on its way, failed, left out, or never received."""
        if not self.plan.imports or state.state == "excluded" or not self.plan.flow.create_in_odoo and not state.pending:
            self.counted.excluded += 1
            return
        cause = reconciling.cause(state.known, None, None, None) if state.state else "never_linked"
        if cause == "never_agreed":  # settled, and yet without a link: it was removed
            cause = "never_linked"
        fix = "odoo" if self.plan.flow.create_in_odoo else ""
        self._add("only_external", cause, state, external_id=external_id, record=record, fix=fix, detail=state.message)

    # -- values ----------------------------------------------------------------------------------------------

    def _compare_linked(self, linked: list[tuple], asked_at: datetime) -> None:
        linked = self._in_filter(linked)
        items, about = [], {}
        for external_id, res_id, record, state in linked:
            row = SimpleNamespace(external_id=external_id, settled=False, postponed=None)
            about[id(row)] = (external_id, res_id, record, state)
            try:
                item = Item(row, record, external_values(self.plan, self.plan.merge_rules + self.plan.checks, record))
            except SyncError as error:
                self._not_comparable(about[id(row)], error)
                continue
            item.res_id = res_id
            items.append(item)
        mapped = self._mapped(items)
        for item in items:
            if id(item) in self.errors:
                self._not_comparable(about[id(item.row)], self.errors[id(item)])
        if not mapped:
            return
        records = self.plan.model.browse([item.res_id for item in mapped])
        switched = self.plan.switched(records) if self.plan.switching else {}
        if self.line_rules:
            Lines(self.cr, self.plan, [], []).load(mapped)
        differing: list[tuple[tuple, list[Difference]]] = []
        for item, record in zip(mapped, records, strict=True):
            given = about[id(item.row)]
            item.switched = {code for code, ids in switched.items() if record.id in ids}
            try:
                found = self._differences(item, record, given[3])
            except (AccessError, MissingError, SyncError) as error:
                self._not_comparable(given, failures.from_exception(self.env, self.plan.model_name, error))
                continue
            self.counted.compared += 1
            if found:
                differing.append((given, found))
            else:
                self.counted.equal += 1
        self._settle(differing, asked_at)

    def _in_filter(self, linked: list[tuple]) -> list[tuple]:
        """Without what has left the filter of the flow in Odoo: nothing of it is sent any more."""
        if not self.plan.exports or not linked:
            return linked
        domain = self.plan.flow._parsed_domain()
        belonging = set(self.plan.model.with_context(active_test="active" in str(domain)).search(
            Domain(domain) & Domain("id", "in", [res_id for _id, res_id, _record, _state in linked]))._ids)
        self.counted.excluded += len([each for each in linked if each[1] not in belonging])
        return [each for each in linked if each[1] in belonging]

    def _fail(self, item, error: SyncError) -> None:
        """Part of the mapping of imports: here nothing fails, it only cannot be compared."""
        self.errors[id(item)] = error

    def _not_comparable(self, given: tuple, error: SyncError) -> None:
        external_id, res_id, record, state = given
        self.counted.compared += 1
        message = messages.explain(self.env, error)[0]
        cause = "not_mapped"
        if reconciling.is_underway(state.known):
            cause = "pending"
        elif state.state in ("failed", "unknown"):
            cause, message = "failed", state.message or message
        self._add("record", cause, state, external_id=external_id, res_id=res_id, record=record, detail=message)

    def _differences(self, item: Item, record, state: State) -> list[Difference]:
        """The fields of a linked record in which both sides differ."""
        odoo = [read_value(rule, record) for rule in self.rules]
        there = [normal(rule, item.values.get(rule.code)) for rule in self.rules]
        found = []
        if not reconciling.same_hash(odoo, there):
            for rule, here, as_odoo in zip(self.rules, odoo, there, strict=True):
                same = same_exactly if rule.terms.exact else same_value
                if same(here, as_odoo) or item.owner_of(rule) == "nobody":
                    continue
                external = external_side(rule, item.externals[rule.code])
                if not self._same_over_there(rule, record, external):
                    found.append(self._difference(rule, item, record, state, (here, external, as_odoo)))
        for rule in self.line_rules:
            agreed = (state.agreed or {}).get(rule.code)
            external = external_side(rule, item.externals[rule.code])
            # An export has agreed on all lines, an import on those that came from there.
            hashes = (lines_hash(rule, record, item.line_ids.get(rule.id, {})),
                      lines_hash(rule, record, {str(line_id): line_id for line_id in record[rule.odoo_path].ids}))
            here = next((each for each in hashes if agreed and each == agreed["o"]), hashes[0])
            if not agreed or here != agreed["o"] or external != agreed["e"]:
                found.append(self._difference(rule, item, record, state, (here, external, LINES)))
        return found

    def _same_over_there(self, rule: RulePlan, record, external) -> bool:
        """Another value here, the same over there: not every transform can be undone."""
        if not rule.exports:
            return False
        try:
            if rule.kind == "relation":
                self.out.prepare(record)
            return same_value(external_side(rule, self.out.value(rule, record)), external)
        except SyncError:
            return False

    def _difference(self, rule: RulePlan, item: Item, record, state: State, sides: tuple) -> Difference:
        here, external, as_odoo = sides
        agreed = (state.agreed or {}).get(rule.code)
        return Difference(
            "field", reconciling.cause(state.known, Sides(agreed["o"], agreed["e"]) if agreed else None, here, external),
            state, item.row.external_id, item.res_id, state.name or "", rule, item.owner_of(rule),
            _shown_odoo(rule, record), _shown_external(rule, item.externals[rule.code]), state.message,
            reconciling.remedy(
                item.owner_of(rule), odoo=here, external=external, external_as_odoo=as_odoo,
                direction=self.plan.direction_of(rule), terms=rule.terms),
            item.record)

    def _settle(self, differing: list[tuple[tuple, list[Difference]]], asked_at: datetime) -> None:
        """Records that differ: drift, unless work is left or they were exchanged while they were compared."""
        captured = self.captured([given[1] for given, _found in differing])
        for given, found in differing:
            state = given[3]
            moved = state.last_synced_at and state.last_synced_at + SETTLING >= asked_at
            if reconciling.is_underway(state.known) or moved or given[1] in captured:
                for difference in found:
                    difference.kind, difference.cause, difference.fix = "pending", "pending", ""
                self.counted.pending += 1
            else:
                self.counted.drift += 1
                for difference in found:
                    if difference.cause == "conflict":
                        difference.fix = ""
                self._tell_who(given[1], found)
            self.found += found

    def _tell_who(self, res_id: int, found: list[Difference]) -> None:
        if any(difference.cause in ("changed_here", "changed_both") for difference in found):
            record = self.plan.model.sudo().browse(res_id)
            for difference in found:
                difference.changed_by, difference.changed_at = record.write_uid.name or "", record.write_date

    def captured(self, res_ids: list[int]) -> set[int]:
        """Records with changes that have not been looked at yet."""
        if not res_ids or not self.plan.exports:
            return set()
        self.cr.execute(
            "SELECT res_id FROM integration_capture WHERE flow_id = %s AND res_id = ANY(%s)", [self.plan.id, res_ids])
        return {row[0] for row in self.cr.fetchall()}

    # -- records without another side ------------------------------------------------------------------------

    def not_there(self, rows: list[tuple[str, int]], states: dict[str, State], cause: str) -> None:
        """Linked records that the other system does not have (any more): (external ID, record id)."""
        existing = set(self.plan.model.browse([res_id for _external_id, res_id in rows]).exists()._ids)
        for external_id, res_id in rows:
            state = states.get(external_id, State())
            if res_id not in existing or state.state in ("excluded", "skipped"):
                self.counted.excluded += 1
            else:
                underway = reconciling.is_underway(state.known)
                self._add("only_odoo", "pending" if underway else cause, state, external_id=external_id, res_id=res_id)

    def never_linked(self, res_ids: list[int]) -> None:
        """Records of the flow that were never sent, though it may create them over there."""
        linked = journal.linked_records(
            self.cr, self.plan.connection.id, self.plan.resource.id, self.plan.model_name, res_ids)
        rest = [res_id for res_id in res_ids if res_id not in linked]
        states, captured = self.states("res_id", rest), self.captured(rest)
        for res_id in rest:
            state = states.get(res_id, State(res_id=res_id))
            if state.state == "excluded":
                self.counted.excluded += 1
                continue
            cause = reconciling.cause(state.known, None, None, None) if state.state else "never_linked"
            if res_id in captured:
                cause = "pending"
            elif cause == "never_agreed":
                cause = "never_linked"
            state.name = state.name or (self.plan.model.browse(res_id).display_name or "")[:200]
            self._add("only_odoo", cause, state, res_id=res_id, fix="external", detail=state.message)

    def _add(self, kind: str, cause: str, state: State, **values) -> None:
        """A record that is on one side only, or that cannot be compared."""
        if cause == "pending":
            kind = "pending"
            self.counted.pending += 1
        else:
            name = "drift" if kind == "record" else kind
            setattr(self.counted, name, getattr(self.counted, name) + 1)
        if cause in ("pending", "conflict"):
            values["fix"] = ""
        self.found.append(Difference(kind, cause, state, name=state.name or "", **values))

    # -- what is known -----------------------------------------------------------------------------------------

    def states(self, column: str, keys: list) -> dict[Any, State]:
        """What the flow knows of these records, by external ID or by record id."""
        if not keys:
            return {}
        condition = {"external_id": "external_id = ANY(%s)", "res_id": "res_id = ANY(%s) AND res_id <> 0"}[column]
        self.cr.execute(
            "SELECT id, res_id, external_id, name, state, "  # pylint: disable=sql-injection
            "COALESCE(import_pending, false) OR COALESCE(export_pending, false) OR COALESCE(delete_pending, false), agreed, "
            f"error_message, last_synced_at FROM integration_sync WHERE flow_id = %s AND {condition}",
            [self.plan.id, keys])
        found = {}
        for sync_id, res_id, external_id, name, state, pending, agreed, message, synced_at in self.cr.fetchall():
            found[external_id if column == "external_id" else res_id] = State(
                sync_id, res_id or None, external_id, name, state, pending, as_data(agreed), message or "", synced_at)
        return found


def _shown_odoo(rule: RulePlan, record) -> str:
    if rule.sensitive:
        return "•••"
    value = record
    for name in rule.odoo_path.split("."):
        value = value[name]
    if isinstance(value, models.BaseModel):
        return ", ".join(name or "" for name in value[:20].mapped("display_name"))[:LONGEST_VALUE]
    return "" if value in (None, False) and rule.field_type != "boolean" else str(value)[:LONGEST_VALUE]


def _shown_external(rule: RulePlan, raw: Any) -> str:
    if rule.sensitive or any(child.sensitive for child in rule.children):
        return "•••" if not is_blank(raw) else ""
    return "" if raw is None else str(raw)[:LONGEST_VALUE]
