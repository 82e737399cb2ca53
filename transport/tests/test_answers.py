"""How an answer is understood: status, success rules, bodies, and what a log shows of it."""

import json

import pytest

from integration_flow.transport import Request

from .crooked import answer, fixed


def problem(exchange):
    return exchange.error.error_class, exchange.error.code


class TestStatus:
    @pytest.mark.parametrize(
        ("status", "body", "error_class"),
        [
            (401, {"message": "no"}, "authentication"),
            (403, {"message": "Invalid token"}, "authentication"),
            (403, {"message": "Order 7 belongs to another shop"}, "access"),
            (404, {"message": "x"}, "validation"),
            (409, {}, "validation"),
            (422, {"name": ["is required"]}, "validation"),
            (423, {}, "locked"),
            (429, {}, "rate_limit"),
            (500, {}, "server"),
            (503, {}, "server"),
            (504, {}, "timeout"),
        ],
    )
    def test_classes(self, server, client, status, body, error_class):
        server.behaviours["/x"] = fixed(answer(status, body))
        exchange = client.send(Request("GET", "x"))
        assert exchange.error.error_class == error_class
        assert exchange.response.status == status and exchange.response.body == body

    @pytest.mark.parametrize(
        ("status", "doubt"), [(500, True), (502, True), (504, True), (408, True), (503, False), (422, False)]
    )
    def test_doubt_after_a_write(self, server, client, status, doubt):
        server.behaviours["/x"] = fixed(answer(status, {}))
        assert client.send(Request("POST", "x")).error.outcome_unknown is doubt
        assert client.send(Request("POST", "x", idempotent=True)).error.outcome_unknown is False
        assert client.send(Request("GET", "x")).error.outcome_unknown is False

    def test_the_message_of_an_error_page(self, server, client):
        page = b"<html><head><title>x</title></head><body><h1>Bad Gateway</h1></body></html>"
        server.behaviours["/x"] = fixed(answer(502, page, content_type="text/html"))
        exchange = client.send(Request("GET", "x"))
        assert problem(exchange) == ("server", "server_error")
        assert (
            "Bad Gateway" in exchange.error.params["message"] and "<" not in exchange.error.params["message"]
        )

    def test_own_places_of_the_message(self, server, client):
        server.behaviours["/x"] = fixed(answer(400, {"fault": {"why": "Name is missing"}, "message": "no"}))
        exchange = client.send(Request("POST", "x", error_paths=("fault.why",)))
        assert exchange.error.params["message"] == "Name is missing"

    def test_nothing_and_not_modified(self, server, client):
        server.behaviours["/none"] = fixed(b"HTTP/1.1 204 No Content\r\n\r\n")
        server.behaviours["/same"] = fixed(b"HTTP/1.1 304 Not Modified\r\nETag: 1\r\n\r\n")
        for path, status in (("none", 204), ("same", 304)):
            exchange = client.send(Request("GET", path))
            assert (
                exchange.error is None
                and exchange.response.body is None
                and exchange.response.status == status
            )
        assert client.send(Request("HEAD", "none")).error is None

    def test_the_wait_of_an_overloaded_system(self, server, client):
        server.behaviours["/x"] = fixed(answer(503, {}, retry_after="120"))
        assert client.send(Request("GET", "x")).error.retry_after == 120.0
        assert problem(client.send(Request("GET", "y"))) == ("rate_limit", "not_sent")


