"""Issues: failures with one cause are one line, counted right whatever happens, closed and opened by themselves."""

from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.integration_flow.engine import issue_jobs
from odoo.addons.integration_flow.engine.fetcher import Fetcher

from .common import FlowCase
from .export_common import ExportTools

REFUSED = {"method": "POST", "path": "/customers", "status": 400}


class IssueTools(ExportTools):
    def issues(self, **wanted):
        domain = [("connection_id", "=", self.connection.id), *[(name, "=", value) for name, value in wanted.items()]]
        return self.env["integration.issue"].search(domain)

    @property
    def issue(self):
        """The one open issue."""
        found = self.issues(state="open")
        self.assertEqual(len(found), 1, found.mapped("message"))
        return found

    def mapped_flow(self, **vals):
        """Customers whose country is a value of a map; nothing is mapped yet."""
        self.map = self.env["integration.value.map"].create({"name": "Titles"})
        return self.customer_flow([
            ("function", "billing.company", {"transform": "value_map", "value_map_id": self.map.id})], **vals)

    @staticmethod
    def customer(number, title="Boss"):
        return {"id": number, "first_name": f"C{number}", "email": f"c{number}@example.com", "billing": {"company": title}}

    def map_value(self, external="Boss", odoo="Director"):
        line = self.map.line_ids.filtered(lambda line: line.external_value == external)
        line.odoo_value = odoo
        return line

    def run_jobs(self):
        self.env.cr.flush()
        with self.enter_registry_test_mode():
            problem = self.env.ref("integration_flow.cron_issue_jobs").method_direct_trigger()
        self.env.invalidate_all()
        self.assertIs(problem, True)

    def activities(self, **wanted):
        return self.env["mail.activity"].search([
            ("integration_issue_id", "!=", False), *[(name, "=", value) for name, value in wanted.items()]])


