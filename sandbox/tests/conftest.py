"""One server a test session, reset before each test; a receiver for webhooks; a session that is logged in."""

import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from integration_flow.sandbox.client import SandboxServer


class Session(requests.Session):
    """Calls relative to the API, never without a time-out."""

    def __init__(self, shop, **headers):
        super().__init__()
        self.shop = shop
        self.headers.update(headers)

    def request(self, method, url, **options):
        options.setdefault("timeout", 10)
        address = url if url.startswith("http") else f"{self.shop.api}/{url.lstrip('/')}"
        return super().request(method, address, **options)


@pytest.fixture(scope="session")
def server():
    with SandboxServer(max_per_page=500) as running:
        yield running


@pytest.fixture
def shop(server):
    defaults = {"latency_ms": 0, "rate_limit": None, "idempotency": True, "auth": "any", "clock_offset": 0}
    defaults |= {"token_expires_in": 3600, "webhook_ping": False, "webhook_retry_delays": [0.05, 0.1]}
    defaults |= {"modified_skew": 0, "webhook_workers": 1, "webhook_disable_after": 5, "max_per_page": 500}
    server.settings(**defaults)
    server.reset(seed="small")
    return server


@pytest.fixture
def api(shop):
    with Session(shop, **{"X-API-Key": shop.api_key}) as session:
        yield session


@pytest.fixture
def anonymous(shop):
    with Session(shop) as session:
        yield session


class Receiver:
    """Somebody who is told by webhooks; answers the statuses it was given, then 200."""

    def __init__(self):
        self.received = queue.Queue()
        self.statuses = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.statuses.pop(0) if receiver.statuses else 200
                # Before the answer: behind it the next delivery may come first.
                receiver.received.put((dict(self.headers), body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook?db=test"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def next(self):
        return self.received.get(timeout=5)

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver():
    running = Receiver()
    yield running
    running.stop()
