"""The data warehouse: bulk loads as JSON and CSV, packed or not; forecasts by pages."""

import gzip

import pytest

from .conftest import Session


@pytest.fixture
def warehouse(shop):
    with Session(shop, Authorization=f"Bearer {shop.api_key}") as session:
        session.base = f"{shop.url}/warehouse/v1"
        yield session


def table(warehouse, name):
    return warehouse.get(f"{warehouse.base}/tables/{name}").json()


def test_rows_are_kept_by_their_key(warehouse):
    rows = [{"row_key": 1, "amount": "5"}, {"amount": "6"}, {"row_key": 2, "tags": ["a"]}]
    answer = warehouse.put(f"{warehouse.base}/load/sales", json={"rows": rows}).json()
    assert [bool(result["error"]) for result in answer["results"]] == [False, True, True]
    warehouse.put(f"{warehouse.base}/load/sales", json={"rows": [{"row_key": 1, "amount": "7"}]})
    kept = table(warehouse, "sales")
    assert kept["rows"] == [{"row_key": 1, "amount": "7"}]
    assert [load["refused"] for load in kept["loads"]] == [2, 0]


def test_csv_packed(warehouse):
    body = gzip.compress(b'row_key,name\r\n1,"A, B"\r\n,lost\r\n')
    headers = {"Content-Type": "text/csv", "Content-Encoding": "gzip"}
    answer = warehouse.put(f"{warehouse.base}/load/sales", data=body, headers=headers)
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.text.splitlines() == ["row_key,error", "1,", ",row_key is missing"]
    kept = table(warehouse, "sales")
    assert kept["rows"] == [{"row_key": "1", "name": "A, B"}]
    assert (kept["loads"][0]["format"], kept["loads"][0]["gzip"], kept["loads"][0]["rows"]) == ("csv", True, 2)
    broken = warehouse.put(f"{warehouse.base}/load/sales", data=b"no gzip", headers=headers)
    assert (broken.status_code, broken.json()["error"]["code"]) == (400, "bad_encoding")


def test_forecasts_by_pages_and_since(warehouse, anonymous):
    assert anonymous.get(f"{warehouse.base}/forecasts").status_code == 401
    rows = [
        {"sku": f"S{number}", "warehouse": "WH", "minimum": number, "maximum": 9,
         "updated_at": f"2026-01-0{number + 1}T06:00:00Z"}
        for number in range(3)
    ]
    warehouse.put(f"{warehouse.base}/forecasts", json=rows)
    first = warehouse.get(f"{warehouse.base}/forecasts", params={"limit": 2}).json()
    rest = warehouse.get(f"{warehouse.base}/forecasts", params={"limit": 2, "after": first["next"]}).json()
    assert [row["sku"] for row in first["forecasts"] + rest["forecasts"]] == ["S0", "S1", "S2"]
    assert rest["next"] is None
    since = warehouse.get(f"{warehouse.base}/forecasts", params={"since": "2026-01-02T06:00:00Z"}).json()["forecasts"]
    assert [row["sku"] for row in since] == ["S1", "S2"]
    warehouse.put(f"{warehouse.base}/forecasts", json=[{**rows[0], "updated_at": "2026-01-09T06:00:00Z"}])
    changed = warehouse.get(f"{warehouse.base}/forecasts", params={"since": "2026-01-04T00:00:00Z"}).json()["forecasts"]
    assert [(row["sku"], row["updated"]) for row in changed] == [("S0", 4)]
    wrong = warehouse.get(f"{warehouse.base}/forecasts", params={"since": "yesterday"})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (400, "bad_moment")