@tagged("post_install", "-at_install")
class TestIssues(IssueTools, FlowCase):
    def test_one_cause_one_issue(self):
        flow = self.mapped_flow()
        self.receive(flow, *[self.customer(number) for number in range(1, 4)], self.customer(9, "Clerk"))
        found = self.issues(state="open")
        self.assertEqual({issue.error_key: issue.affected_count for issue in found},
                         {f"{self.map.id}:Boss": 3, f"{self.map.id}:Clerk": 1})
        boss = found.filtered(lambda issue: issue.affected_count == 3)
        self.assertEqual((boss.flow_id, boss.error_class, boss.severity, boss.failing_count, boss.attempts),
                         (flow, "unmapped", "2", 3, 1))
        self.assertIn("Boss", boss.message)
        self.assertTrue(boss.hint)
        self.assertTrue(boss.needs_person)
        self.assertTrue(boss.first_seen_at and boss.last_seen_at)

    def test_fix_once_releases_all_and_says_so(self):
        flow = self.mapped_flow()
        self.receive(flow, *[self.customer(number) for number in range(1, 4)])
        issue = self.issue
        action = issue.action_fix()
        self.assertEqual((action["res_model"], action["res_id"]), ("integration.value.map", self.map.id))
        self.map_value()
        self.assertEqual((issue.affected_count, issue.failing_count, issue.retrying_count, issue.state), (3, 0, 3, "open"))
        self.work()
        self.assertEqual((issue.state, issue.affected_count, issue.resolved_how, issue.resolved_by_id),
                         ("resolved", 0, "mapped", self.env.user))
        self.assertTrue(issue.resolved_at)
        self.assertEqual(set(self.states(flow).values()), {"synced"})
        self.assertFalse(self.env["integration.sync"].search([("flow_id", "=", flow.id)]).issue_id)

    def test_same_cause_opens_again(self):
        flow = self.mapped_flow()
        self.receive(flow, self.customer(1))
        issue = self.issue
        line = self.map_value()
        self.work()
        self.assertEqual(issue.state, "resolved")
        line.odoo_value = False
        self.receive(flow, self.customer(2))
        self.assertEqual(self.issue, issue)
        self.assertEqual((issue.times_opened, issue.resolved_how, issue.resolved_by_id.id, issue.affected_count),
                         (2, False, False, 1))

    def test_long_ago_is_a_new_issue(self):
        flow = self.mapped_flow()
        self.receive(flow, self.customer(1))
        old = self.issue
        line = self.map_value()
        self.work()
        old.resolved_at = fields.Datetime.now() - timedelta(days=40)
        line.odoo_value = False
        self.receive(flow, self.customer(2))
        self.assertNotEqual(self.issue, old)
        self.assertEqual(old.state, "resolved")

    def test_another_cause_moves_the_record(self):
        flow = self.mapped_flow()
        self.receive(flow, self.customer(1))
        first = self.issue
        self.receive(flow, self.customer(1, "Clerk"))
        self.assertEqual((first.state, first.resolved_how), ("resolved", "itself"))
        self.assertEqual(self.issue.error_key, f"{self.map.id}:Clerk")

    def test_every_way_out_counts(self):
        """Skip, deletion, new data that is left out, and by SQL from elsewhere."""
        flow = self.mapped_flow(external_filter="first_name != 'gone'")
        syncs = self.receive(flow, *[self.customer(number) for number in range(1, 6)])
        issue = self.issue
        self.assertEqual(issue.affected_count, 5)
        syncs["1"].action_skip()
        self.assertEqual((issue.affected_count, syncs["1"].issue_id.id), (4, False))
        syncs["2"].unlink()
        issue.invalidate_recordset()
        self.assertEqual(issue.affected_count, 3)
        self.receive(flow, {**self.customer(3), "first_name": "gone"})
        self.assertEqual(self.syncs(flow)["3"].state, "excluded")
        self.assertEqual(issue.affected_count, 3, "one left, and the deleted one came back")
        self.syncs(flow)["2"].action_skip()
        self.env.cr.execute("UPDATE integration_sync SET state = 'synced' WHERE id = %s", [syncs["4"].id])
        issue.invalidate_recordset()
        self.assertEqual(issue.affected_count, 1, "whoever changed it")
        self.work()
        syncs["4"].invalidate_recordset()
        self.assertFalse(syncs["4"].issue_id, "and it has left the issue for good")
        self.assertEqual(issue.state, "open")
        syncs["5"].action_skip()
        self.assertEqual((issue.state, issue.resolved_how, issue.resolved_by_id), ("resolved", "skipped", self.env.user))

    def test_deleting_the_last_record_closes(self):
        flow = self.mapped_flow()
        syncs = self.receive(flow, self.customer(1))
        issue = self.issue
        syncs["1"].unlink()
        self.assertEqual(issue.state, "resolved")

    def test_deleting_an_issue_forgets_it(self):
        flow = self.mapped_flow()
        syncs = self.receive(flow, self.customer(1))
        self.issue.unlink()
        self.assertFalse(syncs["1"].issue_id)
        self.work()
        self.assertEqual(self.issue.affected_count, 1, "the record still fails, so it is told again")

    def test_failed_by_other_hands_is_gathered(self):
        """A state that was not set by an attempt of the worker: a guard, the loss of a parent, older versions."""
        flow = self.customer_flow()
        syncs = self.receive(flow, self.customer(1), self.customer(2), self.customer(3))
        self.env.cr.execute(
            "UPDATE integration_sync SET state = 'held', error_message = 'More than 10 %%' WHERE id = ANY(%s)",
            [[syncs["1"].id, syncs["2"].id]])
        self.env.cr.execute(
            "UPDATE integration_sync SET state = 'failed', error_class = 'validation', error_code = 'parent_failed', "
            "error_message = 'Order 17 cannot come' WHERE id = %s", [syncs["3"].id])
        self.env.invalidate_all()
        self.work()
        found = {issue.error_code: issue for issue in self.issues(state="open")}
        self.assertEqual({code: issue.affected_count for code, issue in found.items()}, {"held": 2, "parent_failed": 1})
        self.assertTrue(all(issue.needs_person for issue in found.values()))

    def test_added_while_it_was_closed(self):
        flow = self.mapped_flow()
        self.receive(flow, self.customer(1))
        issue = self.issue
        issue.write({"state": "resolved", "resolved_at": fields.Datetime.now()})  # by a look that did not see the record
        self.work()
        self.assertEqual((issue.state, issue.affected_count, issue.times_opened), ("open", 1, 2))

    # -- of the connection ---------------------------------------------------------------------------------

    def test_system_in_trouble_is_one_issue_of_the_connection(self):
        """Records of two flows fail by the same 503: one issue, nobody is bothered while it is tried, and it closes."""
        first, second = self.out_flow(), self.out_flow(domain="[('ref', '=like', 'X%')]")
        self.shop.fault("status", method="POST", path="/customers", status=503, times=2)
        self.partner("Ann")
        self.work()
        issue = self.issue
        self.assertEqual((issue.flow_id.id, issue.connection_id, issue.error_class, issue.severity, issue.needs_person),
                         (False, self.connection, "server", "1", False))
        self.assertEqual(issue.affected_count, 2)
        self.assertTrue(issue.next_retry_at)
        self.assertFalse(self.activities())
        for flow in (first, second):
            self.make_due(flow)
        self.work()
        self.assertEqual((issue.state, issue.resolved_how), ("resolved", "itself"))

    def test_all_tries_used_up_needs_a_person(self):
        self.connection.administrator_id = self.env.ref("base.user_admin")
        self.out_flow(retry_attempts=1)
        self.shop.fault("status", method="POST", path="/customers", status=503, times=1)
        self.partner("Ann")
        self.work()
        issue = self.issue
        self.assertEqual((issue.needs_person, issue.severity), (True, "3"))
        self.assertEqual(issue.activity_ids.user_id, self.connection.administrator_id)
        self.assertEqual(issue.action_fix()["res_model"], "integration.connection")

    def test_reading_stopped_is_an_issue(self):
        flow = self.customer_flow(responsible_id=self.env.ref("base.user_admin").id)
        self.shop.fault("status", method="GET", path="/customers", status=400, times=1)
        self.run_flow(flow)
        issue = self.issue
        self.assertEqual((issue.of_run, issue.flow_id, issue.affected_count, issue.needs_person), (True, flow, 0, True))
        self.assertEqual(issue.action_fix()["res_model"], "integration.flow")
        self.assertTrue(issue.activity_ids)
        self.press(issue.action_retry_all)
        self.work()
        self.assertEqual(issue.state, "resolved")
        self.assertFalse(issue.activity_ids)

    # -- buttons -------------------------------------------------------------------------------------------

    def test_retry_a_few_at_once(self):
        self.out_flow()
        self.shop.fault("status", method="POST", path="/customers", status=400, times=2)
        self.partners(2)
        self.work()
        issue = self.issue
        answer = self.press(issue.action_retry_all)
        self.assertEqual(answer["params"]["type"], "success", answer)
        self.assertEqual((issue.state, issue.resolved_how, issue.resolved_by_id), ("resolved", "retried", self.env.user))

    def test_retry_many_in_the_background(self):
        flow = self.mapped_flow()
        self.receive(flow, *[self.customer(number) for number in range(1, 13)])
        issue = self.issue
        answer = issue.action_retry_all()
        self.assertEqual((answer["params"]["type"], issue.job, issue.job_total, issue.job_progress),
                         ("info", "retry", 12, 0))
        with patch.object(issue_jobs, "PAGE", 5):
            self.run_jobs()
        self.assertEqual((issue.job, issue.job_done, issue.retrying_count, issue.failing_count), (False, 12, 12, 0))
        self.assertEqual(len(self.logs(issue.sync_ids, "queued")), 12)
        self.work()
        self.assertEqual((issue.state, issue.failing_count), ("open", 12), "nothing was fixed")

    def test_skip_many_in_the_background(self):
        flow = self.mapped_flow()
        self.receive(flow, *[self.customer(number) for number in range(1, 9)])
        issue = self.issue
        issue.action_skip_all()
        self.run_jobs()
        self.assertEqual((issue.state, issue.resolved_how, issue.job), ("resolved", "skipped", False))
        self.assertEqual(set(self.states(flow).values()), {"skipped"})

    def test_a_conflict_is_not_retried(self):
        flow = self.customer_flow()
        syncs = self.receive(flow, self.customer(1))
        syncs["1"].state = "conflict"
        self.work()
        with self.refuses(UserError, "a conflict is decided"):
            self.issue.action_retry_all()

    def test_changed_rules_release(self):
        flow = self.customer_flow([("color", "billing.company", {"transform": "number"})])
        self.receive(flow, self.customer(1), self.customer(2))
        issue = self.issue
        self.assertEqual((issue.error_class, issue.affected_count), ("mapping", 2))
        flow.rule_ids.filtered(lambda rule: rule.odoo_path == "color").write(
            {"odoo_path": "function", "transform": "text"})
        self.assertEqual(issue.retrying_count, 2)
        self.work()
        self.assertEqual((issue.state, issue.resolved_how), ("resolved", "rules"))
        self.assertEqual(self.records(flow)["1"].function, "Boss")

    def test_new_credentials_release(self):
        self.out_flow()
        self.connection.auth_secret_input = "wrong"
        self.partner("Ann")
        self.work()
        issue = self.issue
        self.assertEqual((issue.error_class, issue.severity, issue.flow_id.id), ("authentication", "3", False))
        self.assertFalse(self.activities(), "the alert of the connection tells it")
        self.assertEqual(len(self.connection.activity_ids), 1)
        self.connection.auth_secret_input = self.shop.api_key
        self.assertFalse(self.connection.activity_ids)
        self.work()
        self.assertEqual(issue.state, "resolved")

    # -- rights --------------------------------------------------------------------------------------------

    def test_rights_of_each_group(self):
        flow = self.mapped_flow()
        self.receive(flow, *[self.customer(number) for number in range(1, 8)])
        issue = self.issue
        group = "integration_flow.group_integration_"
        outsider, user, manager = (
            self.make_user("i_outsider"), self.make_user("i_user", f"{group}user"),
            self.make_user("i_manager", f"{group}manager"))
        with self.assertRaises(AccessError):
            issue.with_user(outsider).read(["message"])
        with self.assertRaises(AccessError):
            issue.with_user(outsider).action_retry_all()
        with self.assertRaises(AccessError):
            issue.with_user(user).write({"message": "x"})
        issue.with_user(user).action_assign_to_me()
        self.assertEqual(issue.assignee_id, user)
        self.assertEqual(self.env["integration.issue"].with_user(user).search([("is_mine", "=", True)]), issue)
        self.assertFalse(self.env["integration.issue"].with_user(manager).search([("is_mine", "=", True)]))
        issue.with_user(user).action_retry_all()
        self.assertEqual((issue.job, issue.job_by_id), ("retry", user))
        issue.with_user(manager).write({"assignee_id": manager.id})
        issue.with_user(manager).unlink()

    def test_records_of_other_companies_are_left_alone(self):
        """An issue of a connection without a company holds records of several."""
        other = self.env["res.company"].create({"name": "Other company"})
        user = self.make_user("i_own_only", "integration_flow.group_integration_user")
        flow = self.customer_flow()
        issue = self.env["integration.issue"].create({
            "connection_id": self.connection.id, "fingerprint": "x", "error_class": "server", "message": "Down"})
        syncs = self.env["integration.sync"].create([{
            "flow_id": flow.id, "connection_id": self.connection.id, "company_id": company.id, "model": "res.partner",
            "external_id": f"{company.id}-{number}", "state": "failed", "issue_id": issue.id,
        } for company in (self.env.company, other) for number in range(6)])
        issue.with_user(user).action_skip_all()
        self.assertEqual(issue.job_total, 6)
        self.run_jobs()
        self.assertEqual(syncs.mapped("state"), ["skipped"] * 6 + ["failed"] * 6)
        self.assertEqual((issue.state, issue.affected_count), ("open", 6))

    def test_deleting_a_flow_takes_its_issues_and_activities(self):
        flow = self.mapped_flow(responsible_id=self.env.ref("base.user_admin").id)
        self.receive(flow, self.customer(1), self.customer(2))
        issue = self.issue
        self.assertTrue(self.activities())
        flow.unlink()
        self.assertFalse(issue.exists())
        self.assertFalse(self.env["mail.activity"].search([("res_model", "=", "integration.issue")]))

    def test_a_flow_that_cannot_be_read_at_all(self):
        """An error that nobody expected ends the run, and is an issue of the flow."""
        flow = self.customer_flow()
        with patch.object(Fetcher, "request", side_effect=ValueError("broken")), mute_logger(
                "odoo.addons.integration_flow.engine.reading"):
            self.run_flow(flow)
        issue = self.issue
        self.assertEqual((issue.error_class, issue.of_run, issue.needs_person), ("internal", True, True))
        self.run_flow(flow)
        self.assertEqual(issue.state, "resolved")

    def test_other_companies_see_nothing(self):
        other = self.env["res.company"].create({"name": "Other company"})
        stranger = self.make_user(
            "i_stranger", "integration_flow.group_integration_manager", company_id=other.id, company_ids=[other.id])
        flow = self.mapped_flow()
        self.receive(flow, self.customer(1))
        self.assertTrue(self.issue.company_id)
        self.assertFalse(self.env["integration.issue"].with_user(stranger).search([]))
        with self.assertRaises(AccessError):
            self.issue.with_user(stranger).action_skip_all()


