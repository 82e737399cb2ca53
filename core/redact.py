"""Nothing secret in logs (DESIGN.md, guarantee 7): headers, addresses and bodies without their secrets.

Names are compared without case, '-', '_' and blanks. Masking errs on the side of hiding.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from .scrubbing import MASK, cap, is_secret_name, scrub

__all__ = ["MASK", "cap", "is_secret_name", "redact_body", "redact_headers", "redact_url", "scrub"]

_NAME = r"[\w.\-\[\]$:]{1,80}"
# "name": "value" (also escaped inside another JSON text) where the text is no whole JSON document.
_JSON_PAIR = re.compile(
    rf'(?P<open>\\{{0,15}}["\'])(?P<name>{_NAME})(?P=open)(?P<colon>\s*:\s*)(?P<quote>\\{{0,15}}["\']|)'
)
_XML_PAIR = re.compile(rf"<(?P<name>{_NAME})(?P<rest>\s[^<>]*)?>(?P<value>[^<>]+)</(?P=name)\s*>")
_FORM_PAIR = re.compile(r"(?P<before>^|[&?;\s])(?P<name>[\w.\-\[\]$%]{1,80})=(?P<value>[^&;\s\"'<>]*)")
_SCHEMES = ("bearer ", "basic ", "digest ", "token ", "apikey ")
_SCHEME = re.compile(
    r"\b(?P<scheme>Bearer|Basic|Digest|Token|ApiKey)\s+(?P<value>[A-Za-z0-9._~+/=:-]{6,})", re.IGNORECASE
)


def redact_headers(
    headers: Mapping[str, str] | Iterable[tuple[str, str]], *, names: Iterable[str] = ()
) -> dict[str, str]:
    """The headers with the values of secret ones masked; the scheme of Authorization stays readable.

    :param names: more header names to mask (such as one that carries a webhook's static secret)

    >>> redact_headers({"authorization": "Bearer abc.def", "X-API-KEY": "k", "Accept": "application/json"})
    {'authorization': 'Bearer ***', 'X-API-KEY': '***', 'Accept': 'application/json'}
    """
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    names = tuple(names)
    result: dict[str, str] = {}
    for name, value in pairs:
        value = value.decode("latin-1") if isinstance(value, bytes) else str(value)
        if is_secret_name(name, names):
            scheme = (
                value.split(" ", 1)[0] if "authorization" in str(name).casefold() and " " in value else ""
            )
            value = (
                f"{scheme} {MASK}"
                if scheme.casefold() in ("basic", "bearer", "digest", "token", "hmac")
                else MASK
            )
        elif "://" in value:
            value = redact_url(value, names)
        result[str(name)] = value
    return result


def redact_url(url: str, names: Iterable[str] = ()) -> str:
    """The address without passwords and without the values of secret parameters (query and fragment).

    >>> redact_url("https://ada:pw@shop.example/orders?api_key=abc&page=2#access_token=x")
    'https://***@shop.example/orders?api_key=***&page=2#access_token=***'
    """
    names = (*names, "key")  # harmless in a body, an API key in an address
    url = re.sub(r"(://)[^/?#]*@", rf"\g<1>{MASK}@", str(url))

    def masked(match: re.Match) -> str:
        name = re.sub(r"%([0-9A-Fa-f]{2})", lambda code: chr(int(code[1], 16)), match["name"])
        return f"{match['mark']}{match['name']}={MASK}" if is_secret_name(name, names) else match[0]

    return re.sub(r"(?P<mark>[?&#;])(?P<name>[^=&#;?]+)=(?P<value>[^&#;]*)", masked, url)


def redact_body(
    text: str | bytes | None,
    *,
    paths: Iterable[str] = (),
    secrets: Iterable[str | tuple[str, str]] = (),
    names: Iterable[str] = (),
    content_type: str = "",
) -> str:
    """The body for the log: values under secret names and `paths` masked, secrets scrubbed; binary counted.

    :param paths: more places to mask: 'customer.email', 'lines[].note', 'lines[0].note' ('*' = any name)
    :param secrets: texts that must not appear, whatever the format; (user, password) pairs also as Basic
        credentials
    Text without anything to mask comes back as it was, byte for byte.

    >>> redact_body('{"password": "pw", "customer": {"email": "a@b.c"}}', paths=["customer.email"])
    '{"password":"***","customer":{"email":"***"}}'
    >>> redact_body(b"%PDF\\x00\\xff", content_type="application/pdf")
    '<6 bytes of application/pdf>'
    """
    if not text:
        return ""
    if isinstance(text, (bytes, bytearray, memoryview)):
        raw = bytes(text)
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = None
        if text is None or "\x00" in text:
            return f"<{len(raw)} bytes of {content_type.split(';', maxsplit=1)[0].strip() or 'unknown type'}>"
    names = tuple(names)
    text, whole = _redact_json(text, tuple(paths), names)
    # Secrets before pairs: of a secret that holds an '&' a pair takes only the beginning, and the rest is not recognised.
    return _redact_pairs(scrub(text, secrets), names, whole)


def _redact_json(text: str, paths: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, bool]:
    """The masked text, and whether the document says all: every name that stands in the text was seen (a
    doubled name hides the first one from the parser, JSON inside a text hides all)."""
    if text.lstrip()[:1] not in ("{", "["):
        return text, False
    try:
        value = json.loads(text)
        changed, entries = _mask_names(value, names)
        for path in paths:
            changed |= _mask_path(value, re.findall(r'"[^"]*"|\[[^\]]*\]|[^.\[\]"]+', path))
        whole = text.count('":') == entries
        return (json.dumps(value, ensure_ascii=False, separators=(",", ":")) if changed else text), whole
    except (ValueError, RecursionError):
        return text, False


def _mask_names(value: Any, names: tuple[str, ...]) -> tuple[bool, int]:
    """Masks in place; whether anything was, and the number of names."""
    changed, entries, secret = False, 0, {}
    marked = frozenset(names)
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            entries += len(item)
            for name, child in item.items():
                hidden = secret.get(name)
                if hidden is None:
                    hidden = secret[name] = is_secret_name(name, names)
                # Under a name that a person has marked all is hidden, also what stands in objects.
                if hidden and (_holds_text(child) or child and not isinstance(child, bool) and name in marked):
                    item[name] = MASK
                    changed = True
                elif type(child) is dict or type(child) is list:
                    stack.append(child)
        elif isinstance(item, list):
            stack.extend(child for child in item if type(child) is dict or type(child) is list)
    return changed, entries


def _holds_text(child: Any) -> bool:
    """Under a secret name all is secret, but for nothing, yes/no, and objects (masked inside by name)."""
    if isinstance(child, list):
        return any(not isinstance(item, (dict, list)) for item in child)
    return not (child is None or child == "" or child == MASK or isinstance(child, (bool, dict)))


def _mask_path(value: Any, steps: list[str]) -> bool:
    if not steps:
        return False
    step, rest = steps[0].strip(), steps[1:]
    name = step.strip('"')
    if step in ("@", "$"):
        return _mask_path(value, rest)
    if step in ("[]", "[*]", "*"):
        places = (
            list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
        )
    elif step.startswith("["):
        index = step[1:-1].strip()
        inside = isinstance(value, list) and index.isdigit() and int(index) < len(value)
        places = [int(index)] if inside else []
    elif isinstance(value, list):  # a name on a list means every item, as users write it
        places, rest = range(len(value)), steps
    else:
        places = [name] if isinstance(value, dict) and name in value else []
    changed = False
    for place in places:
        if rest:
            changed |= _mask_path(value[place], rest)
        elif value[place] not in (None, "", MASK):
            value[place] = MASK
            changed = True
    return changed


def _redact_pairs(text: str, names: tuple[str, ...], whole: bool) -> str:
    """Without a parser: cut or broken JSON, JSON inside JSON, XML elements, form fields, credentials."""
    if not whole and ('"' in text or "'" in text):
        text = _mask_quoted(text, names)
    if "</" in text:
        text = _XML_PAIR.sub(
            lambda match: (
                f"<{match['name']}{match['rest'] or ''}>{MASK}</{match['name']}>"
                if is_secret_name(match["name"].rpartition(":")[2], names)
                else match[0]
            ),
            text,
        )
    if "=" in text:
        text = _FORM_PAIR.sub(
            lambda match: (
                f"{match['before']}{match['name']}={MASK}"
                if match["value"] and is_secret_name(match["name"], names)
                else match[0]
            ),
            text,
        )
    lowered = text.casefold()
    if not any(scheme in lowered for scheme in _SCHEMES):
        return text
    return _SCHEME.sub(lambda match: f"{match['scheme']} {MASK}", text)


def _mask_quoted(text: str, names: tuple[str, ...]) -> str:
    parts, position = [], 0
    for match in _JSON_PAIR.finditer(text):
        if match.start() < position or not is_secret_name(match["name"], names):
            continue
        end = _end_of_value(text, match.end(), match["quote"])
        if (
            text[match.end() : end] in ("", MASK, "null", "true", "false")
            or text[match.end() : match.end() + 1] in "{["
        ):
            continue
        parts += [text[position : match.end()], MASK]
        position = end
    return "".join(parts) + text[position:] if parts else text


def _end_of_value(text: str, start: int, quote_mark: str) -> int:
    """End of the value: before the closing quote of the same escaping, or before , } ] and white space."""
    if not quote_mark:
        match = re.compile(r"[,}\]\s]").search(text, start)
        return match.start() if match else len(text)
    position = text.find(quote_mark, start)
    while position >= 0:
        before = position
        while before > start and text[before - 1] == "\\":
            before -= 1
        if (position - before) % 2 == 0:
            return position
        position = text.find(quote_mark, position + 1)
    return len(text)
