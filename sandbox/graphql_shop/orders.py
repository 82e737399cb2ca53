"""Orders and customers of the shop in the shapes of the GraphQL API."""

from decimal import Decimal

from .connections import inner, some

FINANCIAL = {
    "pending": "PENDING", "on-hold": "AUTHORIZED", "processing": "PAID", "completed": "PAID", "refunded": "REFUNDED",
    "cancelled": "VOIDED", "failed": "EXPIRED",
}  # fmt: skip
COUNTRIES = {
    "AT": "Austria", "BE": "Belgium", "CA": "Canada", "CH": "Switzerland", "DE": "Germany", "ES": "Spain", "FR": "France",
    "GB": "United Kingdom", "NL": "Netherlands", "PL": "Poland", "US": "United States",
}  # fmt: skip


def gid(kind, number):
    """
    >>> gid("Order", 7)
    'gid://shopify/Order/7'
    """
    return f"gid://shopify/{kind}/{number}"


def moment(text):
    return f"{text}Z" if text else None


def bag(amount, currency):
    money = {"amount": f"{Decimal(amount or 0):.2f}", "currencyCode": currency}
    return {"shopMoney": money, "presentmentMoney": money}


def address(record):
    """A mailing address; None when there is nothing in it."""
    if not any(record.get(name) for name in ("first_name", "last_name", "company", "address_1", "city", "country")):
        return None
    country = record.get("country") or None
    return {
        "firstName": record.get("first_name") or None, "lastName": record.get("last_name") or None,
        "name": " ".join(filter(None, (record.get("first_name"), record.get("last_name")))) or None,
        "company": record.get("company") or None, "address1": record.get("address_1") or None,
        "address2": record.get("address_2") or None, "city": record.get("city") or None,
        "province": record.get("state") or None, "provinceCode": record.get("state") or None,
        "zip": record.get("postcode") or None, "country": COUNTRIES.get(country, country),
        "countryCodeV2": country if country in COUNTRIES else None, "phone": record.get("phone") or None,
    }  # fmt: skip


