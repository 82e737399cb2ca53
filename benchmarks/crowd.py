"""Many rows in the addon's tables, as they would be after years: made by SQL, with values as the engine writes them."""

import os

from common import say, sql

# External IDs and record ids of made-up rows begin here, so that they meet no real ones.
FIRST_ID = 10_000_000


def size(name, default):
    """A count of a benchmark: from the environment variable ``BENCH_<name>``, else its usual size."""
    return int(os.environ.get(f"BENCH_{name}") or default)


def fill(registry, flow_id, count, *, logs=None, exchanges=0, log_days=1, vacuum=True):
    """Settled sync records of ``flow_id`` with a link and a log line each, up to ``count`` of each.

    :param logs: number of log lines when it is not ``count``
    :param exchanges: number of exchanges with bodies
    :param log_days: the lines are of as many days before now
    """
    logs = count if logs is None else logs
    with registry.cursor() as cr:
        cr.execute(
            "SELECT f.connection_id, f.resource_id, f.company_id, f.model_name FROM integration_flow f WHERE id = %s",
            [flow_id])
        connection_id, resource_id, company_id, model = cr.fetchone()
        params = {
            "flow": flow_id, "connection": connection_id, "resource": resource_id, "company": company_id, "model": model,
            "first": FIRST_ID, "last": FIRST_ID + count - 1, "days": log_days, "logs": logs, "exchanges": exchanges}
        cr.execute("INSERT INTO integration_run (flow_id, connection_id, company_id, trigger, state, started_at, ended_at) "
                   "VALUES (%(flow)s, %(connection)s, %(company)s, 'schedule', 'done', now() AT TIME ZONE 'UTC', "
                   "now() AT TIME ZONE 'UTC') RETURNING id", params)
        params["run"] = cr.fetchone()[0]
        # Foreign keys are not checked: they are right, and checking them would take most of the time.
        cr.execute("SET LOCAL session_replication_role = replica")
        cr.execute(_SYNC, params)
        cr.execute(_LINK, params)
        if exchanges:
            cr.execute(_EXCHANGE, params)
        cr.execute(_LOG, params)
    if vacuum:
        sql(registry.db_name, *(
            f"VACUUM ANALYZE integration_{table}" for table in ("sync", "link", "log", "exchange", "run")))
    say(f"{count:,} records and links, {logs:,} log lines in the tables")


_SYNC = """
INSERT INTO integration_sync (
    flow_id, connection_id, company_id, model, res_id, external_id, name, state, direction, import_pending, export_pending,
    delete_pending, create_sent, priority, attempts, revision, payload, content_hash, agreed, external_updated_at, run_id,
    last_synced_at, last_import_at, create_date, write_date)
SELECT %(flow)s, %(connection)s, %(company)s, %(model)s, n, n::text, 'customer' || n || '@example.com', 'synced', 'import',
    false, false, false, false, 10, 0, 1,
    '{"id":' || n || ',"email":"customer' || n || '@example.com","first_name":"Ada","last_name":"No ' || n
        || '","date_modified_gmt":"2026-01-01T10:00:00","billing":{"address_1":"Main street ' || n %% 500
        || '","address_2":"","city":"Ghent","postcode":"9000","country":"BE","phone":"+32 9 ' || n || '"}}',
    md5(n::text),
    jsonb_build_object(
        'name', jsonb_build_object('o', 'Ada No ' || n, 'e', 'Ada No ' || n),
        'email', jsonb_build_object('o', 'customer' || n || '@example.com', 'e', 'customer' || n || '@example.com'),
        'street', jsonb_build_object('o', 'Main street ' || n %% 500, 'e', 'Main street ' || n %% 500),
        'city', jsonb_build_object('o', 'Ghent', 'e', 'Ghent'), 'zip', jsonb_build_object('o', '9000', 'e', '9000'),
        'country', jsonb_build_object('o', 20, 'e', 'BE')),
    '2026-01-01 10:00:00', %(run)s, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC',
    now() AT TIME ZONE 'UTC'
FROM generate_series(%(first)s, %(last)s) AS n
WHERE NOT EXISTS (SELECT 1 FROM integration_sync s WHERE s.flow_id = %(flow)s AND s.external_id = n::text)
"""
_LINK = """
INSERT INTO integration_link (connection_id, resource_id, external_id, model, res_id, create_date)
SELECT %(connection)s, %(resource)s, n::text, %(model)s, n, now() AT TIME ZONE 'UTC'
FROM generate_series(%(first)s, %(last)s) AS n ON CONFLICT DO NOTHING
"""
_EXCHANGE = """
INSERT INTO integration_exchange (
    connection_id, company_id, flow_id, run_id, create_date, direction, correlation_id, method, url, status, duration_ms,
    request_body, response_body, request_bytes, response_bytes)
SELECT %(connection)s, %(company)s, %(flow)s, %(run)s,
    now() AT TIME ZONE 'UTC' - %(days)s * interval '1 day' * (1 - n::float / %(exchanges)s), 'out', gen_random_uuid(), 'PUT',
    'http://127.0.0.1/customers/' || n, 200, 20, repeat('{"email": "customer' || n || '"} ', 20),
    repeat('{"id": ' || n || '} ', 20), 600, 300
FROM generate_series(1, %(exchanges)s) AS n
"""
_LOG = """
INSERT INTO integration_log (
    sync_id, flow_id, company_id, run_id, create_date, direction, outcome, attempt, changes, duration_ms, user_id)
SELECT s.ids[1 + n %% array_length(s.ids, 1)], %(flow)s, %(company)s, %(run)s,
    now() AT TIME ZONE 'UTC' - %(days)s * interval '1 day' * (1 - n::float / %(logs)s), 'import',
    CASE n %% 10 WHEN 0 THEN 'failed' WHEN 1 THEN 'updated' WHEN 2 THEN 'created' ELSE 'unchanged' END, 1,
    CASE WHEN n %% 10 IN (1, 2) THEN jsonb_build_object('street', jsonb_build_array('Main street ' || n, 'Side street')) END,
    2, 1
FROM generate_series(1, %(logs)s) AS n,
    (SELECT array_agg(id) AS ids FROM integration_sync WHERE flow_id = %(flow)s) AS s
"""
