"""Webhooks with real processes: an Odoo server that is killed, workers that are killed, and rubbish from sockets.

Not part of Odoo's standard tests, because they commit; ``./dev test`` runs them.
"""

import http.client
import json
import random
import socket
import threading
import time
from urllib.parse import urlsplit

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odoo.tests import tagged

from odoo.addons.integration_flow.core.signatures import sign
from odoo.addons.integration_flow.engine import inbox, receiving

from . import real
from .odoo_process import OdooServer
from .real import KILLS, RealCase
from .webhook_common import SECRET, STANDARD, WebhookTools

# Where a worker can die while it works on events.
real.POINTS.update({
    "event_before_storing": (inbox, "store", "before"),
    "event_after_storing": (inbox, "store", "after"),
    "event_before_settling": (receiving.Receiving, "_settle", "before"),
    "event_after_settling": (receiving.Receiving, "_settle", "after"),
    "event_before_reading": (receiving.Receiving, "_read_back", "before"),
    "event_after_reading": (receiving.Receiving, "_read_back", "after"),
})
POINTS = (
    "event_before_storing", "event_after_storing", "event_before_settling", "event_after_settling",
    "event_before_reading", "event_after_reading", "after_importing", "before_settling", "after_settling",
)


class RealWebhookCase(WebhookTools, RealCase):
    def setUp(self):
        super().setUp()
        self.connection.write({
            "webhook_enabled": True, "webhook_style": "standard_webhooks", "webhook_topic_path": "type",
            "webhook_secret_input": SECRET, "webhook_overlap_hours": 0, "webhook_max_kb": 64})
        self.cr.commit()
        self.addCleanup(self.forget_events)

    def forget_events(self):
        self.look()
        self.cr.execute("DELETE FROM integration_webhook_event WHERE connection_id = %s", [self.connection.id])
        self.cr.execute(
            "DELETE FROM integration_webhook_rejection WHERE connection_id = %s OR connection_id IS NULL",
            [self.connection.id])
        self.cr.commit()

    def states(self):
        self.look()
        self.cr.execute(
            "SELECT state, count(*) FROM integration_webhook_event WHERE connection_id = %s GROUP BY state",
            [self.connection.id])
        return dict(self.cr.fetchall())

    def stored_ids(self):
        self.look()
        self.cr.execute(
            "SELECT event_id FROM integration_webhook_event WHERE connection_id = %s", [self.connection.id])
        return [row[0] for row in self.cr.fetchall()]

    def customer_flow_x(self, **vals):
        return self.customer_flow([("ref", "ref")], **vals)

    def customer(self, number, name="Ann", **more):
        return {"id": number, "first_name": name, "email": f"x{number}@example.com", "ref": f"X-{number}",
                "date_modified_gmt": "2026-01-01T10:00:00", **more}


