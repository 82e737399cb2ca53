"""The two servers of ``./dev run``: the sandbox system and Odoo."""

import http.client
import socket
import time
from contextlib import contextmanager

from . import places
from .console import Problem
from .processes import running, tail

LOCAL = "127.0.0.1"


def free_port(preferred, tries=50):
    """The first free port from ``preferred`` upwards, so that addresses stay the same from start to start."""
    for port in range(preferred, preferred + tries):
        with socket.socket() as probe:
            # As servers do: without it, a port that was just closed counts as taken for a minute.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOCAL, port))
            except OSError:
                continue
            return port
    raise Problem(
        f"No free port between {preferred} and {preferred + tries}.",
        "all of them are in use",
        "Choose another range with --port or --sandbox-port.",
    )


def _answers(port, path):
    connection = http.client.HTTPConnection(LOCAL, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def wait_until_ready(process, port, path, *, what, log, timeout=90, accept=lambda status: True):
    """Wait for an answer; a process that ended or stays silent is a problem with the end of its log."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Problem(
                f"{what} ended while starting (exit code {process.returncode}).",
                tail(log.read_text(errors="replace")),
                f"Full output: {log}",
            )
        status = _answers(port, path)
        if status is not None and accept(status):
            return
        time.sleep(0.1)
    raise Problem(
        f"{what} does not answer within {timeout} s.",
        tail(log.read_text(errors="replace")),
        f"Full output: {log}",
    )


def fresh_log(name):
    log = places.log_file(name)
    log.write_text("")
    return log


def sandbox_command(venv, port, *options):
    return [venv.python, "-m", f"{places.ADDON}.sandbox", "--port", str(port), *options]


def sandbox_environment():
    return {"PYTHONPATH": str(places.pure_folder())}


def has_sandbox():
    return (places.CHECKOUT / "sandbox" / "__main__.py").exists()


@contextmanager
def sandbox(venv, preferred_port):
    """The sandbox system in a process of its own; yields its address."""
    port = free_port(preferred_port)
    log = fresh_log("sandbox")
    with running(sandbox_command(venv, port), log=log, env=sandbox_environment()) as process:
        wait_until_ready(process, port, "/", what="The sandbox system", log=log, timeout=30)
        yield Service(process, f"http://{LOCAL}:{port}", log)


@contextmanager
def odoo_server(databases, database, port, sandbox_url, options=()):
    """Odoo in threaded mode with its cron threads, reachable from this machine only."""
    log = fresh_log("odoo")
    command = databases.odoo_command(database, f"--http-port={port}", "--max-cron-threads=2", *options)
    env = {"INTEGRATION_SANDBOX_URL": sandbox_url or ""}
    with running(command, log=log, env=env) as process:
        wait_until_ready(
            process,
            port,
            "/web/health",
            what="Odoo",
            log=log,
            timeout=120,
            accept=lambda status: status == 200,
        )
        yield Service(process, f"http://{LOCAL}:{port}", log)


class Service:
    def __init__(self, process, address, log):
        self.process = process
        self.address = address
        self.log = log


def wait_for_end(*services):
    """Return the first service that ended; normally an interruption comes before."""
    while True:
        for service in services:
            if service.process.poll() is not None:
                return service
        time.sleep(0.3)
