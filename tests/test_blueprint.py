"""Blueprints: whole flows as JSON files. See ``models/blueprint.py``."""

import copy
import json
import re

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import TransactionCase, new_test_user, tagged

from odoo.addons.integration_flow.models.blueprint import SCHEMA_FILE
from odoo.addons.integration_flow.tools.first_import import prepare

from .replay import ReplayCase, medusa_list, payload

# Each of their flows that runs by itself brings an example with its result, so that nobody begins with an empty list.
WITH_CASES = {"crm", "planner", "reporting", "reporting_files", "woocommerce"}
FILES = sorted(path.stem for path in SCHEMA_FILE.parent.glob("*.json") if path != SCHEMA_FILE)
SMALL = {
    "format": 1,
    "name": "Small",
    "connections": [
        {"code": "small", "name": "Small shop", "api_name": "Small API", "base_url": "https://small.example"}],
    "value_maps": [{"code": "small_titles", "name": "Titles", "lines": {"mr": "Mister", "x": None}}],
    "resources": [{
        "code": "person", "name": "Person", "api_name": "Small API", "id_path": "id", "blank_values": ["N/A"],
        "operations": [
            {"kind": "list", "path": "people", "query": {"sort": "id"}},
            {"kind": "create", "method": "POST", "path": "people", "body": {"source": "odoo"}, "body_path": "person"}],
    }],
    "flows": [{
        "code": "people", "name": "People", "connection": "small", "resource": "person", "model": "res.partner",
        "direction": "import", "domain": [["is_company", "=", False]], "timing": "manual",
        "rules": [
            {"code": "name", "odoo_path": "name", "external_path": "name", "transform": "text", "required": True},
            {"code": "title", "odoo_path": "function", "external_path": "title", "transform": "value_map",
             "value_map": "small_titles"},
            {"code": "parent", "kind": "relation", "odoo_path": "parent_id", "external_path": "company",
             "relation_flow": "people"},
            {"code": "children", "kind": "lines", "odoo_path": "child_ids", "external_path": "contacts", "children": [
                {"code": "name", "odoo_path": "name", "external_path": "name"},
                {"code": "phone", "odoo_path": "phone", "external_path": "phone"}]},
        ],
    }],
}


def changed(path, value):
    """A copy of the small blueprint with another value at a path such as 'flows.0.name'; ... removes it."""
    data = copy.deepcopy(SMALL)
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    target = data
    for step in way:
        target = target[step]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return data


