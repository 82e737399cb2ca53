"""From the sandbox to production and back: rules stay, links are kept apart, nothing of the other environment is left."""

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import tagged

from odoo.addons.integration_flow.sandbox.client import SandboxServer

from .common import API, FlowCase


@tagged("post_install", "-at_install")
class TestFlowMove(FlowCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other = SandboxServer(seed="empty", max_per_page=500).start()
        cls.addClassCleanup(cls.other.stop)

    def setUp(self):
        super().setUp()
        self.other.reset("empty")
        self.flow = self.customer_flow(name="Customers", watermark="2026-01-01 00:00:00")
        self.production = self.make_connection(
            name="Production", environment="production", base_url=self.other.api, web_url=self.other.url,
            auth_secret_input=self.other.api_key)
        self.manager = self.make_user("move_manager", "integration_flow.group_integration_manager")

    def move(self, flow, connection, user=None):
        flow = flow.with_user(user or self.manager)
        action = flow.action_move()
        wizard = self.env["integration.flow.move"].with_user(user or self.manager).with_context(**action["context"]).create(
            {"connection_id": connection.id})
        wizard.action_move()
        self.env.invalidate_all()
        return wizard

    def links(self, connection):
        return {link.external_id: link.res_id for link in self.env["integration.link"].search([
            ("connection_id", "=", connection.id)])}

    def test_there_and_back(self):
        self.receive(self.flow, {"id": 1, "first_name": "Ann", "email": "ann@example.com"})
        stored = [name for name, field in self.flow.rule_ids._fields.items() if field.store]
        rules = self.flow.rule_ids.read(stored)
        sandbox_links = self.links(self.connection)
        ann = self.env["res.partner"].browse(sandbox_links["1"])
        self.flow.action_draft()
        self.move(self.flow, self.production)

        self.assertEqual((self.flow.connection_id, self.flow.state, self.flow.watermark), (self.production, "draft", False))
        self.assertEqual(self.flow.rule_ids.read(stored), rules)
        self.assertFalse(self.syncs(self.flow))
        self.assertFalse(self.flow.run_ids)
        self.assertEqual(self.links(self.connection), sandbox_links)
        self.assertFalse(self.links(self.production))

        # The same ID is another customer in production.
        self.other.load("customers", [{"id": 1, "first_name": "Bob", "email": "bob@example.com",
                                       "date_modified_gmt": "2026-01-01T10:00:00"}])
        self.make_ready(self.flow)
        self.flow.action_go_live()
        self.run_flow(self.flow, full=True)
        self.assertSyncs(self.flow, {"1": "synced"})
        bob = self.env["res.partner"].browse(self.links(self.production)["1"])
        self.assertEqual((ann.name, bob.name), ("Ann", "Bob"))
        self.assertNotEqual(ann, bob)

        # Back again: the old links are found, and nobody is made twice.
        self.flow.action_draft()
        self.move(self.flow, self.connection)
        self.flow.action_test_mode()
        self.run_flow(self.flow, full=True)
        self.assertEqual(self.links(self.connection), sandbox_links)
        self.assertEqual(self.records(self.flow)["1"], ann)
        self.assertEqual(self.links(self.production), {"1": bob.id})

    def test_the_agreement_stays(self):
        self.make_ready(self.flow)
        self.flow.action_draft()
        self.move(self.flow, self.production)
        self.assertEqual(self.flow.agreement_state, "agreed")

    def test_what_waits_for_the_old_system_is_not_sent_to_the_new_one(self):
        resource = self.make_resource("customers2", {"create": {"method": "POST", "path": "customers"}})
        flow = self.make_flow(
            "res.partner", [("name", "first_name"), ("email", "email")], resource, direction="export", timing="live",
            create_in_external=True, domain="[('email', '=', 'live@example.com')]")
        self.env["res.partner"].create({"name": "Live", "email": "live@example.com"})
        self.env.cr.flush()
        self.env.cr.execute("SELECT count(*) FROM integration_capture WHERE flow_id = %s", [flow.id])
        self.assertEqual(self.env.cr.fetchone()[0], 1)
        flow.action_draft()
        self.move(flow, self.production)
        self.work()
        self.work(self.production)
        self.assertEqual(self.other.counts().get("created", {}), {})
        self.env.cr.execute("SELECT count(*) FROM integration_capture WHERE flow_id = %s", [flow.id])
        self.assertEqual(self.env.cr.fetchone()[0], 0)

    def test_a_flow_in_use_is_not_moved(self):
        for state in ("test", "paused"):
            self.flow.write({"state": state})
            with self.subTest(state=state), self.refuses(UserError, "Put it back to Draft first"):
                self.move(self.flow, self.production)

    def test_only_to_a_connection_of_the_same_api(self):
        self.flow.action_draft()
        foreign = self.make_connection(name="Carrier", api_name="Carrier API")
        with self.refuses(UserError, "Choose a connection of the same API"):
            self.move(self.flow, foreign)
        with self.refuses(UserError, "already"):
            self.move(self.flow, self.connection)

    def test_flows_that_refer_to_each_other_move_together(self):
        contacts = self.make_flow("res.partner", [
            {"odoo_path": "parent_id", "external_path": "customer_id", "kind": "relation", "relation_flow_id": self.flow.id},
            ("name", "name")], "contacts", state="draft", name="Contacts")
        alone = self.make_flow("res.partner", [("name", "name")], "vendors", state="draft", name="Vendors")
        self.flow.action_draft()
        wizard = self.env["integration.flow.move"].create({
            "flow_ids": [fields.Command.set(contacts.ids)], "source_id": self.connection.id,
            "connection_id": self.production.id})
        with self.refuses(UserError, "must move together: Customers"):
            wizard.action_move()
        self.move(contacts, self.production)
        self.assertEqual((self.flow | contacts).connection_id, self.production)
        self.assertEqual(alone.connection_id, self.connection)

    def test_topics_go_with_the_flow(self):
        topic = self.env["integration.webhook.topic"].create({
            "connection_id": self.connection.id, "flow_id": self.flow.id, "topic": "customer.*"})
        self.flow.action_draft()
        self.move(self.flow, self.production)
        self.assertEqual(topic.connection_id, self.production)

    def test_the_field_itself_is_no_way_around(self):
        self.receive(self.flow, {"id": 1, "first_name": "Ann", "email": "ann@example.com"})
        self.flow.action_draft()
        with self.refuses(UserError, "Press Use Another Connection"):
            self.flow.with_user(self.manager).connection_id = self.production
        fresh = self.make_flow("res.partner", [("name", "name")], "vendors", state="draft")
        fresh.with_user(self.manager).connection_id = self.production
        self.assertEqual(fresh.connection_id, self.production)

    def test_who_may_move(self):
        self.flow.action_draft()
        for groups in ("integration_flow.group_integration_user", "base.group_user"):
            with self.subTest(groups=groups), self.assertRaises(AccessError):
                self.move(self.flow, self.production, user=self.make_user(f"move_{groups[-10:]}", groups))

    def test_a_neutralised_copy_reaches_neither(self):
        self.env.flush_all()
        for query in get_neutralization_queries(["integration_flow"]):
            self.env.cr.execute(query)
        self.env.invalidate_all()
        for connection in self.connection | self.production:
            connection.action_test()
            self.assertFalse(connection.test_ok)
            self.assertEqual(connection.base_url, "https://neutralised.invalid")
            self.assertFalse(connection._auth_secret())
            with self.refuses(UserError, "paused"):
                connection._check_may_run()
        self.assertEqual(self.shop.counts().get("calls", 0), 0)
        self.assertEqual(API, self.production.api_name)
