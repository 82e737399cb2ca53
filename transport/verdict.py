"""Did the call succeed? Status first, then the operation's own rule: failures come inside a 200, too."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..core import graphql, paths
from ..core.classify import BODY_CODES, NAMES_SOMETHING, classify_status, extract_message
from ..core.errors import SyncError
from ..core.retry import parse_retry_after
from . import formats
from .request import Request, Response

_READS_STATUS = re.compile(r"(?<![\w.])status\b")
_CODE_PATHS = ("errors[0].extensions.code", "errors[0].code", "error.code", "error", "code")


def decode(
    request: Request, status: int, headers: Mapping[str, str], raw: bytes, max_bytes: int
) -> tuple[Any, SyncError | None]:
    """The body's value and what was wrong with it.

    The body of a failure is taken as it comes: text where it is no data, and never an error of its own.
    """
    content_type = headers.get("Content-Type", "")
    try:
        value = formats.decode(
            request.format, raw, content_type, max_bytes=max_bytes, options=request.format_options)
        return value, None
    except SyncError as error:
        if 200 <= status < 300:
            error.outcome_unknown = request.doubtful  # it was accepted; what it answered cannot be read
            return None, error
        return raw[:100_000].decode("utf-8", errors="replace"), None


def judge(request: Request, response: Response, now: datetime) -> SyncError | None:
    """None if the call succeeded, else the error.

    - GraphQL: errors and user errors in the answer decide first (core.graphql).
    - No success rule: the status decides (core.classify).
    - A rule that reads `status` decides alone; any other rule narrows 2xx and cannot heal an error status.
    - A refused answer whose error code stands in BODY_CODES counts as that status, so that an expired login
      inside a 200 is an authentication error.
    - FORBIDDEN is ambiguous. Beside data it is about one field: no status. Without data it counts as 401
      (shops say "You are not currently authorized to perform this action" for an expired login), unless the
      message names something (a digit, a quote): then as 403, which core.classify reads as `access` for
      that record.

    A rule that cannot be evaluated on this answer is an error of the mapping; a write stays in doubt then.
    """
    status = response.status
    if request.format == "graphql" and 200 <= status < 300:
        error = graphql.judge(response.body, doubtful=request.doubtful)
        if error is not None:
            return error
    rule = request.success_path
    if rule and (200 <= status < 300 or _READS_STATUS.search(rule)):
        try:
            succeeded = _holds(rule, response)
        except SyncError as error:
            error.outcome_unknown = request.doubtful
            return error
        return None if succeeded else _refused(request, response, now)
    return _by_status(status, request, response, now)


def _holds(rule: str, response: Response) -> bool:
    headers = {name.lower(): value for name, value in response.headers.items()} if "headers" in rule else {}
    return bool(paths.get(rule, {"status": response.status, "headers": headers, "body": response.body}))


def _refused(request: Request, response: Response, now: datetime) -> SyncError:
    message = extract_message(response.body, request.error_paths)
    status = response.status if response.status >= 300 else _status_in_body(response.body, message)
    error = _by_status(status, request, response, now) if status else None
    if error is None:
        error = SyncError("validation", "refused_in_answer", params={"message": message})
    return error


def _by_status(status: int, request: Request, response: Response, now: datetime) -> SyncError | None:
    if 200 <= status < 300:
        return None
    message = extract_message(response.body, request.error_paths)
    wait = parse_retry_after(response.headers.get("Retry-After"), now)
    return classify_status(status, message=message, retry_after=wait, creating=request.doubtful)


def _status_in_body(body: Any, message: str) -> int | None:
    """The HTTP status that the first error code in a body stands for."""
    for path in _CODE_PATHS:
        code = paths.get(path, body)
        if isinstance(code, str):
            status = BODY_CODES.get(code.upper().replace("-", "_").replace(" ", "_"))
            if status == 403:
                return None if _has_data(body) else 403 if NAMES_SOMETHING.search(message) else 401
            return status
    return None


def _has_data(body: Any) -> bool:
    data = body.get("data") if isinstance(body, dict) else None
    return any(value is not None for value in data.values()) if isinstance(data, dict) else bool(data)
