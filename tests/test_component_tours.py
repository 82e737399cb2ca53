"""What people press on records and settings, in a browser; and whether our screens can be used without seeing them."""

import importlib.util
import json
from pathlib import Path

from odoo.tests import HttpCase, new_test_user, tagged

from odoo.addons.integration_flow.sandbox.chat import TOKEN
from odoo.addons.integration_flow.sandbox.client import SandboxServer
from odoo.addons.integration_flow.sandbox.files import PASSWORD, USER, FileServer

from .alert_common import PRIVATE
from .carrier import Carrier
from .common import API, FlowTools
from .test_screens import ScreensMixin

ANN = {"id": 7, "email": "ann@example.com", "first_name": "Ann"}


@tagged("post_install", "-at_install")
class TestComponentTours(FlowTools, HttpCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.connection = cls.env["integration.connection"].create({
            "name": "Tour System", "api_name": API, "base_url": "http://127.0.0.1:9/", "timeout_connect": 1})
        cls.manager = new_test_user(
            cls.env, "component_manager", groups="base.group_partner_manager,integration_flow.group_integration_secrets")

    def work(self):
        self.env.cr.flush()
        self.assertIs(self.connection.sudo().cron_id.method_direct_trigger(), True)
        self.env.invalidate_all()

    def test_request_from_the_record(self):
        """Its error is shown at once and stands on the record; corrected there, it succeeds and fills the form."""
        carrier = Carrier()
        self.addCleanup(carrier.stop)
        self.connection.base_url = carrier.url
        resource = self.make_resource("shipments", {})
        operations = self.env["integration.operation"].create([
            {"resource_id": resource.id, "kind": "action", "name": "draft", "method": "POST", "path": "shipments",
             "error_paths": "message"},
            {"resource_id": resource.id, "kind": "action", "name": "buy", "method": "POST", "path": "shipments/{id}/buy",
             "error_paths": "message"}])
        flow = self.make_flow("res.partner", [
            ("city", "to.city", {"direction": "export"}), ("street", "tracking", {"direction": "import"}),
        ], resource, state="draft", direction="request", request_effect="create", request_label="Create Label",
            name="Labels")
        self.env["integration.request.step"].create([
            {"flow_id": flow.id, "sequence": 1, "operation_id": operations[0].id},
            {"flow_id": flow.id, "sequence": 2, "operation_id": operations[1].id, "body": '{"rate": "{=rates[0].id}"}'}])
        flow.action_test_mode()
        parcel = self.env["res.partner"].create({"name": "Tour Parcel"})
        self.start_tour(
            f"/odoo/res.partner/{parcel.id}", "integration_flow_request_from_record", login="component_manager")
        self.env.invalidate_all()
        self.assertEqual((parcel.city, parcel.street, carrier.bought()), ("Ghent", "T-s1", 1))

    def test_a_failed_file(self):
        """A file that cannot be read, and a broken row of another one: seen, read, tried again."""
        files = FileServer()
        self.addCleanup(files.stop)
        self.connection.write({
            "base_url": files.url, "auth_type": "basic", "auth_user": USER, "auth_secret_input": PASSWORD,
            "host_key": files.fingerprint, "api_name": API})
        resource = self.make_resource("files", {"list": {"path": "in/contacts-*.csv", "paging_style": "files"}}, **{
            "id_path": "email", "format": "csv", "format_options": '{"delimiter": ";"}'})
        flow = self.make_flow("res.partner", [
            ("name", "name", {"required": True}), ("email", "email", {"match_key": True}),
        ], resource, name="Contacts by file", direction="import")
        files.put("in/contacts-1.csv", 'email;name\nann@files;Ann\n"bert@files"x;Bert\n', modified=1000)
        files.put("in/contacts-2.csv", b"email;name\ncarl@files;\xff\xfe\n", modified=2000)
        flow._start("button")
        self.work()
        self.start_tour("/odoo/integration-files", "integration_flow_failed_file", login="component_manager")
        files.put("in/contacts-2.csv", "email;name\ncarl@files;Carl\n", modified=3000)
        self.work()
        self.assertEqual(self.env["res.partner"].search([("email", "=", "carl@files")]).name, "Carl")

    def test_an_alert_by_blueprint(self):
        """From the shipped file to a message that failed at first, by the screens alone."""
        blueprint = self.env["integration.blueprint"]
        if blueprint._missing_apps(blueprint._shipped("alerts")):
            self.skipTest("Sales and Inventory are not installed")
        shop = SandboxServer(seed="empty").start()
        self.addCleanup(shop.stop)
        self.env["ir.config_parameter"].sudo().set_param(PRIVATE, "True")
        channels = self.env["integration.notice.channel"].create([{
            "name": name, "code": code, "kind": "chat", "url_input": f"{shop.url}/chat/services/T1/{code}/{TOKEN}",
        } for name, code in (("Chat of Sales", "chat_sales"), ("Chat of Operations", "chat_operations"))])
        self.manager.group_ids += self.env.ref("sales_team.group_sale_salesman_all_leads")
        self.env["sale.order"].create({"partner_id": self.env["res.partner"].create({"name": "Large Shop"}).id})
        shop.fault("status", path="/chat/", status=404)
        self.start_tour("/odoo/integration-blueprints", "integration_flow_alert", login="component_manager")
        self.env.invalidate_all()
        alert = self.env["integration.notice.rule"].search([("code", "=", "large_order")])
        notices = self.env["integration.notice"].search([("rule_id", "=", alert.id)])
        self.assertEqual((alert.state, notices.mapped("state"), notices.channel_id), ("on", ["sent", "sent"], channels))

    def test_edit_a_payload(self):
        flow = self.customer_flow([("function", "job", {"required": True})], name="Tour Customers")
        sync = self.env["integration.sync"].create({
            "flow_id": flow.id, "connection_id": self.connection.id, "model": "res.partner", "external_id": "7",
            "name": "Ann", "state": "failed", "direction": "import", "attempts": 1, "payload": json.dumps(ANN),
            "error_class": "mapping", "error_message": "Job Position has no value.",
            "error_hint": "Enter it in the other system."})
        self.start_tour(
            f"/odoo/integration-records/{sync.id}", "integration_flow_edit_payload", login="component_manager")
        self.env.cr.flush()
        self.assertIs(self.connection.cron_id.method_direct_trigger(), True)
        self.env.invalidate_all()
        self.assertEqual(self.env["res.partner"].browse(sync.res_id).function, "Baker", sync.error_message)
        self.assertEqual(json.loads(sync.payload_edit_ids.original), ANN)

    def test_settings(self):
        self.start_tour("/odoo/integration-settings", "integration_flow_settings", login="admin")
        self.env.invalidate_all()
        self.assertEqual(self.env["ir.config_parameter"].get_param("integration_flow.default_retry_attempts"), "3")


@tagged("post_install", "-at_install")
class TestAccessibility(ScreensMixin, HttpCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_screen_data()

    def test_screens(self):
        """Names, roles and contrasts of what we show, by axe-core."""
        package = importlib.util.find_spec("axe_playwright_python")
        if not package:
            self.skipTest("requirements-test-files.txt is not installed")
        self.env["ir.attachment"].create({
            "name": "axe.js", "url": "/integration_flow_accessibility/axe.js", "public": True,
            "mimetype": "application/javascript", "raw": Path(package.origin).with_name("axe.min.js").read_bytes()})
        self.flow.action_test_mode()
        sync = self.make_sync(external_id="7")
        self.env["integration.issue"].create({
            "connection_id": self.connection.id, "flow_id": self.flow.id, "fingerprint": "x", "message": "Refused.",
            "sync_ids": [(6, 0, sync.ids)]})
        self.make_sync("synced", self.env["res.partner"].create({"name": "Tour Neighbour"}))
        doubtful = self.make_sync("unknown", self.env["res.partner"].create({"name": "Tour Doubt"}), external_id="8")
        self.env["integration.conflict"].create({
            "sync_id": doubtful.id, "flow_id": self.flow.id, "model": "res.partner", "res_id": doubtful.res_id,
            "code": "email", "rule_id": self.flow.rule_ids[0].id})
        self.connection._alert("silence", "Nothing arrives", "Nothing since yesterday.")
        self.start_tour("/odoo/integrations", "integration_flow_accessibility", login="screens_secrets", timeout=120)
