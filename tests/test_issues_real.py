"""Issues with real processes and real transactions. Not part of Odoo's standard tests, because they commit."""

import logging
import time

from odoo import SUPERUSER_ID, api, fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.integration_flow.core.errors import SyncError
from odoo.addons.integration_flow.engine import failures, issues, journal, tending
from odoo.addons.integration_flow.engine.plan import FlowPlan
from odoo.addons.integration_flow.engine.rows import load_rows

from .real import RealCase

_logger = logging.getLogger(__name__)
MANY = 100_000


def fail_slices(registry, flow_id, ids, causes, size):
    """As several slices of a worker: fail these records, with causes in an order of their own."""
    attempts = 0
    for start in range(0, len(ids), size):
        for _attempt in range(20):
            try:
                with registry.cursor() as cr:
                    env = api.Environment(cr, SUPERUSER_ID, {})
                    plan, now = FlowPlan(env["integration.flow"].browse(flow_id)), fields.Datetime.now()
                    rows = load_rows(cr, ids[start:start + size])
                    for number, row in enumerate(rows):
                        cause = causes[number % len(causes)]
                        failures.apply_failure(
                            env, row, SyncError("validation", "rejected", params={"status": 400, "message": cause}),
                            policy=plan.retry_policy, now=now)
                    issues.note_rows(cr, plan, rows, now)
                    time.sleep(0.01)  # the others are in the middle of theirs
                    journal.finish(cr, plan, rows, now)
                    cr.commit()
                break
            except Exception as error:
                if not failures.is_concurrency(error):
                    raise
                attempts += 1
                time.sleep(0.01)
        else:
            raise AssertionError("never done")
        with registry.cursor() as cr:
            tending.tend(api.Environment(cr, SUPERUSER_ID, {}), api.Environment(
                cr, SUPERUSER_ID, {})["integration.flow"].browse(flow_id).connection_id.id)
    _logger.info("slices done again because of others: %s", attempts)


def raise_alert(registry, connection_id, times):
    for number in range(times):
        with registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            env["integration.connection"].browse(connection_id)._alert("webhook", f"Wrong signature {number}", "Look.")
            time.sleep(0.01)
            cr.commit()


