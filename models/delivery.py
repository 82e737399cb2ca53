import json
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from ..engine import announcing, delivering
from .notification import notification

MANAGER_GROUP = "integration_flow.group_integration_manager"
# A button sends so many at once and shows the outcome; more are sent in the background.
SEND_NOW_LIMIT = 5
KEEP_DELIVERED = "integration_flow.announce_keep_delivered_days"
KEEP_OTHERS = "integration_flow.announce_keep_failed_days"
CHUNK = 10000


class IntegrationDelivery(models.Model):
    """One event on its way to one subscriber: queue and status at once. See ``engine/delivering.py``."""

    _name = "integration.delivery"
    _description = "Integration Delivery"
    _order = "id desc"
    _log_access = False
    _rec_name = "event_type"

    event_id = fields.Many2one("integration.event", required=True, readonly=True, ondelete="cascade", index=True)
    subscriber_id = fields.Many2one("integration.subscriber", required=True, readonly=True, ondelete="cascade")
    company_id = fields.Many2one("res.company", readonly=True, ondelete="cascade", index="btree_not_null")
    event_type = fields.Char(string="Event", readonly=True)
    record_key = fields.Integer(readonly=True)
    create_date = fields.Datetime(string="When", readonly=True)
    state = fields.Selection(
        [("pending", "Pending"), ("waiting", "Waiting"), ("delivered", "Delivered"), ("failed", "Failed")],
        required=True, readonly=True, default="pending",
        help="Waiting: an attempt failed, and it is sent again by itself.")
    attempts = fields.Integer(readonly=True, aggregator=None)
    next_attempt_at = fields.Datetime(string="Next Attempt", readonly=True)
    attempted_at = fields.Datetime(string="Last Attempt", readonly=True)
    delivered_at = fields.Datetime(string="Delivered On", readonly=True)
    duration_ms = fields.Integer(string="Duration (ms)", readonly=True, aggregator=None)
    last_status = fields.Integer(string="Status", readonly=True, aggregator=None)
    error_message = fields.Text(string="What Happened", readonly=True)
    error_hint = fields.Text(string="What to Do", readonly=True)
    request_headers = fields.Text(readonly=True, groups=MANAGER_GROUP)
    response_headers = fields.Text(readonly=True, groups=MANAGER_GROUP)
    response_body = fields.Text(readonly=True, groups=MANAGER_GROUP)
    uid = fields.Char(related="event_id.uid")
    flow_id = fields.Many2one(related="event_id.flow_id")
    record_name = fields.Char(related="event_id.record_name")
    external_id = fields.Char(related="event_id.external_id")
    body = fields.Text(compute="_compute_body", groups=MANAGER_GROUP)

    _state_index = models.Index("(subscriber_id, state)")
    _due_index = models.Index("(subscriber_id, next_attempt_at, id) WHERE state IN ('pending', 'waiting')")
    _order_index = models.Index("(subscriber_id, record_key, id) WHERE state IN ('pending', 'waiting')")
    _age_index = models.Index("(state, create_date)")

    @api.depends("event_id")
    def _compute_body(self):
        """The body of the event, laid out for people."""
        for delivery in self:
            try:
                delivery.body = json.dumps(json.loads(delivery.event_id.body or "null"), indent=2, ensure_ascii=False)
            except ValueError:
                delivery.body = delivery.event_id.body

    # -- buttons -------------------------------------------------------------------------------------------

    def _check_may_repair(self):
        self.check_access("read")
        if not self.env.user.has_group("integration_flow.group_integration_user"):
            raise AccessError(self.env._("You need the right 'Integrations: User' to send events again."))

    def action_retry(self):
        """Send again now. A few show their outcome at once."""
        self._check_may_repair()
        records = self.sudo().filtered(lambda delivery: delivery.state != "delivered")
        if not records:
            raise UserError(self.env._("Nothing here can be sent again: it was delivered."))
        if len(records) > SEND_NOW_LIMIT:
            records._queue()
            return notification("info", self.env._(
                "%(count)s events were queued. They are sent in the background.", count=len(records)))

        def prepare(env):
            env["integration.delivery"].browse(records.ids)._queue()
            return records.ids

        return delivering.send_now(
            self.env, prepare, lambda env, ids: env["integration.delivery"].browse(ids)._tell_outcome())

    def _queue(self):
        """Make these due now, with attempts counted anew. What was delivered stays so."""
        if self:
            self.flush_recordset()
            self.env.cr.execute(SQL(
                "UPDATE integration_delivery SET state = 'pending', attempts = 0, next_attempt_at = %s "
                "WHERE id IN %s AND state <> 'delivered'", fields.Datetime.now(), tuple(self.ids)))
            self.invalidate_recordset()
            announcing.wake(self.env)

    def _tell_outcome(self):
        """A notification of what came of these deliveries."""
        bad = self.filtered(lambda delivery: delivery.state != "delivered")
        if bad:
            return notification("danger", "\n".join(
                self.env._("%(event)s: %(message)s %(hint)s", event=delivery.event_type,
                           message=delivery.error_message or self.env._("Not sent yet."), hint=delivery.error_hint or "")
                for delivery in bad), sticky=True)
        return notification("success", self.env._(
            "Received: %(events)s (status %(status)s, %(ms)s ms).", events=", ".join(self.mapped("event_type")),
            status=self[:1].last_status, ms=self[:1].duration_ms))

    def action_open_record(self):
        self.ensure_one()
        event = self.event_id
        if not event.res_id or event.model not in self.env:
            raise UserError(self.env._("This event has no Odoo record."))
        return {
            "type": "ir.actions.act_window", "res_model": event.model, "res_id": event.res_id, "view_mode": "form",
            "views": [(False, "form")],
        }

    # -- retention -----------------------------------------------------------------------------------------

    @api.autovacuum
    def _gc_deliveries(self):
        """Delete what is older than its days: one chunk a call, called again while there is more."""
        now = fields.Datetime.now()
        parameters = self.env["ir.config_parameter"].sudo()
        removed = 0
        for name, default, states in (
                (KEEP_DELIVERED, 7, ("delivered",)), (KEEP_OTHERS, 30, ("failed", "pending", "waiting"))):
            days = int(parameters.get_param(name, default) or default)
            self.env.cr.execute(SQL(
                "DELETE FROM integration_delivery WHERE id IN (SELECT id FROM integration_delivery "
                "WHERE state IN %s AND create_date < %s LIMIT %s)", states, now - timedelta(days=days), CHUNK))
            removed = max(removed, self.env.cr.rowcount)
        self.env.cr.execute(SQL(
            "DELETE FROM integration_event WHERE id IN (SELECT e.id FROM integration_event e WHERE e.create_date < %s "
            "AND NOT EXISTS (SELECT 1 FROM integration_delivery d WHERE d.event_id = e.id) ORDER BY e.id LIMIT %s)",
            now - timedelta(days=1), CHUNK))
        removed = max(removed, self.env.cr.rowcount)
        return removed, removed >= CHUNK

    @api.model
    def _cron_deliver(self):
        """Entry point of the scheduled action."""
        delivering.Deliverer(self.env).run()
