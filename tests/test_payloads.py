"""Payloads recorded from real systems (``tests/payloads``) through the flows of the addon's blueprints."""

import base64
import json

from odoo.tests import tagged

from odoo.addons.integration_flow.engine import http, messages
from odoo.addons.integration_flow.engine.mapper import BatchMapper, external_values
from odoo.addons.integration_flow.engine.plan import FlowPlan

from .replay import ReplayCase, altered, karrio_list, medusa_list, payload

ORDER = "order_01M83VR4MA01NWTW5V822EH5YA"


@tagged("post_install", "-at_install")
class TestMedusaOrders(ReplayCase):
    blueprint = "medusa"
    secret = "Basic c2tfdGVzdDo="

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.placed = payload("medusa/order_placed")
        cls.fulfilled = payload("medusa/order_fulfilled")

    def receive_orders(self, *orders):
        """The shop lists these orders; they are fetched, stored, mapped and written."""
        self.server.collection("/admin/orders", list(orders), medusa_list("orders"), stamp="updated_at")
        flow = self.flows["medusa_orders"]
        flow.watermark = False
        return self.run_flow(flow)

    def order_sync(self):
        return self.syncs(self.flows["medusa_orders"])[ORDER]

    def test_order_becomes_a_sales_order(self):
        run = self.receive_orders(self.placed)
        self.assertAllSynced()
        self.assertEqual((run.state, run.read_count, run.created_count, run.page_count), ("done", 1, 1, 1))
        order = self.only("medusa_orders")
        self.assertEqual(order.client_order_ref, "1")
        self.assertEqual(str(order.date_order), "2026-11-23 09:28:15")
        self.assertEqual(order.currency_id.name, "EUR")

        customer = order.partner_id
        self.assertEqual((customer.name, customer.email), ("Ada Test", "ada1795426092@example.com"))
        self.assertEqual(self.only("medusa_customers"), customer)
        self.assertEqual(
            [*self.flow_links("medusa_customers")], ["cus_01M83VR3KC5PM76Q6NRCPG7V90"])
        for address, kind in ((order.partner_invoice_id, "invoice"), (order.partner_shipping_id, "delivery")):
            self.assertEqual((address.type, address.parent_id), (kind, customer))
            self.assertEqual(
                (address.name, address.street, address.city, address.zip, address.country_id.code, address.phone),
                ("Ada Test", "Rue Neuve 10", "Bruxelles", "1000", "BE", "+3225551234"))

        item, shipping = order.order_line
        self.assertEqual(item.product_id.default_code, "PEER-1795426092-S")
        self.assertEqual(item.product_id.name, "Peer product PEER-1795426092 S")
        self.assertEqual(item.product_id.type, "consu")
        self.assertEqual((item.product_uom_qty, item.price_unit, item.discount), (3, 19.99, 0))
        self.assertEqual((item.price_subtotal, item.price_total), (59.97, 72.56))
        self.assertEqual((shipping.product_id.name, shipping.product_id.type), ("Standard", "service"))
        self.assertEqual((shipping.price_unit, shipping.price_subtotal, shipping.price_total), (5, 5, 6.05))
        tax = item.tax_ids
        self.assertEqual((tax.name, tax.amount, tax.type_tax_use, tax.price_include), ("VAT 21%", 21, "sale", False))
        self.assertEqual(shipping.tax_ids, tax)
        # 78.6137 over there: Odoo rounds to cents
        self.assertEqual((order.amount_untaxed, order.amount_tax, order.amount_total), (64.97, 13.64, 78.61))

    def test_same_order_again_changes_nothing(self):
        self.receive_orders(self.placed)
        order = self.only("medusa_orders")
        before = order.write_date, order.order_line.mapped("write_date")
        with self.watch("sale.order", "create", "write") as calls:
            run = self.receive_orders(self.placed)
        self.assertEqual((run.unchanged_count, run.updated_count, run.created_count), (1, 0, 0))
        self.assertFalse(calls)
        self.assertEqual((order.write_date, order.order_line.mapped("write_date")), before)

    def test_later_version_updates_the_same_order(self):
        self.receive_orders(self.placed)
        order = self.only("medusa_orders")
        old_lines = order.order_line
        self.receive_orders(self.fulfilled)
        self.assertAllSynced()
        self.assertEqual(self.only("medusa_orders"), order)
        self.assertEqual(self.order_sync().external_version, "5")
        self.assertEqual(order.order_line & old_lines, old_lines, "what did not change keeps its line")
        credit = order.order_line - old_lines
        self.assertEqual((credit.price_unit, credit.product_uom_qty, credit.tax_ids.ids), (-10, 1, []))
        self.assertEqual(credit.name, "Refund or credit payment_collection")
        # 68.6137 over there, with 10 refunded
        self.assertEqual((order.amount_tax, order.amount_total), (13.64, 68.61))

        self.receive_orders(self.placed)
        self.assertEqual(order.amount_total, 68.61, "an older version that arrives late changes nothing")
        self.assertEqual(self.order_sync().external_version, "5")
        self.assertEqual(len(order.order_line), 3)

    def test_later_version_first(self):
        self.receive_orders(self.fulfilled)
        self.assertAllSynced()
        self.assertEqual(self.only("medusa_orders").amount_total, 68.61)
        self.receive_orders(self.placed)
        self.assertEqual(self.only("medusa_orders").amount_total, 68.61)

    def test_older_state_of_the_same_version(self):
        """Medusa raises the version with the order, not with its payment: then the time decides."""
        later = altered(self.placed, updated_at="2026-11-23T10:00:00.000Z", display_id=11)
        self.receive_orders(later)
        self.receive_orders(altered(self.placed, display_id=22))
        self.assertEqual(self.only("medusa_orders").client_order_ref, "11")

    def test_total_that_differs_is_an_error_that_says_so(self):
        self.receive_orders(altered(self.placed, total=79.6137))
        self.assertFailed(self.order_sync(), "validation", "78.61", "79.6137", "Total")
        self.assertFalse(self.flow_links("medusa_orders"), "nothing of a wrong order is written")
        self.assertFalse(self.env["sale.order"].search([("client_order_ref", "=", "1")]))
        self.assertTrue(self.flow_links("medusa_customers"), "its customer is right")
        self.receive_orders(altered(self.placed, updated_at="2026-11-23T09:30:00.000Z"))
        self.assertEqual(self.order_sync().state, "synced", "corrected over there, it arrives")

    def test_later_version_that_does_not_add_up_leaves_the_order(self):
        self.receive_orders(self.placed)
        order = self.only("medusa_orders")
        self.receive_orders(altered(self.fulfilled, total=60))
        self.assertFailed(self.order_sync(), "validation", "68.61", "60")
        self.assertEqual((order.amount_total, len(order.order_line)), (78.61, 2))

    def test_tax_that_differs(self):
        self.receive_orders(altered(self.placed, tax_total=12.0, total=78.6137))
        self.assertFailed(self.order_sync(), "validation", "13.64", "12")

    def test_missing_total_is_not_taken_for_right(self):
        order = altered(self.placed)
        del order["total"]
        self.receive_orders(order)
        self.assertFailed(self.order_sync(), "validation", "Total")

    def test_discount_on_items_and_shipping(self):
        """Medusa answers discounts as totals of the line, without tax and apart, beside its adjustments."""
        order = altered(self.placed, version=2)
        item, shipping = order["items"][0], order["shipping_methods"][0]
        item.update(
            adjustments=[{"id": "ordliadj_1", "code": "WELCOME10", "amount": 5.997, "promotion_id": "promo_1"}],
            discount_subtotal=5.997, discount_total=7.25637, discount_tax_total=1.25937, tax_total=11.33433,
            total=65.30733)
        shipping.update(
            adjustments=[{"id": "ordsmadj_1", "code": "FREESHIP", "amount": 5}],
            discount_subtotal=5, discount_total=6.05, tax_total=0, total=0)
        order.update(total=65.30733, tax_total=11.33433, discount_total=13.30637)
        self.receive_orders(order)
        self.assertAllSynced()
        order = self.only("medusa_orders")
        lines = {line.name: line for line in order.order_line}
        discount = lines["Discount WELCOME10 Peer product PEER-1795426092"]
        self.assertEqual((round(discount.price_unit, 4), discount.tax_ids.amount), (-5.997, 21))
        self.assertEqual(discount.product_id.default_code, "MEDUSA-DISCOUNT")
        self.assertEqual(lines["Discount FREESHIP Standard"].price_unit, -5)
        self.assertAlmostEqual(order.amount_total, 65.31, delta=0.011)

    def test_prices_with_tax(self):
        """A region with prices including tax: the line's subtotal is without, and not rounded."""
        order = altered(self.placed)
        item = order["items"][0]
        subtotal = 59.97 / 1.21
        item.update(is_tax_inclusive=True, subtotal=subtotal, tax_total=59.97 - subtotal, total=59.97)
        order.update(total=59.97 + 6.05, tax_total=59.97 - subtotal + 1.05)
        self.receive_orders(order)
        self.assertAllSynced()
        order = self.only("medusa_orders")
        self.assertEqual(order.amount_total, 66.02)
        self.assertAlmostEqual(order.order_line[0].price_unit, 16.520661, places=5)

    def test_order_without_taxes_gets_none(self):
        order = altered(self.placed, total=64.97, tax_total=0)
        order["items"][0]["tax_lines"] = []
        del order["shipping_methods"][0]["tax_lines"]
        self.env.company.account_sale_tax_id = self.env["account.tax"].create({
            "name": "A default that must not come in", "amount": 15, "type_tax_use": "sale"})
        self.receive_orders(order)
        self.assertAllSynced()
        self.assertEqual(self.only("medusa_orders").order_line.tax_ids.ids, [])

    def test_known_product_by_sku_and_known_tax_by_name(self):
        product = self.env["product.product"].create(
            {"name": "Our own name", "default_code": "PEER-1795426092-S", "list_price": 5})
        tax = self.env["account.tax"].create({"name": "VAT 21%", "amount": 21, "type_tax_use": "sale"})
        self.env["account.tax"].create({"name": "VAT 21%", "amount": 21, "type_tax_use": "purchase"})
        self.receive_orders(self.placed)
        self.assertAllSynced()
        line = self.only("medusa_orders").order_line[0]
        self.assertEqual((line.product_id, line.tax_ids), (product, tax))
        self.assertEqual((product.name, product.list_price), ("Our own name", 5), "an order changes no product")

    def test_two_orders_of_one_customer_share_contacts(self):
        """Orders have addresses with new IDs each time: the same content is the same contact."""
        second = altered(self.placed, id="order_2", display_id=2)
        for name in ("billing_address", "shipping_address"):
            second[name]["id"] += "2"
        second["items"][0]["id"] += "2"
        third = altered(second, id="order_3", display_id=3)
        third["shipping_address"]["address_1"] = "Grand Place 1"
        third["items"][0]["id"] += "3"
        self.receive_orders(self.placed, second, third)
        self.assertAllSynced()
        orders = self.flow_links("medusa_orders")
        self.assertEqual(len({order.partner_id for order in orders.values()}), 1)
        self.assertEqual(orders["order_2"].partner_shipping_id, orders[ORDER].partner_shipping_id)
        self.assertEqual(orders["order_3"].partner_shipping_id.street, "Grand Place 1")
        self.assertEqual(len(self.flow_links("medusa_addresses")), 3)

    def test_pages_of_the_real_list(self):
        self.flows["medusa_orders"].resource_id._operation("list").page_size = 2
        orders = [altered(self.placed, id=f"order_{number}", display_id=number) for number in range(5)]
        run = self.receive_orders(*orders)
        self.assertAllSynced()
        self.assertEqual((run.page_count, run.created_count), (3, 5))
        asked = [call[2] for call in self.server.calls]
        self.assertEqual([(query["limit"], query["offset"]) for query in asked], [("2", "0"), ("2", "2"), ("2", "4")])
        self.assertIn("*items.tax_lines", asked[0]["fields"])

    def test_next_run_asks_for_changes_only(self):
        self.receive_orders(self.placed)
        self.assertNotIn("updated_at[$gte]", self.server.calls[0][2])
        self.server.calls.clear()
        run = self.run_flow(self.flows["medusa_orders"])
        # five minutes of overlap, because clocks differ
        self.assertEqual(self.server.calls[0][2]["updated_at[$gte]"], "2026-11-23T09:23:15Z")
        self.assertEqual((run.read_count, run.unchanged_count), (1, 1))

    def test_thin_webhook_leads_to_the_record(self):
        """The webhook says no more than the ID: the record is read by it."""
        hook = json.loads(payload("medusa/webhook_order_placed")["raw_body"])
        order = altered(self.placed, id=hook["data"]["id"])
        self.server.answer("GET", f"/admin/orders/{order['id']}", {"order": order})
        plan = FlowPlan(self.flows["medusa_orders"])
        read = plan.operation("read")
        with http.open_client(self.connection) as client:
            exchange = client.send(http.build_request(read, variables={"id": hook["data"]["id"]}))
        record = http.read_record(read, exchange.response.body)
        self.assertEqual((plan.external_id(record), record["display_id"]), ("order_01M83VPKE6VDTT8FTB2JBKCSE5", 1))
        self.assertIn("*items", self.server.calls[0][2]["fields"])


