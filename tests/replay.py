"""Recorded answers of real systems over real HTTP: a small server that hands out what ``tests/payloads`` holds, in the
envelopes in which those systems list their records."""

import copy
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest import SkipTest
from urllib.parse import parse_qs, unquote, urlsplit

from odoo.addons.integration_flow.engine.worker import Worker
from odoo.addons.integration_flow.models.blueprint import SCHEMA_FILE

from .common import FlowCase

PAYLOADS = Path(__file__).parent / "payloads"


def payload(name):
    """A recorded payload, decoded: ``payload("medusa/order_placed")``."""
    return json.loads((PAYLOADS / f"{name}.json").read_text(encoding="utf-8"))


class ReplayServer:
    """Answers by method and path: ``server.answer("GET", "/admin/orders/7", {...})``; ``calls`` says what came."""

    def __init__(self):
        self.calls = []
        self.answers = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def forget(self):
        self.calls.clear()
        self.answers.clear()

    def answer(self, method, path, body, status=200):
        """One fixed answer; several for the same call are given one after the other, the last one stays."""
        self.answers.setdefault((method, path), []).append(lambda query, sent: (status, body))

    def respond(self, method, path, function):
        """Answers by what is asked: ``function(query, sent body)`` gives status and body."""
        self.answers[method, path] = [function]

    def collection(self, path, records, envelope, stamp=None):
        """A list with limit and offset. ``envelope(records, count, limit, offset)`` is the answer's body, ``stamp`` the
        name of the records' time for the filter ``stamp[$gte]``."""
        def listed(query, _sent):
            found = [record for record in records if not stamp or record[stamp] >= query.get(f"{stamp}[$gte]", "")]
            limit, offset = int(query.get("limit", 20)), int(query.get("offset", 0))
            return 200, envelope(found[offset:offset + limit], len(found), limit, offset)
        self.answers["GET", path] = [listed]

    def _handler(self):
        replay = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                parts = urlsplit(self.path)
                path = unquote(parts.path)
                query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                sent = json.loads(raw) if raw else None
                replay.calls.append((self.command, path, query, sent))
                answers = replay.answers.get((self.command, path))
                if answers:
                    status, body = (answers.pop(0) if len(answers) > 1 else answers[0])(query, sent)
                else:
                    status, body = 404, {"message": f"Nothing recorded for {self.command} {path}"}
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json; charset=utf-8")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

            def log_message(self, *args):
                """Silent: the tests look at ``calls``."""

        return Handler


def medusa_list(name):
    """The envelope of Medusa's lists."""
    return lambda records, count, limit, offset: {name: records, "count": count, "offset": offset, "limit": limit}


def karrio_list(records, count, limit, offset):
    """The envelope of karrio's lists."""
    following = f"/v1/shipments?limit={limit}&offset={offset + limit}" if offset + limit < count else None
    return {"count": count, "next": following, "previous": None, "results": records}


class ReplayCase(FlowCase):
    """Flows of one of the addon's blueprints against recorded answers, without the shop of ``FlowCase``."""

    blueprint = ""
    secret = ""

    @classmethod
    def setUpClass(cls):
        super(FlowCase, cls).setUpClass()
        cls.require_apps()
        cls.server = ReplayServer()
        cls.addClassCleanup(cls.server.stop)
        cls.env.ref("base.EUR").active = True
        cls.flows = cls.env["integration.blueprint"]._apply_file(cls.blueprint, connection_vals={
            cls.blueprint: {"base_url": cls.server.url, "auth_secret_input": cls.secret}})
        cls.connection = next(iter(cls.flows.values())).connection_id
        for flow in cls.flows.values():
            flow.write({"timing": "manual", "retry_jitter": 0})
            flow.action_test_mode()

    @classmethod
    def require_apps(cls):
        """The blueprint's apps; without them (an Odoo with mail only) there is nothing to test."""
        data = json.loads((SCHEMA_FILE.parent / f"{cls.blueprint}.json").read_text(encoding="utf-8"))
        missing = [app for app in data["requires"] if not cls.env["integration.blueprint"]._module_installed(app)]
        if missing:
            raise SkipTest(f"needs {', '.join(missing)}")

    def setUp(self):
        super(FlowCase, self).setUp()
        self.server.forget()

    def work(self, connection=None):
        """The connection's worker, called directly: what it does not expect fails the test here."""
        self.env.cr.flush()  # as a commit begins: write, then capture
        with self.enter_registry_test_mode(), self.registry.cursor() as cr:
            env = self.env(cr=cr, su=True)
            Worker(env, env["integration.connection"].browse((connection or self.connection).id)).run()
        self.env.invalidate_all()

    def flow_links(self, code):
        """``{external ID: Odoo record}`` of the flow with this code."""
        return self.records(self.flows[code])

    def only(self, code):
        """The one Odoo record that the flow has brought."""
        records = self.flow_links(code)
        self.assertEqual(len(records), 1, records)
        return next(iter(records.values()))

    def assertAllSynced(self):
        """No record of any flow needs anything; else the first errors are told."""
        left = self.env["integration.sync"].search([
            ("connection_id", "=", self.connection.id), ("state", "not in", ("synced", "excluded"))])
        self.assertFalse(left, "\n".join(
            f"{sync.flow_id.code} {sync.external_id}: {sync.state} {sync.error_message} "
            f"{(sync.error_detail or '')[-600:]}" for sync in left[:5]))


def altered(record, **changes):
    """A copy of a record with other values at the top."""
    return dict(copy.deepcopy(record), **changes)
