"""Business alerts against the sandbox's chat: told once, throttled, never the same twice, whatever goes wrong."""

import json
import os
from datetime import timedelta
from unittest.mock import patch

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from odoo.addons.integration_flow.engine import notice_sending, noticing
from odoo.addons.integration_flow.sandbox.chat import TOKEN

from .common import FlowCase

PRIVATE = "integration_flow.announce_private"


class AlertCase(FlowCase):
    def setUp(self):
        super().setUp()
        self.env["ir.config_parameter"].sudo().set_param(PRIVATE, "True")
        self.channel = self.chat()

    def hook(self, hook="general", token=TOKEN):
        return f"{self.shop.url}/chat/services/T1/{hook}/{token}"

    def chat(self, url=None, **vals):
        return self.env["integration.notice.channel"].create({
            "name": "#sales", "kind": "chat", "url_input": url or self.hook(), "timeout": 2, **vals})

    def alert(self, *, on=True, **vals):
        rule = self.env["integration.notice.rule"].create({
            "name": "VIP", "model_id": self.env["ir.model"]._get_id("res.partner"),
            "domain": "[('ref', '=', 'VIP')]", "title": "{record} is a VIP", "body": "E-mail: {Email}\nPhone: {phone}\n{link}",
            "channel_ids": [Command.set(self.channel.ids)], **vals})
        if on:
            rule.action_switch_on()
        return rule

    def partner(self, name="Ann", ref="VIP", **vals):
        return self.env["res.partner"].create({"name": name, "ref": ref, **vals})

    def tell(self):
        """Let the scheduled action do all that is due."""
        self.env.cr.flush()
        with self.enter_registry_test_mode():
            problem = self.env.ref("integration_flow.ir_cron_notices").sudo().method_direct_trigger()
        self.env.invalidate_all()
        self.assertIs(problem, True, "the scheduled action itself never fails")

    def press(self, records, button):
        """A button that sends at once, in transactions of the engine's own."""
        self.env.flush_all()
        with self.enter_registry_test_mode():
            return getattr(records, button)()

    def posted(self):
        _status, _headers, answer = self.shop.call(
            "GET", "/chat/messages", headers={"X-Control-Key": self.shop.control_key})
        return [message["body"] for message in answer["messages"]]

    def headings(self):
        return [body["blocks"][0]["text"]["text"] for body in self.posted()]

    def notices(self, rule=None, **values):
        found = self.env["integration.notice"].search([("rule_id", "=", rule.id)] if rule else [], order="id")
        return found.filtered(lambda notice: all(notice[name] == value for name, value in values.items()))

    def time_passes(self, **age):
        """Everything is older by ``age``."""
        self.env.flush_all()
        for table, columns in (
                ("integration_notice", ("next_attempt_at", "left_at", "create_date")),
                ("integration_notice_channel", ("retry_at",)), ("integration_notice_rule", ("next_look_at",)),
                ("integration_notice_record", ("since",))):
            for column in columns:
                self.env.cr.execute(f"UPDATE {table} SET {column} = {column} - %s", [timedelta(**age)])
        self.env.invalidate_all()


