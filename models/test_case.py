import json

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .selections import ERROR_CLASSES

OUTCOMES = [
    ("done", "It Works"),
    ("created", "Created"),
    ("updated", "Updated or Nothing New"),
    ("excluded", "Excluded"),
    ("failed", "Fails"),
]


class IntegrationTestCase(models.Model):
    """An example record with the result that the business expects. Only what is named is compared.

    It runs through the flow's real rules in a savepoint that is always rolled back, and calls nobody; see
    ``engine/dry_run.py``.
    """

    _name = "integration.test.case"
    _description = "Integration Test Case"
    _order = "flow_id, sequence, id"

    flow_id = fields.Many2one("integration.flow", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="flow_id.company_id")
    model_name = fields.Char(related="flow_id.model_name")
    name = fields.Char(required=True, help="What it shows, in business words: an order with a discount.")
    code = fields.Char(copy=False, help="Stable name that blueprints use for this test case.")
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    note = fields.Text(help="Why this example matters, and who said so.")
    direction = fields.Selection(
        [("import", "Import"), ("export", "Export")], required=True, compute="_compute_direction", store=True,
        readonly=False, precompute=True)
    payload = fields.Text(
        groups="integration_flow.group_integration_manager",
        help="Import: one record of the other system, as JSON. Export: a new Odoo record as a JSON object of field names "
             "and values; a related record by its external identifier, such as base.be.")
    res_id = fields.Many2oneReference(
        string="Odoo Record", model_field="model_name",
        help="Export: a real record instead of a payload. It is only read.")
    as_new = fields.Boolean(
        string="Not Linked Yet", default=True,
        help="The record is treated as if the other system sent it for the first time, also when its ID is linked here.")
    expected_outcome = fields.Selection(OUTCOMES, required=True, default="done", string="Expected")
    expected_error_class = fields.Selection(
        ERROR_CLASSES, string="Kind of Error", help="Only when a failure is expected. Empty: any kind.")
    expected_error_code = fields.Char(
        string="Error Code", help="The exact code as the failure shows it, for example unmapped_value. Empty: any.")
    expectation_ids = fields.One2many("integration.test.expectation", "case_id", string="Expected Values", copy=True)

    last_result = fields.Selection(
        [("never", "Never Run"), ("passed", "Passed"), ("failed", "Failed")],
        required=True, default="never", readonly=True, copy=False)
    last_message = fields.Text(string="What Came of It", readonly=True, copy=False)
    last_run_at = fields.Datetime(string="Last Run", readonly=True, copy=False)
    last_run_by_id = fields.Many2one(
        "res.users", string="Last Run By", readonly=True, copy=False, ondelete="set null", index="btree_not_null")

    _code_unique = models.UniqueIndex(
        "(flow_id, code) WHERE code IS NOT NULL", "The flow has a test case with this code already.")

    @api.depends("flow_id")
    def _compute_direction(self):
        for case in self:
            case.direction = case.direction or ("export" if case.flow_id.direction == "export" else "import")

    @api.constrains("payload")
    def _check_payload(self):
        for case in self:
            if case.sudo().payload and not isinstance(case._decoded(), dict):
                raise ValidationError(self.env._(
                    "Test case %(case)s: the payload must be one record, a JSON object in braces.", case=case.name))

    def _decoded(self):
        """The payload as a dict, None when there is none.

        :raises ValidationError: when it is no JSON
        """
        self.ensure_one()
        try:
            payload = self.sudo().payload
            return json.loads(payload) if payload else None
        except ValueError as error:
            raise ValidationError(self.env._(
                "Test case %(case)s: the payload is not valid JSON: %(reason)s", case=self.name, reason=error)) from error
