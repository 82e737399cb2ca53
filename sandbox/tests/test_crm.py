"""The CRM: properties, cursors, searches, batches, duplicates, merges, associations and lists."""

import pytest

from .conftest import Session


@pytest.fixture
def crm(shop):
    with Session(shop, Authorization=f"Bearer {shop.api_key}") as session:
        session.base = f"{shop.url}/crm/v3/objects"
        yield session


def make(crm, kind, associations=(), **properties):
    body = {"properties": properties, "associations": list(associations)}
    answer = crm.post(f"{crm.base}/{kind}", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def read(crm, kind, key, *properties, **params):
    return crm.get(f"{crm.base}/{kind}/{key}", params={"properties": ",".join(properties), **params})


def test_values_are_texts_and_only_those_asked_for(crm):
    made = make(crm, "deals", dealname="Lamps", amount=120.5, dealstage="closedwon", colour="red")
    assert made["properties"]["amount"] == "120.5"
    assert made["properties"]["pipeline"] == "default"
    assert "colour" not in made["properties"]
    assert read(crm, "deals", made["id"], "colour").json()["properties"]["colour"] == "red"


def test_refusals_have_the_shape_of_the_crm(crm, anonymous):
    denied = anonymous.get(f"{crm.base}/contacts")
    assert (denied.status_code, denied.json()["category"]) == (401, "INVALID_AUTHENTICATION")
    first = make(crm, "contacts", email="ann@example.com")
    double = crm.post(f"{crm.base}/contacts", json={"properties": {"email": "ANN@example.com"}})
    assert (double.status_code, double.json()["category"]) == (409, "CONFLICT")
    assert first["id"] in double.json()["message"]
    stage = crm.post(f"{crm.base}/deals", json={"properties": {"dealname": "x", "dealstage": "nowhere"}})
    assert (stage.status_code, stage.json()["category"]) == (400, "VALIDATION_ERROR")
    readonly = crm.patch(f"{crm.base}/contacts/{first['id']}", json={"properties": {"createdate": "x"}})
    assert readonly.status_code == 400
    assert read(crm, "contacts", "999").status_code == 404


def test_too_many_calls_name_the_policy(crm, shop):
    shop.settings(rate_limit={"requests": 1, "period": 10, "retry_after": 3})
    crm.get(f"{crm.base}/contacts")
    refused = crm.get(f"{crm.base}/contacts")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3")
    assert refused.json()["policyName"] == "TEN_SECONDLY_ROLLING"


def test_lists_go_on_with_after(crm):
    keys = [make(crm, "companies", name=f"C{number}")["id"] for number in range(5)]
    seen, after = [], None
    for _ in range(3):
        page = crm.get(f"{crm.base}/companies", params={"limit": 2, "after": after}).json()
        seen += [record["id"] for record in page["results"]]
        after = page.get("paging", {}).get("next", {}).get("after")
    assert (seen, after) == (keys, None)


def test_searches_filter_sort_and_page(crm):
    for number in (3, 1, 2):
        make(crm, "deals", dealname=f"D{number}", amount=number * 9)  # 9, 18, 27: numbers, not texts
    changed = make(crm, "deals", dealname="late", amount=1)["properties"]["hs_lastmodifieddate"]
    rule = {"propertyName": "amount", "operator": "GTE", "value": "10"}
    body = {"filterGroups": [{"filters": [rule]}], "limit": 1}
    body["sorts"] = [{"propertyName": "amount", "direction": "DESCENDING"}]
    first = crm.post(f"{crm.base}/deals/search", json=body).json()
    assert (first["total"], first["results"][0]["properties"]["dealname"]) == (2, "D3")
    second = crm.post(f"{crm.base}/deals/search", json={**body, "after": first["paging"]["next"]["after"]}).json()
    assert (second["results"][0]["properties"]["dealname"], "paging" in second) == ("D2", False)
    since = {"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": changed}
    late = crm.post(f"{crm.base}/deals/search", json={"filterGroups": [{"filters": [since]}]}).json()
    assert [record["properties"]["dealname"] for record in late["results"]] == ["late"]
    beyond = crm.post(f"{crm.base}/deals/search", json={"after": "10000"})
    assert beyond.status_code == 400


def test_batches(crm):
    inputs = [{"properties": {"email": f"b{number}@example.com"}} for number in range(3)]
    made = crm.post(f"{crm.base}/contacts/batch/create", json={"inputs": inputs})
    assert (made.status_code, made.json()["status"]) == (201, "COMPLETE")
    again = crm.post(f"{crm.base}/contacts/batch/create", json={"inputs": [{"properties": {"email": "new@x.y"}}, inputs[0]]})
    assert again.status_code == 409
    assert crm.get(f"{crm.base}/contacts/new@x.y", params={"idProperty": "email"}).status_code == 404
    keys = [{"id": record["id"]} for record in made.json()["results"]]
    updates = [{**key, "properties": {"phone": "1"}} for key in keys]
    crm.post(f"{crm.base}/contacts/batch/update", json={"inputs": updates})
    found = crm.post(f"{crm.base}/contacts/batch/read", json={"inputs": keys, "properties": ["phone"]}).json()
    assert [record["properties"]["phone"] for record in found["results"]] == ["1", "1", "1"]


def test_a_merged_record_answers_as_the_survivor(crm):
    company = make(crm, "companies", name="Acme")["id"]
    kept = make(crm, "contacts", email="a@example.com", firstname="Ann")["id"]
    gone = make(crm, "contacts", email="b@example.com", phone="7", associatedcompanyid=company)["id"]
    deal = make(crm, "deals", [{"to": {"id": gone}, "types": [{"associationTypeId": 3}]}], dealname="D")["id"]
    crm.post(f"{crm.base}/contacts/merge", json={"primaryObjectId": kept, "objectIdToMerge": gone})
    there = read(crm, "contacts", gone, "phone", "hs_merged_object_ids", "associatedcompanyid").json()
    assert there["id"] == kept
    assert (there["properties"]["phone"], there["properties"]["hs_merged_object_ids"]) == ("7", gone)
    assert there["properties"]["associatedcompanyid"] == company
    assert [record["id"] for record in crm.get(f"{crm.base}/contacts").json()["results"]] == [kept]
    linked = read(crm, "deals", deal, associations="contacts").json()["associations"]
    assert linked["contacts"]["results"] == [{"id": kept, "type": "deal_to_contact"}]
    crm.patch(f"{crm.base}/contacts/{gone}", json={"properties": {"phone": "8"}})
    assert read(crm, "contacts", kept, "phone").json()["properties"]["phone"] == "8"


def test_members_of_lists_follow_merges(crm, shop):
    lists = f"{shop.url}/crm/v3/lists"
    one, two = (make(crm, "contacts", email=f"{name}@example.com")["id"] for name in "ab")
    key = crm.post(lists, json={"name": "Newsletter"}).json()["list"]["listId"]
    added = crm.put(f"{lists}/{key}/memberships/add", json=[one, two, "999"]).json()
    assert (added["recordsIdsAdded"], added["recordIdsMissing"]) == ([one, two], ["999"])
    crm.post(f"{crm.base}/contacts/merge", json={"primaryObjectId": one, "objectIdToMerge": two})
    members = crm.get(f"{lists}/{key}/memberships").json()["results"]
    assert [member["recordId"] for member in members] == [one]
    crm.put(f"{lists}/{key}/memberships/remove", json=[one])
    assert crm.get(f"{lists}/{key}").json()["list"]["size"] == 1  # the merged one is still there under its old ID


def test_a_reset_empties_the_crm(crm, shop):
    make(crm, "contacts", email="a@example.com")
    shop.reset()
    assert crm.get(f"{crm.base}/contacts").json()["results"] == []
