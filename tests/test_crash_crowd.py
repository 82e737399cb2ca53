"""Many at once: workers, buttons, events and users on the same records. One record over here, one over there; deadlocks and
serialization failures cost time and nothing else."""

import logging
import random
import time

from psycopg2.errors import DeadlockDetected

from odoo import SUPERUSER_ID, api
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.integration_flow.engine import failures, inbox
from odoo.addons.integration_flow.engine.plan import FlowPlan

from .crash_common import SEED, press_retry
from .real import RealCase, run_worker

_logger = logging.getLogger(__name__)

# Odoo tries a request that was disturbed so often.
TRIES = 5


@tagged("-standard", "integration_flow_real", "post_install", "-at_install")
class TestCrowd(RealCase):
    def two_way(self, **vals):
        return self.out_flow(
            direction="both", operations=self.operations("list", "find", "read", "create", "update"), retry_attempts=100,
            rules=[("city", "billing.city", {"owner": "external"}), ("street", "billing.address_1", {"owner": "odoo"})],
            domain="[('email', '=like', '%@example.com'), ('ref', '=like', 'X%')]", **vals)

    def test_two_workers_an_event_and_a_button(self):
        """The same person is new on both sides at once, and everybody who can works on it."""
        flow = self.two_way()
        for number in range(5):
            name = f"Ann{number}"
            partner = self.partner(name, city="Ghent")
            if number % 2:
                self.put_customers({"id": 50 + number, "email": partner.email, "first_name": name, "billing": {
                    "city": "Mons"}})
            self.cr.commit()
            self.cr.execute("SELECT id FROM integration_sync WHERE flow_id = %s", [flow.id])
            known = [row[0] for row in self.cr.fetchall()]
            events = [customer for customer in self.shop.dump("customers") if customer["email"] == partner.email]
            children = [self.worker_in_child(), self.fork(receive, flow.id, events), self.worker_in_child(),
                        self.fork(press_retry, known[-1:]), self.fork(receive, flow.id, events)]
            self.assertEqual(self.join(*children), [0] * len(children))
        self.rest(flow)
        self.assertNothingLeft(flow)
        customers = self.shop.dump("customers")
        self.assertEqual(len({customer["email"] for customer in customers}), 5)
        self.assertEqual(len(customers), 5)
        self.assertEqual(self.shop.counts()["doubled"], {})
        self.assertNotIn("400", self.shop.counts()["by_status"], "nobody tried to create a second one")
        partners = self.env["res.partner"].search([("email", "=like", "ann%@example.com")])
        self.assertEqual(len(partners), 5)
        self.assertEqual({int(key): record.id for key, record in self.records(flow).items()},
                         {customer["id"]: partners.filtered(lambda partner, customer=customer: (
                             partner.email == customer["email"])).id for customer in customers})
        self.assertEqual({partner.city for partner in partners if partner.email[3] in "13"}, {"Mons"})

    def rest(self, flow, rounds=6):
        for _round in range(rounds):
            self.make_due(flow)
            flow._open_run("button")
            self.work()

    # -- deadlocks and serialization failures --------------------------------------------------------------

    def crowd(self, users, seconds, **vals):
        """``users`` (functions of registry, ids, seed, seconds) and two workers on the same 12 partners, while the shop
        changes them as well."""
        flow, partners, ids = self.twelve(**vals)
        children = [self.fork(user, partners.ids, SEED + number, seconds) for number, user in enumerate(users)]
        end, rng = time.monotonic() + seconds, random.Random(SEED)
        while time.monotonic() < end:
            self.shop.touch("customers", ids=rng.sample(ids, 8), changes={
                "billing": {"city": f"City {rng.randrange(1000)}"}})
            flow._open_run("button")
            self.make_due(flow)
            self.cr.commit()
            self.assertEqual(self.join(self.worker_in_child(), self.worker_in_child()), [0, 0], f"seed {SEED}")
        self.assertEqual(self.join(*children), [0] * len(children), f"seed {SEED}: no user's request fails")
        self.assertAllWell(flow, partners)

    def twelve(self, **vals):
        flow = self.two_way(**vals)
        partners = self.partners(12, city="Ghent", street="First")
        self.work()
        return flow, partners, [customer["id"] for customer in self.shop.dump("customers")]

    def assertAllWell(self, flow, partners):
        """Nothing failed on the way, and both sides hold the same."""
        self.rest(flow)
        self.assertNothingLeft(flow)
        self.cr.execute(
            "SELECT outcome, error_class, message FROM integration_log WHERE flow_id = %s AND outcome = 'failed'", [flow.id])
        self.assertEqual(self.cr.fetchall(), [], "no record is failed by others")
        there = {customer["email"]: (customer["billing"]["city"], customer["billing"]["address_1"])
                 for customer in self.shop.dump("customers")}
        self.assertEqual(there, {partner.email: (partner.city, partner.street) for partner in partners})
        self.assertEqual(self.shop.counts()["creates"]["customers"]["total"], 12)

    @mute_logger("odoo.sql_db")
    def test_deadlocks(self):
        """The worker writes a batch upwards while a user's transaction writes it downwards: PostgreSQL ends one of them,
        and whoever it was does it again."""
        flow, partners, ids = self.twelve(batch_size=12)
        low, high = partners.sorted("id")[0], partners.sorted("id")[-1]
        ended = []
        for number in range(4):
            self.shop.touch("customers", ids=ids, changes={"billing": {"city": f"City {number}"}})
            flow._open_run("button")
            self.cr.commit()
            with self.registry.cursor() as cr:
                env = api.Environment(cr, SUPERUSER_ID, {"tracking_disable": True})
                high.with_env(env).street = f"Street {number}"
                env.flush_all()
                child = self.worker_in_child()
                self.shop.wait_until(lambda child=child: self.waits_for_a_lock(child))
                try:
                    low.with_env(env).street = f"Street {number}"
                    env.flush_all()
                    cr.commit()
                    ended.append("worker")
                except DeadlockDetected:
                    cr.rollback()
                    ended.append("user")
            self.assertEqual(self.join(child), [0])
            with self.registry.cursor() as cr:  # a request that was ended is done again
                env = api.Environment(cr, SUPERUSER_ID, {"tracking_disable": True})
                (low + high).with_env(env).write({"street": f"Street {number}"})
        _logger.info("deadlocks ended: %s", ended)
        self.assertAllWell(flow, partners)
        self.assertEqual({low.street, high.street}, {"Street 3"})

    def waits_for_a_lock(self, pid):
        self.cr.execute(
            "SELECT 1 FROM pg_stat_activity WHERE application_name = %s AND wait_event_type = 'Lock'", [f"odoo-{pid}"])
        found = self.cr.fetchone()
        self.cr.rollback()
        return found

    def test_serialization_failures(self):
        """Users write the same few partners all the time while workers import and export them."""
        self.crowd([write_one, write_one, write_several], 5, batch_size=6)


