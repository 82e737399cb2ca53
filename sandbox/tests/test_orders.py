"""Orders: amounts that add up to the cent, refunds, notes, stock, changes of status."""

from decimal import Decimal

import pytest

from integration_flow.sandbox.seed_orders import CASES


def money(value):
    return Decimal(str(value))


def total(lines, name):
    return sum((money(line[name]) for line in lines), Decimal(0))


def assert_adds_up(order):
    """Everything that an importer may rely on."""
    lines, shipping, fees = order["line_items"], order["shipping_lines"], order["fee_lines"]
    assert money(order["discount_total"]) == total(lines, "subtotal") - total(lines, "total")
    assert money(order["discount_tax"]) == total(lines, "subtotal_tax") - total(lines, "total_tax")
    assert money(order["shipping_total"]) == total(shipping, "total")
    assert money(order["shipping_tax"]) == total(shipping, "total_tax")
    assert money(order["cart_tax"]) == total(lines, "total_tax") + total(fees, "total_tax")
    assert money(order["total_tax"]) == money(order["cart_tax"]) + money(order["shipping_tax"])
    net = total(lines, "total") + total(shipping, "total") + total(fees, "total")
    assert money(order["total"]) == net + money(order["total_tax"])
    assert money(order["cart_tax"]) == total(order["tax_lines"], "tax_total")
    assert money(order["shipping_tax"]) == total(order["tax_lines"], "shipping_tax_total")
    for line in (*lines, *shipping, *fees):
        assert money(line["total_tax"]) == total(line["taxes"], "total")
        assert line["total"] == f"{money(line['total']):.2f}"
    if order["coupon_lines"]:
        assert money(order["discount_total"]) == total(order["coupon_lines"], "discount")
        assert money(order["discount_tax"]) == total(order["coupon_lines"], "discount_tax")
    rates = {line["rate_id"]: line["rate_percent"] for line in order["tax_lines"]}
    assert {tax["id"] for line in (*lines, *shipping, *fees) for tax in line["taxes"]} == set(rates)
    for line in lines:
        assert abs(money(line["price"]) * line["quantity"] - money(line["total"])) < Decimal("0.01")


def case(shop, name):
    found = shop.get("orders", meta_key="sandbox_case", meta_value=name)
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("name", [name for name, _ in CASES])
def test_seeded_cases_add_up(shop, name):
    assert_adds_up(case(shop, name))


def test_seeded_cases_are_what_they_say(shop):
    assert money(case(shop, "percent_coupon")["discount_total"]) > 0
    assert case(shop, "free_shipping")["shipping_lines"][0]["method_id"] == "free_shipping"
    assert len(case(shop, "mixed_rates")["tax_lines"]) == 2
    assert [t["label"] for t in case(shop, "several_tax_rates")["tax_lines"]] == ["State Tax", "District Tax"]
    assert case(shop, "several_tax_rates")["shipping_tax"] == "0.00"
    compound = case(shop, "compound_tax")
    lamp = compound["line_items"][0]
    gst, qst = (money(tax["total"]) for tax in lamp["taxes"])
    assert qst == ((money(lamp["total"]) + gst) * money("0.09975")).quantize(money("0.01"))
    assert case(shop, "negative_fee")["fee_lines"][0]["total"] == "-5.00"
    assert case(shop, "negative_fee")["fee_lines"][0]["total_tax"] == "-0.95"
    assert case(shop, "zero_price_line")["line_items"][1]["total"] == "0.00"
    assert case(shop, "full_discount")["total"] == "0.00"
    gross = case(shop, "prices_include_tax")
    assert gross["prices_include_tax"] is True
    assert total(gross["line_items"], "total") + total(gross["line_items"], "total_tax") == money("52.83")
    guests = [case(shop, name) for name in ("guest", "guest_again", "guest_third")]
    assert {order["customer_id"] for order in guests} == {0}
    assert len({order["billing"]["address_1"] for order in guests}) == 1
    assert case(shop, "deleted_product")["line_items"][0]["product_id"] == 0
    assert case(shop, "foreign_currency")["currency"] == "USD"
    variation = case(shop, "two_coupons")["line_items"][1]
    assert variation["variation_id"] > 0
    assert {m["key"]: m["value"] for m in variation["meta_data"]} == {"pa_color": "Black", "pa_size": "M"}
    statuses = {order["status"] for order in shop.dump("orders")}
    assert statuses == {"pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed"}


