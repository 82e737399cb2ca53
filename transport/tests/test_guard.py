"""No way to make us call our own network: notations, special ranges, names that change their meaning, redirects."""

import ipaddress
import socket
import ssl
import subprocess
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_flow.core.errors import SyncError
from integration_flow.transport import Client, ConnectionConfig, Request, guard

from .crooked import CrookedServer, answer, fixed, read_request

PUBLIC = ["93.184.215.14", "8.8.8.8", "1.1.1.1", "2606:4700::6810:84e5", "2a00:1450:4001:80b::200e"]
PRIVATE = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254",
    "168.63.129.16", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1",
    "192.168.0.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
    "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "2002:a9fe:a9fe::1",
    "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1",
]


def reason(url, **options):
    with pytest.raises(SyncError) as caught:
        guard.check_url(url, **options)
    assert (caught.value.error_class, caught.value.code) == ("validation", "address_refused")
    return caught.value.params["reason"]


def as_host(address):
    return f"[{address}]" if ":" in address else address


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address):
    assert guard.is_public(ipaddress.ip_address(address))
    guard.check_url(f"https://{as_host(address)}/hook")


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_public(address):
    assert not guard.is_public(ipaddress.ip_address(address))
    assert reason(f"https://{as_host(address)}/hook") == "private"
    guard.check_url(f"https://{as_host(address)}/hook", private=True)


def test_zones():
    assert not guard.is_public(ipaddress.ip_address("2606:4700::1%eth0"))
    assert reason("http://[fe80::1%25eth0]/") == "notation"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ftp://example.com/", "scheme"),
        ("file:///etc/passwd", "scheme"),
        ("gopher://example.com/", "scheme"),
        ("javascript:alert(1)", "scheme"),
        ("//example.com/", "scheme"),
        ("example.com/hook", "scheme"),
        ("", "scheme"),
        ("https://", "no host"),
        ("https:///hook", "no host"),
        ("https://ada:pw@example.com/", "credentials in the address"),
        ("https://example.com@127.0.0.1/", "credentials in the address"),
        ("https://@example.com/", "credentials in the address"),
        ("https://example.com#@127.0.0.1/", "malformed"),
        ("https://example.com:0/", "malformed"),
        ("https://example.com:99999/", "malformed"),
        ("https://[::1/", "malformed"),
        ("https://exa mple.com/", "characters"),
        ("https://example.com\\@127.0.0.1/", "characters"),
        ("https://example.com/\r\nX: y", "characters"),
        ("https://example.com/\x00", "characters"),
        ("https://①②⑦.⓪.⓪.①/", "characters"),
        ("https://127。0。0。1/", "characters"),
        ("https://127%2e0.0.1/", "notation"),
        ("https://[127.0.0.1]/", "malformed"),
        ("https://-example.com/", "notation"),
        ("https://example..com/", "notation"),
        ("https://example.com%00.evil/", "notation"),
    ],
)
@pytest.mark.parametrize("private", [False, True])
def test_addresses_that_are_refused_always(url, expected, private):
    assert reason(url, private=private) in (expected, "notation" if expected == "malformed" else expected)


@pytest.mark.parametrize(
    "host",
    ["2130706433", "0x7f000001", "017700000001", "127.1", "127.0.1", "0177.0.0.1", "0x7f.0.0.1", "0x7f.1", "127.0.0.01",
     "127.0.0.1.", "127.0.0.0x1", "0", "0x", "00", "1.2.3.4.5", "256.1.1.1", "4294967296", "foo.0x1", "a.1"],
)
def test_other_notations_of_ipv4(host):
    for private in (False, True):
        assert reason(f"http://{host}/", private=private) == "notation"


def spellings(number):
    """Ways in which a system's look-up understands an IPv4 address."""
    parts = [number >> 24 & 255, number >> 16 & 255, number >> 8 & 255, number & 255]
    part = st.sampled_from([str, hex, lambda value: f"0{value:o}", lambda value: hex(value).upper()])

    def whole(formats):
        return st.sampled_from([
            ".".join(write(value) for write, value in zip(formats, parts, strict=True)),
            f"{formats[0](parts[0])}.{formats[1](number & 0xFFFFFF)}",
            f"{formats[0](parts[0])}.{formats[1](parts[1])}.{formats[2](number & 0xFFFF)}",
            formats[0](number),
        ])

    return st.tuples(part, part, part, part).flatmap(whole)


