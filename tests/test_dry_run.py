"""Test cases and dry runs: everything happens, and nothing of it is left."""

import json
import socket
from unittest.mock import patch

from odoo import Command
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import new_test_user, tagged

from odoo.addons.integration_flow.core.errors import SyncError
from odoo.addons.integration_flow.engine import dry_run, http, proving, quiet

from .export_common import ExportCase

TRACES = (
    "res_partner", "sale_order", "sale_order_line", "integration_sync", "integration_log", "integration_link",
    "integration_run", "integration_capture", "integration_exchange", "integration_event", "integration_delivery",
    "integration_issue", "mail_mail", "mail_message", "mail_activity", "ir_cron_trigger", "ir_attachment",
    "integration_value_map_line", "bus_bus",
)
ANN = {"id": 7, "first_name": "Ann", "email": "ann@example.com", "phone": "+32 470 123456", "vip": True}


class DryRunCase(ExportCase):

    def traces(self):
        """Rows of every table that work leaves something in, the next order number, and what waits for the commit."""
        self.env.cr.flush()  # what is pending is the caller's, and is written when a savepoint begins
        counts = {}
        for table in TRACES:
            self.env.cr.execute(f"SELECT count(*), max(id) FROM {table}")
            counts[table] = self.env.cr.fetchone()
        if "sale.order" in self.env:
            sequence = self.env["ir.sequence"].search([("code", "=", "sale.order")], limit=1)
            counts["order number"] = sequence.number_next_actual
            sequence.invalidate_recordset()
        counts["hooks"] = len(self.env.cr.postcommit), len(self.env.cr.precommit)
        return counts

    def assertNoTrace(self, call, *args, **kwargs):
        """``call`` leaves nothing in the database, sends nothing and asks the shop nothing."""
        before = self.traces()
        self.shop.clear_counts()
        result = call(*args, **kwargs)
        after = self.traces()
        # The counters of test cases themselves are not among the traces.
        self.assertEqual(after, before)
        self.assertEqual([call for call in self.shop.requests() if "/wc/v3/" in call["target"]], [])
        return result

    def by_label(self, trial):
        return {found.code: found for found in trial.fields}


