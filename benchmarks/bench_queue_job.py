"""Work that needs nothing, and calls of 20 ms, against OCA queue_job in its best mode.

*Nothing to do*: ours are captured changes that turn out to be none, looked at one by one and recorded with a log line;
theirs are jobs whose method does nothing. *Calls of 20 ms*: ours is the export of changed contacts, all of it; theirs
are jobs that each make one such call to the same system, with a kept connection, and do nothing else: the values are
ready in the job. No time is counted for making their jobs (ours includes folding the captured changes), and none for the
start of their server: the clock runs from the first hundred jobs done to the last one.

Both are tried with several settings, and the best one counts: threads or processes and room in the channel there,
parallel calls here. Their server is Odoo's with queue_job's own runner.
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
from common import copied_database, environment, figure, make_flow, require, say, shop, states, work

from odoo.tools import config

PEERS = ("queue_job", "integration_flow_bench_jobs")

RECORDS = 2_000
LATENCY_MS = 20
PARALLEL = (8, 16, 32)
# (processes, 0 for threads; jobs at a time). More of either was slower on two cores.
MODES = ((0, 4), (2, 2), (4, 4), (8, 8))
JOBS = 600
WARM = 100
RUNNER_LOCK = 2293787760715711918
JOB_MODULES = ("queue_job", "integration_flow_bench_jobs")


def main(context):
    records = context.sizes[0] if context.sizes else RECORDS
    with shop(records) as server:
        with copied_database(context, "ours", without=JOB_MODULES) as registry:
            nothing, calls = ours(Side.of(context, registry).context, server, records)
        server.settings(latency_ms=LATENCY_MS)
        with copied_database(context, "theirs", without=("integration_flow",)) as registry:
            their_nothing, their_calls = theirs(Side.of(context, registry), server)
    return [
        *lines("nothing to do", nothing, their_nothing, None),
        *lines("calls of 20 ms", calls, their_calls, 4),
    ]


def lines(title, mine, others, target):
    (my_mode, my_rate), (mode, rate) = best(mine), best(others)
    ratio = my_rate / rate
    yield figure(title, my_rate, f"records/s ({my_mode}; {told(mine)})")
    yield figure(f"{title}, queue_job", rate, f"jobs/s ({mode}; {told(others)})")
    yield figure(f"{title}, against queue_job", ratio, "×", target and f"≥ {target}", target and ratio >= target)


def best(rates):
    return max(rates.items(), key=lambda item: item[1])


def told(rates):
    return ", ".join(f"{mode}: {rate:,.0f}" for mode, rate in rates.items())


# -- ours ----------------------------------------------------------------------------------------------------


def ours(context, server, records):
    """Rates of records without work, and of calls, by the number of parallel calls."""
    with context.env() as env:
        flow = make_flow(env, server, direction="both", timing="live", rules=two_way())
        flow_id, connection_id = flow.id, flow.connection_id.id
    work(context, flow_id)
    require(states(context, flow_id) == {"synced": records}, "the first import is not complete")
    nothing = []
    for _number in range(3):
        with context.env() as env:
            ids = env["integration.sync"].search([("flow_id", "=", flow_id)]).mapped("res_id")
            env["integration.capture"]._insert([(flow_id, res_id, "write") for res_id in ids])
        server.clear_counts()
        nothing.append(records / work(context, flow_id, reading=False))
        require(not server.requests(method="PUT"), "nothing was to be called")
    say("nothing to do: " + ", ".join(f"{rate:,.0f}" for rate in nothing) + " a second")
    server.settings(latency_ms=LATENCY_MS)
    calls = {}
    for number, parallel in enumerate(PARALLEL):
        with context.env() as env:
            env["integration.connection"].browse(connection_id).parallel_calls = parallel
        rates = []
        for turn in range(3):
            change(context, flow_id, 10 * number + turn)
            rates.append(records / work(context, flow_id, reading=False))
            require(states(context, flow_id) == {"synced": records}, str(states(context, flow_id)))
        calls[f"{parallel} in parallel"] = sorted(rates)[1]
        say(f"{parallel} in parallel: " + ", ".join(f"{rate:,.0f}" for rate in rates) + " calls a second")
    return {"one worker": sorted(nothing)[1]}, calls


# -- theirs --------------------------------------------------------------------------------------------------


def theirs(side, server):
    """Rates of jobs that do nothing, and of jobs with one call, by mode."""
    nothing, calls = {}, {}
    for processes, room in MODES:
        mode = f"{processes} processes, root:{room}" if processes else f"threads, root:{room}"
        with job_server(side, processes, room):
            nothing[mode] = run_jobs(side, lambda queue, _number: queue.nothing())
            calls[mode] = run_jobs(side, lambda queue, number, mode=mode: queue.call(
                f"{server.api}/customers/{customer(server, number)}", server.api_key,
                {"billing": {"address_1": f"Called {mode} {number}"}}))
        say(f"{mode}: nothing {nothing[mode]:,.0f}, calls {calls[mode]:,.0f} a second")
    return nothing, calls


_customers: list = []


def customer(server, number):
    if not _customers:
        _customers.extend(sorted(record["id"] for record in server.dump("customers")))
    return _customers[number % len(_customers)]


def run_jobs(side, delay):
    """Make jobs, let them be done, and return how many a second were. The runner sees them with the commit, all at once."""
    with side.registry.cursor() as cr:
        env = environment(side.registry, cr)
        env["queue.job"].search([]).unlink()
        for number in range(JOBS + WARM):
            delay(env["bench.queue"].with_delay(), number)
        cr.commit()
    began = None
    end = time.monotonic() + 120
    while time.monotonic() < end:
        counts = job_counts(side)
        done = counts.get("done", 0)
        require("failed" not in counts, f"a job failed: {counts}")
        if began is None and done >= WARM:
            began, before = time.perf_counter(), done
        if done == JOBS + WARM:
            return (done - before) / (time.perf_counter() - began)
        time.sleep(0.02)
    raise SystemExit(f"The jobs were not done in time: {job_counts(side)}")


def job_counts(side):
    with side.registry.cursor() as cr:
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
