import uuid
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..engine import notice_sending
from .notification import notification

MANAGER_GROUP = "integration_flow.group_integration_manager"
KEEP_DAYS = "integration_flow.notice_keep_days"
CHUNK = 10000


class IntegrationNotice(models.Model):
    """One message of a business alert to one channel: queue and status at once. Written by the engine.

    ``key`` names what is told to whom, so that the database itself refuses the same message a second time.
    """

    _name = "integration.notice"
    _description = "Integration Alert Message"
    _order = "id desc"
    _log_access = False
    _rec_name = "title"

    key = fields.Char(required=True, readonly=True)
    rule_id = fields.Many2one(
        "integration.notice.rule", string="Alert", readonly=True, ondelete="cascade", index="btree_not_null")
    channel_id = fields.Many2one(
        "integration.notice.channel", required=True, readonly=True, ondelete="cascade")
    company_id = fields.Many2one("res.company", readonly=True, ondelete="cascade", index="btree_not_null")
    model = fields.Char(readonly=True)
    res_id = fields.Many2oneReference(string="Odoo Record", model_field="model", readonly=True)
    record_name = fields.Char(string="Record", readonly=True)
    level = fields.Selection(
        [("0", "First"), ("1", "Escalated"), ("2", "Test")], readonly=True, required=True, default="0")
    user_id = fields.Many2one(
        "res.users", readonly=True, ondelete="set null", index="btree_not_null", help="Of a test: who asked for it.")
    title = fields.Char(string="Heading", readonly=True)
    body = fields.Text(string="Message", readonly=True, groups=MANAGER_GROUP)
    url = fields.Char(string="Link", readonly=True)

    state = fields.Selection([
        ("held", "Held Back"), ("pending", "Pending"), ("sending", "Being Sent"), ("waiting", "Waiting"), ("sent", "Sent"),
        ("folded", "In a Summary"), ("failed", "Failed"), ("doubtful", "In Doubt"),
    ], required=True, readonly=True, default="pending",
        help="Held back: more than the alert may send at a time. In doubt: it left, and the answer was lost.")
    summary_id = fields.Many2one(
        "integration.notice", string="Told In", readonly=True, ondelete="set null", index="btree_not_null")
    folded_ids = fields.One2many("integration.notice", "summary_id", string="Tells Of", readonly=True)
    attempts = fields.Integer(readonly=True)
    create_date = fields.Datetime(string="When", readonly=True)
    left_at = fields.Datetime(readonly=True, help="When the throttle let it leave.")
    next_attempt_at = fields.Datetime(string="Due", readonly=True)
    sent_at = fields.Datetime(readonly=True)
    last_status = fields.Integer(string="Status of the Answer", readonly=True, aggregator=None)
    response_body = fields.Text(string="Answer", readonly=True, groups=MANAGER_GROUP)
    error_message = fields.Text(string="What Happened", readonly=True)
    error_hint = fields.Text(string="What to Do", readonly=True)

    _key_unique = models.UniqueIndex("(key)", "This was told already.")
    _channel_index = models.Index("(channel_id, state)")
    _due_index = models.Index("(next_attempt_at, id) WHERE state IN ('pending', 'waiting', 'held')")
    _sending_index = models.Index("(id) WHERE state = 'sending'")
    _left_index = models.Index("(rule_id, channel_id, left_at)")
    _age_index = models.Index("(create_date)")

    @api.model
    def _send_test(self, channels, message, rule=None):
        """Send a test message at once. Outside of throttle and of what was told already.

        :return: a notification that says what came of it
        """
        rule_id, user_id, channel_ids = rule.id if rule else False, self.env.uid, channels.ids

        def prepare(env):
            return [notice_sending.insert_test(
                env, f"test:{uuid.uuid4().hex}", env["integration.notice.channel"].browse(channel_id), message,
                rule_id=rule_id, user_id=user_id) for channel_id in channel_ids]

        return notice_sending.send_now(
            self.env, prepare, lambda env, ids: env["integration.notice"].browse(ids)._tell_outcome())

    def _tell_outcome(self):
        bad = self.sudo().filtered(lambda notice: notice.state != "sent")
        if bad:
            return notification("danger", "\n".join(
                self.env._("%(channel)s: %(message)s %(hint)s", channel=notice.channel_id.name,
                           message=notice.error_message or self.env._("Not sent yet."), hint=notice.error_hint or "")
                for notice in bad), sticky=True)
        return notification("success", self.env._(
            "Sent: %(channels)s.", channels=", ".join(self.sudo().mapped("channel_id.name"))))

    # -- buttons -------------------------------------------------------------------------------------------

    def action_retry(self):
        """Send again now what failed or is in doubt; a person has looked, so a message in doubt may arrive twice."""
        self.check_access("read")
        if not self.env.user.has_group("integration_flow.group_integration_user"):
            raise AccessError(self.env._("You need the right 'Integrations: User' to send messages again."))
        notices = self.sudo().filtered(lambda notice: notice.state in ("failed", "doubtful", "waiting"))
        if not notices:
            raise UserError(self.env._("Nothing here can be sent again: it was sent, or is about to be."))

        def prepare(env):
            # Another one, or the scheduled action, may have been quicker than the look of this transaction.
            own = env["integration.notice"].browse(notices.ids).filtered(
                lambda notice: notice.state in ("failed", "doubtful", "waiting"))
            own.write({"state": "pending", "attempts": 0, "next_attempt_at": fields.Datetime.now()})
            return own.ids[:5]

        return notice_sending.send_now(
            self.env, prepare, lambda env, _ids: env["integration.notice"].browse(notices.ids[:5])._tell_outcome())

    def action_mark_seen(self):
        """A message in doubt has arrived: a person has seen it there."""
        self.check_access("read")
        if not self.env.user.has_group("integration_flow.group_integration_user"):
            raise AccessError(self.env._("You need the right 'Integrations: User' to decide about messages."))
        self.sudo().filtered(lambda notice: notice.state == "doubtful").write({
            "state": "sent", "sent_at": fields.Datetime.now(), "error_hint": False,
            "error_message": self.env._("%(user)s has seen it there.", user=self.env.user.name)})

    def action_open_record(self):
        self.ensure_one()
        if not self.res_id or self.model not in self.env:
            raise UserError(self.env._("This message is not about a single record."))
        return {
            "type": "ir.actions.act_window", "res_model": self.model, "res_id": self.res_id, "view_mode": "form",
            "views": [(False, "form")],
        }

    # -- retention and schedule ----------------------------------------------------------------------------

    @api.autovacuum
    def _gc_notices(self):
        """Delete what is older than its days (90 unless said otherwise). What was told is remembered by the alert itself."""
        days = int(self.env["ir.config_parameter"].sudo().get_param(KEEP_DAYS, 90) or 90)
        self.env.cr.execute(
            "DELETE FROM integration_notice WHERE id IN (SELECT id FROM integration_notice WHERE create_date < %s "
            "AND state IN ('sent', 'folded', 'failed', 'doubtful') ORDER BY create_date LIMIT %s)",
            [fields.Datetime.now() - timedelta(days=days), CHUNK])
        return self.env.cr.rowcount, self.env.cr.rowcount >= CHUNK

    @api.model
    def _cron_run(self):
        """Entry point of the scheduled action."""
        notice_sending.run(self.env)
