import re

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools import ormcache

from ..core import published_documents, publishing
from ..engine import capture, openapi, publish_plan
from ..engine import publishing as publishing_engine
from ..engine.rows import RUNNING_STATES
from .flow import CAPTURING_STATES
from .selections import SECRETS_GROUP

PATH = "/integration/publish"
# Fields of which the endpoint or the documents depend.
PUBLISH_FIELDS = {
    "name", "state", "active", "domain", "direction", "model_id", "user_id", "company_id", "lang", "tz", "publish_code",
    "publish_page_size", "publish_max_page", "publish_max_lookup",
}


class IntegrationFlow(models.Model):
    """Publish flows: others read here, so there is neither a connection nor a resource. What they read is kept ready
    in ``integration.document``."""

    _inherit = "integration.flow"

    direction = fields.Selection(selection_add=[("publish", "Publish")], ondelete={"publish": "cascade"})

    publish_code = fields.Char(
        string="Address Name", copy=False, tracking=True,
        help="The last part of the address under which consumers read: small letters, digits, - and _.")
    publish_url = fields.Char(string="Address", compute="_compute_publish_url")
    publish_page_size = fields.Integer(
        string="Documents per Page", default=500, help="So many documents answer a list call that does not say how many.")
    publish_max_page = fields.Integer(string="Most per Page", default=5000)
    publish_max_lookup = fields.Integer(
        string="Most per Lookup", default=1000, help="So many keys may be asked for in one lookup.")
    publish_full_hours = fields.Integer(
        string="Compute All Again Every (Hours)", default=24,
        help="A safety net for what changes without a write in Odoo, for example prices that depend on the date. "
             "Documents that come out the same count as unchanged. 0: never.")
    publish_tombstone_days = fields.Integer(
        string="Tell Removals For (Days)", default=30,
        help="So long consumers are told that a document is gone. Who reads more rarely has to read everything again.")
    consumer_ids = fields.Many2many(
        "integration.consumer", "integration_consumer_flow_rel", "flow_id", "consumer_id", string="Consumers", copy=False)
    document_count = fields.Integer(string="Documents", compute="_compute_document_counts")
    document_error_count = fields.Integer(string="Not Published", compute="_compute_document_counts")
    document_waiting = fields.Boolean(string="Changes Are Waiting", compute="_compute_document_counts")
    publish_problem = fields.Char(compute="_compute_document_counts")
    publish_refreshed_at = fields.Datetime(string="Last Computed", compute="_compute_document_counts")

    _publish_code_unique = models.UniqueIndex(
        "(publish_code) WHERE publish_code IS NOT NULL", "Other data is published under this address name already.")
    _both_sides = models.Constraint(
        "CHECK (direction = 'publish' OR (connection_id IS NOT NULL AND resource_id IS NOT NULL))",
        "A flow needs a connection and a resource, unless it publishes data for others to read.")
    _publish_sizes = models.Constraint(
        "CHECK (publish_page_size BETWEEN 1 AND publish_max_page AND publish_max_page <= 10000 "
        "AND publish_max_lookup BETWEEN 1 AND 10000 AND publish_full_hours >= 0 AND publish_tombstone_days >= 1)",
        "Pages must have 1 to 10,000 documents, lookups 1 to 10,000 values, and removals are told for one day at least.")

    # -- computed ------------------------------------------------------------------------------------------

    @api.depends("publish_code")
    def _compute_publish_url(self):
        base = self.env["ir.config_parameter"].sudo().get_param("web.base.url", "")
        for flow in self:
            flow.publish_url = f"{base}{PATH}/{flow.publish_code}/items" if flow.publish_code else False

    def _compute_document_counts(self):
        counts = {}
        for flow, state, count in self.env["integration.document"]._read_group(
                [("flow_id", "in", self.ids), ("state", "in", ("live", "error"))], ["flow_id", "state"], ["__count"]):
            counts[flow.id, state] = count
        states = {
            state.flow_id.id: state
            for state in self.env["integration.document.state"].sudo().search([("flow_id", "in", self.ids)])}
        cron = self.env.ref("integration_flow.ir_cron_publish", raise_if_not_found=False)
        stopped = not cron or not cron.sudo().active
        waiting = {flow.id for (flow,) in self.env["integration.capture"].sudo()._read_group(
            [("flow_id", "in", self.filtered(lambda flow: flow.direction == "publish").ids)], ["flow_id"])}
        for flow in self:
            flow.document_count = counts.get((flow.id, "live"), 0)
            flow.document_error_count = counts.get((flow.id, "error"), 0)
            flow.publish_refreshed_at = states[flow.id].refreshed_at if flow.id in states else False
            flow.document_waiting = flow.id in waiting
            flow.publish_problem = self.env._(
                "The scheduled action “Integrations: compute published documents” is switched off or was deleted. Activate "
                "it under Settings, Technical, Scheduled Actions.") if stopped and flow.state in RUNNING_STATES else (
                states[flow.id].error if flow.id in states else False)

    # -- checks --------------------------------------------------------------------------------------------

    @api.constrains("publish_code", "direction")
    def _check_publish_code(self):
        for flow in self.filtered(lambda flow: flow.direction == "publish"):
            if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", flow.publish_code or ""):
                raise ValidationError(self.env._(
                    "%(flow)s: the address name must have small letters, digits, - and _ only, for example "
                    "'availability'.", flow=flow.name))

    @api.constrains("direction", "connection_id", "resource_id")
    def _check_published_alone(self):
        for flow in self.filtered(lambda flow: flow.direction == "publish"):
            if flow.connection_id or flow.resource_id:
                raise ValidationError(self.env._(
                    "%(flow)s publishes data for others to read, so it has no connection and no resource.", flow=flow.name))

    @api.constrains("company_id", "direction")
    def _check_published_company(self):
        for flow in self.filtered(lambda flow: flow.direction == "publish"):
            if not flow.company_id:
                raise ValidationError(self.env._(
                    "%(flow)s: choose the company whose data is published.", flow=flow.name))
            foreign = flow.sudo().consumer_ids.filtered(lambda consumer, own=flow: consumer.company_id != own.company_id)
            if foreign:
                raise ValidationError(self.env._(
                    "%(flow)s is read by %(consumer)s of another company. Remove this consumer first.",
                    flow=flow.name, consumer=foreign[0].name))

    def _check_consumers_lent(self, vals_list):
        if any("consumer_ids" in vals for vals in vals_list) and not (
                self.env.su or self.env.user.has_group(SECRETS_GROUP)):
            raise AccessError(self.env._(
                "Only a technical administrator of integrations may decide who reads published data."))

    def _problems(self):
        if self.direction != "publish":
            return super()._problems()
        problems = []
        rules = self.rule_ids.filtered(lambda rule: rule.active and rule.owner != "nobody" and rule.direction != "import")
        if not rules:
            problems.append(self.env._("No field rule yet: say which fields are published, and under which names."))
        keys = rules.filtered(lambda rule: rule.match_key and rule.kind == "field")
        if rules and len(keys) != 1:
            problems.append(self.env._(
                "Mark one rule as match key: its value (for example the SKU) is the key by which a document is found."))
        filters = [rule.external_path for rule in rules if rule.publish_filter]
        for rule in rules:
            problems += rule._publish_problems()
        problems += rules._problems()
        for name in sorted({name for name in filters if filters.count(name) > 1}):
            problems.append(self.env._("Two rules publish %(name)s.", name=name))
        return problems + self._availability_problems()

    def _readiness(self):
        """Nothing is exchanged, so there is no connection to test, no provider and no volume: the rules have to fit."""
        return [self._ready_rules()] if self.direction == "publish" else super()._readiness()

    # -- life cycle ----------------------------------------------------------------------------------------

    @api.model
    def default_get(self, fields):
        """Not ``default_direction`` in the context of the screens: that would be the direction of new rules as well."""
        defaults = super().default_get(fields)
        if self.env.context.get("integration_publishing") and "direction" in fields:
            defaults["direction"] = "publish"
        return defaults

    @api.model_create_multi
    def create(self, vals_list):
        self.browse()._check_consumers_lent(vals_list)
        flows = super().create(vals_list)
        flows.filtered(lambda flow: flow.state in RUNNING_STATES)._refresh_all()
        return flows

    def write(self, vals):
        self._check_consumers_lent([vals])
        if "direction" in vals and any((flow.direction == "publish") != (vals["direction"] == "publish") for flow in self):
            raise UserError(self.env._(
                "A flow that publishes data stays one, and no other flow becomes one. Make a new flow instead."))
        leaving = vals.get("state", "draft") != "draft"
        entering = self.filtered(lambda flow: leaving and flow.state == "draft")
        result = super().write(vals)
        entering._refresh_all()  # in Draft, changes are not collected
        published = self.filtered(lambda flow: flow.direction == "publish")
        if published and (PUBLISH_FIELDS & vals.keys() or any(name.startswith("availability_") for name in vals)):
            published._configuration_changed()
        return result

    def _configuration_changed(self):
        result = super()._configuration_changed()
        self.exists()._note_publishing(publishing_engine.LOOK)
        return result

    def _schedule_next(self):
        published = self.filtered(lambda flow: flow.direction == "publish")
        if published:
            self._wake_publishing()
        return super(IntegrationFlow, self - published)._schedule_next()

    def _require_running(self):
        if self.direction == "publish":
            raise UserError(self.env._(
                "%(flow)s is read by others; there is nothing to exchange. Use Compute All Again.", flow=self.name))
        return super()._require_running()

    @api.model
    def _wake_publishing(self):
        cron = self.env.ref("integration_flow.ir_cron_publish", raise_if_not_found=False)
        if cron:
            capture.wake(self.env, cron.id)

    def _refresh_all(self):
        """Have every document computed again, without waiting for it."""
        self._note_publishing(0)

    def _note_publishing(self, res_id):
        flows = self.filtered(lambda flow: flow.direction == "publish" and flow.state in CAPTURING_STATES)
        if flows:
            self.env["integration.capture"]._insert([(flow.id, res_id, "write") for flow in flows])
            self._wake_publishing()

    def _extra_watches(self):
        """What a publish flow depends on besides its rules: (model, field or '', path, before)."""
        return self._availability_watches() if self.direction == "publish" else ()

    # -- for the endpoint ----------------------------------------------------------------------------------

    @api.model
    @ormcache("code", cache="stable")
    def _publication(self, code):
        """The publication under an address name, as plain values.

        :raises KeyError: when there is none, so that guesses of strangers are not kept
        """
        flow = self.sudo().search([("publish_code", "=", code), ("direction", "=", "publish")])
        if not flow or flow.state == "draft":
            raise KeyError(code)
        plan = publish_plan.PublishPlan(flow)
        spec = publishing.Spec(
            plan.filter_names, published_documents.flat_names(plan.paths), flow.publish_page_size, flow.publish_max_page,
            flow.publish_max_lookup)
        return publish_plan.Publication(
            flow.id, flow.name, code, flow.company_id.id, flow.state in RUNNING_STATES, spec,
            publishing.etag(self.env.cr.dbname, flow.id, plan.signature, spec), openapi.schema(flow, plan, spec))

    # -- buttons -------------------------------------------------------------------------------------------

    def action_refresh_all(self):
        """Compute every document again; those that come out the same stay unchanged for consumers."""
        for flow in self:
            if flow.state not in RUNNING_STATES:
                raise UserError(self.env._("%(flow)s does not run. Press Go Live first.", flow=flow.name))
        self.check_access("write")
        self._refresh_all()
        return self._notify(self.env._("All documents are computed again. Those that come out the same stay unchanged."))

    def action_open_documents(self):
        return self._open(self.env._("Published Documents"), "integration.document", [
            ("flow_id", "in", self.ids), ("state", "!=", "gone")])

    def action_open_document_errors(self):
        return self._open(self.env._("Records That Are Not Published"), "integration.document", [
            ("flow_id", "in", self.ids), ("state", "=", "error")])

    def action_open_consumers(self):
        return self._open(self.env._("Consumers"), "integration.consumer", [("flow_ids", "in", self.ids)],
                          default_flow_ids=self.ids)