def test_refunds(shop, api):
    order = case(shop, "partial_refund")
    assert order["refunds"] == [{"id": order["refunds"][0]["id"], "reason": "Wrong size", "total": "-23.74"}]
    refund = api.get(f"orders/{order['id']}/refunds").json()[0]
    assert refund["amount"] == "23.74"
    assert refund["line_items"][0]["quantity"] == -1
    assert refund["line_items"][0]["total"] == "-19.95"
    assert refund["_links"]["up"][0]["href"].endswith(f"/orders/{order['id']}")
    url = f"orders/{order['id']}/refunds"
    assert api.post(url, json={"amount": "0"}).json()["code"] == "woocommerce_rest_invalid_order_refund"
    too_much = api.post(url, json={"amount": order["total"]})
    assert too_much.json()["code"] == "woocommerce_rest_cannot_create_order_refund"
    rest = str(money(order["total"]) - money("23.74"))
    made = api.post(url, json={"amount": rest, "reason": "All of it"})
    assert made.status_code == 201
    after = api.get(f"orders/{order['id']}").json()
    assert after["status"] == "refunded"
    assert len(after["refunds"]) == 2
    assert after["date_modified_gmt"] > order["date_modified_gmt"]
    assert api.get("orders/1/refunds").json()["code"] == "woocommerce_rest_invalid_order"
    assert api.get(f"{url}/1").json()["code"] == "woocommerce_rest_invalid_order_refund_id"


