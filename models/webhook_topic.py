from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..core import paths
from ..core.errors import SyncError


class IntegrationWebhookTopic(models.Model):
    """Which webhook events concern which flow, and what they bring: the record, only its ID, or its end."""

    _name = "integration.webhook.topic"
    _description = "Integration Webhook Topic"
    _order = "connection_id, sequence, id"
    _rec_name = "topic"

    connection_id = fields.Many2one("integration.connection", required=True, ondelete="cascade", index=True)
    sequence = fields.Integer(default=10)
    topic = fields.Char(
        required=True, default="*",
        help="As the sender names it, for example order.created. * stands for anything: order.* or just *.")
    flow_id = fields.Many2one(
        "integration.flow", required=True, ondelete="cascade", index=True,
        domain="[('connection_id', '=', connection_id), ('direction', '!=', 'export')]")
    kind = fields.Selection([
        ("record", "The Record"),
        ("ids", "Only IDs: Read It Back"),
        ("deleted", "It Was Deleted"),
    ], string="The Event Brings", required=True, default="record",
        help="The Record: the body holds it as the API answers it. Only IDs: the record is read from the API. "
             "It Was Deleted: the flow's setting 'When Deleted There' applies.")
    path = fields.Char(
        string="Where in the Body",
        help="JMESPath of the record, of a list of records, or of the IDs: for example data.object or data.id. Empty: the "
             "body is the record, and the ID stands where the resource says.")

    @api.model_create_multi
    def create(self, vals_list):
        """A topic that is made from its flow (by a blueprint) is one of the flow's connection."""
        for vals in vals_list:
            if vals.get("flow_id") and not vals.get("connection_id"):
                vals["connection_id"] = self.env["integration.flow"].browse(vals["flow_id"]).connection_id.id
        return super().create(vals_list)

    @api.constrains("path")
    def _check_path(self):
        for line in self:
            if line.path:
                try:
                    paths.compile_path(line.path)
                except SyncError as error:
                    raise ValidationError(self.env._(
                        "Webhook topic %(topic)s: '%(path)s' is not a valid path (%(reason)s).",
                        topic=line.topic, path=line.path, reason=error.params.get("reason", ""))) from error

    @api.constrains("flow_id", "connection_id")
    def _check_flow(self):
        for line in self:
            if line.flow_id.connection_id != line.connection_id or line.flow_id.direction == "export":
                raise ValidationError(self.env._(
                    "Webhook topic %(topic)s: the flow %(flow)s must belong to this connection and import records.",
                    topic=line.topic, flow=line.flow_id.name))
