"""Subscribers: who may do what, secrets that are never read back, addresses that are refused, copies of a database."""

from pathlib import Path
from unittest.mock import patch

from lxml import etree

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from odoo.addons.integration_flow.transport import webhooks

from .announce_common import PRIVATE, AnnounceCase

SECRET = "whsec_" + "B" * 32


@tagged("post_install", "-at_install")
class TestSubscriber(AnnounceCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.users = {name: cls.make_user(f"announce_{name}", f"integration_flow.group_integration_{name}")
                     for name in ("user", "manager", "secrets")}
        cls.users["outsider"] = cls.make_user("announce_outsider")

    def as_user(self, name, record):
        return record.with_user(self.users[name])

    # -- rights --------------------------------------------------------------------------------------------

    def test_each_group(self):
        flow = self.announcing_flow()
        subscriber = self.subscriber(self.receiver())
        self.some_events(flow)
        [delivery] = self.deliveries(subscriber)
        self.deliver()
        for name in ("user", "manager", "secrets", "outsider"):
            with self.subTest(group=name):
                member = name != "outsider"
                for record in (subscriber, delivery, delivery.event_id):
                    mine = self.as_user(name, record)
                    self.assertEqual(mine.has_access("read"), member)
                    if record == subscriber:
                        self.assertEqual(mine.has_access("write"), name in ("manager", "secrets"))
                    else:
                        self.assertFalse(mine.has_access("write") or mine.has_access("unlink") or mine.has_access("create"))

    def test_users_see_states_and_no_content(self):
        flow = self.announcing_flow()
        subscriber = self.subscriber(self.receiver())
        self.some_events(flow)
        self.deliver()
        delivery = self.deliveries(subscriber)
        self.assertEqual(self.as_user("user", delivery).read(["state"])[0]["state"], "delivered")
        for record, names in ((subscriber, ("url", "secret_input", "extra_headers", "secret", "previous_secret")),
                              (delivery, ("body", "request_headers", "response_body")), (delivery.event_id, ("body",))):
            for name in names:
                with self.subTest(field=name), self.assertRaises(AccessError):
                    self.as_user("user", record).read([name])
        self.assertIn("contacts.created", self.as_user("manager", delivery).read(["body"])[0]["body"])

    def test_users_do_not_manage(self):
        subscriber = self.subscriber()
        mine = self.as_user("user", subscriber)
        for button in (mine.action_test, mine.action_disable, mine.action_resume, mine.action_recover,
                       mine.action_show_secret, mine.action_rotate_secret):
            with self.subTest(button=button.__name__), self.assertRaises(AccessError):
                button()

    def test_a_manager_sets_up_and_does_not_redirect(self):
        made = self.env["integration.subscriber"].with_user(self.users["manager"]).create({
            "name": "Mine", "url": "https://receiver.example.com/a"})
        made.write({"name": "Still mine", "url": made.url, "event_types": "a.*", "timeout": 5})
        for vals in ({"url": "https://elsewhere.example.com/"}, {"secret_input": SECRET}, {"extra_headers": "X: y"},
                     {"company_id": False}):
            with self.subTest(vals=vals), self.assertRaises(AccessError):
                made.write(vals)
        for vals in ({"company_id": False}, {"secret_input": SECRET}, {"extra_headers": "X: y"}):
            with self.subTest(create=vals), self.assertRaises(AccessError):
                made.create({"name": "Other", "url": "https://receiver.example.com/a", **vals})
        self.assertTrue(made.address_locked)
        self.as_user("secrets", made).write({"url": "https://elsewhere.example.com/", "company_id": False})
        self.assertEqual(made.url, "https://elsewhere.example.com/")

    def test_companies(self):
        company = self.env["res.company"].create({"name": "Second Company"})
        mine, shared = self.subscriber(), self.subscriber(company_id=False)
        foreign = self.subscriber(company_id=company.id)
        seen = self.env["integration.subscriber"].with_user(self.users["manager"]).search([
            ("id", "in", (mine + shared + foreign).ids)])
        self.assertEqual(seen, mine + shared)
        self.env.user.company_ids += company
        self.connection.company_id = False
        flow = self.announcing_flow(company_id=company.id)
        self.some_events(flow)
        self.assertEqual(len(self.deliveries(shared)), 1)
        self.assertFalse(self.deliveries(mine))
        delivery = self.deliveries(foreign)
        self.assertTrue(delivery)
        for model, ids in (("integration.delivery", delivery.ids), ("integration.event", delivery.event_id.ids)):
            self.assertFalse(self.env[model].with_user(self.users["manager"]).search([("id", "in", ids)]))

    # -- secrets -------------------------------------------------------------------------------------------

    def test_a_secret_is_made_and_shown_once(self):
        subscriber = self.subscriber()
        secret = self.secret_of(subscriber)
        self.assertTrue(webhooks.is_secret(secret))
        self.assertNotEqual(secret, self.secret_of(self.subscriber()))
        mine = self.as_user("secrets", subscriber)
        self.assertIn("not shown yet", mine.secret_status)
        with self.assertRaises(AccessError):
            self.as_user("manager", subscriber).action_show_secret()
        self.assertEqual(mine.action_show_secret()["params"]["message"], secret)
        with self.refuses(UserError, "Rotate Secret"):
            mine.action_show_secret()
        self.assertEqual(mine.secret_status, "Set")
        self.assertIn("was shown to", subscriber.message_ids[0].body)

    def test_it_cannot_be_read(self):
        subscriber = self.subscriber(secret_input=SECRET)
        self.assertEqual(self.secret_of(subscriber), SECRET)
        mine = self.as_user("secrets", subscriber)
        self.assertFalse(mine.secret_input)
        self.assertFalse(mine.read(["secret_input"])[0]["secret_input"])
        for name in ("secret", "previous_secret"):
            with self.assertRaises(AccessError):
                mine.read([name])
            with self.assertRaises(AccessError):
                mine.search([(name, "=like", "whsec%")])
        self.assertNotIn(SECRET, str(subscriber.export_data(["name", "secret_status", "secret_input", "url"])))
        with self.refuses(UserError, "shown already"):
            mine.action_show_secret()
        copy = subscriber.copy({"name": "Copy"})
        self.assertNotEqual(self.secret_of(copy), SECRET)

    def test_no_secret_in_the_history(self):
        subscriber = self.subscriber()
        first = self.secret_of(subscriber)
        subscriber.action_rotate_secret()
        texts = str(subscriber.message_ids.mapped("body")) + str(self.env["mail.tracking.value"].search([]).mapped(
            lambda value: (value.old_value_char, value.new_value_char)))
        self.assertNotIn(first, texts)
        self.assertNotIn(self.secret_of(subscriber), texts)

    def test_secrets_that_are_none(self):
        for value in ("hunter2", "whsec_short", "whsec_" + "é" * 40):
            with self.subTest(value=value), self.refuses(ValidationError, "whsec_"):
                self.subscriber(secret_input=value)

    def test_rotation_without_overlap(self):
        subscriber = self.subscriber(rotation_hours=0)
        subscriber.action_rotate_secret()
        self.assertEqual(subscriber._secrets(), [self.secret_of(subscriber)])
        self.assertFalse(subscriber.previous_secret_until)

    # -- addresses and patterns ----------------------------------------------------------------------------

    def test_addresses_that_are_refused(self):
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.set_param(PRIVATE, "False")
        for url, text in (
                ("http://127.0.0.1:8069/", "private network"), ("http://[::1]/", "private network"),
                ("http://169.254.169.254/latest/meta-data/", "private network"), ("http://2130706433/", "usual IP address"),
                ("http://0x7f.1/", "usual IP address"), ("ftp://example.com/", "https://"),
                ("https://ada:pw@example.com/", "user or password"), ("https://", "names no system")):
            with self.subTest(url=url), self.refuses(ValidationError, text):
                self.subscriber(url=url)
        self.subscriber(url="https://example.com:8443/hook?team=7")
        parameters.set_param(PRIVATE, "True")
        self.subscriber(url="http://127.0.0.1:8069/")
        with self.refuses(ValidationError, "usual IP address"):
            self.subscriber(url="http://2130706433/")

    def test_patterns_that_are_refused(self):
        with self.refuses(ValidationError, "orders.(a)"):
            self.subscriber(event_types="contacts.*, orders.(a)")

    def test_a_flow_of_another_company_would_never_tell(self):
        company = self.env["res.company"].create({"name": "Second Company"})
        with self.refuses(ValidationError, "Second Company"):
            self.subscriber(company_id=company.id, flow_ids=self.announcing_flow().ids)

    def test_headers_that_are_refused(self):
        with self.refuses(ValidationError, "Name: value"):
            self.subscriber(extra_headers="X-Team blue")

    def test_who_may_allow_private_addresses(self):
        self.env["ir.config_parameter"].sudo().set_param(PRIVATE, "False")
        admin = self.make_user("announce_admin", "base.group_system,integration_flow.group_integration_manager")
        settings = self.env["res.config.settings"].with_user(admin).create({})
        settings.execute()  # other settings can still be saved
        with self.refuses(AccessError, "technical administrator"):
            self.env["res.config.settings"].with_user(admin).create({"integration_announce_private": True}).execute()
        admin.write({"group_ids": [(4, self.env.ref("integration_flow.group_integration_secrets").id)]})
        self.env["res.config.settings"].with_user(admin).create({"integration_announce_private": True}).execute()
        self.assertTrue(self.env["integration.subscriber"]._private_allowed())
        self.assertTrue(self.env["res.config.settings"].with_user(admin).create({}).integration_announce_private)

    # -- copies of a database ------------------------------------------------------------------------------

    def test_neutralised(self):
        receiver = self.receiver()
        flow = self.announcing_flow()
        subscriber = self.subscriber(receiver, extra_headers="X-Api-Key: hunter2hunter2")
        subscriber.action_rotate_secret()
        self.some_events(flow)
        self.env.flush_all()
        script = Path(__file__).parent.parent / "data" / "neutralize.sql"
        self.env.cr.execute(script.read_text())
        self.env.invalidate_all()
        self.env.cr.execute("SELECT row_to_json(s)::text FROM integration_subscriber s WHERE id = %s", [subscriber.id])
        stored = self.env.cr.fetchone()[0]
        for word in ("whsec_", "hunter2", "127.0.0.1"):
            self.assertNotIn(word, stored)
        self.assertEqual(subscriber.state, "disabled")
        self.deliver()
        self.assertEqual(receiver.calls, [])
        with self.refuses(UserError, "has no secret"):
            subscriber.action_resume()

    def test_uninstalling_leaves_no_work(self):
        """Its scheduled action belongs to the module's data, so that it goes with it."""
        cron = self.env.ref("integration_flow.ir_cron_announce")
        self.assertEqual(cron.model_id.model, "integration.delivery")
        with patch("odoo.addons.integration_flow.engine.announcing.CRON", "integration_flow.gone"):
            flow = self.announcing_flow()
            subscriber = self.subscriber()
            self.some_events(flow)  # a scheduled action that somebody deleted stops no flow
        self.assertEqual(len(self.deliveries(subscriber)), 1)

    def test_the_settings_stand_on_the_one_page_of_integrations(self):
        arch = etree.fromstring(self.env["res.config.settings"].get_view(view_type="form")["arch"])
        self.assertEqual(len(arch.xpath("//app[@name='integration_flow']")), 1)
        self.assertTrue(arch.xpath("//app[@name='integration_flow']//field[@name='integration_announce_private']"))
        settings = self.env["res.config.settings"].with_user(self.users["manager"])
        self.assertFalse(settings.has_access("write"), "settings are for administrators of Odoo")
