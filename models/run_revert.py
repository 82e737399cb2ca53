from odoo import fields, models
from odoo.exceptions import AccessError, UserError

from ..engine import revertible

MANAGER_GROUP = "integration_flow.group_integration_manager"
# So many lines are shown on the form.
SHOWN_LINES = 40


class IntegrationRun(models.Model):
    """A run that puts back what another one has written; see ``engine/reverting.py``."""

    _inherit = "integration.run"

    trigger = fields.Selection(selection_add=[("revert", "Revert")], ondelete={"revert": "cascade"})
    state = fields.Selection(selection_add=[("reverting", "Putting Back"), ("done",)], ondelete={"reverting": "cascade"})
    reverted_run_id = fields.Many2one(
        "integration.run", string="Puts Back Run", readonly=True, ondelete="set null", index="btree_not_null")
    revert_ids = fields.One2many("integration.run", "reverted_run_id", string="Put Back By", readonly=True)
    revert_created = fields.Selection([
        ("leave", "Leave Them"), ("archive", "Archive Them"), ("delete", "Delete Them"),
    ], string="Created Records", readonly=True)
    revert_until = fields.Integer(readonly=True, help="The last line of the history that is part of the revert.")
    revert_side = fields.Selection([("odoo", "Odoo"), ("external", "Other System")], readonly=True)
    revert_position = fields.Integer(readonly=True, help="The last sync record that is done.")
    put_back_count = fields.Integer(string="Values Put Back", readonly=True)
    left_count = fields.Integer(string="Left", readonly=True)
    revert_line_ids = fields.One2many("integration.revert.line", "run_id", string="What Was Left", readonly=True)

    # The web client would read the ids of all lines first, however few it shows.
    shown_revert_line_ids = fields.Many2many(
        "integration.revert.line", string="Left (First Lines)", compute="_compute_shown_revert_lines",
        help="The first ones; the button Left shows all.")

    _reverting_index = models.Index("(connection_id) WHERE state = 'reverting'")

    def _compute_shown_revert_lines(self):
        for run in self:
            run.shown_revert_line_ids = run.trigger == "revert" and self.env["integration.revert.line"].search(
                [("run_id", "=", run.id)], limit=SHOWN_LINES)

    def _check_may_revert(self):
        """A manager, on a run that is over, of a flow that runs."""
        self.ensure_one()
        self.check_access("read")
        if not self.env.user.has_group(MANAGER_GROUP):
            raise AccessError(self.env._("Only a manager of integrations may put a run back."))
        if self.trigger == "revert":
            raise UserError(self.env._("%(run)s has put another run back. Revert that one again instead.",
                                       run=self.display_name))
        if self.state in ("held", "reverting") or self.state == "open" and self.trigger not in ("live", "webhook"):
            raise UserError(self.env._(
                "%(run)s is not over yet. Stop it or wait for its end, then put it back.", run=self.display_name))
        if self.sudo().revert_ids.filtered(lambda run: run.state == "reverting"):
            raise UserError(self.env._("%(run)s is being put back already.", run=self.display_name))
        self.flow_id._require_running()

    def action_revert(self):
        """Show what would be put back and what not, and let a person decide."""
        self._check_may_revert()
        wizard = self.env["integration.run.revert"].create({"run_id": self.id})
        return {
            "type": "ir.actions.act_window", "name": self.env._("Revert %(run)s", run=self.display_name),
            "res_model": "integration.run.revert", "res_id": wizard.id, "view_mode": "form", "target": "new",
        }

    def _revert(self, created="leave"):
        """Have the worker put this run back. Returns the run that does it.

        :param str created: what becomes of records that the run created in Odoo: leave, archive or delete
        """
        self._check_may_revert()
        self.env.flush_all()
        run = self.sudo().create({
            "flow_id": self.flow_id.id, "trigger": "revert", "state": "reverting", "user_id": self.env.uid,
            "reverted_run_id": self.id, "revert_created": created, "revert_side": "odoo", "revert_position": 0,
            "revert_until": revertible.last_line(self.env.cr, self.id), "page_count": 0})
        self.flow_id.connection_id._wake()
        return run.with_env(self.env)

    def action_stop_revert(self):
        """Stop putting back; what is done stays done."""
        self.check_access("read")
        if not self.env.user.has_group(MANAGER_GROUP):
            raise AccessError(self.env._("Only a manager of integrations may stop it."))
        self.sudo().filtered(lambda run: run.state == "reverting").write({
            "state": "done", "ended_at": fields.Datetime.now(),
            "message": self.env._("Stopped by %(user)s", user=self.env.user.name)})

    def action_open_left(self):
        """What was left, and why."""
        return {
            "type": "ir.actions.act_window", "name": self.env._("What Was Left"), "res_model": "integration.revert.line",
            "view_mode": "list", "domain": [("run_id", "in", self.ids)],
        }
