"""The endpoint of published data, called over HTTP as consumers call it."""

import gzip
import zlib
from urllib.parse import quote

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.integration_flow.engine import publish_access, publish_serving

from .publish_common import PublishServerCase

PATH = "/integration/publish/contacts"


@tagged("post_install", "-at_install")
class RouteCase(PublishServerCase):
    def setUp(self):
        super().setUp()
        self.flow = self.publish(publish_page_size=3, publish_max_page=4, publish_max_lookup=3)
        self.partners = {name: self.partner(name, city=city) for name, city in (
            ("Ann", "Ghent"), ("Bob", "Ghent"), ("Cid", "Bruges"), ("Dan", "Bruges"), ("Eva", "Ghent"), ("Fay", False))}
        self.consumer = self.consume(self.flow, rate_limit=0)
        self.secret = self.token(self.consumer)
        self.refresh()

    def call(self, rest="/items", *, method="GET", path=PATH, secret=None, headers=(), **more):
        self.env.flush_all()
        answer = self.opener.request(
            method, self.base_url() + path + rest, timeout=30, allow_redirects=False,
            headers={"Authorization": f"Bearer {secret or self.secret}", **dict(headers)}, **more)
        return answer

    def keys(self, rest="/items", **more):
        answer = self.call(rest, **more)
        self.assertEqual(answer.status_code, 200, answer.text)
        return [item["ref"] for item in answer.json()["items"]]

    def assertProblem(self, answer, status, code=None):
        self.assertEqual(answer.status_code, status, answer.text)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
        body = answer.json()
        self.assertEqual(body["status"], status)
        if code:
            self.assertEqual(body["code"], code)
        self.assertTrue(body["detail"])


