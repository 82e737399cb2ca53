from odoo import fields, models


class IntegrationIssue(models.Model):
    """Conflicts among the issues: they lead to the list in which fields are decided."""

    _inherit = "integration.issue"

    resolved_how = fields.Selection(selection_add=[("decided", "Conflict Decided")], ondelete={"decided": "set null"})

    def action_fix(self):
        self.ensure_one()
        if self.error_code == "conflict":
            return dict(
                self.env["ir.actions.actions"]._for_xml_id("integration_flow.integration_conflict_action"),
                domain=[("sync_id.issue_id", "=", self.id)])
        return super().action_fix()
