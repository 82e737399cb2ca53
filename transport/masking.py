"""What must not be seen of one client: its secrets (new tokens too), masked names and paths."""

import base64
import html
from typing import Any
from urllib.parse import quote_plus

from ..core.errors import SyncError
from ..core.redact import is_secret_name, scrub
from ..core.scrubbing import trim
from .config import ConnectionConfig


class Secrets:
    """Grows while a client lives (new tokens). Reading needs no lock: adding replaces the whole tuple."""

    def __init__(self, config: ConnectionConfig) -> None:
        key_name = (config.auth_name,) if config.auth_type.startswith("api_key") and config.auth_name else ()
        self.names = (*key_name, *config.redact_names)
        """Names of headers, parameters and keys that are masked besides the usual ones."""
        self.paths = config.redact_paths
        self._values: tuple[str, ...] = ()
        key_as_user = config.auth_user if config.auth_type == "basic" and not config.auth_secret else ""
        self.add(config.auth_secret, key_as_user, *basic_forms(config.auth_user, config.auth_secret))
        self.add(*(value for name, value in config.extra_headers if is_secret_name(name, self.names)))
        self.add(*config.secrets)
        self.add_token(config.oauth_token or {})

    def values(self) -> tuple[str, ...]:
        """All secrets known so far."""
        return self._values

    def add(self, *secrets: str) -> None:
        """Know `secrets` from now on (core.redact finds them in URLs, JSON and base64 as well)."""
        texts = {
            form for secret in secrets if secret for form in (secret, secret.strip(), html.escape(secret))
        }
        self._values = tuple(sorted(texts | set(self._values)))

    def add_token(self, token: dict[str, Any]) -> None:
        """Know what is secret in the answer of a token endpoint."""
        names = ("access_token", "refresh_token", "id_token")
        self.add(*(str(token[name]) for name in names if token.get(name)))

    def including(self, texts: tuple[str, ...]) -> "Secrets":
        """These and `texts`, for one call."""
        return _Including(self, texts) if texts else self

    def scrub(self, text: str) -> str:
        """`text` without any of the secrets."""
        values = self.values()
        return scrub(text, values) if text and values else text

    def clean(self, error: SyncError) -> SyncError:
        """The same error with no secret in what it says and nothing behind it (causes quote whole bodies)."""
        error.params = {name: self.clean_any(value) for name, value in error.params.items()}
        error.detail = self.scrub(error.detail)
        error.__cause__ = error.__context__ = error.__traceback__ = None
        return error

    def clean_any(self, value: Any) -> Any:
        """The same value with no secret in its texts."""
        if isinstance(value, str):
            return trim(self.scrub(value), self.values())
        if isinstance(value, (list, tuple)):
            return type(value)(self.clean_any(item) for item in value)
        if isinstance(value, dict):
            return {name: self.clean_any(item) for name, item in value.items()}
        return value


class _Including(Secrets):
    def __init__(self, secrets: Secrets, texts: tuple[str, ...]) -> None:
        self.names, self.paths = secrets.names, secrets.paths
        self._secrets, self._texts = secrets, texts

    def values(self) -> tuple[str, ...]:
        return (*self._secrets.values(), *self._texts)


def basic_forms(user: str, secret: str) -> tuple[str, ...]:
    """What stands after "Basic " for this pair, plain (RFC 7617) and form-encoded first (RFC 6749, 2.3.1).

    >>> basic_forms("Aladdin", "open sesame")[0]
    'QWxhZGRpbjpvcGVuIHNlc2FtZQ=='
    >>> basic_forms("", "")
    ()
    """
    if not (user or secret):
        return ()
    pairs = (f"{user}:{secret}", f"{quote_plus(user)}:{quote_plus(secret)}")
    return tuple(base64.b64encode(pair.encode()).decode() for pair in pairs)
