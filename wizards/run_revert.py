from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import AccessError

from ..engine import revertible


class IntegrationRunRevert(models.TransientModel):
    """What a revert would put back and what it would leave; nothing is changed before a person agrees."""

    _name = "integration.run.revert"
    _description = "Revert a Run"

    run_id = fields.Many2one("integration.run", required=True, readonly=True, ondelete="cascade", index=True)
    created = fields.Selection([
        ("leave", "Leave Them"), ("archive", "Archive Them"), ("delete", "Delete Them"),
    ], string="Records That the Run Created", required=True, default="leave")
    preview = fields.Json(readonly=True)
    put_back_count = fields.Integer(string="Put Back", compute="_compute_counts")
    left_count = fields.Integer(string="Left", compute="_compute_counts")
    same_count = fields.Integer(string="Already as Before", compute="_compute_counts")
    created_count = fields.Integer(string="Created by the Run", compute="_compute_counts")
    is_partial = fields.Boolean(compute="_compute_counts")
    keeps_no_changes = fields.Boolean(compute="_compute_counts")
    table = fields.Html(compute="_compute_table", sanitize=False)

    @api.model_create_multi
    def create(self, vals_list):
        wizards = super().create(vals_list)
        wizards._look()
        return wizards

    def write(self, vals):
        result = super().write(vals)
        if "created" in vals:
            self._look()
        return result

    def _look(self):
        """Look anew at what the run has changed, and at what there is now."""
        for wizard in self:
            wizard.run_id._check_may_revert()
            wizard.preview = revertible.preview(self.env, wizard.run_id, wizard.created)

    @api.depends("preview")
    def _compute_counts(self):
        for wizard in self:
            found = wizard.preview or {}
            wizard.put_back_count = found.get("put_back", 0)
            wizard.left_count = found.get("left", 0)
            wizard.same_count = found.get("same", 0)
            wizard.created_count = found.get("created", 0)
            wizard.is_partial = bool(found.get("more"))
            run = wizard.run_id
            wizard.keeps_no_changes = (run.created_count or 0) + (run.updated_count or 0) > found.get("records", 0)

    @api.onchange("created")
    def _onchange_created(self):
        """The choice decides what becomes of created records: show it."""
        if self.run_id:
            self.preview = revertible.preview(self.env, self.run_id._origin or self.run_id, self.created)

    @api.depends("preview")
    def _compute_table(self):
        whats = {"put_back": self.env._("Put back"), "left": self.env._("Left")}
        sides = {"odoo": self.env._("Odoo"), "external": self.env._("Other system")}
        heads = (self.env._("What"), self.env._("Record"), self.env._("Where"), self.env._("Field"),
                 self.env._("Now → Afterwards"), self.env._("Why"))
        for wizard in self:
            rows = Markup()
            for line in (wizard.preview or {}).get("lines", []):
                values = Markup("%s → <b>%s</b>") % (line["after"] or "–", line["before"] or "–") \
                    if line["what"] == "put_back" and line["field"] else ""
                why = line["reason"]
                if line["who"] or line["when"]:
                    why = f"{why} {line['who']} {line['when']}".rstrip()
                rows += Markup("<tr><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>") % (
                    whats[line["what"]], line["name"], sides[line["side"]], line["field"], values, why)
            wizard.table = rows and Markup(
                "<table class='table table-sm'><thead><tr>%s</tr></thead><tbody>%s</tbody></table>") % (
                    Markup().join(Markup("<th>%s</th>") % head for head in heads), rows)

    def action_revert(self):
        """Have it done in the background, as a run of its own."""
        self.ensure_one()
        if self.create_uid != self.env.user and not self.env.su:
            raise AccessError(self.env._("This dialog belongs to somebody else."))
        run = self.run_id._revert(self.created)
        return {
            "type": "ir.actions.act_window", "res_model": "integration.run", "res_id": run.id, "view_mode": "form",
            "views": [(False, "form")], "target": "current",
        }
