"""Reconciliation: every kind of drift is planted between Odoo and the shop, found, explained, and put right."""

import resource as process
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged

from odoo.addons.integration_flow.engine import background, bulk_actions, reconcile
from odoo.addons.integration_flow.engine.reconcile import Reconciler
from odoo.addons.integration_flow.engine.worker import Worker

from .common import FlowCase
from .export_common import ExportCase


class ReconcileTools:
    def reconcile(self, flow, *, work=True):
        reconciliation = self.env["integration.reconciliation"].browse(flow.action_reconcile()["res_id"])
        if work:
            self.work()
            self.assertEqual(reconciliation.state, "done", reconciliation.message)
        return reconciliation

    def fix_all(self, reconciliation):
        """Press Fix All and let the background do it. Returns the bulk action."""
        answer = reconciliation.action_fix_all()
        self.assertEqual(answer["tag"], "integration_bulk_progress")
        self.env.cr.flush()
        with self.enter_registry_test_mode():
            problem = self.env.ref("integration_flow.cron_bulk_actions").sudo().method_direct_trigger()
        self.env.invalidate_all()
        self.assertIs(problem, True)
        self.work()
        return self.env["integration.bulk.action"].browse(answer["params"]["id"])

    def dies(self):
        """The worker dies in the middle (``assertRaises`` would roll back what it has committed)."""
        died = False
        try:
            self.work()
        except KeyboardInterrupt:
            died = True
        self.assertTrue(died)
        self.env.invalidate_all()

    def found(self, reconciliation):
        """{(record, field): (kind, cause, fix)}"""
        return {(line.name or line.external_id, line.rule_id.code or ""): (line.kind, line.cause, line.fix or "")
                for line in reconciliation.line_ids}

    def quietly(self, record, **vals):
        """As something would that nobody sees: another program, in the database."""
        self.env.flush_all()
        for name, value in vals.items():
            self.env.cr.execute(f"UPDATE res_partner SET {name} = %s WHERE id = %s", [value, record.id])  # pylint: disable=sql-injection
        self.env.invalidate_all()

    def earlier(self, flow):
        """What was exchanged is no news any more."""
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE integration_sync SET last_synced_at = last_synced_at - interval '1 hour', "
            "captured_at = captured_at - interval '1 hour' WHERE flow_id = %s", [flow.id])
        self.env.cr.execute(
            "UPDATE res_partner SET write_date = write_date - interval '1 hour' WHERE id IN "
            "(SELECT res_id FROM integration_sync WHERE flow_id = %s AND model = 'res.partner')", [flow.id])
        self.env.invalidate_all()