@given(st.integers(0, 2**32 - 1).flatmap(lambda number: st.tuples(st.just(number), spellings(number))))
def test_no_notation_of_any_ipv4_address_passes_for_a_name(given_address):
    """Whatever the spelling: either it is the usual one and judged by its range, or it is refused. Never looked up."""
    number, host = given_address
    usual = str(ipaddress.IPv4Address(number))
    if host == usual:
        literal = guard.literal_address(host)
        assert int(literal) == number
        return
    with pytest.raises(SyncError):
        guard.check_url(f"http://{host}/", private=True)
    # The system really would have understood it: that is why it must be refused here.
    if "X" not in host:
        assert socket.inet_aton(host) == number.to_bytes(4, "big")


@given(st.integers(0, 2**32 - 1))
def test_an_ipv4_address_wrapped_in_ipv6_is_never_more_public_than_itself(number):
    v4 = ipaddress.IPv4Address(number)
    for wrapped in (
        ipaddress.IPv6Address(f"::ffff:{v4}"),
        ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) | number),
        ipaddress.IPv6Address(int(ipaddress.IPv6Address("2002::")) | number << 80),
        ipaddress.IPv6Address(number),
    ):
        assert not guard.is_public(wrapped) or guard.is_public(v4)


@given(st.ip_addresses())
def test_public_is_a_part_of_what_python_calls_global(address):
    if guard.is_public(address):
        assert address.is_global and not address.is_private and not address.is_multicast


@given(st.text(max_size=40))
def test_any_text_is_judged_without_a_crash(text):
    for url in (text, f"http://{text}", f"http://{text}/", f"https://example.com/{text}"):
        try:
            guard.check_url(url)
        except SyncError as error:
            assert error.code == "address_refused"


# -- connections -----------------------------------------------------------------------------------------------


class Names:
    """A resolver whose answers the test decides, one after the other, the last one for ever."""

    def __init__(self, monkeypatch, **answers):
        self.asked = []
        self.answers = {name.replace("_", "."): list(lists) for name, lists in answers.items()}
        monkeypatch.setattr(guard, "look_up", self.look_up)

    def look_up(self, host, port):
        self.asked.append(host)
        left = self.answers.get(host)
        if left is None:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return left.pop(0) if len(left) > 1 else left[0]


def guarded(url, **options):
    return Client(ConnectionConfig(
        url, **{"public_only": True, "status_only": True, "timeout_connect": 1.0, "timeout_read": 1.0, **options}))


def post(client, path="hook"):
    return client.send(Request("POST", path, body="{}", format="ready", idempotent=True))


@pytest.fixture
def loopback_is_public(monkeypatch):
    """The checks as they are, for all but 127.0.0.1: that is where the tests' receivers listen."""
    real = guard.is_public
    monkeypatch.setattr(guard, "is_public", lambda address: str(address) == "127.0.0.1" or real(address))


def test_a_literal_is_refused_at_the_connection_too(server):
    with guarded(server.url) as client:
        exchange = post(client)
    assert (exchange.error.code, exchange.error.params["reason"]) == ("address_refused", "private")
    assert not exchange.sent and server.connections == 0


@pytest.mark.parametrize("answers", [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["::1"], ["fe80::1%2"], []])
def test_a_name_with_any_private_address_is_refused(monkeypatch, server, answers):
    Names(monkeypatch, hooks_example=[answers])
    with guarded(f"http://hooks.example:{server.port}") as client:
        exchange = post(client)
    if answers:
        assert exchange.error.code == "address_refused" and "127" not in str(exchange.error)
    else:
        assert exchange.error.code == "cannot_connect"
    assert server.connections == 0


def test_an_unknown_name(monkeypatch, server):
    Names(monkeypatch)
    with guarded(f"http://nowhere.example:{server.port}") as client:
        assert post(client).error.code == "unknown_host"


