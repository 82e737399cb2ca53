"""An Odoo server with queue_job's runner, for the same database as the test. It has no cron thread: what it does, it does
as jobs."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import odoo
from odoo.sql_db import db_connect
from odoo.tests.common import get_db_name
from odoo.tools import config

START_SECONDS = 60


def needs_job_queue(case):
    with db_connect(get_db_name()).cursor() as cr:
        cr.execute("SELECT 1 FROM ir_module_module WHERE name = 'queue_job' AND state = 'installed'")
        if not cr.fetchone():
            if os.environ.get("INTEGRATION_TEST_QUEUE_JOB"):
                raise AssertionError("queue_job should be installed here")
            case.skipTest(case, "This database has no job queue; ./dev test queue_job has one.")


def odoo_command(database, verb, *options):
    """Odoo for this database, found where this process has found it."""
    addons = config["addons_path"]
    addons = addons if isinstance(addons, str) else ",".join(map(str, addons))
    login = [f"--{name}={config[name]}" for name in ("db_host", "db_port", "db_user", "db_password") if config[name]]
    return [
        sys.executable, "-m", "odoo", verb, f"--database={database}", f"--addons-path={addons}",
        f"--data-dir={config['data_dir']}", f"--config={os.devnull}", *login, *options]


def odoo_environment(**more):
    home = next(Path(path) for path in odoo.__path__ if (Path(path) / "__main__.py").exists())
    folders = filter(None, [str(home.parent), os.environ.get("PYTHONPATH")])
    return dict(os.environ, PYTHONPATH=os.pathsep.join(folders), **more)


class JobsServer:
    """``start()`` and ``stop()`` a threaded server; ``kill()`` ends it without any warning."""

    def __init__(self, database, channels="root:2"):
        self.database = database
        self.channels = channels
        self._folder = Path(tempfile.mkdtemp(prefix="jobs_server_"))
        self.log = self._folder / "odoo.log"
        self._process = None

    def start(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = odoo_command(
            self.database, "server", f"--http-port={port}", "--http-interface=127.0.0.1", "--workers=0",
            "--max-cron-threads=0", "--load=base,web,queue_job", "--log-level=info")
        with self.log.open("ab") as log:
            begin = log.tell()
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env=odoo_environment(ODOO_QUEUE_JOB_CHANNELS=self.channels),
                start_new_session=True)
        end = time.monotonic() + START_SECONDS
        while "queue job runner ready for db" not in self.text()[begin:]:
            if time.monotonic() > end or self._process.poll() is not None:
                raise RuntimeError(f"The job runner did not start:\n{self.text()[-3000:]}")
            time.sleep(0.1)
        return self

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def kill(self):
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self):
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()

    def remove(self):
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)
