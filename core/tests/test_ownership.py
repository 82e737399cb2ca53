"""The table of DESIGN.md section 4, cell by cell, and the properties that hold for every cell."""

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integration_flow.core.errors import SyncError
from integration_flow.core.ownership import (
    BLANKS,
    OWNERS,
    Decision,
    Member,
    Sides,
    Terms,
    merge,
    merge_initial,
)
from integration_flow.core.ownership_groups import merge_group

from .agreeing import agreed_after

# In these tests the external form of a value is its upper case, "" and None are blank.
THEN = Sides("red", "RED")
NOTHING, WRITE, SEND = (False, False), (True, False), (False, True)


def as_odoo(external):
    return external.lower() if external else None


def as_external(odoo):
    return odoo.upper() if odoo else None


def decide(owner, odoo, external, agreed=THEN, **more):
    return merge(
        owner, agreed=agreed, odoo=odoo, external=external, external_as_odoo=as_odoo(external), **more
    )


EARLY, LATE = "2026-01-01 10:00:00", "2026-01-01 10:00:01"

# owner, column, (Odoo now, external now), (to_odoo, to_external), conflict, overruled, extra arguments
TABLE = [
    ("external", "external_changed", ("red", "BLUE"), WRITE, False, ""),
    ("external", "odoo_changed_put_back", ("green", "RED"), WRITE, False, "odoo"),
    ("external", "both_external_wins", ("green", "BLUE"), WRITE, False, "odoo"),
    ("external", "external_blank_blanks_it", ("red", None), WRITE, False, ""),
    ("external", "external_blank_odoo_changed", ("green", None), WRITE, False, "odoo"),
    ("external", "odoo_blanked_put_back", (None, "RED"), WRITE, False, "odoo"),
    ("external_unless_blank", "external_changed", ("red", "BLUE"), WRITE, False, ""),
    (
        "external_unless_blank",
        "odoo_changed_external_not_blank_put_back",
        ("green", "RED"),
        WRITE,
        False,
        "odoo",
    ),
    ("external_unless_blank", "both_external_wins", ("green", "BLUE"), WRITE, False, "odoo"),
    ("external_unless_blank", "external_blank_keep_and_send", ("red", None), SEND, False, "external"),
    ("external_unless_blank", "both_but_external_blank_send", ("green", None), SEND, False, "external"),
    ("external_unless_blank", "odoo_blanked_put_back", (None, "RED"), WRITE, False, "odoo"),
    ("odoo", "external_changed_put_back", ("red", "BLUE"), SEND, False, "external"),
    ("odoo", "odoo_changed_send", ("green", "RED"), SEND, False, ""),
    ("odoo", "both_odoo_wins", ("green", "BLUE"), SEND, False, "external"),
    ("odoo", "external_blank_send_odoos", ("red", None), SEND, False, "external"),
    ("odoo", "odoo_blanked_send", (None, "RED"), SEND, False, ""),
    ("newest", "external_changed", ("red", "BLUE"), WRITE, False, ""),
    ("newest", "odoo_changed", ("green", "RED"), SEND, False, ""),
    ("newest", "both_external_later", ("green", "BLUE"), WRITE, False, "odoo", EARLY, LATE),
    ("newest", "both_odoo_later", ("green", "BLUE"), SEND, False, "external", LATE, EARLY),
    ("newest", "both_same_time_external", ("green", "BLUE"), WRITE, False, "odoo", LATE, LATE),
    ("newest", "both_no_times_external", ("green", "BLUE"), WRITE, False, "odoo"),
    ("newest", "both_no_external_time_external", ("green", "BLUE"), WRITE, False, "odoo", LATE, None),
    ("newest", "both_no_odoo_time_external", ("green", "BLUE"), WRITE, False, "odoo", None, EARLY),
    ("newest", "both_unreadable_time_external", ("green", "BLUE"), WRITE, False, "odoo", LATE, "yesterday"),
    ("newest", "external_blank_as_a_change", ("red", None), WRITE, False, ""),
    ("newest", "both_external_blank_later", ("green", None), WRITE, False, "odoo", EARLY, LATE),
    ("newest", "both_external_blank_earlier", ("green", None), SEND, False, "external", LATE, EARLY),
    ("ask", "external_changed", ("red", "BLUE"), WRITE, False, ""),
    ("ask", "odoo_changed", ("green", "RED"), SEND, False, ""),
    ("ask", "both_conflict", ("green", "BLUE"), NOTHING, True, ""),
    ("ask", "external_blank_as_a_change", ("red", None), WRITE, False, ""),
    ("ask", "both_external_blank_conflict", ("green", None), NOTHING, True, ""),
    ("external_at_creation", "external_changed_only_on_create", ("red", "BLUE"), NOTHING, False, "external"),
    ("external_at_creation", "odoo_changed_send", ("green", "RED"), SEND, False, ""),
    ("external_at_creation", "both_odoo_wins", ("green", "BLUE"), SEND, False, "external"),
    ("external_at_creation", "external_blank_nothing", ("red", None), NOTHING, False, "external"),
    ("nobody", "external_changed", ("red", "BLUE"), NOTHING, False, ""),
    ("nobody", "odoo_changed", ("green", "RED"), NOTHING, False, ""),
    ("nobody", "both_changed", ("green", "BLUE"), NOTHING, False, ""),
    ("nobody", "external_blank", ("red", None), NOTHING, False, ""),
]


