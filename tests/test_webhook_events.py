"""From stored events to records: in order, each once, nothing lost, and a reason for what cannot be used."""

import json
import time
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.integration_flow.engine import inbox, receiving

from .common import FlowCase
from .webhook_common import WebhookCase, WebhookTools

READ = {"read": {"path": "customers/{id}", "error_paths": "message"}}


class EventCase(WebhookTools, FlowCase):
    """Events put into the table as the route does; the worker does the rest."""

    def setUp(self):
        super().setUp()
        self.connection.write({
            "webhook_enabled": True, "webhook_style": "standard_webhooks", "webhook_topic_path": "type"})

    def arrive(self, *bodies, content_type="application/json"):
        """Store deliveries; returns their events."""
        ids = []
        for body in bodies:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            topic = body.get("type") if isinstance(body, dict) else None
            self.env.cr.execute(
                """INSERT INTO integration_webhook_event (connection_id, company_id, topic, received_at, state, due_at,
                       attempts, content_type, body, size)
                   SELECT %s, %s, %s, moment, 'pending', moment, 0, %s, %s, %s
                   FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS moment) clock RETURNING id""",
                [self.connection.id, self.connection.company_id.id, topic, content_type, raw, len(raw)])
            ids.append(self.env.cr.fetchone()[0])
        return self.env["integration.webhook.event"].browse(ids)

    def customer(self, number, name="Ann", kind="customer.updated", modified="2026-01-01T10:00:00", **more):
        return {"type": kind, "data": {
            "id": number, "first_name": name, "email": f"c{number}@example.com", "date_modified_gmt": modified, **more}}

    def thin(self, *ids, kind="customer.touched"):
        return {"type": kind, "data": {"ids": list(ids)} if len(ids) != 1 else {"id": ids[0]}}

    def thin_flow(self, **vals):
        flow = self.customer_flow(**vals)
        self.topic(flow, "customer.touched", "ids", "data.id || data.ids")
        return flow

    def reads(self):
        return [request["target"].rpartition("/")[2] for request in self.shop.requests(method="GET")]


@tagged("post_install", "-at_install")
class TestFat(EventCase):
    def test_becomes_a_record(self):
        flow = self.customer_flow()
        self.topic(flow, "customer.*")
        event = self.arrive(self.customer(1))
        self.work()
        self.assertEqual(self.records(flow)["1"].name, "Ann")
        self.assertRecordValues(event, [{"state": "done", "due_at": False, "message": False}])
        self.assertEqual(event.sync_count, 1)
        self.assertEqual(self.env["integration.sync"].search(event.action_open_sync()["domain"]), self.syncs(flow)["1"])
        run = flow.run_ids
        self.assertRecordValues(run, [{
            "trigger": "webhook", "read_count": 1, "created_count": 1, "state": "open", "fetching": False}])
        self.assertEqual(self.reads(), [], "nothing is asked for that is here already")

    def test_in_order(self):
        flow = self.customer_flow(updated_at_path=False)
        self.topic(flow)
        self.arrive(*(self.customer(1, name) for name in ("First", "Second", "Third")))
        self.work()
        self.assertEqual(self.records(flow)["1"].name, "Third")

    def test_an_older_state_does_not_overwrite(self):
        flow = self.customer_flow()
        self.topic(flow)
        self.arrive(self.customer(1, "New", modified="2026-01-02T10:00:00"))
        self.work()
        self.arrive(self.customer(1, "Old", modified="2026-01-01T10:00:00"))
        self.work()
        self.assertEqual(self.records(flow)["1"].name, "New")
        self.assertEqual(set(self.events().mapped("state")), {"done"})

    def test_unchanged_costs_nothing(self):
        flow = self.customer_flow()
        self.topic(flow)
        self.arrive(self.customer(1))
        self.work()
        revision = self.syncs(flow)["1"].revision
        self.arrive(*(self.customer(1) for _time in range(5)))
        with self.watch("res.partner", "write", "create") as calls:
            self.work()
        self.assertEqual(calls, [])
        self.assertEqual(self.syncs(flow)["1"].revision, revision)
        self.assertEqual(flow.run_ids.unchanged_count, 1, "five alike in one batch are one record")

    def test_lists_of_records_and_forms(self):
        flow = self.customer_flow(updated_at_path=False)
        self.topic(flow, path="")
        self.arrive([self.customer(1)["data"], self.customer(2)["data"]])
        self.arrive(b"id=3&first_name=Zoe&email=c3%40example.com", content_type="application/x-www-form-urlencoded")
        self.work()
        self.assertEqual(set(self.records(flow)), set("123"))

    def test_two_flows_want_it(self):
        flow, other = self.customer_flow(), self.customer_flow(resource="customers2", path="customers")
        self.topic(flow)
        self.topic(other)
        self.arrive(self.customer(1))
        self.work()
        self.assertSyncs(flow, {"1": "synced"})
        self.assertSyncs(other, {"1": "synced"})

    def test_webhook_runs_are_nobody_elses(self):
        """A button's run reads the list although a webhook run is open, and does not end it."""
        flow = self.customer_flow()
        self.topic(flow)
        self.arrive(self.customer(1))
        self.work()
        self.put_customers({"id": 2, "first_name": "Bea", "email": "bea@example.com"})
        run = self.run_flow(flow, full=True)
        self.assertEqual((run.trigger, run.state, run.read_count), ("button", "done", 1))
        self.assertEqual(set(self.records(flow)), {"1", "2"})
        self.arrive(self.customer(3))
        self.work()
        self.assertEqual(sorted(flow.run_ids.mapped("trigger")), ["button", "webhook"])
        self.assertEqual(flow.run_ids.filtered(lambda run: run.trigger == "webhook").read_count, 2)

    def test_a_run_for_each_day(self):
        flow = self.customer_flow()
        self.topic(flow)
        self.arrive(self.customer(1))
        self.work()
        flow.run_ids.started_at = fields.Datetime.subtract(fields.Datetime.now(), days=1)
        self.arrive(self.customer(2))
        self.work()
        self.assertEqual(sorted(flow.run_ids.mapped("state")), ["done", "open"])


