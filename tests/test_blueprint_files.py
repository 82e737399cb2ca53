"""Blueprints out of the database and into it again: the same, told before it is done, with its place in the file."""

import base64
import copy
import io
import json
import tempfile
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

from lxml import etree

from odoo import Command
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import TransactionCase, new_test_user, tagged
from odoo.tools import SQL

from odoo.addons.integration_flow.cli.blueprint import Blueprint, carry_out
from odoo.addons.integration_flow.core.blueprints import SECTIONS, dump

from .test_blueprint import FILES, SCHEMA_FILE, SMALL, changed

FULL = changed("flows.0.guards", [{"kind": "create", "limit": 50, "unit": "percent"}, {"kind": "change", "side": "import"}])
FULL["flows"][0]["tests"] = [{
    "code": "ann", "name": "Ann", "payload": {"id": 1, "name": "Ann", "contacts": []}, "expected": {"name": "Ann"},
    "expected_outcome": "created"}]


class BlueprintFilesCase(TransactionCase):

    def setUp(self):
        super().setUp()
        self.blueprint = self.env["integration.blueprint"]

    def apply(self, data):
        return self.blueprint._apply(copy.deepcopy(data))

    @contextmanager
    def taken_back(self):
        """What is done within this block is rolled back after it."""
        self.env.flush_all()
        savepoint = self.env.cr.savepoint(flush=False)
        try:
            yield
        finally:
            self.env.clear()
            savepoint.close(rollback=True)

    def told(self, data):
        return [(each.kind, each.path) for each in self.blueprint._differences(copy.deepcopy(data))]

    def stamps(self, flows):
        """When anything of these flows was written last; and what there is."""
        return self.stamps_of(
            flows, flows.with_context(active_test=False).all_rule_ids, flows.guard_ids, flows.test_case_ids,
            flows.test_case_ids.expectation_ids, flows.connection_id, flows.resource_id, flows.resource_id.operation_ids,
            flows.all_rule_ids.value_map_id, flows.all_rule_ids.value_map_id.line_ids)

    def stamps_of(self, *parts):
        self.env.flush_all()
        found = {}
        for records in parts:
            if records:
                self.env.cr.execute(SQL(
                    "SELECT id, xmin::text, ctid::text FROM %s WHERE id = ANY(%s)", SQL.identifier(records._table),
                    records.ids))
                found[records._name] = sorted(self.env.cr.fetchall())
        return found


