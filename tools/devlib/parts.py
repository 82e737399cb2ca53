"""The parts of ``./dev test``: each returns whether it passed, and prints what its tool prints."""

import os
import re
import shutil
import sys
import time
from collections import deque
from contextlib import ExitStack, contextmanager
from pathlib import Path

from . import places, processes
from .console import Problem, duration
from .processes import call

BROWSERS = ("google-chrome", "chromium", "chromium-browser", "google-chrome-stable")


class Report:
    """Runs parts one after the other, none is left out because another one failed, and sums them up."""

    def __init__(self):
        self.rows = []
        self.pytest_summaries = []

    def part(self, name, work, started=None):
        """Run one part, or end one that was ``started`` then; returns whether it passed."""
        print(f"\n=== {name}", flush=True)
        started = started or time.monotonic()
        try:
            passed = work()
        except Problem as problem:
            print(problem.render(), flush=True)
            passed = False
        took = time.monotonic() - started
        self.rows.append((name, passed, took))
        print(f"=== {name}: {verdict(passed)} in {duration(took)}", flush=True)
        return passed

    def skip(self, name, problem):
        """A part that cannot run here and is not to blame for it."""
        print(f"\n=== {name}\n{problem.render()}\n=== {name}: skipped", flush=True)
        self.rows.append((name, None, 0))

    def fail(self, name, problem):
        """A part that somebody asked for by its name and that cannot run here."""
        print(f"\n=== {name}\n{problem.render()}\n=== {name}: {verdict(False)}", flush=True)
        self.rows.append((name, False, 0))

    def pytest(self, command, **options):
        """Run pytest, keep its own summary for the end of the report."""
        lines = deque(maxlen=200)
        code = processes.call_and_show(command, lines.append, **options)
        self.pytest_summaries.append(pytest_summary(lines))
        return code == 0

    def pytest_together(self, commands, **options):
        """Several runs of pytest at once, for a machine with several cores: the first is shown as it goes, each other one
        when it is over.  Returns whether all passed."""
        with ExitStack() as stack:
            others = []
            for number, command in enumerate(commands[1:], 2):
                log = places.log_file(f"test-part-{number}")
                log.unlink(missing_ok=True)
                others.append((log, stack.enter_context(processes.running(command, log=log, **options))))
            passed = self.pytest(commands[0], **options)
            for log, process in others:
                passed = self._ended(process, log) and passed
        return passed

    @contextmanager
    def pytest_beside(self, name, command, **options):
        """Run pytest as a part beside those in the ``with``, for a second core; it is shown when they are over."""
        log, started = places.log_file("test-beside"), time.monotonic()
        log.unlink(missing_ok=True)
        with processes.running(command, log=log, **options) as process:
            yield
            self.part(name, lambda: self._ended(process, log), started)

    def _ended(self, process, log):
        """Wait for pytest, show what it has said, keep its summary; returns whether it passed."""
        passed = process.wait() == 0
        text = log.read_text(errors="replace")
        print(text, flush=True)
        self.pytest_summaries.append(pytest_summary(text.splitlines()))
        return passed

    def print_summary(self):
        """The table of parts, then pytest's own last lines, which are what a CI looks for."""
        print()
        for name, passed, took in self.rows:
            print(f"{verdict(passed):<7} {name:<36} {duration(took):>12}")
        for lines in self.pytest_summaries:
            print("\n".join(lines))
        sys.stdout.flush()

    @property
    def exit_code(self):
        results = [passed for _name, passed, _took in self.rows]
        return 0 if any(results) and False not in results else 1


def verdict(passed):
    """
    >>> verdict(True), verdict(False), verdict(None)
    ('passed', 'FAILED', 'skipped')
    """
    return "skipped" if passed is None else "passed" if passed else "FAILED"


