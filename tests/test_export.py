"""Odoo → external: what is sent, what is not, and what is remembered. See DESIGN.md, section 3."""

from odoo import Command, fields
from odoo.tests import tagged

from .export_common import CREATE, ExportCase

BATCH = {"method": "POST", "path": "customers/batch", "bulk": True, "bulk_error_path": "error"}


@tagged("post_install", "-at_install")
class TestSend(ExportCase):
    def test_create_then_only_what_changed(self):
        flow = self.out_flow(rules=[("city", "billing.city"), ("street", "billing.address_1")])
        partner = self.partner("Ann", city="Ghent", street="Main 1")
        self.work()
        self.assertEqual(self.written_calls(), [("POST", "customers", {
            "first_name": "Ann", "email": "ann@example.com", "billing": {"city": "Ghent", "address_1": "Main 1"}})])
        sync = self.assertState(flow, partner, "synced")
        link = self.env["integration.link"].search([("res_id", "=", partner.id), ("model", "=", "res.partner")])
        self.assertEqual(link.external_id, sync.external_id)
        self.assertEqual(self.shop.get(f"customers/{link.external_id}")["first_name"], "Ann")
        self.assertEqual(sync.name, "Ann")
        self.assertFalse(sync.create_sent or sync.idempotency_key or sync.due_at or sync.attempts)

        partner.city = "Bruges"
        self.work()
        self.assertEqual(
            self.written_calls(), [("PUT", f"customers/{link.external_id}", {"billing": {"city": "Bruges"}})])
        log = self.logs(sync, "updated")
        self.assertEqual(log.changes, {"city": ["Ghent", "Bruges"]})
        self.assertEqual(log.exchange_id.method, "PUT")

    def test_nothing_changed_nothing_sent(self):
        flow = self.out_flow()
        partner = self.partner("Ann")
        self.work()
        self.written_calls()
        partner.name = "Bob"
        self.env.cr.flush()
        partner.name = "Ann"
        self.work()
        self.assertEqual(self.shop.counts()["requests"], 0)
        self.assertState(flow, partner, "synced")
        self.assertEqual(self.logs(self.sync(flow, partner))[-1].outcome, "unchanged")

    def test_another_value_here_the_same_over_there(self):
        flow = self.out_flow(rules=[
            ("city", "billing.city", {"transform": "text", "text_case": "upper"})])
        partner = self.partner("Ann", city="Ghent")
        self.work()
        self.written_calls()
        partner.city = "GHENT"
        self.work()
        self.assertEqual(self.shop.counts()["requests"], 0)
        self.assertState(flow, partner, "synced")

    def test_the_whole_record(self):
        self.out_flow(rules=[("city", "billing.city")], operations=self.operations(update={"send": "all"}))
        partner = self.partner("Ann", city="Ghent")
        self.work()
        self.written_calls()
        partner.city = "Bruges"
        self.work()
        self.assertEqual([body for _method, _target, body in self.written_calls("PUT")], [
            {"first_name": "Ann", "email": "ann@example.com", "billing": {"city": "Bruges"}}])

    def test_a_blank_value(self):
        self.out_flow(rules=[("city", "billing.city", {"blank_as": "empty"})])
        partner = self.partner("Ann", city="Ghent")
        self.work()
        self.written_calls()
        partner.city = False
        self.work()
        self.assertEqual([body for *_call, body in self.written_calls()], [{"billing": {"city": ""}}])

    def test_records_that_may_not_be_created_there(self):
        flow = self.out_flow(create_in_external=False)
        partner = self.partner("Ann")
        self.work()
        self.assertEqual(self.shop.counts()["requests"], 0)
        self.assertIn("may not create", self.assertState(flow, partner, "excluded").error_message)

    def test_several_calls_at_once(self):
        self.connection.parallel_calls = 3
        flow = self.out_flow()
        self.partners(12)
        self.shop.settings(latency_ms=60)
        self.work()
        counts = self.shop.counts()
        self.assertEqual(counts["creates"]["customers"]["total"], 12)
        self.assertEqual(counts["max_parallel"], 3)
        self.assertEqual(set(self.env["integration.sync"].search([("flow_id", "=", flow.id)]).mapped("state")), {"synced"})

    def test_rate_of_our_own(self):
        self.connection.write({"rate_calls": 4, "rate_period": 0.5, "parallel_calls": 8})
        self.out_flow()
        self.partners(9)
        self.shop.clear_counts()
        self.work()
        times = sorted(call["at"] for call in self.shop.requests())
        self.assertEqual(len(times), 9)
        self.assertGreaterEqual(times[4] - times[0], 0.45)
        self.assertGreaterEqual(times[8] - times[4], 0.45)

    def test_related_record_waits_and_resumes(self):
        customers = self.out_flow(timing="manual")
        self.shop.create("products", {"name": "Lamp", "sku": "LAMP", "regular_price": "10"})
        orders = self.order_flow()
        self.add_rules(orders, [{
            "kind": "relation", "odoo_path": "partner_id", "external_path": "customer_id", "owner": "odoo",
            "relation_flow_id": customers.id, "sequence": 99}])
        order = self.order()
        order.partner_id.write({"email": "buyer@example.com", "ref": "X-buyer"})
        self.shop.clear_counts()
        self.work()
        sync = self.assertState(orders, order, "waiting", "parent_missing")
        self.assertIn("Buyer", sync.error_message)
        self.assertEqual(self.written_calls(), [])
        customers.action_sync_now()
        self.work()
        self.assertState(orders, order, "synced")
        customer_id = self.records(customers) and int(self.sync(customers, order.partner_id).external_id)
        calls = {target: body for _method, target, body in self.written_calls()}
        self.assertEqual(calls["orders"]["customer_id"], customer_id, "the shop's number of the customer, as a number")

    def test_lines(self):
        self.shop.create("products", {"name": "Lamp", "sku": "LAMP", "regular_price": "10"})
        flow = self.order_flow()
        order = self.order()
        line = order.order_line
        self.work()
        self.assertEqual([body["line_items"] for *_call, body in self.written_calls()], [
            [{"sku": "LAMP", "name": line.name, "quantity": 3.0}]])
        self.assertState(flow, order, "synced")
        [there] = self.shop.dump("orders")
        self.assertEqual(len(there["line_items"]), 1)
        line_id = there["line_items"][0]["id"]

        line.product_uom_qty = 4
        self.work()
        [(_method, _target, body)] = self.written_calls()
        self.assertEqual(body["line_items"], [{"id": line_id, "sku": "LAMP", "name": line.name, "quantity": 4.0}])
        added = self.env["sale.order.line"].create({"order_id": order.id, "product_id": self.lamp.id})
        self.work()
        self.written_calls()
        added.product_uom_qty = 7
        self.work()
        self.assertState(flow, order, "synced")
        [there] = self.shop.dump("orders")
        self.assertEqual([item["quantity"] for item in there["line_items"]], [4, 7], "each line keeps its own")
        self.written_calls()
        order.note = "no rule looks at this"
        self.work()
        self.assertEqual(self.written_calls(), [])

    def test_lookups(self):
        self.out_flow(rules=[("country_id", "billing.country", {"transform": "country"})])
        self.partner("Ann", country_id=self.env.ref("base.be").id)
        self.work()
        self.assertEqual(self.written_calls()[0][2]["billing"], {"country": "BE"})

    def test_value_map(self):
        value_map = self.env["integration.value.map"].create({"name": "Kinds", "line_ids": [
            Command.create({"external_value": "biz", "odoo_value": "Buyer"})]})
        flow = self.out_flow(rules=[
            ("function", "billing.company", {"transform": "value_map", "value_map_id": value_map.id})])
        buyer, chef = self.partner("Ann", function="Buyer"), self.partner("Bob", function="Chef")
        self.work()
        self.assertState(flow, buyer, "synced")
        sync = self.assertState(flow, chef, "failed", "unmapped")
        self.assertIn("Chef", sync.error_message)
        self.assertEqual(len(self.written_calls()), 1)

    def test_required(self):
        flow = self.out_flow(rules=[("vat", "billing.company", {"required": True})])
        good, bad = self.partner("Ann", vat="BE0477472701"), self.partner("Bob")
        self.work()
        self.assertState(flow, good, "synced")
        sync = self.assertState(flow, bad, "failed", "validation")
        self.assertIn("required", sync.error_message)
        bad.vat = "BE0477472701"
        self.work()
        self.assertState(flow, bad, "synced")

    def test_an_expression_that_fails_for_one_record(self):
        flow = self.out_flow(rules=[
            ("city", "billing.city", {"transform": "expression", "expression_export": "value.upper()"})])
        good, bad = self.partner("Ann", city="Ghent"), self.partner("Bob")
        self.work()
        self.assertState(flow, good, "synced")
        self.assertState(flow, bad, "failed", "mapping")

    def test_what_the_users_flow_must_not_see_stays_here(self):
        user = self.make_user("flow.user", groups="base.group_user,base.group_partner_manager")
        self.env["ir.rule"].create({
            "name": "Secrets", "model_id": self.env["ir.model"]._get_id("res.partner"),
            "domain_force": "[('name', '!=', 'Secret')]"})
        for domain in ("[]", "[('ref', '=like', 'X%')]"):
            with self.subTest(domain=domain):
                flow = self.out_flow(user_id=user.id, domain=domain, name=domain)
                good, bad = self.partner("Ann", login=f"ann{flow.id}"), self.partner("Secret")
                self.work()
                self.assertState(flow, good, "synced")
                self.assertState(flow, bad, "excluded")
                flow.state = "draft"

    def test_no_right_to_the_model(self):
        user = self.make_user("flow.user", groups="base.group_portal")
        flow = self.out_flow()
        self.env.cr.execute("UPDATE integration_flow SET user_id = %s WHERE id = %s", [user.id, flow.id])
        self.env.invalidate_all()
        partner = self.partner("Ann")
        self.env["ir.model.access"].search([("model_id.model", "=", "res.partner")]).unlink()
        with self.assertLogs("odoo.addons.integration_flow.engine.persistence", "ERROR"):
            self.work()
        self.assertIn("may not", self.assertState(flow, partner, "failed", "access").error_message)


