"""Products and their variations: prices, stock, categories, images, attributes."""

import re

from ..listing import Spec, pick
from ..messages import ApiError, Response
from ..money import dec, fmt
from ..validation import Problem, boolean, integer, list_of, money, object_of, one_of, or_null, price, string
from .base import Resource, identifier

STATUSES = ("draft", "pending", "private", "publish")
STOCK_FIELDS = {
    "sku": string, "regular_price": price, "sale_price": price, "manage_stock": boolean,
    "stock_quantity": or_null(integer), "stock_status": one_of("instock", "outofstock", "onbackorder"),
    "backorders": one_of("no", "notify", "yes"), "tax_class": string, "weight": money, "description": string,
    "tax_status": one_of("taxable", "shipping", "none"), "status": one_of(*STATUSES), "virtual": boolean,
    "downloadable": boolean, "menu_order": integer, "shipping_class": string,
    "dimensions": object_of(length=money, width=money, height=money),
}  # fmt: skip
DATES = dict.fromkeys(("date_created", "date_created_gmt", "date_modified", "date_modified_gmt"))
SALE_DATES = dict.fromkeys(
    ("date_on_sale_from", "date_on_sale_from_gmt", "date_on_sale_to", "date_on_sale_to_gmt")
)
FILTERS = {
    "stock_status": lambda record, value: record.get("stock_status") == value,
    "on_sale": lambda record, value: record.get("on_sale") is (value.lower() in ("1", "true")),
    "min_price": lambda record, value: dec(record.get("price")) >= dec(value),
    "max_price": lambda record, value: dec(record.get("price")) <= dec(value),
    "tax_class": lambda record, value: (record.get("tax_class") or "standard") == value,
}


def image(value, name):
    found = object_of(id=integer, src=string, name=string, alt=string)(value, name)
    if not found.get("id") and not re.match(r"https?://[^\s]+$", found.get("src", "")):
        raise Problem(f"{name}[src] is not a valid URL.")
    return found


def slugify(text):
    """
    >>> slugify("Tee – <b>Größe</b> L")
    'tee-größe-l'
    """
    return re.sub(r"[^\w]+", "-", re.sub(r"<[^>]*>", "", text).lower()).strip("-") or "product"


def stock_fields(record):
    """What follows from prices and stock: current price, sale, stock status."""
    regular, sale = record["regular_price"], record["sale_price"]
    record["on_sale"] = bool(sale) and (not regular or dec(sale) < dec(regular))
    record["price"] = sale if record["on_sale"] else regular
    for name in ("regular_price", "sale_price", "price"):
        record[name] = fmt(dec(record[name])) if record[name] else ""
    record["purchasable"] = bool(record["price"]) and record["status"] == "publish"
    record["backorders_allowed"] = record["backorders"] != "no"
    if record["manage_stock"]:
        quantity = record["stock_quantity"] = record["stock_quantity"] or 0
        absent = "onbackorder" if record["backorders_allowed"] else "outofstock"
        record["stock_status"] = "instock" if quantity > 0 else absent
    else:
        record["stock_quantity"] = None
    record["backordered"] = record["stock_status"] == "onbackorder"


class Sellable(Resource):
    """What a product and a variation have in common."""

    def check_sku(self, sku, own_id):
        """A SKU belongs to one product or variation of the whole shop."""
        if not sku or self.app.settings.duplicate_skus:
            return
        for name in ("products", "variations"):
            for key in self.store.collections[name].find("sku", sku.lower()):
                if key != own_id:
                    raise ApiError(
                        400, "product_invalid_sku", "Invalid or duplicated SKU.",
                        resource_id=key, unique_sku=f"{sku}-1",
                    )  # fmt: skip

    def blank(self):
        return {
            "id": 0, "permalink": "", **DATES, "status": "publish", "description": "", "sku": "", "price": "",
            "regular_price": "", "sale_price": "", **SALE_DATES, "on_sale": False, "purchasable": True,
            "virtual": False, "downloadable": False, "downloads": [], "download_limit": -1,
            "download_expiry": -1,
            "tax_status": "taxable", "tax_class": "", "manage_stock": False, "stock_quantity": None,
            "backorders": "no", "backorders_allowed": False, "backordered": False, "low_stock_amount": None,
            "weight": "", "dimensions": {"length": "", "width": "", "height": ""}, "shipping_class": "",
            "shipping_class_id": 0, "stock_status": "instock", "menu_order": 0, "meta_data": [],
        }  # fmt: skip

    def change(self, record, values, parent):
        self.check_sku(values.get("sku"), record["id"])
        record["dimensions"] = {**(record.get("dimensions") or {}), **values.pop("dimensions", {})}
        super().change(record, values, parent)

    def finish(self, record, before):
        stock_fields(record)

    def after_save(self, record, before):
        if record["manage_stock"] and record["sku"]:
            self.app.stock.follow(record)

    def removed(self, record):
        self.app.stock.forget(record.get("sku"))


