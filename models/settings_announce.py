from odoo import api, fields, models
from odoo.exceptions import AccessError

from .delivery import KEEP_DELIVERED, KEEP_OTHERS
from .selections import SECRETS_GROUP
from .subscriber import PRIVATE_PARAMETER


class ResConfigSettings(models.TransientModel):
    """Settings of what is announced to subscribers."""

    _inherit = "res.config.settings"

    # Not by ``config_parameter`` and ``groups``: then nobody else could save any setting of Odoo.
    integration_announce_private = fields.Boolean(
        string="Allow Private Addresses for Subscribers",
        help="Subscribers may be machines of our own network. Whoever may set up a subscriber can then reach them.")
    integration_announce_keep_delivered_days = fields.Integer(
        string="Keep Delivered Events (Days)", config_parameter=KEEP_DELIVERED, default=7)
    integration_announce_keep_failed_days = fields.Integer(
        string="Keep Undelivered Events (Days)", config_parameter=KEEP_OTHERS, default=30)

    @api.model
    def get_values(self):
        return dict(
            super().get_values(), integration_announce_private=self.env["integration.subscriber"]._private_allowed())

    def set_values(self):
        result = super().set_values()
        allowed = self.env["integration.subscriber"]._private_allowed()
        for settings in self.filtered(lambda settings: settings.integration_announce_private != allowed):
            if not self.env.su and not self.env.user.has_group(SECRETS_GROUP):
                raise AccessError(self.env._(
                    "Only a technical administrator of integrations may allow private addresses for subscribers."))
            self.env["ir.config_parameter"].sudo().set_param(
                PRIVATE_PARAMETER, str(settings.integration_announce_private))
        return result
