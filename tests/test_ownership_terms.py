"""What a rule says beside its owner: blanks, changes against the owner, owners that switch, fields that move together."""

import copy

from odoo.exceptions import ValidationError
from odoo.tests import Form, TransactionCase, tagged

from .ownership_common import OwnershipCase
from .test_blueprint import SMALL
from .test_import_lines import LinesCase, person


@tagged("post_install", "-at_install")
class TestBlanks(OwnershipCase):

    def test_each_policy(self):
        rules = {
            "street": ("external", "ignore"), "street2": ("external", "fill"), "city": ("odoo", "ignore"),
            "zip": ("odoo", "fill"), "phone": ("ask", "fill"), "function": ("newest", "ignore"),
            "company_name": ("external_unless_blank", "ignore"),
        }
        flow = self.both_ways({name: {"owner": owner, "blank_policy": policy} for name, (owner, policy) in rules.items()})
        here, there = self.start(flow, 2)
        here.write(dict.fromkeys(rules, False))
        self.there(2, "")
        self.run_flow(flow, full=True)
        self.run_flow(flow, full=True)
        self.assertEqual(set(self.states(flow).values()), {"synced"})
        self.assertEqual(self.sides(here, 1), {  # blank in Odoo
            "street": ("a", "a"), "street2": ("a", "a"), "city": ("", "a"), "zip": ("a", "a"), "phone": ("a", "a"),
            "function": ("", "a"), "company_name": ("a", "a")})
        self.assertEqual(self.sides(there, 2), {  # blank over there
            "street": ("a", ""), "street2": ("a", "a"), "city": ("a", "a"), "zip": ("a", "a"), "phone": ("a", "a"),
            "function": ("a", ""), "company_name": ("a", "")})
        self.shop.clear_counts()
        self.run_flow(flow, full=True)
        self.assertEqual(self.written_calls(), [])
        self.there(2, "n", ["street"])
        self.run_flow(flow, full=True)
        self.assertEqual(there.street, "n", "a value is no blank")