class Products(Sellable):
    name = "products"
    label = "Product"
    trashable = True
    not_found = ("woocommerce_rest_product_invalid_id", "Invalid ID.")
    exists_code = "woocommerce_rest_product_exists"
    fields = {
        **STOCK_FIELDS,
        "name": string, "slug": string, "type": one_of("simple", "grouped", "external", "variable"),
        "featured": boolean, "short_description": string, "sold_individually": boolean,
        "reviews_allowed": boolean,
        "catalog_visibility": one_of("visible", "catalog", "search", "hidden"), "purchase_note": string,
        "external_url": string, "button_text": string, "parent_id": integer,
        "categories": list_of(object_of(id=integer)),
        "tags": list_of(object_of(id=integer, name=string)),
        "images": list_of(image),
        "attributes": list_of(
            object_of(id=integer, name=string, position=integer, visible=boolean, variation=boolean,
                      options=list_of(string))
        ),
        "default_attributes": list_of(object_of(id=integer, name=string, option=string)),
    }  # fmt: skip
    spec = Spec(
        keys={"slug": lambda value: ("slug", value), "type": lambda value: ("type", value)},
        tests={
            **FILTERS,
            "category": lambda record, value: any(
                str(c.get("id")) == value for c in record.get("categories", ())
            ),
            "featured": lambda record, value: record.get("featured") is (value.lower() in ("1", "true")),
        },
        statuses=("any", "future", "trash", *STATUSES),
        search=("name", "description", "sku"),
    )

    def serve(self, request, parts, parent=None):
        if parts and parts[0] == "categories":
            return self.app.resources["categories"].serve(request, parts[1:])
        if len(parts) > 1 and parts[1] == "variations":
            product = self.locate(identifier(parts[0]))
            return self.app.resources["variations"].serve(request, parts[2:], product.id)
        if not parts and request.method in ("GET", "HEAD") and request.params("sku"):
            return self._by_sku(request)
        if len(parts) == 1 and request.method == "GET" and identifier(parts[0]) in self.store.variations.rows:
            # As in the real shop, a variation can be read here, too; writing wants its own address.
            key = identifier(parts[0])
            variations = self.app.resources["variations"]
            return variations.serve(request, parts, self.store.variations.rows[key].parent)
        return super().serve(request, parts, parent)

    def _by_sku(self, request):
        """As in the real shop, a search by SKU finds variations too."""
        rows = []
        for name in ("products", "variations"):
            rows_of = self.store.collections[name]
            for sku in request.params("sku"):
                rows += [rows_of.rows[key] for key in rows_of.find("sku", sku.lower())]
        rows = [row for row in rows if row.status != "trash"]
        headers = [("X-WP-Total", str(len(rows))), ("X-WP-TotalPages", str(int(bool(rows))))]
        return Response(b"[" + b",".join(pick(rows, request)) + b"]", headers=headers)

    def locate(self, key, parent=None, status=404):
        if key in self.store.variations.rows:
            message = (
                "To manipulate product variations you should use the "
                "/products/<product_id>/variations/<id> endpoint."
            )
            raise ApiError(404, "woocommerce_rest_invalid_product_id", message)
        return super().locate(key, parent, status)

    def build(self, values, parent):
        self.check_sku(values.get("sku"), None)
        record = {
            **self.blank(),
            "name": "Product", "slug": "", "type": "simple", "featured": False,
            "catalog_visibility": "visible",
            "short_description": "", "price_html": "", "total_sales": 0, "external_url": "",
            "button_text": "",
            "sold_individually": False, "shipping_required": True, "shipping_taxable": True,
            "reviews_allowed": True,
            "average_rating": "0.00", "rating_count": 0, "related_ids": [], "upsell_ids": [],
            "cross_sell_ids": [],
            "parent_id": 0, "purchase_note": "", "categories": [], "tags": [], "images": [], "attributes": [],
            "default_attributes": [], "variations": [], "grouped_products": [], "has_options": False,
        }  # fmt: skip
        self.change(record, values, parent)
        return record

    def change(self, record, values, parent):
        super().change(record, values, parent)
        categories = self.store.categories
        found = (categories.get(item.get("id")) for item in record["categories"])
        record["categories"] = [
            {name: item[name] for name in ("id", "name", "slug")} for item in found if item
        ]
        record["images"] = [self._image(item) for item in record["images"]]
        for position, attribute in enumerate(record["attributes"]):
            for name, value in (("id", 0), ("position", position), ("visible", True), ("variation", False)):
                attribute.setdefault(name, value)
        record["has_options"] = record["type"] == "variable"

    def _image(self, item):
        if item.get("date_created"):
            return item
        blank = {
            "id": item.get("id") or self.store.next_id("post"),
            **DATES,
            "src": "",
            "name": "",
            "alt": "",
        }
        self.store.stamp(blank, "created", "modified")
        return {**blank, **{name: value for name, value in item.items() if name != "id"}}

    def finish(self, record, before):
        if not record["slug"]:
            record["slug"] = slugify(record["name"])
            if self.rows.first("slug", record["slug"]) is not None:
                record["slug"] += f"-{record['id']}"
        record["permalink"] = f"{self.settings.site_url}/product/{record['slug']}/"
        if record["type"] == "variable":
            self._from_variations(record)
        else:
            super().finish(record, before)
        shown = record["price"] or "0.00"
        record["price_html"] = (
            f'<span class="woocommerce-Price-amount amount">{shown} {self.settings.currency}</span>'
        )

    def _from_variations(self, record):
        variations = self.store.variations.records("parent", record["id"])
        variations.sort(key=lambda item: (item["menu_order"], item["id"]))
        record["variations"] = [item["id"] for item in variations]
        prices = [dec(item["price"]) for item in variations if item["price"]]
        record["regular_price"] = record["sale_price"] = ""
        record["on_sale"] = any(item["on_sale"] for item in variations)
        record["price"] = fmt(min(prices)) if prices else ""
        record["purchasable"] = bool(prices)
        in_stock = any(item["stock_status"] == "instock" for item in variations)
        record["stock_status"] = "instock" if in_stock or not variations else "outofstock"

    def removed(self, record):
        super().removed(record)
        for key in self.store.variations.find("parent", record["id"]):
            self.store.variations.delete(key)

    def refresh(self, key):
        """A variation changed: so did its product."""
        record = self.rows.get(key)
        if record:
            self.finish(record, record)
            self.store.stamp(record, "modified")
            self.store.save(self.name, record, event="updated")


