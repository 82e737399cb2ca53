"""Webhook signatures: the vectors that platforms publish, an independent library, the sandbox's signer, and attacks."""

import base64
import hashlib
import hmac
import importlib
import json
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from integration_flow.core import signatures
from integration_flow.core.signatures import STYLES, Rejected, Scheme, same, sign, standard_keys, verify

# Published by the platforms themselves: (name, scheme, secret, headers, body, moment at which it is valid).
PUBLISHED = [
    (
        # docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries, "Testing the webhook payload validation"
        "github",
        Scheme("hmac_hex", header="X-Hub-Signature-256", prefix="sha256="),
        "It's a Secret to Everybody",
        {"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
        b"Hello, World!",
        0,
    ),
    (
        # github.com/standard-webhooks/standard-webhooks, libraries/python/tests/test_webhooks.py, test_sign_function
        "standard webhooks",
        Scheme("standard_webhooks"),
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        b'{"test": 2432232314}',
        1614265330,
    ),
    (
        # docs.svix.com/receiving/verifying-payloads: the example of the headers, under the older names
        "svix",
        Scheme("standard_webhooks", header="svix-signature"),
        "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        {
            "svix-id": "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            "svix-timestamp": "1649367553",
            "svix-signature": "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
        },
        b'{"email":"test@example.com","username":"test_user"}',
        1649367553,
    ),
    (
        # docs.slack.dev/authentication/verifying-requests-from-slack, the worked example
        "slack",
        Scheme("slack"),
        "8f742231b10e8888abcd99yyyzzz85a5",
        {
            "X-Slack-Request-Timestamp": "1531420618",
            "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        },
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
        1531420618,
    ),
    (
        # github.com/line/line-bot-sdk-python, tests/test_webhook.py, TestSignatureValidator (X-Line-Signature)
        "line",
        Scheme("hmac_base64", header="X-Line-Signature"),
        "channel_secret",
        {"X-Line-Signature": "/gg9a+LvFevTH1sd7XCQycD7tsWclCsInj7MhBHxN7k="},
        b"bodybodybodybody",
        0,
    ),
    (
        # github.com/HubSpot/hubspot-api-python, tests/utils/test_signature.py, test_get_signature__v3
        "hubspot",
        Scheme("hubspot", url="https://www.example.com/webhook_uri"),
        "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy",
        {
            "X-HubSpot-Signature-v3": "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=",
            "X-HubSpot-Request-Timestamp": "1693657560000",
        },
        b"{'example_field':'example_value'}",
        1693657560,
    ),
]
# github.com/stripe/stripe-dotnet, src/StripeTests: event_test_signature.json as of the library's release that its
# signature was made for (an invoice item), and EventUtilityTest.cs. Written here as data, the bytes are Stripe's.
STRIPE_EVENT = {
    "id": "evt_123", "object": "event", "account": "acct_123", "api_version": "2017-05-25", "created": 1533204620,
    "data": {"object": {
        "id": "ii_123", "object": "invoiceitem", "amount": 1000, "currency": "usd", "customer": "cus_123",
        "date": 1533204620, "description": "Test Invoice Item", "discountable": False, "invoice": "in_123",
        "livemode": False, "metadata": {}, "period": {"start": 1533204620, "end": 1533204620}, "plan": None,
        "proration": False, "quantity": None, "subscription": None}},
    "livemode": False, "pending_webhooks": 1,
    "request": {"id": "req_123", "idempotency_key": "idempotency-key-123"}, "type": "invoiceitem.created",
}  # fmt: skip
STRIPE_HEADER = (
    "t=1533204620,v1=f0bdba6d4eacbd8ad8a3bbadd7248e633ec1477f7899c124c51b39405fa36613,"
    "v0=63f3a72374a733066c4be69ed7f8e5ac85c22c9f0a6a612ab9a025a9e4ee7eef"
)
PUBLISHED.append((
    "stripe", Scheme("timestamped"), "webhook_secret", {"Stripe-Signature": STRIPE_HEADER},
    (json.dumps(STRIPE_EVENT, indent=2) + "\n").encode(), 1533204620))  # fmt: skip
NOW = 1_700_000_000
SECRET = "of a test"  # a secret of a test


@pytest.mark.parametrize(
    ("scheme", "secret", "headers", "body", "moment"), [case[1:] for case in PUBLISHED], ids=[case[0] for case in PUBLISHED]
)
class TestPublished:
    def test_accepted(self, scheme, secret, headers, body, moment):
        assert verify(scheme, [secret], headers, body, moment) == 0

    def test_our_own_signature_is_the_same(self, scheme, secret, headers, body, moment):
        message_id = next((value for name, value in headers.items() if name.endswith("-id")), "")
        ours = sign(scheme, secret, body, now=moment, message_id=message_id)
        for name, value in ours.items():
            theirs = next(text for known, text in headers.items() if known.lower() == name.lower())
            assert theirs == value or theirs.startswith(value + ",")

    def test_one_bit_of_the_body(self, scheme, secret, headers, body, moment):
        changed = body[:-2] + bytes([body[-2] ^ 1]) + body[-1:]
        with pytest.raises(Rejected, match="signature_wrong"):
            verify(scheme, [secret], headers, changed, moment)

    def test_other_secret(self, scheme, secret, headers, body, moment):
        with pytest.raises(Rejected, match="signature_wrong"):
            verify(scheme, [secret + "x"], headers, body, moment)

    def test_second_secret(self, scheme, secret, headers, body, moment):
        assert verify(scheme, ["another", secret], headers, body, moment) == 1


def test_rfc_4231():
    """RFC 4231, test case 2: the function under all of them."""
    scheme = Scheme("hmac_hex", header="X")
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert sign(scheme, "Jefe", b"what do ya want for nothing?", now=0) == {"X": expected}


# -- against others ------------------------------------------------------------------------------------------


@given(body=st.text(max_size=200), key=st.binary(min_size=1, max_size=64))
def test_standard_webhooks_library_accepts_ours(body, key):
    secret = "whsec_" + base64.b64encode(key).decode()
    now = datetime.now(UTC).timestamp()
    document = json.dumps(body).encode()
    headers = sign(Scheme("standard_webhooks"), secret, document, now=now, message_id="msg_1")
    assert Webhook(secret).verify(document, headers) == body
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + base64.b64encode(key + b"x").decode()).verify(document, headers)


