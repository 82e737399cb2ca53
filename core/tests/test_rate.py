"""The shared limit: exact in every window whoever calls and whenever, nearly all of it usable, bounded state."""

from hypothesis import given, settings
from hypothesis import strategies as st

from integration_flow.core import rate

LIMITS = st.tuples(st.integers(1, 40), st.sampled_from([0.01, 0.5, 1.0, 2.5, 60.0, 3600.0]))


def most_in_a_window(moments, period_ms):
    """The most calls in any window [x, x + period)."""
    moments = sorted(moments)
    most, first = 0, 0
    for last, moment in enumerate(moments):
        while moments[first] <= moment - period_ms:
            first += 1
        most = max(most, last - first + 1)
    return most


@settings(max_examples=300)
@given(
    limit=LIMITS,
    steps=st.lists(st.tuples(
        st.floats(0, 0.4),  # time that passes, as a share of the period
        st.integers(1, 30),  # calls wanted
        st.floats(0, 1),  # share of them begun
        st.floats(0, 1),  # when within the lease
        st.booleans(),  # the rest is given back
    ), max_size=60),
)
def test_no_window_ever_holds_more_than_the_limit(limit, steps):
    calls, period = limit
    now, slots, begun = 1_000_000, (), []
    for passes, wanted, share, when, returns in steps:
        now += round(passes * period * 1000)
        slots, lease = rate.reserve(slots, now, calls=calls, period=period, wanted=wanted)
        assert 0 <= lease.calls <= wanted
        made = round(lease.calls * share)
        if made:
            moment = now + int((lease.until - 1 - now) * when)
            assert now <= moment < lease.until
            begun += [moment] * made
        if returns:
            slots = rate.give_back(slots, lease.until, lease.calls - made)
        assert rate.used(slots, now, period=period) <= calls
        assert len(slots) <= rate.SLOTS + 12
    assert most_in_a_window(begun, period * 1000) <= calls


@given(limit=LIMITS, wanted=st.integers(1, 40))
def test_a_wait_is_neither_too_short_nor_for_nothing(limit, wanted):
    """After the wait there is a call; a millisecond earlier there is none."""
    calls, period = limit
    slots, lease = rate.reserve((), 10_000, calls=calls, period=period, wanted=calls)
    assert lease.calls == calls
    _slots, none = rate.reserve(slots, 10_001, calls=calls, period=period, wanted=wanted)
    assert none.calls == 0
    assert rate.reserve(slots, 10_001 + none.wait - 1, calls=calls, period=period, wanted=1)[1].calls == 0
    assert rate.reserve(slots, 10_001 + none.wait, calls=calls, period=period, wanted=1)[1].calls == 1


def test_nearly_all_of_the_limit_can_be_used():
    for calls, period in ((10, 1.0), (100, 1.0), (600, 60.0), (5000, 3600.0)):
        now, end, slots, begun = 0, period * 20_000, (), 0
        while now < end:
            slots, lease = rate.reserve(slots, now, calls=calls, period=period, wanted=max(calls // 20, 1))
            begun += lease.calls
            now += lease.wait or 1
        assert begun / (20 * calls) > 0.92, (calls, period, begun)


def test_a_lowered_limit_waits_until_enough_is_over():
    slots, _lease = rate.reserve((), 0, calls=10, period=1.0, wanted=6)
    slots, _lease = rate.reserve(slots, 500, calls=10, period=1.0, wanted=4)
    _slots, lease = rate.reserve(slots, 600, calls=4, period=1.0, wanted=1)
    assert (lease.calls, lease.wait) == (0, 520 + 1050 - 600)
    _slots, lease = rate.reserve(slots, 600, calls=5, period=1.0, wanted=1)
    assert (lease.calls, lease.wait) == (0, 20 + 1050 - 600)


def test_what_was_given_back_can_be_used():
    slots, lease = rate.reserve((), 0, calls=2, period=60.0, wanted=2)
    slots = rate.give_back(slots, lease.until, 1)
    assert rate.reserve(slots, 1, calls=2, period=60.0, wanted=2)[1].calls == 1
