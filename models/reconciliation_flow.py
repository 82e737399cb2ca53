from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

from ..core import schedule
from ..core.errors import SyncError
from ..engine import messages
from ..engine.rows import RUNNING_STATES
from .run_revert import MANAGER_GROUP

WEEKDAYS = [
    ("1", "Monday"), ("2", "Tuesday"), ("3", "Wednesday"), ("4", "Thursday"), ("5", "Friday"), ("6", "Saturday"),
    ("0", "Sunday"),
]
SCHEDULE_FIELDS = {"reconcile_schedule", "reconcile_time", "reconcile_weekday", "reconcile_cron", "state", "tz", "active"}


class IntegrationFlow(models.Model):
    """When a flow is reconciled, and what that came to the last time."""

    _inherit = "integration.flow"

    reconcile_schedule = fields.Selection([
        ("never", "Only by Button"), ("daily", "Every Day"), ("weekly", "Every Week"), ("cron", "By Cron Expression"),
    ], string="Reconcile", required=True, default="never",
        help="Compare all records of both sides, field by field, and list what differs. Nothing is changed by it.")
    reconcile_time = fields.Float(string="At", default=2.0, help="In the time zone of the flow.")
    reconcile_weekday = fields.Selection(WEEKDAYS, string="On", default="0")
    reconcile_cron = fields.Char(
        string="Reconcile by Cron Expression", help="For example '0 3 1 * *' for three o'clock on the first of each month.")
    reconcile_next_at = fields.Datetime(string="Next Reconciliation", readonly=True, copy=False, index="btree_not_null")
    reconciled_at = fields.Datetime(
        string="Last Reconciled", readonly=True, copy=False, help="End of the last complete reconciliation.")
    proven_at = fields.Datetime(
        string="Proven in Sync At", readonly=True, copy=False,
        help="When the last complete reconciliation began, if it found no drift.")
    drift_count = fields.Integer(
        string="Drift Found", readonly=True, copy=False, help="By the last complete reconciliation, in records.")
    reconciliation_ids = fields.One2many("integration.reconciliation", "flow_id", readonly=True)
    is_reconciling = fields.Boolean(compute="_compute_is_reconciling")

    _reconcile_time_sane = models.Constraint(
        "CHECK (reconcile_time >= 0 AND reconcile_time < 24)", "Reconcile: the time of day is between 0:00 and 23:59.")

    @api.depends("reconciliation_ids.state")
    def _compute_is_reconciling(self):
        busy = self.env["integration.reconciliation"].search(
            [("flow_id", "in", self.ids), ("state", "=", "open")]).flow_id
        for flow in self:
            flow.is_reconciling = flow in busy

    @api.constrains("reconcile_schedule", "reconcile_cron", "reconcile_weekday")
    def _check_reconcile_schedule(self):
        for flow in self:
            try:
                flow._next_reconciliation(fields.Datetime.now())
            except SyncError as error:
                raise ValidationError(self.env._(
                    "Flow %(flow)s: its schedule of reconciliations is not valid: %(reason)s",
                    flow=flow.name, reason=messages.explain(self.env, error)[0])) from error

    @api.model_create_multi
    def create(self, vals_list):
        flows = super().create(vals_list)
        flows.filtered(lambda flow: flow.reconcile_schedule != "never")._plan_reconciliation()
        return flows

    def write(self, vals):
        result = super().write(vals)
        if SCHEDULE_FIELDS & vals.keys():
            self.filtered(
                lambda flow: flow.reconcile_schedule != "never" or flow.reconcile_next_at)._plan_reconciliation()
        return result

    def _next_reconciliation(self, after):
        """When it is reconciled next; False when only by button.

        :raises SyncError: when the schedule is not valid
        """
        self.ensure_one()
        minutes = min(round(self.reconcile_time * 60), 24 * 60 - 1)
        at = f"{minutes % 60} {minutes // 60}"
        if self.reconcile_schedule == "never":
            return False
        cron = {
            "daily": f"{at} * * *", "weekly": f"{at} * * {self.reconcile_weekday or '0'}",
            "cron": self.reconcile_cron or "-",
        }[self.reconcile_schedule]
        return schedule.next_time(after, cron=cron, tz=self.tz or "UTC")

    def _plan_reconciliation(self):
        now = fields.Datetime.now()
        for flow in self:
            flow.reconcile_next_at = flow._next_reconciliation(now) if flow.state in RUNNING_STATES else False
        self.connection_id._wake()  # the worker plans when it has to look again

    def action_reconcile(self):
        """Compare all records of both sides now. Nothing is changed by it."""
        self._check_may_reconcile()
        reconciliations = self.env["integration.reconciliation"]
        for flow in self:
            flow._require_running()
            reconciliations += flow._open_reconciliation("button")
        self.connection_id._wake()
        if len(reconciliations) > 1:
            return self._notify(self.env._("The reconciliations have started."))
        return {
            "type": "ir.actions.act_window", "res_model": "integration.reconciliation", "res_id": reconciliations.id,
            "view_mode": "form", "views": [(False, "form")],
        }

    def _check_may_reconcile(self):
        self.check_access("read")
        if not self.env.user.has_group(MANAGER_GROUP):
            raise AccessError(self.env._("Only a manager of integrations may reconcile."))
        for flow in self:
            if flow.direction not in ("import", "export", "both"):
                raise UserError(self.env._(
                    "%(flow)s asks for answers and keeps no two sides equal: there is nothing to reconcile.",
                    flow=flow.name))
            if not flow.resource_id._operation("list"):
                raise UserError(self.env._(
                    "%(flow)s cannot be reconciled: the resource %(resource)s has no operation List.",
                    flow=flow.name, resource=flow.resource_id.name))

    def _open_reconciliation(self, trigger):
        """The reconciliation that the worker carries out; one that is under way is used again."""
        self.ensure_one()
        reconciliations = self.env["integration.reconciliation"].sudo()
        running = reconciliations.search([("flow_id", "=", self.id), ("state", "=", "open")], limit=1)
        if running:
            if trigger == "button":
                running.next_try_at = False  # a person wants it now
            return running
        return reconciliations.create({
            "flow_id": self.id, "trigger": trigger, "user_id": self.env.uid,
            "odoo_count": self.env["integration.link"].sudo().search_count(self._link_domain())})

    def action_open_reconciliations(self):
        return self._open(self.env._("Reconciliations"), "integration.reconciliation", [("flow_id", "in", self.ids)])

    def action_open_drift(self):
        """What the last reconciliation found."""
        last = self.env["integration.reconciliation"].search([("flow_id", "in", self.ids)], limit=1)
        return last.action_open_lines()
