"""GraphQL as a format of a resource: what a call carries, which slips are refused when they are written, who may see it."""

import json
from datetime import datetime

from odoo.exceptions import ValidationError
from odoo.tests import Form, TransactionCase, tagged

from odoo.addons.integration_flow.engine import http
from odoo.addons.integration_flow.engine.plan import operation_plan

ORDERS = """query($first: Int!, $after: String, $query: String, $state: String) {
  orders(first: $first, after: $after, query: $query, state: $state) {
    nodes { id } pageInfo { hasNextPage endCursor } } }"""
CREATE = "mutation($input: OrderInput!) { orderCreate(input: $input) { order { id } userErrors { field message } } }"


@tagged("post_install", "-at_install")
class TestGraphqlOperations(TransactionCase):

    def setUp(self):
        super().setUp()
        self.resource = self.env["integration.resource"].create({
            "name": "Order", "code": "order", "api_name": "Some GraphQL", "format": "graphql", "id_path": "id"})

    def make(self, kind="list", **vals):
        return self.env["integration.operation"].create({
            "resource_id": self.resource.id, "kind": kind, "method": "POST", "path": "graphql", **vals})

    def listing(self, **vals):
        return self.make(**{
            "document": ORDERS, "records_path": "data.orders.nodes", "paging_style": "connection", "page_size": 20,
            "size_param": "first", "cursor_param": "after", "incremental_param": "query",
            "incremental_template": '"changed:>{since}"', "body": '{"state": "open"}', **vals})

    def test_what_a_call_carries(self):
        plan = operation_plan(self.listing())
        request = http.build_request(plan, params={"first": 20, "after": "x"}, extra_query={"query": "tag:a"})
        self.assertEqual(request.body, {
            "query": ORDERS, "variables": {"state": "open", "query": "tag:a", "first": 20, "after": "x"}})
        self.assertEqual((request.format, request.query, request.doubtful), ("graphql", {}, False))
        self.assertEqual(http.paging_spec(plan).cursor_path, "data.orders.pageInfo")
        created = operation_plan(self.make("create", document=CREATE, body_path="input"))
        request = http.build_request(created, body=http.wrap(created, {"total": 5}))
        self.assertEqual(request.body, {"query": CREATE, "variables": {"input": {"total": 5}}})
        self.assertTrue(request.doubtful)
        again = http.build_request(created, body=request.body)
        self.assertEqual(again.body, request.body, "a call that is kept and sent again is the same call")

    def test_the_flows_own_search_stays(self):
        plan = operation_plan(self.listing(incremental_template='"{filter} changed:>{since}"'))
        since = datetime(2026, 1, 2, 3, 4, 5)
        self.assertEqual(http.since_params(plan, since), {"query": "changed:>2026-01-02T03:04:05Z"})
        self.assertEqual(http.since_params(plan, since, {"query": 'name:"A" OR tag:b'}), {
            "query": '(name:"A" OR tag:b) changed:>2026-01-02T03:04:05Z'})

    def test_many_records_in_one_call(self):
        plan = operation_plan(self.make(
            "update", document="mutation($input: In!, $key: String!) { set(input: $input) @idempotent(key: $key) { ok } }",
            body='{"key": "{key}", "input": {"reason": "x"}}', bulk=True, bulk_path="input.items"))
        self.assertEqual(http.wrap_many(plan, [{"id": 1}, {"id": 2}], {"key": "k"}), {
            "key": "k", "input": {"reason": "x", "items": [{"id": 1}, {"id": 2}]}})

    def test_slips_are_refused_when_they_are_written(self):
        for vals, text in (
                ({"document": False}, "write the query or mutation"),
                ({"document": "query { orders { nodes { id } }"}, "is not closed"),
                ({"document": CREATE}, "this call only reads"),
                ({"method": "GET"}, "called by POST"),
                ({"document": ORDERS.replace("hasNextPage", "")}, "hasNextPage is missing"),
                ({"document": ORDERS.replace("$first: Int!, ", "").replace("first: $first, ", "")}, "“first”"),
                ({"cursor_param": "cursor"}, "“cursor”"),
                ({"body": "{not json"}, "this is not valid JSON"),
                ({"body": "{}", "document": ORDERS.replace("$state: String)", "$state: String!)")}, "$state is required")):
            with self.subTest(text), self.assertRaises(ValidationError) as caught, self.cr.savepoint():
                self.listing(**vals)
            self.assertIn(text, str(caught.exception))
        self.make("create", document=CREATE, body_path="input")
        with self.assertRaises(ValidationError), self.cr.savepoint():
            self.make("create", document=ORDERS)
        plain = self.env["integration.resource"].create({
            "name": "Plain", "code": "plain", "api_name": "Some GraphQL",
            "operation_ids": [(0, 0, {"kind": "list", "method": "GET", "path": "things"})]})
        with self.assertRaises(ValidationError):
            plain.format = "graphql"

    def test_the_test_of_a_connection(self):
        vals = {"name": "G", "api_name": "Some GraphQL", "base_url": "http://127.0.0.1:1"}
        with self.assertRaises(ValidationError) as caught, self.cr.savepoint():
            self.env["integration.connection"].create({**vals, "test_document": "{ shop { name }"})
        self.assertIn("is not closed", str(caught.exception))
        with self.assertRaises(ValidationError), self.cr.savepoint():
            self.env["integration.connection"].create({**vals, "test_document": CREATE})
        self.env["integration.connection"].create({**vals, "test_document": "{ shop { name } }"})

    def test_the_form_shows_the_document_of_graphql_only(self):
        form = Form(self.env["integration.operation"].with_context(default_resource_id=self.resource.id))
        self.assertTrue(form.is_graphql)
        form.format = "json"
        self.assertFalse(form.is_graphql)
        self.assertEqual(json.loads(self.listing().body), {"state": "open"})
