"""OAuth 2 client credentials (RFC 6749, 4.4): one token for all threads, renewed in time or when refused.

What a token answer means is oauthlib's knowledge; its bytes go over our own wire, so that limits, timeouts
and secrecy are the same as for every other call (requests-oauthlib logs token answers).
"""

import json
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error

from ..core.classify import classify_status, extract_message
from ..core.documents import parse_json
from ..core.errors import SyncError
from . import urls
from .config import ConnectionConfig, has_control_characters
from .masking import Secrets, basic_forms
from .prepare import Draft, set_header
from .wire import Answer, Wire

EARLY = 60.0
"""Seconds before its end at which a token is renewed (a tenth of its life if that is less)."""
YOUNG = 60.0
"""A token younger than this is not renewed after a 403: that is about rights, not about the token."""
UNREACHABLE = 5.0
"""Seconds in which a token endpoint that did not answer is not asked again."""
_READ = ("access_token", "token_type", "refresh_token", "expires_in", "error", "error_description")
_KEPT = ("access_token", "token_type", "refresh_token")


class SharedToken(Protocol):
    """Where all workers of a connection keep their token, in whatever process they run."""

    def renewing(self) -> AbstractContextManager[dict[str, Any] | None]:
        """Keep all other workers from renewing; the value is the token that is kept there now, or None.

        :raises SyncError: when another one takes too long
        """

    def save(self, token: dict[str, Any]) -> bool:
        """Keep a new token, before the others go on. False = it cannot be kept here."""


