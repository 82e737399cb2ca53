"""Systems that others have written, for ``./dev test --real``: a Medusa shop from npm and a karrio from the Python index.

What is installed is kept in the cache, by version. What is in them is not: each run begins with empty systems, on ports of
this machine only, and stops them by their own process ids. What the tests need to know is in ``tests/peers``.
"""

import os
import shutil
from contextlib import ExitStack, contextmanager
from urllib.parse import quote

from . import places
from .console import Problem
from .environment import exclusive
from .peers import Unreachable, is_unreachable
from .processes import call, checked, running, tail
from .services import LOCAL, free_port, fresh_log, wait_until_ready

FILES = places.CHECKOUT / "tests" / "peers"
MAIL = "admin@example.com"
PASSWORD = "only-for-tests-5c1e"
#: Where there is nobody to talk to, and nobody shall be told.
QUIET = {"MEDUSA_DISABLE_TELEMETRY": "true", "POSTHOG_KEY": "", "SENTRY_DSN": "", "NODE_ENV": "production"}
#: karrio answers 429 beyond it. So low only for the tests of that.
CALLS_OF_A_SLOW_CARRIER = "3/second"
#: What npm says when it cannot reach its registry.
NPM_NOT_REACHED = ("ENOTFOUND", "ECONNREFUSED", "ETIMEDOUT", "EAI_AGAIN", "ECONNRESET", "network request")


def _unreachable_by_npm(output):
    """
    >>> _unreachable_by_npm("npm error code ENOTFOUND"), _unreachable_by_npm("npm error code ETARGET")
    (True, False)
    """
    return any(words in output for words in NPM_NOT_REACHED)


class Installed:
    """One of the systems in a folder of the cache, whose name changes with what is installed."""

    def __init__(self, name, *parts):
        self.name = name
        self.files = FILES / name
        texts = [path.read_bytes() for path in sorted(self.files.iterdir()) if path.is_file()]
        self.key = places.fingerprint(*parts, *texts)
        self.folder = places.folder("real") / f"{name}-{self.key}"
        self.log = places.log_file(f"install-{name}")

    def build(self, step):
        """Install it unless it is there.  Raises :class:`Unreachable` where there is no index to install it from."""
        with exclusive(f"real-{self.name}"):
            if (self.folder / ".complete").exists():
                return
            step.say(f"installing {self.name} (once, about a minute)")
            shutil.rmtree(self.folder, ignore_errors=True)
            shutil.copytree(self.files, self.folder)
            self.log.write_text("")
            self.install()
            (self.folder / ".complete").touch()

    def fetch(self, *command, unreachable):
        if call(command, log=self.log, cwd=self.folder, env=QUIET) == 0:
            return
        output = self.log.read_text(errors="replace")
        kind = Unreachable if unreachable(output) else Problem
        raise kind(
            f"{self.name} cannot be installed.",
            tail(output),
            f"Check the network and the configuration of npm and pip, then try again.\nFull output: {self.log}",
        )

    def checked(self, *command, env):
        return checked(
            command, f"{self.name} cannot be prepared.", log=self.log, cwd=self.folder, env={**QUIET, **env}
        )


class Medusa(Installed):
    """A shop. It keeps its data in a database of the same PostgreSQL as Odoo's."""

    def __init__(self, databases):
        super().__init__("medusa")
        self.databases = databases
        self.command = ("node", self.folder / "node_modules/@medusajs/cli/cli.js")

    def install(self):
        if not shutil.which("npm"):
            raise Unreachable("There is no npm on this machine.", "Medusa is installed by npm", "Install Node.js 20.")
        options = ("--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund", "--loglevel=error")
        self.fetch("npm", "install", *options, unreachable=_unreachable_by_npm)

    def environment(self, database):
        server = self.databases.server.variables or _given_server()
        user = quote(server.get("PGUSER", "odoo"))
        if server.get("PGPASSWORD"):
            user += f":{quote(server['PGPASSWORD'], safe='')}"
        # A percent-encoded folder stands for the Unix socket in it.
        host = quote(server.get("PGHOST", "/var/run/postgresql"), safe="")
        address = f"postgres://{user}@{host}:{server.get('PGPORT', '5432')}/{database}"
        return {"DATABASE_URL": address, "TEST_SHOP_SECRET": self.key * 3}

    def template(self, step):
        """The name of a database with Medusa's tables and its administrator."""
        name = f"integration_flow_template_medusa_{self.key[:8]}"
        with exclusive("template-medusa"):
            if not self.databases.exists(name):
                step.say("preparing Medusa's database (once, ten seconds)")
                partial = f"{name}_part"
                self.databases.drop(partial)
                self.databases.server.sql(f'CREATE DATABASE "{partial}"')
                env = self.environment(partial)
                self.checked(*self.command, "db:migrate", "--skip-scripts", env=env)
                self.checked(*self.command, "user", "-e", MAIL, "-p", PASSWORD, env=env)
                self.databases.server.sql(f'ALTER DATABASE "{partial}" RENAME TO "{name}"')
        return name

    @contextmanager
    def running(self, step):
        """A fresh shop; yields its address."""
        with self.databases.throw_away(self.template(step), "medusa") as database:
            port, log = free_port(9009), fresh_log("medusa")
            command = (*self.command, "start", "-H", LOCAL, "-p", str(port))
            env = {**QUIET, **self.environment(database)}
            with running(command, log=log, cwd=self.folder, env=env) as process:
                wait_until_ready(process, port, "/health", what="Medusa", log=log, accept=lambda status: status == 200)
                yield f"http://{LOCAL}:{port}"


