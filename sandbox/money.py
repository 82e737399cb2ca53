"""Order arithmetic, in decimals and to the cent: discounts, taxes a line, and totals that add up.

Amounts travel as texts with two decimals. Every tax amount is rounded on its line, so the tax of an order is
the sum of rounded amounts and may differ by cents from the rate times the order's total: real shops do the
same.
"""

from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
ZERO = Decimal(0)


def dec(value):
    return Decimal(str(value)) if value not in (None, "") else ZERO


def cents(value):
    """
    >>> cents(Decimal("0.125")), cents(Decimal("-0.125"))
    (Decimal('0.13'), Decimal('-0.13'))
    """
    return Decimal(value).quantize(CENT, ROUND_HALF_UP)


def fmt(value):
    """
    >>> fmt(Decimal("3")), fmt(Decimal("-0.001"))
    ('3.00', '0.00')
    """
    return f"{cents(value) + 0:.2f}" if cents(value) else "0.00"


def matching_rates(rates, country, state, tax_class):
    """The rates of one address and tax class: the first of each priority, in order."""
    wanted = tax_class or "standard"
    chosen = {}
    for rate in sorted(rates, key=lambda rate: (rate["priority"], rate["order"])):
        fits = rate["country"] in ("", country) and rate["state"] in ("", state) and rate["class"] == wanted
        if fits:
            chosen.setdefault(rate["priority"], rate)
    return list(chosen.values())


def taxes_on(amount, rates):
    """Tax amounts by rate id, each rounded; a compound rate also taxes the taxes before it.

    >>> rate = {"id": 1, "rate": "19.0000", "compound": False}
    >>> taxes_on(Decimal("10.02"), [rate])
    {1: Decimal('1.90')}
    """
    taxes = {}
    for rate in rates:
        base = amount + sum(taxes.values(), ZERO) if rate["compound"] else amount
        taxes[rate["id"]] = cents(base * dec(rate["rate"]) / 100)
    return taxes


def split_gross(gross, rates):
    """Net amount and taxes of a price that includes tax; the two always add up to it.

    >>> rate = {"id": 1, "rate": "19.0000", "compound": False}
    >>> split_gross(Decimal("9.99"), [rate])
    (Decimal('8.39'), {1: Decimal('1.60')})
    """
    factor = Decimal(1)
    for rate in rates:
        share = dec(rate["rate"]) / 100
        factor += factor * share if rate["compound"] else share
    net = cents(gross / factor)
    taxes = taxes_on(net, rates)
    if taxes:
        last = list(taxes)[-1]
        taxes[last] += gross - net - sum(taxes.values(), ZERO)
    return net, taxes


def spread(amount, weights):
    """Split an amount over weights to the cent; the last one takes what rounding leaves.

    >>> spread(Decimal("10.00"), [Decimal(1), Decimal(1), Decimal(1)])
    [Decimal('3.33'), Decimal('3.33'), Decimal('3.34')]
    """
    whole = sum(weights, ZERO)
    if not whole:
        return [ZERO for _ in weights]
    parts = [cents(amount * weight / whole) for weight in weights]
    parts[-1] += amount - sum(parts, ZERO)
    return parts


def discount_parts(coupon, lines):
    """The discount of one coupon on each line, never more than what the line still costs."""
    value = dec(coupon["amount"])
    left = [dec(line["total"]) for line in lines]
    if coupon["discount_type"] == "percent":
        parts = [cents(total * value / 100) for total in left]
    elif coupon["discount_type"] == "fixed_product":
        parts = [cents(value * line["quantity"]) for line in lines]
    else:
        parts = spread(min(value, sum(left, ZERO)), left)
    return [min(part, total) for part, total in zip(parts, left, strict=True)]


def apply_coupons(order, coupons):
    """Take each coupon of the order off its lines, and write what it took on the coupon line."""
    lines = order["line_items"]
    for line in lines:
        line["total"] = line["subtotal"]
    for coupon_line in order["coupon_lines"]:
        coupon = coupons[coupon_line["code"].lower()]
        parts = discount_parts(coupon, lines)
        for line, part in zip(lines, parts, strict=True):
            line["total"] = fmt(dec(line["total"]) - part)
        coupon_line["discount"] = fmt(sum(parts, ZERO))


