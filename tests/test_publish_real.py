"""Published data with real transactions and a real server: nothing is missed, whatever commits when.

Not part of Odoo's standard tests, because they commit; ``./dev test`` runs them.
"""

import http.client
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

import psycopg2

from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry
from odoo.tests import BaseCase, tagged
from odoo.tests.common import get_db_name

from odoo.addons.integration_flow.engine import publish_access, publish_serving, publishing
from odoo.addons.integration_flow.engine.shared import SpareStatements

from .odoo_process import OdooServer
from .publish_common import PublishTools

WRITERS, RECORDS, WRITES = 4, 24, 30


class RealPublishCase(PublishTools, BaseCase):
    """A committed publication of contacts and a consumer."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.registry = Registry(get_db_name())
        cls.cr = cls.registry.cursor()
        cls.addClassCleanup(cls.cr.close)
        cls.env = api.Environment(cls.cr, SUPERUSER_ID, {"tracking_disable": True})

    def setUp(self):
        super().setUp()
        self.look()
        self.addCleanup(self.clean_up)
        # The server of a test computes by itself; here the test says when.
        self.cron = self.env.ref("integration_flow.ir_cron_publish")
        self.cron.active = False
        self.flow = self.publish(publish_page_size=7)
        self.consumer = self.consume(self.flow, rate_limit=0)
        self.secret = self.token(self.consumer)
        self.partners = self.env["res.partner"].create(
            [{"name": f"P{number:02}", "ref": f"X-{number:02}", "city": "Ghent"} for number in range(RECORDS)])
        self.commit()

    def clean_up(self):
        self.look()
        self.cron.active = True
        self.env["integration.flow"].search([("direction", "=", "publish")]).unlink()
        self.env["integration.consumer"].with_context(active_test=False).search([]).unlink()
        self.env["res.partner"].with_context(active_test=False).search([("ref", "=like", "X%")]).unlink()
        self.commit()

    def commit(self):
        self.cr.commit()
        self.registry.signal_changes()

    def look(self):
        self.cr.rollback()
        self.env.invalidate_all()

    def compute(self):
        """Refresh once, as the scheduled action does, in a transaction of its own. Returns whether something is left."""
        with self.registry.cursor() as cr:
            return publishing.refresh(api.Environment(cr, SUPERUSER_ID, {}), self.flow_id, time.monotonic() + 60)

    @property
    def flow_id(self):
        return self.flow._ids[0]

    def list_of(self, query=()):
        """The answer to a list call, as a consumer gets it: read in a transaction of its own."""
        with self.registry.cursor(readonly=True) as cr:
            answer = publish_serving.answer(api.Environment(cr, None, {}), publish_serving.Call(
                "GET", "contacts", "items", list(query), f"Bearer {self.secret}", None, None, "", None, "/contacts"))
        self.assertEqual(answer.status, 200, answer.body)
        return json.loads(answer.body)

    def follow(self, known, cursor=None):
        """Read all pages of what has changed since ``cursor`` into ``known``; returns the new cursor."""
        query = [("since", cursor)] if cursor else []
        while True:
            page = self.list_of(query)
            for item in page["items"]:
                known[item["ref"]] = item
            for gone in page["deleted"]:
                known.pop(gone["key"], None)
            if not page["next"]:
                return page["cursor"]
            query = [tuple(pair.split("=", 1)) for pair in page["next"].partition("?")[2].split("&")]

    def truth(self):
        self.look()
        return {partner.ref: partner.name for partner in self.env["res.partner"].search([("ref", "=like", "X%")])}


@tagged("-standard", "integration_flow_real", "post_install", "-at_install")
class TestNothingIsMissed(RealPublishCase):
    def test_a_change_that_commits_late(self):
        """The first transaction commits after a later one was computed and read: it is told all the same."""
        self.compute()
        known = {}
        cursor = self.follow(known)
        with self.registry.cursor() as late:
            env = api.Environment(late, SUPERUSER_ID, {"tracking_disable": True})
            env["res.partner"].browse(self.partners[0].id).name = "Late"
            late.flush()  # captured, with a lower ID than what comes
            self.partners[1].name = "Early"
            self.commit()
            self.compute()
            cursor = self.follow(known, cursor)
            self.assertEqual((known["X-00"]["name"], known["X-01"]["name"]), ("P00", "Early"))
            late.commit()
        self.compute()
        self.follow(known, cursor)
        self.assertEqual(known["X-00"]["name"], "Late")

    def asked(self, query=(), tag=None, *, between=None):
        """The answer to a list call, and how often the database was asked. ``between``: done behind the first time."""
        questions, run = [], SpareStatements.run

        def counted(statements, question, params=()):
            found = run(statements, question, params)
            questions.append(question)
            if len(questions) == 1 and between:
                between()
            return found

        with patch.object(SpareStatements, "run", counted), self.registry.cursor() as cr:
            before = cr.sql_log_count
            answer = publish_serving.answer(api.Environment(cr, None, {}), publish_serving.Call(
                "GET", "contacts", "items", list(query), f"Bearer {self.secret}", tag, None, "", None, "/contacts"))
            self.assertEqual(cr.sql_log_count, before, "the request's own transaction is not begun at all")
        return answer, len(questions)

    def test_a_question_without_news_asks_the_database_once(self):
        self.compute()
        self.list_of([("limit", "3")])  # the token and the publication are known from here on
        self.assertEqual(self.asked()[1], 2, "the state, and the documents with theirs")
        page, asked = self.asked()
        self.assertEqual((page.status, asked), (200, 1), "answered by this process a moment ago")
        same, asked = self.asked(tag=dict(page.headers)["ETag"])
        self.assertEqual((same.status, asked), (304, 1))
        cursor = json.loads(page.body)["cursor"]
        delta, asked = self.asked([("since", cursor)])
        self.assertEqual((json.loads(delta.body), asked), (
            {"items": [], "deleted": [], "cursor": cursor, "next": None}, 1))
        self.partners[0].name = "News"
        self.commit()
        self.compute()
        delta, asked = self.asked([("since", cursor)])
        self.assertEqual(([item["name"] for item in json.loads(delta.body)["items"]], asked), (["News"], 2))

    def test_what_changes_while_a_question_is_answered(self):
        """The documents, their cursor and their tag are of one moment, also when the state was asked for before it."""
        self.compute()
        cursor = self.list_of()["cursor"]

        def change():
            self.partners[1].name = "Meanwhile"
            self.commit()
            self.compute()

        page, _asked = self.asked([("since", cursor), ("limit", "5")], between=lambda: None)
        self.assertEqual(json.loads(page.body)["items"], [])
        self.partners[0].name = "Before"
        self.commit()
        self.compute()
        page, _asked = self.asked([("since", cursor)], between=change)
        body = json.loads(page.body)
        self.assertEqual([item["name"] for item in body["items"]], ["Before", "Meanwhile"])
        self.assertEqual(body["cursor"], self.list_of()["cursor"], "of the documents, not of the first look")
        same, _asked = self.asked([("since", cursor)], dict(page.headers)["ETag"])
        self.assertEqual(same.status, 304, "and so is the tag")

        def forget():
            self.cr.execute("UPDATE integration_document_state SET horizon = last_change WHERE flow_id = %s", [self.flow_id])
            self.commit()

        refused, _asked = self.asked([("since", cursor), ("limit", "6")], between=forget)
        self.assertEqual(refused.status, 409, "removals were forgotten meanwhile: nothing may be missing in silence")

    def test_numbers_of_an_uncommitted_refresh_are_not_passed(self):
        """While one worker has numbers that nobody sees yet, no other worker can give out higher ones."""
        self.compute()
        known = {}
        cursor = self.follow(known)
        self.partners[0].name = "First"
        self.commit()
        holding, go_on, reached = threading.Event(), threading.Event(), []
        original = publishing._Batch._store_state

        def store(batch):
            original(batch)
            if not holding.is_set():
                holding.set()
                reached.append(batch.change)
                go_on.wait(20)

        with patch.object(publishing._Batch, "_store_state", store):
            worker = threading.Thread(target=self.compute)
            worker.start()
            self.assertTrue(holding.wait(20))
            self.partners[1].name = "Second"
            self.commit()
            self.compute()  # another worker: it may not
            middle = self.follow(known, cursor)
            self.assertEqual((middle, known["X-01"]["name"]), (cursor, "P01"))
            go_on.set()
            worker.join(30)
        self.compute()
        self.follow(known, middle)
        self.assertEqual((known["X-00"]["name"], known["X-01"]["name"]), ("First", "Second"))

    def test_even_without_the_lock(self):
        """Were the advisory lock of no use, the row of the flow's state would refuse the second worker."""
        self.compute()
        self.partners[0].name = "First"
        self.commit()
        with self.registry.cursor() as one, self.registry.cursor() as two:
            first, second = (publishing._Batch(env, env["integration.flow"].browse(self.flow_id)) for env in (
                api.Environment(cr, SUPERUSER_ID, {}) for cr in (one, two)))
            first.run()
            one.commit()
            with self.assertRaises(psycopg2.errors.SerializationFailure):
                second.run()
            two.rollback()

    def test_writers_workers_and_a_reader_at_once(self):
        """Transactions of all lengths, some rolled back, two workers, and one who reads on all the time: at the end the
        reader has exactly what is there."""
        self.compute()
        known = {}
        cursor = self.follow(known)
        ids, done = self.partners.ids, threading.Event()
        errors = []

        def guarded(work):
            def run():
                try:
                    work()
                except Exception as error:
                    errors.append(error)
            return run

        def writer(number):
            chance = random.Random(number)
            own = [each for each in ids if each % WRITERS == number]  # writers do not wait for each other
            for turn in range(WRITES):
                self.write_something(chance, own, f"W{number}-{turn}")

        def worker():
            while not done.is_set():
                with suppress(psycopg2.errors.SerializationFailure):
                    self.compute()

        def reader():
            nonlocal cursor
            while not done.is_set():
                cursor = self.follow(known, cursor)

        writers = [threading.Thread(target=guarded(lambda number=number: writer(number))) for number in range(WRITERS)]
        others = [threading.Thread(target=guarded(work)) for work in (worker, worker, reader)]
        for thread in (*writers, *others):
            thread.start()
        for thread in writers:
            thread.join(120)
        done.set()
        for thread in others:
            thread.join(60)
        self.assertFalse(errors)
        while self.compute():
            pass
        self.follow(known, cursor)
        self.assertEqual({key: item["name"] for key, item in known.items()}, self.truth())
        fresh = {}
        self.follow(fresh)
        self.assertEqual(known, fresh)

    def write_something(self, chance, own, text):
        """A transaction that changes some of ``own``, stays open for a while, and commits or not."""
        with self.registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {"tracking_disable": True})
            for _write in range(chance.randint(1, 3)):
                partner = env["res.partner"].browse(chance.choice(own))
                kind = chance.random()
                if kind < 0.7:
                    partner.name = text
                elif kind < 0.85:
                    partner.active = not partner.active
                else:
                    partner.ref = f"X-{partner.id}-{text}"
            cr.flush()
            time.sleep(chance.random() * 0.03)
            if chance.random() < 0.2:
                cr.rollback()
            else:
                cr.commit()

    def test_a_worker_that_fails_loses_nothing(self):
        self.compute()
        self.partners[0].name = "Kept"
        self.commit()
        with patch.object(publishing._Batch, "_store_state", side_effect=RuntimeError), self.assertRaises(RuntimeError):
            self.compute()
        self.compute()
        known = {}
        self.follow(known)
        self.assertEqual(known["X-00"]["name"], "Kept")


