import base64
import re

from odoo import api, fields, models


class IntegrationBlueprintExport(models.TransientModel):
    """Flows as one file to download, and what could not be part of it."""

    _name = "integration.blueprint.export"
    _description = "Export a Blueprint"

    flow_ids = fields.Many2many("integration.flow", string="Flows", readonly=True)
    file = fields.Binary(attachment=False, readonly=True)
    file_name = fields.Char(readonly=True)
    notes = fields.Text(string="Left Out", readonly=True)

    @api.model
    def _open_for(self, flows, alerts=None):
        """The action that offers the file of these flows, or business alerts."""
        text, notes = self.env["integration.blueprint"]._export_text(flows, alerts=alerts)
        code = (flows.code or flows.publish_code) if len(flows) == 1 else flows[:1].connection_id.code
        code = code or (alerts or self.env["integration.notice.rule"])[:1].code
        wizard = self.create({
            "flow_ids": [(6, 0, flows.ids)], "file": base64.b64encode(text.encode()), "notes": "\n".join(notes),
            "file_name": f"{re.sub(r'[^A-Za-z0-9_.-]', '_', code or 'blueprint')}.json"})
        return {
            "type": "ir.actions.act_window", "name": self.env._("Export a Blueprint"), "res_model": self._name,
            "res_id": wizard.id, "view_mode": "form", "target": "new",
        }
