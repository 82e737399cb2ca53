"""Live records do not wait for batches, for slow answers, nor for systems in trouble: with real processes."""

import json
import time

from odoo.tests import tagged

from odoo.addons.integration_flow.engine.claim import LANE_SPACE, claims

from .real import RealCase, run_worker


@tagged("-standard", "integration_flow_real", "post_install", "-at_install")
class TestUrgency(RealCase):
    def second(self, **vals):
        """Another connection to the same shop."""
        other = self.make_connection(name="Second shop", **vals)

        def forget():
            self.look()
            flows = self.env["integration.flow"].search([("connection_id", "=", other.id)])
            self.remove_flows(flows)
            other.unlink()
            self.cr.commit()

        self.addCleanup(forget)
        return other

    def calls(self, method="POST"):
        """Names of the customers in the order in which they were sent."""
        return [json.loads(request["body"])["first_name"] for request in self.shop.requests(method=method)]

    def test_a_batch_gives_way_to_another_connection(self):
        """No cron comes for the second connection: the worker of the first one does its live record between slices."""
        batch = self.out_flow(timing="manual", domain="[('ref', '=like', 'XB%')]", batch_size=30)
        other = self.second()
        live = self.out_flow(domain="[('ref', '=like', 'XL%')]")
        live.connection_id = other
        self.env["res.partner"].create([
            {"name": f"B{number}", "email": f"b{number}@example.com", "ref": f"XB{number}"} for number in range(90)])
        batch.action_sync_now()
        self.partner("Live", ref="XL")
        self.cr.commit()
        time.sleep(0.2)  # its own worker has had its time
        self.work()
        names = self.calls()
        self.assertEqual(len(names), 91)
        self.assertLess(names.index("Live"), 61)
        self.assertNothingLeft(live)
        self.assertNothingLeft(batch)

    def test_nobody_helps_where_a_call_may_not_come_back(self):
        batch = self.out_flow(timing="manual", domain="[('ref', '=like', 'XB%')]")
        other = self.second()
        live = self.out_flow(domain="[('ref', '=like', 'XL%')]")
        live.connection_id = other
        other.failures_in_row = 1
        self.partner("Batch", ref="XB")
        batch.action_sync_now()
        self.partner("Live", ref="XL")
        self.cr.commit()
        time.sleep(0.2)
        self.work()
        self.assertEqual(self.calls(), ["Batch"])
        other.failures_in_row = 0
        self.work(other)
        self.assertEqual(self.calls(), ["Batch", "Live"])

    def test_live_records_do_not_wait_for_a_slow_page(self):
        self.shop.seed(customers=3)
        self.shop.fault("delay", path="/customers", method="GET", seconds=4)
        batch = self.make_flow("res.partner", [
            ("name", "first_name"), ("email", "email", {"match_key": True})], name="Slow list")
        self.out_flow(domain="[('ref', '=like', 'XL%')]")
        batch.action_sync_now()
        self.cr.commit()
        pid = self.fork(run_worker, self.connection.id)
        time.sleep(1)  # until it waits for the page
        self.look()
        self.partner("Live", ref="XL")
        self.cr.commit()
        committed = time.time()
        self.join(pid)
        sent = next(request for request in self.shop.requests(method="POST"))
        page = next(request for request in self.shop.requests(method="GET"))
        self.assertLess(sent["at"] - committed, 2)
        self.assertLess(sent["at"], page["at"])
        self.look()
        self.assertNothingLeft(batch)

    def test_live_records_interrupt_slow_calls(self):
        self.connection.parallel_calls = 1
        batch = self.out_flow(timing="manual", domain="[('ref', '=like', 'XB%')]")
        live = self.out_flow(domain="[('ref', '=like', 'XL%')]")
        self.env["res.partner"].create([
            {"name": f"B{number}", "email": f"b{number}@example.com", "ref": f"XB{number}"} for number in range(12)])
        batch.action_sync_now()
        self.cr.commit()
        self.shop.settings(latency_ms=300)
        pid = self.fork(run_worker, self.connection.id)
        deadline = time.monotonic() + 10
        while not self.shop.requests(method="POST") and time.monotonic() < deadline:
            time.sleep(0.05)
        self.look()
        self.partner("Live", ref="XL")
        self.cr.commit()
        self.join(pid)
        names = self.calls()
        self.assertEqual(len(names), 13)
        self.assertEqual(len(set(names)), 13)
        self.assertLess(names.index("Live"), 6)
        self.look()
        self.assertNothingLeft(live)
        self.assertNothingLeft(batch)

    def test_systems_in_trouble_share_one_lane(self):
        flow = self.out_flow()
        self.partner()
        self.connection.failures_in_row = 2
        self.cr.commit()
        with claims(self.cr) as other_worker:
            self.assertTrue(other_worker.keep(LANE_SPACE, 1))
            self.work()
            self.assertEqual(self.calls(), [])
            other_worker.release()  # what it took for a slice
            self.work()
            self.assertEqual(self.calls(), [])
        self.work()
        self.assertEqual(self.calls(), ["Ann"])
        self.assertNothingLeft(flow)
        self.assertEqual(self.connection.failures_in_row, 0)
