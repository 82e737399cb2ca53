"""The blueprint of the CRM's mailing list against the sandbox: both ways, and an unsubscription always wins.

Needs Email Marketing: ``./dev test apps``.
"""

from odoo.tests import tagged

from .common import FlowCase


@tagged("post_install", "-at_install")
class TestCrmMailing(FlowCase):
    def setUp(self):
        super().setUp()
        if "mailing.subscription" not in self.env:
            self.skipTest("Email Marketing is not installed")
        self.list = self.env["mailing.list"].search([("name", "=", "Newsletter")], limit=1)
        self.list.subscription_ids.unlink()
        self.flows = self.from_blueprint("crm_mailing", {
            "crm": {"base_url": self.shop.url, "auth_secret_input": self.shop.api_key}})
        self.flow = self.flows["crm_newsletter"]
        self.link = self.flow.connection_id

    def call(self, method, path, body=None):
        status, _headers, answer = self.shop.call(
            method, f"/{path}", body, {"Authorization": f"Bearer {self.shop.api_key}"})
        self.assertIn(status, (200, 201), answer)
        return answer

    def contact(self, email, **properties):
        return self.call("POST", "crm/v3/objects/contacts", {"properties": {
            "email": email, "hs_marketable_status": "true", **properties}})["id"]

    def click(self, email, **more):
        """What the person does with the link in a mail."""
        self.call("POST", "communication-preferences/sandbox/leave", {"email": email, "subscriptionId": 7, **more})

    def there(self, email):
        answer = self.call("GET", f"communication-preferences/v4/statuses/{email}")
        return answer["results"][0]["status"]

    def writes(self):
        return self.shop.counts()["writes"].get("crm.preferences", {}).get("update", 0)

    def subscribe(self, email, **vals):
        reader = self.env["mailing.contact"].create({"name": email, "email": email})
        subscription = self.env["mailing.subscription"].create({"contact_id": reader.id, "list_id": self.list.id, **vals})
        self.settle()
        return subscription

    def settle(self):
        for _ in range(3):
            self.work(self.link)
            self.make_due(self.flow)

    def sync(self, **more):
        self.run_flow(self.flow, **more)
        self.settle()

    def subscriptions(self):
        return {line.contact_id.email: line.opt_out for line in self.list.subscription_ids}

    def assertNoProblem(self):
        self.assertEqual([f"{sync.display_name}: {sync.state} {sync.error_message} {sync.error_detail or ''}"
                          for sync in self.env["integration.sync"].search([
                              ("connection_id", "=", self.link.id), ("state", "not in", ("synced", "excluded"))])], [])

    # -- in ------------------------------------------------------------------------------------------------

    def test_marketing_contacts_become_subscriptions(self):
        self.contact("ann@example.com", firstname="Ann", lastname="Lee")
        self.contact("bob@example.com", firstname="Bob")
        self.contact("private@example.com", hs_marketable_status="false")
        self.click("bob@example.com")
        self.sync()
        self.assertNoProblem()
        self.assertEqual(self.subscriptions(), {"ann@example.com": False, "bob@example.com": True})
        self.assertEqual(sorted(self.list.subscription_ids.contact_id.mapped("name")), ["Ann Lee", "Bob"])
        self.shop.clear_counts()
        self.sync(full=True)
        self.assertEqual(self.writes(), 0, "nothing is subscribed or unsubscribed by looking")

    def test_a_reader_who_is_there_is_not_doubled(self):
        known = self.subscribe("ann@example.com")
        self.contact("ann@example.com", firstname="Ann")
        self.sync()
        self.assertNoProblem()
        self.assertEqual(self.list.subscription_ids, known)
        self.assertEqual(self.env["mailing.contact"].search_count([("email", "=", "ann@example.com")]), 1)

    # -- out -----------------------------------------------------------------------------------------------

    def test_a_new_subscription_and_its_end_are_told(self):
        subscription = self.subscribe("ann@example.com")
        self.assertNoProblem()
        self.assertEqual(self.there("ann@example.com"), "SUBSCRIBED")
        subscription.opt_out = True
        self.settle()
        self.assertEqual(self.there("ann@example.com"), "UNSUBSCRIBED")
        self.assertNoProblem()

    # -- an unsubscription wins ----------------------------------------------------------------------------

    def test_an_unsubscription_there_wins(self):
        self.contact("ann@example.com")
        self.sync()
        self.click("ann@example.com")
        self.sync()
        self.assertEqual(self.subscriptions(), {"ann@example.com": True})
        self.shop.clear_counts()
        self.list.subscription_ids.opt_out = False
        self.settle()
        self.assertEqual(self.subscriptions(), {"ann@example.com": True}, "put back: the person has left")
        self.assertEqual((self.there("ann@example.com"), self.writes()), ("UNSUBSCRIBED", 0))
        self.assertNoProblem()

    def test_an_unsubscription_in_odoo_wins(self):
        self.contact("ann@example.com")
        self.sync()
        self.list.subscription_ids.opt_out = True
        self.settle()
        self.assertEqual(self.there("ann@example.com"), "UNSUBSCRIBED")
        self.click("ann@example.com", back=True)
        self.sync()
        self.assertEqual((self.subscriptions(), self.there("ann@example.com")), ({"ann@example.com": True}, "UNSUBSCRIBED"))
        self.assertNoProblem()

    def test_who_has_left_there_is_not_subscribed_from_here(self):
        """Somebody adds an address to the list in Odoo that has unsubscribed over there."""
        self.contact("ann@example.com")
        self.click("ann@example.com")
        self.subscribe("ann@example.com")
        self.assertEqual((self.subscriptions(), self.there("ann@example.com")), ({"ann@example.com": True}, "UNSUBSCRIBED"))
        self.assertEqual(self.writes(), 0)
        self.assertNoProblem()

    def test_both_unsubscribe_at_once_and_a_lost_answer(self):
        self.contact("ann@example.com")
        self.sync()
        self.click("ann@example.com")
        self.shop.fault("cut_after", method="POST", path="/statuses/batch/write")
        self.list.subscription_ids.opt_out = True
        self.settle()
        self.sync()
        self.assertEqual((self.subscriptions(), self.there("ann@example.com")), ({"ann@example.com": True}, "UNSUBSCRIBED"))
        self.assertNoProblem()
