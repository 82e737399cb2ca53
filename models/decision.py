from odoo import models
from odoo.exceptions import AccessError

from ..engine.pressed import RUN_NOW_LIMIT, process_now
from .bulk_action import BULK_FROM

USER_GROUP = "integration_flow.group_integration_user"


class IntegrationDecisionMixin(models.AbstractModel):
    """What waits until a person decides: conflicts and deletions. A few are carried out while he waits, with their outcome;
    more in the background; very many as a bulk action with its progress.

    A model that uses it has ``sync_id``, ``flow_id``, ``connection_id``, ``model`` and ``res_id``.
    """

    _name = "integration.decision.mixin"
    _description = "Integration Decision"

    def _check_group(self, refusal):
        """Users of integrations decide, about what they may see. ``refusal``: what others are told."""
        self.check_access("read")
        if not self.env.user.has_group(USER_GROUP):
            raise AccessError(refusal)

    def _check_running(self):
        """Is what is decided carried out? Else say what is in the way."""
        for connection in self.sync_id.connection_id:
            connection.sudo()._check_may_run()
        for flow in self.sync_id.flow_id:
            flow.sudo()._require_running()

    def _is_few(self):
        """Is it worth waiting for?"""
        return len(self.sync_id) <= RUN_NOW_LIMIT

    def _bulk_if_many(self, action):
        """Begin a bulk action if these are very many: the client action that shows its progress, or None."""
        if len(self) > BULK_FROM:
            return self.env["integration.bulk.action"]._start(action, self._name, [("id", "in", self.ids)])
        return None

    def _process_now(self, decide):
        """Carry out a decision in transactions of the engine's own; see ``process_now``."""
        answers = process_now(self.env, self.sync_id.ids, decide, how="")
        self.env.invalidate_all()
        return answers

    def _failure_text(self, answer):
        """One line about a record for which it did not work, or None."""
        if answer["state"] not in ("failed", "unknown", "held"):
            return None
        return self.env._("%(name)s: %(message)s %(hint)s", name=answer["name"], message=answer["message"] or "",
                          hint=answer["hint"] or "")

    def _notify(self, kind, message, sticky=False):
        return self.env["integration.sync"]._notify(kind, message, sticky=sticky)

    def action_open_record(self):
        self.ensure_one()
        return self.sync_id.action_open_record()

    def action_open_external(self):
        self.ensure_one()
        return self.sync_id.action_open_external()
