import secrets
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools import ormcache, str2bool

from ..core import announcements
from ..core.errors import SyncError
from ..engine import announcing, delivering, messages
from ..transport import guard, webhooks
from . import written_secret
from .notification import notification
from .selections import SECRETS_GROUP

MANAGER_GROUP = "integration_flow.group_integration_manager"
PRIVATE_PARAMETER = "integration_flow.announce_private"
# Fields that decide where data is sent and how it is proved to be ours.
PROTECTED_FIELDS = {"url", "secret_input", "extra_headers"}
# Of these it depends which flows have anybody to tell.
AUDIENCE_FIELDS = {"active", "company_id", "flow_ids", "event_types"}


class IntegrationSubscriber(models.Model):
    """Somebody who is told by webhook what happens in flows: address, secret, which events, and how it is doing.

    Calls follow Standard Webhooks. The secret is write-only: it is shown once, by a button, after it was made.
    """

    _name = "integration.subscriber"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _description = "Integration Subscriber"
    _order = "name, id"
    _allow_sudo_commands = False

    name = fields.Char(required=True, tracking=True)
    active = fields.Boolean(default=True)
    url = fields.Char(
        string="Address", required=True, tracking=True, groups=MANAGER_GROUP,
        help="Events are sent here by POST. Private and loopback addresses are refused unless the settings allow them.")
    company_id = fields.Many2one(
        "res.company", default=lambda self: self.env.company, index="btree_not_null", ondelete="cascade",
        help="Only events of flows of this company. Empty: of all companies.")
    flow_ids = fields.Many2many(
        "integration.flow", "integration_subscriber_flow_rel", "subscriber_id", "flow_id", string="Flows",
        help="Empty: all flows that announce events.")
    event_types = fields.Char(
        string="Events", default="*",
        help="Types of events, separated by commas; * stands for anything: orders.created, orders.*, *.failed. "
             "Empty: all.")
    event_regex = fields.Char(compute="_compute_event_regex", store=True, precompute=True)
    responsible_id = fields.Many2one(
        "res.users", default=lambda self: self.env.user, tracking=True, ondelete="set null", index="btree_not_null",
        help="Is told when this subscriber is disabled.")
    contact = fields.Char(help="Whom to ask when events are refused.")
    timeout = fields.Float(string="Time-out (s)", required=True, default=20.0)
    parallel_calls = fields.Integer(required=True, default=4, help="So many events at once while all is well.")
    disable_after_days = fields.Integer(
        string="Disable After (Days)", default=5, help="After so many days without any success. 0: never.")
    note = fields.Html()

    secret = fields.Char(groups=fields.NO_ACCESS, copy=False)
    previous_secret = fields.Char(groups=fields.NO_ACCESS, copy=False)
    previous_secret_until = fields.Datetime(
        string="Old Secret Valid Until", readonly=True, copy=False,
        help="Until then each event has two signatures, so that the receiver can change over at leisure.")
    rotation_hours = fields.Integer(
        string="Overlap (Hours)", default=24, help="So long the old secret counts after the secret was rotated.")
    secret_input = fields.Char(
        string="Secret", compute="_compute_secret_input", inverse="_inverse_secret_input", groups=SECRETS_GROUP, copy=False,
        help="Only to use a secret that exists already: whsec_ and 24 to 64 bytes in base64, or 'env:NAME' to read it "
             "from the environment variable NAME of the Odoo server. It can be set but never read.")
    secret_status = fields.Char(compute="_compute_secret_status")
    secret_shown = fields.Boolean(readonly=True, copy=False)
    extra_headers = fields.Text(
        groups=SECRETS_GROUP, copy=False, help="One 'Name: value' a line. The value may be 'env:NAME'.")
    address_locked = fields.Boolean(compute="_compute_address_locked")

    state = fields.Selection(
        [("healthy", "Healthy"), ("failing", "Failing"), ("disabled", "Disabled")], required=True, default="healthy",
        readonly=True, copy=False, tracking=True)
    disabled_reason = fields.Char(readonly=True, copy=False)
    failing_since = fields.Datetime(readonly=True, copy=False)
    failures_in_row = fields.Integer(string="Failures in a Row", readonly=True, copy=False)
    retry_at = fields.Datetime(string="Next Attempt", readonly=True, copy=False, help="Nothing is sent before this moment.")
    last_success_at = fields.Datetime(string="Last Success", readonly=True, copy=False)
    last_error_at = fields.Datetime(string="Last Error On", readonly=True, copy=False)
    last_error = fields.Char(readonly=True, copy=False)
    delivered_count = fields.Integer(string="Delivered", readonly=True, copy=False)
    pending_count = fields.Integer(string="Pending", compute="_compute_counts")
    failed_count = fields.Integer(string="Failed", compute="_compute_counts")

    _limits_sane = models.Constraint(
        "CHECK (timeout BETWEEN 1 AND 60 AND parallel_calls BETWEEN 1 AND 16 AND disable_after_days >= 0 "
        "AND rotation_hours BETWEEN 0 AND 720)",
        "The time-out must be 1 to 60 seconds, the calls at once 1 to 16, the overlap at most 30 days.")

    # -- secrets -------------------------------------------------------------------------------------------

    def _compute_secret_input(self):
        self.secret_input = False

    def _inverse_secret_input(self):
        for subscriber in self.filtered("secret_input"):
            value = subscriber.secret_input.strip()
            if not value.startswith("env:") and not webhooks.is_secret(value):
                raise ValidationError(self.env._(
                    "Subscriber %(name)s: a secret begins with whsec_ and has 24 to 64 bytes in base64. Leave the field "
                    "empty to have one made.", name=subscriber.name))
            subscriber._replace_secret(value, shown=True)

    def _replace_secret(self, value, *, shown):
        """Sign with ``value`` from now on, and for a while with the secret before it as well."""
        for subscriber in self.sudo():
            before = subscriber.secret
            overlap = before and subscriber.rotation_hours
            subscriber.write({
                "secret": value,
                "secret_shown": shown,
                "previous_secret": before if overlap else False,
                "previous_secret_until":
                    fields.Datetime.now() + timedelta(hours=subscriber.rotation_hours) if overlap else False,
            })

    @api.depends("secret", "secret_shown", "previous_secret_until")
    def _compute_secret_status(self):
        for subscriber in self:
            secret = subscriber.sudo().secret
            unseen = secret and not secret.startswith("env:") and not subscriber.secret_shown
            subscriber.secret_status = self.env._("Made, and not shown yet") if unseen \
                else written_secret.told(self.env, secret)

    def _secrets(self):
        """The secrets in clear with which an event is signed now, the present one first. For the engine only."""
        self.ensure_one()
        own = self.sudo()
        kept = [own.secret]
        if own.previous_secret_until and own.previous_secret_until > fields.Datetime.now():
            kept.append(own.previous_secret)
        return [written_secret.in_clear(value) for value in kept if value]

    def _header_pairs(self):
        """Extra headers as a tuple of (name, value) pairs, references resolved."""
        lines = [line.partition(":") for line in (self.sudo().extra_headers or "").splitlines()]
        return tuple(
            (name.strip(), written_secret.in_clear(value.strip())) for name, colon, value in lines if colon and name.strip())

    def action_show_secret(self):
        """Show the secret, once after it was made: it has to be carried to the receiver somehow."""
        self.ensure_one()
        self._check_may_set_secrets()
        own = self.sudo()
        if not own.secret or own.secret.startswith("env:"):
            raise UserError(self.env._("%(name)s has no secret that could be shown.", name=self.name))
        if own.secret_shown:
            raise UserError(self.env._(
                "The secret of %(name)s was shown already. If it was lost, press Rotate Secret to make a new one.",
                name=self.name))
        own.secret_shown = True
        own.message_post(body=self.env._("The secret was shown to %(user)s.", user=self.env.user.name))
        return notification("warning", own.secret, sticky=True, title=self.env._(
            "Secret of %(name)s. Copy it to the receiver now, it is not shown again.", name=self.name))

    def action_rotate_secret(self):
        """Make a new secret; for the overlap, events are signed with both."""
        self.ensure_one()
        self._check_may_set_secrets()
        self._replace_secret(webhooks.new_secret(secrets.token_bytes(32)), shown=False)
        return self.action_show_secret()

    def _check_may_set_secrets(self):
        self.check_access("read")
        if not self.env.su and not self.env.user.has_group(SECRETS_GROUP):
            raise AccessError(self.env._("Only a technical administrator of integrations may see or change secrets."))

    # -- computed ------------------------------------------------------------------------------------------

    @api.depends("event_types")
    def _compute_event_regex(self):
        for subscriber in self:
            try:
                subscriber.event_regex = announcements.type_regex(subscriber.event_types or "")
            except ValueError:
                subscriber.event_regex = False  # wants nothing; the constraint says why

    @api.depends_context("uid")
    def _compute_address_locked(self):
        free = self.env.user.has_group(SECRETS_GROUP)
        for subscriber in self:
            subscriber.address_locked = not free and bool(subscriber.id)

    def _compute_counts(self):
        counts = {subscriber.id: {} for subscriber in self}
        for subscriber, state, count in self.env["integration.delivery"]._read_group(
                [("subscriber_id", "in", self.ids), ("state", "in", ("pending", "waiting", "failed"))],
                ["subscriber_id", "state"], ["__count"]):
            counts[subscriber.id][state] = count
        for subscriber in self:
            states = counts.get(subscriber.id, {})
            subscriber.pending_count = states.get("pending", 0) + states.get("waiting", 0)
            subscriber.failed_count = states.get("failed", 0)

    @api.model
    @ormcache(cache="stable")
    def _announcing_flows(self):
        """Ids of the flows that announce events and have an active subscriber who may want them."""
        self.env.cr.execute(
            """SELECT f.id FROM integration_flow f WHERE f.announce IN ('ids', 'values') AND EXISTS (
                   SELECT 1 FROM integration_subscriber s WHERE s.active
                   AND (s.company_id IS NULL OR s.company_id = f.company_id)
                   AND (EXISTS (SELECT 1 FROM integration_subscriber_flow_rel r
                                WHERE r.subscriber_id = s.id AND r.flow_id = f.id)
                        OR NOT EXISTS (SELECT 1 FROM integration_subscriber_flow_rel r WHERE r.subscriber_id = s.id)))""")
        return frozenset(row[0] for row in self.env.cr.fetchall())

    @api.model
    def _audience_changed(self):
        """Who announces to whom is cached in the registry. Once more after the commit, because another request may fill
        the cache with the old state until then."""
        self.env.flush_all()
        registry = self.env.registry
        registry.clear_cache("stable")
        self.env.cr.postcommit.add(lambda: registry.clear_cache("stable"))

    @api.model
    def _private_allowed(self):
        return str2bool(self.env["ir.config_parameter"].sudo().get_param(PRIVATE_PARAMETER, ""), False)

    # -- checks --------------------------------------------------------------------------------------------

    @api.constrains("url")
    def _check_url(self):
        private = self._private_allowed()
        for subscriber in self.sudo():
            try:
                guard.check_url(subscriber.url, private=private)
            except SyncError as error:
                raise ValidationError(self.env._(
                    "Subscriber %(name)s: %(problem)s", name=subscriber.name,
                    problem=" ".join(messages.explain(self.env, error)))) from error

    @api.constrains("event_types")
    def _check_event_types(self):
        for subscriber in self:
            try:
                announcements.type_regex(subscriber.event_types or "")
            except ValueError as error:
                raise ValidationError(self.env._(
                    "Subscriber %(name)s: '%(pattern)s' is not a type of events. Use names with letters, digits and _ "
                    "joined by full stops, and * for anything: orders.created, orders.*, *.failed.",
                    name=subscriber.name, pattern=error)) from error

    @api.constrains("company_id", "flow_ids")
    def _check_flows(self):
        for subscriber in self.filtered("company_id"):
            foreign = subscriber.sudo().flow_ids.filtered(lambda flow, own=subscriber: flow.company_id != own.company_id)
            if foreign:
                raise ValidationError(self.env._(
                    "Subscriber %(name)s hears only of %(company)s, and %(flow)s belongs to %(other)s. Remove the flow, or "
                    "change the company.", name=subscriber.name, company=subscriber.company_id.name, flow=foreign[0].name,
                    other=foreign[0].company_id.name or self.env._("all companies")))

    @api.constrains("extra_headers")
    def _check_extra_headers(self):
        for subscriber in self.sudo():
            for line in (subscriber.extra_headers or "").splitlines():
                if line.strip() and (":" not in line or not line.partition(":")[0].strip()):
                    raise ValidationError(self.env._(
                        "Subscriber %(name)s: the extra header '%(line)s' must read 'Name: value'.",
                        name=subscriber.name, line=line[:40]))

    def _check_lent(self, vals_list):
        """What a subscriber hears must not reach further than the rights of who sets it up."""
        if self.env.su or self.env.user.has_group(SECRETS_GROUP):
            return
        for vals in vals_list:
            changed = PROTECTED_FIELDS & vals.keys() if self else set()
            if changed - {"url"} or any(subscriber.url != vals["url"] for subscriber in self if "url" in vals):
                raise AccessError(self.env._(
                    "Only a technical administrator of integrations may change the address, the secret and the headers of "
                    "a subscriber, because they decide where data is sent."))
            if "company_id" in vals and not vals["company_id"]:
                raise AccessError(self.env._(
                    "Only a technical administrator of integrations may have events of all companies sent."))

    # -- life cycle ----------------------------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        self.browse()._check_lent(vals_list)
        subscribers = super().create(vals_list)
        for subscriber in subscribers.sudo():
            if not subscriber.secret:
                subscriber.write({"secret": webhooks.new_secret(secrets.token_bytes(32)), "secret_shown": False})
        written_secret.forget_input(subscribers, vals_list, "secret_input")
        subscribers._audience_changed()
        return subscribers

    def write(self, vals):
        self._check_lent([vals])
        result = super().write(vals)
        written_secret.forget_input(self, [vals], "secret_input")
        if AUDIENCE_FIELDS & vals.keys():
            self._audience_changed()
        if {"url", "secret_input", "active"} & vals.keys():
            self.sudo().filtered(lambda subscriber: subscriber.state == "failing").write({"retry_at": False})
            announcing.wake(self.env)
        return result

    def unlink(self):
        result = super().unlink()
        self._audience_changed()
        return result

    def _disable(self, reason):
        """Send nothing more and tell the responsible person once. What happens meanwhile is kept and waits."""
        for subscriber in self.filtered(lambda subscriber: subscriber.state != "disabled"):
            subscriber.write({"state": "disabled", "disabled_reason": reason[:500]})
            if subscriber.responsible_id:
                subscriber.activity_schedule(
                    "mail.mail_activity_data_warning", user_id=subscriber.responsible_id.id,
                    summary=self.env._("Subscriber %(name)s gets no more events", name=subscriber.name),
                    note=self.env._(
                        "%(reason)s What happens meanwhile is kept. When the receiver works again, press Resume.",
                        reason=reason))

    # -- buttons -------------------------------------------------------------------------------------------

    def _check_may_manage(self):
        self.check_access("write")

    def action_test(self):
        """Send a test event now, and say what came of it."""
        self.ensure_one()
        self._check_may_manage()
        user = self.env.user.name

        def prepare(env):
            own = env["integration.subscriber"].browse(self.id)
            return [announcing.insert_test(env, own, {
                "message": env._("A test event from Odoo, sent by %(user)s.", user=user), "subscriber": own.name})]

        return delivering.send_now(
            self.env, prepare, lambda env, ids: env["integration.delivery"].browse(ids)._tell_outcome())

    def action_disable(self):
        self._check_may_manage()
        self.sudo().write({
            "state": "disabled", "disabled_reason": self.env._("Disabled by %(user)s", user=self.env.user.name)})

    def action_resume(self):
        """Send again, beginning with what waited."""
        self._check_may_manage()
        for subscriber in self.sudo():
            if not subscriber.secret:
                raise UserError(self.env._(
                    "%(name)s has no secret. A technical administrator has to press Rotate Secret first.",
                    name=subscriber.name))
        self.sudo().write({
            "state": "healthy", "disabled_reason": False, "failing_since": False, "failures_in_row": 0, "retry_at": False})
        self.sudo().activity_feedback(
            ["mail.mail_activity_data_warning"], feedback=self.env._("Resumed by %(user)s", user=self.env.user.name))
        announcing.wake(self.env)

    def action_recover(self):
        """Ask since when failed events shall be sent again."""
        self.ensure_one()
        self._check_may_manage()
        return {
            "type": "ir.actions.act_window", "name": self.env._("Send Failed Events Again"),
            "res_model": "integration.recover", "view_mode": "form", "target": "new",
            "context": {"default_subscriber_id": self.id},
        }

    def action_open_deliveries(self):
        return {
            "type": "ir.actions.act_window", "name": self.env._("Deliveries"), "res_model": "integration.delivery",
            "view_mode": "list,form", "domain": [("subscriber_id", "in", self.ids)],
        }
