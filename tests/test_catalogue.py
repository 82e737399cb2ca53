"""What the database itself says of our tables: every foreign key has an index, and no hot query reads a whole table."""

import json
import re

from odoo.tests import tagged
from odoo.tools.safe_eval import safe_eval

from .common import FlowCase
from .export_common import ExportTools

# Configuration has few rows, and Odoo itself has no index for who made and who changed a row.
UNINDEXED = ("create_uid", "write_uid")
BIG = ("integration_sync", "integration_log", "integration_link", "integration_exchange")
ROWS = 120_000

FOREIGN_KEYS = """
    SELECT con.conrelid::regclass::text, array_agg(att.attname::text ORDER BY k.nr), con.confrelid::regclass::text,
        con.confdeltype::text, con.conkey
    FROM pg_constraint con, unnest(con.conkey) WITH ORDINALITY AS k(attnum, nr), pg_attribute att
    WHERE con.contype = 'f' AND con.connamespace = current_schema::regnamespace
      AND att.attrelid = con.conrelid AND att.attnum = k.attnum
      AND (con.conrelid::regclass::text LIKE 'integration\\_%%' OR con.confrelid::regclass::text LIKE 'integration\\_%%')
    GROUP BY con.oid, con.conrelid, con.confrelid, con.confdeltype, con.conkey ORDER BY 1, 2
"""
# Its leading columns are those of the key; a partial index counts where it leaves out nothing but NULL.
INDEXES = """
    SELECT i.indrelid::regclass::text, string_to_array(i.indkey::text, ' ')::int[], pg_get_expr(i.indpred, i.indrelid)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
    WHERE i.indisvalid AND c.relnamespace = current_schema::regnamespace
"""


@tagged("post_install", "-at_install")
class TestForeignKeys(FlowCase):
    def foreign_keys(self):
        self.env.cr.execute(FOREIGN_KEYS)
        return self.env.cr.fetchall()

    def test_every_foreign_key_has_an_index(self):
        self.env.cr.execute(INDEXES)
        indexes = {}
        for table, columns, condition in self.env.cr.fetchall():
            indexes.setdefault(table, []).append((columns, condition))
        found = self.foreign_keys()
        self.assertGreater(len(found), 40)
        missing = []
        passing = {model._table for model in self.env.registry.values() if model._transient}  # a wizard's few rows
        for table, columns, target, _deleted, numbers in found:
            if table in passing or columns[0] in UNINDEXED and table not in BIG:
                continue
            complete = {None, *(f"({column} IS NOT NULL)" for column in columns)}
            if not any(index[:len(numbers)] == numbers and condition in complete
                       for index, condition in indexes.get(table, ())):
                missing.append(f"{table} ({', '.join(columns)}) → {target}")
        self.assertFalse(missing, "a delete over there reads all of these tables:\n" + "\n".join(missing))

    def test_the_test_sees_a_missing_index(self):
        self.env.cr.execute("DROP INDEX integration_log__run_id_index")
        with self.assertRaisesRegex(AssertionError, r"integration_log \(run_id\) → integration_run"):
            self.test_every_foreign_key_has_an_index()

    def test_every_many2one_says_what_a_delete_means(self):
        silent = []
        for name, model in self.env.registry.items():
            if not name.startswith("integration.") or model._abstract or model._transient:
                continue
            for field in model._fields.values():
                if field.type == "many2one" and field.store and field.name not in UNINDEXED \
                        and not any("ondelete" in (base._args__ or {}) for base in (field, *field._base_fields__)):
                    silent.append(str(field))
        self.assertFalse(silent)

    def test_deletes_fit_their_use(self):
        """History goes with what it is about, and what is only mentioned never takes history with it."""
        rules = {table: {columns[0]: deleted for columns, deleted in keys} for table, keys in self.by_table().items()}
        cascade, forget, refuse = "c", "n", "r"
        for table in ("integration_log", "integration_exchange", "integration_sync", "integration_run"):
            with self.subTest(table=table):
                self.assertEqual(rules[table]["flow_id"], cascade)
                self.assertEqual({rules[table].get(name, forget) for name in ("run_id", "exchange_id", "user_id")}, {forget})
        self.assertEqual(rules["integration_log"]["sync_id"], cascade)
        self.assertEqual(rules["integration_flow"]["connection_id"], cascade)
        for table in ("integration_flow", "integration_connection"):
            self.assertEqual(rules[table]["company_id"], refuse, "without a company it would be everybody's")
        self.assertEqual(rules["integration_flow"]["user_id"], refuse, "a flow without a user has no rights of its own")

    def by_table(self):
        tables = {}
        for table, columns, _target, deleted, _numbers in self.foreign_keys():
            tables.setdefault(table, []).append((columns, deleted))
        return tables


