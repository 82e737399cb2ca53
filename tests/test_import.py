"""First and unchanged import, ownership, match keys, deletion: see DESIGN.md, sections 3 and 4."""

from odoo.tests import tagged

from .common import PAGED, FlowCase


@tagged("post_install", "-at_install")
class TestFirstImport(FlowCase):
    seed = "small"

    def test_all_customers_become_contacts_but_the_guilty_one(self):
        flow = self.customer_flow([("city", "billing.city")])
        run = self.run_flow(flow)
        customers = self.shop.dump("customers")
        records = self.records(flow)
        self.assertSyncs(flow, {
            str(customer["id"]): "synced" if customer["first_name"] else "failed" for customer in customers})
        for customer in customers:
            if customer["first_name"]:
                record = records[str(customer["id"])]
                self.assertEqual(record.name, customer["first_name"])
                self.assertEqual(record.city or "", customer["billing"]["city"])
        self.assertEqual(run.state, "done")
        self.assertEqual((run.read_count, run.created_count, run.failed_count), (25, 24, 1))
        self.assertEqual((run.page_count, run.call_count), (1, 1))
        self.assertFailed(
            self.env["integration.sync"].search([("flow_id", "=", flow.id), ("state", "=", "failed")]),
            "validation", "Name", "first_name")

    def test_creations_are_logged_with_their_values(self):
        flow = self.customer_flow()
        self.run_flow(flow)
        sync = self.syncs(flow)["1"]
        log = self.logs(sync)
        self.assertEqual(log.mapped("outcome"), ["created"])
        self.assertEqual(log.changes["email"], [None, self.records(flow)["1"].email])
        self.assertEqual(log.run_id, sync.run_id)


@tagged("post_install", "-at_install")
class TestUnchanged(FlowCase):

    def setUp(self):
        super().setUp()
        self.flow = self.customer_flow([("city", "billing.city")])
        self.receive(self.flow, *(
            {"id": number, "first_name": f"P{number}", "email": f"p{number}@example.com", "billing": {"city": "Ulm"}}
            for number in range(1, 11)))

    def test_nothing_is_touched_when_nothing_changed(self):
        logs = self.env["integration.log"].search_count([])
        stamps = self.env["integration.sync"].search([("flow_id", "=", self.flow.id)]).mapped("write_date")
        with self.watch("res.partner", "write", "create", "search", "read") as calls:
            run = self.run_flow(self.flow, full=True)
        self.assertFalse(calls)
        self.assertEqual(self.env["integration.log"].search_count([]), logs)
        self.assertEqual(
            self.env["integration.sync"].search([("flow_id", "=", self.flow.id)]).mapped("write_date"), stamps)
        self.assertEqual((run.state, run.read_count, run.unchanged_count, run.updated_count), ("done", 10, 10, 0))

    def test_a_change_that_no_rule_reads_is_no_change(self):
        self.shop.load("customers", [{
            **customer, "role": "vip", "date_modified_gmt": "2026-02-01T10:00:00"}
            for customer in self.shop.dump("customers")])
        with self.watch("res.partner", "write", "create") as calls:
            run = self.run_flow(self.flow, full=True)
        self.assertFalse(calls)
        self.assertEqual(run.unchanged_count, 10)

    def test_one_changed_field_is_one_write_of_one_field(self):
        self.put_customers({
            "id": 3, "first_name": "P3", "email": "p3@example.com", "billing": {"city": "Bonn"},
            "date_modified_gmt": "2026-02-01T10:00:00"})
        with self.watch("res.partner", "write") as calls:
            run = self.run_flow(self.flow, full=True)
        record = self.records(self.flow)["3"]
        self.assertEqual(calls, [("write", record.ids, ({"city": "Bonn"},))])
        self.assertEqual((run.updated_count, run.unchanged_count), (1, 9))
        self.assertEqual(self.logs(self.syncs(self.flow)["3"], "updated").changes, {"city": ["Ulm", "Bonn"]})

    def test_equal_changes_of_many_records_are_one_write(self):
        self.shop.load("customers", [{
            **customer, "billing": {"city": "Kiel"}, "date_modified_gmt": "2026-02-01T10:00:00"}
            for customer in self.shop.dump("customers")])
        with self.watch("res.partner", "write") as calls:
            self.run_flow(self.flow, full=True)
        self.assertEqual(len(calls), 1)
        self.assertEqual(len(calls[0][1]), 10)

    def test_an_older_state_never_overwrites_a_newer_one(self):
        self.put_customers({"id": 1, "first_name": "New", "email": "p1@example.com",
                            "date_modified_gmt": "2026-03-01T10:00:00"})
        self.run_flow(self.flow, full=True)
        self.put_customers({"id": 1, "first_name": "Old", "email": "p1@example.com",
                            "date_modified_gmt": "2026-02-01T10:00:00"})
        self.run_flow(self.flow)
        self.assertEqual(self.records(self.flow)["1"].name, "New")

    def test_an_older_version_number_never_overwrites_a_newer_one(self):
        flow = self.make_flow("res.partner", [("name", "first_name")], self.make_resource(
            "versioned", path="customers", version_path="revision"))
        for revision, name, expected in ((9, "nine", "nine"), (10, "ten", "ten"), (9, "nine again", "ten")):
            self.receive(flow, {"id": 77, "first_name": name, "revision": revision}, full=False)
            self.assertEqual(self.records(flow)["77"].name, expected)

    def test_versions_that_are_no_numbers_do_not_decide(self):
        flow = self.make_flow("res.partner", [("name", "first_name")], self.make_resource(
            "tagged", path="customers", version_path="etag"))
        for etag, name in (("b7", "first"), ("a1", "second"), ("c9", "third")):
            self.receive(flow, {"id": 78, "first_name": name, "etag": etag})
            self.assertEqual(self.records(flow)["78"].name, name)

    def test_a_changed_rule_reads_everything_anew(self):
        self.flow.rule_ids.filtered(lambda rule: rule.code == "city").external_path = "role"
        self.shop.load("customers", [
            {**customer, "role": "Customer"} for customer in self.shop.dump("customers")])
        self.run_flow(self.flow, full=True)
        self.assertEqual(set(self.env["res.partner"].union(*self.records(self.flow).values()).mapped("city")), {"Customer"})

    def test_a_rule_that_writes_elsewhere_reads_everything_anew(self):
        self.flow.rule_ids.filtered(lambda rule: rule.code == "city").odoo_path = "street"
        self.run_flow(self.flow, full=True)
        self.assertEqual(self.records(self.flow)["1"].street, "Ulm")


