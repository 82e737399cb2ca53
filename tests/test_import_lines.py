"""Lines of documents, several lists into one field, and the check of totals."""

from odoo.tests import tagged

from .common import FlowCase


class LinesCase(FlowCase):
    """A company with its people as lines: needs no other app."""

    line_id_path = "id"

    def setUp(self):
        super().setUp()
        self.flow = self.make_flow("res.partner", [
            ("name", "name"),
            self.people("people"),
        ], "products", path="products", updated_at_path="date_modified_gmt")

    def people(self, path, **vals):
        return {
            "kind": "lines", "odoo_path": "child_ids", "code": path, "external_path": path,
            "line_id_path": self.line_id_path, "children": [
                ("name", "name", {"required": True}), ("function", "job"),
                ("color", "colour", {"transform": "number"})], **vals}

    def bring(self, *people, day=1, **more):
        self.shop.load("products", [{
            "id": 1, "name": "ACME", "people": list(people), "date_modified_gmt": f"2026-01-{day:02}T10:00:00", **more}])
        self.run = self.run_flow(self.flow)
        self.sync = self.syncs(self.flow)["1"]
        self.company = self.records(self.flow).get("1", self.env["res.partner"])

    def held(self):
        return [(child.name, child.function or "", child.color) for child in self.company.child_ids.sorted("id")]

    def links(self):
        return {
            link.external_id: self.env["res.partner"].browse(link.res_id).name
            for link in self.env["integration.link"].search([
                ("connection_id", "=", self.connection.id), ("line_rule_id", "!=", False)])}


def person(number, job="clerk", colour=1, **more):
    return {"id": number, "name": f"P{number}", "job": job, "colour": colour, **more}


