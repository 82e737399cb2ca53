"""What the benchmarks share: a shop, a flow, the worker, pairs of measurements, and figures.

Every figure is a ratio of two things measured alternately in one process, so that a machine that is busy with
something else slows both. Medians, with the smallest and the largest value beside them.
"""

import gc
import statistics
import sys
import time
from contextlib import contextmanager
from functools import cached_property

from odoo import api
from odoo.modules.registry import Registry
from odoo.sql_db import close_db, db_connect

from odoo.addons.integration_flow.engine.worker import Worker
from odoo.addons.integration_flow.sandbox.client import SandboxServer

CUSTOMERS = 10_000
PAGE = 500
BATCH = 1_000
REPETITIONS = 3

RULES = [
    {"code": "name", "odoo_path": "name", "external_path": "@", "transform": "template",
     "template": "{first_name} {last_name}", "required": True},
    {"code": "email", "odoo_path": "email", "external_path": "email", "transform": "text", "text_case": "lower",
     "match_key": True},
    {"code": "street", "odoo_path": "street", "external_path": "billing.address_1", "transform": "text"},
    {"code": "street2", "odoo_path": "street2", "external_path": "billing.address_2", "transform": "text"},
    {"code": "city", "odoo_path": "city", "external_path": "billing.city", "transform": "text"},
    {"code": "zip", "odoo_path": "zip", "external_path": "billing.postcode", "transform": "text"},
    {"code": "country", "odoo_path": "country_id", "external_path": "billing.country", "transform": "country"},
    {"code": "phone", "odoo_path": "phone", "external_path": "billing.phone", "transform": "text"},
]


def say(text):
    """Progress for whoever waits; the figures go another way."""
    print(f"    {text}", file=sys.stderr, flush=True)


# -- the shop and its flow -----------------------------------------------------------------------------------


def shop(customers=CUSTOMERS, **flags):
    """A sandbox of the benchmark's own, with so many customers (not started yet: use ``with``)."""
    server = SandboxServer(seed="empty", max_per_page=PAGE, **flags)

    @contextmanager
    def running():
        with server:
            for start in range(0, customers, BATCH):
                server.seed(customers=min(BATCH, customers - start))
            yield server

    return running()


def blueprint(code="bench", **flow):
    """Customers of the sandbox shop and contacts: eight rules, all owned by the shop unless ``flow`` says more."""
    listing = {
        "kind": "list", "method": "GET", "path": "customers", "paging_style": "page", "page_param": "page",
        "size_param": "per_page", "page_size": PAGE, "first_page": 1, "total_pages_header": "X-WP-TotalPages",
        "error_paths": "message", "query": {"orderby": "id", "order": "asc"}}
    update = {
        "kind": "update", "method": "PUT", "path": "customers/{id}", "idempotent": True, "error_paths": "message"}
    return {
        "format": 1,
        "name": "Benchmark",
        "connections": [{
            "code": code, "name": f"Shop {code}", "api_name": "Benchmark", "environment": "sandbox",
            "base_url": "http://127.0.0.1:1", "auth_type": "api_key_header", "auth_name": "X-API-Key"}],
        "resources": [{
            "code": "customer", "name": "Customer", "api_name": "Benchmark", "id_path": "id",
            "updated_at_path": "date_modified_gmt", "name_path": "email", "operations": [listing, update]}],
        "flows": [{
            "code": "contacts", "name": "Contacts", "connection": code, "resource": "customer",
            "model": "res.partner", "direction": "import", "timing": "manual", "batch_size": BATCH, "tz": "UTC",
            "rules": RULES, **flow}],
    }


def make_flow(env, server, *, parallel_calls=4, code="bench", **flow):
    """A flow between ``server`` and contacts, in Test, run by the administrator; ``code``: of its connection."""
    found = env["integration.blueprint"]._apply(blueprint(code, **flow), connection_vals={code: {
        "base_url": server.api, "auth_secret_input": server.api_key, "parallel_calls": parallel_calls}})
    flow = found["contacts"]
    flow.user_id = env.ref("base.user_admin")
    flow.action_test_mode()
    return flow


