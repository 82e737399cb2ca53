"""What one call looks like on the wire, and what is read out of its answer: ``engine/http.py``."""

import json
from types import SimpleNamespace

from odoo.tests import BaseCase, tagged

from odoo.addons.integration_flow.core.errors import SyncError
from odoo.addons.integration_flow.engine import http

PLAIN = {
    "kind": "list", "method": "GET", "path": "things", "query": "", "body": "", "body_path": "", "record_path": "",
    "records_path": "", "params_in": "query", "idempotent": False, "idempotency_header": "", "success_path": "",
    "error_paths": "", "format": "json", "split_path": "", "parts_path": "", "result_id_path": "", "headers": {},
    "format_options": {}, "compress": False, "document": "",
}


def operation(**values):
    return SimpleNamespace(**dict(PLAIN, **values))


@tagged("post_install", "-at_install")
class TestOperations(BaseCase):

    def test_parameters_in_the_body_are_merged_into_it(self):
        listed = operation(
            method="POST", params_in="body", body='{"domain": [["a", "=", 1]], "context": {"lang": "en"}}')
        request = http.build_request(
            listed, params={"offset": 10, "domain": [["write_date", ">=", "x"]]},
            extra_query={"domain": [["b", "=", 2]], "context": {"tz": "UTC"}})
        self.assertEqual(request.body, {
            "domain": [["a", "=", 1], ["b", "=", 2], ["write_date", ">=", "x"]],
            "context": {"lang": "en", "tz": "UTC"}, "offset": 10})
        self.assertEqual(request.query, {})

    def test_placeholders_in_the_body_keep_their_type(self):
        update = operation(
            kind="update", body_path="vals", body='{"ids": ["{id}"], "label": "No. {id}", "text": "{id_text}"}')
        for external_id, typed in (("42", 42), ("007", "007"), ("order_7", "order_7"), ("9" * 20, "9" * 20)):
            body = http.wrap(update, {"name": "A"}, {"id": external_id})
            self.assertEqual(body, {
                "ids": [typed], "label": f"No. {external_id}", "text": external_id, "vals": {"name": "A"}})
        delete = operation(kind="delete", body='{"ids": ["{id}"]}')
        self.assertEqual(http.build_request(delete, variables={"id": "42"}).body, {"ids": [42]})

    def test_other_braces_stay(self):
        query = "query($since: String) { orders(after: $since) { id lines { sku } } }"
        listed = operation(method="POST", params_in="body", body=json.dumps({"query": query, "variables": {}}))
        self.assertEqual(http.build_request(listed).body["query"], query)

    def test_record_in_the_body(self):
        self.assertEqual(http.wrap(operation(), {"a": 1}), {"a": 1})
        self.assertEqual(http.wrap(operation(body='{"source": "odoo"}'), {"a": 1}), {"source": "odoo", "a": 1})
        self.assertEqual(http.wrap(operation(body_path="vals_list[0]"), {"a": 1}), {"vals_list": [{"a": 1}]})

    def test_ids_of_created_records(self):
        for path, answer, found in (
            ("[0]", [12], "12"), ("@", 12, "12"), ("result.id", {"result": {"id": "x"}}, "x"), ("[0]", [], ""),
            ("[0]", [True], ""), ("", [12], ""), ("@", {"id": 1}, ""),
        ):
            with self.subTest(path=path, answer=answer):
                self.assertEqual(http.new_id(operation(result_id_path=path), answer), found)

    def test_reads_that_answer_nothing(self):
        for path, answer in (
            ("[0]", []), ("", None), ("record", {}), ("record", {"record": None}), ("", [1]), ("", True),
        ):
            with self.subTest(path=path, answer=answer), self.assertRaises(SyncError) as caught:
                http.read_record(operation(kind="read", record_path=path), answer)
            self.assertEqual(caught.exception.code, "not_found")
        self.assertEqual(http.read_record(operation(record_path="[0]"), [{"id": 1}]), {"id": 1})

    def test_records_that_are_parts_of_others(self):
        listed = [
            {"id": 1, "title": "A", "variants": [{"id": 11, "prices": [{"id": 111}]}, {"id": 12, "prices": []}]},
            {"id": 2, "title": "B", "variants": None}, "no object", {"id": 3}]
        self.assertEqual(http.split(operation(), listed), listed)
        self.assertEqual(http.split(operation(split_path="variants"), listed), [
            {"id": 11, "prices": [{"id": 111}], "parent": {"id": 1, "title": "A"}},
            {"id": 12, "prices": [], "parent": {"id": 1, "title": "A"}}, "no object"])
        self.assertEqual(http.split(operation(split_path="variants[].prices[]"), listed), [
            {"id": 111, "parent": {"id": 1, "title": "A"}}, "no object"])
