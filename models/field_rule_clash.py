from odoo import api, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain

from .field_rule_ownership import EXTERNAL_OWNERS
from .flow import CAPTURING_STATES

# What decides whether two rules can be in each other's way.
RULE_FIELDS = ("odoo_path", "external_path", "owner", "owner_after", "owner_switch_domain", "direction", "active", "kind",
               "parent_id", "flow_id")
FLOW_FIELDS = ("state", "active", "connection_id", "resource_id", "company_id", "model_id", "domain", "direction")


class IntegrationFieldRule(models.Model):
    """Two rules that both always overwrite the same value would overwrite each other for ever."""

    _inherit = "integration.field.rule"

    @api.constrains(*RULE_FIELDS)
    def _check_clash(self):
        for flow in self.flow_id:
            flow._check_clash()

    def _field_label(self):
        """What people call the Odoo field of this rule."""
        self.ensure_one()
        field = self._odoo_field()
        return field.get_description(self.env, ["string"])["string"] if field is not None else self.odoo_path or self.code

    def _always(self, side):
        """Those of these rules that always write the given side ('odoo' or 'external'), whatever stands there."""
        owners = set(EXTERNAL_OWNERS) if side == "odoo" else {"odoo"}
        ways = ("import", "both") if side == "odoo" else ("export", "both")
        return self.filtered(
            lambda rule: rule.active and rule.kind in ("field", "relation") and not rule.parent_id and rule.odoo_path
            and rule._may_own() & owners and rule._way() in ways)

    def _way(self):
        """The direction in which this rule works: 'import', 'export', 'both', or '' where its flow forbids it."""
        self.ensure_one()
        flow_way = self.flow_id.direction
        if self.direction == "flow" or self.direction == flow_way:
            return flow_way
        return self.direction if flow_way == "both" else ""


class IntegrationFlow(models.Model):
    """Which other flows write the same fields as this one."""

    _inherit = "integration.flow"

    @api.constrains(*FLOW_FIELDS)
    def _check_clash(self):
        for flow in self.filtered(lambda flow: flow.active and flow.state in CAPTURING_STATES):
            clashes = flow._clashes()
            if clashes:
                raise ValidationError("\n".join(clashes))

    def _problems(self):
        return super()._problems() + self._clashes()

    def _clashes(self):
        """Sentences about running flows whose rules overwrite what this flow's rules write; both are named."""
        self.ensure_one()
        if self.model_name not in self.env:
            return []
        mine = self.sudo().rule_ids
        others = self._rules_of_running_flows(mine)
        clashes = []
        for rule in mine._always("odoo"):
            for other in others._always("odoo").filtered(lambda other, rule=rule: other.odoo_path == rule.odoo_path):
                if self._may_meet(other.flow_id):
                    clashes.append(self._two_masters(rule, other))
        clashes += self._loops(mine, others)
        return list(dict.fromkeys(clashes))

    def _rules_of_running_flows(self, mine):
        """Rules of other flows for the same Odoo records, with a field or a path of these rules."""
        return self.env["integration.field.rule"].sudo().search([
            ("flow_id.model_name", "=", self.model_name), ("flow_id.state", "in", CAPTURING_STATES),
            ("flow_id.active", "=", True), ("flow_id", "not in", self.ids), ("parent_id", "=", False),
            "|", ("odoo_path", "in", mine.mapped("odoo_path")), ("external_path", "in", mine.mapped("external_path"))])

    def _two_masters(self, rule, other):
        return self.env._(
            "%(model)s, field %(field)s: the flow %(flow)s (%(system)s) and the flow %(other_flow)s (%(other_system)s) both "
            "always write it, so each would undo what the other has written. Let one system own it; or let one of the rules "
            "be owned by Odoo, by the newest change, or by the other system at creation only; or keep the flows apart by "
            "company, or by filters on the Odoo records that exclude each other.",
            model=self.model_id.name, field=rule._field_label(), flow=self.name, system=self.connection_id.name,
            other_flow=other.flow_id.name, other_system=other.flow_id.connection_id.name)

    def _loops(self, mine, others):
        """Two flows for the same two records, of which each always undoes what the other has written."""
        clashes = []
        same = others.filtered(
            lambda other: other.flow_id.connection_id == self.connection_id
            and other.flow_id.resource_id == self.resource_id and not self._apart(other.flow_id))
        for side, opposite in (("odoo", "external"), ("external", "odoo")):
            for rule in mine._always(side):
                for other in same._always(opposite).filtered(
                        lambda other, rule=rule: (other.odoo_path, other.external_path) == (
                            rule.odoo_path, rule.external_path)):
                    clashes.append(self.env._(
                        "%(model)s, field %(field)s: the flow %(flow)s lets %(owner)s own it and the flow %(other_flow)s "
                        "lets %(other_owner)s own it, so each would undo what the other has written, for ever. Choose one "
                        "owner for both.", model=self.model_id.name, field=rule._field_label(), flow=self.name,
                        other_flow=other.flow_id.name, **self._owner_names(side)))
        for rule in mine._always("external"):
            for other in same._always("external").filtered(
                    lambda other, rule=rule: other.external_path == rule.external_path
                    and other.odoo_path != rule.odoo_path):
                clashes.append(self.env._(
                    "%(system)s, %(path)s: the flow %(flow)s always writes it from %(field)s and the flow %(other_flow)s "
                    "always writes it from %(other_field)s, so each would undo what the other has written. Remove one of "
                    "the two rules.", system=self.connection_id.name, path=rule.external_path, flow=self.name,
                    field=rule._field_label(), other_flow=other.flow_id.name, other_field=other._field_label()))
        return clashes

    def _owner_names(self, side):
        system, odoo = self.connection_id.name, self.env._("Odoo")
        return {"owner": system, "other_owner": odoo} if side == "odoo" else {"owner": odoo, "other_owner": system}

    def _may_meet(self, other):
        """May the two flows, of different systems, write the same Odoo record? The sandbox and the production environment of
        one API are one system."""
        mine, theirs = self.connection_id, other.connection_id
        if mine == theirs or mine.api_name == theirs.api_name and mine.environment != theirs.environment:
            return False
        return not self._apart(other)

    def _apart(self, other):
        """Is it certain that no Odoo record belongs to both flows: by company, or by filters that exclude each other?"""
        if self.company_id and other.company_id and self.company_id != other.company_id:
            return True
        try:
            model = self.env[self.model_name]
            mine, theirs = Domain(self._parsed_domain()), Domain(other._parsed_domain())
            if (mine & theirs).optimize(model).is_false():
                return True
            # Odoo does not see by itself that nobody has a tag and has it not.
            there = [part.optimize(model) for part in _parts(theirs)]
            return any((~part).optimize(model) in there for part in _parts(mine))
        except Exception:  # a typed domain can fail in as many ways as Python can
            return False  # not certain


def _parts(domain):
    """The conditions that all have to hold."""
    return list(domain.children) if getattr(domain, "OPERATOR", "") == "&" else [domain]