@tagged("-standard", "integration_flow_real", "post_install", "-at_install")
class TestIssuesReal(RealCase):
    def rows(self, flow, count):
        self.env.cr.execute(
            """INSERT INTO integration_sync (flow_id, connection_id, company_id, model, external_id, name, state, direction,
                   import_pending, export_pending, delete_pending, create_sent, priority, due_at, payload, attempts,
                   revision, create_date)
               SELECT %s, %s, %s, 'res.partner', 'L' || n, 'Record ' || n, 'pending', 'import', true, false, false, false,
                   10, now(), repeat('x', 1000), 0, 1, now() FROM generate_series(1, %s) n RETURNING id""",
            [flow.id, self.connection.id, flow.company_id.id, count])
        ids = [row[0] for row in self.env.cr.fetchall()]
        self.cr.commit()
        return ids

    def run_jobs(self, issue):
        """As often as Odoo would call it: each time it works for some seconds."""
        for _call in range(20):
            self.env.ref("integration_flow.cron_issue_jobs").method_direct_trigger()
            self.look()
            if not issue.job:
                return

    def test_two_workers_fail_by_the_same_causes(self):
        """Two processes, the same new causes in opposite order: one issue each, every record counted, nobody stuck."""
        flow = self.customer_flow(responsible_id=self.env.ref("base.user_admin").id)
        ids = self.rows(flow, 600)
        causes = ["The name is missing.", "The street is missing.", "The city is missing."]
        children = [
            self.fork(fail_slices, flow.id, ids[:200], causes, 20),
            self.fork(fail_slices, flow.id, ids[200:400], causes[::-1], 20),
            self.fork(fail_slices, flow.id, ids[400:], causes[1:] + causes[:1], 20)]
        self.assertEqual(self.join(*children), [0, 0, 0])
        found = self.env["integration.issue"].search([("flow_id", "=", flow.id)])
        self.assertEqual((len(found), set(found.mapped("state"))), (3, {"open"}))
        self.assertEqual(sum(found.mapped("affected_count")), 600)
        for issue in found:
            self.assertEqual(len(self.env["mail.activity"].search([("integration_issue_id", "=", issue.id)])), 1)

    def test_failing_while_it_is_closed(self):
        """What is added by one process while another one sees nothing left and closes: it is open in the end."""
        flow = self.customer_flow()
        ids = self.rows(flow, 60)
        child = self.fork(fail_slices, flow.id, ids[30:], ["The name is missing."], 1)
        for sync_id in ids[:30]:
            fail_slices(self.registry, flow.id, [sync_id], ["The name is missing."], 1)
            with self.registry.cursor() as cr, mute_logger("odoo.sql_db"):
                env = api.Environment(cr, SUPERUSER_ID, {})
                try:
                    env["integration.sync"].browse(sync_id)._skip("Skipped")
                    cr.commit()
                except Exception as error:
                    if not failures.is_concurrency(error):
                        raise
        self.assertEqual(self.join(child), [0])
        tending.tend(self.env, self.connection.id)
        self.look()
        issue = self.env["integration.issue"].search([("flow_id", "=", flow.id), ("state", "=", "open")])
        self.assertEqual(len(issue), 1)
        left = self.env["integration.sync"].search_count([("flow_id", "=", flow.id), ("state", "=", "failed")])
        self.assertEqual(issue.affected_count, left)
        self.assertGreaterEqual(left, 30)

    def test_one_alert_however_many_raise_it(self):
        self.connection.administrator_id = self.env.ref("base.user_admin")
        self.cr.commit()
        children = [self.fork(raise_alert, self.connection.id, 10) for _number in range(3)]
        with mute_logger("odoo.sql_db"):
            self.assertEqual(self.join(*children), [0, 0, 0])
        self.assertEqual(len(self.connection.alert_ids), 1)
        self.assertEqual(len(self.connection.activity_ids), 1)
        self.connection._alert_done("webhook")
        self.cr.commit()
        self.assertFalse(self.connection.activity_ids)

    def test_a_hundred_thousand(self):
        """One cause, 100,000 records: looking, failing one more slice, retrying all. The figures are in the log."""
        flow = self.customer_flow(responsible_id=self.env.ref("base.user_admin").id)
        ids = self.rows(flow, MANY)
        self.env.cr.execute(
            "UPDATE integration_sync SET state = 'failed', due_at = NULL, error_class = 'validation', "
            "error_code = 'rejected', error_message = 'The name is missing.', attempts = 1 WHERE flow_id = %s", [flow.id])
        self.cr.commit()
        figures = {}

        def clock(name, work):
            started = time.monotonic()
            result = work()
            figures[name] = time.monotonic() - started
            return result

        clock("gather", lambda: tending.tend(self.env, self.connection.id))
        self.look()
        issue = self.env["integration.issue"].search([("flow_id", "=", flow.id)])
        self.assertEqual(clock("count", lambda: issue.affected_count), MANY)
        clock("look again", lambda: tending.tend(self.env, self.connection.id))
        self.look()
        self.assertEqual(len(self.env["mail.activity"].search([("integration_issue_id", "=", issue.id)])), 1)
        clock("press", lambda: issue._start_job("retry", "Retry", "retried"))
        self.cr.commit()
        clock("retry all", lambda: self.run_jobs(issue))
        self.assertEqual((issue.job, issue.retrying_count, issue.failing_count), (False, MANY, 0))
        self.assertEqual(self.env["integration.log"].search_count([("flow_id", "=", flow.id)]), MANY)
        issue._start_job("skip", "Skip", "skipped")
        self.cr.commit()
        clock("skip all", lambda: self.run_jobs(issue))
        self.assertEqual((issue.state, issue.resolved_how, issue.affected_count), ("resolved", "skipped", 0))
        _logger.info("100,000 records of one issue: %s", {name: f"{value:.3f} s" for name, value in figures.items()})
        self.assertLess(figures["count"], 2)
        self.assertLess(figures["press"], 2)
        self.env.cr.execute("DELETE FROM integration_sync WHERE id = ANY(%s)", [ids])
        self.cr.commit()
