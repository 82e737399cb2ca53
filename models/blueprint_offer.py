from odoo import api, fields, models


class IntegrationBlueprintOffer(models.Model):
    """A blueprint that comes with the addon, as a card: one button compares and imports it. Made anew with every update."""

    _name = "integration.blueprint.offer"
    _description = "Blueprint"
    _order = "name, id"

    code = fields.Char(required=True, readonly=True)
    name = fields.Char(required=True, readonly=True)
    description = fields.Text(readonly=True)
    requires = fields.Char(readonly=True, help="Technical names of apps.")
    flow_codes = fields.Char(readonly=True)
    flow_names = fields.Text(string="Flows", readonly=True)
    apps = fields.Char(string="Needs", compute="_compute_apps")
    missing_apps = fields.Char(compute="_compute_apps")
    is_here = fields.Boolean(string="Imported", compute="_compute_is_here")

    _code_unique = models.Constraint("UNIQUE (code)", "There is a blueprint with this code already.")

    @api.depends("requires")
    def _compute_apps(self):
        names = {name for offer in self for name in (offer.requires or "").split()}
        found = {app.name: app for app in self.env["ir.module.module"].sudo().search([("name", "in", list(names))])}
        for offer in self:
            labels = {name: found[name].shortdesc if name in found else name for name in (offer.requires or "").split()}
            offer.apps = ", ".join(labels.values())
            offer.missing_apps = ", ".join(
                label for name, label in labels.items() if name not in found or found[name].state != "installed")

    def _compute_is_here(self):
        flows = self.env["integration.flow"].search(["|", ("code", "!=", False), ("publish_code", "!=", False)])
        alerts = self.env["integration.notice.rule"].with_context(active_test=False).search([("code", "!=", False)])
        known = {*flows.mapped("code"), *flows.mapped("publish_code"), *alerts.mapped("code")}
        for offer in self:
            offer.is_here = bool(known & set((offer.flow_codes or "").split()))

    @staticmethod
    def _entries(data):
        """What a blueprint sets up: flows, publications and alerts."""
        return [*data.get("flows", ()), *data.get("publications", ()), *data.get("alerts", ())]

    @api.model
    def _refresh(self):
        """Make the cards those of the addon's files."""
        blueprint = self.env["integration.blueprint"]
        known = {offer.code: offer for offer in self.search([])}
        for code in blueprint._shipped_names():
            data = blueprint._shipped(code)
            values = {
                "code": code, "name": data["name"], "description": data.get("description"),
                "requires": " ".join(data.get("requires", [])),
                "flow_codes": " ".join(entry["code"] for entry in self._entries(data)),
                "flow_names": ", ".join(entry["name"] for entry in self._entries(data))}
            if code in known:
                known.pop(code).write(values)
            else:
                self.create(values)
        self.browse([offer.id for offer in known.values()]).unlink()

    def action_import(self):
        """Compare this blueprint with what is here; the next button imports it."""
        self.ensure_one()
        self.env["integration.blueprint"]._check_may_import()
        return self.env["integration.blueprint.import"]._open_shipped(self.code)
