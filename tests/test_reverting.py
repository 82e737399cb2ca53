"""Revert a run: what it wrote is put back where it still is what it wrote, in Odoo and in the shop."""

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.integration_flow.engine import reverting

from .common import FlowCase
from .export_common import ExportCase


class RevertTools:
    def revert(self, run, created="leave", *, work=True):
        """Through the dialog, as a manager does it."""
        action = run.action_revert()
        wizard = self.env["integration.run.revert"].browse(action["res_id"])
        if created != "leave":
            wizard.created = created
        made = self.env["integration.run"].browse(wizard.action_revert()["res_id"])
        if work:
            self.work()
        return made

    def left(self, run):
        """{(record, field): reason}"""
        return {(line.name, line.field or ""): line.reason_code for line in run.revert_line_ids}


@tagged("post_install", "-at_install")
class TestRevertImport(RevertTools, FlowCase):
    def setUp(self):
        super().setUp()
        self.flow = self.customer_flow([("street", "billing.address_1"), ("vat", "last_name", {"sensitive": True})],
                                       log_level="all")
        # What a person changes stays, though it is the shop's; else it would be put back at once.
        self.flow.rule_ids.overruled_policy = "keep"
        self.put(1, "Ann", "Old street 1"), self.put(2, "Bob", "Old street 2"), self.put(3, "Cid", "Old street 3")
        self.first = self.run_flow(self.flow, full=True)
        self.put(1, "Anna", "New street 1"), self.put(2, "Bobby", "New street 2"), self.put(3, "Cid", "New street 3")
        self.put(4, "Dan", "New street 4")
        self.second = self.run_flow(self.flow, full=True)
        self.assertEqual((self.second.updated_count, self.second.created_count), (3, 1))

    def put(self, number, name, street, **vals):
        self.put_customers({
            "id": number, "first_name": name, "email": f"c{number}@example.com", "billing": {"address_1": street}, **vals})

    def values(self, flow=None):
        return {key: (partner.name, partner.street) for key, partner in self.records(flow or self.flow).items()}

    def test_what_still_is_what_the_run_wrote(self):
        records = self.records(self.flow)
        person = self.make_user("clerk", "base.group_user,base.group_partner_manager", name="Clerk")
        records["2"].with_user(person).street = "A person's street"
        self.env.flush_all()
        found = self.env["integration.run.revert"].create({"run_id": self.second.id})
        self.assertEqual((found.put_back_count, found.left_count, found.created_count, found.same_count), (4, 2, 1, 0))
        for text in ("New street 1", "Old street 1", "Clerk", "It was changed since.", "created this record"):
            self.assertIn(text, found.table)
        self.assertEqual(records["1"].name, "Anna", "a look changes nothing")

        written = records["2"].write_date
        run = self.revert(self.second)
        self.assertEqual((run.state, run.trigger, run.put_back_count, run.left_count, run.updated_count),
                         ("done", "revert", 4, 2, 3), run.message)
        self.assertEqual(self.values(), {
            "1": ("Ann", "Old street 1"), "2": ("Bob", "A person's street"), "3": ("Cid", "Old street 3"),
            "4": ("Dan", "New street 4")})
        self.assertEqual(set(self.left(run).values()), {"changed", "created"})
        line = run.revert_line_ids.filtered(lambda line: line.reason_code == "changed")
        self.assertEqual((line.changed_by, line.side, line.before, line.after),
                         ("Clerk", "odoo", "Old street 2", "New street 2"))
        self.assertEqual(line.changed_at, written)
        line = self.logs(self.syncs(self.flow)["1"], "reverted")
        self.assertEqual(line.changes["street"], ["New street 1", "Old street 1"])

    def test_an_import_does_not_bring_it_back_before_it_changes_there(self):
        self.revert(self.second)
        with self.watch("res.partner", "write") as calls:
            self.run_flow(self.flow, full=True)
        self.assertFalse(calls, "known by its hash")
        sync = self.syncs(self.flow)["1"]
        self.press(sync.action_resync)  # compares both sides anew
        self.assertEqual(self.values()["1"], ("Ann", "Old street 1"))
        self.put(1, "Anna", "Newest street 1")
        self.run_flow(self.flow, full=True)
        self.assertEqual(self.values()["1"], ("Ann", "Newest street 1"), "only what has changed there since")

    def test_twice_changes_nothing_more(self):
        self.revert(self.second)
        with self.watch("res.partner", "write") as calls:
            again = self.revert(self.second)
        self.assertFalse(calls)
        self.assertEqual((again.put_back_count, again.unchanged_count, again.left_count), (0, 5, 1))
        with self.refuses(UserError, "has put another run back"):
            again.action_revert()

    def test_what_a_later_run_wrote_is_left(self):
        self.put(1, "Anna", "Third street 1")
        third = self.run_flow(self.flow, full=True)
        run = self.revert(self.second)
        self.assertEqual(self.values()["1"], ("Ann", "Third street 1"))
        line = run.revert_line_ids.filtered(lambda line: line.reason_code == "changed")
        self.assertIn(f"#{third.id}", line.changed_by)

    def test_created_records_by_choice(self):
        dan = self.records(self.flow)["4"]
        run = self.revert(self.second, "archive")
        self.assertFalse(dan.active)
        self.assertEqual(self.left(run), {})
        dan.active = True
        self.env.flush_all()
        again = self.revert(self.second, "delete")
        self.assertEqual(again.state, "done")
        self.assertFalse(dan.exists())
        sync = self.syncs(self.flow)["4"]
        self.assertEqual((sync.state, sync.res_id), ("skipped", 0))
        self.assertNotIn("4", self.records(self.flow))
        self.run_flow(self.flow, full=True)
        self.assertNotIn("4", self.records(self.flow), "it comes again only when it changes there")
        self.put(4, "Daniel", "New street 4")
        self.run_flow(self.flow, full=True)
        self.assertEqual(self.values()["4"], ("Daniel", "New street 4"))

    def test_a_created_record_that_somebody_works_on_is_left(self):
        dan = self.records(self.flow)["4"]
        dan.name = "Dan the man"
        self.env.flush_all()
        run = self.revert(self.second, "delete")
        self.assertTrue(dan.exists())
        self.assertEqual(list(self.left(run).values()), ["changed"])

    def test_a_record_that_odoo_refuses_does_not_stop_the_others(self):
        refused = self.env["res.partner"].browse(self.records(self.flow)["2"].id)
        original = self.registry["res.partner"].write

        def write(records, vals):
            if refused.id in records.ids and vals.get("street") == "Old street 2":
                raise UserError(self.env._("This street is closed."))
            return original(records, vals)

        self.patch(self.registry["res.partner"], "write", write)
        run = self.revert(self.second)
        self.assertEqual(self.values()["1"], ("Ann", "Old street 1"))
        self.assertEqual(self.values()["2"], ("Bobby", "New street 2"))
        line = run.revert_line_ids.filtered(lambda line: line.reason_code == "refused")
        self.assertEqual(len(line), 2)
        self.assertIn("This street is closed.", line[0].reason)

    def test_sensitive_values_are_not_in_the_history(self):
        self.put(1, "Anna", "New street 1", last_name="BE0477472701")
        third = self.run_flow(self.flow, full=True)
        self.assertEqual(self.records(self.flow)["1"].vat, "BE0477472701")
        run = self.revert(third)
        self.assertEqual(self.records(self.flow)["1"].vat, "BE0477472701")
        self.assertEqual(list(self.left(run).values()), ["masked"])
        self.assertNotIn("0477472701", str(run.revert_line_ids.mapped("before") + run.revert_line_ids.mapped("after")))

    def test_records_and_choices_are_told_by_name(self):
        country = self.env.ref("base.be")
        self.add_rules(self.flow, [("country_id", "billing.country", {"transform": "country"})])
        self.put(1, "Anna", "New street 1", billing={"address_1": "New street 1", "country": "BE"})
        self.run_flow(self.flow, full=True)
        self.put(1, "Anna", "New street 1", billing={"address_1": "New street 1", "country": "NL"})
        third = self.run_flow(self.flow, full=True)
        found = self.env["integration.run.revert"].create({"run_id": third.id})
        self.assertIn("Netherlands → <b>Belgium</b>", found.table)
        self.revert(third)
        self.assertEqual(self.records(self.flow)["1"].country_id, country)

    def test_an_interrupted_revert_goes_on(self):
        self.patch(reverting, "PAGE", 1)
        original, calls = reverting.Reverter._in_odoo, []

        def dies(reverter, batch, last_id):
            calls.append(last_id)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return original(reverter, batch, last_id)

        self.patch(reverting.Reverter, "_in_odoo", dies)
        run = self.revert(self.second, work=False)
        died = False
        try:  # assertRaises would roll back what it has committed
            self.work()
        except KeyboardInterrupt:
            died = True
        self.env.invalidate_all()
        self.assertEqual((died, run.state, run.put_back_count), (True, "reverting", 2))
        self.work()
        self.assertEqual((run.state, run.put_back_count), ("done", 5))
        self.assertEqual(self.values()["3"], ("Cid", "Old street 3"))

    def test_rights(self):
        user = self.make_user("revert_user", "integration_flow.group_integration_user")
        manager = self.make_user("revert_manager", "integration_flow.group_integration_manager")
        with self.assertRaises(AccessError):
            self.second.with_user(user).action_revert()
        with self.assertRaises(AccessError):
            self.env["integration.run.revert"].with_user(user).create({"run_id": self.second.id})
        action = self.second.with_user(manager).action_revert()
        wizard = self.env["integration.run.revert"].with_user(manager).browse(action["res_id"])
        run = self.env["integration.run"].browse(wizard.action_revert()["res_id"])
        self.assertEqual(run.user_id, manager)
        self.work()
        self.assertEqual(run.state, "done")
        self.assertTrue(run.with_user(user).revert_line_ids.mapped("reason"))
        with self.assertRaises(AccessError):
            run.revert_line_ids.with_user(manager).unlink()

    def test_only_when_it_is_over(self):
        run = self.flow._open_run("button", full=True)
        with self.refuses(UserError, "not over yet"):
            run.action_revert()
        self.flow.action_pause()
        with self.refuses(UserError, "Put it into Test or Live first"):
            self.second.action_revert()

    def test_sync_now_does_not_join_it(self):
        run = self.revert(self.second, work=False)
        self.assertNotEqual(self.flow._open_run("button"), run)


