"""What is sent: addresses, headers, credentials, redirects."""

import base64

import pytest

from integration_flow.transport import Request

from .crooked import CrookedServer, answer, fixed


def problem(exchange):
    return exchange.error.error_class, exchange.error.code


class TestAddresses:
    @pytest.mark.parametrize(
        ("base", "path", "query", "target"),
        [
            ("", "orders", {}, "/orders"),
            ("", "", {}, "/"),
            ("/api/v1/", "/orders", {}, "/api/v1/orders"),
            ("/api/v1", "/api/v1/orders?page=2", {"size": 5}, "/api/v1/orders?page=2&size=5"),
            ("/api", "/apiary", {}, "/api/apiary"),
            ("", "a b/ü%20c", {}, "/a%20b/%C3%BC%20c"),
            (
                "",
                "x",
                {"updated_at[$gte]": "2026-01-01 00:00", "on": True, "no": None, "ids": [1, 2]},
                "/x?updated_at%5B%24gte%5D=2026-01-01%2000%3A00&on=true&ids=1&ids=2",
            ),
            ("", "x#part", {}, "/x"),
        ],
    )
    def test_paths_and_queries(self, server, make_client, base, path, query, target):
        exchange = make_client(base_url=server.url + base).send(Request("GET", path, query))
        assert exchange.error is None and server.seen[0].target == target

    def test_an_absolute_address_of_the_same_origin(self, server, make_client):
        client = make_client(base_url=server.url + "/api")
        assert client.send(Request("GET", f"{server.url}/other?cursor=a%2Fb")).error is None
        assert server.seen[0].target == "/other?cursor=a%2Fb"

    @pytest.mark.parametrize(
        "path",
        [
            "http://evil.example/x",
            "//evil.example/x",
            "https://127.0.0.1/x",
            "file:///etc/passwd",
            "HTTP://evil.example",
            "http://127.0.0.1:1/x",
            "javascript:alert(1)",
        ],
    )
    def test_another_origin_is_never_called(self, server, client, path):
        exchange = client.send(Request("GET", path))
        assert problem(exchange) == ("validation", "foreign_origin")
        assert not server.seen and not exchange.sent

    def test_credentials_in_an_address_are_refused(self, server, client):
        path = server.url.replace("//", "//ada:pw@") + "/x"
        assert problem(client.send(Request("GET", path))) == ("validation", "foreign_origin")

    @pytest.mark.parametrize(
        "path", ["../admin", "a/../../b", "a/%2e%2e/b", ".", "a\\b", "x\r\nX-Evil: 1", "x\x00"]
    )
    def test_paths_that_climb_or_break_out_are_refused(self, server, client, path):
        assert problem(client.send(Request("GET", path))) == ("mapping", "bad_url")
        assert not server.seen

    @pytest.mark.parametrize(
        ("setting", "value"),
        [
            ("base_url", "shop.example"),
            ("base_url", "ftp://shop.example"),
            ("base_url", "http://"),
            ("base_url", "http://a:b@shop.example"),
            ("base_url", "http://shop.example:port"),
            ("base_url", ""),
            ("auth_type", "carrier_pigeon"),
            ("timeout_read", 0),
            ("rate_calls", -1),
            ("parallel_calls", 0),
            ("auth_secret", "a\nb"),
            ("base_url", "http://shop.example?key=1"),
        ],
    )
    def test_settings_that_cannot_work(self, make_client, setting, value):
        settings = {"auth_type": "bearer", "auth_secret": "abc", setting: value}
        exchange = make_client(**settings).send(Request("GET", "x"))
        assert problem(exchange) == ("authentication", "bad_configuration")
        assert exchange.error.params["setting"] == setting


class TestHeaders:
    def test_the_usual_ones(self, server, make_client):
        client = make_client(extra_headers=(("X-Shop", "7"), ("Accept-Language", "fr")))
        client.send(
            Request(
                "POST",
                "x",
                body={},
                headers={"accept-language": "de"},
                correlation_id="c-1",
                idempotency_key="k-1",
                idempotency_header="Idempotency-Key",
            )
        )
        headers = server.seen[0].headers
        assert (
            headers["user-agent"] == "IntegrationFlow/1.0 (Odoo 19)"
            and headers["accept"] == "application/json"
        )
        assert headers["x-shop"] == "7" and headers["accept-language"] == "de"
        assert headers["x-correlation-id"] == "c-1" and headers["idempotency-key"] == "k-1"

    def test_a_key_without_a_header_name_is_not_sent(self, server, client):
        client.send(Request("POST", "x", body={}, idempotency_key="k-1"))
        assert "k-1" not in server.seen[0].headers.values()

    @pytest.mark.parametrize(
        "headers",
        [
            {"X-A": "a\r\nX-Evil: 1"},
            {"X-A": "a\nb"},
            {"X-A\r\nX-Evil": "1"},
            {"": "1"},
            {"X A": "1"},
            {"X-A": "a\0"},
            {"Host": "evil.example"},
            {"Transfer-Encoding": "chunked"},
            {"Content-Length": "0"},
        ],
    )
    def test_injected_headers_are_refused(self, server, client, headers):
        assert problem(client.send(Request("GET", "x", headers=headers))) == ("mapping", "bad_header")
        assert not server.seen

    def test_injection_by_other_fields_is_refused(self, server, client):
        evil = "a\r\nX-Evil: 1"
        for extra in ({"correlation_id": evil}, {"idempotency_key": evil, "idempotency_header": "X-Key"}):
            assert problem(client.send(Request("GET", "x", **extra))) == ("mapping", "bad_header")
        assert problem(client.send(Request("GET\r\nX: ", "x"))) == ("mapping", "bad_method")
        assert client.send(Request("GET", "x", {"a\r\nX-Evil": evil})).error is None
        assert "x-evil" not in server.seen[0].headers

    def test_text_beyond_ascii_travels_as_utf8(self, server, client):
        client.send(Request("GET", "x", headers={"X-Name": "Zoë €"}))
        assert server.seen[0].headers["x-name"].encode("latin-1").decode() == "Zoë €"


