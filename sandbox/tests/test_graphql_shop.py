"""The GraphQL shop: the same records by connections, refusals inside a 200, cost, keys, fulfilments, webhooks."""

import base64
import hashlib
import hmac
import json

import pytest

from .conftest import Session

PATH = "admin/api/2026-04/graphql.json"
ORDERS = """query($first: Int!, $after: String, $query: String) {
  orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {
    nodes { id name updatedAt totalPriceSet { shopMoney { amount } } } pageInfo { hasNextPage endCursor } } }"""
SET = """mutation($input: ProductSetInput!, $identifier: ProductSetIdentifiers) {
  productSet(input: $input, identifier: $identifier) {
    product { id handle title variants(first: 10) { nodes { id sku price inventoryItem { id } } } }
    userErrors { field message code } } }"""
STOCK = """mutation($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { changes { delta } } userErrors { field code } } }"""
FULFIL = """mutation($fulfillment: FulfillmentInput!) {
  fulfillmentCreate(fulfillment: $fulfillment) { fulfillment { id name } userErrors { field message } } }"""


@pytest.fixture
def ask(shop):
    shop.settings(graphql_points=5000, graphql_restore=1000)
    with Session(shop, **{"X-Shopify-Access-Token": shop.api_key}) as session:
        def send(document, status=200, **variables):
            answer = session.post(f"{shop.url}/{PATH}", json={"query": document, "variables": variables})
            assert answer.status_code == status, answer.text
            return answer.json()
        yield send


def tee(**changes):
    variants = [
        {"optionValues": [{"optionName": "Size", "name": size}], "sku": f"GQ-{size}", "price": "9.50",
         "inventoryItem": {"tracked": True}} for size in "SM"]
    options = [{"name": "Size", "values": [{"name": "S"}, {"name": "M"}]}]
    return {"title": "Tee", "productOptions": options, "variants": variants, **changes}


def level(ask, item):
    answer = ask("""query($id: ID!) { inventoryItem(id: $id) { inventoryLevel(locationId: "gid://shopify/Location/1") {
        quantities(names: ["available"]) { quantity } } } }""", id=item)
    return answer["data"]["inventoryItem"]["inventoryLevel"]["quantities"][0]["quantity"]


