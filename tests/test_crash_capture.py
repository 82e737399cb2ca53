"""What users change is captured with their commit and not without it, whatever becomes of their process; and what comes
from one system goes on to the other, once, and never back."""

import os
import random
import signal

from odoo import SUPERUSER_ID, Command, api
from odoo.tests import tagged

from odoo.addons.integration_flow.sandbox.client import SandboxServer

from .crash_common import SEED
from .real import RealCase, run_worker

ROUNDS = 30


@tagged("-standard", "integration_flow_real", "post_install", "-at_install")
class TestCaptureIsTransactional(RealCase):
    """A user's process does some random writes and commits, rolls back, or is killed. What is captured then equals what
    changed in the database."""

    def setUp(self):
        super().setUp()
        self.flow = self.out_flow(rules=[
            ("complete_name", "last_name", {"owner": "odoo"}),
            ("category_id.name", "billing.company", {"owner": "odoo"})])
        self.company = self.env["res.partner"].create({"name": "Deco", "is_company": True, "ref": "X-company"})
        self.tags = self.env["res.partner.category"].create([{"name": f"Tag {n}"} for n in range(3)])
        self.addCleanup(self._remove_tags)
        self.people = self.partners(6)
        self.people[:2].parent_id = self.company
        self.cr.commit()

    def _remove_tags(self):
        self.tags.exists().unlink()
        self.cr.commit()

    def snapshot(self):
        self.look()
        self.cr.execute(
            "SELECT p.id, p.name, p.email, p.complete_name, p.active, array_agg(c.category_id ORDER BY c.category_id) "
            "FROM res_partner p LEFT JOIN res_partner_res_partner_category_rel c ON c.partner_id = p.id "
            "WHERE p.ref LIKE 'X%%' GROUP BY p.id")
        return {row[0]: row[1:] for row in self.cr.fetchall()}

    def captured(self):
        self.cr.execute("DELETE FROM integration_capture WHERE flow_id = %s RETURNING res_id, operation", [self.flow.id])
        found = set(self.cr.fetchall())
        self.cr.commit()
        return found

    def test_exactly_what_is_committed(self):
        rng = random.Random(SEED)
        self.captured()
        ends = {}
        for number in range(ROUNDS):
            before = self.snapshot()
            end = rng.choice(("commit", "commit", "commit, then kill", "rollback", "kill", "kill in flush"))
            with self.subTest(seed=SEED, number=number, end=end):
                [status] = self.join(self.fork(
                    be_user, sorted(before), self.company.id, self.tags.ids, SEED * 1000 + number, end))
                self.assertEqual(status, signal.SIGKILL if "kill" in end else 0)
                after, captured = self.snapshot(), self.captured()
                changed = {(key, "write") for key in after if before.get(key) != after[key]}
                changed |= {(key, "unlink") for key in before if key not in after}
                if "commit" in end:
                    self.assertLessEqual(changed, captured, "nothing is forgotten")
                else:
                    self.assertEqual((changed, captured), (set(), set()), "what was undone is not captured")
                undone = {key for key, _operation in captured} - set(before) - set(after)
                self.assertEqual({(key, "unlink") for key in undone}, {
                    pair for pair in captured if pair[0] in undone}, "nothing of what never was")
                ends[end] = ends.get(end, 0) + len(changed)
        self.assertGreater(ends["commit"], 5)
        self.assertGreater(ends["commit, then kill"], 0)


def be_user(registry, ids, company_id, tag_ids, seed, end):
    """One transaction of random writes, with savepoints that are undone, and this end."""
    rng = random.Random(seed)
    with registry.cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {"tracking_disable": True})
        partners = env["res.partner"]
        company, people = partners.browse(company_id), partners.browse(i for i in ids if i != company_id)
        for number in range(rng.randint(2, 6)):
            if rng.random() < 0.3:
                try:
                    with cr.savepoint():
                        _one_write(env, rng, people.exists(), company, tag_ids, f"undone{seed}-{number}")
                        env.flush_all()
                        raise ZeroDivisionError
                except ZeroDivisionError:
                    env.invalidate_all()
            else:
                _one_write(env, rng, people.exists(), company, tag_ids, f"{seed}-{number}")
        if end == "kill in flush":
            env.flush_all()
            cr.flush()  # the captures are rows already, but not committed
        if end.startswith("kill"):
            os.kill(os.getpid(), signal.SIGKILL)
        if end == "rollback":
            cr.rollback()
            return
        cr.commit()
        if end == "commit, then kill":
            os.kill(os.getpid(), signal.SIGKILL)


def _one_write(env, rng, people, company, tag_ids, name):
    kind = rng.choice(("create", "write", "write", "tags", "company", "archive", "unlink", "nothing"))
    if kind == "create" or len(people) < 3:
        env["res.partner"].create({"name": name, "email": f"{name}@example.com", "ref": f"X-{name}"})
        return
    person = people[rng.randrange(len(people))]
    if kind == "write":
        person.name = name
    elif kind == "tags":
        tag = env["res.partner.category"].browse(rng.choice(tag_ids))
        if rng.random() < 0.5:
            person.category_id = [Command.link(tag.id)] if tag not in person.category_id else [Command.unlink(tag.id)]
        else:  # from the other side
            tag.partner_ids = [Command.link(person.id)] if tag not in person.category_id else [Command.unlink(person.id)]
    elif kind == "company":
        company.name = f"Deco {name}"  # the complete names of its people follow
    elif kind == "archive":
        person.active = not person.active
    elif kind == "unlink":
        person.unlink()


