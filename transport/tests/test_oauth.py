"""OAuth 2 client credentials: one token for all, renewed in time, once, and without locking ourselves out."""

import base64
import threading
import time

import pytest

from integration_flow.transport import Request

from .crooked import Hangup, answer, fixed

TOKEN = {"access_token": "token-one", "token_type": "Bearer", "expires_in": 3600}


class Issuer:
    """A token endpoint and an API that takes its newest token only (401 else)."""

    def __init__(self, server, *, lifetime=3600, rotating=False, way="any", status=401, pause=0.0):
        self.server, self.lifetime, self.rotating, self.way, self.status = (
            server,
            lifetime,
            rotating,
            way,
            status,
        )
        self.pause = pause
        self.issued = 0
        self.refresh = ""
        self.asked = []
        server.behaviours["/token"] = self.token
        server.behaviours["/x"] = self.api

    @property
    def current(self):
        return f"access-{self.issued}"

    def token(self, seen, _connection):
        time.sleep(self.pause)
        form = seen.form
        self.asked.append((form.get("grant_type"), form.get("refresh_token")))
        way = "basic" if "authorization" in seen.headers else "body"
        if self.way not in ("any", way):
            return answer(401, {"error": "invalid_client"})
        if form["grant_type"] == "refresh_token" and form["refresh_token"] != self.refresh:
            return answer(400, {"error": "invalid_grant"})
        self.issued += 1
        self.refresh = f"refresh-{self.issued}"
        body = {"access_token": self.current, "token_type": "Bearer", "expires_in": self.lifetime}
        return answer(200, {**body, "refresh_token": self.refresh} if self.rotating else body)

    def api(self, seen, _connection):
        if seen.headers.get("authorization") != f"Bearer {self.current}":
            return answer(self.status, {"message": "token expired"})
        return answer(200, {"ok": True})


@pytest.fixture
def oauth(server, make_client):
    def make(**settings):
        known = {
            "auth_type": "oauth2_client",
            "auth_user": "client-id",
            "auth_secret": "client-secret",
            "token_url": server.url + "/token",
        }
        return make_client(**{**known, **settings})

    return make


def test_a_token_is_fetched_once_and_handed_over(server, oauth):
    kept = []
    server.behaviours["/token"] = fixed(answer(200, {**TOKEN, "scope": "other", "id_token": "x"}))
    client = oauth(on_token=kept.append, scope="orders products", now=lambda: 1_000_000.0)
    for _ in range(3):
        assert client.send(Request("GET", "x")).error is None
    assert server.paths() == ["/token", "/x", "/x", "/x"]
    assert server.seen[0].form == {"grant_type": "client_credentials", "scope": "orders products"}
    assert (
        server.seen[0].headers["authorization"]
        == "Basic " + base64.b64encode(b"client-id:client-secret").decode()
    )
    assert [seen.headers["authorization"] for seen in server.seen[1:]] == ["Bearer token-one"] * 3
    assert kept == [
        {
            "access_token": "token-one",
            "token_type": "Bearer",
            "obtained_at": 1_000_000.0,
            "expires_at": 1_003_600.0,
            "client_auth": "basic",
        }
    ]


def test_a_kept_token_is_used(server, oauth):
    client = oauth(oauth_token={"access_token": "kept", "expires_at": time.time() + 100})
    assert client.send(Request("GET", "x")).error is None
    assert server.paths() == ["/x"] and server.seen[0].headers["authorization"] == "Bearer kept"


@pytest.mark.parametrize("left", [-10, 0, 5, 50])
def test_a_token_is_renewed_before_it_ends(server, oauth, left):
    now = time.time()
    Issuer(server)
    token = {"access_token": "old", "expires_at": now + left, "obtained_at": now - 3600}
    assert oauth(oauth_token=token).send(Request("GET", "x")).error is None
    assert server.paths() == ["/token", "/x"]


@pytest.mark.parametrize("way", ["basic", "body"])
def test_where_the_secret_goes_is_found_out_and_remembered(server, oauth, way):
    kept = []
    issuer = Issuer(server, way=way)
    client = oauth(on_token=kept.append)
    assert client.send(Request("GET", "x")).error is None
    assert kept[0]["client_auth"] == way
    asked = len(issuer.asked)
    again = oauth(oauth_token={**kept[0], "expires_at": 1})
    assert again.send(Request("GET", "x")).error is None and len(issuer.asked) == asked + 1


