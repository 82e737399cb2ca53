"""Seed data: tax rates, coupons, categories, products with variations and stock."""

from datetime import timedelta

RATES = (
    # country, state, rate, name, priority, compound, shipping, class
    ("DE", "", "19.0000", "MwSt.", 1, False, True, "standard"),
    ("DE", "", "7.0000", "MwSt. ermäßigt", 1, False, True, "reduced-rate"),
    ("AT", "", "20.0000", "USt.", 1, False, True, "standard"),
    ("AT", "", "10.0000", "USt. ermäßigt", 1, False, True, "reduced-rate"),
    ("FR", "", "20.0000", "TVA", 1, False, True, "standard"),
    ("FR", "", "5.5000", "TVA réduite", 1, False, True, "reduced-rate"),
    ("ES", "", "21.0000", "IVA", 1, False, True, "standard"),
    ("PL", "", "23.0000", "VAT", 1, False, True, "standard"),
    ("GB", "", "20.0000", "VAT", 1, False, True, "standard"),
    ("US", "CA", "7.2500", "State Tax", 1, False, False, "standard"),
    ("US", "CA", "1.3750", "District Tax", 2, False, False, "standard"),
    ("CA", "QC", "5.0000", "GST", 1, False, True, "standard"),
    ("CA", "QC", "9.9750", "QST", 2, True, True, "standard"),
)
COUPONS = (
    ("welcome10", "percent", "10.00", False),
    ("minus5", "fixed_cart", "5.00", False),
    ("each2", "fixed_product", "2.00", False),
    ("gift100", "percent", "100.00", False),
    ("freeship", "percent", "0.00", True),
)
CATEGORIES = ("Clothing", "Books", "Food", "Home & Garden", "Services")
SIMPLE = (
    # name, sku, price, sale, class, category, stock
    ("Coffee Beans 1 kg", "FOOD-COFFEE", "18.90", "", "reduced-rate", "Food", 120),
    ("Wildblütenhonig 500 g", "FOOD-HONEY", "7.49", "6.99", "reduced-rate", "Food", 45),
    ("Book: “Flows & Rules” <2nd ed.>", "BOOK-FLOW", "34.00", "", "reduced-rate", "Books", 30),
    ("Café Mug — Größe L ☕", "HOME-MUG", "12.95", "", "", "Home & Garden", 64),
    ("Desk Lamp", "HOME-LAMP", "49.99", "39.99", "", "Home & Garden", 12),
    ("Screw M3", "HOME-SCREW-M3", "0.10", "", "", "Home & Garden", 10000),
    ("Sample (free)", "SAMPLE-FREE", "0.00", "", "", "Services", 500),
    ("Installation Service", "SERV-INSTALL", "80.00", "", "", "Services", None),
    ("Gift Card", "GIFT-50", "50.00", "", "", "Services", None),
    ("Sold Out Vase", "HOME-VASE", "27.50", "", "", "Home & Garden", 0),
)
VARIABLE = (
    # name, sku, price, attributes with options
    ("T-Shirt “Nordlicht”", "TEE", "19.95", (("Color", ("Black", "Weiß")), ("Size", ("S", "M", "L")))),
    ("Hoodie", "HOOD", "49.00", (("Size", ("M", "L")),)),
    ("Tea Selection", "TEA", "5.25", (("Flavour", ("Mint", "Earl Grey", "Früchte"), ),)),
)  # fmt: skip


def taxes(app):
    for order, (country, state, rate, name, priority, compound, shipping, tax_class) in enumerate(RATES, 1):
        app.resources["taxes"].create({
            "country": country, "state": state, "rate": rate, "name": name, "priority": priority,
            "compound": compound, "shipping": shipping, "class": tax_class, "order": order,
        })  # fmt: skip


def base(app):
    """What both the small and the large shop have."""
    for code, kind, amount, free in COUPONS:
        body = {"code": code, "discount_type": kind, "amount": amount, "free_shipping": free}
        app.resources["coupons"].create(body)
    ids = {name: app.resources["categories"].create({"name": name}).id for name in CATEGORIES}
    for name, sku, price, sale, tax_class, category, stock in SIMPLE:
        _tick(app)
        body = _body(app, name, sku, price, ids[category])
        body |= {"sale_price": sale, "tax_class": tax_class}
        if stock is None:
            body["virtual"] = True
        else:
            body |= {"manage_stock": True, "stock_quantity": stock}
        app.resources["products"].create(body)
        if stock:
            app.stock.set({"sku": sku, "warehouse": "north", "quantity": stock // 4})
    for name, sku, price, attributes in VARIABLE:
        _tick(app)
        variable(app, name, sku, price, attributes, ids["Food" if sku == "TEA" else "Clothing"])


def variable(app, name, sku, price, attributes, category):
    body = _body(app, name, sku, "", category) | {"type": "variable"}
    body["tax_class"] = "reduced-rate" if sku == "TEA" else ""
    body["attributes"] = [
        {"name": attribute, "options": list(options), "visible": True, "variation": True}
        for attribute, options in attributes
    ]
    product = app.resources["products"].create(body)
    combinations = [[]]
    for attribute, options in attributes:
        combinations = [[*chosen, (attribute, option)] for chosen in combinations for option in options]
    for position, chosen in enumerate(combinations):
        code = "-".join(option[:3].upper().strip() for _, option in chosen)
        app.resources["variations"].create({
            "sku": f"{sku}-{code}", "regular_price": price, "manage_stock": True,
            "stock_quantity": 7 * position,
            "attributes": [{"name": attribute, "option": option} for attribute, option in chosen],
            "menu_order": position, "weight": "0.25",
        }, product.id)  # fmt: skip
    return product


def _body(app, name, sku, price, category):
    return {
        "name": name, "type": "simple", "sku": sku, "regular_price": price, "categories": [{"id": category}],
        "description": f"<p>{name.replace('<', '&lt;').replace('>', '&gt;')}.</p>", "weight": "0.5",
        "dimensions": {"length": "10", "width": "20", "height": "5"},
        "images": [{"src": f"{app.settings.site_url}/wp-content/uploads/{sku.lower()}.png", "alt": name}],
    }  # fmt: skip


def products(app, count, told=False):
    """``count`` more: nine simple ones, then one with four variations."""
    for _ in range(count):
        number = app.store.next_id("article")
        _tick(app)
        category = app.store.categories.first("slug", "clothing") or 0
        sku, price = f"ART-{number:05d}", f"{3 + number * 13 % 97}.{number * 7 % 100:02d}"
        if number % 10 == 0:
            variable(app, f"Article {number}", sku, price, (("Size", ("S", "M", "L", "XL")),), category)
            continue
        body = _body(app, f"Article {number}", sku, price, category)
        app.resources["products"].create(body | {"manage_stock": True, "stock_quantity": number * 11 % 200})


def _tick(app):
    """Seeded records are not all of the same minute."""
    if app.store.moment:
        app.store.moment += timedelta(minutes=11)
