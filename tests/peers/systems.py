"""Systems that others have written, prepared for the tests by their own public APIs: a Medusa shop and a karrio."""

import json
import urllib.error
import urllib.request
from base64 import b64encode

MAIL = "admin@example.com"
COUNTRIES = ("be", "nl", "fr")
ADDRESS = {
    "first_name": "Ada", "last_name": "Test", "address_1": "Rue Neuve 10", "city": "Bruxelles", "postal_code": "1000",
    "country_code": "be", "phone": "+3225551234"}


class Refused(Exception):
    """The system answered with an error: ``status`` and ``answer``."""

    def __init__(self, call, status, answer):
        super().__init__(f"{call}: {status} {str(answer)[:800]}")
        self.status, self.answer = status, answer


class Api:
    """JSON over HTTP. ``headers`` go with each call."""

    def __init__(self, url, **headers):
        self.url = url
        self.headers = {"Content-Type": "application/json", **headers}

    def __call__(self, method, path, body=None, **headers):
        """The decoded answer. Raises :class:`Refused`."""
        call = urllib.request.Request(
            f"{self.url}/{path}", None if body is None else json.dumps(body).encode(),
            {**self.headers, **headers}, method=method)
        try:
            with urllib.request.urlopen(call, timeout=60) as answer:
                return _decoded(answer.read())
        except urllib.error.HTTPError as error:
            raise Refused(f"{method} {path}", error.code, _decoded(error.read())) from None

    def get(self, path):
        return self("GET", path)

    def post(self, path, body=None, **headers):
        return self("POST", path, body or {}, **headers)


def _decoded(raw):
    try:
        return json.loads(raw or b"null")
    except ValueError:
        return raw


class MedusaShop:
    """A Medusa shop that sells: region with taxes, stock location, one shipping option.

    ``admin`` is its admin API as a key of it may use it, ``secret`` what a connection sends as ``Authorization``.
    """

    def __init__(self, url, password):
        self.url = url
        token = Api(url).post("auth/user/emailpass", {"email": MAIL, "password": password})["token"]
        self.owner = Api(url, Authorization=f"Bearer {token}")
        self.secret, self.key_id = self.new_key("Odoo")
        self.admin = Api(url, Authorization=self.secret)
        self.channel = self.admin.get("admin/sales-channels")["sales_channels"][0]["id"]
        self._sell()

    def new_key(self, title):
        """A secret key as ``Authorization``, and its ID."""
        key = self.owner.post("admin/api-keys", {"title": title, "type": "secret"})["api_key"]
        return "Basic " + b64encode(f"{key['token']}:".encode()).decode(), key["id"]

    def revoke(self, key_id):
        self.owner.post(f"admin/api-keys/{key_id}/revoke", {"revoke_in": 0})

    def _sell(self):
        admin = self.admin
        store = admin.get("admin/stores")["stores"][0]["id"]
        admin.post(f"admin/stores/{store}", {"supported_currencies": [{"currency_code": "eur", "is_default": True}]})
        self.region = admin.post("admin/regions", {
            "name": "Benelux and France", "currency_code": "eur", "countries": list(COUNTRIES),
            "payment_providers": ["pp_system_default"]})["region"]["id"]
        for country in COUNTRIES:
            admin.post("admin/tax-regions", {
                "country_code": country, "provider_id": "tp_system",
                "default_tax_rate": {"name": "VAT", "code": "vat", "rate": 21}})
        self.location = admin.post("admin/stock-locations", {
            "name": "Warehouse", "address": {"address_1": "Keizersgracht 1", "city": "Amsterdam", "country_code": "nl"},
        })["stock_location"]["id"]
        place = f"admin/stock-locations/{self.location}"
        admin.post(f"{place}/sales-channels", {"add": [self.channel]})
        admin.post(f"{place}/fulfillment-providers", {"add": ["manual_manual"]})
        sets = admin.post(f"{place}/fulfillment-sets?fields=*fulfillment_sets", {
            "name": "Delivery", "type": "shipping"})["stock_location"]["fulfillment_sets"]
        zones = admin.post(f"admin/fulfillment-sets/{sets[0]['id']}/service-zones", {
            "name": "Near", "geo_zones": [{"type": "country", "country_code": country} for country in COUNTRIES],
        })["fulfillment_set"]["service_zones"]
        self.profile = admin.post(
            "admin/shipping-profiles", {"name": "Parcels", "type": "default"})["shipping_profile"]["id"]
        admin.post("admin/shipping-options", {
            "name": "Standard", "price_type": "flat", "provider_id": "manual_manual", "service_zone_id": zones[0]["id"],
            "shipping_profile_id": self.profile, "prices": [{"currency_code": "eur", "amount": 5}],
            "type": {"label": "Standard", "description": "Two days", "code": "standard"},
            "rules": [{"attribute": "enabled_in_store", "operator": "eq", "value": "true"},
                      {"attribute": "is_return", "operator": "eq", "value": "false"}]})
        key = admin.post("admin/api-keys", {"title": "Shop window", "type": "publishable"})["api_key"]
        admin.post(f"admin/api-keys/{key['id']}/sales-channels", {"add": [self.channel]})
        self.window = Api(self.url, **{"x-publishable-api-key": key["token"]})

    # -- what people do there ------------------------------------------------------------------------------

    def product(self, sku, price=19.99, stock=40):
        """A product with one variant of this SKU; returns the variant."""
        variant = self.admin.post("admin/products", {
            "title": f"Product {sku}", "status": "published", "shipping_profile_id": self.profile,
            "sales_channels": [{"id": self.channel}], "options": [{"title": "Size", "values": ["S"]}],
            "variants": [{"title": "S", "sku": sku, "manage_inventory": True, "options": {"Size": "S"},
                          "prices": [{"currency_code": "eur", "amount": price}]}]})["product"]["variants"][0]
        item = self.inventory_item(sku)
        self.admin.post(f"admin/inventory-items/{item}/location-levels", {
            "location_id": self.location, "stocked_quantity": stock})
        return variant

    def inventory_item(self, sku):
        return self.admin.get(f"admin/inventory-items?sku={sku}")["inventory_items"][0]["id"]

    def stock(self, sku):
        levels = self.admin.get(f"admin/inventory-items/{self.inventory_item(sku)}/location-levels")
        return levels["inventory_levels"][0]["stocked_quantity"]

    def buy(self, variant_id, quantity=3, email="ada@example.com", address=ADDRESS):
        """A customer orders; returns the order's ID."""
        window = self.window
        cart = window.post("store/carts", {
            "region_id": self.region, "sales_channel_id": self.channel, "email": email, "shipping_address": address,
            "billing_address": address})["cart"]["id"]
        window.post(f"store/carts/{cart}/line-items", {"variant_id": variant_id, "quantity": quantity})
        option = window.get(f"store/shipping-options?cart_id={cart}")["shipping_options"][0]["id"]
        window.post(f"store/carts/{cart}/shipping-methods", {"option_id": option})
        payment = window.post("store/payment-collections", {"cart_id": cart})["payment_collection"]["id"]
        window.post(f"store/payment-collections/{payment}/payment-sessions", {"provider_id": "pp_system_default"})
        return window.post(f"store/carts/{cart}/complete")["order"]["id"]

    def order(self, order_id):
        return self.admin.get(
            f"admin/orders/{order_id}?fields=*items,*items.detail,*fulfillments,*fulfillments.labels,"
            "*fulfillments.items,*payment_collections.payments,%2Btotal")["order"]

    def pay(self, order_id, amount=None):
        """Capture the payment of an order, or a part of it; returns its ID."""
        payment = self.order(order_id)["payment_collections"][0]["payments"][0]["id"]
        self.admin.post(f"admin/payments/{payment}/capture", amount and {"amount": amount})
        return payment


