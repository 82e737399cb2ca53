"""Business alerts tell nothing to whom it is not meant for, and one that is broken harms nobody else."""

from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import Form, tagged

from odoo.addons.integration_flow.engine import notice_sending

from .alert_common import AlertCase


@tagged("post_install", "-at_install")
class TestAlertSafety(AlertCase):

    def manager(self):
        return self.make_user("alert_manager", "integration_flow.group_integration_manager")

    def test_a_preview_lends_no_rights(self):
        self.partner("Secret Ann")
        manager = self.manager()
        with Form(self.env["integration.notice.rule"].with_user(manager)) as form:
            form.name = "Looking"
            form.model_id = self.env["ir.model"]._get("res.partner")
            form.user_id = self.env.ref("base.user_admin")
            form.title = "{record}"
            self.assertFalse(form.preview, "what another user may read is not shown")
            form.user_id = manager
        rule = self.alert()
        self.assertIn("Secret Ann", rule.preview)
        self.assertFalse(rule.with_user(self.make_user("alert_user")).preview)

    def test_translations_are_checked_like_the_text(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        rule = self.alert()
        with self.assertRaises(ValidationError):
            rule.update_field_translations("title", {"fr_FR": "{no_such_field}"})
        with self.assertRaises(AccessError):
            rule.with_user(self.manager()).update_field_translations("title", {"fr_FR": "{record} !"})

    def test_a_filter_asks_only_for_what_its_user_may_read(self):
        manager = self.manager()
        field = self.env["res.partner"]._fields["ref"]
        with patch.object(field, "groups", "base.group_system"), self.assertRaises(ValidationError):
            self.env["integration.notice.rule"].with_user(manager).create({
                "name": "Guess", "model_id": self.env["ir.model"]._get_id("res.partner"), "title": "{record}",
                "domain": "[('ref', '=', 'VIP')]", "user_id": manager.id})

    def test_a_filter_that_does_not_fit_any_more_stops_no_user(self):
        rule = self.alert()
        self.env.cr.execute("UPDATE integration_notice_rule SET domain = %s WHERE id = %s", ["[('gone', '=', 1)]", rule.id])
        rule.invalidate_recordset()
        rule._watch_changed()
        with self.assertLogs("odoo.addons.integration_flow", "WARNING"):
            partner = self.partner("Written")
            self.env.flush_all()
            self.env.cr.precommit.run()
        self.assertTrue(partner.exists())

    def test_a_broken_alert_keeps_no_other_from_being_told(self):
        broken, good = self.alert(name="Broken"), self.alert(title="good {record}")
        rules = type(broken)
        reader = rules._reader

        def failing(rule):
            if rule == broken:
                raise RuntimeError("The company is gone.")
            return reader(rule)

        self.partner("Ann")
        with patch.object(rules, "_reader", failing), self.assertLogs("odoo.addons.integration_flow", "WARNING"):
            self.tell()
        self.assertEqual(self.headings(), ["good Ann"])
        self.assertIn("The company is gone.", broken.problem)
        self.assertFalse(good.problem)

    def test_an_archived_escalation_wakes_nobody(self):
        self.alert(escalate_hours=1, escalate_channel_ids=[fields.Command.set(self.chat(name="Boss").ids)])
        self.partner("Ann")
        self.tell()
        self.env["integration.notice.channel"].search([("name", "=", "Boss")]).active = False
        self.env.cr.execute("UPDATE integration_notice_record SET since = since - interval '2 hours', escalated = false")
        cron = self.env.ref("integration_flow.ir_cron_notices")
        self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)]).unlink()
        self.tell()
        self.assertFalse(self.env["ir.cron.trigger"].search_count([
            ("cron_id", "=", cron.id), ("call_at", "<=", fields.Datetime.now())]))

    def test_a_failing_channel_loses_one_message_at_a_time(self):
        rule = self.alert()
        self.shop.fault("status", status=500, path="/chat")
        for name in ("Ann", "Bob", "Cas"):
            self.partner(name)
        self.tell()
        self.assertEqual(sorted(self.notices(rule).mapped("attempts")), [0, 0, 1])

    def test_what_was_sent_meanwhile_is_not_sent_again(self):
        rule = self.alert()
        self.partner("Ann")
        self.tell()
        notice = self.notices(rule)
        notice.state = "failed"

        def quicker(env, prepare, _tell):
            notice.state = "sent"  # as another transaction, which this one has not seen, has left it
            self.assertEqual(prepare(env), [])

        with patch.object(notice_sending, "send_now", quicker):
            notice.action_retry()
        self.assertEqual(notice.state, "sent")
        self.assertEqual(len(self.posted()), 1)
