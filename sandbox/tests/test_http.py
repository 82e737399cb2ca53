"""The HTTP layer: connections are kept, odd requests are answered, nothing hangs."""

import http.client
import json
import socket
import threading
import time

import pytest


def raw(shop, data):
    with socket.create_connection(("127.0.0.1", shop.port), timeout=5) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        parts = []
        while chunk := connection.recv(65536):
            parts.append(chunk)
    return b"".join(parts)


def test_one_connection_serves_many_requests_quickly(shop):
    connection = http.client.HTTPConnection("127.0.0.1", shop.port, timeout=5)
    shop.clear_counts()
    started = time.monotonic()
    for _ in range(100):
        connection.request("GET", "/wp-json/wc/v3/customers?per_page=1", headers={"X-API-Key": shop.api_key})
        assert len(json.loads(connection.getresponse().read())) == 1
    seconds = time.monotonic() - started
    connection.close()
    assert shop.counts()["connections"] == 1
    assert seconds < 2, "small answers are delayed: TCP_NODELAY?"


def test_pipelined_and_chunked_requests(shop):
    body = b'{"email": "chunk@example.com"}'
    head = f"Host: x\r\nX-API-Key: {shop.api_key}\r\nContent-Type: application/json\r\n".encode()
    chunked = b"%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (10, body[:10], len(body) - 10, body[10:])
    first = b"POST /wp-json/wc/v3/customers HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
    second = b"GET /wp-json/wc/v3/customers?email=chunk@example.com HTTP/1.1\r\nConnection: close\r\n"
    answer = raw(shop, first + head + b"\r\n" + chunked + second + head + b"\r\n")
    assert answer.count(b"HTTP/1.1 201") == 1
    assert answer.count(b"HTTP/1.1 200") == 1


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(b"nonsense\r\n\r\n", b"400", id="no request line"),
        pytest.param(b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"400", id="bad header"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n", b"400", id="negative length"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n", b"413", id="huge body"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 300 + b"\r\n", b"431", id="too many headers"),
    ],
)
def test_odd_requests_are_refused(shop, data, status):
    assert raw(shop, data).startswith(b"HTTP/1.1 " + status)


def test_head_and_unknown_routes(api):
    head = api.head("customers")
    assert head.headers["X-WP-Total"] == "25"
    assert head.content == b""
    for path in ("nothing", "variations", "customers/1/2/3", "orders/1/what/2"):
        answer = api.get(path)
        assert answer.status_code == 404
        assert answer.json()["code"] == "rest_no_route"
    assert api.delete("customers").json()["data"] == {"status": 404}


def test_latency_holds_with_many_connections(shop):
    shop.settings(latency_ms=20)
    shop.clear_counts()

    def read():
        connection = http.client.HTTPConnection("127.0.0.1", shop.port, timeout=10)
        for _ in range(20):
            connection.request(
                "GET", "/wp-json/wc/v3/products?per_page=1", headers={"X-API-Key": shop.api_key}
            )
            connection.getresponse().read()
        connection.close()

    threads = [threading.Thread(target=read) for _ in range(16)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - started
    assert 0.4 <= seconds < 2
    counts = shop.counts()
    assert counts["max_parallel"] == 16
    assert counts["by_route"] == {"GET /products": 320}


def test_human_pages(shop, anonymous):
    home = anonymous.get(f"{shop.url}/")
    assert home.headers["Content-Type"].startswith("text/html")
    assert "Orders (39)" in home.text
    assert "<script>alert" not in home.text
    order = next(o for o in shop.dump("orders") if o["billing"]["first_name"] == "<b>Bold</b>")
    page = anonymous.get(f"{shop.url}/wp-admin/post.php?post={order['id']}")
    assert page.status_code == 200
    assert "&lt;b&gt;Bold&lt;/b&gt;" in page.text
    assert "<script>" not in page.text
    assert "Order #" in page.text
    for product in shop.dump("products"):
        assert anonymous.get(product["permalink"]).status_code == 200
        image = anonymous.get(product["images"][0]["src"])
        assert image.content.startswith(b"\x89PNG")
    customer = anonymous.get(f"{shop.url}/wp-admin/user-edit.php?user_id=1")
    assert next(row for row in shop.dump("customers") if row["id"] == 1)["email"] in customer.text
    assert anonymous.get(f"{shop.url}/wp-admin/post.php?post=999999").status_code == 404
