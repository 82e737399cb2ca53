from odoo import api, fields, models


class IntegrationPayloadEditor(models.TransientModel):
    """Correct what was received, say why, and import it."""

    _name = "integration.payload.editor"
    _description = "Edit a Payload"

    sync_id = fields.Many2one(
        "integration.sync", string="Record", required=True, readonly=True, ondelete="cascade", index=True)
    payload = fields.Text(
        required=True, compute="_compute_payload", store=True, readonly=False, precompute=True)
    reason = fields.Char(required=True, help="Stands in the history of the record.")

    @api.depends("sync_id")
    def _compute_payload(self):
        for editor in self:
            if editor.sync_id:
                editor.sync_id._check_may_edit_payload()
            editor.payload = editor.sync_id and editor.sync_id._payload_shown(editor.sync_id.sudo().payload)

    def action_save(self):
        """Keep the original, take this instead and import it."""
        self.ensure_one()
        answer = self.sync_id._edit_payload(self.payload, self.reason)
        return dict(answer, params=dict(answer["params"], next={"type": "ir.actions.act_window_close"}))
