"""Webhooks in: what a delivery costs the sender, and a burst of 10,000 of which none may be lost.

An Odoo server process of its own (threads, two cron workers), signed deliveries over real HTTP. The cost is measured by one
sender, in turns with an empty route of the same server (``/web/health``). The burst comes from several senders at once:
2,000 customers in five states each, every tenth delivery twice. At the end each event is stored once, each is done, and
each contact is in its last state; anything else ends the benchmark without a figure.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

from common import figure, make_flow, median, require, say, shop, states

from odoo.tools import config

from odoo.addons.integration_flow.core.signatures import Scheme, sign

SECRET = "whsec_YmVuY2htYXJrIHNlY3JldA=="  # of a benchmark
SCHEME = Scheme("standard_webhooks")
CUSTOMERS = 2_000
STATES = 5
SENDERS = 8
SINGLE = 300
WAIT = 600.0


def main(context):
    with shop(0) as server:
        with context.env() as env:
            flow = make_flow(env, server)
            flow_id = flow.id
            connection = flow.connection_id
            connection.write({
                "webhook_enabled": True, "webhook_style": "standard_webhooks", "webhook_topic_path": "type",
                "webhook_secret_input": SECRET})
            env["integration.webhook.topic"].create({
                "connection_id": connection.id, "topic": "customer.*", "flow_id": flow.id, "kind": "record", "path": "data"})
            path = f"/integration/webhook/{connection.webhook_token}"
            cron_id = connection.cron_id.id
            # The cron workers are to work for this connection alone.
            env["ir.cron"].search([("id", "!=", cron_id)]).active = False
        with odoo_server(context) as port:
            single, empty = one_sender(port, path)
            settle(context, flow_id)
            with context.registry.cursor() as cr:
                cr.execute("DELETE FROM integration_webhook_event")
                cr.execute("SELECT COALESCE(max(id), 0) FROM ir_cron_trigger")
                before = cr.fetchone()[0]
            burst, seconds = many_senders(port, path)
            most = triggers(context, before)
            done = settle(context, flow_id)
        check(context, flow_id)
    return [
        figure("webhook, one sender, p50", 1000 * part(single, 0.5), "ms"),
        figure("webhook, one sender, p95", 1000 * part(single, 0.95), "ms", "≤ 50", part(single, 0.95) <= 0.05),
        figure("webhook, one sender, against an empty route", median(single) / median(empty),
               f"× of {1000 * median(empty):.1f} ms"),
        figure("burst of 10,000 deliveries", len(burst) / seconds, f"deliveries/s, {SENDERS} senders, none lost"),
        figure("burst, p50", 1000 * part(burst, 0.5), "ms"),
        figure("burst, p95", 1000 * part(burst, 0.95), "ms"),
        figure("burst, all contacts in their last state after", seconds + done, "s"),
        figure("burst, triggers written for the worker", most, "rows"),
    ]


def part(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


def delivery(number, state, prefix="evt"):
    body = json.dumps({"type": "customer.updated", "data": {
        "id": number, "first_name": f"C{number}", "last_name": f"V{state}", "email": f"hook{number}@example.com",
        "date_modified_gmt": f"2026-01-01T00:00:{state:02}",
        "billing": {"address_1": f"Street {number}", "city": "Ghent", "postcode": "9000", "country": "BE"}}}).encode()
    headers = {"Content-Type": "application/json", **sign(
        SCHEME, SECRET, body, now=time.time(), message_id=f"{prefix}-{number}-{state}")}
    return body, headers


def post(port, path, body, headers):
    """Seconds until the answer is there."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    started = time.perf_counter()
    try:
        link.request("POST", path, body, {**headers, "Connection": "keep-alive"})
        answer = link.getresponse()
        answer.read()
    finally:
        link.close()
    require(answer.status == 200, f"a delivery was answered with {answer.status}")
    return time.perf_counter() - started


def get(port, path):
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    started = time.perf_counter()
    try:
        link.request("GET", path)
        link.getresponse().read()
    finally:
        link.close()
    return time.perf_counter() - started


