"""The tab Statuses in a browser."""

from odoo.tests import HttpCase, tagged

from .test_screens import ScreensMixin


@tagged("post_install", "-at_install")
class TestStatusTour(ScreensMixin, HttpCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.make_screen_data()

    def test_a_collected_status_is_decided(self):
        """A manager sees which status waits, says what it means, and the order that waited is queued."""
        if "sale.order" not in self.env:
            self.skipTest("Sales is not installed")
        flow = self.env["integration.flow"].create({
            "name": "Tour Orders", "connection_id": self.connection.id, "resource_id": self.resource.id,
            "model_id": self.env["ir.model"]._get_id("sale.order"), "direction": "both", "timing": "manual",
            "status_field": "state", "status_path": "status",
            "rule_ids": [(0, 0, {"odoo_path": "client_order_ref", "external_path": "number"})]})
        stages = {stage.value: stage.id for stage in flow.status_stage_ids}
        self.env["integration.status.rule"].create([
            {"flow_id": flow.id, "external_status": "processing", "sequence": 20, "stage_id": stages["sale"],
             "action": "sale.order:action_confirm", "from_stage_ids": [(6, 0, [stages["draft"], stages["sent"]])]},
            {"flow_id": flow.id, "side": "out", "external_status": "completed", "stage_id": stages["sale"]}])
        self.env["integration.status.rule"]._collect(flow.id, ["refunded"])
        sync = self.make_sync(
            record=self.env["sale.order"].create({"partner_id": self.partner.id}), flow_id=flow.id,
            error_class="unmapped", error_code="unmapped_status", error_key=f"status:{flow.id}:refunded")
        self.start_tour(
            f"/odoo/integration-flows/{flow.id}", "integration_flow_decide_status", login="screens_manager")
        self.env.invalidate_all()
        rule = flow.status_rule_ids.filtered(lambda rule: rule.external_status == "refunded")
        self.assertEqual(
            (rule.effect, rule.stage_id.value, rule.action), ("stage", "cancel", "sale.order:action_cancel"))
        self.assertEqual(sync.state, "pending")
