"""Bulk actions on everything that matches a filter, what needs a user in the systray, and their tour."""

from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import TransactionCase, new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.integration_flow.engine import bulk_actions

from .test_screens import ScreensMixin
from .tour_common import ShopTourCase

GROUPS = ("user", "manager", "secrets")


class BulkTools(ScreensMixin):
    def run_bulk(self):
        self.env.cr.flush()
        with self.enter_registry_test_mode():
            problem = self.env.ref("integration_flow.cron_bulk_actions").method_direct_trigger()
        self.env.invalidate_all()
        self.assertIs(problem, True)

    @classmethod
    def make_failed(cls, count, state="failed", **vals):
        vals = {"error_class": "validation", "error_message": "Refused.", "attempts": 3, "content_hash": "x", **vals}
        return cls.env["integration.sync"].create([{
            "flow_id": cls.flow.id, "connection_id": cls.connection.id, "model": "res.partner", "state": state,
            "direction": "import", "external_id": f"{state}-{number}", "name": f"Bulk {state} {number}", **vals,
        } for number in range(count)])

    def ask(self, button, domain, target="integration.sync", user=None, **vals):
        """Press a button of a list for everything that matches and start."""
        user = user or self.users["user"]
        action = self.env["integration.bulk.action"].with_user(user).ask(target, button, domain)
        wizard = self.env["integration.bulk.start"].with_user(user).with_context(**action["context"]).create(vals)
        answer = wizard.action_start()
        return self.env["integration.bulk.action"].browse(answer["params"]["id"])


