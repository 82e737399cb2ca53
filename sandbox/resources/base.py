"""What all kinds of records have in common: list, read, create, update, delete and batch."""

from ..listing import Spec, answer, pick
from ..messages import ApiError, Response, dumps, no_route
from ..validation import META, boolean, clean, string

CHANGES = ("PUT", "POST", "PATCH")


def identifier(text):
    """Numbers are ids of the shop's own records; anything else can only have been loaded by a test."""
    return int(text) if text.isdigit() else text


class Resource:
    """One kind of record. Subclasses say how a record is made and changed."""

    name = ""  # of the collection
    label = "Resource"
    sequence = "post"
    fields = {}
    required = ()
    spec = Spec()
    trashable = False
    not_found = ("woocommerce_rest_invalid_id", "Invalid resource ID.")
    exists_code = "woocommerce_rest_exists"

    def __init__(self, app):
        self.app = app
        self.store = app.store
        self.settings = app.settings

    @property
    def rows(self):
        return self.store.collections[self.name]

    # What subclasses define

    def build(self, values, parent):
        """A new record from checked values; the id is given afterwards."""
        raise NotImplementedError

    def change(self, record, values, parent):
        """Apply checked values to an existing record."""
        record.update(values)

    def removed(self, record):
        """Called after a record was deleted for good."""

    # HTTP

    def serve(self, request, parts, parent=None):
        """``parts``: what follows the name of the collection in the path."""
        if not parts:
            return self.serve_collection(request, parent)
        if len(parts) > 1:
            raise no_route()
        if parts[0] == "batch" and request.method in CHANGES:
            return self.batch(request, parent)
        return self.serve_item(request, parts[0], parent)

    def serve_collection(self, request, parent):
        if request.method in ("GET", "HEAD"):
            return answer(request, self.rows, self.spec, self.settings, parent)
        if request.method == "POST":
            row = self.create(request.json_object(), parent)
            location = f"{self.settings.site_url}{request.path}/{row.id}"
            return Response(pick([row], request)[0], 201, [("Location", location)])
        raise no_route()

    def serve_item(self, request, text, parent):
        if request.method in ("GET", "HEAD"):
            row = self.locate(identifier(text), parent)
        elif request.method in CHANGES:
            row = self.update(identifier(text), request.json_object(), parent)
        elif request.method == "DELETE":
            force = str(request.param("force") or self._force_in_body(request)).lower() in ("1", "true")
            row = self.delete(identifier(text), force, parent)
        else:
            raise no_route()
        return Response(pick([row], request)[0])

    @staticmethod
    def _force_in_body(request):
        return request.json_object().get("force") if request.body.strip() else None

    def locate(self, key, parent=None, status=404):
        row = self.rows.rows.get(key)
        if row is None or (parent is not None and row.parent != parent):
            raise ApiError(status, *self.not_found)
        return row

    def checked(self, body, required=()):
        """Known fields of a body. ``external_reference`` is short for the meta data of that name."""
        values = clean(body, {**self.fields, "meta_data": META, "external_reference": string}, required)
        reference = values.pop("external_reference", None)
        if reference is not None:
            values["meta_data"] = [
                *values.get("meta_data", []),
                {"key": "external_reference", "value": reference},
            ]
        return values

    # Work

    def create(self, body, parent=None):
        if body.get("id"):
            raise ApiError(400, self.exists_code, f"Cannot create existing {self.label.lower()}.")
        values = self.checked(body, self.required)
        meta = values.pop("meta_data", [])
        record = self.build(values, parent)
        record["id"] = self.store.next_id(self.sequence)
        record["meta_data"] = self.merged_meta([], meta)
        self.store.stamp(record, "created", "modified")
        self.finish(record, None)
        row = self.store.save(self.name, record, parent, "created")
        self.app.metrics.created(self.name, record, self.app.key)
        self.app.metrics.wrote("create", self.name)
        self.after_save(record, None)
        return self.rows.rows[row.id]

    def update(self, key, body, parent=None):
        row = self.locate(key, parent, 400)
        values = self.checked(body)
        meta = values.pop("meta_data", None)
        record, before = row.record(), row.record()
        if meta is not None:
            record["meta_data"] = self.merged_meta(record.get("meta_data") or [], meta)
        self.change(record, values, parent)
        self.store.stamp(record, "modified")
        self.finish(record, before)
        row = self.store.save(self.name, record, parent, "updated")
        self.app.metrics.wrote("update", self.name)
        self.after_save(record, before)
        return self.rows.rows[row.id]

    def finish(self, record, before):
        """Last step before a record is stored."""

    def after_save(self, record, before):
        """What the shop does because a record was stored."""

    def delete(self, key, force, parent=None):
        row = self.locate(key, parent)
        if not force and not self.trashable:
            message = f"{self.label}s do not support trashing."
            raise ApiError(501, "woocommerce_rest_trash_not_supported", message)
        self.app.metrics.wrote("delete", self.name)
        record = row.record()
        if force:
            self.rows.delete(row.id)
            self.removed(record)
        else:
            if row.status == "trash":
                message = f"The {self.label.lower()} has already been deleted."
                raise ApiError(410, "woocommerce_rest_already_trashed", message)
            record["status"] = "trash"
            self.store.stamp(record, "modified")
            row = self.store.save(self.name, record, parent)
        self.store.tell(self.name, "deleted", row)
        return row

    def batch(self, request, parent):
        """Create, update and delete many; each item succeeds or carries its own error."""
        body = request.json_object()
        wanted = [
            (verb, item) for verb in ("create", "update", "delete") for item in self._batch_items(body, verb)
        ]
        limit = self.settings.max_batch
        if len(wanted) > limit:
            message = f"Unable to accept more than {limit} items for this request."
            raise ApiError(413, "woocommerce_rest_request_entity_too_large", message)
        key = self.app.key
        done = {}
        for position, (verb, item) in enumerate(wanted):
            self.app.key = key and f"{key}[{position}]"
            done.setdefault(verb.encode(), []).append(self._batch_one(verb, item, parent))
        self.app.key = key
        return Response(
            b"{" + b",".join(b'"%s":[%s]' % (verb, b",".join(done[verb])) for verb in done) + b"}"
        )

    @staticmethod
    def _batch_items(body, verb):
        items = body.get(verb) or []
        if not isinstance(items, list):
            raise ApiError(400, "rest_invalid_param", f"Invalid parameter(s): {verb}")
        return items

    def _batch_one(self, verb, item, parent):
        key = item.get("id", 0) if isinstance(item, dict) else item
        try:
            if verb == "delete":
                return self.delete(key if isinstance(key, int) else identifier(str(key)), True, parent).blob
            if not isinstance(item, dict):
                raise ApiError(400, "rest_invalid_param", "Each item must be an object.")
            if verb == "create":
                return self.create(item, parent).blob
            return self.update(key if isinstance(key, int) else identifier(str(key)), item, parent).blob
        except ApiError as error:
            return dumps({"id": key, "error": error.body()})

    # Meta data

    def merged_meta(self, meta, changes):
        """Change by id or by key, add what is new, remove what gets no value."""
        merged = [dict(item) for item in meta if isinstance(item, dict)]
        for item in changes:
            found = next(
                (old for old in merged if (item.get("id") and old.get("id") == item["id"])
                 or (not item.get("id") and old.get("key") == item.get("key"))),
                None,
            )  # fmt: skip
            if found and item.get("value", found) is None:
                merged.remove(found)
            elif found:
                found.update({name: item[name] for name in ("key", "value") if name in item})
            elif item.get("key") and item.get("value") is not None:
                merged.append({"id": self.store.next_id("meta"), "key": item["key"], "value": item["value"]})
        return merged


def flag(request, name):
    return boolean(request.param(name) or "false", name)
