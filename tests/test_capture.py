"""Business writes are captured in their own transaction, once for each record, and only those that a flow watches."""

from odoo import Command
from odoo.tests import tagged

from odoo.addons.integration_flow.engine import capture

from .export_common import ExportCase


class CaptureCase(ExportCase):
    def captured(self, flow=None):
        """``{(record id, operation)}`` of what was captured since the last look."""
        self.env.cr.flush()
        self.env.cr.execute(
            "DELETE FROM integration_capture WHERE flow_id = ANY(%s) RETURNING res_id, operation",
            [flow.ids if flow else self.env["integration.flow"].search([]).ids])
        return {(res_id, operation) for res_id, operation in self.env.cr.fetchall()}

    def written(self, flow=None):
        """Ids of records that were captured as written."""
        return {res_id for res_id, operation in self.captured(flow) if operation == "write"}


@tagged("post_install", "-at_install")
class TestCapture(CaptureCase):
    def test_created_written_and_deleted(self):
        flow = self.out_flow()
        partner = self.partner("Ann")
        self.assertEqual(self.captured(flow), {(partner.id, "write")})
        partner.name = "Anne"
        self.assertEqual(self.captured(flow), {(partner.id, "write")})
        partner.comment = "no rule looks at this"
        self.assertEqual(self.captured(flow), set())
        partner_id = partner.id
        partner.unlink()
        self.assertEqual(self.captured(flow), {(partner_id, "unlink")})

    def test_archiving_is_a_change(self):
        flow = self.out_flow()
        partner = self.partner("Ann")
        self.captured()
        partner.active = False
        self.assertEqual(self.written(flow), {partner.id})

    def test_created_and_deleted_at_once(self):
        flow = self.out_flow()
        partner = self.partner("Ann")
        partner_id = partner.id
        partner.unlink()
        self.assertEqual(self.captured(flow), {(partner_id, "unlink")})

    def test_stored_computed_field(self):
        """commercial_company_name is computed from the parent's name and stored."""
        flow = self.out_flow(rules=[("commercial_company_name", "billing.company")])
        company = self.env["res.partner"].create({"name": "Deco", "is_company": True})
        partner = self.partner("Ann", parent_id=company.id)
        self.captured()
        company.name = "Deco Ltd"
        self.assertEqual(self.written(flow), {partner.id})

    def test_field_that_is_not_stored_follows_what_it_is_computed_from(self):
        """A variant's name stands on its template, which no rule names."""
        flow = self.make_flow(
            "product.product", [("name", "name"), ("default_code", "sku")], "products", direction="export",
            timing="live", create_in_external=True, domain="[('default_code', '=like', 'X-%')]", state="test",
            operations={"create": {"method": "POST", "path": "products"}})
        template = self.env["product.template"].create({"name": "Lamp", "default_code": "X-1"})
        variant = template.product_variant_id
        self.captured()
        template.name = "Green lamp"
        self.assertEqual(self.written(flow), {variant.id})
        variant.name = "Blue lamp"
        self.assertEqual(self.written(flow), {variant.id})

    def test_many2many_from_both_sides(self):
        flow = self.out_flow(rules=[("category_id", "tags", {"transform": "join"})])
        partner, other = self.partner("Ann"), self.partner("Bob")
        tag = self.env["res.partner.category"].create({"name": "Gold"})
        self.captured()
        partner.category_id = [Command.link(tag.id)]
        self.assertEqual(self.written(flow), {partner.id})
        tag.partner_ids = [Command.link(other.id)]
        self.assertEqual(self.written(flow), {partner.id, other.id}, "who had the tag, and who has it now")
        tag.partner_ids = [Command.unlink(other.id)]
        self.assertIn(other.id, self.written(flow), "who has lost the tag")
        tag.unlink()
        self.assertEqual(self.written(flow), {partner.id})

    def test_stored_computed_many2many(self):
        """Taxes of a sale order line are computed from its product and stored in a relation table."""
        flow = self.order_flow(children=[("product_id", "sku"), ("tax_ids", "taxes", {"transform": "join"})])
        order = self.order()
        self.captured()
        order.order_line.tax_ids = [Command.clear()]
        self.captured()
        self.env.add_to_compute(order.order_line._fields["tax_ids"], order.order_line)
        self.assertEqual(self.written(flow), {order.id})

    def test_dotted_path(self):
        flow = self.out_flow(rules=[
            ("country_id.code", "billing.country"), ("parent_id.vat", "billing.company")])
        company = self.env["res.partner"].create({"name": "Deco", "is_company": True})
        partner = self.partner("Ann", parent_id=company.id)
        self.captured()
        company.vat = "BE0477472701"
        self.assertEqual(self.written(flow), {partner.id})
        partner.parent_id = False
        self.assertEqual(self.written(flow), {partner.id})
        company.vat = False
        self.assertEqual(self.written(flow), set(), "nothing leads from the partner to the company any more")

    def test_lines_capture_their_document(self):
        flow = self.order_flow()
        order, other = self.order(), self.order()
        self.captured()
        order.order_line.product_uom_qty = 5
        self.assertEqual(self.written(flow), {order.id}, "a changed line")
        self.env["sale.order.line"].create({"order_id": order.id, "product_id": self.lamp.id, "product_uom_qty": 2})
        self.assertEqual(self.written(flow), {order.id}, "an added line")
        order.order_line[0].unlink()
        self.assertEqual(self.written(flow), {order.id}, "a removed line")
        order.order_line[0].customer_lead = 7
        self.assertEqual(self.written(flow), set(), "a field of the line that no rule looks at")
        self.lamp.default_code = "LAMP-2"
        self.assertEqual(self.written(flow), {order.id, other.id}, "a related record of the lines")

    def test_a_line_that_moves_changes_both_documents(self):
        flow = self.order_flow()
        order, other = self.order(), self.order()
        self.captured()
        order.order_line.order_id = other.id
        self.assertEqual(self.written(flow), {order.id, other.id})

    def test_any_number_of_writes_is_one_pending_record(self):
        flow = self.out_flow()
        partner = self.partner("Ann")
        for number in range(20):
            partner.name = f"Ann {number}"
            self.env.cr.flush()
        self.hold(self.connection)
        self.work()
        syncs = self.env["integration.sync"].search([("flow_id", "=", flow.id)])
        self.assertEqual([(sync.res_id, sync.state) for sync in syncs], [(partner.id, "pending")])

    def test_rollback_leaves_nothing(self):
        flow = self.out_flow()
        kept = self.partner("Ann")
        self.env.cr.flush()
        with self.assertRaisesRegex(ValueError, "undone"), self.env.cr.savepoint():
            self.partner("Bob")
            kept.name = "Anne"
            self.env.cr.flush()
            raise ValueError("undone")
        with self.assertRaisesRegex(ValueError, "undone"), self.env.cr.savepoint():
            self.partner("Carl")  # not even flushed
            raise ValueError("undone")
        self.assertEqual(self.captured(flow), {(kept.id, "write")}, "what came before the savepoint stays")
        kept.name = "Annette"
        self.assertEqual(self.captured(flow), {(kept.id, "write")}, "capture goes on after a savepoint")

    def test_outside_of_the_domain(self):
        flow = self.out_flow()
        stranger = self.env["res.partner"].create({"name": "Zoe"})
        stranger.name = "Zoé"
        self.assertEqual(self.captured(flow), set())
        stranger.ref = "X-9"
        self.assertEqual(self.written(flow), {stranger.id}, "comes into the domain")

    def test_leaving_the_domain_is_captured_once(self):
        flow = self.out_flow()
        partner = self.partner("Ann")
        self.work()
        partner.ref = "gone"
        self.assertEqual(self.written(flow), {partner.id})
        partner.ref = "X-1"
        self.env.cr.flush()
        self.work()
        partner.ref = "gone"
        self.work()
        self.assertEqual(self.sync(flow, partner).state, "excluded")
        partner.name = "Anne"
        self.assertEqual(self.written(flow), set(), "excluded: nobody asks again")

    def test_states_of_the_flow(self):
        flow = self.out_flow(state="draft")
        partner = self.partner("Ann")
        self.assertEqual(self.captured(), set(), "a draft")
        flow.state = "test"
        partner.name = "Anne"
        self.assertEqual(self.written(flow), {partner.id}, "a flow in test")
        flow.action_pause()
        partner.name = "Annette"
        self.assertEqual(self.written(flow), {partner.id}, "a paused flow goes on collecting")
        flow.action_draft()
        partner.name = "Ann"
        self.assertEqual(self.captured(), set(), "a draft again")
        flow.state = "test"
        flow.active = False
        partner.name = "Anne"
        self.assertEqual(self.captured(), set(), "an archived flow")

    def test_configuration_changes_count_at_once(self):
        flow = self.out_flow()
        partner = self.partner("Ann")
        self.captured()
        partner.city = "Ghent"
        self.assertEqual(self.captured(), set())
        rule = self.add_rules(flow, [{"odoo_path": "city", "external_path": "billing.city", "sequence": 99}])
        partner.city = "Bruges"
        self.assertEqual(self.written(flow), {partner.id}, "a new rule")
        rule.odoo_path = "street"
        partner.city = "Mons"
        self.assertEqual(self.captured(), set(), "a changed rule")
        partner.street = "Rue Haute"
        self.assertEqual(self.written(flow), {partner.id}, "a changed rule")
        flow.domain = "[('ref', '=', 'other')]"
        partner.name = "Anne"
        self.assertEqual(self.captured(), set(), "a changed domain")
        flow.domain = "[]"
        flow.unlink()
        partner.name = "Annette"
        self.env.cr.flush()
        self.env.cr.execute("SELECT count(*) FROM integration_capture")
        self.assertEqual(self.env.cr.fetchone()[0], 0)

    def test_other_models_pay_nothing(self):
        country = self.env["res.country"].create({"name": "Nowhere", "code": "XN"})

        def write():
            country.name = f"{country.name}."
            self.env.cr.flush()

        def queries():
            write()
            before = self.env.cr.sql_log_count
            write()
            return self.env.cr.sql_log_count - before

        without = queries()
        self.out_flow()
        self.assertEqual(queries(), without)

    def test_a_live_write_costs_two_statements(self):
        self.out_flow(domain="[]", rules=[("function", "billing.company")])
        partner = self.partner("Ann")
        partner.function = "warm"
        self.env.cr.flush()
        before = self.env.cr.sql_log_count
        partner.comment = "not watched"
        self.env.cr.flush()
        plain = self.env.cr.sql_log_count - before
        before = self.env.cr.sql_log_count
        partner.function = "Buyer"
        self.env.cr.flush()
        # The row of the outbox and the trigger of the worker.
        self.assertLessEqual(self.env.cr.sql_log_count - before, plain + 2)

    def test_a_domain_that_no_longer_works_stops_no_user(self):
        flow = self.out_flow()
        self.env.cr.execute("UPDATE integration_flow SET domain = %s WHERE id = %s", ["[('no_field', '=', 1)]", flow.id])
        flow.invalidate_recordset()
        self.env.registry.clear_cache("stable")
        with self.assertLogs("odoo.addons.integration_flow.engine.capture", "WARNING"):
            partner = self.partner("Ann")
            self.env.cr.flush()
        self.assertEqual(self.written(flow), {partner.id})

    def test_during_installation_nothing_is_captured(self):
        flow = self.out_flow()
        self.patch(self.registry, "ready", False)
        partner = self.partner("Ann")
        partner.name = "Anne"
        partner.category_id = [Command.create({"name": "Gold"})]
        partner.unlink()
        self.assertEqual(self.captured(flow), set())

    def test_no_table_yet(self):
        """While this addon itself is being installed, writes of other modules find no table."""
        self.env.cr.execute("ALTER TABLE integration_flow RENAME TO integration_flow_away")
        self.assertEqual(capture.build_watch_map(self.env, ("live",)), {})
        self.env.cr.execute("ALTER TABLE integration_flow_away RENAME TO integration_flow")