@tagged("post_install", "-at_install")
class TestBulk(ExportCase):
    def bulk_flow(self, **vals):
        operations = self.operations("list", "read", "delete")
        operations["create"] = {**BATCH, "bulk_path": "create", "bulk_result_path": "create", "bulk_limit": 4}
        operations["update"] = {
            **BATCH, "bulk_path": "update", "bulk_result_path": "update", "bulk_id_path": "id", "bulk_limit": 4}
        return self.out_flow(operations=operations, **vals)

    def test_created_and_updated_together(self):
        flow = self.bulk_flow(rules=[("city", "billing.city")])
        partners = self.partners(6, city="Ghent")
        self.work()
        calls = self.written_calls()
        self.assertEqual(sorted((method, target, len(body["create"])) for method, target, body in calls),
                         [("POST", "customers/batch", 2), ("POST", "customers/batch", 4)])
        records = self.records(flow)
        self.assertEqual({record.id for record in records.values()}, set(partners.ids))
        for external_id, record in records.items():
            self.assertEqual(self.shop.get(f"customers/{external_id}")["email"], record.email, "each got its own")
        partners[:2].city = "Bruges"
        self.work()
        [(_method, _target, body)] = self.written_calls()
        self.assertCountEqual(body["update"], [
            {"id": int(self.sync(flow, partner).external_id), "billing": {"city": "Bruges"}} for partner in partners[:2]])

    def test_one_bad_the_others_land(self):
        flow = self.bulk_flow()
        partners = self.partners(5)
        partners[2].email = "not an address"
        self.work()
        for partner in partners - partners[2]:
            self.assertState(flow, partner, "synced")
        sync = self.assertState(flow, partners[2], "failed", "validation")
        self.assertIn("email", sync.error_message)
        self.assertFalse(sync.create_sent, "refused: nothing was created")
        partners[2].email = "p2@example.com"
        self.work()
        self.assertState(flow, partners[2], "synced")
        self.assertEqual(self.shop.counts()["creates"]["customers"]["total"], 5)

    def test_the_whole_call_fails(self):
        flow = self.bulk_flow()
        partners = self.partners(3)
        self.shop.fault("status", status=503, times=1)
        self.work()
        for partner in partners:
            self.assertState(flow, partner, "waiting", "server")
        self.make_due(flow)
        self.work()
        for partner in partners:
            self.assertState(flow, partner, "synced")
        self.assertEqual(self.shop.counts()["creates"]["customers"]["total"], 3)

    def test_lost_answer_of_many(self):
        """Nothing can tell which of them were created: a person decides."""
        flow = self.bulk_flow()
        partners = self.partners(3)
        self.shop.fault("cut_after", times=1)
        self.work()
        for partner in partners:
            self.assertState(flow, partner, "unknown", "timeout")
        self.assertEqual(self.shop.counts()["creates"]["customers"]["total"], 3, "sent once")


