"""One of the two addons goes: this one, or OCA queue_job. ``./dev test queue_job`` runs it."""

import os
import subprocess

from odoo.sql_db import close_db, db_connect
from odoo.tests import BaseCase, tagged
from odoo.tests.common import get_db_name

from .jobs_server import needs_job_queue
from .odoo_process import odoo_command, odoo_environment

UNINSTALL = """
connection = env["integration.connection"].create({
    "name": "Left behind", "base_url": "http://127.0.0.1:9", "executor": "queue_job", "executor_channel": "root.shop"})
env.cr.commit()
print("BEFORE", connection.executor, connection._runs_as_jobs())
env["ir.module.module"].search([("name", "=", "queue_job")]).button_immediate_uninstall()
"""
AFTERWARDS = """
connection = env["integration.connection"].search([("name", "=", "Left behind")])
assert "queue.job" not in env
print("AFTER", connection.executor, connection._runs_as_jobs())
assert "executor" not in env["integration.connection"].get_view(view_type="form")["arch"]
connection._wake()
connection.copy()
connection._cron_work()
env.cr.commit()
print("WORKED", env["ir.cron.trigger"].search_count([("cron_id", "=", connection.cron_id.id)]) > 0)
"""
REMOVE_OURS = """
connection = env["integration.connection"].create({
    "name": "Ours goes", "base_url": "http://127.0.0.1:9", "executor": "queue_job"})
env.cr.commit()
from odoo.addons.integration_flow.engine import jobs
jobs.enqueue(env.registry, connection.id)
env["ir.module.module"].search([("name", "=", "integration_flow")]).button_immediate_uninstall()
"""
OURS_GONE = """
assert "integration.connection" not in env and "queue.job" in env
print("LEFT", env["queue.job"].search_count([("state", "=", "pending")]))
"""


@tagged("-standard", "integration_flow_real", "post_install", "-at_install")
class TestUninstall(BaseCase):
    """One of the two addons goes, on a database of the test's own."""

    @classmethod
    def setUpClass(cls):
        needs_job_queue(cls)
        super().setUpClass()

    def shell(self, database, script):
        done = subprocess.run(
            odoo_command(database, "shell", "--no-http", "--log-level=warn"), env=odoo_environment(), input=script,
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=180, check=False)
        self.assertEqual(done.returncode, 0, done.stdout[-4000:])
        return done.stdout

    def database(self):
        template = os.environ.get("INTEGRATION_TEST_TEMPLATE")
        if not template:
            self.skipTest("./dev test queue_job names a template for this.")
        name = f"{get_db_name()}_uninstall"

        def run(statement):
            close_db(name)
            with db_connect("postgres").cursor() as cr:
                cr.connection.autocommit = True
                cr.execute(statement)

        self.addCleanup(run, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def test_without_the_job_queue_the_scheduled_action_works(self):
        name = self.database()
        self.assertIn("BEFORE queue_job True", self.shell(name, UNINSTALL))
        output = self.shell(name, AFTERWARDS)
        self.assertIn("AFTER cron False", output)
        self.assertIn("WORKED True", output)

    def test_without_us_no_job_is_left_behind(self):
        name = self.database()
        self.shell(name, REMOVE_OURS)
        self.assertIn("LEFT 0", self.shell(name, OURS_GONE))