class Karrio:
    """A karrio with its generic carrier: two services to the Benelux and the neighbours.

    ``secret`` is what a connection sends as ``Authorization``.
    """

    def __init__(self, url, password):
        self.url = url
        token = Api(url).post("api/token", {"email": MAIL, "password": password})["access"]
        self.owner = Api(url, Authorization=f"Bearer {token}")
        self.secret = f"Token {self._ask('{token{key}}')['token']['key']}"
        self.api = Api(url, Authorization=self.secret)
        if not self.api.get("v1/connections")["results"]:
            self._offer()

    def _ask(self, query, **variables):
        answer = self.owner.post("graphql", {"query": query, "variables": variables})
        if answer.get("errors"):
            raise Refused("graphql", 200, answer)
        return answer["data"]

    def _offer(self):
        carrier = self.api.post("v1/connections", {
            "carrier_name": "generic", "carrier_id": "test_carrier", "active": True, "credentials": {
                "display_name": "Test Express", "custom_carrier_name": "test_express", "account_country_code": "NL"}})["id"]
        zones = [{"id": "near", "label": "Near", "country_codes": ["NL", "BE", "LU"]},
                 {"id": "far", "label": "Far", "country_codes": ["DE", "FR"]}]

        def service(name, days, most):
            return {"service_name": name, "service_code": name.lower().replace(" ", "_"), "currency": "EUR",
                    "transit_days": days, "max_weight": most, "weight_unit": "KG", "domicile": True,
                    "international": True, "zone_ids": ["near", "far"]}

        prices = {("temp-0", "near"): 5.95, ("temp-0", "far"): 11.5, ("temp-1", "near"): 9.95, ("temp-1", "far"): 24.0}
        self._ask(
            "mutation($input:CreateRateSheetMutationInput!){create_rate_sheet(input:$input){rate_sheet{id} "
            "errors{field messages}}}", input={
                "name": "Prices", "carrier_name": "generic", "carriers": [carrier], "zones": zones,
                "services": [service("Test Standard", 2, 30), service("Test Express", 1, 10)],
                "service_rates": [{"service_id": kind, "zone_id": zone, "rate": price}
                                  for (kind, zone), price in prices.items()]})

    def shipments(self, reference=None):
        return [one for one in self.api.get("v1/shipments?limit=100")["results"]
                if reference is None or one["metadata"].get("odoo_ref") == reference]

    def mark(self, shipment_id, status):
        """Somebody at the hub says how far a parcel is, whose carrier has no tracking."""
        answer = self._ask(
            "mutation($input:ChangeShipmentStatusMutationInput!){change_shipment_status(input:$input){shipment{status} "
            "errors{field messages}}}", input={"id": shipment_id, "status": status})["change_shipment_status"]
        if answer["errors"]:
            raise Refused("change_shipment_status", 200, answer)

    def subscribe(self, address, events):
        """A webhook of the hub; its ``secret`` is what the hub sends along as X-Event-Id."""
        return self.api.post("v1/webhooks", {"url": address, "enabled_events": events})
