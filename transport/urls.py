"""Addresses: joining a path to the base, comparing origins, writing a query. Standard: RFC 3986."""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any
from urllib.parse import quote, urlsplit

from ..core.errors import SyncError
from .config import has_control_characters

_DEFAULT_PORTS = {"http": 80, "https": 443, "sftp": 22}
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_KEEP = "%/:=&?~#+!$,;'@()*[]"  # what may stand in a path or query and is not encoded again


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port: the three that make an origin (RFC 6454).

    >>> origin("https://Shop.example/api") == origin("HTTPS://shop.example:443/other")
    True
    >>> origin("https://shop.example") == origin("http://shop.example")
    False
    """
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").lower(), parts.port or _DEFAULT_PORTS.get(scheme)


def host_of(url: str) -> str:
    """Host and, where it is not the usual one, port: what an error names.

    >>> host_of("https://shop.example/api?key=1"), host_of("http://localhost:8069/"), host_of("::")
    ('shop.example', 'localhost:8069', '')
    """
    try:
        scheme, host, port = origin(url)
    except ValueError:
        return ""
    return host if port in (None, _DEFAULT_PORTS.get(scheme)) else f"{host}:{port}"


def join(base_url: str, path: str) -> str:
    """The address of `path`: behind the base, or itself if it is an absolute URL of the same origin.

    A path that starts with the base's own path is taken from the origin (as next-page links are).

    >>> join("https://h.example/api/v1", "orders/1")
    'https://h.example/api/v1/orders/1'
    >>> join("https://h.example/api/v1", "/api/v1/orders?page=2")
    'https://h.example/api/v1/orders?page=2'
    >>> join("https://h.example/api/", "//evil.example/x")
    Traceback (most recent call last):
    ...
    integration_flow.core.errors.SyncError: foreign_origin (host=evil.example)
    """
    if "\\" in path or has_control_characters(path):
        raise _bad_url(path, "control characters")
    base = base_url.rstrip("/")
    if path.startswith("//") or _SCHEME.match(path):
        url = _absolute(base, path)
    else:
        prefix = urlsplit(base).path
        stem = path.split("?", 1)[0]
        if prefix and (stem == prefix or stem.startswith(prefix + "/")):
            url = base[: -len(prefix)] + path
        else:
            url = f"{base}/{path.lstrip('/')}" if path else base
    url = quote(url.split("#", 1)[0], safe=_KEEP)
    steps = url.split("?", 1)[0].lower().replace("%2e", ".").split("/")
    if "." in steps or ".." in steps:
        raise _bad_url(path, "dot segments")
    return url


def _absolute(base: str, path: str) -> str:
    url = urlsplit(base).scheme + ":" + path if path.startswith("//") else path
    try:
        same = origin(url) == origin(base) and "@" not in urlsplit(url).netloc
    except ValueError:
        raise _bad_url(path, "malformed") from None
    if not same:
        raise SyncError("validation", "foreign_origin", params={"host": host_of(url)})
    return url


def _bad_url(path: str, reason: str) -> SyncError:
    return SyncError("mapping", "bad_url", params={"path": path[:200], "reason": reason})


def query_pairs(query: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A query as pairs of text: None left out, lists repeated, booleans in small letters, dates in ISO form.

    >>> query_pairs({"a": [1, 2], "b": True, "c": None, "d": ""})
    [('a', '1'), ('a', '2'), ('b', 'true'), ('d', '')]
    """
    pairs = []
    for name, value in query.items():
        values = value if isinstance(value, (list, tuple)) else (value,)
        pairs += [(str(name), _text(item)) for item in values if item is not None]
    return pairs


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value)


def encode_query(pairs: Iterable[tuple[str, str]]) -> str:
    """Percent-encoded `a=1&b=2`; a blank is %20, which every server reads alike.

    >>> encode_query([("updated_at[$gte]", "a b&c"), ("k", "ü")])
    'updated_at%5B%24gte%5D=a%20b%26c&k=%C3%BC'
    >>> encode_query([])
    ''
    """
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