@tagged("post_install", "-at_install")
class TestMedusaCatalogue(ReplayCase):
    blueprint = "medusa"
    secret = "Basic c2tfdGVzdDo="

    def receive_products(self, *products):
        self.server.collection("/admin/products", list(products), medusa_list("products"))
        self.run_flow(self.flows["medusa_variants"], self.flows["medusa_prices"])

    def test_variants_with_sku_and_prices_by_currency(self):
        self.receive_products(payload("medusa/product"))
        self.assertAllSynced()
        variants = self.flow_links("medusa_variants")
        self.assertEqual({(variant.default_code, variant.name) for variant in variants.values()}, {
            ("PEER-1795426092-S", "Peer product PEER-1795426092 S"),
            ("PEER-1795426092-M", "Peer product PEER-1795426092 M")})
        self.assertEqual({variant.list_price for variant in variants.values()}, {19.99})
        prices = self.flow_links("medusa_prices")
        item = prices["price_01M83VR38J4SM9S2AJBAJ1S8R8"]
        self.assertEqual(item.product_id, variants["variant_01M83VR37HJP19E848SBM9AGP5"])
        self.assertEqual(item.applied_on, "0_product_variant")
        self.assertEqual((item.compute_price, item.fixed_price), ("fixed", 19.99))
        self.assertEqual((item.pricelist_id.name, item.pricelist_id.currency_id.name), ("Medusa (EUR)", "EUR"))
        self.assertEqual(item.pricelist_id._get_product_price(item.product_id, 1), 19.99)

    def test_prices_in_several_currencies_and_for_regions(self):
        product = payload("medusa/product")
        euro = product["variants"][0]["prices"][0]
        product["variants"][0]["prices"] += [
            altered(euro, id="price_usd", currency_code="usd", amount=24.5),
            altered(euro, id="price_many", min_quantity=10, amount=17),
            altered(euro, id="price_region", rules={"region_id": "reg_1"}, amount=9)]
        self.receive_products(product)
        self.assertAllSynced()
        prices = self.flow_links("medusa_prices")
        self.assertEqual(prices["price_usd"].pricelist_id.currency_id.name, "USD")
        self.assertEqual((prices["price_many"].min_quantity, prices["price_many"].fixed_price), (10, 17))
        self.assertNotIn("price_region", prices, "a price of one region is no price of the list")
        variant = self.flow_links("medusa_variants")["variant_01M83VR37HJP19E848SBM9AGP5"]
        self.assertEqual(variant.list_price, 19.99)

    def test_paging_counts_products_and_not_their_parts(self):
        self.flows["medusa_variants"].resource_id._operation("list").page_size = 2
        products = []
        for number in range(5):
            product = altered(payload("medusa/product"), id=f"prod_{number}")
            for variant in product["variants"]:
                variant.update(id=f"{variant['id']}_{number}", sku=f"{variant['sku']}-{number}")
            products.append(product)
        self.server.collection("/admin/products", products, medusa_list("products"))
        run = self.run_flow(self.flows["medusa_variants"])
        self.assertAllSynced()
        self.assertEqual((run.page_count, run.read_count, len(self.flow_links("medusa_variants"))), (3, 10, 10))

    def test_order_after_catalogue_uses_its_variants(self):
        self.flows["medusa_variants"].rule_ids.filtered(lambda rule: rule.code == "name").owner = "external_at_creation"
        self.receive_products(payload("medusa/product"))
        variant = self.flow_links("medusa_variants")["variant_01M83VR37HJP19E848SBM9AGP5"]
        variant.name = "A name of our own"
        self.server.collection("/admin/orders", [payload("medusa/order_placed")], medusa_list("orders"))
        self.run_flow(self.flows["medusa_orders"])
        self.assertAllSynced()
        self.assertEqual(self.only("medusa_orders").order_line[0].product_id, variant)
        self.assertEqual(variant.name, "A name of our own")


