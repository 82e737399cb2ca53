"""Each kind of fault: what the client sees, and whether the write was done."""

import email.utils
import http.client
import json
import time

import pytest
import requests


def post(api, email="fault@example.com", **options):
    return api.post("customers", json={"email": email}, **options)


def exists(shop, email="fault@example.com"):
    return any(record["email"] == email for record in shop.dump("customers"))


def test_status_with_the_shops_message(shop, api):
    shop.fault("status", status=422, code="bad_thing", message="No such street", data={"params": {"a": "b"}})
    answer = post(api)
    assert answer.status_code == 422
    assert answer.json() == {
        "code": "bad_thing", "message": "No such street", "data": {"status": 422, "params": {"a": "b"}},
    }  # fmt: skip
    assert not exists(shop)
    assert post(api).status_code == 201, "only the next one"


def test_status_with_any_body(shop, api):
    shop.fault("status", status=409, body={"errors": [{"field": ["is wrong"]}]}, headers={"X-Trace": "1"})
    answer = post(api)
    assert answer.json() == {"errors": [{"field": ["is wrong"]}]}
    assert answer.headers["X-Trace"] == "1"


@pytest.mark.parametrize("as_date", [False, True])
def test_rate_limited(shop, api, as_date):
    shop.fault("rate_limit", retry_after=7, as_date=as_date, times=2)
    for _ in range(2):
        answer = api.get("orders")
        assert answer.status_code == 429
        value = answer.headers["Retry-After"]
        if as_date:
            assert 4 <= email.utils.parsedate_to_datetime(value).timestamp() - time.time() <= 8
        else:
            assert value == "7"
    assert api.get("orders").status_code == 200


def test_server_error_before_and_after_the_write(shop, api):
    shop.fault("server_error")
    assert post(api).status_code == 500
    assert not exists(shop)
    shop.fault("server_error", status=503, after_write=True)
    assert post(api).status_code == 503
    assert exists(shop)


def test_slow_answer(shop, api):
    shop.fault("delay", seconds=0.3)
    shop.fault("delay", seconds=0.2)
    started = time.monotonic()
    assert post(api).status_code == 201
    assert time.monotonic() - started >= 0.5


@pytest.mark.parametrize(("kind", "done"), [("timeout_before", False), ("timeout_after", True)])
def test_time_outs(shop, api, kind, done):
    shop.fault(kind, seconds=5)
    with pytest.raises(requests.exceptions.ReadTimeout):
        post(api, timeout=0.3)
    shop.wait_until(lambda: exists(shop) == done, seconds=2)
    assert post(api).status_code == (400 if done else 201)


@pytest.mark.parametrize(
    ("kind", "done"),
    [("cut_before", False), ("cut_after", True), ("timeout_before", False), ("timeout_after", True)],
)
def test_cut_connections(shop, api, kind, done):
    shop.fault(kind, seconds=0.1)
    with pytest.raises(requests.exceptions.ConnectionError):
        post(api)
    assert exists(shop) is done
    assert shop.counts()["by_status"] == {"cut": 1}


def test_the_idempotency_key_saves_a_lost_answer(shop, api):
    shop.fault("cut_after")
    key = {"Idempotency-Key": "lost"}
    with pytest.raises(requests.exceptions.ConnectionError):
        post(api, headers=key)
    again = post(api, headers=key)
    assert again.status_code == 201
    assert again.headers["Idempotent-Replayed"] == "true"
    assert shop.counts()["doubled"] == {}


def test_broken_json(shop, api):
    shop.fault("malformed_json")
    answer = api.get("orders")
    assert answer.status_code == 200
    assert "application/json" in answer.headers["Content-Type"]
    with pytest.raises(ValueError, match="Expecting"):
        answer.json()
    shop.fault("truncated_json")
    answer = api.get("orders")
    assert answer.content
    with pytest.raises(ValueError, match=r"Unterminated|Expecting|Invalid"):
        answer.json()


def test_body_cut_in_the_middle(shop):
    shop.fault("cut_body")
    connection = http.client.HTTPConnection("127.0.0.1", shop.port, timeout=5)
    connection.request("GET", "/wp-json/wc/v3/orders", headers={"X-API-Key": shop.api_key})
    with pytest.raises(http.client.IncompleteRead):
        connection.getresponse().read()
    connection.close()


