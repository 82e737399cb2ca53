"""A button was pressed: a few records are processed at once, so that it can show their outcome."""

from contextlib import contextmanager

from . import tending
from .http import CALL_SECONDS
from .worker import Worker

# A button runs this many records at once and shows the outcome; more are handed to the worker.
RUN_NOW_LIMIT = 5
# A button works first on so many records that the pressed ones have brought along.
PARENTS_OF_A_BUTTON = 50


@contextmanager
def _short_waits(cr):
    """Should the caller's own transaction hold what is needed here, this one gives up instead of waiting for ever."""
    cr.execute("SET lock_timeout = '1s'")
    try:
        yield
    finally:
        if not cr.closed:
            cr.rollback()
            cr.execute("RESET lock_timeout")
            cr.commit()


def _pending_parents(cr, flow):
    """Records that came inside those of ``flow`` (the customer of an order) and are not imported yet: ids, by flow."""
    embedded = flow.all_rule_ids.filtered(lambda rule: rule.kind == "relation" and rule.relation_mode == "embedded")
    for related in embedded.relation_flow_id:
        cr.execute(
            "SELECT id FROM integration_sync WHERE flow_id = %s AND state = 'pending' AND import_pending "
            "AND due_at <= clock_timestamp() AT TIME ZONE 'UTC' ORDER BY priority, due_at LIMIT %s",
            [related.id, PARENTS_OF_A_BUTTON])
        ids = [row[0] for row in cr.fetchall()]
        if ids:
            yield ids


def process_now(env, sync_ids: list[int], decide=None, how: str = "retried", *, reason: str = "",
                seconds: float = 0) -> list[dict]:
    """Process a few records at once, for a button, in transactions of the engine's own: whatever the caller's
    transaction does later, states and log lines stay.

    :param decide: function called with the records first, for what a person has decided about them
    :param how: what resolves the issues of the records; empty where ``decide`` notes it
    :param reason: of the line in their history; by default, that they are retried
    :param seconds: longest wait for one answer, where that is shorter than the connection's
    :return: one dict per record with res_id, name, state, message and hint as they are afterwards. The sync records
        themselves may not be visible in the caller's transaction yet
    """
    env.cr.flush()
    with env.registry.cursor() as cr, _short_waits(cr):
        own = env(cr=cr, user=env.uid, su=True, context=dict(env.context, **{CALL_SECONDS: seconds} if seconds else {}))
        reason = reason or own._("Retry by %(user)s", user=env.user.name)

        def queue():
            queued = own["integration.sync"].browse(sync_ids).exists()
            if decide is not None:
                decide(queued)
            queued._queue(reason, how)

        syncs = own["integration.sync"].browse(sync_ids).exists()
        Worker(own, syncs.connection_id[:1])._lasting(queue)  # the worker may have settled one of them just now
        for flow in syncs.flow_id:
            ids = syncs.filtered(lambda sync, flow=flow: sync.flow_id == flow).ids
            Worker(own, flow.connection_id).refresh(ids)
            for _step in range(5):  # read, merge, send may each be a step of its own
                for parent_ids in _pending_parents(cr, flow):
                    Worker(own, flow.connection_id).run(only_ids=parent_ids)
                Worker(own, flow.connection_id).run(only_ids=ids)
                cr.commit()
                cr.execute(
                    "SELECT id FROM integration_sync WHERE id = ANY(%s) AND state = 'pending' "
                    "AND due_at <= clock_timestamp() AT TIME ZONE 'UTC'", [ids])
                ids = [row[0] for row in cr.fetchall()]
                if not ids:
                    break
        syncs.connection_id._wake()
        for connection in syncs.connection_id:
            tending.tend(own, connection.id)
        own.invalidate_all()
        outcomes = [{
            "id": sync.id, "res_id": sync.res_id, "name": sync.display_name, "state": sync.state,
            "message": sync.error_message, "hint": sync.error_hint,
        } for sync in syncs.exists()]
        cr.commit()
    return outcomes
