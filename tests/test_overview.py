"""The tile of the overview: freshness, the queue, the bars of the last days."""

from datetime import datetime, timedelta

from odoo import fields
from odoo.tests import TransactionCase, freeze_time, tagged

from .test_screens import ScreensMixin

NOW = datetime(2026, 3, 15, 12, 0)


@tagged("post_install", "-at_install")
class TestOverview(ScreensMixin, TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_screen_data()
        cls.flow.action_test_mode()

    def run_on(self, when, flow=None, **counts):
        return self.env["integration.run"].create({
            "flow_id": (flow or self.flow).id, "trigger": "button", "started_at": when, **counts})

    def seen(self, flow=None, **context):
        """As a user sees it."""
        flow = (flow or self.flow).with_user(self.users["user"]).with_context(**context)
        flow.invalidate_recordset()
        return flow

    @freeze_time(NOW)
    def test_days(self):
        self.run_on(NOW - timedelta(hours=1), created_count=3, updated_count=2, unchanged_count=50, failed_count=1)
        self.run_on(NOW - timedelta(hours=2), created_count=1)
        self.run_on(NOW - timedelta(days=20), created_count=7)
        self.run_on(datetime(2026, 3, 10, 23, 30), created_count=4)
        other = self.flow.copy({"name": "Another"})
        self.run_on(NOW, other, created_count=9)
        days = self.seen(tz="UTC").activity
        self.assertEqual((len(days), days[0]["day"], days[-1]), (14, "2026-03-02", {
            "day": "2026-03-15", "synced": 6, "failed": 1}))
        self.assertEqual({day["day"]: day["synced"] for day in days if day["synced"]},
                         {"2026-03-15": 6, "2026-03-10": 4})
        self.assertEqual(self.seen(tz="Europe/Brussels").activity[-5], {"day": "2026-03-11", "synced": 4, "failed": 0},
                         "days begin at the user's midnight")
        self.assertEqual(self.seen(other).activity[-1]["synced"], 9)

    def test_all_tiles_in_one_look(self):
        flows = self.flow + self.flow.copy() + self.flow.copy()
        flows.invalidate_recordset()
        flows.mapped("pending_count")
        flows.mapped("batch_size")
        self.env.flush_all()
        with self.assertQueryCount(1):
            flows.mapped("activity")

    @freeze_time(NOW)
    def test_freshness(self):
        for target, age, expected in (
                (0, 500, "none"), (60, 59, "fresh"), (60, 61, "late"), (60, 121, "stale"), (60, None, "late")):
            with self.subTest(target=target, age=age):
                self.flow.write({
                    "freshness_minutes": target,
                    "last_success_at": age is not None and fields.Datetime.now() - timedelta(minutes=age)})
                self.assertEqual(self.seen().freshness, expected)
        self.flow.write({"last_success_at": NOW - timedelta(days=3)})
        self.flow.action_pause()
        self.assertEqual(self.seen().freshness, "none", "nothing is expected of a paused flow")

    @freeze_time(NOW)
    def test_queue(self):
        self.flow.batch_size = 10
        self.env["integration.sync"].create([{
            "flow_id": self.flow.id, "connection_id": self.connection.id, "model": "res.partner", "state": "pending",
            "external_id": str(number)} for number in range(6)])
        self.assertEqual((self.seen().queue_percent, self.flow.queue_level), (60, "ok"))
        self.env["integration.sync"].search([("flow_id", "=", self.flow.id)], limit=1).copy({"external_id": "x"})
        self.assertEqual((self.seen().queue_percent, self.seen().queue_level), (70, "busy"))
        self.flow.batch_size = 8
        self.assertEqual((self.seen().queue_percent, self.seen().queue_level), (87, "full"))
        self.run_on(NOW, created_count=700)
        self.assertEqual((self.seen().queue_percent, self.seen().queue_level), (1, "ok"), "it has done more on one day")
