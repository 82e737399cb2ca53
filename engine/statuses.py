"""Statuses: what the external status of a record does to its stage in Odoo, and what is sent back.

``core/statuses.py`` decides; here it is carried out, for a batch: records with the same way are moved together, and
halved when it fails, down to the guilty one. The other fields of a record are written before, and stay where its status
fails: the record then stands in Odoo, so that a person can bring it where it has to be.

The last agreed status is kept like a field's, under ``CODE``: ``{"o": stage, "e": status there, "r": status that counted
last}``; the last two differ when a status came late.
"""

from typing import Any

from ..core import statuses
from ..core.comparison import same_value
from ..core.errors import SyncError
from ..core.statuses import StatusRule, Transition
from . import failures, messages
from .items import Item, LocatedFailures, Merged, external_side
from .mapper import read_value
from .overruling import KEPT
from .status_plan import CODE, StatusPlan


class _StepFailed(Exception):
    """A step of a way failed for these records."""

    def __init__(self, step: StatusRule, error: Exception):
        super().__init__()
        self.step = step
        self.error = error


class Statuses:
    """Carries out the statuses of imported records. Part of one import of a slice."""

    def __init__(self, importer):
        self.importer = importer
        self.plan = importer.plan
        self.status: StatusPlan = importer.plan.status
        self.rule = self.status.rule
        self.env = self.plan.model.env
        self.unmapped: dict[str, str] = {}  # status in the form in which it is compared → as it came

    def run(self, items: list[Item], records) -> None:
        """After the fields of ``items`` were written: move their ``records``, and say on the items what came of it."""
        ways: dict[tuple, list[tuple[Item, Any, Any]]] = {}
        for item, record in zip(items, records, strict=True):
            item.sends.discard(CODE)
            if item.later:
                continue  # a relation is still to come, and it is imported again then: first the record, then its status
            stage = read_value(self.rule, record)
            if not self.rule.imports:
                self._agree(item, record, stage)
                continue
            decision = self._decide(item, record, stage)
            if decision.kind == "go":
                ways.setdefault(decision.path, []).append((item, record, stage))
            elif decision.kind == "forbidden":
                item.status_error = self._forbidden(item, record, stage, decision.rule)
            elif decision.kind == "unmapped":
                item.status_error = self._unmapped(item)
            else:
                self._stay(item, record, stage, decision)
        for path, members in ways.items():
            self._carry_out(path, members)

    def _decide(self, item: Item, record, stage) -> Transition:
        agreed = item.agreed.get(CODE) or {}
        status = statuses.clean(item.externals[CODE])
        rule = statuses.find(self.status.rules, status)
        done = self.status.runners[rule.id].done if rule is not None and rule.acts else None
        return statuses.decide(
            self.status.rules, stage=stage, status=status,
            known=[known for known in (statuses.clean(agreed.get("e")), statuses.clean(agreed.get("r"))) if known],
            done=bool(done and done(record)), ignore_late=self.status.ignore_late, chain=self.status.chain)

    # -- what moves nothing --------------------------------------------------------------------------------

    def _stay(self, item: Item, record, stage, decision: Transition) -> None:
        agreed = item.agreed.get(CODE) or {}
        known = agreed.get("r") or agreed.get("e")
        if decision.kind == "late":
            item.status_note = self.env._(
                "The status “%(status)s” comes late and was left out: %(record)s is at %(stage)s.",
                status=item.externals[CODE], record=record.display_name, stage=self.status.name(stage))
            item.overruled[CODE] = [self.status.name(stage), item.externals[CODE], "external", KEPT]
        elif decision.reason in ("changes_nothing", "there_already"):
            known = item.externals[CODE]
        self._agree(item, record, stage, known=known, moved=decision.reason == "there_already")

    def _agree(self, item: Item, record, stage, *, known=None, moved=False) -> None:
        """Remember what both sides hold. A stage that a person has changed in Odoo, and that the status did not concern,
        stays a change of Odoo's and is sent."""
        agreed = item.agreed.get(CODE)
        there = external_side(self.rule, item.externals[CODE])
        kept = agreed["o"] if agreed and not moved else stage
        if kept != stage and self.rule.exports:
            value = self.status.sends.get(stage)
            if value is None or same_value(value, there):
                kept = stage
            else:
                item.sends.add(CODE)
        item.agreed[CODE] = {"o": kept, "e": there, **({"r": known} if known not in (None, there) else {})}

    # -- what moves ----------------------------------------------------------------------------------------

    def _carry_out(self, path: tuple[StatusRule, ...], members: list[tuple]) -> None:
        """Move records the same way, together; on failure by halves, so that the others arrive."""
        try:
            with self.env.cr.savepoint():
                self._move(path, members)
        except LocatedFailures as error:
            for item, _record, _stage in members:
                if id(item) in error.by_item:
                    item.status_error = error.by_item[id(item)]
            rest = [member for member in members if id(member[0]) not in error.by_item]
            if rest:
                self._carry_out(path, rest)
        except Exception as error:
            cause = error.error if isinstance(error, _StepFailed) else error
            if failures.is_concurrency(cause):
                raise cause from None
            if len(members) > 1:
                middle = len(members) // 2
                self._carry_out(path, members[:middle])
                self._carry_out(path, members[middle:])
                return
            item, record, stage = members[0]
            step = error.step if isinstance(error, _StepFailed) else path[-1]
            item.status_error = self._refused(item, record, stage, step, cause)
        else:
            for item, record, stage in members:
                self._arrived(item, record, stage)

    def _move(self, path: tuple[StatusRule, ...], members: list[tuple]) -> None:
        kept = []
        for item, record, _stage in members:
            merged = Merged()
            self.importer._remember_equal(merged, item, record)
            kept.append(merged)
        records = self.plan.model.browse([record.id for _item, record, _stage in members])
        for step in path:
            runner = self.status.runners[step.id]
            try:
                for together in [records] if runner.many else records:
                    runner.run(together)
                self.env.flush_all()
            except Exception as error:
                raise _StepFailed(step, error) from error
            located = {
                id(item): self._not_reached(item, record, stage, step)
                for item, record, stage in members if not self._is_there(step, record)}
            if located:
                raise LocatedFailures(located)
        for (item, record, _stage), merged in zip(members, kept, strict=True):
            # An action may change fields of the other system (the date of an order): they are put back at once.
            self.importer._put_right(item, record, merged)

    def _is_there(self, step: StatusRule, record) -> bool:
        done = self.status.runners[step.id].done
        return (step.stage is None or read_value(self.rule, record) == step.stage) and (done is None or done(record))

    def _arrived(self, item: Item, record, stage) -> None:
        now = read_value(self.rule, record)
        item.sends.discard(CODE)
        # What changes no stage has been done all the same, and the history says so.
        after = self.status.name(now) if now != stage else f"{self.status.name(now)} ({item.externals[CODE]})"
        item.changes[CODE] = [self.status.name(stage), after]
        item.outcome = "updated" if item.outcome in ("unchanged", "linked") else item.outcome
        self.importer._agree(item, record)
        item.agreed[CODE] = {"o": now, "e": external_side(self.rule, item.externals[CODE])}

    # -- what fails ----------------------------------------------------------------------------------------

    def _key(self, item: Item) -> str:
        return key_of(self.plan.id, item.externals[CODE])

    def _params(self, item: Item, record, stage, step: StatusRule) -> dict:
        return {
            "record": record.display_name, "status": str(item.externals[CODE])[:80], "stage": self.status.name(stage),
            "target": self._target(step), "key": self._key(item)}

    def _target(self, step: StatusRule) -> str:
        return self.status.name(step.stage) if step.stage is not None else self.env._("(no stage)")

    def _forbidden(self, item: Item, record, stage, rule: StatusRule) -> SyncError:
        allowed = ", ".join(name for value, name in self.status.names.items() if value in rule.allowed)
        return SyncError("validation", "status_forbidden", params={
            **self._params(item, record, stage, rule), "allowed": allowed})

    def _not_reached(self, item: Item, record, stage, step: StatusRule) -> SyncError:
        return SyncError("validation", "status_not_reached", params={
            **self._params(item, record, stage, step), "reached": self.status.name(read_value(self.rule, record))})

    def _refused(self, item: Item, record, stage, step: StatusRule, cause: Exception) -> SyncError:
        error = failures.from_exception(self.env, self.plan.model_name, cause)
        message = (error.params.get("message") or messages.explain(self.env, error)[0]).strip()
        message = message if message.endswith((".", "!", "?")) else f"{message}."
        refused = SyncError("validation", "status_refused", params={
            **self._params(item, record, stage, step), "message": message}, detail=error.detail)
        if error.error_class != "constraint":
            refused.error_class = error.error_class  # missing rights and faults of ours stay what they are
        return refused

    def _unmapped(self, item: Item) -> SyncError:
        value = str(item.externals[CODE])[:200]
        self.unmapped.setdefault(statuses.clean(value), value.strip())
        return SyncError("unmapped", "unmapped_status", params={
            "value": value, "flow": self.plan.name, "key": key_of(self.plan.id, value)})

    def collect(self) -> None:
        """Statuses that no rule knows become open rules of the flow, for a person to decide."""
        if self.unmapped:
            self.importer.env["integration.status.rule"]._collect(self.plan.id, self.unmapped.values())


def key_of(flow_id: int, status) -> str:
    """Under which records that failed by a status are released together; see ``error_key``."""
    return f"status:{flow_id}:{statuses.clean(str(status)[:200])}"


def settle_failure(fail, item: Item) -> None:
    """The fields of the record are here, its status is not: the record fails and is imported again when that is fixed."""
    row = item.row
    row.attempts = row.claimed_attempts
    fail(item, item.status_error)
    row.error_key = item.status_error.params.get("key")
    row.import_pending = True


def decide_outgoing(status: StatusPlan, row, odoo, *, creating: bool) -> Any:
    """What of the stage has to be sent; None when nothing. What came in is never sent back.

    :param odoo: the stage now; when it is the agreed one the caller does not ask
    """
    value = status.sends.get(odoo)
    if creating:
        return value
    agreed = row.agreed.get(CODE)
    if agreed and (value is None or same_value(value, agreed["e"])):
        row.agreed = dict(row.agreed, **{CODE: dict(agreed, o=odoo)})
        return None
    return value