@pytest.mark.parametrize("row", TABLE, ids=[f"{row[0]}-{row[1]}" for row in TABLE])
def test_cell(row):
    owner, _column, (odoo, external), write, conflict, overruled, *times = row
    odoo_time, external_time = times or (None, None)
    decision = decide(owner, odoo, external, odoo_time=odoo_time, external_time=external_time)
    assert decision[:4] == (*write, conflict, overruled)
    assert decision.reason


@pytest.mark.parametrize("owner", OWNERS)
def test_unchanged_does_nothing(owner):
    assert decide(owner, "red", "RED") == Decision(reason="unchanged")


@pytest.mark.parametrize("owner", OWNERS)
def test_equal_is_no_conflict(owner):
    decision = decide(owner, "blue", "BLUE")
    assert decision[:4] == (*NOTHING, False, "")


FIRST = [
    ("external", "red", "BLUE", WRITE, False, "odoo"),
    ("external", None, "BLUE", WRITE, False, ""),
    ("external", "red", None, WRITE, False, "odoo"),
    ("external_unless_blank", "red", "BLUE", WRITE, False, "odoo"),
    ("external_unless_blank", "red", None, SEND, False, ""),
    ("external_unless_blank", None, "BLUE", WRITE, False, ""),
    ("odoo", "red", "BLUE", SEND, False, "external"),
    ("odoo", "red", None, SEND, False, ""),
    ("odoo", None, "BLUE", SEND, False, "external"),
    ("newest", "red", "BLUE", WRITE, False, "odoo"),
    ("ask", "red", "BLUE", NOTHING, True, ""),
    ("ask", None, "BLUE", NOTHING, True, ""),
    ("external_at_creation", "red", "BLUE", NOTHING, False, "external"),
    ("external_at_creation", "red", None, NOTHING, False, ""),
    ("nobody", "red", "BLUE", NOTHING, False, ""),
    *((owner, "red", "RED", NOTHING, False, "") for owner in OWNERS),
    *((owner, None, None, NOTHING, False, "") for owner in OWNERS),
]


@pytest.mark.parametrize("row", FIRST, ids=[f"{row[0]}-{row[1]}-{row[2]}" for row in FIRST])
def test_first_meeting_of_two_records(row):
    owner, odoo, external, write, conflict, overruled = row
    assert decide(owner, odoo, external, agreed=None)[:4] == (*write, conflict, overruled)


