import json

from odoo import api, models
from odoo.exceptions import UserError

from ..core.blueprints import domain_text
from .blueprint import located
from .flow_defaults import FIXED

# Fields of a rule that hold records, with the blueprint's name for them.
RULE_REFERENCES = ("relation_flow", "value_map", "children")
FLOW_REFERENCES = ("connection", "resource", "model", "rules")


class IntegrationBlueprint(models.AbstractModel):
    """Importing: entries of a file become records, and records that are so already are not written."""

    _inherit = "integration.blueprint"

    def _apply_valid(self, data, connection_vals):
        maps, connections, resources, flows = {}, {}, {}, {}
        for number, vals in enumerate(data.get("value_maps", [])):
            with located(f"value_maps/{number}"):
                maps[vals["code"]] = self._apply_map(vals, f"value_maps/{number}")
        for number, vals in enumerate(data.get("connections", [])):
            with located(f"connections/{number}"):
                connections[vals["code"]] = self._apply_connection(vals, connection_vals.get(vals["code"], {}))
        for number, vals in enumerate(data.get("resources", [])):
            with located(f"resources/{number}"):
                resources[vals["code"]] = self._apply_resource(vals, f"resources/{number}")
        for number, vals in enumerate(data.get("flows", [])):
            with located(f"flows/{number}"):
                flows[vals["code"]] = self._apply_flow(vals, connections, resources)
        for number, vals in enumerate(data.get("flows", [])):
            flow, place = flows[vals["code"]], f"flows/{number}"
            self._apply_rules(flow, vals.get("rules", []), flows, maps, f"{place}/rules")
            for name, shape in self._flow_lists().items():
                if name in vals:
                    self._apply_list(flow, name, shape, vals[name], f"{place}/{name}")
        return flows

    # -- writing only what is different --------------------------------------------------------------------

    def _upsert(self, model_name, domain, vals):
        model = self.env[model_name]
        record = model.browse(model.with_context(active_test=False).search(domain, limit=1).ids)
        if record:
            self._write_changed(record, vals)
            return record
        return model.create(vals)

    def _write_changed(self, record, vals):
        """Write what differs. What is so already is not touched: no entry in the history, no agreement that is void."""
        vals = {name: value for name, value in vals.items() if self._differs(record, name, value)}
        if vals:
            record.write(vals)

    @staticmethod
    def _differs(record, name, value):
        current = record[name]
        if record._fields[name].type == "many2one":
            current = current.id
        elif record._fields[name].type in ("one2many", "many2many"):
            return True
        return current != value and bool(current or value or record._fields[name].type in ("integer", "float", "boolean"))

    def _field_values(self, model_name, section, entry):
        """The values of an entry for create and write: by its property names, JSON as text."""
        fields = self.env[model_name]._fields
        values = {}
        for name, value in entry.items():
            shape = self._properties(section).get(name, {})
            name = shape.get("x-field", name)
            if name not in fields or shape.get("x-model") or shape.get("x-lines"):
                continue
            if fields[name].type in ("char", "text") and not isinstance(value, (str, bool, type(None))):
                value = json.dumps(value, ensure_ascii=False, **({"indent": 2} if shape.get("x-indent") else {}))
            values[name] = value
        return values

    def _defaults(self, model_name, names, vals):
        """Values for what an entry leaves out, so that an option that was removed from the file is gone."""
        model = self.env[model_name]
        names = [
            name for name in names
            if name in model._fields and name not in vals and not model._fields[name].compute
            and model._fields[name].type not in ("one2many", "many2many")]
        return {**dict.fromkeys(names, False), **model.default_get(names)}

    def _model_id(self, model_name):
        if model_name not in self.env:
            raise UserError(self.env._(
                "The blueprint needs the model %(model)s, which no installed app provides.", model=model_name))
        return self.env["ir.model"]._get_id(model_name)

    # -- maps, connections, resources ----------------------------------------------------------------------

    def _apply_map(self, vals, place):
        vals = dict(vals)
        lines = vals.pop("lines", {})
        model_name = vals.pop("model", None)
        if model_name:
            vals["model_id"] = self._model_id(model_name)
        value_map = self._upsert("integration.value.map", [("code", "=", vals["code"])], vals)
        known = {line.external_value: line for line in value_map.line_ids}
        for external, odoo in lines.items():
            line_vals = {"ignore": True} if odoo is None else {"odoo_value": odoo, "ignore": False}
            if model_name and odoo is not None:
                record = self.env.ref(odoo, raise_if_not_found=False)
                if not record:
                    with located(f"{place}/lines/{external}"):
                        raise UserError(self.env._(
                            "Value map %(map)s: there is no record %(record)s in this database.",
                            map=vals.get("name"), record=odoo))
                line_vals = {"res_id": record.id, "ignore": False}
            if external in known:
                self._write_changed(known[external], line_vals)
            else:
                value_map.write({"line_ids": [(0, 0, dict(line_vals, external_value=external))]})
        return value_map

    def _apply_connection(self, vals, given):
        connection = self.env["integration.connection"].with_context(active_test=False).search(
            [("code", "=", vals["code"])], limit=1)
        if connection:
            # Address and credentials of a connection in use are this database's own.
            vals = {name: value for name, value in vals.items() if name in ("name", "api_name")}
            self._write_changed(connection, vals)
            if given:
                connection.write(given)
            return connection
        return self.env["integration.connection"].create(dict(vals, **given))

    def _apply_resource(self, vals, place):
        values = self._field_values("integration.resource", "resources", vals)
        names = [shape.get("x-field", name) for name, shape in self._properties("resources").items()]
        values = {**self._defaults("integration.resource", names, values), **values}
        resource = self._upsert("integration.resource", [
            ("api_name", "=", values["api_name"]), ("code", "=", values["code"])], values)
        wanted = []
        for number, operation in enumerate(vals.get("operations", [])):
            each = self._field_values("integration.operation", "operations", operation)
            wanted.append((number, {
                **self._defaults("integration.operation", self._properties("operations"), each), **each,
                "sequence": 10 * (number + 1)}))
        self._become(resource.operation_ids, wanted, {"resource_id": resource.id}, f"{place}/operations")
        return resource

    def _become(self, records, wanted, owner, place):
        """Make ``records``, in their order, those that are wanted: (number in the file, values)."""
        model = self.env[records._name]
        for (number, values), record in zip(wanted, records, strict=False):
            with located(f"{place}/{number}"):
                self._write_changed(record, values)
        for number, values in wanted[len(records):]:
            with located(f"{place}/{number}"):
                model.create({**values, **owner})
        records[len(wanted):].unlink()

    # -- flows ---------------------------------------------------------------------------------------------

    def _apply_flow(self, vals, connections, resources):
        connection = connections.get(vals["connection"]) or self.env["integration.connection"].search(
            [("code", "=", vals["connection"])], limit=1)
        resource = resources.get(vals["resource"]) or self.env["integration.resource"].search(
            [("api_name", "=", connection.api_name), ("code", "=", vals["resource"])], limit=1)
        if not connection or not resource:
            raise UserError(self.env._(
                "Flow %(flow)s: the blueprint names the connection '%(connection)s' and the resource '%(resource)s', "
                "and one of them is neither in the file nor in this database.",
                flow=vals["name"], connection=vals["connection"], resource=vals["resource"]))
        values = {name: value for name, value in vals.items() if name not in FLOW_REFERENCES}
        if isinstance(values.get("domain"), list):
            values["domain"] = domain_text(values["domain"])
        values = self._field_values("integration.flow", "flows", values)
        values.update(connection_id=connection.id, resource_id=resource.id, model_id=self._model_id(vals["model"]))
        flow = self.env["integration.flow"].with_context(active_test=False).search(
            [("connection_id", "=", connection.id), ("code", "=", vals["code"])], limit=1)
        if flow:
            flow = flow.with_context(active_test=True)
            self._write_changed(flow, values)
            return flow
        # The same file makes the same flow, whoever imports it.
        return self.env["integration.flow"].create({"tz": "UTC", **FIXED, **values})

    def _apply_rules(self, flow, rules, flows, maps, place, parent=None):
        present = self._rules_of(flow, parent)
        known = {rule.code: rule for rule in present}
        kept = set()
        for number, vals in enumerate(rules):
            with located(f"{place}/{number}"):
                values = self._rule_values(flow, vals, flows, maps, f"{place}/{number}")
                values.update(flow_id=flow.id, sequence=10 * (number + 1), parent_id=parent.id if parent else False)
                rule = known.get(vals.get("code") or vals["odoo_path"])
                if rule:
                    self._write_changed(rule, values)
                else:
                    rule = self.env["integration.field.rule"].create(values)
                kept.add(rule.id)
                self._apply_rules(flow, vals.get("children", []), flows, maps, f"{place}/{number}/children", parent=rule)
        present.filtered(lambda rule: rule.id not in kept).unlink()

    def _rule_values(self, flow, vals, flows, maps, place):
        values = {name: value for name, value in vals.items() if name not in RULE_REFERENCES}
        values = dict(self._defaults("integration.field.rule", self._properties("rules"), values), **values)
        values.setdefault("owner", "odoo" if flow.direction in ("export", "publish") else "external")
        values.update(relation_flow_id=False, value_map_id=False)
        if "relation_flow" in vals:
            related = flows.get(vals["relation_flow"]) or self.env["integration.flow"].search([
                ("connection_id", "=", flow.connection_id.id), ("code", "=", vals["relation_flow"])], limit=1)
            if not related:
                with located(f"{place}/relation_flow"):
                    raise UserError(self.env._(
                        "Flow %(flow)s, rule %(rule)s: there is no flow '%(related)s'.",
                        flow=flow.name, rule=vals.get("odoo_path"), related=vals["relation_flow"]))
            values["relation_flow_id"] = related.id
        if "value_map" in vals:
            value_map = maps.get(vals["value_map"]) or self.env["integration.value.map"].search(
                [("code", "=", vals["value_map"])], limit=1)
            if not value_map:
                with located(f"{place}/value_map"):
                    raise UserError(self.env._(
                        "Flow %(flow)s, rule %(rule)s: there is no value map '%(map)s'.",
                        flow=flow.name, rule=vals.get("odoo_path"), map=vals["value_map"]))
            values["value_map_id"] = value_map.id
        return values

    def _rules_of(self, flow, parent):
        """The rules of a flow, or of a lines rule, also those that are switched off."""
        holder = (parent or flow).with_context(active_test=False)
        return holder.child_ids if parent else holder.rule_ids

    # -- lists of a flow: guardrails, test cases -----------------------------------------------------------

    def _list_records(self, flow, shape):
        records = self.env[shape["x-model"]].with_context(active_test=False).search([("flow_id", "=", flow.id)])
        return records.with_context(active_test=True)

    def _apply_list(self, flow, name, shape, entries, place):
        """Entries with a code are found by it, and others that people have added stay; without, the list is as the file
        says."""
        model_name = shape["x-model"]
        wanted = []
        for number, entry in enumerate(entries):
            with located(f"{place}/{number}"):
                values = self._field_values(model_name, name, entry)
                values = {**self._defaults(model_name, self._properties(name), values), **values}
                values.update(self._list_references(flow, name, entry, f"{place}/{number}"))
                if "direction" in self._properties(name):
                    values.setdefault("direction", "export" if flow.direction == "export" else "import")
                wanted.append((number, {**values, "sequence": 10 * (number + 1)}))
        records = self._list_records(flow, shape)
        if not shape.get("x-key"):
            self._become(records, wanted, {"flow_id": flow.id}, place)
            return
        known = {record.code: record for record in records if record.code}
        for number, values in wanted:
            with located(f"{place}/{number}"):
                record = known.get(values["code"])
                if record:
                    self._write_changed(record, values)
                else:
                    record = self.env[model_name].create({**values, "flow_id": flow.id})
                self._apply_lines(record, name, entries[number], f"{place}/{number}")

    @api.model
    def _list_references(self, flow, name, entry, place):
        """Properties of an entry that name a rule or an operation of the flow."""
        values = {}
        for key, shape in self._properties(name).items():
            if shape.get("x-operation") and key in entry:
                values[shape["x-operation"]] = self._named_operation(flow, entry[key], f"{place}/{key}").id
            if not shape.get("x-rule"):
                continue
            code = entry.get(key)
            rules = {rule.code: rule for rule in self._rules_of(flow, None)}
            rule = rules.get(code, self.env["integration.field.rule"])
            if key in entry and not rule:
                with located(f"{place}/{key}"):
                    raise UserError(self.env._(
                        "Flow %(flow)s has no field rule with the code '%(code)s'.", flow=flow.name, code=entry[key]))
            values[shape["x-rule"]] = rule.id
        return values

    def _named_operation(self, flow, name, place):
        operations = flow.resource_id.operation_ids
        found = operations.filtered(lambda operation: operation.name == name) or operations.filtered(
            lambda operation: operation.kind == name)
        if not found:
            with located(place):
                raise UserError(self.env._(
                    "The resource %(resource)s has no operation '%(name)s'.", resource=flow.resource_id.name, name=name))
        return found[0]

    def _apply_lines(self, record, name, entry, place):
        """Properties that are pairs (path: expected value), kept as records of their own."""
        for key, shape in self._properties(name).items():
            if not shape.get("x-lines"):
                continue
            lines = shape["x-lines"]
            wanted = [
                (number, {lines["key"]: path, lines["value"]: value or False, "sequence": 10 * (number + 1)})
                for number, (path, value) in enumerate(entry.get(key, {}).items())]
            self._become(record[lines["field"]], wanted, {lines["inverse"]: record.id}, f"{place}/{key}")
