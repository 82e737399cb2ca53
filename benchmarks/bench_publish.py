"""Published availability of 20,000 variants × 5 warehouses: reading all of it, what has changed, and nothing; what a refresh
costs; and whether every cell is right.

A server process of its own (threads, without scheduled actions) answers over real HTTP. *Full read*: all documents by
pages, against ``search_read`` of Odoo's computed fields through the JSON-2 API, for each warehouse by its context, by the
administrator. Both are read in turns, seven rounds of which each begins with the other one; the figure is the median of
the rounds' ratios, so that load hits both alike. In each round we read everything, with another page size, so that no
kept answer helps; the peer reads another part of the variants, and is reckoned up. *A delta* and *304* are measured in
turns with an empty route of the same server (``/web/health``), by one caller; the figure is the median over the pairs.
*A delta with news* has ten documents, each time another question, so that no kept answer helps. *Refresh*: the worker,
after moves of so many variants: what one of them costs among 100 and among 1,000, and what the same moves cost in turns
for this publication and for one of 1,000 variants. At the end, after 1,000 moves by chance, all cells are compared with
Odoo's fields; one that differs ends the benchmark.
"""

import gzip
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from common import figure, median, quiet, require, say, spread

from odoo.tools import config

from odoo.addons.integration_flow.engine import publishing
from odoo.addons.integration_flow.tests.stock_moves import StockMoves

VARIANTS = int(os.environ.get("BENCH_PUBLISH_VARIANTS") or 20_000)
WAREHOUSES = 5
MOVES = int(os.environ.get("BENCH_PUBLISH_MOVES") or 1_000)
PAGE = 5_000
PEER_VARIANTS = min(VARIANTS, 2_000)
ROUNDS = int(os.environ.get("BENCH_PUBLISH_ROUNDS") or 7)
PEER_PAGE = 500
SINGLE = int(os.environ.get("BENCH_PUBLISH_CALLS") or 1_000)
FIELDS = ("default_code", "qty_available", "free_qty", "incoming_qty", "outgoing_qty")
SMALL = min(VARIANTS, 1_000)
REFRESHES = 5
ROUTE = "/integration/publish/availability/items"


def main(context):
    figures = []
    with context.env() as env:
        stock = StockMoves(env).make(1, WAREHOUSES).multiply(VARIANTS).fill()
        products, warehouses = stock.products.ids, stock.warehouses.ids
        flow = make_publication(env)
        flow_id = flow.id
        consumer = env["integration.consumer"].create({"name": "Bench", "flow_ids": [(4, flow_id)], "rate_limit": 0})
        token = env["integration.consumer.token"]._make(consumer, "Bench")[1]
        admin = env.ref("base.user_admin")
        key = env(user=admin.id)["res.users.apikeys"]._generate(None, "bench", env.cr.now() + timedelta(days=1))
    say(f"{VARIANTS:,} variants and their stock are there")
    context.registry.signal_changes()
    seconds = refresh(context, flow_id)
    figures.append(figure("first computation, documents per second", VARIANTS * WAREHOUSES / seconds, "1/s"))
    with context.env() as env:
        env.cr.execute("SELECT count(*) FROM integration_document WHERE flow_id = %s AND state = 'live'", [flow_id])
        require(env.cr.fetchone()[0] == VARIANTS * WAREHOUSES, "not every cell has a document")
    with server(context.database) as port:
        figures += measure_reads(port, token, key, warehouses)
        figures += measure_refresh(context, flow_id, products, warehouses, port, token)
        figures += check_cells(context, flow_id, products, warehouses, port, token)
    return figures


def make_publication(env, code="availability", skus="SKU-%"):
    flow = env["integration.flow"].create({
        "name": "Availability", "direction": "publish", "publish_code": code, "tz": "UTC", "lang": "en_US",
        "model_id": env["ir.model"]._get_id("product.product"), "company_id": env.company.id,
        "user_id": env.ref("base.user_admin").id,
        "domain": repr([("default_code", "=like", skus)]), "availability_enabled": True, "publish_max_page": PAGE,
        "rule_ids": [(0, 0, {
            "odoo_path": "default_code", "external_path": "sku", "match_key": True, "publish_filter": True})]})
    flow.action_go_live()
    return flow


def refresh(context, flow_id):
    """Compute what waits; its seconds."""
    with context.env() as env, quiet() as watch:
        while publishing.refresh(env, flow_id, time.monotonic() + 600):
            pass
    return watch.seconds


# -- reading ---------------------------------------------------------------------------------------------------


