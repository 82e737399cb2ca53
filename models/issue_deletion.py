from odoo import api, fields, models

from ..core.issues import DELETION
from .selections import NEEDS_ATTENTION


class IntegrationIssue(models.Model):
    """Deletions that wait for a person among the issues: they lead to the list in which they are approved or rejected."""

    _inherit = "integration.issue"

    resolved_how = fields.Selection(
        selection_add=[(DELETION, "Deletions Decided")], ondelete={DELETION: "set null"})

    def action_fix(self):
        self.ensure_one()
        if self.error_code == DELETION:
            return dict(
                self.env["ir.actions.actions"]._for_xml_id("integration_flow.integration_deletion_action"),
                domain=[("sync_id.issue_id", "=", self.id)])
        return super().action_fix()


class IntegrationSync(models.Model):
    """On the business record: a deletion that waits for a person is more than waiting."""

    _inherit = "integration.sync"

    @api.model
    def get_record_status(self, res_model, res_id):
        """As before; an entry whose record would be deleted has ``decision`` 'deletion', says so, and offers no retry."""
        entries = super().get_record_status(res_model, res_id)
        asked = {deletion.sync_id.id: deletion for deletion in self.env["integration.deletion"].search([
            ("sync_id", "in", [entry["id"] for entry in entries]), ("state", "=", "open")])} if entries else {}
        for entry in entries:
            if deletion := asked.get(entry["id"]):
                entry.update(
                    decision=DELETION, can_retry=False, state_label=self.env._("Deletion to Approve"),
                    message=entry["message"] or self.env._(
                        "If it is approved, %(name)s %(what)s.", name=deletion.display_name, what=deletion.what_text))
        # Behind what failed, before all that goes on by itself.
        return sorted(entries, key=lambda entry: "decision" not in entry and entry["state"] not in NEEDS_ATTENTION)
