"""100,000 records are imported, a hundred of them are changed in Odoo behind the flow's back, and both sides are compared.

Reported are the memory above what the process held before and the records compared in a second; the benchmark ends without
a figure unless exactly the changed records are found. ``BENCH_RECONCILE_RECORDS`` is the count.
"""

import os
from types import SimpleNamespace

import bench_load
from common import figure, make_flow, quiet, require, say, work
from crowd import size

from odoo.addons.integration_flow.engine.worker import Worker

RECORDS = size("RECONCILE_RECORDS", 100_000)
CHANGED = min(100, RECORDS)
MOST_MIB = 150


def main(context):
    bench_load.INBOUND = RECORDS
    with bench_load.page_server() as url:
        with context.env() as env:
            flow = make_flow(env, SimpleNamespace(api=url, api_key="key"), parallel_calls=8)
            flow_id, connection_id = flow.id, flow.connection_id.id
        seconds = work(context, flow_id)
        say(f"{RECORDS:,} imported in {seconds:.0f} s")
        with context.registry.cursor() as cr:
            # Without the ORM, so that nothing is captured; and so long ago that nothing counts as on its way.
            cr.execute(
                "UPDATE res_partner SET street = 'Changed' WHERE id IN (SELECT res_id FROM integration_link "
                "WHERE connection_id = %s ORDER BY res_id LIMIT %s)", [connection_id, CHANGED])
            cr.execute(
                "UPDATE integration_sync SET last_synced_at = last_synced_at - interval '1 hour', "
                "last_import_at = last_import_at - interval '1 hour' WHERE flow_id = %s", [flow_id])
        with context.env() as env:
            done_id = env["integration.flow"].browse(flow_id)._open_reconciliation("button").id
        with bench_load.Memory(os.getpid()) as memory:
            bench_load.time.sleep(2 * bench_load.SAMPLE_SECONDS)
            idle, memory.highest = memory.highest, 0
            with context.env() as env, quiet() as watch:
                connection = env["integration.connection"].browse(connection_id)
                while env["integration.reconciliation"].browse(done_id).state == "open":
                    Worker(env, connection).run()
                    env.invalidate_all()
            above = memory.highest - idle
    with context.env() as env:
        done = env["integration.reconciliation"].browse(done_id)
        say(f"{done.state}: {done.compared_count:,} compared, {done.found_count} found")
        require(done.compared_count == RECORDS and done.found_count == CHANGED, "it did not find what was changed")
    return [
        figure("reconciliation, memory above the idle process", above, f"MiB (idle {idle:.0f}; {RECORDS:,} records)",
               f"≤ {MOST_MIB}", above <= MOST_MIB),
        figure("reconciliation, compared", RECORDS / watch.seconds, f"records a second ({watch.seconds:.0f} s)"),
    ]
