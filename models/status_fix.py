from odoo import models


class IntegrationIssue(models.Model):
    """A status that no rule knows is decided on its flow."""

    _inherit = "integration.issue"

    def action_fix(self):
        if self.error_code == "unmapped_status" and self.flow_id:
            return self._open_form("integration.flow", self.flow_id.id)
        return super().action_fix()


class IntegrationSync(models.Model):
    """From a record that a status has stopped to the place where that status is decided."""

    _inherit = "integration.sync"

    def action_open_statuses(self):
        """Where a status that stopped this record can be decided or allowed."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window", "res_model": "integration.flow", "res_id": self.flow_id.id,
            "view_mode": "form", "views": [(False, "form")]}