@tagged("post_install", "-at_install")
class TestLines(LinesCase):

    def test_created_with_links(self):
        self.bring(person(1), person(2, "boss"))
        self.assertEqual(self.held(), [("P1", "clerk", 1), ("P2", "boss", 1)])
        self.assertEqual(self.links(), {"1/1": "P1", "1/2": "P2"})

    def test_one_line_changed(self):
        self.bring(person(1), person(2))
        with self.watch("res.partner", "write", "create", "unlink") as calls:
            self.bring(person(1), person(2, "boss"), day=2)
        self.assertEqual(self.held(), [("P1", "clerk", 1), ("P2", "boss", 1)])
        self.assertFalse([call for call in calls if call[0] in ("create", "unlink")])
        self.assertEqual(self.logs(self.sync, "updated").changes, {"people[2].function": ["clerk", "boss"]})

    def test_line_added(self):
        self.bring(person(1))
        self.bring(person(1), person(2), day=2)
        self.assertEqual(self.links(), {"1/1": "P1", "1/2": "P2"})
        self.assertEqual(self.logs(self.sync, "updated").changes, {"people[2]": [None, "P2, clerk, 1"]})

    def test_line_removed(self):
        self.bring(person(1), person(2))
        self.bring(person(2), day=2)
        self.assertEqual(self.held(), [("P2", "clerk", 1)])
        self.assertEqual(self.links(), {"1/2": "P2"})
        self.assertEqual(self.logs(self.sync, "updated").changes, {"people[1]": ["P1, clerk, 1", None]})

    def test_lines_reordered(self):
        self.bring(person(1), person(2))
        before = self.company.child_ids
        with self.watch("res.partner", "write", "create", "unlink") as calls:
            self.bring(person(2), person(1), day=2)
        self.assertFalse(calls)
        self.assertEqual(self.company.child_ids, before)

    def test_all_at_once(self):
        self.bring(person(1), person(2), person(3))
        self.bring(person(4), person(3, "boss"), person(1), day=2)
        self.assertEqual(self.links(), {"1/1": "P1", "1/3": "P3", "1/4": "P4"})
        self.assertEqual(self.held(), [("P1", "clerk", 1), ("P3", "boss", 1), ("P4", "clerk", 1)])

    def test_lines_of_other_origin_stay(self):
        self.bring(person(1))
        self.company.child_ids = [(0, 0, {"name": "By hand"})]
        self.bring(person(1), person(2), day=2)
        self.assertEqual([line[0] for line in self.held()], ["P1", "By hand", "P2"])
        self.assertEqual(self.links(), {"1/1": "P1", "1/2": "P2"})

    def test_a_line_deleted_in_odoo_comes_back(self):
        """The other system owns the list; the new line takes over the link of the old one."""
        self.bring(person(1), person(2))
        self.company.child_ids[0].unlink()
        self.bring(person(1), person(2, "boss"), day=2)
        self.assertEqual(sorted(line[0] for line in self.held()), ["P1", "P2"])
        self.assertEqual(self.links(), {"1/1": "P1", "1/2": "P2"})
        self.assertEqual(self.sync.state, "synced")

    def test_a_line_changed_in_odoo_is_put_back(self):
        self.bring(person(1), person(2))
        self.company.child_ids[0].function = "mine"
        self.bring(person(1), person(2, "boss"), day=2)
        self.assertEqual(self.held(), [("P1", "clerk", 1), ("P2", "boss", 1)])
        self.assertEqual(self.logs(self.sync, "overruled").changes["people"][2], "odoo")

    def test_the_document_was_deleted_in_odoo(self):
        self.bring(person(1))
        self.company.unlink()
        self.bring(person(1, "boss"), day=2)
        self.assertFailed(self.sync, "validation", "deleted in Odoo")
        self.press(self.sync.action_retry)
        self.assertEqual(self.sync.state, "synced", self.sync.error_message)
        self.assertEqual(self.links(), {"1/1": "P1"})

    def test_the_same_line_id_twice(self):
        self.bring(person(1), person(1))
        self.assertFailed(self.sync, "validation", "1", "twice")

    def test_a_line_without_id(self):
        self.bring(person(1), person(None))
        self.assertFailed(self.sync, "validation", "people[1].id")

    def test_which_line_is_wrong(self):
        self.bring(person(1), person(2, colour="blue"))
        self.assertFailed(self.sync, "mapping", "Contact 2", "Color Index", "blue", "number")
        self.bring(person(1), {"id": 2, "name": ""}, day=2)
        self.assertFailed(self.sync, "validation", "Contact 2", "Name")

    def test_what_is_no_list(self):
        self.bring(day=1)
        self.shop.load("products", [{"id": 1, "name": "ACME", "people": "none", "date_modified_gmt": "2026-01-05T10:00:00"}])
        self.run_flow(self.flow)
        self.assertFailed(self.sync, "mapping", "none", "list")

    def test_one_line_as_object_and_null(self):
        self.bring(day=1)
        for number, (value, expected) in enumerate([(person(1), ["P1"]), (None, []), ([None, person(2)], ["P2"])]):
            self.shop.load("products", [{
                "id": 1, "name": "ACME", "people": value, "date_modified_gmt": f"2026-02-{number + 1:02}T10:00:00"}])
            self.run_flow(self.flow)
            self.assertEqual([line[0] for line in self.held()], expected)

    def test_ids_with_slashes(self):
        self.shop.load("products", [{"id": "A/1", "name": "ACME", "people": [person("x/1"), person("x/2")]}])
        self.run_flow(self.flow)
        self.shop.load("products", [{"id": "A/1", "name": "ACME", "people": [person("x/2", "boss"), person("x/1")]}])
        self.run_flow(self.flow)
        self.assertEqual(self.links(), {"A/1/x/1": "Px/1", "A/1/x/2": "Px/2"})
        self.assertEqual(len(self.records(self.flow)["A/1"].child_ids), 2)

    def test_first_meeting_of_two_documents(self):
        """Lines that are there already are recognised, not written a second time."""
        self.flow.rule_ids.filtered(lambda rule: rule.code == "name").match_key = True
        company = self.env["res.partner"].create({"name": "ACME", "child_ids": [
            (0, 0, {"name": "P1", "function": "clerk", "color": 1}), (0, 0, {"name": "By hand"})]})
        self.bring(person(1), person(2))
        self.assertEqual(self.company, company)
        self.assertEqual(sorted(line[0] for line in self.held()), ["By hand", "P1", "P2"])
        self.assertEqual(self.links(), {"1/1": "P1", "1/2": "P2"})

    def test_first_meeting_by_match_key(self):
        self.flow.rule_ids.match_key = False
        self.flow.rule_ids.filtered(lambda rule: rule.code == "name").match_key = True
        self.flow.rule_ids.child_ids.filtered(lambda rule: rule.odoo_path == "name").match_key = True
        self.env["res.partner"].create({"name": "ACME", "child_ids": [(0, 0, {"name": "P1", "function": "old"})]})
        self.bring(person(1))
        self.assertEqual(self.held(), [("P1", "clerk", 1)])

    def test_two_lists_into_one_field(self):
        self.add_rules(self.flow, [self.people("guests", sequence=30)])
        self.bring(person(1), person(2), guests=[person(1, "guest", name="G1")])
        self.assertEqual([line[0] for line in self.held()], ["P1", "P2", "G1"])
        self.bring(person(1), person(2), person(3), guests=[
            person(1, "guest", name="G1"), person(2, "guest", name="G2")], day=2)
        self.assertEqual(sorted(line[0] for line in self.held()), ["G1", "G2", "P1", "P2", "P3"])
        links = self.env["integration.link"].search([("line_rule_id", "!=", False)])
        self.assertEqual(
            sorted((link.line_rule_id.code, link.external_id, self.env["res.partner"].browse(link.res_id).name)
                   for link in links),
            [("guests", "1/1", "G1"), ("guests", "1/2", "G2"), ("people", "1/1", "P1"), ("people", "1/2", "P2"),
             ("people", "1/3", "P3")])
        self.bring(person(2), guests=[person(2, "guest", name="G2")], day=3)
        self.assertEqual(sorted(line[0] for line in self.held()), ["G2", "P2"])

    def test_agreed_after_updates_is_what_a_later_read_gives(self):
        """Importing an unrelated change after updates of lines finds nothing to put back."""
        self.bring(person(1), person(2))
        self.bring(person(1), person(3, "boss"), day=2)
        self.bring(person(1), person(3, "boss"), day=3, name="Renamed")
        self.assertEqual(self.logs(self.sync)[-1].changes, {"name": ["ACME", "Renamed"]})
        self.assertFalse(self.logs(self.sync, "overruled"))


