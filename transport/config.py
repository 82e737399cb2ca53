"""What one connection is: its address, its credentials, its limits. Values only, nothing is opened here."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ..core.errors import SyncError

DEFAULT_USER_AGENT = "IntegrationFlow/1.0 (Odoo 19)"
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ConnectionConfig:
    """One external system in one environment. Secrets never show in `repr`.

    >>> ConnectionConfig("https://shop.example/api", auth_type="bearer", auth_secret="s3cret")
    ConnectionConfig(base_url='https://shop.example/api', auth_type='bearer', auth_user='')
    >>> ConnectionConfig("shop.example").check()
    Traceback (most recent call last):
    ...
    integration_flow.core.errors.SyncError: bad_configuration (setting=base_url, reason=no scheme)
    """

    base_url: str
    """Scheme, host and an optional path that every relative path is put behind."""
    auth_type: str = "none"
    """Names the function `_auth_<auth_type>` in auth.py."""
    auth_user: str = ""
    """User name (basic) or client id (oauth2_client)."""
    auth_secret: str = field(default="", repr=False)
    """Password, token, key or client secret."""
    auth_name: str = field(default="", repr=False)
    """Header or query parameter of an API key; for oauth2_client: `basic` or `body`, where the token
    endpoint wants the client secret (blank = try basic, then body, and remember in the token)."""
    token_url: str = field(default="", repr=False)
    scope: str = field(default="", repr=False)
    oauth_token: dict | None = field(default=None, repr=False)
    """The token kept from last time, as it was handed to `on_token`."""
    timeout_connect: float = field(default=5.0, repr=False)
    """Seconds to open a connection (TCP, then TLS)."""
    timeout_read: float = field(default=30.0, repr=False)
    """Seconds of silence before the answer, or within it."""
    timeout_total: float = field(default=300.0, repr=False)
    """Seconds for one call in all: a server that drips a byte now and then never runs into timeout_read."""
    verify_tls: bool = field(default=True, repr=False)
    ca_bundle: str = field(default="", repr=False)
    """Path of a file or folder of certificates; blank = the usual authorities."""
    rate_calls: int = field(default=0, repr=False)
    """Most calls within any `rate_period` seconds; 0 = no limit."""
    rate_period: float = field(default=1.0, repr=False)
    patience: float = field(default=30.0, repr=False)
    """Longest wait in seconds for our own throttle; a longer one gives the request back as not sent."""
    parallel_calls: int = field(default=4, repr=False)
    extra_headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    redact_names: tuple[str, ...] = field(default=(), repr=False)
    """Names of headers, parameters and keys whose values no log shows, besides the usual ones."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """More texts that no log shows, wherever they stand."""
    redact_paths: tuple[str, ...] = field(default=(), repr=False)
    """Places in bodies that no log shows (`customer.email`)."""
    max_response_bytes: int = field(default=10 * MEBIBYTE, repr=False)
    """Most bytes of an answer, counted after decompression."""
    user_agent: str = field(default=DEFAULT_USER_AGENT, repr=False)
    host_key: str = field(default="", repr=False)
    """Kind and fingerprint of the server's key that was accepted (`ssh-ed25519 SHA256:...`), for addresses of files
    (sftp://); blank = none yet, and then no call is made."""
    public_only: bool = field(default=False, repr=False)
    """Call addresses in the public internet only, checked when the connection is made: see guard.py."""
    status_only: bool = field(default=False, repr=False)
    """Only the status of an answer counts: a body that is too large, too slow or cut is left out, and a redirect is an
    answer like any other."""

    @property
    def over_sftp(self) -> bool:
        """True if this system is a folder of files on an SSH server.

        >>> ConnectionConfig("sftp://files.example.com/in").over_sftp
        True
        """
        return self.base_url[:7].lower() == "sftp://"

    def check(self) -> None:
        """Raise SyncError('authentication', 'bad_configuration', setting, reason) for what can never work.

        The class is `authentication` because that is the one whose treatment fits: nothing is retried, the
        connection pauses, its administrator is told, and it goes on when the connection is changed.
        """
        _check_url("base_url", self.base_url, schemes=("http", "https", "sftp"))
        if self.over_sftp and self.auth_type not in ("basic", "private_key"):
            raise bad_configuration("auth_type", "not of SFTP")
        if self.over_sftp and not self.auth_user:
            raise bad_configuration("auth_user", "no user")
        if self.auth_type == "oauth2_client":
            _check_url("token_url", self.token_url)
        for setting in ("auth_user", "auth_secret", "auth_name", "user_agent"):
            if has_control_characters(getattr(self, setting)) and not (
                    setting == "auth_secret" and self.auth_type == "private_key"):
                raise bad_configuration(setting, "control characters")
        for setting in (
            "timeout_connect",
            "timeout_read",
            "timeout_total",
            "parallel_calls",
            "max_response_bytes",
        ):
            if not getattr(self, setting) > 0:
                raise bad_configuration(setting, "not positive")
        if self.rate_calls < 0 or (self.rate_calls and not self.rate_period > 0):
            raise bad_configuration("rate_calls", "not positive")


def has_control_characters(text: str) -> bool:
    """True if `text` could break out of a header line or an URL.

    >>> has_control_characters("abc"), has_control_characters("a\\r\\nX-Evil: 1")
    (False, True)
    """
    return any(character < " " or character == "\x7f" for character in text)


def bad_configuration(setting: str, reason: str) -> SyncError:
    """The error for a setting of the connection that can never work (see `ConnectionConfig.check`)."""
    return SyncError("authentication", "bad_configuration", params={"setting": setting, "reason": reason})


def _check_url(setting: str, url: str, schemes: tuple[str, ...] = ("http", "https")) -> None:
    if has_control_characters(url) or " " in url or "\\" in url:
        raise bad_configuration(setting, "control characters")
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises for a port that is no number
    except ValueError:
        raise bad_configuration(setting, "malformed") from None
    if parts.scheme not in schemes:
        raise bad_configuration(setting, "scheme" if "://" in url else "no scheme")
    if not parts.hostname:
        raise bad_configuration(setting, "no host")
    if "@" in parts.netloc:
        raise bad_configuration(setting, "credentials in the address")
    if parts.query or parts.fragment:
        raise bad_configuration(setting, "query in the address")
