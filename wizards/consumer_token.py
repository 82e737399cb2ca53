from datetime import timedelta

from odoo import fields, models

from ..models.notification import CLOSE, notification


class IntegrationConsumerTokenNew(models.TransientModel):
    """Asks what a new token is for and how long it shall be valid, makes it, and shows it once."""

    _name = "integration.consumer.token.new"
    _description = "New Integration Consumer Token"

    consumer_id = fields.Many2one("integration.consumer", required=True, readonly=True, ondelete="cascade", index=True)
    name = fields.Char(required=True, string="What It Is For")
    expires_on = fields.Date(
        string="Valid Until", default=lambda self: fields.Date.today() + timedelta(days=365),
        help="The last day on which it opens anything. Empty: no end.")

    def action_make(self):
        """The token is shown in a message that stays until it is closed; it is kept nowhere."""
        self.ensure_one()
        _token, text = self.env["integration.consumer.token"]._make(self.consumer_id, self.name, self.expires_on)
        return notification(
            "warning", text, sticky=True, then=CLOSE,
            title=self.env._("Token %(name)s. Copy it now, it is not shown again.", name=self.name))