@tagged("post_install", "-at_install")
class TestMedusaErrors(ReplayCase):
    """Recorded refusals: what they say stands in plain words on the record that was refused."""

    blueprint = "medusa"
    secret = "Basic c2tfdGVzdDo="

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.export = cls.make_flow("product.template", [
            ("name", "title"), ("default_code", "variants[0].sku"), ("description_sale", "description"),
        ], cls.flows["medusa_variants"].resource_id.search([("code", "=", "product"), ("api_name", "=", "Medusa v2")]),
            direction="export", create_in_external=True, timing="live", name="Products to the shop", code="out",
            domain="[('default_code', '=like', 'OUT-%')]")

    def create_products(self, *codes):
        products = self.env["product.template"].create(
            [{"name": f"Product {code}", "default_code": code} for code in codes])
        self.work()
        return {
            product.default_code: self.env["integration.sync"].search([
                ("flow_id", "=", self.export.id), ("res_id", "=", product.id)]) for product in products}

    def test_each_refusal_on_its_own_record(self):
        """Three are created at once: refused for a name, refused for its SKU, taken."""
        validation, duplicate = payload("medusa/error_validation"), payload("medusa/error_duplicate_sku")
        answers = {
            "Product OUT-1": (validation["status"], validation["body"]),
            "Product OUT-2": (duplicate["status"], duplicate["body"]),
            "Product OUT-3": (200, {"product": altered(payload("medusa/product"), id="prod_new")}),
        }
        self.server.respond("POST", "/admin/products", lambda query, sent: answers[sent["title"]])
        syncs = self.create_products("OUT-1", "OUT-2", "OUT-3")
        self.assertFailed(syncs["OUT-1"], "validation", "Field 'title' is required; Unrecognized fields: 'titel'")
        self.assertFailed(
            syncs["OUT-2"], "validation", "Product variant with sku: PEER-1795426092-S, already exists.")
        self.assertEqual((syncs["OUT-3"].state, syncs["OUT-3"].external_id), ("synced", "prod_new"))
        self.assertCountEqual(
            [call[3] for call in self.server.calls],
            [{"title": f"Product {code}", "variants": [{"sku": code}]} for code in ("OUT-1", "OUT-2", "OUT-3")])
        exchange = syncs["OUT-2"].last_exchange_id
        self.assertEqual(exchange.status, 400)
        self.assertNotIn("c2tfdGVzdDo=", f"{exchange.request_headers} {exchange.request_body}")

    def test_record_that_is_gone(self):
        error = payload("medusa/error_404")
        self.server.answer("POST", "/admin/products", {"product": altered(payload("medusa/product"), id="prod_gone")})
        syncs = self.create_products("OUT-1")
        self.server.answer("POST", "/admin/products/prod_gone", error["body"], error["status"])
        self.env["product.template"].browse(syncs["OUT-1"].res_id).name = "Renamed"
        self.work()
        self.assertFailed(syncs["OUT-1"], "validation", "Order id not found: order_nope")

    def test_order_that_waits_for_a_customer_who_is_gone(self):
        """A record that others wait for, and that cannot be read: they fail, and say what the shop said."""
        rule = self.flows["medusa_orders"].rule_ids.filtered(lambda rule: rule.code == "customer")
        rule.write({"relation_mode": "import", "external_path": "customer_id"})
        error = payload("medusa/error_404")
        order = payload("medusa/order_placed")
        self.server.collection("/admin/orders", [order], medusa_list("orders"))
        self.server.answer("GET", f"/admin/customers/{order['customer_id']}", error["body"], error["status"])
        self.flows["medusa_orders"].rule_ids.filtered(lambda rule: rule.code.endswith("_address")).active = False
        self.run_flow(self.flows["medusa_orders"])
        sync = self.syncs(self.flows["medusa_orders"])[ORDER]
        self.assertFailed(sync, "validation", "Order id not found: order_nope", order["customer_id"])

    def test_actions_say_why_they_were_refused(self):
        error = payload("medusa/error_over-fulfil")
        self.server.answer("POST", f"/admin/orders/{ORDER}/fulfillments", error["body"], error["status"])
        fulfil = FlowPlan(self.flows["medusa_orders"]).action("fulfil")
        with http.open_client(self.connection) as client:
            exchange = client.send(http.build_request(fulfil, variables={"id": ORDER}, body={"items": []}))
        message, hint = messages.explain(self.env, exchange.error)
        self.assertEqual((exchange.error.error_class, exchange.error.code), ("validation", "rejected"))
        self.assertIn("Quantity to fulfill exceeds the reserved quantity for the item", message)
        self.assertTrue(hint)