@tagged("post_install", "-at_install")
class TestBlueprintFiles(BlueprintFilesCase):

    def test_every_file_comes_out_as_it_went_in(self):
        tried = []
        for name in FILES:
            data = self.blueprint._shipped(name)
            if self.blueprint._missing_apps(data):
                continue
            # Each by itself: two files about one API bring resources that would come out together.
            with self.subTest(name), self.taken_back():
                tried.append(name)
                flows = self.apply(data)
                records = self.env["integration.flow"].union(*flows.values())
                alerts = self.env["integration.notice.rule"].search(
                    [("code", "in", [alert["code"] for alert in data.get("alerts", ())])])
                exported, notes = self.blueprint._export(
                    records, alerts=alerts, name=data["name"], description=data.get("description"))
                wanted = self.blueprint._normal(data)
                self.assertEqual(notes, [])
                for section in SECTIONS:
                    self.assertEqual(dump({"x": exported.get(section)}), dump({"x": wanted.get(section)}))
                self.assertEqual(self.blueprint._missing_apps(exported), [])
                self.blueprint._validate(exported)
                self.assertEqual(self.told(data), [])
                self.assertEqual(self.told(exported), [])
                before = self.stamps(records), self.stamps_of(alerts, alerts.channel_ids | alerts.escalate_channel_ids)
                self.apply(data)
                self.apply(exported)
                after = self.stamps(records), self.stamps_of(alerts, alerts.channel_ids | alerts.escalate_channel_ids)
                self.assertEqual(after, before, "importing again writes nothing at all")
        self.assertTrue(tried)

    def test_guardrails_and_test_cases(self):
        flow = self.apply(FULL)["people"]
        self.assertEqual(
            [(guard.kind, guard.limit, guard.unit, guard.side) for guard in flow.guard_ids],
            [("create", 50, "percent", "both"), ("change", 0, "records", "import")])
        case = flow.test_case_ids
        self.assertEqual((case.code, case.expected_outcome, case.direction), ("ann", "created", "import"))
        self.assertEqual([(line.path, line.value) for line in case.expectation_ids], [("name", "Ann")])
        exported, _notes = self.blueprint._export(flow, name="Small")
        self.assertEqual(exported, self.blueprint._normal(dict(FULL, requires=exported.get("requires", []))))
        before = self.stamps(flow)
        self.apply(FULL)
        self.assertEqual(self.stamps(flow), before)
        # What people have added to the tests stays; guardrails are what the file says, if it says any.
        own = self.env["integration.test.case"].create({"flow_id": flow.id, "name": "My own", "payload": "{}"})
        data = copy.deepcopy(FULL)
        data["flows"][0]["guards"].pop()
        data["flows"][0]["tests"][0]["expected"] = {"name": "Eve"}
        self.assertEqual(self.told(data), [
            ("removed", "flows/people/guards/change-import"), ("changed", "flows/people/tests/ann/expected")])
        self.apply(data)
        self.assertEqual((flow.guard_ids.mapped("kind"), case.expectation_ids.value), (["create"], "Eve"))
        self.apply(SMALL)
        self.assertEqual((len(flow.guard_ids), flow.test_case_ids), (1, case + own))

    def test_a_publication_goes_round(self):
        """Filters, sizes and rules; for stock the formula with what belongs to it. Never who reads it."""
        data = {"format": 1, "name": "Contacts", "publications": [{
            "code": "contacts", "name": "Contacts", "model": "res.partner", "domain": [["ref", "=like", "X%"]],
            "page_size": 50, "tombstone_days": 7, "rules": [
                {"code": "ref", "odoo_path": "ref", "external_path": "ref", "match_key": True},
                {"code": "city", "odoo_path": "city", "external_path": "city", "publish_filter": True}]}]}
        flow = self.apply(data)["contacts"]
        consumer = self.env["integration.consumer"].create({"name": "Secret reader", "flow_ids": [(4, flow.id)]})
        self.env["integration.consumer.token"]._make(consumer, "Till")
        exported, notes = self.blueprint._export(flow, name="Contacts")
        self.assertEqual((exported, notes), (self.blueprint._normal(data), []))
        self.assertNotIn("Secret", dump(exported))
        self.assertEqual(self.told(data), [])
        data["publications"][0].update(page_size=60, full_hours=48)
        data["publications"][0]["rules"][1]["publish_filter"] = False
        self.assertEqual(sorted(self.told(data)), [
            ("changed", "publications/contacts/full_hours"), ("changed", "publications/contacts/page_size"),
            ("changed", "publications/contacts/rules/city/publish_filter")])
        del data["publications"][0]["tombstone_days"]
        self.apply(data)
        self.assertEqual((flow.publish_page_size, flow.publish_full_hours, flow.publish_tombstone_days), (60, 48, 7))
        self.assertEqual(self.told(data), [])

    def test_published_stock_goes_round(self):
        data = {"format": 1, "name": "Stock", "requires": ["stock"], "publications": [{
            "code": "some_stock", "name": "Stock", "model": "product.product",
            "availability": {"formula": "forecast", "safety": 2, "floor": False, "warehouses": "WH", "path": ""},
            "rules": [{"code": "sku", "odoo_path": "default_code", "external_path": "sku", "match_key": True}]}]}
        if self.blueprint._missing_apps(data):
            self.skipTest("Inventory is not installed")
        flow = self.apply(data)["some_stock"]
        self.assertEqual((flow.availability_formula, flow.availability_safety), ("forecast", 2))
        self.assertFalse(flow.availability_floor)
        exported, _notes = self.blueprint._export(flow, name="Stock")
        self.assertEqual(exported, self.blueprint._normal(data))
        data["publications"][0]["availability"] = {"formula": "forecast"}
        self.assertEqual(self.told(data), [("changed", "publications/some_stock/availability")])
        self.apply(data)
        self.assertEqual((flow.availability_safety, flow.availability_floor, flow.availability_path), (0, True, "stock"))
        self.assertEqual(self.told(data), [])

    def test_alerts_go_round(self):
        data = {
            "format": 1, "name": "Alerts",
            "alert_channels": [
                {"code": "chat", "name": "Chat", "kind": "chat", "style": "teams", "when_lost": "again"},
                {"code": "seller", "name": "Seller", "kind": "activity", "user_path": "user_id"}],
            "alerts": [{
                "code": "vip", "name": "VIP", "model": "res.partner", "domain": [["ref", "=", "VIP"]], "title": "{record}",
                "body": "{city}", "channels": ["chat", "seller"], "limit_count": 0, "escalate_hours": 2,
                "escalate_channels": ["chat"]}]}
        self.apply(data)
        alert = self.env["integration.notice.rule"].search([("code", "=", "vip")])
        alert.channel_ids[0].url_input = "https://hooks.example.com/services/s3cret"
        exported, notes = self.blueprint._export(self.env["integration.flow"], alerts=alert, name="Alerts")
        self.assertEqual((exported, notes, alert.state), (self.blueprint._normal(data), [], "off"))
        self.assertNotIn("s3cret", dump(exported))
        self.assertEqual(self.told(data), [])
        data["alerts"][0].update(domain=[["ref", "=", "VVIP"]], channels=["chat"])
        self.assertEqual(sorted(self.told(data)), [
            ("changed", "alerts/vip/channels"), ("changed", "alerts/vip/domain")])
        self.apply(data)
        self.assertEqual((alert.domain, alert.channel_ids.code), ("[('ref', '=', 'VVIP')]", "chat"))
        wizard = alert.action_export_blueprint()
        self.assertEqual(self.env["integration.blueprint.export"].browse(wizard["res_id"]).file_name, "vip.json")
        data["alerts"][0]["channels"] = ["nowhere"]
        with self.assertRaisesRegex(UserError, "alerts/0"), self.env.cr.savepoint():
            self.apply(data)

    def test_a_guardrail_names_its_rule(self):
        data = changed("flows.0.rules.0.odoo_path", "color")
        data["flows"][0]["rules"][0].update(code="color", transform="number")
        data["flows"][0]["guards"] = [{"kind": "jump", "rule": "color", "jump_percent": 5}]
        flow = self.apply(data)["people"]
        self.assertEqual(flow.guard_ids.rule_id.code, "color")
        self.assertEqual(self.blueprint._export(flow)[0]["flows"][0]["guards"], [
            {"kind": "jump", "rule": "color", "jump_percent": 5}])
        data["flows"][0]["guards"][0]["rule"] = "colour"
        with self.assertRaises(UserError) as caught, self.env.cr.savepoint():
            self.apply(data)
        self.assertIn("flows/0/guards/0/rule: ", str(caught.exception))

    def test_differences_before_anything_is_done(self):
        self.assertEqual(self.told(SMALL), [
            ("created", "connections/small"), ("created", "value_maps/small_titles"), ("created", "resources/person"),
            ("created", "flows/people")])
        flow = self.apply(SMALL)["people"]
        self.assertEqual(self.told(SMALL), [])
        flow.batch_size = 7
        flow.connection_id.base_url = "https://real.example"
        flow.rule_ids[1].value_map_id.line_ids = [Command.create({"external_value": "dr", "odoo_value": "Doctor"})]
        self.assertEqual(self.told(SMALL), [], "what people tuned stays, so that nothing is to be told")
        cases = [
            ("flows.0.timing", "live", [("changed", "flows/people/timing")]),
            ("flows.0.batch_size", 500, [("changed", "flows/people/batch_size")]),
            ("flows.0.rules.0.required", ..., [("changed", "flows/people/rules/name/required")]),
            ("flows.0.rules.2", ..., [("removed", "flows/people/rules/parent")]),
            ("flows.0.rules.3.children.1.external_path", "tel",
             [("changed", "flows/people/rules/children/children/phone/external_path")]),
            ("value_maps.0.lines.mr", "Sir", [("changed", "value_maps/small_titles/lines")]),
            ("resources.0.operations.1.path", "persons", [("changed", "resources/person/operations/create/path")]),
            ("resources.0.operations.1", ..., [("removed", "resources/person/operations/create")]),
            ("connections.0.name", "Renamed", [("changed", "connections/small/name")]),
            ("connections.0.base_url", "https://other.example", []),
        ]
        for path, value, told in cases:
            with self.subTest(path):
                self.assertEqual(self.told(changed(path, value)), told)
                with self.env.cr.savepoint() as savepoint:
                    self.apply(changed(path, value))
                    self.assertEqual(self.told(changed(path, value)), [])
                    savepoint.rollback()
        self.env.invalidate_all()

    def test_errors_name_their_place(self):
        cases = [
            ("flows.0.rules.0.odoo_path", "no_such_field", ValidationError, "flows/0/rules/0: "),
            ("flows.0.rules.3.children.1.odoo_path", "no_such_field", ValidationError, "flows/0/rules/3/children/1: "),
            ("flows.0.rules.1.value_map", "nothing", UserError, "flows/0/rules/1/value_map: "),
            ("flows.0.rules.2.relation_flow", "nothing", UserError, "flows/0/rules/2/relation_flow: "),
            ("flows.0.model", "no.such.model", UserError, "flows/0: "),
            ("resources.0.id_path", "id[", ValidationError, "resources/0: "),
            ("resources.0.operations.1.path", "https://x.example", ValidationError, "resources/0/operations/1: "),
            ("connections.0.base_url", "nowhere", ValidationError, "connections/0: "),
        ]
        for path, value, error, place in cases:
            with self.subTest(path), self.assertRaises(error) as caught, self.env.cr.savepoint():
                self.apply(changed(path, value))
            self.assertTrue(str(caught.exception).startswith(place), str(caught.exception))
        for text, said in (("{", "not valid JSON"), ("[1]", "/: "), ('{"format": 1}', "name")):
            with self.subTest(text), self.assertRaises(UserError) as caught:
                self.blueprint._parse(text)
            self.assertIn(said, str(caught.exception))

    def test_no_secret_leaves(self):
        flow = self.blueprint._apply(copy.deepcopy(SMALL), connection_vals={"small": {
            "auth_type": "basic", "auth_user": "robot", "auth_secret_input": "s3cret-s3cret",
            "web_url": "https://small.example/?token=t0psecret"}})["people"]
        text, _notes = self.blueprint._export_text(flow)
        for secret in ("s3cret-s3cret", "robot", "t0psecret"):
            self.assertNotIn(secret, text)
        self.assertEqual(json.loads(text)["connections"][0]["auth_type"], "basic")

    def test_flows_made_by_hand(self):
        flow = self.apply(SMALL)["people"]
        flow.code = flow.connection_id.code = flow.rule_ids[1].value_map_id.code = False
        country = self.env["res.country"].create({"name": "Atlantis", "code": "XA"})
        value_map = self.env["integration.value.map"].create({
            "name": "Länder", "model_id": self.env["ir.model"]._get_id("res.country"), "line_ids": [
                Command.create({"external_value": "be", "res_id": self.env.ref("base.be").id}),
                Command.create({"external_value": "xa", "res_id": country.id})]})
        self.env["integration.field.rule"].create({
            "flow_id": flow.id, "odoo_path": "country_id", "external_path": "country", "transform": "value_map",
            "value_map_id": value_map.id})
        data, notes = self.blueprint._export(flow)
        self.assertEqual(
            (data["name"], data["flows"][0]["code"], data["connections"][0]["code"]), ("People", "people", "small_shop"))
        self.assertIn(
            {"code": "l_nder", "name": "Länder", "model": "res.country", "lines": {"be": "base.be"}}, data["value_maps"])
        self.assertEqual(len(notes), 1)
        self.assertIn("xa", notes[0])
        self.assertEqual(self.told(data), [])
        self.assertEqual(self.blueprint._export(flow)[0], data)

    def test_related_flows_come_along(self):
        data = changed("flows.0.rules.2.relation_flow", "bosses")
        data["flows"].append(dict(SMALL["flows"][0], code="bosses", name="Bosses", rules=SMALL["flows"][0]["rules"][:1]))
        flow = self.apply(data)["people"]
        self.assertEqual([each["code"] for each in self.blueprint._export(flow)[0]["flows"]], ["bosses", "people"])

    def test_the_example_of_the_documentation(self):
        text = (SCHEMA_FILE.parent.parent / "docs" / "blueprints.md").read_text(encoding="utf-8")
        flow = self.apply(self.blueprint._parse(text.split("```json\n")[1].split("```")[0]))["shop_customers"]
        self.assertEqual(flow._problems(), [])
        flow.test_case_ids._prove()
        self.assertEqual(flow.test_case_ids.last_result, "passed", flow.test_case_ids.last_message)

    def test_who_may(self):
        flow = self.apply(SMALL)["people"]
        user = new_test_user(self.env, "u", groups="base.group_user,integration_flow.group_integration_user")
        manager = new_test_user(self.env, "m", groups="base.group_user,integration_flow.group_integration_manager")
        with self.assertRaises(AccessError):
            self.blueprint.with_user(user)._export(flow.with_user(user))
        self.assertEqual(
            self.blueprint.with_user(manager)._export(flow.with_user(manager))[0]["flows"],
            self.blueprint._export(flow)[0]["flows"])


