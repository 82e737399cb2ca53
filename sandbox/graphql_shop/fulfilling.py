"""Fulfilments of orders, and cancelling: what is made twice is made twice, unless nothing is left to be fulfilled."""

from .connections import inner, some
from .orders import gid, moment

CANCELLED = ("cancelled", "failed", "refunded")


def number_of(key, kind):
    """The number in a global ID of this kind; None for anything else.

    >>> number_of("gid://shopify/Order/7", "Order"), number_of("gid://shopify/Product/7", "Order")
    (7, None)
    """
    start = gid(kind, "")
    text = str(key or "")
    return int(text[len(start) :]) if text.startswith(start) and text[len(start) :].isdigit() else None


class Refused(Exception):
    """What a mutation refuses, as a user error. ``field``: the path in its arguments."""

    def __init__(self, field, message, code="INVALID"):
        super().__init__(message)
        self.errors = [{"field": field, "message": message, "code": code}]


class Fulfilling:
    """Wants ``app``, ``store``, ``fulfilments`` (by number of the order) and the shapes of orders."""

    def sent(self, order):
        """Quantities fulfilled so far, by number of the line."""
        found = {}
        for made in self.fulfilments.get(order["id"], ()):
            for line, quantity in made["lines"].items():
                found[line] = found.get(line, 0) + quantity
        return found

    def left(self, order):
        sent, refunded = self.sent(order), self.refunded(order)
        if order["status"] == "completed" and not sent:
            return {item["id"]: 0 for item in order["line_items"]}  # fulfilled by the shop itself
        return {
            item["id"]: max(item["quantity"] - sent.get(item["id"], 0) - refunded.get(item["id"], 0), 0)
            for item in order["line_items"]
        }

    def progress(self, order):
        if not any(self.left(order).values()):
            return "FULFILLED"
        return "PARTIALLY_FULFILLED" if self.fulfilments.get(order["id"]) else "UNFULFILLED"

    def fulfilment(self, order, made):
        return {
            "id": gid("Fulfillment", made["id"]), "name": f"#{order['number']}-F{made['place']}", "status": "SUCCESS",
            "createdAt": made["at"], "trackingInfo": some([made["tracking"]] if made["tracking"] else []),
            "fulfillmentLineItems": inner([
                {"id": gid("FulfillmentLineItem", f"{made['id']}{item['id']}"), "quantity": made["lines"][item["id"]],
                 "lineItem": lambda _info, item=item: self.line(order, item)}
                for item in order["line_items"] if item["id"] in made["lines"]]),
            "order": lambda _info: self.order(order),
        }  # fmt: skip

    def fulfilment_order(self, order):
        left = self.left(order)
        status = "CANCELLED" if order["status"] in CANCELLED else "CLOSED" if not any(left.values()) else (
            "IN_PROGRESS" if self.fulfilments.get(order["id"]) else "OPEN")  # fmt: skip
        return {
            "id": gid("FulfillmentOrder", order["id"]), "status": status, "orderId": gid("Order", order["id"]),
            "order": lambda _info: self.order(order),
            "lineItems": inner([
                {"id": gid("FulfillmentOrderLineItem", item["id"]), "sku": item["sku"] or None,
                 "totalQuantity": item["quantity"], "remainingQuantity": left[item["id"]],
                 "lineItem": lambda _info, item=item: self.line(order, item)}
                for item in order["line_items"]]),
        }  # fmt: skip

    def do_fulfillment_create(self, fulfillment, message=None):
        wanted = fulfillment["lineItemsByFulfillmentOrder"]
        if len(wanted) != 1:
            raise Refused(["fulfillment"], "All fulfillment orders must belong to the same order.")
        field = ["fulfillment", "lineItemsByFulfillmentOrder", "0", "fulfillmentOrderId"]
        order = self.store.orders.get(number_of(wanted[0]["fulfillmentOrderId"], "FulfillmentOrder"))
        if order is None:
            raise Refused(field, "Fulfillment order does not exist.")
        status = self.fulfilment_order(order)["status"]
        if status in ("CLOSED", "CANCELLED"):
            raise Refused(field, f"Fulfillment order {order['id']} has an unfulfillable status= {status.lower()}.")
        left = self.left(order)
        lines = {line: quantity for line, quantity in left.items() if quantity}
        if wanted[0].get("fulfillmentOrderLineItems"):
            lines = {}
            for place, item in enumerate(wanted[0]["fulfillmentOrderLineItems"]):
                line = number_of(item["id"], "FulfillmentOrderLineItem")
                if not 0 < item["quantity"] <= left.get(line, 0):
                    raise Refused([*field[:3], "fulfillmentOrderLineItems", str(place), "quantity"],
                                  "Invalid fulfillment order line item quantity requested.")  # fmt: skip
                lines[line] = item["quantity"]
        made = {
            "id": self.store.next_id("fulfilment"), "lines": lines, "at": self.now(),
            "place": len(self.fulfilments.get(order["id"], ())) + 1,
            "tracking": tracking(fulfillment.get("trackingInfo")),
        }  # fmt: skip
        self.fulfilments.setdefault(order["id"], []).append(made)
        self.app.metrics.created("fulfillments", named(made), None)
        status = "completed" if not any(self.left(order).values()) else order["status"]
        self.app.resources["orders"].update(order["id"], {"status": status})
        return {"fulfillment": self.fulfilment(self.store.orders.get(order["id"]), made), "userErrors": []}

    def do_fulfillment_tracking_info_update(self, fulfillmentId, trackingInfoInput, notifyCustomer=None):
        for number, several in self.fulfilments.items():
            for made in several:
                if made["id"] == number_of(fulfillmentId, "Fulfillment"):
                    made["tracking"] = tracking(trackingInfoInput)
                    self.app.resources["orders"].update(number, {})
                    return {"fulfillment": self.fulfilment(self.store.orders.get(number), made), "userErrors": []}
        raise Refused(["fulfillmentId"], "Fulfillment does not exist.")

    def do_order_cancel(self, orderId, reason, restock, **_more):
        order = self.store.orders.get(number_of(orderId, "Order"))
        if order is None:
            raise Refused(["orderId"], "Order does not exist", "NOT_FOUND")
        if order["status"] in CANCELLED:
            raise Refused(["orderId"], "Cannot cancel an order that has already been canceled.", "INVALID")
        if order["status"] == "completed" or self.fulfilments.get(order["id"]):
            raise Refused(["orderId"], "Cannot cancel an order with fulfilled items.", "INVALID")
        self.app.metrics.created("cancellations", {"id": order["id"], "meta_data": []}, None)
        self.app.resources["orders"].update(order["id"], {"status": "cancelled"})
        job = {"id": gid("Job", self.store.next_id("job")), "done": False}
        return {"job": job, "orderCancelUserErrors": [], "userErrors": []}

    def now(self):
        return moment(self.store.now().strftime("%Y-%m-%dT%H:%M:%S"))


def tracking(values):
    if not values:
        return None
    number = values.get("number") or (values.get("numbers") or [None])[0]
    url = values.get("url") or (values.get("urls") or [None])[0]
    return {"company": values.get("company"), "number": number, "url": url}


def named(made):
    """For the counts: by what name it could have been sent twice."""
    number = (made["tracking"] or {}).get("number")
    return {"id": made["id"], "meta_data": [{"key": "external_reference", "value": number}] if number else []}
