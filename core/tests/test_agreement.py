import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ..agreement import differences, fingerprint


def item(label="E-mail", words="as it is", **raw):
    return {"label": label, "words": words, "values": {
        name: {"label": name.title(), "raw": value, "words": str(value)} for name, value in raw.items()}}


BEFORE = {
    "plan": {"flow": item("The flow", every=15, purpose="Sell")},
    "rules": {"email": item(owner="odoo", required=False)},
}


@pytest.mark.parametrize(("after", "expected"), [
    (BEFORE, []),
    ({**BEFORE, "rules": {"email": item(owner="external", required=False)}},
     [("changed", "E-mail", "Owner", "odoo", "external")]),
    ({**BEFORE, "rules": {"email": item(owner="odoo")}}, []),
    ({**BEFORE, "rules": {"email": item(owner="odoo", required=True)}},
     [("changed", "E-mail", "Required", "False", "True")]),
    ({**BEFORE, "rules": {}}, [("removed", "E-mail", "", "as it is", "")]),
    ({"plan": BEFORE["plan"]}, [("removed", "E-mail", "", "as it is", "")]),
    ({**BEFORE, "rules": {**BEFORE["rules"], "city": item("City", "text")}}, [("added", "City", "", "", "text")]),
    ({**BEFORE, "plan": {"flow": item("The flow", every=5, purpose="")}},
     [("changed", "The flow", "Every", "15", "5"), ("changed", "The flow", "Purpose", "Sell", "")]),
    ({**BEFORE, "rules": {"email": item("Courriel", "tel quel", owner="odoo", required=False)}}, []),
], ids=["same", "changed", "blank stays blank", "switched on", "removed", "group removed", "added", "two", "other language"])
def test_differences(after, expected):
    found = differences(BEFORE, after)
    assert [(change.kind, change.label, change.name, change.before, change.after) for change in found] == expected
    assert (fingerprint(BEFORE) == fingerprint(after)) == (not expected)


def test_zero_is_a_value():
    assert differences({"plan": {"flow": item(tolerance=0)}}, {"plan": {"flow": item(tolerance=None)}})


values = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.lists(st.integers(), max_size=2))
items = st.dictionaries(st.sampled_from("abc"), values, max_size=3).map(lambda raw: item(**raw))
snapshots = st.dictionaries(st.sampled_from(["plan", "rules"]), st.dictionaries(st.sampled_from("xyz"), items, max_size=3))


@settings(suppress_health_check=[HealthCheck.too_slow])  # the first draw, on a busy machine
@given(snapshots, snapshots)
def test_equal_fingerprints_mean_no_difference(before, after):
    assert (fingerprint(before) == fingerprint(after)) == (not differences(before, after))
    assert not differences(before, json.loads(json.dumps(before))), "as it comes back from the database"
