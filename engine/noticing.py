"""Business alerts: who has come into a filter, and the messages that tell of it.

A write that brings a record into a filter (or out of it) leaves a row in ``integration.notice.capture`` in its own
transaction (``note``, called by ``capture.py``). The scheduled action folds these rows into what each alert knows of its
records (``integration.notice.record``) and stores the messages, in one transaction: so that a rollback tells nothing, a
commit is never forgotten, and what was told is told once, whenever the process dies. ``notice_sending.py`` sends.
"""

import logging
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from psycopg2.extras import execute_values

from ..core import noticing as rules_of
from ..core.noticing import Known
from . import failures

_logger = logging.getLogger(__name__)

CRON = "integration_flow.ir_cron_notices"
BATCH = 1000
PAGE = 5000
ESCALATED_AT_ONCE = 200


class WatchedRule(NamedTuple):
    """An alert in the watch map of ``capture.py``, where its key is its id with a minus sign."""

    model: str
    cron_id: int | None


# -- in the transaction of whoever writes ------------------------------------------------------------------


def note_written(env, rule_id: int, ids: set[int]) -> bool:
    """Of the records that were written, note those that came into the filter or left it. Returns whether there are any."""
    rule = env["integration.notice.rule"].browse(rule_id)
    return note(env, rule_id, rule._inside(ids), ids)


def note(env, rule_id: int, inside: set[int], ids: set[int]) -> bool:
    """Note what is new of ``ids``, of which ``inside`` are in the filter now.

    What waits for the worker counts as unknown, because it is not folded yet.
    """
    env.cr.execute(
        "SELECT r.res_id, r.inside, false FROM integration_notice_record r WHERE r.rule_id = %(rule)s "
        "AND r.res_id = ANY(%(ids)s) UNION ALL SELECT c.res_id, c.inside, true FROM integration_notice_capture c "
        "WHERE c.rule_id = %(rule)s AND c.res_id = ANY(%(ids)s)", {"rule": rule_id, "ids": list(ids)})
    was_inside, waiting = set(), set()
    for res_id, known, is_waiting in env.cr.fetchall():
        if is_waiting:
            waiting.add(res_id)
        elif known:
            was_inside.add(res_id)
    rows = [(rule_id, res_id, res_id in inside) for res_id in sorted(ids)
            if res_id in waiting or (res_id in inside) != (res_id in was_inside)]
    if rows:
        execute_values(
            env.cr._obj, "INSERT INTO integration_notice_capture (rule_id, res_id, inside) VALUES %s", rows, page_size=PAGE)
    return bool(rows)


def learn(env, rule_id: int, inside: set[int]) -> None:
    """What is in the filter now is known, and nothing that waits is told: the alert was switched on or changed."""
    env.cr.execute("DELETE FROM integration_notice_capture WHERE rule_id = %s", [rule_id])
    env.cr.execute(
        "UPDATE integration_notice_record SET inside = false, since = NULL WHERE rule_id = %s AND inside "
        "AND res_id <> ALL(%s)", [rule_id, list(inside)])
    execute_values(
        env.cr._obj,
        "INSERT INTO integration_notice_record (rule_id, res_id, inside, told, since, escalated) VALUES %s "
        "ON CONFLICT (rule_id, res_id) DO UPDATE SET inside = true, escalated = true",
        [(rule_id, res_id) for res_id in sorted(inside)],
        template="(%s, %s, true, 0, NULL, true)", page_size=PAGE)


# -- by the scheduled action -------------------------------------------------------------------------------


def fold(env, now: datetime) -> bool:
    """Fold a batch of captured changes and store what they tell. Returns whether there may be more."""
    env.cr.execute(
        "DELETE FROM integration_notice_capture WHERE id IN ("
        "SELECT id FROM integration_notice_capture ORDER BY id LIMIT %s) RETURNING id, rule_id, res_id, inside", [BATCH])
    rows = sorted(env.cr.fetchall())
    looks: dict[int, dict[int, list[bool]]] = {}
    for _id, rule_id, res_id, inside in rows:
        looks.setdefault(rule_id, {}).setdefault(res_id, []).append(inside)
    for rule_id, found in sorted(looks.items()):
        rule = env["integration.notice.rule"].browse(rule_id)
        if rule.state == "on" and rule.active:
            _follow_apart(env, rule, found, now)
    return len(rows) == BATCH


def _follow_apart(env, rule, found: dict[int, list[bool]], now: datetime) -> None:
    """An alert that fails says so, and keeps no other from being told."""
    try:
        with env.cr.savepoint():
            _follow(env, rule, found, now)
    except Exception as error:
        if failures.is_concurrency(error):
            raise
        _logger.warning("Alert %s could not be looked after", rule.id, exc_info=True)
        rule.write({"problem": str(error)[:500]})