@tagged("post_install", "-at_install")
class TestDryRun(DryRunCase):

    def test_import_of_a_new_record(self):
        flow = self.customer_flow([("phone", "phone", {"sensitive": True})], with_chatter=True)
        trial = self.assertNoTrace(dry_run.try_import, flow, ANN)
        self.assertEqual((trial.outcome, trial.external_id, trial.res_id, trial.error), ("created", "7", None, None))
        found = self.by_label(trial)
        name = found["name"]
        self.assertEqual(
            (name.incoming, name.mapped, name.before, name.after, name.written), ("Ann", "Ann", None, "Ann", True))
        self.assertEqual((found["phone"].incoming, found["phone"].after), ("•••", "•••"))
        self.assertFalse(self.env["res.partner"].search([("email", "=", "ann@example.com")]))

    def test_import_of_a_known_record(self):
        flow = self.customer_flow([("phone", "phone"), ("city", "city", {"owner": "odoo"})], direction="both")
        self.receive(flow, ANN)
        partner = self.records(flow)["7"]
        partner.write({"city": "Ghent", "phone": "1"})
        record = dict(ANN, first_name="Anna", city="Brussels")
        trial = self.assertNoTrace(dry_run.try_import, flow, record)
        self.assertIn("no operation", "\n".join(trial.notes))
        self.env["integration.operation"].create({
            "resource_id": flow.resource_id.id, "kind": "update", "method": "PUT", "path": "customers/{id}"})
        trial = self.assertNoTrace(dry_run.try_import, flow, record)
        self.assertEqual((trial.outcome, trial.res_id), ("updated", partner.id))
        found = self.by_label(trial)
        self.assertEqual((found["name"].before, found["name"].after, found["name"].written), ("Ann", "Anna", True))
        self.assertEqual((found["phone"].before, found["phone"].after), ("1", "+32 470 123456"))
        self.assertEqual((found["city"].before, found["city"].after, found["city"].written), ("Ghent", "Ghent", False))
        self.assertEqual(partner.name, "Ann")
        self.assertEqual((found["city"].sent, found["city"].sends), ("Ghent", True))
        self.assertEqual((trial.write_call.purpose, trial.write_call.body), ("update", {"city": "Ghent"}))

    def test_every_field_that_does_not_fit_is_told(self):
        flow = self.customer_flow([
            ("color", "color", {"transform": "number"}), ("country_id", "country", {"transform": "country"}),
            ("function", "job")])
        trial = self.assertNoTrace(dry_run.try_import, flow, dict(ANN, color="blue", country="Atlantis", job="Boss"))
        self.assertEqual(trial.outcome, "failed")
        found = self.by_label(trial)
        self.assertIn("blue", found["color"].note)
        self.assertIn("Atlantis", found["country_id"].note)
        self.assertEqual((found["function"].mapped, found["function"].note), ("Boss", ""))
        self.assertTrue(trial.message and trial.hint)

    def test_excluded_and_why(self):
        flow = self.customer_flow(external_filter="vip == `false`")
        trial = dry_run.try_import(flow, ANN)
        self.assertEqual(trial.outcome, "excluded")
        self.assertIn("vip == `false`", trial.message)
        flow = self.customer_flow(create_in_odoo=False, resource="clients", path="customers")
        self.assertEqual(dry_run.try_import(flow, ANN).outcome, "excluded")

    def test_as_if_it_were_new(self):
        flow = self.customer_flow()
        self.receive(flow, ANN)
        partner = self.records(flow)["7"]
        self.assertEqual(dry_run.try_import(flow, ANN).outcome, "unchanged")
        trial = self.assertNoTrace(dry_run.try_import, flow, dict(ANN, email="new@example.com"), as_new=True)
        self.assertEqual(trial.outcome, "created")
        self.assertEqual(dry_run.try_import(flow, ANN, as_new=True).res_id, partner.id, "recognised by its e-mail")
        self.assertEqual(self.records(flow)["7"], partner)

    def test_lines_checks_and_computed_totals(self):
        lamp = self.lamp
        lamp.write({"taxes_id": [Command.clear()]})
        buyer = self.env["res.partner"].create({"name": "Buyer", "email": "buyer@example.com"})
        flow = self.make_flow("sale.order", [
            ("client_order_ref", "number", {"match_key": True}),
            ("partner_id", "customer", {"transform": "lookup", "lookup_field": "email"}),
            {"kind": "lines", "odoo_path": "order_line", "external_path": "line_items", "children": [
                ("product_id", "sku", {"transform": "lookup", "lookup_field": "default_code"}),
                ("product_uom_qty", "quantity", {"transform": "number"}),
                ("price_unit", "price", {"transform": "number"})]},
            {"kind": "check", "odoo_path": "amount_total", "external_path": "total", "transform": "number"},
        ], "orders")
        record = {"id": 1, "number": "N-1", "customer": buyer.email, "total": "20", "line_items": [
            {"id": 11, "sku": lamp.default_code, "quantity": 2, "price": 10}]}
        trial = self.assertNoTrace(dry_run.try_import, flow, record)
        self.assertEqual(trial.outcome, "created", trial.message)
        self.assertEqual([(check.odoo, check.external, check.passed) for check in trial.checks], [(20.0, "20", True)])
        found = self.by_label(trial)
        self.assertEqual(found["partner_id"].mapped, "Buyer")
        self.assertEqual((found["order_line.product_uom_qty"].incoming, found["order_line.product_uom_qty"].after), (2, 2.0))
        trial = self.assertNoTrace(dry_run.try_import, flow, dict(record, total="21"))
        self.assertEqual((trial.outcome, trial.error.code), ("failed", "totals_differ"))
        self.assertEqual([(check.odoo, check.external, check.passed) for check in trial.checks], [(20.0, "21", False)])
        self.receive_order(flow, record)
        trial = self.assertNoTrace(dry_run.try_import, flow, dict(record, total="30", line_items=[
            dict(record["line_items"][0], quantity=3)]))
        found = self.by_label(trial)["order_line.product_uom_qty"]
        self.assertEqual((trial.outcome, found.before, found.after, found.written), ("updated", 2.0, 3.0, True))

    def receive_order(self, flow, record):
        self.shop.load("orders", [record])
        self.run_flow(flow, full=True)
        self.assertEqual(self.states(flow), {"1": "synced"})

    def test_records_inside_come_first_and_others_are_not_fetched(self):
        people = self.customer_flow()
        child = self.make_flow("res.partner", [
            ("name", "first_name"), ("email", "email"),
            {"kind": "relation", "odoo_path": "parent_id", "external_path": "boss", "relation_flow_id": people.id,
             "relation_mode": "embedded"}], "workers", path="customers")
        trial = self.assertNoTrace(dry_run.try_import, child, {
            "id": 1, "first_name": "Bob", "boss": {"id": 9, "first_name": "Eve", "email": "eve@example.com"}})
        self.assertEqual(trial.outcome, "created", trial.message)
        self.assertEqual(self.by_label(trial)["parent_id"].after, "Eve")
        self.assertIn("Eve", "\n".join(trial.notes))
        rule = child.rule_ids.filtered(lambda rule: rule.kind == "relation")
        rule.write({"relation_mode": "import", "external_path": "boss.id"})
        trial = self.assertNoTrace(dry_run.try_import, child, {"id": 1, "first_name": "Bob", "boss": {"id": 9}})
        self.assertEqual((trial.outcome, trial.error.error_class), ("waiting", "parent_missing"))
        self.assertIn("calls nobody", trial.hint)

    def test_export(self):
        flow = self.out_flow([("phone", "billing.phone", {"owner": "odoo"}), ("vat", "tax_no", {
            "owner": "odoo", "sensitive": True})], operations=self.operations("create", "update", "find"))
        partner = self.partner("Ann", phone="123", vat="BE0477472701")
        trial = self.assertNoTrace(dry_run.try_export, flow, partner.id)
        self.assertEqual([call.purpose for call in trial.calls], ["find", "create"])
        self.assertEqual(trial.outcome, "sent")
        self.assertEqual(trial.write_call.body, {
            "first_name": "Ann", "email": "ann@example.com", "billing": {"phone": "123"}, "tax_no": "BE0477472701"})
        self.assertNotIn("BE0477472701", trial.write_call.shown)
        self.assertEqual((trial.calls[1].method, trial.calls[1].path), ("POST", "customers"))
        other = self.env["res.partner"].create({"name": "Elsewhere"})
        self.assertEqual(dry_run.try_export(flow, other.id).outcome, "excluded")
        self.work()
        self.assertEqual(dry_run.try_export(flow, partner.id).outcome, "unchanged")
        partner.phone = "456"
        trial = self.assertNoTrace(dry_run.try_export, flow, partner.id)
        self.assertEqual((trial.write_call.purpose, trial.write_call.body), ("update", {"billing": {"phone": "456"}}))
        self.assertEqual(self.by_label(trial)["phone"].incoming, "123")

    def test_nothing_is_called_and_no_mail_leaves(self):
        flow = self.customer_flow()
        said = []

        def create(records, vals_list):
            try:
                socket.create_connection(("127.0.0.1", self.shop.port), timeout=1)
            except OSError as error:
                said.append(str(error))
            try:
                http.open_client(self.connection)
            except SyncError as error:
                said.append(error.code)
            self.env["mail.mail"].create({"email_to": "x@example.com", "body_html": "Hello"}).send()
            self.env.cr.postcommit.add(lambda: said.append("after the commit"))
            return original(records, vals_list)

        original = type(self.env["res.partner"]).create
        with patch.object(type(self.env["res.partner"]), "create", create), \
                patch.object(type(self.env["ir.mail_server"]), "_connect__", lambda *args, **kw: said.append("mail")):
            trial = self.assertNoTrace(dry_run.try_import, flow, ANN)
        self.assertEqual(trial.outcome, "created")
        self.assertEqual(said, ["This is a dry run: nothing is called.", "dry_run_call"])
        self.assertIsNone(quiet.current())
        with self.assertRaises(ZeroDivisionError), quiet.rolled_back(self.env):
            raise ZeroDivisionError
        self.assertIsNone(quiet.current(), "also after an error")

    def test_who_may_see(self):
        flow = self.customer_flow()
        self.receive(flow, ANN)
        partner = self.records(flow)["7"]
        company = self.env["res.company"].create({"name": "Elsewhere"})
        viewer = new_test_user(
            self.env, "stranger", groups="base.group_user,integration_flow.group_integration_manager",
            company_id=company.id, company_ids=[Command.set(company.ids)])
        partner.company_id = self.env.company
        with self.assertRaises(AccessError):
            dry_run.try_import(flow, dict(ANN, first_name="Anna"), viewer=viewer.env(user=viewer))
        self.assertEqual(partner.name, "Ann")


