"""Tells Odoo's cron workers, or the job queue, that there is something to do, without making a user's commit wait for it.

The same as ``ir.cron._notifydb``, which opens a new connection to the database *postgres* for each call: that takes
longer than the smallest write, commit included. Here a thread does it behind the commit, and keeps its connection for a
moment, because commits come in bursts. Should the process die in between: the trigger is stored already, and the
workers look at least once a minute.
"""

import logging
import threading
import time

from odoo.addons.base.models.ir_cron import ODOO_NOTIFY_FUNCTION
from odoo.sql_db import db_connect
from odoo.tools import SQL

_logger = logging.getLogger(__name__)

LINGER_SECONDS = 1.0
# The first commit wakes them at once; those of a burst behind it together.
PAUSE_SECONDS = 0.01

# Databases, each with the connection that wants a job or None for the cron workers.
_wanted: set[tuple[str, int | None]] = set()
_changed = threading.Condition()
_thread: threading.Thread | None = None


def notify(dbname: str, job_connection_id: int | None = None, *, delay: float = 0) -> None:
    """Wake the cron workers of this database, or have a job made for a connection whose work is done as jobs: now, or in
    so many seconds."""
    global _thread  # noqa: PLW0603 - one thread a process
    if delay:
        timer = threading.Timer(delay, notify, [dbname, job_connection_id])
        timer.daemon = True
        timer.start()
        return
    with _changed:
        _wanted.add((dbname, job_connection_id))
        if _thread is not None and _thread.is_alive():
            _changed.notify()
            return
        _thread = threading.Thread(target=_work, name="integration-notify", daemon=True)
        _thread.start()


def _work() -> None:
    try:
        with db_connect("postgres").cursor() as cr:
            cr.connection.autocommit = True
            while wanted := _take():
                for name in {name for name, connection_id in wanted if connection_id is None}:
                    cr.execute(SQL("SELECT %s('cron_trigger', %s)", SQL.identifier(ODOO_NOTIFY_FUNCTION), name))
                for name, connection_id in wanted:
                    if connection_id is not None:
                        _make_job(name, connection_id)
                time.sleep(PAUSE_SECONDS)
    except Exception as error:  # whatever it is, the next commit must be able to wake them again
        _logger.warning("The cron workers could not be woken; they will look by themselves: %s", error)
        with _changed:
            _end()


def _make_job(dbname: str, connection_id: int) -> None:
    from . import jobs  # noqa: PLC0415 - its worker imports this module by way of the capture

    try:
        jobs.enqueue_soon(dbname, connection_id)
    except Exception as error:  # the job queue was just removed, a database that restarts: the scheduled action comes
        _logger.warning("No job could be made for connection %s; its scheduled action will look: %s", connection_id, error)


def _take() -> set[tuple[str, int | None]]:
    """What is to be woken, as soon as there is something; nothing after a while: then the thread is gone for ``notify``."""
    with _changed:
        if not _wanted:
            _changed.wait(LINGER_SECONDS)
        wanted = set(_wanted)
        _wanted.clear()
        if not wanted:
            _end()
        return wanted


def _end() -> None:
    global _thread  # noqa: PLW0603 - see notify
    _thread = None
