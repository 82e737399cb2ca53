"""Why Not? Gate by gate: what a record has to pass to be synchronised by a flow, and where it stops.

Nothing is written and nothing is called: the answer is what the worker would find now.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from ..core.comparison import same_value
from . import journal
from .outgoing import ExportPlanner
from .plan import FlowPlan
from .why_not_gates import Gates


class Gate(NamedTuple):
    """One condition. ``ok``: True passed, False stops here, None does not apply or cannot be told."""

    code: str
    ok: bool | None
    title: str
    text: str = ""
    todo: str = ""


class Verdict(NamedTuple):
    """The gates in their order, and one sentence that sums them up."""

    gates: list[Gate]
    summary: str

    @property
    def stops_at(self) -> str | None:
        return next((gate.code for gate in self.gates if gate.ok is False), None)


def evaluate(flow, *, res_id: int | None = None, external_id: str | None = None, now) -> Verdict:
    """Look at one record, named by its Odoo id or its external ID, through the eyes of one flow.

    :param flow: an ``integration.flow`` record, as superuser
    """
    look = Look(flow, res_id, external_id, now)
    gates = list(look.gates())
    return Verdict(gates, look.summary(gates))


class Look(Gates):
    """What is known of one record in one flow, and how it passes the gates."""

    def __init__(self, flow, res_id, external_id, now):
        self.env = flow.env
        self.flow = flow
        self.connection = flow.connection_id
        self.now = now
        self.res_id = res_id or None
        self.external_id = external_id or None
        self.sends = flow.direction in ("export", "both")
        self.brings = flow.direction in ("import", "both")
        self.only_asks = not (self.sends or self.brings)  # a request: it is made when somebody asks, not by a change
        self._find()
        self.changes, self.problem = self._compare()

    # -- what is there -------------------------------------------------------------------------------------

    def _find(self) -> None:
        """The sync record, the link and the Odoo record, each found by what is known of the others."""
        env, flow, cr = self.env, self.flow, self.env.cr
        env.flush_all()
        if not self.res_id and self.external_id:
            self.res_id = journal.find_links(
                cr, self.connection.id, flow.resource_id.id, [self.external_id]).get(self.external_id)
        key = ("res_id", self.res_id) if self.res_id else ("external_id", self.external_id)
        self.sync = env["integration.sync"].search([("flow_id", "=", flow.id), (key[0], "=", key[1])], limit=1)
        if not self.sync and self.res_id and self.external_id:
            self.sync = env["integration.sync"].search(
                [("flow_id", "=", flow.id), ("external_id", "=", self.external_id)], limit=1)
        self.res_id = self.res_id or self.sync.res_id or None
        self.record = env[flow.model_name].browse(self.res_id or ()).exists()
        self.visible = bool(self.record) and flow._model().browse(self.record.id).has_access("read")
        linked = journal.linked_records(
            cr, self.connection.id, flow.resource_id.id, flow.model_name, [self.res_id]) if self.res_id else {}
        self.linked_id = linked.get(self.res_id)
        cr.execute(
            "SELECT EXISTS (SELECT 1 FROM integration_capture WHERE flow_id = %s AND res_id = %s)",
            [flow.id, self.res_id or 0])
        [self.captured] = cr.fetchone()

    def _compare(self) -> tuple[list, Any]:
        """Fields that differ in Odoo from what was agreed, as (rule plan, may it be sent); and what kept us from looking."""
        if not (self.record and self.linked_id and self.sync and self.visible) or self.only_asks:
            return [], None
        try:
            return list(self._changed_rules()), None
        except Exception as error:  # a typed rule can fail in as many ways as Python can
            return [], error

    def _changed_rules(self) -> Iterator[tuple]:
        """By the exporter's own functions, so that it is the same answer; fields that move together one by one."""
        plan = FlowPlan(self.flow)
        planner = ExportPlanner(self.env, plan, self.now)
        record = plan.model.browse(self.record.id)
        line_ids = planner._line_ids(record)
        if plan.switching:
            planner._switched.update(plan.switched(record))
        for rule in plan.merge_rules:
            agreed = (self.sync.agreed or {}).get(rule.code)
            odoo = planner._odoo_side(rule, record, line_ids)
            if not agreed or agreed["o"] == odoo:
                continue
            if rule.kind == "status":
                told = plan.status.sends.get(odoo)
                if rule.exports and told is not None and not same_value(told, agreed["e"]):
                    yield rule, True
                continue
            decision = planner._merged(rule, record, odoo, agreed)
            if decision.reason not in ("unchanged", "equal"):
                yield rule, decision.to_external

    # -- gates ---------------------------------------------------------------------------------------------

    def gates(self) -> Iterator[Gate]:
        titles = self._titles()
        for code, title in titles.items():
            ok, *texts = getattr(self, f"_gate_{code}")()
            yield Gate(code, ok, title, *texts)

    def summary(self, gates: list[Gate]) -> str:
        stops = [gate for gate in gates if gate.ok is False]
        if not stops:
            return self.env._("Nothing stands in its way: the next run of the worker takes it.")
        if [gate.code for gate in stops] == ["changed"] and self.linked_id:
            return self.env._("Both sides agree, there is nothing to do.")
        return self.env._("It stops here: %(gate)s ✗", gate=stops[0].title)
