"""The plan: what is expected against what the API allows, what the configuration answers, the gates before Test and Live."""

from lxml import etree

from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged

from .common import FlowCase

MANAGER = "integration_flow.group_integration_manager"


@tagged("post_install", "-at_install")
class TestPlan(FlowCase):

    def setUp(self):
        super().setUp()
        self.flow = self.customer_flow(
            [("ref", "code", {"owner": "odoo"}), ("comment", "note", {"owner": "ask"})], state="draft", name="Customers",
            timing="scheduled", interval_number=5)

    def lines(self, **vals):
        self.flow.write(vals)
        return " ".join(self.flow._volume_lines())

    # -- volume --------------------------------------------------------------------------------------------

    def test_the_arithmetic_is_shown(self):
        self.connection.write({"rate_calls": 10000, "rate_period": 86400})
        self.flow.resource_id._operation("list").incremental_param = "modified_after"
        text = self.lines(records_in_per_day=2000)
        for piece in ("Every 5 minutes = 288 calls a day", "Pages of 100 for 2,000 changed records = 20 more",
                      "Together 308 calls a day", "10,000 a day are allowed: 3 % are used"):
            self.assertIn(piece, text)
        self.assertEqual(self.flow.volume_verdict, "fits")

    def test_an_api_without_changed_since_reads_everything(self):
        text = self.lines(records_in_per_day=10, records_in_all=950)
        self.assertIn("10 pages of 100 for all 950 records, in each of 288 runs = 2,592 more", text)
        self.flow.records_in_all = 0
        self.assertEqual(self.flow.volume_verdict, "unknown")

    def test_too_much_is_said_and_stops_going_live(self):
        self.connection.write({"rate_calls": 200, "rate_period": 86400})
        self.assertIn("This is more than allowed", self.lines(records_in_per_day=10, records_in_all=10))
        self.assertEqual(self.flow.volume_verdict, "exceeds")
        item = self.item("volume")
        self.assertFalse(item["ok"])
        self.assertIn("288 calls a day are expected, and 200 are allowed", item["text"])

    def test_running_flows_of_the_connection_share_the_limit(self):
        self.connection.write({"rate_calls": 300, "rate_period": 86400})
        self.flow.write({"records_in_per_day": 10, "records_in_all": 10})
        self.assertEqual(self.flow.volume_verdict, "tight")
        other = self.make_flow("res.partner", [("name", "name")], "vendors", timing="scheduled", interval_number=60,
                               interval_unit="minutes", records_in_per_day=5, records_in_all=5)
        self.flow.invalidate_recordset()
        self.assertIn("The other running flows of Shop: 24 calls a day. Together 312.", self.lines())
        self.assertEqual(self.flow.volume_verdict, "exceeds")
        other.state = "draft"
        self.flow.invalidate_recordset()
        self.assertEqual(self.flow.volume_verdict, "tight")

    def test_writing_in_bulk_and_reading_before(self):
        resource = self.make_resource("orders", {
            "create": {"method": "POST", "path": "orders"}, "update": {"method": "PUT", "path": "orders/{id}"}})
        flow = self.make_flow("res.partner", [("name", "name")], resource, direction="export", timing="live",
                              records_out_per_day=950, records_peak_hour=190)
        self.assertEqual(flow._volume_estimate().calls, 950)
        flow.read_before_write = True
        self.assertEqual(flow._volume_estimate().calls, 1900)
        self.assertEqual(flow._volume_estimate().peak_calls, 380)
        self.env["integration.operation"].create({
            "resource_id": resource.id, "kind": "create", "method": "POST", "path": "batch", "bulk": True,
            "bulk_limit": 100})
        flow.read_before_write = False
        self.assertEqual(flow._volume_estimate().calls, 10)

    def test_a_topic_with_ids_reads_each_record(self):
        self.connection.webhook_enabled = True
        self.env["integration.webhook.topic"].create({
            "connection_id": self.connection.id, "flow_id": self.flow.id, "topic": "customer.*", "kind": "ids"})
        self.flow.records_in_per_day = 70
        self.assertIn("each of 70 records is read = 70 calls", self.lines())
        self.assertIn("at once, when Shop sends an event", str(self.flow.plan_answers))

    def test_negative_numbers_are_refused(self):
        with self.assertRaises(Exception) as caught:
            self.flow.records_in_per_day = -1
            self.env.flush_all()
        self.assertIn("volumes", str(caught.exception))

    # -- what the configuration answers --------------------------------------------------------------------

    def test_answers_come_from_the_configuration(self):
        answers = str(self.flow.plan_answers)
        for piece in ("A record that is new in Shop is created in Odoo.", "recognised by Email", "every 5 minutes",
                      "2 fields: Shop decides", "1 field: Odoo decides",
                      "1 field: a person decides when both sides have changed",
                      "8 attempts, the second one after 1 minute, none later than 6 hours"):
            self.assertIn(piece, answers)
        self.flow.write({
            "create_in_odoo": False, "timing": "manual", "retry_attempts": 0, "delete_in_odoo": "ask"})
        answers = str(self.flow.plan_answers)
        self.assertIn("after a person has approved it", answers)
        self.assertEqual(self.flow._moves_words("import"), "Updates and deletes after approval")
        self.assertIn("is not created in Odoo", answers)
        self.assertIn("by button", answers)
        self.assertIn("Nothing is tried again by itself", answers)

    def test_names_are_escaped(self):
        self.connection.name = "<script>alert(1)</script>"
        self.assertNotIn("<script>", str(self.flow.plan_answers) + self.flow.diagram)

    def test_the_diagram_shows_the_flow(self):
        later = self.make_flow("res.partner", [
            {"odoo_path": "parent_id", "external_path": "customer_id", "kind": "relation", "relation_flow_id": self.flow.id},
        ], "contacts", name="Contacts", state="draft")
        svg = "".join(etree.fromstring(self.flow.diagram).itertext())
        for piece in ("Customers", "Shop", "SANDBOX", "every 5 minutes", "Order of creation", "Contacts", "Odoo decides"):
            self.assertIn(piece, svg)
        self.assertEqual(later._flows_before(), self.flow)
        self.assertEqual((later | self.flow)._in_order().mapped("name"), ["Customers", "Contacts"])
        # A circle is drawn, too.
        self.add_rules(self.flow, [{"odoo_path": "commercial_partner_id", "external_path": "x", "kind": "relation",
                                    "relation_flow_id": later.id}])
        self.assertEqual(len((later | self.flow)._in_order()), 2)

    def test_the_map_shows_what_a_user_may_see(self):
        company = self.env["res.company"].create({"name": "Other company"})
        self.make_flow("res.partner", [("name", "name")], "vendors", name="Vendors of others", state="draft",
                       connection_id=self.make_connection(name="Their shop", company_id=company.id).id,
                       company_id=company.id,
                       user_id=self.make_user("abroad", company_id=company.id, company_ids=[(6, 0, company.ids)]).id)
        user = self.make_user("map_user", "integration_flow.group_integration_user")
        text = "".join(etree.fromstring(self.flow.with_user(user)._landscape()).itertext())
        self.assertIn("1. Customers", text)
        self.assertNotIn("Their shop", text)
        self.assertNotIn("Vendors", text)

    # -- the gates -----------------------------------------------------------------------------------------

    def item(self, key):
        self.flow.invalidate_recordset()
        return next(item for item in self.flow.readiness_items if item["key"] == key)

    def test_every_item_is_missing_first_and_answered_by_the_configuration(self):
        answers = {
            "purpose": {"purpose": "Typed once."}, "trigger": {"frequency_reason": "Same day."},
            "users": {"users_see": "A new contact."}, "volume": {"records_in_per_day": 5, "records_in_all": 5},
        }
        for key, vals in answers.items():
            with self.subTest(key=key):
                self.assertFalse(self.item(key)["ok"])
                self.assertEqual(self.item(key)["page"], "plan")
                self.flow.write(vals)
                self.assertTrue(self.item(key)["ok"])
        self.assertFalse(self.item("contact")["ok"])
        self.assertEqual(self.item("contact")["method"], "action_open_connection")
        self.connection.provider_contact = "support@shop.example.com"
        self.assertTrue(self.item("contact")["ok"])
        self.assertFalse(self.item("connection")["ok"])
        self.connection.action_test()
        self.assertIn("does not need the credentials", self.item("connection")["text"])
        self.connection.test_path = "customers"
        self.connection.action_test()
        self.assertTrue(self.item("connection")["ok"])
        self.assertFalse(self.item("example")["ok"])
        self.flow.resource_id.sample_payload = "{}"
        self.assertTrue(self.item("example")["ok"])
        self.assertTrue(self.item("failure")["ok"])
        self.flow.responsible_id = False
        self.assertFalse(self.item("failure")["ok"])
        self.flow.alert_policy = "none"
        self.assertTrue(self.item("failure")["ok"])
        self.connection.administrator_id = False
        self.assertFalse(self.item("failure")["ok"])
        self.assertTrue(self.item("rules")["ok"])
        self.flow.rule_ids.unlink()
        self.assertIn("No field rule yet", self.item("rules")["text"])
        self.assertFalse(self.item("owners")["ok"])

    def test_a_test_tells_about_the_credentials_it_was_made_with(self):
        self.connection.test_path = "customers"
        for vals in ({"auth_secret_input": "another"}, {"base_url": "http://127.0.0.1:9"}, {"test_path": "orders"}):
            with self.subTest(vals=vals):
                self.connection.write({"auth_secret_input": self.shop.api_key, "base_url": self.shop.api})
                self.connection.action_test()
                self.assertTrue(self.item("connection")["ok"])
                self.connection.write(vals)
                self.assertIn("has not been tested", self.item("connection")["text"])
        self.connection.action_test()
        self.connection.write({"test_path": "orders", "name": "Shop"})
        self.assertTrue(self.connection.tested_at, "nothing has changed")

    def test_an_example_that_was_received_counts(self):
        self.flow.action_test_mode()
        self.receive(self.flow, {"id": 1, "first_name": "Ann", "email": "ann@example.com"})
        self.assertTrue(self.item("example")["ok"])

    def test_production_needs_a_sandbox_that_worked(self):
        self.connection.environment = "production"
        self.assertFalse(self.item("sandbox")["ok"])
        sandbox = self.make_connection(name="Try-out", environment="sandbox", auth_secret_input="wrong")
        sandbox.test_path = "customers"
        sandbox.action_test()
        self.assertFalse(self.item("sandbox")["ok"])
        sandbox.auth_secret_input = self.shop.api_key
        sandbox.action_test()
        self.assertTrue(self.item("sandbox")["ok"])
        self.assertIn("Try-out", self.item("sandbox")["text"])

    def test_going_live_asks_for_everything_and_says_what(self):
        with self.refuses(UserError, "Say what this flow is for"):
            self.flow.action_go_live()
        self.make_ready(self.flow)
        self.assertEqual([item["text"] for item in self.flow.readiness_items if not item["ok"]], [])
        self.assertTrue(self.flow.ready_for_live)
        self.connection.provider_contact = False
        with self.refuses(UserError, "Say whom to ask when Shop"):
            self.flow.action_go_live()
        self.connection.provider_contact = "support@shop.example.com"
        self.flow.action_go_live()
        self.assertEqual(self.flow.state, "live")
        self.assertTrue(self.flow.next_run_at)

    def test_no_way_around_the_gate(self):
        """By an import, a call from outside, or a pause in between."""
        manager = self.make_user("plan_manager", MANAGER)
        flow = self.flow.with_user(manager)
        for vals in ({"state": "live"}, {"state": "paused", "state_before_pause": "live"}):
            with self.subTest(vals=vals), self.refuses(UserError, "may not go live yet"):
                flow.write(vals)
        with self.refuses(UserError, "may not go live yet"):
            flow.create({
                "name": "Born live", "connection_id": self.connection.id, "resource_id": self.flow.resource_id.id,
                "model_id": self.env["ir.model"]._get_id("res.partner"), "state": "live"})
        flow.write({"state": "paused"})
        with self.refuses(UserError, "may not go live yet"):
            flow.action_resume()  # it was a draft
        with self.refuses(UserError, "may not go live yet"):
            flow.write({"state_before_pause": "live"})
        flow.write({"state": "draft"})
        flow.action_test_mode()
        flow.action_pause()
        flow.action_resume()
        self.assertEqual(flow.state, "test")
        with self.refuses(UserError, "may not go live yet"):
            flow.action_go_live()

    def test_what_was_live_is_resumed_without_asking(self):
        self.make_ready(self.flow)
        flow = self.flow.with_user(self.make_user("plan_manager", MANAGER))
        flow.action_go_live()
        flow.action_pause()
        flow.purpose = "Something else"
        self.assertEqual(flow.agreement_state, "void")
        flow.action_resume()
        self.assertEqual(flow.state, "live")

    def test_test_needs_what_is_technical_only(self):
        self.flow.rule_ids.unlink()
        with self.refuses(UserError, "No field rule yet"):
            self.flow.action_test_mode()
        with self.refuses(UserError, "No field rule yet"):
            self.flow.with_user(self.make_user("plan_manager", MANAGER)).write({"state": "test"})
        self.add_rules(self.flow, [("name", "first_name")])
        self.flow.action_test_mode()
        self.assertEqual(self.flow.state, "test")
        self.connection.environment = "sandbox"
        with self.refuses(ValidationError, "sandbox"):
            self.flow.connection_id = self.make_connection(environment="production")

    # -- requests ------------------------------------------------------------------------------------------

    def test_a_request_is_planned_too(self):
        resource = self.make_resource("orders", {"create": {"method": "POST", "path": "orders"}})
        flow = self.make_flow(
            "res.partner", [("name", "name", {"direction": "export"}), ("ref", "code", {"direction": "import"})], resource,
            direction="request", request_effect="create", name="Labels", records_out_per_day=30, state="draft")
        self.env["integration.request.step"].create([
            {"flow_id": flow.id, "operation_id": resource.operation_ids.id} for _number in range(2)])
        self.assertEqual(flow._volume_estimate().calls, 60)
        self.assertIn("30 requests of 2 calls each = 60 calls.", flow._volume_lines())
        svg = "".join(etree.fromstring(flow.diagram).itertext())
        for piece in ("Asks, and something", "The answer fills", "when somebody"):
            self.assertIn(piece, svg)
        self.assertIn("once for each record", str(flow.plan_answers))
        self.assertTrue(flow.readiness_items)
        self.assertEqual(len(flow._agreement_terms()["calls"]), 2)
