from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain
from odoo.tools.safe_eval import safe_eval

from .field_rule import OWNERS

# What all rules of a group have in common, because one decision is made for all of them.
GROUP_TERMS = ("owner", "owner_switch_domain", "owner_after", "direction", "blank_policy", "overruled_policy")
# Owners for whom a change in Odoo can be against the rule: what is changed there is looked at even without an export.
EXTERNAL_OWNERS = ("external", "external_unless_blank")


class IntegrationFieldRule(models.Model):
    """Who decides, in detail: when ownership switches, which fields move together, what a blank and a value that moved
    against its owner do."""

    _inherit = "integration.field.rule"

    blank_policy = fields.Selection([
        ("usual", "As Usual for This Owner"),
        ("change", "Is a Change: the Other Side Is Emptied Too"),
        ("ignore", "Is Ignored: Both Sides Keep What They Have"),
        ("fill", "Is Filled from the Side That Has a Value"),
    ], required=True, default="usual", string="A Blank on the Owner's Side",
        help="What happens when the owner's side is empty and the other one is not. With Newest Change and Ask, a blank "
             "on either side. As usual: it is a change; with Other System, Unless Blank it is filled from Odoo.")
    overruled_policy = fields.Selection([
        ("put_back", "Put Back"),
        ("keep", "Kept Until the Owner Changes It"),
    ], required=True, default="put_back", string="A Change Against the Owner",
        help="What happens to a value that was changed on the side that does not own it: by a user, an import, another "
             "app. Nobody is stopped; it is recorded as overruled in any case.")
    owner_after = fields.Selection(
        OWNERS, string="Switches To",
        help="Another owner, for Odoo records that meet a condition: Odoo until the order is confirmed, the warehouse "
             "afterwards. Empty: the owner is always the same.")
    owner_switch_domain = fields.Char(
        string="When", help="The condition on the Odoo record, for example [('state', '=', 'sale')].")
    merge_group = fields.Char(
        string="Moves Together With",
        help="A name of your choice, the same on all rules of the group, for example: address. The fields of a group are "
             "one decision: all of them come from the same side.")
    ignore_spaces = fields.Boolean(
        string="Ignore Spaces at the Ends", default=True, help="Texts that differ only in spaces at their ends are equal.")

    # -- checks --------------------------------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        return super().create([_without_empty_condition(vals) for vals in vals_list])

    def write(self, vals):
        """What is decided for one rule of a group is decided for all of it."""
        vals = _without_empty_condition(vals)
        terms = {name: vals[name] for name in GROUP_TERMS if name in vals}
        others = self.browse()
        if terms and not self.env.context.get("integration_group_moves"):
            staying = self.filtered(
                lambda rule: rule.merge_group and vals.get("merge_group", rule.merge_group) == rule.merge_group)
            others = staying._group_rules() - self
        if not others:
            return super().write(vals)
        together = self.with_context(integration_group_moves=True)
        result = super(IntegrationFieldRule, together).write(vals)
        others.with_context(integration_group_moves=True).write(terms)
        (self | others)._check_group()
        return result

    @api.constrains("owner_switch_domain", "owner_after", "parent_id", "odoo_path", "flow_id")
    def _check_switch(self):
        for rule in self:
            if not rule.owner_switch_domain and not rule.owner_after:
                continue
            if not rule.owner_switch_domain or not rule.owner_after:
                raise ValidationError(self.env._(
                    "Rule %(rule)s of %(flow)s: ownership that switches needs both the condition and the owner that "
                    "decides from then on.", rule=rule.display_name, flow=rule.flow_id.name))
            if rule.parent_id:
                raise ValidationError(self.env._(
                    "Rule %(rule)s of %(flow)s: the fields of a line belong to whoever owns the list. Let the rule of the "
                    "list switch instead.", rule=rule.display_name, flow=rule.flow_id.name))
            if rule.flow_id.model_name not in self.env:
                continue
            try:
                Domain(rule._switch_condition()).validate(self.env[rule.flow_id.model_name])
            except Exception as error:  # a typed domain can fail in as many ways as Python can
                raise ValidationError(self.env._(
                    "Rule %(rule)s of %(flow)s: the condition under which the owner switches is not valid: %(reason)s",
                    rule=rule.display_name, flow=rule.flow_id.name, reason=error)) from error

    @api.constrains("merge_group", "active", "flow_id", "parent_id", "kind", *GROUP_TERMS)
    def _check_group(self):
        if self.env.context.get("integration_group_moves"):
            return  # all of them are being written
        labels = {name: self._fields[name].get_description(self.env, ["string"])["string"] for name in GROUP_TERMS}
        for rule in self.filtered(lambda rule: rule.merge_group and rule.active):
            if rule.parent_id or rule.kind not in ("field", "relation"):
                raise ValidationError(self.env._(
                    "Rule %(rule)s of %(flow)s: only fields and related records can move together; a list moves as a whole "
                    "anyway, and a check moves nothing.", rule=rule.display_name, flow=rule.flow_id.name))
            for other in rule._group_rules() - rule:
                for name in GROUP_TERMS:
                    if (rule[name] or False) != (other[name] or False):
                        raise ValidationError(self.env._(
                            "The fields %(rule)s and %(other)s of %(flow)s move together (%(group)s), so that one decision "
                            "is made for both, but they differ in “%(option)s”. Make it the same on both.",
                            rule=rule.odoo_path, other=other.odoo_path, flow=rule.flow_id.name, group=rule.merge_group,
                            option=labels[name]))

    @api.onchange("merge_group")
    def _onchange_merge_group(self):
        """Who joins a group decides as the group does."""
        for rule in self:
            other = (rule._group_rules() - rule - rule._origin)[:1] if rule.merge_group else self.browse()
            for name in GROUP_TERMS if other else ():
                rule[name] = other[name]

    def _group_rules(self):
        """The active rules that move together with these, and themselves; the rules as they are where none do."""
        grouped = self.filtered("merge_group")
        if not grouped:
            return self
        names = {(rule.flow_id._origin or rule.flow_id, rule.merge_group) for rule in grouped}
        others = self.search([
            ("flow_id", "in", [flow.id for flow, _name in names]), ("parent_id", "=", False),
            ("merge_group", "in", list({name for _flow, name in names}))])
        return self | others.filtered(lambda rule: (rule.flow_id, rule.merge_group) in names)

    def _problems(self):
        problems = super()._problems()
        for rule in self.filtered(lambda rule: rule.active and rule.merge_group and len(rule._group_rules()) < 2):
            problems.append(self.env._(
                "Rule %(rule)s: no other rule of this flow moves together with it (%(group)s). Give the same name to "
                "the others, or empty it.", rule=rule.display_name, group=rule.merge_group))
        return problems

    # -- who decides ---------------------------------------------------------------------------------------

    def _may_own(self):
        """Everybody who owns this field at one time or another."""
        self.ensure_one()
        return {self.owner, self.owner_after} - {False} if self.owner_switch_domain else {self.owner}

    def _watched_way(self):
        """Why a change of this rule's field in Odoo is looked at: 'export', because it is sent; 'import', because another
        system owns the value; '' when nothing follows from it."""
        self.ensure_one()
        if self._may_own() == {"nobody"}:
            return ""
        if self.flow_id.direction != "import" and self.direction != "import":
            return "export"
        owned = self._may_own() & set(EXTERNAL_OWNERS)
        return "import" if owned and self.flow_id.direction in ("import", "both") and self.direction != "export" else ""

    def _switch_condition(self):
        """The condition under which the second owner decides, as a domain on the flow's model."""
        self.ensure_one()
        flow = self.flow_id
        return safe_eval(
            self.owner_switch_domain or "[]", {"uid": flow.user_id.id, "company_id": flow.company_id.id})

    def _owners_for(self, records):
        """Who owns this rule's field of each record, as ``{record id: owner}``; one search at most."""
        self.ensure_one()
        return self._owners_by_rule(records)[self]

    def _owners_by_rule(self, records):
        """The same for several rules at once, as ``{rule: {record id: owner}}``; one search for each condition."""
        met: dict[tuple, set[int]] = {}
        owners = {}
        for rule in self.sudo():
            after: set[int] = set()
            if rule.owner_switch_domain and rule.owner_after:
                condition = rule._switch_condition()
                key = repr(condition)
                if key not in met:
                    met[key] = set(records_meeting(records.sudo(), condition)._ids)
                after = met[key]
            owners[self.browse(rule.id)] = {
                record_id: rule.owner_after if record_id in after else rule.owner for record_id in records.ids}
        return owners


def _without_empty_condition(vals):
    """A condition that nobody has filled in is none; the widget of filters says [] then."""
    if (vals.get("owner_switch_domain") or "").strip() == "[]":
        return dict(vals, owner_switch_domain=False)
    return vals


def records_meeting(records, condition):
    """Those of ``records`` that meet a condition, archived ones too, by one search."""
    return records.with_context(active_test=False).search(Domain(condition) & Domain("id", "in", records.ids))