def test_pages_of_a_connection_hold_each_order_once(shop, ask):
    found, after = [], None
    while True:
        page = ask(ORDERS, first=7, after=after)["data"]["orders"]
        found += page["nodes"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
        if len(found) == 7:  # who moves to the end while pages are read is seen there again, and hides nobody
            shop.touch("orders", ids=[int(found[0]["id"].rpartition("/")[2])])
    assert len({order["id"] for order in found}) == shop.counts()["sizes"]["orders"]
    assert [order["updatedAt"] for order in found[7:]] == sorted(order["updatedAt"] for order in found[7:])


def test_searches(ask):
    found = ask(ORDERS, first=9, query="tag:two_coupons status:open")["data"]["orders"]["nodes"]
    assert [order["totalPriceSet"]["shopMoney"]["amount"] for order in found] == ["85.44"]
    since = found[0]["updatedAt"]
    later = ask(ORDERS, first=99, query=f"updated_at:>='{since}'")["data"]["orders"]["nodes"]
    assert min(order["updatedAt"] for order in later) == since
    assert len(later) < 39


def test_the_same_order_as_by_rest(ask, api):
    order = api.get("orders", params={"meta_key": "sandbox_case", "meta_value": "mixed_rates"}).json()[0]
    shown = ask("""query($id: ID!) { order(id: $id) { customer { id } totalTaxSet { shopMoney { amount } }
        lineItems(first: 50) { nodes { sku quantity originalTotalSet { shopMoney { amount } }
        taxLines { ratePercentage priceSet { shopMoney { amount } } } } } } }""",
                id=f"gid://shopify/Order/{order['id']}")["data"]["order"]
    assert shown["totalTaxSet"]["shopMoney"]["amount"] == order["total_tax"]
    assert shown["customer"]["id"] == f"gid://shopify/Customer/{order['customer_id']}"
    for line, item in zip(shown["lineItems"]["nodes"], order["line_items"], strict=True):
        assert (line["sku"], line["quantity"], line["originalTotalSet"]["shopMoney"]["amount"]) == (
            item["sku"], item["quantity"], item["subtotal"])
        assert [tax["priceSet"]["shopMoney"]["amount"] for tax in line["taxLines"]] == [
            tax["total"] for tax in item["taxes"] if tax["total"]]


def test_what_is_refused(shop, ask, anonymous):
    denied = anonymous.post(f"{shop.url}/{PATH}", json={"query": "{ shop { name } }"})
    assert (denied.status_code, "Invalid API key" in denied.json()["errors"]) == (401, True)
    slip = ask("{ shop { nam } }")
    assert "data" not in slip
    assert slip["errors"][0]["extensions"]["code"] == "undefinedField"
    assert ask("query($id: ID!) { order(id: $id) { id } }")["errors"][0]["extensions"]["code"] == "INVALID_VARIABLE"
    assert ask("{ orders(first: 251) { nodes { id } } }")["errors"][0]["message"] == "first cannot exceed 250"


def test_products_are_set_as_a_whole(shop, ask):
    made = ask(SET, input=tee(), identifier={"handle": "tee-1"})["data"]["productSet"]
    assert made["userErrors"] == []
    again = ask(SET, input=tee(title="Tee 2"), identifier={"handle": "tee-1"})["data"]["productSet"]["product"]
    assert (again["id"], again["handle"]) == (made["product"]["id"], "tee-1")
    ids = [variant["id"] for variant in made["product"]["variants"]["nodes"]]
    kept = [dict(variant, id=key) for variant, key in zip(tee()["variants"], ids, strict=True)][:1]
    less = ask(SET, input=tee(variants=kept), identifier={"id": again["id"]})["data"]["productSet"]["product"]
    assert [variant["id"] for variant in less["variants"]["nodes"]] == ids[:1]
    other = ask(SET, input=tee(variants=[]))["data"]["productSet"]["product"]  # without an identifier it is another one
    assert other["id"] != again["id"]
    assert shop.counts()["creates"]["products"]["total"] == 2


@pytest.mark.parametrize(("changes", "field", "code"), [
    ({"title": " "}, ["input", "title"], "BLANK"),
    ({"productOptions": None}, ["input", "productOptions"], "PRODUCT_OPTIONS_INPUT_MISSING"),
    ({"productOptions": [{"name": "Size", "values": [{"name": "S"}]}]}, ["input", "variants", "1", "optionValues"],
     "OPTION_VALUE_DOES_NOT_EXIST"),
])
def test_refused_products(shop, ask, changes, field, code):
    answer = ask(SET, input=tee(**changes))["data"]["productSet"]
    assert [(error["field"], error["code"]) for error in answer["userErrors"]] == [(field, code)]
    assert shop.counts()["creates"] == {}


def test_stock_all_or_nothing_and_once_under_a_key(shop, ask):
    items = [variant["inventoryItem"]["id"] for variant in ask(SET, input=tee())["data"]["productSet"]["product"][
        "variants"]["nodes"]]

    def quantities(*pairs):
        return {"name": "available", "reason": "correction", "quantities": [
            {"inventoryItemId": item, "locationId": "gid://shopify/Location/1", "quantity": quantity,
             "changeFromQuantity": None} for item, quantity in pairs]}

    done = ask(STOCK, input=quantities((items[0], 5), (items[1], 6)), key="a")["data"]["inventorySetQuantities"]
    assert [change["delta"] for change in done["inventoryAdjustmentGroup"]["changes"]] == [5, 6]
    wrong = ask(STOCK, input=quantities((items[0], 1), ("gid://shopify/InventoryItem/1", 6)), key="b")
    assert wrong["data"]["inventorySetQuantities"]["userErrors"] == [
        {"field": ["input", "quantities", "1", "inventoryItemId"], "code": "INVALID_INVENTORY_ITEM"}]
    assert [level(ask, item) for item in items] == [5, 6]
    ask(STOCK, input=quantities((items[0], 5), (items[1], 6)), key="a")
    assert shop.counts()["idempotent_replays"] == 1
    mismatch = ask(STOCK, input=quantities((items[0], 9)), key="a")["data"]["inventorySetQuantities"]["userErrors"]
    assert mismatch[0]["code"] == "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"
    without = ask(STOCK.replace("@idempotent(key: $key)", "").replace(", $key: String!", ""), input=quantities())
    assert without["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    stale = quantities((items[0], 7))
    stale["quantities"][0]["changeFromQuantity"] = 4
    assert ask(STOCK, input=stale, key="c")["data"]["inventorySetQuantities"]["userErrors"][0]["code"] == (
        "CHANGE_FROM_QUANTITY_STALE")


def test_fulfilments_in_parts(ask, api):
    order = api.get("orders", params={"meta_key": "sandbox_case", "meta_value": "mixed_rates"}).json()[0]
    whole = {"fulfillmentOrderId": f"gid://shopify/FulfillmentOrder/{order['id']}"}
    line = order["line_items"][1]
    part = {**whole, "fulfillmentOrderLineItems": [
        {"id": f"gid://shopify/FulfillmentOrderLineItem/{line['id']}", "quantity": 1}]}
    made = ask(FULFIL, fulfillment={"lineItemsByFulfillmentOrder": [part]})["data"]["fulfillmentCreate"]
    assert made["fulfillment"]["name"] == f"#{order['number']}-F1"
    assert api.get(f"orders/{order['id']}").json()["status"] == "processing"
    ask(FULFIL, fulfillment={"lineItemsByFulfillmentOrder": [whole]})
    assert api.get(f"orders/{order['id']}").json()["status"] == "completed"
    again = ask(FULFIL, fulfillment={"lineItemsByFulfillmentOrder": [whole]})["data"]["fulfillmentCreate"]
    assert "unfulfillable status= closed" in again["userErrors"][0]["message"]


def test_cost(shop, ask):
    shop.settings(graphql_points=100, graphql_restore=10)
    cost = ask(ORDERS, first=40)["extensions"]["cost"]
    assert cost["actualQueryCost"] == cost["requestedQueryCost"] > 40
    error = {}
    while not error:
        error = ask(ORDERS, first=40)
        status = error["extensions"]["cost"]
        error = error if "errors" in error else {}
    assert error["errors"][0]["extensions"]["code"] == "THROTTLED"
    assert (status["actualQueryCost"], status["throttleStatus"]["restoreRate"]) == (None, 10.0)
    assert status["throttleStatus"]["currentlyAvailable"] < status["requestedQueryCost"]
    too_much = "{ a: orders(first: 250) { nodes { id } } " + " ".join(
        f"b{n}: orders(first: 250) {{ nodes {{ id }} }}" for n in range(4)) + " }"
    assert ask(too_much)["errors"][0]["extensions"]["code"] == "MAX_COST_EXCEEDED"
    shop.settings(graphql_points=5000, graphql_restore=1000, rate_limit={"requests": 1, "period": 60, "retry_after": 7})
    ask("{ shop { name } }")
    limited = ask("{ shop { name } }")
    assert limited["errors"][0]["extensions"]["code"] == "THROTTLED"
    assert limited["extensions"]["cost"]["requestedQueryCost"] == 7000


def test_pictures_are_fetched_afterwards(shop, ask):
    asked = """query($id: ID!) { product(id: $id) {
        media(first: 9) { nodes { id status mediaErrors { code details } } } } }"""
    site = shop.url.replace("127.0.0.1", "localhost")

    def send(*files):
        answer = ask(SET, input=tee(files=list(files)), identifier={"handle": "tee-1"})["data"]["productSet"]
        assert answer["userErrors"] == []
        return answer

    def media():
        return ask(asked, id=product)["data"]["product"]["media"]["nodes"]

    product = send({"originalSource": f"{site}/wp-content/uploads/tee.png"})["product"]["id"]
    assert media()[0]["status"] in ("PROCESSING", "READY")
    shop.wait_until(lambda: media()[0]["status"] == "READY")
    first = media()[0]["id"]
    ask(SET, input=tee(title="Tee 2"), identifier={"handle": "tee-1"})
    assert [medium["id"] for medium in media()] == [first], "files that are not named stay"
    send({"id": first}, {"originalSource": f"{site}/nothing"})
    shop.wait_until(lambda: media()[1]["status"] == "FAILED")
    assert media()[1]["mediaErrors"][0]["code"] == "IMAGE_DOWNLOAD_FAILURE"
    assert "404" in media()[1]["mediaErrors"][0]["details"]
    wrong = ask(SET, input=tee(files=[{"originalSource": "tee.png"}]), identifier={"handle": "tee-1"})["data"]["productSet"]
    assert wrong["userErrors"][0]["field"] == ["input", "files", "0", "originalSource"]


def test_webhooks(shop, ask, receiver):
    made = ask("""mutation($uri: String!) {
        webhookSubscriptionCreate(topic: ORDERS_UPDATED, webhookSubscription: {uri: $uri}) {
        webhookSubscription { id topic } userErrors { message } } }""", uri=receiver.url)
    assert made["data"]["webhookSubscriptionCreate"]["userErrors"] == []
    number = int(ask(ORDERS, first=1)["data"]["orders"]["nodes"][0]["id"].rpartition("/")[2])
    shop.touch("orders", ids=[number])
    headers, body = receiver.next()
    assert json.loads(body) == {"id": number, "admin_graphql_api_id": f"gid://shopify/Order/{number}"}
    assert headers["X-Shopify-Topic"] == "orders/updated"
    digest = hmac.new(shop.client_secret.encode(), body, hashlib.sha256).digest()
    assert headers["X-Shopify-Hmac-Sha256"] == base64.b64encode(digest).decode()