@tagged("post_install", "-at_install")
class TestBlueprint(TransactionCase):

    def apply(self, data=SMALL, **options):
        return self.env["integration.blueprint"]._apply(copy.deepcopy(data), **options)

    def rules(self, flow):
        self.env.invalidate_all()
        return {rule.code: rule for rule in flow.rule_ids}

    # -- what is wrong is said, with its place in the file -------------------------------------------------

    def test_problems_name_their_place(self):
        cases = [
            ("flows.0.rules.0.owner", "nobdy", "flows/0/rules/0/owner", "'nobdy' is not one of"),
            ("flows.0.rules.3.children.1.requird", True, "flows/0/rules/3/children/1", "requird"),
            ("flows.0.model", ..., "flows/0", "'model' is a required property"),
            ("flows.0.batch_size", "many", "flows/0/batch_size", "'many' is not of type 'integer'"),
            ("resources.0.operations.0.method", "FETCH", "resources/0/operations/0/method", "'FETCH'"),
            ("resources.0.code", "a b", "resources/0/code", "does not match"),
            ("resources.0.blank_values", "N/A", "resources/0/blank_values", "is not of type 'array'"),
            ("format", 2, "format", "1 was expected"),
            ("name", ..., "/", "'name' is a required property"),
            ("connections.0.auth_secret_input", "s3cret", "connections/0", "auth_secret_input"),
        ]
        for path, value, place, said in cases:
            with self.subTest(path), self.assertRaises(UserError) as caught:
                self.apply(changed(path, value))
            self.assertIn(f"• {place}: ", str(caught.exception))
            self.assertIn(said, str(caught.exception))
        self.assertFalse(self.env["integration.connection"].search([("code", "=", "small")]))

    def test_all_problems_at_once(self):
        data = changed("flows.0.model", ...)
        data["resources"][0]["operations"][0]["kind"] = "get"
        with self.assertRaises(UserError) as caught:
            self.apply(data)
        self.assertEqual(str(caught.exception).count("•"), 2)

    def test_what_this_database_has_not(self):
        cases = [
            ("requires", ["sale", "no_such_app", "neither"], UserError, "no_such_app, neither"),
            ("flows.0.model", "no.such.model", UserError, "no.such.model"),
            ("flows.0.rules.0.odoo_path", "no_such_field", ValidationError, "no_such_field"),
            ("flows.0.rules.0.external_path", "name[", ValidationError, "name["),
            ("flows.0.rules.1.value_map", "nothing", UserError, "there is no value map 'nothing'"),
            ("flows.0.rules.2.relation_flow", "nothing", UserError, "there is no flow 'nothing'"),
            ("flows.0.connection", "nothing", UserError, "'nothing'"),
            ("flows.0.resource", "nothing", UserError, "'nothing'"),
            ("resources.0.operations.0.path", "https://elsewhere.example/x", ValidationError, "below the base URL"),
        ]
        for path, value, error, said in cases:
            with self.subTest(path), self.assertRaises(error) as caught, self.env.cr.savepoint():
                self.apply(changed(path, value))
            self.assertIn(said, str(caught.exception))
        data = changed("value_maps.0.lines", {"be": "base.no_such_country"})
        data["value_maps"][0]["model"] = "res.country"
        with self.assertRaises(UserError) as caught:
            self.apply(data)
        self.assertIn("base.no_such_country", str(caught.exception))

    # -- the same file again -------------------------------------------------------------------------------

    def test_twice_is_once(self):
        flow = self.apply()["people"]
        resource, rules = flow.resource_id, flow.all_rule_ids
        counts = {name: self.env[name].search_count([]) for name in (
            "integration.connection", "integration.resource", "integration.operation", "integration.flow",
            "integration.field.rule", "integration.value.map", "integration.value.map.line")}
        again = self.apply()["people"]
        self.assertEqual((again, again.resource_id, again.all_rule_ids), (flow, resource, rules))
        self.assertEqual({name: self.env[name].search_count([]) for name in counts}, counts)
        self.assertEqual(flow.domain, "[('is_company', '=', False)]")
        create = resource._operation("create")
        self.assertEqual((json.loads(create.body), create.body_path), ({"source": "odoo"}, "person"))
        self.assertEqual(resource._blank_values(), ("N/A",))
        value_map = self.rules(flow)["title"].value_map_id
        self.assertEqual(
            {line.external_value: (line.odoo_value, line.ignore) for line in value_map.line_ids},
            {"mr": ("Mister", False), "x": (False, True)})

    def test_connection_in_use_keeps_address_and_secrets(self):
        flow = self.apply(connection_vals={"small": {"auth_type": "bearer", "auth_secret_input": "s3cret"}})["people"]
        connection = flow.connection_id
        connection.base_url = "https://real.example"
        connection.environment = "production"
        self.apply(changed("connections.0.name", "Renamed"))
        self.assertEqual(
            (connection.name, connection.base_url, connection.environment, connection.auth_type),
            ("Renamed", "https://real.example", "production", "bearer"))
        self.assertEqual(connection._auth_secret(), "s3cret")

    def test_what_the_file_no_longer_says_is_gone(self):
        flow = self.apply()["people"]
        rules = self.rules(flow)
        data = changed("flows.0.rules.3.children", SMALL["flows"][0]["rules"][3]["children"][:1])
        del data["flows"][0]["rules"][0]["required"]
        del data["flows"][0]["rules"][1:3]
        del data["resources"][0]["operations"][1]
        del data["resources"][0]["blank_values"]
        self.apply(data)
        self.assertEqual([*self.rules(flow)], ["name", "children"])
        self.assertEqual(self.rules(flow)["name"], rules["name"])
        self.assertFalse(rules["name"].required)
        self.assertFalse(rules["title"].exists() + rules["parent"].exists())
        self.assertEqual(rules["children"].child_ids.mapped("code"), ["name"])
        self.assertEqual(flow.resource_id.operation_ids.mapped("kind"), ["list"])
        self.assertEqual(flow.resource_id._blank_values(), ())

    def test_what_people_tuned_stays(self):
        flow = self.apply()["people"]
        flow.write({"batch_size": 7, "interval_number": 3})
        value_map = self.rules(flow)["title"].value_map_id
        value_map.line_ids = [(0, 0, {"external_value": "dr", "odoo_value": "Doctor"})]
        self.apply()
        self.assertEqual((flow.batch_size, flow.interval_number, flow.timing), (7, 3, "manual"))
        self.assertIn("dr", value_map.line_ids.mapped("external_value"))

    def test_switched_off_rules(self):
        data = changed("flows.0.rules.0.active", False)
        flow = self.apply(data)["people"]
        self.assertNotIn("name", self.rules(flow))
        self.apply(data)
        self.apply()
        self.assertIn("name", self.rules(flow))
        self.assertEqual(len(flow.all_rule_ids), 6)

    # -- who may -------------------------------------------------------------------------------------------

    def test_only_technical_administrators(self):
        blueprint = self.env["integration.blueprint"]
        for groups in (
            "base.group_user", "base.group_user,integration_flow.group_integration_manager", "base.group_system",
        ):
            user = new_test_user(self.env, login=f"blueprint {groups}", groups=groups)
            if user.has_group("integration_flow.group_integration_secrets"):
                continue
            with self.subTest(groups), self.assertRaises(AccessError):
                blueprint.with_user(user)._apply(copy.deepcopy(SMALL))
        self.assertFalse(self.env["integration.connection"].search([("code", "=", "small")]))
        technical = new_test_user(
            self.env, login="blueprint technical", groups="base.group_user,integration_flow.group_integration_secrets")
        flow = blueprint.with_user(technical)._apply(copy.deepcopy(SMALL))["people"]
        self.assertEqual(flow.user_id, technical)

    # -- the addon's own files -----------------------------------------------------------------------------

    def test_every_file_applies_twice_and_is_ready(self):
        self.assertGreaterEqual(set(FILES), {"woocommerce", "medusa", "karrio", "odoo_json2"})
        for name in FILES:
            with self.subTest(name):
                data = json.loads((SCHEMA_FILE.parent / f"{name}.json").read_text(encoding="utf-8"))
                missing = self.env["integration.blueprint"]
                if any(not missing._module_installed(app) for app in data.get("requires", [])):
                    continue
                if name == "woocommerce":
                    prepare(self.env)
                flows = self.env["integration.blueprint"]._apply_file(name)
                ids = [(flow.id, sorted(flow.all_rule_ids.ids)) for flow in flows.values()]
                flows = self.env["integration.blueprint"]._apply_file(name)
                self.assertEqual([(flow.id, sorted(flow.all_rule_ids.ids)) for flow in flows.values()], ids)
                cases = self.env["integration.test.case"].search([("flow_id", "in", [flow.id for flow in flows.values()])])
                cases._prove()
                self.assertEqual(
                    [f"{case.flow_id.code} {case.code}: {case.last_message}"
                     for case in cases if case.last_result != "passed"], [], name)
                if name in WITH_CASES:
                    by_itself = {flow.code for flow in flows.values() if flow.timing != "manual"}
                    self.assertFalse(by_itself - {case.flow_id.code for case in cases}, name)
                for flow in flows.values():
                    self.assertEqual(flow._problems(), [], f"{flow.name} of {name}")
                    self.assertEqual(
                        (flow.state, flow.environment), ("draft", flow.direction != "publish" and "sandbox"))
                    codes = flow.rule_ids.mapped("code")
                    self.assertEqual(len(codes), len(set(codes)))

    def test_rules_have_codes_of_their_own(self):
        """Agreed values are kept under the rule's code: one that is made up may change with the order of rules."""
        for name in FILES:
            data = json.loads((SCHEMA_FILE.parent / f"{name}.json").read_text(encoding="utf-8"))
            for flow in [*data.get("flows", []), *data.get("publications", [])]:
                for rule in flow["rules"]:
                    for each in [rule, *rule.get("children", [])]:
                        self.assertTrue(each.get("code"), f"{name}, {flow['code']}: {each}")

    def test_no_secret_in_any_file(self):
        schema = SCHEMA_FILE.read_text(encoding="utf-8")
        known = set(re.findall(r'"(\w+)": \{', schema))
        self.assertFalse({name for name in known if re.search(r"secret|password|token$|extra_headers", name)})
        for name in FILES:
            data = json.loads((SCHEMA_FILE.parent / f"{name}.json").read_text(encoding="utf-8"))
            for connection in data.get("connections", []):
                self.assertNotIn("auth_user", connection, f"{name}: whose user would that be?")
            text = json.dumps(data)
            self.assertFalse(re.search(r"(?i)bearer [a-z0-9]|\b(?:sk|pk|ck|cs|key|whsec)_[a-z0-9]{6,}", text), name)

    def test_schema_knows_only_what_the_models_have(self):
        schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
        sections = {name: section.get("items", {}).get("properties") for name, section in schema["properties"].items()}
        operations = sections["resources"]["operations"]["items"]["properties"]
        rules = schema["$defs"]["rule"]["properties"]

        def by_field(properties):
            return {shape.get("x-field", name): shape for name, shape in properties.items()}

        for model, properties, others in (
            ("integration.connection", sections["connections"], set()),
            ("integration.resource", sections["resources"], {"sample", "operations"}),
            ("integration.operation", operations, set()),
            ("integration.flow", sections["flows"], {
                "connection", "resource", "model", "rules", "statuses", "guards", "tests", "calls", "webhook_topics"}),
            ("integration.webhook.topic", sections["flows"]["webhook_topics"]["items"]["properties"], set()),
            ("integration.guard", sections["flows"]["guards"]["items"]["properties"], {"rule"}),
            ("integration.test.case", sections["flows"]["tests"]["items"]["properties"], {"expected"}),
            ("integration.request.step", sections["flows"]["calls"]["items"]["properties"], {"operation", "discard"}),
            ("integration.field.rule", rules, {"relation_flow", "value_map", "children"}),
            ("integration.flow", by_field(sections["publications"]), {"model", "availability", "rules"}),
            ("integration.notice.channel", sections["alert_channels"], set()),
            ("integration.notice.rule", sections["alerts"], {"model", "channels", "escalate_channels"}),
        ):
            fields = self.env[model]._fields
            self.assertEqual({name for name in properties if name not in fields} - others, set(), model)
            for name, options in properties.items():
                selection = fields[name].selection if name in fields and fields[name].type == "selection" else None
                if isinstance(selection, list):
                    known = {key for key, _label in selection}
                    if (model, name) == ("integration.notice.channel", "kind"):
                        known.discard("discuss")  # a room is this database's own
                    if (model, name) == ("integration.flow", "direction"):
                        known.discard("publish")  # has a section of its own, without connection and resource
                    self.assertEqual(set(options.get("enum", ())), known, f"{model}.{name}")


@tagged("post_install", "-at_install")
class TestAppliedInUse(ReplayCase):
    """A blueprint that is applied again while its flows are running."""

    blueprint = "medusa"
    secret = "Basic c2tfdGVzdDo="

    def test_agreed_values_survive(self):
        order = payload("medusa/order_placed")
        self.server.collection("/admin/orders", [order], medusa_list("orders"))
        flow = self.flows["medusa_orders"]
        self.run_flow(flow)
        self.assertAllSynced()
        sync = self.syncs(flow)[order["id"]]
        agreed = sync.agreed
        self.env["integration.blueprint"]._apply_file("medusa")
        self.assertEqual(flow.state, "test")
        self.assertEqual(flow.connection_id.base_url, self.server.url)
        with self.watch("sale.order", "create", "write") as calls:
            run = self.run_flow(flow, full=True)
        self.assertEqual((run.read_count, run.unchanged_count, calls), (1, 1, []))
        self.assertEqual(sync.agreed, agreed)
