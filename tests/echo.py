"""An external system that quotes everything that it was sent, as badly behaved ones do: for tests of what is kept secret.

It runs in a thread of the test's process. ``mode`` says how it answers; ``secrets`` are texts that it puts into its answers
in every form, ``records`` what its lists hold.
"""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, urlsplit


class Echo:
    def __init__(self):
        self.mode = "list"
        self.secrets = []
        self.records = []
        self.token = {}
        self.seen = []
        echo = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                echo.seen.append((self.command, self.path, dict(self.headers), body))
                echo.answer(self, body)

            do_GET = do_POST = do_PUT = do_DELETE = _answer

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def start(self):
        self._thread.start()
        return self

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_port}"

    def quoted(self, handler, body):
        """All that was sent, and all secrets in all forms, in one text."""
        sent = " ".join([handler.path, *(f"{name}={value}" for name, value in handler.headers.items()),
                         body.decode(errors="replace")])
        forms = [form for secret in self.secrets for form in (
            secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode(),
            base64.b64encode(f"ada:{secret}".encode()).decode(), json.dumps(secret))]
        return f"refused: {sent} {' '.join(forms)}"

    def answer(self, handler, body):
        quoted = self.quoted(handler, body)
        one_line = quote(quoted, safe=" =:/!.?&%+")
        headers = {"X-Echo": one_line[:3000], "WWW-Authenticate": f'Bearer error="{one_line[:2000]}"',
                   "Set-Cookie": f"session={self.secrets[0] if self.secrets else 'x'}".encode("ascii", "ignore").decode()}
        if handler.path.startswith("/token"):
            self.send(handler, 200, self.token, {})
        elif self.mode == "list":
            page = self.records if handler.command == "GET" and "/things/" not in urlsplit(handler.path).path else {
                "id": 1, "sent": json.loads(body or b"null")}
            self.send(handler, 200, page, headers)
        elif self.mode == "redirect":
            where = f"{self.url}/things?leak={quote(self.secrets[0], safe='')}" if handler.command != "GET" \
                else f"https://elsewhere.example/{quote(self.secrets[0], safe='')}?token={quote(self.secrets[0], safe='')}"
            self.send(handler, 302, {"message": quoted}, {**headers, "Location": where})
        elif self.mode == "malformed":
            self.send(handler, 200, f'{{"a": {quoted}'.encode(), headers)
        elif self.mode == "html":
            self.send(handler, 500, f"<html><body>Traceback: {quoted}</body></html>".encode(), headers, "text/html")
        else:
            self.send(handler, int(self.mode), {"message": quoted, "errors": [{"field": "x", "message": quoted}],
                                                "quoted": json.dumps({"inner": quoted})}, headers)

    @staticmethod
    def send(handler, status, body, headers, content_type="application/json"):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value.encode("ascii", "ignore").decode())
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(raw)))
        handler.end_headers()
        handler.wfile.write(raw)
