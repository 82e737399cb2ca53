from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine import announcing
from ..models.notification import CLOSE, notification


class IntegrationRecover(models.TransientModel):
    """Recover Since: send again what failed to reach a subscriber since a moment."""

    _name = "integration.recover"
    _description = "Integration Recover Events"

    subscriber_id = fields.Many2one(
        "integration.subscriber", required=True, readonly=True, ondelete="cascade", index=True)
    since = fields.Datetime(required=True, default=lambda self: fields.Datetime.now() - timedelta(days=1))
    failed_count = fields.Integer(string="Failed Since Then", compute="_compute_failed_count")

    @api.depends("subscriber_id", "since")
    def _compute_failed_count(self):
        for wizard in self:
            wizard.failed_count = self.env["integration.delivery"].search_count(wizard._domain()) if wizard.since else 0

    def _domain(self):
        return [
            ("subscriber_id", "=", self.subscriber_id.id), ("state", "=", "failed"), ("create_date", ">=", self.since)]

    def action_recover(self):
        self.ensure_one()
        self.subscriber_id._check_may_manage()
        self.env.cr.execute(SQL(
            "UPDATE integration_delivery SET state = 'pending', attempts = 0, next_attempt_at = %s "
            "WHERE subscriber_id = %s AND state = 'failed' AND create_date >= %s",
            fields.Datetime.now(), self.subscriber_id.id, self.since))
        count = self.env.cr.rowcount
        self.env["integration.delivery"].invalidate_model()
        announcing.wake(self.env)
        return notification("info", self.env._(
            "%(count)s events are sent again in the background.", count=count), then=CLOSE)
