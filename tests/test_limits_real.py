"""Limits that several processes keep together, one token for all, one probe at a time, and settings that act at once: with
real workers in processes of their own."""

import json
import logging
import os
import signal
import time

from odoo import SUPERUSER_ID, api, fields
from odoo.service.model import retrying
from odoo.tests import tagged

from odoo.addons.integration_flow.engine import outbox
from odoo.addons.integration_flow.engine.shared import OAUTH_LOCK_SPACE
from odoo.addons.integration_flow.engine.worker import Worker

from .export_common import FIND
from .real import RealCase

_logger = logging.getLogger(__name__)


def busy_worker(registry, connection_id):
    """A worker that must get something to do."""
    with registry.cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {})
        handled = Worker(env, env["integration.connection"].browse(connection_id)).run()
    if not handled:
        raise AssertionError("there was nothing to do for this worker")


def patient_worker(registry, connection_id, seconds):
    """A scheduled action that is called again and again for so long, as Odoo does."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            Worker(env, env["integration.connection"].browse(connection_id)).run()
        time.sleep(0.05)


class LimitsRealCase(RealCase):
    shop_flags = {"keep_requests": 5000}

    def setUp(self):
        super().setUp()
        self.addCleanup(self.shop.settings, rate_limit=None)
        self.cr.execute(
            "UPDATE integration_connection_state SET leases = NULL, resume_at = NULL, calls_today = 0, oauth_token = NULL "
            "WHERE connection_id = %s", [self.connection.id])
        self.cr.commit()
        self.shop.clear_counts()

    def _remove(self):
        self.shop.settings(rate_limit=None)
        return super()._remove()

    def set(self, **vals):
        """As somebody who saves the form, while workers run."""
        self.look()
        retrying(lambda: self.connection.write(vals), self.env)  # what a request does that met another transaction
        self.cr.commit()

    def begins(self):
        """When the shop's calls began, oldest first."""
        return sorted(call["at"] - call["seconds"] for call in self.shop.requests())

    def workers(self, count, work=busy_worker, *args):
        """Several workers at once, none of which is first to see what was captured."""
        self.cr.commit()
        outbox.drain(self.cr, self.connection.id, fields.Datetime.now())
        self.cr.commit()
        return [self.fork(work, self.connection.id, *args) for _number in range(count)]


