"""Test Connection: which step fails, and with what."""

import datetime
import socket
import ssl
import threading

import pytest

from integration_flow.transport import Client, ConnectionConfig, Request

from .crooked import answer, fixed


def steps(client, path="ping"):
    return [(step["name"], step["code"], step["ok"]) for step in client.probe(path)]


def test_all_is_well(server, make_client):
    client = make_client(auth_type="bearer", auth_secret="s3cret")
    assert steps(client) == [
        ("configure", "settings_complete", True),
        ("resolve", "host_found", True),
        ("connect", "connected", True),
        ("authenticate", "credentials_set", True),
        ("call", "answered", True),
    ]
    last = client.probe("ping")[-1]
    assert last["detail"]["status"] == 200 and isinstance(last["ms"], int)


@pytest.mark.parametrize(
    ("settings", "last"),
    [
        ({"base_url": "shop"}, ("configure", "bad_configuration", False)),
        ({"base_url": "http://nowhere.invalid"}, ("resolve", "unknown_host", False)),
        ({"base_url": "http://127.0.0.1:1"}, ("connect", "cannot_connect", False)),
        ({"auth_type": "bearer"}, ("authenticate", "credentials_missing", False)),
        ({"auth_type": "bearer", "auth_secret": "wrong"}, ("call", "credentials_refused", False)),
    ],
)
def test_the_first_failure_ends_it(server, make_client, settings, last):
    server.behaviours["/ping"] = fixed(answer(401, {"message": "token 'wrong' is unknown"}))
    found = make_client(**settings).probe("ping")
    assert (found[-1]["name"], found[-1]["code"], found[-1]["ok"]) == last
    assert all(step["ok"] for step in found[:-1])
    assert "wrong" not in str(found)


def test_the_token_is_tried_before_the_call(server, make_client):
    server.behaviours["/token"] = fixed(answer(401, {"error": "invalid_client"}))
    settings = {
        "auth_type": "oauth2_client",
        "auth_user": "a",
        "auth_secret": "secret-b",
        "token_url": server.url + "/token",
    }
    assert steps(make_client(**settings))[-1] == ("authenticate", "token_refused", False)
    server.behaviours["/token"] = fixed(answer(200, {"access_token": "t-1", "expires_in": 60}))
    found = make_client(**settings).probe("ping")
    assert [step["code"] for step in found][-2:] == ["token_received", "answered"]
    assert found[-2]["detail"] == {"seconds": 60}


class TestTls:
    @pytest.fixture
    def certificate(self, tmp_path):
        x509 = pytest.importorskip("cryptography.x509")
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Crooked Shop")])
        now = datetime.datetime.now(datetime.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        path = tmp_path / "both.pem"
        path.write_bytes(
            made.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return str(path)

    @pytest.fixture
    def port(self, certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        listener = socket.create_server(("127.0.0.1", 0))

        def serve(connection):
            try:
                with context.wrap_socket(connection, server_side=True) as secure:
                    while secure.recv(65536):
                        secure.sendall(answer(200, {"ok": True}))
            except OSError:
                pass

        def accept():
            while True:
                try:
                    connection, _address = listener.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.close()

    def test_a_known_authority(self, port, certificate):
        client = Client(ConnectionConfig(f"https://localhost:{port}", ca_bundle=certificate))
        for _ in range(3):
            assert client.send(Request("GET", "x")).error is None
        step = next(step for step in client.probe("x") if step["name"] == "tls")
        assert step["code"] == "tls_verified" and step["detail"]["issuer"] == "Crooked Shop"
        assert step["detail"]["expires"].endswith("GMT")

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
    def test_an_unknown_authority_or_another_name(self, port, certificate, host):
        bundle = certificate if host == "127.0.0.1" else ""
        client = Client(ConnectionConfig(f"https://{host}:{port}", ca_bundle=bundle))
        exchange = client.send(Request("POST", "x", body={}))
        assert (exchange.error.error_class, exchange.error.code) == ("connection", "tls_failed")
        assert exchange.error.params["reason"] and not exchange.sent and not exchange.error.outcome_unknown
        assert steps(client)[-1] == ("tls", "tls_failed", False)

    def test_not_verified_on_demand(self, port):
        client = Client(ConnectionConfig(f"https://127.0.0.1:{port}", verify_tls=False))
        assert client.send(Request("GET", "x")).error is None
        assert ("tls", "tls_not_verified", True) in steps(client)

    def test_a_missing_bundle(self, port):
        client = Client(ConnectionConfig(f"https://localhost:{port}", ca_bundle="/nowhere.pem"))
        assert client.send(Request("GET", "x")).error.code == "tls_failed"
        assert steps(client)[-1] == ("tls", "tls_failed", False)
