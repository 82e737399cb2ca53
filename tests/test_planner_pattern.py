"""The blueprint of the route planner against the sandbox: stops out, and what became of them back."""

import re

from odoo import Command
from odoo.tests import tagged

from odoo.addons.integration_flow.tools.first_import import connect_systems

from .common import FlowCase


@tagged("post_install", "-at_install")
class TestPlannerPattern(FlowCase):
    def setUp(self):
        super().setUp()
        if "stock.picking" not in self.env:
            self.skipTest("Inventory is not installed")
        # Deliveries that were there before are none of this test's.
        self.env["stock.picking"].search([("state", "in", ("confirmed", "assigned"))]).action_cancel()
        self.flows = self.from_blueprint("planner", {
            "planner": {"base_url": self.shop.url, "auth_secret_input": self.shop.api_key}})
        self.stops, self.results = self.flows["planner_stops"], self.flows["planner_results"]

    def call(self, method, name, body=None, query=""):
        status, _headers, answer = self.shop.call(method, f"/planner/v1/{name}?key={self.shop.api_key}{query}", body)
        self.assertEqual((status, answer["success"]), (200, True), answer)
        return answer

    def stop(self, picking):
        return self.call("POST", "get_orders", {"orders": [{"orderNo": picking.name}]})["orders"][0]

    def deliver(self, street="Rue Haute 1", hour=9):
        warehouse = self.env["stock.warehouse"].search([("company_id", "=", self.env.company.id)], limit=1)
        product = self.env["product.product"].create({"name": "Lamp", "is_storable": True})
        self.env["stock.quant"]._update_available_quantity(product, warehouse.lot_stock_id, 5)
        partner = self.env["res.partner"].create({
            "name": "Ann", "street": street, "zip": "1000", "city": "Brussels", "country_id": self.env.ref("base.be").id})
        picking = self.env["stock.picking"].create({
            "partner_id": partner.id, "picking_type_id": warehouse.out_type_id.id, "origin": "S42",
            "location_id": warehouse.lot_stock_id.id, "location_dest_id": self.env.ref("stock.stock_location_customers").id,
            "scheduled_date": f"2027-01-04 {hour:02d}:00:00",
            "move_ids": [Command.create({
                "product_id": product.id, "product_uom_qty": 2, "location_id": warehouse.lot_stock_id.id,
                "location_dest_id": self.env.ref("stock.stock_location_customers").id})]})
        picking.action_confirm()
        picking.action_assign()
        picking.scheduled_date = f"2027-01-04 {hour:02d}:00:00"
        return picking

    def test_a_delivery_becomes_one_stop(self):
        """The answer to its creation is lost: it is found by its number, and there once."""
        self.shop.fault("cut_after", method="POST", path="/create_order")
        picking = self.deliver(hour=14)
        for _ in range(3):
            self.work(self.stops.connection_id)
            self.make_due(self.stops)
        stop = self.stop(picking)
        self.assertSyncs(self.stops, {stop["id"]: "synced"})
        self.assertEqual(stop["data"]["location"], {"address": "Rue Haute 1, 1000 Brussels, Belgium", "locationName": "Ann"})
        self.assertEqual((stop["data"]["date"], stop["data"]["timeWindows"], stop["data"]["notes"]),
                         ("2027-01-04", [{"twFrom": "12:00", "twTo": "18:00"}], "S42"))
        self.assertEqual((self.shop.counts()["doubled"], self.shop.counts()["faults"]), ({}, {"cut_after": 1}))
        picking.scheduled_date = "2027-01-05 09:00:00"
        self.work(self.stops.connection_id)
        self.assertEqual(self.stop(picking)["data"]["date"], "2027-01-05")

    def test_an_address_that_is_not_found(self):
        picking, good = self.deliver(street="Rue 1"), self.deliver(street="Rue 2")
        picking.partner_id.write({"street": False, "zip": False, "city": False, "country_id": False})
        self.work(self.stops.connection_id)
        sync = self.env["integration.sync"].search([("flow_id", "=", self.stops.id), ("res_id", "=", picking.id)])
        self.assertFailed(sync, "validation", "The address could not be found")
        self.assertTrue(self.stop(good)["success"], "the other one is planned")

    def test_a_cancelled_delivery_is_driven_to_by_nobody(self):
        picking, kept, unknown = self.deliver(), self.deliver(), self.deliver()
        self.work(self.stops.connection_id)
        self.call("POST", "delete_order", {"orderNo": unknown.name})  # the dispatcher was faster
        (picking | unknown).action_cancel()
        self.shop.fault("cut_after", method="POST", path="/delete_order", times=1)
        for _ in range(2):
            self.work(self.stops.connection_id)
            self.make_due(self.flows["planner_cancel"])
        self.assertFalse(self.stop(picking)["success"])
        self.assertTrue(self.stop(kept)["success"])
        syncs = self.env["integration.sync"].search([("flow_id", "=", self.flows["planner_cancel"].id)])
        self.assertFalse(unknown.message_ids.filtered(lambda message: "taken out" in message.body))
        self.assertEqual(set(syncs.mapped("res_id")), set((picking | unknown).ids))
        self.assertEqual(set(syncs.mapped("state")), {"synced"})

    def test_completion_with_note_and_photos_comes_back(self):
        picking, other = self.deliver(), self.deliver()
        picking.user_id = other.user_id = self.env.user
        self.work(self.stops.connection_id)
        self.call("POST", "start_planning", {"date": "2027-01-04"})
        self.run_flow(self.results)
        drivers = self.env["integration.value.map"].search([("code", "=", "planner_drivers")])
        self.assertEqual(drivers.line_ids.mapped("external_value"), ["001"], "who is not known waits to be entered")
        self.assertEqual((picking.user_id, picking.state), (self.env.user, "assigned"), "and keeps nothing else back")
        dana = self.env["res.users"].create({"name": "Dana Driver", "login": "dana"})
        drivers.line_ids.res_id = dana.id
        self.run_flow(self.results)
        self.assertEqual(picking.user_id, dana)
        numbers = [re.search(r"Dana Driver, stop (\d+)", stop.note)[1] for stop in (picking, other)]
        self.assertEqual(sorted(numbers), ["1", "2"], "whoever of the two comes first")
        self.assertEqual(picking.state, "assigned")
        photos = [f"{self.shop.url}/planner/v1/photos?name={name}" for name in ("door", "gone", "parcel")]
        self.call("POST", "sandbox/drive", {
            "orderNo": picking.name, "status": "success", "note": "Left <b>at door</b>",
            "images": [*photos, "http://pod.example.com/1.jpg"]})
        self.call("POST", "sandbox/drive", {"orderNo": other.name, "status": "failed", "note": "Nobody home"})
        self.run_flow(self.results)
        self.assertEqual((picking.state, picking.move_ids.quantity), ("done", 2))
        self.assertIn("Left &lt;b&gt;at door", picking.note)
        self.assertIn('href="http://pod.example.com/1.jpg"', picking.note)
        self.assertEqual(other.state, "assigned")
        self.assertIn("Nobody home", other.note)
        self.assertEqual(self.photos(picking), {"Photo 1.png": b"door", "Photo 3.png": b"parcel"},
                         "what is gone, or on another server, stays a link")

    def photos(self, record):
        """What each attached photo ends with."""
        found = self.env["ir.attachment"].search([("res_model", "=", record._name), ("res_id", "=", record.id)])
        return {photo.name: photo.raw.rpartition(b"IEND")[2][4:] for photo in found}

    def test_each_photo_once(self):
        """A stop that failed is asked about again and again: its photos are read once, later ones as they come."""
        picking = self.deliver()
        self.work(self.stops.connection_id)

        def drive(*names):
            self.call("POST", "sandbox/drive", {
                "orderNo": picking.name, "status": "failed", "note": "Nobody home",
                "images": [f"/planner/v1/photos?name={name}" for name in names]})
            self.shop.clear_counts()
            self.run_flow(self.results)
            return [call["target"] for call in self.shop.requests() if "/photos" in call["target"]]

        self.assertEqual(len(drive("door", "bell")), 2)
        self.assertEqual(drive("door", "bell"), [])
        self.assertEqual(len(drive("door", "bell", "gone", "street")), 2)
        self.assertEqual(self.photos(picking), {"Photo 1.png": b"door", "Photo 2.png": b"bell", "Photo 4.png": b"street"})
        self.shop.fault("server_error", path="/photos", times=1)
        drive("door", "bell", "gate")
        sync = self.env["integration.sync"].search([("flow_id", "=", self.results.id)])
        self.assertEqual(sync.state, "waiting", "a server in trouble is asked again")
        self.make_due(self.results)
        self.work(self.results.connection_id)
        self.assertEqual(self.photos(picking)["Photo 3.png"], b"gate")