@tagged("post_install", "-at_install")
class TestAgainstTheOwner(OwnershipCase):
    """Flows that only import: a user changes in Odoo what the other system owns."""

    def importing(self, **vals):
        return self.both_ways({
            "street": {"owner": "external"}, "city": {"owner": "external", "overruled_policy": "keep"},
            "phone": {"owner": "odoo"}, "zip": {"owner": "newest"}}, direction="import", read_before_write=False, **vals)

    def started(self, **vals):
        flow = self.importing(**vals)
        self.put_customers({
            "id": 1, "email": "c1@example.com", "first_name": "C1",
            "billing": {"address_1": "Main 1", "city": "Ghent", "phone": "1", "postcode": "9000"}})
        self.run_flow(flow, full=True)
        self.shop.clear_counts()
        return flow, self.records(flow)["1"], self.syncs(flow)["1"]

    def test_live(self):
        flow, partner, sync = self.started()
        user = self.make_user("writer", "base.group_user,base.group_partner_manager", name="Wanda Writer")
        partner.with_user(user).write({"street": "mine", "city": "mine", "phone": "2", "zip": "1"})
        self.work()
        self.assertEqual((partner.street, partner.city, partner.phone, partner.zip), ("Main 1", "mine", "2", "1"))
        self.assertEqual(sync.state, "synced")
        self.assertFalse(sync.export_pending or sync.import_pending or sync.due_at)
        self.assertEqual(self.overruled(sync), {"street": ("odoo", "put_back"), "city": ("odoo", "kept")})
        lines = self.logs(sync, "overruled")
        self.assertEqual(lines.user_id, user)
        values = {code: values[:2] for line in lines for code, values in line.changes.items()}
        self.assertEqual(values, {"street": ["mine", "Main 1"], "city": ["mine", "Ghent"]})
        told = " ".join(lines.mapped("message"))
        for text in ("Wanda Writer", "Street", "put back", "City", "kept"):
            self.assertIn(text, told)
        self.assertEqual(self.shop.counts()["requests"], 0, "what is stored is enough")
        partner.phone = "3"  # nobody over there owns it: not even looked at
        self.env.cr.flush()
        self.env.cr.execute("SELECT count(*) FROM integration_capture WHERE flow_id = %s", [flow.id])
        self.assertEqual(self.env.cr.fetchone()[0], 0)
        # The kept value stays until its owner changes it.
        self.there(1, "moved", ["phone"])
        self.run_flow(flow, full=True)
        self.assertEqual(partner.city, "mine")
        self.there(1, "Mons", ["city"])
        self.run_flow(flow, full=True)
        self.assertEqual(partner.city, "Mons")

    def test_whenever_the_flow_reads(self):
        """What is stored is enough to put a value back: nobody has to wait for a run, or to press a button."""
        for timing in ("scheduled", "manual"):
            with self.subTest(timing=timing):
                flow, partner, sync = self.started(timing=timing)
                partner.street = "mine"
                self.env.cr.flush()
                self.env.cr.execute(
                    "SELECT count(*) FROM ir_cron_trigger WHERE cron_id = %s", [flow.connection_id.cron_id.id])
                self.assertTrue(self.env.cr.fetchone()[0], "the worker is woken by the commit")
                self.work()
                self.assertEqual((partner.street, sync.state), ("Main 1", "synced"))
                flow.unlink()

    def test_another_way_of_writing(self):
        """An import of a file, as any user may make it, is not blocked, and not left unseen."""
        _flow, partner, sync = self.started()
        result = self.env["res.partner"].load([".id", "street"], [[str(partner.id), "from a file"]])
        self.assertEqual(result["ids"], partner.ids)
        self.assertEqual(partner.street, "from a file")
        self.work()
        self.assertEqual(partner.street, "Main 1")
        self.assertEqual(self.overruled(sync), {"street": ("odoo", "put_back")})

    def test_payload_was_removed(self):
        """Retention has removed what was received: the record is read again."""
        flow, partner, sync = self.started()
        self.env.flush_all()
        self.env.cr.execute("UPDATE integration_sync SET payload = NULL WHERE id = %s", [sync.id])
        self.there(1, "Main 2", ["street"])
        self.shop.clear_counts()
        partner.street = "mine"
        self.work()
        self.assertEqual(partner.street, "Main 2")
        self.assertEqual([call["method"] for call in self.shop.requests()], ["GET"])
        self.assertState(flow, partner, "synced")

    def test_failures_only_still_tells(self):
        _flow, partner, sync = self.started(log_level="errors")
        partner.street = "mine"
        self.work()
        self.assertEqual(self.logs(sync).mapped("outcome"), ["overruled"])

    def test_records_of_nobody_are_not_captured(self):
        flow, _partner, _sync = self.started()
        other = self.env["res.partner"].create({"name": "Other", "street": "x"})
        other.street = "y"
        self.env.cr.flush()
        self.env.cr.execute("SELECT count(*) FROM integration_capture WHERE flow_id = %s", [flow.id])
        self.assertEqual(self.env.cr.fetchone()[0], 0)

    def test_what_only_imports_in_a_two_way_flow(self):
        flow = self.both_ways({"street": {"owner": "external", "direction": "import"}, "city": {"owner": "odoo"}})
        [partner] = self.start(flow)
        partner.street = "mine"
        self.work()
        self.assertEqual(self.sides(partner, 1, ["street"]), {"street": ("a", "a")})
        # The other way round: what was changed over there against Odoo is kept there, by rule.
        flow.rule_ids.filtered(lambda rule: rule.code == "city").overruled_policy = "keep"
        self.there(1, "theirs", ["city"])
        self.run_flow(flow, full=True)
        self.assertEqual(self.sides(partner, 1, ["city"]), {"city": ("a", "theirs")})
        self.assertEqual(self.overruled(self.syncs(flow)["1"])["city"], ("external", "kept"))
        partner.city = "ours"
        self.work()
        self.assertEqual(self.sides(partner, 1, ["city"]), {"city": ("ours", "ours")})


@tagged("post_install", "-at_install")
class TestLinesAgainstTheOwner(LinesCase):

    def test_lines_of_the_other_system(self):
        """A line that is changed or deleted here comes back; one that was added here stays, for it is nobody else's."""
        self.bring(person(1), person(2))
        first, second = self.company.child_ids.sorted("id")
        first.color = 7
        self.env["res.partner"].create({"name": "Ours", "parent_id": self.company.id, "function": "guest"})
        self.work()
        self.assertEqual(self.held(), [("P1", "clerk", 1), ("P2", "clerk", 1), ("Ours", "guest", 0)])
        self.assertEqual(self.logs(self.sync, "overruled").changes, {"people": ["[…]", "[…]", "odoo", "put_back"]})
        second.unlink()
        self.work()
        self.assertEqual(
            sorted(self.held()), [("Ours", "guest", 0), ("P1", "clerk", 1), ("P2", "clerk", 1)])
        self.assertEqual(self.sync.state, "synced")
        self.assertEqual(self.links(), {"1/1": "P1", "1/2": "P2"})


