"""What the tests of webhooks out share: receivers on loopback, subscribers, and the deliverer on test cursors."""

import json
from datetime import timedelta

from odoo import fields

from .export_common import ExportCase
from .receiver import Receiver

PRIVATE = "integration_flow.announce_private"


class AnnounceTools:
    """Wants ``env``, and a shop with its flows."""

    def receiver(self):
        receiver = Receiver()
        self.addCleanup(receiver.close)
        return receiver

    def subscriber(self, receiver=None, **vals):
        return self.env["integration.subscriber"].create({
            "name": "Robot", "url": receiver.url if receiver else "https://receiver.example.com/hook", "timeout": 3, **vals})

    def deliveries(self, subscriber, state=None):
        """Deliveries, oldest first."""
        domain = [("subscriber_id", "=", subscriber.id)]
        return self.env["integration.delivery"].search(domain + ([("state", "=", state)] if state else []), order="id")

    def secret_of(self, subscriber):
        self.env.flush_all()
        self.env.cr.execute("SELECT secret FROM integration_subscriber WHERE id = %s", [subscriber.id])
        return self.env.cr.fetchone()[0]

    def bodies(self, receiver):
        return [json.loads(call.raw) for call in receiver.calls]

    def types(self, receiver):
        return [body["type"] for body in self.bodies(receiver)]


class AnnounceCase(AnnounceTools, ExportCase):
    """Private addresses are allowed, because the receivers listen on loopback."""

    def setUp(self):
        super().setUp()
        self.env["ir.config_parameter"].sudo().set_param(PRIVATE, "True")

    def announcing_flow(self, rules=(), **vals):
        return self.customer_flow(rules, **{"code": "contacts", "announce": "ids", **vals})

    def deliver(self):
        """Let the scheduled action send what is due."""
        self.env.cr.flush()
        with self.enter_registry_test_mode():
            problem = self.env.ref("integration_flow.ir_cron_announce").sudo().method_direct_trigger()
        self.env.invalidate_all()
        self.assertIs(problem, True, "the scheduled action itself never fails")

    def time_passes(self, **age):
        """What waits for a moment is due now; and everything is older by ``age``."""
        self.env.flush_all()
        past = fields.Datetime.now() - timedelta(seconds=1)
        self.env.cr.execute("UPDATE integration_delivery SET next_attempt_at = %s WHERE next_attempt_at > %s", [past, past])
        self.env.cr.execute("UPDATE integration_subscriber SET retry_at = NULL")
        if age:
            for table, column in (("integration_delivery", "create_date"), ("integration_event", "create_date"),
                                  ("integration_subscriber", "failing_since"),
                                  ("integration_subscriber", "previous_secret_until")):
                self.env.cr.execute(f"UPDATE {table} SET {column} = {column} - %s", [timedelta(**age)])
        self.env.invalidate_all()

    def some_events(self, flow, count=1, start=1):
        """Customers arrive: one event each."""
        self.receive(flow, *[{"id": number, "first_name": f"C{number}", "email": f"c{number}@example.com"}
                             for number in range(start, start + count)])
