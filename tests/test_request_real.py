"""A request by button with real transactions: the button's own one cannot see what the engine has made meanwhile."""

import json

from odoo.tests import tagged

from .carrier import Carrier
from .real import RealCase


@tagged("-standard", "integration_flow_real", "post_install", "-at_install")
class TestRequestReal(RealCase):
    def setUp(self):
        super().setUp()
        self.carrier = Carrier()
        self.addCleanup(self.carrier.stop)
        self.addCleanup(self._point_to, self.connection.base_url)
        self._point_to(self.carrier.url)

    def _point_to(self, url):
        self.look()
        self.connection.base_url = url
        self.cr.commit()

    def flow(self):
        resource = self.make_resource("shipments", {"read": {"path": "shipments/{id}"}, "find": {
            "path": "shipments", "query": {"reference": "{value}"}}})
        for name, vals in (
                ("draft", {"path": "shipments"}), ("buy", {"path": "shipments/{id}/buy"})):
            self.env["integration.operation"].create({
                "resource_id": resource.id, "kind": "action", "name": name, "method": "POST",
                "error_paths": "message", **vals})
        flow = self.make_flow("res.partner", [
            ("city", "to.city", {"direction": "export"}),
            ("ref", "reference", {"direction": "export", "match_key": True}),
            ("street", "tracking", {"direction": "import"}),
        ], resource, state="draft", direction="request", request_effect="create")
        for operation in resource.operation_ids.filtered("name"):
            self.env["integration.request.step"].create({
                "flow_id": flow.id, "sequence": operation.id, "operation_id": operation.id,
                "body": json.dumps({"rate": "r1"}) if operation.name == "buy" else False,
                "done_path": "status != 'draft'" if operation.name == "buy" else False})
        flow.action_test_mode()
        return flow

    def test_the_first_press_shows_its_outcome(self):
        flow = self.flow()
        good, bad = self.env["res.partner"].create([
            {"name": "Parcel", "city": "Ghent", "ref": "X1"}, {"name": "Nowhere", "ref": "X2"}])
        self.cr.commit()
        self.assertEqual(good.street, False)  # the transaction of the button has begun
        result = flow._request_records(good)
        self.assertEqual(result["params"]["type"], "success", result["params"]["message"])
        result = flow._request_records(bad)
        self.assertEqual(result["params"]["type"], "danger")
        self.assertIn("to.city is missing", result["params"]["message"])
        self.cr.rollback()
        self.env.invalidate_all()
        self.assertEqual(good.street, "T-s1", "whatever became of the button's transaction")
