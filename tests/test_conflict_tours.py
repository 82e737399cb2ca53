"""The screens of decisions, in a browser: a conflict field by field, "always do this", and deletions."""

from odoo.tests import new_test_user, tagged

from .tour_common import ShopTourCase


@tagged("post_install", "-at_install")
class TestDecisionTours(ShopTourCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = new_test_user(
            cls.env, "tour_manager", groups="base.group_partner_manager,integration_flow.group_integration_manager")

    def test_decide_a_conflict(self):
        flow = self.out_flow(direction="both", read_before_write=True, name="Tour Flow", domain="[]", rules=[
            ("phone", "billing.phone", {"owner": "ask"}), ("city", "billing.city", {"owner": "ask"})])
        self.receive(flow, *({
            "id": number, "email": f"{name.lower().replace(' ', '.')}@example.com", "first_name": name,
            "billing": {"phone": "0100", "city": "Ghent"},
        } for number, name in ((1, "Tour Customer"), (2, "Tour Neighbour"))))
        partners = self.records(flow)
        for number, values in ((1, {"phone": "0200", "city": "Mons"}), (2, {"phone": "0201"})):
            self.shop.touch("customers", ids=[number], changes={"billing": values})
        partners["1"].with_user(self.clerk).write({"phone": "0300", "city": "Lille"})
        partners["2"].with_user(self.clerk).phone = "0301"
        self.work()
        self.assertEqual(set(self.states(flow).values()), {"conflict"})
        self.start_tour("/odoo/integration-conflicts", "integration_flow_decide_conflict", login="tour_manager")
        self.env.invalidate_all()
        self.assertEqual((partners["1"].phone, partners["1"].city), ("0300", "Mons"))
        self.assertEqual(self.shop.get("customers/1")["billing"]["phone"], "0300")
        self.assertEqual(flow.rule_ids.filtered(lambda rule: rule.code == "phone").owner, "odoo")
        bulk = self.env["integration.bulk.action"].search([("target", "=", "integration.conflict")])
        self.assertEqual((bulk.action, bulk.total, bulk.user_id), ("keep_odoo", 1, self.manager),
                         "the neighbour's is carried out in the background")

    def test_approve_a_deletion(self):
        flow = self.customer_flow(delete_in_odoo="ask", name="Tour Customers")
        flow.resource_id.deleted_path = "gone"
        names = {1: "gone", 2: "kept"}
        self.receive(flow, *({"id": number, "first_name": name, "email": f"{name}@example.com"}
                             for number, name in names.items()))
        partners = self.records(flow)
        self.receive(flow, *({
            "id": number, "first_name": name, "email": f"{name}@example.com", "gone": True,
            "date_modified_gmt": "2026-02-01T10:00:00"} for number, name in names.items()))
        self.start_tour("/odoo/integration-deletions", "integration_flow_approve_deletion", login="tour_clerk")
        self.env.invalidate_all()
        self.assertEqual((partners["1"].active, partners["2"].active), (False, True))
