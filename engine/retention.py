"""What is old is removed, in short statements between which everybody else comes first.

Tables are walked by their id, a page at a time. A page is one statement and one commit; its size follows the time that the
last one took, rows that somebody holds are left for the next time, and the walk ends with the time of the scheduled action.
"""

import logging
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from psycopg2.extensions import TRANSACTION_STATUS_IDLE

from odoo import fields

from . import failures, outbox

_logger = logging.getLogger(__name__)

# A statement that takes longer is followed by one on fewer rows, a shorter one by one on more.
STATEMENT_SECONDS = 0.05
SMALLEST_PAGE = 50
# One call works for so long: a scheduled action holds one of Odoo's few cron threads, which live records need too.
CALL_SECONDS = 8.0
# What others disturbed is tried so often, then left for the next time.
DISTURBED_LIMIT = 3
# Captured changes that no worker has fetched for so long are folded into sync records: one for each record.
LEFT_OVER = timedelta(days=1)

# Days for which something is kept, 0 for ever; and MiB of stored bodies for each connection, 0 without limit.
DEFAULTS = {
    "keep_unchanged_days": 14,
    "keep_changes_days": 365,
    "keep_failures_days": 180,
    "keep_bodies_days": 30,
    "keep_exchanges_days": 90,
    "keep_payloads_days": 0,
    "keep_runs_days": 365,
    "keep_bodies_mb": 1024,
}
# Parts of a flow's policy, in the order of ``Policies``.
FLOW_SETTINGS = tuple(name for name in DEFAULTS if name != "keep_bodies_mb")

QUIET_OUTCOMES = ("unchanged", "excluded", "linked")
FAILURE_OUTCOMES = ("failed", "retry", "waiting", "conflict", "unknown", "held")
# A record in any other state still needs its last line and its last exchange.
SETTLED = ("synced", "excluded", "skipped")


@dataclass(slots=True)
class Purged:
    """What a walk came to."""

    count: int = 0
    finished: bool = True

    def __add__(self, other: "Purged") -> "Purged":
        return Purged(self.count + other.count, self.finished and other.finished)


class Time:
    """How long a call may go on."""

    def __init__(self, env, seconds: float = CALL_SECONDS):
        self.env = env
        self.until = time.monotonic() + seconds

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.until

    def commit(self, done: int) -> None:
        """Commit, and tell the scheduled action (if there is one) of what was done. Its own end is ours."""
        left = self.env["ir.cron"]._commit_progress(done)
        self.until = min(self.until, time.monotonic() + left)


def delete_in_chunks(env, table: str, where: str, params=(), *, chunk: int = 5000, until: Time | None = None) -> Purged:
    """Delete the rows of ``table`` for which ``where`` is true, without keeping anybody waiting. Commits.

    For tables with an integer ``id`` whose old rows have low ids. Only for whoever may commit: scheduled actions.

    :param where: SQL condition; the row is called ``r``. Written in code, never by users.
    :param params: values for its ``%s``
    :param chunk: rows that are looked at in one statement, at most
    :param until: when to stop; a few seconds from now when left out
    :return: how many were deleted, and whether the end of the table was reached
    """
    return _walk(env, table, where, params, f"DELETE FROM {table} WHERE id IN (SELECT id FROM old)", chunk, until)


def update_in_chunks(
        env, table: str, assignments: str, where: str, params=(), *, chunk: int = 5000, until: Time | None = None) -> Purged:
    """The same for an UPDATE: ``assignments`` is the text after SET, without parameters."""
    return _walk(
        env, table, where, params, f"UPDATE {table} SET {assignments} WHERE id IN (SELECT id FROM old)", chunk, until)