class TestCredentials:
    @pytest.mark.parametrize(
        ("settings", "name", "value"),
        [
            (
                {"auth_type": "basic", "auth_user": "ada", "auth_secret": "pässword"},
                "authorization",
                "Basic " + base64.b64encode("ada:pässword".encode()).decode(),
            ),
            (
                {"auth_type": "basic", "auth_user": "sk_live_1"},
                "authorization",
                "Basic " + base64.b64encode(b"sk_live_1:").decode(),
            ),
            ({"auth_type": "bearer", "auth_secret": "t0ken"}, "authorization", "Bearer t0ken"),
            ({"auth_type": "api_key_header", "auth_secret": "k3y"}, "x-api-key", "k3y"),
            (
                {"auth_type": "api_key_header", "auth_secret": "k3y", "auth_name": "X-Shop-Key"},
                "x-shop-key",
                "k3y",
            ),
        ],
    )
    def test_in_headers(self, server, make_client, settings, name, value):
        assert make_client(**settings).send(Request("GET", "x")).error is None
        assert server.seen[0].headers[name] == value

    def test_in_the_query(self, server, make_client):
        client = make_client(auth_type="api_key_query", auth_secret="a&b=c d", auth_name="key")
        exchange = client.send(Request("GET", "x?page=2", {"q": 1}))
        assert server.seen[0].target == "/x?page=2&q=1&key=a%26b%3Dc%20d"
        assert exchange.url == f"{server.url}/x?page=2&q=1&key=***"
        assert exchange.response.url == f"{server.url}/x?page=2&q=1"

    def test_in_the_query_of_a_link_that_carries_it_already(self, server, make_client):
        client = make_client(auth_type="api_key_query", auth_secret="s3cret", auth_name="key")
        client.send(Request("GET", f"{server.url}/x?key=s3cret&page=2"))
        assert server.seen[0].target == "/x?page=2&key=s3cret"

    @pytest.mark.parametrize("kind", ["basic", "bearer", "api_key_header", "api_key_query", "oauth2_client"])
    def test_missing(self, server, make_client, kind):
        exchange = make_client(auth_type=kind, token_url=server.url + "/token").send(Request("GET", "x"))
        assert problem(exchange) == ("authentication", "credentials_missing") and not server.seen


class TestRedirects:
    def test_within_the_origin_a_read_follows(self, server, make_client):
        client = make_client(auth_type="api_key_query", auth_secret="s3cret", auth_name="key")
        server.behaviours["/old"] = fixed(answer(301, location="/new?a=1"))
        exchange = client.send(Request("GET", "old", {"b": 2}))
        assert exchange.response.body["target"] == "/new?a=1&key=s3cret"
        assert exchange.response.url == server.url + "/new?a=1"

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_to_another_origin_nobody_follows(self, server, make_client, status, method):
        other = CrookedServer()
        client = make_client(auth_type="bearer", auth_secret="s3cret-token")
        server.behaviours["/old"] = fixed(answer(status, location=other.url + "/steal"))
        exchange = client.send(Request(method, "old"))
        assert problem(exchange) == ("validation", "redirected_elsewhere")
        assert exchange.error.params == {"host": f"127.0.0.1:{other.port}"}
        assert exchange.error.outcome_unknown == (method == "POST" and status in (302, 303))
        assert not other.seen
        other.close()

    @pytest.mark.parametrize(
        "location",
        [
            "//evil.example/x",
            "https://127.0.0.1/",
            "http://[bad",
            "http://u:p@127.0.0.1/",
            "ftp://127.0.0.1/",
        ],
    )
    def test_odd_places(self, server, client, location):
        server.behaviours["/old"] = fixed(answer(302, location=location))
        assert problem(client.send(Request("GET", "old"))) == ("validation", "redirected_elsewhere")

    def test_a_write_does_not_follow(self, server, client):
        server.behaviours["/old"] = fixed(answer(308, location="/old/"))
        assert problem(client.send(Request("POST", "old", body={}))) == ("validation", "redirect_of_write")
        assert server.paths() == ["/old"]

    def test_a_circle_ends(self, server, client):
        server.behaviours["/old"] = fixed(answer(302, location="/old"))
        assert problem(client.send(Request("GET", "old"))) == ("validation", "too_many_redirects")
        assert len(server.seen) == 4

    def test_without_a_place_it_is_an_answer_like_others(self, server, client):
        server.behaviours["/old"] = fixed(answer(302))
        assert problem(client.send(Request("GET", "old"))) == ("validation", "unexpected_redirect")