@pytest.mark.parametrize("times", [(LATE, EARLY), (EARLY, LATE), (None, None)])
def test_first_meeting_newest_takes_the_value_that_is_there(times):
    """Nobody emptied what was never filled: the younger record's blank fields must not erase the other's values."""
    odoo_time, external_time = times
    for odoo, external, write in ((None, "BLUE", WRITE), ("red", None, SEND), (None, None, NOTHING)):
        decision = decide("newest", odoo, external, agreed=None, odoo_time=odoo_time, external_time=external_time)
        assert decision[:4] == (*write, False, "")


def test_first_meeting_newest_by_time():
    assert decide("newest", "red", "BLUE", agreed=None, odoo_time=LATE, external_time=EARLY).to_external
    assert decide("newest", "red", "BLUE", agreed=None, odoo_time=EARLY, external_time=LATE).to_odoo


DIRECTIONS = [
    # owner, now, direction, write, overruled
    ("external", ("red", "BLUE"), "import", WRITE, ""),
    ("external", ("green", "RED"), "import", WRITE, "odoo"),
    ("external", ("red", "BLUE"), "export", NOTHING, ""),
    ("external", ("green", "RED"), "export", NOTHING, "odoo"),
    ("odoo", ("red", "BLUE"), "import", NOTHING, "external"),
    ("odoo", ("green", "RED"), "import", NOTHING, ""),
    ("odoo", ("green", "BLUE"), "import", NOTHING, "external"),
    ("odoo", ("red", "BLUE"), "export", SEND, "external"),
    ("external_unless_blank", ("red", None), "import", NOTHING, "external"),
    ("newest", ("green", "RED"), "import", NOTHING, ""),
    ("newest", ("red", "BLUE"), "export", NOTHING, ""),
    ("ask", ("green", "RED"), "import", NOTHING, ""),
    ("external_at_creation", ("green", "RED"), "import", NOTHING, ""),
]


@pytest.mark.parametrize(
    "row", DIRECTIONS, ids=[f"{row[0]}-{row[1][0]}-{row[1][1]}-{row[2]}" for row in DIRECTIONS]
)
def test_direction(row):
    owner, (odoo, external), direction, write, overruled = row
    decision = decide(owner, odoo, external, direction=direction)
    assert decision[:4] == (*write, False, overruled)
    if write == NOTHING:
        assert decision.reason.endswith("_not_allowed")


def test_conflict_is_seen_in_any_direction():
    for direction in ("both", "import", "export"):
        assert decide("ask", "green", "BLUE", direction=direction).conflict


def test_a_change_that_may_not_be_sent_is_not_forgotten():
    """Import only: Odoo's change waits; when external changes later, that is "both changed", not a silent
    overwrite."""
    decision = decide("ask", "green", "RED", direction="import")
    agreed = agreed_after(
        decision, agreed=THEN, odoo="green", external="RED", external_as_odoo="red", odoo_as_external="GREEN"
    )
    assert agreed == THEN
    assert decide("ask", "green", "BLUE", agreed=agreed, direction="import").conflict


def test_an_overruled_value_is_logged_once():
    decision = decide("odoo", "red", "BLUE", direction="import")
    agreed = agreed_after(
        decision, agreed=THEN, odoo="red", external="BLUE", external_as_odoo="blue", odoo_as_external="RED"
    )
    assert agreed == Sides("red", "BLUE")
    assert decide("odoo", "red", "BLUE", agreed=agreed, direction="import") == Decision(reason="unchanged")


def test_echo_of_our_own_write_is_no_change():
    """The external system rounds and trims what we sent: measured on each side for itself."""
    agreed = Sides("a very long name", "A VERY LO")
    assert (
        merge(
            "ask", agreed=agreed, odoo="a very long name", external="A VERY LO", external_as_odoo="a very lo"
        ).reason
        == "unchanged"
    )


