"""Deliveries and a running karrio, by its blueprint alone: rates, labels, cancellation, and what goes wrong."""

import time

from odoo.tests import HttpCase, tagged

from ..receiver import Receiver
from ..shipping_common import DeliveryTools
from .common import PeerCase
from .systems import Karrio


class CarrierCase(DeliveryTools, PeerCase):
    blueprint = "karrio"
    system = Karrio
    variable = "INTEGRATION_REAL_CARRIER"
    someone = {"name": "Ada Test", "street": "Rue Neuve 10", "city": "Bruxelles", "zip": "1000"}
    service = "test_standard"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.warehouse = cls.env["stock.warehouse"].search([("company_id", "=", cls.env.company.id)], limit=1)
        cls.warehouse.partner_id = cls.customer(
            name="Warehouse", street="Keizersgracht 1", city="Amsterdam", zip="1015CC", country_id=cls.env.ref("base.nl").id)
        service = cls.env["product.product"].create({"name": "Shipping", "type": "service"})
        cls.carriers = {
            code: cls.env["delivery.carrier"].create({"name": code, "product_id": service.id})
            for code in ("test_standard", "test_express")}
        cls.env["integration.value.map"].search([("code", "=", "karrio_services")]).line_ids = [
            (0, 0, {"external_value": code, "res_id": carrier.id}) for code, carrier in cls.carriers.items()]
        cls.goods = cls.env["product.product"].create({"name": "Box", "type": "consu", "weight": 2.0})

    @classmethod
    def delivery(cls, *args, **options):
        picking = super().delivery(*args, **options)
        # Deliveries of all runs are in the same hub: a number of their own, as those of one company have.
        picking.name = f"{picking.name}-{time.time_ns()}"
        return picking

    def must(self, code, records):
        kind, text = self.ask(code, records)
        self.assertEqual(kind, "success", f"{text}\n{self.told(self.sync_of(code, records[:1]))}")

    def until_done(self, code, seconds=60):
        """Time passes until nothing waits for its next try."""
        until = time.monotonic() + seconds
        syncs = self.env["integration.sync"].search([("flow_id", "=", self.flows[code].id)])
        while {"waiting", "pending"} & set(syncs.mapped("state")) and time.monotonic() < until:
            time.sleep(1.1)
            self.make_due(self.flows[code])
            self.work()
        return syncs


