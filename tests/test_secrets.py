"""Known secrets in every place where a secret can stand; then the whole database, the server's log and everything that
people can read or export are searched for them.

It commits, because what is searched is a dump of the database by PostgreSQL's own tool.
"""

import base64
import html
import json
import logging
import os
import re
import secrets as random
import subprocess
from unittest.mock import patch
from urllib.parse import quote, quote_plus

from odoo.exceptions import UserError, ValidationError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger
from odoo.tools.misc import find_pg_tool

from .echo import Echo
from .real import RealCase

MODES = ("list", "400", "401", "403", "404", "409", "422", "429", "500", "503", "redirect", "malformed", "html")
# What may stand in these columns: they are the protected ones, and the record itself.
SECRET_COLUMNS = {("integration_connection", "auth_secret"), ("integration_connection", "extra_headers"),
                  ("integration_connection_state", "oauth_token")}
SENSITIVE_COLUMNS = {("integration_sync", "payload"), ("integration_sync", "agreed"),
                     ("integration_sync", "sent"), ("res_partner", "street2")}
LIBRARIES = ("odoo.addons.integration_flow", "urllib3", "requests", "oauthlib", "requests_oauthlib")
OPERATIONS = {
    "list": {"path": "things", "method": "GET", "error_paths": "message"},
    "read": {"path": "things/{id}", "method": "GET", "error_paths": "message"},
    "create": {"path": "things", "method": "POST", "error_paths": "message"},
    "update": {"path": "things/{id}", "method": "PUT", "idempotent": True, "error_paths": "message"},
}


def new_secret():
    """A secret with the characters that are written differently in addresses, JSON and HTML, between two parts by which
    each piece of it is found."""
    return f"{random.token_hex(8)}/+&=\"%<{random.token_hex(8)}"


def pieces(secret):
    """What must not be found: both parts, and the secret in the forms that hide them."""
    first, last = re.findall(r"[0-9a-f]{16}", secret)
    found = {first, last, secret, quote(secret, safe=""), quote_plus(secret), html.escape(secret), json.dumps(secret)[1:-1]}
    raw = secret.encode()
    for offset in range(3):
        # The characters in the middle, whatever stands before and behind.
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            found.add(encode(b"\0" * offset + raw)[8:-8].decode())
    return {piece.encode() for piece in found}


def around(text, needles):
    """Where it stands."""
    needle = next(needle for needle in needles if needle in text)
    at = text.index(needle)
    return text[max(at - 60, 0):at + 60]


class Collected(logging.Handler):
    def __init__(self):
        super().__init__(logging.DEBUG)
        self.lines = []

    def emit(self, record):
        self.lines.append(self.format(record))


