"""Databases: prepared templates, the database of ``./dev run``, and throw-away ones.

A template holds only modules that are not ours, so it survives every change of the addon.  Its name carries a
hash of what is in it.  Cloning costs nearly nothing; the files beside the database are linked, not copied:
Odoo never writes into a stored file again.
"""

import fcntl
import os
import shutil
from contextlib import contextmanager

from . import places
from .console import Problem
from .environment import exclusive
from .processes import checked, tail, undisturbed

#: Raise when a template has to be made in another way.
TEMPLATE_FORMAT = 1

#: name: (modules, with demo data).  web_tour belongs to every real database and to browser tests.
TEMPLATES = {
    "mail": (("mail", "web_tour"), False),
    "business": (("sale_management", "stock", "delivery", "crm", "contacts", "web_tour"), True),
    "apps": (
        ("sale_management", "stock", "delivery", "crm", "contacts", "project", "mass_mailing", "web_tour"), False),
}


class Databases:
    def __init__(self, odoo, venv, server, peers=None, more_addons=()):
        self.odoo = odoo
        self.venv = venv
        self.server = server
        self.peers = peers
        self.more_addons = more_addons
        self.data_dir = places.folder("data")
        self.locks = places.folder("locks")

    # -- Odoo on a database --

    def with_peers(self, peers, *more_addons):
        """The same, where Odoo also finds the addons of others."""
        return Databases(self.odoo, self.venv, self.server, peers, more_addons)

    @property
    def environment(self):
        return self.peers.environment if self.peers else None

    def addons_path(self, ours=True):
        peers = [self.peers.addons, *self.more_addons] if self.peers else []
        paths = [*self.odoo.addons_paths, *([*peers, places.addons_folder()] if ours else [])]
        return ",".join(map(str, paths))

    def odoo_options(self, database, ours=True):
        return [
            f"--database={database}",
            f"--addons-path={self.addons_path(ours)}",
            f"--data-dir={self.data_dir}",
            "--http-interface=127.0.0.1",
        ]

    def odoo_command(self, database, *options, ours=True, subcommand=None):
        start = [self.venv.odoo_bin, *([subcommand] if subcommand else [])]
        # An odoo.conf of the user (~/.odoorc) must not change what is tested or shown.
        return [*start, f"--config={os.devnull}", *self.odoo_options(database, ours), *options]

    def load(self, database, *options, what, ours=True, log_name="odoo"):
        """Install or update modules.  Returns the log."""
        log = places.log_file(log_name)
        return checked(
            self.odoo_command(
                database, *options, "--stop-after-init", "--no-http", "--log-level=warn", ours=ours
            ),
            what,
            "The log names the file and line." if ours else "",
            log=log,
            env=self.environment,
        )

    # -- plain databases --

    def names(self):
        return {name for (name,) in self.server.sql("SELECT datname FROM pg_database")}

    def exists(self, name):
        return name in self.names()

    def filestore(self, name):
        return self.data_dir / "filestore" / name

    def drop(self, name):
        self.server.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        shutil.rmtree(self.filestore(name), ignore_errors=True)

    def clone(self, template, name):
        self.server.sql(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        shutil.rmtree(self.filestore(name), ignore_errors=True)
        if self.filestore(template).exists():
            shutil.copytree(self.filestore(template), self.filestore(name), copy_function=os.link)

    def module_state(self, database, module=places.ADDON):
        """The state of a module, ``None`` where Odoo was never completely installed."""
        try:
            rows = self.server.sql(f"SELECT state FROM ir_module_module WHERE name = '{module}'", database)
        except Problem:
            return None
        return rows[0][0] if rows else None

    # -- templates --

    def template_name(self, kind):
        modules, demo = TEMPLATES[kind]
        # The folder too: a server may be shared by users who do not share the files beside the database.
        parts = (TEMPLATE_FORMAT, self.odoo.identity, self.data_dir, *modules, demo)
        key = places.fingerprint(*parts, length=8)
        return f"integration_flow_template_{kind}_{key}"

    def template(self, kind, step):
        """The name of a prepared template; it is made if it is missing, which takes about a minute."""
        name = self.template_name(kind)
        with exclusive(f"template-{kind}"):
            if not self.exists(name):
                modules, demo = TEMPLATES[kind]
                step.say(f"preparing the template with {', '.join(modules)} (once, up to two minutes)")
                partial = f"{name}_part"
                self.drop(partial)
                self.load(
                    partial,
                    f"--init={','.join(modules)}",
                    "--with-demo" if demo else "--without-demo",
                    what="Odoo cannot install its own modules.",
                    ours=False,
                    log_name="template",
                )
                self._check_modules(partial, modules)
                self.server.sql(f'ALTER DATABASE "{partial}" RENAME TO "{name}"')
                shutil.rmtree(self.filestore(name), ignore_errors=True)
                if self.filestore(partial).exists():
                    self.filestore(partial).rename(self.filestore(name))
        return name

    def _check_modules(self, database, modules):
        missing = [name for name in modules if self.module_state(database, name) != "installed"]
        if missing:
            log = places.log_file("template")
            raise Problem(
                "Odoo did not install all of its modules.",
                f"not installed: {', '.join(missing)}\n{tail(log.read_text(errors='replace'))}",
                f"Look at {log}.",
            )

    def install_addon(self, database, *others, demo=True, log_name="install"):
        output = self.load(
            database,
            f"--init={','.join([places.ADDON, *others])}",
            "--with-demo" if demo else "--without-demo",
            what="The addon cannot be installed.",
            log_name=log_name,
        )
        if self.module_state(database) != "installed":
            raise Problem(
                "The addon is not installed although Odoo ended without an error.",
                tail(output),
                f"Look at {places.log_file(log_name)}.",
            )
        return output

    # -- throw-away databases --

    @contextmanager
    def throw_away(self, template, purpose):
        """A clone that goes away with the block.

        Its lock file is held as long as this ``./dev`` lives; whoever comes later and can take the lock knows
        that the database was left behind by a killed one, and removes it.
        """
        self.remove_abandoned()
        name = f"integration_flow_{purpose}_{os.getpid()}_{places.fingerprint(os.urandom(8), length=4)}"
        path = self.locks / f"database-{name}"
        with open(path, "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                self.clone(template, name)
                yield name
            finally:
                with undisturbed():
                    self.drop(name)
                    path.unlink(missing_ok=True)

    def remove_abandoned(self):
        for path in self.locks.glob("database-*"):
            with open(path, "a") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                self.drop(path.name.removeprefix("database-"))
                path.unlink(missing_ok=True)
