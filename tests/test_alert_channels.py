"""Channels of business alerts: e-mail, activities, Discuss, the bodies of chats; tests by button, secrets and rights."""

import json
import os
from unittest.mock import patch

from odoo import Command
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from odoo.addons.integration_flow.sandbox.chat import TOKEN

from .alert_common import PRIVATE, AlertCase


@tagged("post_install", "-at_install")
class TestAlertChannels(AlertCase):

    # -- kinds ------------------------------------------------------------------------------------

    def test_mail_activity_and_discuss(self):
        seller = self.make_user("alert_seller", "base.group_user", email="seller@example.com")
        room = self.env["discuss.channel"].create({"name": "Sales", "channel_type": "channel"})
        channels = self.env["integration.notice.channel"].create([
            {"name": "Mail", "kind": "mail", "user_path": "user_id", "user_id": self.env.user.id,
             "email_to": "boss@example.com"},
            {"name": "Activity", "kind": "activity", "user_path": "user_id", "user_id": self.env.user.id},
            {"name": "Room", "kind": "discuss", "discuss_channel_id": room.id}])
        rule = self.alert(channel_ids=[Command.set(channels.ids)])
        ann = self.partner("Ann & Co", user_id=seller.id)
        self.tell()
        self.assertEqual(set(self.notices(rule).mapped("state")), {"sent"})
        mail = self.env["mail.mail"].search([("subject", "=", "Ann & Co is a VIP")])
        self.assertEqual((len(mail), mail.recipient_ids, mail.email_to), (1, seller.partner_id, "boss@example.com"))
        self.assertIn(f"res_id={ann.id}", mail.body_html)
        self.assertEqual((ann.activity_ids.user_id, ann.activity_ids.summary), (seller, "Ann & Co is a VIP"))
        self.assertIn("Ann &amp; Co is a VIP", room.message_ids[0].body)
        nobody = self.env["integration.notice.channel"].create({"name": "Path", "kind": "activity", "user_path": "user_id"})
        rule.channel_ids = nobody
        self.partner("Bob")
        self.tell()
        notice = self.notices(rule, channel_id=nobody)
        self.assertEqual(notice.state, "failed")
        self.assertIn("nobody to tell", notice.error_message)

    def test_markdown_and_teams(self):
        self.channel.style = "markdown"
        teams = self.chat(f"{self.shop.url}/chat/workflows/{TOKEN}", name="Teams", style="teams")
        rule = self.alert(channel_ids=[Command.set((self.channel + teams).ids)])
        self.partner("A*b")
        self.tell()
        self.assertEqual(set(self.notices(rule).mapped("state")), {"sent"})
        text, card = self.posted()
        self.assertTrue(text["text"].startswith("**A\\*b is a VIP**"), text)
        content = card["attachments"][0]["content"]
        self.assertEqual(content["body"][0]["text"], "A\\*b is a VIP")
        self.assertIn("/mail/view?model=res.partner", content["actions"][0]["url"])

    # -- tests, secrets, rights ----------------------------------------------------------------------------

    def test_send_me_a_test(self):
        mine = self.env["integration.notice.channel"].create({"name": "Mail", "kind": "mail", "email_to": "all@example.com"})
        rule = self.alert(on=False, channel_ids=[Command.set((self.channel + mine).ids)])
        self.env.user.email = "me@example.com"
        self.partner("Ann", email="ann@example.com")
        self.assertIn("Ann is a VIP\nE-mail: ann@example.com", rule.preview)
        for _ in range(2):
            self.assertEqual(self.press(rule, "action_test")["params"]["type"], "success")
        self.assertEqual(self.headings(), ["Test: Ann is a VIP"] * 2)
        mail = self.env["mail.mail"].search([("subject", "=", "Test: Ann is a VIP")])
        self.assertEqual((set(mail.mapped("email_to")) - {False, ""}, mail.recipient_ids), (set(), self.env.user.partner_id))
        self.assertEqual(self.press(self.channel, "action_test")["params"]["type"], "success")
        gone = self.chat(self.hook(token="gone"), name="#gone")
        result = self.press(gone, "action_test")
        self.assertEqual((result["params"]["type"], gone.state), ("danger", "working"))
        self.assertIn("no_service", result["params"]["message"])

    def test_the_address_is_secret(self):
        manager = self.make_user("alert_manager", "integration_flow.group_integration_manager")
        user = self.make_user("alert_user", "integration_flow.group_integration_user")
        secrets = self.make_user("alert_secrets", "integration_flow.group_integration_secrets")
        self.channel.url_input = self.hook(token="s3cr3t-t0ken")
        rule = self.alert()
        self.partner()
        self.tell()
        self.assertFalse(self.channel.url_input)
        self.assertEqual(self.channel.url_status, "Set")
        self.env.cr.execute("SELECT to_jsonb(n)::text FROM integration_notice n")
        stored = json.dumps(self.env.cr.fetchall()) + str(self.channel.message_ids.mapped("body")) + \
            str(self.channel.with_user(secrets).read()) + str(self.channel.activity_ids.mapped("note"))
        self.assertNotIn("s3cr3t-t0ken", stored)
        with self.assertRaises(AccessError):
            self.channel.with_user(manager).url_input = "https://example.com/other"
        with self.assertRaises(AccessError):
            self.channel.with_user(manager).read(["url"])
        with self.assertRaises(AccessError):
            self.channel.with_user(user).name = "x"
        with self.assertRaises(AccessError):
            self.notices(rule).with_user(user).read(["body"])
        with patch.dict(os.environ, {"ALERT_HOOK": self.hook()}):
            self.channel.url_input = "env:ALERT_HOOK"
            self.tell()
        self.assertEqual(len(self.posted()), 1)
        self.env["ir.config_parameter"].sudo().set_param(PRIVATE, "False")
        with self.assertRaises(ValidationError):
            self.channel.url_input = self.hook()

    def test_an_alert_sees_what_its_user_sees(self):
        manager = self.make_user(
            "alert_manager", "integration_flow.group_integration_manager,base.group_partner_manager")
        alert = self.env["integration.notice.rule"].with_user(manager)
        self.env["ir.rule"].create({
            "name": "own", "model_id": self.env["ir.model"]._get_id("res.partner"),
            "groups": [Command.set(self.env.ref("integration_flow.group_integration_manager").ids)],
            "domain_force": "[('function', '!=', 'hidden')]"})
        rule = self.alert(user_id=manager.id)
        self.partner("Seen")
        self.partner("Hidden", function="hidden")
        self.tell()
        self.assertEqual([notice.record_name for notice in self.notices(rule)], ["Seen"])
        foreign = self.alert(name="Other", on=False)
        with self.assertRaises(AccessError):
            foreign.with_user(manager).body = "{email}"
        with self.assertRaises(AccessError):
            alert.create({"name": "x", "model_id": self.env["ir.model"]._get_id("res.partner"), "user_id": self.env.user.id})
        with self.assertRaises(AccessError):
            alert.create({"name": "x", "model_id": self.env["ir.model"]._get_id("res.users"), "title": "{record}"})

    def test_mistakes_are_told_when_saving(self):
        for values, words in (
                ({"title": "{nothing}"}, "no field {nothing}"), ({"body": "{record"}, ""),
                ({"domain": "[('nope', '=', 1)]"}, "nope"),
                ({"domain": "[('self', '!=', False)]"}, "Every Few Minutes"), ({"body": "{image_128}"}, "cannot stand")):
            with self.subTest(values), self.assertRaisesRegex(ValidationError, words), self.env.cr.savepoint():
                self.alert(**values)
        with self.assertRaises(UserError):
            self.alert(channel_ids=[])
