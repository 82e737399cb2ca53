"""The cost of a record in tables of 1,000,000 sync records, links and log lines against tables of 10,000, in one run.

Two copies of one database, one of them filled up; the same work in both, in turns: new, changed and unchanged records from
memory (no download hides the difference) and exports to one shop. Each piece of work is the whole way: storing what came,
claiming, importing, links, states, log lines, counters, closing the run, planning when to look again.

``BENCH_MILLION_PROFILE=1`` also prints which statements take longer in the large tables.

``BENCH_MILLION_SMALL`` and ``BENCH_MILLION_LARGE`` are the sizes of the tables, ``BENCH_MILLION_ROUNDS`` the repetitions,
``BENCH_MILLION_SLICE`` the records of a slice: two of them for each piece of work.
"""

import os
import re
import time
from contextlib import ExitStack, contextmanager

from bench_export import two_way
from common import copied_database, environment, figure, make_flow, median, quiet, require, say, shop, spread, states, work
from crowd import fill, size

from odoo import fields

from odoo.addons.integration_flow.engine import inbox
from odoo.addons.integration_flow.engine.plan import FlowPlan
from odoo.addons.integration_flow.engine.worker import Worker

SMALL = size("MILLION_SMALL", 10_000)
LARGE = size("MILLION_LARGE", 1_000_000)
ROUNDS = size("MILLION_ROUNDS", 7)
SLICE = size("MILLION_SLICE", 500)
RECORDS = 2 * SLICE
KINDS = ("new", "changed", "unchanged", "export", "idle")
LIMIT = 1.2
PROFILE = bool(os.environ.get("BENCH_MILLION_PROFILE"))
# External IDs of the records of this benchmark, apart from those of the shop and of the crowd.
FIRST_ID = 5_000_000


