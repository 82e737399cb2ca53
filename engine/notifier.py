"""Tells Odoo's cron workers that there is something to do, without making a user's commit wait for it.

The same as ``ir.cron._notifydb``, which opens a new connection to the database *postgres* for each call: longer than
the smallest write takes, commit included. Here a thread does it behind the commit, once for all commits that come
while it is busy. Should the process die in between, the trigger is stored already, and the workers look at least once a
minute.
"""

import logging
import threading

import psycopg2

from odoo.addons.base.models.ir_cron import ODOO_NOTIFY_FUNCTION
from odoo.sql_db import db_connect
from odoo.tools import SQL

_logger = logging.getLogger(__name__)

_lock = threading.Lock()
_wanted: set[str] = set()
_busy = False


def notify(dbname: str) -> None:
    """Wake the cron workers of this database soon."""
    global _busy  # noqa: PLW0603 - one thread a process
    with _lock:
        _wanted.add(dbname)
        if _busy:
            return
        _busy = True
    threading.Thread(target=_work, name="integration-notify", daemon=True).start()


def _work() -> None:
    global _busy  # noqa: PLW0603
    while True:
        with _lock:
            names = sorted(_wanted)
            _wanted.clear()
            if not names:
                _busy = False
                return
        try:
            with db_connect("postgres").cursor() as cr:
                for name in names:
                    cr.execute(SQL("SELECT %s('cron_trigger', %s)", SQL.identifier(ODOO_NOTIFY_FUNCTION), name))
        except psycopg2.Error as error:
            _logger.warning("The cron workers could not be woken; they will look by themselves: %s", error)
