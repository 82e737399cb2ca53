"""Records that need others: who can never come is told, circles are untied, nobody waits for ever."""

from odoo import fields
from odoo.tests import tagged

from .common import FlowCase
from .export_common import ExportCase
from .relation_common import RelationCase


class ParentCase(RelationCase):
    def contact(self, number=100, company=7, name="Eva"):
        return {"id": number, "name": name, "company_id": company}

    def bring(self, *contacts):
        self.put_contacts(*(contacts or [self.contact()]))
        self.run_flow(self.contacts)
        return self.syncs(self.contacts)

    def hours_pass(self, hours):
        """Time passes for all that waits."""
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE integration_sync SET waiting_since = waiting_since - %s * interval '1 hour', "
            "due_at = due_at - %s * interval '1 hour' WHERE state = 'waiting'", [hours, hours])
        self.env.invalidate_all()
        self.work()


@tagged("post_install", "-at_install")
class TestNeverComes(ParentCase):
    def assertReleased(self):
        """The parent comes after all, and its child follows by itself."""
        self.receive(self.companies, self.company(7, date_modified_gmt="2026-05-01T10:00:00"))
        self.assertSyncs(self.contacts, {"100": "synced"})
        sync = self.syncs(self.contacts)["100"]
        self.assertFalse(sync.error_message or sync.waiting_for or sync.waiting_since)
        self.assertEqual(self.records(self.contacts)["100"].parent_id, self.records(self.companies)["7"])

    def test_the_parent_fails_later(self):
        sync = self.bring()["100"]
        self.assertEqual(sync.state, "waiting")
        self.receive(self.companies, self.company(7, first_name=""))
        self.assertFailed(sync, "validation", "Companies", "c7@example.com", "Name")
        self.assertEqual(sync.error_code, "parent_failed")
        self.assertEqual(self.logs(sync).mapped("outcome"), ["waiting", "failed"])
        self.assertReleased()

    def test_the_parent_has_failed_before(self):
        self.receive(self.companies, self.company(7, first_name=""))
        sync = self.bring()["100"]
        self.assertFailed(sync, "validation", "Companies", "c7@example.com", "Name")
        self.assertEqual(self.logs(sync).mapped("outcome"), ["failed"], "one attempt, one line")
        self.assertEqual(self.contacts.last_run_id.failed_count, 1)
        result = self.press(sync.action_retry)
        self.assertEqual(result["params"]["type"], "danger")
        self.assertIn("Companies", result["params"]["message"])
        self.assertReleased()

    def test_a_hundred_children_of_one(self):
        self.bring(*(self.contact(100 + number) for number in range(100)))
        self.receive(self.companies, self.company(7, first_name=""))
        self.assertEqual(set(self.states(self.contacts).values()), {"failed"})
        self.receive(self.companies, self.company(7, date_modified_gmt="2026-05-01T10:00:00"))
        self.assertEqual(set(self.states(self.contacts).values()), {"synced"})

    def test_left_out_by_a_filter(self):
        self.receive(self.companies, self.company(7, first_name=""))
        self.companies.external_filter = "role == 'shop'"
        self.receive(self.companies, self.company(7, role="x", date_modified_gmt="2026-02-01T10:00:00"))
        self.assertEqual(self.states(self.companies), {"7": "excluded"})
        self.assertFailed(self.bring()["100"], "validation", "Companies", "c7@example.com", "left out")
        self.companies.external_filter = False
        self.assertReleased()

    def test_skipped_by_a_person(self):
        self.receive(self.companies, self.company(7, first_name=""))
        self.syncs(self.companies)["7"].action_skip()
        self.assertFailed(self.bring()["100"], "validation", "Companies", "skipped")
        self.assertReleased()

    def test_deleted_in_odoo(self):
        self.receive(self.companies, self.company())
        self.env["integration.link"].search([("resource_id", "=", self.companies.resource_id.id)]).unlink()
        sync = self.bring()["100"]
        self.assertFailed(sync, "validation", "Companies", "c7@example.com", "not linked any more")
        self.press(self.syncs(self.companies)["7"].action_resync)
        self.work()
        self.assertSyncs(self.contacts, {"100": "synced"})

    def test_its_flow_does_not_run(self):
        for state, word in (("paused", "paused"), ("draft", "a draft")):
            with self.subTest(state=state):
                self.companies.state = state
                self.bring(self.contact(name=state))
                self.press(self.syncs(self.contacts)["100"].action_retry)
                self.assertFailed(self.syncs(self.contacts)["100"], "validation", "Companies", word, "7")
        self.companies.state = "test"
        self.assertReleased()

    def test_its_flow_is_paused_while_they_wait(self):
        sync = self.bring()["100"]
        self.companies.action_pause()
        self.make_due(self.contacts)
        self.work()
        self.assertFailed(sync, "validation", "Companies", "paused")
        self.companies.action_resume()
        self.assertReleased()

    def test_its_flow_is_archived(self):
        self.companies.active = False
        self.assertFailed(self.bring()["100"], "validation", "Companies", "archived")

    def test_not_for_ever(self):
        self.contacts.parent_wait_hours = 5
        sync = self.bring()["100"]
        self.hours_pass(4)
        self.assertEqual(sync.state, "waiting")
        self.hours_pass(1.1)
        self.assertFailed(sync, "validation", "7", "5 hours")
        self.assertReleased()

    def test_the_parent_is_held_or_waits_itself(self):
        """As long as the parent may come, its children wait."""
        self.bring()
        self.env["integration.sync"].create({
            "flow_id": self.companies.id, "connection_id": self.connection.id, "model": "res.partner",
            "external_id": "7", "state": "held"})
        self.make_due(self.contacts)
        self.work()
        self.assertSyncs(self.contacts, {"100": "waiting"})

    def test_a_link_in_the_very_moment(self):
        """The parent was linked while its child failed for it: neither transaction saw the other."""
        self.receive(self.companies, self.company(7, first_name=""))
        sync = self.bring()["100"]
        self.assertEqual(sync.state, "failed")
        partner = self.env["res.partner"].create({"name": "By hand"})
        self.env["integration.link"].create({
            "connection_id": self.connection.id, "resource_id": self.companies.resource_id.id, "external_id": "7",
            "model": "res.partner", "res_id": partner.id})
        self.receive(self.companies, self.company(8))
        self.work()
        self.assertEqual((sync.state, self.records(self.contacts)["100"].parent_id), ("synced", partner))


