"""Real Odoo servers on the database of the tests: processes of their own, with cron threads, that a test may kill."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import odoo
from odoo.tools import config

START_SECONDS = 120


class OdooNode:
    """One server. ``start()``, ``wait()`` until it answers, ``kill()`` without warning, ``stop()``."""

    def __init__(self, database, cron_threads=2):
        self.database = database
        self.cron_threads = cron_threads
        self._folder = Path(tempfile.mkdtemp(prefix="odoo_node_"))
        self._log = self._folder / "odoo.log"
        self._process = None

    def start(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        addons = config["addons_path"]
        addons = addons if isinstance(addons, str) else ",".join(map(str, addons))
        login = [f"--{name}={config[name]}" for name in ("db_host", "db_port", "db_user", "db_password") if config[name]]
        home = next(Path(path) for path in odoo.__path__ if (Path(path) / "__main__.py").exists())
        path = os.pathsep.join(filter(None, [str(home.parent), os.environ.get("PYTHONPATH")]))
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "odoo", "server", f"--database={self.database}", f"--addons-path={addons}",
                 f"--data-dir={self._folder}", f"--config={os.devnull}", "--workers=0", f"--http-port={self.port}",
                 "--http-interface=127.0.0.1", f"--max-cron-threads={self.cron_threads}", f"--db-filter=^{self.database}$",
                 "--log-level=info", *login],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=dict(os.environ, PYTHONPATH=path),
                start_new_session=True)
        return self

    def wait(self):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/web/health", timeout=5).close()
                return self
            except urllib.error.HTTPError:
                return self
            except OSError:
                time.sleep(0.2)
        raise RuntimeError(f"The server does not answer:\n{self.log()[-3000:]}")

    def log(self):
        return self._log.read_text(errors="replace")

    def kill(self):
        """As a power cut does."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(15)

    def stop(self):
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
