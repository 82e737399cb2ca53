"""First import, unchanged import, ownership, match keys: see DESIGN.md, sections 3 and 4."""

from odoo.tests import tagged

from .common import FlowCase


@tagged("post_install", "-at_install")
class TestFirstImport(FlowCase):
    seed = "small"

    def test_all_customers_become_contacts(self):
        flow = self.customer_flow([("city", "billing.city")])
        run = self.run_flow(flow)
        customers = self.shop.dump("customers")
        records = self.records(flow)
        self.assertEqual(len(records), 25)
        for customer in customers:
            if customer["first_name"]:
                record = records[str(customer["id"])]
                self.assertEqual(record.name, customer["first_name"].strip())
                self.assertEqual(record.city or "", customer["billing"]["city"])
        self.assertEqual(run.state, "done")
        self.assertEqual((run.read_count, run.created_count, run.page_count, run.call_count), (25, 24, 1, 1))
