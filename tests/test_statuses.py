"""Statuses on real Odoo: what a status of the shop does to a sales order, and what is sent back."""

from contextlib import contextmanager
from unittest.mock import patch

from psycopg2.errors import SerializationFailure

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import new_test_user, tagged

from odoo.addons.integration_flow.engine.comparing import Comparer
from odoo.addons.integration_flow.engine.plan import FlowPlan
from odoo.addons.integration_flow.engine.revertible import preview
from odoo.addons.integration_flow.engine.status_actions import StatusAction
from odoo.addons.integration_flow.engine.why_not import Look

from .status_common import ORDER_OPERATIONS, StatusCase


@tagged("post_install", "-at_install")
class TestStatusImport(StatusCase):
    def test_statuses_run_business_actions_together(self):
        flow = self.shop_flow()
        keys = self.place("processing", "processing", "cancelled", "pending", "processing")
        with self.watch("sale.order", "action_confirm", "_action_cancel") as calls:
            syncs, orders = self.bring(flow)
        self.assertSyncs(flow, dict.fromkeys(keys, "synced"))
        self.assertEqual([orders[key].state for key in keys], ["sale", "sale", "cancel", "draft", "sale"])
        self.assertEqual([(name, len(ids)) for name, ids, _args in calls], [("action_confirm", 3), ("_action_cancel", 1)])
        self.assertEqual(syncs[keys[0]].agreed["@status"], {"o": "sale", "e": "processing"})

    def test_the_same_status_again_runs_nothing(self):
        """Neither when the order changes otherwise, nor when Odoo has moved on, nor on a resync."""
        flow = self.shop_flow()
        [key] = self.place("processing")
        _syncs, orders = self.bring(flow)
        orders[key]._action_cancel()
        self.shop.touch("orders", ids=[int(key)], changes={"customer_note": "Ring twice"})
        with self.watch("sale.order", "action_confirm") as calls:
            syncs, orders = self.bring(flow)
            self.press(syncs[key].action_resync)
        self.assertFalse(calls)
        self.assertEqual((orders[key].client_order_ref, orders[key].state), ("Ring twice", "cancel"))
        self.assertEqual(self.syncs(flow)[key].state, "synced")

    def test_already_there_is_no_transition(self):
        flow = self.shop_flow()
        [key] = self.place("pending")
        _syncs, orders = self.bring(flow)
        orders[key].action_confirm()
        self.turn(key, "processing")
        with self.watch("sale.order", "action_confirm") as calls:
            syncs, _orders = self.bring(flow)
        self.assertFalse(calls)
        self.assertEqual((syncs[key].state, syncs[key].agreed["@status"]["o"]), ("synced", "sale"))

    def test_steps_between(self):
        """completed is only allowed from confirmed: confirm, then lock."""
        flow = self.shop_flow()
        [key] = self.place("completed")
        _syncs, orders = self.bring(flow)
        self.assertSyncs(flow, {key: "synced"})
        self.assertEqual((orders[key].state, orders[key].locked), ("sale", True))

    def test_without_steps_between_it_is_forbidden(self):
        flow = self.shop_flow(status_chain=False)
        [key] = self.place("completed")
        syncs, orders = self.bring(flow)
        self.assertFailed(
            syncs[key], "validation", orders[key].name, "“completed”", "from Quotation to Sales Order",
            "(allowed from: Sales Order)", "Bring the record to one of these stages")
        self.assertEqual(orders[key].state, "draft")

    def test_forbidden_keeps_the_other_fields_and_heals(self):
        flow = self.shop_flow(status_ignore_late=False)
        key, other = self.place("processing", "processing")
        _syncs, orders = self.bring(flow)
        orders[key]._action_cancel()
        self.turn(key, "completed", customer_note="New note")
        self.turn(other, "completed", customer_note="Other note")
        syncs, orders = self.bring(flow)
        self.assertFailed(syncs[key], "validation", "from Cancelled to Sales Order", "allowed from: Sales Order")
        self.assertEqual(syncs[other].state, "synced")
        self.assertEqual((orders[key].client_order_ref, orders[other].client_order_ref), ("New note", "Other note"))
        self.assertTrue(orders[other].locked)
        self.assertEqual(self.logs(syncs[key], "failed").changes["client_order_ref"], ["N0", "New note"])
        # A person brings the order where it may go on from, and retries.
        orders[key].action_draft()
        self.press(syncs[key].action_retry)
        self.assertEqual((syncs[key].state, orders[key].state, orders[key].locked), ("synced", "sale", True))

    def test_a_changed_rule_releases_what_it_has_stopped(self):
        flow = self.shop_flow(status_ignore_late=False)
        keys = self.place("processing", "processing")
        _syncs, orders = self.bring(flow)
        for key in keys:
            orders[key]._action_cancel()
            self.turn(key, "completed")
        self.bring(flow)
        self.assertSyncs(flow, dict.fromkeys(keys, "failed"))
        rule = flow.status_rule_ids.filtered(lambda rule: rule.external_status == "completed")
        rule.write({"effect": "none"})
        self.work()
        self.assertSyncs(flow, dict.fromkeys(keys, "synced"))

    def test_odoo_refuses(self):
        """The action raises for one order: the others are confirmed, its fields stay, both stages are named."""
        flow = self.shop_flow()
        keys = self.place("processing", "processing", "processing", "processing")

        message = "The buyer has no credit."

        def refused(orders):
            if any(order.client_order_ref == "N2" for order in orders):
                raise ValidationError(message)
            return original(orders)

        original = self.registry["sale.order"].action_confirm
        self.patch(self.registry["sale.order"], "action_confirm", refused)
        syncs, orders = self.bring(flow)
        self.assertSyncs(flow, {key: "failed" if key == keys[2] else "synced" for key in keys})
        self.assertFailed(
            syncs[keys[2]], "validation", "from Quotation to Sales Order", "Odoo refuses that: The buyer has no credit.")
        self.assertEqual([orders[key].state for key in keys], ["sale", "sale", "draft", "sale"])
        self.assertEqual(syncs[keys[2]].issue_id.error_code, "status_refused")

    def test_another_transaction_in_the_way_is_no_failure(self):
        """The slice is done again as a whole, and nobody hears of it."""
        flow = self.shop_flow()
        keys = self.place("processing", "processing")
        original = self.registry["sale.order"].action_confirm
        tries = []

        def disturbed(orders):
            tries.append(len(orders))
            if len(tries) == 1:
                raise SerializationFailure
            return original(orders)
        self.patch(self.registry["sale.order"], "action_confirm", disturbed)
        syncs, orders = self.bring(flow)
        self.assertSyncs(flow, dict.fromkeys(keys, "synced"))
        self.assertEqual(tries, [2, 2])
        self.assertFalse(self.logs(syncs[keys[0]], "failed"))

    def test_an_addon_brings_its_own_action(self):
        """By an ordinary inherit; this one takes one record at a time."""
        seen = []

        def sign(order):
            order.ensure_one()
            seen.append(order.id)
            order.write({"state": "sent", "signed_by": "Shop"})

        rules = self.registry["integration.status.rule"]
        known = rules._status_actions

        def more(model):
            actions = known(model)
            actions["sale.order"]["sign"] = StatusAction("Sign", sign, many=False)
            return actions
        self.patch(rules, "_status_actions", more)
        flow = self.shop_flow({"processing": (10, "sent", "draft", "sale.order:sign")})
        self.assertEqual(flow._problems(), [])
        self.assertIn(("sale.order:sign", "Sign"), flow.status_rule_ids._selection_action())
        self.place("processing", "processing")
        _syncs, orders = self.bring(flow)
        self.assertEqual({(order.state, order.signed_by) for order in orders.values()}, {("sent", "Shop")})
        self.assertEqual(sorted(seen), sorted(order.id for order in orders.values()))

    def test_an_action_that_ends_elsewhere(self):
        flow = self.shop_flow({"processing": (10, "sent", "draft", "sale.order:action_confirm")})
        keys = self.place("processing", "processing")
        syncs, orders = self.bring(flow)
        self.assertFailed(syncs[keys[0]], "validation", "to Quotation Sent", "ended at Sales Order")
        self.assertEqual([orders[key].state for key in keys], ["draft", "draft"], "what it did is undone")

    def test_a_step_that_fails_undoes_the_steps_before(self):
        flow = self.shop_flow()
        [key] = self.place("completed")

        message = "Not today."

        def refused(_orders):
            raise ValidationError(message)
        self.patch(self.registry["sale.order"], "action_lock", refused)
        syncs, orders = self.bring(flow)
        self.assertFailed(syncs[key], "validation", "Not today.")
        self.assertEqual(orders[key].state, "draft")

    def test_late_statuses_change_nothing(self):
        flow = self.shop_flow()
        [key] = self.place("completed")
        syncs, orders = self.bring(flow)
        self.turn(key, "processing", customer_note="Late")
        syncs, _orders = self.bring(flow)
        self.assertEqual((syncs[key].state, orders[key].locked), ("synced", True))
        self.assertEqual(orders[key].client_order_ref, "Late", "the rest of the record is not late")
        self.assertEqual(
            self.logs(syncs[key], "overruled").changes["@status"], ["Sales Order", "processing", "external", "kept"])
        self.assertIn("“processing” comes late", self.logs(syncs[key], "updated")[-1].message)
        self.assertEqual(syncs[key].agreed["@status"], {"o": "sale", "e": "processing", "r": "completed"})
        # What it goes back to is known.
        self.turn(key, "completed")
        with self.watch("sale.order", "action_lock") as calls:
            self.bring(flow)
        self.assertFalse(calls)

    def test_unknown_statuses_are_collected_and_released(self):
        flow = self.shop_flow()
        keys = self.place("refunded", "refunded", "processing")
        syncs, orders = self.bring(flow)
        self.assertSyncs(flow, {keys[0]: "failed", keys[1]: "failed", keys[2]: "synced"})
        self.assertFailed(syncs[keys[0]], "unmapped", "“refunded”", flow.name, "tab Statuses")
        self.assertEqual(orders[keys[0]].client_order_ref, "N0", "the order is here, only its status is open")
        self.assertEqual(syncs[keys[0]].issue_id, syncs[keys[1]].issue_id)
        self.assertEqual(syncs[keys[0]].issue_id.action_fix()["res_model"], "integration.flow")
        self.env.invalidate_all()
        opened = flow.status_rule_ids.filtered(lambda rule: rule.effect == "open")
        self.assertEqual((opened.mapped("external_status"), flow.status_open_count), (["refunded"], 1))
        self.bring(flow)
        self.assertEqual(flow.status_open_count, 1, "it is collected once")
        cancel = flow.status_rule_ids.filtered(lambda rule: rule.external_status == "cancelled")
        opened.write({
            "effect": "stage", "stage_id": cancel.stage_id.id, "action": cancel.action, "sequence": 90,
            "from_stage_ids": cancel.from_stage_ids.ids})
        self.assertEqual(set(self.states(flow).values()), {"pending", "synced"})
        self.work()
        self.assertSyncs(flow, dict.fromkeys(keys, "synced"))
        self.assertEqual([orders[key].state for key in keys], ["cancel", "cancel", "sale"])

    def test_a_collected_status_joins_another_rule(self):
        flow = self.shop_flow()
        [key] = self.place("refunded")
        self.bring(flow)
        rule = flow.status_rule_ids.filtered(lambda rule: rule.external_status == "cancelled")
        rule.external_status = "cancelled, Refunded"
        self.assertEqual(flow.status_open_count, 0)
        self.work()
        self.assertEqual((self.syncs(flow)[key].state, self.records(flow)[key].state), ("synced", "cancel"))

    def test_what_changes_no_stage_stands_in_the_history(self):
        flow = self.shop_flow()
        [key] = self.place("processing")
        self.bring(flow)
        self.turn(key, "completed")
        syncs, _orders = self.bring(flow)
        self.assertEqual(
            self.logs(syncs[key], "updated")[-1].changes["@status"], ["Sales Order", "Sales Order (completed)"])

    def test_what_the_action_moves_of_the_other_system_is_put_back(self):
        """Confirming sets the order's date; the shop owns it."""
        flow = self.shop_flow()
        self.add_rules(flow, [("date_order", "'2026-01-02T03:04:05'", {"transform": "datetime", "timezone": "UTC"})])
        keys = self.place("processing")
        _syncs, orders = self.bring(flow)
        self.assertEqual((orders[keys[0]].state, str(orders[keys[0]].date_order)), ("sale", "2026-01-02 03:04:05"))

    def test_without_status_rules_nothing_is_asked(self):
        flow = self.shop_flow({})
        keys = self.place("processing")
        syncs, orders = self.bring(flow)
        self.assertEqual((syncs[keys[0]].state, orders[keys[0]].state), ("synced", "draft"))
        self.assertNotIn("@status", syncs[keys[0]].agreed)
        self.assertIsNone(FlowPlan(flow).status)


