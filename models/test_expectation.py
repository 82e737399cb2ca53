from odoo import fields, models


class IntegrationTestExpectation(models.Model):
    """One value that a test case expects, and what the last run found in its place."""

    _name = "integration.test.expectation"
    _description = "Expected Value of a Test Case"
    _order = "case_id, sequence, id"

    case_id = fields.Many2one("integration.test.case", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="case_id.company_id")
    sequence = fields.Integer(default=10)
    path = fields.Char(
        required=True,
        help="Import: an Odoo field, such as partner_id.email or order_line[0].product_uom_qty. Export: where the value "
             "stands in what is sent, such as billing.email. order_line.length counts a list.")
    value = fields.Char(string="Expected", help="Empty: no value is expected. A related record by its name.")
    actual = fields.Char(string="Found", readonly=True, copy=False)
    result = fields.Selection(
        [("passed", "As Expected"), ("failed", "Different")], readonly=True, copy=False)