@tagged("post_install", "-at_install")
class TestBulk(BulkTools, TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_screen_data()
        cls.flow.action_test_mode()

    def test_retry_in_pages(self):
        found = self.make_failed(7)
        other = self.make_failed(2, "skipped")
        bulk = self.ask("action_retry", [("state", "=", "failed"), ("flow_id", "=", self.flow.id)])
        self.assertEqual((bulk.state, bulk.total, bulk.done, bulk.progress), ("open", 7, 0, 0))
        late = self.env["integration.sync"].create(dict(found[0].copy_data()[0], external_id="late", state="failed"))
        with patch.object(bulk_actions, "PAGE", 3):
            self.run_bulk()
        self.assertEqual((bulk.state, bulk.done, bulk.failed, bulk.progress), ("done", 7, 0, 100))
        self.assertTrue(bulk.ended_at)
        self.assertEqual(set(found.mapped("state")), {"pending"})
        self.assertEqual(set(found.mapped("attempts")), {0})
        self.assertTrue(all(found.mapped("due_at")))
        self.assertEqual(set(other.mapped("state")), {"skipped"}, "what does not match is left")
        self.assertEqual(late.state, "failed", "what came later was not meant")
        self.assertEqual(found.log_ids.mapped("user_id"), self.users["user"])
        self.assertIn("Retry by screens_user", found[0].log_ids[0].message)

    def test_retry_later(self):
        found = self.make_failed(2)
        when = fields.Datetime.to_datetime("2099-01-01 06:00:00")
        self.ask("action_choose_later", [("id", "in", found.ids)], later_at=when)
        self.run_bulk()
        self.assertEqual(set(found.mapped("due_at")), {when})
        self.assertEqual(set(found.mapped("state")), {"pending"})

    def test_skip_takes_what_waits_only(self):
        failed, synced = self.make_failed(2), self.make_failed(2, "synced")
        bulk = self.ask("action_skip", [("flow_id", "=", self.flow.id)])
        self.assertEqual(bulk.total, 2)
        self.run_bulk()
        self.assertEqual(set(failed.mapped("state")), {"skipped"})
        self.assertEqual(set(synced.mapped("state")), {"synced"})

    def test_resync_compares_anew(self):
        self.flow.direction = "both"
        known = self.make_failed(1, "synced", last_import_at=fields.Datetime.now(), direction="export")
        mine = self.make_sync("synced", content_hash="x")
        held = self.make_failed(1, "held")
        self.ask("action_resync", [("id", "in", (known + mine + held).ids)])
        self.run_bulk()
        self.assertEqual((known.import_pending, known.export_pending, known.content_hash), (True, False, False))
        self.assertEqual((mine.import_pending, mine.export_pending, mine.state), (False, True, "pending"))
        self.assertEqual((held.state, held.content_hash), ("held", "x"))

    def test_issues(self):
        issue = self.env["integration.issue"].create({
            "connection_id": self.connection.id, "flow_id": self.flow.id, "fingerprint": "f", "message": "Refused.",
            "last_seen_at": fields.Datetime.now()})
        found = self.make_failed(3, issue_id=issue.id)
        self.ask("action_choose_assignee", [("id", "=", issue.id)], "integration.issue",
                 assignee_id=self.users["manager"].id)
        self.run_bulk()
        self.assertEqual(issue.assignee_id, self.users["manager"])
        self.ask("action_choose_assignee", [("id", "in", found.ids)], assignee_id=self.users["user"].id)
        self.run_bulk()
        self.assertEqual(issue.assignee_id, self.users["user"])
        bulk = self.ask("action_skip_all", [("id", "=", issue.id)], "integration.issue")
        self.assertEqual(bulk.total, 3)
        self.run_bulk()
        self.assertEqual(set(found.mapped("state")), {"skipped"})
        self.assertEqual((issue.state, issue.resolved_how, issue.resolved_by_id),
                         ("resolved", "skipped", self.users["user"]))

    def test_cancel(self):
        found = self.make_failed(2)
        bulk = self.ask("action_retry", [("id", "in", found.ids)])
        other = new_test_user(self.env, "bulk_other", groups="integration_flow.group_integration_user")
        with self.assertRaises(AccessError):
            bulk.with_user(other).get_progress()
        bulk.with_user(self.users["user"]).action_cancel()
        self.run_bulk()
        self.assertEqual((bulk.state, bulk.done), ("cancelled", 0))
        self.assertIn("screens_user", bulk.message)
        self.assertEqual(set(found.mapped("state")), {"failed"})

    def test_rights_of_the_one_who_asked(self):
        """Records of another company are not touched, whatever the filter says; nor without the group."""
        elsewhere = self.env["res.company"].create({"name": "Elsewhere"})
        mine, others = self.make_failed(2)
        others.company_id = elsewhere
        bulk = self.ask("action_retry", [])
        self.run_bulk()
        self.assertEqual((mine.state, others.state), ("pending", "failed"))
        self.assertEqual(bulk.total, bulk.done)
        with self.assertRaises(AccessError):
            self.env["integration.bulk.action"].with_user(self.outsider).ask("integration.sync", "action_retry", [])
        with self.assertRaises(AccessError):
            self.ask("action_retry", [("payload", "=", "x")])  # nobody may look for what he may not see
        with self.assertRaises(UserError):
            self.ask("unlink", [])

    def test_one_that_cannot_go_on_does_not_stop_others(self):
        found = self.make_failed(2)
        broken = self.ask("action_retry", [("id", "=", found[0].id)])
        broken.sudo().domain = [("no_such_field", "=", 1)]
        fine = self.ask("action_retry", [("id", "=", found[1].id)])
        with mute_logger("odoo.addons.integration_flow.engine.bulk_actions"):
            self.run_bulk()
        self.assertEqual((broken.state, fine.state), ("failed", "done"))
        self.assertIn("no_such_field", broken.message)
        self.assertEqual(found.mapped("state"), ["failed", "pending"])

    def test_many_selected_go_to_the_background(self):
        found = self.make_failed(3).with_user(self.users["user"])
        with patch("odoo.addons.integration_flow.models.bulk_buttons.BULK_FROM", 2):
            answer = found.action_resync()
        self.assertEqual(answer["tag"], "integration_bulk_progress")
        self.run_bulk()
        self.assertEqual(set(found.mapped("state")), {"pending"})


@tagged("post_install", "-at_install")
class TestAttention(BulkTools, TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_screen_data()

    def mine(self, user):
        found = self.env["integration.attention"].with_user(user).get_mine()
        return found["total"], {line["kind"]: line["count"] for line in found["lines"]}

    def test_counts_by_group(self):
        sync = self.make_failed(1, "unknown")
        self.make_failed(2, "held")
        of_record = {"sync_id": sync.id, "flow_id": self.flow.id, "model": "res.partner"}
        self.env["integration.conflict"].create({**of_record, "code": "email"})
        self.env["integration.conflict"].create({**of_record, "code": "name", "decision": "odoo"})
        self.env["integration.deletion"].create({**of_record, "side": "odoo", "what": "archive"})
        issue = {"connection_id": self.connection.id, "flow_id": self.flow.id, "message": "Refused."}
        assigned = self.env["integration.issue"].create({**issue, "fingerprint": "a", "needs_person": True})
        self.env["integration.issue"].create([
            {**issue, "fingerprint": "b"},  # still tried by itself
            {**issue, "fingerprint": "c", "needs_person": True, "error_code": "conflict"},  # stands among the conflicts
            {**issue, "fingerprint": "d", "needs_person": True, "state": "resolved"},
        ])
        everything = {"issues": 1, "conflicts": 1, "unknown": 1, "held": 2, "deletions": 1}
        for name in GROUPS:
            with self.subTest(group=name):
                self.flow.responsible_id = self.users[name]
                self.assertEqual(self.mine(self.users[name]), (6, everything))
        self.flow.responsible_id = self.users["manager"]
        self.assertEqual(self.mine(self.users["user"]), (0, {}))
        assigned.assignee_id = self.users["user"]
        self.assertEqual(self.mine(self.users["user"]), (1, {"issues": 1}))
        self.assertEqual(self.mine(self.users["manager"])[1].get("issues"), None, "somebody else has it")
        self.flow.responsible_id = self.outsider
        self.assertEqual(self.mine(self.outsider), (0, {}))
        with self.assertRaises(AccessError):
            self.env["integration.attention"].with_user(self.outsider).open_mine("held")

    def test_lists_hold_what_was_counted(self):
        self.flow.responsible_id = self.users["user"]
        self.make_failed(2, "held")
        action = self.env["integration.attention"].with_user(self.users["user"]).open_mine("held")
        self.assertEqual(self.env[action["res_model"]].with_user(self.users["user"]).search_count(action["domain"]), 2)

    def test_one_query(self):
        attention = self.env["integration.attention"].with_user(self.users["user"])
        attention.get_mine()
        self.env.flush_all()
        with self.assertQueryCount(1):
            attention.get_mine()

    def test_counting_ends(self):
        self.flow.responsible_id = self.users["user"]
        self.make_failed(4, "held")
        with patch("odoo.addons.integration_flow.models.attention.COUNTED_AT_MOST", 3):
            lines = self.env["integration.attention"].with_user(self.users["user"]).get_mine()["lines"]
        self.assertEqual([(line["count"], line["more"]) for line in lines], [(3, True)])


@tagged("post_install", "-at_install")
class TestBulkTour(ShopTourCase):
    def test_bulk_retry_of_500(self):
        flow = self.customer_flow(name="Tour Customers", responsible_id=self.clerk.id)
        self.receive(flow, *({"id": number, "first_name": f"Tour {number}", "email": f"tour{number}@example.com"}
                             for number in range(1, 501)))
        syncs = self.env["integration.sync"].search([("flow_id", "=", flow.id)])
        self.assertEqual(len(syncs), 500)
        syncs.sudo().write({
            "state": "failed", "due_at": False, "error_message": "The shop was closed.", "import_pending": True})
        syncs[0].sudo().write({"state": "unknown"})
        self.start_tour("/odoo/integration-records", "integration_flow_bulk_retry", login="tour_clerk")
        self.run_job(self.env.ref("integration_flow.cron_bulk_actions"))
        bulk = self.env["integration.bulk.action"].search([("user_id", "=", self.clerk.id)])
        self.assertEqual((bulk.action, bulk.state, bulk.total, bulk.done), ("retry", "done", 499, 499))
        self.work()
        self.assertEqual(dict(self.env["integration.sync"]._read_group(
            [("flow_id", "=", flow.id)], ["state"], ["__count"])), {"synced": 499, "unknown": 1})
