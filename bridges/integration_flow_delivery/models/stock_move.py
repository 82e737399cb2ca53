from odoo import api, fields, models


class StockMove(models.Model):
    """One product of a customs declaration."""

    _inherit = "stock.move"

    integration_customs_quantity = fields.Float(
        string="Quantity for Customs", digits="Product Unit", compute="_compute_integration_customs")
    integration_customs_value = fields.Float(
        string="Value for Customs", digits="Product Price", compute="_compute_integration_customs",
        help="Of all pieces, as they were sold; without a sale by the product's sales price.")
    integration_customs_weight = fields.Float(
        string="Weight for Customs", digits="Stock Weight", compute="_compute_integration_customs")
    integration_customs_origin = fields.Char(
        string="Country of Origin for Customs", compute="_compute_integration_customs",
        help="Of the product, else the country of the warehouse.")

    @api.depends("move_line_ids.sale_price", "quantity", "product_uom_qty", "product_id", "sale_line_id.price_reduce_taxinc")
    def _compute_integration_customs(self):
        for move in self:
            quantity = move.quantity or move.product_uom_qty
            pieces = move.product_uom._compute_quantity(quantity, move.product_id.uom_id, round=False) \
                if move.product_uom else quantity
            move.integration_customs_quantity = pieces
            move.integration_customs_value = move._integration_value(pieces, sum(move.move_line_ids.mapped("sale_price")))
            move.integration_customs_weight = pieces * move.product_id.weight
            move.integration_customs_origin = move._integration_origin()

    def _integration_value(self, pieces, sold):
        """What so many pieces are worth, in the company's currency, in which all of it is declared.

        :param sold: what Odoo says that they were sold for; 0 where it does not know
        """
        self.ensure_one()
        # What a kit was sold for says nothing about one of its components.
        line = self.sale_line_id if self.sale_line_id.product_id == self.product_id else self.sale_line_id.browse()
        value = sold or (line.price_reduce_taxinc or self.product_id.list_price) * pieces
        if line and line.currency_id != self.company_id.currency_id:
            value = line.currency_id._convert(
                value, self.company_id.currency_id, self.company_id, fields.Date.context_today(self))
        return value

    def _integration_origin(self):
        self.ensure_one()
        return self.product_id.country_of_origin.code or self.picking_type_id.warehouse_id.partner_id.country_id.code