def main(context):
    with shop(SLICE) as server, ExitStack() as stack:
        with context.env() as env:
            flow = make_flow(
                env, server, parallel_calls=8, direction="both", timing="live", rules=two_way(), batch_size=SLICE)
            flow.next_run_at = False  # nothing is downloaded but the first time
            flow_id = flow.id
        work(context, flow_id)
        require(states(context, flow_id) == {"synced": SLICE}, "the first import is not complete")
        fill(context.registry, flow_id, SMALL, exchanges=SMALL // 10)
        copy = stack.enter_context(copied_database(context, "large"))
        fill(copy, flow_id, LARGE, exchanges=LARGE // 10)
        sides = {"small": Side("small", context.registry, flow_id), "large": Side("large", copy, flow_id)}
        seconds = {(kind, name): [] for kind in KINDS for name in sides}
        for number in range(ROUNDS + 1):
            for kind in KINDS:
                for name in list(sides) if number % 2 else list(reversed(sides)):
                    taken = getattr(sides[name], kind)(number)
                    if number:  # the first round warms up
                        seconds[kind, name].append(taken)
            if number:
                say(f"round {number}: " + ", ".join(
                    f"{kind} {seconds[kind, 'small'][-1]:.3f}/{seconds[kind, 'large'][-1]:.3f}" for kind in KINDS))
    if PROFILE:
        Profile.say()
    return [line for kind in KINDS for line in compared(kind, seconds[kind, "small"], seconds[kind, "large"])]


def compared(kind, small, large):
    ratios = [much / little for little, much in zip(small, large, strict=True)]
    value = median(large) / median(small)
    if kind == "idle":
        return [figure(
            "a look that finds nothing", 1000 * median(large), f"ms ({1000 * median(small):.1f} ms with {SMALL:,})")]
    count = SLICE if kind == "export" else RECORDS
    return [
        figure(f"{kind}, {LARGE:,} rows", 1e6 * median(large) / count, f"µs a record ({1e6 * median(small) / count:.0f} "
               f"with {SMALL:,})"),
        figure(f"{kind}, {LARGE:,} against {SMALL:,} rows", value, f"× ({spread(ratios)})", f"≤ {LIMIT}", value <= LIMIT),
    ]


class Profile:
    """A psycopg2 cursor that adds up how long each statement takes."""

    seconds: dict = {}

    def __init__(self, cursor, side):
        self._cursor, self._side = cursor, side

    def execute(self, query, params=None):
        started = time.perf_counter()
        try:
            return self._cursor.execute(query, params)
        finally:
            text = query.decode(errors="replace") if isinstance(query, bytes) else str(query)
            key = re.sub(r"\s+", " ", re.sub(r"\d+|'[^']*'", "?", text))[:150]
            sides = self.seconds.setdefault(key, {"small": [0, 0.0], "large": [0, 0.0]})
            sides[self._side][0] += 1
            sides[self._side][1] += time.perf_counter() - started

    def __getattr__(self, name):
        return getattr(self._cursor, name)

    @classmethod
    def say(cls):
        ranked = sorted(cls.seconds.items(), key=lambda pair: -abs(pair[1]["large"][1] - pair[1]["small"][1]))
        for text, sides in ranked[:25]:
            (count, small), (_count, large) = sides["small"], sides["large"]
            say(f"{1000 * small:8.0f} → {1000 * large:8.0f} ms, {count:5} times: {text}")


class Side:
    """The work in one of the two databases. Each method does it once and returns its seconds."""

    def __init__(self, name, registry, flow_id):
        self.name = name
        self.registry = registry
        self.flow_id = flow_id

    @contextmanager
    def cursor(self):
        with self.registry.cursor() as cr:
            if PROFILE:
                cr._obj = Profile(cr._obj, self.name)
            yield cr

    def _import(self, records, *, expected):
        with self.cursor() as cr:
            env = environment(self.registry, cr)
            flow = env["integration.flow"].browse(self.flow_id)
            with quiet() as watch:
                run = flow._open_run("button", full=True)
                run.write({"fetching": False, "page_count": 1})
                run.flush_recordset()
                for start in range(0, len(records), SLICE):
                    inbox.store(cr, FlowPlan(flow), records[start:start + SLICE], now=fields.Datetime.now(), run_id=run.id)
                    cr.commit()
                Worker(env, flow.connection_id).run()
                cr.commit()
            env.invalidate_all()
            found = {name: run[name] for name in expected}
            require(found == expected, f"{found} and not {expected}: {run.state} {run.message}")
        return watch.seconds

    def new(self, number):
        records = [customer(FIRST_ID + number * RECORDS + each, "first") for each in range(RECORDS)]
        return self._import(records, expected={"state": "done", "created_count": RECORDS})

    def changed(self, number):
        """Of those that the first round has made."""
        return self._import([customer(FIRST_ID + each, f"changed {number}") for each in range(RECORDS)],
                            expected={"state": "done", "updated_count": RECORDS})

    def unchanged(self, number):
        return self._import([customer(FIRST_ID + each, f"changed {number}") for each in range(RECORDS)],
                            expected={"state": "done", "updated_count": 0, "failed_count": 0})

    def export(self, number):
        with self.cursor() as cr:
            env = environment(self.registry, cr, tracking_disable=True)
            cr.execute("SELECT res_id FROM integration_sync WHERE flow_id = %s AND length(external_id) < 7", [self.flow_id])
            partners = env["res.partner"].browse([row[0] for row in cr.fetchall()])
            for partner in partners:
                partner.street = f"Export {number}/{partner.id}"
        return self._work(pending=len(partners))

    def idle(self, _number):
        return self._work(pending=0)

    def _work(self, pending):
        with self.cursor() as cr:
            env = environment(self.registry, cr)
            cr.execute("SELECT count(*) FROM integration_capture")
            require(cr.fetchone()[0] >= pending, "the changes were not captured")
            cr.commit()
            with quiet() as watch:
                Worker(env, env["integration.flow"].browse(self.flow_id).connection_id).run()
                cr.commit()
            cr.execute(
                "SELECT state, count(*) FROM integration_sync WHERE flow_id = %s AND state <> 'synced' GROUP BY state",
                [self.flow_id])
            require(not cr.rowcount, f"not all is synced: {dict(cr.fetchall())}")
        return watch.seconds


def customer(number, street):
    return {
        "id": number, "email": f"million{number}@example.com", "first_name": "Mia", "last_name": f"No {number}",
        "date_modified_gmt": "2026-01-01T10:00:00",
        "billing": {"address_1": f"{street} {number % 100}", "address_2": "", "city": "Ghent", "postcode": "9000",
                    "country": "BE", "phone": f"+32 9 {number}"}}
