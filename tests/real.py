"""Tests with real transactions, real processes and real kills.

Everything is committed, and removed again at the end of the class. A child process is a fork of this one with database
connections of its own; it can be told to kill itself at a point of the engine.

``INTEGRATION_TEST_KILLS`` says how often each point is tried (a few times when it is not set).
"""

import faulthandler
import os
import signal
import threading
import time
import traceback
from contextlib import contextmanager, nullcontext
from unittest.mock import patch

from odoo import SUPERUSER_ID, api, sql_db
from odoo.modules.registry import Registry
from odoo.tests import BaseCase
from odoo.tests.common import get_db_name

from odoo.addons.integration_flow.engine import (
    claim,
    exporter,
    fetcher,
    importer,
    inbox,
    journal,
    notifier,
    outbox,
    outgoing,
    pressed,
    reading,
    twins,
)
from odoo.addons.integration_flow.engine.worker import Worker
from odoo.addons.integration_flow.sandbox.client import SandboxServer

from .common import FlowTools
from .export_common import ExportTools

KILLS = int(os.environ.get("INTEGRATION_TEST_KILLS") or 2)
# A child that is not done by then shows where it hangs, and ends.
CHILD_SECONDS = 60
# Where a worker can die: name → (object, method, whether it dies before or after it). "during": within two thousandths of
# a second after the call has begun, by another thread.
POINTS = {
    "draining": (outbox, "drain", "before"),
    "captures_deleted": (outbox, "queue_written", "before"),
    "drained_not_committed": (outbox, "drain", "after"),
    "page_read": (fetcher.Fetcher, "store", "before"),
    "page_stored": (fetcher.Fetcher, "_turn_page", "before"),
    "page_turned": (fetcher.Fetcher, "_turn_page", "after"),
    "watermark_moved": (fetcher.Fetcher, "_move_watermark", "after"),
    "before_committing": (Worker, "_commit", "before"),
    "committing": (Worker, "_commit", "during"),
    "after_committing": (Worker, "_commit", "after"),
    "before_parents": (reading.Reading, "_fetch_records", "before"),
    "parents_read": (inbox, "forget_unlinked", "before"),
    "after_parents": (reading.Reading, "_fetch_records", "after"),
    "links_of_import": (journal, "insert_links", "after"),
    "twins": (twins, "absorb", "after"),
    "marked": (outgoing.ExportPlanner, "mark_sending", "after"),
    "looked_up": (exporter.Exporter, "send_lookups", "after"),
    "calling": (exporter.Exporter, "send", "during"),
    "first_answer": (exporter.Exporter, "_receive", "before"),
    "before_links": (exporter.Exporter, "record_links", "before"),
    "closing_runs": (reading.Reading, "_close_runs", "after"),
    "queued_by_button": (pressed, "_pending_parents", "before"),
    "before_claim": (claim.Claims, "take", "before"),
    "after_claim": (claim.Claims, "take", "after"),
    "before_sending": (exporter.Exporter, "send", "before"),
    "after_sending": (exporter.Exporter, "send", "after"),
    "links_not_committed": (exporter.Exporter, "record_links", "after"),
    "links_committed": (journal, "insert_exchanges", "before"),
    "before_settling": (journal, "finish", "before"),
    "after_settling": (journal, "count_outcomes", "after"),
    "after_importing": (importer.Importer, "process", "after"),
}
ENGINE_POINTS = tuple(POINTS)  # other tests add their own


