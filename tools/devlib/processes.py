"""Children that never outlive ``./dev``.

Each service gets a session of its own, so that Ctrl-C reaches only ``./dev``, which then stops them in the
right order.  A token in their environment finds what escaped (a browser that forked twice); the kernel ends
them if ``./dev`` itself is killed.
"""

import ctypes
import os
import secrets
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from . import places
from .console import Problem

TOKEN_NAME = "INTEGRATION_FLOW_DEV_SESSION"
TOKEN = secrets.token_hex(8)

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# <linux/prctl.h>
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


class Interrupted(BaseException):
    """The user or the system asked to stop; ``BaseException`` so that no ``except Exception`` swallows it."""

    def __init__(self, signal_number):
        super().__init__(signal.Signals(signal_number).name)
        self.signal_number = signal_number


def stop_on_signals():
    """Turn the first stop signal into :class:`Interrupted`; later ones do not disturb the clean-up."""

    def interrupt(number, _frame):
        for each in STOP_SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(number)

    for number in STOP_SIGNALS:
        signal.signal(number, interrupt)


def adopt_orphans():
    """Make ``./dev`` the parent of its children's orphans (a server that detached, a browser's helpers).

    In a container the first process often reaps nobody, and each of them would stay as a zombie.
    """
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def bury_orphans():
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


@contextmanager
def undisturbed():
    """A clean-up that a second Ctrl-C does not cut short."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _prepare_child():
    """In the child, before it becomes the program.

    Python leaves ignored signals ignored; a child started during a clean-up still has to react to them.
    """
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def environment(extra=None):
    """Of a child. What Python compiles is kept in the cache: nothing of it in the checkout, which may be read-only, and not
    once more at every start, as Odoo's packages bring nothing compiled."""
    bytecode = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(places.folder("bytecode"))}
    return {**os.environ, TOKEN_NAME: TOKEN, **bytecode, **(extra or {})}


def start(command, *, log=None, env=None, cwd=None, stdin=subprocess.DEVNULL, stdout=None):
    """Start a child in its own session.  Output goes to the file ``log``, or to the terminal."""
    output = open(log, "ab") if log else None  # noqa: SIM115 - closed below, the child keeps its own
    try:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=stdin,
            stdout=output or stdout,
            stderr=subprocess.STDOUT if output or stdout else None,
            env=environment(env),
            cwd=cwd,
            start_new_session=True,
            preexec_fn=_prepare_child,
        )
    except FileNotFoundError as error:
        raise Problem(f"Cannot start {command[0]}.", error, "Run ./dev setup and try again.") from None
    finally:
        if output:
            output.close()


def stop(process, patience=15):
    """Ask the child's whole group to end, then insist."""
    for number, wait in ((signal.SIGTERM, patience), (signal.SIGKILL, 5)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        except PermissionError:
            process.send_signal(number)
        try:
            process.wait(wait)
            break
        except subprocess.TimeoutExpired:
            continue
    process.poll()


@contextmanager
def running(command, **options):
    process = start(command, **options)
    try:
        yield process
    finally:
        with undisturbed():
            stop(process)


def call(command, *, log=None, env=None, cwd=None, stdin_text=None):
    """Run a child to its end and return its exit code; it is stopped if ``./dev`` is interrupted."""
    if stdin_text is None:
        with running(command, log=log, env=env, cwd=cwd) as process:
            return process.wait()
    with running(command, log=log, env=env, cwd=cwd, stdin=subprocess.PIPE) as process:
        process.communicate(stdin_text.encode())
        return process.returncode


def call_and_show(command, remember, *, env=None, cwd=None):
    """Run a child, show its output as it comes and hand each line to ``remember``; returns the exit code."""
    colour = {"FORCE_COLOR": "1"} if sys.stdout.isatty() else {}
    with running(command, stdout=subprocess.PIPE, env={**colour, **(env or {})}, cwd=cwd) as process:
        for raw in process.stdout:
            line = raw.decode(errors="replace")
            sys.stdout.write(line)
            sys.stdout.flush()
            remember(line.rstrip())
        return process.wait()


def checked(command, what, remedy="", *, log, env=None, cwd=None, stdin_text=None):
    """Run a child; if it fails, say so with the end of its output.  Returns its output."""
    start_at = log.stat().st_size if log.exists() else 0
    code = call(command, log=log, env=env, cwd=cwd, stdin_text=stdin_text)
    with open(log, "rb") as stream:
        stream.seek(start_at)
        output = stream.read().decode(errors="replace")
    if code:
        raise Problem(what, tail(output) or f"exit code {code}", f"{remedy}\nFull output: {log}".strip())
    return output


def tail(text, lines=8):
    """The last lines that say something.

    >>> tail("a\\n\\nb\\nc\\n", lines=2)
    'b\\nc'
    """
    return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])


def leftovers():
    """Processes that carry our token: children of children that left their group."""
    marker = f"{TOKEN_NAME}={TOKEN}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if marker in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:  # ended meanwhile, or somebody else's
            continue
    return [pid for pid in found if pid != os.getpid()]


def stop_leftovers():
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in leftovers():
            try:
                os.kill(pid, number)
            except OSError:
                continue
        for _attempt in range(20):
            if not leftovers():
                return
            time.sleep(0.1)
