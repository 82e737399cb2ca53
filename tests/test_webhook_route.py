"""Webhooks at the door: who is let in, what is stored, and what everybody else is told."""

import json
import time
from unittest.mock import patch

import psycopg2

from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.integration_flow.core.signatures import Scheme, sign
from odoo.addons.integration_flow.engine import reception, rejections

from .webhook_common import SECRET, WebhookCase

FORM = "application/x-www-form-urlencoded"


@tagged("post_install", "-at_install")
class TestDoor(WebhookCase):
    def test_stored_as_it_came(self):
        body = b'{"type": "customer.updated",\n "data": {"id": 7, "name": "\xc3\x84nne"}}'
        response = self.deliver(body, message_id="evt-1")
        self.assertEqual((response.status_code, response.content), (200, b""))
        event = self.events()
        self.assertRecordValues(event, [{
            "event_id": "evt-1", "topic": "customer.updated", "state": "pending", "size": len(body),
            "content_type": "application/json", "company_id": self.connection.company_id.id}])
        self.assertEqual(self.raw_body(event), body)
        self.assertTrue(event.received_at)
        self.assertTrue(event.remote_addr)

    def test_raw_bytes_of_forms(self):
        """Odoo parses forms before it calls an endpoint; what was signed are the bytes."""
        boundary = "xyz"
        multipart = (f"--{boundary}\r\nContent-Disposition: form-data; name=\"a\"; filename=\"f.txt\"\r\n\r\n"
                     f"content\r\n--{boundary}--\r\n").encode()
        for content_type, body in (
                (FORM, b"b=2&a=1&text=%C3%A4+%26&a=3"), (f"multipart/form-data; boundary={boundary}", multipart),
                ("text/plain", b"\x00\xff not text"), ("", b"{}")):
            with self.subTest(content_type):
                response = self.deliver(body, {**self.signed(body), "Content-Type": content_type})
                self.assertEqual(response.status_code, 200)
                self.assertEqual(self.raw_body(self.events()[-1]), body)

    def test_headers_are_kept_without_secrets(self):
        body = self.event(id=1)
        self.deliver(body, {**self.signed(body), "Authorization": "Bearer hidden-token", "X-Api-Key": "hidden-key",
                            "X-Shop": "7"})
        headers = json.loads(self.events().headers)
        self.assertEqual(headers["X-Shop"], "7")
        self.assertNotIn("hidden", self.events().headers)
        self.assertEqual(headers["Webhook-Signature"], "***")

    def test_everything_wrong_is_answered_alike(self):
        body = self.event(id=1)
        good = self.signed(body)
        cases = {
            "signature_wrong": (body + b" ", good, self.address),
            "signature_missing": (body, {}, self.address),
            "timestamp_outside": (body, self.signed(body, now=time.time() - 3600), self.address),
            "timestamp_missing": (body, {**good, "webhook-timestamp": "now"}, self.address),
            "unknown_address": (body, good, "/integration/webhook/unknown"),
            "too_large": (b" " * (1024 * 1024 + 1), good, self.address),
        }
        answers = set()
        for reason, (sent, headers, address) in cases.items():
            with self.subTest(reason):
                response = self.deliver(sent, {"User-Agent": "Tester", **headers}, address=address)
                self.assertRefused(response)
                answers.add(tuple(sorted(
                    (name, value) for name, value in response.headers.items() if name not in ("Date", "Server"))))
                self.assertIn(reason, self.reasons())
        self.assertEqual(len(answers), 1, "not even the headers differ")
        self.assertFalse(self.events())

    def test_switched_off(self):
        self.connection.webhook_enabled = False
        self.assertRefused(self.deliver())
        self.connection.write({"webhook_enabled": True, "active": False})
        self.assertRefused(self.deliver())
        self.assertEqual(self.reasons(), {"switched_off": 2})

    def test_other_methods(self):
        for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "GET", "HEAD"):
            with self.subTest(method):
                self.assertEqual(self.deliver(method=method).status_code, 403)
        self.assertEqual(self.reasons(), {"wrong_method": 6})

    def test_challenges(self):
        for query in ("hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=x", "challenge=1158201444"):
            response = self.url_open(f"{self.address}?{query}")
            self.assertEqual((response.status_code, response.text), (200, "1158201444"))
            self.assertTrue(response.headers["Content-Type"].startswith("text/plain"))
        self.assertEqual(self.url_open(f"{self.address}?challenge=<script>").status_code, 403)
        self.assertEqual(self.url_open("/integration/webhook/unknown?challenge=1").status_code, 403)

    def test_slack_registers_an_address(self):
        self.connection.write({"webhook_style": "slack", "webhook_secret_input": "slack secret", "webhook_overlap_hours": 0})
        body = b'{"type": "url_verification", "challenge": "3eZbrw1aB"}'
        response = self.deliver(body, sign(Scheme("slack"), "slack secret", body, now=time.time()))
        self.assertEqual((response.status_code, response.text), (200, "3eZbrw1aB"))
        self.assertRefused(self.deliver(body, sign(Scheme("slack"), "other", body, now=time.time())))

    def test_the_ping_of_woocommerce(self):
        self.connection.webhook_style = "hmac_base64"
        self.assertEqual(self.deliver(b"webhook_id=7", {"Content-Type": FORM}).status_code, 200)
        self.assertRefused(self.deliver(b"webhook_id=7&more=1", {"Content-Type": FORM}))
        self.assertFalse(self.events())

    def test_size(self):
        self.connection.webhook_max_kb = 1
        fits = json.dumps({"type": "x", "pad": "p" * 990}).encode()
        self.assertLessEqual(len(fits), 1024)
        self.assertEqual(self.deliver(fits).status_code, 200)
        self.assertRefused(self.deliver(fits + b" " * 100))
        self.assertRefused(self.deliver(iter([fits, b" " * 100]), self.signed(fits + b" " * 100)))

    def test_allowed_senders(self):
        self.connection.webhook_addresses = "203.0.113.0/24"
        self.assertRefused(self.deliver())
        self.assertEqual(self.reasons(), {"address_not_allowed": 1})
        self.connection.webhook_addresses = "203.0.113.0/24\n127.0.0.0/8"
        self.assertEqual(self.deliver().status_code, 200)
        # What the sender says of itself does not count.
        self.connection.webhook_addresses = "203.0.113.0/24"
        body = self.event(id=1)
        self.assertRefused(self.deliver(body, {
            **self.signed(body), "X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9"}))

    def test_each_style(self):
        for style in ("hmac_hex", "hmac_base64", "timestamped", "slack", "bearer", "basic", "static_header"):
            with self.subTest(style):
                self.connection.write({"webhook_style": style, "webhook_user": "shop"})
                body = self.event(id=1)
                scheme = Scheme(style, user="shop")
                self.assertEqual(self.deliver(body, sign(scheme, SECRET, body, now=time.time())).status_code, 200)
                self.assertRefused(self.deliver(body, sign(scheme, "other", body, now=time.time())))
        self.connection.write({"webhook_style": "static_query", "webhook_header": "key"})
        self.assertEqual(self.deliver(b"{}", {}, address=f"{self.address}?key={SECRET}").status_code, 200)
        self.assertRefused(self.deliver(b"{}", {}, address=f"{self.address}?key=other"))
        self.connection.webhook_style = "address"
        self.assertEqual(self.deliver(b"{}", {}).status_code, 200)

    def test_a_known_event(self):
        for _time in range(3):
            self.assertEqual(self.deliver(message_id="evt-1").status_code, 200)
        self.deliver(message_id="evt-2")
        self.assertEqual(self.events().mapped("event_id"), ["evt-1", "evt-2"])

    def test_no_id_is_no_known_event(self):
        """Two thin events about one record are alike and both count: it has changed twice."""
        self.connection.write({"webhook_style": "bearer"})
        for _time in range(2):
            self.deliver(b'{"id": 1}', {"Authorization": f"Bearer {SECRET}"})
        self.assertEqual(self.events().mapped("event_id"), [False, False])

    def test_id_and_topic(self):
        self.connection.write({
            "webhook_style": "bearer", "webhook_id_header": "X-Event", "webhook_id_path": "meta.id",
            "webhook_topic_header": "X-Topic", "webhook_topic_path": "meta.topic"})
        bearer = {"Authorization": f"Bearer {SECRET}"}
        self.deliver(b'{"meta": {"id": 12, "topic": "paid"}}', bearer)
        self.deliver(b'{"meta": {"id": 13, "topic": "paid"}}', {**bearer, "X-Event": "abc", "X-Topic": "sent"})
        self.deliver(b"not json", {**bearer, "X-Event": "n" * 500})
        events = self.events()
        self.assertEqual(events.mapped("topic"), ["paid", "sent", ""] if events[2].topic == "" else ["paid", "sent", False])
        self.assertEqual(events[:2].mapped("event_id"), ["12", "abc"])
        self.assertEqual(len(events[2].event_id), 200)

    def test_paused_connection(self):
        self.connection.action_pause()
        self.env.cr.execute("DELETE FROM ir_cron_trigger")
        self.assertEqual(self.deliver().status_code, 200)
        self.assertEqual(self.events().state, "pending")
        self.assertFalse(self.env["ir.cron.trigger"].search([("cron_id", "=", self.connection.cron_id.id)]))

    def test_secrets_while_one_replaces_the_other(self):
        self.connection.webhook_secret_input = "whsec_bmV3IHNlY3JldA=="
        self.assertEqual(self.deliver().status_code, 200, "the one before is still valid")
        self.assertEqual(self.deliver(secret="whsec_bmV3IHNlY3JldA==").status_code, 200)
        self.connection.webhook_previous_until = "2020-01-01 00:00:00"
        self.assertRefused(self.deliver())
        self.assertEqual(self.deliver(secret="whsec_bmV3IHNlY3JldA==").status_code, 200)

    def test_secret_of_the_environment(self):
        self.connection.write({"webhook_secret_input": "env:WEBHOOK_TEST_SECRET", "webhook_overlap_hours": 0})
        self.connection.action_end_webhook_overlap()
        self.assertRefused(self.deliver())
        with patch.dict("os.environ", WEBHOOK_TEST_SECRET=SECRET):
            self.assertEqual(self.deliver().status_code, 200)

    def test_no_secret_is_set(self):
        self.connection.webhook_secret = False
        self.assertRefused(self.deliver(secret="whsec_"))
        self.assertEqual(self.reasons(), {"no_secret": 1})

    def test_a_burst_writes_few_triggers(self):
        self.env.cr.execute("DELETE FROM ir_cron_trigger")
        for _number in range(40):
            self.deliver()
        triggers = self.env["ir.cron.trigger"].search([("cron_id", "=", self.connection.cron_id.id)])
        self.assertEqual(len(self.events()), 40)
        seconds = {trigger.call_at for trigger in triggers}
        self.assertLessEqual(len(triggers), reception.TRIGGERS_A_SECOND * len(seconds))
        self.assertGreater(max(seconds), self.events()[-1].received_at, "one comes after the last event")

    def test_no_session(self):
        response = self.deliver()
        self.assertNotIn("session_id", response.cookies)