class Karrio(Installed):
    """A shipping hub. It keeps its data in a file."""

    def __init__(self, venv):
        super().__init__("karrio", venv.version)
        self.venv = venv
        self.programs = self.folder / "venv" / "bin"

    def install(self):
        # Debian's Python cannot give a new environment its pip; the one that is here works for others, too.
        self.fetch(self.venv.python, "-m", "venv", "--without-pip", self.folder / "venv", unreachable=is_unreachable)
        pip = (self.venv.python, "-m", "pip", "--python", self.programs / "python", "--disable-pip-version-check")
        options = ("--quiet", "--no-input", "--use-pep517", "-r", "requirements.txt")
        self.fetch(*pip, "install", *options, unreachable=is_unreachable)
        # A minute of migrations, once; each run works with a copy.
        prepared = self.folder / "prepared"
        prepared.mkdir()
        env = self.environment(prepared)
        self.checked(self.programs / "karrio", "migrate", env=env)
        script = (self.folder / "administrator.py").read_text()
        checked(
            [self.programs / "karrio", "shell"],
            "karrio's administrator cannot be made.",
            log=self.log,
            cwd=self.folder,
            env={**QUIET, **env},
            stdin_text=script,
        )

    def environment(self, data, **more):
        return {
            "WORK_DIR": str(data),
            "LOG_DIR": str(data),
            "STATIC_ROOT_DIR": str(data / "static"),
            "DATABASE_URL": "",
            "DATABASE_ENGINE": "sqlite3",
            "DATABASE_NAME": "db.sqlite3",
            "SECRET_KEY": self.key * 4,
            "DEBUG_MODE": "False",
            "USE_HTTPS": "False",
            "ALLOWED_HOSTS": f"{LOCAL},localhost",
            "LOG_LEVEL": "WARNING",
            # Webhooks leave with the call that causes them: no second process sends them later.
            "WORKER_IMMEDIATE_MODE": "True",
            "TEST_MAIL": MAIL,
            "TEST_PASSWORD": PASSWORD,
            **more,
        }

    @contextmanager
    def running(self, purpose, **more):
        """A fresh hub; yields its address."""
        port, log = free_port(5002), fresh_log(f"karrio-{purpose}")
        data = places.folder("state") / f"karrio-{places.checkout_id()}-{purpose}"
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(self.folder / "prepared", data)
        worker = "karrio.server.workers.UvicornWorker"
        command = (self.programs / "gunicorn", "karrio.server.asgi", "-k", worker, "-w", "1", "--timeout", "120")
        env = {**QUIET, **self.environment(data, **more)}
        try:
            bind = ("-b", f"{LOCAL}:{port}")
            with running((*command, *bind), log=log, cwd=self.folder, env=env) as process:
                wait_until_ready(process, port, "/", what="karrio", log=log)
                yield f"http://{LOCAL}:{port}"
        finally:
            shutil.rmtree(data, ignore_errors=True)


def _given_server():
    return {name: value for name, value in os.environ.items() if name.startswith("PG")}


@contextmanager
def systems(databases, venv, progress):
    """All of them, started; yields what the tests find them by, as environment variables."""
    with ExitStack() as stack:
        medusa, karrio = Medusa(databases), Karrio(venv)
        with progress.step("Medusa") as step:
            medusa.build(step)
            shop = step.note = stack.enter_context(medusa.running(step))
        with progress.step("karrio") as step:
            karrio.build(step)
            carrier = step.note = stack.enter_context(karrio.running("hub"))
            slow = stack.enter_context(karrio.running("slow", USER_RATE_LIMIT=CALLS_OF_A_SLOW_CARRIER))
        yield {
            "INTEGRATION_REAL_SHOP": shop,
            "INTEGRATION_REAL_CARRIER": carrier,
            "INTEGRATION_REAL_SLOW_CARRIER": slow,
            "INTEGRATION_REAL_PASSWORD": PASSWORD,
        }
