from odoo import fields, models

from .selections import DIRECTIONS, ERROR_CLASSES


class IntegrationLog(models.Model):
    """What happened to a sync record, attempt by attempt. Append only; written by the engine in bulk."""

    _name = "integration.log"
    _description = "Integration Sync Log"
    _order = "id desc"
    _log_access = False
    _rec_name = "outcome"

    sync_id = fields.Many2one("integration.sync", ondelete="cascade", readonly=True)
    flow_id = fields.Many2one("integration.flow", ondelete="cascade", readonly=True, index="btree_not_null")
    company_id = fields.Many2one("res.company", readonly=True, index="btree_not_null", ondelete="cascade")
    run_id = fields.Many2one("integration.run", ondelete="set null", readonly=True, index="btree_not_null")
    exchange_id = fields.Many2one("integration.exchange", ondelete="set null", readonly=True, index="btree_not_null")
    create_date = fields.Datetime(string="When", readonly=True)
    direction = fields.Selection(DIRECTIONS, readonly=True)
    outcome = fields.Selection([
        ("created", "Created"), ("updated", "Updated"), ("unchanged", "Unchanged"), ("linked", "Linked"),
        ("deleted", "Deleted"), ("archived", "Archived"), ("excluded", "Excluded"), ("failed", "Failed"),
        ("retry", "Will Be Retried"), ("waiting", "Waiting"), ("conflict", "Conflict"), ("unknown", "Unknown Outcome"),
        ("overruled", "Overruled"), ("queued", "Queued"), ("skipped", "Skipped"), ("resolved", "Resolved"),
        ("warning", "Warning"), ("older", "Older State Left Out"), ("held", "Held"), ("released", "Released"),
    ], readonly=True)
    attempt = fields.Integer(readonly=True)
    error_class = fields.Selection(ERROR_CLASSES, readonly=True)
    message = fields.Text(readonly=True)
    detail = fields.Text(readonly=True, groups="integration_flow.group_integration_manager")
    changes = fields.Json(readonly=True, help="Field: value before, value after, owner.")
    duration_ms = fields.Integer(string="Duration (ms)", readonly=True)
    user_id = fields.Many2one("res.users", readonly=True, ondelete="set null", index="btree_not_null")

    # The history of a record, newest first, and its last line.
    _sync_index = models.Index("(sync_id, id)")
