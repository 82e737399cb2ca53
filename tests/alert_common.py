"""What tests of business alerts share: a chat in the sandbox, alerts of contacts, the scheduled action on test cursors."""

from datetime import timedelta

from odoo import Command

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
            "domain": "[('ref', '=', 'VIP')]", "title": "{record} is a VIP",
            "body": "E-mail: {Email}\nPhone: {phone}\n{link}",
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
