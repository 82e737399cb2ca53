from odoo import fields, models


class IntegrationRun(models.Model):
    """A run that looks for deletions by reading everything."""

    _inherit = "integration.run"

    scan = fields.Selection([
        ("reading", "Reading"), ("done", "Compared"), ("void", "Not Compared"),
    ], string="Full Scan", readonly=True)
    missing_count = fields.Integer(string="Missing There", readonly=True)