@tagged("post_install", "-at_install")
class TestThin(EventCase):
    def test_read_back_once(self):
        flow = self.thin_flow()
        self.put_customers({"id": 1, "first_name": "Ann", "email": "ann@example.com"},
                           {"id": 2, "first_name": "Bea", "email": "bea@example.com"})
        self.arrive(*(self.thin(1) for _time in range(200)), self.thin(2), self.thin(1, 2))
        self.work()
        self.assertEqual(sorted(self.reads()), ["1", "2"])
        self.assertEqual({key: record.name for key, record in self.records(flow).items()}, {"1": "Ann", "2": "Bea"})
        self.assertEqual(set(self.events().mapped("state")), {"done"})

    def test_more_than_one_batch_reads(self):
        flow = self.thin_flow()
        self.put_customers(*({"id": number, "first_name": f"C{number}", "email": f"c{number}@example.com"}
                             for number in range(1, 26)))
        with patch.object(receiving, "MOST_READS", 10):
            self.arrive(self.thin(*range(1, 26)))
            self.work()
        self.assertEqual(len(self.records(flow)), 25)
        self.assertEqual(len(self.reads()), 25, "none is read twice")
        self.assertEqual(self.events().state, "done")

    def test_gone(self):
        self.thin_flow()
        event = self.arrive(self.thin(99))
        self.work()
        self.assertEqual(event.state, "ignored")
        self.assertIn("99", event.message)

    def test_tried_again(self):
        flow = self.thin_flow(retry_attempts=3)
        self.put_customers({"id": 1, "first_name": "Ann", "email": "ann@example.com"})
        self.shop.fault("server_error", path="/customers/1", times=1)
        event = self.arrive(self.thin(1))
        self.work()
        self.assertRecordValues(event, [{"state": "pending", "attempts": 1}])
        self.assertGreater(event.due_at, fields.Datetime.now())
        self.env.cr.execute("UPDATE integration_webhook_event SET due_at = now() AT TIME ZONE 'UTC'")
        self.work()
        self.assertEqual(self.records(flow)["1"].name, "Ann")
        self.assertEqual(event.state, "done")

    def test_given_up(self):
        self.thin_flow(retry_attempts=1)
        self.shop.fault("server_error", path="/customers/1", times=None)
        event = self.arrive(self.thin(1))
        self.work()
        self.assertEqual(event.state, "failed")
        self.assertTrue(event.message and event.hint)
        self.shop.clear_faults()
        self.put_customers({"id": 1, "first_name": "Ann", "email": "ann@example.com"})
        self.connection.write({"retry_at": False})
        event.action_retry()
        self.work()
        self.assertEqual(event.state, "done")

    def test_nothing_to_read_with(self):
        flow = self.thin_flow(operations={"list": {"path": "customers"}})
        event = self.arrive(self.thin(1))
        self.work()
        self.assertEqual(event.state, "failed")
        self.assertIn(flow.resource_id.name, event.message)