@tagged("post_install", "-at_install")
class TestBlueprintScreens(BlueprintFilesCase):

    def wizard(self, action):
        return self.env[action["res_model"]].browse(action["res_id"])

    def upload(self, data):
        wizard = self.env["integration.blueprint.import"].create({
            "file": base64.b64encode(json.dumps(data).encode()), "file_name": "small.json"})
        wizard.action_compare()
        return wizard

    def test_compared_and_then_imported(self):
        wizard = self.upload(SMALL)
        self.assertEqual((wizard.state, wizard.name, wizard.missing_apps), ("compare", "Small", False))
        self.assertEqual(wizard.summary, "4 new, 0 changed, 0 removed")
        self.assertFalse(self.env["integration.connection"].search([("code", "=", "small")]), "nothing is done yet")
        action = wizard.action_import()
        flow = self.env["integration.flow"].search(action["domain"])
        self.assertEqual((flow.code, flow.state), ("people", "draft"))
        self.assertIn("changes nothing", self.upload(SMALL).summary)
        wizard = self.upload(changed("flows.0.rules.0.external_path", "full_name"))
        self.assertEqual(
            [(line.kind, line.path, line.before, line.after) for line in wizard.difference_ids],
            [("changed", "flows/people/rules/name/external_path", "name", "full_name")])
        with self.assertRaises(UserError):
            self.upload(changed("flows.0.model", ...))

    def test_missing_apps_are_offered(self):
        wizard = self.upload(dict(SMALL, requires=["no_such_app"]))
        self.assertEqual((wizard.missing_apps, wizard.may_install), ("no_such_app", True))
        with self.assertRaises(UserError) as caught:
            wizard.action_install_apps()
        self.assertIn("no_such_app", str(caught.exception))
        module = self.env["ir.module.module"].search([("state", "=", "uninstalled")], limit=1)
        wizard = self.upload(dict(SMALL, requires=[module.name]))
        self.assertFalse(self.env["integration.connection"].search([("code", "=", "small")]))

        def installed(modules):
            modules.state = "installed"
            return {"type": "ir.actions.client", "tag": "reload"}

        with patch.object(type(module), "button_immediate_install", autospec=True, side_effect=installed) as install:
            action = wizard.action_install_apps()
        self.assertEqual(install.call_args[0][0], module)
        # It goes on by itself: the page that is loaded shows the comparison, and nothing is missing any more.
        page = "integration_flow.integration_blueprint_import_page_action"
        self.assertEqual(action["url"], f"/odoo/action-{page}/{wizard.id}")
        # Odoo shows footers in dialogs only: a page has its buttons above.
        arch = etree.fromstring(wizard.get_view(self.env.ref(page).view_id.id, "form")["arch"])
        self.assertEqual(
            arch.xpath("//button/@name"), arch.xpath("/form/header/button/@name"))
        self.assertIn("action_import", arch.xpath("/form/header/button/@name"))
        self.assertEqual((wizard.missing_apps, wizard.state, wizard.summary), (
            False, "compare", "4 new, 0 changed, 0 removed"))
        self.assertEqual(self.env["integration.flow"].search(wizard.action_import()["domain"]).code, "people")

    def test_a_card_offers_the_apps_of_its_blueprint(self):
        offer = self.env["integration.blueprint.offer"].search([("code", "=", "odoo_json2")])
        module = self.env["ir.module.module"].search([("state", "=", "uninstalled")], limit=1)
        offer.requires = module.name
        self.assertEqual(offer.missing_apps, module.shortdesc)
        module.state = "installed"
        offer.invalidate_recordset()
        self.assertFalse(offer.missing_apps)

    def test_the_list_of_blueprints(self):
        offers = self.env["integration.blueprint.offer"].search([])
        self.assertEqual(set(offers.mapped("code")), set(FILES))
        self.assertFalse(any(offers.mapped("is_here")))
        ids = offers.ids
        offers[0].name = "Old"
        self.env["integration.blueprint.offer"].create({"code": "gone", "name": "Gone"})
        offers._refresh()
        self.assertEqual(self.env["integration.blueprint.offer"].search([], order="id").ids, sorted(ids))
        self.assertNotIn("Old", offers.mapped("name"))
        self.assertTrue(all(offer.apps and offer.flow_names for offer in offers))
        wizard = self.wizard(offers.filtered(lambda offer: offer.code == "odoo_json2").action_import())
        self.assertEqual((wizard.state, wizard.name), ("compare", self.blueprint._shipped("odoo_json2")["name"]))

    def test_download(self):
        flow = self.apply(SMALL)["people"]
        wizard = self.wizard(flow.action_export_blueprint())
        self.assertEqual((wizard.file_name, wizard.notes), ("people.json", ""))
        self.assertEqual(json.loads(base64.b64decode(wizard.file)), self.blueprint._export(flow)[0])

    def test_rights(self):
        self.apply(SMALL)
        manager = new_test_user(self.env, "m", groups="base.group_user,integration_flow.group_integration_manager")
        offers = self.env["integration.blueprint.offer"].with_user(manager)
        offer = offers.search([], limit=1)
        with self.assertRaisesRegex(AccessError, "Only a technical administrator"):
            offer.action_import()
        self.assertNotIn("action_import", offers.get_view(view_type="kanban")["arch"])
        technical = new_test_user(
            self.env, "t", groups="base.group_user,integration_flow.group_integration_secrets")
        offers = self.env["integration.blueprint.offer"].with_user(technical)
        self.assertIn("action_import", offers.get_view(view_type="kanban")["arch"])
        wizard = self.wizard(offers.search([("code", "=", "odoo_json2")]).action_import())
        self.assertFalse(wizard.with_user(technical).may_install)
        with self.assertRaises(AccessError):
            wizard.with_user(technical).action_install_apps()


