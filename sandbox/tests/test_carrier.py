"""The carrier: addresses, rates, postage that is bought once, labels, refunds, tracking."""

import hashlib
import hmac
import json

import pytest

GHENT = {"name": "Anna Peeters", "street1": "Veldstraat 1", "city": "Gent", "zip": "9000", "country": "BE"}
UTRECHT = {"name": "Jan Bos", "street1": "Oudegracht  7", "city": "Utrecht", "zip": "3511ab", "country": "NL"}


@pytest.fixture
def carrier(anonymous, shop):
    """``carrier(method, path, body)``: status and decoded answer."""

    def call(method, path, body=None, key=shop.api_key):
        answer = anonymous.request(method, f"{shop.url}/v2/{path}", json=body, auth=(key, ""))
        return answer.status_code, answer.json()

    return call


def shipment(**changes):
    return {"shipment": {"to_address": UTRECHT, "from_address": GHENT, "parcel": {"weight": 35.3}, **changes}}


def bought(carrier, service="Economy", **changes):
    made = carrier("POST", "shipments", shipment(**changes))[1]
    rate = next(rate for rate in made["rates"] if rate["service"] == service)
    status, answer = carrier("POST", f"shipments/{made['id']}/buy", {"rate": {"id": rate["id"]}})
    assert status == 200, answer
    return answer


def test_only_with_the_key(carrier):
    status, answer = carrier("GET", "shipments", key="wrong")
    assert (status, answer["error"]["code"]) == (401, "APIKEY.INACTIVE")
    assert carrier("GET", "nothing")[1]["error"]["code"] == "NOT_FOUND"


def test_addresses_are_corrected_or_refused(carrier):
    status, found = carrier("POST", "addresses", {"address": UTRECHT, "verify_strict": True})
    assert (status, found["zip"], found["street1"]) == (201, "3511 AB", "Oudegracht 7")
    assert found["verifications"]["delivery"]["success"] is True
    bad = {**GHENT, "street1": "Veldstraat", "zip": "12"}
    _, found = carrier("POST", "addresses", {"address": bad, "verify": True})
    errors = found["verifications"]["delivery"]["errors"]
    assert {error["field"] for error in errors} == {"street1", "zip"}
    status, answer = carrier("POST", "addresses", {"address": bad, "verify_strict": True})
    assert (status, answer["error"]["code"]) == (422, "ADDRESS.VERIFY.FAILURE")
    assert "House number" in answer["error"]["errors"][0]["message"]


def test_rates_by_weight_and_country(carrier):
    def services(to, weight):
        made = carrier("POST", "shipments", shipment(to_address=to, parcel={"weight": weight}))[1]
        return {rate["service"]: rate["rate"] for rate in made["rates"]}

    assert services(UTRECHT, 35.27396) == {"Economy": "4.90", "Express": "10.80", "Local": "3.50"}
    berlin = {**GHENT, "country": "DE", "zip": "10115"}
    assert set(services(berlin, 35)) == {"Economy", "Express"}
    assert set(services(berlin, 25 * 35.27396)) == {"Express"}
    for weight in (0, -1, None, "2", 31 * 35.27396):
        status, answer = carrier("POST", "shipments", shipment(parcel={"weight": weight}))
        assert (status, answer["error"]["errors"][0]["field"]) == (422, "parcel.weight")
    status, answer = carrier("POST", "shipments", shipment(to_address={**GHENT, "country": "JP"}))
    assert answer["error"]["errors"][0] == {
        "field": "to_address.country", "message": "Country is not served", "suggestion": None}  # fmt: skip


def test_dimensions_have_a_limit(carrier):
    made = carrier("POST", "shipments", shipment(parcel={"weight": 10, "length": 10, "width": 5.5}))[1]
    assert made["parcel"] == {"weight": 10.0, "length": 10.0, "width": 5.5}
    for length in (0, 48, "10"):
        status, answer = carrier("POST", "shipments", shipment(parcel={"weight": 10, "length": length}))
        assert (status, answer["error"]["errors"][0]["field"]) == (422, "parcel.length")


def test_customs_papers_leave_the_union_with_the_parcel(carrier):
    item = {"description": "Box", "quantity": 1, "value": 12.5, "weight": 10, "hs_tariff_number": "4819.10",
            "origin_country": "BE"}  # fmt: skip
    york = {**GHENT, "city": "New York", "zip": "10001", "country": "US"}

    def refused(info):
        made = carrier("POST", "shipments", shipment(to_address=york, customs_info=info))[1]
        rate = {"rate": {"id": made["rates"][0]["id"]}}
        status, answer = carrier("POST", f"shipments/{made['id']}/buy", rate)
        return [error["field"] for error in answer["error"]["errors"]] if status == 422 else status

    signed = {"customs_certify": True, "customs_signer": "Dana"}
    assert refused(None) == ["customs_info"]
    assert refused({"customs_items": [item]}) == ["customs_info.customs_certify"]
    assert refused({**signed, "customs_items": [{**item, "hs_tariff_number": None, "value": 0}]}) == [
        "customs_items[0].hs_tariff_number", "customs_items[0].value"]  # fmt: skip
    assert refused({**signed, "customs_items": [item]}) == 200


