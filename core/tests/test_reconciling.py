"""Probable causes and remedies of differences: the decisions, without a database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_flow.core.ownership import OWNERS, Sides, Terms
from integration_flow.core.reconciling import Known, cause, is_underway, remedy, same_hash

THEN = Sides("red", "RED")


@pytest.mark.parametrize(("known", "agreed", "odoo", "external", "expected"), [
    (Known("synced"), THEN, "blue", "RED", "changed_here"),
    (Known("synced"), THEN, "red", "BLUE", "changed_there"),
    (Known("synced"), THEN, "green", "BLUE", "changed_both"),
    (Known("synced"), Sides("blue", "RED"), "blue", "RED", "known"),
    (Known("synced"), None, "blue", "RED", "never_agreed"),
    (Known("pending", True), THEN, "blue", "RED", "pending"),
    (Known("waiting", True), THEN, "blue", "RED", "pending"),
    (Known("held", True), THEN, "blue", "RED", "pending"),
    (Known("synced", True), THEN, "blue", "RED", "pending"),
    (Known("failed", True), THEN, "blue", "RED", "failed"),
    (Known("unknown"), THEN, "blue", "RED", "failed"),
    (Known("conflict"), THEN, "blue", "RED", "conflict"),
    (Known("skipped"), THEN, "blue", "RED", "skipped"),
])
def test_cause(known, agreed, odoo, external, expected):
    assert cause(known, agreed, odoo, external) == expected
    assert is_underway(known) == (expected == "pending")


BOTH = {"odoo": "green", "external": "BLUE", "external_as_odoo": "blue"}
BLANK = {"odoo": "green", "external": None, "external_as_odoo": None}


@pytest.mark.parametrize(("owner", "sides", "two_way", "imports", "exports"), [
    ("external", BOTH, "odoo", "odoo", ""),
    ("external", BLANK, "odoo", "odoo", ""),
    ("external_unless_blank", BOTH, "odoo", "odoo", ""),
    ("external_unless_blank", BLANK, "external", "", "external"),
    ("odoo", BOTH, "external", "", "external"),
    ("external_at_creation", BOTH, "external", "", "external"),
    ("newest", BOTH, "newest", "odoo", ""),
    ("ask", BOTH, "ask", "ask", "ask"),
    ("nobody", BOTH, "", "", ""),
])
def test_remedy(owner, sides, two_way, imports, exports):
    assert remedy(owner, **sides) == two_way
    assert remedy(owner, **sides, direction="import") == imports
    assert remedy(owner, **sides, direction="export") == exports


@pytest.mark.parametrize(("blank", "expected"), [
    ("usual", "odoo"), ("change", "odoo"), ("ignore", ""), ("fill", "external")])
def test_what_a_rule_says_about_blanks(blank, expected):
    assert remedy("external", **BLANK, terms=Terms(blank=blank)) == expected


@given(st.sampled_from(OWNERS), st.sampled_from(["", "BLUE"]), st.sampled_from(["both", "import", "export"]))
def test_a_remedy_never_goes_where_the_flow_may_not(owner, external, direction):
    found = remedy(owner, odoo="green", external=external, external_as_odoo=external.lower(), direction=direction)
    assert found not in {"import": ("external",), "export": ("odoo",), "both": ()}[direction]


def test_hashes():
    assert same_hash(["a", 1, None, [1, 2]], ["a", 1.0, None, [1, 2]])
    assert not same_hash(["a", 1], ["a", 2])