def pytest_summary(lines):
    """What pytest says at its end: the failed tests, if any, and the counts.

    >>> pytest_summary(["...", "= short test summary info =", "FAILED a.py::b", "=== 1 failed in 0.1s ==="])
    ['FAILED a.py::b', '=== 1 failed in 0.1s ===']
    >>> pytest_summary(["... [100%]", "=== 3 passed in 0.1s ==="])
    ['=== 3 passed in 0.1s ===']
    """
    lines = list(lines)
    for number in range(len(lines) - 1, -1, -1):
        if "short test summary info" in lines[number]:
            return lines[number + 1 :]
    return lines[-1:]


def lint_parts(report, odoo, venv):
    addons = places.addons_folder()
    addon = addons / places.ADDON

    def ruff():
        return call([venv.tool("ruff"), "check", "--cache-dir", places.folder("ruff"), places.CHECKOUT]) == 0

    def pylint_odoo():
        # Through the links: the checks recognise an addon by its folder.
        each = [addon, *(addons / bridge.name for bridge in places.bridges())]
        command = [venv.tool("pylint"), f"--rcfile={places.CHECKOUT / '.pylintrc'}", *each]
        return call(command, env={"PYLINTHOME": str(places.folder("pylint"))}, cwd=addons) == 0

    report.part("lint: ruff", ruff)
    report.part("lint: pylint-odoo", pylint_odoo)
    report.part("lint: Odoo's test_lint", lambda: odoo_lint(odoo, venv))


def odoo_lint(odoo, venv, *options):
    paths = ",".join(map(str, [*odoo.addons_paths, places.addons_folder()]))
    command = [venv.python, places.CHECKOUT / "tools" / "odoo_lint.py", f"--addons-path={paths}", *options]
    # One of the checks starts pylint by its name.
    search_path = f"{venv.python.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return call(command, env={"PATH": search_path}) == 0


CORE = "core: rooms without Odoo"


def core_tests(venv, arguments):
    """The rooms that import no Odoo, their tests and the examples in their docstrings, without a database: the command of
    pytest, and the options to run it with."""
    folder = places.pure_folder()
    # Also the examples of what you read here.
    places.link(folder / "devlib", places.CHECKOUT / "tools" / "devlib")
    command = [venv.python, "-m", "pytest", "-c", places.CHECKOUT / "pyproject.toml"]
    command += [f"--rootdir={folder}", "-p", "no:cacheprovider", "--doctest-modules"]
    # Odoo's plugin would import Odoo, which these rooms must not need.
    command += ["-p", "no:odoo", "--continue-on-collection-errors"]
    command += [_through_link(each, folder / places.ADDON) for each in arguments]
    if not _names_a_test(arguments):
        command += [folder / places.ADDON, folder / "devlib"]
    # Working there makes pytest name the files by short paths.
    return command, {"env": {"PYTHONPATH": str(folder)}, "cwd": folder}


def _is_path(argument):
    """Whether an argument of pytest is a file or folder; ``-k core`` has a value that is none.

    >>> _is_path("core/tests"), _is_path("tests/test_a.py::TestA"), _is_path("core"), _is_path("--x=a/b")
    (True, True, False, False)
    """
    path = argument.partition("::")[0]
    return argument[:1] != "-" and ("/" in path or path.endswith(".py"))


def _names_a_test(arguments):
    """Whether pytest's arguments choose files themselves."""
    return any(map(_is_path, arguments))


def install_part(report, databases, template):
    """The addon installs where there is nothing but mail, and logs no error on the way."""

    def install():
        with databases.throw_away(template, "install") as database:
            output = databases.install_addon(database, demo=False, log_name="test-install")
        errors = [line for line in output.splitlines() if " ERROR " in line or " CRITICAL " in line]
        if errors:
            print("\n".join(errors), flush=True)
        return not errors

    report.part("install: with mail only", install)


