"""Conflicts: the list of fields that both sides have changed, and what becomes of a person's choice."""

from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged

from odoo.addons.integration_flow.engine import inbox
from odoo.addons.integration_flow.engine.claim import claims
from odoo.addons.integration_flow.engine.plan import FlowPlan
from odoo.addons.integration_flow.engine.pressed import RUN_NOW_LIMIT

from .common import FlowCase
from .export_common import ExportTools

GROUP = "integration_flow.group_integration_%s"


class ConflictCase(ExportTools, FlowCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clerk = cls.make_user("clerk", f"base.group_user,base.group_partner_manager,{GROUP % 'user'}", tz="Asia/Tokyo")
        cls.manager = cls.make_user("manager", f"base.group_user,base.group_partner_manager,{GROUP % 'manager'}")
        cls.reader = cls.make_user("reader", f"base.group_user,{GROUP % 'user'}")
        cls.outsider = cls.make_user("outsider")

    def ask_flow(self, rules=(), **vals):
        self.flow = self.out_flow(direction="both", rules=[
            ("phone", "billing.phone", {"owner": "ask"}),
            ("city", "billing.city", {"owner": "ask"}),
            ("zip", "billing.postcode", {"owner": "external"}),
            ("street", "billing.address_1", {"owner": "odoo"}),
            *rules,
        ], **{"read_before_write": True, "domain": "[('email', '=like', 'c%@example.com')]", **vals})
        return self.flow

    def agree(self, *numbers, **billing):
        """Customers that both sides agree on."""
        self.receive(self.flow, *({
            "id": number, "email": f"c{number}@example.com", "first_name": f"C{number}",
            "billing": {"phone": "100", "city": "Ghent", "postcode": "9000", "address_1": "", **billing},
        } for number in numbers))
        self.assertEqual(set(self.states(self.flow).values()), {"synced"})
        return self.records(self.flow)

    def both_change(self, *numbers, odoo=None, there=None):
        for number in numbers:
            self.shop.touch("customers", ids=[number], changes={"billing": there or {"phone": "200", "city": "Mons"}})
            self.records(self.flow)[str(number)].with_user(self.clerk).write(odoo or {"phone": "300", "city": "Lille"})
        self.work()  # what leaves is read first

    def bulk(self, action, domain, user=None):
        """Begin a bulk action on conflicts."""
        answer = self.env["integration.bulk.action"].with_user(user or self.clerk)._start(
            action, "integration.conflict", domain)
        return self.env["integration.bulk.action"].browse(answer["params"]["id"])

    def conflicts(self, user=None):
        rows = self.env["integration.conflict"].with_user(user or self.clerk).search([("flow_id", "=", self.flow.id)])
        return {(row.sync_id.external_id, row.code): row for row in rows}

    def there(self, number=1):
        return self.shop.get(f"customers/{number}")["billing"]

    def carry_out(self):
        self.env.cr.flush()
        with self.enter_registry_test_mode():
            for job in ("bulk_actions", "conflicts"):
                self.env.ref(f"integration_flow.cron_{job}").method_direct_trigger()
        self.env.invalidate_all()
        self.work()


@tagged("post_install", "-at_install")
class TestConflictList(ConflictCase):

    def test_one_row_for_each_field(self):
        self.ask_flow()
        self.agree(1)
        self.both_change(1)
        rows = self.conflicts()
        self.assertEqual(set(rows), {("1", "phone"), ("1", "city")})
        phone = rows["1", "phone"]
        self.assertEqual((phone.label, phone.agreed_text, phone.odoo_text, phone.external_text),
                         ("Phone", "100", "300", "200"))
        self.assertEqual(phone.odoo_by_id, self.clerk, "the last who wrote the contact")
        self.assertTrue(phone.odoo_at and phone.external_at and phone.create_date)
        self.assertEqual(phone.display_name, "C1: Phone")

    def test_the_chatter_knows_better(self):
        """A tracked field tells who changed this very field, whoever wrote the record later."""
        self.ask_flow([("vat", "billing.company", {"owner": "ask"})])
        self.patch(self.registry["res.partner"]._fields["vat"], "tracking", True)
        partner = self.agree(1)["1"]
        partner.with_user(self.manager).vat = "BE0477472701"
        self.env.flush_all()
        self.env.cr.precommit.run()  # tracked values are stored before the commit
        self.both_change(1, there={"company": "BE0403019261"}, odoo={"comment": "Later"})
        self.assertEqual(self.conflicts()["1", "vat"].odoo_by_id, self.manager)

    def test_a_row_stays_while_its_values_stay(self):
        self.ask_flow()
        self.agree(1)
        self.both_change(1)
        before = self.conflicts()
        self.shop.touch("customers", ids=[1], changes={"billing": {"postcode": "7000", "city": "Namur"}})
        self.run_flow(self.flow, full=True)
        after = self.conflicts()
        self.assertEqual(self.records(self.flow)["1"].zip, "7000", "the other fields go on")
        self.assertEqual(after["1", "phone"], before["1", "phone"])
        self.assertNotEqual(after["1", "city"], before["1", "city"], "it shows another value")
        self.assertEqual(after["1", "city"].external_text, "Namur")
        self.assertEqual(after["1", "city"].odoo_by_id, self.clerk, "Odoo's side is as it was")
        self.assertFalse(before["1", "city"].exists())

    def test_it_goes_with_its_reason(self):
        self.ask_flow()
        partners = self.agree(1, 2, 3, 4)
        self.both_change(1, 2, 3, 4)
        self.assertEqual(len(self.conflicts()), 8)
        self.press(self.syncs(self.flow)["2"].with_user(self.clerk).action_skip)
        partners["3"].unlink()
        self.shop.touch("customers", ids=[4], changes={"billing": {"phone": "300", "city": "Lille"}})
        self.work()
        self.run_flow(self.flow, full=True)
        self.assertEqual({key[0] for key in self.conflicts()}, {"1"}, "skipped, deleted, agreed by themselves")

    def test_the_other_fields_go_on_in_both_directions(self):
        """A call that replaces the whole record gets what the other system holds of a field that nobody decided yet."""
        self.ask_flow(operations=self.operations(update={"send": "all"}))
        partner = self.agree(1)["1"]
        self.both_change(1)
        partner.street = "Main 2"
        self.work()
        there = self.there()
        self.assertEqual((there["address_1"], there["phone"], there["city"]), ("Main 2", "200", "Mons"))
        self.shop.touch("customers", ids=[1], changes={"billing": {"postcode": "7000"}})
        self.run_flow(self.flow, full=True)
        self.assertEqual((partner.zip, partner.phone, partner.city), ("7000", "300", "Lille"))
        self.assertSyncs(self.flow, {"1": "conflict"})

    def test_odoo_moves_on(self):
        """The list shows what Odoo holds now, and a value that comes to agree is no conflict any more."""
        self.ask_flow()
        partner = self.agree(1)["1"]
        self.both_change(1)
        partner.write({"phone": "400", "city": "Mons"})
        self.work()
        rows = self.conflicts()
        self.assertEqual({key[1]: row.odoo_text for key, row in rows.items()}, {"phone": "400"})
        partner.phone = "100"
        self.work()
        self.assertFalse(self.conflicts(), "Odoo is back at what was agreed: only the other side has changed")
        self.assertEqual((partner.phone, self.states(self.flow)), ("200", {"1": "synced"}))

    def test_texts_in_the_readers_form(self):
        self.ask_flow([
            ("country_id", "billing.country", {"owner": "ask", "transform": "country"}),
            ("type", "billing.state", {"owner": "ask"}),
            ("partner_latitude", "billing.latitude", {"owner": "ask", "transform": "number"}),
            ("comment", "billing.address_2", {"owner": "ask", "sensitive": True}),
        ])
        self.agree(1, country="BE", state="contact", latitude=0, address_2="S1")
        self.put_customers({**self.shop.get("customers/1"), "billing": {
            **self.there(), "country": "FR", "state": "invoice", "latitude": 1234.25, "address_2": "S2"}})
        self.both_change(1, there={"phone": "200"}, odoo={
            "country_id": self.env.ref("base.de").id, "type": "delivery", "partner_latitude": 0.5, "comment": "S3"})
        rows = self.conflicts()
        texts = {code: (row.agreed_text, row.odoo_text, row.external_text) for (_id, code), row in rows.items()}
        self.assertEqual(texts["country_id"], ("Belgium", "Germany", "France (FR)"))
        self.assertEqual(texts["type"], ("Contact", "Delivery", "Invoice (invoice)"))
        self.assertEqual(texts["partner_latitude"], ("0", "0.5", "1,234.25"))
        self.assertEqual(texts["comment"], ("•••", "•••", "•••"))
        self.assertNotIn("phone", texts, "changed on one side only")
        with self.assertRaises(AccessError):
            rows["1", "comment"].read(["shown"])

    def test_lists_of_lines(self):
        self.flow = self.customer_flow([{
            "kind": "lines", "odoo_path": "child_ids", "external_path": "people", "owner": "ask",
            "children": [("name", "name")]}])
        anna = {"id": 1, "first_name": "Firm", "email": "c1@example.com"}
        self.receive(self.flow, {**anna, "people": [{"id": 1, "name": "Ann"}]})
        partner = self.records(self.flow)["1"]
        partner.child_ids.name = "Bea"
        self.receive(self.flow, {
            **anna, "people": [{"id": 1, "name": "Cas"}], "date_modified_gmt": "2026-02-01T10:00:00"})
        row = self.conflicts()["1", "child_ids"]
        self.assertIn("Bea", row.odoo_text)
        self.assertEqual(row.external_text, "Cas")
        self.press(row.action_take_external)
        self.assertEqual((partner.child_ids.name, self.states(self.flow)), ("Cas", {"1": "synced"}))

    def test_moments_in_the_readers_zone(self):
        self.ask_flow()
        row = self.env["integration.field.rule"].with_user(self.clerk).new({})
        field = self.env["res.partner"]._fields["create_date"]
        self.assertIn("7:00:00", row._value_text(field, "2026-01-31 22:00:00"), "Tokyo is nine hours ahead")
        self.env["res.lang"]._activate_lang("de_DE")
        self.assertEqual(row.with_context(lang="de_DE")._value_text(
            self.env["ir.cron"]._fields["nextcall"], None), "(leer)")


@tagged("post_install", "-at_install")
class TestDeciding(ConflictCase):

    def setUp(self):
        super().setUp()
        self.ask_flow()

    def test_a_side_for_each_field(self):
        partner = self.agree(1)["1"]
        self.both_change(1)
        rows = self.conflicts()
        result = self.press(rows["1", "phone"].action_keep_odoo)
        self.assertEqual(result["params"]["type"], "success", result)
        self.assertEqual(set(self.conflicts()), {("1", "city")})
        self.assertSyncs(self.flow, {"1": "conflict"})
        self.assertEqual((self.there()["phone"], self.there()["city"]), ("300", "Mons"), "the undecided one stays")
        self.press(rows["1", "city"].action_take_external)
        self.assertSyncs(self.flow, {"1": "synced"})
        self.assertEqual((partner.phone, partner.city), ("300", "Mons"))
        self.assertEqual((self.there()["phone"], self.there()["city"]), ("300", "Mons"))
        lines = self.logs(self.syncs(self.flow)["1"], "resolved")
        self.assertEqual(lines.user_id, self.clerk)
        self.assertIn("Phone: the value of Odoo stands.", lines.mapped("message"))

    def test_all_fields_of_a_record(self):
        partner = self.agree(1)["1"]
        self.both_change(1)
        sync = self.syncs(self.flow)["1"].with_user(self.clerk)
        result = self.press(sync.with_context(shown_conflict_ids=sync.conflict_ids.ids).action_take_external)
        self.assertEqual(result["params"]["type"], "success", result)
        self.assertEqual((partner.phone, partner.city, sync.state), ("200", "Mons", "synced"))
        self.assertFalse(self.conflicts())
        issues = self.env["integration.issue"].search([("flow_id", "=", self.flow.id)])
        self.assertEqual((issues.state, issues.resolved_how, issues.resolved_by_id), ("resolved", "decided", self.clerk))

    def test_odoo_moved_on_since_it_was_shown(self):
        partner = self.agree(1)["1"]
        self.both_change(1)
        row = self.conflicts()["1", "phone"]
        partner.phone = "400"
        self.env.flush_all()
        result = self.press(row.action_take_external)
        self.assertEqual(result["params"]["type"], "warning")
        self.assertIn("changed meanwhile", result["params"]["message"])
        self.assertEqual((partner.phone, self.there()["phone"]), ("400", "200"))
        self.work()
        self.assertEqual(self.conflicts()["1", "phone"].odoo_text, "400")
        with self.refuses(UserError, "Nothing was overwritten"):
            self.press(row.action_take_external)

    def test_the_other_side_moved_on_since_it_was_shown(self):
        partner = self.agree(1)["1"]
        self.both_change(1)
        row = self.conflicts()["1", "phone"]
        self.shop.touch("customers", ids=[1], changes={"billing": {"phone": "201"}})
        result = self.press(row.action_keep_odoo)
        self.assertEqual(result["params"]["type"], "warning")
        self.assertIn("changed meanwhile", result["params"]["message"])
        self.assertEqual((partner.phone, self.there()["phone"]), ("300", "201"))
        self.assertEqual(self.conflicts()["1", "phone"].external_text, "201")

    def test_what_is_stored_counts_also_where_nothing_can_be_read(self):
        """A newer state has arrived and is not worked on yet: the decision is about the one before."""
        partner = self.agree(1)["1"]
        self.both_change(1)
        self.flow.read_before_write = False
        self.flow.resource_id.operation_ids.filtered(lambda operation: operation.kind == "read").unlink()
        row = self.conflicts()["1", "phone"]
        newer = {**self.shop.get("customers/1"), "billing": {**self.there(), "phone": "201"},
                 "date_modified_gmt": "2027-02-01T10:00:00"}
        self.put_customers(newer)
        self.env.flush_all()
        inbox.store(self.env.cr, FlowPlan(self.flow), [newer], now=fields.Datetime.now())
        self.env.invalidate_all()
        self.press(row.action_keep_odoo)
        self.work()
        self.assertEqual((partner.phone, self.there()["phone"]), ("300", "201"))
        self.assertEqual(self.conflicts()["1", "phone"].external_text, "201")

    def test_fields_that_move_together(self):
        """One decision for the group, though each side has changed another field of it."""
        rules = self.flow.rule_ids.filtered(lambda rule: rule.code in ("phone", "city"))
        rules.write({"merge_group": "reach"})
        partner = self.agree(1)["1"]
        self.both_change(1, odoo={"phone": "300"}, there={"city": "Mons"})
        rows = self.conflicts()
        self.assertEqual(set(rows), {("1", "phone"), ("1", "city")})
        context = rows["1", "city"].action_decide()["context"]
        wizard = self.env["integration.conflict.decide"].with_user(self.manager).with_context(**context).create({
            "side": "external", "always": True})
        self.assertEqual((wizard.count, wizard.others_count, len(wizard._rules())), (2, 0, 2))
        self.press(wizard.action_decide)
        self.assertEqual((partner.phone, partner.city), ("100", "Mons"))
        self.assertFalse(self.conflicts())
        self.assertEqual(set(rules.mapped("owner")), {"external"})

    def test_many_in_the_background(self):
        count = RUN_NOW_LIMIT + 2
        numbers = range(1, count + 1)
        partners = self.agree(*numbers)
        self.both_change(*numbers)
        rows = self.env["integration.conflict"].with_user(self.clerk).search([("flow_id", "=", self.flow.id)])
        self.assertEqual(len(rows), 2 * count)
        result = self.press(rows.filtered(lambda row: row.code == "phone").action_take_external)
        self.assertIn("background", result["params"]["message"])
        self.assertEqual(set(rows.filtered(lambda row: row.code == "phone").mapped("decision")), {"external"})
        partners["1"].phone = "400"  # moves on before it is carried out
        self.carry_out()
        self.assertEqual({partners[str(number)].phone for number in numbers}, {"400", "200"})
        left = self.conflicts()
        self.assertEqual({key for key in left if key[1] == "phone"}, {("1", "phone")})
        self.assertFalse(left["1", "phone"].decision)
        self.assertIn("left aside", " ".join(self.logs(self.syncs(self.flow)["1"], "warning").mapped("message")))
        self.assertEqual({partner.city for partner in partners.values()}, {"Lille"}, "what nobody decided stays")

    def test_everything_that_matches(self):
        partners = self.agree(1, 2, 3)
        self.both_change(1, 2, 3)
        row = self.conflicts()["1", "city"]
        action = row.with_context(active_domain=[["label", "=", "City"]]).action_decide()
        wizard = self.env[action["res_model"]].with_user(self.clerk).with_context(**action["context"]).create({
            "scope": "matching", "side": "external"})
        self.assertEqual(wizard.count, 3)
        progress = self.press(wizard.action_decide)
        self.assertEqual(progress["tag"], "integration_bulk_progress")
        bulk = self.env["integration.bulk.action"].browse(progress["params"]["id"])
        self.assertEqual((bulk.action, bulk.total, bulk.done, bulk.state), ("take_external", 3, 0, "open"))
        self.carry_out()
        self.assertEqual((bulk.done, bulk.failed, bulk.state), (3, 0, "done"))
        self.assertEqual({partner.city for partner in partners.values()}, {"Mons"})
        self.assertEqual({key[1] for key in self.conflicts()}, {"phone"})
        lines = self.logs(self.syncs(self.flow)["1"], "resolved")
        self.assertEqual(lines.user_id, self.clerk, "the history tells who asked")

    def test_very_many_are_a_bulk_action(self):
        """Page by page, with its progress; what has moved on meanwhile is left, and so is what a worker holds."""
        numbers = range(1, 5)
        partners = self.agree(*numbers)
        self.both_change(*numbers)
        rows = self.env["integration.conflict"].with_user(self.clerk).search([
            ("flow_id", "=", self.flow.id), ("code", "=", "phone")])
        with patch("odoo.addons.integration_flow.models.decision.BULK_FROM", 3):
            progress = self.press(rows.action_take_external)
        bulk = self.env["integration.bulk.action"].browse(progress["params"]["id"])
        self.assertEqual((bulk.target, bulk.total), ("integration.conflict", 4))
        self.assertFalse(any(rows.mapped("decision")), "nothing is decided while the user waits")
        partners["2"].phone = "400"
        with patch("odoo.addons.integration_flow.engine.bulk_actions.DECIDED_PAGE", 2):
            self.carry_out()
        self.assertEqual((bulk.state, bulk.done, bulk.failed), ("done", 3, 1))
        self.assertEqual({key: partner.phone for key, partner in partners.items()},
                         {"1": "200", "2": "400", "3": "200", "4": "200"})
        self.assertIn("left aside", " ".join(self.logs(self.syncs(self.flow)["2"], "warning").mapped("message")))
        self.assertEqual({partner.city for partner in partners.values()}, {"Lille"}, "what nobody decided stays")

    def test_fields_that_move_together_in_bulk(self):
        """The filter names one field of the group: the other one is decided with it."""
        self.flow.rule_ids.filtered(lambda rule: rule.code in ("phone", "city")).merge_group = "reach"
        partner = self.agree(1)["1"]
        self.both_change(1)
        self.bulk("take_external", [("label", "=", "City")])
        self.carry_out()
        self.assertEqual((partner.phone, partner.city), ("200", "Mons"))
        self.assertFalse(self.conflicts())

    def test_the_list_asks_before_it_decides_everything(self):
        self.agree(1, 2)
        self.both_change(1, 2)
        actions = self.env["integration.bulk.action"].with_user(self.clerk)
        dialog = actions.ask("integration.conflict", "action_keep_odoo", [("label", "=", "City")])
        wizard = self.env[dialog["res_model"]].with_user(self.clerk).with_context(**dialog["context"]).create({})
        self.assertEqual(wizard.total, 2)
        self.assertIn("Odoo's values stand", wizard.text)
        more = actions.ask("integration.conflict", "action_decide", [("label", "=", "City")])
        wizard = self.env[more["res_model"]].with_user(self.clerk).with_context(**more["context"]).create({})
        self.assertEqual((wizard.scope, wizard.count), ("matching", 2))

    def test_a_single_row_never_means_all(self):
        self.agree(1, 2)
        self.both_change(1, 2)
        context = self.conflicts()["1", "city"].action_decide()["context"]
        wizard = self.env["integration.conflict.decide"].with_user(self.clerk).with_context(**context).create({
            "scope": "matching", "side": "external"})
        self.assertEqual((wizard.can_match, wizard.count), (False, 1))

    def test_always(self):
        partners = self.agree(1, 2, 3)
        self.both_change(1, 2)
        context = self.conflicts(self.manager)["1", "phone"].action_decide()["context"]
        with Form(self.env["integration.conflict.decide"].with_user(self.manager).with_context(**context)) as form:
            form.side = "external"
            form.always = True
            self.assertEqual(form.others_count, 1)
            self.assertIn("Phone: the owner changes from “Ask” to “", form.always_text)
            form.others_too = True
        self.press(form.record.action_decide)
        self.carry_out()
        rule = self.flow.rule_ids.filtered(lambda rule: rule.code == "phone")
        self.assertEqual(rule.owner, "external")
        self.assertEqual({key: partner.phone for key, partner in partners.items()}, {"1": "200", "2": "200", "3": "100"})
        self.assertEqual({key[1] for key in self.conflicts()}, {"city"})
        self.both_change(3, odoo={"phone": "301"}, there={"phone": "202"})
        self.run_flow(self.flow, full=True)
        self.assertEqual((partners["3"].phone, self.states(self.flow)["3"]), ("202", "synced"), "no question any more")

    def test_always_is_for_managers(self):
        self.agree(1)
        self.both_change(1)
        context = self.conflicts()["1", "phone"].action_decide()["context"]
        wizard = self.env["integration.conflict.decide"].with_user(self.clerk).with_context(**context).create({
            "side": "odoo", "always": True})
        self.assertFalse(wizard.may_always)
        with self.refuses(AccessError, "manager of integrations"):
            self.press(wizard.action_decide)
        self.assertEqual(len(self.conflicts()), 2)

    def test_who_may_decide(self):
        self.agree(1)
        self.both_change(1)
        row = self.conflicts()["1", "phone"]
        with self.refuses(AccessError, "may not change C1"):
            self.press(row.with_user(self.reader).action_keep_odoo)
        with self.assertRaises(AccessError):
            row.with_user(self.outsider).action_keep_odoo()
        with self.assertRaises(AccessError):
            row.with_user(self.manager).write({"decision": "odoo"})
        bulk = self.bulk("keep_odoo", [], self.reader)
        self.carry_out()
        self.assertEqual((bulk.state, bulk.done, bulk.failed), ("done", 0, 2), "in bulk, too")
        self.press(row.with_user(self.manager).action_keep_odoo)
        self.assertNotIn(("1", "phone"), self.conflicts())

    def test_other_companies(self):
        self.agree(1)
        self.both_change(1)
        company = self.env["res.company"].create({"name": "Other"})
        self.env.cr.execute("UPDATE integration_conflict SET company_id = %s", [company.id])
        self.env.invalidate_all()
        self.assertFalse(self.conflicts())
        self.assertEqual(len(self.conflicts(self.env.user.browse(1))), 2)

    def test_a_value_that_the_reader_may_not_see(self):
        self.agree(1)
        self.both_change(1)
        row = self.conflicts(self.reader)["1", "phone"]
        self.assertEqual(row.odoo_text, "300")
        self.patch(self.registry["res.partner"]._fields["phone"], "groups", "base.group_system")
        row.invalidate_recordset()
        self.assertEqual((row.agreed_text, row.odoo_text, row.external_text), ("•••", "•••", "•••"))

    def test_the_fix_of_an_issue_leads_there(self):
        self.agree(1)
        self.both_change(1)
        issue = self.env["integration.issue"].with_user(self.clerk).search([("flow_id", "=", self.flow.id)])
        action = issue.action_fix()
        self.assertEqual(action["res_model"], "integration.conflict")
        self.assertEqual(len(self.env["integration.conflict"].search(action["domain"])), 2)

    def test_in_the_hands_of_a_worker(self):
        self.agree(1)
        self.both_change(1)
        row = self.conflicts()["1", "phone"]
        self.env.cr.execute("UPDATE integration_sync SET state = 'pending', due_at = %s WHERE id = %s", [
            fields.Datetime.now(), row.sync_id.id])
        self.env.invalidate_all()
        with claims(self.env.cr) as held:
            self.assertTrue(held.take(row.sync_id.ids))
            result = self.press(row.action_keep_odoo)
        self.assertIn("being worked on", result["params"]["message"])
        self.assertTrue(row.exists())