@tagged("post_install", "-at_install")
class TestDeleted(EventCase):
    def deleting_flow(self, **vals):
        flow = self.customer_flow(**vals)
        self.topic(flow, "customer.updated")
        self.topic(flow, "customer.deleted", "deleted")
        return flow

    def end_of(self, number):
        return {"type": "customer.deleted", "data": {"id": number}}

    def test_by_the_policy_of_the_flow(self):
        for policy in ("nothing", "archive", "delete"):
            with self.subTest(policy):
                flow = self.deleting_flow(delete_in_odoo=policy, resource=f"customers_{policy}")
                self.arrive(self.customer(1))
                self.work()
                partner = self.records(flow)["1"]
                self.arrive(self.end_of(1))
                self.work()
                self.assertEqual(bool(partner.exists()), policy != "delete")
                if policy != "delete":
                    self.assertEqual(partner.active, policy == "nothing")
                self.assertEqual(self.syncs(flow)["1"].state, "excluded")
                self.assertEqual(set(self.events().mapped("state")), {"done"})
                self.env["integration.webhook.topic"].search([]).unlink()

    def test_a_filter_does_not_hide_it(self):
        flow = self.deleting_flow(delete_in_odoo="delete", external_filter="email != null")
        self.arrive(self.customer(1))
        self.work()
        partner = self.records(flow)["1"]
        self.arrive(self.end_of(1), self.end_of(1))
        self.work()
        self.assertFalse(partner.exists())

    def test_created_and_deleted_in_one_batch(self):
        flow = self.deleting_flow(delete_in_odoo="delete", updated_at_path=False)
        self.arrive(self.customer(1), self.end_of(1))
        self.work()
        self.assertFalse(self.records(flow))

    def test_never_known(self):
        flow = self.deleting_flow()
        event = self.arrive(self.end_of(77))
        self.work()
        self.assertEqual(event.state, "ignored")
        self.assertIn("77", event.message)
        self.assertFalse(self.syncs(flow))

    def test_comes_back(self):
        flow = self.deleting_flow(delete_in_odoo="archive")
        self.arrive(self.customer(1))
        self.work()
        self.arrive(self.end_of(1))
        self.work()
        self.arrive(self.customer(1, "Again", modified="2026-02-01T00:00:00"))
        self.work()
        self.assertSyncs(flow, {"1": "synced"})


