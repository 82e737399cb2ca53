"""Events that others are told about: their names, who wants which, their body, and when a failed one is sent again.

Standard Webhooks 1.0.0 (names of events, body, schedule of retries). Pure values; the engine stores and sends them.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from typing import Any

from .documents import dump_json
from .values import clean_text

KINDS = ("created", "updated", "deleted", "failed")
"""What can have happened to a record of a flow; the last part of an event's type."""
TEST_TYPE = "integration.test"
WAITS = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
"""Seconds before the 2nd, 3rd, ... attempt: the schedule that Standard Webhooks suggests, three days in all."""
ATTEMPTS = len(WAITS) + 1
JITTER = 0.1
ORDERED_ATTEMPTS = 4
"""An event holds back later ones of its record until it was tried so often (35 minutes). Then they overtake it."""
FAILURES_BEFORE_PAUSE = 5
LONGEST_PAUSE = 3600

_PATTERN = re.compile(r"[A-Za-z0-9_*]+(?:\.[A-Za-z0-9_*]+)*")


def event_name(text: str) -> str:
    """`text` as the first part of an event's type: letters, digits and '_' only, as Standard Webhooks wants it.

    >>> event_name("Web-Shop orders"), event_name("  Größe Á ")
    ('web_shop_orders', 'grosse_a')
    """
    plain = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")


def type_regex(patterns: str) -> str:
    """One regular expression (for Python and PostgreSQL alike) for patterns separated by commas, blanks or lines.

    `*` stands for anything. No pattern at all means every event.

    :raises ValueError: with the pattern that cannot be read

    >>> type_regex("orders.*, *.failed")
    '^(orders\\\\..*|.*\\\\.failed)$'
    >>> type_regex("")
    '^.*$'
    >>> type_regex("orders.(created)")
    Traceback (most recent call last):
    ...
    ValueError: orders.(created)
    """
    names = [name for name in re.split(r"[\s,;]+", patterns or "") if name]
    for name in names:
        if not _PATTERN.fullmatch(name):
            raise ValueError(name)
    if not names or "*" in names:
        return "^.*$"
    parts = [name.replace(".", r"\.").replace("*", ".*") for name in names]
    return f"^({'|'.join(parts)})$"


def body(event_type: str, happened_at: datetime, data: dict[str, Any]) -> str:
    """The text that is stored, signed and sent: the same for every subscriber and attempt.

    :param happened_at: naive = UTC

    >>> body("orders.created", datetime(2026, 1, 31, 12), {"id": 7})
    '{"type":"orders.created","timestamp":"2026-01-31T12:00:00Z","data":{"id":7}}'
    """
    moment = happened_at if happened_at.tzinfo is not None else happened_at.replace(tzinfo=UTC)
    stamp = moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    # What PostgreSQL could not store and JSON must not hold (lone surrogates) is cleaned away, not refused.
    return dump_json({"type": event_type, "timestamp": stamp, "data": _clean(data)})


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {clean_text(str(name)): _clean(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(item) for item in value]
    return value


def next_wait(attempts: int, random01: float) -> float | None:
    """Seconds until an event that failed `attempts` times is sent again; None after the last attempt.

    :param random01: a random number from 0 to 1 (the caller's, so that tests know it)

    >>> [next_wait(attempts, 0.5) for attempts in (1, 2, 9, 10)]
    [5.0, 300.0, 86400.0, None]
    >>> next_wait(2, 0.0), next_wait(2, 1.0)
    (270.0, 330.0)
    """
    if attempts < 1:
        raise ValueError(f"attempts count from 1, got {attempts}")
    if attempts >= ATTEMPTS:
        return None
    return WAITS[attempts - 1] * (1 + JITTER * (2 * min(max(random01, 0.0), 1.0) - 1))


def pause_after(failures_in_row: int) -> int:
    """Seconds for which a subscriber is left alone after so many failures without a success: one minute, then longer.

    >>> [pause_after(failures) for failures in (4, 5, 6, 7, 40)]
    [0, 60, 120, 240, 3600]
    """
    if failures_in_row < FAILURES_BEFORE_PAUSE:
        return 0
    return min(60 * 2 ** min(failures_in_row - FAILURES_BEFORE_PAUSE, 10), LONGEST_PAUSE)
