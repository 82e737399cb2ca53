from odoo import fields, models


class IntegrationFieldRule(models.Model):
    """References to lines: the order lines that a delivery carries, or that a refund gives back."""

    _inherit = "integration.field.rule"

    relation_lines = fields.Char(
        string="Lines", help="The field refers to lines of the other flow's documents: code of the rule that brings "
                             "them, for example items. Their IDs over there are sent. Only for what is sent.")

    def _relation_line_rule(self):
        """The rule of the other flow by which the lines are known over there; empty when it refers to whole records."""
        self.ensure_one()
        if not self.relation_lines:
            return self.browse()
        return self.relation_flow_id.rule_ids.filtered(
            lambda rule: rule.kind == "lines" and rule.code == self.relation_lines)[:1]

    def _problems(self):
        problems = super()._problems()
        for rule in self.filtered(lambda rule: rule.active and rule.kind == "relation" and rule.relation_lines):
            if not rule._relation_line_rule():
                problems.append(self.env._(
                    "Rule %(rule)s: the flow %(flow)s has no lines with the code '%(code)s'.", rule=rule.display_name,
                    flow=rule.relation_flow_id.display_name, code=rule.relation_lines))
            elif rule.direction != "export" and rule.flow_id.direction != "export":
                problems.append(self.env._(
                    "Rule %(rule)s: references to lines can only be sent. Make the rule Export Only.", rule=rule.display_name))
        return problems
