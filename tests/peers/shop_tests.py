"""A running Medusa shop and Sales, by its blueprint alone: orders in; products, stock, deliveries out; what goes wrong."""

import json
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
            ("flow_id", "in", [cls.flows[f"medusa_{code}"].id for code in ("stock", "shelves", "fulfilment")]),
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

    def payments(self, order_id, *, run=True):
        """Kind, amount and state of what is booked for an order, after both flows have read what is new."""
        for code in ("medusa_payments", "medusa_refunds") if run else ():
            done = self.run_flow(self.flows[code])
            self.assertEqual(done.failed_count, 0, [self.told(sync) for sync in self.syncs(self.flows[code]).values()])
        payment_id = self.peer.order(order_id)["payment_collections"][0]["payments"][0]["id"]
        found = self.env["account.payment"].search([("memo", "like", payment_id)], order="id")
        return [(one.payment_type, one.amount, one.state, one.partner_id.email, one.currency_id.name) for one in found]

    def test_captures_and_refunds_are_booked_as_drafts(self):
        order_id, order, _variant = self.buy(quantity=3)
        self.assertEqual(self.payments(order_id), [], "authorised is not paid")
        payment = self.peer.pay(order_id, 30)
        who = ("draft", "ada@example.com", "EUR")
        self.assertEqual(self.payments(order_id), [("inbound", 30, *who)])
        self.assertEqual(self.bring(order_id).state, "sale")
        self.peer.pay(order_id, 48.61)
        self.peer.admin.post(f"admin/payments/{payment}/refund", {"amount": 10, "note": "scratched"})
        booked = [("inbound", 30, *who), ("inbound", 48.61, *who), ("outbound", 10, *who)]
        self.assertEqual(self.payments(order_id), booked)
        self.assertIn("scratched", self.env["account.payment"].search([("memo", "like", payment)])[-1].memo)
        for code in ("medusa_payments", "medusa_refunds"):
            run = self.run_flow(self.flows[code], full=True)
            self.assertEqual((run.created_count, run.updated_count, run.failed_count), (0, 0, 0))
        self.assertEqual(self.payments(order_id, run=False), booked)

    def test_a_refund_after_the_invoice_is_a_credit_note(self):
        order_id, order, _variant = self.buy(quantity=3)
        payment = self.peer.pay(order_id)
        order.order_line.product_id.invoice_policy = "order"
        invoice = order._create_invoices()
        invoice.action_post()
        self.peer.admin.post(f"admin/payments/{payment}/refund", {"amount": 10})
        self.bring(order_id)
        note = order._create_invoices(final=True)
        self.assertEqual((invoice.amount_total, note.move_type, note.amount_total), (78.61, "out_refund", 10))

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

    def product_there(self, product):
        """The shop's product of a template, with its variants by their SKU and what each of them costs."""
        there = self.peer.admin.get(
            f"admin/products/{self.sync_of('medusa_products_out', product).external_id}"
            "?fields=*variants,*variants.options,*variants.prices,%2Bexternal_id")["product"]
        there["variants"] = {variant["sku"]: variant for variant in there["variants"]}
        there["prices"] = {sku: [price["amount"] for price in one["prices"]] for sku, one in there["variants"].items()}
        return there

    def test_a_product_is_made_there_and_changed(self):
        sku = self.sku()
        product = self.env["product.template"].create({
            "name": f"Lamp {sku}", "default_code": sku, "list_price": 24.5, "product_tag_ids": self.tag.ids})
        self.work()
        self.assertState(self.sync_of("medusa_products_out", product), "synced")
        self.assertState(self.sync_of("medusa_variants_out", product.product_variant_id), "synced")
        there = self.product_there(product)
        self.assertEqual(
            (there["title"], there["status"], there["external_id"]), (f"Lamp {sku}", "published", str(product.id)))
        self.assertEqual(there["prices"], {sku: [24.5]})
        product.write({"name": f"Better Lamp {sku}", "sale_ok": False})
        self.work()
        there = self.product_there(product)
        self.assertEqual((there["title"], there["status"], there["prices"]), (f"Better Lamp {sku}", "draft", {sku: [24.5]}))

    def variant_calls(self):
        return self.env["integration.exchange"].search([
            ("connection_id", "=", self.connection.id), ("method", "=", "POST"), ("url", "like", "/variants/")], order="id")

    def test_variants_go_out_and_only_the_price_that_changed(self):
        sku, attributes = self.sku(), self.env["product.attribute"]
        size = attributes.create({"name": f"Size {sku}", "value_ids": [(0, 0, {"name": name}) for name in "SML"]})
        colour = attributes.create({"name": f"Colour {sku}", "value_ids": [(0, 0, {"name": "Red"})]})
        product = self.env["product.template"].create({
            "name": f"Shirt {sku}", "list_price": 20, "product_tag_ids": self.tag.ids, "attribute_line_ids": [
                (0, 0, {"attribute_id": size.id, "value_ids": size.value_ids[:2].ids}),
                (0, 0, {"attribute_id": colour.id, "value_ids": colour.value_ids.ids})]})
        small, medium = product.product_variant_ids
        small.default_code, medium.default_code = f"{sku}-S", f"{sku}-M"
        self.work()
        for variant in (small, medium):
            self.assertState(self.sync_of("medusa_variants_out", variant), "synced")
        there = self.product_there(product)
        self.assertEqual(there["prices"], {f"{sku}-S": [20], f"{sku}-M": [20]})
        self.assertEqual(
            {name: {option["value"] for option in one["options"]} for name, one in there["variants"].items()},
            {f"{sku}-S": {"S", "Red"}, f"{sku}-M": {"M", "Red"}})
        before = len(self.variant_calls())
        medium.product_template_attribute_value_ids.filtered(lambda value: value.attribute_id == size).price_extra = 2.5
        self.work()
        self.assertEqual(self.product_there(product)["prices"], {f"{sku}-S": [20], f"{sku}-M": [22.5]})
        call, = self.variant_calls()[before:]
        self.assertEqual(
            json.loads(call.request_body), {"prices": [{"currency_code": product.currency_id.name.lower(), "amount": 22.5}]})
        product.list_price = 30
        self.work()
        self.assertEqual(self.product_there(product)["prices"], {f"{sku}-S": [30], f"{sku}-M": [32.5]})
        self.assertEqual(len(self.variant_calls()), before + 3)
        # A new variant of a value that the shop does not know is refused.
        product.attribute_line_ids[0].value_ids = size.value_ids
        large = product.product_variant_ids - small - medium
        large.default_code = f"{sku}-L"
        self.work()
        self.assertFailed(self.sync_of("medusa_variants_out", large), "validation", "Option value L does not exist")

    def test_a_number_that_is_taken_fails_alone_and_is_corrected(self):
        taken = self.sku()
        self.peer.product(taken)
        products = self.env["product.template"].create([
            {"name": f"Lamp {number} {sku}", "default_code": sku, "product_tag_ids": self.tag.ids}
            for number, sku in enumerate((self.sku(), taken, self.sku()))])
        self.work()
        syncs = [self.sync_of("medusa_variants_out", product.product_variant_id) for product in products]
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

    def test_a_product_of_odoo_gets_its_place_and_its_stock(self):
        products = self.env["product.product"].create([
            {"name": sku, "default_code": sku, "is_storable": True, "product_tag_ids": self.tag.ids}
            for sku in (self.sku(), self.sku())])
        self.stock(products[0], 7)
        self.work()
        self.work()
        self.stock(products[1], 3)
        self.work()
        self.assertEqual([self.peer.stock(product.default_code) for product in products], [7, 3])
        self.stock(products, 1)
        self.work()
        self.assertEqual([self.peer.stock(product.default_code) for product in products], [8, 4])
        states = self.env["integration.sync"].search([
            ("connection_id", "=", self.connection.id), ("res_id", "in", products.ids)]).mapped("state")
        self.assertEqual(set(states), {"synced"})

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
