"""Planted everywhere, found nowhere: no text that leaves the transport carries a secret."""

import base64
import html
import json
import logging
import pickle
import traceback
from urllib.parse import quote

import pytest

from integration_flow.core.scrubbing import PIECE
from integration_flow.transport import Client, ConnectionConfig, Request

from .crooked import answer, cut, fixed

SECRET = 'S3cr"et/+ü&=<hush>'
TOKENS = {"access_token": "tok-acc-12345678", "refresh_token": "tok-ref-12345678", "expires_in": 3600}
SETTINGS = {
    "basic": {"auth_type": "basic", "auth_user": "ada", "auth_secret": SECRET},
    "bearer": {"auth_type": "bearer", "auth_secret": SECRET.replace("ü", "u")},
    "api_key_header": {
        "auth_type": "api_key_header",
        "auth_secret": SECRET.replace("ü", "u"),
        "auth_name": "X-Odd",
    },
    "api_key_query": {"auth_type": "api_key_query", "auth_secret": SECRET, "auth_name": "odd"},
    "oauth2_client": {
        "auth_type": "oauth2_client",
        "auth_user": "client",
        "auth_secret": SECRET,
        "oauth_token": {"access_token": "tok-old-12345678"},
    },
}


def forms(secret):
    """The secret as an attentive reader of a log could get it back."""
    plain = {
        secret,
        quote(secret, safe=""),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        html.escape(secret),
    }
    for text in (secret, f"ada:{secret}", f"client:{secret}"):
        plain.add(base64.b64encode(text.encode()).decode().rstrip("="))
    return plain


def everything(exchange):
    """All text of an exchange that may be stored or shown."""
    texts = [
        exchange.url,
        exchange.request_body,
        exchange.response_body,
        repr(exchange),
        repr(exchange.response),
        json.dumps(exchange.request_headers),
        json.dumps(exchange.response_headers),
    ]
    error = exchange.error
    if error is not None:
        texts += [
            str(error),
            repr(error),
            error.detail,
            json.dumps(error.params, default=str),
            repr(error.args),
        ]
        texts += traceback.format_exception(error)
        texts.append(repr(pickle.loads(pickle.dumps(error)).params))
    return "\n".join(texts)


def assert_clean(text, secrets):
    for secret in secrets:
        for form in forms(secret):
            assert form not in text, f"{form!r} leaked"


def echoing(status, content_type="application/json", shape=None):
    """Answers with all it was given: target, headers, body."""

    def behave(seen, _connection):
        said = f"{seen.target} {seen.headers} {seen.body.decode()} {SECRET}"
        shapes = {
            "json": {"message": said, "nested": [{"why": said}], "x": said},
            "html": f"<html><p>{html.escape(said)}</p></html>".encode(),
            "broken": b'{"message": "' + json.dumps(said).encode(),
            "text": said.encode(),
        }
        return answer(
            status, shapes[shape or "json"], content_type=content_type, x_echo=quote(seen.target, safe="")
        )

    return behave


@pytest.mark.parametrize("kind", SETTINGS)
@pytest.mark.parametrize(
    ("status", "shape", "content_type"),
    [
        (200, "json", "application/json"),
        (200, "html", "text/html"),
        (200, "broken", "application/json"),
        (200, "text", "text/plain"),
        (400, "json", "application/json"),
        (401, "json", "application/json"),
        (403, "text", "text/plain"),
        (500, "html", "text/html"),
        (404, "broken", "application/json"),
    ],
)
def test_an_echoing_system(server, make_client, caplog, kind, status, shape, content_type):
    caplog.set_level(logging.DEBUG)
    server.behaviours["/x"] = echoing(status, content_type, shape)
    server.behaviours["/token"] = fixed(answer(200, TOKENS))
    settings = {
        **SETTINGS[kind],
        "token_url": server.url + "/token",
        "extra_headers": (("X-Extra-Token", "extra-12345678"),),
    }
    client = make_client(**settings)
    exchange = client.send(Request("POST", "x", {"q": 1}, {"note": SECRET}, success_path="body.never"))
    assert exchange.error is not None
    secrets = [
        settings["auth_secret"],
        SECRET if kind != "bearer" else settings["auth_secret"],
        "extra-12345678",
    ]
    if kind in ("bearer", "api_key_header"):
        secrets = [settings["auth_secret"], "extra-12345678"]
    secrets += (
        [TOKENS["access_token"], TOKENS["refresh_token"], "tok-old-12345678"]
        if kind.startswith("oauth")
        else []
    )
    assert_clean(everything(exchange), secrets)
    assert_clean(caplog.text, secrets)


