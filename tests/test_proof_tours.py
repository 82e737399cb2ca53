"""A preview, the editor of rules, and a blueprint with its difference, as people click them."""

import json

from odoo.tests import HttpCase, tagged

from .common import FlowTools

ANN = {"id": 7, "email": "ann@example.com", "name": "Ann", "billing": {"city": "Ghent", "postcode": "9000"}}


@tagged("post_install", "-at_install")
class TestProofTours(FlowTools, HttpCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.connection = cls.env["integration.connection"].create({
            "name": "Tour Shop", "api_name": "Tour API", "base_url": "http://127.0.0.1:9/"})
        resource = cls.env["integration.resource"].create({
            "name": "Customers", "code": "customer", "api_name": "Tour API", "sample_payload": json.dumps(ANN),
            "operation_ids": [(0, 0, {"kind": "list", "path": "customers"})]})
        cls.flow = cls.make_flow("res.partner", [
            ("name", "name", {"required": True}), ("email", "email", {"match_key": True})], resource, name="Tour Customers")

    def test_dry_run_and_test_case(self):
        partners = self.env["res.partner"].search_count([])
        self.start_tour(f"/odoo/integration-flows/{self.flow.id}", "integration_flow_dry_run", login="admin")
        self.assertEqual(self.env["res.partner"].search_count([]), partners)
        case = self.flow.test_case_ids
        self.assertEqual(case.last_result, "passed")
        self.assertNotIn("ann@example.com", case.payload)

    def test_suggestion_and_picker(self):
        self.start_tour(f"/odoo/integration-flows/{self.flow.id}", "integration_flow_rule_editor", login="admin")
        self.assertIn(("city", "billing.postcode"), [(rule.odoo_path, rule.external_path) for rule in self.flow.rule_ids])

    def test_blueprint_with_its_difference(self):
        blueprint = self.env["integration.blueprint"]
        if blueprint._missing_apps(blueprint._shipped("odoo_json2")):
            self.skipTest("The apps of this blueprint are not installed")
        flow = blueprint._apply_file("odoo_json2")["odoo_contacts"]
        flow.interval_number = 7
        self.env["integration.field.rule"].create({
            "flow_id": flow.id, "code": "extra", "odoo_path": "function", "external_path": "job"})
        self.start_tour("/odoo/integration-blueprints", "integration_flow_blueprint_import", login="admin")
        self.assertNotIn("extra", flow.all_rule_ids.mapped("code"))
        self.assertEqual(flow.interval_number, 5)