@tagged("post_install", "-at_install")
class TestKarrio(ReplayCase):
    blueprint = "karrio"
    secret = "Token key_test"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.purchased = payload("karrio/shipment_purchased")
        product = cls.env["product.product"].create({"name": "Delivery by karrio", "type": "service"})
        cls.carrier = cls.env["delivery.carrier"].create({"name": "Peer Standard", "product_id": product.id})
        warehouse = cls.env["stock.warehouse"].search([("company_id", "=", cls.env.company.id)], limit=1)
        cls.picking = cls.env["stock.picking"].create({
            "picking_type_id": warehouse.out_type_id.id, "location_id": warehouse.lot_stock_id.id,
            "location_dest_id": cls.env.ref("stock.stock_location_customers").id})
        cls.picking.name = cls.purchased["metadata"]["odoo_ref"]

    def map_service(self):
        self.env["integration.value.map"].search([("code", "=", "karrio_services")]).line_ids = [
            (0, 0, {"external_value": "peer_standard", "res_id": self.carrier.id})]

    def receive_shipments(self, *shipments):
        self.server.collection("/v1/shipments", list(shipments), karrio_list)
        return self.run_flow(self.flows["karrio_shipments"], self.flows["karrio_labels"])

    def test_bought_shipment_onto_its_delivery(self):
        self.map_service()
        self.receive_shipments(self.purchased)
        self.assertEqual(self.states(self.flows["karrio_shipments"]), {self.purchased["id"]: "synced"})
        self.assertEqual(self.only("karrio_shipments"), self.picking)
        self.assertEqual(self.picking.carrier_tracking_ref, "47aefe47b83e")
        self.assertEqual(self.picking.carrier_id, self.carrier)
        self.assertEqual(self.picking.carrier_price, 5.95)
        self.assertEqual(self.server.calls[0][:2], ("GET", "/v1/shipments"))

    def test_label_is_attached(self):
        self.map_service()
        label = base64.b64encode(b"%PDF-1.4 the whole label").decode()
        self.receive_shipments(altered(self.purchased, shipping_documents=[
            dict(self.purchased["shipping_documents"][0], base64=label)]))
        self.assertAllSynced()
        attachment = self.only("karrio_labels")
        self.assertEqual((attachment.res_model, attachment.res_id), ("stock.picking", self.picking.id))
        self.assertEqual(attachment.name, "label 47aefe47b83e.pdf")
        self.assertEqual(attachment.raw, b"%PDF-1.4 the whole label")
        self.assertEqual(attachment.mimetype, "application/pdf")

    def test_damaged_label_is_refused_and_the_shipment_lands(self):
        """The recorded label was cut short: what is left of it must not be printed."""
        self.map_service()
        self.receive_shipments(self.purchased)
        label = self.syncs(self.flows["karrio_labels"])[f"{self.purchased['id']}/label"]
        self.assertFailed(label, "mapping", "JVBERi0xLjQK")
        self.assertEqual(self.picking.carrier_tracking_ref, "47aefe47b83e")

    def test_unknown_service_waits_for_its_translation(self):
        self.receive_shipments(altered(self.purchased, shipping_documents=[]))
        sync = self.syncs(self.flows["karrio_shipments"])[self.purchased["id"]]
        self.assertFailed(sync, "unmapped", "peer_standard", "Shipping services of karrio")
        line = self.env["integration.value.map.line"].search([("external_value", "=", "peer_standard")])
        line.res_id = self.carrier.id
        self.work()
        self.assertEqual((sync.state, self.picking.carrier_id), ("synced", self.carrier), "mapped once, all go on")

    def test_draft_and_foreign_shipments_are_left_alone(self):
        draft = payload("karrio/shipment_draft")
        foreign = altered(self.purchased, id="shp_foreign", metadata={})
        unknown = altered(self.purchased, id="shp_unknown", metadata={"odoo_ref": "WH/OUT/9999"}, shipping_documents=[])
        self.map_service()
        run = self.receive_shipments(draft, foreign, unknown)
        self.assertEqual(self.states(self.flows["karrio_shipments"]), {"shp_unknown": "excluded"})
        self.assertEqual(run.read_count, 1, "the documents of the shipments: two have none")
        self.assertFalse(self.picking.carrier_tracking_ref)

    def test_bought_then_cancelled(self):
        self.map_service()
        self.receive_shipments(altered(self.purchased, shipping_documents=[]))
        self.receive_shipments(payload("karrio/shipment_cancelled"))
        self.assertFalse(self.picking.carrier_tracking_ref)
        self.assertEqual(self.picking.carrier_price, 0)
        self.assertEqual(self.states(self.flows["karrio_shipments"]), {self.purchased["id"]: "synced"})

    def test_order_of_the_hub_becomes_a_sales_order(self):
        record = payload("karrio/order")
        self.server.collection("/v1/orders", [record], karrio_list)
        self.flows["karrio_orders"].tz = "Europe/Brussels"
        self.run_flow(self.flows["karrio_orders"])
        self.assertAllSynced()
        order = self.only("karrio_orders")
        self.assertEqual((order.name, order.currency_id.name), ("SO-1795426616", "EUR"))
        self.assertEqual(str(order.date_order), "2026-11-22 23:00:00", "a day, in the flow's time zone")
        partner = order.partner_id
        self.assertEqual(
            (partner.name, partner.email, partner.street, partner.city, partner.zip, partner.country_id.code),
            ("Ada Test", "ada@example.com", "Rue Neuve 10", "Bruxelles", "1000", "BE"))
        line = order.order_line
        self.assertEqual(
            (line.product_id.default_code, line.product_id.weight, line.product_uom_qty, line.price_unit),
            ("PEER-1", 0.5, 2, 19.99))
        self.assertEqual(order.amount_total, 39.98)

    def test_order_that_odoo_made_is_recognised(self):
        record = payload("karrio/order")
        own = self.env["sale.order"].create({"name": record["order_id"], "partner_id": self.env.user.partner_id.id})
        self.server.collection("/v1/orders", [record], karrio_list)
        self.run_flow(self.flows["karrio_orders"])
        self.assertEqual(self.only("karrio_orders"), own)
        self.assertEqual((own.partner_id, len(own.order_line)), (self.env.user.partner_id, 0), "it is Odoo's own")

    def test_rates(self):
        """Rates are asked for by a request; here: the call and what it answers."""
        rates = payload("karrio/rates")
        self.server.answer("POST", "/v1/proxy/rates", rates)
        resource = self.env["integration.resource"].search([("api_name", "=", "karrio v1"), ("code", "=", "rate")])
        flow = self.make_flow("delivery.carrier", [
            {"odoo_path": "name", "external_path": "meta.service_name", "code": "name"},
            {"odoo_path": "fixed_price", "external_path": "total_charge", "transform": "number", "code": "price"},
        ], resource, state="draft")
        plan = FlowPlan(flow)
        operation = plan.action("rates")
        with http.open_client(self.connection) as client:
            exchange = client.send(http.build_request(operation, body={"services": []}))
        records = http.records_of(operation, exchange.response.body)
        self.assertEqual([plan.external_id(record) for record in records], [rate["id"] for rate in rates["rates"]])
        mapper = BatchMapper(plan, self.env.cr)
        values = []
        for record in records:
            externals = external_values(plan, plan.rules, record)
            values.append({rule.code: mapper.value(rule, externals[rule.code], record) for rule in plan.rules})
        self.assertEqual(values, [
            {"name": "PEER STANDARD", "price": 5.95}, {"name": "PEER EXPRESS", "price": 9.95}])

    def test_refused_shipments_say_which_fields(self):
        error = payload("karrio/error_validation")
        self.server.answer("POST", "/v1/shipments", error, 400)
        resource = self.flows["karrio_shipments"].resource_id
        flow = self.make_flow("stock.picking", [
            {"odoo_path": "name", "external_path": "metadata.odoo_ref", "code": "ref"},
            {"odoo_path": "partner_id.name", "external_path": "recipient.person_name", "code": "recipient"},
        ], resource, direction="export", create_in_external=True, timing="live", name="Deliveries to karrio",
            domain="[('name', '=', 'WH/OUT/0001')]")
        self.picking.partner_id = self.env["res.partner"].create({"name": "Ada Test"})
        self.work()
        sync = self.env["integration.sync"].search([("flow_id", "=", flow.id), ("res_id", "=", self.picking.id)])
        self.assertFailed(
            sync, "validation", "recipient.country_code: This field is required.",
            "parcels.non_field_errors: This list may not be empty.")
        self.assertEqual(self.server.calls[-1][3], {
            "metadata": {"odoo_ref": "WH/OUT/0001"}, "recipient": {"person_name": "Ada Test"}})

    def test_purchase_after_cancellation(self):
        error = payload("karrio/error_purchase_after_cancel")
        self.server.answer("POST", f"/v1/shipments/{self.purchased['id']}/purchase", error, 409)
        purchase = FlowPlan(self.flows["karrio_shipments"]).action("purchase")
        with http.open_client(self.connection) as client:
            exchange = client.send(http.build_request(
                purchase, variables={"id": self.purchased["id"]}, body={"selected_rate_id": "rat_1"}))
        message, _hint = messages.explain(self.env, exchange.error)
        self.assertEqual((exchange.error.error_class, exchange.error.code), ("validation", "conflict_remote"))
        self.assertIn("Shipment is cancelled and cannot be updated anymore", message)
