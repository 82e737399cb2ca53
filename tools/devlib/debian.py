"""Debian packages unpacked into the cache: nothing is installed, no privilege is needed, the system stays as
it is.

apt runs with a configuration of its own: own package lists, own sources, and the address of the mirror that
this machine already uses.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

from . import places
from .console import Problem
from .processes import checked

KEYRINGS = (
    "/usr/share/keyrings/debian-archive-keyring.gpg",
    "/usr/share/keyrings/debian-archive-keyring.pgp",
)
UNSTABLE = "unstable"


def _capture(*command):
    """Output of a command that reads the machine's own configuration; empty if there is no such command."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def release():
    """The code name of this machine's Debian release."""
    try:
        text = Path("/etc/os-release").read_text()
    except OSError:
        return ""
    found = re.search(r"^VERSION_CODENAME=\"?([\w-]+)", text, re.M)
    return found.group(1) if found else ""


def choose_mirror(targets, codename):
    """The archive of ``codename`` itself among the lines of ``apt-get indextargets``, not its security
    archive.

    >>> choose_mirror("http://b/x/ bookworm-security main\\nhttp://a/d/ bookworm main", "bookworm")
    'http://a/d/'
    >>> choose_mirror("", "bookworm")
    ''
    """
    rows = [line.split() for line in targets.splitlines() if line.strip()]
    rows = [row for row in rows if len(row) == 3 and row[2] == "main"]
    for uri, suite, _component in rows:
        if suite == codename:
            return uri
    for uri, suite, _component in rows:
        if suite in {"stable", "testing", "oldstable", "sid", UNSTABLE}:
            return uri
    return ""


class Apt:
    """apt with a configuration of its own, in the cache."""

    def __init__(self):
        self.folder = places.folder("apt")
        self.log = places.log_file("apt")
        self.codename = release()
        self.updated = False

    def prepare(self):
        """Write the configuration and read the package lists, once in a session."""
        if self.updated:
            return
        if not shutil.which("apt-get") or not shutil.which("dpkg"):
            raise Problem(
                "Cannot get packages: this machine has no apt.",
                "Odoo 19 and PostgreSQL are taken from Debian's packages.",
                "Set ODOO_HOME to an Odoo 19 that you have, and PGHOST/PGUSER/... to a PostgreSQL server.",
            )
        targets = _capture(
            "apt-get",
            "indextargets",
            "--format",
            "$(REPO_URI) $(RELEASE) $(COMPONENT)",
            "Created-By: Packages",
        )
        mirror = choose_mirror(targets, self.codename)
        keyring = next((path for path in KEYRINGS if Path(path).exists()), None)
        if not mirror or not keyring:
            raise Problem(
                "Cannot get packages: no Debian mirror is configured on this machine.",
                f"release: {self.codename or 'unknown'}, mirror: {mirror or 'none'}, keyring: {keyring}",
                "On Debian 12 or newer, repair /etc/apt/sources.list and install debian-archive-keyring.\n"
                "Elsewhere, set ODOO_HOME to an Odoo 19 that you have, and PGHOST/PGUSER/... to a server.",
            )
        for name in ("lists/partial", "cache/archives/partial"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        suites = dict.fromkeys((UNSTABLE, self.codename))
        (self.folder / "sources.list").write_text(
            "".join(f"deb [signed-by={keyring}] {mirror} {suite} main\n" for suite in suites)
        )
        self._write_configuration()
        checked(
            ["apt-get", "-q", "-o", "Acquire::Retries=3", "-o", "APT::Update::Error-Mode=any", "update"],
            "Cannot read Debian's package lists.",
            "Check the network and the mirror in /etc/apt, then try again.",
            log=self.log,
            env=self.env,
        )
        self.updated = True

    def _write_configuration(self):
        # Proxy and certificate settings are the machine's; its hooks (Post-Invoke) must not run for our
        # lists.
        download_settings = _capture("apt-config", "dump", "Acquire")
        path = self.folder / "apt.conf"
        path.touch(mode=0o600)
        path.write_text(
            download_settings + f'Dir::Etc::Main "/dev/null";\n'
            f'Dir::Etc::Parts "/dev/null";\n'
            f'Dir::Etc::Preferences "/dev/null";\n'
            f'Dir::Etc::PreferencesParts "/dev/null";\n'
            f'Dir::Etc::SourceList "{self.folder}/sources.list";\n'
            f'Dir::Etc::SourceParts "/dev/null";\n'
            f'Dir::State::Lists "{self.folder}/lists";\n'
            f'Dir::Cache "{self.folder}/cache";\n'
            f'Acquire::Languages "none";\n'
            # As root, apt would hand the download to a user who cannot enter this folder.
            f'APT::Sandbox::User "root";\n'
        )

    @property
    def env(self):
        return {"APT_CONFIG": str(self.folder / "apt.conf"), "LC_ALL": "C.UTF-8"}

    def _query(self, *command):
        environment = {**os.environ, **self.env}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        return done.stdout

    def version(self, package, suite):
        """The version of a package in a suite; ``None`` if the suite has no such package."""
        self.prepare()
        for line in self._query("apt-cache", "madison", package).splitlines():
            _name, version, source = (part.strip() for part in line.split("|"))
            if f" {suite}/" in source:
                return version
        return None

    def missing_for(self, package):
        """``name=version`` of a package and its dependencies, without what this machine has."""
        self.prepare()
        # Planned as if nothing were installed: a half-finished upgrade of the machine must not interfere.
        nothing = self.folder / "nothing-installed"
        nothing.touch()
        planned = self._query(
            *("apt-get", "-s", "--no-install-recommends", "-t", self.codename),
            *("-o", f"Dir::State::status={nothing}", "install", package),
        )
        present = set(_capture("dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Package}\\n").splitlines())
        return [
            f"{found.group(1)}={found.group(2)}"
            for found in re.finditer(r"^Inst (\S+) (?:\[\S+\] )?\((\S+) ", planned, re.M)
            if f"ii {found.group(1)}" not in present
        ]

    def unpack(self, packages, target):
        """Download packages (``name/suite`` or ``name=version``) and unpack them into one folder."""
        self.prepare()
        downloads = places.folder("apt", f"download-{os.getpid()}")
        try:
            checked(
                ["apt-get", "-q", "-o", "Acquire::Retries=3", "download", *packages],
                f"Cannot download {packages[0]} and what belongs to it.",
                "Check the network and try again.",
                log=self.log,
                env=self.env,
                cwd=downloads,
            )
            for archive in sorted(downloads.glob("*.deb")):
                checked(["dpkg", "-x", archive, target], f"Cannot unpack {archive.name}.", log=self.log)
        finally:
            shutil.rmtree(downloads, ignore_errors=True)


def need_space(path, gigabytes):
    free = shutil.disk_usage(path).free / 1e9
    if free < gigabytes:
        raise Problem(
            f"Not enough room on the disk of {path}.",
            f"{free:.1f} GB free, about {gigabytes} GB needed",
            "Free some space, or set XDG_CACHE_HOME to a folder on another disk.",
        )
