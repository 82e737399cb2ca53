from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Domain
from odoo.tools.safe_eval import safe_eval

from ..engine import notice_sending, noticing
from .flow import is_protected
from .selections import SECRETS_GROUP

# Of these it depends which records are in the filter: when they change, what is in it now is not news.
FILTER_FIELDS = {"model_id", "domain", "company_id", "user_id", "trigger"}


class IntegrationNoticeRule(models.Model):
    """A business alert: when a record comes into a filter, people are told in their chat, by e-mail or in Odoo.

    What is in the filter when the alert is switched on is known and not told. How a record comes in: ``engine/noticing.py``.
    """

    _name = "integration.notice.rule"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _description = "Integration Business Alert"
    _order = "sequence, name, id"
    _allow_sudo_commands = False

    name = fields.Char(required=True, translate=True, tracking=True)
    code = fields.Char(copy=False, help="How blueprints know it.")
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    state = fields.Selection(
        [("off", "Switched Off"), ("on", "Switched On")], required=True, default="off", readonly=True, copy=False,
        tracking=True)
    purpose = fields.Text(help="Why people want to know, and what they are to do.")

    model_id = fields.Many2one(
        "ir.model", string="Records", required=True, ondelete="cascade", index=True, tracking=True,
        domain=[("transient", "=", False), ("abstract", "=", False)])
    model_name = fields.Char(related="model_id.model", string="Model")
    domain = fields.Char(
        string="Filter", required=True, default="[]", tracking=True,
        help="A record is told when it comes into this filter.")
    trigger = fields.Selection([
        ("change", "At Once, When a Record Is Changed"), ("time", "By Looking Every Few Minutes"),
    ], string="Noticed", required=True, default="change", tracking=True,
        help="Look every few minutes where time passes (no answer for two days), or where the filter asks for "
             "computed values such as quantities on hand.")
    look_minutes = fields.Integer(string="Look Every (Minutes)", default=15)
    next_look_at = fields.Datetime(string="Next Look", readonly=True, copy=False)
    repeat = fields.Selection([
        ("once", "Once for Each Record"), ("back", "Each Time It Comes Back into the Filter"),
    ], string="Told", required=True, default="once", tracking=True)
    company_id = fields.Many2one(
        "res.company", default=lambda self: self.env.company, index="btree_not_null", ondelete="cascade",
        help="Only records of this company. Empty: of all companies.")
    user_id = fields.Many2one(
        "res.users", string="Sees As", required=True, default=lambda self: self.env.user, ondelete="restrict", index=True,
        help="Only records that this user may read are told, in this user's language and time zone.")

    title = fields.Char(
        string="Heading", required=True, translate=True, default="{record}",
        help="Fields in braces by their names or labels, such as {partner_id} or {Customer}; {record} is the record's name.")
    body = fields.Text(
        string="Message", translate=True,
        help="Fields in braces. {link} is the address of the record, {alert} the name of this alert. A line of which all "
             "fields are empty is left out.")
    preview = fields.Text(compute="_compute_preview")
    channel_ids = fields.Many2many(
        "integration.notice.channel", "integration_notice_rule_channel_rel", "rule_id", "channel_id", string="Tell In")
    limit_count = fields.Integer(
        string="At Most", default=20, help="So many messages in the time below; the rest comes as one summary. 0: no limit.")
    limit_minutes = fields.Integer(string="In (Minutes)", default=15)
    escalate_hours = fields.Float(
        string="Escalate After (Hours)", help="Told once more, in other channels, when the record is still in the filter. "
                                              "0: never.")
    escalate_channel_ids = fields.Many2many(
        "integration.notice.channel", "integration_notice_rule_escalate_rel", "rule_id", "channel_id",
        string="Then Tell In")

    problem = fields.Char(readonly=True, copy=False)
    inside_count = fields.Integer(string="In the Filter", compute="_compute_counts")
    sent_count = fields.Integer(string="Sent", compute="_compute_counts")
    failed_count = fields.Integer(string="Failed or in Doubt", compute="_compute_counts")

    _code_unique = models.UniqueIndex("(code) WHERE code IS NOT NULL", "Another business alert has this code already.")
    _limits_sane = models.Constraint(
        "CHECK (look_minutes >= 1 AND limit_count >= 0 AND limit_minutes BETWEEN 1 AND 1440 AND escalate_hours >= 0)",
        "Look every minute at most; the limit counts within 1 to 1,440 minutes.")

    def _compute_counts(self):
        inside = dict(self.env["integration.notice.record"].sudo()._read_group(
            [("rule_id", "in", self.ids), ("inside", "=", True)], ["rule_id"], ["__count"]))
        counts = {}
        for rule, state, count in self.env["integration.notice"]._read_group(
                [("rule_id", "in", self.ids)], ["rule_id", "state"], ["__count"]):
            counts[rule.id, state] = count
        for rule in self:
            rule.inside_count = inside.get(rule, 0)
            rule.sent_count = counts.get((rule.id, "sent"), 0)
            rule.failed_count = counts.get((rule.id, "failed"), 0) + counts.get((rule.id, "doubtful"), 0)

    # -- the filter ----------------------------------------------------------------------------------------

    def _conditions(self):
        """The filter as a Domain, also for the company. Raises what a typed domain can raise."""
        self.ensure_one()
        own = self.sudo()
        domain = Domain(safe_eval(self.domain or "[]", {"uid": own.user_id.id, "company_id": own.company_id.id}))
        company = self.env[own.model_name]._fields.get("company_id")
        if own.company_id and company is not None and company.type == "many2one" and company.store:
            domain &= Domain("company_id", "in", [False, own.company_id.id])
        return domain

    def _inside(self, ids=None):
        """Ids of the records in the filter; of ``ids`` alone when they are given. Whatever the rights are."""
        domain = self._conditions()
        if ids is not None:
            domain &= Domain("id", "in", list(ids))
        own = self.sudo()
        model = self.env[own.model_name].sudo().with_context(
            active_test=True, tz=own.user_id.tz or "UTC", lang=own.user_id.lang)
        return set(model.search(domain, order="id")._ids)

    @api.constrains("domain", "model_id", "trigger", "company_id")
    def _check_domain(self):
        for rule in self:
            try:
                domain = rule._conditions()
                domain.validate(self.env[rule.model_name])
                if rule.trigger == "change":
                    rule._check_stored(domain)
                # With the rights of its user: what he may not read is not told by whether a record is in the filter either.
                rule._reader().search(domain, limit=1)
            except ValidationError:
                raise
            except Exception as error:  # a typed domain can fail in as many ways as Python can
                raise ValidationError(self.env._(
                    "Alert %(alert)s: the filter '%(domain)s' does not fit %(model)s: %(reason)s",
                    alert=rule.name, domain=rule.domain, model=rule.model_id.name, reason=error)) from error

    def _check_stored(self, domain):
        """At once is only noticed what is written."""
        for condition in domain.iter_conditions():
            model = self.env[self.model_name]
            for name in condition.field_expr.split("."):
                field = model._fields.get(name)
                if field is None:
                    break
                if not field.store and not field.related and not field.inherited:
                    raise ValidationError(self.env._(
                        "Alert %(alert)s: %(field)s is computed when somebody looks, so no change of it can be noticed. "
                        "Choose “By Looking Every Few Minutes”.", alert=self.name, field=field.string))
                if field.comodel_name:
                    model = self.env[field.comodel_name]

    @api.constrains("company_id", "channel_ids", "escalate_channel_ids")
    def _check_channels(self):
        for rule in self.sudo():
            for channel in rule.channel_ids | rule.escalate_channel_ids:
                if channel.company_id and channel.company_id != rule.company_id:
                    raise ValidationError(self.env._(
                        "Alert %(alert)s: the channel %(channel)s is only for alerts of %(company)s.",
                        alert=rule.name, channel=channel.name, company=channel.company_id.name))

    def _check_rights_lent(self, vals):
        """What an alert tells must not reach further than the rights of who sets it up."""
        if self.env.su or self.env.user.has_group(SECRETS_GROUP):
            return
        if vals.get("user_id", self.env.uid) != self.env.uid and any(
                rule.user_id.id != vals["user_id"] for rule in self or [self]):
            raise AccessError(self.env._(
                "Only a technical administrator of integrations may let an alert see with the rights of another user."))
        if any(rule.user_id != self.env.user for rule in self) and \
                {"model_id", "domain", "title", "body", "channel_ids", "escalate_channel_ids", "company_id"} & vals.keys():
            raise AccessError(self.env._(
                "This alert sees with the rights of another user. Put yourself under “Sees As”, or ask a technical "
                "administrator of integrations."))
        if is_protected(self.env["ir.model"].sudo().browse(vals.get("model_id")).model):
            raise AccessError(self.env._(
                "Only a technical administrator of integrations may have alerts of users, rights and settings."))

    # -- life cycle ----------------------------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self.browse()._check_rights_lent(vals)
        return super().create(vals_list)

    def write(self, vals):
        taking_over = vals.get("user_id") == self.env.uid
        (self.browse() if taking_over else self)._check_rights_lent(vals)
        result = super().write(vals)
        running = self.filtered(lambda rule: rule.state == "on")
        if (FILTER_FIELDS | {"state", "active"}) & vals.keys():
            self._watch_changed()
            for rule in running.filtered("active"):
                rule._learn()
        return result

    def _update_field_translations(self, field_name, translations, digest=None, source_lang=""):
        """The dialog of translations writes past ``write``: the same has to hold for it."""
        self._check_rights_lent({field_name: True})
        result = super()._update_field_translations(field_name, translations, digest=digest, source_lang=source_lang)
        for lang in translations:
            self.with_context(lang=lang)._check_template()
        return result

    def unlink(self):
        result = super().unlink()
        self._watch_changed()
        return result

    def _watch_changed(self):
        """Which models are watched is cached; see ``integration.flow._configuration_changed``."""
        self.env["integration.flow"]._configuration_changed()

    def _learn(self):
        """What is in the filter now is known and not told."""
        self.ensure_one()
        self.env.flush_all()
        noticing.learn(self.env, self.id, self._inside())
        self.sudo().write({
            "problem": False,
            "next_look_at": self.trigger == "time" and fields.Datetime.now() + timedelta(minutes=self.look_minutes)})

    def _note_changes(self, ids):
        """Have these records looked at, which were changed in a way that nobody can see (by SQL)."""
        for rule in self:
            noticing.note(self.env, rule.id, rule._inside(ids), set(ids))

    # -- buttons -------------------------------------------------------------------------------------------

    def action_switch_on(self):
        self.check_access("write")
        for rule in self:
            if not rule.channel_ids:
                raise UserError(self.env._("Alert %(alert)s: say under “Tell In” who is told.", alert=rule.name))
            rule.state = "on"

    def action_switch_off(self):
        self.check_access("write")
        self.write({"state": "off"})

    def action_look_now(self):
        self.check_access("write")
        self.filtered(lambda rule: rule.state == "on").sudo().write({"next_look_at": fields.Datetime.now()})
        notice_sending.wake(self.env)

    def action_test(self):
        """Send the message as a test: chats and Discuss get it, an e-mail or activity comes to who presses the button."""
        self.ensure_one()
        self.check_access("write")
        if not self.channel_ids:
            raise UserError(self.env._("Alert %(alert)s: say under “Tell In” who is told.", alert=self.name))
        message = self._example()
        if not message:
            raise UserError(self.env._(
                "There is no %(model)s yet that could be an example.", model=self.model_id.name))
        message["title"] = self.env._("Test: %(title)s", title=message["title"])
        return self.env["integration.notice"]._send_test(self.channel_ids, message, rule=self)

    def action_open_notices(self):
        return {
            "type": "ir.actions.act_window", "name": self.env._("Alert Messages"), "res_model": "integration.notice",
            "view_mode": "list,kanban,form", "domain": [("rule_id", "in", self.ids)],
        }

    def action_open_inside(self):
        """The records that are in the filter now."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window", "name": self.name, "res_model": self.model_name, "view_mode": "list,form",
            "domain": [("id", "in", sorted(self._inside()))],
        }
