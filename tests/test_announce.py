"""What is announced: which outcomes, to whom, with which content, in which transaction."""

import base64
import hashlib
import hmac
import json
from unittest.mock import patch

from standardwebhooks import Webhook

from odoo.tests import tagged

from odoo.addons.integration_flow.engine import announcing

from .announce_common import AnnounceCase


@tagged("post_install", "-at_install")
class TestAnnounce(AnnounceCase):

    def test_import_created_updated_and_nothing_else(self):
        flow = self.announcing_flow()
        receiver = self.receiver()
        self.subscriber(receiver)
        self.receive(flow, {"id": 1, "first_name": "Ann", "email": "ann@example.com"})
        self.deliver()
        [body] = self.bodies(receiver)
        partner = self.records(flow)["1"]
        self.assertEqual(body["type"], "contacts.created")
        self.assertRegex(body["timestamp"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(body["data"], {
            "flow": "contacts", "system": "Shop", "environment": "sandbox", "direction": "import", "outcome": "created",
            "record": {"model": "res.partner", "id": partner.id, "name": "ann@example.com"}, "external_id": "1",
            **({"changed": body["data"]["changed"]} if "changed" in body["data"] else {})})
        self.receive(flow, {"id": 1, "first_name": "Anne", "email": "ann@example.com",
                            "date_modified_gmt": "2026-01-02T10:00:00"})
        self.run_flow(flow, full=True)  # unchanged: nothing is told
        self.deliver()
        self.assertEqual(self.types(receiver), ["contacts.created", "contacts.updated"])
        self.assertEqual(self.bodies(receiver)[1]["data"]["changed"], ["name"])

    def test_export_created_updated_deleted(self):
        flow = self.out_flow(code="out", announce="ids", delete_in_external="delete")
        receiver = self.receiver()
        self.subscriber(receiver)
        partner = self.partner("Ann")
        self.work()
        partner.name = "Anne"
        self.work()
        partner_id = partner.id
        external_id = self.sync(flow, partner).external_id
        partner.unlink()
        self.work()
        self.deliver()
        self.assertEqual(self.types(receiver), ["out.created", "out.updated", "out.deleted"])
        for body in self.bodies(receiver):
            self.assertEqual(body["data"]["record"]["id"], partner_id)
            self.assertEqual(body["data"]["external_id"], external_id)
            self.assertEqual(body["data"]["direction"], "export")
        self.assertEqual(self.bodies(receiver)[1]["data"]["changed"], ["name"])

    def test_failed_is_told_when_it_is_final(self):
        flow = self.announcing_flow()
        receiver = self.receiver()
        self.subscriber(receiver, event_types="*.failed")
        self.receive(flow, {"id": 1, "email": "noname@example.com"}, {"id": 2, "first_name": "B", "email": "b@example.com"})
        self.deliver()
        [body] = self.bodies(receiver)
        self.assertEqual((body["type"], body["data"]["external_id"]), ("contacts.failed", "1"))
        error = body["data"]["error"]
        self.assertEqual((error["class"], error["code"]), ("validation", "required_missing"))
        self.assertEqual(error["message"], self.syncs(flow)["1"].error_message)

    def test_a_retry_that_waits_is_not_told(self):
        flow = self.out_flow(code="out", announce="ids")
        receiver = self.receiver()
        self.subscriber(receiver)
        self.shop.fault("server_error", method="POST", path="/customers", times=1)
        partner = self.partner("Ann")
        self.work()
        self.assertState(flow, partner, "waiting", "server")
        self.deliver()
        self.assertEqual(receiver.calls, [])
        self.make_due(flow)
        self.work()
        self.deliver()
        self.assertEqual(self.types(receiver), ["out.created"])

    def test_waiting_for_a_parent_that_cannot_come(self):
        """These fail by one statement for all that wait, outside of a slice."""
        flow = self.announcing_flow()
        receiver = self.receiver()
        subscriber = self.subscriber(receiver)
        self.receive(flow, {"id": 1, "email": "noname@example.com"})
        sync = self.syncs(flow)["1"]
        self.env["integration.delivery"].search([]).unlink()
        from odoo.addons.integration_flow.engine.plan import FlowPlan
        announcing.note_failed(self.env, lambda flow_id: FlowPlan(self.env["integration.flow"].browse(flow_id)),
                               sync.ids, self.env.cr.now().replace(microsecond=0))
        [delivery] = self.deliveries(subscriber)
        self.assertEqual(delivery.event_type, "contacts.failed")
        self.assertIn(sync.error_message, json.loads(delivery.event_id.body)["data"]["error"]["message"])

    # -- content -------------------------------------------------------------------------------------------

    def test_values_without_what_is_sensitive(self):
        flow = self.announcing_flow([
            ("phone", "billing.phone", {"sensitive": True}), ("city", "billing.city"),
        ], announce="values")
        receiver = self.receiver()
        self.subscriber(receiver)
        self.receive(flow, {"id": 1, "first_name": "Ann", "email": "ann@example.com",
                            "billing": {"phone": "+32 2 290 34 90", "city": "Ghent"}})
        self.deliver()
        [body] = self.bodies(receiver)
        self.assertEqual(body["data"]["values"], {"name": "Ann", "email": "ann@example.com", "city": "Ghent"})
        self.assertNotIn(b"290 34", receiver.calls[0].raw)

    def test_a_sensitive_name_is_not_told(self):
        flow = self.make_flow("res.partner", [
            ("name", "first_name", {"required": True, "sensitive": True}), ("email", "email", {"match_key": True}),
        ], code="contacts", announce="values")
        receiver = self.receiver()
        self.subscriber(receiver)
        self.receive(flow, {"id": 1, "first_name": "Topsecret", "email": "ann@example.com"},
                     {"id": 2, "first_name": "Topsecret", "email": 7})
        self.deliver()
        self.assertEqual({body["data"]["record"]["name"] for body in self.bodies(receiver)}, {None})
        self.assertNotIn("Topsecret", "".join(self.env["integration.event"].search([]).mapped("body")))

    def test_lines_as_values(self):
        self.shop.create("products", {"name": "Lamp", "sku": "LAMP", "regular_price": "10"})
        self.order_flow(code="orders", announce="values")
        receiver = self.receiver()
        self.subscriber(receiver)
        order = self.order()
        self.work()
        self.deliver()
        [body] = self.bodies(receiver)
        self.assertEqual(body["data"]["record"], {"model": "sale.order", "id": order.id, "name": order.name})
        self.assertIn("values", body["data"], body)
        [line] = body["data"]["values"]["order_line"]
        self.assertEqual((line["product_id.default_code"], line["product_uom_qty"]), ("LAMP", 3))

    def test_the_flow_loses_nothing_when_its_records_cannot_be_read(self):
        flow = self.announcing_flow(announce="values")
        receiver = self.receiver()
        self.subscriber(receiver)
        with patch.object(announcing, "_values", side_effect=ValueError("broken field")), \
                self.assertLogs("odoo.addons.integration_flow.engine.announcing", "WARNING"):
            self.receive(flow, {"id": 1, "first_name": "Ann", "email": "ann@example.com"})
        self.assertSyncs(flow, {"1": "synced"})
        self.deliver()
        [body] = self.bodies(receiver)
        self.assertNotIn("values", body["data"])
        self.assertEqual(body["data"]["external_id"], "1")

    # -- to whom -------------------------------------------------------------------------------------------

    def test_one_event_for_all_subscribers(self):
        flow = self.announcing_flow()
        first, second = self.receiver(), self.receiver()
        self.subscriber(first)
        self.subscriber(second, name="Second")
        self.some_events(flow, 2)
        events = self.env["integration.event"].search([])
        self.assertEqual((len(events), len(self.env["integration.delivery"].search([]))), (2, 4))
        self.deliver()
        self.assertEqual(sorted(first.ids), sorted(second.ids))
        self.assertEqual(sorted(first.ids), sorted(events.mapped("uid")))

    def test_who_wants_what(self):
        flow = self.announcing_flow()
        other = self.out_flow(code="out", announce="ids")
        everything = self.subscriber()
        by_flow = self.subscriber(flow_ids=flow.ids)
        by_type = self.subscriber(event_types="contacts.updated, out.*")
        archived = self.subscriber(active=False)
        company = self.env["res.company"].create({"name": "Second Company"})
        foreign = self.subscriber(company_id=company.id)
        everywhere = self.subscriber(company_id=False)
        self.some_events(flow)
        self.partner("Ann")
        self.work()
        told = {subscriber: self.deliveries(subscriber).mapped("event_type")
                for subscriber in (everything, by_flow, by_type, archived, foreign, everywhere)}
        self.assertEqual(len(self.env["integration.event"].search([])), 2)
        self.assertEqual(told, {
            everything: ["contacts.created", "out.created"], by_flow: ["contacts.created"], by_type: ["out.created"],
            archived: [], foreign: [], everywhere: ["contacts.created", "out.created"]})
        self.assertTrue(other)

    def test_nothing_is_stored_where_nobody_listens(self):
        quiet = self.announcing_flow(announce="none")
        self.subscriber()
        self.some_events(quiet)
        self.assertEqual(self.env["integration.event"].search_count([]), 0)

    def test_without_a_subscriber_it_costs_no_statement(self):
        flow = self.announcing_flow()
        self.assertEqual(self.env["integration.subscriber"]._announcing_flows(), frozenset())
        with patch.object(announcing, "_Announcement", side_effect=AssertionError("not reached")):
            self.some_events(flow)
        with self.assertQueryCount(0):
            announcing.note_rows(self.env, type("Plan", (), {"id": flow.id}), [], None)
        self.assertSyncs(flow, {"1": "synced"})

    def test_the_cache_follows_the_configuration(self):
        wanted = self.env["integration.subscriber"]._announcing_flows
        flow = self.announcing_flow()
        subscriber = self.subscriber()
        self.assertIn(flow.id, wanted())
        subscriber.active = False
        self.assertNotIn(flow.id, wanted())
        subscriber.active = True
        flow.announce = "none"
        self.assertNotIn(flow.id, wanted())
        flow.announce = "values"
        self.assertIn(flow.id, wanted())
        subscriber.unlink()
        self.assertNotIn(flow.id, wanted())

    # -- on the wire ---------------------------------------------------------------------------------------

    def test_signed_by_standard_webhooks(self):
        """By its own library, and by hand."""
        flow = self.announcing_flow()
        receiver = self.receiver()
        subscriber = self.subscriber(receiver, extra_headers="X-Team: blue")
        self.receive(flow, {"id": 1, "first_name": "Zoë", "email": "zoe@example.com"})
        self.deliver()
        [call] = receiver.calls
        secret = self.secret_of(subscriber)
        self.assertEqual(Webhook(secret).verify(call.raw, call.headers)["type"], "contacts.created")
        signed = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.raw
        digest = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
        self.assertEqual(call.headers["webhook-signature"], "v1," + base64.b64encode(digest).decode())
        self.assertEqual(call.headers["content-type"], "application/json")
        self.assertEqual(call.headers["x-team"], "blue")
        self.assertNotIn(".", call.headers["webhook-id"])
        self.assertEqual(call.raw.decode(), self.env["integration.event"].search([]).body)

    def test_what_is_kept_of_a_call_holds_no_secret(self):
        flow = self.announcing_flow()
        receiver = self.receiver()
        subscriber = self.subscriber(receiver, extra_headers="X-Api-Key: hunter2hunter2")
        receiver.answer = lambda call: (
            200, {"Content-Type": "text/plain", "Set-Cookie": "s=1"}, f"you sent {call.headers['x-api-key']}".encode())
        self.some_events(flow)
        self.deliver()
        [delivery] = self.deliveries(subscriber)
        self.assertEqual((delivery.state, delivery.last_status, delivery.attempts), ("delivered", 200, 1))
        kept = "".join(str(delivery[name]) for name in (
            "request_headers", "response_headers", "response_body", "body", "error_message"))
        self.assertNotIn("hunter2", kept)
        self.assertNotIn(receiver.calls[0].headers["webhook-signature"], kept)
        self.assertIn("you sent ***", kept)
        self.assertEqual(receiver.calls[0].headers["x-api-key"], "hunter2hunter2")
