"""Webhooks of the CRM: signed with the address, many events in one delivery, only IDs, twice and out of order."""

import json
import time

from odoo.tests import tagged

from odoo.addons.integration_flow.core.signatures import Scheme, sign
from odoo.addons.integration_flow.engine import reception

from .common import FlowCase

SECRET = "client-secret-of-a-test"
EVENTS = {"contact": "crm_contacts", "company": "crm_companies", "deal": "crm_deals"}


@tagged("post_install", "-at_install")
class TestCrmWebhook(FlowCase):
    def setUp(self):
        super().setUp()
        if "crm.lead" not in self.env:
            self.skipTest("CRM is not installed")
        self.env["ir.config_parameter"].set_param("web.base.url", "https://odoo.example.com")
        self.flows = self.from_blueprint("crm", {
            "crm": {"base_url": self.shop.url, "auth_secret_input": self.shop.api_key, "webhook_enabled": True,
                    "webhook_style": "hubspot", "webhook_secret_input": SECRET}})
        self.link = self.flows["crm_contacts"].connection_id
        for kind, code in EVENTS.items():
            self.env["integration.webhook.topic"].create({
                "connection_id": self.link.id, "flow_id": self.flows[code].id, "topic": "*", "kind": "ids",
                "path": f"[?starts_with(subscriptionType, '{kind}.') && subscriptionType != '{kind}.deletion'].objectId"})
        self.run_flow(*self.flows.values())

    def make(self, kind, **properties):
        status, _headers, answer = self.shop.call("POST", f"/crm/v3/objects/{kind}", {"properties": properties}, {
            "Authorization": f"Bearer {self.shop.api_key}"})
        self.assertEqual(status, 201, answer)
        return answer["id"]

    def deliver(self, *events, url=None, secret=SECRET, changed=None):
        body = json.dumps([
            {"eventId": number, "subscriptionType": kind, "objectId": int(key), "portalId": 62515, "attemptNumber": 0}
            for number, (kind, key) in enumerate(events, 100)]).encode()
        headers = sign(Scheme("hubspot", url=url or self.link.webhook_url), secret, body, now=time.time())
        delivery = reception.Delivery(
            token=self.link.sudo().webhook_token, method="POST", headers=headers, query={}, content_type="application/json",
            address="203.0.113.7", read=lambda _limit: changed or body)
        return reception.receive(self.env, delivery).status

    def test_one_delivery_brings_records_of_several_flows(self):
        company = self.make("companies", name="Acme")
        person = self.make("contacts", email="ann@example.com", lastname="Lee", associatedcompanyid=company)
        deal = self.make("deals", dealname="100 lamps", hs_primary_associated_company=company, dealstage="qualifiedtobuy")
        self.assertTrue(self.link.webhook_url.startswith("https://odoo.example.com/integration/webhook/"))
        for _ in range(2):  # it comes twice, and the deal before its company
            self.assertEqual(self.deliver(
                ("deal.creation", deal), ("contact.propertyChange", person), ("contact.propertyChange", person),
                ("company.creation", company), ("contact.deletion", "5")), 200)
            self.work(self.link)
        acme = self.records(self.flows["crm_companies"])[company]
        self.assertEqual(self.records(self.flows["crm_contacts"])[person].parent_id, acme)
        self.assertEqual(self.records(self.flows["crm_deals"])[deal].partner_id, acme)
        self.assertEqual(len(self.records(self.flows["crm_contacts"])), 1)

    def test_what_is_not_from_the_crm_is_refused(self):
        person = self.make("contacts", email="ann@example.com")
        event = ("contact.creation", person)
        self.assertEqual(self.deliver(event, secret="another"), 403)
        self.assertEqual(self.deliver(event, changed=b"[]"), 403)
        self.assertEqual(self.deliver(event, url="https://other.example.com/integration/webhook/x"), 403)
        self.assertFalse(self.env["integration.webhook.event"].search([("connection_id", "=", self.link.id)]))