@tagged("-standard", "integration_flow_real", "post_install", "-at_install")
class TestKilledWorker(RealWebhookCase):
    def arrive(self, *bodies):
        for kind, data in bodies:
            raw = json.dumps({"type": kind, "data": data}).encode()
            self.cr.execute(
                """INSERT INTO integration_webhook_event (connection_id, topic, received_at, state, due_at, attempts,
                       content_type, body, size)
                   SELECT %s, %s, moment, 'pending', moment, 0, 'application/json', %s, %s
                   FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS moment) clock""",
                [self.connection.id, kind, raw, len(raw)])
        self.cr.commit()

    def test_nothing_is_lost(self):
        """Fat events, thin events and ends, and a worker that dies at every step: all is there in the end, each once."""
        flow = self.customer_flow_x(delete_in_odoo="delete", batch_size=5)
        self.topic(flow, "fat")
        self.topic(flow, "thin", "ids", "data.id")
        self.topic(flow, "end", "deleted")
        self.cr.commit()
        rounds = 0
        for point in POINTS:
            for hit in range(1, KILLS + 1):
                with self.subTest(point=point, hit=hit):
                    rounds += 1
                    first = rounds * 100
                    self.shop.load("customers", [self.customer(first + 20 + number) for number in range(5)])
                    self.arrive(
                        *(("fat", self.customer(first + number)) for number in range(8)),
                        *(("thin", {"id": first + 20 + number}) for number in range(5)),
                        ("fat", self.customer(first)), ("end", {"id": first + 1}))
                    killed = self.join(self.worker_in_child(point=point, hit=hit))
                    self.assertIn(killed, ([9], [0]))
                    self.work()
                    self.assertEqual(set(self.states()), {"done"})
                    expected = {str(first + number) for number in (0, *range(2, 8), *range(20, 25))}
                    found = self.records(flow)
                    self.assertEqual({key for key in found if int(key) // 100 == rounds}, expected)
                    self.assertEqual(
                        self.env["res.partner"].search_count([("ref", "in", [f"X-{key}" for key in expected])]),
                        len(expected))
        self.env.cr.execute(
            "SELECT state, count(*) FROM integration_sync WHERE flow_id = %s AND state NOT IN ('synced', 'excluded') "
            "GROUP BY state", [flow.id])
        self.assertEqual(self.env.cr.fetchall(), [])

    def test_two_workers(self):
        flow = self.customer_flow_x(batch_size=5)
        self.topic(flow, "fat")
        self.cr.commit()
        self.arrive(*(("fat", self.customer(number, f"V{version}", date_modified_gmt=f"2026-01-0{version}T00:00:00"))
                      for version in (1, 2, 3) for number in range(1, 41)))
        self.assertEqual(self.join(*(self.worker_in_child() for _worker in range(3))), [0, 0, 0])
        self.work()
        self.assertEqual(set(self.states()), {"done"})
        self.assertEqual({partner.name for partner in self.records(flow).values()}, {"V3"})
        self.assertEqual(len(self.records(flow)), 40)


@tagged("-standard", "integration_flow_real", "post_install", "-at_install")
class TestServer(RealWebhookCase):
    """A server process of its own, as in production: threads, cron workers, real transactions."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = OdooServer(cls.registry.db_name)
        cls.addClassCleanup(cls.server.stop)

    def setUp(self):
        super().setUp()
        # The server is to work for this connection alone.
        self.cr.execute(
            "UPDATE ir_cron SET active = false WHERE active AND id <> %s RETURNING id", [self.connection.cron_id.id])
        self.others = [row[0] for row in self.cr.fetchall()]
        self.cr.commit()
        self.addCleanup(self.wake_others)

    def wake_others(self):
        self.server.kill()
        self.look()
        self.cr.execute("UPDATE ir_cron SET active = true WHERE id = ANY(%s)", [self.others])
        self.cr.commit()

    def assertQuiet(self):
        """Nothing failed inside, and no delivery was written to the log."""
        log = self.server.log
        for text in ("Traceback", "bad query", "first_name"):
            self.assertNotIn(text, log, log[-5000:])

    def serve(self, *options):
        self.server.begin("--log-level=warn", *options)
        self.addCleanup(self.server.kill)
        self.server.wait()
        self.path = f"/integration/webhook/{self.connection.webhook_token}"

    def post(self, body, headers, path=None):
        link = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        try:
            link.request("POST", path or self.path, body, {"Content-Type": "application/json", **headers})
            answer = link.getresponse()
            return answer.status, answer.read()
        finally:
            link.close()

    def send_all(self, deliveries, threads=4):
        """Senders that send until they get 200 or are refused for good; returns what was answered, by event ID."""
        answers, lock = {}, threading.Lock()
        queue = list(deliveries)

        def sender():
            while True:
                with lock:
                    if not queue:
                        return
                    message_id, body, headers = queue.pop(0)
                try:
                    status = self.post(body, headers)[0]
                except OSError:
                    status = None
                with lock:
                    answers.setdefault(message_id, []).append(status)

        workers = [threading.Thread(target=sender) for _number in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return answers

    def deliveries(self, count, versions=1):
        now = time.time()
        for version in range(versions):
            for number in range(1, count + 1):
                body = json.dumps({"type": "fat", "data": self.customer(
                    number, f"V{version}", date_modified_gmt=f"2026-01-01T00:00:{version:02}")}).encode()
                message_id = f"evt-{version}-{number}"
                yield message_id, body, sign(STANDARD, SECRET, body, now=now, message_id=message_id)

    def test_burst_and_its_work(self):
        """Duplicates at the same moment, bad signatures between, several senders; the server's own cron does the work."""
        flow = self.customer_flow_x()
        self.topic(flow, "fat")
        self.cr.commit()
        self.serve("--max-cron-threads=2")
        good = list(self.deliveries(100, versions=3))
        bad = [(f"bad-{number}", body, {**headers, "webhook-id": "x"})
               for number, (_id, body, headers) in enumerate(good[:50])]
        mixed = good + good[:100] + bad
        random.Random(3).shuffle(mixed)
        answers = self.send_all(mixed)
        for message_id, statuses in answers.items():
            self.assertEqual(set(statuses), {403} if message_id.startswith("bad") else {200})
        stored = self.stored_ids()
        self.assertEqual(len(stored), len(set(stored)))
        self.assertEqual(set(stored), {message_id for message_id, *_rest in good})
        self.shop.wait_until(lambda: set(self.states()) == {"done"} and self.settled(flow), seconds=90, step=0.3)
        self.assertEqual({partner.name for partner in self.records(flow).values()}, {"V2"})
        self.assertEqual(len(self.records(flow)), 100)
        self.env.cr.execute(
            "SELECT sum(count) FROM integration_webhook_rejection WHERE connection_id = %s", [self.connection.id])
        self.assertGreater(self.env.cr.fetchone()[0], 0)
        self.assertQuiet()

    def settled(self, flow):
        self.env.cr.execute(
            "SELECT count(*) FROM integration_sync WHERE flow_id = %s AND state <> 'synced'", [flow.id])
        return self.env.cr.fetchone()[0] == 0

    def test_killed_server(self):
        """What was answered with 200 is there, whenever the server is killed; what was not is sent again."""
        self.serve("--max-cron-threads=0")
        todo = {message_id: (message_id, body, headers) for message_id, body, headers in self.deliveries(300)}
        accepted = set()
        for round_number in range(3):
            killer = threading.Timer(0.4 + 0.2 * round_number, self.server.kill)
            killer.start()
            answers = self.send_all(todo.values())
            killer.join()
            accepted |= {message_id for message_id, statuses in answers.items() if 200 in statuses}
            self.assertLessEqual(accepted, set(self.stored_ids()))
            todo = {message_id: delivery for message_id, delivery in todo.items() if message_id not in accepted}
            self.serve("--max-cron-threads=0")
        self.assertTrue(accepted)
        self.send_all(todo.values())
        stored = self.stored_ids()
        self.assertEqual(len(stored), 300)
        self.assertEqual(len(set(stored)), 300)

    def test_rubbish(self):
        """Whatever comes over the socket: never a 5xx, never a word about what is inside."""
        self.serve("--max-cron-threads=0")
        header_text = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40)
        names = st.sampled_from([
            "webhook-id", "webhook-timestamp", "webhook-signature", "Content-Type", "Authorization", "Cookie",
            "Accept-Language", "X-Forwarded-For", "Content-Encoding", "X-Odoo-Database", "Origin", "Expect-Nothing",
            "Content-Disposition"])

        @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
        @given(
            method=st.sampled_from(["POST", "POST", "POST", "GET", "PUT", "HEAD", "OPTIONS", "PROPFIND"]),
            token=st.one_of(st.just(None), st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=1,
                                                   max_size=30)),
            query=st.sampled_from(["", "?challenge=%00", "?challenge=abc", "?a=%ff&b", "?hub.challenge=<b>", "?=&&"]),
            headers=st.dictionaries(names, header_text, max_size=5), body=st.binary(max_size=400),
            kind=st.sampled_from([None, "application/json", "application/x-www-form-urlencoded", "multipart/form-data",
                                  "multipart/form-data; boundary=x", "text/xml", "application/json; charset=\xff", "/"]),
            signed=st.booleans())
        def rubbish(method, token, query, headers, body, kind, signed):
            path = self.path if token is None else "/integration/webhook/" + "".join(
                f"%{byte:02x}" for byte in token.encode())
            if kind is not None:
                headers = {**headers, "Content-Type": kind}
            if signed:
                headers = {**headers, **sign(STANDARD, SECRET, body, now=time.time(), message_id="m" + str(len(body)))}
            link = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
            try:
                link.request(method, path + query, body, {
                    name: value.encode("latin-1").strip() for name, value in headers.items()})
                answer = link.getresponse()
                text = answer.read()
            finally:
                link.close()
            self.assertLess(answer.status, 500, (method, path, headers, body))
            self.assertNotIn(b"Traceback", text)
            self.assertNotIn(b"psycopg2", text)
            if headers.get("X-Odoo-Database", "").strip():
                # It asks for another database, and Odoo says itself that there is none.
                self.assertGreaterEqual(answer.status, 400, headers)
            elif method == "POST" and token is None:
                self.assertIn(answer.status, (200, 400, 403))

        rubbish()
        for raw in (
                b"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nshort",
                b"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
                b"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\nx",
                b"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nx\r\n",
                b"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
                b"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n"):
            with self.subTest(raw[:80]):
                text = self.raw(raw.replace(b"{path}", urlsplit(self.path).path.encode()))
                self.assertNotRegex(text[:20], rb"HTTP/1\.[01] 5")
                self.assertNotIn(b"Traceback", text)
        self.assertEqual(self.post(b"{}", sign(STANDARD, SECRET, b"{}", now=time.time(), message_id="last"))[0], 200)
        self.assertQuiet()

    def raw(self, data):
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=10) as link:
            link.sendall(data)
            link.shutdown(socket.SHUT_WR)
            pieces = []
            try:
                while piece := link.recv(65536):
                    pieces.append(piece)
            except OSError:
                pass
            return b"".join(pieces)
