from odoo import api, fields, models

from ..engine.retention import DEFAULTS, FLOW_SETTINGS


class IntegrationFlow(models.Model):
    """How long a flow keeps its history."""

    _inherit = "integration.flow"

    own_retention = fields.Boolean(
        help="Keep the history of this flow for other times than the settings say.")
    keep_unchanged_days = fields.Integer(string="Attempts Without Changes (Days)", default=DEFAULTS["keep_unchanged_days"])
    keep_changes_days = fields.Integer(string="Changes (Days)", default=DEFAULTS["keep_changes_days"])
    keep_failures_days = fields.Integer(string="Failures (Days)", default=DEFAULTS["keep_failures_days"])
    keep_bodies_days = fields.Integer(string="Bodies of Requests and Responses (Days)", default=DEFAULTS["keep_bodies_days"])
    keep_exchanges_days = fields.Integer(string="Requests and Responses (Days)", default=DEFAULTS["keep_exchanges_days"])
    keep_payloads_days = fields.Integer(
        string="Received Payloads (Days)", default=DEFAULTS["keep_payloads_days"],
        help="Of records that are settled. 0 keeps them as long as the record. Without it a Retry reads the record again "
             "from the other system, which needs an operation Read.")
    keep_runs_days = fields.Integer(string="Runs (Days)", default=DEFAULTS["keep_runs_days"])

    _retention_days = models.Constraint(
        f"CHECK ({' AND '.join(f'{name} >= 0' for name in FLOW_SETTINGS)})",
        "For how long something is kept is a number of days, 0 for ever.")

    @api.onchange("own_retention")
    def _onchange_own_retention(self):
        """Begin with what holds now."""
        if self.own_retention:
            for name, days in self.env["integration.retention"]._defaults().items():
                if name in FLOW_SETTINGS:
                    self[name] = days