class TestLists(RouteCase):
    def test_pages(self):
        """All documents once, in the order of their keys, by following ``next``."""
        answer = self.call().json()
        self.assertEqual([item["ref"] for item in answer["items"]], ["X-Ann", "X-Bob", "X-Cid"])
        self.assertEqual(answer["items"][0], {"ref": "X-Ann", "name": "Ann", "address": {"city": "Ghent"}})
        self.assertTrue(answer["next"].startswith(f"{PATH}/items?"))
        second = self.call("", path=answer["next"]).json()
        self.assertEqual([item["ref"] for item in second["items"]], ["X-Dan", "X-Eva", "X-Fay"])
        self.assertIsNone(second["next"])
        self.assertEqual(second["cursor"], answer["cursor"])

    def test_what_changes_while_pages_are_read_is_told_later(self):
        first = self.call("/items?limit=2").json()
        self.partners["Ann"].name = "Anna"  # on a page that is read already
        self.partners["Fay"].name = "Faye"  # on one that is still to come
        self.partners["Bob"].unlink()
        self.refresh()
        pages, following = [], first["next"]
        while following:
            page = self.call("", path=following).json()
            pages += page["items"]
            following = page["next"]
        self.assertEqual([item["name"] for item in pages], ["Cid", "Dan", "Eva", "Faye"])
        self.assertEqual(page["cursor"], first["cursor"], "the whole reading is as old as its first page")
        delta = self.call(f"/items?since={page['cursor']}").json()
        self.assertEqual([item["name"] for item in delta["items"]], ["Anna", "Faye"])
        self.assertEqual([gone["key"] for gone in delta["deleted"]], ["X-Bob"])
        self.assertEqual(self.call(f"/items?since={delta['cursor']}").json()["items"], [])

    def test_filters(self):
        self.assertEqual(self.keys("/items?address.city=Bruges"), ["X-Cid", "X-Dan"])
        self.assertEqual(self.keys("/items?address.city=Bruges&name=Dan"), ["X-Dan"])
        self.assertEqual(self.keys("/items?name=Dan&name=Ann"), ["X-Ann", "X-Dan"])
        self.assertEqual(self.keys("/items?key=X-Eva&key=X-None"), ["X-Eva"])
        self.assertEqual(self.keys("/items?address.city=ghent"), [], "filters are exact")
        page = self.call("/items?address.city=Ghent&limit=2&fields=ref").json()
        self.assertEqual(self.call("", path=page["next"]).json()["items"], [{"ref": "X-Eva"}])

    def test_what_leaves_a_filter_is_told_as_gone(self):
        cursor = self.call().json()["cursor"]
        self.partners["Bob"].city = "Bruges"
        self.refresh()
        ghent = self.call(f"/items?since={cursor}&address.city=Ghent").json()
        self.assertEqual(([item["ref"] for item in ghent["items"]], [gone["key"] for gone in ghent["deleted"]]),
                         ([], ["X-Bob"]))
        bruges = self.call(f"/items?since={cursor}&address.city=Bruges").json()
        self.assertEqual(([item["ref"] for item in bruges["items"]], bruges["deleted"]), (["X-Bob"], []))
        other = self.call(f"/items?since={cursor}&address.city=Antwerp").json()
        self.assertEqual((other["items"], other["deleted"]), ([], []), "who never saw it hears nothing of it")

    def test_chosen_fields(self):
        self.assertEqual(self.call("/items?fields=name,address.city&key=X-Ann").json()["items"],
                         [{"name": "Ann", "address": {"city": "Ghent"}}])
        self.assertEqual(self.call("/items/X-Ann?fields=address").json(), {"address": {"city": "Ghent"}})

    def test_conditions(self):
        answer = self.call()
        tag = answer.headers["ETag"]
        same = self.call(headers={"If-None-Match": f'"other", {tag}'})
        self.assertEqual((same.status_code, same.content, same.headers["ETag"]), (304, b"", tag))
        self.assertNotIn("Content-Type", same.headers)
        self.assertEqual(self.call("/items?limit=2", headers={"If-None-Match": tag}).status_code, 200)
        self.partners["Fay"].phone = "1"
        self.refresh()
        self.assertEqual(self.call(headers={"If-None-Match": tag}).status_code, 304, "nothing published has changed")
        one = self.call("/items/X-Fay").headers["ETag"]
        self.assertEqual(self.call("/items/X-Fay", headers={"If-None-Match": one}).status_code, 304)
        self.partners["Fay"].name = "Faye"
        self.refresh()
        for rest, old in (("/items", tag), ("/items/X-Fay", one)):
            self.assertEqual(self.call(rest, headers={"If-None-Match": old}).status_code, 200)
        self.assertEqual(self.call("/items/X-Ann").headers["Cache-Control"], "private, no-cache")

    def test_gzip(self):
        self.flow.write({"publish_max_page": 500, "publish_page_size": 500})
        self.env["res.partner"].create([{"name": f"P{n}", "ref": f"X-{n:03}"} for n in range(100)])
        self.refresh()
        plain = self.call(headers={"Accept-Encoding": "identity"})
        self.assertNotIn("Content-Encoding", plain.headers)
        for _again in range(2):  # also from what is kept
            packed = self.call(headers={"Accept-Encoding": "gzip"}, stream=True)
            self.assertEqual(packed.headers["Content-Encoding"], "gzip")
            self.assertIn("Accept-Encoding", packed.headers["Vary"])
            raw = packed.raw.read(decode_content=False)
            self.assertLess(len(raw), len(plain.content) / 4)
            self.assertEqual(gzip.decompress(raw), plain.content)
        self.assertEqual(zlib.decompress(raw, 31), plain.content)
        self.assertNotIn("Content-Encoding", self.call("/items/X-Ann", headers={"Accept-Encoding": "gzip"}).headers)

    def test_wrong_questions(self):
        for rest, code in (
                ("/items?limit=0", "bad_limit"), ("/items?limit=5", "bad_limit"), ("/items?limit=x", "bad_limit"),
                ("/items?limit=2&limit=3", "repeated_parameter"), ("/items?city=Ghent", "unknown_parameter"),
                ("/items?since=1", "bad_cursor"), ("/items?fields=phone", "unknown_field"),
                ("/items?fields=", "unknown_field"),
                ("/items?name=", "bad_value"), ("/items?name=%00", "bad_value"), ("/items?after=", "bad_after"),
                ("/items/X-Ann?limit=1", "unknown_parameter"), ("/openapi.json?x=1", "unknown_parameter")):
            with self.subTest(rest=rest):
                self.assertProblem(self.call(rest), 400, code)
        cursor = self.call().json()["cursor"]
        epoch, _dash, change = cursor.partition("-")
        for wrong in (f"{epoch}-{int(change) + 1}", f"{int(epoch) + 1}-{change}"):
            self.assertProblem(self.call(f"/items?since={wrong}"), 409, "cursor_expired")
            self.assertProblem(self.call(f"/items?cursor={wrong}&after=X"), 409, "cursor_expired")
        for rest in ("", "/", "/other", "/items/", "/items/X-None", "/items/X%00", "/items/X-Ann/more"):
            with self.subTest(rest=rest):
                self.assertProblem(self.call(rest), 404)

    def test_a_cursor_that_is_too_old(self):
        cursor = self.call().json()["cursor"]
        self.partners["Ann"].unlink()
        self.refresh()
        self.env.cr.execute("UPDATE integration_document SET changed_at = changed_at - interval '60 days'")
        self.flow._refresh_all()
        self.refresh()
        self.assertProblem(self.call(f"/items?since={cursor}"), 409, "cursor_expired")
        self.assertEqual(len(self.keys("/items?limit=4")), 4)

    def test_methods(self):
        head = self.call(method="HEAD")
        self.assertEqual((head.status_code, head.content), (200, b""))
        self.assertEqual(head.headers["ETag"], self.call().headers["ETag"])
        for rest, allowed in (("/items", "GET, HEAD, OPTIONS"), ("/items/X-Ann", "GET, HEAD, OPTIONS"),
                              ("/lookup", "POST, OPTIONS")):
            options = self.call(rest, method="OPTIONS")
            self.assertEqual((options.status_code, options.headers["Allow"]), (204, allowed))
            wrong = self.call(rest, method="DELETE")
            self.assertProblem(wrong, 405)
            self.assertEqual(wrong.headers["Allow"], allowed)
        self.assertProblem(self.call("/items", method="POST", json={}), 405)
        self.assertProblem(self.call("/lookup"), 405)

    def test_keys_with_any_characters(self):
        for ref in ("X A/B", "X-Ä+%?#&", "X.", "X-日本"):
            with self.subTest(ref=ref):
                self.partners["Ann"].ref = ref
                self.refresh()
                self.assertEqual(self.call(f"/items/{quote(ref, safe='')}").json()["ref"], ref)
                self.assertEqual(self.keys(f"/items?key={quote(ref, safe='')}"), [ref])