@tagged("post_install", "-at_install")
class TestFaults(WebhookCase):
    def test_a_fault_of_the_database_asks_for_another_try(self):
        with patch.object(reception, "_insert", side_effect=psycopg2.OperationalError("disk full at /var/secret")), \
                mute_logger("odoo.http", "odoo.service.model"):
            response = self.deliver()
        self.assertEqual((response.status_code, response.content), (503, b""))

    def test_a_fault_of_ours(self):
        with patch.object(reception, "_document", side_effect=KeyError("slip")), mute_logger("odoo.http"):
            response = self.deliver()
        self.assertEqual((response.status_code, response.content), (503, b""))

    def test_two_at_once(self):
        """The transaction that comes second to the same event begins anew and finds it known."""
        original, calls = reception._insert, []

        def insert(env, endpoint, values):
            calls.append(1)
            if len(calls) == 1:
                raise psycopg2.errors.SerializationFailure("could not serialize access")
            return original(env, endpoint, values)

        with patch.object(reception, "_insert", insert):
            self.assertEqual(self.deliver().status_code, 200)
        self.assertEqual(len(calls), 2)
        self.assertEqual(len(self.events()), 1)

    def test_rejected_ones_are_counted_and_seldom_written(self):
        written = []
        original = rejections._write
        with patch.object(rejections, "WRITE_EVERY_SECONDS", 3600), \
                patch.object(rejections, "_write", lambda *args: written.append(args) or original(*args)):
            for _number in range(30):
                self.deliver(b"{}", {})
            self.assertEqual(len(written), 1)
        self.deliver(b"{}", {})
        self.assertEqual(self.reasons(), {"signature_missing": 31})
        row = self.env["integration.webhook.rejection"].search([("connection_id", "=", self.connection.id)])
        self.assertLessEqual(len(row.recent.splitlines()), rejections.KEPT_LINES)
        self.assertIn("127.0.0.1", row.recent)

    def test_rejected_ones_never_stop_a_request(self):
        with patch.object(rejections, "_write", side_effect=psycopg2.OperationalError("no")):
            self.assertRefused(self.deliver(b"{}", {}))