@tagged("post_install", "-at_install")
class TestSwitch(OwnershipCase):
    """Odoo until confirmed, the shop afterwards."""

    CONFIRMED = "[('ref', '=', 'X-confirmed')]"

    def setUp(self):
        super().setUp()
        self.flow = self.both_ways({
            "street": {"owner": "odoo", "owner_after": "external", "owner_switch_domain": self.CONFIRMED},
            "city": {"owner": "nobody", "owner_after": "external", "owner_switch_domain": self.CONFIRMED}})
        self.partner, self.other = self.start(self.flow, 2)
        self.rule = self.flow.rule_ids.filtered(lambda rule: rule.code == "street")

    def street(self, number=1):
        return self.sides(self.partner if number == 1 else self.other, number, ["street"])["street"]

    def test_before_and_after(self):
        self.partner.street = "b"
        self.work()
        self.assertEqual(self.street(), ("b", "b"))
        self.there(1, "theirs", ["street", "city"])
        self.run_flow(self.flow, full=True)
        self.assertEqual(self.street(), ("b", "b"), "Odoo owns it")
        self.assertEqual(self.partner.city, "a", "nobody does")
        self.shop.clear_counts()
        self.partner.ref = "X-confirmed"
        self.work()
        self.run_flow(self.flow, full=True)
        self.assertEqual(self.written_calls(), [], "the switch by itself moves nothing")
        self.assertEqual((self.street(), self.partner.city), (("b", "b"), "a"))
        self.assertEqual(self.syncs(self.flow)["1"].state, "synced")
        self.there(1, "theirs", ["street", "city"])
        self.run_flow(self.flow, full=True)
        self.assertEqual((self.street(), self.partner.city), (("theirs", "theirs"), "a"))
        self.partner.street = "mine"
        self.work()
        self.assertEqual(self.street(), ("theirs", "theirs"), "the shop owns it now")
        self.other.street = "mine"
        self.work()
        self.assertEqual(self.street(2), ("mine", "mine"), "another record, another owner")

    def test_changed_and_confirmed_at_once(self):
        """The change was made while Odoo still owned the value."""
        self.partner.write({"street": "last word", "ref": "X-confirmed"})
        self.work()
        self.assertEqual(self.street(), ("last word", "last word"))
        self.assertEqual(self.overruled(self.syncs(self.flow)["1"]).get("street"), None)
        self.partner.street = "too late"
        self.work()
        self.assertEqual(self.street(), ("last word", "last word"))

    def test_both_changed_around_the_switch(self):
        self.partner.write({"street": "mine", "ref": "X-confirmed"})
        self.there(1, "theirs", ["street"])
        self.run_flow(self.flow, full=True)
        self.assertEqual(self.street(), ("theirs", "theirs"), "the new owner decides")
        self.assertEqual(self.overruled(self.syncs(self.flow)["1"])["street"], ("odoo", "put_back"))

    def test_who_owns_it(self):
        self.partner.ref = "X-confirmed"
        partners = self.partner + self.other
        self.assertEqual(self.rule._owners_for(partners), {self.partner.id: "external", self.other.id: "odoo"})
        plain = self.flow.rule_ids.filtered(lambda rule: rule.code == "name")
        rules = self.rule + self.flow.rule_ids.filtered(lambda rule: rule.code == "city") + plain
        self.env.flush_all()
        self.env.invalidate_all()
        with self.watch("res.partner", "_search") as calls:
            owners = rules._owners_by_rule(partners)
        self.assertEqual(len(calls), 1, "one look for each condition")
        self.assertEqual(owners[plain], dict.fromkeys(partners.ids, "external"))
        user = self.make_user("somebody", "base.group_user,integration_flow.group_integration_user")
        self.assertEqual(self.rule.with_user(user)._owners_for(partners.with_user(user))[self.partner.id], "external")

    def test_created_confirmed(self):
        """A record that meets the condition as soon as it is imported gets the second owner's value."""
        flow = self.make_flow("res.partner", [
            ("name", "first_name"), ("ref", "last_name"), ("email", "email", {"match_key": True}),
            ("street", "billing.address_1", {
                "owner": "odoo", "owner_after": "external", "owner_switch_domain": self.CONFIRMED})],
            self.make_resource("fresh", path="customers"))
        self.flow.active = False
        syncs = self.receive(flow, *({
            "id": number, "email": f"new{number}@example.com", "first_name": "N", "last_name": ref,
            "billing": {"address_1": "Main"}} for number, ref in ((11, "X-confirmed"), (12, "X-open"))))
        self.assertEqual([syncs[key].state for key in ("11", "12")], ["synced"] * 2)
        self.assertEqual([self.records(flow)[key].street for key in ("11", "12")], ["Main", False])

    def test_refused(self):
        for vals, text in (
            ({"owner_switch_domain": "[('ref', '=']"}, "not valid"),
            ({"owner_switch_domain": "[('no_such_field', '=', 1)]"}, "not valid"),
            ({"owner_after": False}, "both the condition and the owner"),
            ({"owner_switch_domain": False}, "both the condition and the owner"),
            ({"owner_switch_domain": "[]"}, "both the condition and the owner"),
        ):
            with self.subTest(vals=vals), self.refuses(ValidationError, text):
                self.rule.write(vals)


