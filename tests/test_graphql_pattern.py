"""The blueprint of the GraphQL shop against the sandbox: orders in by cursors, products, stock and deliveries out, and
everything that such a shop answers inside a 200."""

import json

from odoo.tests import tagged

from odoo.addons.integration_flow.sandbox.signatures import shopify

from .common import FlowCase
from .webhook_common import WebhookCase

PATH = "/admin/api/2026-04/graphql.json"


class GraphqlTools:
    """The flows of the blueprint in Test, against the shop."""

    def connect(self):
        if "delivery.carrier" not in self.env or "sale_id" not in self.env["stock.picking"]._fields:
            self.skipTest("Sales, Inventory and Delivery are not installed")
        self.shop.settings(graphql_points=5000, graphql_restore=1000)
        self.env.ref("base.EUR").active = self.env.ref("base.USD").active = True
        self.flows = self.env["integration.blueprint"]._apply_file("graphql_shop", connection_vals={
            "graphql_shop": {"base_url": f"{self.shop.url}/admin/api/2026-04", "auth_secret_input": self.shop.api_key}})
        for flow in self.flows.values():
            flow.write({"retry_jitter": 0, "user_id": self.env.ref("base.user_admin").id})
            flow.action_test_mode()
            flow.next_run_at = False
        self.link = self.flows["graphql_orders"].connection_id

    def orders_of(self, *tags):
        self.flows["graphql_orders"].list_query = json.dumps({"query": " OR ".join(f"tag:{tag}" for tag in tags)})

    def run_orders(self, *tags, **more):
        """Import the orders of these cases; of all without."""
        if tags:
            self.orders_of(*tags)
        return self.run_flow(self.flows["graphql_orders"], **more)

    def problems(self):
        return [f"{sync.flow_id.code} {sync.display_name}: {sync.state} {sync.error_message} {sync.error_detail or ''}"
                for sync in self.env["integration.sync"].search([
                    ("connection_id", "=", self.link.id), ("state", "not in", ("synced", "excluded"))])]

    def ask(self, document, **variables):
        """The shop's own users work in it."""
        status, _headers, answer = self.shop.call(
            "POST", PATH, {"query": document, "variables": variables}, {"X-Shopify-Access-Token": self.shop.api_key})
        self.assertEqual((status, answer.get("errors")), (200, None))
        return answer["data"]

    def case(self, name):
        """The shop's order of a case, by its tag."""
        return self.ask(
            "query($query: String) { orders(first: 1, query: $query) { nodes { id name displayFinancialStatus "
            "displayFulfillmentStatus cancelledAt customer { id } fulfillments(first: 9) { trackingInfo { number } } } } }",
            query=f"tag:{name}")["orders"]["nodes"][0]

    def order_of(self, name):
        return self.records(self.flows["graphql_orders"])[self.case(name)["id"]]


    def make_product(self, name="Lamp", price=20.0, **vals):
        """A product of the shop in Odoo."""
        tags = self.env["product.tag"]
        tag = tags.search([("name", "=", "Web shop")]) or tags.create({"name": "Web shop"})
        return self.env["product.template"].create({
            "name": name, "list_price": price, "default_code": name.upper(), "is_storable": True, "taxes_id": False,
            "product_tag_ids": [(4, tag.id)], **vals})

    def product_there(self, product):
        key = next((key for key, linked in self.records(self.flows["graphql_products"]).items() if linked == product), None)
        return key and self.ask(
            "query($id: ID!) { product(id: $id) { id title handle status productType options { name values } "
            "variants(first: 9) { nodes { id title sku price barcode inventoryItem { id } } } } }", id=key)["product"]

    def work_again(self, *codes, times=3):
        """Time passes until nothing waits for a moment any more."""
        for _ in range(times):
            for code in codes:
                self.make_due(self.flows[code])
            self.work(self.link)


class GraphqlCase(GraphqlTools, FlowCase):
    seed = "small"

    def setUp(self):
        super().setUp()
        self.connect()


