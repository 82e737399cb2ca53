from odoo import api, fields, models


class StockPackage(models.Model):
    """Packages show the number under which a carrier has them."""

    _inherit = "stock.package"

    integration_parcel_ids = fields.One2many("integration.parcel", "package_id", string="Shipped As")
    integration_tracking_ref = fields.Char(
        string="Tracking Reference", compute="_compute_integration_tracking_ref", search="_search_integration_tracking_ref",
        help="Of the newest label of this package.")

    @api.depends("integration_parcel_ids.carrier_tracking_ref")
    def _compute_integration_tracking_ref(self):
        for package in self:
            labelled = package.sudo().integration_parcel_ids.filtered("carrier_tracking_ref")
            package.integration_tracking_ref = labelled.sorted("id")[-1:].carrier_tracking_ref

    def _search_integration_tracking_ref(self, operator, value):
        return [("integration_parcel_ids.carrier_tracking_ref", operator, value)]
