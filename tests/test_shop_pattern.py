"""The eCommerce pattern by the shop's blueprint alone: what belongs to orders in; products, stock, deliveries and
cancellations out; and what goes wrong on the way."""

import base64
import json

from odoo.tests import tagged
from odoo.tools.misc import verify_limited_field_access_token

from odoo.addons.integration_flow.tools.first_import import prepare

from .common import FlowCase
from .replay import ReplayCase

PIXEL = base64.b64encode(base64.b64decode(
    b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="))
OTHER_PIXEL = base64.b64encode(
    b"GIF89a\x01\x00\x01\x00\x80\x01\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x01\n\x00\x01\x00,\x00\x00\x00\x00\x01\x00\x01\x00"
    b"\x00\x02\x02L\x01\x00;")
BILLING = {
    "first_name": "Ada", "last_name": "Byron", "company": "", "address_1": "Rue Neuve 10", "address_2": "",
    "city": "Bruxelles", "state": "", "postcode": "1000", "country": "BE", "email": "ada@example.com", "phone": ""}


class ShopPatternCase(FlowCase):
    blueprint = "woocommerce"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        ReplayCase.require_apps.__func__(cls)
        prepare(cls.env)
        cls.flows = cls.env["integration.blueprint"]._apply_file("woocommerce", connection_vals={"woo": {
            "base_url": cls.shop.api, "web_url": cls.shop.url, "auth_secret_input": cls.shop.api_key}})
        cls.connection = cls.flows["woo_orders"].connection_id
        for flow in cls.flows.values():
            flow.write({"retry_jitter": 0, "log_level": "all"})
            flow.action_test_mode()

    def setUp(self):
        super().setUp()
        self.run_flow(self.flows["woo_taxes"], full=True)

    # -- what people do in the shop ------------------------------------------------------------------------

    def product_there(self, sku, price="10.00", **vals):
        return self.shop.create("products", {
            "name": f"Product {sku}", "sku": sku, "regular_price": price, "manage_stock": True, "stock_quantity": 40, **vals,
        })[0]

    def order_there(self, quantity=3, sku="LAMP", **vals):
        """A customer pays an order of one product with shipping; returns the order."""
        found = self.shop.get("products", sku=sku)
        product = found[0]["id"] if found else self.product_there(sku)
        key = self.shop.create("orders", {
            "billing": BILLING, "shipping": {}, "set_paid": True, "payment_method_title": "Card", "transaction_id": "T-1",
            "line_items": [{"product_id": product, "quantity": quantity}],
            "shipping_lines": [{"method_id": "flat", "method_title": "Parcel", "total": "5.00"}], **vals})[0]
        return self.shop.get(f"orders/{key}")

    def refund_there(self, order, body):
        key = self.shop.create("refunds", body, parent=order["id"])[0]
        return self.shop.get(f"orders/{order['id']}/refunds/{key}")

    # -- what comes of it ----------------------------------------------------------------------------------

    def bring(self, order, *codes):
        """The order in Odoo, after runs of the order flow and of ``codes``."""
        self.run_flow(self.flows["woo_orders"], *(self.flows[code] for code in codes), full=True)
        sync = self.syncs(self.flows["woo_orders"])[str(order["id"])]
        self.assertEqual(sync.state, "synced", f"{sync.error_message}\n{sync.error_detail}")
        for code in codes:
            self.assertEqual([
                f"{sync.state} {sync.error_message} {(sync.error_detail or '')[-800:]}"
                for sync in self.syncs(self.flows[code]).values() if sync.state not in ("synced", "excluded")], [])
        return self.records(self.flows["woo_orders"])[str(order["id"])]

    def sync_of(self, code, record):
        return self.env["integration.sync"].search([("flow_id", "=", self.flows[code].id), ("res_id", "=", record.id)])

    def assertState(self, code, record, state):
        sync = self.sync_of(code, record)
        self.assertEqual(sync.state, state, f"{sync.error_message} {sync.error_hint}\n{(sync.error_detail or '')[-800:]}")
        return sync

    def calls(self, method, *ends):
        """Bodies of the calls of this method whose address ends so, since the last look."""
        found = [json.loads(call["body"] or "null") for call in self.shop.requests()
                 if call["method"] == method and call["target"].partition("?")[0].endswith(ends)]
        self.shop.clear_counts()
        return found


@tagged("post_install", "-at_install")
class TestShopOrders(ShopPatternCase):
    def test_a_guest_with_another_delivery_address(self):
        elsewhere = {**BILLING, "first_name": "Grace", "address_1": "Dok Noord 7", "city": "Gent", "postcode": "9000"}
        del elsewhere["email"]
        first = self.bring(self.order_there(shipping=elsewhere))
        second = self.bring(self.order_there(shipping=elsewhere, billing={**BILLING, "email": "ADA@example.com"}))
        self.assertEqual((first.partner_id.name, first.partner_id.street), ("Ada Byron", "Rue Neuve 10"))
        delivery = first.partner_shipping_id
        self.assertEqual((delivery.name, delivery.street, delivery.zip, delivery.type, delivery.parent_id),
                         ("Grace Byron", "Dok Noord 7", "9000", "delivery", first.partner_id))
        same = self.bring(self.order_there())
        self.assertEqual(same.partner_id, first.partner_id, "the same guest again")
        self.assertEqual((same.partner_shipping_id.street, same.partner_shipping_id.parent_id),
                         ("Rue Neuve 10", first.partner_id), "and not to where the other parcel went")
        self.assertEqual(second.amount_total, first.amount_total)

    def test_a_known_customer(self):
        key = self.shop.create("customers", {
            "email": "known@example.com", "first_name": "Known", "last_name": "Buyer", "billing": BILLING})[0]
        first = self.bring(self.order_there(customer_id=key))
        second = self.bring(self.order_there(customer_id=key))
        self.assertEqual(first.partner_id, second.partner_id)
        self.assertEqual(first.partner_id.email, "known@example.com")

    def test_a_payment_comes_once(self):
        order = self.order_there()
        there = self.bring(order, "woo_payments")
        payment = self.records(self.flows["woo_payments"])[str(order["id"])]
        self.assertEqual((payment.amount, payment.partner_id, payment.payment_type, payment.state),
                         (float(order["total"]), there.partner_id, "inbound", "draft"))
        self.assertEqual(payment.memo, f"{order['number']} Card T-1")
        unpaid = self.order_there(set_paid=False)
        self.bring(unpaid, "woo_payments")
        self.assertNotIn(str(unpaid["id"]), self.records(self.flows["woo_payments"]))
        payment.action_post()
        posted = payment.state
        self.assertNotEqual(posted, "draft")
        self.shop.touch("orders", ids=[order["id"]], changes={"customer_note": "Please ring"})
        self.bring(order, "woo_payments")
        self.assertEqual((payment.state, payment.amount), (posted, float(order["total"])))
        self.assertEqual(len(self.records(self.flows["woo_payments"])), 1)

    def test_a_part_is_refunded_after_the_invoice(self):
        order = self.order_there(quantity=3)
        there = self.bring(order)
        there.picking_ids.move_ids.write({"quantity": 3, "picked": True})
        there.picking_ids._action_done()
        invoice = there._create_invoices()
        invoice.action_post()
        item = order["line_items"][0]
        net = round(float(item["total"]) / 3, 2)
        tax = [{"id": one["id"], "refund_total": round(float(one["total"]) / 3, 2)} for one in item["taxes"]]
        refund = self.refund_there(order, {
            "reason": "One was broken", "line_items": [
                {"id": item["id"], "quantity": 1, "refund_total": net, "refund_tax": tax}]})
        before = there.amount_total
        self.bring(order, "woo_refunds")
        note = self.records(self.flows["woo_refunds"])[str(refund["id"])]
        self.assertEqual((note.move_type, note.state, note.partner_id), ("out_refund", "draft", there.partner_invoice_id))
        self.assertAlmostEqual(note.amount_total, float(refund["amount"]), 2)
        self.assertAlmostEqual(note.amount_tax, sum(one["refund_total"] for one in tax), 2, "with its taxes")
        self.assertEqual(note.invoice_line_ids.product_id, there.order_line[0].product_id)
        self.assertEqual((there.amount_total, invoice.state), (before, "posted"), "order and invoice stay as they are")
        # Once more, and a second refund of an amount that belongs to no line.
        other = self.refund_there(order, {"amount": "2.50", "reason": "Late"})
        self.shop.clear_counts()
        self.run_flow(self.flows["woo_refunds"])
        lists = [call["target"] for call in self.shop.requests() if "/refunds?" in call["target"]]
        self.assertTrue(lists and all("&after=" in target or "?after=" in target for target in lists), lists)
        notes = self.records(self.flows["woo_refunds"])
        self.assertEqual(set(notes), {str(refund["id"]), str(other["id"])})
        self.assertEqual((notes[str(other["id"])].amount_total, notes[str(other["id"])].ref), (
            2.5, f"Refund {other['id']} of order {order['id']} Late"))

    def test_a_refund_whose_order_is_not_here_yet_brings_it(self):
        order = self.order_there()
        refund = self.refund_there(order, {"amount": "1.00"})
        self.run_flow(self.flows["woo_refunds"], full=True)
        self.work()
        sync = self.syncs(self.flows["woo_refunds"])[str(refund["id"])]
        self.assertEqual(sync.state, "synced", f"{sync.error_message} {sync.error_hint} {sync.error_detail}")
        self.assertIn(str(order["id"]), self.records(self.flows["woo_orders"]))
        self.assertIn(str(refund["id"]), self.records(self.flows["woo_refunds"]))

    def test_cancelled_on_either_side(self):
        order = self.order_there(set_paid=False)
        there = self.bring(order)
        self.shop.touch("orders", ids=[order["id"]], changes={"status": "cancelled"})
        self.assertEqual(self.bring(order).state, "cancel")
        other = self.order_there()
        here = self.bring(other)
        self.assertEqual(here.state, "sale")
        here._action_cancel()
        self.work()
        self.assertState("woo_cancellations", here, "synced")
        self.assertEqual(self.shop.get(f"orders/{other['id']}")["status"], "cancelled")
        self.bring(other)
        self.assertEqual((here.state, there.state), ("cancel", "cancel"))

    def test_a_delivery_is_told_once_and_completes_the_order(self):
        order = self.order_there(quantity=3)
        there = self.bring(order)
        picking = there.picking_ids
        picking.move_ids.write({"quantity": 2, "picked": True})
        picking.carrier_tracking_ref = "TRK-1"
        self.shop.fault("cut_after", method="POST", path=r"/notes")
        picking._action_done()
        self.work()
        self.make_due(self.flows["woo_deliveries"])
        self.work()
        self.assertState("woo_deliveries", picking, "synced")
        notes = [note for note in self.shop.get(f"orders/{order['id']}/notes") if note["customer_note"]]
        self.assertEqual(
            [note["note"] for note in notes], [f"Delivery {picking.name} has left. TRK-1"], "its answer was lost")
        self.assertEqual(self.shop.get(f"orders/{order['id']}")["status"], "processing", "one piece is still to come")
        rest = there.picking_ids - picking
        rest.move_ids.write({"quantity": 1, "picked": True})
        rest._action_done()
        self.work()
        self.assertState("woo_deliveries", rest, "synced")
        self.assertEqual(self.shop.get(f"orders/{order['id']}")["status"], "completed")
        self.bring(order)
        self.assertEqual(there.state, "sale")


@tagged("post_install", "-at_install")
class TestShopCatalog(ShopPatternCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tag = cls.env["product.tag"].create({"name": "WooCommerce"})
        cls.warehouse = cls.env["stock.warehouse"].search([("company_id", "=", cls.env.company.id)], limit=1)

    def stock(self, product, quantity):
        self.env["stock.quant"]._update_available_quantity(product, self.warehouse.lot_stock_id, quantity)

    def template(self, name, **vals):
        return self.env["product.template"].create({
            "name": name, "default_code": name.upper(), "list_price": 12.5, "product_tag_ids": self.tag.ids, **vals})

    def test_a_product_with_its_picture(self):
        product = self.template("Lamp", image_1920=PIXEL, weight=1.25)
        self.work()
        sync = self.assertState("woo_products_out", product, "synced")
        there = self.shop.get(f"products/{sync.external_id}")
        self.assertEqual((there["name"], there["sku"], there["type"], there["regular_price"], there["weight"]),
                         ("Lamp", "LAMP", "simple", "12.50", "1.250"))
        source = there["images"][0]["src"]
        path, _separator, query = source.partition("?")
        self.assertTrue(path.endswith(f"/web/image/product.template/{product.id}/image_1920/image_1920.png"), path)
        token = query.rpartition("access_token=")[2]
        self.assertTrue(verify_limited_field_access_token(product, "image_1920", token, scope="binary"))
        self.shop.clear_counts()
        product.write({"description_sale": "Bright"})
        self.work()
        self.assertState("woo_products_out", product, "synced")
        self.assertEqual(self.calls("PUT", sync.external_id), [{"short_description": "Bright"}], "only what changed")
        product.image_1920 = OTHER_PIXEL
        self.work()
        sent, = self.calls("PUT", sync.external_id)
        self.assertEqual([*sent], ["images"])
        self.assertNotEqual(sent["images"][0]["src"], source)

    def test_variants_after_their_product(self):
        attribute = self.env["product.attribute"].create({
            "name": "Size", "value_ids": [(0, 0, {"name": "S"}), (0, 0, {"name": "L"})]})
        product = self.template("Shirt", default_code=False, is_storable=True, attribute_line_ids=[(0, 0, {
            "attribute_id": attribute.id, "value_ids": attribute.value_ids.ids})])
        small, large = product.product_variant_ids
        small.default_code, large.default_code = "SHIRT-S", "SHIRT-L"
        small.image_variant_1920 = PIXEL
        self.stock(small, 4)
        for _again in range(3):
            self.work()
            self.make_due(self.flows["woo_variants_out"])
        self.assertState("woo_variants_out", small, "synced")
        key = self.assertState("woo_products_out", product, "synced").external_id
        self.assertEqual(self.shop.get(f"products/{key}")["type"], "variable")
        there = {one["sku"]: one for one in self.shop.get(f"products/{key}/variations")}
        self.assertEqual(
            {sku: (one["regular_price"], one["stock_quantity"],
                   [(part["name"], part["option"]) for part in one["attributes"]]) for sku, one in there.items()},
            {"SHIRT-S": ("12.50", 4, [("Size", "S")]), "SHIRT-L": ("12.50", 0, [("Size", "L")])})
        self.assertIn(f"/web/image/product.product/{small.id}/image_variant_1920/", there["SHIRT-S"]["image"]["src"])
        self.assertFalse(there["SHIRT-L"]["image"])
        self.stock(large, 2)
        self.work()
        self.assertEqual(self.shop.get(f"products/{key}/variations/{there['SHIRT-L']['id']}")["stock_quantity"], 2)
        self.assertEqual(self.shop.counts()["doubled"], {})

    # -- the shop's own variants ---------------------------------------------------------------------------

    def variable_there(self, sku="HAT", colours=("Red", "Blue"), sizes=("S", "L"), prices=(20, 22.5, 25)):
        """A product of the shop that is sold in some combinations only: Red S, Red L, Blue S. Its ID, and those of its
        variants by colour and size."""
        key = self.shop.create("products", {
            "name": "Hat", "type": "variable", "sku": sku, "short_description": "<p>Warm</p>", "attributes": [
                {"name": "Colour", "variation": True, "options": list(colours)},
                {"name": "Size", "variation": True, "options": list(sizes)},
                {"name": "Material", "variation": False, "options": ["Wool"]}]})[0]
        combinations = [(colour, size) for colour in colours for size in sizes][:3]
        return key, {
            pair: self.variation_there(key, pair, price) for pair, price in zip(combinations, prices, strict=True)}

    def variation_there(self, key, pair, price, **vals):
        return self.shop.create("variations", {
            "sku": "HAT-" + "-".join(pair).upper(), "regular_price": f"{price:.2f}", "attributes": [
                {"name": name, "option": option} for name, option in zip(("Colour", "Size"), pair, strict=True)],
            **vals}, parent=key)[0]

    def bring_variants(self, full=False):
        for _twice in range(2):
            self.run_flow(self.flows["woo_variants"], self.flows["woo_variant_prices"], full=full)
        self.assertEqual([
            f"{sync.flow_id.code} {sync.external_id}: {sync.state} {sync.error_message} {(sync.error_detail or '')[-500:]}"
            for code in ("woo_templates", "woo_variants", "woo_variant_prices", "woo_variant_values", "woo_attribute_values")
            for sync in self.syncs(self.flows[code]).values() if sync.state not in ("synced", "excluded")], [])
        return self.records(self.flows["woo_variants"])

    def shown(self, product):
        return product.default_code, [
            (value.attribute_id.name, value.name) for value in product.product_template_attribute_value_ids.sorted(
                lambda value: value.attribute_id.name)]

    def price_of(self, product):
        return self.env["product.pricelist"].search([("name", "=", "Shop (EUR)")])._get_product_price(product, 1)

    def test_the_shops_own_variants(self):
        """Combinations that the shop has, each with its number and price; changed, new and removed ones later."""
        key, keys = self.variable_there()
        found = self.bring_variants()
        template = self.records(self.flows["woo_templates"])[str(key)]
        self.assertEqual((template.name, template.list_price, template.description_sale), ("Hat", 20, "Warm"))
        self.assertEqual({line.attribute_id.name: line.value_ids.mapped("name") for line in template.attribute_line_ids},
                         {"Colour": ["Red", "Blue"], "Size": ["S", "L"]})
        self.assertEqual(
            {str(keys[pair]): ("HAT-" + "-".join(pair).upper(), [("Colour", pair[0]), ("Size", pair[1])]) for pair in keys},
            {external: self.shown(product) for external, product in found.items()})
        self.assertEqual(template.product_variant_ids, self.env["product.product"].union(*found.values()),
                         "only what the shop sells")
        self.assertEqual([self.price_of(found[str(keys[pair])]) for pair in keys], [20, 22.5, 25])
        # Nothing changed: nothing is written. Then a price, a number, a new colour, and one that is not sold any more.
        with self.watch("product.product", "write", "create") as products, \
                self.watch("product.template", "write", "create") as templates:
            self.bring_variants(full=True)
        self.assertFalse(products or templates)
        red, large, blue = (found[str(keys[pair])] for pair in keys)
        self.shop.touch("variations", ids=[keys["Red", "L"]], changes={"regular_price": "23.00", "sku": "HAT-RL"})
        product = self.shop.get(f"products/{key}")
        for attribute in product["attributes"]:
            if attribute["name"] == "Colour":
                attribute["options"].append("Green")
        self.shop.touch("products", ids=[key], changes={"attributes": product["attributes"], "name": "Wool Hat"})
        green = self.variation_there(key, ("Green", "S"), 21)
        self.shop.delete("variations", keys["Blue", "S"])
        later = self.bring_variants(full=True)
        self.assertEqual(self.shown(later[str(green)]), ("HAT-GREEN-S", [("Colour", "Green"), ("Size", "S")]))
        self.assertEqual((template.name, large.default_code, self.price_of(large)), ("Wool Hat", "HAT-RL", 23))
        self.assertEqual((red.active, large.active, blue.active), (True, True, False))
        # It is sold again: the same product, not a second one.
        again = self.variation_there(key, ("Blue", "S"), 24)
        self.assertEqual(self.bring_variants(full=True).get(str(again)), blue)
        self.assertTrue(blue.active)

    def test_orders_of_the_shops_variants(self):
        """By the ID of the variant, also where it has no number of its own."""
        key, keys = self.variable_there()
        bare = self.variation_there(key, ("Blue", "L"), 30, sku="")
        found = self.bring_variants()
        order = self.shop.create("orders", {"billing": BILLING, "set_paid": True, "line_items": [
            {"product_id": key, "variation_id": keys["Red", "L"], "quantity": 2},
            {"product_id": key, "variation_id": bare, "quantity": 1}]})[0]
        here = self.bring(self.shop.get(f"orders/{order}"))
        self.assertEqual([(line.product_id, line.product_uom_qty) for line in here.order_line],
                         [(found[str(keys["Red", "L"])], 2), (found[str(bare)], 1)])
        # What is free of them goes to the shop, each at its own address.
        found[str(bare)].product_tmpl_id.is_storable = True
        self.stock(found[str(keys["Red", "S"])], 4)
        self.work()
        self.assertState("woo_variant_stock", found[str(keys["Red", "S"])], "synced")
        self.assertEqual(self.shop.get(f"products/{key}/variations/{keys['Red', 'S']}")["stock_quantity"], 4)
        self.assertNotIn("product_id", self.calls("PUT", f"/variations/{keys['Red', 'S']}")[0])

    def test_variants_that_cannot_be_read(self):
        """A page whose variants are not all there is not read at all, and comes when the shop works again."""
        key, keys = self.variable_there()
        self.shop.fault("server_error", method="GET", path=f"/products/{key}/variations")
        run = self.run_flow(self.flows["woo_variants"])
        self.assertEqual((run.state, run.error_class), ("open", "server"))
        self.assertFalse(self.flows["woo_variants"].watermark)
        self.make_due(self.flows["woo_variants"])
        self.work()
        self.assertEqual(set(self.records(self.flows["woo_variants"])), {str(one) for one in keys.values()})
        # More of them than a page holds.
        self.flows["woo_variants"].resource_id._operation("list").page_size = 2
        self.variation_there(key, ("Blue", "L"), 30)
        self.assertEqual(len(self.bring_variants(full=True)), 4)
        # Compared with what Odoo has, nothing differs.
        comparison = self.flows["woo_variants"]._open_reconciliation("button")
        self.work()
        self.assertEqual((comparison.state, comparison.external_count), ("done", 4))
        self.assertEqual([
            (line.name, line.field, line.odoo_value, line.external_value) for line in comparison.line_ids], [])

    def test_a_number_that_is_there_and_an_answer_that_is_lost(self):
        self.product_there("TAKEN", type="variable")
        self.shop.fault("cut_after", method="POST", path="/products$")
        lost = self.template("Lost")
        self.work()
        self.make_due(self.flows["woo_products_out"])
        self.work()
        self.assertState("woo_products_out", lost, "synced")
        self.assertEqual(len(self.shop.get("products", sku="LOST")), 1)
        taken = self.template("Taken")
        good = self.template("Good")
        self.work()
        self.assertState("woo_products_out", good, "synced")
        self.assertEqual(self.shop.counts()["doubled"], {})
        known = self.assertState("woo_products_out", taken, "synced").external_id
        self.assertEqual([str(one["id"]) for one in self.shop.get("products", sku="TAKEN")], [known])

    def test_stock_and_prices_many_a_call_and_only_what_changed(self):
        keys = {sku: self.product_there(sku, "3.00") for sku in ("A-1", "A-2", "A-3")}
        products = self.env["product.product"].create([
            {"name": sku, "default_code": sku, "is_storable": True, "list_price": 3} for sku in (*keys, "NOT-THERE")])
        for product in products[:3]:
            self.stock(product, 7)
        self.work()
        self.work()
        quantities = {sku: self.shop.get(f"products/{key}")["stock_quantity"] for sku, key in keys.items()}
        self.assertEqual(quantities, dict.fromkeys(keys, 7))
        self.assertEqual([len(body["update"]) for body in self.calls("POST", "products/batch")], [3])
        self.assertState("woo_stock", products[3], "excluded")
        self.stock(products[1], 5)
        products[2].list_price = 3.5
        self.work()
        body, = self.calls("POST", "products/batch")
        self.assertEqual(sorted(body["update"], key=lambda one: one["id"]), [
            {"id": keys["A-2"], "stock_quantity": 12}, {"id": keys["A-3"], "regular_price": "3.50"}])
        # One of them is gone over there: the others arrive.
        self.shop.delete("products", keys["A-1"])
        for product in products[:3]:
            self.stock(product, 1)
        self.work()
        self.assertEqual([self.shop.get(f"products/{keys[sku]}")["stock_quantity"] for sku in ("A-2", "A-3")], [13, 8])
        self.assertEqual(self.sync_of("woo_stock", products[0]).state, "failed")
