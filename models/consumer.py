from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError

from .selections import SECRETS_GROUP

# Fields that decide what a consumer may read.
PROTECTED_FIELDS = {"flow_ids", "filter_ids", "rate_limit", "company_id", "active"}


class IntegrationConsumer(models.Model):
    """Somebody outside who reads published data: which, how often, and with which tokens."""

    _name = "integration.consumer"
    _inherit = ["mail.thread"]
    _description = "Integration Consumer"
    _order = "name, id"
    _allow_sudo_commands = False

    name = fields.Char(required=True, tracking=True)
    active = fields.Boolean(default=True, tracking=True, help="An archived consumer reads nothing any more.")
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company, index=True, ondelete="cascade", tracking=True)
    flow_ids = fields.Many2many(
        "integration.flow", "integration_consumer_flow_rel", "consumer_id", "flow_id", string="May Read",
        domain="[('direction', '=', 'publish'), ('company_id', '=', company_id)]")
    filter_ids = fields.One2many(
        "integration.consumer.filter", "consumer_id", string="Only Where", copy=True,
        help="Of what it may read, only documents with these values. Publications without such a filter cannot be read.")
    rate_limit = fields.Integer(
        string="Calls per Minute", default=600, tracking=True, help="With all its tokens together. 0: no limit.")
    contact = fields.Char(help="Whom to ask.")
    responsible_id = fields.Many2one(
        "res.users", default=lambda self: self.env.user, ondelete="set null", index="btree_not_null", tracking=True)
    note = fields.Html()
    token_ids = fields.One2many("integration.consumer.token", "consumer_id", string="Tokens", copy=False)
    token_count = fields.Integer(string="Valid Tokens", compute="_compute_tokens")
    last_used_at = fields.Datetime(string="Last Read", compute="_compute_tokens")
    access_locked = fields.Boolean(compute="_compute_access_locked")

    _rate_sane = models.Constraint("CHECK (rate_limit >= 0)", "The calls per minute cannot be negative.")

    @api.depends("token_ids.state", "token_ids.last_used_at")
    def _compute_tokens(self):
        for consumer in self:
            consumer.token_count = len(consumer.token_ids.filtered(lambda token: token.state == "valid"))
            consumer.last_used_at = max(consumer.token_ids.filtered("last_used_at").mapped("last_used_at"), default=False)

    @api.depends_context("uid")
    def _compute_access_locked(self):
        self.access_locked = not self.env.user.has_group(SECRETS_GROUP)

    @api.constrains("company_id", "flow_ids")
    def _check_flows(self):
        for consumer in self:
            for flow in consumer.sudo().flow_ids:
                if flow.direction != "publish" or flow.company_id != consumer.company_id:
                    raise ValidationError(self.env._(
                        "%(consumer)s belongs to %(company)s and may read only what %(company)s publishes, not %(flow)s.",
                        consumer=consumer.name, company=consumer.company_id.name, flow=flow.name))

    def _check_lent(self, vals_list):
        """Who reads what is decided by a technical administrator; switching a consumer off may be done by a manager."""
        if self.env.su or self.env.user.has_group(SECRETS_GROUP):
            return
        for vals in vals_list:
            changed = PROTECTED_FIELDS & vals.keys()
            if "active" in changed and not vals["active"]:
                changed.discard("active")
            if self and changed or not self and (vals.get("flow_ids") or vals.get("filter_ids")):
                raise AccessError(self.env._(
                    "Only a technical administrator of integrations may change what a consumer reads, and how often."))

    @api.model_create_multi
    def create(self, vals_list):
        self.browse()._check_lent(vals_list)
        consumers = super().create(vals_list)
        consumers._access_changed()
        return consumers

    def write(self, vals):
        self._check_lent([vals])
        result = super().write(vals)
        if PROTECTED_FIELDS & vals.keys():
            self._access_changed()
        return result

    def unlink(self):
        result = super().unlink()
        self._access_changed()
        return result

    @api.model
    def _access_changed(self):
        """Who may read what is cached in the registry, in every process: all of them look again before their next answer.

        Once more after the commit, because another request may fill the cache with the old state until then.
        """
        self.env.flush_all()
        registry = self.env.registry
        registry.clear_cache("stable")
        self.env.cr.postcommit.add(lambda: registry.clear_cache("stable"))

    def action_new_token(self):
        """Ask for a name and an expiry of a new token."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window", "name": self.env._("New Token"), "res_model": "integration.consumer.token.new",
            "view_mode": "form", "target": "new", "context": {"default_consumer_id": self.id},
        }
