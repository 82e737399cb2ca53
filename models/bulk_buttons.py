from odoo import models

from .bulk_action import BULK_FROM


class IntegrationSync(models.Model):
    """Buttons of the list: many records are taken in hand in the background, with their progress shown."""

    _inherit = "integration.sync"

    def action_retry(self):
        return self._bulk("retry") if len(self) > BULK_FROM else super().action_retry()

    def action_resync(self):
        return self._bulk("resync") if len(self) > BULK_FROM else super().action_resync()

    def action_skip(self):
        return self._bulk("skip") if len(self) > BULK_FROM else super().action_skip()

    def _bulk(self, action):
        return self.env["integration.bulk.action"]._start(action, self._name, [("id", "in", self.ids)])

    def action_choose_later(self):
        """Ask when, then retry not before that."""
        self._check_may_repair()
        return self.env["integration.bulk.action"]._ask("retry_later", self._name, [("id", "in", self.ids)])

    def action_choose_assignee(self):
        """Ask who, then assign the issues of these records."""
        self._check_may_repair()
        return self.env["integration.bulk.action"]._ask(
            "assign", self._name, [("id", "in", self.ids)], default_assignee_id=self.env.uid)


class IntegrationIssue(models.Model):
    """Assigning issues to somebody else than oneself."""

    _inherit = "integration.issue"

    def action_choose_assignee(self):
        self._check_may_repair()
        return self.env["integration.bulk.action"]._ask(
            "assign", self._name, [("id", "in", self.ids)], default_assignee_id=self.env.uid)
