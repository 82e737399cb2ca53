from odoo import Command, api, fields, models

from .digest import SETTINGS


class ResConfigSettings(models.TransientModel):
    """Settings of the integrations. Each topic has a block of its own in the view."""

    _inherit = "res.config.settings"

    integration_alert_policy = fields.Selection([
        ("flow", "Responsible of the Flow"),
        ("record", "Responsible of the Record"),
        ("none", "Nobody: Only the List"),
    ], string="On Failure, Tell", default="flow", config_parameter="integration_flow.alert_policy")
    integration_silence_mode = fields.Selection(
        [("off", "Never"), ("learned", "When Unusually Quiet")], string="Alarm on Silence", default="learned",
        config_parameter="integration_flow.silence_mode")
    integration_digest = fields.Selection(
        [("off", "Never"), ("daily", "Every Day"), ("weekly", "Every Week")], string="Digest", default="off",
        config_parameter="integration_flow.digest")
    integration_digest_user_ids = fields.Many2many(
        "res.users", string="Digest To", compute="_compute_integration_digest_user_ids",
        inverse="_inverse_integration_digest_user_ids", domain=[("share", "=", False)])

    def _compute_integration_digest_user_ids(self):
        names = self.env["ir.config_parameter"].sudo().get_param(SETTINGS) or ""
        users = self.env["res.users"].browse([int(part) for part in names.split(",") if part.isdecimal()]).exists()
        for settings in self:
            settings.integration_digest_user_ids = users

    def _inverse_integration_digest_user_ids(self):
        for settings in self:
            self.env["ir.config_parameter"].sudo().set_param(
                SETTINGS, ",".join(str(user_id) for user_id in settings.integration_digest_user_ids.ids))

    @api.model
    def default_get(self, fields):
        values = super().default_get(fields)
        if "integration_digest_user_ids" in fields:
            names = self.env["ir.config_parameter"].sudo().get_param(SETTINGS) or ""
            values["integration_digest_user_ids"] = [
                Command.set([int(part) for part in names.split(",") if part.isdecimal()])]
        return values
