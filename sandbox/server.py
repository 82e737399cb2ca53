"""The HTTP side: one thread a connection, keep-alive, no delay of small packets.

The standard library's handler spends more time on reading headers than the shop on its answer; this one
reads the little that HTTP/1.1 clients send and writes each answer in one piece.
"""

import contextlib
import itertools
import socket
import socketserver
import sys
import traceback
from email.utils import formatdate
from http.client import responses

from .messages import Request, Response

MAX_BODY = 64 * 1024 * 1024
MAX_LINE = 64 * 1024
MAX_HEADERS = 200
NO_BODY = (204, 304)


class BadRequest(Exception):
    """What came in was not HTTP that we read: (status, text)."""


class Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    timeout = 300
    numbers = itertools.count(1)

    def handle(self):
        self.number = next(self.numbers)
        try:
            while self._exchange():
                pass
        except (ConnectionError, TimeoutError, ValueError):
            pass  # the client went away, or we cut the connection on purpose

    def finish(self):
        with contextlib.suppress(OSError):
            super().finish()

    def _exchange(self):
        try:
            request, keep = self._read()
        except BadRequest as error:
            status, text = error.args
            self.write(
                Response.of({"code": "http_error", "message": text, "data": {"status": status}}, status),
                False,
            )
            return False
        if request is None:
            return False
        try:
            answer = self.server.app.handle(request, self)
        except ConnectionError:
            raise
        except Exception:  # a bug of the sandbox: show it, answer 500, go on
            traceback.print_exc(file=sys.stderr)
            answer = Response.of({"code": "sandbox_bug", "message": traceback.format_exc(limit=3)}, 500)
        if answer is None:
            return False
        self.write(answer, keep, request.method == "HEAD")
        return keep

    # Reading

    def _read(self):
        line = self.rfile.readline(MAX_LINE + 1)
        while line in (b"\r\n", b"\n"):
            line = self.rfile.readline(MAX_LINE + 1)
        if not line:
            return None, False
        try:
            method, target, version = line.decode("latin-1").split()
        except ValueError:
            raise BadRequest(400, "Bad request line.") from None
        if len(line) > MAX_LINE:
            raise BadRequest(414, "Request line too long.")
        headers = self._headers()
        if "100-continue" in headers.get("expect", "").lower():
            self.connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self._body(headers)
        wish = headers.get("connection", "").lower()
        keep = wish != "close" and (version == "HTTP/1.1" or wish == "keep-alive")
        return Request(method.upper(), target, headers, body, self.number), keep

    def _headers(self):
        headers = {}
        for _ in range(MAX_HEADERS):
            line = self.rfile.readline(MAX_LINE + 1)
            if line in (b"\r\n", b"\n", b""):
                return headers
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon:
                raise BadRequest(400, "Bad header line.")
            headers[name.strip().lower()] = value.strip()
        raise BadRequest(431, "Too many headers.")

    def _body(self, headers):
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return self._chunks()
        length = headers.get("content-length", "0")
        if not length.isdigit():
            raise BadRequest(400, "Bad Content-Length.")
        if int(length) > MAX_BODY:
            raise BadRequest(413, "Request body too large.")
        body = self.rfile.read(int(length)) if length != "0" else b""
        if len(body) < int(length):
            raise ConnectionAbortedError
        return body

    def _chunks(self):
        parts, total = [], 0
        while True:
            try:
                size = int(self.rfile.readline(MAX_LINE).split(b";")[0], 16)
            except ValueError:
                raise BadRequest(400, "Bad chunk.") from None
            total += size
            if total > MAX_BODY:
                raise BadRequest(413, "Request body too large.")
            if not size:
                while self.rfile.readline(MAX_LINE).strip():
                    pass
                return b"".join(parts)
            parts.append(self.rfile.read(size))
            self.rfile.readline(MAX_LINE)

    # Writing

    def write(self, answer, keep=True, head_only=False, stop_at=None):
        """Send one answer; ``stop_at`` sends only so much of the body that the headers announce."""
        lines = [
            f"HTTP/1.1 {answer.status} {responses.get(answer.status, 'Unknown')}",
            "Server: integration-flow-sandbox",
            f"Date: {formatdate(usegmt=True)}",
        ]
        if answer.status not in NO_BODY:
            lines.append(f"Content-Type: {answer.content_type}")
            lines.append(f"Content-Length: {len(answer.body)}")
        lines.append(f"Connection: {'keep-alive' if keep else 'close'}")
        lines += [f"{name}: {clean(value)}" for name, value in answer.headers]
        body = b"" if head_only or answer.status in NO_BODY else answer.body[:stop_at]
        self.connection.sendall("\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body)

    def cut(self):
        """End the connection now, without a word, in both directions."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


def clean(value):
    """A header value cannot hold a line break."""
    return str(value).replace("\r", " ").replace("\n", " ")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address, app):
        self.app = app
        super().__init__(address, Connection)
