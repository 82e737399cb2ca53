"""Who works on a record: a database lock that dies with its worker.

A claim is a session-level advisory lock on the sync record's id, held on a connection of its own in autocommit, so
that it outlives the worker's transactions, keeps no transaction open while a remote system is awaited, and vanishes
with the process. No age, no heartbeat, no row that stays *processing*.
"""

from contextlib import contextmanager

import psycopg2

from odoo.sql_db import db_connect

# First key of the two-key advisory lock: a constant of this addon ('sync' in ASCII), the second is the record's id.
LOCK_SPACE = 0x73796E63
RUN_LOCK_SPACE = 0x72756E21
LANE_SPACE = 0x6C616E65


class Claims:
    """The locks of one worker."""

    def __init__(self, cr):
        self._cursor = db_connect(cr.dbname).cursor()
        self._cursor.connection.autocommit = True
        self._taken: list[tuple[int, int]] = []

    def take(self, ids: list[int], space: int = LOCK_SPACE) -> list[int]:
        """Lock those of ``ids`` that no other worker holds, and return them in the given order."""
        if not ids:
            return []
        self._cursor.execute(
            "SELECT id FROM unnest(%s::int[]) WITH ORDINALITY AS wanted(id, nr) "
            "WHERE pg_try_advisory_lock(%s, id) ORDER BY nr", [list(ids), space])
        locked = [row[0] for row in self._cursor.fetchall()]
        self._taken += [(space, lock_id) for lock_id in locked]
        return locked

    def keep(self, space: int, lock_id: int) -> bool:
        """Lock something until the end, not only for the slice. Returns whether nobody else holds it."""
        self._cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [space, lock_id])
        return self._cursor.fetchone()[0]

    def ask(self, query: str, params: dict) -> list[tuple]:
        """Read the present state in a transaction of its own, which is over at once."""
        self._cursor.execute(query, params)
        return self._cursor.fetchall()

    def release(self) -> None:
        """Give back what was taken for the slice."""
        taken, self._taken = self._taken, []
        if taken:
            self._cursor.execute(
                "SELECT pg_advisory_unlock(space, id) FROM unnest(%s::int[], %s::int[]) AS taken(space, id)",
                [[space for space, _id in taken], [lock_id for _space, lock_id in taken]])

    def close(self) -> None:
        try:
            self._cursor.execute("SELECT pg_advisory_unlock_all()")
            self._cursor.connection.autocommit = False
        except psycopg2.Error:
            pass  # the connection is lost, and the locks with it
        finally:
            self._cursor.close()


@contextmanager
def claims(cr):
    """A set of claims that is released at the end, whatever happens."""
    held = Claims(cr)
    try:
        yield held
    finally:
        held.close()
