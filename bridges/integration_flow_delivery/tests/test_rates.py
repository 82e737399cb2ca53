"""What a quotation's shipment costs: asked while the user waits, and never longer than that."""

import time

from odoo.tests import new_test_user, tagged

from odoo.addons.integration_flow.engine import asking

from .common import DeliveryCase


@tagged("post_install", "-at_install")
class TestRates(DeliveryCase):
    def quotation(self, partner=None, quantity=1):
        return self.env["sale.order"].create({
            "partner_id": (partner or self.customer()).id, "warehouse_id": self.warehouse.id,
            "order_line": [(0, 0, {"product_id": self.goods.id, "product_uom_qty": quantity, "price_unit": 10})]})

    def rate(self, order, name="Economy", **context):
        return self.press(lambda: self.carriers[name].with_context(**context).rate_shipment(order))

    def asked(self):
        return len(self.shop.requests(method="POST", route="/v2/shipments"))

    def test_one_question_for_all_services(self):
        order = self.quotation()
        self.assertEqual(
            {name: self.rate(order, name)["carrier_price"] for name in self.carriers},
            {"Economy": 5.3, "Express": 11.7, "Local": 3.8})
        self.assertEqual(self.asked(), 1)
        heavier = self.rate(order, order_weight=4)
        self.assertEqual((heavier["price"], self.asked()), (6.1, 2), "another weight is another question")
        exchanges = self.env["integration.exchange"].search([("flow_id", "=", self.flows["shipping_quote"].id)])
        self.assertEqual(len(exchanges), 2)
        self.assertFalse(self.env["integration.link"].search([("connection_id", "=", self.connection.id)]))

    def test_more_than_a_package_holds_is_several_parcels(self):
        """The price is the sum of theirs, and equal parcels are one question."""
        carrier = self.carriers["Economy"]
        carrier.integration_package_type_id = self.env["stock.package.type"].create({"name": "Box", "max_weight": 15})
        self.assertAlmostEqual(self.rate(self.quotation(quantity=16))["price"], 2 * (4.5 + 15 * 0.4) + 4.5 + 2 * 0.4, 2)
        self.assertEqual(self.asked(), 2)
        self.assertAlmostEqual(self.rate(self.quotation(quantity=15))["price"], 2 * (4.5 + 15 * 0.4), 2)
        self.assertEqual(self.asked(), 2)

    def test_the_wizard_of_a_quotation(self):
        order = self.quotation()
        wizard = self.env["choose.delivery.carrier"].create({
            "order_id": order.id, "carrier_id": self.carriers["Express"].id, "total_weight": 2})
        self.press(wizard.update_price)
        wizard.button_confirm()
        line = order.order_line.filtered("is_delivery")
        self.assertEqual((line.price_unit, order.carrier_id), (11.7, self.carriers["Express"]))

    def test_a_salesperson_sees_nothing_of_integrations(self):
        seller = new_test_user(self.env, "rate_seller", groups="sales_team.group_sale_salesman_all_leads")
        order = self.quotation().with_user(seller)
        carrier = self.carriers["Local"].with_user(seller)
        self.assertEqual(self.press(lambda: carrier.rate_shipment(order))["price"], 3.8)
        self.assertNotIn("integration_rate_flow_id", carrier.fields_get())

    def test_what_is_wrong_with_the_order_is_said_at_once(self):
        cases = [
            (self.quotation(self.customer(zip=False)), "Economy", "Zip"),
            (self.quotation(self.customer(street="Veldstraat")), "Economy", "House number is missing"),
            (self.quotation(self.customer(country_id=self.env.ref("base.jp").id)), "Economy", "country"),
            (self.quotation(quantity=12), "Economy", "Express"),
        ]
        self.carriers["Economy"].write({"integration_fallback": True, "integration_usual_price": 7})
        for order, name, piece in cases:
            with self.subTest(piece):
                found = self.rate(order, name)
                self.assertFalse(found["success"])
                self.assertIn(piece.lower(), found["error_message"].lower())

    def test_a_carrier_that_does_not_answer(self):
        order, carrier = self.quotation(), self.carriers["Economy"]
        carrier.integration_rate_seconds = 1
        self.shop.fault("timeout_after", path="/v2/shipments", times=1, seconds=2)
        started = time.monotonic()
        found = self.rate(order)
        self.assertLess(time.monotonic() - started, 5)
        self.assertFalse(found["success"])
        self.assertTrue(found["error_message"])
        carrier.write({"integration_fallback": True, "integration_usual_price": 7})
        self.shop.fault("server_error", path="/v2/shipments", times=1)
        found = self.rate(order)
        self.assertEqual((found["success"], found["price"]), (True, 7.0))
        self.assertTrue(found["warning_message"])
        self.assertEqual(self.rate(order)["price"], 5.3, "a failure is not remembered")
        self.shop.wait_until(lambda: self.asked() == 3)  # the one that was not answered, too

    def test_a_system_in_trouble_is_not_asked(self):
        order = self.quotation()
        self.connection.paused = True
        self.assertFalse(self.rate(order)["success"])
        self.assertEqual(self.asked(), 0)
        self.connection.paused = False
        self.assertTrue(self.rate(order)["success"])

    def test_failures_count_for_the_connection(self):
        order = self.quotation()
        self.connection.circuit_threshold = 2
        self.shop.fault("server_error", path="/v2/shipments", times=5)
        for _again in range(2):
            self.rate(order)
        self.assertEqual(self.connection.circuit_state, "open")
        asked = self.asked()
        self.assertFalse(self.rate(order)["success"])
        self.assertEqual(self.asked(), asked, "left alone from then on")

    def test_an_answer_is_good_for_a_short_while(self):
        order = self.quotation()
        self.rate(order)
        self.patch(asking, "FRESH_SECONDS", -1.0)
        asking.forget()
        self.rate(order)
        self.rate(order)
        self.assertEqual(self.asked(), 3)

    def test_another_currency(self):
        other = self.env["res.currency"].with_context(active_test=False).search([
            ("id", "!=", self.env.company.currency_id.id), ("name", "in", ("CHF", "SEK"))], limit=1)
        other.write({"active": True, "rate_ids": [(5, 0), (0, 0, {"name": "2020-01-01", "rate": 2})]})
        self.shop.settings(currency=other.name)
        self.assertAlmostEqual(self.rate(self.quotation())["price"], 5.3 / 2, 2)
        picking = self.delivery()
        self.must("shipping_label", picking)
        self.assertAlmostEqual(picking.carrier_price, 5.3 / 2, 2)

    def test_an_order_in_another_currency(self):
        """Odoo writes what a carrier asks into the order as it is: it has to be in the order's own currency."""
        other = self.env["res.currency"].with_context(active_test=False).search([
            ("id", "!=", self.env.company.currency_id.id), ("name", "in", ("CHF", "SEK"))], limit=1)
        other.write({"active": True, "rate_ids": [(5, 0), (0, 0, {"name": "2020-01-01", "rate": 2})]})
        order = self.quotation()
        usual = self.rate(order)["price"]
        order.pricelist_id = self.env["product.pricelist"].create({"name": "Abroad", "currency_id": other.id})
        asking.forget()
        self.assertEqual(order.currency_id, other)
        self.assertAlmostEqual(self.rate(order)["price"], usual * 2, 2)

    def test_without_a_flow_the_usual_price(self):
        self.carriers["Local"].write({"integration_rate_flow_id": False, "integration_usual_price": 4.2})
        self.assertEqual(self.rate(self.quotation(), "Local")["price"], 4.2)
        self.assertEqual(self.asked(), 0)

    def test_no_button_writes_an_offer_to_the_order(self):
        flow = self.flows["shipping_quote"]
        self.assertFalse(flow.request_action_id)
        self.assertNotIn(flow.id, [each["id"] for each in flow.get_record_requests("sale.order", self.quotation().id)])
        self.assertIn("fills no record", self.problem(lambda: flow._request_records(self.quotation())))