def test_a_secret_in_the_body_is_encoded(server, oauth):
    server.behaviours["/token"] = fixed(answer(200, TOKEN))
    oauth(auth_name="body", auth_secret="a&b=c d/ü").send(Request("GET", "x"))
    assert (
        server.seen[0].form["client_secret"] == "a&b=c d/ü" and "authorization" not in server.seen[0].headers
    )


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_refused_token_is_renewed_once_in_silence(server, oauth, method):
    issuer = Issuer(server)
    client = oauth(oauth_token={"access_token": "revoked"})
    assert client.send(Request(method, "x")).error is None
    assert server.paths() == ["/x", "/token", "/x"]
    issuer.issued += 1  # revoked at the other side
    assert client.send(Request(method, "x")).error is None
    assert len(issuer.asked) == 2


def test_some_systems_say_403_for_an_old_token(server, oauth):
    Issuer(server, status=403)
    client = oauth(oauth_token={"access_token": "revoked", "obtained_at": time.time() - 1000})
    assert client.send(Request("GET", "x")).error is None


def test_a_403_with_a_young_token_is_about_rights(server, oauth):
    issuer = Issuer(server)
    client = oauth()
    assert client.send(Request("GET", "x")).error is None
    server.behaviours["/secret"] = fixed(answer(403, {"message": "Forbidden"}))
    for _ in range(3):
        assert client.send(Request("GET", "secret")).error.error_class == "authentication"
    assert len(issuer.asked) == 1


def test_a_login_that_expired_inside_a_200_is_renewed(server, oauth):
    issuer = Issuer(server)
    client = oauth(oauth_token={"access_token": "revoked"})
    refusal = {"errors": [{"message": "x", "extensions": {"code": "UNAUTHENTICATED"}}], "data": None}

    def graphql(seen, connection):
        fine = issuer.api(seen, connection)
        return fine if b"200 X" in fine else answer(200, refusal)

    server.behaviours["/graphql"] = graphql
    assert client.send(Request("POST", "graphql", body={}, success_path="!(body.errors)")).error is None
    assert server.paths() == ["/graphql", "/token", "/graphql"]


def test_tokens_that_are_issued_and_then_refused(server, oauth):
    """REALITY, item 2: asking for one after the other would only lock us out."""
    server.behaviours["/token"] = fixed(answer(200, TOKEN))
    server.behaviours["/x"] = fixed(answer(401, {"message": "no"}))
    client = oauth()
    for _ in range(3):
        assert client.send(Request("GET", "x")).error.code == "credentials_refused"
    assert server.paths().count("/token") == 1


def test_parallel_threads_renew_once(server, oauth):
    issuer = Issuer(server, rotating=True, pause=0.1)
    token = {"access_token": "revoked", "refresh_token": "used-up"}
    client = oauth(parallel_calls=8, oauth_token=token)
    exchanges = list(client.send_many(Request("GET", "x") for _ in range(40)))
    assert all(exchange.error is None for exchange in exchanges)
    assert issuer.asked == [("refresh_token", "used-up"), ("client_credentials", None)]


def test_rotating_refresh_tokens_are_used_once_each(server, oauth):
    kept = []
    issuer = Issuer(server, rotating=True)
    client = oauth(on_token=kept.append, now=time.time)
    for _ in range(3):
        assert client.send(Request("GET", "x")).error is None
        issuer.issued += 1
    assert [refresh for _grant, refresh in issuer.asked] == [None, "refresh-1", "refresh-3"]
    assert kept[-1]["refresh_token"] == "refresh-5"


def test_a_refresh_token_that_is_not_replaced_stays(server, oauth):
    kept = []
    server.behaviours["/token"] = fixed(answer(200, TOKEN))
    oauth(
        oauth_token={"access_token": "a", "expires_at": 1, "refresh_token": "stays"}, on_token=kept.append
    ).send(Request("GET", "x"))
    assert kept[0]["refresh_token"] == "stays"


