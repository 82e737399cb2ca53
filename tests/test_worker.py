"""The worker of a connection: what comes first, how much at once, what it writes down, when it looks again."""

import time
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.tests import tagged

from odoo.addons.integration_flow.engine import exporter, failures, journal, notifier
from odoo.addons.integration_flow.engine.worker import Worker

from .export_common import ExportCase


class WorkerCase(ExportCase):
    def run_with(self, connection=None, **context):
        """A worker on a test cursor, outside of the scheduled action; returns what ``run`` returns."""
        self.env.cr.flush()
        with self.enter_registry_test_mode(), self.registry.cursor() as cr:
            env = self.env(cr=cr, context=context)
            return Worker(env, (connection or self.connection).with_env(env)).run()

    def later(self, **delta):
        return fields.Datetime.now() + timedelta(**delta)

    def triggers(self):
        return self.env["ir.cron.trigger"].search(
            [("cron_id", "=", self.connection.cron_id.id)], order="call_at").mapped("call_at")


@tagged("post_install", "-at_install")
class TestSlices(WorkerCase):
    def test_live_overtakes_a_batch(self):
        self.out_flow(timing="batch", batch_size=2, name="batch", domain="[('ref', '=like', 'XB%')]")
        self.out_flow(name="live", domain="[('ref', '=like', 'XL%')]")
        for number in range(6):
            self.partner(f"B{number}", ref=f"XB{number}")
        batch = self.env["integration.flow"].search([("name", "=", "batch")])
        batch._open_run("button")
        original, done = Worker._slice, []

        def slice_(worker, *args, **kwargs):
            result = original(worker, *args, **kwargs)
            done.append(result)
            if len(done) == 1:
                worker.env["res.partner"].create({"name": "Now", "email": "now@example.com", "ref": "XL"})
                worker.env.cr.commit()
            return result

        with patch.object(Worker, "_slice", slice_):
            self.work()
        names = [body["first_name"] for *_call, body in self.written_calls("POST")]
        self.assertEqual(names[2], "Now")
        self.assertEqual(len(names), 7)

    def test_batch_size(self):
        self.out_flow(batch_size=3)
        self.partners(8)
        sizes = []
        original = exporter.Exporter.prepare

        def prepare(self, rows):
            sizes.append(len(rows))
            return original(self, rows)

        with patch.object(exporter.Exporter, "prepare", prepare):
            self.work()
        self.assertEqual(sizes, [3, 3, 2])

    def test_stops_when_its_time_is_over(self):
        flow = self.out_flow(batch_size=2)
        self.partners(6)
        self.env.cr.flush()
        cron = self.connection.cron_id
        with self.enter_registry_test_mode(), self.registry.cursor() as cr:
            cron, progress = cron.with_env(self.env(cr=cr))._add_progress()
            env = cron.with_context(cron_id=cron.id, cron_end_time=time.monotonic()).env
            with patch.object(notifier, "notify") as notify:
                Worker(env, self.connection.with_env(env)).run()
            notify.assert_called_once_with(cr.dbname)  # else Odoo comes back to it within a minute, not at once
            self.assertEqual((progress.done, progress.remaining), (2, 1), "progress is told, and that there is more")
        self.env.invalidate_all()
        self.assertEqual(len(self.written_calls("POST")), 2)
        self.work()
        self.assertEqual(set(self.env["integration.sync"].search([("flow_id", "=", flow.id)]).mapped("state")), {"synced"})

    def test_priority_is_for_one_change_only(self):
        """A record that was live once goes with its batch again the next time."""
        flow = self.out_flow()
        partner = self.partner("Ann")
        self.work()
        self.assertEqual(self.sync(flow, partner).priority, 0)
        flow.write({"timing": "batch", "priority": 10})
        partner.name = "Anne"
        self.hold(self.connection)
        self.work()
        self.assertEqual(self.sync(flow, partner).priority, 110)

    def test_a_corrected_value_counts_in_the_same_run(self):
        """The next slice knows what a person has just corrected, although the worker is in the middle of its run."""
        value_map = self.env["integration.value.map"].create({"name": "Kinds"})
        fixed = []
        flow = self.out_flow(batch_size=1, rules=[
            ("function", "billing.company", {"transform": "value_map", "value_map_id": value_map.id})])
        partners = self.partners(2, function="Buyer")
        original = Worker._slice

        def slice_(worker, *args, **kwargs):
            result = original(worker, *args, **kwargs)
            if not fixed:
                lines = value_map.with_env(worker.env).line_ids
                lines.unlink()
                fixed.append(lines.create({"map_id": value_map.id, "external_value": "biz", "odoo_value": "Buyer"}))
                worker.env.cr.commit()
            return result

        with patch.object(Worker, "_slice", slice_):
            self.work()
        states = [self.sync(flow, partner).state for partner in partners]
        self.assertIn("synced", states, "the first one may be repaired by the correction as well")
        self.assertEqual(states.count("failed"), len(states) - states.count("synced"))

    def test_a_flow_that_cannot_be_read_stops_no_other(self):
        good = self.out_flow(name="good")
        broken = self.order_flow(name="broken")
        order, partner = self.order(), self.partner("Ann")
        self.env["integration.sync"].search([]).unlink()
        self.env.cr.flush()
        self.env.cr.execute("UPDATE integration_flow SET domain = '[(', priority = 1 WHERE id = %s", [broken.id])
        self.env.invalidate_all()
        with self.assertLogs("odoo.addons.integration_flow.engine.persistence", "ERROR"):
            self.work()
        self.assertState(good, partner, "synced")
        self.assertState(broken, order, "failed", "internal")

    def test_an_error_nobody_expected(self):
        """It is told on the one record, with a traceback for the developer; the others leave."""
        flow = self.out_flow()
        partners = self.partners(4)
        original = exporter.Exporter._decide

        def decide(self, row, record, *args):
            if record.id == partners[1].id:
                raise ZeroDivisionError("nobody expected this")
            return original(self, row, record, *args)

        with patch.object(exporter.Exporter, "_decide", decide):
            self.work()
        sync = self.assertState(flow, partners[1], "failed", "internal")
        self.assertIn("ZeroDivisionError", sync.error_detail)
        for partner in partners - partners[1]:
            self.assertState(flow, partner, "synced")

    def test_an_error_of_the_database_in_a_field(self):
        flow = self.out_flow()
        partners = self.partners(4)
        original = exporter.Exporter._decide

        def decide(self, row, record, *args):
            if record.id == partners[1].id:
                self.cr.execute("SELECT 1 / 0")
            return original(self, row, record, *args)

        with patch.object(exporter.Exporter, "_decide", decide), \
                self.assertLogs("odoo.addons.integration_flow.engine.persistence", "ERROR"), \
                self.assertLogs("odoo.sql_db", "ERROR"):
            self.work()
        self.assertEqual(self.sync(flow, partners[1]).state, "failed")
        for partner in partners - partners[1]:
            self.assertState(flow, partner, "synced")

    def test_disturbed_while_recording(self):
        """What happened over there is recorded again, not done again."""
        flow = self.out_flow()
        partner = self.partner("Ann")
        original, left = journal.finish, [2]

        def finish(*args):
            original(*args)
            if left[0]:
                left[0] -= 1
                raise failures.ConcurrencyError("another transaction")

        with patch.object(journal, "finish", finish):
            self.work()
        sync = self.assertState(flow, partner, "synced")
        self.assertEqual(len(self.written_calls("POST")), 1)
        log = self.logs(sync)
        self.assertEqual(log.mapped("outcome"), ["created"])
        self.assertTrue(log.exchange_id, "the log leads to its request")
        self.assertEqual(flow.last_run_id.created_count, 1)

    def test_disturbed_all_the_time(self):
        """It is put off, and neither failed nor the end of the worker."""
        flow = self.out_flow()
        partner, other = self.partner("Ann"), self.partner("Bob")
        original = exporter.Exporter._decide

        def decide(self, row, record, *args):
            if record.id == partner.id:
                raise failures.ConcurrencyError("another transaction")
            return original(self, row, record, *args)

        with patch.object(exporter.Exporter, "_decide", decide):
            self.work()
        sync = self.assertState(flow, partner, "pending")
        self.assertGreater(sync.due_at, fields.Datetime.now())
        self.assertState(flow, other, "synced")
        self.make_due(flow)
        self.work()
        self.assertState(flow, partner, "synced")

    def test_settled_records_are_never_picked(self):
        """A moment that was left behind on a settled record must not block the queue."""
        flow = self.out_flow()
        partner, other = self.partner("Ann"), self.partner("Bob")
        self.work()
        self.env.cr.execute(
            "UPDATE integration_sync SET due_at = '2020-01-01', state = 'failed', priority = -9 WHERE id = %s",
            [self.sync(flow, partner).id])
        self.env.invalidate_all()
        other.name = "Bea"
        self.work()
        self.assertState(flow, other, "synced")
        self.assertEqual(len(self.written_calls("PUT")), 1)


