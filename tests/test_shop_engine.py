"""What shops need of the engine: calls refused as a whole, references to lines and through records, files, filters."""

from unittest.mock import patch

from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged

from odoo.addons.integration_flow.engine.files import of_records

from .replay import ReplayCase, medusa_list, payload
from .test_shop_pattern import PIXEL, ShopPatternCase

ORDER = "order_01M83VR4MA01NWTW5V822EH5YA"


@tagged("post_install", "-at_install")
class TestShopEngine(ShopPatternCase):
    def products(self, count):
        for number in range(count):
            self.product_there(f"N-{number}")
        products = self.env["product.product"].create([
            {"name": f"N {number}", "default_code": f"N-{number}", "is_storable": True, "list_price": 7}
            for number in range(count)])
        self.work()
        self.work()
        self.calls("POST", "products/batch")
        return products

    def test_one_item_that_the_shop_refuses_with_the_whole_call(self):
        products = self.products(9)
        self.shop.fault(
            "status", status=400, message="Nothing of this", path="products/batch", match_body='"13.00"', times=None)
        for number, product in enumerate(products):
            product.list_price = 13 if number == 4 else 8
        self.work()
        states = {product.default_code: self.sync_of("woo_stock", product).state for product in products}
        self.assertEqual(states, {f"N-{number}": "failed" if number == 4 else "synced" for number in range(9)})
        self.assertFailed(self.sync_of("woo_stock", products[4]), "validation", "Nothing of this")
        there = {one["sku"]: one["regular_price"] for one in self.shop.get("products", per_page=50)}
        self.assertEqual([there[f"N-{number}"] for number in range(9)], ["8.00"] * 4 + ["7.00"] + ["8.00"] * 4)
        self.assertLessEqual(len(self.calls("POST", "products/batch")), 9)

    def test_calls_in_doubt_are_not_halved(self):
        products = self.products(4)
        self.shop.fault("server_error", path="products/batch")
        products.list_price = 8
        self.work()
        self.assertEqual(len(self.calls("POST", "products/batch")), 1)
        self.make_due(self.flows["woo_stock"])
        self.work()
        self.assertEqual({self.sync_of("woo_stock", product).state for product in products}, {"synced"})

    def test_a_filter_that_nobody_can_search_by(self):
        with self.assertRaises(ValidationError):
            self.flows["woo_products_out"].domain = "[('product_variant_count', '=', 1)]"

    def test_references_that_lead_nowhere(self):
        def problems(code, rule_code, **vals):
            rule = self.flows[code].rule_ids.filtered(lambda rule: rule.code == rule_code)
            before = rule.read(list(vals))[0]
            rule.write(vals)
            found = " ".join(rule._problems())
            rule.write({name: before[name] for name in vals})
            return found

        self.assertIn("no lines with the code 'nothing'", problems("woo_deliveries", "order", relation_lines="nothing"))
        self.assertIn("can only be sent", problems("woo_refunds", "customer", relation_field=False, relation_lines="items"))
        self.assertIn("the same kind of record", problems("woo_refunds", "customer", relation_field="pricelist_id"))
        self.assertIn("only be received", problems("woo_deliveries", "order", relation_field="partner_id"))
        self.assertIn("not kept as an attachment", problems("woo_products_out", "weight", transform="file_url"))
        self.flows["woo_products"].action_draft()
        with self.assertRaises(UserError):
            self.flows["woo_products"].rule_ids[0].transform = "file_url"
            self.flows["woo_products"].action_test_mode()

    def test_files_of_many_records_cost_two_queries(self):
        products = self.env["product.template"].create([
            {"name": f"Lamp {number}", "image_1920": PIXEL if number % 2 else False} for number in range(20)])
        rule = self.flows["woo_products_out"].rule_ids.filtered(lambda rule: rule.code == "picture")
        self.env.flush_all()
        of_records(rule, products)  # fills the caches of rights and parameters
        self.env.invalidate_all()
        with self.assertQueryCount(2), patch.object(type(self.env["ir.attachment"]), "_file_read") as read:
            found = of_records(rule, products)
        self.assertEqual(set(found), set(products[1::2].ids))
        self.assertFalse(read.called)


@tagged("post_install", "-at_install")
class TestMedusaDelivery(ReplayCase):
    blueprint = "medusa"
    secret = "Basic c2tfdGVzdDo="

    def test_the_lines_of_the_shop_are_named(self):
        self.flows["medusa_fulfilment"].timing = "live"
        placed = payload("medusa/order_placed")
        self.server.collection("/admin/orders", [placed], medusa_list("orders"), stamp="updated_at")
        self.run_flow(self.flows["medusa_orders"])
        order = self.only("medusa_orders")
        self.assertEqual(order.state, "sale")
        item = placed["items"][0]["id"]
        fulfilment = {"id": "ful_1", "created_at": "2026-11-28T10:00:00Z", "shipped_at": None}
        self.server.answer("GET", f"/admin/orders/{ORDER}", {"order": {"fulfillments": []}})
        self.server.answer("POST", f"/admin/orders/{ORDER}/fulfillments", {"order": {"fulfillments": [fulfilment]}})
        self.server.answer("POST", f"/admin/orders/{ORDER}/fulfillments/ful_1/shipments", {"order": {"id": ORDER}})
        picking = order.picking_ids
        picking.carrier_tracking_ref = "TRK-1"
        picking.move_ids.write({"quantity": 2, "picked": True})
        picking._action_done()
        self.work()
        sync = self.env["integration.sync"].search([
            ("flow_id", "=", self.flows["medusa_fulfilment"].id), ("res_id", "=", picking.id)])
        self.assertEqual((sync.state, sync.external_id), ("synced", "ful_1"), f"{sync.error_message}\n{sync.error_detail}")
        fulfil, ship = [(path, sent) for method, path, _query, sent in self.server.calls if method == "POST"]
        self.assertEqual(fulfil[1]["items"], [{"id": item, "quantity": 2}])
        self.assertNotIn("order_id", fulfil[1], "it stands in the address")
        self.assertEqual(ship, (f"/admin/orders/{ORDER}/fulfillments/ful_1/shipments", {
            "items": [{"id": item, "quantity": 2}],
            "labels": [{"tracking_number": "TRK-1", "tracking_url": "", "label_url": ""}]}))
        # A line that the shop does not know: the rest cannot be told without it, and the transfer says so.
        order.write({"order_line": [(0, 0, {"product_id": order.order_line[0].product_id.id, "product_uom_qty": 1})]})
        other = order.picking_ids - picking
        other.move_ids.write({"quantity": 1, "picked": True})
        other._action_done()
        self.work()
        sync = self.env["integration.sync"].search([
            ("flow_id", "=", self.flows["medusa_fulfilment"].id), ("res_id", "=", other.id)])
        self.assertEqual((sync.state, sync.error_class), ("waiting", "parent_missing"), sync.error_message)
