"""From a user's commit to the request on the wire: live flows, an Odoo server with two cron threads.

A contact is changed and committed once a second or so; the moment at which the request reaches the other system is
taken from the system itself (both clocks are this machine's). Between two changes the worker falls asleep, so that each
measurement includes waking it.

Then the same while both cron threads have something else to do: one imports a batch, the other one waits for a system
that does not answer. Changes are measured on the connection of the batch and on a third one in turns.
"""

import os
import random
import subprocess
import sys
import time
from contextlib import contextmanager

from bench_export import two_way
from common import BATCH, environment, figure, make_flow, require, say, shop, states, work

from odoo.tools import config

CONTACTS = 50
CHANGES = 40
BATCH_SIZE = int(os.environ.get("BENCH_LIVE_BATCH") or 100_000)
WAIT = 20.0


def main(context):
    with shop(CONTACTS) as server, shop(CONTACTS) as third, shop(CONTACTS) as silent:
        live = live_flow(context, server, "bench")
        elsewhere = live_flow(context, third, "third")
        hanging = live_flow(context, silent, "silent")
        with context.env() as env:
            # Nothing else may keep the two cron threads busy.
            crons = env["integration.connection"].search([]).cron_id
            env["ir.cron"].search([("id", "not in", crons.ids)]).active = False
        with odoo_server(context):
            quiet = measure(context, [(server, live)])
            for start in range(0, BATCH_SIZE, BATCH):
                server.seed(customers=min(BATCH, BATCH_SIZE - start))
            silent.settings(latency_ms=60_000)
            batch_id = open_batch(context, server)
            for number, (_external_id, contact_id) in enumerate(hanging):
                change(context, contact_id, number)
            busy = measure(context, [(server, live), (third, elsewhere)])
            imported = states(context, batch_id).get("synced", 0)
            require(0 < imported < BATCH_SIZE, f"the batch was not under way all the time ({imported} imported)")
            say(f"{imported} records of the batch were imported meanwhile")
    return [*figures("commit to request", quiet), *figures("beside a batch and a silent system", busy)]


def figures(name, seconds):
    seconds = sorted(seconds)
    half, most = seconds[len(seconds) // 2], seconds[int(len(seconds) * 0.95)]
    return [
        figure(f"{name}, p50", 1000 * half, f"ms ({len(seconds)} changes)", "≤ 100", half <= 0.1),
        figure(f"{name}, p95", 1000 * most, f"ms (slowest {1000 * seconds[-1]:.0f})", "≤ 500", most <= 0.5),
    ]


def live_flow(context, server, code):
    """A live flow between a shop and contacts of its own. Returns pairs of external ID and contact."""
    rules = [{**rule, "match_key": False} for rule in two_way()]  # the shops have customers of the same names
    with context.env() as env:
        flow = make_flow(
            env, server, parallel_calls=8, code=code, direction="both", timing="live", rules=rules,
            domain=f"[('ref', '=', '{code}')]", interval_number=1, interval_unit="days")
        flow_id = flow.id
    work(context, flow_id)
    require(states(context, flow_id) == {"synced": CONTACTS}, "the first import is not complete")
    with context.env() as env:
        links = env["integration.link"].search([("connection_id.code", "=", code)])
        env["res.partner"].browse(links.mapped("res_id")).ref = code
        pairs = list(zip(links.mapped("external_id"), links.mapped("res_id"), strict=True))
    work(context, flow_id, reading=False)
    return pairs


def open_batch(context, server):
    """A big import on the first connection."""
    with context.env() as env:
        first = env["integration.flow"].search([("connection_id.code", "=", "bench")])
        flow = first.copy({"name": "Batch", "code": "batch", "direction": "import", "timing": "batch", "domain": "[]"})
        flow.rule_ids.write({"owner": "external_at_creation", "direction": "import"})
        flow.action_test_mode()
        flow.action_sync_all()
        return flow.id


def measure(context, targets):
    """Seconds from commit to request; the first ones warm the server up and are not counted."""
    seconds = []
    for number in range(CHANGES + 3):
        server, pairs = targets[number % len(targets)]
        seconds.append(latency(context, server, *pairs[number % CONTACTS], number))
    for number in range(len(targets)):
        say(f"connection {number + 1}: " + " ".join(f"{1000 * value:.0f}" for value in seconds[number::len(targets)]))
    return seconds[3:]


def change(context, contact_id, number):
    with context.registry.cursor() as cr:
        environment(context.registry, cr, tracking_disable=True)["res.partner"].browse(
            contact_id).street = f"Live {number} {random.random()}"
        cr.commit()
        return time.time()


def latency(context, server, external_id, contact_id, number):
    server.clear_counts()
    committed = change(context, contact_id, number)
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
