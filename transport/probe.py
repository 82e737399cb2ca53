"""Test Connection: one call taken apart, so that a person sees which step fails. Codes, no texts."""

import os
import socket
import ssl
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from ..core import graphql
from ..core.errors import SyncError
from . import ssh, urls
from .failures import tls_reason
from .prepare import Draft
from .request import Request

if TYPE_CHECKING:
    from .client import Client

Detail = tuple[str, dict[str, Any]]


def probe(client: "Client", path: str, document: str = "") -> list[dict[str, Any]]:
    """The steps that were tried, in order, up to the first that failed. The call is a GET, or sends a GraphQL document.

    Each step is {'name', 'code', 'ok', 'detail', 'ms'}. Names and codes when all is well:
    configure/settings_complete, resolve/host_found (host, addresses), connect/connected (host, port),
    tls/tls_verified (version, subject, issuer, expires) or tls_not_verified (version), authenticate/
    token_received (seconds), credentials_set (auth_type) or no_credentials, call/answered (status, bytes).
    A failed step has the code and the params of its SyncError. A refused credential shows at `call`
    (credentials_refused), as only a call tries it; for OAuth 2 the token endpoint is tried at `authenticate`.
    Over SFTP: configure, resolve, connect, host_key/host_key_accepted (key), authenticate/logged_in (user), call/answered.
    """
    steps: list[dict[str, Any]] = []
    parts = urlsplit(client.config.base_url)
    https = parts.scheme == "https"
    todo: list[tuple[str, Callable[[], Detail]]] = [
        ("configure", lambda: _configure(client, path)),
        ("resolve", lambda: _resolve(client)),
        ("connect", lambda: _connect(client)),
        *([("tls", lambda: _tls(client))] if https else []),
        *([("host_key", lambda: _host_key(client))] if client.config.over_sftp else []),
        ("authenticate", lambda: _authenticate(client)),
        ("call", lambda: _call(client, path, document)),
    ]
    for name, action in todo:
        started = time.perf_counter()
        try:
            code, detail = action()
            ok = True
        except SyncError as error:
            client._secrets.clean(error)
            code, detail, ok = error.code, error.params, False
        ms = round((time.perf_counter() - started) * 1000)
        steps.append({"name": name, "code": code, "ok": ok, "detail": detail, "ms": ms})
        if not ok:
            break
    return steps


def _configure(client: "Client", path: str) -> Detail:
    client.config.check()
    urls.join(client.config.base_url, path)
    return "settings_complete", {}


def _address(client: "Client") -> tuple[str, int]:
    _scheme, host, port = urls.origin(client.config.base_url)
    return host, port or 443


def _resolve(client: "Client") -> Detail:
    host, port = _address(client)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise SyncError("connection", "unknown_host", params={"host": host}) from None
    return "host_found", {"host": host, "addresses": ", ".join(sorted({str(row[4][0]) for row in found}))}


def _connect(client: "Client") -> Detail:
    host, port = _address(client)
    _open(client).close()
    return "connected", {"host": host, "port": port}


def _open(client: "Client") -> socket.socket:
    host, port = _address(client)
    try:
        return socket.create_connection((host, port), timeout=client.config.timeout_connect)
    except OSError as error:
        reason = (
            "timeout" if isinstance(error, TimeoutError) else (error.strerror or type(error).__name__).lower()
        )
        raise SyncError("connection", "cannot_connect", params={"host": host, "reason": reason}) from None


def _tls(client: "Client") -> Detail:
    config = client.config
    host, _port = _address(client)
    try:
        context = _context(client)
        with _open(client) as plain, context.wrap_socket(plain, server_hostname=host) as secure:
            certificate = secure.getpeercert() or {}
            version = secure.version() or ""
    except OSError as error:
        raise SyncError(
            "connection", "tls_failed", params={"host": host, "reason": tls_reason(error)}
        ) from None
    if not config.verify_tls:
        return "tls_not_verified", {"version": version}
    names = {name: _name(certificate.get(name, ())) for name in ("subject", "issuer")}
    return "tls_verified", {"version": version, **names, "expires": certificate.get("notAfter", "")}


def _context(client: "Client") -> ssl.SSLContext:
    config = client.config
    if not config.verify_tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    bundle = config.ca_bundle or DEFAULT_CA_BUNDLE_PATH
    folder = os.path.isdir(bundle)
    return ssl.create_default_context(cafile=None if folder else bundle, capath=bundle if folder else None)


def _host_key(client: "Client") -> Detail:
    transport = ssh.greet(client.config)
    try:
        return "host_key_accepted", {"key": ssh.recognise(client.config, transport)}
    finally:
        transport.close()


def _name(pairs: Any) -> str:
    """The common or organization name of a certificate's subject or issuer."""
    values = {name: value for part in pairs for name, value in part}
    return values.get("commonName") or values.get("organizationName") or ""


def _authenticate(client: "Client") -> Detail:
    config = client.config
    if config.over_sftp:
        ssh.Session(config).close()
        return "logged_in", {"user": config.auth_user}
    draft = Draft("GET", config.base_url)
    client._sign(draft)
    if client._tokens is not None:
        return "token_received", {"seconds": client._tokens.seconds_left()}
    return (
        ("no_credentials", {})
        if config.auth_type == "none"
        else ("credentials_set", {"auth_type": config.auth_type})
    )


def _call(client: "Client", path: str, document: str) -> Detail:
    request = Request("LIST" if client.config.over_sftp else "GET", path)
    if document:
        request = Request("POST", path, body=graphql.payload(document, {}), format="graphql", idempotent=True)
    exchange = client.send(request)
    exchange.raise_for_error()
    return "answered", {"status": exchange.response.status, "bytes": exchange.response_bytes}
