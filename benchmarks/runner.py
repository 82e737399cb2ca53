"""Run one benchmark inside Odoo, without an HTTP server.  Called by ``./dev bench`` for each ``bench_*.py``.

A benchmark is a file ``bench_<name>.py`` with one function::

    def main(context):
        with context.env() as env:
            ...
        figure = {"name": "first import", "value": 1.02, "unit": "× create()"}
        return [{**figure, "target": "≥ 0.9", "passed": True}]

``PEERS = ("queue_job",)`` at the top of the file asks for addons of others, from the Python index, in its database.

Its database is its own and is thrown away afterwards, so it may commit.  ``target`` and ``passed`` may be
left out where a figure is only for information.
"""

import argparse
import importlib.util
import json
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import odoo.api
from odoo.modules.registry import Registry
from odoo.tools import config


@dataclass(frozen=True)
class Context:
    """What a benchmark gets."""

    database: str
    """A database with the addon, Sales, Inventory, Delivery, CRM and demo data."""
    registry: Registry
    sandbox_url: str
    """The address of a sandbox system of its own; empty while there is none."""
    sizes: tuple[int, ...] = ()
    """How many records to measure with, for a benchmark that asks; empty: its own choice."""

    @contextmanager
    def env(self, user_id=odoo.api.SUPERUSER_ID, **context):
        """An environment with a cursor of its own: committed at the end, rolled back on an error."""
        with self.registry.cursor() as cr:
            yield odoo.api.Environment(cr, user_id, context)


def load(path):
    # The benchmark may import its neighbours (shared helpers).
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main():
    parser = argparse.ArgumentParser(
        description="Run one benchmark in a prepared database (use ./dev bench)."
    )
    parser.add_argument("script", type=Path)
    parser.add_argument("--figures", type=Path, required=True, help="file for the figures, as JSON")
    parser.add_argument("--sandbox-url", default="")
    parser.add_argument("--sizes", default="", help="how many records, separated by commas")
    parser.epilog = "Options after -- go to Odoo."
    # By hand: argparse would take our own options behind the first argument for Odoo's.
    split = sys.argv.index("--")
    options, odoo_options = parser.parse_args(sys.argv[1:split]), sys.argv[split + 1 :]
    # Also where code under test looks for it.
    os.environ["INTEGRATION_SANDBOX_URL"] = options.sandbox_url
    config.parse_config(odoo_options, setup_logging=True)
    database = config["db_name"]
    database = database if isinstance(database, str) else database[0]
    sizes = tuple(int(size) for size in options.sizes.split(",") if size)
    context = Context(database, Registry(database), options.sandbox_url, sizes)
    figures = load(options.script.resolve()).main(context)
    options.figures.write_text(json.dumps(list(figures)))


if __name__ == "__main__":
    main()
