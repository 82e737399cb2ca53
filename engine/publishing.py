"""Keeps the documents of publish flows up to date: only for records that something was captured for, in batches.

One worker computes one flow at a time (an advisory lock that dies with it). Change numbers are given out by it alone, from
the flow's row in ``integration.document.state``, which it updates in the transaction that stores the documents. So a
number becomes visible together with all numbers below it, and a consumer who has read up to a number has missed nothing.
Should two workers ever meet, the update of that row fails for the second one (REPEATABLE READ), and its work is rolled back.
"""

import json
import logging
import time
from datetime import timedelta

from psycopg2.extras import execute_values

from odoo import fields
from odoo.fields import Domain

from ..core import published_documents
from . import availability, claim, failures, messages
from .publish_plan import WAREHOUSE, PublishPlan
from .rows import RUNNING_STATES

_logger = logging.getLogger(__name__)

# First key of the two-key advisory lock of who computes a flow ('publ' in ASCII); the second one is the flow's id.
LOCK_SPACE = 0x7075626C
BATCH = 1000
# Seconds of work before the thread is given back to other scheduled actions.
SLICE = 10.0
# So many former sets of a document's filter values are remembered; older ones are not told as removals any more.
PAST = 20
# A captured change of this "record" only says that the rules may have changed.
LOOK = -1
# Flows for which something was captured, that were never computed completely, or that are due by time.
_CONCERNED = """
    SELECT f.id FROM integration_flow f LEFT JOIN integration_document_state s ON s.flow_id = f.id
    WHERE f.direction = 'publish' AND f.state = ANY(%(states)s) AND f.active AND (
        s.id IS NULL OR NOT s.ready OR s.full_position IS NOT NULL
        OR EXISTS (SELECT 1 FROM integration_capture c WHERE c.flow_id = f.id)
        OR f.publish_full_hours > 0 AND s.full_at < %(now)s - f.publish_full_hours * interval '1 hour'
        OR EXISTS (SELECT 1 FROM integration_document d WHERE d.flow_id = f.id AND d.state = 'gone'
                   AND d.changed_at < %(now)s - f.publish_tombstone_days * interval '1 day'))
    ORDER BY f.sequence, f.id
"""


def run(env) -> None:
    """Compute what waits, flow by flow. A flow that fails does not keep the others from it."""
    until = time.monotonic() + SLICE
    env.cr.execute(_CONCERNED, {"states": list(RUNNING_STATES), "now": fields.Datetime.now()})
    flow_ids, again = [row[0] for row in env.cr.fetchall()], False
    for flow_id in flow_ids:
        try:
            again |= refresh(env, flow_id, until)
        except Exception as error:  # whatever it is, it concerns this flow only
            env.cr.rollback()
            env.invalidate_all()
            if failures.is_concurrency(error):
                again = True
            else:
                _logger.exception("The documents of flow %s could not be computed", flow_id)
                _note_fault(env, flow_id, error)
    if again:
        env["integration.flow"]._wake_publishing()
    env["ir.cron"]._commit_progress(1, remaining=0)


def refresh(env, flow_id: int, until: float) -> bool:
    """Compute the documents of one flow until nothing waits or the time is over. Returns whether something is left."""
    with claim.claims(env.cr) as held:
        if not held.keep(LOCK_SPACE, flow_id):
            return False  # another worker is at it
        env.cr.commit()  # a snapshot from before the lock may be older than what the last worker has stored
        env.invalidate_all()
        while True:
            flow = env["integration.flow"].browse(flow_id).exists()
            if not flow or flow.state not in RUNNING_STATES:
                return False
            left = _Batch(env, flow).run()
            env["ir.cron"]._commit_progress(0)
            env.invalidate_all()
            if not left or time.monotonic() > until:
                return left


def _note_fault(env, flow_id: int, error: Exception) -> None:
    """People see on the publication that its documents are not computed, until they are again."""
    env.cr.execute(
        "UPDATE integration_document_state SET error = %s WHERE flow_id = %s",
        [" ".join(messages.explain(env, failures.from_exception(env, "integration.document", error)))[:500], flow_id])
    env["ir.cron"]._commit_progress(0)