def look(env, rule, now: datetime) -> None:
    """Look at the whole filter of an alert that looks by time."""
    inside = rule._inside()
    env.cr.execute("SELECT res_id FROM integration_notice_record WHERE rule_id = %s AND inside", [rule.id])
    was_inside = {res_id for (res_id,) in env.cr.fetchall()}
    moved = {res_id: [True] for res_id in sorted(inside - was_inside)} | {
        res_id: [False] for res_id in sorted(was_inside - inside)}
    for ids in _pages(list(moved)):
        _follow(env, rule, {res_id: moved[res_id] for res_id in ids}, now)
    rule.write({"next_look_at": now + timedelta(minutes=rule.look_minutes), "problem": False})


def escalate(env, rule, now: datetime) -> None:
    """Tell once more what is in the filter for too long."""
    env.cr.execute(
        "SELECT res_id, told FROM integration_notice_record WHERE rule_id = %s AND inside AND since <= %s "
        "AND NOT COALESCE(escalated, false) ORDER BY since, res_id LIMIT %s FOR UPDATE SKIP LOCKED",
        [rule.id, now - timedelta(hours=rule.escalate_hours), ESCALATED_AT_ONCE])
    told = dict(env.cr.fetchall())
    if not told:
        return
    still = rule._inside(told)
    _tell(env, rule, rule.escalate_channel_ids, {res_id: told[res_id] for res_id in told if res_id in still}, "1", now)
    env.cr.execute(
        "UPDATE integration_notice_record SET escalated = true WHERE rule_id = %s AND res_id = ANY(%s)",
        [rule.id, list(told)])


def _pages(ids: list[int]):
    for start in range(0, len(ids), BATCH):
        yield ids[start:start + BATCH]


def _follow(env, rule, looks: dict[int, list[bool]], now: datetime) -> None:
    """Remember what was seen of these records, and tell what is to be told."""
    env.cr.execute(
        "SELECT res_id, inside, told FROM integration_notice_record WHERE rule_id = %s AND res_id = ANY(%s)",
        [rule.id, list(looks)])
    known = {res_id: Known(bool(inside), told or 0) for res_id, inside, told in env.cr.fetchall()}
    rows, told = [], {}
    for res_id, seen in looks.items():
        before = known.get(res_id, Known())
        after, tell = rules_of.follow(before, seen, rule.repeat == "back")
        if tell:
            told[res_id] = after.told
        if after != before or res_id not in known:
            rows.append((rule.id, res_id, after.inside, after.told, now if after.inside else None, not tell))
    execute_values(
        env.cr._obj,
        "INSERT INTO integration_notice_record (rule_id, res_id, inside, told, since, escalated) VALUES %s "
        "ON CONFLICT (rule_id, res_id) DO UPDATE SET inside = EXCLUDED.inside, told = EXCLUDED.told, "
        "since = EXCLUDED.since, escalated = EXCLUDED.escalated", rows, page_size=PAGE)
    _tell(env, rule, rule.channel_ids, told, "0", now)


def _tell(env, rule, channels, told: dict[int, int], level: str, now: datetime) -> None:
    """Store the messages of these records: {id: how often it was told, with this time}."""
    channels = channels.filtered("active")
    if not told or not channels:
        return
    reader = rule._reader()
    records = reader.browse(sorted(told)).exists()._filtered_access("read")
    rows = []
    for record in records:
        message = _message(rule, record)
        rows += [(
            f"{rule.id}:{channel.id}:{record.id}:{told[record.id]}:{level}", rule.id, channel.id, rule.company_id.id or None,
            record._name, record.id, level, message["record_name"][:250], message["title"], message["body"], message["url"],
            "pending", 0, now, now) for channel in channels]
    store(env, rows)


def _message(rule, record) -> dict[str, Any]:
    """The message of a record. One that cannot be written down must not keep the others from being told."""
    try:
        with record.env.cr.savepoint():  # a computed field may break the transaction
            return rule._message(record)
    except Exception as error:
        if failures.is_concurrency(error):
            raise
        _logger.warning("Alert %s: its message about %s cannot be written: %s", rule.name, record, error)
        return {"title": rule.name, "body": "", "url": rule._link(record), "record_name": f"{record._name} {record.id}"}


