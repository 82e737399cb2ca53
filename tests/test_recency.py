"""Data that comes out of order or twice: an older state never overwrites a newer one, wherever it comes from."""

from datetime import datetime, timedelta
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odoo.tests import tagged

from odoo.addons.integration_flow.engine import exporter, inbox
from odoo.addons.integration_flow.engine.plan import FlowPlan
from odoo.addons.integration_flow.engine.worker import Worker

from .common import FlowCase
from .export_common import ExportCase

NOW = datetime(2026, 6, 1, 12)


@tagged("post_install", "-at_install")
class TestOutOfOrder(FlowCase):
    def setUp(self):
        super().setUp()
        self.flow = self.make_flow("res.partner", [("name", "first_name"), ("city", "city")], self.make_resource(
            "customers", version_path="revision", updated_at_path="date_modified_gmt"))

    def state(self, name, version=None, at=None, **more):
        return {"id": 1, "first_name": name, "revision": version, "date_modified_gmt": at, **more}

    def store(self, *records, **options):
        return inbox.store(self.env.cr, FlowPlan(self.flow), list(records), now=NOW, **options)

    def process(self):
        """Work on what is stored as the worker does, in this transaction."""
        worker = Worker(self.env, self.connection)
        self.env.cr.execute(
            "SELECT id FROM integration_sync WHERE flow_id = %s AND due_at IS NOT NULL", [self.flow.id])
        with patch.object(worker, "_commit", self.env.cr.flush):
            worker._work([row[0] for row in self.env.cr.fetchall()])
        self.env.invalidate_all()

    def bring(self, *records):
        """One after the other, each processed before the next."""
        for record in records:
            self.store(record)
            self.process()
        return self.records(self.flow)["1"]

    @property
    def sync(self):
        self.env.invalidate_all()
        return self.env["integration.sync"].search([("flow_id", "=", self.flow.id)])

    def test_any_permutation_and_duplication_ends_with_the_newest(self):
        """By version, by time, and by time with fractions of a second; processed now and then in between."""
        savepoint = self.env.cr.savepoint

        def age(told, number):
            moment = NOW + timedelta(milliseconds=20 * number)
            return {
                "version": {"version": number}, "revision": {"version": f"v1.{number}.0"},
                "time": {"at": (NOW + timedelta(seconds=number)).isoformat()},
                "fraction": {"at": moment.isoformat(timespec="milliseconds") + "Z"},
                # The clock lies, the version does not.
                "both": {"version": number, "at": (NOW - timedelta(seconds=number)).isoformat()},
            }[told]

        @given(
            count=st.integers(2, 6), told=st.sampled_from(("version", "revision", "time", "fraction", "both")),
            order=st.randoms(use_true_random=False), data=st.data())
        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
        def arrive(count, told, order, data):
            arrivals = list(range(count)) + order.choices(range(count), k=order.randint(0, count))
            order.shuffle(arrivals)
            pause = data.draw(st.lists(st.booleans(), min_size=len(arrivals), max_size=len(arrivals)))
            with savepoint() as undone:
                for number, processed in zip(arrivals, pause, strict=True):
                    # Some states hold the same content again: 0 and 3, 1 and 4, ...
                    self.store(self.state(f"name {number % 3}", **age(told, number)))
                    if processed:
                        self.process()
                self.process()
                newest = f"name {(count - 1) % 3}"
                self.assertEqual(self.records(self.flow)["1"].name, newest, (told, arrivals, pause))
                self.assertEqual(self.sync.state, "synced")
                # Everything once more: no work.
                again = [self.state(f"name {number % 3}", **age(told, number)) for number in arrivals]
                stored = [self.store(record) for record in again]
                self.assertFalse(sum(one.queued for one in stored), (told, arrivals))
                self.assertFalse(self.sync.due_at)
                undone.rollback()
                self.env.invalidate_all()

        arrive()

    def test_one_page_or_many(self):
        """All states in one page: the newest is the one that is stored."""
        stored = self.store(*(self.state(f"n{number}", number) for number in (3, 5, 1, 5, 4)))
        self.process()
        self.assertEqual((self.records(self.flow)["1"].name, stored.older), ("n5", 2))

    def test_the_older_one_is_told(self):
        self.bring(self.state("new", 7, "2026-03-01T10:00:00Z"))
        run = self.flow._open_run("button")
        self.store(self.state("old", 6, "2026-03-01T09:00:00.25Z"), run_id=run.id)
        log = self.logs(self.sync, "older")
        self.assertEqual((len(log), log.direction, log.run_id), (1, "import", run))
        for piece in ("6", "09:00:00.250", "7", "2026-03-01 10:00:00"):
            self.assertIn(piece, log.message)
        self.assertEqual((self.sync.state, self.sync.external_version), ("synced", "7"))
        run.state = "done"

    def test_the_run_counts_it(self):
        self.receive(self.flow, self.state("new", 7), full=False)
        self.receive(self.flow, self.state("old", 6), full=False)
        run = self.flow.last_run_id
        self.assertEqual((run.read_count, run.older_count, run.unchanged_count), (1, 1, 0))

    def test_equal_times_with_another_content_are_newer(self):
        at = "2026-03-01T10:00:00Z"
        partner = self.bring(self.state("one", at=at), self.state("two", at=at))
        self.assertEqual(partner.name, "two")

    def test_fractions_of_a_second_count(self):
        partner = self.bring(
            self.state("later", at="2026-03-01T10:00:00.400Z"), self.state("earlier", at="2026-03-01T10:00:00.399Z"))
        self.assertEqual(partner.name, "later")

    def test_same_content_in_a_newer_version(self):
        """It went to another value and back: what comes late from in between is older."""
        partner = self.bring(self.state("blue", 1), self.state("blue", 3), self.state("red", 2))
        self.assertEqual(partner.name, "blue")
        self.assertEqual(self.sync.external_version, "3")

    def test_older_while_the_newer_is_waiting_for_its_turn(self):
        self.store(self.state("new", 2))
        self.store(self.state("old", 1))
        self.process()
        self.assertEqual(self.records(self.flow)["1"].name, "new")

    def test_older_and_newer_while_it_is_processed(self):
        original = inbox.identify
        for version, expected in ((4, "five"), (6, "six")):
            self.env["integration.sync"].search([("flow_id", "=", self.flow.id)]).unlink()
            self.store(self.state("five", 5))
            worker = Worker(self.env, self.connection)
            record = worker._record

            def between(plan, rows, exchanges, record=record, version=version):
                self.store(self.state({4: "four", 6: "six"}[version], version))
                record(plan, rows, exchanges)

            with patch.object(worker, "_record", between), patch.object(worker, "_commit", self.env.cr.flush):
                worker._work(self.sync.ids)
            self.process()
            self.assertEqual(self.records(self.flow)["1"].name, expected)
        self.assertIs(inbox.identify, original)

    def test_a_clock_that_was_wrong(self):
        """A state from the future keeps out those of today, until somebody asks for what is there now."""
        self.receive(self.flow, self.state("future", at="2099-01-01T00:00:00Z"), full=False)
        self.receive(self.flow, self.state("today", at="2026-03-01T10:00:00Z"), full=False)
        partner = self.records(self.flow)["1"]
        self.assertEqual(partner.name, "future")
        self.press(self.sync.action_resync)
        self.assertEqual(partner.name, "today")
        self.receive(self.flow, self.state("tomorrow", at="2026-03-02T10:00:00Z"), full=False)
        self.assertEqual(partner.name, "tomorrow")

    def test_reading_everything_is_not_kept_out_by_a_wrong_clock(self):
        self.receive(self.flow, self.state("future", at="2099-01-01T00:00:00Z"), full=False)
        self.env.cr.execute("UPDATE integration_sync SET write_date = write_date - interval '1 hour'")
        self.receive(self.flow, self.state("today", at="2026-03-01T10:00:00Z"), full=True)
        self.assertEqual(self.records(self.flow)["1"].name, "today")

    def test_what_came_after_the_page_was_asked_for_is_newer(self):
        """Also when everything is read: a webhook overtakes the page."""
        asked = NOW
        self.store(self.state("by webhook", at="2026-03-01T10:00:00Z"))
        self.env.cr.execute("UPDATE integration_sync SET write_date = %s", [asked + timedelta(seconds=1)])
        self.store(self.state("on the page", at="2026-03-01T09:00:00Z"), present_since=asked)
        self.process()
        self.assertEqual(self.records(self.flow)["1"].name, "by webhook")