class _Batch:
    """One transaction of a flow: up to ``BATCH`` records."""

    def __init__(self, env, flow):
        self.env = env
        self.cr = env.cr
        self.flow = flow
        self.plan = PublishPlan(flow)
        self.state = self._state()
        self.change = self.state["last_change"]

    def run(self) -> bool:
        """Returns whether more is left."""
        if self._full_wanted():
            self._begin_full()
        captured = self._captured()
        if 0 in captured:
            self._begin_full()
        captured -= {0, LOOK}
        if self.plan.availability:
            captured = availability.containing(self.env, captured)
        if captured:
            self._compute(captured)
        if self.state["full_position"] is not None and not self._more_captured:
            self._full_step()
        elif not captured:
            self._forget_removals()
        self._store_state()
        return self._more_captured or self.state["full_position"] is not None

    # -- what is to be done --------------------------------------------------------------------------------

    def _state(self) -> dict:
        names = "id, epoch, last_change, horizon, ready, signature, full_position, full_at"
        query = f"SELECT {names} FROM integration_document_state WHERE flow_id = %s"  # pylint: disable=sql-injection
        self.cr.execute(query, [self.flow.id])
        found = self.cr.dictfetchone()
        if not found:
            self.cr.execute(
                "INSERT INTO integration_document_state (flow_id, epoch, last_change, horizon, ready) "
                "VALUES (%s, %s, 0, 0, false)", [self.flow.id, int(time.time())])
            self.cr.execute(query, [self.flow.id])
            found = self.cr.dictfetchone()
        return found

    def _full_wanted(self) -> bool:
        """Were the rules changed, or is it time to look at everything again?"""
        if self.state["full_position"] is not None:
            return self.state["signature"] != self.plan.signature
        hours = self.flow.publish_full_hours
        return self.state["signature"] != self.plan.signature or not self.state["ready"] or bool(
            hours and self.state["full_at"] and self.state["full_at"] < fields.Datetime.now() - timedelta(hours=hours))

    def _begin_full(self) -> None:
        self.state.update(full_position=0, signature=self.plan.signature)

    def _captured(self) -> set[int]:
        """Ids of the records that something was captured for; their rows are removed in this transaction. While the rules
        are all applied anew nothing is lost by that: a captured record is computed at once."""
        # Two plain statements: one with a subquery was once planned as each row against each, because the table is empty
        # whenever PostgreSQL looks at it.
        self.cr.execute(
            "SELECT id, res_id FROM integration_capture WHERE flow_id = %s ORDER BY id LIMIT %s", [self.flow.id, BATCH * 5])
        rows, found, taken = self.cr.fetchall(), set(), []
        for row_id, res_id in rows:
            if len(found) < BATCH or res_id in found:
                found.add(res_id)
                taken.append(row_id)
        if taken:
            self.cr.execute("DELETE FROM integration_capture WHERE id = ANY(%s)", [taken])
        self._more_captured = len(taken) < len(rows) or len(rows) == BATCH * 5
        return found

    def _full_step(self) -> None:
        """The next records in the order of their ids: those of the flow, and those that have documents."""
        position = self.state["full_position"]
        ids = self.plan.model.search(
            Domain(self.plan.domain) & Domain("id", ">", position), order="id", limit=BATCH).ids
        last = ids[-1] if len(ids) == BATCH else None
        self.cr.execute(
            "SELECT DISTINCT res_id FROM integration_document WHERE flow_id = %s AND state <> 'gone' AND res_id > %s "
            "AND (%s::int IS NULL OR res_id <= %s)", [self.flow.id, position, last, last])
        known = {row[0] for row in self.cr.fetchall()}
        self._compute(known | set(ids))
        if last is None:
            self.state.update(full_position=None, full_at=fields.Datetime.now(), ready=True)
            self._forget_removals()
        else:
            self.state["full_position"] = last

    def _forget_removals(self) -> None:
        """Removals are told for some days; whose cursor is older has to read everything again."""
        self.cr.execute(
            """WITH old AS (
                   DELETE FROM integration_document WHERE flow_id = %s AND state = 'gone' AND changed_at < %s
                   RETURNING change_number)
               SELECT max(change_number) FROM old""",
            [self.flow.id, fields.Datetime.now() - timedelta(days=self.flow.publish_tombstone_days)])
        self.state["horizon"] = max(self.state["horizon"], self.cr.fetchone()[0] or 0)

    def _store_state(self) -> None:
        self.cr.execute(
            """UPDATE integration_document_state SET last_change = %(change)s, horizon = %(horizon)s, ready = %(ready)s,
                   signature = %(signature)s, full_position = %(full_position)s, full_at = %(full_at)s,
                   refreshed_at = %(now)s, error = NULL
               WHERE id = %(id)s""", {**self.state, "change": self.change, "now": fields.Datetime.now()})

    # -- documents -----------------------------------------------------------------------------------------

    def _compute(self, ids: set[int]) -> None:
        ordered = sorted(ids)
        for start in range(0, len(ordered), BATCH):
            self._compute_some(ordered[start:start + BATCH])

    def _compute_some(self, ids: list[int]) -> None:
        wanted, problems = self._wanted(ids)
        mine = set(ids)
        known = self._known(ids, [key for _id, _part, key, _body, _tags in wanted])
        by_key = {row["key"]: row for row in known}
        claimed: dict[str, int] = {}
        for res_id, _part, key, _body, _tags in wanted:
            claimed.setdefault(key, res_id)
        kept, new, changed = set(), [], []
        for res_id, part_id, key, body, tags in wanted:
            row = by_key.get(key)
            holder = row["res_id"] if row is not None and row["state"] == "live" else None
            if holder not in (None, res_id) and (holder not in mine or self._wants(wanted, holder, key)):
                claimed[key] = holder  # whoever has the key keeps it, as long as it wants it
            if claimed[key] != res_id:
                problems.setdefault(res_id, ("duplicate", key, self.env._(
                    "The key %(key)s is that of another published record (ID %(id)s). Give each record a key of its own.",
                    key=key, id=claimed[key])))
                continue
            digest = published_documents.content_hash(f"{body}\n{tags}")
            if row is None:
                new.append((res_id, part_id, key, digest, body, tags))
                continue
            kept.add(row["id"])
            if (row["content_hash"], row["state"], row["res_id"], row["part_id"]) != (digest, "live", res_id, part_id):
                changed.append((row["id"], res_id, part_id, digest, body, tags, self._past(row, tags)))
        # A document that cannot be computed stays as it was; one without a key is nobody's any more.
        stale = {res_id for res_id, (code, *_rest) in problems.items() if code == "mapping"}
        gone = [row for row in known if row["state"] == "live" and row["id"] not in kept
                and row["res_id"] in mine and row["res_id"] not in stale]
        self._write(new, changed, [row["id"] for row in gone])
        self._note_problems(ids, problems)
        self._release_keys([row["key"] for row in gone], ids)

    @staticmethod
    def _wants(wanted, res_id: int, key: str) -> bool:
        return any(own == res_id and other == key for own, _part, other, _body, _tags in wanted)

    def _release_keys(self, keys: list[str], ids: list[int]) -> None:
        """Whoever could not be published because of these keys can be now."""
        if keys:
            self.cr.execute(
                "INSERT INTO integration_capture (flow_id, res_id, operation, captured_at) "
                "SELECT DISTINCT flow_id, res_id, 'write', now() AT TIME ZONE 'UTC' FROM integration_document "
                "WHERE flow_id = %s AND state = 'error' AND key = ANY(%s) AND res_id <> ALL(%s)",
                [self.flow.id, keys, ids])
            self._more_captured = self._more_captured or bool(self.cr.rowcount)

    def _wanted(self, ids) -> tuple[list[tuple], dict[int, tuple]]:
        """What shall be published of these records: (record, part, key, body, tags), and who has a problem."""
        plan = self.plan
        model = plan.model
        if "active" in str(plan.domain):
            model = model.with_context(active_test=False)
        records = model.search(Domain(plan.domain) & Domain("id", "in", ids), order="id")
        mapper = plan.mapper(self.cr)
        mapper.prepare(records)
        cells = self._cells(records.ids)
        wanted, problems = [], {}
        for record in records:
            try:
                document = plan.document(mapper, record)
                key = plan.key(document)
                if plan.availability:
                    wanted += self._per_warehouse(record.id, key, document, cells)
                else:
                    wanted.append((record.id, 0, key, published_documents.dump(document), json.dumps(plan.tags(document))))
            except Exception as error:  # a record that cannot be published does not keep the others from it
                if failures.is_concurrency(error):
                    raise
                problems[record.id] = self._problem(error)
        return wanted, problems

    def _problem(self, error) -> tuple:
        error = failures.from_exception(self.env, self.flow.model_name, error)
        blank = error.code == "required_missing" and error.params.get("path") == self.plan.key_rule.external_path
        return "blank_key" if blank else "mapping", None, " ".join(messages.explain(self.env, error))

    def _cells(self, ids) -> dict:
        published = self.plan.availability
        if not published:
            return {}
        return availability.read(self.env, ids, [warehouse_id for warehouse_id, _code in published.warehouses])

    def _per_warehouse(self, res_id, key, document, cells) -> list[tuple]:
        """One document for each warehouse."""
        plan, published, found = self.plan, self.plan.availability, []
        base_tags = plan.tags(document)
        for warehouse_id, code in published.warehouses:
            cell = cells.get((res_id, warehouse_id), availability.NOTHING)
            own = {**document, WAREHOUSE: code}
            published.put(own, cell)
            found.append((
                res_id, warehouse_id, f"{key}@{code}", published_documents.dump(own),
                json.dumps([*base_tags, published_documents.tag(WAREHOUSE, code)])))
        return found

    def _known(self, ids, keys) -> list[dict]:
        """The rows of these records, and those that have their keys."""
        self.cr.execute(
            """SELECT id, res_id, part_id, key, state, content_hash, tags, past_tags FROM integration_document
               WHERE flow_id = %(flow)s AND res_id = ANY(%(ids)s) AND state <> 'error'
               UNION ALL
               SELECT id, res_id, part_id, key, state, content_hash, tags, past_tags FROM integration_document
               WHERE flow_id = %(flow)s AND key COLLATE "C" = ANY(%(keys)s) AND state <> 'error'
                 AND res_id <> ALL(%(ids)s)""", {"flow": self.flow.id, "ids": list(ids), "keys": keys})
        return self.cr.dictfetchall()

    @staticmethod
    def _past(row, tags: str) -> str | None:
        """What a document was found by before: who found it by that has to be told when it is not found by it any more."""
        past = row["past_tags"] or []
        if row["tags"] is not None and row["tags"] != json.loads(tags) and row["tags"] not in past:
            past = [*past, row["tags"]][-PAST:]
        return json.dumps(past) if past else None

    def _write(self, new, changed, gone) -> None:
        company, flow, now = self.plan.company_id, self.flow.id, fields.Datetime.now()
        if gone:
            self.cr.execute(
                """UPDATE integration_document d SET state = 'gone', body = NULL, content_hash = NULL, changed_at = %s,
                       change_number = %s + v.nr
                   FROM unnest(%s::int[]) WITH ORDINALITY AS v(id, nr) WHERE d.id = v.id""",
                [now, self.change, gone])
            self.change += len(gone)
        if changed:
            execute_values(
                self.cr._obj,
                """UPDATE integration_document d SET state = 'live', res_id = v.res_id, part_id = v.part_id,
                       content_hash = v.content_hash, body = v.body, tags = v.tags::jsonb, past_tags = v.past::jsonb,
                       change_number = v.change, changed_at = v.at::timestamp, company_id = v.company_id::int
                   FROM (VALUES %s) AS v(id, res_id, part_id, content_hash, body, tags, past, change, at, company_id)
                   WHERE d.id = v.id""",
                [(*row, self.change + number, now, company) for number, row in enumerate(changed, 1)], page_size=1000)
            self.change += len(changed)
        if new:
            execute_values(
                self.cr._obj,
                "INSERT INTO integration_document (flow_id, company_id, state, changed_at, res_id, part_id, key, "
                "content_hash, body, tags, change_number) VALUES %s",
                [(flow, company, "live", now, *row, self.change + number) for number, row in enumerate(new, 1)],
                page_size=1000)
            self.change += len(new)

    def _note_problems(self, ids, problems) -> None:
        """One row for each record that cannot be published, with the reason; none for those that can."""
        self.cr.execute(
            "DELETE FROM integration_document WHERE flow_id = %s AND state = 'error' AND res_id = ANY(%s)",
            [self.flow.id, list(ids)])
        if problems:
            execute_values(
                self.cr._obj,
                "INSERT INTO integration_document (flow_id, company_id, state, changed_at, res_id, part_id, error_code, "
                "key, error) VALUES %s",
                [(self.flow.id, self.plan.company_id, "error", fields.Datetime.now(), res_id, 0, *problem)
                 for res_id, problem in problems.items()])
