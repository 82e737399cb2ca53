import json
from functools import lru_cache
from pathlib import Path

import jsonschema

from odoo import api, models
from odoo.exceptions import AccessError, UserError

SCHEMA_FILE = Path(__file__).parent.parent / "blueprints" / "blueprint.schema.json"
# Fields of a rule that hold records, with the blueprint's name for them.
RULE_REFERENCES = ("relation_flow", "value_map", "children")


@lru_cache(maxsize=1)
def _load_schema():
    return json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))


class IntegrationBlueprint(models.AbstractModel):
    """Whole flows with their resources, rules and maps as one JSON file, without secrets.

    Everything in a blueprint has a code; applying the same file again changes the same records. A connection that
    exists already keeps its address and credentials. Resources, operations and rules become exactly what the file says;
    what a flow says beside its rules (timing, batch size) is changed only where the file says it, since people tune it.
    """

    _name = "integration.blueprint"
    _description = "Integration Blueprint"

    @api.model
    def _schema(self):
        return _load_schema()

    @api.model
    def _validate(self, data):
        """Raise a UserError that names the place in the file when ``data`` is not a valid blueprint."""
        validator = jsonschema.Draft202012Validator(self._schema())
        errors = sorted(validator.iter_errors(data), key=lambda error: [str(step) for step in error.absolute_path])
        if errors:
            raise UserError(self.env._("This blueprint is not valid:\n%(problems)s", problems="\n".join(
                f"• {'/'.join(str(part) for part in error.absolute_path) or '/'}: {error.message[:200]}"
                for error in errors[:10])))

    @api.model
    def _apply(self, data, *, connection_vals=None):
        """Create or update everything in the blueprint.

        :param dict data: decoded blueprint file
        :param dict connection_vals: ``{connection code: vals}`` that replace the file's (addresses, secrets)
        :return: the flows, by code, as ``{code: integration.flow record}``
        :raises UserError: when the file is not valid, or names a model or field that this database has not
        """
        if not (self.env.su or self.env.user.has_group("integration_flow.group_integration_secrets")):
            raise AccessError(self.env._("Only a technical administrator of integrations may import blueprints."))
        self._validate(data)
        missing = [name for name in data.get("requires", []) if not self._module_installed(name)]
        if missing:
            raise UserError(self.env._(
                "This blueprint needs apps that are not installed: %(apps)s. Install them first.",
                apps=", ".join(missing)))
        maps = {vals["code"]: self._apply_map(vals) for vals in data.get("value_maps", [])}
        connections = {
            vals["code"]: self._apply_connection(vals, (connection_vals or {}).get(vals["code"], {}))
            for vals in data.get("connections", [])}
        resources = {vals["code"]: self._apply_resource(vals) for vals in data.get("resources", [])}
        flows = {}
        for vals in data.get("flows", []):
            flows[vals["code"]] = self._apply_flow(vals, connections, resources)
        for vals in data.get("flows", []):
            self._apply_rules(flows[vals["code"]], vals.get("rules", []), flows, maps)
        return flows

    @api.model
    def _apply_file(self, name, *, connection_vals=None):
        """Apply one of the addon's own blueprints by its file name without ending."""
        path = SCHEMA_FILE.parent / f"{name}.json"
        return self._apply(json.loads(path.read_text(encoding="utf-8")), connection_vals=connection_vals)

    def _module_installed(self, name):
        return bool(self.env["ir.module.module"].sudo().search_count(
            [("name", "=", name), ("state", "=", "installed")], limit=1))

    def _upsert(self, model_name, domain, vals):
        model = self.env[model_name]
        record = model.browse(model.with_context(active_test=False).search(domain, limit=1).ids)
        if record:
            record.write(vals)
            return record
        return model.create(vals)

    def _apply_map(self, vals):
        vals = dict(vals)
        lines = vals.pop("lines", {})
        model_name = vals.pop("model", None)
        if model_name:
            vals["model_id"] = self._model_id(model_name)
        value_map = self._upsert("integration.value.map", [("code", "=", vals["code"])], vals)
        known = {line.external_value: line for line in value_map.line_ids}
        for external, odoo in lines.items():
            line_vals = {"ignore": True} if odoo is None else {"odoo_value": odoo}
            if model_name and odoo is not None:
                record = self.env.ref(odoo, raise_if_not_found=False)
                if not record:
                    raise UserError(self.env._(
                        "Value map %(map)s: there is no record %(record)s in this database.",
                        map=vals.get("name"), record=odoo))
                line_vals = {"res_id": record.id}
            if external in known:
                known[external].write(line_vals)
            else:
                value_map.write({"line_ids": [(0, 0, dict(line_vals, external_value=external))]})
        return value_map

    def _apply_connection(self, vals, given):
        connection = self.env["integration.connection"].with_context(active_test=False).search(
            [("code", "=", vals["code"])], limit=1)
        if connection:
            # Address and credentials of a connection in use are this database's own.
            vals = {name: value for name, value in vals.items() if name in ("name", "api_name")}
            connection.write(dict(vals, **given))
            return connection
        return self.env["integration.connection"].create(dict(vals, **given))

    def _apply_resource(self, vals):
        vals = dict(vals)
        operations = vals.pop("operations", [])
        for name in ("blank_values", "format_options"):
            if name in vals:
                vals[name] = json.dumps(vals[name])
        if "sample" in vals:
            vals["sample_payload"] = json.dumps(vals.pop("sample"), indent=2, ensure_ascii=False)
        vals = dict(self._defaults("integration.resource", self._properties("resources"), vals), **vals)
        resource = self._upsert(
            "integration.resource", [("api_name", "=", vals["api_name"]), ("code", "=", vals["code"])], vals)
        resource.operation_ids.unlink()
        for number, operation in enumerate(operations):
            operation = dict(operation, resource_id=resource.id, sequence=10 * (number + 1))
            for name in ("query", "body", "headers", "incremental_template"):
                if name in operation and not isinstance(operation[name], str):
                    operation[name] = json.dumps(operation[name])
            self.env["integration.operation"].create(operation)
        return resource

    def _properties(self, section):
        """The names that the schema knows for the entries of a section, or for rules."""
        schema = self._schema()
        entry = schema["$defs"]["rule"] if section == "rules" else schema["properties"][section]["items"]
        return entry["properties"]

    def _defaults(self, model_name, names, vals):
        """Values for what an entry leaves out, so that an option that was removed from the file is gone."""
        model = self.env[model_name]
        names = [
            name for name in names
            if name in model._fields and name not in vals and not model._fields[name].compute]
        return {**dict.fromkeys(names, False), **model.default_get(names)}

    def _model_id(self, model_name):
        if model_name not in self.env:
            raise UserError(self.env._(
                "The blueprint needs the model %(model)s, which no installed app provides.", model=model_name))
        return self.env["ir.model"]._get_id(model_name)

    def _apply_flow(self, vals, connections, resources):
        vals = dict(vals)
        vals.pop("rules", None)
        connection = connections.get(vals["connection"]) or self.env["integration.connection"].search(
            [("code", "=", vals["connection"])], limit=1)
        resource = resources.get(vals["resource"]) or self.env["integration.resource"].search(
            [("api_name", "=", connection.api_name), ("code", "=", vals["resource"])], limit=1)
        if not connection or not resource:
            raise UserError(self.env._(
                "Flow %(flow)s: the blueprint names the connection '%(connection)s' and the resource '%(resource)s', "
                "and one of them is neither in the file nor in this database.",
                flow=vals["name"], connection=vals["connection"], resource=vals["resource"]))
        vals.pop("connection")
        vals.update(
            connection_id=connection.id, resource_id=resource.id, model_id=self._model_id(vals.pop("model")))
        for name in ("domain", "list_query"):
            if name in vals and not isinstance(vals[name], str):
                vals[name] = json.dumps(vals[name]) if name == "list_query" else repr(
                    [tuple(leaf) if isinstance(leaf, list) else leaf for leaf in vals[name]])
        vals.pop("resource")
        return self._upsert(
            "integration.flow", [("connection_id", "=", connection.id), ("code", "=", vals["code"])], vals)

    def _apply_rules(self, flow, rules, flows, maps, parent=None):
        present = self._rules_of(flow, parent)
        known = {rule.code: rule for rule in present}
        kept = set()
        for number, vals in enumerate(rules):
            values = {name: value for name, value in vals.items() if name not in RULE_REFERENCES}
            values = dict(self._defaults("integration.field.rule", self._properties("rules"), values), **values)
            values.setdefault("owner", "odoo" if flow.direction == "export" else "external")
            values.update(relation_flow_id=False, value_map_id=False)
            values.update(flow_id=flow.id, sequence=10 * (number + 1), parent_id=parent.id if parent else False)
            if "relation_flow" in vals:
                related = flows.get(vals["relation_flow"]) or self.env["integration.flow"].search([
                    ("connection_id", "=", flow.connection_id.id), ("code", "=", vals["relation_flow"])], limit=1)
                if not related:
                    raise UserError(self.env._(
                        "Flow %(flow)s, rule %(rule)s: there is no flow '%(related)s'.",
                        flow=flow.name, rule=vals.get("odoo_path"), related=vals["relation_flow"]))
                values["relation_flow_id"] = related.id
            if "value_map" in vals:
                value_map = maps.get(vals["value_map"]) or self.env["integration.value.map"].search(
                    [("code", "=", vals["value_map"])], limit=1)
                if not value_map:
                    raise UserError(self.env._(
                        "Flow %(flow)s, rule %(rule)s: there is no value map '%(map)s'.",
                        flow=flow.name, rule=vals.get("odoo_path"), map=vals["value_map"]))
                values["value_map_id"] = value_map.id
            rule = known.get(vals.get("code") or vals["odoo_path"])
            if rule:
                rule.write(values)
            else:
                rule = self.env["integration.field.rule"].create(values)
            kept.add(rule.id)
            self._apply_rules(flow, vals.get("children", []), flows, maps, parent=rule)
        present.filtered(lambda rule: rule.id not in kept).unlink()

    def _rules_of(self, flow, parent):
        """The rules of a flow, or of a lines rule, also those that are switched off."""
        holder = (parent or flow).with_context(active_test=False)
        return holder.child_ids if parent else holder.rule_ids
