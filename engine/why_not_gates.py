"""The gates of Why Not? one by one: does this record pass, and if not, why and what to do. See ``why_not.py``."""

import json
from collections.abc import Iterable, Iterator

from odoo.fields import Domain
from odoo.tools import format_datetime

from ..core import paths
from ..core.circuit import Circuit, permission
from . import journal, messages
from .parents import KEY
from .rows import RUNNING_STATES

LONGEST_LIST = 5
PASSED = (True,)
DOES_NOT_APPLY = (None,)
# What happened to the record speaks for itself: there is no use in saying that nothing changed since.
_TOLD_ELSEWHERE = ("failed", "conflict", "unknown", "held", "skipped", "excluded")


def stopped(text: str, todo: str = "") -> tuple:
    return False, text, todo


class Gates:
    """Each method ``_gate_<code>`` answers (ok, text, what to do). Wants what ``why_not.Look`` has found out."""

    def _titles(self) -> dict[str, str]:
        """The gates in their order, as people read them."""
        return {
            "flow": self.env._("The flow is active"),
            "connection": self.env._("The connection is healthy"),
            "worker": self.env._("The worker runs"),
            "record": self.env._("The record is known"),
            "filter": self.env._("It is in the filter of the flow"),
            "company": self.env._("It is of the right company, and the flow's user may see it"),
            "owner": self.env._("The owner allows it"),
            "changed": self.env._("Something has changed"),
            "left": self.env._("It is not held, skipped or excluded"),
            "decision": self.env._("No decision is open"),
            "parents": self.env._("The records it needs are linked"),
            "failure": self.env._("It has not failed"),
            "retry": self.env._("It does not wait for a retry"),
            "time": self.env._("Its time has come"),
        }

    # -- what concerns all records of the flow -------------------------------------------------------------

    def _gate_flow(self):
        flow = self.flow
        if not flow.active:
            return stopped(self.env._("%(flow)s is archived.", flow=flow.name), self.env._("Restore the flow."))
        if flow.state == "paused":
            return stopped(
                self.env._("%(flow)s is paused. Changes go on being collected.", flow=flow.name),
                self.env._("Resume the flow."))
        if flow.state not in RUNNING_STATES:
            return stopped(self.env._("%(flow)s is a draft.", flow=flow.name), self.env._("Put the flow into Test or Live."))
        return PASSED

    def _gate_connection(self):
        connection = self.connection
        name = connection.name
        if not connection.active:
            return stopped(self.env._("%(connection)s is archived.", connection=name), self.env._("Restore the connection."))
        if connection.paused:
            return stopped(
                self.env._("%(connection)s is paused: %(reason)s", connection=name, reason=connection.pause_reason or "–"),
                self.env._("Enter new credentials on the connection.") if connection.pause_cause == "credentials"
                else self.env._("Resume the connection."))
        if connection.retry_at and connection.retry_at > self.now:
            return stopped(
                self.env._("%(connection)s has asked to be left alone until %(moment)s.", connection=name,
                           moment=self._moment(connection.retry_at)),
                self.env._("It goes on by itself then."))
        circuit = Circuit(connection.circuit_state or "closed", probe_at=connection.circuit_probe_at or None)
        if permission(circuit, self.now) == "none":
            return stopped(
                self.env._("%(connection)s does not answer (%(error)s). It is tried again at %(moment)s.", connection=name,
                           error=connection.last_error or "–", moment=self._moment(circuit.probe_at)),
                self.env._("It goes on by itself when the system answers. Try Now on the connection tries at once."))
        return PASSED

    def _gate_worker(self):
        problem = self.connection._worker_problem(self.now)
        if problem:
            return stopped(problem, self.env._("Have the administrator of Odoo look at the scheduled actions."))
        return PASSED

    # -- may this record be synchronised at all ------------------------------------------------------------

    def _gate_record(self):
        if self.res_id and not self.record:
            if self.sync.delete_pending:
                return True, self.env._("It was deleted in Odoo; that is still to be sent.")
            return stopped(
                self.env._("The Odoo record no longer exists."), self.env._("Nothing can be synchronised any more."))
        if not self.res_id and not self.sync:
            return stopped(
                self.env._("%(flow)s has not seen a record “%(external_id)s” in %(system)s yet.", flow=self.flow.name,
                           external_id=self.external_id, system=self.connection.name),
                self.env._(
                    "Check the identifier. Sync All on the flow reads every record again; a filter of the flow's list "
                    "query, or the rights of the credentials over there, may keep it from being listed."))
        return PASSED

    def _gate_filter(self):
        try:
            if self.sends and self.record and not self._is_in_domain():
                return stopped(
                    self.env._("The record does not fit the filter of the flow: %(domain)s", domain=self.flow.domain),
                    self.env._("Change the record, or the filter on the flow."))
            if self.brings and self.flow.external_filter and self.sync.payload and not paths.get(
                    self.flow.external_filter, json.loads(self.sync.payload)):
                return stopped(
                    self.env._("As last received, it does not fit the filter of the flow: %(filter)s",
                               filter=self.flow.external_filter),
                    self.env._("Change the record over there, or the filter on the flow."))
        except Exception as error:  # what people type, and what others send, can fail in as many ways as Python can
            return stopped(
                self.env._("The filter of the flow cannot be used: %(reason)s", reason=error),
                self.env._("Correct it on the flow."))
        return PASSED

    def _is_in_domain(self) -> bool:
        domain = self.flow._parsed_domain()
        model = self.flow._model().sudo().with_context(active_test="active" in str(domain))
        return bool(model.search_count(Domain(domain) & Domain("id", "=", self.record.id), limit=1))

    def _gate_company(self):
        flow = self.flow
        if not self.record:
            return DOES_NOT_APPLY
        company = self.record.company_id if "company_id" in self.record else None
        if company and flow.company_id and company != flow.company_id:
            return stopped(
                self.env._("The record belongs to %(company)s, the flow to %(flow_company)s.", company=company.name,
                           flow_company=flow.company_id.name),
                self.env._("Another flow is needed for that company."))
        if not self.visible:
            return stopped(
                self.env._("%(user)s, as whom the flow runs, may not see this record.", user=flow.user_id.name),
                self.env._("Give this user the rights, or let the flow run as somebody else."))
        return PASSED

    def _gate_owner(self):
        if self.only_asks:
            return DOES_NOT_APPLY
        if not self.linked_id:
            return self._may_be_created()
        system = self.connection.name
        kept = [rule.label for rule, may_leave in self.changes if not may_leave]
        if self.changes and len(kept) == len(self.changes) and not self.sync.import_pending:
            return stopped(
                self.env._(
                    "Changed in Odoo, but not Odoo's to change: %(fields)s. It stays so, or %(system)s's value is put back.",
                    fields=self._listed(kept), system=system),
                self.env._("Change it in %(system)s, or change the owner on the field rule.", system=system))
        if kept:
            return True, self.env._(
                "Not sent, because %(system)s owns it: %(fields)s", system=system, fields=self._listed(kept))
        return PASSED

    def _may_be_created(self):
        flow, system = self.flow, self.connection.name
        if not self.record:
            if not self.sync:
                return DOES_NOT_APPLY
            if not self.brings:
                return stopped(self.env._("The flow only sends records to %(system)s.", system=system))
            if not flow.create_in_odoo:
                return stopped(
                    self.env._("The flow may not create records in Odoo."),
                    self.env._("Allow it on the flow, or create the record with the same match keys."))
        elif not self.sends:
            return stopped(
                self.env._("The flow only brings records from %(system)s; this one was made in Odoo.", system=system),
                self.env._("Make the flow two-way, or enter the record over there with the same match keys."))
        elif not flow.create_in_external:
            return stopped(
                self.env._("The flow may not create records in %(system)s.", system=system),
                self.env._("Allow it on the flow."))
        return PASSED

    # -- is there anything to do ---------------------------------------------------------------------------

    def _gate_changed(self):
        sync = self.sync
        if self.problem is not None:
            return stopped(
                self.env._("It could not be compared: %(reason)s", reason=messages.explain(self.env, self.problem)[0]),
                self.env._("Correct the field rules of the flow."))
        if self.only_asks or self.record and not self.visible:
            return DOES_NOT_APPLY
        if self.captured or sync.import_pending or sync.export_pending or sync.delete_pending:
            return True, self.env._("A change waits to be synchronised.")
        if sync.state in _TOLD_ELSEWHERE:
            return DOES_NOT_APPLY
        if self.changes:
            return True, self.env._(
                "Changed in Odoo: %(fields)s", fields=self._listed(rule.label for rule, _may_leave in self.changes))
        if sync:
            return stopped(
                self.env._("Nothing has changed since %(moment)s.", moment=self._moment(sync.last_synced_at)),
                self.env._("Resync on the sync record compares everything again."))
        if self.record and self.sends:
            return stopped(
                self.env._("The record was not changed since the flow runs."),
                self.env._("Change it, or press Export All on the flow: it looks at every record."))
        return DOES_NOT_APPLY

    # -- what has become of it -----------------------------------------------------------------------------

    def _gate_left(self):
        sync = self.sync
        if sync.state not in ("held", "skipped", "excluded") or (
                sync.state == "excluded" and (sync.import_pending or sync.export_pending)):
            return PASSED
        reason = sync.error_message or self._last_words()
        if sync.state == "held":
            return stopped(
                self.env._("A guardrail holds it: %(reason)s", reason=reason), self.env._("Approve or reject its run."))
        if sync.state == "skipped":
            return stopped(
                self.env._("Skipped: %(reason)s", reason=reason), self.env._("Retry it, or wait until it changes."))
        return stopped(
            self.env._("Left out by the flow: %(reason)s", reason=reason),
            self.env._("When the reason is gone, Retry or the next change brings it back."))

    def _gate_decision(self):
        sync = self.sync
        if sync.state == "conflict":
            return stopped(
                self.env._("Both sides changed the same field: %(fields)s", fields=self._listed(sync.conflicts or {})),
                self.env._("Decide the conflict on the sync record."))
        if sync.state == "unknown":
            return stopped(
                sync.error_message or self.env._("The outcome of the last call is unknown."),
                self.env._("Say on the sync record whether it was created."))
        return PASSED

    @property
    def _waits_for_parent(self) -> bool:
        return self.sync.state in ("waiting", "failed") and bool(KEY.match(self.sync.waiting_for or ""))

    def _gate_parents(self):
        sync = self.sync
        if self._waits_for_parent:
            return stopped(
                sync.error_message or self.env._("It waits for %(parent)s.", parent=sync.waiting_for),
                sync.error_hint or self.env._("It goes on by itself as soon as that record is linked."))
        missing = list(self._missing_parents()) if self.sends and self.record else []
        if missing:
            return stopped(
                self.env._("Not linked in %(system)s yet: %(records)s", system=self.connection.name,
                           records=self._listed(missing)),
                self.env._("Their flows have to synchronise them first."))
        return PASSED

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
        if sync.state == "failed" and not self._waits_for_parent:
            return stopped(sync.error_message or "", sync.error_hint or self.env._("Correct it, then retry."))
        return PASSED

    def _gate_retry(self):
        sync = self.sync
        if sync.state == "waiting" and not self._waits_for_parent and sync.due_at and sync.due_at > self.now:
            return stopped(
                self.env._("Tried %(count)s times; the next attempt is at %(moment)s. %(reason)s", count=sync.attempts,
                           moment=self._moment(sync.due_at), reason=sync.error_message or ""),
                self.env._("Retry tries it at once."))
        return PASSED

    def _gate_time(self):
        sync, flow = self.sync, self.flow
        if sync.state == "pending":
            due = sync.due_at
        elif self.captured:  # the worker will say so when it has looked at the change
            due = {"live": self.now, "manual": None}.get(flow.timing, flow.next_run_at)
        else:
            return PASSED
        if not due:
            return stopped(
                self.env._("The flow is manual: nothing is due by itself."), self.env._("Press Sync Now on the flow."))
        if due > self.now:
            return stopped(
                self.env._("%(flow)s runs again at %(moment)s.", flow=flow.name, moment=self._moment(due)),
                self.env._("Sync Now on the flow does not wait."))
        return PASSED

    # -- words ---------------------------------------------------------------------------------------------

    def _moment(self, moment) -> str:
        return format_datetime(self.env, moment, dt_format="short") if moment else "–"

    def _listed(self, names: Iterable[str]) -> str:
        names = list(names)
        more = len(names) - LONGEST_LIST
        shown = ", ".join(names[:LONGEST_LIST])
        return self.env._("%(names)s and %(count)s more", names=shown, count=more) if more > 0 else shown

    def _last_words(self) -> str:
        """Why the record was left alone, as its history says it."""
        line = self.env["integration.log"].search(
            [("sync_id", "=", self.sync.id), ("message", "!=", False)], order="id desc", limit=1)
        return line.message or "–"
