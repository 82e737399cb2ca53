"""Deliveries whose delivery methods are carried out by the flows of the shipping blueprint."""

from odoo.exceptions import UserError

from odoo.addons.integration_flow.engine import asking
from odoo.addons.integration_flow.tests.shipping_common import ShippingCase


class DeliveryCase(ShippingCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for carrier in cls.carriers.values():
            carrier.write({
                "delivery_type": "integration", "integration_connection_id": cls.connection.id,
                "integration_label_flow_id": cls.flows["shipping_label"].id})
            carrier._fill_in_flows()
        cls.goods.is_storable = False

    def setUp(self):
        super().setUp()
        asking.forget()
        self.shop.settings(currency=self.env.company.currency_id.name)
        self.connection._close_circuit()

    def ready(self, picking):
        """All goods are picked."""
        picking.action_confirm()
        picking.move_ids.write({"quantity": 1, "picked": True})
        return picking

    def validate(self, picking):
        result = self.press(picking.button_validate)
        self.assertEqual((result, picking.state), (True, "done"))

    def problem(self, call):
        """The text of the error that a button shows. What was done before it stays, as with a request of its own."""
        try:
            self.press(call)
        except UserError as error:
            self.env.invalidate_all()
            return str(error)
        raise AssertionError("no error was shown")
