"""The blueprint of the GraphQL shop against the sandbox: orders in by cursors, products, stock and deliveries out, and
everything that such a shop answers inside a 200."""

from odoo.tests import tagged

from .common import FlowCase

PATH = "/admin/api/2026-04/graphql.json"


class GraphqlCase(FlowCase):
    """The flows of the blueprint in Test, against the shop."""

    seed = "small"

    def setUp(self):
        super().setUp()
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

    def run_orders(self, **more):
        return self.run_flow(self.flows["graphql_orders"], **more)

    def problems(self):
        return [f"{sync.flow_id.code} {sync.display_name}: {sync.state} {sync.error_message} {(sync.error_detail or '')[-900:]}"
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


@tagged("post_install", "-at_install")
class TestGraphqlPattern(GraphqlCase):

    def test_orders_come_page_by_page(self):
        listing = self.flows["graphql_orders"].resource_id._operation("list")
        listing.page_size = 7
        run = self.run_orders()
        self.assertEqual(self.problems(), [])
        self.assertEqual((run.state, run.page_count, run.read_count), ("done", 6, 39))
        print(len(self.records(self.flows["graphql_orders"])))
