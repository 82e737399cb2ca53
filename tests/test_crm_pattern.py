"""The blueprint of the CRM against the sandbox: both ways, stages, notes, duplicates and merges."""

from odoo.tests import tagged

from .common import FlowCase

ORDER = ("crm_companies", "crm_contacts", "crm_leads", "crm_deals", "crm_notes")


@tagged("post_install", "-at_install")
class TestCrmPattern(FlowCase):
    def setUp(self):
        super().setUp()
        if "crm.lead" not in self.env:
            self.skipTest("CRM is not installed")
        self.flows = self.from_blueprint("crm", {
            "crm": {"base_url": self.shop.url, "auth_secret_input": self.shop.api_key}})
        self.link = self.flows["crm_contacts"].connection_id
        self.run_all()
        self.shop.clear_counts()

    def run_all(self, *codes, full=False):
        return self.run_flow(*(self.flows[code] for code in codes or ORDER), full=full)

    def call(self, method, path, body=None, expect=(200, 201, 204)):
        """The CRM's own users work in it: what they do is not counted as ours."""
        status, _headers, answer = self.shop.call(
            method, f"/crm/v3/{path}", body, {"Authorization": f"Bearer {self.shop.api_key}"})
        self.assertIn(status, expect, answer)
        return answer

    def make(self, kind, associations=(), **properties):
        return self.call("POST", f"objects/{kind}", {
            "properties": properties, "associations": list(associations)})["id"]

    def there(self, kind, key, *names):
        answer = self.call("GET", f"objects/{kind}/{key}?properties={','.join(names)}")
        return answer["id"], *[answer["properties"][name] for name in names]

    def record(self, code, key):
        return self.records(self.flows[code])[key]

    def problems(self):
        return [f"{sync.flow_id.code} {sync.display_name}: {sync.state} {sync.error_message} {sync.error_detail or ''}"
                for sync in self.env["integration.sync"].search([
                    ("connection_id", "=", self.link.id), ("state", "not in", ("synced", "excluded"))])]

    def key_of(self, code, record):
        return next(key for key, linked in self.records(self.flows[code]).items() if linked == record)

    # -- in ------------------------------------------------------------------------------------------------

    def test_a_deal_comes_with_its_company_and_people(self):
        company = self.make("companies", name="Acme", domain="acme.example.com", country="Germany", city="Bonn")
        person = self.make("contacts", email="Ann@acme.example.com", firstname="Ann", lastname="Lee", jobtitle="CTO",
                           associatedcompanyid=company)
        deal = self.make("deals", dealname="100 lamps", amount="1250.50", dealstage="qualifiedtobuy",
                         closedate="2027-03-31T00:00:00Z", hs_primary_associated_company=company)
        note = self.make("notes", [{"to": {"id": deal}, "types": [{"associationTypeId": 214}]}],
                         hs_note_body="<p>Wants blue ones.</p>", hs_timestamp="2026-01-01T10:00:00Z")
        self.run_all()
        self.assertEqual(self.problems(), [])
        acme, ann, lead = (self.record(*pair) for pair in (
            ("crm_companies", company), ("crm_contacts", person), ("crm_deals", deal)))
        self.assertEqual((acme.is_company, acme.website, acme.country_id.code), (True, "http://acme.example.com", "DE"))
        self.assertEqual((ann.is_company, ann.name, ann.parent_id, ann.function), (False, "Ann Lee", acme, "CTO"))
        self.assertEqual(ann.email, "ann@acme.example.com")
        self.assertEqual((lead.type, lead.partner_id, lead.expected_revenue), ("opportunity", acme, 1250.5))
        self.assertEqual((lead.stage_id, lead.date_deadline.isoformat()), (self.env.ref("crm.stage_lead2"), "2027-03-31"))
        message = self.record("crm_notes", note)
        self.assertIn(message, lead.message_ids)
        self.assertIn("Wants blue ones.", message.body)
        # Once more, all of it: nothing is written on either side but our own number, once.
        self.shop.clear_counts()
        with self.watch("res.partner", "write", "create") as partners, self.watch("crm.lead", "write", "create") as leads:
            self.run_all(full=True)
        self.assertFalse(partners or leads)
        self.assertEqual(self.shop.counts()["writes"], {})

    def test_stages_go_both_ways(self):
        deal = self.make("deals", dealname="D", amount="10", dealstage="appointmentscheduled")
        lost = self.make("deals", dealname="Lost", amount="10", dealstage="appointmentscheduled")
        self.run_all()
        lead = self.record("crm_deals", deal)
        self.assertEqual(lead.stage_id, self.env.ref("crm.stage_lead1"))
        lead.write({"stage_id": self.env.ref("crm.stage_lead3").id, "expected_revenue": 99})
        self.work(self.link)
        self.assertEqual(self.there("deals", deal, "dealstage", "amount")[1:], ("presentationscheduled", "99"))
        self.call("PATCH", f"objects/deals/{deal}", {"properties": {"dealstage": "closedwon"}})
        self.call("PATCH", f"objects/deals/{lost}", {"properties": {"dealstage": "closedlost"}})
        self.run_all()
        self.assertEqual(self.problems(), [])
        self.assertTrue(lead.stage_id.is_won)
        gone = self.record("crm_deals", lost)
        self.assertEqual((gone.active, gone.probability), (False, 0))

    # -- out -----------------------------------------------------------------------------------------------

    def test_out_with_a_lost_answer(self):
        """The answer to a create is lost, and the CRM is busy: each company and person is there once, linked."""
        self.shop.fault("cut_after", method="POST", path="/objects/companies$")
        self.shop.fault("rate_limit", method="POST", path="/objects/contacts$", retry_after=1, body={
            "status": "error", "category": "RATE_LIMITS", "policyName": "TEN_SECONDLY_ROLLING"})
        acme = self.env["res.partner"].create({"name": "Acme", "is_company": True, "website": "https://www.acme.example.com/x"})
        ann = self.env["res.partner"].create({
            "name": "Ann Lee", "email": "ann@acme.example.com", "parent_id": acme.id})
        for _ in range(4):
            self.work(self.link)
            for flow in self.flows.values():
                self.make_due(flow)
        self.work(self.link)
        self.assertEqual(self.problems(), [])
        company, person = self.key_of("crm_companies", acme), self.key_of("crm_contacts", ann)
        self.assertEqual(self.there("companies", company, "name", "domain", "odoo_id"),
                         (company, "Acme", "acme.example.com", str(acme.id)))
        self.assertEqual(self.there("contacts", person, "firstname", "lastname", "associatedcompanyid"),
                         (person, "Ann", "Lee", company))
        counts = self.shop.counts()
        self.assertEqual((counts["doubled"], counts["creates"]["crm.companies"]["total"]), ({}, 1))
        self.assertEqual(counts["faults"], {"cut_after": 1, "rate_limit": 1})

    def test_who_is_known_over_there_is_not_doubled(self):
        person = self.make("contacts", email="bob@example.com", firstname="Robert", phone="7")
        bob = self.env["res.partner"].create({"name": "Bob Ray", "email": "bob@example.com"})
        self.work(self.link)
        self.run_all()
        self.assertEqual(self.problems(), [])
        self.assertEqual(self.key_of("crm_contacts", bob), person)
        self.assertEqual((bob.phone, self.there("contacts", person, "lastname")[1]), ("7", "Ray"))

    def test_notes_both_ways(self):
        """An internal note of Odoo is there once, although the answer was lost; mails are not, nor are notes on what is
        only in Odoo; a note that was corrected over there is corrected here."""
        deal = self.make("deals", dealname="Lamps", dealstage="qualifiedtobuy")
        self.run_all()
        lead = self.record("crm_deals", deal)
        own = self.env["crm.lead"].create({"name": "Only in Odoo", "type": "opportunity"})
        self.shop.fault("cut_after", method="POST", path="/objects/notes$")
        note = lead.message_post(body="Called at noon.", message_type="comment", subtype_xmlid="mail.mt_note")
        lead.message_post(body="Dear customer", message_type="comment", subtype_xmlid="mail.mt_comment")
        left = own.message_post(body="Not theirs.", message_type="comment", subtype_xmlid="mail.mt_note")
        for _ in range(3):
            self.work(self.link)
            self.make_due(self.flows["crm_notes"])
        self.run_all()
        self.assertEqual(self.problems(), [])
        key = self.key_of("crm_notes", note)
        self.assertEqual(list(self.records(self.flows["crm_notes"])), [key])
        self.assertIn("Called at noon.", self.there("notes", key, "hs_note_body")[1])
        self.assertEqual(self.call("GET", f"objects/notes/{key}/associations/deals")["results"][0]["id"], deal)
        self.assertEqual(self.shop.counts()["creates"]["crm.notes"]["total"], 1)
        sync = self.env["integration.sync"].search([("flow_id", "=", self.flows["crm_notes"].id), ("res_id", "=", left.id)])
        self.assertEqual(sync.state, "excluded")
        self.call("PATCH", f"objects/notes/{key}", {"properties": {"hs_note_body": "<p>Called at one.</p>"}})
        self.run_all()
        self.assertIn("Called at one.", note.body)
        note.body = "<p>Called at two.</p>"
        self.work(self.link)
        self.assertIn("Called at two.", self.there("notes", key, "hs_note_body")[1])
        self.assertEqual(self.problems(), [])

    def test_leads_both_ways(self):
        """Each is there once on either side, although the answer to a create is lost; a label follows the later change."""
        person = self.make("contacts", email="ann@example.com", lastname="Lee")
        link = {"to": {"id": person}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 578}]}
        key = self.make("leads", [link], hs_lead_name="Wants lamps", hs_lead_label="WARM")
        self.run_all()
        ann, lead = self.record("crm_contacts", person), self.record("crm_leads", key)
        self.assertEqual((lead.type, lead.name, lead.partner_id, lead.priority), ("lead", "Wants lamps", ann, "2"))
        self.shop.fault("cut_after", method="POST", path="/objects/leads$")
        own = self.env["crm.lead"].create({"name": "Wants chairs", "type": "lead", "partner_id": ann.id, "priority": "3"})
        nobody = self.env["crm.lead"].create({"name": "By telephone", "type": "lead"})
        lead.priority = "3"
        for _ in range(3):
            self.work(self.link)
            self.make_due(self.flows["crm_leads"])
        self.run_all()
        self.assertEqual(self.problems(), [])
        there = self.key_of("crm_leads", own)
        self.assertEqual(self.there("leads", there, "hs_lead_name", "hs_lead_label"), (there, "Wants chairs", "HOT"))
        self.assertEqual(self.there("leads", key, "hs_lead_label"), (key, "HOT"))
        self.assertEqual(self.call("GET", f"objects/leads/{there}/associations/contacts")["results"][0]["id"], person)
        self.assertEqual(self.shop.counts()["creates"]["crm.leads"]["total"], 2)
        self.assertNotIn(nobody, self.records(self.flows["crm_leads"]).values())
        self.call("PATCH", f"objects/leads/{there}", {"properties": {"hs_lead_label": "COLD"}})
        self.run_all()
        self.assertEqual((own.priority, own.type), ("1", "lead"))
        self.assertEqual(len(self.records(self.flows["crm_leads"])), 2)

    def test_people_follow_their_company(self):
        """Moved to another company on either side, the company merged while both are linked, and deleted."""
        first, second, third = (self.make("companies", name=name) for name in ("Acme", "Bolt", "Cone"))
        person = self.make("contacts", email="ann@example.com", lastname="Lee", associatedcompanyid=first)
        self.run_all()
        ann = self.record("crm_contacts", person)
        acme, bolt, cone = (self.record("crm_companies", key) for key in (first, second, third))
        self.call("PATCH", f"objects/contacts/{person}", {"properties": {"associatedcompanyid": second}})
        self.run_all()
        self.assertEqual(ann.parent_id, bolt)
        self.shop.fault("server_error", method="PATCH", path=f"/objects/contacts/{person}")
        ann.parent_id = acme
        self.work(self.link)
        self.make_due(self.flows["crm_contacts"])
        self.work(self.link)
        self.assertEqual(self.there("contacts", person, "associatedcompanyid"), (person, first))
        self.call("POST", "objects/companies/merge", {"primaryObjectId": third, "objectIdToMerge": first})
        self.run_all()
        self.assertEqual(ann.parent_id, cone, "the one that has survived")
        self.assertEqual(self.states(self.flows["crm_companies"]), {first: "waiting", second: "synced", third: "synced"})
        deletion = self.env["integration.deletion"].search([("res_id", "=", acme.id), ("state", "=", "open")])
        self.press(deletion.action_approve)
        self.assertEqual((acme.active, cone.active, ann.active), (False, True, True))
        cone.phone = "77"
        self.work(self.link)
        self.assertEqual(self.there("companies", third, "phone"), (third, "77"))
        self.assertEqual(self.problems(), [])

    # -- merged --------------------------------------------------------------------------------------------

    def test_the_link_moves_to_the_survivor(self):
        """Only the merged one was linked. Its survivor is the same person; what Odoo sends goes there."""
        gone = self.make("contacts", email="ann@example.com", firstname="Ann", lastname="Lee")
        self.run_all()
        ann = self.record("crm_contacts", gone)
        kept = self.make("contacts", email="ann.lee@example.com", firstname="Ann", lastname="Lee", phone="5")
        self.call("POST", "objects/contacts/merge", {"primaryObjectId": kept, "objectIdToMerge": gone})
        self.run_all()
        self.assertEqual(self.problems(), [])
        self.assertEqual(self.records(self.flows["crm_contacts"]), {kept: ann})
        self.assertEqual((ann.email, ann.phone), ("ann.lee@example.com", "5"))
        self.assertEqual(self.states(self.flows["crm_contacts"]), {kept: "synced"})
        ann.phone = "6"
        self.work(self.link)
        self.assertEqual(self.there("contacts", kept, "phone"), (kept, "6"))

    def test_a_survivor_that_could_not_be_imported(self):
        """Its failed record is replaced by the one that was linked, which fails for the same reason until it is repaired."""
        gone = self.make("contacts", email="ann@example.com", firstname="Ann")
        kept = self.make("contacts", email="ann.lee@example.com", firstname="Ann", country="Nowhere")
        self.run_all()
        ann = self.record("crm_contacts", gone)
        self.assertEqual(self.states(self.flows["crm_contacts"]), {gone: "synced", kept: "failed"})
        self.call("POST", "objects/contacts/merge", {"primaryObjectId": kept, "objectIdToMerge": gone})
        self.run_all()
        self.assertEqual(self.states(self.flows["crm_contacts"]), {kept: "failed"})
        self.assertEqual(self.records(self.flows["crm_contacts"]), {kept: ann})
        self.call("PATCH", f"objects/contacts/{kept}", {"properties": {"country": "Germany"}})
        self.run_all()
        self.assertEqual(self.problems(), [])
        self.assertEqual((ann.email, ann.country_id.code), ("ann.lee@example.com", "DE"))

    def test_a_duplicate_waits_for_a_decision(self):
        """Both were linked: the other one's Odoo contact is a duplicate now, which somebody decides about."""
        kept, gone = (self.make("contacts", email=f"{name}@example.com", firstname=name, lastname="Lee") for name in "ab")
        self.run_all()
        one, two = self.record("crm_contacts", kept), self.record("crm_contacts", gone)
        self.call("POST", "objects/contacts/merge", {"primaryObjectId": kept, "objectIdToMerge": gone})
        self.run_all()
        self.assertEqual(self.states(self.flows["crm_contacts"]), {kept: "synced", gone: "waiting"})
        ended = self.syncs(self.flows["crm_contacts"])[gone]
        deletion = self.env["integration.deletion"].search([("sync_id", "=", ended.id)])
        self.press(deletion.action_approve)
        self.assertEqual((one.active, two.active), (True, False))
        self.run_all(full=True)
        self.assertEqual(self.states(self.flows["crm_contacts"]), {kept: "synced", gone: "excluded"})
