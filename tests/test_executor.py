"""Where the work of a connection is done, on a database without a job queue."""

from odoo.exceptions import ValidationError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from .export_common import ExportCase


@tagged("post_install", "-at_install")
class TestWithoutJobQueue(ExportCase):

    def setUp(self):
        super().setUp()
        if "queue.job" in self.env:
            self.skipTest("This database has a job queue.")

    def test_nothing_of_it_is_offered(self):
        self.assertEqual(self.connection.executor, "cron")
        self.assertEqual([value for value, _label in self.connection._selection_executor()], ["cron"])
        with self.refuses(ValidationError, "no job queue is installed"):
            self.connection.executor = "queue_job"

    def test_the_form_has_no_trace_of_it(self):
        view = self.env["integration.connection"].get_view(view_type="form")["arch"]
        for word in ("executor", "queue_job", "action_open_jobs"):
            self.assertNotIn(word, view)
        with Form(self.connection) as form:
            self.assertNotIn("executor", form._view["fields"])
            form.name = "Another name"

    def test_a_value_that_was_left_behind(self):
        """The job queue went away in a way that told nobody: the scheduled action does the work."""
        self.env.cr.execute(
            "UPDATE integration_connection SET executor = 'queue_job' WHERE id = %s", [self.connection.id])
        self.env.invalidate_all()
        self.assertFalse(self.connection._runs_as_jobs())
        flow = self.out_flow(retry_first_seconds=600)
        self.env.registry.clear_cache("stable")
        partner = self.partner("Ann")
        self.shop.fault("status", status=503, times=1)
        self.work()
        self.assertState(flow, partner, "waiting", "server")
        self.connection._wake()
        self.connection.action_resume()
        self.make_due(flow)
        self.work()
        self.assertState(flow, partner, "synced")

    def test_the_uninstallation_of_other_modules_changes_nothing(self):
        module = self.env["ir.module.module"].search([("state", "=", "uninstalled")], limit=1)
        with mute_logger("odoo.addons.base.models.ir_model"):
            module.module_uninstall()
        self.assertEqual(self.connection.executor, "cron")


@tagged("post_install", "-at_install")
class TestChannelName(ExportCase):

    def test_bad_names(self):
        if "queue.job" not in self.env:
            self.skipTest("Only asked for where there is a job queue.")
        for name in ("", "shop", "root.", "root..shop", "root:4", "root shop"):
            with self.subTest(name=name), self.assertRaises(ValidationError):
                self.connection.write({"executor": "queue_job", "executor_channel": name})
        self.connection.write({"executor": "queue_job", "executor_channel": "root.web-shop_1"})
