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


class Claims:
    """The locks of one worker."""

    def __init__(self, cr):
        self._cursor = db_connect(cr.dbname).cursor()
        self._cursor.connection.autocommit = True

    def take(self, ids: list[int], space: int = LOCK_SPACE) -> list[int]:
        """Lock those of ``ids`` that no other worker holds, and return them in the given order."""
        if not ids:
            return []
        self._cursor.execute(
            "SELECT id FROM unnest(%s::int[]) WITH ORDINALITY AS wanted(id, nr) "
            "WHERE pg_try_advisory_lock(%s, id) ORDER BY nr", [list(ids), space])
        return [row[0] for row in self._cursor.fetchall()]

    def release(self) -> None:
        self._cursor.execute("SELECT pg_advisory_unlock_all()")

    def close(self) -> None:
        try:
            self.release()
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
