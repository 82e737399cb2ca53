"""Many rows in every table of the addon that has a list, spread over flows, connections and companies, made by SQL.

Uneven on purpose, as tables are after years: one flow has a third of everything, one issue two fifths of all failing
records, and most messages occur a few times. Values repeat by division of the number of the row, so that two runs are equal.
"""

from common import say, sql
from crowd import FIRST_ID

# Tables that others point to first.
TABLES = ("run", "issue", "sync", "link", "exchange", "log", "conflict", "deletion", "event", "delivery", "webhook_event",
          "webhook_rejection", "reconciliation", "reconciliation_line", "revert_line", "document", "bulk_action",
          "value_map_line", "payload_edit", "alert")


def fill(context, flow_ids, user_id, count, *, contacts):
    """``count`` rows in each table (twice as many sync records: one half needs somebody), of these flows in turns.

    :param user_id: of the person whose flows, issues and conflicts some are
    :param contacts: ids of contacts that sync records belong to, first and last
    """
    with context.registry.cursor() as cr:
        cr.execute("SELECT id FROM integration_subscriber ORDER BY id LIMIT 1")
        subscriber_id = cr.fetchone()[0]
        cr.execute("SELECT id FROM integration_value_map ORDER BY id LIMIT 1")
        map_id = cr.fetchone()[0]
        params = {
            "count": count, "first": FIRST_ID, "user": user_id, "subscriber": subscriber_id, "map": map_id,
            "contact": contacts[0], "contacts": contacts[1] - contacts[0] + 1}
        # Which flow a row belongs to: of three rows one is of the first flow.
        cr.execute(
            """CREATE TEMPORARY TABLE flow_of ON COMMIT DROP AS
               SELECT list.n - 1 AS turn, f.id AS flow, f.connection_id AS connection, f.company_id AS company,
                      f.resource_id AS resource, f.responsible_id AS responsible,
                      (SELECT min(r.id) FROM integration_field_rule r WHERE r.flow_id = f.id) AS rule
               FROM unnest(%s::int[]) WITH ORDINALITY AS list (id, n) JOIN integration_flow f ON f.id = list.id""",
            [[flow_ids[0] if n % 3 == 0 else flow_ids[n % len(flow_ids)] for n in range(3 * len(flow_ids))]])
        cr.execute("ANALYZE flow_of")
        params["flows"] = 3 * len(flow_ids)
        # Foreign keys are not checked: they are right, and checking them would take most of the time.
        cr.execute("SET LOCAL session_replication_role = replica")
        for table in TABLES:
            cr.execute(_ROWS[table], params)
            say(f"{table}: {cr.rowcount:,}")
    sql(context.database, *(f"VACUUM ANALYZE integration_{table}" for table in TABLES))


_NOW = "now() AT TIME ZONE 'UTC'"
# About a row a minute: 100,000 of them are 70 days.
_AGO = f"{_NOW} - (%(count)s - n) %% 100000 * interval '1 minute'"
_FROM = "FROM generate_series(1, %(count)s) AS n JOIN flow_of f ON f.turn = n %% %(flows)s ORDER BY n.n"
_MESSAGE = ("CASE WHEN n %% 5 < 2 THEN 'The other system did not accept the telephone number.' "
            "ELSE 'The tax ''T' || n / 20 || ''' is not mapped yet.' END")