@tagged("post_install", "-at_install")
class TestGraphqlOrders(GraphqlCase):

    def test_orders_page_by_page(self):
        """Every kind of order arrives, and its total is the shop's. Read again, nothing is written."""
        flow = self.flows["graphql_orders"]
        flow.resource_id._operation("list").page_size = 7
        run = self.run_orders()
        self.assertEqual(self.problems(), [])
        self.assertEqual((run.state, run.page_count, run.read_count), ("done", 6, 39))
        self.assertEqual(len(self.records(flow)), 39)
        order = self.order_of("two_coupons")
        self.assertEqual((order.client_order_ref, order.amount_total, order.amount_tax), (
            self.case("two_coupons")["name"], 85.44, 13.64))
        self.assertEqual(order.order_line.filtered(lambda line: line.product_id.default_code == "GRAPHQL-DISCOUNT").mapped(
            "price_unit"), [-6.5, -6.49])
        delivery = order.partner_shipping_id
        self.assertEqual((delivery.parent_id, delivery.type), (order.partner_id, "delivery"))
        refunded = self.order_of("partial_refund")
        self.assertEqual((refunded.state, refunded.amount_total), ("sale", 77.05 - 23.74))
        guests = {self.order_of(name).partner_id for name in ("guest", "guest_again", "guest_third")}
        self.assertEqual([(guest.email, guest.name) for guest in guests], [("guest@example.com", "Günther Gast")])
        self.assertEqual([self.order_of(name).state for name in ("pending", "on_hold", "plain", "cancelled", "failed")],
                         ["draft", "draft", "sale", "cancel", "cancel"])
        with self.watch("sale.order", "write", "create") as orders, self.watch("res.partner", "write", "create") as partners:
            self.run_orders(full=True)
        self.assertFalse(orders or partners)

    def test_only_what_changed(self):
        self.run_orders("pending")
        pending = self.case("pending")
        order = self.order_of("pending")
        self.shop.clear_counts()
        self.shop.touch("orders", ids=[int(pending["id"].rpartition("/")[2])], changes={"status": "processing"})
        run = self.run_orders()
        self.assertEqual(self.problems(), [])
        self.assertEqual(run.read_count, 1, "what changed, of those that the flow asks for")
        self.assertEqual(order.state, "sale")
        sent = [call["body"] for call in self.shop.requests() if "orders(first" in call["body"]]
        self.assertIn("updated_at:>='20", sent[-1])
        self.shop.touch("orders", ids=[int(pending["id"].rpartition("/")[2])], changes={"status": "cancelled"})
        self.run_orders()
        self.assertEqual((order.state, self.problems()), ("cancel", []))

    def test_throttled(self):
        """The shop says inside a 200 that there is no room, and how long: it is asked again then, and no page is lost."""
        self.flows["graphql_orders"].resource_id._operation("list").page_size = 1
        status = {"maximumAvailable": 1000.0, "currentlyAvailable": 100, "restoreRate": 50.0}
        self.shop.fault("error_200", path="graphql", after=1, times=2, body={
            "errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}],
            "extensions": {"cost": {"requestedQueryCost": 1000, "actualQueryCost": None, "throttleStatus": status}}})
        run = self.run_orders("plain", "fee", "guest")
        self.assertEqual((run.state, run.page_count), ("open", 1))
        self.work_again("graphql_orders")
        self.assertEqual((run.state, run.page_count, run.read_count, self.problems()), ("done", 3, 3, []))
        self.assertEqual(self.shop.counts()["faults"], {"error_200": 2})
        self.assertFalse(self.env["integration.issue"].search([("flow_id", "=", self.flows["graphql_orders"].id)]))

    def test_room_is_left(self):
        """Every answer tells how much room is left: the next page waits for as long as it needs, and is never refused."""
        self.flows["graphql_orders"].resource_id._operation("list").page_size = 1
        self.shop.settings(graphql_points=150, graphql_restore=250)
        run = self.run_orders("plain", "fee", "guest", "no_tax")
        self.assertEqual((run.state, run.page_count, self.problems()), ("done", 4, []))
        calls = self.shop.requests()
        self.assertEqual(len(calls), 4)
        self.assertGreater(calls[-1]["at"] - calls[0]["at"], 0.3, "four calls are more than the room for one")

    def test_data_with_errors_is_not_taken(self):
        flow = self.flows["graphql_orders"]
        order = self.case("plain")
        self.shop.fault("error_200", path="graphql", body={
            "data": {"orders": {"nodes": [order], "pageInfo": {"hasNextPage": False, "endCursor": "x"}}},
            "errors": [{"message": "Timed out", "path": ["orders", "nodes", 3, "customer"]}]})
        run = self.run_orders()
        self.assertEqual((run.state, run.error_class, flow.watermark), ("failed", "validation", False))
        self.assertIn("not complete", run.message)
        self.assertIn("orders.nodes.3.customer: Timed out", run.message)
        self.assertFalse(self.syncs(flow))
        self.run_orders("plain")
        self.assertEqual((len(self.syncs(flow)), self.problems()), (1, []))

    def test_credentials_that_are_refused(self):
        """Once inside a 200, once by status 401: the connection pauses, and new credentials release what waited."""
        self.assertTrue(self.press(self.link.action_test) and self.link.test_ok, self.link.test_result)
        self.shop.fault("error_200", path="graphql", times=None)
        run = self.run_orders("plain")
        self.assertEqual((run.state, run.error_class, self.link.pause_cause), ("open", "authentication", "credentials"))
        self.shop.clear_faults()
        self.link.auth_secret_input = "out of date"
        self.work_again("graphql_orders", times=1)
        self.assertEqual((run.state, self.link.pause_cause), ("open", "credentials"))
        self.link.action_test()
        self.assertFalse(self.link.test_ok)
        self.link.auth_secret_input = self.shop.api_key
        self.work_again("graphql_orders", times=1)
        self.assertEqual((run.state, self.link.paused, self.problems()), ("done", False, []))

    def test_the_cases_of_the_blueprint(self):
        cases = self.flows["graphql_orders"].test_case_ids
        self.assertEqual(len(cases), 3)
        cases.action_run()
        self.assertEqual(set(cases.mapped("last_result")), {"passed"}, cases.mapped("last_message"))


