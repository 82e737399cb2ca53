"""A route planner beside the shop: ``/planner/v1/...``, with the shapes of the public OptimoRoute API, version 1.

As real as it hurts: the key stands in the address; refusals come as 200 with ``"success": false`` and a code; times of a
plan have no zone; what drivers report stands in another call than where the stop stands in the plan. ``sandbox/drive`` is
the driver's app, which the public API does not have.
"""

import hashlib
import time

from .auth import same
from .messages import ApiError, Response, no_route
from .system import System

STATUSES = ("unscheduled", "scheduled", "on_route", "servicing", "success", "failed", "rejected", "cancelled")
OPERATIONS = ("CREATE", "UPDATE", "SYNC", "MERGE")
DRIVER = {"driverName": "Dana Driver", "driverSerial": "001", "vehicleRegistration": "VAN-1"}
MOST_ORDERS = 500
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cf500f0003860181a4a91f68"
    "0000000049454e44ae426082")


def refused(code, message):
    return {"success": False, "code": code, "message": message}


class Planner(System):
    def clear(self):
        with self.lock:
            self.orders = {}  # id -> {"id", "data", "schedule", "completion"}
            self.made = 0

    def refusal(self, error):
        return Response.of(refused(error.code, error.message), error.status, error.headers)

    def serve(self, request):
        if not same(request.param("key"), self.app.settings.api_key):
            return Response.of(refused("AUTH_KEY_UNKNOWN", "The authentication key is not known."))
        name = "_".join(request.segments[2:])
        action = getattr(self, f"{request.method.lower()}_{name}", None)
        if request.segments[1:2] != ["v1"] or action is None:
            raise no_route()
        with self.lock:
            answer = action(request)
        if isinstance(answer, bytes):
            return Response(answer, content_type="image/png")
        return Response.of(answer)

    # Orders

    def _find(self, order):
        """By ``id``, else by ``orderNo``."""
        if order.get("id"):
            return self.orders.get(str(order["id"]))
        number = order.get("orderNo")
        return next((row for row in self.orders.values() if row["data"].get("orderNo") == number), None)

    def post_create_order(self, request):
        body = dict(request.json_object())
        operation, known = body.pop("operation", None), self._find(body)
        if operation not in OPERATIONS:
            return refused("ERR_INVALID_PARAM_FORMAT", f"operation is not one of {', '.join(OPERATIONS)}")
        if operation == "CREATE" and known:
            return refused("ERR_ORD_EXISTS", f"An order {body.get('orderNo')} exists already")
        if operation == "UPDATE" and not known:
            return refused("ERR_ORD_NOT_FOUND", "There is no such order")
        data = {**(known["data"] if known and operation in ("MERGE", "UPDATE") else {}), **body}
        data.pop("id", None)
        for field in ("orderNo", "type", "date", "location"):
            if not data.get(field):
                return refused("ERR_MISSING_MAND_FIELD", f"{field} is missing")
        if not str(data["location"].get("address") or "").strip():
            return refused("ERR_LOC_GEOCODING", "The address could not be found")
        if known is None:
            self.made += 1
            key = hashlib.md5(str(self.made).encode(), usedforsecurity=False).hexdigest()
            known = self.orders[key] = {"id": key, "schedule": None, "completion": {"status": "unscheduled"}}
            told = {"meta_data": [{"key": "external_reference", "value": data["orderNo"]}]}
            self.app.metrics.created("planner.orders", told, None)
        else:
            self.app.metrics.wrote("update", "planner.orders")
        known["data"] = data
        return {"success": True, "id": known["id"]}

    def post_get_orders(self, request):
        return self._each(request, lambda row: {"id": row["id"], "data": row["data"]})

    def post_get_completion_details(self, request):
        return self._each(
            request, lambda row: {"id": row["id"], "orderNo": row["data"]["orderNo"], "data": row["completion"]}
        )

    def _each(self, request, shown):
        """One answer an asked order; those that are missing do not fail the call."""
        asked = request.json_object().get("orders")
        if not isinstance(asked, list) or len(asked) > MOST_ORDERS:
            return refused("ERR_INVALID_PARAM_FORMAT", f"orders is a list of at most {MOST_ORDERS}")
        answers = []
        for order in asked:
            row = self._find(order)
            missing = {**refused("ERR_ORD_NOT_FOUND", "There is no such order"), **order}
            answers.append({"success": True, **shown(row)} if row else missing)
        return {"success": True, "orders": answers}

    def post_delete_order(self, request):
        row = self._find(request.json_object())
        if row is None:
            return refused("ERR_ORD_NOT_FOUND", "There is no such order")
        del self.orders[row["id"]]
        return {"success": True}

    # The plan

    def post_start_planning(self, request):
        """Plan all that is open on a day. The real one takes minutes; this one is done when it answers."""
        day = request.json_object().get("date")
        number = sum(1 for row in self.orders.values() if row["schedule"] and row["data"]["date"] == day)
        for row in self.orders.values():
            if row["data"]["date"] != day or row["schedule"]:
                continue
            number += 1
            windows = row["data"].get("timeWindows") or [{"twFrom": "08:00"}]
            at = f"{windows[0]['twFrom'][:2]}:{number % 60:02d}"
            row["schedule"] = {**DRIVER, "stopNumber": number, "scheduledAt": at, "scheduledAtDt": f"{day} {at}:00"}
            row["completion"]["status"] = "scheduled"
        return {"success": True, "planningId": 1}

    def get_get_scheduling_info(self, request):
        row = self._find({"id": request.param("id"), "orderNo": request.param("orderNo")})
        if row is None:
            return refused("ERR_ORD_NOT_FOUND", "There is no such order")
        if not row["schedule"]:
            return {"success": True, "orderScheduled": False}
        return {"success": True, "orderScheduled": True, "scheduleInformation": row["schedule"]}

    def get_get_routes(self, request):
        day = request.param("date")
        planned = [row for row in self.orders.values() if row["schedule"] and row["data"]["date"] == day]
        planned.sort(key=lambda row: row["schedule"]["stopNumber"])
        stops = [
            {"stopNumber": row["schedule"]["stopNumber"], "orderNo": row["data"]["orderNo"], "id": row["id"],
             "scheduledAt": row["schedule"]["scheduledAt"], "address": row["data"]["location"]["address"]}
            for row in planned
        ]  # fmt: skip
        return {"success": True, "routes": [{**DRIVER, "stops": stops}] if stops else []}

    # On the road

    def get_photos(self, request):
        """A photo of the driver's app; ``?name=`` says which, and another name is another picture."""
        name = request.param("name") or "1"
        if name == "gone":
            raise ApiError(404, "NOT_FOUND", "There is no such photo")
        return PNG + name.encode()

    def post_sandbox_drive(self, request):
        """The driver's app: ``{"orderNo", "status", "note", "images": [address]}``."""
        body = request.json_object()
        row = self._find(body)
        if row is None or body.get("status") not in STATUSES:
            raise ApiError(400, "ERR_INVALID_PARAM_FORMAT", "Unknown order or status")
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        images = [{"type": "image/jpeg", "url": url} for url in body.get("images") or ()]
        row["completion"] = {
            "status": body["status"], "endTime": {"utcTime": now},
            "form": {"note": body.get("note") or "", "images": images},
        }  # fmt: skip
        return {"success": True}
