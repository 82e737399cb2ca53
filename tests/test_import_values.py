"""What a value becomes on its way into Odoo: maps, look-ups, transforms, and whose language, zone, company and rights."""

from datetime import date, datetime

from odoo.exceptions import AccessError
from odoo.tests import tagged

from .common import FlowCase


class ValuesCase(FlowCase):

    def take(self, rules, *records, model="res.partner", **vals):
        """Import records by these rules; returns (sync records, Odoo records), both by external ID."""
        self.flow = self.make_flow(model, [("name", "name"), *rules], self.make_resource(
            f"res{self.env['integration.resource'].search_count([])}", path="customers"), **vals)
        syncs = self.receive(self.flow, *({"id": number, "name": f"N{number}", **record}
                                          for number, record in enumerate(records, 1)))
        return syncs, self.records(self.flow)

    def again(self, number, **record):
        self.receive(self.flow, {"id": number, "name": f"N{number}", **record})
        return self.syncs(self.flow)[str(number)]


@tagged("post_install", "-at_install")
class TestValueMaps(ValuesCase):

    def setUp(self):
        super().setUp()
        self.map = self.env["integration.value.map"].create({"name": "Titles", "line_ids": [
            (0, 0, {"external_value": "m", "odoo_value": "contact"}), (0, 0, {"external_value": "none", "ignore": True})]})
        self.rule = ("type", "kind", {"transform": "value_map", "value_map_id": self.map.id})

    def test_mapped_and_ignored(self):
        _syncs, records = self.take([self.rule], {"kind": "m"}, {"kind": "none"}, {"kind": " m "})
        self.assertEqual([records[key].type for key in "123"], ["contact", "contact", "contact"])

    def test_mapping_one_value_releases_all_that_waited_for_it(self):
        syncs, _records = self.take(
            [self.rule], {"kind": " f "}, {"kind": "f"}, {"kind": "x"}, {"kind": "m"}, {"kind": "f"})
        self.assertSyncs(self.flow, {"1": "failed", "2": "failed", "3": "failed", "4": "synced", "5": "failed"})
        self.assertFailed(syncs["1"], "unmapped", "f", "Titles")
        self.assertEqual(self.map.open_count, 2)
        open_lines = self.map.line_ids.filtered(lambda line: not line.is_mapped)
        self.assertEqual({line.external_value for line in open_lines}, {"f", "x"})
        open_lines.filtered(lambda line: line.external_value == "f").odoo_value = "other"
        self.work()
        self.assertSyncs(self.flow, {"1": "synced", "2": "synced", "3": "failed", "4": "synced", "5": "synced"})
        self.assertEqual(self.records(self.flow)["2"].type, "other")

    def test_a_map_to_records(self):
        tag = self.env["res.partner.category"].create({"name": "VIP"})
        tags = self.env["integration.value.map"].create({
            "name": "Tags", "model_id": self.env["ir.model"]._get_id("res.partner.category"), "line_ids": [
                (0, 0, {"external_value": "vip", "res_id": tag.id}), (0, 0, {"external_value": "-", "ignore": True})]})
        title = self.env["integration.value.map"].create({
            "name": "Industry", "model_id": self.env["ir.model"]._get_id("res.partner.industry"), "line_ids": [
                (0, 0, {"external_value": "food", "res_id": self.env["res.partner.industry"].search([], limit=1).id})]})
        syncs, records = self.take([
            ("category_id", "tags", {"transform": "value_map", "value_map_id": tags.id}),
            ("industry_id", "industry", {"transform": "value_map", "value_map_id": title.id}),
        ], {"tags": ["vip", "-"], "industry": "food"}, {"tags": "vip"}, {"tags": []}, {"tags": ["gold"]})
        self.assertEqual(syncs["1"].state, "synced", f"{syncs['1'].error_message} {syncs['1'].error_detail}")
        self.assertEqual(records["1"].category_id, tag)
        self.assertTrue(records["1"].industry_id)
        self.assertEqual(records["2"].category_id, tag)
        self.assertFalse(records["3"].category_id)
        self.assertFailed(syncs["4"], "unmapped", "gold", "Tags")

    def test_a_mapped_value_that_the_field_does_not_know(self):
        self.map.line_ids[0].odoo_value = "nonsense"
        syncs, _records = self.take([self.rule], {"kind": "m"})
        self.assertFailed(syncs["1"], "mapping", "Address Type", "nonsense", "contact")

    def test_sensitive_values_are_released_too(self):
        self.rule[2]["sensitive"] = True
        syncs, _records = self.take([self.rule], {"kind": "secret"})
        self.assertFailed(syncs["1"], "unmapped", "•••")
        self.assertNotIn("secret", syncs["1"].error_message)
        self.map.line_ids.filtered(lambda line: line.external_value == "secret").odoo_value = "other"
        self.work()
        self.assertSyncs(self.flow, {"1": "synced"})

    def test_a_very_long_unmapped_value(self):
        syncs, records = self.take([self.rule], {"kind": "x" * 10000}, {"kind": "m"})
        self.assertFailed(syncs["1"], "unmapped", "xxx")
        self.assertIn("2", records)