class Explaining:
    """A psycopg2 cursor that asks for the plan of each statement on our big tables before it is executed."""

    def __init__(self, cursor):
        self._cursor = cursor
        self.scans = []
        self.seen = 0

    def execute(self, query, params=None):
        text = query.decode() if isinstance(query, bytes) else str(query)
        if re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", text, re.IGNORECASE) and any(table in text for table in BIG):
            self._cursor.execute(b"EXPLAIN (FORMAT JSON) " + self._cursor.mogrify(text, params))
            self.seen += 1
            plan = self._cursor.fetchone()[0]
            for node, above in _nodes((plan if isinstance(plan, list) else json.loads(plan))[0]["Plan"], ()):
                # Below a limit it stops after so many rows (the capped count of a list), unless something gathers them all.
                capped = "Limit" in above and not set(above) & {"Sort", "Hash", "HashAggregate", "Materialize", "Gather"}
                if node["Node Type"] == "Seq Scan" and node["Relation Name"] in BIG and not capped:
                    self.scans.append((node["Relation Name"], node.get("Filter"), " ".join(text.split())[:400]))
        return self._cursor.execute(query, params)

    def __getattr__(self, name):
        return getattr(self._cursor, name)

    def __iter__(self):
        return iter(self._cursor)


def _nodes(node, above):
    yield node, above
    for child in node.get("Plans", ()):
        yield from _nodes(child, (*above, node["Node Type"]))