@tagged("post_install", "-at_install")
class TestImportedByClick(FlowCase):
    """As ``./dev run`` leaves it: the other systems are connected, and a technical administrator presses two buttons."""

    def click(self, code, user):
        offer = self.env["integration.blueprint.offer"].search([("code", "=", code)]).with_user(user)
        wizard = self.env["integration.blueprint.import"].with_user(user).browse(offer.action_import()["res_id"])
        return {flow.code: flow for flow in self.env["integration.flow"].search(wizard.action_import()["domain"])}

    def test_two_patterns_from_card_to_live(self):
        if "stock.picking" not in self.env or "crm.lead" not in self.env:
            self.skipTest("Inventory and CRM are not installed")
        for connection in connect_systems(self.env, self.shop.url):
            self.press(connection.action_test)
        user = self.make_user(
            "consultant", "integration_flow.group_integration_secrets,base.group_partner_manager,"
            "stock.group_stock_manager,sales_team.group_sale_manager,product.group_product_manager", name="Consultant")
        flows = {**self.click("planner", user), **self.click("crm", user)}
        self.assertEqual({flow.connection_id.base_url for flow in flows.values()}, {self.shop.url})
        for code in ("planner_stops", "crm_companies", "crm_leads"):
            flow = flows[code].with_user(user)
            flow.test_case_ids.action_run()
            self.assertEqual(flow.test_case_ids.filtered(
                lambda case: case.last_result != "passed").mapped("last_message"), [], code)
            flow.write({"business_owner_id": user.id, "records_in_per_day": 20, "records_out_per_day": 20,
                        "records_in_all": 500})
            flow.action_agree()
            self.env.invalidate_all()
            self.assertEqual([item["text"] for item in flow.readiness_items if not item["ok"]], [], code)
            flow.action_go_live()
        self.assertEqual(flows["crm_leads"].state, "live")

    def test_the_crm_beside_a_shop(self):
        """What the page says about two patterns that own the same field."""
        if "crm.lead" not in self.env or "delivery.carrier" not in self.env:
            self.skipTest("CRM and Delivery are not installed")
        flows = self.env["integration.blueprint"]._apply_file("crm")
        shop = self.env["integration.blueprint"]._apply_file("woocommerce")
        for code in ("woo_customers", "woo_guests"):
            shop[code].action_test_mode()
        people = flows["crm_contacts"]
        [clash] = people._problems()
        people.domain = people.domain[:-1] + ", '!', ('category_id.name', '=', 'Shop customer')]"
        self.assertEqual(people._problems(), [])
