"""The chat's incoming webhooks: they answer as Slack documents it, and as Teams does."""

import pytest

from ..chat import CARD, TOKEN


@pytest.fixture
def post(shop, anonymous):
    def call(body, hook="services/T1/general", token=TOKEN, **kwargs):
        path = f"{hook}/{token}"
        return anonymous.post(f"{shop.url}/chat/{path}", **({"json": body} if body is not None else {}), **kwargs)

    return call


@pytest.fixture
def messages(shop, anonymous):
    def call():
        answer = anonymous.get(f"{shop.url}/chat/messages", headers={"X-Control-Key": shop.control_key})
        return answer.json()["messages"]

    return call


def test_a_message_is_posted_once(post, messages):
    answer = post({"text": "Hello"})
    assert (answer.status_code, answer.text) == (200, "ok")
    assert messages() == [{"hook": "general", "body": {"text": "Hello"}}]


def test_refusals_say_why_in_one_word(post, messages):
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}
    for body, status, word in (
        ({}, 400, "no_text"), ([], 400, "invalid_payload"), ({"blocks": [section]}, 400, "invalid_blocks"),
        ({"text": 7}, 400, "invalid_payload"),
    ):
        answer = post(body)
        assert (answer.status_code, answer.text) == (status, word)
    assert post(None, data=b"{").text == "invalid_payload"
    for hook, token, status, word in (
        ("services/T1/general", "wrong", 404, "no_service"), ("services/T1/archived", TOKEN, 410, "channel_is_archived"),
        ("services/T1/prohibited", TOKEN, 403, "action_prohibited"),
    ):
        answer = post({"text": "x"}, hook, token)
        assert (answer.status_code, answer.text) == (status, word)
    assert messages() == []


def test_too_many(shop, post, messages):
    shop.fault("rate_limit", path="/chat/", retry_after=30, body="rate_limited")
    answer = post({"text": "x"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "30")
    assert messages() == []
    assert post({"text": "x"}).status_code == 200


def test_adaptive_cards(post, messages):
    card = {"type": "message", "attachments": [{"contentType": CARD, "content": {"type": "AdaptiveCard", "body": []}}]}
    assert post(card, "workflows").status_code == 202
    assert post({"text": "x"}, "workflows").status_code == 400
    assert post(card, "workflows", "wrong").status_code == 401
    assert [message["hook"] for message in messages()] == ["teams"]


def test_reset_forgets(shop, post, messages):
    post({"text": "x"})
    shop.reset("empty")
    assert messages() == []
    answer = shop.call("GET", "/chat/messages")
    assert answer[0] == 401
