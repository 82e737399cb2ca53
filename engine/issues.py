"""Failures with one cause are one issue: found, opened, counted and closed in bulk SQL.

A record belongs to an issue by ``integration_sync.issue_id``, from the attempt that failed until it succeeds, is left
out, is deleted, or fails by something else. Nothing is counted when that happens: how many belong is asked of an index
when somebody looks, so no way of changing a state can make the number wrong, and two workers that fail by the same
cause change no row in common. Only a cause that is new makes a row, once.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from psycopg2.extras import execute_values

from ..core.errors import ERROR_CLASSES, SyncError
from ..core.issues import (
    ATTENTION_STATES,
    COUNTED_STATES,
    DELETION,
    LEFT_STATES,
    NORMAL,
    SERIOUS,
    gathers,
    is_of_connection,
    issue_fingerprint,
    leaves,
    severity,
)

# The same cause within this time after it was resolved is the same issue again.
REOPEN_WITHIN = timedelta(days=30)
# Records that came into a failing state by no attempt of the worker are gathered so many causes at a time.
LOOSE_CAUSES = 500
# Resolved issues are looked at for so long: a slice may have added to one while it was being closed.
HEAL_WITHIN = timedelta(hours=1)


class Cause(NamedTuple):
    """What failures have in common. ``flow_id`` is None when the other system as a whole is the cause."""

    connection_id: int
    flow_id: int | None
    company_id: int | None
    fingerprint: str
    error_class: str
    error_code: str
    error_key: str | None
    message: str
    hint: str
    severity: str
    of_run: bool = False

    @property
    def key(self) -> tuple[int, str]:
        return self.flow_id or 0, self.fingerprint


# -- from the worker ---------------------------------------------------------------------------------------


def note_rows(cr, plan, rows: list, now: datetime) -> set[int]:
    """Say of each row of a slice which issue it belongs to (``row.issue_id``, written by ``journal.finish``).

    :return: ids of the issues that rows belong to now
    """
    causes: dict[tuple, Cause] = {}
    failed = []
    for row in rows:
        error_class = row.error.error_class if row.error else None
        if row.asks or gathers(row.state, row.outcome, error_class):
            cause = _cause_of(plan, row)
            causes.setdefault(cause.key, cause)
            failed.append((row, cause.key))
        elif leaves(row.state, error_class):
            row.issue_id = None
    if not failed:
        return set()
    ids = open_for(cr, list(causes.values()), now)
    for row, key in failed:
        row.issue_id = ids[key]
    return set(ids.values())


def _cause_of(plan, row) -> Cause:
    # A conflict, a held record and a deletion have no error: what people have to decide is the cause.
    error = row.error or SyncError("validation", DELETION if row.asks else row.state)
    shared = is_of_connection(row.state, error.error_class)
    company_id = plan.connection.company_id.id or None if shared else plan.company_id
    return Cause(
        plan.connection.id, None if shared else plan.id, company_id,
        issue_fingerprint(error.error_class, error.code, error.params, row.error_key), error.error_class, error.code,
        row.error_key, _clean(row.message), _clean(row.hint),
        NORMAL if row.asks else severity(row.state, error.error_class))


def note_run(cr, plan, error: SyncError, message: str, hint: str, now: datetime, *, retried: bool) -> int:
    """A page could not be read: an issue of the flow (or of the connection) until a page is read again."""
    shared = error.info.scope == "connection"
    cause = Cause(
        plan.connection.id, plan.id, plan.company_id, issue_fingerprint(error.error_class, error.code, error.params, "read"),
        error.error_class, error.code, None, _clean(message), _clean(hint),
        severity("waiting" if retried else "failed", error.error_class) if shared else NORMAL, of_run=True)
    issue_id = open_for(cr, [cause], now)[cause.key]
    touch(cr, {issue_id: now}, needs_person=not retried)
    return issue_id


def note_run_ok(cr, flow_id: int, now: datetime) -> None:
    """A page was read: what stopped the flow from reading is over."""
    cr.execute(
        f"UPDATE integration_issue SET {_RESOLVED} WHERE flow_id = %(flow)s AND of_run "
        "AND state = 'open'", {"flow": flow_id, "now": now})  # pylint: disable=sql-injection


def _clean(text: str | None) -> str:
    return (text or "").replace("\x00", "")[:2000]


def open_for(cr, causes: list[Cause], now: datetime) -> dict[tuple[int, str], int]:
    """``{(flow id or 0, fingerprint): id}`` of the open issues of these causes (of one connection); what is missing is
    opened again, or made. In the order of the fingerprints, so that two workers cannot wait for each other."""
    connection_id = causes[0].connection_id
    wanted = {cause.key: cause for cause in sorted(causes, key=lambda cause: cause.key)}
    found = _find_open(cr, connection_id, wanted)
    missing = [cause for key, cause in wanted.items() if key not in found]
    if missing:
        found.update(_reopen(cr, connection_id, missing, now))
        missing = [cause for cause in missing if cause.key not in found]
    if missing:
        execute_values(
            cr._obj,
            """INSERT INTO integration_issue (connection_id, flow_id, company_id, fingerprint, error_class, error_code,
                   error_key, message, hint, severity, of_run, state, first_seen_at, last_seen_at, times_opened,
                   needs_person, create_date, write_date, create_uid, write_uid)
               VALUES %s ON CONFLICT DO NOTHING""",
            [(*cause, now, now, now, now) for cause in missing],
            template="(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'open', %s, %s, 1, false, %s, %s, 1, 1)")
        found.update(_find_open(cr, connection_id, {cause.key: cause for cause in missing}))
    return found


def _find_open(cr, connection_id: int, wanted: dict) -> dict[tuple[int, str], int]:
    cr.execute(
        "SELECT COALESCE(flow_id, 0), fingerprint, id FROM integration_issue "
        "WHERE connection_id = %s AND state = 'open' AND fingerprint = ANY(%s)",
        [connection_id, [fingerprint for _flow_id, fingerprint in wanted]])
    return {(flow_id, fingerprint): issue_id for flow_id, fingerprint, issue_id in cr.fetchall()
            if (flow_id, fingerprint) in wanted}


def _reopen(cr, connection_id: int, causes: list[Cause], now: datetime) -> dict[tuple[int, str], int]:
    """The latest resolved issue of each cause, if that was not long ago, is open again."""
    cr.execute(
        f"""UPDATE integration_issue issue SET {_REOPENED}
            FROM (SELECT DISTINCT ON (COALESCE(i.flow_id, 0), i.fingerprint) i.id
                  FROM integration_issue i
                  JOIN unnest(%(flows)s::int[], %(fingerprints)s::varchar[]) AS v(flow_id, fingerprint)
                      ON COALESCE(i.flow_id, 0) = v.flow_id AND i.fingerprint = v.fingerprint
                  WHERE i.connection_id = %(connection)s AND i.state = 'resolved' AND i.resolved_at >= %(since)s
                  ORDER BY COALESCE(i.flow_id, 0), i.fingerprint, i.id DESC) latest
            WHERE issue.id = latest.id
            RETURNING COALESCE(issue.flow_id, 0), issue.fingerprint, issue.id""",  # pylint: disable=sql-injection
        {"connection": connection_id, "flows": [cause.flow_id or 0 for cause in causes], "now": now,
         "fingerprints": [cause.fingerprint for cause in causes], "since": now - REOPEN_WITHIN})
    return {(flow_id, fingerprint): issue_id for flow_id, fingerprint, issue_id in cr.fetchall()}


_REOPENED = (
    "state = 'open', times_opened = issue.times_opened + 1, last_seen_at = %(now)s, resolved_at = NULL, "
    "resolved_how = NULL, resolved_by_id = NULL, last_action = NULL, last_action_by_id = NULL, last_action_at = NULL, "
    "notified = NULL, job = NULL, write_date = %(now)s")
# What a person did last is what resolved it, unless it failed again afterwards.
_RESOLVED = (
    "state = 'resolved', resolved_at = %(now)s, needs_person = false, job = NULL, write_date = %(now)s, "
    "resolved_how = CASE WHEN last_action_at >= last_seen_at THEN last_action ELSE 'itself' END, "
    "resolved_by_id = CASE WHEN last_action_at >= last_seen_at THEN last_action_by_id END")


# -- looking after them ------------------------------------------------------------------------------------


def touch(cr, seen: dict[int, datetime], *, needs_person: bool | None = None) -> None:
    """Failures were seen again. ``seen``: {issue id: when}."""
    if seen:
        cr.execute(
            "UPDATE integration_issue i SET last_seen_at = GREATEST(i.last_seen_at, v.at), "
            "needs_person = COALESCE(%s, needs_person) "
            "FROM (SELECT * FROM unnest(%s::int[], %s::timestamp[]) AS v(id, at) ORDER BY id) v WHERE i.id = v.id",
            [needs_person, list(seen), list(seen.values())])


def concerns(cr, connection_id: int, now: datetime) -> bool:
    """Is there an issue to look after, open or just resolved, a failed record that belongs to none, or an activity of
    what is resolved?"""
    cr.execute(
        "SELECT EXISTS (SELECT 1 FROM integration_issue WHERE connection_id = %(connection)s "
        "AND (state = 'open' OR resolved_at >= %(heal)s)) "
        "OR EXISTS (SELECT 1 FROM integration_sync WHERE connection_id = %(connection)s AND issue_id IS NULL "
        "AND state IN %(states)s) "
        "OR EXISTS (SELECT 1 FROM mail_activity a JOIN integration_issue i ON i.id = a.integration_issue_id "
        "WHERE i.connection_id = %(connection)s AND i.state = 'resolved' AND a.active)",
        {"connection": connection_id, "states": ATTENTION_STATES, "heal": now - HEAL_WITHIN})
    return cr.fetchone()[0]


def settle(cr, connection_id: int, now: datetime) -> None:
    """Bring the issues of a connection in line with its records: gather loose failures, close what is empty, open what
    is not, and say which of them need a person."""
    _gather_loose(cr, connection_id, now)
    params = {
        "connection": connection_id, "now": now, "counted": list(COUNTED_STATES), "attention": list(ATTENTION_STATES),
        "left": list(LEFT_STATES), "deletion": DELETION, "heal": now - HEAL_WITHIN}
    member = "EXISTS (SELECT 1 FROM integration_sync s WHERE s.issue_id = {issue} AND s.state = ANY(%({states})s))"
    statements = (
        # What got its outcome by another way than the worker's has left, too.
        "UPDATE integration_sync SET issue_id = NULL WHERE issue_id IN (SELECT id FROM integration_issue "
        "WHERE connection_id = %(connection)s AND state = 'open') AND state = ANY(%(left)s)",
        f"UPDATE integration_issue SET {_RESOLVED} WHERE connection_id = %(connection)s AND state = 'open' "
        f"AND NOT of_run AND NOT {member.format(issue='integration_issue.id', states='counted')}",
        f"UPDATE integration_issue issue SET {_REOPENED} WHERE connection_id = %(connection)s AND state = 'resolved' "
        f"AND NOT of_run AND resolved_at >= %(heal)s AND {member.format(issue='issue.id', states='counted')} "
        "AND NOT EXISTS (SELECT 1 FROM integration_issue o WHERE o.connection_id = issue.connection_id "
        "AND o.fingerprint = issue.fingerprint AND COALESCE(o.flow_id, 0) = COALESCE(issue.flow_id, 0) "
        "AND o.state = 'open')",
        "UPDATE integration_issue issue SET needs_person = v.needed, severity = CASE WHEN v.needed AND issue.severity = '1' "
        "THEN v.grown ELSE issue.severity END FROM (SELECT i.id, "
        f"{member.format(issue='i.id', states='attention')} OR i.error_code = %(deletion)s "
        f"AND {member.format(issue='i.id', states='counted')} AS needed, "
        "CASE WHEN i.error_class = ANY(%(serious)s) THEN %(high)s ELSE %(normal)s END AS grown FROM integration_issue i "
        "WHERE i.connection_id = %(connection)s AND i.state = 'open' AND NOT i.of_run) v "
        "WHERE issue.id = v.id AND (issue.needs_person IS DISTINCT FROM v.needed)",
    )
    params.update(
        serious=[name for name, info in ERROR_CLASSES.items() if info.scope == "connection"], high=SERIOUS, normal=NORMAL)
    for statement in statements:
        cr.execute(statement, params)  # pylint: disable=sql-injection


def _gather_loose(cr, connection_id: int, now: datetime) -> None:
    """Records in a failing state that belong to no issue: set so by a person's decision, by a guard, by the loss of what
    they waited for, or before there were issues."""
    cr.execute(
        """SELECT flow_id, company_id, state, error_class, error_code, error_key, error_message, error_hint
           FROM integration_sync WHERE connection_id = %s AND issue_id IS NULL AND state IN %s
           GROUP BY flow_id, company_id, state, error_class, error_code, error_key, error_message, error_hint
           ORDER BY flow_id LIMIT %s""", [connection_id, ATTENTION_STATES, LOOSE_CAUSES])
    groups = cr.fetchall()
    if not groups:
        return
    causes = {}
    for group in groups:
        flow_id, company_id, state, error_class, code, key, message, hint = group
        error_class = error_class if error_class in ERROR_CLASSES else "validation"
        code = code or state
        causes[group] = Cause(
            connection_id, flow_id, company_id,
            issue_fingerprint(error_class, code, {} if state in ("conflict", "held") else {"message": message or ""}, key),
            error_class, code, key, _clean(message), _clean(hint), severity(state, error_class))
    ids = open_for(cr, list({cause.key: cause for cause in causes.values()}.values()), now)
    for group, cause in causes.items():
        cr.execute(
            """UPDATE integration_sync SET issue_id = %s WHERE connection_id = %s AND issue_id IS NULL AND flow_id = %s
               AND state = %s AND company_id IS NOT DISTINCT FROM %s AND error_class IS NOT DISTINCT FROM %s
               AND error_code IS NOT DISTINCT FROM %s AND error_key IS NOT DISTINCT FROM %s
               AND error_message IS NOT DISTINCT FROM %s AND error_hint IS NOT DISTINCT FROM %s""",
            [ids[cause.key], connection_id, group[0], group[2], group[1], *group[3:]])


def note_action(cr, issue_ids: list[int], how: str, user_id: int, now: datetime) -> None:
    """Remember what a person did about these issues: if nothing fails afterwards, this is what resolved them."""
    if issue_ids:
        cr.execute(
            "UPDATE integration_issue SET last_action = %s, last_action_by_id = %s, last_action_at = %s "
            "WHERE id = ANY(%s) AND state = 'open'", [how, user_id, now, sorted(issue_ids)])


def close_empty(cr, issue_ids: list[int], now: datetime) -> None:
    """Close those of these issues that no record belongs to any more, at once."""
    if issue_ids:
        cr.execute(
            f"UPDATE integration_issue SET {_RESOLVED} WHERE id = ANY(%(ids)s) AND state = 'open' AND NOT of_run "
            "AND NOT EXISTS (SELECT 1 FROM integration_sync s WHERE s.issue_id = integration_issue.id "
            "AND s.state = ANY(%(counted)s))",  # pylint: disable=sql-injection
            {"ids": sorted(issue_ids), "now": now, "counted": list(COUNTED_STATES)})