@tagged("post_install", "-at_install")
class TestReconcileImport(ReconcileTools, FlowCase):
    def setUp(self):
        super().setUp()
        self.flow = self.customer_flow([("street", "billing.address_1"), ("vat", "last_name", {"sensitive": True})])
        for number in range(1, 8):
            self.put(number)
        self.run_flow(self.flow, full=True)
        self.earlier(self.flow)
        self.records_there = self.records(self.flow)

    def put(self, number, **vals):
        self.put_customers({
            "id": number, "first_name": f"P{number}", "email": f"p{number}@example.com",
            "billing": {"address_1": f"Street {number}"}, **vals})

    def test_nothing_differs(self):
        before = fields.Datetime.now()
        with self.watch("res.partner", "write", "create") as calls:
            done = self.reconcile(self.flow)
        self.assertFalse(calls)
        self.assertEqual((done.external_count, done.odoo_count, done.compared_count, done.equal_count, done.found_count),
                         (7, 7, 7, 7, 0))
        self.assertEqual((done.proven_at, self.flow.proven_at), (done.started_at, done.started_at))
        self.assertGreaterEqual(self.flow.reconciled_at, before)
        self.assertFalse(done.line_ids)
        self.assertFalse(self.env["integration.reconciliation.seen"].search_count([]))

    def test_each_kind_of_drift(self):
        self.quietly(self.records_there["1"], street="Moved here")
        self.put(2, billing={"address_1": "Moved there"})
        self.quietly(self.records_there["3"], street="Moved here")
        self.put(3, billing={"address_1": "Moved there"})
        self.shop.delete("customers", 4)
        self.records_there["5"].unlink()
        self.put(6, last_name="BE0477472701")
        self.put(8)
        done = self.reconcile(self.flow)
        self.assertEqual(self.found(done), {
            ("p1@example.com", "street"): ("field", "changed_here", "odoo"),
            ("p2@example.com", "street"): ("field", "changed_there", "odoo"),
            ("p3@example.com", "street"): ("field", "changed_both", "odoo"),
            ("p4@example.com", ""): ("only_odoo", "deleted_there", ""),
            ("p5@example.com", ""): ("only_external", "deleted_here", ""),
            ("p6@example.com", "vat"): ("field", "changed_there", "odoo"),
            ("p8@example.com", ""): ("only_external", "never_linked", "odoo"),
        })
        self.assertEqual((done.drift_count, done.only_odoo_count, done.only_external_count, done.equal_count),
                         (4, 1, 2, 1))
        self.assertFalse(done.proven_at)
        self.assertEqual((self.flow.drift_count, self.flow.proven_at), (7, False))
        line = done.line_ids.filtered(lambda line: line.name == "p3@example.com")
        self.assertEqual((line.odoo_value, line.external_value, line.owner, line.field),
                         ("Moved here", "Moved there", "external", "Street"))
        self.assertEqual(line.changed_at, self.records_there["3"].write_date)
        sensitive = done.line_ids.filtered(lambda line: line.name == "p6@example.com")
        self.assertEqual(sensitive.external_value, "•••")
        self.assertEqual(self.records_there["2"].street, "Street 2", "it only looks")

    def test_fixed_in_the_direction_of_the_owner(self):
        self.test_each_kind_of_drift()
        first = self.env["integration.reconciliation"].search([("flow_id", "=", self.flow.id)], limit=1)
        line = first.line_ids.filtered(lambda line: line.name == "p1@example.com")
        line.action_fix()
        self.work()
        self.assertEqual((self.records_there["1"].street, self.records_there["2"].street), ("Street 1", "Street 2"),
                         "only what was chosen")
        self.assertEqual((line.fixed_by_id, line.sync_state), (self.env.user, "synced"))
        left = first.line_ids.filtered(lambda line: line.fix and not line.fixed_at)
        with patch.object(bulk_actions, "DECIDED_PAGE", 2):
            bulk = self.fix_all(first)
        self.assertEqual((bulk.action, bulk.state, bulk.total, bulk.done, bulk.failed), ("fix", "done", 4, 4, 0))
        self.assertTrue(all(left.mapped("fixed_at")))
        self.earlier(self.flow)
        self.assertEqual((self.records_there["2"].street, self.records_there["3"].street, self.records_there["6"].vat),
                         ("Moved there", "Moved there", "BE0477472701"))
        self.assertEqual(self.records(self.flow)["8"].street, "Street 8")
        again = self.reconcile(self.flow)
        self.assertEqual(set(self.found(again)), {("p4@example.com", ""), ("p5@example.com", "")},
                         "what was deleted is a person's decision")
        with self.refuses(UserError, "Nothing here can be put right by itself"):
            again.action_fix_all()

    def test_work_that_is_left_is_no_drift(self):
        self.put(1, billing={"address_1": "Moved there"})
        self.put(2, first_name="")
        self.env.cr.execute(
            "UPDATE integration_sync SET state = 'waiting', import_pending = true, due_at = now() + interval '1 hour' "
            "WHERE flow_id = %s AND external_id = '1'", [self.flow.id])
        self.env.invalidate_all()
        done = self.reconcile(self.flow)
        self.assertEqual(self.found(done)["p1@example.com", "street"], ("pending", "pending", ""))
        self.assertEqual((done.pending_count, done.drift_count), (1, 1))
        self.assertEqual(self.found(done)["p2@example.com", ""][:2], ("record", "not_mapped"))

    def test_a_failed_write_and_a_skipped_record(self):
        self.put(1, first_name="")
        self.put(2, billing={"address_1": "Moved there"})
        self.run_flow(self.flow, full=True)
        sync = self.syncs(self.flow)
        self.assertEqual((sync["1"].state, sync["2"].state), ("failed", "synced"))
        self.put(2, billing={"address_1": "Moved again"})
        self.put(3, first_name="", billing={"address_1": "Moved there"})
        sync["2"].action_skip()
        self.earlier(self.flow)
        done = self.reconcile(self.flow)
        found = self.found(done)
        self.assertEqual(found["p1@example.com", ""][:2], ("record", "failed"))
        self.assertEqual(found["p2@example.com", "street"], ("field", "skipped", "odoo"))
        self.assertEqual(done.line_ids.filtered(lambda line: line.cause == "failed").detail, sync["1"].error_message)

    def test_what_was_put_back_is_known(self):
        self.put(1, billing={"address_1": "Moved there"})
        run = self.run_flow(self.flow, full=True)
        run._revert()
        self.work()
        self.earlier(self.flow)
        self.assertEqual(self.records_there["1"].street, "Street 1")
        done = self.reconcile(self.flow)
        self.assertEqual(list(self.found(done).values()), [("field", "known", "odoo")])
        done.line_ids.action_fix()
        self.work()
        self.assertEqual(self.records_there["1"].street, "Moved there")

    def test_an_exchange_while_it_is_compared_is_no_drift(self):
        self.quietly(self.records_there["1"], street="Moved here")
        self.env.cr.execute(
            "UPDATE integration_sync SET last_synced_at = %s WHERE flow_id = %s AND external_id = '1'",
            [fields.Datetime.now() + timedelta(seconds=60), self.flow.id])
        self.env.invalidate_all()
        done = self.reconcile(self.flow)
        self.assertEqual((done.pending_count, done.drift_count), (1, 0))

    def test_a_list_that_moves_while_it_is_read(self):
        """A record that slips from a page not yet read to one that was: it is read by itself, and no drift."""
        self.flow.resource_id._operation("list").page_size = 2
        original, moved = Reconciler._list, []

        def list_(reconciler):
            count = original(reconciler)
            if not moved:
                moved.append(self.shop.delete("customers", 1))  # 3 is now on the page that was read already
            return count

        self.patch(Reconciler, "_list", list_)
        done = self.reconcile(self.flow)
        self.assertEqual((done.only_odoo_count, done.drift_count, done.compared_count), (0, 0, 7))

    def test_interrupted_it_goes_on_with_the_next_page(self):
        self.flow.resource_id._operation("list").page_size = 2
        self.quietly(self.records_there["1"], street="Moved here")
        original, stores = Reconciler._store, []

        def dies(reconciler, pages, exchange):
            stores.append(1)
            if len(stores) == 3:
                raise KeyboardInterrupt
            return original(reconciler, pages, exchange)

        self.patch(Reconciler, "_store", dies)
        reconciliation = self.reconcile(self.flow, work=False)
        self.dies()
        self.assertEqual((reconciliation.state, reconciliation.page_count, reconciliation.external_count), ("open", 2, 4))
        self.shop.clear_counts()
        self.work()
        self.assertEqual((reconciliation.state, reconciliation.compared_count, reconciliation.drift_count), ("done", 7, 1))
        pages = [call["target"] for call in self.shop.requests() if "page=" in call["target"]]
        self.assertIn("page=3", pages[0], "no page is read twice")

    def test_a_system_that_is_away(self):
        self.shop.fault("status", status=503, times=1, path="/customers")
        reconciliation = self.reconcile(self.flow, work=False)
        self.work()
        self.assertEqual((reconciliation.state, reconciliation.attempts), ("open", 1))
        self.assertTrue(reconciliation.next_try_at)
        self.assertTrue(reconciliation.message)
        reconciliation.next_try_at = False
        self.make_due(self.flow)
        self.work()
        self.assertEqual((reconciliation.state, reconciliation.compared_count, reconciliation.message), ("done", 7, False))

    def test_a_list_that_is_refused(self):
        self.shop.fault("status", status=404, times=1, path="/customers")
        reconciliation = self.reconcile(self.flow, work=False)
        self.work()
        self.assertEqual(reconciliation.state, "failed")
        self.assertTrue(reconciliation.message)
        self.assertFalse(self.flow.reconciled_at, "what is not complete proves nothing")

    def test_it_waits_for_more_urgent_work(self):
        order = []
        original = Reconciler.step
        self.patch(Reconciler, "step", lambda reconciler, held: order.append("reconcile") or original(reconciler, held))
        self.put(1, billing={"address_1": "Moved there"})
        reconciliation = self.reconcile(self.flow, work=False)
        self.flow._open_run("button", full=True)
        write = self.registry["res.partner"].write
        self.patch(
            self.registry["res.partner"], "write", lambda records, vals: order.append("import") or write(records, vals))
        self.work()
        self.assertEqual(order[:2], ["import", "reconcile"])
        self.assertEqual(reconciliation.state, "done")

    def test_it_gets_its_turn_between_slices_of_long_work(self):
        self.patch(background, "TURN_SECONDS", 0)
        self.flow.batch_size = 1
        self.flow.resource_id._operation("list").page_size = 2
        order = []
        original, import_ = Reconciler.step, Worker._import
        self.patch(Reconciler, "step", lambda reconciler, held: order.append("reconcile") or original(reconciler, held))
        self.patch(Worker, "_import", lambda *args: order.append("import") or import_(*args))
        for number in range(1, 8):
            self.put(number, first_name=f"Q{number}")
        self.reconcile(self.flow, work=False)
        self.flow._open_run("button", full=True)
        self.work()
        last = len(order) - order[::-1].index("import")
        self.assertIn("reconcile", order[:last], "not only when all else is done")
        self.assertEqual(order.count("import"), 7)

    def test_scheduled(self):
        with self.assertRaises(ValidationError):
            self.flow.write({"reconcile_schedule": "cron", "reconcile_cron": "every night"})
        self.flow.write({"reconcile_schedule": "daily", "reconcile_time": 2.5})
        self.assertEqual((self.flow.reconcile_next_at.hour, self.flow.reconcile_next_at.minute), (2, 30))
        self.work()
        self.assertFalse(self.flow.reconciliation_ids, "not yet")
        self.env.cr.execute("UPDATE integration_flow SET reconcile_next_at = now() - interval '1 minute' WHERE id = %s",
                            [self.flow.id])
        self.env.invalidate_all()
        self.work()
        self.assertEqual((self.flow.reconciliation_ids.state, self.flow.reconciliation_ids.trigger), ("done", "schedule"))
        self.assertTrue(self.flow.proven_at)
        self.assertGreater(self.flow.reconcile_next_at, fields.Datetime.now())
        self.flow.action_pause()
        self.assertFalse(self.flow.reconcile_next_at)

    def test_rights(self):
        user = self.make_user("reconcile_user", "integration_flow.group_integration_user")
        manager = self.make_user("reconcile_manager", "integration_flow.group_integration_manager")
        nobody = self.make_user("reconcile_nobody")
        self.put(1, billing={"address_1": "Moved there"})
        with self.assertRaises(AccessError):
            self.flow.with_user(user).action_reconcile()
        reconciliation = self.reconcile(self.flow.with_user(manager)).with_env(self.env)
        self.assertEqual(reconciliation.user_id, manager)
        line = reconciliation.line_ids
        self.assertEqual(line.with_user(user).external_value, "Moved there")
        with self.assertRaises(AccessError):
            line.with_user(user).action_fix()
        with self.assertRaises(AccessError):
            line.with_user(nobody).read(["external_value"])
        with self.assertRaises(AccessError):
            line.with_user(manager).read(["payload"])
        with self.assertRaises(AccessError):
            reconciliation.with_user(user).action_fix_all()
        bulk = self.env["integration.bulk.action"]
        with self.assertRaises(AccessError):
            bulk.with_user(user).ask("integration.reconciliation.line", "action_fix", [])
        with self.assertRaises(AccessError):  # nor by what the dialog calls
            bulk.with_user(user)._start("fix", "integration.reconciliation.line", [])
        dialog = bulk.with_user(manager).ask("integration.reconciliation.line", "action_fix", [("id", "=", line.id)])
        wizard = self.env["integration.bulk.start"].with_user(manager).with_context(**dialog["context"]).create({})
        self.assertIn("1 difference", wizard.text)
        bulk = self.fix_all(reconciliation.with_user(manager))
        self.assertEqual((bulk.user_id, bulk.done, line.fixed_by_id), (manager, 1, manager))
        self.assertEqual(self.records_there["1"].street, "Moved there")

    def test_a_flow_that_is_paused_meanwhile_is_left(self):
        self.put(1, billing={"address_1": "Moved there"})
        done = self.reconcile(self.flow)
        with patch("odoo.addons.integration_flow.models.reconciliation_line.BULK_FROM", 0):
            progress = done.line_ids.action_fix()
        bulk = self.env["integration.bulk.action"].browse(progress["params"]["id"])
        self.flow.action_pause()
        with self.enter_registry_test_mode():
            self.env.ref("integration_flow.cron_bulk_actions").method_direct_trigger()
        self.env.invalidate_all()
        self.assertEqual((bulk.state, bulk.done, bulk.failed, done.line_ids.fixed_at), ("done", 0, 1, False))
        with self.refuses(UserError, "Put it into Test or Live first"):
            done.action_fix_all()

    def test_without_a_list_there_is_nothing_to_compare(self):
        self.flow.resource_id.operation_ids.filtered(lambda operation: operation.kind == "list").unlink()
        with self.refuses(UserError, "no operation List"):
            self.flow.action_reconcile()

    def test_the_owner_of_each_record(self):
        """Ownership that switches by a condition, and a rule whose blanks are ignored."""
        street, vat = (self.flow.rule_ids.filtered(lambda rule, code=code: rule.code == code) for code in ("street", "vat"))
        street.write({"owner": "external", "owner_switch_domain": "[('city', '=', 'Ghent')]", "owner_after": "odoo"})
        vat.blank_policy = "ignore"
        self.run_flow(self.flow, full=True)
        self.earlier(self.flow)
        self.quietly(self.records_there["1"], street="Moved here", city="Ghent")
        self.quietly(self.records_there["2"], street="Moved here")
        self.quietly(self.records_there["3"], vat="BE0477472701")
        done = self.reconcile(self.flow)
        self.assertEqual({line.external_id: (line.owner, line.fix or "") for line in done.line_ids}, {
            "1": ("odoo", ""), "2": ("external", "odoo"), "3": ("external", "")})

    def test_what_cannot_be_read_singly_is_kept_for_its_fix(self):
        self.flow.resource_id.operation_ids.filtered(lambda operation: operation.kind == "read").unlink()
        self.put(1, billing={"address_1": "Moved there"})
        self.shop.delete("customers", 4)
        self.put(8)
        done = self.reconcile(self.flow)
        self.assertEqual(self.found(done)["p4@example.com", ""], ("only_odoo", "not_listed", ""))
        self.fix_all(done)
        self.assertEqual(self.records_there["1"].street, "Moved there")
        self.assertEqual(self.records(self.flow)["8"].street, "Street 8")

    def test_stop(self):
        reconciliation = self.reconcile(self.flow, work=False)
        self.assertEqual(self.flow._open_reconciliation("schedule"), reconciliation, "one at a time")
        reconciliation.action_stop()
        self.work()
        self.assertEqual((reconciliation.state, reconciliation.compared_count), ("stopped", 0))
        self.assertFalse(self.flow.reconciled_at)

    def test_retention(self):
        self.put(1, billing={"address_1": "Moved there"})
        first, last = self.reconcile(self.flow), self.reconcile(self.flow)
        self.env.cr.execute("UPDATE integration_reconciliation SET started_at = started_at - interval '400 days', "
                            "ended_at = ended_at - interval '400 days'")
        self.env.cr.execute("UPDATE integration_reconciliation_line SET create_date = create_date - interval '400 days' "
                            "WHERE reconciliation_id = %s", [first.id])
        with self.enter_registry_test_mode(), self.registry.cursor() as cr:
            self.env(cr=cr)["integration.retention"]._cron_purge()
        self.env.invalidate_all()
        self.assertFalse(first.exists())
        self.assertTrue(last.exists(), "the last one of a flow stays")
        self.assertTrue(last.line_ids)

    def test_a_blueprint_says_when(self):
        data = {"format": 1, "name": "Reconciled", "flows": [{
            "code": "reconciled", "name": "Reconciled", "connection": "shop_code", "resource": "customers",
            "model": "res.partner", "direction": "import", "reconcile_schedule": "weekly", "reconcile_weekday": "1",
            "reconcile_time": 3.0}]}
        self.connection.code = "shop_code"
        flow = self.env["integration.blueprint"]._apply(data)["reconciled"]
        self.assertEqual((flow.reconcile_schedule, flow.reconcile_weekday, flow.reconcile_time), ("weekly", "1", 3.0))

    def test_memory_does_not_grow_with_the_number_of_records(self):
        """A page is dropped when it is compared: of 1,000 records the last ones weigh nothing more."""
        self.put_customers(*({
            "id": number, "first_name": f"P{number}", "email": f"p{number}@example.com", "billing": {"address_1": "x" * 500},
        } for number in range(100, 1100)))
        self.run_flow(self.flow, full=True)
        self.earlier(self.flow)
        self.flow.resource_id._operation("list").page_size = 40
        peaks = []
        original = Reconciler.step

        def step(reconciler, held):
            count = original(reconciler, held)
            peaks.append(process.getrusage(process.RUSAGE_SELF).ru_maxrss)
            return count

        self.patch(Reconciler, "step", step)
        done = self.reconcile(self.flow)
        self.assertEqual((done.compared_count, done.found_count), (1007, 0))
        self.assertGreater(len(peaks), 25)
        self.assertLess(peaks[-1] - peaks[3], 8 * 1024, "KiB between the fourth page and the last")


