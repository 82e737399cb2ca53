"""Work as jobs of OCA queue_job, for connections that ask for it. Nothing here is used where that addon is missing.

A job does slices for a short time and hands on to the next one. There is one waiting job per connection, however many
commits ask for it. What queue_job demands is kept: its own transaction (which holds the lock that tells a living job
from a dead one) is never committed nor written to by us; the worker has a cursor of its own and commits there.
"""

import logging
import time
from datetime import UTC, datetime, timedelta

from odoo import SUPERUSER_ID, api, sql_db
from odoo.modules.registry import Registry

from . import outbox
from .worker import Worker

_logger = logging.getLogger(__name__)

# A job is an HTTP request of Odoo: it has to end well within limit_time_cpu (60 s) and limit_time_real (120 s).
JOB_SECONDS = 20.0
# A job that should have begun or ended so long ago stands still: then the scheduled action does the work.
OVERDUE_SECONDS = 120
# First key of an advisory lock: who looks whether a job is waiting ('jobs' in ASCII); the second is the connection's id.
JOB_LOCK_SPACE = 0x6A6F6273
WAITING_STATES = ("wait_dependencies", "pending", "enqueued")


def identity_key(connection_id: int) -> str:
    """By this key queue_job knows the jobs of a connection."""
    return f"integration_flow.connection.{connection_id}"


class JobWorker(Worker):
    """A worker whose time is measured by the job, not by a scheduled action."""

    def __init__(self, env, connection):
        super().__init__(env, connection)
        self._until = time.monotonic() + JOB_SECONDS
        self._interrupted = False

    def _commit_progress(self, done: int) -> float:
        super()._commit_progress(done)
        left = max(self._until - time.monotonic(), 0.0)
        self._interrupted = self._interrupted or bool(done) and left <= 0
        return left

    def _is_current(self) -> bool:
        current = super()._is_current()
        self._interrupted = self._interrupted or not current
        return current

    def _help_others(self) -> None:
        """A job takes room in the channel of its connection, and is there for nobody else."""

    def _may_enter(self) -> bool:
        return True  # how many jobs wait for a system in trouble is what the channel says

    def has_more(self) -> bool:
        """Did the time end before the work did? What another worker holds is that one's business."""
        return self._interrupted and outbox.waits(self.cr, self.connection.id, self._clock(), without=self._busy)


def work(connection) -> int:
    """The body of a job. Returns the number of records handled."""
    registry = connection.env.registry
    with registry.cursor() as cr:
        own = connection.with_env(api.Environment(cr, SUPERUSER_ID, {}))
        worker = JobWorker(own.env, own)
        handled = worker.run()
        cr.commit()
        more = worker.has_more()
    if more:
        enqueue(registry, connection.id)
    return handled


def enqueue_soon(dbname: str, connection_id: int) -> None:
    """``enqueue`` for the thread of the notifier."""
    enqueue(Registry(dbname), connection_id)


def enqueue(registry, connection_id: int, moment: datetime | None = None) -> None:
    """Have one job of this connection wait, for ``moment`` (UTC, naive) or for now. A job that waits for later is moved.

    In a transaction of its own, behind the commit that has made the work: a job found waiting here begins after that
    commit, so that it will see everything. (A user's transaction could not tell: the job that it sees waiting may have
    come and gone since its snapshot.)
    """
    with registry.cursor() as cr:
        if isinstance(cr, sql_db.Cursor):  # not within Odoo's tests, whose cursors share one transaction
            cr.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        cr.execute("SELECT pg_advisory_xact_lock(%s, %s)", [JOB_LOCK_SPACE, connection_id])
        env = api.Environment(cr, SUPERUSER_ID, {})
        connection = env["integration.connection"].browse(connection_id).exists()
        if not connection or not connection._runs_as_jobs():
            connection._wake()  # the choice was changed meanwhile
            return
        key = identity_key(connection_id)
        cr.execute(
            "UPDATE queue_job SET eta = %(moment)s WHERE identity_key = %(key)s AND state = 'pending' "
            "AND eta > COALESCE(%(moment)s, clock_timestamp() AT TIME ZONE 'UTC')", {"key": key, "moment": moment})
        cr.execute(
            "SELECT EXISTS (SELECT 1 FROM queue_job WHERE identity_key = %s AND state IN %s)", [key, WAITING_STATES])
        if not cr.fetchone()[0]:
            connection.with_delay(
                eta=moment, channel=connection.executor_channel, identity_key=key,
                description=env._("Integrations: %(connection)s", connection=connection.name))._job_work()


def later(moment: datetime) -> datetime:
    """``moment`` in whole seconds, as queue_job stores it, and not before it."""
    return moment.replace(microsecond=0) + timedelta(seconds=1) if moment.microsecond else moment


def is_left_to_jobs(connection) -> bool:
    """For the scheduled action, the safety net: True when a job does the work or has been made for it, False when the
    jobs of this connection stand still (no job runner, a channel that is paused or full)."""
    cr = connection.env.cr
    if not outbox.concerns(cr, connection.id, datetime.now(UTC).replace(tzinfo=None)):
        return False
    cr.execute(
        """
        SELECT COALESCE(bool_or(state = 'started' AND since > oldest), false), COALESCE(bool_or(since <= oldest), false)
        FROM (SELECT state, CASE WHEN state = 'started' THEN date_started
                            ELSE GREATEST(date_created, date_enqueued, eta) END AS since,
                     clock_timestamp() AT TIME ZONE 'UTC' - make_interval(secs => %s) AS oldest
              FROM queue_job WHERE identity_key = %s AND state IN ('pending', 'enqueued', 'started')) jobs
        """, [OVERDUE_SECONDS, identity_key(connection.id)])
    running, overdue = cr.fetchone()
    if running:
        return True
    if overdue:
        _logger.warning("The jobs of connection %s stand still, its scheduled action does the work.", connection.name)
        connection._alert(
            "jobs", connection.env._("The jobs of %(connection)s stand still", connection=connection.name),
            connection.env._(
                "A job in the channel %(channel)s did not begin or end in time, so the scheduled action does the work. See "
                "whether the job runner is running, and whether its channel is paused or full.",
                channel=connection.executor_channel))
        return False
    connection._alert_done("jobs")
    enqueue(connection.env.registry, connection.id)
    return True
