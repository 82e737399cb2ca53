"""Sending events: retries, order, circuit, who is disabled and when, recovery, and who waits for whom."""

import contextlib
import socket
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from odoo.addons.integration_flow.core import announcements
from odoo.addons.integration_flow.engine import delivering
from odoo.addons.integration_flow.transport import guard

from .announce_common import PRIVATE, AnnounceCase


@tagged("post_install", "-at_install")
class TestDelivering(AnnounceCase):

    def setUp(self):
        super().setUp()
        self.flow = self.announcing_flow()
        self.far_end = self.receiver()
        self.robot = self.subscriber(self.far_end)

    def due_in(self, delivery):
        return (delivery.next_attempt_at - fields.Datetime.now()).total_seconds()

    # -- retries -------------------------------------------------------------------------------------------

    def test_the_whole_schedule_under_one_id(self):
        self.far_end.answer = 500
        self.some_events(self.flow)
        waits = []
        for attempt in range(1, announcements.ATTEMPTS + 1):
            self.deliver()
            [delivery] = self.deliveries(self.robot)
            self.assertEqual(delivery.attempts, attempt)
            if delivery.state == "waiting":
                waits.append(self.due_in(delivery))
                self.assertTrue(delivery.error_hint)
            self.time_passes()
        self.assertEqual((delivery.state, delivery.last_status), ("failed", 500))
        self.assertFalse(delivery.next_attempt_at)
        self.assertIn("press Retry", delivery.error_hint)
        for wait, planned in zip(waits, announcements.WAITS, strict=True):
            self.assertTrue(planned * 0.9 - 2 <= wait <= planned * 1.1 + 2, (wait, planned))
        self.assertEqual(len(self.far_end.calls), announcements.ATTEMPTS)
        self.assertEqual(len(set(self.far_end.ids)), 1, "the ID stays the same")
        self.assertEqual(len({call.raw for call in self.far_end.calls}), 1, "and so does the body")
        self.deliver()
        self.assertEqual(len(self.far_end.calls), announcements.ATTEMPTS)

    def test_what_counts_as_received(self):
        for status, expected in ((200, "delivered"), (202, "delivered"), (204, "delivered"), (299, "delivered"),
                                 (304, "waiting"), (302, "waiting"), (400, "waiting"), (401, "waiting"), (404, "waiting"),
                                 (500, "waiting"), (503, "waiting")):
            with self.subTest(status=status):
                self.env["integration.delivery"].search([]).unlink()
                self.env["integration.subscriber"].search([]).action_resume()
                headers = {"Location": "/elsewhere"} if status == 302 else {}
                self.far_end.answer = (status, headers, b"")
                self.far_end.calls.clear()
                self.some_events(self.flow, start=status)
                self.deliver()
                [delivery] = self.deliveries(self.robot)
                self.assertEqual((delivery.state, delivery.last_status), (expected, status))
                self.assertEqual([call.path for call in self.far_end.calls], ["/hook"])
                self.assertEqual(bool(delivery.error_message), expected != "delivered")

    def test_a_receiver_that_is_not_there(self):
        self.far_end.close()
        self.some_events(self.flow)
        self.deliver()
        [delivery] = self.deliveries(self.robot)
        self.assertEqual((delivery.state, delivery.attempts, delivery.last_status), ("waiting", 1, 0))
        self.assertIn("cannot be reached", delivery.error_message)
        self.assertEqual((self.robot.state, self.robot.failures_in_row), ("failing", 1))
        self.assertIn("cannot be reached", self.robot.last_error)

    def test_a_receiver_that_never_answers(self):
        self.robot.timeout = 1
        self.far_end.answer = lambda call: time.sleep(2.5) or 200
        self.some_events(self.flow)
        self.deliver()
        [delivery] = self.deliveries(self.robot)
        self.assertEqual((delivery.state, delivery.attempts), ("waiting", 1))
        self.assertIn("1 second", delivery.error_message)

    def test_retry_after(self):
        """Of 429 and of 503: nothing is sent to this receiver before; and too many calls are no failed attempt."""
        for status, attempts in ((429, 0), (503, 1)):
            with self.subTest(status=status):
                self.env["integration.delivery"].search([]).unlink()
                self.robot.action_resume()
                self.robot.parallel_calls = 1
                self.far_end.answer = (status, {"Retry-After": "900"}, b"")
                self.far_end.calls.clear()
                self.some_events(self.flow, 3, start=status)
                self.deliver()
                self.assertEqual(len(self.far_end.calls), 1, "the others wait as well")
                tried = self.deliveries(self.robot, "waiting")
                self.assertEqual(tried.attempts, attempts)
                self.assertTrue(895 <= self.due_in(tried) <= 905)
                self.assertTrue(self.robot.retry_at >= fields.Datetime.now() + timedelta(seconds=890))
                self.deliver()
                self.assertEqual(len(self.far_end.calls), 1)
                self.far_end.answer = 200
                self.time_passes()
                self.deliver()
                self.assertEqual(set(self.deliveries(self.robot).mapped("state")), {"delivered"})

    def test_success_heals(self):
        self.far_end.answer = 500
        self.some_events(self.flow)
        self.deliver()
        self.assertEqual(self.robot.state, "failing")
        self.far_end.answer = 200
        self.time_passes()
        self.deliver()
        self.assertEqual(
            (self.robot.state, self.robot.failures_in_row, self.robot.failing_since, self.robot.last_error),
            ("healthy", 0, False, False))
        self.assertEqual((self.robot.delivered_count, self.robot.pending_count), (1, 0))

    # -- order ---------------------------------------------------------------------------------------------

    def change(self, number):
        self.receive(self.flow, {"id": 1, "first_name": f"Ann {number}", "email": "ann@example.com",
                                 "date_modified_gmt": f"2026-01-{number + 1:02}T10:00:00"})

    def test_events_of_a_record_come_in_order(self):
        for number in range(1, 6):
            self.change(number)
        self.some_events(self.flow, start=50)
        self.far_end.answer = lambda call: time.sleep(0.05) or 200
        self.deliver()
        uids = self.deliveries(self.robot).mapped("uid")
        self.assertEqual([uid for uid in self.far_end.ids if uid != uids[-1]], uids[:-1])

    def test_an_event_that_fails_holds_back_later_ones_of_its_record_for_a_while(self):
        refused = []
        self.far_end.answer = lambda call: 500 if call.headers["webhook-id"] in refused else 200
        self.change(1)
        refused.append(self.deliveries(self.robot).uid)
        self.change(2)
        self.some_events(self.flow, start=50)
        self.deliver()
        first, second, other = self.deliveries(self.robot)
        self.assertEqual([first.state, second.state, other.state], ["waiting", "pending", "delivered"])
        for _attempt in range(announcements.ORDERED_ATTEMPTS - 1):
            self.assertEqual(second.state, "pending")
            self.time_passes()
            self.deliver()
        self.deliver()
        self.assertEqual([first.state, second.state], ["waiting", "delivered"], "at last it is overtaken")

    # -- one subscriber and the others ---------------------------------------------------------------------

    def test_a_slow_receiver_delays_only_itself(self):
        slow = self.receiver()
        self.subscriber(slow, name="Slow", timeout=10)
        opened = threading.Event()
        self.addCleanup(opened.set)
        slow.answer = lambda call: opened.wait(5) and 200

        def answer(_call):
            if len(self.far_end.calls) == 40:
                opened.set()  # the slow one goes on only when the quick one has everything
            return 200

        self.far_end.answer = answer
        self.some_events(self.flow, 40)
        started = time.monotonic()
        self.deliver()
        self.assertLess(time.monotonic() - started, 4.5, "nobody waited for the slow one's time-out")
        self.assertEqual(len(set(self.far_end.ids)), 40)
        self.assertLessEqual(slow.peak, 4)
        self.assertEqual(len(set(slow.ids)), 40)

    def test_calls_at_once(self):
        self.robot.parallel_calls = 3
        self.far_end.answer = lambda call: time.sleep(0.03) or 200
        self.some_events(self.flow, 20)
        self.deliver()
        self.assertEqual(self.far_end.peak, 3)
        self.assertEqual(self.robot.delivered_count, 20)

    def test_a_dead_receiver_costs_a_few_calls(self):
        """Four fail together, then one call at a time, then longer and longer pauses: a backlog is not burnt down."""
        self.far_end.answer = 500
        self.some_events(self.flow, 40)
        self.deliver()
        made = len(self.far_end.calls)
        self.assertLessEqual(made, 10)
        self.assertEqual(len(self.deliveries(self.robot, "pending")), 40 - made)
        self.assertTrue(self.robot.retry_at > fields.Datetime.now() + timedelta(seconds=50))
        for _probe in range(3):
            self.time_passes()
            self.far_end.calls.clear()
            pause = self.robot.retry_at
            self.deliver()
            self.assertEqual(len(self.far_end.calls), 1)
            self.assertTrue(self.robot.retry_at and self.robot.retry_at != pause)
        self.far_end.answer = 200
        self.time_passes()
        self.deliver()
        self.assertEqual(set(self.deliveries(self.robot).mapped("state")), {"delivered"})

    def test_the_next_attempt_is_planned(self):
        self.far_end.answer = 500
        self.some_events(self.flow)
        cron = self.env.ref("integration_flow.ir_cron_announce")
        self.deliver()
        [delivery] = self.deliveries(self.robot)
        triggers = self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)]).mapped("call_at")
        self.assertTrue(any(delivery.next_attempt_at <= at <= delivery.next_attempt_at + timedelta(seconds=120)
                            for at in triggers), (delivery.next_attempt_at, triggers))

    def test_out_of_time_the_rest_is_woken_again(self):
        self.some_events(self.flow, 10)
        cron = self.env.ref("integration_flow.ir_cron_announce")
        self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)]).unlink()
        no_time = patch.object(
            delivering.Deliverer, "_commit_progress", lambda deliverer, done: deliverer.cr.commit() or 0.0)
        with self.enter_registry_test_mode(), no_time, self.registry.cursor() as cr:
            delivering.Deliverer(self.env(cr=cr)).run()
        self.env.invalidate_all()
        self.assertEqual(len(self.deliveries(self.robot, "delivered")), 4, "what had begun was ended")
        self.assertTrue(self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)]))

    # -- disabling -----------------------------------------------------------------------------------------

    def activities(self):
        return self.env["mail.activity"].search([
            ("res_model", "=", "integration.subscriber"), ("res_id", "=", self.robot.id)])

    def test_gone(self):
        self.far_end.answer = 410
        self.robot.responsible_id = self.make_user("resp", "integration_flow.group_integration_manager")
        self.some_events(self.flow)
        self.deliver()
        self.assertEqual(self.robot.state, "disabled")
        self.assertIn("410", self.robot.disabled_reason)
        self.assertEqual(self.deliveries(self.robot).state, "failed")
        self.assertEqual(self.activities().user_id, self.robot.responsible_id)
        self.some_events(self.flow, start=2)
        self.deliver()
        self.assertEqual(len(self.far_end.calls), 1, "nothing is sent any more")
        self.assertEqual(len(self.deliveries(self.robot, "pending")), 1, "but nothing is lost")
        self.assertEqual(len(self.activities()), 1)
        self.far_end.answer = 200
        self.robot.action_resume()
        self.assertFalse(self.activities())
        self.deliver()
        self.assertEqual([delivery.state for delivery in self.deliveries(self.robot)], ["failed", "delivered"])

    def test_disabled_after_days_without_success(self):
        self.far_end.answer = 500
        self.robot.disable_after_days = 5
        self.some_events(self.flow)
        self.deliver()
        self.time_passes(days=4)
        self.deliver()
        self.assertEqual(self.robot.state, "failing")
        self.time_passes(days=1)
        self.deliver()
        self.assertEqual(self.robot.state, "disabled")
        self.assertIn("5 days", self.robot.disabled_reason)
        self.assertEqual(len(self.activities()), 1)

    def test_zero_days_is_never(self):
        self.far_end.answer = 500
        self.robot.disable_after_days = 0
        self.some_events(self.flow)
        self.deliver()
        self.time_passes(days=400)
        self.deliver()
        self.assertEqual(self.robot.state, "failing")

    # -- buttons -------------------------------------------------------------------------------------------

    def test_send_test_event(self):
        answer = self.press(self.robot.action_test)
        self.assertEqual(answer["params"]["type"], "success")
        self.assertEqual(self.types(self.far_end), ["integration.test"])
        self.far_end.answer = (400, {"Content-Type": "application/json"}, b'{"message": "unknown team"}')
        answer = self.press(self.robot.action_test)
        self.assertEqual(answer["params"]["type"], "danger")
        self.assertIn("400", answer["params"]["message"])
        self.assertIn("unknown team", self.deliveries(self.robot)[-1].response_body)

    def test_a_test_event_reaches_whom_nothing_else_does(self):
        self.robot.event_types = "orders.created"
        self.robot.action_disable()
        self.assertEqual(self.press(self.robot.action_test)["params"]["type"], "success")
        self.assertEqual(self.robot.state, "disabled")

    def test_retry_now(self):
        self.far_end.answer = 500
        self.some_events(self.flow)
        self.deliver()
        self.far_end.answer = 200
        [delivery] = self.deliveries(self.robot)
        user = self.make_user("clerk", "integration_flow.group_integration_user")
        answer = self.press(delivery.with_user(user).action_retry)
        self.assertEqual((answer["params"]["type"], delivery.state), ("success", "delivered"))
        self.assertEqual(len(set(self.far_end.ids)), 1)
        with self.refuses(UserError, "was delivered"):
            delivery.action_retry()

    def test_retry_of_many_is_queued(self):
        self.far_end.answer = 410
        self.robot.parallel_calls = 16
        self.some_events(self.flow, 8)
        self.deliver()
        self.robot.action_resume()
        self.far_end.answer = 200
        answer = self.press(self.deliveries(self.robot).action_retry)
        self.assertEqual(answer["params"]["type"], "info")
        self.deliver()
        self.assertEqual(set(self.deliveries(self.robot).mapped("state")), {"delivered"})

    def test_recover_since(self):
        self.far_end.answer = 500
        self.some_events(self.flow, 2)
        old, new = self.deliveries(self.robot)
        (old + new).write({"state": "failed", "attempts": 10, "next_attempt_at": False})
        old.create_date = fields.Datetime.now() - timedelta(days=3)
        self.env.flush_all()
        self.far_end.answer = 200
        wizard = self.env["integration.recover"].create({"subscriber_id": self.robot.id})
        self.assertEqual(wizard.failed_count, 1)
        wizard.action_recover()
        self.deliver()
        self.assertEqual((old.state, new.state), ("failed", "delivered"))
        wizard.since = fields.Datetime.now() - timedelta(days=4)
        wizard.action_recover()
        self.deliver()
        self.assertEqual((old.state, new.attempts), ("delivered", 1))

    # -- secrets and addresses while sending ---------------------------------------------------------------

    def test_two_signatures_while_the_secret_is_rotated(self):
        from standardwebhooks import Webhook, WebhookVerificationError

        before = self.secret_of(self.robot)
        self.robot.action_rotate_secret()
        after = self.secret_of(self.robot)
        self.assertNotEqual(before, after)
        self.some_events(self.flow)
        self.deliver()
        call = self.far_end.calls[-1]
        self.assertEqual(len(call.headers["webhook-signature"].split(" ")), 2)
        for secret in (before, after):
            Webhook(secret).verify(call.raw, call.headers)
        self.time_passes(hours=25)
        self.some_events(self.flow, start=2)
        self.deliver()
        call = self.far_end.calls[-1]
        Webhook(after).verify(call.raw, call.headers)
        with self.assertRaises(WebhookVerificationError):
            Webhook(before).verify(call.raw, call.headers)

    def test_a_secret_of_the_environment(self):
        from standardwebhooks import Webhook

        secret = "whsec_" + "A" * 32
        self.robot.secret_input = "env:TEST_ANNOUNCE_SECRET"
        self.robot.previous_secret_until = False
        self.some_events(self.flow)
        self.deliver()
        [delivery] = self.deliveries(self.robot)
        self.assertEqual((delivery.state, self.far_end.calls), ("waiting", []))
        self.assertIn("no secret", delivery.error_message)
        self.assertIn("not set on this server", self.robot.secret_status)
        with patch.dict("os.environ", {"TEST_ANNOUNCE_SECRET": secret}):
            self.time_passes()
            self.deliver()
            self.robot.invalidate_recordset()
            self.assertIn("Read from the environment variable", self.robot.secret_status)
        Webhook(secret).verify(self.far_end.calls[0].raw, self.far_end.calls[0].headers)

    def test_a_setting_that_was_taken_back_counts_at_once(self):
        self.some_events(self.flow)
        self.env["ir.config_parameter"].sudo().set_param(PRIVATE, "False")
        self.deliver()
        [delivery] = self.deliveries(self.robot)
        self.assertEqual((delivery.state, self.far_end.calls), ("waiting", []))
        self.assertIn("private network", delivery.error_message)

    def test_a_name_that_leads_into_the_own_network(self):
        self.env["ir.config_parameter"].sudo().set_param(PRIVATE, "False")
        self.robot.url = self.far_end.url.replace("127.0.0.1", "receiver.example.com")
        self.some_events(self.flow)
        with patch.object(guard, "look_up", lambda host, port: ["93.184.215.14", "127.0.0.1"]):
            self.deliver()
        self.assertEqual(self.far_end.calls, [])
        self.assertIn("private network", self.deliveries(self.robot).error_message)

    def test_a_new_address_counts_at_once(self):
        self.far_end.answer = 500
        self.some_events(self.flow, 8)
        self.deliver()
        better = self.receiver()
        self.robot.url = better.url
        self.assertFalse(self.robot.retry_at)
        self.time_passes()
        self.deliver()
        self.assertEqual(len(set(better.ids)), 8)

    def test_the_receiver_of_the_guide(self):
        """The example in docs/administrator-guide.md runs as it stands there, with this secret and a free port."""
        guide = (Path(__file__).parent.parent / "docs" / "administrator-guide.md").read_text()
        source = guide.partition("<!-- receiver")[2].partition("```python\n")[2].partition("```")[0]
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        source = source.replace("8099", str(port)).replace("whsec_...", self.secret_of(self.robot))
        receiver = subprocess.Popen(
            [sys.executable, "-c", source], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(lambda: (receiver.kill(), receiver.wait(), receiver.stdout.close()))
        for _try in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                break
            time.sleep(0.05)
        self.robot.url = f"http://127.0.0.1:{port}/odoo"
        self.some_events(self.flow)
        self.deliver()
        self.assertEqual(self.deliveries(self.robot).last_status, 204, self.deliveries(self.robot).error_message)
        self.assertTrue(receiver.stdout.readline().startswith("contacts.created {'flow': 'contacts'"))
        self.robot.rotation_hours = 0
        self.robot.action_rotate_secret()
        self.some_events(self.flow, start=2)
        self.deliver()
        self.assertEqual(self.deliveries(self.robot)[-1].last_status, 401)

    # -- bounds --------------------------------------------------------------------------------------------

    def test_retention(self):
        self.some_events(self.flow, 4)
        delivered, failed, old_failed, fresh = self.deliveries(self.robot)
        now = fields.Datetime.now()
        for delivery, state, days in ((delivered, "delivered", 8), (failed, "failed", 8), (old_failed, "failed", 31),
                                      (fresh, "delivered", 1)):
            delivery.write({"state": state, "create_date": now - timedelta(days=days)})
            delivery.event_id.create_date = delivery.create_date
        self.env.flush_all()
        events = {delivery: delivery.event_id for delivery in delivered + failed + old_failed + fresh}
        done, more = self.env["integration.delivery"]._gc_deliveries()
        self.env.invalidate_all()
        self.assertEqual(self.deliveries(self.robot), failed + fresh)
        self.assertEqual([bool(event.exists()) for event in events.values()], [False, True, False, True])
        self.assertEqual((done, more), (2, False))

    def test_retention_goes_by_chunks(self):
        self.some_events(self.flow, 5)
        self.deliveries(self.robot).write({"state": "delivered", "create_date": fields.Datetime.now() - timedelta(days=8)})
        self.env.flush_all()
        with patch("odoo.addons.integration_flow.models.delivery.CHUNK", 2):
            self.assertEqual(self.env["integration.delivery"]._gc_deliveries(), (2, True))
            self.env["integration.delivery"]._gc_deliveries()
        self.env.invalidate_all()
        self.assertEqual(len(self.deliveries(self.robot)), 1)
