"""Addresses: what is missing, whether mail arrives there, and how it is written properly."""

import re

from .errors import CarrierError

FIELDS = ("name", "company", "street1", "street2", "city", "state", "zip", "country", "phone", "email")
ZIPS = {
    "BE": (r"\d{4}", None), "DE": (r"\d{5}", None), "FR": (r"\d{5}", None), "AT": (r"\d{4}", None),
    "NL": (r"(\d{4}) ?([A-Za-z]{2})", lambda found: f"{found[1]} {found[2].upper()}"),
    "US": (r"\d{5}(-\d{4})?", None), "GB": (r"[A-Za-z0-9]{2,4} ?[0-9][A-Za-z]{2}", None),
}  # fmt: skip
"""Countries that are served: pattern of the postal code, and how it is written."""


def address(values):
    """An address as it is kept: known fields only, blank ones as None."""
    values = values if isinstance(values, dict) else {}
    return {name: str(values[name]).strip() if values.get(name) else None for name in FIELDS}


def problems(found):
    """What keeps a parcel from arriving: ``{field: message}``.

    >>> problems(address({"street1": "Veldstraat", "city": "Gent", "zip": "9000", "country": "BE"}))
    {'street1': 'House number is missing'}
    """
    wrong = {}
    if not found["street1"]:
        wrong["street1"] = "Street is missing"
    elif not re.search(r"\d", f"{found['street1']} {found['street2'] or ''}"):
        wrong["street1"] = "House number is missing"
    if not found["city"]:
        wrong["city"] = "City is missing"
    if found["country"] not in ZIPS:
        wrong["country"] = "Country is not served" if found["country"] else "Country is missing"
    elif not re.fullmatch(ZIPS[found["country"]][0], found["zip"] or ""):
        wrong["zip"] = "Postal code does not fit the country"
    return wrong


def verified(found, strict):
    """The address with its verification, corrected where it is deliverable.

    :raises CarrierError: 422 ADDRESS.VERIFY.FAILURE when it is not, and ``strict``
    """
    wrong = problems(found)
    if wrong and strict:
        raise CarrierError(422, "ADDRESS.VERIFY.FAILURE", "Unable to verify address.", wrong)
    if not wrong:
        pattern, form = ZIPS[found["country"]]
        if form:
            found["zip"] = form(re.fullmatch(pattern, found["zip"]))
        found["street1"] = " ".join(found["street1"].split())
    errors = [{"code": "E.ADDRESS.INVALID", "field": name, "message": text, "suggestion": None}
              for name, text in wrong.items()]  # fmt: skip
    found["verifications"] = {"delivery": {"success": not wrong, "errors": errors, "details": {}}}
    return found
