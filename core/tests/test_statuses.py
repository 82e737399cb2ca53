"""Status decisions: the table, and what holds for any rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_flow.core import statuses
from integration_flow.core.statuses import StatusRule, decide

CONFIRM = StatusRule(1, frozenset({"processing"}), "sale", frozenset({"draft", "sent"}), 20)
FINISH = StatusRule(2, frozenset({"completed", "delivered"}), "done", frozenset({"sale"}), 30)
CANCEL = StatusRule(3, frozenset({"cancelled"}), "cancel", frozenset({"draft", "sent", "sale"}), 90)
WAIT = StatusRule(4, frozenset({"pending", "on-hold"}), None, frozenset(), 10)
LOCK = StatusRule(5, frozenset({"closed"}), "done", frozenset({"done"}), 40, acts=True)
RULES = (WAIT, CONFIRM, FINISH, CANCEL, LOCK)


@pytest.mark.parametrize(
    ("stage", "status", "options", "kind", "path"),
    [
        ("draft", "processing", {}, "go", [1]),
        ("sent", "processing", {}, "go", [1]),
        ("draft", "pending", {}, "nothing", [4]),
        ("draft", "", {}, "nothing", []),
        ("sale", "processing", {}, "nothing", [1]),  # somebody has confirmed by hand
        ("draft", "delivered", {}, "go", [1, 2]),
        ("draft", "completed", {"chain": False}, "forbidden", [2]),
        ("sale", "completed", {"chain": False}, "go", [2]),
        ("cancel", "completed", {"ignore_late": False}, "forbidden", [2]),
        ("cancel", "completed", {}, "late", [2]),
        ("done", "processing", {"known": ["completed"]}, "late", [1]),
        ("done", "processing", {"known": ["completed"], "ignore_late": False}, "forbidden", [1]),
        ("sale", "cancelled", {"known": ["processing"]}, "go", [3]),
        ("done", "cancelled", {"known": ["completed"]}, "forbidden", [3]),
        ("cancel", "processing", {"known": ["processing"]}, "nothing", []),  # the same again
        ("sale", "pending", {"known": ["processing"]}, "late", [4]),
        ("draft", "refunded", {}, "unmapped", []),
        ("done", "closed", {}, "go", [5]),
        ("done", "closed", {"done": True}, "nothing", [5]),
        ("draft", "closed", {}, "go", [1, 2, 5]),
    ],
)
def test_table(stage, status, options, kind, path):
    decision = decide(RULES, stage=stage, status=status, **options)
    assert (decision.kind, [rule.id for rule in decision.path]) == (kind, path)


def test_equal_steps_follow_each_other_both_ways():
    hold = StatusRule(1, frozenset({"on-hold"}), "draft", frozenset({"sale"}), 10)
    go = StatusRule(2, frozenset({"processing"}), "sale", frozenset({"draft"}), 10)
    assert decide((hold, go), stage="sale", status="on-hold", known=["processing"]).kind == "go"
    assert decide((hold, go), stage="draft", status="processing", known=["on-hold"]).kind == "go"


def test_a_stage_that_several_statuses_lead_to_counts_as_the_earliest():
    """Nobody knows by which of them it was reached, and a cancellation must not be taken for late."""
    rules = (
        StatusRule(1, frozenset({"processing"}), "sale", frozenset({"draft"}), 10),
        StatusRule(2, frozenset({"refunded"}), "cancel", frozenset({"sale"}), 20),
        StatusRule(3, frozenset({"completed"}), "sale", frozenset({"draft"}), 30),
    )
    assert decide(rules, stage="sale", status="refunded").kind == "go"
    assert decide(rules, stage="sale", status="refunded", known=["completed"]).kind == "late"


def test_a_way_never_leads_through_a_later_step():
    """From cancelled, completed could be reached by setting the order back: nobody has asked for that."""
    reset = StatusRule(9, frozenset({"reopened"}), "draft", frozenset({"cancel"}), 95)
    assert decide((*RULES, reset), stage="cancel", status="completed", ignore_late=False).kind == "forbidden"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(" Completed ", "completed"), (2, "2"), (2.0, "2"), (None, ""), ({}, ""), (False, "false"), ("ẞ", "ss")],
)
def test_clean(value, expected):
    assert statuses.clean(value) == expected


STAGES = st.sampled_from("abcdef")
STATUSES = st.sampled_from("uvwxyz")
A_RULE = st.builds(
    StatusRule,
    id=st.integers(1, 99),
    statuses=st.frozensets(STATUSES, min_size=1, max_size=2),
    stage=st.one_of(st.none(), STAGES),
    allowed=st.frozensets(STAGES, max_size=3),
    step=st.integers(0, 4),
    acts=st.booleans(),
)
SOME_RULES = st.lists(A_RULE, max_size=7).map(tuple)
OPTIONS = st.fixed_dictionaries({"ignore_late": st.booleans(), "chain": st.booleans(), "done": st.booleans()})


@given(SOME_RULES, STAGES, STATUSES, st.lists(STATUSES, max_size=2), OPTIONS)
def test_every_step_of_a_path_is_allowed(rules, stage, status, known, options):
    decision = decide(rules, stage=stage, status=status, known=known, **options)
    if decision.kind != "go":
        return
    assert status in decision.path[-1].statuses and decision.path[-1] == statuses.find(rules, status)
    here = stage
    for step in decision.path:
        assert step.allows(here)
        assert step.step <= decision.path[-1].step
        here = step.stage if step.stage is not None else here
    assert len({step.stage for step in decision.path[:-1]}) == len(decision.path) - 1
    assert options["chain"] or len(decision.path) == 1


@given(SOME_RULES, STAGES, STATUSES, OPTIONS)
def test_twice_is_once(rules, stage, status, options):
    """After a status was carried out, or found to change nothing, the same one does nothing; whatever Odoo did then."""
    first = decide(rules, stage=stage, status=status, **options)
    if first.kind in ("go", "nothing"):
        for later_stage in "abcdef":
            again = decide(rules, stage=later_stage, status=status, known=[status], **options)
            assert (again.kind, again.path) == ("nothing", ())


@given(SOME_RULES, STAGES, st.permutations("uvwxyz"), STAGES)
def test_what_comes_late_moves_nothing(rules, stage, order, _other):
    """Statuses in any order: the step of what was accepted never goes back."""
    reached, known = -1, ()
    for status in order:
        decision = decide(rules, stage=stage, status=status, known=known)
        if decision.kind in ("go", "nothing") and decision.rule is not None:
            assert decision.rule.step >= reached
            reached, known = decision.rule.step, (status,)
            if decision.kind == "go" and decision.rule.stage is not None:
                stage = decision.rule.stage


@given(SOME_RULES, STAGES, STATUSES, STATUSES, OPTIONS)
def test_a_forbidden_transition_is_really_not_possible_in_one_step(rules, stage, status, known, options):
    decision = decide(rules, stage=stage, status=status, known=[known], **options)
    if decision.kind == "forbidden":
        assert not decision.rule.allows(stage)
    if decision.kind == "unmapped":
        assert all(status not in rule.statuses for rule in rules)