def test_other_representation_is_no_change():
    agreed = Sides(10, "10.00")
    for external in ("10.00", 10, 10.0, "10.00 "):
        decision = merge("ask", agreed=agreed, odoo=10.0, external=external, external_as_odoo=10)
        assert decision[:4] == (*NOTHING, False, "")


def test_blank_in_odoos_form_counts():
    """The external code 'none' is mapped to no value."""
    decision = merge(
        "external_unless_blank",
        agreed=Sides("red", "RED"),
        odoo="red",
        external="none",
        external_as_odoo=None,
    )
    assert decision.to_external


def test_switch_of_owner_needs_a_change():
    assert decide("odoo", "red", "RED").reason == "unchanged"
    assert decide("external", "red", "RED").reason == "unchanged"


@pytest.mark.parametrize(
    "times",
    [
        (datetime(2026, 1, 1, 12), datetime(2026, 1, 1, 11, tzinfo=UTC)),
        ("2026-01-01 12:00:00", "2026-01-01T12:30:00+01:00"),
        ("2026-01-01T12:00:00.200Z", "2026-01-01T12:00:00.100Z"),
        ("2026-01-02", "2026-01-01T23:59:59Z"),
    ],
    ids=["naive_and_aware", "texts", "fractions", "date"],
)
def test_times_in_all_forms(times):
    assert decide("newest", "green", "BLUE", odoo_time=times[0], external_time=times[1]).to_external


@pytest.mark.parametrize("owner", ["", "nope", None, "External"], ids=str)
def test_unknown_owner(owner):
    for call in (lambda: decide(owner, "green", "BLUE"), lambda: merge_initial(owner, "odoo")):
        with pytest.raises(SyncError) as caught:
            call()
        assert caught.value.code == "unknown_owner"


INITIAL = {
    "external": (True, False),
    "external_unless_blank": (True, True),
    "odoo": (False, True),
    "newest": (True, True),
    "ask": (True, True),
    "external_at_creation": (True, True),
    "nobody": (False, False),
}


@pytest.mark.parametrize("owner", OWNERS)
def test_initial(owner):
    assert (merge_initial(owner, "odoo"), merge_initial(owner, "external")) == INITIAL[owner]


# -- Properties ------------------------------------------------------------------------------------------

VALUES = st.sampled_from([None, "", "red", "green", "blue"])
EXTERNALS = VALUES.map(lambda value: value.upper() if value else value)
AGREED = st.none() | st.builds(Sides, VALUES, EXTERNALS)
TIMES = st.sampled_from([None, EARLY, LATE])
CASES = st.fixed_dictionaries(
    {
        "owner": st.sampled_from(OWNERS),
        "agreed": AGREED,
        "odoo": VALUES,
        "external": EXTERNALS,
        "direction": st.sampled_from(["both", "import", "export"]),
        "odoo_time": TIMES,
        "external_time": TIMES,
    }
)


def same(one, two):
    return (one or None) == (two or None)


def run(case):
    return merge(
        case["owner"],
        agreed=case["agreed"],
        odoo=case["odoo"],
        external=case["external"],
        external_as_odoo=as_odoo(case["external"]),
        direction=case["direction"],
        odoo_time=case["odoo_time"],
        external_time=case["external_time"],
    )


def applied(case, decision):
    """The world after the decision was carried out."""
    odoo = as_odoo(case["external"]) if decision.to_odoo else case["odoo"]
    external = as_external(case["odoo"]) if decision.to_external else case["external"]
    agreed = agreed_after(
        decision,
        agreed=case["agreed"],
        odoo=case["odoo"],
        external=case["external"],
        external_as_odoo=as_odoo(case["external"]),
        odoo_as_external=as_external(case["odoo"]),
    )
    return {**case, "odoo": odoo, "external": external, "agreed": agreed}


