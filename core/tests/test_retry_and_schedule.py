from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_flow.core.errors import SyncError
from integration_flow.core.retry import LONGEST_RETRY_AFTER, RetryPolicy, delay, parse_retry_after
from integration_flow.core.schedule import next_time

NOW = datetime(2026, 1, 31, 12)
POLICIES = st.builds(
    RetryPolicy,
    first_seconds=st.floats(0, 1e6),
    coefficient=st.floats(1, 100),
    maximum_seconds=st.floats(0, 1e7),
    attempts=st.integers(0, 50),
    jitter=st.floats(0, 1),
)


@given(POLICIES, st.integers(1, 10_000), st.floats(0, 1))
def test_delay_stays_within_bounds(policy, attempt, random01):
    wait = delay(policy, attempt, random01)
    if attempt >= policy.attempts:
        assert wait is None
    else:
        assert 0 <= wait <= policy.maximum_seconds


@given(POLICIES, st.integers(1, 40))
def test_delay_grows(policy, attempt):
    one, two = delay(policy, attempt, 0.5), delay(policy, attempt + 1, 0.5)
    if two is not None:
        assert two >= one


def test_the_default_policy():
    waits = [delay(RetryPolicy(), attempt, 0.5) for attempt in range(1, 9)]
    assert waits == [60, 120, 240, 480, 960, 1920, 3840, None]
    assert delay(RetryPolicy(attempts=50), 40, 1.0) == 21600


def test_jitter_spreads():
    assert delay(RetryPolicy(jitter=0.5), 1, 0) == 30
    assert delay(RetryPolicy(jitter=0.5), 1, 1) == 90
    assert delay(RetryPolicy(jitter=0), 1, 0.123) == 60


def test_no_overflow():
    assert delay(RetryPolicy(attempts=10**9, coefficient=100.0), 10**8, 0.5) == 21600


@pytest.mark.parametrize("attempts", [0, 1])
def test_policies_without_retry(attempts):
    assert delay(RetryPolicy(attempts=attempts), 1, 0.5) is None


@pytest.mark.parametrize(
    "bad",
    [
        {"first_seconds": -1},
        {"coefficient": 0.5},
        {"maximum_seconds": -1},
        {"attempts": -1},
        {"jitter": 1.5},
        {"jitter": -0.1},
    ],
    ids=str,
)
def test_bad_policies(bad):
    with pytest.raises(ValueError):
        RetryPolicy(**bad)


def test_attempts_count_from_one():
    with pytest.raises(ValueError):
        delay(RetryPolicy(), 0, 0.5)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        (" 5 ", 5),
        ("1.5", 1.5),
        ("999999999", LONGEST_RETRY_AFTER),
        (60, 60),
        ("Sat, 31 Jan 2026 12:01:00 GMT", 60),
        ("Saturday, 31-Jan-26 12:01:00 GMT", 60),
        ("Sat Jan 31 12:01:00 2026", 60),
        ("Sat, 31 Jan 2026 11:00:00 GMT", 0),
        ("Sat, 31 Jan 2026 13:01:00 +0100", 60),
        ("Sun, 31 Jan 2099 12:00:00 GMT", LONGEST_RETRY_AFTER),
        ("", None),
        (None, None),
        ("soon", None),
        ("-5", None),
        ("1e5", None),
        ("nan", None),
        ("inf", None),
        ("2026-13-45", None),
        ("Sat, 99 Jan 2026 12:01:00 GMT", None),
        ("1" * 500, None),
        ("١٢", None),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_retry_after(value, seconds):
    assert parse_retry_after(value, NOW) == seconds
    assert parse_retry_after(value, NOW.replace(tzinfo=UTC)) == seconds


@given(st.text(max_size=40))
def test_retry_after_never_fails(value):
    seconds = parse_retry_after(value, NOW)
    assert seconds is None or 0 <= seconds <= LONGEST_RETRY_AFTER


