"""A shop and an Odoo that both change all the time, for tests that kill whoever works between them.

Three flows share one connection: people go both ways, orders come in and need their people, tags go out as products and
are deleted there too. Users change Odoo in a process of their own, the shop changes by itself. At the end both sides must
hold the same, each record once.
"""

import json
import logging
import os
import random
import time
import traceback

from odoo import SUPERUSER_ID, api
from odoo.tools import mute_logger

from odoo.addons.integration_flow.engine import failures
from odoo.addons.integration_flow.engine.worker import process_now

from .common import PAGED
from .real import RealCase, dying_at

_logger = logging.getLogger(__name__)

# Printed by every test that uses it; set it to do the same again.
SEED = int(os.environ.get("INTEGRATION_TEST_SEED") or time.time_ns() % 1_000_000)
DOMAIN = "crash.example"
INCREMENTAL = {
    **PAGED, "page_size": 7, "incremental_param": "modified_after", "incremental_format": "iso",
    "query": {"orderby": "id", "order": "asc", "dates_are_gmt": "true"}}
# Of each hundred calls of a worker so many meet this fault.
FAULTS = (
    (3, {"kind": "server_error"}),
    (2, {"kind": "server_error", "after_write": True, "method": ["POST", "PUT", "DELETE"]}),
    (2, {"kind": "status", "status": 503, "method": ["GET", "POST"]}),
    (2, {"kind": "cut_before"}),
    (3, {"kind": "cut_after"}),
    (1, {"kind": "cut_body"}),
    (1, {"kind": "truncated_json"}),
    (1, {"kind": "malformed_json"}),
    (1, {"kind": "empty_body", "method": ["POST", "PUT"]}),
    (3, {"kind": "duplicate_ids", "method": "GET", "path": r"page="}),
    (1, {"kind": "repeat_page", "method": "GET", "path": r"page="}),
    (5, {"kind": "delay", "seconds": 0.03}),
    (0.4, {"kind": "rate_limit", "retry_after": 1}),
    (0.3, {"kind": "timeout_before", "seconds": 2}),
    (0.3, {"kind": "timeout_after", "seconds": 2}),
)
TIMEOUT = 0.4


