"""The business owner agrees; what is changed later makes it void and is shown."""

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import FlowCase


@tagged("post_install", "-at_install")
class TestAgreement(FlowCase):

    def setUp(self):
        super().setUp()
        self.flow = self.customer_flow([("ref", "code")], state="draft", name="Customers", timing="scheduled")
        self.owner = self.make_user("the_owner", "integration_flow.group_integration_user", name="Olga Owner")
        self.flow.write({"business_owner_id": self.owner.id, "purpose": "Typed once."})

    def agree(self):
        self.flow.with_user(self.owner).action_agree()
        self.env.invalidate_all()

    def changes(self):
        self.env.invalidate_all()
        return [self.flow._change_words(change) for change in self.flow._agreement_changes()]

    def test_only_the_business_owner_agrees(self):
        manager = self.make_user("agreement_manager", "integration_flow.group_integration_manager")
        with self.refuses(UserError, "only its business owner may agree, and that is Olga Owner"):
            self.flow.with_user(manager).action_agree()
        with self.assertRaises(AccessError):
            self.flow.with_user(self.make_user("outsider")).action_agree()
        self.assertFalse(self.flow.with_user(manager).may_agree)
        self.assertTrue(self.flow.with_user(self.owner).may_agree)
        self.agree()
        version = self.flow.agreement_id
        self.assertEqual((version.version, version.user_id, version.user_name), (1, self.owner, "Olga Owner"))
        self.assertEqual(self.flow.agreement_state, "agreed")
        self.assertFalse(self.flow.with_user(self.owner).may_agree)

    def test_nobody_writes_an_agreement_by_hand(self):
        self.agree()
        for group in ("user", "manager", "secrets"):
            user = self.make_user(f"hand_{group}", f"integration_flow.group_integration_{group}")
            version = self.flow.agreement_id.with_user(user)
            self.assertEqual(version.user_name, "Olga Owner")
            with self.assertRaises(AccessError):
                version.write({"user_name": "Somebody"})
            with self.assertRaises(AccessError):
                version.create({"flow_id": self.flow.id, "version": 2, "agreed_at": "2026-01-01"})
            with self.assertRaises(AccessError):
                version.unlink()

    def test_each_kind_of_change_voids_it_and_is_shown(self):
        rule = self.flow.rule_ids.filtered(lambda rule: rule.odoo_path == "ref")
        for change, expected in (
            (lambda: rule.write({"owner": "odoo"}), ("Reference: Owner", "Other System", "Odoo")),
            (lambda: rule.write({"required": True}), ("Reference: Required", "no", "yes")),
            (lambda: rule.write({"max_length": 20}), ("Reference: Max Length", "0", "20")),
            (lambda: self.flow.write({"timing": "manual"}), ("Timing", "Scheduled", "Manual")),
            (lambda: self.flow.write({"retry_attempts": 3}), ("Attempts", "8", "3")),
            (lambda: self.flow.write({"delete_in_odoo": "archive"}), ("When Deleted There", "Do Nothing", "Archive")),
            (lambda: self.flow.write({"responsible_id": self.owner.id}),
             ("Responsible", self.flow.responsible_id.name, "Olga Owner")),
            (lambda: self.flow.write({"purpose": ""}), ("Purpose", "Typed once.", "blank")),
        ):
            with self.subTest(expected=expected):
                self.agree()
                self.assertEqual(self.changes(), [])
                change()
                self.assertEqual(self.changes(), [expected])
                self.assertEqual(self.flow.agreement_state, "void")
                self.assertIn(expected[2], str(self.flow.agreement_changes))

    def test_rules_that_come_and_go(self):
        self.agree()
        self.flow.rule_ids.filtered(lambda rule: rule.odoo_path == "ref").unlink()
        self.add_rules(self.flow, [("city", "city", {"owner": "ask"})])
        found = self.changes()
        self.assertEqual([what for what, _before, _after in found], ["City", "Reference"])
        self.assertEqual(found[0][1], "not there")
        self.assertIn("a person decides", found[0][2])
        self.assertIn("Reference ← code", found[1][1])
        self.assertEqual(found[1][2], "removed")

    def test_rules_of_lines(self):
        lines = self.add_rules(self.flow, [
            {"odoo_path": "child_ids", "external_path": "contacts", "kind": "lines", "children": [("name", "name")]}])
        self.agree()
        lines.child_ids.owner = "odoo"
        self.assertEqual(self.changes(), [("Name: Owner", "Other System", "Odoo")])

    def test_guardrails_are_part_of_it(self):
        self.agree()
        guard = self.env["integration.guard"].create({"flow_id": self.flow.id, "kind": "delete", "limit": 5})
        self.assertEqual([(before, after) for _what, before, after in self.changes()], [("not there", "guardrail")])
        self.agree()
        guard.limit = 50
        self.assertEqual([(before, after) for _what, before, after in self.changes()], [("5", "50")])

    def test_a_change_back_makes_it_valid_again(self):
        self.agree()
        self.flow.interval_number = 60
        self.assertEqual(self.flow.agreement_state, "void")
        self.flow.interval_number = 15
        self.assertEqual(self.flow.agreement_state, "agreed")

    def test_what_is_not_agreed_to(self):
        self.agree()
        self.flow.write({"name": "Customers of the shop", "batch_size": 50, "priority": 1, "log_level": "all"})
        self.flow.rule_ids[0].sequence = 99
        self.flow.action_test_mode()
        self.assertEqual(self.changes(), [])

    def test_another_language_changes_nothing(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.agree()
        self.assertEqual(self.flow.with_context(lang="fr_FR").agreement_state, "agreed")

    def test_versions_are_kept(self):
        self.agree()
        self.agree()
        self.assertEqual(len(self.flow.agreement_ids), 1, "the same is not agreed to twice")
        self.flow.interval_number = 60
        self.agree()
        newest, first = self.flow.agreement_ids.sorted("version", reverse=True)
        self.assertEqual((newest.version, first.version), (2, 1))
        self.assertEqual(newest.changes, "Every: 15 → 60")
        self.assertNotEqual(newest.fingerprint, first.fingerprint)
        self.assertFalse(first.changes)
        self.assertFalse(self.flow.copy().agreement_ids, "a copy was not agreed to")

    def test_another_owner_is_asked_anew(self):
        self.agree()
        self.flow.business_owner_id = self.make_user("new_owner", "integration_flow.group_integration_user")
        self.assertEqual(self.flow.agreement_state, "void")

    def test_asking_leaves_one_activity_which_the_agreement_closes(self):
        manager = self.make_user("asking_manager", "integration_flow.group_integration_manager")
        for _time in range(2):
            self.flow.with_user(manager).action_ask_agreement()
        activity = self.flow.activity_ids
        self.assertEqual((len(activity), activity.user_id), (1, self.owner))
        self.agree()
        self.assertFalse(self.flow.activity_ids)
        with self.assertRaises(AccessError):
            self.flow.with_user(self.owner).action_ask_agreement()
        self.flow.business_owner_id = False
        with self.refuses(UserError, "no business owner yet"):
            self.flow.with_user(manager).action_ask_agreement()
