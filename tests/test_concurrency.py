"""Nothing lost, nothing doubled, nobody kept waiting: with real processes, real cursors and kill -9.

Not part of Odoo's standard tests, because they commit; ``./dev test`` runs them.
"""

import logging
import signal
import threading
import time

from odoo import SUPERUSER_ID, api
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.integration_flow.engine.pressed import process_now

from .real import KILLS, RealCase

_logger = logging.getLogger(__name__)


@tagged("-standard", "integration_flow_real", "post_install", "-at_install")
class TestUsersAndWorker(RealCase):
    def test_users_never_wait(self):
        """Two users write the same records, one after the other, while the worker drains and sends all the time."""
        flow = self.out_flow()
        partners = self.partners(3)
        self.cr.commit()
        stop, problems = threading.Event(), []

        def worker():
            while not stop.is_set():
                try:
                    self.registry.check_signaling()
                    with self.registry.cursor() as cr:
                        env = api.Environment(cr, SUPERUSER_ID, {})
                        env["integration.connection"].browse(self.connection.id)._cron_work()
                        # What runs change on a flow and its scheduled action must not disturb a capture either.
                        cr.execute("UPDATE integration_flow SET last_success_at = now() WHERE id = %s", [flow.id])
                        cr.execute("UPDATE ir_cron SET lastcall = now() WHERE id = %s", [self.connection.cron_id.id])
                except Exception as error:
                    problems.append(error)

        thread = threading.Thread(target=worker)
        thread.start()
        slowest = 0.0
        try:
            for number in range(40):
                started = time.monotonic()
                with self.other_user() as env:  # gives up at once when it has to wait for a lock
                    for partner in partners.with_env(env):
                        partner.write({"name": f"{partner.name.split()[0]} {number}", "city": "Ghent"})
                slowest = max(slowest, time.monotonic() - started)
        finally:
            stop.set()
            thread.join()
        self.assertEqual(problems, [])
        self.work()
        self.assertNothingLeft(flow)
        there = {customer["email"]: customer["first_name"] for customer in self.shop.dump("customers")}
        self.assertEqual(there, {partner.email: partner.name for partner in partners}, "the last values arrived")
        self.assertEqual(self.shop.counts()["creates"]["customers"]["total"], 3)
        _logger.info("slowest write of a user: %.3f s", slowest)

    def test_no_transaction_while_waiting(self):
        """A slow system: the worker has no transaction open, and a user changes the very record that is being sent."""
        flow = self.out_flow()
        partner = self.partner("Ann")
        self.shop.settings(latency_ms=1200)
        child = self.worker_in_child()
        self.shop.wait_until(lambda: self.child_is_calling(child))
        for _look in range(3):
            self.env.cr.execute(
                "SELECT query FROM pg_stat_activity WHERE application_name = %s AND xact_start IS NOT NULL",
                [f"odoo-{child}"])
            self.assertEqual(self.env.cr.fetchall(), [])
            self.cr.rollback()
            time.sleep(0.1)
        with self.other_user() as env:
            partner.with_env(env).name = "Anne"
        self.assertEqual(self.join(child), [0])
        self.shop.settings(latency_ms=0)
        self.work()
        self.assertState(flow, partner, "synced")
        self.assertEqual([customer["first_name"] for customer in self.shop.dump("customers")], ["Anne"])

    def child_is_calling(self, child):
        self.env.cr.execute("SELECT state FROM integration_sync WHERE connection_id = %s", [self.connection.id])
        states = [row[0] for row in self.env.cr.fetchall()]
        self.cr.rollback()
        return "processing" in states

    def test_changed_while_it_is_sent(self):
        """The change that came while the old value was on its way is not taken for sent."""
        flow = self.out_flow()
        partner = self.partner("Ann")
        self.work()
        partner.name = "Bea"
        self.shop.settings(latency_ms=600)
        child = self.worker_in_child()
        self.shop.wait_until(lambda: self.child_is_calling(child))
        with self.other_user() as env:
            partner.with_env(env).name = "Cleo"
            env.cr.flush()
        self.shop.settings(latency_ms=0)
        self.assertEqual(self.join(child), [0])
        self.work()
        self.assertState(flow, partner, "synced")
        self.assertEqual([customer["first_name"] for customer in self.shop.dump("customers")], ["Cleo"])

    def test_received_while_it_is_sent(self):
        """A newer state that arrives from there while our change is on its way is not forgotten."""
        flow = self.out_flow(direction="both", domain="[('ref', '=like', 'X%')]", rules=[
            ("city", "billing.city", {"owner": "external"}), ("street", "billing.address_1", {"owner": "odoo"})])
        partner = self.partner("Ann", city="Ghent")
        self.work()
        external_id = self.sync(flow, partner).external_id
        partner.street = "Main 1"
        self.shop.settings(latency_ms=700)
        child = self.worker_in_child()
        self.shop.wait_until(lambda: self.child_is_calling(child))
        from odoo.addons.integration_flow.engine import inbox
        from odoo.addons.integration_flow.engine.plan import FlowPlan
        record = {**self.shop.dump("customers")[0], "date_modified_gmt": "2099-01-01T00:00:00"}
        record["billing"] = {**record["billing"], "city": "Mons"}
        inbox.store(self.cr, FlowPlan(flow), [record], now=flow.create_date)
        self.cr.commit()
        self.shop.settings(latency_ms=0)
        self.assertEqual(self.join(child), [0])
        self.work()
        self.assertState(flow, partner, "synced")
        self.assertEqual(partner.city, "Mons")
        self.assertEqual(self.shop.get(f"customers/{external_id}")["billing"]["address_1"], "Main 1")

    def test_pausing_while_the_worker_runs(self):
        self.out_flow()
        self.partner("Ann")
        self.shop.settings(latency_ms=500)
        child = self.fork(run_scheduled_action, self.connection.cron_id.id)
        self.shop.wait_until(lambda: self.child_is_calling(child))
        with self.other_user() as env:
            self.connection.with_env(env).action_pause()
            self.connection.with_env(env).name = "Renamed shop"
        self.assertEqual(self.join(child), [0])
        self.assertTrue(self.connection.paused)


