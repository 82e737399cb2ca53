"""Which failures are gathered in an issue, and what is said of it: pure decisions; ``engine/issues.py`` does the work."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from .errors import ERROR_CLASSES
from .fingerprint import failure_fingerprint

# States of a record that a person has to look at.
ATTENTION_STATES = ("failed", "conflict", "unknown", "held")
# States in which a record belongs to no issue any more: it succeeded, or nobody wants it.
LEFT_STATES = ("synced", "excluded", "skipped")
# States in which a record that failed still counts: it failed, or it is on its way to another attempt.
COUNTED_STATES = ("pending", "waiting", "processing", *ATTENTION_STATES)

# Code of the failure that is none: a person has to say whether a record is deleted.
DELETION = "deletion"

# Whole numbers as text: they sort as they weigh.
MINOR, NORMAL, SERIOUS = "1", "2", "3"


def gathers(state: str, outcome: str, error_class: str | None) -> bool:
    """Does a record with this outcome of an attempt belong to an issue?

    What waits for its parent, for its turn or for a rate limit is no failure: it goes on by itself.

    >>> gathers("failed", "failed", "validation"), gathers("waiting", "retry", "server")
    (True, True)
    >>> gathers("waiting", "waiting", "parent_missing"), gathers("waiting", "", "rate_limit")
    (False, False)
    """
    if state in ATTENTION_STATES:
        return True
    if state != "waiting":
        return False
    return error_class == "authentication" or outcome == "retry" and error_class not in ("rate_limit", "parent_missing")


def leaves(state: str, error_class: str | None) -> bool:
    """Has a record in this state left the issue that it was in? One that waits for its turn has not.

    >>> leaves("synced", None), leaves("pending", None), leaves("waiting", "parent_missing")
    (True, False, True)
    """
    return state in LEFT_STATES or (state == "waiting" and error_class == "parent_missing")


def is_of_connection(state: str, error_class: str) -> bool:
    """Is the cause the other system as a whole, so that failures of all its flows are one issue?

    A write whose outcome is unknown is a question about one record, whatever lost its answer.

    >>> is_of_connection("waiting", "server"), is_of_connection("unknown", "timeout")
    (True, False)
    """
    return state in ("waiting", "failed") and ERROR_CLASSES[error_class].scope == "connection"


def severity(state: str, error_class: str) -> str:
    """``SERIOUS``: more than single records are stopped, or the program is wrong. ``MINOR``: it is still tried by itself.

    >>> severity("failed", "authentication"), severity("failed", "validation"), severity("waiting", "server")
    ('3', '2', '1')
    """
    if error_class in ("authentication", "internal"):
        return SERIOUS
    if state == "waiting":
        return MINOR
    return SERIOUS if is_of_connection(state, error_class) else NORMAL


def issue_fingerprint(error_class: str, code: str, params: Mapping[str, Any] | None, error_key: str | None = None) -> str:
    """32 hex characters: ``failure_fingerprint``, and what has to be fixed where that is known.

    >>> issue_fingerprint("validation", "rejected", {}) == failure_fingerprint("validation", "rejected", {})
    True
    >>> one = issue_fingerprint("unmapped", "unmapped_value", {}, "4:red")
    >>> one == issue_fingerprint("unmapped", "unmapped_value", {}, "5:red")
    False
    """
    cause = failure_fingerprint(error_class, code, params)
    if not error_key:
        return cause
    return blake2b(f"{cause}\x1f{error_key}".encode("utf-8", "replace"), digest_size=16).hexdigest()
