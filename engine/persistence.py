"""The part of the worker that goes on whatever happens: disturbed by another transaction, or by an error nobody expected."""

import logging
import time
from datetime import timedelta

from . import failures, messages
from .rows import load_rows

_logger = logging.getLogger(__name__)

# A slice that another transaction disturbed this often is done record by record; a single record is put off.
DISTURBED_LIMIT = 5
PUT_OFF = timedelta(seconds=5)


class Persistence:
    """Does a slice again, then record by record; and puts what cannot be done on the record itself."""

    def _slice(self, held, ids: list[int], *, locked: bool = False) -> int:
        """Work on claimed records of one flow and one kind. Disturbed by another transaction, it is done again.

        :param locked: the ids are claimed already, because they are due; else they are claimed here and done at once
        """
        due = self._clock() if locked else None
        if not locked:
            ids = held.take(ids)
            self._commit()
        for attempt in range(1, DISTURBED_LIMIT + 1):
            try:
                return self._work(ids, due)
            except Exception as error:
                self.cr.rollback()
                self._plans.clear()
                if not failures.is_concurrency(error):
                    self._break_down(ids, error)
                    return len(ids)
                _logger.info("Disturbed by another transaction, doing it again (%s of %s): %s",
                             attempt, DISTURBED_LIMIT, error)
                time.sleep(0.05 * attempt)
        self._one_by_one(ids)
        return len(ids)

    def _break_down(self, ids: list[int], error: Exception) -> None:
        """An error that nobody expected: it is recorded on the records, so that the queue moves on."""
        if len(ids) > 1:
            self._one_by_one(ids)
            return
        _logger.error("Sync record %s could not be processed", ids, exc_info=error)
        try:
            for row in load_rows(self.cr, ids):
                plan = self._plan(row.flow_id)
                row.direction = "import" if row.import_pending else "export"
                failures.apply_failure(
                    self.env, row, failures.from_exception(self.env, plan.model_name, error),
                    policy=plan.retry_policy, now=self._now())
                self._record(plan, [row], [])
            self._commit()
        except Exception as second:  # not even its flow can be read: then the bare fact has to do
            self.cr.rollback()
            self._plans.clear()
            if failures.is_concurrency(second):
                self._put_off(ids)
            else:
                self._note_breakdown(ids, error, repr(second))

    def _note_breakdown(self, ids: list[int], error: Exception, detail: str) -> None:
        message, hint = messages.explain(self.env, error)
        self._lasting(lambda: self.cr.execute(
            "UPDATE integration_sync SET state = 'failed', due_at = NULL, error_class = 'internal', "
            "error_code = 'internal', error_message = %s, error_hint = %s, error_detail = %s, failed_at = %s, "
            "issue_id = NULL WHERE id = ANY(%s)",
            [message.replace("\x00", ""), hint, detail.replace("\x00", "")[:8000], self._now(), ids]))

    def _one_by_one(self, ids: list[int]) -> None:
        for sync_id in ids:
            try:
                self._work([sync_id])
            except Exception as single:  # whatever it is, it belongs on the record
                self.cr.rollback()
                self._plans.clear()
                if failures.is_concurrency(single):
                    self._put_off([sync_id])
                else:
                    self._break_down([sync_id], single)

    def _put_off(self, ids: list[int]) -> None:
        """Somebody else keeps changing these records: a little later."""
        self._lasting(lambda: self.cr.execute(
            "UPDATE integration_sync SET state = 'pending', due_at = %s "
            "WHERE id = ANY(%s) AND state IN ('pending', 'waiting', 'processing')", [self._now() + PUT_OFF, ids]))

    def _lasting(self, work) -> None:
        """Do database work and commit it. Disturbed by another transaction, it is done again: for what must not be
        lost because it happened already, over there. ``work`` may be called several times."""
        for attempt in range(1, DISTURBED_LIMIT + 1):
            try:
                work()
                self._commit()
                return
            except Exception as error:
                self.cr.rollback()
                if attempt == DISTURBED_LIMIT or not failures.is_concurrency(error):
                    raise
                _logger.info("Disturbed by another transaction, recording again (%s): %s", attempt, error)
                time.sleep(0.05 * attempt)