_ROWS = {
    "run": f"""
        INSERT INTO integration_run (flow_id, connection_id, company_id, trigger, state, started_at, ended_at, read_count,
            created_count, updated_count, unchanged_count, excluded_count, failed_count, call_count, page_count, "full",
            message, fetching)
        SELECT f.flow, f.connection, f.company,
            CASE WHEN n = 1 THEN 'revert' WHEN n %% 7 = 0 THEN 'button' ELSE 'schedule' END,
            CASE WHEN n %% 50 = 0 THEN 'failed' WHEN n > %(count)s - 5 THEN 'open' ELSE 'done' END, {_AGO}, {_AGO}, n %% 900,
            n %% 20, n %% 90, n %% 800, n %% 3, CASE WHEN n %% 10 = 0 THEN n %% 30 ELSE 0 END, n %% 9, n %% 8, n %% 100 = 0,
            CASE WHEN n %% 50 = 0 THEN 'The list could not be read.' END, false {_FROM}""",
    # Every second one is open; the first of them stands for two fifths of the failing records.
    "issue": f"""
        INSERT INTO integration_issue (connection_id, flow_id, company_id, fingerprint, error_class, error_code, error_key,
            message, hint, severity, of_run, needs_person, state, first_seen_at, last_seen_at, times_opened, assignee_id,
            resolved_at, resolved_how, create_date, write_date, create_uid, write_uid)
        SELECT f.connection, f.flow, f.company, 'f' || n,
            (ARRAY['validation', 'unmapped', 'constraint', 'server', 'conflict'])[1 + n %% 5],
            CASE WHEN n %% 5 = 4 THEN 'conflict' END, CASE WHEN n %% 5 = 1 THEN '%(map)s:T' || n END, {_MESSAGE},
            'Map it in the value map.', (n %% 3 + 1)::text, n %% 100 = 7, n %% 5 <> 3,
            CASE WHEN n %% 2 = 0 THEN 'open' ELSE 'resolved' END, {_AGO}, {_AGO}, 1,
            CASE WHEN n %% 10 = 0 THEN %(user)s END, CASE WHEN n %% 2 = 1 THEN {_AGO} END,
            CASE WHEN n %% 2 = 1 THEN (ARRAY['itself', 'retried', 'mapped'])[1 + n %% 3] END, {_AGO}, {_AGO}, 1, 1
        {_FROM}""",
    # Two for each n: one is settled, one needs somebody.
    "sync": f"""
        INSERT INTO integration_sync (flow_id, connection_id, company_id, model, res_id, external_id, name, state, direction,
            import_pending, export_pending, delete_pending, create_sent, priority, due_at, attempts, revision, payload,
            content_hash, agreed, error_class, error_code, error_key, error_message, error_hint, waiting_for, issue_id,
            failed_at, run_id, last_synced_at, last_import_at, create_date, write_date)
        SELECT f.flow, f.connection, f.company, 'res.partner',
            CASE WHEN k = 0 THEN %(contact)s + n %% %(contacts)s ELSE %(first)s + n END,
            (CASE WHEN k = 0 THEN 'A' ELSE 'B' END) || (%(first)s + n),
            (ARRAY['Order ', 'Invoice ', 'Delivery '])[1 + n %% 3] || (%(first)s + n),
            CASE WHEN k = 1 THEN (ARRAY['failed', 'failed', 'failed', 'failed', 'failed', 'failed', 'conflict', 'unknown',
                                        'held', 'held'])[1 + n %% 10]
                 ELSE (ARRAY['synced', 'synced', 'synced', 'synced', 'synced', 'synced', 'synced', 'pending', 'waiting',
                             'excluded'])[1 + n %% 10] END,
            CASE WHEN n %% 4 = 0 THEN 'export' ELSE 'import' END, k = 0 AND n %% 10 = 7, false, false, false, 10,
            CASE WHEN k = 0 AND n %% 10 IN (7, 8) THEN {_NOW} + n * interval '1 second' END,
            CASE WHEN k = 1 OR n %% 10 = 8 THEN 3 ELSE 0 END, 1, '{{"id": ' || n || ', "name": "Order"}}', md5(n::text),
            jsonb_build_object('name', jsonb_build_object('o', 'Ada No ' || n, 'e', 'Ada No ' || n)),
            CASE WHEN k = 1 THEN (ARRAY['validation', 'unmapped', 'constraint', 'server', 'conflict'])[1 + n %% 5] END,
            CASE WHEN k = 1 AND n %% 5 = 4 THEN 'conflict' END, CASE WHEN k = 1 AND n %% 5 = 1 THEN '%(map)s:T' || n END,
            CASE WHEN k = 1 THEN {_MESSAGE} END, CASE WHEN k = 1 THEN 'Look at the record.' END,
            CASE WHEN k = 0 AND n %% 10 = 8 THEN 'customer:' || n END,
            CASE WHEN k = 1 THEN (SELECT min(id) FROM integration_issue)
            + CASE WHEN n %% 5 < 2 THEN 1 ELSE n - n %% 2 - 1 END
            END,
            CASE WHEN k = 1 THEN {_AGO} END, (SELECT min(id) FROM integration_run) + n - 1, {_AGO}, {_AGO}, {_AGO}, {_AGO}
        FROM generate_series(1, %(count)s) AS n JOIN flow_of f ON f.turn = n %% %(flows)s
            CROSS JOIN generate_series(0, 1) AS k
        ORDER BY n.n, k""",
    # Every fifth is that of a line.
    "link": f"""
        INSERT INTO integration_link (connection_id, resource_id, line_rule_id, external_id, model, res_id, create_date)
        SELECT f.connection, f.resource, CASE WHEN n %% 5 = 0 THEN f.rule END,
            %(first)s + n || CASE WHEN n %% 5 = 0 THEN '/1' ELSE '' END,
            CASE WHEN n %% 5 = 0 THEN 'res.partner.bank' ELSE 'res.partner' END, %(first)s + n, {_AGO} {_FROM}""",
    "exchange": f"""
        INSERT INTO integration_exchange (connection_id, company_id, flow_id, run_id, create_date, direction, correlation_id,
            method, url, status, duration_ms, request_body, response_body, request_bytes, response_bytes, error_class,
            error_message)
        SELECT f.connection, f.company, f.flow, (SELECT min(id) FROM integration_run) + n - 1, {_AGO},
            CASE WHEN n %% 6 = 0 THEN 'in' ELSE 'out' END, md5(n::text),
            (ARRAY['GET', 'PUT', 'POST'])[1 + n %% 3], 'https://shop.example.com/api/v3/customers/' || n,
            CASE WHEN n %% 20 = 0 THEN 400 + n %% 30 ELSE 200 END, n %% 900,
            repeat('{{"email": "customer' || n || '"}} ', 20), repeat('{{"id": ' || n || '}} ', 20), 600, 300,
            CASE WHEN n %% 20 = 0 THEN 'validation' END,
            CASE WHEN n %% 20 = 0 THEN 'Invalid telephone number' END {_FROM}""",
    # One sync record has a long history.
    "log": """
        INSERT INTO integration_log (sync_id, flow_id, company_id, run_id, exchange_id, create_date, direction, outcome,
            attempt, changes, duration_ms, message, user_id)
        SELECT s.id, s.flow_id, s.company_id, s.run_id, (SELECT min(id) FROM integration_exchange) + n - 1, s.create_date,
            s.direction, (ARRAY['failed', 'updated', 'created', 'unchanged'])[1 + n %% 4], 1,
            CASE WHEN n %% 4 = 1 THEN jsonb_build_object('street', jsonb_build_array('Main street ' || n,
                'Side street')) END,
            2, s.error_message, 1
        FROM generate_series(1, %(count)s) AS n JOIN integration_sync s ON s.id = (SELECT min(id) FROM integration_sync)
            + CASE WHEN n <= 1000 THEN 1 ELSE n END""",
    # Of records whose contact exists, so that the rights on it are asked.
    "conflict": f"""
        INSERT INTO integration_conflict (sync_id, flow_id, company_id, rule_id, code, label, model, res_id, shown, odoo_at,
            odoo_by_id, external_at, create_date, decision, decided_by_id)
        SELECT s.id, s.flow_id, s.company_id, (SELECT min(r.id) FROM integration_field_rule r WHERE r.flow_id = s.flow_id),
            'c' || n %% 2, (ARRAY['Street', 'City'])[1 + n %% 2], 'res.partner', s.res_id,
            jsonb_build_object('odoo', 'Main street ' || n, 'external', 'Side street ' || n, 'agreed_odoo', 'Old street',
                'external_odoo', 'Side street ' || n),
            {_AGO}, CASE WHEN n %% 3 = 0 THEN %(user)s ELSE 1 END, {_AGO}, {_AGO}, CASE WHEN n %% 40 = 0 THEN 'odoo' END,
            CASE WHEN n %% 40 = 0 THEN %(user)s END
        FROM generate_series(1, %(count)s) AS n
        JOIN integration_sync s ON s.id = (SELECT min(id) FROM integration_sync) + 2 * (n / 2)""",
    "deletion": f"""
        INSERT INTO integration_deletion (sync_id, flow_id, company_id, side, what, model, res_id, external_id, name, state,
            create_date)
        SELECT s.id, s.flow_id, s.company_id, CASE WHEN n %% 3 = 0 THEN 'external' ELSE 'odoo' END,
            CASE WHEN n %% 2 = 0 THEN 'archive' ELSE 'delete' END, 'res.partner', s.res_id, s.external_id, s.name,
            CASE WHEN n %% 10 = 0 THEN 'rejected' ELSE 'open' END, {_AGO}
        FROM generate_series(1, %(count)s) AS n
        JOIN integration_sync s ON s.id = (SELECT min(id) FROM integration_sync) + 2 * n - 2""",
    "event": f"""
        INSERT INTO integration_event (uid, event_type, flow_id, company_id, model, res_id, external_id, record_name,
            record_key,
            create_date, body)
        SELECT md5(n::text), 'customer.changed', f.flow, f.company, 'res.partner', %(first)s + n, n::text,
            'Customer ' || n, n,
            {_AGO}, '{{"id": ' || n || '}}' {_FROM}""",
    "delivery": f"""
        INSERT INTO integration_delivery (event_id, subscriber_id, company_id, event_type, record_key, create_date, state,
            attempts, attempted_at, delivered_at, duration_ms, last_status, error_message, next_attempt_at)
        SELECT e.id, %(subscriber)s, e.company_id, e.event_type, e.record_key, e.create_date,
            CASE WHEN n %% 20 = 0 THEN 'failed' WHEN n %% 50 = 1 THEN 'waiting' ELSE 'delivered' END, 1, e.create_date,
            e.create_date, 30, CASE WHEN n %% 20 = 0 THEN 500 ELSE 200 END, CASE WHEN n %% 20 = 0 THEN 'Status 500' END,
            CASE WHEN n %% 50 = 1 AND n %% 20 <> 0 THEN {_NOW} + interval '1 hour' END
        FROM generate_series(1, %(count)s) AS n JOIN integration_event e ON e.id = (SELECT min(id)
            FROM integration_event) + n - 1
        """,
    "webhook_event": f"""
        INSERT INTO integration_webhook_event (connection_id, company_id, event_id, topic, received_at, state, message,
            attempts,
            flow_id, due_at, content_type, size, body)
        SELECT f.connection, f.company, 'e' || n, (ARRAY['customer.updated', 'order.created'])[1 + n %% 2], {_AGO},
            CASE WHEN n %% 30 = 0 THEN 'failed' WHEN n %% 11 = 0 THEN 'ignored' WHEN n %% 100 = 1 THEN 'pending'
                ELSE 'done' END,
            CASE WHEN n %% 30 = 0 THEN 'No topic line matches' END, 1, CASE WHEN n %% 100 = 1 THEN f.flow END, NULL,
            'application/json', 900, 'x'::bytea {_FROM}""",
    "webhook_rejection": f"""
        INSERT INTO integration_webhook_rejection (connection_id, company_id, reason, count, first_at, last_at)
        SELECT DISTINCT ON (f.connection, reason) f.connection, f.company, reason, 900, {_NOW}, {_NOW} FROM flow_of f
        CROSS JOIN unnest(ARRAY['signature_wrong', 'timestamp_outside', 'no_secret', 'too_large']) AS reason""",
    "reconciliation": """
        INSERT INTO integration_reconciliation (flow_id, connection_id, company_id, trigger, state, phase, started_at,
            ended_at,
            external_count, compared_count, equal_count, drift_count, only_odoo_count, only_external_count, pending_count,
            line_count, proven_at)
        SELECT f.flow, f.connection, f.company, 'schedule', 'done', 'odoo', now() AT TIME ZONE 'UTC' - n * interval '1 hour',
            now() AT TIME ZONE 'UTC' - n * interval '1 hour', 1000, 1000, 1000, n %% 4, 0, 0, 0, n %% 4,
            CASE WHEN n %% 4 = 0 THEN now() AT TIME ZONE 'UTC' END
        FROM generate_series(1, %(count)s / 20) AS n JOIN flow_of f ON f.turn = n %% %(flows)s""",
    # All of one comparison.
    "reconciliation_line": """
        INSERT INTO integration_reconciliation_line (reconciliation_id, flow_id, company_id, sync_id, model, res_id,
            external_id,
            name, kind, field, odoo_value, external_value, owner, cause, fix, create_date)
        SELECT r.id, r.flow_id, r.company_id, s.id, 'res.partner', s.res_id, s.external_id, s.name,
            CASE WHEN n %% 10 = 0 THEN 'pending' ELSE 'field' END, 'Street', 'Main street ' || n, 'Side street ' || n,
            'external',
            'changed_outside', CASE WHEN n %% 3 = 0 THEN 'odoo' END, s.create_date
        FROM generate_series(1, %(count)s) AS n
        JOIN integration_sync s ON s.id = (SELECT min(id) FROM integration_sync) + n - 1,
        (SELECT * FROM integration_reconciliation ORDER BY id DESC LIMIT 1) AS r""",
    "revert_line": """
        INSERT INTO integration_revert_line (run_id, flow_id, company_id, sync_id, model, res_id, name, side, field,
            reason_code,
            reason, before, after, changed_by, changed_at, create_date)
        SELECT r.id, r.flow_id, r.company_id, s.id, 'res.partner', s.res_id, s.name, 'odoo', 'Street', 'changed',
            'It was changed since.', 'Main street', 'Side street ' || n, 'Ada ' || n %% 30, s.create_date, s.create_date
        FROM generate_series(1, %(count)s) AS n
        JOIN integration_sync s ON s.id = (SELECT min(id) FROM integration_sync) + n - 1,
        (SELECT * FROM integration_run ORDER BY id LIMIT 1) AS r""",
    "document": f"""
        INSERT INTO integration_document (flow_id, company_id, res_id, part_id, key, state, change_number, content_hash,
            body,
            changed_at, error)
        SELECT f.flow, f.company, %(first)s + n, 0, 'SKU-' || n,
            CASE WHEN n %% 50 = 0 THEN 'error' WHEN n %% 30 = 0 THEN 'gone'
            ELSE 'live' END, n, md5(n::text), '{{"sku": "SKU-' || n || '"}}', {_AGO},
            CASE WHEN n %% 50 = 0 THEN 'The price is missing.' END {_FROM}""",
    "bulk_action": """
        INSERT INTO integration_bulk_action (user_id, company_id, action, target, state, total, done, failed,
            started_at, ended_at,
            after_id, until_id)
        SELECT %(user)s, 1, 'retry', 'integration.sync', 'done', 100000, 100000, 0, now()
            AT TIME ZONE 'UTC' - interval '1 day',
            now() AT TIME ZONE 'UTC', 0, 0 FROM generate_series(1, %(count)s / 20) AS n""",
    "value_map_line": """
        INSERT INTO integration_value_map_line (map_id, external_value, odoo_value, is_mapped)
        SELECT %(map)s, 'T' || n, CASE WHEN n %% 2 = 0 THEN 'tax' || n END, n %% 2 = 0
        FROM generate_series(1, %(count)s / 20) AS n""",
    "payload_edit": """
        INSERT INTO integration_payload_edit (sync_id, company_id, user_id, create_date, reason, original)
        SELECT s.id, s.company_id, %(user)s, s.create_date, 'Typing error', '{}'
        FROM integration_sync s WHERE s.id %% 100 = 0""",
    "alert": """
        INSERT INTO integration_alert (connection_id, kind, active, summary, since)
        SELECT DISTINCT f.connection, 'circuit', true, 'The other system does not answer.', now() AT TIME ZONE 'UTC'
        FROM flow_of f""",
}
