"""Webhooks of the CRM by its blueprint alone: signed with the address, many events in one delivery, only IDs, twice, out
of order, and lost. The sandbox signs and sends them over HTTP; the test hands each on to Odoo as it came."""

import json
import time

from odoo.tests import HttpCase, tagged

from odoo.addons.integration_flow.core.signatures import Scheme, sign
from odoo.addons.integration_flow.sandbox.crm_webhooks import CLIENT_SECRET

from .common import FlowCase
from .receiver import Receiver

KINDS, VERBS = ("company", "contact", "deal"), ("creation", "deletion", "merge")
EVENTS = [
    *({"eventType": f"{kind}.{verb}"} for kind in KINDS for verb in VERBS),
    *({"eventType": "contact.propertyChange", "propertyName": name}
      for name in ("phone", "jobtitle", "associatedcompanyid")),
    {"eventType": "deal.propertyChange", "propertyName": "dealstage"},
]


@tagged("post_install", "-at_install")
class TestCrmWebhook(FlowCase, HttpCase):
    def setUp(self):
        super().setUp()
        if "crm.lead" not in self.env:
            self.skipTest("CRM is not installed")
        self.receiver = Receiver()
        self.addCleanup(self.receiver.close)
        # The address that the CRM calls is the one that Odoo has told, and both sign it.
        self.env["ir.config_parameter"].set_param("web.base.url", self.receiver.url.removesuffix("/hook"))
        self.flows = self.from_blueprint("crm", {"crm": {
            "base_url": self.shop.url, "auth_secret_input": self.shop.api_key, "webhook_enabled": True,
            "webhook_secret_input": CLIENT_SECRET}})
        self.link = self.flows["crm_contacts"].connection_id
        self.run_flow(*self.flows.values())
        self.call("PUT", "webhooks/v3/54321/settings", {"targetUrl": self.link.webhook_url})
        for event in EVENTS:
            self.call("POST", "webhooks/v3/54321/subscriptions", event)

    def call(self, method, path, body=None):
        status, _headers, answer = self.shop.call(
            method, f"/{path}", body, {"Authorization": f"Bearer {self.shop.api_key}"})
        self.assertIn(status, (200, 201, 204), answer)
        return answer

    def make(self, kind, **properties):
        return self.call("POST", f"crm/v3/objects/{kind}", {"properties": properties})["id"]

    def change(self, kind, key, **properties):
        self.call("PATCH", f"crm/v3/objects/{kind}/{key}", {"properties": properties})

    def messages(self, count):
        """What the CRM has sent since the last look, as it came."""
        self.shop.wait_until(lambda: len(self.receiver.calls) >= count)
        found, self.receiver.calls[:] = list(self.receiver.calls), []
        self.assertEqual(len(found), count)
        return found

    def hand_on(self, raw, headers, path=None):
        """One delivery, to Odoo; returns the status of its answer."""
        answer = self.url_open(path or f"/integration/webhook/{self.link.webhook_token}", data=raw, headers={
            "Content-Type": "application/json", **{
                name: headers[name] for name in headers if name.lower().startswith("x-hubspot")}})
        self.env.invalidate_all()
        return answer.status_code

    def told(self, count):
        """Everything that the CRM has sent reaches Odoo, and is worked on."""
        for message in self.messages(count):
            self.assertEqual(self.hand_on(message.raw, message.headers), 200)
        self.work(self.link)

    def records_of(self, code):
        return self.records(self.flows[code])

    def test_one_delivery_brings_records_of_several_flows(self):
        """What the CRM has told one by one comes in one delivery, the wrong way round, twice."""
        company = self.make("companies", name="Acme")
        person = self.make("contacts", email="ann@example.com", lastname="Lee", associatedcompanyid=company)
        deal = self.make("deals", dealname="100 lamps", hs_primary_associated_company=company, dealstage="qualifiedtobuy")
        events = [event for message in self.messages(3) for event in json.loads(message.raw)]
        body = json.dumps([*reversed(events), events[1]]).encode()
        for _again in range(2):
            self.assertEqual(self.hand_on(body, sign(
                Scheme("hubspot", url=self.link.webhook_url), CLIENT_SECRET, body, now=time.time())), 200)
            self.work(self.link)
        acme = self.records_of("crm_companies")[company]
        self.assertEqual(self.records_of("crm_contacts")[person].parent_id, acme)
        self.assertEqual(self.records_of("crm_deals")[deal].partner_id, acme)
        self.assertEqual(len(self.records_of("crm_contacts")), 1)

    def test_each_change_over_there_is_told(self):
        """Created, changed, moved to another company, merged, deleted, and a deal that was won: no list is read."""
        first, second = self.make("companies", name="Acme"), self.make("companies", name="Bolt")
        person = self.make("contacts", email="ann@example.com", lastname="Lee", associatedcompanyid=first)
        double = self.make("contacts", email="ann.lee@example.com", lastname="Lee")
        deal = self.make("deals", dealname="Lamps", hs_primary_associated_company=first, dealstage="qualifiedtobuy")
        self.told(5)
        ann, copy = (self.records_of("crm_contacts")[key] for key in (person, double))
        acme, bolt = (self.records_of("crm_companies")[key] for key in (first, second))
        self.assertEqual(ann.parent_id, acme)
        self.shop.clear_counts()
        self.shop.fault("server_error", method="GET", path=f"/objects/contacts/{person}")  # while it is read back
        self.change("contacts", person, phone="7", jobtitle="CTO", associatedcompanyid=second)
        self.change("deals", deal, dealstage="closedwon")
        self.told(4)
        for _ in range(2):
            self.env.cr.execute("UPDATE integration_webhook_event SET due_at = now() at time zone 'utc' "
                                "WHERE due_at IS NOT NULL")
            self.make_due(self.flows["crm_contacts"])
            self.work(self.link)
        self.assertEqual((ann.phone, ann.function, ann.parent_id), ("7", "CTO", bolt))
        self.assertTrue(self.records_of("crm_deals")[deal].stage_id.is_won)
        self.call("POST", "crm/v3/objects/contacts/merge", {"primaryObjectId": person, "objectIdToMerge": double})
        self.call("DELETE", f"crm/v3/objects/companies/{first}")
        self.told(2)
        waiting = self.env["integration.deletion"].search([("flow_id", "in", [flow.id for flow in self.flows.values()])])
        self.assertEqual({(row.flow_id.code, row.res_id) for row in waiting}, {
            ("crm_contacts", copy.id), ("crm_companies", acme.id)})
        self.press(waiting.action_approve)
        self.assertEqual((ann.active, copy.active, acme.active, bolt.active), (True, False, False, True))
        self.assertFalse([call for call in self.shop.requests() if call["target"].endswith("/search")])

    def test_what_is_not_from_the_crm_is_refused(self):
        self.make("contacts", email="ann@example.com")
        genuine, = self.messages(1)
        self.shop.control("POST", "webhooks", {"bad_signature": 1})
        self.make("contacts", email="bob@example.com")
        forged, = self.messages(1)
        self.assertEqual(self.hand_on(forged.raw, forged.headers), 403, "signed with another secret")
        self.assertEqual(self.hand_on(b"[]", genuine.headers), 403, "another body")
        elsewhere = sign(Scheme("hubspot", url="https://other.example.com/integration/webhook/x"), CLIENT_SECRET,
                         genuine.raw, now=time.time())
        self.assertEqual(self.hand_on(genuine.raw, elsewhere), 403, "meant for another address")
        old = sign(Scheme("hubspot", url=self.link.webhook_url), CLIENT_SECRET, genuine.raw, now=time.time() - 3600)
        self.assertEqual(self.hand_on(genuine.raw, old), 403, "recorded an hour ago")
        self.assertFalse(self.env["integration.webhook.event"].search([("connection_id", "=", self.link.id)]))
        self.assertEqual(self.hand_on(genuine.raw, genuine.headers), 200)
