"""Batches with guilty records, pages, interruption and continuation: see DESIGN.md, sections 3 and 6."""

import random
import string
from datetime import datetime, timedelta
from unittest.mock import patch

from odoo import fields
from odoo.tests import tagged

from .common import PAGED, FlowCase


def customers(numbers, **more):
    return [{"id": number, "first_name": f"P{number}", "email": f"p{number}@example.com", **more} for number in numbers]


def one_a_minute(count):
    """Customers, each changed a minute after the one before."""
    return [{**customer, "date_modified_gmt": f"2026-01-01T10:{customer['id']:02}:00"}
            for customer in customers(range(1, count + 1))]


@tagged("post_install", "-at_install")
class TestBatch(FlowCase):
    """200 records, three of them guilty: 197 land, and each of the three says why."""

    def setUp(self):
        super().setUp()
        self.flow = self.customer_flow([
            ("complete_name", "complete", {"active": False}), ("lang", "lang"), ("parent_id", "parent"), ("ref", "ref")])
        noise = "".join(random.Random(1).choices(string.ascii_letters, k=9000))
        self.guilty = {
            50: {"first_name": noise},  # an index of the database cannot hold it
            100: {"parent": 2147483000},  # a foreign key to nothing
            150: {"ref": "BOOM"},  # a slip in somebody's Python
        }

    def broken_create(self):
        partners = self.registry["res.partner"]
        original = partners.create

        def create(records, vals_list):
            vals_list = vals_list if isinstance(vals_list, list) else [vals_list]
            self.attempts += 1
            if any(vals.get("ref") == "BOOM" for vals in vals_list):
                raise ZeroDivisionError("a slip")
            return original(records, vals_list)
        self.attempts = 0
        return patch.object(partners, "create", create)

    def test_first_import(self):
        batch = customers(range(1, 201))
        for number, values in self.guilty.items():
            batch[number - 1].update(values)
        with self.broken_create():
            syncs = self.receive(self.flow, *batch)
        states = self.states(self.flow)
        self.assertEqual({key for key, state in states.items() if state == "failed"}, {"50", "100", "150"})
        self.assertEqual(list(states.values()).count("synced"), 197)
        self.assertFailed(syncs["50"], "constraint", "Contact", "too long")
        self.assertFailed(syncs["100"], "constraint", "Contact")
        self.assertNotIn("violates", syncs["100"].error_message)
        self.assertFailed(syncs["150"], "internal", "slip")
        self.assertIn("Traceback", syncs["150"].error_detail)
        self.assertLess(self.attempts, 60, "halving, not one by one")
        self.assertEqual(len(self.records(self.flow)), 197)
        self.assertEqual(self.env["res.partner"].search_count([("email", "=like", "p%@example.com")]), 197)
        run = self.flow.last_run_id
        self.assertEqual((run.state, run.created_count, run.failed_count), ("done", 197, 3))

    def test_update(self):
        self.receive(self.flow, *customers(range(1, 201)))
        batch = customers(range(1, 201), lang="en_US", date_modified_gmt="2026-02-01T10:00:00")
        batch[99]["parent"] = 2147483000
        batch[149]["lang"] = "xx_XX"
        with self.watch("res.partner", "write") as calls:
            syncs = self.receive(self.flow, *batch)
        self.assertEqual(list(self.states(self.flow).values()).count("synced"), 198)
        self.assertFailed(syncs["100"], "constraint", "Contact")
        self.assertFailed(syncs["150"], "mapping", "xx_XX")
        self.assertEqual({record.lang for key, record in self.records(self.flow).items() if key not in ("100", "150")},
                         {"en_US"})
        self.assertLess(len(calls), 40)

    def test_repaired_and_retried(self):
        batch = customers(range(1, 21))
        batch[4]["parent"] = 2147483000
        self.receive(self.flow, *batch)
        self.receive(self.flow, {**batch[4], "parent": None, "date_modified_gmt": "2026-02-01T10:00:00"})
        self.assertEqual(set(self.states(self.flow).values()), {"synced"})
        self.assertEqual(self.syncs(self.flow)["5"].attempts, 0)
        self.assertFalse(self.syncs(self.flow)["5"].error_message)

    def test_slices_of_the_batch_size(self):
        self.flow.batch_size = 50
        with self.watch("res.partner", "create") as calls:
            self.receive(self.flow, *customers(range(1, 121)))
        self.assertEqual([len(call[2][0]) for call in calls], [50, 50, 20])


