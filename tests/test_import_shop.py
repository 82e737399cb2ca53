"""The shop's own blueprint against the sandbox: everything that ``./dev run`` imports, and once more."""

from odoo.tests import tagged

from odoo.addons.integration_flow.tools.first_import import STEPS, prepare

from .common import FlowCase

# What a status of the shop means for the sales order; all others change nothing.
STATES = {"processing": "sale", "completed": "sale", "cancelled": "cancel"}


@tagged("post_install", "-at_install")
class TestShop(FlowCase):
    seed = "small"

    def setUp(self):
        super().setUp()
        if "sale.order" not in self.env:
            self.skipTest("Sales is not installed")
        prepare(self.env)
        self.flows = self.env["integration.blueprint"]._apply_file("woocommerce", connection_vals={"woo": {
            "base_url": self.shop.api, "web_url": self.shop.url, "auth_secret_input": self.shop.api_key}})
        self.orders = self.flows["woo_orders"]
        for flow in self.flows.values():
            flow.action_test_mode()
        self.run_all()

    def run_all(self, full=True):
        return self.run_flow(*(self.flows[code] for code in STEPS), full=full)

    def problems(self):
        return [
            f"{sync.flow_id.name} {sync.display_name}: {sync.state} {sync.error_message}"
            for sync in self.env["integration.sync"].search([
                ("connection_id", "=", self.orders.connection_id.id), ("state", "not in", ("synced", "excluded"))])]

    def test_orders_are_right_to_the_cent_and_stay_so(self):
        self.assertEqual(self.problems(), [])
        records = self.records(self.orders)
        payloads = {str(order["id"]): order for order in self.shop.dump("orders")}
        self.assertGreater(len(records), 30)
        for key, order in records.items():
            payload = payloads[key]
            with self.subTest(order=payload["number"]):
                self.assertAlmostEqual(order.amount_total, float(payload["total"]), delta=0.011)
                self.assertAlmostEqual(order.amount_tax, float(payload["total_tax"]), delta=0.011)
                self.assertEqual(order.currency_id.name, payload["currency"])
                self.assertTrue(order.partner_id)
                self.assertEqual(order.state, STATES.get(payload["status"], "draft"))
                self.assertEqual(order.date_order.isoformat(), payload["date_created_gmt"])
        # Once more: nothing changed, so nothing is touched.
        with self.watch("sale.order", "write", "create") as orders, \
                self.watch("sale.order.line", "write", "create") as lines:
            run = self.run_all()
        self.assertFalse(orders or lines)
        self.assertEqual(run.unchanged_count, run.read_count - run.excluded_count)
        self.assertEqual(self.problems(), [])

    def test_an_order_changes_in_the_shop(self):
        """A quantity grows: line, discount, shipping and taxes follow, and the totals still agree."""
        case = self.shop.get("orders", meta_key="sandbox_case", meta_value="percent_coupon")[0]
        order = self.records(self.orders)[str(case["id"])]
        lines = order.order_line
        item = case["line_items"][0]
        self.shop.touch("orders", ids=[case["id"]], changes={
            "line_items": [{"id": item["id"], "quantity": 5, "subtotal": "64.50", "total": "58.05"}]})
        self.run_all()
        self.assertEqual(self.problems(), [])
        payload = self.shop.get(f"orders/{case['id']}")
        self.assertEqual(order.order_line, lines)
        self.assertAlmostEqual(order.amount_total, float(payload["total"]), delta=0.011)
        self.assertIn(5, order.order_line.mapped("product_uom_qty"))

    def test_a_button_brings_what_the_order_brings(self):
        """A guest's order is corrected in the shop and has a new guest: Retry does both at once and says so."""
        order = next(order for order in self.shop.dump("orders") if not order["customer_id"])
        wrong = dict(order, id=9001, number="9001", total="1.00")
        self.shop.load("orders", [wrong])
        self.run_all()
        sync = self.syncs(self.orders)["9001"]
        self.assertEqual((sync.state, sync.error_code), ("failed", "totals_differ"))
        guest = dict(order["billing"], email="another.guest@example.com", first_name="Another")
        self.shop.load("orders", [dict(wrong, total=order["total"], billing=guest)])
        result = self.press(sync.action_retry)
        self.assertEqual(result["params"]["type"], "success", result["params"]["message"])
        self.assertEqual(self.records(self.orders)["9001"].partner_id.email, "another.guest@example.com")

    def test_a_currency_without_a_price_list_is_said_in_words(self):
        self.shop.load("orders", [dict(self.shop.dump("orders")[0], id=9002, number="9002", currency="CHF")])
        self.run_all()
        self.assertEqual(
            self.syncs(self.orders)["9002"].error_message,
            "Pricelist: there is no Pricelist with Currency “CHF”, among those that the field rule allows.")
