"""Stock for tests and benchmarks: variants, warehouses, and moves by chance, in every way that stock moves."""

import random


class StockMoves:
    """Makes variants and warehouses, and moves by a seeded chance. Compares what is published with Odoo's own fields."""

    QUANTITIES = {"on_hand": "qty_available", "incoming": "incoming_qty", "outgoing": "outgoing_qty"}

    def __init__(self, env, *, seed=1):
        self.env = env
        self.chance = random.Random(seed)
        self.products = env["product.product"]
        self.warehouses = env["stock.warehouse"]
        self.suppliers = env.ref("stock.stock_location_suppliers")
        self.customers = env.ref("stock.stock_location_customers")
        self.units = env.ref("uom.product_uom_unit") | env.ref("uom.product_uom_dozen")

    def make(self, variants, warehouses, *, prefix="SKU"):
        """Storable variants with SKUs, and so many warehouses of the company (those that are there count)."""
        present = self.env["stock.warehouse"].search([("company_id", "=", self.env.company.id)], limit=warehouses)
        made = self.env["stock.warehouse"].create([
            {"name": f"Warehouse {number}", "code": f"W{number}", "company_id": self.env.company.id}
            for number in range(len(present), warehouses)])
        self.warehouses = present | made
        quiet = {"tracking_disable": True, "mail_create_nolog": True, "mail_create_nosubscribe": True}
        self.products = self.env["product.product"].with_context(**quiet).create([
            {"name": f"Item {number}", "default_code": f"{prefix}-{number:05}", "is_storable": True, "list_price": 10}
            for number in range(variants)])
        return self

    def multiply(self, count):
        """Have ``count`` variants by copying rows of the first one: the ORM would take minutes for tens of thousands."""
        self.env.flush_all()
        first = self.products[:1]
        more = count - len(self.products)
        prefix = first.default_code.rpartition("-")[0]
        templates = self._copy("product_template", first.product_tmpl_id.id, more, {})
        self._copy("product_product", first.id, more,
                   {"product_tmpl_id": "(%(templates)s::int[])[nr]"}, templates)
        self.env.cr.execute("ANALYZE product_product, product_template, stock_quant")
        self.env.invalidate_all()
        self.products = self.env["product.product"].search([("default_code", "=like", f"{prefix}-%")], order="id")
        return self

    def _copy(self, table, record_id, count, changed, templates=()):
        """``count`` copies of a row; the SKU gets the number of the copy. Returns their ids."""
        self.env.cr.execute(
            "SELECT quote_ident(column_name) FROM information_schema.columns WHERE table_name = %s AND column_name <> 'id' "
            "AND table_schema = current_schema", [table])
        names = [row[0] for row in self.env.cr.fetchall()]
        sku = "split_part(default_code, '-', 1) || '-' || lpad(nr::text, 5, '0')"
        values = [sku if name == "default_code" else changed.get(name, name) for name in names]
        self.env.cr.execute(
            f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)} "
            f"FROM {table}, generate_series(1, %(count)s) AS nr WHERE id = %(id)s RETURNING id",
            {"count": count, "id": record_id, "templates": list(templates)})
        return [row[0] for row in self.env.cr.fetchall()]

    def fill(self, most=100):
        """Something of every variant in most of the warehouses, by a direct statement: only what is stored counts."""
        self.env.flush_all()
        rows = [
            (product.id, warehouse.lot_stock_id.id, self.env.company.id, self.chance.randint(1, most))
            for product in self.products for warehouse in self.warehouses if self.chance.random() < 0.9]
        for start in range(0, len(rows), 10_000):
            part = rows[start:start + 10_000]
            self.env.cr.execute(
                "INSERT INTO stock_quant (product_id, location_id, company_id, quantity, reserved_quantity, in_date, "
                "create_date) SELECT v.product, v.location, v.company, v.quantity, 0, now(), now() "
                "FROM unnest(%s::int[], %s::int[], %s::int[], %s::numeric[]) AS v(product, location, company, quantity)",
                [list(column) for column in zip(*part, strict=True)])
        self.env.invalidate_all()
        return self

    def move(self, count):
        """``count`` moves of other kinds, units, places and states; returns the variants that moved."""
        moved = self.env["product.product"]
        for _number in range(count):
            product = self.chance.choice(self.products)
            moved |= product
            self._one(product)
        return moved

    def _one(self, product):
        here, there = self.chance.sample(list(self.warehouses), 2)
        kind = self.chance.choice(("in", "out", "between", "inside", "count"))
        if kind == "count":
            self.env["stock.quant"].with_context(inventory_mode=True).create({
                "product_id": product.id, "location_id": here.lot_stock_id.id,
                "inventory_quantity": self.chance.randint(0, 90)}).action_apply_inventory()
            return
        source, target = {
            "in": (self.suppliers, here.lot_stock_id), "out": (here.lot_stock_id, self.customers),
            "between": (here.lot_stock_id, there.lot_stock_id), "inside": (here.lot_stock_id, here.wh_input_stock_loc_id),
        }[kind]
        move = self.env["stock.move"].create({
            "product_id": product.id, "product_uom": self.chance.choice(self.units).id,
            "product_uom_qty": self.chance.choice((1, 2, 3, 5.5)), "location_id": source.id, "location_dest_id": target.id,
            "company_id": self.env.company.id})
        state = self.chance.choice(("draft", "confirmed", "assigned", "done", "done", "cancelled"))
        if state == "draft":
            return
        move._action_confirm()
        if state in ("assigned", "done"):
            move._action_assign()
        if state == "done":
            move.quantity = move.product_uom_qty
            move.picked = True
            move._action_done()
        elif state == "cancelled":
            move._action_cancel()

    def expected(self, products=None):
        """``{(SKU, warehouse): {name: quantity}}`` as Odoo's computed fields say."""
        products = products if products is not None else self.products
        found = {}
        for warehouse in self.warehouses:
            self.env.invalidate_all()
            for product in products.with_context(warehouse_id=warehouse.id):
                on_hand, free = product.qty_available, product.free_qty
                found[product.default_code, warehouse.code] = {
                    "on_hand": on_hand, "reserved": on_hand - free, "incoming": product.incoming_qty,
                    "outgoing": product.outgoing_qty, "free": max(free, 0.0)}
        return found

    @staticmethod
    def differences(published, expected):
        """Cells that are not the same: [(cell, name, published, expected)]."""
        return [
            (cell, name, published.get(cell, {}).get(name), value)
            for cell, values in expected.items() for name, value in values.items()
            if abs((published.get(cell, {}).get(name) or 0.0) - value) > 1e-6 or cell not in published]
