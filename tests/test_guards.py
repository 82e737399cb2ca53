"""Guardrails: too much is held before the first record of it is written or sent, and a person decides."""

from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged

from odoo.addons.integration_flow.engine import guards, holding, inbox
from odoo.addons.integration_flow.engine.plan import FlowPlan

from . import real
from .common import FlowCase
from .export_common import ExportCase
from .real import RealCase


class GuardTools:
    def guard(self, flow, kind="change", limit=5, code=None, **vals):
        rule = flow.rule_ids.filtered(lambda rule: rule.code == code) if code else self.env["integration.field.rule"]
        return self.env["integration.guard"].create({
            "flow_id": flow.id, "kind": kind, "limit": limit, "rule_id": rule.id, **vals})

    def held_run(self, flow):
        return self.env["integration.run"].search([("flow_id", "=", flow.id), ("state", "=", "held")])

    def count_states(self, flow):
        return dict(self.env["integration.sync"]._read_group([("flow_id", "=", flow.id)], ["state"], ["__count"]))

    def reject(self, run, reason="Wrong price list"):
        action = run.action_reject()
        wizard = Form(self.env["integration.run.reject"].with_context(**action["context"]))
        wizard.reason = reason
        return wizard.save().action_reject()


@tagged("post_install", "-at_install")
class TestImportGuards(GuardTools, FlowCase):
    """Products of the shop with price and weight; many of them change at once."""

    COUNT = 30

    def setUp(self):
        super().setUp()
        self.boss = self.make_user("boss", "integration_flow.group_integration_user", name="Boss")
        self.flow = self.make_flow("product.template", [
            ("name", "name"), ("default_code", "sku"),
            ("list_price", "price", {"transform": "number", "code": "price"}),
            ("weight", "stock", {"transform": "number", "code": "stock"}),
        ], "products", name="Products", name_path="name", responsible_id=self.boss.id)
        self.put(range(self.COUNT))
        self.run_flow(self.flow)
        self.assertEqual(self.count_states(self.flow), {"synced": self.COUNT})

    def put(self, numbers, **changes):
        self.shop.load("products", [
            {"id": 100 + number, "name": f"P{number}", "sku": f"S{number}", "price": "10.00", "stock": 4, **changes}
            for number in numbers])

    def run_small(self):
        """Pages of 10 and batches of 7: what is decided needs several of both."""
        self.flow.batch_size = 7
        self.flow.resource_id.operation_ids.write({"page_size": 10})
        return self.run_flow(self.flow)

    def prices(self):
        return set(self.env["product.template"].union(*self.records(self.flow).values()).mapped("list_price"))

    def test_within_the_limit_nothing_is_held(self):
        self.guard(self.flow, limit=5)
        self.put(range(5), price="11.00")
        run = self.run_small()
        self.assertEqual((run.state, run.updated_count), ("done", 5))
        self.assertEqual(self.count_states(self.flow), {"synced": self.COUNT})

    def test_too_many_changes(self):
        self.guard(self.flow, limit=5)
        self.put(range(20), price="11.00")
        with self.watch("product.template", "write", "create") as calls:
            run = self.run_small()
        self.assertFalse(calls, "not one record was written")
        self.assertEqual((run.state, run.held_count, run.ended_at), ("held", 20, False))
        self.assertEqual(self.count_states(self.flow), {"synced": 10, "held": 20})
        self.assertEqual(self.prices(), {10.0})
        self.assertEqual(
            run.message, "This run would change 20 records. Allowed without approval: 5 records.")
        sync = self.syncs(self.flow)["100"]
        self.assertEqual(sync.error_message, run.message)
        self.assertEqual(self.logs(sync)[-1].outcome, "held")
        activity = self.flow.activity_ids
        self.assertEqual((len(activity), activity.user_id), (1, self.boss))
        self.assertIn("Products", activity.summary)
        self.assertEqual(self.env["mail.activity"].search_count([("user_id", "=", self.boss.id)]), 1, "told once")
        self.assertEqual(run.held_preview["counts"], {"update": 20})
        self.assertEqual(len(run.held_preview["records"]), 20)
        self.assertEqual(run.held_preview["records"][0]["changes"], {"Sales Price": [10.0, 11.0]})
        self.assertIn("<s>10</s> → <b>11</b>", run.held_table)

    def test_approve(self):
        self.guard(self.flow, limit=5)
        self.put(range(20), price="11.00")
        run = self.run_small()
        run.with_user(self.boss).action_approve()
        self.work()
        self.assertEqual((run.state, run.updated_count, run.decision), ("done", 20, "approved"))
        self.assertEqual((run.decided_by_id, bool(run.decided_at)), (self.boss, True))
        self.assertEqual(self.count_states(self.flow), {"synced": self.COUNT})
        self.assertEqual(self.prices(), {10.0, 11.0})
        self.assertFalse(self.flow.activity_ids)
        self.assertIn("Boss", self.logs(self.syncs(self.flow)["100"], "released").message)
        with self.refuses(UserError, "not held"):
            run.action_approve()

    def test_reject(self):
        self.guard(self.flow, limit=5)
        self.put(range(20), price="11.00")
        run = self.run_small()
        self.reject(run)
        self.work()
        self.assertEqual((run.state, run.decision, run.decision_reason), ("done", "rejected", "Wrong price list"))
        self.assertEqual(self.count_states(self.flow), {"synced": 10, "skipped": 20})
        self.assertEqual(self.prices(), {10.0})
        self.assertIn("Wrong price list", self.logs(self.syncs(self.flow)["100"])[-1].message)
        self.assertFalse(self.flow.activity_ids)
        self.run_flow(self.flow)
        self.assertEqual(self.count_states(self.flow), {"synced": 10, "skipped": 20}, "until they change again")
        self.put(range(2), price="12.00")
        self.run_flow(self.flow)
        self.assertEqual(self.count_states(self.flow), {"synced": 12, "skipped": 18})

    def test_who_may_decide(self):
        self.guard(self.flow, limit=5)
        self.put(range(20), price="11.00")
        run = self.run_small()
        clerk = self.make_user("clerk", "integration_flow.group_integration_user")
        manager = self.make_user("manager", "integration_flow.group_integration_manager")
        for call in (run.with_user(clerk).action_approve, run.with_user(clerk).action_reject,
                     lambda: run.with_user(clerk)._reject("x")):
            with self.refuses(AccessError, "responsible"):
                call()
        self.assertIn("held_preview", run.with_user(clerk).read(["held_preview", "held_table"])[0])
        run.with_user(manager).action_approve()
        self.assertEqual(run.decided_by_id, manager)

    def test_nobody_gets_around_it(self):
        self.guard(self.flow, limit=5)
        self.put(range(20), price="11.00")
        run = self.run_small()
        syncs = self.env["integration.sync"].search([("state", "=", "held")])
        with self.refuses(UserError, "guardrail"):
            syncs.action_retry()
        self.press(syncs.action_resync)
        self.press(syncs.action_retry_later)
        self.work()
        self.assertEqual(self.count_states(self.flow), {"synced": 10, "held": 20})
        self.assertEqual(syncs[0].action_open_held_run()["res_id"], run.id)
        syncs[0].action_skip()
        self.assertEqual(syncs[0].state, "skipped")

    def test_new_data_for_held_records_stays_held(self):
        self.guard(self.flow, limit=5)
        self.put(range(20), price="11.00")
        run = self.run_small()
        self.put(range(3), price="99.00")
        later = self.run_small()
        self.assertEqual((later.state, run.state), ("done", "held"))
        self.assertEqual(self.count_states(self.flow), {"synced": 10, "held": 20})
        self.assertEqual(self.syncs(self.flow)["100"].run_id, run)
        self.assertEqual(self.prices(), {10.0})
        run.action_approve()
        self.work()
        self.assertEqual(self.count_states(self.flow), {"synced": self.COUNT}, "three are few: they pass by themselves")
        self.assertEqual(self.prices(), {10.0, 11.0, 99.0})

    def test_new_data_after_the_preview_is_measured_anew(self):
        """What was approved is what was looked at: a worse state that came meanwhile is held again."""
        self.guard(self.flow, limit=5)
        self.put(range(20), price="11.00")
        run = self.run_small()
        self.put(range(20), price="99.00")
        self.run_small()
        run.action_approve()
        self.work()
        self.assertEqual(self.prices(), {10.0})
        self.assertEqual(self.count_states(self.flow), {"synced": 10, "held": 20})
        self.assertEqual(run.state, "held")

    def test_percentages(self):
        self.guard(self.flow, limit=20, unit="percent", least=2)
        self.put(range(6), price="11.00")
        self.assertEqual(self.run_small().state, "done", "20 % are fine")
        self.put(range(7), price="12.00")
        run = self.run_small()
        self.assertEqual(run.state, "held")
        self.assertIn("7 of 30", run.message)

    def test_a_percentage_of_few(self):
        self.guard(self.flow, limit=1, unit="percent", least=10)
        self.put(range(10), price="11.00")
        self.assertEqual(self.run_small().state, "done", "ten are fine in any case")

    def test_stock_to_zero(self):
        self.guard(self.flow, "zero", 3, "stock")
        self.put(range(3), stock=0)
        self.put(range(3, 12), price="10.50")
        self.assertEqual(self.run_small().state, "done", "other changes and three zeros are fine")
        self.put(range(10, 14), stock=0)
        run = self.run_small()
        self.assertEqual(run.state, "held")
        self.assertIn("Weight", run.message)
        self.assertEqual(run.held_preview["records"][0]["changes"], {"Weight": [4.0, 0.0]})
        self.assertEqual(len(self.records(self.flow)["110"].mapped("weight")), 1)
        self.assertEqual(self.records(self.flow)["110"].weight, 4)

    def test_a_price_that_jumps(self):
        self.guard(self.flow, "jump", 0, "price", jump_percent=30)
        self.put(range(20), price="12.90")
        self.assertEqual(self.run_small().state, "done")
        self.put([3], price="1290")
        self.put(range(4, 10), price="13")
        run = self.run_small()
        self.assertEqual((run.state, run.held_count), ("held", 7), "nothing of the run is written")
        record = run.held_preview["records"][0]
        self.assertEqual((record["name"], record["changes"]), ("P3", {"Sales Price": [12.9, 1290.0]}), "those come first")

    def test_too_many_new_ones(self):
        self.guard(self.flow, "create", 5)
        self.put(range(100, 106))
        run = self.run_small()
        self.assertEqual((run.state, run.held_preview["counts"]), ("held", {"create": 6}))
        self.assertEqual(len(self.records(self.flow)), self.COUNT)
        run.action_approve()
        self.work()
        self.assertEqual(len(self.records(self.flow)), self.COUNT + 6)

    def test_mass_delete(self):
        self.flow.delete_in_odoo = "archive"
        self.flow.resource_id.deleted_path = "gone"
        self.guard(self.flow, "delete", 10, unit="percent", least=2)
        self.put(range(3), gone=True)
        self.assertEqual(self.run_small().state, "done")
        self.put(range(3, 10), gone=True)
        run = self.run_small()
        self.assertEqual((run.state, run.held_preview["counts"]), ("held", {"delete": 7}))
        self.assertEqual(len(self.env["product.template"].union(*self.records(self.flow).values()).filtered("active")), 27)
        run.action_approve()
        self.work()
        self.assertEqual(len(self.env["product.template"].union(*self.records(self.flow).values()).filtered("active")), 20)

    def test_what_does_not_change_is_not_counted(self):
        """A changed rule reads everything anew: that changes nothing in Odoo, so nothing is held."""
        self.guard(self.flow, limit=5)
        self.add_rules(self.flow, [{"odoo_path": "description_sale", "external_path": "note"}])
        run = self.run_flow(self.flow, full=True)
        self.assertEqual((run.state, run.read_count), ("done", self.COUNT))

    def test_settings_act_at_once(self):
        guard = self.guard(self.flow, limit=5)
        guard.active = False
        self.put(range(20), price="11.00")
        self.assertEqual(self.run_small().state, "done")
        guard.write({"active": True, "side": "export"})
        self.put(range(20), price="12.00")
        self.assertEqual(self.run_small().state, "done")
        guard.side = "import"
        self.put(range(20), price="13.00")
        self.assertEqual(self.run_small().state, "held")

    def test_live_data_counts_over_a_while(self):
        """Records that come without a run (webhooks): four now, four a little later."""
        self.guard(self.flow, limit=5)

        def arrive(numbers, price):
            plan = FlowPlan(self.flow)
            inbox.store(self.env.cr, plan, [
                {"id": 100 + number, "name": f"P{number}", "sku": f"S{number}", "price": price, "stock": 4}
                for number in numbers], now=fields.Datetime.now())
            self.work()

        arrive(range(4), "11")
        self.assertEqual(self.count_states(self.flow), {"synced": self.COUNT})
        arrive(range(4), "12")
        self.assertEqual(self.count_states(self.flow), {"synced": self.COUNT}, "the same records once more")
        arrive(range(4, 8), "11")
        self.assertEqual(self.count_states(self.flow), {"synced": 26, "held": 4})
        run = self.held_run(self.flow)
        self.assertEqual((run.trigger, run.held_count), ("held", 4))
        arrive([8], "11")
        self.assertEqual((self.held_run(self.flow), run.held_count), (run, 4), "five in the hour are fine")
        arrive([9], "11")
        self.assertEqual((self.held_run(self.flow), run.held_count), (run, 5), "the same run, and one activity")
        self.assertEqual(len(self.flow.activity_ids), 1)
        self.env.cr.execute("UPDATE integration_sync SET guard_at = guard_at - interval '2 hours'")
        arrive([10], "11")
        self.assertEqual(run.held_count, 5)
        run.action_approve()
        self.work()
        self.assertEqual((run.state, self.count_states(self.flow)), ("done", {"synced": self.COUNT}))

    def test_reading_fails_in_the_middle(self):
        """Nothing is decided before the last page is here."""
        self.guard(self.flow, limit=15)
        self.put(range(20), price="11.00")
        self.shop.fault("server_error", path="page=2")
        run = self.run_small()
        self.assertEqual((run.state, self.prices()), ("open", {10.0}))
        self.make_due(self.flow)
        self.work()
        self.assertEqual((run.state, run.held_count), ("held", 20))

    def test_nobody_can_be_asked(self):
        """Held is held, also where the activity cannot be made."""
        self.guard(self.flow, limit=5)
        self.put(range(20), price="11.00")
        with patch.object(self.registry["integration.run"], "_ask_to_decide", side_effect=UserError("no")), \
                self.assertLogs("odoo.addons.integration_flow.models.run_held", "WARNING"):
            run = self.run_small()
        self.assertEqual((run.state, run.held_count), ("held", 20))

    def test_guards_are_checked(self):
        with self.refuses(ValidationError, "choose the field"):
            self.guard(self.flow, "zero", 3)
        with self.refuses(ValidationError, "no number"):
            self.guard(self.flow, "jump", 3, "name")
        guard = self.guard(self.flow, "jump", 3, "price")
        self.assertIn("Sales Price", guard.display_name)
        self.assertEqual(guard._exceeded_words(5, 40), "This run would change Sales Price by more than 30 % on 5 records. "
                                                       "Allowed without approval: 3 records.")
        guard.write({"kind": "delete", "limit": 0})
        self.assertEqual(guard._exceeded_words(1, 40), "This run would delete 1 record. Allowed without approval: none.")
        guard.write({"kind": "change", "limit": 20, "unit": "percent"})
        self.assertEqual(guard._exceeded_words(12, 40), "This run would change 12 of 40 records. "
                                                        "Allowed without approval: 20 % of the flow's records.")
        guard.write({"kind": "jump", "limit": 3, "unit": "records"})
        copy = self.flow.copy()
        self.assertEqual(copy.guard_ids.rule_id, copy.rule_ids.filtered(lambda rule: rule.code == "price"))

    def test_access(self):
        guard = self.guard(self.flow)
        clerk = self.make_user("clerk2", "integration_flow.group_integration_user")
        manager = self.make_user("manager2", "integration_flow.group_integration_manager")
        self.assertEqual(guard.with_user(clerk).kind, "change")
        for call in (lambda: guard.with_user(clerk).write({"limit": 9}), guard.with_user(clerk).unlink):
            with self.assertRaises(AccessError):
                call()
        guard.with_user(manager).limit = 9
        other = self.env["res.company"].create({"name": "Other"})
        self.flow.write({"active": False})
        self.env.cr.execute("UPDATE integration_flow SET company_id = %s WHERE id = %s", [other.id, self.flow.id])
        self.env.invalidate_all()
        self.assertFalse(self.env["integration.guard"].with_user(manager).search([("id", "=", guard.id)]))