@tagged("post_install", "-at_install")
class TestGroups(OwnershipCase):
    """An address is one decision."""

    ADDRESS = ("street", "city", "zip")

    def started(self, owner, **vals):
        flow = self.both_ways({
            **{name: {"owner": owner, "merge_group": "address"} for name in self.ADDRESS},
            "phone": {"owner": owner}}, read_before_write=False, **vals)
        [partner] = self.start(flow)
        return flow, partner

    def change(self, flow, partner, later):
        """Odoo changes the street, the shop the city; the phone is changed in Odoo only."""
        partner.write({"street": "ours", "phone": "ours"})
        self.env.cr.flush()
        self.env.cr.execute(
            "UPDATE integration_capture SET captured_at = captured_at + %s * interval '1 hour' WHERE flow_id = %s",
            [1 if later == "odoo" else -1, flow.id])
        self.there(1, "theirs", ["city"])

    def test_newest(self):
        for order in ("import", "export"):
            for later, address in (("odoo", ("ours", "a", "a")), ("external", ("a", "theirs", "a"))):
                with self.subTest(order=order, later=later):
                    flow, partner = self.started("newest")
                    self.change(flow, partner, later)
                    if order == "export":
                        self.work()
                    self.run_flow(flow, full=True)
                    sides = self.sides(partner, 1)
                    self.assertEqual(tuple(sides[name] for name in self.ADDRESS), tuple((v, v) for v in address))
                    self.assertEqual(sides["phone"], ("ours", "ours"))
                    sync = self.syncs(flow)["1"]
                    self.assertEqual(sync.state, "synced")
                    side = {"odoo": "external", "external": "odoo"}[later]
                    self.assertEqual({code: told[0] for code, told in self.overruled(sync).items()}, {
                        {"external": "city", "odoo": "street"}[side]: side})
                    flow.unlink()
                    partner.unlink()
                    self.shop.reset("empty")

    def test_ask_is_one_conflict(self):
        flow, partner = self.started("ask")
        self.change(flow, partner, "odoo")
        self.work()
        sync = self.assertState(flow, partner, "conflict")
        self.assertEqual(set(sync.conflicts), {"street", "city"})
        self.assertEqual({entry["group"] for entry in sync.conflicts.values()}, {"address"})
        self.assertEqual(self.sides(partner, 1, ["street", "city", "phone"]), {
            "street": ("ours", "a"), "city": ("a", "theirs"), "phone": ("ours", "ours")})
        # What changes meanwhile belongs to the same decision, on either side.
        partner.zip = "1000"
        self.work()
        self.assertEqual(set(sync.conflicts), {"street", "city", "zip"})
        self.assertEqual(self.sides(partner, 1, ["zip"]), {"zip": ("1000", "a")})
        self.press(sync.action_keep_odoo)
        self.assertState(flow, partner, "synced")
        self.assertEqual(self.sides(partner, 1, self.ADDRESS), {
            "street": ("ours", "ours"), "city": ("a", "a"), "zip": ("1000", "1000")})

    def test_an_address_is_blank_as_a_whole(self):
        flow, partner = self.started("external_unless_blank")
        self.there(1, "", ["street"])
        self.run_flow(flow, full=True)
        self.assertEqual(self.sides(partner, 1, self.ADDRESS), {
            "street": ("", ""), "city": ("a", "a"), "zip": ("a", "a")}, "not half of each")
        self.there(1, "", ["city", "zip"])
        self.run_flow(flow, full=True)
        self.assertEqual(self.sides(partner, 1, ["city", "zip"]), {"city": ("a", "a"), "zip": ("a", "a")})

    def test_checked_and_written_together(self):
        flow, _partner = self.started("newest")
        rules = flow.rule_ids.filtered("merge_group")
        rules[0].owner = "ask"
        self.assertEqual(set(rules.mapped("owner")), {"ask"}, "decided for one, decided for all")
        phone = flow.rule_ids.filtered(lambda rule: rule.code == "phone")
        with self.refuses(ValidationError, "move together"):
            phone.merge_group = "address"
        phone.write({"merge_group": "address", "owner": "ask"})
        with self.refuses(ValidationError, "only fields and related records"):
            self.add_rules(flow, [{
                "kind": "lines", "odoo_path": "child_ids", "external_path": "meta_data", "merge_group": "address",
                "owner": "ask"}])
        phone.merge_group = "alone"
        self.assertIn("no other rule", str(flow._problems()))


