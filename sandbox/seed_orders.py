"""Seed orders: one for each case that an importer must get right, then as many ordinary ones as wanted.

Each case is named in the order's meta data: ``GET /orders?meta_key=sandbox_case&meta_value=percent_coupon``.
"""

from datetime import timedelta

FLAT = {"method_id": "flat_rate", "method_title": "Flat rate", "total": "4.90"}
FREE = {"method_id": "free_shipping", "method_title": "Free shipping", "total": "0.00"}
GUEST = {
    "first_name": "Günther", "last_name": "Gast", "address_1": "Am Markt 1", "city": "Lübeck", "state": "SH",
    "postcode": "23552", "country": "DE", "email": "guest@example.com", "phone": "+49 451 12345",
}  # fmt: skip


# The cases are about amounts: their customers all live where the shop is, under its tax rates.
AT_HOME = {"city": "Berlin", "state": "BE", "postcode": "10115", "country": "DE"}


def place(country, state="", **more):
    return {"first_name": "Casey", "last_name": "Case", "address_1": "1 Test Street", "city": "Testville",
            "postcode": "12345", "country": country, "state": state, "email": "casey@example.com",
            **more}  # fmt: skip


def line(sku, quantity=1, **more):
    return {"sku": sku, "quantity": quantity, **more}


# name: body. Without ``billing`` the order belongs to a customer of the shop.
CASES = (
    ("plain", {"line_items": [line("HOME-MUG", 2)], "shipping_lines": [FLAT]}),
    ("mixed_rates", {"line_items": [line("HOME-LAMP"), line("FOOD-COFFEE", 3), line("BOOK-FLOW")],
                     "shipping_lines": [FLAT]}),
    ("percent_coupon", {"line_items": [line("HOME-MUG", 3), line("FOOD-HONEY", 2)],
                        "coupon_lines": [{"code": "welcome10"}], "shipping_lines": [FLAT]}),
    ("fixed_coupon", {"line_items": [line("HOME-MUG"), line("FOOD-HONEY"), line("HOME-SCREW-M3", 7)],
                      "coupon_lines": [{"code": "minus5"}], "shipping_lines": [FLAT]}),
    ("two_coupons", {"line_items": [line("HOME-LAMP"), line("TEE-BLA-M", 2)],
                     "coupon_lines": [{"code": "welcome10"}, {"code": "minus5"}], "shipping_lines": [FLAT]}),
    ("full_discount", {"line_items": [line("HOME-MUG")], "coupon_lines": [{"code": "gift100"}],
                       "shipping_lines": [FREE]}),
    ("free_shipping", {"line_items": [line("TEE-BLA-S", 4)], "coupon_lines": [{"code": "freeship"}],
                       "shipping_lines": [FREE]}),
    ("fee", {"line_items": [line("BOOK-FLOW")], "fee_lines": [{"name": "Gift wrap", "total": "3.50"}],
             "shipping_lines": [FLAT]}),
    ("negative_fee", {"line_items": [line("HOME-LAMP")], "fee_lines": [{"name": "Loyalty bonus",
    "total": "-5.00"}],
                      "shipping_lines": [FLAT]}),
    ("untaxed_fee", {"line_items": [line("HOME-MUG")],
                     "fee_lines": [{"name": "Deposit", "total": "2.00", "tax_status": "none"}]}),
    ("zero_price_line", {"line_items": [line("HOME-MUG"), line("SAMPLE-FREE", 2)], "shipping_lines": [FLAT]}),
    ("cent_rounding", {"line_items": [line("HOME-SCREW-M3", 3), line("HOME-SCREW-M3", 17), line("TEA-MIN",
    3)],
                       "shipping_lines": [FLAT]}),
    ("several_tax_rates", {"billing": place("US", "CA"), "line_items": [line("HOME-LAMP"), line("TEE-BLA-L",
    2)],
                           "shipping_lines": [FLAT]}),
    ("compound_tax", {"billing": place("CA", "QC"), "line_items": [line("HOME-LAMP"), line("HOME-MUG", 3)],
                      "shipping_lines": [FLAT]}),
    ("no_tax", {"billing": place("CH", "ZH"), "line_items": [line("HOME-LAMP")], "shipping_lines": [FLAT]}),
    ("guest", {"billing": GUEST, "line_items": [line("HOOD-M")], "shipping_lines": [FLAT]}),
    ("guest_again", {"billing": GUEST, "line_items": [line("HOOD-L")], "shipping_lines": [FLAT]}),
    ("guest_third", {"billing": {**GUEST, "email": "Guest@Example.com"}, "line_items": [line("HOME-MUG")]}),
    ("non_ascii", {"billing": place("DE", first_name="王小明 🎉", last_name="Łódź-Ñandú", city="Москва",
                                    company="株式会社テスト"), "line_items": [line("HOME-MUG")],
                   "customer_note": "Спасибо! — “merci” 🙏", "shipping_lines": [FLAT]}),
    ("html_in_names", {"billing": place("DE", first_name="<b>Bold</b>", last_name="O’Neil & Söhne",
                                        company="<script>alert('x')</script>"),
                       "line_items": [line("BOOK-FLOW", name="<i>Signed</i> copy &amp; more")]}),
    ("other_delivery_address", {"shipping": place("AT", first_name="Ship", last_name="Elsewhere",
    city="Graz"),
                                "line_items": [line("FOOD-COFFEE"), line("HOME-MUG")],
                                "shipping_lines": [FLAT]}),
    ("two_shipping_lines", {"line_items": [line("HOME-LAMP", 2)], "shipping_lines": [
        FLAT, {"method_id": "local_pickup", "method_title": "Local pickup", "total": "1.00"}]}),
    ("foreign_currency", {"billing": place("US", "CA"), "currency": "USD", "line_items": [line("BOOK-FLOW",
    2)],
                          "shipping_lines": [FLAT]}),
    ("free_text_line", {"line_items": [{"name": "Hand-made item", "quantity": 1, "subtotal": "66.60",
                                        "total": "60.00"}]}),
    ("prices_include_tax", {"line_items": [line("HOME-MUG", 3), line("FOOD-HONEY", 2)],
    "shipping_lines": [FLAT]}),
    ("partial_refund", {"line_items": [line("TEE-BLA-M", 3)], "shipping_lines": [FLAT],
    "status": "completed"}),
    ("full_refund", {"line_items": [line("HOME-MUG")], "shipping_lines": [FLAT], "status": "completed"}),
    ("deleted_product", {"line_items": [line("HOME-MUG")], "shipping_lines": [FLAT]}),
    ("pending", {"line_items": [line("HOME-LAMP")], "status": "pending"}),
    ("on_hold", {"line_items": [line("HOME-LAMP")], "status": "on-hold", "payment_method": "bacs"}),
    ("cancelled", {"line_items": [line("HOME-LAMP")], "status": "cancelled"}),
    ("failed", {"line_items": [line("HOME-LAMP")], "status": "failed"}),
    ("large_quantity", {"line_items": [line("HOME-SCREW-M3", 2500, total="199.99", subtotal="250.00")],
                        "status": "completed"}),
)  # fmt: skip


