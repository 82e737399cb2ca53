"""Two real Odoo servers on one database work the same connections: every record once, also when one of them is killed."""

import logging
import time

from psycopg2 import errors

from odoo.tests import tagged

from .odoo_process import OdooServer
from .real import RealCase

_logger = logging.getLogger(__name__)

RECORDS = 500
SECONDS = 180


@tagged("-standard", "integration_flow_real", "post_install", "-at_install")
class TestTwoNodes(RealCase):
    def setUp(self):
        super().setUp()
        self.nodes = [OdooServer(self.cr.dbname) for _node in range(2)]
        for node in self.nodes:
            self.addCleanup(node.stop)
            node.begin("--max-cron-threads=2", "--log-level=info")
        self.second = self.make_connection(name="Second connection")
        self.addCleanup(self.remove_second)
        self.flows = [self.flow_of(connection, number) for number, connection in enumerate((self.connection, self.second))]
        for flow in self.flows:
            flow.state = "paused"
        self.cr.commit()
        for node in self.nodes:
            node.wait()

    def flow_of(self, connection, number):
        """People of this connection: an API of its own for each, as one shop refuses an address that it knows."""
        create = {**self.operations("create")["create"]}
        return self.out_flow(
            direction="both", owner="newest", operations={**self.operations("list", "read", "update"), "create": create},
            connection_id=connection.id, name=f"Flow {number}", batch_size=50, state_before_pause="test",
            domain=f"[('ref', '=like', 'X%'), ('email', '=like', '%@side{number}.example')]",
            list_query=f'{{"search": "side{number}.example"}}')

    def remove_second(self):
        for node in self.nodes:  # nobody works any more on what is removed
            node.stop()
        self.look()
        flow, cron = self.flows[1], self.second.cron_id
        flow.state = "draft"
        self.cr.commit()
        self.env.cr.execute("SELECT res_id FROM integration_link WHERE connection_id = %s", [self.second.id])
        self.env["res.partner"].browse([row[0] for row in self.env.cr.fetchall()]).exists().unlink()
        self.env["integration.link"].search([("connection_id", "=", self.second.id)]).unlink()
        resource = flow.resource_id
        flow.unlink()
        resource.unlink()
        self.cr.commit()  # a snapshot from before the nodes' last word cannot lock what they have changed
        self.second.unlink()
        cron.exists().unlink()
        self.cr.commit()

    def fill(self, name, count):
        """``count`` records on both sides of both connections."""
        for number in range(2):
            last = max([customer["id"] for customer in self.shop.dump("customers")] or [0])
            self.put_customers(*({
                "id": last + 1 + n, "first_name": f"There {n}", "email": f"{name}-there{n}@side{number}.example",
                "date_modified_gmt": "2026-01-01T10:00:00"} for n in range(count)))
            self.env["res.partner"].create([{
                "name": f"Here {n}", "email": f"{name}-here{n}@side{number}.example", "ref": f"X-{name}"}
                for n in range(count)])
        self.cr.commit()
        for attempt in range(10):
            try:
                for flow in self.flows:
                    flow._open_run("button", full=True)
                    flow.connection_id._wake()
                self.cr.commit()
                return
            except errors.SerializationFailure:  # a node has just closed the run before; a web request begins anew
                self.look()
                time.sleep(0.1 * attempt)

    def wait_until_done(self, count):
        end = time.monotonic() + SECONDS
        while True:
            self.look()
            self.cr.execute(
                "SELECT count(*) FILTER (WHERE s.state = 'synced'), count(*) FILTER (WHERE s.state <> 'synced') "
                "FROM integration_sync s WHERE s.flow_id = ANY(%s)", [[flow.id for flow in self.flows]])
            done, left = self.cr.fetchone()
            if done == count and not left:
                return
            if time.monotonic() > end:
                logs = "\n".join(node.log[-1500:] for node in self.nodes)
                self.fail(f"{done} of {count} done, {left} left.\n{self.describe_records()}\n{logs}")
            time.sleep(0.2)

    def assertOnce(self, count):
        """``count`` records on each side of each connection, and as many links."""
        customers = self.shop.dump("customers")
        self.assertEqual(len(customers), 2 * count)
        self.assertEqual(len({customer["email"] for customer in customers}), 2 * count)
        partners = self.env["res.partner"].search([("email", "=like", "%@side_.example")])
        self.assertEqual(sorted(partners.mapped("email")), sorted(customer["email"] for customer in customers))
        self.cr.execute("SELECT external_id, res_id FROM integration_link WHERE connection_id = ANY(%s)", [
            [self.connection.id, self.second.id]])
        emails = {partner.id: partner.email for partner in partners}
        self.assertEqual(
            {int(external_id): emails.get(res_id) for external_id, res_id in self.cr.fetchall()},
            {customer["id"]: customer["email"] for customer in customers})
        self.assertEqual(self.shop.counts()["doubled"], {})

    def shares(self):
        """How often each node has begun to work."""
        return [node.log.count("Integrations: ") for node in self.nodes]

    def test_two_nodes(self):
        for flow in self.flows:
            flow.action_resume()
        self.shop.settings(latency_ms=5)
        started = time.monotonic()
        self.fill("first", RECORDS)
        self.wait_until_done(4 * RECORDS)
        seconds = time.monotonic() - started
        self.assertOnce(2 * RECORDS)
        counts = self.shop.counts()
        self.assertEqual(counts["by_route"]["POST /customers"], 2 * RECORDS, "no call was made twice")
        self.assertEqual(set(counts["by_status"]) - {"200", "201"}, set())
        _logger.info("%s records in %.1f s by two nodes; lines of their logs: %s", 4 * RECORDS, seconds, self.shares())
        total = RECORDS
        for number in range(10):
            if all(self.shares()):
                break
            self.fill(f"again{number}", 50)  # one node was quicker than the other every time: once more
            total += 50
            self.wait_until_done(4 * total)
        self.assertTrue(all(self.shares()), f"both nodes took part: {self.shares()}")
        self.shop.settings(latency_ms=20)
        self.fill("second", RECORDS // 5)
        self.shop.wait_until(lambda: self.shop.counts()["by_route"]["POST /customers"] > 2 * total + 20, 60)
        self.nodes[0].kill()
        total += RECORDS // 5
        self.wait_until_done(4 * total)
        self.assertOnce(2 * total)
