"""One function per subcommand."""

import ast
import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager

from . import parts, places, processes, real, services
from .console import Problem, Progress, duration
from .databases import TEMPLATES, Databases
from .debian import Apt
from .environment import Venv, fetch_odoo, find_odoo
from .peers import Peers, Unreachable
from .postgres import Server, wait_for_ever

SUMMARY = "SUMMARY "


class Machine:
    """Everything that a database needs, opened step by step and closed together."""

    def __init__(self, progress):
        self.progress = progress
        self.stack = ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        with processes.undisturbed():
            return self.stack.__exit__(*error)

    def odoo_and_venv(self):
        with self.progress.step("Odoo 19") as step:
            self.odoo = find_odoo() or fetch_odoo(Apt(), step)
            step.note = self.odoo.identity
        with self.progress.step("Virtual environment") as step:
            self.venv = Venv(self.odoo)
            if not self.venv.ready:
                step.say("installing Python packages (once, about half a minute)")
                self.venv.build()
            step.note = self.venv.folder.name
        return self

    def postgres(self):
        with self.progress.step("PostgreSQL") as step:
            self.server = Server(self.venv)
            self.stack.callback(self.server.close)
            self.server.open(step)
        self.databases = Databases(self.odoo, self.venv, self.server)
        return self

    def with_peers(self, *more_addons):
        """The databases, where Odoo also finds the addons of others."""
        peers = Peers(self.venv)
        with self.progress.step("Addons of others") as step:
            peers.build(step)
            step.note = peers.folder.name
        return self.databases.with_peers(peers, *more_addons)

    def template(self, kind):
        with self.progress.step(f"Template database '{kind}'") as step:
            name = self.databases.template(kind, step)
            step.note = name
        return name


# -- setup --


def setup(arguments):
    progress = Progress(3 + len(TEMPLATES))
    with Machine(progress) as machine:
        machine.odoo_and_venv().postgres()
        if arguments.rebuild_templates:
            for kind in TEMPLATES:
                machine.databases.drop(machine.databases.template_name(kind))
        for kind in TEMPLATES:
            machine.template(kind)
    print(f"Ready in {duration(progress.elapsed)}. Everything is under {places.cache()}.")
    return 0


# -- run --


def default_database():
    return f"integration_flow_{places.checkout_id()}"


def run(arguments):
    progress = Progress(8)
    database = arguments.database or default_database()
    with Machine(progress) as machine:
        machine.odoo_and_venv().postgres()
        template = machine.template("business")
        with progress.step(f"Database {database}") as step:
            step.note = prepare_run_database(machine.databases, database, template, arguments.fresh)
        with progress.step("Sandbox system") as step:
            sandbox = None
            if services.has_sandbox():
                sandbox = machine.stack.enter_context(services.sandbox(machine.venv, arguments.sandbox_port))
                step.note = sandbox.address
            else:
                step.note = "not there yet"
        with progress.step("First import") as step:
            summary = first_import(machine.databases, database, sandbox) if arguments.first_import else None
            step.note = "" if summary else "left out"
        with progress.step("Odoo") as step:
            odoo = machine.stack.enter_context(
                services.odoo_server(
                    machine.databases,
                    database,
                    services.free_port(arguments.port),
                    sandbox and sandbox.address,
                )
            )
            step.note = odoo.address
        print_welcome(progress, database, odoo, sandbox, summary)
        if arguments.once:
            return 0
        ended = services.wait_for_end(*filter(None, (odoo, sandbox)))
        raise Problem(
            "A server ended by itself." if ended is odoo else "The sandbox system ended by itself.",
            processes.tail(ended.log.read_text(errors="replace")),
            f"Full output: {ended.log}",
        )


