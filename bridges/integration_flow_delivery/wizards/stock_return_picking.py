from odoo import models


class StockReturnPicking(models.TransientModel):
    _inherit = "stock.return.picking"

    def _reset_carrier_id(self, picking):
        """A delivery method that makes return labels is that of the return as well."""
        kept = picking.filtered(lambda each: each.delivery_type == "integration" and each.carrier_id.can_generate_return)
        kept.write({"carrier_price": 0.0})
        return super()._reset_carrier_id(picking - kept)