@tagged("post_install", "-at_install")
class TestOrigin(CaptureCase):
    """What an import writes is not sent back to where it came from, but on to others."""

    def test_import_does_not_echo(self):
        flow = self.out_flow(direction="both", domain="[]", rules=[("city", "billing.city", {"owner": "ask"})])
        self.receive(flow, {"id": 1, "email": "ann@example.com", "first_name": "Ann", "billing": {"city": "Ghent"}})
        self.work()
        self.assertEqual(self.states(flow), {"1": "synced"})
        self.assertEqual(self.written_calls(), [], "nothing goes back")

    def test_no_echo_after_a_bad_record_in_the_batch(self):
        """The savepoint of the batch is rolled back, and the halves are written afterwards: still no echo."""
        flow = self.out_flow(direction="both", domain="[]", rules=[
            ("color", "color", {"transform": "number", "owner": "external"})])
        self.receive(
            flow, {"id": 1, "email": "ann@example.com", "first_name": "Ann", "color": 1},
            {"id": 2, "email": "bad@example.com", "first_name": "Bad", "color": 99999999999},
            {"id": 3, "email": "carl@example.com", "first_name": "Carl", "color": 3})
        self.assertEqual(self.states(flow), {"1": "synced", "2": "failed", "3": "synced"})
        self.env.cr.execute("SELECT count(*) FROM integration_capture")
        self.assertEqual(self.env.cr.fetchone()[0], 0)
        self.assertEqual(self.written_calls(), [])

    def test_passed_on_to_another_system(self):
        source = self.out_flow(direction="import", domain="[]")
        other = self.make_connection(name="Other shop")
        target = self.out_flow(connection_id=other.id, domain="[]", name="to the other")
        self.receive(source, {"id": 1, "email": "ann@example.com", "first_name": "Ann"})
        partner = self.records(source)["1"]
        self.work(other)
        self.assertEqual(self.sync(target, partner).state, "failed", "the same shop refuses the same e-mail")
        self.assertEqual(len(self.written_calls("POST")), 1)

    def test_what_odoo_owns_goes_back(self):
        flow = self.out_flow(direction="both", domain="[]", read_before_write=False, rules=[
            ("city", "billing.city", {"owner": "odoo"})])
        self.receive(flow, {"id": 1, "email": "ann@example.com", "first_name": "Ann", "billing": {"city": "Ghent"}})
        partner = self.records(flow)["1"]
        partner.city = "Bruges"
        self.work()
        self.shop.touch("customers", ids=[1], changes={"billing": {"city": "Mons"}})
        self.run_flow(flow, full=True)
        self.assertEqual(partner.city, "Bruges")
        self.assertEqual(self.shop.get("customers/1")["billing"]["city"], "Bruges", "Odoo's value is put back")
