"""Configuration: what a rule, an operation or a flow refuses, and what is missing before a flow may run."""

from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged

from odoo.addons.integration_flow.engine.plan import FlowPlan

from .common import PAGED, FlowCase


@tagged("post_install", "-at_install")
class TestRules(FlowCase):

    def setUp(self):
        super().setUp()
        self.flow = self.customer_flow(state="draft")

    def rule(self, **vals):
        return self.env["integration.field.rule"].create({
            "flow_id": self.flow.id, "odoo_path": "ref", "external_path": "x", **vals})

    def test_refused_when_saved(self):
        for vals, text in (
            ({"odoo_path": "no_such_field"}, "no field"),
            ({"odoo_path": "parent_id.no_such_field"}, "no field"),
            ({"external_path": "a["}, "not a valid path"),
            ({"line_id_path": "]"}, "not a valid path"),
            ({"country_path": "a..b"}, "not a valid path"),
        ):
            with self.subTest(vals=vals), self.refuses(ValidationError, text):
                self.rule(**vals)

    def test_names_in_words(self):
        for vals, name in (
            ({"odoo_path": "parent_id.email"}, "Related Company / Email ⇄ x"),
            ({"odoo_path": False}, "x (no field of Odoo)"),
            ({"external_path": False}, "Reference (no external path)"),
        ):
            with self.subTest(vals=vals):
                self.assertEqual(self.rule(**vals).display_name, name)

    def test_missing_before_it_may_run(self):
        """Each slip is told in one sentence that names the rule; the flow does not start before."""
        for vals, text in (
            ({"odoo_path": False}, "choose the Odoo field"),
            ({"external_path": False}, "on the other side"),
            ({"odoo_path": "parent_id.ref"}, "related record"),
            ({"kind": "relation", "odoo_path": "parent_id"}, "choose the flow"),
            ({"kind": "lines", "odoo_path": "child_ids"}, "fields of a line"),
            ({"kind": "lines", "odoo_path": "ref"}, "list field"),
            ({"odoo_path": "child_ids"}, "kind Lines"),
            ({"transform": "value_map"}, "value map"),
            ({"transform": "lookup", "odoo_path": "parent_id"}, "looked up"),
        ):
            with self.subTest(vals=vals):
                rule = self.rule(**vals)
                with self.refuses(UserError, text):
                    self.flow.action_test_mode()
                self.assertIn(text, str(self.flow.readiness))
                rule.unlink()
        self.flow.action_test_mode()
        self.assertEqual(self.flow.state, "test")

    def test_an_inactive_or_unsynced_rule_needs_nothing(self):
        self.rule(external_path=False, active=False)
        self.rule(external_path=False, owner="nobody")
        self.flow.action_test_mode()
        self.assertEqual(self.flow.state, "test")

    def test_codes_are_unique_and_stable(self):
        first, second = self.rule(), self.rule()
        self.assertEqual((first.code, second.code), ("ref", "ref_2"))
        first.odoo_path = "street"
        self.assertEqual(first.code, "ref", "the last agreed values are kept under it")

    def test_a_copied_flow_has_its_own_rules(self):
        lines = self.rule(kind="lines", odoo_path="child_ids")
        self.add_rules(self.flow, [("name", "name")], lines)
        copy = self.flow.copy()
        self.assertEqual(copy.state, "draft")
        self.assertEqual(copy.rule_ids.mapped("code"), self.flow.rule_ids.mapped("code"))
        self.assertEqual(len(copy.rule_ids.child_ids), 1)
        self.assertFalse(copy.rule_ids.child_ids & self.flow.rule_ids.child_ids)
        self.assertFalse(copy.watermark)

    def test_a_path_of_another_api(self):
        resource = self.make_resource("foreign", api_name="Other API")
        with self.refuses(ValidationError, "same API"):
            self.flow.resource_id = resource

    def test_texts_of_a_flow(self):
        for vals, text in (
            ({"domain": "[('no_such_field', '=', 1)]"}, "not valid"),
            ({"domain": "[("}, "not valid"),
            ({"external_filter": "status =="}, "not valid"),
            ({"list_query": "[1]"}, "JSON object"),
            ({"list_query": "{"}, "not valid"),
            ({"cron_expression": "every day"}, "not valid"),
        ):
            with self.subTest(vals=vals), self.refuses(ValidationError, text):
                self.flow.write(vals)

    def test_operations(self):
        operation = self.flow.resource_id.operation_ids[0]
        for vals, text in (
            ({"path": "https://evil.example/x"}, "below the base URL"),
            ({"path": "//evil.example/x"}, "below the base URL"),
            ({"query": "{"}, "not valid JSON"),
            ({"query": "[1]"}, "JSON object"),
            ({"records_path": "a["}, "not a valid path"),
        ):
            with self.subTest(vals=vals), self.refuses(ValidationError, text):
                operation.write(vals)

    def test_a_flow_in_test_never_meets_production(self):
        self.connection.environment = "production"
        with self.refuses(ValidationError, "production"):
            self.flow.action_test_mode()
        self.make_ready(self.flow)
        self.flow.action_go_live()
        self.assertEqual(self.flow.state, "live")

    def test_a_draft_flow_does_nothing(self):
        self.put_customers({"id": 1, "first_name": "A"})
        with self.refuses(UserError, "Draft"):
            self.flow.action_sync_now()
        self.flow._open_run("button")
        self.work()
        self.assertFalse(self.syncs(self.flow))

    def test_a_paused_flow_goes_on_where_it_was(self):
        self.flow.action_test_mode()
        self.put_customers({"id": 1, "first_name": "A", "email": "a@example.com"})
        self.flow.action_sync_now()
        self.flow.action_pause()
        self.work()
        self.assertFalse(self.syncs(self.flow))
        self.flow.action_resume()
        self.assertEqual(self.flow.state, "test")
        self.work()
        self.assertSyncs(self.flow, {"1": "synced"})