def receive(registry, flow_id, records):
    """What a webhook does when its event is worked on: store the records."""
    for attempt in range(TRIES):
        try:
            with registry.cursor() as cr:
                env = api.Environment(cr, SUPERUSER_ID, {})
                flow = env["integration.flow"].browse(flow_id)
                inbox.store(cr, FlowPlan(flow), records, now=env.cr.now())
                connection_id = flow.connection_id.id
            break
        except Exception as error:
            if not failures.is_concurrency(error) or attempt == TRIES - 1:
                raise
    run_worker(registry, connection_id)


def write_several(registry, ids, seed, seconds):
    _keep_writing(registry, seed, seconds, lambda rng: sorted(rng.sample(ids[6:], 4), reverse=True), 0.02)


def write_one(registry, ids, seed, seconds):
    _keep_writing(registry, seed, seconds, lambda rng: [rng.choice(ids[:3])], 0)


@mute_logger("odoo.sql_db")
def _keep_writing(registry, seed, seconds, choose, pause):
    """Requests that write some partners one after the other; a disturbed one is tried again as Odoo's server does."""
    rng = random.Random(seed)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        chosen, street = choose(rng), f"Street {rng.randrange(10_000)}"
        for attempt in range(1, TRIES + 1):
            try:
                with registry.cursor() as cr:
                    env = api.Environment(cr, SUPERUSER_ID, {"tracking_disable": True})
                    for partner in env["res.partner"].browse(chosen):
                        partner.street = street
                        partner.flush_recordset()
                        time.sleep(pause)
                break
            except Exception as error:
                if not failures.is_concurrency(error) or attempt == TRIES:
                    raise
                time.sleep(rng.uniform(0, 2 ** attempt) / 10)
        time.sleep(rng.uniform(0.01, 0.05))
