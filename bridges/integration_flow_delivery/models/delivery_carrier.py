import json

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

USER_GROUP = "integration_flow.group_integration_user"
# Which flow does what: field, model of its records, what the request does over there.
FLOW_FIELDS = {
    "integration_rate_flow_id": ("sale.order", "tell"),
    "integration_label_flow_id": ("stock.picking", "create"),
    "integration_cancel_flow_id": ("stock.picking", "end"),
    "integration_return_flow_id": ("stock.picking", "create"),
}


def _flow_field(name, label, help_text):
    model, effect = FLOW_FIELDS[name]
    return fields.Many2one(
        "integration.flow", string=label, help=help_text, ondelete="set null", index="btree_not_null", groups=USER_GROUP,
        domain=[("direction", "=", "request"), ("model_name", "=", model), ("request_effect", "=", effect)])


class DeliveryCarrier(models.Model):
    """A delivery method that an integration carries out: its request flows say how a label is made, cancelled and returned.

    A label is made by the engine, in its own transactions: once, also when an answer was lost.
    """

    _inherit = "delivery.carrier"

    delivery_type = fields.Selection(
        selection_add=[("integration", "Integration")],
        ondelete={"integration": lambda carriers: carriers.write({"delivery_type": "fixed", "fixed_price": 0})})
    integration_connection_id = fields.Many2one(
        "integration.connection", string="Connection", ondelete="set null", index="btree_not_null",
        help="The carrier's system. Choosing it fills in its flows.")
    integration_rate_flow_id = _flow_field(
        "integration_rate_flow_id", "Rates", "Asks what a quotation's shipment costs. Empty: the price stands below.")
    integration_label_flow_id = _flow_field(
        "integration_label_flow_id", "Label", "Makes the label of a delivery, with its tracking number and price.")
    integration_cancel_flow_id = _flow_field(
        "integration_cancel_flow_id", "Cancel", "Cancels the label of a delivery.")
    integration_return_flow_id = _flow_field(
        "integration_return_flow_id", "Return Label", "Makes the label with which the customer sends the goods back.")
    integration_ship_policy = fields.Selection([
        ("after", "Validate, Then Make the Label"),
        ("before", "Validate Only with a Label"),
    ], string="On Validation", default="after", required=True,
        help="Validate, then make the label: the delivery is validated whatever the carrier's system does; the label is "
             "made a moment later, and tried again by itself while the carrier does not answer.\n"
             "Validate only with a label: the label is made first; without one the delivery cannot be validated.")
    integration_package_type_id = fields.Many2one(
        "stock.package.type", string="Usual Package", ondelete="set null", index="btree_not_null",
        help="Its dimensions are sent for deliveries that are not put in a package of their own.")

    @api.depends("integration_return_flow_id")
    def _compute_can_generate_return(self):
        result = super()._compute_can_generate_return()
        for carrier in self.filtered(lambda carrier: carrier.delivery_type == "integration"):
            carrier.can_generate_return = bool(carrier.sudo().integration_return_flow_id)
        return result

    @api.onchange("integration_connection_id")
    def _onchange_integration_connection_id(self):
        self._fill_in_flows()

    def _fill_in_flows(self):
        """The flows of the connection, in their order: of two that make a label the second is the return."""
        for carrier in self.filtered("integration_connection_id"):
            flows = self.env["integration.flow"].search([
                ("connection_id", "=", carrier.integration_connection_id.id), ("direction", "=", "request")])
            taken = flows.browse()
            for name, (model, effect) in FLOW_FIELDS.items():
                found = flows.filtered(
                    lambda flow, model=model, effect=effect: flow.model_name == model and flow.request_effect == effect)
                carrier[name] = (found - taken)[:1]
                taken |= carrier[name]

    @api.constrains("delivery_type", "integration_level", "integration_label_flow_id")
    def _check_integration_label_flow(self):
        for carrier in self.sudo():
            if carrier.delivery_type == "integration" and carrier.integration_level == "rate_and_ship" \
                    and not carrier.integration_label_flow_id:
                raise ValidationError(self.env._(
                    "%(carrier)s: choose the flow that makes labels, or let this delivery method only get rates.",
                    carrier=carrier.name))

    # -- what Odoo calls -----------------------------------------------------------------------------------

    def integration_send_shipping(self, pickings):
        """Labels of deliveries that are committed, at once. Price and tracking number are on the deliveries afterwards."""
        missing = pickings.filtered(lambda picking: picking._integration_lacks_labels())
        if missing:
            self._integration_ask("integration_label_flow_id", missing)
        return [{"exact_price": picking.carrier_price, "tracking_number": picking.carrier_tracking_ref}
                for picking in pickings]

    def integration_get_tracking_link(self, picking):
        """The address that the carrier gave, else that of the delivery method; for several parcels Odoo's list of them."""
        parcels = picking.sudo()._integration_present_parcels().filtered("carrier_tracking_ref")
        links = [(parcel.carrier_tracking_ref, self._integration_link(parcel.tracking_url, parcel.carrier_tracking_ref))
                 for parcel in parcels]
        if len(links) > 1 and all(url for _number, url in links):
            return json.dumps(links)
        return links[0][1] if len(links) == 1 else self._integration_link(
            picking.integration_tracking_url, picking.carrier_tracking_ref)

    def _integration_link(self, url, number):
        if url:
            return url
        return self.tracking_url.replace("<shipmenttrackingnumber>", number) if self.tracking_url and number else False

    def integration_cancel_shipment(self, pickings):
        """Cancel labels at once. The number is taken off the deliveries only where the carrier agreed."""
        self._integration_ask("integration_cancel_flow_id", pickings)

    def integration_get_return_label(self, pickings, tracking_number=None, origin_date=None):
        """Return labels at once; they are attached to the deliveries."""
        self._integration_ask("integration_return_flow_id", pickings)

    def get_return_label_prefix(self):
        if self.delivery_type == "integration":
            return self._integration_file_prefix("integration_return_flow_id") or super().get_return_label_prefix()
        return super().get_return_label_prefix()

    def _get_delivery_label_prefix(self):
        if self.delivery_type == "integration":
            return self._integration_file_prefix("integration_label_flow_id") or super()._get_delivery_label_prefix()
        return super()._get_delivery_label_prefix()

    def _integration_file_prefix(self, field_name):
        """With what the names of the files begin that a flow attaches: *Label* of ``Label {tracking_code}``."""
        names = self.sudo()[field_name].request_step_ids.mapped("attach_name")
        return next((name.partition("{")[0] for name in names if name and name.partition("{")[0].strip()), "")

    # -- asking --------------------------------------------------------------------------------------------

    def _integration_flow(self, field_name):
        """The flow that does this, as superuser: whoever may ship need not see integrations.

        :raises UserError: when the delivery method has none
        """
        self.ensure_one()
        flow = self.sudo()[field_name]
        if not flow:
            raise UserError(self.env._(
                "The delivery method %(carrier)s has no flow for this (%(what)s). Choose one in its settings.",
                carrier=self.name, what=self.sudo()._fields[field_name]._description_string(self.env)))
        return flow

    def _integration_ask(self, field_name, pickings):
        """Ask the carrier's system about these deliveries at once.

        :raises UserError: says for each delivery that failed what is wrong and what to do; what was made is kept
        """
        pickings.check_access("write")
        flow = self._integration_flow(field_name)
        problems = pickings._integration_problems(flow._request_now(pickings), flow)
        if problems:
            raise UserError("\n".join(problems))
