"""Export of 2,000 changed contacts to a system that answers in 20 ms and takes 8 calls at a time.

The most that such a system allows is 8 ÷ 0.02 = 400 calls a second. Measured is the whole run of the worker: folding
the captured changes, claiming, mapping, comparing, the calls, recording states, log lines and exchanges.
"""

from common import (
    REPETITIONS,
    RULES,
    environment,
    figure,
    make_flow,
    median,
    require,
    say,
    shop,
    spread,
    states,
    work,
)

CHANGED = 2_000
LATENCY = 0.020
PARALLEL = 8
ALLOWED = PARALLEL / LATENCY


def main(context):
    with shop(CHANGED) as server:
        with context.env() as env:
            flow_id = make_flow(
                env, server, parallel_calls=PARALLEL, direction="both", timing="live", rules=two_way()).id
        work(context, flow_id)
        require(states(context, flow_id) == {"synced": CHANGED}, "the first import is not complete")
        server.settings(latency_ms=LATENCY * 1000)
        rates = []
        for number in range(REPETITIONS + 1):
            change(context, flow_id, number)
            server.clear_counts()
            seconds = work(context, flow_id, reading=False)
            sent = server.counts()["by_route"] if "by_route" in server.counts() else server.counts()
            require(states(context, flow_id) == {"synced": CHANGED}, f"after the export: {states(context, flow_id)}")
            if number:  # the first one warms up
                rates.append(CHANGED / seconds)
            say(f"{CHANGED / seconds:.0f} a second {str(sent)[:300]}")
    share = median(rates) / ALLOWED
    return [
        figure("export", median(rates), f"contacts/s ({spread(rates, 0)})"),
        figure("export, share of what the system allows", 100 * share,
               f"% of {ALLOWED:.0f} calls/s ({spread([100 * rate / ALLOWED for rate in rates], 0)})", "≥ 80", share >= 0.8),
    ]


def two_way():
    """The same rules, but Odoo's changes go out; a name that is put together of two cannot."""
    return [
        {**rule, "direction": "import", "owner": "external_at_creation"} if rule["code"] == "name"
        else {**rule, "owner": "newest"} for rule in RULES
    ]


def change(context, flow_id, number):
    """Another street for every contact of the flow, by the ORM, so that each change is captured."""
    with context.registry.cursor() as cr:
        env = environment(context.registry, cr, tracking_disable=True)
        ids = env["integration.sync"].search([("flow_id", "=", flow_id)]).mapped("res_id")
        for partner in env["res.partner"].browse(ids):
            partner.street = f"Changed street {number}/{partner.id}"