@tagged("post_install", "-at_install")
class TestLookups(ValuesCase):

    def test_country_state_currency(self):
        syncs, records = self.take([
            ("country_id", "country", {"transform": "country"}),
            ("state_id", "state", {"transform": "state", "country_path": "country"}),
        ], {"country": "us", "state": "CA"}, {"country": "Germany", "state": ""}, {"country": "XX"},
            {"country": "DE", "state": "Nowhere"}, {"country": None, "state": None}, {"country": {"code": "DE"}})
        self.assertEqual((records["1"].country_id.code, records["1"].state_id.name), ("US", "California"))
        self.assertEqual(records["2"].country_id.code, "DE")
        self.assertFailed(syncs["3"], "mapping", "Country", "XX")
        self.assertFailed(syncs["4"], "mapping", "State", "Nowhere (DE)")
        self.assertFalse(records["5"].country_id)
        self.assertFailed(syncs["6"], "mapping", "Country", "text")

    def test_a_state_code_of_two_countries_without_country(self):
        syncs, _records = self.take([("state_id", "state", {"transform": "state"})], {"state": "CA"})
        self.assertIn(syncs["1"].error_class, ("ambiguous", False))

    def test_look_up_by_a_field(self):
        self.env["res.partner.category"].create([{"name": "One"}, {"name": "Two"}, {"name": "two"}, {"name": "50% off_"}])
        syncs, records = self.take(
            [("category_id", "tag", {"transform": "lookup", "lookup_field": "name"})],
            {"tag": " ONE "}, {"tag": "two"}, {"tag": "three"}, {"tag": ["One", "50% off_"]}, {"tag": "5% off1"},
            {"tag": "nul\x00"})
        self.assertEqual(records["1"].category_id.name, "One")
        self.assertFailed(syncs["2"], "ambiguous", "two", "2")
        self.assertFailed(syncs["3"], "mapping", "three")
        self.assertEqual(set(records["4"].category_id.mapped("name")), {"One", "50% off_"})
        self.assertFailed(syncs["5"], "mapping", "5% off1")
        self.assertFailed(syncs["6"], "mapping", "nul")

    def test_what_is_unknown_is_blank_where_wanted(self):
        self.env["res.partner.category"].create([{"name": "One"}, {"name": "Two"}, {"name": "two"}])
        titles = self.env["integration.value.map"].create({
            "name": "Titles", "line_ids": [(0, 0, {"external_value": "m", "odoo_value": "contact"})]})
        blank = {"unknown_as_blank": True}
        syncs, records = self.take(
            [("category_id", "tag", {"transform": "lookup", "lookup_field": "name", **blank}),
             ("type", "kind", {"transform": "value_map", "value_map_id": titles.id, **blank})],
            {"tag": "three", "kind": "m"}, {"tag": ["One", "three"], "kind": "x"}, {"tag": "two"})
        self.assertEqual((records["1"].category_id.name, records["1"].type), (False, "contact"))
        self.assertEqual((records["2"].category_id.name, syncs["2"].state), ("One", "synced"))
        self.assertFailed(syncs["3"], "ambiguous", "two", "2")
        self.assertEqual(titles.line_ids.filtered(lambda line: not line.is_mapped).mapped("external_value"), ["x"])
        self.flow.rule_ids.write({"unknown_as_blank": False})
        self.assertFailed(self.again(1, tag="three"), "mapping", "three")

    def test_default_of_a_look_up(self):
        self.env["res.partner.category"].create({"name": "Standard"})
        _syncs, records = self.take(
            [("category_id", "tag", {"transform": "lookup", "lookup_field": "name", "default_value": "Standard"})],
            {"tag": ""}, {"tag": None}, {})
        self.assertEqual([records[key].category_id.name for key in "123"], ["Standard"] * 3)

    def test_a_condition_of_a_look_up(self):
        one, _two = self.env["res.partner"].create([
            {"name": "Twin", "is_company": True}, {"name": "Twin", "is_company": False}])
        _syncs, records = self.take([("parent_id", "boss", {
            "transform": "lookup", "lookup_field": "name", "lookup_domain": "[('is_company', '=', True)]"})],
            {"boss": "Twin"})
        self.assertEqual(records["1"].parent_id, one)

    def test_a_look_up_that_is_set_up_wrongly(self):
        syncs, _records = self.take([("parent_id", "boss", {
            "transform": "lookup", "lookup_field": "no_such_field"})], {"boss": "Twin"}, {"boss": None})
        self.assertFailed(syncs["1"], "mapping", "no_such_field")
        self.assertEqual(syncs["2"].state, "synced")
        self.flow.rule_ids.filtered("lookup_field").write({"lookup_field": "name", "lookup_domain": "[('oops'"})
        sync = self.again(1, boss="Twin 2")
        self.assertEqual(sync.state, "failed")
        self.assertIn("oops", f"{sync.error_message} {sync.error_detail}")


