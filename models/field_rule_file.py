from odoo import models


class IntegrationFieldRule(models.Model):
    """Files that are sent as an address."""

    _inherit = "integration.field.rule"

    def _problems(self):
        problems = super()._problems()
        for rule in self.filtered(lambda rule: rule.active and rule.transform == "file_url"):
            field = rule._odoo_field()
            if rule.flow_id.direction != "export" or rule.direction == "import":
                problems.append(self.env._(
                    "Rule %(rule)s: the address of a file can only be sent, by a flow with the direction Export.",
                    rule=rule.display_name))
            elif field is None or field.type != "binary" or not field.store or not field.attachment:
                problems.append(self.env._(
                    "Rule %(rule)s: the file of this field is not kept as an attachment. Of variants take the picture of "
                    "their product: product_tmpl_id.image_1920.", rule=rule.display_name))
        return problems