@tagged("-standard", "integration_flow_real", "post_install", "-at_install")
class TestSharedRate(LimitsRealCase):
    def test_two_workers_keep_one_limit_and_use_it(self):
        calls, period, records = 40, 2.0, 200
        self.set(rate_calls=calls, rate_period=period)
        self.shop.settings(rate_limit={"requests": calls, "period": period}, latency_ms=5)
        flow = self.out_flow(batch_size=5)
        partners = self.partners(records)
        self.assertEqual(self.join(*self.workers(2)), [0, 0])
        self.assertNothingLeft(flow)
        counts = self.shop.counts()
        self.assertNotIn("429", counts["by_status"], "the shop has counted, and never too many")
        self.assertEqual((counts["creates"]["customers"]["total"], counts["doubled"]), (records, {}))
        begins = self.begins()
        most = max(sum(1 for other in begins[index:] if other < begin + period) for index, begin in enumerate(begins))
        self.assertLessEqual(most, calls)
        # The first period's calls leave at once; the rest at the rate of the limit.
        ideal = (records - calls) / calls * period
        _logger.info(
            "%s calls in %.2f s (ideal %.2f s), at most %s of %s in a period", len(begins), begins[-1] - begins[0], ideal,
            most, calls)
        # On a busy machine the workers themselves are late; core/tests/test_rate.py knows what the limit itself costs.
        self.assertLess(begins[-1] - begins[0], ideal * 1.35 + 1, "nearly all of the limit is used")
        self.assertEqual(len(partners), self.connection.calls_today, "and all calls are counted")
        self.assertGreater(self.connection.rate_used, 0)
        self.assertEqual(self.connection.rate_used + self.connection.rate_left, calls)

    def test_many_calls_do_not_ask_the_database_each(self):
        """A thousand calls in a period: leases, not questions."""
        self.set(rate_calls=1000, rate_period=1)
        self.out_flow()
        self.partners(300)
        self.cr.commit()
        self.cr.execute(
            "SELECT revision FROM integration_connection_state WHERE connection_id = %s", [self.connection.id])
        before = self.cr.fetchone()[0]
        self.work()
        self.cr.execute(
            "SELECT revision FROM integration_connection_state WHERE connection_id = %s", [self.connection.id])
        leases = self.cr.fetchone()[0] - before
        _logger.info("%s leases for 300 calls", leases)
        self.assertLess(leases, 150)
        self.assertEqual(self.connection.calls_today, 300)

    def test_a_429_holds_all_workers_at_once(self):
        """One of them is told to wait: none of them calls, until the time is over."""
        flow = self.out_flow(batch_size=2)
        self.partners(60)
        self.shop.settings(latency_ms=60)
        self.shop.fault("rate_limit", retry_after=2, after=10)
        self.assertEqual(self.join(*self.workers(3)), [0, 0, 0])
        calls = self.shop.requests()
        told = next(call["at"] for call in calls if call["status"] == 429)
        # A call that was on its way, and what the others learn within a fifth of a second.
        early = [begin - told for begin in self.begins() if told + 0.3 < begin < told + 2]
        self.assertEqual(early, [])
        self.assertTrue(any(begin > told + 2 for begin in self.begins()), "afterwards they go on")
        self.work()
        self.assertNothingLeft(flow)
        self.assertEqual(self.shop.counts()["creates"]["customers"]["total"], 60)

    def test_a_long_429_is_remembered_and_ends_by_button(self):
        flow = self.out_flow()
        partner = self.partner("Ann")
        self.shop.fault("rate_limit", retry_after=120)
        self.work()
        self.assertAlmostEqual(self.connection.asked_to_wait, 120, delta=3)
        self.assertTrue(self.connection.retry_at)
        self.connection.action_try_now()
        self.cr.commit()
        self.look()
        self.assertEqual(self.connection.asked_to_wait, 0)
        self.make_due(flow)
        self.work()
        self.assertState(flow, partner, "synced")

    def test_a_worker_that_dies_keeps_its_lease_only_for_a_period(self):
        """What it had taken counts as used until its time is over, then it is free."""
        self.set(rate_calls=20, rate_period=1)
        flow = self.out_flow(batch_size=10)
        self.partners(30)
        self.join(self.worker_in_child(point="after_sending"))
        time.sleep(1.2)
        self.look()
        self.assertEqual(self.connection.rate_left, 20)
        self.make_due(flow)
        self.work()
        self.assertNothingLeft(flow)


@tagged("-standard", "integration_flow_real", "post_install", "-at_install")
class TestSharedToken(LimitsRealCase):
    def setUp(self):
        super().setUp()
        self.connection.write({
            "auth_type": "oauth2_client", "auth_user": self.shop.client_id, "auth_secret_input": self.shop.client_secret,
            "token_url": self.shop.token_url})
        self.cr.commit()
        self.issued = self.shop.counts()["tokens_issued"]

    def _remove(self):
        self.connection.write({"auth_type": "api_key_header", "auth_name": "X-API-Key"})
        return super()._remove()

    def token_calls(self):
        """What the token endpoint was asked: (kind of grant, status)."""
        return [(("refresh_token" if "refresh_token" in call["body"] else "client_credentials"), call["status"])
                for call in self.shop.requests() if "/oauth/token" in call["target"]]

    def test_the_first_token_is_got_once(self):
        flow = self.out_flow(batch_size=2)
        self.partners(40)
        self.shop.settings(latency_ms=80)
        self.assertEqual(self.join(*self.workers(3)), [0, 0, 0])
        self.work()
        self.assertNothingLeft(flow)
        self.assertEqual(self.token_calls(), [("client_credentials", 200)])

    def test_workers_that_renew_at_once_do_not_lock_each_other_out(self):
        """Refresh tokens work once. All workers have the same one, and it runs out under all of them at the same time."""
        flow = self.out_flow(batch_size=2)
        first = self.partner("First")
        self.work()
        self.assertState(flow, first, "synced")
        self.shop.clear_counts()
        for _round in range(3):
            self.shop.control("POST", "tokens", {"expire": True})
            self.env["res.partner"].create([
                {"name": f"R{_round} {number}", "email": f"r{_round}.{number}@example.com", "ref": f"X-{_round}-{number}"}
                for number in range(30)])
            self.cr.commit()
            self.shop.settings(latency_ms=60)
            self.assertEqual(self.join(*self.workers(3)), [0, 0, 0])
        self.work()
        self.assertNothingLeft(flow)
        self.assertFalse(self.connection.paused)
        self.assertEqual(self.token_calls(), [("refresh_token", 200)] * 3, "renewed once each time, and nobody was refused")
        self.assertIn("rt_", json.loads(self.stored_token())["refresh_token"])

    def stored_token(self):
        self.cr.execute(
            "SELECT oauth_token FROM integration_connection_state WHERE connection_id = %s", [self.connection.id])
        return self.cr.fetchone()[0]

    def test_new_credentials_while_a_worker_renews(self):
        """The token that it got with the old ones is not kept for the new ones."""
        self.shop.settings(latency_ms=500)
        self.out_flow()
        self.partner("Ann")
        child = self.fork(busy_worker, self.connection.id)
        self.shop.wait_until(self.is_renewing)
        self.connection.scope = "other"
        self.cr.commit()
        self.assertEqual(self.join(child), [0])
        self.assertIsNone(self.stored_token())
        self.partner("Bob")
        self.work()
        self.assertTrue(self.connection.sudo().oauth_token)

    def is_renewing(self):
        self.cr.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = %s", [OAUTH_LOCK_SPACE])
        found = self.cr.fetchone()
        self.cr.rollback()
        return found


