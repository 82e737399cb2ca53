from odoo import api, models
from odoo.exceptions import UserError

# So many names stand in a sentence.
NAMED = 3


def _names(records):
    """The first of them, and how many more there are."""
    names = ", ".join(records[:NAMED].mapped("display_name"))
    if len(records) > NAMED:
        return records.env._("%(names)s and %(count)s more", names=names, count=len(records) - NAMED)
    return names


class IntegrationConnection(models.Model):
    """A connection is not deleted with all its flows and what is known of their records, unless a program means to."""

    _inherit = "integration.connection"

    def unlink(self):
        flows = self.env["integration.flow"].sudo().with_context(active_test=False).search(
            [("connection_id", "in", self.ids)])
        flows._let_go()
        return super().unlink()

    @api.ondelete(at_uninstall=False)
    def _unlink_except_with_flows(self):
        for connection in self:
            flows = self.env["integration.flow"].sudo().with_context(active_test=False).search(
                [("connection_id", "=", connection.id)])
            if flows and not self.env.su:
                raise UserError(self.env._(
                    "%(connection)s has the flows %(flows)s, which would be deleted with it, and with them all that is "
                    "known of their records. Archive the connection instead: nothing is exchanged any more, and everything "
                    "is kept. Or delete its flows first.", connection=connection.name, flows=_names(flows)))
            flows._unlink_except_used()  # the database would delete them without asking


class IntegrationFlow(models.Model):
    """A flow is not deleted while another one synchronises by it, nor with what is known of its records."""

    _inherit = "integration.flow"

    def unlink(self):
        self._let_go()
        return super().unlink()

    def _let_go(self):
        """The rules of flows that are deleted together do not keep each other."""
        if self:
            self.env["integration.field.rule"].flush_model(["relation_flow_id"])
            self.env.cr.execute(
                "UPDATE integration_field_rule SET relation_flow_id = NULL "
                "WHERE flow_id = ANY(%(flows)s) AND relation_flow_id = ANY(%(flows)s)", {"flows": self.ids})
            self.env["integration.field.rule"].invalidate_model(["relation_flow_id"], flush=False)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        for flow in self:
            users = self.env["integration.field.rule"].sudo().with_context(active_test=False).search(
                [("relation_flow_id", "=", flow.id), ("flow_id", "not in", self.ids)]).flow_id
            if users:
                raise UserError(self.env._(
                    "%(flow)s cannot be deleted: the flows %(others)s let it synchronise one of their fields. Archive it "
                    "instead, or choose another flow in those field rules first.", flow=flow.name, others=_names(users)))
            if not self.env.su and (count := self.env["integration.sync"].sudo().search_count(
                    [("flow_id", "=", flow.id)], limit=100_001)):
                raise UserError(self.env._(
                    "%(flow)s knows %(count)s records: what both sides agreed on last, their history and what failed. "
                    "All of that would be lost. Archive the flow instead: nothing is exchanged any more, and everything is "
                    "kept. Or delete its sync records first.", flow=flow.name,
                    count=count if count <= 100_000 else self.env._("more than 100,000")))


class IntegrationResource(models.Model):
    """A resource is not deleted while flows, calls of requests or links need it."""

    _inherit = "integration.resource"

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        for resource in self:
            flows = self.env["integration.flow"].sudo().with_context(active_test=False).search(
                ["|", ("resource_id", "=", resource.id), ("request_step_ids.operation_id.resource_id", "=", resource.id)])
            if flows:
                raise UserError(self.env._(
                    "%(resource)s cannot be deleted: the flows %(flows)s use it. Archive the resource instead, or delete "
                    "these flows first.", resource=resource.name, flows=_names(flows)))
            if count := self.env["integration.link"].sudo().search_count([("resource_id", "=", resource.id)]):
                raise UserError(self.env._(
                    "%(resource)s cannot be deleted: %(count)s links say which of its records belong to which Odoo record. "
                    "Archive the resource instead: the links are kept. Without them, the next import would look for all "
                    "records anew.", resource=resource.name, count=count))


class IntegrationOperation(models.Model):
    """An operation is not deleted while a request calls it."""

    _inherit = "integration.operation"

    @api.ondelete(at_uninstall=False)
    def _unlink_except_called(self):
        for operation in self:
            flows = self.env["integration.request.step"].sudo().search(
                ["|", ("operation_id", "=", operation.id), ("discard_operation_id", "=", operation.id)]).flow_id
            if flows:
                raise UserError(self.env._(
                    "%(operation)s cannot be deleted: the flows %(flows)s call it. Take it out of their calls first.",
                    operation=operation.display_name, flows=_names(flows)))


class IntegrationValueMap(models.Model):
    """A value map is not deleted while a field rule translates by it."""

    _inherit = "integration.value.map"

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        for value_map in self:
            rules = self.env["integration.field.rule"].sudo().with_context(active_test=False).search(
                [("value_map_id", "=", value_map.id)])
            if rules:
                raise UserError(self.env._(
                    "%(map)s cannot be deleted: the flows %(flows)s translate values by it. Archive it instead, or choose "
                    "another value map in their field rules first.", map=value_map.name, flows=_names(rules.flow_id)))


class ResUsers(models.Model):
    """Flows run as a user: he is not deleted while they do."""

    _inherit = "res.users"

    @api.ondelete(at_uninstall=False)
    def _unlink_except_running_flows(self):
        flows = self.env["integration.flow"].sudo().with_context(active_test=False).search([("user_id", "in", self.ids)])
        if flows:
            raise UserError(self.env._(
                "%(user)s cannot be deleted: the flows %(flows)s run as this user. Archive the user instead, after you have "
                "chosen somebody else under Runs As on these flows.", user=_names(flows.user_id), flows=_names(flows)))


class ResCompany(models.Model):
    """A company is not deleted while connections and flows belong to it."""

    _inherit = "res.company"

    @api.ondelete(at_uninstall=False)
    def _unlink_except_with_integrations(self):
        for model in ("integration.flow", "integration.connection"):
            found = self.env[model].sudo().with_context(active_test=False).search([("company_id", "in", self.ids)])
            if found:
                raise UserError(self.env._(
                    "%(company)s cannot be deleted: the integrations %(found)s belong to it. Archive the company "
                    "instead, or delete these integrations first.", company=_names(found.company_id), found=_names(found)))


class IrActionsServer(models.Model):
    """A server action is not deleted while a status runs it."""

    _inherit = "ir.actions.server"

    @api.ondelete(at_uninstall=False)
    def _unlink_except_run_by_a_status(self):
        rules = self.env["integration.status.rule"].sudo().search([("server_action_id", "in", self.ids)])
        if rules:
            raise UserError(self.env._(
                "%(action)s cannot be deleted: statuses of the flows %(flows)s run it. Choose another action there first.",
                action=_names(rules.server_action_id), flows=_names(rules.flow_id)))
