"""Live records do not wait for long work: short slices, a look around while an answer is awaited, help for others.

A connection has one scheduled action, and Odoo runs two of them at a time. Without this a batch would keep one of the
two busy for ten seconds and a system that does not answer the other one, and live records of a third connection would
wait for both.
"""

import time
from datetime import timedelta

from . import outbox
from .claim import LANE_SPACE
from .rows import RUNNING_STATES

# While live flows exist, other slices take about so long: half of it is what a live record waits on average.
SLICE_SECONDS = 0.2
SMALLEST_SLICE = 50
# Its own worker gets so long to begin before another one does its live records.
GRACE_SECONDS = 0.1
# How often it is looked for live records while something else goes on.
LOOK_EVERY_SECONDS = 0.05

_LIVE_FLOW = "f.timing = 'live' AND f.active AND f.state IN %(states)s"
_LIVE_WORK = f"""
    EXISTS (SELECT 1 FROM integration_capture p JOIN integration_flow f ON f.id = p.flow_id
            WHERE f.connection_id = c.id AND {_LIVE_FLOW} AND p.captured_at <= %(before)s)
    OR EXISTS (SELECT 1 FROM integration_sync s JOIN integration_flow f ON f.id = s.flow_id
               WHERE s.connection_id = c.id AND s.priority <= 0 AND s.due_at <= %(before)s
                 AND s.state IN ('pending', 'waiting') AND s.id <> ALL(%(without)s)
                 AND f.active AND f.state IN %(states)s)"""
_MAY_CALL = (
    "c.active AND NOT COALESCE(c.paused, false) AND (c.retry_at IS NULL OR c.retry_at <= %(now)s) "
    "AND COALESCE(c.circuit_state, 'closed') = 'closed'")


class Urgency:
    """The part of the worker that keeps live records from waiting."""

    def _init_urgency(self) -> None:
        self._pace: dict[tuple[int, str], float] = {}  # seconds a record took, by flow and kind of work
        self._looked_at = 0.0

    # -- short slices --------------------------------------------------------------------------------------

    def _slice_limit(self, flow_id: int, kind: str, batch_size: int) -> int:
        """How many records of this work are taken at once: the batch size, or less where live records may come."""
        pace = self._pace.get((flow_id, kind))
        if not self._live_may_come(flow_id, kind):
            return batch_size
        if pace is None:
            return min(batch_size, 100)
        return min(batch_size, max(int(SLICE_SECONDS / max(pace, 1e-6)), SMALLEST_SLICE))

    def _note_pace(self, flow_id: int, kind: str, count: int, seconds: float) -> None:
        self._pace[flow_id, kind] = seconds / max(count, 1)

    def _live_may_come(self, flow_id: int, kind: str) -> bool:
        """Is there a live flow that sends, other than this work itself?"""
        self.cr.execute(
            "SELECT EXISTS (SELECT 1 FROM integration_flow WHERE timing = 'live' AND active AND state IN %s "
            "AND direction <> 'import' AND (id <> %s OR %s))", [RUNNING_STATES, flow_id, kind == "import"])
        return self.cr.fetchone()[0]

    # -- a look around -------------------------------------------------------------------------------------

    def _live_waits(self) -> bool:
        """Do live records of this connection wait? Asked outside of the worker's transaction, often."""
        if time.monotonic() - self._looked_at < LOOK_EVERY_SECONDS:
            return False
        self._looked_at = time.monotonic()
        return bool(self._held.ask(
            f"SELECT 1 FROM integration_connection c WHERE c.id = %(me)s AND {_MAY_CALL} AND ({_LIVE_WORK})",  # pylint: disable=sql-injection
            self._moment(0)))

    def _await(self, call) -> None:
        """Wait for a call in the background; meanwhile live records go first, this connection's and others'."""
        while not call.wait(LOOK_EVERY_SECONDS):
            self._looked_at = 0.0
            if self._live_waits():
                self._live_slice()
            self._help_others()

    def _live_slice(self) -> int:
        """Do the live records that are due, if there are any, and nothing else."""
        self._lasting(lambda: outbox.drain(self.cr, self.connection.id, self._now()))
        flows = self._running_flows()
        due = outbox.due(
            self.cr, self.connection.id, list(flows), self._clock(), max(flows.values(), default=1),
            without=self._busy, priority=0)
        self._commit()
        wanted = [sync_id for sync_id, _flow_id, _kind in due]
        ids = self._held.take(wanted)
        self._busy.update(set(wanted) - set(ids))
        return self._slice(self._held, ids, locked=True) if ids else 0

    def _help_others(self) -> None:
        """Do live records of healthy connections whose own worker gets no turn."""
        ids = self._held.ask(
            f"""SELECT c.id FROM integration_connection c JOIN ir_cron cron ON cron.id = c.cron_id
                WHERE c.id <> %(me)s AND c.executor = 'cron' AND {_MAY_CALL}
                  AND COALESCE(c.failures_in_row, 0) = 0 AND ({_LIVE_WORK})
                ORDER BY c.id LIMIT 5 FOR NO KEY UPDATE OF cron SKIP LOCKED""",  # pylint: disable=sql-injection
            self._moment(GRACE_SECONDS))
        for (connection_id,) in ids:
            self._commit()
            type(self)(self.env, self.env["integration.connection"].browse(connection_id)).assist()

    def _moment(self, grace: float) -> dict:
        now = self._clock()
        return {
            "me": self.connection.id, "now": now, "before": now - timedelta(seconds=grace), "states": RUNNING_STATES,
            "without": list(self._busy)}

    # -- systems that do not answer ------------------------------------------------------------------------

    def _may_enter(self) -> bool:
        """Systems in trouble share one lane: their time-outs must not keep every scheduled action busy."""
        self.cr.execute(
            "SELECT COALESCE(failures_in_row, 0) > 0 FROM integration_connection WHERE id = %s", [self.connection.id])
        row = self.cr.fetchone()
        self._commit()
        return not (row and row[0]) or bool(self._held.keep(LANE_SPACE, 1))