def test_the_checked_address_is_the_one_that_is_called(monkeypatch, server, loopback_is_public):
    """Rebinding: the name leads to a public address when it is checked, and into our network the next time."""
    names = Names(monkeypatch, rebind_example=[["127.0.0.1"], ["10.0.0.1"]])
    real, connected = guard.urllib3_connection.create_connection, []

    def create_connection(address, *args, **kwargs):
        connected.append(address[0])
        return real(address, *args, **kwargs)

    monkeypatch.setattr(guard.urllib3_connection, "create_connection", create_connection)
    with guarded(f"http://rebind.example:{server.port}") as client:
        first = post(client)
        assert first.error is None and names.asked == ["rebind.example"]  # once: nothing between check and call
        assert server.seen[0].headers["host"] == f"rebind.example:{server.port}"
        server.drop_connections()
        second = post(client)
    assert second.error.code == "address_refused" and connected == ["127.0.0.1"]
    assert len(server.seen) == 1


def test_the_next_address_is_tried(monkeypatch, server, loopback_is_public):
    Names(monkeypatch, hooks_example=[["127.0.0.1", "127.0.0.1"]])
    real, tried = guard.urllib3_connection.create_connection, []

    def create_connection(address, *args, **kwargs):
        tried.append(address)
        if len(tried) == 1:
            raise ConnectionRefusedError("refused")
        return real(address, *args, **kwargs)

    monkeypatch.setattr(guard.urllib3_connection, "create_connection", create_connection)
    with guarded(f"http://hooks.example:{server.port}") as client:
        assert post(client).error is None
    assert len(tried) == 2


def test_redirects_are_not_followed(server):
    server.behaviours["/hook"] = fixed(answer(302, location=f"{server.url}/inside"))
    with Client(ConnectionConfig(server.url, status_only=True)) as client:
        exchange = post(client)
    assert exchange.error.error_class == "validation" and server.paths() == ["/hook"]


def test_no_proxy_of_the_environment_is_asked(monkeypatch, server):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, server.url)
    with guarded("http://127.0.0.1:9") as client:
        assert post(client).error.code == "address_refused"
    assert server.connections == 0


@pytest.mark.parametrize(
    "raw",
    [answer(200, b"x" * 200_000), answer(200, b"x", content_encoding="br"),
     b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nxx", b"HTTP/1.1 204 No Content\r\n\r\n", answer(202, b"<html>")],
    ids=["too large", "unknown encoding", "cut", "empty", "a page"],
)
def test_only_the_status_counts(server, raw):
    def behave(_seen, connection):
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)

    server.behaviours["/hook"] = behave
    with Client(ConnectionConfig(server.url, status_only=True, max_response_bytes=1000, timeout_read=1.0)) as client:
        exchange = post(client)
    assert exchange.error is None and 200 <= exchange.response.status < 300


def test_tls_goes_by_the_name_and_not_by_the_address(tmp_path, monkeypatch, loopback_is_public):
    """The certificate of the name is accepted, that of another one is not, and the server hears the name (SNI)."""
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
         "-subj", "/CN=hooks.example", "-addext", "subjectAltName=DNS:hooks.example"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    heard = []
    context.sni_callback = lambda _socket, name, _context: heard.append(name)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                plain, _address = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(plain, server_side=True) as connection:
                    read_request(connection.makefile("rb"), 1)
                    connection.sendall(answer(200, {}))
            except OSError:
                continue

    threading.Thread(target=serve, daemon=True).start()
    Names(monkeypatch, hooks_example=[["127.0.0.1"]], other_example=[["127.0.0.1"]])
    port = listener.getsockname()[1]
    try:
        with guarded(f"https://hooks.example:{port}", ca_bundle=str(certificate)) as client:
            assert post(client).error is None
        assert heard == ["hooks.example"]
        with guarded(f"https://other.example:{port}", ca_bundle=str(certificate)) as client:
            assert post(client).error.code == "tls_failed"
    finally:
        listener.close()


def test_private_addresses_where_they_are_allowed():
    server = CrookedServer()
    try:
        with Client(ConnectionConfig(server.url, status_only=True)) as client:
            assert post(client).error is None
    finally:
        server.close()
