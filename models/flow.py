import json

import pytz
from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError
from odoo.fields import Domain
from odoo.tools.safe_eval import safe_eval

from ..core import paths
from ..core.errors import SyncError
from ..engine import capture, messages
from .selections import NEEDS_ATTENTION, SECRETS_GROUP

# Flows whose records are captured: a paused flow goes on collecting, so that nothing is lost.
CAPTURING_STATES = ("test", "live", "paused")
# Fields on which the cached map of watched models depends; see ``engine/capture.py``.
WATCH_FIELDS = {
    "state", "active", "domain", "direction", "timing", "model_id", "connection_id", "user_id", "company_id", "rule_ids",
    "all_rule_ids",
}


# Models that hold rights, code and configuration: only a technical administrator may let data flow into or out of them.
PROTECTED_MODELS = ("ir.", "base.", "integration.", "res.users", "res.groups", "res.config", "auth")


def is_protected(model_name):
    return bool(model_name) and model_name.startswith(PROTECTED_MODELS)


class IntegrationFlow(models.Model):
    """One business process: which Odoo records and which resource, in which direction, when, and what happens
    on failure. Its field rules say who owns each value."""

    _name = "integration.flow"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _description = "Integration Flow"
    _order = "connection_id, sequence, id"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True)
    code = fields.Char(copy=False, help="Stable name that blueprints use for this flow.")
    active = fields.Boolean(default=True)
    sequence = fields.Integer(default=10, help="Records that others need come first: customers before orders.")
    state = fields.Selection([
        ("draft", "Draft"), ("test", "Test"), ("live", "Live"), ("paused", "Paused"),
    ], required=True, default="draft", copy=False, tracking=True)
    state_before_pause = fields.Char(copy=False)
    connection_id = fields.Many2one(
        "integration.connection", ondelete="cascade", index=True, check_company=True, tracking=True)
    api_name = fields.Char(related="connection_id.api_name")
    environment = fields.Selection(related="connection_id.environment")
    resource_id = fields.Many2one(
        "integration.resource", ondelete="restrict", index=True, domain="[('api_name', '=', api_name)]")
    model_id = fields.Many2one(
        "ir.model", string="Odoo Records", required=True, ondelete="cascade", index=True,
        domain="[('transient', '=', False), ('abstract', '=', False)]")
    model_name = fields.Char(related="model_id.model", store=True, index=True, precompute=True)
    domain = fields.Char(default="[]", help="Which Odoo records belong to this flow.")
    external_filter = fields.Char(
        help="JMESPath condition on the external record, for example status != 'draft'. Records for which it is "
             "not true are excluded.")
    list_query = fields.Text(help="JSON object of filters sent with every list call of this flow.")

    direction = fields.Selection([
        ("import", "Import"), ("export", "Export"), ("both", "Two-way"),
    ], required=True, default="import", tracking=True)
    create_in_odoo = fields.Boolean(string="May Create in Odoo", default=True, tracking=True)
    create_in_external = fields.Boolean(string="May Create in the Other System", tracking=True)
    delete_in_odoo = fields.Selection([
        ("nothing", "Do Nothing"), ("archive", "Archive"), ("delete", "Delete"),
    ], required=True, default="nothing", string="When Deleted There")
    delete_in_external = fields.Selection([
        ("nothing", "Do Nothing"), ("delete", "Delete There Too"),
    ], required=True, default="nothing", string="When Deleted in Odoo")
    read_before_write = fields.Boolean(
        string="Read Before Writing",
        help="Before an existing record over there is changed it is read, so that a change made there meanwhile is "
             "merged and not overwritten. Costs one more call for each record.")

    timing = fields.Selection([
        ("live", "Live"), ("scheduled", "Scheduled"), ("batch", "Batch"), ("manual", "Manual"),
    ], required=True, default="scheduled",
        help="Live: Odoo's changes leave at once. Scheduled: both directions at every interval. Batch: like "
             "Scheduled, after everything else. Manual: only by button.")
    interval_number = fields.Integer(string="Every", default=15)
    interval_unit = fields.Selection(
        [("minutes", "Minutes"), ("hours", "Hours"), ("days", "Days")], default="minutes", required=True)
    cron_expression = fields.Char(
        help="Instead of an interval, for example '0 6 * * 1-5' for six o'clock on working days.")
    next_run_at = fields.Datetime(string="Next Run", copy=False, index="btree_not_null")
    batch_size = fields.Integer(default=500, help="How many records are written together.")
    priority = fields.Integer(default=10, help="Lower goes first. Live records go before all others.")
    watermark = fields.Datetime(
        copy=False, help="Everything that changed over there before this moment has been stored here.")
    overlap_seconds = fields.Integer(
        default=300, help="Every incremental run reads this much again, because clocks differ and clocks of changes "
                          "are not exact. What has not changed costs nothing.")

    company_id = fields.Many2one(
        "res.company", default=lambda self: self.env.company, index=True, ondelete="restrict")
    user_id = fields.Many2one(
        "res.users", string="Runs As", required=True, default=lambda self: self.env.user, check_company=True,
        ondelete="restrict", index=True,
        help="Records are read and written with the rights of this user, whoever pressed the button.")
    responsible_id = fields.Many2one(
        "res.users", default=lambda self: self.env.user, tracking=True, ondelete="set null", index="btree_not_null")
    lang = fields.Selection(selection="_selection_lang", string="Language")
    tz = fields.Selection(
        selection="_selection_tz", string="Time Zone", required=True, default=lambda self: self.env.user.tz or "UTC",
        help="Of dates that come without a zone.")

    with_chatter = fields.Boolean(
        help="Write tracked changes to the chatter of the records. Slower, and much noise for large imports.")
    log_level = fields.Selection([
        ("errors", "Failures"), ("changes", "Failures and Changes"), ("all", "Everything"),
    ], required=True, default="changes")

    rule_ids = fields.One2many(
        "integration.field.rule", "flow_id", string="Field Rules", domain=[("parent_id", "=", False)], copy=False)
    all_rule_ids = fields.One2many("integration.field.rule", "flow_id", string="All Rules")
    run_ids = fields.One2many("integration.run", "flow_id")
    last_run_id = fields.Many2one("integration.run", compute="_compute_last_run")
    last_success_at = fields.Datetime(readonly=True, copy=False)
    attention_count = fields.Integer(compute="_compute_counts")
    pending_count = fields.Integer(compute="_compute_counts")
    synced_count = fields.Integer(compute="_compute_synced_count")
    link_count = fields.Integer(compute="_compute_link_count")
    connection_health = fields.Selection(related="connection_id.health")
    readiness = fields.Html(compute="_compute_readiness", help="What is missing before this flow may run.")

    _code_unique = models.UniqueIndex(
        "(connection_id, code) WHERE code IS NOT NULL", "This connection has a flow with this code already.")
    _sizes = models.Constraint(
        "CHECK (batch_size BETWEEN 1 AND 10000 AND interval_number > 0 AND overlap_seconds >= 0)",
        "The batch size must be 1 to 10,000, the interval more than zero.")

    @api.model
    def _selection_lang(self):
        return self.env["res.lang"].get_installed()

    @api.model
    def _selection_tz(self):
        return [(name, name) for name in sorted(pytz.common_timezones)]

    # -- computed ------------------------------------------------------------------------------------------

    def _compute_last_run(self):
        last = dict(self.env["integration.run"]._read_group(
            [("flow_id", "in", self.ids)], ["flow_id"], ["id:max"]))
        for flow in self:
            flow.last_run_id = last.get(flow, False)

    def _compute_counts(self):
        counts = {flow.id: {} for flow in self}
        open_states = (*NEEDS_ATTENTION, "pending", "waiting", "processing")
        for flow, state, count in self.env["integration.sync"]._read_group(
                [("flow_id", "in", self.ids), ("state", "in", open_states)], ["flow_id", "state"], ["__count"]):
            counts[flow.id][state] = count
        for flow in self:
            states = counts.get(flow.id, {})
            flow.attention_count = sum(states.get(state, 0) for state in NEEDS_ATTENTION)
            flow.pending_count = sum(states.get(state, 0) for state in ("pending", "waiting", "processing"))

    def _compute_synced_count(self):
        """Apart from the other counts: this one reads as many index entries as there are synced records."""
        counts = dict(self.env["integration.sync"]._read_group(
            [("flow_id", "in", self.ids), ("state", "=", "synced")], ["flow_id"], ["__count"]))
        for flow in self:
            flow.synced_count = counts.get(flow, 0)

    def _compute_link_count(self):
        for flow in self:
            flow.link_count = self.env["integration.link"].search_count(flow._link_domain())

    @api.depends("direction", "create_in_external", "resource_id", "model_id", "rule_ids", "state")
    def _compute_readiness(self):
        for flow in self:
            problems = flow._problems() if flow.model_id and (flow.resource_id or flow.direction == "publish") else []
            flow.readiness = Markup("<ul class='mb-0'>%s</ul>") % Markup().join(
                Markup("<li>%s</li>") % problem for problem in problems) if problems else False

    def _link_domain(self):
        self.ensure_one()
        return [
            ("connection_id", "=", self.connection_id.id), ("resource_id", "=", self.resource_id.id),
            ("line_rule_id", "=", False), ("model", "=", self.model_name),
        ]

    # -- checks --------------------------------------------------------------------------------------------

    @api.constrains("connection_id", "resource_id")
    def _check_api(self):
        for flow in self:
            if flow.connection_id.api_name != flow.resource_id.api_name:
                raise ValidationError(self.env._(
                    "Flow %(flow)s: the connection %(connection)s speaks the API '%(connection_api)s', but the resource "
                    "%(resource)s belongs to '%(resource_api)s'. Choose a resource of the same API.",
                    flow=flow.name, connection=flow.connection_id.name, connection_api=flow.connection_id.api_name,
                    resource=flow.resource_id.name, resource_api=flow.resource_id.api_name))

    @api.constrains("domain", "model_id")
    def _check_domain(self):
        for flow in self:
            if flow.model_name not in self.env:
                continue
            try:
                domain = Domain(flow._parsed_domain())
                domain.validate(self.env[flow.model_name])
                self.env[flow.model_name].sudo()._search(domain, limit=1)  # fields that nobody can search by fail here
            except Exception as error:  # a typed domain can fail in as many ways as Python can
                raise ValidationError(self.env._(
                    "Flow %(flow)s: the filter on %(model)s is not valid: %(reason)s",
                    flow=flow.name, model=flow.model_id.name, reason=error)) from error

    @api.constrains("external_filter", "list_query", "cron_expression")
    def _check_texts(self):
        for flow in self:
            try:
                if flow.external_filter:
                    paths.compile_path(flow.external_filter)
                if flow.list_query and not isinstance(json.loads(flow.list_query), dict):
                    raise ValueError(self.env._("a JSON object of names and values is expected"))
                if flow.cron_expression:
                    flow._next_time(fields.Datetime.now())
            except (SyncError, ValueError) as error:
                raise ValidationError(self.env._(
                    "Flow %(flow)s: the filter of external records, the list query or the schedule is not valid: %(reason)s",
                    flow=flow.name, reason=messages.explain(self.env, error)[0] if isinstance(error, SyncError) else error
                )) from error

    @api.constrains("state", "connection_id")
    def _check_test_environment(self):
        for flow in self:
            if flow.state == "test" and flow.connection_id.environment != "sandbox":
                raise ValidationError(self.env._(
                    "Flow %(flow)s: a flow in Test may only use a sandbox connection, and %(connection)s is production.",
                    flow=flow.name, connection=flow.connection_id.name))

    def _parsed_domain(self):
        self.ensure_one()
        return safe_eval(self.domain or "[]", {"uid": self.user_id.id, "company_id": self.company_id.id})

    # -- life cycle ----------------------------------------------------------------------------------------

    def _check_rights_lent(self, vals):
        """A flow acts with the rights of its user. A manager may lend it his own, not those of others, and no flow of
        his may touch the models in which rights are kept."""
        if self.env.su or self.env.user.has_group(SECRETS_GROUP):
            return
        if vals.get("user_id", self.env.uid) != self.env.uid and any(
                flow.user_id.id != vals["user_id"] for flow in self or [self]):
            raise AccessError(self.env._(
                "Only a technical administrator of integrations may let a flow run as another user."))
        if is_protected(self.env["ir.model"].sudo().browse(vals.get("model_id")).model):
            raise AccessError(self.env._(
                "Only a technical administrator of integrations may synchronise users, rights and settings."))

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self.browse()._check_rights_lent(vals)
        flows = super().create(vals_list)
        flows._configuration_changed()
        return flows

    def write(self, vals):
        self._check_rights_lent(vals)
        result = super().write(vals)
        if WATCH_FIELDS & vals.keys():
            self._configuration_changed()
        return result

    def unlink(self):
        result = super().unlink()
        self._configuration_changed()
        return result

    def _configuration_changed(self):
        """Which models are watched is cached in the registry; see ``models/base.py``.

        The cache is filled from the database, so what is changed here has to be there first; and once more after the
        commit, because another request may fill it with the old state until then.
        """
        self.env.flush_all()
        registry = self.env.registry
        registry.clear_cache("stable")
        capture.forget_watched(self.env)
        self.env.cr.postcommit.add(lambda: registry.clear_cache("stable"))

    def copy_data(self, default=None):
        mine = {} if self.env.su or self.env.user.has_group(SECRETS_GROUP) else {"user_id": self.env.uid}
        default = default or {}
        return [dict(vals, name=default.get("name") or self.env._("%s (copy)", flow.name),
                     **({} if "user_id" in default else mine))
                for flow, vals in zip(self, super().copy_data(default=default), strict=True)]

    def copy(self, default=None):
        copies = super().copy(default)
        for flow, duplicate in zip(self, copies, strict=True):
            for rule in flow.rule_ids:
                rule.copy({"flow_id": duplicate.id})
        return copies

    # -- for the engine ------------------------------------------------------------------------------------

    def _model(self):
        """The flow's model as its own user, company, language and time zone: nothing is inherited from whoever
        pressed the button."""
        self.ensure_one()
        company = self.company_id or self.user_id.company_id
        context = {
            "lang": self.lang or self.user_id.lang or "en_US",
            "tz": self.tz or "UTC",
            "allowed_company_ids": [company.id],
        }
        if not self.with_chatter:
            context.update(tracking_disable=True, mail_create_nosubscribe=True, mail_create_nolog=True, mail_notrack=True)
        return self.env(user=self.user_id.id, su=False, context=context)[self.model_name]

    # -- smart buttons -------------------------------------------------------------------------------------

    def _open(self, name, model, domain, **context):
        return {
            "type": "ir.actions.act_window", "name": name, "res_model": model, "view_mode": "list,form",
            "domain": domain, "context": context,
        }

    def action_open_attention(self):
        action = self._open(self.env._("Needs Attention"), "integration.sync", [
            ("flow_id", "in", self.ids), ("state", "in", NEEDS_ATTENTION)])
        attention_list = self.env.ref("integration_flow.integration_sync_view_list_attention")
        return dict(action, views=[(attention_list.id, "list"), (False, "form")])

    def action_open_sync(self):
        return self._open(self.env._("Sync Records"), "integration.sync", [("flow_id", "in", self.ids)])

    def action_open_runs(self):
        return self._open(self.env._("Runs"), "integration.run", [("flow_id", "in", self.ids)])

    def action_open_links(self):
        return self._open(self.env._("Links"), "integration.link", self._link_domain())
