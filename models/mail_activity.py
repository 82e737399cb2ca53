from odoo import fields, models


class MailActivity(models.Model):
    """An activity that an issue raised, on the issue or on the business document, is closed with the issue."""

    _inherit = "mail.activity"

    integration_issue_id = fields.Many2one(
        "integration.issue", readonly=True, ondelete="set null", index="btree_not_null",
        groups="integration_flow.group_integration_user")
