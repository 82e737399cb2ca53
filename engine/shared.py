"""What all workers of one connection share, in whatever process or node they run: the rate limit, a pause that the other
system asked for, and the OAuth token.

It is kept in ``integration.connection.state`` by statements that commit at once, on a database connection of their own:
no worker waits for the transaction of another one, and what was counted stays counted whatever is rolled back. Moments
are the database's. The leases change by compare-and-set, so that no lock is held between reading and writing them.
"""

import json
import logging
import random
import threading
import time
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import psycopg2

from odoo.sql_db import db_connect

from ..core import rate
from ..core.errors import SyncError
from ..transport.throttle import Grant

_logger = logging.getLogger(__name__)

# First key of the advisory lock of who renews a token ('oaut' in ASCII); the second one is the connection's id.
OAUTH_LOCK_SPACE = 0x6F617574
# So often it is tried to change leases that others change at the same time; then the caller waits a moment.
ATTEMPTS = 6
# So many connections for questions stay open when nobody asks.
SPARE = 4
# Seconds between two looks whether another worker has renewed the token.
RENEWAL_LOOK = 0.05
# Seconds for connecting, answering and storing beyond the time-outs of the connection.
RENEWAL_SPARE = 5.0

_READ = """
    SELECT revision, leases, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint,
           GREATEST(extract(epoch FROM resume_at - clock_timestamp() AT TIME ZONE 'UTC'), 0)::float
    FROM integration_connection_state WHERE connection_id = %s
"""
# What a crash of the database would take with it is a second of counting: not worth a disk write for each lease.
_LAZY = "SET LOCAL synchronous_commit TO off; "
_TODAY = "(clock_timestamp() AT TIME ZONE 'UTC')::date"
_COUNT = f"day = {_TODAY}, calls_today = CASE WHEN day = {_TODAY} THEN COALESCE(calls_today, 0) ELSE 0 END + %(made)s"
_WRITE = f"""
    UPDATE integration_connection_state SET revision = revision + 1, leases = %(leases)s, {_COUNT}
    WHERE connection_id = %(connection)s AND revision = %(revision)s
"""
_COUNT_ONLY = f"UPDATE integration_connection_state SET {_COUNT} WHERE connection_id = %(connection)s"
_PAUSE = """
    UPDATE integration_connection_state
    SET resume_at = GREATEST(resume_at, clock_timestamp() AT TIME ZONE 'UTC' + %s * interval '1 second')
    WHERE connection_id = %s
"""


class Statements:
    """A database connection for short statements, each of which commits at once. Thread-safe; opened when needed."""

    def __init__(self, dbname: str):
        self._dbname = dbname
        self._cursor = None
        self._closed = False
        self._lock = threading.Lock()

    def run(self, query: str, params=()) -> tuple[int, list]:
        """(rows changed, rows found). A connection that was lost is opened once more.

        :raises psycopg2.Error: when the database refuses or cannot be reached
        """
        with self._lock:
            try:
                return self._run(query, params)
            except (psycopg2.OperationalError, psycopg2.InterfaceError):
                self._drop()
                return self._run(query, params)

    def _run(self, query, params) -> tuple[int, list]:
        if self._closed:
            raise psycopg2.InterfaceError("the worker has ended")
        if self._cursor is None:
            self._cursor = db_connect(self._dbname).cursor()
            self._cursor.connection.autocommit = True
        self._cursor.execute(query, params)
        return self._cursor.rowcount, self._cursor.fetchall() if self._cursor.description else []

    def _drop(self) -> None:
        cursor, self._cursor = self._cursor, None
        if cursor is not None:
            with suppress(psycopg2.Error):  # the connection is lost
                cursor.connection.autocommit = False
            cursor.close()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._drop()


class SpareStatements:
    """The same for several threads at once: each question goes over a connection that nobody else is using."""

    def __init__(self, dbname: str):
        self._dbname = dbname
        self._idle: list[Statements] = []  # append and pop are atomic

    def run(self, query: str, params=()) -> list:
        """Rows found.

        :raises psycopg2.Error: when the database refuses or cannot be reached
        :raises odoo.sql_db.PoolError: when this process has no connection left
        """
        try:
            statements = self._idle.pop()
        except IndexError:
            statements = Statements(self._dbname)
        try:
            return statements.run(query, params)[1]
        finally:
            if len(self._idle) < SPARE:
                self._idle.append(statements)
            else:
                statements.close()


