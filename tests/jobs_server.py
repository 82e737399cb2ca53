"""An Odoo server with queue_job's runner, for the same database as the test. It has no cron thread: what it does, it does
as jobs."""

import os

from odoo.sql_db import db_connect
from odoo.tests.common import get_db_name
from odoo.tools import config

from .odoo_process import OdooServer


def needs_job_queue(case):
    with db_connect(get_db_name()).cursor() as cr:
        cr.execute("SELECT 1 FROM ir_module_module WHERE name = 'queue_job' AND state = 'installed'")
        if not cr.fetchone():
            if os.environ.get("INTEGRATION_TEST_QUEUE_JOB"):
                raise AssertionError("queue_job should be installed here")
            case.skipTest(case, "This database has no job queue; ./dev test queue_job has one.")


class JobsServer(OdooServer):
    """``start()`` returns when its runner works; ``kill()`` ends it without any warning, ``stop()`` for good."""

    def __init__(self, database, channels="root:2"):
        super().__init__(database)
        self.channels = channels

    def start(self):
        self.begin(
            "--max-cron-threads=0", "--load=base,web,queue_job", "--log-level=info", data_dir=config["data_dir"],
            ODOO_QUEUE_JOB_CHANNELS=self.channels)
        return self.wait(lambda: "queue job runner ready for db" in self.log)
