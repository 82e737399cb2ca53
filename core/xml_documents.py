"""XML as the same plain values as JSON, both ways; untrusted input: no entities, no network, no document types.

An element with only text is that text, an empty one is None. Attributes are ``@name``, text beside attributes or
elements is ``#text``, elements of one name are a list where there are several (or where ``lists`` names them).
Names lose their namespace when they are read, so that paths stay readable; written names carry a prefix from
``namespaces`` (``soap:Body``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from lxml import etree

from .documents import MAX_DEPTH, utc_text
from .errors import SyncError
from .values import clean_text, text_of

ATTRIBUTE = "@"
TEXT = "#text"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
_NIL = f"{{{XSI}}}nil"
_NAME = re.compile(r"(?:(?P<prefix>[A-Za-z_][\w.-]*):)?(?P<name>[A-Za-z_][\w.-]*)")


def _parser() -> etree.XMLParser:
    # huge_tree stays off: lxml then bounds depth and text by itself, and ours is checked on top.
    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False,
        remove_comments=True, remove_pis=True)


def parse_xml(raw: bytes, *, lists: Collection[str] = (), schema: str = "", max_depth: int = MAX_DEPTH) -> Any:
    """``{name of the root: its value}``; None for an empty body.

    :param lists: names of elements that are a list even where there is only one
    :param schema: text of an XML Schema (XSD) that the document has to fit; '' = any
    :raises SyncError: validation/malformed_xml (line, near), xml_doctype, too_deep; schema/xml_schema (line, reason)

    >>> parse_xml(b'<order id="7"><line><sku>A</sku></line><note/></order>', lists=("line",))
    {'order': {'@id': '7', 'line': [{'sku': 'A'}], 'note': None}}
    >>> parse_xml(b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')
    Traceback (most recent call last):
    ...
    integration_flow.core.errors.SyncError: xml_doctype
    """
    if not raw.strip():
        return None
    root = parse_element(raw)
    if schema:
        check_schema(root, schema)
    return {_local(root): _value(root, frozenset(lists), max_depth)}


def parse_element(raw: bytes) -> etree._Element:
    """The root element of a document. Errors as for ``parse_xml``."""
    try:
        root = etree.fromstring(raw, _parser())
    except (etree.XMLSyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise SyncError("validation", "malformed_xml", params={
            "line": line, "reason": str(error).split(", line ", maxsplit=1)[0][:200]}, detail=str(error)) from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise SyncError("validation", "xml_doctype")
    return root


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname


def _value(element: etree._Element, lists: frozenset[str], depth: int) -> Any:
    if depth <= 0:
        raise SyncError("validation", "too_deep", params={"limit": MAX_DEPTH})
    attributes = {
        ATTRIBUTE + etree.QName(name).localname: value for name, value in element.attrib.items() if name != _NIL}
    children = list(element)
    if not children:
        if element.get(_NIL) in ("true", "1"):
            return attributes or None
        return {**attributes, TEXT: element.text} if attributes and element.text else attributes or element.text
    found: dict[str, Any] = dict(attributes)
    text = "".join(filter(None, [element.text, *(child.tail for child in children)])).strip()
    if text:
        found[TEXT] = text
    several: set[str] = set()
    for child in children:
        name = _local(child)
        value = _value(child, lists, depth - 1)
        if name in several:
            found[name].append(value)
        elif name in found:
            found[name] = [found[name], value]
            several.add(name)
        elif name in lists:
            found[name] = [value]
            several.add(name)
        else:
            found[name] = value
    return found


def dump_xml(value: Any, *, root: str = "", namespaces: Mapping[str, str] | None = None, schema: str = "") -> bytes:
    """The document of ``value`` in UTF-8, with an XML declaration.

    :param root: name of the root element; '' = ``value`` is an object with one name, which is the root's
    :param namespaces: prefix → namespace; the prefix '' is of all names without one
    :param schema: text of an XSD that what leaves has to fit; '' = any
    :raises SyncError: mapping/xml_no_root, bad_xml_name (name), unknown_xml_prefix (prefix), not_json_value;
        schema/xml_schema (line, reason); validation/too_deep

    >>> dump_xml({"order": {"@id": 7, "line": [{"sku": "A & B"}], "note": None}}).decode()
    '<?xml version=\\'1.0\\' encoding=\\'utf-8\\'?>\\n<order id="7"><line><sku>A &amp; B</sku></line><note/></order>'
    >>> dump_xml([1, 2])
    Traceback (most recent call last):
    ...
    integration_flow.core.errors.SyncError: xml_no_root
    """
    if not root:
        if not isinstance(value, dict) or len(value) != 1:
            raise SyncError("mapping", "xml_no_root")
        root, value = next(iter(value.items()))
    spaces = {prefix or None: uri for prefix, uri in (namespaces or {}).items()}
    element = etree.Element(_qualified(root, spaces), nsmap=spaces or None)
    _fill(element, value, spaces, MAX_DEPTH)
    if schema:
        # As the other side will read it: lines and defaults are those of the text.
        check_schema(element, schema)
    return etree.tostring(element, encoding="utf-8", xml_declaration=True)


def _qualified(name: str, spaces: Mapping[str | None, str], *, attribute: bool = False) -> str:
    match = _NAME.fullmatch(name) if isinstance(name, str) else None
    if match is None:
        raise SyncError("mapping", "bad_xml_name", params={"name": str(name)[:80]})
    prefix = match["prefix"]
    if prefix is None and attribute:
        return match["name"]  # an attribute without a prefix is in no namespace
    if prefix == "xsi" and prefix not in spaces:
        return f"{{{XSI}}}{match['name']}"
    if prefix is not None and prefix not in spaces:
        raise SyncError("mapping", "unknown_xml_prefix", params={"prefix": prefix})
    uri = spaces.get(prefix)
    return f"{{{uri}}}{match['name']}" if uri else match["name"]


def _fill(element: etree._Element, value: Any, spaces: Mapping[str | None, str], depth: int) -> None:
    if depth <= 0:
        raise SyncError("validation", "too_deep", params={"limit": MAX_DEPTH})
    if not isinstance(value, dict):
        element.text = _text(value)
        return
    for name, item in value.items():
        if name == TEXT:
            element.text = _text(item)
        elif isinstance(name, str) and name.startswith(ATTRIBUTE):
            if item is not None:
                element.set(_qualified(name[1:], spaces, attribute=True), _text(item) or "")
        else:
            tag = _qualified(name, spaces)
            for each in item if isinstance(item, list) else [item]:
                _fill(etree.SubElement(element, tag), each, spaces, depth - 1)


def _text(value: Any) -> str | None:
    """A scalar as XML text; what XML cannot hold (control characters) is left out."""
    if value is None:
        return None
    text = utc_text(value) if isinstance(value, datetime) else text_of(value)
    if text is None:
        raise SyncError("mapping", "not_json_value", params={"type": type(value).__name__, "value": str(value)[:80]})
    return clean_text(text).replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")


@lru_cache(maxsize=32)
def compile_schema(text: str) -> etree.XMLSchema:
    """The XSD in ``text``. It has to be complete: nothing is loaded from files or the network.

    :raises SyncError: mapping/bad_xml_schema (reason)
    """
    try:
        return etree.XMLSchema(parse_element(text.encode("utf-8")))
    except (etree.XMLSchemaParseError, SyncError) as error:
        reason = error.params.get("reason", error.code) if isinstance(error, SyncError) else str(error)
        raise SyncError("mapping", "bad_xml_schema", params={"reason": str(reason)[:300]}, detail=str(error)) from None


def check_schema(root: etree._Element, text: str) -> None:
    """Raise SyncError('schema', 'xml_schema', line, reason) where the document does not fit the XSD."""
    schema = compile_schema(text)
    # An element is checked as part of its own document, so that what is written is checked as it will be read.
    document = etree.fromstring(etree.tostring(root), _parser())
    if not schema.validate(document):
        first = schema.error_log[0]
        raise SyncError("schema", "xml_schema", params={"line": first.line, "reason": first.message[:300]},
                        detail=str(schema.error_log)[:4000])