@tagged("post_install", "-at_install")
class TestStatusExport(StatusCase):
    SENDS = {"sale": "processing", "cancel": "cancelled"}

    def test_a_change_of_stage_is_sent_with_the_rest_and_only_then(self):
        flow = self.shop_flow(sends=self.SENDS, timing="live")
        [key] = self.place("pending")
        _syncs, orders = self.bring(flow)
        self.written_calls()
        order = orders[key]
        order._action_cancel()
        self.work()
        self.assertEqual(self.written_calls(), [("PUT", f"orders/{key}", {"status": "cancelled"})])
        self.assertEqual(self.shop.get(f"orders/{key}")["status"], "cancelled")
        self.assertEqual(self.syncs(flow)[key].agreed["@status"], {"o": "cancel", "e": "cancelled"})
        # Its echo in the next list is no news.
        with self.watch("sale.order", "_action_cancel") as calls:
            self.bring(flow)
        self.assertFalse(calls or self.written_calls())
        # A stage of which nothing is told, and a field that is: the status stays out.
        order.action_draft()
        self.work()
        self.assertFalse(self.written_calls())

    def test_what_came_in_is_not_sent_back(self):
        flow = self.shop_flow(sends={"sale": "on-hold"}, timing="live")
        [key] = self.place("processing")
        _syncs, orders = self.bring(flow)
        self.work()
        self.assertEqual(orders[key].state, "sale")
        self.assertFalse(self.written_calls())

    def test_both_moved(self):
        """The shop takes a note, the user confirms: both arrive, the stage goes out."""
        flow = self.shop_flow(sends=self.SENDS, timing="live")
        [key] = self.place("pending")
        _syncs, orders = self.bring(flow)
        self.written_calls()
        self.turn(key, "on-hold", customer_note="Wait")
        orders[key].action_confirm()
        self.bring(flow)
        self.work()
        self.assertEqual(orders[key].client_order_ref, "Wait")
        self.assertEqual(self.written_calls(), [("PUT", f"orders/{key}", {"status": "processing"})])
        self.assertSyncs(flow, {key: "synced"})

    def test_written_at_another_place_and_as_a_number(self):
        flow = self.shop_flow(sends={"cancel": "5"}, timing="live", status_send_path="meta.state", status_as_number=True)
        [key] = self.place("pending")
        _syncs, orders = self.bring(flow)
        self.written_calls()
        orders[key]._action_cancel()
        self.work()
        [(_method, _target, body)] = self.written_calls()
        self.assertEqual(body, {"meta": {"state": 5}})

    def test_a_new_record_is_born_with_its_status(self):
        operations = dict(ORDER_OPERATIONS, create={"method": "POST", "path": "orders", "error_paths": "message"})
        flow = self.shop_flow(sends=self.SENDS, timing="live", operations=operations, create_in_external=True,
                              domain="[('client_order_ref', '=like', 'X%')]")
        draft, confirmed = self.order(client_order_ref="X-1"), self.order(client_order_ref="X-2")
        confirmed.action_confirm()
        self.work()
        self.assertEqual(
            sorted((body for _method, _target, body in self.written_calls("POST")), key=str),
            [{"customer_note": "X-1"}, {"customer_note": "X-2", "status": "processing"}])
        self.assertState(flow, confirmed, "synced")
        self.assertState(flow, draft, "synced")
        draft.action_confirm()
        self.work()
        self.assertEqual([body for _method, _target, body in self.written_calls()], [{"status": "processing"}])

    def test_the_stage_alone_wakes_the_flow(self):
        """No field rule looks at the stage: it is watched because something is sent at it."""
        flow = self.shop_flow(sends=self.SENDS, timing="live")
        watched = self.env["base"]._integration_watched()
        self.assertIn(flow.id, [watch.flow_id for watch in watched["sale.order"]["state"]])
        flow.status_send_ids.unlink()
        watched = self.env["base"]._integration_watched()
        self.assertNotIn(flow.id, [watch.flow_id for watch in watched["sale.order"].get("state", ())])


