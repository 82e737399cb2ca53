"""Signatures of webhooks out: against the standard's own vector, its library, and an independent computation."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from integration_flow.transport import Client, ConnectionConfig, Request, webhooks

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def by_hand(secret, event_id, timestamp, body):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{event_id}.{timestamp}.{body}".encode(), hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def test_the_published_vector():
    made = webhooks.headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", '{"test": 2432232314}', [SECRET], datetime.fromtimestamp(1614265330, UTC))
    assert made == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200), st.binary(min_size=24, max_size=64))
def test_library_and_hand_agree(body, raw):
    secret = webhooks.new_secret(raw)
    assert webhooks.is_secret(secret)
    made = webhooks.headers("evt_1", body, [secret], datetime.now(UTC))
    Webhook(secret).verify(body.encode(), made, json_parse=False)
    assert made["webhook-signature"] == by_hand(secret, "evt_1", made["webhook-timestamp"], body)


def test_two_secrets_two_signatures():
    new, old, other = (webhooks.new_secret(bytes([number]) * 32) for number in (1, 2, 3))
    made = webhooks.headers("evt_1", "{}", [new, old], datetime.now(UTC))
    assert made["webhook-signature"].count("v1,") == 2
    for secret in (new, old):
        Webhook(secret).verify("{}", made)
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify("{}", made)


def test_an_id_with_a_full_stop_could_be_read_in_two_ways():
    with pytest.raises(ValueError, match="full stop"):
        webhooks.headers("evt.1", "{}", [SECRET], datetime.now(UTC))


@pytest.mark.parametrize(
    "text",
    ["", "whsec_", SECRET.removeprefix("whsec_"), "whsec_" + "A" * 28, "whsec_" + "A" * 88, "whsec_ä", "whsk_" + "A" * 32])
def test_what_is_no_secret(text):
    assert not webhooks.is_secret(text)


def test_what_is_signed_is_what_is_sent(server):
    body = '{"type":"a.created","data":{"name":"Zoë","total":1.50}}'
    with Client(ConnectionConfig(server.url, status_only=True)) as client:
        made = webhooks.headers("evt_1", body, [SECRET], datetime.now(UTC))
        exchange = client.send(Request("POST", "hook?team=7", body=body, format="ready", headers=made, idempotent=True))
    assert exchange.error is None
    [seen] = server.seen
    assert seen.target == "/hook?team=7" and seen.headers["content-type"] == "application/json"
    Webhook(SECRET).verify(seen.body, seen.headers)
    assert seen.body == body.encode()
    assert exchange.request_headers["webhook-signature"] == "***"
