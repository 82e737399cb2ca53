"""Kinds of records without business logic of their own: taxes, coupons, categories."""

from ..listing import Spec
from ..messages import ApiError
from ..money import dec, fmt
from ..validation import boolean, integer, list_of, money, one_of, string
from .base import Resource


class Taxes(Resource):
    name = "taxes"
    label = "Taxe"
    sequence = "tax"
    fields = {
        "country": string, "state": string, "postcode": string, "city": string, "postcodes": list_of(string),
        "cities": list_of(string), "rate": money, "name": string, "priority": integer, "compound": boolean,
        "shipping": boolean, "order": integer, "class": one_of("standard", "reduced-rate", "zero-rate"),
    }  # fmt: skip
    spec = Spec(
        orderby="order", descending=False, tests={"class": lambda record, value: record.get("class") == value}
    )

    def build(self, values, parent):
        blank = {
            "id": 0, "country": "", "state": "", "postcode": "", "city": "", "rate": "0.0000", "name": "Tax",
            "priority": 1, "compound": False, "shipping": True, "order": 0, "class": "standard",
            "postcodes": [],
            "cities": [],
        }  # fmt: skip
        return {**blank, **values}

    def finish(self, record, before):
        for name in ("date_created", "date_created_gmt", "date_modified", "date_modified_gmt", "meta_data"):
            record.pop(name, None)
        record["rate"] = f"{dec(record['rate']):.4f}"


class Coupons(Resource):
    name = "coupons"
    label = "Coupon"
    not_found = ("woocommerce_rest_shop_coupon_invalid_id", "Invalid ID.")
    exists_code = "woocommerce_rest_shop_coupon_exists"
    fields = {
        "code": string, "amount": money, "description": string, "free_shipping": boolean,
        "discount_type": one_of("percent", "fixed_cart", "fixed_product"),
    }  # fmt: skip
    required = ("code",)
    trashable = True
    spec = Spec(keys={"code": lambda value: ("code", value.lower())}, search=("code", "description"))

    def build(self, values, parent):
        if self.rows.first("code", values["code"].lower()) is not None:
            raise ApiError(
                400, "woocommerce_rest_coupon_code_already_exists", "The coupon code already exists"
            )
        blank = {
            "id": 0, "code": "", "amount": "0.00", "status": "publish", "date_created": None,
            "date_created_gmt": None,
            "date_modified": None, "date_modified_gmt": None, "discount_type": "fixed_cart",
            "description": "",
            "date_expires": None, "date_expires_gmt": None, "usage_count": 0, "individual_use": False,
            "product_ids": [], "free_shipping": False, "meta_data": [],
        }  # fmt: skip
        return {**blank, **values}

    def finish(self, record, before):
        record["code"] = record["code"].lower()
        record["amount"] = fmt(dec(record["amount"]))


class Categories(Resource):
    name = "categories"
    label = "Term"
    sequence = "term"
    not_found = ("woocommerce_rest_term_invalid", "Resource doesn't exist.")
    fields = {"name": string, "slug": string, "parent": integer, "description": string, "menu_order": integer}
    required = ("name",)
    spec = Spec(
        orderby="name", descending=False, keys={"slug": lambda value: ("slug", value)}, search=("name",)
    )

    def build(self, values, parent):
        slug = values.get("slug") or values["name"].strip().lower().replace(" ", "-")
        known = self.rows.first("slug", slug)
        if known is not None:
            message = "A term with the name provided already exists with this parent."
            raise ApiError(400, "term_exists", message, resource_id=known)
        blank = {"id": 0, "name": "", "slug": slug, "parent": 0, "description": "", "display": "default"}
        return {**blank, "image": None, "menu_order": 0, "count": 0, **values, "slug": slug}

    def finish(self, record, before):
        for name in ("date_created", "date_created_gmt", "date_modified", "date_modified_gmt", "meta_data"):
            record.pop(name, None)
