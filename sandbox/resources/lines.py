"""The lines of an order as clients send them: add, change by id, remove (no product or a quantity of 0)."""

from ..messages import ApiError
from ..money import dec, fmt


def display(meta):
    return {
        **meta,
        "display_key": meta["key"].removeprefix("pa_").capitalize(),
        "display_value": meta["value"],
    }


class Lines:
    """Applies the four kinds of lines to one order record."""

    def __init__(self, store, record):
        self.store = store
        self.record = record

    def _apply(self, kind, items, blank_name, make):
        lines = self.record[kind]
        for item in items:
            meta = item.pop("meta_data", None)
            if item.get("id"):
                line = next((line for line in lines if line["id"] == item["id"]), None)
                if line is None:
                    message = "Order item ID provided is not associated with order."
                    raise ApiError(400, "woocommerce_rest_invalid_item_id", message)
                if (blank_name in item and item[blank_name] is None) or item.get("quantity") == 0:
                    lines.remove(line)
                    continue
                old = dict(line)
                line.update({name: value for name, value in item.items() if value is not None})
            else:
                line, old = make(item), None
                line["id"] = self.store.next_id("item")
                lines.append(line)
            if meta is not None:
                line["meta_data"] = [display({"id": self.store.next_id("meta"), **entry}) for entry in meta]
            if kind == "line_items":
                self._amounts(line, item, old)

    def line_items(self, items):
        self._apply("line_items", items, "product_id", self._product_line)

    def shipping_lines(self, items):
        self._apply("shipping_lines", items, "method_id", self._shipping_line)

    def fee_lines(self, items):
        self._apply("fee_lines", items, "name", self._fee_line)

    def coupon_lines(self, items):
        """Coupons are replaced as a whole, as in the real shop."""
        self.record["coupon_lines"] = []
        for line in self.record["line_items"]:
            line["total"] = line["subtotal"]
        self._apply("coupon_lines", items, "code", self._coupon_line)

    # New lines

    def _product_line(self, item):
        product, variation = self._product(item)
        sold = variation or product or {}
        name = item.get("name") or (product or {}).get("name")
        if not name:
            message = "Product ID or SKU is required."
            raise ApiError(400, "woocommerce_rest_required_product_reference", message)
        if variation and not item.get("name"):
            name = f"{name} - {variation['name']}"
        quantity = item.get("quantity", 1)
        line = {
            "id": 0, "name": name, "product_id": (product or {}).get("id", 0),
            "variation_id": (variation or {}).get("id", 0), "quantity": quantity,
            "tax_class": item.get("tax_class", sold.get("tax_class", "")), "subtotal": "",
            "subtotal_tax": "0.00",
            "total": "", "total_tax": "0.00", "taxes": [], "meta_data": [], "sku": sold.get("sku") or "",
            "price": 0,
            "image": {"id": "", "src": ""}, "parent_name": product["name"] if variation else None,
        }  # fmt: skip
        for attribute in (variation or {}).get("attributes", ()):
            key = f"pa_{attribute['name'].lower()}"
            entry = {"id": self.store.next_id("meta"), "key": key, "value": attribute["option"]}
            line["meta_data"].append(display(entry))
        for picture in [sold.get("image"), *(product or {}).get("images", [])]:
            if picture:
                line["image"] = {"id": str(picture["id"]), "src": picture["src"]}
                break
        line["_unit"] = sold.get("price") or "0"
        return line

    def _product(self, item):
        """Product and variation of a line, by id or by SKU; a line of free text has neither."""
        products, variations = self.store.products, self.store.variations
        if item.get("variation_id"):
            variation = variations.get(item["variation_id"])
            if variation is None or item.get("product_id", variation["parent_id"]) != variation["parent_id"]:
                raise ApiError(400, "woocommerce_rest_invalid_product_id", "Product ID is invalid.")
            return products.get(variation["parent_id"]), variation
        if item.get("product_id"):
            product = products.get(item["product_id"])
            if product is None:
                raise ApiError(400, "woocommerce_rest_invalid_product_id", "Product ID is invalid.")
            return product, None
        if item.get("sku"):
            key = variations.first("sku", item["sku"].lower())
            if key is not None:
                variation = variations.get(key)
                return products.get(variation["parent_id"]), variation
            key = products.first("sku", item["sku"].lower())
            if key is None:
                message = f"Invalid SKU: {item['sku']}"
                raise ApiError(400, "woocommerce_rest_invalid_product_id", message)
            return products.get(key), None
        return None, None

    def _amounts(self, line, item, old):
        """Subtotal and total: what was sent, else the price times the quantity."""
        unit = line.pop("_unit", None)
        if unit is None:
            unit = fmt(dec(old["subtotal"]) / old["quantity"]) if old["quantity"] else "0"
            repriced = old["quantity"] != line["quantity"]
        else:
            repriced = True
        computed = fmt(dec(unit) * line["quantity"])
        line.update({name: item[name] for name in ("subtotal", "total") if item.get(name)})
        if repriced and "subtotal" not in item:
            line["subtotal"] = item.get("total") or computed
        if repriced and not item.get("total"):
            line["total"] = line["subtotal"]
        if repriced and self.record["prices_include_tax"] and "total" not in item and "subtotal" not in item:
            line["_gross"] = computed

    def _shipping_line(self, item):
        if not item.get("method_id"):
            message = "Shipping method ID is required."
            raise ApiError(400, "woocommerce_rest_invalid_shipping_item", message)
        return {
            "id": 0, "method_title": item.get("method_title", ""), "method_id": item["method_id"],
            "instance_id": "1", "total": item.get("total", "0"), "total_tax": "0.00", "taxes": [],
            "tax_status": "taxable", "meta_data": [],
        }  # fmt: skip

    def _fee_line(self, item):
        if not item.get("name"):
            raise ApiError(400, "woocommerce_rest_invalid_fee_item", "Fee name is required.")
        return {
            "id": 0, "name": item["name"], "tax_class": item.get("tax_class", ""),
            "tax_status": item.get("tax_status", "taxable"), "amount": item.get("total", "0"),
            "total": item.get("total", "0"), "total_tax": "0.00", "taxes": [], "meta_data": [],
        }  # fmt: skip

    def _coupon_line(self, item):
        if not item.get("code"):
            raise ApiError(400, "woocommerce_rest_invalid_coupon", "Coupon code is required.")
        return {"id": 0, "code": item["code"], "discount": "0.00", "discount_tax": "0.00", "meta_data": []}