@given(CASES)
def test_no_change_is_lost_silently(case):
    """A value that moved is written to the other side, kept where it is, in conflict, or logged as
    overruled."""
    decision = run(case)
    after = applied(case, decision)
    if case["owner"] == "nobody" or decision.conflict:
        assert not decision.to_odoo and not decision.to_external
        return
    for side, _other in (("odoo", "external"), ("external", "odoo")):
        moved = case["agreed"] is None or not same(getattr(case["agreed"], side), case[side])
        gone = not same(after[side], case[side])
        if moved and gone and case[side]:
            assert decision.overruled == side
        if (
            moved
            and case["agreed"] is not None
            and not gone
            and not same(as_odoo(after["external"]), after["odoo"])
        ):
            # it stays, but the other side does not know: then it is logged, or still pending (not agreed)
            assert decision.overruled == side or not same(getattr(after["agreed"], side), after[side])


@given(CASES)
def test_never_writes_both_ways_and_never_against_the_direction(case):
    decision = run(case)
    assert decision.to_odoo + decision.to_external + decision.conflict <= 1
    assert not (case["direction"] == "import" and decision.to_external)
    assert not (case["direction"] == "export" and decision.to_odoo)


@given(CASES)
def test_two_runs_with_no_new_change_do_nothing(case):
    first = run(case)
    after = applied(case, first)
    second = run(after)
    assert not second.to_odoo and not second.to_external and not second.overruled
    assert second.conflict == first.conflict
    assert applied(after, second) == after or second.reason == "equal"


@given(CASES)
def test_equal_values_are_never_written_nor_a_conflict(case):
    case = {**case, "external": as_external(case["odoo"])}
    assert run(case)[:4] == (*NOTHING, False, "")


@given(CASES, st.permutations(["import", "export", "webhook"]))
def test_the_order_of_polling_does_not_matter(case, triggers):
    """Both sides have changed; whoever looks first, and however often, the end is the same as with one
    look."""
    case = {**case, "direction": "both"}
    once = applied(case, run(case))
    world = case
    for _trigger in triggers:
        world = applied(world, run(world))
    assert (world["odoo"], world["external"]) == (once["odoo"], once["external"])


@given(st.sampled_from(["external", "odoo"]), VALUES, EXTERNALS)
def test_the_order_of_changes_does_not_matter_where_one_side_owns(owner, odoo, external):
    """Odoo changes, sync, external changes, sync - or the other way round."""
    start = {
        "owner": owner,
        "agreed": THEN,
        "odoo": "red",
        "external": "RED",
        "direction": "both",
        "odoo_time": None,
        "external_time": None,
    }
    ends = []
    for steps in (("odoo", "external"), ("external", "odoo")):
        world = start
        for side in steps:
            world = {**world, side: odoo if side == "odoo" else external}
            world = applied(world, run(world))
        ends.append((world["odoo"] or None, world["external"] or None))
    assert ends[0] == ends[1]


@given(CASES)
@example(
    {
        "owner": "external",
        "agreed": None,
        "odoo": "red",
        "external": "BLUE",
        "direction": "both",
        "odoo_time": None,
        "external_time": None,
    }
)
def test_external_and_odoo_mirror_each_other(case):
    """No side is favoured in secret: with sides and owner exchanged the decision is exchanged."""
    if case["owner"] not in ("external", "odoo", "ask"):
        return
    mirror = {
        "external": "odoo",
        "odoo": "external",
        "both": "both",
        "import": "export",
        "export": "import",
        "": "",
        "ask": "ask",
    }
    agreed = case["agreed"] and Sides(as_odoo(case["agreed"].external), as_external(case["agreed"].odoo))
    other = run(
        {
            **case,
            "owner": mirror[case["owner"]],
            "agreed": agreed,
            "odoo": as_odoo(case["external"]),
            "external": as_external(case["odoo"]),
            "direction": mirror[case["direction"]],
        }
    )
    decision = run(case)
    assert (decision.to_odoo, decision.to_external, decision.conflict, decision.overruled) == (
        other.to_external,
        other.to_odoo,
        other.conflict,
        mirror[other.overruled],
    )


