"""A running Medusa shop and Sales, by its blueprint alone: orders in; products, stock, deliveries out; what goes wrong."""

import time

from odoo.tests import tagged

from .common import PeerCase
from .systems import MedusaShop


@tagged("-standard", "post_install", "-at_install", "integration_flow_peers")
class TestRealShop(PeerCase):
    blueprint = "medusa"
    system = MedusaShop
    variable = "INTEGRATION_REAL_SHOP"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # What a person enters after the import: the shop's stock location.
        cls.env["integration.field.rule"].search([
            ("flow_id", "in", [cls.flows["medusa_stock"].id, cls.flows["medusa_fulfilment"].id]),
            ("code", "=", "location")]).constant = cls.peer.location
        cls.tag = cls.env["product.tag"].create({"name": "Medusa"})

    def sku(self):
        return f"T-{time.time_ns()}"

    def buy(self, **how):
        """An order of the shop, and the order that it becomes in Odoo."""
        variant = self.peer.product(self.sku())
        order_id = self.peer.buy(variant["id"], **how)
        return order_id, self.bring(order_id), variant

    def bring(self, order_id):
        self.run_flow(self.flows["medusa_orders"])
        sync = self.syncs(self.flows["medusa_orders"])[order_id]
        self.assertState(sync, "synced")
        return self.records(self.flows["medusa_orders"])[order_id]

    def test_the_connection(self):
        self.connection.action_test()
        self.assertTrue(self.connection.test_ok, self.connection.test_result)

    def test_an_order_arrives_and_follows_the_shop(self):
        order_id, order, variant = self.buy(quantity=3)
        self.assertEqual(order.state, "sale", "its payment is authorised")
        self.assertEqual(order.partner_id.email, "ada@example.com")
        delivery = order.partner_shipping_id
        self.assertEqual((delivery.street, delivery.country_id.code), ("Rue Neuve 10", "BE"))
        item, shipping = order.order_line
        self.assertEqual((item.product_id.default_code, item.product_uom_qty, item.price_unit), (variant["sku"], 3, 19.99))
        self.assertEqual((shipping.price_unit, order.amount_total), (5, 78.61))
        payment = self.peer.pay(order_id)
        self.peer.admin.post(f"admin/payments/{payment}/refund", {"amount": 10})
        self.assertEqual(self.bring(order_id), order)
        self.assertEqual((order.amount_total, order.state), (68.61, "sale"))
        run = self.run_flow(self.flows["medusa_orders"], full=True)
        self.assertEqual((run.created_count, run.updated_count, run.failed_count), (0, 0, 0))

    def test_a_cancelled_order(self):
        order_id, order, _variant = self.buy()
        self.peer.admin.post(f"admin/orders/{order_id}/cancel")
        self.assertEqual(self.bring(order_id).state, "cancel")

    def test_two_orders_of_one_guest_are_one_customer(self):
        first, order, _variant = self.buy(email="guest.twice@example.com")
        _second, other, _variant = self.buy(email="guest.twice@example.com")
        self.assertEqual(order.partner_id, other.partner_id)
        self.assertEqual(order.partner_shipping_id, other.partner_shipping_id, "the same address is one address")
        self.assertEqual(len(order.partner_id.child_ids), 2, "for the invoice and for the delivery")

    def test_the_catalogue_arrives(self):
        sku = self.sku()
        self.peer.product(sku, price=12.5)
        self.run_flow(self.flows["medusa_variants"], full=True)
        product = self.env["product.product"].search([("default_code", "=", sku)])
        self.assertEqual((product.name, product.list_price), (f"Product {sku} S", 12.5))

    def test_a_product_is_made_there_and_changed(self):
        flow, sku = self.flows["medusa_products_out"], self.sku()
        product = self.env["product.template"].create({
            "name": "Lamp", "default_code": sku, "list_price": 24.5, "product_tag_ids": self.tag.ids})
        self.work()
        sync = self.sync_of("medusa_products_out", product)
        self.assertState(sync, "synced")
        there = self.peer.admin.get(
            f"admin/products/{sync.external_id}?fields=*variants,*variants.prices,%2Bexternal_id")["product"]
        self.assertEqual((there["title"], there["status"], there["external_id"]), ("Lamp", "published", str(product.id)))
        variant, = there["variants"]
        self.assertEqual((variant["sku"], [price["amount"] for price in variant["prices"]]), (sku, [24.5]))
        product.write({"name": "Better Lamp", "sale_ok": False})
        self.work()
        there = self.peer.admin.get(f"admin/products/{sync.external_id}?fields=*variants")["product"]
        self.assertEqual((there["title"], there["status"], len(there["variants"])), ("Better Lamp", "draft", 1))
        self.assertEqual(flow.state, "test")

    def test_a_number_that_is_taken_fails_alone_and_is_corrected(self):
        taken = self.sku()
        self.peer.product(taken)
        products = self.env["product.template"].create([
            {"name": f"Lamp {number}", "default_code": sku, "product_tag_ids": self.tag.ids}
            for number, sku in enumerate((self.sku(), taken, self.sku()))])
        self.work()
        syncs = [self.sync_of("medusa_products_out", product) for product in products]
        self.assertEqual([sync.state for sync in syncs], ["synced", "failed", "synced"], self.told(syncs[1]))
        self.assertFailed(syncs[1], "validation", taken, "already exists")
        products[1].default_code = self.sku()
        self.press(syncs[1].action_retry)
        self.assertState(syncs[1], "synced")

    def test_stock_goes_out_many_a_call_and_only_what_changed(self):
        skus = [self.sku() for _number in range(3)]
        for sku in skus:
            self.peer.product(sku)
        products = self.env["product.product"].create([
            {"name": sku, "default_code": sku, "is_storable": True} for sku in (*skus, self.sku())])
        self.stock(products[:3], 7)
        self.work()
        self.work()
        self.assertEqual([self.peer.stock(sku) for sku in skus], [7, 7, 7])
        unknown = self.sync_of("medusa_stock", products[3])
        self.assertState(unknown, "excluded")
        self.assertEqual(len(self.stock_calls()), 1, "three products, one call")
        self.stock(products[1], 5)
        self.work()
        self.assertEqual([self.peer.stock(sku) for sku in skus], [7, 12, 7])
        self.assertEqual(len(self.stock_calls()), 2)
        # One of them is not kept at the shop's location any more: the others arrive all the same.
        item = self.peer.inventory_item(skus[0])
        level = f"admin/inventory-items/{item}/location-levels/{self.peer.location}"
        self.peer.admin.post(level, {"stocked_quantity": 0})
        self.peer.admin("DELETE", level)
        self.stock(products[:3], 1)
        self.work()
        self.assertEqual([self.peer.stock(sku) for sku in skus[1:]], [13, 8])
        self.assertEqual(self.sync_of("medusa_stock", products[0]).state, "failed")

    def stock(self, products, quantity):
        location = self.env["stock.warehouse"].search([("company_id", "=", self.env.company.id)], limit=1).lot_stock_id
        for product in products:
            self.env["stock.quant"]._update_available_quantity(product, location, quantity)

    def stock_calls(self):
        return self.env["integration.exchange"].search([
            ("connection_id", "=", self.connection.id), ("method", "=", "POST"), ("url", "like", "location-levels/batch")])

    def test_a_delivery_is_told_to_the_shop(self):
        order_id, order, _variant = self.buy(quantity=3)
        picking = order.picking_ids
        picking.move_ids.quantity = 2
        picking.move_ids.picked = True
        picking.carrier_tracking_ref = "TRK-1"
        picking.with_context(skip_backorder=True, cancel_backorder=False)._action_done()
        self.work()
        self.assertState(self.sync_of("medusa_fulfilment", picking), "synced")
        there = self.peer.order(order_id)
        fulfilment, = there["fulfillments"]
        self.assertEqual([one["quantity"] for one in fulfilment["items"]], [2])
        self.assertEqual([label["tracking_number"] for label in fulfilment["labels"]], ["TRK-1"])
        self.assertTrue(fulfilment["shipped_at"])
        self.assertEqual(there["items"][0]["detail"]["fulfilled_quantity"], 2)
        rest = order.picking_ids - picking
        rest.move_ids.quantity = 1
        rest.move_ids.picked = True
        rest._action_done()
        self.work()
        self.assertState(self.sync_of("medusa_fulfilment", rest), "synced")
        there = self.peer.order(order_id)
        self.assertEqual(there["items"][0]["detail"]["shipped_quantity"], 3)
        self.assertEqual(len(there["fulfillments"]), 2)
        # The order comes back with its new state, and nothing moves any more.
        self.bring(order_id)
        self.assertEqual(order.state, "sale")

    def test_what_was_fulfilled_at_the_shop_is_refused_and_said(self):
        order_id, order, _variant = self.buy(quantity=1)
        item = self.peer.order(order_id)["items"][0]["id"]
        self.peer.admin.post(f"admin/orders/{order_id}/fulfillments", {
            "location_id": self.peer.location, "items": [{"id": item, "quantity": 1}]})
        picking = order.picking_ids
        picking.move_ids.quantity = 1
        picking.move_ids.picked = True
        picking._action_done()
        self.work()
        self.assertFailed(self.sync_of("medusa_fulfilment", picking), "validation", "No stock reservation found")
        self.assertEqual(len(self.peer.order(order_id)["fulfillments"]), 1)

    def test_a_key_that_was_revoked(self):
        secret, key_id = self.peer.new_key("Short")
        self.connection.auth_secret_input = secret
        self.buy()
        self.peer.revoke(key_id)
        variant = self.peer.product(self.sku())
        order_id = self.peer.buy(variant["id"])
        run = self.run_flow(self.flows["medusa_orders"])
        self.assertEqual((run.error_class, self.connection.paused), ("authentication", True), run.message)
        self.connection.auth_secret_input = self.peer.secret
        self.make_due(self.flows["medusa_orders"])
        self.work()
        self.assertState(self.syncs(self.flows["medusa_orders"])[order_id], "synced")
