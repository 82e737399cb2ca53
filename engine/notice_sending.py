"""The scheduled action of business alerts: bring what is known of the records up to date, let messages leave, and send them.

Its parts: ``noticing.py`` stores messages, ``notice_posting.py`` sends one.
"""

import logging
import time
from contextlib import contextmanager

from . import capture, claim, failures, noticing, sending_now
from .notice_posting import LOCK_SPACE, Sender, lasting, utc_now

_logger = logging.getLogger(__name__)

# Seconds of work before the thread is given back to other scheduled actions.
SLICE = 20.0


def wake(env) -> None:
    """Have alerts looked after as soon as this transaction commits."""
    cron = env.ref(noticing.CRON, raise_if_not_found=False)
    if cron:
        capture.wake(env, cron.id)


def run(env) -> None:
    """All that the scheduled action does: fold, look, escalate, let leave, send."""
    env = env(su=True)
    until = time.monotonic() + SLICE
    with _locks(env.cr) as held:
        if held.keep(LOCK_SPACE, 0):
            env.cr.commit()  # a snapshot from before the lock may be older than what the last worker has stored
            _gather(env)
        more = Sender(env, held).run(until)
    _plan_wake(env, again=more)
    env["ir.cron"]._commit_progress(1, remaining=0)


def send_now(env, prepare, tell):
    """Send a few messages at once, for a button; see ``sending_now``."""

    def send(own, ids):
        with _locks(own.cr) as held:
            Sender(own, held).send(ids)
        wake(own)

    return sending_now.send_now(env, prepare, send, tell)


def insert_test(env, key: str, channel, message: dict, *, rule_id, user_id) -> int:
    """Store a test message. Returns its id."""
    now = utc_now()
    ids = noticing.store(env, [(
        key, rule_id or None, channel.id, channel.company_id.id or None, None, None, "2", None, message["title"],
        message["body"], message.get("url"), "pending", 0, now, now)])
    env.cr.execute("UPDATE integration_notice SET user_id = %s, left_at = %s WHERE id = %s", [user_id, now, ids[0]])
    return ids[0]


@contextmanager
def _locks(cr):
    held = claim.Claims(cr)
    try:
        yield held
    finally:
        held.close()


def _gather(env) -> None:
    """Bring what is known of the records up to date and store messages. An alert that fails keeps no other from it."""
    while lasting(env, lambda: noticing.fold(env, utc_now())):
        pass
    rules = env["integration.notice.rule"].search([("state", "=", "on")])
    now = utc_now()
    for rule in rules.filtered(lambda rule: rule.trigger == "time" and (not rule.next_look_at or rule.next_look_at <= now)):
        _apart(env, rule, lambda rule=rule: noticing.look(env, rule, now))
    for rule in rules.filtered(lambda rule: rule.escalate_hours and rule.escalate_channel_ids):
        _apart(env, rule, lambda rule=rule: noticing.escalate(env, rule, now))
    lasting(env, lambda: noticing.throttle(env, utc_now()))


def _apart(env, rule, work) -> None:
    """Do this for one alert, and write on it what was wrong."""
    try:
        lasting(env, work)
    except Exception as error:
        _logger.warning("Alert %s could not be looked after", rule.id, exc_info=True)
        rule.write({"problem": str(error)[:500], "next_look_at": failures.later(utc_now(), 60 * rule.look_minutes)})
        env.cr.commit()


def _plan_wake(env, *, again: bool) -> None:
    """Have the scheduled action called when there is something to do, and not before."""
    now = utc_now()
    if again:
        wake(env)
    env.cr.execute(
        """SELECT min(moment) FROM (
               SELECT min(GREATEST(n.next_attempt_at, c.retry_at)) AS moment FROM integration_notice n
               JOIN integration_notice_channel c ON c.id = n.channel_id
               WHERE n.state IN ('pending', 'waiting', 'held') AND c.active AND c.state <> 'stopped'
               UNION ALL
               SELECT min(next_look_at) FROM integration_notice_rule WHERE state = 'on' AND active AND trigger = 'time'
               UNION ALL
               SELECT min(GREATEST(r.since + rule.escalate_hours * interval '1 hour',
                                   CASE WHEN rule.problem IS NOT NULL THEN rule.next_look_at END))
               FROM integration_notice_record r JOIN integration_notice_rule rule ON rule.id = r.rule_id
               WHERE rule.state = 'on' AND rule.active AND rule.escalate_hours > 0 AND r.inside
                 AND NOT COALESCE(r.escalated, false) AND EXISTS (
                     SELECT 1 FROM integration_notice_rule_escalate_rel e
                     JOIN integration_notice_channel c ON c.id = e.channel_id WHERE e.rule_id = rule.id AND c.active)
               ) due""")
    moment = env.cr.fetchone()[0]
    cron = env.ref(noticing.CRON, raise_if_not_found=False)
    if moment is not None and cron:
        capture.wake_at(env, cron.id, max(moment, failures.later(now, 0)))
