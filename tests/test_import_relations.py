"""Records that need others: waiting, reading the other one now, taking it out of the payload."""

from odoo.tests import tagged

from .relation_common import RelationCase


@tagged("post_install", "-at_install")
class TestWaiting(RelationCase):
    def test_resumes_by_itself_when_the_parent_is_linked(self):
        self.put_contacts({"id": 100, "name": "Eva", "company_id": 7})
        run = self.run_flow(self.contacts)
        sync = self.syncs(self.contacts)["100"]
        self.assertEqual((sync.state, sync.error_class, sync.attempts), ("waiting", "parent_missing", 0))
        self.assertIn("7", sync.error_message)
        self.assertIn("Companies", sync.error_hint)
        self.assertEqual(run.state, "done", "a record that waits for another one does not hold the run open")
        self.receive(self.companies, self.company(7))
        self.assertSyncs(self.contacts, {"100": "synced"})
        self.assertEqual(self.records(self.contacts)["100"].parent_id, self.records(self.companies)["7"])
        self.assertFalse(sync.error_message)

    def test_same_run_brings_the_parent_first(self):
        """Both flows at once: by priority the parents are written before those that need them."""
        self.put_contacts(*({"id": 100 + number, "name": f"C{number}", "company_id": number} for number in range(1, 6)))
        self.put_customers(*(self.company(number) for number in range(1, 6)))
        self.run_flow(self.contacts, self.companies)
        self.assertEqual(set(self.states(self.contacts).values()), {"synced"})

    def test_a_blank_relation_is_blank(self):
        self.put_contacts({"id": 100, "name": "Eva", "company_id": None}, {"id": 101, "name": "Ida", "company_id": ""})
        self.run_flow(self.contacts)
        self.assertSyncs(self.contacts, {"100": "synced", "101": "synced"})

    def test_numbers_and_texts_are_the_same_id(self):
        self.receive(self.companies, self.company(7))
        self.put_contacts(*(
            {"id": 100 + n, "name": "X", "company_id": value} for n, value in enumerate((7, "7", 7.0, " 7 "))))
        self.run_flow(self.contacts)
        self.assertEqual(set(self.states(self.contacts).values()), {"synced"})
        self.assertEqual(len({record.parent_id for record in self.records(self.contacts).values()}), 1)

    def test_what_cannot_be_an_id(self):
        self.put_contacts({"id": 100, "name": "X", "company_id": {"id": 7}}, {"id": 101, "name": "Y", "company_id": True})
        self.run_flow(self.contacts)
        for sync in self.syncs(self.contacts).values():
            self.assertFailed(sync, "mapping", "Related Company", "identifier")

    def test_a_failed_parent_fails_its_children_until_it_is_repaired(self):
        self.put_contacts({"id": 100, "name": "Eva", "company_id": 7})
        self.put_customers({"id": 7, "first_name": "", "email": "x@example.com"})
        self.run_flow(self.contacts, self.companies)
        self.assertFailed(self.syncs(self.contacts)["100"], "validation", "Companies", "x@example.com", "Name")
        self.receive(self.companies, self.company(7, date_modified_gmt="2026-02-01T10:00:00"))
        self.assertSyncs(self.contacts, {"100": "synced"})

    def test_many_wait_for_one(self):
        self.put_contacts(*({"id": 100 + n, "name": f"C{n}", "company_id": 7} for n in range(20)))
        self.run_flow(self.contacts)
        self.assertEqual(set(self.states(self.contacts).values()), {"waiting"})
        self.receive(self.companies, self.company(7))
        self.assertEqual(set(self.states(self.contacts).values()), {"synced"})


