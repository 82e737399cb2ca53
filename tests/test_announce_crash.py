"""At least once, with kill -9: between the commit and the call, and between the call and its record; two deliverers at
once; and no transaction open while a receiver is awaited.

Not part of Odoo's standard tests, because they commit; ``./dev test`` runs them.
"""

import signal
import time
from contextlib import nullcontext

from odoo import SUPERUSER_ID, api
from odoo.tests import tagged

from odoo.addons.integration_flow.engine import announcing, delivering, receipts

from . import real
from .announce_common import PRIVATE, AnnounceTools
from .real import KILLS, RealCase, dying

EVENTS = 12
real.POINTS["events_stored"] = (announcing, "note_rows", "after")


def deliver(registry, *kill):
    """One deliverer until nothing is due; ``kill``: where this process dies, see ``dying``."""
    with registry.cursor() as cr, dying(*kill) if kill else nullcontext():
        delivering.Deliverer(api.Environment(cr, SUPERUSER_ID, {})).run()


@tagged("-standard", "integration_flow_real", "post_install", "-at_install")
class TestAnnounceCrash(AnnounceTools, RealCase):

    def setUp(self):
        super().setUp()
        self.env["ir.config_parameter"].sudo().set_param(PRIVATE, "True")
        self.addCleanup(self.forget)
        self.far_end = self.receiver()
        self.robot = self.subscriber(self.far_end, name="Crash robot")
        self.flow = self.customer_flow(code="crash", announce="ids")
        self.cr.commit()
        self.registry.clear_cache("stable")

    def forget(self):
        self.look()
        self.env["integration.subscriber"].search([("name", "=", "Crash robot")]).unlink()
        self.env["ir.config_parameter"].sudo().set_param(PRIVATE, "False")
        self.env["integration.event"].search([]).unlink()
        self.cr.commit()

    def bring(self, first=1, count=EVENTS):
        self.put_customers(*[{"id": number, "first_name": f"C{number}", "email": f"crash{number}@example.com"}
                             for number in range(first, first + count)])
        self.flow._open_run("button", full=True)
        self.work()

    def assertAllArrived(self, count=EVENTS):
        self.look()
        deliveries = self.deliveries(self.robot)
        self.assertEqual(len(deliveries), count)
        self.assertEqual(set(deliveries.mapped("state")), {"delivered"})
        self.assertEqual(set(self.far_end.ids), set(deliveries.mapped("uid")))
        bodies = {call.headers["webhook-id"]: call.raw for call in self.far_end.calls}
        self.assertEqual({delivery.event_id.body.encode() for delivery in deliveries}, set(bodies.values()))

    def test_killed_at_each_step(self):
        points = {
            "claimed, not sent": (delivering.Deliverer, "_start", "before"),
            "sent, not recorded": (receipts, "record", "before"),
            "recorded, not committed": (receipts, "record", "after"),
            "committed": (delivering.Deliverer, "_commit_progress", "after"),
        }
        first = 1
        for name, (owner, method, when) in points.items():
            for left in range(KILLS):
                with self.subTest(point=name, left=left):
                    self.bring(first)
                    first += EVENTS
                    child = self.fork(deliver, owner, method, when, left + 1)
                    self.assertEqual(self.join(child), [signal.SIGKILL])
                    self.assertIn("pending", self.deliveries(self.robot).mapped("state"))
                    self.assertEqual(self.join(self.fork(deliver)), [0])
                    self.assertAllArrived()
                    repeated = len(self.far_end.ids) - len(set(self.far_end.ids))
                    if name.startswith(("sent", "recorded")):
                        self.assertGreater(repeated, 0, "what was sent is sent again, under the same ID")
                    self.assertLessEqual(repeated, EVENTS)
                    self.env["integration.event"].search([]).unlink()
                    self.far_end.calls.clear()
                    self.cr.commit()

    def test_events_and_outcomes_are_stored_together(self):
        """A worker that dies after it stored the events and before it committed leaves neither; then both."""
        self.put_customers(*[{"id": number, "first_name": f"C{number}", "email": f"crash{number}@example.com"}
                             for number in range(1, 6)])
        self.flow._open_run("button", full=True)
        child = self.worker_in_child(point="events_stored")
        self.assertEqual(self.join(child), [signal.SIGKILL])
        self.assertEqual(len(self.deliveries(self.robot)), 0)
        self.assertFalse(self.records(self.flow))
        self.work()
        self.assertEqual(len(self.deliveries(self.robot)), 5)
        self.assertEqual(len(self.records(self.flow)), 5)

    def test_two_deliverers_at_once(self):
        self.bring(count=60)
        self.far_end.answer = lambda call: time.sleep(0.01) or 200
        children = [self.fork(deliver) for _child in range(3)]
        self.assertEqual(self.join(*children), [0, 0, 0])
        self.assertEqual(self.join(self.fork(deliver)), [0])
        self.assertAllArrived(60)
        self.assertEqual(len(self.far_end.ids), 60, "each was sent once")

    def test_no_transaction_while_waiting(self):
        self.bring(count=3)
        self.far_end.answer = lambda call: time.sleep(1.5) or 200
        child = self.fork(deliver)
        self.shop.wait_until(lambda: self.far_end.running)
        for _look in range(5):
            self.env.cr.execute(
                "SELECT query FROM pg_stat_activity WHERE application_name = %s AND xact_start IS NOT NULL "
                "AND now() - xact_start > interval '50 ms'", [f"odoo-{child}"])
            self.assertEqual(self.env.cr.fetchall(), [])
            self.cr.rollback()
            time.sleep(0.15)
        with self.other_user() as env:  # the subscriber's form can be saved meanwhile
            self.robot.with_env(env).contact = "Ada"
        self.assertEqual(self.join(child), [0])
        self.assertAllArrived(3)

    def test_a_worker_and_the_deliverer_do_not_disturb_each_other(self):
        """The deliverer keeps changing the row of the subscriber whose audience a worker is asking for."""
        with self.registry.cursor() as other:
            self.cr.execute("SELECT count(*) FROM integration_subscriber")  # this snapshot is from before
            other.execute("UPDATE integration_subscriber SET delivered_count = delivered_count + 1 WHERE id = %s",
                          [self.robot.id])
            other.commit()
            self.cr.execute("SELECT id FROM integration_subscriber WHERE id = %s FOR KEY SHARE", [self.robot.id])
            other.execute("SET LOCAL lock_timeout = '500ms'")
            other.execute("UPDATE integration_subscriber SET delivered_count = delivered_count + 1 WHERE id = %s",
                          [self.robot.id])
            other.commit()
        self.cr.rollback()
