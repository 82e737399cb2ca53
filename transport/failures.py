"""What a library's exception means to us: which step failed, and whether a write is in doubt."""

import http.client
import socket
import ssl
import zlib
from collections.abc import Iterator

import requests
from urllib3 import exceptions as urllib3_errors

from ..core.errors import SyncError
from . import urls
from .body import CutShort
from .config import ConnectionConfig
from .deadline import Trace
from .prepare import Draft

_TLS_ERRORS = (ssl.SSLError, ssl.CertificateError, urllib3_errors.SSLError)


def failure(caught: Exception, trace: Trace, draft: Draft, config: ConnectionConfig) -> SyncError:
    """The SyncError for an exception of the wire. `outcome_unknown` where a repeat might do the thing twice.

    Codes: unknown_host, cannot_connect, tls_failed (nothing was sent); no_answer, answer_too_slow,
    answer_cut, answer_malformed (it was); body_too_large and unknown_encoding pass through.
    """
    error = caught if isinstance(caught, SyncError) else _translate(caught, trace, draft, config)
    error.outcome_unknown = draft.doubtful and trace.sent
    return error


def _translate(caught: Exception, trace: Trace, draft: Draft, config: ConnectionConfig) -> SyncError:
    host = urls.host_of(draft.address)
    if trace.expired:
        return SyncError("timeout", "answer_too_slow", params={"seconds": config.timeout_total})
    if not trace.sent:
        return _not_connected(caught, host)
    chain = list(_chain(caught))
    if any(_is_timeout(link) for link in chain):
        return SyncError("timeout", "no_answer", params={"seconds": config.timeout_read})
    error_class = "timeout" if draft.doubtful else "connection"
    malformed = next((link for link in chain if _is_malformed(link)), None)
    if malformed is not None:
        return SyncError(
            error_class, "answer_malformed", params={"host": host, "reason": type(malformed).__name__}
        )
    if isinstance(caught, CutShort) or any(
        isinstance(link, (OSError, urllib3_errors.HTTPError)) for link in chain
    ):
        return SyncError(error_class, "answer_cut", params={"host": host}, detail=_reason(chain))
    raise caught


def _is_timeout(link: BaseException) -> bool:
    """urllib3 counts every refused connection as a timeout; that one says more by its cause."""
    known = (requests.Timeout, urllib3_errors.TimeoutError, TimeoutError)
    return isinstance(link, known) and not isinstance(link, urllib3_errors.NewConnectionError)


def _is_malformed(link: BaseException) -> bool:
    """Not HTTP, or not gzip. (A closed connection is a BadStatusLine too for http.client.)"""
    if isinstance(link, (http.client.RemoteDisconnected, http.client.IncompleteRead)):
        return False
    return isinstance(link, (http.client.HTTPException, zlib.error))


def _not_connected(caught: Exception, host: str) -> SyncError:
    chain = list(_chain(caught))
    if any(isinstance(link, (socket.gaierror, UnicodeError)) for link in chain):
        return SyncError("connection", "unknown_host", params={"host": host})
    tls = next((link for link in reversed(chain) if isinstance(link, _TLS_ERRORS)), None)
    if tls is not None:
        return SyncError("connection", "tls_failed", params={"host": host, "reason": tls_reason(tls)})
    if any(_is_timeout(link) for link in chain):
        return SyncError("connection", "cannot_connect", params={"host": host, "reason": "timeout"})
    if "CA certificate bundle" in str(caught):
        return SyncError("connection", "tls_failed", params={"host": host, "reason": "ca_bundle not found"})
    if any(isinstance(link, (OSError, urllib3_errors.HTTPError)) for link in chain):
        return SyncError("connection", "cannot_connect", params={"host": host, "reason": _reason(chain)})
    raise caught


def tls_reason(error: BaseException) -> str:
    """What is wrong with the certificate or handshake, in OpenSSL's words."""
    reason = getattr(error, "verify_message", "") or getattr(error, "reason", "") or str(error)
    return str(reason)[:200]


def _chain(caught: BaseException | None) -> Iterator[BaseException]:
    """The exception and all that stand behind it: as cause, context, argument or `reason`."""
    seen: set[int] = set()
    waiting = [caught]
    while waiting:
        link = waiting.pop(0)
        if not isinstance(link, BaseException) or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        waiting += [*link.args, getattr(link, "reason", None), link.__cause__, link.__context__]


def _reason(chain: list[BaseException]) -> str:
    """The operating system's word for it; names of classes where it has none."""
    words = [link.strerror for link in chain if isinstance(link, OSError) and link.strerror]
    return words[-1].lower() if words else type(chain[-1]).__name__
