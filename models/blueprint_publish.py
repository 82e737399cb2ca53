from odoo import api, models

# Names in the file that are fields of a flow with ``publish_`` before them.
PUBLISH_NAMES = ("page_size", "max_page", "max_lookup", "full_hours", "tombstone_days")


class IntegrationBlueprint(models.AbstractModel):
    """Publications of a blueprint. Consumers and their tokens are this database's own and never part of it."""

    _inherit = "integration.blueprint"

    @api.model
    def _apply(self, data, *, connection_vals=None):
        flows = super()._apply(data, connection_vals=connection_vals)
        for number, vals in enumerate(data.get("publications", [])):
            flow = flows[vals["code"]] = self._apply_publication(vals)
            self._apply_rules(flow, vals.get("rules", []), flows, {}, f"publications/{number}/rules")
        return flows

    def _apply_publication(self, vals):
        values = {name: vals[name] for name in ("name", "lang", "tz") if name in vals}
        values.update({f"publish_{name}": vals[name] for name in PUBLISH_NAMES if name in vals})
        if "domain" in vals:
            values["domain"] = vals["domain"] if isinstance(vals["domain"], str) else repr(
                [tuple(leaf) if isinstance(leaf, list) else leaf for leaf in vals["domain"]])
        values["availability_enabled"] = "availability" in vals
        values.update({f"availability_{name}": value for name, value in vals.get("availability", {}).items()})
        values.update(direction="publish", publish_code=vals["code"], model_id=self._model_id(vals["model"]))
        return self._upsert("integration.flow", [("publish_code", "=", vals["code"])], values)

    def _apply_rules(self, flow, rules, flows, maps, place, parent=None):
        if flow.direction == "publish":
            rules = [{"owner": "odoo", **rule} for rule in rules]
        return super()._apply_rules(flow, rules, flows, maps, place, parent=parent)