@tagged("post_install", "-at_install")
class TestLinesWithoutIds(LinesCase):

    line_id_path = False

    def test_replaced_in_place(self):
        self.bring(person(1), person(2))
        kept = self.company.child_ids.sorted("id")[0]
        self.bring(person(1), person(3), day=2)
        self.assertEqual([line[0] for line in self.held()], ["P1", "P3"])
        self.assertIn(kept, self.company.child_ids)
        self.bring(person(3), day=3)
        self.assertEqual([line[0] for line in self.held()], ["P3"])
        self.bring(person(3), person(4), person(5), day=4)
        self.assertEqual([line[0] for line in self.held()], ["P3", "P4", "P5"])

    def test_the_whole_list_is_theirs(self):
        self.bring(person(1))
        self.company.child_ids = [(0, 0, {"name": "By hand"})]
        self.bring(person(1), person(2), day=2)
        self.assertEqual([line[0] for line in self.held()], ["P1", "P2"])

    def test_two_lists_without_ids_do_not_delete_each_other(self):
        self.add_rules(self.flow, [self.people("guests", sequence=30)])
        self.bring(person(1), guests=[person(1, name="G1")])
        self.assertEqual([line[0] for line in self.held()], ["P1", "G1"])
        self.bring(person(2), guests=[person(1, name="G1"), person(2, name="G2")], day=2)
        self.assertEqual(sorted(line[0] for line in self.held()), ["G1", "G2", "P2"])
        self.bring(guests=[person(1, name="G1")], day=3)
        self.assertEqual([line[0] for line in self.held()], ["G1"])

    def test_long_lists_cost_few_queries(self):
        self.bring(*(person(number) for number in range(200)))
        self.assertEqual(len(self.company.child_ids), 200)
        with self.watch("res.partner", "write", "create", "unlink") as calls:
            self.bring(*(person(number, "boss" if number == 77 else "clerk") for number in range(200)), day=2)
        self.assertLess(len(calls), 4)
        self.assertEqual(len(self.logs(self.sync, "updated").changes), 1)