def find_browser():
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def odoo_parts(report, databases, template, arguments, browser=True):
    """On one database with Sales and Inventory: checks of the loaded models, then all tests."""
    odoo, venv = databases.odoo, databases.venv
    name = "odoo: tests and browser tests" if browser else "odoo: tests"
    with databases.throw_away(template, "test") as database:

        def install():
            databases.install_addon(database, log_name="test-odoo")
            return True

        def loaded_models():
            options = ("--database", database, "--data-dir", databases.data_dir)
            return odoo_lint(odoo, venv, *options)

        def tests():
            if arguments:
                return run([(database, arguments)])
            with (
                databases.throw_away(database, "testa") as first,
                databases.throw_away(database, "testb") as second,
            ):
                return run(list(zip((first, second), halves(), strict=True)))

        def run(chosen):
            if browser and not find_browser():
                raise Problem(
                    "There is no browser for the browser tests.",
                    f"none of {', '.join(BROWSERS)} is on the path; Odoo would skip these tests in silence",
                    "Install one (Debian: apt-get install chromium), or leave them out with --no-browser.",
                )
            try:
                commands = [pytest_odoo_command(databases, name, chosen, browser) for name, chosen in chosen]
                # Tests that need a database beside their own make it from the same template.
                env = {"INTEGRATION_TEST_TEMPLATE": template}
                return report.pytest_together(commands, env=env, cwd=places.addons_folder())
            finally:
                processes.stop_leftovers()  # a browser whose test was cut off

        if not report.part("install: beside Sales and Inventory", install):
            report.part(name, _not_possible)
            return
        if not arguments:
            report.part("lint: test_lint, loaded models", loaded_models)
        report.part(name, tests)


#: How many times longer than their length says tests take that start workers and servers and kill them, install apps,
#: or run benchmarks, as measured; the first that fits counts.
SLOWNESS = (
    (re.compile(r"benchmarks"), 60),
    (re.compile(r"kills"), 45),
    (re.compile(r"kits"), 20),
    (re.compile(r"components|nodes"), 8),
    (re.compile(r"crash|real|load|worker|published?_|fuzz|tour|screens|blueprint_files|parcels|shop_pattern"), 3),
    (re.compile(r""), 1),
)


def test_folders():
    """Where the tests are that need Odoo: ours, and those of the bridges."""
    return [places.CHECKOUT / "tests", *(bridge / "tests" for bridge in places.bridges())]


def halves():
    """The files of the Odoo tests in two lists that take about equally long; both run at once."""
    weights = {
        str(path.relative_to(places.CHECKOUT)): path.stat().st_size
        * next(times for pattern, times in SLOWNESS if pattern.search(path.name))
        for folder in test_folders()
        for path in sorted(folder.glob("test_*.py"))
    }
    lists, sums = ([], []), [0, 0]
    for name in sorted(weights, key=weights.get, reverse=True):
        smaller = 0 if sums[0] <= sums[1] else 1
        lists[smaller].append(name)
        sums[smaller] += weights[name]
    return tuple(sorted(names) for names in lists)


#: Where the addon meets the job queue.  The other tests do not need it, and leave these out.
QUEUE_JOB_TESTS = ("tests/test_executor.py", "tests/test_executor_jobs.py", "tests/test_executor_uninstall.py")


def queue_job_part(report, databases, template, arguments):
    """The optional executor, with the real addon and its real runner, on a database of its own."""
    name = "queue_job: tests with the job queue"
    with databases.throw_away(template, "jobsbase") as base:

        def install():
            databases.install_addon(base, "queue_job", demo=False, log_name="test-queue-job")
            return databases.module_state(base, "queue_job") == "installed"

        def tests():
            with databases.throw_away(base, "jobs") as database:
                arguments_here = arguments if _names_a_test(arguments) else [*arguments, *QUEUE_JOB_TESTS]
                command = pytest_odoo_command(databases, database, arguments_here, browser=False)
                env = {**databases.environment, "INTEGRATION_TEST_TEMPLATE": base}
                env["INTEGRATION_TEST_QUEUE_JOB"] = "1"
                return report.pytest(command, env=env, cwd=places.addons_folder())

        if report.part("install: beside the job queue", install):
            report.part(name, tests)
        else:
            report.part(name, _not_possible)