@tagged("post_install", "-at_install")
class TestPlan(FlowCase):

    def test_signature_moves_with_the_meaning_only(self):
        flow = self.customer_flow([
            ("country_id", "country", {"transform": "country"}), ("lang", "lang", {"transform": "value_map"})])
        value_map = self.env["integration.value.map"].create({"name": "Languages"})
        rules = {rule.code: rule for rule in flow.rule_ids}
        rules["lang"].value_map_id = value_map

        def signature():
            flow.invalidate_recordset()
            return FlowPlan(flow).signature
        before = signature()
        for what, change in {
            "name of the flow": lambda: flow.write({"name": "Renamed"}),
            "batch size": lambda: flow.write({"batch_size": 3}),
            "required": lambda: rules["email"].write({"required": True}),
        }.items():
            change()
            self.assertEqual(signature(), before, what)
        for what, change in {
            "external path": lambda: rules["name"].write({"external_path": "last_name"}),
            "Odoo field": lambda: rules["name"].write({"odoo_path": "ref"}),
            "transform": lambda: rules["name"].write({"transform": "text"}),
            "option": lambda: rules["name"].write({"text_case": "upper"}),
            "owner": lambda: rules["email"].write({"owner": "newest"}),
            "new line of the map": lambda: value_map.write({
                "line_ids": [(0, 0, {"external_value": "en", "odoo_value": "en_US"})]}),
            "time zone": lambda: flow.write({"tz": "Asia/Tokyo"}),
            "filter": lambda: flow.write({"external_filter": "id != `1`"}),
            "inactive": lambda: rules["country_id"].write({"active": False}),
        }.items():
            with self.subTest(what=what):
                change()
                self.assertNotEqual(signature(), before, what)
                before = signature()

    def test_labels_are_in_the_language_of_the_flow(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        flow = self.customer_flow(lang="fr_FR")
        self.env["ir.model.fields"]._get("res.partner", "name").with_context(lang="fr_FR").field_description = "Nom"
        self.env.registry.clear_cache()
        plan = FlowPlan(flow)
        self.assertEqual({rule.code: rule.label for rule in plan.rules}["name"], "Nom")

    def test_operations_are_plain_values(self):
        flow = self.customer_flow(operations={"list": {"path": "customers", **PAGED}})
        plan = FlowPlan(flow)
        operation = plan.operation("list")
        self.assertEqual((operation.path, operation.paging_style, operation.format), ("customers", "page", "json"))
        self.assertIsNone(plan.operation("delete"))

    def test_external_ids(self):
        plan = FlowPlan(self.customer_flow())
        for value, expected in ((7, "7"), ("7", "7"), (7.0, "7"), (" a ", "a"), ("a\x00b", "ab"), (None, ""), (True, ""),
                                ({}, ""), ([1], ""), (0, "0"), ("", "")):
            with self.subTest(value=value):
                self.assertEqual(plan.external_id({"id": value}), expected)