class TestLookup(RouteCase):
    def look(self, body, **more):
        return self.call("/lookup", method="POST", json=body, **more)

    def test_many_in_one_call(self):
        answer = self.look({"keys": ["X-Bob", "X-None", "X-Ann"], "fields": ["name"]}).json()
        self.assertEqual((answer["items"], answer["missing"]), ([{"name": "Ann"}, {"name": "Bob"}], ["X-None"]))
        self.assertEqual(answer["cursor"], self.call().json()["cursor"])
        bob = self.partners["Bob"].id
        answer = self.look({"ids": [bob, 2**31 - 1]}).json()
        self.assertEqual(([item["ref"] for item in answer["items"]], answer["missing"]), (["X-Bob"], [2**31 - 1]))
        answer = self.look({"address.city": ["Bruges", "Rome"]}).json()
        self.assertEqual(([item["ref"] for item in answer["items"]], answer["missing"]), (["X-Cid", "X-Dan"], ["Rome"]))

    def test_wrong_bodies(self):
        for body in ({}, {"keys": []}, {"keys": "X"}, {"keys": [1]}, {"ids": ["1"]}, {"ids": [0]}, {"ids": [True]},
                     {"keys": ["a"], "ids": [1]}, {"cities": ["a"]}, {"keys": ["a"], "fields": ["x"]}, [], "x",
                     {"keys": ["\x00"]}, {"keys": ["a"], "fields": "name"}):
            with self.subTest(body=body):
                self.assertProblem(self.look(body), 400)
        self.assertProblem(self.call("/lookup", method="POST", data=b"{", headers={"Content-Type": "application/json"}), 400)
        self.assertProblem(self.call("/lookup", method="POST", data={"keys": "a"}), 415)
        self.assertProblem(self.look({"keys": ["a", "b", "c", "d"]}), 400, "too_many")
        self.assertProblem(self.call(
            "/lookup", method="POST", data=b"x" * (publish_serving.MAX_BODY + 1),
            headers={"Content-Type": "application/json"}), 413)
        self.assertProblem(self.call(
            "/lookup", method="POST", data=b'{"keys": ["\\ud800"]}', headers={"Content-Type": "application/json"}), 400)


