"""Import of contacts against OCA connector: first, unchanged, one changed field.

Both sides read the same shop over the same HTTP and make the same contacts with the same eight values, as the same user,
tracking off, answers without delay. The connector (``peers/``) is written by its book: adapter, mapper, binder, importer;
what is not newer than its last import is left out, and only values that differ are written. It runs in two ways: record
by record (a call and a commit for each, as its jobs do) and by pages of 200 (a call and a commit for each page, as large
batches are recommended). No time is counted for its job queue: its importers are called directly, one after the other.

Each side works on a copy of the database of its own, in which the other side's code is not loaded: the connector's events
would slow down every write of ours.
"""

import time
from dataclasses import dataclass, replace

from common import (
    copied_database,
    environment,
    figure,
    forget_contacts,
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

from odoo.modules.registry import Registry

PEERS = ("connector", "integration_flow_bench_connector")

SIZES = (1_000, 10_000)
REPETITIONS = {1_000: 3}  # others once: ten thousand take the connector minutes
PEER_PAGE = 200
NO_CHATTER = {
    "tracking_disable": True, "mail_create_nosubscribe": True, "mail_create_nolog": True, "mail_notrack": True,
    "connector_no_export": True}
STEPS = ("first import", "again, unchanged", "one changed field")
WAYS = ("by pages of 200", "record by record")
# What the import has to be faster by, for each of STEPS.
TARGETS = {"by pages of 200": (4, 12, 4), "record by record": (12, 45, 6)}


def main(context):
    figures = []
    with copied_database(context, "ours", without=("component_event", "connector", "queue_job", "component",
                                                   "integration_flow_bench_connector")) as ours, \
            copied_database(context, "theirs", without=("integration_flow",)) as theirs:
        for size in context.sizes or SIZES:
            with shop(size) as server:
                figures += compare(Side.of(context, ours), Side.of(context, theirs), server, size)
    return figures


@dataclass(frozen=True)
class Side:
    """A copy of the database with one of the two; looks like a context for what the benchmarks share."""

    database: str
    registry: Registry
    context: object

    @classmethod
    def of(cls, context, registry):
        return cls(registry.db_name, registry, replace(context, database=registry.db_name, registry=registry))

    def newest(self):
        with self.context.env(active_test=False) as env:
            return env["res.partner"].search([], order="id desc", limit=1).id


def compare(ours, theirs, server, size):
    """All ways of one size, in turns; the rates of each step."""
    with ours.context.env() as env:
        flow_id = make_flow(env, server).id
    with theirs.context.env() as env:
        backend_id = env["bench.shop.backend"].create({
            "name": "Shop", "base_url": server.api, "api_key": server.api_key}).id
    our_newest, their_newest = ours.newest(), theirs.newest()
    rates = {way: ([], [], []) for way in ("ours", *WAYS)}
    number = 0
    for _repetition in range(REPETITIONS.get(size, 1)):
        for way in rates:
            for step in range(len(STEPS)):
                if step == 2:
                    number += 1
                    change_all(server, size, {"billing": {"address_1": f"Changed street {number}"}})
                if way == "ours":
                    seconds = import_by_flow(ours.context, flow_id, size, step)
                else:
                    seconds = import_by_connector(theirs, backend_id, size, step, way, f"Changed street {number}")
                rates[way][step].append(size / seconds)
            forget_contacts(ours.context, our_newest) if way == "ours" else forget_bindings(theirs, their_newest)
            say(f"{size} contacts, {way}: " + ", ".join(f"{rates[way][step][-1]:,.0f}" for step in range(3)) + " a second")
    return [line for step in range(3) for line in lines(rates, step, size)]


def change_all(server, size, changes):
    """Somebody changes every customer over there, the first one last: a list by ID is hardly ever one by time as well, and
    what was changed just now would be read once more from such a list, lest a record that moves in it is missed."""
    first = min(server.dump("customers"), key=lambda customer: customer["id"])["id"]
    server.touch("customers", count=size, changes=changes)
    time.sleep(1.1)
    server.touch("customers", ids=[first], changes=changes)


def lines(rates, step, size):
    title = f"{STEPS[step]}, {size:,}"
    mine = rates["ours"][step]
    yield figure(title, median(mine), f"contacts/s ({spread(mine, 0)})")
    for way in WAYS:
        others = rates[way][step]
        ratio, target = median(mine) / median(others), TARGETS[way][step]
        yield figure(f"{title}, connector {way}", median(others), f"contacts/s ({spread(others, 0)})")
        yield figure(f"{title}, against the connector {way}", ratio, "×", f"≥ {target}", ratio >= target)


def import_by_flow(context, flow_id, size, step):
    seconds = work(context, flow_id)
    with context.env() as env:
        run = env["integration.run"].search([("flow_id", "=", flow_id)], limit=1)
        counted = (run.created_count, run.unchanged_count, run.updated_count)[step]
        require((run.state, counted) == ("done", size), f"{STEPS[step]}: {counted} of {size} counted")
    require(states(context, flow_id) == {"synced": size}, str(states(context, flow_id)))
    return seconds


def import_by_connector(side, backend_id, size, step, way, street):
    with side.registry.cursor() as cr, quiet() as watch:
        env = environment(side.registry, cr, admin(side), **NO_CHATTER)
        backend, model = env["bench.shop.backend"].browse(backend_id), env["bench.shop.partner"]
        for page in range(1, -(-size // PEER_PAGE) + 1):
            if way == "by pages of 200":
                model.import_page(backend, page, PEER_PAGE)
                cr.commit()
                continue
            for external_id in model.list_ids(backend, page, PEER_PAGE):
                model.import_record(backend, str(external_id))
                cr.commit()
    with side.context.env() as env:
        require(env["bench.shop.partner"].search_count([]) == size, f"{size} bindings wanted")
        changed = env["bench.shop.partner"].search_count([("street", "=", street)])
        require(step < 2 or changed == size, f"{STEPS[step]}: {changed} of {size} have the changed street")
    return watch.seconds


def admin(side):
    with side.context.env() as env:
        return env.ref("base.user_admin").id


def forget_bindings(side, newest_kept):
    with side.registry.cursor() as cr:
        cr.execute("DELETE FROM bench_shop_partner")
    forget_contacts(side.context, newest_kept)
