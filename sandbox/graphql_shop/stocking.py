"""Writing products, prices and stock: refusals name the field, and a mutation is carried out as a whole or not at all."""

from decimal import Decimal, InvalidOperation

from ..messages import ApiError
from .fulfilling import Refused, number_of
from .goods import LOCATIONS, STATUSES

WOO_STATUS = {"ACTIVE": "publish", "DRAFT": "draft", "ARCHIVED": "private", "UNLISTED": "private"}
DEFAULT = [("Title", "Default Title")]
assert set(WOO_STATUS.values()) <= set(STATUSES)


class Stocking:
    """Wants ``app``, ``store``, ``extra`` and the shapes of goods."""

    def do_product_set(self, input, identifier=None, synchronous=True):
        products = self.app.resources["products"]
        found = self._identified(identifier or {})
        title = (input.get("title") or "").strip()
        taken = self.store.products.first("slug", input["handle"]) if input.get("handle") else None
        if taken is not None and (found is None or taken != found["id"]):
            raise Refused(["input", "handle"], f"Handle '{input['handle']}' already in use", "HANDLE_NOT_UNIQUE")
        if not title and ("title" in input or found is None):
            raise Refused(["input", "title"], "Title can't be blank", "BLANK")
        variants = input.get("variants")
        self._check_variants(variants or (), input.get("productOptions"))
        values = {"name": title} if title else {}
        for name, field in (("handle", "slug"), ("descriptionHtml", "description")):
            if input.get(name) is not None:
                values[field] = input[name]
        if found is None and identifier and identifier.get("handle"):
            values.setdefault("slug", identifier["handle"])
        if input.get("status"):
            values["status"] = WOO_STATUS[input["status"]]
        if "files" in input:
            self.check_files(input["files"])
            values["images"] = self.images_of(input["files"], found)
        single = variants is not None and (len(variants) == 1 and self._options_of(variants[0]) == DEFAULT)
        if variants is not None:
            values["type"] = "simple" if single else "variable"
        if single:
            values |= self._variant_values(variants[0])
        elif variants is not None:
            options = {}
            for option in input.get("productOptions") or ():
                options[option["name"]] = [value["name"] for value in option.get("values") or ()]
            values["attributes"] = [
                {"name": name, "options": several, "visible": True, "variation": True} for name, several in options.items()]
            values |= {"sku": "", "regular_price": ""}
        row = products.create(values) if found is None else products.update(found["id"], values)
        more = self.extra.setdefault(row.id, {})
        more |= {name: input[name] for name in ("vendor", "productType", "tags") if input.get(name) is not None}
        if single:
            self.extra["barcode", row.id] = variants[0].get("barcode")
        elif variants is not None:
            self._set_variations(row.id, variants)
        record = products.update(row.id, {}).record() if not single and variants is not None else row.record()
        self.fetch_files(record)
        return {"product": self.product(record), "userErrors": []}

    def _identified(self, identifier):
        if identifier.get("id"):
            found = self.store.products.get(number_of(identifier["id"], "Product"))
            if found is None:
                raise Refused(["identifier", "id"], "Product does not exist", "PRODUCT_DOES_NOT_EXIST")
            return found
        if identifier.get("handle"):
            return self.store.products.get(self.store.products.first("slug", identifier["handle"]))
        return None

    @staticmethod
    def _options_of(variant):
        return [(item.get("optionName"), item.get("name")) for item in variant["optionValues"]]

    def _check_variants(self, variants, options):
        known = {
            (option["name"], value["name"]) for option in options or () for value in option.get("values") or ()}
        if variants and options is None:
            raise Refused(["input", "productOptions"], "Product options input is required when updating variants",
                          "PRODUCT_OPTIONS_INPUT_MISSING")  # fmt: skip
        for place, variant in enumerate(variants):
            field = ["input", "variants", str(place)]
            check_price(variant.get("price"), [*field, "price"])
            for option in self._options_of(variant):
                if option not in known:
                    raise Refused([*field, "optionValues"], f"Option value {option[1]} does not exist",
                                  "OPTION_VALUE_DOES_NOT_EXIST")  # fmt: skip

    @staticmethod
    def _variant_values(variant):
        item = variant.get("inventoryItem") or {}
        values = {"sku": variant.get("sku") or item.get("sku") or ""}
        if variant.get("price") is not None:
            values["regular_price"] = str(variant["price"])
        if item.get("tracked") is not None:
            values["manage_stock"] = item["tracked"]
        if variant.get("taxable") is not None:
            values["tax_status"] = "taxable" if variant["taxable"] else "none"
        weight = (item.get("measurement") or {}).get("weight")
        if weight:
            values["weight"] = str(weight["value"])
        return values

    def _set_variations(self, product, variants):
        """The list becomes what was sent: others go. Who is meant is told by the ID, else by the options."""
        variations, kept = self.app.resources["variations"], []
        by_options = {
            tuple((item["name"], item["option"]) for item in known["attributes"]): known["id"]
            for known in self.store.variations.records("parent", product)}
        for place, variant in enumerate(variants):
            values = self._variant_values(variant) | {"menu_order": place, "attributes": [
                {"name": name, "option": option} for name, option in self._options_of(variant)]}
            number = number_of(variant.get("id"), "ProductVariant") or by_options.get(tuple(self._options_of(variant)))
            if number in self.store.variations.rows:
                row = variations.update(number, values, product)
            else:
                row = variations.create(values, product)
            self.extra["barcode", row.id] = variant.get("barcode")
            kept.append(row.id)
        for number in self.store.variations.find("parent", product):
            if number not in kept:
                variations.delete(number, True, product)

    def do_product_delete(self, input):
        number = number_of(input["id"], "Product")
        try:
            self.app.resources["products"].delete(number, True)
        except ApiError:
            raise Refused(["id"], "Product does not exist") from None
        return {"deletedProductId": input["id"], "userErrors": []}

    def do_product_variants_bulk_update(self, productId, variants, allowPartialUpdates=False):
        product = self.store.products.get(number_of(productId, "Product"))
        if product is None:
            raise Refused(["productId"], "Product does not exist", "PRODUCT_DOES_NOT_EXIST")
        own = {item["id"]: item for item in self.variants_of(product)}
        for place, variant in enumerate(variants):
            if number_of(variant.get("id"), "ProductVariant") not in own:
                raise Refused(["variants", str(place), "id"], "Product variant does not exist",
                              "PRODUCT_VARIANT_DOES_NOT_EXIST")  # fmt: skip
            check_price(variant.get("price"), ["variants", str(place), "price"])
        changed = []
        for variant in variants:
            number = number_of(variant["id"], "ProductVariant")
            name = "products" if number == product["id"] else "variations"
            values = self._variant_values({"sku": own[number]["sku"], **variant})
            self.app.resources[name].update(number, values, None if name == "products" else product["id"])
            changed.append(self.variant_by_number(number))
        return {"product": self.product_by_number(product["id"]), "productVariants": changed, "userErrors": []}

    def do_inventory_set_quantities(self, input):
        """Absolute quantities. ``changeFromQuantity`` has to be there: a number that is compared, or null."""
        refused, todo = [], []
        for place, item in enumerate(input["quantities"]):
            field = ["input", "quantities", str(place)]
            number = number_of(item["inventoryItemId"], "InventoryItem")
            row = self.store.variations.rows.get(number) or self.store.products.rows.get(number)
            record = row.record() if row else None
            if record is None or not record["sku"]:
                refused += Refused([*field, "inventoryItemId"], "The specified inventory item could not be found.",
                                   "INVALID_INVENTORY_ITEM").errors  # fmt: skip
            elif item["locationId"] not in LOCATIONS:
                refused += Refused([*field, "locationId"], "The specified location could not be found.",
                                   "INVALID_LOCATION").errors  # fmt: skip
            elif "changeFromQuantity" not in item:
                refused += Refused([*field, "changeFromQuantity"], "The changeFromQuantity argument is required.").errors
            elif item["changeFromQuantity"] not in (None, self.available(record, item["locationId"])):
                refused += Refused([*field, "changeFromQuantity"], "The changeFromQuantity value does not match the "
                                   "persisted quantity.", "CHANGE_FROM_QUANTITY_STALE").errors  # fmt: skip
            else:
                todo.append((record, item))
        if refused:
            raise Refusals(refused)
        changes = []
        for record, item in todo:
            before = self.available(record, item["locationId"])
            self.app.stock.set({
                "sku": record["sku"], "warehouse": LOCATIONS[item["locationId"]], "quantity": item["quantity"]})
            changes.append({
                "name": input["name"], "delta": item["quantity"] - before, "quantityAfterChange": item["quantity"],
                "item": lambda _info, record=record: self.inventory_item(
                    self.store.products.get(record.get("parent_id")) or record, record),
                "location": self.location(item["locationId"])})  # fmt: skip
        group = {
            "createdAt": self.now(), "reason": input["reason"], "changes": lambda _info, inventoryItemIds=None: changes}
        return {"inventoryAdjustmentGroup": group, "userErrors": []}


class Refusals(Refused):
    """Several refusals of one mutation."""

    def __init__(self, errors):
        Exception.__init__(self, "refused")
        self.errors = errors


def check_price(price, field):
    try:
        wrong = price is not None and Decimal(str(price)) < 0
    except InvalidOperation:
        wrong = True
    if wrong:
        raise Refused(field, "Price must be greater than or equal to 0", "INVALID_PRICE")
