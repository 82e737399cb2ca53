from odoo import fields, models

from ..engine.retention import delete_in_chunks


class IntegrationRetention(models.Model):
    """What reconciliations and reverts have found is kept as long as runs."""

    _inherit = "integration.retention"

    kind = fields.Selection(selection_add=[
        ("reconciliations", "Reconciliations"), ("revert_lines", "What Reverts Have Left"),
    ], ondelete={"reconciliations": "cascade", "revert_lines": "cascade"})

    def _tasks(self):
        return [*super()._tasks(), ("reconciliations", _purge_reconciliations), ("revert_lines", _purge_revert_lines)]

    def _tables(self):
        return {
            **super()._tables(),
            "integration_reconciliation_line": self.env._("Differences Found"),
            "integration_revert_line": self.env._("What Reverts Have Left"),
        }


def _purge_reconciliations(retention):
    """Lines first, in short statements; a reconciliation goes when it has none any more. The last one of a flow stays."""
    where, params = retention._older_than("r.create_date", keep_runs_days="")
    lines = delete_in_chunks(retention.env, "integration_reconciliation_line", where, params, until=retention.until)
    where, params = retention._older_than("COALESCE(r.ended_at, r.started_at)", keep_runs_days="")
    return lines + delete_in_chunks(
        retention.env, "integration_reconciliation",
        f"r.state <> 'open' AND {where} AND NOT EXISTS (SELECT 1 FROM integration_reconciliation_line l "
        "WHERE l.reconciliation_id = r.id) AND EXISTS (SELECT 1 FROM integration_reconciliation n "
        "WHERE n.flow_id = r.flow_id AND n.id > r.id)", params, chunk=500, until=retention.until)


def _purge_revert_lines(retention):
    where, params = retention._older_than("r.create_date", keep_runs_days="")
    return delete_in_chunks(retention.env, "integration_revert_line", where, params, until=retention.until)