@tagged("post_install", "-at_install")
class TestFindFirst(ExportCase):
    """Before a create the other system is asked whether it knows the record already."""

    KINDS = ("list", "find", "read", "create", "update", "delete")

    def test_found_and_linked(self):
        flow = self.out_flow(operations=self.operations(*self.KINDS), rules=[("city", "billing.city")])
        self.put_customers({"id": 7, "email": "ann@example.com", "first_name": "Ann", "billing": {"city": "Mons"}})
        partner = self.partner("Ann", city="Ghent")
        self.work()
        self.assertEqual(self.written_calls(), [("PUT", "customers/7", {"billing": {"city": "Ghent"}})])
        sync = self.assertState(flow, partner, "synced")
        self.assertEqual(sync.external_id, "7")
        self.assertEqual(self.logs(sync).mapped("outcome"), ["linked", "updated"])

    def test_found_and_equal(self):
        flow = self.out_flow(operations=self.operations(*self.KINDS))
        self.put_customers({"id": 7, "email": "ann@example.com", "first_name": "Ann"})
        partner = self.partner("Ann")
        self.work()
        self.assertEqual(self.written_calls(), [])
        self.assertState(flow, partner, "synced")

    def test_not_found_and_created(self):
        flow = self.out_flow(operations=self.operations(*self.KINDS))
        self.put_customers({"id": 7, "email": "other@example.com"})
        partner = self.partner("Ann")
        self.work()
        self.assertEqual([call[:2] for call in self.written_calls()], [("POST", "customers")])
        self.assertState(flow, partner, "synced")

    def test_no_match_value_to_ask_by(self):
        flow = self.out_flow(operations=self.operations(*self.KINDS), rules=[])
        partner = self.partner("Ann")
        partner.email = False
        self.work()
        sync = self.assertState(flow, partner, "failed", "validation")
        self.assertIn("email", sync.error_message, "the shop's own words about the create")

    def test_found_twice_is_never_guessed(self):
        flow = self.out_flow(operations=self.operations(*self.KINDS))
        self.put_customers({"id": 7, "email": "ann@example.com"}, {"id": 8, "email": "ANN@example.com"})
        partner = self.partner("Ann")
        self.work()
        sync = self.assertState(flow, partner, "failed", "ambiguous")
        self.assertIn("2 records", sync.error_message)

    def test_a_search_that_finds_too_much(self):
        """Full-text searches find similar records: only the one with the same key is meant."""
        find = {"query": {"search": "{value}"}}
        flow = self.out_flow(operations=self.operations(*self.KINDS, find=find))
        self.put_customers(
            {"id": 7, "email": "joann@example.com", "first_name": "ann@example.com"},
            {"id": 8, "email": "ann@example.com", "first_name": "Ann"})
        partner = self.partner("Ann")
        self.work()
        self.assertEqual(self.assertState(flow, partner, "synced").external_id, "8")
        other = self.partner("Bob", login="joan")
        self.work()
        self.assertNotIn(self.assertState(flow, other, "synced").external_id, ("7", "8"))

    def test_found_but_linked_to_another_record(self):
        flow = self.out_flow(operations=self.operations(*self.KINDS))
        first = self.partner("Ann")
        self.work()
        second = self.partner("Twin", login="ann")
        self.work()
        sync = self.assertState(flow, second, "failed", "ambiguous")
        self.assertIn("Ann", sync.error_message)
        self.assertState(flow, first, "synced")
        self.assertEqual(self.shop.counts()["creates"]["customers"]["total"], 1)

    def test_two_records_find_the_same_at_once(self):
        flow = self.out_flow(operations=self.operations(*self.KINDS))
        self.put_customers({"id": 7, "email": "ann@example.com"})
        first, second = self.partner("Ann"), self.partner("Twin", login="ann")
        self.work()
        states = sorted([self.sync(flow, first).state, self.sync(flow, second).state])
        self.assertEqual(states, ["failed", "synced"])

    def test_create_answers_with_a_record_that_is_linked(self):
        """Some systems answer a create with the record they have already."""
        flow = self.out_flow(rules=[])
        first = self.partner("Ann")
        self.work()
        external_id = int(self.sync(flow, first).external_id)
        second = self.partner("Bob")
        self.shop.fault("status", status=201, body={"id": external_id, "email": "ann@example.com"}, method="POST")
        self.work()
        self.assertState(flow, second, "failed", "ambiguous")
        self.assertState(flow, first, "synced")

    def test_two_way_linking_merges(self):
        """Found in a two-way flow: the importer merges both sides by owner, then Odoo's share is sent."""
        flow = self.out_flow(
            operations=self.operations(*self.KINDS), direction="both", rules=[
                ("city", "billing.city", {"owner": "external"}), ("street", "billing.address_1", {"owner": "odoo"})])
        self.put_customers({
            "id": 7, "email": "ann@example.com", "first_name": "Ann", "billing": {"city": "Mons", "address_1": "Old 1"}})
        partner = self.partner("Ann", city="Ghent", street="Main 1")
        self.work()
        self.assertState(flow, partner, "synced")
        self.assertEqual(partner.city, "Mons")
        self.assertEqual(self.written_calls(), [("PUT", "customers/7", {"billing": {"address_1": "Main 1"}})])

    def test_the_same_record_waits_as_an_import(self):
        """The external record is stored but not yet processed when the export finds it: one sync record stays."""
        flow = self.out_flow(operations=self.operations(*self.KINDS), direction="both")
        self.put_customers({"id": 7, "email": "ann@example.com", "first_name": "Ann"})
        flow.state = "paused"
        partner = self.partner("Ann")
        self.work()
        flow.state = "test"
        self.env["integration.sync"].search([("flow_id", "=", flow.id)]).priority = -5
        self.run_flow(flow, full=True)
        self.assertEqual(len(self.env["integration.sync"].search([("flow_id", "=", flow.id)])), 1)
        sync = self.assertState(flow, partner, "synced")
        self.assertEqual(sync.external_id, "7")
        self.assertEqual(self.written_calls(), [])


