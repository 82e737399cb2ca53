"""The route planner: orders, plans and what drivers report."""

import pytest


@pytest.fixture
def ask(shop, anonymous):
    def call(name, body=None, **params):
        url = f"{shop.url}/planner/v1/{name}"
        params = {"key": shop.api_key, **params}
        answer = anonymous.get(url, params=params) if body is None else anonymous.post(url, params=params, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return call


STOP = {"operation": "CREATE", "orderNo": "W1", "type": "D", "date": "2027-01-04", "location": {"address": "Rue 1"}}


def test_refusals_are_200(ask):
    assert ask("create_order", STOP, key="wrong")["code"] == "AUTH_KEY_UNKNOWN"
    assert ask("create_order", STOP)["success"]
    assert ask("create_order", STOP)["code"] == "ERR_ORD_EXISTS"
    assert ask("create_order", {**STOP, "orderNo": "W2", "location": {"address": " "}})["code"] == "ERR_LOC_GEOCODING"
    assert ask("create_order", {**STOP, "orderNo": "W3", "operation": "UPDATE"})["code"] == "ERR_ORD_NOT_FOUND"
    assert ask("create_order", {"operation": "CREATE", "orderNo": "W4"})["code"] == "ERR_MISSING_MAND_FIELD"


def test_merge_changes_what_is_sent(ask):
    key = ask("create_order", {**STOP, "phone": "1"})["id"]
    assert ask("create_order", {"operation": "MERGE", "id": key, "phone": "2"})["id"] == key
    found, missing = ask("get_orders", {"orders": [{"orderNo": "W1"}, {"orderNo": "nowhere"}]})["orders"]
    assert (found["data"]["phone"], found["data"]["date"], missing["code"]) == ("2", "2027-01-04", "ERR_ORD_NOT_FOUND")
    ask("delete_order", {"orderNo": "W1"})
    assert not ask("get_orders", {"orders": [{"id": key}]})["orders"][0]["success"]


def test_plan_and_completion(ask):
    ask("create_order", {**STOP, "timeWindows": [{"twFrom": "13:00", "twTo": "17:00"}]})
    assert ask("get_scheduling_info", orderNo="W1")["orderScheduled"] is False
    ask("start_planning", {"date": "2027-01-04"})
    plan = ask("get_scheduling_info", orderNo="W1")["scheduleInformation"]
    assert (plan["stopNumber"], plan["scheduledAt"], plan["driverName"]) == (1, "13:01", "Dana Driver")
    assert [stop["orderNo"] for stop in ask("get_routes", date="2027-01-04")["routes"][0]["stops"]] == ["W1"]
    ask("sandbox/drive", {"orderNo": "W1", "status": "success", "note": "Left at door", "images": ["http://x/1.jpg"]})
    done = ask("get_completion_details", {"orders": [{"orderNo": "W1"}]})["orders"][0]["data"]
    assert (done["status"], done["form"]["note"], done["form"]["images"][0]["url"]) == (
        "success", "Left at door", "http://x/1.jpg")
