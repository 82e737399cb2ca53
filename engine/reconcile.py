"""Reconciliation: all records of a flow on both sides, a page at a time, by the worker of the connection.

Three phases, each a row of pages: what the other system lists (compared with Odoo); what is linked and was not listed
(read once more, one by one, where the API can: a list that moves while it is read leaves records out); what is in the
flow's filter and was never linked. A page is one transaction, and where the next one begins is stored with it: a
worker that dies loses one page. It only looks. See ``comparing.py`` for how, ``reconcile_fix.py`` for what follows.
"""

import json
from dataclasses import asdict, replace
from datetime import timedelta

from odoo.fields import Domain

from ..core import documents, fingerprint, paging, retry
from ..core.errors import SyncError
from . import bulk, http, inbox, journal, messages, nested
from .comparing import Comparer, Counted
from .fetcher import NO_CONTENT, PAGE_POLICY, Fetcher, Look
from .reconcile_fix import forget_seen
from .rows import RUNNING_STATES

# So many linked or unlinked records of Odoo are looked at in one slice.
PAGE = 500
# What was not listed is read one by one, up to so many records of a reconciliation and of a slice.
MOST_READS = 2000
READS = 50
# So many differences are listed; all are counted.
MOST_LINES = 10_000

_COLUMNS = "flow_id, phase, paging_state, position, attempts, line_count, call_count, page_count"


def open_scheduled(env, connection_id: int, now) -> int:
    """Begin the reconciliations whose time has come. Returns how many flows were due."""
    flows = env["integration.flow"].sudo().search([
        ("connection_id", "=", connection_id), ("state", "in", RUNNING_STATES), ("reconcile_next_at", "<=", now)])
    for flow in flows:
        if flow.direction in ("import", "export", "both") and flow.resource_id._operation("list"):
            flow._open_reconciliation("schedule")
        flow.reconcile_next_at = flow._next_reconciliation(now)
    flows.flush_recordset()
    env["integration.reconciliation"].flush_model()
    return len(flows)


class Pages(Fetcher):
    """The pages of the other system's list, all of it; see ``fetcher.py``."""

    def __init__(self, env, plan, paging_state: str | None):
        self.env = env
        self.cr = env.cr
        self.plan = plan
        self.since, self.full, self.parts, self.rest = None, True, None, []
        self.operation = plan.operation("list")
        if self.operation is None or self.operation.paging_style == "files":  # files tell what was, not what there is
            raise SyncError("mapping", "no_operation", params={"kind": "list", "resource": plan.resource.name})
        self.spec = http.paging_spec(self.operation)
        self.look = Look(**json.loads(paging_state)) if paging_state else Look(paging.start(self.spec))
        self.query = json.loads(plan.flow.list_query) if plan.flow.list_query else {}

    def page_request(self):
        return self._request(self.look.page)

    def records(self, exchange) -> list:
        """The items of an answer.

        :raises SyncError: when it is none
        """
        if exchange.error is not None:
            raise exchange.error
        if exchange.response.body is None and exchange.response.status != NO_CONTENT:
            raise SyncError("server", "empty_body")
        return self._listed(exchange.response.body)

    def following(self, exchange, listed: list, seen: list) -> str | None:
        """Where the page after this one begins, as it is stored; None after the last one."""
        page = paging.advance(
            self.spec, self.look.page, items=listed, body=exchange.response.body, headers=exchange.response.headers,
            page_fingerprint=fingerprint.content_hash(seen) if seen else "")
        return json.dumps(asdict(replace(self.look, page=page))) if page else None


