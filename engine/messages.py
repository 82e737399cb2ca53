"""What people read about an error: one text and one hint per code, in their language.

Core and transport raise codes with params and know no language; here a warehouse or sales clerk reads what
happened, to which field or value, and what to do next. ``core/tests/test_messages.py`` checks the list.
"""

from collections.abc import Mapping

from odoo.tools.translate import LazyTranslate

from .texts import ENGINE
from .texts_core import MESSAGES

_lt = LazyTranslate(__name__)

UNKNOWN = (
    _lt("It failed for a reason that has no description yet (%(code)s)."),
    _lt("Open the Technical tab for the details. Retry once; if it stays, ask your administrator."),
)

# fmt: off
# What stands in a text where a param is missing or blank.
_BLANKS = {
    "message": _lt("it gave no reason"),
    "reason": _lt("no reason is known"),
    "value": _lt("empty"),
    "field": _lt("A field"),
    "map": _lt("no name"),
    "seconds": _lt("some"),
    "flow": _lt("of that record"),
    "path": _lt("the whole answer"),
    "keys": _lt("match key"),
    "start": _lt("nothing"),
    "content_type": _lt("of unknown kind"),
    "near": _lt("the end"),
}
# Params that core gives as a key, in words. Other values are shown as they are.
_WORDS = {
    "found": {
        "dict": _lt("an object"),
        "list": _lt("a list"),
        "str": _lt("a text"),
        "int": _lt("a number"),
        "float": _lt("a number"),
        "bool": _lt("yes or no"),
        "NoneType": _lt("nothing"),
    },
    "expected": {
        "text": _lt("a text"),
        "text_list": _lt("a list of texts"),
        "number": _lt("a number, such as 12.50"),
        "integer": _lt("a whole number"),
        "boolean": _lt("yes or no"),
        "date": _lt("a date, such as 2026-01-31"),
        "datetime": _lt("a date and time, such as 2026-01-31T10:00:00Z"),
        "record": _lt("a record of Odoo"),
        "identifier": _lt("the identifier of a record"),
        "one_value": _lt("one value, not several"),
        "list": _lt("a list"),
        "file": _lt("a file"),
        "map": _lt("a value map"),
        "other_than_decimal_separator": _lt("another character than the decimal separator"),
        "epoch": _lt("a time in seconds since 1970"),
        "epoch_ms": _lt("a time in milliseconds since 1970"),
    },
    "reason": {
        "five_fields": _lt("it needs five fields, such as 0 6 * * 1-5"),
        "never": _lt("no day fits it"),
        "at_least_one": _lt("it needs a whole number of minutes, hours or days"),
        "too_far": _lt("the next time is too far away"),
        "timeout": _lt("no answer in time"),
        "timed out": _lt("no answer in time"),
        "connection refused": _lt("it refuses connections, it may be switched off"),
        "connection": _lt("the system cannot be reached"),
        "authentication": _lt("the credentials are refused"),
        "rate_limit": _lt("the system asks us to slow down"),
        "stopped": _lt("the work was stopped"),
        "limit_unavailable": _lt("the common limit of calls could not be asked"),
        "token_renewal": _lt("another worker is still getting a new access token"),
        "no scheme": _lt("it must begin with https://"),
        "scheme": _lt("it must begin with https://"),
        "no host": _lt("it names no system"),
        "malformed": _lt("it is not an address"),
        "not positive": _lt("it must be more than zero"),
        "control characters": _lt("it has invisible characters"),
        "characters": _lt("it has characters that an address cannot have"),
        "private": _lt("it is not in the public internet but leads into a private network"),
        "notation": _lt("its host is not written as a name or as a usual IP address"),
        "secret": _lt("a secret begins with whsec_ and has 24 to 64 bytes in base64"),
        "credentials in the address": _lt("it holds a user or password"),
        "query in the address": _lt("it holds parameters after a question mark"),
        "dot segments": _lt("it has a dot or two dots as a step of its path"),
        "no user": _lt("a user is needed"),
        "not of SFTP": _lt("files over SFTP need user and password, or user and private key"),
        "it is protected by a passphrase": _lt("it is protected by a passphrase"),
        "it is none of the known kinds (Ed25519, ECDSA, RSA)": _lt("it is none of the known kinds (Ed25519, ECDSA, RSA)"),
        "{": _lt("an opening brace without its closing one"),
        "}": _lt("a closing brace without its opening one"),
        "{}": _lt("an empty pair of braces"),
    },
    "how": {
        "draft": _lt("a draft"),
        "paused": _lt("paused"),
        "archived": _lt("archived"),
        "excluded": _lt("left out"),
        "skipped": _lt("skipped"),
    },
    "setting": {
        "base_url": _lt("Base URL"),
        "token_url": _lt("Token URL"),
        "auth_type": _lt("Authentication"),
        "auth_user": _lt("User or Client ID"),
        "timeout_connect": _lt("Time to connect"),
        "timeout_read": _lt("Time to answer"),
        "rate_calls": _lt("Calls per period"),
    },
    "auth_type": {
        "basic": _lt("user and password"),
        "bearer": _lt("bearer token"),
        "api_key_header": _lt("API key in a header"),
        "api_key_query": _lt("API key in the address"),
        "oauth2_client": _lt("OAuth 2 client credentials"),
        "private_key": _lt("user and private key"),
    },
    "kind": {
        "list": _lt("list"),
        "read": _lt("read"),
        "find": _lt("find"),
        "create": _lt("create"),
        "update": _lt("update"),
        "delete": _lt("delete"),
    },
}

