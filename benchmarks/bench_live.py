"""From a user's commit to the request on the wire: a live flow, an Odoo server with two cron threads.

A contact is changed and committed once a second or so; the moment at which the request reaches the other system is
taken from the system itself (both clocks are this machine's). Between two changes the worker falls asleep, so that each
measurement includes waking it.
"""

import os
import random
import subprocess
import sys
import time
from contextlib import contextmanager

from bench_export import two_way
from common import environment, figure, make_flow, require, say, shop, states, work

from odoo.tools import config

CONTACTS = 50
CHANGES = 40
WAIT = 20.0


def main(context):
    with shop(CONTACTS) as server:
        with context.env() as env:
            flow = make_flow(env, server, parallel_calls=8, direction="both", timing="live", rules=two_way())
            flow_id = flow.id
        work(context, flow_id)
        require(states(context, flow_id) == {"synced": CONTACTS}, "the first import is not complete")
        with context.env() as env:
            links = env["integration.link"].search([])
            pairs = list(zip(links.mapped("external_id"), links.mapped("res_id"), strict=True))
            # Nothing else may keep the two cron threads busy.
            cron = env["integration.flow"].browse(flow_id).connection_id.cron_id
            env["ir.cron"].search([("id", "!=", cron.id)]).active = False
        with odoo_server(context):
            seconds = [latency(context, server, *pairs[number % CONTACTS], number) for number in range(CHANGES + 3)][3:]
    seconds.sort()
    half, most = seconds[len(seconds) // 2], seconds[int(len(seconds) * 0.95)]
    say(f"fastest {seconds[0]:.3f} s, slowest {seconds[-1]:.3f} s")
    return [
        figure("commit to request, p50", 1000 * half, f"ms ({CHANGES} changes)", "≤ 100", half <= 0.1),
        figure("commit to request, p95", 1000 * most, f"ms (slowest {1000 * seconds[-1]:.0f})", "≤ 500", most <= 0.5),
    ]


def latency(context, server, external_id, contact_id, number):
    server.clear_counts()
    with context.registry.cursor() as cr:
        environment(context.registry, cr, tracking_disable=True)["res.partner"].browse(
            contact_id).street = f"Live {number} {random.random()}"
        cr.commit()
        committed = time.time()
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        for request in server.requests(last=5, method="PUT"):
            moment = arrived(request)
            if request["target"].endswith(f"/customers/{external_id}") and moment >= committed - 0.05:
                time.sleep(0.7 + random.random() * 0.6)
                return max(moment - committed, 0.0)
        time.sleep(0.02)
    raise SystemExit(f"No request within {WAIT:.0f} s after the commit")


def arrived(request):
    return request["at"] - request["seconds"]


@contextmanager
def odoo_server(context):
    """A threaded Odoo server for the same database, with the options of this process."""
    odoo_bin = os.environ.get("ODOO_BIN")
    addons = config["addons_path"]
    command = [
        *([odoo_bin] if odoo_bin else [sys.executable, "-m", "odoo"]), f"--config={os.devnull}",
        f"--database={context.database}", f"--data-dir={config['data_dir']}",
        f"--addons-path={addons if isinstance(addons, str) else ','.join(addons)}",
        "--no-http", "--workers=0", "--max-cron-threads=2", "--log-level=warn"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(8)  # until its registry is loaded; the first changes warm it up and are not counted
        require(process.poll() is None, "the Odoo server ended by itself")
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
