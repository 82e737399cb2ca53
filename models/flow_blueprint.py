from odoo import models


class IntegrationFlow(models.Model):
    """Flows leave as blueprints."""

    _inherit = "integration.flow"

    def action_export_blueprint(self):
        """Offer these flows, and everything that they need, as one file."""
        return self.env["integration.blueprint.export"]._open_for(self)