@tagged("post_install", "-at_install")
class TestSameValue(OwnershipCase):
    """The same value, written differently, is neither a change nor a conflict."""

    def test_numbers_and_moments(self):
        flow = self.both_ways({"street": {"owner": "ask"}}, operations=self.operations("list", "read", "update"))
        self.add_rules(flow, [
            ("partner_latitude", "lat", {"transform": "number", "owner": "ask"}),
            ("color", "colour", {"owner": "ask"})])
        self.put_customers({
            "id": 1, "email": "c1@example.com", "first_name": "C1", "lat": "1.0", "colour": "3",
            "billing": {"address_1": "Main 1"}})
        self.run_flow(flow, full=True)
        partner = self.records(flow)["1"]
        partner.write({"partner_latitude": 2.5, "color": 4, "street": "Main 1 "})
        self.shop.touch("customers", ids=[1], changes={"lat": "1.00", "colour": "3.00", "billing": {"address_1": " Main 1"}})
        self.run_flow(flow, full=True)
        sync = self.syncs(flow)["1"]
        self.assertEqual((sync.state, sync.conflicts), ("synced", False))
        [(_method, _target, body)] = self.written_calls()
        self.assertEqual(body, {"lat": 2.5, "colour": 4}, "Odoo's changes went out")

    def test_spaces_by_rule(self):
        flow = self.both_ways({
            "street": {"owner": "external"}, "city": {"owner": "external", "ignore_spaces": False}})
        [partner] = self.start(flow)
        self.there(1, "a ", ["street", "city"])
        self.run_flow(flow, full=True)
        self.assertEqual((partner.street, partner.city), ("a", "a "))
        self.shop.clear_counts()
        self.run_flow(flow, full=True)
        self.assertEqual(self.syncs(flow)["1"].state, "synced")
        self.assertEqual(self.written_calls(), [])


