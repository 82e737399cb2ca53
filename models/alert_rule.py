from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain
from odoo.tools.safe_eval import safe_eval

from .selections import ERROR_CLASSES


class IntegrationAlertRule(models.Model):
    """Who is told about failures of a flow: the first rule whose kind of error and condition on the Odoo record fit."""

    _name = "integration.alert.rule"
    _description = "Integration Alert Rule"
    _order = "sequence, id"

    flow_id = fields.Many2one("integration.flow", required=True, ondelete="cascade", index=True)
    sequence = fields.Integer(default=10)
    error_class = fields.Selection(ERROR_CLASSES, string="Kind of Error", help="Empty: every kind.")
    model_name = fields.Char(related="flow_id.model_name")
    domain = fields.Char(
        default="[]", help="Condition on the Odoo record. A record that does not exist in Odoo yet fits an empty one only.")
    user_id = fields.Many2one("res.users", string="Tell", required=True, ondelete="cascade", index=True)

    @api.constrains("domain", "flow_id")
    def _check_domain(self):
        for rule in self:
            model = rule.flow_id.model_name
            try:
                Domain(rule._parsed_domain()).validate(self.env[model])
            except Exception as error:  # a typed domain can fail in as many ways as Python can
                raise ValidationError(self.env._(
                    "Flow %(flow)s: the condition '%(domain)s' of an alert rule does not fit %(model)s: %(reason)s",
                    flow=rule.flow_id.name, domain=rule.domain, model=model, reason=error)) from error

    def _parsed_domain(self):
        self.ensure_one()
        return safe_eval(self.domain or "[]", {})

    def _fits(self, error_class, record):
        """Does this rule name who is told about a failure of ``record`` (an empty recordset when there is none yet)?"""
        self.ensure_one()
        if self.error_class and self.error_class != error_class:
            return False
        domain = self._parsed_domain()
        return not domain or bool(record and record.filtered_domain(domain))
