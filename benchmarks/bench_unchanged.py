"""The same import again with nothing changed, against only downloading and parsing the pages.

The baseline is ``requests`` with a kept connection and ``json.loads``, page after page, and nothing else. The sandbox
answers a page of 500 in about 2 ms, faster than any real system, so the figure is also measured with answers that take
20 ms, which is still fast for a page of 500.
"""

import json

import requests
from common import (
    CUSTOMERS,
    PAGE,
    REPETITIONS,
    figure,
    make_flow,
    median,
    quiet,
    require,
    say,
    shop,
    spread,
    states,
    work,
)

LATENCIES = (0, 20)
REPEAT_EACH = max(REPETITIONS, 5)


def main(context):
    figures = []
    with shop() as server:
        with context.env() as env:
            flow_id = make_flow(env, server).id
        work(context, flow_id)
        require(states(context, flow_id) == {"synced": CUSTOMERS}, "the first import is not complete")
        for latency in LATENCIES:
            server.settings(latency_ms=latency)
            work(context, flow_id)
            parse_only(server)
            ours, theirs = [], []
            for _number in range(REPEAT_EACH):
                theirs.append(parse_only(server))
                ours.append(unchanged(context, flow_id))
            say(f"latency {latency} ms: import {median(ours):.3f} s, download and parse {median(theirs):.3f} s")
            ratios = [flow / plain for flow, plain in zip(ours, theirs, strict=True)]
            value = median(ours) / median(theirs)
            figures += [
                figure(f"unchanged, answers of {latency} ms", CUSTOMERS / median(ours),
                       f"contacts/s ({spread([CUSTOMERS / each for each in ours], 0)})"),
                figure(f"unchanged, answers of {latency} ms", value, f"× download and parse ({spread(ratios)})", "≤ 2",
                       value <= 2),
            ]
    return figures


def parse_only(server):
    count = 0
    with requests.Session() as session, quiet() as watch:
        session.headers["X-API-Key"] = server.api_key
        for page in range(1, CUSTOMERS // PAGE + 1):
            answer = session.get(f"{server.api}/customers", timeout=30, params={
                "per_page": PAGE, "page": page, "orderby": "id", "order": "asc"})
            count += len(json.loads(answer.content))
    require(count == CUSTOMERS, f"{count} customers downloaded")
    return watch.seconds


def unchanged(context, flow_id):
    seconds = work(context, flow_id)
    with context.env() as env:
        run = env["integration.run"].search([("flow_id", "=", flow_id)], limit=1)
        require((run.state, run.unchanged_count) == ("done", CUSTOMERS), f"{run.state}, {run.unchanged_count} unchanged")
    return seconds
