"""Lists of the menus with 100,000 sync records, links and log lines: how long the server needs for their first page.

And how long a bulk retry of all of them takes. ``BENCH_LISTS_ROWS`` is the number of rows.
"""

import time

from common import figure, make_flow, require, say, shop
from crowd import fill, size

ROWS = size("LISTS_ROWS", 100_000)
LIMIT = 1.0
PAGE = 80
# Lists that are empty here (issues, conflicts, deletions) would only seem to be fast.
MENUS = ("overview", "sync", "exchanges", "links")


def main(context):
    with shop(0) as server, context.env() as env:
        flow_id = make_flow(env, server).id
    fill(context.registry, flow_id, ROWS, exchanges=ROWS // 10)
    with context.registry.cursor() as cr:  # a third of them failed
        cr.execute("UPDATE integration_sync SET state = 'failed', error_class = 'validation', error_message = 'Refused', "
                   "failed_at = now() AT TIME ZONE 'UTC' WHERE flow_id = %s AND id %% 3 = 0", [flow_id])
    figures = [opened(context, menu) for menu in MENUS]
    return figures + bulk(context, flow_id)


def opened(context, name):
    """Views, first page and count of the list behind a menu, as the web client asks for them."""
    with context.env() as env:
        action = env.ref(f"integration_flow.menu_{name}").action
        kinds = [kind for kind in action.view_mode.split(",") if kind in ("list", "kanban")]
        model = env[action.res_model].with_user(env.ref("base.user_admin"))
        views = model.get_views([(False, kinds[0]), (False, "search")])
        names = views["models"][action.res_model]["fields"]
        arch = views["views"][kinds[0]]["arch"]
        specification = {field: {"fields": {"display_name": {}}} if model._fields[field].type == "many2one" else {}
                         for field in names if f'name="{field}"' in arch}
        model.web_search_read([], specification, limit=1)  # the server is warm, its caches are those of any request
        env.invalidate_all()
        seconds = timed(lambda: model.web_search_read([], specification, limit=PAGE, count_limit=10_001))
    say(f"{name}: {1000 * seconds:.0f} ms")
    return figure(f"list {name}", 1000 * seconds, f"ms ({ROWS:,} rows)", f"≤ {LIMIT * 1000:.0f}", seconds <= LIMIT)


def timed(call):
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def bulk(context, flow_id):
    """Retry everything of the flow, from the press of the button to the last page."""
    with context.env() as env:
        actions = env["integration.bulk.action"].with_user(env.ref("base.user_admin"))
        started = time.perf_counter()
        answer = actions._start("retry", "integration.sync", [("flow_id", "=", flow_id)])
        start = time.perf_counter() - started
    started = time.perf_counter()
    with context.env() as env:
        env["integration.bulk.action"]._cron_run()
    seconds = time.perf_counter() - started
    with context.env() as env:
        found = env["integration.bulk.action"].browse(answer["params"]["id"])
        require((found.state, found.done) == ("done", ROWS), f"{found.state}: {found.done} of {found.total}")
    return [
        figure("bulk retry, start", 1000 * start, "ms", f"≤ {LIMIT * 1000:.0f}", start <= LIMIT),
        figure("bulk retry, all records", seconds, f"s, {ROWS / seconds:,.0f} records a second"),
    ]
