"""Reading lists from outside, page by page. The call happens between transactions; a page is stored and committed
before the run moves on, so that an interrupted run continues with the next page."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

from ..core import fingerprint, paging, retry
from ..core.errors import SyncError
from . import failures, http, inbox, journal, messages
from .plan import FlowPlan

# Connection failures while reading are tried again with growing pauses; then the run gives up until its next time.
PAGE_POLICY = retry.RetryPolicy(first_seconds=5, coefficient=3.0, maximum_seconds=900, attempts=6, jitter=0.2)


class Fetcher:
    """Fetches the pages of one open run."""

    def __init__(self, env, plan: FlowPlan, run_id: int):
        self.env = env
        self.cr = env.cr
        self.plan = plan
        self.run_id = run_id
        self.operation = plan.operation("list")
        self.cr.execute(
            'SELECT paging_state, since, "full", started_at FROM integration_run WHERE id = %s', [run_id])
        state, self.since, full, self.started_at = self.cr.fetchone()
        if self.operation is None:
            return
        self.spec = http.paging_spec(self.operation)
        self.state = json.loads(state) if state else paging.start(self.spec)
        if not state and not full and self.operation.incremental_param and plan.flow.watermark:
            self.since = plan.flow.watermark - timedelta(seconds=plan.flow.overlap_seconds)
        self.query = json.loads(plan.flow.list_query) if plan.flow.list_query else {}

    def request(self, now: datetime):
        """The request for the next page; None when there can be none, and the run then says why."""
        try:
            if self.operation is None:
                raise SyncError("mapping", "no_operation", params={
                    "kind": "list", "resource": self.plan.resource.name})
            return self._request()
        except SyncError as error:
            self._failed(error, now)
            return None

    def _request(self):
        url = paging.next_url(self.state)
        params = {**http.since_params(self.operation, self.since), **paging.query(self.spec, self.state)}
        request = http.build_request(
            self.operation, params={} if url else params, extra_query={} if url else self.query)
        if url:
            request = replace(request, path=url, query={})
        return request

    def store(self, exchange, now: datetime, embedded_plans) -> bool:
        """Store what came back. Returns True when there may be another page. The caller commits."""
        journal.add_to_run(self.cr, self.run_id, call_count=1)
        journal.insert_exchanges(
            self.cr, self.plan.connection, self.plan.flow, self.run_id, [exchange],
            lambda error: messages.explain(self.env, error)[0])
        try:
            if exchange.error is not None:
                raise exchange.error
            listed = http.records_of(self.operation, exchange.response.body)
            with self.cr.savepoint():
                newest = self._store_records(listed, now, embedded_plans)
            following = self._turn_page(exchange.response, listed, newest)
        except Exception as error:
            if failures.is_concurrency(error):
                raise
            # Whatever it is, it is told on the run: it must not stop the other flows of this connection.
            self._failed(failures.from_exception(self.plan.model.env, self.plan.model_name, error), now)
            return False
        if following is None:
            self._move_watermark(now)
            return False
        self.state = following
        return True

    def _store_records(self, listed: list, now: datetime, embedded_plans) -> datetime | None:
        """Store the records of a page; return the time of the newest change among them."""
        stored = inbox.store(
            self.cr, self.plan, http.split(self.operation, listed), now=now, run_id=self.run_id,
            embedded_plans=embedded_plans)
        journal.add_to_run(
            self.cr, self.run_id, page_count=1, read_count=stored.read, unchanged_count=stored.unchanged,
            excluded_count=stored.excluded)
        return stored.newest

    def _turn_page(self, response, listed: list, newest: datetime | None) -> dict | None:
        """Note on the run where the next page begins; None after the last one."""
        following = paging.advance(
            self.spec, self.state, items=listed, body=response.body, headers=response.headers,
            page_fingerprint=fingerprint.content_hash(listed) if listed else "")
        self.cr.execute(
            "UPDATE integration_run SET paging_state = %s, since = %s, fetching = %s, attempts = 0, next_try_at = NULL, "
            "error_class = NULL, message = NULL, newest_seen = GREATEST(newest_seen, %s) WHERE id = %s",
            [json.dumps(following) if following else None, self.since, following is not None, newest, self.run_id])
        return following

    def _move_watermark(self, now: datetime) -> None:
        """Everything of this run is stored, so the next one may begin after it.

        By the newest change seen where the API tells it, else by the time this run began: never by the clock at the
        end, which would skip what changed while the pages were read. A time in the future is somebody's slip: it
        would skip everything until then.
        """
        self.cr.execute(
            "UPDATE integration_flow flow "
            "SET watermark = GREATEST(flow.watermark, LEAST(COALESCE(run.newest_seen, %s), %s)) "
            "FROM integration_run run WHERE run.id = %s AND flow.id = run.flow_id",
            [None if self.plan.resource.updated_at_path else self.started_at, now, self.run_id])

    def _failed(self, error: SyncError, now: datetime) -> None:
        message, hint = messages.explain(self.env, error)
        self.cr.execute("SELECT COALESCE(attempts, 0) FROM integration_run WHERE id = %s", [self.run_id])
        attempts = self.cr.fetchone()[0] + 1
        wait = None
        if error.error_class == "authentication":
            wait = 60.0
        elif error.info.retried:
            wait = error.retry_after or retry.delay(PAGE_POLICY, attempts, 0.5)
        if wait is None:
            self.cr.execute(
                "UPDATE integration_run SET state = 'failed', fetching = false, ended_at = %s, error_class = %s, "
                "message = %s WHERE id = %s", [now, error.error_class, f"{message} {hint}", self.run_id])
        else:
            self.cr.execute(
                "UPDATE integration_run SET attempts = %s, next_try_at = %s, error_class = %s, message = %s WHERE id = %s",
                [attempts, now + timedelta(seconds=wait), error.error_class, f"{message} {hint}", self.run_id])

