"""Which failures make an issue, and whose."""

import pytest

from integration_flow.core import issues
from integration_flow.core.errors import ERROR_CLASSES


@pytest.mark.parametrize(("state", "outcome", "error_class", "expected"), [
    ("failed", "failed", "validation", True),
    ("conflict", "conflict", None, True),
    ("unknown", "unknown", "timeout", True),
    ("held", "", None, True),
    ("waiting", "retry", "connection", True),
    ("waiting", "waiting", "authentication", True),
    ("waiting", "waiting", "parent_missing", False),
    ("waiting", "", "rate_limit", False),
    ("pending", "", "connection", False),
    ("synced", "updated", None, False),
])
def test_gathers(state, outcome, error_class, expected):
    assert issues.gathers(state, outcome, error_class) is expected


@pytest.mark.parametrize("error_class", ERROR_CLASSES)
def test_every_class_has_a_severity(error_class):
    assert issues.severity("failed", error_class) in (issues.NORMAL, issues.SERIOUS)
    assert issues.severity("waiting", error_class) in (issues.MINOR, issues.SERIOUS)


def test_what_gathers_does_not_leave():
    for state in (*issues.COUNTED_STATES, *issues.LEFT_STATES):
        for error_class in (None, *ERROR_CLASSES):
            for outcome in ("", "retry", "waiting", state):
                assert not (issues.gathers(state, outcome, error_class) and issues.leaves(state, error_class))


def test_one_key_is_one_issue():
    red = issues.issue_fingerprint("unmapped", "unmapped_value", {"value": "red", "map": "Colours"}, "4:red")
    assert red == issues.issue_fingerprint("unmapped", "unmapped_value", {"value": "red", "map": "Colours"}, "4:red")
    assert red != issues.issue_fingerprint("unmapped", "unmapped_value", {"value": "red", "map": "Colours"}, "5:red")
    assert len(red) == 32
