from odoo import api, fields, models

# What the carrier says of a parcel, from the label to the door; the words that most carriers and label services use.
SHIPPING_STATUSES = [
    ("pre_transit", "Label Made"),
    ("in_transit", "On Its Way"),
    ("out_for_delivery", "Out for Delivery"),
    ("available_for_pickup", "Ready for Pickup"),
    ("delivered", "Delivered"),
    ("return_to_sender", "Back to Sender"),
    ("failure", "Delivery Failed"),
    ("cancelled", "Cancelled"),
    ("error", "Error"),
    ("unknown", "Unknown"),
]


class StockPicking(models.Model):
    """Deliveries that an integration ships: made on validation, followed until they have arrived."""

    _inherit = "stock.picking"

    integration_shipping_status = fields.Selection(
        SHIPPING_STATUSES, string="Shipping Status", copy=False, index="btree_not_null", tracking=True,
        help="Told by the carrier, or asked for by schedule.")
    integration_tracking_url = fields.Char(string="Tracking Page", copy=False, index="btree_not_null",
                                           help="As the carrier gave it with the label.")

    integration_price_currency_id = fields.Many2one(
        "res.currency", string="Currency of the Shipping Cost", copy=False, ondelete="set null", index="btree_not_null",
        help="In which the carrier gave the price. Odoo keeps the shipping cost in the currency of the order.")

    @api.depends("integration_tracking_url", "integration_parcel_ids.tracking_url", "integration_parcel_ids.gone")
    def _compute_carrier_tracking_url(self):
        return super()._compute_carrier_tracking_url()

    def write(self, vals):
        shipped = self.filtered(
            lambda picking: picking.delivery_type == "integration" and not picking.carrier_tracking_ref
        ) if vals.get("carrier_tracking_ref") and not self.env.context.get("integration_shipped") else self.browse()
        result = super().write(vals)
        shipped._integration_shipped()
        return result

    def _integration_shipped(self):
        """A label came: what Odoo does with price and number of a shipment (margins, order line, other transfers of the
        chain, message) is done now, whenever it came and from whatever flow."""
        for picking in self:
            paid = picking.integration_price_currency_id
            wanted = picking.sale_id.currency_id or picking.company_id.currency_id
            if paid and paid != wanted:
                picking.carrier_price = paid._convert(
                    picking.carrier_price, wanted, picking.company_id, fields.Date.context_today(picking))
            picking.with_context(integration_shipped=True).sudo().send_to_shipper()

    # -- on validation -------------------------------------------------------------------------------------

    def _pre_action_done_hook(self):
        ready = super()._pre_action_done_hook()
        if ready is True:
            self._integration_label_first()
        return ready

    def _integration_label_first(self):
        """Delivery methods that want a label before a delivery is validated get it now; without one this stops."""
        wanted = self.filtered(lambda picking: picking._integration_ships()
                               and picking.carrier_id.integration_ship_policy == "before")
        for carrier, pickings in wanted.grouped("carrier_id").items():
            carrier.integration_send_shipping(pickings)

    def _integration_ships(self):
        """Is a label made for this transfer when it is validated? The same transfers for which Odoo asks its carriers."""
        self.ensure_one()
        return self.delivery_type == "integration" and self.integration_level == "rate_and_ship" \
            and self.picking_type_code != "incoming" and not self.carrier_tracking_ref and self.picking_type_id.print_label

    def _send_confirmation_email(self):
        return super(StockPicking, self.with_context(integration_validating=True))._send_confirmation_email()

    def send_to_shipper(self):
        """On validation the label is asked for behind the commit: no carrier is waited for, no label is made for a
        validation that rolls back, and none is forgotten. By the button it is made at once."""
        self.ensure_one()
        if self.delivery_type != "integration" or self.env.context.get("integration_shipped"):
            return super().send_to_shipper()
        if not self.env.context.get("integration_validating"):
            self.carrier_id.integration_send_shipping(self)
            return None
        if self.carrier_tracking_ref:
            return None
        carrier = self.carrier_id
        buttons = {carrier._integration_flow("integration_label_flow_id"): self.env._("Send to Shipper")}
        if carrier.return_label_on_delivery and carrier.can_generate_return:
            buttons[carrier._integration_flow("integration_return_flow_id")] = self.env._("Print Return Label")
        for flow, button in buttons.items():
            if flow.active and flow.state in ("test", "live"):
                flow._request_later(self)
            else:
                self._integration_not_asked(flow, button)
        return None

    def _integration_not_asked(self, flow, button):
        """The goods leave all the same; somebody has to make the label."""
        self.sudo().activity_schedule(
            "mail.mail_activity_data_warning", summary=self.env._("No Label"), user_id=self.user_id.id or self.env.uid,
            note=self.env._(
                "%(delivery)s was validated, but its label was not asked for: the flow %(flow)s does not run. Start the "
                "flow, then press %(button)s.", delivery=self.name, flow=flow.name, button=button))

    def _integration_left_out(self, delivery, flow):
        """Nobody was asked: not a success, whatever else it looks like."""
        return self.env._("%(delivery)s: %(flow)s leaves it out, by its filter or its company. Nobody was asked.",
                          delivery=delivery, flow=flow.name)

    # -- cancelling ----------------------------------------------------------------------------------------

    def cancel_shipment(self):
        """The engine takes number and price off the delivery, in its own transaction: writing them here as well would have
        two transactions wait for each other."""
        ours = self.filtered(lambda picking: picking.delivery_type == "integration")
        for carrier, pickings in ours.grouped("carrier_id").items():
            # Parcels say so themselves, each with its number.
            numbers = {picking: picking.carrier_tracking_ref for picking in pickings if not picking.integration_parcel_ids}
            carrier.integration_cancel_shipment(pickings)
            for picking, number in numbers.items():
                picking.message_post(body=self.env._("The shipment %(number)s was cancelled.", number=number))
        others = self - ours
        return super(StockPicking, others).cancel_shipment() if others else None
