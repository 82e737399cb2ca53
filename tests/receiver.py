"""A receiver of webhooks on loopback: keeps what came, raw, and answers as the test wants."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Call(NamedTuple):
    """One call as it arrived: path, headers (names in small letters), raw body and moment."""

    path: str
    headers: dict
    raw: bytes
    at: float


class Receiver:
    """``answer`` is a status, a tuple (status, headers, body), or a function of the call that returns one of these."""

    def __init__(self):
        self.calls: list[Call] = []
        self.answer = 200
        self.running = self.peak = 0
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                receiver._take(self)

            def log_message(self, *args):
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    @property
    def ids(self):
        """The IDs of the events that came, in order, with repeats."""
        return [call.headers["webhook-id"] for call in self.calls]

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def _take(self, handler):
        raw = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        call = Call(handler.path, {name.lower(): value for name, value in handler.headers.items()}, raw, time.monotonic())
        with self._lock:
            self.calls.append(call)
            self.running += 1
            self.peak = max(self.peak, self.running)
        try:
            answer = self.answer(call) if callable(self.answer) else self.answer
        finally:
            with self._lock:
                self.running -= 1
        status, headers, body = answer if isinstance(answer, tuple) else (answer, {}, b"")
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)
