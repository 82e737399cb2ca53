"""Real Odoo processes beside the one of the tests: servers on a port of their own, which a test may kill."""

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
from contextlib import suppress
from pathlib import Path

import odoo
from odoo.tools import config

START_SECONDS = 120


def odoo_command(database, verb, *options, data_dir=None):
    """Odoo for this database, found where this process has found it."""
    addons = config["addons_path"]
    addons = addons if isinstance(addons, str) else ",".join(map(str, addons))
    login = [f"--{name}={config[name]}" for name in ("db_host", "db_port", "db_user", "db_password") if config[name]]
    return [
        sys.executable, "-m", "odoo", verb, f"--database={database}", f"--addons-path={addons}",
        f"--data-dir={data_dir or config['data_dir']}", f"--config={os.devnull}", *login, *options]


def odoo_environment(**more):
    home = next(Path(path) for path in odoo.__path__ if (Path(path) / "__main__.py").exists())
    folders = filter(None, [str(home.parent), os.environ.get("PYTHONPATH")])
    return dict(os.environ, PYTHONPATH=os.pathsep.join(folders), **more)


class OdooServerError(RuntimeError):
    """A server did not come up; the text holds what it said."""


class OdooServer:
    """One threaded server with a process group, a folder and a log of its own. May be started again after its end."""

    def __init__(self, database):
        self.database = database
        self.port = None
        self._process = None
        self._folder = Path(tempfile.mkdtemp(prefix="odoo_server_"))
        self._log = self._folder / "odoo.log"

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self):
        """What it has said since it was started."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def runs(self):
        return self._process is not None and self._process.poll() is None

    def begin(self, *options, data_dir=None, **environment):
        """Start the process. It takes a while until it answers, see ``wait``."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = odoo_command(
            self.database, "server", f"--http-port={self.port}", "--http-interface=127.0.0.1", "--workers=0",
            f"--db-filter=^{self.database}$", *options, data_dir=data_dir or self._folder)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env=odoo_environment(**environment), start_new_session=True)

    def wait(self, is_there=None):
        """Until it answers, or until ``is_there`` says so.

        :raises OdooServerError: when it ends before that, or takes too long
        """
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.runs:
            try:
                if (is_there or self._answers)():
                    return self
            except OSError:
                pass
            time.sleep(0.1)
        raise OdooServerError(f"The server does not answer:\n{self.log[-3000:]}")

    def _answers(self):
        with suppress(urllib.error.HTTPError):  # an answer as well
            urllib.request.urlopen(f"{self.url}/web/health", timeout=START_SECONDS).close()
        return True

    def kill(self):
        """As a power cut does."""
        if self.runs:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(15)

    def stop(self):
        """End it in an orderly way, and remove what was made for it."""
        if self.runs:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
