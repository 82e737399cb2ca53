"""Deliveries with a warehouse that has an address, and the carrier of the sandbox behind the shipping blueprint."""

from base64 import b64encode

from .common import FlowCase
from .replay import ReplayCase


class DeliveryTools:
    """Deliveries of a warehouse by a carrier, and the entries of their Action menu. Wants ``env``, ``flows``, ``warehouse``,
    ``carriers`` (by name), ``goods``."""

    someone = {"name": "Anna Peeters", "street": "Veldstraat 1", "city": "Gent", "zip": "9000"}
    service = "Economy"

    @classmethod
    def customer(cls, **vals):
        return cls.env["res.partner"].create({"country_id": cls.env.ref("base.be").id, **cls.someone, **vals})

    @classmethod
    def delivery(cls, partner=None, service="", quantity=1):
        """A delivery, by no carrier where ``service`` is None."""
        kind, customers = cls.warehouse.out_type_id, cls.env.ref("stock.stock_location_customers")
        picking = cls.env["stock.picking"].create({
            "picking_type_id": kind.id, "partner_id": (partner or cls.customer()).id,
            "location_id": kind.default_location_src_id.id, "location_dest_id": customers.id,
            "carrier_id": service is not None and cls.carriers[service or cls.service].id,
            "move_ids": [(0, 0, {
                "product_id": cls.goods.id, "product_uom_qty": quantity,
                "location_id": kind.default_location_src_id.id, "location_dest_id": customers.id})]})
        picking.shipping_weight = cls.goods.weight * quantity
        return picking

    def ask(self, code, records):
        """Press the entry in the Action menu; returns the kind and the text of what is shown."""
        result = self.press(lambda: self.flows[code].request_action_id.with_context(
            active_model=records._name, active_ids=records.ids, active_id=records[:1].id).run())
        return result["params"]["type"], result["params"]["message"]

    def must(self, code, records):
        kind, text = self.ask(code, records)
        sync = self.sync_of(code, records[:1])
        self.assertEqual(kind, "success", f"{text}\n{sync.error_message}\n{sync.error_detail}")

    def sync_of(self, code, record):
        return self.env["integration.sync"].search([("flow_id", "=", self.flows[code].id), ("res_id", "=", record.id)])

    def labels(self, picking):
        return self.env["ir.attachment"].search([
            ("res_model", "=", "stock.picking"), ("res_id", "=", picking.id)], order="name")


class ShippingCase(DeliveryTools, FlowCase):
    blueprint = "shipping"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        ReplayCase.require_apps.__func__(cls)
        key = b64encode(f"{cls.shop.api_key}:".encode()).decode()
        cls.flows = cls.env["integration.blueprint"]._apply_file(cls.blueprint, connection_vals={
            "shipping": {"base_url": f"{cls.shop.url}/v2", "auth_secret_input": f"Basic {key}"}})
        cls.connection = next(iter(cls.flows.values())).connection_id
        for flow in cls.flows.values():
            flow.retry_jitter = 0
            flow.action_test_mode()
        cls.warehouse = cls.env["stock.warehouse"].search([("company_id", "=", cls.env.company.id)], limit=1)
        cls.warehouse.partner_id = cls.customer(name="Warehouse", street="Dok Noord 7", city="Gent")
        cls.carriers = {}
        service = cls.env["product.product"].create({"name": "Shipping", "type": "service"})
        services = cls.env["integration.value.map"].search([("code", "=", "shipping_services")])
        for name in ("Economy", "Express", "Local"):
            carrier = cls.env["delivery.carrier"].create({"name": name, "product_id": service.id})
            cls.carriers[name] = carrier
            services.write({"line_ids": [(0, 0, {"external_value": name, "res_id": carrier.id})]})
        cls.goods = cls.env["product.product"].create({"name": "Box", "type": "consu", "weight": 2.0})

    def carrier_state(self):
        return self.shop.control("GET", "carrier")

    def shipments(self, picking=None):
        return [one for one in self.carrier_state()["shipments"] if picking is None or one["reference"] == picking.name]
