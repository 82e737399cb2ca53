"""The screens of published data, in a browser and without one."""

from odoo.exceptions import ValidationError
from odoo.tests import Form, HttpCase, tagged
from odoo.tools.safe_eval import safe_eval

from .publish_common import RULES, PublishCase, PublishTools


@tagged("post_install", "-at_install")
class TestTour(PublishTools, HttpCase):
    def test_publication_and_token(self):
        flow = self.publish(RULES[:2], name="Tour Contacts", publish_code="tour-contacts",
                            domain="[('name', '=like', 'Tour%')]")
        self.env["res.partner"].create([{"name": "Tour Ann", "ref": "A"}, {"name": "Tour Nobody"}])
        self.consume(flow, name="Tour Shop")
        self.env.cr.flush()
        self.env.ref("integration_flow.ir_cron_publish").method_direct_trigger()
        user = self.make_user("publish_tour", "integration_flow.group_integration_secrets,base.group_partner_manager")
        self.start_tour("/odoo/integration-published", "integration_flow_publish", login=user.login)


@tagged("post_install", "-at_install")
class TestForms(PublishCase):
    def test_a_publication_by_the_form(self):
        """As a manager makes it: no connection, no resource; the rules are Odoo's."""
        manager = self.make_user("publish_former", "integration_flow.group_integration_manager,base.group_partner_manager")
        action = self.env["ir.actions.act_window"]._for_xml_id("integration_flow.integration_publish_action")
        flows = self.env["integration.flow"].with_user(manager).with_context(
            **safe_eval(action["context"]))
        with Form(flows, "integration_flow.integration_publish_view_form") as form:
            form.name = "Prices"
            form.publish_code = "prices"
            form.model_id = self.env["ir.model"]._get("res.partner")
        flow = form.record
        self.assertFalse(flow.connection_id)
        self.assertTrue(flow.readiness)
        with Form(flow, "integration_flow.integration_publish_view_form") as form, form.rule_ids.new() as rule:
            rule.odoo_path, rule.external_path, rule.match_key = "ref", "ref", True
        self.assertFalse(flow.readiness)
        flow.action_go_live()
        self.assertEqual((flow.state, flow.rule_ids.owner), ("live", "odoo"))

    def test_other_flows_still_need_both_sides(self):
        with Form(self.env["integration.flow"], "integration_flow.integration_flow_view_form") as form:
            form.name = "Publication"
            form.direction = "publish"
            form.publish_code = "by-the-other-form"
            form.model_id = self.env["ir.model"]._get("res.partner")
        self.assertEqual(form.record.direction, "publish")
        form = Form(self.env["integration.flow"], "integration_flow.integration_flow_view_form")
        form.name = "Import"
        form.model_id = self.env["ir.model"]._get("res.partner")
        with self.assertRaises(AssertionError) as caught:
            form.save()
        self.assertIn("connection_id", str(caught.exception))
        with self.assertRaises(ValidationError):
            self.publish(live=False, publish_code="x", connection_id=self.make_bare_connection().id)

    def make_bare_connection(self):
        return self.env["integration.connection"].create({"name": "Bare", "base_url": "https://shop.example.com"})

    def test_all_menus_open(self):
        """List and form of each screen, for each group that sees it."""
        flow = self.publish()
        self.consume(flow, limits=[("name", "Ann")])
        self.partner("Ann")
        self.refresh()
        for group in ("user", "manager", "secrets"):
            user = self.make_user(f"publish_looks_{group}", f"integration_flow.group_integration_{group}")
            for model, names in (
                    ("integration.flow", ("publish_view_list", "publish_view_form")), ("integration.document", (
                        "document_view_list", "document_view_form", "document_view_search")),
                    ("integration.consumer", ("consumer_view_list", "consumer_view_form"))):
                records = self.env[model].with_user(user).search(
                    [("direction", "=", "publish")] if model == "integration.flow" else [])
                self.assertTrue(records)
                for name in names:
                    view = self.env.ref(f"integration_flow.integration_{name}")
                    with self.subTest(group=group, view=name):
                        arch = records.get_view(view.id, view.type)
                        fields = arch["models"][model]
                        records.web_read({field: {} for field in fields if field in records._fields})
