"""What tours against the sandbox shop share: a shop, a connection to it, a clerk, and the worker."""

from odoo.tests import HttpCase, new_test_user

from odoo.addons.integration_flow.sandbox.client import SandboxServer

from .common import FlowTools
from .export_common import ExportTools


class ShopTourCase(ExportTools, FlowTools, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.shop = SandboxServer(seed="empty", max_per_page=500).start()
        cls.addClassCleanup(cls.shop.stop)
        cls.connection = cls.make_connection(name="Tour Shop")
        cls.clerk = new_test_user(
            cls.env, "tour_clerk", name="Tour Clerk",
            groups="base.group_partner_manager,integration_flow.group_integration_user")

    def work(self, connection=None):
        # HttpCase is in registry test mode already.
        self.run_job(self.connection.sudo().cron_id)

    def run_job(self, cron):
        self.env.cr.flush()
        self.assertIs(cron.method_direct_trigger(), True)
        self.env.invalidate_all()
