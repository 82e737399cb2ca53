from odoo import fields, models


class IntegrationFlow(models.Model):
    """Flows that read or write files."""

    _inherit = "integration.flow"

    file_number = fields.Integer(
        string="Number of the Last File", readonly=True, copy=False, aggregator=None,
        help="Files that this flow has written are numbered without gaps: {number} in the path of the operation.")
    file_ids = fields.One2many("integration.file", "flow_id", string="Files")
    file_count = fields.Integer(compute="_compute_file_count")

    def _compute_file_count(self):
        counts = dict(self.env["integration.file"]._read_group([("flow_id", "in", self.ids)], ["flow_id"], ["__count"]))
        for flow in self:
            flow.file_count = counts.get(flow, 0)

    def action_open_files(self):
        self.ensure_one()
        return dict(
            self.env["ir.actions.actions"]._for_xml_id("integration_flow.integration_file_action"),
            domain=[("flow_id", "=", self.id)], context={})


class IntegrationOperation(models.Model):
    """What becomes of a file that was read."""

    _inherit = "integration.operation"

    done_folder = fields.Char(
        string="Move Read Files To",
        help="A folder below the one that is read, for example done. It is made if it is missing. Empty: files stay where "
             "they are, and Odoo remembers which ones it has read.")
