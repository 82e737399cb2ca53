"""Alerts of connections, silence, the watchdog, the digest and the settings."""

import json
from datetime import datetime, timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import FlowCase
from .test_issues import IssueTools

NOW = datetime(2026, 3, 4, 15)  # a Wednesday


class AlertTools(IssueTools):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = cls.make_user("alert_admin", "integration_flow.group_integration_secrets", email="a@example.com")
        cls.connection.administrator_id = cls.admin

    def watch_all(self):
        self.env.cr.flush()
        with self.enter_registry_test_mode():
            problem = self.env.ref("integration_flow.cron_watch").method_direct_trigger()
        self.env.invalidate_all()
        self.assertIs(problem, True)

    def alert(self, kind):
        return self.connection.alert_ids.filtered(lambda alert: alert.kind == kind)

    def office_weeks(self, flow, until=NOW, weeks=5, hours=range(8, 18)):
        """Arrivals in office hours of the weeks before, up to ``until``."""
        day = until.replace(hour=0) - timedelta(weeks=weeks)
        while day <= until:
            if day.weekday() < 5:
                for hour in hours:
                    if day + timedelta(hours=hour) <= until:
                        self.env["integration.arrival"].create(
                            {"flow_id": flow.id, "hour": day + timedelta(hours=hour), "number": 3})
            day += timedelta(days=1)
        self.env.flush_all()


@tagged("post_install", "-at_install")
class TestConnectionAlerts(AlertTools, FlowCase):
    def test_one_activity_per_kind(self):
        self.connection._alert("circuit", "Shop is down", "Five failures <in> a row.")
        self.connection._alert("circuit", "Shop is still down", "Ten failures in a row.")
        self.connection._alert("webhook", "Wrong signature", "Look at the secret.")
        activities = self.connection.activity_ids
        self.assertEqual(set(activities.mapped("summary")), {"Shop is still down", "Wrong signature"})
        self.assertEqual(activities.user_id, self.admin)
        self.connection._alert_done("circuit", "It answers again.")
        self.assertEqual(self.connection.activity_ids.mapped("summary"), ["Wrong signature"])
        self.assertIn("It answers again.", self.connection.message_ids[0].body)
        self.connection._alert_done("circuit")
        self.connection._alert("circuit", "Down again", "")
        self.assertEqual(len(self.connection.activity_ids), 2)

    def test_note_is_text(self):
        self.connection._alert("circuit", "Shop is down", "It said <b>no</b> & left.")
        self.assertIn("&lt;b&gt;no&lt;/b&gt; &amp; left", self.connection.activity_ids.note)

    def test_done_by_hand_stays_done_until_it_is_over(self):
        self.connection._alert("circuit", "Down", "")
        self.connection.activity_ids.action_feedback()
        self.connection._alert("circuit", "Still down", "")
        self.assertFalse(self.connection.activity_ids)
        self.assertTrue(self.alert("circuit").active, "but it is still told")
        self.connection._alert_done("circuit")
        self.connection._alert("circuit", "Down", "")
        self.assertEqual(len(self.connection.activity_ids), 1)

    def test_a_failing_activity_does_not_stop_the_work(self):
        with mute_logger("odoo.addons.integration_flow.models.connection_alert"), patch.object(
                type(self.env["mail.activity"]), "create", side_effect=ValueError("no mail today")):
            self.connection._alert("circuit", "Down", "")
        self.assertFalse(self.alert("circuit"))
        self.connection.name = "Goes on"
        self.env.flush_all()

    def test_rights(self):
        self.connection._alert("circuit", "Down", "")
        user = self.make_user("alert_user", "integration_flow.group_integration_user")
        self.assertEqual(self.alert("circuit").with_user(user).summary, "Down")
        with self.assertRaises(AccessError):
            self.alert("circuit").with_user(user).write({"summary": "x"})
        with self.assertRaises(AccessError):
            self.alert("circuit").with_user(self.make_user("alert_outsider")).read(["summary"])
        with self.assertRaises(AccessError):
            self.env["integration.arrival"].with_user(user).create({"flow_id": 1, "hour": NOW, "number": 1})


