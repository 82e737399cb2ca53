from psycopg2.extras import execute_values

from odoo import api, fields, models


class IntegrationCapture(models.Model):
    """The outbox: a business write leaves a row here in its own transaction.

    Rows are only ever added and deleted, never updated, so that a user's commit can neither wait for the
    worker nor fail by it. The worker folds them into sync records; see ``engine/outbox.py``.
    """

    _name = "integration.capture"
    _description = "Integration Captured Change"
    _order = "id"
    _log_access = False

    flow_id = fields.Many2one("integration.flow", required=True, ondelete="cascade", index=True)
    res_id = fields.Integer(required=True)
    operation = fields.Selection([("write", "Created or Changed"), ("unlink", "Deleted")], required=True)
    captured_at = fields.Datetime()

    @api.model
    def _insert(self, rows):
        """Add rows (flow id, record id, operation) in one statement."""
        execute_values(
            self.env.cr._obj,
            "INSERT INTO integration_capture (flow_id, res_id, operation, captured_at) VALUES %s",
            rows, template="(%s, %s, %s, clock_timestamp() AT TIME ZONE 'UTC')", page_size=5000)
