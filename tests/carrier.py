"""A carrier for tests of requests: rates, a shipment that is a draft until it is bought, labels, cancellation.

It runs in a thread of the test's process, counts what it was asked, and loses answers on demand.
"""

import base64
import json
import re
from urllib.parse import parse_qs, urlsplit

from .http_thread import HttpThread


class Carrier(HttpThread):
    """``lose``: regular expression of "METHOD path"; an answer to the next such call is lost, after it was carried out."""

    def __init__(self):
        self.shipments: dict[str, dict] = {}
        self.calls: list[str] = []
        self.lose = ""
        super().__init__()

    def serve(self, asked):
        path, query = urlsplit(asked.path).path, parse_qs(urlsplit(asked.path).query)
        call = f"{asked.method} {path}"
        self.calls.append(call)
        status, body, content_type = self.answer(call, json.loads(asked.raw) if asked.raw else {}, query)
        if self.lose and re.search(self.lose, call):
            self.lose = ""
            return None
        return status, content_type, body if isinstance(body, bytes) else json.dumps(body).encode()

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
            "city": body["to"]["city"],
            "rates": [{"id": "r1", "service": "std"}, {"id": "r2", "service": "fast"}]}
        return 201, self.shipments[key]

    @staticmethod
    def change(shipment, verb, body):
        if verb == "buy":
            if shipment["status"] != "draft":
                return 409, {"message": "already bought"}
            if shipment["city"] == "Nowhere":
                return 422, {"message": "nobody drives to Nowhere"}
            key = shipment["id"]
            shipment.update(status="bought", tracking=f"T-{key}", label_url=f"/labels/{key}/a6.pdf",
                            service={"r1": "std", "r2": "fast"}[body["rate"]])
        elif verb == "cancel" and shipment.get("locked"):
            return 409, {"message": "it is locked"}
        elif verb == "cancel":
            shipment["status"] = "cancelled"
        return 200, shipment