@tagged("post_install", "-at_install")
class TestUnusable(EventCase):
    def test_reasons(self):
        flow = self.customer_flow()
        self.topic(flow, "customer.*")
        draft = self.customer_flow(resource="drafts", state="draft")
        self.topic(draft, "draft.*")
        cases = [
            (b"{broken", "customer.x", "failed", "cannot be read"),
            (b"", "customer.x", "failed", "without any content"),
            (b'{"other": 1}', "customer.x", "failed", "data"),
            (b"[" * 100 + b"]" * 100, "customer.x", "failed", ""),
            (b"{}", "order.x", "ignored", "order.x"),
            (b"{}", "draft.x", "ignored", draft.name),
        ]
        events = self.arrive(*(body for body, *_rest in cases))
        for event, (_body, topic, *_rest) in zip(events, cases, strict=True):
            self.env.cr.execute("UPDATE integration_webhook_event SET topic = %s WHERE id = %s", [topic, event.id])
        good = self.arrive(self.customer(1))
        self.work()
        for event, (body, _topic, state, text) in zip(events, cases, strict=True):
            with self.subTest(body[:20]):
                self.assertEqual(event.state, state, event.message)
                self.assertIn(text, event.message)
                self.assertTrue(event.hint)
        self.assertEqual(good.state, "done")

    def test_what_is_no_record_fails_where_records_fail(self):
        flow = self.customer_flow()
        self.topic(flow)
        event = self.arrive({"type": "x", "data": {"first_name": "No ID"}})
        self.work()
        self.assertEqual(event.state, "done")
        sync = self.env["integration.sync"].search([("flow_id", "=", flow.id)])
        self.assertFailed(sync, "validation", "id")

    def test_paused_flow(self):
        flow, other = self.customer_flow(), self.customer_flow(resource="others")
        self.topic(flow)
        self.topic(other)
        flow.action_pause()
        event = self.arrive(self.customer(1))
        self.work()
        self.assertSyncs(other, {"1": "synced"})
        self.assertFalse(self.syncs(flow))
        self.assertRecordValues(event, [{"state": "pending", "due_at": False, "flow_id": flow.id}])
        flow.action_resume()
        self.work()
        self.assertSyncs(flow, {"1": "synced"})
        self.assertEqual(event.state, "done")
        self.assertEqual(self.logs(self.syncs(other)["1"]).mapped("outcome"), ["created"], "not stored twice")

    def test_the_flow_it_waits_for_is_gone(self):
        flow = self.customer_flow()
        self.topic(flow)
        flow.action_pause()
        event = self.arrive(self.customer(1))
        self.work()
        flow.unlink()
        self.work()
        self.assertEqual(event.state, "ignored")

    def test_paused_connection(self):
        flow = self.customer_flow()
        self.topic(flow)
        self.connection.action_pause()
        self.arrive(self.customer(1))
        self.work()
        self.assertEqual(self.events().state, "pending")
        self.connection.action_resume()
        self.work()
        self.assertSyncs(flow, {"1": "synced"})

    def test_an_unexpected_fault_stays_on_its_event(self):
        flow = self.customer_flow()
        self.topic(flow)
        original = inbox.store

        def store(cr, plan, records, **options):
            if any(record["id"] == 2 for record in records):
                raise RuntimeError("slip")
            return original(cr, plan, records, **options)

        events = self.arrive(self.customer(1), self.customer(2), self.customer(3))
        with patch.object(inbox, "store", store), mute_logger("odoo.addons.integration_flow.engine.receiving"):
            self.work()
        self.assertEqual(events.mapped("state"), ["done", "failed", "done"])
        self.assertSyncs(flow, {"1": "synced", "3": "synced"})
        events[1].action_retry()
        self.work()
        self.assertEqual(events[1].state, "done")

    def test_many_batches(self):
        flow = self.customer_flow()
        self.topic(flow)
        with patch.object(receiving, "BATCH", 7), patch.object(receiving, "BATCH_BYTES", 600):
            self.arrive(*(self.customer(number) for number in range(40)))
            self.work()
        self.assertEqual(len(self.records(flow)), 40)

    def test_one_worker_at_a_time(self):
        """Two workers would turn the order of events round."""
        flow = self.customer_flow()
        self.topic(flow)
        self.arrive(self.customer(1))
        with patch("odoo.addons.integration_flow.engine.claim.Claims.take", lambda claims, ids, space=None: (
                [] if space == receiving.EVENT_LOCK_SPACE else list(ids))):
            self.work()
        self.assertEqual(self.events().state, "pending")

    def test_alert(self):
        self.connection.administrator_id = self.env.ref("base.user_admin")
        event = self.arrive(b"{broken")
        self.topic(self.customer_flow())
        self.work()
        activities = self.connection.activity_ids.filtered(lambda activity: "Shop" in (activity.summary or ""))
        self.assertEqual(len(activities), 1)
        event.unlink()
        self.work()
        self.assertFalse(self.connection.activity_ids.exists() & activities)


