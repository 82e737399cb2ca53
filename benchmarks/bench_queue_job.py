"""Work that needs nothing, and calls of 20 ms, against OCA queue_job in its best mode.

*Nothing to do*: ours are captured changes that turn out to be none, looked at one by one and recorded with a log line;
theirs are jobs whose method does nothing. *Calls of 20 ms*: ours is the export of changed contacts, all of it; theirs
are jobs that each make one such call to the same system, with a kept connection, and do nothing else: the values are
ready in the job. No time is counted for making their jobs (ours includes folding the captured changes), and none for the
start of their server: the clock runs from the first hundred jobs done to the last one.

Both are tried with several settings, and the best one of each is measured in turns with the other's: threads or processes
and room in the channel there, parallel calls here. Their server is Odoo's with queue_job's own runner.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from bench_connector import Side
from bench_export import change, two_way
from common import copied_database, environment, figure, make_flow, median, require, say, shop, spread, states, work

from odoo.tools import config

PEERS = ("queue_job", "integration_flow_bench_jobs")

RECORDS = 2_000
LATENCY_MS = 20
PARALLEL = (8, 16, 32)
# (processes, 0 for threads; jobs at a time).
MODES = ((0, 4), (0, 8), (2, 2), (4, 4), (8, 8))
ROUNDS = 3
JOBS = 600
WARM = 100
RUNNER_LOCK = 2293787760715711918
JOB_MODULES = ("queue_job", "integration_flow_bench_jobs")


def main(context):
    records = context.sizes[0] if context.sizes else RECORDS
    with shop(records) as server, \
            copied_database(context, "ours", without=JOB_MODULES) as our_registry, \
            copied_database(context, "theirs", without=("integration_flow",)) as their_registry:
        ours, theirs = Ours(context, our_registry, server, records), Theirs(
            Side.of(context, their_registry), server, min(JOBS, records))
        return [
            *compare("nothing to do", [0], ours.nothing, theirs, theirs.nothing, None),
            *compare("calls of 20 ms", PARALLEL, ours.calls, theirs, theirs.calls, 4)]


def compare(title, settings, our_rate, theirs, their_rate, target):
    """Try every setting once, then measure the best one of each side in turns."""
    tried = {setting: our_rate(setting) for setting in settings}
    their_tried = {}
    for mode in MODES:
        with theirs.server(mode):
            their_tried[mode] = their_rate()
        say(f"{title}: {named(mode)} {their_tried[mode]:,.0f} a second")
    setting, mode = max(tried, key=tried.get), max(their_tried, key=their_tried.get)
    mine, others = [], []
    with theirs.server(mode):
        for _round in range(ROUNDS):
            mine.append(our_rate(setting))
            others.append(their_rate())
            say(f"{title}: {mine[-1]:,.0f} a second, jobs {others[-1]:,.0f}")
    ratio = median(mine) / median(others)
    chosen = f"; {setting} in parallel" if setting else ""
    yield figure(title, median(mine), f"records/s ({spread(mine, 0)}{chosen})")
    yield figure(f"{title}, queue_job", median(others), f"jobs/s ({spread(others, 0)}; {named(mode)})")
    yield figure(f"{title}, against queue_job", ratio, "×", target and f"≥ {target}", target and ratio >= target)


def named(mode):
    processes, room = mode
    return f"{processes} processes, root:{room}" if processes else f"threads, root:{room}"


class Ours:
    """Contacts that the shop and Odoo agree about."""

    def __init__(self, context, registry, server, records):
        self.context, self.server, self.records = Side.of(context, registry).context, server, records
        self.turn = 0
        with self.context.env() as env:
            flow = make_flow(env, server, direction="both", timing="live", rules=two_way())
            self.flow_id, self.connection_id = flow.id, flow.connection_id.id
        work(self.context, self.flow_id)
        self._check()

    def _check(self):
        found = states(self.context, self.flow_id)
        require(found == {"synced": self.records}, f"states: {found}")

    def nothing(self, _setting):
        """Captured changes that turn out to be none."""
        with self.context.env() as env:
            ids = env["integration.sync"].search([("flow_id", "=", self.flow_id)]).mapped("res_id")
            env["integration.capture"]._insert([(self.flow_id, res_id, "write") for res_id in ids])
        self.server.clear_counts()
        rate = self.records / work(self.context, self.flow_id, reading=False)
        require(not self.server.requests(method="PUT"), "nothing was to be called")
        self._check()
        return rate

    def calls(self, parallel):
        self.server.settings(latency_ms=LATENCY_MS)
        with self.context.env() as env:
            env["integration.connection"].browse(self.connection_id).parallel_calls = parallel
        self.turn += 1
        change(self.context, self.flow_id, self.turn)
        self.server.clear_counts()
        rate = self.records / work(self.context, self.flow_id, reading=False)
        self._check()
        return rate


class Theirs:
    """Jobs of queue_job, and a server that does them."""

    def __init__(self, side, shop_server, jobs):
        self.side, self.shop, self.jobs = side, shop_server, jobs
        self.customers = sorted(record["id"] for record in shop_server.dump("customers"))
        self.turn = 0

    def server(self, mode):
        return job_server(self.side, *mode)

    def nothing(self):
        return self._run(lambda queue, _number: queue.nothing())

    def calls(self):
        self.shop.settings(latency_ms=LATENCY_MS)
        self.turn += 1
        return self._run(lambda queue, number: queue.call(
            f"{self.shop.api}/customers/{self.customers[number % len(self.customers)]}", self.shop.api_key,
            {"billing": {"address_1": f"Called {self.turn}/{number}"}}))

    def _run(self, delay):
        """Make jobs, let them be done, and return how many a second were. The runner sees them with the commit, at once."""
        with self.side.registry.cursor() as cr:
            env = environment(self.side.registry, cr)
            env["queue.job"].search([]).unlink()
            for number in range(self.jobs + WARM):
                delay(env["bench.queue"].with_delay(), number)
        began = None
        end = time.monotonic() + 240
        while time.monotonic() < end:
            counts = self._counts()
            done = counts.get("done", 0)
            require("failed" not in counts, f"a job failed: {counts}")
            if began is None and done >= WARM:
                began, before = time.perf_counter(), done
            if done == self.jobs + WARM:
                return (done - before) / (time.perf_counter() - began)
            time.sleep(0.02)
        raise SystemExit(f"The jobs were not done in time: {self._counts()}")

    def _counts(self):
        with self.side.registry.cursor() as cr:
            cr.execute("SELECT state, count(*) FROM queue_job GROUP BY state")
            return dict(cr.fetchall())


@contextmanager
def job_server(side, processes, room):
    """Odoo with queue_job's runner, as its documentation starts it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    addons = config["addons_path"]
    command = [
        sys.executable, Path(sys.executable).with_name("odoo-bin"), f"--config={os.devnull}", f"--database={side.database}",
        f"--addons-path={addons if isinstance(addons, str) else ','.join(addons)}", f"--data-dir={config['data_dir']}",
        "--http-interface=127.0.0.1", f"--http-port={port}", f"--gevent-port={port + 1}", f"--workers={processes}",
        "--max-cron-threads=0", "--load=base,web,queue_job", "--log-level=warn"]
    environ = dict(os.environ, ODOO_QUEUE_JOB_CHANNELS=f"root:{room}")
    process = subprocess.Popen(
        [str(part) for part in command], env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True)
    try:
        end = time.monotonic() + 60
        while not runner_is_there(side):
            require(process.poll() is None and time.monotonic() < end, "the server with the job runner did not start")
            time.sleep(0.2)
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def runner_is_there(side):
    """The job runner holds a lock of its own on the database."""
    with side.registry.cursor() as cr:
        cr.execute(
            "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database "
            "WHERE datname = %s) AND (classid::bigint << 32 | objid::bigint) = %s)", [side.database, RUNNER_LOCK])
        return cr.fetchone()[0]
