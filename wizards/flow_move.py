from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from ..models.webhook_event import MANAGER_GROUP


class IntegrationFlowMove(models.TransientModel):
    """Use Another Connection: a flow goes from the sandbox to production (or back) with its rules as they are.

    What belongs to one environment stays behind: links keep their connection, so going back finds them again; the queue
    and the last agreed values of the old environment are removed, the watermark begins anew.
    """

    _name = "integration.flow.move"
    _description = "Integration Use Another Connection"

    flow_ids = fields.Many2many(
        "integration.flow", "integration_flow_move_flow_rel", "move_id", "flow_id", string="Flows", required=True,
        help="Flows that refer to each other move together, because a related record is looked for on the same connection.")
    source_id = fields.Many2one(
        "integration.connection", string="Used Now", required=True, readonly=True, ondelete="cascade")
    api_name = fields.Char(related="source_id.api_name")
    connection_id = fields.Many2one(
        "integration.connection", string="Use Instead", required=True, ondelete="cascade",
        domain="[('api_name', '=', api_name), ('id', '!=', source_id)]")
    environment = fields.Selection(related="connection_id.environment")
    waiting_count = fields.Integer(string="Records Still to Be Exchanged", compute="_compute_counts")
    known_count = fields.Integer(string="Sync Records", compute="_compute_counts")

    @api.depends("flow_ids")
    def _compute_counts(self):
        for move in self:
            counts = dict(self.env["integration.sync"]._read_group(
                [("flow_id", "in", move.flow_ids.ids)], ["state"], ["__count"]))
            move.known_count = sum(counts.values())
            move.waiting_count = sum(counts.get(state, 0) for state in ("pending", "waiting", "processing"))

    def action_move(self):
        self.ensure_one()
        if not (self.env.su or self.env.user.has_group(MANAGER_GROUP)):
            raise AccessError(self.env._("Only an integration manager may let a flow use another connection."))
        flows = self.flow_ids
        flows.check_access("write")
        self.connection_id.check_access("read")
        missing = flows._bound_together() - flows
        if missing:
            raise UserError(self.env._(
                "These flows refer to each other and must move together: %(names)s.",
                names=", ".join(missing.mapped("name"))))
        flows._use_connection(self.connection_id)
        return {"type": "ir.actions.client", "tag": "soft_reload"}


class IntegrationFlow(models.Model):
    _inherit = "integration.flow"

    def _bound_together(self):
        """These flows, and all flows of their connection that refer to them or that they refer to."""
        found = todo = self
        while todo:
            todo = (todo._flows_before() | todo._flows_after()) - found
            found |= todo
        return found.filtered(lambda flow: flow.connection_id in self.connection_id)

    def _use_connection(self, connection):
        """Move these flows to another connection of their API. No rule changes."""
        for flow in self:
            if flow.state != "draft":
                raise UserError(self.env._(
                    "%(flow)s is %(state)s. Put it back to Draft first: a flow in use is not moved.", flow=flow.name,
                    state=flow._label("state")))
            if connection.api_name != flow.api_name:
                raise UserError(self.env._(
                    "%(flow)s speaks the API '%(api)s', and %(connection)s '%(other)s'. Choose a connection of the same "
                    "API.",
                    flow=flow.name, api=flow.api_name, connection=connection.name, other=connection.api_name))
            if connection == flow.connection_id:
                raise UserError(self.env._(
                    "%(flow)s uses %(connection)s already.", flow=flow.name, connection=connection.name))
        self._forget_environment()
        for flow in self:
            flow.message_post(body=self.env._(
                "%(flow)s uses %(connection)s now, instead of %(before)s.", flow=flow.name, connection=connection.name,
                before=flow.connection_id.name))
        self.sudo().write({
            "connection_id": connection.id, "watermark": False, "next_run_at": False, "last_success_at": False})
        topics = self.env["integration.webhook.topic"].sudo().search([("flow_id", "in", self.ids)])
        topics.write({"connection_id": connection.id})  # which events mean what is a rule, too

    def _forget_environment(self):
        """Remove what was known of these flows' records in the environment that they leave; their links stay there."""
        flows = self.sudo()
        flows.env["integration.issue"].search([("flow_id", "in", flows.ids)]).unlink()  # with their activities
        self.env.flush_all()
        for table in ("integration_capture", "integration_reconciliation_line", "integration_reconciliation",
                      "integration_sync", "integration_run", "integration_arrival"):
            self.env.cr.execute(SQL("DELETE FROM %s WHERE flow_id = ANY(%s)", SQL.identifier(table), flows.ids))
        self.env.invalidate_all()

    def write(self, vals):
        """A flow that has exchanged records is moved as a whole, with all that belongs to the environment it leaves."""
        if "connection_id" in vals and not self.env.su:
            for flow in self.filtered(lambda flow: flow.connection_id.id != vals["connection_id"]):
                if flow.state != "draft" or self.env["integration.sync"].sudo().search_count(
                        [("flow_id", "=", flow.id)], limit=1):
                    raise UserError(self.env._(
                        "%(flow)s has exchanged records with %(connection)s. Press Use Another Connection: it keeps the two "
                        "environments apart.", flow=flow.name, connection=flow.connection_id.name))
        return super().write(vals)

    def action_move(self):
        """Ask which connection these flows shall use."""
        self.connection_id.ensure_one()
        flows = self._bound_together()
        return {
            "type": "ir.actions.act_window", "name": self.env._("Use Another Connection"),
            "res_model": "integration.flow.move",
            "view_mode": "form", "target": "new",
            "context": {"default_flow_ids": flows.ids, "default_source_id": self.connection_id.id},
        }
