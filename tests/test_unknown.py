"""A create whose answer was lost and which nothing can look up: a person says what came of it."""

from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged

from odoo.addons.integration_flow.transport.client import Client

from .export_common import CREATE
from .test_export_failures import FailureCase


@tagged("post_install", "-at_install")
class TestUnknown(FailureCase):
    def setUp(self):
        super().setUp()
        self.connection.timeout_read = 0.6

    def lost(self, *kinds, fault="cut_after", **vals):
        """A flow without idempotency keys, and a contact whose creation was cut."""
        operations = self.operations(*kinds)
        operations["create"] = {name: value for name, value in CREATE.items() if name != "idempotency_header"}
        flow = self.out_flow(operations=operations, **vals)
        partner = self.partner("Ann")
        self.shop.fault(fault, method="POST", **({"seconds": 1} if "timeout" in fault else {}))
        self.work()
        return flow, partner, self.sync(flow, partner)

    def say(self, sync, external_id=""):
        """Press Was Created and fill in the wizard."""
        action = sync.action_was_created()
        form = Form(self.env[action["res_model"]].with_context(**action["context"]))
        form.external_id = external_id
        wizard = form.save()
        return self.press(wizard.action_confirm)

    def there(self):
        return self.shop.dump("customers")

    def test_the_id_is_entered(self):
        for fault in ("cut_after", "timeout_after", "empty_body", "malformed_json"):
            with self.subTest(fault=fault):
                self.shop.reset("empty")
                self.shop.clear_counts()
                flow, partner, sync = self.lost("list", "read", "update", fault=fault)
                self.assertEqual(sync.state, "unknown", sync.error_message)
                external_id = str(self.there()[0]["id"])
                partner.name = "Anne"
                result = self.say(sync, f" {external_id} ")
                self.assertEqual(result["params"]["type"], "success", result["params"]["message"])
                self.assertState(flow, partner, "synced")
                self.assertEqual((sync.external_id, sync.create_sent, sync.created_said), (external_id, False, False))
                self.assertEqual(self.records(flow)[external_id], partner)
                self.assertEqual((len(self.posts()), self.created(), len(self.there())), (1, 1, 1))
                self.assertEqual(self.there()[0]["first_name"], "Anne", "what changed meanwhile is sent as a change")
                self.assertIn(external_id, self.logs(sync, "resolved").message)
                partner.unlink()
                flow.state = "draft"

    def test_it_is_not_there(self):
        flow, partner, sync = self.lost("list", "read", "update")
        try:  # assertRaises would roll back what was recorded
            self.say(sync, "987654")
            self.fail("a record that is not there was linked")
        except UserError as error:
            self.assertIn("987654", str(error))
        self.assertState(flow, partner, "unknown", "timeout")
        self.assertFalse(self.records(flow))
        self.assertTrue(self.env["integration.exchange"].search([("url", "like", "987654")]), "the question is recorded")

    def test_the_system_does_not_answer(self):
        _flow, _partner, sync = self.lost("list", "read", "update")
        external_id = str(self.there()[0]["id"])
        self.shop.fault("status", status=503, method="GET")
        with self.refuses(UserError, "was not linked"):
            self.say(sync, external_id)
        self.assertEqual(sync.state, "unknown")

    def test_another_record_answers(self):
        """Some APIs answer a number with letters behind it, or a slug: that is not the identifier."""
        _flow, _partner, sync = self.lost("list", "read", "update")
        external_id = self.there()[0]["id"]
        sync.flow_id.resource_id.operation_ids.filtered(lambda operation: operation.kind == "read").path = \
            f"customers/{external_id}"
        with self.refuses(UserError, str(external_id)):
            self.say(sync, "slug")

    def test_linked_elsewhere(self):
        flow, partner, sync = self.lost("list", "read", "update")
        other = self.partner("Bob")
        self.work()
        taken = self.sync(flow, other).external_id
        with self.refuses(UserError, "Bob"):
            self.say(sync, taken)
        self.assertState(flow, partner, "unknown", "timeout")
        self.assertEqual(self.records(flow)[taken], other)

    def test_without_read_it_is_believed(self):
        flow, partner, sync = self.lost("list", "update")
        external_id = str(self.there()[0]["id"])
        wizard = self.env["integration.sync.created"].create({"sync_id": sync.id, "external_id": external_id})
        self.assertFalse(wizard.can_read)
        self.press(wizard.action_confirm)
        self.assertState(flow, partner, "synced")
        self.assertEqual((self.created(), len(self.there())), (1, 1))

    def test_an_id_is_needed(self):
        _flow, _partner, sync = self.lost("list", "read", "update")
        wizard = self.env["integration.sync.created"].create({"sync_id": sync.id})
        for external_id, text in (("  ", "Enter the identifier"), ("x" * 1001, "too long")):
            wizard.external_id = external_id
            with self.refuses(UserError, text):
                wizard.action_confirm()

    def test_looked_up_by_the_button(self):
        flow, partner, sync = self.lost("list", "find", "read", "update", fault="cut_after")
        sync.state = "unknown"
        result = self.say(sync)
        self.assertEqual(result["params"]["type"], "success", result["params"]["message"])
        self.assertState(flow, partner, "synced")
        self.assertEqual((self.created(), len(self.posts())), (1, 1))

    def test_said_to_be_there_and_not_found(self):
        """The look-up finds nothing: it is not sent a second time, because somebody has said that it is there."""
        flow, partner, sync = self.lost("list", "find", "read", "update", fault="cut_before")
        sync.state = "unknown"
        self.say(sync)
        sync = self.assertState(flow, partner, "unknown", "timeout")
        self.assertIn("not found", sync.error_message)
        self.assertEqual((self.created(), len(self.posts())), (0, 1))
        self.press(sync.action_was_not_created)
        self.assertState(flow, partner, "synced")
        self.assertEqual((self.created(), len(self.posts())), (1, 2))

    def test_several_at_once(self):
        flow, partner, sync = self.lost("list", "find", "read", "update", fault="cut_after")
        bob = self.partner("Bob")
        self.shop.fault("cut_after", method="POST")
        self.work()
        both = sync | self.sync(flow, bob)
        both.state = "unknown"
        self.press(both.action_was_created)
        self.assertState(flow, partner, "synced")
        self.assertState(flow, bob, "synced")
        self.assertEqual(self.created(), 2)
        self.assertEqual(self.shop.counts()["doubled"], {})

    def test_several_that_cannot_be_looked_up(self):
        flow, _partner, sync = self.lost("list", "read", "update")
        bob = self.partner("Bob")
        self.shop.fault("cut_after", method="POST")
        self.work()
        with self.refuses(UserError, "one by one"):
            (sync | self.sync(flow, bob)).action_was_created()

    def test_found_by_its_idempotency_key(self):
        """A find operation may ask by the key itself, where the API keeps it with the record."""
        operations = self.operations("list", "find", "read", "update", find={
            "query": {"external_reference": "{key}"}})
        operations["create"] = {**CREATE, "query": {"external_reference": "{key}"}}
        operations["create"].pop("idempotency_header")
        flow = self.out_flow(operations=operations)
        partner = self.partner("Ann")
        self.shop.fault("cut_after", method="POST")
        self.work()
        sync = self.assertState(flow, partner, "waiting", "timeout")
        self.shop.load("customers", [{**self.there()[0], "meta_data": [
            {"id": 1, "key": "external_reference", "value": sync.idempotency_key}]}])
        self.make_due(flow)
        self.work()
        self.assertState(flow, partner, "synced")
        self.assertEqual((len(self.posts()), len(self.there())), (1, 1))
        self.assertIn(sync.external_id, self.records(flow))

    def test_two_way_takes_what_is_there(self):
        """What the other system owns is imported from what was read, what is Odoo's is sent."""
        flow, partner, sync = self.lost("list", "read", "update", direction="both", rules=[
            ("city", "billing.city", {"owner": "external"}), ("street", "billing.address_1", {"owner": "odoo"})])
        external_id = str(self.there()[0]["id"])
        self.shop.load("customers", [{**self.there()[0], "billing": {"city": "Mons"}}])
        partner.street = "Main 1"
        self.say(sync, external_id)
        self.work()
        self.assertState(flow, partner, "synced")
        self.assertEqual(partner.city, "Mons")
        self.assertEqual(self.there()[0]["billing"]["address_1"], "Main 1")
        self.assertEqual(len(self.there()), 1)

    def test_a_list_brought_it_meanwhile(self):
        """The list shows a record that nobody knows; without a match key it would become a second contact."""
        flow, partner, sync = self.lost(
            "list", "read", "update", direction="both", create_in_odoo=False)
        flow.rule_ids.match_key = False
        self.run_flow(flow, full=True)
        external_id = str(self.there()[0]["id"])
        self.assertEqual(self.states(flow).get(external_id), "excluded")
        self.say(sync, external_id)
        self.work()
        self.assertEqual(self.records(flow), {external_id: partner})
        self.assertEqual(self.env["integration.sync"].search_count([("flow_id", "=", flow.id)]), 1)

    def test_only_who_may_repair(self):
        _flow, _partner, sync = self.lost("list", "read", "update")
        outsider = self.make_user("outsider", "base.group_user")
        with self.assertRaises(AccessError):
            self.env["integration.sync.created"].with_user(outsider).create({"sync_id": sync.id, "external_id": "1"})
        with patch.object(Client, "send", side_effect=AssertionError("no call")):
            sync.state = "synced"
            wizard = self.env["integration.sync.created"].create({"sync_id": sync.id, "external_id": "1"})
            with self.refuses(UserError, "decided already"):
                wizard.action_confirm()