def prepare_run_database(databases, database, template, fresh):
    """Create the database, or bring the addon in it up to date; returns what was done."""
    stamp = places.folder("state") / f"{database}.addon"
    current = places.addon_fingerprint()
    if fresh:
        databases.drop(database)
    if not databases.exists(database):
        stamp.unlink(missing_ok=True)
        databases.clone(template, database)
        databases.install_addon(database)
        done = "created"
    elif databases.module_state(database) != "installed":
        # An earlier start was interrupted while it installed.
        databases.install_addon(database)
        done = "addon installed"
    elif not stamp.exists() or stamp.read_text() != current:
        databases.load(
            database,
            f"--update={places.ADDON}",
            what="The addon in the database cannot be updated.",
            log_name="update",
        )
        done = "addon updated"
    else:
        return "unchanged"
    stamp.write_text(current)
    return done


def first_import(databases, database, sandbox):
    """Run ``tools/first_import.py`` in an Odoo shell and return what it says about itself."""
    script = places.CHECKOUT / "tools" / "first_import.py"
    if sandbox is None or not script.exists():
        return None
    output = processes.checked(
        databases.odoo_command(database, "--no-http", "--log-level=warn", subcommand="shell"),
        "The first import failed.",
        "Look at the sync log in Odoo, or leave this step out with --no-import.",
        log=services.fresh_log("first-import"),
        env={"INTEGRATION_SANDBOX_URL": sandbox.address},
        stdin_text=script.read_text(),
    )
    found = [line for line in output.splitlines() if line.startswith(SUMMARY)]
    if not found:
        raise Problem(
            "The first import ended without saying what it did.",
            processes.tail(output),
            f"{script.name} has to print one line that starts with '{SUMMARY.strip()}', then JSON.",
        )
    return json.loads(found[-1].removeprefix(SUMMARY))


def print_welcome(progress, database, odoo, sandbox, summary):
    imported = [f"{count} {label}" for label, count in (summary or {}).get("imported", {}).items()]
    attention = (summary or {}).get("attention", [])
    rows = [
        ("Address", f"{odoo.address}/odoo"),
        ("Login", "admin"),
        ("Password", "admin"),
        ("Database", database),
        ("Sandbox system", sandbox.address if sandbox else "none"),
        ("Odoo's log", odoo.log),
        ("Imported", ", ".join(imported) or "nothing"),
        ("Needs attention", "nothing" if not attention else attention[0]),
        *[("", line) for line in attention[1:]],
    ]
    print(f"\nReady in {duration(progress.elapsed)}. Press Ctrl-C to end.")
    for label, value in rows:
        print(f"  {label:<16} {value}")
    sys.stdout.flush()


# -- test and lint --

PARTS = ("lint", "core", "install", "odoo", "apps", "queue_job")


def test(arguments):
    report = parts.Report()
    try:
        run_parts(report, arguments)
    except Problem as problem:
        # Something that several parts need could not be prepared. What has run is still summed up.
        print(f"\n{problem.render()}", flush=True)
        report.rows.append(("preparation of the next part", False, 0))
    report.print_summary()
    return report.exit_code


def run_parts(report, arguments):
    if arguments.real:
        run_real(report, arguments)
        return
    wanted = arguments.parts or PARTS
    needs_database = {"install", "odoo", "apps", "queue_job"} & set(wanted)
    small = bool({"install", "queue_job"} & set(wanted))
    steps = 2 + bool(needs_database) + small + sum(part in wanted for part in ("odoo", "apps", "queue_job"))
    progress = Progress(steps)
    with Machine(progress) as machine:
        machine.odoo_and_venv()
        # What needs no database comes first: it answers in seconds.
        # Pytest's arguments belong to the last part that was asked for.
        core, options = parts.core_tests(
            machine.venv, [] if {"odoo", "apps", "queue_job"} & set(wanted) else arguments.pytest)
        if {"lint", "core"} <= set(wanted):
            with report.pytest_beside(parts.CORE, core, **options):
                parts.lint_parts(report, machine.odoo, machine.venv)
        elif "lint" in wanted:
            parts.lint_parts(report, machine.odoo, machine.venv)
        elif "core" in wanted:
            report.part(parts.CORE, lambda: report.pytest(core, **options))
        if needs_database:
            print()
            machine.postgres()
        mail = machine.template("mail") if small else None
        if "install" in wanted:
            parts.install_part(report, machine.databases, mail)
        if "odoo" in wanted:
            template = machine.template("business")
            parts.odoo_parts(report, machine.databases, template, arguments.pytest, arguments.browser)
        if "apps" in wanted and ("odoo" not in wanted or not arguments.pytest):
            parts.apps_part(report, machine.databases, machine.template("apps"), arguments.pytest)
        if "queue_job" in wanted and ("odoo" not in wanted or not arguments.pytest):
            try:
                databases = machine.with_peers()
            except Unreachable as problem:
                report.skip("queue_job: tests with the job queue", problem)
            else:
                parts.queue_job_part(report, databases, mail, arguments.pytest)


