from odoo import api, fields, models

UNION = "base.europe"


class StockPicking(models.Model):
    """What a carrier wants to know of a parcel beside its weight: dimensions, and what customs want to know."""

    _inherit = "stock.picking"  # pylint: disable=unknown-option-value,consider-merging-classes-inherited

    integration_needs_customs = fields.Boolean(
        string="Needs Customs Papers", compute="_compute_integration_customs",
        help="It leaves the country, and not within the European Union.")
    integration_customs_move_ids = fields.Many2many(
        "stock.move", string="Goods for Customs", compute="_compute_integration_customs",
        help="What a customs declaration lists; nothing where none is needed.")
    integration_customs_contents = fields.Selection(
        [("merchandise", "Merchandise"), ("returned_goods", "Returned Goods")], string="Contents for Customs",
        compute="_compute_integration_customs")
    integration_customs_signer = fields.Char(
        string="Signer for Customs", compute="_compute_integration_customs", help="Who is responsible, else the company.")
    integration_parcel_length = fields.Float(string="Length of the Parcel", compute="_compute_integration_parcel")
    integration_parcel_width = fields.Float(string="Width of the Parcel", compute="_compute_integration_parcel")
    integration_parcel_height = fields.Float(string="Height of the Parcel", compute="_compute_integration_parcel")

    @api.depends("partner_id.country_id", "picking_type_id.warehouse_id.partner_id.country_id", "move_ids.state",
                 "move_ids.quantity", "user_id", "return_id")
    def _compute_integration_customs(self):
        union = self.env.ref(UNION, raise_if_not_found=False)
        union = union.sudo().country_ids if union else self.env["res.country"]
        for picking in self:
            here = picking.picking_type_id.warehouse_id.partner_id.country_id
            there = picking.partner_id.country_id
            needed = bool(here and there and here != there and not (here in union and there in union))
            goods = picking.move_ids.filtered(lambda move: move.state != "cancel" and move.product_id.type == "consu")
            goods = goods.filtered("quantity") or goods  # what is not in the parcel is not declared
            picking.integration_needs_customs = needed
            picking.integration_customs_move_ids = goods if needed else False
            picking.integration_customs_contents = needed and ("returned_goods" if picking.return_id else "merchandise")
            picking.integration_customs_signer = needed and (picking.user_id.name or picking.company_id.name)

    @api.depends("move_line_ids.result_package_id.package_type_id", "carrier_id.integration_package_type_id")
    def _compute_integration_parcel(self):
        """Of the one package of the delivery, else of the delivery method's usual one, in the unit of package types."""
        for picking in self:
            packages = picking.move_line_ids.result_package_id
            kind = packages.package_type_id if len(packages) == 1 and packages.package_type_id \
                else picking.carrier_id.integration_package_type_id
            picking.integration_parcel_length = kind.packaging_length
            picking.integration_parcel_width = kind.width
            picking.integration_parcel_height = kind.height