@pytest.mark.parametrize(
    ("after", "options", "expected"),
    [
        (datetime(2026, 1, 31, 23, 50), {"every": 15}, datetime(2026, 2, 1, 0, 5)),
        (datetime(2026, 1, 31, 12), {"every": 2, "unit": "hours"}, datetime(2026, 1, 31, 14)),
        (datetime(2026, 1, 31, 12), {"every": 1, "unit": "days"}, datetime(2026, 2, 1, 12)),
        # 08:00 in Brussels stays 08:00 over both changes of the clock
        (
            datetime(2026, 3, 28, 7),
            {"every": 1, "unit": "days", "tz": "Europe/Brussels"},
            datetime(2026, 3, 29, 6),
        ),
        (
            datetime(2026, 10, 24, 6),
            {"every": 1, "unit": "days", "tz": "Europe/Brussels"},
            datetime(2026, 10, 25, 7),
        ),
        # hours are real hours
        (
            datetime(2026, 3, 28, 23),
            {"every": 24, "unit": "hours", "tz": "Europe/Brussels"},
            datetime(2026, 3, 29, 23),
        ),
        (datetime(2026, 1, 31, 12), {"cron": "*/5 * * * *"}, datetime(2026, 1, 31, 12, 5)),
        (datetime(2026, 1, 31, 12, 4, 59), {"cron": "*/5 * * * *"}, datetime(2026, 1, 31, 12, 5)),
        (
            datetime(2026, 1, 31, 12),
            {"cron": "0 6 * * 1-5", "tz": "Europe/Brussels"},
            datetime(2026, 2, 2, 5),
        ),
        (datetime(2026, 7, 3, 12), {"cron": "0 6 * * 1-5", "tz": "Europe/Brussels"}, datetime(2026, 7, 6, 4)),
        (datetime(2026, 1, 31, 12), {"cron": "0 0 29 2 *"}, datetime(2028, 2, 29)),
        (datetime(2026, 1, 31, 12), {"cron": " 0 13 * * * ", "every": 5}, datetime(2026, 1, 31, 13)),
    ],
    ids=lambda value: str(value)[:50],
)
def test_next_time(after, options, expected):
    assert next_time(after, **options) == expected
    assert next_time(after.replace(tzinfo=UTC), **options) == expected.replace(tzinfo=UTC)


def test_a_time_that_does_not_exist_is_not_skipped_for_ever():
    """02:30 does not exist on the day summer time begins; the next run still comes within a day or so."""
    moment = next_time(datetime(2026, 3, 29, 0, 0), cron="30 2 * * *", tz="Europe/Brussels")
    assert datetime(2026, 3, 29, 0, 0) < moment < datetime(2026, 3, 30, 1, 0)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"every": 0}, "bad_schedule"),
        ({"every": -5}, "bad_schedule"),
        ({"every": 1.5}, "bad_schedule"),
        ({"every": True}, "bad_schedule"),
        ({"every": 5, "unit": "weeks"}, "bad_schedule"),
        ({"cron": "* * * *"}, "bad_schedule"),
        ({"cron": "61 * * * *"}, "bad_schedule"),
        ({"cron": "nope"}, "bad_schedule"),
        ({"cron": "* * * * * *"}, "bad_schedule"),
        ({"cron": "0 0 30 2 *"}, "bad_schedule"),
        ({"every": 10**12, "unit": "days"}, "bad_schedule"),
        ({"every": 10**12, "unit": "hours"}, "bad_schedule"),
        ({"every": 5, "tz": "Mars/Base"}, "unknown_timezone"),
        ({}, "bad_schedule"),
    ],
    ids=str,
)
def test_bad_schedules(options, code):
    with pytest.raises(SyncError) as caught:
        next_time(NOW, **options)
    assert (caught.value.error_class, caught.value.code) == ("mapping", code)


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1)),
    st.integers(1, 400),
    st.sampled_from(["minutes", "hours", "days"]),
    st.sampled_from(["UTC", "Europe/Brussels", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
)
def test_next_time_is_always_later(after, every, unit, tz):
    moment = next_time(after, every=every, unit=unit, tz=tz)
    assert moment > after
    exact = timedelta(**{unit: every})
    assert abs((moment - after) - exact) <= (timedelta(hours=2) if unit == "days" else timedelta(0))


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),
    st.sampled_from(["*/7 * * * *", "0 6 * * 1-5", "30 2 * * *", "0 0 1 * *"]),
    st.sampled_from(["UTC", "Europe/Brussels", "Australia/Lord_Howe"]),
)
def test_cron_is_always_later(after, cron, tz):
    assert next_time(after, cron=cron, tz=tz) > after
