from odoo import api, fields, models


class SaleOrder(models.Model):
    """What field rules of a flow for rates read from a quotation, and what they call its answer."""

    _inherit = "sale.order"

    integration_parcel_weight = fields.Float(
        string="Weight of the Parcel", digits="Stock Weight", compute="_compute_integration_parcel_weight",
        help="What was entered when the delivery method was chosen, else the weight of the ordered products.")
    integration_rate = fields.Float(
        string="Rate of the Carrier", compute="_compute_integration_rate",
        help="Rules for rates write the price of an offer here. It is not kept: the price of the delivery line is.")
    integration_rate_currency_id = fields.Many2one(
        "res.currency", string="Currency of the Rate", compute="_compute_integration_rate")

    @api.depends("shipping_weight")
    @api.depends_context("order_weight")
    def _compute_integration_parcel_weight(self):
        for order in self:
            order.integration_parcel_weight = self.env.context.get("order_weight") or order.shipping_weight \
                or order._get_estimated_weight()

    def _compute_integration_rate(self):
        self.integration_rate = 0.0
        self.integration_rate_currency_id = False
