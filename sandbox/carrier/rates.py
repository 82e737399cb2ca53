"""What the carrier offers: services with their limits and prices."""

from decimal import Decimal

from .errors import required

OUNCES_PER_KG = Decimal("35.27396")
# Name: (base price, price a kg, heaviest parcel in kg, delivered after days, countries or all)
SERVICES = {
    "Economy": (Decimal("4.50"), Decimal("0.40"), 20, 5, None),
    "Express": (Decimal("9.90"), Decimal("0.90"), 30, 1, None),
    "Local": (Decimal("3.20"), Decimal("0.30"), 10, 1, ("BE", "NL")),
}
HEAVIEST = 30
LONGEST_INCHES = Decimal("47.3")
UNION = frozenset(("AT", "BE", "DE", "FR", "NL"))


def weight_of(parcel):
    """Ounces as a Decimal; 422 when there are none, or too many for any service."""
    weight = parcel.get("weight") if isinstance(parcel, dict) else None
    if isinstance(weight, bool) or not isinstance(weight, int | float) or weight <= 0:
        raise required({"parcel.weight": "must be greater than 0 ounces"})
    if Decimal(str(weight)) / OUNCES_PER_KG > HEAVIEST:
        raise required({"parcel.weight": f"must not exceed {HEAVIEST} kg"})
    return Decimal(str(weight))


def rates_for(ounces, country, currency):
    """The services that take this parcel there, with prices as texts."""
    kilos = ounces / OUNCES_PER_KG
    rates = []
    for name, (base, per_kilo, heaviest, days, countries) in SERVICES.items():
        if kilos <= heaviest and (countries is None or country in countries):
            price = (base + per_kilo * kilos).quantize(Decimal("0.01"))
            rates.append({
                "object": "Rate", "service": name, "carrier": "SandboxPost", "rate": str(price), "currency": currency,
                "delivery_days": days,
            })  # fmt: skip
    return rates


def dimensions_of(parcel):
    """Those that are given, in inches; 422 for what no service takes."""
    found = {}
    for name in ("length", "width", "height"):
        value = parcel.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0 \
                or Decimal(str(value)) > LONGEST_INCHES:
            raise required({f"parcel.{name}": f"must be between 0 and {LONGEST_INCHES} inches"})
        found[name] = float(value)
    return found


def customs_problems(start, to, info):
    """What is missing of the customs papers of a parcel that leaves the country, and not within the union.

    >>> customs_problems("BE", "FR", None), customs_problems("BE", "US", None)
    ({}, {'customs_info': 'is required for this destination'})
    """
    if start == to or {start, to} <= UNION:
        return {}
    items = info.get("customs_items") if isinstance(info, dict) else None
    if not isinstance(items, list) or not items:
        return {"customs_info": "is required for this destination"}
    wrong = {} if info.get("customs_certify") is True and info.get("customs_signer") else {
        "customs_info.customs_certify": "must be true, with a customs_signer"}
    for number, item in enumerate(items):
        for name in ("description", "hs_tariff_number", "origin_country"):
            if not item.get(name):
                wrong[f"customs_items[{number}].{name}"] = "cannot be blank"
        for name in ("quantity", "value", "weight"):
            if not isinstance(item.get(name), int | float) or item[name] <= 0:
                wrong[f"customs_items[{number}].{name}"] = "must be greater than 0"
    return wrong
