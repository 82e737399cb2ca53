"""Every figure here is worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ..volume import Limit, Volume, estimate, runs_per_day

A_DAY = Limit(10000, 86400)


@pytest.mark.parametrize(("volume", "calls"), [
    (Volume(polls=288, changed=2000, page_size=100), {"polls": 288, "pages": 20}),
    (Volume(polls=24, changed=50, page_size=100), {"polls": 24, "pages": 1}),
    (Volume(polls=24, changed=50), {"polls": 24}),  # one answer holds everything
    # Every run reads all 950 records, 10 pages of 100: 24 runs x 10 pages, of which 24 are the first ones.
    (Volume(polls=24, changed=50, total=950, page_size=100, incremental=False), {"polls": 24, "everything": 216}),
    (Volume(polls=0, changed=300, page_size=100, read_back=True), {"read_back": 300}),
    (Volume(sent=950), {"sent": 950}),
    (Volume(sent=950, per_call=100), {"sent": 10}),
    (Volume(sent=950, read_before=True), {"sent": 950, "read_before": 950}),
    (Volume(sent=30, calls_each=3), {"asked": 90}),
    (Volume(polls=96, changed=200, page_size=50, sent=30), {"polls": 96, "pages": 4, "sent": 30}),
    (Volume(), {}),
], ids=["the example", "one page more", "no paging", "not incremental", "thin events", "single", "bulk", "read before",
        "several calls", "two-way", "nothing"])
def test_calls_of_a_day(volume, calls):
    found = estimate(volume, A_DAY)
    assert {step.code: step.calls for step in found.steps} == calls
    assert found.calls == sum(calls.values())


@pytest.mark.parametrize(("volume", "limit", "others", "verdict"), [
    (Volume(), A_DAY, 0, "unknown"),
    (Volume(polls=24), A_DAY, 0, "unknown"),
    (Volume(polls=24, changed=5, incremental=False), A_DAY, 0, "unknown"),
    (Volume(sent=5), Limit(), 0, "no_limit"),
    (Volume(sent=8000), A_DAY, 0, "fits"),
    (Volume(sent=8001), A_DAY, 0, "tight"),
    (Volume(sent=10000), A_DAY, 0, "tight"),
    (Volume(sent=10001), A_DAY, 0, "exceeds"),
    (Volume(sent=10001, per_call=10), A_DAY, 0, "fits"),
    (Volume(sent=5000), A_DAY, 5001, "exceeds"),
    # 10 calls a minute are 14,400 a day, but only 600 an hour.
    (Volume(sent=5000, peak=601), Limit(10, 60), 0, "exceeds"),
    (Volume(sent=5000, peak=480), Limit(10, 60), 0, "fits"),
    # A limit by the day does not limit the hour.
    (Volume(sent=5000, peak=5000), A_DAY, 0, "fits"),
], ids=str)
def test_verdicts(volume, limit, others, verdict):
    assert estimate(volume, limit, others).verdict == verdict


def test_the_busiest_hour():
    # 12 of 288 polls, and 500 of 2,000 records: a quarter of the 20 pages.
    assert estimate(Volume(polls=288, changed=2000, page_size=100, peak=500), A_DAY).peak_calls == 12 + 5
    # Without any figure for the day, a record is a call.
    assert estimate(Volume(polls=24, peak=7), A_DAY).peak_calls == 1 + 7


def test_the_first_import():
    found = estimate(Volume(polls=24, changed=10, total=50000, page_size=100), Limit(2, 1))
    assert (found.first_calls, found.first_seconds) == (500, 249)  # 2 at once, then 498 at 2 a second
    assert estimate(Volume(total=50000, page_size=100), Limit()).first_seconds == 0


@pytest.mark.parametrize(("schedule", "runs"), [
    ({"every": 1}, 1440), ({"every": 7}, 206), ({"every": 1, "unit": "hours"}, 24), ({"every": 3, "unit": "days"}, 1),
    ({"cron": "*/5 * * * *"}, 288), ({"cron": "0 6 * * 1-5"}, 1), ({"cron": "*/30 8-17 * * 6"}, 20),
    ({"cron": "0 6 1 * *"}, 1), ({"cron": "nonsense"}, 0),
])
def test_runs_of_the_busiest_day(schedule, runs):
    assert runs_per_day(**schedule) == runs


whole = st.integers(0, 10**6)


@given(polls=whole, changed=whole, total=whole, sent=whole, page=st.integers(0, 1000), per_call=st.integers(1, 500),
       incremental=st.booleans(), read_back=st.booleans(), read_before=st.booleans(), peak=whole,
       limit=st.integers(0, 10**5), period=st.floats(0.1, 10**6), others=whole)
def test_more_never_costs_less(polls, changed, total, sent, page, per_call, incremental, read_back, read_before, peak, limit,
                               period, others):
    def calls(**more):
        return estimate(Volume(**{
            "polls": polls, "changed": changed, "total": total, "sent": sent, "page_size": page, "per_call": per_call,
            "incremental": incremental, "read_back": read_back, "read_before": read_before, "peak": peak, **more,
        }), Limit(limit, period), others)
    base = calls()
    assert base.calls == sum(step.calls for step in base.steps) and base.peak_calls >= 0
    assert calls(changed=changed + 1000).calls >= base.calls
    assert calls(sent=sent + 1000).calls >= base.calls
    assert calls(polls=polls + 10).calls >= base.calls
    assert calls(per_call=per_call + 1).calls <= base.calls
    if base.verdict == "exceeds":
        assert base.calls + others > base.allowed or base.peak_calls > base.peak_allowed
