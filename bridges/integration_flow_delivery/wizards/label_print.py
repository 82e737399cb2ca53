from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools.pdf import merge_pdf


class IntegrationLabelPrint(models.TransientModel):
    """The labels of several deliveries in one file, and what keeps the others from having one."""

    _name = "integration.label.print"
    _description = "Print Shipping Labels"

    picking_ids = fields.Many2many("stock.picking", string="Deliveries", readonly=True)
    problems = fields.Text(readonly=True)
    ready_count = fields.Integer(string="Labels Ready", compute="_compute_counts")
    missing_count = fields.Integer(string="Without a Label", compute="_compute_counts")
    zpl_count = fields.Integer(compute="_compute_counts")

    @api.depends("picking_ids.carrier_tracking_ref", "picking_ids.integration_parcel_ids.carrier_tracking_ref")
    def _compute_counts(self):
        for wizard in self:
            missing = wizard._missing()
            ready = wizard.picking_ids - missing
            wizard.ready_count = sum(len(picking.carrier_tracking_ref.split(",")) for picking in ready)
            wizard.missing_count = sum(len(picking._integration_unlabelled()) or 1 for picking in missing)
            wizard.zpl_count = len(ready._integration_label_files(".zpl"))

    def _missing(self):
        """A delivery of which one parcel has no label is none that can be printed."""
        return self.picking_ids.filtered(lambda picking: picking._integration_lacks_labels())

    def _open(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window", "name": self.env._("Shipping Labels"), "res_model": self._name,
            "res_id": self.id, "view_mode": "form", "target": "new",
        }

    def action_again(self):
        """Look again: labels are made in the background, or something was corrected meanwhile."""
        self.ensure_one()
        self.problems = "\n".join(self.picking_ids._integration_make_missing_labels())
        return self._open()

    def action_pdf(self):
        """One PDF with all labels, in the order of the deliveries."""
        return self._download(".pdf", "application/pdf", merge_pdf)

    def action_zpl(self):
        """All labels for a label printer, one behind the other."""
        return self._download(".zpl", "application/octet-stream", b"\n".join)

    def _download(self, ending, mimetype, join):
        self.ensure_one()
        files = (self.picking_ids - self._missing())._integration_label_files(ending)
        if not files:
            raise UserError(self.env._("There is no label in this format yet."))
        attachment = self.env["ir.attachment"].create({
            "name": f"{self.env._('Labels')} {fields.Date.context_today(self)}{ending}", "mimetype": mimetype,
            "raw": join([file.raw for file in files]), "res_model": self._name, "res_id": self.id})
        return {"type": "ir.actions.act_url", "url": f"/web/content/{attachment.id}?download=true", "target": "download"}

    def action_missing(self):
        """The deliveries without a label, to repair them."""
        self.ensure_one()
        missing = self._missing()
        return {
            "type": "ir.actions.act_window", "name": self.env._("Without a Label"), "res_model": "stock.picking",
            "view_mode": "list,form", "domain": [("id", "in", missing.ids)],
        }