def run_scheduled_action(registry, cron_id):
    """As Odoo's cron worker does: with the job's row locked by another cursor."""
    with registry.cursor() as cr:
        crons = api.Environment(cr, SUPERUSER_ID, {})["ir.cron"]
        job = crons._acquire_one_job(cr, cron_id, include_not_ready=True)
        crons._process_job(cr, job)
        cr.commit()


@tagged("-standard", "integration_flow_real", "post_install", "-at_install")
class TestScheduledAction(RealCase):
    def test_refused_credentials_pause_from_within(self):
        """The worker cannot change its own scheduled action while it runs, and need not."""
        flow = self.out_flow()
        self.connection.administrator_id = self.env.ref("base.user_admin")
        self.connection.auth_secret_input = "wrong"
        partner = self.partner("Ann")
        self.assertEqual(self.join(self.fork(run_scheduled_action, self.connection.cron_id.id)), [0])
        self.assertTrue(self.connection.paused)
        self.assertEqual(self.env["mail.activity"].search_count(
            [("res_model", "=", "integration.connection"), ("res_id", "=", self.connection.id)]), 1)
        self.assertState(flow, partner, "waiting", "authentication")
        self.connection.auth_secret_input = self.shop.api_key
        self.cr.commit()
        self.assertEqual(self.join(self.fork(run_scheduled_action, self.connection.cron_id.id)), [0])
        self.assertState(flow, partner, "synced")

    def test_a_commit_wakes_the_worker(self):
        self.out_flow()
        self.cr.execute("DELETE FROM ir_cron_trigger WHERE cron_id = %s", [self.connection.cron_id.id])
        self.cr.commit()
        self.partner("Ann")
        self.cr.commit()
        self.env.cr.execute(
            "SELECT count(*) FROM ir_cron_trigger WHERE cron_id = %s AND call_at <= now() AT TIME ZONE 'UTC'",
            [self.connection.cron_id.id])
        self.assertEqual(self.env.cr.fetchone()[0], 1)


