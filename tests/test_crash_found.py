"""What the kills and crowds have found, each as a small test of its own."""

import time
from datetime import timedelta
from unittest.mock import patch

from odoo.tests import tagged

from odoo.addons.integration_flow.engine.fetcher import Fetcher

from .common import PAGED, FlowCase
from .export_common import ExportCase


@tagged("post_install", "-at_install")
class TestWatermark(FlowCase):
    def test_a_change_behind_the_reader(self):
        """A record on a page that has been read changes, then one on a page to come: the watermark must not pass the
        first change because the second one was seen."""
        flow = self.customer_flow(overlap_seconds=0, operations={"list": {
            "path": "customers", **PAGED, "page_size": 2, "incremental_param": "modified_after",
            "incremental_format": "iso", "query": {"dates_are_gmt": "true", "orderby": "id", "order": "asc"}}})
        ids = [self.shop.create("customers", {"email": f"c{n}@example.com", "first_name": f"C{n}"})[0] for n in range(6)]
        time.sleep(1.1)
        self.shop.touch("customers", ids=ids[:1])  # the list is not in the order of its changes
        self.run_flow(flow, full=True)
        original, pages = Fetcher.store, []

        def store(fetcher, *args):
            more = original(fetcher, *args)
            pages.append(more)
            if len(pages) == 1:
                time.sleep(1.1)
                self.shop.touch("customers", ids=ids[:1], changes={"first_name": "Behind"})
                time.sleep(1.1)
                self.shop.touch("customers", ids=ids[-1:], changes={"first_name": "Ahead"})
            return more

        with patch.object(Fetcher, "store", store):
            run = self.run_flow(flow, full=True)
        self.assertEqual(pages, [True, True, False])
        self.assertEqual(self.records(flow)[str(ids[-1])].name, "Ahead")
        self.assertLess(flow.watermark, run.newest_seen)
        self.assertGreater(flow.watermark, run.newest_seen - timedelta(seconds=60), "but it does move")
        self.run_flow(flow)
        self.assertEqual(self.records(flow)[str(ids[0])].name, "Behind")


@tagged("post_install", "-at_install")
class TestAnswers(ExportCase):
    """The answer to our write shows what others have changed over there meanwhile."""

    def setUp(self):
        super().setUp()
        self.flow = self.out_flow(direction="both", rules=[
            ("city", "billing.city", {"owner": "external"}), ("street", "billing.address_1", {"owner": "odoo"}),
            ("zip", "billing.postcode", {"owner": "odoo"})])
        self.ann = self.partner("Ann", city="Ghent", street="First")
        self.work()
        self.external_id = int(self.assertState(self.flow, self.ann, "synced").external_id)

    def test_their_change_is_imported(self):
        self.shop.touch("customers", ids=[self.external_id], changes={"billing": {"city": "Mons"}})
        self.ann.street = "Second"
        self.work()
        self.assertState(self.flow, self.ann, "synced")
        self.run_flow(self.flow, full=True)
        self.assertEqual(self.ann.city, "Mons")
        self.assertEqual(self.shop.get(f"customers/{self.external_id}")["billing"]["address_1"], "Second")

    def test_their_change_against_the_owner_is_put_right(self):
        self.shop.touch("customers", ids=[self.external_id], changes={"billing": {"address_1": "Theirs"}})
        self.ann.zip = "9000"
        self.work()
        self.assertState(self.flow, self.ann, "synced")
        self.assertEqual(self.shop.get(f"customers/{self.external_id}")["billing"]["address_1"], "First")

    def test_an_echo_is_not_imported(self):
        self.ann.street = "Second"
        self.work()
        sync = self.assertState(self.flow, self.ann, "synced")
        self.assertEqual(self.logs(sync).mapped("direction"), ["export", "export"])
        run = self.run_flow(self.flow, full=True)
        self.assertEqual((run.read_count, run.unchanged_count), (1, 1))

    def test_an_answer_that_leaves_out_fields_empties_nothing(self):
        self.shop.touch("customers", ids=[self.external_id], changes={"billing": {"city": "Mons"}})
        operation = self.flow.resource_id._operation("update")
        operation.query = '{"_fields": "id,email"}'
        self.ann.street = "Second"
        self.work()
        self.assertState(self.flow, self.ann, "synced")
        self.assertEqual((self.ann.city, self.ann.name), ("Ghent", "Ann"))
        self.run_flow(self.flow, full=True)
        self.assertEqual((self.ann.city, self.ann.name), ("Mons", "Ann"))


@tagged("post_install", "-at_install")
class TestDoubt(ExportCase):
    """A create whose answer was lost, and Odoo goes on changing."""

    def in_doubt(self, *kinds, idempotent=True, **vals):
        operations = self.operations(*kinds)
        if not idempotent:
            del operations["create"]["idempotency_header"]
        self.flow = self.out_flow(operations=operations, **vals)
        partner = self.partner("Ann")
        self.shop.fault("cut_after", method="POST")
        self.work()
        self.assertEqual(len(self.shop.dump("customers")), 1)
        return partner

    def resume(self):
        self.make_due(self.flow)
        self.work()

    def test_changed_before_it_is_repeated(self):
        """The same key is the same call; the change follows."""
        partner = self.in_doubt("create", "update")
        partner.name = "Anne"
        self.resume()
        sync = self.assertState(self.flow, partner, "synced")
        self.assertEqual([customer["first_name"] for customer in self.shop.dump("customers")], ["Anne"])
        self.assertEqual(self.shop.counts()["by_route"]["POST /customers"], 2)
        self.assertFalse(sync.sent)

    def test_unchanged_and_repeated(self):
        partner = self.in_doubt("create", "update")
        self.resume()
        sync = self.assertState(self.flow, partner, "synced")
        self.assertEqual(self.shop.counts()["creates"]["customers"]["total"], 1)
        self.assertNotIn("PUT /customers/{id}", self.shop.counts()["by_route"])
        self.assertFalse(sync.sent)

    def deleted(self, partner):
        sync = self.sync(self.flow, partner)
        partner.unlink()
        self.resume()
        return sync

    def test_deleted_and_looked_up(self):
        partner = self.in_doubt("find", "create", "update", "delete", idempotent=False, delete_in_external="delete")
        sync = self.deleted(partner)
        self.assertEqual((self.shop.dump("customers"), sync.state), ([], "excluded"), sync.error_message)
        self.assertFalse(sync.sent or sync.create_sent)

    def test_deleted_and_repeated_to_learn_its_id(self):
        partner = self.in_doubt("create", "update", "delete", delete_in_external="delete")
        sync = self.deleted(partner)
        self.assertEqual((self.shop.dump("customers"), sync.state), ([], "excluded"), sync.error_message)
        self.assertEqual(self.shop.counts()["creates"]["customers"]["total"], 1)

    def test_deleted_and_nobody_can_tell(self):
        partner = self.in_doubt("create", "update", "delete", idempotent=False, delete_in_external="delete")
        sync = self.deleted(partner)
        self.assertEqual((len(self.shop.dump("customers")), sync.state), (1, "unknown"))

    def test_deleted_and_never_arrived(self):
        partner = self.in_doubt("find", "create", "update", "delete", idempotent=False, delete_in_external="delete")
        self.shop.delete("customers", self.shop.dump("customers")[0]["id"])
        sync = self.deleted(partner)
        self.assertEqual(sync.state, "excluded", sync.error_message)
        self.assertNotIn("DELETE /customers/{id}", self.shop.counts()["by_route"])