class Reconciler:
    """Does the next slice of a reconciliation. Part of the worker's background; see ``background.py``."""

    def __init__(self, worker, reconciliation_id: int):
        self.worker = worker
        self.env = worker.env
        self.cr = worker.cr
        self.id = reconciliation_id
        self.cr.execute(
            f"SELECT {_COLUMNS} FROM integration_reconciliation WHERE id = %s AND state = 'open'", [self.id])  # pylint: disable=sql-injection
        found = self.cr.fetchone()
        self.open = bool(found)
        if found:
            (flow_id, self.phase, self.paging_state, self.position, attempts, line_count, self.call_count,
             self.page_count) = found
            self.attempts, self.line_count = attempts or 0, line_count or 0
            self.plan = worker._plan(flow_id)

    def step(self, _held) -> int:
        """One page. Returns how many records it looked at."""
        if not self.open:
            return 1
        count = {"there": self._list, "here": self._linked, "odoo": self._unlinked}[self.phase]()
        self.env.invalidate_all(flush=False)
        return count

    # -- what the other system lists -----------------------------------------------------------------------

    def _list(self) -> int:
        try:
            pages = Pages(self.env, self.plan, self.paging_state)
            request = pages.page_request()
        except SyncError as error:
            known = error
            self.worker._lasting(lambda: self._failed(known))
            return 1
        client = self.worker.client()
        self.worker._commit()
        exchange = self.worker._ahead.take(client, request, self.worker._await)
        exchanges = [exchange, *pages.read_parts(client, exchange)]
        count = 1

        def store():
            nonlocal count
            self.worker._note_health(exchanges)
            try:
                count = self._store(pages, exchange)
            except SyncError as error:
                self._failed(error)
            self._keep(exchanges)

        self.worker._lasting(store)
        return max(count, 1)

    def _store(self, pages: Pages, exchange) -> int:
        listed = pages.records(exchange)
        records, unreadable = {}, 0
        for record in pages.records_in(listed):
            try:
                records.setdefault(inbox.identify(self.plan, record), record)
            except SyncError:
                unreadable += 1
        following = pages.following(exchange, listed, list(records))
        fresh = set(self._see(list(records)))
        comparer = Comparer(self.env, self.plan)
        comparer.compare(
            {external_id: record for external_id, record in records.items() if external_id in fresh},
            exchange.started_at.replace(tzinfo=None))
        comparer.counted.excluded += unreadable
        self._add(comparer, external_count=len(fresh), page_count=1)
        self.cr.execute(
            "UPDATE integration_reconciliation SET paging_state = %s, phase = CASE WHEN %s THEN 'there' ELSE 'here' END, "
            "attempts = 0, next_try_at = NULL, message = NULL WHERE id = %s", [following, bool(following), self.id])
        return len(records)

    def _see(self, external_ids: list[str]) -> list[str]:
        """Remember these records; returns those that were not seen before. A list that moves shows some of them twice."""
        found = bulk.run(
            self.cr, "INSERT INTO integration_reconciliation_seen ({names}) SELECT * FROM {rows} AS v "
            "ON CONFLICT DO NOTHING RETURNING external_id", (("reconciliation_id", "int"), ("external_id", "varchar")),
            [(self.id, external_id) for external_id in external_ids], fetch=True)
        return [row[0] for row in found]

    def _failed(self, error: SyncError) -> None:
        """A page that cannot be read is tried again as pages of runs are; then the reconciliation says why it stopped."""
        message, hint = messages.explain(self.env, error)
        wait = None
        if error.info.retried or error.info.scope == "connection":
            attempt = max(self.attempts + 1, 1) if error.info.counts_attempt else 1
            wait = retry.delay(PAGE_POLICY, attempt, 0.5)
            if wait is not None and error.retry_after is not None:
                wait = error.retry_after
        now = self.worker._now()
        self.cr.execute(
            "UPDATE integration_reconciliation SET state = CASE WHEN %(ends)s THEN 'failed' ELSE state END, "
            "ended_at = CASE WHEN %(ends)s THEN %(now)s::timestamp END, next_try_at = %(next)s, message = %(message)s, "
            "attempts = COALESCE(attempts, 0) + 1 WHERE id = %(id)s", {
                "ends": wait is None, "now": now, "id": self.id, "message": f"{message} {hint}".replace("\x00", ""),
                "next": now + timedelta(seconds=wait) if wait is not None else None})
        if wait is None:
            forget_seen(self.cr, [self.id])

    # -- what is linked and was not listed -----------------------------------------------------------------

    def _linked(self) -> int:
        """Linked records that no page has shown: read once more where that is possible, else taken for missing."""
        read = self.plan.operation("read")
        reading = read is not None and (self.call_count or 0) - (self.page_count or 0) < MOST_READS
        rows = self._unseen(READS if reading else PAGE)
        if not rows:
            self._begin_last_phase()
            return 1
        exchanges, parts, present, missing, unasked, broken = [], [], {}, [], [], None
        if reading:
            exchanges = self._read(read, rows, unasked, parts)
        by_id = dict(rows)
        asked_at = min((exchange.started_at.replace(tzinfo=None) for exchange in exchanges), default=self.worker._now())
        done = set(unasked)
        for exchange in exchanges:
            external_id = exchange.request.key
            try:
                exchange.raise_for_error()
                present[external_id] = http.read_record(read, exchange.response.body)
            except SyncError as error:
                if error.info.scope == "connection" or error.code == "not_sent" or error.info.retried:
                    broken = broken or error
                    continue
                missing.append(external_id)
            done.add(external_id)
        # Up to the first one that could not be asked for.
        end = next((number for number, (external_id, _id) in enumerate(rows) if external_id not in done), len(rows)) \
            if reading else len(rows)
        kept = {external_id for external_id, _id in rows[:end]}

        def store():
            if exchanges:
                self.worker._note_health([*exchanges, *parts])
                self._keep([*exchanges, *parts])
            comparer = Comparer(self.env, self.plan)
            if reading:
                comparer.compare(
                    {external_id: record for external_id, record in present.items() if external_id in kept}, asked_at)
                gone = [(external_id, by_id[external_id]) for external_id in missing if external_id in kept]
                comparer.not_there(gone, comparer.states("external_id", [row[0] for row in gone]), "deleted_there")
                rest = [(external_id, by_id[external_id]) for external_id in unasked if external_id in kept]
            else:
                rest = rows
            comparer.not_there(rest, comparer.states("external_id", [row[0] for row in rest]), "not_listed")
            self._add(comparer, external_count=len(set(present) & kept))
            if end:
                self.cr.execute(
                    "UPDATE integration_reconciliation SET position = %s, attempts = 0 WHERE id = %s",
                    [rows[end - 1][0], self.id])
            if broken is not None and broken.code != "not_sent":
                self._failed(broken)

        self.worker._lasting(store)
        return len(rows)

    def _unseen(self, limit: int) -> list[tuple[str, int]]:
        """The next linked records of this flow that no page has shown, in the order of the links' own index."""
        self.cr.execute(
            """SELECT link.external_id, link.res_id FROM integration_link link
               WHERE link.connection_id = %(connection)s AND link.resource_id = %(resource)s
                 AND COALESCE(link.line_rule_id, 0) = 0 AND link.external_id > %(position)s AND link.model = %(model)s
                 AND NOT EXISTS (SELECT 1 FROM integration_reconciliation_seen seen
                                 WHERE seen.reconciliation_id = %(id)s AND seen.external_id = link.external_id)
                 AND EXISTS (SELECT 1 FROM integration_sync s
                             WHERE s.flow_id = %(flow)s AND s.external_id = link.external_id)
               ORDER BY link.external_id LIMIT %(limit)s""", {
                "connection": self.plan.connection.id, "resource": self.plan.resource.id, "model": self.plan.model_name,
                "position": self.position or "", "id": self.id, "flow": self.plan.id, "limit": limit})
        return self.cr.fetchall()

    def _read(self, read, rows: list[tuple[str, int]], unasked: list[str], made: list) -> list:
        """Read these records. ``made`` gets the exchanges of the calls that were needed to have them whole."""
        requests = []
        for external_id, _res_id in rows:
            try:
                requests.append(http.build_request(read, variables={"id": external_id}, key=external_id))
            except SyncError:
                unasked.append(external_id)  # no address can be made of this ID
        client = self.worker.client()
        self.worker._commit()
        exchanges = list(client.send_many(requests, stop=http.Patience(self.worker._live_waits)))
        made += nested.complete(client, self.plan, read, exchanges)
        return exchanges

    def _begin_last_phase(self) -> None:
        if self.plan.exports and self.plan.flow.create_in_external:
            self.worker._lasting(lambda: self.cr.execute(
                "UPDATE integration_reconciliation SET phase = 'odoo', position = '0' WHERE id = %s", [self.id]))
        else:
            self.worker._lasting(self._finish)

    # -- what was never linked -----------------------------------------------------------------------------

    def _unlinked(self) -> int:
        """Records of the flow's filter that the other system does not know yet, by pages of keys."""
        domain = self.plan.flow._parsed_domain()
        ids = self.plan.model.with_context(active_test="active" in str(domain)).search(
            Domain(domain) & Domain("id", ">", int(self.position or 0)), order="id", limit=PAGE).ids
        if not ids:
            self.worker._lasting(self._finish)
            return 1

        def store():
            comparer = Comparer(self.env, self.plan)
            comparer.never_linked(ids)
            self._add(comparer)
            self.cr.execute(
                "UPDATE integration_reconciliation SET position = %s WHERE id = %s", [str(ids[-1]), self.id])

        self.worker._lasting(store)
        return len(ids)

    # -- recording -----------------------------------------------------------------------------------------

    def _keep(self, exchanges: list) -> None:
        """Requests and responses, as the flow's log level says. They belong to no run."""
        made = [exchange for exchange in exchanges if http.was_sent(exchange)]
        journal.insert_exchanges(
            self.cr, self.plan, None, made, lambda error: messages.explain(self.env, error)[0])
        self._count(call_count=len(made))

    def _add(self, comparer: Comparer, **more: int) -> None:
        counted: Counted = comparer.counted
        self._count(
            compared_count=counted.compared, equal_count=counted.equal, drift_count=counted.drift,
            only_odoo_count=counted.only_odoo, only_external_count=counted.only_external,
            pending_count=counted.pending, excluded_count=counted.excluded, **more)
        room = max(MOST_LINES - self.line_count, 0)
        listed = comparer.found[:room]
        if not listed:
            return
        now = self.worker._now()
        alone = self.plan.operation("read") is None  # what cannot be read singly is kept for its fix
        bulk.run(self.cr, "INSERT INTO integration_reconciliation_line ({names}) SELECT * FROM {rows} AS v", _LINE_COLUMNS, [
            (self.id, self.plan.id, self.plan.company_id, each.state.id, self.plan.model_name, each.res_id,
             each.external_id, (each.name or "")[:200] or None, each.kind, each.rule.id if each.rule else None,
             each.rule.label if each.rule else None, each.odoo_value or None, each.external_value or None,
             each.owner or None, each.cause, each.detail or None, each.changed_by or None,
             each.changed_at, documents.dump_json(each.record) if alone and each.fix and each.record else None,
             each.fix or None, now)
            for each in listed])
        self._count(line_count=len(listed))

    def _count(self, **columns: int) -> None:
        """Add to the counts; names come from here, never from outside."""
        columns = {name: number for name, number in columns.items() if number}
        if columns:
            assignments = ", ".join(f"{name} = COALESCE({name}, 0) + %s" for name in columns)
            self.cr.execute(
                f"UPDATE integration_reconciliation SET {assignments} WHERE id = %s",  # pylint: disable=sql-injection
                [*columns.values(), self.id])

    def _finish(self) -> None:
        """All is compared: say so on the flow, with what it proves."""
        self.cr.execute(
            """WITH done AS (
                   UPDATE integration_reconciliation SET state = 'done', ended_at = %(now)s, message = NULL,
                       proven_at = CASE WHEN COALESCE(drift_count, 0) + COALESCE(only_odoo_count, 0)
                           + COALESCE(only_external_count, 0) = 0 THEN started_at END
                   WHERE id = %(id)s AND state = 'open'
                   RETURNING flow_id, proven_at, COALESCE(drift_count, 0) + COALESCE(only_odoo_count, 0)
                       + COALESCE(only_external_count, 0) AS found)
               UPDATE integration_flow flow SET proven_at = done.proven_at, drift_count = done.found,
                   reconciled_at = %(now)s FROM done WHERE flow.id = done.flow_id""",
            {"now": self.worker._now(), "id": self.id})
        forget_seen(self.cr, [self.id])


_LINE_COLUMNS = (
    ("reconciliation_id", "int"), ("flow_id", "int"), ("company_id", "int"), ("sync_id", "int"), ("model", "varchar"),
    ("res_id", "int"), ("external_id", "varchar"), ("name", "varchar"), ("kind", "varchar"), ("rule_id", "int"),
    ("field", "varchar"), ("odoo_value", "text"), ("external_value", "text"), ("owner", "varchar"), ("cause", "varchar"),
    ("detail", "text"), ("changed_by", "varchar"), ("changed_at", "timestamp"), ("payload", "text"), ("fix", "varchar"),
    ("create_date", "timestamp"),
)
