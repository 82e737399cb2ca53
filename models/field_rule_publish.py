from odoo import api, fields, models

from ..core import paths, publishing


class IntegrationFieldRule(models.Model):
    """Rules of publish flows: one way, out of Odoo; consumers may filter by some of them."""

    _inherit = "integration.field.rule"

    publish_filter = fields.Boolean(
        string="Filter", help="Consumers may ask for documents with a certain value of this field.")

    @api.depends("flow_id")
    def _compute_owner(self):
        published = self.filtered(lambda rule: not rule.owner and rule.flow_id.direction == "publish")
        published.owner = "odoo"
        return super(IntegrationFieldRule, self - published)._compute_owner()

    def _publish_problems(self):
        """Sentences that say what keeps this rule of a publish flow from working."""
        self.ensure_one()
        problems = []
        name = self.display_name
        if self.kind not in ("field", "lines"):
            problems.append(self.env._(
                "Rule %(rule)s: published documents are made of fields and lines only.", rule=name))
        if not self.external_path:
            problems.append(self.env._("Rule %(rule)s: give the name under which the value is published.", rule=name))
        elif not paths.is_assignable(self.external_path):
            problems.append(self.env._(
                "Rule %(rule)s: '%(path)s' cannot be written. Give a plain name such as price.amount.",
                rule=name, path=self.external_path))
        if self.publish_filter and (
                self.kind != "field" or publishing.FILTER_NAME.fullmatch(self.external_path or "") is None
                or self.external_path in publishing.RESERVED):
            problems.append(self.env._(
                "Rule %(rule)s: consumers cannot filter by '%(path)s'. A filter is a single value with a plain name, other "
                "than %(reserved)s.", rule=name, path=self.external_path or "", reserved=", ".join(publishing.RESERVED)))
        return problems