@tagged("post_install", "-at_install")
class TestJournal(WorkerCase):
    def test_one_live_run_a_day(self):
        flow = self.out_flow()
        self.partner("Ann")
        self.work()
        self.partner("Bob")
        self.work()
        runs = self.env["integration.run"].search([("flow_id", "=", flow.id)])
        self.assertEqual([(run.trigger, run.state, run.created_count, run.call_count) for run in runs],
                         [("live", "open", 2, 2)])
        self.env.cr.execute("UPDATE integration_run SET started_at = started_at - interval '1 day' WHERE id = %s", [runs.id])
        self.env.invalidate_all()
        self.partner("Carl")
        self.work()
        today, yesterday = self.env["integration.run"].search([("flow_id", "=", flow.id)], order="id desc")
        self.assertEqual((today.state, today.created_count), ("open", 1))
        self.assertEqual((yesterday.state, yesterday.created_count), ("done", 2))

    def test_exports_count_for_the_run_that_sent_them(self):
        """Not for the import that has once read the record."""
        flow = self.out_flow(direction="both", domain="[]", timing="manual", rules=[
            ("city", "billing.city", {"owner": "odoo"})])
        self.receive(flow, {"id": 1, "email": "ann@example.com", "first_name": "Ann", "billing": {"city": ""}})
        first = flow.last_run_id
        self.assertEqual((first.created_count, first.updated_count), (1, 0))
        self.records(flow)["1"].city = "Ghent"
        run = self.run_flow(flow)
        self.assertEqual((first.updated_count, run.updated_count, run.state), (0, 1, "done"))

    def test_a_run_stays_open_until_all_is_sent(self):
        flow = self.out_flow(timing="manual", batch_size=2)
        self.partners(5)
        run = flow._open_run("button")
        self.env.cr.flush()
        cron = self.connection.cron_id
        with self.enter_registry_test_mode(), self.registry.cursor() as cr:
            cron, _progress = cron.with_env(self.env(cr=cr))._add_progress()
            env = cron.with_context(cron_id=cron.id, cron_end_time=time.monotonic()).env
            Worker(env, self.connection.with_env(env)).run()
        self.env.invalidate_all()
        self.assertEqual((run.state, run.created_count), ("open", 2))
        self.work()
        self.assertEqual((run.state, run.created_count, run.failed_count), ("done", 5, 0))

    def test_counters(self):
        flow = self.out_flow(timing="manual")
        self.partners(3)
        self.shop.fault("status", status=400, match_body="p1@")
        run = self.run_flow(flow)
        self.assertEqual((run.created_count, run.failed_count, run.call_count), (2, 1, 3))
        flow._capture_all()
        run = self.run_flow(flow)
        self.assertEqual((run.created_count, run.unchanged_count, run.call_count), (1, 2, 1))

    def test_log_levels(self):
        for level, outcomes, methods in (
                ("all", ["created", "unchanged", "updated"], ["POST", "PUT"]),
                ("changes", ["created", "updated"], ["POST", "PUT"]),
                ("errors", [], [])):
            with self.subTest(level=level):
                self.shop.reset("empty")
                flow = self.out_flow(log_level=level, name=level)
                partner = self.partner("Ann", login=f"ann-{level}")
                self.work()
                partner.write({"name": "X"})
                self.env.cr.flush()
                partner.write({"name": "Ann"})
                self.work()
                partner.name = "Bea"
                self.work()
                self.assertEqual(self.logs(self.sync(flow, partner)).mapped("outcome"), outcomes)
                exchanges = self.env["integration.exchange"].search([("flow_id", "=", flow.id)], order="id")
                self.assertEqual(exchanges.mapped("method"), methods)
                self.shop.fault("status", status=400)
                partner.name = "Cleo"
                self.work()
                self.assertEqual(self.logs(self.sync(flow, partner))[-1].outcome, "failed")
                self.assertEqual(self.env["integration.exchange"].search(
                    [("flow_id", "=", flow.id)], order="id desc", limit=1).status, 400)
                flow.state = "draft"

    def test_exchanges_are_redacted_and_capped(self):
        flow = self.out_flow(rules=[("comment", "billing.address_1", {"transform": "text"})])
        partner = self.partner("Ann", comment="<p>" + "long " * 20000 + "</p>")
        self.work()
        exchange = self.logs(self.sync(flow, partner)).exchange_id
        self.assertNotIn(self.shop.api_key, f"{exchange.request_headers} {exchange.url} {exchange.request_body}")
        self.assertIn("X-API-Key", exchange.request_headers)
        self.assertLess(len(exchange.request_body), 21000)
        self.assertGreater(exchange.request_bytes, 90000)
        self.assertTrue(exchange.correlation_id)
        [call] = [call for call in self.shop.requests() if call["method"] == "POST"]
        self.assertEqual(call["headers"]["x-correlation-id"], exchange.correlation_id)
        self.assertEqual((exchange.status, exchange.direction, exchange.flow_id), (201, "out", flow))

    def test_sensitive_values_are_masked_in_the_log(self):
        flow = self.out_flow(rules=[("vat", "billing.company", {"sensitive": True})])
        partner = self.partner("Ann", vat="BE0477472701")
        self.work()
        self.assertEqual(self.logs(self.sync(flow, partner)).changes["vat"][1], "•••")

    def test_text_that_the_database_cannot_hold(self):
        flow = self.out_flow()
        partner = self.partner("Ann")
        self.shop.fault("status", status=400, message="bad \\u0000 value \x00 here")
        self.work()
        self.assertEqual(self.sync(flow, partner).state, "failed")