def measure_reads(port, token, key, warehouses):
    ours = []
    # The first call of a server loads what it keeps: not what is measured, on neither side.
    ask(http.client.HTTPConnection("127.0.0.1", port, timeout=120), token, f"{ROUTE}?limit=1")
    read_json2(port, key, warehouses[:1])
    cursor = bytes_read = None
    theirs = []
    for number in range(ROUNDS):
        def mine(number=number):
            seconds, count, size, cursor = read_all(port, token, "identity", PAGE - number)
            require(count == VARIANTS * WAREHOUSES, f"{count} documents were read")
            ours.append(seconds)
            return size, cursor

        def peer(number=number):
            first = number * PEER_VARIANTS % VARIANTS
            theirs.append(read_json2(port, key, warehouses, first) * VARIANTS / PEER_VARIANTS)

        if number % 2:
            peer()
        bytes_read, cursor = mine()
        if not number % 2:
            peer()
        say(f"round {number + 1}: {ours[-1]:.2f} s for {bytes_read / 1e6:.1f} MB; JSON-2 {theirs[-1]:.1f} s, "
            f"{theirs[-1] / ours[-1]:.0f} times as long")
    packed, kept = read_all(port, token, "gzip")[0], read_all(port, token, "gzip")[0]
    times = [peer / mine for mine, peer in zip(ours, theirs, strict=True)]
    say(f"full read against JSON-2: {spread(times, 1)}")
    delta, empty_1 = in_turns(port, lambda connection: ask(connection, token, f"{ROUTE}?since={cursor}"))
    tag = headers_of(port, token)["ETag"]
    same, empty_2 = in_turns(port, lambda connection: ask(connection, token, ROUTE, 304, {"If-None-Match": tag}))
    return [
        figure("full read", median(ours), "s"),
        figure("full read, gzip", packed, "s"),
        figure("full read again, gzip (kept answers)", kept, "s"),
        figure("full read through JSON-2 (reckoned up)", median(theirs), "s"),
        figure("full read against JSON-2, median of the rounds", median(times), "×", "≥ 20", median(times) >= 20),
        figure("the same, worst round", min(times), "×"),
        ratio("a delta without news against an empty route", delta, empty_1),
        ratio("a 304 against an empty route", same, empty_2),
    ]


def ratio(name, calls, empty, most=1.3):
    value = median([mine / theirs for mine, theirs in zip(calls, empty, strict=True)])
    say(f"{name}: {value:.2f} × ({median(calls) * 1000:.2f} ms, at best {min(calls) * 1000:.2f}; "
        f"{median(empty) * 1000:.2f} ms, at best {min(empty) * 1000:.2f})")
    return figure(name, value, "×", f"≤ {most}", value <= most) if most else figure(name, value, "×")


def read_all(port, token, encoding, page_size=PAGE):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    path, count, size = f"{ROUTE}?limit={page_size}", 0, 0
    with quiet() as watch:
        while path:
            body = ask(connection, token, path, headers={"Accept-Encoding": encoding})
            size += len(body)
            page = json.loads(gzip.decompress(body) if encoding == "gzip" else body)
            count += len(page["items"])
            path = page["next"]
    connection.close()
    return watch.seconds, count, size, page["cursor"]


def read_json2(port, key, warehouses, first=0):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    with quiet() as watch:
        for warehouse in warehouses:
            for offset in range(first, first + PEER_VARIANTS, PEER_PAGE):
                body = json.dumps({
                    "domain": [["default_code", "=like", "SKU-%"]], "fields": FIELDS, "offset": offset, "limit": PEER_PAGE,
                    "order": "default_code", "context": {"warehouse_id": warehouse}})
                connection.request("POST", "/json/2/product.product/search_read", body, {
                    "Authorization": f"Bearer {key}", "Content-Type": "application/json"})
                answer = connection.getresponse()
                rows = json.loads(answer.read())
                require(answer.status == 200 and len(rows) == PEER_PAGE, f"JSON-2 answered {answer.status}: {rows}"[:300])
    connection.close()
    return watch.seconds


def ask(connection, token, path, expected=200, headers=None):
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}", **(headers or {})})
    answer = connection.getresponse()
    body = answer.read()
    require(answer.status == expected, f"{path} answered {answer.status}: {body[:200]}")
    return body


