from odoo import fields, models

from .selections import ERROR_CLASSES


class IntegrationExchange(models.Model):
    """One HTTP request and its response, redacted and capped. Written by the engine in bulk."""

    _name = "integration.exchange"
    _description = "Integration Exchange"
    _order = "id desc"
    _log_access = False

    connection_id = fields.Many2one("integration.connection", ondelete="cascade", readonly=True)
    company_id = fields.Many2one("res.company", ondelete="cascade", readonly=True, index="btree_not_null")
    flow_id = fields.Many2one("integration.flow", ondelete="cascade", readonly=True, index="btree_not_null")
    run_id = fields.Many2one("integration.run", ondelete="set null", readonly=True, index="btree_not_null")
    create_date = fields.Datetime(string="When", readonly=True)
    direction = fields.Selection([("out", "Sent by Odoo"), ("in", "Received")], readonly=True)
    correlation_id = fields.Char(readonly=True, index="btree_not_null")
    method = fields.Char(readonly=True)
    url = fields.Char(string="Address", readonly=True)
    status = fields.Integer(readonly=True)
    duration_ms = fields.Integer(string="Duration (ms)", readonly=True)
    request_headers = fields.Text(readonly=True)
    request_body = fields.Text(readonly=True)
    response_headers = fields.Text(readonly=True)
    response_body = fields.Text(readonly=True)
    request_bytes = fields.Integer(readonly=True)
    response_bytes = fields.Integer(readonly=True)
    error_class = fields.Selection(ERROR_CLASSES, readonly=True)
    error_message = fields.Text(readonly=True)
    bodies_pruned = fields.Boolean(readonly=True, help="Retention has removed the bodies.")
    sync_ids = fields.Many2many(
        "integration.sync", string="Sync Records", compute="_compute_sync_ids",
        groups="integration_flow.group_integration_manager")

    _connection_index = models.Index("(connection_id, id)")

    def _compute_sync_ids(self):
        pairs = self.env["integration.log"]._read_group(
            [("exchange_id", "in", self.ids)], ["exchange_id"], ["sync_id:recordset"])
        by_exchange = dict(pairs)
        for exchange in self:
            exchange.sync_ids = by_exchange.get(exchange, False)

    def _compute_display_name(self):
        for exchange in self:
            exchange.display_name = f"{exchange.method} {exchange.url} → {exchange.status or exchange.error_class or '…'}"
