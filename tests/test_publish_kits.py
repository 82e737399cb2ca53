"""Kits in published stock: where Manufacturing is installed, in a database of its own.

Not part of Odoo's standard tests, because it installs apps; ``./dev test`` runs it.
"""

import json

from odoo.tests import BaseCase, tagged
from odoo.tests.common import get_db_name

from .second_odoo import SecondOdoo

# Run in a shell of that database. What it has seen is printed for the test to read.
SCRIPT = """
import json
from odoo.addons.integration_flow.engine import publishing
from odoo.addons.integration_flow.tests.stock_moves import StockMoves

stock = StockMoves(env, seed=3).make(4, 2, prefix="PART")
parts = stock.products
kit, pack, tool, bag = env["product.product"].create([
    {"name": name, "default_code": name, "is_storable": True} for name in ("KIT", "PACK", "TOOL", "BAG")])
dozen = env.ref("uom.product_uom_dozen").id

def bom(product, *lines):
    return env["mrp.bom"].create({
        "product_tmpl_id": product.product_tmpl_id.id, "type": "phantom", "product_qty": 1,
        "bom_line_ids": [(0, 0, {"product_id": part.id, "product_qty": count, "product_uom_id": unit or part.uom_id.id})
                         for part, count, unit in lines]})

made = bom(kit, (parts[0], 2, None), (parts[1], 1, dozen))
bom(pack, (kit, 2, None), (parts[2], 1, None))
stock.products |= kit | pack | tool | bag
flow = env["integration.flow"].create({
    "name": "Availability", "direction": "publish", "publish_code": "availability", "availability_enabled": True,
    "model_id": env["ir.model"]._get_id("product.product"), "company_id": env.company.id,
    "domain": "[('default_code', 'in', %s)]" % stock.products.mapped("default_code"),
    "rule_ids": [(0, 0, {"odoo_path": "default_code", "external_path": "sku", "match_key": True})]})
flow.action_go_live()
env.cr.commit()
here = stock.warehouses[0].lot_stock_id

def step(name):
    env.cr.commit()
    while publishing.refresh(env, flow.id, float("inf")):
        pass
    rows = env["integration.document"].search([("flow_id", "=", flow.id), ("state", "=", "live")])
    cells = {(body["sku"], body["warehouse"]): body["stock"] for body in (json.loads(row.body) for row in rows)}
    code = stock.warehouses[0].code
    wrong = [str(each) for each in stock.differences(cells, stock.expected())]
    print("STEP " + json.dumps([name, wrong, cells["KIT", code]["free"], cells["PACK", code]["free"]]))

add = env["stock.quant"]._update_available_quantity
step("empty")
add(parts[0], here, 100)
add(parts[1], here, 60)
add(parts[2], here, 2)
step("stocked")
stock.products -= kit | pack
stock.move(25)
stock.products |= kit | pack
step("moved")
made.bom_line_ids[0].product_qty = 50
step("another recipe")
made.type = "normal"
step("no kit any more")
made.type = "phantom"
made.active = False
step("archived")
made.active = True
step("back")
"""


@tagged("-standard", "integration_flow_real", "post_install", "-at_install")
class TestKits(BaseCase):
    def test_kits_follow_their_components(self):
        """Kits, kits of kits, and other recipes show what Odoo's fields show; a component that moves moves its kits."""
        place = SecondOdoo(f"{get_db_name()}_kits")
        self.addCleanup(place.stop)
        place.create_database()
        place.run("server", "-i", "mrp,integration_flow", "--stop-after-init", "--no-http")
        output = place.run("shell", "--no-http", "--max-cron-threads=0", script=SCRIPT)
        steps = [json.loads(line.partition("STEP ")[2]) for line in output.splitlines() if "STEP " in line]
        self.assertEqual([step[0] for step in steps], [
            "empty", "stocked", "moved", "another recipe", "no kit any more", "archived", "back"], output[-3000:])
        for name, differences, _kit, _pack in steps:
            self.assertEqual(differences, [], name)
        self.assertEqual(steps[0][2:], [0, 0])
        self.assertEqual(steps[1][2:], [5, 2], "60 of a part of which a kit holds a dozen are five; two packs hold four")
        self.assertEqual(steps[4][2:], [0, steps[4][3]])
