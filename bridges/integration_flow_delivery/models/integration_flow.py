from odoo import models

from odoo.addons.integration_flow.engine import parts

# What is done for each parcel of a packed delivery (rates, labels and returns, cancellation): effect of the flow on
# deliveries, and that of the flow on parcels.
BY_PARCEL = {"none": "tell", "create": "create", "end": "end"}


class IntegrationFlow(models.Model):
    """A request about a packed delivery is one about each of its parcels: carried out by the flow on parcels that has the
    same connection and resource, and the effect that fits. Without such a flow the delivery is one parcel."""

    _inherit = "integration.flow"

    def _request_now(self, records):
        packed = self._integration_packed(records)
        if not packed:
            return super()._request_now(records)
        whole = self._integration_whole(records, packed)
        outcomes = super()._request_now(whole) if whole else []
        flow = self._integration_parcel_flow()
        if self.request_effect == "none":
            flow._require_running()
            return outcomes + [picking._integration_cheapest(flow) for picking in packed]
        flow._check_may_request()
        picking_ids, ending = packed.ids, self.request_effect == "end"

        def parcels_of(env):
            parcels = env["stock.picking"].browse(picking_ids)._integration_parcels_to_ask(ending)
            return {parcel.id: parcel.picking_id.name for parcel in parcels}

        deliveries = parts.prepare(self.env, parcels_of)
        asked = super(IntegrationFlow, flow)._request_now(self.env["integration.parcel"].browse(deliveries))
        return outcomes + [{**outcome, "delivery": deliveries[outcome["res_id"]]} for outcome in asked]

    def _request_later(self, records):
        # Rates are told to whoever waits for them; in the background nobody does.
        packed = records.browse() if self.request_effect == "none" else self._integration_packed(records)
        whole = self._integration_whole(records, packed)
        if whole or not packed:
            super()._request_later(whole)
        if packed:
            parcels = packed.sudo()._integration_parcels_to_ask(self.request_effect == "end")
            super(IntegrationFlow, self._integration_parcel_flow())._request_later(parcels)
        return None

    def _integration_parcel_flow(self):
        """The flow that does for a parcel what this one does for a delivery; empty where there is none."""
        flow = self.sudo()
        if flow.direction != "request" or flow.model_name != "stock.picking" or flow.request_effect not in BY_PARCEL:
            return flow.browse()
        return flow.search([
            ("connection_id", "=", flow.connection_id.id), ("resource_id", "=", flow.resource_id.id),
            ("request_effect", "=", BY_PARCEL[flow.request_effect]), ("direction", "=", "request"),
            ("model_name", "=", "integration.parcel")], limit=1)

    def _integration_packed(self, records):
        """Those of the records whose parcels are asked about instead."""
        if records._name != "stock.picking" or not self._integration_parcel_flow():
            return records.browse()
        if self.sudo().request_effect == "end":
            return records.filtered("integration_parcel_ids.carrier_tracking_ref")
        return records.filtered(lambda picking: picking._integration_is_packed())

    def _integration_whole(self, records, packed):
        """Those that are asked about themselves: the others, and to cancel also those that got a label as a whole later."""
        if not packed or self.sudo().request_effect != "end":
            return records - packed
        own = self.env["integration.link"].sudo().search([
            ("model", "=", "stock.picking"), ("res_id", "in", packed.ids), ("resource_id", "=", self.sudo().resource_id.id)])
        return records - packed | packed.browse(own.mapped("res_id"))