@tagged("-standard", "post_install", "-at_install", "integration_flow_peers")
class TestRealCarrier(CarrierCase, HttpCase):
    def test_the_connection(self):
        self.connection.action_test()
        self.assertTrue(self.connection.test_ok, self.connection.test_result)

    def test_the_cheapest_rate(self):
        picking = self.delivery(service=None)
        self.must("karrio_rates", picking)
        self.assertEqual((picking.carrier_id, picking.carrier_price), (self.carriers["test_standard"], 5.95))
        self.assertFalse(self.peer.shipments(picking.name), "only asked")

    def test_a_label_is_bought_and_attached_once(self):
        picking = self.delivery(service="test_express")
        self.must("karrio_label", picking)
        shipment, = self.peer.shipments(picking.name)
        self.assertEqual((shipment["status"], shipment["service"]), ("created", "test_express"))
        self.assertEqual(picking.carrier_tracking_ref, shipment["tracking_number"])
        self.assertEqual(picking.carrier_price, 9.95)
        label = self.labels(picking)
        self.assertEqual(label.name, f"Label {shipment['tracking_number']}.pdf")
        self.assertTrue(label.raw.startswith(b"%PDF-") and label.raw.rstrip().endswith(b"%%EOF"))
        self.ask("karrio_label", picking)
        self.assertEqual((len(self.peer.shipments(picking.name)), len(self.labels(picking))), (1, 1))
        # What the hub lists is what Odoo has bought itself: nothing comes a second time.
        self.run_flow(self.flows["karrio_shipments"], self.flows["karrio_labels"], full=True)
        self.assertEqual(len(self.labels(picking)), 1)

    def test_cancelled_and_bought_again(self):
        picking = self.delivery()
        self.must("karrio_label", picking)
        first = picking.carrier_tracking_ref
        self.must("karrio_cancel", picking)
        self.assertEqual((picking.carrier_tracking_ref, picking.carrier_price), (False, 0))
        self.assertEqual([one["status"] for one in self.peer.shipments(picking.name)], ["cancelled"])
        self.must("karrio_label", picking)
        self.assertNotIn(picking.carrier_tracking_ref, (False, first))
        self.assertEqual(
            sorted(one["status"] for one in self.peer.shipments(picking.name)), ["cancelled", "created"])

    def test_bad_addresses_leave_the_others(self):
        good = self.delivery()
        without = self.delivery(self.customer(zip=False))
        unserved = self.delivery(self.customer(country_id=self.env.ref("base.jp").id))
        self.ask("karrio_label", good + without + unserved)
        self.until_done("karrio_label")
        self.assertState(self.sync_of("karrio_label", good), "synced")
        self.assertTrue(self.labels(good))
        self.assertFailed(self.sync_of("karrio_label", without), "validation", "Zip")
        self.assertFailed(self.sync_of("karrio_label", unserved), "validation", "rate")
        self.assertFalse(self.labels(without) + self.labels(unserved))
        self.assertFalse(self.peer.shipments(without.name), "what is known to be missing is not sent")
        # Corrected, each of them gets its label.
        without.partner_id.zip = "1000"
        unserved.partner_id.country_id = self.env.ref("base.be")
        for picking in (without, unserved):
            self.must("karrio_label", picking)
            self.assertEqual(len(self.labels(picking)), 1)

    def test_what_was_corrected_after_a_refused_purchase_is_bought(self):
        picking = self.delivery()
        purchase = self.flows["karrio_label"].request_step_ids[1]
        body, purchase.body = purchase.body, '{"selected_rate_id": "rat_gone"}'
        self.ask("karrio_label", picking)
        sync = self.sync_of("karrio_label", picking)
        self.assertFailed(sync, "validation", "not available for this shipment")
        old, = self.peer.shipments(picking.name)
        purchase.body = body
        picking.partner_id.street = "Rue Haute 22"
        self.press(sync.action_retry)
        self.assertState(sync, "synced")
        there = {one["id"]: (one["recipient"]["address_line1"], one["status"]) for one in self.peer.shipments(picking.name)}
        self.assertEqual(there.pop(old["id"]), ("Rue Neuve 10", "cancelled"))
        self.assertEqual(list(there.values()), [("Rue Haute 22", "created")])
        self.assertEqual(len(self.labels(picking)), 1)

    def test_what_the_hub_refuses_is_said_in_its_words(self):
        picking = self.delivery(self.customer(phone="call me"))
        self.ask("karrio_label", picking)
        sync = self.sync_of("karrio_label", picking)
        self.assertFailed(sync, "validation", "recipient.phone_number: Invalid phone number format")

    def test_a_key_that_is_not_valid_any_more(self):
        picking = self.delivery()
        self.connection.auth_secret_input = "Token key_00000000000000000000000000000000"
        self.ask("karrio_label", picking)
        sync = self.sync_of("karrio_label", picking)
        self.assertEqual((sync.error_class, self.connection.paused), ("authentication", True), self.told(sync))
        self.connection.auth_secret_input = self.peer.secret
        self.make_due(self.flows["karrio_label"])
        self.work()
        self.assertState(sync, "synced")
        self.assertEqual((len(self.labels(picking)), len(self.peer.shipments(picking.name))), (1, 1))

    def test_shipments_bought_at_the_hub_come_onto_their_deliveries(self):
        picking = self.delivery(service=None)
        draft = self.peer.api.post("v1/shipments", {
            "shipper": self._party("Warehouse", "Keizersgracht 1", "1015CC", "Amsterdam", "NL"),
            "recipient": self._party("Ada", "Rue Neuve 10", "1000", "Bruxelles", "BE"),
            "parcels": [{"weight": 1.5, "weight_unit": "KG"}], "label_type": "PDF", "metadata": {"odoo_ref": picking.name}})
        bought = self.peer.api.post(f"v1/shipments/{draft['id']}/purchase", {"selected_rate_id": draft["rates"][0]["id"]})
        self.run_flow(self.flows["karrio_shipments"], self.flows["karrio_labels"], full=True)
        self.assertEqual(picking.carrier_tracking_ref, bought["tracking_number"])
        self.assertEqual(picking.carrier_id, self.carriers[bought["service"]])
        self.must("karrio_label_file", picking)
        self.must("karrio_label_file", picking)
        self.assertTrue(self.labels(picking).raw.startswith(b"%PDF-"))

    # -- tracking ------------------------------------------------------------------------------------------

    def shipped(self):
        """A delivery that has left, and its shipment at the hub."""
        picking = self.delivery()
        self.must("karrio_label", picking)
        picking.move_ids.quantity = 1
        picking.move_ids.picked = True
        picking._action_done()
        self.assertEqual((picking.state, picking.integration_shipping_status), ("done", "pre_transit"))
        return picking, self.peer.shipments(picking.name)[0]

    def test_asked_for_until_it_has_arrived(self):
        picking, shipment = self.shipped()
        for there, here in (("in_transit", "in_transit"), ("delivered", "delivered")):
            self.peer.mark(shipment["id"], there)
            self.run_flow(self.flows["karrio_asked"])
            self.assertEqual(picking.integration_shipping_status, here)
        calls = self.env["integration.exchange"].search_count([("connection_id", "=", self.connection.id)])
        self.run_flow(self.flows["karrio_asked"])
        self.assertEqual(
            self.env["integration.exchange"].search_count([("connection_id", "=", self.connection.id)]), calls,
            "what has arrived is not asked about again")

    def test_told_by_webhooks_with_the_secret_of_the_hub(self):
        receiver = Receiver()
        self.addCleanup(receiver.close)
        hook = self.peer.subscribe(receiver.url, [
            topic.topic for topic in self.connection.webhook_topic_ids])
        self.addCleanup(self.peer.api, "DELETE", f"v1/webhooks/{hook['id']}")
        self.connection.write({"webhook_enabled": True, "webhook_secret_input": hook["secret"]})
        picking, shipment = self.shipped()
        self.peer.mark(shipment["id"], "in_transit")
        self.assertEqual(self.passed_on(receiver), 200)
        self.assertEqual(picking.integration_shipping_status, "in_transit")
        self.peer.mark(shipment["id"], "needs_attention")
        self.passed_on(receiver)
        self.assertEqual(picking.integration_shipping_status, "error")
        # The carrier behind this hub has no tracking: what the hub tells of a scan is sent by its own test of a webhook.
        for status, hour in (("delivered", 15), ("out_for_delivery", 9)):
            self.peer.api.post(f"v1/webhooks/{hook['id']}/test", {"payload": {"event": "tracker_updated", "data": {
                "id": f"trk_{picking.id}", "object_type": "tracker", "tracking_number": picking.carrier_tracking_ref,
                "carrier_name": "generic", "carrier_id": "test_carrier", "status": status, "metadata": {},
                "delivered": status == "delivered", "test_mode": False, "events": [
                    {"date": "2026-11-28", "description": status, "timestamp": f"2026-11-28T{hour:02}:00:00.000Z"}]}}})
            self.assertEqual(self.passed_on(receiver), 200)
            self.assertEqual(picking.integration_shipping_status, "delivered", "a scan that is told late changes nothing")
        self.assertEqual(self.passed_on(receiver, secret="whsec_of_somebody_else"), 403)

    def passed_on(self, receiver, secret=None):
        """What the hub has sent last, to Odoo as it came; returns the status that it is answered."""
        call = receiver.calls[-1]
        answer = self.url_open(f"/integration/webhook/{self.connection.webhook_token}", data=call.raw, headers={
            "Content-Type": call.headers["content-type"], "X-Event-Id": secret or call.headers["x-event-id"]})
        self.env.invalidate_all()
        self.work()
        return answer.status_code

    @staticmethod
    def _party(name, street, postcode, city, country):
        return {"person_name": name, "address_line1": street, "postal_code": postcode, "city": city, "country_code": country}


@tagged("-standard", "post_install", "-at_install", "integration_flow_peers")
class TestRealSlowCarrier(CarrierCase):
    """A karrio that allows a few calls a second."""

    variable = "INTEGRATION_REAL_SLOW_CARRIER"

    def test_beyond_the_limit_everything_arrives_later(self):
        pickings = self.env["stock.picking"].concat(*[self.delivery() for _number in range(5)])
        self.ask("karrio_label", pickings)
        refused = self.env["integration.exchange"].search([("connection_id", "=", self.connection.id), ("status", "=", 429)])
        self.assertTrue(refused, "fifteen calls are more than it allows")
        syncs = self.until_done("karrio_label")
        self.assertEqual([self.told(sync) for sync in syncs if sync.state != "synced"], [])
        self.assertEqual([len(self.labels(picking)) for picking in pickings], [1] * 5)
        time.sleep(1.1)  # the test's own call counts as well
        made = [one["metadata"]["odoo_ref"] for one in self.peer.shipments()]
        self.assertEqual(sorted(made), sorted(pickings.mapped("name")), "nothing was made twice")