class CrashCase(RealCase):
    """``stir`` changes both sides, ``settle`` lets everything come to rest, ``assertSame`` compares."""

    shop_flags = {"keep_requests": 4000}
    # Where a worker can die while it works on what was pushed to us.
    more_points = ()

    def setUp(self):
        super().setUp()
        self.random = random.Random(SEED)
        self.connection.write({"timeout_read": TIMEOUT, "parallel_calls": 4})
        self.number = 0
        self.make_flows()
        self.pushes = "integration.webhook.event" in self.env
        if self.pushes:
            self.take_pushes()
        self.cr.commit()

    def tearDown(self):
        super().tearDown()
        self.addCleanup(self._remove_changes)

    def _remove_changes(self):
        self.look()
        for flow in self.flows.exists():
            flow.state = "draft"
        if self.pushes:
            self.cr.execute("DELETE FROM integration_webhook_event WHERE connection_id = %s", [self.connection.id])
            self.connection.webhook_enabled = False
        self.cr.commit()
        self.env["res.partner"].with_context(active_test=False).search(
            ["|", ("email", "=like", f"%@{DOMAIN}"), ("ref", "=like", "wc_order_%")]).unlink()
        self.env["res.partner.category"].search([("name", "=like", "crash %")]).unlink()
        self.cr.commit()

    def make_flows(self):
        common = {"timing": "live", "retry_attempts": 1000, "overlap_seconds": 2, "batch_size": 6, "log_level": "changes"}
        operations = self.operations("find", "read", "create", "update")
        people = self.make_resource(
            "people", {**operations, "list": {**INCREMENTAL, "path": "customers"}},
            updated_at_path="date_modified_gmt", name_path="email")
        self.people = self.make_flow("res.partner", [
            ("name", "first_name", {"required": True, "owner": "newest"}),
            ("email", "email", {"match_key": True, "owner": "newest"}),
            ("city", "billing.city", {"owner": "external"}),
            ("street", "billing.address_1", {"owner": "odoo"}),
        ], people, direction="both", create_in_external=True, domain=f"[('email', '=like', '%@{DOMAIN}')]",
            name="People", **common)
        orders = self.make_resource(
            "orders", {"list": {**INCREMENTAL, "path": "orders"}, "read": {"path": "orders/{id}"}},
            updated_at_path="date_modified_gmt", name_path="number")
        self.orders = self.make_flow("res.partner", [
            ("name", "number", {"required": True}),
            ("function", "customer_note"),
            ("ref", "order_key"),
            {"kind": "relation", "odoo_path": "parent_id", "external_path": "customer_id",
             "relation_flow_id": self.people.id, "relation_mode": "import"},
        ], orders, name="Orders", **common)
        tags = self.make_resource("tags", {
            "create": {"method": "POST", "path": "products", "idempotency_header": "Idempotency-Key",
                       "error_paths": "message"},
            "update": {"method": "PUT", "path": "products/{id}", "idempotent": True, "error_paths": "message"},
            "delete": {"method": "DELETE", "path": "products/{id}", "query": {"force": "true"}, "error_paths": "message"},
            "read": {"method": "GET", "path": "products/{id}"},
        })
        self.tags = self.make_flow("res.partner.category", [
            ("name", "name", {"required": True, "owner": "odoo"}),
            ("display_name", "external_reference", {"owner": "odoo"}),
        ], tags, name="Tags", direction="export", create_in_external=True, delete_in_external="delete",
            domain="[('name', '=like', 'crash %')]", **common)
        self.flows = self.people + self.orders + self.tags

    # -- both sides change ---------------------------------------------------------------------------------

    def order_faults(self):
        self.shop.control("POST", "faults", [
            {"probability": share / 100, "seed": SEED + number, "times": None, "path": "/wc/v3/", **fault,
             **({"path": fault["path"]} if "path" in fault else {})}
            for number, (share, fault) in enumerate(FAULTS)])

    def stir(self):
        """The shop changes: new and changed people and orders. And it is asked for changes now and then."""
        pick = self.random.random
        known = [customer["id"] for customer in self.shop.dump("customers")]
        if pick() < 0.25 and len(known) < 60:
            known += self.new_customer()
        if known and pick() < 0.8:
            self.shop.touch("customers", ids=self.random.sample(known, min(3, len(known))), changes={
                "billing": {"city": f"City {self.random.randrange(1000)}"}})
        if known and pick() < 0.3:
            self.shop.touch("customers", ids=[self.random.choice(known)], changes={
                "first_name": f"Shop {self.random.randrange(1000)}"})
        orders = [order["id"] for order in self.shop.dump("orders")]
        if pick() < 0.5 and len(orders) < 80:
            if pick() < 0.5:
                known += self.new_customer()  # so new that only the order knows it
            if known:
                self.new_order(self.random.choice(known[-5:]))
        if orders and pick() < 0.7:
            self.shop.touch("orders", ids=self.random.sample(orders, min(2, len(orders))), changes={
                "customer_note": f"Note {self.random.randrange(1000)}"})
        if self.pushes and pick() < 0.8:
            self.push()
        self.poll(*(flow for flow, share in ((self.people, 0.5), (self.orders, 0.8)) if pick() < share))
        self.time_passes()

    def take_pushes(self):
        """Webhooks are one more way in: whole orders, and people by their IDs alone."""
        from . import test_webhook_real  # its points are known to ``dying_at`` when it is loaded

        self.more_points = tuple(point for point in test_webhook_real.POINTS if point.startswith("event_"))
        self.connection.write({"webhook_enabled": True, "webhook_topic_path": "type"})
        topics = self.env["integration.webhook.topic"]
        for topic, flow, kind, path in (
                ("order", self.orders, "record", "data"), ("person", self.people, "ids", "data.id")):
            topics.create({"connection_id": self.connection.id, "topic": topic, "flow_id": flow.id, "kind": kind,
                           "path": path})

    def push(self):
        """Events of the latest orders and people, some of them late or for the second time."""
        orders, people = self.shop.dump("orders")[-6:], self.shop.dump("customers")[-6:]
        self.late = (getattr(self, "late", []) + orders)[-20:]
        bodies = [("order", order) for order in self.random.sample(self.late, min(4, len(self.late)))]
        bodies += [("person", {"id": person["id"]}) for person in self.random.sample(people, min(2, len(people)))]
        for topic, data in bodies:
            raw = json.dumps({"type": topic, "data": data}).encode()
            self.cr.execute(
                "INSERT INTO integration_webhook_event (connection_id, topic, received_at, state, due_at, attempts, "
                "content_type, body, size) SELECT %s, %s, moment, 'pending', moment, 0, 'application/json', %s, %s "
                "FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS moment) clock",
                [self.connection.id, topic, raw, len(raw)])
        self.cr.commit()

    def events_left(self):
        if not self.pushes:
            return 0
        self.cr.execute(
            "SELECT count(*) FROM integration_webhook_event WHERE connection_id = %s AND state = 'pending'",
            [self.connection.id])
        return self.cr.fetchone()[0]

    def new_customer(self):
        self.number += 1
        return self.shop.create("customers", {
            "email": f"shop{self.number}@{DOMAIN}", "first_name": f"Shop {self.number}",
            "billing": {"city": "Ghent", "address_1": "Old street"}})

    def new_order(self, customer_id):
        return self.shop.create("orders", {"customer_id": customer_id, "customer_note": "New"})

    def poll(self, *flows):
        """The schedule of these flows has come."""
        if flows:
            self.cr.execute(
                "UPDATE integration_flow SET next_run_at = (now() AT TIME ZONE 'UTC') - interval '1 second' "
                "WHERE id = ANY(%s)", [[flow.id for flow in flows]])
            self.cr.commit()

    def time_passes(self):
        """What waits is due."""
        for flow in self.flows:
            self.make_due(flow)
        if self.pushes:
            self.cr.execute(
                "UPDATE integration_webhook_event SET due_at = now() AT TIME ZONE 'UTC' WHERE connection_id = %s "
                "AND state = 'pending' AND due_at IS NOT NULL", [self.connection.id])
        self.cr.commit()

    # -- who is killed -------------------------------------------------------------------------------------

    def button_in_child(self, ids, **kill):
        return self.fork(press_retry, ids, kill)

    def some_records(self, count=3):
        """Sync records that a person might press Retry on."""
        self.cr.execute(
            "SELECT id FROM integration_sync WHERE connection_id = %s AND state IN "
            "('pending', 'waiting', 'failed', 'unknown') ORDER BY write_date DESC NULLS LAST LIMIT 20", [self.connection.id])
        ids = [row[0] for row in self.cr.fetchall()]
        self.cr.commit()
        return self.random.sample(ids, min(count, len(ids)))

    # -- coming to rest ------------------------------------------------------------------------------------

    def settle(self, rounds=12):
        """Faults are over and nobody changes anything: work until nothing is on its way. A person presses Retry on what
        needs one, and never decides about an unknown outcome."""
        self.shop.clear_faults()
        waiting = []
        for number in range(rounds):
            if number % 2 == 0:
                self.poll(self.people, self.orders)
            self.time_passes()
            self.work()
            self.cr.execute(
                "SELECT id, state FROM integration_sync WHERE connection_id = %s AND state NOT IN ('synced', 'excluded')",
                [self.connection.id])
            waiting = self.cr.fetchall()
            if not waiting and number > 1 and not self.open_runs() and not self.events_left():
                return
            self.env["integration.sync"].browse(
                [sync_id for sync_id, state in waiting if state in ("failed", "unknown")])._queue("Retry")
            self.cr.commit()
        if self.pushes:
            self.cr.execute(
                "SELECT * FROM (SELECT id, topic, state, due_at, attempts, body FROM integration_webhook_event "
                "WHERE connection_id = %s AND state = 'pending' ORDER BY id LIMIT 5) pending", [self.connection.id])
            waiting += [(*row[:-1], bytes(row[-1])[:200]) for row in self.cr.fetchall()]
        self.fail(f"It does not come to rest: {waiting[:10]}\n{self.describe_records()}")

    def open_runs(self):
        self.cr.execute(
            "SELECT count(*) FROM integration_run WHERE connection_id = %s AND state = 'open' "
            "AND trigger NOT IN ('live', 'webhook')",  # those are open all day
            [self.connection.id])
        return self.cr.fetchone()[0]

    def links(self, flow):
        """``{external ID: record id}``, and no record has two."""
        self.cr.execute(
            "SELECT external_id, res_id FROM integration_link WHERE connection_id = %s AND resource_id = %s",
            [self.connection.id, flow.resource_id.id])
        found = dict(self.cr.fetchall())
        self.assertEqual(len(set(found.values())), len(found), "a record has one link")
        return found

    def assertSame(self):
        """Odoo and the shop hold the same records, each once, with the same content, and links 1:1."""
        self.look()
        self.assertSameSide(
            self.people, self.env["res.partner"].search([("email", "=like", f"%@{DOMAIN}")]),
            lambda partner: (partner.name, partner.email, partner.city or "", partner.street or ""),
            {str(record["id"]): (record["first_name"], record["email"], record["billing"]["city"],
                                 record["billing"]["address_1"]) for record in self.shop.dump("customers")})
        people = self.links(self.people)
        self.assertSameSide(
            self.orders, self.env["res.partner"].search([("ref", "=like", "wc_order_%")]),
            lambda partner: (partner.ref, partner.function or "", partner.parent_id.id),
            {str(record["id"]): (record["order_key"], record["customer_note"], people.get(str(record["customer_id"])))
             for record in self.shop.dump("orders")})
        self.assertSameSide(
            self.tags, self.env["res.partner.category"].search([("name", "=like", "crash %")]),
            lambda tag: tag.name,
            {str(record["id"]): record["name"] for record in self.shop.dump("products")})
        counts = self.shop.counts()
        self.assertEqual(counts["doubled"], {}, "nothing was created twice")
        refused = {status: count for status, count in counts["by_status"].items() if status in ("400", "409", "422")}
        self.assertEqual(refused, {}, "the shop had to refuse nothing")
        self.cr.execute(
            "SELECT count(*) FROM integration_capture c JOIN integration_flow f ON f.id = c.flow_id "
            "WHERE f.connection_id = %s", [self.connection.id])
        self.assertEqual(self.cr.fetchone()[0], 0)
        for flow in self.flows:
            self.cr.execute(
                "SELECT count(*), count(DISTINCT res_id), count(DISTINCT external_id) FROM integration_sync "
                "WHERE flow_id = %s AND state = 'synced'", [flow.id])
            self.assertEqual(*(set(self.cr.fetchone()), {len(self.links(flow))}), f"one sync record each: {flow.name}")

    def assertSameSide(self, flow, records, content, there):
        links = self.links(flow)
        here = {record.id: content(record) for record in records}
        there = {links.get(key, f"no link of {key}"): value for key, value in there.items()}
        differing = [key for key in {**here, **there} if here.get(key) != there.get(key)]
        self.assertFalse(differing, "\n".join([
            flow.name, *(f"{key}: Odoo {here.get(key)}, shop {there.get(key)}\n{self.describe_record(flow, key)}"
                         for key in differing[:5]), self.describe_records()]))
        self.assertEqual(set(links.values()), set(here), f"{flow.name}: links that lead nowhere")

    def describe_record(self, flow, res_id):
        """The sync record of one Odoo record and the end of its history. For a failed test."""
        self.cr.execute(
            "SELECT id, state, external_id, import_pending, export_pending, create_sent, agreed, payload FROM "
            "integration_sync WHERE flow_id = %s AND res_id = %s", [flow.id, res_id if isinstance(res_id, int) else 0])
        lines = [str(row) for row in self.cr.fetchall()]
        self.cr.execute(
            "SELECT l.create_date, l.direction, l.outcome, l.error_class, l.message, l.changes FROM integration_log l "
            "JOIN integration_sync s ON s.id = l.sync_id WHERE s.flow_id = %s AND s.res_id = %s ORDER BY l.id DESC LIMIT 12",
            [flow.id, res_id if isinstance(res_id, int) else 0])
        return "\n".join(lines + [str(row) for row in self.cr.fetchall()])

    def assertCovered(self):
        """The watermark of the orders: all that changed before it is stored."""
        self.look()
        self.cr.execute("SELECT watermark FROM integration_flow WHERE id = %s", [self.orders.id])
        watermark = self.cr.fetchone()[0]
        self.cr.execute(
            "SELECT external_id, external_updated_at FROM integration_sync WHERE flow_id = %s", [self.orders.id])
        stored = {external_id: moment.isoformat() for external_id, moment in self.cr.fetchall()}
        self.cr.commit()
        missing = [
            (order["id"], order["date_modified_gmt"], stored.get(str(order["id"]))) for order in self.shop.dump("orders")
            if watermark and order["date_modified_gmt"] < watermark.isoformat()
            and order["date_modified_gmt"] > stored.get(str(order["id"]), "")]
        return watermark, missing


