"""Odoo 19 and the virtual environment in which it runs."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from . import places
from .console import Problem
from .debian import UNSTABLE, Apt, need_space
from .processes import checked

PACKAGE = "odoo-19"

#: The Odoo package links to files of these.
LINKED_FROM_UNSTABLE = (
    "libjs-jquery",
    "libjs-jquery-form",
    "libjs-underscore",
    "fonts-montserrat",
    "fonts-ocr-b",
    "fonts-roboto-unhinted",
)
#: Their newer versions in unstable have other file names.
LINKED_FROM_RELEASE = ("fonts-font-awesome", "fonts-inconsolata")

#: Left out by Debian; the web client asks for it, and a missing file is an error on the browser's console.
LEFT_OUT = "addons/mail/static/lib/selfie_segmentation/selfie_segmentation.js"

REQUIREMENTS = ("requirements-odoo.txt", "requirements.txt", "requirements-optional.txt", "requirements-test.txt")

#: Packages of which only a file is used: installed without what they depend on.
FILES_ONLY = "requirements-test-files.txt"


@contextmanager
def exclusive(name):
    """Only one ``./dev`` at a time builds a cached part; another one waits and then finds it done."""
    with open(places.folder("locks") / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Odoo:
    """An Odoo 19.

    :param path: the folder that contains the package ``odoo``
    :param identity: changes when this Odoo changes
    """

    def __init__(self, path, identity):
        self.path = Path(path)
        self.identity = identity

    @property
    def addons_paths(self):
        """Odoo's own addons: inside the package, and beside it in a source checkout."""
        candidates = [self.path / "odoo" / "addons", self.path / "addons"]
        return [path for path in candidates if (path / "mail" / "__manifest__.py").exists()]


def odoo_from_home(home):
    """The Odoo of ``ODOO_HOME``: a folder with ``odoo-bin`` and the package, or that holds the package."""
    base = Path(home).expanduser().resolve()
    candidates = [base, base.parent if base.name == "odoo" else base / "usr/lib/python3/dist-packages"]
    path = next((each for each in candidates if (each / "odoo" / "release.py").exists()), None)
    if path is None:
        raise Problem(
            f"ODOO_HOME={home} holds no Odoo.",
            "neither the folder nor a package 'odoo' in it has a release.py",
            "Set ODOO_HOME to the folder of odoo-bin of an Odoo 19, or unset it to have one fetched.",
        )
    text = (path / "odoo" / "release.py").read_text()
    found = re.search(r"^version_info = \((['\w~]+), *(\d+)", text, re.M)
    version = ".".join(found.groups()) if found else "unknown"
    if version != "19.0":
        raise Problem(
            f"ODOO_HOME={home} is not an Odoo 19.0.",
            f"it says that it is version {version}",
            "Set ODOO_HOME to an Odoo 19.0, or unset it to have one fetched.",
        )
    return Odoo(path, f"19.0-home-{places.fingerprint(path, text, length=8)}")


def find_odoo():
    """The Odoo of ``ODOO_HOME``, or a fetched one; ``None`` if one has to be fetched."""
    if os.environ.get("ODOO_HOME"):
        return odoo_from_home(os.environ["ODOO_HOME"])
    done = sorted(places.folder("odoo").glob("*/.complete"), key=lambda path: path.stat().st_mtime)
    if not done:
        return None
    root = done[-1].parent
    return Odoo(root / "usr/lib/python3/dist-packages", root.name)


def fetch_odoo(apt, step):
    """Unpack Debian's Odoo 19 and what it links to."""
    with exclusive("odoo"):
        if found := find_odoo():
            return found
        need_space(places.folder("odoo"), 2.5)
        version = apt.version(PACKAGE, UNSTABLE)
        if not version:
            raise Problem(
                f"Debian's archive has no package {PACKAGE}.",
                "it was looked for in unstable",
                "Set ODOO_HOME to an Odoo 19 that you have.",
            )
        step.say(f"downloading Odoo {version} (about 130 MB) and unpacking it (1.3 GB)")
        root = places.folder("odoo") / version.replace(":", "_")
        shutil.rmtree(root, ignore_errors=True)  # from an interrupted attempt
        apt.unpack(
            [f"{name}/{UNSTABLE}" for name in (PACKAGE, *LINKED_FROM_UNSTABLE)]
            + [f"{name}/{apt.codename}" for name in LINKED_FROM_RELEASE],
            root,
        )
        packages = root / "usr/lib/python3/dist-packages"
        for leftover in ("addons", "setup", "doc"):
            # Left beside the package by Debian's build. Odoo would take such an "addons" for its own addons
            # path.
            shutil.rmtree(packages / leftover, ignore_errors=True)
        placeholder = packages / "odoo" / LEFT_OUT
        placeholder.parent.mkdir(parents=True, exist_ok=True)
        placeholder.touch()
        (root / ".complete").touch()
    return find_odoo()


