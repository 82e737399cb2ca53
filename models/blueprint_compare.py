from odoo import api, models

from ..core.blueprints import Difference, differences

# What a file leaves out of these stays as it is; see the class of ``blueprint.py``.
PARTIAL = ("flows", "connections", "tests", "publications", "alerts", "alert_channels")
# Sections of which a file changes only what it says.
SPOKEN = ("flows", "publications", "alerts", "alert_channels")
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
                or each.path in spoken or each.path.partition("/")[0] not in SPOKEN or each.path.count("/") > 2] + [
            *self._back_to_default(data, present, wanted)]

    @staticmethod
    def _spoken(data, wanted):
        """Paths of what the file says of its flows, publications and alerts."""
        return {
            f"{section}/{entry['code']}/{name}" for section in SPOKEN for source in (data, wanted)
            for entry in source.get(section, ()) for name in entry}

    @staticmethod
    def _back_to_default(data, present, wanted):
        """What a file sets to what goes without saying, and is something else here."""
        for section in SPOKEN:
            here = {entry["code"]: entry for entry in present.get(section, ())}
            normal = {entry["code"]: entry for entry in wanted.get(section, ())}
            for entry in data.get(section, ()):
                code = entry["code"]
                for name, value in entry.items():
                    if name in here.get(code, {}) and name not in normal[code] and not isinstance(value, list):
                        yield Difference("changed", f"{section}/{code}/{name}", here[code][name], value)

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
            found["flows"].filtered(lambda flow: (flow.connection_id.code, flow.code) in places)
            | self._present_publications(data), []), **self._present_more(data)})

    def _present_publications(self, data):
        codes = [entry["code"] for entry in data.get("publications", ())]
        return self.env["integration.flow"].with_context(active_test=False).search([("publish_code", "in", codes)])

    def _present_more(self, data):
        """Further sections of what is here of what the file names."""
        return {}