@tagged("post_install", "-at_install")
class TestImportNow(RelationCase):
    mode = "import"

    def test_the_parent_is_read_now(self):
        self.put_customers(self.company(7), self.company(8))
        self.put_contacts(
            {"id": 100, "name": "Eva", "company_id": 7}, {"id": 101, "name": "Ida", "company_id": 7},
            {"id": 102, "name": "Uta", "company_id": 8})
        self.run_flow(self.contacts)
        self.assertEqual(set(self.states(self.contacts).values()), {"synced"})
        self.assertEqual(self.records(self.contacts)["100"].parent_id, self.records(self.companies)["7"])
        self.assertEqual(
            [request["target"].rpartition("/")[2] for request in self.shop.requests(method="GET")
             if "/customers/" in request["target"]], ["7", "8"], "each parent is read once")

    def test_a_parent_that_is_not_there(self):
        self.put_customers(self.company(8))
        self.put_contacts({"id": 100, "name": "Eva", "company_id": 7}, {"id": 101, "name": "Ida", "company_id": 8})
        self.run_flow(self.contacts)
        syncs = self.syncs(self.contacts)
        self.assertFailed(syncs["100"], "validation", "Companies", "7")
        self.assertEqual(syncs["101"].state, "synced")
        self.assertIn("failed", self.logs(syncs["100"]).mapped("outcome"))
        self.put_customers(self.company(7))
        self.press(syncs["100"].action_retry)
        self.work()
        self.assertSyncs(self.contacts, {"100": "synced", "101": "synced"})

    def test_a_parent_that_the_filter_leaves_out(self):
        self.companies.external_filter = "role == 'shop'"
        self.put_customers(self.company(7, role="private"))
        self.put_contacts({"id": 100, "name": "Eva", "company_id": 7})
        self.run_flow(self.contacts)
        self.assertFailed(self.syncs(self.contacts)["100"], "validation", "Companies", "7")

    def test_without_a_read_operation(self):
        self.companies.resource_id.operation_ids.filtered(lambda operation: operation.kind == "read").unlink()
        self.put_contacts({"id": 100, "name": "Eva", "company_id": 7})
        self.run_flow(self.contacts)
        self.assertSyncs(self.contacts, {"100": "waiting"})

    def test_the_shop_does_not_answer_for_a_while(self):
        self.put_customers(self.company(7))
        self.put_contacts({"id": 100, "name": "Eva", "company_id": 7})
        self.shop.fault("server_error", path="/customers/7")
        self.run_flow(self.contacts)
        self.assertSyncs(self.contacts, {"100": "waiting"})
        self.make_due(self.contacts)
        self.work()
        self.assertSyncs(self.contacts, {"100": "synced"})

    def test_ids_with_slashes_and_letters_of_other_scripts(self):
        keys = ["A/7", "ü ö", "7#x?y=z", "Ж%2F"]
        self.put_customers(*(self.company(key, email=f"k{number}@example.com") for number, key in enumerate(keys)))
        self.put_contacts(*({"id": 100 + number, "name": "X", "company_id": key} for number, key in enumerate(keys)))
        self.run_flow(self.contacts)
        self.assertEqual(set(self.states(self.contacts).values()), {"synced"})
        self.assertEqual(set(self.records(self.companies)), set(keys))

    def test_an_id_that_would_climb(self):
        self.put_contacts({"id": 100, "name": "X", "company_id": ".."}, {"id": 101, "name": "Y", "company_id": None})
        self.run_flow(self.contacts)
        syncs = self.syncs(self.contacts)
        self.assertFailed(syncs["100"], "validation", "..")
        self.assertEqual(syncs["101"].state, "synced")


@tagged("post_install", "-at_install")
class TestEmbedded(RelationCase):
    mode = "embedded"

    def setUp(self):
        super().setUp()
        self.contacts.rule_ids.filtered(lambda rule: rule.code == "company").external_path = "company"

    def test_taken_out_of_the_payload(self):
        self.put_contacts(
            {"id": 100, "name": "Eva", "company": self.company(7)}, {"id": 101, "name": "Ida", "company": self.company(7)},
            {"id": 102, "name": "Uta", "company": None})
        self.run_flow(self.contacts)
        self.assertEqual(set(self.states(self.contacts).values()), {"synced"})
        self.assertEqual(self.states(self.companies), {"7": "synced"})
        records = self.records(self.contacts)
        self.assertEqual(records["100"].parent_id.name, "Company 7")
        self.assertEqual(records["100"].parent_id, records["101"].parent_id)
        self.assertFalse(records["102"].parent_id)

    def test_a_change_inside_is_a_change(self):
        self.put_contacts({"id": 100, "name": "Eva", "company": self.company(7)})
        self.run_flow(self.contacts)
        self.put_contacts({"id": 100, "name": "Eva", "company": self.company(7, first_name="Renamed")})
        self.run_flow(self.contacts)
        self.assertEqual(self.records(self.companies)["7"].name, "Renamed")

    def test_the_guilty_part_is_named_and_the_others_land(self):
        self.put_contacts(
            {"id": 100, "name": "Eva", "company": self.company(7, first_name="")},
            {"id": 101, "name": "Ida", "company": self.company(8)})
        self.run_flow(self.contacts)
        self.assertEqual(self.states(self.contacts), {"100": "failed", "101": "synced"})
        self.assertFailed(self.syncs(self.companies)["7"], "validation", "Name")

    def test_a_part_without_id(self):
        self.put_contacts({"id": 100, "name": "Eva", "company": {"first_name": "Nameless"}})
        self.run_flow(self.contacts)
        self.assertSyncs(self.contacts, {"100": "synced"})
        self.assertFalse(self.records(self.contacts)["100"].parent_id)