def _walk(env, table, where, params, action, chunk, until) -> Purged:
    until = until or Time(env)
    result, last_id, size = Purged(), 0, min(chunk, 500)
    until.commit(0)
    while True:
        started = time.monotonic()
        _see_what_is_there(env.cr)
        env.cr.execute(
            f"SELECT max(id) FROM (SELECT id FROM {table} WHERE id > %s ORDER BY id LIMIT %s) page",  # pylint: disable=sql-injection
            [last_id, size])
        end = env.cr.fetchone()[0]
        if end is None:
            return result
        count = _page(env, table, where, params, action, (last_id, end))
        if count is None:
            count, result.finished = 0, False
        until.commit(count)
        taken = time.monotonic() - started
        result.count += count
        last_id = end
        if until.is_over:
            result.finished = False
            return result
        size = max(SMALLEST_PAGE, min(chunk, int(size * max(0.25, min(2.0, STATEMENT_SECONDS / max(taken, 0.001))))))
        time.sleep(min(taken, 2 * STATEMENT_SECONDS) if count else 0)


def _see_what_is_there(cr) -> None:
    """Odoo's transactions see one moment, and give up when a row has changed since. Ours are one statement each and want
    what is there now. (Only at the beginning of a transaction; test cursors are always in the middle of one.)"""
    if cr.connection.get_transaction_status() == TRANSACTION_STATUS_IDLE:
        cr.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")


def _page(env, table, where, params, action, bounds) -> int | None:
    """One statement on the rows with an id above the first of ``bounds`` up to the second. What is locked is left out.

    :return: rows changed; None when others disturbed it again and again
    """
    for attempt in range(1, DISTURBED_LIMIT + 1):
        try:
            env.cr.execute(
                f"WITH old AS (SELECT r.id FROM {table} r WHERE r.id > %s AND r.id <= %s AND ({where}) "  # pylint: disable=sql-injection
                f"FOR UPDATE OF r SKIP LOCKED) {action}", [*bounds, *params], log_exceptions=False)
            return env.cr.rowcount
        except Exception as error:
            env.cr.rollback()
            _see_what_is_there(env.cr)
            if not failures.is_concurrency(error):
                raise
            _logger.info("%s: disturbed by another transaction (%s): %s", table, attempt, error)
            time.sleep(STATEMENT_SECONDS * attempt)
    return None


@dataclass(slots=True)
class Policies:
    """Until when each flow keeps what: columns of one parameter each, for ``unnest``. Flow 0 is everything without a
    flow. None: for ever."""

    flows: list[int] = field(default_factory=list)
    until: dict[str, list[datetime | None]] = field(default_factory=lambda: {name: [] for name in FLOW_SETTINGS})

    def add(self, flow_id: int, days: dict[str, int], now: datetime) -> None:
        self.flows.append(flow_id)
        for name, moments in self.until.items():
            moments.append(now - timedelta(days=days[name]) if days[name] else None)

    def any(self, *names: str) -> bool:
        return any(moment for name in names for moment in self.until[name])