@pytest.mark.parametrize("kind", SETTINGS)
def test_failures_of_the_wire(server, make_client, caplog, kind):
    """Exceptions of the libraries quote the URL: it never holds the key."""
    caplog.set_level(logging.DEBUG)
    server.behaviours["/token"] = fixed(answer(200, TOKENS))
    server.behaviours["/x"] = cut(b"HTTP/1.1 200 O")
    settings = {**SETTINGS[kind], "token_url": server.url + "/token"}
    for base in (
        server.url,
        "http://127.0.0.1:1",
        "https://nowhere.invalid",
        server.url.replace("http:", "https:"),
    ):
        exchange = make_client(**{**settings, "base_url": base}).send(Request("GET", "x"))
        assert exchange.error.error_class == "connection"
        assert_clean(everything(exchange) + caplog.text, [settings["auth_secret"], TOKENS["access_token"]])


@pytest.mark.parametrize("status", [200, 400, 401, 500])
def test_a_token_endpoint_that_echoes(server, make_client, status):
    server.behaviours["/token"] = lambda seen, _connection: answer(
        status, {"error": seen.body.decode(), "error_description": f"{seen.headers} {SECRET}"}
    )
    for way in ("basic", "body"):
        client = make_client(
            **{
                **SETTINGS["oauth2_client"],
                "oauth_token": None,
                "auth_name": way,
                "token_url": server.url + "/token",
            }
        )
        exchange = client.send(Request("GET", "x"))
        assert exchange.error.code.startswith("token_")
        assert_clean(everything(exchange), [SECRET])


def test_a_quote_of_fixed_length_leaves_no_piece(server, make_client):
    """Error texts are cut: what is left of a secret at the edge goes too, but for a few characters."""
    secret = "abcdefghijklmnopqrstuvwxyz0123456789"
    client = make_client(auth_type="bearer", auth_secret=secret)
    for offset in range(60):
        text = "x" * (160 + offset) + secret + "y" * 300
        server.behaviours["/x"] = fixed(answer(200, text.encode(), content_type="text/plain"))
        error = client.send(Request("GET", "x")).error
        assert error.code == "not_json" and secret[:PIECE] not in error.params["start"]
        server.behaviours["/x"] = fixed(answer(200, b'{"a": "' + text.encode() + b'" ?' + b" " * 200))
        error = client.send(Request("GET", "x")).error
        assert error.code == "malformed_json" and secret[-PIECE:] not in error.params["near"]


def test_configuration_and_requests_do_not_print_secrets():
    config = ConnectionConfig(
        "https://shop.example", **{**SETTINGS["oauth2_client"]}, extra_headers=(("X-Key", "extra-1"),)
    )
    text = (
        repr(config)
        + repr(Client(config))
        + repr(Request("GET", "x", headers={"X-Key": "extra-1"}, body=SECRET))
    )
    for secret in (SECRET, "tok-old-12345678", "extra-1"):
        assert secret not in text


def test_the_engine_still_gets_the_whole_answer(server, make_client):
    """Redaction is for logs: mapping needs what really came."""
    server.behaviours["/x"] = fixed(answer(200, {"password": "from the system", "key": SECRET}))
    exchange = make_client(**SETTINGS["api_key_query"]).send(Request("GET", "x"))
    assert exchange.response.body == {"password": "from the system", "key": SECRET}


def test_errors_keep_no_answers_alive(server, client):
    server.behaviours["/x"] = fixed(answer(200, b'{"a": '))
    error = client.send(Request("GET", "x")).error
    assert error.__cause__ is None and error.__context__ is None and error.__traceback__ is None