@tagged("-standard", "integration_flow_real", "post_install", "-at_install")
class TestOneProbe(LimitsRealCase):
    def test_one_call_by_all_workers_together(self):
        flow = self.out_flow(batch_size=5, retry_attempts=2)
        partners = self.partners(40)
        self.shop.fault("status", status=503, times=None)
        self.work()
        self.assertEqual(self.connection.circuit_state, "open")
        for _round in range(3):
            self.shop.clear_counts()
            self.make_due(flow)
            self.cr.commit()
            self.shop.settings(latency_ms=400)
            self.join(*[self.worker_in_child() for _number in range(4)])
            self.assertEqual(self.shop.counts()["requests"], 1)
        self.shop.settings(latency_ms=0)
        self.shop.clear_faults()
        self.make_due(flow)
        self.cr.commit()
        self.join(*[self.worker_in_child() for _number in range(4)])
        self.work()
        self.assertNothingLeft(flow)
        self.assertEqual(self.connection.circuit_state, "closed")
        self.assertEqual(len(self.shop.dump("customers")), len(partners))

    def test_a_prober_that_is_killed_is_followed_by_the_next_one(self):
        flow = self.out_flow()
        partner = self.partner("Ann")
        self.shop.fault("status", status=503, times=5)
        for _round in range(5):
            self.make_due(flow)
            self.work()
        self.assertEqual(self.connection.circuit_state, "open")
        self.make_due(flow)
        self.cr.commit()
        [ended] = self.join(self.worker_in_child(point="after_sending"))
        self.assertEqual(ended, 9)
        self.assertEqual(self.connection.circuit_state, "half_open")
        self.work()
        self.assertState(flow, partner, "synced")
        self.assertEqual(self.connection.circuit_state, "closed")
        self.assertEqual(self.shop.counts()["creates"]["customers"]["total"], 1)


