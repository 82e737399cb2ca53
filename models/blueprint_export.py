from odoo import api, models
from odoo.exceptions import AccessError

from ..core.blueprints import dump, normal_form, parsed
from ..core.redact import redact_url
from .flow_defaults import FIXED

# Those of the addon itself: every database that can read a blueprint has them.
OWN_APPS = ("integration_flow", "mail", "base", "web", "base_setup", "bus", "web_tour", "html_editor")
CONNECTION_SECRETS = ("auth_user",)  # whose user that is, the other database has to know


class IntegrationBlueprint(models.AbstractModel):
    """Exporting: flows with everything that they need, as a file that says the same wherever it is imported."""

    _inherit = "integration.blueprint"

    @api.model
    def _export(self, flows, *, name=None, description=None):
        """Flows, their connections, resources, maps, and the flows that they refer to, as one blueprint.

        :return: the blueprint in normal form, and sentences about what could not be part of it
        :rtype: tuple[dict, list[str]]
        """
        if not (self.env.su or self.env.user.has_group("integration_flow.group_integration_manager")):
            raise AccessError(self.env._("You need the right 'Integrations: Manager' to export blueprints."))
        flows.check_access("read")
        published = flows.filtered(lambda flow: flow.direction == "publish")
        notes = []
        flows = self._with_related(flows - published) | published
        self._give_codes(flows.connection_id, flows - published, flows.all_rule_ids.value_map_id)
        data = {"format": 1, "name": name or flows[:1].name or self.env._("Blueprint")}
        if description:
            data["description"] = description
        data["requires"] = self._needed_apps(flows)
        data.update(self._document(
            flows.connection_id, flows.all_rule_ids.value_map_id, self._resources_of(flows), flows, notes))
        return self._normal(data), notes

    @api.model
    def _export_text(self, flows, **head):
        """The text of the file; see :meth:`_export`."""
        data, notes = self._export(flows, **head)
        return dump(data), notes

    def _normal(self, data):
        return normal_form(data, self._schema(), self._normal_defaults())

    def _normal_defaults(self):
        """What entries mean that do not say it, by section: the defaults of the models, without what depends on who asks."""
        sections = {
            **self._more_sections(), "connections": "integration.connection", "resources": "integration.resource",
            "operations": "integration.operation", "value_maps": "integration.value.map", "flows": "integration.flow",
            "rules": "integration.field.rule", **{name: shape["x-model"] for name, shape in self._flow_lists().items()}}
        defaults = {}
        for section, model_name in sections.items():
            names = {shape.get("x-field", name): name for name, shape in self._properties(section).items()}
            model = self.env[model_name]
            own = model.default_get([name for name in names if name in model._fields])
            defaults[section] = {
                names[name]: int(value) if isinstance(value, float) and value.is_integer() else value
                for name, value in own.items()}
        defaults["flows"]["tz"] = "UTC"
        defaults["flows"]["domain"] = "[]"
        defaults["flows"].update(FIXED)
        defaults["resources"].pop("api_name", None)
        return defaults

    def _more_sections(self):
        """``{section: model}`` of what is neither a flow nor needed by one."""
        return {}

    def _with_related(self, flows):
        """These flows and those that synchronise the records they refer to, as long as they are of the same connection."""
        known = flows
        while True:
            related = flows.all_rule_ids.relation_flow_id - known
            related = related.filtered_domain([("connection_id", "in", known.connection_id.ids)])
            if not related:
                return known.sorted(lambda flow: (flow.sequence, flow.code or ""))
            known, flows = known | related, related

    def _resources_of(self, flows):
        """What is known of the APIs of these flows: also what only named actions use."""
        names = set(flows.connection_id.mapped("api_name"))
        return self.env["integration.resource"].search([("api_name", "in", list(names))])

    def _give_codes(self, *sections):
        """Everything in a blueprint is known by its code: what has none gets one, for good."""
        for records in sections:
            for record in records.filtered(lambda record: not record.code):
                record.sudo().code = self._free_code(record)

    def _free_code(self, record):
        base = "".join(char if char.isascii() and char.isalnum() else "_" for char in record.name.lower()).strip("_")[:50]
        base = base or record._name.rpartition(".")[2]
        taken = set(record.sudo().with_context(active_test=False).search([("code", "=like", f"{base}%")]).mapped("code"))
        code, number = base, 2
        while code in taken:
            code, number = f"{base}_{number}", number + 1
        return code

    def _needed_apps(self, flows):
        """The apps that bring the models and fields of these flows: as few as possible, the rest comes with them."""
        names = set()
        for flow in flows:
            if flow.model_name in self.env:
                names.add(self.env[flow.model_name]._original_module)
        for rule in flows.all_rule_ids.filtered("active"):
            model = self.env.get(rule.model_name)
            for part in (rule.odoo_path or "").split("."):
                field = model._fields.get(part) if model is not None else None
                if field is None:
                    break
                names.update(module for module in (field._module,) if module)
                model = self.env[field.comodel_name] if field.comodel_name else None
        names = {name for name in names if name not in self._own_apps()}
        return sorted(names - self._brought_along(names))

    def _own_apps(self):
        return OWN_APPS

    def _brought_along(self, names):
        """Those of ``names`` that come with others of them."""
        brought, modules = set(), self.env["ir.module.module"].sudo()
        for module in modules.search([("name", "in", list(names))]):
            brought |= set(module.upstream_dependencies(exclude_states=("uninstallable", "to remove")).mapped("name"))
        return brought & names

    # -- records as entries --------------------------------------------------------------------------------

    def _document(self, connections, maps, resources, flows, notes):
        flows = flows.with_context(lang=None)
        return {
            "connections": [self._connection_entry(connection) for connection in connections],
            "value_maps": [self._map_entry(value_map, notes) for value_map in maps],
            "resources": [self._resource_entry(resource.with_context(lang=None)) for resource in resources],
            "flows": [self._flow_entry(flow, notes) for flow in flows],
        }

    def _plain_entry(self, record, section):
        """What the schema knows of a record's own fields."""
        entry = {}
        for name, shape in self._properties(section).items():
            field = record._fields.get(shape.get("x-field", name))
            if field is None or field.relational or shape.get("x-model") or shape.get("x-lines"):
                continue
            value = record[field.name]
            if field.type in ("char", "text") and value and "string" not in shape.get("type", ()) and "enum" not in shape:
                value = parsed(value)
            # Zero is a value where there is a default: without it the default would come back.
            if value or field.type == "boolean" or field.type in ("integer", "float") and field.default is not None:
                entry[name] = value
        return entry

    def _connection_entry(self, connection):
        entry = self._plain_entry(connection, "connections")
        for name in CONNECTION_SECRETS:
            entry.pop(name, None)
        for name in ("base_url", "web_url", "token_url"):
            if entry.get(name):
                entry[name] = redact_url(entry[name])
        return entry

    def _map_entry(self, value_map, notes):
        entry = self._plain_entry(value_map, "value_maps")
        lines = {}
        identifiers = {}
        if value_map.model_id:
            entry["model"] = value_map.model_name
            mapped = self.env[value_map.model_name].browse(value_map.line_ids.filtered("res_id").mapped("res_id")).exists()
            identifiers = mapped.sudo().get_external_id()
        for line in value_map.line_ids.filtered("is_mapped").sorted("external_value"):
            if line.ignore:
                lines[line.external_value] = None
            elif not value_map.model_id:
                lines[line.external_value] = line.odoo_value
            elif identifiers.get(line.res_id) and not identifiers[line.res_id].startswith("__export__."):
                lines[line.external_value] = identifiers[line.res_id]
            else:
                notes.append(self.env._(
                    "Value map %(map)s: the value %(value)s is mapped to a record of this database alone, and is left out.",
                    map=value_map.name, value=line.external_value))
        if lines:
            entry["lines"] = lines
        return entry

    def _resource_entry(self, resource):
        entry = self._plain_entry(resource, "resources")
        entry["operations"] = [self._plain_entry(operation, "operations") for operation in resource.operation_ids]
        return entry

    def _flow_entry(self, flow, notes):
        entry = self._plain_entry(flow, "flows")
        entry.update(
            connection=flow.connection_id.code, resource=flow.resource_id.code, model=flow.model_name,
            rules=[self._rule_entry(rule) for rule in self._rules_of(flow, None)])
        for name, shape in self._flow_lists().items():
            entry[name] = [
                each for record in self._list_records(flow, shape)
                if (each := self._list_entry(record, name, notes)) is not None]
        return entry

    def _rule_entry(self, rule):
        entry = self._plain_entry(rule, "rules")
        entry["odoo_path"] = rule.odoo_path or ""
        if rule.kind == "lines" and not rule.line_id_path:
            entry["line_id_path"] = ""  # lines without IDs: else the default would come back
        if rule.relation_flow_id:
            entry["relation_flow"] = rule.relation_flow_id.code
        if rule.value_map_id:
            entry["value_map"] = rule.value_map_id.code
        children = self._rules_of(rule.flow_id, rule)
        if children:
            entry["children"] = [self._rule_entry(child) for child in children]
        return entry

    def _list_entry(self, record, name, notes):
        if record._name == "integration.test.case" and record.direction == "export" and not record.sudo().payload:
            notes.append(self.env._(
                "Test case %(case)s looks at a record of this database and is left out.", case=record.name))
            return None
        entry = self._plain_entry(record.sudo(), name)
        for key, shape in self._properties(name).items():
            if shape.get("x-rule") and record[shape["x-rule"]]:
                entry[key] = record[shape["x-rule"]].code
            if shape.get("x-operation") and record[shape["x-operation"]]:
                operation = record[shape["x-operation"]]
                entry[key] = operation.name or operation.kind
            if shape.get("x-lines"):
                lines = shape["x-lines"]
                entry[key] = {line[lines["key"]]: line[lines["value"]] or "" for line in record[lines["field"]]}
        return entry