@tagged("post_install", "-at_install")
class TestLeave(ExportCase):
    """Deleted records, and records that leave the filter."""

    def test_deleted_here_and_there(self):
        flow = self.out_flow(delete_in_external="delete")
        partner = self.partner("Ann")
        self.work()
        sync = self.sync(flow, partner)
        external_id = sync.external_id
        self.written_calls()
        partner.unlink()
        self.work()
        self.assertEqual(self.written_calls(), [("DELETE", f"customers/{external_id}?force=true", None)])
        self.assertEqual(sync.state, "excluded")
        self.assertEqual(self.logs(sync)[-1].outcome, "deleted")
        self.assertFalse(self.records(flow), "the link is forgotten")

    def test_already_gone_there(self):
        flow = self.out_flow(delete_in_external="delete")
        partner = self.partner("Ann")
        self.work()
        sync = self.sync(flow, partner)
        self.shop.delete("customers", int(sync.external_id))
        partner.unlink()
        self.work()
        self.assertEqual(sync.state, "excluded")

    def test_nothing_is_done_there(self):
        flow = self.out_flow()
        partner = self.partner("Ann")
        self.work()
        sync = self.sync(flow, partner)
        self.written_calls()
        partner.unlink()
        self.work()
        self.assertEqual(self.written_calls(), [])
        self.assertEqual(sync.state, "excluded")
        self.assertFalse(self.records(flow))

    def test_delete_fails_and_is_repeated(self):
        flow = self.out_flow(delete_in_external="delete")
        partner = self.partner("Ann")
        self.work()
        sync = self.sync(flow, partner)
        partner.unlink()
        self.shop.fault("timeout_after", seconds=0.1, method="DELETE")
        self.work()
        self.assertEqual(sync.state, "waiting")
        self.make_due(flow)
        self.work()
        self.assertEqual(sync.state, "excluded", "deleted by the first call: 404 is fine")

    def test_deleted_before_it_left(self):
        flow = self.out_flow(delete_in_external="delete")
        partner = self.partner("Ann")
        self.hold(self.connection)
        self.work()
        partner.unlink()
        self.env.cr.flush()
        flow.state = "test"
        self.work()
        self.assertEqual(self.shop.counts()["requests"], 0)
        self.assertEqual(self.env["integration.sync"].search([("flow_id", "=", flow.id)]).state, "excluded")

    def test_leaving_and_entering_the_filter(self):
        flow = self.out_flow(rules=[("city", "billing.city")])
        partner = self.partner("Ann", city="Ghent")
        self.work()
        self.written_calls()
        partner.write({"ref": "no more", "city": "Bruges"})
        self.work()
        self.assertState(flow, partner, "excluded")
        self.assertEqual(self.written_calls(), [], "what left the filter is left alone")
        partner.ref = "X-again"
        self.work()
        self.assertState(flow, partner, "synced")
        self.assertEqual([body for *_call, body in self.written_calls()], [{"billing": {"city": "Bruges"}}])

    def test_archived(self):
        flow = self.out_flow(domain="[('ref', '=like', 'X%'), ('active', '=', True)]")
        partner = self.partner("Ann")
        self.work()
        partner.active = False
        self.work()
        self.assertState(flow, partner, "excluded")