def run_real(report, arguments):
    """Against running systems that others have written: by itself only, because it installs a gigabyte of them."""
    with Machine(Progress(6)) as machine:
        machine.odoo_and_venv().postgres()
        template = machine.template("business")
        try:
            address = machine.stack.enter_context(real.systems(machine.databases, machine.venv, machine.progress))
        except Unreachable as problem:
            # Whoever asks for these tests wants to know about these systems: not run is not passed.
            report.fail("real: Medusa and karrio", problem)
        else:
            parts.real_part(report, machine.databases, template, address, arguments.pytest)


def lint(arguments):
    if arguments.fix:
        machine = Machine(Progress(2)).odoo_and_venv()
        ruff = machine.venv.tool("ruff")
        processes.call([ruff, "check", "--fix", "--quiet", "--exit-zero", places.CHECKOUT])
    arguments.parts, arguments.pytest, arguments.browser, arguments.real = ["lint"], [], False, False
    return test(arguments)


# -- bench --


def bench(arguments):
    scripts = sorted((places.CHECKOUT / "benchmarks").glob("bench_*.py"))
    if arguments.list:
        print("\n".join(script.stem.removeprefix("bench_") for script in scripts) or "no benchmarks yet")
        return 0
    chosen = [script for script in scripts if not arguments.names or script.stem[6:] in arguments.names]
    if not chosen:
        known = ", ".join(script.stem[6:] for script in scripts) or "none yet"
        raise Problem("No such benchmark.", f"known: {known}", "./dev bench --list")
    peers = {script: peers_of(script) for script in chosen}
    progress = Progress(5 + len(chosen) + any(peers.values()))
    results = {}
    with Machine(progress) as machine:
        machine.odoo_and_venv().postgres()
        template = machine.template("business")
        databases = machine.databases
        with_peers = machine.with_peers(places.CHECKOUT / "benchmarks" / "peers") if any(peers.values()) else None
        with databases.throw_away(template, "benchbase") as base:
            with progress.step("Addon"):
                databases.install_addon(base, log_name="bench-install")
            for script in chosen:
                with progress.step(script.stem):
                    used = with_peers if peers[script] else databases
                    results[script.stem[6:]] = run_benchmark(machine, used, script, base, arguments.sizes)
    return write_figures(results, arguments.output)


