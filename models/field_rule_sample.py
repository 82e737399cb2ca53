from odoo import api, fields, models

from ..engine import sampling

MANAGER = "integration_flow.group_integration_manager"
# What decides what a rule makes of a value: shown anew as soon as one of these is edited.
LOOKED_AT = (
    "kind", "odoo_path", "external_path", "direction", "owner", "required", "sensitive", "transform", "default_value",
    "value_map_id", "constant", "template", "separator", "part", "text_case", "max_length", "html_policy", "factor",
    "digits",
    "decimal_separator", "date_format", "timezone", "true_values", "false_values", "lookup_field", "lookup_domain",
    "unknown_as_blank", "country_path", "expression_import", "expression_export", "relation_flow_id", "relation_mode",
    "relation_lines", "relation_field",
    "flow_id",
    "parent_id.external_path", "parent_id.odoo_path",
)


class IntegrationFieldRule(models.Model):
    """Each rule shows at once what it makes of an example, and what speaks against it."""

    _inherit = "integration.field.rule"

    sample_in = fields.Char(string="Example", compute="_compute_sample", groups=MANAGER)
    sample_out = fields.Char(string="Becomes", compute="_compute_sample", groups=MANAGER)
    warning = fields.Char(compute="_compute_sample", groups=MANAGER)

    @api.depends(*LOOKED_AT)
    def _compute_sample(self):
        self.sample_in = self.sample_out = self.warning = False
        for flow, rules in self.grouped(lambda rule: rule._sampled_flow()).items():
            if not flow:
                continue
            sampled = sampling.sample(flow, rules, self.env)
            also = rules._written_elsewhere(flow)
            for rule in rules:
                found = sampled.get(rule)
                rule.sample_in = found and found.incoming or False
                rule.sample_out = found and found.outcome or False
                problems = [found.problem] if found and found.problem else []
                rule.warning = "; ".join([*rule._warnings(), *also.get(rule, []), *problems]) or False

    def _sampled_flow(self):
        flow = self.flow_id or self.parent_id.flow_id
        return flow._origin if flow else flow

    def _warnings(self):
        """What speaks against this rule at first sight."""
        self.ensure_one()
        field = self._odoo_field()
        if field is None or self.owner == "nobody":
            return []
        flow = self._sampled_flow()
        direction = flow.direction if self.direction == "flow" else self.direction
        if self.kind == "check" or direction == "export":
            return []
        if field.compute and not field.inverse and field.readonly and not field.related:
            return [self.env._("Odoo computes this field: what is written to it is lost.")]
        if field.related and field.readonly:
            return [self.env._("This field shows a value of another record and cannot be written.")]
        return []

    def _written_elsewhere(self, flow):
        """``{rule: [sentence]}`` of fields that another flow writes too."""
        rules = self.filtered(lambda rule: rule.odoo_path and not rule.parent_id and rule.kind != "check")
        if not rules or flow.direction == "export":
            return {}
        others = self.env["integration.field.rule"].sudo().search([
            ("flow_id", "!=", flow.id), ("flow_id.model_name", "=", flow.model_name), ("flow_id.active", "=", True),
            ("flow_id.state", "!=", "draft"), ("flow_id.direction", "!=", "export"), ("parent_id", "=", False),
            ("direction", "!=", "export"), ("kind", "!=", "check"), ("owner", "not in", ("nobody", "odoo")),
            ("odoo_path", "in", rules.mapped("odoo_path"))])
        flows = {other.odoo_path: other.flow_id.name for other in others}
        return {
            rule: [self.env._("The flow %(flow)s writes this field, too.", flow=flows[rule.odoo_path])]
            for rule in rules if rule.odoo_path in flows and rule.owner not in ("nobody", "odoo")
            and rule.direction != "export"}

    @api.model
    def get_sample_tree(self, flow_id, parent_id=False):
        """The example record from which a path is picked, without sensitive values; for rules of lines, its first line.

        :return: the record, or None when there is no example yet
        """
        flow = self.env["integration.flow"].browse(flow_id)
        flow.check_access("write")
        return sampling.shown_example(flow, self.browse(parent_id).exists() if parent_id else None)
