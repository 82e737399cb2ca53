"""Addresses and query parameters of operations with {variables} filled in (as in RFC 6570, level 1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from .documents import utc_text
from .errors import SyncError
from .transforms_text import split_template
from .values import is_blank, shown, text_of

_NAME = re.compile(r"\{([^{}]+)\}")


def fill_path(template: str, variables: Mapping[str, Any]) -> str:
    """The path with each {name} replaced by its percent-encoded value: no value can add a segment or a
    parameter. {+name} is a whole address that the other system has given (RFC 6570, level 2) and stays as it is;
    the transport keeps it to the connection's own origin.

    Errors: SyncError('mapping', 'missing_variable') for an unknown or blank one, 'unsafe_path_value' for '.'
    and '..' (they would climb), 'bad_template' for loose braces.

    >>> fill_path("orders/{id}/notes", {"id": "A/7 b"})
    'orders/A%2F7%20b/notes'
    >>> fill_path("{+label_url}", {"label_url": "/labels/7.pdf?size=a6"})
    '/labels/7.pdf?size=a6'
    >>> fill_path("orders/{id}", {"id": ""})
    Traceback (most recent call last):
    ...
    integration_flow.core.errors.SyncError: missing_variable (variable=id, template=orders/{id})
    """
    parts = []
    for is_literal, text in split_template(template):
        if is_literal:
            parts.append(text)
            continue
        value = _text(_variable(text.removeprefix("+"), template, variables))
        if value is None or is_blank(value):
            raise SyncError("mapping", "missing_variable", params={"variable": text, "template": template})
        if text.startswith("+"):
            parts.append(value)
            continue
        if value.strip(".") == "":
            raise SyncError("mapping", "unsafe_path_value", params={"variable": text, "value": shown(value)})
        parts.append(quote(value, safe="", errors="replace"))
    return "".join(parts)


def fill_query(template: Mapping[str, Any] | None, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The query parameters with {name} replaced; None is dropped, and so is a parameter any variable of which
    is None (there is no watermark on the first run). '{name}' alone keeps the type; lists are filled item by
    item.

    Values are not encoded; the HTTP client does that. Errors as for `fill_path`, except that blank is
    allowed.

    >>> fill_query({"since": "{mark}", "q": "status:{status}", "limit": 50}, {"mark": None, "status": "paid"})
    {'q': 'status:paid', 'limit': 50}
    """
    filled = {}
    for name, value in (template or {}).items():
        value = _filled(value, variables)
        if value is not None:
            filled[name] = value
    return filled


def fill_body(template: Any, variables: Mapping[str, Any]) -> Any:
    """A JSON document with {name} replaced in its texts; '{name}' alone becomes the value, of its type.

    Braces around anything else stay as they are: a body may hold a query language that uses them.

    >>> fill_body({"ids": ["{id}"], "note": "Order {id}", "query": "{ shop { name } }"}, {"id": 7})
    {'ids': [7], 'note': 'Order 7', 'query': '{ shop { name } }'}
    """
    if isinstance(template, dict):
        return {name: fill_body(item, variables) for name, item in template.items()}
    if isinstance(template, list):
        return [fill_body(item, variables) for item in template]
    if not isinstance(template, str) or "{" not in template:
        return template
    if template[:1] == "{" and template[-1:] == "}" and template[1:-1] in variables:
        return variables[template[1:-1]]
    # In one pass: a value that looks like a placeholder itself is a value.
    return _NAME.sub(
        lambda match: (_text(variables[match[1]]) or "") if match[1] in variables else match[0], template
    )


def _filled(value: Any, variables: Mapping[str, Any]) -> Any:
    if isinstance(value, (list, tuple)):
        return [item for item in (_filled(item, variables) for item in value) if item is not None]
    if isinstance(value, bool):
        return text_of(value)
    if not isinstance(value, str) or "{" not in value and "}" not in value:
        return value
    parts = split_template(value)
    if len(parts) == 1 and not parts[0][0]:
        item = _variable(parts[0][1], value, variables)
        return _text(item) if isinstance(item, (bool, datetime)) else item
    texts = []
    for is_literal, text in parts:
        item = text if is_literal else _text(_variable(text, value, variables))
        if item is None:
            return None
        texts.append(item)
    return "".join(texts)


def _variable(name: str, template: str, variables: Mapping[str, Any]) -> Any:
    """By its whole name, else step by step ('order.id'). Odoo's False is None."""
    value: Any = variables
    for step in (name,) if name in variables else name.split("."):
        if not isinstance(value, Mapping) or step not in value:
            raise SyncError("mapping", "missing_variable", params={"variable": name, "template": template})
        value = value[step]
    return value


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return utc_text(value) if isinstance(value, datetime) else text_of(value)
