"""Stock for each variant and warehouse: what Odoo's own fields say, for thousands of variants at a time.

Read by three statements, as ``stock`` reads it for one warehouse in ``product.product._compute_quantities_dict``. Kits
(phantom bills of materials) have no stock of their own; for these few variants Odoo's fields themselves are asked.
Quantities are in the variant's own unit: Odoo keeps ``product_qty`` of moves and all of stock in it, whatever the unit
of an order was. Nothing here is called unless Inventory is installed.
"""

from typing import NamedTuple

from odoo.tools import SQL
from odoo.tools.float_utils import float_round

from ..core import paths

QUANTITIES = ("on_hand", "reserved", "incoming", "outgoing", "free")
FORMULAS = ("on_hand", "reserved", "incoming", "forecast")
# Moves that are still to come, as Odoo counts them.
_OPEN = ("waiting", "confirmed", "assigned", "partially_available")


class Cell(NamedTuple):
    """The stock of one variant in one warehouse."""

    on_hand: float = 0.0
    reserved: float = 0.0
    incoming: float = 0.0
    outgoing: float = 0.0


class Availability(NamedTuple):
    """What a flow publishes of the stock."""

    warehouses: tuple[tuple[int, str], ...]
    """(id, code), by code"""
    formula: str
    safety: float
    floor: bool
    prefix: str
    digits: int = 2

    def place(self, name: str) -> str:
        """Where a quantity stands in the document."""
        return f"{self.prefix}.{name}" if self.prefix else name

    def free(self, cell: Cell) -> float:
        """What may be promised to customers.

        >>> Availability((), "reserved", 2.0, True, "").free(Cell(10, 3, 7, 1))
        5.0
        """
        free = cell.on_hand - self.safety
        if self.formula in ("reserved", "incoming"):
            free -= cell.reserved
        if self.formula in ("incoming", "forecast"):
            free += cell.incoming
        if self.formula == "forecast":
            free -= cell.outgoing
        return max(free, 0.0) if self.floor else float(free)

    def put(self, document: dict, cell: Cell) -> None:
        """Write the quantities into a document; ``document`` itself is ours, what is in it is not."""
        values = {name: self._number(value) for name, value in zip(QUANTITIES, (*cell, self.free(cell)), strict=True)}
        if not self.prefix:
            document.update(values)
            return
        for name, value in values.items():
            paths.assign(document, self.place(name), value)

    def _number(self, value: float) -> float | int:
        """Whole quantities as whole numbers, others without the noise of sums."""
        value = float_round(value, precision_digits=self.digits) if value != int(value) else value
        return int(value) if value == int(value) else value


NOTHING = Cell()


def read(env, product_ids: list[int], warehouse_ids: list[int]) -> dict[tuple[int, int], Cell]:
    """``{(variant, warehouse): Cell}`` of variants, as Odoo's computed fields show it. Cells without stock are left out."""
    if not product_ids or not warehouse_ids:
        return {}
    env.flush_all()
    kits = _kits(env, product_ids)
    plain = [product_id for product_id in product_ids if product_id not in kits]
    cells = _stocked(env, plain, warehouse_ids)
    if kits:
        cells.update(_of_kits(env, sorted(kits), warehouse_ids))
    return cells


# The location of each stock and the warehouse that it belongs to: below the warehouse's own view location.
_INSIDE = """
    inside AS MATERIALIZED (
        SELECT location.id, warehouse.id AS warehouse_id
        FROM stock_warehouse warehouse JOIN stock_location top ON top.id = warehouse.view_location_id
        JOIN stock_location location ON location.parent_path LIKE top.parent_path || '%%'
        WHERE warehouse.id = ANY(%(warehouses)s))
"""
_ON_HAND = f"""
    WITH {_INSIDE}
    SELECT quant.product_id, inside.warehouse_id, SUM(quant.quantity), SUM(quant.reserved_quantity)
    FROM stock_quant quant JOIN inside ON inside.id = quant.location_id
    WHERE quant.product_id = ANY(%(products)s) GROUP BY 1, 2
"""
# A move that is not done goes to where it finally shall be, when that is known.
_COMING = f"""
    WITH {_INSIDE}
    SELECT move.product_id, there.warehouse_id, SUM(move.product_qty)
    FROM stock_move move
    JOIN inside there ON there.id = COALESCE(move.location_final_id, move.location_dest_id)
    WHERE move.product_id = ANY(%(products)s) AND move.state = ANY(%(open)s)
      AND NOT EXISTS (SELECT 1 FROM inside here
                      WHERE here.id = move.location_id AND here.warehouse_id = there.warehouse_id)
    GROUP BY 1, 2
"""
_GOING = f"""
    WITH {_INSIDE}
    SELECT move.product_id, here.warehouse_id, SUM(move.product_qty)
    FROM stock_move move JOIN inside here ON here.id = move.location_id
    WHERE move.product_id = ANY(%(products)s) AND move.state = ANY(%(open)s)
      AND NOT EXISTS (SELECT 1 FROM inside there
                      WHERE there.id = COALESCE(move.location_final_id, move.location_dest_id)
                        AND there.warehouse_id = here.warehouse_id)
    GROUP BY 1, 2
"""


