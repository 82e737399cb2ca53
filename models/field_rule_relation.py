from odoo import fields, models


class IntegrationFieldRule(models.Model):
    """References to more than the records of another flow: to the lines of its documents (which order line does a delivery
    carry), or to what stands on its records (the customer of the order that is refunded)."""

    _inherit = "integration.field.rule"

    relation_mode = fields.Selection(
        selection_add=[("leave_out", "Leave This Record Out")], ondelete={"leave_out": "set default"},
        help="When the related record is not linked yet. Wait: until its own flow brings it. Import: read it from "
             "the other system now. Payload: the external path holds the whole record. Leave out: only for what is sent; a "
             "note on a document that is not over there stays here, and within lines the line is left out.")
    relation_lines = fields.Char(
        string="Lines", help="The field refers to lines of the other flow's documents: code of the rule that brings "
                             "them, for example items. Their IDs over there are sent. Only for what is sent.")
    relation_field = fields.Char(
        string="Field of It", help="Instead of the related record itself, this field of it: partner_id takes the customer "
                                   "of the related order. Only for what is received.")

    def _relation_line_rule(self):
        """The rule of the other flow by which the lines are known over there; empty when it refers to whole records."""
        self.ensure_one()
        if not self.relation_lines:
            return self.browse()
        return self.relation_flow_id.rule_ids.filtered(
            lambda rule: rule.kind == "lines" and rule.code == self.relation_lines)[:1]

    def _problems(self):
        problems = super()._problems()
        for rule in self.filtered(lambda rule: rule.active and rule.kind == "relation" and rule.relation_flow_id):
            way = rule.flow_id.direction if rule.direction == "flow" else rule.direction
            if rule.relation_lines and not rule._relation_line_rule():
                problems.append(self.env._(
                    "Rule %(rule)s: the flow %(flow)s has no lines with the code '%(code)s'.", rule=rule.display_name,
                    flow=rule.relation_flow_id.display_name, code=rule.relation_lines))
            elif rule.relation_lines and way != "export":
                problems.append(self.env._(
                    "Rule %(rule)s: references to lines can only be sent. Make the rule Export Only.",
                    rule=rule.display_name))
            if rule.relation_mode == "leave_out" and way != "export":
                problems.append(self.env._(
                    "Rule %(rule)s: only what is sent can be left out. Make the rule Export Only.", rule=rule.display_name))
            if rule.relation_field:
                there = self.env[rule.relation_flow_id.model_name]._fields.get(rule.relation_field)
                here = rule._odoo_field()
                if way != "import":
                    problems.append(self.env._(
                        "Rule %(rule)s: a field of the related record can only be received. Make the rule Import Only.",
                        rule=rule.display_name))
                elif there is None or here is None or there.type != "many2one" or there.comodel_name != here.comodel_name:
                    problems.append(self.env._(
                        "Rule %(rule)s: '%(field)s' of the related record does not refer to the same kind of record.",
                        rule=rule.display_name, field=rule.relation_field))
        return problems