class RealCase(ExportTools, FlowTools, BaseCase):
    """A committed connection to a shop. ``self.env`` is a real cursor: commit what others shall see, and ``look()`` to
    see what others have committed."""

    shop_flags: dict = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.registry = Registry(get_db_name())
        cls.shop = SandboxServer(**{"seed": "empty", "max_per_page": 500, **cls.shop_flags}).start()
        cls.addClassCleanup(cls.shop.stop)
        cls.cr = cls.registry.cursor()
        cls.addClassCleanup(cls.cr.close)
        cls.env = api.Environment(cls.cr, SUPERUSER_ID, {"tracking_disable": True})
        cls.connection = cls.make_connection(name="Real shop")
        cls.addClassCleanup(cls.clean_up)
        cls.cr.commit()

    @classmethod
    def clean_up(cls):
        cls.cr.rollback()
        cls.env.invalidate_all()
        flows = cls.env["integration.flow"].with_context(active_test=False).search(
            [("connection_id", "=", cls.connection.id)])
        cls.remove_flows(flows)
        cron = cls.connection.cron_id
        cls.connection.unlink()
        cron.exists().unlink()
        cls.cr.commit()

    @classmethod
    def remove_flows(cls, flows):
        """Flows with all they made: records first, while nothing watches them any more."""
        resources = flows.resource_id
        flows.state = "draft"
        cls.cr.commit()
        for flow in flows:
            cls.env.cr.execute(
                "SELECT res_id FROM integration_link WHERE connection_id = %s AND resource_id = %s AND model = %s",
                [cls.connection.id, flow.resource_id.id, flow.model_name])
            cls.env[flow.model_name].browse([row[0] for row in cls.env.cr.fetchall()]).exists().unlink()
        cls.env["res.partner"].with_context(active_test=False).search([("ref", "=like", "X%")]).unlink()
        cls.env["integration.link"].search([("resource_id", "in", resources.ids)]).unlink()
        cls.env["integration.field.rule"].search([("relation_flow_id", "in", flows.ids)]).unlink()
        flows.unlink()
        resources.unlink()
        cls.cr.commit()

    def setUp(self):
        super().setUp()
        self.shop.reset("empty")
        self.shop.settings(latency_ms=0)
        self.look()
        self.addCleanup(self._remove)

    def _remove(self):
        self.look()
        self.shop.reset("empty")
        flows = self.env["integration.flow"].with_context(active_test=False).search(
            [("connection_id", "=", self.connection.id)])
        self.remove_flows(flows)
        self.connection._close_circuit()
        self.connection.write({
            "paused": False, "pause_cause": False, "timeout_read": 5, "parallel_calls": 4, "rate_calls": 0,
            "rate_period": 1})
        self.connection.auth_secret_input = self.shop.api_key
        self.cr.commit()

    def look(self):
        """See what others have committed."""
        self.cr.rollback()
        self.env.invalidate_all()

    @contextmanager
    def other_user(self, wait_ms=300):
        """Another transaction that gives up when it has to wait for a lock."""
        with self.registry.cursor() as cr:
            cr.execute("SELECT set_config('lock_timeout', %s, false)", [f"{wait_ms}ms"])
            try:
                yield api.Environment(cr, SUPERUSER_ID, {"tracking_disable": True})
                cr.flush()
                cr.commit()
            finally:
                cr.rollback()
                cr.execute("RESET lock_timeout")
                cr.commit()

    def work(self, connection=None):
        """Let a worker of this process do all that is due."""
        self.cr.commit()
        run_worker(self.registry, (connection or self.connection).id)
        self.look()

    # -- children ------------------------------------------------------------------------------------------

    def fork(self, work, *args, seconds=CHILD_SECONDS):
        """Do ``work(registry, *args)`` in another process; returns its id. See ``join``."""
        self.cr.commit()
        with notifier._changed:  # else the thread that holds it may be missing in the child
            pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            faulthandler.dump_traceback_later(seconds, exit=True)
            _connect_anew(self.registry)
            work(self.registry, *args)
            status = 0
        except BaseException:  # noqa: BLE001 - whatever it is, this process must not go on with the parent's tests
            traceback.print_exc()
        finally:
            os._exit(status)

    def join(self, *pids):
        """Wait for children. Returns for each of them 0 when it did its work, or the signal that ended it."""
        results = []
        end = time.monotonic() + CHILD_SECONDS + 10
        for pid in pids:
            status = self.ended(pid, end)
            if status is None:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                self.look()
                self.fail(f"A child did not end in {CHILD_SECONDS} s.\n{self.describe_records()}")
            results.append(os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
        self.look()
        return results

    @staticmethod
    def ended(pid, until):
        """The status of a child when it ends before the moment ``until`` (monotonic), else None."""
        pause = 0.001
        while True:
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                return status
            if time.monotonic() > until:
                return None
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)

    def describe_records(self):
        """What is where: states of the sync records and runs of the connection, with what they say. For a failed test."""
        self.look()
        self.env.cr.execute(
            "SELECT f.name, s.state, count(*), min(s.due_at), max(s.attempts), min(s.error_code), min(s.error_message), "
            "array_agg(s.id ORDER BY s.id) FROM integration_sync s JOIN integration_flow f ON f.id = s.flow_id "
            "WHERE f.connection_id = %s GROUP BY f.name, s.state ORDER BY 1, 2", [self.connection.id])
        lines = [f"{name}: {state} {count}, due {due}, attempts {attempts}, {code} {text} {ids[:8]}"
                 for name, state, count, due, attempts, code, text, ids in self.env.cr.fetchall()]
        self.env.cr.execute(
            "SELECT id, flow_id, trigger, state, fetching, next_try_at, error_class, message FROM integration_run "
            "WHERE connection_id = %s AND trigger <> 'live' ORDER BY state <> 'open', id DESC LIMIT 6", [self.connection.id])
        lines += [f"run {row}" for row in self.env.cr.fetchall()]
        self.env.cr.execute("SELECT count(*) FROM integration_capture")
        lines.append(f"captured changes: {self.env.cr.fetchone()[0]}")
        return "\n".join(lines)

    def worker_in_child(self, **kill):
        """A worker in a process of its own; ``kill``: see ``dying_at``."""
        return self.fork(run_worker, self.connection.id, kill)

    def assertNothingLeft(self, flow):
        """No record of this flow is on its way, and no two stand for the same thing."""
        self.env.cr.execute(
            "SELECT state, count(*) FROM integration_sync WHERE flow_id = %s GROUP BY state", [flow.id])
        states = dict(self.env.cr.fetchall())
        self.assertEqual(set(states) - {"synced"}, set(), states)


def run_worker(registry, connection_id, kill=None):
    """One worker until nothing is due."""
    with registry.cursor() as cr, dying_at(**(kill or {})):
        env = api.Environment(cr, SUPERUSER_ID, {})
        Worker(env, env["integration.connection"].browse(connection_id)).run()


@contextmanager
def dying(owner, name, when, hit=1):
    """This process kills itself, without any warning, at the ``hit``-th call of a method; ``when``: see ``POINTS``."""
    original = getattr(owner, name)
    left = hit

    def method(*args, **kwargs):
        nonlocal left
        left -= 1
        if not left and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        if not left and when == "during":
            threading.Timer((time.time_ns() // 1000 % 20) / 10_000, os.kill, (os.getpid(), signal.SIGKILL)).start()
        result = original(*args, **kwargs)
        if not left and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    with patch.object(owner, name, method):
        yield


def dying_at(point=None, hit=1):
    """This process kills itself when it comes to ``point`` for the ``hit``-th time."""
    return nullcontext() if point is None else dying(*POINTS[point], hit)


_inherited = []


def _connect_anew(registry):
    """The parent's connections are the parent's: they are neither used nor closed here."""
    _inherited.extend([sql_db._Pool, sql_db._Pool_readonly, registry._db, registry._db_readonly])
    sql_db._Pool = sql_db._Pool_readonly = None
    registry._db = sql_db.db_connect(registry.db_name)
    registry._db_readonly = None