def press_retry(registry, ids, kill=None):
    """A person presses Retry on these records."""
    with registry.cursor() as cr, dying_at(**(kill or {})):
        process_now(api.Environment(cr, SUPERUSER_ID, {}), ids)


@mute_logger("odoo.sql_db")
def be_users(registry, seed, path, seconds):
    """Users change partners and tags of the flows, in many small transactions; some of them are rolled back. What goes
    wrong is written to the file ``path``; being in somebody's way is tried again, as Odoo's requests do."""
    rng = random.Random(seed)
    end = time.monotonic() + seconds
    number = 0
    try:
        while time.monotonic() < end:
            number += 1
            state = rng.getstate()
            for _attempt in range(8):
                rng.setstate(state)
                try:
                    with registry.cursor() as cr:
                        _one_request(api.Environment(cr, SUPERUSER_ID, {"tracking_disable": True}), rng, f"{seed}.{number}")
                        if rng.random() < 0.15:
                            cr.rollback()
                    break
                except Exception as error:
                    if not failures.is_concurrency(error):
                        raise
            else:
                raise AssertionError("a user's request failed eight times")
            time.sleep(rng.uniform(0.05, 0.3))
    except Exception:
        with open(path, "a", encoding="utf-8") as file:
            file.write(traceback.format_exc())
        raise


