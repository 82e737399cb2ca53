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
