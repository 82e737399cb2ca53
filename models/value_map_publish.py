from odoo import api, models

from ..engine import publishing


class IntegrationValueMapLine(models.Model):
    """A translation that changes makes other documents."""

    _inherit = "integration.value.map.line"

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        lines.map_id._publications_changed()
        return lines

    def write(self, vals):
        result = super().write(vals)
        self.map_id._publications_changed()
        return result

    def unlink(self):
        maps = self.map_id
        result = super().unlink()
        maps._publications_changed()
        return result


class IntegrationValueMap(models.Model):
    _inherit = "integration.value.map"

    def _publications_changed(self):
        """Publications that translate by these maps look whether their documents come out differently."""
        rules = self.env["integration.field.rule"].sudo().search(
            [("value_map_id", "in", self.ids), ("flow_id.direction", "=", "publish")])
        rules.flow_id._note_publishing(publishing.LOOK)
