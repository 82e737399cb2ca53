"""GraphQL: what a call carries, what its answer means, and how long to wait; after the specification of October 2021.

An answer is a success only when nothing in it says otherwise: errors stand beside data inside a 200, and a mutation that is
refused for a reason of business says so in a list of its payload (``userErrors``). Data that came with errors is never
taken for complete. The cost of calls (``extensions.cost``) is read as the Shopify Admin API documents it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from .classify import BODY_CODES, NAMES_SOMETHING, classify_status
from .errors import SyncError
from .values import text_of

MAX_SHOWN = 5
_RECORDS = re.compile(r"\.(?:nodes|edges)\b")
MAX_WAIT = 60.0
# Codes that no HTTP status says as well.
_ACCESS = frozenset(("ACCESS_DENIED", "PERMISSION_DENIED", "SHOP_INACTIVE"))
_LOCKED = frozenset(("IDEMPOTENCY_CONCURRENT_REQUEST", "LOCKED"))
# What stands before the field's own name in the path of a user error: the names of arguments.
_ARGUMENTS = frozenset(("input", "$input"))


class UserError(NamedTuple):
    """One refusal in the payload of a mutation. ``field``: the path to what was refused, () = the whole."""

    field: tuple[str, ...]
    message: str
    code: str

    @property
    def text(self) -> str:
        """
        >>> UserError(("product", "variants", "0", "sku"), "has already been taken", "TAKEN").text
        'product.variants.0.sku: has already been taken'
        """
        return f"{'.'.join(self.field)}: {self.message}" if self.field else self.message


def payload(document: str, variables: Any) -> dict[str, Any]:
    """The body of a call. One that is the body of this document already stays as it is.

    >>> payload("{ shop { name } }", {})
    {'query': '{ shop { name } }', 'variables': {}}
    """
    if isinstance(variables, Mapping) and variables.get("query") == document and "variables" in variables:
        return dict(variables)
    return {"query": document, "variables": variables if variables is not None else {}}


def page_info_path(records_path: str) -> str:
    """Where a connection says whether there is more, from the path of its records.

    >>> page_info_path("data.orders.nodes[].{id: id}"), page_info_path("data.orders.edges[].node")
    ('data.orders.pageInfo', 'data.orders.pageInfo')
    """
    return f"{_RECORDS.split(records_path, maxsplit=1)[0]}.pageInfo"


# -- answers -----------------------------------------------------------------------------------------------


def judge(body: Any, *, doubtful: bool = False) -> SyncError | None:
    """The failure that stands in an answer of status 200; None when there is none.

    :param doubtful: the call makes something; then the error says whether it may have been carried out

    >>> judge({"data": {"shop": {"name": "Lamps"}}}) is None
    True
    >>> error = judge({"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]})
    >>> error.error_class
    'rate_limit'
    >>> error = judge({"data": {"productSet": {"userErrors": [{"field": ["input", "title"], "message": "is blank"}]}}})
    >>> error.params["message"]
    'title: is blank'
    """
    if not isinstance(body, dict) or not ("data" in body or body.get("errors")):
        return SyncError("validation", "no_graphql", params={"found": type(body).__name__}, outcome_unknown=doubtful)
    errors = body.get("errors")
    if errors:
        return _of_errors(body, errors if isinstance(errors, list) else [errors], doubtful)
    refused = user_errors(body)
    if not refused:
        return None
    error_class = "locked" if any(error.code in _LOCKED for error in refused) else "validation"
    if error_class == "locked":
        return SyncError("locked", "locked_remote", params={"message": _sentence(refused)})
    return SyncError("validation", "refused_in_answer", params={"message": _sentence(refused)})


def _of_errors(body: dict, errors: list, doubtful: bool) -> SyncError:
    """The worst of the errors decides: what holds for the whole connection before what one record did."""
    message = "; ".join(dict.fromkeys(_texts(errors)))
    codes = list(_codes(errors))
    # What was named a reason was not carried out; what broke within, or answered in part, may have been.
    maybe_done = doubtful and (has_data(body) or _happened(errors) and not codes)
    error = _by_code(body, codes, message, doubtful=doubtful, maybe_done=maybe_done)
    if error is not None:
        return error
    code = "partial_answer" if has_data(body) else "refused_in_answer"
    return SyncError("validation", code, params={"message": message or "?"}, outcome_unknown=maybe_done)


def _happened(errors: list) -> bool:
    """Do the errors come from carrying out the call, and not from reading it?"""
    return any(isinstance(error, dict) and error.get("path") for error in errors)


def _by_code(body: dict, codes: list[str], message: str, *, doubtful: bool, maybe_done: bool) -> SyncError | None:
    statuses = [status for code in codes if (status := _status(code, body, message))]
    if any(status in (401, 429) for status in statuses):
        status = 401 if 401 in statuses else 429
        return classify_status(status, message=message, retry_after=throttled_for(body) if status == 429 else None)
    if any(code in _ACCESS for code in codes) or 403 in statuses:
        return SyncError(
            "access", "access_refused", params={"status": 200, "message": message}, outcome_unknown=maybe_done)
    if any(code in _LOCKED for code in codes):
        return SyncError("locked", "locked_remote", params={"message": message})
    if statuses:
        return classify_status(max(statuses), message=message, creating=doubtful)
    return None


def _status(code: str, body: dict, message: str) -> int | None:
    """The HTTP status that a code stands for. FORBIDDEN beside data is about one field, without data about the login,
    unless its message names something."""
    status = BODY_CODES.get(code)
    if status == 403:
        return 403 if has_data(body) or NAMES_SOMETHING.search(message) else 401
    return status


def _codes(errors: list) -> Iterator[str]:
    for error in errors:
        if isinstance(error, dict):
            extensions = error.get("extensions")
            code = (extensions.get("code") if isinstance(extensions, dict) else None) or error.get("code")
            if isinstance(code, str):
                yield code.upper().replace("-", "_").replace(" ", "_")
            elif str(error.get("message", "")).strip().rstrip(".").casefold() == "throttled":
                yield "THROTTLED"  # older answers have the word alone


def _texts(errors: list) -> Iterator[str]:
    """What the errors say, each with the place in the data that it is about."""
    for error in errors[:MAX_SHOWN]:
        if isinstance(error, dict):
            text = text_of(error.get("message")) or "?"
            path = error.get("path")
            yield f"{'.'.join(str(step) for step in path)}: {text}" if isinstance(path, list) and path else text
        else:
            yield str(error)[:500]


def has_data(body: Any) -> bool:
    """Is there anything in the answer besides errors?

    >>> has_data({"data": {"order": None}}), has_data({"data": {"order": {"id": "1"}}})
    (False, True)
    """
    data = body.get("data") if isinstance(body, dict) else None
    return any(value is not None for value in data.values()) if isinstance(data, dict) else bool(data)


# -- user errors -------------------------------------------------------------------------------------------


def user_errors(body: Any) -> list[UserError]:
    """The refusals in the payloads of mutations: lists named ``userErrors``, ``...UserErrors`` or ``errors``.

    >>> user_errors({"data": {"set": {"userErrors": [{"field": None, "message": "No", "code": "INVALID"}]}}})
    [UserError(field=(), message='No', code='INVALID')]
    """
    data = body.get("data") if isinstance(body, dict) else None
    found = []
    for answer in data.values() if isinstance(data, dict) else ():
        for name, value in answer.items() if isinstance(answer, dict) else ():
            if isinstance(value, list) and (name in ("userErrors", "errors") or name.endswith("UserErrors")):
                found += [_user_error(error) for error in value if isinstance(error, dict) and "message" in error]
    return found


def _user_error(error: dict) -> UserError:
    field = error.get("field") or error.get("path") or ()
    if isinstance(field, str):
        field = field.split(".")
    steps = [str(step) for step in field] if isinstance(field, list) else []
    if len(steps) > 1 and steps[0] in _ARGUMENTS:
        steps = steps[1:]
    code = error.get("code")
    return UserError(tuple(steps), text_of(error.get("message")) or "?", code if isinstance(code, str) else "")


def _sentence(errors: Sequence[UserError]) -> str:
    return "; ".join(dict.fromkeys(error.text for error in errors[:MAX_SHOWN]))


def refused_items(body: Any, list_path: str) -> dict[int, str]:
    """Of a call that carried a list: which of its items were refused, and why. {} when the refusal is about no item.

    :param list_path: where the list stood in the variables

    >>> answer = {"data": {"set": {"userErrors": [{"field": ["input", "quantities", "2", "itemId"], "message": "gone"}]}}}
    >>> refused_items(answer, "input.quantities")
    {2: 'itemId: gone'}
    """
    names = list_path.split(".")
    if names[0] in _ARGUMENTS:
        names = names[1:]
    refused: dict[int, str] = {}
    for error in user_errors(body):
        number = error.field[len(names)] if len(error.field) > len(names) else ""
        if list(error.field[: len(names)]) != names or not number.isdecimal():
            return {}  # one that is about no item is about all of them
        text = error._replace(field=error.field[len(names) + 1 :]).text
        known = refused.get(int(number))
        refused[int(number)] = f"{known}; {text}" if known else text
    return refused


# -- cost --------------------------------------------------------------------------------------------------


def throttled_for(body: Any) -> float | None:
    """Seconds until there is room for the same call again; None when the answer does not say it.

    >>> status = {"maximumAvailable": 1000.0, "currentlyAvailable": 100, "restoreRate": 50.0}
    >>> throttled_for({"extensions": {"cost": {"requestedQueryCost": 350, "throttleStatus": status}}})
    5.0
    """
    extensions = body.get("extensions") if isinstance(body, dict) else None
    cost = extensions.get("cost") if isinstance(extensions, dict) else None
    status = cost.get("throttleStatus") if isinstance(cost, dict) else None
    if not isinstance(status, dict):
        return None
    try:
        wanted, left = float(cost["requestedQueryCost"]), float(status["currentlyAvailable"])
        rate = float(status["restoreRate"])
    except (KeyError, TypeError, ValueError):
        return None
    if rate <= 0:
        return None
    return min(max((wanted - left) / rate, 0.0), MAX_WAIT)
