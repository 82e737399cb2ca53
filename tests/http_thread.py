"""A small HTTP server in a thread of the test's process, for systems that the sandbox is not."""

import threading
from abc import ABC, abstractmethod
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Asked(NamedTuple):
    """A call as it came: 'GET', the path with its query, headers and raw body."""

    method: str
    path: str
    headers: dict
    raw: bytes


class HttpThread(ABC):
    """Inherit and say what is answered; ``url`` is its address, without a slash at the end."""

    def __init__(self):
        system = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self):
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                answer = system.serve(Asked(self.command, self.path, self.headers, raw))
                if answer is None:
                    self.close_connection = True
                    return
                status, content_type, data = answer
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_DELETE = _serve

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @abstractmethod
    def serve(self, asked: Asked):
        """Status, content type and bytes; None: the answer is lost."""

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