@tagged("post_install", "-at_install")
class TestRevertExport(RevertTools, ExportCase):
    def setUp(self):
        super().setUp()
        self.flow = self.out_flow([("street", "billing.address_1", {"owner": "newest"})], direction="both", timing="live")
        self.partner_a, self.partner_b = self.partner("Ann", street="Old 1"), self.partner("Bob", street="Old 2")
        self.work()
        self.env.cr.execute(  # yesterday's, so that what follows is a run of its own
            "UPDATE integration_run SET state = 'done', started_at = started_at - interval '1 day'")
        self.env.invalidate_all()
        (self.partner_a + self.partner_b).write({"street": "New"})
        self.work()
        self.run = self.env["integration.run"].search([("flow_id", "=", self.flow.id)], limit=1)
        self.written_calls()

    def streets(self):
        return [customer["billing"]["address_1"] for customer in sorted(
            self.shop.dump("customers"), key=lambda customer: customer["email"])]

    def test_the_former_value_is_sent(self):
        self.assertEqual(self.streets(), ["New", "New"])
        run = self.revert(self.run)
        self.assertEqual((run.state, run.put_back_count, run.left_count), ("done", 2, 0), run.message)
        self.assertEqual(self.streets(), ["Old 1", "Old 2"])
        calls = self.written_calls()
        self.assertCountEqual([body for _method, _target, body in calls],
                              [{"billing": {"address_1": "Old 1"}}, {"billing": {"address_1": "Old 2"}}])
        self.assertEqual(self.partner_a.street, "New", "Odoo's side is not what the run wrote")
        sync = self.assertState(self.flow, self.partner_a, "synced")
        self.assertEqual(self.logs(sync, "reverted").changes, {"street": ["New", "Old 1"]})

    def test_nobody_sends_or_imports_it_again(self):
        self.revert(self.run)
        self.run_flow(self.flow, full=True)
        self.flow.action_export_all()
        self.work()
        self.assertEqual(self.streets(), ["Old 1", "Old 2"])
        self.assertEqual(self.partner_a.street, "New")
        self.partner_a.street = "Newest"
        self.work()
        self.assertEqual(self.streets(), ["Newest", "Old 2"])

    def test_what_changed_since_is_left(self):
        number = int(self.sync(self.flow, self.partner_a).external_id)
        self.shop.touch("customers", ids=[number], changes={"billing": {"address_1": "There"}})
        later = self.run_flow(self.flow, full=True)
        self.assertEqual(self.partner_a.street, "There")
        run = self.revert(self.run)
        self.assertEqual(self.streets(), ["There", "Old 2"])
        self.assertEqual(list(self.left(run).values()), ["changed"])
        self.assertIn(f"#{later.id}", run.revert_line_ids.changed_by)

    def test_several_changes_of_one_run(self):
        """Live changes of a day are one run: what was there before the first of them is put back."""
        self.partner_a.street = "Newer"
        self.work()
        self.revert(self.run)
        self.assertEqual(self.streets(), ["Old 1", "Old 2"])

    def test_what_a_person_changed_in_odoo_waits_for_nobody(self):
        self.flow.timing = "manual"
        self.partner_a.street = "Newer"
        run = self.revert(self.run)
        self.assertEqual(self.streets(), ["New", "Old 2"])
        self.assertEqual(list(self.left(run).values()), ["pending"])

    def test_a_system_that_is_away_is_tried_again(self):
        self.shop.fault("status", status=503, method="PUT", times=2)
        run = self.revert(self.run)
        self.assertEqual(run.state, "reverting")
        self.assertTrue(run.next_try_at)
        self.env.cr.execute("UPDATE integration_run SET next_try_at = NULL WHERE id = %s", [run.id])
        self.env.invalidate_all()
        self.make_due(self.flow)
        self.work()
        self.assertEqual((run.state, run.put_back_count), ("done", 2))
        self.assertEqual(self.streets(), ["Old 1", "Old 2"])
        self.assertState(self.flow, self.partner_a, "synced")

    def test_what_the_other_system_refuses_is_listed(self):
        self.shop.fault("status", status=422, body={"message": "Closed for today"}, method="PUT", times=1)
        run = self.revert(self.run)
        self.assertEqual((run.state, run.put_back_count), ("done", 1))
        self.assertEqual(list(self.left(run).values()), ["failed"])
        self.assertIn("Closed for today", run.revert_line_ids.reason)
        self.assertState(self.flow, self.partner_a, "synced")