@tagged("post_install", "-at_install")
class TestWaking(WorkerCase):
    def setUp(self):
        super().setUp()
        self.env["ir.cron.trigger"].search([("cron_id", "=", self.connection.cron_id.id)]).unlink()

    def test_a_retry_of_the_future_is_planned_once(self):
        flow = self.out_flow(retry_first_seconds=600)
        self.partner("Ann")
        self.env.cr.flush()
        self.assertEqual(len(self.triggers()), 1, "the commit wakes the worker")
        self.shop.fault("status", status=503)
        self.work()
        due = self.env["integration.sync"].search([("flow_id", "=", flow.id)]).due_at
        self.assertEqual([moment for moment in self.triggers() if moment > fields.Datetime.now()], [due])
        self.work()
        self.assertEqual([moment for moment in self.triggers() if moment > fields.Datetime.now()], [due], "not once more")

    def test_an_earlier_moment_is_planned_too(self):
        flow = self.out_flow(timing="scheduled", interval_number=2, interval_unit="hours")
        flow._schedule_next()
        self.work()
        self.assertIn(flow.next_run_at, self.triggers())
        other = self.out_flow(retry_first_seconds=600, name="live", domain="[('ref', '=', 'XL')]")
        self.partner("Ann", ref="XL")
        self.shop.fault("status", status=503)
        self.work()
        due = self.env["integration.sync"].search([("flow_id", "=", other.id)]).due_at
        self.assertEqual([moment for moment in self.triggers() if moment > fields.Datetime.now()], [due, flow.next_run_at])

    def test_held_back_until_a_moment(self):
        self.out_flow()
        self.connection.retry_at = self.later(minutes=3)
        self.partner("Ann")
        self.work()
        self.assertIn(self.connection.retry_at, self.triggers())
        self.assertEqual(self.shop.counts()["requests"], 0)

    def test_nothing_to_do_costs_next_to_nothing(self):
        flow = self.out_flow(timing="scheduled")
        flow._schedule_next()
        self.partners(3)
        self.env.cr.flush()
        self.run_with()
        before = self.env.cr.sql_log_count
        self.assertEqual(self.run_with(), 0)
        self.assertLessEqual(self.env.cr.sql_log_count - before, 12)

    def test_schedule_by_interval_and_by_expression(self):
        flow = self.out_flow(timing="scheduled", interval_number=3, interval_unit="hours")
        flow._schedule_next()
        self.assertAlmostEqual(flow.next_run_at, self.later(hours=3), delta=timedelta(seconds=5))
        flow.next_run_at = self.later(minutes=-1)
        self.work()
        self.assertEqual(flow.last_run_id.trigger, "schedule")
        self.assertEqual(flow.last_run_id.state, "done")
        self.assertAlmostEqual(flow.next_run_at, self.later(hours=3), delta=timedelta(minutes=2))
        flow.write({"cron_expression": "0 6 * * 1-5", "tz": "UTC", "next_run_at": self.later(minutes=-1)})
        self.work()
        self.assertEqual((flow.next_run_at.hour, flow.next_run_at.minute), (6, 0))
        self.assertIn(flow.next_run_at.weekday(), range(5))
        self.assertEqual(len(flow.run_ids), 2)

    def test_a_run_that_is_late_is_made_up_for_once(self):
        flow = self.out_flow(timing="scheduled", interval_number=5, interval_unit="minutes")
        flow.next_run_at = self.later(days=-2)
        self.work()
        self.work()
        self.assertEqual(len(flow.run_ids), 1)
        self.assertGreater(flow.next_run_at, fields.Datetime.now())

    def test_a_slow_connection_delays_only_itself(self):
        """Each connection has a scheduled action of its own."""
        other = self.make_connection(name="Other")
        self.assertNotEqual(self.connection.cron_id, other.cron_id)
        self.out_flow()
        self.partner("Ann")
        self.work(other)
        self.assertEqual(self.shop.counts()["requests"], 0)

    def test_the_scheduled_action_lives_with_its_connection(self):
        connection = self.make_connection(name="Short")
        cron = connection.cron_id
        connection.action_pause()
        self.assertTrue(cron.active, "a running scheduled action could not be changed: the worker looks itself")
        connection.active = False
        self.assertFalse(cron.active)
        connection.active = True
        self.assertTrue(cron.active)
        connection.name = "Shorter"
        self.assertIn("Shorter", cron.name)
        connection.unlink()
        self.assertFalse(cron.exists())