@tagged("post_install", "-at_install")
class TestWatchdog(AlertTools, FlowCase):
    def test_worker_deactivated(self):
        self.customer_flow()
        self.watch_all()
        self.assertFalse(self.alert("worker"))
        self.connection.cron_id.active = False
        self.watch_all()
        self.assertIn("was deactivated", self.alert("worker").note)
        self.assertEqual(self.connection.activity_ids.user_id, self.admin)
        self.connection.cron_id.active = True
        self.watch_all()
        self.assertFalse(self.alert("worker"))
        self.assertFalse(self.connection.activity_ids)

    def test_worker_deleted(self):
        self.customer_flow()
        self.connection.cron_id.unlink()
        self.assertIn("was deleted", self.connection._worker_problem())

    def test_worker_does_not_run(self):
        flow = self.customer_flow()
        self.receive(flow, {"id": 1, "first_name": "A", "email": "a@example.com"})
        now = fields.Datetime.now()
        self.connection.cron_id.lastcall = now - timedelta(hours=1)
        self.env.flush_all()
        self.assertFalse(self.connection._worker_problem(), "nothing is due")
        self.env.cr.execute(
            "UPDATE integration_sync SET state = 'pending', due_at = %s WHERE flow_id = %s",
            [now - timedelta(minutes=30), flow.id])
        self.assertIn("has not run since", self.connection._worker_problem())
        self.connection.cron_id.lastcall = now
        self.assertFalse(self.connection._worker_problem(), "it is only busy")
        self.connection.cron_id.lastcall = now - timedelta(hours=1)
        self.connection.paused = True
        self.assertFalse(self.connection._worker_problem(), "nobody wants it to run")

    def test_banners_look_for_themselves(self):
        self.customer_flow()
        self.connection.cron_id.active = False
        self.connection._alert("silence", "Nothing arrives", "Since yesterday")
        user = self.make_user("banner_user", "integration_flow.group_integration_user")
        banners = self.env["integration.connection"].with_user(user).get_banners()
        mine = [banner for banner in banners if banner["connection_id"] == self.connection.id]
        self.assertEqual([(banner["kind"], banner["level"]) for banner in mine], [
            ("worker", "danger"), ("silence", "warning")])
        with self.assertRaises(AccessError):
            self.env["integration.connection"].with_user(self.make_user("banner_outsider")).get_banners()

    def test_credentials_expire(self):
        today = fields.Date.context_today(self.connection)
        self.connection.write({"credentials_expire_on": today + timedelta(days=30), "expiry_warn_days": 14})
        self.watch_all()
        self.assertFalse(self.alert("expiry"))
        self.connection.credentials_expire_on = today + timedelta(days=10)
        self.watch_all()
        self.assertIn("expire on", self.alert("expiry").summary)
        self.connection.credentials_expire_on = today - timedelta(days=1)
        self.watch_all()
        self.assertIn("expired on", self.connection.activity_ids.summary)
        self.assertEqual(len(self.connection.activity_ids), 1)
        self.connection.credentials_expire_on = today + timedelta(days=365)
        self.watch_all()
        self.assertFalse(self.connection.activity_ids)

    def test_token_that_nobody_renews(self):
        soon = (datetime.now() - datetime(1970, 1, 1) + timedelta(days=3)).total_seconds()
        self.connection.oauth_token = json.dumps({"access_token": "x", "expires_at": soon})
        self.watch_all()
        self.assertTrue(self.alert("expiry"))
        self.connection.oauth_token = json.dumps(
            {"access_token": "x", "refresh_token": "y", "expires_at": soon})
        self.watch_all()
        self.assertFalse(self.alert("expiry"))

    def test_one_connection_that_breaks_does_not_keep_the_others(self):
        second = self.make_connection(name="Second", administrator_id=self.admin.id)
        self.customer_flow()
        self.connection.cron_id.active = False
        cls = self.registry["integration.connection"]
        original = cls._watch

        def watch(connection):
            if connection == second:
                raise ValueError("broken")
            return original(connection)

        with patch.object(cls, "_watch", watch), mute_logger("odoo.addons.integration_flow.engine.watch"):
            self.watch_all()
        self.assertTrue(self.alert("worker"))


