"""Bytes out, bytes in: one pooled session, every wait limited, every failure a SyncError.

The connection classes below know what a library's exception does not tell: whether a pooled connection was
used again, and whether anything has left. That decides if a call may be repeated and if a write is in doubt.
"""

import http.client
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

import requests
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from .body import read_body
from .config import ConnectionConfig
from .deadline import Deadlines, Trace
from .failures import failure
from .guard import Guarded
from .prepare import Draft

IDLE_LIMIT = 2.0
"""Seconds after which a pooled connection is not trusted with a call that must not be repeated."""

_current = threading.local()  # .trace: the call that this thread makes now


@dataclass(slots=True)
class Answer:
    """What came back, before anyone understood it."""

    status: int
    headers: Mapping[str, str]
    raw: bytes
    seconds: float


class _LastLine:
    """Stands before an answer's stream while its header is read, and remembers the last line."""

    def __init__(self, stream):
        self._stream = stream
        self.line = b""

    def readline(self, limit=-1):
        self.line = self._stream.readline(limit)
        return self.line

    def __getattr__(self, name):
        return getattr(self._stream, name)


class _WholeHeader(http.client.HTTPResponse):
    """http.client takes the end of the stream for the end of the header: an answer that was cut there would
    pass for an empty one, and a lost write for a done one. Here the blank line must have come."""

    def begin(self):
        stream = self.fp
        self.fp = lines = _LastLine(stream)
        super().begin()
        if self.fp is lines:
            self.fp = stream
        if lines.line not in (b"\r\n", b"\n"):
            raise http.client.IncompleteRead(b"")


class _Traced:
    """Mixed into urllib3's connections: writes into the thread's Trace what happens to this call."""

    response_class = _WholeHeader
    calls = 0
    last_used = 0.0

    def connect(self):
        super().connect()
        self.calls = 0

    def request(self, method, url, *args, **kwargs):
        """Decide whether this connection may be used once more, before urllib3 prepares anything on it."""
        trace: Trace = _current.trace
        if self.sock is not None and self.calls:
            idle = time.monotonic() - self.last_used
            if trace.fresh or (idle > IDLE_LIMIT and not trace.repeatable):
                self.close()
        if self.sock is None:
            self.connect()
        trace.reused = self.calls > 0
        trace.attach(self.sock)
        self.calls += 1
        # The real target: credentials in the query never pass through a library that logs or quotes its URL.
        return super().request(method, trace.target, *args, **kwargs)

    def putrequest(self, *args, **kwargs):
        self.sock.settimeout(
            _current.trace.timeout_read
        )  # else a big body would be held to the connect timeout
        return super().putrequest(*args, **kwargs)

    def getresponse(self, *args, **kwargs):
        answer = super().getresponse(*args, **kwargs)
        self.last_used = time.monotonic()
        return answer

    def send(self, data):
        trace: Trace = _current.trace
        try:
            super().send(data)
        except (BrokenPipeError, ConnectionResetError):
            raise  # the first piece (the header) was refused whole, or trace.sent is true already
        except BaseException:
            trace.sent = True
            raise
        trace.sent = True


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = type("TracedHTTP", (_Traced, HTTPConnectionPool.ConnectionCls), {})


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = type("TracedHTTPS", (_Traced, HTTPSConnectionPool.ConnectionCls), {})


class _GuardedHTTPPool(HTTPConnectionPool):
    ConnectionCls = type("GuardedHTTP", (Guarded, _HTTPPool.ConnectionCls), {})


class _GuardedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = type("GuardedHTTPS", (Guarded, _HTTPSPool.ConnectionCls), {})


class _Adapter(HTTPAdapter):
    """requests' adapter with traced connections; it hands back urllib3's answer, which costs less."""

    pools = {"http": _HTTPPool, "https": _HTTPSPool}

    def init_poolmanager(self, *args, **kwargs):
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self.pools

    def build_response(self, req, resp):
        return resp


class _GuardedAdapter(_Adapter):
    pools = {"http": _GuardedHTTPPool, "https": _GuardedHTTPSPool}


class Wire:
    """The open connections of one client. Thread-safe."""

    def __init__(self, config: ConnectionConfig) -> None:
        self._config = config
        self._session = requests.Session()
        self._session.trust_env = False
        self._adapter = (_GuardedAdapter if config.public_only else _Adapter)(
            pool_connections=4, pool_maxsize=max(config.parallel_calls, 1), max_retries=0
        )
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, self._adapter)
        self._verify = (config.ca_bundle or True) if config.verify_tls else False
        self._deadlines = Deadlines()

    def close(self) -> None:
        """Close all connections."""
        self._session.close()
        self._deadlines.close()

    def call(self, draft: Draft) -> Answer:
        """Send one call and read its answer whole.

        A pooled connection that the server had closed meanwhile is replaced and the call repeated once,
        without a word: always for repeatable calls; for others only if not one byte was accepted for sending.

        :raises SyncError: see failures.py and body.py; `outcome_unknown` tells whether a write is in doubt
        """
        trace = self._trace(draft)
        try:
            return self._once(draft, trace)
        except Exception as caught:
            stale = trace.reused and not trace.answered and not trace.expired and not _is_timeout(caught)
            if not (stale and (draft.repeatable or not trace.sent)):
                raise failure(caught, trace, draft, self._config) from None
        trace = self._trace(draft)
        trace.fresh = True
        try:
            return self._once(draft, trace)
        except Exception as caught:
            raise failure(caught, trace, draft, self._config) from None

    def _trace(self, draft: Draft) -> Trace:
        config = self._config
        deadline = time.monotonic() + config.timeout_total
        return Trace(draft.target, draft.repeatable, config.timeout_read, deadline)

    def _once(self, draft: Draft, trace: Trace) -> Answer:
        config = self._config
        prepared = requests.PreparedRequest()
        prepared.method, prepared.url = draft.method, draft.plain_url
        prepared.headers, prepared.body = draft.headers, draft.body
        started = time.perf_counter()
        _current.trace = trace
        self._deadlines.add(trace)
        try:
            answer = self._adapter.send(
                prepared,
                stream=True,
                timeout=(config.timeout_connect, config.timeout_read),
                verify=self._verify,
                proxies=None,
            )
            trace.answered = True
            try:
                raw = read_body(answer, draft.method, config.max_response_bytes)
            except BaseException as caught:
                answer.close()  # never back into the pool half-read
                if not (config.status_only and isinstance(caught, Exception)):
                    raise
                raw = b""
            return Answer(answer.status, answer.headers, raw, time.perf_counter() - started)
        finally:
            self._deadlines.remove(trace)
            draft.sent = draft.sent or trace.sent
            draft.seconds += time.perf_counter() - started


def _is_timeout(caught: Exception) -> bool:
    return isinstance(caught, (requests.Timeout, TimeoutError))