@tagged("post_install", "-at_install")
class TestStatusModels(StatusCase):
    def test_a_transfer_is_validated(self):
        if "stock.picking" not in self.env:
            self.skipTest("Inventory is not installed")
        warehouse = self.env["stock.warehouse"].search([("company_id", "=", self.env.company.id)], limit=1)
        product = self.env["product.product"].create({"name": "Crate", "type": "consu", "is_storable": True})
        flow = self.make_flow("stock.picking", [("origin", "customer_note", {"match_key": True})], "orders", **{
            "updated_at_path": "date_modified_gmt", "create_in_odoo": False, "status_field": "state",
            "status_path": "status"})
        self.add_statuses(flow, {
            "pending": (10, None, "", ""),
            "processing": (20, "assigned", "draft confirmed waiting", "stock.picking:action_assign"),
            "completed": (30, "done", "draft confirmed assigned", "stock.picking:button_validate"),
            "refunded": (40, "done", "draft confirmed assigned", "stock.picking:validate_all"),
            "cancelled": (90, "cancel", "draft waiting confirmed assigned", "stock.picking:action_cancel")})
        pickings = self.env["stock.picking"].create([{
            "origin": f"N{number}", "picking_type_id": warehouse.out_type_id.id, "location_id": warehouse.lot_stock_id.id,
            "location_dest_id": self.env.ref("stock.stock_location_customers").id, "move_ids": [(0, 0, {
                "product_id": product.id, "product_uom_qty": 5, "location_id": warehouse.lot_stock_id.id,
                "location_dest_id": self.env.ref("stock.stock_location_customers").id})]} for number in range(4)])
        pickings.action_confirm()
        self.env["stock.quant"]._update_available_quantity(product, warehouse.lot_stock_id, 8)
        pickings[:2].action_assign()  # five, and three of five
        keys = self.place("completed", "completed", "refunded", "cancelled")
        syncs, _records = self.bring(flow)
        self.assertSyncs(flow, dict.fromkeys(keys, "synced"))
        self.assertEqual(pickings.mapped("state"), ["done", "done", "done", "cancel"])
        self.assertEqual(pickings[1].backorder_ids.move_ids.product_uom_qty, 2, "what was not there is to come")
        self.assertEqual(pickings[2].move_ids.quantity, 5, "the other system has said that all was moved")
        # Late again, and a transfer with nothing in stock cannot be validated as it is.
        self.assertFalse(pickings[2].backorder_ids)
        later = pickings[:1].copy({"origin": "N4"})
        later.action_confirm()
        self.place("pending", "pending", "pending", "pending", "completed")
        key = max(self.bring(flow)[0], key=int)
        self.assertFailed(self.syncs(flow)[key], "validation", later.name, "to Done", "Odoo refuses that")
        self.assertNotEqual(later.state, "done")

    def test_stage_records_of_leads(self):
        if "crm.lead" not in self.env:
            self.skipTest("CRM is not installed")
        self.env["crm.stage"].search([("is_won", "=", True)]).is_won = False
        stages = self.env["crm.stage"].create([
            {"name": "Fresh", "sequence": 1}, {"name": "Talking", "sequence": 2},
            {"name": "Sold", "sequence": 99, "is_won": True}])
        flow = self.make_flow("crm.lead", [("name", "customer_note", {"match_key": True})], "orders", **{
            "updated_at_path": "date_modified_gmt", "status_field": "stage_id", "status_path": "status"})
        fresh, talking, sold = (str(stage.id) for stage in stages)
        self.assertLessEqual({fresh, talking, sold}, set(flow.status_stage_ids.mapped("value")))
        self.add_statuses(flow, {
            "pending": (10, fresh, "", ""), "processing": (20, talking, fresh, ""),
            "completed": (30, sold, talking, "crm.lead:action_set_won"),
            "cancelled": (90, None, f"{fresh} {talking}", "crm.lead:action_set_lost")})
        keys = self.place("pending", "pending")
        _syncs, leads = self.bring(flow)
        self.assertEqual(leads[keys[0]].stage_id, stages[0])
        self.turn(keys[0], "completed")
        self.turn(keys[1], "cancelled")
        syncs, _leads = self.bring(flow)
        self.assertSyncs(flow, dict.fromkeys(keys, "synced"))
        self.assertEqual((leads[keys[0]].stage_id, leads[keys[0]].probability), (stages[2], 100))
        self.assertFalse(leads[keys[1]].active)
        # A stage that is removed in Odoo is said, and stays where rules use it.
        leads[keys[1]].unlink()
        leads[keys[0]].stage_id = stages[1]
        stages[2].unlink()
        flow.action_refresh_stages()
        self.assertIn("Odoo does not know one of its stages any more", "\n".join(flow._problems()))

    def test_server_actions(self):
        flow = self.shop_flow()
        action = self.env["ir.actions.server"].create({
            "name": "Confirm and note", "model_id": self.env["ir.model"]._get_id("sale.order"), "state": "code",
            "code": "records.action_confirm()\nrecords.write({'origin': env.user.login})"})
        rule = flow.status_rule_ids.filtered(lambda rule: rule.external_status == "processing")
        seller = new_test_user(self.env, "seller", groups="sales_team.group_sale_salesman_all_leads")
        flow.user_id = seller
        technical = new_test_user(
            self.env, "technical", groups="base.group_user,integration_flow.group_integration_secrets")
        rule.with_user(technical).write({"action": "server", "server_action_id": action.id})
        keys = self.place("processing", "processing")
        _syncs, orders = self.bring(flow)
        self.assertSyncs(flow, dict.fromkeys(keys, "synced"))
        self.assertEqual({(order.state, order.origin) for order in orders.values()}, {("sale", "seller")})
        with self.refuses(ValidationError, "is not made for the records"):
            rule.server_action_id = self.env["ir.actions.server"].create({
                "name": "Other", "model_id": self.env["ir.model"]._get_id("res.partner"), "state": "code", "code": ""})

    def test_rights(self):
        flow = self.shop_flow()
        rule = flow.status_rule_ids[0]
        user = new_test_user(self.env, "reader", groups="base.group_user,integration_flow.group_integration_user")
        manager = new_test_user(self.env, "planner", groups="base.group_user,integration_flow.group_integration_manager")
        self.assertTrue(rule.with_user(user).external_status)
        self.assertTrue(flow.with_user(user).status_stage_ids.mapped("name"))
        for call in (lambda: rule.with_user(user).write({"sequence": 3}), rule.with_user(user).unlink,
                     lambda: rule.with_user(user).copy({"external_status": "x"})):
            with self.assertRaises(AccessError):
                call()
        rule.with_user(manager).write({"sequence": 11})
        flow.connection_id.company_id = flow.company_id
        elsewhere = new_test_user(
            self.env, "elsewhere", groups="base.group_user,integration_flow.group_integration_user",
            company_id=self.env["res.company"].create({"name": "Elsewhere"}).id)
        self.assertFalse(rule.with_user(elsewhere).search([("flow_id", "=", flow.id)]))
        self.assertFalse(flow.status_stage_ids.with_user(elsewhere).search([("flow_id", "=", flow.id)]))
        with self.refuses(AccessError, "Only a technical administrator"):
            rule.with_user(manager).write({"action": "server"})
        self.assertNotIn("server", rule.with_user(manager).possible_actions)
        rule.action = "server"
        copied = flow.with_user(manager).copy()
        self.assertEqual(copied.status_rule_ids.filtered(
            lambda one: one.external_status == rule.external_status).mapped("effect"), ["open"])

    def test_a_copied_flow_has_rules_of_its_own(self):
        flow = self.shop_flow(sends={"sale": "processing"})
        copied = flow.copy()
        rules = copied.status_rule_ids | copied.status_send_ids
        self.assertEqual(len(rules), 5)
        self.assertEqual((rules.stage_id | rules.from_stage_ids).flow_id, copied)
        self.assertEqual(rules.filtered(lambda rule: rule.external_status == "cancelled").from_stage_ids.mapped("value"),
                         ["draft", "sent", "sale"])

    def test_configuration_is_checked(self):
        flow = self.shop_flow()
        with self.refuses(ValidationError, "two rules say what the status “processing” does"):
            self.add_statuses(flow, {"Completed2, Processing ": (1, "sale", "", "")})
        with self.refuses(ValidationError, "cannot be the stage of"):
            flow.status_field = "client_order_ref"
        with self.refuses(ValidationError, "is not a valid path"):
            flow.status_path = "a..b"
        with self.refuses(ValidationError, "remove the status rules"):
            flow.status_field = "invoice_status"
        other = self.shop_flow_of_contacts()
        with self.refuses(ValidationError, "stages of its own flow"):
            flow.status_rule_ids[0].stage_id = other.status_stage_ids[0]
        self.assertEqual(flow._problems(), [])
        rule = flow.status_rule_ids[1]
        rule.action = "stock.picking:action_assign"
        self.assertIn("not among those that these records offer", flow._problems()[0])
        rule.write({"action": "write", "stage_id": False})
        self.assertIn("choose the stage to which the status leads", flow._problems()[0])
        rule.effect = "none"
        self.add_statuses(flow, {"sale": "processing"}, "out")
        self.assertIn("this flow does not export", flow._problems()[0])
        flow.direction = "both"
        flow.status_path = "status || state"
        self.assertIn("nothing can be written at", "\n".join(flow._problems()))
        self.add_rules(flow, [("state", "status")])
        self.assertIn("written by a field rule as well", "\n".join(flow._problems()))

    def shop_flow_of_contacts(self):
        return self.make_flow("res.partner", [("name", "first_name")], "customers", status_field="type", status_path="role")

    def test_what_only_people_do_is_pointed_out(self):
        flow = self.shop_flow({"completed": (10, "sale", "sent", "sale.order:action_confirm")})
        self.assertIn("Only people bring a record there", flow.status_hints)
        self.assertEqual(flow._problems(), [], "that is a plan, no mistake")
        self.add_statuses(flow, {"pending": (5, "sent", "draft", "")})
        self.env.invalidate_all()
        self.assertFalse(flow.status_hints)


