from odoo import fields, models


class IntegrationLink(models.Model):
    """External ID and Odoo record are the same thing. Unique both ways within a connection and resource.

    Lines of a document (order lines) have links too: they carry the rule that reads them, and their external
    ID is ``<document>/<line>`` because line IDs are only unique within their document.
    """

    _name = "integration.link"
    _description = "Integration Link"
    _order = "id desc"
    _log_access = False

    connection_id = fields.Many2one("integration.connection", required=True, ondelete="cascade")
    resource_id = fields.Many2one("integration.resource", required=True, ondelete="restrict", index=True)
    line_rule_id = fields.Many2one("integration.field.rule", ondelete="cascade", index="btree_not_null")
    external_id = fields.Char(required=True)
    model = fields.Char(required=True)
    res_id = fields.Many2oneReference(string="Odoo Record", model_field="model", required=True)
    create_date = fields.Datetime(string="Linked On", readonly=True)

    _external_unique = models.UniqueIndex(
        "(connection_id, resource_id, COALESCE(line_rule_id, 0), external_id)",
        "This external record is linked to another Odoo record already.")
    _record_unique = models.UniqueIndex(
        "(connection_id, resource_id, COALESCE(line_rule_id, 0), model, res_id)",
        "This Odoo record is linked to another external record already.")
    _record_index = models.Index("(model, res_id)")
    # The lines of a document, by the beginning of their ID.
    _line_index = models.Index("(external_id varchar_pattern_ops) WHERE line_rule_id IS NOT NULL")

    def _compute_display_name(self):
        for link in self:
            link.display_name = f"{link.external_id} ⇄ {link.model},{link.res_id}"