@given(body=st.text(max_size=200), key=st.binary(min_size=1, max_size=64))
def test_ours_accepts_the_library(body, key):
    secret = "whsec_" + base64.b64encode(key).decode()
    signature = Webhook(secret).sign("msg_2", datetime.fromtimestamp(NOW, UTC), body)
    headers = {"webhook-id": "msg_2", "webhook-timestamp": str(NOW), "webhook-signature": signature}
    assert verify(Scheme("standard_webhooks"), [secret], headers, body.encode(), NOW) == 0
    # A secret without its prefix is base64 for the library.
    assert verify(Scheme("standard_webhooks"), [secret[6:]], headers, body.encode(), NOW) == 0


SANDBOX_STYLES = {
    "woocommerce": Scheme("hmac_base64", header="X-WC-Webhook-Signature"),
    "github": Scheme("hmac_hex", prefix="sha256="),
    "stripe": Scheme("timestamped"),
    "standard_webhooks": Scheme("standard_webhooks"),
}


@pytest.mark.parametrize("style", SANDBOX_STYLES)
@given(body=st.binary(max_size=300), secret=st.sampled_from(["plain secret", "whsec_a2V5IG9mIGEgdGVzdA=="]))
def test_the_sandbox_signs_as_we_do(style, body, secret):
    sandbox = importlib.import_module("integration_flow.sandbox.signatures")
    scheme = SANDBOX_STYLES[style]
    theirs = sandbox.sign(style, secret, body, "d1", NOW)
    assert verify(scheme, [secret], theirs, body, NOW) == 0
    assert theirs == sign(scheme, secret, body, now=NOW, message_id="d1")


# -- all styles ----------------------------------------------------------------------------------------------

SIGNED = [style for style in STYLES if style not in ("address", "static_query")]


def signed(style, body=b'{"id": 1}', secret=SECRET, **more):
    scheme = Scheme(style, user="shop", **more)
    return scheme, sign(scheme, secret, body, now=NOW, message_id="m1")


