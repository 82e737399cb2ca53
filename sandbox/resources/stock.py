"""Stock per warehouse and prices in bulk: ``/stock`` and ``/prices`` (not part of the public shop API).

A product's ``stock_quantity`` is the sum over the warehouses; setting that one number changes the main
warehouse.
"""

from ..listing import Spec, answer
from ..messages import ApiError, Response, no_route
from ..settings import WAREHOUSES
from ..validation import clean, integer, one_of, price, string
from .base import CHANGES


class Bulk:
    """Changes a list of items; each item succeeds or carries its own error."""

    def __init__(self, app):
        self.app = app
        self.store = app.store

    def serve(self, request, parts, parent=None):
        if parts:
            raise no_route()
        if request.method in ("GET", "HEAD"):
            return self.read(request)
        if request.method not in CHANGES:
            raise no_route()
        body = request.json()
        items = body if isinstance(body, list) else body.get("items")
        if not isinstance(items, list):
            raise ApiError(400, "rest_invalid_param", "Send a list, or an object with a list of items.")
        done, updated = [], 0
        for item in items:
            try:
                done.append(self.set(item if isinstance(item, dict) else {}))
                updated += 1
            except ApiError as error:
                named = (
                    {name: item.get(name) for name in ("sku", "warehouse")} if isinstance(item, dict) else {}
                )
                done.append({**named, "error": error.body()})
        return Response.of({"updated": updated, "failed": len(done) - updated, "items": done})

    def sellable(self, sku):
        """Collection, resource and record that a SKU belongs to."""
        for name in ("products", "variations"):
            key = self.store.collections[name].first("sku", sku.lower())
            if key is not None:
                return name, self.store.collections[name].rows[key]
        raise ApiError(404, "sandbox_unknown_sku", f"No product or variation has the SKU {sku}.")

    def store_changed(self, name, row, values):
        """Write fields of a product or variation with all that follows from them."""
        self.app.resources[name].update(row.id, values, row.parent)


class Stock(Bulk):
    spec = Spec(
        orderby="id",
        descending=False,
        keys={"sku": lambda value: ("sku", value.lower())},
        tests={"warehouse": lambda record, value: record["warehouse"] == value},
    )

    def read(self, request):
        return answer(request, self.store.stock, self.spec, self.app.settings)

    def set(self, item):
        fields = {"sku": string, "warehouse": one_of(*WAREHOUSES), "quantity": integer}
        values = clean(item, fields, ("sku", "quantity"))
        name, row = self.sellable(values["sku"])
        record = row.record()
        place = self.put(record, values.get("warehouse", WAREHOUSES[0]), values["quantity"])
        total = self.total(record["sku"])
        if not record["manage_stock"] or record["stock_quantity"] != total:
            self.store_changed(name, row, {"manage_stock": True, "stock_quantity": total})
        self.app.metrics.wrote("set", "stock")
        return place

    def places(self, sku):
        return self.store.stock.records("sku", sku.lower())

    def total(self, sku):
        return sum(place["quantity"] for place in self.places(sku))

    def put(self, record, warehouse, quantity):
        key = self.store.stock.first("place", record["sku"].lower(), warehouse)
        variation = record.get("type") == "variation"
        place = {
            "id": key or self.store.next_id("stock"),
            "sku": record["sku"],
            "product_id": record["parent_id"] if variation else record["id"],
            "variation_id": record["id"] if variation else 0,
            "warehouse": warehouse,
            "quantity": quantity,
        }
        self.store.stamp(place, "modified")
        self.store.stock.put(place)
        return place

    def follow(self, record):
        """The product's own number changed: the main warehouse takes the difference."""
        if not any(place["warehouse"] == WAREHOUSES[0] for place in self.places(record["sku"])):
            self.put(record, WAREHOUSES[0], 0)
        difference = record["stock_quantity"] - self.total(record["sku"])
        if difference:
            main = next(place for place in self.places(record["sku"]) if place["warehouse"] == WAREHOUSES[0])
            self.put(record, WAREHOUSES[0], main["quantity"] + difference)

    def forget(self, sku):
        for key in self.store.stock.find("sku", (sku or "").lower()) if sku else ():
            self.store.stock.delete(key)


class Prices(Bulk):
    def read(self, request):
        fields = ("id", "parent_id", "sku", "regular_price", "sale_price", "price", "date_modified_gmt")
        wanted = {sku.lower() for sku in request.params("sku")}
        rows = [*self.store.products.ordered("id"), *self.store.variations.ordered("id")]
        records = (row.record() for row in rows)
        return Response.of(
            [
                {name: record.get(name) for name in fields}
                for record in records
                if record.get("sku") and (not wanted or record["sku"].lower() in wanted)
            ]
        )

    def set(self, item):
        values = clean(item, {"sku": string, "regular_price": price, "sale_price": price}, ("sku",))
        name, row = self.sellable(values.pop("sku"))
        self.store_changed(name, row, values)
        record = self.store.collections[name].get(row.id)
        return {field: record[field] for field in ("id", "sku", "regular_price", "sale_price", "price")}
