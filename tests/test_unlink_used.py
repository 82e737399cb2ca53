"""Deleting what is still in use: a sentence that says by what, and what to do instead of it."""

from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import TransactionCase, tagged

from .test_screens import ScreensMixin


@tagged("post_install", "-at_install")
class TestUnlinkUsed(ScreensMixin, TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_screen_data()
        cls.manager = cls.users["manager"]

    def refused(self, record, *texts, user=None):
        """Deleting is refused with all of these texts in its sentence, before the database refuses."""
        with self.assertRaises(UserError) as caught:
            record.with_user(user or self.manager).unlink()
        for text in texts:
            self.assertIn(text, str(caught.exception))
        self.assertTrue(record.exists())

    def related_flow(self, connection):
        """A flow on this connection of which one field is synchronised by ours."""
        return self.env["integration.flow"].create({
            "name": "Orders", "connection_id": connection.id, "resource_id": self.resource.id,
            "model_id": self.env["ir.model"]._get_id("res.partner"), "rule_ids": [Command.create({
                "odoo_path": "parent_id", "external_path": "parent", "kind": "relation",
                "relation_flow_id": self.flow.id})]})

    def test_resource(self):
        self.refused(self.resource, "Customers", "Tour Customers", "Archive the resource instead")
        self.env["integration.link"].create({
            "connection_id": self.connection.id, "resource_id": self.resource.id, "external_id": "1", "model": "res.partner",
            "res_id": self.partner.id})
        self.flow.unlink()
        self.refused(self.resource, "1 links", "Archive the resource instead")
        self.env["integration.link"].search([("resource_id", "=", self.resource.id)]).unlink()
        self.resource.with_user(self.manager).unlink()

    def test_connection(self):
        self.refused(self.connection, "Tour Shop", "Tour Customers", "Archive the connection instead")
        self.flow.with_user(self.manager).unlink()
        self.connection.with_user(self.manager).unlink()

    def test_flow(self):
        sync = self.make_sync()
        self.refused(self.flow, "knows 1 records", "Archive the flow instead")
        sync.with_user(self.manager).unlink()
        other = self.related_flow(self.connection)
        self.refused(self.flow, "Tour Customers cannot be deleted", "Orders")
        (self.flow + other).with_user(self.manager).unlink()
        self.assertFalse((self.flow + other).exists(), "together they do not keep each other")

    def test_a_connection_of_another_ones_relation(self):
        """Its flows are deleted by the database, which would only name a constraint."""
        elsewhere = self.env["integration.connection"].create({"name": "Elsewhere", "base_url": "http://127.0.0.1:9/"})
        self.related_flow(elsewhere)
        self.refused(self.connection, "Orders", user=self.env.ref("base.user_root"))

    def test_operation_and_value_map(self):
        operation = self.resource.operation_ids[0]
        request = self.flow.copy({"name": "Ask", "direction": "request"})
        step = self.env["integration.request.step"].create({"flow_id": request.id, "operation_id": operation.id})
        self.refused(operation, "Ask", "Take it out of their calls first")
        step.unlink()
        operation.with_user(self.manager).unlink()
        value_map = self.env["integration.value.map"].create({"name": "Taxes"})
        self.flow.rule_ids[0].value_map_id = value_map
        self.refused(value_map, "Taxes", "Tour Customers", "Archive it instead")

    def test_what_others_delete(self):
        """Users, companies and server actions are Odoo's own: who deletes them is told which integration is in the way."""
        user = self.users["secrets"]
        company = self.env["res.company"].create({"name": "Second"})
        connection = self.env["integration.connection"].create({
            "name": "Of the Second", "base_url": "http://127.0.0.1:9/", "company_id": company.id})
        self.refused(company, "Second", "Of the Second", user=self.env.ref("base.user_admin"))
        connection.unlink()
        self.flow.user_id = user
        self.refused(user, "Tour Customers", "Archive the user instead", user=self.env.ref("base.user_admin"))
        action = self.env["ir.actions.server"].create({
            "name": "Stage", "model_id": self.env["ir.model"]._get_id("res.partner"), "state": "code", "code": "pass"})
        stage = self.env["integration.status.rule"].create({
            "flow_id": self.flow.id, "external_status": "done", "server_action_id": action.id})
        self.refused(action, "Stage", "Tour Customers", user=self.env.ref("base.user_admin"))
        stage.unlink()
        action.unlink()