@tagged("-standard", "integration_flow_real", "post_install", "-at_install")
class TestTwoWorkers(RealCase):
    def test_import_the_same_data(self):
        flow = self.customer_flow(domain="[]", batch_size=10)
        self.shop.seed(customers=120)
        for name in ("first", "again"):
            with self.subTest(run=name):
                run = flow._open_run("button", full=True)
                self.cr.commit()
                self.assertEqual(self.join(*(self.worker_in_child() for _n in range(3))), [0, 0, 0])
                self.work()
                emails = [customer["email"] for customer in self.shop.dump("customers")]
                records = self.records(flow)
                self.assertEqual(len(records), len(emails))
                self.assertEqual(len(self.env["res.partner"].search([("email", "in", emails)])), len(set(emails)))
                self.assertNothingLeft(flow)
                self.assertEqual((run.state, run.read_count), ("done", len(emails)))
                self.assertEqual(run.created_count, len(emails) if name == "first" else 0)

    def test_export_the_same_data(self):
        flow = self.out_flow(batch_size=5)
        self.partners(60)
        self.shop.settings(latency_ms=10)
        self.assertEqual(self.join(*(self.worker_in_child() for _n in range(3))), [0, 0, 0])
        self.work()
        self.assertNothingLeft(flow)
        counts = self.shop.counts()
        self.assertEqual((counts["creates"]["customers"]["total"], counts["doubled"]), (60, {}))
        self.assertEqual(len(self.records(flow)), 60)

    def test_two_directions_at_once(self):
        """The same people on both sides, matched while others create them: no worker makes a second one."""
        flow = self.out_flow(
            direction="both", batch_size=4, domain="[('ref', '=like', 'X%')]",
            operations=self.operations("list", "find", "read", "create", "update"))
        self.put_customers(*({"id": n + 1, "email": f"p{n}@example.com", "first_name": f"P{n}"} for n in range(20)))
        partners = self.partners(30)
        flow._open_run("button", full=True)
        self.cr.commit()
        self.assertEqual(self.join(*(self.worker_in_child() for _n in range(3))), [0, 0, 0])
        self.work()
        self.assertNothingLeft(flow)
        self.assertEqual(len(self.shop.dump("customers")), 30)
        self.assertEqual(len(self.env["res.partner"].search([("email", "in", partners.mapped("email"))])), 30)
        self.assertEqual(len(self.env["integration.sync"].search([("flow_id", "=", flow.id)])), 30)

    def test_button_and_worker(self):
        flow = self.out_flow()
        partner = self.partner("Ann")
        self.shop.fault("status", status=422, message="No.")
        self.work()
        sync = self.assertState(flow, partner, "failed", "validation")
        self.shop.settings(latency_ms=300)
        sync._queue("both at once")
        child = self.worker_in_child()
        outcomes = process_now(self.env, sync.ids)
        self.assertEqual(self.join(child), [0])
        self.work()
        self.assertIn(outcomes[0]["state"], ("synced", "pending", "processing"))
        self.assertState(flow, partner, "synced")
        self.assertEqual(self.shop.counts()["creates"]["customers"]["total"], 1)


@tagged("-standard", "integration_flow_real", "post_install", "-at_install")
class TestButtons(RealCase):
    def test_the_log_survives_the_rollback(self):
        flow = self.out_flow()
        partner = self.partner("Ann")
        self.shop.fault("status", status=422, message="The postcode does not exist.", times=2)
        self.work()
        sync = self.sync(flow, partner)
        with self.registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            env["res.partner"].create({"name": "Undone", "ref": "X-undone"})
            result = sync.with_env(env).action_retry()
            cr.rollback()
        self.assertIn("The postcode does not exist", result["params"]["message"])
        self.look()
        self.assertEqual(len(self.logs(sync, "failed")), 2)
        self.assertFalse(self.env["res.partner"].search([("ref", "=", "X-undone")]))

    def test_decisions_do_not_wait_for_themselves(self):
        """What a person decides is written by the engine's own transaction: the caller's would block it."""
        operations = self.operations("list", "read", "update", "create")
        del operations["create"]["idempotency_header"]
        flow = self.out_flow(operations=operations)
        partner = self.partner("Ann")
        self.shop.fault("cut_before", method="POST")
        self.work()
        sync = self.assertState(flow, partner, "unknown", "timeout")
        started = time.monotonic()
        sync.action_was_not_created()
        self.assertLess(time.monotonic() - started, 2)
        self.look()
        self.assertState(flow, partner, "synced")

    @mute_logger("odoo.sql_db")
    def test_a_caller_that_holds_the_record(self):
        """Code that changed the record in the same transaction: the button gives up instead of hanging for ever."""
        flow = self.customer_flow(domain="[]")
        self.shop.seed(customers=1)
        flow._open_run("button", full=True)
        self.work()
        [(_external_id, record)] = self.records(flow).items()
        sync = self.sync(flow, record)
        self.shop.touch("customers", ids=[int(sync.external_id)], changes={"first_name": "Other"})
        sync.import_pending = True
        self.cr.commit()
        record.color = 5
        record.flush_recordset()
        result = sync._run_now()
        self.assertEqual(result["params"]["type"], "warning", result["params"]["message"])
        self.cr.commit()
        self.cr.execute("UPDATE integration_sync SET due_at = now() AT TIME ZONE 'UTC' WHERE id = %s", [sync.id])
        self.work()
        self.assertState(flow, record, "synced")
        self.assertEqual(record.name, "Other")


