"""Reading lists from outside, page by page. The call happens between transactions; a page is stored and committed
before the run moves on, so that an interrupted run continues with the next page."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from ..core import paging, retry
from ..core.classify import extract_message
from ..core.errors import SyncError
from ..core.moments import parse_http_date
from . import failures, full_scan, http, inbox, issues, journal, listed_parts, messages, nested
from .plan import FlowPlan

# Connection failures while reading are tried again with growing pauses; then the run gives up until its next time.
PAGE_POLICY = retry.RetryPolicy(first_seconds=5, coefficient=3.0, maximum_seconds=900, attempts=6, jitter=0.2)


NO_CONTENT = 204
# An answer without the list but with one of these tells an error, whatever its status says.
ERROR_KEYS = frozenset(("error", "errors", "message", "fault", "detail"))
# A list that changes all the time is read so often; the rest is left to the overlap of the next run.
MOST_LOOKS = 3


@dataclass(slots=True)
class Look:
    """Where a run is in its list. Kept with the run as JSON, so that another worker goes on there."""

    page: dict
    number: int = 1
    sorted_by_time: bool = True  # so far, each record was changed after the one before
    newest: str = ""  # the latest change on the pages of this look
    newest_before: str = ""  # and of the looks before
    began: str = ""  # when the other system read its first page, by its own clock


class Fetcher:
    """Fetches the pages of one open run."""

    def __init__(self, env, plan: FlowPlan, run_id: int):
        self.env = env
        self.cr = env.cr
        self.plan = plan
        self.run_id = run_id
        self.operation = plan.operation("list")
        self.queued = 0  # records of the last page that wait for work
        self.rest = []  # exchanges that have read long lists of the last page's records to their end
        self.parts = None  # of what the last page lists, where they were read apart
        self.cr.execute(
            'SELECT paging_state, since, "full", started_at FROM integration_run WHERE id = %s', [run_id])
        state, self.since, self.full, self.started_at = self.cr.fetchone()
        if self.operation is None or self.operation.paging_style == "files":
            return
        self.spec = http.paging_spec(self.operation)
        self.look = Look(**json.loads(state)) if state else Look(paging.start(self.spec))
        if not state and not self.full and self.operation.incremental_param and plan.flow.watermark:
            self.since = plan.flow.watermark - timedelta(seconds=plan.flow.overlap_seconds)
        self.query = json.loads(plan.flow.list_query) if plan.flow.list_query else {}

    def request(self, now: datetime):
        """The request for the next page; None when there can be none, and the run then says why."""
        try:
            if self.operation is None:
                raise SyncError("mapping", "no_operation", params={
                    "kind": "list", "resource": self.plan.resource.name})
            return self._request(self.look.page)
        except SyncError as error:
            self._failed(error, now)
            return None

    def request_after(self, exchange):
        """The request for the page after this answer; None when there is none, or when it cannot be told yet. Needs no
        database."""
        try:
            if exchange.error is not None:
                return None
            response = exchange.response
            state = paging.advance(
                self.spec, self.look.page, items=http.records_of(self.operation, response.body), body=response.body,
                headers=response.headers)
            return self._request(state) if state else None
        except SyncError:
            return None  # storing the page says what is wrong with it

    def read_parts(self, client, exchange) -> list:
        """Read what belongs to the records of this page and does not stand on it: parts at addresses of their own, the rest
        of long lists. Returns what was called."""
        self.rest = nested.complete(client, self.plan, self.operation, [exchange])
        self.parts = listed_parts.fetch(client, self.operation, exchange)
        return [*self.rest, *(self.parts.exchanges if self.parts else ())]

    def records_in(self, listed: list) -> list:
        """The records of a page: what is listed, or its parts.

        :raises SyncError: when not all parts could be read
        """
        if self.parts is None:
            return http.split(self.operation, listed)
        if self.parts.error is not None:
            raise self.parts.error
        return self.parts.records

    def _request(self, state: dict):
        url = paging.next_url(state)
        params = {**http.since_params(self.operation, self.since, self.query), **paging.query(self.spec, state)}
        request = http.build_request(
            self.operation, params={} if url else params, extra_query={} if url else self.query)
        if url:
            request = replace(request, path=url, query={})
        return request

    def store(self, exchange, now: datetime, embedded_plans) -> bool:
        """Store what came back. Returns True when there may be another page. The caller commits."""
        exchanges = [exchange, *self.rest, *(self.parts.exchanges if self.parts else ())]
        journal.add_to_run(self.cr, self.run_id, call_count=len(exchanges))
        following = None
        try:
            following = self._store(exchange, now, embedded_plans)
        except Exception as error:
            if failures.is_concurrency(error):
                raise
            # Whatever it is, it is told on the run: it must not stop the other flows of this connection.
            known = failures.from_exception(self.plan.model.env, self.plan.model_name, error)
            exchange.error = exchange.error or known  # so that the answer is kept and can be looked at
            self._failed(known, now)
        else:
            issues.note_run_ok(self.cr, self.plan.id, now)
            if following is None:
                self._move_watermark(now)
        journal.insert_exchanges(
            self.cr, self.plan, self.run_id, exchanges,
            lambda error: messages.explain(self.env, error)[0])
        self.look = following or self.look
        return following is not None

    def _store(self, exchange, now: datetime, embedded_plans) -> "Look | None":
        if exchange.error is not None:
            raise exchange.error
        response = exchange.response
        if response.body is None and response.status != NO_CONTENT:
            raise SyncError("server", "empty_body")  # taken for an empty list it would end the run, and the rest be lost
        listed = self._listed(response.body)
        with self.cr.savepoint():
            stored = self._store_records(listed, now, embedded_plans, exchange.started_at.replace(tzinfo=None))
        if not self.look.page["pages"]:
            self.look = replace(self.look, began=_read_at(response))
        following = self._turn_page(response, listed, stored)
        if following is None and self.plan.scans:
            full_scan.finish(self.cr, self.env, self.plan, self.run_id, now)
        return following

    def _listed(self, body) -> list:
        """The records of a page; where there are none, the error that the answer tells instead."""
        try:
            return http.records_of(self.operation, body)
        except SyncError:
            message = ""
            if isinstance(body, dict) and ERROR_KEYS & body.keys():
                message = extract_message(body, (self.operation.error_paths or "").split(";"))
            if not message:
                raise
            raise SyncError("validation", "refused_in_answer", params={"message": message}) from None

    def _store_records(self, listed: list, now: datetime, embedded_plans, asked_at: datetime) -> inbox.Stored:
        """Store the records of a page, which was asked for at this moment."""
        stored = inbox.store(
            self.cr, self.plan, self.records_in(listed), now=now, run_id=self.run_id,
            embedded_plans=embedded_plans, present_since=asked_at if self.full else None)
        journal.add_to_run(
            self.cr, self.run_id, page_count=1, read_count=stored.read, unchanged_count=stored.unchanged,
            excluded_count=stored.excluded, older_count=stored.older)
        self.queued = stored.queued
        if self.plan.scans:
            full_scan.note_page(
                self.cr, self.plan, self.run_id, stored, whole=self.since is None,
                first=self.look.number == 1 and not self.look.page["pages"])
        return stored

    def _turn_page(self, response, listed: list, stored: inbox.Stored) -> "Look | None":
        """Note on the run where the next page begins; None after the last one."""
        page = paging.advance(
            self.spec, self.look.page, items=listed, body=response.body, headers=response.headers,
            page_fingerprint=stored.fingerprint)
        self.cr.execute(
            "UPDATE integration_run SET newest_seen = GREATEST(newest_seen, %s) WHERE id = %s RETURNING newest_seen",
            [stored.newest, self.run_id])
        newest = self.cr.fetchone()[0]
        sorted_by_time = self.look.sorted_by_time and stored.ascending and (
            stored.oldest is None or not self.look.newest or stored.oldest >= datetime.fromisoformat(self.look.newest))
        following = None
        if page is not None:
            following = replace(
                self.look, page=page, sorted_by_time=sorted_by_time,
                newest=(stored.newest.isoformat() if stored.newest else self.look.newest))
        elif sorted_by_time and self._has_moved(newest):
            following = Look(paging.start(self.spec), number=self.look.number + 1, newest_before=newest.isoformat())
        self.cr.execute(
            "UPDATE integration_run SET paging_state = %s, since = %s, fetching = %s, attempts = 0, next_try_at = NULL, "
            "error_class = NULL, message = NULL WHERE id = %s",
            [json.dumps(asdict(following)) if following else None, self.since, following is not None, self.run_id])
        return following

    def _has_moved(self, newest: datetime | None) -> bool:
        """Has a record perhaps moved while we read? In a list sorted by the time of change it then stands at the end, and
        another one slipped from the page we had not read to the one we had: only a second look finds that."""
        if newest is None or self.spec.style not in ("page", "offset") or self.look.page["pages"] == 0 \
                or self.look.number >= MOST_LOOKS:
            return False
        if self.look.newest_before:
            return newest > datetime.fromisoformat(self.look.newest_before)
        return newest >= self.started_at - timedelta(seconds=self.plan.settings.overlap_seconds)

    def _move_watermark(self, now: datetime) -> None:
        """Everything of this run is stored, so the next one may begin after it.

        By the newest change seen where the API tells it, else by the time this run began; and never later than the
        moment at which the first page was read: what changed on it while the others were read has not been seen, though
        later changes on the later pages have. A time in the future is somebody's slip, too: it would skip everything
        until then.
        """
        began = None if self.plan.resource.updated_at_path else self.started_at
        read_at = datetime.fromisoformat(self.look.began) if self.look.began else self.started_at
        self.cr.execute(
            "UPDATE integration_flow flow "
            "SET watermark = GREATEST(flow.watermark, LEAST(COALESCE(run.newest_seen, %s), %s, %s)) "
            "FROM integration_run run WHERE run.id = %s AND flow.id = run.flow_id "
            "AND COALESCE(run.newest_seen, %s) IS NOT NULL",  # LEAST would take now for the unknown
            [began, now, read_at, self.run_id, began])

    def _failed(self, error: SyncError, now: datetime) -> None:
        message, hint = messages.explain(self.env, error)
        self.cr.execute("SELECT COALESCE(attempts, 0) FROM integration_run WHERE id = %s", [self.run_id])
        attempts = self.cr.fetchone()[0]
        policy = self.plan.retry_policy
        if error.info.counts_attempt and policy.counted:
            attempts += 1
        wait = None
        if error.error_class == "authentication":
            wait = 60.0
        elif error.info.retried and error.error_class not in policy.not_retried:
            wait = retry.delay(PAGE_POLICY, min(max(attempts, 1), PAGE_POLICY.attempts - (not policy.counted)), 0.5)
            if wait is not None and error.retry_after is not None:
                wait = error.retry_after
        if error.error_class != "rate_limit":
            issues.note_run(self.cr, self.plan, error, message, hint, now, retried=wait is not None)
        if wait is None:
            self.cr.execute(
                "UPDATE integration_run SET state = 'failed', fetching = false, ended_at = %s, error_class = %s, "
                "message = %s WHERE id = %s", [now, error.error_class, f"{message} {hint}", self.run_id])
        else:
            self.cr.execute(
                "UPDATE integration_run SET attempts = %s, next_try_at = %s, error_class = %s, message = %s WHERE id = %s",
                [attempts, now + timedelta(seconds=wait), error.error_class, f"{message} {hint}", self.run_id])


def _read_at(response) -> str:
    """When the other system read what it answered, by its own clock and not too late; '' when it does not tell."""
    moment = parse_http_date(response.headers.get("Date"))
    return (moment - timedelta(milliseconds=response.elapsed_ms, seconds=1)).isoformat() if moment else ""