@tagged("post_install", "-at_install")
class TestTransforms(ValuesCase):

    def test_numbers(self):
        rule = ("partner_latitude", "v", {"transform": "number", "decimal_separator": ",", "factor": 0.01})
        syncs, records = self.take([rule], {"v": "1234,50"}, {"v": 250}, {"v": "-3"}, {"v": "12 apples"}, {"v": True})
        self.assertEqual(syncs["1"].state, "synced", f"{syncs['1'].error_message} {syncs['1'].error_detail}")
        self.assertEqual([round(records[key].partner_latitude, 4) for key in "123"], [12.345, 2.5, -0.03])
        self.assertFailed(syncs["4"], "mapping", "Geo Latitude", "12 apples", "number")
        self.assertFailed(syncs["5"], "mapping", "number")

    def test_out_of_range(self):
        syncs, _records = self.take(
            [("color", "v", {"transform": "number"})], {"v": 3e9}, {"v": "1e400"}, {"v": 1.5}, {"v": 2})
        self.assertFailed(syncs["1"], "mapping", "Color Index", "2147483647")
        self.assertFailed(syncs["2"], "mapping", "1e400")
        self.assertFailed(syncs["3"], "mapping", "1.5", "whole number")
        self.assertEqual(syncs["4"].state, "synced")

    def test_booleans(self):
        syncs, records = self.take(
            [("is_company", "v", {"transform": "boolean", "true_values": "Y, ja", "false_values": "N"})],
            {"v": "Y"}, {"v": "ja"}, {"v": "N"}, {"v": None}, {"v": "maybe"})
        self.assertEqual([records[key].is_company for key in "1234"], [True, True, False, False])
        self.assertFailed(syncs["5"], "mapping", "Is a Company", "maybe")

    def test_texts(self):
        _syncs, records = self.take([
            ("street", "v", {"transform": "text", "text_case": "upper", "max_length": 5}),
            ("city", "v", {"transform": "text", "html_policy": "strip"}),
            ("function", "v", {"transform": "split", "separator": " ", "part": -1}),
            ("ref", "list", {"transform": "join", "separator": "+"}),
            ("zip", "", {"transform": "constant", "constant": "fixed"}),
            ("street2", "@", {"transform": "template", "template": "{name}: {v}"}),
        ], {"v": "<b>Ab</b> cd", "list": ["x", "y"]})
        record = records["1"]
        self.assertEqual(
            (record.street, record.city, record.function, record.ref, record.zip, record.street2),
            ("<B>AB", "Ab cd", "cd", "x+y", "fixed", "N1: <b>Ab</b> cd"))

    def test_default_and_required(self):
        syncs, records = self.take([
            ("city", "v", {"transform": "text", "default_value": "Nowhere"}), ("ref", "code", {"required": True}),
        ], {"v": "", "code": "a"}, {"v": "Ulm", "code": "  "}, {"v": None})
        self.assertEqual(records["1"].city, "Nowhere")
        self.assertFailed(syncs["2"], "validation", "Reference", "code", "default")
        self.assertFailed(syncs["3"], "validation", "Reference")

    def test_expressions(self):
        syncs, records = self.take([
            ("ref", "v", {"transform": "expression", "expression_import": "value * 2 + record['name']"}),
        ], {"v": "ab"}, {"v": None}, {"v": 5})
        self.assertEqual(records["1"].ref, "ababN1")
        self.assertFailed(syncs["2"], "mapping", "Reference", "NoneType")
        self.assertEqual(syncs["3"].state, "failed")

    def test_an_expression_gets_nowhere(self):
        for code in ("__import__('os').getcwd()", "record.__class__", "open('/etc/passwd')", "datetime.sys"):
            with self.subTest(code=code):
                syncs, _records = self.take(
                    [("ref", "v", {"transform": "expression", "expression_import": code})], {"v": 1})
                self.assertEqual((syncs["1"].state, syncs["1"].error_class), ("failed", "mapping"))

    def test_expressions_are_for_the_technical_group(self):
        flow = self.customer_flow()
        manager = self.make_user("mia", "integration_flow.group_integration_manager")
        vals = {"flow_id": flow.id, "odoo_path": "ref", "external_path": "x", "transform": "expression"}
        with self.assertRaises(AccessError):
            self.env["integration.field.rule"].with_user(manager).create({**vals, "expression_import": "value"})
        rule = self.env["integration.field.rule"].with_user(manager).create(vals)
        with self.assertRaises(AccessError):
            rule.expression_export = "record.env"
        with self.assertRaises(AccessError):
            flow.with_user(manager).write({"rule_ids": [(1, rule.id, {"expression_import": "value"})]})