def total_order(order, rates, next_item_id, default_country="DE"):
    """Compute every amount of an order from its lines, shipping and fees. Returns the order."""
    place = order["shipping"] if order["shipping"].get("country") else order["billing"]
    country, state = place.get("country") or default_country, place.get("state") or ""

    def rates_for(tax_class, shipping=False):
        return [r for r in matching_rates(rates, country, state, tax_class) if r["shipping"] or not shipping]

    by_rate = {}

    def note(taxes, column):
        for rate_id, amount in taxes.items():
            by_rate.setdefault(rate_id, {"tax_total": ZERO, "shipping_tax_total": ZERO})[column] += amount

    for line in order["line_items"]:
        line_rates = rates_for(line["tax_class"]) if line.pop("_taxable", True) else []
        if order["prices_include_tax"] and "_gross" in line:
            net_full, full = split_gross(dec(line.pop("_gross")), line_rates)
            line["subtotal"] = line["total"] = fmt(net_full)
            taxes = full
        else:
            line.pop("_gross", None)
            full = taxes_on(dec(line["subtotal"]), line_rates)
            taxes = taxes_on(dec(line["total"]), line_rates)
        line["subtotal"], line["total"] = fmt(dec(line["subtotal"])), fmt(dec(line["total"]))
        line["subtotal_tax"], line["total_tax"] = (
            fmt(sum(full.values(), ZERO)),
            fmt(sum(taxes.values(), ZERO)),
        )
        line["taxes"] = [{"id": i, "total": fmt(taxes[i]), "subtotal": fmt(full[i])} for i in taxes]
        line["price"] = float(round(dec(line["total"]) / line["quantity"], 6)) if line["quantity"] else 0
        note(taxes, "tax_total")
    for item in (*order["fee_lines"], *order["shipping_lines"]):
        is_shipping = "method_id" in item
        taxable = item.get("tax_status", "taxable") == "taxable"
        item_rates = rates_for(item.get("tax_class", ""), is_shipping) if taxable else []
        taxes = taxes_on(dec(item["total"]), item_rates)
        item["total"], item["total_tax"] = fmt(dec(item["total"])), fmt(sum(taxes.values(), ZERO))
        item["taxes"] = [{"id": i, "total": fmt(taxes[i]), "subtotal": ""} for i in taxes]
        note(taxes, "shipping_tax_total" if is_shipping else "tax_total")
    order["tax_lines"] = tax_lines(order.get("tax_lines", ()), by_rate, rates, next_item_id)
    share_coupon_tax(order)
    return sums(order)


def tax_lines(old, by_rate, rates, next_item_id):
    known = {line["rate_id"]: line["id"] for line in old}
    lines = []
    for rate in rates:
        if rate["id"] in by_rate:
            code = "-".join(part for part in (rate["country"], rate["state"], rate["name"].upper()) if part)
            lines.append(
                {
                    "id": known.get(rate["id"]) or next_item_id(),
                    "rate_code": f"{code}-{rate['priority']}",
                    "rate_id": rate["id"],
                    "label": rate["name"],
                    "compound": rate["compound"],
                    "tax_total": fmt(by_rate[rate["id"]]["tax_total"]),
                    "shipping_tax_total": fmt(by_rate[rate["id"]]["shipping_tax_total"]),
                    "rate_percent": float(rate["rate"]),
                    "meta_data": [],
                }
            )
    return lines


def share_coupon_tax(order):
    """The tax that discounts saved, spread over the coupons by what each took."""
    lines = order["line_items"]
    saved = sum((dec(line["subtotal_tax"]) - dec(line["total_tax"]) for line in lines), ZERO)
    coupons = order["coupon_lines"]
    parts = spread(saved, [dec(coupon["discount"]) for coupon in coupons]) if coupons else []
    for coupon, part in zip(coupons, parts, strict=True):
        coupon["discount_tax"] = fmt(part)


def sums(order):
    def add(lines, *names):
        return sum((dec(line[name]) for line in lines for name in names), ZERO)

    lines, fees, shipping = order["line_items"], order["fee_lines"], order["shipping_lines"]
    cart_tax, shipping_tax = add(lines, "total_tax") + add(fees, "total_tax"), add(shipping, "total_tax")
    order["discount_total"] = fmt(add(lines, "subtotal") - add(lines, "total"))
    order["discount_tax"] = fmt(add(lines, "subtotal_tax") - add(lines, "total_tax"))
    order["shipping_total"], order["shipping_tax"] = fmt(add(shipping, "total")), fmt(shipping_tax)
    order["cart_tax"], order["total_tax"] = fmt(cart_tax), fmt(cart_tax + shipping_tax)
    order["total"] = fmt(add((*lines, *fees, *shipping), "total") + cart_tax + shipping_tax)
    return order
