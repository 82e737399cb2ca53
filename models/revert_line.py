from odoo import fields, models


class IntegrationRevertLine(models.Model):
    """One value (or record) that a revert has left as it was, and why. Written by the engine in bulk."""

    _name = "integration.revert.line"
    _description = "Integration Revert Line"
    _order = "id"
    _log_access = False
    _rec_name = "name"

    run_id = fields.Many2one(
        "integration.run", string="Revert", required=True, readonly=True, ondelete="cascade", index=True)
    flow_id = fields.Many2one("integration.flow", readonly=True, ondelete="cascade", index=True)
    company_id = fields.Many2one("res.company", readonly=True, index="btree_not_null", ondelete="cascade")
    sync_id = fields.Many2one(
        "integration.sync", string="Sync Record", readonly=True, ondelete="set null", index="btree_not_null")
    model = fields.Char(readonly=True)
    res_id = fields.Many2oneReference(string="Odoo Record", model_field="model", readonly=True)
    name = fields.Char(string="Record", readonly=True)
    side = fields.Selection([("odoo", "Odoo"), ("external", "Other System")], string="Where", readonly=True)
    field = fields.Char(readonly=True)
    reason_code = fields.Char(readonly=True)
    reason = fields.Text(string="Why", readonly=True)
    before = fields.Text(string="Before the Run", readonly=True)
    after = fields.Text(string="Written by the Run", readonly=True)
    changed_by = fields.Char(readonly=True)
    changed_at = fields.Datetime(string="Changed On", readonly=True)
    create_date = fields.Datetime(string="Looked At", readonly=True)

    def action_open_record(self):
        """The sync record, with its history."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window", "res_model": "integration.sync", "res_id": self.sync_id.id,
            "view_mode": "form", "views": [(False, "form")],
        }
