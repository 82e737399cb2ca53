"""A user's day, clicked: a failed order is repaired and retried, a specification printed, and numbers follow the work."""

from unittest.mock import patch

from lxml import html

from odoo.addons.base.models.ir_actions_report import IrActionsReport
from odoo.tests import HttpCase, tagged

from odoo.addons.integration_flow.sandbox.client import SandboxServer

from .common import FlowTools

ORDER = {
    "id": 1001, "number": "T-1001", "status": "processing", "total": "10.00", "date_modified_gmt": "2026-01-01T10:00:00",
    "billing": {"email": "ellen@new.example.com"}}


@tagged("post_install", "-at_install")
class TestDayTours(FlowTools, HttpCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.shop = SandboxServer(seed="empty").start()
        cls.addClassCleanup(cls.shop.stop)
        cls.connection = cls.make_connection(name="Tour Shop")

    def test_a_sales_user_repairs_a_failed_order(self):
        if "sale.order" not in self.env:
            self.skipTest("Sales is not installed")
        user = self.make_user("day_sales", ",".join((
            "sales_team.group_sale_salesman_all_leads", "integration_flow.group_integration_user")))
        self.assertFalse(user.has_group("integration_flow.group_integration_manager"))
        ellen = self.env["res.partner"].create({
            "name": "Ellen Tour", "email": "ellen@old.example.com", "customer_rank": 1})
        flow = self.make_flow("sale.order", [
            ("client_order_ref", "number", {"required": True}),
            ("partner_id", "billing.email", {"transform": "lookup", "lookup_field": "email", "required": True}),
        ], "orders", name="Tour orders", name_path="number")
        self.shop.load("orders", [ORDER])
        self.run_flow(flow)
        sync = self.syncs(flow)["1001"]
        self.assertEqual((sync.state, sync.error_code, sync.res_id), ("failed", "lookup_missing", 0))

        issue = sync.issue_id
        self.assertEqual(issue.state, "open")

        self.start_tour("/odoo/integrations", "integration_flow_failed_order", login="day_sales", timeout=120)

        self.env.invalidate_all()
        self.assertEqual((sync.state, issue.state), ("synced", "resolved"))
        order = self.records(flow)["1001"]
        self.assertEqual((order.partner_id, order.client_order_ref), (ellen, "T-1001"))
        self.assertEqual(self.env["sale.order"].search_count([("client_order_ref", "=", "T-1001")]), 1)

    def test_a_specification_is_printed(self):
        self.shop.load("customers", [{"id": 1, "first_name": "Ann", "email": "ann@example.com"}])
        flow = self.customer_flow(name="Tour customers")
        self.make_ready(flow)
        self.make_user("day_reader", "integration_flow.group_integration_user")
        printed, render = [], IrActionsReport._render_qweb_pdf

        def watched(report, report_ref, res_ids=None, data=None):
            content, kind = render(report, report_ref, res_ids=res_ids, data=data)
            printed.append((report_ref, res_ids, content))
            return content, kind

        # Odoo's test mode leaves out the step from the page to the PDF; test_specification.py takes it.
        with patch.object(IrActionsReport, "_render_qweb_pdf", watched), \
                patch.object(IrActionsReport, "get_wkhtmltopdf_state", lambda report: "ok"):
            self.start_tour(
                f"/odoo/integration-flows/{flow.id}", "integration_flow_print_specification", login="day_reader", timeout=60)

        [(_report, flow_ids, content)] = printed
        self.assertEqual(list(flow_ids), flow.ids)
        document = html.fromstring(content)
        self.assertEqual(document.xpath("//h1")[0].text_content().strip(), "Tour customers")
        self.assertEqual(len(document.xpath("//svg[@role='img']")), 1)

    def test_the_numbers_of_a_flow_follow_its_work(self):
        flow = self.customer_flow(name="Tour customers")
        partner = self.env["res.partner"].create({"name": "Tour Counted"})
        sync = self.env["integration.sync"].create({
            "flow_id": flow.id, "connection_id": flow.connection_id.id, "model": "res.partner", "res_id": partner.id,
            "name": "Tour Counted", "state": "pending", "direction": "import"})
        self.start_tour(f"/odoo/integration-flows/{flow.id}", "integration_flow_counts_follow", login="admin", timeout=60)
        self.env.invalidate_all()
        self.assertEqual(sync.state, "skipped")
