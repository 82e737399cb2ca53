"""Webhooks of the CRM's app: where they go, which events, and what they say.

As real as it hurts: a delivery is a list of events with IDs alone; one change of three properties is three events;
a merge is one event that names both records; the signature covers the address that is called.
"""

import itertools
import time

from .messages import ApiError, Response, dumps, no_route

CLIENT_SECRET = "sandbox-client-secret"
KINDS = {"companies": "company", "contacts": "contact", "deals": "deal"}
PORTAL, APP = 62515, 54321


class Webhooks:
    """Served under ``/webhooks/v3/<app>``: ``settings`` (PUT: targetUrl) and ``subscriptions`` (POST: eventType)."""

    def __init__(self, crm):
        self.crm = crm
        self.target = ""
        self.subscribed = set()  # (event type, property or "")
        self.numbers = itertools.count(100)

    def serve(self, request, parts):
        if len(parts) == 2 and request.method == "PUT" and parts[1] == "settings":
            self.target = str(request.json_object().get("targetUrl") or "")
            return Response.of({"targetUrl": self.target})
        if len(parts) == 2 and request.method == "POST" and parts[1] == "subscriptions":
            body = request.json_object()
            kind, name = str(body.get("eventType") or ""), str(body.get("propertyName") or "")
            if kind.endswith(".propertyChange") != bool(name):
                raise ApiError(400, "VALIDATION_ERROR", "propertyName goes with propertyChange, and with nothing else")
            self.subscribed.add((kind, name))
            return Response.of({"id": str(len(self.subscribed)), "eventType": kind, "active": True}, 201)
        raise no_route()

    def created(self, kind, key):
        self._tell(kind, "creation", key)

    def changed(self, kind, key, properties):
        for name in properties:
            self._tell(kind, "propertyChange", key, name)

    def deleted(self, kind, key):
        self._tell(kind, "deletion", key)

    def merged(self, kind, winner, loser):
        self._tell(kind, "merge", winner, more={
            "primaryObjectId": int(winner), "mergedObjectIds": [int(loser)], "numberOfPropertiesMoved": 0})

    def _tell(self, kind, verb, key, name="", more=None):
        event = f"{KINDS.get(kind)}.{verb}"
        if not self.target or (event, name) not in self.subscribed:
            return
        told = {
            "eventId": next(self.numbers), "subscriptionId": 1, "portalId": PORTAL, "appId": APP,
            "occurredAt": int(time.time() * 1000), "subscriptionType": event, "attemptNumber": 0, "objectId": int(key),
            "changeSource": "CRM", **(more or {}),
        }  # fmt: skip
        if name:
            told |= {"propertyName": name, "propertyValue": self.crm.objects[kind][key]["properties"].get(name)}
        hook = {"id": "crm", "delivery_url": self.target, "signature_style": "hubspot"}
        self.crm.app.deliveries.secrets["crm"] = CLIENT_SECRET
        self.crm.app.deliveries.post(hook, event, dumps([told]))
