from odoo import api, fields, models
from odoo.exceptions import AccessError

from ..engine import reconcile_fix
from .run_revert import MANAGER_GROUP, SHOWN_LINES


class IntegrationReconciliation(models.Model):
    """One comparison of all records of a flow on both sides: how far it is, and what it found.

    Carried out by the worker (``engine/reconcile.py``). It only looks: what differs is listed, and a
    person has it put right.
    """

    _name = "integration.reconciliation"
    _description = "Integration Reconciliation"
    _order = "id desc"
    _rec_names_search = ["flow_id"]  # it has no name of its own
    _log_access = False  # it has a user and times of its own

    flow_id = fields.Many2one("integration.flow", required=True, readonly=True, ondelete="cascade", index=True)
    connection_id = fields.Many2one(
        related="flow_id.connection_id", store=True, index=True, precompute=True, ondelete="cascade")
    company_id = fields.Many2one(
        related="flow_id.company_id", store=True, index="btree_not_null", precompute=True, ondelete="cascade")
    trigger = fields.Selection(
        [("button", "Button"), ("schedule", "Schedule")], required=True, default="button", readonly=True)
    user_id = fields.Many2one("res.users", readonly=True, index="btree_not_null", ondelete="set null")
    state = fields.Selection([
        ("open", "Comparing"), ("done", "Done"), ("stopped", "Stopped"), ("failed", "Failed"),
    ], required=True, default="open", readonly=True, index=True)
    phase = fields.Selection([
        ("there", "Reading the Other System"), ("here", "Looking for What Is Not There"),
        ("odoo", "Looking for What Was Never Linked"),
    ], required=True, default="there", readonly=True)
    paging_state = fields.Text(readonly=True, help="Where the next page begins, so that it goes on there.")
    position = fields.Char(readonly=True, help="How far the phases in Odoo are.")
    next_try_at = fields.Datetime(readonly=True)
    attempts = fields.Integer(readonly=True)
    started_at = fields.Datetime(string="Started", default=fields.Datetime.now, readonly=True)
    ended_at = fields.Datetime(string="Ended", readonly=True)
    message = fields.Text(readonly=True)

    odoo_count = fields.Integer(string="Linked in Odoo", readonly=True, help="When it began.")
    external_count = fields.Integer(string="Found There", readonly=True)
    compared_count = fields.Integer(string="Compared", readonly=True)
    equal_count = fields.Integer(string="Equal", readonly=True)
    drift_count = fields.Integer(string="Different", readonly=True, help="Records in which at least one field differs.")
    only_odoo_count = fields.Integer(string="Only in Odoo", readonly=True)
    only_external_count = fields.Integer(string="Only There", readonly=True)
    pending_count = fields.Integer(
        string="Pending", readonly=True, help="Records that differ, and on which work is left: no drift.")
    excluded_count = fields.Integer(string="Not in the Flow", readonly=True, help="Left out by a filter, or not wanted.")
    line_count = fields.Integer(readonly=True)
    page_count = fields.Integer(string="Pages", readonly=True)
    call_count = fields.Integer(string="Calls", readonly=True)
    found_count = fields.Integer(string="Drift", compute="_compute_found", help="Different, only in Odoo, or only there.")
    proven_at = fields.Datetime(
        string="Proven in Sync At", readonly=True,
        help="When a comparison that found no drift began. Records with work left are not part of the proof.")
    progress = fields.Float(compute="_compute_progress")
    line_ids = fields.One2many("integration.reconciliation.line", "reconciliation_id", readonly=True)
    # The web client would read the ids of all lines first, however few it shows.
    shown_line_ids = fields.Many2many(
        "integration.reconciliation.line", string="Differences", compute="_compute_shown_lines",
        help="The first ones; the button Drift shows all.")

    _open_unique = models.UniqueIndex("(flow_id) WHERE state = 'open'", "This flow is being reconciled already.")
    _connection_open_index = models.Index("(connection_id) WHERE state = 'open'")

    @api.depends("flow_id", "started_at")
    def _compute_display_name(self):
        for reconciliation in self:
            reconciliation.display_name = f"{reconciliation.flow_id.name} #{reconciliation.id}"

    @api.depends("drift_count", "only_odoo_count", "only_external_count")
    def _compute_found(self):
        for each in self:
            each.found_count = each.drift_count + each.only_odoo_count + each.only_external_count

    def _compute_shown_lines(self):
        for each in self:
            each.shown_line_ids = self.env["integration.reconciliation.line"].search(
                [("reconciliation_id", "=", each.id)], limit=SHOWN_LINES)

    @api.depends("state", "phase", "external_count", "odoo_count")
    def _compute_progress(self):
        for each in self:
            if each.state != "open":
                each.progress = 100.0 if each.state == "done" else 0.0
            elif each.phase == "there":
                each.progress = min(90.0, 90.0 * each.external_count / max(each.odoo_count, each.external_count, 1))
            else:
                each.progress = 92.0 if each.phase == "here" else 96.0

    def _check_manager(self):
        self.check_access("read")
        if not self.env.user.has_group(MANAGER_GROUP):
            raise AccessError(self.env._("Only a manager of integrations may reconcile."))

    def action_stop(self):
        """Stop comparing; what was found stays."""
        self._check_manager()
        stopped = self.sudo().filtered(lambda each: each.state == "open")
        stopped.write({
            "state": "stopped", "ended_at": fields.Datetime.now(),
            "message": self.env._("Stopped by %(user)s", user=self.env.user.name)})
        reconcile_fix.forget_seen(self.env.cr, stopped.ids)

    def action_open_lines(self):
        return {
            "type": "ir.actions.act_window", "name": self.env._("Drift"), "res_model": "integration.reconciliation.line",
            "view_mode": "list,form", "domain": [("reconciliation_id", "in", self.ids)],
        }

    def action_fix_all(self):
        """Have everything put right that was found and can be, in the direction of each field's owner: in the background,
        with its progress."""
        self._check_manager()
        return self.env["integration.reconciliation.line"]._fix_in_background([("reconciliation_id", "in", self.ids)])