@tagged("post_install", "-at_install")
class TestExportGuards(GuardTools, ExportCase):
    """A user changes many contacts at once, and they would all leave at once."""

    def setUp(self):
        super().setUp()
        self.flow = self.out_flow(rules=[
            {"odoo_path": "credit_limit", "external_path": "limit", "owner": "odoo", "code": "limit"}]
            if "credit_limit" in self.env["res.partner"]._fields else [
            {"odoo_path": "color", "external_path": "limit", "owner": "odoo", "code": "limit"}])
        self.people = self.partners(20, color=4)
        self.work()
        self.assertEqual(self.count_states(self.flow), {"synced": 20})
        self.hour_later()
        self.shop.clear_counts()

    def hour_later(self):
        self.env.cr.execute("UPDATE integration_sync SET guard_at = guard_at - interval '2 hours'")

    def names(self):
        return {customer["first_name"] for customer in self.shop.dump("customers")}

    def test_a_mass_update_by_hand(self):
        self.flow.batch_size = 6
        self.guard(self.flow, limit=8)
        self.people.write({"name": "Same"})
        self.work()
        self.assertFalse(self.written_calls("PUT"), "not one of them has left")
        self.assertEqual(self.count_states(self.flow), {"held": 20})
        run = self.held_run(self.flow)
        self.assertEqual((run.trigger, run.held_side, run.held_preview["counts"]), ("held", "export", {"update": 20}))
        self.assertEqual(run.held_preview["records"][0]["changes"]["Name"][1], "Same")
        self.people[0].name = "Newer"
        self.work()
        self.assertEqual(self.count_states(self.flow), {"held": 20})
        run.action_approve()
        self.work()
        self.assertEqual((run.state, self.count_states(self.flow)), ("done", {"synced": 20}))
        self.assertEqual(self.names(), {"Same", "Newer"})
        self.assertEqual(run.updated_count, 20)

    def test_rejected(self):
        self.guard(self.flow, limit=8)
        self.people.write({"name": "Same"})
        self.work()
        self.reject(self.held_run(self.flow), "A slip")
        self.work()
        self.assertEqual(self.count_states(self.flow), {"skipped": 20})
        self.assertFalse(self.written_calls("PUT"))
        self.people[0].name = "On purpose"
        self.work()
        self.assertEqual(self.count_states(self.flow), {"skipped": 19, "synced": 1})

    def test_little_by_little(self):
        """A script that commits each record: what passed in the last hour counts."""
        self.guard(self.flow, limit=8)
        for number, person in enumerate(self.people[:12]):
            person.name = f"Z{number}"
            self.work()
        self.assertEqual(len(self.written_calls("PUT")), 8)
        self.assertEqual(self.count_states(self.flow), {"synced": 16, "held": 4})
        run = self.held_run(self.flow)
        self.assertEqual((len(run), run.held_count, len(self.flow.activity_ids)), (1, 4, 1))
        self.hour_later()
        self.people[15].name = "An hour later"
        self.work()
        self.assertEqual(self.sync(self.flow, self.people[15]).state, "synced")

    def test_after_an_approval_it_is_counted_anew(self):
        self.guard(self.flow, limit=8)
        for number, person in enumerate(self.people[:9]):
            person.name = f"Z{number}"
            self.work()
        self.held_run(self.flow).action_approve()
        self.work()
        self.people[12].name = "One more"
        self.work()
        self.assertEqual(self.count_states(self.flow), {"synced": 20})

    def test_what_would_send_nothing_is_not_counted(self):
        self.guard(self.flow, limit=3)
        self.flow.action_export_all()
        self.work()
        self.assertEqual(self.count_states(self.flow), {"synced": 20})
        self.assertFalse(self.held_run(self.flow))

    def test_a_number_that_becomes_zero(self):
        self.guard(self.flow, "zero", 2, "limit")
        field = self.flow.rule_ids.filtered(lambda rule: rule.code == "limit").odoo_path
        self.people.write({field: 5})
        self.work()
        self.assertEqual(self.count_states(self.flow), {"synced": 20})
        self.people[:3].write({field: 0})
        self.work()
        self.assertEqual(self.count_states(self.flow), {"synced": 17, "held": 3})
        change = self.held_run(self.flow).held_preview["records"][0]["changes"]
        self.assertEqual([values[1] in (0, None, False) for values in change.values()], [True])

    def test_too_many_new_ones(self):
        self.guard(self.flow, "create", 5)
        self.env["res.partner"].create([
            {"name": f"N{number}", "email": f"n{number}@example.com", "ref": f"X-N{number}"} for number in range(6)])
        self.work()
        self.assertEqual(len(self.shop.dump("customers")), 20)
        self.held_run(self.flow).action_approve()
        self.work()
        self.assertEqual(len(self.shop.dump("customers")), 26)
        self.assertFalse(self.shop.counts()["doubled"])

    def test_mass_delete(self):
        self.flow.delete_in_external = "delete"
        self.guard(self.flow, "delete", 5)
        self.people[:5].unlink()
        self.work()
        self.assertEqual(len(self.shop.dump("customers")), 15)
        self.hour_later()
        self.people[5:15].unlink()
        self.work()
        self.assertEqual(len(self.shop.dump("customers")), 15)
        run = self.held_run(self.flow)
        self.assertEqual((run.held_count, run.held_preview["counts"]), (10, {"delete": 10}))
        run.action_approve()
        self.work()
        self.assertEqual(len(self.shop.dump("customers")), 5)

    def test_a_retry_is_not_measured_again(self):
        """A change that passed and met a failure goes on, whatever has passed since."""
        self.guard(self.flow, limit=2)
        self.shop.fault("status", status=503, method="PUT")
        self.people[0].name = "Slow"
        self.work()
        self.people[1].name = "Second"
        self.work()
        self.make_due(self.flow)
        self.work()
        self.assertEqual(self.count_states(self.flow), {"synced": 20})

    def test_a_button_on_one_record(self):
        """Who presses Retry on a record has looked at it."""
        self.guard(self.flow, limit=0)
        self.people[0].name = "Held"
        self.work()
        self.assertEqual(self.sync(self.flow, self.people[0]).state, "held")
        self.guard(self.flow, limit=0)
        self.shop.fault("status", status=422, message="No.", method="PUT")
        self.held_run(self.flow).action_approve()
        self.work()
        sync = self.sync(self.flow, self.people[0])
        self.assertEqual(sync.state, "failed")
        self.press(sync.action_retry)
        self.assertEqual(sync.state, "synced")

    def test_under_constant_load_it_is_decided_in_time(self):
        """There is always more to come; what is measured does not wait for ever."""
        self.guard(self.flow, limit=8)
        self.people[:3].write({"name": "Busy"})
        with patch.object(guards, "_more_to_come", return_value=True):
            self.work()
            self.assertEqual(self.count_states(self.flow), {"synced": 17, "pending": 3})
            self.env.cr.execute("UPDATE integration_sync SET guard_at = guard_at - interval '2 minutes' "
                                "WHERE guard_mark = 'export:measured'")
            self.work()
        self.assertEqual(self.count_states(self.flow), {"synced": 20})
        self.assertLess(guards.LONGEST_PARKING, timedelta(minutes=2))