class TestSuccessRules:
    @pytest.mark.parametrize(
        ("rule", "status", "body", "code"),
        [
            ("", 200, {"ok": False}, None),
            ("body.ok", 200, {"ok": True}, None),
            ("body.ok", 200, {"ok": False, "message": "closed"}, "refused_in_answer"),
            ("body.ok", 200, {"ok": 0}, "refused_in_answer"),
            ("body.ok", 500, {"ok": True}, "server_error"),
            ("!(body.errors)", 500, {}, "server_error"),
            ("!(body.errors)", 200, {"data": {}}, None),
            ("!(body.errors)", 200, {"errors": [{"message": "x"}]}, "refused_in_answer"),
            ("status == `404` || status < `300`", 404, {}, None),
            ("status == `404` || status < `300`", 500, {}, "server_error"),
            ("status == `201`", 200, {"message": "not created"}, "refused_in_answer"),
            ("body.status == 'ok'", 500, {"status": "ok"}, "server_error"),
            ("headers.\"x-result\" == 'fine'", 200, {}, "refused_in_answer"),
            ("headers.\"content-type\" == 'application/json'", 200, {}, None),
            ("body.[", 200, {}, "bad_path"),
        ],
    )
    def test_rules(self, server, client, rule, status, body, code):
        server.behaviours["/x"] = fixed(answer(status, body))
        error = client.send(Request("GET", "x", success_path=rule)).error
        assert (error and error.code) == code

    def test_a_rule_with_a_slip_is_found_before_anything_is_sent(self, server, client):
        assert problem(client.send(Request("POST", "x", success_path="body.["))) == ("mapping", "bad_path")
        assert not server.seen

    def test_a_rule_that_does_not_fit_the_answer_leaves_a_write_in_doubt(self, server, client):
        server.behaviours["/x"] = fixed(answer(200, {"total": "many"}))
        exchange = client.send(Request("POST", "x", success_path="abs(body.total)"))
        assert problem(exchange) == ("mapping", "path_failed") and exchange.error.outcome_unknown

    @pytest.mark.parametrize(
        ("body", "error_class"),
        [
            (
                {"errors": [{"message": "x", "extensions": {"code": "UNAUTHENTICATED"}}], "data": {"a": 1}},
                "authentication",
            ),
            (
                {
                    "errors": [
                        {
                            "message": "You are not currently authorized to perform this action",
                            "extensions": {"code": "FORBIDDEN"},
                        }
                    ],
                    "data": None,
                },
                "authentication",
            ),
            (
                {
                    "errors": [{"message": "Forbidden", "extensions": {"code": "FORBIDDEN"}}],
                    "data": {"order": None},
                },
                "authentication",
            ),
            (
                {
                    "errors": [
                        {"message": "Order 7 belongs to someone else", "extensions": {"code": "FORBIDDEN"}}
                    ]
                },
                "access",
            ),
            (
                {"errors": [{"message": "Forbidden", "extensions": {"code": "FORBIDDEN"}}], "data": {"a": 1}},
                "validation",
            ),
            ({"errors": [{"message": "slow", "extensions": {"code": "THROTTLED"}}]}, "rate_limit"),
            ({"errors": [{"message": "x", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]}, "server"),
            (
                {
                    "errors": [
                        {"message": "Field 'titel' does not exist", "extensions": {"code": "BAD_USER_INPUT"}}
                    ]
                },
                "validation",
            ),
            ({"errors": "odd"}, "validation"),
            ({"errors": [5]}, "validation"),
            ([1], "validation"),
            (None, "validation"),
        ],
    )
    def test_failures_inside_a_200(self, server, client, body, error_class):
        server.behaviours["/graphql"] = fixed(answer(200, body))
        exchange = client.send(
            Request("POST", "graphql", body={}, success_path="body.data && !(body.errors)")
        )
        assert exchange.error.error_class == error_class
        assert exchange.response.body == body
        assert not exchange.error.outcome_unknown or error_class == "server"

    def test_the_message_inside_a_200(self, server, client):
        body = {"data": {"addItem": {"errorCode": "INSUFFICIENT_STOCK", "message": "Only 3 left"}}}
        server.behaviours["/x"] = fixed(answer(200, body))
        request = Request(
            "POST",
            "x",
            body={},
            success_path="!(body.data.addItem.errorCode)",
            error_paths=("body.data.addItem.message", "data.addItem.message"),
        )
        exchange = client.send(request)
        assert problem(exchange) == ("validation", "refused_in_answer")
        assert exchange.error.params == {"message": "Only 3 left"}


class TestBodies:
    @pytest.mark.parametrize(
        ("raw", "content_type", "expected"),
        [
            (b'{"a": 1}', "application/json", {"a": 1}),
            (b'{"a": 1}', "application/vnd.api+json; charset=utf-8", {"a": 1}),
            (b'{"a": 1}', "text/html", {"a": 1}),
            (b"[]", "text/plain", []),
            (b"7", "application/json", 7),
            (b"\xef\xbb\xbf[1]", "application/json", [1]),
            ('{"a": "é"}'.encode("latin-1"), "application/json; charset=ISO-8859-1", {"a": "é"}),
            (b"   ", "text/html", None),
        ],
    )
    def test_readable(self, server, client, raw, content_type, expected):
        server.behaviours["/x"] = fixed(answer(200, raw, content_type=content_type))
        exchange = client.send(Request("GET", "x"))
        assert exchange.error is None and exchange.response.body == expected

    @pytest.mark.parametrize(
        ("raw", "content_type", "error_class", "code"),
        [
            (b"<!DOCTYPE html><title>Log in</title>", "text/html", "server", "not_json"),
            (b"<html>", "application/json", "server", "not_json"),
            (b"%PDF-1.7", "application/pdf", "validation", "not_json"),
            (b"OK", "text/plain", "validation", "not_json"),
            (b'{"a": 1', "application/json", "validation", "malformed_json"),
            (b'{"a": NaN}', "application/json", "validation", "malformed_json"),
            (b'{"a": -Infinity}', "application/json", "validation", "malformed_json"),
            (b'{"a": "\xff\xfe"}', "application/json", "validation", "malformed_json"),
            (b"[" * 100 + b"]" * 100, "application/json", "validation", "too_deep"),
            (b"[" * 200_000, "application/json", "validation", None),
        ],
    )
    def test_unreadable(self, server, client, raw, content_type, error_class, code):
        server.behaviours["/x"] = fixed(answer(200, raw, content_type=content_type))
        exchange = client.send(Request("GET", "x"))
        assert exchange.error.error_class == error_class and code in (None, exchange.error.code)
        assert exchange.response.raw == raw and exchange.response.body is None
        assert client.send(Request("POST", "x")).error.outcome_unknown is True, "it was accepted"

    def test_what_cannot_be_sent(self, server, client):
        assert problem(client.send(Request("POST", "x", body={"a": float("nan")}))) == (
            "mapping",
            "not_json_value",
        )
        assert problem(client.send(Request("POST", "x", body={}, format="smoke"))) == (
            "mapping",
            "unknown_format",
        )
        assert not server.seen

    def test_a_slip_of_ours_is_an_error_of_that_record(self, client, monkeypatch):
        monkeypatch.setattr("integration_flow.transport.client.prepare", lambda *args: 1 / 0)
        exchange = client.send(Request("GET", "x"))
        assert problem(exchange) == ("internal", "unexpected")
        assert "ZeroDivisionError" in exchange.error.detail

    def test_an_error_is_raised_on_demand(self, server, client):
        server.behaviours["/x"] = fixed(answer(404, {}))
        with pytest.raises(Exception, match="not_found"):
            client.send(Request("GET", "x")).raise_for_error()
        client.send(Request("GET", "y")).raise_for_error()


def test_an_exchange_as_it_is_logged(server, make_client):
    client = make_client(redact_paths=("customer.email",), redact_names=("X-Device",))
    server.behaviours["/x"] = fixed(
        answer(200, {"customer": {"email": "a@b.c"}, "password": "pw"}, set_cookie="sid=9")
    )
    exchange = client.send(
        Request("POST", "x", {"token": "abc"}, {"customer": {"email": "a@b.c"}}, {"X-Device": "d-1"})
    )
    assert exchange.url == f"{server.url}/x?token=***" and exchange.method == "POST"
    assert json.loads(exchange.request_body) == {"customer": {"email": "***"}}
    assert json.loads(exchange.response_body) == {"customer": {"email": "***"}, "password": "***"}
    assert exchange.request_headers["X-Device"] == "***" and exchange.response_headers["Set-Cookie"] == "***"
    assert exchange.started_at.utcoffset().total_seconds() == 0


@pytest.mark.parametrize(
    ("raw", "content_type", "shown"),
    [
        (b"%PDF\x00\x01", "application/pdf", "<6 bytes of application/pdf>"),
        (b"\x00\x01", "", "<2 bytes of unknown type>"),
        (b"caf\xe9", "text/plain", "caf�"),
        (b"", "application/pdf", ""),
    ],
)
def test_bodies_that_are_no_text(server, client, raw, content_type, shown):
    server.behaviours["/x"] = fixed(answer(404, raw, content_type=content_type))
    assert client.send(Request("GET", "x")).response_body == shown
