from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..core import agreement
from .flow_words import configuration_fields, value_words

# What the business agrees to. Technical settings (batch size, priority, log) may change without asking.
AGREED_FIELDS = (
    "purpose", "direction", "resource_id", "model_id", "domain", "external_filter", "list_query", "create_in_odoo",
    "create_in_external", "delete_in_odoo", "delete_in_external", "read_before_write", "timing", "interval_number",
    "interval_unit", "cron_expression", "frequency_reason", "users_see", "lang", "tz", "company_id", "retry_attempts",
    "retry_first_seconds", "retry_coefficient", "retry_maximum_seconds", "retry_connection", "retry_timeout", "retry_server",
    "retry_locked", "alert_policy", "alert_user_path", "responsible_id", "business_owner_id", "announce", "request_effect",
    "gate_buttons", "status_field", "status_path", "status_send_path", "status_as_number", "status_ignore_late",
    "status_chain",
)


class IntegrationFlowAgreement(models.Model):
    """The business owner agreed to a flow as it was then. A new agreement is a new version; none is ever changed."""

    _name = "integration.flow.agreement"
    _description = "Integration Agreement"
    _order = "flow_id, version desc"
    _rec_name = "version"

    flow_id = fields.Many2one("integration.flow", required=True, readonly=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="flow_id.company_id")
    version = fields.Integer(required=True, readonly=True, aggregator=None)
    user_id = fields.Many2one(
        "res.users", string="Agreed By", readonly=True, ondelete="set null", index="btree_not_null")
    user_name = fields.Char(string="Name", readonly=True, help="Stays when the user is removed.")
    agreed_at = fields.Datetime(string="Agreed On", required=True, readonly=True)
    fingerprint = fields.Char(readonly=True)
    snapshot = fields.Json(readonly=True, groups=fields.NO_ACCESS)
    changes = fields.Text(
        string="What Was New", readonly=True, help="Compared with the version before, in the words of then.")

    _version_unique = models.Constraint("UNIQUE (flow_id, version)", "This version was agreed to already.")

    def _compute_display_name(self):
        for version in self:
            version.display_name = self.env._("Version %(number)s", number=version.version)


