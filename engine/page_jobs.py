"""Jobs of many pages in a scheduled action: page after page in a transaction each, again when another one disturbed it."""

import logging
import time
from collections.abc import Callable

from . import failures

_logger = logging.getLogger(__name__)
# A page that other transactions keep disturbing is left to the next call of the scheduled action.
ATTEMPTS = 5


def run(env, query: str, work: Callable[[int], int], stop: Callable[[int, str], None] | None = None) -> None:
    """Work on all jobs that are under way, until they are done or the time of the scheduled action is over.

    :param query: SQL that finds the id of the next job
    :param work: does the next page of a job, and returns how many records it had
    :param stop: notes that a job cannot go on, and why, so that it does not stop the others; without it, the error ends
        the run
    """
    cr = env.cr
    while True:
        cr.execute(query)  # pylint: disable=sql-injection
        found = cr.fetchone()
        if not found:
            env["ir.cron"]._commit_progress(0, remaining=0)
            return
        job_id = found[0]
        try:
            done = in_peace(env, lambda job_id=job_id: work(job_id))
        except Exception as error:
            if stop is None:
                raise
            _logger.warning("Job %s stopped", job_id, exc_info=True)
            stop(job_id, str(error))
            done = 0
        if done is None or env["ir.cron"]._commit_progress(done, remaining=1) <= 0:
            return


def in_peace(env, work: Callable[[], int]) -> int | None:
    """Do this, again when another transaction has disturbed it. None: it was disturbed too often."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return work()
        except Exception as error:
            env.cr.rollback()
            if not failures.is_concurrency(error):
                raise
            time.sleep(0.05 * attempt)
    return None
