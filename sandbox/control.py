"""``/_control/...``: order faults, fill and change the shop, see what it received.

Needs the header ``X-Control-Key``.
"""

import random

from . import seed
from .auth import same
from .messages import ApiError, Response, invalid_params, no_route

TOUCHES = {
    "customers": lambda record, rng: {"billing": {"phone": f"+49 30 {rng.randrange(10**6, 10**7)}"}},
    "products": lambda record, rng: {"short_description": f"<p>Revised edition {rng.randrange(10**6)}</p>"},
    "variations": lambda record, rng: {"description": f"<p>Revised edition {rng.randrange(10**6)}</p>"},
    "orders": lambda record, rng: {"customer_note": f"Please call {rng.randrange(10**6)}"},
    "coupons": lambda record, rng: {"description": f"Revised {rng.randrange(10**6)}"},
}


class Control:
    """Each method ``<verb>_<name>`` answers ``<VERB> /_control/<name>``."""

    def __init__(self, app):
        self.app = app

    def handle(self, request):
        if not same(request.headers.get("x-control-key"), self.app.settings.control_key):
            return Response.error(
                ApiError(401, "control_key_needed", "Send the control key as X-Control-Key.")
            )
        name = "_".join(request.segments[1:]) or "index"
        action = getattr(self, f"{request.method.lower()}_{name}", None)
        try:
            if action is None:
                raise no_route()
            answer = action(request)
            return (
                answer
                if isinstance(answer, Response)
                else Response.of({"ok": True} if answer is None else answer)
            )
        except ApiError as error:
            return Response.error(error)

    def _collection(self, name):
        if name not in self.app.store.collections:
            raise invalid_params(
                {"collection": f"collection is not one of {', '.join(self.app.store.collections)}."}
            )
        return self.app.store.collections[name]

    # Faults and settings

    def post_faults(self, request):
        return {"faults": self.app.faults.order(request.json())}

    def get_faults(self, request):
        return {"faults": self.app.faults.describe()}

    def delete_faults(self, request):
        self.app.faults.clear()

    def get_settings(self, request):
        return self.app.settings.public()

    def post_settings(self, request):
        with self.app.store.lock:
            self.app.settings.change(request.json_object())
            self.app.limit.reset()
        return self.app.settings.public()

    put_settings = post_settings

    def post_tokens(self, request):
        """``{"expire": true}`` or ``{"revoke": true}``."""
        values = request.json_object()
        if values.get("expire"):
            self.app.oauth.expire()
        if values.get("revoke"):
            self.app.oauth.revoke()
        return {"issued": self.app.oauth.issued}

    def post_webhooks(self, request):
        self.app.deliveries.control(request.json_object())
        return self.get_webhooks(request)

    def get_webhooks(self, request):
        return self.app.deliveries.describe()

    # The carrier

    def post_track(self, request):
        """A parcel was scanned: ``{"tracking_code", "status", "message"}``; webhooks of the carrier tell."""
        values = request.json_object()
        with self.app.store.lock:
            return self.app.carrier.move(values.get("tracking_code"), values.get("status"), values.get("message", ""))

    def get_carrier(self, request):
        """All shipments and trackers of the carrier."""
        with self.app.store.lock:
            carrier = self.app.carrier
            return Response.of({"shipments": list(carrier.shipments.values()), "trackers": list(carrier.trackers.values())})

    # Data

    def post_reset(self, request):
        """Everything as after a start: ``{"seed": "small"}``; settings changed since stay unless given."""
        values = request.json_object()
        kind = values.get("seed", self.app.seed)
        if kind not in seed.KINDS:
            raise invalid_params({"seed": f"seed is not one of {', '.join(seed.KINDS)}."})
        seed.reset(self.app, kind)
        return self._sizes()

    def post_seed(self, request):
        """More records: ``{"customers": 10000, "products": 10, "orders": 5}``."""
        values = request.json_object()
        wrong = {name: f"{name} cannot be generated." for name in values if name not in seed.GENERATORS}
        wrong |= {
            n: f"{n} is not of type integer." for n, v in values.items() if not isinstance(v, int) or v < 0
        }
        if wrong:
            raise invalid_params(wrong)
        seed.more(self.app, values)
        return self._sizes()

    def _sizes(self):
        return {name: len(collection.rows) for name, collection in self.app.store.collections.items()}

    def post_create(self, request):
        """The shop makes records: ``{"collection", "body", "parent"}`` or ``{"collection", "count"}``."""
        values = request.json_object()
        name = values.get("collection", "orders")
        self._collection(name)
        if "body" not in values and name not in seed.GENERATORS:
            raise invalid_params({"body": f"A body is needed for {name}."})
        with self.app.store.lock:
            if "body" in values:
                resource = self.app.resources[name]
                ids = [self._quietly(lambda: resource.create(values["body"], values.get("parent"))).id]
            else:
                last = set(self.app.store.collections[name].rows)
                self._quietly(lambda: seed.GENERATORS[name](self.app, values.get("count", 1), told=True))
                ids = [key for key in self.app.store.collections[name].rows if key not in last]
        return {"ids": ids}

    def post_touch(self, request):
        """The shop itself changes records: ``{"collection", "count"|"ids", "changes", "seed"}``."""
        values = request.json_object()
        name = values.get("collection", "customers")
        rows = self._collection(name).rows
        if name not in TOUCHES and "changes" not in values:
            raise invalid_params({"changes": f"changes are needed for {name}."})
        with self.app.store.lock:
            rng = random.Random(values.get("seed", 0))
            ids = values.get("ids") or rng.sample(list(rows), min(values.get("count", 1), len(rows)))
            for key in ids:
                if key not in rows:
                    raise invalid_params({"ids": f"{name} has no record {key}."})
                changes = values.get("changes") or TOUCHES[name](rows[key].record(), rng)
                resource, parent = self.app.resources[name], rows[key].parent
                self._quietly(lambda: resource.update(key, changes, parent))  # noqa: B023 - called at once
        return {"ids": ids}

    def post_delete(self, request):
        """The shop itself deletes for good: ``{"collection", "ids"}``."""
        values = request.json_object()
        name = values.get("collection")
        self._collection(name)
        with self.app.store.lock:
            for key in values.get("ids", ()):
                self._quietly(lambda: self.app.resources[name].delete(key, True))  # noqa: B023
        return {"ids": values.get("ids", [])}

    def post_load(self, request):
        """Raw records, whatever they are: ``{"collection", "records", "parent", "webhooks": false}``."""
        values = request.json_object()
        collection = self._collection(values.get("collection"))
        records = values.get("records")
        if not isinstance(records, list):
            raise invalid_params({"records": "records is not of type array."})
        with self.app.store.lock:
            for record in records:
                row = collection.put(record, values.get("parent"))
                if isinstance(row.id, int):
                    for sequence in ("post", "customer", "item"):
                        self.app.store.reserve(sequence, row.id)
                if values.get("webhooks"):
                    self.app.store.tell(collection.name, values.get("event", "updated"), row)
        return {"loaded": len(records), "size": len(collection.rows)}

    def _quietly(self, work):
        """Work of the shop itself is not counted as received."""
        self.app.metrics.muted = True
        try:
            return work()
        finally:
            self.app.metrics.muted = False

    # What was received

    def get_counts(self, request):
        return {**self.app.metrics.counts(), "sizes": self._sizes(), "tokens_issued": self.app.oauth.issued}

    def delete_counts(self, request):
        self.app.metrics.reset()

    def get_dump(self, request):
        """The whole state, or ``?collection=orders``."""
        wanted = request.params("collection") or list(self.app.store.collections)
        with self.app.store.lock:
            parts = [
                b'"%s":[%s]'
                % (name.encode(), b",".join(row.blob for row in self._collection(name).ordered("id")))
                for name in wanted
            ]
        return Response(b"{" + b",".join(parts) + b"}")

    def get_requests(self, request):
        """The last requests, oldest first; ``?last=20``, ``?method=POST``, ``?route=/orders``."""
        entries = self.app.metrics.last(0)
        for name in ("method", "route"):
            if request.param(name):
                entries = [entry for entry in entries if entry[name] == request.param(name)]
        last = int(request.param("last") or 0)
        return {"requests": entries[-last:]}
