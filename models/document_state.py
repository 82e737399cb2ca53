from odoo import api, fields, models

from ..engine import publishing


class IntegrationDocumentState(models.Model):
    """How far the documents of one publish flow are. Written only by the worker that computes them, in the transaction
    that stores them; see ``engine/publishing.py``."""

    _name = "integration.document.state"
    _description = "State of Published Documents"
    _log_access = False

    flow_id = fields.Many2one("integration.flow", required=True, ondelete="cascade")
    epoch = fields.Integer(required=True, help="Tells cursors of this life of the publication from those of another.")
    last_change = fields.Integer(required=True)
    horizon = fields.Integer(required=True, help="Removals up to this change are not told any more.")
    ready = fields.Boolean(help="Everything was computed once.")
    signature = fields.Char(help="Of the rules by which the documents were made.")
    full_position = fields.Integer(help="While everything is computed again: the last record that is done.")
    full_at = fields.Datetime(help="When everything was computed last.")
    refreshed_at = fields.Datetime()
    error = fields.Char(help="Why the documents could not be computed the last time.")

    _flow_unique = models.UniqueIndex("(flow_id)")

    @api.model
    def _cron_refresh(self):
        """Compute what has changed; called by the scheduled action."""
        publishing.run(self.env)
