"""The control endpoint: data on demand, hostile data, counts that prove things."""

import http.client
import threading
import time
from urllib.parse import quote

import pytest

from integration_flow.sandbox.client import SandboxError, SandboxServer


def test_reset_gives_the_same_data_again(shop, api):
    names = ("customers", "products", "variations", "orders", "taxes", "stock", "refunds", "coupons")
    before = {name: shop.dump(name) for name in names}
    api.put("customers/1", json={"first_name": "Changed"})
    api.post("orders", json={"line_items": [{"sku": "HOME-MUG"}]})
    shop.fault("status", times=None)
    shop.reset()
    assert {name: shop.dump(name) for name in names} == before
    assert shop.counts()["requests"] == 0
    assert api.get("orders").status_code == 200


def test_seeds(shop):
    assert shop.reset(seed="empty")["customers"] == 0
    assert shop.reset(seed="large")["customers"] > 1000
    with pytest.raises(SandboxError, match="seed is not one of"):
        shop.reset(seed="huge")
    shop.reset(seed="small")


def test_more_of_everything(shop, api):
    sizes = shop.seed(customers=300, products=10, orders=5)
    assert (sizes["customers"], sizes["products"], sizes["orders"]) == (325, 23, 44)
    emails = {record["email"] for record in shop.dump("customers")}
    assert len(emails) == 325
    assert api.get("customers?per_page=500").headers["X-WP-Total"] == "325"
    with pytest.raises(SandboxError, match="cannot be generated"):
        shop.seed(refunds=1)


def test_touch_changes_what_it_says(shop, api):
    before = {record["id"]: record for record in shop.dump("customers")}
    touched = shop.touch("customers", count=4, seed=7)
    changed = [r["id"] for r in shop.dump("customers") if r != before[r["id"]]]
    assert sorted(touched) == sorted(changed)
    assert len(touched) == 4
    shop.touch("orders", ids=[shop.dump("orders")[0]["id"]], changes={"status": "completed"})
    assert shop.dump("orders")[0]["status"] == "completed"
    assert shop.counts()["writes"] == {}
    for collection in ("products", "variations", "orders", "coupons"):
        assert len(shop.touch(collection, count=2)) == 2


HOSTILE = [
    {"id": "a/b", "email": "slash@example.com", "date_modified_gmt": "2025-01-01T00:00:00"},
    {"id": "ключ é", "email": "key@example.com"},
    {"email": "no.id@example.com", "first_name": "<script>alert(1)</script>"},
    {"id": None, "email": 5, "billing": "not an object", "meta_data": "nor this"},
    {"id": 77, "email": "seven@example.com", "date_created": "31.12.2025", "meta_data": [None, {"key": 5}]},
    {"id": {"an": "object"}, "last_name": ["list"]},
]


def test_hostile_records_are_served_as_they_are(shop, api, anonymous):
    shop.load("customers", HOSTILE)
    found = api.get("customers?per_page=100").json()
    for record in HOSTILE:
        assert record in found
    for style in ("cursor", "keyset", "next"):
        assert api.get(f"customers?paging={style}&limit=100").status_code == 200
    assert api.get("customers/" + quote("a/b", safe="")).json()["email"] == "slash@example.com"
    assert api.get("customers/" + quote("ключ é", safe="")).json()["email"] == "key@example.com"
    assert api.get("customers?search=nobody&per_page=100").json() == []
    assert api.get("customers?modified_after=2024-12-31T00:00:00&per_page=100").status_code == 200
    shop.load("orders", [{"id": "x"}, {"id": 5, "line_items": None, "billing": None}])
    home = anonymous.get(f"{shop.url}/")
    assert home.status_code == 200
    assert "<script>alert" not in home.text
    assert anonymous.get(f"{shop.url}/wp-admin/post.php?post=5").status_code == 200
    assert api.post("customers", json={"email": "after@example.com"}).json()["id"] == 78


def test_counts_and_requests(shop, api):
    api.get("customers/1")
    api.get("orders?status=any")
    api.post(
        "customers", json={"email": "Count@Example.com", "external_reference": "R1"}, headers={"X-Trace": "t"}
    )
    api.get("customers/999")
    api.put("stock", json=[{"sku": "HOME-MUG", "quantity": 1}])
    counts = shop.counts()
    assert counts["by_route"] == {
        "GET /customers/<id>": 2, "GET /orders": 1, "POST /customers": 1, "PUT /stock": 1,
    }  # fmt: skip
    assert counts["by_status"] == {"200": 3, "201": 1, "404": 1}
    made = counts["creates"]["customers"]
    assert made["total"] == 1
    assert made["by_email"] == {"count@example.com": 1}
    assert made["by_reference"] == {"R1": 1}
    assert counts["doubled"] == {}
    assert counts["max_per_second"] >= 5
    [entry] = shop.requests(method="POST")
    assert entry["route"] == "/customers"
    assert entry["headers"]["x-trace"] == "t"
    assert "R1" in entry["body"]
    assert entry["status"] == 201
    shop.clear_counts()
    assert shop.requests() == []


def test_two_clients_at_once_never_make_one_email_twice(shop, api):
    statuses = []

    def send():
        for number in range(20):
            answer = shop.call(
                "POST",
                "/wp-json/wc/v3/customers",
                {"email": f"race{number}@example.com"},
                {"X-API-Key": shop.api_key},
            )
            statuses.append(answer[0])

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(set(statuses)) == [201, 400]
    assert statuses.count(201) == 20
    assert shop.counts()["doubled"] == {}


def test_settings_are_checked(shop):
    for wrong in (
        {"port": 1},
        {"nothing": 1},
        {"latency_ms": "slow"},
        {"idempotency": 1},
        {"rate_limit": {}},
    ):
        with pytest.raises(SandboxError, match="400"):
            shop.settings(**wrong)
    assert not {"api_key", "client_secret", "control_key"} & set(shop.settings())


def test_unknown_controls(shop):
    for path in ("nothing", "", "dump?collection=none"):
        with pytest.raises(SandboxError):
            shop.control("GET", path)


def test_pages_are_cheap():
    with SandboxServer(seed="empty", max_per_page=500) as shop:
        shop.seed(customers=5000)
        headers = {"X-API-Key": shop.api_key}
        connection = http.client.HTTPConnection("127.0.0.1", shop.port, timeout=10)
        started, size = time.monotonic(), 0
        for page in range(1, 11):
            connection.request("GET", f"/wp-json/wc/v3/customers?per_page=500&page={page}", headers=headers)
            size += len(connection.getresponse().read())
        seconds = time.monotonic() - started
        connection.close()
        assert size > 4_000_000
        assert 5000 / seconds > 10_000, f"{5000 / seconds:.0f} customers a second"
