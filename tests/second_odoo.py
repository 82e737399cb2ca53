"""A second Odoo as the external system: its own database, its own process, reached over its JSON-2 API."""

import json
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
from odoo.sql_db import close_db, db_connect
from odoo.tools import config

START_SECONDS = 90
# The second database has the name of the first one and this; those whose first one is gone were left by a killed test.
SUFFIX = "_json2_second"
# Prepared databases without this addon, best first: ./dev test names the one that it uses.
TEMPLATES = ("integration_flow_template_business%", "tpl_sales")
API_KEY_SCRIPT = """
from datetime import timedelta
user = env.ref("base.user_admin")
expires = env.cr.now() + timedelta(days=1)
print("API-KEY", env(user=user.id)["res.users.apikeys"]._generate(None, "second odoo of a test", expires))
env.cr.commit()
"""


class SecondOdooError(RuntimeError):
    """The second Odoo did not come up; the text holds what it said."""


class SecondOdoo:
    """``start()`` makes the database and the process, ``stop()`` ends the one and drops the other."""

    def __init__(self, database):
        self.database = database
        self.port = None
        self.url = None
        self.api_key = None
        self._process = None
        self._folder = Path(tempfile.mkdtemp(prefix="second_odoo_"))
        self._log = self._folder / "odoo.log"

    # -- life ----------------------------------------------------------------------------------------------

    def start(self):
        self._create_database()
        output = self._run("shell", "--no-http", "--max-cron-threads=0", script=API_KEY_SCRIPT)
        found = [line.split()[-1] for line in output.splitlines() if "API-KEY " in line]
        if not found:
            raise SecondOdooError(f"No API key:\n{output[-3000:]}")
        self.api_key = found[0]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command("server", f"--http-port={self.port}", "--http-interface=127.0.0.1",
                              "--max-cron-threads=0", f"--db-filter=^{self.database}$"),
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=self._environment(),
                start_new_session=True)
        self._wait_until_it_answers()
        return self

    def start_without_database(self, *options):
        """Start the process alone, on a database that is somebody else's, with its cron workers."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command("server", f"--http-port={self.port}", "--http-interface=127.0.0.1",
                              f"--db-filter=^{self.database}$", *options),
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=self._environment(),
                start_new_session=True)
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/web/health", timeout=START_SECONDS):
                    return self
            except OSError:
                time.sleep(0.2)
        raise SecondOdooError(f"Odoo does not answer:\n{self._log.read_text(errors='replace')[-3000:]}")

    def kill(self):
        """End the process without any warning; its database stays."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(15)

    @property
    def log(self):
        return self._log.read_text(errors="replace")

    def stop(self):
        """End the process (its own group) and remove everything that was made for it."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait(15)
        self._sql(f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)')
        shutil.rmtree(self._folder, ignore_errors=True)

    def _create_database(self):
        for name in self._abandoned():
            self._sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        template = os.environ.get("INTEGRATION_TEST_TEMPLATE") or self._prepared_database()
        self._sql(f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)')
        if template:
            self._sql(f'CREATE DATABASE "{self.database}" TEMPLATE "{template}"')
        else:
            self._sql(f'CREATE DATABASE "{self.database}" ENCODING \'unicode\' TEMPLATE template0')
            self._run("server", "-i", "product", "--stop-after-init", "--no-http")

    @staticmethod
    def _abandoned():
        with db_connect("postgres").cursor() as cr:
            cr.execute(
                "SELECT datname FROM pg_database WHERE right(datname, %s) = %s AND left(datname, -%s) NOT IN "
                "(SELECT datname FROM pg_database)", [len(SUFFIX), SUFFIX, len(SUFFIX)])
            return [name for (name,) in cr.fetchall()]

    @staticmethod
    def _prepared_database():
        with db_connect("postgres").cursor() as cr:
            for pattern in TEMPLATES:
                cr.execute(
                    "SELECT datname FROM pg_database WHERE datname LIKE %s ORDER BY oid DESC LIMIT 1", [pattern])
                if found := cr.fetchone():
                    return found[0]
        return None

    def _sql(self, statement):
        close_db(self.database)
        with db_connect("postgres").cursor() as cr:
            cr._cnx.autocommit = True
            cr.execute(statement)

    def _command(self, verb, *options):
        addons = config["addons_path"]
        addons = addons if isinstance(addons, str) else ",".join(map(str, addons))
        login = ("db_host", "db_port", "db_user", "db_password")
        database = [f"--{name}={config[name]}" for name in login if config[name]]
        return [
            sys.executable, "-m", "odoo", verb, f"--database={self.database}", f"--addons-path={addons}",
            f"--data-dir={self._folder}", f"--config={os.devnull}", "--log-level=warn", *database, *options]

    @staticmethod
    def _environment():
        home = next(Path(path) for path in odoo.__path__ if (Path(path) / "__main__.py").exists())
        folders = filter(None, [str(home.parent), os.environ.get("PYTHONPATH")])
        return dict(os.environ, PYTHONPATH=os.pathsep.join(folders))

    def _run(self, verb, *options, script=""):
        done = subprocess.run(
            self._command(verb, *options), input=script, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=self._environment(), timeout=START_SECONDS, check=False)
        if done.returncode:
            raise SecondOdooError(done.stdout[-3000:])
        return done.stdout

    def _wait_until_it_answers(self):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            try:
                self.call("res.users", "search_count", domain=[])
                return
            except OSError:
                time.sleep(0.2)
        raise SecondOdooError(f"The second Odoo does not answer:\n{self._log.read_text(errors='replace')[-3000:]}")

    # -- its API, for the tests ----------------------------------------------------------------------------

    def call(self, model, method, **params):
        """One JSON-2 call, as a test's own look into the other database."""
        request = urllib.request.Request(
            f"{self.url}/json/2/{model}/{method}", data=json.dumps(params).encode(), headers={
                "Authorization": f"bearer {self.api_key}", "Content-Type": "application/json",
                "X-Odoo-Database": self.database})
        try:
            with urllib.request.urlopen(request, timeout=START_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise SecondOdooError(f"{method} on {model}: {error.status} {error.read()[:2000]}") from error

    def add(self, model, **vals):
        return self.call(model, "create", vals_list=[vals])[0]

    def change(self, model, record_id, **vals):
        return self.call(model, "write", ids=[record_id], vals=vals)

    def find(self, model, domain, *fields):
        """All records, also archived ones, with ids for many2one fields."""
        return self.call(
            model, "search_read", domain=domain, fields=list(fields), load="", context={"active_test": False})