@pytest.mark.parametrize("style", SIGNED)
class TestEachStyle:
    def test_round_trip(self, style):
        scheme, headers = signed(style)
        assert verify(scheme, [SECRET], headers, b'{"id": 1}', NOW) == 0

    def test_header_names_in_any_case(self, style):
        scheme, headers = signed(style)
        shouted = {name.upper(): value for name, value in headers.items()}
        assert verify(scheme, [SECRET], shouted, b'{"id": 1}', NOW) == 0

    def test_another_header(self, style):
        scheme, headers = signed(style, header="X-Own-Signature")
        assert any(name.lower().startswith("x-own") for name in headers)
        assert verify(scheme, [SECRET], headers, b'{"id": 1}', NOW) == 0
        with pytest.raises(Rejected):
            verify(Scheme(style, user="shop"), [SECRET], headers, b'{"id": 1}', NOW)

    @pytest.mark.parametrize("secrets", [[], [""], ["", ""]])
    def test_nothing_is_accepted_without_a_secret(self, style, secrets):
        scheme, headers = signed(style, secret="")
        with pytest.raises(Rejected, match="no_secret"):
            verify(scheme, secrets, headers, b'{"id": 1}', NOW)

    def test_wrong_secret(self, style):
        scheme, headers = signed(style, secret="wrong")
        with pytest.raises(Rejected, match="signature_wrong"):
            verify(scheme, [SECRET, "older"], headers, b'{"id": 1}', NOW)

    def test_no_headers(self, style):
        scheme, _headers = signed(style)
        with pytest.raises(Rejected, match="signature_missing|timestamp_missing"):
            verify(scheme, [SECRET], {}, b'{"id": 1}', NOW)

    def test_both_secrets_while_one_replaces_the_other(self, style):
        for number, secret in enumerate(("new", "old")):
            scheme, headers = signed(style, secret=secret)
            assert verify(scheme, ["new", "old"], headers, b'{"id": 1}', NOW) == number

    @given(data=st.data())
    def test_any_rubbish_is_rejected_and_never_fails(self, style, data):
        scheme, headers = signed(style)
        texts = st.text(max_size=60) | st.sampled_from(
            [",", "v1,", "v1=", "t=", "t=1,v1=", "v0=", "sha256=", "Bearer", "Basic !", "Bearer ", "\x00", "Ä", "=" * 40])
        rubbish = {name: data.draw(texts, label=name) for name in headers}
        try:
            verify(scheme, [SECRET], rubbish, data.draw(st.binary(max_size=30)), NOW)
        except Rejected as rejected:
            assert re.fullmatch("signature_(missing|wrong)|timestamp_(missing|outside)", rejected.reason)
        else:
            pytest.fail(f"accepted: {rubbish}")


@pytest.mark.parametrize("style", [style for style in SIGNED if style in signatures.TIMESTAMPED])
@pytest.mark.parametrize(("seconds", "accepted"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)])
def test_replay_window(style, seconds, accepted):
    scheme, headers = signed(style)
    if accepted:
        assert verify(scheme, [SECRET], headers, b'{"id": 1}', NOW + seconds) == 0
    else:
        with pytest.raises(Rejected, match="timestamp_outside"):
            verify(scheme, [SECRET], headers, b'{"id": 1}', NOW + seconds)
        assert verify(Scheme(style, window=600), [SECRET], headers, b'{"id": 1}', NOW + seconds) == 0


@pytest.mark.parametrize("style", [style for style in SIGNED if style in signatures.TIMESTAMPED])
@pytest.mark.parametrize("moment", ["", "soon", "-5", "1e9", "１７", "9" * 13, "1700000000.5", "+1700000000"])
def test_a_time_that_is_none(style, moment):
    scheme, headers = signed(style)
    for name, value in headers.items():
        if "imestamp" in name:
            headers[name] = moment if style != "hubspot" else moment and f"{moment}000"
        elif style == "timestamped":
            headers[name] = value.replace(f"t={NOW}", f"t={moment}")
    with pytest.raises(Rejected, match="timestamp_missing"):
        verify(scheme, [SECRET], headers, b'{"id": 1}', NOW)


def test_the_time_is_signed():
    """A recorded delivery cannot be given a new time."""
    for style in signatures.TIMESTAMPED:
        scheme, headers = signed(style)
        later = {name: value.replace(str(NOW), str(NOW + 1000)) for name, value in headers.items()}
        assert later != headers
        with pytest.raises(Rejected, match="signature_wrong"):
            verify(scheme, [SECRET], later, b'{"id": 1}', NOW + 1000)


def test_the_id_is_signed():
    scheme, headers = signed("standard_webhooks")
    with pytest.raises(Rejected, match="signature_wrong"):
        verify(scheme, [SECRET], {**headers, "webhook-id": "m2"}, b'{"id": 1}', NOW)


@pytest.mark.parametrize(
    ("style", "joined"),
    [
        ("hmac_hex", "{wrong}, {right}"),
        ("hmac_hex", "{wrong},{right}"),
        ("hmac_base64", "{right} {wrong}"),
        ("standard_webhooks", "v2,xx v1,AAAA {right} v1a,zz"),
        ("timestamped", "{right},v1=0000,v0=abc"),
        ("slack", "v0=00,{right}"),
    ],
)
def test_several_signatures_in_one_header(style, joined):
    scheme, headers = signed(style)
    name = next(name for name in headers if name.lower().endswith(("signature", "signature-256")))
    headers[name] = joined.format(right=headers[name], wrong="0" * 64)
    assert verify(scheme, [SECRET], headers, b'{"id": 1}', NOW) == 0