def one_sender(port, path):
    """A delivery and the empty route in turns."""
    single, empty = [], []
    for number in range(SINGLE + 20):
        taken = post(port, path, *delivery(number % 50 + 1, 0, prefix=f"single{number}"))
        nothing = get(port, "/web/health")
        if number >= 20:  # the first ones warm up
            single.append(taken)
            empty.append(nothing)
        time.sleep(0.01)
    return single, empty


def many_senders(port, path):
    """Each sender has its own customers, so that the states of one customer come in order."""
    seconds, problems, lock = [], [], threading.Lock()

    def sender(own):
        taken = []
        try:
            for state in range(1, STATES + 1):
                for number in range(own + 1, CUSTOMERS + 1, SENDERS):
                    body, headers = delivery(number, state)
                    taken.append(post(port, path, body, headers))
                    if number % 10 == 0:
                        post(port, path, body, headers)  # once more, with the same ID
        except BaseException as error:
            problems.append(error)
        with lock:
            seconds.extend(taken)

    threads = [threading.Thread(target=sender, args=[own]) for own in range(SENDERS)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - started
    require(not problems, f"{problems[:3]}")
    require(len(seconds) == CUSTOMERS * STATES, f"{len(seconds)} deliveries were answered")
    say(f"{len(seconds)} deliveries in {took:.1f} s")
    return seconds, took


def triggers(context, before):
    """Triggers that were written for the worker since ``before``, whether or not they are gone again."""
    with context.registry.cursor() as cr:
        cr.execute("SELECT last_value FROM ir_cron_trigger_id_seq")
        return cr.fetchone()[0] - before


def settle(context, flow_id):
    """Wait until the server's own workers have done everything. Returns the seconds."""
    started = time.monotonic()
    while time.monotonic() < started + WAIT:
        with context.registry.cursor() as cr:
            cr.execute(
                "SELECT (SELECT count(*) FROM integration_webhook_event WHERE state = 'pending'), "
                "(SELECT count(*) FROM integration_sync WHERE flow_id = %s AND state <> 'synced')", [flow_id])
            left = cr.fetchone()
        if left == (0, 0):
            return time.monotonic() - started
        time.sleep(0.2)
    raise SystemExit(f"Not done after {WAIT:.0f} s: {left} events and records")


def check(context, flow_id):
    with context.registry.cursor() as cr:
        cr.execute("SELECT count(*), count(DISTINCT event_id), bool_and(state = 'done') FROM integration_webhook_event")
        stored = cr.fetchone()
        require(stored == (CUSTOMERS * STATES,) * 2 + (True,), f"stored, different, all done: {stored}")
        cr.execute("SELECT name, count(*) FROM res_partner WHERE email LIKE 'hook%%@example.com' GROUP BY name")
        names = dict(cr.fetchall())
        require(names == {f"C{number} V{STATES}": 1 for number in range(1, CUSTOMERS + 1)},
                f"{len(names)} names, for example {list(names.items())[:3]}")
    require(states(context, flow_id) == {"synced": CUSTOMERS}, f"{states(context, flow_id)}")


@contextmanager
def odoo_server(context):
    """A threaded Odoo server with HTTP and two cron workers, for the same database; gives its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    odoo_bin = os.environ.get("ODOO_BIN")
    addons = config["addons_path"]
    command = [
        *([odoo_bin] if odoo_bin else [sys.executable, "-m", "odoo"]), f"--config={os.devnull}",
        f"--database={context.database}", f"--data-dir={config['data_dir']}",
        f"--addons-path={addons if isinstance(addons, str) else ','.join(addons)}", f"--http-port={port}",
        "--http-interface=127.0.0.1", "--workers=0", "--max-cron-threads=2", "--log-level=warn"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            require(process.poll() is None, "the Odoo server ended by itself")
            try:
                get(port, "/web/health?db_server_status=1")
                break
            except OSError:
                time.sleep(0.2)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