class Venv:
    """The virtual environment: Odoo's requirements, the addon's, the tools'; Odoo itself on its path."""

    def __init__(self, odoo):
        self.odoo = odoo
        self.version = "{}.{}".format(*sys.version_info[:2])
        texts = [(places.CHECKOUT / name).read_bytes() for name in (*REQUIREMENTS, FILES_ONLY)]
        key = places.fingerprint(odoo.identity, odoo.path, sys.base_prefix, *texts)
        self.folder = places.folder("venv") / f"py{self.version}-{key}"
        self.log = places.log_file("pip")

    @property
    def python(self):
        return self.folder / "bin" / "python"

    @property
    def odoo_bin(self):
        """Must be named ``odoo-bin``: with ``--workers`` Odoo starts ``sys.argv[0]`` once more."""
        return self.folder / "bin" / "odoo-bin"

    @property
    def ready(self):
        return (self.folder / ".complete").exists()

    def tool(self, name):
        return self.folder / "bin" / name

    def build(self):
        with exclusive("venv"):
            if self.ready:
                return
            shutil.rmtree(self.folder, ignore_errors=True)
            self._create()
            self._install()
            site = self.folder / "lib" / f"python{self.version}" / "site-packages"
            (site / "odoo_of_integration_flow.pth").write_text(f"{self.odoo.path}\n")
            self.odoo_bin.write_text(
                f"#!{self.python}\nimport odoo.cli\n\nif __name__ == '__main__':\n    odoo.cli.main()\n"
            )
            self.odoo_bin.chmod(0o755)
            checked(
                [self.python, "-c", "import odoo.cli, odoo.http, psycopg2"],
                "Odoo cannot be imported in its new virtual environment.",
                "If ODOO_HOME is set, check that Odoo 19 is complete there.",
                log=self.log,
            )
            (self.folder / ".complete").touch()

    def _create(self):
        # Without pip first: Debian's Python has no ensurepip unless python3-venv is installed.
        interpreter = getattr(sys, "_base_executable", None) or sys.executable
        checked(
            [interpreter, "-m", "venv", "--without-pip", self.folder],
            "Cannot make a virtual environment.",
            "Install Python's venv module (Debian: python3-venv).",
            log=self.log,
        )
        has_ensurepip = subprocess.run(
            [interpreter, "-c", "import ensurepip; ensurepip.version()"], capture_output=True, check=False
        )
        if has_ensurepip.returncode == 0:
            checked([self.python, "-m", "ensurepip"], "Cannot install pip.", log=self.log)
            return
        # The wheel that python3-venv would have brought, taken without installing anything.
        wheels = places.folder("venv", "pip-wheel")
        apt = Apt()
        apt.prepare()
        apt.unpack([f"python3-pip-whl/{apt.codename}"], wheels)
        wheel = next(wheels.glob("usr/share/python-wheels/pip-*.whl"))
        checked(
            [self.python, f"{wheel}/pip", "install", "--no-index", wheel],
            "Cannot install pip.",
            "Install Python's venv module (Debian: python3-venv).",
            log=self.log,
        )

    def _install(self):
        self._pip_install(*(part for name in REQUIREMENTS for part in ("-r", places.CHECKOUT / name)))
        self._pip_install("--no-deps", "-r", places.CHECKOUT / FILES_ONLY)

    def _pip_install(self, *arguments):
        checked(
            [
                self.python,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-input",
                "--disable-pip-version-check",
                *arguments,
            ],
            "Cannot install the Python packages.",
            "Check the network and pip's configuration (pip config list), then try again.\n"
            "If a package has to be compiled: apt-get install gcc python3-dev.",
            log=self.log,
        )
