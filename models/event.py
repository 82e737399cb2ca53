from odoo import fields, models


class IntegrationEvent(models.Model):
    """One announced event: its ID, type and body, kept once for all subscribers and attempts. Written by the engine."""

    _name = "integration.event"
    _description = "Integration Announced Event"
    _order = "id desc"
    _log_access = False
    _rec_name = "event_type"

    uid = fields.Char(string="Event ID", required=True, readonly=True, index=True, help="The header webhook-id.")
    event_type = fields.Char(string="Event", required=True, readonly=True)
    flow_id = fields.Many2one("integration.flow", readonly=True, ondelete="set null", index="btree_not_null")
    company_id = fields.Many2one("res.company", readonly=True, ondelete="cascade", index="btree_not_null")
    model = fields.Char(readonly=True)
    res_id = fields.Many2oneReference(string="Odoo Record", model_field="model", readonly=True)
    external_id = fields.Char(string="External ID", readonly=True)
    record_name = fields.Char(string="Record", readonly=True)
    record_key = fields.Integer(readonly=True, help="The sync record: events with the same one are sent in order.")
    create_date = fields.Datetime(string="When", readonly=True)
    body = fields.Text(readonly=True, groups="integration_flow.group_integration_manager")