@tagged("post_install", "-at_install")
class TestGraphqlOut(GraphqlCase):

    def test_products_with_variants(self):
        size = self.env["product.attribute"].create({
            "name": "Size", "value_ids": [(0, 0, {"name": name}) for name in "SML"]})
        tee = self.make_product("Tee", 9.5, default_code=False, attribute_line_ids=[
            (0, 0, {"attribute_id": size.id, "value_ids": [(6, 0, size.value_ids[:2].ids)]})])
        for number, variant in enumerate(tee.product_variant_ids):
            variant.default_code = f"TEE-{number}"
        lamp = self.make_product()
        self.work(self.link)
        self.assertEqual(self.problems(), [])
        there = self.product_there(tee)
        self.assertEqual((there["title"], there["handle"], there["status"], there["options"]), (
            "Tee", f"p-{tee.id}", "ACTIVE", [{"name": "Size", "values": ["S", "M"]}]))
        self.assertEqual([(variant["title"], variant["sku"], variant["price"]) for variant in there["variants"]["nodes"]],
                         [("S", "TEE-0", "9.50"), ("M", "TEE-1", "9.50")])
        # A price goes out in one call for all variants of the product, and each of them stays who it is.
        self.shop.clear_counts()
        tee.list_price = 11
        self.work(self.link)
        after = self.product_there(tee)
        self.assertEqual([(variant["id"], variant["price"]) for variant in after["variants"]["nodes"]],
                         [(variant["id"], "11.00") for variant in there["variants"]["nodes"]])
        tee.attribute_line_ids.value_ids = [(4, size.value_ids[2].id)]
        tee.product_variant_ids[2].default_code = "TEE-2"
        lamp.list_price = 21
        self.work(self.link)
        self.assertEqual(self.problems(), [])
        self.assertEqual([variant["sku"] for variant in self.product_there(tee)["variants"]["nodes"]],
                         ["TEE-0", "TEE-1", "TEE-2"])
        self.assertEqual([variant["price"] for variant in self.product_there(lamp)["variants"]["nodes"]], ["21.00"])

    def test_refused_with_the_field(self):
        lamp = self.make_product(price=-1.0)
        other = self.make_product("Cup")
        self.work(self.link)
        sync = self.env["integration.sync"].search([
            ("flow_id", "=", self.flows["graphql_products"].id), ("res_id", "=", lamp.id)])
        self.assertFailed(sync, "validation", "variants.0.price: Price must be greater than or equal to 0")
        self.assertTrue(self.product_there(other), "the other one is there")
        lamp.list_price = 5
        self.work(self.link)
        self.assertEqual((self.problems(), self.product_there(lamp)["title"]), ([], "Lamp"))

    def test_lost_answers_make_nothing_twice(self):
        """One answer is cut, one is a fault of the shop after the work was done, one says so inside a 200."""
        self.shop.fault("cut_after", path="graphql", match_body="productSet.*Lamp")
        self.shop.fault("server_error", path="graphql", match_body="productSet.*Cup", after_write=True)
        products = [self.make_product(name) for name in ("Lamp", "Cup")]
        self.work(self.link)
        self.assertEqual(len(self.problems()), 2)
        self.work_again("graphql_products")
        self.assertEqual(self.problems(), [])
        self.assertEqual([self.product_there(product)["title"] for product in products], ["Lamp", "Cup"])
        counts = self.shop.counts()
        self.assertEqual((counts["creates"]["products"]["total"], counts["doubled"]), (2, {}))
        self.assertEqual(counts["faults"], {"cut_after": 1, "server_error": 1})

    # -- stock ---------------------------------------------------------------------------------------------

    def put_stock(self, variant, quantity):
        location = self.env["stock.warehouse"].search([], limit=1).lot_stock_id
        self.env["stock.quant"].with_context(inventory_mode=True).create({
            "product_id": variant.id, "location_id": location.id, "inventory_quantity": quantity}).action_apply_inventory()

    def stock_there(self, variant):
        answer = self.ask(
            "query($query: String) { inventoryItems(first: 1, query: $query) { nodes { inventoryLevel(locationId: "
            '"gid://shopify/Location/1") { quantities(names: ["available"]) { quantity } } } } }',
            query=f"sku:{variant.default_code}")
        return answer["inventoryItems"]["nodes"][0]["inventoryLevel"]["quantities"][0]["quantity"]

    def calls_of(self, mutation):
        return [call for call in self.shop.requests(last=100) if mutation in call["body"] and "mutation" in call["body"]]

    def test_stock_in_batches(self):
        """Known by SKU; one call for all; the one that is refused does not stop the others."""
        variants = [self.make_product(name).product_variant_id for name in ("Lamp", "Cup", "Pen")]
        self.work(self.link)
        self.run_flow(self.flows["graphql_stock"])
        self.work(self.link)
        self.assertEqual(self.problems(), [])
        self.shop.clear_counts()
        for number, variant in enumerate(variants):
            self.put_stock(variant, 10 + number)
        self.work(self.link)
        self.assertEqual(self.problems(), [])
        self.assertEqual([self.stock_there(variant) for variant in variants], [10, 11, 12])
        self.assertEqual(len(self.calls_of("inventorySetQuantities")), 1)
        # What is unchanged is not sent, and a repeat under its key is nobody's second write.
        self.run_flow(self.flows["graphql_stock"], full=True)
        self.assertEqual(len(self.calls_of("inventorySetQuantities")), 1)
        self.ask("mutation($id: ID!) { productDelete(input: {id: $id}) { deletedProductId } }",
                 id=self.product_there(variants[1].product_tmpl_id)["id"])
        for number, variant in enumerate(variants):
            self.put_stock(variant, 15 + number)
        self.shop.clear_counts()
        self.work_again("graphql_stock")
        self.assertEqual(len(self.calls_of("inventorySetQuantities")), 2, "the guilty one is named: the others go once more")
        self.assertEqual([self.stock_there(variant) for variant in (variants[0], variants[2])], [15, 17])
        guilty = self.env["integration.sync"].search([
            ("flow_id", "=", self.flows["graphql_stock"].id), ("res_id", "=", variants[1].id)])
        self.assertFailed(guilty, "validation", "inventoryItemId: The specified inventory item could not be found.")

    # -- deliveries and cancellations ----------------------------------------------------------------------

    def deliver(self, order, tracking=None):
        picking = order.picking_ids
        picking.move_ids.write({"quantity": 0})
        for move in picking.move_ids:
            move.quantity = move.product_uom_qty
        picking.move_ids.picked = True
        if tracking:
            picking.carrier_tracking_ref = tracking
        picking.with_context(skip_backorder=True).button_validate()
        self.assertEqual(picking.state, "done")
        return picking

    def test_deliveries_are_reported_once(self):
        self.run_orders("mixed_rates", "plain")
        order = self.order_of("mixed_rates")
        self.shop.clear_counts()
        self.shop.fault("cut_after", path="graphql", match_body="fulfillmentCreate")
        picking = self.deliver(order, "JD0001")
        self.work(self.link)
        self.work_again("graphql_fulfilment")
        self.assertEqual(self.problems(), [])
        there = self.case("mixed_rates")
        self.assertEqual((there["displayFulfillmentStatus"], there["fulfillments"]), (
            "FULFILLED", [{"trackingInfo": [{"number": "JD0001"}]}]))
        counts = self.shop.counts()
        self.assertEqual((counts["creates"]["fulfillments"]["total"], counts["doubled"]), (1, {}))
        self.assertEqual(list(self.records(self.flows["graphql_fulfilment"]).values()), [picking])
        # Without a tracking number the delivery's own name is the key; a delivery of another channel stays here.
        other = self.order_of("plain")
        named = self.deliver(other)
        self.work(self.link)
        self.assertEqual(self.case("plain")["fulfillments"], [{"trackingInfo": [{"number": named.name}]}])
        self.run_orders()
        self.assertEqual((order.state, other.state, self.problems()), ("sale", "sale", []))

    def test_cancellations(self):
        self.run_orders("mixed_rates", "plain")
        order, delivered = self.order_of("plain"), self.order_of("mixed_rates")
        self.shop.clear_counts()
        self.shop.fault("cut_after", path="graphql", match_body="orderCancel")
        order._action_cancel()
        self.work(self.link)
        self.work_again("graphql_cancel")
        self.assertEqual(self.problems(), [])
        self.assertTrue(self.case("plain")["cancelledAt"])
        self.assertEqual(self.shop.counts()["creates"]["cancellations"]["total"], 1)
        # What the shop refuses is told in its words.
        key = int(self.case("mixed_rates")["id"].rpartition("/")[2])
        self.shop.touch("orders", ids=[key], changes={"status": "completed"})
        delivered._action_cancel()
        self.work(self.link)
        sync = self.env["integration.sync"].search([
            ("flow_id", "=", self.flows["graphql_cancel"].id), ("res_id", "=", delivered.id)])
        self.assertFailed(sync, "validation", "orderId: Cannot cancel an order with fulfilled items.")


