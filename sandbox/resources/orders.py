"""Orders: lines, discounts, taxes and totals; what a change of status sets off."""

from ..listing import Spec
from ..messages import ApiError
from ..money import apply_coupons, dec, fmt, total_order
from ..validation import (
    BILLING,
    META,
    SHIPPING,
    boolean,
    currency,
    integer,
    list_of,
    money,
    object_of,
    one_of,
    or_null,
    string,
)
from .base import Resource, identifier
from .customers import BILLING_BLANK, SHIPPING_BLANK
from .lines import Lines

STATUSES = ("pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed")
PAID = ("processing", "completed")
STOCK_TAKEN = ("processing", "completed", "on-hold")
ITEM = {"id": or_null(integer), "total": money, "meta_data": META}


def sold(record, product_id):
    return any(str(line.get("product_id")) == product_id for line in record.get("line_items") or ())


class Orders(Resource):
    name = "orders"
    label = "Order"
    trashable = True
    not_found = ("woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
    exists_code = "woocommerce_rest_shop_order_exists"
    fields = {
        "parent_id": integer, "status": one_of(*STATUSES, "trash"), "currency": currency,
        "customer_id": integer,
        "customer_note": string, "billing": BILLING, "shipping": SHIPPING, "payment_method": string,
        "payment_method_title": string, "transaction_id": string, "set_paid": boolean,
        "line_items": list_of(object_of(
            **ITEM, name=or_null(string), product_id=or_null(integer), variation_id=integer, sku=string,
            quantity=integer, tax_class=string, subtotal=money,
        )),
        "shipping_lines": list_of(object_of(**ITEM, method_id=or_null(string), method_title=string)),
        "fee_lines": list_of(object_of(
            **ITEM, name=or_null(string), tax_class=string, tax_status=one_of("taxable", "none"),
        )),
        "coupon_lines": list_of(object_of(id=integer, code=or_null(string), meta_data=META)),
    }  # fmt: skip
    spec = Spec(
        keys={
            "customer": lambda value: ("customer", int(value) if value.isdigit() else value),
            "email": lambda value: ("email", value.lower()),
        },
        tests={
            "product": sold,
            "number": lambda record, value: record.get("number") == value,
        },
        statuses=("any", "trash", *STATUSES),
        search=("number", "billing.email", "billing.first_name", "billing.last_name", "billing.company"),
    )

    def serve(self, request, parts, parent=None):
        if len(parts) > 1 and parts[1] in ("refunds", "notes"):
            return self.app.resources[parts[1]].serve(request, parts[2:], identifier(parts[0]))
        return super().serve(request, parts, parent)

    def build(self, values, parent):
        record = {
            "id": 0, "parent_id": 0, "status": "pending", "currency": self.settings.currency,
            "version": "9.4.0",
            "prices_include_tax": self.settings.prices_include_tax, "date_created": None,
            "date_modified": None, "discount_total": "0.00",
            "discount_tax": "0.00", "shipping_total": "0.00", "shipping_tax": "0.00", "cart_tax": "0.00",
            "total": "0.00", "total_tax": "0.00", "customer_id": 0,
            "order_key": f"wc_order_{self.store.random.getrandbits(52):013x}",
            "billing": dict(BILLING_BLANK), "shipping": dict(SHIPPING_BLANK),
            "payment_method": "", "payment_method_title": "", "transaction_id": "", "customer_ip_address": "",
            "customer_user_agent": "", "created_via": "rest-api", "customer_note": "", "date_completed": None,
            "date_paid": None, "cart_hash": "", "number": "", "meta_data": [], "line_items": [],
            "tax_lines": [],
            "shipping_lines": [], "fee_lines": [], "coupon_lines": [], "refunds": [], "payment_url": "",
            "is_editable": True, "needs_payment": True, "needs_processing": True, "date_created_gmt": None,
            "date_modified_gmt": None, "date_completed_gmt": None, "date_paid_gmt": None,
            "currency_symbol": {"EUR": "€", "USD": "$", "GBP": "£"}.get(values.get("currency", "EUR"), ""),
        }  # fmt: skip
        self.change(record, values, parent)
        return record

    def change(self, record, values, parent):
        customer = values.get("customer_id")
        if customer and customer not in self.store.customers.rows:
            raise ApiError(400, "woocommerce_rest_invalid_customer_id", "Customer ID is invalid.")
        for name in ("billing", "shipping"):
            if name in values:
                record[name] = {**(record.get(name) or {}), **values.pop(name)}
        lines = Lines(self.store, record)
        changed = False
        for kind in ("line_items", "shipping_lines", "fee_lines", "coupon_lines"):
            if kind in values:
                getattr(lines, kind)(values.pop(kind))
                changed = True
        if values.pop("set_paid", False) and record["status"] in ("pending", "on-hold", "failed"):
            values["status"] = "processing"
        record.update(values)
        if changed or not record["id"]:
            self.recompute(record)

    def recompute(self, record):
        if record["coupon_lines"]:
            found = {line["code"].lower(): self._coupon(line) for line in record["coupon_lines"]}
            apply_coupons(record, found)
        for line in record["line_items"]:
            line["_taxable"] = self._sold_taxable(line)
        rates = self.store.taxes.records()
        total_order(record, rates, lambda: self.store.next_id("item"))

    def _sold_taxable(self, line):
        name, key = (
            ("variations", line["variation_id"]) if line["variation_id"] else ("products", line["product_id"])
        )
        record = self.store.collections[name].get(key)
        return not record or record.get("tax_status") != "none"

    def _coupon(self, line):
        key = self.store.coupons.first("code", line["code"].lower())
        if key is None:
            message = f'Coupon "{line["code"]}" does not exist!'
            raise ApiError(400, "woocommerce_rest_invalid_coupon", message)
        coupon = self.store.coupons.get(key)
        line.update(discount_type=coupon["discount_type"], nominal_amount=float(coupon["amount"]),
                    free_shipping=coupon["free_shipping"])  # fmt: skip
        return coupon

    def finish(self, record, before):
        record["number"] = record["number"] or str(record["id"])
        status = record["status"]
        if status in PAID and not record["date_paid"]:
            self.store.stamp(record, "paid")
        if status == "completed" and not record["date_completed"]:
            self.store.stamp(record, "completed")
        record["is_editable"] = status in ("pending", "on-hold")
        record["needs_payment"] = status in ("pending", "failed") and dec(record["total"]) > 0
        record["needs_processing"] = status == "processing"
        base = f"{self.settings.site_url}/checkout/order-pay/{record['id']}"
        record["payment_url"] = f"{base}/?pay_for_order=true&key={record['order_key']}"
        self._move_stock(record)

    def _move_stock(self, record):
        """Stock is taken once when an order is accepted, and given back when it is cancelled."""
        taken = any(item["key"] == "_order_stock_reduced" for item in record["meta_data"])
        if record["status"] in STOCK_TAKEN and not taken:
            self._add_stock(record, -1)
            change = [{"key": "_order_stock_reduced", "value": "yes"}]
            record["meta_data"] = self.merged_meta(record["meta_data"], change)
        elif record["status"] == "cancelled" and taken:
            self._add_stock(record, 1)
            change = [{"key": "_order_stock_reduced", "value": None}]
            record["meta_data"] = self.merged_meta(record["meta_data"], change)

    def _add_stock(self, record, sign):
        for line in record["line_items"]:
            self.add_stock(line["product_id"], line["variation_id"], sign * line["quantity"])

    def add_stock(self, product_id, variation_id, quantity):
        name, key = ("variations", variation_id) if variation_id else ("products", product_id)
        row = self.store.collections[name].rows.get(key)
        sellable = row and row.record()
        if sellable and sellable.get("manage_stock"):
            values = {"stock_quantity": sellable["stock_quantity"] + quantity}
            self.app.resources[name].update(key, values, row.parent)

    def after_save(self, record, before):
        if before and before["status"] != record["status"]:
            text = f"Order status changed from {before['status']} to {record['status']}."
            self.app.resources["notes"].add(record["id"], text)
        if record["customer_id"] and record["date_paid"]:
            customer = self.store.customers.get(record["customer_id"])
            if customer and not customer.get("is_paying_customer"):
                customer["is_paying_customer"] = True
                self.store.save("customers", customer)

    def removed(self, record):
        for name in ("refunds", "notes"):
            for key in self.store.collections[name].find("parent", record["id"]):
                self.store.collections[name].delete(key)


def left_to_refund(order):
    return dec(order["total"]) + sum(dec(refund["total"]) for refund in order["refunds"])


def refund_entry(refund):
    return {"id": refund["id"], "reason": refund["reason"], "total": fmt(-dec(refund["amount"]))}
