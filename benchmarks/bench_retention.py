"""A million log lines are removed while another process writes all the time: how long does it have to wait?

The writer does what the worker does: log lines, exchanges and states of 20 records in one transaction, one after the other.
``BENCH_RETENTION_LINES`` is the number of lines.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

from common import figure, make_flow, require, say, shop
from crowd import fill, size

LINES = size("RETENTION_LINES", 1_000_000)
RECORDS = max(LINES // 50, 100)
LONGEST_WAIT = 0.5
ALONE_SECONDS = min(10.0, 2 + LINES / 100_000)


def main(context):
    with shop(0) as server, context.env() as env:
        flow = make_flow(env, server)
        flow_id = flow.id
        flow.write({"own_retention": True, "keep_unchanged_days": 1, "keep_changes_days": 1, "keep_failures_days": 1,
                    "keep_bodies_days": 1, "keep_exchanges_days": 1, "keep_payloads_days": 0, "keep_runs_days": 1})
    fill(context.registry, flow_id, RECORDS, logs=LINES, exchanges=LINES // 20, log_days=400)
    keep = count(context, "integration_log", "create_date >= now() AT TIME ZONE 'UTC' - interval '1 day'")
    alone = write_beside(context, flow_id, lambda: time.sleep(ALONE_SECONDS))
    started = time.monotonic()
    beside = write_beside(context, flow_id, lambda: purge(context))
    seconds = time.monotonic() - started
    held = count(context, "integration_log", "user_id = 1") - keep
    purge(context)  # what the writer held at that moment was left for the next time
    left = count(context, "integration_log", "user_id = 1")
    require(left <= keep, f"{left} lines are left, {keep} are young enough")
    require(count(context, "integration_exchange", "create_date < now() AT TIME ZONE 'UTC' - interval '2 days'") == 0,
            "old exchanges are left")
    require(beside["transactions"] > 0, "the writer did not write")
    say(f"{LINES - left:,} lines and {LINES // 20:,} exchanges in {seconds:.1f} s; "
        f"{max(held, 0)} were held by the writer")
    return [
        figure("lines removed", LINES - left, f"in {seconds:.0f} s, {(LINES - left) / seconds:,.0f} a second"),
        figure("a writer beside it, longest transaction", beside["longest"],
               f"s ({beside['transactions']} transactions; {beside['disturbed']} done again; "
               f"alone {alone['longest']:.3f} s)", f"≤ {LONGEST_WAIT}",
               beside["longest"] <= LONGEST_WAIT),
        figure("a writer beside it, median", 1000 * beside["median"], f"ms (alone {1000 * alone['median']:.1f} ms)"),
    ]


def purge(context):
    """As the scheduled action does it, call after call, without the pauses between them."""
    rounds = 0
    while True:
        with context.env() as env:
            rounds += 1
            if env["integration.retention"]._cron_purge():
                break
    say(f"{rounds} calls of the scheduled action")


def count(context, table, where):
    with context.registry.cursor() as cr:
        cr.execute(f"SELECT count(*) FROM {table} WHERE {where}")
        return cr.fetchone()[0]


def write_beside(context, flow_id, work):
    """Do ``work`` while a process of its own writes. Returns what that one measured."""
    writer = Path(__file__).with_name("writer.py")
    with context.registry.cursor() as cr:
        dsn = dict(cr.connection.get_dsn_parameters() if hasattr(cr, "connection") else cr._cnx.get_dsn_parameters())
    wanted = {name: dsn[name] for name in ("host", "port", "user") if dsn.get(name)}
    process = subprocess.Popen(
        [sys.executable, str(writer), json.dumps({**wanted, "dbname": context.database}), str(flow_id)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        process.stdout.readline()  # it has begun
        work()
    finally:
        output, _nothing = process.communicate("stop\n", timeout=60)
    require(process.returncode == 0, "the writer did not come to its end")
    return json.loads(output.splitlines()[-1])
