"""PostgreSQL: the server that ``PG*`` names, or a private cluster that touches nothing of the system's.

The private cluster listens on no network port, only on a Unix socket in a folder of its own.  Several
``./dev`` may use it at once: each holds a shared lock, and the last one to leave stops the server.
"""

import fcntl
import json
import os
import pwd
import re
import shutil
import stat
import subprocess
import time
from pathlib import Path

from . import places
from .console import Problem
from .debian import Apt
from .processes import TOKEN_NAME, tail, undisturbed

#: Any of these means that the user has a server.
SERVER_VARIABLES = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGUSER", "PGSERVICE")

#: Odoo refuses to work as "postgres".
ROLE = "odoo"

#: Only the number in the socket's file name: nothing listens on TCP.
PORT = 54619

SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{socket}'
port = {port}
max_connections = 150
shared_buffers = 256MB
# A crash may cost the last moments of a development database, but never its consistency. Benchmarks switch
# this on again for their own database.
synchronous_commit = off
jit = off
"""


def given_server():
    return any(os.environ.get(name) for name in SERVER_VARIABLES)


def _reachable_by_others(path):
    """Whether a user who owns nothing on the way can enter ``path``."""
    existing = next(each for each in (path, *path.parents) if each.exists())
    return all(each.stat().st_mode & stat.S_IXOTH for each in (existing, *existing.parents))


def server_home():
    """The folder for the cluster and for unpacked server programs.

    PostgreSQL refuses to run as root, and the user it runs as instead cannot enter root's home. Then the
    cluster stays in the system's cache folder, under a name of our own.
    """
    if os.geteuid() == 0 and not _reachable_by_others(places.cache()):
        return Path("/var/cache/integration-flow")
    return places.cache()


class Cluster:
    """The private cluster."""

    def __init__(self):
        self.home = server_home()
        self.home.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.log = places.log_file("postgres")
        self._users = None
        self.programs, self.libraries = self._find_programs() or (None, None)

    # -- programs --

    def _find_programs(self):
        """The newest server programs of the system, or those unpacked earlier: (folder, library path)."""
        for base in (Path("/"), self.home / "postgres-programs"):
            found = sorted(
                base.glob("usr/lib/postgresql/*/bin/initdb"),
                key=lambda path: int(path.parts[-3].split(".")[0]),
            )
            if found:
                return found[-1].parent, None if base == Path("/") else self._libraries(base)
        if initdb := shutil.which("initdb"):
            return Path(initdb).resolve().parent, None
        return None

    @staticmethod
    def _libraries(base):
        return ":".join(sorted({str(path.parent) for path in base.glob("usr/lib/**/*.so.*")}))

    def fetch_programs(self, step):
        """Unpack Debian's server beside the cache, for who cannot install it."""
        target = self.home / "postgres-programs"
        partial = target.with_suffix(".part")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        step.say("no PostgreSQL server programs here, unpacking Debian's")
        apt = Apt()
        # LLVM is only for just-in-time compilation, which is off, and it is larger than all the rest.
        packages = [each for each in apt.missing_for("postgresql") if not each.startswith("libllvm")]
        if not packages:
            raise Problem(
                "There are no PostgreSQL server programs on this machine.",
                "no /usr/lib/postgresql/*/bin, and Debian's package could not be resolved",
                "Install them (Debian: apt-get install postgresql), or name a server with PGHOST and PGUSER.",
            )
        apt.unpack(packages, partial)
        partial.chmod(0o755)
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
        self.programs, self.libraries = self._find_programs()

    # -- the cluster --

    @property
    def major(self):
        found = re.search(r"(\d+)", self._program_output("postgres", "--version"))
        return found.group(1) if found else "unknown"

    @property
    def data(self):
        return self.home / f"postgres-{self.major}"

    @property
    def socket_folder(self):
        # Short: the path of a Unix socket has room for about 100 characters.
        return Path(f"/tmp/integration-flow-{os.geteuid()}-{places.fingerprint(self.home, length=6)}")

    @property
    def owner(self):
        """The account that runs the server."""
        if os.geteuid() != 0:
            return pwd.getpwuid(os.geteuid())
        for name in ("postgres", "nobody"):
            try:
                return pwd.getpwnam(name)
            except KeyError:
                continue
        raise Problem(
            "PostgreSQL cannot run as root, and there is no other account for it.",
            "neither 'postgres' nor 'nobody' exists",
            "Add one (useradd --system postgres), or start ./dev as an ordinary user.",
        )

    def _run(self, program, *arguments):
        identity = {}
        if os.geteuid() == 0:
            identity = {"user": self.owner.pw_uid, "group": self.owner.pw_gid, "extra_groups": []}
        # Without our token: the server may outlive this ./dev while another one uses it.
        env = {name: value for name, value in os.environ.items() if name != TOKEN_NAME and name[:2] != "PG"}
        env["LC_ALL"] = "C.UTF-8"
        if self.libraries:
            env["LD_LIBRARY_PATH"] = self.libraries
        return subprocess.run(
            [str(self.programs / program), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=env,
            start_new_session=True,
            **identity,
        )

    def _program_output(self, program, *arguments):
        return self._run(program, *arguments).stdout

    def _checked(self, what, program, *arguments, server_log=None):
        done = self._run(program, *arguments)
        if done.returncode:
            why = tail(done.stdout + done.stderr)
            if server_log and server_log.exists():
                why += "\n" + tail(server_log.read_text(errors="replace"))
            raise Problem(
                what, why, f"Look at {server_log or self.home}; if the cluster is broken, remove {self.data}."
            )

    def _own_folder(self, path):
        """A folder that only the server's account may enter."""
        path.mkdir(mode=0o700, exist_ok=True)
        if os.geteuid() == 0:
            os.chown(path, self.owner.pw_uid, self.owner.pw_gid)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != self.owner.pw_uid:
            raise Problem(
                f"{path} belongs to somebody else.", f"its owner has the id {found.st_uid}", f"Remove {path}."
            )
        path.chmod(0o700)

    def _create(self):
        partial = self.data.with_suffix(".part")
        shutil.rmtree(partial, ignore_errors=True)
        self._own_folder(partial)
        options = ("-U", ROLE, "-A", "trust", "--encoding=UTF8", "--locale=C.UTF-8")
        self._checked("Cannot make a PostgreSQL cluster.", "initdb", "-D", partial, *options)
        with open(partial / "postgresql.conf", "a") as stream:
            stream.write(SETTINGS.format(socket=self.socket_folder, port=PORT))
        partial.rename(self.data)

    def _running(self):
        return self._run("pg_ctl", "status", "-D", self.data).returncode == 0

    def acquire(self, step):
        """Make sure that the server runs, and hold it.  Returns the ``PG*`` variables that reach it."""
        with self._only_one():
            if self.programs is None:
                self.fetch_programs(step)
            self._users = open(f"{self.data}.users", "w")  # noqa: SIM115 - its lock lasts until release()
            fcntl.flock(self._users, fcntl.LOCK_SH)
            if not self.data.exists():
                self._create()
            if not self._running():
                self._own_folder(self.socket_folder)
                server_log = self.data / "server.log"
                self._checked(
                    "The private PostgreSQL server does not start.",
                    *("pg_ctl", "start", "-w", "-t", "60", "-D", self.data, "-l", server_log),
                    server_log=server_log,
                )
            return self._address()

    def _address(self):
        """How the running server is reached, as the server itself wrote it down."""
        lines = (self.data / "postmaster.pid").read_text().splitlines()
        return {"PGHOST": lines[4], "PGPORT": lines[3], "PGUSER": ROLE}

    def release(self):
        """Leave; the last one stops the server."""
        if self._users is None:
            return
        with self._only_one():
            try:
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass  # another ./dev still works with it
            else:
                self._run("pg_ctl", "stop", "-w", "-m", "fast", "-D", self.data)
            self._users.close()
            self._users = None

    def _only_one(self):
        return _Lock(self.home / "postgres.lock")


class _Lock:
    def __init__(self, path):
        self.path = path

    def __enter__(self):
        self.stream = open(self.path, "w")  # noqa: SIM115 - closed by __exit__
        fcntl.flock(self.stream, fcntl.LOCK_EX)

    def __exit__(self, *_error):
        self.stream.close()


#: Statements go through psycopg2 of the virtual environment: a given server may come without client programs.
RUN_SQL = """
import json, sys, psycopg2
try:
    connection = psycopg2.connect(dbname=sys.argv[1])
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute(sys.argv[2])
    print(json.dumps(cursor.fetchall() if cursor.description else [], default=str))
except psycopg2.Error as error:
    sys.exit(str(error))
"""


class Server:
    """A PostgreSQL server in use: ``with Server(venv, step) as server``."""

    def __init__(self, venv):
        self.venv = venv
        self.cluster = None
        self.variables = {}

    def open(self, step):
        if given_server():
            step.note = "the server that PG* names"
        else:
            self.cluster = Cluster()
            self.variables = self.cluster.acquire(step)
            step.note = f"private cluster, socket in {self.variables['PGHOST']}"
        os.environ.update(self.variables)
        # Odoo would take it for the database to work on.
        os.environ.pop("PGDATABASE", None)
        self._check_role()

    def close(self):
        if self.cluster:
            with undisturbed():
                self.cluster.release()

    def _check_role(self):
        try:
            ((name, may_create),) = self.sql(
                "SELECT current_user, rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
            )
        except Problem as problem:
            problem.remedy = (
                "Check PGHOST, PGPORT, PGUSER and PGPASSWORD, or unset them for a private cluster."
            )
            raise
        if name == "postgres" or not may_create:
            raise Problem(
                f"Odoo cannot work as the PostgreSQL role '{name}'.",
                "Odoo refuses the role 'postgres'"
                if name == "postgres"
                else "the role may not create databases",
                "Create a role (createuser --createdb odoo) and set PGUSER=odoo.",
            )

    def sql(self, statement, database="postgres"):
        """Run one statement outside a transaction and return its rows."""
        done = subprocess.run(
            [self.venv.python, "-c", RUN_SQL, database, statement],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Problem("PostgreSQL refused a statement.", tail(done.stderr))
        return json.loads(done.stdout)


def wait_for_ever():
    while True:
        time.sleep(3600)