@tagged("post_install", "-at_install")
class TestSilence(AlertTools, FlowCase):
    def setUp(self):
        super().setUp()
        self.flow = self.customer_flow(silence_mode="learned")
        self.flow.running_since = NOW - timedelta(weeks=10)

    def test_the_worker_counts_arrivals(self):
        self.receive(self.flow, *[self.customer(number) for number in range(1, 4)])
        self.run_flow(self.flow, full=True)
        arrivals = self.env["integration.arrival"].search([("flow_id", "=", self.flow.id)])
        self.assertEqual((len(arrivals), arrivals.number), (1, 3), "what is unchanged did not arrive")
        self.assertEqual((arrivals.hour.minute, arrivals.hour.second), (0, 0))

    def test_trying_again_is_no_arrival(self):
        flow = self.out_flow(retry_attempts=5)
        self.shop.fault("status", method="POST", path="/customers", status=503, times=3)
        self.partner("Ann")
        self.work()
        for _attempt in range(2):
            self.make_due(flow)
            self.work()
        self.assertFalse(self.env["integration.arrival"].search([("flow_id", "=", flow.id)]))
        self.make_due(flow)
        self.work()
        self.assertEqual(self.env["integration.arrival"].search([("flow_id", "=", flow.id)]).number, 1)

    def test_unusual_silence(self):
        self.office_weeks(self.flow, until=NOW.replace(hour=9))
        self.assertFalse(self.flow._check_silence(NOW.replace(hour=11)))
        self.assertEqual(self.flow._check_silence(NOW), self.flow)
        self.assertEqual(self.flow.silent_since, NOW.replace(hour=9))
        self.assertIn("2026-03-04 09:00", self.flow._silence_text())

    def test_weekends_and_nights_do_not_alarm(self):
        friday = NOW + timedelta(days=2)
        self.office_weeks(self.flow, until=friday.replace(hour=18))
        for hours in range(1, 63):
            self.assertFalse(self.flow._check_silence(friday.replace(hour=18) + timedelta(hours=hours)), hours)

    def test_explicit_hours(self):
        self.flow.write({
            "silence_mode": "hours", "silence_hours": 2, "silence_from": 8, "silence_to": 18, "silence_days": "workdays"})
        self.env["integration.arrival"].create({"flow_id": self.flow.id, "hour": datetime(2026, 3, 6, 16), "number": 1})
        self.assertFalse(self.flow._check_silence(datetime(2026, 3, 9, 8, 30)), "a weekend and half an hour")
        self.assertTrue(self.flow._check_silence(datetime(2026, 3, 9, 10)))

    def test_paused_or_switched_off(self):
        self.office_weeks(self.flow, until=NOW.replace(hour=9))
        self.flow.state = "paused"
        self.assertFalse(self.flow._check_silence(NOW))
        self.flow.action_resume()
        self.flow.running_since = NOW - timedelta(hours=1)
        self.assertFalse(self.flow._check_silence(NOW), "the pause is no silence")
        self.flow.running_since = NOW - timedelta(weeks=10)
        self.assertTrue(self.flow._check_silence(NOW))
        self.flow.silence_mode = "off"
        self.assertFalse(self.flow._check_silence(NOW))
        self.assertFalse(self.flow.silent_since)

    def test_resuming_begins_anew(self):
        self.flow.state = "paused"
        self.flow.action_resume()
        self.assertGreater(self.flow.running_since, fields.Datetime.now() - timedelta(minutes=1))

    def test_alert_closes_when_data_arrives(self):
        self.flow.write({
            "silence_mode": "hours", "silence_hours": 1, "silence_from": 0, "silence_to": 24, "silence_days": "all"})
        self.env["integration.arrival"].create({
            "flow_id": self.flow.id, "number": 1,
            "hour": (fields.Datetime.now() - timedelta(hours=5)).replace(minute=0, second=0)})
        self.watch_all()
        self.assertIn(self.flow.name, self.alert("silence").note)
        self.assertTrue(self.flow.silent_since)
        self.assertEqual(len(self.connection.activity_ids), 1)
        self.receive(self.flow, self.customer(1))
        self.watch_all()
        self.assertFalse(self.alert("silence"))
        self.assertFalse(self.flow.silent_since)
        self.assertFalse(self.connection.activity_ids)

    def test_old_arrivals_are_forgotten(self):
        self.env["integration.arrival"].create([
            {"flow_id": self.flow.id, "hour": datetime(2020, 1, 1), "number": 1},
            {"flow_id": self.flow.id, "hour": fields.Datetime.now().replace(minute=0, second=0), "number": 1}])
        self.env.flush_all()
        self.assertEqual(self.env["integration.arrival"]._gc_arrivals(), (1, False))

    def test_times_must_make_sense(self):
        with self.refuses(ValidationError, "until the same time"):
            self.flow.write({"silence_from": 8, "silence_to": 8})


