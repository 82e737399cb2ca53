"""Customers: created, changed, deleted, refused; batches; idempotency."""

import pytest


def test_create_has_the_shape_of_the_shop(shop, api):
    billing = {"first_name": "Łucja", "country": "PL", "email": "l@example.com", "postcode": "30-001"}
    body = {"email": "New@Example.com", "first_name": "Łucja", "billing": billing, "unknown": 1}
    answer = api.post("customers", json=body)
    assert answer.status_code == 201
    record = answer.json()
    assert answer.headers["Location"] == f"{shop.api}/customers/{record['id']}"
    assert record["id"] == 26
    assert record["role"] == "customer"
    assert record["username"] == "new"
    assert set(record["billing"]) >= {"first_name", "address_1", "state", "email", "phone"}
    assert record["shipping"]["country"] == ""
    assert "unknown" not in record
    assert record["date_created_gmt"] == record["date_modified_gmt"]
    assert "Z" not in record["date_created"]
    assert record["_links"]["self"][0]["href"].endswith("/customers/26")
    assert api.get("customers/26").json() == record


def sent(**more):
    return {"email": "a@example.com", **more}


@pytest.mark.parametrize(
    ("body", "names"),
    [
        pytest.param({"email": "nonsense"}, ["email"], id="bad email"),
        pytest.param({"email": ""}, ["email"], id="blank email"),
        pytest.param(sent(first_name=5), ["first_name"], id="number"),
        pytest.param(
            sent(billing={"email": "x"}, last_name=None), ["last_name", "billing"], id="two at once"
        ),
        pytest.param(sent(billing=[]), ["billing"], id="a list"),
        pytest.param(sent(billing={"country": "Germany"}), ["billing"], id="country"),
    ],
)
def test_refused(shop, api, body, names):
    answer = api.post("customers", json=body)
    assert answer.status_code == 400
    assert answer.json()["code"] == "rest_invalid_param"
    assert list(answer.json()["data"]["params"]) == names
    assert len(shop.dump("customers")) == 25


def test_the_email_is_needed(api):
    answer = api.post("customers", json={"first_name": "Nobody"})
    assert answer.status_code == 400
    assert answer.json()["code"] == "rest_missing_callback_param"
    assert answer.json()["data"]["params"] == ["email"]


def test_email_is_unique_whatever_its_case(api, shop):
    email = shop.dump("customers")[0]["email"]
    answer = api.post("customers", json={"email": email.upper()})
    assert answer.json()["code"] == "registration-error-email-exists"
    answer = api.put("customers/2", json={"email": email})
    assert (answer.status_code, answer.json()["code"]) == (400, "woocommerce_rest_customer_invalid_email")
    assert api.put("customers/1", json={"email": email.upper()}).status_code == 200


@pytest.mark.parametrize("data", [b"{broken", b'"text"', b"[" * 100000, b"\xff\xfe"])
def test_bodies_that_are_no_json(api, data):
    answer = api.post("customers", data=data, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["code"] == "rest_invalid_json"


def test_update_merges_addresses_and_moves_the_date(api, shop):
    before = shop.dump("customers")[0]
    record = api.put("customers/1", json={"billing": {"city": "Neustadt"}}).json()
    assert record["billing"] == {**before["billing"], "city": "Neustadt"}
    assert record["date_modified_gmt"] > before["date_modified_gmt"]
    assert record["date_created_gmt"] == before["date_created_gmt"]


def test_unknown_ids(api):
    for verb, status in (("get", 404), ("put", 400), ("delete", 404)):
        answer = getattr(api, verb)("customers/999?force=true", **({"json": {}} if verb == "put" else {}))
        assert (answer.status_code, answer.json()["code"]) == (status, "woocommerce_rest_invalid_id")
    assert (
        api.post("customers", json={"id": 1, "email": "a@example.com"}).json()["code"]
        == "woocommerce_rest_customer_exists"
    )


def test_customers_have_no_trash(api):
    answer = api.delete("customers/1")
    assert (answer.status_code, answer.json()["code"]) == (501, "woocommerce_rest_trash_not_supported")
    assert api.delete("customers/1?force=true").json()["id"] == 1
    assert api.get("customers/1").status_code == 404


def test_meta_data_is_merged_by_key_and_id(api):
    meta = [{"key": "a", "value": 1}, {"key": "b", "value": {"x": [1]}}]
    record = api.post("customers", json={"email": "m@example.com", "meta_data": meta}).json()
    first = record["meta_data"][0]["id"]
    changes = [{"key": "b", "value": "two"}, {"id": first, "value": 3}, {"key": "c", "value": "new"}]
    record = api.put(f"customers/{record['id']}", json={"meta_data": changes}).json()
    assert {m["key"]: m["value"] for m in record["meta_data"]} == {"a": 3, "b": "two", "c": "new"}
    record = api.put(f"customers/{record['id']}", json={"meta_data": [{"key": "a", "value": None}]}).json()
    assert [m["key"] for m in record["meta_data"]] == ["b", "c"]


def test_batch_reports_each_item(shop, api):
    body = {
        "create": [{"email": "b1@example.com"}, {"email": "b1@example.com"}, {"email": 5}, "nonsense"],
        "update": [{"id": 2, "first_name": "Batch"}, {"id": 999, "first_name": "Nobody"}],
        "delete": [3, 998],
    }
    answer = api.post("customers/batch", json=body)
    assert answer.status_code == 200
    done = answer.json()
    assert done["create"][0]["email"] == "b1@example.com"
    assert [item["error"]["code"] for item in done["create"][1:]] == [
        "registration-error-email-exists", "rest_invalid_param", "rest_invalid_param",
    ]  # fmt: skip
    assert done["create"][1]["id"] == 0
    assert done["update"][0]["first_name"] == "Batch"
    assert done["update"][1]["id"] == 999
    assert done["update"][1]["error"]["data"]["status"] == 400
    assert done["delete"][0]["id"] == 3
    assert done["delete"][1]["error"]["code"] == "woocommerce_rest_invalid_id"
    counts = shop.counts()
    assert counts["writes"] == {"create customers": 1, "update customers": 1, "delete customers": 1}


def test_batch_has_a_limit(api):
    answer = api.post("customers/batch", json={"delete": list(range(101))})
    assert (answer.status_code, answer.json()["code"]) == (413, "woocommerce_rest_request_entity_too_large")


def test_idempotency_key_replays(shop, api):
    key = {"Idempotency-Key": "k1"}
    first = api.post("customers", json={"email": "once@example.com"}, headers=key)
    again = api.post("customers", json={"email": "once@example.com"}, headers=key)
    assert again.status_code == 201
    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    other = api.post("customers", json={"email": "other@example.com"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    counts = shop.counts()
    assert counts["creates"]["customers"]["by_idempotency_key"] == {"k1": 1}
    assert counts["idempotent_replays"] == 1


def test_a_refused_request_may_be_repeated_with_its_key(api):
    key = {"Idempotency-Key": "k2"}
    email = api.get("customers/1").json()["email"]
    assert api.post("customers", json={"email": email}, headers=key).status_code == 400
    api.delete("customers/1?force=true")
    assert api.post("customers", json={"email": email}, headers=key).status_code == 201


def test_without_idempotency_things_double(shop, api):
    shop.settings(idempotency=False)
    line = {"line_items": [{"name": "X", "total": "1.00"}], "external_reference": "S00001"}
    for _ in range(2):
        api.post("orders", json=line, headers={"Idempotency-Key": "k3"})
    counts = shop.counts()
    assert counts["doubled"] == {"orders": {"by_idempotency_key": {"k3": 2}, "by_reference": {"S00001": 2}}}