@tagged("-standard", "integration_flow_real", "post_install", "-at_install")
class TestTwoSystems(RealCase):
    """Two connections share the same partners: what changes in A goes to B exactly once, and nothing comes back."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other_shop = SandboxServer(seed="empty", max_per_page=500).start()
        cls.addClassCleanup(cls.other_shop.stop)

    def flow_of(self, connection):
        return self.out_flow(
            direction="both", operations=self.operations("list", "find", "read", "create", "update"),
            connection_id=connection.id, domain="[('email', '=like', '%@example.com'), ('name', '=like', 'P%')]",
            owner="newest", rules=[
                ("street", "billing.address_1", {"owner": "newest"}), ("city", "billing.city", {"owner": "newest"})])

    def setUp(self):
        super().setUp()
        self.other_shop.reset("empty")
        self.other = self.make_connection(name="Other shop", base_url=self.other_shop.api, web_url=self.other_shop.url)
        self.sides = [(self.shop, self.connection, self.flow_of(self.connection)),
                      (self.other_shop, self.other, self.flow_of(self.other))]
        self.cr.commit()
        self.addCleanup(self._remove_other)

    def _remove_other(self):
        self.look()
        flow, cron = self.sides[1][2], self.other.cron_id
        flow.state = "draft"
        self.env["integration.link"].search([("connection_id", "=", self.other.id)]).unlink()
        self.env["integration.field.rule"].search([("flow_id", "=", flow.id)]).unlink()
        resource = flow.resource_id
        flow.unlink()
        resource.unlink()
        self.other.unlink()
        cron.exists().unlink()
        self.cr.commit()

    def everybody_works(self, rounds=3):
        for _round in range(rounds):
            for _shop, connection, flow in self.sides:
                self.make_due(flow)
                flow._open_run("button", full=True)
                self.work(connection)

    def writes(self, shop):
        return {name: count for name, count in shop.counts()["writes"].items() if name.endswith("customers")}

    def test_passed_on_once(self):
        partners = self.partners(4)
        self.everybody_works()
        self.assertEqual(self.writes(self.shop), {"create customers": 4})
        self.assertEqual(self.writes(self.other_shop), {"create customers": 4})
        rng = random.Random(SEED)
        for number in range(8):
            (shop, _connection, _flow), (neighbour, _other, _its) = rng.sample(self.sides, 2)
            customer = rng.choice(shop.dump("customers"))
            field, key = rng.choice((("street", "address_1"), ("city", "city")))
            shop.clear_counts()
            neighbour.clear_counts()
            with self.subTest(seed=SEED, number=number):
                shop.touch("customers", ids=[customer["id"]], changes={"billing": {key: f"New {number}"}})
                self.everybody_works()
                self.assertEqual(self.writes(shop), {}, "nothing goes back to where it came from")
                self.assertEqual(self.writes(neighbour), {"update customers": 1}, "it is passed on once")
                partner = partners.filtered(lambda partner, customer=customer: partner.email == customer["email"])
                self.assertEqual(partner[field], f"New {number}")
                there = [other["billing"][key] for other in neighbour.dump("customers") if other["email"] == partner.email]
                self.assertEqual(there, [f"New {number}"])

    def test_new_over_there(self):
        self.shop.create("customers", {"email": "pat@example.com", "first_name": "Pat"})
        self.everybody_works()
        self.assertEqual(self.writes(self.shop), {})
        self.assertEqual(self.writes(self.other_shop), {"create customers": 1})
        self.env["res.partner"].search([("email", "=", "pat@example.com")]).unlink()
        self.cr.commit()

    def test_a_bad_system_does_not_stop_the_other(self):
        """One connection only gets errors, cuts and silence; the other one, with one bad record, does its work."""
        self.partners(30)
        bad = self.env["res.partner"].search([("ref", "=", "X-7")])
        self.other_shop.control("POST", "faults", [
            {"kind": "cut_before", "times": None, "probability": 0.4}, {"kind": "server_error", "times": None,
                                                                        "probability": 0.5},
            {"kind": "timeout_before", "times": None, "seconds": 5}])
        self.shop.fault("status", status=422, message="No.", match_body=bad.email, times=None, method="POST")
        self.other.timeout_read = 0.5
        self.cr.commit()
        child = self.fork(run_worker, self.other.id)
        self.work(self.connection)
        flow = self.sides[0][2]
        states = {sync.res_id: sync.state for sync in self.env["integration.sync"].search([("flow_id", "=", flow.id)])}
        self.assertEqual(states.pop(bad.id), "failed")
        self.assertEqual(set(states.values()), {"synced"}, "one bad record stops no other")
        self.assertEqual((len(states), len(self.shop.dump("customers"))), (29, 29))
        self.assertEqual(self.join(child), [0])
        self.other_shop.clear_faults()
        self.make_due(self.sides[1][2])
        self.cr.commit()
        self.work(self.other)
        self.make_due(self.sides[1][2])
        self.cr.commit()
        self.work(self.other)
        self.assertNothingLeft(self.sides[1][2])
        self.assertEqual(len(self.other_shop.dump("customers")), 30, "nothing was lost over there")
        self.assertEqual(self.other_shop.counts()["doubled"], {})