@tagged("-standard", "integration_flow_real", "post_install", "-at_install")
class TestKilled(GuardTools, RealCase):
    """The worker is killed while it measures, decides and holds: nothing is lost, nothing gets through."""

    POINTS = {
        "before_parking": (guards, "_park", "before"),
        "after_parking": (guards, "_park", "after"),
        "while_deciding": (guards, "decide", "before"),
        "after_deciding": (guards, "decide", "after"),
        "while_holding": (holding, "_run_of", "after"),
        "while_noting": (holding, "_preview", "before"),
    }

    def test_kill_at_every_step(self):
        with patch.dict(real.POINTS, self.POINTS):
            for point in self.POINTS:
                for hit in (1, 2):
                    with self.subTest(point=point, hit=hit):
                        self._killed_at(point, hit)

    def _killed_at(self, point, hit):
        self.shop.reset("empty")
        flow = self.customer_flow(batch_size=4, rules=[("city", "city")])
        self.put_customers(*(
            {"id": number, "first_name": "N", "email": f"n{number}@example.com", "city": "Ghent"} for number in range(10)))
        self.cr.commit()
        self.run_real(flow)
        self.assertEqual(self.count_states(flow), {"synced": 10})
        self.guard(flow, limit=5)
        self.put_customers(*(
            {"id": number, "first_name": "N", "email": f"n{number}@example.com", "city": "Mons",
             "date_modified_gmt": "2026-02-01T10:00:00"} for number in range(10)))
        flow._open_run("button", full=True)
        self.cr.commit()
        status = self.join(self.worker_in_child(point=point, hit=hit))
        self.assertIn(status, ([9], [0]))  # not every point is reached twice
        for _again in range(3):
            self.work()
        self.assertEqual(self.count_states(flow), {"held": 10}, "all of it is held, nothing is lost")
        cities = {record.city for record in self.records(flow).values()}
        self.assertEqual(cities, {"Ghent"}, "nothing of it was written")
        run = self.held_run(flow)
        self.assertEqual((len(run), run.held_count, len(flow.activity_ids)), (1, 10, 1))
        run.action_approve()
        self.cr.commit()
        self.work()
        self.assertEqual(self.count_states(flow), {"synced": 10})
        self.assertEqual({record.city for record in self.records(flow).values()}, {"Mons"})
        self.remove_flows(flow)

    def run_real(self, flow):
        flow._open_run("button")
        self.work()
