from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from .selections import SYNC_STATES

# Worst first; a record in several flows shows the worst of its states.
WORST_FIRST = (
    "failed", "conflict", "unknown", "held", "processing", "pending", "waiting", "synced", "excluded", "skipped")
NOT_SYNCED = "none"


class Base(models.AbstractModel):
    """The state of business records in their flows: a column and filters of their lists.

    Never stored and computed on demand only; ``models/base_panel.py`` shows it where there are flows, and only to members.
    """

    _inherit = "base"

    integration_state = fields.Selection(
        [*SYNC_STATES, (NOT_SYNCED, "Not Synced")], string="Sync State", compute="_compute_integration_state",
        search="_search_integration_state", exportable=False, help="The worst state of this record in its flows.")

    @api.model
    def _integration_state_flows(self):
        """The flows of this model that the user may see; empty for those who see no integrations."""
        flows = self.env["integration.flow"]
        if not flows.has_access("read") or not self.env["integration.sync"].has_access("read"):
            return flows
        return flows.search([("model_name", "=", self._name)])

    def _compute_integration_state(self):
        flows = self._integration_state_flows()
        worst = {}
        if flows:
            self.env["integration.sync"].flush_model(["flow_id", "res_id", "state"])
            self.env.cr.execute(
                "SELECT res_id, array_agg(state) FROM integration_sync WHERE model = %s AND res_id = ANY(%s) "
                "AND flow_id = ANY(%s) GROUP BY res_id", [self._name, self._origin.ids, flows.ids])
            worst = {res_id: min(states, key=WORST_FIRST.index) for res_id, states in self.env.cr.fetchall()}
        for record in self:
            record.integration_state = worst.get(record._origin.id, NOT_SYNCED) if flows else False

    def _search_integration_state(self, operator, value):
        if operator != "in":
            return NotImplemented
        flows = self._integration_state_flows()
        if not flows:
            return Domain.FALSE
        self.env["integration.sync"].flush_model(["flow_id", "model", "res_id", "state"])
        # False is asked for by "is not set": records without any state here are those that no flow knows.
        wanted = {NOT_SYNCED if state is False else state for state in value}
        parts = []
        if states := [state for state in WORST_FIRST if state in wanted]:
            parts.append(Domain("id", "in", self._integration_in_state(flows, states)))
        if NOT_SYNCED in wanted:
            parts.append(Domain.custom(
                to_sql=lambda model, alias, query: self._integration_not_known(flows, SQL.identifier(alias, "id")),
                predicate=lambda record: record.integration_state == NOT_SYNCED))
        return Domain.OR(parts)

    @api.model
    def _integration_not_known(self, flows, record_id):
        """No "not in": that would look through all sync records for each record as soon as there are a million of them."""
        return SQL(
            "NOT EXISTS (SELECT 1 FROM integration_sync s WHERE s.model = %s AND s.res_id = %s AND s.flow_id = ANY(%s))",
            self._name, record_id, flows.ids)

    @api.model
    def _integration_in_state(self, flows, states):
        """Records whose worst state is one of these, as a subquery that begins with the few that are in one of them."""
        return SQL(
            "(SELECT s.res_id FROM integration_sync s WHERE s.flow_id = ANY(%(flows)s) AND s.state = ANY(%(states)s) "
            "AND s.model = %(model)s AND s.res_id <> 0 AND NOT EXISTS ("
            "SELECT 1 FROM integration_sync w WHERE w.model = s.model AND w.res_id = s.res_id "
            "AND w.flow_id = ANY(%(flows)s) AND array_position(%(order)s::varchar[], w.state) "
            "< array_position(%(order)s::varchar[], s.state)))",
            flows=flows.ids, states=list(states), model=self._name, order=list(WORST_FIRST))
