"""Formats that carry files: forms, multipart bodies and binary content.

A file is ``{"filename", "content", "content_type"}`` with its content in Base64, as Odoo keeps it.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from urllib3.fields import RequestField
from urllib3.filepost import encode_multipart_formdata

from ..core.errors import SyncError
from ..core.values import clean_text, text_of

DEFAULT_TYPE = "application/octet-stream"


def encode_form(value: Any) -> tuple[bytes, str]:
    """``application/x-www-form-urlencoded``; lists repeat their name, nested objects are ``name[part]``.

    >>> encode_form({"to": {"city": "Köln"}, "tag": ["a", "b"], "note": None})
    (b'to%5Bcity%5D=K%C3%B6ln&tag=a&tag=b', 'application/x-www-form-urlencoded')
    """
    pairs = [(name, _scalar(name, item)) for name, item in _flat(value)]
    return urlencode(pairs).encode("ascii"), "application/x-www-form-urlencoded"


def encode_multipart(value: Any) -> tuple[bytes, str]:
    """``multipart/form-data`` (RFC 7578). Its boundary is made of the content, so that a repeat is the same to the byte.

    :raises SyncError: mapping/bad_file (name, reason), not_json_value

    >>> body, content_type = encode_multipart({"order": 7, "label": {"filename": "a.txt", "content": "aGk="}})
    >>> content_type[:30], b'filename="a.txt"' in body, b"hi" in body
    ('multipart/form-data; boundary=', True, True)
    """
    fields = []
    for name, item in _flat(value, stop=is_file):
        data, filename, content_type = _file(name, item) if is_file(item) else (_scalar(name, item).encode(), None, None)
        field = RequestField(name, data, filename)
        field.make_multipart(content_type=content_type)
        fields.append(field)
    digest = hashlib.sha256(repr([(field.headers, field.data) for field in fields]).encode()).hexdigest()
    return encode_multipart_formdata(fields, boundary=digest[:32])


def encode_binary(value: Any) -> tuple[bytes, str]:
    """The bytes of one file.

    >>> encode_binary({"filename": "a.pdf", "content": "JVBERg==", "content_type": "application/pdf"})
    (b'%PDF', 'application/pdf')
    """
    if not is_file(value):
        raise SyncError("mapping", "bad_file", params={"name": "", "reason": "no content"})
    content, _name, content_type = _file("file", value)
    return content, content_type


def decode_binary(raw: bytes, content_type: str) -> dict[str, Any] | None:
    """A file as rules can read it; None for an empty body.

    >>> decode_binary(b"%PDF", "application/pdf; charset=binary")
    {'content': 'JVBERg==', 'content_type': 'application/pdf', 'size': 4}
    """
    if not raw:
        return None
    kind = content_type.partition(";")[0].strip().lower() or DEFAULT_TYPE
    return {"content": base64.b64encode(raw).decode("ascii"), "content_type": kind, "size": len(raw)}


def is_file(value: Any) -> bool:
    """Does this value of a body stand for a file?"""
    return isinstance(value, dict) and "content" in value


def _file(name: str, value: dict) -> tuple[bytes, str, str]:
    content = value["content"]
    try:
        data = base64.b64decode(content.encode("ascii") if isinstance(content, str) else content or b"", validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise SyncError("mapping", "bad_file", params={"name": name[:80], "reason": "not Base64"}) from None
    filename = clean_text(str(value.get("filename") or name)).replace("/", "_").replace("\\", "_")
    return data, filename, str(value.get("content_type") or DEFAULT_TYPE)


def _flat(value: Any, name: str = "", stop=lambda item: False) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict) and not name:
        raise SyncError("mapping", "not_json_value", params={"type": type(value).__name__, "value": str(value)[:80]})
    if stop(value) and name or not isinstance(value, (dict, list)):
        if value is not None:
            yield name, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(item, f"{name}[{key}]" if name else str(key), stop)
    else:
        for item in value:
            yield from _flat(item, name, stop)


def _scalar(name: str, value: Any) -> str:
    text = text_of(value)
    if text is None:
        raise SyncError("mapping", "not_json_value", params={"type": type(value).__name__, "value": str(value)[:80]})
    return text