@tagged("post_install", "-at_install")
class TestDryRunScreen(DryRunCase):

    def wizard(self, action):
        return self.env["integration.dry.run"].browse(action["res_id"])

    def test_pasted_record(self):
        flow = self.customer_flow([("color", "color", {"transform": "number"})])
        flow.resource_id.sample_payload = json.dumps(ANN)
        wizard = self.wizard(flow.action_dry_run())
        self.assertEqual((json.loads(wizard.payload), wizard.outcome), (ANN, False))
        self.wizard(wizard.action_preview())
        self.assertEqual((wizard.outcome, wizard.outcome_kind), ("Created in Odoo", "success"))
        lines = {line.label: line for line in wizard.line_ids}
        self.assertEqual((lines["Name"].incoming, lines["Name"].after, lines["Name"].written), ("Ann", "Ann", True))
        wizard.payload = json.dumps(dict(ANN, color="blue"))
        wizard.action_preview()
        self.assertEqual(wizard.outcome_kind, "danger")
        self.assertEqual(len(wizard.line_ids), 3)
        for payload, said in (("{", "no valid JSON"), ("[]", "one record"), ("", "no valid JSON")):
            wizard.payload = payload
            with self.refuses(UserError, said):
                wizard.action_preview()

    def test_from_a_sync_record_and_from_a_business_record(self):
        flow = self.customer_flow()
        sync = self.receive(flow, ANN)["7"]
        wizard = self.wizard(sync.action_dry_run())
        self.assertEqual((wizard.sync_id, wizard.outcome), (sync, "Nothing to do"))
        case = self.env["integration.test.case"].browse(wizard.action_save_test_case()["res_id"])
        self.assertNotIn("ann@", case.payload)
        out = self.out_flow()
        partner = self.partner("Bob")
        wizard = self.wizard(self.env["integration.dry.run"].action_open_for("res.partner", partner.id))
        self.assertEqual((wizard.flow_id, wizard.outcome_kind), (out, "success"), wizard.message)
        self.assertIn("POST customers", wizard.calls)
        self.assertIn("bob@example.com", wizard.calls)

    def test_who_may(self):
        flow = self.customer_flow()
        for groups, may in (("integration_flow.group_integration_user", False),
                            ("integration_flow.group_integration_manager", True)):
            user = new_test_user(self.env, login=groups, groups=f"base.group_user,{groups}")
            if may:
                wizard = self.wizard(flow.with_user(user).action_dry_run())
                other = new_test_user(self.env, login="other", groups=f"base.group_user,{groups}")
                with self.assertRaises(AccessError):
                    wizard.with_user(other).read(["payload"])
            else:
                with self.assertRaises(AccessError):
                    flow.with_user(user).action_dry_run()


