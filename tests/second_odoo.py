"""A second Odoo as the external system: its own database, its own process, reached over its JSON-2 API."""

import json
import os
import subprocess
import urllib.error
import urllib.request

from odoo.sql_db import close_db, db_connect

from .odoo_process import START_SECONDS, OdooServer, OdooServerError, odoo_command, odoo_environment

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


class SecondOdooError(OdooServerError):
    """The second Odoo did not come up, or refused a call; the text holds what it said."""


class SecondOdoo(OdooServer):
    """``start()`` makes the database and the process, ``stop()`` ends the one and drops the other."""

    def __init__(self, database):
        super().__init__(database)
        self.api_key = None

    # -- life ----------------------------------------------------------------------------------------------

    def start(self):
        self.create_database()
        output = self.run("shell", "--no-http", "--max-cron-threads=0", script=API_KEY_SCRIPT)
        found = [line.split()[-1] for line in output.splitlines() if "API-KEY " in line]
        if not found:
            raise SecondOdooError(f"No API key:\n{output[-3000:]}")
        self.api_key = found[0]
        self.begin("--max-cron-threads=0", "--log-level=warn")
        return self.wait(lambda: self.call("res.users", "search_count", domain=[]))

    def stop(self):
        result = super().stop()
        self._sql(f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)')
        return result

    def create_database(self, template=None):
        """Make the database, as a copy of ``template`` or else of a prepared one without this addon."""
        for name in self._abandoned():
            self._sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        template = template or os.environ.get("INTEGRATION_TEST_TEMPLATE") or self._prepared_database()
        self._sql(f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)')
        if template:
            self._sql(f'CREATE DATABASE "{self.database}" TEMPLATE "{template}"')
        else:
            self._sql(f'CREATE DATABASE "{self.database}" ENCODING \'unicode\' TEMPLATE template0')
            self.run("server", "-i", "product", "--stop-after-init", "--no-http")

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

    def command(self, verb, *options):
        return odoo_command(self.database, verb, "--log-level=warn", *options, data_dir=self._folder)

    def run(self, verb, *options, script=""):
        """Carry out one command and return what it has said."""
        done = subprocess.run(
            self.command(verb, *options), input=script, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=odoo_environment(), timeout=START_SECONDS, check=False)
        if done.returncode:
            raise SecondOdooError(done.stdout[-3000:])
        return done.stdout

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
