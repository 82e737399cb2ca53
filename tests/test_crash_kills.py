"""kill -9 in a loop, with faults of the other system and users at work: nothing is lost, nothing is doubled.

``INTEGRATION_TEST_CRASHES`` says how many kills there are (180), ``INTEGRATION_TEST_SEED`` repeats what a failed run
printed. Kills at a named point are repeatable; those after a moment are as repeatable as the machine's speed.
"""

import logging
import os
import signal
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path

from odoo.tests import tagged

from .crash_common import SEED, CrashCase, be_users
from .real import ENGINE_POINTS

_logger = logging.getLogger(__name__)

CRASHES = int(os.environ.get("INTEGRATION_TEST_CRASHES") or 180)
# However slow the machine is: then the test fails and says how far it came.
SECONDS = float(os.environ.get("INTEGRATION_TEST_CRASH_SECONDS") or max(600, 4 * CRASHES))
USER_SECONDS = 3600
OF_BUTTON = ("queued_by_button",)


@tagged("-standard", "integration_flow_real", "post_install", "-at_install")
class TestKills(CrashCase):
    """The worker, buttons and users are killed again and again; both sides change all the time."""

    def setUp(self):
        super().setUp()
        self.kills = Counter()
        self.took = [0.2]
        self.complaints = os.path.join(tempfile.mkdtemp(prefix="integration_crash_"), "users")
        self.users = None

    def test_kills(self):
        _logger.info("seed %s: INTEGRATION_TEST_SEED=%s repeats this run", SEED, SEED)
        self.order_faults()
        end = time.monotonic() + SECONDS
        points = []
        rounds, begun = 0, time.monotonic()
        try:
            while sum(self.kills.values()) < CRASHES:
                if time.monotonic() > end:
                    self.fail(f"Seed {SEED}: {sum(self.kills.values())} kills in {SECONDS} s.\n{self.describe_records()}")
                rounds += 1
                self.keep_users(rounds)
                self.stir()
                if not points:
                    points = [*ENGINE_POINTS, *self.more_points]
                    self.random.shuffle(points)
                self.kill_somebody(points)
                if rounds % 50 == 0:
                    _logger.info("%.0f s: %s rounds, %s kills", time.monotonic() - begun, rounds, sum(self.kills.values()))
                if rounds % 10 == 0:
                    watermark, missing = self.assertCovered()
                    self.assertFalse(missing, f"Seed {SEED}: the watermark {watermark} passed what is not stored")
        finally:
            self.end_users()
        with self.subTest(seed=SEED):
            self.settle()
            self.assertSame()
        _logger.info("seed %s: %s kills in %s rounds: %s", SEED, sum(self.kills.values()), rounds, dict(self.kills))
        self.assertEqual(Path(self.complaints).read_text(encoding="utf-8") if os.path.exists(self.complaints) else "", "")

    def kill_somebody(self, points):
        """One child that dies: at a point, or after a moment."""
        if self.random.random() < 0.3:
            pid, name = self.somebody(), "moment"
            end = time.monotonic() + self.random.uniform(0, 1.1) * statistics.median(self.took[-20:])
            if self.ended(pid, end) is not None:
                return
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            self.kills[name] += 1
            return
        name = points.pop()
        started = time.monotonic()
        hit = self.random.choice((1, 1, 1, 1, 2))
        companion = self.worker_in_child() if self.random.random() < 0.15 else None
        [status] = self.join(self.somebody(name, hit))
        if companion:
            self.assertEqual(self.join(companion), [0])
        self.assertIn(status, (0, signal.SIGKILL))
        if status:
            self.kills[name] += 1
        else:
            self.took.append(time.monotonic() - started)

    def somebody(self, point=None, hit=1):
        kill = {"point": point, "hit": hit} if point else {}
        if point in OF_BUTTON or self.random.random() < 0.15:
            ids = self.some_records()
            if ids:
                return self.button_in_child(ids, **kill)
        return self.worker_in_child(**kill)

    # -- users ---------------------------------------------------------------------------------------------

    def keep_users(self, rounds):
        """Users are at work; every now and then their process is killed as well."""
        if self.users is not None and self.random.random() < 0.05:
            self.end_users()
            self.kills["user"] += 1
        if self.users is None:
            self.users = self.fork(
                be_users, SEED * 1000 + rounds, self.complaints, USER_SECONDS, seconds=USER_SECONDS)

    def end_users(self):
        if self.users is not None:
            pid, self.users = self.users, None
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