class Retention:
    """One round over all tables of the addon. Commits; see ``models/retention.py`` for who calls it."""

    def __init__(self, env, until: Time | None = None):
        self.env = env
        self.cr = env.cr
        self.now = fields.Datetime.now()
        self.until = until or Time(env)
        self.defaults = defaults(env)
        self.policies = self._policies()

    def _policies(self) -> Policies:
        policies = Policies()
        policies.add(0, self.defaults, self.now)
        flows = self.env["integration.flow"].sudo().with_context(active_test=False).search([])
        for flow in flows:
            days = {name: flow[name] for name in FLOW_SETTINGS} if flow.own_retention else self.defaults
            policies.add(flow.id, days, self.now)
        return policies

    def _older_than(self, moment: str, **names: str) -> tuple[str, list]:
        """SQL that is true for rows older than their flow's policy says, and its parameters.

        :param moment: SQL of the row's own time
        :param names: setting → SQL condition under which it is the one that counts; the last one has none
        """
        cases, last = "", ""
        for name, condition in names.items():
            if condition:
                cases += f"WHEN {condition} THEN p.{name} "
            else:
                last = f"p.{name}"
        limit = f"CASE {cases}ELSE {last} END" if cases else last
        columns = ", ".join(["flow_id", *names])
        types = ", ".join(["%s::int[]"] + ["%s::timestamp[]"] * len(names))
        where = (f"EXISTS (SELECT 1 FROM unnest({types}) AS p({columns}) "
                 f"WHERE p.flow_id = COALESCE(r.flow_id, 0) AND {moment} < {limit})")
        return where, [self.policies.flows, *(self.policies.until[name] for name in names)]

    # -- captured changes ----------------------------------------------------------------------------------

    def leftovers(self) -> Purged:
        """Changes that wait for a worker that does not come (the connection was archived) become one pending record each:
        nothing is forgotten, and the outbox does not grow with every write."""
        self.cr.execute(
            "SELECT DISTINCT flow.connection_id FROM integration_flow flow WHERE EXISTS ("
            "SELECT 1 FROM integration_capture c WHERE c.flow_id = flow.id AND c.captured_at < %s)", [self.now - LEFT_OVER])
        result = Purged()
        for (connection_id,) in self.cr.fetchall():
            while taken := outbox.drain(self.cr, connection_id, self.now):
                self.until.commit(taken)
                result.count += taken
                if self.until.is_over:
                    return Purged(result.count, False)
        return result

    # -- log lines -----------------------------------------------------------------------------------------

    def log_lines(self) -> Purged:
        """Lines of the history, by what they tell. Of a record that is not settled the last one stays, and the last one
        with an exchange."""
        if not self.policies.any("keep_unchanged_days", "keep_changes_days", "keep_failures_days"):
            return Purged()
        where, params = self._older_than(
            "r.create_date",
            keep_failures_days=f"r.outcome IN {FAILURE_OUTCOMES}",
            keep_unchanged_days=f"r.outcome IN {QUIET_OUTCOMES} OR r.outcome = 'updated' AND r.changes IS NULL",
            keep_changes_days="")
        return delete_in_chunks(self.env, "integration_log", f"{where} AND NOT COALESCE({_LINE_IS_NEEDED}, false)", params,
                                until=self.until)

    # -- exchanges -----------------------------------------------------------------------------------------

    def bodies(self) -> Purged:
        """Bodies go before their exchange: address, status, sizes and times tell for longer what happened."""
        if not self.policies.any("keep_bodies_days"):
            return Purged()
        where, params = self._older_than("r.create_date", keep_bodies_days="")
        return self._prune_bodies(where, params)

    def bodies_by_size(self) -> Purged:
        """The oldest bodies of a connection go when it has more of them than it may have."""
        result = Purged()
        for connection_id, last_id in self._oversized().items():
            result += self._prune_bodies("r.connection_id = %s AND r.id <= %s", [connection_id, last_id])
            if not result.finished:
                break
        return result

    def _oversized(self) -> dict[int, int]:
        """``{connection: id of the newest exchange whose bodies are too many}``."""
        limits = {
            connection.id: (connection.keep_bodies_mb or self.defaults["keep_bodies_mb"]) * 1024 * 1024
            for connection in self.env["integration.connection"].sudo().with_context(active_test=False).search([])}
        limits = {connection_id: limit for connection_id, limit in limits.items() if limit}
        found: dict[int, int] = {}
        for connection_id, limit in limits.items():
            total, first_id = 0, None
            while True:
                # The sizes stand in the row's own page: the bodies themselves are not read.
                self.cr.execute(
                    f"SELECT min(id), sum({_BODY_BYTES}), count(*) FROM (SELECT * FROM integration_exchange "  # pylint: disable=sql-injection
                    "WHERE connection_id = %s AND (%s::int IS NULL OR id < %s) ORDER BY id DESC LIMIT 2000) page",
                    [connection_id, first_id, first_id])
                page_first, size, count = self.cr.fetchone()
                if not count:
                    break
                if total + size > limit:
                    found[connection_id] = self._where_full(connection_id, first_id, limit - total)
                    break
                total, first_id = total + size, page_first
            self.until.commit(0)
        return found

    def _where_full(self, connection_id: int, before_id: int | None, left: int) -> int:
        self.cr.execute(
            f"SELECT max(id) FROM (SELECT id, sum({_BODY_BYTES}) OVER (ORDER BY id DESC) AS size FROM ("  # pylint: disable=sql-injection
            "SELECT * FROM integration_exchange WHERE connection_id = %s AND (%s::int IS NULL OR id < %s) "
            "ORDER BY id DESC LIMIT 2000) page) sizes WHERE size > %s", [connection_id, before_id, before_id, left])
        return self.cr.fetchone()[0]

    def _prune_bodies(self, where, params) -> Purged:
        return update_in_chunks(
            self.env, "integration_exchange", "request_body = NULL, response_body = NULL, bodies_pruned = true",
            f"(r.request_body IS NOT NULL OR r.response_body IS NOT NULL) AND {where} "
            f"AND NOT COALESCE({_EXCHANGE_IS_NEEDED}, false)", params, until=self.until)

    def exchanges(self) -> Purged:
        if not self.policies.any("keep_exchanges_days"):
            return Purged()
        where, params = self._older_than("r.create_date", keep_exchanges_days="")
        return delete_in_chunks(
            self.env, "integration_exchange", f"{where} AND NOT COALESCE({_EXCHANGE_IS_NEEDED}, false)", params,
            chunk=1000, until=self.until)

    # -- payloads and runs ---------------------------------------------------------------------------------

    def payloads(self) -> Purged:
        """What was received, of records that are settled. Their ID, state and hash stay, so that an unchanged record is
        still known as unchanged; a person's Retry reads the record again."""
        if not self.policies.any("keep_payloads_days"):
            return Purged()
        where, params = self._older_than("COALESCE(r.write_date, r.create_date)", keep_payloads_days="")
        return update_in_chunks(
            self.env, "integration_sync", "payload = NULL",
            f"r.payload IS NOT NULL AND r.state IN {SETTLED} AND NOT COALESCE(r.import_pending, false) AND {where}", params,
            until=self.until)

    def runs(self) -> Purged:
        """Runs that nothing refers to any more: so that no record, line or exchange has to be changed with them."""
        if not self.policies.any("keep_runs_days"):
            return Purged()
        where, params = self._older_than("COALESCE(r.ended_at, r.started_at)", keep_runs_days="")
        referring = " AND ".join(
            f"NOT EXISTS (SELECT 1 FROM {table} x WHERE x.run_id = r.id)"
            for table in ("integration_sync", "integration_log", "integration_exchange"))
        return delete_in_chunks(
            self.env, "integration_run", f"(r.state <> 'open' OR r.trigger = 'live') AND {where} AND {referring}", params,
            chunk=500, until=self.until)


