from odoo import api, fields, models

from odoo.addons.integration_flow.models.selections import NEEDS_ATTENTION

from .stock_picking import SHIPPING_STATUSES

# What the delivery hears of.
TOLD = {"carrier_tracking_ref", "price", "currency_id", "tracking_url", "shipping_status", "gone"}
WAY = ("unknown", "pre_transit", "in_transit", "out_for_delivery", "available_for_pickup", "delivered")
TROUBLES = ("failure", "error", "return_to_sender")


def status_of(statuses: list[str]) -> str | bool:
    """What the statuses of parcels say of their delivery, False for none: trouble of one is trouble of all, it is on its way
    when the first one is, and has arrived when all have.

    >>> status_of(["delivered", "pre_transit"]), status_of(["delivered", "delivered"])
    ('in_transit', 'delivered')
    """
    for trouble in TROUBLES:
        if trouble in statuses:
            return trouble
    going = [status for status in statuses if status != "cancelled"]
    if not going:
        return "cancelled" if statuses else False
    least, most = min(going, key=WAY.index), max(going, key=WAY.index)
    return min(most, max(least, "in_transit", key=WAY.index), key=WAY.index)


class IntegrationParcel(models.Model):
    """One parcel of a packed delivery, with a label of its own: a package, or the goods that are in none.

    Parcels are made when a label is asked for. A package may be shipped again by another delivery: what its label cost and
    where it is belongs to the parcel of that delivery, not to the package.
    """

    _name = "integration.parcel"
    _description = "Parcel"
    _order = "picking_id, loose, name, id"

    picking_id = fields.Many2one(
        "stock.picking", string="Delivery", required=True, readonly=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="picking_id.company_id", store=True, index=True, ondelete="cascade")
    package_id = fields.Many2one(
        "stock.package", readonly=True, ondelete="set null", index="btree_not_null")
    loose = fields.Boolean(string="Goods Without a Package", readonly=True)
    carrier_id = fields.Many2one(related="picking_id.carrier_id", string="Delivery Method")
    gone = fields.Boolean(
        string="Not in the Delivery", readonly=True,
        help="The delivery was packed in another way after this label was made.")
    name = fields.Char(required=True, readonly=True, help="The package's, as it was when the label was asked for.")
    reference = fields.Char(
        compute="_compute_reference", help="Delivery and parcel: by this the carrier's shipment is found again.")

    carrier_tracking_ref = fields.Char(string="Tracking Reference", copy=False, readonly=True, index="btree_not_null")
    tracking_url = fields.Char(string="Tracking Page", copy=False, readonly=True, index="btree_not_null")
    shipping_status = fields.Selection(SHIPPING_STATUSES, copy=False, readonly=True)
    price = fields.Float(string="Shipping Cost", copy=False, readonly=True, help="As the carrier gave it.")
    currency_id = fields.Many2one(
        "res.currency", copy=False, readonly=True, ondelete="set null", index="btree_not_null")

    move_line_ids = fields.Many2many("stock.move.line", string="Contents", compute="_compute_contents")
    customs_line_ids = fields.Many2many(
        "stock.move.line", string="Goods for Customs", compute="_compute_contents",
        help="What the customs declaration of this parcel lists; nothing where none is needed.")
    shipping_weight = fields.Float(
        string="Weight for Shipping", digits="Stock Weight", compute="_compute_contents",
        help="As it was weighed, else the weight of what is in it and of the packaging.")
    parcel_length = fields.Float(string="Length", compute="_compute_contents")
    parcel_width = fields.Float(string="Width", compute="_compute_contents")
    parcel_height = fields.Float(string="Height", compute="_compute_contents")

    _package_once = models.UniqueIndex("(picking_id, package_id) WHERE package_id IS NOT NULL")
    _loose_once = models.UniqueIndex("(picking_id) WHERE loose")

    @api.depends("picking_id.name", "name")
    def _compute_reference(self):
        for parcel in self:
            parcel.reference = f"{parcel.picking_id.name} {parcel.name}"

    @api.depends("picking_id.name", "name")
    def _compute_display_name(self):
        for parcel in self:
            parcel.display_name = f"{parcel.picking_id.name}, {parcel.name}"

    @api.depends("picking_id.move_line_ids.result_package_id", "picking_id.move_line_ids.quantity",
                 "picking_id.move_line_ids.picked", "package_id.shipping_weight", "package_id.package_type_id", "loose")
    def _compute_contents(self):
        contents = {picking: picking._integration_contents() for picking in self.picking_id}
        for parcel in self:
            package = parcel.package_id
            lines = contents[parcel.picking_id].get(package, self.env["stock.move.line"]) \
                if package or parcel.loose else self.env["stock.move.line"]
            kind = package.package_type_id or parcel.picking_id.carrier_id.integration_package_type_id
            parcel.move_line_ids = lines
            parcel.customs_line_ids = parcel.picking_id.integration_needs_customs and lines.filtered(
                lambda line: line.product_id.type == "consu")
            parcel.shipping_weight = bool(lines) and (package.shipping_weight or lines._integration_weight(package))
            parcel.parcel_length = kind.packaging_length
            parcel.parcel_width = kind.width
            parcel.parcel_height = kind.height

    def _integration_keeper(self):
        """Labels lie where people look for them."""
        return self.exists().picking_id or self

    def write(self, vals):
        cancelled = [(parcel, parcel.carrier_tracking_ref) for parcel in self if parcel.carrier_tracking_ref] \
            if vals.get("carrier_tracking_ref", True) in (False, None, "") else []
        result = super().write(vals)
        for parcel, number in cancelled:
            parcel.picking_id.message_post(body=self.env._(
                "The shipment %(number)s (%(parcel)s) was cancelled.", number=number, parcel=parcel.name))
        if TOLD & vals.keys():
            self.picking_id._integration_parcels_changed()
        return result

    def _problems(self):
        """``{parcel: what is wrong}`` of those with which something does not go on by itself, or has to be tried again."""
        syncs = self.env["integration.sync"].sudo().search([
            ("flow_id.model_name", "=", self._name), ("res_id", "in", self.ids), ("error_message", "!=", False),
            ("state", "in", (*NEEDS_ATTENTION, "waiting"))]) if self else ()
        return {self.browse(sync.res_id): sync.error_message for sync in syncs}

    def _told(self):
        """Names and numbers, for a sentence."""
        return ", ".join(f"{parcel.name} ({parcel.carrier_tracking_ref})" for parcel in self)

    def _price_in(self, currency):
        """What all of these cost together."""
        return sum(parcel.currency_id._convert(
            parcel.price, currency, parcel.company_id, fields.Date.context_today(parcel))
            if parcel.currency_id and parcel.currency_id != currency else parcel.price for parcel in self)
