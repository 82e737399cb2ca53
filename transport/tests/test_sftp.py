"""Files over SFTP, with a real server: what is read and written, who is recognised, and what a failure means."""

import base64
import io

import paramiko
import pytest

from integration_flow.sandbox.files import PASSWORD, USER, FileServer
from integration_flow.transport import Client, ConnectionConfig, Request, ssh


@pytest.fixture
def files():
    server = FileServer()
    yield server
    server.stop()


@pytest.fixture
def make_client(files):
    made = []

    def make(**settings):
        made.append(Client(ConnectionConfig(**{
            "base_url": files.url, "auth_type": "basic", "auth_user": USER, "auth_secret": PASSWORD,
            "host_key": files.fingerprint, "timeout_connect": 2.0, "timeout_read": 2.0, **settings})))
        return made[-1]

    yield make
    for client in made:
        client.close()


def put(path, body, **more):
    return Request("PUT", path, body=body, format="csv", idempotent=True, **more)


def once(path, body):
    return put(path, body, headers={"If-None-Match": "*"})


ROWS = [{"sku": "A", "quantity": 1}, {"sku": "B", "quantity": 2}]


def problem(exchange):
    assert exchange.error is not None, exchange.response
    return exchange.error.error_class, exchange.error.code


# -- reading -----------------------------------------------------------------------------------------------


def test_a_folder_is_listed_and_a_file_is_read(files, make_client):
    files.put("in/b one.csv", "sku;quantity\nA;1\n", modified=2000)
    files.put("in/a.csv", "x\n", modified=1000)
    files.put("in/.hidden.csv", "x\n")
    files.put("in/done/old.csv", "x\n")
    files.put("in/notes.txt", "x\n")
    client = make_client()
    listing = client.send(Request("LIST", "in", query={"pattern": "*.csv"}, idempotent=True))
    listing.raise_for_error()
    assert listing.response.body == {"files": [
        {"name": "a.csv", "size": 2, "modified": 1000}, {"name": "b one.csv", "size": 17, "modified": 2000}]}
    file = client.send(Request("GET", "in/b%20one.csv", format="csv", format_options={"delimiter": ";"}))
    file.raise_for_error()
    assert file.response.body == [{"sku": "A", "quantity": "1"}]
    assert file.response.headers["etag"] == "17-2000"
    assert files.logins == 1, "one session for both calls"
    assert "sku;quantity" in file.response_body and PASSWORD not in str(file.request_headers)


def test_a_large_file_arrives_whole(files, make_client):
    rows = "\n".join(["n", *map(str, range(300_000))])
    files.put("big.csv", rows)
    file = make_client().send(Request("GET", "big.csv", format="csv"))
    file.raise_for_error()
    assert [row["n"] for row in file.response.body] == [str(number) for number in range(300_000)]
    assert problem(make_client(max_response_bytes=1000).send(Request("GET", "big.csv"))) == (
        "validation", "body_too_large")


def test_a_cut_read_is_repeated_or_told(files, make_client):
    files.put("big.csv", "n\n" + "12345678\n" * 100_000)
    files.put("small.csv", "n\n1\n")
    client = make_client()
    files.fault("cut", after=300_000)
    assert problem(client.send(Request("GET", "big.csv", format="csv"))) == ("connection", "answer_cut")
    client.send(Request("GET", "small.csv", format="csv")).raise_for_error()
    files.fault("cut", after=300_000)
    again = client.send(Request("GET", "big.csv", format="csv"))
    again.raise_for_error()
    assert len(again.response.body) == 100_000, "a session that was used before is replaced without a word"


@pytest.mark.parametrize(("path", "expected"), [
    ("nothing.csv", ("validation", "not_found")), ("../etc/passwd", ("mapping", "bad_url")),
    ("sftp://elsewhere.example/x", ("validation", "foreign_origin"))])
def test_what_cannot_be_read(make_client, path, expected):
    assert problem(make_client().send(Request("GET", path))) == expected


def test_a_server_that_says_nothing(files, make_client):
    files.put("a.csv", "n\n")
    files.fault("silent", seconds=2)
    assert problem(make_client(timeout_read=0.3).send(Request("GET", "a.csv"))) == ("timeout", "no_answer")


# -- writing -----------------------------------------------------------------------------------------------


def test_a_file_is_whole_before_it_has_its_name(files, make_client):
    files.put("out/readme", "")
    client = make_client()
    answer = client.send(put("out/stock.csv", ROWS))
    answer.raise_for_error()
    assert files.read("out/stock.csv") == b"sku,quantity\r\nA,1\r\nB,2\r\n"
    assert (answer.response.status, answer.response.body["existing"], answer.response.body["size"]) == (201, False, 24)
    client.send(put("out/stock.csv", ROWS[:1])).raise_for_error()
    assert files.read("out/stock.csv") == b"sku,quantity\r\nA,1\r\n", "replaced"
    files.fault("disk_full", after=10)
    assert problem(client.send(put("out/stock.csv", ROWS))) == ("server", "file_failed")
    assert files.read("out/stock.csv") == b"sku,quantity\r\nA,1\r\n", "what was there stays"
    assert files.names("out") == ["readme", "stock.csv"], "no half a file is left"


