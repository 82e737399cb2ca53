"""A request about a record that is carried out for each of its parts (the parcels of a delivery): they are made first."""

import time

from . import failures

ATTEMPTS = 5


def prepare(env, work):
    """Let ``work(env)`` write the parts in a transaction of its own and commit it, so that the worker sees them, whatever
    the caller's transaction does later. Somebody else may be making the same parts just now: then it looks again.

    :param work: function of an environment of the superuser; it may be called more than once
    :return: what ``work`` returns; plain values, because its records belong to the other transaction
    """
    env.cr.flush()
    for attempt in range(ATTEMPTS):
        with env.registry.cursor() as cr:
            try:
                cr.execute("SET LOCAL lock_timeout = '1s'")  # the caller's own transaction may hold what is needed here
                result = work(env(cr=cr, su=True))
                cr.commit()
                return result
            except Exception as error:
                cr.rollback()
                if not failures.is_concurrency(error) or attempt == ATTEMPTS - 1:
                    raise
        time.sleep(0.05 * (attempt + 1))
    return None
