from odoo import models
from odoo.exceptions import UserError

from odoo.addons.integration_flow.models.selections import NEEDS_ATTENTION

# So many labels are made while the user waits; more are made in the background.
MOST_AT_ONCE = 40
WAITING = ("waiting", "pending", "processing")


class StockPicking(models.Model):
    """One button for the labels of many deliveries: what is missing is made, then all of them are printed together."""

    _inherit = "stock.picking"  # pylint: disable=unknown-option-value,consider-merging-classes-inherited

    def action_integration_print_labels(self):
        """Make the labels that are missing, and open a dialog from which all labels of these deliveries are printed.

        A delivery whose label cannot be made stops none of the others; the dialog says what is wrong with it.
        """
        self.check_access("write")
        self.env["integration.label.print"].check_access("create")  # before anything is bought
        shipped = self.filtered(lambda picking: picking.delivery_type == "integration" and picking.state != "cancel"
                                and picking.picking_type_code != "incoming")
        if not shipped:
            raise UserError(self.env._(
                "None of these deliveries is shipped by an integration. Choose its delivery method first."))
        problems = shipped._integration_make_missing_labels()
        return self.env["integration.label.print"].create({
            "picking_ids": [(6, 0, shipped.ids)], "problems": "\n".join(problems)})._open()

    def _integration_make_missing_labels(self):
        """Make the labels of those that have none.

        :return: sentences about those that have none afterwards
        """
        missing = self.filtered(lambda picking: picking._integration_lacks_labels())
        problems = []
        for flow, pickings in missing.grouped(lambda picking: picking.carrier_id.sudo().integration_label_flow_id).items():
            if not flow:
                problems += [self.env._("%(delivery)s: the delivery method has no flow for labels.", delivery=picking.name)
                             for picking in pickings]
                continue
            try:
                if len(missing) > MOST_AT_ONCE:
                    flow._request_later(pickings)
                    continue
                outcomes = flow._request_now(pickings)
            except UserError as error:  # the flow does not run: labels of others are made all the same
                problems.append(str(error))
                continue
            problems += pickings._integration_problems(outcomes, flow, waiting=False)
        return problems

    def _integration_problems(self, outcomes, flow, waiting=True):
        """Sentences about what did not work, and about what exists of a delivery of which a part did not.

        :param waiting: name those that are tried again by themselves, too
        """
        problems = []
        for outcome in outcomes:
            values = {"delivery": outcome["name"], "message": outcome["message"] or ""}
            if outcome["state"] in NEEDS_ATTENTION:
                problems.append(self.env._("%(delivery)s: %(message)s %(hint)s", hint=outcome["hint"] or "", **values))
            elif outcome["state"] in WAITING and waiting:
                values["message"] = values["message"] or self.env._("The carrier's system did not answer.")
                problems.append(self.env._("%(delivery)s: %(message)s It is tried again by itself.", **values))
            elif outcome["state"] == "excluded":
                problems.append(self._integration_left_out(outcome["name"], flow))
        parcels = [outcome for outcome in outcomes if outcome.get("delivery")]
        for delivery in dict.fromkeys(outcome["delivery"] for outcome in parcels):
            mine = [outcome for outcome in parcels if outcome["delivery"] == delivery]
            done = [outcome["name"] for outcome in mine if outcome["state"] == "synced"]
            if done and len(done) < len(mine):
                problems.append(self.env._(
                    "%(delivery)s: this was done for %(count)s of %(all)s parcels only: %(parcels)s.", delivery=delivery,
                    count=len(done), all=len(mine), parcels=", ".join(done)))
        return problems

    def _integration_label_files(self, ending):
        """The labels of these deliveries in one format, in the order of the deliveries; not those that were cancelled.

        :param ending: ``.pdf`` or ``.zpl``
        """
        files = self.env["ir.attachment"].search([
            ("res_model", "=", "stock.picking"), ("res_id", "in", self.ids), ("res_field", "=", False),
            ("name", "=ilike", f"%{ending}")], order="id")
        by_picking = files.grouped("res_id")
        return files.browse().concat(*[
            picking._integration_own_labels(by_picking.get(picking.id, files.browse())) for picking in self])

    def _integration_own_labels(self, files):
        """Which of the files of one delivery are its present label."""
        prefix = self.carrier_id._get_delivery_label_prefix()
        mine = files.filtered(lambda file: file.name.startswith(prefix))
        numbers = [number for number in (self.carrier_tracking_ref or "").split(",") if number]
        numbered = mine.browse().union(*[
            mine.filtered(lambda file, number=number: number in file.name) for number in numbers])
        # Names without the number: the newest files are those of the present labels.
        return numbered or mine[max(0, len(mine) - len(numbers)):]
