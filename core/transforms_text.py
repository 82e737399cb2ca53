"""Transforms of text: text, template, split, join."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from . import paths
from .errors import SyncError
from .values import bad_option, clean_text, text_of, wrong_type

if TYPE_CHECKING:
    from .transforms import TransformContext

_CASES = {"upper": str.upper, "lower": str.lower, "title": str.title, "capitalize": str.capitalize}
_LINE_TAGS = frozenset("br p div li tr h1 h2 h3 h4 h5 h6 ul ol table hr blockquote pre".split())
_HIDDEN_TAGS = frozenset(("script", "style", "head", "title", "template"))
# Every alternative stops at the next '<', so hostile text costs linear time (html.parser takes minutes for
# 100 KB).
_TAG = re.compile(r"<(?P<close>/?)(?P<name>!--|[A-Za-z!?][\w:-]*)[^<>]*>?")
_SPACES = re.compile(r"[ \t\r\n]+")
_ENDLESS_ENTITY = re.compile(r"&#[xX]?[0-9a-fA-F]{9,};?")
_BLANK_LINES = re.compile(r"[ \t\xa0]*\n\s*")


def _to_odoo_text(value: Any, options: Mapping, context: TransformContext) -> str:
    """strip (on by default), case ('upper', 'lower', 'title', 'capitalize'), max_length (characters; longer
    text is cut), html ('keep', 'strip' = readable text, 'escape')."""
    text = text_of(value)
    if text is None:
        raise wrong_type(context.field_label, value, "text")
    text = clean_text(text)
    mode = options.get("html") or "keep"
    if mode == "strip":
        text = strip_html(text)
    elif mode == "escape":
        text = html.escape(text)
    elif mode != "keep":
        raise bad_option("html", mode, "keep, strip, escape")
    if options.get("strip", True):
        text = text.strip()
    case = options.get("case") or ""
    if case:
        if not isinstance(case, str) or case not in _CASES:
            raise bad_option("case", case, ", ".join(_CASES))
        text = _CASES[case](text)
    length = whole_option(options, "max_length", 0)
    if 0 < length < len(text):
        text = text[:length]
        if options.get("strip", True):
            text = text.rstrip()
    return text


_to_external_text = _to_odoo_text


def whole_option(options: Mapping, name: str, default: int) -> int:
    """A whole number among the options; blank is the default."""
    value = options.get(name)
    if value is None or value is False or value == "":
        return default
    try:
        return int(value)
    except (TypeError, ValueError):
        raise bad_option(name, value, "integer") from None


def strip_html(text: str) -> str:
    """Readable text of an HTML fragment: lines for blocks, no scripts, entities resolved. Plain text stays.

    >>> strip_html("<p>Fish &amp; chips</p><script>x()</script><p>2 < 3</p>")
    'Fish & chips\\n2 < 3'
    """
    if "<" not in text and "&" not in text:
        return text
    parts: list[str] = []
    position, lowered = 0, ""
    for match in _TAG.finditer(text):
        if match.start() < position:  # inside something hidden
            continue
        parts.append(_SPACES.sub(" ", text[position : match.start()]))
        position = match.end()
        name = match["name"].casefold()
        if name in _LINE_TAGS:
            parts.append("\n")
        elif name in _HIDDEN_TAGS and not match["close"]:
            lowered = lowered or text.lower()
            end = lowered.find(f"</{name}", position)
            position = end if end >= 0 else len(text)
        elif name == "!--":
            end = text.find("-->", match.start() + 4)
            position = end + 3 if end >= 0 else len(text)
    parts.append(_SPACES.sub(" ", text[position:]))
    return _BLANK_LINES.sub("\n", _unescaped("".join(parts))).strip()


def _unescaped(text: str) -> str:
    """Entities resolved; the standard library fails on endless numbers."""
    return html.unescape(_ENDLESS_ENTITY.sub("\ufffd", text)) if "&" in text else text


def _to_odoo_template(value: Any, options: Mapping, context: TransformContext) -> str:
    """options['template'] with {path} placeholders: JMESPath into context.record (or the value, where there
    is no record). Missing values are left out, white space is collapsed, {{ and }} are braces."""
    template = options.get("template") or ""
    if not isinstance(template, str):
        raise bad_option("template", template, "text")
    record = value if context.record is None else context.record
    parts = [
        text if is_literal else _shown(text, record, context) for is_literal, text in split_template(template)
    ]
    return " ".join(clean_text("".join(parts)).split())


_to_external_template = _to_odoo_template


def _shown(path: str, record: Any, context: TransformContext) -> str:
    value = paths.get(path, record)
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        texts = [text_of(item) for item in value if item is not None]
        if None in texts:
            raise wrong_type(context.field_label or path, value, "text")
        return ", ".join(filter(None, texts))
    text = text_of(value)
    if text is None:
        raise wrong_type(context.field_label or path, value, "text")
    return text


@lru_cache(maxsize=2048)
def split_template(template: str) -> tuple[tuple[bool, str], ...]:
    """A template in parts: (True, text) and (False, path). Braces inside a path (JMESPath objects) and inside
    quotes belong to the path; {{ and }} are literal braces. Errors: SyncError('mapping', 'bad_template').

    >>> split_template("{first} of {{{lines[].{q: qty}}")
    ((False, 'first'), (True, ' of {'), (False, 'lines[].{q: qty}'))
    """
    parts: list[tuple[bool, str]] = []
    literal: list[str] = []
    position = 0
    while position < len(template):
        char = template[position]
        if template[position : position + 2] in ("{{", "}}"):
            literal.append(char)
            position += 2
        elif char == "{":
            end = _closing_brace(template, position)
            if literal:
                parts.append((True, "".join(literal)))
                literal = []
            parts.append((False, template[position + 1 : end].strip()))
            position = end + 1
        elif char == "}":
            raise _bad_template(template, "}")
        else:
            literal.append(char)
            position += 1
    if literal:
        parts.append((True, "".join(literal)))
    return tuple(parts)


def _closing_brace(template: str, start: int) -> int:
    depth, quote, position = 0, "", start
    while position < len(template):
        char = template[position]
        if quote:
            if char == "\\":
                position += 1
            elif char == quote:
                quote = ""
        elif char in "\"'`":
            quote = char
        elif char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
            if not depth:
                if not template[start + 1 : position].strip():
                    raise _bad_template(template, "{}")
                return position
        position += 1
    raise _bad_template(template, "{")


def _bad_template(template: str, reason: str) -> SyncError:
    return SyncError("mapping", "bad_template", params={"template": template[:200], "reason": reason})


def _separator(options: Mapping, default: str) -> str:
    separator = options.get("separator")
    if separator is None or separator is False or separator == "":
        return default
    if not isinstance(separator, str):
        raise bad_option("separator", separator, "text")
    return separator.replace("\\n", "\n").replace("\\t", "\t")


def _to_odoo_split(value: Any, options: Mapping, context: TransformContext) -> str | None:
    """One part of a text: separator (default: white space), index (from 0, negative from the end), limit
    (number of cuts, 0 = all; with limit 1 index 1 is "the rest"). A part that is not there is None."""
    text = text_of(value)
    if text is None:
        raise wrong_type(context.field_label, value, "text")
    separator = _separator(options, "") or None
    parts = text.strip().split(separator, whole_option(options, "limit", 0) or -1)
    index = whole_option(options, "index", 0)
    return parts[index].strip() if -len(parts) <= index < len(parts) else None


def _to_external_split(value: Any, options: Mapping, context: TransformContext) -> str:
    """Not invertible (the other parts are not known): the text itself."""
    return _to_odoo_text(value, {}, context)


def _to_odoo_join(value: Any, options: Mapping, context: TransformContext) -> str:
    """A list as one text: separator (default ', '); blank items are left out."""
    items = value if isinstance(value, (list, tuple)) else [value]
    texts = [text_of(item) for item in items if item is not None]
    if None in texts:
        raise wrong_type(context.field_label, value, "text_list")
    return _separator(options, ", ").join(text.strip() for text in texts if text.strip())


def _to_external_join(value: Any, options: Mapping, context: TransformContext) -> list[str]:
    """The way back: the text cut at the separator."""
    if isinstance(value, (list, tuple)):
        return list(value)
    text = text_of(value)
    if text is None:
        raise wrong_type(context.field_label, value, "text")
    separator = _separator(options, ", ")
    return [part.strip() for part in text.split(separator.strip() or separator) if part.strip()]
