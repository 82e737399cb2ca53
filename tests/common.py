"""What the Odoo tests share: a sandbox shop for each class, builders for flows, and the worker.

Nothing is mocked: flows read and write the sandbox (its own process) over real HTTP, and the worker runs as the
connection's scheduled action does. It runs on test cursors, so that what it commits is gone after the test.
"""

import json
from contextlib import contextmanager
from unittest.mock import patch

from odoo import fields
from odoo.tests import TransactionCase, new_test_user

from odoo.addons.integration_flow.sandbox.client import SandboxServer

API = "Sandbox shop"
PAGED = {
    "method": "GET", "paging_style": "page", "size_param": "per_page", "page_size": 100,
    "total_pages_header": "X-WP-TotalPages", "error_paths": "message",
    "query": {"orderby": "id", "order": "asc"},
}


class FlowTools:
    """Builders for flows, and looks at what came of them. Wants ``env``, ``shop`` and ``connection``."""

    # -- builders ------------------------------------------------------------------------------------------

    @classmethod
    def make_connection(cls, **vals):
        """A connection to the shop by API key."""
        return cls.env["integration.connection"].create({
            "name": "Shop", "api_name": API, "base_url": cls.shop.api, "web_url": cls.shop.url,
            "auth_type": "api_key_header", "auth_name": "X-API-Key", "auth_secret_input": cls.shop.api_key,
            "timeout_connect": 2, "timeout_read": 5, **vals,
        })

    @classmethod
    def make_resource(cls, code, operations=None, **vals):
        """A resource of the shop. ``operations``: {kind: vals}; a list of ``code`` by pages when left out."""
        path = vals.pop("path", code)
        if operations is None:
            operations = {
                "list": {"path": path, **PAGED},
                "read": {"path": f"{path}/{{id}}", "error_paths": "message"},
            }
        resource = cls.env["integration.resource"].create({
            "name": code.capitalize(), "code": code, "api_name": API, "id_path": "id", **vals})
        for kind, values in operations.items():
            values = {
                name: json.dumps(value) if isinstance(value, (dict, list)) else value for name, value in values.items()}
            cls.env["integration.operation"].create({"resource_id": resource.id, "kind": kind, **values})
        return resource

    @classmethod
    def make_flow(cls, model, rules, resource="customers", *, state="test", **vals):
        """A flow in Test between ``model`` and a resource (record, or code for a new plain one)."""
        if isinstance(resource, str):
            resource = cls.make_resource(
                resource, **{name: vals.pop(name) for name in ("operations", "updated_at_path", "version_path",
                                                               "name_path", "id_path", "path") if name in vals})
        flow = cls.env["integration.flow"].create({
            "name": vals.pop("name", f"{model} from {resource.code}"), "connection_id": cls.connection.id,
            "resource_id": resource.id, "model_id": cls.env["ir.model"]._get_id(model), "timing": "manual",
            "direction": "import", "tz": "UTC", "retry_jitter": 0, **vals,
        })
        cls.add_rules(flow, rules)
        flow.state = state
        return flow

    @classmethod
    def add_rules(cls, flow, rules, parent=None):
        """Rules as dicts, or tuples (Odoo field, external path, more vals). ``children`` are rules of lines."""
        made = cls.env["integration.field.rule"]
        for number, rule in enumerate(rules):
            if isinstance(rule, tuple):
                odoo_path, external_path, *more = rule
                rule = {"odoo_path": odoo_path, "external_path": external_path, **(more[0] if more else {})}
            rule = dict(rule)
            children = rule.pop("children", ())
            made += cls.env["integration.field.rule"].create({
                "flow_id": flow.id, "parent_id": parent.id if parent else False, "sequence": 10 * (number + 1), **rule})
            cls.add_rules(flow, children, made[-1])
        return made

    @classmethod
    def customer_flow(cls, rules=(), **vals):
        """Customers of the shop as contacts: name, e-mail (match key) and what ``rules`` add."""
        return cls.make_flow("res.partner", [
            ("name", "first_name", {"required": True}),
            ("email", "email", {"match_key": True}),
            *rules,
        ], **{"updated_at_path": "date_modified_gmt", "name_path": "email", **vals})

    @classmethod
    def from_blueprint(cls, name, connection_vals):
        """``{code: flow}`` of a blueprint that comes with the addon: in Test, and read when a test says so."""
        flows = cls.env["integration.blueprint"]._apply_file(name, connection_vals=connection_vals)
        for flow in flows.values():
            flow.retry_jitter = 0
            flow.action_test_mode()
            flow.next_run_at = False
        return flows

    def make_ready(self, flow):
        """Answer everything that a flow is asked before it may go live; returns its business owner, who has agreed."""
        owner = self.make_user(f"owner_{flow.id}", "integration_flow.group_integration_user")
        connections = flow.connection_id
        if connections.environment != "sandbox":
            connections += self.make_connection(name="Sandbox of it", environment="sandbox")
        connections.provider_contact = "support@shop.example.com"
        for connection in connections:
            connection.test_path = "customers"
            connection.action_test()
            self.assertTrue(connection.test_ok, connection.test_result)
        flow.resource_id.sample_payload = flow.resource_id.sample_payload or '{"id": 1}'
        flow.write({
            "purpose": "Customers are typed once.", "frequency_reason": "Nobody waits for them.",
            "users_see": "A contact with the address of the shop.", "business_owner_id": owner.id,
            "records_in_per_day": 20, "records_out_per_day": 20, "records_in_all": 500})
        if "integration.test.case" in self.env:
            self.env["integration.test.case"].create(
                {"flow_id": flow.id, "name": "A customer", "payload": '{"id": 1}', "last_result": "passed"})
        flow.with_user(owner).action_agree()
        return owner

    @classmethod
    def make_user(cls, login, groups="base.group_user", **vals):
        return new_test_user(cls.env, login, groups=groups, **vals)

    # -- the shop ------------------------------------------------------------------------------------------

    def put_customers(self, *records):
        """Customers straight into the shop, as they are."""
        self.shop.load("customers", [
            {"date_modified_gmt": "2026-01-01T10:00:00", **record} if isinstance(record, dict) else record
            for record in records])

    # -- the worker ----------------------------------------------------------------------------------------

    def work(self, connection=None):
        """Let the connection's scheduled action do all that is due, on test cursors."""
        connection = connection or self.connection
        self.env.cr.flush()  # what a commit does first: flush, then capture
        with self.enter_registry_test_mode():
            problem = connection.sudo().cron_id.method_direct_trigger()
        self.env.invalidate_all()
        self.assertIs(problem, True, "the scheduled action itself never fails")

    def run_flow(self, *flows, full=False):
        """Open a run of each flow and work; returns the run of the last flow."""
        for flow in flows:
            run = flow._open_run("button", full=full)
        self.work(flows[-1].connection_id)
        return run

    def receive(self, flow, *customers, full=True):
        """Put customers into the shop and import them; returns the flow's sync records by external ID."""
        self.put_customers(*customers)
        self.run_flow(flow, full=full)
        return self.syncs(flow)

    def press(self, call):
        """Call a button with the registry in test mode, as an HTTP request would."""
        self.env.cr.flush()  # what a commit does first: flush, then capture
        with self.enter_registry_test_mode():
            result = call()
        self.env.invalidate_all()
        return result

    def make_due(self, flow):
        """Time passes: what waits for a moment is due now."""
        self.env.flush_all()
        past = fields.Datetime.subtract(fields.Datetime.now(), seconds=1)
        self.env.cr.execute(
            "UPDATE integration_sync SET due_at = %s WHERE flow_id = %s AND due_at IS NOT NULL", [past, flow.id])
        self.env.cr.execute(
            "UPDATE integration_run SET next_try_at = %s WHERE flow_id = %s AND next_try_at IS NOT NULL", [past, flow.id])
        self.env.cr.execute(
            "UPDATE integration_connection SET retry_at = NULL, circuit_probe_at = CASE WHEN circuit_probe_at IS NOT NULL "
            "THEN %s::timestamp END WHERE id = %s", [past, flow.connection_id.id])
        self.env.invalidate_all()

    # -- what came of it -----------------------------------------------------------------------------------

    def syncs(self, flow):
        """``{external ID: sync record}``"""
        return {sync.external_id: sync for sync in self.env["integration.sync"].search([("flow_id", "=", flow.id)])}

    def states(self, flow):
        """``{external ID: state}``"""
        return {external_id: sync.state for external_id, sync in self.syncs(flow).items()}

    def records(self, flow):
        """``{external ID: linked Odoo record}``"""
        links = self.env["integration.link"].search([
            ("connection_id", "=", flow.connection_id.id), ("resource_id", "=", flow.resource_id.id),
            ("line_rule_id", "=", False)])
        return {link.external_id: self.env[flow.model_name].browse(link.res_id) for link in links}

    def logs(self, sync, outcome=None):
        """Log lines of a sync record, oldest first."""
        domain = [("sync_id", "in", sync.ids)]
        if outcome:
            domain.append(("outcome", "=", outcome))
        return self.env["integration.log"].search(domain, order="id")

    def assertSyncs(self, flow, states):
        """All sync records of a flow have these states: {external ID: state}; the first error is told."""
        found = self.syncs(flow)
        problems = [
            f"{key}: {sync.state} {sync.error_class or ''} {sync.error_message or ''} {(sync.error_detail or '')[-600:]}"
            for key, sync in found.items() if sync.state != states.get(key)]
        self.assertEqual({key: sync.state for key, sync in found.items()}, states, "\n".join(problems))

    def assertFailed(self, sync, error_class, *pieces):
        """The record failed with this class, and a person reads all of ``pieces`` in message or hint."""
        text = f"{sync.error_message} {sync.error_hint}"
        self.assertEqual((sync.state, sync.error_class), ("failed", error_class), f"{text}\n{sync.error_detail}")
        for piece in pieces:
            self.assertIn(piece, text)
        self.assertTrue(sync.error_hint, "every failure says what to do")
        self.assertFalse(sync.due_at, "what a person has to repair is not tried again by itself")

    @contextmanager
    def refuses(self, exception, text):
        """``assertRaises`` (which rolls back) and the text that people read."""
        with self.assertRaises(exception) as caught:
            yield
        self.assertIn(text, str(caught.exception))

    @contextmanager
    def watch(self, model, *methods):
        """Record the calls of ORM methods on a model: ``with self.watch('res.partner', 'write') as calls``."""
        calls = []
        cls = self.registry[model]

        def watched(name):
            original = getattr(cls, name)

            def method(records, *args, **kwargs):
                calls.append((name, records.ids, args))
                return original(records, *args, **kwargs)
            return method

        patches = [patch.object(cls, name, watched(name)) for name in methods]
        for each in patches:
            each.start()
        try:
            yield calls
        finally:
            for each in patches:
                each.stop()


class FlowCase(FlowTools, TransactionCase):
    """A test against the sandbox shop. ``seed`` says what is in it; flags are those of the sandbox's command line.

    Each test begins with a fresh shop, a connection to it, and no flow.
    """

    seed = "empty"
    shop_flags: dict = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Odoo ends all child processes after each class, so a shop cannot live longer.
        cls.shop = SandboxServer(**{"seed": "empty", "max_per_page": 500, **cls.shop_flags}).start()
        cls.addClassCleanup(cls.shop.stop)
        cls.connection = cls.make_connection()

    def setUp(self):
        super().setUp()
        self.shop.settings(rate_limit=None, latency_ms=0, modified_skew=0, max_per_page=500)
        self.shop.reset(self.seed)
