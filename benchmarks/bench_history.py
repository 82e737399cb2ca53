"""History out: 100,000 rows to a data warehouse in packed batches, as CSV (sold lines) and as JSON (stock moves).

The flows are those of the blueprint ``reporting``: each row is a sync record with its link, payload and hash, 1,000 rows
are one slice and one packed call, and the sandbox takes each row by its key. Beside it stand, before and after it, the
two ways that plain Odoo has, for the same rows: ``export_data`` in the same process, page by page, written as packed CSV;
and ``search_read`` through the JSON-2 API of a server of its own. They keep no account of what was sent, so they read
everything again next time: one figure is what a night costs after 1,000 rows were changed. Then the same rows leave once
more as packed files over SFTP, by the flows of ``reporting_files``.

Memory is that of this process, asked for all the time while it sends: its highest state above the idle one, and by how much
the slices of the second half needed more than those of the first half, for each 1,000 rows between them.
``BENCH_HISTORY_ROWS`` is the count. The benchmark ends without a figure unless every row arrived once.
"""

import csv
import gzip
import http.client
import io
import json
import os
import time
from contextlib import contextmanager
from datetime import timedelta
from unittest.mock import patch

import bench_load
import bench_publish
from common import figure, median, quiet, require, say, shop, states, work
from crowd import size

from odoo.tools import SQL

from odoo.addons.integration_flow.engine.worker import Worker
from odoo.addons.integration_flow.sandbox.files import PASSWORD, USER, FileServer

