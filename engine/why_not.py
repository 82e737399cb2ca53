"""Why Not? Gate by gate: what a record has to pass to be synchronised by a flow, and where it stops.

Nothing is written and nothing is called: the answer is what the worker would find now.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from odoo.fields import Domain
from odoo.tools import format_datetime

from ..core import ownership, paths
from ..core.circuit import Circuit, permission
from ..core.ownership import Sides
from . import journal, messages
from .outgoing import ExportPlanner
from .parents import KEY
from .plan import FlowPlan
from .rows import RUNNING_STATES

LONGEST_LIST = 5


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
    look = _Look(flow, res_id, external_id, now)
    gates = list(look.gates())
    return Verdict(gates, look.summary(gates))


class _Look:
    """What is known of one record in one flow."""

    def __init__(self, flow, res_id, external_id, now):
        self.env = flow.env
        self.flow = flow
        self.connection = flow.connection_id
        self.now = now
        self.res_id = res_id or None
        self.external_id = external_id or None
        self.sends = flow.direction in ("export", "both")
        self.brings = flow.direction in ("import", "both")
        self._find()
        self.changes, self.problem = self._compare()

    # -- what is there -------------------------------------------------------------------------------------

    def _find(self) -> None:
        """The sync record, the link and the Odoo record, each found by what is known of the other side."""
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
            "SELECT bool_or(operation = 'unlink'), max(captured_at) FROM integration_capture WHERE flow_id = %s AND res_id = %s",
            [flow.id, self.res_id or 0])
        self.captured = cr.fetchone()[1] is not None

    def _compare(self) -> tuple[list, Any]:
        """Fields that differ in Odoo from what was agreed, as (rule plan, may it be sent); and what kept us from looking."""
        if not (self.record and self.linked_id and self.sync and self.sends and self.visible):
            return [], None
        try:
            return list(self._changed_rules()), None
        except Exception as error:  # a typed rule can fail in as many ways as Python can
            return [], error

    def _changed_rules(self) -> Iterator[tuple]:
        plan = FlowPlan(self.flow)
        planner = ExportPlanner(self.env, plan, self.now)
        record = plan.model.browse(self.record.id)
        line_ids = planner._line_ids(record)
        rules = self.env["integration.field.rule"]
        for rule in plan.merge_rules:
            agreed = (self.sync.agreed or {}).get(rule.code)
            odoo = planner._odoo_side(rule, record, line_ids)
            if not agreed or agreed["o"] == odoo:
                continue
            owner = rules.browse(rule.id)._owners_for(self.record).get(self.record.id, rule.owner)
            decision = ownership.merge(
                owner, agreed=Sides(agreed["o"], agreed["e"]), odoo=odoo, external=agreed["e"],
                external_as_odoo=agreed["o"], direction=plan.direction_of(rule), odoo_time=record.write_date)
            if decision.reason not in ("unchanged", "equal"):
                yield rule, decision.to_external

    # -- gates ---------------------------------------------------------------------------------------------

    def gates(self) -> Iterator[Gate]:
        titles = self._titles()
        for code, title in titles.items():
            ok, *texts = getattr(self, f"_gate_{code}")()
            yield Gate(code, ok, title, *texts)

    def _titles(self) -> dict[str, str]:
        _ = self.env._
        return {
            "flow": _("The flow is active"),
            "connection": _("The connection is healthy"),
            "worker": _("The worker runs"),
            "record": _("The record is known"),
            "filter": _("It is in the filter of the flow"),
            "company": _("It is of the right company, and the flow's user may see it"),
            "owner": _("The owner allows it"),
            "changed": _("Something has changed"),
            "left": _("It is not held, skipped or excluded"),
            "decision": _("No decision is open"),
            "parents": _("The records it needs are linked"),
            "failure": _("It has not failed"),
            "retry": _("It does not wait for a retry"),
            "time": _("Its time has come"),
        }

    def summary(self, gates: list[Gate]) -> str:
        stops = [gate for gate in gates if gate.ok is False]
        if not stops:
            return self.env._("Nothing stands in its way: the next run of the worker takes it.")
        if [gate.code for gate in stops] == ["changed"] and self.linked_id:
            return self.env._("Both sides agree, there is nothing to do.")
        return self.env._("It stops here: %(gate)s ✗", gate=stops[0].title)

    def _gate_flow(self):
        _, flow = self.env._, self.flow
        if not flow.active:
            return False, _("%(flow)s is archived.", flow=flow.name), _("Restore the flow.")
        if flow.state == "paused":
            return False, _("%(flow)s is paused. Changes go on being collected.", flow=flow.name), _("Resume the flow.")
        if flow.state not in RUNNING_STATES:
            return False, _("%(flow)s is a draft.", flow=flow.name), _("Put the flow into Test or Live.")
        return (True,)

    def _gate_connection(self):
        _, connection = self.env._, self.connection
        name = connection.name
        if not connection.active:
            return False, _("%(connection)s is archived.", connection=name), _("Restore the connection.")
        if connection.paused:
            return False, _("%(connection)s is paused: %(reason)s", connection=name, reason=connection.pause_reason or "–"), (
                _("Enter new credentials on the connection.") if connection.pause_cause == "credentials"
                else _("Resume the connection."))
        if connection.retry_at and connection.retry_at > self.now:
            return False, _("%(connection)s has asked to be left alone until %(moment)s.", connection=name,
                            moment=self._moment(connection.retry_at)), _("It goes on by itself then.")
        circuit = Circuit(connection.circuit_state or "closed", probe_at=connection.circuit_probe_at or None)
        if permission(circuit, self.now) == "none":
            return False, _("%(connection)s does not answer (%(error)s). It is tried again at %(moment)s.", connection=name,
                            error=connection.last_error or "–", moment=self._moment(circuit.probe_at)), (
                _("It goes on by itself when the system answers. Try Now on the connection tries at once."))
        return (True,)

    def _gate_worker(self):
        problem = self.connection._worker_problem(self.now)
        if problem:
            return False, problem, self.env._("Have the administrator of Odoo look at the scheduled actions.")
        return (True,)

    def _gate_record(self):
        _ = self.env._
        if self.res_id and not self.record:
            if self.sync.delete_pending:
                return True, _("It was deleted in Odoo; that is still to be sent.")
            return False, _("The Odoo record no longer exists."), _("Nothing can be synchronised any more.")
        if not self.res_id and not self.sync:
            return False, _("%(flow)s has not seen a record “%(external_id)s” in %(system)s yet.", flow=self.flow.name,
                            external_id=self.external_id, system=self.connection.name), (
                _("Check the identifier. Sync All on the flow reads every record again; a filter of the flow's list query, or "
                  "the rights of the credentials over there, may keep it from being listed."))
        return (True,)

    def _gate_filter(self):
        _ = self.env._
        if self.sends and self.record:
            try:
                domain = self.flow._parsed_domain()
                model = self.flow._model().sudo().with_context(active_test="active" in str(domain))
                inside = model.search_count(Domain(domain) & Domain("id", "=", self.record.id), limit=1)
            except Exception as error:  # a typed domain can fail in as many ways as Python can
                return False, _("The filter of the flow cannot be used: %(reason)s", reason=error), _("Correct it on the flow.")
            if not inside:
                return False, _("The record does not fit the filter of the flow: %(domain)s", domain=self.flow.domain), (
                    _("Change the record, or the filter on the flow."))
        if self.brings and self.flow.external_filter and self.sync.payload:
            try:
                inside = paths.get(self.flow.external_filter, json.loads(self.sync.payload))
            except Exception as error:  # what was stored, and what was typed
                return False, _("The filter of the flow cannot be used: %(reason)s", reason=error), _("Correct it on the flow.")
            if not inside:
                return False, _("As last received, it does not fit the filter of the flow: %(filter)s",
                                filter=self.flow.external_filter), _("Change the record over there, or the filter on the flow.")
        return (True,)

    def _gate_company(self):
        _, flow = self.env._, self.flow
        if not self.record:
            return (None,)
        company = self.record.company_id if "company_id" in self.record else None
        if company and flow.company_id and company != flow.company_id:
            return False, _("The record belongs to %(company)s, the flow to %(flow_company)s.", company=company.name,
                            flow_company=flow.company_id.name), _("Another flow is needed for that company.")
        if not self.visible:
            return False, _("%(user)s, as whom the flow runs, may not see this record.", user=flow.user_id.name), (
                _("Give this user the rights, or let the flow run as somebody else."))
        return (True,)

    def _gate_owner(self):
        _, flow, system = self.env._, self.flow, self.connection.name
        if not self.record:
            if self.sync and not self.linked_id and not self.brings:
                return False, _("This flow only sends records to %(system)s.", system=system), ""
            if self.sync and not flow.create_in_odoo:
                return False, _("The flow may not create records in Odoo."), (
                    _("Allow it on the flow, or create the record with the same match keys."))
            return (True if self.sync else None,)
        if not self.linked_id:
            if not self.sends:
                return False, _("The flow only brings records from %(system)s; this one was made in Odoo.", system=system), (
                    _("Make the flow two-way, or enter the record over there with the same match keys."))
            if not flow.create_in_external:
                return False, _("The flow may not create records in %(system)s.", system=system), _("Allow it on the flow.")
        kept = [rule.label for rule, may_leave in self.changes if not may_leave]
        if self.changes and len(kept) == len(self.changes) and not self.sync.import_pending:
            return False, _("Changed in Odoo, but not Odoo's to change: %(fields)s. It stays so, or %(system)s's value is put back.",
                            fields=self._listed(kept), system=system), (
                _("Change it in %(system)s, or change the owner on the field rule.", system=system))
        if kept:
            return True, _("Not sent, because %(system)s owns it: %(fields)s", system=system, fields=self._listed(kept))
        return (True,)

    def _gate_changed(self):
        _ = self.env._
        if self.problem is not None:
            return False, _("It could not be compared: %(reason)s", reason=messages.explain(self.env, self.problem)[0]), (
                _("Correct the field rules of the flow."))
        if self.record and not self.visible:
            return (None,)
        if self.captured or self.sync.import_pending or self.sync.export_pending or self.sync.delete_pending:
            return True, _("A change waits to be synchronised.")
        if self.sync.state in ("failed", "conflict", "unknown", "held", "skipped", "excluded"):
            return (None,)
        if self.changes:
            return True, _("Changed in Odoo: %(fields)s", fields=self._listed(rule.label for rule, _sent in self.changes))
        if self.record and not self.sync:
            if not self.sends:
                return (None,)
            return False, _("The record was not changed since the flow runs."), (
                _("Change it, or press Export All on the flow: it looks at every record."))
        if not self.sync:
            return (None,)
        return False, _("Nothing has changed since both sides agreed on %(moment)s.", moment=self._moment(
            self.sync.last_synced_at)) if self.sync.last_synced_at else _("Nothing has changed since."), (
            _("Resync on the sync record compares everything again."))

    def _gate_left(self):
        _, sync = self.env._, self.sync
        reason = sync.error_message or self._last_words()
        if sync.state == "held":
            return False, _("A guardrail holds it: %(reason)s", reason=reason), _("Approve or reject its run.")
        if sync.state == "skipped":
            return False, _("Skipped: %(reason)s", reason=reason), _("Retry it, or wait until it changes.")
        if sync.state == "excluded" and not (sync.import_pending or sync.export_pending):
            return False, _("Left out by the flow: %(reason)s", reason=reason), (
                _("When the reason is gone, Retry or the next change brings it back."))
        return (True,)

    def _gate_decision(self):
        _, sync = self.env._, self.sync
        if sync.state == "conflict":
            return False, _("Both sides changed the same field: %(fields)s", fields=self._listed(
                sync.conflicts or {})), _("Decide the conflict on the sync record.")
        if sync.state == "unknown":
            return False, sync.error_message or _("The outcome of the last call is unknown."), (
                _("Say on the sync record whether it was created."))
        return (True,)

    def _gate_parents(self):
        _, sync = self.env._, self.sync
        if KEY.match(sync.waiting_for or "") and sync.state in ("waiting", "failed"):
            return False, sync.error_message or _("It waits for %(parent)s.", parent=sync.waiting_for), (
                sync.error_hint or _("It goes on by itself as soon as that record is linked."))
        missing = list(self._missing_parents()) if self.sends and self.record else []
        if missing:
            return False, _("Not linked in %(system)s yet: %(records)s", system=self.connection.name,
                            records=self._listed(missing)), _("Their flows have to synchronise them first.")
        return (True,)

    def _missing_parents(self) -> Iterator[str]:
        """Related records that this one cannot be sent without."""
        for rule in self.flow.rule_ids.filtered(
                lambda rule: rule.active and rule.kind == "relation" and rule.direction != "import"):
            try:
                related = self.record.mapped(rule.odoo_path or "id")
            except KeyError:
                continue  # the rule names a field that does not exist (any more)
            if not rule.relation_flow_id or not related or related._name != rule.relation_flow_id.model_name:
                continue
            linked = journal.linked_records(
                self.env.cr, self.connection.id, rule.relation_flow_id.resource_id.id, related._name, related.ids)
            for record in related:
                if record.id not in linked:
                    yield f"{record.display_name} ({rule.relation_flow_id.name})"

    def _gate_failure(self):
        sync = self.sync
        if sync.state == "failed" and not KEY.match(sync.waiting_for or ""):
            return False, sync.error_message or "", sync.error_hint or self.env._("Correct it, then retry.")
        return (True,)

    def _gate_retry(self):
        _, sync = self.env._, self.sync
        if sync.state == "waiting" and not KEY.match(sync.waiting_for or "") and sync.due_at and sync.due_at > self.now:
            return False, _("Tried %(count)s times; the next attempt is at %(moment)s. %(reason)s", count=sync.attempts,
                            moment=self._moment(sync.due_at), reason=sync.error_message or ""), _("Retry tries it at once.")
        return (True,)

    def _gate_time(self):
        _, sync, flow = self.env._, self.sync, self.flow
        if sync.state == "pending":
            due = sync.due_at
        elif self.captured:  # the worker will say so when it has looked at the change
            due = {"live": self.now, "manual": None}.get(flow.timing, flow.next_run_at)
        else:
            return (True,)
        if not due:
            return False, _("The flow is manual: nothing is due by itself."), _("Press Sync Now on the flow.")
        if due > self.now:
            return False, _("%(flow)s runs again at %(moment)s.", flow=flow.name, moment=self._moment(due)), (
                _("Sync Now on the flow does not wait."))
        return (True,)

    # -- words ---------------------------------------------------------------------------------------------

    def _moment(self, moment) -> str:
        return format_datetime(self.env, moment, dt_format="short") if moment else "–"

    def _listed(self, names) -> str:
        names = list(names)
        more = len(names) - LONGEST_LIST
        shown = ", ".join(names[:LONGEST_LIST])
        return self.env._("%(names)s and %(count)s more", names=shown, count=more) if more > 0 else shown

    def _last_words(self) -> str:
        """Why the record was left alone, as its history says it."""
        line = self.env["integration.log"].search(
            [("sync_id", "=", self.sync.id), ("message", "!=", False)], order="id desc", limit=1) if self.sync else None
        return line.message if line else "–"
