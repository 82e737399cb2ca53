"""What a delivery holds, and who may send it."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_flow.core import webhooks
from integration_flow.core.errors import SyncError

FORM = "application/x-www-form-urlencoded; charset=utf-8"


@pytest.mark.parametrize(
    ("raw", "kind", "expected"),
    [
        (b'{"id": 7}', "application/json", {"id": 7}),
        (b'{"id": 7}', "", {"id": 7}),
        (b"[1]", "text/plain", [1]),
        (b"id=7&empty=", FORM, {"id": "7", "empty": ""}),
        (b"payload=%7B%22id%22%3A+7%7D", FORM, {"id": 7}),
        (b"payload=hello", FORM, {"payload": "hello"}),
        (b"payload=%7B%7D&more=1", FORM, {"payload": "{}", "more": "1"}),
        (b"a=1&a=2", FORM, {"a": "2"}),
    ],
)
def test_parse(raw, kind, expected):
    assert webhooks.parse(raw, kind) == expected


@pytest.mark.parametrize(
    ("raw", "kind", "code"),
    [
        (b"", "application/json", "empty_body"),
        (b"", FORM, "empty_body"),
        (b"{", "application/json", "malformed_json"),
        (b"payload=%7B", FORM, "malformed_json"),
        (b"[" * 500 + b"]" * 500, "", "too_deep"),
        (b"--x--", "multipart/form-data; boundary=x", "unsupported_content"),
        (b"<a/>", "application/soap+xml", "unsupported_content"),
        (b"&".join(b"a%d=" % n for n in range(2000)), FORM, "unsupported_content"),
        (b"a=" + b"b" * 50, FORM, "body_too_large"),
    ],
)
def test_parse_refuses(raw, kind, code):
    with pytest.raises(SyncError) as caught:
        webhooks.parse(raw, kind, max_bytes=40 if code == "body_too_large" else 100_000)
    assert caught.value.code == code


@given(raw=st.binary(max_size=300), kind=st.sampled_from(["", FORM, "application/json", "multipart/x", "\x00"]))
def test_parse_never_fails_otherwise(raw, kind):
    with contextlib.suppress(SyncError):
        webhooks.parse(raw, kind)


@pytest.mark.parametrize(
    ("header", "path", "expected"),
    [
        ("X-Event", "", "paid"),
        ("x-EVENT", "type", "paid"),
        ("X-Missing", "type", "order"),
        ("", "data.number", "12"),
        ("", "flag", ""),
        ("", "data", ""),
        ("", "nothing", ""),
        ("", "bad((", ""),
    ],
)
def test_find_text(header, path, expected):
    document = {"type": "order", "data": {"number": 12}, "flag": True}
    assert webhooks.find_text({"X-Event": "paid"}, header, document, path) == expected


def test_long_ids_stay_different():
    one, other = webhooks.short("a" * 300), webhooks.short("a" * 299 + "b")
    assert one != other
    assert len(one) <= webhooks.LONGEST
    assert webhooks.short(" \x00a\n") == "a"


@pytest.mark.parametrize(
    ("pattern", "topic", "expected"),
    [
        ("order.created", "order.created", True), ("order.created", "order.createdx", False), ("order.*", "order.x", True),
        ("*", "", True), ("order.?", "order.1", True), ("a[b]", "a[b]", True), ("a[b]", "ab", False),
        ("ORDERS/*", "orders/create", True), ("", "", True), ("", "x", False),
    ],
)  # fmt: skip
def test_fits(pattern, topic, expected):
    assert webhooks.fits(pattern, topic) is expected


@pytest.mark.parametrize(
    ("address", "allow_list", "expected"),
    [
        ("10.1.2.3", "", True), ("10.1.2.3", " \n", True), ("10.1.2.3", "10.1.2.3", True), ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8\n 12.0.0.1", False), ("::1", "10.0.0.0/8, ::1", True),
        ("2001:db8::5", "2001:db8::/32", True), ("::ffff:10.1.2.3", "10.0.0.0/8", True), ("", "10.0.0.0/8", False),
        ("10.1.2.3, 1.1.1.1", "1.1.1.1", False), ("10.1.2.3", "0.0.0.0/0", True), ("::1", "0.0.0.0/0", False),
    ],
)  # fmt: skip
def test_is_allowed(address, allow_list, expected):
    assert webhooks.is_allowed(address, allow_list) is expected


def test_networks_name_what_is_wrong():
    with pytest.raises(ValueError, match="shop.example"):
        webhooks.networks("10.0.0.1\nshop.example")


def test_is_ping():
    assert webhooks.is_ping(b"webhook_id=12", FORM)
    assert not webhooks.is_ping(b"webhook_id=12&x=1", FORM)
    assert not webhooks.is_ping(b"webhook_id=12", "application/json")


def test_challenge():
    assert webhooks.challenge({"type": "url_verification", "challenge": "abc"}) == "abc"
    assert webhooks.challenge({"type": "url_verification", "challenge": 1}) == ""
    assert webhooks.challenge({"challenge": "abc"}) == ""
    assert webhooks.challenge(["url_verification"]) == ""


def test_items_at():
    assert webhooks.items_at({"a": [{"id": 1}, {"id": 2}]}, "a[].id") == [1, 2]
    assert webhooks.items_at([1], "") == [1]
    with pytest.raises(SyncError):
        webhooks.items_at({}, "a[")
