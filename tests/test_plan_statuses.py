"""Statuses and ownership in detail, where a flow is planned, agreed to and described."""

from lxml import html

from odoo.tests import tagged

from .status_common import StatusCase


@tagged("post_install", "-at_install")
class TestPlanStatuses(StatusCase):

    def setUp(self):
        super().setUp()
        self.flow = self.shop_flow(sends={"sale": "processing"}, name="Orders", state="draft")
        self.owner = self.make_user("status_owner", "integration_flow.group_integration_user")
        self.flow.business_owner_id = self.owner

    def text(self):
        content = self.env["ir.actions.report"].with_user(self.owner)._render_qweb_html(
            "integration_flow.specification", self.flow.ids)[0]
        return " ".join(" ".join(html.fromstring(content).itertext()).split())

    def item(self):
        self.env.invalidate_all()
        return next(item for item in self.flow.readiness_items if item["key"] == "statuses")

    def test_the_specification_has_the_transitions(self):
        text = self.text()
        stage = self.flow.status_stage_ids.filtered(lambda stage: stage.value == "sale").display_name
        for piece in ("Status of Shop", f"processing {stage}", "cancelled", "pending, on-hold Changes Nothing",
                      f"processing is sent {stage}", "Statuses of Orders"):
            self.assertIn(piece, text)

    def test_a_status_that_nobody_has_decided(self):
        self.assertTrue(self.item()["ok"])
        self.flow.with_user(self.owner).action_agree()
        self.env["integration.status.rule"].create(
            {"flow_id": self.flow.id, "external_status": "strange", "effect": "open"})
        self.assertEqual((self.item()["ok"], self.item()["page"]), (False, "statuses"))
        self.assertEqual(self.flow.agreement_state, "agreed", "what was only collected is no term")
        self.flow.status_rule_ids.filtered(lambda rule: rule.effect == "open").effect = "none"
        self.assertTrue(self.item()["ok"])
        self.assertEqual(self.flow.agreement_state, "void")

    def test_a_changed_transition_voids_the_agreement(self):
        self.flow.with_user(self.owner).action_agree()
        rule = self.flow.status_rule_ids.filtered(lambda rule: rule.external_status == "completed")
        stages = {stage.value: stage for stage in self.flow.status_stage_ids}
        rule.from_stage_ids = stages["sale"] | stages["draft"]
        self.env.invalidate_all()
        [change] = self.flow._agreement_changes()
        self.assertEqual((change.label, change.name), ("completed", "Allowed From"))
        self.assertEqual(change.before, stages["sale"].display_name)
        self.assertIn(stages["draft"].display_name, change.after)

    def test_owners_that_switch_and_what_blanks_do(self):
        rule = self.flow.rule_ids.filtered(lambda rule: rule.odoo_path == "client_order_ref")
        rule.write({"owner_switch_domain": "[('state', '=', 'sale')]", "owner_after": "odoo", "blank_policy": "ignore",
                    "overruled_policy": "keep"})
        text = self.text()
        self.assertIn("Shop decides; for records with [('state', '=', 'sale')]: Odoo decides", text)
        self.assertIn("a blank is ignored; a change against the owner is kept until the owner changes it", text)
