"""The blueprint of the GraphQL shop against the sandbox: orders in by cursors, products, stock and deliveries out, and
everything that such a shop answers inside a 200."""

import json
import threading
from base64 import b64decode
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from odoo.tests import tagged

from odoo.addons.integration_flow.sandbox.signatures import shopify

from .common import FlowCase
from .test_shop_pattern import OTHER_PIXEL, PIXEL
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

    def place_long(self, lines=120):
        """The shop gets an order with so many lines."""
        return self.shop.create("orders", {
            "status": "processing",
            "line_items": [
                {"sku": "HOME-SCREW-M3", "quantity": quantity, "subtotal": f"{quantity}0.00", "total": f"{quantity}0.00"}
                for quantity in (1 + number % 3 for number in range(lines))],
            "billing": {"first_name": "Lena", "last_name": "Long", "address_1": "Weg 1", "city": "Berlin", "state": "BE",
                        "postcode": "10115", "country": "DE", "email": "long@example.com"},
            "meta_data": [{"key": "sandbox_case", "value": "long"}]})[0]

    def total_of(self, number):
        return float(self.ask("query($id: ID!) { order(id: $id) { totalPriceSet { shopMoney { amount } } } }",
                              id=f"gid://shopify/Order/{number}")["order"]["totalPriceSet"]["shopMoney"]["amount"])

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

    def test_a_long_order_is_read_to_its_end(self):
        """What follows the first part of its lines is asked for by the cursor; without it nothing of the page is taken."""
        flow = self.flows["graphql_orders"]
        number = self.place_long()
        flow.resource_id.operation_ids.filtered(lambda operation: operation.kind == "rest").page_size = 30
        status = {"maximumAvailable": 1000.0, "currentlyAvailable": 100, "restoreRate": 50.0}
        self.shop.fault("error_200", path="graphql", match_body="order.id: [$]id.", after=1, body={
            "errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}],
            "extensions": {"cost": {"requestedQueryCost": 1000, "actualQueryCost": None, "throttleStatus": status}}})
        run = self.run_orders("long", "plain")
        self.assertEqual((run.state, run.error_class, len(self.syncs(flow))), ("open", "rate_limit", 0))
        self.shop.fault("cut_after", path="graphql", match_body="order.id: [$]id.")
        self.work_again("graphql_orders", times=4)
        self.assertEqual((run.state, self.problems()), ("done", []))
        order = self.records(flow)[f"gid://shopify/Order/{number}"]
        self.assertEqual(len(order.order_line), 120)
        self.assertEqual((order.state, order.amount_total), ("sale", self.total_of(number)))
        self.assertEqual(sum(order.order_line.mapped("product_uom_qty")), 240)
        self.assertEqual(self.shop.counts()["faults"], {"error_200": 1, "cut_after": 1})
        with self.watch("sale.order", "write", "create") as written:
            self.run_orders("long", full=True)
        self.assertFalse(written)

    def test_a_rest_that_cannot_be_had(self):
        """It is asked for once more by itself; then that order stays out and says so. The others arrive, and a retry reads
        it whole."""
        number = self.place_long(51)
        self.shop.fault("error_200", path="graphql", match_body="lineItems.first: [$]first", times=2,
                        body={"data": {"order": None}})
        run = self.run_orders("long", "plain")
        self.assertEqual((run.state, self.order_of("plain").state), ("done", "sale"))
        sync = self.syncs(self.flows["graphql_orders"])[f"gid://shopify/Order/{number}"]
        self.assertFailed(sync, "validation", "“lineItems” of this record could not be read to its end")
        self.press(sync.action_retry)
        self.assertEqual(self.problems(), [])
        order = self.records(self.flows["graphql_orders"])[f"gid://shopify/Order/{number}"]
        self.assertEqual((len(order.order_line), order.amount_total), (51, self.total_of(number)))

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
        sent = json.loads(self.calls_of("productSet")[-1]["body"])["variables"]["input"]["variants"]
        self.assertEqual([variant["id"] for variant in sent], [variant["id"] for variant in there["variants"]["nodes"]])
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

    # -- products that are there already --------------------------------------------------------------------

    def set_there(self, title, *skus, sizes=()):
        """The shop's people have made a product themselves."""
        names = sizes or ("Default Title",)
        option = "Size" if sizes else "Title"
        answer = self.ask(
            "mutation($input: ProductSetInput!) { productSet(input: $input) { product { id handle variants(first: 9) { "
            "nodes { id sku } } } userErrors { message } } }", input={
                "title": title, "handle": title.lower().replace(" ", "-"),
                "productOptions": [{"name": option, "values": [{"name": name} for name in names]}],
                "variants": [{"sku": sku, "price": "1.00", "optionValues": [{"optionName": option, "name": name}]}
                             for sku, name in zip(skus, names, strict=True)]})["productSet"]
        self.assertEqual(answer["userErrors"], [])
        return answer["product"]

    def tee(self, **vals):
        size = self.env["product.attribute"].create({
            "name": "Size", "value_ids": [(0, 0, {"name": name}) for name in "SM"]})
        tee = self.make_product("Tee", 9.5, default_code=False, attribute_line_ids=[
            (0, 0, {"attribute_id": size.id, "value_ids": [(6, 0, size.value_ids.ids)]})], **vals)
        for number, variant in enumerate(tee.product_variant_ids):
            variant.default_code = f"TEE-{number}"
        return tee

    def test_products_of_both_sides_meet_by_their_skus(self):
        """What is there with one of our SKUs is linked and brought up to date; its variants stay who they are, whatever
        their order and names, and the shop keeps its address of it."""
        other = self.set_there("Tee by hand", "OTHER")
        there = self.set_there("Old tee", "TEE-1", "TEE-0", sizes=("Medium", "Small"))
        lamp_there = self.set_there("Old lamp", "LAMP")
        self.shop.clear_counts()
        tee, lamp = self.tee(), self.make_product()
        self.shop.fault("cut_after", path="graphql", match_body="mutation.*Lamp")
        self.work(self.link)
        self.work_again("graphql_products")
        self.assertEqual(self.problems(), [])
        self.assertEqual(self.shop.counts()["creates"].get("products"), None, "nothing was made")
        after = self.product_there(tee)
        self.assertEqual((after["id"], after["handle"], after["title"]), (there["id"], "old-tee", "Tee"))
        ids = {variant["sku"]: variant["id"] for variant in there["variants"]["nodes"]}
        self.assertEqual([(variant["title"], variant["id"], variant["price"]) for variant in after["variants"]["nodes"]], [
            ("S", ids["TEE-0"], "9.50"), ("M", ids["TEE-1"], "9.50")])
        after = self.product_there(lamp)
        self.assertEqual((after["id"], after["variants"]["nodes"][0]["price"]), (lamp_there["id"], "20.00"))
        self.assertNotIn(other["id"], self.records(self.flows["graphql_products"]))

    def test_a_sku_that_stands_twice_is_not_guessed(self):
        self.shop.settings(duplicate_skus=True)
        twins = [self.set_there(name, "LAMP") for name in ("Red lamp", "Blue lamp")]
        self.set_there("Lampshade", "LAMP-2")
        lamp = self.make_product()
        cup = self.make_product("Cup")
        self.work(self.link)
        sync = self.env["integration.sync"].search([
            ("flow_id", "=", self.flows["graphql_products"].id), ("res_id", "=", lamp.id)])
        self.assertFailed(sync, "ambiguous", "Internal Reference", *(
            f"{name} ({twin['id']})" for name, twin in zip(("Red lamp", "Blue lamp"), twins, strict=True)))
        self.assertTrue(self.product_there(cup))
        self.ask("mutation($id: ID!) { productDelete(input: {id: $id}) { deletedProductId } }", id=twins[0]["id"])
        self.press(sync.action_retry)
        self.work(self.link)
        self.assertEqual((self.problems(), self.product_there(lamp)["id"]), ([], twins[1]["id"]))
        # A product of Odoo with the SKU of one that is linked already is told, too.
        second = self.make_product("Lamp", default_code="LAMP")
        self.work(self.link)
        sync = self.env["integration.sync"].search([
            ("flow_id", "=", self.flows["graphql_products"].id), ("res_id", "=", second.id)])
        self.assertFailed(sync, "ambiguous", "already linked to", twins[1]["id"])

    # -- pictures -------------------------------------------------------------------------------------------

    @contextmanager
    def pictures(self):
        """Where the shop finds the pictures of this database; yields the paths that were asked for."""
        asked = []
        kept = {attachment.res_id: attachment.raw for attachment in self.env["ir.attachment"].search([
            ("res_model", "=", "product.template"), ("res_field", "=", "image_1920")])}

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                found = kept.get(int(self.path.split("/")[4])) if "access_token=" in self.path else None
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", "image/png")
                self.end_headers()
                self.wfile.write(found or b"")

            def log_message(self, *_arguments):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.env["ir.config_parameter"].set_param("web.base.url", f"http://127.0.0.1:{server.server_port}")
        try:
            yield asked, kept
        finally:
            server.shutdown()
            server.server_close()

    def media_there(self, product):
        return self.ask("query($id: ID!) { product(id: $id) { media(first: 9) { nodes { id status } } } }",
                        id=self.product_there(product)["id"])["product"]["media"]["nodes"]

    def test_pictures(self):
        """The shop fetches a picture after it has answered: the product waits for it. Unchanged it is not sent again."""
        self.shop.settings(media_seconds=0.3)
        lamp = self.make_product(image_1920=PIXEL)
        self.env.flush_all()
        with self.pictures() as (asked, kept):
            self.work(self.link)
            sync = self.env["integration.sync"].search([
                ("flow_id", "=", self.flows["graphql_products"].id), ("res_id", "=", lamp.id)])
            self.assertEqual((sync.state, "has not fetched" in sync.error_message), ("waiting", True))
            self.shop.wait_until(lambda: self.media_there(lamp)[0]["status"] == "READY")
            self.work_again("graphql_products", times=1)
            self.assertEqual((self.problems(), len(asked)), ([], 1))
            first = self.media_there(lamp)
            lamp.list_price = 25
            self.work_again("graphql_products", times=1)
            self.assertEqual((self.problems(), self.media_there(lamp), len(asked)), ([], first, 1))
            # One that cannot be fetched is an error that people see; with the next attempt it is sent again.
            lamp.image_1920 = OTHER_PIXEL
            kept.pop(lamp.id)
            self.work(self.link)
            self.shop.wait_until(lambda: self.media_there(lamp)[0]["status"] == "FAILED")
            self.work_again("graphql_products", times=1)
            self.assertFailed(sync, "validation", "could not get the file: 404 Not Found", "Image")
            self.env.flush_all()
            kept[lamp.id] = b64decode(OTHER_PIXEL)
            self.shop.settings(media_seconds=0)
            self.shop.fault("cut_after", path="graphql", match_body="mutation.*files")
            self.press(sync.action_retry)
            self.work_again("graphql_products")
            self.shop.wait_until(lambda: self.media_there(lamp)[0]["status"] == "READY")
            self.work_again("graphql_products")
            self.assertEqual((self.problems(), len(self.media_there(lamp))), ([], 1))
            self.assertNotEqual(self.media_there(lamp), first)
            sent = [call for call in self.calls_of("productSet")
                    if "files" in json.loads(call["body"])["variables"]["input"]]
            self.assertEqual(len(sent), 4, "once each: new, changed, retried, and after the lost answer")

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

    def parcel(self, picking, tracking, **quantities):
        """Deliver so much of these products; the rest follows as a backorder, which is returned."""
        for move in picking.move_ids:
            move.write({"quantity": quantities.get(move.product_id.default_code.replace("-", "_"), 0), "picked": True})
        picking.carrier_tracking_ref = tracking
        picking.with_context(skip_backorder=True).button_validate()
        self.assertEqual(picking.state, "done")
        return picking.backorder_ids

    def sent_there(self, order_id):
        """Quantities of the shop's fulfilments, in order: ``[(tracking number, {SKU: quantity})]``."""
        made = self.ask(
            "query($id: ID!) { order(id: $id) { fulfillments(first: 9) { trackingInfo { number } "
            "fulfillmentLineItems(first: 250) { nodes { quantity lineItem { sku } } } } } }",
            id=order_id)["order"]["fulfillments"]
        return [(one["trackingInfo"][0]["number"], {
            line["lineItem"]["sku"]: line["quantity"] for line in one["fulfillmentLineItems"]["nodes"]}) for one in made]

    def reported(self, picking):
        return self.env["integration.sync"].search([
            ("flow_id.code", "=", "graphql_fulfilment"), ("res_id", "=", picking.id)])

    def test_deliveries_in_parts(self):
        """Each parcel is a fulfilment of its own, with just what is in it; also when answers are lost, and never twice."""
        self.run_orders("mixed_rates")
        order, key = self.order_of("mixed_rates"), self.case("mixed_rates")["id"]
        extra = self.make_product("Gift").product_variant_id  # put in by hand: the shop does not know it
        order.order_line = [(0, 0, {"product_id": extra.id, "product_uom_qty": 1})]
        self.shop.clear_counts()
        first = order.picking_ids
        second = self.parcel(first, "JD0001", FOOD_COFFEE=2, GIFT=1)
        self.work(self.link)
        self.assertEqual((self.problems(), self.sent_there(key)), ([], [("JD0001", {"FOOD-COFFEE": 2})]))
        self.assertEqual(self.case("mixed_rates")["displayFulfillmentStatus"], "PARTIALLY_FULFILLED")
        self.shop.fault("cut_after", path="graphql", match_body="fulfillmentCreate")
        third = self.parcel(second, "JD0002", FOOD_COFFEE=1, HOME_LAMP=1)
        self.work(self.link)
        self.assertEqual(len(self.problems()), 1)
        self.work_again("graphql_fulfilment")
        self.assertEqual(self.problems(), [])
        # A number that was used before says that it is the same parcel: that is told, and not taken for done.
        self.parcel(third, "JD0002", BOOK_FLOW=1)
        self.work(self.link)
        self.assertFailed(self.reported(third), "ambiguous", second.name)
        third.carrier_tracking_ref = "JD0003"
        status = {"maximumAvailable": 1000.0, "currentlyAvailable": 900, "restoreRate": 50.0}
        self.shop.fault("error_200", path="graphql", match_body="fulfillmentCreate", body={
            "errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}],
            "extensions": {"cost": {"requestedQueryCost": 1000, "actualQueryCost": None, "throttleStatus": status}}})
        self.work_again("graphql_fulfilment")
        self.assertEqual((self.problems(), self.sent_there(key)), ([], [
            ("JD0001", {"FOOD-COFFEE": 2}), ("JD0002", {"HOME-LAMP": 1, "FOOD-COFFEE": 1}), ("JD0003", {"BOOK-FLOW": 1})]))
        self.assertEqual(self.case("mixed_rates")["displayFulfillmentStatus"], "FULFILLED")
        self.flows["graphql_fulfilment"]._request_later(first | second | third)
        self.work_again("graphql_fulfilment")
        counts = self.shop.counts()
        self.assertEqual((counts["creates"]["fulfillments"]["total"], counts["doubled"]), (3, {}))
        self.assertEqual(set(self.records(self.flows["graphql_fulfilment"]).values()), {first, second, third})

    def test_what_the_shop_does_not_wait_for(self):
        """Sent by hand over there in part: what is too much is told by its product, and nothing is reported for it."""
        number = self.place_long(21)
        self.run_orders("long")
        order = self.records(self.flows["graphql_orders"])[f"gid://shopify/Order/{number}"]
        whole = f"gid://shopify/FulfillmentOrder/{number}"
        line = self.ask("query($id: ID!) { fulfillmentOrder(id: $id) { lineItems(first: 1) { nodes { id } } } }", id=whole)
        self.ask("""mutation($order: ID!, $line: ID!) { fulfillmentCreate(fulfillment: {lineItemsByFulfillmentOrder: [{
            fulfillmentOrderId: $order, fulfillmentOrderLineItems: [{id: $line, quantity: 1}]}],
            trackingInfo: {number: "HAND"}}) { userErrors { message } } }""",
                 order=whole, line=line["fulfillmentOrder"]["lineItems"]["nodes"][0]["id"])
        picking = self.deliver(order, "JD0009")
        self.work(self.link)
        sync = self.reported(picking)
        self.assertFailed(sync, "validation", "does not wait for 1 more of", "HOME-SCREW-M3")
        self.assertEqual(len(self.sent_there(f"gid://shopify/Order/{number}")), 1)

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