def peers_of(script):
    """The addons of others that a benchmark names in its line ``PEERS = (...)``."""
    for node in ast.parse(script.read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "PEERS":
            return ast.literal_eval(node.value)
    return ()


def run_benchmark(machine, databases, script, base, sizes=""):
    """One benchmark with a process, a database and a sandbox of its own: no figure depends on another."""
    figures = places.folder("state") / f"figures-{os.getpid()}.json"
    with databases.throw_away(base, "bench") as database, ExitStack() as stack:
        # Private clusters run without it; a figure about commits must pay for them.
        machine.server.sql(f'ALTER DATABASE "{database}" SET synchronous_commit = on')
        if peers := peers_of(script):
            databases.install_addon(database, *peers, log_name="bench-peers")
        address = ""
        if services.has_sandbox():
            address = stack.enter_context(services.sandbox(machine.venv, 8269)).address
        runner = places.CHECKOUT / "benchmarks" / "runner.py"
        command = [machine.venv.python, runner, script, "--figures", figures, "--sandbox-url", address]
        command += ["--sizes", sizes, "--"]
        command += databases.odoo_command(database, "--no-http", "--log-level=warn")[1:]
        try:
            code = processes.call(command, env=databases.environment)
            if code or not figures.exists():
                raise Problem(f"{script.name} failed.", f"exit code {code}, its output is above")
            return json.loads(figures.read_text())
        finally:
            figures.unlink(missing_ok=True)


def write_figures(results, output):
    lines = ["| Benchmark | Figure | Value | Unit | Target | |", "| --- | --- | ---: | --- | --- | --- |"]
    failed = 0
    for name, figures in results.items():
        for figure in figures:
            passed = figure.get("passed")
            failed += passed is False
            verdict = {True: "met", False: "MISSED", None: ""}[passed]
            value = figure["value"]
            shown = f"{value:,.3g}" if isinstance(value, float) and abs(value) < 1000 else f"{value:,.0f}"
            cells = (name, figure["name"], shown, figure.get("unit", ""), figure.get("target") or "", verdict)
            lines.append("| " + " | ".join(map(str, cells)) + " |")
    table = "\n".join(lines)
    print(f"\n{table}")
    if output:
        output.write_text(f"{table}\n")
    return 1 if failed else 0


# -- shell, sandbox, postgres --


def translations(arguments):
    """Export the terms of the addon and its bridges, and bring the file of each language up to date."""
    addons = [("mail", places.ADDON, places.CHECKOUT), *(("business", each.name, each) for each in places.bridges())]
    with Machine(Progress(3 + 2 * len(addons))) as machine:
        machine.odoo_and_venv().postgres()
        done = {addon: export_terms(machine, kind, addon, folder, arguments.languages) for kind, addon, folder in addons}
    for addon, summary in done.items():
        changed = ", ".join(summary["changed"]) or "nothing, all is up to date"
        print(f"{addon}: {summary['terms']} terms. Written: {changed}.")
        for language, count in summary["missing"].items():
            print(f"  {language}: {count} without a translation")
    return 0


def export_terms(machine, kind, addon, folder, languages):
    """Run ``tools/translations.py`` for one addon, on a database with the apps that it needs; returns what it says."""
    script = places.CHECKOUT / "tools" / "translations.py"
    template = machine.template(kind)
    clone = machine.databases.throw_away(template, "translations")
    with clone as database, machine.progress.step(f"Terms of {addon}"):
        machine.databases.install_addon(database, demo=False, log_name="translations-install")
        output = processes.checked(
            machine.databases.odoo_command(database, "--no-http", "--log-level=warn", subcommand="shell"),
            "The terms cannot be exported.",
            log=services.fresh_log("translations"),
            env={
                "INTEGRATION_ADDON": addon,
                "INTEGRATION_I18N": str(folder / "i18n"),
                "INTEGRATION_LANGUAGES": " ".join(languages),
            },
            stdin_text=script.read_text(),
        )
    found = [line for line in output.splitlines() if line.startswith(SUMMARY)]
    if not found:
        raise Problem("The export ended without saying what it did.", processes.tail(output))
    return json.loads(found[-1].removeprefix(SUMMARY))


def shell(arguments):
    database = arguments.database or default_database()
    with Machine(Progress(3)) as machine:
        machine.odoo_and_venv().postgres()
        if not machine.databases.exists(database):
            raise Problem(f"There is no database {database}.", "it is made by ./dev run", "./dev run --once")
        command = machine.databases.odoo_command(
            database, "--no-http", "--log-level=warn", subcommand="shell"
        )
        # In our own session, it needs the terminal; Ctrl-C belongs to the shell then.
        with foreground():
            return subprocess.call(command, env=processes.environment())


def sandbox(arguments):
    machine = Machine(Progress(2)).odoo_and_venv()
    port = services.free_port(arguments.port)
    command = services.sandbox_command(machine.venv, port, *arguments.options)
    print(f"Sandbox system: http://{services.LOCAL}:{port}  (Ctrl-C to end)", flush=True)
    return processes.call(command, env=services.sandbox_environment())


def postgres(_arguments):
    with Machine(Progress(3)) as machine:
        machine.odoo_and_venv().postgres()
        for name, value in machine.server.variables.items():
            print(f"export {name}={value}")
        print("# PostgreSQL stays up until Ctrl-C", flush=True)
        wait_for_ever()


@contextmanager
def foreground():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