@tagged("post_install", "-at_install")
class TestStatusBlueprint(StatusCase):
    def blueprint(self, **statuses):
        return {
            "format": 1, "name": "Small",
            "connections": [{"code": "small", "name": "Small", "api_name": "Small", "base_url": self.shop.api}],
            "resources": [{"code": "order", "name": "Order", "api_name": "Small", "id_path": "id", "operations": [
                {"kind": "list", "method": "GET", "path": "orders"},
                {"kind": "update", "method": "PUT", "path": "orders/{id}"}]}],
            "flows": [{
                "code": "orders", "name": "Orders", "connection": "small", "resource": "order", "model": "sale.order",
                "direction": "both", "rules": [{"code": "note", "odoo_path": "client_order_ref",
                                               "external_path": "customer_note"}],
                "statuses": {"field": "state", "path": "status", **statuses}}]}

    def apply(self, **statuses):
        return self.env["integration.blueprint"]._apply(self.blueprint(**statuses))["orders"]

    def test_statuses_become_what_the_file_says(self):
        rules = [
            {"status": ["pending", "on-hold"]},
            {"status": "processing", "stage": "sale", "from": ["draft", "Quotation Sent"], "action": "action_confirm"},
            {"status": "cancelled", "step": 90, "stage": "cancel"}]
        flow = self.apply(rules=rules, sends={"cancel": "cancelled"}, chain=False)
        self.assertEqual(flow._problems(), [])
        self.assertRecordValues(flow.status_rule_ids, [
            {"external_status": "pending, on-hold", "effect": "none", "sequence": 10, "action": "write"},
            {"external_status": "processing", "effect": "stage", "sequence": 20, "action": "sale.order:action_confirm"},
            {"external_status": "cancelled", "effect": "stage", "sequence": 90, "action": "write"}])
        self.assertEqual(flow.status_rule_ids[1].from_stage_ids.mapped("value"), ["draft", "sent"])
        self.assertEqual((flow.status_chain, flow.status_ignore_late), (False, True))
        ids = (flow.status_rule_ids | flow.status_send_ids).ids
        flow = self.apply(rules=rules, sends={"cancel": "cancelled"})
        self.assertEqual((flow.status_rule_ids | flow.status_send_ids).ids, ids, "applied again, it changes the same")
        self.assertTrue(flow.status_chain, "what the file does not say any more is as at the beginning")
        # A status moves to another rule, one was collected meanwhile, nothing is sent any more.
        self.env["integration.status.rule"]._collect(flow.id, ["refunded", "failed"])
        self.env.invalidate_all()
        rules[0]["status"], rules[2]["status"] = "pending", ["on-hold", "cancelled", "refunded"]
        flow = self.apply(rules=rules)
        self.assertEqual(
            sorted(flow.status_rule_ids.mapped("external_status")),
            ["failed", "on-hold, cancelled, refunded", "pending", "processing"])
        self.assertFalse(flow.status_send_ids)

    def test_what_the_database_has_not(self):
        with self.refuses(UserError, "the stage 'sold', which"):
            self.apply(rules=[{"status": "x", "stage": "sold"}])
        with self.refuses(UserError, "statuses/rules/0"):
            self.apply(rules=[{"stage": "sale"}])


