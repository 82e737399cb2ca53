from odoo import fields, models


class IntegrationDocument(models.Model):
    """One document that consumers read: ready-made JSON under its key, with the number of its last change.

    Written by ``engine/publishing.py`` and read by ``engine/publish_serving.py``, both by SQL. A document that is gone stays
    for a while as a row that says so (a tombstone). A record that cannot be published has a row with the reason.
    """

    _name = "integration.document"
    _description = "Published Document"
    _order = "flow_id, key, id"
    _rec_name = "key"
    _log_access = False

    flow_id = fields.Many2one("integration.flow", required=True, ondelete="cascade")
    company_id = fields.Many2one("res.company", ondelete="cascade", index=True)
    res_id = fields.Many2oneReference(model_field="model_name", string="Record ID")
    model_name = fields.Char(related="flow_id.model_name")
    part_id = fields.Integer(string="Warehouse ID", help="Of documents that stand for a record and a warehouse.")
    key = fields.Char()
    state = fields.Selection(
        [("live", "Published"), ("gone", "Removed"), ("error", "Not Published")], required=True)
    change_number = fields.Integer(string="Change", help="Grows with every change of any document of this flow.")
    content_hash = fields.Char()
    body = fields.Text(string="Document")
    tags = fields.Json(help="By what consumers find it.")
    past_tags = fields.Json(help="By what they found it before.")
    changed_at = fields.Datetime(string="Changed On")
    error_code = fields.Char()
    error = fields.Char(string="Problem")
    record_name = fields.Char(string="Record", compute="_compute_record_name")

    # By byte, so that pages come in the same order whatever the language of the database.
    _key_unique = models.UniqueIndex('(flow_id, key COLLATE "C") WHERE state <> \'error\'')
    _change = models.Index("(flow_id, change_number) WHERE state <> 'error'")
    _gone = models.Index("(flow_id, changed_at) WHERE state = 'gone'")
    _record = models.Index("(flow_id, res_id)")
    _errors = models.Index("(flow_id, key) WHERE state = 'error'")
    _tags = models.Index("USING gin (tags) WHERE tags IS NOT NULL")

    def _compute_record_name(self):
        for model_name, documents in self.grouped("model_name").items():
            names = {}
            if model_name in self.env:
                records = self.env[model_name].with_context(active_test=False).search(
                    [("id", "in", documents.mapped("res_id"))])
                names = {record.id: record.display_name for record in records}
            for document in documents:
                document.record_name = names.get(document.res_id, False)

    def action_open_record(self):
        """Open the record that the document was made of."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window", "res_model": self.model_name, "res_id": self.res_id, "view_mode": "form",
            "views": [(False, "form")],
        }