class SharedRate:
    """The calls of one connection, counted for all its workers: a ``SharedRate`` of the transport."""

    def __init__(self, statements: Statements, connection_id: int, calls: int, period: float):
        self._statements = statements
        self._connection_id = connection_id
        self._calls = calls
        self._period = period

    def lease(self, wanted: int, *, until: int = 0, unused: int = 0, made: int = 0) -> Grant | None:
        for attempt in range(ATTEMPTS):
            _count, found = self._statements.run(_READ, [self._connection_id])
            if not found:
                return None  # not committed yet: nobody else can know this connection
            revision, text, now, pause = found[0]
            before = slots = _load(text)
            if unused:
                slots = rate.give_back(slots, until, unused)
            lease = rate.Lease(0, 0, round(pause * 1000))
            if wanted and not pause:
                slots, lease = rate.reserve(slots, now, calls=self._calls, period=self._period, wanted=wanted)
            if self._write(revision, before, slots, made):
                return Grant(lease.calls, lease.until, max(lease.until - now, 0) / 1000, lease.wait / 1000, pause)
            time.sleep(random.uniform(0, 0.002 * (attempt + 1)))
        return Grant(wait=random.uniform(0.005, 0.02))

    def _write(self, revision: int, before, slots, made: int) -> bool:
        """False when others have changed the leases meanwhile."""
        params = {"connection": self._connection_id, "revision": revision, "made": made}
        if slots != before:
            return self._statements.run(_LAZY + _WRITE, dict(params, leases=json.dumps(slots)))[0] == 1
        if made:
            self._statements.run(_LAZY + _COUNT_ONLY, params)
        return True

    def pause(self, seconds: float) -> None:
        self._statements.run(_PAUSE, [seconds, self._connection_id])


class SharedToken:
    """The OAuth token of one connection, for all its workers: a ``SharedToken`` of the transport."""

    def __init__(self, statements: Statements, connection_id: int, version: int, patience: float):
        self._statements = statements
        self._connection_id = connection_id
        self._version = version
        self._patience = patience + RENEWAL_SPARE

    @contextmanager
    def renewing(self):
        """Only one worker renews at a time; the lock dies with it. The others look for what it has got."""
        before = self._load()
        until = time.monotonic() + self._patience
        key = [OAUTH_LOCK_SPACE, self._connection_id]
        while not self._statements.run("SELECT pg_try_advisory_lock(%s, %s)", key)[1][0][0]:
            kept = self._load()
            if kept is not None and kept != before:
                yield kept
                return
            if time.monotonic() > until:
                raise SyncError("concurrency", "not_sent", params={"reason": "token_renewal"})
            time.sleep(RENEWAL_LOOK)
        try:
            yield self._load()
        finally:
            self._statements.run("SELECT pg_advisory_unlock(%s, %s)", key)

    def _load(self) -> dict[str, Any] | None:
        """The token that is kept for these credentials."""
        _count, found = self._statements.run(
            "SELECT oauth_token FROM integration_connection_state WHERE connection_id = %s AND oauth_version = %s",
            [self._connection_id, self._version])
        return json.loads(found[0][0]) if found and found[0][0] else None

    def save(self, token: dict[str, Any]) -> bool:
        """Not when the credentials were changed meanwhile: then it is nobody's any more, and not handed on either."""
        changed, _rows = self._statements.run(
            "UPDATE integration_connection_state SET oauth_token = %s, oauth_version = %s "
            "WHERE connection_id = %s AND COALESCE(oauth_version, 0) <= %s",
            [json.dumps(token), self._version, self._connection_id, self._version])
        if changed:
            return True
        _count, found = self._statements.run(
            "SELECT 1 FROM integration_connection_state WHERE connection_id = %s", [self._connection_id])
        return bool(found)


class Shared(NamedTuple):
    """All that one client shares with those of other workers."""

    statements: Statements
    rate: SharedRate
    token: SharedToken

    def close(self) -> None:
        self.statements.close()


def share(connection, config) -> Shared:
    """What the client of this connection shares with all others. Opens nothing yet."""
    statements = Statements(connection.env.cr.dbname)
    return Shared(
        statements,
        SharedRate(statements, connection.id, config.rate_calls, config.rate_period),
        SharedToken(statements, connection.id, connection.credentials_version, config.timeout_connect + config.timeout_read))


def usage(cr, connection_ids: list[int]) -> dict[int, tuple]:
    """``{connection id: (leases, now in ms, seconds of pause, calls today)}`` as this transaction sees them."""
    cr.execute(
        f"SELECT connection_id, leases, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint, "
        f"GREATEST(extract(epoch FROM resume_at - clock_timestamp() AT TIME ZONE 'UTC'), 0)::float, "
        f"CASE WHEN day = {_TODAY} THEN calls_today ELSE 0 END "
        f"FROM integration_connection_state WHERE connection_id = ANY(%s)",  # pylint: disable=sql-injection
        [list(connection_ids)])
    return {row[0]: (_load(row[1]), *row[2:]) for row in cr.fetchall()}


def end_pause(dbname: str, connection_ids: list[int]) -> None:
    """A person wants a call now, whatever the other system asked for."""
    statements = Statements(dbname)
    try:
        statements.run(
            "UPDATE integration_connection_state SET resume_at = NULL WHERE connection_id = ANY(%s)", [list(connection_ids)])
    except psycopg2.Error:
        _logger.warning("a pause could not be ended", exc_info=True)
    finally:
        statements.close()


def _load(text: str | None) -> rate.Slots:
    return tuple((until, count) for until, count in json.loads(text)) if text else ()