def test_other_odd_answers(shop, api):
    shop.fault("html")
    answer = api.get("orders")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=UTF-8")
    shop.fault("expired_token")
    answer = api.get("orders")
    assert answer.status_code == 401
    assert "invalid_token" in answer.headers["WWW-Authenticate"]
    shop.fault("expired_token", status=403)
    assert api.get("orders").status_code == 403
    shop.fault("empty_body")
    assert api.get("orders").content == b""
    shop.fault("empty_body", status=204)
    assert api.get("orders").status_code == 204
    shop.fault("error_200", code="THROTTLED")
    assert api.get("orders").json()["errors"][0]["extensions"]["code"] == "THROTTLED"
    shop.fault("wrong_content_type")
    assert api.get("orders").headers["Content-Type"].startswith("text/plain")
    shop.fault("redirect", location="http://127.0.0.1:9/away")
    answer = api.get("orders", allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (302, "http://127.0.0.1:9/away")
    assert api.get("orders").status_code == 200


def test_oversize(shop, api):
    shop.fault("oversize", bytes=3_000_000)
    assert len(api.get("orders").content) == 3_000_000
    shop.fault("oversize")
    answer = api.get("orders")
    assert len(answer.content) == 10 * 1024 * 1024
    assert len(answer.json()) == 10


@pytest.mark.parametrize("query", ["", "&paging=cursor", "&paging=next", "&paging=page", "&paging=offset"])
def test_a_page_for_ever(shop, api, query):
    shop.fault("repeat_page", times=None, path="/customers")
    first = api.get(f"customers?per_page=10{query}")
    for more in ("page=2", "page=99", "offset=20", "cursor=eyJhZnRlciI6MjB9", "after_id=20"):
        again = api.get(f"customers?per_page=10{query}&{more}")
        assert records(again) == records(first)
        assert "next" in again.links
        paging = again.json().get("paging") if isinstance(again.json(), dict) else None
        assert paging is None or paging["next_url"]
    shop.clear_faults()
    assert records(api.get(f"customers?per_page=10{query}")) == records(first)


def records(answer):
    body = answer.json()
    return body if isinstance(body, list) else body.get("data", body.get("results"))


def test_duplicate_ids_in_one_page(shop, api):
    shop.fault("duplicate_ids", change={"first_name": "Twin"}, count=2)
    found = api.get("customers?orderby=id&per_page=5").json()
    assert [record["id"] for record in found] == [1, 2, 3, 4, 5, 1, 1]
    assert found[-1]["first_name"] == "Twin"


def test_which_requests_are_met(shop, api):
    shop.fault("status", method="POST", path=r"/customers$", match_body="poison@", times=None)
    assert post(api, "good@example.com").status_code == 201
    assert post(api, "poison@example.com").status_code == 400
    assert api.get("customers").status_code == 200
    shop.clear_faults()
    shop.fault("status", method=["GET"], path="page=2", after=1, times=2)
    statuses = [api.get("orders?page=2").status_code for _ in range(4)]
    assert statuses == [200, 400, 400, 200]
    assert api.get("orders?page=1").status_code == 200


def test_probability_repeats_itself(shop, api):
    def run():
        shop.clear_faults()
        shop.fault("status", status=500, probability=0.5, seed=3, times=None)
        return [api.get("orders").status_code for _ in range(20)]

    first = run()
    assert set(first) == {200, 500}
    assert run() == first


def test_several_at_once_and_what_is_left(shop, api):
    shop.control("POST", "faults", [{"kind": "status", "times": 1}, {"kind": "rate_limit", "times": None}])
    assert [api.get("orders").status_code for _ in range(3)] == [400, 429, 429]
    left = shop.control("GET", "faults")["faults"]
    assert [(fault["kind"], fault["left"], fault["hits"]) for fault in left] == [
        ("status", 0, 1), ("rate_limit", None, 2),
    ]  # fmt: skip
    assert shop.counts()["faults"] == {"status": 1, "rate_limit": 2}


@pytest.mark.parametrize(
    "wrong", [{"kind": "odd"}, {}, {"kind": "status", "path": "("}, {"kind": "status", "times": "x"}, 5]
)
def test_wrong_orders(shop, wrong):
    status, _, answer = shop.call("POST", "/_control/faults", wrong, {"X-Control-Key": shop.control_key})
    assert status == 400
    assert answer["code"] in ("rest_invalid_param", "rest_invalid_json")
    assert shop.control("GET", "faults")["faults"] == []


def test_rate_limit_setting(shop, api):
    shop.settings(rate_limit={"requests": 3, "period": 0.5})
    statuses = [api.get("orders?per_page=1").status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    refused = api.get("orders")
    assert refused.headers["Retry-After"] == "1"
    assert json.loads(refused.content)["code"] == "rest_too_many_requests"
    shop.wait_until(lambda: api.get("orders?per_page=1").status_code == 200, seconds=3)