@tagged("-standard", "integration_flow_real", "post_install", "-at_install")
class TestServer(RealPublishCase):
    """With a server of its own, so that two processes share what consumers may."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cr.commit()
        cls.node = OdooServer(get_db_name())
        cls.addClassCleanup(cls.node.stop)
        cls.node.begin("--max-cron-threads=0", "--log-level=info")
        cls.node.wait()

    def setUp(self):
        super().setUp()
        self.compute()
        self.look()

    def ask(self, path="/items", secret=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.node.port, timeout=30)
        try:
            connection.request("GET", f"/integration/publish/contacts{path}",
                               headers={"Authorization": f"Bearer {secret or self.secret}"})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def test_revoked_at_once(self):
        """What another process has revoked is refused by the very next call, though tokens are kept in memory."""
        for _call in range(3):
            self.assertEqual(self.ask()[0], 200)
        self.consumer.token_ids.action_revoke()
        self.commit()
        self.assertEqual(self.ask()[0], 401)
        fresh = self.token(self.consumer)
        self.commit()
        self.assertEqual(self.ask(secret=fresh)[0], 200)
        self.consumer.filter_ids = [(0, 0, {"name": "name", "values": "P01"})]
        self.commit()
        self.assertEqual([item["ref"] for item in json.loads(self.ask(secret=fresh)[2])["items"]], ["X-01"])

    def test_the_last_use_is_written_once_a_minute(self):
        self.assertFalse(self.consumer.last_used_at)
        self.ask()
        self.look()
        first = self.consumer.last_used_at
        self.assertTrue(first)
        self.cr.execute("SELECT xmin::text FROM integration_consumer_use WHERE token_id = %s", [self.consumer.token_ids.id])
        version = self.cr.fetchone()
        for _call in range(5):
            self.ask()
        self.look()
        self.cr.execute("SELECT xmin::text FROM integration_consumer_use WHERE token_id = %s", [self.consumer.token_ids.id])
        self.assertEqual(self.cr.fetchone(), version, "not with every call")

    def call_by_both(self, counter, count):
        """So many calls, by turns of this process and of the server: how many of them passed, how many were refused."""
        passed = refused = 0
        for number in range(count):
            if number % 2:
                status, headers, _body = self.ask()
                passed += status == 200
                if status == 429:
                    refused += 1
                    self.assertGreater(int(headers["Retry-After"]), 0)
            else:
                try:
                    counter.take(self.consumer.id, 20, time.time())
                    passed += 1
                except publish_access.Refusal:
                    refused += 1
        return passed, refused

    def test_processes_count_together(self):
        """The server and this process together never let more calls through than a minute allows."""
        self.consumer.rate_limit = 20
        self.commit()
        counter = publish_access._Counter(get_db_name())
        for _attempt in range(3):
            while time.time() % 60 > 54:
                time.sleep(0.5)  # both count within one minute
            minute = int(time.time() // 60)
            passed, refused = self.call_by_both(counter, 30)
            if int(time.time() // 60) == minute:
                break
            time.sleep(60 - time.time() % 60)  # some calls of the new minute are taken already
        else:
            self.fail("30 calls took more than 6 seconds, three times")
        self.assertLessEqual(passed, 20)
        self.assertGreaterEqual(passed, 19, "what is lost by counting together is little")
        self.assertEqual(refused, 30 - passed)

    def test_the_consumers_page(self):
        """Each command of docs/published-data.md works as it stands there, on published stock; so does its OpenAPI."""
        if "stock.quant" not in self.env or not shutil.which("curl"):
            self.skipTest("Inventory or curl is not installed")
        page = (Path(__file__).parent.parent / "docs" / "published-data.md").read_text(encoding="utf-8")
        commands = [line for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
        self.assertGreater(len(commands), 6)
        products = self.env["product.product"].create([
            {"name": name, "default_code": name, "is_storable": True} for name in ("CHAIR-01", "DESK-02")])
        self.addCleanup(lambda: (self.look(), products.unlink(), self.commit()))
        warehouse = self.env["stock.warehouse"].search([("company_id", "=", self.env.company.id)], limit=1)
        flow = self.publish(
            [{"odoo_path": "default_code", "external_path": "sku", "match_key": True, "publish_filter": True}],
            "product.product", publish_code="availability", availability_enabled=True,
            domain="[('default_code', 'in', ('CHAIR-01', 'DESK-02'))]")
        self.consumer.flow_ids += flow
        self.commit()
        with self.registry.cursor() as cr:
            publishing.refresh(api.Environment(cr, SUPERUSER_ID, {}), flow.id, time.monotonic() + 60)
        self.look()
        cursor, answers, variables = "", [], []
        for command in commands:
            text = command.replace("https://odoo.example.com", f"http://127.0.0.1:{self.node.port}").replace(
                "since=1795825506-104233", f"since={cursor}").replace("@WH", f"@{warehouse.code}").replace(
                "$TOKEN", self.secret)
            if re.match(r"\w+=", text):
                variables.append(text)
                continue
            done = subprocess.run(
                ["bash", "-c", "\n".join([*variables, text])], stdout=subprocess.PIPE, text=True, timeout=60, check=True)
            answers.append(json.loads(done.stdout))
            cursor = cursor or answers[-1]["cursor"]
        everything, delta, one, many, condition = answers
        self.assertEqual({item["sku"] for item in everything["items"]}, {"CHAIR-01", "DESK-02"})
        self.assertEqual((delta["items"], delta["deleted"], delta["next"]), ([], [], None))
        self.assertEqual((one["sku"], one["warehouse"]), ("CHAIR-01", warehouse.code))
        self.assertEqual({item["sku"] for item in many["items"]}, {"CHAIR-01", "DESK-02"})
        self.assertEqual(condition, 200, "the tag of the page is no real one")
        self.fuzz("availability")

    def test_schemathesis(self):
        self.fuzz("contacts")

    def fuzz(self, code):
        """Whatever the OpenAPI document allows and forbids, the endpoint does as it says."""
        done = subprocess.run(
            [Path(sys.executable).parent / "schemathesis", "run",
             f"http://127.0.0.1:{self.node.port}/integration/publish/{code}/openapi.json",
             "--header", f"Authorization: Bearer {self.secret}", "--checks", "all", "--max-examples", "15",
             "--seed", "1", "--no-color", "--phases", "examples,coverage,fuzzing"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
            cwd=self.enterContext(tempfile.TemporaryDirectory()),
            env=dict(os.environ, NO_PROXY="127.0.0.1", no_proxy="127.0.0.1"))
        self.assertEqual(done.returncode, 0, done.stdout[-6000:])
        self.assertIn("Tested", done.stdout.replace("tested", "Tested"))
