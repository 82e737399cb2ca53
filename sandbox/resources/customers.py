"""Customers with billing and shipping address. An email address belongs to one customer only."""

import hashlib
import re

from ..listing import Spec
from ..messages import ApiError, invalid_params
from ..validation import BILLING, SHIPPING, string
from ..validation import email as email_address
from .base import Resource

BILLING_BLANK = dict.fromkeys(
    ("first_name", "last_name", "company", "address_1", "address_2", "city", "postcode", "country", "state",
    "email",
     "phone"), "",
)  # fmt: skip
SHIPPING_BLANK = {name: "" for name in BILLING_BLANK if name != "email"}


def avatar(email):
    digest = hashlib.md5(email.strip().lower().encode(), usedforsecurity=False).hexdigest()
    return f"https://secure.gravatar.com/avatar/{digest}?s=96&d=mm&r=g"


class Customers(Resource):
    name = "customers"
    label = "Customer"
    sequence = "customer"
    fields = {
        "email": email_address,
        "first_name": string,
        "last_name": string,
        "username": string,
        "password": string,
        "billing": BILLING,
        "shipping": SHIPPING,
    }
    required = ("email",)
    exists_code = "woocommerce_rest_customer_exists"
    spec = Spec(
        orderby="name",
        descending=False,
        keys={"email": lambda value: ("email", value.lower())},
        tests={"role": lambda record, role: role in ("all", record.get("role"))},
        search=("email", "first_name", "last_name", "username", "billing.company"),
    )

    def build(self, values, parent):
        email = values["email"].strip()
        if self.rows.first("email", email.lower()) is not None:
            message = f"An account is already registered with {email}. Please log in or use a different one."
            raise ApiError(400, "registration-error-email-exists", message)
        username = values.get("username") or self._free_username(email)
        if self.rows.first("username", username.lower()) is not None:
            message = "An account is already registered with that username. Please choose another."
            raise ApiError(400, "registration-error-username-exists", message)
        return {
            "id": 0, "date_created": None, "date_created_gmt": None, "date_modified": None,
            "date_modified_gmt": None,
            "email": email,
            "first_name": values.get("first_name", ""),
            "last_name": values.get("last_name", ""),
            "role": "customer",
            "username": username,
            "billing": {**BILLING_BLANK, **values.get("billing", {})},
            "shipping": {**SHIPPING_BLANK, **values.get("shipping", {})},
            "is_paying_customer": False,
            "avatar_url": avatar(email),
            "meta_data": [],
        }  # fmt: skip

    def _free_username(self, email):
        base = re.sub(r"[^a-z0-9._-]", "", email.split("@")[0].lower()) or "user"
        username, number = base, 1
        while self.rows.first("username", username) is not None:
            number += 1
            username = f"{base}-{number}"
        return username

    def change(self, record, values, parent):
        email = values.get("email")
        if email is not None and email.lower() != str(record.get("email", "")).lower():
            if self.rows.first("email", email.lower()) is not None:
                raise ApiError(400, "woocommerce_rest_customer_invalid_email", "Email address is invalid.")
            record["avatar_url"] = avatar(email)
        if values.pop("username", record.get("username")) != record.get("username"):
            message = "Username isn't editable."
            raise ApiError(400, "woocommerce_rest_customer_invalid_argument", message)
        values.pop("password", None)
        for name, blank in (("billing", BILLING_BLANK), ("shipping", SHIPPING_BLANK)):
            if name in values:
                record[name] = {**blank, **(record.get(name) or {}), **values.pop(name)}
        record.update(values)

    def checked(self, body, required=()):
        values = super().checked(body, required)
        if "email" in values and not values["email"].strip():
            raise invalid_params({"email": "Invalid email address."})
        return values