ROWS = size("HISTORY_ROWS", 100_000)
CHANGED = min(1_000, ROWS // 10)
PAGE = 5_000
MOST_MIB = 150
MOST_GROWTH = 0.05  # MiB for each 1,000 rows: 5 MiB for 100,000
KINDS = {
    "sales": {
        "model": "sale.order.line", "flow": "report_sales", "files": "files_sales", "format": "CSV", "domain": [
            ["state", "=", "sale"], ["display_type", "=", False]],
        "export": ["id", "order_id/name", "order_id/date_order", "product_id/default_code", "product_uom_qty",
                   "price_subtotal", "order_id/partner_id/country_id/code"],
        "read": ["order_id", "product_id", "product_uom_qty", "price_subtotal"]},
    "moves": {
        "model": "stock.move", "flow": "report_moves", "files": "files_moves", "format": "JSON",
        "domain": [["state", "=", "done"]],
        "export": ["id", "date", "product_id/default_code", "quantity", "location_id/complete_name",
                   "location_dest_id/complete_name"],
        "read": ["date", "product_id", "quantity", "location_id", "location_dest_id"]},
}


def main(context):
    figures = []
    with shop(0) as warehouse:
        with context.env() as env:
            make_history(env)
            flows = env["integration.blueprint"]._apply_file("reporting", connection_vals={
                "warehouse": {"base_url": warehouse.url, "auth_secret_input": warehouse.api_key}})
            for flow in flows.values():
                flow.user_id = env.ref("base.user_admin")
                flow.action_test_mode()
                flow.next_run_at = False
            ids = {code: flow.id for code, flow in flows.items()}
            key = env(user=env.ref("base.user_admin").id)["res.users.apikeys"]._generate(
                None, "bench", env.cr.now() + timedelta(days=1))
        context.registry.signal_changes()
        with bench_publish.server(context.database) as port:
            for kind, spec in KINDS.items():
                figures += measure(context, warehouse, kind, spec, ids[spec["flow"]], port, key)
    return figures + as_files(context)


def as_files(context):
    """The same rows by the flows that write files."""
    files = FileServer()
    try:
        (files.root / "from_odoo").mkdir()
        with context.env() as env:
            flows = env["integration.blueprint"]._apply_file("reporting_files", connection_vals={"warehouse_files": {
                "base_url": files.url, "auth_user": USER, "auth_secret_input": PASSWORD, "host_key": files.fingerprint}})
            for spec in KINDS.values():
                flow = flows[spec["files"]]
                flow.user_id = env.ref("base.user_admin")
                flow.action_test_mode()
                flow.next_run_at = False
            ids = {code: flow.id for code, flow in flows.items()}
        context.registry.signal_changes()
        figures = []
        for spec in KINDS.values():
            figures += first_night(context, f"{spec['format']} files, {ROWS:,} rows", spec, ids[spec["files"]])[1]
        require(written(files) == {spec["files"]: ROWS for spec in KINDS.values()}, "not every row is in a file once")
        return figures
    finally:
        files.stop()


def written(files):
    """``{flow: different rows}`` in all files that were written."""
    keys = {"files_sales": set(), "files_moves": set()}
    for name in files.names("from_odoo"):
        text = gzip.decompress(files.read(f"from_odoo/{name}")).decode()
        rows = csv.DictReader(io.StringIO(text)) if name.startswith("sales-") else json.loads(text)["rows"]
        keys["files_sales" if name.startswith("sales-") else "files_moves"].update(str(row["row_key"]) for row in rows)
    return {flow: len(found) for flow, found in keys.items()}


# -- what is exported ------------------------------------------------------------------------------------------


def make_history(env):
    """A confirmed order of ten lines and ten moves that are done, made by Odoo, and copied in the database."""
    products = env["product.product"].create([
        {"name": f"History {number}", "default_code": f"HI-{number}", "is_storable": True} for number in range(10)])
    order = env["sale.order"].create({
        "partner_id": env["res.partner"].create({"name": "Buyer", "country_id": env.ref("base.be").id}).id,
        "order_line": [(0, 0, {"product_id": product.id, "product_uom_qty": 2, "price_unit": 5}) for product in products]})
    order.action_confirm()
    location = env["stock.warehouse"].search([], limit=1).lot_stock_id
    moves = env["stock.move"].create([{
        "product_id": product.id, "product_uom_qty": 3, "quantity": 3, "picked": True,
        "location_id": env.ref("stock.stock_location_suppliers").id, "location_dest_id": location.id}
        for product in products])
    moves._action_confirm()
    moves.picked = True
    moves._action_done()
    env.flush_all()
    for kind, records in (("sales", order.order_line), ("moves", moves)):
        spec = KINDS[kind]
        copy_rows(env, records)
        # Whatever was in the database before is none of the history.
        env.cr.execute(SQL("SELECT count(*) FROM %s WHERE id >= %s", SQL.identifier(records._table), min(records.ids)))
        require(env.cr.fetchone()[0] == ROWS, "the rows were not copied")
        spec["domain"] = [*spec["domain"], ["id", ">=", min(records.ids)]]
    env["integration.flow"].flush_model()


def copy_rows(env, records):
    names = SQL(", ").join(
        SQL.identifier(name) for name, field in records._fields.items()
        if field.store and field.column_type and name != "id")
    env.cr.execute(SQL(
        "INSERT INTO %(table)s (%(names)s) SELECT %(names)s FROM %(table)s CROSS JOIN generate_series(2, %(times)s) "
        "WHERE id = ANY(%(ids)s)", table=SQL.identifier(records._table), names=names, times=ROWS // len(records),
        ids=records.ids))


# -- measuring -------------------------------------------------------------------------------------------------


@contextmanager
def memory_by_slice(memory):
    """Collects the highest memory during each slice of the workers."""
    found, original = [], Worker._work

    def measured(worker, ids, due=None):
        done = original(worker, ids, due)
        found.append(memory.highest)
        memory.highest = 0
        return done

    with patch.object(Worker, "_work", measured):
        yield found


def first_night(context, label, spec, flow_id):
    """Send everything; ``(seconds, figures)``."""
    with context.env() as env:
        env["integration.flow"].browse(flow_id).domain = repr([tuple(leaf) for leaf in spec["domain"]])
    with bench_load.Memory(os.getpid()) as memory:
        time.sleep(2 * bench_load.SAMPLE_SECONDS)
        idle, memory.highest = memory.highest, 0
        with context.env() as env, quiet() as watch:
            env["integration.flow"].browse(flow_id)._capture_all()
        captured = memory.highest
        with memory_by_slice(memory) as slices:
            seconds = watch.seconds + work(context, flow_id)
        above = max(captured, memory.highest, *slices) - idle
    # The first slices fill caches that all share; what comes behind them would be the same if nothing grew.
    steady = slices[len(slices) // 10:]
    middle = len(steady) // 2
    rows = ROWS * len(steady) / len(slices) / 2  # between the middles of the two halves
    growth = (median(steady[middle:]) - median(steady[:middle])) / (rows / 1000)
    require(states(context, flow_id) == {"synced": ROWS}, f"states: {states(context, flow_id)}")
    by_slice = [round(highest - idle) for highest in slices]
    say(f"{label}: {seconds:.1f} s, {above:.0f} MiB above {idle:.0f}; by slice {by_slice}")
    return seconds, [
        figure(f"{label}: sent and accounted for", ROWS / seconds, f"rows a second ({seconds:.0f} s)"),
        figure(f"{label}: memory above the idle process", above, "MiB", f"≤ {MOST_MIB}", above <= MOST_MIB),
        figure(f"{label}: memory grows, for each 1,000 rows", growth, "MiB", f"≤ {MOST_GROWTH}", growth <= MOST_GROWTH)]


def measure(context, warehouse, kind, spec, flow_id, port, key):
    label = f"{spec['format']}, {ROWS:,} rows"
    peers = {"export_data": [by_export_data(context, spec)], "JSON-2": [by_json2(spec, port, key)]}
    seconds, figures = first_night(context, label, spec, flow_id)
    require(arrived(warehouse, kind) == ROWS, "not every row arrived once")
    peers["export_data"].append(by_export_data(context, spec))
    peers["JSON-2"].append(by_json2(spec, port, key))
    again = change_and_send(context, warehouse, kind, spec, flow_id)
    means = {name: sum(times) / len(times) for name, times in peers.items()}
    for name, times in peers.items():
        say(f"{name}: {', '.join(f'{value:.1f}' for value in times)} s")
    return figures + [
        figure(f"{label}: read by export_data and written", ROWS / means["export_data"], "rows a second"),
        figure(f"{label}: read through JSON-2", ROWS / means["JSON-2"], "rows a second"),
        figure(f"{label}: the first night against export_data", means["export_data"] / seconds, "×"),
        figure(f"{label}: the first night against JSON-2", means["JSON-2"] / seconds, "×"),
        figure(f"{label}: {CHANGED:,} changed rows, the night", again, "s"),
        figure(f"{label}: such a night against JSON-2, which reads all again", means["JSON-2"] / again, "×"),
    ]


def arrived(warehouse, kind):
    """Rows in the table of the warehouse: each is there once, by its key."""
    status, _headers, answer = warehouse.call(
        "GET", f"/warehouse/v1/tables/{kind}", headers={"Authorization": f"Bearer {warehouse.api_key}"})
    require(status == 200, f"the warehouse answers {status}")
    return len(answer["rows"])


def change_and_send(context, warehouse, kind, spec, flow_id):
    """Change some rows as people do, and let the nightly run send them. Its seconds."""
    field = "product_uom_qty" if kind == "sales" else "date"
    with context.env() as env:
        model = env[spec["model"]]
        rows = model.search([*map(tuple, spec["domain"])], order="id", limit=CHANGED)
        rows.with_context(tracking_disable=True).write({field: 7 if kind == "sales" else env.cr.now() - timedelta(days=3)})
    before = loads(warehouse, kind)
    seconds = work(context, flow_id, full=False)
    sent = sum(load["rows"] for load in loads(warehouse, kind)[len(before):])
    require(sent == CHANGED, f"{sent} rows were sent again")
    return seconds


def loads(warehouse, kind):
    return warehouse.call(
        "GET", f"/warehouse/v1/tables/{kind}", headers={"Authorization": f"Bearer {warehouse.api_key}"})[2]["loads"]


def by_export_data(context, spec):
    """Odoo's own export, page by page as a careful script does it, into packed CSV."""
    with context.env() as env, quiet() as watch:
        model, count, after = env(user=env.ref("base.user_admin").id)[spec["model"]], 0, 0
        text = io.TextIOWrapper(gzip.GzipFile(fileobj=io.BytesIO(), mode="wb", compresslevel=6), newline="")
        writer = csv.writer(text)
        while page := model.search([*map(tuple, spec["domain"]), ("id", ">", after)], order="id", limit=PAGE):
            rows = page.export_data([".id" if name == "id" else name for name in spec["export"]])["datas"]
            writer.writerows(rows)
            count, after = count + len(rows), page.ids[-1]
            env.invalidate_all()
        text.close()
    require(count == ROWS, f"export_data gave {count} rows")
    return watch.seconds


def by_json2(spec, port, key):
    """Plain fields and names of relations, through the external API."""
    connection, count, after = http.client.HTTPConnection("127.0.0.1", port, timeout=600), 0, 0
    with quiet() as watch:
        while True:
            body = json.dumps({
                "domain": [*spec["domain"], ["id", ">", after]], "fields": spec["read"], "order": "id", "limit": PAGE})
            connection.request("POST", f"/json/2/{spec['model']}/search_read", body, {
                "Authorization": f"Bearer {key}", "Content-Type": "application/json"})
            answer = connection.getresponse()
            rows = json.loads(answer.read())
            require(answer.status == 200, f"JSON-2 answered {answer.status}: {rows}"[:300])
            if not rows:
                break
            count, after = count + len(rows), rows[-1]["id"]
    connection.close()
    require(count == ROWS, f"JSON-2 gave {count} rows")
    return watch.seconds
