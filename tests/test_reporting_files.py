"""The blueprint of reporting by files against a real SFTP server: packed tables out, forecasts in behind guardrails."""

import csv
import gzip
import io
import json

from odoo import Command
from odoo.tests import tagged

from odoo.addons.integration_flow.sandbox.files import PASSWORD, USER, FileServer

from .common import FlowCase
from .memory_common import copy_rows, measured_slices


@tagged("post_install", "-at_install")
class TestReportingFiles(FlowCase):
    def setUp(self):
        super().setUp()
        if "sale.order" not in self.env or "stock.warehouse.orderpoint" not in self.env:
            self.skipTest("Sales and Inventory are not installed")
        self.files = FileServer()
        self.addCleanup(self.files.stop)
        (self.files.root / "from_odoo").mkdir()
        self.flows = self.from_blueprint("reporting_files", {
            "warehouse_files": {"base_url": self.files.url, "auth_user": USER, "auth_secret_input": PASSWORD,
                                "host_key": self.files.fingerprint}})
        self.link = self.flows["files_sales"].connection_id
        self.products = self.env["product.product"].create([
            {"name": f"Lamp {number}", "default_code": f"RF-{number}", "is_storable": True} for number in range(4)])

    def problems(self):
        return [f"{sync.flow_id.code} {sync.display_name}: {sync.state} {sync.error_message} {sync.error_detail or ''}"
                for sync in self.env["integration.sync"].search([
                    ("connection_id", "=", self.link.id), ("state", "not in", ("synced", "excluded"))])]

    def unpacked(self, start):
        """The files whose names begin so, in the order of their numbers."""
        return [gzip.decompress(self.files.read(f"from_odoo/{name}")).decode()
                for name in self.files.names("from_odoo") if name.startswith(start)]

    def test_sold_lines_leave_as_numbered_packed_files(self):
        order = self.env["sale.order"].create({
            "partner_id": self.env["res.partner"].create({
                "name": 'Buyer, "B"', "country_id": self.env.ref("base.be").id}).id,
            "order_line": [Command.create({
                "product_id": self.products[number % 4].id, "product_uom_qty": number + 1, "price_unit": 2, "tax_ids": False,
            }) for number in range(30)]})
        order.action_confirm()
        self.files.fault("cut_after")  # nobody hears that the first file has arrived
        self.run_flow(self.flows["files_sales"])
        self.make_due(self.flows["files_sales"])
        self.work(self.link)
        self.assertEqual(self.problems(), [])
        [table] = self.unpacked("sales-")
        rows = {row["row_key"]: row for row in csv.DictReader(io.StringIO(table))}
        self.assertEqual(len(rows), 30)
        row = rows[str(order.order_line[4].id)]
        self.assertEqual((row["order"], row["sku"], float(row["quantity"]), row["country"]), (order.name, "RF-0", 5.0, "BE"))
        self.assertEqual((row["unit"], row["currency"]), (order.order_line[4].product_uom_id.name, order.currency_id.name))
        order.order_line[7].product_uom_qty = 100
        self.run_flow(self.flows["files_sales"])
        [_first, changes] = self.unpacked("sales-")
        [row] = csv.DictReader(io.StringIO(changes))
        self.assertEqual((row["row_key"], float(row["quantity"]), row["order"]),
                         (str(order.order_line[7].id), 100.0, order.name), "only what changed, whole")

    def test_moves_leave_as_json(self):
        location = self.env["stock.warehouse"].search([], limit=1).lot_stock_id
        moves = self.env["stock.move"].create([{
            "product_id": product.id, "product_uom_qty": 3, "quantity": 3, "picked": True,
            "location_id": self.env.ref("stock.stock_location_suppliers").id, "location_dest_id": location.id,
        } for product in self.products])
        moves[:3]._action_done()
        self.run_flow(self.flows["files_moves"])
        self.assertEqual(self.problems(), [])
        rows = [row for text in self.unpacked("moves-") for row in json.loads(text)["rows"]]
        self.assertEqual({row["row_key"] for row in rows} & set(moves.ids), set(moves[:3].ids))

    def test_memory_does_not_grow_with_the_rows(self):
        """Six slices and files of 100 rows each."""
        move = self.env["stock.move"].create({
            "product_id": self.products[0].id, "product_uom_qty": 3, "quantity": 3, "picked": True,
            "location_id": self.env.ref("stock.stock_location_suppliers").id,
            "location_dest_id": self.env["stock.warehouse"].search([], limit=1).lot_stock_id.id})
        move._action_done()
        copy_rows(move, 599)
        flow = self.flows["files_moves"]
        flow.write({"batch_size": 100, "domain": repr([("product_id", "=", self.products[0].id), ("state", "=", "done")])})
        flow._capture_all()
        with measured_slices() as slices:
            self.run_flow(flow, full=True)
        self.assertEqual(slices.rows, [100] * 6)
        self.assertEqual([len(json.loads(text)["rows"]) for text in self.unpacked("moves-")], [100] * 6)
        self.assertEqual(slices.alive, [0] * 6, "records and calls of slices that are over")
        self.assertLess(slices.growth(), 1500, f"bytes a row stay: {slices.held}")
        self.assertLess(slices.peak_growth(), 1.3, f"each slice needs more than the one before: {slices.peak}")

    def forecast(self, name, *lines):
        code = self.env["stock.warehouse"].search([("company_id", "=", self.env.company.id)], limit=1).code
        self.files.put(f"to_odoo/forecast-{name}.csv", "sku,warehouse,minimum,maximum\n" + "".join(
            f"{sku},{code},{low},{high}\n" for sku, low, high in lines))
        return self.run_flow(self.flows["files_forecasts"])

    def maximum(self, number):
        return self.env["stock.warehouse.orderpoint"].search([("product_id", "=", self.products[number].id)]).product_max_qty

    def test_forecasts_come_as_files(self):
        run = self.forecast("1", ("RF-0", 2, 12), ('"RF-1"x', 5, 20), ("NOPE", 1, 2), ("RF-2", 1, 10), ("RF-3", 1, 10))
        self.assertEqual((run.state, [self.maximum(number) for number in (0, 2, 3)]), ("done", [12, 10, 10]))
        self.assertEqual(len(self.problems()), 2, "the broken line and the unknown product")
        self.assertEqual((self.files.names("to_odoo"), self.files.names("to_odoo/done")), (["done"], ["forecast-1.csv"]))
        held = self.forecast("2", ("RF-0", 1, 100), ("RF-2", 1, 100), ("RF-3", 1, 100))
        self.assertEqual((held.state, self.maximum(0)), ("held", 12), "a wild file is held, whole")
        self.press(held.action_approve)
        self.work(self.link)
        self.assertEqual([self.maximum(number) for number in (0, 2, 3)], [100, 100, 100])
