"""Stock per warehouse in published documents, compared with Odoo's own computed fields, cell by cell."""

from unittest import SkipTest

from odoo.exceptions import UserError
from odoo.tests import tagged

from odoo.addons.integration_flow.engine import availability

from .publish_common import PublishCase
from .stock_moves import StockMoves

SKU = [{"odoo_path": "default_code", "external_path": "sku", "match_key": True, "required": True, "publish_filter": True}]


@tagged("post_install", "-at_install")
class TestAvailability(PublishCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if "stock.quant" not in cls.env:
            raise SkipTest("Inventory is not installed")
        cls.made = StockMoves(cls.env).make(6, 3, prefix="X")

    def setUp(self):
        super().setUp()
        self.stock = StockMoves(self.env)
        self.stock.products, self.stock.warehouses = self.made.products, self.made.warehouses

    def available(self, **vals):
        flow = self.publish(SKU, "product.product", **{
            "publish_code": "availability", "name": "Availability", "domain": "[('default_code', '=like', 'X-%')]",
            "availability_enabled": True, **vals})
        self.refresh()
        return flow

    def cells(self, flow):
        return {(document["sku"], document["warehouse"]): document["stock"] for document in self.documents(flow).values()}

    def assertAsOdoo(self, flow):
        expected = self.stock.expected()
        self.assertEqual(set(self.cells(flow)), set(expected))
        self.assertEqual(StockMoves.differences(self.cells(flow), expected), [])

    def test_moves_by_chance(self):
        """All cells are right after moves of every kind; only what moved has another number."""
        self.stock.make(40, 3, prefix="X-R").fill()
        flow = self.available(domain="[('default_code', '=like', 'X-R%')]")
        self.assertAsOdoo(flow)
        for _round in range(3):
            before = self.changes(flow)
            moved = self.stock.move(40)
            self.refresh()
            self.assertAsOdoo(flow)
            changed = {key.partition("@")[0] for key, number in self.changes(flow).items() if number != before[key]}
            self.assertTrue(changed)
            self.assertFalse(changed - set(moved.mapped("default_code")))

    def test_only_moved_warehouses_change(self):
        flow = self.available()
        before = self.changes(flow)
        first, *_others = self.stock.warehouses
        self.env["stock.quant"]._update_available_quantity(self.stock.products[0], first.lot_stock_id, 5)
        self.refresh()
        changed = {key for key, number in self.changes(flow).items() if number != before[key]}
        self.assertEqual(changed, {f"X-00000@{first.code}"})
        self.assertEqual(self.cells(flow)["X-00000", first.code],
                         {"on_hand": 5, "reserved": 0, "incoming": 0, "outgoing": 0, "free": 5})

    def test_formulas(self):
        self.stock.fill().move(40)
        product, warehouse = self.stock.products[0], self.stock.warehouses[0]
        cell = availability.read(self.env, product.ids, warehouse.ids)[product.id, warehouse.id]
        for formula, value in (
                ("on_hand", cell.on_hand), ("reserved", cell.on_hand - cell.reserved),
                ("incoming", cell.on_hand - cell.reserved + cell.incoming),
                ("forecast", cell.on_hand + cell.incoming - cell.outgoing)):
            plain = availability.Availability((), formula, 0.0, False, "")
            self.assertEqual(plain.free(cell), value)
            self.assertEqual(plain._replace(safety=1000.0).free(cell), value - 1000)
            self.assertEqual(plain._replace(safety=1000.0, floor=True).free(cell), 0)
        flow = self.available(availability_formula="forecast", availability_safety=2, availability_path=False)
        document = self.documents(flow)[f"X-00000@{warehouse.code}"]
        self.assertEqual(document["free"], max(cell.on_hand + cell.incoming - cell.outgoing - 2, 0))
        self.assertIn("safety stock of 2", flow.availability_explanation)
        before = self.changes(flow)
        flow.availability_safety = 0
        self.refresh()
        self.assertNotEqual(self.changes(flow), before, "another formula makes other documents")

    def test_other_units(self):
        """Two dozen on their way in are 24 of the variant's own unit; half a kilogram is not rounded away."""
        flow = self.available()
        product, warehouse = self.stock.products[1], self.stock.warehouses[1]
        self.env["stock.move"].create({
            "product_id": product.id, "product_uom": self.env.ref("uom.product_uom_dozen").id, "product_uom_qty": 2,
            "location_id": self.stock.suppliers.id, "location_dest_id": warehouse.lot_stock_id.id})._action_confirm()
        heavy = self.env["product.product"].create({
            "name": "Flour", "default_code": "X-FLOUR", "is_storable": True,
            "uom_id": self.env.ref("uom.product_uom_kgm").id})
        self.env["stock.quant"]._update_available_quantity(heavy, warehouse.lot_stock_id, 0.5)
        self.env["stock.move"].create({
            "product_id": heavy.id, "product_uom": self.env.ref("uom.product_uom_gram").id, "product_uom_qty": 250,
            "location_id": warehouse.lot_stock_id.id, "location_dest_id": self.stock.customers.id})._action_confirm()
        self.stock.products |= heavy
        self.refresh()
        self.assertEqual(self.cells(flow)["X-00001", warehouse.code]["incoming"], 24)
        self.assertEqual(self.cells(flow)["X-FLOUR", warehouse.code]["on_hand"], 0.5)
        self.assertEqual(self.cells(flow)["X-FLOUR", warehouse.code]["outgoing"], 0.25)
        self.assertAsOdoo(flow)

    def test_warehouses_that_come_and_go(self):
        flow = self.available(availability_warehouses=False)
        new = self.env["stock.warehouse"].create({"name": "New", "code": "NEW", "company_id": self.env.company.id})
        self.refresh()
        self.assertIn(("X-00000", "NEW"), self.cells(flow))
        new.code = "NEU"
        self.refresh()
        self.assertIn(("X-00000", "NEU"), self.cells(flow))
        self.assertNotIn(("X-00000", "NEW"), self.cells(flow))
        flow.availability_warehouses = "NEU"
        self.refresh()
        self.assertEqual({code for _sku, code in self.cells(flow)}, {"NEU"})
        new.active = False
        self.refresh()
        self.assertFalse(self.cells(flow))
        with self.assertRaises(UserError):
            flow.action_draft()
            flow.action_go_live()

    def test_another_company(self):
        """Stock of another company is neither published nor counted."""
        flow = self.available()
        other = self.env["res.company"].create({"name": "Other Company"})
        foreign = self.env["stock.warehouse"].search([("company_id", "=", other.id)], limit=1)
        self.env["stock.quant"].with_company(other)._update_available_quantity(
            self.stock.products[0], foreign.lot_stock_id, 7)
        self.refresh()
        self.assertNotIn(foreign.code, {code for _sku, code in self.cells(flow)} - set(self.stock.warehouses.mapped("code")))
        self.assertAsOdoo(flow)

    def test_services_and_other_models(self):
        service = self.env["product.product"].create({"name": "Work", "default_code": "X-WORK", "type": "service"})
        flow = self.available()
        self.assertEqual(self.cells(flow)[service.default_code, self.stock.warehouses[0].code]["free"], 0)
        partners = self.publish(availability_enabled=True, live=False, publish_code="partners")
        self.assertIn("Product Variant", " ".join(partners._problems()))

    def test_a_deleted_quant_and_a_cancelled_move(self):
        flow = self.available()
        product, warehouse = self.stock.products[2], self.stock.warehouses[2]
        self.env["stock.quant"]._update_available_quantity(product, warehouse.lot_stock_id, 9)
        move = self.env["stock.move"].create({
            "product_id": product.id, "product_uom_qty": 4, "location_id": warehouse.lot_stock_id.id,
            "location_dest_id": self.stock.customers.id})
        move._action_confirm()
        move._action_assign()
        self.refresh()
        self.assertEqual(self.cells(flow)["X-00002", warehouse.code],
                         {"on_hand": 9, "reserved": 4, "incoming": 0, "outgoing": 4, "free": 5})
        move._action_cancel()
        self.refresh()
        self.assertEqual(self.cells(flow)["X-00002", warehouse.code]["free"], 9)
        self.env["stock.quant"].sudo().search([("product_id", "=", product.id)]).unlink()
        self.refresh()
        self.assertEqual(self.cells(flow)["X-00002", warehouse.code]["on_hand"], 0)
