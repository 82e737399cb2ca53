"""Buttons that wait for the other system: accepted first, or nothing happens and the person reads why."""

import time

from odoo.exceptions import ValidationError
from odoo.tests import new_test_user, tagged

from .tour_common import ShopTourCase

BUTTON = "action_archive"


@tagged("post_install", "-at_install")
class TestGate(ShopTourCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # A salesperson who sees nothing of integrations.
        cls.person = new_test_user(cls.env, "gate_person", groups="base.group_user,base.group_partner_manager")

    def setUp(self):
        super().setUp()
        self.flow = self.out_flow(gate_buttons=BUTTON, gate_seconds=2)
        self.ann = self.partner("Ann", login=self._testMethodName)
        self.env.flush_all()
        self.addCleanup(self.shop.clear_faults)

    def press(self, records):
        """Press the button in the web client; the text of the error, or None."""
        self.authenticate("gate_person", "gate_person")
        answer = self.url_open(f"/web/dataset/call_button/res.partner/{BUTTON}", json={
            "jsonrpc": "2.0", "params": {"model": "res.partner", "method": BUTTON, "args": [records.ids], "kwargs": {}},
        }).json()
        self.env.invalidate_all()
        return answer["error"]["data"]["message"] if "error" in answer else None

    def posts(self):
        return len(self.shop.requests(method="POST", path="/customers"))

    def test_accepted(self):
        before = self.posts()
        self.assertIsNone(self.press(self.ann))
        self.assertFalse(self.ann.active, "the button has done its work")
        sync = self.env["integration.sync"].search([("flow_id", "=", self.flow.id), ("res_id", "=", self.ann.id)])
        self.assertTrue(sync.external_id)
        self.assertEqual(self.shop.get(f"customers/{sync.external_id}")["first_name"], "Ann")
        self.assertEqual(self.posts(), before + 1)
        self.assertIn(f"pressed {BUTTON}", " ".join(filter(None, sync.log_ids.mapped("message"))))

    def test_refused(self):
        self.shop.fault("status", method="POST", path="/customers", status=400, message="Ann may not be delivered to.")
        error = self.press(self.ann)
        self.assertIn("Nothing was changed, because Tour Shop has to accept it first", error)
        self.assertIn("Ann may not be delivered to.", error)
        self.assertTrue(self.ann.active)
        sync = self.env["integration.sync"].search([("flow_id", "=", self.flow.id), ("res_id", "=", self.ann.id)])
        self.assertEqual(sync.state, "failed", "what was tried stays, for those who repair it")
        self.assertIsNone(self.press(self.ann), "accepted now")
        self.assertFalse(self.ann.active)

    def test_no_answer_in_time(self):
        self.shop.settings(latency_ms=6000)
        self.addCleanup(self.shop.settings, latency_ms=0)
        started = time.monotonic()
        error = self.press(self.ann)
        self.assertIn("Nothing was changed", error)
        self.assertLess(time.monotonic() - started, 5.5, "the person does not wait for the connection's own time-out")
        self.assertTrue(self.ann.active)

    def test_whom_it_does_not_concern(self):
        self.shop.fault("status", method="POST", path="/customers", status=400, message="No.", times=None)
        other = self.env["res.partner"].create({"name": "Outside of the filter"})
        self.env.flush_all()
        before = self.posts()
        self.assertIsNone(self.press(other))
        self.assertFalse(other.active)
        self.flow.action_pause()
        self.env.flush_all()
        self.assertIsNone(self.press(self.ann), "a paused flow stops nobody")
        self.assertEqual((self.ann.active, self.posts()), (False, before))

    def test_too_many_at_a_time(self):
        partners = self.partners(6)
        self.env.flush_all()
        self.assertIn("at most 5", self.press(partners))
        self.assertTrue(all(partners.mapped("active")))

    def test_what_may_be_said(self):
        for vals, text in (({"gate_buttons": "action_fly"}, "has no button action_fly"),
                           ({"gate_buttons": "_write"}, "has no button _write"),
                           ({"gate_buttons": BUTTON, "direction": "import"}, "sends nothing")):
            with self.subTest(vals), self.assertRaisesRegex(ValidationError, text):
                self.flow.write(vals)
        self.assertEqual(self.env["integration.flow"]._gates(), {("res.partner", BUTTON): (self.flow.id,)})
        self.assertIn(f"Whoever presses {BUTTON} waits until Tour Shop has accepted", " ".join(self.flow._failure_words()))
        self.assertIn("gate_buttons", self.env["integration.blueprint"]._properties("flows"))
        self.flow.gate_buttons = False
        self.assertEqual(self.env["integration.flow"]._gates(), {})
