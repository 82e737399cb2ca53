from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..models.bulk_action import ACTIONS, TARGETS


class IntegrationBulkStart(models.TransientModel):
    """Before everything that matches is taken in hand: how many these are, when, and who."""

    _name = "integration.bulk.start"
    _description = "Start a Bulk Action"

    action = fields.Selection(ACTIONS, required=True, readonly=True)
    target = fields.Selection(TARGETS, required=True, readonly=True)
    domain = fields.Json(readonly=True)
    total = fields.Integer(compute="_compute_total")
    text = fields.Char(compute="_compute_total")
    later_at = fields.Datetime(
        string="Not Before", default=lambda self: fields.Datetime.now().replace(second=0) + timedelta(hours=1))
    assignee_id = fields.Many2one("res.users", string="Assign To", domain="[('share', '=', False)]", ondelete="cascade")

    @api.depends("action", "target", "domain")
    def _compute_total(self):
        bulk = self.env["integration.bulk.action"]
        for wizard in self:
            model, matching = bulk._matching(wizard.action, wizard.target, wizard.domain)
            wizard.total = self.env[model].search_count(matching)
            wizard.text = wizard._text()

    def _text(self):
        count = self.total
        return {
            "retry": self.env._("%(count)s records are tried again, with today's rules.", count=count),
            "retry_later": self.env._("%(count)s records are tried again, not before this time.", count=count),
            "skip": self.env._("%(count)s records are left alone until they change again.", count=count),
            "resync": self.env._("%(count)s records are compared again, from what both sides hold then.", count=count),
            "assign": self.env._("The issues of %(count)s records are assigned.", count=count)
            if self.target == "integration.sync" else self.env._("%(count)s issues are assigned.", count=count),
            "keep_odoo": self.env._(
                "%(count)s fields in conflict are decided: Odoo's values stand and are sent to the other system.",
                count=count),
            "take_external": self.env._(
                "%(count)s fields in conflict are decided: the other system's values are written to Odoo.", count=count),
            "approve": self.env._(
                "%(count)s records are deleted or archived, as the list says. What is deleted cannot be brought back.",
                count=count),
            "reject": self.env._(
                "%(count)s records are kept, and nobody is asked again until they reappear.", count=count),
            "fix": self.env._(
                "%(count)s differences are put right, each in the direction of its field's owner.", count=count),
        }[self.action]

    def action_start(self):
        """Begin in the background and show the progress."""
        self.ensure_one()
        if self.action == "assign" and not self.assignee_id:
            raise UserError(self.env._("Choose who shall take care of it."))
        return self.env["integration.bulk.action"]._start(
            self.action, self.target, self.domain, later_at=self.later_at if self.action == "retry_later" else False,
            assignee_id=self.assignee_id.id if self.action == "assign" else False)
