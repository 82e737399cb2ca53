from odoo import fields, models


class IntegrationScan(models.Model):
    """An ID that a run has seen while it reads a whole list, until the list is compared; see ``engine/full_scan.py``."""

    _name = "integration.scan"
    _description = "Integration Full Scan"
    _log_access = False

    flow_id = fields.Many2one("integration.flow", required=True, readonly=True, ondelete="cascade", index=True)
    run_id = fields.Many2one("integration.run", required=True, readonly=True, ondelete="cascade")
    external_id = fields.Char(required=True, readonly=True)

    _seen_unique = models.UniqueIndex("(run_id, external_id)", "This record was seen already.")
