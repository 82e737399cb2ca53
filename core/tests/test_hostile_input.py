"""Input from outside costs linear time: what is handled in milliseconds must not take minutes when it is
malformed."""

import contextlib
import time

import pytest

from integration_flow.core import classify, documents, fingerprint, paging, redact
from integration_flow.core.errors import SyncError
from integration_flow.core.transforms import normalise, to_odoo

PIECES = [
    "<",
    "<!",
    "</",
    "<a ",
    "<!--",
    "<a x='",
    "<?",
    "&",
    "&#",
    "&#1",
    "<![CDATA[",
    "<script>",
    "<style></",
    "<p>",
    "\\",
    '\\"',
    "'",
    '"a',
    "password=",
    "<password>",
    '"password":"',
    '"password":"\\"',
    "Basic ",
    " ",
    "://",
    "?a=",
    "{",
    "[",
    '{"a":',
    "a@",
    ":",
    "-",
    "; rel=",
    "<a>;",
    " ;",
    "1",
]
SECONDS = 2.0


@pytest.mark.parametrize("piece", PIECES, ids=repr)
@pytest.mark.parametrize(
    ("function", "length"),
    [
        (lambda text: to_odoo("text", text, {"html": "strip"}), 200_000),
        (lambda text: redact.redact_body(text, secrets=["hunter2hunter2"]), 300_000),
        (redact.redact_url, 100_000),
        (lambda text: documents.parse_json(text.encode()), 1_000_000),
        (lambda text: classify.extract_message(text, []), 200_000),
        (lambda text: classify.classify_status(403, message=text), 500),
        (lambda text: fingerprint.failure_fingerprint("a", "b", {"message": text}), 100_000),
        (lambda text: paging.parse_link_header("<a>" + text), 60_000),
        (
            lambda text: to_odoo("number", text, {"decimal_separator": ",", "thousands_separator": "."}),
            100_000,
        ),
        (lambda text: to_odoo("datetime", text), 100_000),
        (lambda text: normalise("html", text), 200_000),
    ],
    ids=[
        "strip_html",
        "redact_body",
        "redact_url",
        "parse_json",
        "extract_message",
        "classify",
        "fingerprint",
        "link_header",
        "number",
        "datetime",
        "normalise",
    ],
)
def test_time(function, length, piece):
    text = (piece * (length // len(piece) + 1))[:length]
    began = time.perf_counter()
    with contextlib.suppress(SyncError):
        function(text)
    assert time.perf_counter() - began < SECONDS