def create(app, body):
    """Place one order as a customer does."""
    paid = body.get("status", "processing") in ("processing", "completed")
    row = app.resources["orders"].create({
        "status": "processing", "payment_method": "stripe", "payment_method_title": "Credit card",
        "transaction_id": f"txn_{app.store.random.getrandbits(40):010x}" if paid else "", **body,
    })  # fmt: skip
    record = row.record()
    record["created_via"] = "checkout"
    record["customer_ip_address"], record["customer_user_agent"] = "203.0.113.7", "Mozilla/5.0"
    return app.store.save("orders", record)


def of_customer(app, number):
    """Customer and addresses of the n-th customer."""
    customers = app.store.customers.ordered("id")
    if not customers:
        return {"billing": GUEST}
    record = customers[number % len(customers)].record()
    billing = record["billing"]
    if not billing["country"]:
        billing = place(
            "DE", email=record["email"], first_name=record["first_name"], last_name=record["last_name"]
        )
    return {"customer_id": record["id"], "billing": billing, "shipping": {**record["shipping"]}}


def cases(app, start, step):
    app.store.moment = start
    for number, (name, case) in enumerate(CASES):
        body = {**case, "meta_data": [{"key": "sandbox_case", "value": name}]}
        if "billing" not in case:
            body = {**of_customer(app, 11 * number), **body}
            body["billing"] = {**body["billing"], **AT_HOME}
            if "shipping" not in case:
                body["shipping"] = {key: value for key, value in body["billing"].items() if key != "email"}
        app.settings.prices_include_tax = name == "prices_include_tax"
        row = create(app, body)
        app.settings.prices_include_tax = False
        app.store.moment += step
        if name in AFTERWARDS:
            AFTERWARDS[name](app, row.record())


def _partial_refund(app, order):
    item = order["line_items"][0]
    taxes = [{"id": tax["id"], "refund_total": "3.79"} for tax in item["taxes"]]
    refunded = {"id": item["id"], "quantity": 1, "refund_total": "19.95", "refund_tax": taxes}
    app.resources["refunds"].create({"reason": "Wrong size", "line_items": [refunded]}, order["id"])


def _full_refund(app, order):
    app.resources["refunds"].create({"reason": "Returned", "amount": order["total"]}, order["id"])


def _forget_product(app, order):
    """The product of this line was deleted afterwards: only its name is left."""
    order["line_items"][0].update(product_id=0, sku="", name="Mug (discontinued)")
    app.store.save("orders", order)


AFTERWARDS = {
    "partial_refund": _partial_refund,
    "full_refund": _full_refund,
    "deleted_product": _forget_product,
}


def _sellable_skus(app):
    """What can be ordered: simple products and variations with a price."""
    for name in ("products", "variations"):
        for row in app.store.collections[name].ordered("id"):
            record = row.record()
            if record.get("sku") and record.get("price") and record.get("type") != "variable":
                yield record["sku"]


def orders(app, count, told=False, start=None):
    """``count`` ordinary orders; every fourth is a guest's."""
    if start:
        app.store.moment = start
    skus = list(_sellable_skus(app))
    for _ in range(count):
        number = app.store.next_id("sale")
        body = {"billing": GUEST} if number % 4 == 3 else of_customer(app, number * 5)
        chosen = [skus[(number * 7 + i * 3) % len(skus)] for i in range(1 + number % 4)] if skus else []
        body["line_items"] = [line(sku, 1 + (number + i) % 3) for i, sku in enumerate(dict.fromkeys(chosen))]
        if not chosen:
            body["line_items"] = [
                {"name": "Hand-made item", "quantity": 1, "subtotal": "10.00", "total": "10.00"}
            ]
        body["shipping_lines"] = [FLAT if number % 3 else FREE]
        body["status"] = ("processing", "completed", "processing", "pending", "on-hold")[number % 5]
        if number % 6 == 0 and app.store.coupons.first("code", "welcome10"):
            body["coupon_lines"] = [{"code": "welcome10"}]
        create(app, body)
        if app.store.moment:
            app.store.moment += timedelta(minutes=53)