@tagged("-standard", "integration_flow_real", "post_install", "-at_install")
class TestKill(RealCase):
    """kill -9 at every step: after a restart everything has arrived, once, and nothing stays 'processing'."""

    def kill_at(self, point, hit):
        [ended] = self.join(self.worker_in_child(point=point, hit=hit))
        self.assertIn(ended, (0, signal.SIGKILL))
        return ended == signal.SIGKILL

    def release(self, flow):
        """Time passes: retries are due."""
        self.make_due(flow)
        self.cr.commit()

    def killed_export(self, operations, points):
        for point in points:
            for hit in range(1, KILLS + 1):
                with self.subTest(point=point, hit=hit):
                    self.shop.reset("empty")
                    flow = self.out_flow(operations=operations, batch_size=4)
                    partners = self.partners(10)
                    self.cr.commit()
                    killed = self.kill_at(point, hit)
                    self.assertTrue(killed or hit > 1, "the point is passed")
                    self.release(flow)
                    self.work()
                    self.release(flow)
                    self.work()
                    yield flow, partners
                    self.remove_flows(flow)

    EXPORT_POINTS = (
        "before_claim", "after_claim", "before_sending", "after_sending", "links_not_committed", "links_committed",
        "before_settling", "after_settling")

    def assertArrivedOnce(self, flow, partners):
        self.assertNothingLeft(flow)
        counts = self.shop.counts()
        self.assertEqual((counts["creates"]["customers"]["total"], counts["doubled"]), (len(partners), {}))
        there = {str(customer["id"]): customer["email"] for customer in self.shop.dump("customers")}
        self.assertEqual(there, {external_id: record.email for external_id, record in self.records(flow).items()})

    def test_export_with_keys(self):
        for flow, partners in self.killed_export(self.operations("list", "read", "create", "update"), self.EXPORT_POINTS):
            self.assertArrivedOnce(flow, partners)

    def test_export_with_look_up(self):
        operations = self.operations("list", "find", "read", "create", "update")
        del operations["create"]["idempotency_header"]
        for flow, partners in self.killed_export(operations, ("before_sending", "after_sending", "before_settling")):
            self.assertArrivedOnce(flow, partners)

    def test_export_with_neither(self):
        """Then a person decides about those whose answer died with the worker; all others arrive, and none twice."""
        operations = self.operations("list", "read", "create", "update")
        del operations["create"]["idempotency_header"]
        for flow, partners in self.killed_export(operations, ("after_claim", "after_sending", "links_committed")):
            syncs = self.env["integration.sync"].search([("flow_id", "=", flow.id)])
            self.assertEqual(len(syncs), len(partners))
            self.assertLessEqual(set(syncs.mapped("state")), {"synced", "unknown"})
            counts = self.shop.counts()
            self.assertEqual((counts["creates"]["customers"]["total"], counts["doubled"]), (len(partners), {}))

    def test_import(self):
        for point in (
                "before_claim", "after_claim", "after_importing", "links_committed", "before_settling", "after_settling"):
            for hit in range(1, KILLS + 1):
                with self.subTest(point=point, hit=hit):
                    self.shop.reset("empty")
                    self.shop.seed(customers=25)
                    flow = self.customer_flow(domain="[]", batch_size=10)
                    flow.resource_id._operation("list").page_size = 10
                    run = flow._open_run("button", full=True)
                    self.cr.commit()
                    self.kill_at(point, hit)
                    self.release(flow)
                    self.work()
                    self.assertNothingLeft(flow)
                    emails = [customer["email"] for customer in self.shop.dump("customers")]
                    self.assertEqual(len(self.records(flow)), len(emails))
                    self.assertEqual(self.env["res.partner"].search_count([("email", "in", emails)]), len(emails))
                    self.assertEqual(run.state, "done")
                    self.remove_flows(flow)

    def test_nothing_stays_processing_where_nothing_may_run(self):
        flow = self.out_flow()
        partner = self.partner("Ann")
        self.cr.commit()
        self.assertTrue(self.kill_at("after_sending", 1))
        self.assertState(flow, partner, "processing")
        flow.action_pause()
        self.work()
        self.assertState(flow, partner, "pending")
        flow.action_resume()
        self.work()
        self.assertArrivedOnce(flow, partner)
