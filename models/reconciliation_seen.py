from odoo import fields, models


class IntegrationReconciliationSeen(models.Model):
    """External records that a reconciliation has seen so far; emptied at its end.

    In the database and not in memory: it goes on after a crash, and 100,000 records weigh nothing on the worker.
    """

    _name = "integration.reconciliation.seen"
    _description = "Integration Record Seen by a Reconciliation"
    _order = "id"
    _log_access = False

    reconciliation_id = fields.Many2one(
        "integration.reconciliation", required=True, readonly=True, ondelete="cascade")
    external_id = fields.Char(required=True, readonly=True)

    _seen_unique = models.UniqueIndex("(reconciliation_id, external_id)", "It was seen already.")
