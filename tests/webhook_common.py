"""What the tests of webhooks share: a connection that receives, and senders that sign."""

import itertools
import json
import time
from unittest.mock import patch

from odoo.tests import HttpCase

from odoo.addons.integration_flow.core.signatures import Scheme, sign
from odoo.addons.integration_flow.engine import rejections
from odoo.addons.integration_flow.sandbox.client import SandboxServer

from .common import FlowTools

SECRET = "whsec_dGVzdCBzZWNyZXQgb2YgYSB0ZXN0"  # a secret of a test
STANDARD = Scheme("standard_webhooks")


class WebhookTools(FlowTools):
    """Wants ``connection``; ``webhook_base`` is the address of the Odoo server."""

    numbers = itertools.count(1)

    @classmethod
    def receiving_connection(cls, **vals):
        """A connection that takes Standard Webhooks; the topic stands in the body as ``type``."""
        return cls.make_connection(**{
            "webhook_enabled": True, "webhook_style": "standard_webhooks", "webhook_secret_input": SECRET,
            "webhook_topic_path": "type", **vals})

    @classmethod
    def topic(cls, flow, topic="*", kind="record", path="data", **vals):
        return cls.env["integration.webhook.topic"].create({
            "connection_id": flow.connection_id.id, "topic": topic, "flow_id": flow.id, "kind": kind, "path": path, **vals})

    def signed(self, body, *, message_id=None, secret=SECRET, now=None):
        return sign(STANDARD, secret, body, now=time.time() if now is None else now,
                    message_id=message_id or f"msg_{next(self.numbers)}")

    def event(self, kind="customer.updated", **data):
        return json.dumps({"type": kind, "data": data}).encode()

    def events(self, *states):
        domain = [("connection_id", "=", self.connection.id)]
        if states:
            domain.append(("state", "in", states))
        return self.env["integration.webhook.event"].search(domain, order="id")

    def raw_body(self, event):
        self.env.cr.execute("SELECT body FROM integration_webhook_event WHERE id = %s", [event.id])
        return bytes(self.env.cr.fetchone()[0])

    def reasons(self):
        """``{reason: count}`` of what was rejected at the connection."""
        self.env.invalidate_all()
        return {row.reason: row.count for row in self.env["integration.webhook.rejection"].search(
            [("connection_id", "in", (self.connection.id, False))])}


class WebhookCase(WebhookTools, HttpCase):
    """Deliveries over HTTP to the server of the test."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.shop = SandboxServer(seed="empty", max_per_page=500, webhook_workers=1).start()
        cls.addClassCleanup(cls.shop.stop)
        cls.connection = cls.receiving_connection()

    def setUp(self):
        super().setUp()
        self.shop.settings(latency_ms=0, rate_limit=None)
        self.shop.reset("empty")
        rejections._kept.clear()
        self.startPatcher(patch.object(rejections, "WRITE_EVERY_SECONDS", 0))

    @property
    def address(self):
        return f"/integration/webhook/{self.connection.webhook_token}"

    def deliver(self, body=None, headers=None, *, address=None, method=None, **options):
        """POST a delivery, signed unless ``headers`` say otherwise; returns the response."""
        if body is None:
            body = self.event(id=1, first_name="Ann", email="ann@example.com")
        if headers is None:
            headers = self.signed(body, **options)
        response = self.url_open(
            address or self.address, data=body, headers={"Content-Type": "application/json", **headers},
            method=method or "POST")
        self.env.invalidate_all()
        return response

    def assertRefused(self, response):
        self.assertEqual((response.status_code, response.content), (403, b""))
