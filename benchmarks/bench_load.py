"""100,000 records arrive while 20,000 live writes leave, in one run, on one connection.

An Odoo server with two cron threads does the work in a process of its own; this process writes, one commit after the other.
At the end both sides are compared record by record and field by field, in both directions. Sampled all the time: the memory
of the server, and for how long a live write was on its way (until this value of the record, or a later one, arrived).

``BENCH_LOAD_INBOUND`` and ``BENCH_LOAD_LIVE`` are the counts.
"""

import hashlib
import json
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

from bench_live import odoo_server
from common import environment, figure, make_flow, require, say, work
from crowd import size
from pages import customer

INBOUND = size("LOAD_INBOUND", 100_000)
LIVE = size("LOAD_LIVE", 20_000)
CONTACTS = max(min(LIVE // 10, 2_000), 1)
MOST_SECONDS = size("LOAD_SECONDS", 480)
MOST_MIB = 150
SAMPLE_SECONDS = 0.25


def main(context):
    with page_server() as url:
        inbound_id, live_id, connection_id, contacts = prepare(context, url)
        with odoo_server(context) as server, Memory(server.pid) as memory:
            idle = warm_up(context, url, contacts, memory)
            started = time.monotonic()
            with context.env() as env:
                env["integration.flow"].browse(inbound_id).action_sync_all()
            writes = write(context, contacts)
            written = time.monotonic() - started
            wait_until_done(context, inbound_id, live_id, started)
            seconds = time.monotonic() - started
            highest = memory.highest
        delays = compare(context, url, inbound_id, live_id, contacts, writes)
    above = highest - idle
    say(f"idle {idle:.0f} MiB, highest {highest:.0f} MiB; {LIVE:,} writes in {written:.0f} s, all in {seconds:.0f} s")
    return [
        figure("load, all done", seconds, f"s ({INBOUND:,} in, {LIVE:,} live writes, {INBOUND / seconds:.0f} in a second)"),
        figure("load, differences between both sides", 0, "records", "0", True),
        figure("load, memory above the idle worker", above, f"MiB (idle {idle:.0f})", f"≤ {MOST_MIB}", above <= MOST_MIB),
        figure("load, live during the batch, p50", 1000 * delays[len(delays) // 2], "ms from commit to arrival"),
        figure("load, live during the batch, p95", 1000 * delays[int(len(delays) * 0.95)],
               f"ms (slowest {1000 * delays[-1]:.0f})"),
    ]


@contextmanager
def page_server():
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("pages.py")), str(INBOUND)], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(10)


def prepare(context, url):
    """Two flows of one connection: customers come in by pages, live contacts go out. Returns their ids."""
    with context.env() as env:
        inbound = make_flow(env, SimpleNamespace(api=url, api_key="key"), parallel_calls=8)
        resource = env["integration.resource"].create({
            "name": "Live", "code": "live", "api_name": inbound.api_name, "id_path": "id"})
        for kind, method, path in (("create", "POST", "live"), ("update", "PUT", "live/{id}")):
            env["integration.operation"].create({
                "resource_id": resource.id, "kind": kind, "method": method, "path": path, "idempotent": kind == "update"})
        live = env["integration.flow"].create({
            "name": "Live", "connection_id": inbound.connection_id.id, "resource_id": resource.id, "direction": "export",
            "model_id": env["ir.model"]._get_id("res.partner"), "domain": "[('ref', '=like', 'LOAD-%')]", "timing": "live",
            "create_in_external": True, "tz": "UTC", "batch_size": 500, "user_id": env.ref("base.user_admin").id})
        for name in ("ref", "street"):
            env["integration.field.rule"].create({
                "flow_id": live.id, "odoo_path": name, "external_path": name, "owner": "odoo"})
        live.action_test_mode()
        # Nothing else may keep the two cron threads busy.
        cron = inbound.connection_id.cron_id
        env["ir.cron"].search([("id", "!=", cron.id)]).active = False
        ids = inbound.id, live.id, inbound.connection_id.id
    with context.env(tracking_disable=True) as env:
        contacts = env["res.partner"].create([
            {"name": f"Live {number}", "ref": f"LOAD-{number}", "street": "0"} for number in range(CONTACTS)]).ids
    work(context, ids[1], reading=False)
    require(len(told(url)["live"]) == CONTACTS,
            f"the live contacts were not created over there: {problems(context, ids[1])}")
    return *ids, contacts


def warm_up(context, url, contacts, memory):
    """A few writes wake the server's worker, so that all it needs is loaded. Returns the memory it has then."""
    with context.registry.cursor() as cr:
        env = environment(context.registry, cr, tracking_disable=True)
        env["res.partner"].browse(contacts[:20]).write({"street": "warm"})
        cr.commit()
    end = time.monotonic() + 60
    while sum(record["street"] == "warm" for record in told(url)["live"].values()) < min(20, len(contacts)):
        require(time.monotonic() < end, "the worker of the server does not wake up")
        time.sleep(0.2)
    time.sleep(2)
    memory.highest = 0
    time.sleep(2 * SAMPLE_SECONDS)
    return memory.highest


def write(context, contacts):
    """Live writes, each with a commit of its own. Returns ``{(contact id, number): moment of the commit}``."""
    moments = {}
    with context.registry.cursor() as cr:
        env = environment(context.registry, cr, tracking_disable=True)
        for number in range(1, LIVE + 1):
            contact_id = contacts[number % len(contacts)]
            env["res.partner"].browse(contact_id).street = str(number)
            cr.commit()
            moments[contact_id, number] = time.time()
            if number % 1000 == 0:
                env.invalidate_all()
    return moments


def wait_until_done(context, inbound_id, live_id, started):
    shown = 0
    while True:
        with context.registry.cursor() as cr:
            cr.execute(
                "SELECT flow_id, state, count(*) FROM integration_sync WHERE flow_id IN %s GROUP BY 1, 2 ORDER BY 1, 2",
                [(inbound_id, live_id)])
            states = {(flow_id, state): count for flow_id, state, count in cr.fetchall()}
            cr.execute("SELECT (SELECT count(*) FROM integration_capture), (SELECT count(*) FROM integration_run "
                       "WHERE state = 'open' AND trigger <> 'live')")
            captured, running = cr.fetchone()
        done = states.get((inbound_id, "synced"), 0)
        if not captured and not running and set(states) <= {(inbound_id, "synced"), (live_id, "synced")}:
            return
        if done - shown >= 10_000:
            shown = done
            say(f"{done:,} of {INBOUND:,} after {time.monotonic() - started:.0f} s")
        require(time.monotonic() - started < MOST_SECONDS, f"not done in time: {states}, {captured} captured")
        time.sleep(1)


def compare(context, url, inbound_id, live_id, contacts, writes):
    """Both sides hold exactly the same, in both directions. Returns the delays of the live writes, sorted."""
    with context.registry.cursor() as cr:
        cr.execute("SELECT code, id FROM res_country WHERE code IN ('BE', 'DE', 'FR', 'NL', 'US')")
        countries = dict(cr.fetchall())
        expected = hashlib.sha256()
        for number in range(1, INBOUND + 1):
            record, billing = customer(number), customer(number)["billing"]
            expected.update(repr((
                str(number), f"{record['first_name']} {record['last_name']}", record["email"].lower(), billing["address_1"],
                billing["address_2"], billing["city"], billing["postcode"], countries[billing["country"]],
                billing["phone"])).encode())
        cr.execute(
            "SELECT l.external_id, p.name, p.email, p.street, p.street2, p.city, p.zip, p.country_id, p.phone "
            "FROM integration_flow f JOIN integration_link l ON l.resource_id = f.resource_id "
            "JOIN res_partner p ON p.id = l.res_id WHERE f.id = %s ORDER BY l.external_id::int", [inbound_id])
        found, count = hashlib.sha256(), 0
        while rows := cr.fetchmany(5000):
            count += len(rows)
            for row in rows:
                found.update(repr(row).encode())
        require(count == INBOUND, f"{count} records arrived, not {INBOUND}")
        require(found.digest() == expected.digest(), "what arrived differs from what was sent")
        cr.execute("SELECT count(*), count(DISTINCT email) FROM res_partner WHERE email LIKE 'load.%%@example.com'")
        require(cr.fetchone() == (INBOUND, INBOUND), "records were made twice")
        cr.execute(
            "SELECT l.external_id, p.ref, p.street, p.id FROM integration_flow f "
            "JOIN integration_link l ON l.resource_id = f.resource_id JOIN res_partner p ON p.id = l.res_id "
            "WHERE f.id = %s", [live_id])
        here = {external_id: (ref, street) for external_id, ref, street, _id in cr.fetchall()}
        cr.execute("SELECT l.external_id, l.res_id FROM integration_flow f JOIN integration_link l "
                   "ON l.resource_id = f.resource_id WHERE f.id = %s", [live_id])
        ids = dict(cr.fetchall())
    answer = told(url)
    there = {external_id: (record["ref"], record["street"]) for external_id, record in answer["live"].items()}
    differing = len(set(here.items()) ^ set(there.items())) // 2
    require(here == there and len(there) == CONTACTS, f"{differing} live records differ")
    require(answer["calls"]["created"] == CONTACTS, "a live record was created twice")
    say(f"{answer['calls']['updated']:,} calls for {LIVE:,} live writes, {answer['calls']['pages']:,} pages")
    return arrived_after(writes, [(ids[external_id], street, at) for external_id, street, at in answer["arrivals"]])


def arrived_after(writes, arrivals):
    """Seconds until each write, or a later one of the same record, was there. Sorted."""
    by_contact = {}
    for contact_id, street, at in arrivals:
        if street.isdecimal():
            by_contact.setdefault(contact_id, []).append((int(street), at))
    delays = []
    for (contact_id, number), committed in writes.items():
        delays.append(max(min(at for street, at in by_contact[contact_id] if street >= number) - committed, 0.0))
    return sorted(delays)


def told(url):
    with urllib.request.urlopen(f"{url}/_live", timeout=30) as answer:
        return json.load(answer)


class Memory:
    """The highest resident memory of a process since ``highest`` was set to 0, in MiB."""

    def __init__(self, pid):
        self.pid = pid
        self.highest = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._stop.set()
        self._thread.join()

    def _watch(self):
        while not self._stop.wait(SAMPLE_SECONDS):
            try:
                pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
            except (OSError, IndexError):
                return
            self.highest = max(self.highest, pages * 4096 / 1024 / 1024)


def problems(context, flow_id):
    """What the records of a flow say."""
    with context.registry.cursor() as cr:
        cr.execute("SELECT state, error_message, error_detail, count(*) FROM integration_sync WHERE flow_id = %s "
                   "GROUP BY 1, 2, 3 LIMIT 3", [flow_id])
        return cr.fetchall()