def store(env, rows: list[tuple]) -> list[int]:
    """Store messages. One that is there already stays as it is: the database refuses a second one."""
    if not rows:
        return []
    return [row[0] for row in execute_values(
        env.cr._obj,
        "INSERT INTO integration_notice (key, rule_id, channel_id, company_id, model, res_id, level, record_name, title, "
        "body, url, state, attempts, next_attempt_at, create_date) VALUES %s ON CONFLICT (key) DO NOTHING RETURNING id",
        rows, page_size=BATCH, fetch=True)]


# -- throttle ----------------------------------------------------------------------------------------------


def throttle(env, now: datetime) -> None:
    """Let messages leave, alert by alert and channel by channel, and fold what is too much into one summary."""
    env.cr.execute(
        "SELECT n.rule_id, n.channel_id, array_agg(n.id ORDER BY n.id) FILTER (WHERE n.state = 'pending'), "
        "array_agg(n.id ORDER BY n.id) FILTER (WHERE n.state = 'held'), "
        "min(n.next_attempt_at) FILTER (WHERE n.state = 'held') "
        "FROM integration_notice n WHERE n.left_at IS NULL AND n.state IN ('pending', 'held') AND n.rule_id IS NOT NULL "
        "AND n.level <> '2' GROUP BY n.rule_id, n.channel_id ORDER BY n.rule_id, n.channel_id")
    for rule_id, channel_id, new, held, held_until in env.cr.fetchall():
        rule = env["integration.notice.rule"].browse(rule_id)
        window = timedelta(minutes=rule.limit_minutes)
        env.cr.execute(
            "SELECT left_at FROM integration_notice WHERE rule_id = %s AND channel_id = %s AND left_at > %s",
            [rule_id, channel_id, now - window])
        left = [moment for (moment,) in env.cr.fetchall()]
        new, held = new or [], held or []
        decision = rules_of.admit(len(new), len(held), held_until, left, now, rule.limit_count, window)
        leaving, waiting = new[:decision.free], new[decision.free:]
        if decision.fold:
            leaving += held if len(held) == 1 else []
            if len(held) > 1:
                _summarise(env, rule, channel_id, held, now)
        env.cr.execute(
            "UPDATE integration_notice SET state = 'pending', left_at = %s, next_attempt_at = %s WHERE id = ANY(%s)",
            [now, now, leaving])
        if decision.held_until:
            env.cr.execute(
                "UPDATE integration_notice SET state = 'held', next_attempt_at = %s WHERE id = ANY(%s)",
                [decision.held_until, waiting + ([] if decision.fold else held)])


def _summarise(env, rule, channel_id: int, held: list[int], now: datetime) -> None:
    """One message instead of these."""
    own = rule.with_context(lang=rule.user_id.lang)
    notices = env["integration.notice"].browse(held)
    names, more = rules_of.listed([name or "" for name in notices.mapped("record_name")])
    body = own.env._("%(names)s and %(count)s more", names=names, count=more) if more else names
    action = env.ref("integration_flow.integration_notice_action", raise_if_not_found=False)
    url = f"{rule.get_base_url()}/odoo/{action.path}" if action and action.path else ""
    ids = store(env, [(
        f"{rule.id}:{channel_id}:summary:{held[0]}", rule.id, channel_id, rule.company_id.id or None, None, None, "0",
        own.name, own.env._("%(alert)s: %(count)s more", alert=own.name, count=len(held)), body, url, "pending", 0,
        now, now)])
    env.cr.execute("UPDATE integration_notice SET left_at = %s WHERE id = ANY(%s)", [now, ids])
    env.cr.execute(
        "UPDATE integration_notice SET state = 'folded', next_attempt_at = NULL, summary_id = %s WHERE id = ANY(%s)",
        [ids[0] if ids else None, held])


# -- issues ------------------------------------------------------------------------------------------------


def note_issues(env, connection_id: int) -> None:
    """The engine opens and closes issues by SQL: have alerts of issues look at those of a connection."""
    from . import capture, notice_sending  # noqa: PLC0415 - the capture imports this module

    rule_ids = [-key for key, watched in capture.watched(env).flows.items()
                if key < 0 and watched.model == "integration.issue"]
    if not rule_ids:
        return
    env.cr.execute(
        "SELECT id FROM integration_issue WHERE connection_id = %s AND (state = 'open' OR id IN ("
        "SELECT res_id FROM integration_notice_record WHERE rule_id = ANY(%s) AND inside))", [connection_id, rule_ids])
    ids = {issue_id for (issue_id,) in env.cr.fetchall()}
    noted = [note_written(env, rule_id, ids) for rule_id in rule_ids] if ids else []
    if any(noted):
        notice_sending.wake(env)
