"""Many calls at once: a few worker threads, a lazily read source, results in the order in which they end."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

from ..core.errors import SyncError
from .masking import Secrets
from .request import Exchange, Request

AHEAD = 2
"""Requests read and results kept, in multiples of the parallel calls: what bounds the memory."""
HALTING = frozenset(("cannot_connect", "unknown_host", "tls_failed", "token_unavailable"))
"""Connection errors that every further call would meet. (One bad record can cause a cut answer.)"""


@dataclass(slots=True)
class Run:
    """What the threads of one stream share."""

    secrets: Secrets
    results: SimpleQueue = field(default_factory=SimpleQueue)
    """Exchanges; new tokens (dicts) on their way to the caller's thread."""
    cause: tuple[str, str] | None = None
    """Error class and code of what ended the sending."""

    @property
    def halted(self) -> bool:
        return self.cause is not None

    def halt(self, error_class: str, code: str) -> None:
        if self.cause is None:
            self.cause = (error_class, code)

    def not_sent(self, request: Request) -> Exchange:
        error_class, code = self.cause or ("concurrency", "stopped")
        error = SyncError(error_class, "not_sent", params={"reason": code})
        return Exchange(request, error=error, secrets=self.secrets)


def stream(
    send: Callable[[Request, Run], Exchange],
    requests: Iterable[Request],
    parallel: int,
    stop: Callable[[Exchange], bool] | None,
    run: Run,
    worker: threading.local,
    save_token: Callable[[dict[str, Any]], None],
) -> Iterator[Exchange]:
    """See `Client.send_many`. What `requests` raises is raised again after the running calls."""

    def work(request: Request) -> None:
        worker.run = run
        if run.halted:
            run.results.put(run.not_sent(request))
            return
        exchange = send(request, run)
        if ends_all(exchange.error):
            run.halt(exchange.error.error_class, exchange.error.code)
        run.results.put(exchange)

    source: Iterator[Request] | None = iter(requests)
    failed: BaseException | None = None
    waiting = 0
    executor = ThreadPoolExecutor(parallel, thread_name_prefix="integration-call")
    try:
        while source is not None or waiting:
            while source is not None and waiting < parallel * AHEAD:
                try:
                    request = next(source)
                except StopIteration:
                    source = None
                except BaseException as error:
                    source, failed = None, error
                else:
                    executor.submit(work, request)
                    waiting += 1
            if not waiting:
                break
            result = run.results.get()
            if isinstance(result, dict):
                save_token(result)
                continue
            waiting -= 1
            if stop is not None and not run.halted and stop(result):
                run.halt("concurrency", "stopped")
            yield result
        if failed is not None:
            raise failed
    finally:
        run.halt("concurrency", "stopped")
        executor.shutdown(wait=True, cancel_futures=True)


def ends_all(error: SyncError | None) -> bool:
    """True if every further call of this connection would fail in the same way.

    >>> ends_all(SyncError("connection", "unknown_host")), ends_all(SyncError("connection", "answer_cut"))
    (True, False)
    >>> ends_all(SyncError("authentication", "credentials_refused")), ends_all(None)
    (True, False)
    """
    if error is None:
        return False
    return error.error_class == "authentication" or error.code in HALTING
