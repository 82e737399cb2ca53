from odoo import fields, models

from ..engine import issues


class LooseMany2one(fields.Many2one):
    """A many2one without a foreign key in the database.

    Its check would lock the issue's row in every slice that fails, and under REPEATABLE READ fail the slice when the
    issue has changed meanwhile. Whoever deletes issues empties the column (``integration.issue.unlink``).
    """

    def update_db_foreign_key(self, model, column):
        """None is wanted."""


class IntegrationSync(models.Model):
    """Which issue a failing record belongs to, until it succeeds, is left out, or fails by something else."""

    _inherit = "integration.sync"

    issue_id = LooseMany2one("integration.issue", string="Issue", readonly=True, ondelete="set null", index="btree_not_null")

    # With the state: whether any of 100,000 records still needs a person is one look.
    _issue_index = models.Index("(issue_id, state) WHERE issue_id IS NOT NULL")
    _loose_index = models.Index(
        "(connection_id) WHERE issue_id IS NULL AND state IN ('failed', 'conflict', 'unknown', 'held')")

    def unlink(self):
        issue_ids = self.issue_id.ids
        result = super().unlink()
        issues.close_empty(self.env.cr, issue_ids, fields.Datetime.now())
        self.env["integration.issue"].browse(issue_ids).invalidate_recordset(flush=False)
        return result

    def _document(self):
        """The Odoo record of this sync record, or None."""
        self.ensure_one()
        if not self.res_id or self.model not in self.env:
            return None
        return self.env[self.model].browse(self.res_id).exists() or None