@tagged("post_install", "-at_install")
class TestDigest(AlertTools, FlowCase):
    def setUp(self):
        super().setUp()
        group = "integration_flow.group_integration_user"
        self.anna = self.make_user("digest_anna", group, email="anna@example.com")
        self.bert = self.make_user("digest_bert", group, email="bert@example.com")
        self.parameters = self.env["ir.config_parameter"].sudo()

    def send(self, **settings):
        self.env["res.config.settings"].create({f"integration_{name}": value for name, value in settings.items()}).execute()
        self.parameters.set_param("integration_flow.digest_sent_at", False)
        return self.env["integration.digest"]._cron_send()

    def test_nothing_to_say_nothing_sent(self):
        self.customer_flow()
        self.assertFalse(self.send(digest="daily", digest_user_ids=[fields.Command.set(self.anna.ids)]))

    def test_what_it_says(self):
        flow = self.mapped_flow()
        self.receive(flow, *[self.customer(number) for number in range(1, 4)], self.customer(9, "<Clerk>"))
        self.map_value("Boss")
        self.work()
        mail = self.send(digest="daily", digest_user_ids=[fields.Command.set(self.anna.ids)])
        self.assertEqual(mail.recipient_ids, self.anna.partner_id)
        self.assertIn("1 open, 1 resolved", mail.subject)
        for piece in ("Clerk", "Boss", "Missing Value Mapped", flow.name):
            self.assertIn(piece, mail.body_html)
        self.assertNotIn("<Clerk>", mail.body_html)

    def test_only_at_its_time(self):
        flow = self.mapped_flow()
        self.receive(flow, self.customer(1))
        self.assertFalse(self.send(digest="off", digest_user_ids=[fields.Command.set(self.anna.ids)]))
        self.assertTrue(self.send(digest="weekly", digest_user_ids=[fields.Command.set(self.anna.ids)]))
        self.assertFalse(self.env["integration.digest"]._cron_send(), "not twice")
        self.parameters.set_param(
            "integration_flow.digest_sent_at", fields.Datetime.to_string(fields.Datetime.now() - timedelta(days=7)))
        self.assertTrue(self.env["integration.digest"]._cron_send())

    def test_people_of_a_flow_get_only_that(self):
        mine = self.mapped_flow(name="Mine", digest_user_ids=[fields.Command.set(self.bert.ids)])
        other = self.make_flow(
            "res.partner", [("name", "first_name"), ("email", "email", {"match_key": True}), (
                "function", "billing.company", {"transform": "value_map", "value_map_id": self.map.id})],
            "others", path="customers", name="Other")
        self.receive(mine, self.customer(1))
        self.run_flow(other, full=True)
        self.assertEqual(len(self.issues(state="open")), 2)
        mail = self.send(digest="daily")
        self.assertEqual(mail.recipient_ids, self.bert.partner_id)
        self.assertIn("1 open", mail.subject)
        self.assertNotIn("Other", mail.body_html)

    def test_in_the_language_of_the_reader(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.anna.lang = "fr_FR"
        flow = self.mapped_flow()
        self.receive(flow, self.customer(1))
        flow.with_context(lang="fr_FR").name = "Clients"
        mail = self.send(digest="daily", digest_user_ids=[fields.Command.set(self.anna.ids)])
        self.assertIn("Clients", mail.body_html)

    def test_who_may_not_see_gets_none(self):
        outsider = self.make_user("digest_outsider", email="o@example.com")
        flow = self.mapped_flow()
        self.receive(flow, self.customer(1))
        self.assertFalse(self.send(digest="daily", digest_user_ids=[fields.Command.set(outsider.ids)]))

    def test_settings_are_defaults_of_new_flows(self):
        self.env["res.config.settings"].create(
            {"integration_alert_policy": "none", "integration_silence_mode": "off"}).execute()
        flow = self.customer_flow()
        self.assertEqual((flow.alert_policy, flow.silence_mode), ("none", "off"))
        settings = self.env["res.config.settings"].create({})
        self.assertEqual(settings.integration_alert_policy, "none")

    def test_settings_keep_the_recipients(self):
        self.send(digest="daily", digest_user_ids=[fields.Command.set(self.anna.ids)])
        values = self.env["res.config.settings"].default_get(["integration_digest", "integration_digest_user_ids"])
        self.assertEqual(values["integration_digest_user_ids"][0][2], self.anna.ids)
        self.assertEqual(self.env["res.config.settings"].create({}).integration_digest_user_ids, self.anna)

    def test_alert_rules_are_checked(self):
        flow = self.customer_flow()
        with self.refuses(ValidationError, "does not fit"):
            self.env["integration.alert.rule"].create(
                {"flow_id": flow.id, "user_id": self.anna.id, "domain": "[('no_such_field', '=', 1)]"})
        with self.refuses(ValidationError, "does not lead"):
            flow.write({"alert_policy": "record", "alert_user_path": "country_id"})
