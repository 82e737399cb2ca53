"""A session with an SSH server. The server is recognised by its key before anything of ours is shown to it: a key that
nobody has accepted, or another one than the accepted, ends the call.

The library (paramiko) is needed by those who exchange files over SFTP, so it is imported when a session is opened.
"""

import io
import logging
import socket
import time
from typing import Any
from urllib.parse import urlsplit

from ..core.errors import SyncError
from .config import ConnectionConfig

LIBRARY = "paramiko"
USUAL_PORT = 22
# The library tells failures to its logger as well as to us; ours are told once, where people read them.
_CHANNEL = f"{__name__}.library"
logging.getLogger(_CHANNEL).setLevel(logging.CRITICAL + 1)
# How a key type is called, and the signature algorithms that use such a key.
_ALGORITHMS = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}


def library() -> Any:
    """The module that speaks SSH.

    :raises SyncError: authentication/library_missing (library)
    """
    try:
        import paramiko  # noqa: PLC0415 - only some have it
    except ImportError:
        raise SyncError("authentication", "library_missing", params={"library": LIBRARY}) from None
    return paramiko


def address_of(base_url: str) -> tuple[str, int]:
    """Host and port.

    >>> address_of("sftp://files.example.com/out"), address_of("sftp://localhost:2222")
    (('files.example.com', 22), ('localhost', 2222))
    """
    parts = urlsplit(base_url)
    return parts.hostname or "", parts.port or USUAL_PORT


class Session:
    """One open connection, logged in, with its SFTP channel."""

    def __init__(self, config: ConnectionConfig) -> None:
        self._ssh = greet(config)
        try:
            recognise(config, self._ssh)
            log_in(config, self._ssh)
            self.sftp = self._open_channel(config)
        except BaseException:
            self._ssh.close()
            raise
        self.used_at = time.monotonic()
        self.calls = 0

    def _open_channel(self, config: ConnectionConfig) -> Any:
        paramiko = library()
        try:
            channel = self._ssh.open_session(timeout=config.timeout_read)
            channel.settimeout(config.timeout_read)
            channel.invoke_subsystem("sftp")
            return paramiko.SFTPClient(channel)
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise cannot_connect(config, f"no file transfer: {reason_of(error)}") from None

    @property
    def alive(self) -> bool:
        return self._ssh.is_active()

    def close(self) -> None:
        self._ssh.close()


def greet(config: ConnectionConfig) -> Any:
    """An encrypted transport to the server, whose key is not checked yet.

    :raises SyncError: connection/unknown_host, cannot_connect; authentication/library_missing
    """
    paramiko = library()
    host, port = address_of(config.base_url)
    try:
        sock = socket.create_connection((host, port), timeout=config.timeout_connect)
    except (socket.gaierror, UnicodeError):
        raise SyncError("connection", "unknown_host", params={"host": host}) from None
    except OSError as error:
        raise cannot_connect(config, reason_of(error)) from None
    ssh = paramiko.Transport(sock)
    try:
        ssh.set_log_channel(_CHANNEL)
        ssh.banner_timeout = ssh.auth_timeout = ssh.handshake_timeout = config.timeout_read
        _ask_for_known_key(config, ssh)
        ssh.start_client(timeout=config.timeout_read)
        ssh.get_remote_server_key()  # there is none if the time was over
        return ssh
    except (paramiko.SSHException, EOFError, OSError) as error:
        ssh.close()
        raise cannot_connect(config, reason_of(error)) from None
    except BaseException:
        ssh.close()
        raise


def _ask_for_known_key(config: ConnectionConfig, ssh: Any) -> None:
    """A server may have several keys: ask for the kind of the accepted one, whatever is preferred otherwise."""
    kind = config.host_key.partition(" ")[0]
    options = ssh.get_security_options()
    wanted = [name for name in _ALGORITHMS.get(kind, (kind,)) if name in options.key_types]
    if wanted:
        options.key_types = [*wanted, *(name for name in options.key_types if name not in wanted)]


def key_of(ssh: Any) -> str:
    """The server's key as people compare it: its kind and its fingerprint (as `ssh-keygen -lf` shows it)."""
    key = ssh.get_remote_server_key()
    return f"{key.get_name()} {key.fingerprint}"


def recognise(config: ConnectionConfig, ssh: Any) -> str:
    """The server's key, if it is the accepted one.

    :raises SyncError: authentication/host_key_unknown (host, key); authentication/host_key_changed (host, key, known)
    """
    host, _port = address_of(config.base_url)
    key = key_of(ssh)
    if not config.host_key:
        raise SyncError("authentication", "host_key_unknown", params={"host": host, "key": key})
    if " ".join(config.host_key.split()) != key:
        raise SyncError(
            "authentication", "host_key_changed", params={"host": host, "key": key, "known": config.host_key})
    return key


def log_in(config: ConnectionConfig, ssh: Any) -> None:
    """Log in by the private key or the password of the connection.

    :raises SyncError: authentication/credentials_missing (auth_type), bad_private_key (reason), login_refused (host, user)
    """
    paramiko = library()
    host, _port = address_of(config.base_url)
    if not config.auth_secret:
        raise SyncError("authentication", "credentials_missing", params={"auth_type": config.auth_type})
    try:
        if config.auth_type == "private_key":
            left = ssh.auth_publickey(config.auth_user, private_key(config.auth_secret))
        else:
            left = ssh.auth_password(config.auth_user, config.auth_secret)
    except paramiko.AuthenticationException:
        raise SyncError("authentication", "login_refused", params={"host": host, "user": config.auth_user}) from None
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise cannot_connect(config, reason_of(error)) from None
    if left:  # the server wants a second proof
        raise SyncError("authentication", "login_refused", params={"host": host, "user": config.auth_user})


def private_key(text: str) -> Any:
    """The private key in `text` (OpenSSH or PEM), of whatever kind.

    :raises SyncError: authentication/bad_private_key (reason)
    """
    paramiko = library()
    reason = "it is none of the known kinds (Ed25519, ECDSA, RSA)"
    # A form of one line takes the line ends out of what is pasted into it; a variable of the environment may, too.
    text = text.replace("\\n", "\n").strip() + "\n"
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key(io.StringIO(text))
        except paramiko.PasswordRequiredException:
            reason = "it is protected by a passphrase"
        except Exception:  # noqa: S112 - what a parser says of a key may quote it
            continue
    raise SyncError("authentication", "bad_private_key", params={"reason": reason})


def cannot_connect(config: ConnectionConfig, reason: str) -> SyncError:
    host, _port = address_of(config.base_url)
    return SyncError("connection", "cannot_connect", params={"host": host, "reason": reason})


def reason_of(error: BaseException) -> str:
    """The operating system's or the library's words for it."""
    if isinstance(error, TimeoutError):
        return "timeout"
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()[:200]
