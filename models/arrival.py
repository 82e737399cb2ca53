from odoo import api, fields, models

from ..engine import arrivals


class IntegrationArrival(models.Model):
    """How many records a flow handled in an hour: what a silence alarm learns from. Survives the deletion of logs."""

    _name = "integration.arrival"
    _description = "Integration Arrivals per Hour"
    _order = "hour desc, id desc"
    _log_access = False
    _rec_name = "hour"

    flow_id = fields.Many2one("integration.flow", required=True, readonly=True, ondelete="cascade")
    hour = fields.Datetime(required=True, readonly=True, help="Beginning of the hour.")
    number = fields.Integer(string="Arrival Number", required=True, readonly=True)

    _flow_hour_unique = models.UniqueIndex("(flow_id, hour)", "The arrivals of this hour are counted already.")
    _hour_index = models.Index("(hour)")

    @api.autovacuum
    def _gc_arrivals(self):
        limit = 10000
        removed = arrivals.forget_old(self.env.cr, fields.Datetime.now(), limit)
        return removed, removed == limit