@tagged("post_install", "-at_install")
class TestBusinessAlerts(AlertCase):

    # -- what is told --------------------------------------------------------------------------------------

    def test_a_record_comes_into_the_filter(self):
        known = self.partner("Known")
        rule = self.alert()
        ann, bob = self.partner("Ann <b>", email="ann@example.com"), self.partner("Bob", ref="plain")
        self.tell()
        self.assertEqual(self.headings(), ["Ann <b> is a VIP"])
        body = self.posted()[0]
        self.assertIn("Ann &lt;b&gt; is a VIP", body["text"])
        section = body["blocks"][1]["text"]["text"]
        self.assertIn("E-mail: ann@example.com", section)
        self.assertNotIn("Phone", section, "a line of which all fields are empty is left out")
        self.assertIn(f"/mail/view?model=res.partner&amp;res_id={ann.id}", section)
        self.assertIn(f"/mail/view?model=res.partner&res_id={ann.id}|", body["blocks"][2]["elements"][0]["text"])
        # Neither another write of it, nor one of what was there before, nor leaving and coming back is news.
        (ann + known).write({"city": "Brussels"})
        ann.ref = "x"
        ann.ref = "VIP"
        self.tell()
        ann.ref = "x"
        self.tell()
        (ann + bob).ref = "VIP"
        self.tell()
        self.assertEqual(self.headings(), ["Ann <b> is a VIP", "Bob is a VIP"])
        self.assertEqual(rule.inside_count, 3)
        self.assertEqual(set(self.notices(rule).mapped("state")), {"sent"})

    def test_each_time_it_comes_back(self):
        self.alert(repeat="back")
        ann = self.partner()
        self.tell()
        ann.ref = "x"
        self.tell()
        ann.ref = "VIP"
        self.tell()
        ann.active = False
        self.tell()
        ann.active = True
        self.tell()
        self.assertEqual(len(self.headings()), 3)

    def test_a_rollback_tells_nothing(self):
        self.alert()
        try:
            with self.env.cr.savepoint():
                self.partner()
                self.env.flush_all()
                raise ZeroDivisionError
        except ZeroDivisionError:
            pass
        self.tell()
        self.assertEqual(self.posted(), [])

    def test_by_a_path_and_by_lines_of_others(self):
        self.alert(domain="[('parent_id.ref', '=', 'VIP')]", title="{record}: {parent_id.name}")
        company = self.partner("Big", ref="x", is_company=True)
        child = self.partner("Eve", ref=False, parent_id=company.id)
        self.tell()
        self.assertEqual(self.posted(), [])
        company.ref = "VIP"
        self.tell()
        self.assertEqual(self.headings(), [f"{child.display_name}: Big"])

    def test_time_passes(self):
        rule = self.alert(
            trigger="time", domain="[('ref', '=', 'VIP'), ('create_date', '<', '-2H')]", look_minutes=15, repeat="back")
        lead = self.partner("Lead")
        self.tell()
        self.env.cr.execute("UPDATE res_partner SET create_date = create_date - interval '3 hours' WHERE id = %s", [lead.id])
        self.tell()
        self.assertEqual(self.posted(), [], "the next look is in a quarter of an hour")
        for _ in range(2):
            self.time_passes(minutes=16)
            self.tell()
        self.assertEqual(self.headings(), ["Lead is a VIP"])
        self.assertGreater(rule.next_look_at, fields.Datetime.now())
        lead.ref = "answered"
        rule.action_look_now()
        self.tell()
        self.assertEqual(rule.inside_count, 0)

    def test_switching_on_changes_nothing_for_what_is_there(self):
        rule = self.alert(on=False)
        self.partner("Before")
        rule.action_switch_on()
        self.tell()
        rule.domain = "[('ref', 'in', ('VIP', 'old'))]"
        self.partner("After", ref="old")
        self.tell()
        rule.action_switch_off()
        self.partner("Off")
        self.tell()
        self.assertEqual(self.headings(), ["After is a VIP"])

    # -- faults --------------------------------------------------------------------------------------------

    def test_too_many_calls(self):
        rule = self.alert()
        self.shop.fault("rate_limit", path="/chat/", retry_after=30)
        self.partner()
        self.tell()
        notice = self.notices(rule)
        self.assertEqual((notice.state, notice.last_status, notice.attempts), ("waiting", 429, 0))
        self.assertGreaterEqual(notice.next_attempt_at, fields.Datetime.now() + timedelta(seconds=28))
        self.tell()
        self.assertEqual(self.posted(), [], "not before the chat said so")
        self.time_passes(seconds=40)
        self.tell()
        self.assertEqual((len(self.posted()), notice.state, self.channel.state), (1, "sent", "working"))

    def test_refused_for_now_is_tried_again(self):
        rule = self.alert()
        self.shop.fault("server_error", path="/chat/", times=2)
        self.partner()
        for _ in range(2):
            self.tell()
            self.assertEqual((self.notices(rule).state, self.channel.state), ("waiting", "failing"))
            self.time_passes(hours=1)
        self.tell()
        self.assertEqual((len(self.posted()), self.notices(rule).state, self.channel.state), (1, "sent", "working"))

    def test_a_lost_answer_is_not_sent_twice(self):
        rule = self.alert()
        self.shop.fault("cut_after", path="/chat/")
        self.partner()
        self.tell()
        notice = self.notices(rule)
        self.assertEqual((notice.state, len(self.posted())), ("doubtful", 1))
        self.assertEqual(self.channel.activity_ids.user_id, self.env.user)
        self.time_passes(days=1)
        self.tell()
        self.assertEqual(len(self.posted()), 1, "a chat could not tell a repeat from a new message")
        notice.action_mark_seen()
        self.assertEqual(notice.state, "sent")

    def test_a_person_sends_what_was_lost(self):
        rule = self.alert()
        self.shop.fault("cut_before", path="/chat/")
        self.partner()
        self.tell()
        self.assertEqual((self.notices(rule).state, self.posted()), ("doubtful", []))
        result = self.press(self.notices(rule), "action_retry")
        self.assertEqual(result["params"]["type"], "success")
        self.assertEqual(len(self.posted()), 1)

    def test_rather_twice_than_never(self):
        self.channel.when_lost = "again"
        rule = self.alert()
        self.shop.fault("cut_after", path="/chat/")
        self.partner()
        self.tell()
        self.assertEqual(self.notices(rule).state, "waiting")
        self.time_passes(hours=1)
        self.tell()
        self.assertEqual((self.notices(rule).state, len(self.posted())), ("sent", 2))

    def test_the_webhook_is_gone(self):
        channel = self.chat(self.hook(token="gone"), name="#gone")
        rule = self.alert(channel_ids=[Command.set((channel + self.channel).ids)])
        self.partner("Ann")
        self.tell()
        self.assertEqual(len(self.posted()), 1, "the other channel has it")
        self.assertEqual((channel.state, channel.failed_count, channel.waiting_count), ("stopped", 0, 1))
        self.assertIn("no_service", channel.stop_reason)
        self.assertEqual(len(channel.activity_ids), 1)
        self.partner("Bob")
        self.tell()
        self.assertEqual(self.notices(rule, channel_id=channel).mapped("attempts"), [1, 0], "nobody calls a stopped channel")
        channel.url_input = self.hook("new")
        self.tell()
        self.assertEqual(set(self.notices(rule).mapped("state")), {"sent"})
        self.assertEqual(len(self.posted()), 4)

    def test_a_payload_that_is_refused(self):
        rule = self.alert()
        self.shop.fault("status", path="/chat/", status=400, body="invalid_payload")
        self.partner()
        self.tell()
        notice = self.notices(rule)
        self.assertEqual(notice.state, "failed")
        self.assertIn("invalid_payload", notice.error_message)
        self.press(notice, "action_retry")
        self.assertEqual((self.notices(rule).state, len(self.posted())), ("sent", 1))
        with self.assertRaises(UserError):
            notice.action_retry()

    def test_killed_between_mark_and_record(self):
        """What the database holds when the process dies after the call: the message is marked, and nobody is at it."""
        rule = self.alert()
        self.partner()

        self.env.cr.flush()
        with self.enter_registry_test_mode(), patch.object(notice_sending.Sender, "_settle", side_effect=SystemExit):
            try:  # not assertRaises, which would roll back
                with self.env.registry.cursor() as cr:
                    notice_sending.run(self.env(cr=cr))
            except SystemExit:
                died = True
        self.assertTrue(died)
        self.env.invalidate_all()
        self.assertEqual((self.notices(rule).state, len(self.posted())), ("sending", 1))
        self.tell()
        self.assertEqual((self.notices(rule).state, len(self.posted())), ("doubtful", 1))

    def test_the_database_refuses_the_same_twice(self):
        rule = self.alert()
        self.partner()
        self.tell()
        notice = self.notices(rule)
        # As if what is known of the record had been lost: restored from an older backup, written by another worker.
        self.env.cr.execute("DELETE FROM integration_notice_record WHERE rule_id = %s", [rule.id])
        noticing.note(self.env, rule.id, {notice.res_id}, {notice.res_id})
        self.tell()
        self.assertEqual((self.notices(rule), len(self.posted())), (notice, 1))

    # -- throttle ------------------------------------------------------------------------------------------

    def test_at_most_so_many_then_one_summary(self):
        rule = self.alert(limit_count=3, limit_minutes=15)
        for number in range(40):
            self.partner(f"P{number:02}")
        self.tell()
        self.assertEqual(self.headings(), ["P00 is a VIP", "P01 is a VIP", "P02 is a VIP"])
        self.assertEqual(len(self.notices(rule, state="held")), 37)
        self.partner("Late")
        self.tell()
        self.assertEqual(len(self.posted()), 3)
        self.time_passes(minutes=16)
        self.tell()
        self.tell()
        self.assertEqual(len(self.posted()), 4)
        summary = self.posted()[3]
        self.assertEqual(summary["blocks"][0]["text"]["text"], "VIP: 38 more")
        self.assertEqual(summary["blocks"][1]["text"]["text"], "P03, P04, P05, P06, P07 and 33 more")
        self.assertEqual(len(self.notices(rule, state="folded")), 38)
        self.assertEqual(len(self.notices(rule, state="sent").folded_ids), 38)

    # -- other channels ------------------------------------------------------------------------------------

    def test_mail_activity_and_discuss(self):
        seller = self.make_user("alert_seller", "base.group_user", email="seller@example.com")
        room = self.env["discuss.channel"].create({"name": "Sales", "channel_type": "channel"})
        channels = self.env["integration.notice.channel"].create([
            {"name": "Mail", "kind": "mail", "user_path": "user_id", "user_id": self.env.user.id, "email_to": "boss@example.com"},
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

    def test_escalation(self):
        boss = self.chat(self.hook("boss"), name="#boss")
        rule = self.alert(escalate_hours=4, escalate_channel_ids=[Command.set(boss.ids)])
        ann, bob = self.partner("Ann"), self.partner("Bob")
        self.tell()
        self.time_passes(hours=5)
        bob.ref = "answered"
        for _ in range(2):
            self.tell()
        told = self.notices(rule, level="1")
        self.assertEqual((told.res_id, told.channel_id, told.state), (ann.id, boss, "sent"))
        self.assertEqual(len(self.posted()), 3)

    def test_issues(self):
        rule = self.alert(
            model_id=self.env["ir.model"]._get_id("integration.issue"), domain="[('state', '=', 'open')]",
            title="{Flow}: {What Happened}", body="{What to Do}", repeat="back")
        flow = self.customer_flow()
        self.put_customers({"id": 1, "first_name": None, "email": "ann@example.com"})
        self.run_flow(flow)
        self.tell()
        self.assertEqual(len(self.posted()), 1)
        self.assertIn(flow.name, self.headings()[0])
        self.put_customers({"id": 1, "first_name": "Ann", "email": "ann@example.com"})
        self.run_flow(flow, full=True)
        self.tell()
        self.assertEqual((rule.inside_count, len(self.posted())), (0, 1))

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
                ({"title": "{nothing}"}, "no field {nothing}"), ({"body": "{record"}, ""), ({"domain": "[('nope', '=', 1)]"}, "nope"),
                ({"domain": "[('self', '!=', False)]"}, "Every Few Minutes"), ({"body": "{image_128}"}, "cannot stand")):
            with self.subTest(values), self.assertRaisesRegex(ValidationError, words), self.env.cr.savepoint():
                self.alert(**values)
        with self.assertRaises(UserError):
            self.alert(channel_ids=[])