@tagged("post_install", "-at_install")
class TestMoments(ValuesCase):

    def test_dates_without_zone_are_of_the_flow(self):
        self.assertMoment("Europe/Berlin", "", "2026-07-01T10:00:00", datetime(2026, 7, 1, 8))
        self.assertMoment("Europe/Berlin", "", "2026-01-01T10:00:00", datetime(2026, 1, 1, 9))
        self.assertMoment("Europe/Berlin", "UTC", "2026-07-01T10:00:00", datetime(2026, 7, 1, 10))
        self.assertMoment("Europe/Berlin", "America/New_York", "2026-07-01 10:00:00", datetime(2026, 7, 1, 14))
        self.assertMoment("Europe/Berlin", "", "2026-07-01T10:00:00-02:00", datetime(2026, 7, 1, 12))
        self.assertMoment("Europe/Berlin", "", "2026-07-01T10:00:00Z", datetime(2026, 7, 1, 10))

    def assertMoment(self, tz, zone, value, expected):
        flow = self.make_flow("mail.message", [
            ("subject", "name"), ("date", "v", {"transform": "datetime", "timezone": zone})],
            self.make_resource(f"m{self.env['integration.resource'].search_count([])}", path="customers"), tz=tz)
        sync = self.receive(flow, {"id": 1, "name": "x", "v": value})["1"]
        self.assertEqual(self.records(flow)["1"].date, expected, (tz, zone, value, sync.error_message))

    def test_formats_and_wrong_dates(self):
        flow = self.make_flow("mail.message", [
            ("subject", "name"), ("date", "v", {"transform": "datetime", "date_format": "%d.%m.%Y %H:%M"})],
            self.make_resource("formatted", path="customers"), tz="Europe/Berlin")
        syncs = self.receive(
            flow, {"id": 1, "name": "x", "v": "31.01.2026 12:00"}, {"id": 2, "name": "x", "v": "2026-01-31"},
            {"id": 3, "name": "x", "v": "31.02.2026 12:00"}, {"id": 4, "name": "x", "v": 5})
        self.assertEqual(self.records(flow)["1"].date, datetime(2026, 1, 31, 11))
        for key in "234":
            self.assertFailed(syncs[key], "mapping", "Date")

    def test_days(self):
        flow = self.make_flow("res.currency.rate", [
            ("name", "day", {"transform": "date"}), ("rate", "rate", {"transform": "number"}),
            ("currency_id", "currency", {"transform": "currency"})],
            self.make_resource("rates", path="customers"), tz="Pacific/Auckland")
        syncs = self.receive(
            flow, {"id": 1, "day": "2019-05-31", "rate": 2, "currency": "CHF"},
            {"id": 2, "day": "2019-05-31T23:30:00Z", "rate": 2, "currency": "CAD"},
            {"id": 3, "day": "2019-13-31", "rate": 2, "currency": "CHF"},
            {"id": 4, "day": "soon", "rate": 2, "currency": "CHF"})
        self.assertEqual(self.records(flow)["1"].name, date(2019, 5, 31))
        self.assertEqual(self.records(flow)["2"].name, date(2019, 6, 1), "midday in Auckland is the next day")
        self.assertFailed(syncs["3"], "mapping", "2019-13-31", "date")
        self.assertFailed(syncs["4"], "mapping", "soon")


