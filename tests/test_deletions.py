"""Deletions: asked about, approved, rejected, void; noticed by marks, webhooks and full scans."""

from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from odoo.addons.integration_flow.engine import full_scan, inbox
from odoo.addons.integration_flow.engine.plan import FlowPlan
from odoo.addons.integration_flow.engine.pressed import RUN_NOW_LIMIT

from .common import PAGED, FlowCase
from .export_common import ExportTools

GROUP = "integration_flow.group_integration_%s"


class DeletionCase(ExportTools, FlowCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clerk = cls.make_user("clerk", f"base.group_user,base.group_partner_manager,{GROUP % 'user'}")
        cls.manager = cls.make_user("manager", f"base.group_user,base.group_partner_manager,{GROUP % 'manager'}")
        cls.reader = cls.make_user("reader", f"base.group_user,{GROUP % 'user'}")

    def customer(self, number, **more):
        return {"id": number, "first_name": f"C{number}", "email": f"c{number}@example.com", "deleted_at": None, **more}

    def deletions(self, user=None):
        """``{external ID: deletion}``"""
        rows = self.env["integration.deletion"].with_user(user or self.clerk).search([("flow_id", "=", self.flow.id)])
        return {row.external_id: row for row in rows}


@tagged("post_install", "-at_install")
class TestDeletedThere(DeletionCase):

    def setUp(self):
        super().setUp()
        self.flow = self.customer_flow(delete_in_odoo="ask", responsible_id=self.manager.id)
        self.flow.resource_id.deleted_path = "deleted_at"

    def gone(self, *numbers, modified="2026-02-01T10:00:00"):
        """These customers are marked as deleted in the list."""
        self.receive(self.flow, *(
            self.customer(number, deleted_at="2026-02-01", date_modified_gmt=modified) for number in numbers))
        return self.deletions()

    def here(self, *numbers):
        self.receive(self.flow, *map(self.customer, numbers))
        return self.records(self.flow)

    def test_asked_and_approved(self):
        partner = self.here(1)["1"]
        deletion = self.gone(1)["1"]
        self.assertTrue(partner.active)
        self.assertEqual((deletion.display_name, deletion.side, deletion.what_text, deletion.state),
                         ("c1@example.com", "odoo", "is archived in Odoo", "open"))
        self.assertTrue(deletion.create_date)
        self.assertSyncs(self.flow, {"1": "waiting"})
        self.assertEqual(self.flow.activity_ids.user_id, self.manager)
        self.assertEqual(self.flow.deletion_count, 1)
        self.gone(1, modified="2026-02-02T10:00:00")
        self.assertEqual(self.deletions()["1"], deletion, "asked once")
        result = self.press(deletion.action_approve)
        self.assertEqual(result["params"]["type"], "success", result)
        self.assertIn("approved by", result["params"]["message"])
        self.assertFalse(partner.active)
        self.assertFalse(self.deletions())
        self.assertSyncs(self.flow, {"1": "excluded"})
        self.assertEqual(self.logs(self.syncs(self.flow)["1"], "resolved").user_id, self.clerk)
        self.assertFalse(self.flow.activity_ids)

    def test_rejected_is_remembered_until_it_reappears(self):
        partner = self.here(1)["1"]
        self.press(self.gone(1)["1"].action_reject)
        self.assertTrue(partner.active)
        sync = self.syncs(self.flow)["1"]
        self.assertEqual(sync.state, "excluded")
        self.assertIn(self.clerk.name, sync.error_message)
        self.gone(1, modified="2026-02-02T10:00:00")
        self.press(sync.with_user(self.clerk).action_resync)
        self.assertEqual((self.deletions()["1"].state, sync.state, partner.active), ("rejected", "excluded", True))
        self.receive(self.flow, self.customer(1, date_modified_gmt="2026-03-01T10:00:00"))
        self.assertFalse(self.deletions(), "it is back")
        self.assertEqual(sync.state, "synced")
        self.assertEqual(self.gone(1, modified="2026-04-01T10:00:00")["1"].state, "open", "so somebody is asked again")

    def test_it_needs_attention(self):
        """It stands among the issues, on the business record and in the systray, until somebody has decided."""
        partners = self.here(1, 2)
        self.gone(1, 2)
        issue = self.env["integration.issue"].search([("flow_id", "=", self.flow.id)])
        self.assertEqual((issue.state, issue.needs_person, issue.severity, issue.affected_count), ("open", True, "2", 2))
        self.assertIn("Somebody has to approve", issue.message)
        self.assertFalse(self.env["mail.activity"].search([("integration_issue_id", "=", issue.id)]), "the flow tells")
        action = issue.with_user(self.clerk).action_fix()
        self.assertEqual(self.env[action["res_model"]].search(action["domain"]).sorted("id"),
                         self.env["integration.deletion"].union(*self.deletions().values()).sorted("id"))
        mine = self.env["integration.attention"].with_user(self.manager).get_mine()["lines"]
        self.assertEqual({line["kind"]: line["count"] for line in mine}, {"deletions": 2}, "counted once")
        syncs = self.env["integration.sync"].with_user(self.clerk)
        [status] = syncs.get_record_status("res.partner", partners["1"].id)
        self.assertEqual((status["decision"], status["state_label"], status["can_retry"]),
                         ("deletion", "Deletion to Approve", False))
        self.assertIn("Somebody has to approve that it is archived in Odoo", status["message"])
        self.press(self.deletions()["1"].action_approve)
        self.press(self.deletions()["2"].action_reject)
        issue.invalidate_recordset()
        self.assertEqual((issue.state, issue.resolved_how, issue.resolved_by_id), ("resolved", "deletion", self.clerk))
        [status] = syncs.get_record_status("res.partner", partners["2"].id)
        self.assertNotIn("decision", status)

    def test_everything_that_matches(self):
        """Approved in the background with its progress, as far as the user may delete such records himself."""
        partners = self.here(1, 2, 3)
        self.gone(1, 2, 3)
        actions = self.env["integration.bulk.action"]
        dialog = actions.with_user(self.clerk).ask(
            "integration.deletion", "action_approve", [("flow_id", "=", self.flow.id)])
        wizard = self.env[dialog["res_model"]].with_user(self.clerk).with_context(**dialog["context"]).create({})
        self.assertEqual(wizard.total, 3)
        self.assertIn("cannot be brought back", wizard.text)
        refused = actions.with_user(self.reader)._start("approve", "integration.deletion", [])
        refused = actions.browse(refused["params"]["id"])
        self.work_on_bulk()
        self.assertEqual((refused.state, refused.done, refused.failed), ("done", 0, 3))
        self.assertTrue(all(partner.active for partner in partners.values()))
        bulk = actions.browse(wizard.action_start()["params"]["id"])
        with patch("odoo.addons.integration_flow.engine.bulk_actions.DECIDED_PAGE", 2):
            self.work_on_bulk()
        self.assertEqual((bulk.state, bulk.done, bulk.failed), ("done", 3, 0))
        self.assertFalse(self.flow.activity_ids, "nobody is reminded any more")
        self.work()
        self.assertFalse(any(partner.active for partner in partners.values()))
        line = self.logs(self.syncs(self.flow)["1"], "resolved")
        self.assertEqual((line.user_id, line.message), (self.clerk, f"Deletion approved by {self.clerk.name}."))

    def work_on_bulk(self):
        self.env.cr.flush()
        with self.enter_registry_test_mode():
            self.env.ref("integration_flow.cron_bulk_actions").method_direct_trigger()
        self.env.invalidate_all()

    def test_it_reappears_before_somebody_decides(self):
        partner = self.here(1)["1"]
        deletion = self.gone(1)["1"]
        self.receive(self.flow, self.customer(1, first_name="Again", date_modified_gmt="2026-03-01T10:00:00"))
        self.assertFalse(self.deletions())
        self.assertEqual((partner.name, self.states(self.flow)), ("Again", {"1": "synced"}))
        self.assertFalse(self.flow.activity_ids)
        with self.refuses(UserError, "the record is back"):
            self.press(deletion.action_approve)

    def test_it_reappears_while_somebody_decides(self):
        """The button reads the record first, where the API can."""
        partner = self.here(1)["1"]
        deletion = self.gone(1)["1"]
        self.put_customers(self.customer(1, date_modified_gmt="2026-03-01T10:00:00"))
        result = self.press(deletion.action_approve)
        self.assertEqual(result["params"]["type"], "warning", result)
        self.assertTrue(partner.active)
        self.assertFalse(self.deletions())

    def test_delete_after_approval(self):
        self.flow.delete_approved = "delete"
        partner = self.here(1)["1"]
        deletion = self.gone(1)["1"]
        self.assertEqual(deletion.what_text, "is deleted in Odoo")
        self.press(deletion.action_approve)
        self.assertFalse(partner.exists())

    def test_nothing_is_left_to_do(self):
        partners = self.here(1, 2)
        partners["1"].active = False
        partners["2"].unlink()
        self.gone(1, 2, 3)
        self.assertFalse(self.deletions())
        self.assertSyncs(self.flow, {"1": "excluded", "2": "excluded", "3": "excluded"})

    def test_odoo_refuses(self):
        self.flow.delete_approved = "delete"
        partner = self.here(1)["1"]
        self.make_user("c1", partner_id=partner.id)
        found = self.gone(1)
        self.assertSyncs(self.flow, {"1": "waiting"})
        result = self.press(found["1"].action_approve)
        self.assertEqual(result["params"]["type"], "danger")
        self.assertFailed(self.syncs(self.flow)["1"], "constraint", "user")
        self.assertEqual(self.deletions()["1"].state, "approved")

    def test_many_at_once(self):
        numbers = range(1, RUN_NOW_LIMIT + 4)
        partners = self.here(*numbers)
        self.gone(*numbers)
        rows = self.env["integration.deletion"].with_user(self.clerk).search([("flow_id", "=", self.flow.id)])
        self.env["integration.guard"].create({"flow_id": self.flow.id, "kind": "delete", "limit": 1})
        self.press(rows.filtered(lambda row: row.external_id != "1").action_approve)
        self.work()
        self.assertEqual({number for number, partner in partners.items() if partner.active}, {"1"},
                         "what somebody has looked at is not held by a guardrail")
        self.assertEqual(set(self.deletions()), {"1"})

    def test_nobody_is_asked_any_more(self):
        partner = self.here(1)["1"]
        self.gone(1)
        self.flow.delete_in_odoo = "archive"
        self.work()
        self.assertFalse(self.deletions())
        self.assertEqual((partner.active, self.states(self.flow)), (True, {"1": "excluded"}))

    def test_skipping_is_no_approval(self):
        partner = self.here(1)["1"]
        self.gone(1)
        self.press(self.syncs(self.flow)["1"].with_user(self.clerk).action_skip)
        self.assertFalse(self.deletions())
        self.assertTrue(partner.active)

    def test_who_may_decide(self):
        self.here(1)
        deletion = self.gone(1)["1"]
        with self.refuses(AccessError, "may not delete or archive"):
            self.press(deletion.with_user(self.reader).action_approve)
        with self.refuses(AccessError, "may not delete or archive"):
            self.press(deletion.with_user(self.reader).action_reject)
        with self.assertRaises(AccessError):
            deletion.with_user(self.manager).write({"state": "approved"})
        self.env.cr.execute("UPDATE integration_deletion SET company_id = %s", [
            self.env["res.company"].create({"name": "Other"}).id])
        self.env.invalidate_all()
        self.assertFalse(self.deletions())

    def test_reported_by_a_webhook(self):
        """A report is stored as a record that says nothing but its end."""
        partner = self.here(1)["1"]
        inbox.store(self.env.cr, FlowPlan(self.flow), [inbox.tombstone("1")], now=fields.Datetime.now())
        self.work()
        self.assertTrue(partner.active)
        self.press(self.deletions()["1"].action_approve)
        self.assertTrue(partner.active, "it is there when it is read: the report was wrong")
        self.shop.delete("customers", 1)
        inbox.store(self.env.cr, FlowPlan(self.flow), [inbox.tombstone("1")], now=fields.Datetime.now())
        self.work()
        self.press(self.deletions()["1"].action_approve)
        self.assertFalse(partner.active)


@tagged("post_install", "-at_install")
class TestFullScan(DeletionCase):

    def scan_flow(self, *, read=True, **vals):
        operations = {"list": {"path": "customers", **PAGED, "page_size": 5}}
        if read:
            operations["read"] = {"path": "customers/{id}", "error_paths": "message"}
        self.flow = self.customer_flow(**{
            "delete_in_odoo": "archive", "delete_detection": "full_scan", "operations": operations,
            "responsible_id": self.manager.id, **vals})
        self.receive(self.flow, *map(self.customer, range(1, 21)))
        self.env.cr.execute("UPDATE integration_link SET create_date = create_date - interval '1 hour'")
        self.env.invalidate_all()
        return self.records(self.flow)

    def archived(self, partners):
        return {number for number, partner in partners.items() if not partner.active}

    def test_what_is_missing_is_deleted(self):
        partners = self.scan_flow()
        self.shop.delete("customers", 3, 17)
        run = self.run_flow(self.flow, full=True)
        self.assertEqual(self.archived(partners), {"3", "17"})
        self.assertEqual((run.state, run.scan, run.missing_count), ("done", "done", 2))
        self.assertTrue(self.flow.last_scan_at)
        self.assertFalse(self.env["integration.scan"].search([]))
        run = self.run_flow(self.flow, full=True)
        self.assertEqual((run.scan, run.missing_count), ("done", 0), "known already")

    def test_ask_about_what_is_missing(self):
        partners = self.scan_flow(delete_in_odoo="ask")
        self.shop.delete("customers", 3)
        self.run_flow(self.flow, full=True)
        deletion = self.deletions()["3"]
        self.put_customers(self.customer(3))
        self.run_flow(self.flow, full=True)
        self.assertFalse(self.deletions(), "it is in the list again, as it was")
        self.assertFalse(deletion.exists())
        self.shop.delete("customers", 3)
        self.run_flow(self.flow, full=True)
        self.press(self.deletions()["3"].action_reject)
        self.run_flow(self.flow, full=True)
        self.assertEqual((self.deletions()["3"].state, self.archived(partners)), ("rejected", set()))

    def test_only_a_whole_reading_counts(self):
        partners = self.scan_flow(operations={
            "list": {"path": "customers", **PAGED, "page_size": 5, "incremental_param": "modified_after"},
            "read": {"path": "customers/{id}", "error_paths": "message"}})
        self.shop.delete("customers", 3)
        run = self.run_flow(self.flow)
        self.assertFalse(run.scan, "what has changed since")
        self.assertFalse(self.archived(partners))
        # A page that fails is read again, and the scan goes on; one that fails for ever ends it.
        self.shop.fault("server_error", path="/customers", times=1)
        run = self.flow._open_run("button", full=True)
        self.work()
        self.assertFalse(self.archived(partners))
        self.make_due(self.flow)
        self.work()
        self.assertEqual(self.archived(partners), {"3"})
        self.shop.delete("customers", 4)
        self.shop.fault("status", status=400, message="No.", path="/customers", after=2, times=1)
        run = self.run_flow(self.flow, full=True)
        self.assertEqual((run.state, run.scan, self.archived(partners)), ("failed", "reading", {"3"}))
        self.run_flow(self.flow, full=True)
        self.assertEqual(self.archived(partners), {"3", "4"})

    def test_a_stopped_run(self):
        partners = self.scan_flow()
        self.shop.delete("customers", 3)
        run = self.flow._open_run("button", full=True)
        run.action_stop()
        self.work()
        self.assertFalse(self.archived(partners))

    def test_a_list_that_is_not_believed(self):
        partners = self.scan_flow()
        self.shop.delete("customers", *range(1, 13))
        run = self.run_flow(self.flow, full=True)
        self.assertEqual((run.scan, self.archived(partners)), ("void", set()))
        self.assertIn("12 of 20 linked records are missing from a list of 8", run.message)
        self.assertEqual(self.flow.activity_ids.user_id, self.manager)
        self.run_flow(self.flow, full=True)
        self.assertEqual(len(self.flow.activity_ids), 1, "told once")
        self.flow.missing_limit_percent = 60
        self.run_flow(self.flow, full=True)
        self.assertEqual(len(self.archived(partners)), 12)
        self.shop.delete("customers", *range(13, 21))
        self.flow.missing_limit_percent = 100
        run = self.run_flow(self.flow, full=True)
        self.assertEqual(run.scan, "void", "an empty list is never believed")
        self.assertEqual(len(self.archived(partners)), 12)

    def test_a_guardrail_holds_it(self):
        partners = self.scan_flow()
        self.env["integration.guard"].create({"flow_id": self.flow.id, "kind": "delete", "limit": 3})
        self.shop.delete("customers", *range(1, 13))
        run = self.run_flow(self.flow, full=True)
        self.assertEqual((run.state, run.held_preview["counts"], self.archived(partners)), ("held", {"delete": 12}, set()))
        run.action_approve()
        self.work()
        self.assertEqual(len(self.archived(partners)), 12)

    def test_a_record_that_the_list_has_left_out(self):
        """A list that moves while it is read loses records: what is missing is read once before it counts."""
        partners = self.scan_flow()
        self.shop.delete("customers", 3)
        with patch.object(full_scan, "note_page", self.note_without("7")):
            self.run_flow(self.flow, full=True)
        self.assertEqual(self.archived(partners), {"3"})
        self.assertEqual(self.states(self.flow)["7"], "synced")

    def test_whether_it_is_gone_cannot_be_told_just_now(self):
        partners = self.scan_flow(retry_attempts=3)
        self.shop.delete("customers", 3)
        self.shop.fault("server_error", path="/customers/3", times=1)
        self.run_flow(self.flow, full=True)
        self.assertEqual((self.archived(partners), self.states(self.flow)["3"]), (set(), "waiting"))
        self.make_due(self.flow)
        self.work()
        self.assertEqual(self.archived(partners), {"3"})

    @staticmethod
    def note_without(external_id):
        note = full_scan.note_page

        def note_page(cr, plan, run_id, stored, **more):
            stored.external_ids = [known for known in stored.external_ids if known != external_id]
            note(cr, plan, run_id, stored, **more)
        return note_page

    def test_a_record_without_an_id(self):
        partners = self.scan_flow()
        self.shop.delete("customers", 3)
        self.put_customers({"id": 30, "first_name": "X", "email": "x@example.com"})
        plan = FlowPlan(self.flow)
        with patch.object(FlowPlan, "external_id", lambda _plan, record: "" if record["id"] == 30 else str(record["id"])):
            run = self.run_flow(self.flow, full=True)
        self.assertTrue(plan.scans)
        self.assertEqual((run.scan, self.archived(partners)), ("void", set()))
        self.assertIn("without a readable identifier", run.message)

    def test_what_was_linked_while_the_list_was_read(self):
        partners = self.scan_flow()
        self.env.cr.execute("UPDATE integration_link SET create_date = %s WHERE external_id = '3'", [
            fields.Datetime.add(fields.Datetime.now(), minutes=1)])
        self.shop.delete("customers", 3, 4)
        self.run_flow(self.flow, full=True)
        self.assertEqual(self.archived(partners), {"4"})

    def test_our_own_filter_hides_nothing(self):
        """Records that the flow's filter leaves out are in the list, so they are not deleted."""
        partners = self.scan_flow()
        self.flow.external_filter = "id != `5`"
        self.shop.delete("customers", 3)
        self.run_flow(self.flow, full=True)
        self.assertEqual(self.archived(partners), {"3"})

    def test_a_list_query_and_a_full_scan_exclude_each_other(self):
        self.scan_flow()
        with self.refuses(ValidationError, "list query"):
            self.flow.list_query = '{"role": "customer"}'

    def test_without_read(self):
        partners = self.scan_flow(read=False)
        self.shop.delete("customers", 3)
        self.run_flow(self.flow, full=True)
        self.assertEqual(self.archived(partners), {"3"})

    def test_scheduled_runs_read_everything_now_and_then(self):
        now = fields.Datetime.now()
        self.scan_flow()
        self.flow.last_scan_at = False
        self.assertTrue(self.flow._is_scan_due(now))
        self.flow.write({"timing": "scheduled", "next_run_at": now})
        self.work()
        run = self.flow.last_run_id
        self.assertEqual((run.trigger, run.full, run.scan), ("schedule", True, "done"))
        self.flow.next_run_at = now
        self.work()
        self.assertFalse(self.flow.run_ids.filtered(lambda other: other.id > run.id).full)
        self.flow.full_scan_days = 7
        self.assertFalse(self.flow._is_scan_due(fields.Datetime.add(now, days=6)))
        self.assertTrue(self.flow._is_scan_due(fields.Datetime.add(now, days=8)))


@tagged("post_install", "-at_install")
class TestDeletedInOdoo(DeletionCase):

    def sent(self, count=1, **vals):
        self.flow = self.out_flow(delete_in_external="ask", **vals)
        people = self.partners(count)
        self.work()
        return people

    def there(self):
        return len(self.shop.dump("customers"))

    def test_asked_and_approved(self):
        self.sent().unlink()
        self.work()
        deletion, = self.deletions().values()
        self.assertEqual((self.there(), deletion.what_text, deletion.side), (1, "is deleted in Shop", "external"))
        self.assertEqual(list(self.states(self.flow).values()), ["waiting"])
        result = self.press(deletion.action_approve)
        self.assertEqual(result["params"]["type"], "success", result)
        self.assertEqual((self.there(), self.deletions()), (0, {}))
        self.assertFalse(self.records(self.flow))

    def test_rejected(self):
        self.sent().unlink()
        self.work()
        self.press(next(iter(self.deletions().values())).action_reject)
        self.assertEqual((self.there(), self.deletions()), (1, {}))
        sync, = self.syncs(self.flow).values()
        self.assertEqual(sync.state, "excluded")
        self.assertIn("kept in the other system", sync.error_message)

    def test_many_and_a_failure(self):
        people = self.sent(RUN_NOW_LIMIT + 2)
        people.unlink()
        self.work()
        rows = self.env["integration.deletion"].with_user(self.clerk).search([])
        self.assertEqual(len(rows), RUN_NOW_LIMIT + 2)
        self.shop.fault("status", status=403, message="Not now.", method="DELETE", times=1)
        self.press(rows.action_approve)
        self.work()
        self.assertEqual((self.there(), len(self.deletions())), (1, 1))
        self.assertEqual(self.deletions().popitem()[1].state, "approved", "its record says what is wrong")

    def test_news_from_there_do_not_answer_the_question(self):
        self.sent(direction="both").unlink()
        self.work()
        sync, = self.syncs(self.flow).values()
        self.shop.touch("customers", ids=[int(sync.external_id)], changes={"first_name": "News"})
        self.run_flow(self.flow, full=True)
        self.assertEqual((sync.state, len(self.deletions())), ("waiting", 1))
        self.press(next(iter(self.deletions().values())).action_approve)
        self.assertEqual(self.there(), 0)

    def test_linked_anew(self):
        """The record over there belongs to another Odoo record by now: there is nothing to ask any more."""
        people = self.sent()
        external_id = next(iter(self.records(self.flow)))
        people.unlink()
        self.work()
        deletion, = self.deletions().values()
        other = self.partner("Other")
        self.env["integration.link"].search([("external_id", "=", external_id)]).unlink()
        self.env["integration.link"].create({
            "connection_id": self.connection.id, "resource_id": self.flow.resource_id.id, "external_id": external_id,
            "model": "res.partner", "res_id": other.id})
        self.work()
        self.assertFalse(deletion.exists())
        self.assertEqual(self.there(), 1)

    def test_who_may_decide(self):
        self.sent().unlink()
        self.work()
        deletion, = self.deletions().values()
        with self.refuses(AccessError, "may not delete or archive"):
            self.press(deletion.with_user(self.reader).action_approve)

    def test_archiving_counts(self):
        people = self.sent(3, archived_is_deleted=True)
        people.active = False
        self.work()
        self.assertEqual((self.there(), len(self.deletions())), (3, 3))
        first, second, third = (self.deletions()[self.sync(self.flow, person).external_id] for person in people)
        people[0].active = True
        self.work()
        self.assertFalse(first.exists(), "in use again")
        self.assertEqual(self.sync(self.flow, people[0]).state, "synced")
        self.press(second.action_reject)
        people[1].name = "Changed in the archive"
        self.work()
        self.assertEqual((second.state, self.sync(self.flow, people[1]).state), ("rejected", "excluded"))
        self.press(third.action_approve)
        self.assertEqual(self.there(), 2)
        people[2].name = "Changed in the archive"
        self.work()
        self.assertEqual((self.there(), self.sync(self.flow, people[2]).state), (2, "excluded"))
        people[2].active = True
        self.work()
        self.assertEqual((self.there(), self.sync(self.flow, people[2]).state), (3, "synced"), "sent anew")

    def test_archiving_is_no_deletion_by_itself(self):
        people = self.sent()
        people.active = False
        self.work()
        self.assertEqual((self.there(), self.deletions()), (1, {}))

    def sync(self, flow, record):
        return self.env["integration.sync"].search([("flow_id", "=", flow.id), ("res_id", "=", record.id)])
