"""Silence: nights and weekends never alarm, a working day without anything does."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_flow.core import silence

MONDAY = datetime(2026, 1, 5)
HOUR = timedelta(hours=1)


def working_weeks(weeks, hours=range(8, 18), days=range(5)):
    return {
        MONDAY + timedelta(weeks=week, days=day, hours=hour): 5
        for week in range(weeks) for day in days for hour in hours}


@pytest.mark.parametrize(("now", "expected"), [
    (MONDAY + timedelta(weeks=5, hours=8, minutes=59), False),
    (MONDAY + timedelta(weeks=5, hours=10), False),
    (MONDAY + timedelta(weeks=5, hours=12), True),
    (MONDAY + timedelta(weeks=4, days=6, hours=23), False),
    (MONDAY + timedelta(weeks=4, days=5, hours=3), False),
], ids=["before anything is due", "two hours", "four hours", "all of a weekend", "a night"])
def test_office_hours(now, expected):
    assert silence.judge(working_weeks(5), now=now).silent is expected


def test_one_week_says_nothing():
    assert not silence.judge(working_weeks(1), now=MONDAY + timedelta(weeks=2)).silent


def test_no_arrival_ever():
    assert silence.judge({}, now=MONDAY) == (False, None, 1.0)


def test_a_pause_is_no_silence():
    late = MONDAY + timedelta(weeks=5, hours=15)
    assert silence.judge(working_weeks(5), now=late).silent
    assert not silence.judge(working_weeks(5), now=late, running_since=late - HOUR).silent


def test_clocks_change():
    """08:00 in Brussels is 07:00 UTC in winter and 06:00 in summer; the hour that counts is the one on the clock."""
    winter = {}
    for week in range(6):
        for day in range(5):
            for hour in range(8, 18):
                winter[datetime(2026, 2, 16) + timedelta(weeks=week, days=day, hours=hour - 1)] = 1
    last = max(winter)
    assert last < datetime(2026, 3, 29)
    monday = datetime(2026, 3, 30)
    assert not silence.judge(winter, now=monday + timedelta(hours=6), tz="Europe/Brussels").silent
    assert silence.judge(winter, now=monday + timedelta(hours=10), tz="Europe/Brussels").silent


hours = st.sets(st.integers(0, 24 * 7 * 6), min_size=1, max_size=200)


@given(hours, st.integers(0, 24 * 30))
def test_hours_that_are_always_silent_never_alarm(found, gap):
    arrivals = {MONDAY + number * HOUR: 1 for number in found}
    usual = {(hour.weekday(), hour.hour) for hour in arrivals}
    last = max(arrivals)
    gap_hours = [last + number * HOUR for number in range(1, gap + 1)]
    verdict = silence.judge(arrivals, now=last + (gap + 1) * HOUR)
    if not any((hour.weekday(), hour.hour) in usual for hour in gap_hours):
        assert verdict.chance == 1.0
    assert verdict.since == last
    assert 0 <= verdict.chance <= 1


@given(hours, st.integers(0, 24 * 30), st.integers(0, 24 * 7))
def test_longer_silence_is_never_likelier(found, gap, more):
    arrivals = {MONDAY + number * HOUR: 1 for number in found}
    last = max(arrivals)
    shorter = silence.judge(arrivals, now=last + gap * HOUR)
    longer = silence.judge(arrivals, now=last + (gap + more) * HOUR)
    assert longer.chance <= shorter.chance


@given(hours)
def test_something_in_this_hour_is_no_silence(found):
    arrivals = {MONDAY + number * HOUR: 1 for number in found}
    assert not silence.judge(arrivals, now=max(arrivals) + timedelta(minutes=59)).silent


@given(hours, st.integers(0, 24 * 20), st.integers(-20, 20))
def test_weeks_make_no_difference(found, gap, weeks):
    arrivals = {MONDAY + number * HOUR: 1 for number in found}
    shift = timedelta(weeks=weeks)
    now = max(arrivals) + gap * HOUR
    moved = silence.judge({hour + shift: count for hour, count in arrivals.items()}, now=now + shift)
    assert moved.chance == pytest.approx(silence.judge(arrivals, now=now).chance)


@pytest.mark.parametrize(("since", "now", "options", "expected"), [
    (MONDAY, MONDAY + 5 * HOUR, {}, 5.0),
    (MONDAY, MONDAY - HOUR, {}, 0.0),
    (MONDAY + timedelta(days=4, hours=17), MONDAY + timedelta(days=7, hours=9),
     {"start": 8, "end": 18, "weekdays": range(5)}, 2.0),
    (MONDAY + timedelta(hours=12), MONDAY + timedelta(days=1, hours=12), {"start": 22, "end": 6}, 8.0),
    (MONDAY + timedelta(hours=2), MONDAY + timedelta(hours=4), {"start": 22, "end": 6}, 2.0),
    (datetime(2026, 3, 29), datetime(2026, 3, 29, 6), {"tz": "Europe/Brussels", "start": 0, "end": 8}, 6.0),
], ids=["whole days", "backwards", "weekend", "over midnight", "begun yesterday", "clock change"])
def test_watched_hours(since, now, options, expected):
    assert silence.watched_hours(since, now, **options) == pytest.approx(expected)


@given(st.integers(0, 500), st.integers(0, 500), st.floats(0, 23), st.floats(0.5, 24))
def test_watched_hours_add_up(first, second, start, end):
    middle, until = MONDAY + first * HOUR, MONDAY + (first + second) * HOUR
    parts = [silence.watched_hours(a, b, start=start, end=end) for a, b in ((MONDAY, middle), (middle, until))]
    whole = silence.watched_hours(MONDAY, until, start=start, end=end)
    assert sum(parts) == pytest.approx(whole, abs=1e-6)
    assert whole <= first + second + 1e-9
