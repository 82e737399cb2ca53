from odoo import api, fields, models

# What new flows begin with, unless the settings say otherwise: {field of the flow: (parameter, default)}.
PARAMETERS = {
    "retry_attempts": ("integration_flow.default_retry_attempts", 8),
    "retry_first_seconds": ("integration_flow.default_retry_first_seconds", 60),
}
# What they are where a file does not say it: the same in every database.
FIXED = {name: value for name, (_parameter, value) in PARAMETERS.items()}
CHANGE_PERCENT = "integration_flow.default_guard_change_percent"
DELETE_RECORDS = "integration_flow.default_guard_delete_records"


class IntegrationFlow(models.Model):
    """New flows begin with the retries and the guardrails of the settings."""

    _inherit = "integration.flow"

    retry_attempts = fields.Integer(default=lambda self: self._default_number("retry_attempts"))
    retry_first_seconds = fields.Integer(default=lambda self: self._default_number("retry_first_seconds"))

    @api.model
    def _parameter_number(self, name, default=0):
        value = self.env["ir.config_parameter"].sudo().get_param(name) or ""
        return int(value) if value.isdecimal() and int(value) > 0 else default

    @api.model
    def _default_number(self, field):
        return self._parameter_number(*PARAMETERS[field])

    @api.model_create_multi
    def create(self, vals_list):
        flows = super().create(vals_list)
        if not self.env.context.get("integration_copied"):
            flows._add_default_guards()
        return flows

    def copy(self, default=None):
        # A copy has the guardrails of its original.
        return super(IntegrationFlow, self.with_context(integration_copied=True)).copy(default).with_env(self.env)

    def _add_default_guards(self):
        percent, records = self._parameter_number(CHANGE_PERCENT), self._parameter_number(DELETE_RECORDS)
        if not percent and not records:
            return
        wanted = [
            *([{"kind": "change", "limit": percent, "unit": "percent"}] if percent else []),
            *([{"kind": "delete", "limit": records, "unit": "records"}] if records else [])]
        self.env["integration.guard"].create([
            dict(vals, flow_id=flow.id) for flow in self if not flow.guard_ids for vals in wanted])


class ResConfigSettings(models.TransientModel):
    """What new flows begin with, and who may edit payloads."""

    _inherit = "res.config.settings"

    integration_default_retry_attempts = fields.Integer(
        string="Attempts", default=8, config_parameter=PARAMETERS["retry_attempts"][0])
    integration_default_retry_first_seconds = fields.Integer(
        string="First Retry After (s)", default=60, config_parameter=PARAMETERS["retry_first_seconds"][0])
    integration_default_guard_change_percent = fields.Integer(
        string="Changed Records (%)", config_parameter=CHANGE_PERCENT)
    integration_default_guard_delete_records = fields.Integer(
        string="Deleted Records", config_parameter=DELETE_RECORDS)
    group_integration_edit_payload = fields.Boolean(
        string="Managers May Edit Payloads", implied_group="integration_flow.group_edit_payload",
        group="integration_flow.group_integration_manager")