@tagged("post_install", "-at_install")
class TestBlueprintCommand(BlueprintFilesCase):

    def command(self, *words):
        out, err = io.StringIO(), io.StringIO()
        arguments = Blueprint().parser.parse_args([*words, "-d", self.env.cr.dbname])
        with redirect_stdout(out), redirect_stderr(err):
            code = carry_out(self.env, arguments)
        return code, out.getvalue(), err.getvalue()

    def test_out_checked_and_in(self):
        self.apply(SMALL)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "small.json"
            self.assertEqual(self.command("export", "--flow", "people", "--name", "Small", str(file)), (0, "", ""))
            self.assertEqual(json.loads(file.read_text(encoding="utf-8"))["flows"][0]["code"], "people")
            self.assertEqual(self.command("check", str(file)), (0, "nothing to change\n", ""))
            file.write_text(file.read_text(encoding="utf-8").replace('"contacts"', '"people"'), encoding="utf-8")
            changed_line = 'changed  flows/people/rules/children/external_path: "contacts" -> "people"\n'
            self.assertEqual(self.command("check", str(file)), (1, changed_line, ""))
            self.assertEqual(self.command("import", str(file)), (0, changed_line, ""))
            self.assertEqual(self.command("check", str(file))[0], 0)
            file.write_text("{}", encoding="utf-8")
            self.assertIn("no flow nobody", self.command("export", "--flow", "nobody", str(file))[2])
            code, out, err = self.command("import", str(file))
            self.assertEqual((code, out), (2, ""))
            self.assertIn("'format' is a required property", err)
