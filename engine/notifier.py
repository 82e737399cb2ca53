"""Tells Odoo's cron workers that there is something to do, without making a user's commit wait for it.

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

_wanted: set[str] = set()
_changed = threading.Condition()
_thread: threading.Thread | None = None


def notify(dbname: str, delay: float = 0) -> None:
    """Wake the cron workers of this database now, or in so many seconds."""
    global _thread  # noqa: PLW0603 - one thread a process
    if delay:
        timer = threading.Timer(delay, notify, [dbname])
        timer.daemon = True
        timer.start()
        return
    with _changed:
        _wanted.add(dbname)
        if _thread is not None and _thread.is_alive():
            _changed.notify()
            return
        _thread = threading.Thread(target=_work, name="integration-notify", daemon=True)
        _thread.start()


def _work() -> None:
    try:
        with db_connect("postgres").cursor() as cr:
            cr.connection.autocommit = True
            while names := _take():
                for name in names:
                    cr.execute(SQL("SELECT %s('cron_trigger', %s)", SQL.identifier(ODOO_NOTIFY_FUNCTION), name))
                time.sleep(PAUSE_SECONDS)
    except Exception as error:  # whatever it is, the next commit must be able to wake them again
        _logger.warning("The cron workers could not be woken; they will look by themselves: %s", error)
        with _changed:
            _end()


def _take() -> list[str]:
    """What is to be woken, as soon as there is something; nothing after a while: then the thread is gone for ``notify``."""
    with _changed:
        if not _wanted:
            _changed.wait(LINGER_SECONDS)
        names = sorted(_wanted)
        _wanted.clear()
        if not names:
            _end()
        return names


def _end() -> None:
    global _thread  # noqa: PLW0603 - see notify
    _thread = None
