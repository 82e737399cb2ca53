"""Products, variants and stock of the shop in the shapes of the GraphQL API."""

from ..settings import WAREHOUSES
from .connections import inner, some
from .orders import gid, moment

STATUSES = {"publish": "ACTIVE", "draft": "DRAFT", "pending": "DRAFT", "private": "ARCHIVED", "trash": "ARCHIVED"}
LOCATIONS = {gid("Location", number): name for number, name in enumerate(WAREHOUSES, 1)}


class GoodShapes:
    """Shows products of the store. A simple product has one variant with the same number.

    Wants ``store``, ``app`` and ``extra`` (what the shop itself has no field for, by product).
    """

    def product_by_number(self, number):
        row = self.store.products.rows.get(number)
        return self.product(row.record()) if row and row.status != "trash" else None

    def variant_by_number(self, number):
        row = self.store.variations.rows.get(number)
        if row:
            return self.variant(self.store.products.get(row.parent), row.record())
        row = self.store.products.rows.get(number)
        return self.variant(row.record(), row.record()) if row and row.record()["type"] != "variable" else None

    def variants_of(self, product):
        if product["type"] != "variable":
            return [product]
        found = self.store.variations.records("parent", product["id"])
        return sorted(found, key=lambda item: (item["menu_order"], item["id"]))

    def all_variants(self):
        for row in self.store.products.ordered("id"):
            if row.status != "trash":
                product = row.record()
                for variant in self.variants_of(product):
                    yield product, variant

    @staticmethod
    def chosen(product, variant):
        """The options of a variant; a simple product has the one that every shop shows for it."""
        if product is variant or product["id"] == variant["id"]:
            return [{"name": "Title", "value": "Default Title"}]
        return [{"name": item["name"], "value": item["option"]} for item in variant["attributes"]]

    def variant(self, product, record):
        number = record["id"]
        on_sale = record["on_sale"] and record["regular_price"]
        chosen = self.chosen(product, record)
        return {
            "id": gid("ProductVariant", number), "title": " / ".join(item["value"] for item in chosen),
            "sku": record["sku"] or None, "barcode": self.extra.get(("barcode", number)),
            "price": record["price"] or "0.00", "compareAtPrice": record["regular_price"] if on_sale else None,
            "position": max(record["menu_order"], 0) + 1, "taxable": record["tax_status"] == "taxable",
            "inventoryQuantity": record["stock_quantity"], "createdAt": moment(record["date_created_gmt"]),
            "updatedAt": moment(record["date_modified_gmt"]), "selectedOptions": chosen,
            "inventoryItem": lambda _info: self.inventory_item(product, record),
            "product": lambda _info: self.product(product),
        }  # fmt: skip

    def product(self, record):
        number, more = record["id"], self.extra.get(record["id"], {})
        variants = self.variants_of(record)
        options = [
            (item["name"], item["options"]) for item in record["attributes"] if item.get("variation")
        ] if record["type"] == "variable" else [("Title", ["Default Title"])]  # fmt: skip
        return {
            "id": gid("Product", number), "title": record["name"], "handle": record["slug"],
            "descriptionHtml": record["description"], "vendor": more.get("vendor", ""),
            "productType": more.get("productType", ""), "status": STATUSES.get(record["status"], "DRAFT"),
            "tags": more.get("tags", []), "createdAt": moment(record["date_created_gmt"]),
            "updatedAt": moment(record["date_modified_gmt"]),
            "totalInventory": sum(item["stock_quantity"] or 0 for item in variants),
            "options": some([
                {"id": gid("ProductOption", f"{number}{place}"), "name": name, "position": place, "values": values,
                 "optionValues": [{"id": gid("ProductOptionValue", f"{number}{place}{one}"), "name": value}
                                  for one, value in enumerate(values)]}
                for place, (name, values) in enumerate(options, 1)]),
            "variants": inner([self.variant(record, item) for item in variants]),
            "media": inner([
                {"id": gid("MediaImage", image["id"]), "alt": image["alt"], "mediaContentType": "IMAGE",
                 **self.medium(image)}
                for image in record["images"]]),
        }  # fmt: skip

    def inventory_item(self, product, record):
        levels = [self.level(record, location) for location in LOCATIONS]
        return {
            "id": gid("InventoryItem", record["id"]), "sku": record["sku"] or None, "tracked": bool(record["manage_stock"]),
            "createdAt": moment(record["date_created_gmt"]), "updatedAt": moment(record["date_modified_gmt"]),
            "variant": lambda _info: self.variant(product, record), "inventoryLevels": inner(levels),
            "inventoryLevel": lambda _info, locationId: (
                self.level(record, locationId) if locationId in LOCATIONS else None),
        }  # fmt: skip

    def level(self, record, location):
        return {
            "id": gid("InventoryLevel", f"{record['id']}?inventory_item_id={record['id']}"),
            "location": self.location(location),
            "quantities": lambda _info, names: [
                {"name": name, "quantity": self.available(record, location)} for name in names],
        }  # fmt: skip

    def available(self, record, location):
        key = self.store.stock.first("place", (record["sku"] or "").lower(), LOCATIONS[location])
        return self.store.stock.get(key)["quantity"] if key is not None else 0

    @staticmethod
    def location(key):
        return {"id": key, "name": LOCATIONS[key].capitalize(), "isActive": True}
