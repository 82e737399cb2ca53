"""The status rules of a flow compiled for one slice of work."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..core import statuses
from ..core.statuses import StatusRule
from ..core.transforms import TransformContext
from ..core.values import number_like
from . import plan as plans

# Under this code stand the agreed values and the changes of the status; no field rule can have it.
CODE = "@status"


class Runner(NamedTuple):
    """How a rule is carried out. ``run`` gets the records."""

    run: Callable[[Any], Any]
    many: bool = True
    done: Callable[[Any], bool] | None = None


@dataclass(slots=True)
class StatusPlan:
    """The status rules of a flow, ready to run."""

    rule: Any  # as a field rule has it
    rules: tuple[StatusRule, ...]
    runners: dict[int, Runner]
    names: dict[Any, str]  # stage → what people call it
    sends: dict[Any, Any]  # stage → status that is sent
    ignore_late: bool
    chain: bool

    def stage_of(self, status: Any) -> Any:
        """Where a status leads; None where it leads nowhere or is not known."""
        rule = statuses.find(self.rules, statuses.clean(status))
        return rule.stage if rule is not None else None

    def name(self, stage: Any) -> str:
        return self.names.get(stage) or str(stage or "")


def plan_of(flow, plan) -> StatusPlan | None:
    """The status rules of ``flow``, or None when it has none: then statuses cost nothing."""
    if not flow.status_field or not flow.status_path or flow.model_name not in flow.env:
        return None
    incoming, sent = flow.sudo().status_rule_ids, flow.sudo().status_send_ids
    field = flow.env[flow.model_name]._fields.get(flow.status_field)
    if field is None or not (incoming or sent and plan.exports):
        return None
    sends = {
        rule.stage_id._value(): number_like(rule.external_status) if flow.status_as_number else rule.external_status
        for rule in sent if rule.stage_id}
    label = field._description_string(plan.model.env)
    return StatusPlan(
        rule=plans.RulePlan(
            id=0, code=CODE, kind="status", odoo_path=flow.status_field, external_path=flow.status_path, owner="odoo",
            imports=(plan.imports or plan.asks) and bool(incoming), exports=plan.exports and bool(sends), required=False,
            match_key=False, sensitive=False, transform="none", options={}, label=label, field_type=field.type,
            comodel=field.comodel_name, blank_as="omit", plain=True, write_path=flow.status_send_path or "",
            context=TransformContext(field_type=field.type, field_label=label)),
        rules=tuple(rule._rule() for rule in incoming if rule.effect != "open"),
        runners={rule.id: rule._runner(plan.model.env) for rule in incoming if rule.effect == "stage"},
        names={stage._value(): stage.name for stage in flow.sudo().status_stage_ids},
        sends=sends, ignore_late=flow.status_ignore_late, chain=flow.status_chain)