OWNERS = {
    "street": "external", "street2": "external_unless_blank", "city": "odoo", "zip": "newest", "phone": "ask",
    "function": "external_at_creation", "website": "nobody",
}


@tagged("post_install", "-at_install")
class TestOwnership(FlowCase):
    """One field for each owner; each test moves all fields in the same way."""

    direction = "import"

    def setUp(self):
        super().setUp()
        self.flow = self.make_flow("res.partner", [
            ("name", "first_name"),
            *((name, f"v.{name}", {"owner": owner}) for name, owner in OWNERS.items())],
            updated_at_path="date_modified_gmt")

    def arrive(self, value, when="2026-01-01T10:00:00"):
        self.receive(self.flow, {
            "id": 5, "first_name": "Owned", "v": dict.fromkeys(OWNERS, value), "date_modified_gmt": when})
        self.sync = self.syncs(self.flow)["5"]
        self.record = self.records(self.flow)["5"]

    def assertFields(self, **expected):
        self.assertEqual({name: self.record[name] or "" for name in OWNERS}, expected)

    def overruled(self):
        """{field: side} of the latest log line about overruled values."""
        line = self.logs(self.sync, "overruled")[-1:]
        return {code: values[2] for code, values in (line.changes or {}).items()}

    def test_creation(self):
        self.arrive("a")
        self.assertFields(
            street="a", street2="a", city="", zip="a", phone="a", function="a", website="")

    def test_external_changed(self):
        self.arrive("a")
        self.arrive("b", "2026-01-02T10:00:00")
        self.assertFields(
            street="b", street2="b", city="", zip="b", phone="b", function="a", website="")
        self.assertEqual(self.overruled(), {"city": "external", "function": "external"})
        self.assertEqual(self.sync.state, "synced")

    def test_odoo_changed_then_external_touched(self):
        self.arrive("a")
        self.record.write({name: "c" for name in OWNERS if name != "website"})
        self.env.flush_all()
        self.env.cr.execute(  # the change in Odoo is older than the one over there
            "UPDATE res_partner SET write_date = '2026-01-01 12:00' WHERE id = %s", [self.record.id])
        self.arrive("b", "2026-01-02T10:00:00")
        self.assertFields(
            street="b", street2="b", city="c", zip="b", phone="c", function="c", website="")
        self.assertEqual(
            self.overruled(),
            {"street": "odoo", "street2": "odoo", "city": "external", "zip": "odoo", "function": "external"})
        self.assertEqual(self.sync.state, "conflict")
        self.assertEqual(list(self.sync.conflicts), ["phone"])
        self.assertEqual(self.sync.conflicts["phone"]["odoo"], "c")
        self.assertEqual(self.sync.conflicts["phone"]["external"], "b")
        self.assertIn("phone", self.sync.conflict_lines)

    def test_odoo_changed_later_than_external(self):
        self.arrive("a")
        self.record.write({"zip": "c"})
        self.arrive("b", "2020-01-02T10:00:00")  # older than what we know: never looked at
        self.assertEqual(self.record.zip, "c")
        self.arrive("b", "2026-01-02T10:00:00")
        self.env.flush_all()
        self.assertEqual(self.record.zip, "c", "the change in Odoo is the newer one")
        self.assertEqual(self.overruled()["zip"], "external")

    def test_external_blank(self):
        self.arrive("a")
        self.arrive("", "2026-01-02T10:00:00")
        self.assertFields(
            street="", street2="a", city="", zip="", phone="", function="a", website="")

    def test_put_back_with_the_next_change(self):
        """A change in Odoo of a field that the other system owns is put back when the record arrives again."""
        self.arrive("a")
        self.record.street = "mine"
        values = dict.fromkeys(OWNERS, "a") | {"street2": "moved"}
        self.receive(self.flow, {
            "id": 5, "first_name": "Owned", "v": values, "date_modified_gmt": "2026-01-03T10:00:00"})
        self.assertEqual((self.record.street, self.record.street2), ("a", "moved"))
        self.assertEqual(self.overruled(), {"street": "odoo"})

    def test_first_meeting_with_an_existing_record(self):
        self.record = self.env["res.partner"].create({
            "name": "Owned", **{name: "mine" for name in OWNERS if name != "website"}})
        self.flow.rule_ids.filtered(lambda rule: rule.code == "name").match_key = True
        self.arrive("a")
        self.assertEqual(self.records(self.flow)["5"], self.record)
        self.assertFields(
            street="a", street2="a", city="mine", zip="mine", phone="mine", function="mine", website="")
        self.assertEqual(self.sync.state, "conflict", "two existing values: who owns 'ask' decides a person")

    def test_agreed_values_are_what_odoo_holds(self):
        """Formatting and rounding by Odoo is no change: what is agreed equals what a later read gives."""
        flow = self.make_flow("res.partner", [
            ("name", "first_name"), ("partner_latitude", "lat", {"transform": "number"}),
            ("comment", "note"), ("color", "colour", {"transform": "number"}),
        ], self.make_resource("agreeing", path="customers"))
        self.receive(flow, {
            "id": 9, "first_name": " Spaced  out ", "lat": 48.123456789012, "note": "a\r\nb <i>c</i>", "colour": "3.0"})
        sync, record = self.syncs(flow)["9"], self.records(flow)["9"]
        before = sync.agreed
        self.receive(flow, {
            "id": 9, "first_name": " Spaced  out ", "lat": 48.123456789012, "note": "a\r\nb <i>c</i>", "colour": "4"})
        self.assertEqual(self.logs(sync, "updated").changes, {"color": [3, 4]})
        self.assertFalse(self.logs(sync, "overruled"))
        self.assertEqual({**before, "color": None}, {**sync.agreed, "color": None})
        self.assertEqual(record.color, 4)