@tagged("post_install", "-at_install")
class TestBothWays(ExportCase):
    """Changes on both sides between two looks: merged by owner, never overwritten in silence."""

    def merging_flow(self, **vals):
        return self.out_flow(direction="both", read_before_write=True, rules=[
            ("city", "billing.city", {"owner": "external"}),
            ("street", "billing.address_1", {"owner": "odoo"}),
            ("street2", "billing.address_2", {"owner": "newest"}),
            ("phone", "billing.phone", {"owner": "ask"}),
        ], **vals)

    def started(self):
        flow = self.merging_flow()
        self.receive(flow, {
            "id": 1, "email": "ann@example.com", "first_name": "Ann", "date_modified_gmt": "2026-01-01T10:00:00",
            "billing": {"city": "Ghent", "address_1": "Main 1", "address_2": "", "phone": "100"}})
        partner = self.records(flow)["1"]
        partner.ref = "X-1"
        partner.street = "Main 1"
        self.work()
        self.shop.touch("customers", ids=[1], changes={"billing": {"address_1": "Main 1"}})
        self.run_flow(flow, full=True)
        self.assertState(flow, partner, "synced")
        self.written_calls()
        return flow, partner

    def test_changed_there_meanwhile(self):
        flow, partner = self.started()
        self.shop.touch("customers", ids=[1], changes={"billing": {"city": "Mons"}})
        partner.street = "Main 2"
        self.work()
        self.assertState(flow, partner, "synced")
        self.assertEqual(partner.city, "Mons", "their change arrived before ours left")
        self.assertEqual(self.written_calls(), [("PUT", "customers/1", {"billing": {"address_1": "Main 2"}})])
        there = self.shop.get("customers/1")["billing"]
        self.assertEqual((there["city"], there["address_1"]), ("Mons", "Main 2"))

    def test_ask_is_a_conflict_and_the_rest_flows(self):
        flow, partner = self.started()
        self.shop.touch("customers", ids=[1], changes={"billing": {"phone": "200", "city": "Mons"}})
        partner.write({"phone": "300", "street": "Main 3"})
        self.work()
        sync = self.assertState(flow, partner, "conflict")
        self.assertEqual(set(sync.conflicts), {"phone"})
        self.assertIn("Phone", sync.error_message)
        self.assertEqual((partner.city, partner.phone), ("Mons", "300"))
        there = self.shop.get("customers/1")["billing"]
        self.assertEqual((there["address_1"], there["phone"]), ("Main 3", "200"), "the conflict waits, the rest went")
        # Later changes of other fields flow on while the conflict waits.
        partner.street = "Main 4"
        self.work()
        self.assertState(flow, partner, "conflict")
        self.assertEqual(self.shop.get("customers/1")["billing"]["address_1"], "Main 4")
        self.shop.touch("customers", ids=[1], changes={"billing": {"city": "Namur"}})
        self.run_flow(flow, full=True)
        self.assertEqual(partner.city, "Namur")
        self.assertState(flow, partner, "conflict")

    def test_conflict_decided_for_odoo(self):
        flow, partner = self.started()
        self.shop.touch("customers", ids=[1], changes={"billing": {"phone": "200"}})
        partner.phone = "300"
        self.work()
        sync = self.assertState(flow, partner, "conflict")
        self.press(sync.action_keep_odoo)
        self.assertState(flow, partner, "synced")
        self.assertEqual((partner.phone, self.shop.get("customers/1")["billing"]["phone"]), ("300", "300"))

    def test_conflict_decided_for_the_other_system(self):
        flow, partner = self.started()
        self.shop.touch("customers", ids=[1], changes={"billing": {"phone": "200"}})
        partner.phone = "300"
        self.work()
        sync = self.assertState(flow, partner, "conflict")
        self.press(sync.action_take_external)
        self.assertState(flow, partner, "synced")
        self.assertEqual((partner.phone, self.shop.get("customers/1")["billing"]["phone"]), ("200", "200"))

    def test_newest_wins_and_the_loser_is_logged(self):
        flow, partner = self.started()
        partner.street2 = "ours"
        self.env.cr.flush()
        self.env.cr.execute("UPDATE integration_capture SET captured_at = '2026-01-02' WHERE flow_id = %s", [flow.id])
        self.shop.touch("customers", ids=[1], changes={"billing": {"address_2": "theirs"}})
        self.work()
        self.assertState(flow, partner, "synced")
        self.assertEqual(partner.street2, "theirs")
        overruled = self.logs(self.sync(flow, partner), "overruled")
        self.assertEqual(overruled.changes["street2"][:2], ["ours", "theirs"])

    def test_what_the_other_system_owns_is_put_back(self):
        flow, partner = self.started()
        partner.city = "Liège"
        self.work()
        self.assertEqual(partner.city, "Ghent")
        self.assertState(flow, partner, "synced")
        self.assertEqual(self.written_calls(), [])
        self.assertTrue(self.logs(self.sync(flow, partner), "overruled"), "nothing is dropped in silence")

    def test_gone_there(self):
        flow, partner = self.started()
        self.shop.delete("customers", 1)
        partner.street = "Main 2"
        self.work()
        sync = self.assertState(flow, partner, "failed", "validation")
        self.assertTrue(sync.error_hint)


