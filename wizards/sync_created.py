from odoo import api, fields, models
from odoo.exceptions import UserError

from ..engine import adopting
from ..engine.inbox import LONGEST_ID


class IntegrationSyncCreated(models.TransientModel):
    """A create whose answer was lost was carried out: a person enters the external ID, or lets it be looked up."""

    _name = "integration.sync.created"
    _description = "Record That Was Created in the Other System"

    sync_id = fields.Many2one("integration.sync", string="Record", required=True, ondelete="cascade", index=True)
    flow_id = fields.Many2one(related="sync_id.flow_id")
    external_id = fields.Char(string="External ID")
    can_find = fields.Boolean(compute="_compute_can")
    can_read = fields.Boolean(compute="_compute_can")

    @api.depends("sync_id")
    def _compute_can(self):
        for wizard in self:
            wizard.can_find = bool(wizard.sync_id) and wizard.sync_id._can_be_found()
            wizard.can_read = bool(wizard.sync_id.sudo().flow_id.resource_id._operation("read"))

    def action_confirm(self):
        """Link the record, or look it up where no ID was entered."""
        self.ensure_one()
        sync = self.sync_id
        sync._check_may_repair()
        if sync.state != "unknown":
            raise UserError(self.env._("%(name)s is decided already.", name=sync.display_name))
        external_id = (self.external_id or "").strip()
        if not external_id:
            if not self.can_find:
                raise UserError(self.env._(
                    "Enter the identifier that %(name)s has in the other system.", name=sync.display_name))
            return sync._decide_outcome({"create_sent": True, "created_said": True})
        if len(external_id.encode()) > LONGEST_ID:
            raise UserError(self.env._("This identifier is too long to be one."))
        sync.connection_id.sudo()._check_may_run()
        sync.flow_id.sudo()._require_running()
        adopted = adopting.check(self.env, sync.id, external_id)
        return sync.sudo()._run_now(lambda syncs: adopting.adopt(syncs, external_id, adopted))