class TokenKeeper:
    """The token of one client. Thread-safe: parallel threads renew it once, and so do workers that share it."""

    def __init__(
        self,
        config: ConnectionConfig,
        wire: Wire,
        secrets: Secrets,
        hand_over: Callable[[dict[str, Any]], None],
        now: Callable[[], float] = time.time,
        shared: SharedToken | None = None,
    ) -> None:
        self._shared = shared
        self._config = config
        self._wire = wire
        self._secrets = secrets
        self._hand_over = hand_over
        self._now = now
        self._lock = threading.Lock()
        self._token: dict[str, Any] = dict(config.oauth_token or {})
        self._accepted = str(self._token.get("access_token", ""))
        self._refusal: tuple[SyncError, float] | None = None

    def sign(self, draft: Draft) -> str:
        """Put a valid access token into `draft`, renewed if need be, and return it.

        :raises SyncError: see `_renew`
        """
        token = self._token
        if not self._usable(token):
            with self._lock:
                if not self._usable(self._token):
                    self._renew()
                token = self._token
        access_token = token["access_token"]
        set_header(draft.headers, "Authorization", f"Bearer {access_token}")
        return access_token

    def accepted(self, access_token: str) -> None:
        """The system took this token: should it be refused later, a new one is worth a try."""
        self._accepted = access_token

    def renew_refused(self, access_token: str, status: int) -> bool:
        """The system refused this token; True if there is another one to try.

        A token that was refused at once and never accepted is not renewed: some systems issue tokens that
        they do not take, and asking on would only lock us out.

        :raises SyncError: see `_renew`
        """
        with self._lock:
            if self._token.get("access_token") != access_token:
                return True  # another thread was first
            if self._accepted != access_token:
                return False
            if status == 403 and self._now() - self._token.get("obtained_at", 0) < YOUNG:
                return False
            self._renew()
            return True

    def seconds_left(self) -> int | None:
        """Seconds until the token ends; None if it does not say."""
        ends = self._token.get("expires_at")
        return max(round(ends - self._now()), 0) if ends else None

    def _usable(self, token: dict[str, Any]) -> bool:
        if not token.get("access_token"):
            return False
        ends = token.get("expires_at")
        if not ends:
            return True
        life = ends - token.get("obtained_at", ends - 10 * EARLY)
        return self._now() < ends - min(EARLY, life / 10)

    def _renew(self) -> None:
        """Get a token: the one that another worker got meanwhile, else a new one by the refresh token, else by the
        credentials.

        A refresh token works once in many systems, and its second use voids the first one's result: so only one
        worker asks at a time, and those that waited for it take what it got.

        :raises SyncError: authentication/token_refused (host, reason, message), token_invalid (host, reason);
            the class of the failure (connection, timeout, server ...)/token_unavailable (host, reason)
        """
        if self._refusal is not None:
            error, until = self._refusal
            if self._now() < until:
                raise SyncError(
                    error.error_class, error.code, params=error.params, retry_after=error.retry_after
                )
        with self._shared.renewing() if self._shared is not None else nullcontext() as kept:
            if kept and self._adopt(kept):
                return
            try:
                token = self._by_refresh_token() or self._by_credentials()
            except SyncError as error:
                final = error.error_class == "authentication"
                self._refusal = error, float("inf") if final else self._now() + UNREACHABLE
                raise
            self._refusal = None
            self._token = token
            if self._shared is None or not self._shared.save(dict(token)):
                self._hand_over(dict(token))

    def _adopt(self, kept: dict[str, Any]) -> bool:
        """Take over what another worker got. False when it is what we had, or has run out: then we renew that."""
        ours, theirs = self._token.get("access_token"), kept.get("access_token")
        if not theirs or theirs == ours or kept.get("obtained_at", 0) < self._token.get("obtained_at", 0):
            return False
        self._secrets.add_token(kept)
        self._token = dict(kept)
        self._accepted = theirs  # by the other worker; should it be refused now, a new one is worth a try
        return self._usable(self._token)

    def _by_refresh_token(self) -> dict[str, Any] | None:
        refresh_token = self._token.get("refresh_token")
        if not refresh_token:
            return None
        body = self._oauth().prepare_refresh_body(refresh_token=refresh_token)
        try:
            return self._ask(body, self._token.get("client_auth") or self._config.auth_name or "basic")
        except SyncError as error:
            if error.error_class == "authentication":
                return None  # used up, perhaps by another worker
            raise

    def _by_credentials(self) -> dict[str, Any]:
        known = self._token.get("client_auth") or self._config.auth_name
        ways = [known] if known in ("basic", "body") else ["basic", "body"]
        for way in ways:
            body = self._oauth().prepare_request_body(scope=self._config.scope or None)
            try:
                return self._ask(body, way)
            except SyncError as error:
                if error.error_class != "authentication" or way == ways[-1]:
                    raise
        raise AssertionError("unreachable")

    def _oauth(self) -> BackendApplicationClient:
        return BackendApplicationClient(self._config.auth_user)

    def _ask(self, body: str, way: str) -> dict[str, Any]:
        config = self._config
        if not (config.auth_user and config.auth_secret):
            raise SyncError("authentication", "credentials_missing", params={"auth_type": config.auth_type})
        headers: dict[str, str | bytes] = {"User-Agent": config.user_agent, "Accept": "application/json"}
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        headers["Accept-Encoding"] = "gzip"
        if way == "basic":
            headers["Authorization"] = "Basic " + basic_forms(config.auth_user, config.auth_secret)[1]
        else:
            pairs = [("client_id", config.auth_user), ("client_secret", config.auth_secret)]
            body = f"{body}&{urls.encode_query(pairs)}"
        data = body.encode()
        headers["Content-Length"] = str(len(data))
        host = urls.host_of(config.token_url)
        try:
            answer = self._wire.call(Draft("POST", config.token_url, [], headers, data))
        except SyncError as error:
            reason = str(error)
            raise SyncError(
                error.error_class, "token_unavailable", params={"host": host, "reason": reason}
            ) from None
        token = self._understand(answer, host)
        token["client_auth"] = way
        return token

    def _understand(self, answer: Answer, host: str) -> dict[str, Any]:
        body = {name: value for name, value in _json_object(answer.raw).items() if name in _READ}
        body["expires_in"] = _seconds(body.get("expires_in"))
        if not 200 <= answer.status < 300:
            raise _token_failure(answer, body, host)
        self._secrets.add_token(body)
        try:
            token = self._oauth().parse_request_body_response(json.dumps(body))
        except OAuth2Error as error:
            params = {
                "host": host,
                "reason": error.error or type(error).__name__,
                "message": error.description or "",
            }
            raise SyncError("authentication", "token_refused", params=params) from None
        access_token = token["access_token"]
        if not isinstance(access_token, str) or not access_token or has_control_characters(access_token):
            raise SyncError(
                "authentication", "token_invalid", params={"host": host, "reason": "access_token"}
            )
        now = self._now()
        kept = {name: token[name] for name in _KEPT if isinstance(token.get(name), str)}
        if "refresh_token" not in kept and self._token.get("refresh_token"):
            kept["refresh_token"] = self._token["refresh_token"]  # RFC 6749, 6: no new one, the old one stays
        kept["obtained_at"] = now
        if token.get("expires_in"):
            kept["expires_at"] = now + token["expires_in"]
        return kept


def _seconds(value: Any) -> int | None:
    """A token's life as servers write it: a number, maybe as text; None if it says nothing readable."""
    try:
        return int(float(value))
    except (TypeError, ValueError, OverflowError):
        return None


def _json_object(raw: bytes) -> dict[str, Any]:
    try:
        body = parse_json(raw, max_bytes=1024 * 1024)
    except SyncError:
        return {}
    return body if isinstance(body, dict) else {}


def _token_failure(answer: Answer, body: dict[str, Any], host: str) -> SyncError:
    """A 4xx is a refusal, which only an administrator can heal; anything else heals by itself."""
    status = answer.status
    reason = body.get("error") if isinstance(body.get("error"), str) else f"HTTP {status}"
    message = extract_message(body)
    if status in (408, 425, 429) or status >= 500:
        error = classify_status(status, message=message)
        error_class = error.error_class if error else "server"
        return SyncError(error_class, "token_unavailable", params={"host": host, "reason": reason})
    return SyncError(
        "authentication", "token_refused", params={"host": host, "reason": reason, "message": message}
    )
