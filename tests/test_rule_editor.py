"""The editor of field rules: what each makes of an example, what speaks against it, and suggestions."""

import json

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, TransactionCase, new_test_user, tagged

from .common import FlowTools

CUSTOMER = {
    "id": 7, "email": "ann@example.com", "first_name": "Ann", "last_name": "Lee", "vip": "often", "tax_no": "BE0477472701",
    "billing": {"address_1": "Main 1", "postcode": "9000", "city": "Ghent", "country": "BE"},
    "line_items": [{"id": 1, "name": "Lamp", "quantity": 2}]}


@tagged("post_install", "-at_install")
class TestRuleEditor(FlowTools, TransactionCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.connection = cls.env["integration.connection"].create({
            "name": "Shop", "api_name": "Sandbox shop", "base_url": "http://127.0.0.1:9/"})
        cls.flow = cls.make_flow("res.partner", [
            ("email", "email", {"match_key": True}),
            ("country_id", "billing.country", {"transform": "country"}),
            ("active", "vip", {"transform": "boolean"}),
            ("vat", "tax_no", {"sensitive": True}),
        ], cls.make_resource("customers", sample_payload=json.dumps(CUSTOMER)))

    def rule(self, path, flow=None):
        return (flow or self.flow).rule_ids.filtered(lambda rule: rule.odoo_path == path)

    def test_examples_by_the_real_mapper(self):
        found = {rule.odoo_path: (rule.sample_in, rule.sample_out) for rule in self.flow.rule_ids}
        self.assertEqual(found["email"], ("ann@example.com", "ann@example.com"))
        self.assertEqual(found["country_id"], ("BE", "Belgium"))
        self.assertEqual(found["vat"], ("•••", "•••"))
        self.assertEqual(found["active"], ("often", False))
        self.assertIn("often", self.rule("active").warning)
        self.assertFalse(self.rule("email").warning)

    def test_examples_while_a_rule_is_typed(self):
        with Form(self.rule("email")) as form:
            form.external_path = "first_name"
            self.assertEqual((form.sample_in, form.sample_out), ("Ann", "Ann"))
            form.external_path = "billing"
            self.assertTrue(form.warning)
            form.external_path = "last_name"
        self.assertEqual(self.rule("email").sample_out, "Lee")

    def test_the_latest_payload_stands_in_for_an_example(self):
        self.flow.resource_id.sample_payload = False
        self.assertFalse(self.rule("email").sample_in)
        self.env["integration.sync"].sudo().create({
            "flow_id": self.flow.id, "connection_id": self.connection.id, "model": "res.partner", "external_id": "9",
            "payload": json.dumps({"id": 9, "email": "eve@example.com"})})
        self.env.invalidate_all()
        self.assertEqual(self.rule("email").sample_in, "eve@example.com")

    def test_exports_and_lines(self):
        flow = self.make_flow("res.partner", [
            ("name", "full_name", {"transform": "text", "text_case": "upper"}),
            {"kind": "lines", "odoo_path": "child_ids", "external_path": "people", "children": [("name", "name")]},
        ], self.make_resource("people", {"create": {"path": "people", "method": "POST"}}), direction="export",
            domain="[('ref', '=', 'X-editor')]")
        self.env["res.partner"].create({
            "name": "Ann", "ref": "X-editor", "child_ids": [(0, 0, {"name": "Bob"})]})
        self.assertEqual((self.rule("name", flow).sample_in, self.rule("name", flow).sample_out), ("Ann", "ANN"))
        self.assertEqual(self.rule("child_ids", flow).child_ids.sample_out, "Bob")
        flow = self.make_flow("res.partner", [
            {"kind": "lines", "odoo_path": "child_ids", "external_path": "line_items", "children": [("name", "name")]},
        ], self.make_resource("documents", sample_payload=json.dumps(CUSTOMER)))
        self.assertEqual(self.rule("child_ids", flow).sample_out, "1 lines")
        self.assertEqual(self.rule("child_ids", flow).child_ids.sample_out, "Lamp")

    def test_warnings_at_once(self):
        self.add_rules(self.flow, [("commercial_company_name", "first_name"), ("display_name", "first_name"),
                                   ("email_normalized", "email", {"direction": "export"})])
        self.assertIn("computes", self.rule("display_name").warning)
        self.assertFalse(self.rule("email_normalized").warning)
        tags = self.make_flow("res.partner.category", [("color", "color")], self.make_resource("tags"))
        self.assertEqual(tags.unmapped_required, "Name")
        self.add_rules(tags, [("name", "name")])
        self.assertFalse(tags.unmapped_required)
        self.flow.action_draft()
        other = self.make_flow("res.partner", [("email", "mail")], self.make_resource("contacts"), name="Other Contacts")
        self.env.invalidate_all()
        self.assertIn("Other Contacts", self.rule("email").warning)
        other.action_draft()
        self.env.invalidate_all()
        self.assertFalse(self.rule("email").warning)

    def test_suggestions_are_chosen_and_then_saved(self):
        rules = self.flow.all_rule_ids
        wizard = self.env["integration.suggest"].browse(self.flow.action_suggest_rules()["res_id"])
        lines = {line.odoo_path: line for line in wizard.line_ids}
        self.assertEqual(
            {name: (lines[name].external_path, lines[name].chosen) for name in ("street", "zip", "city")},
            {"street": ("billing.address_1", True), "zip": ("billing.postcode", True), "city": ("billing.city", True)})
        self.assertEqual((lines["name"].transform, lines["name"].template), ("template", "{first_name} {last_name}"))
        self.assertNotIn("email", lines, "it has a rule already")
        self.assertNotIn("BE0477472701", wizard.payload)
        self.assertEqual(self.flow.all_rule_ids, rules, "nothing is saved by itself")
        lines["city"].chosen = False
        wizard.action_add()
        self.env.invalidate_all()
        added = self.flow.all_rule_ids - rules
        self.assertEqual(set(added.mapped("odoo_path")) & {"street", "zip", "city", "name"}, {"street", "zip", "name"})
        self.assertEqual(self.rule("name").sample_out, "Ann Lee")
        self.assertEqual(self.flow._problems(), [])
        wizard.line_ids.chosen = False
        with self.assertRaises(UserError):
            wizard.action_add()

    def test_lines_are_suggested_with_their_fields(self):
        if "sale.order" not in self.env:
            self.skipTest("Sales is not installed")
        resource = self.make_resource("orders", sample_payload=json.dumps({
            "id": 1, "number": "N1", "line_items": [{"id": 1, "name": "Lamp", "quantity": 2, "price": "9.90"}]}))
        flow = self.make_flow("sale.order", [("partner_id", "customer")], resource)
        wizard = self.env["integration.suggest"].browse(flow.action_suggest_rules()["res_id"])
        wizard.line_ids.chosen = True
        wizard.action_add()
        lines = self.rule("order_line", flow)
        self.assertEqual((lines.kind, lines.external_path), ("lines", "line_items"))
        self.assertLessEqual({"product_uom_qty", "price_unit", "name"}, set(lines.child_ids.mapped("odoo_path")))
        self.assertEqual(self.rule("client_order_ref", flow).external_path, "number")

    def test_the_tree_of_the_picker(self):
        rules = self.env["integration.field.rule"]
        tree = rules.get_sample_tree(self.flow.id)
        self.assertEqual((tree["billing"]["city"], tree["tax_no"]), ("Ghent", "***"))
        lines = self.add_rules(self.flow, [{"kind": "lines", "odoo_path": "child_ids", "external_path": "line_items"}])
        self.assertEqual(rules.get_sample_tree(self.flow.id, lines.id), {"id": 1, "name": "Lamp", "quantity": 2})
        self.flow.resource_id.sample_payload = False
        self.assertIsNone(rules.get_sample_tree(self.flow.id))
        user = new_test_user(self.env, "reader", groups="base.group_user,integration_flow.group_integration_user")
        for call in (
            lambda: rules.with_user(user).get_sample_tree(self.flow.id),
            lambda: self.flow.with_user(user).action_suggest_rules(),
            lambda: self.rule("email").with_user(user).read(["sample_in"]),
        ):
            with self.assertRaises(AccessError):
                call()
        self.assertTrue(self.rule("email").with_user(user).read(["odoo_path"]))
