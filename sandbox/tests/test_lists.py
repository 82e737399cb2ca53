"""Filters, order and every paging style: each gives all records once."""

from datetime import datetime, timedelta

import pytest


def ids(answer):
    body = answer.json()
    records = body if isinstance(body, list) else body.get("data", body.get("results"))
    return [record["id"] for record in records]


def by_page(api, size):
    page, found = 1, []
    while part := ids(api.get(f"customers?per_page={size}&page={page}&orderby=id")):
        found += part
        page += 1
    return found


def by_offset(api, size):
    found = []
    while part := ids(api.get(f"customers?paging=offset&limit={size}&offset={len(found)}")):
        found += part
    return found


def by_cursor(api, size):
    url, found = f"customers?paging=cursor&limit={size}", []
    while url:
        answer = api.get(url)
        found += ids(answer)
        paging = answer.json()["paging"]
        assert (paging["next_cursor"] is None) == (paging["next_url"] is None) == (not paging["has_more"])
        url = paging["next_url"]
    return found


def by_next(api, size):
    url, found = f"customers?paging=next&per_page={size}", []
    while url:
        answer = api.get(url)
        found += ids(answer)
        url = answer.json()["next"]
    return found


def by_link(api, size):
    url, found = f"customers?paging=link&per_page={size}", []
    while url:
        answer = api.get(url)
        assert "X-WP-Total" not in answer.headers
        found += ids(answer)
        url = answer.links.get("next", {}).get("url")
    return found


def by_keyset(api, size):
    found = ids(api.get(f"customers?paging=keyset&limit={size}"))
    while part := ids(api.get(f"customers?after_id={found[-1]}&limit={size}")):
        found += part
    return found


def by_envelope(api, size):
    found, page, pages = [], 1, 1
    while page <= pages:
        answer = api.get(f"customers?paging=page&per_page={size}&page={page}")
        found += ids(answer)
        page, pages = page + 1, answer.json()["meta"]["pages"]
    return found


@pytest.mark.parametrize("size", [1, 7, 25, 100])
@pytest.mark.parametrize("style", [by_page, by_offset, by_cursor, by_next, by_link, by_keyset, by_envelope])
def test_every_style_gives_everything_once(api, style, size):
    assert sorted(style(api, size)) == list(range(1, 26))


def test_headers_of_the_shop(api):
    answer = api.get("customers?per_page=10&page=2")
    assert answer.headers["X-WP-Total"] == "25"
    assert answer.headers["X-WP-TotalPages"] == "3"
    assert set(answer.links) == {"prev", "next"}
    assert "page=3" in answer.links["next"]["url"]
    assert api.get("customers?page=9").json() == []


def test_ten_by_default_and_a_largest_page(shop, api):
    assert len(api.get("customers").json()) == 10
    shop.settings(max_per_page=100)
    answer = api.get("customers?per_page=101")
    assert answer.status_code == 400
    assert answer.json()["data"]["params"] == {
        "per_page": "per_page must be between 1 (inclusive) and 100 (inclusive)"
    }


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("per_page=0", "per_page"),
        ("per_page=x", "per_page"),
        ("page=0", "page"),
        ("offset=-1", "offset"),
        ("orderby=nothing", "orderby"),
        ("order=up", "order"),
        ("include=a,2", "include"),
        ("paging=x", "paging"),
        ("paging=cursor&cursor=x", "cursor"),
        ("modified_after=yesterday", "modified_after"),
    ],
)
def test_wrong_parameters(api, query, param):
    answer = api.get(f"customers?{query}")
    assert answer.status_code == 400
    assert answer.json()["code"] == "rest_invalid_param"
    assert list(answer.json()["data"]["params"]) == [param]


def test_wrong_status(api):
    params = api.get("orders?status=processing,lost").json()["data"]["params"]
    assert params["status"].startswith("status[1] is not one of any, trash, pending")


def test_status_filters(shop, api):
    wanted = {order["id"] for order in shop.dump("orders") if order["status"] in ("completed", "refunded")}
    assert set(ids(api.get("orders?status=completed,refunded&per_page=100"))) == wanted
    assert set(ids(api.get("orders?status[]=completed&status[]=refunded&per_page=100"))) == wanted
    api.delete(f"orders/{min(wanted)}")
    assert min(wanted) not in ids(api.get("orders?per_page=100"))
    assert ids(api.get("orders?status=trash")) == [min(wanted)]


