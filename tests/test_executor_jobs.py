"""The work of a connection as jobs of OCA queue_job: the real addon, its real runner, real transactions.

``./dev test queue_job`` runs this on a database that has the addon; elsewhere it is left out.
"""

import time
from datetime import timedelta
from unittest.mock import patch

from odoo import SUPERUSER_ID, api, fields
from odoo.tests import Form, tagged
from odoo.tests.common import get_db_name

from odoo.addons.integration_flow.engine import claim, jobs, notifier

from .jobs_server import JobsServer, needs_job_queue
from .real import RealCase

CHANNELS = "root:4,root.shop:3"
WAIT_SECONDS = 40


class JobsCase(RealCase):
    """A connection whose work is done as jobs in the channel ``root.shop``."""

    @classmethod
    def setUpClass(cls):
        needs_job_queue(cls)
        super().setUpClass()

    def setUp(self):
        super().setUp()
        self.connection.write({"executor": "queue_job", "executor_channel": "root.shop"})
        self.cr.commit()
        self.settle()
        self.env["queue.job"].search([]).unlink()
        self.cr.execute("DELETE FROM ir_cron_trigger WHERE cron_id = %s", [self.connection.cron_id.id])
        self.cr.commit()

    def settle(self):
        """The thread behind the commits has done its work."""
        end = time.monotonic() + 10
        while notifier._thread is not None and time.monotonic() < end:
            time.sleep(0.02)
        self.look()

    def jobs(self, *states):
        self.look()
        domain = [("identity_key", "=", jobs.identity_key(self.connection.id))]
        return self.env["queue.job"].search(domain + ([("state", "in", states)] if states else []), order="id")

    def wait_for(self, condition, text, seconds=WAIT_SECONDS):
        end = time.monotonic() + seconds
        while True:
            self.look()
            if condition():
                return
            if time.monotonic() > end:
                states = [(job.state, job.retry, job.exc_name, job.exc_info) for job in self.env["queue.job"].search([])]
                server = getattr(self, "server", None)
                self.fail(f"{text}\n{states}\n{server.log[-4000:] if server else ''}")
            time.sleep(0.1)

    def states(self, flow):
        self.cr.execute("SELECT state, count(*) FROM integration_sync WHERE flow_id = %s GROUP BY state", [flow.id])
        return dict(self.cr.fetchall())

    def work_as_job(self):
        """One job in this process, as the runner would call it."""
        self.cr.commit()
        with self.registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            result = env["integration.connection"].browse(self.connection.id)._job_work()
        self.look()
        return result