# Steps of Test Connection that went well; a failed step has a code of the lists above.
STEPS = {
    "settings_complete": _lt("The settings are complete."),
    "host_found": _lt("The address %(host)s was found (%(addresses)s)."),
    "connected": _lt("%(host)s can be reached (port %(port)s)."),
    "tls_verified": _lt("The connection is secure (%(version)s). Certificate of %(subject)s, valid until "
    "%(expires)s."),
    "tls_not_verified": _lt("The connection is encrypted (%(version)s), but the certificate is not checked."),
    "token_received": _lt("The credentials work: an access token was received (valid for %(seconds)s "
    "seconds)."),
    "credentials_set": _lt("Credentials are set (%(auth_type)s)."),
    "no_credentials": _lt("No credentials are needed."),
    "host_key_accepted": _lt("The server was recognised by its key (%(key)s)."),
    "logged_in": _lt("The user %(user)s was let in."),
    "answered": _lt("The system answered (%(status)s, %(bytes)s bytes)."),
}
# fmt: on


class _Params(dict):
    """Values for the placeholders of a text, in words; what is missing or blank is said so, never an "
    "error."""

    def __init__(self, env, params):
        super().__init__(params or {})
        self.env = env

    def __missing__(self, name):
        return self._text(_BLANKS.get(name), "?")

    def __getitem__(self, name):
        value = dict.get(self, name)
        if value is None or value == "" or value is False:
            return self.__missing__(name)
        words = _WORDS.get(name, {})
        if isinstance(value, str):
            return self._text(words.get(value), value.strip())
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return str(value)

    def _text(self, lazy, otherwise):
        return otherwise if lazy is None else _in_words(self.env, lazy)


def _in_words(env, lazy):
    """The text in the language of the environment (what env._ does; it takes literals only)."""
    return lazy._translate(env.lang or "en_US")


def _filled(env, lazy, params):
    """A text ends as one sentence, whether or not the other side's message brought its own full stop."""
    text = _in_words(env, lazy) % _Params(env, params)
    for doubled, single in (("..", "."), ("!.", "!"), ("?.", "?"), (".).", ".).")):
        if text.endswith(doubled) and not text.endswith("..."):
            text = text[: -len(doubled)] + single
    return text


def explain(env, error) -> tuple[str, str]:
    """What happened and what to do next, in the language of ``env``.

    :param error: a SyncError; any other exception counts as internal
    """
    code = getattr(error, "code", None)
    params = getattr(error, "params", None)
    if not isinstance(params, Mapping):
        code, params = "internal", {"error": f"{type(error).__name__}: {error}"[:300]}
    message, hint = MESSAGES.get(code) or ENGINE.get(code) or UNKNOWN
    if message is UNKNOWN[0]:
        params = {"code": str(error)[:300]}
    return _filled(env, message, params), _filled(env, hint, params)


def describe_step(env, step) -> str:
    """One step of Test Connection (transport/probe.py) as a sentence; a failed one with what to do next.

    :param step: {'name', 'code', 'ok', 'detail', 'ms'}
    """
    code, params = step.get("code"), step.get("detail") or {}
    if code in STEPS:
        return _filled(env, STEPS[code], params)
    message, hint = MESSAGES.get(code) or ENGINE.get(code) or UNKNOWN
    if message is UNKNOWN[0]:
        params = {"code": code}
    return f"{_filled(env, message, params)} {_filled(env, hint, params)}"