@given(CASES)
def test_pure(case):
    assert run(case) == run(dict(case))


# -- Terms: blanks, changes against the owner, white space ---------------------------------------------------

BLANK_TABLE = [
    # owner, policy, (Odoo now, external now), write, overruled; both began as THEN
    ("external", "ignore", ("red", None), NOTHING, "external"),
    ("external", "ignore", ("green", None), NOTHING, "external"),
    ("external", "ignore", (None, "RED"), WRITE, "odoo"),
    ("external", "fill", ("red", None), SEND, "external"),
    ("external", "fill", ("green", None), SEND, "external"),
    ("external_unless_blank", "usual", ("red", None), SEND, "external"),
    ("external_unless_blank", "ignore", ("red", None), NOTHING, "external"),
    ("external_unless_blank", "change", ("red", None), WRITE, ""),
    ("odoo", "usual", (None, "RED"), SEND, ""),
    ("odoo", "ignore", (None, "RED"), NOTHING, "odoo"),
    ("odoo", "ignore", (None, "BLUE"), NOTHING, "odoo"),
    ("odoo", "ignore", ("red", None), SEND, "external"),
    ("odoo", "fill", (None, "RED"), WRITE, "odoo"),
    ("odoo", "fill", (None, "BLUE"), WRITE, "odoo"),
    ("newest", "ignore", ("red", None), NOTHING, "external"),
    ("newest", "ignore", (None, "RED"), NOTHING, "odoo"),
    ("newest", "fill", ("red", None), SEND, "external"),
    ("newest", "fill", (None, "BLUE"), WRITE, "odoo"),
    ("ask", "fill", (None, "BLUE"), WRITE, "odoo"),
    ("ask", "ignore", ("green", None), NOTHING, "external"),
    ("external_at_creation", "ignore", (None, "RED"), NOTHING, "odoo"),
    ("external_at_creation", "fill", (None, "RED"), WRITE, "odoo"),
    ("nobody", "fill", (None, "RED"), NOTHING, ""),
]


@pytest.mark.parametrize("row", BLANK_TABLE, ids=[f"{row[0]}-{row[1]}-{row[2][0]}-{row[2][1]}" for row in BLANK_TABLE])
def test_what_a_blank_does(row):
    owner, policy, (odoo, external), write, overruled = row
    assert decide(owner, odoo, external, terms=Terms(blank=policy))[:4] == (*write, False, overruled)


@pytest.mark.parametrize(
    ("owner", "now", "write", "overruled"),
    [
        ("external", ("green", "RED"), NOTHING, "odoo"),
        ("external", ("green", "BLUE"), WRITE, "odoo"),
        ("external", ("red", "BLUE"), WRITE, ""),
        ("external_unless_blank", ("green", "RED"), NOTHING, "odoo"),
        ("external_unless_blank", ("red", None), SEND, "external"),
        ("odoo", ("red", "BLUE"), NOTHING, "external"),
        ("odoo", ("green", "RED"), SEND, ""),
        ("newest", ("green", "RED"), SEND, ""),
        ("ask", ("red", "BLUE"), WRITE, ""),
    ],
)
def test_kept_until_the_owner_changes_it(owner, now, write, overruled):
    assert decide(owner, *now, terms=Terms(keep=True))[:4] == (*write, False, overruled)


def test_a_kept_value_gives_way_to_the_owners_next_change():
    kept = Sides("green", "RED")  # Odoo's change was told and stays
    assert decide("external", "green", "RED", agreed=kept, terms=Terms(keep=True)).reason == "unchanged"
    assert decide("external", "green", "BLUE", agreed=kept, terms=Terms(keep=True)) == Decision(
        to_odoo=True, reason="external_changed"
    )