class OrderShapes:
    """Shows orders of the store. Wants ``store``, ``fulfilments`` and the shapes of goods."""

    def customer(self, record):
        email, phone = record.get("email"), (record.get("billing") or {}).get("phone")
        name = " ".join(filter(None, (record.get("first_name"), record.get("last_name"))))
        return {
            "id": gid("Customer", record["id"]), "firstName": record.get("first_name") or None,
            "lastName": record.get("last_name") or None, "displayName": name or email or "",
            "defaultEmailAddress": {"emailAddress": email} if email else None,
            "defaultPhoneNumber": {"phoneNumber": phone} if phone else None,
            "defaultAddress": address(record.get("billing") or {}), "note": None, "tags": [],
            "createdAt": moment(record.get("date_created_gmt")), "updatedAt": moment(record.get("date_modified_gmt")),
            "numberOfOrders": lambda _info: str(len(self.store.orders.find("customer", record["id"]))),
        }  # fmt: skip

    def taxes(self, order, record):
        """Tax lines of a line. A compound tax is shown by what it is of the line itself."""
        rates = {line["rate_id"]: line for line in order["tax_lines"]}
        below = sum(
            rates[tax["id"]]["rate_percent"] for tax in record["taxes"]
            if tax["id"] in rates and not rates[tax["id"]]["compound"] and tax["total"] != ""
        )  # fmt: skip
        shown = []
        for tax in record["taxes"]:
            if tax["total"] == "" or tax["id"] not in rates:
                continue
            rate = rates[tax["id"]]
            percent = rate["rate_percent"] * (1 + below / 100) if rate["compound"] else rate["rate_percent"]
            shown.append({
                "title": rate["label"], "rate": round(percent / 100, 8), "ratePercentage": round(percent, 6),
                "priceSet": bag(tax["total"], order["currency"])})  # fmt: skip
        return shown

    def line(self, order, item):
        currency, quantity = order["currency"], item["quantity"] or 1
        subtotal, total = Decimal(item["subtotal"]), Decimal(item["total"])
        variant = item["variation_id"] or item["product_id"]
        name = item.get("parent_name") or item["name"]
        return {
            "id": gid("LineItem", item["id"]), "title": name, "name": item["name"], "sku": item["sku"] or None,
            "quantity": item["quantity"], "currentQuantity": item["quantity"] - self.refunded(order).get(item["id"], 0),
            "taxable": bool(item["taxes"]), "requiresShipping": True, "vendor": None,
            "product": lambda _info: self.product_by_number(item["product_id"]),
            "variant": lambda _info: self.variant_by_number(variant),
            "originalUnitPriceSet": bag(subtotal / quantity, currency), "originalTotalSet": bag(subtotal, currency),
            "discountedTotalSet": lambda _info, withCodeDiscounts=False: bag(
                total if withCodeDiscounts else subtotal, currency),
            "discountAllocations": [{"allocatedAmountSet": bag(subtotal - total, currency)}] if subtotal != total else [],
            "taxLines": some(self.taxes(order, item)),
        }  # fmt: skip

    def refunded(self, order):
        """Quantities given back, by the number of the line."""
        found = {}
        for refund in self.store.refunds.records("parent", order["id"]):
            for item in refund["line_items"]:
                line = next((int(meta["value"]) for meta in item["meta_data"] if meta["key"] == "_refunded_item_id"), None)
                found[line] = found.get(line, 0) - item["quantity"]
        return found

    def refund(self, order, refund):
        lines = {str(item["id"]): item for item in order["line_items"]}
        shown = []
        for item in refund["line_items"]:
            key = next((meta["value"] for meta in item["meta_data"] if meta["key"] == "_refunded_item_id"), None)
            if key in lines:
                shown.append({
                    "id": gid("RefundLineItem", item["id"]), "quantity": -item["quantity"],
                    "lineItem": self.line(order, lines[key]),
                    "subtotalSet": bag(-Decimal(item["total"]), order["currency"]),
                    "totalTaxSet": bag(-Decimal(item["total_tax"]), order["currency"])})  # fmt: skip
        return {
            "id": gid("Refund", refund["id"]), "createdAt": moment(refund["date_created_gmt"]),
            "note": refund["reason"] or None, "totalRefundedSet": bag(refund["amount"], order["currency"]),
            "refundLineItems": inner(shown),
        }  # fmt: skip

    def transactions(self, order):
        shown, currency = [], order["currency"]
        if order.get("transaction_id"):
            shown.append({
                "id": gid("OrderTransaction", order["id"]), "kind": "SALE", "status": "SUCCESS",
                "gateway": order["payment_method"], "amountSet": bag(order["total"], currency),
                "processedAt": moment(order.get("date_paid_gmt"))})  # fmt: skip
        for refund in self.store.refunds.records("parent", order["id"]):
            shown.append({
                "id": gid("OrderTransaction", refund["id"]), "kind": "REFUND", "status": "SUCCESS",
                "gateway": order["payment_method"], "amountSet": bag(refund["amount"], currency),
                "processedAt": moment(refund["date_created_gmt"])})  # fmt: skip
        return shown

    def order(self, order):
        currency = order["currency"]
        refunded = sum((Decimal(refund["total"]) for refund in order["refunds"]), Decimal(0))
        customer = self.store.customers.get(order["customer_id"]) if order["customer_id"] else None
        cancelled = order["status"] in ("cancelled", "failed")
        financial = FINANCIAL.get(order["status"], "PENDING")
        if refunded and financial == "PAID":
            financial = "PARTIALLY_REFUNDED"
        shipping = [
            {
                "id": gid("ShippingLine", item["id"]), "title": item["method_title"], "code": item["method_id"],
                "originalPriceSet": bag(item["total"], currency), "discountedPriceSet": bag(item["total"], currency),
                "discountAllocations": [], "taxLines": self.taxes(order, item), "isRemoved": False,
            }
            for item in order["shipping_lines"]
        ]  # fmt: skip
        return {
            "id": gid("Order", order["id"]), "name": f"#{order['number']}", "number": int(order["id"]),
            "email": (order["billing"].get("email") or "").lower() or None, "phone": order["billing"].get("phone") or None,
            "note": order["customer_note"] or None, "test": False, "taxesIncluded": False,
            "tags": [str(meta["value"]) for meta in order["meta_data"] if meta["key"] == "sandbox_case"],
            "createdAt": moment(order["date_created_gmt"]), "updatedAt": moment(order["date_modified_gmt"]),
            "processedAt": moment(order["date_created_gmt"]), "closedAt": moment(order.get("date_completed_gmt")),
            "cancelledAt": moment(order["date_modified_gmt"]) if cancelled else None,
            "cancelReason": ("DECLINED" if order["status"] == "failed" else "CUSTOMER") if cancelled else None,
            "currencyCode": currency, "displayFinancialStatus": financial,
            "displayFulfillmentStatus": self.progress(order),
            "discountCodes": [coupon["code"] for coupon in order["coupon_lines"]],
            "customer": self.customer(customer) if customer else None, "billingAddress": address(order["billing"]),
            "shippingAddress": address(order["shipping"]) or address(order["billing"]),
            "lineItems": inner([self.line(order, item) for item in order["line_items"]]),
            "shippingLines": inner(shipping),
            "additionalFees": [
                {"id": gid("AdditionalFee", fee["id"]), "name": fee["name"], "price": bag(fee["total"], currency),
                 "taxLines": self.taxes(order, fee)} for fee in order["fee_lines"]],
            "subtotalPriceSet": bag(sum(Decimal(item["total"]) for item in order["line_items"]), currency),
            "totalTaxSet": bag(order["total_tax"], currency), "totalDiscountsSet": bag(order["discount_total"], currency),
            "totalShippingPriceSet": bag(order["shipping_total"], currency),
            "totalPriceSet": bag(order["total"], currency), "totalRefundedSet": bag(-refunded, currency),
            "currentTotalPriceSet": bag(Decimal(order["total"]) + refunded, currency),
            "transactions": some(self.transactions(order)),
            "refunds": some([self.refund(order, refund) for refund in self.store.refunds.records("parent", order["id"])]),
            "fulfillments": some([self.fulfilment(order, made) for made in self.fulfilments.get(order["id"], ())]),
            "fulfillmentOrders": inner([self.fulfilment_order(order)]),
        }  # fmt: skip