@tagged("-standard", "integration_flow_real", "post_install", "-at_install")
class TestJobsAreMade(JobsCase):
    """No runner: the jobs stay where they are put."""

    def test_many_commits_make_one_job(self):
        self.out_flow()
        for number in range(60):
            self.partner(f"P{number}")
            self.cr.commit()
        self.settle()
        self.assertEqual(self.jobs().mapped("state"), ["pending"])
        self.assertEqual((self.jobs().channel, self.jobs().eta, self.jobs().name),
                         ("root.shop", False, "Integrations: Real shop"))

    def test_many_processes_make_one_job(self):
        def ask(registry, connection_id):
            for _number in range(10):
                jobs.enqueue(registry, connection_id)

        self.assertEqual(self.join(*(self.fork(ask, self.connection.id) for _child in range(4))), [0] * 4)
        self.assertEqual(len(self.jobs()), 1)

    def test_a_running_job_does_not_count(self):
        """What it has looked at already may have changed since."""
        jobs.enqueue(self.registry, self.connection.id)
        self.jobs().write({"state": "started", "date_started": fields.Datetime.now()})
        self.cr.commit()
        jobs.enqueue(self.registry, self.connection.id)
        jobs.enqueue(self.registry, self.connection.id)
        self.assertEqual(self.jobs().mapped("state"), ["started", "pending"])

    def test_a_job_for_later_is_moved(self):
        now = fields.Datetime.now()
        for wanted, expected in ((60, 60), (90, 60), (30, 30), (None, None)):
            with self.subTest(wanted=wanted):
                jobs.enqueue(self.registry, self.connection.id, wanted and now + timedelta(seconds=wanted))
                self.assertEqual(len(self.jobs()), 1)
                self.assertEqual(self.jobs().eta, expected and now + timedelta(seconds=expected) or False)

    def test_a_commit_never_waits_for_the_queue(self):
        """Another transaction holds all that the queue needs: the user's commit does not notice."""
        self.out_flow()
        jobs.enqueue(self.registry, self.connection.id)
        with self.registry.cursor() as blocker:
            blocker.execute("LOCK TABLE queue_job IN ACCESS EXCLUSIVE MODE")
            with self.other_user() as env:
                env["res.partner"].create({"name": "Ann", "email": "ann@example.com", "ref": "X-Ann"})
            blocker.rollback()
        self.settle()
        self.assertEqual(len(self.jobs("pending")), 1)

    def test_nothing_is_made_for_what_is_rolled_back(self):
        self.out_flow()
        self.partner("Ann")
        self.cr.flush()
        self.cr.rollback()
        self.settle()
        self.assertFalse(self.jobs())

    def test_the_scheduled_action_is_planned_behind_it(self):
        """Should the process die between the commit and the job."""
        self.out_flow()
        self.partner("Ann")
        self.cr.commit()
        self.cr.execute("SELECT call_at - (now() AT TIME ZONE 'UTC') FROM ir_cron_trigger WHERE cron_id = %s",
                        [self.connection.cron_id.id])
        (left,) = self.cr.fetchone()
        self.assertTrue(timedelta(seconds=50) < left <= timedelta(seconds=61), left)

    def test_buttons_and_settings_make_a_job(self):
        for name, call in (("wake", self.connection._wake), ("resume", self.connection.action_resume),
                           ("channel", lambda: self.connection.write({"executor_channel": "root"}))):
            with self.subTest(name):
                self.env["queue.job"].search([]).unlink()
                call()
                self.cr.commit()
                self.settle()
                self.assertEqual(len(self.jobs("pending")), 1)

    def test_back_to_the_scheduled_action(self):
        flow = self.out_flow()
        self.connection.executor = "cron"
        self.cr.commit()
        self.settle()
        self.assertFalse(self.jobs())
        self.partner("Ann")
        self.cr.commit()
        self.settle()
        self.assertFalse(self.jobs(), "the cached wake-up follows the setting")
        jobs.enqueue(self.registry, self.connection.id)  # a job that ends after the change would hand on to the next one
        self.assertFalse(self.jobs())
        self.run_cron()
        self.assertEqual(self.states(flow), {"synced": 1})

    def run_cron(self):
        self.cr.commit()
        with self.registry.cursor() as cr:
            api.Environment(cr, SUPERUSER_ID, {})["integration.connection"].browse(self.connection.id)._cron_work()
        self.look()

    def told(self):
        return self.env["integration.alert"].search([("connection_id", "=", self.connection.id), ("kind", "=", "jobs")])

    def test_the_safety_net(self):
        """The scheduled action leaves the work to jobs as long as they do it."""
        flow = self.out_flow()
        self.run_cron()
        self.assertFalse(self.jobs(), "nothing to do, no job")
        with patch.object(notifier, "_make_job"):  # a process that died behind its commit
            self.partner("Ann")
            self.cr.commit()
            self.settle()
        self.assertFalse(self.jobs())
        self.run_cron()
        self.assertEqual(self.jobs().mapped("state"), ["pending"], "it has made the job that was missing")
        self.assertEqual(self.states(flow), {})
        self.run_cron()
        self.assertEqual((len(self.jobs()), self.states(flow)), (1, {}), "the job gets its time")
        self.assertFalse(self.told())
        for state, moment in (("enqueued", "date_enqueued"), ("started", "date_started")):
            with self.subTest(state=state):
                job = self.jobs()
                self.cr.execute("UPDATE queue_job SET date_created = date_created - interval '1 hour'")
                old = fields.Datetime.now() - timedelta(seconds=jobs.OVERDUE_SECONDS + 5)
                job.write({"state": state, moment: old})
                self.cr.commit()
                with self.assertLogs("odoo.addons.integration_flow.engine.jobs", "WARNING") as logs:
                    self.run_cron()
                self.assertIn("stand still", logs.output[0])
                self.assertEqual(len(self.told()), 1, "the administrator is told, once")
                self.assertEqual(self.states(flow), {"synced": 1})
                with patch.object(notifier, "_make_job"):
                    self.env["res.partner"].search([("ref", "=", "X-Ann")]).name = f"Ann {state}"
                    self.cr.commit()
                    self.settle()

    def test_a_long_job_hands_on(self):
        flow = self.out_flow(batch_size=5)
        self.partners(40)
        self.shop.settings(latency_ms=20)
        self.cr.commit()
        self.settle()
        self.env["queue.job"].search([]).unlink()
        with patch.object(jobs, "JOB_SECONDS", 0.0):
            self.work_as_job()
            self.assertEqual(self.states(flow)["synced"], 5, "a slice, and no more")
            self.assertEqual(self.jobs().mapped("state"), ["pending"], "and the next job")
            for _job in range(10):
                self.jobs().unlink()
                self.cr.commit()
                self.work_as_job()
        self.assertEqual(self.states(flow), {"synced": 40})
        self.assertFalse(self.jobs(), "the last one has nothing to hand on")
        self.assertEqual(self.shop.counts()["doubled"], {})

    def test_what_another_worker_holds_makes_no_jobs(self):
        """Else two jobs would hand on to each other without a pause."""
        flow = self.out_flow()
        self.partners(3)
        self.work_as_job()
        self.settle()
        self.env["queue.job"].search([]).unlink()
        self.cr.execute("UPDATE integration_sync SET state = 'pending', due_at = now() AT TIME ZONE 'UTC', "
                        "export_pending = true WHERE flow_id = %s RETURNING id", [flow.id])
        ids = [row[0] for row in self.cr.fetchall()]
        self.cr.commit()
        with claim.claims(self.cr) as held:
            held.take(ids)
            self.work_as_job()
            self.assertFalse(self.jobs())

    def test_a_connection_that_is_gone(self):
        """Its job does nothing, and fails not."""
        other = self.make_connection(name="Gone", executor="queue_job")
        self.cr.commit()
        jobs.enqueue(self.registry, other.id)
        self.look()
        job = self.env["queue.job"].search([("identity_key", "=", jobs.identity_key(other.id))])
        other.unlink()
        self.cr.commit()
        self.assertEqual(job.records._job_work(), "0 records")
        jobs.enqueue(self.registry, job.records.id)

    def test_the_form(self):
        with Form(self.connection.with_user(self.env.ref("base.user_admin"))) as form:
            self.assertEqual([value for value, _label in form._view["fields"]["executor"]["selection"]],
                             ["cron", "queue_job"])
            form.executor_channel = "root.other"
        self.assertEqual(self.connection.action_open_jobs()["domain"],
                         [("identity_key", "=", jobs.identity_key(self.connection.id))])