@tagged("post_install", "-at_install")
class TestNeverComesOut(ExportCase):
    def test_a_parent_that_is_refused_over_there(self):
        parents = self.out_flow(name="Companies", domain="[('ref', '=like', 'X-P%')]")
        people = self.out_flow(name="People", domain="[('ref', '=like', 'X-C%')]", rules=[
            {"kind": "relation", "odoo_path": "parent_id", "external_path": "parent", "owner": "odoo",
             "relation_flow_id": parents.id}])
        self.shop.fault("status", status=422, message="Not this one.", match_body="parent@")
        company = self.partner("P", login="parent", is_company=True)
        child = self.partner("C", login="child", parent_id=company.id)
        self.work()
        self.assertFailed(self.sync(parents, company), "validation", "Not this one")
        self.assertFailed(self.sync(people, child), "validation", "Companies", "Not this one")
        self.press(self.sync(parents, company).action_retry)
        self.work()
        sync = self.sync(people, child)
        self.assertEqual(sync.state, "synced", sync.error_message)


@tagged("post_install", "-at_install")
class TestCircles(FlowCase):
    """Products that are options of each other."""

    def setUp(self):
        super().setUp()
        self.flow = self.make_flow("product.template", [
            ("name", "name"), ("default_code", "sku")], "products", name="Products", name_path="name")
        self.rule = self.add_rules(self.flow, [
            {"kind": "relation", "odoo_path": "optional_product_ids", "external_path": "options", "code": "options",
             "relation_flow_id": self.flow.id}])

    def bring(self, *pairs):
        self.shop.load("products", [
            {"id": number, "name": f"Product {number}", "sku": f"S{number}", "options": options}
            for number, options in pairs])
        self.run_flow(self.flow)
        self.work()

    def options(self):
        records = self.records(self.flow)
        ids = {record: external_id for external_id, record in records.items()}
        return {key: [ids[option] for option in record.optional_product_ids] for key, record in records.items()}

    def test_two(self):
        self.bring((1, [2]), (2, [1]))
        self.assertSyncs(self.flow, {"1": "synced", "2": "synced"})
        self.assertEqual(self.options(), {"1": ["2"], "2": ["1"]})
        self.assertEqual(len(self.env["product.template"].search([("default_code", "in", ("S1", "S2"))])), 2)

    def test_three_and_those_behind_them(self):
        self.bring((1, [2]), (2, [3]), (3, [1]), (4, [1]), (5, [4]))
        self.assertEqual(set(self.states(self.flow).values()), {"synced"})
        self.assertEqual(self.options(), {"1": ["2"], "2": ["3"], "3": ["1"], "4": ["1"], "5": ["4"]})

    def test_one_that_needs_itself(self):
        self.bring((1, [1]))
        self.assertEqual((self.states(self.flow), self.options()), ({"1": "synced"}, {"1": ["1"]}))

    def test_one_after_the_other(self):
        self.bring((1, [2]))
        self.assertSyncs(self.flow, {"1": "waiting"})
        self.bring((2, [1]))
        self.assertEqual(self.options(), {"1": ["2"], "2": ["1"]})

    def test_a_later_change_of_the_relation(self):
        self.bring((1, [2]), (2, [1]))
        self.bring((1, []), (2, [1]))
        self.assertEqual(self.options(), {"1": [], "2": ["1"]})

    def test_all_of_them_needed(self):
        self.rule.required = True
        self.bring((1, [2]), (2, [3]), (3, [1]))
        for sync in self.syncs(self.flow).values():
            self.assertFailed(sync, "validation", "Product 1", "Product 2", "Product 3", "→")
            self.assertEqual(sync.error_code, "parent_circle")
        self.rule.required = False
        self.press(self.syncs(self.flow)["1"].action_retry)
        self.work()
        self.assertEqual(set(self.states(self.flow).values()), {"synced"})
        self.assertEqual(self.options(), {"1": ["2"], "2": ["3"], "3": ["1"]})

    def test_the_rest_never_comes(self):
        """The record is here without its relation; when the other one can never come, that is told."""
        self.bring((1, [2]), (2, [1]))
        self.bring((3, [4]))
        self.assertEqual(self.states(self.flow)["3"], "waiting")
        since = self.syncs(self.flow)["3"].waiting_since
        self.make_due(self.flow)
        self.work()
        self.assertEqual(self.syncs(self.flow)["3"].waiting_since, since)
        self.assertLessEqual(since, fields.Datetime.now())
