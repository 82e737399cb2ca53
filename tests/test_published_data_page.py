"""The consumers' page ``docs/published-data.md``: each call that stands there is made, and answers what the page says."""

import json
import re
import shlex
from pathlib import Path

from odoo.tests import tagged

from .publish_common import PublishServerCase

PAGE = Path(__file__).resolve().parent.parent / "docs" / "published-data.md"
BASE = "/integration/publish/availability"


@tagged("post_install", "-at_install")
class TestPublishedDataPage(PublishServerCase):
    def setUp(self):
        super().setUp()
        if "stock.quant" not in self.env:
            self.skipTest("Inventory is not installed")
        self.page = PAGE.read_text(encoding="utf-8")
        self.env["product.product"].search([("default_code", "!=", False)]).default_code = False  # none of this test's
        self.chair, self.desk = self.env["product.product"].create([
            {"name": name, "default_code": code, "is_storable": True}
            for name, code in (("Chair", "CHAIR-01"), ("Desk", "DESK-02"))])
        warehouse = self.env["stock.warehouse"].search([("company_id", "=", self.env.company.id)], limit=1)
        warehouse.code = "WH"
        self.stock = warehouse.lot_stock_id
        self.env["stock.quant"]._update_available_quantity(self.chair, self.stock, 12)
        self.flow = self.env["integration.blueprint"]._apply_file("published_stock")["availability"]
        self.flow.action_go_live()
        self.consumer = self.consume(self.flow, rate_limit=0)
        self.secret = self.token(self.consumer)
        self.refresh()

    def commands(self):
        """The curl calls of the page, as lists of words."""
        blocks = re.findall(r"```sh\n(.*?)```", self.page, re.DOTALL)
        return [shlex.split(line) for block in blocks for line in block.splitlines() if line.startswith("curl ")]

    def curl(self, words, **known):
        """Make the call that these words describe. ``known``: what stands there as an example → what it is here."""
        method, url, body, headers, told = "GET", None, None, {"Accept-Encoding": "identity"}, ""
        words = iter(words[1:])
        for word in words:
            if word in ("-H", "-d", "-o", "-w"):
                value = next(words)
                for example, real in known.items():
                    value = value.replace(example, real)
                if word == "-H":
                    name, _colon, text = value.replace("$AUTH", f"Authorization: Bearer {self.secret}").partition(": ")
                    headers[name] = text
                elif word == "-d":
                    method, body = "POST", value
                elif word == "-w":
                    told = value
            elif word == "--compressed":
                headers["Accept-Encoding"] = "gzip"
            elif word != "-s":
                url = word
        for example, real in known.items():
            url = url.replace(example, real)
        self.assertTrue(url.startswith("$BASE/"), f"a call to somewhere else: {url}")
        return self.call(url.removeprefix("$BASE"), method=method, headers=headers, data=body), told

    def call(self, rest, *, method="GET", headers=(), data=None, secret=None):
        self.env.flush_all()
        return self.opener.request(
            method, f"{self.base_url()}{BASE}{rest}", timeout=30, data=data,
            headers={"Authorization": f"Bearer {secret or self.secret}", **dict(headers)})

    def test_the_calls_of_the_page(self):
        commands = self.commands()
        self.assertEqual(len(commands), 5, "a call was added: say below what it answers")
        everything, changes, one, lookup, again = commands

        answer, _told = self.curl(everything)
        page = answer.json()
        self.assertEqual(answer.headers.get("Content-Encoding"), None if len(answer.content) < 1024 else "gzip")
        example = json.loads(re.search(r"```json\n(.*?)```", self.page, re.DOTALL)[1])
        self.assertEqual(set(page), set(example))
        found = {(item["sku"], item["warehouse"]): item for item in page["items"]}
        self.assertIn(("CHAIR-01", "WH"), found)
        self.assertLessEqual(set(example["items"][0]), set(found["CHAIR-01", "WH"]))
        self.assertEqual(set(found["CHAIR-01", "WH"]["stock"]), set(example["items"][0]["stock"]))
        self.assertEqual(found["CHAIR-01", "WH"]["stock"]["on_hand"], example["items"][0]["stock"]["on_hand"])
        self.assertIsNone(page["next"])
        self.assertRegex(page["cursor"], r"^\d+-\d+$")

        # Nothing new; then a change and a removal, each told once, and again with an older cursor.
        old = re.search(r"since=(\d+-\d+)", " ".join(changes))[1]
        quiet, _told = self.curl(changes, **{old: page["cursor"]})
        self.assertEqual((quiet.json()["items"], quiet.json()["deleted"]), ([], []))
        self.env["stock.quant"]._update_available_quantity(self.chair, self.stock, 3)
        self.desk.active = False
        self.refresh()
        for _ in range(2):
            news = self.curl(changes, **{old: page["cursor"]})[0].json()
            self.assertEqual([item["stock"]["on_hand"] for item in news["items"]], [15])
            self.assertIn("DESK-02@WH", [gone["key"] for gone in news["deleted"]])
        later = self.curl(changes, **{old: news["cursor"]})[0].json()
        self.assertEqual((later["items"], later["deleted"]), ([], []))

        self.assertEqual(self.curl(one)[0].json()["stock"]["free"], 15)
        found = self.curl(lookup)[0].json()
        self.assertEqual(found["missing"], ["DESK-02"])
        self.assertIn({"sku": "CHAIR-01", "warehouse": "WH", "stock": {"free": 15}}, found["items"])

        tag = self.call("/items").headers["ETag"]
        unchanged, told = self.curl(again, **{'W/"…"': tag})
        self.assertEqual((unchanged.status_code, unchanged.content, told), (304, b"", "%{http_code}\\n"))
        self.env["stock.quant"]._update_available_quantity(self.chair, self.stock, 1)
        self.refresh()
        self.assertEqual(self.curl(again, **{'W/"…"': tag})[0].status_code, 200)

    def test_the_parameters_of_the_page(self):
        rows = re.findall(r"^\| `([^`]+=[^`]*)` \|", self.page, re.MULTILINE)
        self.assertEqual(len(rows), 4)
        for parameter in rows:
            with self.subTest(parameter):
                answer = self.call(f"/items?{parameter}")
                self.assertEqual(answer.status_code, 200, answer.text)
                self.assertTrue(answer.json()["items"])
        self.assertEqual(set(self.call("/items?fields=sku,stock.free").json()["items"][0]), {"sku", "stock"})
        both = self.call("/items?key=CHAIR-01@WH&key=DESK-02@WH").json()["items"]
        self.assertEqual([item["sku"] for item in both], ["CHAIR-01", "DESK-02"])
        self.assertEqual(self.call("/openapi.json").json()["openapi"][:3], "3.1")

    def test_the_statuses_of_the_page(self):
        told = {int(status) for row in re.findall(r"^\| ([\d, ]+) \|", self.page, re.MULTILINE) for status in row.split(",")}
        limited = self.token(self.consume(self.flow, limits=[("barcode", "1")], name="Limited", rate_limit=0))
        hurried = self.token(self.consume(self.flow, name="Hurried", rate_limit=1))
        self.assertIn("RateLimit", self.call("/items", secret=hurried).headers)
        json_type = {"Content-Type": "application/json"}
        answers = {
            400: self.call("/items?nonsense=1"),
            401: self.call("/items", secret="ifp_unknown"),
            403: self.call("/items?barcode=2", secret=limited),
            404: self.call("/items/NOTHING@WH"),
            405: self.call("/items", method="DELETE"),
            409: self.call("/items?since=1-1"),
            413: self.call("/lookup", method="POST", data=json.dumps({"sku": ["x" * 2_000_000]}), headers=json_type),
            415: self.call("/lookup", method="POST", data="sku=x", headers={"Content-Type": "text/plain"}),
            429: self.call("/items", secret=hurried),
        }
        self.flow.action_pause()
        self.env.flush_all()
        answers[503] = self.call("/items")
        self.assertEqual(set(answers), told)
        for status, answer in answers.items():
            with self.subTest(status=status):
                self.assertEqual(answer.status_code, status, answer.text)
                self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
                self.assertLessEqual({"code", "detail"}, set(answer.json()))
        self.assertEqual(answers[409].json()["code"], "cursor_expired")
        self.assertIn("Retry-After", answers[429].headers)
        self.assertIn("Retry-After", answers[503].headers)
        most = self.flow.publish_max_lookup
        many = self.call("/lookup", method="POST", data=json.dumps({"sku": ["x"] * (most + 1)}), headers=json_type)
        self.assertEqual((many.status_code, many.json()["code"]), (503, "paused"))
        self.flow.action_resume()
        self.env.flush_all()
        many = self.call("/lookup", method="POST", data=json.dumps({"sku": ["x"] * (most + 1)}), headers=json_type)
        self.assertEqual((many.status_code, many.json()["code"]), (400, "too_many"))
