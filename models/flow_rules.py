from odoo import api, fields, models


class IntegrationFlow(models.Model):
    """What is missing among the rules of a flow, and a suggestion of some."""

    _inherit = "integration.flow"

    unmapped_required = fields.Char(
        compute="_compute_unmapped_required", groups="integration_flow.group_integration_manager",
        help="Required fields of the Odoo records that no rule fills: creating one would fail.")

    @api.depends("model_id", "direction", "create_in_odoo", "rule_ids.odoo_path", "rule_ids.direction", "rule_ids.owner")
    def _compute_unmapped_required(self):
        for flow in self:
            flow.unmapped_required = ", ".join(flow._unmapped_required()) or False

    def _unmapped_required(self):
        """Labels of required fields without a default that no rule of this flow fills."""
        model = self.env.get(self.model_name)
        if model is None or self.direction == "export" or not self.create_in_odoo:
            return []
        filled = {rule.odoo_path for rule in self.rule_ids if rule.direction != "export" and rule.owner != "nobody"}
        names = [
            name for name, field in model._fields.items()
            if field.required and field.store and not field.compute and not field.related and name not in filled
            and not field.default and name not in ("id", "create_uid", "write_uid")]
        given = model.default_get(names)
        labels = model.fields_get(names, ["string"])
        return sorted(labels[name]["string"] for name in names if name not in given and name in labels)

    def action_suggest_rules(self):
        """Suggest field rules from an example; nothing is saved before somebody has chosen."""
        self.ensure_one()
        return self.env["integration.suggest"]._open_for(self)