@tagged("-standard", "integration_flow_real", "post_install", "-at_install")
class TestSecrets(RealCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.echo = Echo().start()
        cls.addClassCleanup(cls.echo.stop)
        cls.shop_connection = cls.connection

    def setUp(self):
        super().setUp()
        self.log = Collected()
        root = logging.getLogger()
        root.addHandler(self.log)
        self.addCleanup(root.removeHandler, self.log)
        for name in LIBRARIES:
            logger = logging.getLogger(name)
            self.addCleanup(logger.setLevel, logger.level)
            logger.setLevel(logging.DEBUG)
        self.users = self.env["res.users"]
        for name in ("user", "manager", "secrets"):
            self.users += new_test_user(
                self.env, f"leak_{name}_{random.token_hex(4)}",
                groups=f"integration_flow.group_integration_{name},base.group_allow_export")
        self.secrets, self.sensitive = {}, {}
        environment = patch.dict(os.environ, {
            "IF_TEST_SECRET": self.secret("by environment"), "IF_TEST_HEADER": self.secret("header by environment")})
        environment.start()
        self.addCleanup(environment.stop)
        self.addCleanup(self.remove)

    def remove(self):
        type(self).connection = self.shop_connection
        self.look()
        for connection in self.made:
            flows = self.env["integration.flow"].search([("connection_id", "=", connection.id)])
            type(self).connection = connection
            self.remove_flows(flows)
            connection.unlink()
        type(self).connection = self.shop_connection
        self.users.unlink()
        self.cr.commit()

    made = ()

    def secret(self, name):
        return self.secrets.setdefault(name, new_secret())

    def hidden(self, name):
        return self.sensitive.setdefault(name, new_secret())

    # -- planting ------------------------------------------------------------------------------------------

    def connect(self, auth_type, **vals):
        name = f"{auth_type} {len(self.made)}"
        secret = vals.pop("auth_secret_input", None) or self.secret(name)
        connection = self.make_connection(
            name=name, base_url=self.echo.url, web_url=False, auth_type=auth_type, auth_user="ada",
            auth_name={"api_key_header": "X-Shop-Id", "api_key_query": "shop_id"}.get(auth_type, False),
            token_url=f"{self.echo.url}/token" if auth_type == "oauth2_client" else False, auth_secret_input=secret,
            extra_headers=f"X-Partner-Secret: {self.secret(f'header of {name}')}\nX-Tenant: env:IF_TEST_HEADER", **vals)
        self.made = (*self.made, connection)
        return connection

    def plant(self, connection):
        """All that can happen on one connection, with a system that quotes what it gets."""
        type(self).connection = connection
        mine = [self.secrets["header by environment"], self.secrets[f"header of {connection.name}"]]
        mine.append(self.secrets.get(connection.name) or self.secrets["by environment"])
        if connection.auth_type == "oauth2_client":
            token, refresh = self.secret("access token"), self.secret("refresh token")
            self.echo.token = {"access_token": token, "refresh_token": refresh, "token_type": "Bearer", "expires_in": 3600}
            mine += [token, refresh]
        self.echo.mode, self.echo.secrets = "list", mine
        coming, staying = self.hidden(f"imported by {connection.name}"), self.hidden(f"exported by {connection.name}")
        self.echo.records = [{"id": f"{connection.id}-1", "name": "Ann", "note": coming},
                             {"id": f"{connection.id}-2", "name": "Bob", "note": {"not": ["a text", coming]}},
                             {"name": "Nameless", "note": coming}]
        flow = self.make_flow("res.partner", [
            ("name", "name", {"required": True, "owner": "external"}),
            ("street2", "note", {"sensitive": True, "owner": "odoo"}),
            ("lang", "language", {"owner": "external"}),
            ("ref", "ref", {"match_key": True, "owner": "odoo"}),
        ], f"things{connection.id}", direction="both", create_in_external=True, domain="[('ref', '=like', 'X%')]",
            timing="live", log_level="all", operations=OPERATIONS, id_path="id")
        flow.next_run_at = False
        partner = self.partner(f"Cleo {connection.id}", street2=staying)
        self.cr.commit()
        for mode in MODES:
            self.echo.mode = mode
            connection.action_test()
            connection.test_path = "things"
            connection.action_test()
            connection.action_resume()
            flow._open_run("button", full=True)
            partner.write({"street2": f"{staying} {mode}", "name": f"Cleo {mode}"})
            self.work(connection)
            sync = self.env["integration.sync"].search([("flow_id", "=", flow.id), ("res_id", "=", partner.id)])
            connection.action_resume()
            self.cr.commit()
            for _press in range(2):
                try:
                    sync.action_retry()
                except UserError as error:
                    self.log.lines.append(str(error))
                self.look()
                connection.action_resume()
                self.cr.commit()
        self.assertTrue(any(staying.encode()[:16] in body for _m, _p, _h, body in self.echo.seen), "it was really sent")
        self.refuse(flow, coming)
        flow.state = "draft"  # no system knows the secrets of another one
        self.cr.commit()

    def refuse(self, flow, coming):
        """Odoo quotes the value that it refuses."""
        model = type(self.env["res.partner"])
        original = model.write

        def write(records, vals):
            if vals.get("name") == "Anna":
                raise ValidationError(records.env._("'%s' is not a street", coming))
            return original(records, vals)

        self.echo.mode = "list"
        self.echo.records = [{"id": f"{flow.connection_id.id}-1", "name": "Anna", "note": coming}]
        with patch.object(model, "write", write):
            flow._open_run("button", full=True)
            self.work(flow.connection_id)
        failed = self.env["integration.sync"].search([
            ("flow_id", "=", flow.id), ("error_message", "like", "Odoo refuses to save")])
        self.assertEqual(len(failed), 1, [
            (sync.external_id, sync.name, sync.state, sync.error_message) for sync in self.syncs(flow).values()] + [
            (run.state, run.message, run.read_count) for run in flow.run_ids])

    def misplace(self):
        """Secrets where they do not belong are refused, and the refusal does not quote them."""
        for url in ("https://ada:{}@shop.example/api", "htp://ada:{}@shop.example", "https://shop.example/?api_key={}",
                    "https://shop.example/#token={}"):
            secret = self.secret(url)
            for place in ("base_url", "token_url"):
                with self.assertRaises(ValidationError) as caught, self.cr.savepoint():
                    self.make_connection(name="Wrong", **{place: url.format(quote(secret, safe=""))})
                self.log.lines.append(str(caught.exception))
        secret = self.secret("header line")
        with self.assertRaises(ValidationError) as caught, self.cr.savepoint():
            self.make_connection(name="Wrong", extra_headers=secret)
        self.log.lines.append(str(caught.exception))

    # -- searching -----------------------------------------------------------------------------------------

    def dump(self):
        """The whole database as text, as PostgreSQL's own tool writes it."""
        self.cr.commit()
        dsn = self.cr.connection.get_dsn_parameters()
        command = [find_pg_tool("pg_dump"), "--no-owner", "--dbname", dsn["dbname"]]
        for option in ("host", "port"):
            if dsn.get(option):
                command += [f"--{option}", dsn[option]]
        environment = dict(os.environ, PGUSER=dsn["user"], **(
            {"PGPASSWORD": self.cr.connection.info.password} if self.cr.connection.info.password else {}))
        return subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout

    def in_dump(self, dump, needles):
        """``{(table, column)}`` in which one of the needles stands."""
        found = set()
        for needle in needles:
            at = dump.find(needle)
            while at >= 0:
                start, end = dump.rfind(b"\n", 0, at) + 1, dump.find(b"\n", at)
                header = dump.rfind(b"\nCOPY public.", 0, at) + 1
                match = re.match(rb'COPY public\."?(\w+)"? \(([^)]*)\)', dump[header:header + 20000])
                column = dump[start:at].count(b"\t")
                found.add((match[1].decode(), match[2].decode().split(", ")[column].strip('"')))
                at = dump.find(needle, dump.find(b"\t", at) if b"\t" in dump[at:end] else end)
        return found

    def readable(self):
        """All that people of each group can read or export: (group, model, field) and text."""
        for user in self.users:
            for name in sorted(self.env.registry):
                model = self.env[name].with_user(user)
                if not name.startswith("integration.") or model._abstract or not model.has_access("read"):
                    continue
                records = model.search([])
                fields = sorted(model.fields_get(attributes=()))
                for field in fields:
                    try:
                        yield (user.login.split("_")[1], name, field), str(records.read([field]))
                    except Exception as error:  # what cannot be read tells nothing, and its refusal must not either
                        yield (user.login.split("_")[1], name, field), str(error)
                    try:
                        yield (user.login.split("_")[1], name, field), str(records.export_data([field]))
                    except Exception as error:
                        yield (user.login.split("_")[1], name, field), str(error)

    @mute_logger("odoo.sql_db", "odoo.addons.integration_flow.engine.persistence")
    def test_no_secret_anywhere_else(self):
        for auth_type in ("basic", "bearer", "api_key_header", "api_key_query", "oauth2_client"):
            self.plant(self.connect(auth_type))
        self.plant(self.connect("bearer", auth_secret_input="env:IF_TEST_SECRET"))
        self.misplace()
        dump = self.dump()
        log = "\n".join(self.log.lines).encode()
        texts = {}
        for place, text in self.readable():
            texts[place] = texts.get(place, b"") + text.encode()
        self.assertGreater(self.env["integration.exchange"].search_count([]), 100)
        problems = []
        for kind, names, columns in (("secret", self.secrets, SECRET_COLUMNS), ("value", self.sensitive, SENSITIVE_COLUMNS)):
            for name, secret in names.items():
                needles = pieces(secret)
                problems += [(kind, name, "database", place) for place in self.in_dump(dump, needles) - columns]
                if any(needle in log for needle in needles):
                    problems += [(kind, name, "log", next(
                        line[:600] for line in self.log.lines if any(needle in line.encode() for needle in needles)))]
                for place, text in texts.items():
                    allowed = place == ("secrets", "integration.connection", "extra_headers")
                    if any(needle in text for needle in needles) and not allowed:
                        problems.append((kind, name, "readable", place, around(text, needles)))
        self.assertFalse(problems, "\n".join(map(str, problems[:40])))
        for name, secret in self.secrets.items():  # the search itself finds what is there
            if name == "bearer 1":
                self.assertEqual(self.in_dump(dump, pieces(secret)), {("integration_connection", "auth_secret")})
        self.assertTrue(self.in_dump(dump, pieces(self.sensitive["imported by bearer 1"])))