@tagged("post_install", "-at_install")
class TestStatusSurroundings(StatusCase):
    """What reads the plan of a flow meets the status as one more rule."""

    def test_failures_lead_to_where_they_are_decided(self):
        flow = self.shop_flow()
        [key] = self.place("refunded")
        syncs, _orders = self.bring(flow)
        self.assertEqual(syncs[key].action_open_statuses()["res_id"], flow.id)

    def test_changes_are_told_by_the_name_of_the_stage(self):
        flow = self.shop_flow()
        [key] = self.place("processing")
        syncs, _orders = self.bring(flow)
        [entry] = syncs[key].recent_changes
        self.assertEqual(entry["changes"]["@status"], ["Quotation", "Sales Order"])
        self.assertEqual(entry["labels"]["@status"], "Status")

    def test_guardrails_count_changed_statuses(self):
        flow = self.shop_flow()
        keys = self.place(*["processing"] * 4)
        self.bring(flow)
        self.env["integration.guard"].create({"flow_id": flow.id, "kind": "change", "limit": 2})
        for key in keys:
            self.turn(key, "cancelled")
        _syncs, orders = self.bring(flow)
        self.assertEqual({order.state for order in orders.values()}, {"sale"}, "a mass cancellation waits for a person")
        self.assertSyncs(flow, dict.fromkeys(keys, "held"))

    def test_a_whole_record_is_sent_without_a_status_that_did_not_change(self):
        operations = dict(ORDER_OPERATIONS, update={**ORDER_OPERATIONS["update"], "send": "all"})
        flow = self.shop_flow(sends={"draft": "pending"}, timing="live", operations=operations)
        [key] = self.place("on-hold")
        _syncs, orders = self.bring(flow)
        self.written_calls()
        flow.rule_ids.filtered(lambda rule: rule.match_key).owner = "odoo"
        orders[key].client_order_ref = "From Odoo"
        self.work()
        [(_method, _target, body)] = self.written_calls()
        self.assertEqual(body, {"customer_note": "From Odoo"})

    def test_flows_without_statuses_ask_for_none(self):
        flow = self.shop_flow({}, status_field=False)
        FlowPlan(flow)
        self.env.invalidate_all()
        with self.refusing_queries_of("integration_status_rule"):
            FlowPlan(flow)

    @contextmanager
    def refusing_queries_of(self, table):
        asked = []
        execute = self.env.cr.__class__.execute

        def note(cursor, query, *args, **kwargs):
            asked.append(str(query))
            return execute(cursor, query, *args, **kwargs)
        with patch.object(self.env.cr.__class__, "execute", note):
            yield
        self.assertTrue(asked)
        self.assertFalse([query for query in asked if table in query])

    def test_a_revert_leaves_what_a_status_has_set_off(self):
        """A business action has no way back by writing the field; the note goes back."""
        flow = self.shop_flow()
        [key] = self.place("pending")
        self.bring(flow)
        self.turn(key, "processing", customer_note="Changed")
        self.bring(flow)
        told = preview(self.env, self.logs(self.syncs(flow)[key], "updated")[-1].run_id)
        self.assertEqual((told["put_back"], told["left"]), (1, 1))
        self.assertIn("What a status has set off is not put back", str(told["lines"]))

    def test_stages_are_no_drift(self):
        """Both sides differ in words, by rule: only fields are compared."""
        flow = self.shop_flow()
        [key] = self.place("processing")
        self.bring(flow)
        comparer = Comparer(self.env, FlowPlan(flow))
        comparer.compare({key: self.shop.get(f"orders/{key}")}, fields.Datetime.now())
        self.assertFalse(comparer.found)
        comparer.compare({key: dict(self.shop.get(f"orders/{key}"), customer_note="Drift")}, fields.Datetime.now())
        self.assertEqual([one.rule.code for one in comparer.found if one.rule], ["client_order_ref"])

    def test_why_not_knows_what_is_told_of_a_stage(self):
        flow = self.shop_flow(sends={"cancel": "cancelled"}, timing="live")
        [key] = self.place("pending")
        _syncs, orders = self.bring(flow)

        def changed():
            look = Look(flow.sudo(), orders[key].id, None, fields.Datetime.now())
            return [(rule.code, sent) for rule, sent in look._changed_rules()]
        orders[key].action_quotation_sent()
        self.assertEqual(changed(), [], "nothing is told of this stage")
        orders[key]._action_cancel()
        self.assertEqual(changed(), [("@status", True)])
