"""Names that hold secrets; known secrets out of any text, however written there; texts cut to a length."""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "***"
PIECE = 8
"""Characters of a secret that, left over at the edge of a cut text, are removed too."""
SHORTEST_QUOTE = 20
"""Characters of the shortest text that may have been cut (core.documents quotes 20 on each side)."""
# Parts of names that say "secret", and whole names that only look so.
_SECRET_PARTS = (
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "authorization",
    "credential",
    "cookie",
    "signature",
    "hmac",
    "sessionid",
    "sessionkey",
    "bearer",
    "accountkey",
    "securitykey",
    "encryptionkey",
    "signingkey",
    "cardnumber",
    "cvv",
    "cvc2",
)
_SECRET_NAMES = frozenset(
    ("auth", "pin", "otp", "jwt", "sig", "pass", "cvc", "xauth", "authkey", "licensekey")
)
_HARMLESS = frozenset(
    "tokentype pagetoken nextpagetoken nexttoken continuationtoken synctoken tokenexpiresin tokenexpiry"
    " tokensused previouspagetoken signaturerequired signatureconfirmation signatureoption"
    " signatureby".split()
)


def is_secret_name(name: str, more: Iterable[str] = ()) -> bool:
    """Does a header, parameter or key of this name hold a secret?

    >>> [is_secret_name(name) for name in ("X-Api-Key", "client_secret", "token_type", "author")]
    [True, True, False, False]
    """
    if _is_secret(str(name)):
        return True
    return bool(more) and _plain_name(name) in {_plain_name(item) for item in more}


@lru_cache(maxsize=8192)
def _is_secret(name: str) -> bool:
    plain = _plain_name(name)
    if plain in _HARMLESS:
        return False
    return plain in _SECRET_NAMES or any(part in plain for part in _SECRET_PARTS)


def _plain_name(name: Any) -> str:
    return re.sub(r"[^a-z0-9]", "", str(name).casefold())


def scrub(text: str, secrets: Iterable[str | tuple[str, str]]) -> str:
    """The text without the secrets: plain, as in URLs, as in JSON, and in base64 (also inside a longer base64
    text).

    (user, password) pairs are removed as `user:password` in base64 and the password by itself. Secrets of
    fewer than 4 characters are left: they would tear every text apart.

    >>> scrub("key hunter2!, Basic YWRhOmh1bnRlcjIh, ?k=hunter2%21", [("ada", "hunter2!")])
    'key ***, Basic ***, ?k=***'
    """
    for form in sorted(_forms(secrets), key=len, reverse=True):
        if form in text:
            text = text.replace(form, MASK)
    for anchor, pattern in _spellings(tuple(secrets)):
        if anchor in text:
            text = pattern.sub(MASK, text)
    for core in _base64_cores(secrets):
        if core in text:
            text = re.sub(rf"[A-Za-z0-9+/_-]*{re.escape(core)}[A-Za-z0-9+/_-]*={{0,2}}", MASK, text)
    return text


@lru_cache(maxsize=256)
def _spellings(secrets: tuple[str | tuple[str, str], ...]) -> tuple[tuple[str, re.Pattern], ...]:
    """Patterns of secrets with special characters, each of which may be written in its own way: as it is, percent-encoded,
    escaped in JSON within JSON, as an HTML entity. With a plain part by which it is quickly seen that none is there."""
    found = []
    for secret in secrets:
        word = str((secret[1] if isinstance(secret, tuple) else secret) or "")
        anchor = max(re.findall(r"[A-Za-z0-9]+", word), key=len, default="")
        if len(word) >= 8 and len(anchor) >= 4 and len(anchor) < len(word) <= 500:
            found.append((anchor, re.compile("".join(map(_spelling, word)))))
    return tuple(sorted(found, key=lambda pair: -len(pair[1].pattern)))  # one may stand inside another


_ENTITIES = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}


