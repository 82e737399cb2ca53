"""Business alerts as values: told once, never more than allowed, and every message says something."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_flow.core import chat, noticing
from integration_flow.core.errors import SyncError
from integration_flow.core.noticing import Known, admit, follow

NOW = datetime(2026, 3, 1, 12)
WINDOW = timedelta(minutes=15)


@given(st.lists(st.lists(st.booleans(), max_size=6), max_size=8), st.booleans())
def test_told_once_for_each_time_it_came(batches, again):
    known, told = Known(), 0
    for looks in batches:
        known, tell = follow(known, looks, again)
        told += tell
    flat = [look for looks in batches for look in looks]
    came = sum(look and not before for before, look in zip([False, *flat], flat, strict=False))
    assert known.told == told
    assert known.inside == (flat[-1] if flat else False)
    assert told <= came
    if came:
        assert told >= 1
    if not again:
        assert told <= 1


def test_batches_do_not_matter_when_each_has_one_look():
    known, told = Known(), []
    for look in (True, True, False, True, False, True):
        known, tell = follow(known, [look], again=True)
        told.append(tell)
    assert told == [True, False, False, True, False, True]


@given(st.lists(st.tuples(st.integers(0, 600), st.integers(0, 12)), max_size=40), st.integers(1, 6))
def test_never_more_in_any_window_and_nothing_is_lost(steps, limit):
    """Messages come at any time; whoever looks again at `held_until` sends them all in the end."""
    now, held, until, left, told, came = NOW, 0, None, [], 0, 0

    def step(new):
        nonlocal held, until, told
        decision = admit(new, held, until, left, now, limit, WINDOW)
        if decision.fold:
            left.append(now)
            told += held
            held = 0
        left.extend([now] * decision.free)
        told += decision.free
        held += new - decision.free
        until = decision.held_until
        assert (until is None) == (held == 0)
        assert until is None or until > now

    for seconds, new in steps:
        now += timedelta(seconds=seconds)
        came += new
        step(new)
    for _ in range(3):
        if until:
            now = until
            step(0)
    assert (told, held) == (came, 0)
    for moment in left:
        assert sum(moment <= other < moment + WINDOW for other in left) <= limit


def test_without_limit_all_leave():
    assert admit(500, 0, None, [NOW] * 100, NOW, 0, WINDOW) == (False, 500, None)


def test_message():
    values = {"Customer": "Ann\x00", "Total": "", "link": "https://x"}
    assert noticing.fill("{Customer} {{ok}}\n{Total}\n\n{link}", values.get) == "Ann {ok}\n\nhttps://x"
    with pytest.raises(SyncError, match="bad_template"):
        noticing.placeholders("{Customer")


@given(st.text(max_size=200), st.text(max_size=4000), st.sampled_from(chat.STYLES))
def test_chats_get_what_they_take(title, text, style):
    body = chat.payload(style, title, text, "https://odoo.example.com/mail/view?model=a.b&res_id=1", "Open")
    if style == "slack":
        header, *rest = body["blocks"]
        assert 1 <= len(header["text"]["text"]) <= 150
        for block in rest:
            if block["type"] == "section":
                assert 1 <= len(block["text"]["text"]) <= 3000
        assert "<" not in body["text"].replace("&lt;", "")
    elif style == "markdown":
        assert len(body["text"]) < 16383
    else:
        card = body["attachments"][0]["content"]
        assert card["actions"][0]["url"].startswith("https://odoo.example.com/")


@pytest.mark.parametrize("style", chat.STYLES)
def test_a_name_calls_nobody(style):
    shown = str(chat.payload(style, "Alert", "<!channel> @all [x](http://evil)"))
    assert "<!channel>" not in shown
    if style != "slack":  # Slack links no names in messages of webhooks
        assert "@all" not in shown
        assert "[x](" not in shown
