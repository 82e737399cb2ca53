from odoo import fields, models
from odoo.exceptions import UserError


class IntegrationRunReject(models.TransientModel):
    """Why a held run is rejected: everybody who sees one of its records reads it there."""

    _name = "integration.run.reject"
    _description = "Reject a Held Run"

    run_ids = fields.Many2many("integration.run", string="Runs", required=True, readonly=True)
    reason = fields.Text(required=True)

    def action_reject(self):
        """Skip what is held."""
        self.ensure_one()
        if not self.reason.strip():
            raise UserError(self.env._("Say why, so that everybody who meets one of these records knows."))
        return self.run_ids._reject(self.reason.strip())
