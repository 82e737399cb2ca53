import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_flow.core.redact import cap, is_secret_name, redact_body, redact_headers, redact_url, scrub

SECRET = "hunter2-Tr0ub4dor&3"


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "AUTHORIZATION",
        "Proxy-Authorization",
        "Cookie",
        "Set-Cookie",
        "X-Api-Key",
        "x_api_key",
        "apiKey",
        "API-Key",
        "X-Auth-Token",
        "X-Shopify-Access-Token",
        "password",
        "Passwd",
        "user_pwd",
        "client_secret",
        "clientSecret",
        "refresh_token",
        "id_token",
        "X-Webhook-HMAC-SHA256",
        "x-hub-signature-256",
        "private_key",
        "sessionid",
        "credentials",
        "jwt",
        "pin",
        "cvv",
    ],
)
def test_secret_names(name):
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "author",
        "token_type",
        "next_page_token",
        "pageToken",
        "Content-Type",
        "shipping",
        "pinned",
        "key",
        "monkey",
        "name",
        "compass",
        "signature_required",
        "Retry-After",
        "X-Request-Id",
    ],
)
def test_harmless_names(name):
    assert not is_secret_name(name)


def test_headers():
    assert redact_headers(
        {
            "authorization": f"Bearer {SECRET}",
            "Proxy-Authorization": SECRET,
            "X-Event-Id": SECRET,
            "Cookie": b"a=b",
            "Accept": "*/*",
            "Location": f"https://x.example/?token={quote(SECRET)}",
            "Authorization2": f"Weird {SECRET}",
        },
        names=["x-event-id"],
    ) == {
        "authorization": "Bearer ***",
        "Proxy-Authorization": "***",
        "X-Event-Id": "***",
        "Cookie": "***",
        "Accept": "*/*",
        "Location": "https://x.example/?token=***",
        "Authorization2": "***",
    }
    assert redact_headers([("X-Api-Key", "k")]) == {"X-Api-Key": "***"}


@pytest.mark.parametrize(
    ("url", "redacted"),
    [
        ("https://a.example/x?page=2", "https://a.example/x?page=2"),
        ("https://u:p@a.example/x", "https://***@a.example/x"),
        ("https://u:p@q@a.example/x", "https://***@a.example/x"),
        ("https://a.example/x?API_KEY=1&b=2", "https://a.example/x?API_KEY=***&b=2"),
        ("https://a.example/x?key=1", "https://a.example/x?key=***"),
        ("https://a.example/x?a[token]=1", "https://a.example/x?a[token]=***"),
        ("https://a.example/x?api%5Fkey=1", "https://a.example/x?api%5Fkey=***"),
        ("https://a.example/x?token=", "https://a.example/x?token=***"),
        ("https://a.example/x#access_token=1&x=2", "https://a.example/x#access_token=***&x=2"),
        ("/relative?password=1;b=2", "/relative?password=***;b=2"),
        ("https://a.example/x?c=a@b.example", "https://a.example/x?c=a@b.example"),
        ("not a url", "not a url"),
        ("", ""),
    ],
)
def test_url(url, redacted):
    assert redact_url(url) == redacted


def test_url_by_given_names():
    assert redact_url("https://a.example/x?consumer=1", ["Consumer"]) == "https://a.example/x?consumer=***"


FORMS = {
    "json": json.dumps({"user": "ada", "password": SECRET}),
    "json_nested": json.dumps({"a": [{"b": {"client_secret": SECRET}}]}),
    "json_list_value": json.dumps({"api_keys": [SECRET, SECRET]}),
    "json_number": json.dumps({"pin": 123456}).replace(
        "123456", SECRET.replace('"', "") and '"' + SECRET + '"'
    ),
    "json_in_json": json.dumps({"payload": json.dumps({"password": SECRET})}),
    "json_in_json_in_json": json.dumps({"p": json.dumps({"p": json.dumps({"password": SECRET})})}),
    "json_cut": '{"items": [1, 2], "password": "' + SECRET,
    "json_cut_later": '{"password": "' + SECRET + '", "items": [1',
    "json_double_key": '{"a":{"password":"' + SECRET + '"},"a":1}',
    "python": str({"password": SECRET, "x": 1}),
    "form": f"user=ada&password={quote(SECRET)}&x=1",
    "form_bracket": f"auth[token]={quote(SECRET)}",
    "xml": f"<a><Password>{SECRET}</Password></a>",
    "xml_namespace": f'<s:a><wsse:Password Type="x">{SECRET}</wsse:Password></s:a>',
    "bearer_in_text": "GET /x failed with Authorization: Bearer " + "abcdef0123456789",
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS.keys())
def test_body_by_names(text):
    redacted = redact_body(text)
    assert SECRET not in redacted and quote(SECRET) not in redacted and "0123456789" not in redacted
    assert "***" in redacted


def test_body_without_secrets_comes_back_as_it_was():
    text = '{ "b" : 1.50,\n "a": [ ] , "author": "x" }'
    assert redact_body(text) is text or redact_body(text) == text


