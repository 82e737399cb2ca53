"""An external system with any number of customers and no memory of them: each page is made when it is asked for.

    python pages.py CUSTOMERS

``GET /customers`` by pages; ``POST`` and ``PUT /live`` keep of each record what it holds now. ``GET /_live`` tells it, with
the moment at which each value arrived. It ends when its input does.
"""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

COUNTRIES = ("BE", "DE", "FR", "NL", "US")


def customer(number):
    """The customer of this number, always the same."""
    return {
        "id": number, "email": f"Load.{number}@Example.com", "first_name": f"First{number % 977}",
        "last_name": f"Last {number}", "date_modified_gmt": "2026-01-01T10:00:00",
        "billing": {
            "address_1": f"Street {number % 311}", "address_2": f"Floor {number % 7}", "city": f"City {number % 53}",
            "postcode": f"{number % 9000 + 1000}", "country": COUNTRIES[number % 5], "phone": f"+32 {number}"}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    customers = 0
    live: dict = {}
    arrivals: list = []
    calls = {"created": 0, "updated": 0, "pages": 0}
    lock = threading.Lock()

    def do_GET(self):
        parts = urlsplit(self.path)
        if parts.path.endswith("/_live"):
            with self.lock:
                self.send({"live": self.live, "arrivals": self.arrivals, "calls": self.calls})
            return
        query = parse_qs(parts.query)
        size, page = int(query.get("per_page", ["100"])[0]), int(query.get("page", ["1"])[0])
        first = (page - 1) * size + 1
        with self.lock:
            self.calls["pages"] += 1
        self.send([customer(number) for number in range(first, min(first + size, self.customers + 1))],
                  {"X-WP-TotalPages": str(-(-self.customers // size))})

    def do_POST(self):
        with self.lock:
            self.calls["created"] += 1
            record_id = str(self.calls["created"])
        self.keep(record_id)

    def do_PUT(self):
        with self.lock:
            self.calls["updated"] += 1
        self.keep(urlsplit(self.path).path.rpartition("/")[2])

    def keep(self, record_id):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.lock:
            record = self.live.setdefault(record_id, {})
            record.update(body)
            self.arrivals.append([record_id, record.get("street"), time.time()])
        self.send({"id": int(record_id), **record})

    def send(self, value, headers=None):
        raw = json.dumps(value).encode()
        self.send_response(200)
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


def main():
    Handler.customers = int(sys.argv[1])
    server = Server(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
