"""Subcommands and their options."""

import argparse
import sys
import traceback
from pathlib import Path

from . import commands, places, processes
from .console import Problem

DESCRIPTION = """\
Get an Odoo 19 with this addon, run it, test it, measure it.

    ./dev run     a running Odoo with demo data, connected to the sandbox system
    ./dev test    everything that has to pass
"""

EPILOG = """\
Nothing is installed on the system. Odoo, Python packages, a private PostgreSQL cluster and prepared
databases are kept under ${XDG_CACHE_HOME:-~/.cache}/integration-flow, by version; removing that folder
undoes everything. (As root, whose home no other account may enter, the cluster is kept in
/var/cache/integration-flow, because PostgreSQL refuses to run as root.)

environment:
  ODOO_HOME                     use this Odoo 19 (the folder of odoo-bin) instead of fetching one
  PGHOST, PGPORT, PGUSER, ...   use this PostgreSQL server instead of a private cluster
  XDG_CACHE_HOME                where the cache is
"""

#: Subcommands that go on until they are stopped.
SERVERS = {"run", "sandbox", "postgres"}


def parser():
    top = argparse.ArgumentParser(
        prog="./dev",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subcommands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name, function, text, **options):
        each = subcommands.add_parser(name, help=text, description=text, **options)
        each.set_defaults(function=function)
        return each

    run = add(
        "run", commands.run, "Start Odoo with this addon, Sales, Inventory, demo data and the sandbox system."
    )
    run.add_argument("--database", help=f"name of the database (default: {commands.default_database()})")
    run.add_argument("--port", type=int, default=8069, help="first port to try for Odoo (default: 8069)")
    run.add_argument(
        "--sandbox-port", type=int, default=8169, help="first port to try for the sandbox (8169)"
    )
    run.add_argument("--fresh", action="store_true", help="throw the database away first")
    run.add_argument(
        "--no-import", dest="first_import", action="store_false", help="leave out the first import"
    )
    run.add_argument("--once", action="store_true", help="do everything, then end: to see whether it works")

    test = add(
        "test",
        commands.test,
        "Lint, tests without a database, Odoo tests and browser tests.",
        epilog="Options after -- go to pytest: ./dev test odoo -- -k retry -x",
    )
    test.add_argument(
        "parts",
        nargs="*",
        choices=[*commands.PARTS, []],
        metavar="PART",
        help="lint, core, install, odoo, apps, queue_job (all)",
    )
    test.add_argument("--no-browser", dest="browser", action="store_false", help="leave out browser tests")
    test.add_argument(
        "--real",
        action="store_true",
        help="only the tests against a Medusa shop and a karrio, installed from npm and the Python index",
    )

    setup = add("setup", commands.setup, "Get everything that run and test need, and stop there.")
    setup.add_argument("--rebuild-templates", action="store_true", help="make the prepared databases again")

    lint = add("lint", commands.lint, "ruff, pylint-odoo and Odoo's own test_lint on this addon.")
    lint.add_argument("--fix", action="store_true", help="first repair what ruff can")

    bench = add("bench", commands.bench, "Run the benchmarks, each on a database of its own.")
    bench.add_argument("names", nargs="*", help="which ones (all)")
    bench.add_argument("--list", action="store_true", help="show their names")
    bench.add_argument("--sizes", default="", help="records to measure with, where a benchmark has a choice: 1000,10000")
    bench.add_argument("--output", type=Path, help="write the table to this file as well")

    translations = add(
        "translations", commands.translations, "Bring the files of i18n/ up to date with the terms."
    )
    translations.add_argument(
        "languages", nargs="*", help="codes of languages to begin: it nl (those of i18n/ are always done)"
    )

    shell = add("shell", commands.shell, "Odoo's Python shell on the database of ./dev run.")
    shell.add_argument("--database", help="name of the database")

    sandbox = add("sandbox", commands.sandbox, "Start only the sandbox system, without Odoo.")
    sandbox.add_argument("--port", type=int, default=8169, help="first port to try (default: 8169)")
    sandbox.set_defaults(options=[])

    add("postgres", commands.postgres, "Keep the private PostgreSQL server up, for psql and other tools.")
    return top


def check_cache():
    try:
        places.folder("logs")
    except OSError as error:
        raise Problem(
            "The cache folder cannot be written.", error, "Set XDG_CACHE_HOME to a folder of yours."
        ) from None


def main(argv=None):
    given = list(sys.argv[1:] if argv is None else argv)
    # What follows "--" is for pytest, or for the sandbox; argparse would mix it with our own arguments.
    split = given.index("--") if "--" in given else len(given)
    arguments = parser().parse_args(given[:split])
    arguments.pytest = arguments.options = given[split + 1 :]

    processes.stop_on_signals()
    processes.adopt_orphans()
    try:
        check_cache()
        return arguments.function(arguments)
    except Problem as problem:
        print(f"\n{problem.render()}", file=sys.stderr)
        return 1
    except processes.Interrupted as interruption:
        print("\nStopped.", flush=True)
        # For a server, being stopped is the ordinary end.
        ends_like_this = arguments.command in SERVERS and not getattr(arguments, "once", False)
        return 0 if ends_like_this else 128 + interruption.signal_number
    except BrokenPipeError:
        return 1
    except Exception as error:
        log = places.log_file("crash")
        log.write_text(traceback.format_exc())
        problem = Problem(
            f"./dev {arguments.command} hit something that it does not expect.",
            f"{type(error).__name__}: {error}",
            f"Details for a bug report: {log}",
        )
        print(f"\n{problem.render()}", file=sys.stderr)
        return 1
    finally:
        with processes.undisturbed():
            processes.stop_leftovers()
            processes.bury_orphans()
