from odoo import api, fields, models

from ..core import announcements


class IntegrationFlow(models.Model):
    """What a flow announces to subscribers."""

    _inherit = "integration.flow"

    announce = fields.Selection([
        ("none", "Nothing"), ("ids", "Which Record It Was"), ("values", "The Record's Values, Too"),
    ], required=True, default="none", tracking=True,
        help="What subscribers are told when a record of this flow was created, updated or deleted, or has failed. Values "
             "of sensitive fields are never told.")
    event_name = fields.Char(string="Events Are Called", compute="_compute_event_name")
    event_examples = fields.Char(string="Events", compute="_compute_event_name")

    @api.depends("code")
    def _compute_event_name(self):
        for flow in self:
            flow.event_name = announcements.event_name(flow.code or "") or f"flow_{flow.id or 0}"
            flow.event_examples = ", ".join(f"{flow.event_name}.{kind}" for kind in announcements.KINDS)

    @api.model_create_multi
    def create(self, vals_list):
        flows = super().create(vals_list)
        if any(vals.get("announce", "none") != "none" for vals in vals_list):
            self.env["integration.subscriber"]._audience_changed()
        return flows

    def write(self, vals):
        result = super().write(vals)
        if {"announce", "company_id"} & vals.keys():
            self.env["integration.subscriber"]._audience_changed()
        return result

    def action_open_deliveries(self):
        return self._open(self.env._("Deliveries"), "integration.delivery", [("flow_id", "in", self.ids)])