@tagged("post_install", "-at_install")
class TestTwoMasters(OwnershipCase):
    """Two flows that always overwrite the same value are refused, and both are named."""

    def other_flow(self, owner="external", **vals):
        connection = self.make_connection(name="Second shop", code="second")
        return self.make_flow("res.partner", [("name", "first_name", {"owner": "odoo"}), ("street", "x", {"owner": owner})],
                              self.make_resource("other", self.operations(), path="customers"),
                              **{"name": "Second flow", "direction": "both", "state": "draft",
                                 "connection_id": connection.id, **vals})

    def setUp(self):
        super().setUp()
        self.first = self.both_ways({"street": {"owner": "external"}}, name="First flow")

    def assertRefused(self, call):
        with self.refuses(ValidationError, "First flow") as _caught:
            call()

    def test_refused_and_named(self):
        second = self.other_flow()
        self.assertIn("First flow", str(second._problems()))
        self.assertIn("Second flow", str(second._problems()))
        self.assertIn("Street", str(second._problems()))
        self.assertIn("First flow", str(second.readiness))
        self.assertRefused(lambda: second.write({"state": "test"}))
        with self.refuses(Exception, "Second flow"):
            second.action_test_mode()
        rule = second.rule_ids[1]
        rule.owner = "newest"
        second.action_test_mode()
        self.assertRefused(lambda: rule.write({"owner": "external_unless_blank"}))
        self.assertRefused(lambda: rule.write({
            "owner": "odoo", "owner_after": "external", "owner_switch_domain": "[('ref', '=', 'X')]"}))
        self.assertRefused(lambda: self.add_rules(second, [("street", "y", {"owner": "external"})]))
        rule.write({"owner": "external", "active": False})
        self.assertRefused(lambda: rule.write({"active": True}))

    def test_kept_apart(self):
        second = self.other_flow()
        for vals in ({"domain": "[('ref', '=', 'B')]"}, {"domain": "[('ref', 'in', ['B', 'C']), ('active', '=', True)]"}):
            self.first.domain = "[('ref', '=', 'A'), ('name', '!=', False)]"
            second.write({"domain": "[]", **vals})
            self.assertEqual(second._problems(), [])
        second.domain = "[('ref', 'in', ['A', 'B'])]"
        self.assertTrue(second._problems())
        company = self.env["res.company"].create({"name": "Another"})
        self.env.user.company_ids += company
        (self.first + second).connection_id.company_id = False
        second.write({"company_id": company.id, "domain": "[]"})
        self.assertEqual(second._problems(), [])
        second.company_id = self.first.company_id
        self.first.active = False
        self.assertEqual(second._problems(), [])
        self.first.active = True
        self.assertTrue(second._problems())
        self.first.state = "paused"
        self.assertTrue(second._problems(), "it may go on at any moment")
        self.first.state = "draft"
        self.assertEqual(second._problems(), [])

    def test_the_other_environment_of_one_system(self):
        second = self.other_flow()
        second.connection_id.environment = "production"
        self.assertEqual(second._problems(), [])

    def test_loops_in_one_system(self):
        resource = self.first.resource_id
        vals = {"name": "Third flow", "direction": "both", "state": "draft"}
        sending = self.make_flow("res.partner", [("street", "billing.address_1", {"owner": "odoo"})], resource, **vals)
        self.assertIn("First flow", str(sending._problems()))
        self.assertRefused(lambda: sending.write({"state": "test"}))
        same_path = self.make_flow("res.partner", [("city", "billing.phone", {"owner": "odoo"})], resource, **vals)
        self.assertEqual(same_path._problems(), [])
        self.add_rules(self.first, [("phone", "billing.phone", {"owner": "odoo"})])
        self.assertIn("billing.phone", str(same_path._problems()))


@tagged("post_install", "-at_install")
class TestWritten(TransactionCase):
    """Where the options come from: blueprints and the form."""

    def apply(self, **terms):
        data = copy.deepcopy(SMALL)
        data["flows"][0]["direction"] = "both"
        data["flows"][0]["rules"] += [
            {"code": name, "odoo_path": name, "external_path": name, **terms} for name in ("street", "city")]
        flow = self.env["integration.blueprint"]._apply(data)["people"]
        return flow.rule_ids.filtered(lambda rule: rule.code in ("street", "city"))

    def test_blueprint(self):
        terms = {
            "owner": "odoo", "owner_after": "external", "owner_switch_domain": "[('ref', '!=', False)]",
            "merge_group": "address", "blank_policy": "fill", "overruled_policy": "keep", "ignore_spaces": False}
        rules = self.apply(**terms)
        self.assertEqual(rules.read(list(terms), load=None), [{"id": rule.id, **terms} for rule in rules])
        self.apply(**{**terms, "owner": "ask", "owner_after": "odoo"})
        self.assertEqual([(rule.owner, rule.owner_after) for rule in rules], [("ask", "odoo")] * 2, "the whole group")
        self.apply(owner="newest")
        for rule in rules:
            self.assertEqual(
                (rule.owner, rule.merge_group, rule.owner_after, rule.blank_policy, rule.overruled_policy,
                 rule.ignore_spaces),
                ("newest", False, False, "usual", "put_back", True), "what the file does not say any more is gone")

    def test_form(self):
        street, city = self.apply(owner="newest").sorted("code", reverse=True)
        user = self.env["res.users"].create({
            "name": "Manager", "login": "ownership.manager",
            "group_ids": [(4, self.env.ref("integration_flow.group_integration_manager").id)]})
        with Form(street.with_user(user)) as form:
            form.owner_after = "odoo"
            form.owner_switch_domain = "[('ref', '=', 'X')]"
            form.blank_policy = "ignore"
            form.merge_group = "address"
        with Form(city.with_user(user)) as form:
            form.merge_group = "address"  # who joins a group decides as the group does
        self.assertEqual((city.owner_after, city.owner_switch_domain, city.blank_policy), (
            "odoo", "[('ref', '=', 'X')]", "ignore"))
        with Form(city.with_user(user)) as form:
            form.owner = "ask"
        self.assertEqual(street.owner, "ask")