def test_a_file_is_not_written_twice(files, make_client):
    client = make_client()
    client.send(once("7.csv", ROWS)).raise_for_error()
    again = client.send(once("7.csv", ROWS))
    again.raise_for_error()
    assert (again.response.status, again.response.body["existing"], files.renames) == (200, True, ["/7.csv"])
    assert problem(client.send(once("7.csv", ROWS[:1]))) == ("validation", "file_exists")
    assert files.read("7.csv").count(b"\n") == 3
    files.fault("cut_after")
    lost = client.send(once("8.csv", ROWS))
    lost.raise_for_error()
    assert (lost.response.body["existing"], files.renames) == (True, ["/7.csv", "/8.csv"])


def test_a_file_is_moved(files, make_client):
    files.put("in/a.csv", "1", modified=1000)
    files.put("in/done/a.csv", "0", modified=500)
    client = make_client(base_url=f"{files.url}/in")
    move = Request("MOVE", "a.csv", headers={"Destination": "done/a.csv"}, idempotent=True)
    client.send(move).raise_for_error()
    assert (files.names("in"), files.names("in/done")) == (["done"], ["a.csv", "a.csv.1000"])
    client.send(move).raise_for_error()
    files.put("in/b.csv", "1")
    client.send(Request("MOVE", "b.csv", headers={"Destination": "archive/b.csv"}, idempotent=True)).raise_for_error()
    assert files.names("in/archive") == ["b.csv"], "a missing folder is made"
    assert problem(client.send(Request("MOVE", "c.csv", headers={"Destination": "../c.csv"}))) == ("mapping", "bad_url")


# -- who is who --------------------------------------------------------------------------------------------


def test_nothing_is_shown_to_a_server_that_is_not_recognised(files, make_client):
    error = make_client(host_key="").send(Request("LIST", "")).error
    assert (error.code, error.params["key"]) == ("host_key_unknown", files.fingerprint)
    make_client().send(Request("LIST", "")).raise_for_error()
    known = files.fingerprint
    files.restart(host_key=paramiko.ECDSAKey.generate())
    error = make_client(host_key=known).send(Request("LIST", "")).error
    assert (error.code, error.params["key"], error.params["known"]) == ("host_key_changed", files.fingerprint, known)
    assert files.logins == 1, "no password was shown to the other one"


def test_the_key_of_the_user(files, make_client):
    key = paramiko.ECDSAKey.generate()
    files.accept_key(key)
    text = _written(key)
    make_client(auth_type="private_key", auth_secret=text).send(Request("LIST", "")).raise_for_error()
    make_client(auth_type="private_key", auth_secret=text.replace("\n", "\\n")).send(
        Request("LIST", "")).raise_for_error()
    other = make_client(auth_type="private_key", auth_secret=_written(paramiko.ECDSAKey.generate()))
    assert problem(other.send(Request("LIST", ""))) == ("authentication", "login_refused")
    for secret, reason in ((_written(key, "secret"), "passphrase"), ("no key", "none of the known")):
        error = make_client(auth_type="private_key", auth_secret=secret).send(Request("LIST", "")).error
        assert error.code == "bad_private_key" and reason in error.params["reason"]
        assert secret not in str(error)


def _written(key, passphrase=None):
    stream = io.StringIO()
    key.write_private_key(stream, password=passphrase)
    return stream.getvalue()


def test_refused_and_unreachable(files, make_client):
    assert problem(make_client(auth_secret="wrong").send(Request("LIST", ""))) == ("authentication", "login_refused")
    assert problem(make_client(auth_type="bearer").send(Request("LIST", ""))) == ("authentication", "bad_configuration")
    assert problem(make_client(base_url="sftp://nowhere.invalid").send(Request("LIST", ""))) == (
        "connection", "unknown_host")
    client = make_client()
    client.send(Request("LIST", "")).raise_for_error()
    files.stop_listening()
    assert problem(client.send(Request("LIST", ""))) == ("connection", "cannot_connect")
    files.restart()
    client.send(Request("LIST", "")).raise_for_error()


def test_the_library_is_asked_for_only_here(make_client, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "paramiko", None)
    assert problem(make_client().send(Request("LIST", ""))) == ("authentication", "library_missing")


def test_several_at_once(files, make_client):
    for number in range(12):
        files.put(f"{number}.csv", f"n\n{number}\n")
    client = make_client(parallel_calls=4)
    found = [exchange.response.body for exchange in client.send_many(
        [Request("GET", f"{number}.csv", format="csv") for number in range(12)])]
    assert sorted(int(rows[0]["n"]) for rows in found) == list(range(12))
    assert 1 <= files.logins <= 4


# -- the test of a connection ------------------------------------------------------------------------------


def test_probe(files, make_client):
    steps = [(step["name"], step["code"]) for step in make_client().probe("")]
    assert steps == [
        ("configure", "settings_complete"), ("resolve", "host_found"), ("connect", "connected"),
        ("host_key", "host_key_accepted"), ("authenticate", "logged_in"), ("call", "answered")]
    unknown = make_client(host_key="").probe("")[-1]
    assert (unknown["name"], unknown["ok"], unknown["detail"]["key"]) == ("host_key", False, files.fingerprint)
    assert make_client(auth_secret="wrong").probe("")[-1]["code"] == "login_refused"


def test_the_key_of_the_server_is_shown_as_openssh_shows_it():
    """The key and what `ssh-keygen -lf` says of it."""
    shown = ssh.key_of(Shown(paramiko.Ed25519Key(data=base64.b64decode(
        "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"))))
    assert shown == "ssh-ed25519 SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"
    assert ssh.address_of("sftp://[::1]:2222/x") == ("::1", 2222)


class Shown:
    def __init__(self, key):
        self.get_remote_server_key = lambda: key