def headers_of(port, token):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("GET", ROUTE, headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    answer.read()
    return dict(answer.getheaders())


def in_turns(port, call):
    """Seconds of so many calls, and of as many of the empty route, one after the other."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    calls, empty = [], []

    def health(connection):
        connection.request("GET", "/web/health")
        connection.getresponse().read()

    for number in range(SINGLE + 20):
        turn = ((call, calls), (health, empty))
        for function, times in turn if number % 2 else reversed(turn):
            started = time.perf_counter()
            function(connection)
            if number >= 20:  # the first ones fill caches
                times.append(time.perf_counter() - started)
    connection.close()
    return calls, empty


# -- refreshing ------------------------------------------------------------------------------------------------


def measure_refresh(context, flow_id, products, warehouses, port, token):
    """The worker after stock of so many variants changed: its time should grow with them, and with nothing else."""
    figures, costs = [], {}
    with context.env() as env:
        small_id = make_publication(env, "small", f"SKU-{'0' * (5 - len(str(SMALL - 1)))}%").id
    refresh(context, small_id)
    against_small = []
    for count in (10, 100, 1_000):
        count = min(count, VARIANTS // 3)
        times = []
        for turn in range(REFRESHES):
            move_some(context, products[turn * count % VARIANTS:][:count], warehouses[0])
            before = number(context, flow_id)
            in_turn = [(flow_id, times), (small_id, small := [])]
            for published_id, found in in_turn if turn % 2 else reversed(in_turn):
                found.append(refresh(context, published_id))
            require(number(context, flow_id) - before == count, "another number of documents has changed")
            if count == 100 and (turn + 1) * count <= SMALL:
                against_small.append(times[-1] / small[0])
        costs[count] = median(times)
        say(f"{count:,} variants moved: {costs[count] * 1000:.0f} ms ({spread([1000 * t for t in times], 0)})")
        figures.append(figure(f"refresh after {count:,} moved variants", costs[count] * 1000, "ms"))
    few, many = sorted(costs)[1:]
    each = costs[many] / many / (costs[few] / few)
    say(f"the same 100 moves for a publication of {SMALL:,} variants: {spread(against_small)}")
    figures.append(figure(
        f"refresh: a moved variant among {many:,} against one among {few:,}", each, "×", "≤ 1.1", each <= 1.1))
    figures.append(figure(
        f"refresh after 100 moved variants of {VARIANTS:,} against the same of {SMALL:,}", median(against_small), "×",
        "≤ 1.2", median(against_small) <= 1.2))
    with context.env() as env:
        env["integration.flow"].browse(small_id).action_draft()
    cursor = json.loads(ask(http.client.HTTPConnection("127.0.0.1", port, timeout=60), token, f"{ROUTE}?limit=1"))["cursor"]
    require(cursor.endswith(f"-{number(context, flow_id)}"), "the server does not see the last change")
    epoch, _dash, last = cursor.partition("-")
    questions = (f"{ROUTE}?since={epoch}-{int(last) - 10}&limit={limit}" for limit in range(PAGE, 10, -1))
    news, empty = in_turns(port, lambda connection: ask(connection, token, next(questions)))
    return [*figures, ratio("a delta of ten documents against an empty route", news, empty, most=None)]


def move_some(context, products, warehouse):
    with context.env() as env:
        quants = env["stock.quant"]
        location = env["stock.warehouse"].browse(warehouse).lot_stock_id
        for product in env["product.product"].browse(products):
            quants._update_available_quantity(product, location, 1)


def number(context, flow_id):
    with context.env() as env:
        env.cr.execute("SELECT last_change FROM integration_document_state WHERE flow_id = %s", [flow_id])
        return env.cr.fetchone()[0]


def check_cells(context, flow_id, products, warehouses, port, token):
    with context.env() as env:
        stock = StockMoves(env, seed=7)
        stock.products = env["product.product"].browse(products)
        stock.warehouses = env["stock.warehouse"].browse(warehouses)
        moved = stock.move(MOVES)
        say(f"{MOVES:,} moves of {len(moved):,} variants")
    seconds = refresh(context, flow_id)
    published, path = {}, f"{ROUTE}?limit={PAGE}"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    while path:
        page = json.loads(ask(connection, token, path))
        published.update({(item["sku"], item["warehouse"]): item["stock"] for item in page["items"]})
        path = page["next"]
    with context.env() as env:
        stock = StockMoves(env)
        stock.products = env["product.product"].browse(products)
        stock.warehouses = env["stock.warehouse"].browse(warehouses)
        expected = stock.expected()
    wrong = StockMoves.differences(published, expected)
    say(f"{len(expected):,} cells compared, {len(wrong)} differ")
    require(not wrong and len(published) == len(expected) == VARIANTS * WAREHOUSES, f"cells differ: {wrong[:5]}")
    return [
        figure("cells compared with Odoo's fields", len(expected), ""),
        figure("cells that differ", len(wrong), "", "0", not wrong),
        figure(f"refresh after {MOVES:,} moves by chance", seconds * 1000, "ms")]


# -- the server ------------------------------------------------------------------------------------------------


@contextmanager
def server(database):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    import odoo
    home = next(Path(path) for path in odoo.__path__ if (Path(path) / "__main__.py").exists())
    addons = config["addons_path"]
    addons = addons if isinstance(addons, str) else ",".join(map(str, addons))
    login = [f"--{name}={config[name]}" for name in ("db_host", "db_port", "db_user", "db_password") if config[name]]
    process = subprocess.Popen(
        [sys.executable, "-m", "odoo", "server", f"--database={database}", f"--addons-path={addons}",
         f"--config={os.devnull}", "--workers=0", f"--http-port={port}", "--http-interface=127.0.0.1",
         "--max-cron-threads=0",
         f"--data-dir={config['data_dir']}", "--log-level=warn", *login],
        stdin=subprocess.DEVNULL, stdout=sys.stderr, stderr=sys.stderr, start_new_session=True,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, [str(home.parent), os.environ.get("PYTHONPATH")]))))
    try:
        wait_for(process, port)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def wait_for(process, port):
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("GET", "/web/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the server does not answer")
