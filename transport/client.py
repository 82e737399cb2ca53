"""The client of one external system: sends calls one by one or in parallel, and tells what came of each."""

import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin

from requests.structures import CaseInsensitiveDict

from ..core import graphql
from ..core.errors import SyncError
from . import auth, urls, verdict
from .config import ConnectionConfig
from .masking import Secrets
from .oauth import SharedToken, TokenKeeper
from .prepare import Draft, prepare
from .probe import probe
from .request import SAFE_METHODS, Exchange, Request, Response
from .sftp import SftpWire
from .stream import Run, stream
from .throttle import SharedRate, Throttle
from .wire import Answer, Wire

_logger = logging.getLogger(__name__)

MAX_REDIRECTS = 3
MOST_RENEWALS = 2
"""Of a refused token within one call: the one that another worker got meanwhile, then one of our own."""
REDIRECTS = frozenset((301, 302, 303, 307, 308))
DEFAULT_PAUSE = 5.0
"""Seconds of silence after a 429 that does not say how long."""


class Client:
    """Calls one external system within its limits. Thread-safe; close it, or use it as a context manager.

    :param on_token: gets every new OAuth 2 token (a JSON-able dict, to be stored and passed as
        `config.oauth_token` next time). It is called in the thread that called `send` or that iterates
        `send_many`, never in a worker thread; what it raises is logged and does not stop the call.
    :param shared_rate: where all workers of this connection count their calls together; None = alone
    :param shared_token: where all workers of this connection keep their token; None = alone, see `on_token`.
        Tokens that were kept there are not handed to `on_token`.
    :param clock: monotonic seconds; `sleep` waits for them; `now` is the time of day as a timestamp.

    Retries are the engine's. Only these three happen here, in silence: a stale pooled connection (wire.py),
    the renewal of a refused OAuth 2 token, redirects within the origin for reads.
    """

    def __init__(
        self,
        config: ConnectionConfig,
        *,
        on_token: Callable[[dict[str, Any]], None] | None = None,
        shared_rate: SharedRate | None = None,
        shared_token: SharedToken | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.config = config
        self._on_token = on_token
        self._now = now
        self._secrets = Secrets(config)
        self._wire = SftpWire(config) if config.over_sftp else Wire(config)
        self._throttle = Throttle(
            config.rate_calls,
            config.rate_period,
            patience=config.patience,
            clock=clock,
            sleep=sleep,
            shared=shared_rate,
        )
        self._slots = threading.BoundedSemaphore(max(config.parallel_calls, 1))
        self._worker = threading.local()  # .run: the stream that this thread works for
        self._tokens: TokenKeeper | None = None
        if config.auth_type == "oauth2_client":
            self._tokens = TokenKeeper(
                config, self._wire, self._secrets, self._hand_over, now, shared=shared_token
            )
        self._checked = False

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections. Calls that run meanwhile end with an error."""
        self._wire.close()
        self._throttle.close()

    def send(self, request: Request) -> Exchange:
        """Make one call. Whatever goes wrong is in `Exchange.error`; nothing is raised."""
        return self._send(request, None)

    def send_many(
        self, requests: Iterable[Request], stop: Callable[[Exchange], bool] | None = None
    ) -> Iterator[Exchange]:
        """Make many calls, `parallel_calls` at a time; yield one exchange for each request, as they end.

        `requests` is read lazily and in the caller's thread (it may use a database cursor), at most twice
        `parallel_calls` ahead. When one call shows that the system cannot be reached or does not accept us,
        or when `stop(exchange)` is true, nothing more is sent; what remains is yielded with code 'not_sent'
        and the class of the cause (`concurrency` for `stop`). Leave the iteration by `stop` rather than by
        `break`: a break waits for the running calls, and their results are lost.
        """
        run = Run(self._secrets)
        parallel = max(self.config.parallel_calls, 1)
        return stream(self._send, requests, parallel, stop, run, self._worker, self._save_token)

    def probe(self, path: str = "", document: str = "") -> list[dict[str, Any]]:
        """Test the connection step by step with a GET of `path`, or with a GraphQL document sent there: see probe.py."""
        return probe(self, path, document)

    def _send(self, request: Request, run: Run | None) -> Exchange:
        exchange = Exchange(
            request, started_at=datetime.fromtimestamp(self._now(), UTC),
            secrets=self._secrets.including(request.secrets),
        )
        try:
            if not self._checked:
                self.config.check()
                self._checked = True
            with self._slots:
                exchange.error = self._perform(exchange, (lambda: run.halted) if run else bool)
        except SyncError as error:
            exchange.error = error
        except Exception as error:  # a slip of ours must not take the other records with it
            params = {"type": type(error).__name__}
            exchange.error = SyncError("internal", "unexpected", params=params, detail=traceback.format_exc())
        draft = exchange.draft
        exchange.sent = draft is not None and draft.sent
        if exchange.error is not None:
            if exchange.error.code == "unexpected" and exchange.sent:
                exchange.error.outcome_unknown = request.doubtful
            exchange.secrets.clean(exchange.error)
        return exchange

    def _perform(self, exchange: Exchange, cancelled: Callable[[], bool]) -> SyncError | None:
        """Call, and call again with a new token if the first one was refused."""
        error, token = self._attempt(exchange, cancelled)
        tokens = self._tokens
        if tokens is None:
            return error
        for _renewal in range(MOST_RENEWALS):
            if error is None or error.error_class != "authentication" or exchange.response is None:
                break
            if not tokens.renew_refused(token, exchange.response.status):
                break
            error, token = self._attempt(exchange, cancelled)
        if error is None or error.error_class == "validation":
            tokens.accepted(token)
        return error

    def _attempt(self, exchange: Exchange, cancelled: Callable[[], bool]) -> tuple[SyncError | None, str]:
        request, config = exchange.request, self.config
        exchange.draft = draft = prepare(config, request)
        exchange.response = None
        try:
            token = self._sign(draft)
            answer = self._call(draft, cancelled)
        finally:
            exchange.duration_ms += round(draft.seconds * 1000)
        body, error = verdict.decode(
            request, answer.status, answer.headers, answer.raw, config.max_response_bytes
        )
        exchange.response = Response(
            answer.status, answer.headers, body, answer.raw, draft.plain_url, round(answer.seconds * 1000)
        )
        if error is None:
            error = verdict.judge(request, exchange.response, datetime.fromtimestamp(self._now(), UTC))
            if error is not None:
                self._tell_again(error, exchange)
        self._heed(error, answer.status)
        if error is None and request.format == "graphql":
            self._leave_room(body)
        return error, token

    def _tell_again(self, error: SyncError, exchange: Exchange) -> None:
        """Read the words of a refusal once more from an answer without secrets: what is taken out of it is shortened and
        freed of tags, and a secret could not be recognised in it afterwards."""
        response = exchange.response
        shown = replace(
            response, body=exchange.secrets.clean_any(response.body),
            headers=CaseInsensitiveDict({
                name: exchange.secrets.scrub(str(value)) for name, value in response.headers.items()}))
        again = verdict.judge(exchange.request, shown, datetime.fromtimestamp(self._now(), UTC))
        if again is not None and again.code == error.code:
            error.params, error.detail = again.params, again.detail

    def _sign(self, draft: Draft) -> str:
        """Put the credentials in; return the access token, if any (getting one is time of the call)."""
        if self.config.over_sftp:
            return ""  # who logs in is told when a session is opened
        if self._tokens is None:
            auth.sign(self.config, draft)
            return ""
        started = time.perf_counter()
        try:
            return self._tokens.sign(draft)
        finally:
            draft.seconds += time.perf_counter() - started

    def _heed(self, error: SyncError | None, status: int) -> None:
        """Make all threads wait when the system asks for it."""
        if error is None:
            return
        if error.error_class == "rate_limit":
            self._throttle.pause(DEFAULT_PAUSE if error.retry_after is None else error.retry_after)
        elif status == 503 and error.retry_after:
            self._throttle.pause(error.retry_after)

    def _leave_room(self, body: Any) -> None:
        """Where calls have a cost: make all threads wait until there is room for another one like this."""
        wait = graphql.throttled_for(body)
        if wait:
            self._throttle.pause(wait)

    def _call(self, draft: Draft, cancelled: Callable[[], bool]) -> Answer:
        """The answer behind at most MAX_REDIRECTS redirects."""
        for _hop in range(MAX_REDIRECTS + 1):
            self._throttle.acquire(cancelled)
            answer = self._wire.call(draft)
            location = answer.headers.get("Location")
            if answer.status not in REDIRECTS or not location or self.config.status_only:
                return answer
            self._follow(draft, answer.status, location)
        raise SyncError("validation", "too_many_redirects", params={"limit": MAX_REDIRECTS})

    def _follow(self, draft: Draft, status: int, location: str) -> None:
        """Point `draft` to `location`, if it is a read and stays within the origin."""
        host, foreign = "", True
        try:
            url = urljoin(draft.address, location)
            host, foreign = urls.host_of(url), urls.origin(url) != urls.origin(draft.address)
        except ValueError:
            pass  # an address that nobody can read is another one
        error = None
        if foreign:
            error = SyncError("validation", "redirected_elsewhere", params={"host": host})
        elif draft.method not in SAFE_METHODS:
            error = SyncError(
                "validation", "redirect_of_write", params={"method": draft.method, "url": url[:200]}
            )
        if error is not None:
            error.outcome_unknown = draft.doubtful and status in (302, 303)  # "done, look there"
            raise error
        draft.address = urls.join(self.config.base_url, url)
        draft.query = []
        for name, value in draft.secret_query:
            draft.set_secret_query(name, value)

    def _hand_over(self, token: dict[str, Any]) -> None:
        run: Run | None = getattr(self._worker, "run", None)
        if run is not None:
            run.results.put(token)  # to the thread that iterates: callers' cursors belong to their thread
        else:
            self._save_token(token)

    def _save_token(self, token: dict[str, Any]) -> None:
        if self._on_token is not None:
            try:
                self._on_token(token)
            except Exception as error:  # its text is not ours to log: it may quote the token
                _logger.warning("a new access token could not be kept: %s", type(error).__name__)
