"""The GraphQL API of the shop: one address, ``POST /admin/api/2026-04/graphql.json``. It shows and changes the same
records as the REST API, with its faults, seeds and counts."""

from functools import cache
from pathlib import Path

from graphql import GraphQLError, build_schema, execute, parse, validate

from ..auth import same
from ..messages import ApiError, Response, dumps, no_route
from .connections import connection, meets
from .cost import MOST, Bucket, cost_of
from .fulfilling import Fulfilling, Refused, number_of
from .goods import LOCATIONS, STATUSES, GoodShapes
from .media import Media
from .orders import FINANCIAL, OrderShapes, gid, moment
from .root import Root, began, plain
from .stocking import Stocking

VERSION = "2026-04"
REFUSED = "[API] Invalid API key or access token (unrecognized login or wrong password)"
TOPICS = {"customers": "CUSTOMERS", "orders": "ORDERS", "products": "PRODUCTS"}
EVENTS = {"created": "CREATE", "updated": "UPDATE", "deleted": "DELETE"}
BY = {
    "UPDATED_AT": lambda row: [row.modified, row.id], "CREATED_AT": lambda row: [row.created, row.id],
    "PROCESSED_AT": lambda row: [row.created, row.id], "TITLE": lambda row: [row.title.lower(), row.id],
}  # fmt: skip
DATES = {
    "updated_at": lambda record: moment(record["date_modified_gmt"]),
    "created_at": lambda record: moment(record["date_created_gmt"]), "id": lambda record: record["id"],
}  # fmt: skip
ORDER_FIELDS = {
    **DATES, "name": lambda record: [f"#{record['number']}", record["number"]],
    "email": lambda record: record["billing"].get("email"),
    "financial_status": lambda record: FINANCIAL.get(record["status"], ""),
    "status": lambda record: {"cancelled": "cancelled", "failed": "cancelled", "completed": "closed"}.get(
        record["status"], "open"),
    "tag": lambda record: [str(meta["value"]) for meta in record["meta_data"] if meta["key"] == "sandbox_case"],
}  # fmt: skip


@cache
def schema():
    return build_schema((Path(__file__).parent / "schema.graphql").read_text())


