from odoo import fields, models

from odoo.addons.integration_flow.core.errors import SyncError
from odoo.addons.integration_flow.engine import asking, messages


class StockPicking(models.Model):
    """What the parcels of a packed delivery cost together, before a label is bought."""

    _inherit = "stock.picking"  # pylint: disable=unknown-option-value,consider-merging-classes-inherited

    def _integration_cheapest(self, flow):
        """Fill in the delivery method that takes all parcels for the least money, and what that is.

        :param flow: the flow that tells what a parcel costs, service by service
        :return: an outcome like those of other requests; see ``process_now``
        """
        self.ensure_one()
        outcome = {"res_id": self.id, "name": self.display_name, "state": "synced", "message": "", "hint": ""}
        parcels = self.sudo()._integration_parcels_now()
        together, asked = {}, parcels.browse()
        for parcel in parcels:
            try:
                offers = asking.ask(flow, parcel, seconds=self.carrier_id.integration_rate_seconds or 8)
            except SyncError as error:
                message, hint = messages.explain(self.env, error)
                return {**outcome, "name": parcel.display_name, "state": "failed", "message": message, "hint": hint}
            prices = {offer["carrier_id"]: self._integration_in_own_currency(offer) for offer in offers
                      if offer.get("carrier_id")}
            together = {carrier: price + together.get(carrier, 0.0) for carrier, price in prices.items()
                        if not asked or carrier in together}
            asked += parcel
        if not together:
            return {**outcome, "state": "failed", "message": self.env._("No service takes all parcels of this delivery."),
                    "hint": self.env._("Pack what is heavy or large in another way.")}
        carrier, price = min(together.items(), key=lambda item: item[1])
        self.sudo().write({"carrier_id": carrier, "carrier_price": price})
        return outcome

    def _integration_in_own_currency(self, offer):
        paid = self.env["res.currency"].browse(offer.get("currency_id") or [])
        wanted = self.sale_id.currency_id or self.company_id.currency_id
        price = offer.get("price") or 0.0
        return paid._convert(price, wanted, self.company_id, fields.Date.context_today(self)) \
            if paid and paid != wanted else price
