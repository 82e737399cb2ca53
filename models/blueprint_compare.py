from odoo import api, models

from ..core.blueprints import Difference, differences

# What a file leaves out of these stays as it is; see the class of ``blueprint.py``.
PARTIAL = ("flows", "connections", "tests")
# Of a connection that exists already only these are changed.
CONNECTION_CHANGES = ("code", "name", "api_name")


class IntegrationBlueprint(models.AbstractModel):
    """What importing a file would change in this database, before anything is changed."""

    _inherit = "integration.blueprint"

    @api.model
    def _differences(self, data):
        """What importing a valid blueprint would create, change and remove, as ``core.blueprints.Difference``."""
        wanted = self._normal(data)
        present = self._present(data)
        known = {entry["code"] for entry in present.get("connections", ())}
        for section in (wanted, present):
            for entry in section.get("connections", ()):
                if entry["code"] in known:
                    for name in [name for name in entry if name not in CONNECTION_CHANGES]:
                        del entry[name]
        for value_map in present.get("value_maps", ()):
            # Mapped values that people have added stay.
            named = next(entry for entry in wanted["value_maps"] if entry["code"] == value_map["code"]).get("lines", {})
            value_map["lines"] = {key: value for key, value in value_map.get("lines", {}).items() if key in named}
            if not value_map["lines"]:
                del value_map["lines"]
        spoken = self._spoken(data, wanted)
        return [each for each in differences(present, wanted, lambda name: name in PARTIAL) if each.kind != "changed"
                or each.path in spoken or not each.path.startswith("flows/") or each.path.count("/") > 2] + [
            *self._back_to_default(data, present, wanted)]

    @staticmethod
    def _spoken(data, wanted):
        """Paths of what the file says of its flows."""
        return {f"flows/{flow['code']}/{name}" for flow in data.get("flows", ()) for name in flow} | {
            f"flows/{flow['code']}/{name}" for flow in wanted.get("flows", ()) for name in flow}

    @staticmethod
    def _back_to_default(data, present, wanted):
        """What a file sets to what goes without saying, and is something else here."""
        here = {flow["code"]: flow for flow in present.get("flows", ())}
        normal = {flow["code"]: flow for flow in wanted.get("flows", ())}
        for flow in data.get("flows", ()):
            for name, value in flow.items():
                if name in here.get(flow["code"], {}) and name not in normal[flow["code"]] and not isinstance(value, list):
                    yield Difference("changed", f"flows/{flow['code']}/{name}", here[flow["code"]][name], value)

    def _present(self, data):
        """What this database holds of everything that the file names, in normal form."""
        found = {}
        for section, model_name in (
                ("connections", "integration.connection"), ("value_maps", "integration.value.map"),
                ("resources", "integration.resource"), ("flows", "integration.flow")):
            codes = [entry["code"] for entry in data.get(section, ())]
            found[section] = self.env[model_name].with_context(active_test=False).search([("code", "in", codes)])
        apis = {(entry["api_name"], entry["code"]) for entry in data.get("resources", ())}
        places = {(entry["connection"], entry["code"]) for entry in data.get("flows", ())}
        return self._normal({"format": 1, "name": data["name"], **self._document(
            found["connections"], found["value_maps"],
            found["resources"].filtered(lambda resource: (resource.api_name, resource.code) in apis),
            found["flows"].filtered(lambda flow: (flow.connection_id.code, flow.code) in places), [])})