def test_a_thousand_signatures_are_not_tried():
    scheme, headers = signed("hmac_hex")
    name, right = next(iter(headers.items()))
    with pytest.raises(Rejected):
        verify(scheme, [SECRET], {name: "0," * 1000 + right}, b'{"id": 1}', NOW)


def test_prefix_is_required():
    scheme, headers = signed("hmac_hex", prefix="sha256=")
    assert headers["X-Hub-Signature-256"].startswith("sha256=")
    bare = {"X-Hub-Signature-256": headers["X-Hub-Signature-256"].removeprefix("sha256=")}
    with pytest.raises(Rejected, match="signature_wrong"):
        verify(scheme, [SECRET], bare, b'{"id": 1}', NOW)


def test_hex_in_capitals():
    scheme, headers = signed("hmac_hex")
    assert verify(scheme, [SECRET], {name: value.upper() for name, value in headers.items()}, b'{"id": 1}', NOW) == 0


def test_static_query():
    scheme = Scheme("static_query", header="key")
    assert verify(scheme, [SECRET], {}, b"", NOW, query={"key": SECRET}) == 0
    with pytest.raises(Rejected, match="signature_wrong"):
        verify(scheme, [SECRET], {}, b"", NOW, query={"key": "x"})
    with pytest.raises(Rejected, match="signature_missing"):
        verify(scheme, [SECRET], {"key": SECRET}, b"", NOW)


def test_address_only():
    assert verify(Scheme("address"), [], {}, b"", NOW) == 0


def test_bytes_of_a_header():
    """A server hands each byte of a header on as one character."""
    scheme = Scheme("static_header", header="X-Key")
    assert verify(scheme, ["Schlüssel"], {"X-Key": "Schlüssel".encode().decode("latin-1")}, b"", NOW) == 0
    basic = Scheme("basic", user="müller")
    assert verify(basic, ["päß"], sign(basic, "päß", b"", now=NOW), b"", NOW) == 0


def test_basic_and_bearer_take_no_other_scheme():
    for style in ("basic", "bearer"):
        scheme, headers = signed(style)
        swapped = {name: f"Digest {value.partition(' ')[2]}" for name, value in headers.items()}
        with pytest.raises(Rejected, match="signature_missing"):
            verify(scheme, [SECRET], swapped, b'{"id": 1}', NOW)


def test_unknown_style():
    with pytest.raises(ValueError, match="unknown style"):
        Scheme("md5")


def test_standard_keys():
    assert standard_keys("whsec_" + base64.b64encode(b"key").decode()) == [b"key"]
    assert standard_keys("whsec_!!") == [b"whsec_!!"], "what cannot be decoded is at least not an empty key"
    assert b"" not in standard_keys("whsec_")


@given(one=st.text(max_size=20), other=st.text(max_size=20))
def test_same(one, other):
    assert same(one, other) == (one == other)


def test_every_secret_is_compared(monkeypatch):
    """However early a match is found: the time must not tell which secret it was."""
    compared = []
    monkeypatch.setattr(signatures, "same", lambda one, other: compared.append(other) or hmac.compare_digest(
        one.encode(), other))
    scheme, headers = signed("hmac_hex", secret="first")
    assert verify(scheme, ["first", "second", "third"], headers, b'{"id": 1}', NOW) == 0
    assert len(compared) == 3


def test_digests_are_compared_in_constant_time(monkeypatch):
    """The only comparison of secrets is the one of the standard library, over digests of equal length."""
    seen = []
    monkeypatch.setattr(signatures.hmac, "compare_digest", lambda one, other: seen.append((one, other)) or one == other)
    assert same("a", "a" * 1000) is False
    assert {len(part) for pair in seen for part in pair} == {hashlib.sha256().digest_size}


def test_hubspot_signs_the_address():
    scheme, headers = signed("hubspot", url="https://odoo.example.com/integration/webhook/x")
    assert verify(scheme, [SECRET], headers, b'{"id": 1}', NOW) == 0
    with pytest.raises(Rejected, match="signature_wrong"):
        verify(Scheme("hubspot", url="https://odoo.example.com/integration/webhook/y"), [SECRET], headers, b'{"id": 1}', NOW)
    for moment, reason in ((NOW + 301, "timestamp_outside"), (NOW - 301, "timestamp_outside")):
        with pytest.raises(Rejected, match=reason):
            verify(scheme, [SECRET], headers, b'{"id": 1}', moment)
    for text in ("", "soon", "17e9"):
        with pytest.raises(Rejected, match="timestamp_missing"):
            verify(scheme, [SECRET], {**headers, "X-HubSpot-Request-Timestamp": text}, b'{"id": 1}', NOW)