@tagged("post_install", "-at_install")
class TestPages(FlowCase):
    """Every paging style reads each record exactly once."""

    styles = {
        "page": {"size_param": "per_page", "total_pages_header": "X-WP-TotalPages"},
        "page_in_body": {"paging_style": "page", "size_param": "limit", "query": {"paging": "page"}, "records_path": "data"},
        "offset": {"size_param": "limit", "query": {"paging": "offset"}, "records_path": "data"},
        "cursor": {"size_param": "limit", "query": {"paging": "cursor"}, "records_path": "data",
                   "cursor_path": "paging.next_cursor", "has_more_path": "paging.has_more"},
        "next_link": {"query": {"paging": "next", "per_page": "10"}, "records_path": "results", "next_path": "next"},
        "link_header": {"query": {"paging": "link", "per_page": "10"}},
        "keyset": {"size_param": "per_page", "query": {"paging": "keyset"}, "keyset_param": "after_id"},
    }

    def paged(self, style):
        options = dict(self.styles[style])
        resource = self.make_resource(f"{style}{self.env['integration.resource'].search_count([])}", {"list": {
            "method": "GET", "path": "customers", "paging_style": options.pop("paging_style", style),
            "page_size": 10, "error_paths": "message", **options}})
        return self.make_flow("res.partner", [("name", "first_name")], resource)

    def test_each_record_once(self):
        for count in (37, 40):  # the last page short, and full
            self.shop.reset("empty")
            self.put_customers(*customers(range(1, count + 1)))
            for style in self.styles:
                with self.subTest(style=style, count=count):
                    flow = self.paged(style)
                    with self.watch("res.partner", "create") as calls:
                        run = self.run_flow(flow)
                    self.assertEqual((run.state, run.read_count), ("done", count), run.message)
                    self.assertEqual(sum(len(call[2][0]) for call in calls), count)
                    self.assertEqual(len(self.records(flow)), count)
                    self.assertIn(run.call_count, (4, 5))

    def test_interrupted_on_page_three(self):
        """An error in the middle: what came before is kept, the run goes on with that page, nothing is read twice."""
        self.put_customers(*customers(range(1, 46)))
        for style in self.styles:
            with self.subTest(style=style):
                flow = self.paged(style)
                self.shop.clear_counts()
                self.shop.fault("server_error", path="/customers", after=2)
                run = self.run_flow(flow)
                self.assertEqual((run.state, run.fetching, run.page_count), ("open", True, 2))
                self.assertIn("500", run.message)
                self.assertTrue(run.next_try_at)
                self.assertFalse(flow.watermark)
                self.assertEqual(len(self.records(flow)), 20, "what was read is imported meanwhile")
                self.make_due(flow)
                self.work()
                self.assertEqual((run.state, run.page_count, run.read_count), ("done", 5, 45))
                self.assertFalse(run.message)
                self.assertEqual(len(self.records(flow)), 45)
                asked = [request["target"] for request in self.shop.requests(method="GET", last=100)]
                self.assertEqual(len(asked), 6, "each page once, and the third a second time")

    def test_nothing_is_lost_when_the_worker_dies_between_pages(self):
        self.put_customers(*customers(range(1, 46)))
        flow = self.paged("page")
        flow._open_run("button")
        from odoo.addons.integration_flow.engine.fetcher import Fetcher
        original, calls = Fetcher.store, []

        def store(fetcher, *args):
            calls.append(1)
            if len(calls) == 3:
                raise KeyboardInterrupt
            return original(fetcher, *args)
        with patch.object(Fetcher, "store", store):
            try:
                self.work()
            except KeyboardInterrupt:  # not by assertRaises, which would roll the pages back
                self.env.invalidate_all()
        self.assertEqual(flow.last_run_id.page_count, 2)
        self.work()
        self.assertEqual((flow.last_run_id.state, len(self.records(flow))), ("done", 45))

    def test_too_many_calls(self):
        self.put_customers(*customers(range(1, 31)))
        flow = self.paged("page")
        self.shop.fault("rate_limit", path="/customers", after=1, retry_after=3)
        before = fields.Datetime.now()
        run = self.run_flow(flow)
        if run.state == "open":
            self.assertGreaterEqual(run.next_try_at, before + timedelta(seconds=2))
            self.assertEqual(len(self.records(flow)), 10)
            self.work()
            self.assertEqual(run.page_count, 1, "not before its time")
            self.make_due(flow)
            self.work()
        self.assertEqual((run.state, len(self.records(flow))), ("done", 30))
        self.assertEqual(len(self.shop.requests(method="GET")), 4)

    def test_gives_up_after_a_while_and_says_so(self):
        self.connection.circuit_threshold = 0  # else it would be taken for an outage, and wait for its end
        flow = self.paged("page")
        self.shop.fault("server_error", path="/customers", times=None)
        run = self.run_flow(flow)
        for _try in range(10):
            if run.state != "open":
                break
            self.make_due(flow)
            self.work()
        self.assertEqual((run.state, run.fetching), ("failed", False))
        self.assertIn("500", run.message)
        self.assertTrue(run.ended_at)
        self.shop.clear_faults()
        self.make_due(flow)
        self.assertEqual(self.run_flow(flow).state, "done", "the next run begins anew")