@tagged("post_install", "-at_install")
class TestChecks(LinesCase):
    """A check compares what Odoo computed: here a field that Odoo fills itself."""

    def setUp(self):
        super().setUp()
        self.add_rules(self.flow, [
            {"kind": "check", "odoo_path": "partner_latitude", "external_path": "total", "transform": "number",
             "tolerance": 0.01, "code": "total"},
            ("partner_latitude", "lat", {"transform": "number"}), ("zip", "zip", {"owner": "newest"})])

    def load(self, *documents):
        self.shop.load("products", [
            {"id": number, "name": f"D{number}", "people": [], "date_modified_gmt": "2026-01-01T10:00:00", **document}
            for number, document in enumerate(documents, 1)])
        self.run_flow(self.flow)
        return self.syncs(self.flow)

    def test_a_difference_keeps_only_that_record_out(self):
        syncs = self.load(
            {"lat": 10, "total": "10.00", "people": [person(1)]}, {"lat": 12.5, "total": "99.90", "people": [person(2)]},
            {"lat": 3, "total": 3.009}, {"lat": 3, "total": 3.02}, {"lat": 0, "total": None})
        self.assertSyncs(self.flow, {"1": "synced", "2": "failed", "3": "synced", "4": "failed", "5": "synced"})
        self.assertFailed(syncs["2"], "validation", "Geo Latitude", "12.5", "99.90")
        self.assertFalse(self.env["res.partner"].search([("name", "in", ["D2", "P2", "D4"])]))
        self.assertNotIn("2", self.records(self.flow))
        self.assertFalse(syncs["2"].res_id)

    def test_a_difference_in_an_update_writes_nothing_and_loses_nothing(self):
        self.load({"lat": 1, "total": 1, "zip": "a"}, {"lat": 2, "total": 2, "zip": "a"})
        later = {"date_modified_gmt": "2099-01-02T10:00:00"}
        self.load({"lat": 5, "total": 5, "zip": "b", **later}, {"lat": 6, "total": 7, "zip": "b", **later})
        syncs, records = self.syncs(self.flow), self.records(self.flow)
        self.assertEqual((records["1"].partner_latitude, records["1"].zip), (5, "b"), "the innocent one lands, whole")
        self.assertEqual((records["2"].partner_latitude, records["2"].zip), (2, "a"), "nothing of the guilty one")
        self.assertFailed(syncs["2"], "validation", "6", "7")
        self.assertFalse(self.logs(syncs["1"], "overruled"))
        self.assertEqual(syncs["2"].agreed["zip"]["e"], "a", "what was not written was not agreed")
        self.load({"lat": 5, "total": 5, "zip": "b", **later}, {"lat": 6, "total": 6, "zip": "b", "name": "D2", **later})
        self.assertEqual((records["2"].partner_latitude, records["2"].zip), (6, "b"))
        self.assertFalse(self.logs(syncs["2"], "overruled"))


