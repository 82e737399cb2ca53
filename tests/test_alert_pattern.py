"""Business alerts against the sandbox's chat: told once, throttled, never the same twice, whatever goes wrong."""

from datetime import timedelta
from unittest.mock import patch

from odoo import Command, fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from odoo.addons.integration_flow.engine import notice_sending, noticing

from .alert_common import AlertCase


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
            died = False
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

    # -- the blueprint -------------------------------------------------------------------------------------

    def test_the_blueprint(self):
        """A large order, a quotation without an answer and a product that is gone, as the file tells them."""
        blueprint = self.env["integration.blueprint"]
        if blueprint._missing_apps(blueprint._shipped("alerts")):
            self.skipTest("Sales and Inventory are not installed")
        blueprint._apply_file("alerts")
        channels = self.env["integration.notice.channel"].search([("code", "in", ("chat_sales", "chat_operations"))])
        for channel in channels:
            channel.url_input = self.hook(channel.code)
        alerts = {alert.code: alert for alert in self.env["integration.notice.rule"].search([("code", "!=", False)])}
        for alert in alerts.values():
            self.assertEqual(alert.state, "off")
            alert.action_switch_on()
        seller = self.make_user("alert_blueprint_seller", "base.group_user")
        lamp = self.env["product.product"].create({"name": "Lamp", "is_storable": True, "list_price": 6000})
        location = self.env["stock.warehouse"].search([("company_id", "=", self.env.company.id)], limit=1).lot_stock_id
        self.env["stock.quant"]._update_available_quantity(lamp, location, 1)
        small, large, silent = self.env["sale.order"].create([{
            "partner_id": self.partner(name, ref=False).id, "user_id": seller.id,
            "order_line": [Command.create({"product_id": lamp.id, "product_uom_qty": count, "tax_ids": False})],
        } for name, count in (("Small Shop", 1), ("Large Shop", 2), ("Silent Shop", 1))])
        (small + large).action_confirm()
        silent.action_quotation_sent()
        silent.date_order = fields.Datetime.now() - timedelta(days=4)
        self.tell()
        self.assertEqual(set(self.notices(alerts["large_order"]).mapped("res_id")), {large.id})
        self.assertEqual(len(self.posted()), 2, "one in each chat")
        self.assertRegex(self.headings()[0], r"^Large Shop ordered for .*12,000\.00")
        self.env["stock.quant"]._update_available_quantity(lamp, location, -1)
        self.time_passes(hours=2)
        self.tell()
        self.assertIn(silent.partner_id.name, silent.activity_ids.filtered(lambda a: a.user_id == seller).summary)
        self.assertIn("Out of stock: Lamp", self.headings())
        self.time_passes(hours=73)
        self.tell()
        self.assertEqual(self.notices(alerts["silent_quotation"], level="1").mapped("state"), ["sent"])
        self.assertIn("No answer from Silent Shop", self.headings())
