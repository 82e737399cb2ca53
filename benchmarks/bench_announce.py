"""What announcing costs an import, and how fast events reach a receiver that answers in 20 ms, eight at a time.

The import reads 2,000 changed contacts (one field) and makes one event for each; the baseline is the same flow without a
subscriber. Sent are the 2,000 events of the last import, signed, each by a call of its own.
"""

import subprocess
import sys
import time

from common import REPETITIONS, environment, figure, make_flow, median, require, say, shop, spread, states, work

from odoo.addons.integration_flow.engine.delivering import Deliverer

CHANGED = 2_000
LATENCY = 0.020
PARALLEL = 8
ALLOWED = PARALLEL / LATENCY
RECEIVER = f"""
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep({LATENCY})
        self.wfile.write(b"HTTP/1.1 204 No Content\\r\\n\\r\\n")

server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


def main(context):
    receiver = subprocess.Popen(
        [sys.executable, "-c", RECEIVER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        with shop(CHANGED) as server:
            return measure(context, server, f"http://127.0.0.1:{receiver.stdout.readline().strip()}/hook")
    finally:
        receiver.kill()
        receiver.wait()


def measure(context, server, url):
    with context.env() as env:
        flow_id = make_flow(env, server).id
        env["ir.config_parameter"].set_param("integration_flow.announce_private", "True")
        subscriber_id = env["integration.subscriber"].create({
            "name": "Receiver", "url": url, "parallel_calls": PARALLEL, "active": False}).id
    work(context, flow_id)
    require(states(context, flow_id) == {"synced": CHANGED}, "the first import is not complete")
    times = {"none": [], "ids": [], "values": []}
    for number in range(REPETITIONS + 1):
        for announce, seconds in times.items():
            configure(context, flow_id, subscriber_id, announce)
            change(server, f"{announce} {number}")
            took = work(context, flow_id)
            if number:  # the first one warms up
                seconds.append(took)
            say(f"{announce}: {took:.2f} s")
    rate = deliver(context)
    figures = []
    for announce in ("ids", "values"):
        ratios = [took / plain for took, plain in zip(times[announce], times["none"], strict=True)]
        figures.append(figure(
            f"import that announces {announce}", median(times[announce]) / median(times["none"]),
            f"× the same import ({spread(ratios)})"))
    figures.append(figure("events delivered", rate, "a second"))
    figures.append(figure(
        "delivering, share of what the receiver allows", 100 * rate / ALLOWED, f"% of {ALLOWED:.0f} calls/s"))
    return figures


def configure(context, flow_id, subscriber_id, announce):
    with context.registry.cursor() as cr:
        env = environment(context.registry, cr)
        cr.execute("DELETE FROM integration_event")
        env["integration.flow"].browse(flow_id).announce = announce
        env["integration.subscriber"].browse(subscriber_id).active = announce != "none"


def change(server, word):
    """Another city for every customer of the shop."""
    customers = server.dump("customers")
    for customer in customers:
        customer["billing"]["city"] = word
        customer["date_modified_gmt"] = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    server.load("customers", customers)


def deliver(context):
    with context.registry.cursor() as cr:
        env = environment(context.registry, cr)
        cr.execute("SELECT count(*) FROM integration_delivery WHERE state = 'pending'")
        count = cr.fetchone()[0]
        require(count == CHANGED, f"{count} events instead of {CHANGED}")
        started = time.monotonic()
        made = Deliverer(env).run()
        seconds = time.monotonic() - started
        cr.execute("SELECT state, count(*) FROM integration_delivery GROUP BY state")
        found = dict(cr.fetchall())
        require(found == {"delivered": CHANGED} and made == CHANGED, f"after sending: {found}")
        say(f"{CHANGED} events in {seconds:.2f} s")
    return CHANGED / seconds