@tagged("post_install", "-at_install")
class TestTestCases(DryRunCase):

    def case(self, flow, payload=None, expected=(), **vals):
        return self.env["integration.test.case"].create({
            "flow_id": flow.id, "name": "Example", "payload": json.dumps(payload) if payload is not None else False,
            "expectation_ids": [Command.create({"path": path, "value": value}) for path, value in expected], **vals})

    def test_passes_and_fails_with_a_difference_per_field(self):
        flow = self.customer_flow([("phone", "phone")])
        case = self.case(flow, ANN, [("name", "Ann"), ("phone", "+32 470 123456"), ("parent_id", ""), ("is_company", "no")])
        self.assertEqual(case.last_result, "never")
        self.assertNoTrace(case.action_run)
        self.assertEqual((case.last_result, case.last_run_by_id), ("passed", self.env.user), case.last_message)
        self.assertTrue(case.last_run_at)
        self.assertIn("4 values", case.last_message)
        flow.rule_ids.filtered(lambda rule: rule.odoo_path == "phone").external_path = "first_name"
        notification = self.assertNoTrace(case.action_run)
        self.assertEqual(case.last_result, "failed")
        self.assertIn("phone: expected “+32 470 123456”, found “Ann”", case.last_message)
        self.assertEqual(notification["params"]["type"], "danger")
        self.assertEqual(
            [(line.path, line.actual, line.result) for line in case.expectation_ids if line.result == "failed"],
            [("phone", "Ann", "failed")])

    def test_expected_outcomes(self):
        flow = self.customer_flow([("color", "color", {"transform": "number"})], external_filter="vip")
        blue = dict(ANN, color="blue")
        table = [
            ("done", ANN, {}, True), ("created", ANN, {}, True), ("updated", ANN, {}, False), ("excluded", ANN, {}, False),
            ("excluded", dict(ANN, vip=False), {}, True), ("done", dict(ANN, vip=False), {}, False),
            ("failed", ANN, {}, False), ("failed", blue, {}, True), ("done", blue, {}, False),
            ("failed", blue, {"expected_error_class": "mapping", "expected_error_code": "wrong_type"}, True),
            ("failed", blue, {"expected_error_code": "no_create"}, False),
            ("failed", blue, {"expected_error_class": "constraint"}, False),
            ("failed", {"first_name": "No ID"}, {"expected_error_code": "record_missing_id"}, True),
        ]
        for expected, payload, vals, passes in table:
            with self.subTest(expected=expected, payload=payload, **vals):
                case = self.case(flow, payload, expected_outcome=expected, **vals)
                case._prove()
                self.assertEqual(case.last_result, "passed" if passes else "failed", case.last_message)
                self.assertTrue(case.last_message)

    def test_paths_that_lead_nowhere_are_told(self):
        flow = self.customer_flow()
        case = self.case(flow, ANN, [("nope", "1"), ("name[0]", "1"), ("child_ids[3].name", "x"), ("a..b", "1"),
                                     ("child_ids.length", "0")])
        case._prove()
        found = {line.path: line.actual for line in case.expectation_ids}
        self.assertIn("has no field nope", found["nope"])
        self.assertIn("no line 0", found["name[0]"])
        self.assertIn("no line 3", found["child_ids[3].name"])
        self.assertIn("not a path", found["a..b"])
        self.assertEqual(found["child_ids.length"], "0")

    def test_export_cases(self):
        flow = self.out_flow([("country_id.code", "country", {"owner": "odoo"})])
        partner = self.partner("Ann")
        case = self.case(flow, None, [("first_name", "Ann"), ("email", "ann@example.com")], res_id=partner.id)
        self.assertNoTrace(case.action_run)
        self.assertEqual(case.last_result, "passed", case.last_message)
        case = self.case(
            flow, {"name": "New", "email": "new@example.com", "ref": "X-9", "country_id": "base.be"},
            [("first_name", "New"), ("country", "BE")], expected_outcome="created")
        self.assertNoTrace(case.action_run)
        self.assertEqual(case.last_result, "passed", case.last_message)
        case.payload = json.dumps({"name": "New", "country_id": "base.nowhere"})
        case._prove()
        self.assertIn("base.nowhere", case.last_message)
        case.payload = json.dumps({"nam": "New"})
        case._prove()
        self.assertIn("nam", case.last_message)

    def test_sensitive_values_are_compared_and_not_shown(self):
        flow = self.customer_flow([("vat", "tax_no", {"sensitive": True})])
        case = self.case(flow, dict(ANN, tax_no="BE0477472701"), [("vat", "BE0477472702")])
        case._prove()
        self.assertEqual((case.last_result, case.expectation_ids.actual), ("failed", "•••"))
        self.assertNotIn("BE0477472701", case.last_message)

    def test_todays_result_is_taken(self):
        flow = self.customer_flow([("phone", "phone"), ("vat", "tax_no", {"sensitive": True})])
        case = self.case(flow, dict(ANN, tax_no="BE0477472701"))
        self.assertNoTrace(case.action_take_result)
        self.assertEqual(
            [(line.path, line.value) for line in case.expectation_ids],
            [("name", "Ann"), ("email", "ann@example.com"), ("phone", "+32 470 123456")])
        self.assertEqual(case.last_result, "passed")
        case.payload = json.dumps({"id": 7})
        with self.refuses(UserError, "does not work yet"):
            case.action_take_result()

    def test_a_failed_record_becomes_an_example_of_nobody(self):
        flow = self.customer_flow([("phone", "phone"), ("vat", "tax_no", {"sensitive": True}),
                                   ("color", "color", {"transform": "number"})])
        sync = self.receive(flow, dict(ANN, color="blue", tax_no="BE0477472701", note="Ann: ann@example.com"))["7"]
        self.assertEqual(sync.state, "failed")
        action = sync.action_save_test_case()
        case = self.env["integration.test.case"].browse(action["res_id"])
        payload = json.loads(case.payload)
        self.assertEqual((case.flow_id, payload["id"], payload["color"]), (flow, 7, "blue"))
        for piece in ("Ann", "ann@example.com", "123456", "0477472701"):
            self.assertNotIn(piece, case.payload)
            self.assertNotIn(piece, case.name)
        case._prove()
        self.assertEqual(case.last_result, "failed")
        self.assertIn("blue", case.last_message)
        flow.rule_ids.filtered(lambda rule: rule.odoo_path == "color").unlink()
        case._prove()
        self.assertEqual(case.last_result, "passed", case.last_message)

    def test_every_night_and_the_responsible_hears_of_it(self):
        flow = self.customer_flow()
        case = self.case(flow, ANN, [("name", "Ann")])
        case._prove()
        self.env.flush_all()
        with self.enter_registry_test_mode():
            cron = self.env.ref("integration_flow.cron_test_cases")
            cron.method_direct_trigger()
            self.env.invalidate_all()
            self.assertEqual((case.last_result, flow.activity_ids), ("passed", self.env["mail.activity"]))
            case.expectation_ids.value = "Eve"
            for _night in range(2):
                cron.method_direct_trigger()
            self.env.invalidate_all()
            self.assertEqual(case.last_result, "failed")
            self.assertEqual((len(flow.activity_ids), flow.activity_ids.user_id), (1, flow.responsible_id))
            case.expectation_ids.value = "Ann"
            cron.method_direct_trigger()
            self.env.invalidate_all()
        self.assertFalse(flow.activity_ids)

    def test_a_payload_is_one_record(self):
        flow = self.customer_flow()
        for payload in ("[1]", "{", "7"):
            with self.subTest(payload), self.assertRaises(ValidationError):
                self.case(flow).payload = payload
        case = self.case(flow)
        self.assertFalse(proving.prove(case).passed)
        with self.refuses(UserError, "no test case yet"):
            self.customer_flow(resource="c2", path="customers").action_run_tests()

    def test_rights(self):
        flow = self.customer_flow()
        case = self.case(flow, ANN)
        for groups, may in (("integration_flow.group_integration_user", False),
                            ("integration_flow.group_integration_manager", True)):
            user = new_test_user(self.env, login=groups, groups=f"base.group_user,{groups}")
            own = case.with_user(user)
            self.assertEqual(own.name, "Example")
            if may:
                own.action_run()
                self.assertEqual(case.last_run_by_id, user)
            else:
                with self.assertRaises(AccessError):
                    own.action_run()
                with self.assertRaises(AccessError):
                    _ = own.payload
        self.assertEqual(case.last_result, "passed")