def test_postage_is_bought_once(carrier, shop):
    made = bought(carrier, reference="WH/OUT/1")
    assert made["selected_rate"]["service"] == "Economy"
    status, answer = carrier("POST", f"shipments/{made['id']}/buy", {"rate": {"id": made["rates"][0]["id"]}})
    assert (status, answer["error"]["code"]) == (422, "SHIPMENT.POSTAGE.EXISTS")
    assert carrier("GET", "shipments/WH%2FOUT%2F1")[1]["id"] == made["id"]
    other = carrier("POST", "shipments", shipment(reference="WH/OUT/1"))[1]
    status, answer = carrier("POST", f"shipments/{other['id']}/buy", {"rate": {"id": made["rates"][0]["id"]}})
    assert (status, answer["error"]["code"]) == (422, "SHIPMENT.POSTAGE.FAILURE")
    assert shop.counts()["doubled"] == {"shipments": {"by_reference": {"WH/OUT/1": 2}}}
    _, listed = carrier("GET", "shipments?page_size=1")
    assert ([one["id"] for one in listed["shipments"]], listed["has_more"]) == ([other["id"]], True)
    _, listed = carrier("GET", "shipments?purchased=true")
    assert [one["id"] for one in listed["shipments"]] == [made["id"]]


def test_labels_are_files(carrier, anonymous):
    made = bought(carrier, options={"print_custom_1": "S(1)^XZ"})
    pdf = anonymous.get(made["postage_label"]["label_url"])
    assert pdf.headers["Content-Type"] == "application/pdf"
    assert pdf.content.startswith(b"%PDF-1.4")
    start = int(pdf.content.split(b"startxref\n")[1].split(b"\n")[0])
    assert pdf.content[start:].startswith(b"xref\n0 6")
    assert made["tracking_code"].encode() in pdf.content and rb"S\(1\)" in pdf.content
    _, found = carrier("GET", f"shipments/{made['id']}/label?file_format=ZPL")
    zpl = anonymous.get(found["postage_label"]["label_zpl_url"]).text
    assert zpl.startswith("^XA") and zpl.count("^XZ") == 1
    draft = carrier("POST", "shipments", shipment())[1]
    assert carrier("GET", f"shipments/{draft['id']}/label?file_format=ZPL")[0] == 422


def test_refund_until_it_is_on_its_way(carrier, shop):
    made, gone = bought(carrier), bought(carrier)
    assert carrier("POST", f"shipments/{made['id']}/refund")[1]["refund_status"] == "submitted"
    shop.control("POST", "track", {"tracking_code": gone["tracking_code"], "status": "in_transit"})
    status, answer = carrier("POST", f"shipments/{gone['id']}/refund")
    assert (status, answer["error"]["code"]) == (422, "SHIPMENT.REFUND.UNAVAILABLE")


def test_tracking_is_told_and_can_be_asked(carrier, shop, receiver):
    made = bought(carrier)
    status, hook = carrier("POST", "webhooks", {"webhook": {"url": receiver.url, "webhook_secret": "s3"}})
    assert status == 201
    shop.control("POST", "track", {"tracking_code": made["tracking_code"], "status": "delivered"})
    headers, body = receiver.next()
    event = json.loads(body)
    assert event["description"] == "tracker.updated"
    assert (event["previous_attributes"]["status"], event["result"]["status"]) == ("pre_transit", "delivered")
    signature = hmac.new(b"s3", body, hashlib.sha256).hexdigest()
    assert headers["X-Hmac-Signature"] == f"hmac-sha256-hex={signature}"
    _, found = carrier("GET", f"trackers?tracking_code={made['tracking_code']}")
    assert [one["status"] for one in found["trackers"]] == ["delivered"]
    assert carrier("DELETE", f"webhooks/{hook['id']}")[0] == 200


def test_faults_and_resets_meet_the_carrier_too(carrier, shop):
    shop.fault("status", status=503, path="^/v2/shipments", body={"error": {"code": "X", "message": "Down"}})
    assert carrier("POST", "shipments", shipment())[0] == 503
    assert carrier("POST", "shipments", shipment())[0] == 201
    assert shop.counts()["by_route"]["POST /v2/shipments"] == 2
    shop.reset()
    assert carrier("GET", "shipments")[1]["shipments"] == []
