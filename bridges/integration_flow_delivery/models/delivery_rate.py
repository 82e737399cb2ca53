from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import float_round

from odoo.addons.integration_flow.core.errors import SyncError
from odoo.addons.integration_flow.engine import asking, messages

# Failures of the carrier's system, not of the order: with these the usual price may count.
OUTAGES = ("connection", "server", "locked", "timeout", "rate_limit", "authentication")
LONGEST_SECONDS = 60


class DeliveryCarrier(models.Model):
    """What a quotation's shipment costs, asked at the carrier while the user waits."""

    _inherit = "delivery.carrier"  # pylint: disable=unknown-option-value,consider-merging-classes-inherited

    integration_rate_seconds = fields.Integer(
        string="Wait for a Rate (s)", default=8, required=True,
        help="So long a user or customer waits for the carrier's answer.")
    integration_fallback = fields.Boolean(
        string="Usual Price Without Answer",
        help="If the carrier's system does not answer, the usual price counts and the order can go on. What is wrong with "
             "the order (an address that is not complete, a parcel that is too heavy) is always said.")
    integration_usual_price = fields.Monetary(
        string="Usual Price", currency_field="currency_id",
        help="Without flow for rates, or if the carrier's system does not answer.")

    _integration_rate_seconds_sane = models.Constraint(
        f"CHECK (integration_rate_seconds BETWEEN 1 AND {LONGEST_SECONDS})",
        "A user waits for a rate at least one second and at most a minute.")

    def integration_rate_shipment(self, order):
        """The price of a quotation's shipment; see ``rate_shipment`` of Odoo.

        One question brings the rates of all services, so that the other delivery methods of the same carrier need none.
        """
        self.ensure_one()
        flow = self.sudo().integration_rate_flow_id
        if not flow:
            return self._integration_price(order, self.integration_usual_price, self.currency_id)
        if flow.state not in ("test", "live") or not flow.active:
            return self._integration_no_price(self.env._(
                "%(carrier)s cannot be asked for rates: its flow %(flow)s does not run.", carrier=self.name, flow=flow.name))
        try:
            prices = [(count, self._integration_offer(flow, order, weight))
                      for weight, count in self._integration_weights(order)]
        except SyncError as error:
            message, hint = messages.explain(self.env, error)
            if self.integration_fallback and error.error_class in OUTAGES:
                return self._integration_price(order, self.integration_usual_price, self.currency_id, warning=self.env._(
                    "%(carrier)s did not answer; the usual price counts. %(message)s", carrier=self.name, message=message))
            return self._integration_no_price(f"{message} {hint}")
        except UserError as error:
            return self._integration_no_price(str(error))
        currency = self.env["res.currency"].browse(prices[0][1].get("integration_rate_currency_id") or [])
        total = sum(count * (offer.get("integration_rate") or 0.0) for count, offer in prices)
        return self._integration_price(order, total, currency or self.currency_id)

    def _integration_weights(self, order):
        """``[(weight, how many parcels)]``: more than the usual package holds is packed into several, as Odoo expects it."""
        weight = self.env.context.get("order_weight")
        most = self.integration_package_type_id.max_weight
        whole = weight or order.integration_parcel_weight
        if not most or whole <= most:
            return [(weight, 1)]
        full = int(whole / most)
        rest = float_round(whole - full * most, precision_digits=4)
        return [(most, full), *([(rest, 1)] if rest > 0 else [])]

    def _integration_offer(self, flow, order, weight):
        """What one parcel of this weight costs.

        :raises SyncError: the carrier cannot say
        :raises UserError: it is offered by other delivery methods only
        """
        offers = asking.ask(flow, order, seconds=self.integration_rate_seconds, context={"order_weight": weight})
        mine = [offer for offer in offers if offer.get("carrier_id", self.id) == self.id]
        if not mine:
            others = self.browse([offer["carrier_id"] for offer in offers if offer.get("carrier_id")]).exists()
            raise UserError(self.env._(
                "%(carrier)s is not offered for this address and weight. Offered: %(others)s.",
                carrier=self.name, others=", ".join(others.mapped("name"))))
        return min(mine, key=lambda offer: offer.get("integration_rate") or 0.0)

    def _integration_price(self, order, price, currency, warning=False):
        """Odoo takes what a carrier asks in the currency of the order."""
        company = self.company_id or order.company_id or self.env.company
        currency = currency or company.currency_id
        if currency != order.currency_id:
            price = currency._convert(price, order.currency_id, company, order.date_order or fields.Date.today())
        return {"success": True, "price": price, "error_message": False, "warning_message": warning}

    @staticmethod
    def _integration_no_price(message):
        return {"success": False, "price": 0.0, "error_message": message, "warning_message": False}
