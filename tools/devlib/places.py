"""Every path and name that ``./dev`` uses.

All that is heavy lives under ``${XDG_CACHE_HOME:-~/.cache}/integration-flow`` in folders that carry a
version, so that a clean clone finds it again and an old checkout keeps working beside a new one.
"""

import hashlib
import os
import re
from pathlib import Path

ADDON = "integration_flow"

#: The checkout.  Its folder may have any name, and Odoo names an addon after its folder: see
#: :func:`addons_folder`.
CHECKOUT = Path(__file__).resolve().parents[2]

#: The rooms that import no Odoo.
PURE_ROOMS = ("core", "transport", "sandbox")

#: Folders that hold no code of the addon that is loaded into a database.
NOT_THE_ADDON = {".git", ".ci", "__pycache__", "tests", "sandbox", "benchmarks", "docs", "tools"}


def cache():
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "integration-flow"


def fingerprint(*parts, length=12):
    """A short, stable name for a combination of versions.

    >>> fingerprint("a", "b") == fingerprint("a", "b") != fingerprint("ab")
    True
    """
    digest = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:length]


def checkout_id():
    """Two checkouts with the same folder name must not share a link or a database."""
    return f"{slug(CHECKOUT.name)}_{fingerprint(CHECKOUT, length=4)}"


def slug(text):
    """
    >>> slug("My Checkout-2")
    'my_checkout_2'
    """
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "checkout"


def folder(*parts):
    """A folder of the cache, made if needed."""
    path = cache().joinpath(*parts)
    path.mkdir(parents=True, exist_ok=True)
    return path


def log_file(name):
    return folder("logs") / f"{checkout_id()}-{name}.log"


def link(path, target):
    """Make ``path`` a symbolic link to ``target``, without a moment in which there is none."""
    if path.is_symlink() and path.readlink() == target:
        return
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.symlink_to(target)
    fresh.replace(path)


def bridges():
    """The folders of the addons that join ours to an app of Odoo, by name; each installs itself where its app is."""
    return sorted(manifest.parent for manifest in (CHECKOUT / "bridges").glob("*/__manifest__.py"))


def addons_folder():
    """The folder for ``--addons-path``: it holds the checkout under the addon's technical name, and the bridges."""
    path = folder("addons", checkout_id())
    link(path / ADDON, CHECKOUT)
    for bridge in bridges():
        link(path / bridge.name, bridge)
    for leftover in path.iterdir():
        if leftover.is_symlink() and not leftover.exists():
            leftover.unlink()  # a bridge of another commit
    return path


def pure_folder():
    """A package ``integration_flow`` that has the rooms without Odoo and an empty ``__init__``.

    The real ``__init__`` imports the models, hence Odoo.  Through this folder the pure rooms are importable
    under their real names, by their tests and by the sandbox, on a Python that has no Odoo.
    """
    path = folder("pure", checkout_id())
    package = path / ADDON
    package.mkdir(exist_ok=True)
    (package / "__init__.py").touch()
    for room in PURE_ROOMS:
        link(package / room, CHECKOUT / room)
    return path


def addon_fingerprint():
    """Changes when the addon has to be updated in a database (``-u``)."""
    parts = []
    for root, folders, files in os.walk(CHECKOUT):
        folders[:] = sorted(set(folders) - NOT_THE_ADDON)
        for name in sorted(files):
            path = Path(root, name)
            if path.suffix not in {".py", ".xml", ".csv", ".json", ".po", ".sql"}:
                continue
            parts += [path.relative_to(CHECKOUT), path.read_bytes()]
    return fingerprint(*parts)
