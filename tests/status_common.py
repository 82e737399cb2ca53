"""What the tests of statuses share: orders of the shop as sales orders, with a table of statuses."""

from odoo import Command

from .common import PAGED
from .export_common import ExportCase

ORDER_LIST = {"path": "orders", **PAGED}
ORDER_OPERATIONS = {
    "list": ORDER_LIST,
    "read": {"path": "orders/{id}", "error_paths": "message"},
    "update": {"method": "PUT", "path": "orders/{id}", "idempotent": True, "error_paths": "message"},
}
# status → (step, stage or None, allowed from, action)
SHOP_STATUSES = {
    "pending, on-hold": (10, None, "", ""),
    "processing": (20, "sale", "draft sent", "sale.order:action_confirm"),
    "completed": (30, "sale", "sale", "sale.order:action_lock"),
    "cancelled": (90, "cancel", "draft sent sale", "sale.order:action_cancel"),
}


class StatusCase(ExportCase):
    def setUp(self):
        super().setUp()
        if "sale.order" not in self.env:
            self.skipTest("Sales is not installed")
        self.buyer = self.env["res.partner"].create({"name": "Buyer", "ref": "BUYER"})

    def add_statuses(self, flow, table, side="in"):
        """``table``: {statuses: (step, stage, allowed from, action)}, or {stage: status} for what is sent."""
        stages = {stage.value: stage.id for stage in flow.status_stage_ids}
        made = self.env["integration.status.rule"]
        for key, value in table.items():
            if side == "out":
                vals = {"stage_id": stages[key], "external_status": value}
            else:
                step, stage, allowed, action = value
                vals = {
                    "external_status": key, "sequence": step, "effect": "stage" if stage or action else "none",
                    "stage_id": stages[stage] if stage else False, "action": action or "write",
                    "from_stage_ids": [Command.set([stages[one] for one in allowed.split()])]}
            made += made.create({"flow_id": flow.id, "side": side, **vals})
        return made

    def shop_flow(self, table=None, sends=None, **vals):
        """Orders of the shop as sales orders of one buyer, with their statuses."""
        flow = self.make_flow("sale.order", [
            ("client_order_ref", "customer_note", {"match_key": True}),
            ("partner_id", "'BUYER'", {"transform": "lookup", "lookup_field": "ref", "required": True,
                                    "direction": "import"}),
        ], "orders", **{
            "operations": ORDER_OPERATIONS, "updated_at_path": "date_modified_gmt", "name_path": "number",
            "log_level": "changes", "status_field": "state", "status_path": "status",
            **({"direction": "both"} if sends else {}), **vals})
        self.add_statuses(flow, SHOP_STATUSES if table is None else table)
        self.add_statuses(flow, sends or {}, "out")
        return flow

    def place(self, *statuses):
        """Orders in the shop with these statuses; returns their ids as text."""
        return [str(self.shop.create("orders", body={"status": status, "customer_note": f"N{number}"})[0])
                for number, status in enumerate(statuses)]

    def turn(self, key, status, **changes):
        """The shop moves an order."""
        self.shop.touch("orders", ids=[int(key)], changes={"status": status, **changes})

    def bring(self, flow):
        self.run_flow(flow, full=True)
        return self.syncs(flow), self.records(flow)