def _stocked(env, product_ids, warehouse_ids) -> dict[tuple[int, int], Cell]:
    if not product_ids:
        return {}
    params = {"products": product_ids, "warehouses": warehouse_ids, "open": list(_OPEN)}
    digits, services = _rounding(env, product_ids)
    found: dict[tuple[int, int], list[float]] = {}
    for query, places in ((_ON_HAND, (0, 1)), (_COMING, (2,)), (_GOING, (3,))):
        env.cr.execute(query, params)
        for product_id, warehouse_id, *sums in env.cr.fetchall():
            if product_id in services:
                continue
            cell = found.setdefault((product_id, warehouse_id), [0.0, 0.0, 0.0, 0.0])
            for place, value in zip(places, sums, strict=True):
                cell[place] = _rounded(value or 0.0, digits)
    return {key: Cell(*values) for key, values in found.items()}


def _rounding(env, product_ids) -> tuple[int, set[int]]:
    """How many digits quantities have, and which of the variants are services, which have no stock."""
    env.cr.execute(
        "SELECT product.id FROM product_product product JOIN product_template template "
        "ON template.id = product.product_tmpl_id WHERE product.id = ANY(%s) AND template.type = 'service'", [product_ids])
    return env["decimal.precision"].precision_get("Product Unit"), {row[0] for row in env.cr.fetchall()}


def _rounded(value: float, digits: int) -> float:
    return value if value == int(value) else float_round(value, precision_digits=digits)


# -- kits --------------------------------------------------------------------------------------------------


def _kits(env, product_ids) -> set[int]:
    """Those of the variants that are kits."""
    if "mrp.bom" not in env:
        return set()
    env.cr.execute(
        """SELECT product.id FROM product_product product WHERE product.id = ANY(%s) AND EXISTS (
               SELECT 1 FROM mrp_bom bom WHERE bom.type = 'phantom' AND bom.active
               AND bom.product_tmpl_id = product.product_tmpl_id
               AND (bom.product_id IS NULL OR bom.product_id = product.id))""", [product_ids])
    return {row[0] for row in env.cr.fetchall()}


def _of_kits(env, product_ids, warehouse_ids) -> dict[tuple[int, int], Cell]:
    cells = {}
    for warehouse_id in warehouse_ids:
        kits = env["product.product"].sudo().with_context(warehouse_id=warehouse_id, active_test=False).browse(product_ids)
        for kit in kits:
            on_hand = kit.qty_available
            cells[kit.id, warehouse_id] = Cell(on_hand, on_hand - kit.free_qty, kit.incoming_qty, kit.outgoing_qty)
    return cells


def containing(env, product_ids: set[int]) -> set[int]:
    """The variants, and the kits that hold one of them, and the kits that hold these."""
    if "mrp.bom" not in env or not product_ids:
        return product_ids
    rows = env.execute_query(SQL(
        """WITH RECURSIVE moved(id) AS (
               SELECT unnest(%s::int[])
               UNION
               SELECT kit.id FROM moved JOIN mrp_bom_line line ON line.product_id = moved.id
               JOIN mrp_bom bom ON bom.id = line.bom_id AND bom.type = 'phantom'
               JOIN product_product kit ON kit.product_tmpl_id = bom.product_tmpl_id
                   AND (bom.product_id IS NULL OR bom.product_id = kit.id))
           SELECT id FROM moved""", list(product_ids)))
    return {row[0] for row in rows}
