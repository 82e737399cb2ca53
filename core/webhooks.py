"""What arrived at a webhook, as data: its content, its ID and topic, and who may send it. Pure functions.

Nothing here runs before the signature was checked, except ``is_allowed`` and ``is_ping``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

from . import documents, paths
from .errors import SyncError
from .values import clean_text

# Characters of an event's ID or topic that are kept as they are; a longer ID becomes its hash.
LONGEST = 200
MOST_FORM_FIELDS = 1000
# The message that WooCommerce sends, unsigned, when a webhook is saved.
_PING = re.compile(rb"webhook_id=[0-9]{1,20}")


def parse(raw: bytes, content_type: str = "", *, max_bytes: int = documents.MAX_BYTES) -> Any:
    """The content of a delivery: JSON, or a form. A form that carries JSON in its only field ``payload`` (as GitHub and
    Slack send it) is that JSON.

    :raises SyncError: validation 'unsupported_content', and those of ``documents.parse_json``

    >>> parse(b'{"id": 7}')
    {'id': 7}
    >>> parse(b"id=7&name=A%26B", "application/x-www-form-urlencoded")
    {'id': '7', 'name': 'A&B'}
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return _parse_form(raw, max_bytes)
    if kind.startswith("multipart/") or kind.endswith(("/xml", "+xml")):
        raise SyncError("validation", "unsupported_content", params={"content_type": kind})
    return documents.parse_json(raw, max_bytes=max_bytes)


def _parse_form(raw: bytes, max_bytes: int) -> Any:
    if len(raw) > max_bytes:
        raise SyncError("validation", "body_too_large", params={"size": len(raw), "limit": max_bytes})
    try:
        pairs = parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FORM_FIELDS)
    except ValueError:
        raise SyncError("validation", "unsupported_content", params={"content_type": "form"}) from None
    if not pairs:
        raise SyncError("validation", "empty_body")
    fields = {clean_text(name): clean_text(value) for name, value in pairs}
    if list(fields) == ["payload"] and fields["payload"].lstrip().startswith(("{", "[")):
        return documents.parse_json(fields["payload"], max_bytes=max_bytes)
    return fields


def find_text(headers: Mapping[str, str], header: str, document: Any, path: str) -> str:
    """A text from a header, or else from the body by a JMESPath; '' when it is in neither.

    >>> find_text({"X-Topic": "order.created"}, "x-topic", {}, ""), find_text({}, "X-Topic", {"type": "paid"}, "type")
    ('order.created', 'paid')
    """
    if header:
        wanted = header.lower()
        value = next((value for name, value in headers.items() if name.lower() == wanted), "")
        if value:
            return short(value)
    if path and document is not None:
        try:
            value = paths.get(path, document)
        except SyncError:
            return ""
        if isinstance(value, (str, int)) and not isinstance(value, bool):
            return short(str(value))
    return ""


def short(text: str) -> str:
    """A text that an index can hold, different for different texts."""
    text = clean_text(text).strip()
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST - 65]}:{sha256(text.encode()).hexdigest()}"


def fits(pattern: str, topic: str) -> bool:
    """Does a topic fit a line of the settings? ``*`` and ``?`` stand for anything; case does not matter.

    >>> fits("order.*", "Order.Created"), fits("order.created", "order.updated"), fits("*", "")
    (True, False, True)
    """
    pattern = pattern.lower().replace("[", "[[]")
    return fnmatchcase(topic.lower(), pattern)


@lru_cache(maxsize=256)
def networks(text: str) -> tuple:
    """The addresses and networks of an allow-list: one each line, or separated by commas.

    :raises ValueError: names the first part that is none

    >>> [str(network) for network in networks("10.0.0.1, 192.168.0.0/16")]
    ['10.0.0.1/32', '192.168.0.0/16']
    """
    return tuple(ipaddress.ip_network(part, strict=False) for part in re.split(r"[,\s]+", text.strip()) if part)


def is_allowed(address: str, allow_list: str) -> bool:
    """May this address send? An empty list allows all; an address that cannot be read is not on any list.

    >>> is_allowed("::ffff:10.0.0.1", "10.0.0.0/8"), is_allowed("11.0.0.1", "10.0.0.0/8"), is_allowed("x", "")
    (True, False, True)
    """
    if not allow_list or not allow_list.strip():
        return True
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None) or found
    return any(mapped.version == network.version and mapped in network for network in networks(allow_list))


def is_ping(body: bytes, content_type: str) -> bool:
    """Is this the message without signature by which WooCommerce asks whether anybody listens?"""
    return content_type.startswith("application/x-www-form-urlencoded") and bool(_PING.fullmatch(body))


def challenge(document: Any) -> str:
    """The text that Slack wants back when an address is registered (in a signed request); '' for anything else."""
    if isinstance(document, dict) and document.get("type") == "url_verification":
        value = document.get("challenge")
        return value[:LONGEST] if isinstance(value, str) else ""
    return ""


def items_at(document: Any, path: str) -> list:
    """What stands at a path of an event, as a list: the event itself when there is no path; [] for nothing.

    :raises SyncError: when the path does not fit

    >>> items_at({"data": {"id": 1}}, "data"), items_at({"ids": [1, 2]}, "ids"), items_at({}, "data")
    ([{'id': 1}], [1, 2], [])
    """
    found = paths.get(path, document) if path else document
    if found is None:
        return []
    return found if isinstance(found, list) else [found]