@tagged("post_install", "-at_install")
class TestSettings(EventCase):
    def test_rights(self):
        topic = self.topic(self.customer_flow())
        event = self.arrive(self.customer(1))
        user = self.make_user("hook_user", "integration_flow.group_integration_user")
        manager = self.make_user("hook_manager", "integration_flow.group_integration_manager")
        secrets = self.make_user("hook_secrets", "integration_flow.group_integration_secrets")
        connection = self.connection
        self.assertTrue(topic.with_user(user).topic)
        with self.assertRaises(AccessError):
            event.with_user(user).read(["topic"])
        with self.assertRaises(AccessError):
            topic.with_user(user).topic = "x"
        for name in ("webhook_token", "webhook_url", "webhook_secret_input", "webhook_secret"):
            with self.subTest(name), self.assertRaises(AccessError):
                connection.with_user(user).read([name])
        event.with_user(manager).action_retry()
        self.assertIn("c1@example.com", event.with_user(manager).body_text)
        with self.assertRaises(AccessError):
            event.with_user(manager).read(["body"])
        with self.assertRaises(AccessError):
            event.with_user(manager).topic = "x"
        connection.with_user(manager).webhook_topic_header = "X-Topic"
        connection.webhook_secret = "set"
        with self.refuses(AccessError, "Signature"):
            connection.with_user(manager).webhook_style = "address"
        with self.assertRaises(AccessError):
            connection.with_user(manager).action_rotate_webhook_secret()
        connection.with_user(secrets).webhook_style = "address"

    def test_companies(self):
        event = self.arrive(self.customer(1))
        other = self.env["res.company"].create({"name": "Other"})
        manager = self.make_user(
            "hook_other", "integration_flow.group_integration_manager", company_id=other.id, company_ids=[(6, 0, other.ids)])
        events = self.env["integration.webhook.event"].with_user(manager)
        self.assertFalse(events.search([("id", "=", event.id)]))

    def test_secret_is_write_only(self):
        self.connection.webhook_secret_input = "very secret"
        self.assertFalse(self.connection.webhook_secret_input)
        self.assertEqual(self.connection.webhook_secret_status, "Set")
        user = self.make_user("hook_reader", "integration_flow.group_integration_secrets")
        self.assertNotIn("very secret", str(self.connection.with_user(user).read()))
        copied = self.connection.copy()
        self.assertFalse(copied.webhook_secret)
        self.assertFalse(copied.webhook_enabled)
        self.assertNotEqual(copied.webhook_token, self.connection.webhook_token)

    def test_rotate(self):
        self.connection.write({"webhook_secret_input": "first", "webhook_overlap_hours": 2})
        shown = self.connection.action_rotate_webhook_secret()["params"]
        secret = self.connection.sudo().webhook_secret
        self.assertTrue(secret.startswith("whsec_"))
        self.assertIn(secret, shown["message"])
        self.assertTrue(shown["sticky"])
        self.assertEqual(self.connection.webhook_secret_previous, "first")
        left = (self.connection.webhook_previous_until - fields.Datetime.now()).total_seconds()
        self.assertAlmostEqual(left, 7200, delta=60)
        self.connection.action_end_webhook_overlap()
        self.assertFalse(self.connection.webhook_secret_previous)
        before = self.connection.webhook_url
        self.connection.action_new_webhook_address()
        self.assertNotEqual(self.connection.webhook_url, before)
        self.assertGreater(len(self.connection.webhook_token), 40)

    def test_checks(self):
        with self.refuses(ValidationError, "shop.example"):
            self.connection.webhook_addresses = "shop.example"
        with self.refuses(ValidationError, "Topic in the Body"):
            self.connection.webhook_topic_path = "a["
        with self.refuses(ValidationError, "name of a header"):
            self.connection.webhook_header = "X Signature: "
        flow = self.customer_flow()
        with self.refuses(ValidationError, "not a valid path"):
            self.topic(flow, path="a[")
        elsewhere = self.make_connection(name="Elsewhere")
        with self.refuses(ValidationError, "belong to this connection"):
            self.topic(flow, connection_id=elsewhere.id)

    def test_neutralised(self):
        self.connection.write({"webhook_secret_input": "s", "webhook_style": "bearer"})
        self.env.flush_all()
        from odoo.modules.neutralize import neutralize_database
        with mute_logger("odoo.modules.neutralize"):
            neutralize_database(self.env.cr)
        self.env.invalidate_all()
        self.assertRecordValues(self.connection, [{
            "webhook_enabled": False, "webhook_secret": False, "webhook_secret_previous": False, "webhook_token": False}])

    def test_clearing(self):
        events = self.arrive(self.customer(1), self.customer(2), self.customer(3))
        self.env.cr.execute(
            "UPDATE integration_webhook_event SET received_at = now() AT TIME ZONE 'UTC' - interval '40 days', "
            "state = CASE id WHEN %s THEN 'failed' ELSE 'done' END WHERE id = ANY(%s)", [events[0].id, events[:2].ids])
        self.env["integration.webhook.event"]._gc_handled()
        self.assertEqual(events.exists(), events[0] + events[2])

    def test_every_index_is_used_for_its_question(self):
        """The questions of the worker are answered from partial indexes, however many events are kept."""
        self.env.cr.execute(
            """INSERT INTO integration_webhook_event (connection_id, received_at, state, topic)
               SELECT %s, now(), 'done', 'x' FROM generate_series(1, 20000)""", [self.connection.id])
        self.env.cr.execute("ANALYZE integration_webhook_event")
        for question in (
                "SELECT 1 FROM integration_webhook_event WHERE connection_id = %s AND state = 'pending' AND due_at <= now()",
                "SELECT 1 FROM integration_webhook_event WHERE connection_id = %s AND state = 'pending' AND due_at IS NULL"):
            self.env.cr.execute(f"EXPLAIN {question}", [self.connection.id])
            plan = "\n".join(row[0] for row in self.env.cr.fetchall())
            self.assertNotIn("Seq Scan", plan)


