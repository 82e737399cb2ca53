"""Key fields in lists, Edit Payload, and what new flows begin with."""

import json
from unittest.mock import patch

from lxml import etree

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import new_test_user, tagged

from .common import FlowCase
from .export_common import ExportTools


@tagged("post_install", "-at_install")
class TestSyncScreens(ExportTools, FlowCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        base = "base.group_partner_manager,integration_flow.group_integration_"
        cls.users = {name: new_test_user(cls.env, f"edit_{name}", name=f"Editor {name}", groups=base + name)
                     for name in ("user", "manager", "secrets")}
        cls.blind = new_test_user(cls.env, "edit_blind", groups="integration_flow.group_integration_user")

    def customer(self, number, **vals):
        return {"id": number, "first_name": f"Customer {number}", "email": f"c{number}@example.com", **vals}

    # -- key fields ----------------------------------------------------------------------------------------

    def test_key_fields(self):
        flow = self.customer_flow([("city", "billing.city", {"key_column": True}),
                                   ("country_id.code", "billing.country", {"direction": "export"})])
        flow.rule_ids.filtered(lambda rule: rule.code == "email").key_column = True
        sync = self.receive(flow, self.customer(1, billing={"city": "Ghent"}))["1"]
        self.assertEqual(sync.state, "synced", sync.error_message)
        shown = sync.with_user(self.users["user"]).key_values
        self.assertIn("c1@example.com", shown)
        self.assertIn("City: Ghent", shown)
        self.records(flow)["1"].city = "Mons"
        self.env.flush_all()
        sync.invalidate_recordset()
        self.assertIn("City: Mons", sync.with_user(self.users["user"]).key_values, "it is read, not remembered")
        flow.rule_ids.filtered(lambda rule: rule.code == "city").sensitive = True
        sync.invalidate_recordset()
        self.assertIn("City: •••", sync.with_user(self.users["user"]).key_values)

    def test_key_fields_of_what_has_no_record_yet(self):
        flow = self.customer_flow([("city", "billing.city", {"key_column": True}),
                                   ("function", "job", {"required": True})])
        sync = self.receive(flow, self.customer(1, billing={"city": "Ghent"}))["1"]
        self.assertEqual((sync.state, sync.res_id), ("failed", 0))
        self.assertEqual(sync.with_user(self.users["user"]).key_values, "City: Ghent")

    def test_key_fields_of_what_was_received_respect_access(self):
        flow = self.customer_flow([("city", "billing.city", {"key_column": True}),
                                   ("function", "job", {"required": True}),
                                   (False, "note", {"key_column": True, "owner": "nobody"})])
        sync = self.receive(flow, self.customer(1, billing={"city": "Ghent"}, note="by hand"))["1"]
        self.assertEqual((sync.state, sync.res_id), ("failed", 0))
        self.assertIn("City: Ghent", sync.with_user(self.blind).key_values)
        with patch.object(self.env["res.partner"]._fields["city"], "groups", "base.group_system"):
            sync.invalidate_recordset()
            self.assertNotIn("Ghent", sync.with_user(self.blind).key_values or "")

    def test_key_fields_respect_access(self):
        flow = self.customer_flow([("city", "billing.city", {"key_column": True})])
        sync = self.receive(flow, self.customer(1, billing={"city": "Ghent"}))["1"]
        self.env["ir.rule"].create({
            "name": "Nothing", "model_id": self.env["ir.model"]._get_id("res.partner"),
            "domain_force": f"[('id', '!=', {sync.res_id})]", "groups": [
                (4, self.env.ref("integration_flow.group_integration_user").id)]})
        self.assertFalse(sync.with_user(self.blind).key_values)

    def test_at_most_three(self):
        flow = self.customer_flow([(name, name, {"key_column": True}) for name in ("city", "street", "zip")])
        with self.assertRaises(ValidationError):
            flow.rule_ids.filtered(lambda rule: rule.code == "email").key_column = True

    # -- edit payload --------------------------------------------------------------------------------------

    def failed(self):
        flow = self.customer_flow([("function", "job", {"required": True}), ("comment", "secret_note", {"sensitive": True})])
        sync = self.receive(flow, self.customer(1, secret_note="hush"))["1"]
        self.assertEqual(sync.state, "failed")
        return flow, sync

    def edit(self, sync, user, **changes):
        action = sync.with_user(user).action_edit_payload()
        editor = self.env["integration.payload.editor"].with_user(user).with_context(**action["context"]).create(
            {"reason": "The job was missing"})
        shown = json.loads(editor.payload)
        editor.payload = json.dumps({**shown, **changes})
        editor.action_save()
        return shown

    def test_edit_and_import(self):
        flow, sync = self.failed()
        received = sync.payload
        shown = self.edit(sync, self.users["secrets"], job="Baker")
        self.assertNotIn("hush", json.dumps(shown), "sensitive values are not shown")
        self.work()
        self.assertEqual(sync.state, "synced", sync.error_message)
        partner = self.records(flow)["1"]
        self.assertEqual(partner.function, "Baker")
        self.assertIn("hush", partner.comment, "what was hidden stays what it is")
        edit = sync.payload_edit_ids
        self.assertEqual((edit.original, edit.user_id, edit.reason),
                         (received, self.users["secrets"], "The job was missing"))
        self.assertNotIn("hush", edit.with_user(self.users["manager"]).original_pretty)
        self.assertIn("Payload edited by Editor secrets: The job was missing", " ".join(
            line.message for line in sync.log_ids if line.message))

    def test_replay_does_not_read_anew(self):
        flow, sync = self.failed()
        self.edit(sync, self.users["secrets"], job="Baker")
        self.work()
        self.records(flow)["1"].write({"function": "Butcher"})
        sync.with_user(self.users["user"]).action_replay()
        self.work()
        self.assertEqual((sync.state, self.records(flow)["1"].function), ("synced", "Baker"), sync.error_message)
        sync.payload = False
        with self.assertRaises(UserError):
            sync.with_user(self.users["user"]).action_replay()

    def test_retry_keeps_the_edit(self):
        """What a person wrote is not overwritten by a retry, however it is pressed; the history says who gave it up."""
        flow, sync = self.failed()
        clerk = self.users["user"]
        self.edit(sync, self.users["secrets"], job="Baker")
        self.put_customers(self.customer(1, job="There", secret_note="hush"))
        self.assertTrue(sync.with_user(clerk).payload_is_edited)
        for button in ("action_retry", "action_resync"):
            with self.subTest(button=button):
                self.press(getattr(sync.with_user(clerk), button))
                self.assertEqual((sync.state, self.records(flow)["1"].function), ("synced", "Baker"), sync.error_message)
        self.edit(sync, self.users["secrets"], job="Butcher")
        self.press(sync.with_user(clerk).action_fetch_again)
        self.assertEqual((sync.state, self.records(flow)["1"].function), ("synced", "There"), sync.error_message)
        sync.invalidate_recordset()
        self.assertFalse(sync.payload_is_edited)
        self.assertIn("Editor user fetches it again", " ".join(filter(None, sync.log_ids.mapped("message"))))
        with self.assertRaises(UserError):
            sync.with_user(clerk).action_fetch_again()
        self.assertEqual(len(sync.payload_edit_ids), 2, "what was written stays in the list")

    def test_what_cannot_be_read_is_what_was_received(self):
        _flow, sync = self.failed()
        received = sync.payload
        sync.flow_id.resource_id.operation_ids.filtered(lambda operation: operation.kind == "read").unlink()
        for job in ("Baker", "Butcher"):
            self.edit(sync, self.users["secrets"], job=job)
        self.press(sync.with_user(self.users["user"]).action_fetch_again)
        self.assertEqual((sync.payload, sync.state), (received, "failed"))

    def test_something_new_ends_the_edit(self):
        flow, sync = self.failed()
        self.edit(sync, self.users["secrets"], job="Baker")
        self.work()
        self.receive(flow, self.customer(1, job="New", secret_note="hush", date_modified_gmt="2026-03-01T10:00:00"))
        sync.invalidate_recordset()
        self.assertEqual((self.records(flow)["1"].function, sync.payload_is_edited), ("New", False))

    def test_which_retry_it_is_stands_on_the_button(self):
        _flow, sync = self.failed()
        form = etree.fromstring(sync.with_user(self.users["user"]).get_view(view_type="form")["arch"])
        shown = {button.get("string"): button for button in form.findall(".//header/button")
                 if button.get("name") in ("action_retry", "action_fetch_again")}
        self.assertEqual(set(shown), {"Retry", "Retry with the Edit", "Fetch Again"})
        self.assertIn("given up", shown["Fetch Again"].get("confirm"))
        for text, button in shown.items():
            self.assertIn(("" if text == "Retry" else "not ") + "payload_is_edited", button.get("invisible"))

    def test_what_is_refused(self):
        _flow, sync = self.failed()
        edit = sync.with_user(self.users["secrets"])
        for text in ("{", "[]", '{"other": "***"}'):
            with self.subTest(text=text), self.assertRaises(UserError):
                edit._edit_payload(text, "x")
        self.assertFalse(sync.payload_edit_ids)

    def test_who_may(self):
        _flow, sync = self.failed()
        for name in ("user", "manager"):
            with self.subTest(group=name), self.assertRaises(AccessError):
                self.edit(sync, self.users[name], job="Baker")
        self.env["res.config.settings"].create({"group_integration_edit_payload": True}).execute()
        with self.assertRaises(AccessError):
            self.edit(sync, self.users["user"], job="Baker")
        self.edit(sync, self.users["manager"], job="Baker")
        self.assertEqual(sync.payload_edit_ids.user_id, self.users["manager"])

    # -- what new flows begin with ---------------------------------------------------------------------------

    def test_defaults_of_new_flows(self):
        before = self.customer_flow()
        self.assertEqual((before.retry_attempts, before.retry_first_seconds, len(before.guard_ids)), (8, 60, 0))
        self.env["res.config.settings"].create({
            "integration_default_retry_attempts": 3, "integration_default_retry_first_seconds": 30,
            "integration_default_guard_change_percent": 40, "integration_default_guard_delete_records": 25}).execute()
        resource = before.resource_id
        flow = self.env["integration.flow"].create({
            "name": "New", "connection_id": self.connection.id, "resource_id": resource.id,
            "model_id": self.env["ir.model"]._get_id("res.partner")})
        self.assertEqual((flow.retry_attempts, flow.retry_first_seconds), (3, 30))
        self.assertEqual([(guard.kind, guard.limit, guard.unit) for guard in flow.guard_ids],
                         [("change", 40, "percent"), ("delete", 25, "records")])
        self.assertEqual(len(flow.copy().guard_ids), 2, "a copy has those of its original, once")
        self.assertEqual((before.retry_attempts, len(before.guard_ids)), (8, 0), "what is there is left")