def _spelling(character: str) -> str:
    """A pattern for all the ways in which one character is written."""
    if character.isascii() and character.isalnum():
        return character
    octets = "".join(rf"%(?:25)*(?i:{octet:02x})" for octet in character.encode("utf-8", "replace"))
    code = ord(character)
    ways = [re.escape(character), octets, rf"&#(?:{code}|[xX]0*(?i:{code:x}));", rf"\\*\\u(?i:{code:04x})"]
    if character in _ENTITIES:
        ways.append(f"&(?:amp;)*{_ENTITIES[character]};")
    if character == " ":
        ways.append(re.escape("+"))
    return rf"(?:\\|%(?:25)*5[cC])*(?:{'|'.join(ways)})"


def trim(text: str, secrets: Iterable[str | tuple[str, str]]) -> str:
    """A quote that was cut to a length, without the piece of a secret that the cut may have left at either end: of the
    secret itself, of its form in an address, in JSON or in base64.

    Shorter pieces than PIECE and texts shorter than SHORTEST_QUOTE are left: they are words.

    >>> trim("the key is 4711-abcd-efgh-…", ["4711-abcd-efgh-ijkl"])
    'the key is ***'
    >>> trim("this is it: YWRhOmNvcnJlY3QtaG9yc2UtYm…", ["correct-horse-battery"])
    'this is it: ***'
    """
    if len(text) < SHORTEST_QUOTE:
        return text
    secrets = tuple(secrets)
    for form in _forms(secrets):
        text = _without_piece(text, form, "")
    for core in _base64_cores(secrets):
        text = _without_piece(text, core, "[A-Za-z0-9+/_-]*")
    return text


def _without_piece(text: str, form: str, around: str) -> str:
    """Without the beginning of ``form`` at the end of the text and the end of it at its beginning; ``around`` is a pattern
    of what goes with it."""
    if len(form) < PIECE:
        return text
    cut = text.rstrip("…")
    at = cut.find(form[:PIECE])
    while at >= 0:
        if form.startswith(cut[at:]):
            text = re.sub(f"{around}$", "", cut[:at]) + MASK
            break
        at = cut.find(form[:PIECE], at + 1)
    at = text.rfind(form[-PIECE:])
    while at >= 0:
        if form.endswith(text[:at + PIECE]):
            return MASK + re.sub(f"^{around}", "", text[at + PIECE:])
        at = text.rfind(form[-PIECE:], 0, at + PIECE - 1)
    return text


def _forms(secrets: Iterable[str | tuple[str, str]]) -> set[str]:
    forms: set[str] = set()
    for secret in secrets:
        user, word = secret if isinstance(secret, tuple) else ("", secret)
        word = str(word or "")
        if len(word) < 4:
            continue
        forms |= {word, quote(word, safe=""), quote(word), quote_plus(word), json.dumps(word)[1:-1]}
        forms.add(json.dumps(word, ensure_ascii=False)[1:-1])
        for plain in (word, f"{user}:{word}") if user else (word,):
            raw = plain.encode("utf-8", "replace")
            forms |= {b64encode(raw).decode(), urlsafe_b64encode(raw).decode()}
    return forms


def _base64_cores(secrets: Iterable[str | tuple[str, str]]) -> set[str]:
    """The characters that a secret gives at each of the three alignments in a longer base64 text."""
    cores: set[str] = set()
    for secret in secrets:
        word = str((secret[1] if isinstance(secret, tuple) else secret) or "").encode("utf-8", "replace")
        if len(word) < 8:
            continue
        for offset in range(3):
            start, end = (offset * 8 + 5) // 6, (offset + len(word)) * 8 // 6
            for encode in (b64encode, urlsafe_b64encode):
                cores.add(encode(b"\0" * offset + word + b"\0\0\0").decode()[start:end])
    return cores


def cap(text: str, limit: int) -> str:
    """At most `limit` characters and a note of how many were left out (0 = no limit).

    >>> cap("abcdef", 4)
    'abcd… (2 more characters)'
    """
    if not limit or len(text) <= limit:
        return text
    return f"{text[:limit]}… ({len(text) - limit} more characters)"
