import base64
import json

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..core.blueprints import dump

KINDS = [("created", "New"), ("changed", "Changed"), ("removed", "Removed"), ("moved", "Another Order")]
# So many lines are shown; who imports more has a file that is best read as a whole.
SHOWN_DIFFERENCES = 500


class IntegrationBlueprintImport(models.TransientModel):
    """A blueprint on its way in: chosen, compared with what is here, and imported when a person has seen it."""

    _name = "integration.blueprint.import"
    _description = "Import a Blueprint"

    state = fields.Selection([("choose", "Choose"), ("compare", "Compare")], default="choose", required=True)
    file = fields.Binary(attachment=False)
    file_name = fields.Char()
    content = fields.Text(readonly=True)
    name = fields.Char(readonly=True)
    description = fields.Text(readonly=True)
    missing_apps = fields.Char(readonly=True, help="Their technical names.")
    missing_names = fields.Char(compute="_compute_missing_names", string="Apps That Are Missing")
    may_install = fields.Boolean(compute="_compute_may_install")
    difference_ids = fields.One2many("integration.blueprint.difference", "import_id", string="What Changes", readonly=True)
    summary = fields.Char(readonly=True)

    @api.depends("missing_apps")
    def _compute_missing_names(self):
        """As people know them; an app that this Odoo does not know by its technical name."""
        for wizard in self:
            names = (wizard.missing_apps or "").split(", ")
            apps = self.env["ir.module.module"].sudo().search([("name", "in", names)])
            known = {app.name: app.shortdesc for app in apps}
            wizard.missing_names = ", ".join(known.get(name, name) for name in names)

    def _compute_may_install(self):
        for wizard in self:
            wizard.may_install = self.env.user.has_group("base.group_system")

    def _reopen(self):
        return {
            "type": "ir.actions.act_window", "name": self.env._("Import a Blueprint"), "res_model": self._name,
            "res_id": self.id, "view_mode": "form", "target": "new", "context": {"dialog_size": "extra-large"},
        }

    @api.model
    def _open_shipped(self, name):
        """Begin with one of the addon's own blueprints."""
        data = self.env["integration.blueprint"]._shipped(name)
        return self.create({"content": dump(data)})._compare()

    def action_compare(self):
        """Read the file, and show what importing it would change."""
        self.ensure_one()
        if not self.file:
            raise UserError(self.env._("Choose the file of a blueprint."))
        self.content = base64.b64decode(self.file).decode("utf-8", "replace")
        return self._compare()

    def _compare(self):
        blueprint = self.env["integration.blueprint"]
        blueprint._check_may_import()
        data = blueprint._parse(self.content)
        missing = blueprint._missing_apps(data)
        differences = blueprint._differences(data)
        counts = {kind: sum(each.kind == kind for each in differences) for kind, _label in KINDS}
        self.difference_ids.unlink()
        self.write({
            "state": "compare", "name": data["name"], "description": data.get("description"),
            "missing_apps": ", ".join(missing) or False,
            "summary": self.env._(
                "%(created)s new, %(changed)s changed, %(removed)s removed", created=counts["created"],
                changed=counts["changed"] + counts["moved"], removed=counts["removed"])
            if differences else self.env._("Everything is here already: importing changes nothing."),
            "difference_ids": [(0, 0, {
                "kind": each.kind, "path": each.path, "before": _told(each.before), "after": _told(each.after),
            }) for each in differences[:SHOWN_DIFFERENCES]],
        })
        return self._reopen()

    def action_install_apps(self):
        """Install what the blueprint needs. The page is loaded anew then, and goes on where it was: with the comparison."""
        self.ensure_one()
        if not self.env.user.has_group("base.group_system"):
            raise AccessError(self.env._("Only an administrator of Odoo may install apps."))
        modules = self.env["ir.module.module"].search([("name", "in", (self.missing_apps or "").split(", "))])
        unknown = set((self.missing_apps or "").split(", ")) - set(modules.mapped("name"))
        if unknown:
            raise UserError(self.env._(
                "This Odoo does not have the apps %(apps)s. Ask your provider for them.", apps=", ".join(sorted(unknown))))
        modules.button_immediate_install()
        # From here on everything is there that was installed: models, fields, the records that flows refer to.
        self._compare()
        return {
            "type": "ir.actions.act_url", "target": "self",
            "url": f"/odoo/action-integration_flow.integration_blueprint_import_page_action/{self.id}"}

    def action_import(self):
        """Import what was compared, and open the flows."""
        self.ensure_one()
        blueprint = self.env["integration.blueprint"]
        data = blueprint._parse(self.content)
        flows = blueprint._apply(data)
        ids = [flow.id for flow in flows.values()]
        if not ids and data.get("alerts"):
            action = self.env["ir.actions.act_window"]._for_xml_id("integration_flow.integration_notice_rule_action")
            return {**action, "domain": [("code", "in", [alert["code"] for alert in data["alerts"]])]}
        return {
            "type": "ir.actions.act_window", "name": self.name or self.env._("Flows"), "res_model": "integration.flow",
            "view_mode": "list,kanban,form", "domain": [("id", "in", ids)],
        }


class IntegrationBlueprintDifference(models.TransientModel):
    """One thing that importing a blueprint would change."""

    _name = "integration.blueprint.difference"
    _description = "Difference of a Blueprint"
    _order = "id"

    import_id = fields.Many2one("integration.blueprint.import", required=True, ondelete="cascade", index=True)
    kind = fields.Selection(KINDS, string="Change")
    path = fields.Char(string="Where")
    before = fields.Char(string="Here")
    after = fields.Char(string="In the File")


def _told(value):
    """A value, or what an entry is, on one line."""
    if isinstance(value, dict):
        names = [str(value[name]) for name in ("name", "odoo_path", "kind", "path") if value.get(name)]
        return " · ".join(dict.fromkeys(names))[:200] or json.dumps(value, ensure_ascii=False)[:200]
    if value is None:
        return ""
    return (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))[:300]
