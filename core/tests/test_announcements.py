"""Events for others: which patterns want which types, the body's form, and the schedule of Standard Webhooks."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_flow.core import announcements

NAME = st.from_regex(r"[a-z0-9_]{1,12}", fullmatch=True)


@pytest.mark.parametrize(
    ("patterns", "wanted", "unwanted"),
    [
        ("", ["orders.created", "x.y.z"], []),
        ("*", ["orders.created"], []),
        ("orders.created", ["orders.created"], ["orders.updated", "my_orders.created", "orders.created.late"]),
        ("orders.*", ["orders.created", "orders.failed"], ["orders", "old_orders.created"]),
        ("*.failed", ["orders.failed", "stock.failed"], ["orders.created", "failed"]),
        ("orders.created,\n stock.*; *.deleted", ["stock.x", "a.deleted", "orders.created"], ["orders.updated"]),
        ("order*.created", ["orders.created", "order.created"], ["orders.updated"]),
    ],
)
def test_patterns(patterns, wanted, unwanted):
    regex = re.compile(announcements.type_regex(patterns))
    assert [name for name in wanted if not regex.search(name)] == []
    assert [name for name in unwanted if regex.search(name)] == []


@pytest.mark.parametrize("pattern", ["orders..created", ".created", "a b.(c)", "orders.[a]", "ö.created", "a.b\\d", "a|b"])
def test_patterns_that_cannot_be_read_are_named(pattern):
    with pytest.raises(ValueError):
        announcements.type_regex(pattern)


@given(st.lists(NAME, min_size=1, max_size=4), NAME, NAME)
def test_a_pattern_without_star_wants_exactly_itself(names, one, other):
    types = [f"{name}.created" for name in names]
    regex = re.compile(announcements.type_regex(", ".join(types)))
    assert all(regex.search(name) for name in types)
    assert bool(regex.search(f"{one}.{other}")) == (f"{one}.{other}" in types)


@given(st.text(max_size=30))
def test_names_have_only_what_the_standard_recommends(text):
    name = announcements.event_name(text)
    assert re.fullmatch(r"[a-z0-9_]*", name) and announcements.event_name(name) == name


def test_body():
    text = announcements.body(
        "orders.updated",
        datetime(2026, 1, 31, 14, 5, 6, 120000, tzinfo=timezone(timedelta(hours=2))),
        {"record": {"name": "Zoë"}, "values": {"total": Decimal("12.50"), "day": datetime(2026, 1, 1, tzinfo=UTC)}},
    )
    assert json.loads(text) == {
        "type": "orders.updated",
        "timestamp": "2026-01-31T12:05:06.120000Z",
        "data": {"record": {"name": "Zoë"}, "values": {"total": 12.5, "day": "2026-01-01T00:00:00Z"}},
    }
    assert "Zoë" in text and ", " not in text


@given(st.dictionaries(st.text(), st.recursive(st.text() | st.integers() | st.none(), st.lists, max_leaves=5)))
def test_every_body_can_be_stored_and_sent(data):
    text = announcements.body("a.created", datetime(2026, 1, 31), data)
    assert "\x00" not in text
    assert json.loads(text.encode("utf-8"))["type"] == "a.created"


def test_the_schedule_of_the_standard():
    waits = [announcements.next_wait(attempts, 0.5) for attempts in range(1, announcements.ATTEMPTS + 1)]
    assert waits[:-1] == [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400] and waits[-1] is None
    assert sum(waits[:-1]) == 272105  # 75:35:05


@given(st.integers(1, 9), st.floats(0, 1))
def test_jitter_stays_within_a_tenth(attempts, random01):
    plain = announcements.WAITS[attempts - 1]
    assert plain * 0.9 <= announcements.next_wait(attempts, random01) <= plain * 1.1


def test_attempts_count_from_one():
    with pytest.raises(ValueError, match="count from 1"):
        announcements.next_wait(0, 0.5)


def test_pauses_grow_and_stay_bounded():
    pauses = [announcements.pause_after(failures) for failures in range(60)]
    assert pauses[:5] == [0] * 5 and pauses[5] == 60
    assert pauses == sorted(pauses) and pauses[-1] == announcements.LONGEST_PAUSE
