from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..engine.retention import DEFAULTS


class ResConfigSettings(models.TransientModel):
    """For how long integrations keep what they store."""

    _inherit = "res.config.settings"

    integration_keep_unchanged_days = fields.Integer(
        string="Attempts Without Changes", help="Days. 0: for ever.")
    integration_keep_changes_days = fields.Integer(string="Changes", help="Days. 0: for ever.")
    integration_keep_failures_days = fields.Integer(string="Failures", help="Days. 0: for ever.")
    integration_keep_bodies_days = fields.Integer(
        string="Bodies of Requests and Responses", help="Days. 0: as long as the request itself.")
    integration_keep_exchanges_days = fields.Integer(string="Requests and Responses", help="Days. 0: for ever.")
    integration_keep_payloads_days = fields.Integer(
        string="Received Payloads of Settled Records", help="Days. 0: as long as the record.")
    integration_keep_runs_days = fields.Integer(string="Runs", help="Days. 0: for ever.")
    integration_keep_bodies_mb = fields.Integer(
        string="Bodies per Connection, at Most", help="MiB. 0: no limit. A connection can have its own.")
    integration_retention_summary = fields.Text(compute="_compute_integration_retention_summary")

    def _compute_integration_retention_summary(self):
        self.integration_retention_summary = self.env["integration.retention"]._summary()

    @api.model
    def get_values(self):
        values = super().get_values()
        values.update({
            f"integration_{name}": number for name, number in self.env["integration.retention"]._defaults().items()})
        return values

    def set_values(self):
        """Not by ``config_parameter``: that cannot tell 0 (for ever) from nothing (the default)."""
        result = super().set_values()
        known = self.env["integration.retention"]._defaults()
        for name in DEFAULTS:
            number = self[f"integration_{name}"]
            if number < 0:
                raise ValidationError(self.env._(
                    "%(setting)s: %(number)s is less than zero. Enter a number of days or MiB, or 0 to keep everything.",
                    setting=self._fields[f"integration_{name}"]._description_string(self.env), number=number))
            if number != known[name]:
                self.env["ir.config_parameter"].sudo().set_param(f"integration_flow.{name}", str(number))
        return result

    def action_integration_retention(self):
        """Show what retention did."""
        return self.env["ir.actions.actions"]._for_xml_id("integration_flow.integration_retention_action")