def test_create_by_sku_and_id(shop, api):
    mug = next(p for p in shop.dump("products") if p["sku"] == "HOME-MUG")
    tee = next(v for v in shop.dump("variations") if v["sku"] == "TEE-BLA-M")
    body = {
        "customer_id": 1, "external_reference": "S00042", "set_paid": True, "payment_method": "stripe",
        "billing": {"country": "DE", "email": "x@example.com"},
        "line_items": [
            {"product_id": mug["id"], "quantity": 2},
            {"product_id": tee["parent_id"], "variation_id": tee["id"]},
            {"sku": "FOOD-HONEY", "quantity": 3, "subtotal": "20.97", "total": "18.00"},
        ],
        "shipping_lines": [{"method_id": "flat_rate", "method_title": "Flat", "total": "4.90"}],
        "fee_lines": [{"name": "Wrap", "total": "2.00"}],
    }  # fmt: skip
    answer = api.post("orders", json=body)
    assert answer.status_code == 201
    order = answer.json()
    assert_adds_up(order)
    assert order["status"] == "processing"
    assert order["date_paid"]
    assert order["number"] == str(order["id"])
    assert order["line_items"][1]["name"] == "T-Shirt “Nordlicht” - Black, M"
    assert order["line_items"][1]["parent_name"] == "T-Shirt “Nordlicht”"
    assert order["discount_total"] == "2.97"
    stock = next(p for p in shop.dump("products") if p["sku"] == "HOME-MUG")["stock_quantity"]
    assert stock == mug["stock_quantity"] - 2
    assert shop.counts()["creates"]["orders"]["by_reference"] == {"S00042": 1}
    assert api.put(f"orders/{order['id']}", json={"status": "cancelled"}).json()["status"] == "cancelled"
    stock = next(p for p in shop.dump("products") if p["sku"] == "HOME-MUG")["stock_quantity"]
    assert stock == mug["stock_quantity"]
    assert api.get("customers/1").json()["is_paying_customer"] is True


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param({"customer_id": 999}, "woocommerce_rest_invalid_customer_id", id="customer"),
        pytest.param(
            {"line_items": [{"product_id": 9}]}, "woocommerce_rest_invalid_product_id", id="product"
        ),
        pytest.param({"line_items": [{"sku": "?"}]}, "woocommerce_rest_invalid_product_id", id="sku"),
        pytest.param(
            {"line_items": [{"quantity": 1}]}, "woocommerce_rest_required_product_reference", id="none"
        ),
        pytest.param({"line_items": [{"id": 5}]}, "woocommerce_rest_invalid_item_id", id="line"),
        pytest.param({"coupon_lines": [{"code": "no"}]}, "woocommerce_rest_invalid_coupon", id="coupon"),
        pytest.param(
            {"shipping_lines": [{"total": "1"}]}, "woocommerce_rest_invalid_shipping_item", id="shipping"
        ),
        pytest.param({"fee_lines": [{"total": "1"}]}, "woocommerce_rest_invalid_fee_item", id="fee"),
        pytest.param({"status": "shipped"}, "rest_invalid_param", id="status"),
        pytest.param({"currency": "euro"}, "rest_invalid_param", id="currency"),
        pytest.param({"line_items": [{"name": "x", "total": "much"}]}, "rest_invalid_param", id="amount"),
        pytest.param({"line_items": "x"}, "rest_invalid_param", id="lines"),
    ],
)
def test_refused(shop, api, body, code):
    answer = api.post("orders", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert len(shop.dump("orders")) == 39


def test_lines_change_and_totals_follow(shop, api):
    order = case(shop, "pending")
    line = order["line_items"][0]
    changed = api.put(
        f"orders/{order['id']}", json={"line_items": [{"id": line["id"], "quantity": 3}]}
    ).json()
    assert_adds_up(changed)
    assert changed["line_items"][0]["subtotal"] == "119.97"
    changes = {"line_items": [{"id": line["id"], "quantity": 0}, {"sku": "HOME-MUG"}]}
    changes["coupon_lines"] = [{"code": "welcome10"}]
    changed = api.put(f"orders/{order['id']}", json=changes).json()
    assert_adds_up(changed)
    assert [item["sku"] for item in changed["line_items"]] == ["HOME-MUG"]
    assert changed["discount_total"] == "1.30"
    changed = api.put(f"orders/{order['id']}", json={"coupon_lines": []}).json()
    assert changed["discount_total"] == "0.00"
    assert_adds_up(changed)


def test_status_leaves_a_note(shop, api):
    order = case(shop, "plain")
    done = api.put(f"orders/{order['id']}", json={"status": "completed"}).json()
    assert done["date_completed"]
    notes = api.get(f"orders/{order['id']}/notes").json()
    assert notes[0]["note"] == "Order status changed from processing to completed."
    mine = {"note": "Shipped", "customer_note": True}
    made = api.post(f"orders/{order['id']}/notes", json=mine)
    assert made.status_code == 201
    assert len(api.get(f"orders/{order['id']}/notes?type=customer").json()) == 1
    assert api.get(f"orders/{order['id']}/notes/{made.json()['id']}").json()["note"] == "Shipped"
    assert api.get("orders/1/notes").json()["code"] == "woocommerce_rest_order_invalid_id"


def test_only_the_status_changed(shop, api):
    order = case(shop, "several_tax_rates")
    after = api.put(f"orders/{order['id']}", json={"status": "completed"}).json()
    same = ("line_items", "tax_lines", "total", "billing", "shipping_lines", "discount_total")
    assert {name: after[name] for name in same} == {name: order[name] for name in same}


def test_trash_and_delete(shop, api):
    order = case(shop, "partial_refund")
    assert api.delete(f"orders/{order['id']}").json()["status"] == "trash"
    assert api.delete(f"orders/{order['id']}").status_code == 410
    assert api.delete(f"orders/{order['id']}?force=true").json()["id"] == order["id"]
    assert api.get(f"orders/{order['id']}").json()["code"] == "woocommerce_rest_shop_order_invalid_id"
    assert not [refund for refund in shop.dump("refunds") if refund["parent_id"] == order["id"]]


def test_tax_rates_and_coupons_are_records(api):
    rates = api.get("taxes?per_page=100").json()
    assert rates[0]["rate"] == "19.0000"
    assert {rate["class"] for rate in rates} == {"standard", "reduced-rate"}
    assert len(api.get("taxes?class=reduced-rate&per_page=100").json()) == 3
    assert api.get("coupons?code=WELCOME10").json()[0]["amount"] == "10.00"
    assert api.post("taxes", json={"country": "IT", "rate": "22", "name": "IVA"}).json()["rate"] == "22.0000"


def test_generated_orders_add_up_too(shop):
    shop.seed(orders=60)
    for order in shop.dump("orders"):
        assert_adds_up(order)
