"""The part of the worker that looks after its issues: after a slice is committed, in short transactions of their own.

Nothing here may stop the work: an activity or an e-mail that cannot be made is a line in the server's log.
"""

import logging
import time
from datetime import datetime

from odoo import SUPERUSER_ID, api, fields

from . import arrivals, failures, issues, noticing

_logger = logging.getLogger(__name__)

# Not after each slice: a burst of failures is one look.
TEND_EVERY_SECONDS = 5.0
ATTEMPTS = 3


class Tending:
    """Remembers during the slices what failed and what came, and brings issues, activities and statistics up to date."""

    def _init_tending(self) -> None:
        self._failing: dict[int, datetime] = {}
        self._arrived: dict[tuple[int, datetime], int] = {}
        self._tended_at = time.monotonic()

    def _note_issues(self, plan, rows: list, now: datetime) -> None:
        """Before the outcome of a slice is written: which issues its rows belong to."""
        self._failing.update(dict.fromkeys(issues.note_rows(self.cr, plan, rows, now), now))

    def _note_arrivals(self, plan, rows: list) -> None:
        """After a slice is done: how many records came. One that is tried again counts when that is over."""
        count = sum(1 for row in rows if row.outcome not in ("", "retry", "waiting"))
        if count:
            key = plan.id, arrivals.hour_of(self._now())
            self._arrived[key] = self._arrived.get(key, 0) + count

    def _tend(self, *, now: bool = True) -> None:
        """Look after the issues of this connection, if there is anything to look at. The caller has just committed.

        :param now: also when the last look was a moment ago
        """
        if not now and time.monotonic() - self._tended_at < TEND_EVERY_SECONDS:
            return
        self._tended_at = time.monotonic()
        arrived, self._arrived = self._arrived, {}
        if arrived:
            _apart(self.env, lambda own: _count(own, arrived))
        failing, self._failing = self._failing, {}
        if failing or issues.concerns(self.cr, self.connection.id, self._now()):
            tend(self.env, self.connection.id, failing=failing)


def _count(env, arrived: dict) -> None:
    # Nobody waits for it to be on disk: rather lose the last moment's count in a crash than some milliseconds each time.
    env.cr.execute("SET LOCAL synchronous_commit = off")
    arrivals.add(env.cr, arrived)


def tend(env, connection_id: int, *, failing: dict | None = None) -> None:
    """Bring issues and activities of a connection up to date, in transactions of their own. Never raises.

    :param failing: {issue id: when its failure was seen last}
    """
    now = fields.Datetime.now()

    def settle(own) -> None:
        issues.touch(own.cr, failing or {})
        issues.settle(own.cr, connection_id, now)

    def attend(own) -> None:
        own["integration.issue"]._attend(own["integration.connection"].browse(connection_id), now)

    if _apart(env, settle):
        _apart(env, attend)
        _apart(env, lambda own: noticing.note_issues(own, connection_id))


def _apart(env, work) -> bool:
    """Do this in a transaction of its own, and again when another one was in the way. Returns whether it is done."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with env.registry.cursor() as cr:
                # A button's own transaction may hold what is needed here, and waits for this one.
                cr.execute("SET LOCAL lock_timeout = '2s'")
                work(api.Environment(cr, SUPERUSER_ID, {}))
                cr.commit()
            return True
        except Exception as error:
            if attempt == ATTEMPTS or not failures.is_concurrency(error):
                _logger.warning("Issues could not be looked after: %s", error, exc_info=not failures.is_concurrency(error))
                return False
            time.sleep(0.05 * attempt)
    return False
