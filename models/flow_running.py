from odoo import fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ..core import schedule
from ..engine.rows import RUNNING_STATES
from .notification import notification


class IntegrationFlow(models.Model):
    """What has to be there before a flow may run, its way from Draft to Live and back, and how a run of it begins."""

    _inherit = "integration.flow"

    # -- states --------------------------------------------------------------------------------------------

    def _problems(self):
        """Why this flow may not run yet: a list of sentences, empty when it is ready."""
        self.ensure_one()
        problems = []
        imports, exports = self.direction in ("import", "both"), self.direction in ("export", "both")
        rules = self.rule_ids
        if not rules:
            problems.append(self.env._("No field rule yet: say which fields are exchanged and who owns them."))
        kinds = set(self.resource_id.operation_ids.mapped("kind"))
        fed_by_others = self.env["integration.field.rule"].sudo().search_count(
            [("relation_flow_id", "in", self.ids), ("relation_mode", "=", "embedded")], limit=1)
        if imports and not kinds & {"list", "read"} and not fed_by_others:
            problems.append(self.env._(
                "The resource %(resource)s has no operation List or Read, so nothing can be imported.",
                resource=self.resource_id.name))
        if exports and self.create_in_external and "create" not in kinds:
            problems.append(self.env._(
                "Records may be created in the other system, but the resource %(resource)s has no operation Create.",
                resource=self.resource_id.name))
        if exports and not kinds & {"create", "update"}:
            problems.append(self.env._(
                "The resource %(resource)s has no operation Create or Update, so nothing can be exported.",
                resource=self.resource_id.name))
        problems += rules._problems()
        return problems

    def _require_ready(self):
        for flow in self:
            problems = flow._problems()
            if problems:
                raise UserError(self.env._(
                    "%(flow)s is not ready:\n%(problems)s", flow=flow.name,
                    problems="\n".join(f"• {problem}" for problem in problems)))

    def action_test_mode(self):
        self._require_ready()
        self.write({"state": "test"})
        self._schedule_next()

    def action_go_live(self):
        self._require_ready()
        self.write({"state": "live"})
        self._schedule_next()

    def action_pause(self):
        for flow in self.filtered(lambda flow: flow.state in RUNNING_STATES):
            flow.write({"state_before_pause": flow.state, "state": "paused"})

    def action_resume(self):
        for flow in self.filtered(lambda flow: flow.state == "paused"):
            flow.state = flow.state_before_pause or "live"
        self._schedule_next()
        self.connection_id._wake()

    def action_draft(self):
        self.write({"state": "draft"})

    # -- runs ----------------------------------------------------------------------------------------------

    def action_sync_now(self):
        """Import what changed over there, and look at every Odoo record that is new or waiting."""
        return self._start("button")

    def action_sync_all(self):
        """Read everything again, not only what changed since the last run."""
        return self._start("button", full=True)

    def action_export_all(self):
        """Look at every Odoo record of the flow; what equals the last agreed values is not sent."""
        for flow in self:
            flow._require_running()
            flow._capture_all()
        self.connection_id._wake()
        return self._notify(self.env._("Every Odoo record of the flow was queued for comparison."))

    def _start(self, trigger, full=False):
        for flow in self:
            flow._require_running()
            flow._open_run(trigger, full=full)
        self.connection_id._wake()
        return self._notify(self.env._("The synchronisation has started. Runs show its progress."))

    def _notify(self, message, kind="info"):
        return notification(kind, message)

    def _require_running(self):
        self.ensure_one()
        if self.state not in RUNNING_STATES:
            raise UserError(self.env._(
                "%(flow)s is %(state)s. Put it into Test or Live first.", flow=self.name,
                state=dict(self._fields["state"]._description_selection(self.env))[self.state]))
        self.connection_id._check_may_run()

    def _open_run(self, trigger, full=False):
        """The run that the worker will carry out; an open one of this flow is used again."""
        self.ensure_one()
        runs = self.env["integration.run"].sudo()
        run = runs.search(
            [("flow_id", "=", self.id), ("state", "=", "open"), ("trigger", "not in", ("live", "webhook", "held"))],
            order="full desc, id", limit=1)
        if run and full and not run.full and not run.page_count:
            run.full = True
        if run and (run.full or not full):  # else: what has begun reads only changes and does not answer this wish
            if trigger == "button":
                run.next_try_at = False  # a person wants it now
            return run
        return runs.create({
            "flow_id": self.id, "trigger": trigger, "user_id": self.env.uid, "full": full,
            "fetching": self.direction in ("import", "both") and bool(self.resource_id._operation("list")),
        })

    def _capture_all(self):
        """Queue every Odoo record of the flow, by pages of keys."""
        self.ensure_one()
        model = self._model()
        last_id = 0
        while True:
            ids = model.search(
                Domain(self._parsed_domain()) & Domain("id", ">", last_id), order="id", limit=10000).ids
            if not ids:
                return
            self.env["integration.capture"]._insert([(self.id, res_id, "write") for res_id in ids])
            last_id = ids[-1]

    def _next_time(self, after):
        return schedule.next_time(
            after, every=self.interval_number, unit=self.interval_unit, cron=self.cron_expression or "",
            tz=self.tz or "UTC")

    def _schedule_next(self):
        for flow in self:
            # A live flow is captured on Odoo's side at once, but the other side must still be asked.
            polls = flow.request_effect != "tell" and (
                flow.timing in ("scheduled", "batch") or (flow.timing == "live" and flow.direction != "export"))
            flow.next_run_at = flow._next_time(fields.Datetime.now()) if flow.state in RUNNING_STATES and polls else False
        self.connection_id._wake()  # the worker plans when it has to look again
