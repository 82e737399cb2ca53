"""Bytes that go wrong: every failure is a SyncError of the right class, and doubt is stated."""

import gzip
import socket
import time

import pytest

from integration_flow.transport import Client, ConnectionConfig, Request

from . import crooked
from .crooked import Hangup, answer, cut, drip, fixed, slow

JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def outcome(exchange):
    error = exchange.error
    return error.error_class, error.code, error.outcome_unknown


def test_a_call_and_its_answer(client, server):
    exchange = client.send(Request("POST", "orders", {"page": 2}, {"name": "Zoë"}))
    assert exchange.error is None and exchange.sent
    assert exchange.response.status == 200
    assert exchange.response.body == {"method": "POST", "target": "/orders?page=2", "body": '{"name":"Zoë"}'}
    assert server.seen[0].headers["content-type"] == "application/json"
    assert exchange.request_bytes == 15 and exchange.response_bytes == len(exchange.response.raw)


def test_connections_are_kept_alive(client, server):
    for _ in range(5):
        assert client.send(Request("GET", "x")).error is None
    assert server.connections == 1


@pytest.mark.parametrize(
    ("method", "idempotent", "expected"),
    [
        ("GET", False, ("timeout", "no_answer", False)),
        ("POST", False, ("timeout", "no_answer", True)),
        ("PATCH", False, ("timeout", "no_answer", True)),
        ("POST", True, ("timeout", "no_answer", False)),
        ("PUT", False, ("timeout", "no_answer", False)),
    ],
)
def test_silence_is_a_timeout_and_only_a_plain_write_is_in_doubt(
    make_client, server, method, idempotent, expected
):
    server.behaviours["/slow"] = slow(1.0)
    client = make_client(timeout_read=0.2)
    exchange = client.send(Request(method, "slow", idempotent=idempotent))
    assert outcome(exchange) == expected
    assert exchange.sent and exchange.duration_ms >= 200
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("part", "code"),
    [
        (b"", "answer_cut"),
        (b"HTTP/1.1 200 O", "answer_cut"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/js", "answer_cut"),
        (JSON_HEAD, "answer_cut"),
        (JSON_HEAD + b"Content-Length: 100\r\n\r\n{", "answer_cut"),
        (JSON_HEAD + b"Content-Length: 999999\r\n\r\n" + b"x" * 90_000, "answer_cut"),
        (JSON_HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n[1,2,\r\n", "answer_cut"),
        (JSON_HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"[1, 2, 3]")[:-6], "answer_cut"),
        (JSON_HEAD + b"Content-Encoding: gzip\r\n\r\nno gzip at all", "answer_malformed"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "answer_malformed"),
    ],
    ids=[
        "no-byte",
        "in-status",
        "in-header",
        "after-header",
        "in-body",
        "in-big-body",
        "in-chunks",
        "in-gzip",
        "not-gzip",
        "not-http",
    ],
)
def test_a_cut_answer_is_told_apart_from_a_short_one(client, server, part, code):
    server.behaviours["/cut"] = cut(part)
    assert outcome(client.send(Request("GET", "cut"))) == ("connection", code, False)
    assert outcome(client.send(Request("POST", "cut"))) == ("timeout", code, True)
    assert server.paths() == ["/cut", "/cut"]


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_an_endless_body_ends_at_the_limit(make_client, server, encoding):
    """Chunked, so that no length is announced."""
    client = make_client(max_response_bytes=1_000_000)
    piece = b" " * 100_000 if encoding == "identity" else gzip.compress(b" " * 50_000_000)

    def endless(_seen, connection):
        connection.sendall(
            JSON_HEAD + f"Content-Encoding: {encoding}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        for _ in range(200):
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        raise Hangup

    server.behaviours["/endless"] = endless
    exchange = client.send(Request("GET", "endless"))
    assert outcome(exchange) == ("validation", "body_too_large", False)
    assert exchange.error.params["limit"] == 1_000_000
    assert outcome(client.send(Request("POST", "endless"))) == ("validation", "body_too_large", True)


def test_a_gzip_bomb_costs_no_memory(make_client, server):
    import tracemalloc

    bomb = gzip.compress(gzip.compress(b"\0" * 50_000_000))  # a bomb in a bomb is opened once only
    server.behaviours["/bomb"] = fixed(answer(200, bomb, content_encoding="gzip, gzip"))
    single = gzip.compress(b" " * 100_000_000)
    server.behaviours["/single"] = fixed(answer(200, single, content_encoding="gzip"))
    client = make_client(max_response_bytes=2_000_000)
    tracemalloc.start()
    try:
        assert client.send(Request("GET", "bomb")).error.code == "unknown_encoding"
        assert client.send(Request("GET", "single")).error.code == "body_too_large"
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_an_announced_size_beyond_the_limit_is_not_read(make_client, server):
    client = make_client(max_response_bytes=1000)
    server.behaviours["/big"] = cut(JSON_HEAD + b"Content-Length: 99999999\r\n\r\n")
    assert client.send(Request("GET", "big")).error.params == {"size": 99999999, "limit": 1000}


def test_bodies_up_to_the_limit_pass(make_client, server):
    client = make_client(max_response_bytes=12_000_000, timeout_read=5.0)
    text = "x" * 11_000_000
    server.behaviours["/big"] = fixed(answer(200, {"text": text}))
    squeezed = gzip.compress(b'{"text": "%s"}' % text.encode())
    server.behaviours["/squeezed"] = fixed(answer(200, squeezed, content_encoding="gzip"))
    for path in ("big", "squeezed"):
        exchange = client.send(Request("GET", path))
        assert exchange.error is None and exchange.response.body["text"] == text
        assert len(exchange.response_body) < 30_000


def test_a_big_request_body_arrives(make_client, server):
    client = make_client(timeout_read=5.0)
    server.behaviours["/up"] = lambda seen, _connection: answer(200, {"size": len(seen.body)})
    exchange = client.send(Request("POST", "up", body={"text": "x" * 12_000_000}))
    assert exchange.error is None and exchange.response.body["size"] == 12_000_011


def test_chunks_and_several_gzip_members(client, server):
    squeezed = gzip.compress(b'{"a": ') + gzip.compress(b"1}")
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in squeezed) + b"0\r\n\r\n"
    head = JSON_HEAD + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    server.behaviours["/chunks"] = fixed(head + chunks)
    for _ in range(2):
        assert client.send(Request("GET", "chunks")).response.body == {"a": 1}
    assert server.connections == 1


def test_dripping_bytes_end_at_the_deadline(make_client, server):
    """Each byte resets the socket's own timeout: only a limit for the whole call helps."""
    server.behaviours["/drip"] = drip(5.0)
    client = make_client(timeout_read=0.5, timeout_total=0.8)
    started = time.monotonic()
    assert outcome(client.send(Request("GET", "drip"))) == ("timeout", "answer_too_slow", False)
    assert outcome(client.send(Request("POST", "drip"))) == ("timeout", "answer_too_slow", True)
    assert time.monotonic() - started < 3.5
    assert client.send(Request("GET", "fine")).error is None


def test_the_deadline_thread_ends_by_itself(make_client, monkeypatch):
    from integration_flow.transport import deadline

    monkeypatch.setattr(deadline, "TICK", 0.01)
    client = make_client()
    deadlines = client._wire._deadlines
    client.send(Request("GET", "x"))
    thread = deadlines._thread
    thread.join(2)
    assert not thread.is_alive() and deadlines._thread is None
    assert client.send(Request("GET", "x")).error is None


class TestStaleConnections:
    """The server closed a pooled connection while a call was already on its way to it."""

    def arrange(self, server):
        """The second request on every connection is read and answered by hanging up."""

        def behave(seen, connection):
            if sum(1 for other in server.seen if other.connection == seen.connection) > 1:
                raise Hangup
            return crooked.echo(seen, connection)

        server.behaviours["/x"] = behave

    @pytest.mark.parametrize(("method", "idempotent"), [("GET", False), ("POST", True)])
    def test_a_repeatable_call_is_repeated_once_in_silence(self, client, server, method, idempotent):
        self.arrange(server)
        for _ in range(2):
            assert client.send(Request(method, "x", body={}, idempotent=idempotent)).error is None
        assert [seen.connection for seen in server.seen] == [1, 1, 2]

    def test_a_write_is_not_repeated_once_it_was_sent(self, client, server):
        self.arrange(server)
        assert client.send(Request("POST", "x", body={})).error is None
        assert outcome(client.send(Request("POST", "x", body={}))) == ("timeout", "answer_cut", True)
        assert len(server.seen) == 2

    def test_a_fresh_connection_that_is_cut_is_not_repeated(self, client, server):
        server.behaviours["/x"] = cut()
        assert client.send(Request("GET", "x")).error.code == "answer_cut"
        assert len(server.seen) == 1

    def test_a_repeat_that_fails_too_is_reported(self, client, server):
        assert client.send(Request("GET", "fine")).error is None
        server.behaviours["/x"] = cut()
        assert client.send(Request("GET", "x")).error.code == "answer_cut"
        assert server.paths() == ["/fine", "/x", "/x"]

    def test_a_silent_pooled_connection_is_not_repeated(self, make_client, server):
        client = make_client(timeout_read=0.2)
        assert client.send(Request("GET", "fine")).error is None
        server.behaviours["/x"] = slow(0.6)
        assert client.send(Request("GET", "x")).error.code == "no_answer"
        assert server.paths() == ["/fine", "/x"]

    def test_a_connection_known_to_be_closed_costs_nothing(self, client, server):
        for _ in range(3):
            assert client.send(Request("POST", "x", body={})).error is None
            server.drop_connections()
            time.sleep(0.05)
        assert len(server.seen) == 3

    def test_a_write_does_not_trust_a_connection_that_rested(self, client, server, monkeypatch):
        from integration_flow.transport import wire

        monkeypatch.setattr(wire, "IDLE_LIMIT", 0.05)
        for method in ("GET", "GET", "POST"):
            assert client.send(Request(method, "x")).error is None
            time.sleep(0.1)
        assert [seen.connection for seen in server.seen] == [1, 1, 2]

    def test_a_half_read_answer_does_not_spoil_the_next_one(self, make_client, server):
        client = make_client(max_response_bytes=100, parallel_calls=1)
        server.behaviours["/big"] = fixed(answer(200, {"text": "x" * 500}))
        assert client.send(Request("GET", "big")).error.code == "body_too_large"
        assert client.send(Request("GET", "x")).response.body["target"] == "/x"


class TestNotConnected:
    def test_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        exchange = Client(ConnectionConfig(f"http://127.0.0.1:{port}")).send(Request("POST", "x", body={}))
        assert outcome(exchange) == ("connection", "cannot_connect", False) and not exchange.sent
        assert exchange.error.params == {"host": f"127.0.0.1:{port}", "reason": "connection refused"}

    def test_nobody_accepts(self):
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
            address = full.getsockname()
            fillers = [socket.socket() for _ in range(4)]
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(address)
            config = ConnectionConfig(f"http://127.0.0.1:{address[1]}", timeout_connect=0.2)
            exchange = Client(config).send(Request("POST", "x", body={}))
            assert outcome(exchange) == ("connection", "cannot_connect", False)
            assert exchange.error.params["reason"] == "timeout"
            for filler in fillers:
                filler.close()

    @pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", "x" * 70 + ".invalid"])
    def test_no_such_host(self, host):
        exchange = Client(ConnectionConfig(f"https://{host}")).send(Request("GET", "x"))
        assert outcome(exchange) == ("connection", "unknown_host", False)
        assert exchange.error.params == {"host": host}

    def test_no_tls_there(self, server):
        client = Client(ConnectionConfig(server.url.replace("http:", "https:"), timeout_connect=0.3))
        server.behaviours[""] = cut(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        exchange = client.send(Request("GET", "x"))
        assert exchange.error.error_class == "connection" and not exchange.sent
        assert exchange.error.code in ("tls_failed", "cannot_connect")

    def test_a_missing_bundle_of_authorities(self, server):
        config = ConnectionConfig(server.url.replace("http:", "https:"), ca_bundle="/nowhere/ca.pem")
        exchange = Client(config).send(Request("GET", "x"))
        assert outcome(exchange) == ("connection", "tls_failed", False)


def test_environment_proxies_are_not_used(monkeypatch, make_client):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert make_client().send(Request("GET", "x")).error is None


def test_a_netrc_is_not_used(monkeypatch, tmp_path, make_client, server):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login ada password pw\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    make_client().send(Request("GET", "x"))
    assert "authorization" not in server.seen[0].headers


def test_cookies_are_not_carried_from_call_to_call(client, server):
    server.behaviours["/login"] = fixed(answer(200, {}, set_cookie="sid=1; Path=/"))
    client.send(Request("GET", "login"))
    client.send(Request("GET", "x"))
    assert "cookie" not in server.seen[1].headers