@tagged("post_install", "-at_install")
class TestTwoWays(FlowCase):
    """What an import changes in Odoo beyond what it wrote."""

    def test_a_value_that_odoo_recomputes_is_sent(self):
        """The other system owns the name, Odoo the complete name that follows from it: nobody else captures that."""
        flow = self.customer_flow([
            ("complete_name", "billing.company", {"owner": "odoo", "direction": "export"})],
            direction="both", domain="[('email', '=', 'anna@example.com')]", operations={
                "list": {"path": "customers", **PAGED}, "read": {"path": "customers/{id}"},
                "update": {"method": "PUT", "path": "customers/{id}", "idempotent": True}})
        number = self.shop.create("customers", {"email": "anna@example.com", "first_name": "Anna"})[0]
        self.run_flow(flow, full=True)
        self.assertSyncs(flow, {str(number): "synced"})
        self.assertEqual(self.shop.get(f"customers/{number}")["billing"]["company"], "Anna")
        self.shop.touch("customers", ids=[number], changes={"first_name": "Annabel"})
        self.run_flow(flow, full=True)
        self.assertEqual(self.records(flow)[str(number)].name, "Annabel")
        self.assertEqual(self.shop.get(f"customers/{number}")["billing"]["company"], "Annabel")
        self.assertSyncs(flow, {str(number): "synced"})


