from odoo import api, fields, models


class IntegrationBlueprintOffer(models.TransientModel):
    """The blueprints that come with the addon, as cards: each is imported with one button."""

    _name = "integration.blueprint.offer"
    _description = "Blueprint"
    _order = "name, id"

    code = fields.Char(readonly=True)
    name = fields.Char(readonly=True)
    description = fields.Text(readonly=True)
    apps = fields.Char(string="Needs", readonly=True)
    missing_apps = fields.Char(readonly=True)
    flow_names = fields.Text(string="Flows", readonly=True)
    is_here = fields.Boolean(string="Imported", readonly=True)

    @api.model
    def action_open(self):
        """The list of blueprints, made anew for whoever opens it."""
        self.search([("create_uid", "=", self.env.uid)]).unlink()
        blueprint = self.env["integration.blueprint"]
        apps = self.env["ir.module.module"].sudo()
        for code in blueprint._shipped_names():
            data = blueprint._shipped(code)
            labels = {app.name: app.shortdesc for app in apps.search([("name", "in", data.get("requires", []))])}
            flows = self.env["integration.flow"].search(
                [("code", "in", [flow["code"] for flow in data.get("flows", ())])])
            self.create({
                "code": code, "name": data["name"], "description": data.get("description"),
                "apps": ", ".join(labels.get(name, name) for name in data.get("requires", [])),
                "missing_apps": ", ".join(labels.get(name, name) for name in blueprint._missing_apps(data)),
                "flow_names": "\n".join(flow["name"] for flow in data.get("flows", ())), "is_here": bool(flows)})
        return {
            "type": "ir.actions.act_window", "name": self.env._("Blueprints"), "res_model": self._name,
            "view_mode": "kanban", "domain": [("create_uid", "=", self.env.uid)],
        }

    def action_import(self):
        """Compare this blueprint with what is here; the next button imports it."""
        self.ensure_one()
        return self.env["integration.blueprint.import"]._open_shipped(self.code)