# Scalar subqueries and no EXISTS: they are looked up row by row by index, whatever the planner thinks of the tables.
_STATE = "(SELECT s.state FROM integration_sync s WHERE s.id = {line}.sync_id)"
_LINE_IS_NEEDED = f"""(CASE WHEN {_STATE.format(line="r")} NOT IN {SETTLED} THEN r.id IN (
    (SELECT max(n.id) FROM integration_log n WHERE n.sync_id = r.sync_id),
    (SELECT max(n.id) FROM integration_log n WHERE n.sync_id = r.sync_id AND n.exchange_id IS NOT NULL)) END)"""
_EXCHANGE_IS_NEEDED = f"""(SELECT bool_or(CASE WHEN {_STATE.format(line="l")} NOT IN {SETTLED} THEN
    l.id = (SELECT max(n.id) FROM integration_log n WHERE n.sync_id = l.sync_id AND n.exchange_id IS NOT NULL) END)
    FROM integration_log l WHERE l.exchange_id = r.id)"""
_BODY_BYTES = "COALESCE(octet_length(request_body), 0) + COALESCE(octet_length(response_body), 0)"


def defaults(env) -> dict[str, int]:
    """What holds for flows and connections that say nothing of their own."""
    parameters = env["ir.config_parameter"].sudo()
    found = {}
    for name, default in DEFAULTS.items():
        text = parameters.get_param(f"integration_flow.{name}")
        found[name] = int(text) if str(text or "").isdecimal() else default
    return found
