"""The blueprint of reporting and forecasting against the sandbox: packed batches out, forecasts in behind guardrails."""

from odoo import Command
from odoo.tests import tagged

from .common import FlowCase
from .memory_common import copy_rows, measured_slices


@tagged("post_install", "-at_install")
class TestReportingPattern(FlowCase):
    def setUp(self):
        super().setUp()
        if "sale.order" not in self.env or "stock.warehouse.orderpoint" not in self.env:
            self.skipTest("Sales and Inventory are not installed")
        self.flows = self.from_blueprint("reporting", {
            "warehouse": {"base_url": self.shop.url, "auth_secret_input": self.shop.api_key}})
        self.link = self.flows["report_sales"].connection_id
        self.products = self.env["product.product"].create([
            {"name": f"Lamp {number}", "default_code": f"RP-{number}", "is_storable": True} for number in range(4)])

    def call(self, method, path, body=None):
        status, _headers, answer = self.shop.call(
            method, f"/warehouse/v1/{path}", body, {"Authorization": f"Bearer {self.shop.api_key}"})
        self.assertEqual(status, 200, answer)
        return answer

    def table(self, name, keys):
        """The kept rows of these records, and all loads."""
        answer = self.call("GET", f"tables/{name}")
        wanted = {str(key) for key in keys}
        return {str(row["row_key"]): row for row in answer["rows"] if str(row["row_key"]) in wanted}, answer["loads"]

    def sell(self, count):
        order = self.env["sale.order"].create({
            "partner_id": self.env["res.partner"].create({
                "name": 'Buyer, "B"', "country_id": self.env.ref("base.be").id}).id,
            "order_line": [Command.create({
                "product_id": self.products[number % 4].id, "product_uom_qty": number + 1, "price_unit": 2, "tax_ids": False,
            }) for number in range(count)]})
        order.action_confirm()
        return order

    def problems(self):
        return [f"{sync.flow_id.code} {sync.display_name}: {sync.state} {sync.error_message} {sync.error_detail or ''}"
                for sync in self.env["integration.sync"].search([
                    ("connection_id", "=", self.link.id), ("state", "not in", ("synced", "excluded"))])]

    # -- history -------------------------------------------------------------------------------------------

    def test_sold_lines_leave_as_one_packed_table(self):
        """The first answer is lost: the same rows are sent again, and each is there once. Later only what changed goes."""
        lines = self.sell(30).order_line
        dozen = self.env.ref("uom.product_uom_dozen")
        lines[5].product_uom_id = dozen
        self.shop.fault("cut_after", method="PUT", path="/load/sales")
        self.run_flow(self.flows["report_sales"])
        self.make_due(self.flows["report_sales"])
        self.work(self.link)
        self.assertEqual(self.problems(), [])
        rows, loads = self.table("sales", lines.ids)
        self.assertEqual(len(rows), 30)
        self.assertEqual({(load["format"], load["gzip"]) for load in loads}, {("csv", True)})
        self.assertEqual(len(loads), 2, "the lost one and the one that was answered")
        row = rows[str(lines[4].id)]
        self.assertEqual(
            (row["order"], row["sku"], float(row["quantity"]), float(row["amount"]), row["country"], row["currency"]),
            (lines.order_id.name, "RP-0", 5.0, 10.0, "BE", lines.currency_id.name))
        self.assertEqual(
            (row["unit"], rows[str(lines[5].id)]["unit"]), (lines[4].product_uom_id.name, dozen.name), "five what?")
        lines[7].product_uom_qty = 100
        self.run_flow(self.flows["report_sales"])
        rows, loads = self.table("sales", lines.ids)
        self.assertEqual((loads[-1]["rows"], float(rows[str(lines[7].id)]["quantity"])), (1, 100.0))
        self.assertEqual(rows[str(lines[7].id)]["order"], lines.order_id.name, "a changed row is sent whole")

    def test_memory_does_not_grow_with_the_rows(self):
        """Six slices and calls of 100 rows: what they held is free again, whatever Python's search for circles does."""
        line = self.sell(1).order_line
        copy_rows(line, 599)
        flow = self.flows["report_sales"]
        flow.write({"batch_size": 100, "domain": repr([("order_id", "=", line.order_id.id)])})
        flow._capture_all()
        with measured_slices() as slices:
            self.run_flow(flow, full=True)
        self.assertEqual(slices.rows, [100] * 6)
        self.assertEqual(len(self.table("sales", line.order_id.order_line.ids)[0]), 600)
        self.assertEqual(slices.alive, [0] * 6, "records and calls of slices that are over")
        self.assertLess(slices.growth(), 1500, f"bytes a row stay: {slices.held}")
        self.assertLess(slices.peak_growth(), 1.3, f"each slice needs more than the one before: {slices.peak}")

    def test_moves_leave_as_json(self):
        location = self.env["stock.warehouse"].search([], limit=1).lot_stock_id
        supplier = self.env.ref("stock.stock_location_suppliers")
        moves = self.env["stock.move"].create([{
            "product_id": product.id, "product_uom_qty": 3, "quantity": 3, "picked": True,
            "location_id": supplier.id, "location_dest_id": location.id} for product in self.products])
        moves[:3]._action_done()
        self.run_flow(self.flows["report_moves"])
        self.assertEqual(self.problems(), [])
        rows, loads = self.table("moves", moves.ids)
        self.assertEqual(set(rows), {str(key) for key in moves[:3].ids}, "what is not done is no history")
        self.assertEqual(
            (rows[str(moves[1].id)]["sku"], rows[str(moves[1].id)]["quantity"], loads[-1]["format"]), ("RP-1", 3, "json"))
        self.assertEqual(rows[str(moves[1].id)]["unit"], moves[1].product_uom.name)

    # -- forecasts -----------------------------------------------------------------------------------------

    def forecast(self, moment=None, **numbers):
        code = self.env["stock.warehouse"].search([("company_id", "=", self.env.company.id)], limit=1).code
        self.call("PUT", "forecasts", [
            {"sku": sku.replace("_", "-"), "warehouse": code, "minimum": low, "maximum": high,
             **({"updated_at": moment} if moment else {})}
            for sku, (low, high) in numbers.items()])
        return self.run_flow(self.flows["report_forecasts"])

    def rule_of(self, number):
        return self.env["stock.warehouse.orderpoint"].search([("product_id", "=", self.products[number].id)])

    def test_forecasts_set_reordering_rules(self):
        own = self.env["stock.warehouse.orderpoint"].create({
            "product_id": self.products[0].id, "product_min_qty": 1, "product_max_qty": 10})
        run = self.forecast(RP_0=(2, 12), RP_1=(5, 20), NOPE=(1, 2))
        self.assertEqual(self.rule_of(0), own, "a rule that was there is used, not doubled")
        self.assertEqual((own.product_min_qty, own.product_max_qty), (2, 12))
        self.assertEqual((self.rule_of(1).product_min_qty, self.rule_of(1).product_max_qty), (5, 20))
        self.assertEqual(run.failed_count, 1)
        [problem] = self.problems()
        self.assertIn("NOPE", problem)
        own.product_max_qty = 500
        self.work(self.link)
        self.assertEqual(own.product_max_qty, 12, "what the forecast owns is put back")

    def test_forecasts_come_by_watermark(self):
        """Only what was computed since is read, and the margin for clocks; what the warehouse still has stays as it is."""
        flow = self.flows["report_forecasts"]
        self.forecast("2026-01-01T05:00:00Z", RP_0=(1, 10))
        self.forecast("2026-01-01T06:00:00Z", RP_1=(1, 10))
        self.assertEqual(str(flow.watermark), "2026-01-01 06:00:00")
        second = self.forecast("2026-01-02T06:00:00Z", RP_1=(1, 12))
        self.assertEqual((second.read_count, second.updated_count), (1, 1))
        self.assertEqual([self.rule_of(number).product_max_qty for number in range(2)], [10, 12])
        again = self.run_flow(flow)
        self.assertEqual((again.read_count, again.updated_count), (1, 0), "what lies within the margin, unchanged")

    def test_a_wild_forecast_is_held(self):
        self.forecast(RP_0=(1, 10), RP_1=(1, 10), RP_2=(1, 10), RP_3=(1, 10))
        run = self.forecast(RP_0=(1, 100), RP_1=(1, 100), RP_2=(1, 100), RP_3=(1, 11))
        self.assertEqual(run.state, "held")
        self.assertEqual([self.rule_of(number).product_max_qty for number in range(4)], [10] * 4, "none of it is written")
        self.press(run.action_approve)
        self.work(self.link)
        self.assertEqual([self.rule_of(number).product_max_qty for number in range(4)], [100, 100, 100, 11])
        zero = self.forecast(RP_0=(0, 0))
        self.assertEqual((zero.state, self.rule_of(0).product_max_qty), ("held", 100))
