"""Nothing is locked and no transaction is open while the other system is slow."""

import logging
import statistics
import time

from psycopg2.errors import SerializationFailure

from odoo.tests import tagged
from odoo.tools import mute_logger

from .crash_common import press_retry
from .real import RealCase

_logger = logging.getLogger(__name__)

SLOW_MS = 2000
# A user's write may take so many times as long beside a worker that waits: the machine is shared, a lock would cost seconds.
RATIO = 5


@tagged("-standard", "integration_flow_real", "post_install", "-at_install")
class TestSlowSystem(RealCase):
    def setUp(self):
        super().setUp()
        self.flow = self.out_flow(
            direction="both", operations=self.operations("list", "find", "read", "create", "update", "delete"),
            read_before_write=True, domain="[('ref', '=like', 'X%')]", delete_in_external="delete",
            rules=[("city", "billing.city", {"owner": "external"}), ("street", "billing.address_1", {"owner": "odoo"})])
        self.known = self.partners(4, city="Ghent", street="First")
        self.work()
        self.baseline = statistics.median(self.writes(20))

    @mute_logger("odoo.sql_db")
    def writes(self, count, pid=None):
        """Seconds that users' transactions on the known partners take; with a lock that is held they fail."""
        took = []
        while len(took) < count if pid is None else self.ended(pid, 0) is None:
            started = time.monotonic()
            try:
                with self.other_user() as env:
                    partner = self.known[len(took) % len(self.known)].with_env(env)
                    partner.write({"function": f"Function {len(took)}", "zip": str(len(took))})
            except SerializationFailure:
                continue  # the worker has just written the same record: Odoo does such a request again
            took.append(time.monotonic() - started)
            if pid is not None:
                self.look_at(pid)
                time.sleep(0.02)
        return took

    def look_at(self, pid):
        """What the child's sessions are doing now."""
        self.cr.execute(
            "SELECT state, backend_xid IS NOT NULL, extract(epoch FROM clock_timestamp() - xact_start), query "
            "FROM pg_stat_activity WHERE application_name = %s", [f"odoo-{pid}"])
        for state, writes, age, query in self.cr.fetchall():
            self.seen[state] = self.seen.get(state, 0) + 1
            if age is not None:
                self.open.append((float(age), writes, query))
        self.cr.rollback()

    def assertNobodyWaits(self, fork, of_caller=False):
        """While this child works against a slow system: no session of it sits in a transaction, and users write on.

        :param of_caller: the child has a transaction of its own beside the worker's, which may have read (a request)
        """
        self.seen, self.open = {}, []
        self.shop.settings(latency_ms=SLOW_MS)
        started = time.monotonic()
        took = self.writes(0, fork())
        seconds = time.monotonic() - started
        self.shop.settings(latency_ms=0)
        self.look()
        self.assertGreater(seconds, SLOW_MS / 1000, "it did wait for the other system")
        self.assertGreater(len(took), 5)
        # Short ones between the calls are seen now and then. One that is open during a call gets as old as the call.
        oldest = max((found for found in self.open if found[1] or not of_caller), default=(0, False, ""))
        self.assertLess(oldest[0], SLOW_MS / 1000 * 0.75, f"{self.seen} {oldest}")
        self.assertGreater(self.seen.get("idle", 0), 0)
        median = statistics.median(took)
        _logger.info("a user's write takes %.1f ms, and %.1f ms while a slow system is called for %.1f s (%s writes); the "
                     "oldest transaction of the worker was %.2f s old",
                     self.baseline * 1000, median * 1000, seconds, len(took), oldest[0])
        self.assertLess(median, self.baseline * RATIO + 0.02)

    def test_export(self):
        """Creates with a look-up, updates with a read, deletes."""
        self.partner("Ann")
        self.known.street = "Second"
        gone = self.partner("Bea")
        self.work()
        gone.unlink()
        self.known[0].street = "Third"
        self.cr.commit()
        self.connection.timeout_read = 10
        self.assertNobodyWaits(self.worker_in_child)
        self.work()
        self.assertEqual(len(self.shop.dump("customers")), 5)

    def test_import(self):
        self.shop.create("customers", {"email": "new@example.com", "first_name": "New"})
        self.shop.touch("customers", count=3, changes={"billing": {"city": "Mons"}})
        self.flow._open_run("button", full=True)
        self.connection.timeout_read = 10
        self.cr.commit()
        self.assertNobodyWaits(self.worker_in_child)
        self.work()
        self.assertNothingLeft(self.flow)

    def test_button(self):
        self.shop.touch("customers", count=3, changes={"billing": {"city": "Mons"}})
        self.flow._open_run("button", full=True)
        self.connection.timeout_read = 10
        syncs = self.env["integration.sync"].search([("flow_id", "=", self.flow.id)], limit=3)
        syncs.import_pending = True
        self.cr.commit()
        self.assertNobodyWaits(lambda: self.fork(press_retry, syncs.ids), of_caller=True)