@pytest.mark.parametrize(
    ("path", "gone", "kept"),
    [
        ("customer.email", ["c@x"], ["a@x", "b@x"]),
        ("lines[].email", ["a@x", "b@x"], ["c@x"]),
        ("lines[*].email", ["a@x", "b@x"], ["c@x"]),
        ("lines.email", ["a@x", "b@x"], ["c@x"]),
        ("lines[0].email", ["a@x"], ["b@x"]),
        ("lines[9].email", [], ["a@x"]),
        ("*.email", ["c@x", "a@x"], ["Ada"]),
        ("customer", ["c@x", "Ada"], ["a@x"]),
        ('"customer"."email"', ["c@x"], ["Ada"]),
        ("nope.nope", [], ["a@x"]),
        ("", [], ["a@x"]),
        ("@.customer.email", ["c@x"], ["Ada"]),
    ],
)
def test_body_by_paths(path, gone, kept):
    text = json.dumps(
        {"customer": {"email": "c@x", "name": "Ada"}, "lines": [{"email": "a@x"}, {"email": "b@x"}]}
    )
    redacted = redact_body(text, paths=[path])
    assert not [value for value in gone if value in redacted]
    assert all(value in redacted for value in kept)
    json.loads(redacted)


def test_null_and_flags_under_secret_names_stay():
    text = '{"password":null,"token":"","has_token":true,"password_policy":{"min":8}}'
    assert json.loads(redact_body(text)) == json.loads(text)


@pytest.mark.parametrize(
    ("raw", "kind", "shown"),
    [
        (b"%PDF\xff\x00", "application/pdf; x=1", "<6 bytes of application/pdf>"),
        (b"\x00\x01", "", "<2 bytes of unknown type>"),
        (b'{"token":"abc"}', "application/json", '{"token":"***"}'),
        ("é".encode(), "text/plain", "é"),
        (b"", "x", ""),
        (None, "x", ""),
        ("", "", ""),
    ],
)
def test_bytes(raw, kind, shown):
    assert redact_body(raw, content_type=kind) == shown


def _written(secret):
    return {
        "plain": f"key is {secret}!",
        "url": f"?k={quote(secret, safe='')}",
        "url_plus": f"?k={quote_plus(secret)}",
        "json": json.dumps({"note": secret}),
        "json_unicode": json.dumps({"note": secret}, ensure_ascii=False),
        "base64": base64.b64encode(secret.encode()).decode(),
        "base64_url": base64.urlsafe_b64encode(secret.encode()).decode(),
        "basic": "Basic " + base64.b64encode(f"ada:{secret}".encode()).decode(),
        "basic_other_user": "x " + base64.b64encode(f"someone:{secret}".encode()).decode(),
        "basic_one_more": "x " + base64.b64encode(f"someone1:{secret}".encode()).decode(),
        "basic_two_more": "x " + base64.b64encode(f"someone12:{secret}".encode()).decode(),
        "twice": secret + secret,
    }


@pytest.mark.parametrize("form", _written("x").keys())
@pytest.mark.parametrize(
    "secret", [SECRET, 'pä ss/wört+"quoted"\\', "0123456789abcdef"], ids=["ascii", "odd", "hex"]
)
@pytest.mark.parametrize(
    "known", [lambda secret: [secret], lambda secret: [("ada", secret)]], ids=["alone", "with_user"]
)
def test_scrub_in_every_form(form, secret, known):
    text = _written(secret)[form]
    scrubbed = scrub(text, known(secret))
    assert "***" in scrubbed
    for shape in (secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode()[:-4]):
        assert shape not in scrubbed
    if form.startswith("basic"):
        for shift in range(3):  # no piece of the base64 decodes to a piece of the secret
            piece = scrubbed.split()[-1].replace("*", "")[shift:]
            decoded = (
                base64.b64decode(piece + "=" * (-len(piece) % 4), validate=False)
                if len(piece) % 4 != 1
                else b""
            )
            assert secret.encode()[2:8] not in decoded


def test_scrub_leaves_what_is_too_short_or_empty():
    assert scrub("a b c", ["", None, "a", "b", ("u", "")]) == "a b c"


def test_scrub_longest_first():
    assert scrub("hunter2hunter2", ["hunter2", "hunter2hunter2"]) == "***"


@given(
    st.text(min_size=4, max_size=30).filter(lambda text: text.strip("*") and "*" not in text),
    st.text(max_size=30),
    st.text(max_size=30),
)
def test_a_scrubbed_text_has_no_secret(secret, before, after):
    assert secret not in scrub(before + secret + after, [secret]).replace("***", "\0")


@given(
    st.text(max_size=60),
    st.lists(st.text(max_size=10), max_size=3),
    st.lists(st.text(max_size=10), max_size=2),
)
def test_redaction_never_fails(text, secrets, paths):
    redact_body(text, secrets=secrets, paths=paths)
    redact_body(text.encode("utf-8", "replace"), secrets=secrets, paths=paths)
    redact_url(text, paths)
    redact_headers({"a": text, text: text})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda below: (
            st.lists(below, max_size=3)
            | st.dictionaries(
                st.sampled_from(["password", "a", "token", "b", "x-api-key"]), below, max_size=3
            )
        ),
    )
)
def test_redacted_json_is_json_and_idempotent(value):
    once = redact_body(json.dumps(value))
    json.loads(once)
    assert redact_body(once) == once


@pytest.mark.parametrize(
    ("limit", "expected"), [(0, "abcdef"), (6, "abcdef"), (3, "abc… (3 more characters)")]
)
def test_cap(limit, expected):
    assert cap("abcdef", limit) == expected
