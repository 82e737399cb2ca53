"""An integration as a delivery method of Odoo: ship on validation, track, cancel, return."""

from odoo.exceptions import ValidationError
from odoo.tests import new_test_user, tagged

from .common import DeliveryCase


@tagged("post_install", "-at_install")
class TestCarrier(DeliveryCase):
    def test_choosing_the_connection_fills_in_the_flows(self):
        carrier = self.carriers["Economy"]
        self.assertEqual(
            {name: carrier[f"integration_{name}_flow_id"] for name in ("rate", "label", "cancel", "return")},
            {"rate": self.flows["shipping_quote"], "label": self.flows["shipping_label"],
             "cancel": self.flows["shipping_cancel"], "return": self.flows["shipping_return"]})
        self.assertTrue(carrier.can_generate_return)
        with self.assertRaises(ValidationError):
            carrier.integration_label_flow_id = False

    def test_the_label_is_made_behind_the_validation(self):
        clerk = new_test_user(self.env, "validating_clerk", groups="stock.group_stock_user")
        picking = self.ready(self.delivery())
        self.carriers["Economy"].write({"margin": 0.5, "fixed_margin": 1})
        self.validate(picking.with_user(clerk))
        self.assertFalse(picking.carrier_tracking_ref, "nobody has waited for the carrier")
        self.assertFalse(self.shipments(picking))
        self.work()
        shipment, = self.shipments(picking)
        self.assertEqual(picking.carrier_tracking_ref, shipment["tracking_code"])
        self.assertEqual(picking.integration_shipping_status, "pre_transit")
        self.assertAlmostEqual(
            picking.carrier_price, float(shipment["selected_rate"]["rate"]) * 1.5 + 1, 2, "with the margins of the method")
        self.assertEqual(picking.carrier_tracking_url, shipment["tracker"]["public_url"])
        self.assertEqual(picking.open_website_url()["url"], shipment["tracker"]["public_url"])
        self.assertTrue(picking.message_ids.filtered(lambda message: shipment["tracking_code"] in (message.body or "")))
        self.work()
        self.assertEqual((len(self.shipments(picking)), len(self.labels(picking))), (1, 2))

    def test_a_validation_that_rolls_back_makes_no_label(self):
        picking = self.ready(self.delivery())
        with self.assertRaises(ZeroDivisionError), self.env.cr.savepoint():
            picking.button_validate()
            raise ZeroDivisionError
        self.work()
        self.assertNotEqual(picking.state, "done")
        self.assertFalse(self.carrier_state()["shipments"])

    def test_a_carrier_that_is_down_stops_no_delivery(self):
        picking = self.ready(self.delivery())
        self.shop.fault("server_error", path="/v2/shipments", times=1)
        self.validate(picking)
        self.work()
        sync = self.sync_of("shipping_label", picking)
        self.assertEqual((sync.state, picking.carrier_tracking_ref), ("waiting", False))
        self.assertTrue(sync.error_message)
        self.make_due(self.flows["shipping_label"])
        self.work()
        self.assertTrue(picking.carrier_tracking_ref, "tried again by itself")

    def test_a_paused_connection_stops_no_delivery(self):
        """It pauses by itself when its credentials are refused: the label waits, the goods do not."""
        picking = self.ready(self.delivery())
        self.connection.sudo().paused = True
        self.validate(picking)
        self.connection.paused = False
        self.work(self.connection)
        self.assertTrue(picking.carrier_tracking_ref)

    def test_a_delivery_that_the_flow_leaves_out_is_no_success(self):
        self.flows["shipping_label"].domain = "[('name', '=', 'another one')]"
        picking = self.ready(self.delivery())
        picking.carrier_id.integration_ship_policy = "before"
        self.assertIn("leaves it out", self.problem(picking.button_validate))
        self.assertNotEqual(picking.state, "done")
        self.assertIn("leaves it out", self.problem(picking.send_to_shipper))

    def test_a_lost_answer_makes_no_second_label(self):
        for path in ("/v2/shipments$", "/buy$", r"/files/.*pdf"):
            with self.subTest(path):
                picking = self.ready(self.delivery())
                self.shop.fault("cut_after", path=path)
                self.validate(picking)
                for _again in range(4):
                    self.work()
                    self.make_due(self.flows["shipping_label"])
                self.assertTrue(picking.carrier_tracking_ref)
                self.assertEqual((len(self.shipments(picking)), len(self.labels(picking))), (1, 2))
        self.assertEqual(self.shop.counts()["doubled"], {})

    def test_only_with_a_label(self):
        self.carriers["Economy"].integration_ship_policy = "before"
        picking = self.ready(self.delivery(self.customer(street="Veldstraat")))
        text = self.problem(picking.button_validate)
        self.assertIn("House number is missing", text)
        self.assertIn(picking.name, text)
        self.assertNotEqual(picking.state, "done")
        picking.partner_id.street = "Veldstraat 9"
        self.validate(picking)
        self.assertEqual(len(self.shipments(picking)), 1)
        self.assertTrue(picking.carrier_tracking_ref)
        self.work()
        self.assertEqual(len(self.shipments(picking)), 1)

    def test_the_button_shows_the_error_at_once(self):
        """By a user of Inventory who sees nothing of integrations."""
        clerk = new_test_user(self.env, "delivery_clerk", groups="stock.group_stock_user")
        flow = self.flows["shipping_label"]
        flow.action_pause()
        picking = self.ready(self.delivery(self.customer(street="Veldstraat")))
        self.validate(picking)
        told = picking.activity_ids.filtered(lambda activity: flow.name in (activity.note or ""))
        self.assertTrue(told, "somebody is told")
        flow.action_test_mode()
        text = self.problem(picking.with_user(clerk).send_to_shipper)
        self.assertIn("House number is missing", text)
        picking.partner_id.street = "Veldstraat 9"
        self.press(picking.with_user(clerk).send_to_shipper)
        self.assertTrue(picking.carrier_tracking_ref)

    def test_cancel(self):
        picking = self.ready(self.delivery())
        self.validate(picking)
        self.work()
        number = picking.carrier_tracking_ref
        self.press(picking.cancel_shipment)
        self.assertEqual([one["refund_status"] for one in self.shipments(picking)], ["submitted"])
        self.assertEqual((picking.carrier_tracking_ref, picking.integration_tracking_url), (False, False))
        self.press(picking.send_to_shipper)
        self.assertNotIn(picking.carrier_tracking_ref, (False, number))
        self.assertEqual(picking.integration_shipping_status, "pre_transit")
        self.shop.control("POST", "track", {"tracking_code": picking.carrier_tracking_ref, "status": "in_transit"})
        self.assertIn("on its way", self.problem(picking.cancel_shipment))
        self.assertTrue(picking.carrier_tracking_ref, "the label is still the delivery's")

    def test_only_parcels_of_this_system_are_asked_about(self):
        """With two carriers, each is asked about its own."""
        picking = self.ready(self.delivery())
        self.validate(picking)
        self.work()
        self.shop.control("POST", "track", {"tracking_code": picking.carrier_tracking_ref, "status": "delivered"})
        self.carriers["Economy"].integration_connection_id = self.make_connection(name="Another carrier", code="other")
        self.run_flow(self.flows["shipping_asked"])
        self.assertEqual(picking.integration_shipping_status, "pre_transit")
        self.carriers["Economy"].integration_connection_id = self.connection
        self.run_flow(self.flows["shipping_asked"])
        self.assertEqual(picking.integration_shipping_status, "delivered")
        picks = self.env["stock.picking"].search([("integration_shipping_status", "=", "delivered")])
        self.assertIn(picking, picks)

    def test_a_return_with_its_label(self):
        picking = self.ready(self.delivery())
        self.validate(picking)
        self.work()
        wizard = self.env["stock.return.picking"].with_context(
            active_id=picking.id, active_ids=picking.ids, active_model="stock.picking").create({"picking_id": picking.id})
        wizard.product_return_moves.quantity = 1
        back = wizard._create_return()
        self.assertEqual(back.carrier_id, picking.carrier_id)
        back.shipping_weight = 2
        self.press(back.print_return_label)
        shipment, = [one for one in self.shipments(back) if one["is_return"]]
        self.assertEqual(sorted(back.return_label_ids.mapped("name")), [
            f"Return label {shipment['tracking_code']}.pdf", f"Return label {shipment['tracking_code']}.zpl"])

    def test_the_return_label_comes_with_the_delivery(self):
        self.carriers["Economy"].return_label_on_delivery = True
        picking = self.ready(self.delivery())
        self.validate(picking)
        self.work()
        self.assertEqual(sorted(one["is_return"] for one in self.shipments(picking)), [False, True])
        self.assertEqual(len(picking.return_label_ids), 2)
