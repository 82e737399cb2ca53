from odoo import fields, models
from odoo.exceptions import UserError

from ..engine.pressed import RUN_NOW_LIMIT


class IntegrationSync(models.Model):
    """A create whose answer was lost: where the API cannot tell what came of it, a person decides."""

    _inherit = "integration.sync"

    created_said = fields.Boolean(
        readonly=True, help="A person has said that the lost create was carried out: it is looked up, never sent again.")

    def action_was_created(self):
        """Unknown outcome, decided by a person: the record does exist over there. One record is asked for its external
        ID; several are looked up."""
        self._check_may_repair()
        records = self.filtered(lambda sync: sync.state == "unknown")
        if len(records) == 1:
            return {
                "type": "ir.actions.act_window", "name": self.env._("Was Created"), "res_model": "integration.sync.created",
                "view_mode": "form", "target": "new", "context": {"default_sync_id": records.id},
            }
        if any(not sync._can_be_found() for sync in records):
            raise UserError(self.env._(
                "These records cannot be looked up in the other system. Open them one by one and enter their external ID."))
        return records._decide_outcome({"create_sent": True, "created_said": True})

    def action_was_not_created(self):
        """Unknown outcome, decided by a person: nothing arrived over there, send it again."""
        self._check_may_repair()
        return self.filtered(lambda sync: sync.state == "unknown")._decide_outcome(
            {"create_sent": False, "idempotency_key": False, "created_said": False})

    def _can_be_found(self):
        self.ensure_one()
        return bool(self.sudo().flow_id.resource_id._operation("find"))

    def _decide_outcome(self, vals):
        self._check_may_repair()
        records = self.sudo()
        if not records:
            return None
        if len(records) <= RUN_NOW_LIMIT:
            return records._run_now(lambda syncs: syncs.write(vals))
        records.write(vals)
        records._queue(self.env._("Outcome decided by %(user)s", user=self.env.user.name))
        return None

    def action_open_held_run(self):
        """The run that a guardrail holds: there it is approved or rejected."""
        self.ensure_one()
        if self.state != "held" or not self.run_id:
            raise UserError(self.env._("%(name)s is not held (any more).", name=self.display_name))
        return {
            "type": "ir.actions.act_window", "res_model": "integration.run", "res_id": self.run_id.id,
            "view_mode": "form", "views": [(False, "form")],
        }