@tagged("post_install", "-at_install")
class TestMatching(FlowCase):

    def setUp(self):
        super().setUp()
        self.flow = self.customer_flow()
        self.anna = {"id": 1, "first_name": "Anna", "email": "anna@example.com"}

    def test_found_is_linked_not_created(self):
        partner = self.env["res.partner"].create({"name": "Anna Old", "email": "anna@example.com"})
        self.receive(self.flow, self.anna)
        self.assertEqual(self.records(self.flow), {"1": partner})
        self.assertEqual(partner.name, "Anna")

    def test_found_and_equal_is_only_linked(self):
        partner = self.env["res.partner"].create({"name": "Anna", "email": "anna@example.com"})
        with self.watch("res.partner", "write", "create") as calls:
            run = self.run_flow_with(self.anna)
        self.assertFalse(calls)
        self.assertEqual(self.records(self.flow), {"1": partner})
        self.assertEqual((run.created_count, run.updated_count), (0, 1))

    def run_flow_with(self, *customers):
        self.put_customers(*customers)
        return self.run_flow(self.flow, full=True)

    def test_an_archived_record_is_found(self):
        partner = self.env["res.partner"].create({"name": "Anna", "email": "anna@example.com", "active": False})
        self.receive(self.flow, self.anna)
        self.assertEqual(self.records(self.flow), {"1": partner})

    def test_two_are_never_guessed(self):
        self.env["res.partner"].create([{"name": name, "email": "anna@example.com"} for name in ("A", "B")])
        sync = self.receive(self.flow, self.anna)["1"]
        self.assertFailed(sync, "ambiguous", "2", "Email")
        self.assertFalse(self.records(self.flow))

    def test_linked_elsewhere_is_never_stolen(self):
        self.receive(self.flow, self.anna)
        syncs = self.receive(self.flow, {**self.anna, "id": 2})
        self.assertFailed(syncs["2"], "ambiguous", "Anna", "Email", "1")
        self.assertEqual(syncs["1"].state, "synced")

    def test_one_key_twice_in_a_batch(self):
        syncs = self.receive(self.flow, self.anna, {**self.anna, "id": 2, "first_name": "Anna 2"})
        self.assertEqual(sorted(sync.state for sync in syncs.values()), ["failed", "synced"])
        self.assertEqual(self.env["res.partner"].search_count([("email", "=", "anna@example.com")]), 1)

    def test_one_key_twice_with_an_existing_record(self):
        partner = self.env["res.partner"].create({"name": "Anna", "email": "anna@example.com"})
        syncs = self.receive(self.flow, self.anna, {**self.anna, "id": 2})
        self.assertEqual(sorted(sync.state for sync in syncs.values()), ["failed", "synced"])
        self.assertEqual(list(self.records(self.flow).values()), [partner])

    def test_a_blank_key_matches_nothing(self):
        self.env["res.partner"].create({"name": "No mail"})
        syncs = self.receive(
            self.flow, {"id": 1, "first_name": "X", "email": ""}, {"id": 2, "first_name": "Y", "email": None})
        self.assertEqual({sync.state for sync in syncs.values()}, {"synced"})
        self.assertEqual(len(set(self.records(self.flow).values())), 2)

    def test_all_keys_together(self):
        self.flow.rule_ids.match_key = True
        wanted, _other = self.env["res.partner"].create([
            {"name": "Anna", "email": "anna@example.com"}, {"name": "Berta", "email": "anna@example.com"}])
        self.receive(self.flow, self.anna)
        self.assertEqual(self.records(self.flow), {"1": wanted})

    def test_creating_is_not_allowed(self):
        self.flow.create_in_odoo = False
        partner = self.env["res.partner"].create({"name": "Berta", "email": "berta@example.com"})
        syncs = self.receive(self.flow, self.anna, {"id": 2, "first_name": "Berta", "email": "berta@example.com"})
        self.assertEqual(self.records(self.flow), {"2": partner})
        self.assertEqual(syncs["1"].state, "excluded")
        self.assertIn("Odoo", syncs["1"].error_message)
        self.flow.create_in_odoo = True
        self.press(syncs["1"].action_retry)
        self.assertEqual(syncs["1"].state, "synced")

    def test_filter_of_external_records(self):
        self.flow.external_filter = "role == 'customer'"
        run = self.run_flow_with({**self.anna, "role": "admin"}, {**self.anna, "id": 2, "role": "customer"})
        self.assertEqual(list(self.records(self.flow)), ["2"])
        self.assertEqual(run.excluded_count, 1)
        self.run_flow_with({**self.anna, "id": 2, "role": "admin", "first_name": "Changed"})
        self.assertEqual(self.states(self.flow), {"2": "excluded"})
        self.assertEqual(self.records(self.flow)["2"].name, "Anna")
        self.run_flow_with({**self.anna, "id": 2, "role": "customer", "first_name": "Back"})
        self.assertEqual(self.states(self.flow), {"2": "synced"})
        self.assertEqual(self.records(self.flow)["2"].name, "Back")


