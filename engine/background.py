"""The part of the worker that does what has no records in the queue: it puts runs back and reconciles.

A slice of it is done when nothing else is due, and now and then between slices of other work; never before live records.
"""

import logging
import time

from . import failures, outbox
from .claim import RUN_LOCK_SPACE
from .reconcile import Reconciler, open_scheduled
from .reconcile_fix import forget_seen
from .reverting import Reverter
from .rows import RUNNING_STATES

_logger = logging.getLogger(__name__)

# First key of the advisory lock of who reconciles ('reco' in ASCII); the second one is the reconciliation's id.
RECONCILE_SPACE = 0x7265636F
# While other work goes on, one slice of this is done so often.
TURN_SECONDS = 2.0

_NEXT = """
    SELECT r.id FROM {table} r JOIN integration_flow f ON f.id = r.flow_id
    WHERE r.connection_id = %s AND r.state = %s AND (r.next_try_at IS NULL OR r.next_try_at <= %s)
      AND f.active AND f.state IN %s ORDER BY r.id LIMIT 1
"""


class Background:
    """Wants what a worker has."""

    def _init_background(self) -> None:
        self._background_at = time.monotonic()

    def _background_turn(self) -> bool:
        return time.monotonic() - self._background_at >= TURN_SECONDS

    def _in_background(self, held) -> int:
        """One slice of a run that is put back, or of a reconciliation. Returns whether there was something to do."""
        self._background_at = time.monotonic()
        if not outbox.background_waits(self.cr, self.connection.id, self._clock()):
            return 0
        if open_scheduled(self.env, self.connection.id, self._now()):
            self._commit()
        return self._slice_of(held, "integration_run", "reverting", RUN_LOCK_SPACE, Reverter) \
            or self._slice_of(held, "integration_reconciliation", "open", RECONCILE_SPACE, Reconciler)

    def _slice_of(self, held, table: str, state: str, space: int, kind) -> int:
        self.cr.execute(
            _NEXT.format(table=table),  # pylint: disable=sql-injection
            [self.connection.id, state, self._clock(), RUNNING_STATES])
        found = self.cr.fetchone()
        if not found or not held.take([found[0]], space):
            return 0  # none, or another worker does it
        self._commit()  # what it did until just now is seen from here
        started = time.monotonic()
        try:
            count = kind(self, found[0]).step(held)
        except Exception as error:
            self.cr.rollback()
            self._plans.clear()
            if failures.is_concurrency(error):
                raise
            _logger.error("%s %s could not go on", table, found[0], exc_info=error)
            known = failures.from_exception(self.env, table.replace("_", "."), error)
            message = failures.messages.explain(self.env, known)[0].replace("\x00", "")
            self._lasting(lambda: self._give_up(table, found[0], message))
            return 1
        self._note_pace(0, state, count, time.monotonic() - started)
        return 1

    def _give_up(self, table: str, row_id: int, message: str) -> None:
        """An error that nobody expected: it is told where people look, and the others go on."""
        self.cr.execute(
            f"UPDATE {table} SET state = 'failed', ended_at = %s, message = %s WHERE id = %s",  # pylint: disable=sql-injection
            [self._now(), message, row_id])
        if table == "integration_reconciliation":
            forget_seen(self.cr, [row_id])
