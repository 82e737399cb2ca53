"""A CRM beside the shop: ``/crm/v3/...``, with the shapes of the public HubSpot CRM API, version 3.

As real as it hurts: every value of ``properties`` is a text; only the asked properties are answered; an e-mail
exists once (409 otherwise); a record that was merged answers under its old ID with the one that survived; lists
and searches never show it again; a search hands out 10,000 records and no more.
"""

import time
import uuid
from datetime import UTC, datetime

from .auth import same
from .crm_lists import Lists
from .crm_preferences import Preferences
from .crm_search import search
from .crm_webhooks import Webhooks
from .messages import ApiError, Response, no_route
from .system import System

CATEGORIES = {
    400: "VALIDATION_ERROR", 401: "INVALID_AUTHENTICATION", 404: "OBJECT_NOT_FOUND", 409: "CONFLICT",
    429: "RATE_LIMITS",
}  # fmt: skip
DEFAULTS = {
    "companies": ("name", "domain", "createdate", "hs_lastmodifieddate"),
    "contacts": ("firstname", "lastname", "email", "createdate", "lastmodifieddate"),
    "deals": ("dealname", "amount", "closedate", "pipeline", "dealstage", "createdate", "hs_lastmodifieddate"),
    "notes": ("hs_createdate", "hs_lastmodifieddate"), "leads": ("hs_lead_name", "hs_createdate", "hs_lastmodifieddate"),
}
SINGULAR = {"companies": "company", "contacts": "contact", "deals": "deal", "notes": "note", "leads": "lead"}
MODIFIED = {"contacts": "lastmodifieddate"}
# The property that names the primary company, and in what follows writing it.
PRIMARY = {"contacts": "associatedcompanyid", "deals": "hs_primary_associated_company"}
STAGES = (
    ("appointmentscheduled", "Appointment Scheduled", 0.2), ("qualifiedtobuy", "Qualified To Buy", 0.4),
    ("presentationscheduled", "Presentation Scheduled", 0.6), ("contractsent", "Contract Sent", 0.9),
    ("closedwon", "Closed Won", 1.0), ("closedlost", "Closed Lost", 0.0),
)  # fmt: skip
MAX_BATCH = 100
FIRST_ID = 1000


def bad_request(message):
    return ApiError(400, "VALIDATION_ERROR", message)


def not_found():
    return ApiError(404, "OBJECT_NOT_FOUND", "resource not found")