@tagged("post_install", "-at_install")
class TestDeleted(FlowCase):

    def setUp(self):
        super().setUp()
        self.flow = self.customer_flow()
        self.flow.resource_id.deleted_path = "deleted_at"
        self.anna = {"id": 1, "first_name": "Anna", "email": "anna@example.com", "deleted_at": None}
        self.receive(self.flow, self.anna)
        self.partner = self.records(self.flow)["1"]

    def delete_there(self):
        return self.receive(self.flow, {
            **self.anna, "deleted_at": "2026-02-01", "date_modified_gmt": "2026-02-01T10:00:00"})["1"]

    def test_nothing(self):
        sync = self.delete_there()
        self.assertEqual(sync.state, "excluded")
        self.assertTrue(self.partner.active)

    def test_archive(self):
        self.flow.delete_in_odoo = "archive"
        sync = self.delete_there()
        self.assertFalse(self.partner.active)
        self.assertEqual(self.logs(sync)[-1].outcome, "archived")

    def test_delete(self):
        self.flow.delete_in_odoo = "delete"
        sync = self.delete_there()
        self.assertFalse(self.partner.exists())
        self.assertFalse(self.records(self.flow))
        self.assertEqual((sync.state, self.logs(sync)[-1].outcome), ("excluded", "deleted"))

    def test_delete_that_odoo_refuses(self):
        self.flow.delete_in_odoo = "delete"
        self.make_user("anna", partner_id=self.partner.id)
        self.assertFailed(self.delete_there(), "constraint", "user")
        self.assertTrue(self.partner.exists())

    def test_never_seen_before(self):
        syncs = self.receive(self.flow, {"id": 2, "first_name": "B", "email": "b@example.com", "deleted_at": "2026-01-01"})
        self.assertEqual(syncs["2"].state, "excluded")
        self.assertNotIn("2", self.records(self.flow))

    def test_deleted_in_odoo(self):
        """The record was deleted in Odoo: it is not silently created again, a person decides."""
        self.partner.unlink()
        changed = {**self.anna, "first_name": "Anna B", "date_modified_gmt": "2026-02-01T10:00:00"}
        sync = self.receive(self.flow, changed)["1"]
        self.assertFailed(sync, "validation", "deleted in Odoo", str(self.partner.id))
        self.press(sync.action_retry)
        self.assertEqual(sync.state, "synced")
        self.assertEqual(self.records(self.flow)["1"].name, "Anna B")