class GraphqlShop(OrderShapes, GoodShapes, Media, Stocking, Fulfilling):
    """Serves below ``/admin``; called by the threads of the server."""

    def __init__(self, app):
        self.app = app
        self.store = app.store
        self.bucket = Bucket(app.settings)
        self.clear()
        app.store.listeners.append(self.heard)

    def clear(self):
        self.fulfilments = {}  # number of the order -> what was fulfilled
        self.extra = {}  # number of the product -> what the shop itself has no field for
        self.answers = {}  # idempotency key -> (what was asked, answer)
        self.hooks = []
        self.clear_media()
        self.bucket.reset()

    # HTTP

    def refusal(self, error):
        """The shop's own shape of an error. Too many calls are told inside a 200."""
        if error.status == 429:
            wait = next((float(value) for name, value in error.headers if name == "Retry-After" and value.isdigit()), 1)
            rate = self.app.settings.graphql_restore
            cost = {"requestedQueryCost": int(wait * rate), "actualQueryCost": None, "throttleStatus": {
                "maximumAvailable": float(self.app.settings.graphql_points), "currentlyAvailable": 0,
                "restoreRate": float(rate)}}  # fmt: skip
            return failure("Throttled", "THROTTLED", extensions={"cost": cost})
        return Response.of({"errors": error.message}, error.status, error.headers)

    def serve(self, request):
        parts = request.segments[1:]
        if parts[:2] != ["api", VERSION] or parts[2:] != ["graphql.json"] or request.method != "POST":
            raise no_route()
        token = request.headers.get("x-shopify-access-token", "")
        if not (same(token, self.app.settings.api_key) or self.app.oauth.valid(token)):
            raise ApiError(401, "unauthorized", REFUSED)
        body = request.json_object()
        return self.answer(body.get("query"), body.get("variables") or {})

    def answer(self, text, variables):
        if not isinstance(text, str) or not isinstance(variables, dict):
            return Response.of({"errors": {"query": "Required parameter missing or invalid"}}, 400)
        try:
            document = parse(text)
            wrong = validate(schema(), document)
        except GraphQLError as error:
            wrong = [error]
        if wrong:
            return Response.of({"errors": [
                {"message": error.message, "locations": [place.formatted for place in error.locations or ()],
                 "extensions": {"code": "undefinedField" if "Cannot query field" in error.message else "invalidDocument"}}
                for error in wrong]})  # fmt: skip
        points = cost_of(document, variables)
        if points > MOST:
            return failure(f"Query cost is {points}, which exceeds the single query max cost limit ({MOST}).",
                           "MAX_COST_EXCEEDED")  # fmt: skip
        if not self.bucket.take(points):
            return failure("Throttled", "THROTTLED", extensions=self.bucket.describe(points, False))
        with self.store.lock:
            result = execute(schema(), document, root_value=Root(self), variable_values=variables)
        answer = {"data": result.data} if result.data is not None or began(result) else {}
        if result.errors:
            answer["errors"] = [plain(error) for error in result.errors]
        answer["extensions"] = self.bucket.describe(points, True)
        return Response.of(answer)

    # Queries

    def rows(self, collection, query, fields, sort, reverse, first, after, show):
        key = BY.get(sort, lambda row: [row.id])
        kept = [row for row in collection.rows.values()
                if row.status != "trash" and (not query or meets(row.record(), query, fields))]
        kept.sort(key=key, reverse=reverse)
        return connection(kept, first, after, lambda row: show(row.record()), key, reverse)

    def get_orders(self, first=None, after=None, query=None, sortKey="PROCESSED_AT", reverse=False):
        return self.rows(self.store.orders, query, ORDER_FIELDS, sortKey, reverse, first, after, self.order)

    def get_order(self, id):
        record = self.store.orders.get(number_of(id, "Order"))
        return self.order(record) if record else None

    def get_customers(self, first=None, after=None, query=None, sortKey="ID", reverse=False):
        fields = {**DATES, "email": lambda record: record["email"]}
        return self.rows(self.store.customers, query, fields, sortKey, reverse, first, after, self.customer)

    def get_customer(self, id):
        record = self.store.customers.get(number_of(id, "Customer"))
        return self.customer(record) if record else None

    def get_products(self, first=None, after=None, query=None, sortKey="ID", reverse=False):
        fields = {
            **DATES, "title": lambda record: record["name"], "handle": lambda record: record["slug"],
            "status": lambda record: STATUSES.get(record["status"]),
            "sku": lambda record: [record["sku"], *(item["sku"] for item in self.variants_of(record))],
            "tag": lambda record: self.extra.get(record["id"], {}).get("tags", []),
        }  # fmt: skip
        return self.rows(self.store.products, query, fields, sortKey, reverse, first, after, self.product)

    def get_product(self, id):
        return self.product_by_number(number_of(id, "Product"))

    def get_product_by_identifier(self, identifier):
        if identifier.get("id"):
            return self.get_product(identifier["id"])
        return self.product_by_number(self.store.products.first("slug", identifier.get("handle")))

    def of_variants(self, query, first, after, show):
        fields = {**DATES, "sku": lambda record: record["sku"]}
        kept = [pair for pair in self.all_variants() if not query or meets(pair[1], query, fields)]
        return connection(
            sorted(kept, key=lambda pair: pair[1]["id"]), first, after, lambda pair: show(*pair), lambda pair: pair[1]["id"])

    def get_product_variants(self, first=None, after=None, query=None):
        return self.of_variants(query, first, after, self.variant)

    def get_product_variant(self, id):
        return self.variant_by_number(number_of(id, "ProductVariant"))

    def get_inventory_items(self, first=None, after=None, query=None):
        return self.of_variants(query, first, after, self.inventory_item)

    def get_inventory_item(self, id):
        number = number_of(id, "InventoryItem")
        return next((self.inventory_item(*pair) for pair in self.all_variants() if pair[1]["id"] == number), None)

    def get_fulfillment_order(self, id):
        record = self.store.orders.get(number_of(id, "FulfillmentOrder"))
        return self.fulfilment_order(record) if record else None

    def get_fulfillment(self, id):
        for number, several in self.fulfilments.items():
            for made in several:
                if made["id"] == number_of(id, "Fulfillment"):
                    return self.fulfilment(self.store.orders.get(number), made)
        return None

    def get_locations(self, first=None):
        return connection(list(LOCATIONS), first, show=self.location, key=lambda item: item)

    def get_location(self, id=None):
        return self.location(id or next(iter(LOCATIONS))) if id is None or id in LOCATIONS else None

    def get_shop(self):
        settings = self.app.settings
        return {"id": gid("Shop", 1), "name": "Sandbox shop", "email": "shop@example.com", "currencyCode": settings.currency,
                "myshopifyDomain": "sandbox.myshopify.com", "url": settings.site_url}  # fmt: skip

    def get_webhook_subscriptions(self, first=None):
        return connection(self.hooks, first)

    # Webhooks

    def do_webhook_subscription_create(self, topic, webhookSubscription):
        uri = webhookSubscription.get("uri") or ""
        if not uri.startswith("http://127.0.0.1:") and not self.app.settings.allow_remote_webhooks:
            raise Refused(["webhookSubscription", "uri"], "Address is not on this machine")
        hook = {"id": gid("WebhookSubscription", self.store.next_id("subscription")), "topic": topic, "uri": uri,
                "delivery_url": uri, "signature_style": "shopify"}  # fmt: skip
        self.hooks.append(hook)
        self.app.deliveries.secrets[hook["id"]] = self.app.settings.client_secret
        return {"webhookSubscription": hook, "userErrors": []}

    def heard(self, name, event, row):
        """Called by the store, inside its lock, after each change. The message is thin: what has changed is asked for."""
        topic = f"{TOPICS.get(name)}_{EVENTS.get(event)}"
        topic = "ORDERS_UPDATED" if topic == "ORDERS_UPDATE" else topic
        body = dumps({"id": row.id, "admin_graphql_api_id": gid(name[:-1].capitalize(), row.id)})
        for hook in self.hooks:
            if hook["topic"] == topic:
                self.app.deliveries.post(hook, topic.lower().replace("_", "/", 1), body)


def failure(message, code, **more):
    return Response.of({"errors": [{"message": message, "extensions": {"code": code}}], **more})