@tagged("post_install", "-at_install")
class TestTiming(ExportCase):
    """When captured changes leave."""

    def test_manual_flow_waits_for_its_button(self):
        flow = self.out_flow(timing="manual")
        partner = self.partner("Ann")
        self.work()
        self.assertState(flow, partner, "pending")
        self.assertEqual(self.written_calls(), [])
        flow.action_sync_now()
        self.work()
        self.assertState(flow, partner, "synced")
        run = flow.last_run_id
        self.assertEqual((run.trigger, run.state, run.created_count, run.call_count), ("button", "done", 1, 1))

    def test_scheduled_flow_waits_for_its_time(self):
        flow = self.out_flow(timing="scheduled")
        flow._schedule_next()
        partner = self.partner("Ann")
        self.work()
        self.assertState(flow, partner, "pending")
        flow.next_run_at = fields.Datetime.subtract(fields.Datetime.now(), minutes=1)
        self.work()
        self.assertState(flow, partner, "synced")
        self.assertGreater(flow.next_run_at, fields.Datetime.now())
        self.assertEqual(flow.last_run_id.state, "done")

    def test_export_all_looks_at_every_record(self):
        flow = self.out_flow(state="draft")
        partners = self.partners(3)
        flow.action_test_mode()
        flow.action_export_all()
        self.work()
        self.assertEqual(len(self.written_calls("POST")), 3)
        self.press(flow.action_export_all)
        self.work()
        self.assertEqual(self.written_calls(), [], "nothing changed")
        syncs = self.env["integration.sync"].search([("res_id", "in", partners.ids)])
        self.assertEqual(set(syncs.mapped("state")), {"synced"})

    def test_after_a_deletion_there_a_new_create_is_a_new_one(self):
        """The idempotency key belongs to one create, not to the record."""
        flow = self.out_flow(delete_in_external="delete", operations={**self.operations(), "create": CREATE})
        partner = self.partner("Ann")
        self.work()
        external_id = self.sync(flow, partner).external_id
        self.shop.delete("customers", int(external_id))
        self.env["integration.link"].search([("res_id", "=", partner.id)]).unlink()
        self.sync(flow, partner).agreed = False
        partner.name = "Anne"
        self.work()
        sync = self.assertState(flow, partner, "synced")
        self.assertNotEqual(sync.external_id, external_id)
        self.assertEqual(self.shop.get(f"customers/{sync.external_id}")["first_name"], "Anne")
