from odoo import fields, models

from ..engine.retention import Purged, delete_in_chunks


class IntegrationRetention(models.Model):
    """What reconciliations and reverts have found is kept as long as runs."""

    _inherit = "integration.retention"

    kind = fields.Selection(
        selection_add=[("reconciliations", "Reconciliations and Reverts")], ondelete={"reconciliations": "cascade"})

    def _tasks(self):
        return [*super()._tasks(), ("reconciliations", _purge)]

    def _tables(self):
        return {
            **super()._tables(),
            "integration_reconciliation_line": self.env._("Differences Found"),
            "integration_revert_line": self.env._("What Reverts Have Left"),
        }


def _purge(retention):
    """Lines first, in short statements; a reconciliation goes when it has none any more. The last one of a flow stays."""
    result = Purged()
    latest = max((moment for moment in retention.policies.until["keep_runs_days"] if moment), default=None)
    if latest is None:
        return result
    retention.cr.execute(
        "SELECT (SELECT started_at FROM integration_reconciliation ORDER BY id LIMIT 1) < %s, "
        "(SELECT create_date FROM integration_revert_line ORDER BY id LIMIT 1) < %s", [latest, latest])
    reconciled, reverted = retention.cr.fetchone()
    of_line, line_params = retention._older_than("r.create_date", keep_runs_days="")
    if reconciled:
        result += delete_in_chunks(
            retention.env, "integration_reconciliation_line", of_line, line_params, until=retention.until)
        where, params = retention._older_than("COALESCE(r.ended_at, r.started_at)", keep_runs_days="")
        result += delete_in_chunks(
            retention.env, "integration_reconciliation",
            f"r.state <> 'open' AND {where} AND NOT EXISTS (SELECT 1 FROM integration_reconciliation_line l "
            "WHERE l.reconciliation_id = r.id) AND EXISTS (SELECT 1 FROM integration_reconciliation n "
            "WHERE n.flow_id = r.flow_id AND n.id > r.id)", params, chunk=500, until=retention.until)
    if reverted:
        result += delete_in_chunks(retention.env, "integration_revert_line", of_line, line_params, until=retention.until)
    return result
