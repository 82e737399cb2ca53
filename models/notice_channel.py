
from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..core.errors import SyncError
from ..engine import messages, notice_sending
from ..transport import guard
from . import written_secret
from .selections import SECRETS_GROUP

STYLES = [
    ("slack", "Slack"),
    ("markdown", "Mattermost, Rocket.Chat and Others with Markdown"),
    ("teams", "Microsoft Teams (Workflows)"),
]


class IntegrationNoticeChannel(models.Model):
    """Where business alerts go: the incoming webhook of a chat, e-mail, an activity, or a channel of Discuss.

    The address of a webhook is its secret: whoever knows it may post. It can be set but never read.
    """

    _name = "integration.notice.channel"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _description = "Integration Alert Channel"
    _order = "name, id"
    _allow_sudo_commands = False

    name = fields.Char(required=True, tracking=True)
    code = fields.Char(copy=False, help="How blueprints know it.")
    active = fields.Boolean(default=True)
    kind = fields.Selection([
        ("chat", "Chat Webhook"), ("mail", "E-Mail"), ("activity", "Activity on the Record"), ("discuss", "Discuss Channel"),
    ], required=True, default="chat", tracking=True)
    style = fields.Selection(STYLES, string="Chat", default="slack", tracking=True)
    company_id = fields.Many2one(
        "res.company", default=lambda self: self.env.company, index="btree_not_null", ondelete="cascade",
        help="Only alerts of this company use it. Empty: of all companies.")
    responsible_id = fields.Many2one(
        "res.users", default=lambda self: self.env.user, tracking=True, ondelete="set null", index="btree_not_null",
        help="Gets an activity when a message cannot be delivered.")

    url = fields.Char(groups=fields.NO_ACCESS, copy=False)
    url_input = fields.Char(
        string="Webhook Address", compute="_compute_url_input", inverse="_inverse_url_input", groups=SECRETS_GROUP,
        copy=False,
        help="As the chat shows it, or 'env:NAME' to read it from the environment variable NAME of the Odoo server. It can "
             "be set but never read, because whoever knows it may post.")
    url_status = fields.Char(string="Address", compute="_compute_url_status")
    when_lost = fields.Selection([
        ("leave", "Do Not Send Again: a Person Looks"), ("again", "Send Again: It May Arrive Twice"),
    ], string="If the Answer Is Lost", required=True, default="leave",
        help="Chats cannot tell a repeated message from a new one. When the connection breaks after a message left, nobody "
             "knows whether it arrived.")
    timeout = fields.Float(string="Time-out (s)", required=True, default=10.0)

    user_id = fields.Many2one(
        "res.users", string="Person", ondelete="restrict", index="btree_not_null", domain=[("share", "=", False)],
        help="Gets the e-mail or the activity. With a field below: only where that is empty.")
    user_path = fields.Char(
        string="Field with the Person", help="Field of the record that leads to a user, such as user_id. Empty: always "
                                             "the person above.")
    email_to = fields.Char(string="E-Mail Addresses", help="More recipients, separated by commas.")
    discuss_channel_id = fields.Many2one(
        "discuss.channel", string="Channel", ondelete="restrict", index="btree_not_null",
        domain=[("channel_type", "=", "channel")])

    state = fields.Selection(
        [("working", "Working"), ("failing", "Failing"), ("stopped", "Stopped")], required=True, default="working",
        readonly=True, copy=False, tracking=True)
    stop_reason = fields.Char(readonly=True, copy=False)
    retry_at = fields.Datetime(string="Next Attempt", readonly=True, copy=False)
    failures_in_row = fields.Integer(string="Failures in a Row", readonly=True, copy=False)
    last_sent_at = fields.Datetime(string="Last Message", readonly=True, copy=False)
    last_error = fields.Char(readonly=True, copy=False)
    waiting_count = fields.Integer(string="Waiting", compute="_compute_counts")
    failed_count = fields.Integer(string="Failed or in Doubt", compute="_compute_counts")

    _timeout_sane = models.Constraint(
        "CHECK (timeout BETWEEN 1 AND 60)", "The time-out must be 1 to 60 seconds.")
    _code_unique = models.UniqueIndex("(code) WHERE code IS NOT NULL", "Another alert channel has this code already.")

    # -- secrets -------------------------------------------------------------------------------------------

    def _compute_url_input(self):
        self.url_input = False

    def _inverse_url_input(self):
        for channel in self.filtered("url_input"):
            value = channel.url_input.strip()
            if not value.startswith("env:"):
                channel._check_address(value)
            channel.sudo().write({"url": value, "state": "working", "stop_reason": False, "retry_at": False})

    def _check_address(self, url):
        try:
            guard.check_url(url, private=self.env["integration.subscriber"]._private_allowed())
        except SyncError as error:
            raise ValidationError(self.env._(
                "Alert channel %(name)s: %(problem)s", name=self.name,
                problem=" ".join(messages.explain(self.env, error)))) from error

    @api.depends("url", "kind")
    def _compute_url_status(self):
        for channel in self:
            channel.url_status = self.env._("Not needed") if channel.kind != "chat" \
                else written_secret.told(self.env, channel.sudo().url)

    def _address(self):
        """The address in clear. For the engine only."""
        self.ensure_one()
        return written_secret.in_clear(self.sudo().url)

    # -- checks --------------------------------------------------------------------------------------------

    @api.constrains("kind", "user_id", "user_path", "email_to", "discuss_channel_id")
    def _check_recipient(self):
        for channel in self:
            someone = channel.user_id or channel.user_path
            if channel.kind == "activity" and not someone or channel.kind == "mail" and not (someone or channel.email_to):
                raise ValidationError(self.env._(
                    "Alert channel %(name)s: say who is told: a person, or a field of the record that leads to one.",
                    name=channel.name))
            if channel.kind == "discuss" and not channel.discuss_channel_id:
                raise ValidationError(self.env._(
                    "Alert channel %(name)s: choose the channel of Discuss.", name=channel.name))

    def _compute_counts(self):
        counts = {}
        for channel, state, count in self.env["integration.notice"]._read_group(
                [("channel_id", "in", self.ids), ("state", "not in", ("sent", "folded"))], ["channel_id", "state"],
                ["__count"]):
            counts[channel.id, state] = count
        for channel in self:
            channel.failed_count = sum(counts.get((channel.id, state), 0) for state in ("failed", "doubtful"))
            channel.waiting_count = sum(
                counts.get((channel.id, state), 0) for state in ("held", "pending", "waiting", "sending"))

    # -- life cycle ----------------------------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        channels = super().create(vals_list)
        written_secret.forget_input(channels, vals_list, "url_input")
        return channels

    def write(self, vals):
        result = super().write(vals)
        written_secret.forget_input(self, [vals], "url_input")
        if {"url_input", "active"} & vals.keys():
            notice_sending.wake(self.env)
        return result

    def _stop(self, reason):
        """Send nothing more here until somebody presses Resume; what comes meanwhile waits."""
        self.filtered(lambda channel: channel.state != "stopped").write({"state": "stopped", "stop_reason": reason[:500]})
        self._tell_responsible(reason)

    def _tell_responsible(self, reason):
        """One activity, however many messages could not be delivered."""
        for channel in self.filtered("responsible_id"):
            if not channel.activity_ids.filtered("automated"):
                channel.activity_schedule(
                    "mail.mail_activity_data_warning", user_id=channel.responsible_id.id,
                    summary=self.env._("Alerts do not arrive in %(name)s", name=channel.name),
                    note=self.env._(
                        "%(reason)s The messages are kept: look at them, then press Resume or Retry.", reason=reason))

    # -- buttons -------------------------------------------------------------------------------------------

    def action_resume(self):
        """Send again, beginning with what waited."""
        self.check_access("write")
        self.sudo().write({
            "state": "working", "stop_reason": False, "retry_at": False, "failures_in_row": 0, "last_error": False})
        self.sudo().activity_feedback(
            ["mail.mail_activity_data_warning"], feedback=self.env._("Resumed by %(user)s", user=self.env.user.name))
        notice_sending.wake(self.env)

    def action_test(self):
        """Post a test message now, and say what came of it."""
        self.ensure_one()
        self.check_access("write")
        return self.env["integration.notice"]._send_test(self, {
            "title": self.env._("Test message"), "body": self.env._(
                "%(user)s tests the alert channel %(name)s of Odoo.", user=self.env.user.name, name=self.name)})

    def action_open_notices(self):
        return {
            "type": "ir.actions.act_window", "name": self.env._("Alert Messages"), "res_model": "integration.notice",
            "view_mode": "list,kanban,form", "domain": [("channel_id", "in", self.ids)],
        }
