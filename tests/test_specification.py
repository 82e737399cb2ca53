"""The specification: everything about a flow in business words, as HTML and as PDF."""

from unittest import skipUnless

from lxml import html

from odoo.addons.base.models.ir_actions_report import _wkhtml
from odoo.exceptions import AccessError
from odoo.tests import tagged

from .common import FlowCase


@tagged("post_install", "-at_install")
class TestSpecification(FlowCase):

    def setUp(self):
        super().setUp()
        self.flow = self.customer_flow([
            ("vat", "tax_no", {"sensitive": True}), ("ref", "billing.customer_code", {"owner": "odoo", "text_case": "upper",
                                                                                     "transform": "text"}),
        ], state="draft", name="Customers <b>of the shop</b>", timing="scheduled")
        self.flow.resource_id.sample_payload = (
            '{"id": 7, "tax_no": "BE0477472701", "api_key": "s3cret", "first_name": "Ann"}')
        self.owner = self.make_ready(self.flow)

    def text(self, user=None, flow=None):
        report = self.env["ir.actions.report"].with_user(user or self.owner)
        content = report._render_qweb_html("integration_flow.specification", (flow or self.flow).ids)[0]
        self.document = html.fromstring(content)
        return " ".join(" ".join(self.document.itertext()).split())

    def test_everything_is_in_it(self):
        text = self.text()
        for piece in (
            "Customers <b>of the shop</b>", "Customers are typed once.", "A contact with the address of the shop.",
            "A record that is new in Shop is created in Odoo.", "every 15 minutes", "Nobody waits for them.",
            "Email match key ← Email Shop decides blank in Shop empties it in Odoo",
            "Reference ← Billing › customer code billing.customer_code",
            "Odoo decides Odoo's value always stays", "Text (Text Case: UPPER)", "match key", "sensitive",
            "Credentials Refused no",
            "Too Many Calls yes nobody: it heals by itself", "support@shop.example.com", "Example of Customers",
            "Agreed: version 1 by", "First version", "96 calls a day",
        ):
            self.assertIn(piece, text)
        self.assertFalse(self.document.xpath("//h1/b"), "names are escaped")
        self.assertEqual(len(self.document.xpath("//svg[@role='img']")), 1)

    def test_nothing_sensitive_is_in_it(self):
        text = self.text()
        self.assertNotIn("BE0477472701", text)
        self.assertNotIn("s3cret", text)
        self.assertIn('"first_name": "Ann"', text)

    def test_changes_since_the_agreement(self):
        self.flow.interval_number = 60
        self.env.invalidate_all()
        text = self.text()
        self.assertIn("Changed since the last agreement", text)
        self.assertIn("Every 15 60", text)

    def test_a_flow_that_has_only_a_name(self):
        flow = self.make_flow("res.partner", [], "vendors", state="draft", name="Idea")
        text = self.text(user=self.make_user("spec_manager", "integration_flow.group_integration_manager"), flow=flow)
        for piece in ("Not said yet.", "Not agreed yet.", "No field is exchanged yet.", "Nobody has agreed yet."):
            self.assertIn(piece, text)

    def test_who_may_read_it(self):
        for group in ("user", "manager", "secrets"):
            self.text(user=self.make_user(f"spec_{group}", f"integration_flow.group_integration_{group}"))
        with self.assertRaises(AccessError):
            self.text(user=self.make_user("spec_outsider"))
        company = self.env["res.company"].create({"name": "Other company"})
        abroad = self.make_user("spec_abroad", "integration_flow.group_integration_manager", company_id=company.id,
                                company_ids=[(6, 0, company.ids)])
        with self.assertRaises(AccessError):
            self.text(user=abroad)

    def test_a_received_example_is_for_managers(self):
        self.flow.resource_id.sample_payload = False
        self.flow.action_test_mode()
        self.receive(self.flow, {"id": 1, "first_name": "Ann", "email": "ann@example.com", "tax_no": "BE0477472701"})
        manager = self.make_user("spec_manager", "integration_flow.group_integration_manager")
        text = self.text(user=manager)
        self.assertIn('"email": "ann@example.com"', text)
        self.assertNotIn("BE0477472701", text)
        self.assertNotIn("ann@example.com", self.text())

    def test_buttons(self):
        action = self.flow.with_user(self.owner).action_specification()
        self.assertEqual((action["report_type"], action["report_name"]), ("qweb-html", "integration_flow.specification"))
        action = self.flow.with_user(self.owner).action_landscape()
        self.assertEqual((action["report_type"], action["report_name"]), ("qweb-html", "integration_flow.landscape"))
        content = self.env["ir.actions.report"].with_user(self.owner)._render_qweb_html(
            "integration_flow.landscape", self.env.company.ids)[0]
        self.assertIn("1. Customers", html.fromstring(content).text_content())

    @skipUnless(_wkhtml().state == "ok", "the program wkhtmltopdf is not installed")
    def test_pdf(self):
        report = self.env["ir.actions.report"].with_user(self.owner).with_context(force_report_rendering=True)
        content, kind = report._render_qweb_pdf("integration_flow.specification", self.flow.ids)
        self.assertEqual((kind, content[:5]), ("pdf", b"%PDF-"))
