"""What a body means: `_encode_<format>` and `_decode_<format>`. A new format is two such functions.

Both get the format options of the resource, a plain object: what they know of it stands in `OPTIONS`.
"""

import codecs
from collections.abc import Mapping
from typing import Any

from ..core.documents import dump_json, parse_json
from ..core.errors import SyncError
from ..core.tables import dump_csv, parse_csv
from ..core.xml_documents import compile_schema, dump_xml, parse_xml
from . import format_files

OPTIONS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "json": {},
    "graphql": {},
    "xml": {
        "root": str, "namespaces": dict, "lists": list, "content_type": str, "schema_sent": str, "schema_received": str},
    "csv": {"delimiter": str, "quote": str, "encoding": str, "columns": list, "heading": bool},
    "form": {},
    "multipart": {},
    "binary": {},
}
"""What may stand in the format options, by format: names and types."""
_NO_OPTIONS: Mapping[str, Any] = {}

START = 200
"""Characters of an unexpected answer that an error quotes."""


def check_options(format: str, options: Any) -> None:
    """Raise for options that this format does not know or cannot use.

    :raises SyncError: mapping/bad_table_option (option, value); mapping/bad_xml_schema (reason)

    >>> check_options("csv", {"delimiter": ";"})
    >>> check_options("csv", {"separator": ";"})
    Traceback (most recent call last):
    ...
    integration_flow.core.errors.SyncError: bad_table_option (option=separator, value=;)
    """
    known = OPTIONS.get(format, {})
    if not isinstance(options, dict):
        raise SyncError("mapping", "bad_table_option", params={"option": "", "value": str(options)[:80]})
    for name, value in options.items():
        if name not in known or not isinstance(value, known[name]):
            raise SyncError("mapping", "bad_table_option", params={"option": name, "value": str(value)[:80]})
    for name in ("schema_sent", "schema_received"):
        if options.get(name):
            compile_schema(options[name])
    if format == "csv":
        dump_csv([], **options)


def encode(format: str, value: Any, options: Mapping[str, Any] = _NO_OPTIONS) -> tuple[bytes, str]:
    """The bytes of `value` and their content type.

    >>> encode("json", {"a": "ü"})
    (b'{"a":"\\xc3\\xbc"}', 'application/json')
    >>> encode("carrier pigeon", 1)
    Traceback (most recent call last):
    ...
    integration_flow.core.errors.SyncError: unknown_format (format=carrier pigeon, known=binary, csv, form, ...)
    """
    return _function("_encode_", format)(value, options)


def decode(
    format: str, raw: bytes, content_type: str, *, max_bytes: int = 10 * 1024 * 1024,
    options: Mapping[str, Any] = _NO_OPTIONS,
) -> Any:
    """The value in `raw`; None for an empty body.

    >>> decode("json", b'[1]', "text/plain; charset=utf-8"), decode("json", b"", "")
    ([1], None)
    >>> decode("json", b"<html>", "text/html")
    Traceback (most recent call last):
    ...
    integration_flow.core.errors.SyncError: not_json (content_type=text/html, start=<html>)
    """
    if format in ("csv", "xml") and content_type.partition(";")[0].strip().lower() == "application/json":
        format, options = "json", _NO_OPTIONS  # what a file was answered with, by who says so
    return _function("_decode_", format)(raw, content_type, max_bytes, options)


_ACCEPTED = {
    "json": "application/json", "graphql": "application/json", "form": "application/json", "multipart": "application/json",
    "xml": "application/xml, text/xml", "csv": "text/csv, text/plain"}


def accept(format: str) -> str:
    """The Accept header for `format`.

    >>> accept("xml"), accept("binary")
    ('application/xml, text/xml', '*/*')
    """
    return _ACCEPTED.get(format, "*/*")


def known_formats() -> list[str]:
    """Names of the formats that can be decoded.

    >>> known_formats()
    ['binary', 'csv', 'form', 'graphql', 'json', 'multipart', 'ready', 'xml']
    """
    return sorted(name.removeprefix("_decode_") for name in globals() if name.startswith("_decode_"))


