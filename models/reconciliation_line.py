from odoo import fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain

from ..engine import reconcile_fix
from .bulk_action import BULK_FROM, OPEN
from .field_rule import OWNERS
from .notification import notification
from .run_revert import MANAGER_GROUP

KINDS = [
    ("field", "Different"), ("record", "Could Not Be Compared"), ("only_odoo", "Only in Odoo"),
    ("only_external", "Only There"), ("pending", "Pending"),
]
CAUSES = [
    ("changed_here", "Changed in Odoo After the Last Sync"),
    ("changed_there", "Changed There After the Last Sync"),
    ("changed_both", "Changed on Both Sides After the Last Sync"),
    ("known", "Known: Overruled or Put Back"),
    ("never_agreed", "Never Exchanged"),
    ("never_linked", "Never Linked"),
    ("failed", "The Last Exchange Failed"),
    ("conflict", "In Conflict"),
    ("skipped", "Skipped by a Person"),
    ("pending", "Work Is Left"),
    ("deleted_there", "Deleted There"),
    ("deleted_here", "Deleted in Odoo"),
    ("not_listed", "Not in the List of the Other System"),
    ("not_mapped", "Its Data Cannot Be Converted"),
]
FIXES = [
    ("odoo", "Write to Odoo"), ("external", "Send"), ("newest", "Later Change Wins"), ("ask", "Ask"),
]


class IntegrationReconciliationLine(models.Model):
    """One difference that a reconciliation found: the values, who owns them, and the probable cause."""

    _name = "integration.reconciliation.line"
    _description = "Integration Reconciliation Line"
    _order = "id"
    _log_access = False
    _rec_name = "name"

    reconciliation_id = fields.Many2one(
        "integration.reconciliation", required=True, readonly=True, ondelete="cascade", index=True)
    flow_id = fields.Many2one("integration.flow", required=True, readonly=True, ondelete="cascade", index=True)
    company_id = fields.Many2one("res.company", readonly=True, index="btree_not_null", ondelete="cascade")
    sync_id = fields.Many2one(
        "integration.sync", string="Sync Record", readonly=True, ondelete="set null", index="btree_not_null")
    model = fields.Char(readonly=True)
    res_id = fields.Many2oneReference(string="Odoo Record", model_field="model", readonly=True)
    external_id = fields.Char(string="External ID", readonly=True)
    name = fields.Char(string="Record", readonly=True)
    kind = fields.Selection(KINDS, string="What", required=True, readonly=True)
    rule_id = fields.Many2one("integration.field.rule", readonly=True, ondelete="set null", index="btree_not_null")
    field = fields.Char(readonly=True)
    odoo_value = fields.Text(string="In Odoo", readonly=True)
    external_value = fields.Text(string="There", readonly=True)
    owner = fields.Selection(OWNERS, readonly=True)
    cause = fields.Selection(CAUSES, string="Probable Cause", required=True, readonly=True)
    detail = fields.Text(string="More", readonly=True)
    changed_by = fields.Char(string="Last Changed in Odoo By", readonly=True)
    changed_at = fields.Datetime(string="On", readonly=True)
    payload = fields.Text(
        readonly=True, groups=fields.NO_ACCESS, help="The record as it was found there, where it cannot be read singly.")
    fix = fields.Selection(FIXES, string="Fix Would", readonly=True, help="In the direction of the field's owner.")
    fixed_at = fields.Datetime(string="Fix Queued", readonly=True)
    fixed_by_id = fields.Many2one("res.users", readonly=True, ondelete="set null", index="btree_not_null")
    sync_state = fields.Selection(related="sync_id.state", string="State Now")
    create_date = fields.Datetime(string="Found", readonly=True)

    def action_fix(self):
        """Queue the import or export that makes these values equal, in the direction of their owners."""
        self.check_access("read")
        if not self.env.user.has_group(MANAGER_GROUP):
            raise AccessError(self.env._("Only a manager of integrations may have differences put right."))
        if len(self) > BULK_FROM:
            return self._fix_in_background([("id", "in", self.ids)])
        lines = self.sudo().filtered(lambda line: line.fix and not line.fixed_at)
        lines._require_fixable(lines.flow_id)
        self.env.flush_all()
        count = reconcile_fix.fix(self.env, lines)
        self.env.invalidate_all()
        lines.flow_id.connection_id._wake()
        return notification("success" if count == len(lines) else "warning", self.env._(
            "%(count)s of %(all)s differences are put right in the background.", count=count, all=len(lines)))

    def _fix_in_background(self, domain):
        """Begin the bulk action that puts right what matches. Returns the client action that shows its progress."""
        found = self._read_group(Domain(domain) & OPEN[self._name], ["flow_id"])
        self._require_fixable(self.env["integration.flow"].union(*(flow for [flow] in found)).sudo())
        return self.env["integration.bulk.action"]._start("fix", self._name, domain)

    def _require_fixable(self, flows):
        """Is there something to put right, and do its flows run?"""
        if not flows:
            raise UserError(self.env._(
                "Nothing here can be put right by itself: what is pending goes on, conflicts are decided on their record, "
                "and what was deleted on one side is a person's decision."))
        for flow in flows:
            flow._require_running()

    def action_open_sync(self):
        self.ensure_one()
        if not self.sync_id:
            raise UserError(self.env._("%(name)s is not known to this flow yet.", name=self.name or self.external_id))
        return {
            "type": "ir.actions.act_window", "res_model": "integration.sync", "res_id": self.sync_id.id,
            "view_mode": "form", "views": [(False, "form")],
        }

    def action_open_record(self):
        """The Odoo record."""
        self.ensure_one()
        if not self.res_id or self.model not in self.env or not self.env[self.model].browse(self.res_id).exists():
            raise UserError(self.env._("There is no Odoo record for %(name)s.", name=self.name or self.external_id))
        return {
            "type": "ir.actions.act_window", "res_model": self.model, "res_id": self.res_id, "view_mode": "form",
            "views": [(False, "form")],
        }
