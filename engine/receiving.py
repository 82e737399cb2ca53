"""The part of the worker that works on webhook events: in the order in which they came, a batch at a time.

What an event brings is stored like a page of an import (``inbox.py``); where it brings only IDs the records are read, each
once for all events about it. An event is settled in the transaction that stores what it brought, so that a worker that
dies leaves it pending, and the next one does the same again.
"""

import json
import logging
import random
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from psycopg2.extras import execute_values

from ..core import retry, webhooks
from ..core.errors import SyncError
from . import failures, http, inbox, journal, messages, nested, outbox
from .plan import FlowPlan, id_text
from .rows import RUNNING_STATES

_logger = logging.getLogger(__name__)

# First key of the advisory lock ('hook' in ASCII): one worker at a time takes the events of a connection, in order.
EVENT_LOCK_SPACE = 0x686F6F6B
BATCH = 500
# Bytes of bodies in one batch: a few large ones are a batch as well.
BATCH_BYTES = 8 * 1024 * 1024
# Records that are read back before the worker looks for more urgent work.
MOST_READS = 200
# Of the records that events bring; 0 is for live changes of users.
PRIORITY = 1
# External IDs that are remembered on an event, to find its sync records.
MOST_IDS = 50


class Line(NamedTuple):
    """A line of the connection's topics, with the state of its flow."""

    id: int
    topic: str
    flow_id: int
    flow_name: str
    flow_state: str
    kind: str
    path: str


@dataclass(slots=True)
class Event:
    """A pending event, and what comes of it."""

    id: int
    topic: str
    content_type: str
    attempts: int
    before: dict
    body: bytes
    handled: dict = field(default_factory=dict)
    waits_for: int | None = None
    due_at: datetime | None = None
    error: SyncError | None = None
    reasons: list[SyncError] = field(default_factory=list)
    open_reads: int = 0

    def begin(self) -> None:
        """Forget what an attempt that was rolled back has left."""
        self.handled = dict(self.before)
        self.waits_for = self.due_at = self.error = None
        self.reasons, self.open_reads = [], 0

    def took(self, line: Line, external_ids: list[str]) -> None:
        """All that this event brings for a line is here."""
        self.handled.pop(f"read {line.id}", None)
        self.handled[str(line.id)] = [line.flow_id, [text for text in external_ids if text][:MOST_IDS]]

    def took_some(self, line: Line, external_ids: set[str]) -> None:
        """These of its records were read; the others are still to come."""
        before = self.handled.get(f"read {line.id}", [0, []])[1]
        self.handled[f"read {line.id}"] = [line.flow_id, sorted({*before, *external_ids})]

    def has_read(self, line: Line) -> set[str]:
        return set(self.handled.get(f"read {line.id}", [0, []])[1])

    def outcome(self) -> tuple[str, SyncError | None]:
        if self.error is not None:
            return "failed", self.error
        if self.open_reads or self.waits_for:
            return "pending", None
        reason = self.reasons[0] if self.reasons else None
        return ("done", None) if self.handled and reason is None else ("done" if self.handled else "ignored", reason)


@dataclass(slots=True)
class Brought:
    """What one event brings for one line: records to store (tombstones are records), or IDs to read."""

    event: Event
    line: Line
    records: list
    external_ids: list[str]


def _nothing_found(path: str, topic: str) -> SyncError:
    return SyncError("mapping", "event_nothing_found", params={"path": path, "topic": topic})