@tagged("post_install", "-at_install")
class TestIncremental(FlowCase):

    def setUp(self):
        super().setUp()
        self.flow = self.customer_flow(operations={"list": {
            "path": "customers", **PAGED, "page_size": 10, "incremental_param": "modified_after",
            "incremental_format": "iso", "query": {"dates_are_gmt": "true", "orderby": "modified", "order": "asc"}}},
            overlap_seconds=300)

    def asked(self):
        return [request["target"] for request in self.shop.requests(method="GET")]

    def test_only_what_changed_with_an_overlap(self):
        self.put_customers(*one_a_minute(30))
        self.run_flow(self.flow)
        self.assertEqual(self.flow.watermark, datetime(2026, 1, 1, 10, 30))
        self.shop.clear_counts()
        run = self.run_flow(self.flow)
        self.assertIn("modified_after=2026-01-01T10%3A25%3A00", self.asked()[-1])
        self.assertEqual((run.read_count, run.unchanged_count), (5, 5))
        self.assertEqual(run.since, datetime(2026, 1, 1, 10, 25))
        self.put_customers({"id": 99, "first_name": "Late", "email": "late@example.com",
                            "date_modified_gmt": "2026-01-01T10:26:00"})
        self.run_flow(self.flow)
        self.assertIn("99", self.records(self.flow), "changed a little before the watermark, seen by the overlap")

    def test_the_watermark_never_moves_back_or_beyond_now(self):
        self.put_customers(*customers([1], date_modified_gmt="2099-01-01T10:00:00"))
        self.run_flow(self.flow)
        self.assertLess(
            self.flow.watermark, fields.Datetime.now() + timedelta(minutes=1), "a date in the future hides nothing")
        watermark = self.flow.watermark
        self.shop.reset("empty")
        self.run_flow(self.flow)
        self.assertEqual(self.flow.watermark, watermark)

    def test_the_watermark_waits_for_the_last_page(self):
        self.put_customers(*customers(range(1, 31)))
        self.shop.fault("server_error", path="/customers", after=2)
        self.run_flow(self.flow)
        self.assertFalse(self.flow.watermark)
        self.make_due(self.flow)
        self.work()
        self.assertTrue(self.flow.watermark)

    def test_everything_again(self):
        self.put_customers(*customers(range(1, 4)))
        self.run_flow(self.flow)
        self.shop.clear_counts()
        self.assertEqual(self.run_flow(self.flow, full=True).read_count, 3)
        self.assertNotIn("modified_after", self.asked()[-1])

    def test_asking_for_everything_while_a_run_is_open(self):
        self.put_customers(*customers(range(1, 31)))
        self.run_flow(self.flow)
        self.put_customers(*customers(range(1, 31), date_modified_gmt="2026-02-01T10:00:00"))
        self.shop.fault("server_error", path="/customers", after=1)
        self.run_flow(self.flow)
        full = self.flow._open_run("button", full=True)
        self.assertTrue(full.full, "the open run reads only changes: it does not answer this wish")
        self.make_due(self.flow)
        self.work()
        self.assertEqual(full.state, "done")
        self.assertEqual(set(self.flow.run_ids.mapped("state")), {"done"})

    def test_records_that_move_to_a_later_page_while_we_read(self):
        """Sorted by the time of change, a record that changes while we read moves to the end and pulls another one over
        the edge of the page: a second look finds it."""
        self.put_customers(*one_a_minute(30))
        from odoo.addons.integration_flow.engine.fetcher import Fetcher
        original, pages = Fetcher.store, []

        def store(fetcher, *args):
            pages.append(1)
            if len(pages) == 1:
                self.shop.touch("customers", ids=[3], changes={"first_name": "Moved"})
            return original(fetcher, *args)
        with patch.object(Fetcher, "store", store):
            run = self.run_flow(self.flow)
        self.assertEqual(run.state, "done")
        self.assertEqual(set(self.records(self.flow)), {str(number) for number in range(1, 31)})
        self.assertEqual(self.records(self.flow)["3"].name, "Moved")

    def test_schedule_opens_runs_and_sets_the_next(self):
        self.put_customers(*customers(range(1, 4)))
        self.flow.write({"timing": "scheduled", "interval_number": 15, "next_run_at": "2026-01-01 10:00:00"})
        self.work()
        self.assertEqual(len(self.records(self.flow)), 3)
        self.assertEqual(self.flow.last_run_id.trigger, "schedule")
        self.assertGreater(self.flow.next_run_at, fields.Datetime.now())