def test_white_space_counts_where_the_rule_says_so():
    then = Sides("red", "RED")
    for terms, expected in ((Terms(), "equal"), (Terms(exact=True), "external_changed")):
        decision = merge(
            "external", agreed=then, odoo="red", external="RED ", external_as_odoo="red ", terms=terms
        )
        assert decision.reason == expected


# -- An owner that switches ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "owner", "now", "write", "overruled"),
    [
        # a change of one side, made while it was still the owner, passes
        ("odoo", "external", ("green", "RED"), SEND, ""),
        ("external", "odoo", ("red", "BLUE"), WRITE, ""),
        ("external_at_creation", "external", ("green", "RED"), SEND, ""),
        # the new owner's change passes
        ("odoo", "external", ("red", "BLUE"), WRITE, ""),
        # both: the new owner decides
        ("odoo", "external", ("green", "BLUE"), WRITE, "odoo"),
        ("external", "odoo", ("green", "BLUE"), SEND, "external"),
        ("odoo", "ask", ("green", "BLUE"), NOTHING, ""),
        # who owned nothing lets nothing pass
        ("nobody", "external", ("green", "RED"), WRITE, "odoo"),
    ],
)
def test_a_change_around_the_switch(before, owner, now, write, overruled):
    decision = decide(owner, *now, owner_before=before)
    assert (*decision[:2], decision.overruled) == (*write, overruled)
    assert decision.conflict == (owner == "ask")


@given(st.sampled_from(OWNERS), st.sampled_from(OWNERS), AGREED.filter(bool))
def test_a_switch_by_itself_does_nothing(before, owner, agreed):
    decision = decide(owner, agreed.odoo, agreed.external, agreed=agreed, owner_before=before)
    assert decision[:4] == (*NOTHING, False, "")


# -- Properties with all terms ---------------------------------------------------------------------------------

TERMS = st.builds(Terms, st.sampled_from(BLANKS), st.booleans(), st.booleans())
MEMBERS = st.lists(st.tuples(AGREED, VALUES, EXTERNALS), min_size=1, max_size=4)
GROUPS = st.fixed_dictionaries(
    {
        "owner": st.sampled_from(OWNERS),
        "members": MEMBERS,
        "direction": st.sampled_from(["both", "import", "export"]),
        "odoo_time": TIMES,
        "external_time": TIMES,
        "terms": TERMS,
        "owner_before": st.sampled_from(["", *OWNERS]),
    }
)


def run_group(case):
    return merge_group(
        case["owner"],
        [Member(agreed, odoo, external, as_odoo(external)) for agreed, odoo, external in case["members"]],
        **{name: value for name, value in case.items() if name not in ("owner", "members")},
    )


def after_group(case, decisions):
    """The world after all decisions were carried out; ownership has switched for good, unless a flow of one direction
    could not carry one out: then nothing was agreed, and the owner of the agreement stays."""
    members = []
    for (agreed, odoo, external), decision in zip(case["members"], decisions, strict=True):
        after = applied({"agreed": agreed, "odoo": odoo, "external": external}, decision)
        members.append((after["agreed"], after["odoo"], after["external"]))
    blocked = any(decision.reason.endswith("_not_allowed") for decision in decisions)
    return {**case, "members": members, "owner_before": case["owner_before"] if blocked else ""}


@given(GROUPS)
def test_group_loses_no_change_silently(case):
    decisions = run_group(case)
    after = after_group(case, decisions)
    for (agreed, *values), decision, (agreed_after_it, *values_after) in zip(
        case["members"], decisions, after["members"], strict=True
    ):
        if case["owner"] == "nobody" or decision.conflict:
            assert not decision.to_odoo and not decision.to_external
            continue
        for number, side in enumerate(("odoo", "external")):
            moved = agreed is None or not same(agreed[number], values[number])
            gone = not same(values_after[number], values[number])
            if moved and gone and values[number]:
                assert decision.overruled == side
            if moved and agreed and not gone and not same(as_odoo(values_after[1]), values_after[0]):
                assert decision.overruled == side or not same(agreed_after_it[number], values_after[number])


