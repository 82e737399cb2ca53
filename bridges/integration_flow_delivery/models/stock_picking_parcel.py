from odoo import api, fields, models

from .integration_parcel import status_of


class StockPicking(models.Model):
    """Deliveries that are packed: each package is a parcel with a label of its own. Number, price and status of the delivery
    are made of those of its parcels."""

    _inherit = "stock.picking"  # pylint: disable=unknown-option-value,consider-merging-classes-inherited

    integration_parcel_ids = fields.One2many("integration.parcel", "picking_id", string="Parcels", copy=False)
    integration_parcel_notice = fields.Text(
        string="State of the Parcels", compute="_compute_integration_parcel_notice", compute_sudo=True,
        help="Which labels exist while others are missing, and why.")

    @api.depends("integration_parcel_ids.carrier_tracking_ref", "integration_parcel_ids.gone", "carrier_tracking_ref")
    def _compute_integration_parcel_notice(self):
        problems = self.integration_parcel_ids._problems()
        for picking in self:
            parcels = picking._integration_present_parcels()
            labelled = parcels.filtered("carrier_tracking_ref")
            over = (picking.integration_parcel_ids - parcels).filtered("carrier_tracking_ref")
            sentences = []
            if labelled and labelled != parcels:
                sentences.append(self.env._(
                    "%(count)s of %(all)s parcels have a label: %(labels)s. Without one: %(missing)s.", count=len(labelled),
                    all=len(parcels), labels=labelled._told(), missing=", ".join((parcels - labelled).mapped("name"))))
            if over:
                sentences.append(self.env._(
                    "These parcels have a label, but are not in the delivery any more: %(labels)s. Cancel them.",
                    labels=over._told()))
            sentences += [f"{parcel.name}: {problems[parcel]}" for parcel in parcels if parcel in problems]
            picking.integration_parcel_notice = "\n".join(sentences)

    # -- what is packed ------------------------------------------------------------------------------------

    def _integration_contents(self):
        """``{package: move lines}`` of what leaves; goods without a package under the empty package."""
        self.ensure_one()
        lines = self.move_line_ids.filtered(lambda line: line.quantity and line.state != "cancel")
        lines = lines.filtered("picked") or lines  # what is not picked stays here
        return lines.grouped(lambda line: line._integration_packages()[-1:])

    def _integration_is_packed(self):
        """Is any of it in a package? Not if a label was made for the delivery as a whole."""
        self.ensure_one()
        if self.carrier_tracking_ref and not self.integration_parcel_ids:
            return False
        return any(self._integration_contents())

    def _integration_parcels_now(self):
        """The parcels of these deliveries as they are packed now: made where they are missing. Those that are not in the
        delivery any more are marked, because a label of theirs may exist."""
        vals_list = []
        for picking in self:
            contents = picking._integration_contents()
            known = picking.integration_parcel_ids
            here = known.browse().union(*[
                parcel for parcel in known if (parcel.package_id or parcel.loose) and parcel.package_id in contents])
            (known - here).filtered(lambda parcel: not parcel.gone).gone = True
            here.filtered("gone").gone = False
            names = set(known.mapped("name"))
            for package in contents.keys() - {parcel.package_id for parcel in here}:
                name = package.name or self.env._("Loose Goods")
                while name in names:  # names of packages need not be unique, references at the carrier have to be
                    name += "'"
                names.add(name)
                vals_list.append({"picking_id": picking.id, "package_id": package.id, "loose": not package, "name": name})
        self.env["integration.parcel"].create(vals_list)
        return self._integration_present_parcels()

    def _integration_present_parcels(self):
        """Those that were in the deliveries when a label was asked for last."""
        return self.integration_parcel_ids.filtered(lambda parcel: not parcel.gone)

    def _integration_parcels_to_ask(self, ending):
        """What a request about these deliveries is about.

        :param ending: to cancel: all that have a label; else all that are in the deliveries now
        """
        return self.integration_parcel_ids.filtered("carrier_tracking_ref") if ending else self._integration_parcels_now()

    def _integration_lacks_labels(self):
        """Is there a label to make?"""
        self.ensure_one()
        return not self.carrier_tracking_ref or bool(self._integration_unlabelled())

    def _integration_unlabelled(self):
        """Parcels that are known, and have no label."""
        return self._integration_present_parcels().filtered(lambda parcel: not parcel.carrier_tracking_ref)

    # -- what comes of it ----------------------------------------------------------------------------------

    def _integration_parcels_changed(self):
        """Something came to the parcels: number, price and status of the delivery follow.

        A delivery gets its number when all of its parcels have one: nothing looks shipped of which a part is missing. Its
        row is written in any case: of two transactions that bring a parcel each, the second one then has to look again.
        """
        for picking in self:
            parcels = picking._integration_present_parcels()
            labelled = parcels.filtered("carrier_tracking_ref")
            if labelled and labelled == parcels:
                picking._integration_labels_complete(parcels)
            elif picking.carrier_tracking_ref and picking.integration_parcel_ids:  # cancelled, or one was added
                picking.write(picking._integration_parcel_vals(labelled))
            else:
                picking.write({"integration_shipping_status": False})

    def _integration_labels_complete(self, parcels):
        self.ensure_one()
        vals = self._integration_parcel_vals(parcels)
        if self.carrier_tracking_ref == vals["carrier_tracking_ref"]:
            self.write({"integration_shipping_status": vals["integration_shipping_status"]})
            return
        if self.carrier_tracking_ref:
            self.carrier_tracking_ref = False  # what Odoo does with a number is done for the new ones
        self.write(vals)

    def _integration_parcel_vals(self, parcels):
        """What these parcels say of the delivery."""
        currency = parcels.currency_id[:1] or self.company_id.currency_id
        return {
            "carrier_tracking_ref": ",".join(parcels.mapped("carrier_tracking_ref")) or False,
            "carrier_price": parcels._price_in(currency),
            "integration_price_currency_id": parcels.currency_id[:1].id,
            "integration_shipping_status": status_of([parcel.shipping_status or "unknown" for parcel in parcels]),
        }
