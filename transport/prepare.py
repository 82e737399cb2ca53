"""From a Request to the exact bytes that will leave: the Draft, which authentication then signs."""

import gzip
import re
from dataclasses import dataclass, field
from urllib.parse import unquote_plus, urlsplit

from ..core import paths
from ..core.errors import SyncError
from . import formats, urls
from .config import ConnectionConfig, has_control_characters
from .request import SAFE_METHODS, Request

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_FRAMING = frozenset(("host", "content-length", "transfer-encoding", "connection", "accept-encoding"))


@dataclass(slots=True)
class Draft:
    """A call ready to be signed and sent. `_auth_*` functions change headers, query and secret_query."""

    method: str
    address: str
    """Absolute URL, maybe with a query of its own (next-page links)."""
    query: list[tuple[str, str]] = field(default_factory=list)
    headers: dict[str, str | bytes] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    """As it goes over the wire, maybe packed."""
    plain_body: bytes | None = field(default=None, repr=False)
    secret_query: list[tuple[str, str]] = field(default_factory=list, repr=False)
    """Credentials in the query: only on the wire, in no URL that a library could log or quote."""
    repeatable: bool = False
    """May be sent again without asking when a pooled connection turns out dead."""
    doubtful: bool = False
    """A lost answer leaves open whether it was carried out."""
    sent: bool = False
    """Set by the wire as soon as anything of it has left."""
    seconds: float = 0.0
    """Time on the wire so far."""

    @property
    def plain_url(self) -> str:
        """The URL without credentials."""
        return _with_query(self.address, urls.encode_query(self.query))

    @property
    def display_url(self) -> str:
        """The URL for a log: it shows that there was a credential, and not which."""
        return _with_query(self.plain_url, "&".join(f"{name}=***" for name, _value in self.secret_query))

    @property
    def target(self) -> str:
        """Path and query as they go over the wire."""
        parts = urlsplit(_with_query(self.plain_url, urls.encode_query(self.secret_query)))
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def set_secret_query(self, name: str, value: str) -> None:
        """Put a credential into the query, instead of one of that name (which a next-page link may carry)."""
        address, _, own = self.address.partition("?")
        kept = "&".join(pair for pair in own.split("&") if unquote_plus(pair.partition("=")[0]) != name)
        self.address = _with_query(address, kept)
        self.query = [pair for pair in self.query if pair[0] != name]
        self.secret_query = [(name, value)]


def _with_query(url: str, query: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{query}" if query else url


def prepare(config: ConnectionConfig, request: Request) -> Draft:
    """The draft of `request`, without credentials. What is wrong with a request shows here, before sending.

    :raises SyncError: validation/foreign_origin; mapping/bad_url, bad_method, bad_header, unknown_format,
        bad_path (of the success rule), not_json_value
    """
    if request.success_path:
        paths.compile_path(request.success_path)
    method = request.method.upper()
    if not method.isalpha():
        raise SyncError("mapping", "bad_method", params={"method": request.method[:40]})
    headers: dict[str, str | bytes] = {} if config.over_sftp else {
        "User-Agent": config.user_agent,
        "Accept": formats.accept(request.format),
        "Accept-Encoding": "gzip",
    }
    body = plain_body = None
    if request.body is not None:
        plain_body, headers["Content-Type"] = formats.encode(request.format, request.body, request.format_options)
        body = plain_body
        if request.compress:
            # Without a time: a repeat under the same idempotency key is the same to the byte.
            body, headers["Content-Encoding"] = gzip.compress(plain_body, mtime=0), "gzip"
    for name, value in config.extra_headers:
        set_header(headers, name, value)
    for name, value in request.headers.items():
        set_header(headers, name, value)
    if request.correlation_id and not config.over_sftp:
        set_header(headers, "X-Correlation-ID", request.correlation_id)
    if request.idempotency_key and request.idempotency_header:
        set_header(headers, request.idempotency_header, request.idempotency_key)
    if body is not None:
        headers["Content-Length"] = str(len(body))
    elif method not in SAFE_METHODS:
        headers["Content-Length"] = "0"
    return Draft(
        method,
        urls.join(config.base_url, request.path),
        urls.query_pairs(request.query) if request.query else [],
        headers,
        body,
        plain_body,
        repeatable=request.idempotent or method in SAFE_METHODS,
        doubtful=request.doubtful,
    )


def set_header(headers: dict[str, str | bytes], name: str, value: object) -> None:
    """Set one header, replacing one of the same name in other letters.

    >>> headers = {"accept": "*/*"}
    >>> set_header(headers, "Accept", "text/csv"); headers
    {'Accept': 'text/csv'}
    >>> set_header(headers, "X-Note", "a\\r\\nX-Admin: 1")
    Traceback (most recent call last):
    ...
    integration_flow.core.errors.SyncError: bad_header (name=X-Note, reason=control characters)
    """
    text = str(value)
    lower = name.lower()
    if not _TOKEN.fullmatch(name) or lower in _FRAMING:
        raise SyncError("mapping", "bad_header", params={"name": name[:80], "reason": "name"})
    if has_control_characters(text):
        raise SyncError("mapping", "bad_header", params={"name": name, "reason": "control characters"})
    for known in [known for known in headers if known.lower() == lower]:
        del headers[known]
    headers[name] = text if text.isascii() else text.encode("utf-8")