@tagged("-standard", "integration_flow_real", "post_install", "-at_install")
class TestAtOnce(LimitsRealCase):
    """What is saved in the form counts for a worker that runs already, with its next slice."""

    def setUp(self):
        super().setUp()
        self.children = []
        self.addCleanup(self.end_children)

    def end_children(self):
        """Of a test that failed half-way."""
        for child in self.children:
            os.kill(child, signal.SIGKILL)
        self.join(*self.children)

    def running(self, records=400, seconds=None, **vals):
        """A flow with much to do and a worker that has begun with it; slices of ten records."""
        flow = self.out_flow(**{"batch_size": 10, **vals})
        self.partners(records)
        child = self.fork(*((patient_worker, self.connection.id, seconds) if seconds else (busy_worker, self.connection.id)))
        self.children.append(child)
        self.shop.wait_until(lambda: self.shop.counts()["requests"] >= 20)
        return flow, child

    def in_a_moment(self, seconds=0.5):
        """What the shop counts in the next moment."""
        self.shop.clear_counts()
        time.sleep(seconds)
        return self.shop.counts()

    def soon(self, check):
        """It is so after the slice that was under way (a busy machine takes its time for one)."""
        self.shop.wait_until(check, seconds=15)

    def ends(self, child):
        """The worker does the rest without delay."""
        self.shop.settings(latency_ms=0)
        self.assertEqual(self.join(child), [0])
        self.children.remove(child)
        self.work()

    def test_rate_limit(self):
        self.shop.settings(latency_ms=20)
        flow, child = self.running()
        self.set(rate_calls=5, rate_period=0.5)
        self.soon(lambda: 0 < self.in_a_moment(0.5)["requests"] <= 10)
        self.assertLessEqual(self.in_a_moment(2.0)["requests"], 25)
        self.set(rate_calls=0)
        self.soon(lambda: self.in_a_moment(0.5)["requests"] > 10)
        self.ends(child)
        self.assertNothingLeft(flow)

    def test_parallel_calls(self):
        self.shop.settings(latency_ms=30)
        flow, child = self.running(600)
        self.assertGreater(self.shop.counts()["max_parallel"], 1)
        self.set(parallel_calls=1)
        self.soon(lambda: self.in_a_moment()["max_parallel"] == 1)
        self.set(parallel_calls=8)
        self.soon(lambda: self.in_a_moment()["max_parallel"] > 4)
        self.ends(child)
        self.assertNothingLeft(flow)

    def test_batch_size(self):
        """Two-phase: records that are marked as being sent are those of one slice."""
        self.shop.settings(latency_ms=60)
        flow, child = self.running(300)

        def in_one_slice():
            sizes = set()
            for _look in range(100):
                self.cr.execute(
                    "SELECT count(*) FROM integration_sync WHERE flow_id = %s AND state = 'processing'", [flow.id])
                sizes.add(self.cr.fetchone()[0])
                self.cr.rollback()
                time.sleep(0.01)
            return max(sizes)

        self.assertEqual(in_one_slice(), 10)
        flow.batch_size = 4
        self.cr.commit()
        self.soon(lambda: in_one_slice() == 4)
        self.ends(child)
        self.assertNothingLeft(flow)

    def test_time_out(self):
        self.shop.settings(latency_ms=60)
        flow, child = self.running(300, operations=self.operations("list", "find", "read", "create", "update", find=FIND))
        self.set(timeout_read=0.2, circuit_threshold=0)
        time.sleep(2)
        self.shop.fault("timeout_before", seconds=3, times=4)
        self.soon(lambda: all(fault["hits"] >= 4 for fault in self.shop.control("GET", "faults")["faults"]))
        self.ends(child)
        self.cr.execute(
            "SELECT max(duration_ms) FROM integration_exchange WHERE connection_id = %s AND error_class = 'timeout'",
            [self.connection.id])
        slowest = self.cr.fetchone()[0]
        self.assertTrue(slowest and slowest < 1500, f"{slowest} ms")
        self.set(timeout_read=10, circuit_threshold=5)  # what comes now is not about time
        self.make_due(flow)
        self.work()
        self.assertNothingLeft(flow)

    def test_pause_and_resume(self):
        self.shop.settings(latency_ms=20)
        flow, child = self.running(600, seconds=12)
        self.look()
        self.connection.action_pause()
        self.cr.commit()
        self.soon(lambda: self.in_a_moment()["requests"] == 0)
        self.assertEqual(self.in_a_moment(0.7)["requests"], 0)
        self.look()
        self.connection.action_resume()
        self.cr.commit()
        self.soon(lambda: self.shop.counts()["requests"] > 20)
        self.ends(child)
        self.assertNothingLeft(flow)

    def test_credentials(self):
        """The worker runs into refused credentials; corrected ones release all, without a restart."""
        self.shop.settings(latency_ms=20)
        flow, child = self.running(400, seconds=15)
        self.set(auth_secret_input="wrong")
        self.soon(self.is_paused)
        self.set(auth_secret_input=self.shop.api_key)
        self.ends(child)
        self.assertFalse(self.connection.paused)
        self.assertNothingLeft(flow)
        self.assertEqual(self.shop.counts()["creates"]["customers"]["total"], 400)

    def is_paused(self):
        self.look()
        return self.connection.paused