@tagged("post_install", "-at_install")
class TestActivities(IssueTools, FlowCase):
    def setUp(self):
        super().setUp()
        group = "integration_flow.group_integration_user,base.group_partner_manager"
        self.anna = self.make_user("act_anna", group)
        self.bert = self.make_user("act_bert", group)
        self.sales = self.make_user("act_sales", "base.group_user,base.group_partner_manager")

    def fail_out(self, count=3, **vals):
        """Contacts that the shop refuses."""
        flow = self.out_flow(responsible_id=self.anna.id, **vals)
        self.shop.fault("status", method="POST", path="/customers", status=400, times=100)
        partners = self.partners(count)
        return flow, partners

    def test_one_activity_however_many_failures(self):
        flow, partners = self.fail_out(30)
        self.work()
        self.assertEqual(self.issue.affected_count, 30)
        activity = self.activities()
        self.assertEqual((len(activity), activity.user_id, activity.res_model), (1, self.anna, "integration.issue"))
        partners.write({"city": "Ghent"})
        self.work()
        self.assertEqual(self.activities(), activity, "another attempt is no other message")
        self.shop.clear_faults()
        self.press(self.issue.action_retry_all)
        self.run_jobs()
        self.work()
        self.assertFalse(self.activities())
        self.assertFalse(self.issues(state="open"))

    def test_done_by_hand_stays_done(self):
        self.fail_out(2)
        self.work()
        self.activities().action_feedback()
        self.env["res.partner"].search([("ref", "=like", "X%")]).write({"city": "Ghent"})
        self.work()
        self.assertFalse(self.activities())

    def test_on_the_document_when_it_is_the_only_one(self):
        _flow, partner = self.fail_out(1)
        self.work()
        activity = self.activities()
        self.assertEqual((activity.res_model, activity.res_id, activity.user_id), ("res.partner", partner.id, self.anna))
        self.shop.clear_faults()
        self.press(self.syncs_of(partner).action_retry)
        self.assertFalse(partner.activity_ids, "closed by success")

    def syncs_of(self, partners):
        return self.env["integration.sync"].search([("model", "=", "res.partner"), ("res_id", "in", partners.ids)])

    def test_moves_to_the_issue_when_there_are_more(self):
        _flow, partner = self.fail_out(1)
        self.work()
        self.assertEqual(self.activities().res_model, "res.partner")
        self.partner("Bea")
        self.work()
        self.assertEqual((len(self.activities()), self.activities().res_model), (1, "integration.issue"))

    def test_responsible_of_the_record(self):
        _flow, partners = self.fail_out(6, alert_policy="record", alert_user_path="user_id")
        partners[:3].user_id = self.bert
        partners[3:5].user_id = self.sales
        self.work()
        found = {activity.user_id: activity for activity in self.activities()}
        self.assertEqual(set(found), {self.anna, self.bert, self.sales}, "whoever has none is the flow's responsible's")
        self.assertEqual(found[self.bert].res_model, "integration.issue")
        self.assertEqual(found[self.sales].res_model, "res.partner", "who may not see issues finds it on a record of his")
        self.assertIn(found[self.sales].res_id, partners[3:5].ids)

    def test_by_rules(self):
        flow, partners = self.fail_out(4, alert_policy="rules")
        self.env["integration.alert.rule"].create([
            {"flow_id": flow.id, "error_class": "unmapped", "user_id": self.sales.id},
            {"flow_id": flow.id, "domain": "[('city', '=', 'Ghent')]", "user_id": self.bert.id, "sequence": 20}])
        partners[0].city = "Ghent"
        self.work()
        self.assertEqual(self.activities().user_id, self.anna + self.bert)

    def test_nobody(self):
        self.fail_out(2, alert_policy="none")
        self.work()
        self.assertTrue(self.issue)
        self.assertFalse(self.activities())

    def test_bounded_per_person_and_flow(self):
        flow = self.mapped_flow(responsible_id=self.anna.id)
        self.receive(flow, *[self.customer(number, f"T{'x' * number}") for number in range(1, 41)])
        self.assertEqual(len(self.issues(state="open")), 40)
        self.assertEqual(len(self.activities(user_id=self.anna.id)), 20)

    def test_assigning_hands_over(self):
        self.fail_out(2)
        self.work()
        self.issue.with_user(self.bert).action_assign_to_me()
        self.assertEqual(self.activities().user_id, self.bert)

    def test_failing_mail_does_not_break_the_sync(self):
        flow, partners = self.fail_out(2)
        with mute_logger("odoo.addons.integration_flow.engine.tending"), patch.object(
                type(self.env["mail.activity"]), "create", side_effect=ValueError("no mail today")):
            self.work()
        self.assertEqual(set(self.syncs_of(partners).mapped("state")), {"failed"})
        self.assertEqual(self.issue.affected_count, 2)
        self.work()
        self.assertEqual(len(self.activities()), 1, "and it is made up for")