@tagged("post_install", "-at_install")
class TestSandboxShop(WebhookCase):
    """The sandbox's own deliveries: signed as WooCommerce does, doubled, shuffled, some with a wrong signature."""

    def test_arrive(self):
        self.connection.write({
            "webhook_style": "hmac_base64", "webhook_header": "X-WC-Webhook-Signature",
            "webhook_id_header": "X-WC-Webhook-Delivery-ID", "webhook_topic_header": "X-WC-Webhook-Topic",
            "webhook_overlap_hours": 0, "webhook_secret_input": "shop secret"})
        flow = self.customer_flow(operations=READ, path="customers")
        self.topic(flow, "customer.updated", path="")
        deliveries = self.collected(60)
        self.assertEqual(len(deliveries), 150)
        for headers, body in deliveries:
            self.url_open(self.address, data=body, headers=headers)
        self.env.invalidate_all()
        self.assertEqual(len(self.events()), 115, "five had a wrong signature, and each came once")
        self.assertEqual(self.reasons(), {"signature_wrong": 10})
        self.work()
        there = {str(customer["id"]): customer["first_name"] for customer in self.shop.dump("customers")}
        here = {external_id: partner.name for external_id, partner in self.records(flow).items()}
        self.assertEqual(here, there, "though older states came after newer ones")
        self.assertEqual(set(self.events().mapped("state")), {"done"})

    def collected(self, count):
        """The shop's deliveries as bytes, in the order in which it sends them; ``HttpCase`` answers one at a time."""
        from http.server import BaseHTTPRequestHandler, HTTPServer
        from threading import Thread
        got = []

        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self):
                got.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args):
                pass

        server = HTTPServer(("127.0.0.1", 0), Receiver)
        Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.shop.settings(webhook_ping=False)
        self.shop.load("customers", [
            {"id": number, "first_name": "Before", "email": f"c{number}@example.com",
             "date_modified_gmt": "2026-01-01T10:00:00"} for number in range(1, count + 1)])
        status, _headers, answer = self.shop.call("POST", "/wp-json/wc/v3/webhooks", {
            "topic": "customer.updated", "delivery_url": f"http://127.0.0.1:{server.server_port}/", "secret": "shop secret",
            "signature_style": "woocommerce"}, {"X-API-Key": self.shop.api_key})
        self.assertEqual(status, 201, answer)
        self.shop.webhooks(hold=True, duplicate=30, bad_signature=5)
        self.shop.touch("customers", ids=list(range(1, count + 1)), changes={"first_name": "First"})
        time.sleep(1.1)  # the shop tells times in whole seconds
        self.shop.touch("customers", ids=list(range(1, count + 1)), changes={"first_name": "After"})
        self.shop.webhooks(release="shuffle")
        self.shop.wait_until(lambda: len(got) >= 2 * count + 30)
        return got