class Crm(System):
    """All objects of the CRM, behind one lock of its own."""

    def clear(self):
        with self.lock:
            self.objects = {kind: {} for kind in DEFAULTS}
            self.merged = {}  # (kind, old ID) -> surviving ID
            self.lists = Lists(self)
            self.preferences = Preferences(self)
            self.webhooks = Webhooks(self)
            self.last_id = FIRST_ID
            self.last_moment = 0

    # HTTP

    def refusal(self, error):
        """The CRM's own shape of an error."""
        body = {
            "status": "error", "message": error.message, "correlationId": str(uuid.uuid4()),
            "category": CATEGORIES.get(error.status, "INTERNAL_ERROR"),
        }  # fmt: skip
        if error.status == 429:
            body |= {"errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING"}
        return Response.of(body, error.status, error.headers)

    def serve(self, request):
        self._authenticate(request)
        parts = request.segments[1:]
        with self.lock:
            if request.segments[0] == "communication-preferences":
                if parts[:1] == ["sandbox"] and request.method == "POST":  # the person's own click
                    body = request.json_object()
                    self.preferences.leave(body["email"], body["subscriptionId"], back=bool(body.get("back")))
                    return Response.of({})
                if parts[:1] != ["v4"]:
                    raise no_route()
                return self.preferences.serve(request, parts[1:])
            if request.segments[0] == "webhooks":
                if parts[:1] != ["v3"]:
                    raise no_route()
                return self.webhooks.serve(request, parts[1:])
            if parts[:2] == ["v3", "objects"] and len(parts) > 2 and parts[2] in self.objects:
                return self._serve_objects(request, parts[2], parts[3:])
            if parts[:2] == ["v3", "lists"]:
                return self.lists.serve(request, parts[2:])
            if parts == ["v3", "pipelines", "deals"] and request.method == "GET":
                return Response.of({"results": [self._pipeline()]})
        raise no_route()

    def _authenticate(self, request):
        """A private app's access token, or one of ``/oauth/token``."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not (
            same(token.strip(), self.app.settings.api_key) or self.app.oauth.valid(token.strip())
        ):
            raise ApiError(
                401,
                "INVALID_AUTHENTICATION",
                "Authentication credentials not found. This API supports OAuth 2.0 authentication.",
            )

    @staticmethod
    def _pipeline():
        stages = [
            {"id": key, "label": label, "displayOrder": number, "archived": False,
             "metadata": {"probability": str(chance), "isClosed": str(key.startswith("closed")).lower()}}
            for number, (key, label, chance) in enumerate(STAGES)
        ]  # fmt: skip
        return {"id": "default", "label": "Sales Pipeline", "displayOrder": 0, "archived": False, "stages": stages}

    def _serve_objects(self, request, kind, parts):
        method = request.method
        if not parts:
            if method == "GET":
                return self._list(request, kind)
            if method == "POST":
                return Response.of(self.shown(kind, self.create(kind, request.json_object())), 201)
        elif parts == ["search"] and method == "POST":
            return Response.of(search(self, kind, request.json_object()))
        elif parts == ["merge"] and method == "POST":
            return Response.of(self.shown(kind, self.merge(kind, request.json_object())))
        elif parts[0] == "batch" and len(parts) == 2 and method == "POST":
            return self._batch(kind, parts[1], request.json_object())
        elif len(parts) == 1:
            return self._serve_one(request, kind, parts[0])
        elif parts[1] == "associations":
            return self._serve_associations(request, kind, parts[0], parts[2:])
        raise no_route()

    def _serve_one(self, request, kind, key):
        if request.method == "GET":
            record = self.find(kind, key, request.param("idProperty"))
            return Response.of(self.shown(kind, record, request.params("properties"), request.params("associations")))
        record = self.find(kind, key)
        if request.method == "PATCH":
            self.change(kind, record, request.json_object().get("properties"))
            self.app.metrics.wrote("update", f"crm.{kind}")
            return Response.of(self.shown(kind, record, tuple(record["properties"])))
        if request.method == "DELETE":
            self._delete(kind, record["id"])
            self.app.metrics.wrote("delete", f"crm.{kind}")
            return Response(b"", 204)
        raise no_route()

    def _list(self, request, kind):
        limit = self._number(request.param("limit", "10"), "limit", 100)
        after = self._number(request.param("after", "0"), "after")
        records = sorted(self.objects[kind].values(), key=lambda record: int(record["id"]))
        rest = [record for record in records if int(record["id"]) > after]
        answer = {
            "results": [
                self.shown(kind, record, request.params("properties"), request.params("associations"))
                for record in rest[:limit]
            ]
        }
        if len(rest) > limit:
            cursor = rest[limit - 1]["id"]
            answer["paging"] = {"next": {"after": cursor, "link": request.url(after=cursor)}}
        return Response.of(answer)

    @staticmethod
    def _number(text, name, most=None):
        if not str(text).isdigit() or (most and not 0 < int(text) <= most):
            raise bad_request(f"Invalid value for {name}: {text}")
        return int(text)

    # Records

    def moment(self):
        """Milliseconds, never the same twice, so that the order of changes is clear."""
        now = int((time.time() + self.app.settings.clock_offset) * 1000)
        self.last_moment = max(now, self.last_moment + 1)
        moment = datetime.fromtimestamp(self.last_moment / 1000, UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{self.last_moment % 1000:03d}Z"

    def shown(self, kind, record, properties=(), associations=()):
        """A record as it is answered: the default properties and those that were asked for; the others are not there."""
        names = dict.fromkeys(("hs_object_id", *DEFAULTS[kind], *properties))
        answer = {
            "id": record["id"], "properties": {name: record["properties"].get(name) for name in names},
            "createdAt": record["createdAt"], "updatedAt": record["updatedAt"], "archived": False,
        }  # fmt: skip
        linked = {
            other: {"results": [{"id": key, "type": f"{SINGULAR[kind]}_to_{SINGULAR[other]}"} for key in keys]}
            for other in associations
            if (keys := record["associations"].get(other))
        }
        return {**answer, "associations": linked} if linked else answer

    def find(self, kind, key, by=None):
        if by:
            found = [r for r in self.objects[kind].values() if self._same(r["properties"].get(by), key)]
            if not found:
                raise not_found()
            return found[0]
        key = self.survivor(kind, key)
        if key not in self.objects[kind]:
            raise not_found()
        return self.objects[kind][key]

    def survivor(self, kind, key):
        while (kind, key) in self.merged:
            key = self.merged[kind, key]
        return key

    @staticmethod
    def _same(one, other):
        return bool(one) and str(one).casefold() == str(other).casefold()

    def create(self, kind, body):
        properties = self._checked(kind, body.get("properties"))
        if kind == "deals":
            properties.setdefault("pipeline", "default")
        if kind == "leads" and not (properties.get("hs_lead_name") and body.get("associations")):
            raise bad_request("A lead needs hs_lead_name and an association with a contact")
        self._refuse_double(kind, properties)
        self.last_id += 1
        key, now = str(self.last_id), self.moment()
        record = {"id": key, "createdAt": now, "properties": {"hs_object_id": key, "createdate": now}}
        record["associations"] = {}
        self.objects[kind][key] = record
        self._set(kind, record, properties, now)
        for link in body.get("associations") or ():
            to, number = str(link["to"]["id"]), link["types"][0]["associationTypeId"]
            self.associate(kind, key, ASSOCIATIONS.get(number, (kind, "companies"))[1], to)
        # What makes a record unmistakable, so that a second sending of the same one is seen.
        told = {"email": properties.get("email"), "meta_data": []}
        if properties.get("odoo_id"):
            told["meta_data"] = [{"key": "external_reference", "value": properties["odoo_id"]}]
        self.app.metrics.created(f"crm.{kind}", told, None)
        self.webhooks.created(kind, key)
        return record

    def change(self, kind, record, properties):
        properties = self._checked(kind, properties)
        self._refuse_double(kind, properties, record["id"])
        self._set(kind, record, properties, self.moment())
        self.webhooks.changed(kind, record["id"], properties)

    def _set(self, kind, record, properties, now):
        record["updatedAt"] = now
        record["properties"] |= {**properties, MODIFIED.get(kind, "hs_lastmodifieddate"): now}
        company = properties.get(PRIMARY.get(kind))
        if company:
            self.associate(kind, record["id"], "companies", company, first=True)

    def note_optout(self, record, name, value):
        """Properties of opt-outs are written by the CRM alone."""
        now = self.moment()
        record["updatedAt"] = now
        record["properties"] |= {name: value, "lastmodifieddate": now}

    def _checked(self, kind, properties):
        """Texts only, as the CRM keeps them: numbers become texts, null and an empty text clear a value."""
        if not isinstance(properties, dict):
            raise bad_request("Invalid input JSON: properties must be an object")
        checked = {}
        for name, value in properties.items():
            if isinstance(value, dict | list):
                raise bad_request(f'Property values were not valid: "{name}" must be a text')
            if isinstance(value, bool):
                value = str(value).lower()
            checked[name] = str(value) if value not in (None, "") else None
        read_only = {"hs_object_id", "createdate", "hs_merged_object_ids", MODIFIED.get(kind, "hs_lastmodifieddate")}
        for name in checked:
            if name in read_only or name.startswith("hs_email_optout"):
                raise bad_request(f'"{name}" is a read only property; its value cannot be set.')
        stage = checked.get("dealstage")
        if kind == "deals" and stage and stage not in {key for key, _label, _chance in STAGES}:
            raise bad_request(f'Property values were not valid: "{stage}" is not a stage of the pipeline')
        email = checked.get("email")
        if email and "@" not in email:
            raise bad_request(f'Property values were not valid: Email address {email} is invalid')
        company = checked.get(PRIMARY.get(kind))
        if company:
            checked[PRIMARY[kind]] = self.find("companies", company)["id"]
        return checked

    def _refuse_double(self, kind, properties, own=None):
        if kind != "contacts" or not properties.get("email"):
            return
        for record in self.objects[kind].values():
            if record["id"] != own and self._same(record["properties"].get("email"), properties["email"]):
                raise ApiError(409, "CONFLICT", f"Contact already exists. Existing ID: {record['id']}")

    def merge(self, kind, body):
        """The second record goes into the first: its values fill gaps, its links move, its ID leads to the first."""
        winner = self.find(kind, str(body.get("primaryObjectId")))
        loser = self.find(kind, str(body.get("objectIdToMerge")))
        if winner is loser:
            raise bad_request("Cannot merge an object with itself")
        del self.objects[kind][loser["id"]]
        self.merged[kind, loser["id"]] = winner["id"]
        gaps = {n: v for n, v in loser["properties"].items() if v and not winner["properties"].get(n)}
        formers = [old for old in (winner["properties"].get("hs_merged_object_ids") or "").split(";") if old]
        formers += [loser["id"], *(loser["properties"].get("hs_merged_object_ids") or "").split(";")]
        gaps["hs_merged_object_ids"] = ";".join(dict.fromkeys(old for old in formers if old))
        self._set(kind, winner, gaps, self.moment())
        for other, keys in loser["associations"].items():
            for key in keys:
                self.associate(kind, winner["id"], other, key)
        for other, records in self.objects.items():
            for record in records.values():
                if kind == "companies" and record["properties"].get(PRIMARY.get(other)) == loser["id"]:
                    self._set(other, record, {PRIMARY[other]: winner["id"]}, self.moment())
                keys = record["associations"].get(kind)
                if keys and loser["id"] in keys:
                    keys.remove(loser["id"])
                    self.associate(other, record["id"], kind, winner["id"])
        self.webhooks.merged(kind, winner["id"], loser["id"])
        return winner

    def _delete(self, kind, key):
        """A record goes; what belonged to it stays and belongs to nothing."""
        if self.objects[kind].pop(key, None) is None:
            return
        for other, records in self.objects.items():
            for record in records.values():
                if key in record["associations"].get(kind, ()):
                    record["associations"][kind].remove(key)
                if kind == "companies" and record["properties"].get(PRIMARY.get(other)) == key:
                    self._set(other, record, {PRIMARY[other]: None}, self.moment())
        self.webhooks.deleted(kind, key)

    # Associations

    def associate(self, kind, key, other, to, first=False):
        to = self.find(other, to)["id"]
        for holder, name, linked in ((self.objects[kind][key], other, to), (self.objects[other][to], kind, key)):
            keys = holder["associations"].setdefault(name, [])
            if linked in keys:
                keys.remove(linked)
            keys.insert(0 if first else len(keys), linked)
        if other == "companies" and kind in PRIMARY:
            self.objects[kind][key]["properties"].setdefault(PRIMARY[kind], to)

    def _serve_associations(self, request, kind, key, parts):
        record = self.find(kind, key)
        if not parts or parts[0] not in self.objects:
            raise no_route()
        if request.method == "GET" and len(parts) == 1:
            keys = record["associations"].get(parts[0], ())
            name = f"{SINGULAR[kind]}_to_{SINGULAR[parts[0]]}"
            return Response.of({"results": [{"id": found, "type": name} for found in keys]})
        if request.method == "PUT" and len(parts) in (2, 3):
            self.associate(kind, record["id"], parts[0], parts[1])
            return Response.of(self.shown(kind, record, (), (parts[0],)))
        if request.method == "DELETE" and len(parts) in (2, 3):
            self._part(record, kind, parts[0], parts[1])
            return Response(b"", 204)
        raise no_route()

    def _part(self, record, kind, other, to):
        for keys, gone in (
            (record["associations"].get(other, []), to),
            (self.objects[other].get(to, {"associations": {}})["associations"].get(kind, []), record["id"]),
        ):
            if gone in keys:
                keys.remove(gone)
        if other == "companies" and record["properties"].get(PRIMARY.get(kind)) == to:
            self._set(kind, record, {PRIMARY[kind]: None}, self.moment())

    # Many at once

    def _batch(self, kind, verb, body):
        inputs = body.get("inputs")
        if not isinstance(inputs, list):
            raise bad_request("Invalid input JSON: inputs must be a list")
        if len(inputs) > MAX_BATCH:
            raise bad_request(f"The maximum number of inputs supported in a batch request is {MAX_BATCH}")
        asked, by = body.get("properties") or (), body.get("idProperty")
        if verb == "read":
            keys = [str(item["id"]) for item in inputs]
            found = [record for key in keys if (record := self._found(kind, key, by))]
        elif verb == "create":
            for item in inputs:  # one that is refused refuses all
                self._refuse_double(kind, self._checked(kind, item.get("properties")))
            found = [self.create(kind, item) for item in inputs]
        elif verb == "update":
            found = [self.find(kind, str(item.get("id")), item.get("idProperty")) for item in inputs]
            for record, item in zip(found, inputs, strict=True):
                self.change(kind, record, item.get("properties"))
                self.app.metrics.wrote("update", f"crm.{kind}")
        elif verb == "archive":
            for item in inputs:
                self._delete(kind, str(item.get("id")))
            return Response(b"", 204)
        else:
            raise no_route()
        results = [self.shown(kind, record, asked or tuple(record["properties"])) for record in found]
        answer = {"status": "COMPLETE", "results": results, "startedAt": self.moment(), "completedAt": self.moment()}
        return Response.of(answer, 201 if verb == "create" else 200)

    def _found(self, kind, key, by):
        try:
            return self.find(kind, key, by)
        except ApiError:
            return None


# Numbers of the kinds of association that the public documentation lists: (from, to).
ASSOCIATIONS = {
    1: ("contacts", "companies"), 279: ("contacts", "companies"), 3: ("deals", "contacts"),
    5: ("deals", "companies"), 341: ("deals", "companies"), 202: ("notes", "contacts"), 578: ("leads", "contacts"),
    190: ("notes", "companies"), 214: ("notes", "deals"),
}  # fmt: skip
