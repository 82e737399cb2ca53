from odoo import api, models

from ..core.blueprints import domain_text
from .blueprint import located

AVAILABILITY = ("formula", "safety", "floor", "warehouses", "path")


class IntegrationBlueprint(models.AbstractModel):
    """Publications in blueprints. Consumers and their tokens are this database's own and never part of it."""

    _inherit = "integration.blueprint"

    # -- importing -----------------------------------------------------------------------------------------

    @api.model
    def _apply_valid(self, data, connection_vals):
        flows = super()._apply_valid(data, connection_vals)
        for number, vals in enumerate(data.get("publications", [])):
            with located(f"publications/{number}"):
                flow = flows[vals["code"]] = self._apply_publication(vals)
            self._apply_rules(flow, vals.get("rules", []), flows, {}, f"publications/{number}/rules")
        return flows

    def _apply_publication(self, vals):
        values = self._field_values("integration.flow", "publications", vals)
        if isinstance(values.get("domain"), str) and isinstance(vals.get("domain"), list):
            values["domain"] = domain_text(vals["domain"])
        if "availability" in vals:
            given = {f"availability_{name}": value for name, value in vals["availability"].items()}
            names = [f"availability_{name}" for name in AVAILABILITY]
            values.update({**self._defaults("integration.flow", names, given), **given}, availability_enabled=True)
        values.update(direction="publish", model_id=self._model_id(vals["model"]))
        known = self.env["integration.flow"].with_context(active_test=False).search(
            [("publish_code", "=", vals["code"])], limit=1)
        return self._upsert("integration.flow", [("publish_code", "=", vals["code"])], values if known else {
            "tz": "UTC", **values})

    # -- exporting and comparing ---------------------------------------------------------------------------

    def _more_sections(self):
        return {**super()._more_sections(), "publications": "integration.flow"}

    def _normal_defaults(self):
        defaults = super()._normal_defaults()
        given = self.env["integration.flow"].default_get([f"availability_{name}" for name in AVAILABILITY])
        defaults["publications"].update(tz="UTC", domain="[]")
        defaults["availability"] = {name: given.get(f"availability_{name}", False) for name in AVAILABILITY}
        return defaults

    def _document(self, connections, maps, resources, flows, notes):
        published = flows.filtered(lambda flow: flow.direction == "publish")
        return {
            **super()._document(connections, maps, resources, flows - published, notes),
            "publications": [self._publication_entry(flow) for flow in published.with_context(lang=None)],
        }

    def _publication_entry(self, flow):
        entry = self._plain_entry(flow, "publications")
        entry.update(model=flow.model_name, rules=[self._rule_entry(rule) for rule in self._rules_of(flow, None)])
        if flow.availability_enabled:
            entry["availability"] = {name: flow[f"availability_{name}"] or (
                flow[f"availability_{name}"] if name in ("safety", "floor") else "") for name in AVAILABILITY}
        return entry

    def _needed_apps(self, flows):
        return sorted({*super()._needed_apps(flows), *(
            ["stock"] if any(flow.availability_enabled for flow in flows) else [])} - (
                {"product"} if any(flow.availability_enabled for flow in flows) else set()))
