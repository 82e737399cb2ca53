"""Probable causes and remedies of differences: the decisions, without a database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_flow.core.ownership import OWNERS, Sides, merge
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


@pytest.mark.parametrize(("owner", "blank", "two_way", "imports", "exports"), [
    ("external", False, "odoo", "odoo", ""),
    ("external", True, "odoo", "odoo", ""),
    ("external_unless_blank", False, "odoo", "odoo", ""),
    ("external_unless_blank", True, "external", "", "external"),
    ("odoo", False, "external", "", "external"),
    ("external_at_creation", False, "external", "", "external"),
    ("newest", False, "newest", "odoo", "external"),
    ("ask", False, "ask", "odoo", "external"),
    ("nobody", False, "", "", ""),
])
def test_remedy(owner, blank, two_way, imports, exports):
    assert remedy(owner, imports=True, exports=True, external_blank=blank) == two_way
    assert remedy(owner, imports=True, exports=False, external_blank=blank) == imports
    assert remedy(owner, imports=False, exports=True, external_blank=blank) == exports


@given(st.sampled_from([owner for owner in OWNERS if owner not in ("newest", "nobody")]), st.sampled_from(["", "BLUE"]))
def test_the_remedy_is_what_the_merge_decides_when_both_changed(owner, external):
    """A fix lets both sides count as changed: the one merge then does what the line has promised."""
    decision = merge(owner, agreed=THEN, odoo="green", external=external, external_as_odoo=external.lower())
    expected = remedy(owner, imports=True, exports=True, external_blank=not external)
    assert {"odoo": decision.to_odoo, "external": decision.to_external, "ask": decision.conflict}[expected]


def test_hashes():
    assert same_hash(["a", 1, None, [1, 2]], ["a", 1.0, None, [1, 2]])
    assert not same_hash(["a", 1], ["a", 2])
