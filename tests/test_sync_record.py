"""The sync record: its buttons, what each group may see and do, companies, secrets, a neutralised copy."""

import json
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import tagged

from .common import FlowCase

USER = "integration_flow.group_integration_user"
MANAGER = "integration_flow.group_integration_manager"
SECRETS = "integration_flow.group_integration_secrets"


class ButtonCase(FlowCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.outsider = cls.make_user("outsider")
        cls.clerk = cls.make_user("clerk", f"base.group_user,{USER}")
        cls.manager = cls.make_user("manager", f"base.group_user,{MANAGER}")
        cls.technician = cls.make_user("technician", f"base.group_user,{SECRETS}")
        cls.env.ref("base.group_allow_export").user_ids += cls.clerk + cls.manager + cls.technician

    def setUp(self):
        super().setUp()
        self.flow = self.customer_flow([("lang", "lang")])
        self.flow.resource_id.record_url_template = "wp-admin/user-edit.php?user_id={id}"

    def bad(self, number=1, **more):
        return {"id": number, "first_name": f"P{number}", "email": f"p{number}@example.com", "lang": "xx_XX", **more}

    def good(self, number=1, **more):
        return {**self.bad(number), "lang": None, **more}

    def failed(self, count=1):
        """Records that failed, as the clerk sees them."""
        syncs = self.receive(self.flow, *(self.bad(number) for number in range(1, count + 1)))
        records = self.env["integration.sync"].browse([sync.id for sync in syncs.values()])
        self.assertEqual(set(records.mapped("state")), {"failed"})
        return records.with_user(self.clerk)

    def repair(self, *numbers):
        """Corrected where it comes from."""
        self.put_customers(*(self.good(number, date_modified_gmt="2026-02-01T10:00:00") for number in numbers))


@tagged("post_install", "-at_install")
class TestRetry(ButtonCase):

    def test_one_record_at_once_with_its_error(self):
        sync = self.failed()
        result = self.press(sync.action_retry)
        self.assertEqual((result["tag"], result["params"]["type"]), ("display_notification", "danger"))
        self.assertIn("xx_XX", result["params"]["message"])
        self.assertTrue(result["params"]["sticky"])
        self.assertEqual((sync.state, sync.attempts), ("failed", 1))
        self.assertEqual(self.logs(sync).mapped("outcome"), ["failed", "queued", "failed"])
        self.assertIn("clerk", self.logs(sync, "queued").message)

    def test_one_record_at_once_that_works_now(self):
        sync = self.failed()
        self.flow.rule_ids.filtered(lambda rule: rule.code == "lang").active = False
        result = self.press(sync.action_retry)
        self.assertEqual(result["params"]["type"], "success")
        self.assertIn("p1@example.com", result["params"]["message"])
        self.assertEqual((sync.state, sync.error_message, sync.error_class), ("synced", False, False))

    def test_what_was_corrected_over_there_counts_at_once(self):
        """The hint says: correct it where it comes from, then retry. Nobody has to wait for the next run."""
        sync = self.failed()
        self.repair(1)
        self.assertEqual(self.press(sync.action_retry)["params"]["type"], "success")
        self.assertEqual(sync.state, "synced")

    def test_gone_over_there(self):
        sync = self.failed()
        self.shop.reset("empty")
        self.assertEqual(self.press(sync.action_retry)["params"]["type"], "danger")
        self.assertEqual(sync.state, "failed")

    def test_the_shop_does_not_answer(self):
        sync = self.failed()
        self.repair(1)
        self.shop.fault("server_error", times=None)
        self.assertEqual(self.press(sync.action_retry)["params"]["type"], "danger", "what is stored is tried")
        self.shop.clear_faults()
        self.make_due(self.flow)
        self.assertEqual(self.press(sync.action_retry)["params"]["type"], "success")

    def test_more_than_a_few_are_queued(self):
        syncs = self.failed(6)
        self.repair(*range(1, 7))
        result = self.press(syncs.action_retry)
        self.assertEqual(result["params"]["type"], "info")
        self.assertIn("6", result["params"]["message"])
        self.assertEqual(set(syncs.mapped("state")), {"pending"})
        self.run_flow(self.flow, full=True)
        self.assertEqual(set(syncs.mapped("state")), {"synced"})

    def test_later(self):
        syncs = self.failed(2)
        self.press(syncs.action_retry_later)
        self.assertEqual(set(syncs.mapped("state")), {"pending"})
        self.assertTrue(all(syncs.mapped("due_at")))
        self.assertTrue(self.env["ir.cron.trigger"].search_count([("cron_id", "=", self.connection.cron_id.id)]))
        self.work()
        self.assertEqual(set(syncs.mapped("state")), {"failed"})

    def test_a_paused_connection_and_a_flow_that_does_not_run(self):
        sync = self.failed()
        self.connection.action_pause()
        with self.refuses(UserError, "paused"):
            self.press(sync.action_retry)
        self.connection.action_resume()
        self.flow.action_draft()
        with self.refuses(UserError, "Draft"):
            self.press(sync.action_retry)

    def test_skip_until_it_changes(self):
        sync = self.failed()
        self.press(sync.action_skip)
        self.assertEqual((sync.state, sync.due_at, sync.needs_attention), ("skipped", False, False))
        self.assertEqual(self.logs(sync)[-1].outcome, "skipped")
        self.run_flow(self.flow, full=True)
        self.assertEqual(sync.state, "skipped", "unchanged: left alone")
        self.repair(1)
        self.run_flow(self.flow, full=True)
        self.assertEqual(sync.state, "synced")

    def test_skip_and_retry(self):
        sync = self.failed()
        self.press(sync.action_skip)
        self.repair(1)
        self.press(sync.action_retry)
        self.assertEqual(sync.state, "synced", sync.error_message)

    def test_resync_reads_what_both_sides_hold_now(self):
        self.receive(self.flow, self.good())
        sync = self.syncs(self.flow)["1"].with_user(self.clerk)
        partner = self.records(self.flow)["1"]
        partner.name = "Changed in Odoo"
        self.press(sync.action_resync)
        self.assertEqual((sync.state, partner.name), ("synced", "P1"), "the other system owns the name")
        self.put_customers(self.good(first_name="Changed there", date_modified_gmt="2026-02-01T10:00:00"))
        self.press(sync.action_resync)
        self.assertEqual(partner.name, "Changed there")

    def test_fix_once_release_all(self):
        """New credentials release what the old ones stopped."""
        self.shop.fault("expired_token", times=None)
        self.put_customers(self.good())
        self.run_flow(self.flow)
        self.assertTrue(self.connection.paused)
        self.shop.clear_faults()
        self.connection.with_user(self.technician).auth_secret_input = self.shop.api_key
        self.make_due(self.flow)
        self.work()
        self.assertSyncs(self.flow, {"1": "synced"})
        self.assertFalse(self.connection.activity_ids)

    def test_a_slip_of_ours_is_told_with_its_traceback(self):
        partners = self.registry["res.partner"]
        self.receive(self.flow, self.good())
        sync = self.syncs(self.flow)["1"].with_user(self.clerk)
        self.records(self.flow)["1"].name = "Other"
        with patch.object(partners, "write", side_effect=ZeroDivisionError("a slip")):
            result = self.press(sync.action_resync)
        self.assertIn("slip", result["params"]["message"])
        self.assertEqual(sync.error_class, "internal")
        self.assertIn("Traceback", sync.sudo().error_detail)


@tagged("post_install", "-at_install")
class TestConflicts(ButtonCase):

    def setUp(self):
        super().setUp()
        self.add_rules(self.flow, [("phone", "phone", {"owner": "ask"}), ("city", "city", {"owner": "ask"})])

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clerk.group_ids += cls.env.ref("base.group_partner_manager")  # who decides may change the contact

    def conflict(self, odoo="mine", external="theirs"):
        self.receive(self.flow, self.good(phone="then", city="same"))
        self.partner = self.records(self.flow)["1"]
        self.partner.phone = odoo
        self.receive(self.flow, self.good(phone=external, city="moved", date_modified_gmt="2026-02-01T10:00:00"))
        sync = self.syncs(self.flow)["1"].with_user(self.clerk)
        self.assertEqual(sync.state, "conflict")
        self.assertIn("Phone", sync.error_message)
        self.assertEqual((self.partner.phone or "", self.partner.city), (odoo, "moved"), "the rest is written")
        return sync

    def test_take_theirs(self):
        sync = self.conflict()
        result = self.press(sync.action_take_external)
        self.assertEqual((sync.state, self.partner.phone, sync.sudo().conflicts), ("synced", "theirs", False), result)
        self.assertEqual(self.logs(sync, "resolved").user_id, self.clerk)

    def test_keep_ours(self):
        sync = self.conflict()
        self.press(sync.action_keep_odoo)
        self.assertEqual((sync.state, self.partner.phone), ("synced", "mine"))
        self.receive(self.flow, self.good(phone="theirs", city="again", date_modified_gmt="2026-02-02T10:00:00"))
        self.assertEqual((sync.state, self.partner.city), ("synced", "again"))
        self.assertEqual(self.partner.phone, "mine", "decided is decided")

    def test_take_their_blank(self):
        sync = self.conflict(external="")
        self.press(sync.action_take_external)
        self.assertEqual((sync.state, self.partner.phone), ("synced", False))

    def test_keep_our_blank(self):
        sync = self.conflict(odoo="")
        self.press(sync.action_keep_odoo)
        self.assertEqual((sync.state, self.partner.phone or ""), ("synced", ""))

    def test_first_meeting(self):
        self.partner = self.env["res.partner"].create({"name": "P1", "email": "p1@example.com", "phone": "mine"})
        sync = self.receive(self.flow, self.good(phone="theirs"))["1"].with_user(self.clerk)
        self.assertEqual(sync.state, "conflict")
        self.press(sync.action_take_external)
        self.assertEqual((sync.state, self.partner.phone), ("synced", "theirs"))

    def test_it_changed_again_meanwhile(self):
        """A decision is about the values that were shown: what changed since is asked again."""
        sync = self.conflict()
        self.put_customers(self.good(phone="newer", city="moved", date_modified_gmt="2026-02-03T10:00:00"))
        self.press(sync.action_keep_odoo)
        self.assertEqual((sync.state, self.partner.phone), ("conflict", "mine"))
        self.assertEqual(sync.sudo().conflicts["phone"]["external"], "newer")

    def test_a_conflict_is_decided_not_retried(self):
        sync = self.conflict()
        with self.assertRaises(UserError):
            self.press(sync.action_retry)

    def test_a_conflict_that_dissolves(self):
        sync = self.conflict()
        self.receive(self.flow, self.good(phone="mine", city="moved", date_modified_gmt="2026-02-04T10:00:00"))
        self.assertEqual((sync.state, sync.sudo().conflicts, sync.error_message), ("synced", False, False))

    def test_skipping_a_conflict(self):
        sync = self.conflict()
        self.press(sync.action_skip)
        self.assertEqual((sync.state, self.partner.phone), ("skipped", "mine"))


@tagged("post_install", "-at_install")
class TestOpen(ButtonCase):

    def test_records_on_both_sides(self):
        self.receive(self.flow, self.good())
        sync = self.syncs(self.flow)["1"].with_user(self.clerk)
        action = sync.action_open_record()
        self.assertEqual((action["res_model"], action["res_id"]), ("res.partner", self.records(self.flow)["1"].id))
        self.assertEqual(sync.action_open_external()["url"], f"{self.shop.url}/wp-admin/user-edit.php?user_id=1")

    def test_nothing_to_open(self):
        sync = self.failed()
        with self.refuses(UserError, "no Odoo record"):
            sync.action_open_record()
        self.flow.resource_id.record_url_template = False
        with self.refuses(UserError, "web address"):
            sync.action_open_external()

    def test_a_deleted_record(self):
        self.receive(self.flow, self.good())
        sync = self.syncs(self.flow)["1"].with_user(self.clerk)
        self.records(self.flow)["1"].unlink()
        with self.refuses(UserError, "no Odoo record"):
            sync.action_open_record()

    def test_an_id_that_is_no_address(self):
        self.receive(self.flow, self.good("javascript:alert(1)//"), self.good("..", email="x@example.com"))
        urls = {external_id: sync.external_url for external_id, sync in self.syncs(self.flow).items()}
        self.assertEqual(urls, {
            "javascript:alert(1)//":
                f"{self.shop.url}/wp-admin/user-edit.php?user_id=javascript%3Aalert%281%29%2F%2F",
            "..": False,
        })

    def test_status_on_the_business_record(self):
        self.receive(self.flow, self.good())
        partner = self.records(self.flow)["1"]
        syncs = self.env["integration.sync"]
        self.receive(self.flow, self.bad(date_modified_gmt="2026-02-01T10:00:00"))
        [status] = syncs.with_user(self.clerk).get_record_status("res.partner", partner.id)
        self.assertEqual((status["state"], status["system"], status["external_id"]), ("failed", "Shop", "1"))
        self.assertIn("xx_XX", status["message"])
        self.assertTrue(status["hint"] and status["can_retry"] and status["external_url"])
        self.assertEqual(syncs.with_user(self.outsider).get_record_status("res.partner", partner.id), [])
        self.assertEqual(syncs.with_user(self.clerk).get_record_status("res.partner", self.env.user.partner_id.id), [])

    def test_status_of_a_record_that_one_may_not_see(self):
        self.receive(self.flow, self.good())
        partner = self.records(self.flow)["1"]
        self.env["ir.rule"].create({
            "name": "hidden", "model_id": self.env["ir.model"]._get_id("res.partner"),
            "domain_force": f"[('id', '!=', {partner.id})]"})
        with self.assertRaises(AccessError):
            self.env["integration.sync"].with_user(self.clerk).get_record_status("res.partner", partner.id)


MODELS = ("connection", "resource", "operation", "flow", "field.rule", "value.map", "value.map.line", "link", "sync", "log",
          "run")


@tagged("post_install", "-at_install")
class TestAccess(ButtonCase):

    def can(self, user, model, mode):
        return self.env[f"integration.{model}"].with_user(user).has_access(mode)

    def test_who_may_what(self):
        for model in MODELS:
            with self.subTest(model=model):
                self.assertFalse(self.can(self.outsider, model, "read"))
                self.assertTrue(self.can(self.clerk, model, "read"))
                for mode in ("write", "create", "unlink"):
                    self.assertFalse(self.can(self.clerk, model, mode), f"a user may not {mode}")
        for model in ("connection", "resource", "operation", "flow", "field.rule", "value.map", "value.map.line"):
            self.assertTrue(self.can(self.manager, model, "write"), model)
        for model in ("sync", "log", "run", "exchange"):
            self.assertFalse(self.can(self.manager, model, "write"), f"{model} is written by the engine only")
            self.assertFalse(self.can(self.technician, model, "create"))
        self.assertFalse(self.can(self.clerk, "exchange", "read"))
        self.assertTrue(self.can(self.manager, "exchange", "read"))

    def test_an_outsider_can_press_nothing(self):
        sync = self.failed().with_user(self.outsider)
        for button in ("action_retry", "action_retry_later", "action_resync", "action_skip", "action_keep_odoo",
                       "action_take_external", "action_was_created", "action_was_not_created", "action_open_record",
                       "action_open_external", "action_open_exchanges"):
            with self.subTest(button=button), self.assertRaises(AccessError):
                getattr(sync, button)()

    def test_what_a_clerk_does_not_see(self):
        sync = self.failed()
        for field in ("payload", "agreed", "error_detail", "payload_pretty", "last_request", "last_response"):
            with self.subTest(field=field), self.assertRaises(AccessError):
                sync.read([field])
        self.assertTrue(sync.read(["error_message", "error_hint", "state", "name"]))

    def test_companies(self):
        other = self.env["res.company"].create({"name": "Other"})
        sync = self.failed()
        foreigner = self.make_user(
            "foreigner", f"base.group_user,{MANAGER}", company_id=other.id, company_ids=[(6, 0, [other.id])])
        for model in ("connection", "flow", "field.rule", "sync", "log", "run", "link", "exchange"):
            with self.subTest(model=model):
                self.assertFalse(self.env[f"integration.{model}"].with_user(foreigner).search([
                    ("id", "in", self.env[f"integration.{model}"].search([]).ids)]))
        with self.assertRaises(AccessError):
            sync.with_user(foreigner).action_retry()
        self.connection.company_id = False
        self.assertIn(self.connection, self.env["integration.connection"].with_user(foreigner).search([]))

    def test_a_manager_lends_only_his_own_rights(self):
        flow = self.flow.with_user(self.manager)
        with self.refuses(AccessError, "another user"):
            flow.user_id = self.env.ref("base.user_admin")
        with self.refuses(AccessError, "another user"):
            flow.copy({"user_id": self.env.ref("base.user_root").id})
        self.assertEqual(flow.copy().user_id, self.manager, "a copy is the manager's own")
        flow.user_id = self.manager
        for model in ("res.users", "res.groups", "ir.config_parameter", "integration.connection", "ir.actions.server"):
            with self.subTest(model=model), self.refuses(AccessError, "technical administrator"):
                flow.model_id = self.env["ir.model"]._get_id(model)
        rules = self.env["integration.field.rule"].with_user(self.manager)
        for vals in ({"odoo_path": "user_ids.group_ids"}, {"odoo_path": "user_ids", "kind": "lines"},
                     {"odoo_path": "create_uid.password"}):
            with self.subTest(vals=vals), self.refuses(AccessError, "technical administrator"):
                rules.create({"flow_id": flow.id, "external_path": "x", **vals})
        rules.create({"flow_id": flow.id, "external_path": "x", "odoo_path": "user_id"})
        rules.create({"flow_id": flow.id, "external_path": "y", "odoo_path": "user_id.login", "direction": "export"})
        self.flow.with_user(self.technician).user_id = self.env.ref("base.user_admin")


@tagged("post_install", "-at_install")
class TestSecrets(ButtonCase):
    """Nobody can read a secret, in whichever way; it can only be replaced."""

    SECRET = "s3cret-value"

    def setUp(self):
        super().setUp()
        self.connection.write({"auth_secret_input": self.SECRET, "extra_headers": f"X-Token: {self.SECRET}"})
        self.connection.sudo().oauth_token = json.dumps({"access_token": self.SECRET})
        self.env.flush_all()

    def test_by_no_way(self):
        for user in (self.clerk, self.manager, self.technician):
            connection = self.connection.with_user(user)
            connections = self.env["integration.connection"].with_user(user)
            for field in ("auth_secret", "oauth_token"):
                ways = {
                    "read": lambda f=field, c=connection: c.read([f]),
                    "web_read": lambda f=field, c=connection: c.web_read({f: {}}),
                    "export": lambda f=field, c=connection: c.export_data([f]),
                    "mapped": lambda f=field, c=connection: c.mapped(f),
                    "attribute": lambda f=field, c=connection: c[f],
                    "search": lambda f=field, c=connections: c.search([(f, "=like", "s3c%")]),
                    "search by a related record": lambda f=field, u=user: self.env["integration.flow"].with_user(u).search(
                        [(f"connection_id.{f}", "=like", "s3c%")]),
                    "order": lambda f=field, c=connections: c.search([], order=f),
                    "group": lambda f=field, c=connections: c._read_group([], [f], ["__count"]),
                    "filtered": lambda f=field, c=connection: c.filtered_domain([(f, "=like", "s3c%")]),
                    "export of the flow": lambda f=field, u=user: self.flow.with_user(u).export_data([f"connection_id/{f}"]),
                }
                for name, way in ways.items():
                    with self.subTest(user=user.login, field=field, way=name):
                        try:
                            self.assertNotIn(self.SECRET, str(way()))
                        except (AccessError, ValueError, KeyError):
                            continue
                        self.assertIn(name, ("export", "export of the flow"), "this way should be refused")
            self.assertNotIn(self.SECRET, str({
                name: value for name, value in connection.read()[0].items() if name != "extra_headers"}))
            self.assertFalse(connection.read(["auth_secret_status"])[0]["auth_secret_status"] == self.SECRET)
            if user != self.technician:
                with self.assertRaises(AccessError):
                    connection.read(["extra_headers"])

    def test_the_door_in_shows_nothing(self):
        connection = self.connection.with_user(self.technician)
        self.assertFalse(connection.auth_secret_input)
        self.assertEqual(connection.auth_secret_status, "Set")

    def test_only_a_technician_sets_it_or_leads_it_elsewhere(self):
        connection = self.connection.with_user(self.manager)
        for vals in ({"auth_secret_input": "x"}, {"base_url": "https://evil.example"}, {"auth_type": "basic"},
                     {"extra_headers": "A: b"}, {"verify_tls": False}, {"auth_secret": "x"}):
            with self.subTest(vals=vals), self.assertRaises(AccessError):
                connection.write(vals)
        connection.write({"name": "Renamed", "base_url": self.connection.base_url})

    def test_a_copy_has_no_secret(self):
        copy = self.connection.with_user(self.technician).copy()
        self.assertFalse(copy.sudo().auth_secret or copy.sudo().oauth_token)

    def test_logs_and_exchanges_know_no_secret(self):
        self.put_customers(self.good())
        self.shop.fault("status", status=400, message=f"bad key {self.SECRET}")
        self.run_flow(self.flow)
        self.flow.log_level = "all"
        self.run_flow(self.flow)
        exchanges = self.env["integration.exchange"].search([("connection_id", "=", self.connection.id)])
        self.assertTrue(exchanges)
        self.assertNotIn(self.SECRET, str(exchanges.read()))
        self.assertNotIn(self.SECRET, str(self.flow.run_ids.read()))
        self.assertNotIn(self.SECRET, str(self.connection.with_user(self.manager).read()))


@tagged("post_install", "-at_install")
class TestNeutralised(ButtonCase):

    def test_a_copied_database_calls_nobody(self):
        self.put_customers(self.good())
        self.flow.write({"timing": "scheduled", "next_run_at": "2026-01-01 10:00:00"})
        self.flow._open_run("button")
        self.env.flush_all()
        for query in get_neutralization_queries(["integration_flow"]):
            self.env.cr.execute(query)
        self.env.invalidate_all()
        self.shop.clear_counts()
        connection = self.connection.sudo()
        self.assertTrue(connection.paused)
        self.assertFalse(connection.auth_secret or connection.oauth_token or connection.extra_headers)
        self.assertNotIn("127.0.0.1", connection.base_url)
        self.work()
        self.assertFalse(self.shop.requests())
        with self.assertRaises(UserError):
            self.flow.action_sync_now()
        connection.action_resume()
        self.work()
        self.assertFalse(self.shop.requests(), "even resumed by mistake it does not know the address")
