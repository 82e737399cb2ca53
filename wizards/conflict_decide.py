from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain

from ..models.conflict import BULK, SIDES
from ..models.notification import CLOSE

MANAGER_GROUP = "integration_flow.group_integration_manager"


class IntegrationConflictDecide(models.TransientModel):
    """Decide conflicts, once or for all times: the choice becomes the owner of the field."""

    _name = "integration.conflict.decide"
    _description = "Decide Conflicts"

    shown_ids = fields.Json(help="What the person has seen; those that are gone have moved on.")
    conflict_ids = fields.Many2many("integration.conflict", string="Fields", compute="_compute_conflict_ids")
    side = fields.Selection(SIDES, string="Whose Value Stands", required=True, default="odoo")
    scope = fields.Selection([
        ("selected", "What I Have Selected"), ("matching", "Everything That Matches the Filter"),
    ], required=True, default="selected", string="Which Conflicts")
    matching_domain = fields.Json()
    can_match = fields.Boolean(compute="_compute_can_match")
    count = fields.Integer(compute="_compute_counts", string="Conflicts")
    always = fields.Boolean(
        string="Always Do This",
        help="The choice becomes the owner of the field: there is no conflict any more from now on.")
    may_always = fields.Boolean(compute="_compute_may_always")
    always_text = fields.Text(compute="_compute_always_text", string="What This Changes")
    others_count = fields.Integer(compute="_compute_counts", string="Other Records in Conflict")
    others_too = fields.Boolean(string="Decide Those Too", default=True)

    @api.depends("shown_ids")
    def _compute_conflict_ids(self):
        for wizard in self:
            wizard.conflict_ids = self.env["integration.conflict"].browse(wizard.shown_ids or []).exists()

    @api.depends("matching_domain")
    def _compute_can_match(self):
        for wizard in self:
            wizard.can_match = isinstance(wizard.matching_domain, list)

    @api.depends_context("uid")
    def _compute_may_always(self):
        self.may_always = self.env.user.has_group(MANAGER_GROUP)

    def _chosen_domain(self):
        """The conflicts that are decided."""
        self.ensure_one()
        if self.scope == "matching" and self.can_match:
            return Domain(self.matching_domain)
        return Domain("id", "in", self.conflict_ids._with_groups().ids)

    def _rules(self):
        """The field rules behind the chosen conflicts, with those of fields that move together with them."""
        self.ensure_one()
        rules = self.env["integration.conflict"]._read_group(self._chosen_domain(), ["rule_id"])
        rules = self.env["integration.field.rule"].union(*(rule for (rule,) in rules))
        if "merge_group" in rules._fields:
            grouped = rules.filtered("merge_group")
            rules |= grouped.flow_id.rule_ids.filtered(
                lambda rule: any(rule.flow_id == one.flow_id and rule.merge_group == one.merge_group for one in grouped))
        return rules

    @api.depends("scope", "conflict_ids", "always")
    def _compute_counts(self):
        for wizard in self:
            conflicts = wizard.env["integration.conflict"]
            chosen = wizard._chosen_domain()
            wizard.count = conflicts.search_count(chosen)
            wizard.others_count = conflicts.search_count(wizard._others_domain()) if wizard.always else 0

    def _others_domain(self):
        return Domain("rule_id", "in", self._rules().ids) & ~self._chosen_domain() & Domain("decision", "=", False)

    @api.depends("side", "always", "scope", "conflict_ids")
    def _compute_always_text(self):
        owners = dict(self.env["integration.field.rule"]._fields["owner"]._description_selection(self.env))
        for wizard in self:
            if not wizard.always:
                wizard.always_text = False
                continue
            wizard.always_text = "\n".join(
                self.env._(
                    "%(flow)s, %(field)s: the owner changes from “%(before)s” to “%(after)s”. %(consequence)s",
                    flow=rule.flow_id.name, field=rule._conflict_label(), before=owners.get(rule.owner, ""),
                    after=owners.get(wizard.side, ""), consequence=self.env._(
                        "From now on a change over there is put back, and Odoo's value is sent.") if wizard.side == "odoo"
                    else self.env._("From now on a change in Odoo is put back, and the other system's value is written."))
                for rule in wizard._rules())

    def action_decide(self):
        """Carry it out. The owner is changed first, so that no further conflict arises meanwhile."""
        self.ensure_one()
        conflicts, bulk = self.env["integration.conflict"], self.env["integration.bulk.action"]
        if self.always:
            if not self.may_always:
                raise AccessError(self.env._(
                    "Only a manager of integrations may make the choice the rule. Decide without “Always Do This”."))
            rules = self._rules()
            if not rules:
                raise UserError(self.env._("These fields have no rule any more. Load the list anew."))
            others_domain = list(self._others_domain())
            others_count = conflicts.search_count(others_domain, limit=1) if self.others_too else 0
            rules.write({"owner": self.side})
            if others_count:
                bulk._start(BULK[self.side], conflicts._name, others_domain)
        if self.scope == "matching" and self.can_match:
            return bulk._start(BULK[self.side], conflicts._name, self.matching_domain)
        return self._closing(conflicts.browse(self.shown_ids or [])._decide(self.side))

    def _closing(self, answer):
        """Close the dialog and show what came of it; the progress of a bulk action is a dialog of its own."""
        if answer["tag"] != "display_notification":
            return answer
        return dict(answer, params=dict(answer["params"], next=dict(CLOSE)))