@given(GROUPS)
def test_group_is_idempotent(case):
    first = run_group(case)
    after = after_group(case, first)
    second = run_group(after)
    for one, two in zip(first, second, strict=True):
        assert not two.to_odoo and not two.to_external and not two.overruled
        assert two.conflict == one.conflict
    again = after_group(after, second)
    for before, later, decision in zip(after["members"], again["members"], second, strict=True):
        assert before == later or decision.reason == "equal"


@given(GROUPS)
def test_group_comes_from_one_side(case):
    """Never half an address from each side; under 'ask' one conflict, or none."""
    decisions = run_group(case)
    assert not (any(d.to_odoo for d in decisions) and any(d.to_external for d in decisions))
    assert all(d.to_odoo + d.to_external + d.conflict <= 1 for d in decisions)
    if any(d.conflict for d in decisions):
        assert all(d.conflict or d.reason in ("unchanged", "equal") for d in decisions)


@given(GROUPS, st.permutations(["import", "export", "webhook"]))
def test_group_does_not_mind_who_is_polled_first(case, triggers):
    case = {**case, "direction": "both"}
    once = after_group(case, run_group(case))
    world = case
    for _trigger in triggers:
        world = after_group(world, run_group(world))
    assert [member[1:] for member in world["members"]] == [member[1:] for member in once["members"]]


@given(GROUPS)
def test_group_of_equal_values_needs_nothing(case):
    case = {**case, "members": [(agreed, odoo, as_external(odoo)) for agreed, odoo, _external in case["members"]]}
    assert all(decision[:4] == (*NOTHING, False, "") for decision in run_group(case))


@given(GROUPS, st.randoms(use_true_random=False))
def test_group_has_no_order(case, random):
    order = list(range(len(case["members"])))
    random.shuffle(order)
    shuffled = run_group({**case, "members": [case["members"][number] for number in order]})
    decisions = run_group(case)
    assert shuffled == [decisions[number] for number in order]


@example({"owner": "nobody", "members": [(Sides(None, None), None, None)], "direction": "both", "odoo_time": None,
          "external_time": None, "terms": Terms(), "owner_before": ""})
@given(GROUPS)
def test_group_of_one_is_a_field(case):
    agreed, odoo, external = case["members"][0]
    [decision] = run_group({**case, "members": case["members"][:1]})
    assert decision == merge(
        case["owner"], agreed=agreed, odoo=odoo, external=external, external_as_odoo=as_odoo(external),
        **{name: case[name] for name in ("direction", "odoo_time", "external_time", "terms", "owner_before")},
    )


LOSSY = {None: None, "A1": "a", "A2": "a", "B1": "b", "B2": "b"}  # two codes over there for each of ours
BACK = {None: None, "a": "A1", "b": "B1"}


@given(st.sampled_from(OWNERS), st.sampled_from(list(LOSSY)), st.sampled_from(list(BACK)), TERMS)
def test_transforms_without_a_way_back_do_not_echo(owner, external, odoo, terms):
    """What was written on either side is read again, in another form than it was sent: no change, whoever reads first."""
    agreed = Sides("a", "A2")
    for _look in range(4):
        decision = merge(
            owner, agreed=agreed, odoo=odoo, external=external, external_as_odoo=LOSSY[external], terms=terms
        )
        if _look:
            assert not decision.to_odoo and not decision.to_external and not decision.overruled
        agreed = agreed_after(
            decision, agreed=agreed, odoo=odoo, external=external, external_as_odoo=LOSSY[external],
            odoo_as_external=BACK[odoo],
        )
        odoo = LOSSY[external] if decision.to_odoo else odoo
        external = BACK[odoo] if decision.to_external else external
