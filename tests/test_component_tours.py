"""What people press on records and settings, in a browser: a request, a payload that is edited, the settings."""

import json

from odoo.tests import HttpCase, new_test_user, tagged

from .carrier import Carrier
from .common import API, FlowTools

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
        ], resource, state="draft", direction="request", request_effect="create", request_label="Create Label", name="Labels")
        self.env["integration.request.step"].create([
            {"flow_id": flow.id, "sequence": 1, "operation_id": operations[0].id},
            {"flow_id": flow.id, "sequence": 2, "operation_id": operations[1].id, "body": '{"rate": "{=rates[0].id}"}'}])
        flow.action_test_mode()
        parcel = self.env["res.partner"].create({"name": "Tour Parcel"})
        self.start_tour(
            f"/odoo/res.partner/{parcel.id}", "integration_flow_request_from_record", login="component_manager")
        self.env.invalidate_all()
        self.assertEqual((parcel.city, parcel.street, carrier.bought()), ("Ghent", "T-s1", 1))

    def test_edit_a_payload(self):
        flow = self.customer_flow([("function", "job", {"required": True})], name="Tour Customers")
        sync = self.env["integration.sync"].create({
            "flow_id": flow.id, "connection_id": self.connection.id, "model": "res.partner", "external_id": "7", "name": "Ann",
            "state": "failed", "direction": "import", "attempts": 1, "payload": json.dumps(ANN), "error_class": "mapping",
            "error_message": "Job Position has no value.", "error_hint": "Enter it in the other system."})
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
