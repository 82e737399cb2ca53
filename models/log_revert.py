from odoo import fields, models


class IntegrationLog(models.Model):
    """What was put back is part of the history, too."""

    _inherit = "integration.log"

    outcome = fields.Selection(selection_add=[("reverted", "Put Back")], ondelete={"reverted": "cascade"})