def _one_request(env, rng, name):
    partners = env["res.partner"].search([("email", "=like", f"%@{DOMAIN}")])
    tags = env["res.partner.category"].search([("name", "=like", "crash %")])
    for _change in range(rng.randint(1, 3)):
        kind = rng.random()
        if kind < 0.15 and len(partners) < 60:
            env["res.partner"].create({"name": f"User {name}", "email": f"user{name}-{_change}@{DOMAIN}", "street": "First"})
        elif kind < 0.75 and partners:
            chosen = partners.browse(rng.sample(partners.ids, min(2, len(partners))))
            chosen.write({"street": f"Street {rng.randrange(1000)}"})
            if rng.random() < 0.2:
                chosen[0].name = f"User {rng.randrange(1000)}"
        elif kind < 0.85 and len(tags) < 30:
            env["res.partner.category"].create({"name": f"crash {name}-{_change}"})
        elif kind < 0.9 and tags:
            tags[rng.randrange(len(tags))].unlink()
            tags = tags.exists()
        elif kind < 0.95:
            try:
                with env.cr.savepoint():
                    env["res.partner.category"].create({"name": f"crash undone {name}"})
                    env["res.partner"].create({"name": "Undone", "email": f"undone{name}@{DOMAIN}"})
                    env.flush_all()
                    raise ZeroDivisionError
            except ZeroDivisionError:
                env.invalidate_all()
