"""Webhooks: signed in four ways, tried again, and badly behaved when asked to."""

import base64
import hashlib
import hmac
import json

import pytest

SECRET = "s3cret"  # of a test


def subscribe(api, receiver, topic="customer.updated", **more):
    body = {"topic": topic, "delivery_url": receiver.url, "secret": SECRET, **more}
    answer = api.post("webhooks", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def digest(secret, message):
    return hmac.new(secret, message, hashlib.sha256)


def test_delivered_with_the_shops_headers(shop, api, receiver):
    hook = subscribe(api, receiver)
    assert hook["resource"] == "customer"
    assert hook["event"] == "updated"
    assert "secret" not in hook
    record = api.put("customers/1", json={"first_name": "Änna"}).json()
    headers, body = receiver.next()
    assert json.loads(body) == record
    assert headers["X-WC-Webhook-Topic"] == "customer.updated"
    assert headers["X-WC-Webhook-Resource"] == "customer"
    assert headers["X-WC-Webhook-Event"] == "updated"
    assert headers["X-WC-Webhook-ID"] == str(hook["id"])
    assert headers["X-WC-Webhook-Source"] == f"{shop.url}/"
    assert headers["X-WC-Webhook-Delivery-ID"]
    assert (
        headers["X-WC-Webhook-Signature"] == base64.b64encode(digest(SECRET.encode(), body).digest()).decode()
    )


def test_standard_webhooks(api, receiver, shop):
    secret = "whsec_" + base64.b64encode(b"key").decode()
    subscribe(api, receiver, signature_style="standard_webhooks", secret=secret)
    shop.touch("customers", ids=[1])
    headers, body = receiver.next()
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    assert headers["webhook-signature"] == "v1," + base64.b64encode(digest(b"key", signed).digest()).decode()


def test_stripe_and_github(api, receiver, shop):
    hook = subscribe(api, receiver, signature_style="stripe")
    shop.touch("customers", ids=[1])
    headers, body = receiver.next()
    moment, signature = (part.partition("=")[2] for part in headers["Stripe-Signature"].split(","))
    assert signature == digest(SECRET.encode(), f"{moment}.".encode() + body).hexdigest()
    api.put(f"webhooks/{hook['id']}", json={"signature_style": "github", "secret": "other"})
    shop.touch("customers", ids=[1])
    headers, body = receiver.next()
    assert headers["X-Hub-Signature-256"] == "sha256=" + digest(b"other", body).hexdigest()


def test_topics(shop, api, receiver):
    for topic in (
        "order.created",
        "order.updated",
        "product.updated",
        "customer.created",
        "customer.deleted",
    ):
        subscribe(api, receiver, topic)
    [order] = shop.create("orders", {"line_items": [{"sku": "HOME-MUG"}], "status": "processing"})
    got = [receiver.next() for _ in range(2)]
    assert sorted(headers["X-WC-Webhook-Topic"] for headers, _ in got) == ["order.created", "product.updated"]
    api.put(f"orders/{order}", json={"status": "completed"})
    headers, body = receiver.next()
    assert (headers["X-WC-Webhook-Topic"], json.loads(body)["status"]) == ("order.updated", "completed")
    [customer] = shop.create("customers")
    assert receiver.next()[0]["X-WC-Webhook-Topic"] == "customer.created"
    shop.delete("customers", customer)
    headers, body = receiver.next()
    assert (headers["X-WC-Webhook-Topic"], json.loads(body)) == ("customer.deleted", {"id": customer})
    assert set(shop.counts()["creates"]) == {"webhooks"}, "what the shop does itself is not counted"


def test_thin_payload(shop, api, receiver):
    subscribe(api, receiver, payload_style="thin")
    shop.touch("customers", ids=[2])
    assert json.loads(receiver.next()[1]) == {"id": 2}


def test_tried_again_with_the_same_id(shop, api, receiver):
    subscribe(api, receiver)
    receiver.statuses = [500, 404]
    shop.touch("customers", ids=[1])
    got = [receiver.next() for _ in range(3)]
    assert len({headers["X-WC-Webhook-Delivery-ID"] for headers, _ in got}) == 1
    assert len({body for _, body in got}) == 1
    log = shop.wait_until(lambda: [d for d in shop.webhooks()["deliveries"] if d["state"] == "delivered"])
    assert [attempt["status"] for attempt in log[0]["attempts"]] == [500, 404, 200]


def test_given_up_and_silently_disabled(shop, api, receiver):
    shop.settings(webhook_retry_delays=[0.01], webhook_disable_after=2)
    hook = subscribe(api, receiver)
    receiver.statuses = [500] * 4
    shop.touch("customers", ids=[1, 2])
    shop.wait_until(lambda: api.get(f"webhooks/{hook['id']}").json()["status"] == "disabled")
    shop.touch("customers", ids=[3])
    assert len(shop.webhooks()["deliveries"]) == 2
    api.put(f"webhooks/{hook['id']}", json={"status": "active"})
    while not receiver.received.empty():
        receiver.next()
    shop.touch("customers", ids=[4])
    assert json.loads(receiver.next()[1])["id"] == 4


def test_nobody_listens(shop, api, receiver):
    subscribe(api, receiver)
    receiver.stop()
    shop.touch("customers", ids=[1])
    state = shop.wait_until(lambda: [d for d in shop.webhooks()["deliveries"] if d["state"] == "failed"])
    assert state[0]["attempts"][0]["error"]


def test_bad_manners_on_demand(shop, api, receiver):
    shop.settings(webhook_workers=1)  # several at once overtake each other
    subscribe(api, receiver)
    shop.webhooks(duplicate=1)
    shop.touch("customers", ids=[1])
    first, second = receiver.next(), receiver.next()
    assert first[0]["X-WC-Webhook-Delivery-ID"] == second[0]["X-WC-Webhook-Delivery-ID"]
    shop.webhooks(hold=True)
    shop.touch("customers", ids=[1, 2, 3])
    assert shop.webhooks()["held"] == 3
    shop.webhooks(release="reverse")
    assert [json.loads(receiver.next()[1])["id"] for _ in range(3)] == [3, 2, 1]
    shop.webhooks(drop=1)
    shop.touch("customers", ids=[4, 5])
    assert json.loads(receiver.next()[1])["id"] == 5
    shop.webhooks(bad_signature=1)
    shop.touch("customers", ids=[6])
    headers, body = receiver.next()
    assert (
        headers["X-WC-Webhook-Signature"] != base64.b64encode(digest(SECRET.encode(), body).digest()).decode()
    )
    shop.webhooks(redeliver=first[0]["X-WC-Webhook-Delivery-ID"])
    assert receiver.next()[1] == first[1]


def test_the_ping_is_unsigned_and_no_json(shop, api, receiver):
    shop.settings(webhook_ping=True)
    hook = subscribe(api, receiver)
    headers, body = receiver.next()
    assert body == f"webhook_id={hook['id']}".encode()
    assert "X-WC-Webhook-Signature" not in headers


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"topic": "nothing"}, "woocommerce_rest_invalid_webhook_topic"),
        ({"delivery_url": "ftp://127.0.0.1"}, "woocommerce_rest_invalid_webhook_delivery_url"),
        ({"delivery_url": "http://example.com/x"}, "sandbox_delivery_url_not_loopback"),
        ({"delivery_url": "http://127.0.0.1.example.com/x"}, "sandbox_delivery_url_not_loopback"),
        ({"signature_style": "none"}, "rest_invalid_param"),
    ],
)
def test_refused(api, receiver, change, code):
    body = {"topic": "order.created", "delivery_url": receiver.url} | change
    answer = api.post("webhooks", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
