"""From nothing to a live flow, as a person clicks it, against the sandbox over real HTTP."""

from odoo.tests import HttpCase, tagged

from odoo.addons.integration_flow.sandbox.client import SandboxServer

from .common import FlowTools


@tagged("post_install", "-at_install")
class TestGoLiveTours(FlowTools, HttpCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.shop = SandboxServer(seed="small").start()
        cls.addClassCleanup(cls.shop.stop)
        # The port of the sandbox is another one each time, so the form begins with its address.
        cls.env["ir.default"].set("integration.connection", "base_url", cls.shop.api)

    def test_from_nothing_to_live(self):
        self.start_tour("/odoo/integration-connections/new", "integration_flow_go_live_begin", login="admin", timeout=120)
        self.env.invalidate_all()
        flow = self.env["integration.flow"].search([("name", "=", "Shop categories")])
        self.assertEqual((flow.state, flow.connection_id.name, flow.connection_id.test_ok), ("test", "Live Shop", True))
        self.work(flow.connection_id)
        self.assertEqual(set(self.syncs(flow).values()) and {sync.state for sync in self.syncs(flow).values()}, {"synced"})
        self.start_tour(f"/odoo/integration-flows/{flow.id}", "integration_flow_go_live_end", login="admin", timeout=120)
        self.env.invalidate_all()
        self.assertEqual((flow.state, flow.agreement_state, flow.test_case_ids.last_result), ("live", "agreed", "passed"))
        self.assertEqual(flow.agreement_id.user_id, self.env.ref("base.user_admin"))
        tags = self.env["res.partner.category"].union(*self.records(flow).values())
        there = self.shop.dump("categories")
        self.assertEqual(set(tags.mapped("name")), {category["name"] for category in there})