#: Patterns that need further apps of Odoo.  Everywhere else these tests leave themselves out.
APPS_TESTS = (
    "tests/test_crm_mailing.py",
    "tests/test_planner_tasks.py",
    "tests/test_blueprint_files.py::TestBlueprintFiles::test_every_file_comes_out_as_it_went_in",
)


def apps_part(report, databases, template, arguments):
    """Patterns on a database of their own, beside Project and Email Marketing."""
    with databases.throw_away(template, "apps") as database:

        def install():
            databases.install_addon(database, demo=False, log_name="test-apps")
            return True

        def tests():
            chosen = arguments if _names_a_test(arguments) else [*arguments, *APPS_TESTS]
            command = pytest_odoo_command(databases, database, chosen, browser=False)
            env = {"INTEGRATION_TEST_TEMPLATE": template}
            return report.pytest(command, env=env, cwd=places.addons_folder())

        if report.part("install: beside Project and Email Marketing", install):
            report.part("apps: tests with Project and Email Marketing", tests)
        else:
            report.part("apps: tests with Project and Email Marketing", _not_possible)

#: Not among the tests of the addon, hence their names: what they talk to is there only for them.
REAL_TESTS = ("tests/peers/shop_tests.py", "tests/peers/carrier_tests.py")


def real_part(report, databases, template, address, arguments):
    """The blueprints of a shop and a carrier against the systems that they were written for.

    :param address: environment variables that say where these are
    """
    name = "real: Medusa and karrio"
    with databases.throw_away(template, "real") as database:

        def install():
            databases.install_addon(database, log_name="test-real")
            return True

        def tests():
            arguments_here = arguments if _names_a_test(arguments) else [*arguments, *REAL_TESTS]
            command = pytest_odoo_command(databases, database, arguments_here, browser=True)  # it serves webhooks
            return report.pytest(command, env=address, cwd=places.addons_folder())

        report.part(name, tests if report.part("install: beside Sales and Inventory", install) else _not_possible)


def _not_possible():
    raise Problem("Not run.", "the addon could not be installed, see above")


def pytest_odoo_command(databases, database, arguments, browser):
    addons = places.addons_folder()
    command = [databases.venv.python, "-m", "pytest", "-c", places.CHECKOUT / "pyproject.toml"]
    command += [f"--rootdir={addons / places.ADDON}", "-p", "no:cacheprovider"]
    command += ["--durations=12", "--durations-min=10"]  # in seconds: all of it has to stay below half an hour
    command += [f"--odoo-config={os.devnull}", f"--odoo-database={database}"]
    command += [f"--odoo-addons-path={databases.addons_path()}"]
    command += [f"--odoo-extra=data-dir={databases.data_dir}", "--odoo-extra=http-interface=127.0.0.1"]
    if browser:
        command.append("--odoo-http")
    command += [_through_link(each, addons / places.ADDON) for each in arguments]
    if not _names_a_test(arguments):
        folders = [str(folder.relative_to(places.CHECKOUT)) for folder in test_folders()]
        command += [_through_link(folder, addons / places.ADDON) for folder in folders]
    return command


def _through_link(argument, addon):
    """A test file named from the checkout, as a path through the link that has the addon's (or the bridge's) name."""
    path, separator, rest = argument.partition("::")
    if _is_path(argument) and (places.CHECKOUT / path).exists():
        bridge, *within = (Path(path).parts[1:] or ("",)) if Path(path).parts[0] == "bridges" else [""]
        place = addon.parent.joinpath(bridge, *within) if bridge else addon / path
        return f"{place}{separator}{rest}"
    return argument
