"""A carrier for tests of requests: rates, a shipment that is a draft until it is bought, labels, cancellation.

It runs in a thread of the test's process, counts what it was asked, and loses answers on demand.
"""

import base64
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class Carrier:
    """``lose``: regular expression of "METHOD path"; an answer to the next such call is lost, after it was carried out."""

    def __init__(self):
        self.shipments: dict[str, dict] = {}
        self.calls: list[str] = []
        self.lose = ""
        carrier = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self):
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                call = f"{self.command} {urlsplit(self.path).path}"
                carrier.calls.append(call)
                status, body, content_type = carrier.answer(
                    call, json.loads(raw) if raw else {}, parse_qs(urlsplit(self.path).query))
                if carrier.lose and re.search(carrier.lose, call):
                    carrier.lose = ""
                    self.close_connection = True
                    return
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = _serve

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def bought(self):
        return sum(call.endswith("/buy") for call in self.calls)

    def answer(self, call, body, query):
        """Status, body (bytes or JSON) and content type."""
        kind, key, verb = re.fullmatch(r"\w+ /(\w+)(?:/([\w-]+))?(?:/([\w.]+))?", call).groups()
        if kind == "labels":
            return 200, base64.b64decode("JVBERi0xLjQK"), "application/pdf"
        if kind == "rates":
            rates = [{"id": "r1", "service": "std", "price": 5.5}, {"id": "r2", "service": "fast", "price": 9.9}]
            status, found = 200, {"rates": rates, "zip": query.get("zip")}
        elif key:
            status, found = self.change(self.shipments[key], verb, body)
        elif call.startswith("GET"):
            wanted = query.get("reference", [""])[0]
            status, found = 200, [one for one in self.shipments.values()
                                  if one["reference"] == wanted and one["status"] != "cancelled"]
        else:
            status, found = self.draft(body)
        return status, found, "application/json"

    def draft(self, body):
        if not body.get("to", {}).get("city"):
            return 422, {"message": "to.city is missing"}
        key = f"s{len(self.shipments) + 1}"
        self.shipments[key] = {
            "id": key, "status": "draft", "reference": body.get("reference"), "tracking": None, "label_url": None,
            "rates": [{"id": "r1", "service": "std"}, {"id": "r2", "service": "fast"}]}
        return 201, self.shipments[key]

    @staticmethod
    def change(shipment, verb, body):
        if verb == "buy":
            if shipment["status"] != "draft":
                return 409, {"message": "already bought"}
            key = shipment["id"]
            shipment.update(status="bought", tracking=f"T-{key}", label_url=f"/labels/{key}/a6.pdf",
                            service={"r1": "std", "r2": "fast"}[body["rate"]])
        elif verb == "cancel":
            shipment["status"] = "cancelled"
        return 200, shipment
