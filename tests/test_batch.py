"""What makes a batch fast changes nothing: company check, defaults, bulk statements, pages read ahead, woken workers."""

import threading
import time
from contextlib import nullcontext
from types import SimpleNamespace
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.tests import TransactionCase, tagged

from ..engine import ahead, bulk, capture, notifier


@tagged("post_install", "-at_install")
class TestBatchOfRecords(TransactionCase):
    """Company check and defaults of a batch are those of its records."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other = cls.env["res.company"].create({"name": "Other Company"})

    def make(self, **vals):
        return [{"name": f"Contact {number}", "company_id": self.env.company.id, **vals} for number in range(3)]

    def test_same_defaults(self):
        names = list(self.env["res.partner"]._fields)
        plain = self.env["res.partner"].default_get(names)
        with capture.origin(0):
            self.assertEqual(self.env["res.partner"].default_get(names), plain)
            with_context = self.env["res.partner"].with_context(default_city="Ghent").default_get(["city", "zip"])
        self.assertEqual(with_context, {"city": "Ghent"})

    def test_a_default_of_this_database(self):
        self.env["ir.default"].set("res.partner", "city", "Ghent")
        with capture.origin(0):
            contacts = self.env["res.partner"].create(self.make())
        self.assertEqual(set(contacts.mapped("city")), {"Ghent"})

    def test_own_company_fits(self):
        with capture.origin(0):
            contacts = self.env["res.partner"].create(self.make())
            self.assertTrue(contacts._integration_companies_fit(None))
        self.assertEqual(len(contacts), 3)

    def test_a_record_of_another_company(self):
        if "crm.lead" not in self.env:
            self.skipTest("needs CRM")
        team = self.env["crm.team"].create({"name": "Strangers", "company_id": self.other.id})
        rows = [{"name": f"Lead {number}", "company_id": self.env.company.id} for number in range(3)]
        rows[1]["team_id"] = team.id
        messages = []
        for origin in (nullcontext(), capture.origin(0)):
            with self.assertRaises(UserError) as raised, self.cr.savepoint(), origin:
                self.env["crm.lead"].create(rows)
            messages.append(str(raised.exception))
        self.assertIn("Lead 1", messages[0])
        self.assertEqual(messages[1], messages[0], "the same message, which names the record")

    def test_a_company_dependent_field(self):
        location = self.env["stock.location"].search([("company_id", "=", self.other.id)], limit=1) \
            if "stock.location" in self.env else None
        if not location:
            self.skipTest("needs Inventory")
        rows = self.make()
        rows[2]["property_stock_customer"] = location.id
        with self.assertRaises(UserError), self.cr.savepoint(), capture.origin(0):
            self.env["res.partner"].create(rows)


@tagged("post_install", "-at_install")
class TestBulk(TransactionCase):
    """Statements with many rows, of which most values are the same."""

    def rows(self, *rows):
        return bulk.run(
            self.cr, "SELECT {names} FROM {rows} AS v ORDER BY id",
            (("id", "int"), ("text", "varchar"), ("moment", "timestamp"), ("data", "jsonb"), ("yes", "bool")),
            list(rows), fetch=True)

    def test_values_come_back(self):
        cases = {
            "none": [],
            "one": [(1, "a", None, None, True)],
            "all the same but the id": [(1, "100 %s", None, None, True), (2, "100 %s", None, None, True)],
            "some without a value": [(1, None, None, '{"a": 1}', None), (2, "b", None, None, False)],
            "texts that look like SQL": [(1, "'; --", None, None, True), (2, "%(x)s {rows} {names}", None, None, True)],
            "the same text that looks like a place": [(1, "{rows}", None, None, True), (2, "{rows}", None, None, True)],
        }
        for name, rows in cases.items():
            with self.subTest(name):
                found = [(*row[:3], '{"a": 1}' if row[3] else None, row[4]) for row in self.rows(*rows)]
                self.assertEqual(found, rows)

    def test_more_than_one_statement(self):
        rows = [(number, str(number % 7), None, None, True) for number in range(bulk.PAGE + 5)]
        self.assertEqual(len(self.rows(*rows)), len(rows))


class FakeClient:
    def __init__(self):
        self.sent = []

    def send(self, request):
        self.sent.append(request)
        return f"answer to {request.path}"


def request(path, **query):
    return SimpleNamespace(method="GET", path=path, query=query, body=None)


@tagged("post_install", "-at_install")
class TestAhead(TransactionCase):
    """A page that was read ahead is used for exactly the call that it answers."""

    def take(self, pages, client, wanted):
        return pages.take(client, wanted, threading.Thread.join)

    def test_the_same_call(self):
        client, pages = FakeClient(), ahead.Ahead()
        pages.start(client, request("customers", page=2))
        self.assertEqual(self.take(pages, client, request("customers", page=2)), "answer to customers")
        self.assertEqual(len(client.sent), 1)
        self.assertEqual(self.take(pages, client, request("customers", page=2)), "answer to customers")
        self.assertEqual(len(client.sent), 2, "an answer is used once")

    def test_another_call(self):
        client, pages = FakeClient(), ahead.Ahead()
        for other in (request("customers", page=3), request("orders", page=2)):
            pages.start(client, request("customers", page=2))
            self.assertEqual(self.take(pages, client, other), f"answer to {other.path}")
            self.assertIs(client.sent[-1], other)
        pages.start(client, request("customers", page=2))
        another = FakeClient()
        self.take(pages, another, request("customers", page=2))
        self.assertEqual(len(another.sent), 1, "other credentials, other answers")

    def test_an_old_answer(self):
        client, pages = FakeClient(), ahead.Ahead()
        pages.start(client, request("customers"))
        pages._call.join()
        with patch.object(ahead, "FRESH_SECONDS", -1.0):
            self.take(pages, client, request("customers"))
        self.assertEqual(len(client.sent), 2)

    def test_waiting_is_the_callers(self):
        """Whoever asks decides what is done until the answer is there."""
        client, pages = FakeClient(), ahead.Ahead()
        go, looks = threading.Event(), []
        client.send = lambda _request: go.wait(5) and "late"

        def wait(call):
            while not call.wait(0.01):
                looks.append(1)
                if len(looks) == 3:
                    go.set()

        self.assertEqual(pages.take(client, request("customers"), wait), "late")
        self.assertGreaterEqual(len(looks), 3)


@tagged("post_install", "-at_install")
class TestNotifier(TransactionCase):
    """Commits wake the cron workers from a thread, and are not held up by it."""

    def test_a_burst_and_a_failure(self):
        sent, opened, arrived = [], [], threading.Event()

        class Cursor:
            connection = SimpleNamespace(autocommit=False)

            def __enter__(self):
                return self

            def __exit__(self, *error):
                return False

            def execute(self, statement):
                sent.append(statement)
                arrived.set()

        def connect(_name):
            opened.append(1)
            if len(opened) == 1:
                raise OSError("no connection")
            return SimpleNamespace(cursor=Cursor)

        with patch.object(notifier, "db_connect", connect), patch.object(notifier, "LINGER_SECONDS", 0.05):
            with self.assertLogs(notifier.__name__, "WARNING"):
                notifier.notify("one")
                self.wait_for_end()
            for _commit in range(50):
                notifier.notify("one")
            self.assertTrue(arrived.wait(5))
            self.wait_for_end()
        self.assertEqual(len(opened), 2, "one connection for a burst")
        self.assertLess(len(sent), 10, "and a few messages")

    def wait_for_end(self):
        end = time.monotonic() + 5
        while notifier._thread is not None and time.monotonic() < end:
            time.sleep(0.01)
        self.assertIsNone(notifier._thread)