class TestAccess(RouteCase):
    def test_tokens(self):
        for secret in ("wrong", self.secret[:-1], "ifp_" + "a" * 43):
            answer = self.call(secret=secret)
            self.assertProblem(answer, 401)
            self.assertIn("Bearer", answer.headers["WWW-Authenticate"])
        for header in ({"Authorization": ""}, {"Authorization": self.secret}, {"Authorization": "Basic eA=="}):
            self.assertProblem(self.call(headers=header), 401)
        self.assertProblem(self.call("/openapi.json", secret="wrong"), 401)
        self.consumer.token_ids.action_revoke()
        self.assertProblem(self.call(), 401)

    def test_what_takes_access_away(self):
        self.assertEqual(self.call().status_code, 200)
        self.consumer.active = False
        self.assertProblem(self.call(), 401)
        self.consumer.active = True
        self.assertEqual(self.call().status_code, 200)
        self.consumer.token_ids.sudo().expires_on = fields.Date.subtract(fields.Date.today(), days=1)
        self.assertProblem(self.call(), 401)
        self.consumer.token_ids.sudo().expires_on = fields.Date.today()
        self.assertEqual(self.call().status_code, 200, "valid until the end of its last day")
        self.consumer.flow_ids = False
        self.assertProblem(self.call(), 404, "no_publication")
        self.assertEqual(self.call().json(), self.call(path="/integration/publish/nothing").json(),
                         "what is not for this consumer looks like what does not exist")

    def test_a_token_that_expires_while_it_is_kept(self):
        self.assertEqual(self.call().status_code, 200)
        moment = publish_access.time.time()
        token = self.consumer.token_ids.sudo()
        token.expires_on = fields.Date.today()
        self.assertEqual(self.call().status_code, 200)
        self.patch(publish_access, "time", type("Clock", (), {"time": staticmethod(lambda: moment + 2 * 86400)}))
        self.assertProblem(self.call(), 401)

    def test_limits_of_a_consumer(self):
        """Whatever is asked, nothing outside of the allowed values is seen."""
        limited = self.token(self.consume(self.flow, limits=[("address.city", "Ghent, Antwerp")], rate_limit=0))
        everything = self.call("/items?limit=4", secret=limited).json()
        self.assertEqual([item["ref"] for item in everything["items"]], ["X-Ann", "X-Bob", "X-Eva"])
        self.assertEqual(self.keys("/items?address.city=Ghent", secret=limited), ["X-Ann", "X-Bob", "X-Eva"])
        self.assertProblem(self.call("/items?address.city=Bruges", secret=limited), 403)
        self.assertProblem(self.call("/items?address.city=Ghent&address.city=Bruges", secret=limited), 403)
        self.assertEqual(self.call("/items/X-Ann", secret=limited).status_code, 200)
        self.assertProblem(self.call("/items/X-Cid", secret=limited), 404)
        found = self.call("/lookup", method="POST", json={"keys": ["X-Cid", "X-Ann"]}, secret=limited).json()
        self.assertEqual(([item["ref"] for item in found["items"]], found["missing"]), (["X-Ann"], ["X-Cid"]))
        found = self.call("/lookup", method="POST", json={"address.city": ["Bruges"]}, secret=limited).json()
        self.assertEqual((found["items"], found["missing"]), ([], ["Bruges"]))
        self.partners["Cid"].name = "Cyd"
        self.partners["Dan"].unlink()
        self.partners["Bob"].city = "Bruges"
        self.refresh()
        delta = self.call(f"/items?since={everything['cursor']}", secret=limited).json()
        self.assertEqual((delta["items"], [gone["key"] for gone in delta["deleted"]]), ([], ["X-Bob"]))
        self.assertNotEqual(self.call(secret=limited).headers["ETag"], self.call().headers["ETag"])
        strange = self.token(self.consume(self.flow, limits=[("warehouse", "WH")]))
        self.assertProblem(self.call(secret=strange), 403, "not_limitable")

    def test_two_limits_of_one_field(self):
        """They hold together."""
        limited = self.token(self.consume(
            self.flow, limits=[("address.city", "Ghent, Bruges"), ("address.city", "Bruges")], rate_limit=0))
        self.assertEqual(self.keys(secret=limited), ["X-Cid", "X-Dan"])

    def test_calls_per_minute(self):
        self.patch(publish_access, "time", type("Clock", (), {"time": staticmethod(lambda: 6000.0 + 15)}))
        limited = self.token(self.consume(self.flow, rate_limit=5))
        for left in range(4, -1, -1):
            answer = self.call(secret=limited)
            self.assertEqual(answer.status_code, 200)
            self.assertEqual(answer.headers["RateLimit"], f'"calls";r={left};t=45')
            self.assertEqual(answer.headers["RateLimit-Policy"], '"calls";q=5;w=60')
        answer = self.call(secret=limited)
        self.assertProblem(answer, 429)
        self.assertEqual(answer.headers["Retry-After"], "45")
        self.assertEqual(self.call().status_code, 200, "others are not concerned")
        self.assertNotIn("RateLimit", self.call().headers)

    def test_states_of_a_publication(self):
        self.flow.action_pause()
        answer = self.call()
        self.assertProblem(answer, 503, "paused")
        self.assertIn("Retry-After", answer.headers)
        self.flow.action_draft()
        self.assertProblem(self.call(), 404)
        other = self.publish(publish_code="others", name="Others")
        self.consumer.flow_ids += other
        self.assertProblem(self.call(path="/integration/publish/others"), 503, "preparing")
        self.refresh()
        self.assertEqual(len(self.keys(path="/integration/publish/others")), 6)

    @mute_logger("odoo.http", "odoo.sql_db")
    def test_a_fault_tells_nothing(self):
        def fail(*_args):
            raise RuntimeError("inside")
        self.patch(publish_serving, "answer", fail)
        answer = self.call()
        self.assertProblem(answer, 503)
        self.assertNotIn("inside", answer.text)

    def test_no_session_and_no_orm(self):
        """A call that has been made before reads by SQL: one statement for the state, one for the documents."""
        self.call()
        answer = self.call()
        self.assertNotIn("Set-Cookie", answer.headers)
        seen = []
        original = type(self.env.cr).execute

        def execute(cursor, query, *args, **kwargs):
            if "integration_" in str(query):
                seen.append(str(query))
            return original(cursor, query, *args, **kwargs)
        self.patch(type(self.env.cr), "execute", execute)
        self.call("/items?limit=4")
        self.assertEqual(len(seen), 2, seen)
        del seen[:]
        self.call(headers={"If-None-Match": answer.headers["ETag"]})
        self.assertEqual(len(seen), 1, seen)


class TestOpenAPI(RouteCase):
    def test_the_document_tells_what_the_rules_make(self):
        document = self.call("/openapi.json").json()
        self.assertEqual(document["openapi"], "3.1.0")
        self.assertEqual(document["servers"], [{"url": PATH}])
        schema = document["components"]["schemas"]["Document"]
        self.assertEqual(schema["required"], ["ref", "name", "address"])
        self.assertEqual(schema["properties"]["address"]["properties"]["city"]["type"], ["string", "null"])
        names = {parameter["name"] for parameter in document["paths"]["/items"]["get"]["parameters"]}
        self.assertTrue({"since", "after", "limit", "fields", "key", "name", "address.city"} <= names)
        self.flow.rule_ids.filtered(lambda rule: rule.external_path == "name").publish_filter = False
        changed = self.call("/openapi.json").json()
        self.assertNotIn("name", {parameter["name"] for parameter in changed["paths"]["/items"]["get"]["parameters"]})
