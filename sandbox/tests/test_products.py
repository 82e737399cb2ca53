"""Products, variations, stock per warehouse and prices."""

import pytest


def by_sku(shop, sku):
    return next(r for name in ("products", "variations") for r in shop.dump(name) if r["sku"] == sku)


def test_create_simple_product(shop, api):
    body = {
        "name": "Größe <b>XL</b>",
        "sku": "NEW-1",
        "regular_price": "21.5",
        "sale_price": "20",
        "type": "simple",
    }
    body |= {"manage_stock": True, "stock_quantity": 4, "categories": [{"id": 1}, {"id": 999}]}
    record = api.post("products", json=body).json()
    assert (record["regular_price"], record["sale_price"], record["price"]) == ("21.50", "20.00", "20.00")
    assert record["on_sale"] is True
    assert record["slug"] == "größe-xl"
    assert record["categories"] == [{"id": 1, "name": "Clothing", "slug": "clothing"}]
    assert record["stock_status"] == "instock"
    assert record["date_created_gmt"]
    changed = api.put(f"products/{record['id']}", json={"stock_quantity": 0}).json()
    assert (changed["stock_quantity"], changed["stock_status"]) == (0, "outofstock")
    assert api.put(f"products/{record['id']}", json={"manage_stock": False}).json()["stock_quantity"] is None


