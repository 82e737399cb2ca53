"""What the tests of the way out share: flows that write to the sandbox shop, and what the shop heard of them."""

import json

from odoo import Command

from .common import PAGED, FlowCase

FIND = {"method": "GET", "path": "customers", "query": {"email": "{value}"}, "error_paths": "message"}
READ = {"method": "GET", "path": "customers/{id}", "error_paths": "message"}
CREATE = {
    "method": "POST", "path": "customers", "idempotency_header": "Idempotency-Key", "error_paths": "message"}
UPDATE = {"method": "PUT", "path": "customers/{id}", "idempotent": True, "error_paths": "message"}
DELETE = {"method": "DELETE", "path": "customers/{id}", "query": {"force": "true"}, "error_paths": "message"}
LIST = {"path": "customers", **PAGED}


class ExportTools:
    """Contacts whose reference begins with ``X`` go to the customers of the shop, as soon as they change."""

    @classmethod
    def operations(cls, *kinds, **changes):
        """Operations of the shop's customers; ``changes``: {kind: vals or None to leave it out}."""
        known = {"list": LIST, "find": FIND, "read": READ, "create": CREATE, "update": UPDATE, "delete": DELETE}
        kinds = kinds or ("list", "read", "create", "update", "delete")
        return {kind: {**known[kind], **(changes.get(kind) or {})} for kind in kinds}

    @classmethod
    def out_flow(cls, rules=(), operations=None, **vals):
        """Customers of the shop from contacts; the e-mail is the match key."""
        direction = vals.setdefault("direction", "export")
        owner = {"owner": vals.pop("owner")} if "owner" in vals else {"owner": "odoo"} if direction == "export" else {}
        resource = cls.make_resource(
            "customers" if not cls.env["integration.resource"].search([("code", "=", "customers")])
            else f"customers{len(cls.env['integration.resource'].search([]))}",
            operations or cls.operations(), updated_at_path="date_modified_gmt", name_path="email", path="customers")
        return cls.make_flow("res.partner", [
            ("name", "first_name", {"required": True, **owner}),
            ("email", "email", {"match_key": True, **owner}),
            *rules,
        ], resource, **{
            "domain": "[('ref', '=like', 'X%')]", "timing": "live", "create_in_external": True, "log_level": "all", **vals})

    def partner(self, name="Ann", **vals):
        login = vals.pop("login", name.lower().replace(" ", "."))
        return self.env["res.partner"].create({
            "name": name, "email": f"{login}@example.com", "ref": f"X-{name}", **vals})

    def partners(self, count, **vals):
        return self.env["res.partner"].create([
            {"name": f"P{number}", "email": f"p{number}@example.com", "ref": f"X-{number}", **vals}
            for number in range(count)])

    # -- orders with lines ---------------------------------------------------------------------------------

    @property
    def lamp(self):
        lamp = self.env["product.product"].search([("default_code", "=like", "LAMP%")], limit=1)
        return lamp or self.env["product.product"].create({"name": "Lamp", "default_code": "LAMP", "list_price": 10})

    def order_flow(self, children=(), **vals):
        return self.make_flow("sale.order", [
            ("client_order_ref", "customer_note", {"owner": "odoo"}),
            {"kind": "lines", "odoo_path": "order_line", "external_path": "line_items", "owner": "odoo", "children": [
                ("product_id.default_code", "sku"), ("name", "name"),
                ("product_uom_qty", "quantity", {"transform": "number"}), *children]},
        ], "orders", **{
            "direction": "export", "timing": "live", "create_in_external": True,
            "domain": "[('client_order_ref', '=like', 'X%')]", "operations": {
                "create": {"method": "POST", "path": "orders", "error_paths": "message"},
                "update": {"method": "PUT", "path": "orders/{id}", "idempotent": True, "error_paths": "message"}},
            **vals})

    def order(self, **vals):
        partner = self.env["res.partner"].create({"name": "Buyer"})
        return self.env["sale.order"].create({
            "partner_id": partner.id, "client_order_ref": "X-1",
            "order_line": [Command.create({"product_id": self.lamp.id, "product_uom_qty": 3})], **vals})

    # -- what came of it -----------------------------------------------------------------------------------

    def sync(self, flow, record):
        return self.env["integration.sync"].search([("flow_id", "=", flow.id), ("res_id", "=", record.id)])

    def written_calls(self, method=None):
        """What the shop was asked to change since the last look: [(method, target, body)]."""
        calls = [
            (call["method"], call["target"].partition("/wc/v3/")[2], json.loads(call["body"] or "null"))
            for call in self.shop.requests()
            if call["method"] not in ("GET", "HEAD") and "/wc/v3/" in call["target"]
            and (method is None or call["method"] == method)]
        self.shop.clear_counts()
        return calls

    def hold(self, connection):
        """Nothing is called, but what was captured is drained."""
        self.env.cr.execute("UPDATE integration_flow SET state = 'paused' WHERE connection_id = %s", [connection.id])
        self.env.invalidate_all()

    def assertState(self, flow, record, state, error_class=False):
        sync = self.sync(flow, record)
        self.assertEqual(
            (sync.state, sync.error_class), (state, error_class),
            f"{sync.error_message} {sync.error_hint} {(sync.error_detail or '')[-800:]}")
        return sync


class ExportCase(ExportTools, FlowCase):
    """Flows to the shop on test cursors."""
