from odoo import api, fields, models

from ..core import paths
from ..engine import availability, capture

QUANT_FIELDS = ("quantity", "reserved_quantity", "location_id", "product_id")
MOVE_FIELDS = ("state", "product_qty", "location_id", "location_dest_id", "location_final_id", "product_id")
BOM = "product_tmpl_id.bom_ids"


class IntegrationFlow(models.Model):
    """Stock in published documents: one document for each variant and warehouse. Used only where Inventory is
    installed."""

    _inherit = "integration.flow"

    availability_enabled = fields.Boolean(
        string="Stock per Warehouse",
        help="One document for each product variant and warehouse, with what is on hand, reserved, incoming, outgoing and "
             "free there. Needs Inventory, and Product Variant as Odoo records.")
    availability_possible = fields.Boolean(compute="_compute_availability_possible")
    availability_formula = fields.Selection([
        ("reserved", "On hand − reserved"),
        ("incoming", "On hand − reserved + incoming"),
        ("forecast", "On hand + incoming − outgoing"),
        ("on_hand", "On hand"),
    ], string="Free Means", default="reserved", required=True)
    availability_safety = fields.Float(
        string="Safety Stock", digits=0, help="So much of each variant and warehouse is kept back from consumers.")
    availability_floor = fields.Boolean(string="Never Below Zero", default=True)
    availability_warehouses = fields.Char(
        string="Only Warehouses", help="Short names of warehouses, separated by commas. Empty: all of the company.")
    availability_path = fields.Char(
        string="Quantities Stand Under", default="stock", help="Empty: beside the other fields of the document.")
    availability_explanation = fields.Char(compute="_compute_availability_explanation")

    _availability_safety_sane = models.Constraint(
        "CHECK (availability_safety >= 0)", "The safety stock cannot be negative.")

    @api.depends("model_name")
    def _compute_availability_possible(self):
        for flow in self:
            flow.availability_possible = "stock.quant" in self.env and flow.model_name == "product.product"

    @api.depends("availability_enabled", "availability_formula", "availability_safety", "availability_floor")
    def _compute_availability_explanation(self):
        for flow in self:
            sentence = {
                "reserved": self.env._("Free is what lies in the warehouse and is not reserved for a delivery or an order"),
                "incoming": self.env._("Free is what lies in the warehouse and is not reserved, and what is on its way in"),
                "forecast": self.env._("Free is what will lie in the warehouse when all open moves are done"),
                "on_hand": self.env._("Free is all that lies in the warehouse, also what is reserved"),
            }[flow.availability_formula or "reserved"]
            parts = [sentence]
            if flow.availability_safety:
                parts.append(self.env._("less a safety stock of %(quantity)g", quantity=flow.availability_safety))
            if flow.availability_floor:
                parts.append(self.env._("and never less than zero"))
            flow.availability_explanation = ", ".join(parts) + ". " + self.env._(
                "Quantities are in the unit of the variant. Of a kit, as many are there as its components allow."
            ) if flow.availability_enabled else False

    def _availability(self):
        """What is published of the stock, as plain values; None when nothing is."""
        self.ensure_one()
        if not self.availability_enabled or not self.availability_possible:
            return None
        own = self._warehouses()
        return availability.Availability(
            tuple(sorted(((warehouse.id, warehouse.code) for warehouse in own), key=lambda pair: pair[1])),
            self.availability_formula, self.availability_safety, self.availability_floor, self.availability_path or "")

    def _warehouses(self):
        own = self.env["stock.warehouse"].sudo().search([("company_id", "=", self.company_id.id)])
        names = self._warehouse_names()
        return own.filtered(lambda warehouse: warehouse.code in names) if names else own

    def _warehouse_names(self):
        return {name.strip() for name in (self.availability_warehouses or "").split(",") if name.strip()}

    def _availability_problems(self):
        if not self.availability_enabled:
            return []
        if not self.availability_possible:
            return [self.env._(
                "Stock per warehouse needs the app Inventory, and Product Variant as Odoo records.")]
        problems = []
        missing = self._warehouse_names() - set(self._warehouses().mapped("code"))
        if missing:
            problems.append(self.env._(
                "%(company)s has no warehouse with the short name %(names)s.", company=self.company_id.name,
                names=", ".join(sorted(missing))))
        place = self.availability_path or ""
        if place and not paths.is_assignable(place):
            problems.append(self.env._("'%(path)s' is no name under which quantities can stand.", path=place))
        taken = set(self.rule_ids.mapped("external_path")) & {"warehouse", *(
            availability.Availability((), "", 0, False, place).place(name) for name in availability.QUANTITIES)}
        if taken:
            problems.append(self.env._(
                "The names %(names)s are those of the stock. Publish the fields under other names.",
                names=", ".join(sorted(taken))))
        return problems

    def _availability_watches(self):
        """Stock, moves and bills of materials lead back to their variant; warehouses and locations to all of them."""
        if not self.availability_enabled or not self.availability_possible:
            return
        for model, path, names in (
                ("stock.quant", "stock_quant_ids", QUANT_FIELDS), ("stock.move", "stock_move_ids", MOVE_FIELDS)):
            yield model, "", path, False
            for name in names:
                yield model, name, path, name == "product_id"
        for name in ("", "code", "active", "company_id", "view_location_id"):
            yield "stock.warehouse", name, capture.EVERY, False
        yield "stock.location", "location_id", capture.EVERY, False
        yield "product.template", "type", "product_tmpl_id", False
        if "mrp.bom" in self.env:
            yield "mrp.bom", "", BOM, False
            for name in ("type", "product_tmpl_id", "product_id", "active", "product_qty", "product_uom_id"):
                yield "mrp.bom", name, BOM, name == "product_tmpl_id"
            yield "mrp.bom.line", "", f"{BOM}.bom_line_ids", False
            for name in ("product_id", "product_qty", "product_uom_id"):
                yield "mrp.bom.line", name, f"{BOM}.bom_line_ids", False
