"""What belongs to one order: refunds and notes."""

from ..listing import Spec
from ..messages import ApiError
from ..money import ZERO, cents, dec, fmt
from ..validation import META, boolean, integer, list_of, money, number, object_of, string
from .base import Resource
from .orders import left_to_refund, refund_entry


class OrderPart(Resource):
    order_not_found = ("woocommerce_rest_order_invalid_id", "Invalid order ID.")

    def serve(self, request, parts, parent=None):
        if parent not in self.store.orders.rows:
            raise ApiError(404, *self.order_not_found)
        return super().serve(request, parts, parent)

    def update(self, key, body, parent=None):
        raise ApiError(404, "rest_no_route", "No route was found matching the URL and request method.")


class Refunds(OrderPart):
    name = "refunds"
    label = "Order refund"
    order_not_found = ("woocommerce_rest_invalid_order", "Invalid order ID.")
    not_found = ("woocommerce_rest_invalid_order_refund_id", "Invalid order refund ID.")
    exists_code = "woocommerce_rest_shop_order_refund_exists"
    fields = {
        "amount": money, "reason": string, "refunded_by": integer, "api_refund": boolean,
        "api_restock": boolean,
        "meta_data": META,
        "line_items": list_of(object_of(
            id=integer, quantity=integer, refund_total=number,
            refund_tax=list_of(object_of(id=integer, refund_total=number)),
        )),
    }  # fmt: skip

    def serve(self, request, parts, parent=None):
        if parent is None:  # all of the shop, to read only
            if request.method not in ("GET", "HEAD") or parts:
                raise ApiError(404, "rest_no_route", "No route was found matching the URL and request method.")
            return super(OrderPart, self).serve(request, parts)
        return super().serve(request, parts, parent)

    def build(self, values, parent):
        order = self.store.orders.get(parent)
        lines = [self._line(order, item) for item in values.get("line_items", ())]
        from_lines = sum((-dec(line["total"]) - dec(line["total_tax"]) for line in lines), ZERO)
        amount = cents(dec(values.get("amount")) or from_lines)
        if amount <= 0:
            message = "Refund amount must be greater than zero."
            raise ApiError(400, "woocommerce_rest_invalid_order_refund", message)
        if amount > left_to_refund(order):
            raise ApiError(500, "woocommerce_rest_cannot_create_order_refund", "Invalid refund amount.")
        if values.get("api_restock", True):
            for line in lines:
                self.app.resources["orders"].add_stock(
                    line["product_id"], line["variation_id"], -line["quantity"]
                )
        return {
            "id": 0, "parent_id": parent, "date_created": None, "date_created_gmt": None,
            "amount": fmt(amount),
            "reason": values.get("reason", ""), "refunded_by": values.get("refunded_by", 1),
            "refunded_payment": False, "meta_data": [], "line_items": lines, "shipping_lines": [],
            "tax_lines": [],
            "fee_lines": [],
        }  # fmt: skip

    def _line(self, order, item):
        source = next((line for line in order["line_items"] if line["id"] == item.get("id")), None)
        if source is None:
            message = "Order item ID provided is not associated with order."
            raise ApiError(400, "woocommerce_rest_invalid_item_id", message)
        net = dec(item.get("refund_total", 0))
        taxes = {tax["id"]: dec(tax.get("refund_total", 0)) for tax in item.get("refund_tax", ())}
        tax, quantity = sum(taxes.values(), ZERO), item.get("quantity", 0)
        meta = {"id": self.store.next_id("meta"), "key": "_refunded_item_id", "value": str(source["id"])}
        return {
            "id": self.store.next_id("item"), "name": source["name"], "product_id": source["product_id"],
            "variation_id": source["variation_id"], "quantity": -quantity, "tax_class": source["tax_class"],
            "subtotal": fmt(-net), "subtotal_tax": fmt(-tax), "total": fmt(-net), "total_tax": fmt(-tax),
            "taxes": [{"id": key, "total": fmt(-value), "subtotal": fmt(-value)} for key,
            value in taxes.items()],
            "meta_data": [meta], "sku": source["sku"], "price": source["price"],
        }  # fmt: skip

    def finish(self, record, before):
        record.pop("date_modified", None)
        record.pop("date_modified_gmt", None)

    def after_save(self, record, before):
        self._update_order(record["parent_id"])

    def removed(self, record):
        self._update_order(record["parent_id"])

    def _update_order(self, key):
        """The order lists its refunds, and becomes refunded when nothing is left."""
        orders = self.app.resources["orders"]
        order, before = self.store.orders.get(key), self.store.orders.get(key)
        if order is None:
            return
        order["refunds"] = [refund_entry(refund) for refund in self.rows.records("parent", key)]
        if order["refunds"] and left_to_refund(order) <= 0:
            order["status"] = "refunded"
        self.store.stamp(order, "modified")
        orders.finish(order, before)
        self.store.save("orders", order, event="updated")
        orders.after_save(order, before)


class Notes(OrderPart):
    name = "notes"
    label = "Order note"
    sequence = "note"
    exists_code = "woocommerce_rest_order_note_exists"
    fields = {"note": string, "customer_note": boolean, "added_by_user": boolean}
    required = ("note",)
    spec = Spec(
        tests={
            "type": lambda record, value: value == "any" or record["customer_note"] is (value == "customer")
        }
    )

    def build(self, values, parent):
        author = "sandbox" if values.get("added_by_user") else "system"
        return {
            "id": 0, "author": author, "date_created": None, "date_created_gmt": None, "note": values["note"],
            "customer_note": values.get("customer_note", False),
        }  # fmt: skip

    def finish(self, record, before):
        for name in ("date_modified", "date_modified_gmt", "meta_data"):
            record.pop(name, None)

    def add(self, order_id, text):
        """A note of the shop itself."""
        record = self.build({"note": text}, order_id)
        record["id"] = self.store.next_id(self.sequence)
        self.store.stamp(record, "created")
        self.store.save(self.name, record, order_id)
