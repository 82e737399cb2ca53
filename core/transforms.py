"""Transforms of one value between an external system and Odoo, in both directions.

A new kind is a pair of functions with the right names: ``_to_odoo_<kind>(value, options, context)`` and
``_to_external_<kind>``. Strict types of Odoo fields are in ``coercion.py``, the form for comparison in
``comparison.py``; both are offered here too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from . import transforms_moment, transforms_number, transforms_text
from .coercion import coerce
from .comparison import normalise, same_value
from .errors import SyncError
from .values import bad_option, is_blank, text_of, wrong_type

__all__ = ["KINDS", "TransformContext", "coerce", "normalise", "same_value", "to_external", "to_odoo"]


@dataclass(frozen=True, slots=True)
class TransformContext:
    """What a transform may know beside the value.

    tz: the flow's time zone, for values without one. record: the whole document of the side that the value
    comes from (for templates). field_type, field_label: of the Odoo field.
    """

    tz: str = "UTC"
    record: Any = None
    field_type: str = ""
    field_label: str = ""


_DEFAULT_CONTEXT = TransformContext()
# These make a value out of nothing, so a blank value does not stop them.
_FROM_NOTHING = frozenset(("constant", "template"))


def to_odoo(
    kind: str, value: Any, options: Mapping | None = None, context: TransformContext = _DEFAULT_CONTEXT
) -> Any:
    """The external value as Odoo needs it. Blank (None, '', [], {}) passes as None, or becomes
    options['default'].

    Errors: SyncError('mapping', 'wrong_type' | 'bad_option' | 'unknown_transform' | 'unknown_timezone' |
    'bad_path'), SyncError('unmapped', 'unmapped_value').

    >>> to_odoo("number", 1999, {"factor": 0.01})
    19.99
    >>> to_odoo("text", "  ", {"default": "?"})
    '?'
    >>> to_odoo("number", "abc", {}, TransformContext(field_label="Price"))
    Traceback (most recent call last):
    ...
    integration_flow.core.errors.SyncError: wrong_type (field=Price, value=abc, expected=number)
    """
    return _transform("_to_odoo_", kind, value, options or {}, context)


def to_external(
    kind: str, value: Any, options: Mapping | None = None, context: TransformContext = _DEFAULT_CONTEXT
) -> Any:
    """The Odoo value as the external system needs it; the way back of `to_odoo` with the same options, as far
    as the kind can be inverted (text, template, constant and split cannot). False of a field that is no
    boolean is blank.

    >>> to_external("number", 19.99, {"factor": 0.01})
    1999
    >>> to_external("value_map", "done", {"map": {"shipped": "done"}})
    'shipped'
    """
    if value is False and context.field_type not in ("boolean", ""):
        value = None
    return _transform("_to_external_", kind, value, options or {}, context)


def _transform(way: str, kind: str, value: Any, options: Mapping, context: TransformContext) -> Any:
    if kind == "none" and not options:
        return None if is_blank(value) else value
    function: Callable | None = globals().get(way + str(kind))
    if function is None:
        raise SyncError(
            "mapping", "unknown_transform", params={"kind": str(kind)[:80], "known": ", ".join(KINDS)}
        )
    if not is_blank(value) or kind in _FROM_NOTHING:
        value = function(value, options, context)
    return options.get("default") if is_blank(value) else value


def _to_odoo_none(value: Any, options: Mapping, context: TransformContext) -> Any:
    return value


_to_external_none = _to_odoo_none


def _to_odoo_constant(value: Any, options: Mapping, context: TransformContext) -> Any:
    """Always options['value'], whatever comes."""
    return options.get("value")


_to_external_constant = _to_odoo_constant


def _to_odoo_file_url(value: Any, options: Mapping, context: TransformContext) -> Any:
    """The address of a file, which the engine makes: only sent."""
    return value


_to_external_file_url = _to_odoo_file_url


def _to_odoo_value_map(value: Any, options: Mapping, context: TransformContext) -> Any:
    """options['map']: external code -> Odoo value. Codes are compared as text too, since keys of JSON objects
    are text (5 finds "5", true finds "true"). A list is translated item by item. options['map_name'] is for
    the message."""
    if isinstance(value, (list, tuple)):
        return [_to_odoo_value_map(item, options, context) for item in value]
    table = _table(options, "map")
    if isinstance(value, dict):
        raise wrong_type(context.field_label, value, "text")
    text = text_of(value)
    for code in (value, text, text.strip() if text else text):
        if not isinstance(code, bool) and code in table:
            return table[code]
    raise _unmapped(value, options)


def _to_external_value_map(value: Any, options: Mapping, context: TransformContext) -> Any:
    """The first external code whose Odoo value this is; options['inverse'] (Odoo value -> external code),
    where given, decides before that, for maps in which several codes mean the same."""
    if isinstance(value, (list, tuple)):
        return [_to_external_value_map(item, options, context) for item in value]
    if isinstance(value, dict):
        raise wrong_type(context.field_label, value, "text")
    inverse = options.get("inverse")
    if inverse:
        for code in (value, text_of(value)):
            if not isinstance(code, bool) and code in inverse:
                return inverse[code]
    for external, odoo in _table(options, "map").items():
        if odoo == value and isinstance(odoo, bool) == isinstance(value, bool):
            return external
    text = text_of(value)
    for external, odoo in _table(options, "map").items():
        if text is not None and text_of(odoo) == text:
            return external
    raise _unmapped(value, options)


def _table(options: Mapping, name: str) -> Mapping:
    table = options.get(name) or {}
    if not isinstance(table, Mapping):
        raise bad_option(name, table, "map")
    return table


def _unmapped(value: Any, options: Mapping) -> SyncError:
    text = text_of(value)
    return SyncError(
        "unmapped",
        "unmapped_value",
        params={
            "value": value if text is None else text.strip()[:200],
            "map": str(options.get("map_name") or ""),
        },
    )


for _module in (transforms_text, transforms_number, transforms_moment):
    globals().update(
        {name: item for name, item in vars(_module).items() if name.startswith(("_to_odoo_", "_to_ext"))}
    )
# The order is the one of the form.
KINDS: tuple[str, ...] = (
    "none",
    "text",
    "number",
    "date",
    "datetime",
    "boolean",
    "template",
    "constant",
    "split",
    "join",
    "value_map",
)
