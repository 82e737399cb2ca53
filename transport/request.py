"""One call as values: what is asked (Request), what came back (Response), and both as a record (Exchange)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..core.errors import SyncError
from ..core.redact import cap, redact_body, redact_headers, redact_url

if TYPE_CHECKING:
    from .masking import Secrets
    from .prepare import Draft

SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
REPEATABLE_METHODS = SAFE_METHODS | {"PUT", "DELETE"}  # RFC 9110, 9.2.2
_TEXTUAL = re.compile(r"json|text|xml|html|javascript|csv|form|yaml|graphql", re.IGNORECASE)
TEXT_LIMIT = 20_000
"""Characters of a body that an exchange keeps as text."""


@dataclass(slots=True)
class Request:
    """One call to make. Everything an operation needs, nothing about who calls."""

    method: str
    path: str
    """Relative to the connection's base_url, or an absolute URL of the same origin (next-page links)."""
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    format: str = "json"
    format_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """What the format needs to know: see `formats.OPTIONS`."""
    compress: bool = False
    """The body leaves packed (gzip)."""
    idempotent: bool = False
    """A repeat does no harm: the engine may retry it, and a lost answer is no doubt."""
    creating: bool = False
    idempotency_key: str = ""
    idempotency_header: str = ""
    """Name of the header that carries idempotency_key; blank = the system knows none."""
    correlation_id: str = ""
    success_path: str = ""
    """JMESPath on {status, headers, body}; falsy = the call failed although the status says otherwise.
    A rule that reads `status` decides alone (DELETE: 404 is fine); another one only narrows 2xx.
    Mind JMESPath's precedence: write `!(body.errors)`; `!body.errors` means `(!body).errors`: never true."""
    error_paths: tuple[str, ...] = ()
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Texts of this call that no log shows, wherever they stand."""
    key: Any = None
    """The caller's own tag, handed back on the exchange's request."""

    @property
    def reading(self) -> bool:
        """True if the call changes nothing at the other side."""
        return self.method.upper() in SAFE_METHODS

    @property
    def doubtful(self) -> bool:
        """True if a lost answer leaves it open whether a repeat would do the thing twice.

        >>> [Request(method, "").doubtful for method in ("GET", "PUT", "POST")]
        [False, False, True]
        >>> Request("POST", "", idempotent=True).doubtful
        False
        """
        return not self.idempotent and self.method.upper() not in REPEATABLE_METHODS


@dataclass(slots=True)
class Response:
    """One answer. `body` is decoded, `headers` ignores case; both are as received: not redacted."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: Any = field(repr=False)
    raw: bytes = field(repr=False)
    url: str
    """Where the answer came from, without credentials."""
    elapsed_ms: int = 0


@dataclass
class Exchange:
    """Request, answer, error and times of one call. The texts are for logs: redacted, capped, lazy."""

    request: Request
    response: Response | None = None
    error: SyncError | None = None
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    duration_ms: int = 0
    """Milliseconds on the wire, with token renewal and redirects, without waiting for the throttle."""
    sent: bool = False
    """True if anything of the call may have reached the other side."""
    draft: "Draft | None" = field(default=None, repr=False)
    secrets: "Secrets | None" = field(default=None, repr=False)

    def raise_for_error(self) -> None:
        """Raise `error` if there is one."""
        if self.error is not None:
            raise self.error

    @property
    def method(self) -> str:
        return self.request.method.upper()

    @cached_property
    def url(self) -> str:
        names = self.secrets.names if self.secrets else ()
        return self._scrub(redact_url(self.draft.display_url if self.draft else self.request.path, names))

    @cached_property
    def request_headers(self) -> dict[str, str]:
        return self._header_texts(self.draft.headers if self.draft else {})

    @cached_property
    def response_headers(self) -> dict[str, str]:
        return self._header_texts(self.response.headers if self.response else {})

    @cached_property
    def request_body(self) -> str:
        draft = self.draft
        return self._body_text(draft.plain_body or b"", draft.headers) if draft else ""

    @cached_property
    def response_body(self) -> str:
        return self._body_text(self.response.raw, self.response.headers) if self.response else ""

    @property
    def request_bytes(self) -> int:
        return len(self.draft.body or b"") if self.draft else 0

    @property
    def response_bytes(self) -> int:
        """Size of the answer after decompression."""
        return len(self.response.raw) if self.response else 0

    def _scrub(self, text: str) -> str:
        return self.secrets.scrub(text) if self.secrets else text

    def _header_texts(self, headers: Mapping[str, Any]) -> dict[str, str]:
        """All headers as text; scrubbed in one go, as many small texts cost more than one."""
        names = self.secrets.names if self.secrets else ()
        texts = {
            name: value.decode("utf-8") if isinstance(value, bytes) else value
            for name, value in headers.items()
        }
        shown = {name: value.replace("\n", " ") for name, value in redact_headers(texts, names=names).items()}
        return (
            dict(zip(shown, self._scrub("\n".join(shown.values())).split("\n"), strict=True)) if shown else {}
        )

    def _body_text(self, raw: bytes, headers: Mapping[str, Any]) -> str:
        """The body as text for a log. Cut before it is redacted (a body may have 10 MB) and capped after."""
        if not raw:
            return ""
        start = raw[: TEXT_LIMIT * 8]
        content_type = str(headers.get("Content-Type", ""))
        if b"\x00" in start or (content_type and not _TEXTUAL.search(content_type)):
            return f"<{len(raw)} bytes of {content_type.split(';', maxsplit=1)[0].strip() or 'unknown type'}>"
        text = start.decode("utf-8", errors="replace")
        secrets = self.secrets
        if secrets is None:
            return cap(redact_body(text), TEXT_LIMIT)
        shown = redact_body(text, paths=secrets.paths, secrets=secrets.values(), names=secrets.names)
        return cap(shown, TEXT_LIMIT)