@tagged("-standard", "integration_flow_real", "post_install", "-at_install")
class TestRunner(JobsCase):
    """A real server whose only way to work is jobs."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = JobsServer(get_db_name(), CHANNELS)
        cls.addClassCleanup(cls.server.stop)
        cls.server.start()

    def setUp(self):
        super().setUp()
        self.addCleanup(self.let_jobs_end)

    def let_jobs_end(self):
        """What a job still writes behind its last slice must not meet the removal of its flow."""
        self.look()
        self.env["queue.job"].search([("state", "=", "pending")]).unlink()
        self.cr.commit()
        self.wait_for(lambda: not self.env["queue.job"].search([("state", "in", ("enqueued", "started"))]), "all jobs end")

    def assertAllDone(self, flow, count):
        self.wait_for(lambda: self.states(flow) == {"synced": count}, f"{count} synced wanted, {self.states(flow)} found")
        self.wait_for(lambda: not self.jobs("pending", "enqueued", "started").filtered(
            lambda job: not job.eta or job.eta <= fields.Datetime.now()), "no job is left")
        self.assertFalse(self.jobs("failed"))
        self.assertEqual(self.shop.counts()["doubled"], {})

    def test_live_changes(self):
        flow = self.out_flow()
        partner = self.partner("Ann")
        self.cr.commit()
        self.assertAllDone(flow, 1)
        job = self.jobs("done")[-1]
        self.assertTrue(job.date_done and job.worker_pid and job.result.endswith("records"), job.result)
        seconds = []
        for number in range(5):
            partner.city = f"Ghent {number}"
            partner.name = f"Ann {number}"
            self.cr.commit()
            started = time.monotonic()
            self.wait_for(
                lambda number=number: self.shop.dump("customers")[0]["first_name"] == f"Ann {number}", "sent")
            seconds.append(time.monotonic() - started)
        self.assertLess(min(seconds), 2.0)

    def test_several_jobs_at_once(self):
        """The channel allows three: they share the work, and double nothing."""
        flow = self.out_flow(batch_size=10)
        self.shop.settings(latency_ms=20)
        self.partners(150)
        for _job in range(6):
            self.connection.with_delay(channel="root.shop")._job_work()
        self.cr.commit()
        together = 0

        def finished():
            nonlocal together
            together = max(together, self.env["queue.job"].search_count([("state", "=", "started")]))
            return self.states(flow) == {"synced": 150}

        self.wait_for(finished, "150 synced")
        self.assertGreater(together, 1, "there were jobs at the same time")
        self.assertAllDone(flow, 150)
        self.assertEqual(len(self.shop.dump("customers")), 150)
        self.assertFalse(self.env["queue.job"].search([("state", "=", "failed")]))

    def test_an_import(self):
        flow = self.customer_flow(domain="[]", batch_size=20)
        self.shop.seed(customers=100)
        run = flow._open_run("button", full=True)
        self.connection._wake()
        self.cr.commit()
        self.wait_for(lambda: run.state == "done", "the run is done")
        self.assertEqual((run.read_count, run.created_count), (100, 100))
        self.assertAllDone(flow, 100)

    def test_a_retry_comes_at_its_time(self):
        flow = self.out_flow(retry_first_seconds=3)
        self.shop.fault("status", status=503, times=1)
        partner = self.partner("Ann")
        self.cr.commit()
        self.wait_for(lambda: self.sync(flow, partner).state == "waiting", "it waits")
        due = self.sync(flow, partner).due_at
        self.wait_for(lambda: self.jobs("pending").filtered("eta") or self.states(flow) == {"synced": 1}, "a planned job")
        self.assertAllDone(flow, 1)
        self.assertGreaterEqual(self.sync(flow, partner).last_synced_at, due)

    def test_paused_and_resumed(self):
        flow = self.out_flow()
        self.connection.action_pause()
        self.partner("Ann")
        self.cr.commit()
        self.wait_for(lambda: self.jobs("done"), "the job has come and gone")
        self.assertEqual(self.states(flow), {"pending": 1}, "seen, but not sent")
        self.connection.action_resume()
        self.cr.commit()
        self.assertAllDone(flow, 1)

    def test_killed_in_the_middle(self):
        """The server dies while a job works; after its start the job is found dead and begins anew."""
        flow = self.out_flow(batch_size=10)
        self.shop.settings(latency_ms=50)
        self.partners(60)
        self.cr.commit()
        self.wait_for(lambda: len(self.shop.dump("customers")) >= 15, "it works")
        self.server.kill()
        self.look()
        self.assertLess(self.states(flow).get("synced", 0), 60)
        time.sleep(10.5)  # the runner takes no job for dead before
        self.server.start()
        self.assertAllDone(flow, 60)
        self.assertEqual(len(self.shop.dump("customers")), 60)
