"""Addons of others, from the Python index: the optional job queue, and what the benchmarks compare with."""

import shutil

from . import places
from .console import Problem
from .environment import exclusive
from .processes import call, tail

REQUIREMENTS = "requirements-peers.txt"

#: What pip says when it cannot reach an index, in contrast to an index that does not have what is asked for.
NOT_REACHED = (
    "Retrying (Retry(",
    "Could not fetch URL",
    "Failed to establish a new connection",
    "Temporary failure in name resolution",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ProxyError",
)


class Unreachable(Problem):
    """The Python index does not answer: what needs these addons is left out, and says so."""


class Peers:
    """A folder of the cache with these addons (``addons``) and the Python packages that they import (``lib``)."""

    def __init__(self, venv):
        self.venv = venv
        self.requirements = places.CHECKOUT / REQUIREMENTS
        key = places.fingerprint(venv.version, self.requirements.read_bytes())
        self.folder = places.folder("peers") / key
        self.log = places.log_file("pip-peers")

    @property
    def addons(self):
        return self.folder / "addons"

    @property
    def environment(self):
        return {"PYTHONPATH": str(self.folder / "lib")}

    def build(self, step):
        """Fetch them unless they are there.  Raises :class:`Unreachable` where there is no index to fetch them from."""
        with exclusive("peers"):
            if (self.folder / ".complete").exists():
                return
            step.say("fetching addons from the Python index (once, some seconds)")
            shutil.rmtree(self.folder, ignore_errors=True)
            self._install(self.folder / "lib")
            # Beside the packages: a second folder "odoo" on Python's path would hide Odoo itself.
            shutil.move(self.folder / "lib" / "odoo" / "addons", self.addons)
            shutil.rmtree(self.folder / "lib" / "odoo")
            (self.folder / ".complete").touch()

    def _install(self, target):
        self.log.write_text("")
        command = [self.venv.python, "-m", "pip", "install", "--no-deps", "--no-input", "--disable-pip-version-check"]
        command += ["--quiet", "--target", target, "-r", self.requirements]
        if call(command, log=self.log) == 0:
            return
        output = self.log.read_text(errors="replace")
        kind = Unreachable if is_unreachable(output) else Problem
        raise kind(
            "The addons to compare with cannot be fetched.",
            tail(output),
            f"Check the network and pip's configuration (pip config list), then try again.\nFull output: {self.log}",
        )


def is_unreachable(output):
    """
    >>> is_unreachable("WARNING: Retrying (Retry(total=4, ...)) after connection broken by ...")
    True
    >>> is_unreachable("ERROR: No matching distribution found for odoo-addon-queue-job")
    False
    """
    return any(words in output for words in NOT_REACHED)