@tagged("post_install", "-at_install")
class TestSaleOrders(FlowCase):
    """What Odoo recomputes by itself when an order changes is put right, and totals are compared."""

    def setUp(self):
        super().setUp()
        if "sale.order" not in self.env:
            self.skipTest("Sales is not installed")
        self.product = self.env["product.product"].create({
            "name": "Mug", "default_code": "MUG", "list_price": 99, "taxes_id": False})
        self.env["res.partner"].create({"name": "Buyer", "ref": "B1"})
        self.flow = self.make_flow("sale.order", [
            ("client_order_ref", "number"),
            ("partner_id", "customer", {"transform": "lookup", "lookup_field": "ref", "required": True}),
            {"kind": "lines", "odoo_path": "order_line", "external_path": "lines", "line_id_path": "id", "children": [
                ("product_id", "sku", {"transform": "lookup", "lookup_field": "default_code", "required": True}),
                ("product_uom_qty", "quantity", {"transform": "number"}),
                ("price_unit", "price", {"transform": "number"}),
                ("discount", "discount", {"transform": "number"}),
            ]},
            {"kind": "check", "odoo_path": "amount_untaxed", "external_path": "total", "transform": "number"},
        ], "products", updated_at_path="date_modified_gmt")

    def bring(self, *lines, total, day=1):
        self.shop.load("products", [{
            "id": 1, "number": "S1", "customer": "B1", "total": total, "lines": list(lines),
            "date_modified_gmt": f"2026-01-{day:02}T10:00:00"}])
        self.run_flow(self.flow)
        self.sync = self.syncs(self.flow)["1"]
        return self.records(self.flow).get("1")

    @staticmethod
    def line(number=1, quantity=2, price="5.00", **more):
        return {"id": number, "sku": "MUG", "quantity": quantity, "price": price, "discount": 0, **more}

    def test_price_of_the_shop_not_of_the_price_list(self):
        order = self.bring(self.line(), total="10.00")
        self.assertEqual((self.sync.state, order.amount_untaxed), ("synced", 10), self.sync.error_message)

    def test_a_changed_quantity_does_not_recompute_the_price(self):
        self.bring(self.line(quantity=2), self.line(2, 1), total="15.00")
        order = self.bring(self.line(quantity=7), self.line(2, 1), total="40.00", day=2)
        self.assertEqual(self.sync.state, "synced", self.sync.error_message)
        self.assertEqual(order.order_line.mapped("price_unit"), [5, 5])

    def test_a_changed_product_does_not_recompute_the_price(self):
        self.env["product.product"].create({
            "name": "Cup", "default_code": "CUP", "list_price": 50, "taxes_id": False})
        self.bring(self.line(), total="10.00")
        order = self.bring(self.line(sku="CUP"), total="10.00", day=2)
        self.assertEqual(self.sync.state, "synced", self.sync.error_message)
        self.assertEqual((order.order_line.product_id.default_code, order.order_line.price_unit), ("CUP", 5))

    def test_a_price_changed_in_odoo_is_put_back(self):
        order = self.bring(self.line(), total="10.00")
        order.order_line.price_unit = 1
        order = self.bring(self.line(), self.line(2, 1), total="15.00", day=2)
        self.assertEqual((self.sync.state, order.amount_untaxed), ("synced", 15), self.sync.error_message)

    def test_negative_quantities_are_values(self):
        order = self.bring(self.line(), self.line(2, -1, "4.00"), total="6.00")
        self.assertEqual(order.order_line.mapped("product_uom_qty"), [2, -1])

    def test_totals_differ(self):
        self.assertIsNone(self.bring(self.line(), total="12.00"))
        self.assertFailed(self.sync, "validation", "10", "12.00")
        self.assertFalse(self.env["sale.order"].search([("client_order_ref", "=", "S1")]))

    def test_a_confirmed_order_refuses_and_says_so(self):
        order = self.bring(self.line(), total="10.00")
        order.action_confirm()
        order.action_lock()
        self.bring(self.line(quantity=3), total="15.00", day=2)
        self.assertFailed(self.sync, "constraint", "locked")
        self.assertEqual(order.amount_untaxed, 10)