@tagged("post_install", "-at_install")
class TestReconcileTwoWay(ReconcileTools, ExportCase):
    def setUp(self):
        super().setUp()
        self.flow = self.out_flow([
            ("street", "billing.address_1", {"owner": "odoo"}), ("city", "billing.city", {"owner": "ask"}),
            ("zip", "billing.postcode", {"owner": "newest"}),
        ], direction="both")
        self.partner_a = self.partner("Ann", street="Street", city="City", zip="1000")
        self.work()
        self.earlier(self.flow)
        self.number = int(self.sync(self.flow, self.partner_a).external_id)

    def there(self):
        return next(each for each in self.shop.dump("customers") if each["id"] == self.number)

    def test_nothing_differs(self):
        self.assertTrue(self.reconcile(self.flow).proven_at)

    def test_each_owner(self):
        self.shop.touch("customers", ids=[self.number], changes={
            "billing": {"address_1": "There", "city": "There", "postcode": "2000"}})
        self.quietly(self.partner_a, city="Here")
        done = self.reconcile(self.flow)
        self.assertEqual(self.found(done), {
            ("Ann", "street"): ("field", "changed_there", "external"),
            ("Ann", "city"): ("field", "changed_both", "ask"),
            ("Ann", "zip"): ("field", "changed_there", "newest"),
        })
        self.assertEqual((done.drift_count, done.compared_count), (1, 1), "one record")
        done.line_ids.action_fix()
        self.work()
        sync = self.sync(self.flow, self.partner_a)
        self.assertEqual((sync.state, list(sync.conflicts)), ("conflict", ["city"]))
        self.assertEqual(self.partner_a.zip, "2000")
        self.assertEqual(self.there()["billing"]["address_1"], "Street")
        self.earlier(self.flow)
        again = self.reconcile(self.flow)
        self.assertEqual(self.found(again), {("Ann", "city"): ("field", "conflict", "")})

    def test_never_linked_on_both_sides(self):
        quiet = self.partner("Quiet")
        self.env.flush_all()
        self.env.cr.precommit.run()
        self.env.cr.execute("DELETE FROM integration_capture")
        self.put_customers({"id": 900, "first_name": "Nine", "email": "nine@example.com"})
        done = self.reconcile(self.flow)
        self.assertEqual(self.found(done), {
            ("Quiet", ""): ("only_odoo", "never_linked", "external"),
            ("nine@example.com", ""): ("only_external", "never_linked", "odoo")})
        self.fix_all(done)
        self.assertState(self.flow, quiet, "synced")
        self.assertIn("quiet@example.com", [each["email"] for each in self.shop.dump("customers")])
        self.assertEqual(self.records(self.flow)["900"].name, "Nine")

    def test_a_captured_change_is_pending(self):
        self.flow.timing = "manual"
        self.partner_a.street = "Moved"
        done = self.reconcile(self.flow)
        self.assertEqual((done.pending_count, done.drift_count), (1, 0))
        self.assertEqual(self.found(done)["Ann", "street"], ("pending", "pending", ""))

    def test_what_left_the_filter_is_not_compared(self):
        self.quietly(self.partner_a, ref="Y-Ann", street="Moved")
        done = self.reconcile(self.flow)
        self.assertEqual((done.excluded_count, done.found_count), (1, 0))

    def test_an_export_only_flow(self):
        self.flow.rule_ids.write({"owner": "odoo"})
        self.flow.direction = "export"
        self.shop.touch("customers", ids=[self.number], changes={"billing": {"address_1": "There"}})
        self.put_customers({"id": 900, "first_name": "Nine", "email": "nine@example.com"})
        done = self.reconcile(self.flow)
        self.assertEqual(set(self.found(done)) - {("Ann", "city"), ("Ann", "zip")}, {("Ann", "street")})
        self.assertEqual(self.found(done)["Ann", "street"], ("field", "changed_there", "external"))
        self.fix_all(done)
        self.assertEqual(self.there()["billing"]["address_1"], "Street")

    def test_the_lines_of_a_reconciliation_are_bounded(self):
        self.patch(reconcile, "MOST_LINES", 2)
        self.shop.touch("customers", ids=[self.number], changes={
            "billing": {"address_1": "There", "city": "There", "postcode": "2000"}})
        done = self.reconcile(self.flow)
        self.assertEqual((len(done.line_ids), done.drift_count), (2, 1))

    def test_lines_of_documents(self):
        self.shop.create("products", {"name": "Lamp", "sku": "LAMP", "regular_price": "10"})
        flow = self.order_flow()
        order = self.order()
        self.work()
        self.earlier(flow)
        flow.resource_id.operation_ids.create({
            "resource_id": flow.resource_id.id, "kind": "list", "method": "GET", "path": "orders", "paging_style": "page",
            "size_param": "per_page", "page_size": 100, "total_pages_header": "X-WP-TotalPages"})
        self.assertState(flow, order, "synced")
        self.assertEqual(self.found(self.reconcile(flow)), {})
        self.env.cr.execute("UPDATE sale_order_line SET product_uom_qty = 5 WHERE order_id = %s", [order.id])
        self.env.invalidate_all()
        done = self.reconcile(flow)
        self.assertEqual([(line.rule_id.kind, line.cause, line.fix) for line in done.line_ids],
                         [("lines", "changed_here", "external")])
        done.line_ids.action_fix()
        self.work()
        self.assertEqual([line["quantity"] for order in self.shop.dump("orders") for line in order["line_items"]], [5])
