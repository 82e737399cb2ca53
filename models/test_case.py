import json
import re

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..core.pseudonyms import pseudonymise
from ..engine import proving
from .notification import notification
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
    code = fields.Char(
        compute="_compute_code", store=True, readonly=False, precompute=True, copy=False,
        help="Stable name that blueprints use for this test case.")
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    note = fields.Text(help="Why this example matters, and who said so.")
    direction = fields.Selection(
        [("import", "Import"), ("export", "Export")], required=True, compute="_compute_direction", store=True,
        readonly=False, precompute=True)
    payload = fields.Text(
        groups="integration_flow.group_integration_manager",
        help="Import: one record of the other system, as JSON. Export: a new Odoo record as a JSON object of field names "
             "and values; a related record by its external identifier, such as base.be, or as an object of its own values.")
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
        "res.users", readonly=True, copy=False, ondelete="set null", index="btree_not_null")

    _code_unique = models.UniqueIndex(
        "(flow_id, code) WHERE code IS NOT NULL", "The flow has a test case with this code already.")

    @api.depends("flow_id")
    def _compute_direction(self):
        for case in self:
            case.direction = case.direction or (
                "export" if case.flow_id.direction in ("export", "request") else "import")

    @api.depends("name")
    def _compute_code(self):
        for case in self:
            if case.code or not case.name:
                continue
            base = re.sub(r"[^a-z0-9]+", "_", case.name.lower()).strip("_")[:50] or "case"
            taken = set((case.flow_id.with_context(active_test=False).test_case_ids - case).mapped("code"))
            code, number = base, 2
            while code in taken:
                code, number = f"{base}_{number}", number + 1
            case.code = code

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

    # -- running -------------------------------------------------------------------------------------------

    def action_run(self):
        """Run these test cases and say how many pass."""
        self.check_access("write")
        self._prove(viewer=self.env)
        failed = self.filtered(lambda case: case.last_result == "failed")
        if failed:
            return notification("danger", "\n".join(
                self.env._("%(case)s: %(message)s", case=case.name, message=case.last_message or "") for case in failed[:5]),
                sticky=True)
        return notification("success", self.env._("%(count)s test cases passed.", count=len(self)))

    def _prove(self, viewer=None):
        """Run these test cases through the rules of their flows and keep what came of it.

        :param viewer: environment of the person who will see it; for him, records that he may not read are an error
        """
        for case in self:
            proving.store(case, proving.prove(case, viewer))

    def action_open_flow(self):
        """The flow that this case proves, from where it is planned on."""
        self.ensure_one()
        return self.flow_id.get_formview_action()

    def action_take_result(self):
        """Expect from now on what the rules make of the example today."""
        self.check_access("write")
        for case in self:
            pairs = proving.take_result(case, self.env)
            if pairs is None:
                raise UserError(self.env._(
                    "%(case)s does not work yet, so there is no result to expect. Run it to see why.", case=case.name))
            case.expectation_ids.unlink()
            case.write({"expectation_ids": [
                (0, 0, {"path": path, "value": value, "sequence": 10 * (number + 1)})
                for number, (path, value) in enumerate(pairs)]})
        self._prove(viewer=self.env)

    # -- from a sync record --------------------------------------------------------------------------------

    @api.model
    def _from_sync(self, sync):
        """A test case from what was received for a sync record: nobody is named in it, secrets are masked.

        :return: the new test case
        :raises UserError: when there is nothing that an example could be made of
        """
        flow = sync.flow_id
        payload = sync.sudo().payload
        if payload:
            try:
                record = json.loads(payload)
            except ValueError:
                record = None
            if not isinstance(record, dict):
                raise UserError(self.env._(
                    "What was received for %(name)s is no record that can be an example.", name=sync.display_name))
            case = self._from_record(flow, record, sync.display_name)
        elif sync.res_id and flow.direction != "import":
            case = self.create({
                "flow_id": flow.id, "name": sync.display_name, "direction": "export", "res_id": sync.res_id})
        else:
            raise UserError(self.env._(
                "Nothing was received for %(name)s that could become an example.", name=sync.display_name))
        reason = dict(sync._fields["error_class"]._description_selection(self.env)).get(sync.error_class)
        if reason:
            case.name = self.env._("%(name)s: %(reason)s", name=case.name, reason=reason)
        states = dict(sync._fields["state"]._description_selection(self.env))
        case.note = self.env._(
            "Saved by %(user)s from a record that was %(state)s.", user=self.env.user.name, state=states[sync.state])
        return case

    @api.model
    def _from_record(self, flow, record, name):
        """A test case from a decoded external record. Whoever is named in it, and in its name, gets a pseudonym."""
        made = pseudonymise(
            {"record": record, "name": name}, salt=self._salt(), kinds=flow._personal_names(),
            sensitive=flow._sensitive_names())
        return self.create({
            "flow_id": flow.id, "name": made["name"], "direction": "import",
            "payload": json.dumps(made["record"], indent=2, ensure_ascii=False)})

    def _salt(self):
        return self.env["ir.config_parameter"].sudo().get_param("database.secret") or "integration_flow"

    @api.model
    def _cron_prove(self):
        proving.run_nightly(self.env)