@tagged("post_install", "-at_install")
class TestGraphqlWebhook(GraphqlTools, WebhookCase):

    def test_a_paid_order_comes_at_once(self):
        """The message is signed over its raw body and says only who has changed; the order is read by GraphQL."""
        self.shop.reset("small")
        self.connect()
        self.connection = self.link
        self.link.write({
            "webhook_enabled": True, "webhook_style": "hmac_base64", "webhook_header": "X-Shopify-Hmac-Sha256",
            "webhook_secret_input": "a secret of a test", "webhook_id_header": "X-Shopify-Event-Id",
            "webhook_topic_header": "X-Shopify-Topic"})
        self.topic(self.flows["graphql_orders"], "orders/*", "ids", path="admin_graphql_api_id")
        key = self.case("fee")["id"]
        body = json.dumps({"id": int(key.rpartition("/")[2]), "admin_graphql_api_id": key}).encode()
        signed = {**shopify("a secret of a test", body, "e1", 0), "X-Shopify-Topic": "orders/updated"}
        self.assertRefused(self.deliver(body, {**signed, "X-Shopify-Hmac-Sha256": "d3Jvbmc="}))
        for _twice in range(2):
            self.assertEqual(self.deliver(body, signed).status_code, 200)
        self.assertEqual(len(self.events()), 1)
        self.work(self.link)
        self.assertEqual((self.problems(), list(self.records(self.flows["graphql_orders"]))), ([], [key]))
        self.assertEqual(self.order_of("fee").state, "sale")
