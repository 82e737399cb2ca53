"""When a list is believed."""

from hypothesis import given
from hypothesis import strategies as st

from ..scanning import ALWAYS_BELIEVED, doubt

COUNT = st.integers(0, 100_000)


def test_nothing_missing_is_never_doubted():
    assert doubt(0, 0, 0, 0) == doubt(50, 50, 0, 0) == ""


def test_the_limit_itself_is_fine():
    assert doubt(80, 100, 20, 20) == ""
    assert doubt(79, 100, 21, 20) == "too_many"


@given(linked=COUNT, missing=COUNT, percent=st.floats(0, 100))
def test_an_empty_list_deletes_nothing(linked, missing, percent):
    assert doubt(0, linked, missing, percent) == ("empty" if missing else "")


@given(seen=st.integers(1, 100_000), linked=COUNT, percent=st.floats(0, 99))
def test_more_missing_is_never_less_doubtful(seen, linked, percent):
    doubts = [bool(doubt(seen, linked, missing, percent)) for missing in range(0, linked + 1, max(linked // 20, 1))]
    assert doubts == sorted(doubts)
    if linked > ALWAYS_BELIEVED:
        assert doubt(seen, linked, linked, percent), "that everything is gone is always doubted"