class Receiving:
    """Works on webhook events; the worker calls ``_take_events`` in each step."""

    def _take_events(self, held) -> int:
        """Take the next events of this connection. Returns how many were looked at."""
        if not outbox.events_wait(self.cr, self.connection.id, self._clock()):
            return 0
        if not held.take([self.connection.id], EVENT_LOCK_SPACE):
            return 0  # another worker does, and the order of events counts
        self._commit()  # what it has settled until just now is seen from here
        events = self._due_events()
        try:
            self._receive(events)
        except Exception as error:
            self.cr.rollback()
            self._plans.clear()
            if failures.is_concurrency(error):
                raise
            self._receive_one_by_one(events, error)
        return len(events)

    def _receive_one_by_one(self, events: list[Event], error: Exception) -> None:
        """An error that nobody expected belongs on the event that has it, so that the others move on."""
        for event in events:
            try:
                if len(events) == 1:
                    raise error
                self._receive([event])
            except Exception as single:
                self.cr.rollback()
                self._plans.clear()
                if failures.is_concurrency(single):
                    raise
                event.begin()
                _logger.error("Webhook event %s could not be worked on", event.id, exc_info=single)
                event.error = failures.from_exception(self.env, "integration.webhook.event", single)
                self._lasting(lambda event=event: self._settle([event]))

    def _receive(self, events: list[Event]) -> None:
        lines = self._topic_lines()
        stores: list[Brought] = []
        reads: list[Brought] = []
        for event in events:
            event.begin()
            for brought in self._opened(event, lines):
                (reads if brought.line.kind == "ids" else stores).append(brought)
        by_flow = _by_flow(stores)
        self._lasting(lambda: self._store_brought(by_flow, events))
        for flow_id, wanted in _by_flow(reads).items():
            self._read_back(self._plan(flow_id), wanted)

    def _due_events(self) -> list[Event]:
        """The next pending events, oldest first; those that waited for a flow that runs now are due."""
        now = self._clock()
        self.cr.execute(
            """UPDATE integration_webhook_event e SET due_at = %(now)s, flow_id = NULL
               WHERE e.connection_id = %(connection)s AND e.state = 'pending' AND e.due_at IS NULL AND NOT EXISTS (
                   SELECT 1 FROM integration_flow f WHERE f.id = e.flow_id AND f.active AND f.state = 'paused')""",
            {"connection": self.connection.id, "now": now})
        self.cr.execute(
            """SELECT e.id, e.topic, e.content_type, e.attempts, e.handled, e.body FROM integration_webhook_event e
               JOIN (SELECT id, sum(size) OVER (ORDER BY due_at, id) - size AS bytes_before FROM (
                         SELECT id, due_at, size FROM integration_webhook_event
                         WHERE connection_id = %s AND state = 'pending' AND due_at <= %s ORDER BY due_at, id LIMIT %s
                     ) first_ones) chosen ON chosen.id = e.id AND chosen.bytes_before < %s
               ORDER BY e.due_at, e.id""", [self.connection.id, now, BATCH, BATCH_BYTES])
        return [
            Event(event_id, topic or "", content_type or "", attempts or 0, handled or {}, bytes(body or b""))
            for event_id, topic, content_type, attempts, handled, body in self.cr.fetchall()]

    def _topic_lines(self) -> list[Line]:
        self.cr.execute(
            """SELECT t.id, t.topic, f.id, f.name ->> 'en_US', CASE WHEN f.active THEN f.state ELSE 'draft' END, t.kind,
                      COALESCE(t.path, '')
               FROM integration_webhook_topic t JOIN integration_flow f ON f.id = t.flow_id
               WHERE t.connection_id = %s AND f.connection_id = t.connection_id ORDER BY t.sequence, t.id""",
            [self.connection.id])
        return [Line(*row) for row in self.cr.fetchall()]

    # -- reading what came -----------------------------------------------------------------------------------

    def _opened(self, event: Event, lines: list[Line]) -> list[Brought]:
        """What an event brings for each line that it fits, or the reason why it brings nothing."""
        fitting = [line for line in lines if webhooks.fits(line.topic, event.topic)]
        if not fitting:
            event.reasons.append(SyncError("mapping", "event_without_topic", params={"topic": event.topic or "–"}))
            return []
        result, unmet = [], None
        try:
            document = webhooks.parse(event.body, event.content_type)
            for line in fitting:
                if str(line.id) in event.handled:
                    continue
                if line.flow_state == "paused":
                    event.waits_for = line.flow_id
                elif line.flow_state not in RUNNING_STATES:
                    event.reasons.append(SyncError("mapping", "event_flow_off", params={"flow": line.flow_name}))
                elif (brought := self._brought(event, line, document)) is not None:
                    result.append(brought)
                else:
                    unmet = line
            if unmet is not None and not (result or event.handled or event.waits_for or event.reasons):
                event.reasons.append(_nothing_found(unmet.path, unmet.topic))
        except SyncError as error:
            event.error = SyncError("validation", "event_empty") if error.code == "empty_body" else error
            return []
        for brought in result:
            if brought.line.kind == "ids":
                event.open_reads += 1
        return result

    def _brought(self, event: Event, line: Line, document: Any) -> Brought | None:
        """What an event brings for a line. None when nothing in it meets the filter of the line's path: that is for
        another line.

        :raises SyncError: mapping/event_nothing_found where the path leads nowhere
        """
        plan = self._plan(line.flow_id)
        if line.kind == "record":
            records = webhooks.items_at(document, line.path)
            external_ids = [plan.external_id(record) for record in records]
        else:
            found = webhooks.items_at(document, line.path)
            external_ids = [plan.external_id(item) if isinstance(item, dict) else id_text(item) for item in found]
            records = []
            if line.kind == "deleted":
                records = [inbox.tombstone(external_id, item)
                           for external_id, item in zip(external_ids, found, strict=True) if external_id]
            external_ids = [external_id for external_id in external_ids if external_id]
        if not (records if line.kind == "record" else external_ids):
            if "[?" in line.path:
                return None
            raise _nothing_found(line.path or (plan.resource.id_path if line.kind != "record" else "@"), line.topic)
        return Brought(event, line, records, external_ids)

    # -- storing ---------------------------------------------------------------------------------------------

    def _store_brought(self, by_flow: dict[int, list[Brought]], events: list[Event]) -> None:
        """Store what events brought, and settle them, in one transaction. May be called again after a rollback."""
        for flow_id, brought in by_flow.items():
            plan = self._plan(flow_id)
            wanted = self._without_unknown_ends(plan, brought)
            records = [record for one in wanted for record in one.records]
            if records:
                self._store_records(plan, records)
            for one in wanted:
                one.event.took(one.line, one.external_ids)
        self._settle(events)

    def _store_records(self, plan: FlowPlan, records: list) -> None:
        run_id = self._webhook_run(plan)
        # Ahead of what is read by schedule and behind what users have just changed; a flow for the night does not hurry.
        priority = None if plan.settings.timing == "batch" else min(PRIORITY, plan.settings.priority)
        stored = inbox.store(
            self.cr, plan, records, now=self._now(), run_id=run_id, priority=priority, embedded_plans=self._plan)
        journal.add_to_run(
            self.cr, run_id, read_count=stored.read, unchanged_count=stored.unchanged, excluded_count=stored.excluded)

    def _without_unknown_ends(self, plan: FlowPlan, brought: list[Brought]) -> list[Brought]:
        """Leave out the ends of records that were never here."""
        ends = {external_id for one in brought if one.line.kind == "deleted" for external_id in one.external_ids}
        if not ends:
            return brought
        known = set(journal.find_links(self.cr, plan.connection.id, plan.resource.id, sorted(ends)))
        known |= {external_id for one in brought if one.line.kind == "record" for external_id in one.external_ids}
        self.cr.execute(
            "SELECT external_id FROM integration_sync WHERE flow_id = %s AND external_id = ANY(%s)", [plan.id, sorted(ends)])
        known |= {external_id for (external_id,) in self.cr.fetchall()}
        wanted = []
        for one in brought:
            if one.line.kind == "deleted" and not known.intersection(one.external_ids):
                one.event.reasons = [SyncError("validation", "event_never_known", params={
                    "external_id": ", ".join(one.external_ids[:3])})]
            else:
                wanted.append(one)
        return wanted

    def _webhook_run(self, plan: FlowPlan) -> int:
        """What arrives by webhook is counted in one run for each flow and day."""
        today = self._now().replace(hour=0, minute=0, second=0)
        self.cr.execute(
            "SELECT id, started_at >= %s FROM integration_run WHERE flow_id = %s AND trigger = 'webhook' AND state = 'open'",
            [today, plan.id])
        found = self.cr.fetchall()
        current = next((run_id for run_id, is_today in found if is_today), None)
        if current is None:
            runs = self.env["integration.run"].sudo()
            runs.browse([run_id for run_id, _is_today in found]).write({"state": "done", "ended_at": self._now()})
            run = runs.create({"flow_id": plan.id, "trigger": "webhook", "user_id": self.env.uid, "fetching": False})
            self.env.flush_all()
            current = run.id
        return current

    def _settle(self, events: list[Event]) -> None:
        """Write what came of these events; those that a person has taken up meanwhile keep what they have."""
        now = self._clock()
        values = []
        for event in events:
            state, error = event.outcome()
            message, hint = messages.explain(self.env, error) if error is not None else (None, None)
            due_at = None
            if state == "pending" and not (event.waits_for and not event.open_reads):
                due_at = event.due_at or now
            values.append((
                event.id, state, due_at, event.waits_for if state == "pending" else None, event.attempts,
                json.dumps(event.handled) if event.handled else None, message and message.replace("\x00", ""), hint))
        execute_values(
            self.cr._obj,
            """UPDATE integration_webhook_event e SET state = v.state, due_at = v.due_at, flow_id = v.flow_id,
                   attempts = v.attempts, handled = v.handled::jsonb, message = v.message, hint = v.hint
               FROM (VALUES %s) AS v(id, state, due_at, flow_id, attempts, handled, message, hint)
               WHERE e.id = v.id AND e.state = 'pending'""",
            values, template="(%s, %s, %s::timestamp, %s::int, %s, %s, %s, %s)", page_size=1000)

    # -- reading back ----------------------------------------------------------------------------------------

    def _read_back(self, plan: FlowPlan, wanted: list[Brought]) -> None:
        """Read the records of which only IDs came, each once, with no transaction open."""
        by_id = dict.fromkeys(
            external_id for one in wanted for external_id in one.external_ids
            if external_id not in one.event.has_read(one.line))
        errors: dict[str, SyncError] = {}
        requests = self._read_requests(plan, list(by_id)[:1 if self._probing else MOST_READS], errors)
        exchanges, rest = [], []
        if requests:
            client = self.client()
            self._commit()
            exchanges = list(client.send_many(requests, stop=http.Patience(self._live_waits)))
            rest = nested.complete(client, plan, plan.operation("read"), exchanges)
        records = []
        read = plan.operation("read")
        for exchange in exchanges:
            try:
                exchange.raise_for_error()
                records.append(http.read_record(read, exchange.response.body))
            except SyncError as error:
                errors[exchange.request.key] = error
        answered = {exchange.request.key for exchange in exchanges}
        untried = set(by_id) - answered - set(errors)
        for one in wanted:
            self._judge_reads(plan, one, errors, untried)
        events = list({id(one.event): one.event for one in wanted}.values())

        def store():
            if records:
                self._store_records(plan, records)
            self._settle(events)
            self._record_exchanges(plan, [*exchanges, *rest])

        self._lasting(store)

    def _read_requests(self, plan: FlowPlan, external_ids: list[str], errors: dict[str, SyncError]) -> list:
        read = plan.operation("read")
        requests = []
        for external_id in external_ids:
            try:
                if read is None:
                    raise SyncError("mapping", "no_operation", params={"kind": "read", "resource": plan.resource.name})
                requests.append(http.build_request(read, variables={"id": external_id}, key=external_id))
            except SyncError as error:
                errors[external_id] = error
        return requests

    def _judge_reads(self, plan: FlowPlan, one: Brought, errors: dict[str, SyncError], untried: set[str]) -> None:
        """Settle what one event wanted to have read: all there, gone, refused, or to be tried again."""
        event = one.event
        found = {external_id: errors[external_id] for external_id in one.external_ids if external_id in errors}
        again = {external_id: error for external_id, error in found.items()
                 if error.info.retried or error.error_class == "authentication"}
        refused = [error for external_id, error in found.items() if external_id not in again and error.code != "not_found"]
        left = untried.intersection(one.external_ids) | again.keys()
        if left:
            event.took_some(one.line, set(one.external_ids) - left)
            if again:
                self._try_later(plan, event, next(iter(again.values())))
            return  # the next batch does the rest
        event.open_reads -= 1
        if refused:
            event.error = refused[0]
        elif len(found) == len(one.external_ids):
            event.reasons.append(SyncError("validation", "event_gone", params={
                "external_id": ", ".join(one.external_ids[:3])}))
        else:
            event.took(one.line, one.external_ids)

    def _try_later(self, plan: FlowPlan, event: Event, error: SyncError) -> None:
        now = self._clock()
        if error.code == "not_sent" or error.error_class == "authentication":
            event.due_at = failures.later(now, error.retry_after) if error.retry_after else now
            return  # nothing was tried for this one; a paused connection holds it
        if not error.info.counts_attempt:
            event.due_at = failures.later(now, error.retry_after or plan.retry_policy.first_seconds)
            return
        event.attempts += 1
        seconds = retry.delay(plan.retry_policy, event.attempts, random.random())
        if seconds is None:
            event.error = error
        else:
            event.due_at = failures.later(now, seconds if error.retry_after is None else error.retry_after)


def _by_flow(brought: list[Brought]) -> dict[int, list[Brought]]:
    result: dict[int, list[Brought]] = {}
    for one in brought:
        result.setdefault(one.line.flow_id, []).append(one)
    return result