class IntegrationFlow(models.Model):
    """The agreement: what was agreed, by whom, and what differs since."""

    _inherit = "integration.flow"

    agreement_ids = fields.One2many("integration.flow.agreement", "flow_id", string="Agreements", readonly=True)
    agreement_id = fields.Many2one("integration.flow.agreement", string="Last Agreement", compute="_compute_agreement")
    agreement_state = fields.Selection([
        ("none", "Not Agreed Yet"), ("agreed", "Agreed"), ("void", "Void: Changed Since"),
    ], string="Agreement", compute="_compute_agreement")
    agreement_changes = fields.Html(string="Changed Since", compute="_compute_agreement", sanitize=False)
    may_agree = fields.Boolean(compute="_compute_agreement")

    @api.depends("agreement_ids", "business_owner_id", "rule_ids", *(
        name for name in AGREED_FIELDS if name not in ("business_owner_id",)))
    @api.depends_context("uid", "lang")
    def _compute_agreement(self):
        for flow in self:
            last = flow.agreement_ids.sorted("version")[-1:]
            changes = flow._agreement_changes() if last else []
            flow.agreement_id = last
            flow.agreement_state = "none" if not last else "void" if changes else "agreed"
            flow.agreement_changes = flow._changes_table(changes)
            flow.may_agree = bool(
                flow.business_owner_id == self.env.user and flow.agreement_state != "agreed" and flow._origin)

    # -- terms ---------------------------------------------------------------------------------------------

    def _agreement_terms(self):
        """What is agreed to, as ``core/agreement.py`` compares it. A module that adds terms adds a group or values here."""
        self.ensure_one()
        flow = self.sudo()
        return {
            "plan": {"flow": {
                "label": self.env._("Plan"), "words": "",
                "values": {name: flow._term(flow, name) for name in AGREED_FIELDS}}},
            "rules": {
                f"{rule.parent_id.code}/{rule.code}" if rule.parent_id else rule.code: flow._part(
                    rule, rule._field_words(), rule._rule_words())
                for top in flow.rule_ids for rule in (top, *top.child_ids)},
            "statuses": {
                f"{rule.side}/{rule.external_status}/{rule.stage_id.value or ''}": flow._status_term(rule)
                for rule in (*flow.status_rule_ids, *flow.status_send_ids) if rule.effect != "open"},
            "guardrails": {
                str(guard.id): flow._part(guard, guard.display_name, self.env._("guardrail")) for guard in flow.guard_ids},
            "calls": {
                str(number): flow._part(step, step.operation_id.display_name, self.env._("call"))
                for number, step in enumerate(flow.request_step_ids, 1)},
        }

    def _term(self, record, name):
        field, value = record._fields[name], record[name]
        raw = value.id or False if field.type == "many2one" else value
        label = field.get_description(self.env, ["string"])["string"]
        return {"label": label, "raw": raw, "words": value_words(record, name)}

    def _status_term(self, rule):
        """Statuses that were only collected are nobody's decision yet, and no terms."""
        part = self._part(rule, rule.external_status or "", rule.display_name)
        part["values"]["from_stage_ids"] = {
            "label": rule._fields["from_stage_ids"].get_description(self.env, ["string"])["string"],
            "raw": sorted(rule.from_stage_ids.mapped("value")),
            "words": ", ".join(rule.from_stage_ids.mapped("display_name"))}
        return part

    def _part(self, record, label, words):
        """One rule, guardrail or call among the terms."""
        return {"label": label, "words": words, "values": {
            name: self._term(record, name) for name in configuration_fields(record)}}

    def _agreement_changes(self):
        """What differs from the last agreement; empty when nothing does or nothing was agreed."""
        self.ensure_one()
        last = self.sudo().agreement_ids.sorted("version")[-1:]
        return agreement.differences(last.snapshot or {}, self._agreement_terms()) if last else []

    def _change_words(self, change):
        """``(what, before, after)`` of one change."""
        what = f"{change.label}: {change.name}" if change.name and change.group != "plan" else change.name or change.label
        if change.kind == "added":
            return what, self.env._("not there"), change.after
        if change.kind == "removed":
            return what, change.before, self.env._("removed")
        return what, change.before or self.env._("blank"), change.after or self.env._("blank")

    def _changes_table(self, changes):
        if not changes:
            return False
        return Markup(
            "<table class='table table-sm mb-0'><thead><tr><th>%s</th><th>%s</th><th>%s</th></tr></thead>"
            "<tbody>%s</tbody></table>"
        ) % (self.env._("What"), self.env._("Agreed"), self.env._("Now"), Markup().join(
            Markup("<tr><td>%s</td><td>%s</td><td>%s</td></tr>") % self._change_words(change) for change in changes))

    # -- buttons -------------------------------------------------------------------------------------------

    def action_ask_agreement(self):
        """Ask the business owner to read the specification and to agree."""
        self.ensure_one()
        self.check_access("write")
        if not self.business_owner_id:
            raise UserError(self.env._(
                "%(flow)s has no business owner yet. Say on the Plan tab who decides what it has to do.", flow=self.name))
        if not self.activity_ids.filtered(lambda activity: activity.summary == self._ask_summary()):
            self.activity_schedule(
                "mail.mail_activity_data_todo", user_id=self.business_owner_id.id, summary=self._ask_summary(),
                note=Markup("<p>%s</p>") % self.env._(
                    "Open the flow, press Specification, and Agree if it says what your work needs."))
        return self._notify(self.env._("%(name)s was asked.", name=self.business_owner_id.name))

    def _ask_summary(self):
        return self.env._("Agree to the integration %(flow)s", flow=self.name)

    def action_agree(self):
        """The business owner agrees to the flow as it is now. Reading it is enough of a right for that."""
        for flow in self:
            flow.check_access("read")
            if flow.business_owner_id != self.env.user:
                raise UserError(self.env._(
                    "%(flow)s: only its business owner may agree, and that is %(owner)s.", flow=flow.name,
                    owner=flow.business_owner_id.name or self.env._("nobody yet")))
            flow.sudo()._record_agreement(self.env.user)

    def _record_agreement(self, user):
        """A new version, unless the last one is the same; returns the agreement that holds now."""
        self.ensure_one()
        last = self.agreement_ids.sorted("version")[-1:]
        changes = self._agreement_changes()
        if last and not changes:
            return last
        terms = self._agreement_terms()
        version = self.env["integration.flow.agreement"].create({
            "flow_id": self.id, "version": last.version + 1, "user_id": user.id, "user_name": user.name,
            "agreed_at": fields.Datetime.now(), "fingerprint": agreement.fingerprint(terms), "snapshot": terms,
            "changes": "\n".join(
                self.env._("%(what)s: %(before)s → %(after)s", what=what, before=before, after=after)
                for what, before, after in map(self._change_words, changes)),
        })
        self.message_post(body=self.env._(
            "%(user)s agreed to version %(number)s.", user=user.name, number=version.version))
        self.activity_ids.filtered(lambda activity: activity.summary == self._ask_summary()).action_feedback()
        self.invalidate_recordset(["agreement_state", "agreement_id", "agreement_changes", "may_agree"])
        return version
