from odoo import api, fields, models


class StockMoveLine(models.Model):
    """Goods in one parcel, as customs want to know them."""

    _inherit = "stock.move.line"

    integration_customs_quantity = fields.Float(
        string="Quantity for Customs", digits="Product Unit", compute="_compute_integration_customs")
    integration_customs_value = fields.Float(
        string="Value for Customs", digits="Product Price", compute="_compute_integration_customs")
    integration_customs_weight = fields.Float(
        string="Weight for Customs", digits="Stock Weight", compute="_compute_integration_customs")
    integration_customs_origin = fields.Char(
        string="Country of Origin for Customs", compute="_compute_integration_customs")

    @api.depends("quantity", "product_uom_id", "product_id", "sale_price")
    def _compute_integration_customs(self):
        for line in self:
            pieces = line._integration_pieces()
            line.integration_customs_quantity = pieces
            line.integration_customs_value = line.move_id._integration_value(pieces, line.sale_price)
            line.integration_customs_weight = pieces * line.product_id.weight
            line.integration_customs_origin = line.move_id._integration_origin()

    def _integration_pieces(self):
        """The quantity in the unit of the product."""
        self.ensure_one()
        if not self.product_uom_id:
            return self.quantity
        return self.product_uom_id._compute_quantity(self.quantity, self.product_id.uom_id, round=False)

    def _integration_packages(self):
        """The package that these goods are in, and the containers around it, from the inside out. What is outermost is what
        the carrier takes."""
        self.ensure_one()
        above = "parent_package_id" if self.state == "done" else "package_dest_id"
        packages = package = self.result_package_id
        while package[above] and package[above] not in packages:
            package = package[above]
            packages += package
        return packages

    def _integration_weight(self, package):
        """What these goods weigh, with the package that they are in and those within it."""
        goods = sum(line._integration_pieces() * line.product_id.weight for line in self)
        packaging = package.browse().union(*[line._integration_packages() for line in self]) if package else package
        return goods + sum(one.package_type_id.base_weight for one in packaging)
