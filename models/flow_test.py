from odoo import fields, models


class IntegrationFlow(models.Model):
    """A flow is proved by its test cases before it goes live, and every night after."""

    _inherit = "integration.flow"

    test_case_ids = fields.One2many("integration.test.case", "flow_id", string="Test Cases")
