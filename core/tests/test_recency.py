"""Which of two states is newer: an order that no permutation of arrivals can break."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_flow.core.recency import Age, is_older, moment_of, order_of

START = datetime(2026, 1, 1)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("9", "10"),
        ("9.5", "10"),
        ("1.9.9", "1.10.0"),
        ("v9", "v10"),
        ('W/"99"', 'W/"100"'),
        ("0x0000000000000FFF", "0x0000000000001000"),
        ("9-ffff", "10-0000"),
        ("2026-01-31T10:00:00Z", "2026-01-31T12:00:00+01:00"),
        ("2026-01-31T10:00:00.2Z", "2026-01-31T10:00:00.25Z"),
        ("2026-01-31", "2026-02-01"),
    ],
    ids=lambda version: version,
)
def test_versions_with_an_order(older, newer):
    assert is_older(Age(older), Age(newer))
    assert not is_older(Age(newer), Age(older))
    # The version counts, whatever the clock says.
    assert is_older(Age(older, START + timedelta(days=1)), Age(newer, START))


@pytest.mark.parametrize(
    ("one", "other"), [("d41d8cd9", "a87ff679"), ("1.2.3", "5"), ("12", "2026-01-01"), ("1", "1.0"), ("", "x")]
)
def test_versions_without_one_leave_it_to_the_time(one, other):
    assert not is_older(Age(one), Age(other)) and not is_older(Age(other), Age(one))
    early, late = START, START + timedelta(microseconds=1)
    assert is_older(Age(one, early), Age(other, late))
    assert not is_older(Age(one, late), Age(other, early))


def test_equal_or_unknown_ages_count_by_arrival():
    for state, known in (
        (Age(), Age()),
        (Age(None, START), Age(None, START)),
        (Age(None, START), Age()),
        (Age("3"), Age(None, START)),
        (Age("3", START), Age("3", START)),
    ):
        assert not is_older(state, known)


def test_one_version_with_two_times():
    assert is_older(Age("3", START), Age("3", START + timedelta(seconds=1)))


@pytest.mark.parametrize("value", ["", "0000-00-00 00:00:00", [], {}, True, -5, 10**40, "10:00", float("nan")])
def test_what_is_no_moment(value):
    assert moment_of(value) is None


def test_moment_in_the_zone_of_the_flow():
    assert moment_of("2026-07-01 10:00:00.75", "Europe/Brussels") == datetime(2026, 7, 1, 8, 0, 0, 750000)
    assert moment_of("2026-07-01", "Europe/Brussels") == datetime(2026, 6, 30, 22)
    assert moment_of("1767225600") == datetime(2026, 1, 1)


@given(st.text(max_size=40))
def test_any_text_is_a_version(text):
    known = order_of(text)
    assert known is None or known[0] in ("number", "dotted", "moment")


_VERSIONS = st.one_of(
    st.integers(0, 50).map(str), st.tuples(*[st.integers(0, 3)] * 3).map(lambda parts: ".".join(map(str, parts)))
)


@given(st.lists(_VERSIONS, min_size=3, max_size=3), st.booleans())
def test_the_order_of_one_kind_is_a_weak_order(versions, dotted):
    kind = "dotted" if dotted else "number"
    first, second, third = ages = [Age(version) for version in versions]
    if any(order_of(age.version)[0] != kind for age in ages):
        return
    assert not (is_older(first, second) and is_older(second, first))
    if is_older(first, second) and is_older(second, third):
        assert is_older(first, third)


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=8),
    st.sampled_from(("version", "time", "both")),
    st.randoms(),
)
def test_any_arrival_ends_with_a_newest_state(states, told, random):
    """Whatever comes in whatever order and however often, what is kept is a newest one."""

    def age(state):
        version, seconds = state
        return Age(
            str(version) if told != "time" else None,
            START + timedelta(seconds=seconds) if told != "version" else None,
        )

    arrivals = states * 2
    random.shuffle(arrivals)
    kept = arrivals[0]
    for state in arrivals[1:]:
        if not is_older(age(state), age(kept)):
            kept = state
    assert not any(is_older(age(kept), age(state)) for state in states)
