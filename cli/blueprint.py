"""``odoo-bin blueprint``: whole flows out of a database and into another one, without a browser."""

import argparse
import json
import logging
import sys
from pathlib import Path

from odoo import SUPERUSER_ID
from odoo.api import Environment
from odoo.cli.command import Command
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.modules.registry import Registry
from odoo.tools import config

DONE, DIFFERENT, REFUSED = 0, 1, 2


class Blueprint(Command):
    """Export, check and import blueprints of integration flows.

    export  writes flows, by their codes, with everything that they need into one file
    check   says what is wrong with a file, and what importing it would change; changes nothing (exit code 1: something)
    import  imports a file and says what it has changed
    """

    def __init__(self):
        super().__init__()
        actions = self.parser.add_subparsers(dest="action", required=True)
        for name, summary in (("export", "flows into a file"), ("check", "what a file would change"), ("import", "a file")):
            parser = actions.add_parser(name, help=summary, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
            parser.add_argument("file", type=Path, help="the blueprint; '-' for standard output or input")
            parser.add_argument("-d", "--database", required=True)
            parser.add_argument("-c", "--config", help="configuration file of Odoo")
            if name == "export":
                parser.add_argument("--flow", action="append", default=[], metavar="CODE", help="may be given several times")
                parser.add_argument("--name", help="what the blueprint is called")

    def run(self, cmdargs):
        arguments = self.parser.parse_args(cmdargs)
        options = ["-d", arguments.database, "--no-http"]
        if arguments.config:
            options += ["-c", arguments.config]
        config.parse_config(options, setup_logging=True)
        logging.getLogger().setLevel(logging.WARNING)
        with Registry(arguments.database).cursor() as cr:
            code = carry_out(Environment(cr, SUPERUSER_ID, {}), arguments)
        sys.exit(code)


def carry_out(env, arguments) -> int:
    """One subcommand; what a person has to know goes to standard error. Returns the exit code."""
    if "integration.blueprint" not in env:
        sys.stderr.write("The app Integrations is not installed in this database.\n")
        return REFUSED
    try:
        with env.cr.savepoint():
            return {"export": _export, "check": _check, "import": _import}[arguments.action](env, arguments)
    except (UserError, ValidationError, AccessError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return REFUSED


def _export(env, arguments) -> int:
    flows = env["integration.flow"].search(
        ["|", ("code", "in", arguments.flow), ("publish_code", "in", arguments.flow)] if arguments.flow else [])
    missing = set(arguments.flow) - {*flows.mapped("code"), *flows.mapped("publish_code")}
    if missing or not flows:
        raise UserError(env._("There is no flow %(codes)s.", codes=", ".join(sorted(missing)) or ""))
    text, notes = env["integration.blueprint"]._export_text(flows, name=arguments.name)
    if str(arguments.file) == "-":
        sys.stdout.write(text)
    else:
        arguments.file.write_text(text, encoding="utf-8")
    for note in notes:
        sys.stderr.write(f"{note}\n")
    return DONE


def _read(env, arguments) -> dict:
    text = sys.stdin.read() if str(arguments.file) == "-" else arguments.file.read_text(encoding="utf-8")
    return env["integration.blueprint"]._parse(text)


def _check(env, arguments) -> int:
    data = _read(env, arguments)
    missing = env["integration.blueprint"]._missing_apps(data)
    if missing:
        raise UserError(env._("Apps that are not installed: %(apps)s", apps=", ".join(missing)))
    found = env["integration.blueprint"]._differences(data)
    _tell(found)
    return DIFFERENT if found else DONE


def _import(env, arguments) -> int:
    data = _read(env, arguments)
    missing = env["integration.blueprint"]._missing_apps(data)
    found = [] if missing else env["integration.blueprint"]._differences(data)
    env["integration.blueprint"]._apply(data)
    _tell(found)
    return DONE


def _tell(found) -> None:
    for each in found:
        values = "" if each.kind != "changed" else f": {json.dumps(each.before, ensure_ascii=False)} -> " \
            f"{json.dumps(each.after, ensure_ascii=False)}"
        sys.stdout.write(f"{each.kind:8} {each.path}{values}\n")
    if not found:
        sys.stdout.write("nothing to change\n")
