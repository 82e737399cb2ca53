"""How far a delivery is: told by signed webhooks of the carrier, and asked for by schedule."""

from odoo.tests import HttpCase, tagged

from .receiver import Receiver
from .shipping_common import ShippingCase

SECRET = "secret of a test"


@tagged("post_install", "-at_install")
class TestShippingTracking(ShippingCase, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for flow in cls.flows.values():
            flow.next_run_at = False
        cls.connection.write({"webhook_enabled": True, "webhook_secret_input": SECRET})

    def shipped(self):
        picking = self.delivery()
        self.must("shipping_label", picking)
        picking.move_ids.quantity = 1
        picking.move_ids.picked = True
        picking._action_done()
        self.assertEqual(picking.state, "done")
        return picking

    def scan(self, picking, status):
        self.shop.control("POST", "track", {"tracking_code": picking.carrier_tracking_ref, "status": status})

    def test_told_in_any_order(self):
        """Two scans whose messages come the wrong way round, and one twice; a wrong signature is let in nowhere."""
        picking = self.shipped()
        receiver = Receiver()
        self.addCleanup(receiver.close)
        status, _, _ = self.shop.call("POST", "/v2/webhooks", {"webhook": {
            "url": receiver.url, "webhook_secret": SECRET}}, {"Authorization": self.basic()})
        self.assertEqual(status, 201)
        self.scan(picking, "in_transit")
        self.scan(picking, "delivered")
        messages = self.shop.wait_until(lambda: len(receiver.calls) == 2 and receiver.calls)
        first, second = messages
        address = f"/integration/webhook/{self.connection.webhook_token}"
        for message in (second, first, second):
            answer = self.url_open(address, data=message.raw, headers={
                "Content-Type": "application/json", "X-Hmac-Signature": message.headers["x-hmac-signature"]})
            self.assertLess(answer.status_code, 300, answer.text)
            self.work()
        self.assertEqual(picking.integration_shipping_status, "delivered", "the older scan came later and changes nothing")
        answer = self.url_open(address, data=first.raw, headers={
            "Content-Type": "application/json", "X-Hmac-Signature": "hmac-sha256-hex=00"})
        self.assertGreaterEqual(answer.status_code, 400)

    def basic(self):
        return self.connection.sudo()._auth_secret()

    def test_asked_for_until_it_has_arrived(self):
        picking, other = self.shipped(), self.delivery()
        self.must("shipping_label", other)
        flow = self.flows["shipping_asked"]
        self.scan(picking, "in_transit")
        self.run_flow(flow)
        self.assertEqual(picking.integration_shipping_status, "in_transit")
        self.assertEqual(other.integration_shipping_status, "pre_transit", "not shipped yet")
        self.scan(picking, "delivered")
        self.shop.fault("server_error", path="/v2/trackers")
        self.run_flow(flow)
        self.assertEqual(picking.integration_shipping_status, "in_transit")
        self.make_due(flow)
        self.work()
        self.assertEqual(picking.integration_shipping_status, "delivered")
        self.shop.clear_counts()
        self.run_flow(flow)
        self.assertFalse(self.shop.requests(route="/v2/trackers"), "what has arrived is not asked about again")