def test_modified_after_is_local_unless_said_otherwise(api):
    record = api.get("customers?orderby=modified&order=desc&per_page=1").json()[0]
    local = datetime.fromisoformat(record["date_modified"])
    gmt = datetime.fromisoformat(record["date_modified_gmt"])
    assert local - gmt == timedelta(hours=2)
    before = timedelta(seconds=1)

    def found(moment, more=""):
        return record["id"] in ids(
            api.get(f"customers?per_page=100&modified_after={moment.isoformat()}{more}")
        )

    assert found(local - before)
    assert not found(local), "the filter is exclusive and knows whole seconds only"
    assert found(gmt - before, "&dates_are_gmt=true")
    assert not found(gmt, "&dates_are_gmt=true")
    assert not found(gmt, "Z")
    assert found(gmt - before, "Z")


def test_modified_before_and_after_bound_a_window(shop, api):
    shop.settings(clock_offset=1000)
    touched = shop.touch("orders", count=3)
    assert sorted(ids(api.get("orders?modified_after=2025-01-01T00:00:00&per_page=100"))) == sorted(touched)
    assert not set(touched) & set(ids(api.get("orders?modified_before=2025-01-01T00:00:00&per_page=100")))


def test_updated_dates_may_lie(shop, api):
    shop.settings(modified_skew=30)
    record = api.put("customers/1", json={"first_name": "Skew"}).json()
    shop.settings(modified_skew=0)
    again = api.put("customers/2", json={"first_name": "Skew"}).json()
    gap = datetime.fromisoformat(again["date_modified"]) - datetime.fromisoformat(record["date_modified"])
    assert timedelta(seconds=29) <= gap <= timedelta(seconds=33)


def test_search_include_exclude_email_sku(shop, api):
    assert ids(api.get("customers?include=3,1,99")) == sorted(
        [1, 3], key=lambda i: ids(api.get("customers?per_page=100")).index(i)
    )
    assert ids(api.get("customers?include[]=3&include[]=1&orderby=include")) == [3, 1]
    assert 1 not in ids(api.get("customers?exclude=1&per_page=100"))
    customer = shop.dump("customers")[4]
    assert ids(api.get("customers", params={"email": customer["email"].upper()})) == [customer["id"]]
    assert customer["id"] in ids(
        api.get("customers", params={"search": customer["email"][:8], "per_page": 100})
    )
    assert [p["sku"] for p in api.get("products?sku=home-mug").json()] == ["HOME-MUG"]
    found = api.get("products?sku=TEE-BLA-S").json()
    assert [(p["type"], p["sku"]) for p in found] == [("variation", "TEE-BLA-S")]


def test_fields(api):
    answer = api.get("customers?_fields=id,billing.city,nothing&per_page=1&orderby=id").json()
    assert answer == [{"id": 1, "billing": {"city": answer[0]["billing"]["city"]}}]
    assert set(api.get("customers/1?_fields=id,email").json()) == {"id", "email"}


def test_found_again_by_reference(api):
    api.post("customers", json={"email": "ref@example.com", "external_reference": "ODOO/7, é"})
    answer = api.get("customers", params={"external_reference": "ODOO/7, é"})
    assert [record["email"] for record in answer.json()] == ["ref@example.com"]
    params = {"meta_key": "external_reference", "meta_value": "ODOO/7, é"}
    assert len(api.get("customers", params=params).json()) == 1
    assert api.get("customers?external_reference=none").json() == []


def test_rows_moving_while_paging_are_seen_by_cursor(shop, api):
    first = api.get("customers?paging=cursor&limit=10").json()
    shop.touch("customers", ids=[3, 20])
    shop.create("customers", count=2)
    rest = ids(api.get(f"customers?paging=cursor&limit=100&cursor={first['paging']['next_cursor']}"))
    assert rest == list(range(11, 28))


def test_several_filters_narrow_together(shop, api):
    order = next(o for o in shop.dump("orders") if o["customer_id"])
    for status, found in ((order["status"], True), ("trash", False)):
        query = f"orders?customer={order['customer_id']}&include={order['id']},1&status={status}"
        assert (ids(api.get(query)) == [order["id"]]) is found
    assert ids(api.get(f"orders?customer=999&include={order['id']}")) == []
