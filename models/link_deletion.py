from odoo import api, models


class IntegrationLink(models.Model):
    """A link made by hand answers the question whether its external record is to be deleted."""

    _inherit = "integration.link"

    @api.model_create_multi
    def create(self, vals_list):
        links = super().create(vals_list)
        asked = self.env["integration.deletion"].sudo().search([
            ("side", "=", "external"), ("state", "=", "open"), ("external_id", "in", links.mapped("external_id"))])
        asked.filtered(lambda deletion: any(
            link.external_id == deletion.external_id and link.connection_id == deletion.connection_id
            and link.resource_id == deletion.flow_id.resource_id and not link.line_rule_id for link in links
        )).sync_id._queue("")
        return links