class Variations(Sellable):
    name = "variations"
    label = "Product variation"
    not_found = ("woocommerce_rest_product_variation_invalid_id", "Invalid ID.")
    exists_code = "woocommerce_rest_product_variation_exists"
    fields = {
        **STOCK_FIELDS,
        "attributes": list_of(object_of(id=integer, name=string, option=string)),
        "image": or_null(image),
    }
    spec = Spec(tests=FILTERS, statuses=("any", *STATUSES), search=("sku", "description"))

    def build(self, values, parent):
        self.check_sku(values.get("sku"), None)
        product = self.app.resources["products"].locate(parent).record()
        names = {"name": "", "type": "variation", "parent_id": parent}
        record = {**self.blank(), **names, "image": None, "attributes": []}
        record["tax_class"] = product.get("tax_class", "")
        self.change(record, values, parent)
        return record

    def finish(self, record, before):
        super().finish(record, before)
        product = self.store.products.get(record["parent_id"]) or {}
        options = ", ".join(item.get("option", "") for item in record["attributes"])
        record["name"] = options
        record["permalink"] = f"{product.get('permalink', '')}?variation={record['id']}"

    def after_save(self, record, before):
        super().after_save(record, before)
        self.app.resources["products"].refresh(record["parent_id"])

    def delete(self, key, force, parent=None):
        row = super().delete(key, force, parent)
        self.app.resources["products"].refresh(row.parent)
        return row
