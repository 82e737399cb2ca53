from odoo import api, models
from odoo.exceptions import AccessError
from odoo.fields import Domain
from odoo.tools import SQL

from ..core.issues import DELETION

USER_GROUP = "integration_flow.group_integration_user"
# Nobody works on more than so many at a time: counting goes no further, so that it stays one short look.
COUNTED_AT_MOST = 1000
# Issues that stand for records of these kinds have a line of their own in the answer.
COUNTED_APART = ("conflict", "held", DELETION)


class IntegrationAttention(models.AbstractModel):
    """What needs the user who asks: what is assigned to him, and what concerns flows that he is responsible for.

    Shown in the systray of every page. So it is one query over partial indexes, under the user's own access rules.
    """

    _name = "integration.attention"
    _description = "What Needs Me"

    @api.model
    def _kinds(self):
        """What is counted: {kind: (model, label, icon, domain)}, most urgent first."""
        of_my_flows = Domain("flow_id.responsible_id", "=", self.env.uid)
        return {
            "issues": ("integration.issue", self.env._("Issues to fix"), "fa-exclamation-circle", Domain([
                ("state", "=", "open"), ("needs_person", "=", True), ("is_mine", "=", True),
                "|", ("error_code", "=", False), ("error_code", "not in", COUNTED_APART)])),
            "conflicts": ("integration.conflict", self.env._("Fields in conflict"), "fa-code-fork",
                          of_my_flows & Domain("decision", "=", False)),
            "unknown": ("integration.sync", self.env._("Unknown outcomes"), "fa-question-circle",
                        of_my_flows & Domain("state", "=", "unknown")),
            "held": ("integration.sync", self.env._("Held records"), "fa-hand-paper-o",
                     of_my_flows & Domain("state", "=", "held")),
            "deletions": ("integration.deletion", self.env._("Deletions to approve"), "fa-trash-o",
                          of_my_flows & Domain("state", "=", "open")),
        }

    @api.model
    def get_mine(self):
        """What the systray shows.

        :return: dict with ``total`` and ``lines``: dicts with kind, label, icon, count (of those that are there), in the
            order of urgency; ``more`` says that a count goes no further. Empty for whoever may not see integrations
        """
        if not self.env.user.has_group(USER_GROUP):
            return {"total": 0, "lines": []}
        kinds = self._kinds()
        counted = dict(self.env.execute_query(SQL(" UNION ALL ").join(
            SQL("SELECT %s, count(*) FROM %s AS found", kind,
                self.env[model]._search(domain, limit=COUNTED_AT_MOST + 1).subselect())
            for kind, (model, _label, _icon, domain) in kinds.items())))
        lines = [{
            "kind": kind, "label": label, "icon": icon, "count": min(counted[kind], COUNTED_AT_MOST),
            "more": counted[kind] > COUNTED_AT_MOST,
        } for kind, (_model, label, icon, _domain) in kinds.items() if counted[kind]]
        return {"total": sum(line["count"] for line in lines), "lines": lines}

    @api.model
    def open_mine(self, kind):
        """The list behind one of the lines: exactly what was counted."""
        if not self.env.user.has_group(USER_GROUP):
            raise AccessError(self.env._("You need the right 'Integrations: User' to see integrations."))
        model, label, _icon, domain = self._kinds()[kind]
        return {
            "type": "ir.actions.act_window", "name": self.env._("Needs Me: %(what)s", what=label), "res_model": model,
            "views": [(False, "list"), (False, "kanban"), (False, "form")] if model != "integration.conflict"
            and model != "integration.deletion" else [(False, "list"), (False, "form")],
            "domain": list(domain), "context": {},
        }
