from odoo import fields, models
from odoo.exceptions import UserError

from ..engine.plan import sensitive_names

# What these fields of a contact are, for examples that name nobody; see ``core/pseudonyms.py``.
PERSONAL_FIELDS = {
    "name": "name", "complete_name": "name", "display_name": "name", "company_name": "company",
    "commercial_company_name": "company", "email": "email", "email_normalized": "email", "phone": "phone", "mobile": "phone",
    "street": "street", "street2": "street", "vat": "code", "login": "email",
}
PERSONAL_MODELS = ("res.partner", "res.users", "hr.employee", "crm.lead")
ACTIVITY = "mail.mail_activity_data_warning"


class IntegrationFlow(models.Model):
    """A flow is proved by its test cases before it goes live, and every night after."""

    _inherit = "integration.flow"

    test_case_ids = fields.One2many("integration.test.case", "flow_id", string="Test Cases")

    def action_dry_run(self):
        """Show what would happen to one record of this flow."""
        self.ensure_one()
        return self.env["integration.dry.run"]._open_for(
            self, direction="export" if self.direction == "export" else "import",
            payload=self.resource_id.sample_payload or False)

    def action_run_tests(self):
        """Run all test cases of this flow."""
        self.ensure_one()
        if not self.test_case_ids:
            raise UserError(self.env._(
                "%(flow)s has no test case yet. Add one on the tab Test Cases, or press Save as Test Case on a sync record.",
                flow=self.name))
        return self.test_case_ids.action_run()

    def _prove_all(self):
        """Run all test cases of these flows, and tell the responsible when one fails that did not fail before."""
        for flow in self:
            cases = flow.test_case_ids
            before = cases.filtered(lambda case: case.last_result == "failed")
            cases._prove()
            failed = cases.filtered(lambda case: case.last_result == "failed")
            if failed - before:
                flow._alert_tests(failed)
            elif not failed and before:
                flow.activity_feedback([ACTIVITY], feedback=self.env._("All test cases pass again."))

    def _alert_tests(self, failed):
        self.ensure_one()
        summary = self.env._("%(count)s test cases fail", count=len(failed))
        if not self.activity_search([ACTIVITY], additional_domain=[("summary", "=", summary)]):
            self.activity_schedule(
                ACTIVITY, summary=summary, user_id=(self.responsible_id or self.user_id).id,
                note="\n".join(failed.mapped("name")))

    # -- for examples that name nobody ---------------------------------------------------------------------

    def _personal_names(self):
        """``{name in a payload: kind}`` of what the rules of this flow bring into fields of people."""
        self.ensure_one()
        kinds = {}
        for rule in self.sudo().all_rule_ids:
            way, _dot, last = (rule.odoo_path or "").rpartition(".")
            model = self.env.get(rule.model_name)
            for name in filter(None, way.split(".")):
                field = model._fields.get(name) if model is not None else None
                model = self.env[field.comodel_name] if field is not None and field.comodel_name else None
            if model is not None and model._name in PERSONAL_MODELS and last in PERSONAL_FIELDS:
                kinds.update(dict.fromkeys(sensitive_names(rule), PERSONAL_FIELDS[last]))
        return kinds

    def _sensitive_names(self):
        """Names in payloads whose values nobody may see, by the rules of this flow."""
        return sensitive_names(self.sudo().all_rule_ids.filtered("sensitive"))