def _function(prefix: str, format: str) -> Any:
    function = globals().get(prefix + format)
    if function is None:
        raise SyncError(
            "mapping", "unknown_format", params={"format": format, "known": ", ".join(known_formats())}
        )
    return function


def _encode_json(value: Any, options: Mapping[str, Any]) -> tuple[bytes, str]:
    return dump_json(value).encode("utf-8"), "application/json"


def _encode_ready(value: str, options: Mapping[str, Any]) -> tuple[bytes, str]:
    """JSON text that was made before (and signed): it leaves byte for byte."""
    return value.encode("utf-8"), "application/json"


def _decode_ready(raw: bytes, content_type: str, max_bytes: int, options: Mapping[str, Any]) -> Any:
    """Whatever it is, as text; None for nothing."""
    return raw[:max_bytes].decode("utf-8", errors="replace") or None


def _encode_xml(value: Any, options: Mapping[str, Any]) -> tuple[bytes, str]:
    raw = dump_xml(
        value, root=options.get("root", ""), namespaces=options.get("namespaces"), schema=options.get("schema_sent", ""))
    return raw, f"{options.get('content_type', 'application/xml')}; charset=utf-8"


def _decode_xml(raw: bytes, content_type: str, max_bytes: int, options: Mapping[str, Any]) -> Any:
    return parse_xml(raw, lists=options.get("lists", ()), schema=options.get("schema_received", ""))


def _encode_csv(value: Any, options: Mapping[str, Any]) -> tuple[bytes, str]:
    return dump_csv(value, **options), f"text/csv; charset={options.get('encoding', 'utf-8')}"


def _decode_csv(raw: bytes, content_type: str, max_bytes: int, options: Mapping[str, Any]) -> Any:
    charset = content_type.lower().partition("charset=")[2].split(";")[0].strip(" \"'")
    known = {name: options[name] for name in ("delimiter", "quote", "columns", "keep_broken") if name in options}
    if options.get("heading", True):
        known.pop("columns", None)  # the file says them itself
    return parse_csv(raw, encoding=options.get("encoding") or charset or "utf-8", **known)


def _encode_form(value: Any, options: Mapping[str, Any]) -> tuple[bytes, str]:
    return format_files.encode_form(value)


def _encode_multipart(value: Any, options: Mapping[str, Any]) -> tuple[bytes, str]:
    return format_files.encode_multipart(value)


def _encode_binary(value: Any, options: Mapping[str, Any]) -> tuple[bytes, str]:
    return format_files.encode_binary(value)


def _decode_binary(raw: bytes, content_type: str, max_bytes: int, options: Mapping[str, Any]) -> Any:
    return format_files.decode_binary(raw, content_type)


def _decode_json(raw: bytes, content_type: str, max_bytes: int, options: Mapping[str, Any] = _NO_OPTIONS) -> Any:
    """JSON by its looks first, its type second: servers send JSON as text/html and HTML as JSON."""
    text = raw.lstrip()
    if not text:
        return None
    kind, _, options = content_type.lower().partition(";")
    declared = kind.strip().endswith(("/json", "+json")) or not kind.strip()
    looks = text[:1] in b'{["' or text[:3] == codecs.BOM_UTF8
    if text[:1] == b"<" or not (declared or looks):
        # A page instead of data (login, maintenance, proxy) is the other side's state, not the record's.
        error_class = "server" if text[:1] == b"<" else "validation"
        start = raw[: START * 4].decode("utf-8", errors="replace")[:START]
        raise SyncError(error_class, "not_json", params={"content_type": content_type, "start": start})
    return parse_json(_as_utf8(raw, options), max_bytes=max_bytes)


# Forms and files are sent; what is answered to them is data. GraphQL is JSON by another meaning: see core/graphql.py.
_decode_form = _decode_multipart = _decode_graphql = _decode_json
_encode_graphql = _encode_json


def _as_utf8(raw: bytes, options: str) -> bytes:
    """`raw` in UTF-8 where the content type names another charset (old servers; RFC 8259 has none)."""
    charset = options.partition("charset=")[2].split(";")[0].strip(" \"'")
    if not charset or charset in ("utf-8", "utf8"):
        return raw
    try:
        return raw.decode(charset).encode("utf-8")
    except (LookupError, UnicodeError):
        return raw