@tagged("post_install", "-at_install")
class TestPlans(ExportTools, FlowCase):
    """No sequential scan among 120,000 records, whatever the engine and the screens ask for."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.flow = cls.out_flow(direction="both", timing="live", log_level="all", rules=[
            ("street", "billing.address_1", {"owner": "newest"})])
        cls.flow.next_run_at = False
        cls.crowd()

    @classmethod
    def crowd(cls):
        cr, flow = cls.env.cr, cls.flow
        cls.env.flush_all()
        values = {"flow": flow.id, "connection": flow.connection_id.id, "resource": flow.resource_id.id, "rows": ROWS,
                  "company": flow.company_id.id}
        cr.execute("SET LOCAL session_replication_role = replica")
        cr.execute(
            """INSERT INTO integration_sync (flow_id, connection_id, company_id, model, res_id, external_id, name, state,
                   direction, priority, attempts, revision, content_hash, payload, create_date)
               SELECT %(flow)s, %(connection)s, %(company)s, 'res.partner', 10000000 + n, 'c' || n, 'Customer ' || n,
                   'synced', 'import', 10, 0, 1, md5(n::text), '{}', now() FROM generate_series(1, %(rows)s) n""", values)
        cr.execute(
            """INSERT INTO integration_link (connection_id, resource_id, external_id, model, res_id)
               SELECT %(connection)s, %(resource)s, 'c' || n, 'res.partner', 10000000 + n
               FROM generate_series(1, %(rows)s) n""", values)
        cr.execute(
            """INSERT INTO integration_exchange (connection_id, flow_id, company_id, create_date, method, url)
               SELECT %(connection)s, %(flow)s, %(company)s, now() AT TIME ZONE 'UTC' - n * interval '1 minute', 'GET', 'x'
               FROM generate_series(1, %(rows)s) n""", values)
        cr.execute(
            """INSERT INTO integration_log (sync_id, flow_id, company_id, exchange_id, create_date, outcome)
               SELECT v.sync_id, %(flow)s, %(company)s, v.exchange_id, now() AT TIME ZONE 'UTC' - nr * interval '1 minute',
                   'unchanged'
               FROM unnest((SELECT array_agg(id) FROM integration_sync WHERE flow_id = %(flow)s),
                           (SELECT array_agg(id) FROM integration_exchange WHERE flow_id = %(flow)s))
                   WITH ORDINALITY AS v(sync_id, exchange_id, nr)""", values)
        cr.execute("SET LOCAL session_replication_role = origin")
        for table in (*BIG, "integration_flow", "integration_run"):
            cr.execute(f"ANALYZE {table}")
        cls.env.invalidate_all()

    def explaining(self):
        cursor = self.env.cr
        watch = Explaining(cursor._obj)
        cursor._obj = watch
        self.addCleanup(setattr, cursor, "_obj", watch._cursor)
        return watch

    def assertNoScan(self, watch, what):
        self.assertGreater(watch.seen, 0, what)
        self.assertFalse(watch.scans, f"{what}:\n" + "\n".join(map(str, watch.scans)))
        watch.seen, watch.scans = 0, []

    def test_the_engine(self):
        watch = self.explaining()
        self.put_customers(*({"id": number, "first_name": f"P{number}", "email": f"p{number}@example.com"}
                             for number in range(1, 40)))
        self.run_flow(self.flow, full=True)
        self.assertNoScan(watch, "first import")
        self.run_flow(self.flow, full=True)
        self.assertNoScan(watch, "nothing changed")
        self.put_customers(*({"id": number, "first_name": f"Q{number}", "email": f"p{number}@example.com",
                              "date_modified_gmt": "2026-02-01T10:00:00"} for number in range(1, 40)))
        self.run_flow(self.flow, full=True)
        self.assertNoScan(watch, "changed")
        partners = self.partners(20)
        self.work()
        partners.write({"street": "Main street 1"})
        self.work()
        self.assertNoScan(watch, "export")
        partners[0].unlink()
        self.shop.fault("status", status=503, times=30)
        partners[1:].write({"street": "Main street 2"})
        self.work()
        self.make_due(self.flow)
        watch.scans = []  # of make_due
        self.work()
        self.assertNoScan(watch, "deleted, failed and waiting")
        self.work()
        self.assertNoScan(watch, "a look that finds nothing")

    def test_the_screens(self):
        watch = self.explaining()
        sync = self.env["integration.sync"].search([], limit=1)
        manager = self.make_user("plans_manager", "integration_flow.group_integration_manager")
        for action in ("sync_action", "sync_action_attention", "exchange_action", "link_action", "run_action"):
            record = self.env.ref(f"integration_flow.integration_{action}")
            model = self.env[record.res_model].with_user(manager)
            domain = safe_eval(record.domain or "[]", {"uid": manager.id})
            model.web_search_read(domain, {"display_name": {}}, limit=80, count_limit=10001)
            if action != "run_action":
                self.assertNoScan(watch, action)
        sync.with_user(manager).web_read({"log_ids": {"fields": {"outcome": {}}, "limit": 40}, "last_request": {},
                                          "recent_changes": {}})
        self.assertNoScan(watch, "the form of a record")
        self.env["integration.sync"].with_user(manager).get_record_status("res.partner", self.partner("Ann").id)
        self.assertNoScan(watch, "the panel on a business record")
        self.flow.with_user(manager).read(["attention_count", "pending_count"])
        self.assertNoScan(watch, "counts on the overview")
        self.env["integration.sync"].with_user(manager).name_search("Customer 119")
        self.assertNoScan(watch, "search by name")

    def test_the_retention(self):
        watch = self.explaining()
        self.flow.write({"own_retention": True, "keep_unchanged_days": 10, "keep_exchanges_days": 10, "keep_bodies_days": 5})
        with self.enter_registry_test_mode(), self.registry.cursor() as cr:
            self.env(cr=cr)["integration.retention"]._cron_purge(seconds=0.3)
        self.assertNoScan(watch, "retention")