@pytest.mark.parametrize(
    ("body", "params"),
    [
        ({"regular_price": 21.5}, {"regular_price": "regular_price is not of type string."}),
        ({"regular_price": "a lot"}, {"regular_price": "regular_price is not a valid amount."}),
        ({"regular_price": "-1"}, {"regular_price": "regular_price must be greater than or equal to 0"}),
        ({"regular_price": "NaN"}, {"regular_price": "regular_price is not a valid amount."}),
        ({"stock_quantity": 1.5}, {"stock_quantity": "stock_quantity is not of type integer."}),
        ({"type": "odd"}, {"type": "type is not one of simple, grouped, external, variable."}),
        ({"images": [{"src": "file:///etc"}]}, {"images": "images[0][src] is not a valid URL."}),
        ({"manage_stock": "maybe"}, {"manage_stock": "manage_stock is not of type boolean."}),
        ({"categories": "none"}, {"categories": "categories is not of type array."}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_wrong_values(api, body, params):
    answer = api.post("products", json={"name": "Bad", **body})
    assert (answer.status_code, answer.json()["code"]) == (400, "rest_invalid_param")
    assert answer.json()["data"]["params"] == params


def test_a_sku_belongs_to_one_product_or_variation(shop, api):
    for sku in ("home-mug", "TEE-BLA-S"):
        owner = by_sku(shop, sku.upper())
        answer = api.post("products", json={"name": "Twice", "sku": sku})
        assert (answer.status_code, answer.json()["code"]) == (400, "product_invalid_sku")
        assert answer.json()["data"] == {"status": 400, "resource_id": owner["id"], "unique_sku": f"{sku}-1"}
    mug = by_sku(shop, "HOME-MUG")
    assert api.put(f"products/{mug['id']}", json={"sku": "HOME-MUG"}).status_code == 200


def test_variations_and_their_product(shop, api):
    tee = api.get("products?slug=t-shirt-nordlicht").json()[0]
    assert tee["type"] == "variable"
    assert len(tee["variations"]) == 6
    assert tee["price"] == "19.95"
    variations = api.get(f"products/{tee['id']}/variations?per_page=100").json()
    assert {v["id"] for v in variations} == set(tee["variations"])
    assert variations[0]["attributes"][0]["name"] == "Color"
    cheap = variations[0]["id"]
    record = api.put(f"products/{tee['id']}/variations/{cheap}", json={"regular_price": "9.00"}).json()
    assert record["parent_id"] == tee["id"]
    after = api.get(f"products/{tee['id']}").json()
    assert after["price"] == "9.00"
    assert after["date_modified_gmt"] > tee["date_modified_gmt"]
    made = api.post(
        f"products/{tee['id']}/variations",
        json={"sku": "TEE-NEW", "attributes": [{"name": "Size", "option": "XS"}]},
    )
    assert made.status_code == 201
    api.delete(f"products/{tee['id']}/variations/{cheap}?force=true")
    ids = api.get(f"products/{tee['id']}").json()["variations"]
    assert cheap not in ids
    assert made.json()["id"] in ids


def test_variations_are_not_products(shop, api):
    variation = by_sku(shop, "TEE-BLA-S")
    assert api.get(f"products/{variation['id']}").json()["sku"] == "TEE-BLA-S", "it can be read there, though"
    answer = api.put(f"products/{variation['id']}", {"name": "Tee"})
    assert (answer.status_code, answer.json()["code"]) == (404, "woocommerce_rest_invalid_product_id")
    assert api.get("products/9999").json()["code"] == "woocommerce_rest_product_invalid_id"
    assert api.get("products/9999/variations").json()["code"] == "woocommerce_rest_product_invalid_id"
    mug = by_sku(shop, "HOME-MUG")
    wrong = api.get(f"products/{mug['id']}/variations/{variation['id']}")
    assert wrong.json()["code"] == "woocommerce_rest_product_variation_invalid_id"


def test_trash_then_delete(shop, api):
    mug = by_sku(shop, "HOME-MUG")
    assert api.delete(f"products/{mug['id']}").json()["status"] == "trash"
    again = api.delete(f"products/{mug['id']}")
    assert (again.status_code, again.json()["code"]) == (410, "woocommerce_rest_already_trashed")
    assert api.delete(f"products/{mug['id']}?force=true").status_code == 200
    assert api.get(f"products/{mug['id']}").status_code == 404
    assert api.get("stock?sku=HOME-MUG").json() == []


def test_stock_of_a_warehouse_adds_up(shop, api):
    before = by_sku(shop, "HOME-MUG")["stock_quantity"]
    items = [
        {"sku": "HOME-MUG", "warehouse": "north", "quantity": 5},
        {"sku": "home-mug", "warehouse": "main", "quantity": 7},
        {"sku": "TEE-BLA-S", "warehouse": "main", "quantity": 3},
        {"sku": "NOPE", "warehouse": "main", "quantity": 1},
        {"sku": "HOME-MUG", "warehouse": "moon", "quantity": 1},
        {"sku": "HOME-MUG", "quantity": "many"},
        {"quantity": 1},
        "nonsense",
    ]
    answer = api.put("stock", json=items).json()
    assert (answer["updated"], answer["failed"]) == (3, 5)
    codes = [item["error"]["code"] for item in answer["items"] if "error" in item]
    assert codes == ["sandbox_unknown_sku", "rest_invalid_param", "rest_invalid_param",
                     "rest_missing_callback_param", "rest_missing_callback_param"]  # fmt: skip
    assert before != 12
    assert by_sku(shop, "HOME-MUG")["stock_quantity"] == 12
    assert by_sku(shop, "TEE-BLA-S")["stock_quantity"] == 3
    places = {place["warehouse"]: place["quantity"] for place in api.get("stock?sku=HOME-MUG").json()}
    assert places == {"main": 7, "north": 5}
    assert shop.counts()["writes"]["set stock"] == 3


def test_the_one_number_moves_the_main_warehouse(shop, api):
    mug = by_sku(shop, "HOME-MUG")
    north = api.get("stock?sku=HOME-MUG&warehouse=north").json()[0]["quantity"]
    api.put(f"products/{mug['id']}", json={"stock_quantity": 100})
    places = {place["warehouse"]: place["quantity"] for place in api.get("stock?sku=HOME-MUG").json()}
    assert places == {"main": 100 - north, "north": north}
    assert [w["code"] for w in api.get("warehouses").json()] == ["main", "north"]


def test_prices_in_bulk(shop, api):
    items = [{"sku": "HOME-MUG", "regular_price": "15.00"}, {"sku": "TEE-BLA-S", "sale_price": "9.99"}]
    answer = api.put("prices", json={"items": [*items, {"sku": "HOME-MUG", "regular_price": "x"}]}).json()
    assert (answer["updated"], answer["failed"]) == (2, 1)
    assert by_sku(shop, "HOME-MUG")["price"] == "15.00"
    assert by_sku(shop, "TEE-BLA-S")["on_sale"] is True
    assert api.get("prices?sku=HOME-MUG").json()[0]["regular_price"] == "15.00"


def test_categories(api):
    assert [c["name"] for c in api.get("products/categories").json()][:2] == ["Books", "Clothing"]
    made = api.post("products/categories", json={"name": "New & Nice"})
    assert made.status_code == 201
    assert api.post("products/categories", json={"name": "New & Nice"}).json()["code"] == "term_exists"
    clothing = api.get("products/categories?slug=clothing").json()[0]["id"]
    assert {p["sku"] for p in api.get(f"products?category={clothing}").json()} == {"TEE", "HOOD"}
