"""The table of DESIGN.md, section 4, on real Odoo against a real shop: each owner, each case, both polling orders."""

from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from .ownership_common import OwnershipCase

OWNERS = {
    "street": "external", "street2": "external_unless_blank", "city": "odoo", "zip": "newest", "phone": "ask",
    "function": "external_at_creation", "company_name": "nobody",
}
# Case: (written in Odoo, written over there, seconds by which Odoo's change is the later one)
CASES = {
    "nothing changed": (None, None, 0),
    "external changed": (None, "e", 0),
    "Odoo changed": ("o", None, 0),
    "both changed, external later": ("o", "e", -3600),
    "both changed, Odoo later": ("o", "e", 3600),
    "external blank": (None, "", 0),
    "external blank, Odoo changed later": ("o", "", 3600),
}
# Owner: for each case what (Odoo, the shop) hold in the end; all began with "a" on both sides.
EXPECTED = {
    "external": ("aa", "ee", "aa", "ee", "ee", "--", "--"),
    "external_unless_blank": ("aa", "ee", "aa", "ee", "ee", "aa", "oo"),
    "odoo": ("aa", "aa", "oo", "oo", "oo", "aa", "oo"),
    "newest": ("aa", "ee", "oo", "ee", "oo", "--", "oo"),
    "ask": ("aa", "ee", "oo", "oe", "oe", "--", "o-"),
    "external_at_creation": ("aa", "ae", "oo", "oo", "oo", "a-", "oo"),
    "nobody": ("aa", "ae", "oa", "oe", "oe", "a-", "o-"),
}
# Where a value moved against its owner: owner and case → the side that is told in the history.
OVERRULED = {
    "external changed": {"odoo": "external", "external_at_creation": "external"},
    "Odoo changed": {"external": "odoo", "external_unless_blank": "odoo"},
    "both changed, external later": {
        "external": "odoo", "external_unless_blank": "odoo", "odoo": "external", "newest": "odoo",
        "external_at_creation": "external"},
    "both changed, Odoo later": {
        "external": "odoo", "external_unless_blank": "odoo", "odoo": "external", "newest": "external",
        "external_at_creation": "external"},
    "external blank": {"external_unless_blank": "external", "odoo": "external", "external_at_creation": "external"},
    "external blank, Odoo changed later": {
        "external": "odoo", "external_unless_blank": "external", "odoo": "external", "newest": "external",
        "external_at_creation": "external"},
}


@tagged("post_install", "-at_install")
class TestOwnershipTable(OwnershipCase):

    def setUp(self):
        super().setUp()
        self.flow = self.both_ways({name: {"owner": owner} for name, owner in OWNERS.items()}, timing="manual")
        self.partners = self.start(self.flow, len(CASES))
        now = fields.Datetime.now()
        for number, (partner, (odoo, external, later)) in enumerate(
                zip(self.partners, CASES.values(), strict=True), start=1):
            if external is not None:
                self.there(number, external)
            if odoo is not None:
                partner.write(dict.fromkeys(OWNERS, odoo))
                self.env.cr.flush()
                self.env.cr.execute(
                    "UPDATE integration_capture SET captured_at = %s WHERE res_id = %s",
                    [now + timedelta(seconds=later), partner.id])

    def check(self):
        for number, (case, partner) in enumerate(zip(CASES, self.partners, strict=True), start=1):
            sides = self.sides(partner, number)
            sync = self.syncs(self.flow)[str(number)]
            told = self.overruled(sync)
            for name, owner in OWNERS.items():
                wanted = EXPECTED[owner][number - 1].replace("-", " ")
                with self.subTest(case=case, owner=owner):
                    self.assertEqual(sides[name], tuple(wanted[i].strip() for i in (0, 1)))
                    self.assertEqual(told.get(name, ("",))[0], OVERRULED.get(case, {}).get(owner, ""))
            conflict = EXPECTED["ask"][number - 1] in ("oe", "o-")
            self.assertEqual(sync.state, "conflict" if conflict else "synced", case)
            self.assertEqual(set(sync.conflicts or ()), {"phone"} if conflict else set(), case)

    def assertSettled(self):
        """A full run comes to what the table says, and the next one has nothing to do."""
        self.run_flow(self.flow, full=True)
        self.check()
        self.shop.clear_counts()
        self.run_flow(self.flow, full=True)
        self.check()
        self.assertEqual(self.written_calls(), [], "nothing has changed since")

    def test_import_first(self):
        """The run reads the pages first, and then looks at what was captured."""
        self.assertSettled()

    def test_export_first(self):
        """What was captured in Odoo is looked at before anybody asks the shop."""
        self.flow.timing = "live"
        self.env.cr.execute("UPDATE integration_flow SET next_run_at = NULL WHERE id = %s", [self.flow.id])
        self.work()
        self.assertSettled()