@tagged("post_install", "-at_install")
class TestAnswers(ExportCase):
    """What our own export was answered with is a state too."""

    def setUp(self):
        super().setUp()
        self.flow = self.out_flow(direction="both", rules=[
            ("city", "billing.city", {"owner": "newest"}), ("street", "billing.address_1", {"owner": "odoo"})])
        self.person = self.partner("Ann", city="Ghent")
        self.work()
        self.there = self.shop.dump("customers")[0]

    def state(self, city, moment):
        return {**self.there, "date_modified_gmt": moment, "billing": {**self.there["billing"], "city": city}}

    def store(self, record):
        inbox.store(self.env.cr, FlowPlan(self.flow), [record], now=datetime.now())

    def sending(self, record):
        """``record`` arrives while our change is on its way, and is committed by another worker."""
        original = exporter.Exporter.send

        def send(this, client):
            original(this, client)
            self.store(record)
        return patch.object(exporter.Exporter, "send", send)

    def test_the_answer_carries_its_age(self):
        sync = self.sync(self.flow, self.person)
        self.assertEqual(sync.external_updated_at, datetime.fromisoformat(self.there["date_modified_gmt"]))

    def test_older_than_the_answer(self):
        """A page that was read before our change and stored after it does not bring the old value back."""
        self.person.city = "Mons"
        self.work()
        self.store(self.state("Ghent", "2020-01-01T00:00:00"))
        self.work()
        self.assertEqual(self.person.city, "Mons")
        self.assertEqual(self.shop.dump("customers")[0]["billing"]["city"], "Mons")
        self.assertEqual(len(self.logs(self.sync(self.flow, self.person), "older")), 1)

    def test_older_arrives_while_we_send(self):
        """Older than the answer, but not than what was known before."""
        sync = self.sync(self.flow, self.person)
        self.env.cr.execute(
            "UPDATE integration_sync SET external_updated_at = '2019-01-01' WHERE id = %s", [sync.id])
        self.person.city = "Mons"
        with self.sending(self.state("Liege", "2020-01-01T00:00:00")):
            self.work()
        self.work()
        self.assertState(self.flow, self.person, "synced")
        self.assertEqual(self.person.city, "Mons")
        self.assertEqual(self.shop.dump("customers")[0]["billing"]["city"], "Mons")
        self.assertEqual(len(self.logs(sync, "older")), 1)

    def test_newer_arrives_while_we_send(self):
        self.person.street = "Main 1"
        with self.sending(self.state("Liege", "2098-01-01T00:00:00")):
            self.work()
        self.work()
        self.assertState(self.flow, self.person, "synced")
        self.assertEqual(self.person.city, "Liege")
        self.assertEqual(self.sync(self.flow, self.person).external_updated_at.year, 2098)

    def test_it_went_back_while_we_sent(self):
        """Somebody over there undid our change at once: the same content as before, and newer than our answer."""
        self.person.city = "Mons"
        with self.sending(self.state("Ghent", "2098-01-01T00:00:00")):
            self.work()
        self.work()
        self.assertState(self.flow, self.person, "synced")
        self.assertEqual(self.person.city, "Ghent")

    def test_a_copy_that_lags_behind_is_read_before_writing(self):
        self.flow.read_before_write = True
        sync = self.sync(self.flow, self.person)
        self.env.cr.execute(
            "UPDATE integration_sync SET external_updated_at = '2099-01-01' WHERE id = %s", [sync.id])
        self.shop.load("customers", [self.state("Old", "2020-01-01T00:00:00")])
        self.person.street = "Main 1"
        self.work()
        self.assertState(self.flow, self.person, "synced")
        self.assertEqual(self.person.city, "Ghent")
        self.assertEqual(self.shop.dump("customers")[0]["billing"]["address_1"], "Main 1")
