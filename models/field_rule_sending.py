from odoo import fields, models


class IntegrationFieldRule(models.Model):
    """When a value is sent that is not the reason for a call."""

    _inherit = "integration.field.rule"

    send_when = fields.Selection([
        ("always", "As the Call Needs It"),
        ("changed", "Only When It Has Changed"),
        ("created", "Only With a New Record"),
    ], string="Sent", required=True, default="always",
        help="Calls that carry the whole record send all of its fields. Only when it has changed: left out of them else, "
             "for what the other system would fetch or make again, such as pictures. Only with a new record: what the other "
             "system keeps for itself afterwards, such as its addresses of products.")
