"""What bodies look like on the wire, and what is read out of answers, beyond JSON."""

import gzip
import json

import pytest

from integration_flow.core.errors import SyncError
from integration_flow.transport import Request, formats

from .crooked import answer, fixed

SOAP = {"soap": "http://schemas.xmlsoap.org/soap/envelope/", "m": "urn:orders"}


def test_a_soap_call(server, client):
    server.behaviours["/soap"] = fixed(answer(
        200, b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><r><Id>7</Id></r></s:Body></s:Envelope>',
        content_type="text/xml"))
    exchange = client.send(Request(
        "POST", "soap", body={"soap:Envelope": {"soap:Body": {"m:GetOrder": {"m:Id": 7}}}}, format="xml",
        format_options={"namespaces": SOAP, "content_type": "text/xml"}, headers={"SOAPAction": "urn:GetOrder"}))
    assert exchange.error is None
    assert exchange.response.body["Envelope"]["Body"]["r"] == {"Id": "7"}
    seen = server.seen[0]
    assert seen.headers["content-type"] == "text/xml; charset=utf-8" and seen.headers["soapaction"] == "urn:GetOrder"
    assert b"<m:GetOrder><m:Id>7</m:Id></m:GetOrder>" in seen.body
    assert "<m:Id>7</m:Id>" in exchange.request_body


def test_a_soap_fault_is_a_failure(server, client):
    server.behaviours["/soap"] = fixed(answer(
        500, b"<Envelope><Body><Fault><faultstring>No such order</faultstring></Fault></Body></Envelope>",
        content_type="text/xml"))
    exchange = client.send(Request(
        "POST", "soap", body={"a": 1}, format="xml", error_paths=("Envelope.Body.Fault.faultstring",)))
    assert exchange.error.error_class == "server" and exchange.error.params["message"] == "No such order"


def test_a_table(server, client):
    server.behaviours["/stock.csv"] = fixed(answer(
        200, "sku;qty\nA;1\nÄ;2\n".encode("cp1252"), content_type="text/csv; charset=windows-1252"))
    exchange = client.send(Request("GET", "stock.csv", format="csv", format_options={"delimiter": ";"}))
    assert exchange.response.body == [{"sku": "A", "qty": "1"}, {"sku": "Ä", "qty": "2"}]
    assert server.seen[0].headers["accept"].startswith("text/csv")


def test_files_and_fields(server, client):
    """Read by Python's own parser of e-mail, which multipart bodies are."""
    from email.parser import BytesParser

    server.behaviours["/upload"] = fixed(answer(200, b'{"id": 1}'))
    body = {"order": {"id": 7}, "tag": ["a", "b"], "label": {
        "filename": "Etikett ü.pdf", "content": "JVBERg==", "content_type": "application/pdf"}}
    request = Request("POST", "upload", body=body, format="multipart")
    for _time in range(2):
        assert client.send(request).response.body == {"id": 1}
    first, second = server.seen
    assert first.body == second.body and first.headers["content-type"] == second.headers["content-type"]
    parsed = BytesParser().parsebytes(b"Content-Type: " + first.headers["content-type"].encode() + b"\r\n\r\n" + first.body)
    parts = [(part.get_param("name", header="content-disposition"), part.get_payload(decode=True))
             for part in parsed.get_payload()]
    assert parts == [("order[id]", b"7"), ("tag", b"a"), ("tag", b"b"), ("label", b"%PDF")]


def test_a_file_comes_and_goes(server, client):
    server.behaviours["/label.pdf"] = fixed(answer(200, b"%PDF-1.7\x00", content_type="application/pdf"))
    exchange = client.send(Request("GET", "label.pdf", format="binary"))
    assert exchange.response.body == {"content": "JVBERi0xLjcA", "content_type": "application/pdf", "size": 9}
    assert exchange.response_body == "<9 bytes of application/pdf>"
    client.send(Request("PUT", "label.pdf", body=exchange.response.body, format="binary"))
    assert server.seen[1].body == b"%PDF-1.7\x00" and server.seen[1].headers["content-type"] == "application/pdf"


def test_packed(server, client):
    server.behaviours["/big"] = fixed(answer(200, b"{}"))
    exchange = client.send(Request("POST", "big", body=[{"a": 1}] * 100, compress=True))
    seen = server.seen[0]
    assert seen.headers["content-encoding"] == "gzip" and json.loads(gzip.decompress(seen.body)) == [{"a": 1}] * 100
    assert len(seen.body) < 100 and exchange.request_body.startswith('[{"a":1}')


@pytest.mark.parametrize(("format", "options"), [
    ("xml", {"roots": "a"}), ("xml", {"lists": "line"}), ("xml", {"schema_sent": "<a"}), ("csv", {"delimiter": ";;"}),
    ("csv", {"encoding": "nonsense"}), ("json", {"root": "a"}), ("json", []),
])
def test_options_that_cannot_be_used(format, options):
    with pytest.raises(SyncError):
        formats.check_options(format, options)


@pytest.mark.parametrize("value", [
    {"content": "no base64!"}, {"content": 7}, {"name": "x"}, "text"])
def test_files_that_cannot_be_sent(client, value):
    exchange = client.send(Request("POST", "upload", body=value, format="binary"))
    assert exchange.error.code == "bad_file" and not exchange.sent