@tagged("post_install", "-at_install")
class TestWhoseWork(ValuesCase):
    """Company, language, time zone and rights are those of the flow, never of whoever pressed the button."""

    def setUp(self):
        super().setUp()
        self.company = self.env["res.company"].create({"name": "Subsidiary"})
        self.clerk = self.make_user("clerk", "base.group_user,integration_flow.group_integration_user")

    def test_company_of_the_flow(self):
        worker = self.make_user(
            "robot", "base.group_user,base.group_partner_manager", company_ids=[(6, 0, [self.company.id])],
            company_id=self.company.id)
        self.connection.company_id = False
        syncs, records = self.take(
            [], {}, company_id=self.company.id, user_id=worker.id)
        record = records["1"]
        self.assertEqual(record.create_uid, worker)
        self.assertEqual(syncs["1"].company_id, self.company)
        self.assertEqual(self.flow._model().env.company, self.company)
        self.assertEqual(self.flow.last_run_id.company_id, self.company)

    def test_rights_of_the_flow_are_respected(self):
        robot = self.make_user("robot", "base.group_user")
        syncs, records = self.take([], {}, user_id=robot.id)
        self.assertFalse(records)
        self.assertFailed(syncs["1"], "access", "robot", "Contact")

    def test_rights_of_the_flow_on_what_is_looked_up(self):
        robot = self.make_user("robot", "base.group_user,base.group_partner_manager")
        self.env["ir.model.access"].search([("model_id.model", "=", "res.partner.industry")]).unlink()
        syncs, _records = self.take([("industry_id", "industry", {"transform": "lookup", "lookup_field": "name"})],
                                    {"industry": "Food"}, {"industry": "Steel"}, user_id=robot.id)
        for sync in syncs.values():
            self.assertFailed(sync, "access", "robot")

    def test_record_rules_of_the_flow_are_respected(self):
        robot = self.make_user("robot", "base.group_user,base.group_partner_manager")
        _syncs, records = self.take([], {}, {}, user_id=robot.id)
        self.env["ir.rule"].create({
            "name": "not this one", "model_id": self.env["ir.model"]._get_id("res.partner"),
            "domain_force": f"[('id', '!=', {records['1'].id})]"})
        self.put_customers({"id": 1, "name": "B1"}, {"id": 2, "name": "B2"})
        self.run_flow(self.flow, full=True)
        syncs = self.syncs(self.flow)
        self.assertFailed(syncs["1"], "access", "robot")
        self.assertEqual(syncs["2"].state, "synced")
        self.assertEqual(records["2"].name, "B2")

    def test_language_of_the_flow(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.flow = self.make_flow(
            "res.partner.category", [("name", "name")], self.make_resource("tags", path="customers"), lang="fr_FR")
        self.receive(self.flow, {"id": 1, "name": "Un"})
        tag = self.records(self.flow)["1"]
        tag.with_context(lang="en_US").name = "One"
        self.receive(self.flow, {"id": 1, "name": "Deux", "date_modified_gmt": "2026-02-02T10:00:00"})
        self.assertEqual(tag.with_context(lang="fr_FR").name, "Deux")
        self.assertEqual(tag.with_context(lang="en_US").name, "One")

    def test_the_button_of_a_foreign_user(self):
        """The clerk may not create contacts, speaks French, lives in Tokyo: the flow's own user does the work."""
        self.env["res.lang"]._activate_lang("fr_FR")
        self.clerk.write({"lang": "fr_FR", "tz": "Asia/Tokyo"})
        syncs, records = self.take([("ref", "code", {"required": True})], {"code": ""})
        self.put_customers({"id": 1, "name": "N1", "code": "ok"})
        sync = syncs["1"].with_user(self.clerk)
        result = self.press(sync.action_retry)
        self.assertEqual(result["params"]["type"], "success", result)
        record = self.records(self.flow)["1"]
        self.assertEqual(record.create_uid, self.flow.user_id)
        self.assertEqual(self.logs(syncs["1"], "queued").user_id, self.clerk)

    def test_no_chatter_unless_wanted(self):
        _syncs, records = self.take([("email", "email")], {"email": "a@example.com"})
        self.assertFalse(records["1"].message_ids)
        _syncs, records = self.take([("email", "email")], {"email": "b@example.com"}, with_chatter=True)
        self.assertTrue(records["1"].message_ids)
