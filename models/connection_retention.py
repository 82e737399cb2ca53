from odoo import fields, models


class IntegrationConnection(models.Model):
    """How much a connection stores of what it sends and receives."""

    _inherit = "integration.connection"

    keep_bodies_mb = fields.Integer(
        string="Stored Bodies at Most (MiB)",
        help="When requests and responses of this connection take more, the oldest bodies are removed. "
             "0: as the settings say.")

    _keep_bodies_positive = models.Constraint(
        "CHECK (keep_bodies_mb >= 0)", "The size of stored bodies cannot be less than zero.")