def work(context, flow_id, *, full=True, reading=True):
    """Open a run of the flow that reads the other side, and let the worker do all that is due. Returns its seconds."""
    if reading:
        with context.env() as env:
            env["integration.flow"].browse(flow_id)._open_run("button", full=full)
    with context.env() as env, quiet() as watch:
        Worker(env, env["integration.flow"].browse(flow_id).connection_id).run()
    return watch.seconds


def states(context, flow_id):
    """``{state: count}`` of the flow's sync records, to see that the work was really done."""
    with context.env() as env:
        groups = env["integration.sync"]._read_group([("flow_id", "=", flow_id)], ["state"], ["__count"])
        return dict(groups)


def require(condition, text):
    """A benchmark that did not do its work has no figure."""
    if not condition:
        raise SystemExit(f"This benchmark did not do what it measures: {text}")


# -- measuring -----------------------------------------------------------------------------------------------


class Watch:
    def __init__(self):
        self.started = time.perf_counter()

    @cached_property
    def seconds(self):
        return time.perf_counter() - self.started


@contextmanager
def quiet():
    """Measure a block that begins without garbage of the one before."""
    gc.collect()
    watch = Watch()
    yield watch
    watch.seconds  # noqa: B018 - stops the watch


def median(values):
    return statistics.median(values)


def spread(values, digits=2):
    """How far the repetitions lie apart: 'min-max'."""
    return f"{min(values):,.{digits}f}–{max(values):,.{digits}f}"


def figure(name, value, unit, target=None, passed=None):
    return {"name": name, "value": float(value), "unit": unit, "target": target, "passed": passed}


# -- databases -----------------------------------------------------------------------------------------------


def sql(database, *statements):
    """Run statements outside of a transaction (VACUUM, CREATE DATABASE)."""
    cursor = db_connect(database).cursor()
    cursor.commit()
    cursor.connection.autocommit = True
    try:
        for statement in statements:
            cursor.execute(statement)
    finally:
        cursor.connection.autocommit = False
        cursor.close()


def forget_contacts(context, newest_kept):
    """Remove what a repetition made, so that the next one finds the tables as this one did."""
    with context.registry.cursor() as cr:
        cr.execute("DELETE FROM integration_run")
        for table in ("integration_log", "integration_sync", "integration_link", "integration_exchange"):
            cr.execute(f"TRUNCATE {table} CASCADE")
        # Triggers off: a cascade would look into sixty tables that know none of these rows.
        cr.execute("SET LOCAL session_replication_role = replica")
        cr.execute("DELETE FROM res_partner WHERE id > %s", [newest_kept])
    sql(context.database, "VACUUM ANALYZE res_partner", "CHECKPOINT")


@contextmanager
def copied_database(context, name, *, with_addon=True, without=()):
    """The registry of a copy of the database; without the addon (or the modules of ``without``) their tables are there
    and none of their code is loaded.

    A copy is of the same pages, so that two copies differ in nothing but the code that runs.
    """
    database = f"{context.database}_{name}"
    close_db(context.database)
    sql("postgres", f'DROP DATABASE IF EXISTS "{database}"',
        f'CREATE DATABASE "{database}" TEMPLATE "{context.database}"',
        f'ALTER DATABASE "{database}" SET synchronous_commit = on')
    try:
        absent = [*without, *(() if with_addon else ["integration_flow"])]
        with db_connect(database).cursor() as cr:
            cr.execute("UPDATE ir_module_module SET state = 'uninstalled' WHERE name = ANY(%s)", [absent])
        yield Registry(database)
    finally:
        Registry.delete(database)
        close_db(database)
        sql("postgres", f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')


def environment(registry, cr, user_id=api.SUPERUSER_ID, **context):
    return api.Environment(cr, user_id, context)
