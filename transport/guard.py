"""Which addresses may be called: no private network, no machine of our own, no other way to write one (SSRF).

Addresses of subscribers are typed by people. The name is looked up here, every address behind it is checked, and
the connection is made to a checked address, so that a name cannot mean something else a moment later. TLS and the
Host header go on using the name.
"""

import ipaddress
import re
import socket
from urllib.parse import urlsplit

from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util import connection as urllib3_connection

from ..core.errors import SyncError
from .config import has_control_characters

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_GLOBAL_V6 = ipaddress.ip_network("2000::/3")  # RFC 4291: all that is assigned as global unicast
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last four bytes
_REFUSED = tuple(
    ipaddress.ip_network(network)
    for network in (
        "100.64.0.0/10",  # shared address space, RFC 6598 (and a metadata service)
        "168.63.129.16/32",  # the machine's host in one public cloud: a public address that is not
        "192.0.0.0/24",  # RFC 6890
        "192.88.99.0/24",  # RFC 7526, relays of 6to4
        "198.18.0.0/15",  # RFC 2544
        "2001::/23",  # RFC 2928: Teredo, ORCHID and other protocols
        "2001:db8::/32",  # RFC 3849
        "2002::/16",  # 6to4: whatever IPv4 address stands inside
        "3fff::/20",  # RFC 9637
    )
)
# A host whose last label begins like a number is an IPv4 address in some notation (WHATWG URL, "ends in a number").
_NUMBER = re.compile(r"(?:[0-9]+|0[xX][0-9A-Fa-f]*)")
_HOST_NAME = re.compile(r"(?=.{1,253}\.?$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?")


def check_url(url: str, *, private: bool = False) -> None:
    """Raise SyncError('validation', 'address_refused', host, reason) for an address that may never be called.

    Nothing is looked up: what a name means is checked when the connection is made (`connect`).

    :param private: private and loopback addresses are allowed

    >>> check_url("https://hooks.example.com/odoo?team=7")
    >>> check_url("http://127.0.0.1:8069/")
    Traceback (most recent call last):
    ...
    integration_flow.core.errors.SyncError: address_refused (host=127.0.0.1, reason=private)
    >>> check_url("http://2130706433/")
    Traceback (most recent call last):
    ...
    integration_flow.core.errors.SyncError: address_refused (host=2130706433, reason=notation)
    """
    if has_control_characters(url) or " " in url or "\\" in url or not url.isascii():
        raise refused("", "characters")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise refused("", "malformed") from None
    if parts.scheme not in ("http", "https"):
        raise refused(host, "scheme")
    if "@" in parts.netloc:
        raise refused(host, "credentials in the address")
    if not host:
        raise refused("", "no host")
    if parts.fragment or port == 0:
        raise refused(host, "malformed")
    literal = literal_address(host, bracketed="[" in parts.netloc)
    if literal is not None and not private and not is_public(literal):
        raise refused(host, "private")


def literal_address(host: str, *, bracketed: bool = False) -> Address | None:
    """The IP address that `host` is, or None for a name.

    :raises SyncError: for anything that is neither a plain name nor an address in its usual notation: 2130706433,
        0x7f.1, 0177.0.0.1 and 127.1 are all ways to write 127.0.0.1 that a system's own look-up understands
    """
    if bracketed or ":" in host:
        try:
            if "%" in host:
                raise ValueError
            return ipaddress.IPv6Address(host)
        except ValueError:
            raise refused(host, "notation") from None
    if not _HOST_NAME.fullmatch(host):
        raise refused(host, "notation")
    last = host.rstrip(".").rpartition(".")[2]
    if not _NUMBER.fullmatch(last):
        return None
    try:
        return ipaddress.IPv4Address(host)  # four decimal numbers without leading zeros, and no dot at the end
    except ValueError:
        raise refused(host, "notation") from None


def is_public(address: Address) -> bool:
    """Does this address lie in the public internet, whatever is wrapped in it?

    >>> [is_public(ipaddress.ip_address(text)) for text in ("93.184.215.14", "2606:4700::6810:84e5")]
    [True, True]
    >>> [is_public(ipaddress.ip_address(text)) for text in ("10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::a9fe:a9fe")]
    [False, False, False]
    """
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id:
            return False
        if address.ipv4_mapped is not None:
            return False  # nobody writes a public address like this
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if address not in _GLOBAL_V6:
            return False
    return (
        address.is_global
        and not (address.is_multicast or address.is_reserved or address.is_unspecified)
        and not any(address in network for network in _REFUSED if network.version == address.version)
    )


def look_up(host: str, port: int) -> list[str]:
    """All addresses of a name, in the order in which the system would try them."""
    found = socket.getaddrinfo(host, port, urllib3_connection.allowed_gai_family(), socket.SOCK_STREAM)
    return list(dict.fromkeys(entry[4][0] for entry in found))


def checked_addresses(host: str, port: int) -> list[str]:
    """The addresses of a name, all of them public.

    One private address among them is enough to refuse: an honest name has none.

    :raises SyncError: validation/address_refused
    :raises OSError: the name cannot be looked up
    """
    literal = literal_address(host)
    texts = [str(literal)] if literal is not None else look_up(host, port)
    for text in texts:
        try:
            public = is_public(ipaddress.ip_address(text))
        except ValueError:
            public = False
        if not public:
            raise refused(host, "private")
    return texts


def refused(host: str, reason: str) -> SyncError:
    return SyncError("validation", "address_refused", params={"host": host[:200], "reason": reason})


class Guarded:
    """Mixed into urllib3's connections: looks the name up, checks every address, connects to a checked one."""

    def _new_conn(self) -> socket.socket:
        try:
            addresses = checked_addresses(self.host, self.port)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        problem: OSError = OSError("no address")
        for address in addresses:
            try:
                return urllib3_connection.create_connection(
                    (address, self.port),
                    self.timeout,
                    source_address=self.source_address,
                    socket_options=self.socket_options,
                )
            except OSError as error:
                problem = error
        if isinstance(problem, TimeoutError):
            raise ConnectTimeoutError(self, f"Connection to {self.host} timed out") from problem
        raise NewConnectionError(self, f"Failed to establish a new connection: {problem}") from problem
