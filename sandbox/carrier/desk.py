"""The carrier's API under ``/v2``: addresses, shipments, trackers, webhooks, and the files of labels.

Shapes after the public EasyPost API documentation. There is no idempotency: what is sent twice is made twice, except
that postage of a shipment is bought once.
"""

from datetime import UTC, datetime

from ..auth import basic, same
from ..messages import Response, dumps
from . import labels
from .addresses import address, problems, verified
from .errors import CarrierError, not_found, required
from .rates import customs_problems, dimensions_of, rates_for, weight_of

STATUSES = (
    "unknown", "pre_transit", "in_transit", "out_for_delivery", "delivered", "available_for_pickup",
    "return_to_sender", "failure", "cancelled", "error",
)  # fmt: skip
FILES = {"pdf": ("application/pdf", labels.pdf), "zpl": ("application/zpl", labels.zpl)}


class Carrier:
    """Keeps everything in memory; called inside the lock of the store."""

    def __init__(self, app):
        self.app = app
        self.reset()

    def reset(self):
        self.numbers = 0
        self.shipments = {}
        self.trackers = {}
        self.hooks = {}

    def serve(self, request):
        """The answer to a request below ``/v2``.

        :raises CarrierError: in the carrier's own shape
        """
        parts = request.segments[1:]
        if parts[:1] == ["files"]:
            return self.file(*parts[1:]) if len(parts) == 2 else self._nothing()
        self._check_key(request)
        kind, *rest = parts or [""]
        verb = f"{request.method.lower()}_{kind}" + ("_one" if rest else "") + "".join(f"_{part}" for part in rest[1:])
        action = getattr(self, verb, None)
        if action is None or len(rest) > 2:
            raise not_found()
        return action(request, *rest[:1])

    @staticmethod
    def _nothing():
        raise not_found()

    def _check_key(self, request):
        """Basic, with the API key as the user and no password."""
        user, _password = basic(request) or ("", "")
        if self.app.settings.auth != "none" and not same(user, self.app.settings.api_key):
            raise CarrierError(401, "APIKEY.INACTIVE", "This api key is no longer active.")

    def _id(self, prefix):
        self.numbers += 1
        return f"{prefix}_{self.numbers:08d}"

    @staticmethod
    def _now():
        return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    # -- addresses -----------------------------------------------------------------------------------------

    def post_addresses(self, request):
        body = request.json_object()
        found = address(body.get("address"))
        if body.get("verify_strict") or body.get("verify"):
            found = verified(found, strict=bool(body.get("verify_strict")))
        return Response.of({"id": self._id("adr"), "object": "Address", "created_at": self._now(), **found}, 201)

    # -- shipments -----------------------------------------------------------------------------------------

    def get_shipments(self, request):
        """Newest first: ``page_size``, ``before_id``, ``purchased``."""
        size = min(int(request.param("page_size") or 20), 100)
        found = sorted(self.shipments.values(), key=lambda shipment: shipment["id"], reverse=True)
        if request.param("purchased") in ("true", "false"):
            wanted = request.param("purchased") == "true"
            found = [shipment for shipment in found if bool(shipment["postage_label"]) == wanted]
        before = request.param("before_id")
        found = [shipment for shipment in found if not before or shipment["id"] < before]
        return Response.of({"shipments": found[:size], "has_more": len(found) > size})

    def post_shipments(self, request):
        values = request.json_object().get("shipment")
        if not isinstance(values, dict):
            raise required({"shipment": "cannot be blank"})
        to, start = address(values.get("to_address")), address(values.get("from_address"))
        for name, found in (("to_address", to), ("from_address", start)):
            wrong = problems(found)
            if wrong:
                raise CarrierError(422, "ADDRESS.INVALID", f"The {name} is not complete.", {
                    f"{name}.{field}": text for field, text in wrong.items()})  # fmt: skip
        ounces = weight_of(values.get("parcel"))
        options = values.get("options") if isinstance(values.get("options"), dict) else {}
        shipment = {
            "id": self._id("shp"), "object": "Shipment", "created_at": self._now(), "updated_at": self._now(),
            "reference": values.get("reference"), "is_return": str(values.get("is_return")).lower() == "true",
            "status": "unknown", "to_address": to, "from_address": start,
            "parcel": {"weight": float(ounces), **dimensions_of(values["parcel"])}, "options": options,
            "customs_info": values.get("customs_info"), "selected_rate": None, "postage_label": None,
            "tracking_code": None, "tracker": None, "refund_status": None, "messages": [],
        }  # fmt: skip
        shipment["rates"] = [
            {"id": self._id("rate"), "shipment_id": shipment["id"], **rate}
            for rate in rates_for(ounces, to["country"], self.app.settings.currency)
        ]
        self.shipments[shipment["id"]] = shipment
        self.app.metrics.created("shipments", _named(shipment), None)
        return Response.of(shipment, 201)

    def _shipment(self, key):
        """By its ID, or the newest one with this reference."""
        found = self.shipments.get(key) or next(
            (one for one in reversed(list(self.shipments.values())) if one["reference"] == key), None)  # fmt: skip
        if found is None:
            raise not_found()
        return found

    def get_shipments_one(self, request, key):
        return Response.of(self._shipment(key))

    def post_shipments_one_buy(self, request, key):
        shipment = self._shipment(key)
        if shipment["postage_label"]:
            raise CarrierError(422, "SHIPMENT.POSTAGE.EXISTS", "Postage already exists for this shipment.")
        wanted = request.json_object().get("rate")
        wanted = wanted.get("id") if isinstance(wanted, dict) else None
        rate = next((rate for rate in shipment["rates"] if rate["id"] == wanted), None)
        if rate is None:
            services = ", ".join(rate["service"] for rate in shipment["rates"])
            message = f"The rate does not belong to this shipment. Services for it: {services or 'none'}."
            raise CarrierError(422, "SHIPMENT.POSTAGE.FAILURE", message)
        wrong = customs_problems(
            shipment["from_address"]["country"], shipment["to_address"]["country"], shipment["customs_info"])
        if wrong:
            raise CarrierError(422, "SHIPMENT.CUSTOMS.INVALID", "The customs papers are not complete.", wrong)
        code = f"SBX{self.numbers:09d}{shipment['to_address']['country']}"
        tracker = {
            "id": self._id("trk"), "object": "Tracker", "tracking_code": code, "status": "pre_transit",
            "shipment_id": shipment["id"], "carrier": rate["carrier"], "signed_by": None, "created_at": self._now(),
            "updated_at": self._now(), "tracking_details": [],
            "public_url": f"{self.app.settings.site_url}/track/{code}",
        }  # fmt: skip
        self.trackers[code] = tracker
        kind = "zpl" if str(shipment["options"].get("label_format")).upper() == "ZPL" else "pdf"
        shipment.update(
            selected_rate=rate, tracking_code=code, tracker=tracker, status="pre_transit", updated_at=self._now(),
            postage_label={
                "object": "PostageLabel", "label_file_type": FILES[kind][0], "label_size": "4x6",
                "label_url": self._file_url(shipment, kind), "label_pdf_url": None, "label_zpl_url": None,
                f"label_{kind}_url": self._file_url(shipment, kind)})  # fmt: skip
        self.app.metrics.created("postage", _named(shipment), None)
        return Response.of(shipment)

    def _file_url(self, shipment, kind):
        return f"{self.app.settings.site_url}/v2/files/{shipment['id']}.{kind}"

    def get_shipments_one_label(self, request, key):
        """The label in another format: ``file_format=ZPL``."""
        shipment = self._shipment(key)
        kind = (request.param("file_format") or "").lower()
        if not shipment["postage_label"] or kind not in FILES:
            raise CarrierError(422, "SHIPMENT.LABEL.UNAVAILABLE", "There is no label in this format.")
        shipment["postage_label"][f"label_{kind}_url"] = self._file_url(shipment, kind)
        return Response.of(shipment)

    def file(self, name):
        """A label; who knows the address may read it."""
        key, _, kind = name.partition(".")
        shipment = self.shipments.get(key)
        if not shipment or not shipment["postage_label"] or kind not in FILES:
            raise not_found()
        content_type, draw = FILES[kind]
        return Response(draw(shipment), 200, content_type=content_type)

    def post_shipments_one_refund(self, request, key):
        """Only what was bought and not yet handed over."""
        shipment = self._shipment(key)
        if not shipment["postage_label"]:
            raise CarrierError(422, "SHIPMENT.REFUND.UNAVAILABLE", "There is no postage to refund.")
        if shipment["status"] != "pre_transit":
            raise CarrierError(422, "SHIPMENT.REFUND.UNAVAILABLE", "The parcel is on its way already.")
        shipment["refund_status"] = shipment["refund_status"] or "submitted"
        shipment["updated_at"] = self._now()
        return Response.of(shipment)

    # -- trackers and webhooks -----------------------------------------------------------------------------

    def get_trackers(self, request):
        code = request.param("tracking_code")
        found = [tracker for tracker in self.trackers.values() if code in (None, tracker["tracking_code"])]
        return Response.of({"trackers": found[::-1][:100], "has_more": len(found) > 100})

    def get_trackers_one(self, request, key):
        found = next((one for one in self.trackers.values() if key in (one["id"], one["tracking_code"])), None)
        if found is None:
            raise not_found()
        return Response.of(found)

    def move(self, code, status, message=""):
        """The parcel was scanned (ordered by ``/_control/track``): its tracker changes, and webhooks tell."""
        tracker = self.trackers.get(code)
        if tracker is None or status not in STATUSES:
            raise required({"tracking_code": "is unknown"} if tracker is None else {"status": "is unknown"})
        before, now = tracker["status"], self._now()
        scan = {"object": "TrackingDetail", "status": status, "message": message or status, "datetime": now}
        tracker.update(status=status, updated_at=now, tracking_details=[*tracker["tracking_details"], scan])
        self.shipments[tracker["shipment_id"]].update(status=status, updated_at=now)
        event = {
            "id": self._id("evt"), "object": "Event", "mode": "test", "description": "tracker.updated",
            "created_at": now, "previous_attributes": {"status": before}, "result": tracker,
        }  # fmt: skip
        for hook in self.hooks.values():
            self.app.deliveries.post(hook, "tracker.updated", dumps(event))
        return tracker

    def post_webhooks(self, request):
        values = request.json_object().get("webhook")
        url = values.get("url") if isinstance(values, dict) else None
        if not isinstance(url, str) or not url.startswith("http://127.0.0.1:"):
            raise required({"url": "must be an address on this machine"})
        hook = {"id": self._id("hook"), "object": "Webhook", "mode": "test", "url": url}
        self.hooks[hook["id"]] = {"id": hook["id"], "delivery_url": url, "signature_style": "easypost"}
        self.app.deliveries.secrets[hook["id"]] = str(values.get("webhook_secret") or "")
        return Response.of(hook, 201)

    def delete_webhooks_one(self, request, key):
        if self.hooks.pop(key, None) is None:
            raise not_found()
        return Response.of({})


def _named(shipment):
    """For the counts: by what name it could have been sent twice."""
    name = shipment["reference"]
    return {"meta_data": [{"key": "external_reference", "value": name}] if name else []}