@pytest.mark.parametrize(
    ("behaviour", "error_class", "code", "reason"),
    [
        (
            fixed(answer(401, {"error": "invalid_client", "error_description": "Unknown client"})),
            "authentication",
            "token_refused",
            "invalid_client",
        ),
        (fixed(answer(200, {"error": "invalid_scope"})), "authentication", "token_refused", "invalid_scope"),
        (
            fixed(answer(404, b"<h1>Not found</h1>", content_type="text/html")),
            "authentication",
            "token_refused",
            "HTTP 404",
        ),
        (fixed(answer(302, location="http://evil.example")), "authentication", "token_refused", "HTTP 302"),
        (fixed(answer(200, {"token_type": "Bearer"})), "authentication", "token_refused", "missing_token"),
        (
            fixed(answer(200, b"<html>", content_type="text/html")),
            "authentication",
            "token_refused",
            "missing_token",
        ),
        (fixed(answer(200, [1])), "authentication", "token_refused", "missing_token"),
        (
            fixed(answer(200, {**TOKEN, "access_token": "a\r\nX-Evil: 1"})),
            "authentication",
            "token_invalid",
            "access_token",
        ),
        (
            fixed(answer(200, {**TOKEN, "access_token": {"a": 1}})),
            "authentication",
            "token_invalid",
            "access_token",
        ),
        (fixed(answer(503, {})), "server", "token_unavailable", "HTTP 503"),
        (fixed(answer(429, {})), "rate_limit", "token_unavailable", "HTTP 429"),
        (lambda *_args: (_ for _ in ()).throw(Hangup), "connection", "token_unavailable", None),
    ],
)
def test_token_endpoints_that_fail(server, oauth, behaviour, error_class, code, reason):
    server.behaviours["/token"] = behaviour
    exchange = oauth().send(Request("POST", "x", body={}))
    assert (exchange.error.error_class, exchange.error.code) == (error_class, code)
    assert exchange.error.params["host"] == f"127.0.0.1:{server.port}"
    assert reason is None or exchange.error.params["reason"] == reason
    assert not exchange.error.outcome_unknown and not exchange.sent
    assert "/x" not in server.paths()


@pytest.mark.parametrize(
    "odd", [{"expires_in": "soon"}, {"expires_in": None}, {"scope": 5}, {"expires_in": "3600"}]
)
def test_odd_but_usable_token_answers(server, oauth, odd):
    server.behaviours["/token"] = fixed(answer(200, {**TOKEN, **odd}))
    assert oauth().send(Request("GET", "x")).error is None


def test_refused_credentials_are_not_tried_again_and_again(server, oauth):
    server.behaviours["/token"] = fixed(answer(401, {"error": "invalid_client"}))
    client = oauth(parallel_calls=8)
    exchanges = list(client.send_many(Request("GET", "x") for _ in range(30)))
    assert len(exchanges) == 30 and {exchange.error.error_class for exchange in exchanges} == {
        "authentication"
    }
    assert server.paths() == ["/token", "/token"]  # basic, then body


def test_tokens_are_handed_over_in_the_callers_thread(server, oauth):
    threads = []
    issuer = Issuer(server)
    client = oauth(
        on_token=lambda token: threads.append((threading.current_thread(), token["access_token"])),
        parallel_calls=4,
    )
    for number, _exchange in enumerate(client.send_many(Request("GET", "x") for _ in range(20))):
        if number == 5:
            issuer.issued += 1
    assert {thread for thread, _token in threads} == {threading.current_thread()}
    assert [token for _thread, token in threads] == ["access-1", "access-3"]


def test_a_token_that_cannot_be_kept_stops_nothing(server, oauth, caplog):
    Issuer(server)

    def fail(token):
        raise ValueError(f"no room for {token}")

    assert oauth(on_token=fail).send(Request("GET", "x")).error is None
    assert "ValueError" in caplog.text and "access-1" not in caplog.text


def test_a_token_endpoint_that_is_down_is_not_asked_by_every_thread(server, oauth):
    server.behaviours["/token"] = fixed(answer(503, {}))
    client = oauth()
    for _ in range(5):
        assert client.send(Request("GET", "x")).error.code == "token_unavailable"
    assert server.paths() == ["/token"]
